"""Compiles what is written in C; where there is no compiler, Arkwright goes on without it."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.command.build_ext import build_ext

SOURCE = "src/arkwright/serve/native/_native.c"
MODULE = "arkwright.serve.native._native"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Of the wheel, and of an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Beside its source, from where it is taken along."""
        del version
        made = _compiled(Path(self.root))
        if made is None:
            self.app.display_warning("nothing was compiled: the endpoint serves without its native part, more slowly")
            return
        build_data["artifacts"].append(made.relative_to(self.root).as_posix())
        build_data["pure_python"], build_data["infer_tag"] = False, True


def _compiled(root: Path) -> Path | None:
    mathematics = ["m"] if os.name == "posix" else []
    sources = [str(root / SOURCE)]
    extension = Extension(MODULE, sources, libraries=mathematics, extra_compile_args=["-O3"], optional=True)
    command = build_ext(Distribution({"name": "arkwright", "ext_modules": [extension]}))
    command.ensure_finalized()
    command.build_lib, command.build_temp = str(root / "src"), str(root / "build" / "native")
    command.force = True
    made = root / "src" / command.get_ext_filename(MODULE)
    with suppress(OSError):  # where nothing may be written
        made.unlink(missing_ok=True)  # of an older source
        command.run()
        return made if made.exists() else None
    return None
