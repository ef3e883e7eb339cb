"""What a run was given and what it made: datasets, and models that clients logged."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from arkwright.core.record import decode, encode
from arkwright.tracking import runs, words

IN, OUT = "in", "out"
NAME, DIGEST, SOURCE, SCHEMA, PROFILE, TAG = 500, 36, 65_535, 1_048_575, 16_777_215, 500  # characters
_DATASETS = """
SELECT run, name, digest, source_type, source, schema, profile, tags FROM input
WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, name, digest
"""
_MODELS = """
SELECT run, model, way, step FROM model_link WHERE run IN (SELECT value FROM json_each(?)) ORDER BY run, step, model
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset that a run used, as its client described it."""

    name: str
    digest: str
    source_type: str = ""
    source: str = ""
    schema: str = ""
    profile: str = ""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Links:
    """What belongs to one run."""

    datasets: list[Dataset] = field(default_factory=list)
    models_in: list[str] = field(default_factory=list)
    models_out: list[tuple[str, int]] = field(default_factory=list)  # (model, step)


def put(
    db: Any,
    uid: str,
    *,
    datasets: Sequence[Dataset] = (),
    models_in: Iterable[str] = (),
    models_out: Iterable[tuple[str, int]] = (),
) -> None:
    """Say that the run used these datasets and models, and made those models. Raises Unknown, Invalid."""
    run = runs.number_of(db, uid, active=True)
    for found in datasets:
        db.execute("INSERT OR IGNORE INTO input VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (run, *row(found)))
    links = [(run, model, IN, 0) for model in models_in] + [(run, model, OUT, step) for model, step in models_out]
    for link in links:
        words.uid(link[1], "model id")
        db.execute("INSERT OR REPLACE INTO model_link VALUES (?, ?, ?, ?)", link)


def row(found: Dataset) -> tuple[str, ...]:
    words.text(found.name, NAME, "the dataset's name")
    words.text(found.digest, DIGEST, "the dataset's digest")
    words.text(found.source, SOURCE, "the dataset's source")
    words.text(found.schema, SCHEMA, "the dataset's schema")
    words.text(found.profile, PROFILE, "the dataset's profile")
    for key, value in found.tags.items():
        words.text(key, 255, "the name of a dataset's tag")
        words.text(value, TAG, f"the dataset's tag {key[:80]}")
    return (
        found.name, found.digest, words.text(found.source_type, 255, "the kind of the dataset's source"), found.source,
        found.schema, found.profile, encode(found.tags),
    )  # fmt: skip


def of(db: Any, ids: Sequence[int]) -> dict[int, Links]:
    """The links of those of these runs that have any, by the run's row."""
    found: dict[int, Links] = defaultdict(Links)
    given = "[" + ",".join(map(str, ids)) + "]"
    for run, name, digest, source_type, source, schema, profile, tags in db.execute(_DATASETS, (given,)):
        found[run].datasets.append(
            Dataset(
                name=name, digest=digest, source_type=source_type, source=source, schema=schema, profile=profile,
                tags=decode(dict[str, str], tags),
            )
        )  # fmt: skip
    for run, model, way, step in db.execute(_MODELS, (given,)):
        if way == IN:
            found[run].models_in.append(model)
        else:
            found[run].models_out.append((model, step))
    return found
