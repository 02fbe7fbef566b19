# SPDX-License-Identifier: Apache-2.0
"""The main job on a machine whose evidence is a TPM's: swtpm, the agent's attester, enrolment, release, refusal."""
import json
import socket
import subprocess
import time

import pytest

import dev_system
import swtpm_fixture
from attestd_fixture import end_with_parent
from dev_system import BUILD
from test_tpm import challenge, enroll

pytestmark = pytest.mark.skipif(bool(swtpm_fixture.missing() or dev_system.missing()), reason="swtpm, tpm2-tools or nginx is missing")

HANDLE = "0x81010002"


def wait_port(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("attestd does not listen")


def settings_set(path, section, **values):
    lines, out, seen = path.read_text().splitlines(), [], False
    for line in lines:
        if any(line.replace(" ", "").startswith(f"{k}=") for k in values):
            continue
        out.append(line)
        if line.strip() == f"[{section}]":
            seen = True
            out += [f"{k} = {v}" for k, v in values.items()]
    if not seen:
        out += [f"[{section}]"] + [f"{k} = {v}" for k, v in values.items()]
    path.write_text("\n".join(out) + "\n")


def test_a_key_is_released_to_a_tpm(tmp_path):
    system, attestd = dev_system.System(tee="tdx4", options=("--no-fuse",)), None
    tpm = swtpm_fixture.Tpm(tmp_path / "tpm")
    try:
        system.up()
        ek, ak = tpm.make_keys()
        tpm.persist("ak", HANDLE)
        assert challenge(tpm, tmp_path, ek, ak, label="web-1").returncode == 0
        assert tpm.activate(tmp_path / "challenge", tmp_path / "secret") and enroll(tmp_path).returncode == 0
        settings_set(system.dir / "etc/attestd.conf", "verify", tpm_enrolled=tmp_path / "enrolled.json")
        settings_set(system.dir / "etc/skc-agent.conf", "evidence", attester="tpm", tpm=f"{tpm.tcti} {HANDLE} 0,4,7")
        dev_system.stop(system.pid("attestd"))
        log = open(system.dir / "log/attestd-again.log", "w")
        attestd = subprocess.Popen([BUILD / "programs/attestd/attestd", "--config", system.dir / "etc/attestd.conf"], stderr=log,
                                   preexec_fn=end_with_parent)
        wait_port(system.port("as"))
        appraisal = tmp_path / "appraisal.json"
        appraisal.write_text(json.dumps({"version": "1.0.0", "anyOf": [{"allOf": [
            {"claim": "tee", "equals": "tpm"}, {"claim": "ak_trust", "equals": "ek_certificate"},
            {"claim": "pcr_sha256_4", "equals": "00" * 32}]}]}))
        system.warder("appraisal", "create", "--name", "tpm", "--file", appraisal)
        policy = system.warder_json("policy", "create", "--name", "nginx", "--attestation-type", "tpm", "--appraisal", "tpm",
                                    "--claim", "ak_label=web-1", "--explain-to-caller")["id"]
        made = system.warder_json("key", "enroll", "--policy", policy, "--bits", "2048", "--san", "localhost,127.0.0.1",
                                  "--folder", tmp_path)
        (system.dir / "etc/keys.txt").write_text(f"pkcs11:token=KMS;id={made['id']};object=RSAKEY;type=private;pin-value=1234\n")
        system.nginx_configure(made["certificate"])
        started = system.nginx_start()
        assert started.returncode == 0, started.stderr + system.logs()
        assert system.get() == "served\n"
        assert system.audit()[0]["decision"] == "released" and system.audit()[0]["tcb"]["tee"] == "tpm"
        system.nginx_stop()
        system.agent_stop()
        tpm.extend(4, b"\x11" * 32)  # something else was booted
        assert system.nginx_start().returncode != 0
        assert "pcr_sha256_4" in str(system.audit()[0]["reason"])
    finally:
        if attestd:
            attestd.terminate()
            attestd.wait(10)
        system.down()
        tpm.close()


def test_a_development_system_of_a_machine_with_a_tpm(tmp_path):
    """warder dev up --tee tpm: its TPM's key is enrolled by credential activation, also for the next start."""
    system = dev_system.System(tee="tpm")
    try:
        system.up()
        listed = system.warder_json("tpm", "list", "--enrolled", system.dir / "etc/tpm-enrolled.json")
        assert [(row["by"], row["label"]) for row in listed] == [("ek_certificate", "dev")]
        policy = system.warder_json("policy", "create", "--name", "nginx", "--attestation-type", "tpm", "--appraisal", "dev",
                                    "--explain-to-caller")["id"]
        made = system.warder_json("key", "enroll", "--policy", policy, "--bits", "2048", "--san", "localhost,127.0.0.1",
                                  "--folder", tmp_path)
        (system.dir / "etc/keys.txt").write_text(f"pkcs11:token=KMS;id={made['id']};object=RSAKEY;type=private;pin-value=1234\n")
        system.nginx_configure(made["certificate"])
        for again in range(2):
            started = system.nginx_start()
            assert started.returncode == 0, started.stderr + system.logs()
            assert system.get() == "served\n"
            record = system.audit()[0]
            assert record["decision"] == "released" and record["tcb"]["tee"] == "tpm"
            system.nginx_stop()
            system.agent_stop()
            if not again:
                system.warder("dev", "down", "--dir", system.dir)
                system.up()
        # A key that is not enrolled any more opens nothing.
        system.warder("tpm", "remove", "--enrolled", system.dir / "etc/tpm-enrolled.json", listed[0]["name"])
        dev_system.stop(system.pid("attestd"))
        system.up()
        assert system.nginx_start().returncode != 0
        assert system.audit()[0]["decision"] == "refused"
    finally:
        system.down()
