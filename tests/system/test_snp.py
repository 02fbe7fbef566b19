# SPDX-License-Identifier: Apache-2.0
"""SEV-SNP through attestd: reports with the host's certificates or the vendor's, and what must be refused."""
import hashlib
import json
import subprocess

import pytest

import attestd_fixture as fixture
import dev_system
from attestd_fixture import Attestd, Key, part
from simulator import TEESIM, WARDER, Simulator

GOOD = {"version": "1.0.0", "allOf": [{"claim": "tee", "equals": "snp"}, {"claim": "debug", "equals": False},
                                      {"claim": "vmpl", "equals": 0}, {"claim": "firmware_provisional", "equals": False},
                                      {"claim": "revocation_checked", "equals": True}, {"claim": "reported_tcb_microcode", "min": 200},
                                      {"claim": "root", "equals": "configured"}]}


@pytest.fixture(scope="module", params=["snp", "snp-turin"])
def simulator(request, tmp_path_factory):
    s = Simulator(tmp_path_factory.mktemp("sim"), tee=request.param)
    yield s
    s.stop()


def start(simulator, folder):
    a = Attestd(folder, simulator.ready["pcs"], roots=[simulator.ready["root"]])
    r = a.call("as", "POST", "/as/v1/policies", {"name": "snp", "policy": GOOD}, a.token())
    assert r.status == 201, r.text
    return a


@pytest.fixture(scope="module")
def service(simulator, tmp_path_factory):
    a = start(simulator, tmp_path_factory.mktemp("attestd"))
    yield a
    assert a.stop() == 0


@pytest.fixture(autouse=True)
def good(simulator):
    yield
    simulator.control(scenario="ok", collateral={"issued_ago": 3600, "lifetime": 30 * 86400}, pcs={"status": 0})


def evidence(simulator, scenario="ok", report_data=bytes(64)):
    assert "error" not in simulator.control(scenario=scenario)
    answer = simulator.evidence(report_data)
    assert answer["type"] == "snp-report"
    return ["application/vnd.warder.snp-report", answer["evidence"]]


def verify(service, simulator, scenario):
    r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": evidence(simulator, scenario)})
    assert r.status == 200, r.text
    return r.json


def attest(service, simulator, scenario, **members):
    signing, encryption, challenge = Key(), Key(), "a-challenge"
    bound = [b"warder-kbs-v1", challenge.encode(), b"default", signing.point, encryption.point]
    data = hashlib.sha512(b"".join(part(p) for p in bound)).digest()
    return service.call("as", "POST", "/as/v1/attest", {
        "evidence": evidence(simulator, scenario, data), "policy_ids": ["snp"],
        "runtime_data": {"type": "kbs-v1", "challenge": challenge, "tenant": "default", "signing_key": signing.jwk,
                         "encryption_key": encryption.jwk}, **members})


def failed(answer):
    return [c["check"] for c in answer["checks"] if c["outcome"] == "failed"]


@pytest.mark.parametrize("scenario", ["ok", "no-certificates", "vlek", "no-certificates,out-of-date", "debug", "other-vmpl", "tcb-mismatch"])
def test_genuine_reports_are_verified(service, simulator, scenario):
    answer = verify(service, simulator, scenario)
    assert (answer["verdict"], answer["type"], answer["tcb_status"]) == ("verified", "snp", ""), answer["reason"]
    claims = answer["claims"]
    assert claims["revocation_checked"] is True and claims["root"] == "configured"
    assert claims["signing_key"] == ("vlek" if "vlek" in scenario else "vcek")
    assert [c["check"] for c in answer["checks"] if c["outcome"] != "passed"] == ["report_data"]


@pytest.mark.parametrize("scenario, check", [
    ("revoked", "snp_revocation"), ("vlek,revoked", "snp_revocation"), ("wrong-signer", None),
    ("forged-signature", "snp_report_signature"), ("masked-chip", "snp_chip_id"), ("masked-chip,no-certificates", "snp_certificate"),
    ("vlek,no-certificates", "snp_certificate")])
def test_what_is_wrong_is_refused(service, simulator, scenario, check):
    answer = verify(service, simulator, scenario)
    assert answer["verdict"] == "refused" and (not check or check in failed(answer)), answer


