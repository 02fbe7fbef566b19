# SPDX-License-Identifier: Apache-2.0
"""Appraisal policies as their authors see them: the real CLI against the real attestation service."""
import hashlib
import http.server
import json
import os
import sqlite3
import ssl
import subprocess
import threading
import time
import uuid

import pytest

import attestd_fixture as fixture
from attestd_fixture import BUILD, ROOT, Attestd, Key, Simulator, cmw

pytestmark = pytest.mark.sanitize

WARDER = BUILD / "programs/cli/warder"
VECTORS = ROOT / "tests/vectors"
ACCEPTED = "INTEL-SA-00001"


def all_of(*conditions):
    return {"version": "1.0.0", "allOf": list(conditions)}


def equals(claim, value):
    return {"claim": claim, "equals": value}


CONFIGURED = equals("root", "configured")
GOOD = all_of(CONFIGURED, equals("debug", False), equals("tcb_status", "UpToDate"))


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    s = Simulator(tmp_path_factory.mktemp("sim"))
    yield s
    s.close()


@pytest.fixture(scope="module")
def signer():
    return Key()


@pytest.fixture(scope="module")
def service(simulator, signer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("attestd")
    (folder / "bundle-keys.json").write_text(json.dumps(signer.jwks()))
    a = Attestd(folder, simulator.info["pcs"], roots=[simulator.root], as__bundle_keys=folder / "bundle-keys.json",
                as__accepted_advisories=ACCEPTED, as__grace_days=30)
    a.shared = True
    yield a
    assert a.stop() == 0


class Author:
    """Somebody with a token, and `warder` with a configuration of their own."""

    def __init__(self, service, folder, subject="anna"):
        self.folder = folder
        token = folder / f"{subject}.token"
        token.write_text(service.token(rules=("policies:*", "decisions:*"), sub=subject))
        token.chmod(0o600)
        self.config = folder / f"{subject}.conf"
        self.config.write_text(f"[services]\nas = https://127.0.0.1:{service.ports['as']}\n"
                               f"tcs = https://127.0.0.1:{service.ports['tcs']}\n[tls]\nca = {service.dir}/attestd.pem\n"
                               f"[login]\ntoken_file = {token}\n")

    def run(self, *words, text=None):
        return subprocess.run([str(w) for w in (WARDER, "appraisal", *words)], text=True, capture_output=True, timeout=60, input=text,
                              env={**os.environ, "WARDER_CONFIG": str(self.config)})

    def good(self, *words, text=None, status=0):
        done = self.run(*words, text=text)
        assert done.returncode == status, f"{words}: {done.returncode} {done.stdout} {done.stderr}"
        return done.stdout

    def data(self, *words, status=0):
        return json.loads(self.good(*words, "-o", "json", status=status))

    def file(self, name, policy):
        path = self.folder / name
        path.write_text(json.dumps(policy))
        return path


@pytest.fixture
def author(service, tmp_path):
    return Author(service, tmp_path)


def attest(service, quote, **members):
    return service.call("as", "POST", "/as/v1/attest", {"evidence": cmw(quote), **members})


# --- check, words, differences

def test_lint_tells_every_place_and_what_to_do(author):
    path = author.file("bad.json", all_of(equals("mrtdd", "00"), {"claim": "seamsvn", "min": 300}, {"claim": "fmspc", "in": []}))
    said = author.run("lint", path)
    assert said.returncode == 1
    for words in ('allOf[0]: unknown claim "mrtdd"', 'did you mean "mrtd"?', "allOf[1]: seamsvn min", "a number from 0 to 255",
                  "allOf[2]: fmspc in: empty set"):
        assert words in said.stderr
    answer = author.data("lint", path, status=1)
    assert answer["good"] is False and [r["path"] for r in answer["remarks"]] == ["allOf[0]", "allOf[1]", "allOf[2]"]


def test_lint_warns_and_passes(author):
    path = author.file("shadow.json", {"version": "1.0.0", "anyOf": [{"claim": "isvsvn", "min": 2}, {"claim": "isvsvn", "min": 3}]})
    said = author.run("lint", path)
    assert said.returncode == 0 and "warning: anyOf[1]: shadowed" in said.stderr and "(see anyOf[0])" in said.stderr


def test_errors_are_refused_by_the_service_too(service):
    bad = all_of({"claim": "isvsvn", "min": 3}, {"claim": "isvsvn", "max": 2})
    t = service.token()
    r = service.call("as", "POST", "/as/v1/policies", {"name": "bad", "policy": bad}, t)
    assert (r.status, r.json["code"]) == (400, "policy_invalid") and "contradicts" in r.json["detail"]
    assert r.json["remarks"][0]["path"] == "allOf[1]" and r.json["remarks"][0]["other"] == "allOf[0]"
    r = service.call("as", "POST", "/as/v1/policy-lint", {"policy": bad}, t)
    assert r.status == 200 and r.json["good"] is False and r.json["remarks"][0]["advice"]
    assert service.call("as", "POST", "/as/v1/policy-lint", {"policy": GOOD}, t).json == {"good": True, "remarks": []}
    assert service.call("as", "POST", "/as/v1/policy-lint", {"policy": 7}, t).json["good"] is False
    assert service.call("as", "POST", "/as/v1/policy-lint", {}, t).json["code"] == "malformed_request"


def test_azure_grammar_is_read_unchanged(author):
    """The frame of Azure's secure key release policies, with claims that exist here."""
    azure = {"version": "1.0.0", "anyOf": [{"authority": "https://sharedeus.eus.attest.azure.net/", "allOf": [
        equals("debug", False), {"claim": "isvsvn", "greaterOrEquals": 2}, {"claim": "isvprodid", "notEquals": 3},
        {"anyOf": [equals("tee", "sgx"), {"claim": "seamsvn", "exists": False}]}]}]}
    said = author.run("lint", author.file("azure.json", azure))
    assert said.returncode == 0 and "authority" in said.stderr


def test_explain(author):
    said = author.good("explain", author.file("p.json", all_of(CONFIGURED, {"anyOf": [
        equals("tcb_status", "UpToDate"), {"allOf": [equals("tcb_status", "OutOfDate"), {"claim": "tcb_date", "within_days": 14}]}]})))
    assert "Evidence is accepted when all of this holds:" in said and "root is configured" in said
    assert "alternative 2: all of this holds:" in said and "tcb_date is at most 14 days ago" in said
    assert "root is vendor" in author.good("explain", "default")


def test_diff(author, service):
    before = author.file("a.json", GOOD)
    after = author.file("b.json", all_of(CONFIGURED, equals("debug", False), {"claim": "tcb_status", "in": ["UpToDate", "OutOfDate"]},
                                         equals("tee", "tdx")))
    said = author.good("diff", before, after, status=1)
    assert "loosened: tcb_status was: is UpToDate; now: is one of: UpToDate, OutOfDate" in said
    assert "added: tee now also: is tdx" in said
    assert "Both accept the same evidence." in author.good("diff", before, before)
    answer = author.data("diff", "default", before, status=1)
    assert answer["effect"] in ("different", "looser") and answer["changes"]
    r = service.call("as", "POST", "/as/v1/policy-diff", {"before": "default", "after": GOOD}, service.token())
    assert r.status == 200 and r.json == answer
    assert service.call("as", "POST", "/as/v1/policy-diff", {"before": "nosuch", "after": GOOD}, service.token()).status == 404


# --- versions

def test_versions_with_author_and_date(author, service, tmp_path):
    bert = Author(service, tmp_path, "bert")
    author.good("create", "--name", "web", "--file", author.file("1.json", GOOD))
    second = all_of(*GOOD["allOf"], equals("tee", "tdx"))
    bert.good("update", "web", "--file", bert.file("2.json", second))
    rows = author.data("versions", "web")
    assert [(r["version"], r["author"]) for r in rows] == [(2, "bert"), (1, "anna")]
    assert all("policy" not in r and r["updated_at"].startswith("20") and r["digest"].startswith("sha256:") for r in rows)
    assert author.data("show", "web", "--version", 1)["policy"] == GOOD
    assert author.data("show", "web")["policy"] == second
    assert "tighter" in author.good("diff", "web@1", "web@2", status=1)
    # an earlier content becomes a new version; nothing is lost
    assert "version 3" in author.good("rollback", "web", 1)
    row = author.data("show", "web")
    assert (row["version"], row["policy"], row["restored_from"], row["author"]) == (3, GOOD, 1, "anna")
    assert [r["version"] for r in author.data("versions", "web")] == [3, 2, 1]
    author.good("diff", "web@1", "web@3")
    assert author.run("rollback", "web", 9).returncode == 1
    assert author.run("rollback", "default", 1).returncode == 1
    assert author.run("rollback", "web", "x").returncode == 2
    author.good("delete", row["id"])
    assert author.run("versions", "web").returncode == 1
    # the name taken again starts anew
    author.good("create", "--name", "web", "--file", author.file("1.json", GOOD))
    assert len(author.data("versions", "web")) == 1
    author.good("delete", "web")


def test_versions_are_of_one_tenant(author, service):
    author.good("create", "--name", "mine", "--file", author.file("1.json", GOOD))
    other = service.token(tenant="other")
    for path in ("versions", "explain", "?version=1"):
        url = "/as/v1/policies/mine" + (path if path[0] == "?" else "/" + path)
        assert service.call("as", "GET", url, bearer=other).status == 404
    assert service.call("as", "POST", "/as/v1/policies/mine/rollback", {"version": 1}, other).status == 404
    author.good("delete", "mine")


def test_policies_of_an_older_database_have_their_version(simulator, tmp_path):
    """The schema before versions: what was stored is version n, of an author that is not known."""
    import sqlite3
    folder = tmp_path / "old"
    folder.mkdir()
    db = sqlite3.connect(folder / "as.db")
    db.executescript("CREATE TABLE schema_version (version BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL);"
                     "INSERT INTO schema_version VALUES (1, 0);"
                     "CREATE TABLE policy (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, version BIGINT NOT NULL,"
                     " digest TEXT NOT NULL, document TEXT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,"
                     " UNIQUE (tenant, name))")
    db.execute("INSERT INTO policy VALUES ('6f1c2a52-54a1-4b2e-8f0e-0a3d1b5f7c11', 'default', 'old', 4, ?, ?, 0, 0)", ("sha256:" + 64 * "0", json.dumps(GOOD)))
    db.commit()
    db.close()
    a = Attestd(folder, simulator.info["pcs"], roots=[simulator.root])
    try:
        rows = a.call("as", "GET", "/as/v1/policies/old/versions", bearer=a.token()).json["versions"]
        assert [(r["version"], r["author"]) for r in rows] == [(4, "")]
        assert a.call("as", "PUT", "/as/v1/policies/old", {"policy": GOOD}, a.token()).json["version"] == 5
    finally:
        a.stop()


# --- trials

def test_against_evidence(author, simulator, tmp_path):
    quote = tmp_path / "quote.bin"
    quote.write_bytes(simulator.quote())
    good = author.file("good.json", GOOD)
    where = ["--root", simulator.root]
    assert author.good("test", good, "--evidence", quote, *where).startswith("MET")
    strict = author.file("strict.json", {"version": "1.0.0", "anyOf": [
        {"allOf": [CONFIGURED, {"claim": "seamsvn", "min": 200}]}, {"allOf": [equals("root", "vendor"), equals("tee", "sgx"),
                                                                            equals("debug", False)]}]})
    said = author.good("test", strict, "--evidence", quote, *where, status=1)
    assert "NOT MET" in said and "anyOf[0] failed:" in said and "anyOf[1] failed:" in said
    assert "The smallest change that would pass (anyOf[0])" in said and "seamsvn is at least 200; found:" in said
    answer = author.data("test", strict, "--evidence", quote, *where, status=1)
    assert answer["nearest"] == "anyOf[0]" and answer["source"] == "evidence" and answer["all_claims"] is True
    change = answer["policy_change"][0]
    assert change["path"] == "anyOf[0].allOf[1]" and change["instead"]["min"] == answer["findings"][1]["actual"]
    # the change that is proposed does it
    loosened = author.file("loosened.json", all_of(CONFIGURED, change["instead"]))
    author.good("test", loosened, "--evidence", quote, *where)
    # at another time the same evidence is refused, and the policy's verdict does not hide it
    late = author.data("test", good, "--evidence", quote, *where, "--at", "2099-01-01T00:00:00Z", status=1)
    assert late["evidence_refused"]


def test_against_claims(author):
    path = author.folder / "claims.json"
    path.write_text(json.dumps({"root": "configured", "debug": False, "tcb_status": "UpToDate"}))
    good = author.file("good.json", GOOD)
    assert author.good("test", good, "--claims", path).startswith("MET")
    path.write_text(json.dumps({"claims": {"root": "configured", "debug": True, "tcb_status": "UpToDate"}}))
    assert author.data("test", good, "--claims", path, status=1)["smallest_change"][0]["claim"] == "debug"
    aged = author.file("aged.json", all_of({"claim": "tcb_date", "within_days": 10}))
    path.write_text(json.dumps({"tcb_date": "2026-01-01T00:00:00Z"}))
    author.good("test", aged, "--claims", path, "--at", "2026-01-10T00:00:00Z")
    author.good("test", aged, "--claims", path, "--at", "2026-01-12T00:00:00Z", status=1)
    assert author.run("test", good).returncode == 2
    assert author.run("test", good, "--claims", path, "--evidence", path).returncode == 2


def verify_kept(service, decision, at="then", **token):
    return service.call("as", "POST", f"/as/v1/decisions/{decision}/verify", {"at": at}, service.token(rules=("decisions:*",), **token))


def kept(service, decision):
    """Evidence is written down beside the request; who asks for it waits for that."""
    return verify_kept(service, decision).status == 200


def decisions_of(service):
    return service.call("as", "GET", "/as/v1/decisions", bearer=service.token(rules=("decisions:*",))).json["decisions"]


def test_against_a_past_request(author, service, simulator):
    """The evidence of decisions is kept, and their claims are remembered: another policy can be tried on either."""
    quote = simulator.quote()
    author.good("create", "--name", "past", "--file", author.file("p.json", GOOD))
    assert attest(service, quote, policy_ids=["past"]).status == 200
    assert attest(service, quote).status == 403
    digest = "sha256:" + hashlib.sha256(quote).hexdigest()
    rows = [r for r in author.data("decisions") if r["evidence_digest"] == digest]
    assert sorted(r["verdict"] for r in rows) == ["refused", "verified"]
    for row in rows:
        kept(service, row["id"])
        for at in ("then", "now"):
            answer = author.data("test", "past", "--request", row["id"], "--at", at)
            assert answer["met"] and answer["source"] == f"evidence kept, as of {at}" and answer["all_claims"] is True
        assert author.data("test", "past", "--request", row["id"], "--claims-only")["source"] == "decision"
        answer = author.data("test", "default", "--request", row["id"], status=1)
        assert {c["claim"] for c in answer["smallest_change"]} == {"root"} and answer["nearest"] == "anyOf[1]"
    assert author.run("test", "past", "--request", "nonsense").returncode == 2
    assert author.run("test", "past", "--request", rows[0]["id"], "--at", "2026-01-01T00:00:00Z").returncode == 2
    assert all(r["evidence_kept"] for r in author.data("decisions") if r["evidence_digest"] == digest)
    # by the interface, and only in one's own tenant
    r = service.call("as", "POST", "/as/v1/policies/past/test", {"decision": rows[0]["id"]}, service.token())
    assert r.status == 200 and r.json["met"] is True
    whole = service.call("as", "GET", f"/as/v1/decisions/{rows[0]['id']}", bearer=service.token(rules=("decisions:*",)))
    assert whole.status == 200 and whole.json["claims"]["tee"] == "tdx"
    other = service.token(rules=("decisions:*", "policies:*"), tenant="other")
    assert service.call("as", "GET", f"/as/v1/decisions/{rows[0]['id']}", bearer=other).status == 404
    assert service.call("as", "GET", "/as/v1/decisions", bearer=other).json == {"decisions": []}
    r = service.call("as", "GET", "/as/v1/decisions", bearer=service.token(rules=("policies:*",)))
    assert (r.status, r.json["code"]) == (403, "permission_denied")
    author.good("delete", "past")


def test_evidence_of_another_day(simulator, tmp_path):
    """What was kept is judged with the collateral that was kept, after a restart and with no upstream; as of now there is none."""
    a = Attestd(tmp_path, simulator.info["pcs"], roots=[simulator.root])
    other = attest(a, simulator.quote(bytes([7]) * 64), policy_ids=["default"]).json
    first = decisions_of(a)[0]["id"]
    assert other["code"] == "policy_refused" and kept(a, first)
    a.stop()
    (tmp_path / "tcs.db").unlink()
    again = Attestd(tmp_path, "http://127.0.0.1:9", roots=[simulator.root])
    row, = decisions_of(again)
    assert row["id"] == first and row["evidence_kept"] and row["verdict"] == "refused" and "tee" not in row
    then = verify_kept(again, first)
    assert then.status == 200 and then.json["verdict"] == "verified" and then.json["claims"]["tcb_status"] == "UpToDate"
    assert then.json["at"] == row["time"]
    now = verify_kept(again, first, "now")
    assert now.status == 503 and now.json["code"] == "collateral_unavailable"
    assert verify_kept(again, first, tenant="other").json["code"] == "evidence_not_kept"
    assert verify_kept(again, str(uuid.uuid4())).json["code"] == "evidence_not_kept"
    assert verify_kept(again, first, "tomorrow").json["code"] == "malformed_request"
    with sqlite3.connect(tmp_path / "evidence.db") as db:
        db.execute("DELETE FROM collateral_set")
    assert verify_kept(again, first).json["code"] == "collateral_not_kept"
    t = again.token(rules=("policies:*",))
    r = again.call("as", "POST", "/as/v1/policies/default/test", {"decision": first, "verify": "then"}, t)
    assert r.status == 404 and r.json["code"] == "collateral_not_kept"
    r = again.call("as", "POST", "/as/v1/policies/default/test", {"claims": {}, "verify": "then"}, t)
    assert r.status == 400
    assert again.stop() == 0


def test_evidence_that_is_denied_by_now(service, simulator):
    """Today's deny list holds for evidence that is judged as of now; that of its day is not known."""
    assert attest(service, simulator.quote(bytes([9]) * 64)).status == 403
    row = decisions_of(service)[0]
    kept(service, row["id"])
    claims = verify_kept(service, row["id"]).json["claims"]
    t = service.token(rules=("deny_list:*",))
    entry = service.call("as", "POST", "/as/v1/deny-list", {"kind": "fmspc", "value": claims["fmspc"], "reason": "a test"}, t)
    assert entry.status == 201
    try:
        assert verify_kept(service, row["id"], "then").json["verdict"] == "verified"
        assert verify_kept(service, row["id"], "now").json["verdict"] == "refused"
    finally:
        service.call("as", "DELETE", f"/as/v1/deny-list/{entry.json['id']}", bearer=t)


def test_evidence_that_is_not_kept(simulator, tmp_path):
    a = Attestd(tmp_path, simulator.info["pcs"], roots=[simulator.root], as__evidence_count=0)
    assert attest(a, simulator.quote()).status == 403
    row, = decisions_of(a)
    assert row["evidence_kept"] is False
    r = verify_kept(a, row["id"])
    assert r.status == 404 and r.json["code"] == "evidence_not_kept" and "keeps no evidence" in r.json["detail"]
    assert not (tmp_path / "evidence.db").exists()
    assert a.stop() == 0


class AuditLog:
    """What the key broker answers of its audit log: one record, of a decision that the attestation service has forgotten."""

    def __init__(self, folder, record):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                found = self.path == f"/kbs/v1/audit/{record['id']}"
                body = json.dumps(record if found else {"type": "x", "title": "x", "status": 404, "code": "audit_not_found"}).encode()
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "application/json" if found else "application/problem+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "attestd.pem", folder / "attestd.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def test_against_an_audit_record(author, service):
    """The claims that the record keeps are not all there were, and the answer says so."""
    record = {"id": str(uuid.uuid4()), "attestation": {"id": str(uuid.uuid4()), "verdict": "verified"},
              "claims": {"debug": False}, "tcb": {"tcb_status": "UpToDate", "root": "configured"}}
    log = AuditLog(service.dir, record)
    author.config.write_text(author.config.read_text().replace("[services]", f"[services]\nkbs = https://127.0.0.1:{log.port}"))
    good = author.file("good.json", GOOD)
    refused = author.run("test", good, "--request", record["id"])
    assert refused.returncode == 1 and "not kept" in refused.stderr and "--claims-only" in refused.stderr
    answer = author.data("test", good, "--request", record["id"], "--claims-only")
    assert answer["met"] and answer["source"] == "audit record" and answer["all_claims"] is False
    assert "only the claims that it keeps" in author.good("test", good, "--request", record["id"], "--claims-only")
    assert author.run("test", good, "--request", str(uuid.uuid4())).returncode == 1
    log.server.shutdown()


def test_by_the_interface(service, simulator):
    t = service.token()
    r = service.call("as", "POST", "/as/v1/policies/default/test", {"evidence": cmw(simulator.quote())}, t)
    assert r.status == 200 and r.json["met"] is False and r.json["verdict"] == "verified"
    assert [c["claim"] for c in r.json["smallest_change"]] == ["root"]
    assert [a["path"] for a in r.json["alternatives"]] == ["anyOf[0]", "anyOf[1]", "anyOf[2]"]
    r = service.call("as", "POST", "/as/v1/policies/default/test", {"claims": {}}, t)
    assert r.status == 200 and r.json["met"] is False
    for body in ({}, {"claims": {}, "decision": "x"}, {"claims": 3}, {"evidence": 3}):
        assert service.call("as", "POST", "/as/v1/policies/default/test", body, t).status == 400
    assert service.call("as", "POST", "/as/v1/policies/default/test", {"decision": "x"}, t).json["code"] == "decision_not_found"
    assert service.call("as", "POST", "/as/v1/policies/none/test", {"claims": {}}, t).json["code"] == "policy_not_found"


def test_decisions_that_are_remembered_are_bounded(service, simulator, author):
    quote = simulator.quote(scenario="debug")
    for _ in range(300):
        attest(service, quote)
    refused = [r for r in author.data("decisions") if r["verdict"] == "refused" and "tee" in r]  # of others the evidence alone is kept
    assert len(refused) == 256


# --- the default policy, and refusals

def test_a_refusal_lists_what_failed_in_each_alternative(service, simulator):
    r = attest(service, simulator.quote(scenario="debug"))
    assert (r.status, r.json["code"]) == (403, "policy_refused")
    failed = r.json["checks"]
    assert {f["alternative"] for f in failed} == {"anyOf[0]", "anyOf[1]", "anyOf[2]"}
    nearest = [f for f in failed if f["nearest"]]
    assert failed[:len(nearest)] == nearest and {f["alternative"] for f in nearest} == {"anyOf[1]"}
    assert {f["claim"]: (f["expected"], f["actual"]) for f in nearest} == {"root": ("vendor", "configured"), "debug": (False, True)}


def test_default_policy_follows_the_configuration(service, author):
    document = service.call("as", "GET", "/as/v1/policies/default", bearer=service.token()).json["policy"]
    text = json.dumps(document)
    assert '"subset_of": ["%s"]' % ACCEPTED in text and '"within_days": 30' in text and "Revoked" not in text
    said = author.good("explain", "default")
    assert f"advisory_ids has nothing but: {ACCEPTED}" in said and "tcb_date is at most 30 days ago" in said


# --- reference values

def test_from_evidence(author, simulator, service, tmp_path):
    quote = tmp_path / "quote.bin"
    quote.write_bytes(simulator.quote())
    base = author.file("base.json", GOOD)
    text = author.good("from-evidence", quote, "--root", simulator.root, "--base", base)
    path = author.folder / "made.json"
    path.write_text(text)
    author.good("lint", path)
    assert author.good("test", path, "--evidence", quote, "--root", simulator.root).startswith("MET")
    sgx = tmp_path / "sgx.bin"
    sgx.write_bytes(simulator.quote(tee="sgx3"))
    assert author.good("test", path, "--evidence", sgx, "--root", simulator.root, status=1).startswith("NOT MET")
    enclave = json.loads(author.good("from-evidence", sgx, "--root", simulator.root, "--base", "none"))
    claims = {c["claim"] for c in enclave["allOf"][-1]["anyOf"][0]["allOf"]}
    assert claims >= {"tee", "mrenclave", "mrsigner", "isvprodid", "isvsvn"}
    by_signer = json.loads(author.good("from-evidence", sgx, "--root", simulator.root, "--base", "none", "--signer"))
    assert claims - {c["claim"] for c in by_signer["allOf"][-1]["anyOf"][0]["allOf"]} == {"mrenclave"}
    # measurements of what its owner can change are no reference values; nor is what does not verify
    debug = tmp_path / "debug.bin"
    debug.write_bytes(simulator.quote(scenario="debug"))
    said = author.run("from-evidence", debug, "--root", simulator.root)
    assert said.returncode == 3 and "debugging" in said.stderr and not said.stdout
    assert author.run("from-evidence", quote).returncode == 3


def test_from_sigstruct(author, tmp_path):
    sigstruct = VECTORS / "sigstruct/enclave.sig"
    policy = json.loads(author.good("from-sigstruct", sigstruct))
    conditions = {c["claim"]: c for c in policy["allOf"][-1]["anyOf"][0]["allOf"]}
    assert conditions["mrenclave"]["equals"] == hashlib.sha256(b"warder sigstruct").hexdigest()
    assert conditions["mrsigner"]["equals"] == "d4d2c38fa234435f63f1a17f34ce71e28993a6ae69106973e0bac76bf3031d26"
    assert conditions["isvsvn"]["min"] == 3 and conditions["isvprodid"]["equals"] == 7
    author.good("lint", author.file("made.json", policy))
    bytes_ = bytearray(sigstruct.read_bytes())
    bytes_[960] ^= 1  # MRENCLAVE
    (tmp_path / "forged.sig").write_bytes(bytes_)
    said = author.run("from-sigstruct", tmp_path / "forged.sig")
    assert said.returncode == 3 and "signature" in said.stderr and not said.stdout
    assert author.run("from-sigstruct", VECTORS / "sigstruct/debug.sig").returncode == 3
    assert author.run("from-sigstruct", author.file("not.sig", {})).returncode == 1


def bundle(signer, sets=None, typ="warder-measurements+jwt", **changes):
    payload = {"name": "web", "issued": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
               "sets": sets or [{"name": "web 1.2", "claims": {"tee": "tdx", "mrtd": ["00" * 48, "11" * 48], "seamsvn": 5}}], **changes}
    return signer.jwt(payload, {"typ": typ})


def test_signed_bundles(author, service, signer, tmp_path):
    path, keys = tmp_path / "web.jws", service.dir / "bundle-keys.json"
    path.write_text(bundle(signer) + "\n")
    policy = json.loads(author.good("from-bundle", path, "--keys", keys))
    conditions = {c["claim"]: c for c in policy["allOf"][-1]["anyOf"][0]["allOf"]}
    assert conditions["mrtd"]["in"] == ["00" * 48, "11" * 48] and conditions["seamsvn"]["min"] == 5
    author.good("create", "--name", "bundled", "--file", author.file("p.json", GOOD))
    author.good("import", "bundled", "--file", path, "--base", "bundled")
    stored = author.data("show", "bundled")
    assert stored["version"] == 2 and stored["policy"]["allOf"][:3] == GOOD["allOf"]
    assert stored["policy"]["allOf"][3] == policy["allOf"][-1]
    for what in (bundle(Key()), bundle(signer, typ="JWT"), bundle(signer, expires="2020-01-01T00:00:00Z"),
                 bundle(signer)[:-4] + "AAAA"):
        path.write_text(what)
        for words in (("import", "bundled", "--file", path), ("from-bundle", path, "--keys", keys)):
            said = author.run(*words)
            assert said.returncode == 3, f"{words}: {said}"
    # well signed, and nonsense: an error as in any other policy
    path.write_text(bundle(signer, sets=[{"name": "x", "claims": {"mrtdd": "00"}}]))
    assert author.run("import", "bundled", "--file", path).returncode == 1
    assert author.data("show", "bundled")["version"] == 2
    author.good("delete", "bundled")


def test_no_bundles_without_keys(simulator, signer, tmp_path):
    a = Attestd(tmp_path / "a", simulator.info["pcs"], roots=[simulator.root])
    try:
        a.call("as", "POST", "/as/v1/policies", {"name": "p", "policy": GOOD}, a.token())
        r = a.call("as", "POST", "/as/v1/policies/p/import", {"bundle": bundle(signer)}, a.token())
        assert (r.status, r.json["code"]) == (403, "bundle_refused")
    finally:
        a.stop()


# --- who may

@pytest.mark.parametrize("method,path,needed", [("GET", "/as/v1/policies/default/versions", "retrieve"),
                                                ("GET", "/as/v1/policies/default/explain", "retrieve"),
                                                ("POST", "/as/v1/policies/default/test", "retrieve"),
                                                ("POST", "/as/v1/policy-lint", "retrieve"), ("POST", "/as/v1/policy-diff", "retrieve"),
                                                ("POST", "/as/v1/policies/default/rollback", "update"),
                                                ("POST", "/as/v1/policies/default/import", "update")])
def test_permissions(service, method, path, needed):
    rules = [f"policies:{a}" for a in ("create", "search", "retrieve", "update", "delete") if a != needed]
    r = service.call("as", method, path, {} if method == "POST" else None, service.token(rules=rules))
    assert (r.status, r.json["code"]) == (403, "permission_denied")
    assert service.call("as", method, path, {} if method == "POST" else None).status == 401
