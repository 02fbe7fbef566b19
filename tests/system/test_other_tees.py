# SPDX-License-Identifier: Apache-2.0
"""The main job on other hardware and by the evidence socket: SGX quote v3, TDX quote v5."""
import subprocess

import pytest

import dev_system

pytestmark = pytest.mark.skipif(dev_system.missing() is not None, reason=str(dev_system.missing()))


@pytest.mark.parametrize("tee, kind, claim, options", [("sgx3", "sgx", "mrenclave", ()), ("tdx5", "tdx", "mrtd", ("--no-fuse",))])
def test_main_job(tee, kind, claim, options, tmp_path):
    system = dev_system.System(tee=tee, options=options)
    try:
        system.up()
        measurement = subprocess.run([dev_system.TEESIM, "measurement", "--tee", tee], text=True, capture_output=True, check=True)
        policy = system.warder_json("policy", "create", "--name", "nginx", "--attestation-type", kind, "--appraisal", "dev",
                                    "--claim", f"{claim}={measurement.stdout.strip()}", "--explain-to-caller")["id"]
        made = system.warder_json("key", "enroll", "--policy", policy, "--bits", "2048", "--san", "localhost,127.0.0.1",
                                  "--folder", tmp_path)
        (system.dir / "etc/keys.txt").write_text(
            f"pkcs11:token=KMS;id={made['id']};object=RSAKEY;type=private;pin-value=1234\n")
        system.nginx_configure(made["certificate"])
        started = system.nginx_start()
        assert started.returncode == 0, started.stderr + system.logs()
        assert system.get() == "served\n"
        record = system.audit()[0]
        assert record["decision"] == "released" and record["tcb"]["tee"] == kind
        system.nginx_stop()
        system.agent_stop()
        system.scenario("debug")
        assert system.nginx_start().returncode != 0
        assert "debug is true" in str(system.audit()[0]["reason"])
    finally:
        system.down()
