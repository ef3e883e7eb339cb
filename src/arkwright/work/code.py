"""The project's Python that a release carries: the code file and the modules of the project that it imports, as they
ran; the project's own may have been edited since.
"""

from pathlib import Path

from arkwright.core import arrow
from arkwright.core.rows import Field, from_columns
from arkwright.project.code import imported_files
from arkwright.project.loaded import Project
from arkwright.work.rows import Rows


def sources(project: Project) -> dict[str, bytes]:
    """Path below `code/` -> bytes."""
    return {
        path.relative_to(project.code.folder).as_posix(): path.read_bytes()
        for path in imported_files(project.code.folder, Path(project.spec.code))
    }


def fields(project: Project, model: str, rows: Rows) -> tuple[Field, ...]:
    """The fields of a model's raw rows: of the dataset's row class, or of what its columns hold."""
    return project.fields(project.spec.model[model].source) or from_columns(arrow.columns(rows.raw.schema))
