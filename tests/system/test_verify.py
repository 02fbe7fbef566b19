# SPDX-License-Identifier: Apache-2.0
"""warder verify from outside: exit statuses, the JSON, the policy, roots, collateral from a folder and from a cache."""
import base64
import http.server
import json
import os
import shutil
import subprocess
import threading
import urllib.parse

import pytest

import simulator
from simulator import WARDER, Simulator, verify

VECTORS = simulator.ROOT / "tests/vectors/intel"
SETS = sorted(p.name for p in VECTORS.iterdir() if p.is_dir())
GOOD = VECTORS / "tdx5td15ex-plat-b0c06f000000-fd8857-ev20-eb07"
AT = 1792714008
MEMBERS = {"verdict", "type", "version", "tcb_status", "advisory_ids", "claims", "checks", "reason"}

pytestmark = pytest.mark.sanitize


def run(*arguments, stdin=None, **env):
    return subprocess.run([WARDER, "verify", *map(str, arguments)], input=stdin, capture_output=True, timeout=60,
                          env={**os.environ, "HOME": "/nonexistent", **env})


@pytest.mark.parametrize("name", SETS)
def test_each_set_gives_what_its_meta_says(name):
    meta = json.loads((VECTORS / name / "meta.json").read_text())
    answer, status = verify(VECTORS / name / "quote.bin", VECTORS / name, "--at", meta["verify_at"])
    expect = meta["expect"]
    assert answer["verdict"] == expect["verdict"]
    assert status == (0 if expect["verdict"] == "verified" else 1)
    assert MEMBERS == set(answer)
    assert answer["type"] == meta["quote"]["tee"].lower()
    assert answer["version"] == meta["quote"]["version"]
    if "tcb_status" in expect:
        assert answer["tcb_status"] == expect["tcb_status"]
    for claim, value in expect.get("claims", {}).items():
        assert answer["claims"][claim] == value
    if "advisory_ids" in expect:
        assert sorted(answer["advisory_ids"]) == sorted(expect["advisory_ids"])
    assert (answer["reason"] == "") == (status == 0)
    assert {row["outcome"] for row in answer["checks"]} <= {"passed", "failed", "not_checked"}
    assert all(row["clause"] for row in answer["checks"])


def test_time_in_both_forms_and_now():
    for at in (AT, "2026-10-23T00:06:48Z", "2026-10-23T02:06:48+02:00"):
        assert verify(GOOD / "quote.bin", GOOD, "--at", at)[1] == 0
    answer, status = verify(GOOD / "quote.bin", GOOD, "--at", "2030-01-01T00:00:00Z")
    assert status == 1 and "expired" in answer["reason"] and answer["tcb_status"] == ""


def test_text_is_short_and_says_why():
    good = run("--collateral", GOOD, "--at", AT, GOOD / "quote.bin")
    assert good.returncode == 0 and good.stdout.startswith(b"VERIFIED  tdx quote, version 5\n")
    bad = run("--collateral", GOOD, "--at", "2030-01-01T00:00:00Z", GOOD / "quote.bin")
    assert bad.returncode == 1 and bad.stdout.startswith(b"REFUSED") and b"failed: tcb_info_validity" in bad.stdout
    assert len(good.stdout.splitlines()) < 30


@pytest.mark.parametrize("options", [
    [],
    ["--at", "yesterday", "EVIDENCE"],
    ["--collateral", "DIR", "--tcs", "http://127.0.0.1:1", "EVIDENCE"],
    ["--unknown", "EVIDENCE"],
    ["-o", "xml", "--collateral", "DIR", "EVIDENCE"],
    ["--collateral", "DIR", "EVIDENCE", "EVIDENCE"],
    ["--collateral", "DIR", "/nonexistent/evidence"],
    ["--collateral", "/nonexistent/folder", "EVIDENCE"],
    ["--collateral", "DIR", "--policy", "/nonexistent/policy", "EVIDENCE"],
    ["--collateral", "DIR", "--root", "/nonexistent/root", "EVIDENCE"],
    ["EVIDENCE"],  # no configuration file names a cache
])
def test_wrong_usage_and_files_that_cannot_be_opened(options, tmp_path):
    given = [{"EVIDENCE": GOOD / "quote.bin", "DIR": GOOD}.get(option, option) for option in options]
    done = run(*given, WARDER_CONFIG=str(tmp_path / "none.conf"))
    assert done.returncode == 2, done.stderr
    assert done.stdout == b"" and done.stderr.startswith((b"warder", b"usage: warder verify"))


