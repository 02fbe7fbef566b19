# SPDX-License-Identifier: Apache-2.0
"""Guests of Confidential Containers: their protocol, from a client written from its description, against the real services."""
import os

import pytest

from attestd_fixture import Attestd, Simulator
from coco_client import Guest, b64, refused
from kbs_fixture import Kbs, jwe_seal

pytestmark = pytest.mark.sanitize
GOOD = {"version": "1.0.0", "allOf": [{"claim": "debug", "equals": False}, {"claim": "root", "equals": "configured"}]}
SECRET = os.urandom(32)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory):
    s = Simulator(tmp_path_factory.mktemp("sim"))
    yield s
    s.close()


def start(folder, attestd, **settings):
    k = Kbs(folder, attestd=attestd, **settings)
    k.policy = k.make_policy(name="guests", policy_ids=["good"])["id"]
    return k


def put(k, path, content=SECRET, policy=None, **members):
    jwk = k.call("GET", "/kbs/v1/import-key").json
    body = {"key_information": {"algorithm": "OPAQUE", "key_string": jwe_seal(jwk, content, cty="secret")}, "resource_path": path,
            "transfer_policy_id": policy or k.policy, **members}
    return k.call("POST", "/kbs/v1/keys", body, k.token())


@pytest.fixture(scope="module")
def attestd(simulator, tmp_path_factory):
    a = Attestd(tmp_path_factory.mktemp("attestd"), simulator.info["pcs"], roots=[simulator.root])
    assert a.call("as", "POST", "/as/v1/policies", {"name": "good", "policy": GOOD}, a.token()).status == 201
    yield a
    a.stop()


@pytest.fixture(scope="module")
def kbs(attestd, tmp_path_factory):
    k = start(tmp_path_factory.mktemp("kbs"), attestd)
    assert put(k, "default/key/1").status == 201
    yield k
    assert k.stop() == (0, 0)


def tdx(simulator, scenario="ok"):
    return lambda data: {"quote": b64(bytes(simulator.quote(data, "tdx4", scenario))), "cc_eventlog": None}


def test_a_secret_for_a_td(kbs, simulator):
    guest = Guest(kbs, "tdx", tdx(simulator))
    assert guest.fetch("default/key/1") == SECRET
    # by the token alone, as the guest's data hub does it, and both together
    assert guest.open(guest.get("default/key/1", bearer=guest.token, cookies={})) == SECRET
    assert guest.open(guest.get("default/key/1", bearer=guest.token)) == SECRET
    record = kbs.audit(limit=1)[0]
    assert (record["decision"], record["resource_path"], record["guest_protocol"]) == ("released", "default/key/1", "0.4.0")
    assert record["tcb"]["fmspc"] and record["attestation"]["verdict"] == "verified" and record["encryption_key"]
