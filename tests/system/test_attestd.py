# SPDX-License-Identifier: Apache-2.0
"""attestd as an operator and a relying party see it: the real program, a simulated platform, and what must be refused."""
import concurrent.futures
import ctypes
import hashlib
import json
import os
import pathlib
import signal
import time

import pytest
import yaml

import attestd_fixture as fixture
from attestd_fixture import Attestd, Key, Simulator, Upstream, b64url, cmw, part, verify_jwt

pytestmark = pytest.mark.sanitize

GOOD = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": False}, {"claim": "tcb_status", "equals": "UpToDate"},
                                      {"claim": "root", "equals": "configured"}]}


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    s = Simulator(tmp_path_factory.mktemp("sim"))
    yield s
    s.close()


@pytest.fixture(autouse=True)
def nothing_left():
    """A test that fails leaves nothing running."""
    before = list(fixture.RUNNING)
    yield
    for a in [x for x in fixture.RUNNING if x not in before and not getattr(x, "shared", False)]:
        a.stop()


@pytest.fixture(scope="module")
def service(simulator, tmp_path_factory):
    a = Attestd(tmp_path_factory.mktemp("attestd"), simulator.info["pcs"], roots=[simulator.root])
    r = a.call("as", "POST", "/as/v1/policies", {"name": "good", "policy": GOOD}, a.token())
    assert r.status == 201, r.text
    a.policy, a.shared = r.json, True
    yield a
    assert a.stop() == 0


@pytest.fixture
def upstream(simulator):
    u = Upstream().record_from(simulator.info["pcs"])
    yield u
    u.close()


class Attester:
    """The two keys of a client, and the report data that binds them to a challenge."""

    def __init__(self, challenge="a-challenge", tenant="default"):
        self.signing, self.encryption, self.challenge, self.tenant = Key(), Key(), challenge, tenant

    def report_data(self):
        parts = [b"warder-kbs-v1", self.challenge.encode(), self.tenant.encode(), self.signing.point, self.encryption.point]
        return hashlib.sha512(b"".join(part(p) for p in parts)).digest()

    def runtime_data(self, **changes):
        return {"type": "kbs-v1", "challenge": self.challenge, "tenant": self.tenant, "signing_key": self.signing.jwk,
                "encryption_key": self.encryption.jwk, **changes}


def attest(service, quote, **members):
    body = {"evidence": cmw(quote), "policy_ids": ["good"], **members}
    return service.call("as", "POST", "/as/v1/attest", {k: v for k, v in body.items() if v is not None})


def jwks(service):
    r = service.call("as", "GET", "/as/v1/certs")
    assert r.status == 200
    return r.json


# --- qvs ---

def test_verifies_a_quote(service, simulator):
    r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(simulator.quote(bytes(range(64))))})
    assert r.status == 200
    assert (r.json["verdict"], r.json["type"], r.json["tcb_status"]) == ("verified", "tdx", "UpToDate")
    assert r.json["claims"]["report_data"] == bytes(range(64)).hex()
    assert r.json["claims"]["root"] == "configured"


@pytest.mark.parametrize("tee,kind", [("sgx3", "sgx"), ("tdx5", "tdx"), ("tdx5-td15ex", "tdx")])
def test_verifies_other_kinds(service, simulator, tee, kind):
    r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(simulator.quote(tee=tee), kind)})
    assert r.status == 200 and r.json["verdict"] == "verified", r.text


def test_verifies_a_bare_quote(service, simulator):
    import base64
    body = {"quote": base64.b64encode(simulator.quote()).decode(), "report_data": "00" * 64}
    assert service.call("qvs", "POST", "/qvs/v1/verify", body).json["verdict"] == "verified"
    body["report_data"] = "01" + "00" * 63
    r = service.call("qvs", "POST", "/qvs/v1/verify", body).json
    assert r["verdict"] == "refused" and "report" in r["reason"].lower()


def test_media_type_must_agree(service, simulator):
    r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(simulator.quote(), "sgx")})
    assert r.status == 200 and r.json["verdict"] == "refused"


@pytest.mark.parametrize("evidence", [["application/vnd.warder.tdx-quote", "!!"], ["text/plain", "AAAA"], ["a"], {}, {"x": 1},
                                      ["application/vnd.warder.tdx-quote", b64url(bytes(100))]])
def test_malformed_evidence_is_refused(service, evidence):
    r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": evidence})
    assert r.status == 200 and r.json["verdict"] == "refused", r.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"evidence":[],"evidence":[]}', b'{"evidence":["a","b"],"other":1}',
                                  b'{"quote":"AA==","evidence":[]}', b"{}", b'{"quote":"AA==","report_data":"00"}',
                                  b'{"quote":"not base64"}', b'{"evidence":"text"}', b'{"evidence":' + b"[" * 100 + b"]" * 100 + b"}"])
def test_malformed_requests(service, body):
    r = service.call("qvs", "POST", "/qvs/v1/verify", body)
    assert r.status == 400, r.text
    assert r.json["code"]


