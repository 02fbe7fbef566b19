# SPDX-License-Identifier: Apache-2.0
"""Leases: keyd renews them for whom all still stands; the agent asks, obeys, and gives a key up whose lease ended."""
import json
import signal
import sqlite3
import time
import uuid

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

import agent_fixture
import small_kbs
from attestd_fixture import Key, b64url_bytes, part
from kbs_fixture import Client, Kbs, digest_text, jwe_open, kbs, refused  # noqa: F401
from test_agent import Client as AgentClient

pytestmark = pytest.mark.sanitize
PATH = "/kbs/v1/leases"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Forgotten:
    """An agent whose KBS went away right after the fetch: its lease of a minute ends while the other tests run."""

    def __init__(self, folder):
        self.kbs = small_kbs.SmallKbs(folder)
        self.kbs.lease = 1
        self.agent = agent_fixture.Agent(folder, self.kbs)
        self.agent.configure(lease_poll=1)
        self.agent.set_keys((self.kbs.add(RSA, "RSA"), "RSAKEY", "1234"))
        self.agent.start()
        assert len(AgentClient(self.agent).find()) == 1
        self.kbs.refuse = small_kbs.Refuse(503, "key_side_unavailable")
        self.kbs.leases = lambda *_: (_ for _ in ()).throw(self.kbs.refuse)
        self.begun = time.monotonic()


@pytest.fixture(scope="module", autouse=True)
def forgotten(tmp_path_factory):
    f = Forgotten(tmp_path_factory.mktemp("forgotten"))
    yield f
    f.agent.end()
    f.kbs.stop()


@pytest.fixture
def agent(tmp_path):
    k = small_kbs.SmallKbs(tmp_path)
    a = agent_fixture.Agent(tmp_path, k)
    a.configure(lease_poll=1)
    yield a
    a.end()
    k.stop()


# the broker

class Holder(Client):
    """A client that keeps what it was given."""

    def hold(self, key_id, bearer=None, **changes):
        r, challenge = self.fetch(key_id, bearer, **changes)
        assert r.status == 200, r.text
        header, _ = self.open(r.json, challenge, key_id)
        return {"key_id": key_id, "audit_id": header["audit_id"]}

    def ask(self, keys, bearer=None, challenge=None, signer=None, asker=None, **changes):
        challenge = challenge or self.kbs.call("POST", PATH, {}, bearer).json["challenge"]
        s = asker or self.s
        body = {"challenge": challenge, "signing_key": s.jwk, "nonce": uuid.uuid4().hex, "keys": keys, **changes}
        raw = json.dumps({k: v for k, v in body.items() if v is not None}).encode()
        return self.kbs.call("POST", PATH, raw, bearer, {"Warder-Proof": self.proof(PATH, challenge, raw, signer or s)}), body

    def renew(self, *keys, bearer=None):
        """What the signed answer says of the keys."""
        r, body = self.ask(list(keys), bearer)
        assert r.status == 200, r.text
        head, payload, signature = r.json["answer"].split(".")
        header, payload_json, raw = json.loads(b64url_bytes(head)), json.loads(b64url_bytes(payload)), b64url_bytes(signature)
        assert header["typ"] == "warder-lease+jwt"
        jwk = next(k for k in json.loads((self.kbs.dir / "release-jwks.json").read_text())["keys"] if k["kid"] == header["kid"])
        numbers = ec.EllipticCurvePublicNumbers(*(int.from_bytes(b64url_bytes(jwk[c]), "big") for c in "xy"), ec.SECP256R1())
        numbers.public_key().verify(utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
                                    f"{head}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
        assert payload_json["challenge"] == digest_text(body["challenge"].encode()) and payload_json["nonce"] == body["nonce"]
        assert payload_json["signing_key"] == self.s.thumbprint
        return [(x["status"], x.get("reason")) for x in payload_json["leases"]]


def leased(kbs, **policy):
    p = kbs.make_policy(lease_minutes=5, **policy)
    return kbs.make_key(policy=p["id"])["key_information"]["id"], p


def test_renewed_while_all_stands(kbs):
    key_id, _ = leased(kbs)
    holder = Holder(kbs)
    held = holder.hold(key_id)
    assert holder.renew(held) == [("renewed", None)] and holder.renew(held) == [("renewed", None)]
    record = kbs.audit(key=key_id, limit=1)[0]
    assert (record["action"], record["decision"], record["signing_key"]) == ("lease_renew", "done", holder.s.thumbprint)
    assert record["leases"][0]["status"] == "renewed" and record["leases"][0]["lease_minutes"] == 5
    other = {"key_id": key_id, "audit_id": str(uuid.uuid4())}
    assert holder.renew(held, other) == [("renewed", None), ("attest", "lease_unknown")]


def test_only_the_holder_hears_of_it(kbs):
    key_id, _ = leased(kbs)
    held = Holder(kbs).hold(key_id)
    stranger, before = Holder(kbs), len(kbs.audit(limit=1000))
    assert stranger.renew(held) == [("attest", "lease_unknown")]
    assert stranger.renew({"key_id": str(uuid.uuid4()), "audit_id": held["audit_id"]}) == [("attest", "lease_unknown")]
    assert len(kbs.audit(limit=1000)) == before  # and nothing is written for one without a lease


def test_a_deleted_key_is_revoked(kbs):
    key_id, _ = leased(kbs)
    holder = Holder(kbs)
    held = holder.hold(key_id)
    assert kbs.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=kbs.token()).status == 204
    assert holder.renew(held) == [("revoked", "key_not_found")]
    assert kbs.audit(key=key_id, limit=1)[0]["leases"][0]["status"] == "revoked"


