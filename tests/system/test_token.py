# SPDX-License-Identifier: Apache-2.0
"""Attestation tokens as a relying party meets them: nonces, audiences, keys that change, and libraries that are not ours."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import jwt
import pytest

import attestd_fixture as fixture
from attestd_fixture import Attestd, Key, Simulator, b64url, cmw, part

pytestmark = pytest.mark.sanitize

POLICY = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": False}, {"claim": "tcb_status", "equals": "UpToDate"}]}
RELYING = "https://relying.example"
GO = pathlib.Path(__file__).resolve().parent / "go_relying_party"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    s = Simulator(tmp_path_factory.mktemp("sim"))
    yield s
    s.close()


@pytest.fixture
def start(simulator, tmp_path):
    """Starts attestd with these settings of its role as, and a policy."""
    started = []

    def begin(name="a", **settings):
        a = Attestd(tmp_path / name, simulator.info["pcs"], roots=[simulator.root],
                    **{"as__audiences": f"warder-kbs {RELYING}", **settings})
        started.append(a)
        assert a.call("as", "POST", "/as/v1/policies", {"name": "good", "policy": POLICY}, a.token()).status == 201
        return a

    yield begin
    for a in started:
        if a.process.poll() is None:
            assert a.stop() == 0


@pytest.fixture(scope="module")
def service(simulator, tmp_path_factory):
    a = Attestd(tmp_path_factory.mktemp("attestd"), simulator.info["pcs"], roots=[simulator.root], as__audiences=f"warder-kbs {RELYING}",
                as__nonce_seconds=2)
    for tenant in ("default", "other"):
        assert a.call("as", "POST", "/as/v1/policies", {"name": "good", "policy": POLICY}, a.token(tenant=tenant)).status == 201
    yield a
    assert a.stop() == 0


def attest(a, quote, **members):
    return a.call("as", "POST", "/as/v1/attest", {"evidence": cmw(quote), "policy_ids": ["good"], **members})


def certs(a):
    r = a.call("as", "GET", "/as/v1/certs")
    assert r.status == 200 and r.getheader("Cache-Control")
    return r.json


def check(token, keys, audience="warder-kbs"):
    """What PyJWT says of a token, given the published keys and nothing of ours."""
    key = {k["kid"]: jwt.PyJWK(k) for k in keys["keys"]}[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(token, key.key, algorithms=[key.algorithm_name], audience=audience, issuer="warder-as",
                      options={"require": ["exp", "nbf", "iat", "jti", "aud", "iss"]})


def kid(token):
    return jwt.get_unverified_header(token)["kid"]


class Passport:
    """A client that gets a token for somebody by a nonce of the service's."""

    def __init__(self, service, tenant="default", audience=RELYING, data=b""):
        self.key, self.tenant, self.audience, self.data = Key(), tenant, audience, data
        r = service.call("as", "POST", "/as/v1/nonce", {"tenant": tenant, "audience": audience})
        assert r.status == 200 and r.getheader("Cache-Control") == "no-store", r.text
        self.answer, self.nonce = r.json, r.json["nonce"]

    def report_data(self, **changes):
        v = {"nonce": self.nonce, "tenant": self.tenant, "point": self.key.point, "data": self.data, **changes}
        parts = [b"warder-nonce-v1", v["nonce"].encode(), v["tenant"].encode(), v["point"], v["data"]]
        return hashlib.sha512(b"".join(part(p) for p in parts)).digest()

    def request(self, **changes):
        runtime = {"type": "nonce", "nonce": self.nonce, "signing_key": self.key.jwk}
        if self.data:
            runtime["data"] = b64url(self.data)
        return {"tenant": self.tenant, "audience": self.audience, "runtime_data": runtime, **changes}


# --- the token's shape ---

def test_shape(service, simulator):
    """An EAT in EAR's shape, beside it the claims that were verified."""
    r = attest(service, simulator.quote())
    assert r.status == 200, r.text
    claims = check(r.json["token"], certs(service))
    assert claims["eat_profile"] == "tag:warder.dev,2026:attestation-v1" and "cnf" not in claims and "eat_nonce" not in claims
    assert set(claims["ear.verifier-id"]) == {"developer", "build"}
    tee = claims["submods"]["tee"]
    assert tee["ear.status"] == "affirming" and tee["ear.appraisal-policy-id"] == claims["warder"]["policies"][0]["id"]
    # The root is named by configuration alone: nothing is said of the hardware, and of what runs no policy speaks.
    assert tee["ear.trustworthiness-vector"] == {"instance-identity": 2, "configuration": 2, "runtime-opaque": 2}
    assert claims["warder"]["claims"]["tee"] == "tdx" and claims["warder"]["verdict"] == "verified"


