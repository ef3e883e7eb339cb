"""The laws of the house that no linter knows. Prints every breach; exits 1 when there is one."""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "arkwright"
LONGEST_FILE, LONGEST_FUNCTION = 400, 60

# who may import what: an engine stays in its file (or its room), so that it can be exchanged
ENGINES: dict[str, tuple[str, ...]] = {
    "duckdb": ("infra/duckdb_tables.py",),
    "pysqlite3": (
        "infra/sqlite_ledger.py",
        "infra/sqlite_stamp.py",
        "infra/sqlite_vault.py",
        "data/readers/sqlite.py",
        "catalog/",
        "tracking/",
        "monitor/database.py",
        "govern/denied.py",
    ),
    "psycopg": ("data/readers/postgres.py", "infra/postgres_link.py"),
    "polars": ("core/frames.py", "optimize/fusion/"),
    "pandas": ("core/frames.py",),
    "sklearn": ("train/", "optimize/"),
    "skops": ("train/keep.py",),
    "lightgbm": ("train/", "optimize/"),
    "xgboost": ("train/", "optimize/"),
    "skl2onnx": ("optimize/",),
    "onnxmltools": ("optimize/",),
    "onnx": ("optimize/",),
    "onnxruntime": ("optimize/", "serve/model/graph.py"),
    "model_signing": ("release/openssf.py",),
    "cyclonedx": ("release/bom.py",),
    "uvloop": ("serve/",),
    "httptools": ("serve/", "rest/upstream.py"),
    "prometheus_client": ("serve/telemetry/",),
    "opentelemetry": ("serve/telemetry/otlp.py",),
    "grpc": ("serve/grpc/",),
    "google": ("serve/grpc/",),
    "rich": ("cli/",),
    "starlette": ("web/", "rest/", "pages/", "mlflow/", "control/"),
    "uvicorn": ("control/",),
    "jinja2": ("pages/",),
    "argon2": ("govern/passwords.py",),
    "joserfc": ("govern/",),
    "urllib3": ("notify/", "remote.py", "govern/", "tracking/importing/server.py", "advisories/https.py"),
    "cvss": ("advisories/severity.py",),
    "packaging": ("advisories/",),
    "markdown_it": ("collaborate/",),
    "tomlkit": ("project/editing.py",),
}


def main() -> int:
    sys.path.insert(0, str(ROOT / "src"))
    breaches = [line for path in sorted(SOURCE.rglob("*.py")) for line in _file(path)]
    breaches += [*_circles(), *_verbs(), *_merges()]
    for line in breaches:
        print(line)
    print(f"laws: {len(breaches)} breaches" if breaches else "laws: kept")
    return 1 if breaches else 0


def _file(path: Path) -> Iterator[str]:
    shown = path.relative_to(ROOT)
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > LONGEST_FILE:
        yield f"{shown}: {lines} lines, at most {LONGEST_FILE}"
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{shown}:{node.lineno}: {node.name} has {length} lines, at most {LONGEST_FUNCTION}"
            for inner in ast.walk(node):
                if any(name.split(".")[0] == "arkwright" for name in _imported(inner)):
                    yield f"{shown}:{inner.lineno}: imports our own module inside a function"
        yield from _engines(node, path, shown)


def _engines(node: ast.AST, path: Path, shown: Path) -> Iterator[str]:
    inside = path.relative_to(SOURCE).as_posix()
    for name in _imported(node):
        allowed = ENGINES.get(name.split(".")[0])
        if allowed is not None and not any(inside == a or (a.endswith("/") and inside.startswith(a)) for a in allowed):
            yield f"{shown}:{node.lineno}: imports {name}; only {', '.join(allowed)} may"  # type: ignore[attr-defined]


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return [node.module]
    return []


def _circles() -> Iterator[str]:
    """Layers are between packages: inside one, files could still import each other round and round."""
    graph = grimp.build_graph("arkwright", cache_dir=None)
    try:
        TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules}).prepare()
    except CycleError as found:
        yield f"an import circle: {' <- '.join(found.args[1])}"


def _verbs() -> Iterator[str]:
    """Every verb has its CLI word, a docs line, a test, and a REST route unless it belongs to the caller's machine."""
    from arkwright.api.verbs import VERBS
    from arkwright.cli.words import WORDS
    from arkwright.rest.routes import routes

    docs = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs").rglob("*.md"))
    tests = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "tests").rglob("*.py"))
    paths = {route.path for route in routes()}
    for verb, said in VERBS.items():
        if bool(said.here) == (f"/api/{verb}" in paths):
            yield f"the verb {verb} needs a REST route, or a word in api/verbs.py why it has none"
        if verb not in WORDS:
            yield f"the verb {verb} has no word on the command line"
        if f"arkwright {verb}" not in docs:
            yield f"the docs do not show `arkwright {verb}`"
        if f'"{verb}"' not in tests:
            yield f"no test speaks of the verb {verb}"


def _merges() -> Iterator[str]:
    """Of code a parser tells; a page of the docs with both sides of a merge in it is only read by people."""
    for path in chain(ROOT.glob("*.md"), *((ROOT / name).rglob("*.md") for name in ("docs", "benchmarks", "examples"))):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith(("<<<<<<< ", ">>>>>>> ")):
                yield f"{path.relative_to(ROOT)}:{number}: a merge that nobody ended"


if __name__ == "__main__":
    raise SystemExit(main())
