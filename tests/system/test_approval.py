# SPDX-License-Identifier: Apache-2.0
"""Changes that need a second person: asked for, approved, rejected, expired; who did what is on record."""
import concurrent.futures
import json
import os
import sqlite3
import subprocess
import uuid

import pytest

from kbs_fixture import BUILD, Client, Kbs, kbs, refused  # noqa: F401

pytestmark = pytest.mark.sanitize
POLICIES, PENDING = "/kbs/v1/key-transfer-policies/", "/kbs/v1/pending-changes"


def author(kbs, subject="anna"):
    return kbs.token(subject=subject)


def approver(kbs, subject="bert", rules=("changes:*",), **more):
    return kbs.token(rules=rules, subject=subject, **more)


def ask_for(kbs, method, path, body=None, **who):
    r = kbs.call(method, path, body, author(kbs, **who))
    assert r.status == 202, r.text
    return r.json["pending"]


def decide(kbs, pending, how, bearer, body=None):
    return kbs.call("POST", f"{PENDING}/{pending['id']}/{how}", body, bearer)


def lowered(kbs, name, level="observe"):
    p = kbs.make_policy(name=name)
    return p, ask_for(kbs, "PUT", POLICIES + p["id"], {"name": name, "attestation": level})


def test_a_lowered_level_waits_for_a_second_person(kbs):
    p, pending = lowered(kbs, "lowered")
    key_id = kbs.make_key(policy=p["id"])["key_information"]["id"]
    fetcher = kbs.token(rules=["keys:transfer"], subject="web")
    fetch = lambda: (lambda c: c.request(key_id, c.challenge(key_id, fetcher), bearer=fetcher))(Client(kbs))  # noqa: E731
    refused(fetch(), 403, "attestation_required")  # nothing has changed yet
    assert (pending["author"], pending["action"], pending["target_id"], pending["target_version"]) == ("anna", "policy_update", p["id"], 1)
    assert pending["request"] == {"name": "lowered", "attestation": "observe"} and pending["target_name"] == "lowered"
    assert pending["expires_at"] > pending["created_at"]
    assert pending in kbs.call("GET", PENDING, bearer=approver(kbs)).json
    assert kbs.call("GET", f"{PENDING}/{pending['id']}", bearer=approver(kbs)).json == pending
    r = decide(kbs, pending, "approve", approver(kbs))
    assert r.status == 200 and r.json["approved_by"] == "bert" and r.json["result"]["version"] == 2
    assert fetch().status == 200
    refused(decide(kbs, pending, "approve", approver(kbs)), 404, "pending_change_not_found")
    records = {r["action"] + " " + r["decision"]: r for r in kbs.audit(limit=20) if r.get("pending_id") == pending["id"] or r["id"] == pending["id"]}
    asked, done, approved = records["policy_update pending"], records["policy_update done"], records["change_approve done"]
    assert (asked["subject"], asked["policy_id"]) == ("anna", p["id"])
    assert (done["subject"], done["approved_by"], done["policy_version"]) == ("anna", "bert", 2)
    assert (approved["subject"], approved["change"]["author"], approved["id"]) == ("bert", "anna", pending["id"])


def test_raising_needs_nobody(kbs):
    p = kbs.make_policy(name="raised", attestation="none")
    for level in ("observe", "require"):
        assert kbs.call("PUT", POLICIES + p["id"], {"name": "raised", "attestation": level}, author(kbs)).status == 200
    for level in ("observe", "none"):
        assert kbs.call("PUT", POLICIES + p["id"], {"name": "raised", "attestation": level}, author(kbs)).status == 202


def test_keys_in_place_of_their_use(kbs):
    p = kbs.make_policy(name="stays", use=["sign"])
    assert kbs.call("PUT", POLICIES + p["id"], {"name": "stays", "use": ["sign", "decrypt"]}, author(kbs)).status == 200
    assert kbs.call("PUT", POLICIES + p["id"], {"name": "stays"}, author(kbs)).status == 202


def test_another_person_with_the_permission(kbs):
    _, pending = lowered(kbs, "persons")
    refused(decide(kbs, pending, "approve", approver(kbs, subject="anna")), 403, "approver_is_author")
    refused(decide(kbs, pending, "approve", approver(kbs, subject="ANNA")), 403, "approver_is_author")
    refused(decide(kbs, pending, "approve", approver(kbs, rules=("key_transfer_policies:*", "changes:search", "changes:reject"))), 403, "permission_denied")
    refused(decide(kbs, pending, "reject", approver(kbs, rules=("changes:approve",))), 403, "permission_denied")
    refused(decide(kbs, pending, "approve", approver(kbs, tenant="other")), 404, "pending_change_not_found")
    refused(kbs.call("GET", PENDING, bearer=kbs.token()), 403, "permission_denied")
    assert kbs.call("GET", PENDING, bearer=approver(kbs, tenant="other")).json == []
    assert decide(kbs, pending, "approve", None).status == 401
    assert decide(kbs, pending, "approve", approver(kbs, exp=1000)).code_word == "token_expired"
    refusals = [r for r in kbs.audit(limit=20) if r["action"] == "change_approve" and r["decision"] == "refused"]
    assert {r["code"] for r in refusals if r["pending_id"] == pending["id"]} >= {"approver_is_author", "permission_denied"}
    assert decide(kbs, pending, "approve", approver(kbs)).status == 200


