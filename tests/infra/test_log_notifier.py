import json

from arkwright.infra.log_notifier import LogNotifier


def test_one_line_a_notice(tmp_path):
    notifier = LogNotifier(tmp_path / "deep" / "notices.log")
    notifier.tell("late", "moved\nto 3")
    notifier.tell("früh", '{"x"}')
    lines = [json.loads(line) for line in (tmp_path / "deep" / "notices.log").read_text("utf-8").splitlines()]
    assert [(line["subject"], line["text"]) for line in lines] == [("late", "moved\nto 3"), ("früh", '{"x"}')]
    assert all(line["at"].endswith("+00:00") for line in lines)
