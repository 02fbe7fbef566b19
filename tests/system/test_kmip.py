# SPDX-License-Identifier: Apache-2.0
"""The KMIP key manager against PyKMIP, against an independent server (kmip-go), and against servers that misbehave."""
import base64
import contextlib
import json
import os
import shutil
import socket
import ssl
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import kmip_fixture
from kbs_fixture import BODY, Client, Kbs, pem_of, refused, released
from keystore_fixture import KeyStore, found_in_memory, pkcs8
from kmip_fixture import Authority, GoKmip, PyKmip
from openbao_fixture import free_port

pytestmark = pytest.mark.skipif(kmip_fixture.missing() is not None, reason=str(kmip_fixture.missing()))

ABSENT = "absent the KMIP server does not hold this key"
TAKEN = "conflict the KMIP server holds a key under this reference"
DOWN = "upstream nothing answers at the server's address"
UNTRUSTED = "upstream the server's certificate is not trusted, or not for its name"
KINDS = (("r", "rsa", 2048), ("e", "ec", 384), ("a", "aes", 256))


@pytest.fixture(scope="module", params=[PyKmip, GoKmip], ids=["pykmip", "kmip-go"])
def server(request, tmp_path_factory):
    if request.param is GoKmip and GoKmip.missing():
        pytest.skip(GoKmip.missing())
    made = request.param(tmp_path_factory.mktemp("kmip"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def pykmip(tmp_path_factory):
    made = PyKmip(tmp_path_factory.mktemp("pykmip"))
    yield made
    made.stop()


@contextlib.contextmanager
def opened(server, folder, *more):
    s = KeyStore(folder, *server.options(), *more)
    assert s.opened == "ok"
    yield s
    s.close()


@pytest.fixture
def store(server, tmp_path):
    with opened(server, tmp_path) as s:
        yield s


@pytest.mark.sanitize
@pytest.mark.parametrize("size", [1, 5000, 1 << 20])
def test_opaque_secrets(server, store, size):
    if size > 5000 and isinstance(server, PyKmip):
        pytest.skip("PyKMIP takes longer than ours waits to read so much")
    content = os.urandom(size)
    assert store.give("default:o", "opaque", content) == f"ok OPAQUE {8 * size}"
    assert store.ask("describe", "default:o", "opaque", 0) == f"ok OPAQUE {8 * size}"
    assert store.unwrap("default:o", "opaque", 8 * size) == content
    assert store.wrap("default:o", "aes", 256).startswith("input ")
    assert store.ask("destroy", "default:o") == "ok"
    assert store.ask("describe", "default:o", "opaque", 0) == ABSENT


def live_and_go(store, prefix=""):
    for name, algorithm, bits in KINDS:
        ref = f"default:{prefix}{name}"
        assert store.ask("create", ref, algorithm, bits) == "ok"
        assert store.ask("describe", ref, algorithm, 0) == f"ok {algorithm.upper()} {bits}"
        plain = store.unwrap(ref, algorithm, bits)
        assert len(plain) == bits // 8 if algorithm == "aes" else serialization.load_der_private_key(plain, None).key_size == bits
        assert store.ask("create", ref, algorithm, bits) == TAKEN
        assert store.unwrap(ref, algorithm, bits) == plain, "the refused one has changed nothing"
        assert store.wrap(ref, algorithm, 128).startswith("input the key in the KMIP server is another than was registered")
        assert store.ask("destroy", ref) == "ok"
        assert store.ask("destroy", ref) == "ok", "absent is fine"
        assert store.ask("describe", ref, algorithm, 0) == ABSENT
        assert store.wrap(ref, algorithm, bits) == ABSENT


@pytest.mark.sanitize
def test_a_key_lives_and_goes(store):
    live_and_go(store)


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4", "2.0"])
def test_every_version(server, tmp_path, version):
    if version == "2.0" and isinstance(server, GoKmip):
        pytest.skip("kmip-go ends at 1.4")
    with opened(server, tmp_path, "--kmip-version", version) as s:
        live_and_go(s, "v")


def test_both_halves_of_a_pair_go(pykmip, tmp_path):
    from kmip.core import enums
    from kmip.core.factories.attributes import AttributeFactory

    def located(name):
        with pykmip.client() as c:
            return c.locate(attributes=[AttributeFactory().create_attribute(enums.AttributeType.NAME, name)])
    with opened(pykmip, tmp_path) as s:
        assert s.ask("create", "default:pair", "rsa", 2048) == "ok"
        names = "warder/default/pair/1", "warder/default/pair/1/public"
        assert [len(located(n)) for n in names] == [1, 1]
        assert s.ask("destroy", "default:pair") == "ok"
        assert [len(located(n)) for n in names] == [0, 0]


def test_imported_keys_come_back(store):
    private, legacy = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 3072)
    assert store.give("default:i1", "ec", pem_of(private)) == "ok EC 256"
    assert store.unwrap("default:i1", "ec", 256) == pkcs8(private)
    assert store.give("default:i1", "ec", pem_of(private)) == TAKEN
    assert store.give("default:i2", "rsa", pem_of(legacy)) == "ok RSA 3072"
    assert store.unwrap("default:i2", "rsa", 3072) == pkcs8(legacy)
    assert store.give("default:i3", "aes", base64.b64encode(bytes(range(16)))) == "ok AES 128"
    assert store.unwrap("default:i3", "aes", 128) == bytes(range(16))
    assert store.give("default:=x", "aes", base64.b64encode(bytes(16))).startswith("input a key of another system")
    assert store.ask("describe", "default:i3", "rsa", 0) == "input the object in the KMIP server is not a key of this algorithm"
    for name in ("i1", "i2", "i3"):
        assert store.ask("destroy", f"default:{name}") == "ok"


def test_tenants_do_not_meet(store):
    for tenant in ("default", "acme"):
        assert store.ask("create", f"{tenant}:same", "aes", 256) == "ok"
    assert store.unwrap("default:same", "aes", 256) != store.unwrap("acme:same", "aes", 256)
    assert store.ask("destroy", "acme:same") == "ok"
    assert store.ask("describe", "default:same", "aes", 0) == "ok AES 256"
    assert store.ask("destroy", "default:same") == "ok"
    for ref in ("a/b:x", "default:x/../y", "default:x*"):  # L18, L19
        assert store.ask("create", ref, "aes", 256) == "input a tenant or key id that cannot be a name in a KMIP server"


def test_register_by_unique_identifier(pykmip, tmp_path):
    from kmip.core import enums
    from kmip.pie import objects
    mask = [enums.CryptographicUsageMask.SIGN]
    private, legacy = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())
    pkcs1 = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    with pykmip.client() as c:
        web = c.register(objects.PrivateKey(enums.CryptographicAlgorithm.RSA, 2048, pkcs1, enums.KeyFormatType.PKCS_1, mask, "web"))
        shop = c.register(objects.PrivateKey(enums.CryptographicAlgorithm.EC, 384, pkcs8(legacy), enums.KeyFormatType.PKCS_8, mask, "acme/shop"))
        aes = c.register(objects.SymmetricKey(enums.CryptographicAlgorithm.AES, 256, bytes(range(32)), name="sym"))
        odd = c.register(objects.SymmetricKey(enums.CryptographicAlgorithm.AES, 192, bytes(24), name="odd"))
        data = c.register(objects.SecretData(b"word", enums.SecretDataType.PASSWORD, name="word"))
        pair = c.create_key_pair(enums.CryptographicAlgorithm.RSA, 2048, public_usage_mask=[enums.CryptographicUsageMask.VERIFY],
                                 private_usage_mask=mask)
    with opened(pykmip, tmp_path) as s:
        assert s.ask("describe", f"default:={web}", "rsa", 0) == "ok RSA 2048"
        assert s.unwrap(f"default:={web}", "rsa", 2048) == pkcs8(private), "PKCS#1 there, PKCS#8 for the client"
        assert s.unwrap(f"acme:={shop}", "ec", 384) == pkcs8(legacy)
        assert s.unwrap(f"default:={aes}", "aes", 256) == bytes(range(32))
        assert s.ask("describe", f"default:={pair[1]}", "rsa", 0) == "ok RSA 2048"
        wrong = "input the object in the KMIP server is not a key of this algorithm"
        for id, algorithm in ((pair[0], "rsa"), (aes, "rsa"), (web, "aes"), (web, "ec"), (data, "aes"), (odd, "aes")):
            assert s.ask("describe", f"default:={id}", algorithm, 0) == wrong, (id, algorithm)
        assert s.ask("describe", f"other:={shop}", "ec", 0) == "denied a tenant's keys in the KMIP server have a name TENANT/..."
        assert s.ask("describe", f"acme:={web}", "rsa", 0) == "denied a tenant's keys in the KMIP server have a name TENANT/..."
        assert s.ask("describe", "default:=77777", "rsa", 0) == "denied the KMIP server does not allow it to our certificate" \
            or s.ask("describe", "default:=77777", "rsa", 0) == ABSENT
        assert s.ask("destroy", f"default:={aes}") == "ok", "not ours to destroy"
        assert s.unwrap(f"default:={aes}", "aes", 256) == bytes(range(32))
        # L32: what its owner withdraws is withdrawn at the next request
        with pykmip.client() as c:
            c.activate(aes)
        assert s.unwrap(f"default:={aes}", "aes", 256) == bytes(range(32))
        with pykmip.client() as c:
            c.revoke(enums.RevocationReasonCode.KEY_COMPROMISE, aes)
        assert s.wrap(f"default:={aes}", "aes", 256) == "denied the key is not active in the KMIP server"