def test_measured_by_policy(service, simulator):
    """A policy that names the measurement in each alternative makes a claim of the executables; one that may do without it does not."""
    mrtd = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(simulator.quote())}).json["claims"]["mrtd"]
    named, other = {"claim": "mrtd", "equals": mrtd}, {"claim": "debug", "equals": False}
    for name, policy, says in (("m1", {"allOf": [named, other]}, 2), ("m2", {"anyOf": [{"allOf": [named]}, {"allOf": [other]}]}, None)):
        assert service.call("as", "POST", "/as/v1/policies", {"name": name, "policy": {"version": "1.0.0", **policy}}, service.token()).status == 201
        r = attest(service, simulator.quote(), policy_ids=[name])
        assert r.status == 200, r.text
        assert check(r.json["token"], certs(service))["submods"]["tee"]["ear.trustworthiness-vector"].get("executables") == says


def test_forged_tokens_fail(service, simulator):
    token = attest(service, simulator.quote()).json["token"]
    keys = certs(service)
    head, body, signature = token.split(".")
    changed = json.loads(fixture.b64url_bytes(body))
    changed["warder"]["claims"]["debug"] = True
    for bad in (f"{head}.{b64url(json.dumps(changed).encode())}.{signature}", f"{head}.{body}.{signature[::-1]}"):
        with pytest.raises(jwt.InvalidTokenError):
            check(bad, keys)
    with pytest.raises(jwt.InvalidAudienceError):
        check(token, keys, RELYING)


@pytest.mark.parametrize("algorithm", ["ES384", "PS384"])
def test_other_algorithms(start, simulator, algorithm):
    a = start(as__signing_algorithm=algorithm)
    token = attest(a, simulator.quote()).json["token"]
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    assert check(token, certs(a))["iss"] == "warder-as"
    (only,) = certs(a)["keys"]
    assert only["alg"] == algorithm


# --- audiences ---

def test_audiences(service, simulator):
    token = attest(service, simulator.quote(), audience=RELYING).json["token"]
    assert check(token, certs(service), RELYING)["aud"] == RELYING
    for path, body in (("/as/v1/attest", {"evidence": cmw(simulator.quote()), "audience": "https://unknown.example"}),
                       ("/as/v1/nonce", {"audience": "https://unknown.example"}), ("/as/v1/nonce", {"audience": ""})):
        r = service.call("as", "POST", path, body)
        assert (r.status, r.json["code"]) == (400, "audience_unknown"), r.text
    r = attest(service, simulator.quote(), audience="x" * 300)
    assert (r.status, r.json["code"]) == (400, "audience_unknown")


# --- nonces: the passport model ---

def test_passport(service, simulator):
    client = Passport(service, data=b"what the client wants bound")
    r = attest(service, simulator.quote(client.report_data()), **client.request())
    assert r.status == 200, r.text
    claims = check(r.json["token"], certs(service), RELYING)
    assert claims["eat_nonce"] == client.nonce and 8 <= len(client.nonce) <= 88
    assert claims["cnf"] == {"jkt": client.key.thumbprint, "jwk": client.key.jwk}
    # What the relying party does then: the client proves that it has the key that the token names.
    proof = client.key.jwt({"aud": RELYING, "iat": int(time.time())})
    assert jwt.decode(proof, jwt.PyJWK({**claims["cnf"]["jwk"], "alg": "ES256"}).key, algorithms=["ES256"], audience=RELYING)


def test_nonce_without_key(service, simulator):
    client = Passport(service)
    body = client.request()
    del body["runtime_data"]["signing_key"]
    r = attest(service, simulator.quote(client.report_data(point=b"")), **body)
    assert r.status == 200, r.text
    assert "cnf" not in check(r.json["token"], certs(service), RELYING)


def test_nonce_counts_once(service, simulator):  # L12
    client = Passport(service)
    quote = simulator.quote(client.report_data())
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: attest(service, quote, **client.request()), range(8)))
    assert sorted(r.status for r in answers) == [200] + [409] * 7
    assert {r.json["code"] for r in answers if r.status == 409} == {"nonce_spent"}
    r = attest(service, quote, **client.request())
    assert (r.status, r.json["code"]) == (409, "nonce_spent")


