# SPDX-License-Identifier: Apache-2.0
"""The endorsement cache in full: as a PCCS and a KDS, its upstreams, its memory, archives, forecast."""
import hashlib
import json
import pathlib
import re
import sqlite3
import time

import pytest

import attestd_fixture as fixture
import simulator as teesim
from attestd_fixture import Attestd, Upstream, cmw

RECORDED = fixture.ROOT.parent / "shared/vectors/pccs-recorded"
if not RECORDED.exists():
    RECORDED = pathlib.Path("/work/shared/vectors/pccs-recorded")
recorded = pytest.mark.skipif(not RECORDED.exists(), reason="recorded exchanges are not here")
ZEROS = "0" * 768
USER, ADMIN = "us3rToken", "adm1nToken"


def sha512(text):
    return hashlib.sha512(text.encode()).hexdigest()


TOKENS = {"tcs__user_token_hash": sha512(USER), "tcs__admin_token_hash": sha512(ADMIN)}
WAITING = {"qe_id": "e5" * 16, "pce_id": "0000", "cpu_svn": "0e0e0303ffff01000000000000000000", "pce_svn": "0d00",
           "enc_ppid": "ab" * 384, "platform_manifest": ""}


def body_of(exchange):
    """What was sent in a recorded exchange, of which only the size is known."""
    size = exchange["body_bytes"]
    if exchange["path"].endswith("/platforms"):
        return {2: b"{}", 4: b"null"}.get(size) or json.dumps(WAITING).encode()
    return {2: b"{}"}.get(size) or (b"[" + b" " * (size - 2) + b"]" if size > 1_000_000 else
                                    (RECORDED / "platformcollateral-request.json").read_bytes())


@recorded
def test_as_intels_pccs_answers(tmp_path):
    """Every exchange recorded from Intel's PCCS, filled as that one was: status, headers, body."""
    a = Attestd(tmp_path / "a", "", roles=("tcs",), **TOKENS)
    upload = (RECORDED / "platformcollateral-request.json").read_bytes()
    r = a.call("tcs", "PUT", "/sgx/certification/v4/platformcollateral", upload, headers={"admin-token": ADMIN})
    assert (r.status, r.text) == (200, b"Operation successful."), "".join(a.log[-5:])
    for e in json.loads((RECORDED / "index.json").read_text()):
        path = e["path"].replace("<768 zeros>", ZEROS)
        body = body_of(e) if e["body_bytes"] else None
        r = a.call("tcs", e["method"], path, body, headers=e["request_headers"])
        assert r.status == e["status"], (e["n"], e["path"])
        assert r.text == (RECORDED / f"{e['n']:02}.body").read_bytes(), (e["n"], e["path"])
        for key, value in e["headers"]:
            assert r.getheader(key) == value, (e["n"], e["path"], key)
        assert len(r.getheader("Request-ID")) == 32
    assert a.stop() == 0


FMSPC = fixture.SIM_FMSPC
TCB = f"/tdx/certification/v4/tcb?fmspc={FMSPC}"
STANDARD = TCB + "&update=standard"
RULES = ("collateral:*",)


def tcs_token(service, rules=RULES):
    return service.token(permissions=[{"service": "TCS", "context": "", "rules": list(rules)}])


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    s = teesim.Simulator(tmp_path_factory.mktemp("teesim"))
    s.info, s.root = s.ready, s.ready["root"]
    yield s
    s.stop()


@pytest.fixture()
def upstream(simulator):
    u = Upstream().record_from(simulator.info["pcs"])
    yield u
    u.close()


def dead_url():
    """Nobody listens there."""
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}"


def until(condition, seconds=20):
    deadline = time.time() + seconds
    while time.time() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError("it did not come about")


# --- what the QPL and the PCK ID retrieval tool send

QPL = ["/sgx/certification/v4/pckcrl?ca=platform&encoding=der", f"/sgx/certification/v4/tcb?fmspc={FMSPC}&update=standard",
       f"/tdx/certification/v4/tcb?fmspc={FMSPC}&update=standard", "/sgx/certification/v4/qe/identity?update=standard",
       "/tdx/certification/v4/qe/identity?update=standard",
       "/sgx/certification/v4/crl?uri=https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
       "/sgx/certification/v4/pckcrl?ca=processor", "/sgx/certification/v4/rootcacrl"]


