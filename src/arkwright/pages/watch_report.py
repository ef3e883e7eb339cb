"""What was noticed at endpoints and of datasets as one HTML file: it asks nothing of a network and runs nothing."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup

from arkwright.api.watch import datasets
from arkwright.api.watch.causes import Explainer
from arkwright.api.watch.data_causes import DataExplainer
from arkwright.api.watch.data_over_time import DataOverTime, data_over_time
from arkwright.api.watch.over_time import OverTime, Span, over_time
from arkwright.api.watch.told import Causes
from arkwright.core import versions
from arkwright.core.alarms import DATA
from arkwright.core.nouns import Actor, Endpoint
from arkwright.pages import watch_charts, why
from arkwright.pages.render import alone
from arkwright.sites import Site

log = logging.getLogger("arkwright.watch")
STYLE = Path(__file__).parent / "static" / "arkwright.css"


def report(
    site: Site,
    by: Actor,
    project: Path,
    *,
    names: Sequence[str] = (),
    span: str = "7d",
    until: datetime | None = None,
) -> str:
    """The same pictures as on the pages, of these endpoints and datasets (data.NAME) or of all that are watched.

    Raises Unknown for what is not there; Invalid for a span that is none.
    """
    names = names or [*versions.names(site.ledger, Endpoint), *(f"{DATA}{name}" for name in datasets.watched(project))]
    nouns = [versions.resolve(site.ledger, Endpoint, name) for name in names if not name.startswith(DATA)]
    seen = [over_time(site, by, project, endpoint=noun, span=span, until=until) for noun in nouns]
    of = [name.removeprefix(DATA) for name in names if name.startswith(DATA)]
    data = [data_over_time(site, by, project, name=name, span=span, until=until) for name in of]
    alarmed = [*(one.alarms for one in seen), *(one.alarms for one in data)]
    return alone(
        "watch_report.html",
        style=Markup(STYLE.read_text(encoding="utf-8")),  # noqa: S704 - our own
        seen=[(one, watch_charts.shown(one), watch_charts.alarms(one), _whys(site, one)) for one in seen],
        data=[(one, watch_charts.data_shown(one), _data_whys(site, one)) for one in data],
        span=span,
        until=until,
        standing=sum(alarm.end is None for alarms in alarmed for alarm in alarms),
        now=datetime.now(UTC),
    )


def _whys(site: Site, found: OverTime) -> dict[str, tuple[Causes, list[why.Column]]]:
    """Of what stands, by its name: what explains it now. Of the others stands what was said when they were raised."""
    return _explained(Explainer(site, found.endpoint), found)


def _data_whys(site: Site, found: DataOverTime) -> dict[str, tuple[Causes, list[why.Column]]]:
    """The same of a dataset."""
    return _explained(DataExplainer(site, f"{DATA}{found.name}"), found)


def _explained(explain: Explainer | DataExplainer, found: Span) -> dict[str, tuple[Causes, list[why.Column]]]:
    stand = [one.alarm.alarm for one in found.alarms if one.end is None]
    made: dict[str, tuple[Causes, list[why.Column]]] = {}
    for alarm in stand:
        try:
            one = explain.alarm(alarm)
            made[alarm.ref] = one, why.shown(one)
        except Exception as error:  # noqa: BLE001 - a report shows the others
            log.warning("%s is not explained: %s", alarm.ref, error)
    return made
