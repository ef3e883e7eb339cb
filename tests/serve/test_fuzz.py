"""Wrong bytes, tried on what meets them first. A longer search: `python scripts/fuzz.py`."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from .fuzz import SEEDS, TARGETS

ROOT = Path(__file__).parents[2]
TRIES = {"http": 300}
NUMBERS = [0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]
WORDS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b",",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b"\\u",
    b"-",
    b"1e400",
    b"NaN",
    b"0",
    b"\xff",
]
WORDS += [
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 1\r\n",
    b"Upgrade: x\r\n",
    b"Connection: close\r\n",
    b"0\r\n\r\n",
]


def mutated(chance, seed):
    data = bytearray(seed)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(data))
        match chance.randrange(5):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at : at + chance.randint(0, 4)] = chance.choice(WORDS)
            case 2:
                size = chance.choice([4, 8])
                data[at : at + size] = (chance.choice(NUMBERS) % 2 ** (8 * size)).to_bytes(size, "little")
            case 3:
                del data[at : at + chance.randint(1, 12)]
            case _:
                other = chance.randint(0, len(data))
                data[at:at] = data[min(at, other) : max(at, other)][:200]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_good_bytes_and_mutations_of_them(name):
    chance = random.Random(name)
    for seed in SEEDS[name]:
        TARGETS[name](seed)
    for _ in range(TRIES.get(name, 3000)):
        data = mutated(chance, chance.choice(SEEDS[name]))
        try:
            TARGETS[name](data)
        except Exception as error:
            raise AssertionError(data) from error


@pytest.mark.parametrize("name", ["rows", "tensor", "arrow", "http"])
def test_what_coverage_leads_to(name, tmp_path):
    script = ROOT / "scripts" / "fuzz.py"
    runs = 300 if name == "http" else 3000
    command = [sys.executable, script, name, f"-runs={runs}", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {runs} runs" in done.stderr
