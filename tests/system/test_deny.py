# SPDX-License-Identifier: Apache-2.0
"""Deny lists: what the operator refuses although its vendor vouches for it, at releases and at appraisals."""
import json
import sqlite3
import subprocess
import time

import pytest

import attestd_fixture as fixture
import simulator as teesim
from attestd_fixture import Attestd, cmw
from kbs_fixture import ADMIN, Client, Kbs, default_claims, refused
from test_use import User

DENY = ("deny_list:*",)
FMSPC = "00806f050000"


@pytest.fixture(scope="module")
def kbs(tmp_path_factory):
    k = Kbs(tmp_path_factory.mktemp("kbs"))
    yield k
    k.stop()


@pytest.fixture(scope="module")
def key(kbs):
    return kbs.make_key()["key_information"]["id"]


def add(kbs, kind, value, tenant="default", reason="recall", status=201):
    r = kbs.call("POST", "/kbs/v1/deny-list", {"kind": kind, "value": value, "reason": reason}, kbs.token(DENY, tenant=tenant))
    assert r.status == status, r.text
    return r


def remove(kbs, name, tenant="default"):
    return kbs.call("DELETE", f"/kbs/v1/deny-list/{name}", bearer=kbs.token(DENY, tenant=tenant)).status


ROWS = [("fmspc", FMSPC.upper(), {}, f"fmspc:{FMSPC}"), ("family", "00806F", {}, "family:00806f"),
        ("family", "Milan", {"tee": "snp", "product": "Milan", "fmspc": None}, "family:Milan"),
        ("chip", "AB" * 16, {}, f"chip:{'ab' * 16}"), ("chip", "cd" * 64, {"chip_id": "cd" * 64}, f"chip:{'cd' * 64}"),
        ("firmware", "44" * 48, {}, f"firmware:{'44' * 48}"), ("firmware", "1.55.21", {"current_firmware": "1.55.21"}, "firmware:1.55.21"),
        ("advisory", "INTEL-SA-00615", {"advisory_ids": ["INTEL-SA-00001", "INTEL-SA-00615"]}, "advisory:INTEL-SA-00615"),
        ("fmspc", "ffffffffffff", {"tdx.fmspc": "ffffffffffff"}, "fmspc:ffffffffffff")]


@pytest.mark.parametrize("kind,value,claims,name", ROWS, ids=lambda x: str(x)[:24])
def test_a_live_token_does_not_slip_through(kbs, key, kind, value, claims, name):
    """Added between two releases by one token: the second is refused, within the second; taken off, it goes on."""
    client = Client(kbs)
    token = client.attestation_token(claims=default_claims(**claims))
    with_policy = key
    before = client.request(with_policy, client.challenge(with_policy), token)
    assert add(kbs, kind, value).json["id"] == name
    begin = time.time()
    refused(client.request(with_policy, client.challenge(with_policy), token), 403, "platform_denied")
    assert time.time() - begin < 1
    record = kbs.audit(key=with_policy, limit=1)[0]
    assert record["code"] == "platform_denied" and any(c["check"] == "deny_list" and c["expected"] == name for c in record["checks"])
    assert remove(kbs, name) == 204
    after = client.request(with_policy, client.challenge(with_policy), token)
    assert (after.status, after.code_word) == (before.status, before.code_word)


def test_others_are_not_touched(kbs, key):
    add(kbs, "fmspc", "00906ed50000")
    assert Client(kbs).fetch(key)[0].status == 200
    assert remove(kbs, "fmspc:00906ed50000") == 204


def test_changes_are_on_record(kbs):
    add(kbs, "advisory", "INTEL-SA-00999", reason="lab says so")
    add(kbs, "advisory", "INTEL-SA-00999", status=409)
    listed = kbs.call("GET", "/kbs/v1/deny-list", bearer=kbs.token(DENY)).json
    entry = next(e for e in listed["entries"] if e["id"] == "advisory:INTEL-SA-00999")
    assert entry["reason"] == "lab says so" and entry["author"] == "admin"
    assert remove(kbs, "advisory:INTEL-SA-00999") == 204 and remove(kbs, "advisory:INTEL-SA-00999") == 404
    records = {r["action"]: r for r in reversed(kbs.audit(limit=6)) if r["action"].startswith("deny") and r["decision"] == "done"}
    assert records["deny_add"]["deny"]["reason"] == "lab says so" and records["deny_remove"]["deny"]["id"] == "advisory:INTEL-SA-00999"
    assert records["deny_remove"]["subject"] == "admin" and records["deny_remove"]["deny_version"] == records["deny_add"]["deny_version"] + 1