def test_a_key_of_ours_that_was_revoked_stays(pykmip, tmp_path):  # L32
    from kmip.core import enums
    from kmip.core.factories.attributes import AttributeFactory
    with opened(pykmip, tmp_path) as s:
        assert s.ask("create", "default:rev", "aes", 256) == "ok"
        with pykmip.client() as c:
            [id] = c.locate(attributes=[AttributeFactory().create_attribute(enums.AttributeType.NAME, "warder/default/rev/1")])
            assert s.ask("describe", f"default:={id}", "aes", 0) == "denied this key in the KMIP server is the key broker's own"
            c.revoke(enums.RevocationReasonCode.CESSATION_OF_OPERATION, id)
        assert s.wrap("default:rev", "aes", 256) == ABSENT
        assert s.ask("create", "default:rev", "aes", 256) == TAKEN
        assert s.ask("destroy", "default:rev") == "ok"


def test_register_on_the_other_server(server, tmp_path):
    """Keys of another broker on the same server; on kmip-go they have PKCS#1, SEC1 and transparent form."""
    ids = tmp_path / "other"
    ids.mkdir()
    with opened(server, ids, "--kmip-prefix", "elsewhere") as other, opened(server, tmp_path) as s:
        found = {}
        for name, algorithm, bits in KINDS:
            assert other.ask("create", f"default:{name}", algorithm, bits) == "ok"
            plain = other.unwrap(f"default:{name}", algorithm, bits)
            for number in range(1, 60):
                for form in (f"default:={number}", f"default:=object-{number}"):
                    if s.ask("describe", form, algorithm, 0) == f"ok {algorithm.upper()} {bits}" and s.unwrap(form, algorithm, bits) == plain:
                        found[name] = form
            assert other.ask("destroy", f"default:{name}") == "ok"
        assert set(found) == {"r", "e", "a"}


