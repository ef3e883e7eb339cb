"""How a worker begins."""

import subprocess
import sys

from tests.serve.supervised import CODE, Supervised, who_release

LATER = (
    "cryptography", "email.message", "google", "grpc", "importlib.metadata", "opentelemetry", "pandas", "polars",
    "prometheus_client", "pyarrow", "pydantic", "rich", "secrets", "tempfile", "tomllib",
)  # fmt: skip


def test_what_few_need_is_not_imported_at_its_start():
    code = f"import sys, arkwright.serve.processes.worker; print([m for m in {LATER} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_garbage_is_collected_but_not_looked_for_in_what_was_imported(tmp_path):
    code = "import gc\n" + CODE.replace("float(os.getpid())", "float(gc.get_freeze_count() * gc.isenabled())")
    release = who_release(tmp_path / "who@1", code)
    with Supervised(tmp_path / "s", {"who": [(release, 1, 1.0)]}) as server:
        assert server.who() > 10_000