@pytest.mark.parametrize("body", [{}, {"kind": "fmspc", "value": FMSPC}, {"kind": "fmspc", "value": "00", "reason": "x"},
                                  {"kind": "serial", "value": "1", "reason": "x"}, {"kind": "fmspc", "value": FMSPC, "reason": ""},
                                  {"kind": "fmspc", "value": FMSPC, "reason": "x", "more": 1}, {"kind": 1, "value": FMSPC, "reason": "x"}])
def test_malformed_entries(kbs, body):
    refused(kbs.call("POST", "/kbs/v1/deny-list", body, kbs.token(DENY)), 400, "malformed_request")


def test_who_may(kbs):
    body = {"kind": "fmspc", "value": FMSPC, "reason": "x"}
    refused(kbs.call("POST", "/kbs/v1/deny-list", body, kbs.token(ADMIN)), 403, "permission_denied")
    refused(kbs.call("DELETE", f"/kbs/v1/deny-list/fmspc:{FMSPC}", bearer=kbs.token(ADMIN)), 403, "permission_denied")
    refused(kbs.call("GET", "/kbs/v1/deny-list", bearer=kbs.token(ADMIN)), 403, "permission_denied")


def test_tenants(kbs, key):
    """A tenant's list holds for itself; the operator's, tenant default, for all."""
    add(kbs, "fmspc", FMSPC, tenant="other")
    assert Client(kbs).fetch(key)[0].status == 200
    assert kbs.call("GET", "/kbs/v1/deny-list", bearer=kbs.token(DENY)).json["entries"] == []
    assert remove(kbs, f"fmspc:{FMSPC}") == 404 and remove(kbs, f"fmspc:{FMSPC}", tenant="other") == 204


def test_every_broker_that_shares_the_store(tmp_path):
    """Two keyd on one store: what one denies the other refuses within a second, and what one lifts the other gives out again."""
    one = Kbs(tmp_path / "one")
    other = None
    try:
        other = Kbs(tmp_path / "other", aas=one.aas, as_key=one.as_key, keyd_folder=tmp_path / "one/keyd")
        key = one.make_key()["key_information"]["id"]
        for adds, refuses in ((one, other), (other, one)):
            assert Client(refuses).fetch(key)[0].status == 200
            add(adds, "fmspc", FMSPC)
            begin = time.time()
            answer = Client(refuses).fetch(key)[0]
            assert (answer.status, answer.code_word) == (403, "platform_denied") and time.time() - begin < 1
            assert remove(adds, f"fmspc:{FMSPC}") == 204
            assert Client(refuses).fetch(key)[0].status == 200
        # one log of both: no record is lost and the chain holds
        done = [r["action"] for r in other.audit(limit=50) if r["action"].startswith("deny") and r["decision"] == "done"]
        assert sorted(done) == ["deny_add"] * 2 + ["deny_remove"] * 2
    finally:
        codes = [*one.stop(), *(other.stop() if other else ())]
    assert codes == [0] * 4


def test_a_list_that_was_changed_or_taken_away_refuses(tmp_path):
    """Whoever writes to the database can neither lift a denial nor bring back the list of before."""
    k = Kbs(tmp_path)
    try:
        key_id = k.make_key()["key_information"]["id"]
        add(k, "fmspc", "00906ed50000")
        database = k.dir / "keyd/core/keyd.db"
        with sqlite3.connect(database) as db:
            old = db.execute("SELECT * FROM deny_lists").fetchone()
        add(k, "fmspc", FMSPC)
        refused(Client(k).fetch(key_id)[0], 403, "platform_denied")
        with sqlite3.connect(database) as db:
            new = db.execute("SELECT * FROM deny_lists").fetchone()
        for change in ("DELETE FROM deny_lists", "UPDATE deny_lists SET content = '{\"entries\":[]}'", None):
            with sqlite3.connect(database) as db:
                if change:
                    db.execute(change)
                else:
                    db.execute("DELETE FROM deny_lists")
                    db.execute("INSERT INTO deny_lists VALUES (?,?,?,?,?,?)", old)
            refused(Client(k).fetch(key_id)[0], 500, "record_tampered")
            with sqlite3.connect(database) as db:
                db.execute("DELETE FROM deny_lists")
                db.execute("INSERT INTO deny_lists VALUES (?,?,?,?,?,?)", new)
        refused(Client(k).fetch(key_id)[0], 403, "platform_denied")
        # After a restart too.
        k.stop()
        k.start_keyd()
        k.start_kbsd()
        refused(Client(k).fetch(key_id)[0], 403, "platform_denied")
    finally:
        k.stop()


