"""Where each number lies in the mapped file. Everything is counted in words of eight bytes.

- head: magic, version of the layout, number of slots, number of records
- records, one per series: who it is, as JSON, and what part of the traffic it has
- slots, one per worker: a block about the process, then a block for each record
"""

KINDS = ("predict", "infer", "grpc", "other")
CODES = (
    200, 400, 403, 404, 405, 406, 408, 409, 413, 414, 415, 417, 422, 429, 431, 499, 500, 501, 503, 504, 505, 507,
)  # fmt: skip
CODE_NAMES = (*map(str, CODES), "other")
PREDICT, INFER, GRPC, OTHER_KIND = (kind * len(CODE_NAMES) for kind in range(len(KINDS)))  # offsets in a block
CODE_AT = bytes(CODES.index(code) if code in CODES else len(CODES) for code in range(1000))

# six bounds to a decade: a percentile read from them is wrong by a fifth at most
LATENCY_BOUNDS = tuple(
    bound
    for exponent in range(-5, 2)
    for step in (1, 1.5, 2, 3, 5, 7)
    if 50e-6 <= (bound := float(f"{step}e{exponent}")) <= 10
)
BATCH_BOUNDS = tuple(2**i for i in range(13))  # rows in one run of the model

MAGIC, LAYOUT = int.from_bytes(b"ARKCOUNT", "little"), 3
MAGIC_AT, LAYOUT_AT, SLOTS_AT, COUNT_AT = range(4)
HEAD = 64

RECORD, RECORDS = 64, 512  # words of one; how many releases one run of a server can tell apart
RETIRED_AT, CURRENT_AT, VERSION_AT, SHARE_AT, TEXT_AT = range(5)
SHOWN = 128  # series in an answer at most; the rest are told as one
NOBODY, OTHERS = 0, 1  # the two records that every file has

BLOCK = 216
REQUESTS = 0
LATENCY = REQUESTS + len(KINDS) * len(CODE_NAMES)
BATCH = LATENCY + len(LATENCY_BOUNDS) + 1
SHADOW_ANSWERS = BATCH + len(BATCH_BOUNDS) + 1  # a shadow answers nobody: kept apart from what callers got
SHADOW_LATENCY = SHADOW_ANSWERS + len(CODE_NAMES)
_REST = SHADOW_LATENCY + len(LATENCY_BOUNDS) + 1
(
    LATENCY_SUM, BATCH_SUM, ROWS, IN_FLIGHT, QUEUE_AGE, SHADOW_RUNS, SHADOW_DROPS, SHADOW_SUM, SHADOW_ROWS, TAP_RECORDS,
    TAP_DROPS, TAP_LEFT_OUT, RATE_LIMITED, END,
) = range(_REST, _REST + 14)  # fmt: skip
assert END < BLOCK
FLOATS = (LATENCY_SUM, SHADOW_SUM, QUEUE_AGE)
GAUGES = (IN_FLIGHT, QUEUE_AGE)

PID, STARTS, CPU, RESIDENT, LOG_LINES, LOG_FULL, LOG_FAILED, SPANS, SPANS_FULL, SPANS_FAILED, DIED, REPLACED = range(12)
SLOT = BLOCK * (1 + RECORDS)


def record_at(number: int) -> int:
    return HEAD + RECORD * number


def slot_at(slot: int) -> int:
    return HEAD + RECORD * RECORDS + SLOT * slot


def block_at(slot: int, number: int) -> int:
    return slot_at(slot) + BLOCK * (1 + number)
