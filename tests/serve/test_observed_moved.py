"""What is noted of requests by servers that are moved, killed and have shadows: what was counted, logged and labelled
stays, and follows what is said.
"""

import json
import os
import signal
import threading
import time
from functools import partial
from zlib import crc32

from .conftest import echo_release
from .observed import INFER, PREDICT, ROW, TENSOR, Observed, binary, late
from .supervised import who_release
from .telemetry.conftest import total

LATE = "release:late@3"


def noted(folder, **how):
    """A server of one endpoint, `late`; how it is logged, and how it can be."""
    one = late(folder / "late@3")
    made = Observed(folder, {}, **how)
    made.one, made.log_there = [(one, 3, 1.0)], {"folder": made.site.predictions / "late"}
    made.say({"late": made.one}, {"late": made.log_there})
    return made


def test_what_the_sample_leaves_out_is_counted_apart(tmp_path):
    with noted(tmp_path, workers=2) as server:
        server.move({"late": server.one}, {"late": server.log_there | {"sample": 0.5}})
        ids = [f"sampled/{n}" for n in range(40)]
        for id_ in ids:
            assert server.post(PREDICT, ROW, X_Request_Id=id_)[0] == 200
        kept = sum(crc32(id_.encode()) < 2**31 for id_ in ids)
        assert 0 < kept < 40
        server.until(lambda: total(server.metrics(), "arkwright_tap_records_total") >= kept)
        assert {row["id"] for row in server.logged("late")} == {id_ for id_ in ids if crc32(id_.encode()) < 2**31}
        found = server.metrics()
        assert total(found, "arkwright_tap_records_total", endpoint="late", release=LATE) == kept
        assert total(found, "arkwright_tap_left_out_total", endpoint="late", release=LATE) == 40 - kept
        assert total(found, "arkwright_tap_dropped_total") == 0


def test_what_the_disk_loses_is_counted_as_lost(tmp_path):
    with noted(tmp_path, workers=1) as server:
        (tmp_path / "no folder").touch()
        server.move({"late": server.one}, {"late": {"folder": tmp_path / "no folder"}})
        for _ in range(3):
            assert server.post(PREDICT, ROW)[0] == 200
        server.until(lambda: total(server.metrics(), "arkwright_tap_dropped_total", release=LATE) == 3)
        assert total(server.metrics(), "arkwright_tap_records_total") == 0


def test_restarts_are_told_by_their_cause(tmp_path):
    with noted(tmp_path, workers=2) as server:

        def restarts():
            now = server.metrics()
            return [total(now, "arkwright_worker_restarts_total", cause=cause) for cause in ("died", "replaced")]

        assert restarts() == [0, 0]
        before = server.workers()
        server.process.send_signal(signal.SIGHUP)
        server.until(lambda: len(server.workers()) == 2 and not set(before) & set(server.workers()))
        server.until(lambda: restarts() == [0, 2])
        victim = server.workers()[0]
        os.kill(victim, signal.SIGKILL)
        server.until(lambda: victim not in server.workers() and len(server.workers()) == 2)
        server.until(lambda: restarts() == [1, 2])


def test_labels_that_were_acknowledged_are_kept(tmp_path):
    with noted(tmp_path, workers=2) as server:
        ids = [server.post(PREDICT, ROW)[1]["X-Request-Id"] for _ in range(6)]
        for id_ in ids:
            server.found("late", id_)
        answers = [server.post("/endpoints/late/labels", {"id": id_, "label": True}) for id_ in ids[:3]]
        answers.append(server.post("/endpoints/late/labels", [{"id": id_, "label": False} for id_ in ids[3:]]))
        victims = [server.process.pid, *server.workers()]
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        server.process.wait(60)
        assert [(status, json.loads(body)) for status, _, body in answers] == [
            (200, {"labels": n}) for n in (1, 1, 1, 3)
        ]
        found = {row["id"]: row["actual"] for row in server.logged("late")}
        assert found == dict.fromkeys(ids[:3], True) | dict.fromkeys(ids[3:], False)
        assert server.logged("late", id=ids[0])[0]["label"] in (True, False)


def test_the_log_follows_what_is_said(tmp_path):
    """Redacted columns are never on the disk; another folder gets the labels too; no log ends it."""
    secret = ROW | {"distance": 987654.25}
    with noted(tmp_path, workers=1) as server:
        server.found("late", server.post(PREDICT, ROW)[1]["X-Request-Id"])
        server.move({"late": server.one}, {"late": server.log_there | {"redact": ["distance"]}})
        id_ = server.post(PREDICT, secret)[1]["X-Request-Id"]
        refused = server.post(PREDICT, secret | {"distance": "987654.25"})[1]["X-Request-Id"]
        row = server.found("late", id_)
        assert (row.get("distance"), row["carrier"]) == (None, "UA")
        assert server.found("late", refused)["status"] == 422
        assert b"987654" not in server.bytes_on_disk("late")
        server.move({"late": server.one}, {"late": {"folder": server.site.predictions / "other"}})
        id_ = server.post(PREDICT, ROW)[1]["X-Request-Id"]
        assert server.post("/endpoints/late/labels", {"id": id_, "label": True})[0] == 200
        assert server.found("other", id_)["actual"] is True
        server.move({"late": server.one})
        assert server.post(PREDICT, ROW)[1]["X-Request-Id"] is None
        assert server.post("/endpoints/late/labels", {"id": id_, "label": True})[0] == 409
        server.move({"late": server.one}, {"late": server.log_there})
        id_ = server.post(PREDICT, ROW)[1]["X-Request-Id"]
        assert server.found("late", id_)["status"] == 200


