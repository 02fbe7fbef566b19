# SPDX-License-Identifier: Apache-2.0
"""skc-agent and the PKCS#11 module with keys that stay at the KBS: each use is asked for, and only what was asked is believed.

Those that load the module into this process are not for a build with sanitizers.
"""
import concurrent.futures
import hashlib
import os
import struct
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

import agent_fixture
import cryptoki as c
import small_kbs
from agent_fixture import wait_for
from test_agent import SIGN, Client, agent  # noqa: F401
from test_module import host

DECRYPT = 7
OK, NOT_READY, BAD_MECHANISM, BAD_DATA, FAILED, WAITS = 0, 5, 6, 7, 8, 9
RSA, EC, HERE = rsa.generate_private_key(public_exponent=65537, key_size=2048), ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP256R1())
SHA256, SHA384, SHA512 = 0x250, 0x260, 0x270
OAEP_SHA256 = (9, SHA256, 2, 0)


class User(Client):
    def use(self, handle, call, mechanism, data, hash=0, mgf=0, salt=0, label=b""):
        """(status, bytes) in the end; a use at the KBS is announced first."""
        status, body = self.ask(call, struct.pack(">QIIII", handle, mechanism, hash, mgf, salt) + struct.pack(">I", len(label)) + label
                                + struct.pack(">I", len(data)) + data)
        self.announced = status == WAITS and struct.unpack(">I", body)[0]
        if status == WAITS:
            answer = self.socket.recv(40000)
            assert answer[:6] == struct.pack(">HI", call, 7)
            status, body = struct.unpack(">H", answer[6:8])[0], answer[8:]
        return status, body[4:]

    def sign(self, handle, data=b"data", mechanism=c.SHA256_RSA):
        return self.use(handle, SIGN, mechanism, data)


def staying(agent, key=RSA, use=("sign", "decrypt")):
    key_id = agent.kbs.add(key, "RSA" if isinstance(key, rsa.RSAPrivateKey) else "EC")
    agent.kbs.keys[key_id]["use"] = list(use)
    return key_id


def started(agent, key=RSA, **options):
    key_id = staying(agent, key, **options)
    agent.set_keys((key_id, "STAYS", "1234"))
    agent.start()
    user = User(agent)
    handle, = user.find()
    agent.kbs.requests.clear()
    return key_id, user, handle


def verify(signature, data=b"data"):
    RSA.public_key().verify(signature, data, padding.PKCS1v15(), hashes.SHA256())


def signed(module, *arguments):
    rv, signature = module.sign(*arguments)
    assert rv == c.OK, hex(rv)
    return signature


@pytest.mark.sanitize
def test_a_use_costs_one_exchange(agent):
    _, user, handle = started(agent)
    for i in range(5):
        status, signature = user.sign(handle, b"data%d" % i)
        assert status == OK and user.announced == 5000
        verify(signature, b"data%d" % i)
    asked = [r["body"] for r in agent.kbs.requests]
    assert len(asked) == 5 and len({a["challenge"] for a in asked}) == 5 and agent.evidence.asked == 1
    assert all("attestation_token" in a and "evidence" not in a for a in asked)
    assert [e["key"] for e in agent.events("key stays at the KBS")] and not agent.events("key received")