def test_a_nonce_has_one_spelling(service, simulator):
    """L21: what was used up is not accepted again with blanks, padding, another alphabet or other unused bits."""
    client = Passport(service)
    quote, nonce = simulator.quote(client.report_data()), client.nonce
    assert attest(service, quote, **client.request()).status == 200
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(nonce) % 4 == 3  # so its last letter has two bits to spare
    others = {" " + nonce, nonce + " ", nonce + "\n", nonce + "=", nonce + "A", nonce + "\u0000", nonce[:20] + "%2D" + nonce[20:], nonce.swapcase(),
              nonce.translate(str.maketrans("-_", "+/")) + " ", *(nonce[:-1] + letters[letters.index(nonce[-1]) ^ bits] for bits in (1, 2, 3))}
    for other in others:
        client.nonce = other
        r = attest(service, quote, **client.request())
        assert r.status == 400 and r.json["code"] in ("nonce_invalid", "malformed_request"), (other, r.text)
    client.nonce = nonce
    assert attest(service, quote, **client.request()).json["code"] == "nonce_spent"


def test_refused_evidence_leaves_the_nonce(service, simulator):  # L4
    client = Passport(service)
    r = attest(service, simulator.quote(bytes(64)), **client.request())
    assert (r.status, r.json["code"]) == (403, "evidence_refused")
    assert attest(service, simulator.quote(client.report_data()), **client.request()).status == 200


def test_nonce_expires(service, simulator):
    client = Passport(service)
    quote = simulator.quote(client.report_data())
    deadline = time.time() + 5
    while time.time() < deadline:
        r = attest(service, bytes(10), **client.request())  # refused, so it is not used up
        if r.status == 400:
            break
        time.sleep(0.2)
    r = attest(service, quote, **client.request())
    assert (r.status, r.json["code"]) == (400, "nonce_expired")


def test_someone_elses_nonce(service, simulator, start):  # L27
    """Another tenant's, another audience's, another service's, one that is made up: no use. Another client's: the evidence does not fit."""
    client, other = Passport(service), Passport(service)
    quote = simulator.quote(client.report_data())
    elsewhere = Passport(start("b"))
    runtime = client.request()["runtime_data"]
    for change in ({"tenant": "other"}, {"audience": "warder-kbs"}, {"runtime_data": {**runtime, "nonce": elsewhere.nonce}},
                   {"runtime_data": {**runtime, "nonce": "made-up"}}, {"runtime_data": {**runtime, "nonce": client.nonce[:-1] + "!"}}):
        r = attest(service, quote, **client.request(**change))
        assert (r.status, r.json["code"]) == (400, "nonce_invalid"), (change, r.text)
    r = attest(service, quote, **client.request(runtime_data={**runtime, "nonce": other.nonce}))
    assert (r.status, r.json["code"]) == (403, "evidence_refused")
    r = attest(service, quote, **client.request(runtime_data={**runtime, "signing_key": other.key.jwk}))
    assert (r.status, r.json["code"]) == (403, "evidence_refused")
    r = attest(service, quote, **client.request(runtime_data={**runtime, "data": b64url(b"more")}))
    assert (r.status, r.json["code"]) == (403, "evidence_refused")
    assert attest(service, quote, **client.request()).status == 200


def test_nonces_outlive_a_restart(start, simulator):
    a = start()
    client, used = Passport(a), Passport(a)
    assert attest(a, simulator.quote(used.report_data()), **used.request()).status == 200
    assert a.stop() == 0
    a.start()
    assert attest(a, simulator.quote(used.report_data()), **used.request()).json["code"] == "nonce_spent"
    assert attest(a, simulator.quote(client.report_data()), **client.request()).status == 200


@pytest.mark.parametrize("body", [{"tenant": ""}, {"tenant": "x" * 65}, {"audience": 5}, {"more": 1}, []])
def test_malformed_nonce_requests(service, body):
    r = service.call("as", "POST", "/as/v1/nonce", body)
    assert (r.status, r.json["code"]) == (400, "malformed_request")


# --- keys that change ---

def wait_until(what, seconds=15):
    deadline = time.time() + seconds
    while time.time() < deadline:
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it does not come")


def kids(a):
    return [k["kid"] for k in certs(a)["keys"]]


def pinned(a):
    return json.loads((a.dir / "as-jwks.json").read_text())


