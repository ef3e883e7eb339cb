"""The other servers, each as its manual says, in one process with one worker where it lets choose, from its own
environment. Their code is in `apps/`; all answer with the same model.onnx on one thread of ONNX Runtime.
"""

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from serving.contenders import APPS, Contender, flat, listed, v2
from serving.processes import free_port

_RUNTIME = ("onnxruntime==1.32.0", "numpy==2.4.6")
_UVICORN = f"-m uvicorn --app-dir {APPS} fastapi_app:app --loop uvloop --http httptools --no-access-log"
_SAVE = "import sys, mlflow, onnx; mlflow.onnx.save_model(onnx.load(sys.argv[1]), sys.argv[2])"
_TRITON_MODEL = """name: "points"
backend: "python"
max_batch_size: 4096
input [{ name: "features", data_type: TYPE_FP32, dims: [30] }]
output [{ name: "value", data_type: TYPE_FP32, dims: [1] }]
instance_group [{ kind: KIND_CPU, count: 1 }]
dynamic_batching {}
"""


def fastapi() -> Contender:
    return Contender(
        "fastapi",
        "FastAPI + ONNX Runtime",
        _python(*_UVICORN.split(), "--log-level", "warning", "--port", "PORT"),
        listed("/predict", "rows", _predictions),
        ("fastapi==0.165.0", "uvicorn[standard]==0.54.0", *_RUNTIME),
        ("fastapi", "uvicorn", "pydantic", "uvloop", "httptools", "onnxruntime"),
    )


def others(tensor: str) -> list[Contender]:
    """All but FastAPI; `tensor` is the name of the model's input."""
    infer = v2("/v2/models/points/infer", tensor)
    return [
        Contender(
            "triton",
            "Triton, python backend",
            _triton_words,
            infer,
            ("nvidia-pytriton==0.7.0", "onnxruntime==1.32.0", "numpy==1.26.4"),
            ("nvidia-pytriton", "onnxruntime"),
            _triton_files,
        ),
        Contender("kserve", "KServe", _python(str(APPS / "kserve_app.py")), infer,
                  ("kserve==0.21.0", *_RUNTIME), ("kserve", "fastapi", "uvicorn", "onnxruntime")),
        Contender("mlserver", "MLServer, in process", _mlserver_words, infer,
                  ("mlserver==1.7.1", *_RUNTIME), ("mlserver", "fastapi", "uvicorn", "onnxruntime"), _mlserver_files),
        Contender("litserve", "LitServe", _python(str(APPS / "litserve_app.py")),
                  listed("/predict", "rows", _predictions),
                  ("litserve==0.2.19", *_RUNTIME), ("litserve", "fastapi", "uvicorn", "onnxruntime")),
        Contender("bentoml", "BentoML", _bentoml_words, listed("/predict", "rows", flat),
                  ("bentoml==1.4.40", *_RUNTIME), ("bentoml", "starlette", "uvicorn", "onnxruntime")),
        Contender("mlflow", "mlflow models serve", _mlflow_words, listed("/invocations", "inputs", _predictions),
                  ("mlflow==3.14.0", "onnx==1.23.2", *_RUNTIME), ("mlflow", "fastapi", "uvicorn", "onnxruntime"),
                  _mlflow_files),
    ]  # fmt: skip


def _python(*words: str) -> Callable[[Path, Path, int], Sequence[str]]:
    """The environment's own Python; the word PORT stands for the port."""
    return lambda home, _model, port: [
        str(home / "bin" / "python"),
        *(str(port) if word == "PORT" else word for word in words),
    ]


def _predictions(found: Any) -> list[float]:
    said = found["predictions"]
    return flat(next(iter(said.values())) if isinstance(said, dict) else said)


def _pytriton(home: Path) -> Path:
    (found,) = home.glob("lib/python*/site-packages/pytriton/tritonserver")
    return found


def _triton_files(home: Path, _model: Path) -> None:
    version = home / "repository" / "points" / "1"
    version.mkdir(parents=True, exist_ok=True)
    shutil.copy(APPS / "triton_app.py", version / "model.py")
    (version.parent / "config.pbtxt").write_text(_TRITON_MODEL, encoding="utf-8")
    server = _pytriton(home)
    stub = server / "python_backend_stubs" / sysconfig.get_python_version() / "triton_python_backend_stub"
    shutil.copy(stub, server / "backends" / "python")


def _triton_words(home: Path, _model: Path, port: int) -> list[str]:
    server = _pytriton(home)
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    environment = [f"PATH={path}", f"PYTHONPATH={server.parents[1]}"]
    environment += [f"LD_LIBRARY_PATH={sysconfig.get_config_var('LIBDIR')}"]
    repository = [f"--model-repository={home / 'repository'}", f"--backend-directory={server / 'backends'}"]
    quiet = ["--allow-grpc=false", "--allow-metrics=false", "--exit-timeout-secs=2", "--http-address=127.0.0.1"]
    program = str(server / "bin" / "tritonserver")
    return ["env", *environment, program, *repository, *quiet, f"--http-port={port}"]


def _mlserver_files(home: Path, _model: Path) -> None:
    folder = home / "points"
    folder.mkdir(exist_ok=True)
    shutil.copy(APPS / "mlserver_app.py", folder)
    model = {"name": "points", "implementation": "mlserver_app.Points", "parameters": {"version": "1"}}
    (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
    settings = {"parallel_workers": 0, "metrics_endpoint": None, "host": "127.0.0.1", "debug": False}
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def _mlserver_words(home: Path, _model: Path, port: int) -> list[str]:
    ports = [f"MLSERVER_HTTP_PORT={port}", f"MLSERVER_GRPC_PORT={free_port()}"]
    program = str(home / "bin" / "mlserver")
    return ["env", *ports, f"PYTHONPATH={home / 'points'}", program, "start", str(home / "points")]


def _bentoml_words(home: Path, _model: Path, port: int) -> list[str]:
    environment = [f"BENTOML_HOME={home / 'bentoml'}", "BENTOML_DO_NOT_TRACK=True", "PYTHONPATH="]
    program = [str(home / "bin" / "bentoml"), "serve", "bentoml_app:Points", "--working-dir", str(APPS)]
    return ["env", *environment, *program, "--host", "127.0.0.1", "--port", str(port)]


def _mlflow_files(home: Path, model: Path) -> None:
    shutil.rmtree(home / "model", ignore_errors=True)
    subprocess.run([home / "bin" / "python", "-c", _SAVE, model, home / "model"], check=True, capture_output=True)


def _mlflow_words(home: Path, _model: Path, port: int) -> list[str]:
    program = [str(home / "bin" / "mlflow"), "models", "serve", "--model-uri", str(home / "model")]
    how = ["--env-manager", "local", "--host", "127.0.0.1", "--workers", "1", "--port", str(port)]
    return ["env", f"PATH={home / 'bin'}:{os.environ['PATH']}", "PYTHONPATH=", *program, *how]
