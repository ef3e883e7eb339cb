"""The page about MLflow, run."""

import os
import subprocess
import sys
from pathlib import Path

from tests.docs.test_docs import blocks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mlflow.md"


def test_the_page_runs(room, client):
    """As somebody would who has read it: with the two variables that it names, and nothing else."""
    code = "\n".join(body for _, body in blocks(PAGE, "python run"))
    env = os.environ | {
        "MLFLOW_TRACKING_URI": room.address,
        "MLFLOW_TRACKING_TOKEN": room.tokens["carl"],
        "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",  # it would import all that is installed to list what is needed
    }
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "[8.]"
    assert client.get_model_version_by_alias("wool-price", "champion").version == "1"
