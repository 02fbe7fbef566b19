# SPDX-License-Identifier: Apache-2.0
"""A real TPM (swtpm): enrolment by credential activation, quotes, logs, warder verify and the attestation service."""
import datetime
import hashlib
import json
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

import swtpm_fixture
from attestd_fixture import Attestd, b64url
from simulator import BUILD, WARDER
from swtpm_fixture import Tpm

pytestmark = pytest.mark.skipif(bool(swtpm_fixture.missing()), reason="swtpm or tpm2-tools is not installed")

DATA = bytes(range(64))


@pytest.fixture(scope="module")
def tpm(tmp_path_factory):
    t = Tpm(tmp_path_factory.mktemp("swtpm") / "tpm")
    yield t
    t.close()


def warder(*arguments):
    return subprocess.run([WARDER, *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "HOME": "/nonexistent"})


def verify(folder, evidence, *options):
    path = folder / "evidence"
    path.write_bytes(evidence)
    done = warder("verify", *options, "-o", "json", path)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


def challenge(tpm, folder, ek, ak, *more, certificate=None, root=None, label="host-1"):
    return warder("tpm", "challenge", "--tpm-root", root or tpm.roots, "--ek-certificate", certificate or tpm.ek_certificate,
                  "--ek-public", ek, "--ak-public", ak, "--label", label, "--out", folder / "challenge", "--state", folder / "state", *more)


def enroll(folder):
    return warder("tpm", "enroll", "--state", folder / "state", "--secret", folder / "secret", "--enrolled", folder / "enrolled.json")


def enrolled(tpm, folder, name, **keys):
    ek, ak = tpm.make_keys(name=name, **keys)
    assert challenge(tpm, folder, ek, ak).returncode == 0
    assert tpm.activate(folder / "challenge", folder / "secret", name=name)
    assert enroll(folder).returncode == 0
    return folder / "enrolled.json"


@pytest.mark.parametrize("algorithm,scheme", [("ecc", "ecdsa"), ("rsa", "rsassa"), ("rsa", "rsapss")])
def test_enrolled_by_credential_activation(tpm, tmp_path, algorithm, scheme):
    keys = enrolled(tpm, tmp_path, f"ak-{scheme}", algorithm=algorithm, scheme=scheme)
    evidence = tpm.quote(DATA, name=f"ak-{scheme}")
    answer, status = verify(tmp_path, evidence, "--tpm-enrolled", keys)
    assert (status, answer["reason"]) == (0, "")
    assert answer["type"] == "tpm"
    claims = answer["claims"]
    assert claims["ak_trust"] == "ek_certificate" and claims["ak_label"] == "host-1"
    assert claims["ak_name"] == tpm.name(f"ak-{scheme}")
    assert claims["qualifying_data"] == hashlib.sha256(DATA).hexdigest()
    assert {f"pcr_sha256_{n}" for n in swtpm_fixture.PCRS} == {c for c in claims if c.startswith("pcr_")}
    assert not (tmp_path / "state").exists()
    refused, status = verify(tmp_path, evidence)
    assert status == 1 and "neither enrolled" in refused["reason"]
    listed = json.loads(warder("tpm", "list", "--enrolled", keys, "-o", "json").stdout)
    assert [row["name"] for row in listed] == [claims["ak_name"]] and listed[0]["ek_certificate"].startswith("sha256:")
    assert warder("tpm", "remove", "--enrolled", keys, claims["ak_name"]).returncode == 0
    assert verify(tmp_path, evidence, "--tpm-enrolled", keys)[1] == 1


def test_a_challenge_is_for_one_key_of_one_tpm(tpm, tmp_path):
    """Facts 20: endorsement key, attestation key and enrolment are tied in one step (CVE-2021-43310)."""
    ek, ak = tpm.make_keys(name="one")
    tpm.make_keys(name="other")
    assert challenge(tpm, tmp_path, ek, ak).returncode == 0
    assert not tpm.activate(tmp_path / "challenge", tmp_path / "secret", name="one", key="other")
    (tmp_path / "secret").write_bytes(bytes(32))
    done = enroll(tmp_path)
    assert done.returncode == 3 and "not the challenge's secret" in done.stderr
    assert not (tmp_path / "state").exists() and not (tmp_path / "enrolled.json").exists()
    assert enroll(tmp_path).returncode != 0  # a challenge is answered once


