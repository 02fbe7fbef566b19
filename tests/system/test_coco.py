# SPDX-License-Identifier: Apache-2.0
"""Guests of Confidential Containers: their protocol, from a client written from its description, against the real services."""
import concurrent.futures
import json
import os
import pathlib
import struct
import subprocess
import uuid

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap

from attestd_fixture import Attestd, Simulator
from coco_client import CURVES, Guest, TeeKey, b64, b64u, refused, unb64u
from kbs_fixture import BUILD, Client, Kbs, jwe_seal, stop
from simulator import Simulator as SnpSimulator

pytestmark = pytest.mark.sanitize
GOOD = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": False}, {"claim": "root", "equals": "configured"}]}
SECRET = os.urandom(32)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    s = Simulator(tmp_path_factory.mktemp("sim"))
    yield s
    s.close()


def start(folder, attestd, **settings):
    k = Kbs(folder, attestd=attestd, **settings)
    k.policy = k.make_policy(name="guests", policy_ids=["good"])["id"]
    return k


def put(k, path, content=SECRET, policy=None, **members):
    jwk = k.call("GET", "/kbs/v1/import-key").json
    body = {"key_information": {"algorithm": "OPAQUE", "key_string": jwe_seal(jwk, content, cty="secret")}, "resource_path": path,
            "transfer_policy_id": policy or k.policy, **members}
    return k.call("POST", "/kbs/v1/keys", body, k.token())


@pytest.fixture(scope="module")
def attestd(simulator, tmp_path_factory):
    a = Attestd(tmp_path_factory.mktemp("attestd"), simulator.info["pcs"], roots=[simulator.root])
    assert a.call("as", "POST", "/as/v1/policies", {"name": "good", "policy": GOOD}, a.token()).status == 201
    yield a
    a.stop()


@pytest.fixture(scope="module")
def kbs(attestd, tmp_path_factory):
    k = start(tmp_path_factory.mktemp("kbs"), attestd)
    assert put(k, "default/key/1").status == 201
    yield k
    assert k.stop() == (0, 0)


def tdx(simulator, scenario="ok"):
    return lambda data: {"quote": b64(bytes(simulator.quote(data, "tdx4", scenario))), "cc_eventlog": None}


def test_a_secret_for_a_td(kbs, simulator):
    guest = Guest(kbs, "tdx", tdx(simulator))
    assert guest.fetch("default/key/1") == SECRET
    # by the token alone, as the guest's data hub does it, and both together
    assert guest.open(guest.get("default/key/1", bearer=guest.token, cookies={})) == SECRET
    assert guest.open(guest.get("default/key/1", bearer=guest.token)) == SECRET
    record = kbs.audit(limit=1)[0]
    assert (record["decision"], record["resource_path"], record["guest_protocol"]) == ("released", "default/key/1", "0.4.0")
    assert record["tcb"]["fmspc"] and record["attestation"]["verdict"] == "verified" and record["encryption_key"]

@pytest.fixture(scope="module")
def old_kbs(attestd, tmp_path_factory):
    """Serves the oldest guests, too."""
    k = start(tmp_path_factory.mktemp("old"), attestd, keyd="[guests]\nrsa1_5 = yes\n")
    assert put(k, "default/key/1").status == 201
    yield k
    assert k.stop() == (0, 0)


def sgx(simulator):
    return lambda data: {"quote": b64(bytes(simulator.quote(data, "sgx3")))}


@pytest.mark.parametrize("key", ["P-256", "P-521", "RSA"])
@pytest.mark.parametrize("version", ["0.2.0", "0.3.0", "0.4.0"])
def test_every_kind_of_key(kbs, simulator, key, version):
    guest = Guest(kbs, "tdx", tdx(simulator), key=key, version=version)
    assert guest.fetch("default/key/1") == SECRET
    assert guest.open(guest.get("default/key/1", bearer=guest.token, cookies={})) == SECRET


def test_an_enclave(kbs, simulator):
    assert Guest(kbs, "sgx", sgx(simulator)).fetch("default/key/1") == SECRET


@pytest.mark.parametrize("version, very_old", [("0.1.1", False), ("0.1.0", False), ("0.1.0", True)])
def test_the_oldest_guests(kbs, old_kbs, simulator, version, very_old):
    guest = Guest(old_kbs, "tdx", tdx(simulator), key="RSA", version=version, very_old=very_old)
    assert guest.fetch("default/key/1") == SECRET
    assert guest.open(guest.get("default/key/1", bearer=guest.token, cookies={})) == SECRET
    turned_away = Guest(kbs, "tdx", tdx(simulator), key="RSA", version=version)
    refused(turned_away.auth(), 401, "AttestationError")


