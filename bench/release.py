# SPDX-License-Identifier: Apache-2.0
"""Key releases per second: the whole protocol over TLS, against a TLS echo of the same sizes by the same clients.

Starts a development system with each key manager, makes policy and key, and prints one JSON line a case; beside the
releases the raw parts of one, the memory of kbsd and keyd, and how soon their sockets answer.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("WARDER_BUILD", str(ROOT / "build-bench"))
sys.path.insert(0, str(ROOT / "tests/system"))

import dev_system  # noqa: E402
import release_idle  # noqa: E402

LOAD = dev_system.BUILD / "bench/release_load"
PARTS = dev_system.BUILD / "bench/release_parts"
ECHO = dev_system.BUILD / "bench/tls_echo"
SERVERS = ["kbsd", "keyd", "attestd", "aasd", "cmsd"]
PEERS = {"vault": "openbao", "kmip": "pykmip"}
LOADS = {"one-client": (1, False), "eight-clients": (8, False), "64-clients": (64, False)}
# Each case: the key manager, clients, a new connection for each release.
CASES = {**{name: ("embedded", *load) for name, load in LOADS.items()},
         "one-client-new": ("embedded", 1, True), "eight-clients-new": ("embedded", 8, True),
         **{f"{manager}-{name}": (manager, *load) for manager in ("vault", "kmip", "pkcs11") for name, load in LOADS.items()}}
SECONDS = int(os.environ.get("BENCH_SECONDS", "5"))
TURNS = int(os.environ.get("BENCH_TURNS", "3"))
OTHER_SECONDS, OTHER_TURNS = min(SECONDS, 3), min(TURNS, 2)
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")
# Of a release with warm collateral: the quote's signature, the token's, the proof's; token and answer are signed.
VERIFICATIONS, SIGNATURES = 3, 2


def cpu_ms(pid):
    """Of a process and of those children of it that it has waited for."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15])) * TICK_MS


def servers_cpu_ms(system, names):
    pids = [system.pid(name) for name in names]
    return sum(cpu_ms(pid) for top in pids for pid in [top, *dev_system.children(top)])


def make_key(system):
    measurement = subprocess.run([dev_system.TEESIM, "measurement"], check=True, capture_output=True, text=True).stdout.strip()
    policy = system.warder_json("policy", "create", "--name", "bench", "--attestation-type", "tdx", "--appraisal", "dev",
                                "--claim", f"mrtd={measurement}")["id"]
    key = system.warder_json("key", "create", "--algorithm", "RSA", "--length", "3072", "--policy", policy)
    return key["key_information"]["id"]


def tls_files(system):
    tls = system.dir / "etc/tls"
    return ["--certificate", tls / "kbsd.pem", "--key", tls / "kbsd.key"]


def start_echo(system):
    echo = subprocess.Popen([ECHO, *tls_files(system), "--threads", "2"], stdout=subprocess.PIPE, text=True)
    return echo, echo.stdout.readline().strip()


def measure(system, key, echo_port, clients, fresh, seconds, peer):
    command = [LOAD, "--ca", system.dir / "etc/tls/ca.pem", "--port", system.port("kbs"), "--echo-port", echo_port, "--key", key,
               "--release-keys", system.dir / "etc/keys/release-jwks.json", "--evidence", system.dir / "run/evidence.sock",
               "--clients", clients, "--seconds", seconds, *(["--warm-up", "2"] if clients > 8 else []), *(["--fresh"] if fresh else [])]
    before, before_peer = servers_cpu_ms(system, SERVERS), servers_cpu_ms(system, peer)
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, timeout=300)
    if done.returncode:
        sys.exit(f"bench/release: the load failed\n{system.logs(5)}")
    result = json.loads(done.stdout)
    count = result["release"]["count"] + result["warm_up"]
    result["cpu_ms"] = (servers_cpu_ms(system, SERVERS) - before) / count
    result["peer_cpu_ms"] = (servers_cpu_ms(system, peer) - before_peer) / count
    return result


