"""`arkwright check`."""

import argparse

from arkwright.api.build import check
from arkwright.cli import context, output


def arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing of its own."""


def main(given: argparse.Namespace) -> int:
    with output.progress(quiet=given.json) as say:
        plan = check(context.site(given), context.actor(given), context.project(given), say=say)
    if given.json:
        output.as_json(plan)
        return 0
    rows: list[tuple[str, str, str, int | str | None]] = [
        (step.name, step.kind, ", ".join(step.inputs) or "–", len(step.columns) if step.columns else None)
        for step in plan.data
    ]
    rows += [(m.name, "model", f"{m.features}({m.dataset})" if m.features else m.dataset, "") for m in plan.models]
    output.console().print(
        output.table(("name", "kind", "made from", ">columns"), rows, title=f"{plan.project} is sound")
    )
    return 0
