# SPDX-License-Identifier: Apache-2.0
"""What would happen and why: trials of a key's policy, replays of recorded requests, and the explanation of each refusal."""
import uuid

import pytest

from kbs_fixture import Client, default_claims, kbs, refused  # noqa: F401
from test_transfer_policies import client_certificate, key_under, rfc3339

pytestmark = pytest.mark.sanitize
MRTD = {"version": "1.0.0", "allOf": [{"claim": "mrtd", "equals": "aa" * 48}, {"claim": "seamsvn", "min": 5}]}
TESTER = ("key_transfer_policies:test",)


def trial(kbs, key_id, rules=TESTER, **body):
    return kbs.call("POST", f"/kbs/v1/keys/{key_id}/policy-test", body, kbs.token(rules=rules, subject="author"))


def tried(kbs, key_id, **body):
    r = trial(kbs, key_id, **body)
    assert r.status == 200, r.text
    return r.json


def rules(answer):
    return [c["rule"] for c in answer["smallest_change"]]


def last(kbs, key_id):
    return kbs.audit(key=key_id, limit=1)[0]


def test_nothing_is_released_counted_or_spent(kbs):
    key_id = key_under(kbs, max_releases=1, lease_minutes=5)
    for _ in range(3):
        assert tried(kbs, key_id, claims=default_claims())["decision"] == "released"
    record = last(kbs, key_id)
    assert (record["action"], record["decision"], record["trial"], record["subject"]) == ("policy_test", "done", "ok", "author")
    assert not any(r["action"] == "release" for r in kbs.audit(key=key_id))
    assert Client(kbs).fetch(key_id)[0].status == 200
    answer = tried(kbs, key_id, claims=default_claims())
    assert (answer["decision"], answer["code"], rules(answer)) == ("refused", "releases_exhausted", ["max_releases"])
    assert answer["smallest_change"][0]["expected"] == 1 and answer["smallest_change"][0]["actual"] == 1


def test_explanation_names_rule_claim_expected_and_actual(kbs):
    key_id = key_under(kbs, conditions=MRTD)
    answer = tried(kbs, key_id, claims=default_claims(mrtd="bb" * 48))
    assert answer["code"] == "policy_refused" and "mrtd" in answer["reason"]
    change = answer["smallest_change"]
    assert len(change) == 1 and "mrtd" in change[0].pop("needed")
    assert change[0] == {"rule": "conditions.allOf[0]", "claim": "mrtd", "operator": "equals", "expected": "aa" * 48, "actual": "bb" * 48}
    assert Client(kbs).fetch(key_id, claims=default_claims(mrtd="bb" * 48))[0].status == 403
    assert rules(last(kbs, key_id)) == ["conditions.allOf[0]"]


def test_smallest_change_is_of_the_nearest_alternative(kbs):
    any_of = {"version": "1.0.0", "anyOf": [
        {"allOf": [{"claim": "tee", "equals": "tdx"}, {"claim": "mrtd", "equals": "cc" * 48}, {"claim": "rtmr0", "equals": "cc" * 48}]},
        {"allOf": [{"claim": "tee", "equals": "tdx"}, {"claim": "mrtd", "equals": "aa" * 48}, {"claim": "rtmr1", "equals": "cc" * 48}]}]}
    answer = tried(kbs, key_under(kbs, conditions=any_of), claims=default_claims())
    assert rules(answer) == ["conditions.anyOf[1].allOf[2]"] and answer["smallest_change"][0]["claim"] == "rtmr1"


def test_every_failed_part_is_in_it(kbs, tmp_path):
    key_id = key_under(kbs, attestation_types=["sgx"], client_permissions_allof=["nginx"],
                       client_networks_anyof=["192.0.2.0/24"], client_certificate_subject_anyof=["web"], time={"not_after": rfc3339(-5)})
    answer = tried(kbs, key_id, claims=default_claims())
    assert answer["code"] == "policy_refused"
    assert rules(answer) == ["attestation_types", "bearer_token", "client_certificate_subject_anyof", "client_networks_anyof", "time"]
    good = {"permissions": ["nginx", "USA"], "source": "192.0.2.7",
            "certificate": client_certificate(kbs.dir, "web").read_text().split("-----BEGIN PRIVATE")[0]}
    left = tried(kbs, key_id, claims=default_claims(tee="sgx"), client=good, at=rfc3339(-60))
    assert left["decision"] == "released"
    assert rules(tried(kbs, key_id, claims=default_claims(tee="sgx"), client={**good, "permissions": []}, at=rfc3339(-60))) == ["client_permissions_allof"]
    assert rules(tried(kbs, key_id, claims=default_claims(tee="sgx"), client={**good, "source": "198.51.100.1"}, at=rfc3339(-60))) == ["client_networks_anyof"]