def test_all_mechanisms(agent):
    rsa_key, ec_key = staying(agent), staying(agent, EC)
    agent.set_keys((rsa_key, "R", "1234"), (ec_key, "E", "1234"))
    agent.start()

    def work(module):
        assert module.call("Initialize", None) == c.OK
        session = module.open()
        assert module.login(session) == c.OK
        key, = module.find(session, (c.CLASS, c.PRIVATE), (c.LABEL, b"R"))
        digest = hashlib.sha256(b"data").digest()
        info = bytes.fromhex("3031300d060960864801650304020105000420") + digest
        for mechanism, data in ((c.SHA256_RSA, b"data"), (c.RSA_PKCS, info)):
            verify(signed(module, session, key, mechanism, data))
        for mechanism, data in ((c.RSA_PSS, digest), (0x43, b"data")):
            RSA.public_key().verify(signed(module, session, key, mechanism, data, c.PSS_SHA256), b"data", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        key, = module.find(session, (c.CLASS, c.PRIVATE), (c.LABEL, b"E"))
        for name in ("sha256", "sha384", "sha512"):
            raw = signed(module, session, key, c.ECDSA, hashlib.new(name, b"data").digest())
            der = utils.encode_dss_signature(int.from_bytes(raw[:48], "big"), int.from_bytes(raw[48:], "big"))
            EC.public_key().verify(der, b"data", ec.ECDSA(getattr(hashes, name.upper())()))
    host(agent, work)


@pytest.mark.sanitize
def test_what_the_kbs_does_not_do(agent):
    _, user, handle = started(agent)
    assert user.use(handle, SIGN, c.RSA_PSS, b"x" * 32, SHA256, 2, 20)[0] == BAD_MECHANISM  # another salt
    assert user.use(handle, SIGN, c.RSA_PSS, b"x" * 32, SHA256, 3, 32)[0] == BAD_MECHANISM  # another MGF
    assert user.use(handle, SIGN, c.ECDSA, b"x" * 32)[0] == BAD_MECHANISM
    assert user.use(handle, SIGN, c.RSA_PKCS, b"x" * 36)[0] == BAD_DATA  # MD5 and SHA-1, as in TLS 1.1
    assert user.use(handle, SIGN, c.RSA_PSS, b"x" * 31, SHA256, 2, 32)[0] == BAD_DATA
    assert user.use(handle, DECRYPT, OAEP_SHA256[0], b"x" * 255, SHA256, 2)[0] == BAD_DATA
    assert agent.kbs.requests == []


@pytest.mark.sanitize
@pytest.mark.parametrize("label", [b"", b"label"])
def test_decryption(agent, label):
    _, user, handle = started(agent)
    sealed = RSA.public_key().encrypt(b"secret", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label or None))
    assert user.use(handle, DECRYPT, *OAEP_SHA256[:1], sealed, *OAEP_SHA256[1:], label) == (OK, b"secret")
    assert user.use(handle, DECRYPT, *OAEP_SHA256[:1], os.urandom(1) + sealed[1:], *OAEP_SHA256[1:], label)[0] == BAD_DATA
    assert user.sign(handle)[0] == OK


@pytest.mark.sanitize
def test_only_what_is_granted(agent):
    _, user, handle = started(agent, use=["decrypt"])
    assert user.sign(handle)[0] == BAD_MECHANISM and agent.kbs.requests == []


@pytest.mark.sanitize
@pytest.mark.parametrize("lies", [{"signer": True}, {"typ": "warder-answer+jwt"}, {"key_id": "164b41ae-be61-4c7c-a027-4a2ab1e5e4c4"},
                                  {"challenge": "another"}, {"input": b"another"}, {"operation": "decrypt"}, {"body": b"{}"}], ids=lambda x: str(x)[:20])
def test_a_kbs_that_lies_signs_nothing(agent, lies):
    _, user, handle = started(agent)
    agent.kbs.lies = lies
    assert user.sign(handle)[0] == FAILED
    agent.kbs.lies = {}
    wait_for(lambda: user.sign(handle)[0] == OK)
    assert agent.events("use failed")[0]["code"] in ("answer_refused", "kbs_answer_malformed")