@pytest.mark.parametrize("version", ["0.0.9", "0.1.2", "0.4.1", "1.0.0", "", "0.4.0\n"])
def test_versions_that_nobody_speaks(kbs, simulator, version):
    refused(Guest(kbs, "tdx", tdx(simulator), version=version).auth(), 401, "AttestationError")


INIT_DATA = 'algorithm = "sha384"\nversion = "0.1.0"\n\n[data]\n"aa.toml" = \'\'\'\nalgorithm = "sha256"\n\'\'\'\n'


def test_init_data_that_the_td_was_not_launched_with(kbs, simulator):
    guest = Guest(kbs, "tdx", tdx(simulator))
    assert guest.auth().status == 200
    refused(guest.attest(init_data=INIT_DATA), 401, "AttestationError")
    assert "init-data is not what the TEE was launched with" in str(kbs.audit(limit=1)[0]["attestation"])
    assert guest.attest().status == 200  # a failed attempt does not use the nonce up


def test_additional_evidence_is_bound(kbs, simulator):
    additional = '{"nvidia":{"evidence":"x\\u00e4"}}'
    assert Guest(kbs, "tdx", tdx(simulator)).handshake(additional=additional)
    guest = Guest(kbs, "tdx", tdx(simulator))
    guest.auth()
    bound = guest.attestation(additional=additional)
    bound["tee-evidence"]["additional_evidence"] = "{}"
    refused(guest.call("POST", "attest", bound), 401, "AttestationError")


def test_keys_leave_as_their_standard_forms(kbs, simulator):
    made = kbs.make_key({"algorithm": "EC", "curve_type": "secp384r1"}, policy=kbs.policy, resource_path="keys/ec/P-384")
    kbs.make_key({"algorithm": "AES", "key_length": 256}, policy=kbs.policy, resource_path="keys/aes/1")
    guest = Guest(kbs, "tdx", tdx(simulator)).handshake()
    key = serialization.load_der_private_key(guest.open(guest.get("keys/ec/P-384")), None)
    assert key.curve.name == "secp384r1" and len(guest.open(guest.get("keys/aes/1"))) == 32
    assert kbs.audit(key=made["key_information"]["id"], limit=1)[0]["decision"] == "released"


# the path

def path_of(k, key_id, path, bearer=None):
    return k.call("PUT", f"/kbs/v1/keys/{key_id}/resource-path", {"resource_path": path}, bearer or k.token())


def test_a_path_is_given_changed_and_taken_away(kbs, simulator):
    made = put(kbs, "moves/from/here", b"moving").json
    key_id, guest = made["key_information"]["id"], Guest(kbs, "tdx", tdx(simulator)).handshake()
    assert guest.open(guest.get("moves/from/here")) == b"moving"
    taken = put(kbs, "moves/from/here")
    assert (taken.status, taken.code_word) == (409, "resource_path_taken")
    assert path_of(kbs, key_id, "default/key/1").code_word == "resource_path_taken"
    assert path_of(kbs, key_id, "to/there/v1.0").json["resource_path"] == "to/there/v1.0"
    refused(guest.get("moves/from/here"), 401, "PluginInternalError")
    assert guest.open(guest.get("to/there/v1.0")) == b"moving"
    listed = {k["key_information"]["id"]: k.get("resource_path") for k in kbs.call("GET", "/kbs/v1/keys", bearer=kbs.token()).json}
    assert listed[key_id] == "to/there/v1.0"
    assert path_of(kbs, key_id, "x/y/z", kbs.token(("keys:retrieve",))).code_word == "permission_denied"
    assert "resource_path" not in path_of(kbs, key_id, "").json
    refused(guest.get("to/there/v1.0"), 401, "PluginInternalError")
    assert path_of(kbs, key_id, "to/there/v1.0").status == 200
    assert kbs.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=kbs.token()).status == 204
    refused(guest.get("to/there/v1.0"), 401, "PluginInternalError")
    assert put(kbs, "to/there/v1.0").status == 201  # it is free again


@pytest.mark.parametrize("path", ["a", "a/b", "a/b/c/d", "a//c", "/a/b/c", "a/b/", ".a/b/c", "a/b/ c", "a/b/ü", "a/b/" + "c" * 200])
def test_paths_that_are_none(kbs, path):
    r = put(kbs, path)
    assert r.status in (400, 413) and r.code_word in ("malformed_request", "too_large"), r.text


