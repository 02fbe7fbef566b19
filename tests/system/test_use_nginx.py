# SPDX-License-Identifier: Apache-2.0
"""nginx serves TLS with keys that stay in an HSM behind keyd: made there or imported, used for an attested machine only."""
import contextlib
import os
import pathlib
import random
import signal
import ssl
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import dev_system
from agent_fixture import wait_for
from test_main_job import certify, everything_running, make_certificate, memory_of, patterns_of, seen_in

WHY = dev_system.missing() or dev_system.keys_missing("pkcs11")
pytestmark = pytest.mark.skipif(WHY is not None, reason=str(WHY))
URI = "pkcs11:token=KMS;object={};type=private;pin-value=1234"
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
KINDS = {"rsa": ("--algorithm", "RSA", "--length", "2048"), "p256": ("--algorithm", "EC", "--curve", "secp256r1")}


@pytest.fixture(scope="module")
def system():
    made = dev_system.System(keys="pkcs11")
    try:
        made.up()
        measurement = subprocess.run([dev_system.TEESIM, "measurement"], text=True, capture_output=True, check=True).stdout.strip()
        made.policy = made.warder_json("policy", "create", "--name", "stays", "--attestation-type", "tdx", "--appraisal", "dev",
                                       "--claim", f"mrtd={measurement}", "--use", "sign", "--explain-to-caller")["id"]
        yield made
    finally:
        made.down()


def make_key(system, kind):
    made = system.warder_json("key", "create", *KINDS[kind], "--policy", system.policy, "--label", kind)
    return made.get("key_information", made)["id"]


def offer(system, **keys):
    """To a new agent, which the first use starts."""
    system.nginx_stop()
    system.agent_stop()
    (system.dir / "etc/keys.txt").write_text("".join(f"pkcs11:token=KMS;id={i};object={label};type=private;pin-value=1234\n" for label, i in keys.items()))


