# SPDX-License-Identifier: Apache-2.0
"""Opaque secrets: given sealed, listed, released after attestation as keys are, destroyed; and nobody on the way sees them."""
import base64
import json
import os
import stat
import subprocess

import pytest

import dev_system
from kbs_fixture import Client, Kbs, b64url, jwe_seal, kbs, refused  # noqa: F401
from test_main_job import Wire, everything_running, memory_of, seen_in

LIMIT = 1 << 20


def put(kbs, content, **members):
    jwk = kbs.call("GET", "/kbs/v1/import-key").json
    body = {"key_information": {"algorithm": "OPAQUE", "key_string": jwe_seal(jwk, content, cty="secret")}, **members}
    return kbs.call("POST", "/kbs/v1/keys", body, kbs.token())


def fetched(kbs, key_id, **changes):
    client = Client(kbs)
    r, challenge = client.fetch(key_id, **changes)
    assert r.status == 200, r.text
    return client.open(r.json, challenge, key_id)


@pytest.mark.sanitize
@pytest.mark.parametrize("size", [1, 4096, 300 << 10, LIMIT - 1, LIMIT])
def test_any_bytes_come_back(kbs, size):
    content = os.urandom(size)
    made = put(kbs, content, label="blob")
    assert made.status == 201, made.text
    information = made.json["key_information"]
    assert information["algorithm"] == "OPAQUE" and information["size"] == size and "key_string" not in json.dumps(made.json)
    header, got = fetched(kbs, information["id"])
    assert got == content and header["cty"] == "secret" and header["size"] == size
    record = kbs.audit(key=information["id"], limit=1)[0]
    assert record["decision"] == "released"


@pytest.mark.sanitize
@pytest.mark.parametrize("size, status, code", [(0, 400, "key_refused"), (LIMIT + 1, 400, "key_refused"), (LIMIT + (40 << 10), 413, None)])
def test_limits(kbs, size, status, code):
    before = kbs.call("GET", "/kbs/v1/keys", bearer=kbs.token()).json
    r = put(kbs, os.urandom(size))
    assert r.status == status and (code is None or r.code_word == code), r.text
    assert kbs.call("GET", "/kbs/v1/keys", bearer=kbs.token()).json == before


@pytest.mark.sanitize
@pytest.mark.parametrize("information, code", [
    ({"algorithm": "OPAQUE", "key_string": "in the clear"}, "wrapped_import_required"),
    ({"algorithm": "OPAQUE"}, "malformed_request"),
    ({"algorithm": "OPAQUE", "key_length": 128, "key_string": "a.b.c.d.e"}, "malformed_request"),
    ({"algorithm": "OPAQUE", "curve_type": "secp256r1", "key_string": "a.b.c.d.e"}, "malformed_request"),
    ({"algorithm": "OPAQUE", "key_string": "a.b.c.d.e"}, "key_refused"),
])
def test_bad_requests(kbs, information, code):
    refused(kbs.call("POST", "/kbs/v1/keys", {"key_information": information}, kbs.token()), 400, code)


@pytest.mark.sanitize
def test_refused_without_attestation_and_destroyed(kbs):
    key_id = put(kbs, b"password").json["key_information"]["id"]
    client = Client(kbs)
    refused(client.request(key_id, client.challenge(key_id)), 403, "attestation_required")
    challenge = client.challenge(key_id)
    denied = client.attestation_token(challenge=challenge["challenge"], policies=["another"])
    refused(client.request(key_id, challenge, denied), 403, "policy_refused")
    listed = kbs.call("GET", "/kbs/v1/keys?algorithm=OPAQUE", bearer=kbs.token()).json
    assert key_id in [k["key_information"]["id"] for k in listed]
    assert all(k["key_information"]["algorithm"] == "OPAQUE" for k in listed)
    foreign = kbs.token(tenant="another")
    refused(kbs.call("GET", f"/kbs/v1/keys/{key_id}", bearer=foreign), 404, "key_not_found")
    refused(kbs.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=foreign), 404, "key_not_found")
    assert kbs.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=kbs.token()).status == 204
    refused(kbs.call("POST", client.path(key_id), {}), 404, "key_not_found")


@pytest.mark.sanitize
def test_a_new_version_may_have_another_size(kbs):
    key_id = put(kbs, b"first").json["key_information"]["id"]
    jwk = kbs.call("GET", "/kbs/v1/import-key").json
    path, large = f"/kbs/v1/keys/{key_id}/rotate", os.urandom(LIMIT)
    refused(kbs.call("POST", path, {}, kbs.token()), 400, "key_refused")
    refused(kbs.call("POST", path, {"key_string": "in the clear"}, kbs.token()), 400, "wrapped_import_required")
    assert kbs.call("POST", path, {"key_string": jwe_seal(jwk, large, cty="secret")}, kbs.token()).status == 200
    header, got = fetched(kbs, key_id)
    assert got == large and (header["key_version"], header["size"]) == (2, LIMIT)


