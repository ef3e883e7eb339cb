"""What a server takes and how long it waits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    body: int = 64 * 2**20
    bodies: int = 512 * 2**20  # of all connections together
    headers: int = 16 * 2**10
    url: int = 8 * 2**10
    chunks: int = 65_536
    connections: int = 4096
    refused: int = 512  # beyond those, that are given a moment to read so; others are closed when it is written
    rate: float | None = None  # requests a second of one client, of all workers together
    queue: int = 2048  # requests that wait for one model
    queue_time: float = 5.0  # how long the first of them may wait
    header_time: float = 10.0
    body_idle: float = 15.0
    request_time: float = 60.0  # to send the whole request
    answer_time: float = 60.0  # to answer it; who computes for longer hangs
    idle: float = 60.0  # between requests
    slowest: int = 16 * 2**10  # bytes a second that a client takes of its answers, once it had `body_idle` for them
    unread: int = 256 * 2**20  # of answers that clients have not taken yet, of all connections together
    drain_delay: float = 0.0  # how long a stopping server still accepts: what a load balancer needs to notice
    drain_time: float = 30.0
