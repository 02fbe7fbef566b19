# SPDX-License-Identifier: Apache-2.0
"""A broker whose processes are killed at random, clients that go on asking, and what must be true of it all afterwards."""
import collections
import http.client
import json
import os
import pathlib
import random
import signal
import ssl
import subprocess
import threading
import time

import dev_system
from attestd_fixture import Key
from kbs_fixture import Client, Kbs, default_claims

MRTD = "5e" * 48
LIMIT_S = 30  # within which every try ends, and a broker is well again after its parts have been restarted
BROKEN = (ConnectionRefusedError, ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected, ssl.SSLEOFError, ssl.SSLZeroReturnError,
          http.client.IncompleteRead)

# What a try came to: `said` is (200, audit id, key in the clear), (status, code, Retry-After), or (0, the broken connection's name, None).
Try = collections.namedtuple("Try", "since until what key said")


class Broker(Kbs):
    """One that can be killed and started again on the same port. `peer`: the key manager's own server."""

    def __init__(self, folder, manager, peer=None):
        super().__init__(folder, manager=manager)
        self.peer = peer
        config = self.dir / "kbsd.conf"
        config.write_text(config.read_text().replace("port = 0\n", f"port = {self.port}\n"))
        self.victims = ["kbsd", "keyd", "core", "manager"] + (["peer"] if peer else [])

    def kill(self, victim):
        if victim == "kbsd":
            self.kbsd.kill()
            self.kbsd.wait()
        elif victim == "keyd":
            self.keyd.kill()
            self.keyd.wait()
        elif victim == "peer":
            self.peer.kill()
        else:  # the supervisor starts the key manager's process first and the core last
            pids = sorted(dev_system.children(self.keyd.pid)) if self.keyd.poll() is None else []
            if pids:
                os.kill(pids[0 if victim == "manager" else -1], signal.SIGKILL)

    def restart(self, victim):
        """As a service manager would; keyd looks after its own children."""
        if victim == "peer":
            self.peer.restart()
        if self.kbsd.poll() is not None:
            self.start_kbsd()
        for _ in range(5):
            if self.keyd.poll() is None:
                break
            try:
                self.start_keyd()
            except AssertionError:  # its child was killed while it started
                time.sleep(0.1)

    def wait_until_well(self):
        until, last = time.monotonic() + LIMIT_S, None
        while time.monotonic() < until:
            self.restart(None)
            try:
                last = self.call("GET", "/health")
                if last.status == 200:
                    return
            except BROKEN as e:
                last = e
            time.sleep(0.02)
        raise AssertionError(f"not well after {LIMIT_S} s: {getattr(last, 'text', last)}\n" + "".join(self.keyd_log[-20:] + self.kbsd_log[-5:]))


