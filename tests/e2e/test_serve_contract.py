"""Requests made from the contract, sensible and not: no answer that it does not know, no fault of the server."""
import subprocess

import pytest

from e2e.service import CLIENTS, ROOT, Service, base_model

pytestmark = pytest.mark.skipif(not CLIENTS.exists(), reason="build/python-clients is not there: tools/setup.sh oracles")


def test_schemathesis_finds_nothing(tmp_path):
    service = Service(base_model(tmp_path / "model"), tmp_path / "data").start()
    # positive_data_acceptance counts every refusal of an argument that this server does not support as a fault.
    result = subprocess.run(
        [CLIENTS.parent / "schemathesis", "run", ROOT / "tests/clients/openai-subset.yaml", "--url", service.address + "/v1",
         "-H", f"Authorization: Bearer {service.key}", "--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--seed", "1",
         "--exclude-checks", "positive_data_acceptance", "--exclude-path", "/embeddings", "--continue-on-failure", "--no-color",
         "--request-timeout", "30", "--generation-database", "none"], capture_output=True, text=True, timeout=400, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-6000:]
    assert service.call("GET", "/health")[0] == 200
    service.stop()