def test_oversized_request(service):
    r = service.call("qvs", "POST", "/qvs/v1/verify", b'{"quote":"' + b"A" * 300000 + b'"}')
    assert r.status == 413


def test_every_prefix_of_a_quote_is_refused(service, simulator):
    quote = simulator.quote()
    for length in list(range(0, 64)) + list(range(64, len(quote) - 70, 397)):
        r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote[:length])})
        assert r.status == 200 and r.json["verdict"] == "refused", length


# --- as ---

def test_token(service, simulator):
    client = Attester()
    quote = simulator.quote(client.report_data())
    r = attest(service, quote, runtime_data=client.runtime_data())
    assert r.status == 200, r.text
    header, claims = verify_jwt(r.json["token"], jwks(service))
    now = time.time()
    assert (header["alg"], header["typ"]) == ("ES256", "JWT")
    assert (claims["iss"], claims["aud"], claims["eat_profile"]) == ("warder-as", "warder-kbs", "tag:warder.dev,2026:attestation-v1")
    assert claims["nbf"] <= now + 1 and now < claims["exp"] <= now + 3601
    assert claims["cnf"] == {"jkt": client.signing.thumbprint, "jwk": client.signing.jwk}
    tee = claims["submods"]["tee"]
    assert tee["ear.status"] == "affirming" and tee["ear.appraisal-policy-id"] == service.policy["id"]
    w = claims["warder"]
    assert w["enc"] == {"jkt": client.encryption.thumbprint}
    assert w["challenge"] == "sha256:" + hashlib.sha256(client.challenge.encode()).hexdigest()
    assert w["evidence_digest"] == "sha256:" + hashlib.sha256(quote).hexdigest()
    assert w["policies"] == [{"id": service.policy["id"], "name": "good", "version": 1, "digest": service.policy["digest"]}]
    canonical = json.dumps(GOOD, sort_keys=True, separators=(",", ":"))
    assert service.policy["digest"] == "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
    assert (w["verdict"], w["tenant"], w["claims"]["tee"]) == ("verified", "default", "tdx")
    assert w["collateral_digest"].startswith("sha256:")


def test_pinned_key_file_is_what_is_served(service):
    assert json.loads((service.dir / "as-jwks.json").read_text()) == jwks(service)


def refused(service, r, code):
    """A signed refusal that nobody can take for a token."""
    assert r.status == 403, r.text
    assert r.json["code"] == code
    header, claims = verify_jwt(r.json["refusal"], jwks(service))
    assert header["typ"] == "warder-refusal+jwt"
    assert claims["submods"]["tee"]["ear.status"] == "contraindicated"
    assert "cnf" not in claims and claims["warder"]["verdict"] == "refused"
    assert claims["warder"]["failed"] == r.json["checks"] and r.json["checks"]
    return claims


def test_default_policy_refuses_a_configured_root(service, simulator):
    for ids in (None, ["default"], ["good", "default"]):
        claims = refused(service, attest(service, simulator.quote(), policy_ids=ids), "policy_refused")
        assert [f["claim"] for f in claims["warder"]["failed"] if f["nearest"]] == ["root"]


@pytest.mark.parametrize("changes", [{"challenge": "another"}, {"signing_key": Key().jwk}, {"encryption_key": Key().jwk}])
def test_binding(service, simulator, changes):
    client = Attester()
    r = attest(service, simulator.quote(client.report_data()), runtime_data=client.runtime_data(**changes))
    assert any("report_data" in f.get("check", "") for f in refused(service, r, "evidence_refused")["warder"]["failed"])


def test_tenant_is_bound(service, simulator):
    client = Attester(tenant="other")
    r = attest(service, simulator.quote(client.report_data()), runtime_data=client.runtime_data())
    assert r.status == 400  # runtime data of another tenant than the request's
    r = attest(service, simulator.quote(client.report_data()), runtime_data=client.runtime_data(tenant="default"))
    refused(service, r, "evidence_refused")


@pytest.mark.parametrize("scenario,code", [("debug", "policy_refused"), ("out-of-date", "policy_refused"),
                                           ("revoked", "evidence_refused"), ("forged-signature", "evidence_refused"),
                                           ("wrong-signer", "evidence_refused"), ("tcb-unknown", "evidence_refused")])
def test_platforms_that_are_refused(simulator, tmp_path, scenario, code):
    folder = tmp_path / "sim"
    folder.mkdir()
    sim = Simulator(folder)
    import subprocess
    subprocess.run([fixture.TEESIM, "scenario", "--help"], check=True, stdout=subprocess.DEVNULL)
    sim.close()
    sim.process = subprocess.Popen([fixture.TEESIM, "run", "--dir", folder, "--with-parent", "--scenario", scenario],
                                   stdout=subprocess.PIPE, text=True)
    sim.info = json.loads(sim.process.stdout.readline()[len("READY"):].strip() or sim.process.stdout.readline())
    a = Attestd(tmp_path / "attestd", sim.info["pcs"], roots=[sim.info["root"]])
    assert a.call("as", "POST", "/as/v1/policies", {"name": "good", "policy": GOOD}, a.token()).status == 201
    refused(a, attest(a, sim.quote(scenario=scenario)), code)
    assert a.stop() == 0
    sim.close()