def test_rejected_and_taken_back(kbs):
    p, pending = lowered(kbs, "rejected")
    assert decide(kbs, pending, "reject", approver(kbs), {"reason": "no"}).status == 204
    refused(decide(kbs, pending, "approve", approver(kbs)), 404, "pending_change_not_found")
    record = next(r for r in kbs.audit(limit=5) if r["id"] == pending["id"])
    assert (record["action"], record["subject"], record["reason"], record["change"]["author"]) == ("change_reject", "bert", "no", "anna")
    again = ask_for(kbs, "PUT", POLICIES + p["id"], {"name": "rejected", "attestation": "none"})
    assert decide(kbs, again, "reject", approver(kbs, subject="anna")).status == 204
    assert kbs.call("GET", POLICIES + p["id"], bearer=kbs.token()).json["version"] == 1
    refused(decide(kbs, {"id": str(uuid.uuid4())}, "reject", approver(kbs)), 404, "pending_change_not_found")


@pytest.mark.parametrize("body", [{"reason": 1}, {"reason": "x" * 513}, {"more": "x"}, []], ids=lambda b: str(b)[:16])
def test_malformed_decisions(kbs, body):
    _, pending = lowered(kbs, "malformed-" + uuid.uuid4().hex[:8])
    for how in ("approve", "reject"):
        refused(decide(kbs, pending, how, approver(kbs), body), 400, "malformed_request")
    assert decide(kbs, pending, "reject", approver(kbs), {"reason": "x" * 512}).status == 204


def test_what_changed_meanwhile_is_not_changed_blindly(kbs):
    p, pending = lowered(kbs, "meanwhile")
    assert kbs.call("PUT", POLICIES + p["id"], {"name": "meanwhile", "lease_minutes": 5}, author(kbs)).status == 200
    refused(decide(kbs, pending, "approve", approver(kbs)), 409, "changed_meanwhile")
    assert kbs.call("GET", POLICIES + p["id"], bearer=kbs.token()).json["version"] == 2
    assert decide(kbs, pending, "reject", approver(kbs)).status == 204


def test_marked_policies(kbs):
    p = kbs.make_policy(name="marked", four_eyes=True)
    pending = ask_for(kbs, "PUT", POLICIES + "marked", {"name": "marked", "lease_minutes": 1})
    assert decide(kbs, pending, "approve", approver(kbs)).status == 200
    assert kbs.call("GET", POLICIES + p["id"], bearer=kbs.token()).json.get("four_eyes") is None
    assert kbs.call("PUT", POLICIES + p["id"], {"name": "marked", "four_eyes": True}, author(kbs)).status == 200  # marking is free
    gone = ask_for(kbs, "DELETE", POLICIES + p["id"])
    assert kbs.call("GET", POLICIES + p["id"], bearer=kbs.token()).status == 200
    assert decide(kbs, gone, "approve", approver(kbs)).status == 200
    refused(kbs.call("GET", POLICIES + p["id"], bearer=kbs.token()), 404, "policy_not_found")


def test_a_malformed_change_is_refused_at_once(kbs):
    p = kbs.make_policy(name="strict", four_eyes=True)
    refused(kbs.call("PUT", POLICIES + p["id"], {"name": "strict", "surprise": 1}, author(kbs)), 400, "malformed_policy")
    refused(kbs.call("PUT", POLICIES + p["id"], {"name": "strict"}, kbs.token(rules=["keys:*"])), 403, "permission_denied")


def test_marked_keys(kbs):
    key = kbs.make_key(four_eyes=True)
    key_id = key["key_information"]["id"]
    assert key["four_eyes"] is True
    path = f"/kbs/v1/keys/{key_id}"
    rotate = ask_for(kbs, "POST", path + "/rotate", {})
    refused(kbs.call("POST", path + "/rotate", {"key_string": "AAAA"}, author(kbs)), 400, "wrapped_import_required")  # it would be kept so
    assert decide(kbs, rotate, "approve", approver(kbs)).json["result"]["version"] == 2
    assert kbs.call("POST", path + "/disable", {}, author(kbs)).status == 200  # stopping a theft is one person's
    enable = ask_for(kbs, "POST", path + "/enable", {})
    assert decide(kbs, enable, "approve", approver(kbs)).status == 200
    gone = ask_for(kbs, "DELETE", path)
    assert Client(kbs).fetch(key_id)[0].status == 200
    assert decide(kbs, gone, "approve", approver(kbs)).status == 200
    refused(kbs.call("GET", path, bearer=kbs.token()), 404, "key_not_found")
    assert [r["action"] for r in kbs.audit(key=key_id, limit=2) if r["decision"] == "done"][:1] == ["key_delete"]


