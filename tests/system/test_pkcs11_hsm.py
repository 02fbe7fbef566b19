# SPDX-License-Identifier: Apache-2.0
"""The PKCS#11 key manager against SoftHSM2: made inside, taken in, registered, wrapped out in each way, refused, gone and back."""
import base64
import json
import pathlib
import subprocess
import sys
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import softhsm_fixture
from attestd_fixture import b64url_bytes
from kbs_fixture import BODY, Client, Kbs, pem_of, refused, released
from keystore_fixture import KeyStore
from softhsm_fixture import PIN, REMOTE, SoftHsm

pytestmark = pytest.mark.skipif(softhsm_fixture.missing() is not None, reason=str(softhsm_fixture.missing()))

ABSENT = "absent the HSM does not hold this key"
TAKEN = "conflict the HSM holds a key under this reference"
STAYS = "denied the key may not leave the HSM"
KINDS = (("r", "rsa", 2048), ("e", "ec", 384), ("f", "ec", 256), ("g", "ec", 521), ("a", "aes", 256), ("b", "aes", 128))

# What the token is left without, and which way a key takes then.
WAYS = {"inside": None, "transport": "-CKM_DSA,CKM_ECDH1_DERIVE"}  # SoftHSM overlooks the first name after the minus
NO_WRAP = "CKM_AES_KEY_GEN,CKM_RSA_PKCS_KEY_PAIR_GEN,CKM_EC_KEY_PAIR_GEN,CKM_ECDH1_DERIVE"


@pytest.fixture(scope="module")
def hsm(tmp_path_factory):
    return SoftHsm(tmp_path_factory.mktemp("hsm") / "token")


@pytest.fixture
def store(hsm, tmp_path):
    s = KeyStore(tmp_path, *hsm.options(), env=hsm.env)
    assert s.opened == "ok"
    yield s
    s.close()


def header_of(answer):
    return json.loads(b64url_bytes(answer.removeprefix("ok ").split(".")[0]))


def test_opaque_secrets_are_refused(store):
    why = "input an HSM holds keys: opaque secrets need another key manager"
    assert store.give("default:o", "opaque", b"password") == why
    assert store.ask("describe", "default:o", "opaque", 0) == why
    assert store.ask("create", "default:o", "opaque", 64) == why


@pytest.mark.sanitize
@pytest.mark.parametrize("way", WAYS)
def test_a_key_lives_and_goes(tmp_path, way):
    hsm = SoftHsm(tmp_path / "token", WAYS[way])
    store = KeyStore(tmp_path, *hsm.options(), env=hsm.env)
    assert store.opened == "ok"
    for name, algorithm, bits in KINDS:
        ref = f"default:{name}"
        assert store.ask("create", ref, algorithm, bits) == "ok"
        assert store.ask("describe", ref, algorithm, 0) == f"ok {algorithm.upper()} {bits}"
        plain = store.unwrap(ref, algorithm, bits)
        assert len(plain) == bits // 8 if algorithm == "aes" else serialization.load_der_private_key(plain, None).key_size == bits
        assert ("inner" in header_of(store.wrap(ref, algorithm, bits))) == (way == "inside")
        assert store.unwrap(ref, algorithm, bits) == plain, "each time anew, and the same key"
        assert store.ask("create", ref, algorithm, bits) == TAKEN
        assert store.ask("create", ref, "aes" if algorithm != "aes" else "rsa", 128 if algorithm != "aes" else 2048) == TAKEN
        wrong = 3072 if algorithm == "rsa" else 512
        assert store.wrap(ref, algorithm, wrong) == "input the key in the HSM is another than was registered"
        assert store.ask("destroy", ref) == "ok"
        assert store.ask("destroy", ref) == "ok", "absent is fine"
        assert store.ask("describe", ref, algorithm, 0) == ABSENT
        assert store.wrap(ref, algorithm, bits) == ABSENT
    assert "Object" not in hsm.tool("--list-objects"), "nothing is left: no public half, no key of one use"
    store.close()


