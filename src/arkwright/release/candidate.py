"""The candidate folder: the model with all that is known about it. The same inputs make the same bytes."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from arkwright.core import onnx_guard
from arkwright.core.errors import ArkwrightError, Invalid
from arkwright.core.nouns import Finding, Gate
from arkwright.core.record import digest_file, encode
from arkwright.core.safeguards import words as safeguards
from arkwright.core.signature import Signature
from arkwright.release.bom import bill
from arkwright.release.card import readme
from arkwright.release.facts import Card, Guards, Lineage
from arkwright.release.folder import check_path

CODE, REFERENCE, BILL = "code/", "reference.msgpack", "bom.cdx.json"


def build(
    folder: Path,
    *,
    model: Path,
    signature: Signature,
    gate: Gate,
    findings: Sequence[Finding],
    lineage: Lineage,
    card: Card,
    code: Mapping[str, bytes],
    reference: Path,
    guards: Guards | None = None,
) -> dict[str, Path]:
    """Write the candidate into `folder`, new or empty; path -> file of everything that belongs to it.

    `model`: an ONNX graph, or the `rules.json` of a model of rules; `findings`: about the data and the model, latest
    per promise; `code`: path below `code/` -> bytes; `reference`: the rows that it was judged on, as counts. Raises
    Refused or Invalid for a graph that no release may hold, a bad path, a folder in use, or code that the signature
    names and `code` lacks.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Invalid(f"{folder} is not empty; a candidate is built in a new folder")
    name = safeguards.RULES if model.name == safeguards.RULES else "model.onnx"
    if name == "model.onnx":
        onnx_guard.check(model)
    sources = {check_path(CODE + path): data for path, data in code.items()}
    if signature.features and signature.features.file not in sources:
        held = ", ".join(sorted(sources)) or "nothing"
        raise Invalid(f"the signature names {signature.features.file}, and the code holds {held}")
    facts: dict[str, Any] = {
        "signature.json": signature,
        "promises.json": _promises(gate, findings),
        "lineage.json": lineage,
        BILL: bill(signature, findings, lineage, card, digest_file(model)),
    }
    if guards and (beside := guards.rules[: len(guards.rules) - guards.own]):
        facts |= {safeguards.FILE: beside, safeguards.SEEN: guards.seen}
    texts = {name: encode(value).encode() + b"\n" for name, value in facts.items()}
    texts["README.md"] = readme(signature, gate, findings, lineage, card, guards).encode()
    made: dict[str, Path] = {}
    try:
        for path, data in sorted({**texts, **sources}.items()):
            made[path] = folder / path
            made[path].parent.mkdir(parents=True, exist_ok=True)
            made[path].write_bytes(data)
        for path, source in ((name, model), (REFERENCE, reference)):
            made[path] = folder / path
            shutil.copyfile(source, made[path])
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ArkwrightError(f"the candidate cannot be written to {folder}: {os.strerror(error.errno or 0)}") from None
    return made


def _promises(gate: Gate, findings: Sequence[Finding]) -> dict[str, Any]:
    """What was promised and found. Versions and runs are left out: they count walks, and say nothing of these bytes."""
    found = {f.promise for f in findings}
    said = []
    for finding in findings:
        facts = {**msgspec.to_builtins(finding), "subject": finding.subject.split("@")[0]}
        said.append({key: value for key, value in facts.items() if key != "run"})
    return {
        "gate": gate.name,
        "signed_by": list(gate.signed_by),
        "found": said,
        "not_measured": [promise for promise in gate.promises if promise not in found],
    }
