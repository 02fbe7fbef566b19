# SPDX-License-Identifier: Apache-2.0
"""The article that the original system was shown with, command by command (docs/article.md)."""
import os
import re
import shutil
import signal
import stat
import subprocess
import time

import pytest
import requests

import dev_system
from dev_system import BUILD, ENGINE, ROOT, free_ports, stop
from openbao_fixture import find_bao, free_port
from seed_system import ADMIN, NAMES, Seed, write_env

pytestmark = [pytest.mark.skipif(dev_system.missing() is not None, reason=str(dev_system.missing())),
              pytest.mark.skipif(not find_bao(), reason="no OpenBao server (bao)")]

VAULT_CONF = """storage "raft" {
  path = "./vault/data"
}
listener "tcp" {
  address = "0.0.0.0:8200"
  tls_disable = "true"
}
api_addr = "http://0.0.0.0:8200"
cluster_addr = "https://127.0.0.1:8201"
ui = true
"""

OPENSSL_CNF = """openssl_conf = openssl_def
[openssl_def]
engines = engine_section
oid_section = new_oids
[engine_section]
pkcs11 = pkcs11_section
[pkcs11_section]
engine_id = pkcs11
dynamic_path =/usr/lib/x86_64-linux-gnu/engines-1.1/pkcs11.so
MODULE_PATH =/opt/skc/lib/libpkcs11-api.so
init = 0
"""

NGINX_SERVER = """server {
listen 2443 ssl http2 default_server;
listen [::]:2443 ssl http2 default_server;
server_name _;
root /usr/share/nginx/html;
ssl_certificate "<Path to the certificate generated using run.sh>";
ssl_certificate_key "engine:pkcs11:pkcs11:token=KMS;object=RSAKEY;pin-value=1234";
}
"""


def changed(text, *changes):
    """The article's file with the differences of the page, each of which is there to be made."""
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return text