def test_a_change_of_path_of_a_key_with_four_eyes_waits(kbs):
    key_id = put(kbs, "four/eyes/1", four_eyes=True).json["key_information"]["id"]
    r = path_of(kbs, key_id, "four/eyes/2")
    assert r.status == 202 and r.json["pending"]["action"] == "key_resource_path"
    other = kbs.token(("changes:*",), subject="second")
    done = kbs.call("POST", f"/kbs/v1/pending-changes/{r.json['pending']['id']}/approve", {}, other)
    assert done.status == 200 and kbs.call("GET", f"/kbs/v1/keys/{key_id}", bearer=kbs.token()).json["resource_path"] == "four/eyes/2"


# policies

@pytest.mark.parametrize("members, name", [
    ({"client_permissions_anyof": ["nginx"]}, "TokenNotFound"),
    ({"attestation": "none"}, "TokenNotFound"),
    ({"attestation": "observe"}, "TokenNotFound"),
    ({"lease_minutes": 5}, "PolicyDeny"),
    ({"use": ["sign"]}, "PolicyDeny"),
    ({"attestation_types": ["snp"]}, "PolicyDeny"),
    ({"policy_ids": ["default"]}, "PolicyDeny"),
    ({"wrapping_anyof": ["RSA-OAEP-256"]}, "PolicyDeny"),
    ({"client_networks_anyof": ["192.0.2.0/24"]}, "PolicyDeny"),
    ({"conditions": {"version": "1.0.0", "allOf": [{"claim": "mrtd", "equals": "00" * 48}]}}, "PolicyDeny"),
    ({"conditions": {"version": "1.0.0", "allOf": [{"claim": "init_data_digest", "equals": "00" * 48}]}}, "PolicyDeny"),
])
def test_policies_hold_for_guests(kbs, simulator, members, name):
    policy = kbs.make_policy(**{"policy_ids": ["good"], **members})["id"] if members.get("attestation") != "none" else kbs.make_policy(**members)["id"]
    path = f"policy/held/{policy[:8]}"
    made = kbs.make_key({"algorithm": "EC", "curve_type": "secp256r1"}, policy=policy, resource_path=path)
    guest = Guest(kbs, "tdx", tdx(simulator)).handshake()
    refused(guest.get(path), 401, name)
    record = kbs.audit(key=made["key_information"]["id"], limit=1)[0]
    assert record["decision"] == "refused" and record["resource_path"] == path


def test_each_path_is_counted(kbs, simulator):
    policy = kbs.make_policy(policy_ids=["good"], max_releases=1)["id"]
    put(kbs, "once/and/never", policy=policy)
    guest = Guest(kbs, "tdx", tdx(simulator)).handshake()
    assert guest.open(guest.get("once/and/never")) == SECRET
    refused(guest.get("once/and/never"), 401, "PolicyDeny")


def test_tenants_see_nothing_of_each_other(kbs, simulator):
    at_home = Guest(kbs, "tdx", tdx(simulator)).handshake()
    abroad = Guest(kbs, "tdx", tdx(simulator), prefix="/tenants/other")
    refused(abroad.get("default/key/1", bearer=at_home.token), 401, "TokenVerifierError")
    refused(abroad.get("default/key/1", cookies=at_home.cookies), 401, "TokenNotFound")
    abroad.cookies, abroad.nonce = dict(at_home.cookies), at_home.nonce
    refused(abroad.attest(), 401, "AttestationError")


def test_a_recorded_release_is_judged_again(kbs, simulator):
    made = put(kbs, "judged/again/1").json["key_information"]["id"]
    guest = Guest(kbs, "tdx", tdx(simulator)).handshake()
    assert guest.open(guest.get("judged/again/1")) == SECRET
    record = kbs.audit(key=made, limit=1)[0]["id"]
    said = kbs.call("POST", f"/kbs/v1/keys/{made}/policy-test", {"record": record}, kbs.token())
    assert said.status == 200 and said.json["decision"] == "released" and said.json["record"]["same_decision"], said.text