def test_levels_without_a_tee(kbs):
    fetcher = {"permissions": []}
    none, observe, require = (tried(kbs, key_under(kbs, attestation=level), client=fetcher) for level in ("none", "observe", "require"))
    assert none["decision"] == "released" and "would_refuse" not in none and "smallest_change" not in none
    assert (observe["decision"], observe["would_refuse"], rules(observe)) == ("released", "attestation_required", ["attested"])
    assert (require["decision"], require["code"], rules(require)) == ("refused", "attestation_required", ["attested"])
    assert rules(tried(kbs, key_under(kbs, attestation="none"))) == ["bearer_token"]


def test_another_policy_in_place_of_the_keys_own(kbs):
    key_id = key_under(kbs, conditions=MRTD)
    other = {"conditions": {"version": "1.0.0", "allOf": [{"claim": "mrtd", "equals": "bb" * 48}]}}
    answer = tried(kbs, key_id, claims=default_claims(mrtd="bb" * 48), policy=other)
    assert answer["decision"] == "released" and "policy_version" not in answer
    refused(trial(kbs, key_id, policy={"max_releases": 0}), 400, "malformed_policy")
    assert Client(kbs).fetch(key_id, claims=default_claims(mrtd="bb" * 48))[0].status == 403


def replay(kbs, key_id, record, **more):
    answer = tried(kbs, key_id, record=record["id"], **more)
    return answer, answer["record"]


@pytest.mark.parametrize("policy,claims,code", [
    ({"conditions": MRTD}, {}, "ok"),
    ({"conditions": MRTD}, {"mrtd": "bb" * 48}, "policy_refused"),
    ({"conditions": MRTD}, {"mrtd": None}, "policy_refused"),
    ({"conditions": {"version": "1.0.0", "allOf": [{"claim": "collateral_oldest", "within_days": 30}]}}, {"collateral_oldest": rfc3339(-99 * 86400)}, "policy_refused"),
    ({"conditions": {"version": "1.0.0", "allOf": [{"claim": "collateral_oldest", "within_days": 30}]}}, {"collateral_oldest": rfc3339(-9 * 86400)}, "ok"),
    ({"attestation_types": ["snp"]}, {}, "policy_refused"),
    ({"attestation": "observe"}, {"tee": "sgx"}, "ok"),
    ({"attestation": "observe", "attestation_types": ["sgx"]}, {}, "ok"),
    ({"client_networks_anyof": ["192.0.2.0/24"]}, {}, "client_refused"),
    ({"client_permissions_allof": ["nginx"]}, {}, "ok"),
    ({"client_permissions_allof": ["other"]}, {}, "client_refused"),
    ({"time": {"not_after": rfc3339(-5)}}, {}, "outside_time_window"),
    ({"max_releases": 1}, {}, "ok"),
])
def test_replay_of_a_recorded_request(kbs, policy, claims, code):
    key_id = key_under(kbs, **policy)
    fetcher = kbs.token(rules=["keys:transfer"], subject="web", permissions=["nginx", "USA"])
    client = Client(kbs)
    client.fetch(key_id, fetcher, claims=default_claims(**claims))
    record = last(kbs, key_id)
    assert record["facts"]["decided"] == code
    answer, then = replay(kbs, key_id, record)
    assert then == {"id": record["id"], "decision": record["decision"], "decided": code, "same_decision": True, "same_policy": True}
    assert answer.get("code", "ok") == code and answer.get("would_refuse") == record.get("would_refuse")
    assert answer["checks"] == record["checks"] and answer.get("smallest_change") == record.get("smallest_change")
    assert answer["at"] == record["time"]


def test_replay_of_a_request_without_a_tee_and_of_a_bad_token(kbs):
    for level in ("require", "observe"):
        key_id = key_under(kbs, attestation=level)
        fetcher = kbs.token(rules=["keys:transfer"], subject="web")
        for make in (lambda c, ch: None, lambda c, ch: c.attestation_token(challenge=ch, tenant="acme")):
            client = Client(kbs)
            challenge = client.challenge(key_id, fetcher)
            client.request(key_id, challenge, make(client, challenge["challenge"]), bearer=fetcher)
            record = last(kbs, key_id)
            answer, then = replay(kbs, key_id, record)
            assert then["same_decision"] and answer["checks"] == record["checks"] and answer["smallest_change"] == record["smallest_change"]
            assert answer.get("reason") == record.get("reason")
            assert len(answer["smallest_change"]) == 1


