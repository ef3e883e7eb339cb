"""Room that is put aside; on disks that are full `tests/control/test_full.py` uses it."""

import pytest

from arkwright.core.errors import Full
from arkwright.infra.reserve import PIECE, SIZE, Reserve


@pytest.fixture
def reserve(tmp_path):
    made = Reserve(tmp_path / "reserve")
    made.keep()
    return made


def test_it_is_given_back_by_pieces_and_made_whole(reserve):
    assert reserve.room == SIZE
    for left in range(SIZE // PIECE - 1, -1, -1):
        assert reserve.give()
        assert reserve.room == left * PIECE
    assert not reserve.give()
    reserve.keep()
    assert reserve.room == SIZE


def test_a_copy_with_nothing_behind_it_is_made_real(reserve):
    reserve.path.unlink()
    with reserve.path.open("wb") as file:
        file.truncate(SIZE)
    assert reserve.room == 0
    assert not reserve.give()
    reserve.keep()
    assert reserve.room == SIZE


def test_where_there_is_little_room_none_is_put_aside(small_disk):
    folder = small_disk(6)
    Reserve(folder / "reserve").keep()
    assert not (folder / "reserve").exists()
    gone = Reserve(folder / "gone" / "reserve")  # nobody is kept from anything
    gone.keep()
    assert gone.helping(lambda: "done") == "done"


def test_what_does_not_fit_then_either_is_told(reserve):
    tried = []

    def work():
        tried.append(reserve.room)
        raise Full("the disk is full")

    for _ in range(5):
        with pytest.raises(Full):
            reserve.helping(work)
    assert tried == [SIZE, 3 * PIECE, 3 * PIECE, 2 * PIECE, 2 * PIECE, PIECE, PIECE, 0, 0]
