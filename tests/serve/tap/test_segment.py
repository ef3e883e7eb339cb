"""What is written is read again, and of a damaged file what stands before the damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arkwright.core.errors import Corrupt
from arkwright.core.nouns import Column
from arkwright.serve.tap.appending import SegmentFile
from arkwright.serve.tap.segment import Header, Record, Release, Segment, is_closed, segments

COLUMNS = (
    Column(name="distance", type="float", limits=(("ge", 0),)),
    Column(name="carrier", type="str", allowed=("AA",)),
)
RELEASES = [
    Release(0, "release:late@3", "ab" * 32, COLUMNS, (False, True)),
    Release(1, "release:late@4", "cd" * 32, ()),
]
NUMBERS = st.integers(min_value=0, max_value=2**63 - 1)
RECORDS = st.builds(
    Record, at=st.integers(-(2**62), 2**62), latency=NUMBERS, status=st.integers(100, 599), flags=st.integers(0, 3),
    release=st.sampled_from([0, 1]), head=NUMBERS, answer_head=NUMBERS, id=st.binary(), caller=st.binary(),
    body=st.binary(), answer=st.binary(),
)  # fmt: skip


def write(folder, blocks):
    """One segment; a release is named when its first record comes."""
    file = SegmentFile(folder, Header("late", ("origin",)), RELEASES[:1])
    file.add_release(RELEASES[1])
    for block in blocks:
        file.add(block)
    file.sync()
    file.close()
    return file.path


def read(path):
    with Segment(path) as segment:
        return [list(block) for block in segment], segment.header, list(segment.releases.values()), segment.torn


@given(blocks=st.lists(st.lists(RECORDS, min_size=1, max_size=5), max_size=5))
def test_round_trip(tmp_path_factory, blocks):
    path = write(tmp_path_factory.mktemp("segment"), blocks)
    assert read(path) == (blocks, Header("late", ("origin",)), RELEASES, 0)


def some(count):
    return [[Record(i, 1, 200, 0, 0, 0, 0, b"id%d" % i, b"c", b"{}" * i, b"[]")] for i in range(count)]


def test_a_torn_tail_is_cut_wherever_it_is(tmp_path):
    blocks = some(4)
    path = write(tmp_path, blocks)
    data = path.read_bytes()
    found = []
    for size in range(len(data) + 1):
        path.write_bytes(data[:size])
        there, _, _, torn = read(path)
        assert there == blocks[: len(there)]
        assert torn <= size
        found.append(len(there))
    assert found == sorted(found)
    assert found[-1] == 4
    assert found[-2] == 3


def test_no_flipped_bit_goes_unseen(tmp_path):
    blocks = some(3)
    path = write(tmp_path, blocks)
    data = path.read_bytes()
    for place in range(len(data)):
        wrong = bytearray(data)
        wrong[place] ^= 1 << place % 8
        path.write_bytes(wrong)
        if place < 8:
            with pytest.raises(Corrupt, match="another version"):
                read(path)
        else:
            there, *_ = read(path)
            assert there == blocks[: len(there)]
            assert len(there) < 3


def test_a_block_forged_inside_a_body_is_never_read(tmp_path):
    """Behind damage nothing is searched for: a caller could have sent what looks like a block."""
    inner = write(tmp_path / "inner", some(2)).read_bytes()[8:]
    path = write(tmp_path / "outer", [[Record(1, 1, 200, 0, 0, 0, 0, b"a", b"c", inner, b"")], *some(1)])
    data = bytearray(path.read_bytes())
    data[data.index(inner) - 1] ^= 1
    path.write_bytes(data)
    assert read(path)[0] == []


def test_open_and_closed(tmp_path):
    file = SegmentFile(tmp_path, Header("late"), RELEASES)
    assert segments(tmp_path) == [file.path]
    assert not is_closed(file.path)
    file.add(some(1)[0])
    assert read(file.path)[0] == some(1)
    file.close()
    assert is_closed(file.path)


def test_what_was_added_since_it_was_whole_can_be_undone(tmp_path):
    file = SegmentFile(tmp_path, Header("late"), RELEASES)
    file.add(some(2)[0])
    file.sync()
    file.whole()
    file.add(some(2)[1])
    file.undo()
    file.add(some(3)[2])
    file.sync()
    file.close()
    assert read(file.path)[0] == [some(3)[0], some(3)[2]]