def test_malformed_evidence_is_a_signed_refusal(service):
    refused(service, attest(service, b"not a quote"), "evidence_refused")


@pytest.mark.parametrize("members,status,code", [({"policy_ids": []}, 400, "malformed_request"),
                                                 ({"policy_ids": ["nosuch"]}, 404, "policy_not_found"),
                                                 ({"policy_ids": "good"}, 400, "malformed_request"),
                                                 ({"tenant": ""}, 400, "malformed_request"),
                                                 ({"tenant": "other"}, 404, "policy_not_found"),
                                                 ({"evidence": None}, 400, "malformed_request"),
                                                 ({"at": 0}, 400, "malformed_request"),
                                                 ({"runtime_data": {"type": "kbs-v2"}}, 400, "malformed_request"),
                                                 ({"runtime_data": {"type": "report-data", "value": "00"}}, 400, "malformed_request"),
                                                 ({"runtime_data": []}, 400, "malformed_request")])
def test_malformed_attest_requests(service, simulator, members, status, code):
    r = attest(service, simulator.quote(), **members)
    assert (r.status, r.json["code"]) == (status, code), r.text


def test_private_key_in_runtime_data_is_refused(service, simulator):
    client = Attester()
    r = attest(service, simulator.quote(client.report_data()),
               runtime_data=client.runtime_data(signing_key={**client.signing.jwk, "d": client.signing.jwk["x"]}))
    assert r.status == 400


# --- policies ---

def test_policy_life(service):
    t = service.token()
    r = service.call("as", "POST", "/as/v1/policies", {"name": "life", "policy": GOOD}, t)
    assert r.status == 201 and r.json["version"] == 1
    pid = r.json["id"]
    assert service.call("as", "POST", "/as/v1/policies", {"name": "life", "policy": GOOD}, t).status == 409
    assert service.call("as", "GET", f"/as/v1/policies/{pid}", bearer=t).json["name"] == "life"
    assert service.call("as", "GET", "/as/v1/policies/life", bearer=t).json["id"] == pid
    other = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": False}]}
    r = service.call("as", "PUT", f"/as/v1/policies/{pid}", {"policy": other}, t)
    assert r.status == 200 and r.json["version"] == 2 and r.json["policy"] == other
    names = [p["name"] for p in service.call("as", "GET", "/as/v1/policies", bearer=t).json["policies"]]
    assert "life" in names and "default" in names
    assert service.call("as", "DELETE", f"/as/v1/policies/{pid}", bearer=t).status == 204
    assert service.call("as", "GET", f"/as/v1/policies/{pid}", bearer=t).status == 404
    assert service.call("as", "DELETE", f"/as/v1/policies/{pid}", bearer=t).status == 404


def test_changed_policy_holds_at_once(service, simulator):  # L6
    t = service.token()
    service.call("as", "POST", "/as/v1/policies", {"name": "moving", "policy": GOOD}, t)
    assert attest(service, simulator.quote(), policy_ids=["moving"]).status == 200
    strict = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": True}]}
    assert service.call("as", "PUT", "/as/v1/policies/moving", {"policy": strict}, t).status == 200
    assert attest(service, simulator.quote(), policy_ids=["moving"]).status == 403


def test_default_policy_is_built_in(service):
    t = service.token()
    assert service.call("as", "GET", "/as/v1/policies/default", bearer=t).json["name"] == "default"
    assert service.call("as", "PUT", "/as/v1/policies/default", {"policy": GOOD}, t).status == 409
    assert service.call("as", "DELETE", "/as/v1/policies/default", bearer=t).status == 409
    assert service.call("as", "POST", "/as/v1/policies", {"name": "default", "policy": GOOD}, t).status == 409


@pytest.mark.parametrize("policy,words", [({"version": "1.0.0", "allOf": []}, "empty"),
                                          ({"version": "1.0.0", "allOf": [{"claim": "mrtdd", "equals": 1}]}, "unknown claim"),
                                          ({"version": "1.0.0", "allOf": [{"claim": "mrtd", "in": []}]}, "empty set"),
                                          ({"version": "1.0.0", "allOf": [{"claim": "seamsvn", "min": 5},
                                                                          {"claim": "seamsvn", "max": 4}]}, "never true")])
def test_bad_policies_are_not_stored(service, policy, words):
    r = service.call("as", "POST", "/as/v1/policies", {"name": "bad", "policy": policy}, service.token())
    assert (r.status, r.json["code"]) == (400, "policy_invalid") and words in r.json["detail"]
    assert service.call("as", "GET", "/as/v1/policies/bad", bearer=service.token()).status == 404