def test_an_administrator_names_paths(kbs, simulator, tmp_path):
    (tmp_path / "token").touch(mode=0o600)
    (tmp_path / "token").write_text(kbs.token())
    conf = tmp_path / "cli.conf"
    conf.write_text(f"[services]\nkbs = https://localhost:{kbs.port}\n[tls]\nca = {kbs.dir}/attestd.pem\n[login]\ntoken_file = {tmp_path}/token\n")

    def warder(*arguments, text=None, code=0):
        r = subprocess.run([BUILD / "programs/cli/warder", *arguments, "--config", conf], input=text, capture_output=True, timeout=60)
        assert r.returncode == code, r.stderr
        return r.stdout.decode()

    key_id = warder("secret", "put", "--policy", kbs.policy, "--resource-path", "by/the/administrator", text=b"named").split()[-1]
    guest = Guest(kbs, "tdx", tdx(simulator)).handshake()
    assert guest.open(guest.get("by/the/administrator")) == b"named"
    assert "by/the/administrator" in warder("secret", "list") and "by/the/administrator" in warder("key", "show", key_id)
    warder("key", "path", "--resource-path", "by/another/name", key_id)
    assert guest.open(guest.get("by/another/name")) == b"named"
    warder("secret", "path", key_id)
    assert "by/another/name" not in warder("key", "list")
    made = warder("key", "create", "--algorithm", "AES", "--length", "256", "--policy", kbs.policy, "--resource-path", "made/by/name").split()[-1]
    assert len(guest.open(guest.get("made/by/name"))) == 32 and made
    warder("key", "path", "--resource-path", "no path", key_id, code=1)


# those who mean no good

def test_a_stolen_session_reads_nothing(kbs, simulator):
    guest, thief = Guest(kbs, "tdx", tdx(simulator)).handshake(), Guest(kbs, "tdx", tdx(simulator))
    answer = thief.get("default/key/1", cookies=guest.cookies)
    assert guest.open(answer) == SECRET
    with pytest.raises(InvalidUnwrap):
        thief.open(answer)


def test_a_stolen_challenge_is_attested_once(kbs, simulator):
    guest, thief = Guest(kbs, "tdx", tdx(simulator)), Guest(kbs, "tdx", tdx(simulator))
    guest.auth()
    thief.cookies, thief.nonce = dict(guest.cookies), guest.nonce
    assert guest.attest().status == 200
    again = guest.attest()
    assert again.status == 200 and again.json["token"] == guest.token
    refused(thief.attest(), 401, "AttestationError")
    assert guest.open(guest.get("default/key/1")) == SECRET


def test_of_many_attestations_at_once_on_one_session_one_begins_it(kbs, simulator):
    guests = [Guest(kbs, "tdx", tdx(simulator)) for _ in range(6)]
    guests[0].auth()
    for g in guests:
        g.cookies, g.nonce = dict(guests[0].cookies), guests[0].nonce
    bodies = [g.attestation() for g in guests]
    with concurrent.futures.ThreadPoolExecutor(len(guests)) as pool:
        answers = list(pool.map(lambda g, b: g.call("POST", "attest", b), guests, bodies))
    good = [r for r in answers if r.status == 200]
    assert len(good) == 1
    for r in answers:
        if r.status != 200:
            refused(r, 401, "AttestationError")


@pytest.mark.parametrize("what", ["nonce", "key", "session", "none", "quote", "debug"])
def test_evidence_that_is_not_for_this_session(kbs, simulator, what):
    guest, other = Guest(kbs, "tdx", tdx(simulator, "debug" if what == "debug" else "ok")), Guest(kbs, "tdx", tdx(simulator))
    guest.auth(), other.auth()
    body = guest.attestation()
    if what == "nonce":
        body["runtime-data"]["nonce"] = other.nonce
    elif what == "key":
        body["runtime-data"]["tee-pubkey"] = other.key.jwk
    elif what == "session":
        guest.cookies = other.cookies
    elif what == "none":
        guest.cookies = {}
    elif what == "quote":
        body["tee-evidence"] = other.attestation()["tee-evidence"]
    refused(guest.call("POST", "attest", body), 401, "AttestationError")