def test_of_a_key_nothing_stays_in_memory(store, server):
    private = ec.generate_private_key(ec.SECP256R1())
    assert store.give("default:mem", "ec", pem_of(private)) == "ok EC 256"
    assert store.unwrap("default:mem", "ec", 256) == pkcs8(private)
    d = private.private_numbers().private_value.to_bytes(32, "big")
    needles = [("d", d), ("reversed d", d[::-1]), ("PKCS#8", pkcs8(private)[30:70])]
    assert not found_in_memory(store.process.pid, needles, str(server.key).encode())
    assert store.ask("destroy", "default:mem") == "ok"


def test_down_and_back(server, tmp_path):
    """No restart of ours; connections that were open are of no use any more, and in nobody's way."""
    with opened(server, tmp_path) as s:
        assert s.ask("health") == "ok"
        server.stop()
        since = time.monotonic()
        assert s.ask("create", "default:s", "aes", 256) == DOWN
        assert 1 < time.monotonic() - since < 4, "tried again for a while, and no longer"
        since = time.monotonic()
        assert s.wrap("default:s", "aes", 256) == DOWN
        assert s.ask("health") == DOWN
        assert time.monotonic() - since < 1, "who has just waited in vain is told at once"
        server.start()
        assert s.ask("health") == "ok"
        assert s.ask("create", "default:s", "aes", 256) == "ok"
        server.stop()
        timer = threading.Timer(0.5, server.start)
        timer.start()
        time.sleep(1.1)  # past the time in which it is impatient
        answer = s.wrap("default:s", "aes", 256)  # waits for the server
        timer.join()
        assert answer.startswith("ok ") or (isinstance(server, GoKmip) and answer == ABSENT) or answer == DOWN
        assert s.ask("health") == "ok"
        assert s.ask("destroy", "default:s") == "ok"


