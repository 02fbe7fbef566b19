# SPDX-License-Identifier: Apache-2.0
"""Releases for evidence, appraised by the real attestation service."""

import pytest

from attestd_fixture import Attestd, Key, Simulator, cmw
from kbs_fixture import Client, Kbs, key, kbs, refused, stop  # noqa: F401



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
    record = attested.audit(key=key_id, limit=1)[0]
    assert (record["decision"], record["code"]) == ("refused", "policy_not_found")


def test_attestation_service_down(kbs, key, simulator):  # L33
    client = Client(kbs)
    challenge = client.challenge(key)
    r = client.request(key, challenge, evidence=cmw(simulator.quote(client.report_data(challenge))))
    refused(r, 503, "attestation_service_unavailable")
    assert r.getheader("Retry-After")
    assert client.request(key, challenge, client.attestation_token()).status == 200  # nothing was spent


@pytest.mark.parametrize("tee,kind,mode", [("tdx4", "tdx", "good"), ("sgx3", "sgx", "good"), ("tdx4", "tdx", "debug"), ("tdx4", "tdx", "nonsense")])
def test_trial_of_evidence_decides_as_the_release(attested, simulator, tee, kind, mode):
    client = Client(attested)
    challenge = client.challenge(attested.key)
    quote = simulator.quote(client.report_data(challenge), tee, *([] if mode == "nonsense" else [mode] if mode != "good" else []))
    evidence = cmw(quote, kind) if mode != "nonsense" else ["application/vnd.warder.tdx-quote", "AAAA"]
    r = client.request(attested.key, challenge, evidence=evidence)
    record = attested.audit(key=attested.key, limit=1)[0]
    path = f"/kbs/v1/keys/{attested.key}/policy-test"
    tester = attested.token(rules=["key_transfer_policies:test"])
    tried = attested.call("POST", path, {"evidence": evidence}, tester)
    assert tried.status == 200, tried.text
    assert tried.json["decision"] == ("released" if r.status == 200 else "refused")
    for member in ("code", "reason", "checks", "smallest_change"):
        assert tried.json.get(member) == record.get(member), member
    if mode == "debug":
        change = tried.json["smallest_change"]
        assert [(c["claim"], c["operator"], c["expected"], c["actual"]) for c in change] == [("debug", "equals", False, True)]
        assert change[0]["rule"].startswith("appraisal policy ")
    again = attested.call("POST", path, {"record": record["id"]}, tester)
    assert again.json["record"]["same_decision"] and again.json["checks"] == record["checks"]
    assert again.json.get("smallest_change") == record.get("smallest_change") and again.json.get("reason") == record.get("reason")
