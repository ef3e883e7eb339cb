"""The model repository, asked by an unmodified client, over several workers."""

import contextlib
import http.client
import json
import signal
import subprocess
import sys

import pytest
import tritonclient.grpc as grpc
import tritonclient.http as triton
from tests.serve.conftest import echo_release
from tritonclient.utils import InferenceServerException

PROGRAM = """
import sys
from pathlib import Path
from arkwright.core.ports import Routing, Served, Serving, Share
from arkwright.serve.processes.supervisor import serve

said = [{name: Routing((Share(Served(Path(folder), f"release:{name}@1", "0" * 64)),)) for name, folder in [
    word.split("=") for word in sys.argv[3:]]}]
serve(
    lambda held: said.pop() if said else None,
    Serving(port=0, workers=int(sys.argv[1]), repository=sys.argv[2] == "on", grpc_port=0),
    lambda address: print(address, flush=True),
)
"""


@contextlib.contextmanager
def serving(tmp_path, repository, workers=2):
    folders = {name: echo_release(tmp_path / name, ["f32"]) for name in ("one", "two")}
    words = [f"{name}={folder}" for name, folder in folders.items()]
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(workers), repository, *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            addresses = [server.stdout.readline().strip().partition("://")[2] for _ in range(2)]
            yield tuple(addresses)
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0


def test_what_is_unloaded_is_gone_in_every_worker_and_comes_back(tmp_path):
    with serving(tmp_path, "on") as (address, _):
        client = triton.InferenceServerClient(address)
        assert {(m["name"], m["state"]) for m in client.get_model_repository_index()} == {
            ("one", "READY"),
            ("two", "READY"),
        }
        client.unload_model("one")
        for _ in range(20):  # new connections, so that each worker is asked
            with triton.InferenceServerClient(address) as other:
                assert not other.is_model_ready("one")
                assert other.is_model_ready("two")
                with pytest.raises(InferenceServerException, match="one is unloaded; load it over the repository"):
                    other.get_model_metadata("one")
        assert {m["name"]: m["state"] for m in client.get_model_repository_index()}["one"] == "UNAVAILABLE"
        client.load_model("one")
        for _ in range(20):
            with triton.InferenceServerClient(address) as other:
                assert other.is_model_ready("one")
        with pytest.raises(InferenceServerException, match='did you mean "one"'):
            client.load_model("onee")
        client.close()


def test_it_is_off_unless_asked_for(tmp_path):
    with serving(tmp_path, "off", workers=1) as (address, calls), triton.InferenceServerClient(address) as client:
        for ask in (client.get_model_repository_index, lambda: client.unload_model("one")):
            with pytest.raises(InferenceServerException, match="--repository"):
                ask()
        assert client.is_model_ready("one")
        with grpc.InferenceServerClient(calls) as other:
            for ask in (other.get_model_repository_index, lambda: other.unload_model("one")):
                with pytest.raises(InferenceServerException, match="--repository"):
                    ask()


def test_the_same_over_grpc(tmp_path):
    with serving(tmp_path, "on") as (address, calls), grpc.InferenceServerClient(calls) as client:
        assert {(m.name, m.state) for m in client.get_model_repository_index().models} == {
            ("one", "READY"),
            ("two", "READY"),
        }
        client.unload_model("one")
        for _ in range(20):
            with triton.InferenceServerClient(address) as other:
                assert not other.is_model_ready("one")
            assert not client.is_model_ready("one")
        client.load_model("one")
        assert client.is_model_ready("one")
        with pytest.raises(InferenceServerException, match='did you mean "one"'):
            client.load_model("onee")


def sent(address, path, body, kind="application/json"):
    client = http.client.HTTPConnection(address, timeout=60)
    with contextlib.closing(client):
        client.request("POST", f"/v2/repository/{path}", body, {"Content-Type": kind} if kind else {})
        answer = client.getresponse()
        said = answer.read()
        return answer.status, json.loads(said) if said else None


def test_what_it_is_asked_is_read_strictly(tmp_path):
    """And nothing is done that was not understood."""
    with serving(tmp_path, "on", workers=1) as (address, _):
        for body, kind, status in (
            ("{", "application/json", 400),
            ("[" * 100_000, "application/json", 400),
            ('{"parameters": {"config": "{}"}}', "application/json", 400),
            ('{"param": 1}', "application/json", 400),
            ("{}", "text/plain", 415),
        ):
            assert sent(address, "models/one/unload", body, kind)[0] == status
            assert sent(address, "index", body, kind)[0] == status
        assert [one["state"] for one in sent(address, "index", "", None)[1]] == ["READY", "READY"]
        assert sent(address, "models/one/unload", '{"parameters": {"unload_dependents": false}}')[0] == 200
        assert len(sent(address, "index", '{"ready": false}')[1]) == 2
        assert [one["name"] for one in sent(address, "index", '{"ready": true}')[1]] == ["two"]
        with triton.InferenceServerClient(address) as client:
            assert "model_repository" in client.get_server_metadata()["extensions"]


def test_who_was_refused_stands_in_the_log(tmp_path, capfd):
    with serving(tmp_path, "off", workers=1) as (address, _):
        assert sent(address, "models/one/unload", "")[0] == 403
    assert "/v2/repository/models/one/unload was refused to 127.0.0.1: the repository is off" in capfd.readouterr().err
