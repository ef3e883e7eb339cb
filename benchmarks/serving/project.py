"""The model that is served: a LightGBM of 100 trees on 30 numbers, made from made-up data, released as users release.

A small project is written, run, signed and promoted through the command line; every server answers with the same
`model.onnx` of that release.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

COMMAND = str(Path(sys.executable).with_name("arkwright"))
FEATURES, TREES, ROWS, SEED = 30, 100, 20_000, 7
NAMES = [f"f{i}" for i in range(FEATURES)]
_CODE = '''"""One row of made-up numbers, and the model that is served."""

from dataclasses import dataclass

import lightgbm
import polars as pl


@dataclass
class Point:
{fields}
    y: float


def amount(points: pl.DataFrame, y: pl.Series, seed: int) -> lightgbm.LGBMRegressor:
    model = lightgbm.LGBMRegressor(n_estimators={trees}, num_leaves=31, random_state=seed, n_jobs=1, verbose=-1)
    return model.fit(points, y)
'''
_TOML = """project = "serving"
owner   = "bench@example.org"
purpose = "The model that the serving benchmark asks"
risk    = "minimal"
code    = "serving.py"

[data.points]
source   = "points.csv"
row      = "Point"
promises = ["rows >= 1000"]

[model.amount]
from   = "points"
target = "y"
task   = "regression"

[gate.production]
promises  = ["r2 >= 0.5", "agreement >= 0.99"]
signed_by = ["model-owner"]
"""
_ENDPOINT = """
[endpoint.{name}]
model = "amount"
gate  = "production"
{more}"""


def rows(count: int, seed: int = SEED) -> np.ndarray:
    """Made-up rows, float64 [count, 30]; five digits behind the point, as measured values have."""
    return np.random.default_rng(seed).normal(size=(count, FEATURES)).round(5)


def made(folder: Path, endpoints: Mapping[str, str]) -> Path:
    """The project with its endpoints (name -> further lines of its TOML table), released; made once per folder."""
    done = folder / "released.json"
    wanted = json.dumps(dict(endpoints))
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    x = rows(ROWS)
    y = x[:, 0] * 2 + np.sin(x[:, 1] * 2) + x[:, 2] * x[:, 3] + np.abs(x[:, 4 : 4 + 8]).sum(axis=1)
    table = np.column_stack([x, y + np.random.default_rng(SEED).normal(scale=0.1, size=ROWS)])
    lines = [",".join([*NAMES, "y"]), *(",".join(f"{value:.6g}" for value in row) for row in table)]
    (folder / "points.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    fields = "\n".join(f"    {name}: float" for name in NAMES)
    (folder / "serving.py").write_text(_CODE.format(fields=fields, trees=TREES), encoding="utf-8")
    tables = "".join(_ENDPOINT.format(name=name, more=more) for name, more in endpoints.items())
    (folder / "arkwright.toml").write_text(_TOML + tables, encoding="utf-8")
    _arkwright(folder, "run", "--by", "ana")
    _arkwright(folder, "sign", "amount", "--by", "ben", "--role", "model-owner")
    for name in endpoints:
        _arkwright(folder, "promote", "amount", "--endpoint", name, "--by", "ben")
    done.write_text(wanted, encoding="utf-8")
    return folder


def canary(folder: Path) -> Path:
    """The project with a second release of the same model, which answers a tenth of the requests; made once."""
    done = folder / "canary.json"
    if not done.exists():
        code = folder / "serving.py"
        code.write_text(code.read_text(encoding="utf-8").replace("random_state=seed", "random_state=seed + 1"), "utf-8")
        _arkwright(folder, "run", "--by", "ana")
        _arkwright(folder, "sign", "amount", "--by", "ben", "--role", "model-owner")
        _arkwright(folder, "promote", "amount", "--endpoint", "points", "--share", "0.1", "--by", "ben")
        done.write_text("true", encoding="utf-8")
    return folder


def knows(key: str) -> bool:
    """Whether `arkwright.toml` has such a key in an endpoint's table."""
    schema = json.loads(_arkwright(Path.cwd(), "schema"))
    return key in schema["$defs"]["EndpointSpec"]["properties"]


def serves(option: str) -> bool:
    """Whether `arkwright serve` has such an option."""
    return option in _arkwright(Path.cwd(), "serve", "--help")


def model(folder: Path) -> Path:
    """The `model.onnx` of the release, by its digest in the project's store."""
    found = json.loads(_arkwright(folder, "show", "release:amount", "--json"))
    digest = found["noun"]["files"]["model.onnx"]
    return folder / ".arkwright" / "store" / digest[:2] / digest[2:4] / digest


def _arkwright(folder: Path, *words: str) -> str:
    done = subprocess.run([COMMAND, *words], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr)[-3000:]
        sys.exit(f"arkwright {' '.join(words)} ended with {done.returncode}:\n{said}")
    return done.stdout