@pytest.mark.parametrize("name", ["", "../x", "a b", "x" * 65, "a/b", "0b2a3c4d-1111-4222-8333-444455556666", 5])
def test_bad_policy_names(service, name):
    assert service.call("as", "POST", "/as/v1/policies", {"name": name, "policy": GOOD}, service.token()).status == 400


def test_tenants_see_nothing_of_each_other(service):
    other = service.token(tenant="other")
    assert service.call("as", "GET", "/as/v1/policies/good", bearer=other).status == 404
    assert service.call("as", "DELETE", "/as/v1/policies/good", bearer=other).status == 404
    names = [p["name"] for p in service.call("as", "GET", "/as/v1/policies", bearer=other).json["policies"]]
    assert names == ["default"]


def test_bearer_tokens(service):
    now = int(time.time())
    other = Key()

    def status(token):
        r = service.call("as", "GET", "/as/v1/policies", bearer=token)
        return r.status, (r.json or {}).get("code")

    assert status(None)[0] == 401
    assert status("rubbish") == (401, "token_invalid")
    assert status(other.jwt({"iss": "warder-aas"})) == (401, "token_invalid")
    assert status(service.token(exp=now - 100, iat=now - 400, nbf=now - 400)) == (401, "token_expired")
    for missing in ("exp", "iat", "nbf", "iss", "aud", "sub", "tenant", "jti"):  # L14
        assert status(service.token(**{missing: None}))[0] == 401, missing
    assert status(service.token(iss="warder-as"))[0] == 401
    assert status(service.token(aud="warder-kbs"))[0] == 401
    assert status(service.token(nbf=now + 600))[0] == 401
    assert status(service.token())[0] == 200
    good = service.token()
    none = b64url(b'{"alg":"none","typ":"JWT"}') + "." + good.split(".")[1] + "."
    assert status(none)[0] == 401  # L35
    assert status(good[:-4] + "AAAA")[0] == 401


def test_what_is_kept_or_changed_wants_a_token(service):
    """L29: without one every route refuses, but for those that the interface calls open; none of these keeps anything."""
    as_, tcs = (yaml.safe_load((fixture.ROOT / f"docs/api/{name}.yaml").read_text())["paths"] for name in ("as", "tcs"))
    open_routes = set()
    for role, paths in (("as", as_), ("tcs", tcs)):
        for path, methods in paths.items():
            for method, operation in methods.items():
                bearer = method != "parameters" and operation.get("security", [{"bearer": []}] if role == "as" else [])
                if method in ("parameters", "get") and not bearer:
                    continue
                r = service.call(role, method.upper(), path.replace("{id}", "x"), {} if method in ("post", "put") else None)
                if bearer:
                    assert (r.status, r.json["code"]) == (401, "token_missing"), (method, path, r.text)
                elif r.status != 401:  # a PCCS's own tokens
                    open_routes.add((method, path))
    assert open_routes == {("post", "/as/v1/nonce"), ("post", "/as/v1/attest")}


@pytest.mark.parametrize("method,path,needed", [("POST", "/as/v1/policies", "create"), ("GET", "/as/v1/policies", "search"),
                                                ("GET", "/as/v1/policies/good", "retrieve"),
                                                ("PUT", "/as/v1/policies/good", "update"),
                                                ("DELETE", "/as/v1/policies/good", "delete")])
def test_permissions(service, method, path, needed):
    rules = [f"policies:{a}" for a in ("create", "search", "retrieve", "update", "delete") if a != needed] + ["keys:*"]
    body = {"name": "p", "policy": GOOD} if method in ("POST", "PUT") else None
    r = service.call("as", method, path, body, service.token(rules=rules))
    assert (r.status, r.json["code"]) == (403, "permission_denied")


# --- processes ---

def rights(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)


def test_children_are_confined(service):
    (zygote,), (issuer,), (front,) = service.children("zygote"), service.children("issuer"), service.children("front")
    workers = grandchildren(zygote)
    assert workers
    for pid in (service.process.pid, front, zygote, issuer, *workers):
        held = rights(pid)
        assert held["NoNewPrivs"] == "1" and held["Seccomp"] == "2", pid
    filters = {pid: int(rights(pid)["Seccomp_filters"]) for pid in (service.process.pid, front, zygote, issuer, workers[0])}
    assert list(filters.values()) == [1, 2, 2, 2, 3]  # each on top of its parent's
    for pid in (zygote, issuer):
        sockets = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        inodes = {s[8:-1] for s in sockets if s.startswith("socket:[")}
        for table in ("tcp", "tcp6", "udp"):
            lines = pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
            assert not inodes & {line.split()[9] for line in lines}
        libraries = pathlib.Path(f"/proc/{pid}/maps").read_text()
        assert "libcurl" not in libraries and "libssl" not in libraries and "sqlite" not in libraries


