"""`arkwright label`."""

import argparse
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from arkwright.api.endpoints.logged import kind, label, spelt
from arkwright.cli import context, output
from arkwright.core.errors import Invalid, did_you_mean
from arkwright.serve.tap.labels import Value

COLUMNS = ("id", "label", "row")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="such as late")
    parser.add_argument("--id", help="of the request, as its answer's header says")
    parser.add_argument("--label", help="what turned out to be true")
    parser.add_argument("--row", type=int, default=0, help="which row of the request, counted from 0")
    parser.add_argument("--file", metavar="FILE", help="many labels: CSV with id,label[,row], or JSON lines")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    one = given.id is not None and given.label is not None
    if one == (given.file is not None):
        raise Invalid("give --id and --label for one prediction, or --file for many")
    wanted = kind(site, given.endpoint)
    labels = (
        [{"id": given.id, "label": spelt(given.label, wanted), "row": given.row}] if one else _read(given.file, wanted)
    )
    done = label(site, actor, project, endpoint=given.endpoint, labels=labels)
    if given.json:
        output.as_json(done)
        return 0
    strangers = f"; {done.unknown} belong to no prediction that is known by now" if done.unknown else ""
    output.console().print(f"[green]✓[/] {done.labels} label{'s' if done.labels != 1 else ''} kept{strangers}")
    return 0


def _read(name: str, wanted: type[Value] | None) -> list[dict[str, Any]]:
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Invalid(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"{name} is not UTF-8") from None
    made = list(_csv(name, text, wanted) if Path(name).suffix.lower() == ".csv" else _lines(name, text))
    if not made:
        raise Invalid(f"{name} holds no label")
    return made


def _csv(name: str, text: str, wanted: type[Value] | None) -> Iterator[dict[str, Any]]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    head = rows.fieldnames or []
    for column in head:
        if column not in COLUMNS:
            raise Invalid(f"{name}:1: unknown column {column[:80]!r}{did_you_mean(column, COLUMNS)}")
    if not {"id", "label"} <= set(head):
        raise Invalid(f"{name}:1: the first line must name the columns id and label")
    try:
        for row in rows:
            yield _cells(row, wanted)
    except (Invalid, csv.Error) as error:
        raise Invalid(f"{name}:{rows.line_num}: {error}") from None


def _cells(row: dict[str, Any], wanted: type[Value] | None) -> dict[str, Any]:
    if None in row or None in row.values():  # as the csv module says it
        raise Invalid("this line has more cells than the first, or fewer")
    number = row.get("row", "0")
    if not number.isdecimal():
        raise Invalid(f"{number[:40]!r} is no row; the rows of a request are counted from 0")
    return {"id": row["id"], "label": spelt(row["label"], wanted), "row": int(number)}


def _lines(name: str, text: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.DecodeError as error:
                raise Invalid(f"{name}:{number}: this is no JSON object: {error}") from None
