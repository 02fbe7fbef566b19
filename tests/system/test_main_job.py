# SPDX-License-Identifier: Apache-2.0
"""The main job: nginx serves TLS with a key that was released to it after attestation, and the key is where it should be."""
import base64
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import dev_system

pytestmark = pytest.mark.skipif(dev_system.missing() is not None, reason=str(dev_system.missing()))


@pytest.fixture(scope="module", params=["embedded", "vault", "kmip", "pkcs11"])
def system(request):
    if dev_system.keys_missing(request.param):
        pytest.skip(dev_system.keys_missing(request.param))
    made = dev_system.System(keys=request.param)
    try:
        yield made.up()
    finally:
        made.down()


@pytest.fixture(scope="module")
def policy(system):
    measurement = subprocess.run([dev_system.TEESIM, "measurement"], text=True, capture_output=True, check=True).stdout.strip()
    return system.warder_json("policy", "create", "--name", "nginx", "--attestation-type", "tdx", "--appraisal", "dev",
                              "--claim", f"mrtd={measurement}", "--permissions", "nginx,USA", "--explain-to-caller")["id"]


class Wire(threading.Thread):
    """Everything that crosses the loopback device while it runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.2)
        self.bytes, self.going = bytearray(), True

    def run(self):
        while self.going:
            try:
                self.bytes += self.socket.recv(1 << 17)
            except TimeoutError:
                pass

    def stop(self):
        self.going = False
        self.join()
        self.socket.close()
        return bytes(self.bytes)


def patterns_of(key):
    """Windows of the private numbers in every form in which OpenSSL or a file keeps them."""
    private = key.private_numbers()
    numbers = {"p": private.p, "q": private.q, "d": private.d, "dp": private.dmp1, "dq": private.dmq1, "qinv": private.iqmp}
    found = {}
    for name, number in numbers.items():
        big = number.to_bytes((number.bit_length() + 7) // 8, "big")
        found[f"{name} big-endian"] = big[8:40]
        found[f"{name} limbs"] = big[::-1][8:40]
        found[f"{name} hex"] = big[8:24].hex().encode()
        found[f"{name} HEX"] = big[8:24].hex().upper().encode()
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    at = der.index(private.p.to_bytes((private.p.bit_length() + 7) // 8, "big"))
    for shift in range(3):
        for alphabet, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode)):
            found[f"{alphabet} {shift}"] = encode(der[at + shift:at + shift + 36])
    return found


def memory_of(pid):
    """What a process has mapped; nothing of one that has ended, such as a verify worker between two requests."""
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            lines = maps.readlines()
            yield from regions_of(lines, memory)
    except (FileNotFoundError, ProcessLookupError):
        assert not dev_system.alive(pid)


def regions_of(lines, memory):
    for line in lines:
        span, rights = line.split()[:2]
        if not rights.startswith("r") or line.rstrip().endswith(("[vvar]", "[vsyscall]")):
            continue
        start, end = (int(x, 16) for x in span.split("-"))
        try:
            memory.seek(start)
            yield memory.read(end - start)
        except (OSError, ValueError, OverflowError):
            continue


def seen_in(blocks, patterns):
    return sorted({name for block in blocks for name, window in patterns.items() if window in block})


def make_certificate(system, key, tmp_path):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID
    import ipaddress

    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
    csr = csr.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
    pem = csr.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return certify(system, pem, tmp_path / "nginx.crt")


def certify(system, request, path):
    import requests

    answer = requests.post(f"https://localhost:{system.port('cms')}/cms/v1/certificates?certType=TLS", data=request,
                           headers={"Content-Type": "application/x-pem-file",
                                    "Authorization": "Bearer " + (system.dir / "etc/cli.token").read_text().strip()},
                           verify=str(system.dir / "etc/tls/ca.pem"), timeout=20)
    assert answer.status_code in (200, 201), answer.text
    path.write_text(answer.text)
    return path


def everything_running(system):
    names = ["kbsd", "attestd", "aasd", "cmsd", "keyd"]
    return {name: [system.pid(name), *dev_system.children(system.pid(name))] for name in names}


def test_the_key_is_only_where_it_should_be(system, policy, tmp_path):
    """L24, L36: after nginx has served, no memory but the agent's, no file and no wire holds the private numbers."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    patterns = patterns_of(key)
    certificate = make_certificate(system, key, tmp_path)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private = tmp_path / "private.pem"  # outside the system's folder, as an administrator's file would be
    private.touch(mode=0o600)
    private.write_bytes(pem)

    wire = Wire()
    wire.start()
    made = system.warder_json("key", "import", "--file", private, "--policy", policy, "--label", "RSAKEY")
    private.unlink()
    key_id = made.get("key_information", made)["id"]
    (system.dir / "etc/keys.txt").write_text(f"pkcs11:token=KMS;id={key_id};object=RSAKEY;type=private;pin-value=1234\n")
    system.agent_stop()
    system.nginx_configure(certificate)
    started = system.nginx_start()
    assert started.returncode == 0, started.stderr + system.logs()
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for _ in range(4):
            assert system.get(version) == "served\n"
    crossed = wire.stop()

    agent = system.pid("skc-agent")
    assert seen_in(memory_of(agent), patterns), "the scan finds nothing even in the agent: it cannot be trusted"
    for name, pids in {**everything_running(system), "nginx": system.nginx_pids()}.items():
        for pid in pids:
            assert seen_in(memory_of(pid), patterns) == [], f"{name} (pid {pid}) holds private numbers"
    assert len(crossed) > 10000
    assert seen_in([crossed], patterns) == []
    files = [p for p in system.dir.rglob("*") if p.is_file() and not any(p.is_relative_to(system.dir / server) for server in ("var/openbao", "var/pykmip"))]
    assert len(files) > 20
    assert [p for p in files if seen_in([p.read_bytes()], patterns)] == []


