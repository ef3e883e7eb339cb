"""Python's face: the verbs on a local project, for scripts and notebooks."""

import getpass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from arkwright import display
from arkwright.api import build, decide, look
from arkwright.api.build import Again
from arkwright.api.decide import Why
from arkwright.core import versions
from arkwright.core.nouns import Actor, Dataset
from arkwright.core.words import checked
from arkwright.data.profile.types import Profile
from arkwright.line.line import Result
from arkwright.project.loaded import Project
from arkwright.project.loaded import load as _load
from arkwright.sites import local

display.attach()


@checked
def load(folder: str | Path = ".") -> Project:
    """The project in `folder` with its code imported; nothing is run. Raises Unknown or Invalid with file and line."""
    return _load(Path(folder).resolve())


@checked
def run(folder: str | Path = ".", *, by: str | None = None, seed: int | None = None) -> Result:
    """Walk the line as `arkwright run` does. `Result.problem` is None when every promise was kept."""
    project = Path(folder).resolve()
    return build.run(local(project), Actor(name=by or getpass.getuser()), project, seed=seed)


@checked
def again(folder: str | Path = ".", *, run: str | None = None) -> Again:
    """Make a run's models again and compare every digest."""
    project = Path(folder).resolve()
    return build.again(local(project), Actor(name=getpass.getuser()), project, run=run)


@checked
def why(release: str, folder: str | Path = ".") -> Why:
    """Why a release may or may not be deployed, as `arkwright why` says it. Raises Unknown."""
    project = Path(folder).resolve()
    return decide.why(local(project), Actor(name=getpass.getuser()), project, release=release)


@checked
def profile(dataset: str, folder: str | Path = ".") -> Profile:
    """A dataset, a file or an address in numbers, as `arkwright profile` shows it."""
    project = Path(folder).resolve()
    return look.profile(local(project), Actor(name=getpass.getuser()), project, dataset=dataset)


@checked
def read(dataset: str, folder: str | Path = ".") -> pa.Table:
    """The rows of a dataset snapshot (`departures`, `flights@2`) as an Arrow table; its bytes are verified."""
    site = local(Path(folder).resolve())
    return pq.read_table(site.store.path(versions.resolve(site.ledger, Dataset, dataset).digest))
