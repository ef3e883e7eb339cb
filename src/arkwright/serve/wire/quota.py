"""How many requests a client may send: the generic cell rate algorithm (ITU-T I.371), one number for each client."""

from math import ceil

from arkwright.serve.wire.messages import Problem

MOST_CLIENTS = 100_000


class Quota:
    """`rate` requests a second for each client, and at once as many as it may send in a second."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._ahead = max(1.0, self._gap)
        self._due: dict[str, float] = {}

    def wait(self, client: str, now: float) -> float:
        """0 when this request is within the quota, and counts; else the seconds until one will be."""
        due = max(self._due.get(client, now), now)
        if due - now > self._ahead - self._gap + 1e-9:
            return due - now - self._ahead + self._gap
        self._due[client] = due + self._gap
        return 0.0

    def check(self, client: str, now: float) -> None:
        """Count this request. Raises Problem (429) when the client has used up its quota."""
        if seconds := self.wait(client, now):
            later = b"Retry-After: %d\r\n" % max(1, ceil(seconds))
            raise Problem(429, "you sent more requests than one client may; send fewer, or later", later)

    def forget(self, now: float) -> None:
        """Let go of clients whose quota is whole again; of all when there are too many to remember."""
        if len(self._due) > MOST_CLIENTS:
            self._due.clear()
        elif len(self._due) > 1000:
            self._due = {client: due for client, due in self._due.items() if due > now}
