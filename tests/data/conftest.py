"""Sources in a project folder, and what becomes of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from arkwright.core import rows
from arkwright.data import ingest


class House:
    """A folder with source files; `read` ingests one and keeps what came of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.out = folder / "out"
        self.folder.mkdir()
        self.out.mkdir()
        self.said: list[str] = []
        self.result: ingest.Ingested

    def put(self, name: str, data: bytes | str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def read(self, source: str, row: type | None = None, null: tuple[str, ...] = ("",)) -> list[dict[str, Any]]:
        self.result = ingest.ingest(
            source,
            folder=self.folder,
            row=rows.fields(row) if row else None,
            null=null,
            out=self.out / "rows.parquet",
            quarantine=self.out / "bad.parquet",
            say=self.said.append,
        )
        found: list[dict[str, Any]] = pq.read_table(self.out / "rows.parquet").to_pylist()
        assert len(found) == self.result.rows
        assert len(self.bad) == self.result.quarantined
        return found

    @property
    def bad(self) -> list[dict[str, Any]]:
        path = self.out / "bad.parquet"
        return pq.read_table(path).to_pylist() if path.exists() else []

    @property
    def reasons(self) -> dict[int, str]:
        """Row number -> reason."""
        return {one["row"]: one["reason"] for one in self.bad}

    @property
    def types(self) -> dict[str, str]:
        """Column -> type, with a question mark where it may be null."""
        return {c.name: c.type + ("?" if c.nullable else "") for c in self.result.columns}

    @property
    def left(self) -> list[str]:
        """What lies in the folder of the result."""
        return sorted(path.name for path in self.out.iterdir())


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def refused(house: House) -> Callable[..., str]:
    """The one line with which a source is refused; nothing may be left behind."""

    def read(source: str, row: type | None = None, kind: type[Exception] = Exception, **options: Any) -> str:
        with pytest.raises(kind) as caught:
            house.read(source, row, **options)
        message = str(caught.value)
        assert type(caught.value).__module__ == "arkwright.core.errors", repr(caught.value)
        assert "\n" not in message
        assert house.left == []
        return message

    return read