def test_started_while_the_server_is_away(server, tmp_path):
    server.stop()
    with opened(server, tmp_path) as s:
        assert s.ask("health") == DOWN
        server.start()
        assert s.ask("health") == "ok"


def test_each_side_must_trust_the_other(server, tmp_path):  # L1, L9
    other = Authority(tmp_path / "other", "another CA")
    pem, key = other.issue("keyd")
    options = server.options()

    def health(**change):
        rows = [change.get(str(options[i - 1])[2:].replace("-", "_"), str(o)) if i else str(o) for i, o in enumerate(options)]
        s = KeyStore(tmp_path, *rows)
        assert s.opened == "ok"
        answer = s.ask("health")
        s.close()
        return answer
    assert health(kmip_ca=other.ca) == UNTRUSTED
    # PyKMIP cuts the connection with an alert, or closes it
    assert health(certificate=pem, key=key) in ("upstream the server refuses our certificate or our version of TLS",
                                                "upstream the connection to the server broke")
    wrong_name = KeyStore(tmp_path, *options, "--host", "127.0.0.2")
    assert wrong_name.ask("health") in (UNTRUSTED, DOWN)
    wrong_name.close()


def test_files_are_checked_at_once(server, tmp_path):
    options = list(map(str, server.options()))
    key = tmp_path / "key"
    shutil.copy(server.key, key)
    key.chmod(0o644)
    options[-1] = str(key)
    assert KeyStore(tmp_path, *options).opened == "input the client's key file may be read by others, or is not there"
    key.chmod(0o600)
    assert KeyStore(tmp_path, *options).opened == "ok"
    key.write_bytes(server.server_key.read_bytes())
    assert KeyStore(tmp_path, *options).opened.startswith("input the client's key")
    assert KeyStore(tmp_path, *server.options(), "--kmip-version", "1.1").opened == "input the KMIP version is 1.2, 1.3, 1.4 or 2.0"


class Fake:
    """A TLS server with the right certificate that answers each request with the same bytes."""

    def __init__(self, folder, answer):
        self.authority = Authority(folder / "pki")
        self.pem, self.key = self.authority.issue("keyd")
        certificate, key = self.authority.issue("server", server=True)
        self.ca, self.port, self.answer, self.asked = self.authority.ca, free_port(), answer, 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(socket.create_server(("127.0.0.1", self.port)), server_side=True)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                c, _ = self.socket.accept()
            except (OSError, ssl.SSLError):
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        with contextlib.suppress(OSError):
            while c.recv(65536):
                self.asked += 1
                if self.answer is None:
                    time.sleep(20)
                c.sendall(self.answer)

    options = PyKmip.options


