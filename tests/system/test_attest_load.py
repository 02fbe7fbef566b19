# SPDX-License-Identifier: Apache-2.0
"""The front among many: connections that idle, requests that never end, and those beside them who must not notice. bench/attest at a smaller scale."""
import os
import pathlib
import subprocess
import time

import pytest

import attestd_fixture as fixture
from attestd_fixture import Attestd, Simulator, cmw

LOAD = fixture.BUILD / "bench/attest_load"
IDLE, SLOW = 1000, 200
KIB_EACH = 50  # 10,000 within 500 MiB


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    simulator = Simulator(tmp_path_factory.mktemp("sim"))
    a = Attestd(tmp_path_factory.mktemp("attestd"), simulator.info["pcs"], roots=[simulator.root])
    a.quote = simulator.quote()
    yield a
    assert a.stop() == 0
    simulator.close()


def hold(service, *options):
    held = subprocess.Popen([LOAD, "--ca", service.dir / "attestd.pem", "--port", str(service.ports["as"]), *map(str, options)],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert held.stdout.readline() == "HELD\n"
    return held


def let_go(held):
    held.stdin.close()
    assert held.wait(30) == 0


def connections(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def rss_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def times(service, count):
    taken = []
    for _ in range(count):
        began = time.monotonic()
        assert service.call("as", "POST", "/as/v1/attest", {"evidence": cmw(service.quote)}).status == 403  # the default policy refuses a simulator
        taken.append(time.monotonic() - began)
    return sorted(taken)


def test_idle_connections_are_held_and_cost_little(service):
    (front,) = service.children("front")
    times(service, 20)
    before = rss_kib(front)
    held = hold(service, "--hold", IDLE)
    assert connections(front) >= IDLE
    grown = rss_kib(front) - before
    beside = times(service, 20)
    assert connections(front) >= IDLE
    let_go(held)
    assert beside[-1] < 2
    if not os.environ.get("ASAN_OPTIONS"):
        assert grown < IDLE * KIB_EACH, grown


def test_slow_clients_delay_nobody(service):
    """Each holds a request open, a byte at a time: they are cut by their own deadline, and the others are served meanwhile as before."""
    alone = times(service, 40)
    held = hold(service, "--hold", SLOW, "--drip")
    (front,) = service.children("front")
    assert connections(front) >= SLOW
    beside = times(service, 40)
    let_go(held)
    assert beside[20] < 5 * alone[20] + 0.05, (alone[20], beside[20])
    assert beside[-1] < 2, beside[-5:]  # far from a slow client's deadline of ten seconds
