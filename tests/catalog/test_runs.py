"""Runs in the order of a number: what was measured of the models that each made or took."""

from dataclasses import replace

import pytest
from tests.catalog.test_catalog import PLAIN, listed, run, site

from arkwright.core import versions
from arkwright.core.errors import Invalid
from arkwright.core.nouns import Finding, Model
from arkwright.core.ports import Entry
from arkwright.core.record import encode

__all__ = ["site"]  # fixtures


def model(site, name, digest, **facts):
    made = Model(name=name, version=0, digest=digest, recipe=digest, run="", task="classification", format="onnx",
                 files={}, facts=facts)  # fmt: skip
    return versions.add(site.ledger, "ana", made)


def found(site, noun, promise, value):
    finding = Finding(subject=noun.ref, digest=noun.digest, promise=promise, verdict="kept", value=value)
    versions.add_findings(site.ledger, "ana", [finding])


def end(site, begun, **words):
    ended = replace(begun, state="finished", ended="2026-01-01", **words)
    site.ledger.append("ana", [Entry("run", f"{versions.ENDED}{begun.name}@{begun.version}", encode(ended))])
    return ended


def test_by_what_was_promised_and_by_what_a_model_says(site):
    ended = []
    for number, value in enumerate((0.7, 0.9, None, 0.8)):
        begun = run(site)
        made = model(site, "late", f"d{number}", form="onnx", rmse=10.0 - number)
        found(site, made, "roc_auc >= 0.5", 0.1)
        found(site, made, "roc_auc >= 0.6", value)
        found(site, made, "0.1 <= recall(at_precision=0.5) <= 0.9", value)
        ended.append(end(site, begun, made=(made.ref, "dataset:flights@1")))
    end(site, run(site), reused=(ended[1].made[0],))
    run(site)  # has not ended
    assert site.catalog.number_names() == ["recall(at_precision=0.5)", "rmse", "roc_auc"]
    assert [r[-1] for r in listed(site, sort="-number", number="roc_auc")] == list("52413")
    assert [r[-1] for r in listed(site, sort="number", number="recall(at_precision=0.5)")] == list("1425")
    assert [r[-1] for r in listed(site, sort="number", number="rmse")] == list("43251")
    assert listed(site, sort="number", number="rmse", state="failed") == []
    known = site.catalog.numbers("rmse", ended)
    assert known == {f"run:flights@{number + 1}": 10.0 - number for number in range(4)}
    assert listed(site, sort="number", number="nothing") == []
    with pytest.raises(Invalid, match="by which number"):
        listed(site, sort="number")


def test_of_several_models_each_has_its_own(site):
    begun = run(site)
    late, early = model(site, "late", "a", rmse=1.0, size=5.0), model(site, "early", "b", rmse=2.0)
    ended = end(site, begun, made=(late.ref, early.ref))
    assert site.catalog.number_names() == ["early: rmse", "late: rmse", "size"]
    assert site.catalog.numbers("late: rmse", [ended]) == {ended.ref: 1.0}


def test_what_a_later_version_wrote_is_passed_over(site):
    begun = run(site)
    site.ledger.append("ana", [Entry("model", "late@1", '{"name": "late", "version": 1, "facts": {"rmse": [1]}}')])
    end(site, begun, made=("model:late@1", "model:late@9", "model:?"))
    assert site.catalog.number_names() == []
    assert len(listed(site)) == 1


def test_pages_of_a_number_meet_without_gap_or_overlap(site):
    for number in range(25):
        end(site, run(site), made=(model(site, "late", str(number), rmse=float(number // 4)).ref,))
    for sort in ("number", "-number"):
        seen, after = [], None
        while True:
            page = site.catalog.runs(**PLAIN | {"sort": sort, "limit": 7, "after": after, "number": "rmse"})
            seen += [r.version for r in page.items]
            after = page.next
            if after is None:
                break
        assert seen == (list(range(1, 26)) if sort == "number" else list(range(25, 0, -1)))
