# SPDX-License-Identifier: Apache-2.0
"""Certificates of a running system: renewed under load without a failed request, and refused once they are revoked."""
import contextlib
import datetime
import http.client
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import dev_system

pytestmark = pytest.mark.sanitize
LIFE = 30
SERVICES = ["tcs", "qvs", "as", "kbs", "aas", "cms"]


@pytest.fixture(scope="module")
def system():
    s = dev_system.System(options=("--no-fuse", "--certificate-seconds", str(LIFE)))
    try:
        yield s.up()
    finally:
        s.down()


@pytest.fixture(scope="module")
def lasting():
    """Nothing is renewed while it runs."""
    s = dev_system.System(options=("--no-fuse",))
    try:
        yield s.up()
    finally:
        s.down()


def context(system, client=None):
    made = ssl.create_default_context(cafile=system.dir / "etc/tls/ca.pem")
    if client:
        made.load_cert_chain(client.with_suffix(".pem"), client.with_suffix(".key"))
    return made


def served(system, name):
    """The certificate that a service shows now."""
    with socket.create_connection(("127.0.0.1", system.port(name)), timeout=20) as raw, \
            context(system).wrap_socket(raw, server_hostname="localhost") as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(True))


class Load(threading.Thread):
    """Requests to one service, over one connection as long as it lasts or over a new one each; every answer must come."""

    def __init__(self, system, name, fresh):
        super().__init__(daemon=True)
        self.system, self.name, self.fresh = system, name, fresh
        self.stopped, self.count, self.failures = threading.Event(), 0, []

    def run(self):
        connection = None
        while not self.stopped.is_set():
            try:
                connection = connection or http.client.HTTPSConnection("localhost", self.system.port(self.name), context=context(self.system), timeout=30)
                connection.request("GET", "/health")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(answer.status)
                self.count += 1
                if self.fresh:
                    connection.close()
                    connection = None
            except Exception as e:  # pylint: disable=broad-except
                self.failures.append(repr(e))
                connection = None
            time.sleep(0.02)


def until(condition, seconds, what, system):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what + "\n" + system.logs()
        time.sleep(0.1)


def test_all_certificates_are_renewed_under_load(system):
    """Each service and each path between services, past the end of every certificate that was there."""
    first = {name: served(system, name) for name in SERVICES}
    keys = {name: path.read_bytes() for name in ("kbsd", "aasd", "cmsd", "attestd") for path in [system.dir / f"etc/tls/{name}.key"]}
    loads = [Load(system, name, fresh) for name in SERVICES for fresh in (False, True)]
    for load in loads:
        load.start()
    ends = max(c.not_valid_after_utc for c in first.values()).timestamp()
    until(lambda: time.time() > ends + 1 and all(served(system, n).serial_number != c.serial_number for n, c in first.items()),
          4 * LIFE, "not all were renewed", system)
    system.warder("key", "list")  # kbsd to keyd
    for load in loads:
        load.stopped.set()
    for load in loads:
        load.join()
        assert load.failures == [] and load.count > 10, (load.name, load.fresh, load.failures[:3], system.logs())
    for name, old in first.items():
        new = served(system, name)
        assert new.public_key() != old.public_key() and new.subject == old.subject  # a new key each time
        names = [c.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for c in (old, new)]
        assert names[0] == names[1]
    for name, key in keys.items():
        path = system.dir / f"etc/tls/{name}.key"
        assert path.read_bytes() != key and path.stat().st_mode & 0o777 == 0o600
    assert not list((system.dir / "etc/tls").glob("*.new"))