def say(case, value, unit, ratio, against, **more):
    print(json.dumps({"bench": "release", "case": case, "value": value, "unit": unit, "ratio": round(ratio, 4), "against": against, **more}), flush=True)


def report(case, turns):
    """Of the turns the one that the rest of the machine disturbed least."""
    best = max(turns, key=lambda r: r["release"]["per_second"])
    release, echo = best["release"], best["echo"]
    say(case, release["per_second"], "releases/s", release["per_second"] / echo["per_second"], "tls-echo",
        p50_ms=release["p50_ms"], p99_ms=release["p99_ms"], cpu_ms_per_release=round(best["cpu_ms"], 3),
        manager_cpu_ms_per_release=round(best["peer_cpu_ms"], 3), echo_per_s=echo["per_second"], echo_p50_ms=echo["p50_ms"])
    return best["cpu_ms"] * 1000


def report_parts(system, cpu_us):
    """Each beside the processor time of a release of one client with the embedded key manager."""
    done = subprocess.run([PARTS, *tls_files(system), "--ca", system.dir / "etc/tls/ca.pem"], check=True, stdout=subprocess.PIPE, text=True)
    parts = json.loads(done.stdout)
    whole = VERIFICATIONS * parts["verify_us"] + SIGNATURES * parts["sign_us"] + parts["wrap_us"]
    for case, value in {"part-verification": parts["verify_us"], "part-signature": parts["sign_us"], "part-wrap": parts["wrap_us"],
                        "part-tls-handshake": parts["tls_handshake_server_us"]}.items():
        say(case, value, "us", value / cpu_us, "cpu-per-release")
    say("parts", round(whole, 1), "us", whole / cpu_us, "cpu-per-release", verifications=VERIFICATIONS, signatures=SIGNATURES, wraps=1)


def report_idle(system, before):
    """After the load, when nobody has asked for a minute."""
    aim, at_once = release_idle.MEMORY_AIM_MIB, release_idle.memory(system)
    time.sleep(release_idle.SETTLE_S)
    after = release_idle.memory(system)
    say("idle-memory", round(after["total"], 2), "MiB", after["total"] / aim, f"{aim}-MiB", kbsd_mib=round(after["kbsd"], 2),
        keyd_mib=round(after["keyd"], 2), before_the_load_mib=round(before["total"], 2), right_after_it_mib=round(at_once["total"], 2))


def report_starts(system):
    aim = release_idle.START_AIM_MS
    for name, took in release_idle.starts(system).items():
        say(f"start-{name}", round(took["best"], 1), "ms", took["best"] / aim, f"{aim}-ms", median_ms=round(took["median"], 1),
            cpu_ms=round(took["cpu"], 1))


def run(manager, cases):
    """The cases of one key manager in a system of its own; with the embedded one all else too."""
    embedded = manager == "embedded"
    system = dev_system.System(keys=manager, options=("--no-fuse",))
    echo = None
    try:
        system.up()
        key = make_key(system)
        idle = release_idle.memory(system)
        echo, echo_port = start_echo(system)
        peer = [PEERS[manager]] if manager in PEERS else []
        turns = {case: [] for case in cases}
        for _ in range(TURNS if embedded else OTHER_TURNS):
            for case in cases:
                turns[case].append(measure(system, key, echo_port, *CASES[case][1:], SECONDS if embedded else OTHER_SECONDS, peer))
        cpu_us = {case: report(case, turns[case]) for case in cases}
        if embedded:
            report_parts(system, cpu_us.get("one-client") or next(iter(cpu_us.values())))
            report_idle(system, idle)
            report_starts(system)
    finally:
        if echo:
            echo.send_signal(signal.SIGTERM)
            echo.wait()
        system.down()


def main():
    chosen = sys.argv[1:] or list(CASES)
    for manager in dict.fromkeys(CASES[case][0] for case in chosen):
        if dev_system.keys_missing(manager):
            print(f"bench/release: {dev_system.keys_missing(manager)}", file=sys.stderr)
            continue
        run(manager, [case for case in chosen if CASES[case][0] == manager])


if __name__ == "__main__":
    main()
