"""The client programs among the examples, run as a reader would run them, against a real server."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.serve.conftest import Live, late_probability, loaded_late

EXAMPLES = Path(__file__).parents[2] / "examples"
ROW = {"distance": 1200, "carrier": "UA", "delay": 4}
TENSORS = {"inputs": [{"name": "features", "shape": [1, 3], "datatype": "FP32", "data": [1.2, 0, 4]}]}
WANTED = late_probability(**ROW)


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    with Live([loaded_late(tmp_path_factory.mktemp("late"), "polars_features")]) as live:
        yield live


def run(*command):
    environment = os.environ | {"JAVA_TOOL_OPTIONS": ""}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)


def java(*arguments):
    assert shutil.which("java"), "the example in Java needs a JDK 17 or newer"
    return run("java", "-XX:TieredStopAtLevel=1", EXAMPLES / "java" / "Predict.java", *arguments)


def test_java(late):
    done = java(f"http://127.0.0.1:{late.port}", "late", json.dumps(ROW), json.dumps(TENSORS))
    assert (done.returncode, done.stderr.replace("Picked up JAVA_TOOL_OPTIONS: \n", "")) == (0, "")
    predicted, by, inferred, again = done.stdout.splitlines()
    assert json.loads(predicted)["prediction"]["probabilities"]["true"] == pytest.approx(WANTED, abs=1e-6)
    assert by == again == "by release:late@3"
    outputs = {output["name"]: output["data"] for output in json.loads(inferred)["outputs"]}
    assert outputs["probabilities"][1] == pytest.approx(WANTED, abs=1e-6)


@pytest.mark.parametrize(
    ("endpoint", "row", "said"),
    [
        ("late", '{"distance": "far", "carrier": "UA"}', "the request is wrong: "),
        ("late", "{", "the request is wrong: "),
        ("nobody", "{}", "no such endpoint: "),
    ],
)
def test_java_tells_whose_mistake_it_is(late, endpoint, row, said):
    done = java(f"http://127.0.0.1:{late.port}", endpoint, row)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert '{"error":' in done.stderr


def test_java_without_a_server(late):
    assert java("http://127.0.0.1:1", "late", "{}").returncode == 2


def test_python_with_the_standard_library(late):
    program = EXAMPLES / "python" / "predict.py"
    done = run(sys.executable, program, f"http://127.0.0.1:{late.port}", "late", json.dumps([ROW, ROW]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("'label': True") == 2
    wrong = run(sys.executable, program, f"http://127.0.0.1:{late.port}", "late", '{"distance": 1}')
    assert (wrong.returncode, wrong.stderr) == (1, "422: $: object missing required field carrier\n")


def test_python_with_tensors(late):
    program = EXAMPLES / "python" / "infer.py"
    done = run(sys.executable, program, f"127.0.0.1:{late.port}", "late", "1.2,0,4", "0.1,1,0")
    assert done.returncode == 0, done.stderr
    label, probabilities = done.stdout.splitlines()
    assert label == "label [1, 0]"
    assert json.loads(probabilities.removeprefix("probabilities "))[0][1] == pytest.approx(WANTED, abs=1e-6)
    wrong = run(sys.executable, program, f"127.0.0.1:{late.port}", "late", "1,2")
    assert wrong.returncode == 1
    assert "is shaped [1, 2]; the model takes [-1, 3]" in wrong.stderr


def test_the_line_for_curl_that_the_index_shows(late):
    assert shutil.which("curl"), "the example for the shell needs curl"
    line = late.call("GET", "/")[2]["endpoints"]["late"]["try"]
    done = run("sh", "-c", f"{line} -s --fail-with-body")
    assert done.returncode == 0, done.stdout
    assert "prediction" in json.loads(done.stdout)
