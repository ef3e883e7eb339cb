"""The demo: 336,776 real flights, from the raw file to an endpoint that answers, each step as a user would type it."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import arkwright

ROOT = Path(__file__).resolve().parents[1]
FLIGHTS = ROOT / "examples" / "flights"
COMMAND = str(Path(sys.executable).with_name("arkwright"))
HELD_OUT = 2000


def main() -> int:
    begin = time.perf_counter()
    tell("Flights that left New York in 2013: will this one land 30 or more minutes late, asked an hour before?")
    step("Raw data to a release that waits for its signatures.", "run", "--by", "ana")
    tell("Ana made it, so her own signature never counts:")
    if arkwright_("sign", "late", "--by", "ana", "--role", "model-owner") != 4:
        raise SystemExit("the author's signature was accepted: this is a defect")
    tell("A second and a third person sign exactly these bytes.")
    step("", "sign", "late", "--by", "ben", "--role", "model-owner", "--reason", "better than the schedule alone")
    step("", "sign", "late", "--by", "cleo", "--role", "operations", "--reason", "fast enough for the gates")
    step("Every promise is kept and every role has signed: the endpoint moves.", "promote", "late", "--by", "cleo")
    tell("And it answers:")
    with serving() as address:
        ask(address)
        tell(f"{time.perf_counter() - begin:.0f} seconds from the raw file to here.")
        tell("See why: lower or raise a limit in examples/flights/arkwright.toml, and run  make demo  again.")
        if sys.stdin.isatty() and sys.stdout.isatty():
            print(f"Serving at {address} until Ctrl-C.", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                while True:
                    time.sleep(3600)
    return 0


def tell(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def step(text: str, *words: str) -> None:
    """One command, shown and run; the demo ends with its exit code when it fails."""
    if text:
        tell(text)
    code = arkwright_(*words)
    if code:
        tell("Nothing was released. The same in full: arkwright why late (in examples/flights)")
        raise SystemExit(code)


def arkwright_(*words: str) -> int:
    print("$ arkwright " + " ".join(f'"{w}"' if " " in w else w for w in words), flush=True)
    return subprocess.run([COMMAND, *words], cwd=FLIGHTS, check=False).returncode


@contextlib.contextmanager
def serving() -> Any:
    """`arkwright serve` on a free port, stopped in the end."""
    words = [COMMAND, "serve", "late", "--port", "0", "--drain-delay", "0", "--json"]
    print("$ arkwright serve late", flush=True)
    with subprocess.Popen(words, cwd=FLIGHTS, stdout=subprocess.PIPE, text=True, bufsize=1) as server:
        assert server.stdout
        said = ""
        for line in server.stdout:
            said += line
            found = re.search(r'"address":\s*"([^"]+)"', said)
            if found:
                break
        else:
            raise SystemExit(server.wait() or 1)
        try:
            yield found[1].rstrip("/")
        finally:
            server.terminate()
            server.wait()


def ask(address: str) -> None:
    """Send the last flights of the year, none of which the model was trained on, and compare with what happened."""
    table = arkwright.read("departures", FLIGHTS).sort_by("scheduled_at")
    rows = table.slice(table.num_rows - HELD_OUT).to_pylist()
    truth = [row.pop("late") for row in rows]
    bodies = [json.loads(json.dumps(row, default=lambda moment: moment.isoformat())) for row in rows]
    one = post(address, bodies[0])
    print(f"POST {address}/predict with one flight:", json.dumps(one)[:300], flush=True)
    answers = post(address, bodies)["predictions"]
    risks = [answer["probabilities"]["1"] for answer in answers]
    order = sorted(range(len(risks)), key=lambda i: -risks[i])
    tenth = order[: len(order) // 10]
    share = sum(truth[i] for i in tenth) / len(tenth)
    print(f"{len(risks)} held-out flights: {sum(truth) / len(truth):.0%} of them landed late;", end=" ")
    print(f"of the tenth with the highest risk, {share:.0%} did.", flush=True)
    call = f"curl {address}/predict -H 'Content-Type: application/json'"
    print(f"Try it yourself:\n  {call} -d '{json.dumps(bodies[order[0]])}'", flush=True)


def post(address: str, body: object) -> Any:
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/predict", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    os.environ.setdefault("ARKWRIGHT_BY", "ana")
    raise SystemExit(main())
