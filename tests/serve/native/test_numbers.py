"""Numbers that `native` reads are those that Python reads, to the bit; what it leaves, Python reads or refuses."""

import json
import math
import random
import shutil
import struct

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from arkwright.serve.native import native

pytestmark = pytest.mark.skipif(native is None and shutil.which("cc") is None, reason="no C compiler: Python serves")
DECODE = msgspec.json.Decoder(list[float]).decode
CODES = {4: "f", 8: "d"}


def plainly(text, count, item):
    """As `plain_tensors` reads them in Python."""
    try:
        values = DECODE(text)
        return struct.pack(f"<{count}{CODES[item]}", *values) if len(values) == count else None
    except (msgspec.DecodeError, OverflowError):
        return None


DIGITS = st.text("0123456789", max_size=22)
NUMBER = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e6, 1e6).map(repr),
    st.floats(-1e6, 1e6, width=32).map(repr),
    st.integers(-(2**66), 2**66).map(str),
    st.tuples(
        st.sampled_from(["", "-", "+", "--", " "]),
        DIGITS,
        st.sampled_from(["", ".", ".0", ".00000000000000000000"]),
        DIGITS,
        st.sampled_from(["", "e5", "E-7", "e+3", "e", "e-", "e400", "e-400", "e00001", "e22", "e-22", "e99999999999"]),
    ).map("".join),
    st.sampled_from(
        ["NaN", "Infinity", "null", "true", '"1"', "[1]", "", "0x1", "1_0", "-0", "-0.0", "0e0", "00", "01"]
    ),
)
BLANK = st.sampled_from(["", " ", "\n", "\t \r", "\x0b", "\0"])
LIST = st.lists(st.tuples(BLANK, NUMBER, BLANK).map("".join), min_size=1, max_size=4)


@given(LIST, st.sampled_from(["[]", "[", "]", "[[]]", "[]]", "[,]"]), st.sampled_from([4, 8]), st.integers(-1, 1))
@example(["1.8446744073709551616"], "[]", 8, 0)  # its digits are 2**64
@example(["184467440737095516.16"], "[]", 8, 0)
@example(["0.18446744073709551616"], "[]", 8, 0)
@example(["9007199254740993"], "[]", 8, 0)
@example(["3.4028235677973366e38"], "[]", 4, 0)  # rounds to infinity as a single
@example(["1e-400"], "[]", 8, 0)
def test_what_is_read_is_what_python_reads(parts, brackets, item, more):
    half = len(brackets) // 2
    text = (brackets[:half] + ",".join(parts) + brackets[half:]).encode()
    count = len(parts) + more
    found = native.numbers(text, count, item)
    assert found is None or found == plainly(text, count, item)


@pytest.mark.parametrize("item", [4, 8])
def test_what_clients_send_is_read(item):
    """Not one number of these is left to Python."""
    rng = random.Random(5)
    numbers = [rng.uniform(-1, 1) * 10 ** rng.randint(-2, 6) for _ in range(20_000)]  # with 16 and 17 digits
    numbers += [round(rng.gauss(0, 100), rng.randint(0, 6)) for _ in range(20_000)]
    numbers += [rng.randint(-(2**53), 2**53) for _ in range(2000)] + [0, 0.0, -0.0, 1e22, 1e-7, 5e-5, 123e-22]
    for separators in ((",", ":"), None):
        text = json.dumps(numbers, separators=separators).encode()
        assert native.numbers(text, len(numbers), item) == struct.pack(f"<{len(numbers)}{CODES[item]}", *numbers)


def test_halves_are_rounded_once():
    """Digits that lie half between two doubles, or a little off it, over every power that is divided by."""
    rng, texts = random.Random(6), []
    for places in range(1, 20):
        for _ in range(300):
            base = rng.randrange(2**52, 2**53)
            digits = (2 * base + 1) * 10**places // 2 ** rng.randint(1, 60)
            for near in (digits - 1, digits, digits + 1):
                if 0 < near < 10**19:
                    said = f"{near:0{places + 1}d}"
                    texts.append(f"{said[:-places]}.{said[-places:]}")
    found = native.numbers(f"[{','.join(texts)}]".encode(), len(texts), 8)
    assert found is not None
    assert len(texts) > 5000
    for text, mine in zip(texts, struct.unpack(f"<{len(texts)}d", found), strict=True):
        assert mine == float(text), text


def test_it_never_reads_past_the_end():
    whole = b"[1.5,2.5]3.5]"
    for end in range(len(whole)):
        found = native.numbers(whole[:end], 2, 8)
        assert found == (struct.pack("<2d", 1.5, 2.5) if end == 9 else None)
    assert math.isclose(struct.unpack("<f", native.numbers(b"[ 1e-1 ]", 1, 4))[0], 0.1, rel_tol=1e-7)


@pytest.mark.parametrize(("count", "item"), [(-1, 4), (1, 3), (1, 0), (2**62, 4), (2**61, 8)])
def test_what_makes_no_sense_is_refused(count, item):
    with pytest.raises(ValueError, match="4 or 8"):
        native.numbers(b"[1]", count, item)
