import json

from arkwright.infra.log_notifier import LogNotifier
from arkwright.testing.notifier import NotifierContract

FILE = "deep/notices.log"


class TestContract(NotifierContract):
    def open(self, folder):
        return LogNotifier(folder / FILE)

    def told(self, folder):
        lines = [json.loads(line) for line in (folder / FILE).read_text("utf-8").splitlines()]
        return [(line["subject"], line["text"]) for line in lines]


def test_each_line_has_its_time_in_utc(tmp_path):
    LogNotifier(tmp_path / "notices.log").tell("late", "moved")
    (line,) = (tmp_path / "notices.log").read_text("utf-8").splitlines()
    assert json.loads(line)["at"].endswith("+00:00")
