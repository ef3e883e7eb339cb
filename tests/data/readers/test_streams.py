"""Packed files: the same bytes come out, and what is cut off, damaged or hostile is named."""

import gzip
import io
import stat
import zipfile
from dataclasses import dataclass

import pyarrow as pa
import pytest

from arkwright.core.errors import Invalid


@dataclass
class Thing:
    a: int
    b: str | None


TEXT = b"a,b\n" + b"".join(b"%d,text %d\n" % (i, i * 7919 % 1000) for i in range(20_000))


def zstd(data: bytes) -> bytes:
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as file:
        file.write(data)
    return out.getvalue().to_pybytes()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


PACKED = {
    "x.csv.gz": gzip.compress(TEXT),
    "x.csv.zst": zstd(TEXT),
    "x.csv.zip": zipped({"x.csv": TEXT}),
    "x.zip": zipped({"data/": b"", "data/x.csv": TEXT, "__MACOSX/x": b"."}),
}


@pytest.mark.parametrize("name", PACKED)
def test_what_was_packed_comes_out(house, name):
    house.put(name, PACKED[name])
    found = house.read(name, Thing)
    assert len(found) == 20_000
    assert found[-1] == {"a": 19_999, "b": f"text {19_999 * 7919 % 1000}"}


def test_members_one_after_the_other(house):
    for name, pack in (("x.csv.gz", gzip.compress), ("y.csv.zst", zstd)):
        house.put(name, pack(b"a,b\n1,x\n") + pack(b"2,y\n"))
        assert house.read(name, Thing) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


@pytest.mark.parametrize("name", PACKED)
def test_every_cut_is_seen(house, refused, name):
    whole = PACKED[name]
    for size in (0, 5, len(whole) // 2, len(whole) - 1):
        house.put(name, whole[:size])
        message = refused(name, Thing, Invalid)
        assert any(word in message for word in ("empty", "cut off", "damaged", "cannot be read")), message


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 0xFF for byte in data[middle : middle + 8]) + data[middle + 8 :]


@pytest.mark.parametrize("name", ["x.csv.gz", "x.csv.zip"])
def test_damage_is_seen(house, refused, name):
    house.put(name, flipped(PACKED[name]))
    assert "damaged" in refused(name, Thing, Invalid)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.zip", zipped({"a.csv": TEXT, "b.csv": TEXT}), "holds 2 files ('a.csv', 'b.csv'); it must hold one"),
        ("x.zip", zipped({}), "holds no files"),
        ("x.zip", zipped({"../../x.csv": TEXT}), "a name that leaves the archive"),
        ("x.zip", zipped({"/etc/x.csv": TEXT}), "a name that leaves the archive"),
        ("x.zip", zipped({"..\\x.csv": TEXT}), "a name that leaves the archive"),
        ("x.zip", zipped({"x.exe": TEXT}), "nothing reads files that end in '.exe'"),
        ("x.zip", b"no archive", "damaged or not what its name says"),
        ("x.csv.gz", b"no archive", "damaged or not what its name says"),
        ("x.csv.zst", b"no archive", "cannot be read"),
        ("x.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
    ],
)
def test_what_is_not_read_is_said(house, refused, name, data, message):
    house.put(name, data)
    assert message in refused(name, Thing, Invalid)


@pytest.mark.parametrize("name", ["x.csv.gz", "x.csv.zst", "x.csv.zip"])
def test_a_bomb_is_put_out(house, refused, monkeypatch, name):
    monkeypatch.setattr("arkwright.data.readers.streams.FREE", 1 << 20)
    bomb = b"a,b\n" + b"1,0\n" * (2 << 20)
    house.put(name, {"gz": gzip.compress, "st": zstd, "ip": lambda data: zipped({"x.csv": data})}[name[-2:]](bomb))
    assert "unpacks to more than 200 times its size; is it a bomb?" in refused(name, Thing, Invalid)


def saying(size):
    """A zip that says of its member that it has so many bytes."""
    data = bytearray(zipped({"x.csv": TEXT}))
    central = data.rindex(b"PK\x01\x02")
    data[central + 24 : central + 28] = size.to_bytes(4, "little")
    return bytes(data)


def test_a_zip_that_lies_about_its_size(house, refused):
    house.put("x.zip", saying(10))
    assert "damaged" in refused("x.zip", Thing, Invalid)


def test_a_zip_that_says_itself_that_it_is_a_bomb_is_not_unpacked(house, refused):
    house.put("x.zip", saying(1_300_000_000))
    assert "is it a bomb?" in refused("x.zip", Thing, Invalid)


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_a_zip_of_what_is_no_plain_file(house, refused, mode):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        member = zipfile.ZipInfo("x.csv")
        member.external_attr = (mode | 0o777) << 16
        archive.writestr(member, TEXT)
    house.put("x.zip", out.getvalue())
    assert "holds 'x.csv', which is no plain file" in refused("x.zip", Thing, Invalid)


def test_a_locked_zip(house, refused):
    data = bytearray(zipped({"x.csv": TEXT}))
    for start in (data.index(b"PK\x03\x04") + 6, data.rindex(b"PK\x01\x02") + 8):
        data[start] |= 1
    house.put("x.zip", bytes(data))
    assert "locked with a password" in refused("x.zip", Thing, Invalid)