# --- the attestation service, and the command line over both

@pytest.fixture(scope="module")
def system(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deny")
    s = teesim.Simulator(folder / "teesim")
    policy = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": False}]}
    a = Attestd(folder / "attestd", s.ready["pcs"], roots=[s.ready["root"]])
    r = a.call("as", "POST", "/as/v1/policies", {"name": "any", "policy": policy}, bearer=a.token())
    assert r.status == 201
    k = Kbs(folder / "kbs", attestd=a, aas=a.aas)
    yield s, a, k
    k.stop()
    a.stop()
    s.stop()


def attest(system):
    simulated, a, _ = system
    path = simulated.dir / "quote-deny"
    subprocess.run([fixture.TEESIM, "quote", "--dir", simulated.dir, "--tee", "tdx4", "-o", path], check=True)
    return a.call("as", "POST", "/as/v1/attest", {"evidence": cmw(path.read_bytes()), "policy_ids": ["any"]})


def cli(system, *arguments, status=0):
    _, a, k = system
    token, config = a.dir / "cli-token", a.dir / "cli.conf"
    now = int(time.time())
    token.write_text(a.token(permissions=[{"service": s, "context": "", "rules": ["*:*:*"]} for s in ("KBS", "AS", "TCS")], iat=now))
    token.chmod(0o600)
    ca = a.dir / "both.pem"
    ca.write_text((a.dir / "attestd.pem").read_text() + (k.dir / "attestd.pem").read_text())
    config.write_text(f"[services]\nkbs = https://localhost:{k.port}\nas = https://localhost:{a.ports['as']}\n"
                      f"tcs = https://localhost:{a.ports['tcs']}\n[tls]\nca = {ca}\n[login]\ntoken_file = {token}\n")
    done = subprocess.run([teesim.WARDER, *arguments, "--config", config], text=True, capture_output=True, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_command_line(system):
    """One command: appraisals and releases are refused at once; what it touches is named; one more lets them through."""
    _, a, k = system
    name = f"fmspc:{fixture.SIM_FMSPC.lower()}"
    key_id = k.make_key(policy=k.make_policy(name="any", policy_ids=["any"], attestation_types=["tdx"])["id"])["key_information"]["id"]
    assert attest(system).status == 200
    assert f"Denied: {name}" in cli(system, "deny", "add", "fmspc", fixture.SIM_FMSPC, "--reason", "recall")
    r = attest(system)
    assert (r.status, r.json["code"]) == (403, "platform_denied"), r.text
    assert r.json["checks"][0] == {"check": "deny_list", "clause": "deny list of the attestation service", "detail": name}
    header, claims = fixture.verify_jwt(r.json["refusal"], json.loads((a.dir / "as-jwks.json").read_text()))
    assert header["typ"] == "warder-refusal+jwt" and "cnf" not in claims
    listed = cli(system, "deny", "list")
    assert fixture.SIM_FMSPC.lower() in listed and "kbs, as" in listed and "recall" in listed
    affected = json.loads(cli(system, "deny", "affected", "-o", "json"))
    assert affected["platforms"][0]["entry"] == name and affected["keys"] == [] and key_id
    cli(system, "deny", "add", "fmspc", fixture.SIM_FMSPC, "--reason", "again", status=1)
    cli(system, "deny", "add", "fmspc", "00", "--reason", "x", status=2)
    cli(system, "deny", "add", "fmspc", FMSPC, status=2)
    assert "No longer denied" in cli(system, "deny", "remove", "fmspc", fixture.SIM_FMSPC)
    assert attest(system).status == 200 and "recall" not in cli(system, "deny", "list")


@pytest.mark.parametrize("kind", ["fmspc", "family", "chip"])
def test_drill_for_a_lost_root_of_trust(system, kind):  # L54; L17: the policy "any" does not outweigh it, by any way to ask
    """A family, an FMSPC or a chip is denied by one command: everything that decides refuses within a second of it, also what was
    allowed before; the audit log says so, and what went to such platforms before is named."""
    simulated, a, k = system
    k.drills = getattr(k, "drills", None) or k.make_policy(name="drill", policy_ids=["any"], attestation_types=["tdx"])["id"]
    key_id = k.make_key(policy=k.drills)["key_information"]["id"]
    client, challenge = Client(k), None

    def quote():
        nonlocal challenge
        challenge = client.challenge(key_id)
        path = simulated.dir / "quote-drill"
        subprocess.run([fixture.TEESIM, "quote", "--dir", simulated.dir, "--tee", "tdx4", "--report-data", client.report_data(challenge).hex(), "-o", path], check=True)
        return path.read_bytes()

    evidence = quote()
    released = client.request(key_id, challenge, evidence=cmw(evidence))
    assert released.status == 200, released.text
    token = released.json["attestation_token"]
    claims = a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(evidence)}).json["claims"]
    value = {"fmspc": claims["fmspc"], "family": claims["fmspc"][:6], "chip": claims["ppid"]}[kind]
    evidence, again = quote(), client.challenge(key_id)
    cli(system, "deny", "add", kind, value, "--reason", "root of trust lost")
    begin = time.time()
    refused(client.request(key_id, again, token), 403, "platform_denied")
    assert client.request(key_id, challenge, evidence=cmw(evidence)).status == 403
    assert verdict(a, evidence)[0] == "refused"
    r = a.call("as", "POST", "/as/v1/attest", {"evidence": cmw(evidence), "policy_ids": ["any"]})
    assert (r.status, r.json["code"]) == (403, "platform_denied")
    assert time.time() - begin < 1
    by_token = next(x for x in k.audit(key=key_id, limit=2) if x["code"] == "platform_denied")
    assert any(c["check"] == "deny_list" and c["expected"] == f"{kind}:{value}" for c in by_token["checks"])
    assert [x["decision"] for x in k.audit(key=key_id, limit=3)[:2]] == ["refused", "refused"]
    affected = json.loads(cli(system, "deny", "affected", "-o", "json"))
    assert {"id": key_id, "decision": "released"} in affected["keys"]
    assert any(x["key_id"] == key_id and x["decision"] == "released" and x["entry"] == f"{kind}:{value}" for x in affected["releases"])
    cli(system, "deny", "remove", kind, value)
    assert client.request(key_id, client.challenge(key_id), token).status == 200