def test_whom_no_challenge_is_made_for(tpm, tmp_path):
    ek, ak = tpm.make_keys(name="asked")
    ecc_ek, _ = tpm.make_keys(name="curved", ek="ecc")
    plain = tpm.dir / "plain.pub"
    tpm.tool("tpm2_createprimary", "-C", "o", "-c", "primary.ctx")
    tpm.tool("tpm2_create", "-C", "primary.ctx", "-G", "ecc:ecdsa-sha256", "-u", plain, "-r", "plain.priv", "-a",
             "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign")
    tpm.flush()
    other = make_root(tmp_path)
    for reason, done in {
        "restricted": challenge(tpm, tmp_path, ek, plain),
        "another key": challenge(tpm, tmp_path, ecc_ek, ak),
        "decryption key": challenge(tpm, tmp_path, ak, ak),
        "configured root": challenge(tpm, tmp_path, ek, ak, root=other),
    }.items():
        assert done.returncode == 3 and reason in done.stderr, (reason, done.stderr)
    assert not (tmp_path / "state").exists()


def make_root(folder, name="Maker"):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    root = issue(subject, subject, key.public_key(), key, ca=True)
    (folder / "maker.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                         serialization.NoEncryption()))
    (folder / "maker.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    return folder / "maker.pem"


def issue(subject, issuer, public, signer, ca=False, purpose=None):
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
               .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
               .not_valid_after(now + datetime.timedelta(days=1)).add_extension(x509.BasicConstraints(ca=ca, path_length=None), True))
    if ca:
        builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ObjectIdentifier(purpose)]), False)
    return builder.sign(signer, hashes.SHA256())


def certified(tpm, folder, area, purpose):
    """A certificate by a maker of our own for the key of an area that the TPM gave."""
    root = make_root(folder)
    signer = serialization.load_pem_private_key((folder / "maker.key").read_bytes(), None)
    pem = tpm.dir / "key.pem"
    tpm.tool("tpm2_loadexternal", "-C", "o", "-u", area, "-c", "external.ctx")
    tpm.tool("tpm2_readpublic", "-c", "external.ctx", "-f", "pem", "-o", pem)
    tpm.flush()
    public = serialization.load_pem_public_key(pem.read_bytes())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TPM")])
    issuer = x509.load_pem_x509_certificate(root.read_bytes()).subject
    return root, issue(subject, issuer, public, signer, purpose=purpose).public_bytes(serialization.Encoding.PEM)


def revocation_list(folder, root, serial):
    key = serialization.load_pem_private_key((folder / "maker.key").read_bytes(), None)
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    gone = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - datetime.timedelta(hours=1)).build()
    builder = x509.CertificateRevocationListBuilder().issuer_name(x509.load_pem_x509_certificate(root.read_bytes()).subject)
    builder = builder.last_update(now - datetime.timedelta(hours=1)).next_update(now + datetime.timedelta(days=1)).add_revoked_certificate(gone)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_an_endorsement_key_on_a_curve(tpm, tmp_path):
    ek, ak = tpm.make_keys(name="ecc-ek", ek="ecc")
    root, pem = certified(tpm, tmp_path, ek, "2.23.133.8.1")
    (tmp_path / "ek.pem").write_bytes(pem)
    (tmp_path / "maker.crl").write_bytes(revocation_list(tmp_path, root, x509.load_pem_x509_certificate(pem).serial_number))
    refused = challenge(tpm, tmp_path, ek, ak, "--tpm-crl", tmp_path / "maker.crl", certificate=tmp_path / "ek.pem", root=root)
    assert refused.returncode != 0 and "revoked" in refused.stderr
    assert challenge(tpm, tmp_path, ek, ak, certificate=tmp_path / "ek.pem", root=root).returncode == 0
    assert tpm.activate(tmp_path / "challenge", tmp_path / "secret", name="ecc-ek")
    assert enroll(tmp_path).returncode == 0
    assert verify(tmp_path, tpm.quote(DATA, name="ecc-ek"), "--tpm-enrolled", tmp_path / "enrolled.json")[1] == 0


