"""Where in a label log that is full the labels of a request are, so that those of some are found without reading all.

`NUMBER.index` beside `NUMBER.log`: numbers of 64 bits, first the size of the log, then in order, for each label, a hash
of its id (the upper half) and where its block begins (the lower one). Without one the log is read as a whole.
"""

import io
import logging
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt

from arkwright.core.errors import Corrupt
from arkwright.serve.tap.files import write_whole
from arkwright.serve.tap.labels import FOLDER, files, placed

log = logging.getLogger("arkwright.serve")
LARGEST = 1 << 32  # bytes of a log, so that a place has 32 bits
Numbers = npt.NDArray[np.uint64]


def make(folder: Path) -> None:
    """Of every log that is full: all but the newest. `folder`: of the endpoint."""
    for path in files(folder / FOLDER)[:-1]:
        if path.stat().st_size < LARGEST and _read(path) is None:
            keys = (crc32(id_.encode()) << 32 | begin for begin, block in placed(path) for id_, *_ in block)
            try:
                found = np.fromiter(keys, np.uint64)
            except Corrupt as error:
                log.warning("labels are looked for without an index: %s", error)
                continue
            found.sort()
            made = io.BytesIO()
            np.save(made, np.append(np.uint64(path.stat().st_size), found))
            write_whole(path.with_suffix(".index"), made.getvalue())


def numbered(ids: Iterable[str]) -> Numbers:
    """(n,) a number of 64 bits for each, its upper half as in an index. Those of two may be the same, as halves alone
    are in a week of 100,000 an hour many times over.
    """
    written = [id_.encode() for id_ in ids]
    upper, lower = (np.fromiter(map(crc32, some), np.uint64) for some in (written, (one[::-1] for one in written)))
    return upper << np.uint64(32) | lower


def ascending(numbers: Numbers) -> Numbers:
    """Each once. It sorts, where `np.unique` hashes and takes many times as long."""
    found = np.sort(numbers)
    return found[np.append(True, found[1:] != found[:-1])] if len(found) else found


def are_in(known: Numbers, wanted: Numbers) -> npt.NDArray[np.bool_]:
    """(n,) whether each of those wanted is one of the known, which are ascending."""
    if not len(known):
        return np.zeros(len(wanted), np.bool_)
    found: npt.NDArray[np.bool_] = known[np.minimum(np.searchsorted(known, wanted), len(known) - 1)] == wanted
    return found


def places(path: Path, requests: Numbers) -> list[int] | None:
    """Where the blocks begin in which labels of the requests with these numbers are; None where nobody knows."""
    found, hashes = _read(path), requests >> np.uint64(32) << np.uint64(32)
    if found is None:
        return None
    begins = np.searchsorted(found[1:], hashes) + 1
    counts = np.searchsorted(found[1:], hashes + np.uint64(LARGEST - 1), "right") + 1 - begins
    firsts = np.repeat(begins - np.cumsum(counts) + counts, counts)  # each of them, as often as there are labels
    places: list[int] = np.unique(found[firsts + np.arange(len(firsts))] & np.uint64(LARGEST - 1)).tolist()
    return places


def _read(path: Path) -> Numbers | None:
    """None as well for one of a log that has another size by now."""
    try:
        found: Numbers = np.asarray(np.load(path.with_suffix(".index"), mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return None
    return found if found.dtype == np.uint64 and len(found) and found[0] == path.stat().st_size else None
