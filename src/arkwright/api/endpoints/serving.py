"""Which settings a server can live with."""

from arkwright.core.errors import Invalid
from arkwright.core.ports import Serving

LONGEST_TIME, LONGEST_DRAIN = 24 * 60 * 60.0, 60 * 60.0  # seconds
SHORTEST_TIME = 1.0  # to load or to answer in: a process beside others may get no processor for nearly as long
SHORTEST_QUEUE_TIME = 0.01  # what one batch takes
LEAST_RATE, MOST_RATE = 0.001, 1e6  # requests a second: one in a quarter of an hour, and more than anybody can send
MOST_QUEUE, MOST_WORKERS = 65_536, 256


def check(how: Serving) -> None:
    """Raises Invalid for what cannot be, or is of no use to anybody, and says what can."""
    for port in (how.port, how.grpc_port or 0):
        if not 0 <= port < 65536:
            raise Invalid(f"{port} is no port; a port lies between 0 (any free one) and 65535")
    if not 1 <= how.workers <= MOST_WORKERS:
        raise Invalid(
            f"{how.workers} workers cannot be; take 1 to {MOST_WORKERS}, at most one for each processor is of use"
        )
    if how.rate is not None and not LEAST_RATE <= how.rate <= MOST_RATE:
        raise Invalid(f"a rate of {how.rate:g} requests a second is none; take {LEAST_RATE:g} to {MOST_RATE:,.0f}")
    if not SHORTEST_TIME <= how.load_time <= LONGEST_TIME:
        raise Invalid(f"no release loads in {how.load_time:g} s; take {SHORTEST_TIME:g} s to a day")
    if not SHORTEST_TIME <= how.answer_time <= LONGEST_TIME:
        raise Invalid(f"no model answers in {how.answer_time:g} s; take {SHORTEST_TIME:g} s to a day")
    if not 1 <= how.queue <= MOST_QUEUE:
        raise Invalid(f"a queue of {how.queue} requests cannot be; take 1 to {MOST_QUEUE}")
    if not SHORTEST_QUEUE_TIME <= how.queue_time <= LONGEST_TIME:
        raise Invalid(f"nobody can wait for {how.queue_time:g} s; take {SHORTEST_QUEUE_TIME:g} s to a day")
    if not 0 <= how.drain_delay <= LONGEST_DRAIN:
        raise Invalid(f"a server cannot go on accepting for {how.drain_delay:g} s; take 0 to an hour of them")
