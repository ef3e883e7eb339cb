"""HTTP/1.1 on a raw asyncio protocol: whose turn it is, what is answered, and how long anything may take.

One connection answers one request at a time, in order. What a client sends before it has its answer waits as bytes,
unread, and the next turn is everybody else's: who sends a thousand at once gets one answer when others get one.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from functools import partial
from math import inf
from time import monotonic
from typing import Any, cast

from arkwright.serve.native import native
from arkwright.serve.wire.front import SWEEP, Front, Head
from arkwright.serve.wire.inflate import SMALL
from arkwright.serve.wire.left import AHEAD, LOOK, broken, ended
from arkwright.serve.wire.messages import GONE, LATE, Problem, Request, Response, called, come_again, id_line
from arkwright.serve.wire.outgoing import Outgoing
from arkwright.serve.wire.parted import parted
from arkwright.serve.wire.reader import LONGEST_HEAD, Reader
from arkwright.serve.wire.standing import Stand
from arkwright.serve.wire.taken import Taken, request_of
from arkwright.serve.wire.unread import acknowledged
from arkwright.serve.wire.whole import whole

CALLER = b"arkwright-caller"  # heard from our own gateway only
LINGER = 2.0  # seconds in which a refused sender may finish, so that it can read why
_GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b%b\r\n%b"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Outgoing):
    """One client. The clocks are infinite when they do not run."""

    __slots__ = (
        "_answer_by", "_at", "_busy", "_deaf", "_held", "_idle_by", "_paused", "_queue", "_reader",
        "_refused", "_rest", "_stepping", "_turning", "caller",
    )  # fmt: skip

    def __init__(self, front: Front, stand: Stand | None = None) -> None:
        """`stand`: how it stands, if it was another worker's connection."""
        super().__init__(front, stand)
        self._reader = Reader(front)
        self._queue: deque[Request | Response] = deque()
        self._busy: Request | None = None
        self._refused: Request | None = None  # what is known of what will be refused, for those who note it
        self._rest, self._at = b"", 0
        self._stepping = self._paused = self._held = self._deaf = self._turning = False
        self.caller = ""
        self._answer_by = inf
        self._idle_by = front.loop.time() + front.limits.header_time

    # what the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not registered as one
        self.caller = str((transport.get_extra_info("peername") or ("",))[0])
        front = self._front
        front.connections.add(self)
        self._stand.begin(transport.get_extra_info("socket").fileno())
        if len(front.connections) > front.limits.connections:
            self._refuse(Problem(503, "too many connections; try again", come_again()))
            if len(front.connections) > front.limits.connections + front.limits.refused:
                transport.close()  # behind what was written: its file is needed

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._stand.end()
        self._front.connections.discard(self)
        self._catch_up()
        self._reader.end()
        if self._busy is not None:
            self._busy.gone = GONE
            self._front.bodies -= len(self._busy.body)
        self._busy = self._transport = None
        self._forget_queue()

    def _forget_queue(self) -> None:
        self._front.bodies -= len(self._rest) + sum(len(item.body) for item in self._queue if isinstance(item, Request))
        self._queue.clear()
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._stand.came(len(data))
        if (native is not None and native.take(self, data)) or self._deaf:
            return
        if self._rest:
            data = self._rest[self._at :] + data
            self._front.bodies -= len(self._rest)
            self._keep(data, 0)
        else:
            self._look(data, 0)

    def eof_received(self) -> bool:
        """A client that shut its side down still gets the answers it waits for; most that end have left."""
        if self._busy is None and not self._queue:
            return False
        self._deaf = True
        self._queue.append(Response(0, b"", close=True))
        self._doubt(LOOK)
        return True

    def _doubt(self, again: float = SWEEP) -> None:
        """It will send no more: is it there?"""
        transport = self._transport
        if transport is None or self._busy is None or transport.is_closing():
            return
        if broken(transport):
            self.abort()
            return
        if not self._ahead and not self._paused:
            self._ahead = True
            transport.write(AHEAD)
        if again < SWEEP:
            self._front.loop.call_later(again, self._doubt, 2 * again)

    def pause_writing(self) -> None:
        self._paused = True
        self._fall_behind()
        self._hold()

    def resume_writing(self) -> None:
        self._paused = False
        self._turn()

    # from bytes to one request after the other

    def _look(self, data: bytes, at: int) -> None:
        """Take one request from these bytes; what is behind it waits until it is answered, and for its turn."""
        reader = self._reader
        if reader.clean:
            if self._busy is not None or self._queue or self._paused:
                self._keep(data, at)
                return
            if self._known(data, at):
                return
        while at < len(data) and not reader.whole and not reader.problem:
            at = reader.read(data, at)
            if reader.continues:
                self._say_continue()
        if reader.whole or not reader.clean:
            self._idle_by = inf
        if at < len(data) and not reader.problem:
            self._keep(data, at)
        while reader.whole:
            self._take(reader.whole.popleft())
        if reader.problem:
            self._refuse(reader.problem)

    def _known(self, data: bytes, at: int) -> bool:
        """Take a whole request whose head came before, but for what clients say anew byte by byte the same: it need not
        be parsed again.
        """
        front = self._front
        end = data.find(b"\r\n\r\n", at) + 4
        head = front.heads.get(data[at:end])
        headers = head.headers if head is not None else {}
        short = at < end <= at + min(LONGEST_HEAD, front.limits.headers)
        if head is None and short and (parts := parted(data[at:end])) and (head := front.heads.get(parts[0])):
            headers = head.headers | parts[1]
        if head is None or len(data) < end + head.length or front.bodies > front.limits.bodies:
            return False
        last = end + head.length
        if front.crowded and last == len(data) and self._shed(head, headers):
            return True
        if last < len(data):
            self._keep(data, last)
        self._idle_by = inf
        front.bodies += head.length
        request = Request(head.method, head.path, headers, data[end:last], head.keep_alive, head.old)
        request.way = head.way
        self._begin(request)
        return True

    def _shed(self, head: Head, headers: Mapping[bytes, bytes]) -> bool:
        """Refuse what would be refused anyhow, before anything is done for it."""
        front, transport = self._front, self._transport
        shed = front.crowded.get(head.path) if head.method == "POST" else None
        if shed is None or front.quota or front.draining or not head.keep_alive or head.old or transport is None:
            return False
        answer = shed(headers)
        if answer is None:
            del front.crowded[head.path]
            return False
        self._send(transport, answer, more=False)
        self._idle_by = front.now + front.limits.idle
        return True

    def _keep(self, data: bytes, at: int) -> None:
        """These bytes from `at` on are not looked at yet."""
        self._rest, self._at = data, at
        self._front.bodies += len(data)
        self._hold()

    def _take(self, request: Request) -> None:
        if self._busy is None and not self._queue and not self._paused and not self._stepping:
            self._begin(request)
        else:
            self._queue.append(request)

    def _begin(self, request: Request) -> None:
        front = self._front
        self._busy = request
        request.caller, request.received = self._whose(request) if front.gateway else self.caller, monotonic()
        self._answer_by = request.received + front.limits.answer_time
        if refused := front.refused(request) if front.quota else None:
            self._reply(request, refused)
        elif request.way is None or not request.way(request, self):
            self.long_way(request)

    def picked(self, taken: Taken, lane: Any) -> None:
        """Take a request that has its release, and is not plain."""
        request = self._busy = taken.request
        request.lane = lane
        if request.way is None or not request.way(request, self):
            self.long_way(request)

    def left(self, taken: Taken, lane: Any) -> None:
        """Take back a request that was plain, for the long way."""
        request = taken.request
        request.lane = lane
        if cast(Any, self._busy) is taken:
            self._busy = request
        self.long_way(request)

    def long_way(self, request: Request) -> None:
        """Give it to the handler."""
        self._front.handler(request, partial(self._reply, request))

    def _refuse(self, problem: Problem) -> None:
        """The last answer on this connection, after those that are due before it."""
        if self._deaf:
            return  # the last answer is said or queued already
        self._deaf = True
        self._reader.forget()
        response = problem.response(close=True)
        response.bare = self._reader.asks_for_head()
        response.headers += id_line(self._reader.named())
        if self._front.refusals:
            self._refused = self._reader.half_read()
            self._refused.caller = self._whose(self._refused)
        self._queue.append(response)
        self._step()

    def _whose(self, request: Request) -> str:
        return request.headers.get(CALLER, b"").decode("latin-1") if self._front.gateway else self.caller

    # turns

    def _turn(self) -> None:
        """Go on, when the others had their turn."""
        if not self._turning:
            self._turning = True
            self._front.soon(self)

    def go_on(self) -> None:
        """It is this connection's turn."""
        self._turning = False
        self._step()
        if self._rest and self._busy is None and not self._queue and not self._paused:
            data, self._rest = self._rest, b""
            self._front.bodies -= len(data)
            self._look(data, self._at)
        waits = self._busy is not None or self._queue or self._rest or self._paused or self._deaf
        if self._held and not waits and self._transport is not None:
            self._held = False
            self._transport.resume_reading()
        self._say_continue()

    def _step(self) -> None:
        """Take the next in the queue, unless one is being answered or the client does not read."""
        if self._stepping:
            return
        self._stepping = True
        while self._queue and self._busy is None and not self._paused and self._transport is not None:
            item = self._queue.popleft()
            if isinstance(item, Response):
                self._write(None, item)
                if self._refused is not None and self._front.refusals:
                    self._front.refusals(self._refused, item)
                    self._refused = None
                break
            item.way = self._front.way(item)  # what answers may be another since it came
            self._begin(item)
        self._stepping = False

    def _reply(self, request: Request, response: Response) -> None:
        if self._busy is not request:
            return  # the client left, or the answer came too late
        self._busy = None
        self._answer_by = inf
        self._front.bodies -= len(request.body)
        self._write(request, response)
        if self._held or self._queue or self._reader.continues:
            self._turn()

    def said(self, request: Request, body: bytes, headers: bytes) -> None:
        """Send a good answer in JSON: what `_reply` does, for the most common case."""
        front = self._front
        if len(body) > SMALL or not request.keep_alive or request.old or front.draining or self._busy is not request:
            self._reply(request, Response(200, body, headers=headers))
            return
        self._busy = None
        self._answer_by = inf
        front.bodies -= len(request.body)
        if self._transport is not None:
            headers += id_line(called(request))
            more = self._rest or self._queue or not self._reader.clean
            self._send(self._transport, _GOOD % (len(body), front.date, headers, body), more=bool(more))
            if self._reader.by == inf:
                self._idle_by = front.now + front.limits.idle
        if self._held or self._queue or self._reader.continues:
            self._turn()

    def _write(self, request: Request | None, response: Response) -> None:
        transport, front = self._transport, self._front
        if transport is None:
            return
        close = response.close or request is None or not request.keep_alive or front.draining
        if response.status:
            head, body = whole(request, response, front.date, close=close)
            more = self._rest or self._queue or not self._reader.clean
            self._send(transport, head, body, last=close, more=bool(more))
        if close:
            self._finish(transport)
        elif self._reader.by == inf:
            self._idle_by = front.now + front.limits.idle

    def _finish(self, transport: asyncio.Transport) -> None:
        """Say that no more comes, and read on for a moment: closing at once would reset what is still unread."""
        self._forget_queue()
        self._deaf = True
        self._reader.forget()
        self._idle_by = self._front.loop.time() + LINGER
        if transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()
            transport.resume_reading()
        else:
            transport.close()

    def _hold(self) -> None:
        """Read no further until everything that came is answered."""
        if self._transport is not None and not self._deaf and not self._held:
            self._held = True
            self._transport.pause_reading()

    def _say_continue(self) -> None:
        """Only when it is this request's turn, an interim answer must not overtake the answers before it; and only to
        who can still send what it asks for.
        """
        transport = self._transport
        if self._reader.continues and self._busy is None and not self._queue and transport is not None:
            self._reader.continues = False
            if not ended(transport):
                self._send_interim(transport, _CONTINUE)

    # clocks

    def look_at_the_clock(self, now: float) -> None:
        unread = self._unread
        if unread is not None and not self.unread():
            self._caught_up(now)
        elif unread is not None and now > unread.by:
            self.abort()
        elif unread is None and now > self._idle_by and self._busy is None:
            self._end()
        elif now > self._reader.by or now > self._reader.idle_by:
            self._refuse(Problem(408, "the request took too long to arrive"))
        elif now > self._answer_by and self._busy is not None:
            self._busy.gone = LATE
            self._reply(self._busy, Problem(LATE, "the answer took too long").response(close=True))
        elif self._busy is not None and (self._held or self._deaf) and self._transport and ended(self._transport):
            self._doubt()

    def _caught_up(self, now: float) -> None:
        """It has taken everything: only from now on it is idle."""
        self._catch_up()
        if self._busy is None and self._reader.by == inf:
            self._idle_by = now + (LINGER if self._deaf else self._front.limits.idle)

    def close_if_idle(self) -> None:
        if self._busy is None and not self._queue and not self._rest and self._reader.by == inf:
            self.close()

    def _end(self) -> None:
        """The time to ask or to listen is over. Who has not read its last answer by now never will."""
        if self._transport is not None and (self._deaf or acknowledged(self._transport)):
            self.close()
        else:
            self.abort()


if native is not None:
    native.know(Connection, Reader, Head, request_of, monotonic)