class Endurance:
    """Clients that ask until so many keys were released to them, and kills in between."""

    def __init__(self, broker, seed, releases, clients=4):
        self.broker, self.random, self.wanted = broker, random.Random(seed), releases
        self.lock, self.calm, self.over = threading.Lock(), threading.Event(), threading.Event()
        self.calm.set()
        self.tries, self.outages, self.troubles = [], [], []
        self.released, self.plain, self.spare, self.destroyed, self.kills = 0, {}, [], set(), collections.Counter()
        self.policy = broker.make_policy(name="one-workload", attestation_types=["tdx"],
                                         conditions={"version": "1.0.0", "allOf": [{"claim": "mrtd", "equals": MRTD}]})["id"]
        self.admin = broker.token(exp=int(time.time()) + 3600)
        self.keys = [self.make(information) for information in ({"algorithm": "RSA", "key_length": 2048}, {"algorithm": "EC", "curve_type": "secp256r1"},
                                                                {"algorithm": "AES", "key_length": 256}, {"algorithm": "AES", "key_length": 128})]
        self.threads = [threading.Thread(target=self.client, args=(random.Random(f"{seed} {i}"),)) for i in range(clients)]

    def make(self, information):
        return self.broker.make_key(information, self.policy, self.admin)["key_information"]["id"]

    # What clients do: each gives what a try came to

    def ask(self, key, connection, claims=None, **more):
        client = Client(self.broker)
        answer, challenge = self.rounds(client, key, connection, claims or default_claims(mrtd=MRTD), **more)
        if answer.status != 200:
            return said(answer), None
        header, plain = client.open(answer.json, challenge, key)
        return (200, header["audit_id"], plain), (client, challenge)

    def rounds(self, client, key, connection, claims, signer=None, **changes):
        first = self.broker.call("POST", client.path(key), {}, connection=connection)
        if first.status != 200:
            return first, None
        token = client.attestation_token(challenge=first.json["challenge"], claims=claims, **changes)
        return client.request(key, first.json, token, signer=signer, connection=connection), first.json

    def release(self, key, connection):
        got, _ = self.ask(key, connection)
        if got[0] == 200:
            with self.lock:
                self.released += 1
        return got

    def other_workload(self, key, connection):
        return self.ask(key, connection, default_claims(mrtd="bb" * 48))[0]

    def debug(self, key, connection):
        return self.ask(key, connection, default_claims(mrtd=MRTD, debug=True), status="contraindicated")[0]

    def forger(self, key, connection):
        return self.ask(key, connection, as_key=Key())[0]

    def thief(self, key, connection):
        return self.ask(key, connection, signer=Key())[0]

    def replay(self, key, connection):
        got, used = self.ask(key, connection)
        if got[0] != 200:
            return got
        self.note("release", key, got)
        client, challenge = used
        return said(client.request(key, challenge, client.attestation_token(challenge=challenge["challenge"], claims=default_claims(mrtd=MRTD)),
                                   connection=connection))

    def create(self, _, connection):
        answer = self.broker.call("POST", "/kbs/v1/keys", {"key_information": {"algorithm": "AES", "key_length": 256}, "transfer_policy_id": self.policy},
                                  self.admin, connection=connection)
        if answer.status == 201:
            with self.lock:
                (self.spare if len(self.spare) < 3 else self.keys).append(answer.json["key_information"]["id"])
        return said(answer)

    def destroy(self, key, connection):
        answer = self.broker.call("DELETE", f"/kbs/v1/keys/{key}", bearer=self.admin, connection=connection)
        if answer.status == 204:
            self.destroyed.add(key)
        return said(answer)

    def gone(self, key, connection):
        return said(self.broker.call("POST", Client(self.broker).path(key), {}, connection=connection))

    REFUSED = {"other_workload": (403, "policy_refused"), "debug": (403, "attestation_token_invalid"), "forger": (403, "attestation_token_invalid"),
               "thief": (401, "proof_invalid"), "replay": (409, "challenge_spent"), "gone": (404, "key_not_found")}
    DONE = {"release": 200, "create": 201, "destroy": 204}

    def choose(self, dice):
        """What to try, and with which key."""
        with self.lock:
            key = dice.choice(self.keys)
            what = dice.choices(["release", *self.REFUSED, "create", "destroy"], [16, 1, 1, 1, 1, 1, 1, 0.5, 0.3])[0]
            if what == "gone":
                return (what, dice.choice(sorted(self.destroyed))) if self.destroyed else ("release", key)
            if what == "destroy":  # one that nobody asks for
                return (what, self.spare.pop()) if self.spare else ("release", key)
        return what, key

    def client(self, dice):
        connection = None
        try:
            while not self.over.is_set():
                what, key = self.choose(dice)
                again = True
                while again and not self.over.is_set():
                    if connection is None or dice.random() < 0.05:
                        connection = self.broker.connection()
                    if again := self.attempt(what, key, connection)[0] in (0, 503):
                        connection = None
                        self.calm.wait(2 * LIMIT_S)  # and then the same
                        again = what != "destroy"  # which may have been done
        except Exception as e:
            self.troubles.append(repr(e))
            raise

    def attempt(self, what, key, connection):
        since = time.monotonic()
        try:
            got = getattr(self, what)(key, connection)
        except BROKEN as e:
            connection.close()
            got = (0, type(e).__name__, None)
        self.note(what, key, got, since)
        return got

    def note(self, what, key, got, since=None):
        now = time.monotonic()
        with self.lock:
            self.tries.append(Try(since or now, now, what, key, got))
            if what == "release" and got[0] == 200 and self.plain.setdefault(key, got[2]) != got[2]:
                self.troubles.append(f"{key} has changed")

    # What the world does

    def run(self):
        for t in self.threads:
            t.start()
        try:
            while self.released < self.wanted and not self.troubles:
                self.wait_for_releases(self.random.randint(5, 25))
                if self.released < self.wanted:
                    self.outage()
        finally:
            self.over.set()
            self.calm.set()
            for t in self.threads:
                t.join(2 * LIMIT_S)
        assert not any(t.is_alive() for t in self.threads), "a client waits for ever"

    def wait_for_releases(self, more):
        target, until = min(self.released + more, self.wanted), time.monotonic() + LIMIT_S
        while self.released < target and not self.troubles:
            assert time.monotonic() < until, f"nothing is released though all is well: {self.tries[-5:]}\n" + self.last_words()
            time.sleep(0.005)

    def last_words(self):
        """Of keyd, each once."""
        lines = [(json.loads(line), line) for line in self.broker.keyd_log if line.startswith("{")]
        heard = {str([row.get(x) for x in ("program", "message", "what", "code")]): line for row, line in lines}
        return "".join(heard.values())

    def outage(self):
        since = time.monotonic()
        self.calm.clear()
        try:
            for _ in range(self.random.choice((1, 1, 1, 2, 3))):
                victim = self.random.choice(self.broker.victims)
                self.kills[victim] += 1
                self.broker.kill(victim)
                time.sleep(self.random.choice((0, 0.02, 0.1)))
                self.broker.restart(victim)
                if self.random.random() < 0.5:
                    self.broker.wait_until_well()
            self.broker.wait_until_well()
        finally:
            self.outages.append((since, time.monotonic()))
            self.calm.set()

    # What must be true

    def excused(self, t):
        return any(since <= t.until and t.since <= until for since, until in self.outages)

    def check_tries(self):
        for t in self.tries:
            assert t.until - t.since < LIMIT_S, t
            status, word, retry_after = t.said
            if status in (0, 503):
                assert self.excused(t), f"failed though all was well: {t}"
                assert status == 0 or (word in ("key_manager_unavailable", "key_side_unavailable", "sealed") and retry_after), t
            elif t.what in self.REFUSED:
                assert (status, word) == self.REFUSED[t.what], t
            else:
                assert status == self.DONE[t.what], t

    def check_keys(self):
        """All that was promised is there, and what was destroyed is not."""
        for key in self.keys + self.spare:
            got, _ = self.ask(key, None)
            assert got[0] == 200 and self.plain.setdefault(key, got[2]) == got[2], key
            self.note("release", key, got)
        for key in self.destroyed:
            assert self.gone(key, None)[:2] == (404, "key_not_found")

    def check_audit(self):
        path = self.broker.dir / "keyd/audit.log"
        done = subprocess.run([dev_system.WARDER, "audit", "verify", path, "-o", "json"], text=True, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        records = [json.loads(line)["record"] for line in pathlib.Path(path).read_text().splitlines()]
        assert json.loads(done.stdout)["hash"] == self.broker.audit(limit=1)[0]["hash"], "the file has what the store has"
        recorded = [r["id"] for r in records if r["action"] == "release" and r["decision"] == "released"]
        received = [t.said[1] for t in self.tries if t.what == "release" and t.said[0] == 200]
        broken = [t for t in self.tries if t.said[0] in (0, 503) and t.what in ("release", "replay")]
        assert len(set(recorded)) == len(recorded) and len(set(received)) == len(received)
        assert set(received) <= set(recorded), "a release without a record"
        assert len(recorded) - len(received) <= len(broken), "a record of a release that nobody asked for"
        refusals = collections.Counter(r.get("code") for r in records if r["decision"] == "refused")
        for code in ("policy_refused", "challenge_spent"):
            assert refusals[code] >= sum(t.said[1] == code for t in self.tries), refusals
        return len(recorded)


def said(answer):
    assert answer.status < 400 or answer.getheader("Content-Type") == "application/problem+json", answer.text
    return answer.status, answer.code_word, answer.getheader("Retry-After")