def test_replay_after_the_policy_changed(kbs):
    policy = kbs.make_policy(name="moving", conditions=MRTD)
    key_id = kbs.make_key(policy=policy["id"])["key_information"]["id"]
    Client(kbs).fetch(key_id)
    record = last(kbs, key_id)
    wider = {"name": "moving", "conditions": {"version": "1.0.0", "allOf": [{"claim": "mrowner", "exists": True}, {"claim": "mrtd", "in": ["cc" * 48]}]}}
    assert kbs.call("PUT", f"/kbs/v1/key-transfer-policies/{policy['id']}", wider, kbs.token()).status == 200
    answer, then = replay(kbs, key_id, record)
    assert not then["same_policy"] and not then["same_decision"] and then["claims_not_recorded"] == ["mrowner"]
    assert answer["code"] == "policy_refused"
    assert replay(kbs, key_id, record, policy={"conditions": MRTD})[1]["same_decision"]


def test_what_cannot_be_replayed(kbs):
    key_id, other = key_under(kbs), key_under(kbs)
    Client(kbs).fetch(key_id)
    record = last(kbs, key_id)
    refused(trial(kbs, other, record=record["id"]), 404, "record_not_found")
    refused(trial(kbs, key_id, record=str(uuid.uuid4())), 404, "record_not_found")
    refused(trial(kbs, key_id, record=""), 404, "record_not_found")
    tried(kbs, key_id, claims=default_claims())
    refused(trial(kbs, key_id, record=last(kbs, key_id)["id"]), 400, "record_not_replayable")
    refused(kbs.call("POST", f"/kbs/v1/keys/{key_id}/policy-test", {"record": record["id"]},
                     kbs.token(rules=TESTER, tenant="acme")), 404, "key_not_found")


@pytest.mark.parametrize("body", [{"surprise": 1}, {"claims": []}, {"claims": {}, "record": "x"}, {"client": []}, {"client": {"surprise": 1}},
                                  {"client": {"permissions": "nginx"}}, {"client": {"permissions": ["a,b"]}}, {"client": {"permissions": [1]}},
                                  {"client": {"permissions": ["p"] * 65}}, {"client": {"certificate": "no PEM"}}, {"client": {"source": 1}},
                                  {"at": "soon"}, {"at": 1}, {"record": "x", "client": {}}])
def test_malformed_trials(kbs, body):
    refused(trial(kbs, key_under(kbs), **body), 400, "malformed_request")


def test_disabled_key_and_denied_platform(kbs):
    key_id = key_under(kbs)
    kbs.call("POST", f"/kbs/v1/keys/{key_id}/disable", {}, kbs.token())
    answer = tried(kbs, key_id, claims=default_claims())
    assert (answer["decision"], answer["code"], answer["checks"]) == ("refused", "key_disabled", [])
    denied = key_under(kbs)
    admin = kbs.token(rules=["deny:*", "deny_list:*", "*:*:*"])
    entry = kbs.call("POST", "/kbs/v1/deny-list", {"kind": "fmspc", "value": "00906f050000", "reason": "test"}, admin)
    assert entry.status == 201, entry.text
    answer = tried(kbs, denied, claims=default_claims(fmspc="00906f050000"))
    assert (answer["code"], rules(answer)) == ("platform_denied", ["deny_list"])
    assert answer["smallest_change"][0]["expected"] == "fmspc:00906f050000"


