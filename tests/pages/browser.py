"""Chromium, as people have it on their machines; a room that nobody entered yet."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
]


@contextmanager
def chromium(*more):
    """A browser without a window: the system's, else the one that playwright keeps. Never skipped."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        try:
            browser = playwright.chromium.launch(executable_path=found, args=[*ARGUMENTS, *more])
        except Error as error:
            pytest.fail(f"this test needs a browser (make browser): {error.message[:300]}")
        try:
            yield browser
        finally:
            browser.close()


def checkout(folder):
    """The project in git, as a team has it."""
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "The shop"]):
        command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *words]
        subprocess.run(command, cwd=folder, check=True)


@contextmanager
def begun(folder, *words):
    """`arkwright up` in a project that has no site yet: (its address, the link for the first owner)."""
    command = [sys.executable, "-m", "arkwright.cli.main", "up", "--port", "0", "--json", "--project", str(folder)]
    with (folder / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, *words], stdout=subprocess.PIPE, stderr=log, env=os.environ | {"ARKWRIGHT_BY": "nobody"}
        )
    try:
        assert select.select([process.stdout], [], [], 120)[0], "it never said where it is"
        said = process.stdout.readline()
        while not said.rstrip().endswith(b"}"):
            line = process.stdout.readline()
            assert line, (folder / "up.log").read_text()
            said += line
        found = json.loads(said)
        yield found["address"], found["join"]
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) is not None
        process.stdout.close()
