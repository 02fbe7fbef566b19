# SPDX-License-Identifier: Apache-2.0
"""warder kbs: a key broker set up from a kbs.env with the keys of the original system, against a CMS and an AAS that run."""
import hashlib
import json
import os
import pathlib
import socket
import ssl
import shutil
import stat
import subprocess
import tempfile
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import dev_system
import kbs_fixture
import kmip_fixture
from attestd_fixture import Key
from openbao_fixture import OpenBao, find_bao, free_port

pytestmark = pytest.mark.skipif(dev_system.missing() is not None, reason=str(dev_system.missing()))
NAMES = "127.0.0.1,localhost"


@pytest.fixture(scope="module")
def system():
    made = dev_system.System(options=("--no-fuse",))
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture
def broker(system):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="warder-kbs."))
    b = Broker(system, folder)
    try:
        yield b
    finally:
        subprocess.run([dev_system.WARDER, "kbs", "stop", "--dir", folder / "kbs"], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def leaf_of(port):
    context = ssl._create_unverified_context()
    with socket.create_connection(("127.0.0.1", port)) as raw, context.wrap_socket(raw) as s:
        return s.getpeercert(True)


class Broker:
    def __init__(self, system, folder):
        self.system, self.folder, self.port = system, folder, free_port()
        self.dir = folder / "kbs"
        self.lines = {
            "SERVER_PORT": self.port, "SERVER_IP": "127.0.0.1", "ENDPOINT_URL": f"https://127.0.0.1:{self.port}/kbs/v1",
            "CMS_BASE_URL": f"https://localhost:{system.port('cms')}/cms/v1/", "AAS_API_URL": f"https://localhost:{system.port('aas')}/aas/v1",
            "KBS_SERVICE_USERNAME": "skcuser", "KBS_SERVICE_PASSWORD": (system.dir / "var/dev/skcuser.password").read_text().strip(),
            "TLS_COMMON_NAME": '"localhost"', "SKC_CHALLENGE_TYPE": '"SGX,TDX"',
            "CMS_TLS_CERT_SHA384": hashlib.sha384(leaf_of(system.port("cms"))).hexdigest(), "TLS_SAN_LIST": NAMES,
            "BEARER_TOKEN": (system.dir / "etc/cli.token").read_text().strip(), "SESSION_EXPIRY_TIME": 60}

    def run(self, *arguments, status=0, mode=0o600, **changes):
        file = self.folder / "kbs.env"
        lines = {k: v for k, v in {**self.lines, **changes}.items() if v is not None}
        file.touch(0o600)
        file.write_text("".join(f"{k}={v}\n" for k, v in lines.items()))
        file.chmod(mode)
        done = subprocess.run([dev_system.WARDER, "kbs", "setup", "--env", file, "--dir", self.dir, "--attestation",
                               f"https://localhost:{self.system.port('as')}", *map(str, arguments)], capture_output=True, text=True, timeout=60)
        assert done.returncode == status, done.stdout + done.stderr + self.logs()
        return done.stdout if status == 0 else done.stderr

    def logs(self):
        return "".join(p.read_text() for p in (self.dir / "log").glob("*.log"))

    def warder(self, *arguments):
        """As the system's administrator, at this broker."""
        config = self.folder / "cli.conf"
        text = (self.system.dir / "etc/cli.conf").read_text()
        config.write_text(text.replace(f"https://localhost:{self.system.port('kbs')}", f"https://127.0.0.1:{self.port}"))
        done = subprocess.run([dev_system.WARDER, *map(str, arguments), "--config", config, "-o", "json"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr + self.logs()
        return json.loads(done.stdout)

    def settings(self, name):
        section, rows = "", {}
        for line in (self.dir / f"etc/{name}.conf").read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line:
                key, _, value = line.partition(" = ")
                rows[f"{section}.{key}"] = value
        return rows


def environment_of(pid):
    return pathlib.Path(f"/proc/{pid}/environ").read_bytes() + pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()


def test_vault_as_in_the_article(broker, tmp_path):
    if not find_bao():
        pytest.skip("no OpenBao server (bao)")
    bao = OpenBao(tmp_path / "bao")
    try:
        said = broker.run("--vault-plain-http", "--log-dir", tmp_path / "log/kbs", KEY_MANAGER="VAULT", CLIENT_TOKEN=bao.root,
                          KMIP_SERVER_IP="127.0.0.1", KMIP_SERVER_PORT=bao.port)
        assert "CMS_TLS_CERT_SHA384" in said and "AAS knows skcuser" in said and f"port {broker.port}" in said
        certificate = x509.load_pem_x509_certificate((broker.dir / "etc/tls/kbsd.pem").read_bytes())
        assert certificate.subject.rfc4514_string() == "CN=localhost"
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["localhost"]
        assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
        assert leaf_of(broker.port) == certificate.public_bytes(serialization.Encoding.DER)
        keyd, kbsd = broker.settings("keyd"), broker.settings("kbsd")
        assert keyd["keys.manager"] == "vault" and keyd["vault.url"] == bao.url
        assert keyd["keyd.session_minutes"] == "60" and keyd["keyd.attestation_types"] == "sgx tdx"
        assert kbsd["server.address"] == "127.0.0.1" and kbsd["server.port"] == str(broker.port)
        log = (broker.dir / "log/keyd.log").read_text()
        assert f"Vault Address: {bao.url}" in log and "Vault client initialized" in log
        # The article's two lines, in the file and the form of the original system.
        lines = (tmp_path / "log/kbs/kbs.log").read_text().splitlines()
        assert stat.S_IMODE((tmp_path / "log/kbs/kbs.log").stat().st_mode) == 0o640
        for wanted in (f"Vault Address: {bao.url}; name=default",
                       "vaultclient/vaultclient:InitializeClient() Vault client initialized; name=default"):
            assert any(line.startswith("INFO[") and line.endswith(f"]: {wanted}") for line in lines), lines
        assert any("kbsd]: service start; name=default" in line for line in lines)
        assert bao.root not in "".join(lines)
        # The token is in one file that nobody else reads, and in no environment or command line.
        secret = bao.root.encode()
        holders = [p for p in broker.dir.rglob("*") if p.is_file() and secret in p.read_bytes()]
        assert holders == [broker.dir / "etc/vault.token"] and stat.S_IMODE(holders[0].stat().st_mode) == 0o600
        for pid in [int((broker.dir / f"run/{name}.pid").read_text()) for name in ("keyd", "kbsd")]:
            assert secret not in environment_of(pid) and broker.lines["BEARER_TOKEN"].encode() not in environment_of(pid)
        # It works: a key is made in Vault, and what links to it is the ENDPOINT_URL.
        made = broker.warder("key", "create", "--algorithm", "AES", "--length", "256")
        assert made["transfer_link"].startswith(broker.lines["ENDPOINT_URL"])
        assert bao.call("GET", f"keybroker/warder/default/{made['key_information']['id']}/1")[0] == 200
        # Again, with another port, over the running one.
        old, broker.port = broker.port, free_port()
        broker.lines.update(SERVER_PORT=broker.port, ENDPOINT_URL=f"https://127.0.0.1:{broker.port}/kbs/v1")
        broker.run("--vault-plain-http", KEY_MANAGER="VAULT", CLIENT_TOKEN=bao.root, KMIP_SERVER_IP="127.0.0.1", KMIP_SERVER_PORT=bao.port)
        assert broker.warder("key", "show", made["key_information"]["id"])["key_information"]["algorithm"] == "AES"
        with pytest.raises(OSError):
            leaf_of(old)
    finally:
        bao.stop()


@pytest.mark.skipif(kmip_fixture.missing() is not None, reason=str(kmip_fixture.missing()))
def test_kmip(broker, tmp_path):
    server = kmip_fixture.PyKmip(tmp_path / "kmip")
    try:
        broker.run(KEY_MANAGER="KMIP", KMIP_SERVER_IP="127.0.0.1", KMIP_SERVER_PORT=server.port, KMIP_CLIENT_CERT_PATH=server.pem,
                   KMIP_CLIENT_KEY_PATH=server.key, KMIP_ROOT_CERT_PATH=server.ca)
        assert broker.warder("key", "create", "--algorithm", "AES", "--length", "256")["key_information"]["algorithm"] == "AES"
        stopped = subprocess.run([dev_system.WARDER, "kbs", "stop", "--dir", broker.dir, "-o", "json"], capture_output=True, text=True)
        assert (stopped.returncode, json.loads(stopped.stdout)) == (0, {})
        status = [dev_system.WARDER, "kbs", "status", "--dir", broker.dir, "-o", "json"]
        down = subprocess.run(status, capture_output=True, text=True)
        assert down.returncode == 4 and {row["status"] for row in json.loads(down.stdout)} == {"not running"}
        assert subprocess.run([dev_system.WARDER, "kbs", "start", "--dir", broker.dir]).returncode == 0
        up = subprocess.run(status, capture_output=True, text=True)
        assert up.returncode == 0 and {row["status"] for row in json.loads(up.stdout)} == {"running"}
    finally:
        server.stop()


def test_another_cms_gets_nothing(broker):
    """Its certificate is checked before anything is sent, and nothing is written."""
    said = broker.run(status=4, CMS_TLS_CERT_SHA384="00" * 48)
    assert "CMS_TLS_CERT_SHA384" in said
    assert not (broker.dir / "etc/tls/ca.pem").exists() and not (broker.dir / "etc/kbsd.conf").exists()


@pytest.mark.parametrize("changes,status,why", [
    ({"BEARER_TOKEN": "eyJhbGciOiJFUzI1NiJ9.e30.AA"}, 3, "TLS certificate by BEARER_TOKEN"),
    ({"KBS_SERVICE_PASSWORD": "zq7-not-it"}, 3, "KBS_SERVICE_PASSWORD"),
    ({"TLS_COMMON_NAME": "somebody else"}, 3, "common_name_not_granted"),
    ({"TLS_SAN_LIST": "elsewhere.example"}, 3, "san_not_granted"),
    ({"KEY_MANAGER": "VAULT"}, 1, "KMIP_SERVER_IP"),
    ({"KEY_MANAGER": "VAULT", "KMIP_SERVER_IP": "127.0.0.1", "KMIP_SERVER_PORT": 8200}, 1, "CLIENT_TOKEN"),
    ({"KEY_MANAGER": "KMIP", "KMIP_SERVER_IP": "127.0.0.1", "KMIP_SERVER_PORT": 5696}, 1, "KMIP_CLIENT_CERT_PATH"),
    ({"KEY_MANAGER": "Directory", "KMIP_SERVER_IP": "127.0.0.1", "KMIP_SERVER_PORT": 1}, 1, "VAULT or KMIP"),
    ({"SKC_CHALLENGE_TYPE": "SGX,SW"}, 1, "without a TEE"),
    ({"SKC_CHALLENGE_TYPE": "sgx"}, 1, "SGX, TDX, SNP, TPM"),
    ({"SESSION_EXPIRY_TIME": 0}, 1, "1 to 1440"),
    ({"SESSION_EXPIRY_TIME": 1441}, 1, "1 to 1440"),
    ({"SERVER_PORT": 70000}, 1, "1 and 65535"),
    ({"CMS_BASE_URL": "http://localhost/cms/v1"}, 1, "https://"),
    ({"CMS_TLS_CERT_SHA384": "00" * 47}, 1, "96 digits"),
    ({"BEARER_TOKEN": None}, 1, "BEARER_TOKEN"),
    ({"KBS_SERVICE_PASSWORD": None}, 1, "go together"),
    ({"LOG_LEVEL": "info"}, 1, "unknown key"),
])
def test_what_is_refused(broker, changes, status, why):
    said = broker.run("--no-start", status=status, **changes)
    assert why in said
    assert all(str(v) not in said for k, v in changes.items() if k in ("BEARER_TOKEN", "KBS_SERVICE_PASSWORD") and v)
    assert not (broker.dir / "etc/kbsd.conf").exists()


def test_a_file_that_others_read_is_refused(broker):
    assert "0600" in broker.run("--no-start", status=3, mode=0o644)


def test_files_without_a_start(broker):
    broker.run("--no-start", "-o", "json", SERVER_IP=None, SERVER_PORT=None, SKC_CHALLENGE_TYPE=None, SESSION_EXPIRY_TIME=None,
               KBS_SERVICE_USERNAME=None, KBS_SERVICE_PASSWORD=None, TLS_SAN_LIST=None)
    kbsd, keyd = broker.settings("kbsd"), broker.settings("keyd")
    assert kbsd["server.port"] == "9443" and keyd["keys.manager"] == "embedded" and keyd["keyd.session_minutes"] == "60"
    assert not (broker.dir / "run/kbsd.pid").exists()
    assert all(stat.S_IMODE(os.stat(broker.dir / p).st_mode) == 0o600 for p in ("etc/kbsd.conf", "etc/keyd.conf", "etc/tls/kbsd.key"))


class Pinned(kbs_fixture.Kbs):
    """The API of a broker that runs, with an attestation service of the test's own pinned instead of the system's."""

    def __init__(self, broker):
        self.dir, self.port, self.as_key = broker.dir / "etc/keys", broker.port, Key()
        (self.dir / "as-jwks.json").write_text(json.dumps(self.as_key.jwks()))
        self.admin = broker.lines["BEARER_TOKEN"]
        self.ca = broker.dir / "etc/tls/ca.pem"

    def connection(self):
        return kbs_fixture.http.client.HTTPSConnection("localhost", self.port, context=ssl.create_default_context(cafile=self.ca), timeout=60)

    def token(self, *_, **__):
        return self.admin


def test_sessions_and_challenges_are_as_the_file_says(broker):
    """SESSION_EXPIRY_TIME bounds the reuse of a token, SKC_CHALLENGE_TYPE is what a challenge offers."""
    broker.run(SESSION_EXPIRY_TIME=2, SKC_CHALLENGE_TYPE="TDX,TPM")
    k = Pinned(broker)
    policy = k.make_policy(name="any", attestation_types=["sgx", "tdx"])["id"]
    keys = [k.make_key(policy=policy)["key_information"]["id"] for _ in range(2)]
    client = kbs_fixture.Client(k)
    challenge = client.challenge(keys[0])
    assert challenge["attestation_types"] == ["tdx"]  # of the file and of the policy
    sgx = client.attestation_token(challenge=challenge["challenge"], claims=kbs_fixture.default_claims(tee="sgx"))
    assert client.request(keys[0], challenge, sgx).status == 403
    young = client.attestation_token(challenge="an earlier one")
    assert [client.request(key, client.challenge(key), young).status for key in keys] == [200, 200]
    now = int(time.time())
    old = client.attestation_token(challenge="an earlier one", iat=now - 121, nbf=now - 121)
    refused = client.request(keys[0], client.challenge(keys[0]), old)
    assert (refused.status, refused.code_word) == (403, "attestation_token_invalid")
    # The same token is good at a broker whose file says more.
    broker.run(SESSION_EXPIRY_TIME=60, SKC_CHALLENGE_TYPE="SGX,TDX")
    k = Pinned(broker)
    client.kbs = k
    challenge = client.challenge(keys[0])
    assert sorted(challenge["attestation_types"]) == ["sgx", "tdx"]
    old = client.attestation_token(challenge="an earlier one", iat=now - 121, nbf=now - 121)
    assert client.request(keys[0], challenge, old).status == 200


def test_a_log_folder_that_cannot_be(broker, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--log-dir" in broker.run("--log-dir", tmp_path / "file/kbs", status=1)
