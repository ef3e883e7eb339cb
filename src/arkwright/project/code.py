"""The user's Python: imported where the work is done, digested by definition, so that only what changed runs again."""

import ast
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from arkwright.core.errors import Invalid, Unknown, did_you_mean
from arkwright.core.record import digest_bytes, digest_of
from arkwright.core.usercode import describe, execute
from arkwright.project import texts

_ESCAPES = {"globals", "exec", "eval", "__import__", "vars", "locals"}


@dataclass(frozen=True)
class Code:
    """An imported code file. `folder` is where it runs: the project's, or that of the run's own copy."""

    folder: Path
    path: Path
    module: ModuleType
    tree: ast.Module

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions this file defines or imports by name."""
        return {name: value for name, value in vars(self.module).items() if inspect.isfunction(value)}

    def row_class(self, name: str) -> type:
        """The row class of this name. Raises Unknown with a near miss."""
        classes = {n: value for n, value in vars(self.module).items() if inspect.isclass(value)}
        if name not in classes:
            own = [n for n, value in classes.items() if value.__module__ == self.module.__name__]
            raise Unknown(f"{self.path.name} has no class {name!r}{did_you_mean(name, own)}")
        return classes[name]

    def where(self, function: Callable[..., Any]) -> str:
        return f"{Path(function.__code__.co_filename).name}:{function.__code__.co_firstlineno}"

    def digest(self, name: str) -> str:
        """Digest of a definition and of everything in the project that it uses."""
        return _definition_digest(self.tree, name, self.path)


def load(folder: Path, file: str) -> Code:
    """Import the project's code. Raises Unknown or Invalid with file and line; what the code prints is not touched."""
    path = folder / file
    if not path.exists():
        others = [p.name for p in sorted(folder.glob("*.py"))]
        raise Unknown(f"the code file {file!r} does not exist{did_you_mean(file, others)}")
    try:
        tree = ast.parse(texts.read(path), str(path))
    except SyntaxError as error:
        raise Invalid(f"{path.name}:{error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Invalid(f"{path.name} cannot be read as Python: {describe(error)}") from None
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    sys.modules[path.stem] = module
    execute(partial(spec.loader.exec_module, module), folder)
    return Code(folder, path, module, tree)


def files(folder: Path, code: str) -> dict[str, Path]:
    """Everything that makes up the project's code: the TOML, the Python and the SQL files of the folder."""
    found = [folder / "arkwright.toml", folder / code]
    for pattern in ("*.py", "*.sql"):
        found += [p for p in folder.rglob(pattern) if not _aside(p.relative_to(folder))]
    return {p.relative_to(folder).as_posix(): p for p in sorted(set(found)) if p.is_file()}


def _aside(path: Path) -> bool:
    parts = path.parts
    return any(part.startswith(".") or part in ("__pycache__", "tests", "venv") for part in parts)


def _definition_digest(tree: ast.Module, name: str, path: Path) -> str:
    text = path.read_bytes()
    if any(isinstance(node, ast.Name) and node.id in _ESCAPES for node in ast.walk(tree)):
        return digest_bytes(text)  # who looks names up by hand may use anything
    defined: dict[str, list[ast.stmt]] = {}
    loose: list[ast.stmt] = []
    for node in tree.body:
        names = list(_names_defined(node))
        for word in names:
            defined.setdefault(word, []).append(node)
        if not names or "*" in names:
            loose.append(node)
    used, waiting = dict.fromkeys(loose), [name]
    for node in loose:
        waiting += _names_used(node)
    seen: set[str] = set()
    while waiting:
        word = waiting.pop()
        if word in seen:
            continue
        seen.add(word)
        for node in defined.get(word, ()):
            used[node] = None
            waiting += _names_used(node)
    parts = [ast.dump(node) for node in tree.body if node in used]
    direct = [file for node in tree.body if node in used for file in _local_files(path.parent, node)]
    local = {other for file in direct for other in imported_files(path.parent, file.relative_to(path.parent))}
    return digest_of([parts, [digest_bytes(file.read_bytes()) for file in sorted(local)]])


def _names_defined(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=word) | ast.AsyncFunctionDef(name=word) | ast.ClassDef(name=word):
            yield word
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            for alias in names:
                yield (alias.asname or alias.name).split(".")[0]
        case ast.Assign(targets=targets):
            for target in targets:
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=word)) | ast.AugAssign(target=ast.Name(id=word)):
            yield word


def _names_used(node: ast.stmt) -> list[str]:
    used = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    # annotations may be strings: "pl.DataFrame"
    text = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return used + [word for t in text if len(t) < 100 for word in t.replace(".", " ").split()]


def imported_files(folder: Path, file: Path) -> list[Path]:
    """`folder / file` and every Python file of the project that it imports, directly or through another."""
    found: dict[Path, None] = {}
    waiting = [folder / file]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = None
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, ValueError):
            continue  # importing it says what is wrong with it
        waiting += [other for node in ast.walk(tree) for other in _local_files(folder, node)]
    return sorted(found)


def _local_files(folder: Path, node: ast.AST) -> list[Path]:
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    elif isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        return []
    paths = []
    for name in names:
        parts = name.split(".")
        paths += [folder.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
        paths.append(folder.joinpath(*parts).with_suffix(".py"))
    return [path for path in paths if path.is_file()]