def test_tokens_that_were_not_given_here(kbs, attestd, simulator):
    guest = Guest(kbs, "tdx", tdx(simulator))
    guest.auth()
    record = {"tee": "tdx", "evidence": guest.evidence(guest.report_data())}
    asked = {"tenant": "default", "evidence": ["application/vnd.warder.cc-guest-evidence+json", b64u(json.dumps(record).encode())], "policy_ids": ["good"],
             "runtime_data": {"type": "guest", "protocol": "0.4.0", "tenant": "default", "nonce": guest.nonce, "tee_pubkey": guest.key.jwk}}
    r = attestd.call("as", "POST", "/as/v1/attest", asked)
    assert r.status == 200, r.text
    token = r.json["token"]
    refused(guest.get("default/key/1", bearer=token), 401, "TokenVerifierError")  # keyd has begun no session with it
    assert guest.attest().status == 200
    refused(guest.get("default/key/1", bearer=token, cookies={}), 401, "TokenVerifierError")  # and it has with another
    head, body, signature = guest.token.split(".")
    for bad in ("x", "a.b.c", f"{head}.{body}.{signature[:-4]}AAAA", b64u(b'{"alg":"none"}') + f".{body}.", kbs.token()):
        refused(guest.get("default/key/1", bearer=bad, cookies={}), 401, "TokenVerifierError")
    # a token of this protocol is of no use in the native one, whatever key is claimed
    native, key_id = Client(kbs), kbs.make_key(policy=kbs.policy)["key_information"]["id"]
    said = native.request(key_id, native.challenge(key_id), guest.token)
    assert (said.status, said.code_word) == (403, "attestation_token_invalid")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"version":"0.4.0"}', b'{"version":"0.4.0","tee":"tdx"}', b'{"version":4,"tee":"tdx","extra-params":""}',
                                  b'{"version":"0.4.0","version":"0.4.0","tee":"tdx","extra-params":""}', b'{"version":"0.4.0","tee":"","extra-params":""}',
                                  b'{"version":"0.4.0","tee":"a/b","extra-params":""}', b'{"version":"0.4.0","tee":"' + b"x" * 99 + b'","extra-params":""}',
                                  b'{"version":"0.4.0","tee":"tdx","extra-params":' + b"[" * 60 + b"]" * 60 + b"}"])
def test_hostile_greetings(kbs, body):
    refused(kbs.call("POST", "/kbs/v0/auth", body), 401, "SerdeError")


@pytest.mark.parametrize("extra", [None, 0, [], {"selected-hash-algorithm": "md5"}, {"supported-hash-algorithms": "x" * 1000}, [[[["deep"]]]]])
def test_extra_params_change_nothing(kbs, simulator, extra):
    guest = Guest(kbs, "tdx", tdx(simulator))
    assert guest.auth(**{"extra-params": extra}).status == 200


@pytest.mark.parametrize("change", [
    lambda b: b.pop("runtime-data"), lambda b: b.pop("tee-evidence"), lambda b: b.update({"runtime-data": 3}), lambda b: b.update({"init-data": "x"}),
    lambda b: b.update({"init-data": {"format": "json", "body": "{}"}}), lambda b: b["runtime-data"].pop("tee-pubkey"),
    lambda b: b["runtime-data"]["tee-pubkey"].update({"d": "AAAA"}), lambda b: b["runtime-data"]["tee-pubkey"].update({"crv": "P-192"}),
    lambda b: b["runtime-data"]["tee-pubkey"].update({"x": "AAAA"}), lambda b: b["runtime-data"].update({"tee-pubkey": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}),
    lambda b: b["tee-evidence"].pop("primary_evidence"), lambda b: b["tee-evidence"].update({"additional_evidence": {}}),
])
def test_hostile_attestations(kbs, simulator, change):
    guest = Guest(kbs, "tdx", tdx(simulator))
    guest.auth()
    body = guest.attestation(evidence={"quote": "AAAA", "cc_eventlog": None})
    body["runtime-data"]["tee-pubkey"] = dict(guest.key.jwk)
    change(body)
    refused(guest.call("POST", "attest", body), 401, "SerdeError")


@pytest.mark.parametrize("evidence", [1, "x", [], {}, {"quote": 1}, {"quote": "AAAA"}, {"quote": "!"}, {"quote": "", "cc_eventlog": ""}, {"quote": "AAAA", "more": 1}])
@pytest.mark.parametrize("tee", ["tdx", "sgx", "snp", "sample", "se", "az-tdx-vtpm"])
def test_hostile_evidence(kbs, tee, evidence):
    guest = Guest(kbs, tee, None)
    guest.auth()
    refused(guest.attest(evidence=evidence), 401, "AttestationError")


@pytest.mark.parametrize("cookie", ["x", "", "A" * 200, "A" * 9000, "../..", "kbs-session-id=kbs-session-id", "\xff\xfe"])
def test_hostile_cookies(kbs, simulator, cookie):
    guest = Guest(kbs, "tdx", tdx(simulator))
    guest.auth()
    guest.cookies = {"kbs-session-id": cookie.encode("latin-1").decode("latin-1")}
    r = guest.call("POST", "attest", guest.attestation(evidence={"quote": "AAAA"}))
    assert r.status in (400, 401), r.text
    assert guest.get("default/key/1").status in (400, 401)
    # other cookies beside ours are no trouble
    guest.cookies = {"a": "b", "kbs-session": "c"}
    assert guest.auth().status == 200