def test_approved_once_by_many(kbs):
    _, pending = lowered(kbs, "once")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: decide(kbs, pending, "approve", approver(kbs, subject=f"b{n}")), range(8)))
    assert sum(r.status == 200 for r in answers) == 1
    assert {r.code_word for r in answers} <= {None, "pending_change_not_found", "changed_meanwhile"}


def test_how_many_wait(tmp_path):
    k = Kbs(tmp_path / "kbs")
    try:
        p = k.make_policy(name="many", four_eyes=True)
        connection, bearer = k.connection(), author(k)
        for _ in range(200):
            assert k.call("PUT", POLICIES + p["id"], {"name": "many"}, bearer, connection=connection).status == 202
        refused(k.call("PUT", POLICIES + p["id"], {"name": "many"}, bearer), 409, "too_many_pending_changes")
        other = k.call("POST", POLICIES[:-1], {"name": "other", "four_eyes": True}, k.token(tenant="other")).json
        assert k.call("PUT", POLICIES + other["id"], {"name": "other"}, k.token(tenant="other")).status == 202
    finally:
        k.stop()


def test_expired_and_restored(tmp_path):
    """A row that was changed approves nothing, one from an older copy not twice, and an hour is an hour."""
    k = Kbs(tmp_path / "kbs", keyd="approval_hours = 1\n")
    try:
        p, pending = lowered(k, "restored")
        with sqlite3.connect(k.dir / "keyd/core/keyd.db", timeout=20) as db:
            row = db.execute("SELECT * FROM pending_changes").fetchone()
            content = json.loads(row[4])
            assert 3590 < content["expires"] - db.execute("SELECT strftime('%s','now')+0").fetchone()[0] <= 3600
            forged = json.dumps({**content, "author": "zoe"}, sort_keys=True, separators=(",", ":"))
            db.execute("UPDATE pending_changes SET content = ?", [forged])
        refused(decide(k, pending, "approve", approver(k)), 500, "record_tampered")
        with sqlite3.connect(k.dir / "keyd/core/keyd.db", timeout=20) as db:
            db.execute("UPDATE pending_changes SET content = ?", [row[4]])
        assert decide(k, pending, "reject", approver(k)).status == 204
        with sqlite3.connect(k.dir / "keyd/core/keyd.db", timeout=20) as db:
            db.execute("INSERT INTO pending_changes VALUES (?,?,?,?,?,?)", row)
        refused(decide(k, pending, "approve", approver(k)), 409, "changed_meanwhile")
        assert k.call("GET", POLICIES + p["id"], bearer=k.token()).json["version"] == 1
    finally:
        k.stop()


def test_from_the_command_line(kbs, tmp_path):
    p = kbs.make_policy(name="by-hand")

    def warder(who, *arguments, code=0):
        token = tmp_path / "token"
        token.touch(mode=0o600)
        token.write_text(who)
        (tmp_path / "cli.conf").write_text(f"[services]\nkbs = https://localhost:{kbs.port}\n[tls]\nca = {kbs.dir}/attestd.pem\n"
                                           f"[login]\ntoken_file = {token}\n")
        r = subprocess.run([BUILD / "programs/cli/warder", *arguments, "--config", tmp_path / "cli.conf"], capture_output=True, text=True,
                           timeout=60, env={**os.environ, "HOME": str(tmp_path)})
        assert r.returncode == code, r.stdout + r.stderr
        return r
    (tmp_path / "p.json").write_text(json.dumps({"name": "by-hand", "attestation": "observe"}))
    told = warder(author(kbs), "policy", "update", p["id"], "--file", tmp_path / "p.json")
    assert "warder policy approve" in told.stderr
    rows = json.loads(warder(approver(kbs), "policy", "pending", "-o", "json").stdout)
    pending = next(r for r in rows if r["target_name"] == "by-hand")
    assert pending["id"] in warder(approver(kbs), "policy", "pending").stdout
    assert "somebody else" in warder(approver(kbs, subject="anna"), "policy", "approve", pending["id"], code=3).stderr
    assert "bert" in warder(approver(kbs), "policy", "approve", pending["id"]).stdout
    again = ask_for(kbs, "PUT", POLICIES + p["id"], {"name": "by-hand", "attestation": "none"})
    assert "rejected" in warder(approver(kbs), "policy", "reject", again["id"], "--reason", "never").stdout
    warder(approver(kbs), "policy", "approve", "../keys", code=2)
