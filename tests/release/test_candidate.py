import json
import re
from dataclasses import replace

import msgspec
import onnxruntime
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from arkwright.core.errors import ArkwrightError, Invalid, Refused
from arkwright.core.record import digest_bytes, digest_file
from arkwright.core.signature import Signature
from arkwright.release import candidate
from arkwright.release.bom import _licences
from arkwright.release.card import text
from arkwright.release.facts import Lineage, hardware
from arkwright.release.folder import manifest_digest, verify_folder


@pytest.fixture
def made(tmp_path, facts):
    return candidate.build(tmp_path / "candidate", **facts)


def digests(files):
    return {name: digest_file(path) for name, path in files.items()}


def test_it_holds_what_a_release_needs(made, facts, tmp_path):
    assert sorted(made) == [
        "README.md", "bom.cdx.json", "code/flights.py", "lineage.json", "model.onnx", "promises.json",
        "reference.msgpack", "signature.json",
    ]  # fmt: skip
    verify_folder(tmp_path / "candidate", digests(made), "release:late@3")
    assert msgspec.json.decode(made["signature.json"].read_bytes(), type=Signature) == facts["signature"]
    assert msgspec.json.decode(made["lineage.json"].read_bytes(), type=Lineage) == facts["lineage"]
    assert made["model.onnx"].read_bytes() == facts["model"].read_bytes()
    assert made["code/flights.py"].read_bytes() == facts["code"]["flights.py"]
    onnxruntime.InferenceSession(made["model.onnx"], providers=["CPUExecutionProvider"])
    promises = json.loads(made["promises.json"].read_bytes())
    assert promises["not_measured"] == ["size_mb <= 5"]
    assert promises["found"][1]["low"] == 0.705
    assert promises["found"][1]["subject"] == "model:late"
    assert "run" not in promises["found"][0]


def test_the_same_inputs_give_the_same_digest(made, facts, tmp_path):
    again = {**facts, "code": dict(reversed(facts["code"].items()))}
    again["findings"] = [replace(f, run="run:flights@10", subject=f.subject + "0") for f in facts["findings"]]
    other = candidate.build(tmp_path / "again", **again)
    assert manifest_digest(digests(other)) == manifest_digest(digests(made))
    again["lineage"] = replace(facts["lineage"], seed=8)
    changed = candidate.build(tmp_path / "changed", **again)
    assert manifest_digest(digests(changed)) != manifest_digest(digests(made))


def test_the_bill_of_materials_is_valid_cyclonedx(made, facts):
    spelt = made["bom.cdx.json"].read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(spelt) is None
    bill = json.loads(spelt)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(spelt.replace('"library"', '"nonsense"', 1)) is not None
    model = bill["metadata"]["component"]
    assert model["hashes"][0]["content"] == digest_file(facts["model"])
    metrics = model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    assert {"type": "recall", "value": "0.41", "slice": "carrier = UA"} in metrics
    assert {"lowerBound": "0.705", "upperBound": "0.721"} in [m.get("confidenceInterval") for m in metrics]
    by_name = {c["name"]: c for c in bill["components"]}
    assert by_name["scikit-learn"]["licenses"] == [{"expression": "BSD-3-Clause"}]
    assert by_name["scikit-learn"]["purl"].startswith("pkg:pypi/scikit-learn@")
    assert "scipy" in by_name  # what scikit-learn needs
    assert "pytest" not in by_name
    assert by_name["departures"]["hashes"][0]["content"] == "d" * 64
    assert len(bill["dependencies"][0]["dependsOn"]) == len(bill["components"])
    silent = {c["name"] for c in bill["components"] if c["type"] == "library" and not c.get("licenses")}
    assert silent <= {"pysqlite3", "sigstore-models"}  # they name no licence themselves


def front(made):
    _, matter, body = made["README.md"].read_text().split("---\n", 2)
    return {line.split(": ", 1)[0]: json.loads(line.split(": ", 1)[1]) for line in matter.splitlines()}, body