def test_requests_of_the_quote_provider_library(simulator, tmp_path):
    """Its requests in modes 3.0 and 3.1; the answers within its limits: 200, a chain in one line, below 64 KiB."""
    a = Attestd(tmp_path / "a", simulator.info["pcs"], roots=[simulator.root], roles=("tcs",))
    for path in QPL:
        r = a.call("tcs", "GET", path)
        chain = [v for k, v in r.getheaders() if k.lower().endswith("issuer-chain")]
        assert r.status == 200 and r.text, path
        assert len(chain) == (0 if "root" in path.lower() else 1), path
        assert len(r.text) + sum(map(len, chain)) + 2 < 65536
    raw = f"qeid={'A1' * 16}&encrypted_ppid={ZEROS}&cpusvn={'FF' * 16}&pcesvn=FFFF&pceid=0000"
    r = a.call("tcs", "GET", f"/sgx/certification/v4/pckcert?{raw}")
    assert r.status == 200 and r.text.startswith(b"-----BEGIN CERTIFICATE-----")
    assert len(r.getheader("SGX-TCBm")) == 36 and r.getheader("SGX-FMSPC") == FMSPC
    assert r.getheader("SGX-PCK-Certificate-CA-Type") in ("PLATFORM", "PROCESSOR")
    assert r.getheader("SGX-PCK-Certificate-Issuer-Chain").count("BEGIN%20CERT") == 2
    # It is kept: the upstream may go, the process may restart.
    assert a.stop() == 0
    text = a.config.read_text().replace(simulator.info["pcs"], dead_url())
    a.config.write_text(text)
    a.start()
    assert a.call("tcs", "GET", f"/sgx/certification/v4/pckcert?{raw}").text == r.text
    # Another platform that nobody can tell of.
    assert a.call("tcs", "GET", f"/sgx/certification/v4/pckcert?{raw.replace('A1', 'B2')}").status == 502
    assert a.stop() == 0


def test_raw_tcbs_that_are_remembered_are_few(simulator, tmp_path):
    """L53: anybody can make them up, in a request or in a quote. All are answered; no more than 64 of a platform are kept."""
    a = Attestd(tmp_path / "a", simulator.info["pcs"], roots=[simulator.root], roles=("tcs",))
    for n in range(70):
        r = a.call("tcs", "GET", f"/sgx/certification/v4/pckcert?qeid={'A1' * 16}&cpusvn={'FF' * 15}{0xff - n:02X}&pcesvn=FFFF&pceid=0000")
        assert r.status == 200, n
    assert a.stop() == 0
    with sqlite3.connect(tmp_path / "a/tcs.db") as db:
        assert db.execute("SELECT COUNT(*) FROM raw_tcb").fetchone() == (64,)


def test_platforms_that_are_made_up(simulator, tmp_path):
    """Anybody can make up QE ids, encrypted PPIDs, chips and families: an upstream is asked so often and no more; what is known is served."""
    upstream = Upstream().record_from(simulator.info["pcs"])
    a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root], roles=("tcs",), tcs__unknown_per_minute=5)

    def pck(qe_id, ppid="ab" * 384):
        return a.call("tcs", "GET", f"/sgx/certification/v4/pckcert?qeid={qe_id}&encrypted_ppid={ppid}&cpusvn={'FF' * 16}&pcesvn=FFFF&pceid=0000")

    assert a.call("tcs", "GET", TCB).status == 200  # the first of five: nothing is known yet
    upstream.hits.clear()
    assert [pck("A1").status for _ in range(20)] == [404] * 20  # that it has nothing is remembered
    assert upstream.count() == 1
    assert pck("A1", "cd" * 384).status == 404 and upstream.count() == 2  # with another PPID it is another question
    answers = [pck(f"B{n:02}") for n in range(20)]
    few = upstream.count()
    assert 4 <= few <= 6  # a minute of a slow machine may bring one or two more
    assert [r.status for r in answers].count(404) == few - 2
    late = next(r for r in answers if r.status != 404)
    assert late.status == 503 and 1 <= int(late.getheader("Retry-After")) <= 13
    for path in ["/vcek/v1/Milan/" + "5a" * 64, TCB.replace("54454553494D", "00806F050000")]:
        chip = a.call("tcs", "GET", path)
        assert chip.status in (503, 404)
    assert upstream.count() <= few + 2
    assert pck("A1").status == 404 and a.call("tcs", "GET", TCB).status == 200
    assert a.stop() == 0
    upstream.close()


def test_pck_certificates_are_verified(simulator, tmp_path):
    """A certificate that rests on no trusted root is not kept, nor served."""
    a = Attestd(tmp_path / "a", simulator.info["pcs"], roles=("tcs",))
    r = a.call("tcs", "GET", f"/sgx/certification/v4/pckcert?qeid={'A1' * 16}&cpusvn={'FF' * 16}&pcesvn=FFFF&pceid=0000")
    assert r.status == 502
    assert a.stop() == 0