def test_rotation_on_command(start, simulator):
    """SIGUSR1: the next key is published, later it signs; nothing is lost under load, and old tokens stay good, also over a restart."""
    a = start(as__announce_minutes=0)
    before = attest(a, simulator.quote()).json["token"]
    (old,) = kids(a)
    quote = simulator.quote()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(attest, a, quote) for _ in range(40)]
        os.kill(a.process.pid, signal.SIGUSR1)
        answers = [x.result() for x in asked]
    assert {r.status for r in answers} == {200}
    wait_until(lambda: len(kids(a)) == 2)
    new = kids(a)[0]
    assert new != old and kids(a)[1] == old and pinned(a) == certs(a)
    after = attest(a, quote).json["token"]
    assert kid(after) == new and kid(before) == old
    for token in (before, after, *(r.json["token"] for r in answers)):
        check(token, certs(a))
    assert a.stop() == 0
    a.start()
    assert kids(a) == [new, old] and check(before, certs(a)) and check(attest(a, quote).json["token"], certs(a))
    files = {p.name: p.stat().st_mode & 0o777 for p in a.dir.glob("signing.key*")}
    assert files == {"signing.key": 0o600, "signing.key.state": 0o600}


def test_next_key_is_announced_before_it_signs(start, simulator):
    a = start(as__announce_minutes=60)
    (old,) = kids(a)
    os.kill(a.process.pid, signal.SIGUSR1)
    wait_until(lambda: len(kids(a)) == 2)
    coming = kids(a)[1]
    assert kids(a)[0] == old and pinned(a) == certs(a)
    assert kid(attest(a, simulator.quote()).json["token"]) == old
    # An hour passes.
    change_state(a, lambda s: s.update(next_from=int(time.time()) + 2))
    wait_until(lambda: kids(a)[0] == coming)
    assert kids(a) == [coming, old] and kid(attest(a, simulator.quote()).json["token"]) == coming


def change_state(a, change):
    """What the issuer remembers, changed while nothing runs."""
    assert a.stop() == 0
    path = a.dir / "signing.key.state"
    state = json.loads(path.read_text())
    change(state)
    path.write_text(json.dumps(state))
    a.start()


def test_rotation_by_schedule(start, simulator):
    """The running service changes keys by itself when the time comes, and forgets one whose tokens have all expired."""
    a = start(as__rotate_days=1, as__announce_minutes=0)
    token = attest(a, simulator.quote()).json["token"]
    (old,) = kids(a)
    change_state(a, lambda s: s.update(since=int(time.time()) - 86400 + 2))
    assert kids(a) == [old]
    wait_until(lambda: len(kids(a)) == 2)
    assert kids(a)[1] == old and check(token, certs(a))
    change_state(a, lambda s: s["retired"][0].update(until=int(time.time()) + 2))
    assert len(kids(a)) == 2
    wait_until(lambda: len(kids(a)) == 1)
    assert kids(a) != [old]
    with pytest.raises(KeyError):
        check(token, certs(a))


# --- health ---

def test_health_says_what_is_down(start):
    a = start(verify__worker_deadline_ms=500)
    r = a.call("as", "GET", "/health")
    assert (r.status, r.json["status"], r.json["parts"]) == (200, "ok", {"verifier": "ok", "issuer": "ok"})
    assert a.call("qvs", "GET", "/health").json["parts"] == {"verifier": "ok"}
    for child, parts in (("issuer", {"verifier": "ok", "issuer": "down"}), ("zygote", {"verifier": "down", "issuer": "down"})):
        (pid,) = a.children(child)
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: a.call("as", "GET", "/health").status == 503)
        assert a.call("as", "GET", "/health").json["parts"] == parts
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: a.call("as", "GET", "/health").status == 200)


# --- a relying party in another language, by a library of others ---

def go_program():
    if not shutil.which("go"):
        pytest.skip("no Go here: `packaging/setup.sh` does not install it, since it would be some 400 MB for this one test")
    target = fixture.BUILD / "go_relying_party"
    env = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    done = subprocess.run(["go", "build", "-o", target, "."], cwd=GO, env=env, capture_output=True, text=True, timeout=300)
    if done.returncode and "dial tcp" in done.stderr:
        pytest.skip("the Go module proxy cannot be reached")
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "PS384"])
def test_a_go_library_agrees(start, simulator, algorithm):
    program = go_program()
    a = start(as__signing_algorithm=algorithm)

    def verdict(token, audience):
        given = json.dumps({"token": token, "jwks": certs(a), "audience": audience, "issuer": "warder-as"})
        return subprocess.run([program], input=given, capture_output=True, text=True, timeout=30)

    client = Passport(a)
    token = attest(a, simulator.quote(client.report_data()), **client.request()).json["token"]
    done = verdict(token, RELYING)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["algorithm"] == algorithm and said["status"] == "affirming" and said["nonce"] == client.nonce
    assert said["confirmation"] == client.key.thumbprint  # computed there from cnf.jwk
    assert verdict(token, "warder-kbs").returncode == 1
    head, body, signature = token.split(".")
    assert verdict(f"{head}.{body[:-4]}AAAA.{signature}", RELYING).returncode == 1
