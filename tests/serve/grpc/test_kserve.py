"""KServe's own client, over gRPC."""

from pathlib import Path

from tests.serve import clients


def test_kserves_own_client(served):
    script = Path(__file__).with_name("kserve_client.py")
    assert clients.run(clients.kserve(), script, served.target) == "fine\n"
