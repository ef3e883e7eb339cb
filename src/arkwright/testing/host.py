"""The contract of the socket `Host`. A plug-in's author subclasses it and says how to start and stop one."""

import json
from contextlib import AbstractContextManager, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from arkwright.core.ports import Served


class HostContract:
    """What every host must do."""

    def serving(self, endpoints: dict[str, Served], log: Path) -> AbstractContextManager[str]:
        """The host at work on these endpoints, and its address; stopped in the end, without a failure."""
        raise NotImplementedError

    def release(self, folder: Path) -> tuple[Served, dict[str, Any]]:
        """A release laid out in `folder`, and a row that it answers."""
        raise NotImplementedError

    def _ask(self, address: str, path: str, body: Any = None) -> Any:
        with closing(HTTPConnection(urlsplit(address).netloc, timeout=30)) as connection:
            data = None if body is None else json.dumps(body)
            connection.request("GET" if data is None else "POST", path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            said = json.load(response)
            assert response.status == 200, said
            return said

    def test_it_answers_and_names_the_release(self, tmp_path: Path) -> None:
        served, row = self.release(tmp_path / "release")
        with self.serving({"one": served}, tmp_path / "log.txt") as address:
            assert self._ask(address, "/v2/health/ready")["ready"] is True
            said = self._ask(address, "/endpoints/one/predict", row)
            assert (said["release"], said["digest"]) == (served.release, served.digest)
            assert said["prediction"]

    def test_two_endpoints_answer_side_by_side(self, tmp_path: Path) -> None:
        one, row = self.release(tmp_path / "one")
        two, _ = self.release(tmp_path / "two")
        with self.serving({"one": one, "two": two}, tmp_path / "log.txt") as address:
            found = [self._ask(address, f"/endpoints/{name}/predict", row)["prediction"] for name in ("one", "two")]
            assert found[0] == found[1]

    def test_it_stops_and_the_address_is_free(self, tmp_path: Path) -> None:
        served, _ = self.release(tmp_path / "release")
        with self.serving({"one": served}, tmp_path / "log.txt") as address:
            self._ask(address, "/v2/health/live")
        with pytest.raises(ConnectionError):
            self._ask(address, "/v2/health/live")
