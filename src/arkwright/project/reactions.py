"""What is done about alarms, as `arkwright.toml` says it: that it can be done, and that each thing can come to be."""

from collections.abc import Sequence

import msgspec

from arkwright.core.alarms import READABLE, UNCHANGED, Reaction
from arkwright.core.errors import did_you_mean
from arkwright.monitor.policy import never
from arkwright.project.problems import Lines, Problems
from arkwright.project.spec import DataReactionSpec, DataSpec, EndpointSpec, ProjectSpec, ReactionSpec


def of_endpoint(name: str, endpoint: EndpointSpec, spec: ProjectSpec, lines: Lines, problems: Problems) -> None:
    if endpoint.fallback is not None and endpoint.fallback not in spec.model:
        near = did_you_mean(endpoint.fallback, spec.model)
        problems.add(lines.of("endpoint", name, "fallback"), f"no model is called {endpoint.fallback!r}{near}")
    elif endpoint.fallback is not None and all(
        (one.model, one.gate) != (endpoint.fallback, endpoint.gate) for one in spec.endpoint.values()
    ):
        both = f'model = "{endpoint.fallback}" and gate = "{endpoint.gate}"'
        why = f"no endpoint says {both}, so no release that may take over is made; say so under [endpoint.…]"
        problems.add(lines.of("endpoint", name, "fallback"), why)
    for reaction in endpoint.reactions:
        if reaction.to is not None and reaction.to not in endpoint.promises:
            near = did_you_mean(reaction.to, endpoint.promises)
            where = lines.of("endpoint", name, "reactions", mentioning=reaction.to)
            problems.add(where, f"to: the endpoint does not promise {reaction.to!r}{near}")
        if "fallback" in reaction.do and endpoint.fallback is None:
            where = lines.of("endpoint", name, "reactions", mentioning="fallback")
            problems.add(where, f"do: say to which model: fallback = … under [endpoint.{name}]")
        if "halt" in reaction.do and reaction.of == "live":
            where = lines.of("endpoint", name, "reactions", mentioning="halt")
            problems.add(where, 'do: what answers alone cannot be halted, only rolled back; of = "canary" or "shadow"')
    _each_happens(("endpoint", name), endpoint.reactions, lines, problems)


def of_data(name: str, data: DataSpec, lines: Lines, problems: Problems) -> None:
    if data.reactions and data.watch is None:
        problems.add(lines.of("data", name, "reactions"), f"nobody looks: say  watch = {{}}  under [data.{name}]")
    known = (READABLE, UNCHANGED, *data.promises)
    for reaction in data.reactions:
        if reaction.to is not None and reaction.to not in known:
            where = lines.of("data", name, "reactions", mentioning=reaction.to)
            problems.add(where, f"to: nothing is promised like {reaction.to!r}{did_you_mean(reaction.to, known)}")
    _each_happens(("data", name), data.reactions, lines, problems)


def _each_happens(
    table: tuple[str, str], specs: Sequence[ReactionSpec | DataReactionSpec], lines: Lines, problems: Problems
) -> None:
    for reaction, do in never([Reaction(**msgspec.structs.asdict(one)) for one in specs]):
        where = lines.of(*table, "reactions", mentioning=do)
        when = f"after {reaction.after}" if reaction.after else "at once"
        why = f"do: {do} {when} never happens, as another reaction does the same, at the latest then"
        problems.add(where, f"{why}; leave it out, or say what it is about: to, of")