def test_the_key_is_fetched_once_and_then_known(simulator, tmp_path):
    service = start(simulator, tmp_path)
    try:
        before = simulator.control()["requests"]
        for _ in range(5):
            assert verify(service, simulator, "no-certificates")["verdict"] == "verified"
        after = simulator.control()["requests"]
        grown = {p: after[p] - before[p] for p in after if after[p] != before[p]}
        assert grown == {"/vcek/v1/{product}/cert_chain": 1, "/vcek/v1/{product}/crl": 1, "/vcek/v1/{product}/{chip}": 1}
        # What came with the report is not asked for.
        for _ in range(3):
            assert verify(service, simulator, "ok")["verdict"] == "verified"
        assert simulator.control()["requests"]["/vcek/v1/{product}/{chip}"] == after["/vcek/v1/{product}/{chip}"]
    finally:
        service.stop()


def test_without_a_revocation_list_nothing_is_verified(simulator, tmp_path):
    service = start(simulator, tmp_path)
    try:
        record = evidence(simulator)
        simulator.control(pcs={"status": 503})
        r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": record})
        assert r.status == 503 and r.json["code"] == "collateral_unavailable", r.text
        simulator.control(pcs={"status": 404})
        r = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": record})
        assert r.status == 503 or r.json["verdict"] == "refused", r.text
    finally:
        service.stop()


def test_an_expired_list_is_refused(simulator, tmp_path):
    simulator.control(collateral={"issued_ago": 3 * 86400, "lifetime": 86400})
    service = start(simulator, tmp_path)
    try:
        answer = verify(service, simulator, "ok")
        assert answer["verdict"] == "refused" and "snp_crl_validity" in failed(answer)
    finally:
        service.stop()


def test_a_root_that_is_not_configured(simulator, tmp_path):
    service = Attestd(tmp_path, simulator.ready["pcs"], roots=[])
    try:
        answer = verify(service, simulator, "ok")
        assert answer["verdict"] == "refused" and "snp_chain" in failed(answer)
        assert "measurement" not in answer["claims"]
    finally:
        service.stop()


@pytest.mark.parametrize("scenario, claim", [("ok", None), ("no-certificates", None), ("vlek", None), ("debug", "debug"),
                                             ("other-vmpl", "vmpl"), ("provisional", "firmware_provisional"),
                                             ("out-of-date", "reported_tcb_microcode")])
def test_policies_decide_on_claims(service, simulator, scenario, claim):
    r = attest(service, simulator, scenario)
    if not claim:
        assert r.status == 200 and r.json["token"], r.text
    else:
        assert r.status == 403 and claim in str(r.json), r.text


def test_report_data_is_bound(service, simulator):
    assert attest(service, simulator, "wrong-report-data").status == 403


@pytest.mark.parametrize("scenario", ["ok", "no-certificates", "vlek"])
def test_the_command_line_asks_a_kds(simulator, scenario, tmp_path):
    kind, text = evidence(simulator, scenario)
    report = tmp_path / "report.bin"
    report.write_bytes(fixture.b64url_bytes(text))

    def run(*options):
        done = subprocess.run([WARDER, "verify", "--tcs", simulator.ready["pcs"], "--root", simulator.ready["root"], "-o", "json",
                               *options, report], text=True, capture_output=True, timeout=60)
        return json.loads(done.stdout), done.returncode

    answer, status = run()
    assert status == 0 and answer["verdict"] == "verified" and answer["claims"]["revocation_checked"], answer
    simulator.control(pcs={"status": 404})
    answer, status = run()
    assert status == 1 and answer["verdict"] == "refused" and failed(answer)[0] == "collateral"


@pytest.mark.skipif(dev_system.missing() is not None, reason=str(dev_system.missing()))
@pytest.mark.parametrize("options", [(), ("--no-fuse",)])
def test_main_job(options, tmp_path):
    """A key is released to an SNP guest, used by nginx, and refused to one that allows debugging."""
    system = dev_system.System(tee="snp", options=options)
    try:
        system.main_job("snp", "snp", "measurement", tmp_path)
    finally:
        system.down()