def test_an_attestation_key_with_a_certificate(tpm, tmp_path):
    _, ak = tpm.make_keys(name="certified")
    root, pem = certified(tpm, tmp_path, ak, "2.23.133.8.3")
    answer, status = verify(tmp_path, tpm.quote(DATA, name="certified", ak_certificate=pem), "--tpm-root", root)
    assert status == 0 and answer["claims"]["ak_trust"] == "ak_certificate"
    assert verify(tmp_path, tpm.quote(DATA, name="certified", ak_certificate=pem))[1] == 1
    # the maker's list, by another hand than ours
    serial = x509.load_pem_x509_certificate(pem).serial_number
    assert answer["claims"]["revocation_checked"] is False
    for revoked, good in ((serial + 1, True), (serial, False)):
        (tmp_path / "maker.crl").write_bytes(revocation_list(tmp_path, root, revoked))
        answer, status = verify(tmp_path, tpm.quote(DATA, name="certified", ak_certificate=pem), "--tpm-root", root, "--tpm-crl", tmp_path / "maker.crl")
        checks = {c["check"]: c["outcome"] for c in answer["checks"]}
        assert (status, checks["tpm_revocation"]) == ((0, "passed") if good else (1, "failed"))
        assert not good or answer["claims"]["revocation_checked"] is True


def test_logs_of_what_was_measured(tpm, tmp_path):
    """Events extended into the TPM, as a log tells them; a log that leaves one out is refused."""
    _, ak = tpm.make_keys(name="logged")
    assert warder("tpm", "add", "--ak-public", ak, "--label", "mine", "--enrolled", tmp_path / "enrolled.json").returncode == 0
    header = (b"\0" * 4 + (3).to_bytes(4, "little") + b"\0" * 20 + (33).to_bytes(4, "little") + b"Spec ID Event03\0" + bytes(8)
              + (1).to_bytes(4, "little") + b"\x0b\0\x20\0" + b"\0")
    log = header
    for what in (b"loader", b"kernel"):
        digest = hashlib.sha256(what).digest()
        tpm.extend(4, digest)
        path = b"/" + what  # of a program, the log has its place, not what was hashed
        log += ((4).to_bytes(4, "little") + (0x80000003).to_bytes(4, "little") + (1).to_bytes(4, "little") + b"\x0b\0" + digest
                + len(path).to_bytes(4, "little") + path)
    template = b"sha256:\0" + bytes(32)
    data = len(template).to_bytes(4, "little") + template + (5).to_bytes(4, "little") + b"/bin\0"
    tpm.extend(10, hashlib.sha256(data).digest())
    ima = f"10 {hashlib.sha1(data).hexdigest()} ima-ng sha256:{'00' * 32} /bin\n".encode()
    trust = ("--tpm-enrolled", tmp_path / "enrolled.json")
    answer, status = verify(tmp_path, tpm.quote(DATA, name="logged", event_log=log, ima=ima), *trust)
    assert (status, answer["reason"]) == (0, "")
    claims = answer["claims"]
    assert claims["boot_applications"] == [hashlib.sha256(w).hexdigest() for w in (b"loader", b"kernel")]
    assert claims["events"][0] == {"register": 4, "type": "efi_boot_services_application", "digest": claims["boot_applications"][0]}
    assert claims["ima_files"] == [{"name": "/bin", "digest": "sha256:" + "00" * 32}]
    shorter = log[:log.rindex((4).to_bytes(4, "little") + (0x80000003).to_bytes(4, "little"))]
    assert verify(tmp_path, tpm.quote(DATA, name="logged", event_log=shorter), *trust)[1] == 1
    assert verify(tmp_path, tpm.quote(DATA, name="logged", ima=ima.replace(b"/bin", b"/tmp")), *trust)[1] == 1
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"version": "1.0.0", "anyOf": [{"allOf": [
        {"claim": "tee", "equals": "tpm"}, {"claim": "ak_label", "equals": "mine"},
        {"claim": "pcr_sha256_4", "equals": claims["pcr_sha256_4"]},
        {"claim": "boot_applications", "subset_of": claims["boot_applications"]},
        {"claim": "events", "contains_all": [{"register": 4, "digest": claims["boot_applications"][1]}]}]}]}))
    evidence = tpm.quote(DATA, name="logged", event_log=log)
    answer, status = verify(tmp_path, evidence, *trust, "--policy", policy)
    assert status == 0, answer
    policy.write_text(policy.read_text().replace("mine", "yours"))
    assert verify(tmp_path, evidence, *trust, "--policy", policy)[1] == 1