class Pcs(Upstream):
    """Intel's PCS with a subscription key: all certificates of a platform at once."""

    def __init__(self, simulator, key):
        super().__init__()
        self.record_from(simulator.info["pcs"])
        self.key, self.asked = key, []
        import http.client
        c = http.client.HTTPConnection(simulator.info["pcs"].split("//")[1])
        c.request("GET", f"/sgx/certification/v4/pckcert?cpusvn={'FF' * 16}&pcesvn=FFFF&pceid=0000&encrypted_ppid={'ab' * 384}")
        r = c.getresponse()
        pem = r.read().decode()
        import urllib.parse
        self.headers = {k: v for k, v in r.getheaders() if k.startswith("SGX-") and k != "SGX-TCBm"}
        self.listed = json.dumps([{"tcb": {}, "tcbm": r.getheader("SGX-TCBm"), "cert": urllib.parse.quote(pem)},
                                  {"tcb": {}, "tcbm": "00" * 18, "cert": "Not available"}]).encode()
        outer, handler = self, self.server.RequestHandlerClass
        plain = handler.do_GET

        def do_GET(h):
            if "/pckcerts" not in h.path:
                return plain(h)
            outer.asked.append(h.path)
            good = h.headers.get("Ocp-Apim-Subscription-Key") == outer.key
            h.send_response(200 if good else 401)
            for name, value in outer.headers.items():
                h.send_header(name, value)
            h.send_header("Content-Length", str(len(outer.listed) if good else 0))
            h.end_headers()
            if good:
                h.wfile.write(outer.listed)
        handler.do_GET = do_GET


def test_registration_with_an_api_key(simulator, tmp_path):
    """A platform that registers is provided for at once; the key goes to the first upstream alone."""
    pcs = Pcs(simulator, "s3cret")
    key = tmp_path / "api-key"
    key.write_text("s3cret\n")
    key.chmod(0o600)
    a = Attestd(tmp_path / "a", pcs.url, roots=[simulator.root], roles=("tcs",), tcs__upstream_api_key=key, **TOKENS)
    platform = {**WAITING, "cpu_svn": "ff" * 16, "pce_svn": "ffff"}
    path = "/sgx/certification/v4/platforms"
    assert a.call("tcs", "POST", path, platform, headers={"user-token": ADMIN}).status == 401
    assert a.call("tcs", "POST", path, platform, headers={"user-token": USER}).status == 200
    assert pcs.asked == [f"/sgx/certification/v4/pckcerts?encrypted_ppid={'ab' * 384}&pceid=0000"]
    assert a.call("tcs", "GET", path, headers={"admin-token": ADMIN}).json == []
    r = a.call("tcs", "GET", f"/sgx/certification/v4/pckcert?qeid={'e5' * 16}&cpusvn={'ff' * 16}&pcesvn=ffff&pceid=0000")
    assert r.status == 200 and len(pcs.asked) == 1
    listed = a.call("tcs", "GET", f"{path}?source=[{FMSPC.lower()}]", headers={"admin-token": ADMIN})
    assert listed.getheader("platform-count") == "1" and listed.json[0]["qe_id"] == "E5" * 16
    # A raw TCB that no certificate suits.
    r = a.call("tcs", "GET", f"/sgx/certification/v4/pckcert?qeid={'e5' * 16}&cpusvn={'00' * 16}&pcesvn=0000&pceid=0000")
    assert (r.status, r.text) == (404, b"No cache data for this platform.") and len(pcs.asked) == 1
    assert "s3cret" not in "".join(a.log)
    assert a.stop() == 0
    pcs.close()


def test_an_api_key_that_others_can_read_is_refused(simulator, tmp_path):
    key = tmp_path / "api-key"
    key.write_text("s3cret\n")
    key.chmod(0o644)
    with pytest.raises(AssertionError, match="does not start"):
        Attestd(tmp_path / "a", "", roles=("tcs",), tcs__upstream_api_key=key)


# --- upstreams

def test_upstreams_in_their_order(simulator, upstream, tmp_path):
    """The first does not answer, the second has nothing, the third has it; the first is left alone meanwhile."""
    empty = Upstream()
    a = Attestd(tmp_path / "a", f"{dead_url()} {empty.url} {upstream.url}", roots=[simulator.root], roles=("tcs",))
    for path in QPL[:5]:
        assert a.call("tcs", "GET", path).status == 200, path
    assert empty.count() == 5 and a.call("tcs", "GET", "/health").json["parts"]["upstream"] == "ok"
    empty.close()
    assert a.stop() == 0


def test_an_untrusted_upstream_is_passed_over(simulator, upstream, tmp_path):
    """The second upstream's good answer counts, not the first one's forgery."""
    forger = Upstream()
    status, headers, body = upstream.answers[STANDARD]
    forger.answers[STANDARD] = (status, headers, body.replace(b'"tcbEvaluationDataNumber":', b'"tcbEvaluationDataNumber":9'))
    a = Attestd(tmp_path / "a", f"{forger.url} {upstream.url}", roots=[simulator.root], roles=("tcs",))
    r = a.call("tcs", "GET", TCB)
    assert r.status == 200 and r.text == body
    forger.close()
    assert a.stop() == 0


def test_an_error_that_may_pass_is_asked_again(simulator, upstream, tmp_path):
    upstream.broken = True
    a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root], roles=("tcs",))
    assert a.call("tcs", "GET", TCB).status == 503
    assert upstream.hits[STANDARD] == 2
    upstream.broken = False
    assert until(lambda: a.call("tcs", "GET", TCB).status == 200)
    assert a.stop() == 0


