"""A disk without room: told with a status that clients do not try again for minutes, and nothing is lost."""

import asyncio
import json

from tests.rest.conftest import people

from arkwright.control.app import application
from arkwright.sites import Site
from arkwright.web.context import Context

LOG = "/api/2.0/mlflow/runs/log-batch"
FILE = "/api/2.0/mlflow-artifacts/artifacts/0/a"


def ask(app, token, method, path, body):
    headers = {"host": "127.0.0.1", "authorization": f"Bearer {token}", "content-type": "application/json"}
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()], "scheme": "http",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 5), "root_path": "", "http_version": "1.1",
    }  # fmt: skip
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(part.get("body", b"") for part in sent[1:]) or b"null")


def test_a_full_disk_answers_507_and_goes_on_when_there_is_room(small_disk):
    place = small_disk(12)
    site = Site(place)
    token = people(site)["carl"]
    app = application(Context(site, place, "http://127.0.0.1", frozenset({"127.0.0.1"})))
    _, made = ask(app, token, "POST", "/api/2.0/mlflow/runs/create", b'{"experiment_id": "0"}')
    run = made["run"]["info"]["run_id"]

    def log(step):
        points = [{"key": "loss", "value": 0.5, "timestamp": 1, "step": step * 500 + i} for i in range(500)]
        return ask(app, token, "POST", LOG, json.dumps({"run_id": run, "metrics": points}).encode())

    assert log(0)[0] == 200
    (place / "ballast").write_bytes(b"x" * (6 << 20))
    status, said = ask(app, token, "PUT", FILE, b"x" * (8 << 20))
    assert (status, said["error_code"]) == (507, "RESOURCE_LIMIT_EXCEEDED")
    assert "disk is full" in said["message"]
    kept = 1
    while (answer := log(kept))[0] == 200:
        kept += 1
    assert (answer[0], answer[1]["error_code"]) == (507, "RESOURCE_LIMIT_EXCEEDED")
    assert str(place) not in answer[1]["message"]
    (place / "ballast").unlink()
    assert log(kept)[0] == 200
    assert len(site.tracking.history(run, "loss")) == (kept + 1) * 500
    site.tracking.close()
