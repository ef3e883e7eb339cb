"""The project's own code inside a release. Only ever loaded from bytes whose digest and signature were verified."""

import sys
from functools import partial
from importlib.util import module_from_spec
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from arkwright.core.errors import Invalid, Refused
from arkwright.core.record import digest_bytes
from arkwright.core.usercode import execute
from arkwright.serve.model import siblings
from arkwright.serve.model.signed import Signed


def load_object(signed: Signed, file: str, name: str, digest: str) -> Any:
    """The function or class `name` of `code/….py` in a release. Raises Refused or Invalid."""
    module = _module(signed, file, digest)
    if not hasattr(module, name):
        raise Invalid(f"{file} in the release defines no {name}; release the model again")
    return getattr(module, name)


def _module(signed: Signed, file: str, digest: str) -> ModuleType:
    """The module under a private name, so that releases side by side never see each other's code."""
    relative = PurePosixPath(file)
    inside = relative.parts[:1] == ("code",) and ".." not in relative.parts and relative.suffix == ".py"
    if not inside or "\\" in file or "\0" in file:
        raise Refused(f"signature.json names {file[:80]!r}; a release's code lies in code/ and ends in .py")
    folder = signed.folder.resolve()
    path = folder / relative
    if not path.is_file() and not path.is_symlink():
        raise Invalid(f"the release holds no {file}; release the model again")
    root = f"{siblings.PREFIX}{digest[:16]}_{digest_bytes(str(folder).encode())[:8]}"
    name = ".".join((root, *(part.replace(".", "_") for part in relative.with_suffix("").parts[1:])))
    return sys.modules.get(name) or _run(signed, path, root, name)


def _run(signed: Signed, path: Path, root: str, name: str) -> ModuleType:
    before, paths = dict(sys.modules), list(sys.path)
    folder = signed.folder.resolve()
    home = folder / "code"
    try:
        spec = siblings.enter(root, home, signed).spec(name, path)
        assert spec.loader
        module = module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and type hints look their module up
        execute(partial(spec.loader.exec_module, module), home)
    except BaseException as error:
        siblings.leave(root, before)
        if not isinstance(error, Invalid):
            raise
        said = str(error).replace(f"{root}.", "")
        raise Invalid(f"{path.relative_to(folder)} in the release cannot be imported: {said}") from None
    finally:
        sys.path[:] = paths
    return module