def test_signing_key_is_in_the_issuer_alone(service):
    from cryptography.hazmat.primitives import serialization
    key = serialization.load_pem_private_key((service.dir / "signing.key").read_bytes(), None)
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    assert (service.dir / "signing.key").stat().st_mode & 0o777 == 0o600

    def holds(pid):
        found = False
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for line in maps:
                where, mode = line.split()[:2]
                if "r" not in mode or line.rstrip().endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                    continue
                low, high = (int(x, 16) for x in where.split("-"))
                if high - low > 1 << 30:
                    continue  # a sanitizer's shadow
                try:
                    memory.seek(low)
                    data = memory.read(high - low)
                except OSError:
                    continue
                found |= scalar in data or scalar[::-1] in data
        return found

    (issuer,) = service.children("issuer")
    assert holds(issuer)
    for pid in [service.process.pid, *service.children("front"), *service.children("zygote")]:
        assert not holds(pid)


def has_landlock():
    """landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)"""
    return ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1


@pytest.mark.skipif(not has_landlock(), reason="this kernel has no Landlock")
def test_front_reads_no_other_folder(service, tmp_path):
    """The pinned keys, re-read when they change, are let point where the front has no business, as its signing key is."""
    pinned, elsewhere, other = service.dir / "aas-jwks.json", tmp_path / "keys.json", Key()
    before, keeper = pinned.read_bytes(), service.aas
    elsewhere.write_text(json.dumps(other.jwks()))
    ours, service.aas = service.token(), other
    theirs = service.token()
    try:
        pinned.unlink()
        pinned.symlink_to(elsewhere)
        assert service.call("as", "GET", "/as/v1/policies", bearer=theirs).status == 401
        assert service.call("as", "GET", "/as/v1/policies", bearer=ours).status == 200
        pinned.unlink()
        pinned.write_text(elsewhere.read_text())
        assert service.call("as", "GET", "/as/v1/policies", bearer=theirs).status == 200
    finally:
        pinned.unlink()
        pinned.write_bytes(before)
        service.aas = keeper


def grandchildren(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def during_request(service, simulator, what, quote=None):
    """Sends requests until `what` has met a worker at work; answers of those requests."""
    (zygote,) = service.children("zygote")
    quote = quote or simulator.quote()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for pid in grandchildren(zygote):
            try:
                os.kill(pid, what)  # a spare: the next request meets it
            except ProcessLookupError:
                pass
        asked = [pool.submit(service.call, "qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)}) for _ in range(4)]
        return [a.result() for a in asked]


def test_stopped_workers_fail_their_own_request(service, simulator):
    """Hung workers: their requests fail by the deadline, those beside them do not."""
    began = time.time()
    answers = during_request(service, simulator, signal.SIGSTOP)
    assert time.time() - began < 8
    failed = [r for r in answers if r.status != 200]
    assert failed and len(failed) <= 2  # as many as there were spares
    assert all((r.status, r.json["code"]) == (503, "verification_failed") and r.getheader("Retry-After") for r in failed)
    assert all(r.json["verdict"] == "verified" for r in answers if r.status == 200)
    assert service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(simulator.quote())}).json["verdict"] == "verified"
    (zygote,) = service.children("zygote")
    deadline = time.time() + 5
    while any(rights(p)["State"].startswith("T") for p in grandchildren(zygote)) and time.time() < deadline:
        time.sleep(0.05)
    assert not any(rights(p)["State"].startswith("T") for p in grandchildren(zygote))


@pytest.mark.parametrize("what", [signal.SIGKILL, signal.SIGSTOP])
def test_what_was_refused_stays_refused(service, simulator, what):
    """L5: neither a worker that dies nor one that hangs in between makes a refusal anything else."""
    broken = bytearray(simulator.quote())
    broken[48 + 520] ^= 1
    before = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(bytes(broken))}).json
    assert before["verdict"] == "refused"
    for r in during_request(service, simulator, what, bytes(broken)):
        assert r.status == 503 or (r.status, r.json["verdict"], r.json["reason"]) == (200, "refused", before["reason"])
    after = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(bytes(broken))}).json
    assert (after["verdict"], after["reason"]) == ("refused", before["reason"])


@pytest.mark.parametrize("what", [signal.SIGKILL, signal.SIGSTOP])
def test_a_load_while_workers_are_attacked(service, simulator, what):
    """Of many requests at once, at most as many fail as workers were struck; the rest is answered, and none waits for those."""
    quote, (zygote,), struck, slowest = simulator.quote(), service.children("zygote"), set(), []

    def ask(_):
        began = time.time()
        r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)})
        slowest.append(time.time() - began)
        return r

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, i) for i in range(120)]
        while len(struck) < 6 and not all(a.done() for a in asked):
            for pid in grandchildren(zygote)[:1]:
                try:
                    os.kill(pid, what)
                    struck.add(pid)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)
        answers = [a.result() for a in asked]
    failed = [r for r in answers if r.status != 200]
    assert len(answers) == 120 and len(failed) <= len(struck)
    assert all((r.status, r.json["code"]) == (503, "verification_failed") for r in failed)
    assert all(r.json["verdict"] == "verified" for r in answers if r.status == 200)
    # Those beside a hanging worker do not wait for it: its deadline is two seconds.
    assert sum(s > 1.5 for s in slowest) <= len(struck)


