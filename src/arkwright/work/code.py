"""The project's Python that a release carries: the code file and the modules of the project that it imports."""

from pathlib import Path

import pyarrow as pa

from arkwright.core import arrow, rows
from arkwright.core.rows import Field
from arkwright.project.code import imported_files
from arkwright.project.loaded import Project


def sources(project: Project) -> dict[str, bytes]:
    """Path below `code/` -> bytes."""
    return {
        path.relative_to(project.folder).as_posix(): path.read_bytes()
        for path in imported_files(project.folder, Path(project.spec.code))
    }


def fields(table: pa.Table) -> tuple[Field, ...]:
    """The fields of a dataset without a row class."""
    return rows.from_columns(arrow.columns(table.schema))
