"""Killed at any moment, the line goes on where it was: the same release comes out, and nothing is recorded twice."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
from tests.warm import Process

from arkwright.core import versions
from arkwright.core.nouns import Actor, Dataset, Model, Release, Run
from arkwright.line.ending import VANISHED
from arkwright.sites import Site, local

KILLS = 5


@pytest.fixture(scope="module")
def start(warm):
    """A run on the command line. Its worker ends with it, and both have their imports behind them: nothing is written
    in these.
    """
    begun = []

    def started(folder: Path) -> Process:
        words = ("run", "--by", "ana", "--project", str(folder))
        with Path(os.devnull).open("wb") as nothing:
            begun.append(warm.arkwright(*words, errors=nothing, env=os.environ))
        return begun[-1]

    yield started
    for process in begun:
        process.stdout.close()


def releases(site: Site) -> list[Release]:
    return list(versions.all_of(site.ledger, Release))


def made(site: Site) -> dict[str, str]:
    """What there is, by name and digest; each must be there once."""
    nouns = [n for kind in (Dataset, Model, Release) for n in versions.all_of(site.ledger, kind)]
    recipes = [(type(n), n.name, n.recipe) for n in nouns]
    assert len(set(recipes)) == len(recipes), "a recipe was recorded twice"
    return {f"{n.ref}": n.digest for n in nouns}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, shop_at, start):
    shop = shop_at(tmp_path_factory.mktemp("undisturbed") / "shop")
    process, begin = start(shop.folder), time.monotonic()
    assert process.wait() == 0
    return made(local(shop.folder)), time.monotonic() - begin


def killed(process: Process, seconds: float) -> bool:
    """Whether a run was still at work when it was killed."""
    time.sleep(seconds)
    at_work = process.poll() is None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return at_work


@pytest.mark.parametrize("seed", range(4))
def test_the_same_release_however_often_it_is_killed(undisturbed, start, seed, shop):
    """Each run goes on where the one before was killed, and is killed itself, always later."""
    expected, seconds = undisturbed
    chance = random.Random(seed)
    moments = [(part + chance.random()) / KILLS for part in range(KILLS)]
    assert sum([killed(start(shop.folder), seconds * moment) for moment in moments]) > 0, "the runs were over"
    assert start(shop.folder).wait() == 0
    site = local(shop.folder)
    assert made(site) == expected
    runs = list(versions.all_of(site.ledger, Run))
    assert all((run.state, run.error) in (("finished", None), ("failed", VANISHED)) for run in runs)
    assert runs[-1].state == "finished"
    assert not list((site.folder / "logs").glob("*.said"))
    assert site.ledger.verify() > 0
    assert not list(site.store.verify())


def test_ctrl_c_leaves_nothing_half_written(undisturbed, start, shop):
    expected, seconds = undisturbed
    process = start(shop.folder)
    time.sleep(seconds * 0.6)
    process.send_signal(signal.SIGINT)
    assert process.wait() in (130, 0)
    site = local(shop.folder)
    assert all(run.state in ("failed", "finished") for run in versions.all_of(site.ledger, Run))
    assert start(shop.folder).wait() == 0
    assert made(site) == expected


def test_a_second_run_makes_nothing(shop):
    from arkwright.api.build import run

    first = run(local(shop.folder), Actor(name="ana"), shop.folder)
    events = local(shop.folder).ledger.head().split(":")[0]
    second = run(local(shop.folder), Actor(name="ana"), shop.folder)
    assert second.run.made == ()
    assert set(second.run.reused) == set(first.run.made)
    assert int(local(shop.folder).ledger.head().split(":")[0]) == int(events) + 2  # the run begins, the run ends


def test_only_what_changed_is_made_again(shop):
    from arkwright.api.build import run

    run(local(shop.folder), Actor(name="ana"), shop.folder)
    shop.edit("shop.py", "fill_null(40)", "fill_null(41)")
    second = run(local(shop.folder), Actor(name="ana"), shop.folder)
    assert [ref.split(":")[0] for ref in second.run.made] == ["model", "model", "release"]
    shop.edit("arkwright.toml", 'signed_by = ["model-owner", "operations"]', 'signed_by = ["model-owner"]')
    third = run(local(shop.folder), Actor(name="ana"), shop.folder)
    assert [ref.split("@")[0] for ref in third.run.made] == ["release:buys"]