def test_the_card_says_what_matters(made):
    matter, body = front(made)
    assert matter["license"] == "apache-2.0"
    assert matter["pipeline_tag"] == "tabular-classification"
    metric = matter["model-index"][0]["results"][0]["metrics"]
    assert [(m["type"], m["value"]) for m in metric] == [("roc_auc", 0.713)]
    for wanted in (
        "Warn the gate",
        "ops-ml@airport.example",
        "95 % interval 0.705 to 0.721, 84,194 rows",
        "| model | `size_mb <= 5` | **not measured** |",
        "| carrier | O\\|O | 20 | 0.1 |",
        "Not for flights of other airports",
        "| departures | 327346 |",
        "to be signed by: owner, operations",
        "/endpoints/late/predict",
        '{"distance":0.5,"carrier":"text"}',
        "scikit-learn 1.9.1",
    ):
        assert wanted in body


def test_what_people_write_stays_text(facts, tmp_path):
    nasty = "<script>alert(1)</script>\n# Head | [link](javascript:x) ![i](y) **b** `c` \u202e {{7*7}}"
    facts["card"] = replace(facts["card"], purpose=nasty, owner=nasty, limits=(nasty,), license='x"\n---\ny: 1\u2028')
    made = candidate.build(tmp_path / "candidate", **facts)
    matter, body = front(made)
    assert matter["license"] == 'x"\n---\ny: 1\u2028'
    assert "<script" not in body
    assert not re.search(r"(?m)^# Head", body)
    assert not re.search(r"(?<!\\)\[link", body)
    assert "\u202e" not in body
    assert "{{7\\*7}}" in body
    assert text("a\n\nb") == "a b"
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(made["bom.cdx.json"].read_text()) is None


def test_code_that_the_signature_names_must_be_there(facts, tmp_path):
    with pytest.raises(Invalid, match=r"names code/flights\.py, and the code holds code/other\.py"):
        candidate.build(tmp_path / "candidate", **{**facts, "code": {"other.py": b""}})
    assert not (tmp_path / "candidate").exists()


@pytest.mark.parametrize("path", ["../x.py", "/etc/x.py", "a\\b.py", "", "a/../../b.py"])
def test_code_stays_in_its_folder(facts, tmp_path, path):
    with pytest.raises(Invalid, match="path"):
        candidate.build(tmp_path / "candidate", **{**facts, "code": {**facts["code"], path: b"x"}})
    assert not (tmp_path / "candidate").exists()


def test_a_graph_that_no_release_may_hold_is_refused(facts, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"\x80\x04\x95 a pickle, renamed")
    with pytest.raises((Invalid, Refused), match=r"bad\.onnx"):
        candidate.build(tmp_path / "candidate", **{**facts, "model": tmp_path / "bad.onnx"})
    assert not (tmp_path / "candidate").exists()


def test_a_folder_in_use_is_left_alone(facts, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Invalid, match="not empty"):
        candidate.build(tmp_path, **facts)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_full_disk_leaves_nothing(facts, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(ArkwrightError, match="No space left"):
        candidate.build(tmp_path / "candidate", **facts)
    assert not (tmp_path / "candidate").exists()


def test_licences_in_all_their_spellings():
    class Metadata(dict):
        def get_all(self, key, default):
            return self.get(key, default)

    class Package:
        def __init__(self, **metadata):
            self.metadata = Metadata({key.replace("_", "-"): value for key, value in metadata.items()})

    mit = ["License :: OSI Approved :: MIT License", "Programming Language :: Python"]
    assert _licences(Package(License_Expression=["MIT OR Apache-2.0"])) == [{"expression": "MIT OR Apache-2.0"}]
    assert _licences(Package(Classifier=mit, License=["x"])) == [{"license": {"name": "MIT License"}}]
    assert _licences(Package(License=["BSD"])) == [{"license": {"name": "BSD"}}]
    assert _licences(Package(License=["a whole text\n" * 50])) == []


def test_hardware_is_the_same_each_time():
    assert hardware() == hardware()
    assert set(hardware()) == {"machine", "processor", "system"}
    assert digest_bytes(b"")
