"""What endpoints promise of their traffic, tried before there is any: what can never be measured is a mistake."""

from collections.abc import Mapping, Sequence

from arkwright.core.durations import seconds
from arkwright.core.errors import ArkwrightError, Invalid, Unknown
from arkwright.core.promises import Call, parse
from arkwright.measures import traffic
from arkwright.measures.operations import COUNTED
from arkwright.measures.registry import OF_RELEASE
from arkwright.monitor.answered import PREDICTION, SCORE, named
from arkwright.project.problems import Lines, Problems
from arkwright.project.spec import EndpointSpec, ProjectSpec


def rehearsed(spec: ProjectSpec, lines: Lines, columns: Mapping[str, Sequence[str] | None], problems: Problems) -> None:
    """`columns`: of each dataset, None where only reading it can tell."""
    for name, endpoint in spec.endpoint.items():
        for text in endpoint.promises:
            try:
                must_fit(spec, endpoint, columns, parse(text).call)
            except ArkwrightError as error:
                problems.add(lines.of("endpoint", name, "promises", mentioning=text), error)


def must_fit(
    spec: ProjectSpec, endpoint: EndpointSpec, columns: Mapping[str, Sequence[str] | None], call: Call
) -> None:
    """Raises Unknown or Invalid for a promise that this endpoint's traffic can never tell."""
    model = spec.model.get(endpoint.model)
    known, task = (columns.get(model.source), model.task) if model else (None, None)
    raw = [one for one in known if model is None or one != model.target] if known else list(traffic.mentioned(call))
    spoken = (*raw, *named((PREDICTION, SCORE) if task == "classification" else (PREDICTION,), raw))
    measure, _ = traffic.bind(call, spoken, task)
    if measure.stage in OF_RELEASE or call.name in COUNTED:
        return
    if endpoint.logged is None:
        raise Invalid(f"{call.name} is measured on the answers that are logged, and here log = false")
    late, keep = endpoint.watch.labels_after, endpoint.logged.keep
    if late and seconds(late) >= seconds(keep) and traffic.needs_labels(call):
        gone = f'the log has no row by then: log.keep = "{keep}"'
        raise Invalid(f"{call.name} rests on labels that come after {late}, and {gone}")
    redacted = endpoint.logged.redact
    try:
        traffic.bind(call, tuple(one for one in spoken if one not in redacted), task)
    except Unknown:
        words = " and ".join(one for one in redacted if one in traffic.mentioned(call))
        raise Invalid(f"{call.name} needs the column {words}, which log.redact keeps out of the log") from None