@pytest.mark.parametrize("answer,text", [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers is not a KMIP server"),
    (bytes.fromhex("42007b01000000080000000000000000"), "the KMIP server's answer is not one to this request"),
    (bytes.fromhex("42007b0100000000"), "the KMIP server's answer is not one to this request"),
    (bytes.fromhex("42007b01ffffffff"), "the KMIP server's answer is too large"),
    (bytes.fromhex("42007b0100200000"), "the KMIP server's answer is too large"),
])
def test_nonsense_is_no_answer(tmp_path, answer, text):
    fake = Fake(tmp_path, answer)
    s = KeyStore(tmp_path, *fake.options(), "--kmip-version", "1.4")
    assert s.ask("describe", "default:x", "aes", 0) == f"upstream {text}"
    assert fake.asked == 1, "not asked again"
    s.close()


def test_a_server_that_hangs(tmp_path):
    fake = Fake(tmp_path, None)
    s = KeyStore(tmp_path, *fake.options())
    since = time.monotonic()
    assert s.ask("describe", "default:x", "aes", 0) == "upstream the server did not answer in time"
    assert 7 < time.monotonic() - since < 10
    s.close()


# The broker with a KMIP server behind it


def test_the_broker_keeps_its_keys_there(server, tmp_path):
    k = Kbs(tmp_path, manager=server.settings())
    try:
        assert "the KMIP server answers" in [json.loads(line)["message"] for line in k.keyd_log if line.startswith("{")]
        for _, key_id, _, plain in released(k):
            assert all(plain not in p.read_bytes() for p in (k.dir / "keyd").rglob("*") if p.is_file())
            assert k.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=k.token()).status == 204
            refused(k.call("POST", f"/kbs/v1/keys/{key_id}/transfer", {}), 404, "key_not_found")
    finally:
        k.stop()


def test_the_broker_registers_and_loses_the_server(pykmip, tmp_path):  # L26, L52
    from kmip.core import enums
    from kmip.pie import objects
    private = rsa.generate_private_key(65537, 2048)
    with pykmip.client() as c:
        id = c.register(objects.PrivateKey(enums.CryptographicAlgorithm.RSA, 2048, pkcs8(private), enums.KeyFormatType.PKCS_8,
                                           [enums.CryptographicUsageMask.SIGN], "broker-web"))
    k = Kbs(tmp_path, manager=pykmip.settings())
    try:
        made = k.make_key({"algorithm": "RSA", "key_length": 2048, "kmip_key_id": id}, label="RSAKEY")["key_information"]
        assert made["kmip_key_id"] == id
        client = Client(k)
        r, challenge = client.fetch(made["id"])
        assert client.open(r.json, challenge, made["id"])[1] == pkcs8(private)
        for reference, length in (("88888", 2048), (id, 3072), ("a b", 2048)):
            body = {"key_information": {"algorithm": "RSA", "key_length": length, "kmip_key_id": reference}}
            refused(k.call("POST", "/kbs/v1/keys", body, k.token()), 400, "key_refused")
        challenge = client.challenge(made["id"])
        token = client.attestation_token(challenge=challenge["challenge"])
        pykmip.stop()
        r = client.request(made["id"], challenge, token)
        refused(r, 503, "key_manager_unavailable")
        assert r.getheader("Retry-After")
        refused(k.call("POST", "/kbs/v1/keys", BODY, k.token()), 503, "key_manager_unavailable")
        assert k.call("GET", "/health").json["parts"]["key_manager"] == "down"
        pykmip.start()
        assert client.request(made["id"], challenge, token).status == 200, "nothing was spent, nothing was lost"
        assert k.call("GET", "/health").json["parts"]["key_manager"] == "ok"
        with pykmip.client() as c:
            c.activate(id)
            c.revoke(enums.RevocationReasonCode.KEY_COMPROMISE, id)
        refused(Client(k).fetch(made["id"])[0], 400, "key_refused")
        assert k.call("DELETE", f"/kbs/v1/keys/{made['id']}", bearer=k.token()).status == 204
        with pykmip.client() as c:
            assert c.get(id).value == pkcs8(private), "not ours to destroy"
    finally:
        k.stop()