def test_refusals_say_why_and_are_recorded(system, policy, tmp_path):
    output = subprocess.run([dev_system.ROOT / "demo/run.sh", "reg", "2048"], text=True, capture_output=True,
                            env={**system.env, "WARDER": str(dev_system.WARDER), "OUTPUT": str(tmp_path), "POLICY": policy})
    assert output.returncode == 0, output.stderr + system.logs()
    key_id = re.search(r"^Created Key: (\S+)$", output.stdout, re.M).group(1)
    certificate = re.search(r"^Key Certificate Path: (\S+)$", output.stdout, re.M).group(1)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{key_id}.crt"], "only the certificate is written"
    (system.dir / "etc/keys.txt").write_text(f"pkcs11:token=KMS;id={key_id};object=RSAKEY;type=private;pin-value=1234\n")

    def start():
        system.nginx_stop()
        system.agent_stop()
        system.nginx_configure(certificate)
        return system.nginx_start()

    for scenario, word in [("wrong-measurement", "mrtd"), ("debug", "debug"), ("out-of-date", "tcb_status"), ("forged-signature", "")]:
        system.scenario(scenario)
        before = len(system.audit())
        assert start().returncode != 0, f"nginx started under {scenario}"
        record = system.audit()[0]
        assert record["decision"] == "refused" and record["key_id"] == key_id, (scenario, record)
        assert word in str(record), (scenario, record)
        assert len(system.audit()) > before
        assert "key refused" in (system.dir / "log/skc-agent.log").read_text()
    system.scenario("ok")
    started = start()
    assert started.returncode == 0, started.stderr + system.logs()
    assert system.get() == "served\n"
    record = system.audit()[0]
    assert record["decision"] == "released" and record["key_id"] == key_id
    # another policy is tried on what was recorded
    tried = json.loads(system.warder("appraisal", "test", "default", "--request", record["id"], "-o", "json", status=1))
    assert tried["all_claims"] and [c["claim"] for c in tried["smallest_change"]] == ["root"]


def test_reload_and_several_workers(system):
    for _ in range(3):
        os.kill(int((system.dir / "nginx/nginx.pid").read_text()), 1)
        time.sleep(0.3)
        for _ in range(6):
            assert system.get() == "served\n"


def test_status_names_what_is_down(system):
    rows = {row["service"]: row["status"] for row in system.warder_json("status")}
    assert rows == {name: "ok" for name in ("kbs", "aas", "cms", "as", "qvs", "tcs")}
    dev_system.freeze(system.pid("cmsd"))
    try:
        done = subprocess.run([dev_system.WARDER, "status"], env=system.env, text=True, capture_output=True, timeout=90)
        assert done.returncode == 4 and re.search(r"cms +down", done.stdout), done.stdout
    finally:
        os.kill(system.pid("cmsd"), signal.SIGCONT)


def test_nothing_is_left_running():
    made = dev_system.System()
    made.up()
    made.up()  # what runs is left alone
    made.down()
    left = [p for p in pathlib.Path("/proc").glob("[0-9]*") if p.joinpath("cmdline").exists()
            and str(made.dir).encode() in p.joinpath("cmdline").read_bytes()]
    assert left == []
