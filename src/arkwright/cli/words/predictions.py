"""`arkwright predictions`."""

import argparse
import json
from pathlib import Path
from typing import Any

from arkwright.api.endpoints.logged import predictions, save
from arkwright.cli import context, output
from arkwright.core.times import moment

LONGEST = 60  # of a cell


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", help="such as late")
    parser.add_argument("--since", metavar="TIME", help="1h, 7d, or a time in UTC such as 2026-11-25T08:00")
    parser.add_argument("--until", metavar="TIME", help="the same; answered before it")
    parser.add_argument("--release", help="only of this release, such as late@3")
    parser.add_argument("--id", help="only of this request")
    parser.add_argument(
        "--where", action="append", default=[], metavar="VALUE",
        help="only with this value, such as carrier=UA, distance>=500, age!= (not empty), or a=1|b=2 (any); repeatable",
    )  # fmt: skip
    parser.add_argument("--limit", type=int, help="at most so many rows, the newest (default: 100; all with --out)")
    parser.add_argument("--out", metavar="FILE", help="write every column of them into this Parquet file")
    context.site_option(parser)


def main(given: argparse.Namespace) -> int:
    (site, project), actor = context.where(given), context.actor(given)
    wanted: dict[str, Any] = {
        "endpoint": given.endpoint,
        "since": moment(given.since),
        "until": moment(given.until),
        "release": given.release,
        "id": given.id,
        "where": tuple(given.where),
    }
    screen = output.console()
    if given.out:
        count = save(site, actor, project, **wanted, limit=given.limit, out=Path(given.out))
        output.as_json({"rows": count, "file": given.out}) if given.json else screen.print(
            f"[green]✓[/] {count:,} rows in {output.escape(given.out)}"
        )
        return 0
    rows = predictions(site, actor, project, **wanted, limit=100 if given.limit is None else given.limit).to_pylist()
    if given.json:
        output.as_json(rows)
    elif rows:
        head = ("at (UTC)", "id", ">row", "release", ">ms", ">status", "answer", "actual")
        screen.print(output.table(head, map(_cells, rows)))
    else:
        screen.print("no prediction was logged that fits")
    return 0


def _cells(row: dict[str, Any]) -> tuple[Any, ...]:
    at = row["at"].isoformat(" ", "milliseconds")
    shadow = " (shadow)" if row["shadow"] else ""
    release = output.escape(row["release"].partition(":")[2] + shadow)
    return at, output.escape(row["id"]), row["row"], release, row["latency_ms"], row["status"], _said(row), _actual(row)


def _said(row: dict[str, Any]) -> str:
    """The answer in one cell: the label with its probability, the value, why it was refused, or outputs by name; and
    which rule answered in place of the model, or sent the row to a person, and why.
    """
    said = "review" if row["review"] else _answered(row)
    if row["rule"]:
        said += f" by {row['rule']}" + (f": {row['because']}" if row["because"] else "")
    return output.escape(said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…")


def _answered(row: dict[str, Any]) -> str:
    label = row.get("label")
    if label is not None:
        name = _word(label)
        probability = row.get(f"probability_{name}")
        return name if probability is None else f"{name} ({probability:.3g})"
    if row.get("value") is not None:
        return str(output.number(row["value"]))
    return row["error"] or _outputs(row.get("outputs") or "")


def _outputs(text: str) -> str:
    """Tensors, or an answer that has no column of its own, by their names."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    if isinstance(found, list):
        found = {tensor["name"]: tensor.get("data") for tensor in found}
    named = found.get("outputs", found)
    return "  ".join(name if value is None else f"{name} {_short(value)}" for name, value in named.items())


def _short(value: Any) -> str:
    """Numbers as people read them, and a list of one without its brackets."""
    if isinstance(value, list):
        each = ", ".join(map(_short, value))
        return each if len(value) == 1 else f"[{each}]"
    return f"{value:.4g}" if isinstance(value, float) else _word(value)


def _actual(row: dict[str, Any]) -> str:
    actual = row.get("actual")
    return "" if actual is None else output.escape(_word(actual)[:LONGEST])


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