H32, H48, OTHER48 = "ab" * 32, "cd" * 48, "0d" + "cd" * 47
OLD, NEW = rfc3339(-40 * 86400), rfc3339(-86400)
EVENTS = [{"register": 0, "type": "EV_A", "digest": "aa" * 48}, {"register": 1, "type": "EV_B", "digest": "bb" * 48}]
FAULTS = [  # kind of TEE, claim, its good value, operator, what is asked for, the wrong value (None: absent)
    ("sgx", "mrenclave", H32, "equals", H32, "cd" * 32), ("sgx", "mrsigner", H32, "in", ["00" * 32, H32], "11" * 32),
    ("sgx", "isvprodid", 3, "notEquals", 4, 4), ("sgx", "isvsvn", 5, "min", 5, 4), ("sgx", "isvsvn", 5, "max", 5, 6),
    ("sgx", "configsvn", 2, "less", 3, 3), ("sgx", "configid", "ee" * 64, "exists", True, None), ("sgx", "debug", False, "equals", False, True),
    ("tdx", "mrtd", H48, "equals", H48, OTHER48), ("tdx", "rtmr1", H48, "notIn", [OTHER48], OTHER48), ("tdx", "seamsvn", 5, "greater", 4, 4),
    ("tdx", "seamsvn", 5, "greaterOrEquals", 5, 4), ("tdx", "seamsvn", 5, "lessOrEquals", 5, 6), ("tdx", "rtmr3", H48, "exists", True, None),
    ("tdx", "advisory_ids", ["INTEL-SA-00615"], "subset_of", ["INTEL-SA-00615", "INTEL-SA-00657"], ["INTEL-SA-00615", "INTEL-SA-00999"]),
    ("tdx", "advisory_ids", ["INTEL-SA-00615"], "contains_none", ["INTEL-SA-00999"], ["INTEL-SA-00999"]),
    ("tdx", "advisory_ids", ["INTEL-SA-00615"], "contains_all", ["INTEL-SA-00615"], []),
    ("tdx", "advisory_ids", ["INTEL-SA-00615"], "contains_any", ["INTEL-SA-00615", "INTEL-SA-00657"], ["INTEL-SA-00999"]),
    ("tdx", "advisory_ids", [], "equals", [], ["INTEL-SA-00999"]), ("tdx", "advisory_ids", [], "notEquals", ["INTEL-SA-00999"], ["INTEL-SA-00999"]),
    ("tdx", "tcb_date", NEW, "within_days", 10, OLD), ("tdx", "collateral_oldest", NEW, "greater", OLD, OLD),
    ("tdx", "collateral_oldest", OLD, "less", NEW, NEW), ("tdx", "tcb_status", "UpToDate", "in", ["UpToDate"], "OutOfDate"),
    ("tdx", "sept_ve_disable", True, "equals", True, False), ("tdx", "xfam", "e702060000000000", "equals", "E702060000000000", "e702060000000001"),
    ("snp", "measurement", H48, "in", [H48], OTHER48), ("snp", "vmpl", 0, "equals", 0, 1), ("snp", "guest_svn", 2, "min", 2, 1),
    ("snp", "policy_migrate_ma", False, "notEquals", True, True), ("snp", "product", "Genoa", "notIn", ["Milan"], "Milan"),
    ("snp", "reported_tcb_snp", 22, "min", 22, 21), ("snp", "chip_id", "aa" * 64, "exists", True, None),
    ("snp", "host_data", H32, "equals", H32, "00" * 32), ("snp", "current_firmware", "1.55.21", "equals", "1.55.21", "1.55.20"),
    ("tpm", "ak_trust", "enrolled", "equals", "enrolled", "ek_certificate"), ("tpm", "secure_boot", True, "equals", True, False),
    ("tpm", "pcr_sha256_7", H32, "in", [H32], "11" * 32), ("tpm", "pcr_sha256_4", H32, "exists", True, None),
    ("tpm", "events", EVENTS, "contains_all", [EVENTS[0]], EVENTS[1:]), ("tpm", "events", EVENTS, "contains_none", [{"register": 9}], EVENTS + [{"register": 9, "type": "EV_C"}]),
    ("tpm", "events", EVENTS, "subset_of", EVENTS, EVENTS + [{"register": 9, "type": "EV_C"}]),
    ("azure-vtpm", "hardware", "snp", "equals", "snp", "tdx"), ("azure-vtpm", "snp.measurement", H48, "equals", H48, OTHER48),
    ("azure-vtpm", "tpm.pcr_sha256_7", H32, "in", [H32], "22" * 32), ("azure-vtpm", "snp.vmpl", 0, "less", 1, 1),
    ("bundle", "tdx.mrtd", H48, "in", [H48], OTHER48), ("bundle", "tpm.secure_boot", True, "equals", True, False),
]


def test_planted_faults_through_the_broker(kbs):
    """The whole way: token, refusal, audit record, replay. Thousands more, of genuine claims, are in a unit test."""
    for tee, claim, good, operator, expected, wrong in FAULTS:
        base = {"claim": "root", "equals": "vendor"}
        conditions = {"version": "1.0.0", "anyOf": [{"allOf": [base, {"claim": claim, operator: expected}]}]}
        key_id = key_under(kbs, attestation_types=[tee], conditions=conditions)
        claims = {"tee": tee, "root": "vendor"}
        what = (tee, claim, operator)
        assert Client(kbs).fetch(key_id, claims={**claims, claim: good})[0].status == 200, (what, last(kbs, key_id))
        released = last(kbs, key_id)
        refused(Client(kbs).fetch(key_id, claims={**claims, **({} if wrong is None else {claim: wrong})})[0], 403, "policy_refused")
        record = last(kbs, key_id)
        assert len(record["smallest_change"]) == 1, (what, record)
        change = record["smallest_change"][0]
        assert (change["claim"], change["operator"], change["expected"], change["actual"]) == (claim, operator, expected, wrong), what
        assert change["rule"] == "conditions.anyOf[0].allOf[1]" and claim in record["reason"]
        for before in (released, record):
            answer, then = replay(kbs, key_id, before)
            assert then["same_decision"] and then["same_policy"] and answer["checks"] == before["checks"], what
            assert answer.get("smallest_change") == before.get("smallest_change"), what