class Article:
    """What the article takes for granted: an enterprise's CMS and AAS, a machine with SGX, its attestation service; and its steps."""

    def __init__(self):
        self.machine = dev_system.System(tee="sgx3", options=("--no-fuse",))
        self.seed = Seed()
        self.seed.made.chmod(0o711)  # nginx's workers, who are nobody, reach the agent's socket in it
        self.dir, self.env = self.seed.made, dict(self.seed.env)
        self.vault = self.nginx = None

    def run(self, *command, cwd=None, env=None):
        done = subprocess.run([str(c) for c in command], cwd=cwd or self.dir, env={**self.env, **(env or {})}, text=True, capture_output=True,
                              timeout=120)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.seed.logs()}{self.machine.logs()}"
        return done.stdout

    def down(self):
        for pid_file in (self.dir / "nginx/nginx.pid", self.dir / "skc/run/skc-agent.pid"):
            if pid_file.exists():
                stop(int(pid_file.read_text()), signal.SIGQUIT if "nginx" in pid_file.name else signal.SIGTERM)
        if self.vault:
            self.vault.kill()
            self.vault.wait()
        self.machine.down()
        self.seed.down()

    # The article's steps.

    def vault_setup(self):
        self.vault_port, cluster = free_port(), free_port()
        url = f"http://127.0.0.1:{self.vault_port}"
        (self.dir / "vault.conf").write_text(changed(
            VAULT_CONF, ('"0.0.0.0:8200"', f'"127.0.0.1:{self.vault_port}"'), ("http://0.0.0.0:8200", url), ("127.0.0.1:8201", f"127.0.0.1:{cluster}")))
        (self.dir / "vault/data").mkdir(parents=True)
        self.vault = subprocess.Popen([find_bao(), "server", "-config=vault.conf"], cwd=self.dir, env=self.env, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        self.env["VAULT_ADDR"] = url
        until = time.monotonic() + 60
        while True:
            try:
                requests.get(f"{url}/v1/sys/seal-status", timeout=5)
                break
            except requests.ConnectionError:
                assert self.vault.poll() is None and time.monotonic() < until
                time.sleep(0.05)
        said = self.run(find_bao(), "operator", "init")
        keys = re.findall(r"Unseal Key \d: (\S+)", said)
        assert len(keys) == 5
        self.root = re.search(r"Initial Root Token: (\S+)", said).group(1)
        for key in keys[:3]:
            self.run(find_bao(), "operator", "unseal", key)
        token = {"VAULT_TOKEN": self.root}
        while requests.get(f"{url}/v1/sys/health", timeout=5).status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
        self.run(find_bao(), "secrets", "enable", "-path=keybroker", "kv", env=token)

    def attestation_service(self):
        """The machine's own, certified by the enterprise's CMS and believing its AAS."""
        csr = self.run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                       self.machine.dir / "etc/tls/attestd.key", "-subj", "/CN=APS TLS Certificate", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        answer = requests.post(self.seed.of_cms["CMS_BASE_URL"] + "certificates?certType=TLS", data=csr, verify=str(self.seed.ca), timeout=20,
                               headers={"Authorization": f"Bearer {self.installer}", "Content-Type": "application/x-pem-file"})
        assert answer.status_code in (200, 201), answer.text
        (self.machine.dir / "etc/tls/attestd.pem").write_text(answer.text)
        shutil.copy(self.seed.place("aas") / "etc/keys/aas-jwks.json", self.machine.dir / "etc/keys/aas-jwks.json")
        stop(self.machine.pid("attestd"))
        with open(self.machine.dir / "log/attestd.log", "ab") as log:
            process = subprocess.Popen([BUILD / "programs/attestd/attestd", "--config", self.machine.dir / "etc/attestd.conf"], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)
        (self.machine.dir / "run/attestd.pid").write_text(f"{process.pid}\n")
        until = time.monotonic() + 60
        while True:
            try:
                requests.get(f"https://localhost:{self.machine.port('as')}/health", verify=str(self.seed.ca), timeout=5)
                break
            except requests.ConnectionError:
                assert process.poll() is None and time.monotonic() < until, self.machine.logs()
                time.sleep(0.05)

    def populate(self):
        write_env(self.dir / "populate-users.env", **{**self.seed.users_env(), "ISECL_INSTALL_COMPONENTS": "AAS,KBS,APS,SKC-LIBRARY",
                                                      "APS_CERT_SAN_LIST": NAMES})
        self.installer = self.run(self.share / "populate-users", "--ca", self.seed.ca).strip()

    def kbs_setup(self):
        self.kbs_port = free_port()
        write_env(self.dir / "kbs.env", **{
            "SERVER_PORT": self.kbs_port, "SERVER_IP": "127.0.0.1", "ENDPOINT_URL": f"https://localhost:{self.kbs_port}/kbs/v1",
            **self.seed.of_cms, "AAS_API_URL": self.seed.cms_env["AAS_API_URL"], "KBS_SERVICE_USERNAME": "kbs_service@kbs",
            "KBS_SERVICE_PASSWORD": "zq-kbs-Secret.4", "TLS_COMMON_NAME": '"KBS TLS Certificate"', "SKC_CHALLENGE_TYPE": '"SGX"',
            "TLS_SAN_LIST": NAMES, "BEARER_TOKEN": self.installer, "SESSION_EXPIRY_TIME": 60, "KEY_MANAGER": "VAULT", "CLIENT_TOKEN": self.root,
            "KMIP_SERVER_IP": "127.0.0.1", "KMIP_SERVER_PORT": self.vault_port})
        self.run(self.warder, "kbs", "setup", "--env", "kbs.env", "--dir", self.seed.place("kbs"), "--log-dir", self.dir / "var-log-kbs",
                 "--attestation", f"https://localhost:{self.machine.port('as')}", "--vault-plain-http")

    def administrator(self):
        """Who registers keys: the command line's configuration, a token, the right to the certificate, and the key's policy."""
        (self.dir / "cli.conf").write_text(
            f"[services]\nkbs = https://localhost:{self.kbs_port}\naas = https://localhost:{self.seed.ports['aas']}\n"
            f"cms = https://localhost:{self.seed.ports['cms']}\nas = https://localhost:{self.machine.port('as')}\n"
            f"[tls]\nca = {self.seed.ca}\n[login]\ntoken_file = {self.dir}/cli.token\nusername = global@aas\n")
        write_env(self.dir / "password").write_text("zq-global-Secret.3\n")
        self.env["WARDER_CONFIG"] = str(self.dir / "cli.conf")
        role = f"CMS:CertApprover:CN=localhost;SAN=localhost,127.0.0.1;CERTTYPE=TLS"
        login = (self.warder, "token", "get", "--password-file", self.dir / "password")
        self.run(*login)
        self.run(self.warder, "role", "create", role)
        self.run(self.warder, "role", "grant", "global@aas", role)
        self.run(*login)
        enclave = self.run(dev_system.TEESIM, "measurement", "--tee", "sgx3").strip()
        said = self.run(self.warder, "policy", "create", "--name", "nginx", "--attestation-type", "sgx", "--appraisal", "dev", "--claim",
                        f"mrenclave={enclave}", "--permissions", "nginx,USA", "-o", "json")
        self.env["POLICY"] = re.search(r'"id": "([0-9a-f-]+)"', said).group(1)

    def skc_library(self):
        self.run(self.share / "skclib_tar.sh", self.prefix)
        self.run(self.share / "skclib_untar.sh")
        here = self.dir / "skc_library"
        write_env(here / "create_roles.conf", AAS_PORT=self.seed.ports["aas"], AAS_IP="127.0.0.1", SKC_USER="skcuser",
                  SKC_USER_PASSWORD="zq-user-Secret.6", ADMIN_USERNAME=ADMIN[0], ADMIN_PASSWORD=ADMIN[1], PERMISSION='"nginx,USA"')
        token = self.run("./skc_library_create_roles.sh", "--ca", self.seed.ca, cwd=here).strip()
        write_env(here / "skc_library.conf", KBS_HOSTNAME="localhost", KBS_IP="127.0.0.1", KBS_PORT=self.kbs_port, CMS_IP="127.0.0.1",
                  CMS_PORT=self.seed.ports["cms"], CSP_SCS_PORT=self.machine.port("tcs"), CSP_SCS_IP="127.0.0.1", CSP_CMS_IP="127.0.0.1",
                  CSP_CMS_PORT=self.seed.ports["cms"], SKC_USER="skcuser", SKC_TOKEN=token)
        return self.run("./deploy_skc_library.sh", "--dir", self.dir / "skc", "--cms-sha384", self.seed.sha384, "--attester",
                        f"socket:{self.machine.dir}/run/evidence.sock", cwd=here)

    def nginx_setup(self, certificate, key_id):
        (self.dir / "skc/etc/keys.txt").write_text(f"pkcs11:token=KMS;id={key_id};object=RSAKEY;type=private;pin-value=1234;\n")
        (self.dir / "openssl.cnf").write_text(changed(
            OPENSSL_CNF, ("/usr/lib/x86_64-linux-gnu/engines-1.1/pkcs11.so", str(ENGINE)), ("init = 0", "init = 1"), ("oid_section = new_oids\n", ""),
            ("/opt/skc", str(self.dir / "skc"))))
        self.nginx_port, nginx = free_ports(1), self.dir / "nginx"
        (nginx / "html").mkdir(parents=True)
        (nginx / "html/index.html").write_text("served\n")
        server = changed(NGINX_SERVER, ("listen 2443", f"listen 127.0.0.1:{self.nginx_port}"), ("/usr/share/nginx/html", str(nginx / "html")),
                         ("<Path to the certificate generated using run.sh>", certificate), ("listen [::]:2443 ssl http2 default_server;\n", ""))
        temporary = "".join(f"{kind}_temp_path {nginx}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (nginx / "nginx.conf").write_text(f"pid {nginx}/nginx.pid; error_log {nginx}/error.log info; worker_processes 2; events {{}}\n"
                                          f"http {{ access_log off; {temporary}\n{server}}}\n")
        self.run("nginx", "-c", nginx / "nginx.conf", "-p", nginx, env={"OPENSSL_CONF": str(self.dir / "openssl.cnf")})

    @property
    def prefix(self):
        return self.dir / "warder"

    @property
    def share(self):
        return self.prefix / "share/warder"

    @property
    def warder(self):
        return self.prefix / "bin/warder"


@pytest.fixture
def article():
    made = Article()
    try:
        yield made
    finally:
        made.down()


def test_the_article(article):
    a = article
    a.run(ROOT / "packaging/install.sh", BUILD, a.prefix, env={"PATH": os.environ["PATH"]})
    a.machine.up()
    a.seed.cms()
    a.seed.aas()
    a.vault_setup()
    a.populate()
    a.attestation_service()
    a.kbs_setup()
    lines = (a.dir / "var-log-kbs/kbs.log").read_text().splitlines()
    for wanted in (f"Vault Address: http://127.0.0.1:{a.vault_port}; name=default",
                   "vaultclient/vaultclient:InitializeClient() Vault client initialized; name=default"):
        assert any(line.startswith("INFO") and line.endswith(f": {wanted}") for line in lines), lines
    a.administrator()
    said = a.run(a.share / "run.sh", "reg", "2048", env={"WARDER": str(a.warder), "OUTPUT": str(a.dir / "output")})
    certificate, key_id = re.search(r"Key Certificate Path: (/\S+)", said).group(1), re.search(r"Created Key: (\S+)", said).group(1)
    assert certificate == f"{a.dir}/output/{key_id}.crt" and os.path.exists(certificate)
    kept = requests.get(f"{a.env['VAULT_ADDR']}/v1/keybroker/warder/default/{key_id}/1", headers={"X-Vault-Token": a.root}, timeout=20)
    assert kept.status_code == 200  # the key is in Vault
    said = a.skc_library()
    assert "certificate from the CMS of CMS_IP" in said and "SCS 127.0.0.1" in said
    a.nginx_setup(certificate, key_id)
    answer = a.run("curl", "-sS", "--http2", "--cacert", a.dir / "skc/etc/tls/ca.pem", "-w", "HTTP/%{http_version}", f"https://localhost:{a.nginx_port}/")
    assert answer == "served\nHTTP/2"
    # The differences are forced: with the article's own line nginx does not start.
    for ours, theirs in (("init = 1", "init = 0"), ("engines = engine_section\n", "oid_section = new_oids\nengines = engine_section\n"),
                         (str(ENGINE), "/usr/lib/x86_64-linux-gnu/engines-1.1/pkcs11.so")):
        (a.dir / "theirs.cnf").write_text(changed((a.dir / "openssl.cnf").read_text(), (ours, theirs)))
        tried = subprocess.run(["nginx", "-t", "-c", a.dir / "nginx/nginx.conf", "-p", a.dir / "nginx"], capture_output=True, text=True, timeout=120,
                               env={**a.env, "OPENSSL_CONF": str(a.dir / "theirs.cnf")})
        assert tried.returncode == 1 and "ENGINE_load_private_key() failed" in tried.stderr, theirs
    released = a.run(a.warder, "audit", "list", "--key", key_id, "-o", "json")
    assert '"decision": "released"' in released and '"sgx"' in released
    secrets = (ADMIN[1], "zq-user-Secret.6", "zq-kbs-Secret.4", a.installer, a.root)
    for path in [p for p in a.dir.rglob("*") if p.is_file() and not p.is_symlink() and stat.S_IMODE(p.stat().st_mode) & 0o77]:
        assert not any(s.encode() in path.read_bytes() for s in secrets), path