def test_what_is_computed_while_the_log_changes_is_logged(tmp_path):
    who = [(who_release(tmp_path / "who"), 1, 1.0)]
    two = [(who_release(tmp_path / "two"), 2, 1.0)]
    server = Observed(tmp_path, {})
    there, other = ({"folder": server.site.predictions / name} for name in ("who", "other"))
    server.say({"who": who}, {"who": there})

    def more(before):
        return len(server.logged("who")) + len(server.logged("other")) == before + 1

    with server:
        for releases, log in ((who, other), (two, there)):
            before = len(server.logged("who")) + len(server.logged("other"))
            asking = threading.Thread(target=server.call, args=("/predict", {"distance": 1.0}))
            asking.start()
            server.until(lambda: total(server.metrics(), "arkwright_in_flight", endpoint="who") == 1)
            server.move({"who": releases}, {"who": log})
            asking.join(60)
            server.until(partial(more, before))


def test_shadows_get_copies_and_answer_nobody(tmp_path):
    echo = echo_release(tmp_path / "echo", ["f32"])
    folders = {"late": late(tmp_path / "late"), "echo": echo}
    server = Observed(tmp_path, {}, workers=2, grpc_port=0, access_log=str(tmp_path / "access"))
    logs = {name: {"folder": server.site.predictions / name} for name in folders}
    server.say({name: [(at, 2, 0.0, True), (at, 1, 1.0)] for name, at in folders.items()}, logs)
    with server:

        def mirrored():
            """Both workers' connections to the shadows are there: each drops what comes before."""
            before = total(server.metrics(), "arkwright_shadow_dropped_total")
            for _ in range(10):
                server.post(PREDICT, ROW)
            return total(server.metrics(), "arkwright_shadow_dropped_total") == before

        server.until(mirrored)
        before = total(server.metrics(), "arkwright_shadow_runs_total")
        asked = {"late": [server.post(PREDICT, ROW)], "echo": []}
        asked["echo"] += [server.post(INFER, {"inputs": [TENSOR]}), binary(server)]
        asked["echo"].append(server.post("/v2/models/echo/versions/1/infer", {"inputs": [TENSOR]}))
        for status, headers, _ in [*asked["late"], *asked["echo"]]:
            assert (status, headers["Arkwright-Release"][-2:]) == (200, "@1")
        ids = {name: [headers["X-Request-Id"] for _, headers, _ in answers] for name, answers in asked.items()}
        for raw in (True, False):
            answer, metadata = server.infer(raw=raw)
            assert answer.model_version == "1"
            ids["echo"].append(metadata["x-request-id"])
        assert total(server.metrics(), "arkwright_shadow_runs_total") - before == 6
        assert total(server.metrics(), "arkwright_shadow_runs_total", release="release:echo@2") == 0
        shadows = {"release": "release:echo@2", "code": "200"}
        server.until(lambda: total(server.metrics(), "arkwright_shadow_answers_total", **shadows) == 5)
        found = server.metrics()
        assert total(found, "arkwright_shadow_seconds_count", release="release:echo@2") == 5
        assert {release for release, _, _ in server.requests("echo", found)} == {"release:echo@1"}
        assert total(found, "arkwright_request_seconds_count", release="release:echo@2") == 0
        assert total(found, "arkwright_requests_total", endpoint="echo") == 5
        for name, id_ in [("late", ids["late"][0]), *(("echo", id_) for id_ in ids["echo"])]:
            both = server.found(name, id_, rows=2)
            told = {(row["shadow"], row["release"], row["status"]) for row in both}
            assert told == {(False, f"release:{name}@1", 200), (True, f"release:{name}@2", 200)}
            assert both[0]["outputs"] == both[1]["outputs"]
        shadow = server.workers()[-1]
        os.kill(shadow, signal.SIGSTOP)  # it takes nothing any more, not even what fits between the two
        began = time.monotonic()
        assert {server.post(PREDICT, [ROW] * 5_000)[0] for _ in range(8)} == {200}
        assert time.monotonic() - began < 20  # of the 60 after which it would be ended
        os.kill(shadow, signal.SIGKILL)
        assert {server.post(PREDICT, ROW)[0] for _ in range(20)} == {200}
        server.until(lambda: shadow not in server.workers() and len(server.workers()) == 3)
        server.until(mirrored)
        server.idle()
    paths = [json.loads(line)["release"] for line in (tmp_path / "access").read_text().splitlines()]
    assert not [release for release in paths if release.endswith("@2")]