@pytest.mark.parametrize("way", WAYS)
def test_imported_keys_come_back(tmp_path, way):
    hsm = SoftHsm(tmp_path / "token", WAYS[way])
    store = KeyStore(tmp_path, *hsm.options(), env=hsm.env)
    private, legacy = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 3072)
    sec1 = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    assert store.give("default:i1", "ec", sec1) == "ok EC 256"
    assert serialization.load_der_private_key(store.unwrap("default:i1", "ec", 256), None).private_numbers() == private.private_numbers()
    assert store.give("default:i1", "ec", sec1) == TAKEN
    assert store.give("default:i2", "rsa", pem_of(legacy)) == "ok RSA 3072"
    assert serialization.load_der_private_key(store.unwrap("default:i2", "rsa", 3072), None).private_numbers() == legacy.private_numbers()
    for size in (16, 32):
        assert store.give(f"acme:i{size}", "aes", base64.b64encode(bytes(range(size)))) == f"ok AES {size * 8}"
        assert store.unwrap(f"acme:i{size}", "aes", size * 8) == bytes(range(size))
    assert store.give("default:=pkcs11:object=x", "aes", base64.b64encode(bytes(16))).startswith("input a key of another system")
    listed = hsm.tool("--list-objects")
    assert listed.count("sensitive, extractable") + listed.count("sensitive, always sensitive, extractable") >= 1, listed
    store.close()


def test_a_token_without_key_wrap(tmp_path):
    """It takes nothing in; sensitive keys stay, others are read."""
    whole = SoftHsm(tmp_path / "token")
    with_wrap = KeyStore(tmp_path, *whole.options(), env=whole.env)
    assert with_wrap.ask("create", "default:s", "aes", 256) == "ok"
    with_wrap.close()
    for kind, label in (("AES:32", "open-aes"), ):
        whole.tool("--keygen", "--key-type", kind, "--label", label, "--extractable")
    p = whole.config
    p.write_text(p.read_text() + f"slots.mechanisms = {NO_WRAP}\n")
    store = KeyStore(tmp_path, *whole.options(), env=whole.env)
    assert store.wrap("default:s", "aes", 256) == \
        "denied the key may leave the HSM only wrapped, and it lacks AES key wrap with padding"
    assert store.give("default:t", "ec", pem_of(ec.generate_private_key(ec.SECP256R1()))) == \
        "input this HSM takes no such key from outside: it lacks AES key wrap with padding"
    assert len(store.unwrap("default:=pkcs11:object=open-aes;type=secret-key", "aes", 256)) == 32
    store.close()


MAKE_OPEN = """
import ctypes, json, sys
import cryptoki
m = cryptoki.Module(sys.argv[1])
assert m.call("Initialize", None) == 0
slots, count = (cryptoki.ulong * 8)(), cryptoki.ulong(8)
assert m.call("GetSlotList", 1, slots, ctypes.byref(count)) == 0
session, made = cryptoki.ulong(), cryptoki.ulong()
assert m.call("OpenSession", slots[0], 6, None, None, ctypes.byref(session)) == 0
assert m.login(session.value) == 0
rows = [(t, bytes.fromhex(v)) for t, v in json.load(sys.stdin)]
array, keep = m.template(rows)
rv = m.call("CreateObject", session.value, array, len(rows), ctypes.byref(made))
assert rv == 0, hex(rv)
"""