def test_an_upstream_that_is_asked_too_much_is_left_alone(simulator, upstream, tmp_path):
    """Vendors shut out who goes on asking: whoever names many chips to us must not bring that about."""
    full = Upstream()
    full.broken = 429
    a = Attestd(tmp_path / "a", f"{full.url} {upstream.url}", roots=[simulator.root], roles=("tcs",))
    for path in QPL[:5]:
        assert a.call("tcs", "GET", path).status == 200, path
    assert 1 <= full.count() < 5, "once, and not again at once; no more than a machine's slowness allows"
    full.close()
    assert a.stop() == 0


def test_a_slow_upstream_costs_its_time_out_once(simulator, upstream, tmp_path):
    slow = Upstream()
    slow.delay = 30
    a = Attestd(tmp_path / "a", f"{slow.url} {upstream.url}", roots=[simulator.root], roles=("tcs",), tcs__upstream_timeout_ms=1500)
    begin = time.time()
    for path in QPL[:5]:
        assert a.call("tcs", "GET", path).status == 200, path
    assert time.time() - begin < 6
    slow.close()
    assert a.stop() == 0


# --- its memory

@pytest.fixture()
def generations(simulator):
    """What the simulator's vendor has issued before, and what it issues now."""
    number = simulator.control()["collateral"]["evaluation_number"]
    old = Upstream().record_from(simulator.info["pcs"])
    time.sleep(1.1)
    simulator.control(collateral={"evaluation_number": number + 1})
    new = Upstream().record_from(simulator.info["pcs"])
    assert json.loads(old.answers[STANDARD][2])["tcbInfo"]["tcbEvaluationDataNumber"] == number
    yield old, new
    old.close()
    new.close()


def number_of(service):
    return service.call("tcs", "GET", TCB).json["tcbInfo"]["tcbEvaluationDataNumber"]


def refresh(service, item=f"tdx/tcb/{FMSPC}/standard"):
    r = service.call("tcs", "POST", "/tcs/v1/collateral/refresh", {"item": item}, bearer=tcs_token(service))
    assert r.status == 200
    return r.json["items"][0]


def test_rollback_is_refused(simulator, generations, tmp_path):
    """L42: an older one, however well signed, is not taken after a newer one was seen; nor after a restart, nor after the newer one is gone."""
    old, new = generations
    current = new.answers[STANDARD]
    a = Attestd(tmp_path / "a", new.url, roots=[simulator.root], roles=("tcs",))
    newest = number_of(a)
    new.answers.update(old.answers)
    assert refresh(a)["detail"] == "this collateral is older than what was seen before"
    assert number_of(a) == newest and a.call("tcs", "GET", "/health").json["parts"]["upstream"] == "failing"
    a.stop()
    a.start()
    assert refresh(a)["result"] == "failed" and number_of(a) == newest
    # The two channels are different things: early may be ahead.
    new.answers[TCB + "&update=early"] = old.answers[STANDARD]
    assert a.call("tcs", "GET", TCB + "&update=early").status == 200
    new.answers[STANDARD] = current
    assert refresh(a)["result"] == "ok"
    assert a.stop() == 0


def test_renewed_before_its_end(simulator, upstream, tmp_path):
    """In the last quarter of its life a thing is asked for by itself; what nears its end is told."""
    simulator.control(collateral={"issued_ago": 60, "lifetime": 90})
    try:
        upstream.record_from(simulator.info["pcs"])
        a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root], roles=("tcs",))
        assert a.call("tcs", "GET", TCB).status == 200
        health = a.call("tcs", "GET", "/health").json
        assert health["parts"]["collateral"] == "ending" and health["near_their_end"][0]["item"] == f"tdx/tcb/{FMSPC}/standard"
        assert until(lambda: any("collateral nears its end" in line for line in a.log))
        hits = upstream.count()
        simulator.control(collateral={"issued_ago": 60, "lifetime": 30 * 86400})
        upstream.record_from(simulator.info["pcs"])
        until(lambda: a.call("tcs", "GET", "/health").json["parts"]["collateral"] == "ok", 30)
        assert upstream.count() > hits and "warder_tcs_items_ending 0" in a.call("tcs", "GET", "/metrics").text.decode()
        assert a.stop() == 0
    finally:
        simulator.control(collateral={"issued_ago": 60, "lifetime": 30 * 86400})


def test_past_its_date_it_is_served_only_as_the_source_has_it(simulator, upstream, tmp_path):
    simulator.control(collateral={"issued_ago": 60, "lifetime": 61})
    try:
        upstream.record_from(simulator.info["pcs"])
        a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root], roles=("tcs",))
        assert a.call("tcs", "GET", TCB).status == 200
        time.sleep(2)
        assert a.call("tcs", "GET", TCB).status == 200  # the upstream has nothing newer
        upstream.broken = True
        assert a.call("tcs", "GET", TCB).status == 503  # now it cannot say so: the date decides
        assert a.call("tcs", "GET", "/health").status == 503
        assert a.stop() == 0
    finally:
        simulator.control(collateral={"issued_ago": 60, "lifetime": 30 * 86400})


