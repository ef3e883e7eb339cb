"""The project's own code inside a release. Only ever loaded from a folder whose digest and signature were verified."""

import importlib.util
import sys
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from arkwright.core.errors import Invalid, Refused
from arkwright.core.usercode import call, describe


def load_object(folder: Path, file: str, name: str, digest: str) -> Any:
    """The function or class `name` of `code/….py` in a release. Raises Refused or Invalid."""
    module = _module(folder, file, digest)
    if not hasattr(module, name):
        raise Invalid(f"{file} in the release defines no {name}; release the model again")
    return getattr(module, name)


def _module(folder: Path, file: str, digest: str) -> ModuleType:
    """The module under a private name, so that releases side by side never see each other's code."""
    relative = PurePosixPath(file)
    path = folder / relative
    inside = relative.parts[:1] == ("code",) and ".." not in relative.parts and relative.suffix == ".py"
    if not inside or path.is_symlink() or not path.resolve().is_relative_to(folder.resolve()):
        raise Refused(f"signature.json names {file[:80]!r}; a release's code lies in code/ and ends in .py")
    if not path.is_file():
        raise Invalid(f"the release holds no {file}; release the model again")
    name = "_".join(("_arkwright_release", digest[:16], *relative.with_suffix("").parts[1:]))
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Invalid(f"{file} in the release cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and type hints look their module up
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a verified folder stays as it was signed
    try:
        call(spec.loader.exec_module, module)
    except Invalid as error:
        del sys.modules[name]
        raise Invalid(f"{file} in the release cannot be imported: {describe(error.__cause__ or error)}") from None
    finally:
        sys.dont_write_bytecode = writes
    return module
