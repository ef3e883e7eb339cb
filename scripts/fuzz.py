"""Lets atheris look for bytes that the server's decoders get wrong: `python scripts/fuzz.py [NAME] [-runs=N …]`.

Without a name every target is tried, each in its own process; options are libFuzzer's. Needs atheris.
"""

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests" / "serve"
NAMES = ("rows", "tensor", "binary", "arrow", "compressed", "http", "infer", "numbers")


def main() -> int:
    names = [name for name in sys.argv[1:] if not name.startswith("-")] or NAMES
    options = [option for option in sys.argv[1:] if option.startswith("-")]
    if len(names) > 1:
        return max(subprocess.run([sys.executable, __file__, name, *options], check=False).returncode for name in names)
    import atheris

    sys.path.insert(0, str(TESTS))
    with atheris.instrument_imports(include=["arkwright.serve"]):
        import fuzz
    corpus = Path(".hypothesis") / "fuzz" / names[0]
    corpus.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(fuzz.SEEDS[names[0]]):
        (corpus / f"seed-{i}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *options], fuzz.TARGETS[names[0]])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
