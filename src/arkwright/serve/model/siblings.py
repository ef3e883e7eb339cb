"""Imports of a release's code: what lies beside it in `code/` comes first, for this release alone.

Each release is a package of a private name. Its modules get an `__import__` of their own, which Python asks for every
import statement in them, also in a function that runs later: a plain name that lies beside them means that file.
Everybody else goes on with Python's own: sys.path is not touched, and no sibling is known under its plain name.
A name that `importlib.import_module` is given as a text is not seen here and means what is installed.
"""

import builtins
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from arkwright.core.errors import Invalid, Refused
from arkwright.serve.model.signed import Signed

PREFIX = "_arkwright_release_"


class Siblings:
    """The folder `code` of one release as the package `root`."""

    def __init__(self, root: str, code: Path, signed: Signed) -> None:
        self.root, self._code, self._signed = root, code, signed
        self._own: dict[str, bool] = {}
        self._builtins = vars(builtins) | {"__import__": self._import}

    def spec(self, name: str, path: Path) -> ModuleSpec:
        """How the file `path` becomes the module `name`. Raises Refused for a link."""
        self._no_link(path)
        spec = spec_from_file_location(name, path, loader=_Loader(name, path, self._builtins, self._read))
        assert spec
        if spec.submodule_search_locations is not None:
            spec.submodule_search_locations = []  # or Python's own finder would look there first
        return spec

    def find(self, name: str) -> ModuleSpec | None:
        """The spec of a module below `root`: a package, a file, or a folder that is a package without saying so."""
        parts = name.split(".")[1:]
        if not all(part.isidentifier() for part in parts):
            return None
        base = self._code.joinpath(*parts)
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if _there(path):
                return self.spec(name, path)
        if not base.is_dir():
            return None
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = []
        return spec

    def package(self) -> ModuleType:
        spec = ModuleSpec(self.root, None, is_package=True)
        spec.submodule_search_locations = []
        return module_from_spec(spec)

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - Python's own names
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> Any:
        head = name.partition(".")[0]
        if level or not self._is_own(head):
            return builtins.__import__(name, globals, locals, fromlist, level)
        private = f"{self.root}.{name}"
        if fromlist:
            return builtins.__import__(private, globals, locals, fromlist)
        import_module(private)
        return import_module(f"{self.root}.{head}")

    def _is_own(self, head: str) -> bool:
        if head not in self._own:
            self._own[head] = head.isidentifier() and self._lies_here(head)
        return self._own[head]

    def _lies_here(self, head: str) -> bool:
        base = self._code / head
        if _there(base / "__init__.py") or _there(base.with_name(f"{head}.py")):
            if head in sys.stdlib_module_names:  # in training it depends on what was imported before
                raise Invalid(f"the project's {head} has the name of a module that comes with Python; rename it")
            return True
        return base.is_dir() and head not in sys.modules and find_spec(head) is None

    def _read(self, path: str) -> bytes:
        return self._signed.read(Path(path).relative_to(self._code.parent).as_posix())

    def _no_link(self, path: Path) -> None:
        for part in (path, *path.parents):
            if part == self._code.parent:
                return
            if part.is_symlink():
                shown = path.relative_to(self._code.parent)
                raise Refused(f"{shown} in the release is a link or lies behind one; its digest says nothing of it")


class _Loader(SourceFileLoader):
    """Source is compiled every time: no .pyc is read, for nobody signed it, and none is written beside what was."""

    def __init__(self, name: str, path: Path, names: Mapping[str, Any], read: Callable[[str], bytes]) -> None:
        super().__init__(name, str(path))
        self._names, self._read = names, read

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self._read(path), path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__builtins__"] = self._names
        super().exec_module(module)


class _Finder:
    """Asked last, and only ever answers for names below a release's own."""

    def __init__(self) -> None:
        self.releases: dict[str, Siblings] = {}

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        del path, target
        siblings = self.releases.get(name.partition(".")[0]) if name.startswith(PREFIX) else None
        return siblings.find(name) if siblings else None


_finder = _Finder()


def enter(root: str, code: Path, signed: Signed) -> Siblings:
    """The siblings of the release whose code lies in `code`, ready for imports."""
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)
    if root not in sys.modules:
        siblings = _finder.releases[root] = Siblings(root, code, signed)
        sys.modules[root] = siblings.package()
    return _finder.releases[root]


def leave(root: str, before: Mapping[str, ModuleType]) -> None:
    """Forget the modules of a release that were not there `before`."""
    for name in [n for n in sys.modules if n.partition(".")[0] == root and n not in before]:
        del sys.modules[name]
    if root not in sys.modules:
        _finder.releases.pop(root, None)


def _there(path: Path) -> bool:
    return path.is_symlink() or path.is_file()
