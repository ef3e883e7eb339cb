"""How long work on a thread keeps the others of its process waiting."""

import gc
import sys
import threading
import time

SHORT = 0.1  # seconds: of less work a part is no long while


def longest_part(work, most, tries=12):
    """The longest while that nobody else went on, as a part of all the time that `work` takes: of the first try that
    stays below `most`, or of the best. By the processor time of this process; on a busy machine whoever waits is woken
    late now and then all the same, but not each time.
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)  # as a worker's
    gc.collect()
    gc.freeze()  # as a worker does; a test process holds much more
    try:
        best = 1.0
        for _ in range(tries):
            best = min(best, _part(work))
            if best < most:
                break
        return best
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


def _part(work):
    thread = threading.Thread(target=work)
    longest, start = 0.0, time.process_time()
    last, going = start, True
    thread.start()
    while going:
        time.sleep(0.0002)
        going, now = thread.is_alive(), time.process_time()
        longest, last = max(longest, now - last), now
    return longest / max(last - start, SHORT)
