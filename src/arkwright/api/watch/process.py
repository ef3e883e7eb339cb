"""The process of one round of the watch: `python -m arkwright.api.watch.process SITE PROJECT BY NAME…`, of endpoints
and data.NAME, with the site's engines as JSON on its standard input. BY: what the looks of who started it are known by.
Whoever started it may end it at any moment. It ends with 4 where another was at one of them, and is killed by its own
alarm where it hangs.
"""

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from arkwright.api import child
from arkwright.api.build import quiet
from arkwright.api.jobs import jobs
from arkwright.api.watch import looked
from arkwright.api.watch.alarms import MACHINE
from arkwright.api.watch.data import spec_of, watch_one
from arkwright.api.watch.rounds import rounds
from arkwright.core import versions
from arkwright.core.alarms import DATA
from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError, Refused
from arkwright.core.nouns import Endpoint
from arkwright.sites import Site

log = logging.getLogger("arkwright.watch")
NOWHERE = ("stopped", "cut")  # where a job has not run to an end
SHORTEST, LONGEST, MOST = 600, 3600, 2**31 - 1  # seconds; an alarm cannot be set for more


def main() -> int:
    folder, project, by, *names = sys.argv[1:]
    site = child.site(folder)

    def rerun(since: str, _may_go_on: Callable[[], None]) -> str:
        return f"the job {_job(site, Path(project), since).id} runs the line again"

    code = 0
    for name in names:
        signal.alarm(SHORTEST)
        try:
            if name.startswith(DATA):
                signal.alarm(_data_longest(Path(project), name.removeprefix(DATA)))
                watch_one(site, Path(project), name.removeprefix(DATA), rerun, quiet, by)
            else:
                with looked.at(site, name, by):
                    signal.alarm(_longest(site, name))
                    rounds(site, [name], rerun, quiet, by)
        except Refused as error:
            log.info("%s is not watched now: %s", name, error)
            code = Refused.exit_code
        except ArkwrightError as error:
            log.error("%s is not watched: %s; trying again", name, error)  # noqa: TRY400
        except Exception:  # of one endpoint: the others are watched all the same
            log.exception("%s is not watched; trying again", name)
    return code


def _longest(site: Site, name: str) -> int:
    """Seconds that a look at an endpoint may take. All others wait for one that hangs."""
    agreed = versions.resolve(site.ledger, Endpoint, name).terms
    return min(LONGEST, max(SHORTEST, seconds(agreed.every) if agreed else 0))


def _data_longest(project: Path, name: str) -> int:
    """The same of a dataset: its source has `give_up`, and what is made of what it gave the rest."""
    return min(MOST, seconds(spec_of(project, name)[1].give_up) + SHORTEST)


def _job(site: Site, project: Path, since: str) -> jobs.Job:
    """One that has been begun since then, by who was killed before it was said; or a new one."""
    ours = (job for job in jobs.jobs(site, MACHINE, project) if job.verb == "run" and job.by.name == MACHINE.name)
    known = (job for job in ours if job.made >= since and job.state not in NOWHERE)
    return next(known, None) or jobs.begin(site, MACHINE, project, verb="run", words={})


if __name__ == "__main__":
    raise SystemExit(main())
