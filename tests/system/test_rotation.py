# SPDX-License-Identifier: Apache-2.0
"""The attestation service changes its signing key while keys are released for its tokens, and keyd follows without a restart."""
import base64
import concurrent.futures
import json
import os
import socket
import subprocess
import time

import pytest

from attestd_fixture import Attestd, Simulator, cmw
from kbs_fixture import Client, Kbs, refused
from simulator import WARDER

pytestmark = pytest.mark.sanitize


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    s = Simulator(tmp_path_factory.mktemp("sim"))
    yield s
    s.close()


@pytest.fixture
def broker(simulator, tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    a = Attestd(tmp_path / "attestd", simulator.info["pcs"], roots=[simulator.root], as__announce_minutes=0, as__token_minutes=60,
                as__port=port)
    good = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": False}, {"claim": "root", "equals": "configured"}]}
    assert a.call("as", "POST", "/as/v1/policies", {"name": "good", "policy": good}, a.token()).status == 201
    k = Kbs(tmp_path / "kbs", attestd=a)
    k.attestd, k.key = a, k.make_key(policy=k.make_policy(policy_ids=["good"])["id"])["key_information"]["id"]
    yield k
    assert k.stop() == (0, 0)
    assert a.stop() == 0


def release(broker, quote_of, client=None, token=None):
    client = client or Client(broker)
    challenge = client.challenge(broker.key)
    evidence = None if token else cmw(quote_of(client.report_data(challenge)))
    r = client.request(broker.key, challenge, token, evidence=evidence)
    if r.status == 200:
        client.open(r.json, challenge, broker.key)
    return r


def kid(token):
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def warder(broker, *arguments, rules=("signing_keys:rotate",)):
    a = broker.attestd
    (a.dir / "token").touch(mode=0o600)
    (a.dir / "token").write_text(a.token(rules))
    conf = a.dir / "cli.conf"
    conf.write_text(f"[services]\nas = https://localhost:{a.ports['as']}\n[tls]\nca = {a.dir}/attestd.pem\n[login]\ntoken_file = {a.dir}/token\n")
    return subprocess.run([WARDER, *arguments, "--config", conf, "-o", "json"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "HOME": "/nonexistent"})


def wait_until(what):
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_releases_go_on_over_a_rotation(broker, simulator):
    keyd = broker.keyd.pid
    client = Client(broker)
    before = release(broker, simulator.quote, client).json["attestation_token"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(release, broker, simulator.quote) for _ in range(12)]
        done = warder(broker, "appraisal", "rotate-keys")
        answers = [x.result() for x in asked]
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["state"] == "signs" and told["published_keys"] == 2 and told["kid"] != kid(before)
    assert [r.status for r in answers] == [200] * 12

    # New tokens are believed at once, old ones while the keys overlap.
    other = Client(broker)
    new = release(broker, simulator.quote, other)
    assert new.status == 200 and kid(new.json["attestation_token"]) == told["kid"]
    assert release(broker, None, other, new.json["attestation_token"]).status == 200
    assert release(broker, None, client, before).status == 200

    # The overlap is over: the old key is gone, and with it what it has signed, although that has not expired.
    a = broker.attestd
    assert a.stop() == 0
    state = json.loads((a.dir / "signing.key.state").read_text())
    state["retired"][0]["until"] = int(time.time()) - 1
    (a.dir / "signing.key.state").write_text(json.dumps(state))
    a.start()
    wait_until(lambda: len(json.loads((a.dir / "as-jwks.json").read_text())["keys"]) == 1)
    r = release(broker, None, client, before)
    refused(r, 403, "attestation_token_invalid")
    record = broker.audit(key=broker.key, limit=1)[0]
    assert (record["decision"], record["code"]) == ("refused", "attestation_token_invalid")
    assert release(broker, None, other, new.json["attestation_token"]).status == 200
    assert release(broker, simulator.quote).status == 200
    assert broker.keyd.pid == keyd and broker.keyd.poll() is None


def test_everything_starts_anew_while_keys_overlap(broker, simulator):
    """All three services end and begin again before, in and after a rotation; each token is believed as long as its key is."""
    def restart():
        assert broker.stop() == (0, 0) and broker.attestd.stop() == 0
        broker.attestd.start()
        broker.start_keyd()
        broker.start_kbsd()

    old, new = Client(broker), Client(broker)
    by_old = release(broker, simulator.quote, old).json["attestation_token"]
    restart()
    assert release(broker, None, old, by_old).status == 200
    told = json.loads(warder(broker, "appraisal", "rotate-keys").stdout)
    restart()
    by_new = release(broker, simulator.quote, new).json["attestation_token"]
    assert kid(by_new) == told["kid"] != kid(by_old)
    restart()
    assert release(broker, None, old, by_old).status == 200 and release(broker, None, new, by_new).status == 200

    # keyd alone was away while the old key went.
    a = broker.attestd
    assert broker.stop() == (0, 0) and a.stop() == 0
    state = json.loads((a.dir / "signing.key.state").read_text())
    state["retired"][0]["until"] = int(time.time()) - 1
    (a.dir / "signing.key.state").write_text(json.dumps(state))
    a.start()
    wait_until(lambda: len(json.loads((a.dir / "as-jwks.json").read_text())["keys"]) == 1)
    broker.start_keyd()
    broker.start_kbsd()
    refused(release(broker, None, old, by_old), 403, "attestation_token_invalid")
    assert release(broker, None, new, by_new).status == 200 and release(broker, simulator.quote).status == 200


def test_a_set_that_comes_too_late_or_broken(broker, simulator):
    """L39: keyd believes the set that it pins. On another machine, until somebody carries the new set over, new tokens are refused; a broken one changes nothing."""
    a, pinned = broker.attestd, broker.dir / "carried.json"
    conf = broker.dir / "keyd.conf"
    pinned.write_bytes((a.dir / "as-jwks.json").read_bytes())
    conf.write_text(conf.read_text().replace(str(a.dir / "as-jwks.json"), str(pinned)))
    assert broker.stop() == (0, 0)
    broker.start_keyd()
    broker.start_kbsd()
    old, new = Client(broker), Client(broker)
    by_old = release(broker, simulator.quote, old).json["attestation_token"]
    assert warder(broker, "appraisal", "rotate-keys").returncode == 0
    refused(release(broker, simulator.quote, new), 403, "attestation_token_invalid")

    def carry(data):
        coming = pinned.with_suffix(".new")
        coming.write_bytes(data)
        coming.rename(pinned)

    carry(b'{"keys":[')
    assert release(broker, None, old, by_old).status == 200
    refused(release(broker, simulator.quote, new), 403, "attestation_token_invalid")
    carry((a.dir / "as-jwks.json").read_bytes())
    wait_until(lambda: release(broker, simulator.quote, new).status == 200)
    assert release(broker, None, old, by_old).status == 200


def test_who_may_ask_for_the_next_key(broker):
    a = broker.attestd
    denied = warder(broker, "appraisal", "rotate-keys", rules=("policies:*",))
    assert denied.returncode == 3 and "permission_denied" in denied.stderr, denied.stderr
    nobody = a.call("as", "POST", "/as/v1/certs/rotate")
    assert (nobody.status, nobody.json["code"]) == (401, "token_missing")
    assert len(a.call("as", "GET", "/as/v1/certs").json["keys"]) == 1
    asked = a.call("as", "POST", "/as/v1/certs/rotate", bearer=a.token(("signing_keys:rotate",)))
    assert asked.status == 202 and len(asked.json["keys"]) == 1
    wait_until(lambda: len(a.call("as", "GET", "/as/v1/certs").json["keys"]) == 2)
    assert any("a next signing key is asked for" in line and "tester" in line for line in a.log)
