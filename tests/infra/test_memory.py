"""What a process may have, read from control groups of either kind."""

import os
import resource
import subprocess
import sys

import pytest

from arkwright.infra import memory

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def granted(tmp_path, own, **files):
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        path = tmp_path / "groups" / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(memory._granted(tmp_path / "own", tmp_path / "groups"))


def test_the_second_kind_and_the_groups_above(tmp_path):
    found = granted(
        tmp_path, "0::/a/b\n", a__memory_dot_max="500\n", a__b__memory_dot_max="max\n", memory_dot_max="900\n"
    )
    assert found == [500, 900]


def test_the_first_kind(tmp_path):
    own = "5:devices:/x\n4:cpu,memory:/a\n3:name=systemd:/\n"
    group, root = "memory__a__memory_dot_limit_in_bytes", "memory__memory_dot_limit_in_bytes"
    found = granted(tmp_path, own, **{group: "700\n", root: "9000000000000000000"})
    assert found == [700, 9000000000000000000]


@pytest.mark.parametrize("own", ["", "0::/\n", "4:memory:/gone\n"])
def test_nothing_known(tmp_path, own):
    assert granted(tmp_path, own) == []
    assert list(memory._granted(tmp_path / "nowhere", tmp_path)) == []


def test_this_process():
    assert 0 < memory.allowed() <= MACHINE


def test_its_own_limit():
    code = "from arkwright.infra.memory import allowed; print(allowed())"
    limit = lambda: resource.setrlimit(resource.RLIMIT_DATA, (123 << 20, 123 << 20))  # noqa: E731
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, preexec_fn=limit)
    assert int(done.stdout) == 123 << 20


def test_what_the_kernel_ended(tmp_path):
    counts = tmp_path / "vmstat"
    assert memory.killed(counts) == 0
    counts.write_text("pgfree 17\noom_kill 10\n")
    assert memory.killed(counts) == 10
    assert memory.killed() >= 0
