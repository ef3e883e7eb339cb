"""`arkwright run`."""

import argparse
from pathlib import Path

from arkwright.api.build import run
from arkwright.cli import context, output, summary
from arkwright.core.errors import ArkwrightError, Refused
from arkwright.core.nouns import Release
from arkwright.core.rules import Judgement
from arkwright.line.line import Outcome, Result


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="instead of the project's seed")
    parser.add_argument(
        "--summary",
        type=Path,
        metavar="FILE",
        help="write what was found as Markdown, also where it is refused or fails",
    )


def main(given: argparse.Namespace) -> int:
    try:
        with output.progress(quiet=given.json) as say:
            result = run(context.site(given), context.actor(given), context.project(given), seed=given.seed, say=say)
    except ArkwrightError as error:
        if given.summary:
            summary.write(given.summary, summary.failed(error))
        raise
    if given.summary:
        summary.write(given.summary, summary.of(result))
    if given.json:
        output.as_json(result)
    else:
        _print(result)
    if result.problem:
        raise Refused(result.problem)  # behind the evidence, on standard error, as every other refusal
    return 0


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


def _print_outcome(outcome: Outcome) -> None:
    screen = output.console()
    if outcome.measured:
        screen.print()
        screen.print(output.candidates(outcome.measured))
    if not outcome.release:
        name = outcome.model.name
        said = f"no endpoint asks for {name}, so nothing is released; add [gate.NAME] and [endpoint.NAME] for it"
        screen.print(output.escape(said))
        return
    screen.print()
    screen.print(output.findings(outcome.findings, title=f"promises about {outcome.model.ref}"))
    if outcome.release and outcome.judgement and outcome.judgement.promises_kept:
        screen.print()
        screen.print(next_step(outcome.release, outcome.judgement))


def next_step(release: Release, judgement: Judgement) -> str:
    """What to do with a release that keeps every promise. It is named with its version: the latest may be another."""
    which = f"{release.name}@{release.version}"
    if judgement.passed:
        return f"[green]✓[/] {release.ref} passed its gate; next: arkwright promote {which}"
    if judgement.refusals:
        said = judgement.refusals[0]
        return f"[bold red]✗[/] {release.ref} keeps every promise, and {output.escape(said.by)} refused it"
    waits = f"[green]✓[/] {release.ref} keeps every promise; it waits for a signature as"
    role = judgement.unsigned[0]
    return f"{waits} {' and '.join(judgement.unsigned)}\n  next: arkwright sign {which} --by NAME --role {role}"
