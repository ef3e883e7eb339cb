"""The half year of flights: the model, the canary and how it is halted, done word by word."""

from pathlib import Path

from . import console

ROOT = Path(__file__).parents[2]
NEAR = 0.003
PATIENCE = 300.0  # seconds for a command: it trains on a hundred thousand flights


def test_a_bad_canary_is_halted_before_any_label(tmp_path):
    page = (ROOT / "docs" / "watch-tutorial.md").read_text(encoding="utf-8")
    shell = console.Shell(ROOT, console.environment(tmp_path))
    try:
        for step in console.steps(page):
            said = shell.run(step, PATIENCE)
            shown, got = "\n".join(step.expected), "\n".join(said)
            assert console.matches(step.expected, said, near=NEAR), (
                f"$ {step.command}\n\nthe page:\n{shown}\n\nreally:\n{got}"
            )
    finally:
        shell.close()