def make_open(hsm, label, key):
    """A private key object that is not sensitive: pkcs11-tool makes none."""
    def number(n):
        return n.to_bytes((n.bit_length() + 7) // 8, "big")
    n = key.private_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = [n.public_numbers.n, n.public_numbers.e, n.d, n.p, n.q, n.dmp1, n.dmq1, n.iqmp]
        own = [(0x100, bytes(8)), *((t, number(v)) for t, v in zip((0x120, 0x122, 0x123, 0x124, 0x125, 0x126, 0x127, 0x128), numbers))]
    else:
        own = [(0x100, b"\x03" + bytes(7)), (0x180, bytes.fromhex("06052b81040022")), (0x11, number(n.private_value))]
    flags = [(0x1, b"\x01"), (0x2, b"\x01"), (0x103, b"\x00"), (0x162, b"\x01")]
    rows = [(0, b"\x03" + bytes(7)), (3, label.encode()), *flags, *own]
    subprocess.run([sys.executable, "-c", MAKE_OPEN, softhsm_fixture.MODULE], check=True, cwd=pathlib.Path(__file__).parent, env=hsm.env,
                   input=json.dumps([(t, v.hex()) for t, v in rows]), text=True, timeout=30)


def test_keys_that_are_not_sensitive_are_read(tmp_path):
    """RSA and EC by their numbers, where the token has no key wrap."""
    hsm = SoftHsm(tmp_path / "token", NO_WRAP)
    store = KeyStore(tmp_path, *hsm.options(), env=hsm.env)
    for name, algorithm, bits, key in (("web", "rsa", 2048, rsa.generate_private_key(65537, 2048)),
                                       ("shop", "ec", 384, ec.generate_private_key(ec.SECP384R1()))):
        make_open(hsm, name, key)
        plain = store.unwrap(f"default:=pkcs11:object={name};type=private", algorithm, bits)
        assert serialization.load_der_private_key(plain, None).private_numbers() == key.private_numbers()
    store.close()


def test_register_by_uri(hsm, store, tmp_path):
    key = rsa.generate_private_key(65537, 2048)
    path = tmp_path / "key.der"
    path.write_bytes(key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
    for label, id, more in (("web", "01", ["--extractable"]), ("fixed", "02", []), ("acme/web", "03", ["--extractable"]),
                            ("twice", "04", ["--extractable"]), ("twice", "05", ["--extractable"])):
        hsm.tool("--write-object", path, "--type", "privkey", "--label", label, "--id", id, *more)
    hsm.tool("--keypairgen", "--key-type", "rsa:2048", "--label", "inside", "--id", "09")
    for uri in ("pkcs11:object=web", "pkcs11:id=%01", "pkcs11:token=HSM;object=web;type=private", "pkcs11:object=web;id=%01"):
        assert store.ask("describe", f"default:={uri}", "rsa", 0) == "ok RSA 2048", uri
        plain = store.unwrap(f"default:={uri}", "rsa", 2048)
        assert serialization.load_der_private_key(plain, None).private_numbers() == key.private_numbers()
    for uri in ("pkcs11:object=fixed", "pkcs11:id=%02", "pkcs11:object=inside;type=private"):
        assert store.ask("describe", f"default:={uri}", "rsa", 0) == STAYS, "said when it is registered"
        assert store.wrap(f"default:={uri}", "rsa", 2048) == STAYS
    assert store.ask("describe", "default:=pkcs11:object=twice", "rsa", 0) == "conflict the HSM holds several such keys"
    assert store.ask("describe", "default:=pkcs11:object=none", "rsa", 0) == ABSENT
    assert store.ask("describe", "default:=pkcs11:object=web;id=%02", "rsa", 0) == ABSENT
    assert store.ask("describe", "default:=pkcs11:token=OTHER;object=web", "rsa", 0) == "absent the URI names another token than [pkcs11] token"
    assert store.ask("describe", "default:=pkcs11:object=web", "ec", 0) == "input the object in the HSM is not a key of this algorithm"
    assert store.ask("describe", "default:=pkcs11:object=web", "aes", 0) == ABSENT
    assert store.ask("describe", "default:=pkcs11:object=web;type=cert", "rsa", 0) == "input the URI's type is not that of a key of this algorithm"
    names = "input the URI of a key names token, object, id and type only"
    for uri in ("pkcs11:object=web?module-path=/tmp/evil.so", "pkcs11:object=web?pin-value=1", "pkcs11:object=web?pin-source=file:/etc/passwd"):
        assert store.ask("describe", f"default:={uri}", "rsa", 0) == names  # L15
    assert store.ask("describe", "default:=pkcs11:token=HSM", "rsa", 0) == "input the URI of a key names its object or id"
    for uri in ("web", "pkcs11:object=%zz", "pkcs11:nonsense=1;object=web", "http://x"):
        assert store.ask("describe", f"default:={uri}", "rsa", 0) == "input not a PKCS#11 URI (RFC 7512)", uri
    # tenants: theirs by the label; nobody reaches the broker's own
    assert store.ask("describe", "acme:=pkcs11:id=%03", "rsa", 0) == "ok RSA 2048"
    assert store.ask("describe", "acme:=pkcs11:id=%01", "rsa", 0) == "denied a tenant's keys in the HSM have a label TENANT/..."
    assert store.ask("create", "acme:own", "aes", 256) == "ok"
    assert store.ask("describe", "default:=pkcs11:object=warder%2Facme%2Fown%2F1", "aes", 0) == "denied this key in the HSM is the key broker's own"
    for ref in ("a/b:x", "default:x/../y", "default:*"):  # L18, L19
        assert store.ask("create", ref, "aes", 256) == "input a tenant or key id that cannot be a label in an HSM"
    assert store.ask("destroy", "default:=pkcs11:object=web") == "ok", "not ours to destroy"
    assert store.ask("describe", "default:=pkcs11:object=web", "rsa", 0) == "ok RSA 2048"
    assert store.ask("destroy", "acme:own") == "ok"


def test_a_wrong_pin_is_tried_once(tmp_path):
    """Tokens count, and lock themselves."""
    hsm = SoftHsm(tmp_path / "token")
    hsm.write_pin("9999")
    store = KeyStore(tmp_path, *hsm.options(), env=hsm.env)
    assert store.ask("health") == "upstream the HSM refuses the PIN"
    for _ in range(12):
        assert store.ask("health") == "upstream the HSM has refused this PIN; it is not tried again before its file changes"
    hsm.write_pin(PIN)
    assert store.ask("health") == "ok"
    assert store.ask("create", "default:p", "aes", 128) == "ok"
    store.close()
    hsm.pin.chmod(0o640)
    assert KeyStore(tmp_path, *hsm.options(), env=hsm.env).opened.startswith("denied")


def test_tokens_that_do_not_fit(tmp_path):
    hsm = SoftHsm(tmp_path / "token")
    options = list(map(str, hsm.options()))
    options[options.index("pkcs11:token=HSM")] = "pkcs11:token=NONE"
    store = KeyStore(tmp_path, *options, env=hsm.env)
    assert store.ask("health") == "upstream no token of the HSM matches [pkcs11] token"
    hsm.make_token("NONE")  # comes later: found without a restart
    assert store.ask("health") == "ok"
    hsm.make_token("NONE")
    store.close()
    store = KeyStore(tmp_path, *options, env=hsm.env)
    assert store.ask("health") == "upstream several tokens of the HSM match [pkcs11] token"
    store.close()
    assert KeyStore(tmp_path, *hsm.options("/nowhere.so"), env=hsm.env).opened == "input the HSM's module cannot be loaded"


@pytest.mark.skipif(not REMOTE.exists(), reason="no p11-kit-client.so")
def test_gone_and_back(tmp_path):
    """The token in another process, which is killed and started again; ours is not."""
    hsm = SoftHsm(tmp_path / "token")
    hsm.tool("--keygen", "--key-type", "AES:32", "--label", "open", "--extractable")
    hsm.serve()
    store = KeyStore(tmp_path, *hsm.options(REMOTE), env={**hsm.env, "P11_KIT_SERVER_ADDRESS": hsm.remote_address})
    ref = "default:=pkcs11:object=open"
    try:
        assert store.opened == "ok" and store.ask("health") == "ok"
        assert store.ask("create", "default:k", "ec", 256) == "ok"
        # p11-kit's protocol has no AES key wrap
        assert store.wrap("default:k", "ec", 256).startswith("denied the key may leave the HSM only wrapped")
        plain = store.unwrap(ref, "aes", 256)
        hsm.kill()
        for _ in range(2):
            since = time.monotonic()
            assert store.wrap(ref, "aes", 256).startswith("upstream ")
            assert store.ask("health").startswith("upstream ")
            assert time.monotonic() - since < 5
        hsm.serve()
        assert store.ask("health") == "ok"
        assert store.unwrap(ref, "aes", 256) == plain, "no restart of ours, nothing lost"
        assert store.ask("describe", "default:k", "ec", 0) == "ok EC 256"
    finally:
        store.close()
        hsm.kill()


# The broker with an HSM behind it


def test_the_broker_keeps_its_keys_there(tmp_path):
    hsm = SoftHsm(tmp_path / "token")
    k = Kbs(tmp_path / "kbs", manager=hsm.settings())
    try:
        assert "the HSM answers" in [json.loads(line)["message"] for line in k.keyd_log if line.startswith("{")]
        for algorithm, key_id, header, plain in released(k):
            assert header["inner"]["alg"] == "ECDH+A256KWP", "wrapped in the HSM"
            assert len(plain) == 32 if algorithm == "AES" else serialization.load_der_private_key(plain, None)
            assert all(plain not in p.read_bytes() for p in (k.dir / "keyd").rglob("*") if p.is_file())
            assert key_id in hsm.tool("--list-objects")
            assert k.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=k.token()).status == 204
            assert key_id not in hsm.tool("--list-objects")
        assert PIN not in "".join(k.keyd_log)
    finally:
        assert k.stop() == (0, 0)


def test_the_broker_registers_and_refuses(tmp_path):
    hsm = SoftHsm(tmp_path / "token")
    private = rsa.generate_private_key(65537, 2048)
    path = tmp_path / "key.der"
    path.write_bytes(private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
    hsm.tool("--write-object", path, "--type", "privkey", "--label", "web", "--id", "01", "--extractable")
    hsm.tool("--write-object", path, "--type", "privkey", "--label", "fixed", "--id", "02")
    k = Kbs(tmp_path / "kbs", manager=hsm.settings())
    try:
        made = k.make_key({"algorithm": "RSA", "key_length": 2048, "kmip_key_id": "pkcs11:object=web;type=private"})["key_information"]
        client = Client(k)
        r, challenge = client.fetch(made["id"])
        plain = client.open(r.json, challenge, made["id"])[1]
        assert serialization.load_der_private_key(plain, None).private_numbers() == private.private_numbers()
        for reference in ("pkcs11:object=fixed;type=private", "pkcs11:object=none", "web", "pkcs11:object=web?module-path=/x.so"):
            body = {"key_information": {"algorithm": "RSA", "key_length": 2048, "kmip_key_id": reference}}
            r = k.call("POST", "/kbs/v1/keys", body, k.token())
            refused(r, 400, "key_refused")
            assert reference != "pkcs11:object=fixed;type=private" or "may not leave the HSM" in r.json["detail"]
        assert k.call("DELETE", f"/kbs/v1/keys/{made['id']}", bearer=k.token()).status == 204
        assert "web" in hsm.tool("--list-objects")
    finally:
        k.stop()


@pytest.mark.skipif(not REMOTE.exists(), reason="no p11-kit-client.so")
def test_the_broker_loses_the_hsm(tmp_path):  # L26, L52
    hsm = SoftHsm(tmp_path / "token")
    hsm.tool("--keygen", "--key-type", "AES:32", "--label", "open", "--extractable")
    hsm.serve()
    k = Kbs(tmp_path / "kbs", manager=hsm.settings(module=REMOTE, environment=f"P11_KIT_SERVER_ADDRESS={hsm.remote_address}"))
    try:
        key_id = k.make_key({"algorithm": "AES", "key_length": 256, "kmip_key_id": "pkcs11:object=open"})["key_information"]["id"]
        client = Client(k)
        challenge = client.challenge(key_id)
        token = client.attestation_token(challenge=challenge["challenge"])
        hsm.kill()
        r = client.request(key_id, challenge, token)
        refused(r, 503, "key_manager_unavailable")
        assert r.getheader("Retry-After")
        refused(k.call("POST", "/kbs/v1/keys", BODY, k.token()), 503, "key_manager_unavailable")
        assert k.call("GET", "/health").json["parts"]["key_manager"] == "down"
        hsm.serve()
        assert client.request(key_id, challenge, token).status == 200, "nothing was spent, nothing was lost"
        assert k.call("GET", "/health").json["parts"]["key_manager"] == "ok"
    finally:
        k.stop()
        hsm.kill()
