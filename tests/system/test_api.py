# SPDX-License-Identifier: Apache-2.0
"""docs/api against the services themselves, by a tool that reads OpenAPI and knows nothing else of Warder: schemathesis.

It sends what a file allows and what it does not, and holds every answer against it.
"""
import os
import pathlib
import subprocess

import pytest

import dev_system

TOOL = pathlib.Path(__file__).resolve().parent / "schemathesis"
ST = dev_system.ROOT / ".cache/venv/bin/schemathesis"
SERVICES = ["as", "qvs", "tcs", "kbs", "aas", "cms"]
EXAMPLES = os.environ.get("API_EXAMPLES", "8")  # of each operation, beside those that cover each keyword of its schema


@pytest.fixture(scope="module")
def system():
    s = dev_system.System(options=("--no-fuse",)).up()
    yield s
    s.down()


@pytest.mark.parametrize("service", SERVICES)
def test_service_is_what_its_file_says(system, service, tmp_path):
    token = (system.dir / "etc/cli.token").read_text().strip()
    (tmp_path / "schemathesis.toml").write_text((TOOL / "schemathesis.toml").read_text())
    done = subprocess.run([ST, "--config-file", tmp_path / "schemathesis.toml", "run", dev_system.ROOT / f"docs/api/{service}.yaml",
                           "--url", f"https://localhost:{system.port(service)}", "--tls-verify", system.dir / "etc/tls/ca.pem",
                           "--header", f"Authorization: Bearer {token}", "--max-examples", EXAMPLES, "--no-color"],
                          cwd=tmp_path, env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(TOOL)},
                          capture_output=True, text=True, timeout=120)
    report = done.stdout[done.stdout.find("= FAILURES ="):] if "= FAILURES =" in done.stdout else done.stdout
    assert done.returncode == 0, report[:6000] + done.stderr[-2000:]
    assert " passed" in done.stdout
