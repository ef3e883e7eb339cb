"""The rehearsal: the whole project on empty and on made-up rows, so that mistakes show before a row is read."""

import inspect
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
import pyarrow as pa

from arkwright.core import arrow, rows, rowwise
from arkwright.core.errors import ArkwrightError, Invalid, Unknown, did_you_mean
from arkwright.core.nouns import Column
from arkwright.core.ports import Tables
from arkwright.core.promises import Promise, parse
from arkwright.core.record import digest_file, digest_of
from arkwright.core.rows import Field
from arkwright.core.usercode import GIVEN
from arkwright.data.sources import leaves
from arkwright.measures import binding, registry
from arkwright.measures.registry import Scope
from arkwright.project import code, decision_tables, madeup, on_traffic, safeguards
from arkwright.project.alone import differing_column
from arkwright.project.apply import apply, apply_features
from arkwright.project.loaded import Project, Recipe
from arkwright.project.plan import DataStep, ModelStep, Plan, circle, in_order
from arkwright.project.problems import Problems

ENGINES = ("arkwright", "numpy", "pyarrow", "duckdb", "polars", "pandas", "scikit-learn", "lightgbm", "xgboost-cpu",
           "xgboost", "onnx", "skl2onnx", "onnxmltools", "onnxruntime")  # fmt: skip
MADE_UP = 200


def rehearse(project: Project, tables: Tables) -> Plan:
    """Walk the project without data. Raises Invalid with every mistake, each with file and line."""
    problems = Problems()
    steps = _data_steps(project, tables, problems)
    models = [_model_step(project, name, steps, problems) for name in project.spec.model]
    _promises(project, steps, problems)
    written = {step.name: step.rules for step in models if step}
    rules = safeguards.rehearsed(project, {name: s.columns for name, s in steps.items()}, written, problems)
    _redactions(project, steps, problems)
    problems.raise_if_any()
    where = project.code.folder
    paths = code.files(where, project.spec.code) | decision_tables.files(where, project.spec)
    files = {name: digest_file(path) for name, path in sorted(paths.items())}
    return Plan(
        project=project.spec.project,
        data=in_order(steps.values()),
        models=tuple(step for step in models if step),
        engines=engines(),
        files=files,
        safeguards=rules,
    )


def engines() -> dict[str, str]:
    """Installed packages that decide what the project's code does."""
    found = {}
    for name in ENGINES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _data_steps(project: Project, tables: Tables, problems: Problems) -> dict[str, DataStep]:
    recipes: dict[str, Recipe] = {}
    for name in project.spec.data:
        try:
            recipes[name] = _recipe(project, name)
        except ArkwrightError as error:
            problems.add(project.sheet.lines.of("data", name), error)
    drafts = [DataStep(name=n, kind=r.kind, inputs=r.inputs) for n, r in recipes.items()]
    if names := circle(drafts):
        where, made = recipes[names[0]].where, " from ".join(names)
        problems.add(where, f"these datasets are made from each other in a circle: {made}")
    problems.raise_if_any()
    steps: dict[str, DataStep] = {}
    for step in in_order(drafts):
        steps[step.name] = _data_step(project, step.name, recipes[step.name], steps, tables, problems)
    return steps


def _recipe(project: Project, name: str) -> Recipe:
    recipe = project.recipe(name)
    source = project.spec.data[name].source
    if source and leaves(source):
        line = project.sheet.lines.of("data", name, "source")
        raise Invalid(f"{line}: the source {source!r} leaves the project's folder; write the whole path, from the root")
    for word in recipe.inputs:
        if word not in project.spec.data:
            near = did_you_mean(word, project.spec.data)
            what = f"asks for {word!r}"
            raise Unknown(f"{recipe.place(what)}: {name} {what}, and no dataset is called that{near}")
    return recipe


def _data_step(
    project: Project, name: str, recipe: Recipe, steps: dict[str, DataStep], tables: Tables, problems: Problems
) -> DataStep:
    where = project.sheet.lines.of("data", name)
    fields, made = None, None
    try:
        fields = project.fields(name)
    except ArkwrightError as error:
        problems.add(project.sheet.lines.of("data", name, "row"), error)
    known = {word: steps[word].columns for word in recipe.inputs}
    inputs = {word: columns for word, columns in known.items() if columns is not None}
    if len(inputs) == len(known) and recipe.kind != "source":
        try:
            made = _made_columns(project, recipe, inputs, tables)
        except ArkwrightError as error:
            problems.add(recipe.place(str(error)) or where, error)
    columns = tuple(f.column for f in fields) if fields else made
    if fields and made:
        _same_columns(name, fields, made, recipe.where, problems)
    spec = project.spec.data[name]
    if columns is not None:
        names = [c.name for c in columns]
        for key, word in [*(("key", word) for word in spec.key), *([("time", spec.time)] if spec.time else [])]:
            if word not in names:
                place = project.sheet.lines.of("data", name, key)
                problems.add(place, f"{name} has no column {word!r}{did_you_mean(word, names)}")
    digest = digest_of(recipe.sql) if recipe.sql else project.code.digest(name) if recipe.function else ""
    row = digest_of([[f.name, f.type, f.nullable, f.limits, f.allowed] for f in fields]) if fields else ""
    return DataStep(name=name, kind=recipe.kind, inputs=recipe.inputs, code=digest, row=row, columns=columns)