# --- archives

def archive_settings(folder):
    return {"tcs__archive_key": folder / "archive.key", "tcs__archive_jwks_file": folder / "archive-jwks.json"}


def export(service):
    r = service.call("tcs", "GET", "/tcs/v1/collateral/export", bearer=tcs_token(service))
    assert r.status == 200
    return r.json


def bring(service, archive):
    return service.call("tcs", "POST", "/tcs/v1/collateral/import", archive, bearer=tcs_token(service))


def test_a_cache_across_an_air_gap(simulator, tmp_path):
    """Filled on one side, carried over, served on the other, where no upstream is; verification works there."""
    connected, isolated = tmp_path / "a", tmp_path / "b"
    for folder in (connected, isolated):
        folder.mkdir()
    a = Attestd(connected, simulator.info["pcs"], roots=[simulator.root], roles=("tcs",), **archive_settings(connected))
    raw = f"/sgx/certification/v4/pckcert?qeid={'A1' * 16}&cpusvn={'FF' * 16}&pcesvn=FFFF&pceid=0000"
    for path in [*QPL, raw]:
        assert a.call("tcs", "GET", path).status == 200
    archive = export(a)
    b = Attestd(isolated, "", roots=[simulator.root], tcs__archive_signers=connected / "archive-jwks.json")
    assert b.call("tcs", "GET", TCB).status == 404 and b.call("tcs", "GET", raw).status == 461
    r = bring(b, archive)
    assert r.status == 200 and r.json["items"] == len(archive["content"]["items"]) and r.json["platforms"] == 1
    for path in [*QPL, raw]:
        assert b.call("tcs", "GET", path).text == a.call("tcs", "GET", path).text, path
    quote = simulator.dir / "quote"
    fixture.subprocess.run([fixture.TEESIM, "quote", "--dir", simulator.dir, "--tee", "tdx4", "-o", quote], check=True)
    r = b.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote.read_bytes())})
    assert r.json["verdict"] == "verified"
    assert bring(b, archive).status == 200  # once more is the same
    assert [x.stop() for x in (a, b)] == [0, 0]


def test_an_archive_that_does_not_verify_changes_nothing(simulator, generations, tmp_path):
    old, new = generations
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    a = Attestd(folders[0], old.url, roots=[simulator.root], roles=("tcs",), **archive_settings(folders[0]))
    c = Attestd(folders[2], old.url, roots=[simulator.root], roles=("tcs",), **archive_settings(folders[2]))
    for path in QPL[:5]:
        assert a.call("tcs", "GET", path).status == c.call("tcs", "GET", path).status == 200
    good, stranger = export(a), export(c)
    b = Attestd(folders[1], "", roots=[simulator.root], roles=("tcs",), tcs__archive_signers=folders[0] / "archive-jwks.json")

    def refused(archive, words):
        r = bring(b, archive)
        assert (r.status, r.json["code"]) == (409, "archive_refused") and words in r.json["detail"], r.json
        assert b.call("tcs", "GET", "/tcs/v1/collateral", bearer=tcs_token(b)).json["items"] == []

    refused(stranger, "nobody")
    changed = json.loads(json.dumps(good))
    changed["content"]["items"][0]["body"] += "AAAA"
    refused(changed, "not what was signed")
    refused({**good, "signature": good["signature"][:-4] + "AAAA"}, "")
    assert bring(b, b"{").status == 409 and bring(b, {"signature": 1}).status == 409
    assert b.call("tcs", "POST", "/tcs/v1/collateral/import", good, bearer=tcs_token(b, ["collateral:search"])).status == 403
    assert b.call("tcs", "POST", "/tcs/v1/collateral/import", good).status == 401
    # Whoever may sign archives vouches for nothing in them: another root's collateral stays out.
    foreign = Attestd(tmp_path / "d", "", roles=("tcs",), tcs__archive_signers=folders[0] / "archive-jwks.json")
    r = bring(foreign, good)
    assert r.status == 409 and "trusted" in r.json["detail"] and foreign.stop() == 0
    assert bring(b, good).status == 200
    # L42: an older archive after a newer one.
    a.stop()
    a.config.write_text(a.config.read_text().replace(old.url, new.url))
    a.start()
    for item in ("sgx", "tdx"):
        assert refresh(a, f"{item}/tcb/{FMSPC}/standard")["result"] == "ok"
    newer = export(a)
    assert bring(b, newer).status == 200
    newest = number_of(b)
    r = bring(b, good)
    assert r.status == 409 and "older" in r.json["detail"] and f"tcb/{FMSPC}/standard" in r.json["detail"] and number_of(b) == newest
    b.stop()
    b.start()
    assert bring(b, good).status == 409 and number_of(b) == newest
    assert [x.stop() for x in (a, b, c)] == [0, 0, 0]