def test_oversized_anything(kbs):
    big = kbs.call("POST", "/kbs/v0/attest", b'{"tee-evidence":"' + b"x" * (300 << 10) + b'"}')
    assert big.status == 413 and big.text == b"payload reached size limit"
    assert kbs.call("GET", "/kbs/v0/resource/a/b/" + "c" * 2000).status == 401
    assert kbs.call("GET", "/kbs/v0/resource/a/b/c", headers={"Cookie": "kbs-session-id=" + "x" * (40 << 10)}).status == 431


@pytest.mark.parametrize("method, path, status, name", [
    ("GET", "auth", 405, None), ("PUT", "attest", 405, None), ("GET", "nebula-ca/x", 404, "PluginNotFound"),
    ("POST", "resource-policy", 404, "PluginNotFound"), ("GET", "resource/a/b", 401, "PluginInternalError"), ("GET", "resource/a/b/c/d", 401, "PluginInternalError"),
    ("GET", "resource/a/b/c", 401, "TokenNotFound"), ("POST", "resource/a/b/c", 405, None), ("GET", "token-certificate-chain", 404, "PluginNotFound"),
])
def test_paths_of_the_protocol(kbs, method, path, status, name):
    r = kbs.call(method, f"/kbs/v0/{path}", None if method == "GET" else {})
    if name:
        refused(r, status, name)
    else:
        assert (r.status, r.code_word) == (status, "method_not_allowed")


def test_a_resource_that_is_not_there(kbs, simulator):
    guest = Guest(kbs, "tdx", tdx(simulator)).handshake()
    refused(guest.get("no/such/thing"), 401, "PluginInternalError")
    refused(guest.get("no/such/.thing"), 401, "PluginInternalError")


def test_an_attestation_service_that_is_away_admits_nobody(tmp_path):
    k = Kbs(tmp_path / "kbs")
    try:
        guest = Guest(k, "tdx", None)
        guest.auth()
        refused(guest.attest(evidence={"quote": "AAAA"}), 503, "AttestationError")
    finally:
        assert k.stop() == (0, 0)


def test_any_instance_goes_on(kbs, simulator):
    """Nothing of a session is in kbsd, and keyd's part is in its store."""
    guest = Guest(kbs, "tdx", tdx(simulator))
    guest.auth()
    for part in ("kbsd", "keyd"):
        stop(getattr(kbs, part))
    kbs.start_keyd(), kbs.start_kbsd()
    assert guest.attest().status == 200
    for part in ("kbsd", "keyd"):
        stop(getattr(kbs, part))
    kbs.start_keyd(), kbs.start_kbsd()
    assert guest.open(guest.get("default/key/1")) == SECRET
    assert guest.open(guest.get("default/key/1", bearer=guest.token, cookies={})) == SECRET


# SEV-SNP

def snp_json(raw, turin):
    """A report as the guests' library writes it: numbers and lists, nothing of what is reserved."""
    u = lambda at, size: int.from_bytes(raw[at:at + size], "little")  # noqa: E731
    b = lambda at, size: list(raw[at:at + size])  # noqa: E731
    tcb = lambda at: ({"fmc": raw[at], "bootloader": raw[at + 1], "tee": raw[at + 2], "snp": raw[at + 3], "microcode": raw[at + 7]} if turin else  # noqa: E731
                      {"fmc": None, "bootloader": raw[at], "tee": raw[at + 1], "snp": raw[at + 6], "microcode": raw[at + 7]})
    version = lambda at: {"build": raw[at], "minor": raw[at + 1], "major": raw[at + 2]}  # noqa: E731
    new = u(0, 4) >= 3
    return {"version": u(0, 4), "guest_svn": u(4, 4), "policy": u(8, 8), "family_id": b(0x10, 16), "image_id": b(0x20, 16), "vmpl": u(0x30, 4), "sig_algo": u(0x34, 4),
            "current_tcb": tcb(0x38), "plat_info": u(0x40, 8), "key_info": u(0x48, 4), "report_data": b(0x50, 64), "measurement": b(0x90, 48), "host_data": b(0xC0, 32),
            "id_key_digest": b(0xE0, 48), "author_key_digest": b(0x110, 48), "report_id": b(0x140, 32), "report_id_ma": b(0x160, 32), "reported_tcb": tcb(0x180),
            "cpuid_fam_id": raw[0x188] if new else None, "cpuid_mod_id": raw[0x189] if new else None, "cpuid_step": raw[0x18A] if new else None,
            "chip_id": b(0x1A0, 64), "committed_tcb": tcb(0x1E0), "current": version(0x1E8), "committed": version(0x1EC), "launch_tcb": tcb(0x1F0),
            "launch_mit_vector": u(0x1F8, 8) if u(0, 4) >= 5 else None, "current_mit_vector": u(0x200, 8) if u(0, 4) >= 5 else None,
            "signature": {"r": b(0x2A0, 72), "s": b(0x2E8, 72)}}