def _made_columns(
    project: Project, recipe: Recipe, inputs: dict[str, tuple[Column, ...]], tables: Tables
) -> tuple[Column, ...]:
    if recipe.function is None:
        return tables.columns(recipe.sql, inputs)
    found: tuple[Column, ...] = ()
    for count in (0, MADE_UP):
        given = {word: madeup.rows(_fields(project, word, columns), count) for word, columns in inputs.items()}
        found = arrow.columns(apply(recipe.function, given).schema)
    return found


def _fields(project: Project, dataset: str, columns: tuple[Column, ...]) -> tuple[Field, ...]:
    return project.fields(dataset) or rows.from_columns(columns)


def _same_columns(
    dataset: str, fields: tuple[Field, ...], made: tuple[Column, ...], where: str, problems: Problems
) -> None:
    types = {column.name: column.type for column in made}
    for field in fields:
        if field.name not in types:
            near = did_you_mean(field.name, types)
            problems.add(where, f"{dataset} makes no column {field.name!r}, which the row class asks for{near}")
        elif types[field.name] != field.type and (types[field.name], field.type) != ("int", "float"):
            problems.add(
                where, f"{dataset} makes {field.name} as {types[field.name]}, and the row class says {field.type}"
            )
    for name in types:
        if name not in {field.name for field in fields}:
            problems.add(where, f"{dataset} makes a column {name!r} that the row class does not know")


def _model_step(project: Project, name: str, steps: dict[str, DataStep], problems: Problems) -> ModelStep | None:
    spec, lines = project.spec.model[name], project.sheet.lines
    step = steps.get(spec.source)
    columns = step.columns if step else None
    if columns is not None:
        known = [c.name for c in columns]
        wanted = [("target", spec.target), *(("groups", group) for group in spec.groups)]
        wanted += [("split", spec.split.column)] if spec.split.column else []
        for key, word in wanted:
            if word not in known:
                problems.add(
                    lines.of("model", name, key), f"{spec.source} has no column {word!r}{did_you_mean(word, known)}"
                )
    if spec.split.by in ("time", "group") and not (spec.split.column or project.spec.data[spec.source].time):
        problems.add(lines.of("model", name, "split"), f'a split by {spec.split.by} needs a column: add column = "…"')
    if spec.of_rules or spec.default is not None:
        return _rules_step(project, name, columns, problems)
    try:
        function, features = project.model_function(name), project.features(name)
    except ArkwrightError as error:
        problems.add(lines.of("model", name), error)
        return None
    if columns is not None and features is not None and spec.target in [c.name for c in columns]:
        _rehearse_features(project, name, columns, features, problems)
    digest = project.code.digest(name)
    if features:
        digest = digest_of([digest, project.code.digest(features.__name__)])
    used = features.__name__ if features else None
    takes = [word for word in inspect.signature(function).parameters if word not in GIVEN]
    if takes != [used or spec.source, spec.target]:
        must = f"must take {used or spec.source}, {spec.target} and, if it likes, seed and report, in this order"
        problems.add(project.code.where(function), f"{name}() {must}; it takes {', '.join(takes) or 'nothing'}")
    return ModelStep(name=name, dataset=spec.source, features=used, code=digest)


def _rules_step(project: Project, name: str, columns: tuple[Column, ...] | None, problems: Problems) -> ModelStep:
    spec = project.spec.model[name]
    rules = safeguards.of_model(project, name, columns, problems)
    if function := project.code.functions().get(name):
        place = project.code.where(function)
        problems.add(place, f"{name} has rules in arkwright.toml and the function {name}(); keep one of them")
    code = digest_of(msgspec.to_builtins(rules))
    return ModelStep(name=name, dataset=spec.source, features=None, code=code, rules=rules)


