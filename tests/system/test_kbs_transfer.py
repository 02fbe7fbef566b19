# SPDX-License-Identifier: Apache-2.0
"""Key transfers as clients, thieves and strangers try them, and what is on record of each."""
import base64
import concurrent.futures
import json
import os
import sqlite3
import subprocess
import time

import pytest

import dev_system
from attestd_fixture import Key
from kbs_fixture import BODY, KEYD, Client, Kbs, default_claims, jwe_open, key, kbs, refused, stop  # noqa: F401

pytestmark = pytest.mark.sanitize


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
    assert c["attestation"] == "require" and set(c["attestation_types"]) == {"sgx", "tdx", "snp"} and c["policy_ids"] == ["default"]
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


def test_sessions_and_kinds_of_tee_that_the_broker_bounds(tmp_path):
    k = Kbs(tmp_path, keyd="attestation_types = tdx  tpm\nsession_minutes = 2\n")
    try:
        policy = k.make_policy(name="any", attestation_types=["sgx", "tdx"])["id"]
        key_id = k.make_key(policy=policy)["key_information"]["id"]
        client = Client(k)
        challenge = client.challenge(key_id)
        assert challenge["attestation_types"] == ["tdx"]  # what both name
        now = int(time.time())
        for age, status in ((60, 200), (119, 200), (121, 403)):
            token = client.attestation_token(challenge="an older one", iat=now - age, nbf=now - age)
            r = client.request(key_id, client.challenge(key_id), token)
            assert r.status == status, (age, r.text)
        assert r.code_word == "attestation_token_invalid"
        assert "session" in k.audit(limit=1)[0]["reason"]
        sgx = client.attestation_token(challenge=challenge["challenge"], claims=default_claims(tee="sgx"))
        refused(client.request(key_id, challenge, sgx), 403, "attestation_token_invalid")
        assert "kind of TEE" in k.audit(limit=1)[0]["reason"]
    finally:
        k.stop()


def test_settings_of_sessions_that_keyd_refuses(tmp_path):
    k = Kbs(tmp_path)
    k.stop()
    config = (tmp_path / "keyd.conf").read_text()
    for line, why in (("session_minutes = 1441", "session_minutes is 0 to 1440"), ("attestation_types = sgx,tdx", "between spaces")):
        (tmp_path / "keyd.conf").write_text(config.replace("[keyd]\n", f"[keyd]\n{line}\n", 1))
        done = subprocess.run([KEYD, "--config", tmp_path / "keyd.conf"], capture_output=True, text=True, timeout=30)
        assert done.returncode == 1 and why in done.stderr


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


def test_the_file_of_the_audit_log_is_followed(kbs, key, tmp_path):
    """L25: by anybody who has the file; a changed, missing or moved record shows, and where."""
    for _ in range(3):
        Client(kbs).fetch(key)
    lines = (kbs.dir / "keyd/audit.log").read_text().splitlines(True)

    def verify(text, status):
        path = tmp_path / "audit.log"
        path.write_text(text)
        done = subprocess.run([dev_system.WARDER, "audit", "verify", path, "-o", "json"], text=True, capture_output=True, timeout=60)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)

    good = verify("".join(lines), 0)
    last = json.loads(lines[-1])
    assert good == {"good": True, "records": len(lines), "first": 1, "last": len(lines), "hash": last["hash"]}
    assert kbs.audit(limit=1)[0]["hash"] == last["hash"]
    assert verify("".join(lines[2:]), 0)["first"] == 3
    assert verify("", 0) == {"good": True, "records": 0}
    at = len(lines) - 2
    broken = {"good": False, "records": at, "broken_line": at + 1}
    assert '"decision":"released"' in lines[at]
    assert verify("".join([*lines[:at], lines[at].replace('"decision":"released"', '"decision":"refused"'), lines[-1]]), 1) == broken
    assert verify("".join([*lines[:at], lines[-1]]), 1) == broken
    assert verify("".join([*lines[:at], lines[-1], lines[at]]), 1) == broken
    assert verify("".join(lines)[:-3], 1)["broken_line"] == len(lines)


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
