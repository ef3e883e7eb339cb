"""What is known of the requests that were computed when a worker died."""

import os
import struct

import pytest

from arkwright.serve.traffic.poison import SIZE, Page, Register, shared_memory


@pytest.fixture
def pages():
    """The worker's view, and a maker of the supervisor's view, of one memory each."""
    made = []

    def page():
        fd = shared_memory()
        worker, supervisor = Page(fd), Page(fd)
        os.close(fd)
        made.extend((worker, supervisor))
        return worker, supervisor

    yield page
    for one in made:
        one.map.close()


def test_what_was_at_work_is_read_from_outside(pages):
    worker, seen = pages()
    desk, other = worker.desk("late a"), worker.desk("late b")
    assert seen.at_work() == []
    desk.note([b"{1}", b"", b"{22}"])
    other.note([b"{1}"])
    found = sorted(seen.at_work(), key=len)
    assert found == [[other.key(b"{1}")], [desk.key(b"{1}"), desk.key(b""), desk.key(b"{22}")]]
    assert desk.key(b"{1}") != other.key(b"{1}")  # another model may bear it
    desk.done([b"{1}", b"", b"{22}"])
    other.done([b"{1}"])
    assert seen.at_work() == []


@pytest.mark.parametrize(("count", "size"), [(1, 2**20), (4096, 3), (4096, 4000), (3, 100_000)])
def test_many_and_large_bodies(pages, count, size):
    worker, seen = pages()
    desk = worker.desk("late")
    bodies = [b"%d" % i + b"x" * size for i in range(count)]
    desk.note(bodies)
    assert seen.at_work() == [[desk.key(body) for body in bodies]]


def test_nonsense_in_the_page_harms_nobody(pages):
    worker, seen = pages()
    worker.map[SIZE - 2**23 :] = b"\xff" * 2**23
    register = Register()
    register.died(seen, [])
    assert len(register.suspects) <= 1024
    struct.pack_into("<II", worker.map, 0, 0, 3)
    assert isinstance(seen.at_work(), list)


def died(pages, register, bodies, living=()):
    worker, seen = pages()
    worker.desk("late").note(bodies)
    return register.died(seen, living)


def test_three_deaths_alone_are_poison(pages):
    register = Register()
    for hits in (1, 2):
        assert died(pages, register, [b"{0}"])
        assert (len(register.suspects), register.poison) == (1, []), hits
    assert died(pages, register, [b"{0}"])
    assert (register.suspects, len(register.poison)) == ([], 1)


def test_in_company_nobody_is_more_than_a_suspect(pages):
    register = Register()
    for _ in range(5):
        died(pages, register, [b"{0}", b"{1}"])
    assert (len(register.suspects), register.poison) == (2, [])
    assert not died(pages, register, [b"{0}", b"{1}"])  # nothing new to tell


def test_who_is_computed_alone_and_lives_is_acquitted(pages):
    register, (worker, seen) = Register(), pages()
    for _ in range(5):  # a body that everybody sends, in a server that is killed again and again
        died(pages, register, [b"{0}"], [seen])
        desk = worker.desk("late")
        worker.suspects = frozenset(register.suspects)
        desk.note([b"{0}"])
        desk.done([b"{0}"])
        assert worker.suspects == frozenset()
        desk.leave()
    assert (len(register.suspects), register.poison) == (1, [])


def test_an_acquittal_counts_once(pages):
    register, (worker, seen) = Register(), pages()
    died(pages, register, [b"{0}"])
    worker.acquit(worker.desk("late").key(b"{0}"))
    for _ in range(3):
        died(pages, register, [b"{0}"], [seen])
    assert len(register.poison) == 1


def test_suspects_are_forgotten_when_there_are_too_many_and_poison_is_not(pages):
    register = Register()
    for _ in range(3):
        died(pages, register, [b"poison"])
    for i in range(3):
        died(pages, register, [b"%d" % n for n in range(i * 1000, (i + 1) * 1000)])
    assert len(register.suspects) + len(register.poison) == 1024
    assert len(register.poison) == 1


def test_there_is_a_place_for_each_of_many_releases(caplog):
    page = Page(shared_memory())
    desks = [page.desk(f"model {i}") for i in range(1024)]
    assert all(desks)
    for desk in desks:
        desk.note([b"%d" % id(desk)])
    assert [len(keys) for keys in page.at_work()] == [1] * 1024
    assert page.desk("one more") is None
    assert "more than 512 releases" in caplog.text
    desks[0].leave()
    assert page.desk("one more")
