# SPDX-License-Identifier: Apache-2.0
"""Attestation tokens per second over TLS, against a TLS echo of the same sizes by the same clients; what many idle connections
cost, and what slow clients do to others.

Starts a development system and prints one JSON line a case.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("WARDER_BUILD", str(ROOT / "build-bench"))
sys.path.insert(0, str(ROOT / "tests/system"))

import dev_system  # noqa: E402

LOAD = dev_system.BUILD / "bench/attest_load"
ECHO = dev_system.BUILD / "bench/tls_echo"
CASES = {"one-client": 1, "eight-clients": 8, "64-clients": 64}
SECONDS = os.environ.get("BENCH_SECONDS", "5")
TURNS = int(os.environ.get("BENCH_TURNS", "3"))
IDLE = int(os.environ.get("BENCH_IDLE", "10000"))
SLOW = int(os.environ.get("BENCH_SLOW", "256"))
IDLE_MIB = 500
WARM_UP = 20  # requests of each client of the load before it measures


class Bench:
    def __init__(self):
        self.system = dev_system.System(options=("--no-fuse",))
        self.echo = None

    def up(self):
        self.system.up()
        tls = self.system.dir / "etc/tls"
        self.echo = subprocess.Popen([ECHO, "--certificate", tls / "kbsd.pem", "--key", tls / "kbsd.key", "--threads", "2"],
                                     stdout=subprocess.PIPE, text=True)
        self.echo_port = self.echo.stdout.readline().strip()
        return self

    def down(self):
        if self.echo:
            self.echo.send_signal(signal.SIGTERM)
            self.echo.wait()
        self.system.down()

    def command(self, *more):
        return list(map(str, [LOAD, "--ca", self.system.dir / "etc/tls/ca.pem", "--port", self.system.port("as"), *more]))

    def measure(self, clients, seconds=SECONDS):
        command = self.command("--echo-port", self.echo_port, "--evidence", self.system.dir / "run/evidence.sock", "--clients", clients,
                               "--seconds", seconds)
        before = self.cpu_ms()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=300)
        if done.returncode:
            sys.exit(f"bench/attest: the load failed\n{self.system.logs(5)}")
        answer = json.loads(done.stdout)
        answer["tokens"]["cpu_ms"] = (self.cpu_ms() - before) / (answer["tokens"]["count"] + WARM_UP * clients)
        return answer

    def cpu_ms(self):
        """Of all processes of attestd, those that have ended among them: what another's work on the machine changes least."""
        total = 0
        for pid in dev_system.children(self.system.pid("attestd")):
            try:
                total += sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15]))
            except OSError:
                continue  # a worker that has ended meanwhile is its zygote's
        return total * 1000 / os.sysconf("SC_CLK_TCK")

    def hold(self, *options):
        """Holds connections until the returned process's standard input ends."""
        held = subprocess.Popen(self.command(*options), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if held.stdout.readline() != "HELD\n":
            sys.exit(f"bench/attest: the connections are not held\n{self.system.logs(5)}")
        return held

    def front(self):
        for pid in dev_system.children(self.system.pid("attestd")):
            if "front" in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
                return pid
        sys.exit("bench/attest: attestd has no front")

    def front_mib(self):
        status = pathlib.Path(f"/proc/{self.front()}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def let_go(held):
    held.stdin.close()
    held.wait(60)


def say(case, value, unit, ratio, against, **more):
    print(json.dumps({"bench": "attest", "case": case, "value": round(value, 3), "unit": unit, "ratio": round(ratio, 4), "against": against,
                      **more}), flush=True)


def report(case, turns):
    """Of the turns the one that the rest of the machine disturbed least."""
    best = max(turns, key=lambda r: r["tokens"]["per_second"])
    tokens, echo = best["tokens"], best["echo"]
    say(case, tokens["per_second"], "tokens/s", tokens["per_second"] / echo["per_second"], "tls-echo", p50_ms=tokens["p50_ms"],
        p99_ms=tokens["p99_ms"], cpu_ms=round(tokens["cpu_ms"], 3), echo_per_s=echo["per_second"], echo_p50_ms=echo["p50_ms"], echo_p99_ms=echo["p99_ms"])


def report_idle(bench):
    before = bench.front_mib()
    held = bench.hold("--hold", IDLE)
    mib, held_there = bench.front_mib(), len(os.listdir(f"/proc/{bench.front()}/fd"))
    beside = bench.measure(1, 2)["tokens"]
    still_there = len(os.listdir(f"/proc/{bench.front()}/fd"))
    let_go(held)
    if min(held_there, still_there) < IDLE:
        sys.exit(f"bench/attest: of {IDLE} idle connections {held_there}, later {still_there} were held")
    say(f"idle-{IDLE}", mib, "MiB", mib / IDLE_MIB, f"{IDLE_MIB} MiB", before_mib=round(before, 1), kib_each=round((mib - before) * 1024 / IDLE, 2),
        beside_p50_ms=beside["p50_ms"], beside_p99_ms=beside["p99_ms"])


def report_slow(bench):
    """The same eight clients with slow ones beside them and without, in turns."""
    p99 = {True: [], False: []}
    for _ in range(TURNS):
        for slow in (False, True):
            held = bench.hold("--hold", SLOW, "--drip") if slow else None
            p99[slow].append(bench.measure(8, 3)["tokens"])
            if held:
                let_go(held)
    alone, beside = (min(p99[slow], key=lambda t: t["p99_ms"]) for slow in (False, True))
    say(f"slow-{SLOW}", beside["p99_ms"], "ms", beside["p99_ms"] / alone["p99_ms"], "p99 without slow clients", p50_ms=beside["p50_ms"],
        p99_ms=beside["p99_ms"], alone_p50_ms=alone["p50_ms"], alone_p99_ms=alone["p99_ms"], per_s=beside["per_second"],
        alone_per_s=alone["per_second"])


def main():
    asked = sys.argv[1:] or [*CASES, "idle", "slow"]
    bench = Bench()
    try:
        bench.up()
        cases = [case for case in CASES if case in asked]
        turns = {case: [] for case in cases}
        for _ in range(TURNS):
            for case in cases:
                turns[case].append(bench.measure(CASES[case]))
        for case in cases:
            report(case, turns[case])
        if "idle" in asked:
            report_idle(bench)
        if "slow" in asked:
            report_slow(bench)
    finally:
        bench.down()


if __name__ == "__main__":
    main()
