# SPDX-License-Identifier: Apache-2.0
"""Whether the time of an answer tells "no such key" from "not yours", and a wrong password from an unknown user.

Two questions in random turns over one connection; Welch's t of all answers and of the fastest 99, 90, 75 and 50 percent
of both together, as outliers hide what the bulk shows. A t beyond 4.5 is a difference (one in 100,000 by chance); the exit status
says so. Usage: timing.py [samples of each question] [case ...]
"""
import collections
import json
import math
import os
import pathlib
import random
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("WARDER_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/system"))

import identity_fixture  # noqa: E402
from kbs_fixture import Kbs  # noqa: E402

BOUND = 4.5
NAMES = 64  # of each kind: no single row stays in a cache
KEEP = (1.0, 0.99, 0.90, 0.75, 0.50)
# In place of the password hash, which is the same work for both and hides microseconds: only with --without-hash.
STAND_IN = "int argon2id_verify(const char *e, const void *p, unsigned long n) { (void)e; (void)p; (void)n; return -35; }\n"


class Asker:
    def __init__(self, port, ca):
        plain = socket.create_connection(("127.0.0.1", port), timeout=60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = ssl.create_default_context(cafile=ca).wrap_socket(plain, server_hostname="localhost")

    def ask(self, request):
        """(nanoseconds, answer)"""
        start = time.perf_counter_ns()
        self.socket.sendall(request)
        answer = self.socket.recv(65536)
        while b"\r\n\r\n" not in answer or len(answer) < self.length(answer):
            more = self.socket.recv(65536)
            if not more:
                raise SystemExit(f"timing: the connection ended: {answer!r}")
            answer += more
        return time.perf_counter_ns() - start, answer

    @staticmethod
    def length(answer):
        head, _, _ = answer.partition(b"\r\n\r\n")
        size = next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return len(head) + 4 + int(size)


def request(method, path, token="", body=None):
    text = b"" if body is None else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(text)}", "Content-Type: application/json"]
    return "\r\n".join([*head, *([f"Authorization: Bearer {token}"] if token else []), "", ""]).encode() + text