MALFORMED = {"empty": b"", "letter": b"x", "object": b"{}", "deep": b"[" * 100, "cut": b"\x04\x00\x02\x00" + bytes(2000),
             "large": bytes(300_000), "huge": bytes(3_000_000), "no base64": b'["application/vnd.warder.tdx-quote","!!"]'}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_evidence_is_refused_with_its_json(name, tmp_path):
    (tmp_path / "evidence").write_bytes(MALFORMED[name])
    for options in (["--collateral", GOOD], []):  # nobody is asked for collateral of what is none
        done = run(*options, "-o", "json", tmp_path / "evidence")
        assert done.returncode == 1
        answer = json.loads(done.stdout)
        assert answer["verdict"] == "refused" and answer["type"] == "unknown" and answer["reason"]


def test_every_prefix_of_a_quote_is_refused(tmp_path):
    quote = (GOOD / "quote.bin").read_bytes()
    for length in range(0, 5000, 311):
        (tmp_path / "evidence").write_bytes(quote[:length])
        answer, status = verify(tmp_path / "evidence", GOOD, "--at", AT)
        assert status == 1 and answer["verdict"] == "refused"


@pytest.mark.parametrize("part", ["tcb_info.json", "qe_identity.json", "tcb_signing_chain.pem", "pck_crl.der",
                                  "pck_crl_issuer_chain.pem", "root_ca_crl.der"])
def test_missing_and_spoiled_collateral(part, tmp_path):
    folder = tmp_path / "collateral"
    shutil.copytree(GOOD, folder)
    os.chmod(folder / part, 0o644)
    (folder / part).write_bytes((folder / part).read_bytes()[:-40])
    assert verify(GOOD / "quote.bin", folder, "--at", AT)[1] == 1
    (folder / part).unlink()
    answer, status = verify(GOOD / "quote.bin", folder, "--at", AT)
    assert status == 1 and answer["verdict"] == "refused" and "missing" in answer["reason"]


def test_evidence_on_standard_input_and_as_a_bundle(tmp_path):
    quote = (GOOD / "quote.bin").read_bytes()
    record = json.dumps(["application/vnd.warder.tdx-quote", base64.urlsafe_b64encode(quote).rstrip(b"=").decode()]).encode()
    for evidence in (quote, record, b'{"__cmwc_t":"tag:warder.dev,2026:bundle","tdx":' + record + b"}"):
        done = run("--collateral", GOOD, "--at", AT, "-o", "json", "-", stdin=evidence)
        assert done.returncode == 0 and json.loads(done.stdout)["type"] == "tdx"


def test_policy(tmp_path):
    policy = tmp_path / "policy.json"

    def judged(*conditions):
        policy.write_text(json.dumps({"version": "1.0.0", "anyOf": [{"allOf": list(conditions)}]}))
        return verify(GOOD / "quote.bin", GOOD, "--at", AT, "--policy", policy)

    answer, status = judged({"claim": "debug", "equals": False}, {"claim": "tcb_status", "in": ["UpToDate"]})
    assert status == 0 and answer["policy"]["met"] is True
    answer, status = judged({"claim": "mrtd", "equals": "00" * 48})
    assert status == 1 and answer["verdict"] == "refused" and answer["policy"]["met"] is False and "policy" in answer["reason"]
    policy.write_text('{"version":"1.0.0","anyOf":[{"allOf":[{"claim":"mrtdd","equals":1}]}]}')
    done = run("--collateral", GOOD, "--policy", policy, GOOD / "quote.bin")
    assert done.returncode == 2 and b"mrtdd" in done.stderr


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    running = Simulator(tmp_path_factory.mktemp("verify") / "sim")
    yield running
    running.stop()


def test_collateral_from_a_cache_and_a_configured_root(platform, tmp_path):
    evidence = tmp_path / "evidence"
    evidence.write_bytes(base64.urlsafe_b64decode(platform.evidence(bytes(64))["evidence"] + "=="))
    root = platform.dir / "pki/root_ca.pem"
    done = run("--tcs", platform.ready["pcs"], "--root", root, "-o", "json", evidence)
    answer = json.loads(done.stdout)
    assert done.returncode == 0 and answer["claims"]["root"] == "configured" and answer["tcb_status"] == "UpToDate"
    done = run("--tcs", platform.ready["pcs"], "-o", "json", evidence)
    assert done.returncode == 1 and "trusted root" in json.loads(done.stdout)["reason"]
    done = run("--tcs", "http://127.0.0.1:9", "--root", root, "-o", "json", evidence)
    assert done.returncode == 1 and "no collateral" in json.loads(done.stdout)["reason"]


def test_the_root_in_a_collateral_folder_is_never_trusted(platform, tmp_path):
    evidence, folder = tmp_path / "evidence", tmp_path / "collateral"
    evidence.write_bytes(base64.urlsafe_b64decode(platform.evidence(bytes(64))["evidence"] + "=="))
    done = simulator.teesim("collateral", "--dir", platform.dir, "-o", folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "root_ca.pem").exists()
    assert verify(evidence, folder)[1] == 1
    assert verify(evidence, folder, "--root", folder / "root_ca.pem")[1] == 0