def snp_chain(table):
    kinds = {"63da758d-e664-4564-adc5-f4b93be8accd": "VCEK", "4ab7b379-bbac-4fe4-a02f-05aef327c782": "ASK", "c0b406a4-a803-4952-9743-3fb6014cd0ae": "ARK"}
    chain = []
    for at in range(0, len(table), 24):
        guid, offset, size = table[at:at + 16], *struct.unpack("<II", table[at + 16:at + 24])
        if not any(guid):
            break
        name = kinds.get(str(uuid.UUID(bytes=guid))) or kinds.get(str(uuid.UUID(bytes_le=guid)), "Empty")
        chain.append({"cert_type": name, "data": list(table[offset:offset + size])})
    return chain


@pytest.fixture(scope="module", params=["snp", "snp-turin"])
def snp(request, tmp_path_factory):
    s = SnpSimulator(tmp_path_factory.mktemp("snp"), tee=request.param)
    a = Attestd(tmp_path_factory.mktemp("attestd-snp"), s.ready["pcs"], roots=[s.ready["root"]])
    assert a.call("as", "POST", "/as/v1/policies", {"name": "good", "policy": GOOD}, a.token()).status == 201
    k = start(tmp_path_factory.mktemp("kbs-snp"), a)
    assert put(k, "default/key/1").status == 201

    def evidence(data):
        raw = unb64u(s.evidence(data)["evidence"])
        return {"attestation_report": snp_json(raw[:1184], request.param == "snp-turin"), "cert_chain": snp_chain(raw[1184:]) or None}
    k.evidence = evidence
    yield k
    assert k.stop() == (0, 0)
    a.stop()
    s.stop()


def test_a_report_of_amds_is_put_together_again(snp):
    guest = Guest(snp, "snp", snp.evidence)
    assert guest.fetch("default/key/1") == SECRET
    assert snp.audit(limit=1)[0]["tcb"]["tee"] == "snp"


@pytest.mark.parametrize("change", [
    lambda e: e["attestation_report"]["measurement"].__setitem__(0, e["attestation_report"]["measurement"][0] ^ 1),
    lambda e: e["attestation_report"]["measurement"].pop(), lambda e: e["attestation_report"]["measurement"].__setitem__(0, 256),
    lambda e: e["attestation_report"].update({"vmpl": -1}), lambda e: e["attestation_report"].update({"vmpl": 1 << 40}), lambda e: e["attestation_report"].pop("signature"),
    lambda e: e["attestation_report"]["reported_tcb"].update({"microcode": 0}),
    lambda e: e.update({"cert_chain": {}}), lambda e: e.update({"cert_chain": [{"cert_type": "VCEK", "data": [256]}]}), lambda e: e.update({"cert_chain": [{}] * 40}),
])
def test_reports_that_were_changed(snp, change):
    guest = Guest(snp, "snp", snp.evidence)
    guest.auth()
    body = guest.attestation()
    change(body["tee-evidence"]["primary_evidence"])
    refused(guest.call("POST", "attest", body), 401, "AttestationError")


# exchanges of the original, and its sample evidence

VECTORS = json.loads((pathlib.Path(__file__).parent / "coco_vectors.json").read_text())
GOLDEN = pytest.mark.parametrize("golden", VECTORS["vectors"], ids=lambda g: g["key"])


def key_of(golden):
    if "private_pkcs8_der_hex" in golden:
        return TeeKey("RSA", serialization.load_der_private_key(bytes.fromhex(golden["private_pkcs8_der_hex"]), None))
    kind = golden["key"].split("+")[0]
    return TeeKey(kind, ec.derive_private_key(int(golden["private_scalar_hex"], 16), CURVES[kind][0]))


def sample(data):
    return {"svn": "1", "report_data": b64(data[:48])}


