"""A model of rules that people wrote: nothing is trained, and its answers are measured as those of any other model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from arkwright.core.errors import Invalid
from arkwright.core.record import encode
from arkwright.core.safeguards import book
from arkwright.core.safeguards.words import RULES, Rule
from arkwright.core.signature import Signature
from arkwright.optimize.table import Measured
from arkwright.project import safeguards as placed
from arkwright.project.loaded import Project
from arkwright.work import code, evidence, latency, safeguards
from arkwright.work.models import SIGNATURE, judge_of
from arkwright.work.reference import telling_apart
from arkwright.work.rows import Rows
from arkwright.work.worker import Worker


def write(worker: Worker, model: str, path: str, seed: int, folder: str, rules: Any) -> Any:
    """The rules as data, held against the classes that are there. Raises Invalid with the place of a wrong one."""
    given, rows = msgspec.convert(rules, tuple[Rule, ...]), worker.rows(model, path, seed)
    safeguards.check(worker, model, rows)
    scope = safeguards.scope(worker.project, model, rows)
    for rule in given:
        try:
            book.compiled([rule], scope)
        except Invalid as error:
            place = placed.where(worker.project, ("model", model, "rules"), rule)
            raise Invalid(f"{place}: {str(error).replace('the safeguard', 'the rule', 1)}") from None
    (Path(folder) / RULES).write_text(encode(given) + "\n", encoding="utf-8")
    facts = {
        "estimator": "rules",
        "rules": len(given),
        "split": rows.split.note,
        "rows held out": int(rows.split.test.sum()),
    }
    return {"files": [RULES], "measured": [], "facts": facts}


def measure(worker: Worker, model: str, path: str, trained: str, folder: str, seed: int) -> Any:
    """What the rules answer to the rows held out, with its evidence."""
    project, rows, out = worker.project, worker.rows(model, path, seed), Path(folder)
    spec, data = project.spec.model[model], (Path(trained) / RULES).read_bytes()
    rules = msgspec.json.decode(data, type=tuple[Rule, ...])
    base = evidence.evaluation(rows, spec.task, seed, (_answers(project, model, rules, rows), None))
    signed = Signature(
        model=model,
        task=spec.task,
        target=spec.target,
        columns=tuple(f.column for f in code.fields(project, model, rows) if f.name != spec.target),
        inputs=(),
        outputs=(),
        classes=rows.classes,
        key=telling_apart(project, spec, rows),
    )
    (out / RULES).write_bytes(data)
    (out / SIGNATURE).write_bytes(msgspec.json.encode(signed))
    worker.say(f"measure {model}: {len(rules)} rules")
    times = latency.of_release(out, rows.raw.filter(rows.test))
    judge, score = judge_of(base, spec)
    made = judge.candidate("rules", (base.label, None), latency.spread(times), len(data), servable=True)
    measured = Measured(
        score=score,
        limit=1.0,
        candidates=(replace(made, chosen=True, why="the rules as they were written"),),
        size_bytes=len(data),
        latencies_ms=tuple(tuple(line) for line in times.tolist()),
    )
    files, own = evidence.save(out, measured, base, rows, signed.key)
    facts = {"form": "rules", "score": score} | ({score: made.score} if made.score is not None else {})
    return {"files": [RULES, SIGNATURE, *files], "measured": own, "facts": facts}


def _answers(project: Project, model: str, rules: tuple[Rule, ...], rows: Rows) -> Any:
    """(n,) class codes, or values, of the rows held out."""
    compiled = book.compiled(rules, safeguards.scope(project, model, rows))
    places = [compiled.first(row, None, {}) for row in safeguards.raw_rows(compiled, rows)]
    if not rows.classes:
        return np.array([float(rules[place].answer) for place in places], dtype=np.float64)
    codes = [rows.classes.index(rule.answer) for rule in rules]
    return np.array([codes[place] for place in places], dtype=np.int64)
