"""KServe's own client."""

from pathlib import Path

from tests.serve import clients


def test_kserves_own_client(f32):
    script = Path(__file__).with_name("kserve_client.py")
    assert clients.run(clients.kserve(), script, f"http://127.0.0.1:{f32.port}") == "fine\n"
