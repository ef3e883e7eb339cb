"""`arkwright run`."""

import argparse

from arkwright.api.build import run
from arkwright.cli import context, output
from arkwright.core.errors import Refused
from arkwright.line.line import Outcome, Result


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="instead of the project's seed")


def main(given: argparse.Namespace) -> int:
    with output.progress(quiet=given.json) as say:
        result = run(context.site(given), context.actor(given), context.project(given), seed=given.seed, say=say)
    if given.json:
        output.as_json(result)
    else:
        _print(result)
    return Refused.exit_code if result.problem else 0


def _print(result: Result) -> None:
    screen = output.console()
    rows = [
        (d.ref, d.rows, d.quarantined, "reused" if d.ref in result.run.reused else "made")
        for d in result.datasets.values()
    ]
    screen.print(output.table(("dataset", ">rows", ">quarantined", ""), rows))
    if result.findings:
        screen.print()
        screen.print(output.findings(result.findings, title="promises about data"))
    for outcome in result.outcomes.values():
        _print_outcome(outcome)
    if result.problem:
        screen.print()
        for line in result.problem.splitlines():
            screen.print(f"[bold red]✗[/] {output.escape(line)}")


def _print_outcome(outcome: Outcome) -> None:
    screen = output.console()
    if outcome.measured:
        screen.print()
        screen.print(output.candidates(outcome.measured))
    screen.print()
    screen.print(output.findings(outcome.findings, title=f"promises about {outcome.model.ref}"))
    if not outcome.release or not outcome.judgement:
        return
    screen.print()
    if outcome.judgement.passed:
        screen.print(
            f"[green]✓[/] {outcome.release.ref} passed its gate; next: arkwright promote {outcome.release.name}"
        )
    elif outcome.judgement.promises_kept:
        roles = " and ".join(outcome.judgement.unsigned)
        screen.print(f"[green]✓[/] {outcome.release.ref} keeps every promise; it waits for a signature as {roles}")