def test_killed_workers_fail_at_most_their_own_request(service, simulator):
    answers = during_request(service, simulator, signal.SIGKILL)
    assert all(r.status in (200, 503) for r in answers)
    assert service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(simulator.quote())}).json["verdict"] == "verified"


@pytest.mark.parametrize("child", ["zygote", "issuer", "front"])
def test_a_killed_child_comes_back(service, simulator, child):
    (pid,) = service.children(child)
    os.kill(pid, signal.SIGKILL)
    deadline = time.time() + 15
    while time.time() < deadline:
        for line in list(service.log):  # a new front has new ports, since the tests let the system choose
            entry = json.loads(line)
            if entry["message"] == "listening":
                service.ports[entry["role"]] = int(entry["port"])
        try:
            r = attest(service, simulator.quote())
            if r.status == 200 and service.children(child) != [pid]:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("".join(service.log[-10:]))


# --- tcs ---

TCB = f"/tdx/certification/v4/tcb?fmspc={fixture.SIM_FMSPC}"


def test_collateral_interface(service, simulator):
    r = service.call("tcs", "GET", TCB.replace(fixture.SIM_FMSPC, fixture.SIM_FMSPC.lower()) + "&update=standard")
    assert r.status == 200 and r.getheader("Content-Type") == "application/json; charset=utf-8"
    assert r.json["tcbInfo"]["fmspc"].upper() == fixture.SIM_FMSPC
    chain = r.getheader("TCB-Info-Issuer-Chain")
    assert chain.startswith("-----BEGIN%20CERTIFICATE-----%0A") and chain.count("BEGIN%20CERT") == 2
    assert len(r.getheader("Request-ID")) == 32
    for tee, name in (("sgx", "QE"), ("tdx", "TD_QE")):
        r = service.call("tcs", "GET", f"/{tee}/certification/v4/qe/identity?update=standard")
        assert r.status == 200 and r.json["enclaveIdentity"]["id"] == name
        assert r.getheader("SGX-Enclave-Identity-Issuer-Chain")
    der = service.call("tcs", "GET", "/sgx/certification/v4/pckcrl?ca=PLATFORM&encoding=der")
    assert der.getheader("Content-Type") == "application/pkix-crl" and der.text[0] == 0x30
    for encoding in ("", "&encoding=pem", "&encoding=xyz"):
        text = service.call("tcs", "GET", f"/sgx/certification/v4/pckcrl?ca=platform{encoding}")
        assert bytes.fromhex(text.text.decode()) == der.text and text.text == text.text.lower()
        assert text.getheader("Content-Type") == "application/x-pem-file; charset=utf-8"
        assert text.getheader("SGX-PCK-CRL-Issuer-Chain") == der.getheader("SGX-PCK-CRL-Issuer-Chain")
    root = service.call("tcs", "GET", "/sgx/certification/v4/rootcacrl")
    assert root.getheader("Content-Type") == "application/pkix-crl; charset=utf-8"
    by_uri = service.call("tcs", "GET", "/sgx/certification/v4/crl?uri=https://certificates.trustedservices.intel.com/IntelSGXRootCA.der")
    assert bytes.fromhex(root.text.decode()) == by_uri.text


@pytest.mark.parametrize("path", ["/sgx/certification/v4/tcb", "/sgx/certification/v4/tcb?fmspc=00A06D08000",
                                  TCB + "&update=all", "/sgx/certification/v4/qe/identity?update=bogus",
                                  "/sgx/certification/v4/pckcrl", "/sgx/certification/v4/pckcrl?ca=other",
                                  "/sgx/certification/v4/crl", "/sgx/certification/v4/crl?uri=https://evil.example/x.der"])
def test_bad_parameters(service, path):
    r = service.call("tcs", "GET", path)
    assert (r.status, r.text, r.getheader("Content-Type")) == (400, b"Invalid request parameters.", "text/html; charset=utf-8")


def test_unknown_platform(service):
    r = service.call("tcs", "GET", "/sgx/certification/v4/tcb?fmspc=FFFFFFFFFFFF")
    assert (r.status, r.text, r.getheader("Content-Type")) == (404, b"No cache data for this platform.", "text/html; charset=utf-8")


def test_one_fetch_for_many_askers(simulator, upstream, tmp_path):
    upstream.delay = 0.5
    a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root])
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: a.call("tcs", "GET", TCB), range(64)))
    assert {r.status for r in answers} == {200}
    assert upstream.hits == {TCB + "&update=standard": 1}
    upstream.delay = 0.1
    quote = simulator.quote()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)}), range(16)))
    assert {(r.status, r.json["verdict"]) for r in answers} == {(200, "verified")}
    assert set(upstream.hits.values()) == {1}
    assert sum("collateral loaded" in line for line in a.log) == 1
    assert a.stop() == 0


