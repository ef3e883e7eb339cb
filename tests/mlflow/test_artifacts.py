"""Files of runs through the client, and every trick with their names (attacks A1 to A10) past it."""

import hashlib
import http.client
import json
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

import mlflow

FILES = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def run(client, experiment):
    return client.create_run(experiment).info


def raw(room, method, path, body=None, who="carl"):
    """A request whose path nobody tidies up on the way."""
    to = urlsplit(room.address)
    line = http.client.HTTPConnection(to.hostname, to.port, timeout=60)
    line.putrequest(method, path, skip_accept_encoding=True)
    line.putheader("Authorization", f"Bearer {room.tokens[who]}")
    if body is not None:
        line.putheader("Content-Length", str(len(body)))
    line.endheaders(body)
    answer = line.getresponse()
    answer.content = answer.read()
    line.close()
    return answer


def test_files_go_there_and_come_back(client, run, tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("wool")
    (tmp_path / "in" / "deep" / "b.bin").write_bytes(os.urandom(3 << 20))
    client.log_artifact(run.run_id, str(tmp_path / "in" / "a.txt"))
    client.log_artifacts(run.run_id, str(tmp_path / "in"), "folder")
    assert [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run.run_id)] == [
        ("a.txt", False, 4),
        ("folder", True, None),
    ]
    assert [f.path for f in client.list_artifacts(run.run_id, "folder")] == ["folder/a.txt", "folder/deep"]
    assert client.list_artifacts(run.run_id, "nothing") == []
    with pytest.raises(requests.HTTPError, match="invalid path '/'"):
        client.list_artifacts(run.run_id, "/")
    got = client.download_artifacts(run.run_id, "", str(tmp_path))
    for name in ("a.txt", "deep/b.bin"):
        wanted = (tmp_path / "in" / name).read_bytes()
        assert (Path(got) / "folder" / name).read_bytes() == wanted
    assert mlflow.artifacts.load_text(f"{run.artifact_uri}/a.txt") == "wool"


def test_what_is_made_on_the_way(client, run):
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt
    import numpy as np

    client.log_text(run.run_id, "wool\n", "notes/a.txt")
    client.log_dict(run.run_id, {"a": [1, 2]}, "a.json")
    client.log_dict(run.run_id, {"a": [1, 2]}, "a.yaml")
    figure, axes = plt.subplots()
    axes.plot([1, 2])
    client.log_figure(run.run_id, figure, "plot.png")
    plt.close(figure)
    client.log_image(run.run_id, np.zeros((4, 4, 3), dtype=np.uint8), "image.png")
    for loss in (0.1, 0.2):
        client.log_table(run.run_id, {"step": [1], "loss": [loss]}, "table.json")
    assert mlflow.artifacts.load_dict(f"{run.artifact_uri}/a.json") == {"a": [1, 2]}
    table = mlflow.load_table("table.json", run_ids=[run.run_id])
    assert list(table["loss"]) == [0.1, 0.2]
    assert mlflow.artifacts.load_image(f"{run.artifact_uri}/plot.png").size[0] > 10


def test_the_list_by_run(room, client, run):
    client.log_text(run.run_id, "wool", "deep/a.txt")
    path = f"/api/2.0/mlflow/artifacts/list?run_id={run.run_id}"
    assert room.ask("GET", path).json() == {
        "root_uri": run.artifact_uri,
        "files": [{"path": "deep", "is_dir": True}],
    }
    assert room.ask("GET", path + "&path=deep").json()["files"] == [
        {"path": "deep/a.txt", "is_dir": False, "file_size": 4}
    ]
    assert room.ask("GET", path + "&path=../x").status == 400


def test_an_artifact_is_never_shown(room, client, run):
    client.log_text(run.run_id, "<script>alert(1)</script>", "ünder [x].html")
    place = run.artifact_uri.removeprefix("mlflow-artifacts:")
    answer = room.ask("GET", FILES + place + "/%C3%BCnder%20%5Bx%5D.html", by="vera")
    assert answer.data == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