@pytest.fixture(scope="module")
def sampled(simulator, tmp_path_factory):
    a = Attestd(tmp_path_factory.mktemp("attestd-sample"), simulator.info["pcs"], roots=[simulator.root], verify__sample_evidence="yes")
    try_out = {"version": "1.0.0", "allOf": [{"claim": "tee", "equals": "sample"}]}
    for name, policy in (("good", GOOD), ("try-out", try_out)):
        assert a.call("as", "POST", "/as/v1/policies", {"name": name, "policy": policy}, a.token()).status == 201
    k = start(tmp_path_factory.mktemp("kbs-sample"), a)
    k.sample_policy = k.make_policy(attestation_types=["sample"], policy_ids=["try-out"], accept_warning=True)["id"]
    assert put(k, "default/key/1", policy=k.sample_policy).status == 201 and put(k, "default/key/2").status == 201
    k.attestd = a
    yield k
    assert k.stop() == (0, 0)
    a.stop()


@GOLDEN
def test_exchanges_of_the_original_are_understood(sampled, golden):
    """Its guest's evidence is judged as its server did; and the client of these tests opens what that answered."""
    sent, answered = json.loads(golden["attest_request"]), json.loads(golden["auth_response"])
    record = {"tee": "sample", "evidence": sent["tee-evidence"]["primary_evidence"]}
    runtime = {"type": "guest", "protocol": "0.4.0", "tenant": "default", "nonce": answered["nonce"], "tee_pubkey": sent["runtime-data"]["tee-pubkey"],
               "additional_evidence": sent["tee-evidence"]["additional_evidence"]}
    asked = {"evidence": ["application/vnd.warder.cc-guest-evidence+json", b64u(json.dumps(record).encode())], "policy_ids": ["try-out"], "runtime_data": runtime}
    r = sampled.attestd.call("as", "POST", "/as/v1/attest", asked)
    assert r.status == 200, r.text
    claims = json.loads(unb64u(r.json["token"].split(".")[1]))
    assert claims["warder"]["claims"]["report_data"] == golden["report_data_sha384_hex"] + "00" * 16
    assert claims["submods"]["tee"]["ear.status"] == "warning" and claims["warder"]["claims"]["debug"] is True
    runtime["nonce"] = b64(bytes(32))
    assert sampled.attestd.call("as", "POST", "/as/v1/attest", asked).status == 403
    assert key_of(golden).open(json.loads(golden["resource_response"])) == bytes.fromhex(VECTORS["secret_hex"])


@GOLDEN
def test_the_original_guest_is_answered_in_kind(sampled, golden):
    """The same requests, but for the nonce and what is bound to it; the same members in the answers, and the header byte for byte in their order."""
    guest, sent = Guest(sampled, "sample", sample, key=key_of(golden)), json.loads(golden["attest_request"])
    r = guest.call("POST", "auth", golden["auth_request"])
    assert r.status == 200 and set(r.json) == set(json.loads(golden["auth_response"]))
    guest.nonce = r.json["nonce"]
    assert {**guest.runtime_data(sent["runtime-data"]["nonce"]), "additional-evidence": ""} == json.loads(golden["hashed_runtime_data"])
    sent["runtime-data"]["nonce"] = guest.nonce
    sent["tee-evidence"]["primary_evidence"] = sample(guest.report_data())
    assert guest.call("POST", "attest", sent).status == 200
    answer, theirs = guest.get("default/key/1"), json.loads(golden["resource_response"])
    assert guest.open(answer) == SECRET and set(answer.json) == set(theirs)
    order = lambda j: [(k, list(v) if isinstance(v, dict) else v) for k, v in json.loads(unb64u(j["protected"])).items()]  # noqa: E731
    assert order(answer.json) == order(theirs)
    refused(guest.get("default/key/2"), 401, "PolicyDeny")  # which is for real machines


def test_samples_where_they_are_not_taken(kbs, sampled, tmp_path):
    guest = Guest(kbs, "sample", sample)
    guest.auth()
    refused(guest.attest(), 401, "AttestationError")
    production = Kbs(tmp_path / "production", attestd=sampled.attestd, keyd="profile = production\n")
    try:
        policy = production.make_policy(attestation_types=["sample"], policy_ids=["try-out"], accept_warning=True)["id"]
        assert put(production, "default/key/1", policy=policy).status == 201
        guest = Guest(production, "sample", sample)
        guest.auth()
        guest.attest()
        refused(guest.get("default/key/1"), 401, "TokenVerifierError")
    finally:
        assert production.stop() == (0, 0)