def test_archives_need_their_keys(simulator, tmp_path):
    a = Attestd(tmp_path / "a", simulator.info["pcs"], roots=[simulator.root], roles=("tcs",))
    assert a.call("tcs", "GET", "/tcs/v1/collateral/export", bearer=tcs_token(a)).json["code"] == "archive_key_missing"
    assert bring(a, {}).json["code"] == "archive_signers_missing"
    assert a.stop() == 0


def test_an_instance_reads_its_own_archive(simulator, tmp_path):
    """A backup: the set of signers is the one that the first start writes."""
    a = Attestd(tmp_path, simulator.info["pcs"], roots=[simulator.root], roles=("tcs",), **archive_settings(tmp_path),
                tcs__archive_signers=tmp_path / "archive-jwks.json")
    assert a.call("tcs", "GET", TCB).status == 200
    archive = export(a)
    assert a.stop() == 0
    (tmp_path / "tcs.db").unlink()
    a.start()
    assert bring(a, archive).json["items"] == len(archive["content"]["items"]) > 0
    assert a.stop() == 0


# --- forecast

def sign_tcb_info(simulator, answer, change):
    """The document of an answer, changed and signed by the simulator's vendor."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils
    status, headers, body = answer
    document = json.loads(body)["tcbInfo"]
    change(document)
    inner = json.dumps(document, separators=(",", ":"))
    pem = next(p for p in (simulator.dir / "pki").glob("*sign*.key")).read_bytes()
    key = serialization.load_pem_private_key(pem, None)
    r, s = utils.decode_dss_signature(key.sign(inner.encode(), ec.ECDSA(hashes.SHA256())))
    return status, headers, f'{{"tcbInfo":{inner},"signature":"{r:064x}{s:064x}"}}'.encode()


def test_forecast(simulator, upstream, tmp_path):
    """The platform that has attested, its status now, and the worse one that the early TCB info already gives."""
    def outdated(document):
        document["tcbEvaluationDataNumber"] += 1
        document["tcbLevels"][0]["tcb"]["pcesvn"] = 65535
    upstream.answers[TCB + "&update=early"] = sign_tcb_info(simulator, upstream.answers[STANDARD], outdated)
    a = Attestd(tmp_path / "a", upstream.url, roots=[simulator.root])
    quote = simulator.dir / "quote-forecast"
    for _ in range(2):  # each with a PCK certificate that was issued anew
        fixture.subprocess.run([fixture.TEESIM, "quote", "--dir", simulator.dir, "--tee", "tdx4", "-o", quote], check=True)
        assert a.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw(quote.read_bytes())}).json["verdict"] == "verified"

    def ask():
        r = a.call("tcs", "GET", "/tcs/v1/forecast", bearer=tcs_token(a))
        assert r.status == 200
        return r.json if r.json["platforms"] else None
    forecast = until(ask)
    standard = json.loads(upstream.answers[STANDARD][2])["tcbInfo"]
    ends = {row["item"]: row["ends"] for row in forecast["items"]}
    assert ends[f"tdx/tcb/{FMSPC}/standard"] == standard["nextUpdate"]
    assert [row["ends"] for row in forecast["items"]] == sorted(ends.values())
    (platform,) = forecast["platforms"]
    assert (platform["source"], platform["fmspc"], platform["status"]["tdx"]) == ("attested", FMSPC, "UpToDate")
    assert platform["ends"] <= standard["nextUpdate"] and platform["because"]
    assert platform["worsens"] == [{"tee": "tdx", "to": "SWHardeningNeeded", "number": standard["tcbEvaluationDataNumber"] + 1,
                                    "from": standard["nextUpdate"]}]
    assert a.stop() == 0


def test_who_may_look_into_the_cache(simulator, tmp_path):
    a = Attestd(tmp_path / "a", simulator.info["pcs"], roots=[simulator.root], roles=("tcs",))
    for method, path in (("GET", "/tcs/v1/collateral"), ("GET", "/tcs/v1/forecast"), ("POST", "/tcs/v1/collateral/refresh"),
                         ("GET", "/tcs/v1/collateral/export"), ("POST", "/tcs/v1/collateral/import")):
        assert a.call("tcs", method, path).status == 401
        assert a.call("tcs", method, path, bearer=tcs_token(a, ["policies:*"])).status == 403
        assert a.call("tcs", method, path, bearer="x.y.z").status == 401
    assert a.stop() == 0


# --- the command line

def cli(service, *arguments, status=0):
    config = service.dir / "cli.conf"
    token = service.dir / "token"
    token.write_text(tcs_token(service))
    token.chmod(0o600)
    config.write_text(f"[services]\ntcs = https://localhost:{service.ports['tcs']}\n[tls]\nca = {service.dir}/attestd.pem\n"
                      f"[login]\ntoken_file = {token}\n")
    done = fixture.subprocess.run([teesim.WARDER, *map(str, arguments), "--config", config], text=True, capture_output=True, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_command_line(simulator, tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    a = Attestd(tmp_path / "a", simulator.info["pcs"], roots=[simulator.root], roles=("tcs",), **archive_settings(tmp_path / "a"))
    for path in QPL:
        a.call("tcs", "GET", path)
    said = cli(a, "collateral", "list")
    assert f"tdx/tcb/{FMSPC}/standard" in said and "pckcrl/platform" in said and "ENDS" in said
    assert "ok" in cli(a, "collateral", "refresh", "--item", "rootcacrl")
    assert "failed" not in cli(a, "collateral", "refresh")
    assert "malformed_request" in cli(a, "collateral", "refresh", "--item", "nosuch", status=1)
    assert "rootcacrl" in cli(a, "collateral", "forecast") and "ENDS" in cli(a, "collateral", "forecast")
    file = tmp_path / "archive.json"
    assert str(file) in cli(a, "collateral", "export", file)
    b = Attestd(tmp_path / "b", "", roots=[simulator.root], roles=("tcs",), tcs__archive_signers=tmp_path / "a/archive-jwks.json")
    assert "items: 7" in cli(b, "collateral", "import", file)
    file.write_text(file.read_text().replace('"body":"', '"body":"A', 1))
    assert "archive_refused" in cli(b, "collateral", "import", file, status=1)
    assert "upstream ok" in cli(a, "status") and "collateral ok" in cli(a, "status")
    assert [x.stop() for x in (a, b)] == [0, 0]


# --- clients of others, unchanged

QVL_CLIENT = """
import asyncio, json, os, sys, time
import dcap_qvl
quote = open(sys.argv[2], "rb").read()
async def get():
    return await dcap_qvl.get_collateral(sys.argv[1], quote)