def test_cache_outlives_restart_and_upstream(simulator, upstream, tmp_path):
    a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root])
    quote = simulator.quote()
    assert a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)}).json["verdict"] == "verified"
    before = a.call("tcs", "GET", TCB)
    hits = upstream.count()
    upstream.broken = True
    assert a.stop() == 0
    a.start()
    after = a.call("tcs", "GET", TCB)
    assert after.text == before.text and after.getheader("TCB-Info-Issuer-Chain") == before.getheader("TCB-Info-Issuer-Chain")
    assert a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)}).json["verdict"] == "verified"
    assert upstream.count() == hits
    r = a.call("tcs", "GET", "/sgx/certification/v4/pckcrl?ca=processor")
    assert (r.status, r.text) == (503, b"Server is currently unable to process the request.")
    assert a.stop() == 0


def test_upstream_down(simulator, upstream, tmp_path):
    upstream.broken = True
    a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root])
    assert a.call("tcs", "GET", TCB).status == 503
    r = a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(simulator.quote())})
    assert (r.status, r.json["code"]) == (503, "collateral_unavailable") and r.getheader("Retry-After")
    r = a.call("as", "POST", "/as/v1/attest", {"evidence": cmw(simulator.quote())})
    assert (r.status, r.json["code"]) == (503, "collateral_unavailable")
    assert a.stop() == 0


def test_unknown_platform_is_refused_not_unavailable(simulator, upstream, tmp_path):
    del upstream.answers[TCB + "&update=standard"]
    a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root])
    r = a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(simulator.quote())})
    assert r.status == 200 and r.json["verdict"] == "refused"
    assert a.stop() == 0


def test_garbage_is_not_cached(simulator, upstream, tmp_path):
    good = upstream.answers[TCB + "&update=standard"]
    status, headers, body = good
    a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root])
    chain = headers["TCB-Info-Issuer-Chain"]
    bad = [b"", b"{}", b"<html>", body[:-1], body + b"x", body.replace(b'"TDX"', b'"SGX"'),
           body.replace(fixture.SIM_FMSPC.encode(), b"000000000000").replace(fixture.SIM_FMSPC.lower().encode(), b"000000000000")]
    # Well formed, but nobody's: from far ahead it would keep the genuine one out.
    bad.append(body.replace(b'"tcbEvaluationDataNumber":', b'"tcbEvaluationDataNumber":9'))
    bad.append(body.replace(b'"issueDate":"20', b'"issueDate":"21'))
    answers = [(200, headers, b) for b in bad] + [(200, {}, body), (200, {"TCB-Info-Issuer-Chain": "garbage"}, body),
                                                  (200, {"TCB-Info-Issuer-Chain": chain[: len(chain) // 2]}, body)]
    for number, answer in enumerate(answers):
        # Anew each time: a failure is remembered for a while.
        if number:
            a.stop()
            (a.dir / "tcs.db").unlink(missing_ok=True)
            a.start()
        upstream.answers[TCB + "&update=standard"] = answer
        assert a.call("tcs", "GET", TCB).status == 503, answer[2][:40]
    a.stop()
    a.start()
    upstream.answers[TCB + "&update=standard"] = good
    assert a.call("tcs", "GET", TCB).status == 200
    assert a.stop() == 0


# What a quote of certification data types 1 to 3 says of its platform: PPID plain or encrypted, CPUSVN, PCESVN, PCEID.
RAW_TCB = b"\xff" * 18 + bytes(2)
NAMED = {1: bytes(range(16)) + RAW_TCB, 2: bytes(256) + RAW_TCB, 3: b"\x5a" * 384 + RAW_TCB}


@pytest.mark.parametrize("kind", NAMED)
def test_a_quote_that_only_names_its_platform(service, simulator, kind):
    """Its PCK certificate is got from the cache, then its collateral; for a verdict and for a token."""
    client = Attester()
    quote = fixture.without_pck(simulator.quote(client.report_data()), kind, NAMED[kind])
    r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)})
    assert r.status == 200 and r.json["verdict"] == "verified" and r.json["tcb_status"] == "UpToDate", r.text
    r = attest(service, quote, runtime_data=client.runtime_data())
    assert r.status == 200, r.text
    # What it says is not signed, but cut short it is nothing to ask by.
    r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(fixture.without_pck(simulator.quote(), kind, NAMED[kind][:-1]))})
    assert r.status == 200 and r.json["verdict"] == "refused" and f"type {kind} " in r.json["reason"], r.text


