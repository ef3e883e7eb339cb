"""The model card: `README.md` with the front matter of Hugging Face (huggingface.co/docs/hub/model-cards).

Sections after Mitchell et al. 2019, "Model Cards for Model Reporting". Whatever a person wrote is shown as text.
"""

import html
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from arkwright.core import rows
from arkwright.core.nouns import Column, Finding, Gate
from arkwright.core.promises import parse
from arkwright.core.rules import found
from arkwright.core.safeguards.words import class_name
from arkwright.core.signature import Signature
from arkwright.release.facts import Card, Group, Guards, Lineage

_PIPELINE = {"classification": "tabular-classification", "regression": "tabular-regression"}


def readme(
    signature: Signature,
    gate: Gate,
    findings: Sequence[Finding],
    lineage: Lineage,
    card: Card,
    guards: Guards | None = None,
) -> str:
    """The whole card: front matter, intended use, what was found, groups, safeguards, data, training, limits, how to
    call it.
    """
    parts = [
        _front_matter(signature, findings, lineage, card),
        f"# {signature.model}\n\n{text(card.purpose)}",
        _facts(signature, card),
        "## What was promised, and what was found\n\n" + _promises(gate, findings),
        "## Groups\n\n" + _groups(card.groups),
        *([("## Rules\n\n" if guards.own else "## Safeguards\n\n") + _safeguards(guards)] if guards else []),
        "## Limits\n\n" + _list(card.limits or ("No limit was written down: ask the owner before any other use.",)),
        "## Data\n\n" + _data(signature, lineage),
        "## Training\n\n" + _training(lineage, card),
        "## How to call it\n\n" + _call(signature, guarded=guards is not None),
    ]
    return "\n\n".join(parts) + "\n"


def text(written: str) -> str:
    """What somebody wrote as one line of plain text: no markup, no table cell and no link comes out of it."""
    line = html.escape(" ".join(written.split()), quote=False)
    return re.sub(r"([\\`*_\[\]#~!])", r"\\\1", "".join(c for c in line if c.isprintable()))


def _code(written: str) -> str:
    return "`" + " ".join(written.replace("`", "'").split()) + "`"


def _front_matter(signature: Signature, findings: Sequence[Finding], lineage: Lineage, card: Card) -> str:
    task = _PIPELINE.get(signature.task, signature.task)
    metrics = [
        {"type": parse(f.promise).call.name, "name": f.promise, "value": f.value, "verified": False}
        for f in findings
        if f.value is not None and f.subject.startswith("model:")
    ]
    datasets = sorted(lineage.data)
    result = {
        "task": {"type": task},
        "dataset": {"type": lineage.project, "name": ", ".join(datasets)},
        "metrics": metrics,
    }
    front: dict[str, Any] = {
        "license": card.license,
        "library_name": "onnx" if signature.inputs else "arkwright",
        "pipeline_tag": task,
        "tags": ["arkwright", "tabular", *card.tags],
        "datasets": [f"{name}@sha256:{lineage.data[name].digest}" for name in datasets],
        "model-index": [{"name": signature.model, "results": [result]}],
    }
    lines = [f"{key}: {_yaml(value)}" for key, value in front.items()]
    return "\n".join(["---", *lines, "---"])


def _yaml(value: Any) -> str:
    """JSON, which is YAML, but for a few characters that a reader of YAML does not take as they are."""
    spelt = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]", lambda m: f"\\u{ord(m[0]):04x}", spelt)


def _facts(signature: Signature, card: Card) -> str:
    predicts = f"{_code(signature.target)} ({signature.task}"
    predicts += f": {', '.join(text(str(c)) for c in signature.classes)})" if signature.classes else ")"
    rows = [
        ("Predicts", predicts),
        ("Owner", text(card.owner)),
        ("Risk", text(card.risk)),
        ("Licence", text(card.license)),
    ]
    return _table(("", ""), rows)


def _promises(gate: Gate, findings: Sequence[Finding]) -> str:
    order = {promise: n for n, promise in enumerate(gate.promises)}
    known = sorted(findings, key=lambda f: (f.promise not in order, order.get(f.promise, 0)))
    rows = [(_subject(f), _code(f.promise), f"**{f.verdict}**", text(found(f))) for f in known]
    rows += [
        ("model", _code(p), "**not measured**", "") for p in gate.promises if p not in {f.promise for f in findings}
    ]
    signed = ", ".join(gate.signed_by) or "nobody"
    return _table(("of", "promise", "verdict", "found"), rows) + f"\n\nGate `{gate.name}`; to be signed by: {signed}."


def _subject(finding: Finding) -> str:
    return finding.subject.split("@")[0]


def _groups(groups: Sequence[Group]) -> str:
    if not groups:
        return "No groups were compared."
    measures = sorted({name for group in groups for name in group.values})
    rows = [
        (text(g.column), text(g.group), str(g.rows), *(_number(g.values.get(name)) for name in measures))
        for g in groups
    ]
    return _table(("column", "group", "rows", *measures), rows)


def _safeguards(guards: Guards) -> str:
    rows = [
        (_code(rule.name), _code(rule.when), text(class_name(rule.answer)), text(rule.because), _share(n, guards.held))
        for rule, n in zip(guards.rules, guards.fired, strict=True)
    ]
    kept = guards.held - sum(guards.fired)
    table = _table(("rule", "when", "answer", "because", "fired on"), rows)
    if guards.own:
        return f"This model is made of rules that people wrote. The first that fires answers.\n\n{table}"
    said = "Where one of these rules fires it answers instead of the model. Rules about the row are judged first, then "
    said += f"rules about the model's answer; the first that fires counts. {_share(kept, guards.held)} of the held-out "
    return f"{said}rows were left to the model.\n\n{table}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _data(signature: Signature, lineage: Lineage) -> str:
    rows = [(text(name), str(origin.rows), f"`{origin.digest}`") for name, origin in sorted(lineage.data.items())]
    columns = [(_code(c.name), c.type, "yes" if c.nullable else "no", _limits(c)) for c in signature.columns]
    inputs = _table(("column", "type", "may be missing", "may be"), columns)
    return _table(("dataset", "rows", "SHA-256"), rows) + "\n\nOne row to predict has these columns:\n\n" + inputs


def _limits(column: Column) -> str:
    """Which values the row class allows: a list, or bounds."""
    if column.allowed:
        return ", ".join(text(str(value)) for value in column.allowed)
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    return ", ".join(text(f"{signs.get(word, word.replace('_', ' '))} {limit}") for word, limit in column.limits)


def _training(lineage: Lineage, card: Card) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in sorted(lineage.engines.items()))
    lines = [text(card.training)] if card.training else []
    lines += [f"Seed {lineage.seed}; {packages or 'packages unknown'}.", "All digests are in `lineage.json`."]
    return "\n\n".join(lines)


def _call(signature: Signature, *, guarded: bool) -> str:
    row = msgspec.json.encode(rows.example(rows.from_columns(signature.columns))).decode()
    body = row.replace("'", "'\\''")
    command = (
        f"curl -H 'Content-Type: application/json' -d '{body}' http://HOST:PORT/endpoints/{signature.model}/predict"
    )
    tensors = f"Tensors: Open Inference Protocol v2, `POST /v2/models/{signature.model}/infer`."
    if guarded:
        tensors = "Tensors are not taken: rules judge raw rows."
    return f"```sh\n{command}\n```\n\n{tensors}"


def _list(lines: Iterable[str]) -> str:
    return "\n".join(f"- {text(line)}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[cell.replace("|", r"\|") for cell in line] for line in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
