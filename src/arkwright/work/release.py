"""The tasks of a candidate: which packages it is made with, and its folder."""

from pathlib import Path
from typing import Any

import msgspec

from arkwright.core.nouns import Finding, Gate
from arkwright.core.safeguards.words import RULES
from arkwright.core.signature import Signature
from arkwright.monitor import packing
from arkwright.optimize.table import Measured
from arkwright.project.spec import ProjectSpec
from arkwright.release import bom, candidate
from arkwright.release.facts import Card, Group, Lineage, hardware
from arkwright.work import code, evidence, safeguards
from arkwright.work.models import ONNX, SIGNATURE
from arkwright.work.worker import Worker


def assemble(
    worker: Worker,
    laid: str,
    folder: str,
    lineage: Any,
    gate: Any,
    findings: Any,
    training: str,
    guarded: dict[str, Any] | None = None,
) -> Any:
    """The model with all that is known about it, as one folder. `guarded`: the safeguards beside it, if any."""
    measured = msgspec.json.decode((Path(laid) / evidence.MEASURED).read_bytes(), type=Measured)
    made = candidate.build(
        Path(folder),
        model=Path(laid) / (RULES if (Path(laid) / RULES).exists() else ONNX),
        signature=msgspec.json.decode((Path(laid) / SIGNATURE).read_bytes(), type=Signature),
        gate=msgspec.convert(gate, Gate),
        findings=msgspec.convert(findings, list[Finding]),
        lineage=msgspec.convert({**lineage, "hardware": hardware()}, Lineage),
        card=_card(worker.project.spec, measured, training),
        code=code.sources(worker.project),
        reference=Path(laid) / packing.FILE,
        guards=safeguards.guards(worker, Path(laid), **guarded) if guarded else None,
    )
    return {"files": list(made)}


def packages(_worker: Worker, engines: list[str]) -> Any:
    """(name, version) of every package that the bill of materials of a candidate lists."""
    return bom.packages(engines)


def _card(spec: ProjectSpec, measured: Measured, training: str) -> Card:
    chosen = next(c for c in measured.candidates if c.chosen)
    groups = [
        Group(column=g.column, group=g.group, rows=g.rows, values={} if g.score is None else {measured.score: g.score})
        for g in chosen.groups
    ]
    return Card(owner=spec.owner, purpose=spec.purpose, risk=spec.risk, training=training, groups=tuple(groups))