BAD = [
    "../x", "../../etc/passwd", "./../p", "a/../b", "a/../../b", "/etc/passwd", "..%2f..%2fetc%2fpasswd",
    "%2e%2e/x", "%252e%252e%252f", "%25252e%25252e%25252fx", "..\\..\\x", "..%5c..%5cx", "C:%5cx",
    "%5c%5chost%5cshare", "x;/../../etc", "x%23/../../etc", "x%3f/../../", "x%00.txt", "x.", "x%20", "x%0a",
    "%ef%bc%8e%ef%bc%8e/x", "a%e2%88%95b", "%c0%ae%c0%ae/x", "%ff", "a//b", "a/", "file:///etc",
    "file:%2f%2flocalhost/etc", "s3:%2f%2fb/../c", "mlflow-artifacts:../x", "http+file:x", "x" * 256,
    "/".join("a" * 65), "%ed%a0%80", "", ".", "~%00",
]  # fmt: skip


@pytest.mark.parametrize("path", BAD)
@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_no_trick_with_a_name_gets_anywhere(room, method, path):
    answer = raw(room, method, f"{FILES}/1/{path}", b"x" if method == "PUT" else None)
    assert answer.status in (400, 404, 405) if path in ("", ".") else answer.status == 400, answer.content
    assert set(json.loads(answer.content)) == {"error_code", "message"}
    listed = raw(room, "GET", f"{FILES}?path=1/{path}")
    if path not in ("", "a/"):  # a slash at the end is the folder itself
        assert listed.status == 400, listed.content


@pytest.mark.parametrize("name", ["CON", "-rf", "😀", "\u202egnp.exe", "Case", "case", "a b", "x" * 255, "ﬁ"])
def test_strange_names_come_back_as_they_were(room, client, run, name):
    client.log_text(run.run_id, name, f"strange/{name}")
    assert name in [f.path.rpartition("/")[2] for f in client.list_artifacts(run.run_id, "strange")]
    assert mlflow.artifacts.load_text(f"{run.artifact_uri}/strange/{name}") == name


def test_a_file_is_no_folder_and_a_folder_is_no_file(room, client, run):
    root = FILES + run.artifact_uri.removeprefix("mlflow-artifacts:")
    assert raw(room, "PUT", f"{root}/a", b"1").status == 200
    answer = raw(room, "PUT", f"{root}/a/b", b"1")
    assert (answer.status, b"is a file" in answer.content) == (400, True)
    assert raw(room, "PUT", f"{root}/c/d", b"1").status == 200
    assert raw(room, "PUT", f"{root}/c", b"1").status == 400


def test_bytes_are_kept_once_and_go_with_their_last_name(room, client, run):
    root = FILES + run.artifact_uri.removeprefix("mlflow-artifacts:")
    data = os.urandom(5000)
    digest = hashlib.sha256(data).hexdigest()
    place = room.at.site.folder / "tracking" / "files" / digest[:2] / digest[2:4] / digest
    for name in ("a", "deep/b", "deep/c"):
        assert raw(room, "PUT", f"{root}/{name}", data).status == 200
    assert place.read_bytes() == data
    assert raw(room, "DELETE", f"{root}/a").status == 200
    assert place.exists()
    assert raw(room, "PUT", f"{root}/deep/b", b"other").status == 200
    assert raw(room, "DELETE", f"{root}/deep").status == 200
    assert not place.exists()
    assert raw(room, "DELETE", f"{root}/deep").status == 404
    assert raw(room, "GET", f"{root}/a").status == 404


def test_who_may_only_look_neither_puts_nor_removes(room, client, run):
    client.log_text(run.run_id, "wool", "a.txt")
    root = FILES + run.artifact_uri.removeprefix("mlflow-artifacts:")
    assert raw(room, "PUT", f"{root}/b", b"1", "vera").status == 403
    assert raw(room, "DELETE", f"{root}/a.txt", None, "vera").status == 403
    assert raw(room, "GET", f"{root}/a.txt", None, "vera").content == b"wool"


def test_an_upload_that_breaks_off_leaves_nothing(room, client, run):
    to = urlsplit(room.address)
    line = http.client.HTTPConnection(to.hostname, to.port, timeout=60)
    line.putrequest("PUT", FILES + run.artifact_uri.removeprefix("mlflow-artifacts:") + "/half")
    line.putheader("Authorization", f"Bearer {room.tokens['carl']}")
    line.putheader("Content-Length", str(8 << 20))
    line.endheaders()
    line.send(b"x" * (3 << 20))
    line.close()
    assert client.list_artifacts(run.run_id) == []