def test_a_quote_whose_platform_nobody_knows(simulator, upstream, tmp_path):
    """No certificate: refused, with the reason. Nobody who could say: to be tried again. """
    a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root])
    far = Attestd(tmp_path / "far", "unused", roots=[simulator.root], roles=("qvs",),
                  verify__tcs_url=f"https://localhost:{a.ports['tcs']}", verify__tcs_ca=a.dir / "attestd.pem")
    body = {"evidence": cmw(fixture.without_pck(simulator.quote(), 3, NAMED[3]))}
    for service in (a, far):
        r = service.call("qvs", "POST", "/qvs/v1/verify", body)
        assert r.status == 200 and r.json["verdict"] == "refused" and "type 3 " in r.json["reason"], r.text
    upstream.broken = True
    assert a.call("qvs", "POST", "/qvs/v1/verify", body).status == 200  # that nobody knows it is remembered for a while
    body = {"evidence": cmw(fixture.without_pck(simulator.quote(), 3, b"\x5b" * 384 + RAW_TCB))}
    for service in (a, far):
        r = service.call("qvs", "POST", "/qvs/v1/verify", body)
        assert (r.status, r.json["code"]) == (503, "collateral_unavailable"), r.text
    assert [x.stop() for x in (far, a)] == [0, 0]


def test_a_pck_certificate_from_a_cache_elsewhere(service, simulator, tmp_path):
    far = Attestd(tmp_path / "far", "unused", roots=[simulator.root], roles=("qvs",),
                  verify__tcs_url=f"https://localhost:{service.ports['tcs']}", verify__tcs_ca=service.dir / "attestd.pem")
    quote = bytearray(fixture.without_pck(simulator.quote(), 3, NAMED[3]))
    r = far.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(bytes(quote))})
    assert r.status == 200 and r.json["verdict"] == "verified", r.text
    at = 48 + 584 + 4 + 128 + 6 + 384  # in the signature that the platform's key made
    quote[at] ^= 1
    r = far.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(bytes(quote))}).json
    assert r["verdict"] == "refused" and any(c["check"] == "qe_report_signature" and c["outcome"] == "failed" for c in r["checks"])
    assert far.stop() == 0


def test_roles_apart(simulator, tmp_path):
    """The endorsement cache on one host, verification on another."""
    tcs = Attestd(tmp_path / "tcs", simulator.info["pcs"], roots=[simulator.root], roles=("tcs",))
    assert not tcs.children("zygote") and not tcs.children("issuer")
    a = Attestd(tmp_path / "as", "unused", roots=[simulator.root], roles=("qvs", "as"),
                verify__tcs_url=f"https://localhost:{tcs.ports['tcs']}", verify__tcs_ca=tcs.dir / "attestd.pem")
    quote = simulator.quote()
    assert a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)}).json["verdict"] == "verified"
    refused(a, a.call("as", "POST", "/as/v1/attest", {"evidence": cmw(quote)}), "policy_refused")
    # L9: a cache that is not who it should be gives nothing.
    b = Attestd(tmp_path / "b", "unused", roots=[simulator.root], roles=("qvs",),
                verify__tcs_url=f"https://localhost:{tcs.ports['tcs']}", verify__tcs_ca=a.dir / "attestd.pem")
    r = b.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote)})
    assert (r.status, r.json["code"]) == (503, "collateral_unavailable")
    assert [x.stop() for x in (a, b, tcs)] == [0, 0, 0]


def test_unknown_root_is_refused(simulator, tmp_path):
    a = Attestd(tmp_path / "a", simulator.info["pcs"])
    r = a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(simulator.quote())})
    assert r.status == 200 and r.json["verdict"] == "refused"
    assert a.stop() == 0


def test_health(service):
    for role in ("tcs", "qvs", "as"):
        r = service.call(role, "GET", "/health")
        assert r.status == 200 and (r.json["service"], r.json["status"]) == (role, "ok")


def test_nothing_is_left_running(simulator, tmp_path):
    a = Attestd(tmp_path / "a", simulator.info["pcs"], roots=[simulator.root])
    family = [a.process.pid, *a.children("attestd")]
    family += [p for c in a.children("zygote") for p in grandchildren(c)]
    assert len(family) >= 6
    os.kill(a.process.pid, signal.SIGKILL)  # not even told to stop
    a.process.wait()
    deadline = time.time() + 10
    while any(pathlib.Path(f"/proc/{p}").exists() for p in family) and time.time() < deadline:
        time.sleep(0.05)
    assert not [p for p in family if pathlib.Path(f"/proc/{p}").exists()]


@pytest.mark.parametrize("text,words", [("[tcs]\nnosuch = 1\n", "attestd.conf:2"), ("[qvs]\nport = 99999\n", "port"),
                                        ("[tcs]\nenabled = no\n", "tcs_url"),
                                        ("[verify]\nworker_deadline_ms = 0\n", "worker_deadline_ms")])
def test_configuration_errors(tmp_path, text, words):
    import subprocess
    path = tmp_path / "attestd.conf"
    path.write_text(text)
    done = subprocess.run([fixture.ATTESTD, "--config", path, "--check-config"], capture_output=True, text=True)
    assert done.returncode == 2 and words in done.stderr