def verdict(service, quote):
    r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)})
    assert r.status == 200, r.text
    return r.json["verdict"], r.json["reason"], next(c for c in r.json["checks"] if c["check"] == "deny_list")


@pytest.mark.parametrize("kind,value", [("fmspc", fixture.SIM_FMSPC), ("family", fixture.SIM_FMSPC[:6]), ("chip", None), ("firmware", None)])
def test_verdicts_are_refused_too(system, kind, value):
    """qvs refuses what the operator denies, by a check of its own, from the very next request on; a tenant's list is not its."""
    simulated, a, _ = system
    path = simulated.dir / "quote-verdict"
    subprocess.run([fixture.TEESIM, "quote", "--dir", simulated.dir, "--tee", "tdx4", "-o", path], check=True)
    quote = path.read_bytes()
    clause = "deny list of the attestation service"
    good = ("verified", "", {"check": "deny_list", "outcome": "passed", "clause": clause})
    assert verdict(a, quote) == good
    claims = a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)}).json["claims"]
    body = {"kind": kind, "value": value or claims[{"chip": "ppid", "firmware": "mrseam"}[kind]], "reason": "recall"}
    theirs, ours = a.token(DENY, tenant="other"), a.token(DENY)
    name = a.call("as", "POST", "/as/v1/deny-list", body, bearer=theirs).json["id"]
    assert verdict(a, quote) == good
    assert a.call("as", "POST", "/as/v1/deny-list", body, bearer=ours).status == 201
    begin = time.time()
    said = verdict(a, quote)
    assert time.time() - begin < 1
    assert said == ("refused", "the platform is on the deny list", {"check": "deny_list", "outcome": "failed", "clause": clause, "detail": name})
    # What is refused anyway keeps its reason.
    broken = bytearray(quote)
    broken[48 + 520] ^= 1
    assert verdict(a, bytes(broken))[:2] not in (good[:2], said[:2]) and verdict(a, bytes(broken))[2]["outcome"] != "passed"
    for bearer in (theirs, ours):
        assert a.call("as", "DELETE", f"/as/v1/deny-list/{name}", bearer=bearer).status == 204
    assert verdict(a, quote) == good