@pytest.mark.sanitize
def test_what_is_sealed_for_another_purpose_is_not_opened(agent):
    _, user, handle = started(agent)
    sealed = RSA.public_key().encrypt(b"secret", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    agent.kbs.lies = {"inner": "warder-key+jwe"}
    assert user.use(handle, DECRYPT, *OAEP_SHA256[:1], sealed, *OAEP_SHA256[1:])[0] == FAILED


@pytest.mark.sanitize
def test_stale_challenges_and_tokens(agent):
    """A challenge that has ended is asked for anew; a token that is refused is followed by evidence, once, in the same use."""
    _, user, handle = started(agent)
    agent.kbs.challenges.clear()
    assert user.sign(handle)[0] == OK and [bool(r["body"]) for r in agent.kbs.requests] == [True, False, True]
    agent.kbs.tokens.clear()
    assert user.sign(handle)[0] == OK and agent.evidence.asked == 2
    agent.kbs.requests.clear()
    assert user.sign(handle)[0] == OK and len(agent.kbs.requests) == 1
    agent.kbs.attestation = "require"
    agent.kbs.refuse = small_kbs.Refuse(403, "attestation_token_invalid")
    agent.kbs.requests.clear()
    assert user.sign(handle)[0] == FAILED
    assert len(agent.kbs.requests) <= 4 and agent.evidence.asked <= 3


@pytest.mark.sanitize
def test_a_platform_that_is_denied(agent):
    _, user, handle = started(agent)
    agent.kbs.refuse = small_kbs.Refuse(403, "platform_denied")
    assert user.sign(handle)[0] in (FAILED, NOT_READY)
    assert [e["why"] for e in agent.events("key given up")] == ["platform_denied"]
    assert user.find() == ()
    agent.kbs.refuse = None
    wait_for(lambda: user.find() == (handle,))
    assert user.sign(handle)[0] == OK


@pytest.mark.sanitize
def test_a_kbs_that_is_down_or_slow(agent):
    """The use ends at its deadline, and meanwhile keys that are here sign, for this client and for others."""
    agent.configure(use_timeout=3)
    here = agent.kbs.add(HERE, "EC")
    slow = staying(agent)
    agent.set_keys((slow, "STAYS", "1234"), (here, "HERE", "1234"))
    agent.start()
    user, other = User(agent), User(agent)
    assert len(user.find()) == 2
    handle = next(h for h in user.find() if user.sign(h)[0] == OK)
    quick = next(h for h in user.find() if h != handle)
    agent.kbs.delay = 6
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        begun = time.monotonic()
        waiting = pool.submit(user.sign, handle)
        for _ in range(10):
            assert other.use(quick, SIGN, c.ECDSA_SHA256, b"data")[0] == OK and not other.announced
        assert time.monotonic() - begun < 2.9
        assert waiting.result()[0] == FAILED
        assert 2.9 < time.monotonic() - begun < 5.5
    agent.kbs.delay = 0
    agent.kbs.refuse = small_kbs.Refuse(503, "key_side_unavailable")
    assert user.sign(handle)[0] == FAILED
    agent.kbs.refuse = None
    assert user.sign(handle)[0] == OK and agent.evidence.asked == 1


def test_many_at_once(agent):
    """Threads of one program; each waits for its own. No challenge is answered twice."""
    agent.configure(use_timeout=60)  # a slow machine is not what is tried here
    _, user, handle = started(agent)
    agent.kbs.delay = 0.05

    def work(module):
        assert module.call("Initialize", None) == c.OK
        session = module.open()
        assert module.login(session) == c.OK
        key, = module.find(session, (c.CLASS, c.PRIVATE))

        def sign(i):
            own = module.open()
            for j in range(3):
                verify(signed(module, own, key, c.SHA256_RSA, b"%d %d" % (i, j)), b"%d %d" % (i, j))
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            list(pool.map(sign, range(24)))
    host(agent, work)
    used = [r["body"]["challenge"] for r in agent.kbs.requests if r["body"]]
    assert len(used) == len(set(used)) == 72
    assert len([r for r in agent.kbs.requests if not r["body"]]) <= 24 and agent.evidence.asked == 1


@pytest.mark.sanitize
def test_a_rotated_key(agent):
    """The version that was found goes on while the KBS keeps it; then its handle is dead, and a search finds the new one."""
    key_id, user, handle = started(agent)
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    agent.kbs.keys[key_id] |= {"version": 2}
    agent.kbs.add(new, "RSA", key_id, 2)
    agent.kbs.keys[key_id]["use"] = ["sign"]
    assert user.sign(handle)[0] in (4, FAILED)  # no such object, or no version
    later, = user.find()
    assert later != handle
    status, signature = user.sign(later)
    new.public_key().verify(signature, b"data", padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.sanitize
def test_a_policy_that_gives_the_key_away_by_now(agent):
    key_id, user, handle = started(agent)
    del agent.kbs.keys[key_id]["use"]
    status, signature = user.sign(handle)
    verify(signature)
    assert status == OK and len(agent.events("key received")) == 1
    agent.kbs.requests.clear()
    assert user.sign(handle)[0] == OK and not user.announced and agent.kbs.requests == []
