# SPDX-License-Identifier: Apache-2.0
"""What is not there and what is not the caller's are one answer: status, headers and body. Whether they take the same time
is measured by bench/timing.py, whose judgement is tested here with times of the test's own."""
import http.client
import json
import pathlib
import random
import ssl
import sys
import uuid

import pytest

import request_cases
from identity_fixture import CANARY, Identity
from kbs_fixture import Kbs

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
import timing  # noqa: E402

OF_ONE_ANSWER = {"x-request-id", "date"}
ALL = ("keys:*", "key_transfer_policies:*", "audit:*", "deny_list:*", "changes:*")


@pytest.fixture(scope="module")
def kbs(tmp_path_factory):
    k = Kbs(tmp_path_factory.mktemp("kbs"))
    yield k
    k.stop()


def whole(r, body):
    """All that a caller sees, but what is of this one answer."""
    document = json.loads(body)
    document.pop("instance", None)
    return r.status, sorted((k.lower(), v) for k, v in r.getheaders() if k.lower() not in OF_ONE_ANSWER | {"content-length"}), document


def ask(kbs, method, path, bearer=None, body=None):
    r = kbs.call(method, path, body, bearer)
    return whole(r, r.text)


def named_routes():
    return [(m, p) for m, p, _ in request_cases.operations("kbs") if "{id}" in p]


@pytest.fixture(scope="module")
def theirs(kbs):
    """One of each thing of another tenant."""
    token = kbs.token(ALL, tenant="rival")
    key = kbs.make_key(bearer=token)["key_information"]["id"]
    policy = kbs.call("POST", "/kbs/v1/key-transfer-policies", {"name": "theirs", "four_eyes": True}, token).json["id"]
    kbs.call("POST", "/kbs/v1/deny-list", {"kind": "fmspc", "value": "00606a000000", "reason": "theirs"}, token)
    pending = kbs.call("PUT", f"/kbs/v1/key-transfer-policies/{policy}", {"name": "theirs"}, token).json["pending"]["id"]
    record = kbs.call("GET", "/kbs/v1/audit", bearer=token).json[0]["id"]
    return {"keys": key, "key-transfer-policies": policy, "deny-list": "fmspc:00606a000000", "pending-changes": pending, "audit": record}


@pytest.mark.parametrize("method, path", named_routes())
def test_absent_and_not_yours(kbs, theirs, method, path):
    noun = path.split("/")[3]
    absent = "fmspc:00906ed50000" if noun == "deny-list" else str(uuid.uuid4())
    body = {} if method in ("POST", "PUT") else None
    for bearer in (kbs.token(ALL), None):
        one, other = (ask(kbs, method, path.replace("{id}", name), bearer, body) for name in (theirs[noun], absent))
        assert one == other and one[0] in (401, 404), (path, one, other)


def test_without_the_permission_nothing_is_told(kbs, theirs):
    mine = kbs.make_key()["key_information"]["id"]
    for method, path in named_routes():
        if "/transfer" in path or "/use" in path or "/keys/" not in path:
            continue
        answers = [ask(kbs, method, path.replace("{id}", name), kbs.token(["none:none"]), {} if method == "POST" else None)
                   for name in (mine, theirs["keys"], str(uuid.uuid4()))]
        assert answers[0] == answers[1] == answers[2] and answers[0][0] == 403, answers


def test_login(tmp_path):
    identity = Identity(tmp_path)
    identity.aasd.start()
    try:
        context = ssl.create_default_context(cafile=identity.dir / "etc/tls/ca.pem")
        seen = []
        for name in ("admin", "nobody", "../admin", "a b"):
            c = http.client.HTTPSConnection("localhost", identity.aasd.port, context=context, timeout=60)
            c.request("POST", "/aas/v1/token", json.dumps({"username": name, "password": CANARY + "x"}), {"Content-Type": "application/json"})
            r = c.getresponse()
            seen.append(whole(r, r.read()))
            c.close()
        assert seen[0][0] == 401 and all(s == seen[0] for s in seen)
    finally:
        identity.aasd.stop()


def noise(count, of=random.Random(1)):
    return [200000 + of.expovariate(1 / 20000) for _ in range(count)]


def test_the_measure_finds_what_there_is():
    """Two microseconds in two hundred show in 20,000 answers; nothing shows where there is nothing."""
    a, b = noise(20000), noise(20000)
    assert all(abs(t) < timing.BOUND for t in timing.compare(a, b).values())
    assert any(abs(t) > timing.BOUND for t in timing.compare(a, [x + 2000 for x in b]).values())