def test_a_verifier_alone_reads_the_shared_list(system, tmp_path):
    """Without the role as here: its store is read all the same, and nothing is decided when it cannot be."""
    simulated, _, _ = system
    shared = tmp_path / "deny.db"
    one = Attestd(tmp_path / "one", simulated.ready["pcs"], roots=[simulated.ready["root"]], as__deny_store=f"sqlite:{shared}")
    alone = Attestd(tmp_path / "alone", simulated.ready["pcs"], roots=[simulated.ready["root"]], roles=("tcs", "qvs"), as__deny_store=f"sqlite:{shared}")
    path = simulated.dir / "quote-alone"
    subprocess.run([fixture.TEESIM, "quote", "--dir", simulated.dir, "--tee", "tdx4", "-o", path], check=True)
    quote = path.read_bytes()
    assert verdict(alone, quote)[0] == "verified"
    body = {"kind": "fmspc", "value": fixture.SIM_FMSPC, "reason": "recall"}
    assert one.call("as", "POST", "/as/v1/deny-list", body, bearer=one.token(DENY)).status == 201
    assert verdict(alone, quote)[2]["outcome"] == "failed"
    with sqlite3.connect(shared) as db:
        db.execute("DROP TABLE denial")
    r = alone.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)})
    assert (r.status, r.json["code"]) == (503, "deny_list_unavailable")
    assert [x.stop() for x in (alone, one)] == [0, 0]


def test_every_instance_that_shares_the_store(system, tmp_path):
    """Added at one, refused at the other within a second; a list that cannot be read refuses everything."""
    simulated, a, _ = system
    shared = tmp_path / "deny.db"
    one, other = (Attestd(tmp_path / name, simulated.ready["pcs"], roots=[simulated.ready["root"]], as__deny_store=f"sqlite:{shared}")
                  for name in "ab")
    for service in (one, other):
        policy = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": False}]}
        assert service.call("as", "POST", "/as/v1/policies", {"name": "any", "policy": policy}, bearer=service.token()).status == 201
    assert attest((simulated, other, None)).status == 200
    body = {"kind": "family", "value": fixture.SIM_FMSPC[:6], "reason": "recall"}
    r = one.call("as", "POST", "/as/v1/deny-list", body, bearer=one.token(DENY))
    begin = time.time()
    assert r.status == 201 and attest((simulated, other, None)).json["code"] == "platform_denied" and time.time() - begin < 1
    name = r.json["id"]
    assert other.call("as", "DELETE", f"/as/v1/deny-list/{name}", bearer=other.token(("policies:*",))).status == 403
    assert other.call("as", "DELETE", f"/as/v1/deny-list/{name}", bearer=other.token(DENY)).status == 204
    assert attest((simulated, one, None)).status == 200
    with sqlite3.connect(shared) as db:  # who took it out, and when, stays
        assert db.execute("SELECT removed_by FROM denial").fetchall() == [("tester",)]
        db.execute("DROP TABLE denial")
    for service in (one, other):
        r = attest((simulated, service, None))
        assert (r.status, r.json["code"]) == (503, "deny_list_unavailable")
        assert service.stop() == 0


def test_affected_releases(kbs, key, tmp_path):
    """From the audit log: releases to such platforms, uses for them, and of which keys."""
    assert Client(kbs).fetch(key)[0].status == 200
    stays = kbs.make_key({"algorithm": "EC", "curve_type": "secp256r1"}, kbs.make_policy(use=["sign"])["id"])["key_information"]["id"]
    User(kbs).done(stays, {"name": "describe"})
    a = Attestd(tmp_path / "a", "", roles=("as", "tcs"))
    a.aas = kbs.aas
    (a.dir / "aas-jwks.json").write_text(json.dumps(kbs.aas.jwks()))
    time.sleep(1.1)
    system = (None, a, kbs)
    cli(system, "deny", "add", "fmspc", FMSPC, "--reason", "recall")
    affected = json.loads(cli(system, "deny", "affected", "-o", "json"))
    assert {"id": key, "decision": "released"} in affected["keys"] and {"id": stays, "decision": "used"} in affected["keys"]
    assert any(r["key_id"] == key and r["decision"] == "released" and r["entry"] == f"fmspc:{FMSPC}" for r in affected["releases"])
    text = cli(system, "deny", "affected")
    assert key in text and stays in text
    cli(system, "deny", "remove", "fmspc", FMSPC)
    assert a.stop() == 0