def _rehearse_features(
    project: Project, name: str, columns: tuple[Column, ...], features: Callable[..., Any], problems: Problems
) -> None:
    spec = project.spec.model[name]
    fields = tuple(f for f in _fields(project, spec.source, columns) if f.name != spec.target)
    where = project.code.where(features)

    def make(table: pa.Table) -> pa.Table:
        return apply_features(features, spec.source, table)

    some, by_row = madeup.rows(fields, MADE_UP), False
    try:
        rowwise.check(features, columns, spec.source, spec.target)
        by_row = rowwise.kind(features) is not None
        made = [make(some.slice(0, count)) for count in (MADE_UP, 1)]
        if not by_row:  # row by row, no row makes no column
            made.append(make(some.slice(0, 0)))
        arrow.columns(made[0].schema)  # refuses lists and other things that no model takes
        differs = differing_column(make, some)
    except ArkwrightError as error:
        message = f"{error}, of made-up rows" if by_row and "row " in str(error) else str(error)
        if f"'{spec.target}'" in message or f'"{spec.target}"' in message:
            message += f" (the target {spec.target} is not there when the model answers)"
        problems.add(where, message)
        return
    columns_made = [table.schema.names for table in made]
    if any(other != columns_made[0] for other in columns_made):
        problems.add(where, f"{features.__name__}() makes different columns on empty and on made-up rows")
    elif not columns_made[0]:
        problems.add(where, f"{features.__name__}() makes no column; a model needs one or more")
    elif made[0].num_rows != MADE_UP or made[1].num_rows != 1:
        problems.add(where, f"{features.__name__}() must give one row per row: {MADE_UP} in, {made[0].num_rows} out")
    elif differs:
        column, way_out = differs
        problems.add(where, f'{features.__name__}() answers otherwise {way_out[0]} (column "{column}"); {way_out[1]}')


def scope(project: Project, steps: dict[str, DataStep] | dict[str, tuple[Column, ...]], dataset: str) -> Scope:
    """What a dataset's promises may speak of."""

    def names(name: str) -> tuple[str, ...]:
        step = steps[name]
        columns = step.columns if isinstance(step, DataStep) else step
        return tuple(c.name for c in columns or ())

    others = tuple(f"{name}.{column}" for name in steps if name != dataset for column in names(name))
    return Scope(names(dataset), project.spec.data[dataset].key, others)


def _promises(project: Project, steps: dict[str, DataStep], problems: Problems) -> None:
    lines = project.sheet.lines
    for name, data in project.spec.data.items():
        if name not in steps or steps[name].columns is None or any(s.columns is None for s in steps.values()):
            continue  # only reading the source can tell its columns; checked right after
        for text in data.promises:
            where = lines.of("data", name, "promises", mentioning=text)
            _bind(parse(text), "data", scope(project, steps, name), None, where, problems)
    for gate_name, gate in project.spec.gate.items():
        models = {e.model for e in project.spec.endpoint.values() if e.gate == gate_name} or set(project.spec.model)
        for model in sorted(models & set(project.spec.model)):
            spec = project.spec.model[model]
            for text in gate.promises:
                where = lines.of("gate", gate_name, "promises", mentioning=text)
                _bind(parse(text), registry.GATE, Scope(spec.groups), spec.task, where, problems)
    for model, spec in project.spec.model.items():
        if spec.score:
            where = lines.of("model", model, "score")
            _bind(parse(f"{spec.score} >= 0"), "model", Scope(spec.groups), spec.task, where, problems)
    known = {name: [c.name for c in step.columns] for name, step in steps.items() if step.columns is not None}
    on_traffic.rehearsed(project.spec, lines, known, problems)


def _redactions(project: Project, steps: dict[str, DataStep], problems: Problems) -> None:
    """A misspelt column would be written, though nobody wants it to be."""
    for name, endpoint in project.spec.endpoint.items():
        model = project.spec.model.get(endpoint.model)
        step = steps.get(model.source) if model else None
        if model is None or step is None or step.columns is None or endpoint.logged is None:
            continue
        known = [column.name for column in step.columns if column.name != model.target]
        for column in endpoint.logged.redact:
            if column not in known:
                where = project.sheet.lines.of("endpoint", name, "log")
                near = did_you_mean(column, known)
                problems.add(where, f"log.redact: callers send no column {column!r}{near}")


def _bind(promise: Promise, stage: str, scope: Scope, task: str | None, where: str, problems: Problems) -> None:
    try:
        bound = binding.bind(promise.call, stage, scope, task)
        if stage == "data":
            bound()  # a data measure checks its arguments when it makes its plan
    except ArkwrightError as error:
        problems.add(where, error)
