"""The verbs that only look: "show", "diff", "profile", "measures", "ledger" and "doctor"."""

import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from arkwright.api.doctor import doctor
from arkwright.api.look import diff, file, measures, profile, show
from arkwright.core.errors import Invalid, Unknown
from arkwright.core.nouns import Actor, Dataset, Model, Release, Run
from arkwright.measures import registry
from arkwright.sites import Site


def test_at_a_glance(at):
    glance = at.do(show)
    assert [d.ref for d in glance.datasets] == ["dataset:buyers@1", "dataset:visits@1"]
    assert [m.ref for m in glance.models] == ["model:buys@2"]
    assert [r.ref for r in glance.releases] == ["release:buys@1"]
    assert glance.endpoints == ()
    assert [(r.ref, r.state) for r in glance.runs] == [("run:shop@1", "finished")]


@pytest.mark.parametrize(
    ("reference", "kind", "ref"),
    [
        ("buys", Release, "release:buys@1"),
        ("visits", Dataset, "dataset:visits@1"),
        ("model:buys", Model, "model:buys@2"),
        ("model:buys@1", Model, "model:buys@1"),
        ("shop", Run, "run:shop@1"),
    ],
)
def test_one_thing(at, reference, kind, ref):
    shown = at.do(show, reference=reference)
    assert isinstance(shown.noun, kind)
    assert shown.noun.ref == ref


def test_a_model_is_shown_with_the_table_that_explains_it(at):
    shown = at.do(show, reference="model:buys")
    names = [c.name for c in shown.measured.candidates]
    assert names[:2] == ["as trained", "onnx"]
    assert sum(c.chosen for c in shown.measured.candidates) == 1
    trained = shown.measured.candidates[0]
    assert [(g.column, g.group) for g in trained.groups] == [("country", "DE"), ("country", "FR")]
    assert sum(g.rows for g in trained.groups) == 100
    assert {f.promise for f in shown.findings} == {"roc_auc >= 0.6", "agreement >= 0.9"}
    assert at.do(show, reference="model:buys@1").measured is None


def test_what_is_not_there(at):
    with pytest.raises(Unknown, match="nothing is called 'vists'; did you mean \"visits\""):
        at.do(show, reference="vists")
    with pytest.raises(Unknown, match="'modle' is no kind of thing"):
        at.do(show, reference="modle:buys")
    with pytest.raises(Invalid):
        at.do(show, reference="buys@0")


def test_what_differs(at):
    at.shop.edit("shop.py", "random_state=seed", "random_state=seed, C=0.01")
    at.run()
    found = {d.what: (d.before, d.after) for d in at.do(diff, before="buys@1", after="buys@2")}
    assert "files.model.onnx" in found
    assert "roc_auc >= 0.6" in found or "digest" in found
    assert at.do(diff, before="buys@1", after="buys@1") == ()
    with pytest.raises(Invalid, match="are of different kinds"):
        at.do(diff, before="buys", after="visits")


def test_profile(at):
    made = at.do(profile, dataset="buyers")
    assert made.rows == 400
    assert [c.name for c in made.columns] == ["id", "country", "spent", "age", "again"]
    file = at.folder / "own.parquet"
    shutil.copyfile(at.site.store.path(at.do(show, reference="buyers").noun.digest), file)
    assert at.do(profile, dataset=str(file)).rows == 400


def test_profile_of_a_file_that_is_no_dataset(at):
    made = at.do(profile, dataset="buyers.csv")
    assert made == at.do(profile, dataset=str(at.folder / "buyers.csv"))
    assert [(c.name, c.type) for c in made.columns][:2] == [("id", "int"), ("country", "str")]
    with pytest.raises(Unknown, match=r'there is no file .* did you mean "buyers.csv"'):
        at.do(profile, dataset="byers.csv")
    assert not [p for p in (at.folder / ".arkwright" / "tmp").rglob("*") if p.is_file()]


def test_profile_without_a_project_leaves_nothing_behind(at, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copyfile(at.folder / "buyers.csv", alone / "buyers.csv")
    words = [sys.executable, "-m", "arkwright.cli.main", "profile"]
    done = subprocess.run([*words, "buyers.csv"], cwd=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "400 rows × 5 columns" in done.stdout
    assert [p.name for p in alone.iterdir()] == ["buyers.csv"]
    done = subprocess.run([*words, "buyers"], cwd=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "there is no arkwright.toml" in done.stderr


def test_measures(at):
    names = {m.name for m in at.do(measures)}
    wanted = "rows missing duplicates smallest largest mean quantile allowed matches references "
    wanted += "freshness_hours schema_changes "
    wanted += (
        "roc_auc average_precision precision recall f1 brier calibration_error log_loss accuracy mae mse rmse r2 mape "
    )
    wanted += "worst_group gap selection_rate_ratio agreement latency_p50_ms latency_p99_ms size_mb split_duplicates "
    wanted += "target_leakage"
    assert set(wanted.split()) <= names
    with pytest.raises(Unknown, match='did you mean "recall"'):
        at.do(measures, name="recal")


def test_doctor_names_a_plug_in_that_cannot_be_loaded(tmp_path, monkeypatch):
    theirs = EntryPoint("theirs", "no_such_module", "arkwright.measures")
    monkeypatch.setattr(registry, "entry_points", lambda **_: [theirs])
    registry.plug_ins.cache_clear()
    try:
        found = [c for c in doctor(Site(tmp_path / "none"), Actor(name="ana"), tmp_path) if c.what == "measures"]
    finally:
        registry.plug_ins.cache_clear()
    why = "the plug-in theirs (no_such_module) cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"
    assert [(c.found, c.well) for c in found] == [(why, False)]


def test_doctor(at):
    checks = {c.what: c for c in at.do(doctor)}
    assert checks["ledger"].well
    assert "every seal holds" in checks["ledger"].found
    assert checks["store"].well
    assert all(c.found for c in checks.values())
    digest = at.do(show, reference="visits").noun.digest
    path = at.site.store.path(digest)
    path.chmod(0o644)
    path.write_bytes(b"other bytes")
    broken = {c.what: c for c in at.do(doctor)}["store"]
    assert broken.well is False
    assert digest[:12] in broken.found


def test_what_stands_is_shown_not_what_was_tried(at):
    at.shop.edit("shop.py", "fill_null(40)", "fill_null(41)")
    at.run()
    assert [r.ref for r in at.do(show).releases] == ["release:buys@2"]
    at.shop.edit("shop.py", "fill_null(41)", "fill_null(40)")
    at.run()
    glance = at.do(show)
    assert [r.ref for r in glance.releases] == ["release:buys@1"]
    assert [m.ref for m in glance.models] == ["model:buys@2"]


def test_the_card_of_a_release(at):
    card = at.do(file, reference="buys", name="README.md").read_text()
    assert "Tell who buys again" in card
    assert "| model:buys | `roc_auc >= 0.6` | **kept** |" in card
    with pytest.raises(Unknown, match=r"has no file 'READM\.md'; did you mean"):
        at.do(file, reference="release:buys@1", name="READM.md")
    words = [sys.executable, "-m", "arkwright.cli.main", "show", "buys", "--file", "README.md"]
    assert subprocess.run(words, cwd=at.folder, capture_output=True, text=True, check=True).stdout == card
