# SPDX-License-Identifier: Apache-2.0
"""kbsd and keyd as administrators and saboteurs meet them: keys, permissions, policies, processes."""
import base64
import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import time
import uuid

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from attestd_fixture import Key
from dev_system import freeze
from kbs_fixture import BODY, KEYD, Client, Kbs, default_claims, jwe_seal, key, kbs, pem_of, refused, stop  # noqa: F401

pytestmark = pytest.mark.sanitize
SGX_POLICY = {"sgx_enclave_issuer_anyof": ["CD171C56941C6CE49690B455F691D9C8A04C2E43E0A4D30F752FA5285C7EE57F"],
              "sgx_enclave_issuer_product_id": 0, "sgx_enclave_svn_minimum": 3}
SGX_CLAIMS = default_claims(tee="sgx", mrsigner="cd171c56941c6ce49690b455f691d9c8a04c2e43e0a4d30f752fa5285c7ee57f", isvprodid=0,
                            isvsvn=3, mrenclave="ed" * 32, mrtd=None)
NOWHERE = str(uuid.uuid4())


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
    assert kbs.call("POST", "/kbs/v1/keys", "x" * (1400 << 10), kbs.token()).status == 413
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
                ("POST", f"/kbs/v1/keys/{NOWHERE}/rotate", "keys:rotate"), ("GET", f"/kbs/v1/keys/{NOWHERE}/versions", "keys:retrieve"),
                ("POST", f"/kbs/v1/keys/{NOWHERE}/disable", "keys:disable"), ("POST", f"/kbs/v1/keys/{NOWHERE}/enable", "keys:enable"),
                ("POST", "/kbs/v1/key-transfer-policies", "key_transfer_policies:create"),
                ("GET", "/kbs/v1/key-transfer-policies", "key_transfer_policies:search"),
                ("GET", f"/kbs/v1/key-transfer-policies/{NOWHERE}", "key_transfer_policies:retrieve"),
                ("PUT", f"/kbs/v1/key-transfer-policies/{NOWHERE}", "key_transfer_policies:update"),
                ("DELETE", f"/kbs/v1/key-transfer-policies/{NOWHERE}", "key_transfer_policies:delete"),
                ("POST", f"/kbs/v1/keys/{NOWHERE}/policy-test", "key_transfer_policies:test"),
                ("GET", "/kbs/v1/audit", "audit:search"), ("GET", f"/kbs/v1/audit/{NOWHERE}", "audit:search")]


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
    assert kbs.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=kbs.token()).status == 204
    assert kbs.call("DELETE", path, bearer=kbs.token()).status == 204
    refused(kbs.call("GET", path, bearer=kbs.token()), 404, "policy_not_found")


@pytest.mark.parametrize("policy,word", [
    ({"attestation": "sometimes"}, "attestation"), ({"attestation_types": []}, "attestation_types"),
    ({"attestation_types": ["sev"]}, "attestation_types"), ({"policy_ids": []}, "policy_ids"), ({"unknown": 1}, "unknown"),
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


def is_released(k, key_id):
    """False: keyd is not back yet, which may show at either of the two requests."""
    client = Client(k)
    c = k.call("POST", f"/kbs/v1/keys/{key_id}/transfer", {})
    r = client.request(key_id, c.json, client.attestation_token(challenge=c.json["challenge"])) if c.status == 200 else c
    assert r.status in (200, 503), r.text
    return r.status == 200


@pytest.mark.parametrize("which", [0, 1])
def test_killed_child_comes_back(tmp_path, which):
    k = Kbs(tmp_path)
    try:
        key_id = k.make_key()["key_information"]["id"]
        os.kill(children(k.keyd.pid)[which], signal.SIGKILL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if is_released(k, key_id):
                break
            time.sleep(0.1)
        else:
            raise AssertionError("keyd did not come back")
    finally:
        assert k.stop()[1] == 0
    assert not children_left(k)


def test_hanging_key_manager_is_started_anew(tmp_path):
    k = Kbs(tmp_path)
    try:
        key_id = k.make_key()["key_information"]["id"]
        manager = children(k.keyd.pid)[0]
        freeze(manager)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: Client(k).fetch(key_id)[0], range(8)))
        assert all(r.code_word == "key_manager_unavailable" for r in answers), [r.text for r in answers]
        until = time.monotonic() + 40
        while not is_released(k, key_id):
            assert time.monotonic() < until
            time.sleep(0.2)
        assert not pathlib.Path(f"/proc/{manager}").exists()
    finally:
        k.stop()


def children_left(k):
    found = subprocess.run(["pgrep", "-f", str(k.dir / "keyd.conf")], capture_output=True, text=True).stdout.split()
    return [p for p in found if int(p) != os.getpid()]


def test_keyd_has_no_network_and_no_dump(kbs):
    supervisor = pathlib.Path(f"/proc/{kbs.keyd.pid}")  # its children load their secrets before their sandbox
    assert "NoNewPrivs:\t1" in (supervisor / "status").read_text() and "Seccomp:\t2" in (supervisor / "status").read_text()
    assert ["0", "0"] == next(line.split()[4:6] for line in (supervisor / "limits").read_text().splitlines() if "core file" in line)
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


@pytest.mark.parametrize("setting", ["require_wrapped_import = yes", "profile = production"])
def test_wrapped_import_can_be_required(tmp_path, setting):
    k = Kbs(tmp_path, keyd=f"{setting}\n")
    try:
        pem = pem_of(ec.generate_private_key(ec.SECP256R1()))
        body = {"key_information": {"algorithm": "EC", "key_string": pem}}
        refused(k.call("POST", "/kbs/v1/keys", body, k.token()), 400, "wrapped_import_required")
        sealed = jwe_seal(k.call("GET", "/kbs/v1/import-key").json, pem.encode())
        assert k.make_key({"algorithm": "EC", "key_string": sealed})["key_information"]["curve_type"] == "secp256r1"
    finally:
        k.stop()


@pytest.mark.parametrize("text", ["[keyd]\nunknown = 1\n", "[keys]\nmanager = paper\n", "[keyd]\nchallenge_seconds = 5\n", "[keyd]\nprofile = prod\n",
                                  "[keyd]\nprofile = production\n[vault]\nallow_plain_http = yes\n",
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
