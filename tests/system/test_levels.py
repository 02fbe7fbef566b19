# SPDX-License-Identifier: Apache-2.0
"""The three levels of a policy end to end: the same machine, which has no TEE, asks for a key and for a secret under each."""
import json
import subprocess

import pytest

import dev_system
from test_secrets import agent_fetch
from test_tpm_release import settings_set

pytestmark = pytest.mark.skipif(bool(dev_system.missing()), reason=str(dev_system.missing()))
LEVELS = ("none", "observe", "require")


@pytest.fixture(scope="module")
def system():
    made = dev_system.System(options=("--no-fuse",))
    try:
        made.up()
        settings_set(made.dir / "etc/skc-agent.conf", "evidence", attester="none")
        made.policies = {level: made.warder_json("policy", "create", "--name", f"level-{level}", "--attestation", level, "--attestation-type",
                                                 "tdx", "--appraisal", "dev", "--claim", "mrtd=" + "ab" * 48)["id"] for level in LEVELS}
        yield made
    finally:
        made.down()


def record_of(system, key_id):
    return next(r for r in system.audit() if r["key_id"] == key_id and r["action"] == "release")


def check_record(system, key_id, level):
    """The record, what is shown of it, and what a trial says."""
    record = record_of(system, key_id)
    refused = level == "require"
    assert (record["level"], record["decision"]) == (level, "refused" if refused else "released")
    assert record.get("code") == ("attestation_required" if refused else None)
    assert record.get("would_refuse") == ("attestation_required" if level == "observe" else None)
    assert [c["rule"] for c in record.get("smallest_change", [])] == ([] if level == "none" else ["attested"])
    shown = system.warder("audit", "show", record["id"])
    assert ("The smallest change that would pass" in shown) == (level != "none")
    for question in (["--record", record["id"]], ["--permissions", "nginx,USA"]):
        said = system.warder("policy", "test", "--key", key_id, *question, status=1 if refused else 0)
        assert said.startswith("REFUSED  attestation_required" if refused else "RELEASED")
        assert ("require would refuse: attestation_required" in said) == (level == "observe")
        assert "--record" not in question or "As then: the decision is the same, the policy has not changed." in said


@pytest.mark.parametrize("level", LEVELS)
def test_key(system, level, tmp_path):
    made = system.warder_json("key", "enroll", "--policy", system.policies[level], "--bits", "2048", "--san", "localhost,127.0.0.1",
                              "--folder", tmp_path)
    (system.dir / "etc/keys.txt").write_text(f"pkcs11:token=KMS;id={made['id']};object=RSAKEY;type=private;pin-value=1234\n")
    system.nginx_configure(made["certificate"])
    started = system.nginx_start()
    try:
        assert (started.returncode != 0) == (level == "require"), started.stderr + system.logs()
        assert level == "require" or system.get() == "served\n"
        check_record(system, made["id"], level)
    finally:
        system.nginx_stop()
        system.agent_stop()


@pytest.mark.parametrize("level", LEVELS)
def test_secret(system, level, tmp_path):
    done = subprocess.run([dev_system.WARDER, "secret", "put", "--policy", system.policies[level], "-o", "json"], env=system.env,
                          input=b"hunter2", capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    key_id = json.loads(done.stdout)["key_information"]["id"]
    got = agent_fetch(system, key_id)
    if level == "require":
        assert got.returncode == 3 and b"attestation_required" in got.stderr and not got.stdout
    else:
        assert got.returncode == 0 and got.stdout == b"hunter2", got.stderr
    check_record(system, key_id, level)


def test_policy_test_on_the_command_line(system, tmp_path):
    """Another policy, claims from a file, a certificate whose key stays, and the JSON of the answer."""
    key = system.warder_json("key", "create", "--algorithm", "EC", "--curve", "secp256r1", "--policy", system.policies["require"])
    key_id = key["key_information"]["id"]
    claims = {"tee": "tdx", "mrtd": "cd" * 48}
    (tmp_path / "claims.json").write_text(json.dumps({"verdict": "verified", "claims": claims}))
    said = system.warder("policy", "test", "--key", key_id, "--claims", tmp_path / "claims.json", status=1)
    assert "conditions.anyOf[0].allOf[0]: mrtd equals" in said and "found: " + '"' + "cd" * 48 in said
    other = {"attestation_types": ["tdx"], "conditions": {"version": "1.0.0", "allOf": [{"claim": "mrtd", "equals": "cd" * 48}]},
             "client_certificate_subject_anyof": ["localhost"], "client_networks_anyof": ["192.0.2.0/24"]}
    (tmp_path / "other.json").write_text(json.dumps(other))
    (tmp_path / "client.pem").write_text((system.dir / "etc/tls/kbsd.key").read_text() + (system.dir / "etc/tls/kbsd.pem").read_text())
    arguments = ["policy", "test", "--key", key_id, "--claims", tmp_path / "claims.json", "--file", tmp_path / "other.json",
                 "--client-cert", tmp_path / "client.pem", "-o", "json"]
    answer = json.loads(system.warder(*arguments, "--source", "192.0.2.1", "--at", "2026-12-01T00:00:00Z", status=1))
    subject = next(c for c in answer["checks"] if c["check"] == "client_certificate_subject_anyof")["actual"]
    other["client_certificate_subject_anyof"] = [subject]
    (tmp_path / "other.json").write_text(json.dumps(other))
    answer = json.loads(system.warder(*arguments, "--source", "192.0.2.1", "--at", "2026-12-01T00:00:00Z"))
    assert (answer["decision"], answer["at"]) == ("released", "2026-12-01T00:00:00Z")
    answer = json.loads(system.warder(*arguments, status=1))
    assert [c["rule"] for c in answer["smallest_change"]] == ["client_networks_anyof"]
    assert "--key" in subprocess.run([dev_system.WARDER, "policy", "test"], env=system.env, capture_output=True, text=True).stderr


def test_evidence_on_the_command_line(system, tmp_path):
    """A bare quote is wrapped here and appraised there."""
    quote = next((dev_system.ROOT / "tests/vectors/intel").glob("*/quote.bin"))
    key = system.warder_json("key", "create", "--algorithm", "EC", "--curve", "secp256r1", "--policy", system.policies["require"])
    said = json.loads(system.warder("policy", "test", "--key", key["key_information"]["id"], "--evidence", quote, "-o", "json", status=1))
    assert said["code"] == "evidence_refused" and said["smallest_change"] and said["smallest_change"][0]["rule"].startswith("evidence.")
