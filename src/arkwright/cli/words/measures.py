"""`arkwright measures`."""

import argparse
import inspect
from pathlib import Path

from arkwright.api.look import measures
from arkwright.cli import output
from arkwright.core.nouns import Actor
from arkwright.measures.registry import Measure
from arkwright.sites import local


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="one measure in full")


def main(given: argparse.Namespace) -> int:
    here = Path.cwd()  # measures need no project
    found = measures(local(here), Actor(name=""), here, name=given.name)
    if given.json:
        output.as_json([_plain(measure) for measure in found])
    elif given.name:
        _one(found[0])
    else:
        rows = [(m.stage, output.escape(_call(m)), output.escape(m.summary)) for m in found]
        output.console().print(output.table(("of", "measure", "what it says"), rows))
    return 0


def _plain(measure: Measure) -> dict[str, object]:
    return {
        "name": measure.name,
        "stage": measure.stage,
        "call": _call(measure),
        "summary": measure.summary,
        "source": measure.source,
        "tasks": measure.tasks,
    }


def _call(measure: Measure) -> str:
    words = [str(p).split(":")[0] + (f"={p.default!r}" if p.default is not p.empty else "") for p in measure.parameters]
    return f"{measure.name}({', '.join(words)})" if words else measure.name


def _one(measure: Measure) -> None:
    screen = output.console()
    screen.print(
        f"[bold]{output.escape(_call(measure))}[/]  measures a {'dataset' if measure.stage == 'data' else 'model'}"
    )
    screen.print(output.escape(inspect.cleandoc(measure.function.__doc__ or "")))
    screen.print(f"[dim]source: {output.escape(measure.source)}[/]")
