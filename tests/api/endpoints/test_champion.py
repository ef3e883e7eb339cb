"""Champion and challenger: one answers, the other is asked aside; what turned out to be true tells who is better."""

import json
import urllib.request

import duckdb

from arkwright.api.endpoints.logged import label, predictions, save
from arkwright.api.endpoints.rollout import promote

from .test_rollout import ONE, ROW, TWO, served, until

COMPARED = """
SELECT release, any_value(shadow) AS aside, count(*) AS labelled, avg((label = actual)::INT) AS accuracy,
       avg(-ln(CASE WHEN actual = 1 THEN probability_1 ELSE 1 - probability_1 END)) AS log_loss
FROM read_parquet(?) WHERE actual IS NOT NULL GROUP BY release ORDER BY release
"""


def asked(address, id_):
    """What was answered, and by which release."""
    headers = {"Content-Type": "application/json", "X-Request-Id": id_}
    request = urllib.request.Request(address + "/predict", json.dumps(ROW).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        said = json.load(answer)
    return said["release"], said["prediction"]["label"]


def found(at):
    return at.do(predictions, endpoint="buys", limit=100_000)


def test_both_are_held_against_the_same_labels(second, tmp_path):
    second.do(promote, release="buys@2", shadow=True)
    with served(second) as (address, _):
        until(lambda: asked(address, "early") and True in found(second).column("shadow").to_pylist())  # it is loaded
        answers = [asked(address, f"order-{i}") for i in range(20)]
        assert {release for release, _ in answers} == {ONE}
        until(lambda: sum(id_.startswith("order") for id_ in found(second).column("id").to_pylist()) == 40)
        truths = [{"id": f"order-{i}", "label": said if i < 15 else 1 - said} for i, (_, said) in enumerate(answers)]
        second.do(label, endpoint="buys", labels=truths)
    out = tmp_path / "both.parquet"
    assert second.do(save, endpoint="buys", out=out) > 40
    champion, challenger = duckdb.execute(COMPARED, [str(out)]).fetchall()
    assert champion[:4] == (ONE, False, 20, 0.75)
    assert challenger[:3] == (TWO, True, 20)
    assert challenger[3] in (0.25, 0.75)  # for one and the same row it says always the same
    assert champion[4] > 0
    assert challenger[4] > 0