def test_not_a_root():
    done = run("--collateral", GOOD, "--root", GOOD / "pck_crl_issuer_chain.pem", GOOD / "quote.bin")
    assert done.returncode == 2


def test_help():
    done = run("--help")
    assert done.returncode == 0 and b"EVIDENCE" in done.stdout and b"Exit status" in done.stdout


# --- quotes whose certification data is not the PCK certificate chain (types 1 to 4): nothing signs it, so genuine ones can be made of others

def as_type(quote, kind, data):
    """A version 4 quote with other certification data."""
    report = 48 + 584 + 4 + 128 + 6
    auth = report + 448
    length = int.from_bytes(quote[auth:auth + 2], "little")
    chain = auth + 2 + length
    certified = quote[report:chain] + kind.to_bytes(2, "little") + len(data).to_bytes(4, "little") + data
    area = quote[report - 134:report - 6] + (6).to_bytes(2, "little") + len(certified).to_bytes(4, "little") + certified
    return quote[:48 + 584] + len(area).to_bytes(4, "little") + area, quote[chain + 6:chain + 6 + int.from_bytes(quote[chain + 2:chain + 6], "little")]


PLATFORM = {1: bytes(range(36)), 2: bytes(276), 3: b"\x5a" * 384 + bytes(range(16)) + b"\x0b\0" + b"\0\0"}
TDX4 = VECTORS / "tdx4-plat-b0c06f000000-0c699d-ev20-eb07"


@pytest.mark.parametrize("kind", PLATFORM)
def test_genuine_quote_with_its_chain_in_the_collateral_folder(kind, tmp_path):
    folder = tmp_path / "collateral"
    shutil.copytree(TDX4, folder)
    quote, chain = as_type((TDX4 / "quote.bin").read_bytes(), kind, PLATFORM[kind])
    (tmp_path / "quote").write_bytes(quote)
    answer, status = verify(tmp_path / "quote", folder, "--at", AT)
    assert status == 1 and f"type {kind} " in answer["reason"] and "the collateral has none" in answer["reason"]
    (folder / "pck_cert_chain.pem").write_bytes(chain.rstrip(b"\0"))
    answer, status = verify(tmp_path / "quote", folder, "--at", AT)
    assert status == 0 and answer["tcb_status"] == "UpToDate"


def test_genuine_quote_with_its_leaf_alone(tmp_path):
    _, chain = as_type((TDX4 / "quote.bin").read_bytes(), 5, b"")
    leaf = chain[:chain.index(b"-----END CERTIFICATE-----") + 26]
    quote, _ = as_type((TDX4 / "quote.bin").read_bytes(), 4, leaf)
    (tmp_path / "quote").write_bytes(quote)
    assert verify(tmp_path / "quote", TDX4, "--at", AT)[1] == 0
    quote, _ = as_type((TDX4 / "quote.bin").read_bytes(), 7, chain)
    (tmp_path / "quote").write_bytes(quote)
    answer, status = verify(tmp_path / "quote", TDX4, "--at", AT)
    assert status == 1 and "type 7 (platform manifest)" in answer["reason"]


