"""A project with its code imported: what the worker, tests and notebooks hold."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from arkwright.core import rows
from arkwright.core.durable import writing
from arkwright.core.errors import ArkwrightError, Invalid, Unknown, did_you_mean
from arkwright.core.rows import Field
from arkwright.core.usercode import GIVEN
from arkwright.project import code, decision_tables, texts, toml
from arkwright.project.code import Code
from arkwright.project.spec import ProjectSpec
from arkwright.project.toml import Sheet


@dataclass(frozen=True)
class Recipe:
    """How a dataset is made: a source, an SQL text over other datasets, or a function of them."""

    kind: str  # source | sql | python
    inputs: tuple[str, ...] = ()
    sql: str = ""
    function: Callable[..., Any] | None = None
    where: str = ""

    def place(self, message: str) -> str:
        """Where a mistake is: in SQL the first line with a word that the message quotes; else where it begins."""
        quoted = re.findall(r"""["']([^"']+)["']|\bname (\w+)""", message)
        for word in (one or other for one, other in quoted):
            for number, line in enumerate(self.sql.splitlines(), 1):
                if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line, re.IGNORECASE):
                    return f"{self.where.partition(':')[0]}:{number}"
        return self.where


@dataclass(frozen=True)
class Project:
    """A loaded project folder."""

    folder: Path
    sheet: Sheet
    code: Code

    @property
    def spec(self) -> ProjectSpec:
        return self.sheet.spec

    def fields(self, dataset: str) -> tuple[Field, ...] | None:
        """The row class of a dataset as fields, or None."""
        name = self.spec.data[dataset].row
        return rows.fields(self.code.row_class(name)) if name else None

    def recipe(self, dataset: str) -> Recipe:
        """How the dataset is made. Raises Unknown or Invalid."""
        spec = self.spec.data[dataset]
        file = self.code.folder / f"{dataset}.sql"
        function = self.code.functions().get(dataset)
        ways = [
            w for w, there in (("source", spec.source), ("SQL file", file.is_file()), ("function", function)) if there
        ]
        if len(ways) > 1:
            raise Invalid(f"{dataset} has a {' and a '.join(ways)}; keep one of them")
        if spec.source:
            return Recipe("source")
        if file.is_file():
            text = texts.read(file)
            return Recipe("sql", inputs=_tables(text, file.name), sql=text, where=f"{file.name}:1")
        if function is None:
            near = did_you_mean(dataset, self.code.functions())
            raise Unknown(f"{dataset} has no source, and neither {file.name} nor a function {dataset}(…) exists{near}")
        return Recipe("python", tuple(inspect.signature(function).parameters), "", function, self.code.where(function))

    def model_function(self, model: str) -> Callable[..., Any]:
        function = self.code.functions().get(model)
        if function is None:
            near = did_you_mean(model, self.code.functions())
            raise Unknown(f"{self.code.path.name} has no function {model}(…) that makes the model{near}")
        return function

    def features(self, model: str) -> Callable[..., Any] | None:
        """The function between the dataset and the model, or None when the model takes the dataset itself."""
        spec = self.spec.model[model]
        if spec.of_rules:
            return None
        function = self.model_function(model)
        between = [p for p in inspect.signature(function).parameters if p not in (spec.source, spec.target, *GIVEN)]
        known = self.code.functions()
        for word in between:
            if word not in known:
                near = did_you_mean(word, [*known, spec.source, spec.target, *GIVEN])
                raise Unknown(f"{self.code.where(function)}: {model}() asks for {word!r}, which nothing makes{near}")
        if len(between) > 1:
            raise Invalid(
                f"{self.code.where(function)}: {model}() asks for {' and '.join(between)}; one table is enough"
            )
        if not between:
            return None
        takes = list(inspect.signature(known[between[0]]).parameters)
        if takes != [spec.source]:
            where = self.code.where(known[between[0]])
            raise Invalid(
                f"{where}: {between[0]}() must take one parameter, {spec.source}, the dataset of [model.{model}]"
            )
        return known[between[0]]


def load(folder: Path, aside: Path | None = None) -> Project:
    """Read the TOML and import the code; nothing is run yet. Raises Unknown or Invalid with file and line.

    `aside`: an empty folder from which a copy of the code runs. Whatever else lies beside the code is not there, so
    that nothing which is neither a source nor on record can decide a result.
    """
    sheet = toml.read(folder)
    if aside is None or not (folder / sheet.spec.code).is_file():
        return Project(folder, sheet, code.load(folder, sheet.spec.code))
    files = code.files(folder, sheet.spec.code) | decision_tables.files(folder, sheet.spec)
    for name, path in files.items():
        try:
            data = path.read_bytes()
        except OSError as error:
            raise Invalid(f"{name} cannot be read: {(error.strerror or '').lower()}") from None
        with writing(f"the folder {aside}"):
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            (aside / name).write_bytes(data)
    return Project(folder, sheet, code.load(aside, sheet.spec.code))


def _tables(sql: str, file: str) -> tuple[str, ...]:
    """The tables a query reads. Raises Invalid with the line of a mistake, or when it is not one SELECT."""
    try:
        statements = [s for s in sqlglot.parse(sql, read="duckdb") if s is not None]
    except SqlglotError as error:
        first = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).splitlines()[0]
        line = re.search(r"Line (\d+)", first)
        raise Invalid(f"{file}:{line[1] if line else 1}: {first}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise Invalid(f"{file}:1: it must hold one SELECT (a WITH before it is fine)")
    query = statements[0]
    own = {cte.alias_or_name for cte in query.find_all(exp.CTE)}
    found = [table.name for table in query.find_all(exp.Table) if table.name not in own]
    for table in query.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier) or table.args.get("db"):
            raise Invalid(f"{file}:1: it may read only the project's datasets, not {table.sql()[:60]!r}")
    return tuple(dict.fromkeys(found))


def reason(error: Exception) -> str:
    """The message of an error of ours, for a list of problems."""
    return str(error) if isinstance(error, ArkwrightError) else f"{type(error).__name__}: {error}"
