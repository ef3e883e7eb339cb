"""The page about accounts, done word by word, with what its reader does in a browser and types as a password."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import urllib3

from . import console
from .test_tutorial import free_port

PAGE = (Path(__file__).parents[2] / "docs" / "accounts.md").read_text(encoding="utf-8")
PASSWORD = "four quiet wooden boats"
ASKS = re.compile(r"arkwright (token|sessions|end)\b")
EXAMPLE = "5f2c81d0a4b7e693"  # the id of a token, on the page
FORM = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}


class Reader:
    """Whoever follows the page, with a browser beside the terminal."""

    def __init__(self, folder):
        self.http = urllib3.PoolManager(retries=False)
        self.shell = console.Shell(folder, console.environment(folder))
        self.address, self.token = "", EXAMPLE

    def sent(self, path, headers=FORM, **fields):
        """A form, as a browser sends it."""
        origin = {"Origin": self.address}
        return self.http.request("POST", self.address + path, body=urlencode(fields), headers=headers | origin,
                                 redirect=False)  # fmt: skip

    def joins(self, link):
        answer = self.sent(urlsplit(link).path, password=PASSWORD)
        assert answer.status == 303, answer.data
        return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}

    def does(self, step):
        """What stands there, and what it needs beside it; what was printed."""
        command = step.command.replace(EXAMPLE, self.token)
        if ASKS.search(command):
            command = ASKS.sub(rf"echo '{PASSWORD}' | \g<0>", command)
        said = self.shell.run(console.Step(command, step.expected))
        text = "\n".join(said)
        if "the first owner enters here" in text:
            self.address = re.search(r"http://\S+:\d+", text)[0]
            self.joins(re.search(r"once: (\S+)", text)[1])
        if found := re.search(r"/join/ben\.\S+", text):
            self.does_what_is_refused(self.joins(found[0]))
        if found := re.search(r"(\w{16}) +token.* ci *$", text, re.MULTILINE):
            self.token = found[1]
        return [line.replace(self.token, EXAMPLE) for line in said]

    def does_what_is_refused(self, ben):
        for _ in range(2):
            assert self.sent("/login", name="owner", password="wrong").status == 401
        assert self.sent("/api/promote", ben | {"Content-Type": "application/json"}).status == 403


def test_the_page_can_be_followed(tmp_path):
    subprocess.run([Path(sys.executable).with_name("arkwright"), "new", "churn"], cwd=tmp_path, check=True)
    port = str(free_port())
    reader = Reader(tmp_path / "churn")
    done = 0
    try:
        for step in console.steps(
            PAGE.replace("arkwright up &", f"arkwright up --port {port} &").replace("8080", port)
        ):
            said = reader.does(step)
            shown, got = "\n".join(step.expected), "\n".join(said)
            assert console.matches(step.expected, said), f"$ {step.command}\n\nthe page:\n{shown}\n\nreally:\n{got}"
            done += 1
    finally:
        reader.shell.close()
    assert done > 8
