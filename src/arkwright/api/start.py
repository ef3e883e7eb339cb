"""The verb `new`: a project that works from its first minute."""

import re
import shutil
import tempfile
from pathlib import Path

from arkwright.core.errors import Invalid, Refused, Unknown, did_you_mean
from arkwright.core.nouns import Actor
from arkwright.core.record import valid_name
from arkwright.sites import Site

_LEFT_OUT = shutil.ignore_patterns(".arkwright", "__pycache__", "*.pyc", ".pytest_cache")
_STARTER = "starter"


def examples() -> Path:
    """The applications that come with Arkwright: beside the package when installed, in the repository otherwise."""
    package = Path(__file__).parents[1]
    installed = package / "examples"
    return installed if installed.is_dir() else package.parents[1] / "examples"


def new(site: Site, by: Actor, project: Path, *, name: str, example: str | None = None) -> Path:
    """Write the project `name` into the folder `project`, from the starter or from an application.

    All or nothing: an existing folder is refused, and a half-written one never stays.
    """
    valid_name(name, "project")
    target = project / name
    if target.exists():
        raise Refused(f"{target} exists already; choose another name, or remove it first")
    known = sorted(p.name for p in examples().iterdir() if (p / "arkwright.toml").is_file() and p.name != _STARTER)
    if example is not None and example not in known:
        raise Unknown(f"no application is called {example!r}{did_you_mean(example, known)}")
    try:
        project.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=project) as scratch:
            made = Path(scratch) / name
            shutil.copytree(examples() / (example or _STARTER), made, ignore=_LEFT_OUT)
            _rename(made, name)
            made.rename(target)
    except OSError as error:
        raise Invalid(f"{target} cannot be written: {error.strerror}") from None
    return target


def _rename(folder: Path, name: str) -> None:
    """The project's own name in its TOML; everything else stays as the application has it."""
    file = folder / "arkwright.toml"
    text = re.sub(
        r'^project(\s*)= ".*"', rf'project\1= "{name}"', file.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE
    )
    file.write_text(text, encoding="utf-8")