@pytest.fixture
def small_pccs():
    """A cache with one platform: answers as a PCCS does, and remembers what it was asked."""
    asked = []
    _, chain = as_type((TDX4 / "quote.bin").read_bytes(), 5, b"")
    end = chain.index(b"-----END CERTIFICATE-----") + 26

    def one_line(pem):
        return urllib.parse.quote(pem.rstrip(b"\0").decode())
    signing = one_line((TDX4 / "tcb_signing_chain.pem").read_bytes())
    answers = {
        "/sgx/certification/v4/pckcert": (chain[:end], {"SGX-PCK-Certificate-Issuer-Chain": one_line(chain[end:])}),
        "/tdx/certification/v4/tcb": ((TDX4 / "tcb_info.json").read_bytes(), {"TCB-Info-Issuer-Chain": signing}),
        "/tdx/certification/v4/qe/identity": ((TDX4 / "qe_identity.json").read_bytes(), {"SGX-Enclave-Identity-Issuer-Chain": signing}),
        "/sgx/certification/v4/pckcrl": ((TDX4 / "pck_crl.der").read_bytes(), {"SGX-PCK-CRL-Issuer-Chain": one_line((TDX4 / "pck_crl_issuer_chain.pem").read_bytes())}),
        "/sgx/certification/v4/rootcacrl": ((TDX4 / "root_ca_crl.der").read_bytes().hex().encode(), {}),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body, headers = answers.get(self.path.split("?")[0], (b"", None))
            self.send_response(404 if headers is None else 200)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked, answers
    server.shutdown()


def test_pck_certificate_from_a_cache(small_pccs, tmp_path):
    url, asked, answers = small_pccs
    quote, _ = as_type((TDX4 / "quote.bin").read_bytes(), 3, PLATFORM[3])
    (tmp_path / "quote").write_bytes(quote)
    done = run("--tcs", url, "--at", AT, "-o", "json", tmp_path / "quote")
    assert done.returncode == 0, done.stdout + done.stderr
    first = urllib.parse.parse_qs(asked[0].split("?")[1])
    assert first["encrypted_ppid"] == ["5a" * 384] and first["cpusvn"] == [bytes(range(16)).hex()] and first["pcesvn"] == ["0b00"]
    assert first["qeid"] == [quote[28:44].hex()] and "fmspc=b0c06f000000" in asked[1]
    del answers["/sgx/certification/v4/pckcert"]
    done = run("--tcs", url, "--at", AT, "-o", "json", tmp_path / "quote")
    assert done.returncode == 1 and "type 3 " in json.loads(done.stdout)["reason"]


# --- a genuine TD with the log of its firmware: all of it through the verifier, by the collateral of its platform kind

CCEL = simulator.ROOT / "tests/vectors/tpm/ccel"
TD_QUOTE, TD_LOG = CCEL / "gotdx-cos-113-tdx-quote.bin", CCEL / "gotdx-ccel_data.bin"
MORE = simulator.ROOT.parent / "shared/vectors/intel-full"
TD_SETS = {p.name: p for folder in (MORE, VECTORS) if folder.exists() for p in sorted(folder.glob("tdx*-plat-00806f050000-*"))}


def with_log(tmp_path, collateral, quote, log):
    def text(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps({"quote": ["application/vnd.warder.tdx-quote", text(quote)], "log": ["application/vnd.warder.cc-event-log", text(log)]}))
    answer, status = verify(path, collateral, "--at", json.loads((collateral / "meta.json").read_text())["verify_at"])
    return answer, status, {row["check"]: row["outcome"] for row in answer["checks"]}


@pytest.mark.parametrize("name", sorted(TD_SETS))
def test_genuine_td_and_its_event_log(name, tmp_path):
    """Every check of quote, collateral and log passes, and the quoted registers are those that another program's replay gives."""
    answer, status, checks = with_log(tmp_path, TD_SETS[name], TD_QUOTE.read_bytes(), TD_LOG.read_bytes())
    assert (status, answer["verdict"], answer["type"], answer["reason"]) == (0, "verified", "tdx", "")
    assert {check for check, outcome in checks.items() if outcome != "passed"} == {"report_data"}  # none was expected
    assert {"quote_signature", "pck_revocation", "tcb_level", "cc_log_format", "cc_log_quote", "cc_log_replay"} <= set(checks)
    assert answer["tcb_status"] == {17: "UpToDate", 21: "OutOfDate"}[answer["claims"]["tcb_evaluation_data_number"]]
    assert answer["claims"]["report_data"] == (CCEL / "gotdx-nonce.bin").read_bytes().hex()
    replayed = json.loads((CCEL / "expected.json").read_text())["gotdx-ccel_data"]["replayed"]["sha384"]
    assert [answer["claims"][f"rtmr{n - 1}"] for n in (1, 2, 3)] == [replayed[str(n)] for n in (1, 2, 3)]
    assert answer["claims"]["event_bank"] == "sha384" and answer["claims"]["events"]


def first_digest(log, claims):
    return log.index(bytes.fromhex(claims["events"][0]["digest"]))


def test_genuine_td_with_a_log_that_is_not_its_own(tmp_path):
    quote, log, collateral = TD_QUOTE.read_bytes(), TD_LOG.read_bytes(), VECTORS / "tdx4-plat-00806f050000-a187b0-ev17-1987"
    claims = with_log(tmp_path, collateral, quote, log)[0]["claims"]
    changed = bytearray(log)
    changed[first_digest(log, claims)] ^= 1
    for other in (bytes(changed), (CCEL / "coco-CCEL_data_gcp.bin").read_bytes()):
        answer, status, checks = with_log(tmp_path, collateral, quote, other)
        assert status == 1 and checks["cc_log_replay"] == "failed" and checks["quote_signature"] == "passed"
        assert "events" not in answer["claims"]
    # A register that was made to fit: the log then speaks for a quote that is not genuine.
    forged = bytearray(quote)
    forged[quote.index(bytes.fromhex(claims["rtmr0"]))] ^= 1
    answer, status, checks = with_log(tmp_path, collateral, bytes(forged), log)
    assert status == 1 and checks["quote_signature"] == checks["cc_log_quote"] == "failed" and checks["cc_log_replay"] == "not_checked"
    assert "events" not in answer["claims"]
