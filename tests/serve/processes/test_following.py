"""What is followed again, because there was no process for it."""

import asyncio

import pytest

from arkwright.core.ports import Routing, Served, Share
from arkwright.serve.processes import following
from arkwright.serve.processes.following import Following


@pytest.fixture
def who(tmp_path):
    """A routing to a version."""
    return lambda n: Routing((Share(Served(tmp_path, f"release:who@{n}", f"{n}" * 64)),), version=n)


@pytest.fixture
def followed(monkeypatch):
    """Follows what `play` says, where there is no process the first time; what was applied, and what was held before it
    was.
    """
    monkeypatch.setattr(following, "AGAIN", 0.05)

    def run(play, failing):
        applied, held, left = [], [], {failing}

        async def attempt(name, served, seconds):
            if "trial" in left:
                left.clear()
                raise BlockingIOError(11, "Resource temporarily unavailable")
            if "program" in left:
                left.clear()
                raise RuntimeError("nobody thought of this")

        async def apply(name, routing):
            if "shadows" in left:
                left.clear()
                raise OSError("its shadows have no process: no process can be forked")
            held.append(set(one.releases))
            applied.append(routing)

        monkeypatch.setattr(following, "attempt", attempt)

        async def playing():
            nonlocal one
            one = Following(60.0, apply)
            await play(one)
            await one.close()
            await asyncio.sleep(0.1)

        one = None
        asyncio.run(asyncio.wait_for(playing(), 60))
        return applied, held

    return run


@pytest.mark.parametrize("failing", ["trial", "shadows", "program"])
def test_where_there_was_no_process_it_is_tried_again(followed, who, failing, caplog):
    async def play(one):
        one.follow("who", who(2))
        await one.settled()
        assert one.releases == {"release:who@2"}
        while one.releases:  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    assert followed(play, failing) == ([who(2)], [{"release:who@2"}])
    assert "endpoint:who is not followed: " in caplog.text
    assert "; again in 0.05 s" in caplog.text


@pytest.mark.parametrize("failing", ["trial", "shadows"])
def test_what_was_overtaken_is_not_tried_again(followed, who, failing):
    async def play(one):
        one.follow("who", who(2))
        await one.settled()
        one.follow("who", who(3))
        await one.settled()

    assert followed(play, failing)[0] == [who(3)]


def test_what_ends_tries_nothing_again(followed, who):
    async def play(one):
        one.follow("who", who(2))
        await one.settled()

    assert followed(play, "trial") == ([], [])