def test_rotated_and_disabled_keys(kbs):
    key_id, _ = leased(kbs)
    holder = Holder(kbs)
    held = holder.hold(key_id)
    assert kbs.call("POST", f"/kbs/v1/keys/{key_id}/rotate", {}, kbs.token()).status == 200
    assert holder.renew(held) == [("rotated", "key_rotated")]
    newer = holder.hold(key_id)
    assert holder.renew(newer) == [("renewed", None)]
    assert kbs.call("POST", f"/kbs/v1/keys/{key_id}/disable", {}, kbs.token()).status == 200
    assert holder.renew(held, newer) == [("revoked", "key_disabled")] * 2


def test_a_denied_platform_is_revoked(kbs):
    key_id, _ = leased(kbs)
    holder, bearer = Holder(kbs), kbs.token(rules=("deny_list:*",))
    held = holder.hold(key_id)
    entry = {"kind": "fmspc", "value": "00806f050000", "reason": "test"}
    assert kbs.call("POST", "/kbs/v1/deny-list", entry, bearer).status == 201
    try:
        assert holder.renew(held) == [("revoked", "platform_denied")]
    finally:
        assert kbs.call("DELETE", "/kbs/v1/deny-list/fmspc:00806f050000", bearer=bearer).status == 204
    assert holder.renew(held) == [("renewed", None)]


def test_a_changed_policy_asks_for_attestation(kbs):
    key_id, policy = leased(kbs, name="changing")
    holder = Holder(kbs)
    held = holder.hold(key_id)
    r = kbs.call("PUT", f"/kbs/v1/key-transfer-policies/{policy['id']}", {"name": "changing", "lease_minutes": 9}, kbs.token())
    assert r.status == 200
    assert holder.renew(held) == [("attest", "policy_changed")]
    assert holder.renew(holder.hold(key_id)) == [("renewed", None)]


def test_levels_ask_for_the_bearer_again(kbs):
    key_id, _ = leased(kbs, attestation="none", client_permissions_allof=["nginx"])
    holder, bearer = Holder(kbs), kbs.token(rules=[], permissions=["nginx"], subject="web")
    challenge = holder.challenge(key_id, bearer)
    r = holder.request(key_id, challenge, bearer=bearer)
    held = {"key_id": key_id, "audit_id": holder.open(r.json, challenge, key_id)[0]["audit_id"]}
    assert holder.renew(held, bearer=bearer) == [("renewed", None)]
    assert holder.renew(held) == [("attest", "token_missing")]
    assert holder.renew(held, bearer=kbs.token(rules=["keys:transfer"], subject="web")) == [("attest", "client_refused")]
    assert holder.renew(held, bearer=kbs.token(rules=[], subject="web")) == [("attest", "permission_denied")]


def test_a_lease_is_of_one_tenant(kbs):
    key_id, _ = leased(kbs)
    holder = Holder(kbs)
    held = holder.hold(key_id)
    assert holder.renew(held, bearer=kbs.token(tenant="other", subject="web")) == [("attest", "lease_unknown")]


def test_requests_that_prove_nothing(kbs):
    key_id, _ = leased(kbs)
    holder = Holder(kbs)
    held = holder.hold(key_id)
    refused(holder.ask([held], signer=Key())[0], 401, "proof_invalid")
    refused(holder.ask([held], challenge="AAAA")[0], 400, "challenge_invalid")
    refused(holder.ask([held], challenge=holder.challenge(key_id)["challenge"])[0], 403, "challenge_of_another_key")
    r = holder.kbs.call("POST", PATH, {}, kbs.token())
    refused(holder.ask([held], challenge=r.json["challenge"])[0], 403, "challenge_of_another_subject")
    challenge = kbs.call("POST", PATH, {}).json["challenge"]
    assert holder.ask([held], challenge=challenge)[0].status == 200
    refused(holder.ask([held], challenge=challenge)[0], 409, "challenge_spent")
    lease_challenge = {"challenge": kbs.call("POST", PATH, {}).json["challenge"]}
    refused(holder.request(key_id, lease_challenge, holder.attestation_token(challenge=lease_challenge["challenge"])), 403,
            "challenge_of_another_key")  # nor is one for leases good for a key


ANY = {"key_id": "164b41ae-be61-4c7c-a027-4a2ab1e5e4c4", "audit_id": "264b41ae-be61-4c7c-a027-4a2ab1e5e4c4"}