def issue(system, name, life=3600):
    """A certificate of the system's CA and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    stem = system.dir / "nginx" / name
    stem.parent.mkdir(exist_ok=True)
    stem.with_suffix(".key").touch(0o600)
    stem.with_suffix(".key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    stem.with_suffix(".csr").write_bytes(csr(name, key))
    dev_system.subprocess.run([dev_system.BUILD / "programs/cmsd/cmsd", "--config", system.dir / "etc/cmsd.conf", "--issue", "--csr",
                               stem.with_suffix(".csr"), "--out", stem.with_suffix(".pem"), "--seconds", str(life)], check=True, timeout=60)
    return stem


def csr(name, key=None, names=()):
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def renew(system, client, body, query=""):
    connection = http.client.HTTPSConnection("localhost", system.port("cms"), context=context(system, client), timeout=30)
    connection.request("POST", "/cms/v1/renewals" + query, body=body, headers={"Content-Type": "application/x-pem-file"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def serial(stem):
    return f"{x509.load_pem_x509_certificate(stem.with_suffix('.pem').read_bytes()).serial_number:x}"


def test_a_renewal_is_of_that_very_certificate(system):
    """L27: what the present certificate has, with a new key, and nothing else."""
    mine = issue(system, "mine")
    present = serialization.load_pem_private_key(mine.with_suffix(".key").read_bytes(), None)
    status, body = renew(system, mine, csr("mine"), "?validitySeconds=600")
    assert status == 200 and x509.load_pem_x509_certificate(body).subject.rfc4514_string() == "CN=mine"
    for client, request, wanted, code in (
            (None, csr("mine"), 401, b"client_certificate_missing"),
            (mine, csr("other"), 403, b"names_not_renewed"),
            (mine, csr("mine", names=["localhost"]), 403, b"names_not_renewed"),
            (mine, csr("mine", present), 403, b"key_not_new"),
            (mine, b"nonsense", 400, b"csr_invalid")):
        status, body = renew(system, client, request)
        assert status == wanted and code in body, body
    system.warder("certificate", "revoke", serial(mine), "--reason", "key_compromise")
    status, body = renew(system, mine, csr("mine"))
    assert status == 403 and b"client_certificate_refused" in body
    other_ca = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mine")])
    now = datetime.datetime.now(datetime.timezone.utc)
    forged = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(present.public_key())
              .serial_number(int(serial(mine), 16)).not_valid_before(now - datetime.timedelta(minutes=1))
              .not_valid_after(now + datetime.timedelta(hours=1)).sign(other_ca, hashes.SHA256()))
    mine.with_suffix(".pem").write_bytes(forged.public_bytes(serialization.Encoding.PEM))
    with contextlib.suppress(OSError):  # the handshake fails
        assert renew(system, mine, csr("mine"))[0] != 200


def restart(system, name, *changes):
    config = system.dir / f"etc/{name}.conf"
    text = config.read_text()
    for section, line in changes:
        text = text.replace(f"[{section}]\n", f"[{section}]\n{line}\n", 1)
    dev_system.stop(system.pid(name))
    config.write_text(text)
    with open(system.dir / f"log/{name}.log", "ab") as log:
        process = dev_system.subprocess.Popen([dev_system.BUILD / f"programs/{name}/{name}", "--config", config], env=system.env, stdout=log, stderr=log,
                                              start_new_session=True)
    (system.dir / f"run/{name}.pid").write_text(f"{process.pid}\n")


def test_a_revoked_client_is_refused_also_on_an_open_connection(lasting):
    system = lasting
    restart(system, "kbsd", ("server", f"client_ca = {system.dir}/etc/tls/ca.pem"))

    def open_connection(client):
        made = http.client.HTTPSConnection("localhost", system.port("kbs"), context=context(system, client), timeout=30)
        made.request("GET", "/health")
        answer = made.getresponse()
        answer.read()
        assert answer.status == 200
        return made

    good, bad = issue(system, "good"), issue(system, "bad")

    def up():
        with contextlib.suppress(OSError):
            return open_connection(good)

    until(up, 30, "kbsd does not come up", system)
    kept, cut = open_connection(good), open_connection(bad)
    system.warder("certificate", "revoke", serial(bad), "--reason", "superseded")

    def refused():
        try:
            open_connection(bad).close()
        except (OSError, http.client.HTTPException):
            return True
        return False

    until(refused, 20, "a revoked client is still admitted", system)
    with pytest.raises((OSError, http.client.HTTPException)):
        cut.request("GET", "/health")
        cut.getresponse().read()
    kept.request("GET", "/health")
    assert kept.getresponse().status == 200


CALLS = {"as": ("appraisal", "list"), "aas": ("user", "list"), "kbs": ("key", "list"), "cms": ("certificate", "list")}


def revoke_server(system, name):
    system.warder("certificate", "revoke", f"{served(system, name).serial_number:x}")


def test_revoked_servers_are_refused(lasting):
    """By the command line, by kbsd (the attestation service), by the agent (the key broker)."""
    system = lasting
    for call in CALLS.values():
        system.warder(*call)
    policy = system.warder_json("policy", "create", "--name", "s", "--attestation-type", "tdx", "--appraisal", "dev")["id"]
    source = system.dir / "nginx/secret"
    source.write_bytes(b"delivered")
    key_id = system.warder_json("secret", "put", "--file", source, "--policy", policy)["key_information"]["id"]

    def fetch():
        command = [dev_system.BUILD / "programs/skc-agent/skc-agent", "fetch", "--config", system.dir / "etc/skc-agent.conf", "--id", key_id]
        return dev_system.subprocess.run(command, env=system.env, capture_output=True, timeout=60)

    def refused(name):
        done = dev_system.subprocess.run([dev_system.WARDER, *CALLS[name]], env=system.env, text=True, capture_output=True, timeout=60)
        return done.returncode != 0 and "not trusted" in done.stderr

    assert fetch().stdout == b"delivered", system.logs()
    revoke_server(system, "as")
    until(lambda: refused("as"), 20, "the command line trusts the attestation service", system)
    until(lambda: fetch().returncode != 0, 20, "kbsd trusts the attestation service", system)
    assert "not trusted" in (system.dir / "log/kbsd.log").read_text()
    for name in ("aas", "kbs"):
        revoke_server(system, name)
    until(lambda: b"not trusted" in fetch().stderr, 20, "the agent trusts the key broker", system)
    for name in ("aas", "kbs"):
        until(lambda name=name: refused(name), 20, f"{name} is still trusted", system)
    revoke_server(system, "cms")
    until(lambda: refused("cms"), 20, "cms is still trusted", system)


@pytest.mark.skipif(not dev_system.bao(), reason="no OpenBao")
def test_a_revoked_key_manager_is_refused():
    """By keyd, whose list is a file: it has no way to cmsd."""
    system = dev_system.System("vault", options=("--no-fuse",))
    try:
        system.up()
        create = ("key", "create", "--algorithm", "AES", "--length", "256")
        system.warder(*create)
        (leaf,) = x509.load_pem_x509_certificates((system.dir / "etc/tls/openbao.pem").read_bytes())[:1]
        system.warder("certificate", "revoke", f"{leaf.serial_number:x}")
        until(lambda: dev_system.subprocess.run([dev_system.WARDER, *create], env=system.env, capture_output=True, timeout=60).returncode != 0, 30,
              "keyd trusts Vault", system)
    finally:
        system.down()
