"""Every benchmark in turn; the tables go into RESULTS.md beside this file, with the machine and the versions.

make bench                                  # all of them, about forty minutes
python benchmarks/run.py --only startup     # one; the other tables stay as they are
python benchmarks/run.py --only servers     # every other model server too, which `make bench` leaves out
"""

import argparse
import platform
import re
import subprocess
import sys
import venv
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA, RESULTS = HERE / "data", HERE / "RESULTS.md"
PEERS = DATA / "peers"
ONLY_WHEN_ASKED = ("servers", "track", "postgresql", "watch")  # gigabytes of others; as much again
PACKAGES = (
    "arkwright numpy scipy pyarrow duckdb polars scikit-learn lightgbm onnx onnxruntime skl2onnx msgspec uvloop "
    "httptools"
)
TITLES = {
    "startup": "Start-up",
    "checks": "Twenty promises over ten million rows",
    "line": "What the line itself costs",
    "memory": "Larger than memory",
    "pages": "Pages of the control room",
    "postgresql": "Pages of the control room, with PostgreSQL",
    "serving": "Serving, the short form",
    "servers": "Serving",
    "track": "Tracking",
    "watch": "Watching",
}
COMMANDS = {
    "startup": ["startup.py", "--rounds", "15"],
    "checks": [
        "checks.py",
        "--folder",
        str(DATA / "orders"),
        "--peers",
        str(PEERS / "bin" / "python"),
        "--rounds",
        "5",
    ],
    "line": ["line.py", "--rounds", "3"],
    "memory": ["memory.py", "--folder", str(DATA / "large"), "--gigabytes", "3.12", "--limit", "2"],
    "pages": ["catalog.py"],
    "postgresql": ["catalog.py", "--postgresql"],
    "serving": ["serve.py", "--short"],
    "servers": ["serve.py", "--peers", "--seconds", "1.5"],
    "track": ["track.py", "--rounds", "5"],
    "watch": ["watch.py", "--folder", str(DATA / "watch"), "--rounds", "5"],
}
HEAD = """# What was measured

Made by `make bench`; ratios are medians of same-round ratios in interleaved rounds. Absolute times are this machine's,
which others share.
"""


def peers() -> None:
    """The peers' own environment, made once."""
    if not (PEERS / "bin" / "python").exists():
        venv.create(PEERS, with_pip=True)
        install = [PEERS / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", HERE / "peers.txt"]
        subprocess.run(install, check=True)


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES.split())
    today = datetime.now(tz=UTC).date()
    system = f"{len(names)} cores of {names[0]}, {platform.system()}, Python {platform.python_version()}"
    return f"{today}; {system}; {packages}"


def sections() -> dict[str, str]:
    """Title -> text of what RESULTS.md holds already."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=list(COMMANDS))
    given = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    found = sections()
    for name in [given.only] if given.only else [name for name in COMMANDS if name not in ONLY_WHEN_ASKED]:
        if name == "checks":
            peers()
        print(f"{TITLES[name]} …", file=sys.stderr, flush=True)
        command = [sys.executable, str(HERE / COMMANDS[name][0]), *COMMANDS[name][1:]]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[TITLES[name]] = f"{machine()}\n\n{done.stdout.strip()}"
        order = [title for title in TITLES.values() if title in found]
        order += [title for title in found if title not in order]  # what others wrote, as it stands
        text = HEAD + "".join(f"\n## {title}\n\n{found[title]}\n" for title in order)
        RESULTS.write_text(text, encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