ATTEST = BUILD / "tests/system/attest_cli"


def attest(place, data=DATA):
    return subprocess.run([ATTEST, "tpm", place, data.hex()], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "TSS2_LOG": "all+NONE"})


def test_the_agents_attester(tpm, tmp_path):
    keys = enrolled(tpm, tmp_path, "agent")
    tpm.persist("agent", "0x81010002")
    log = tmp_path / "log"
    log.write_bytes(b"no event log")
    trust = ("--tpm-enrolled", keys)
    for pcrs, count in (("", 8), (" 0,7,16,23", 4), (" 10 - -", 1)):
        done = attest(f"{tpm.tcti} 0x81010002{pcrs}")
        assert done.returncode == 0, done.stderr
        answer, status = verify(tmp_path, done.stdout.encode(), *trust)
        assert status == 0, answer["reason"]
        assert answer["claims"]["qualifying_data"] == hashlib.sha256(DATA).hexdigest()
        assert len([c for c in answer["claims"] if c.startswith("pcr_")]) == count
    refused, status = verify(tmp_path, attest(f"{tpm.tcti} 0x81010002 0 {log}").stdout.encode(), *trust)
    assert status == 1 and "event log" in refused["reason"]
    for place, why in {f"{tpm.tcti} 0x81010009": "no attestation key", "swtpm:host=127.0.0.1,port=9 0x81010002": "cannot reach",
                       f"{tpm.tcti} 0x81010002 0 /nonexistent": "no such file", f"{tpm.tcti}": "a TPM is"}.items():
        done = attest(place)
        assert done.returncode == 1 and why in done.stderr, done.stderr


def test_the_attestation_service(tpm, tmp_path):
    keys = enrolled(tpm, tmp_path, "served")
    service = Attestd(tmp_path / "attestd", "http://127.0.0.1:9", verify__tpm_enrolled=keys)
    try:
        cmw = ["application/vnd.warder.tpm-quote", b64url(tpm.quote(DATA, name="served"))]
        good = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw, "report_data": DATA.hex()})
        assert good.status == 200 and good.json["verdict"] == "verified", good.json
        bad = service.call("qvs", "POST", "/qvs/v1/verify", {"evidence": cmw, "report_data": bytes(64).hex()})
        assert bad.json["verdict"] == "refused" and "qualifying data" in bad.json["reason"]
        made = service.call("as", "POST", "/as/v1/policies", {"name": "tpm", "policy": {"version": "1.0.0", "anyOf": [{"allOf": [
            {"claim": "tee", "equals": "tpm"}, {"claim": "ak_trust", "equals": "ek_certificate"}]}]}}, bearer=service.token())
        assert made.status == 201, made.json
        runtime = {"type": "report-data", "value": DATA.hex()}
        token = service.call("as", "POST", "/as/v1/attest", {"evidence": cmw, "policy_ids": ["tpm"], "runtime_data": runtime})
        assert token.status == 200, token.json
        default = service.call("as", "POST", "/as/v1/attest", {"evidence": cmw, "policy_ids": ["default"], "runtime_data": runtime})
        assert default.status == 403 and default.json["code"] == "policy_refused"
    finally:
        service.stop()
