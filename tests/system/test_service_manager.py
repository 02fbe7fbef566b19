# SPDX-License-Identifier: Apache-2.0
"""Every service says to the manager that started it when it serves and when it ends, confined as it is."""
import signal
import socket
import subprocess

import pytest

import dev_system
from agent_fixture import CONFINED

pytestmark = pytest.mark.sanitize


@pytest.fixture(scope="module")
def system():
    s = dev_system.System(options=("--no-fuse",)).up()
    yield s
    s.down()


@pytest.mark.parametrize("name", ["cmsd", "aasd", "attestd", "keyd", "kbsd"])
def test_ready_and_stopping(system, name, tmp_path):
    dev_system.stop(system.pid(name))
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(tmp_path / "notify"))
    heard.settimeout(60)
    with open(system.dir / f"log/{name}.log", "ab") as log:
        process = subprocess.Popen([dev_system.BUILD / "programs" / name / name, "--config", system.dir / f"etc/{name}.conf"],
                                   env={**CONFINED, "NOTIFY_SOCKET": str(tmp_path / "notify")}, stdout=log, stderr=log)
    try:
        assert heard.recv(4096).startswith(b"READY=1"), system.logs()
        process.send_signal(signal.SIGTERM)
        assert heard.recv(4096) == b"STOPPING=1"
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        system_again = subprocess.run([dev_system.WARDER, *system.up_arguments], env=system.env, capture_output=True, text=True, timeout=120)
    assert system_again.returncode == 0, system_again.stdout + system_again.stderr