def masked(answer):
    """What of an answer may not tell: all but its id and its date."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"x-request-id:", b"date:"))]
    document = json.loads(body)
    document.pop("instance", None)
    return b"\r\n".join(lines), json.dumps(document, sort_keys=True)


def welch(a, b):
    ma, mb = sum(a) / len(a), sum(b) / len(b)
    va, vb = sum((x - ma) ** 2 for x in a) / (len(a) - 1), sum((x - mb) ** 2 for x in b) / (len(b) - 1)
    spread = math.sqrt(va / len(a) + vb / len(b))
    return (ma - mb) / spread if spread else 0.0


def compare(one, other):
    """t by the part of the answers that is kept."""
    pooled = sorted(one + other)
    found = {}
    for keep in KEEP:
        limit = pooled[int(len(pooled) * keep) - 1]
        found[keep] = welch([x for x in one if x <= limit], [x for x in other if x <= limit])
    return found


def measure(asker, one, other, samples):
    """`one` and `other`: requests of each kind."""
    shapes = [{masked(asker.ask(r)[1]) for r in kind} for kind in (one, other)]
    same = shapes[0] == shapes[1] and len(shapes[0]) == 1
    for _ in range(min(2000, samples)):  # warm
        asker.ask(random.choice(one)), asker.ask(random.choice(other))
    turns = [0, 1] * samples
    random.shuffle(turns)
    times = ([], [])
    for turn in turns:
        times[turn].append(asker.ask(random.choice(one if turn == 0 else other))[0])
    return same, times


def report(name, same, times):
    by_part = compare(*times)
    worst = max(by_part.values(), key=abs)
    medians = [sorted(t)[len(t) // 2] / 1000 for t in times]
    print(json.dumps({"case": name, "samples": len(times[0]), "same_answer": same, "median_us": [round(m, 2) for m in medians],
                      "difference_us": round(medians[0] - medians[1], 3), "t": {str(k): round(v, 2) for k, v in by_part.items()},
                      "distinguishable": not same or abs(worst) > BOUND}), flush=True)
    return same and abs(worst) <= BOUND


def broker_cases(kbs):
    """name -> two lists of requests"""
    ours, theirs = kbs.token(), kbs.token(tenant="rival")
    none = kbs.token(["policies:none"])
    mine = [kbs.make_key({"algorithm": "AES", "key_length": 256})["key_information"]["id"] for _ in range(NAMES)]
    foreign = [kbs.make_key({"algorithm": "AES", "key_length": 256}, bearer=theirs)["key_information"]["id"] for _ in range(NAMES)]
    absent = [str(uuid.uuid4()) for _ in range(NAMES)]
    policies = [p["id"] for p in kbs.call("GET", "/kbs/v1/key-transfer-policies", bearer=theirs).json]
    path, policy = "/kbs/v1/keys/{}", "/kbs/v1/key-transfer-policies/{}"
    make = lambda ids, method, pattern, *rest: [request(method, pattern.format(i), *rest) for i in ids]  # noqa: E731
    return {
        "challenge, absent or another tenant's": (make(absent, "POST", path + "/transfer", "", {}), make(foreign, "POST", path + "/transfer", "", {})),
        "challenge with a token, absent or another tenant's": (make(absent, "POST", path + "/transfer", ours, {}),
                                                               make(foreign, "POST", path + "/transfer", ours, {})),
        "key, absent or another tenant's": (make(absent, "GET", path, ours), make(foreign, "GET", path, ours)),
        "policy, absent or another tenant's": (make(absent, "GET", policy, ours), make(policies, "GET", policy, ours)),
        "key without the permission, absent or there": (make(absent, "GET", path, none), make(mine, "GET", path, none)),
    }


def login_cases(identity):
    admin = identity.token()
    names = [f"user{i:04}" for i in range(NAMES)]
    for name in names:
        made = identity.aasd.call("POST", "/aas/v1/users", {"username": name, "password": identity_fixture.CANARY}, admin)
        assert made.status == 201, made.body
    log_in = lambda users: [request("POST", "/aas/v1/token", "", {"username": n, "password": "not this one"}) for n in users]  # noqa: E731
    return {"login, no such user or wrong password": (log_in([f"none{i:04}" for i in range(NAMES)]), log_in(names))}


def stand_in(folder):
    (folder / "quick.c").write_text(STAND_IN)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "quick.so", folder / "quick.c"], check=True)
    return str(folder / "quick.so")


def main(arguments):
    without_hash = "--without-hash" in arguments
    words = [a for a in arguments if not a.startswith("--")]
    samples = int(words[0]) if words else 100000
    wanted = words[1:]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="timing-", dir="/dev/shm"))  # no disk: its time hides ours
    good = True
    try:
        kbs = Kbs(folder / "kbs", manager="[keys]\nmanager = embedded\n[tenants]\nrate = 1000000\nburst = 1000000\n",
                  kbsd="source_rate = 0\n")
        try:
            for name, (one, other) in broker_cases(kbs).items():
                if not wanted or any(w in name for w in wanted):
                    good &= report(name, *measure(Asker(kbs.port, kbs.dir / "attestd.pem"), one, other, samples))
        finally:
            kbs.stop()
        (folder / "aas").mkdir()
        identity = identity_fixture.Identity(folder / "aas", login={"attempts": 1000, "window_seconds": 1})
        if without_hash:
            identity_fixture.CONFINED["LD_PRELOAD"] = stand_in(folder)
        identity.aasd.start()
        try:
            if without_hash:  # nobody could log in
                identity.aasd.stop()
                del identity_fixture.CONFINED["LD_PRELOAD"]
                identity.aasd.start()
                cases = login_cases(identity)
                identity.aasd.stop()
                identity_fixture.CONFINED["LD_PRELOAD"] = str(folder / "quick.so")
                identity.aasd.start()
            else:
                cases = login_cases(identity)
            for name, (one, other) in cases.items():
                if not wanted or any(w in name for w in wanted):
                    name += ", without the hash" if without_hash else ""
                    good &= report(name, *measure(Asker(identity.aasd.port, identity.dir / "etc/tls/ca.pem"), one, other, samples))
        finally:
            identity.aasd.stop()
    finally:
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