@pytest.mark.parametrize("change", [{"keys": []}, {"keys": None}, {"keys": [{"key_id": ANY["key_id"]}]}, {"keys": ["x"]}, {"keys": [ANY] * 65},
                                    {"keys": [{**ANY, "more": 1}]}, {"keys": [{**ANY, "key_id": "x"}]}, {"keys": {"0": ANY}}, {"nonce": "x" * 15},
                                    {"nonce": "x" * 129}, {"nonce": None}, {"surprise": 1}, {"signing_key": None}],
                         ids=lambda c: str(c)[:24])
def test_malformed_requests(kbs, change):
    refused(Holder(kbs).ask(**{"keys": [ANY], **change})[0], 400, "malformed_request")


def test_as_many_as_there_may_be(kbs):
    assert Holder(kbs).renew(*[ANY] * 64) == [("attest", "lease_unknown")] * 64


def test_ended_and_changed_leases(tmp_path):
    """A lease that ended is not renewed, and a row that was changed outside of keyd renews nothing."""
    k = Kbs(tmp_path / "kbs")
    try:
        key_id, _ = leased(k)
        holder = Holder(k)
        held = holder.hold(key_id)
        db = sqlite3.connect(k.dir / "keyd/core/keyd.db", timeout=20)
        with db:
            content = json.loads(db.execute("SELECT content FROM leases").fetchone()[0])
            db.execute("UPDATE leases SET content = ?", [json.dumps({**content, "expires_at": content["expires_at"] + 9999}, sort_keys=True,
                                                                    separators=(",", ":"))])
        refused(holder.ask([held])[0], 500, "record_tampered")
        with db:
            db.execute("DELETE FROM leases")
        db.close()
        assert holder.renew(held) == [("attest", "lease_unknown")]
    finally:
        k.stop()


# the agent

def start(agent, count=1):
    keys = [(agent.kbs.add(RSA, "RSA"), f"KEY{i}", "1234") for i in range(count)]
    agent.set_keys(*keys)
    agent.start()
    assert len(AgentClient(agent).find()) == count
    return [k[0] for k in keys]


def test_agent_asks_once_for_all_keys(agent):
    keys = start(agent, 3)
    agent_fixture.wait_for(lambda: len(agent.kbs.renewals) >= 2)
    assert {x["key_id"] for x in agent.kbs.renewals[-1]["keys"]} == set(keys)
    assert len({r["nonce"] for r in agent.kbs.renewals}) == len(agent.kbs.renewals)
    assert len(agent.events("key received")) == 3 and len(AgentClient(agent).find()) == 3


def test_agent_drops_what_is_revoked(agent):
    first, second = start(agent, 2)
    del agent.kbs.keys[first]
    agent.kbs.words[first] = "revoked"
    agent_fixture.wait_for(lambda: agent.events("key given up"))
    assert [(e["key"], e["why"]) for e in agent.events("key given up")] == [(first, "told_so")]
    assert len(AgentClient(agent).find()) == 1


def test_agent_fetches_what_is_rotated(agent):
    key_id, = start(agent)
    agent.kbs.keys[key_id]["version"] = 2
    agent.kbs.words[key_id] = "rotated"
    agent_fixture.wait_for(lambda: [e["version"] for e in agent.events("key received")][:2] == ["1", "2"])


def test_agent_attests_again_and_may_be_refused(agent):
    key_id, = start(agent)
    agent.kbs.words[key_id] = "attest"
    agent_fixture.wait_for(lambda: len(agent.events("key received")) >= 2)
    agent.kbs.refuse = small_kbs.Refuse(403, "policy_refused")
    agent_fixture.wait_for(lambda: agent.events("key given up"))
    assert agent.events("key given up")[0]["why"] == "policy_refused" and AgentClient(agent).find() == ()


@pytest.mark.parametrize("lies", [{"signer": True}, {"nonce": "another"}, {"challenge": "another"}, {"typ": "warder-answer+jwt"},
                                  {"leases": []}, {"leases": [{"status": "renewed", "lease_minutes": 60}]}], ids=lambda x: str(x)[:20])
def test_agent_believes_only_keyd(agent, lies):
    """An answer that is not keyd's prolongs nothing: the key itself is asked for, and that fails as well here."""
    start(agent)
    agent.kbs.lies = lies
    agent_fixture.wait_for(lambda: agent.events("leases not renewed"))
    assert agent.events("leases not renewed")[0]["code"] == "answer_refused"


def test_agent_drops_a_key_whose_lease_ended(forgotten):
    """The last test here: nobody has renewed this lease."""
    agent = forgotten.agent
    agent_fixture.wait_for(lambda: agent.events("key given up"), 90)
    assert agent.events("key given up")[0]["why"] == "lease ended" and agent.events("leases not renewed")
    assert time.monotonic() - forgotten.begun > 55 and AgentClient(agent).find() == ()
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(20) == 0