def request_certificate(system, label, path):
    """Nobody has the private key, so the request for its certificate is signed as everything is: through the module."""
    env = {**system.env, "OPENSSL_CONF": str(system.dir / "etc/openssl-pkcs11.cnf"), "WARDER_MODULE_CONF": str(system.dir / "etc/pkcs11.conf")}
    made = subprocess.run(["openssl", "req", "-new", "-engine", "pkcs11", "-keyform", "engine", "-key", URI.format(label), "-subj", "/CN=localhost",
                           "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], env=env, text=True, capture_output=True, timeout=60)
    assert made.returncode == 0, made.stderr + system.logs()
    return certify(system, made.stdout, path)


def serve(system, label, certificate, workers=2):
    system.nginx_configure(certificate, "engine:pkcs11:" + URI.format(label), workers)
    return system.nginx_start()


def served(system, times=4):
    for version in VERSIONS:
        for _ in range(times):
            assert system.get(version) == "served\n"


def no_handshake(system):
    with pytest.raises((ssl.SSLError, ConnectionError)):
        system.get()


@pytest.mark.parametrize("kind", KINDS)
def test_nginx_with_a_key_made_in_the_hsm(system, kind, tmp_path):
    key_id = make_key(system, kind)
    offer(system, **{kind: key_id})
    started = serve(system, kind, request_certificate(system, kind, tmp_path / "nginx.crt"), workers=4)
    assert started.returncode == 0, started.stderr + system.logs()
    served(system)
    for _ in range(3):
        os.kill(int((system.dir / "nginx/nginx.pid").read_text()), signal.SIGHUP)
        time.sleep(0.3)
        served(system, 2)
    records = [r for r in system.audit() if r.get("key_id") == key_id]
    assert {(r["action"], r["decision"]) for r in records if r["action"] != "key_create"} == {("use", "used")}
    assert len([r for r in records if r.get("operation") == "sign"]) >= 1 + 8 + 12 and all(r["tcb"]["tee"] == "tdx" for r in records if r["action"] == "use")
    log = (system.dir / "log/skc-agent.log").read_text()
    assert f'"key stays at the KBS","key":"{key_id}"' in log and f'"key received","key":"{key_id}"' not in log


@contextlib.contextmanager
def handshakes_all_the_time(system):
    going = [True]

    def load():
        while going:
            handshakes(system)
    threads = [threading.Thread(target=load) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        yield
    finally:
        going.clear()
        for t in threads:
            t.join()


def caught_signing(host, patterns):
    """SoftHSM has a key in the clear only while it signs: it is stopped, looked at and let go until it is caught at that."""
    windows = {name: window for name, window in patterns.items() if name in ("p big-endian", "p limbs")}
    until = time.monotonic() + 60
    while time.monotonic() < until:
        dev_system.freeze(host)
        try:
            blocks = list(memory_of(host))
        finally:
            os.kill(host, signal.SIGCONT)
        if seen_in(blocks, windows):
            return True
        time.sleep(0.02 * random.random())
    return False


def test_the_key_is_in_the_hsms_process_alone(system, tmp_path):
    """L24, L36: an imported key, so that its numbers are known: while it serves, no other process and no file holds them."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    patterns = patterns_of(key)
    certificate = make_certificate(system, key, tmp_path)
    private = tmp_path / "private.pem"
    private.touch(mode=0o600)
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    made = system.warder_json("key", "import", "--file", private, "--policy", system.policy, "--label", "imported")
    private.unlink()
    offer(system, imported=made.get("key_information", made)["id"])
    started = serve(system, "imported", certificate)
    assert started.returncode == 0, started.stderr + system.logs()
    served(system)
    host, = [p for p in dev_system.children(system.pid("keyd")) if "libsofthsm2" in pathlib.Path(f"/proc/{p}/maps").read_text()]
    others = {pid: name for name, pids in {**everything_running(system), "nginx": system.nginx_pids(), "skc-agent": [system.pid("skc-agent")]}.items()
              for pid in pids if pid != host}
    with handshakes_all_the_time(system):
        assert caught_signing(host, patterns), "the scan finds nothing even in the HSM's process: it cannot be trusted"
    assert {name for pid, name in others.items() if seen_in(memory_of(pid), patterns)} == set()
    files = [p for p in system.dir.rglob("*") if p.is_file()]
    assert len(files) > 20 and [p for p in files if seen_in([p.read_bytes()], patterns)] == []


def test_refused_where_the_policy_refuses(system, tmp_path):
    key_id = make_key(system, "rsa")
    offer(system, rsa=key_id)
    certificate = request_certificate(system, "rsa", tmp_path / "nginx.crt")
    for scenario, word in (("wrong-measurement", "mrtd"), ("debug", "debug")):
        system.scenario(scenario)
        offer(system, rsa=key_id)
        assert serve(system, "rsa", certificate).returncode != 0
        record = system.audit()[0]
        assert (record["action"], record["decision"], record["key_id"]) == ("use", "refused", key_id) and word in str(record)
    system.scenario("ok")
    offer(system, rsa=key_id)
    assert serve(system, "rsa", certificate).returncode == 0
    served(system, 1)


def test_denied_while_it_serves(system):
    """A platform on the deny list has no use more: there is no lease to wait for. Taken off, all goes on."""
    served(system, 1)
    fmspc = next(r["tcb"]["fmspc"] for r in system.audit() if r.get("tcb", {}).get("fmspc"))
    system.warder("deny", "add", "fmspc", fmspc, "--reason", "test")
    no_handshake(system)
    # by its token, as the agent asks again, and then by new evidence
    refused = [r["code"] for r in system.audit()[:3] if (r["action"], r["decision"]) == ("use", "refused")]
    assert refused == ["evidence_refused", "platform_denied", "platform_denied"]
    no_handshake(system)
    system.warder("deny", "remove", "fmspc", fmspc)
    wait_for(lambda: handshakes(system), 20)
    served(system, 1)


def handshakes(system):
    try:
        return system.get() == "served\n"
    except (ssl.SSLError, OSError):
        return False


def test_keyd_hangs_and_goes_on(system):
    """A handshake waits for its deadline and fails; the worker lives, and the next one succeeds."""
    served(system, 1)
    pids = [system.pid("keyd"), *dev_system.children(system.pid("keyd"))]
    workers = system.nginx_pids()
    for pid in pids:
        dev_system.freeze(pid)
    try:
        begun = time.monotonic()
        no_handshake(system)
        assert time.monotonic() - begun < 15
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    wait_for(lambda: handshakes(system), 20)
    served(system, 1)
    assert system.nginx_pids() == workers