collateral = asyncio.run(get())
report = dcap_qvl.verify_with_root_ca(quote, collateral, open(sys.argv[3], "rb").read(), int(time.time()))
print(json.loads(report.to_json())["status"], flush=True)
os._exit(0)  # its own threads do not always survive the end of the interpreter
"""


class PlainDoor:
    """http:// on loopback to the service's https://, byte for byte: for a client that can be told no CA."""

    def __init__(self, service):
        import http.server
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.seen.append(self.path)
                r = service.call("tcs", "GET", self.path)
                self.send_response(r.status)
                for name, value in r.getheaders():
                    if name.lower() not in ("date", "connection"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(r.text)

            def log_message(self, *args):
                pass
        self.seen = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        fixture.threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.mark.parametrize("tee", ["tdx4", "sgx3"])
def test_dcap_qvl_gets_its_collateral_here(simulator, tmp_path, tee):
    import sys
    a = Attestd(tmp_path / "a", simulator.info["pcs"], roots=[simulator.root], roles=("tcs",))
    quote, root, client = tmp_path / "quote", tmp_path / "root.der", tmp_path / "client.py"
    fixture.subprocess.run([fixture.TEESIM, "quote", "--dir", simulator.dir, "--tee", tee, "-o", quote], check=True)
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    root.write_bytes(x509.load_pem_x509_certificate(pathlib.Path(simulator.root).read_bytes()).public_bytes(serialization.Encoding.DER))
    client.write_text(QVL_CLIENT)
    door = PlainDoor(a)
    done = fixture.subprocess.run([sys.executable, client, door.url, quote, root], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.strip() == "UpToDate", done.stdout + done.stderr
    assert len(door.seen) >= 4
    door.server.shutdown()
    assert a.stop() == 0


# --- as a KDS

SNP = RECORDED.parent / "snp"
snp_vectors = pytest.mark.skipif(not SNP.exists(), reason="SNP vectors are not here")
GO = pathlib.Path(__file__).resolve().parent / "go_snp_client"
CHIPS = [("Milan", "milan-vcek-v3-2cf09fff"), ("Genoa", "genoa-vcek-v3-227a641d"), ("Turin", "turin-vcek-v5-3f44a09b")]


def vcek_of(product, name):
    """AMD's path for the VCEK of a report, and what AMD answers there."""
    meta = json.loads((SNP / name / "meta.json").read_text())
    tcb = bytes.fromhex(meta["reported_tcb"])
    names = ["fmcSPL", "blSPL", "teeSPL", "snpSPL"] if product == "Turin" else ["blSPL", "teeSPL", None, None, None, None, "snpSPL"]
    levels = {n: tcb[i] for i, n in enumerate(names) if n}
    levels["ucodeSPL"] = tcb[7]
    order = ["blSPL", "teeSPL", "snpSPL", "ucodeSPL"] + (["fmcSPL"] if product == "Turin" else [])
    chip = meta["chip_id"][:16] if product == "Turin" else meta["chip_id"]
    return f"/vcek/v1/{product}/{chip}", "&".join(f"{n}={levels[n]:02}" for n in order), (SNP / name / "vcek.der").read_bytes()


@pytest.fixture()
def kds():
    """AMD's service with the certificates of real chips."""
    u = Upstream()
    for product, name in CHIPS:
        u.answers[f"/vcek/v1/{product}/cert_chain"] = (200, {}, (SNP / name / "cert_chain.pem").read_bytes())
        path, query, der = vcek_of(product, name)
        u.answers[f"{path}?{query}"] = (200, {}, der)
    yield u
    u.close()


@snp_vectors
@pytest.mark.parametrize("product,name", CHIPS)
def test_vceks_as_amd_serves_them(kds, tmp_path, product, name):
    a = Attestd(tmp_path / "a", "", roles=("tcs",), tcs__upstream_kds=kds.url)
    path, query, der = vcek_of(product, name)
    for asked in (query, "&".join(reversed(query.split("&"))), query.replace("=0", "=")):
        r = a.call("tcs", "GET", f"{path}?{asked}")
        assert r.status == 200 and r.text == der, asked
    assert a.call("tcs", "GET", f"{path.upper().replace('/VCEK/V1/' + product.upper(), '/vcek/v1/' + product)}?{query}").text == der
    assert a.call("tcs", "GET", f"/vcek/v1/{product}/cert_chain").text.count(b"BEGIN CERTIFICATE") == 2
    assert set(kds.hits.values()) == {1}
    kds.broken = True
    a.stop()
    a.start()
    assert a.call("tcs", "GET", f"{path}?{query}").text == der
    assert a.call("tcs", "GET", f"{path}?{re.sub('blSPL=..', 'blSPL=77', query)}").status == 503
    for bad in ("/vcek/v1/Rome/crl", f"/vcek/v1/{product}/00?{query}"):
        assert a.call("tcs", "GET", bad).status == 404
    assert a.call("tcs", "GET", f"{path}?blSPL=256").status == a.call("tcs", "GET", f"{path}?blSPL=x").status == 400
    assert a.stop() == 0


@snp_vectors
def test_what_amd_did_not_sign_for_this_chip_is_not_kept(kds, tmp_path):
    """Another chip's VCEK, another TCB's, another product's chain, one with a broken signature."""
    path, query, der = vcek_of(*CHIPS[0])
    other = vcek_of("Milan", "milan-vcek-v3-49d19193")[2]
    broken = der[:-1] + bytes([der[-1] ^ 1])
    for number, wrong in enumerate((other, broken, b"", b"<html>")):
        kds.answers[f"{path}?{query}"] = (200, {}, wrong)
        a = Attestd(tmp_path / str(number), "", roles=("tcs",), tcs__upstream_kds=kds.url)
        assert a.call("tcs", "GET", f"{path}?{query}").status == 503, number
        assert a.stop() == 0
    kds.answers[f"{path}?{query}"] = (200, {}, der)
    kds.answers[f"{path}?{query.replace('blSPL=0', 'blSPL=1')}"] = (200, {}, der)
    a = Attestd(tmp_path / "tcb", "", roles=("tcs",), tcs__upstream_kds=kds.url)
    assert a.call("tcs", "GET", f"{path}?{query.replace('blSPL=0', 'blSPL=1')}").status == 503
    assert a.call("tcs", "GET", f"{path}?{query}").status == 200 and a.stop() == 0
    kds.answers["/vcek/v1/Milan/cert_chain"] = kds.answers["/vcek/v1/Genoa/cert_chain"]
    a = Attestd(tmp_path / "chain", "", roles=("tcs",), tcs__upstream_kds=kds.url)
    assert a.call("tcs", "GET", "/vcek/v1/Milan/cert_chain").status == 503 and a.stop() == 0


@snp_vectors
@pytest.mark.parametrize("product,name", CHIPS[:2])
def test_a_go_client_verifies_with_certificates_from_here(kds, tmp_path, product, name):
    """go-sev-guest as it comes, which asks for chain and VCEK of a real report; only the host is ours."""
    import os
    import shutil
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if not go:
        pytest.skip("no Go here")
    program = fixture.BUILD / "go_snp_client"
    done = fixture.subprocess.run([go, "build", "-o", program, "."], cwd=GO, env={**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"},
                                  capture_output=True, text=True, timeout=300)
    if done.returncode and "dial tcp" in done.stderr:
        pytest.skip("the Go module proxy cannot be reached")
    assert done.returncode == 0, done.stderr
    a = Attestd(tmp_path / "a", "", roles=("tcs",), tcs__upstream_kds=kds.url)
    done = fixture.subprocess.run([program, f"https://localhost:{a.ports['tcs']}", SNP / name / "report.bin"], capture_output=True, text=True,
                                  env={**os.environ, "SSL_CERT_FILE": str(a.dir / "attestd.pem")}, timeout=60)
    assert done.returncode == 0 and done.stdout.strip().endswith("verified"), done.stdout + done.stderr
    assert kds.count() == 2
    assert a.stop() == 0
