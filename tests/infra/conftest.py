import os
import subprocess

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own of so many MiB; without the right to mount one the test fails, and says so."""
    mounted = []
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]

    def mount(megabytes):
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        options = f"size={megabytes}m,mode=777"
        command = [*sudo, "mount", "-t", "tmpfs", "-o", options, "tmpfs", place]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"this test needs the right to mount a small disk: {done.stderr}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run([*sudo, "umount", "-l", place], check=True)