@pytest.fixture(scope="module")
def system():
    if dev_system.missing():
        pytest.skip(str(dev_system.missing()))
    made = dev_system.System()
    try:
        yield made.up()
    finally:
        made.down()


def agent_fetch(system, key_id, *options):
    command = [dev_system.BUILD / "programs/skc-agent/skc-agent", "fetch", "--config", system.dir / "etc/skc-agent.conf", "--id", key_id, *options]
    return subprocess.run(command, env=system.env, capture_output=True, timeout=60)


def windows(content):
    found = {"bytes": content[100:132], "hex": content[100:116].hex().encode(), "end": content[-32:]}
    for shift in range(3):
        found[f"base64 {shift}"] = base64.b64encode(content[99 + shift:135 + shift])
        found[f"base64url {shift}"] = b64url(content[99 + shift:135 + shift]).encode()
    return found


def test_from_the_command_line_to_the_workload(system, tmp_path):
    """L24, L36: put, seen in lists, delivered to an attested workload as a private file, and nowhere else."""
    content = os.urandom(LIMIT)
    source = tmp_path / "blob"
    source.write_bytes(content)
    policy = system.warder_json("policy", "create", "--name", "secrets", "--attestation-type", "tdx", "--appraisal", "dev")["id"]
    wire = Wire()
    wire.start()
    made = system.warder_json("secret", "put", "--file", source, "--label", "blob", "--policy", policy)
    key_id = made["key_information"]["id"]
    assert system.warder_json("secret", "get-metadata", key_id)["key_information"] == {"id": key_id, "algorithm": "OPAQUE", "size": LIMIT}
    assert key_id in system.warder("secret", "list")
    out = tmp_path / "delivered"
    done = agent_fetch(system, key_id, "--out", out)
    assert done.returncode == 0, done.stderr.decode() + system.logs()
    assert out.read_bytes() == content and stat.S_IMODE(out.stat().st_mode) == 0o600
    crossed = wire.stop()
    patterns = windows(content)
    assert seen_in([content], patterns), "the scan finds nothing: it cannot be trusted"
    for name, pids in everything_running(system).items():
        for pid in pids:
            assert seen_in(memory_of(pid), patterns) == [], f"{name} (pid {pid}) holds the secret"
    assert len(crossed) > 2 * LIMIT and seen_in([crossed], patterns) == []
    assert [p for p in system.dir.rglob("*") if p.is_file() and seen_in([p.read_bytes()], patterns)] == []
    # a second time: only where the file is to be replaced, and to the standard output
    assert agent_fetch(system, key_id, "--out", out).returncode == 1
    assert agent_fetch(system, key_id, "--out", out, "--replace").returncode == 0
    assert agent_fetch(system, key_id).stdout == content


def test_refused_workload_and_destroyed_secret(system, tmp_path):
    policy = system.warder_json("policy", "create", "--name", "other", "--attestation-type", "tdx", "--appraisal", "dev",
                                "--claim", "mrtd=" + "ab" * 48)["id"]
    done = subprocess.run([dev_system.WARDER, "secret", "put", "--policy", policy, "-o", "json"], env=system.env, input=b"hunter2",
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    key_id = json.loads(done.stdout)["key_information"]["id"]
    done = agent_fetch(system, key_id, "--out", tmp_path / "never")
    assert done.returncode == 3 and b"policy_refused" in done.stderr and not (tmp_path / "never").exists()
    record = system.audit()[0]
    assert record["decision"] == "refused" and record["key_id"] == key_id
    system.warder("secret", "destroy", key_id)
    done = agent_fetch(system, key_id)
    assert done.returncode == 3 and b"key_not_found" in done.stderr and not done.stdout


def test_keys_are_not_delivered_and_secrets_are_no_objects(system):
    policy = system.warder_json("policy", "create", "--name", "keys", "--attestation-type", "tdx", "--appraisal", "dev")["id"]
    made = system.warder_json("key", "create", "--algorithm", "AES", "--length", "256", "--policy", policy)
    done = agent_fetch(system, made["key_information"]["id"])
    assert done.returncode == 1 and b"this is a key" in done.stderr and not done.stdout


@pytest.mark.parametrize("text, why", [(b"", "nothing"), (b"x" * (LIMIT + 1), "too large")])
def test_bad_input_to_put(system, text, why):
    done = subprocess.run([dev_system.WARDER, "secret", "put"], env=system.env, input=text, capture_output=True, timeout=60)
    assert done.returncode == 1 and why in done.stderr.decode()
