#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""New TLS 1.3 connections without resumption: nginx with the module, with the same key in a file, with SoftHSM2 through
the same engine, and with the key in a SoftHSM2 behind keyd, where it stays (`-stays`; with eight workers `-stays-8`).

One line a case. `value` is handshakes a second, `cpu_us` the processor time of nginx's worker and the agent for one,
`ratio` the key file's processor time divided by that (the client's core is the limit for P-256, so a rate would
measure the client). The sides take turns in one run; figures are medians over the rounds. nginx has one worker on
the first core, the load generator the last core; the agent is on nginx's core, in the `-cross` cases on the last.
Where a key stays, `broker_cpu_us` is the processor time of kbsd, keyd and the HSM for one, on whatever cores they get.
"""
import datetime
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/system"))

import dev_system  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
from cryptography.x509.oid import NameOID  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", 5))
SECONDS = float(os.environ.get("SLICE", 3))
THREADS = 8
SOFTHSM = next((p for p in map(pathlib.Path, ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"))
                if p.exists()), None)
CORES = sorted(os.sched_getaffinity(0))
SERVER, CLIENT = CORES[0], CORES[-1]
MODULE = dev_system.BUILD / "programs/pkcs11/libpkcs11-api.so"
HSBENCH = dev_system.BUILD / "bench/hsbench"
LABELS = {"rsa2048": "RSAKEY", "p256": "ECKEY"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def make_key(name):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048) if name == "rsa2048" else ec.generate_private_key(ec.SECP256R1())


def save_key(path, key):
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path


def save_certificate(path, key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.utcnow()
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
               .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1)))
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def cpu_ns(pid):
    """Processor time of all threads of a process."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass
    return total


def pin(pid, core):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


class Server:
    """An nginx on the server's core."""

    def __init__(self, folder, certificate, key, module=None, env=(), workers=1):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True)
        self.port = dev_system.free_ports(1)
        engine = f"engines = e\n[e]\npkcs11 = p\n[p]\nengine_id = pkcs11\ndynamic_path = {dev_system.ENGINE}\nMODULE_PATH = {module}\ninit = 1\n"
        (self.dir / "openssl.cnf").write_text("openssl_conf = o\n[o]\n" + (engine if module else ""))
        temporary = " ".join(f"{n}_temp_path {self.dir}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        keep = "".join(f"env {name};\n" for name in dict(env))
        (self.dir / "nginx.conf").write_text(
            f"user root;\n{keep}pid {self.dir}/pid; error_log {self.dir}/error.log; worker_processes {workers};\nevents {{ worker_connections 512; }}\n"
            f"http {{ access_log off; {temporary}\nserver {{ listen 127.0.0.1:{self.port} ssl; ssl_protocols TLSv1.3; ssl_session_tickets off;\n"
            f"ssl_session_cache off; ssl_certificate {certificate}; ssl_certificate_key \"{key}\"; return 204; }} }}\n")
        done = subprocess.run(["taskset", "-c", str(SERVER), "/usr/sbin/nginx", "-c", self.dir / "nginx.conf", "-p", self.dir], text=True,
                              capture_output=True, timeout=60, env={"PATH": os.environ["PATH"], "OPENSSL_CONF": str(self.dir / "openssl.cnf"), **dict(env)})
        assert done.returncode == 0, done.stderr
        self.master = int((self.dir / "pid").read_text())
        until = time.monotonic() + 5
        while len(dev_system.children(self.master)) < workers:
            assert time.monotonic() < until
            time.sleep(0.01)
        self.workers = dev_system.children(self.master)

    def stop(self):
        dev_system.stop(self.master, signal.SIGQUIT)

    def measure(self, agent=None, broker=()):
        pids = [*self.workers, *([agent] if agent else []), *broker]
        before = [cpu_ns(p) for p in pids]
        done = subprocess.run(["taskset", "-c", str(CLIENT), HSBENCH, str(self.port), str(THREADS), str(SECONDS)], capture_output=True, check=True,
                              timeout=SECONDS + 60, env={"OPENSSL_CONF": "/dev/null"})
        seen = json.loads(done.stdout)
        assert seen["handshakes"] and not seen["errors"], (seen, (self.dir / "error.log").read_text()[-500:])
        spent = [(cpu_ns(p) - b) / 1000 / seen["handshakes"] for p, b in zip(pids, before)]
        here = len(self.workers) + bool(agent)
        seen["cpu_us"], seen["agent_cpu_us"], seen["broker_cpu_us"] = sum(spent[:here]), sum(spent[len(self.workers):here]), sum(spent[here:])
        seen["rate"] = seen["handshakes"] / seen["seconds"]
        return seen


def softhsm(folder, keys):
    """A token with the same keys; the environment of its users."""
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    env = {"SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    run = ["softhsm2-util", "--pin", "1234"]
    subprocess.run([*run, "--init-token", "--free", "--label", "KMS", "--so-pin", "12345678"], env={**os.environ, **env}, check=True, capture_output=True)
    for i, (name, path) in enumerate(keys.items(), 1):
        subprocess.run([*run, "--import", path, "--token", "KMS", "--label", LABELS[name], "--id", f"{i:02x}"], env={**os.environ, **env}, check=True,
                       capture_output=True)
    return env


def register(system, keys, *use):
    """The keys come to the agent as every key does: imported, released after attestation; or they stay."""
    measurement = subprocess.run([dev_system.TEESIM, "measurement"], text=True, capture_output=True, check=True).stdout.strip()
    policy = system.warder_json("policy", "create", "--name", "bench", "--attestation-type", "tdx", "--appraisal", "dev", "--claim",
                                f"mrtd={measurement}", "--permissions", "nginx,USA", *use)["id"]
    lines = []
    for name, path in keys.items():
        made = system.warder_json("key", "import", "--file", path, "--policy", policy, "--label", LABELS[name])
        lines.append(f"pkcs11:token=KMS;id={made.get('key_information', made)['id']};object={LABELS[name]};type=private;pin-value=1234\n")
    (system.dir / "etc/keys.txt").write_text("".join(lines))


def broker_of(system):
    return [p for name in ("kbsd", "keyd") for p in (system.pid(name), *dev_system.children(system.pid(name)))]


def rounds_of(servers):
    """Per side its measurements, the sides taking turns."""
    seen = {}
    for number in range(ROUNDS + 1):
        for side, (server, agent, core, broker) in servers.items():
            if agent:
                pin(agent, core)
            result = server.measure(agent, broker)
            say(f"  {side}: {result['rate']:.0f}/s, {result['cpu_us']:.0f} us, agent {result['agent_cpu_us']:.0f} us" + (" (warm-up)" if not number else ""))
            if number:
                seen.setdefault(side, []).append(result)
    return seen


def report(case, rows, against):
    def middle(key, of=rows):
        return statistics.median(r[key] for r in of)

    ratios = [a["cpu_us"] / r["cpu_us"] for r, a in zip(rows, against)]
    print(json.dumps({"bench": "handshake", "case": case, "value": round(middle("rate"), 1), "unit": "handshakes/s",
                      "ratio": round(statistics.median(ratios), 3), "against": "nginx-key-file", "p50_ms": round(middle("p50_ms"), 2),
                      "p99_ms": round(middle("p99_ms"), 2), "cpu_us": round(middle("cpu_us"), 1), "agent_cpu_us": round(middle("agent_cpu_us"), 1),
                      **({"broker_cpu_us": round(middle("broker_cpu_us"), 1)} if middle("broker_cpu_us") else {}),
                      "against_cpu_us": round(middle("cpu_us", against), 1), "against_value": round(middle("rate", against), 1)}), flush=True)


def bench_key(system, behind, folder, name, key, path, hsm_env):
    say(f"{name}: {ROUNDS} rounds of {SECONDS:g} s a side")
    certificate = save_certificate(folder / f"{name}.pem", key)
    uri = f"engine:pkcs11:pkcs11:token=KMS;object={LABELS[name]};type=private;pin-value=1234"
    servers = {}
    try:
        servers["file"] = (Server(folder / f"{name}-file", certificate, path), None, None, ())
        ours = Server(folder / f"{name}-module", certificate, uri, MODULE, {"WARDER_MODULE_CONF": str(system.dir / "etc/pkcs11.conf")})
        agent = system.pid("skc-agent")
        servers["module"], servers["module-cross"] = (ours, agent, SERVER, ()), (ours, agent, CLIENT, ())
        if hsm_env:
            servers["softhsm2"] = (Server(folder / f"{name}-softhsm2", certificate, uri, SOFTHSM, hsm_env), None, None, ())
        for workers in (1, 8) if behind else ():
            side = "stays" if workers == 1 else f"stays-{workers}"
            server = Server(folder / f"{name}-{side}", certificate, uri, MODULE, {"WARDER_MODULE_CONF": str(behind.dir / "etc/pkcs11.conf")}, workers)
            servers[side] = (server, behind.pid("skc-agent"), SERVER, broker_of(behind))
        seen = rounds_of(servers)
    finally:
        for server in {id(s): s for s, *_ in servers.values()}.values():
            server.stop()
    report(name, seen["module"], seen["file"])
    report(f"{name}-cross", seen["module-cross"], seen["file"])
    for side in ("softhsm2", "stays", "stays-8"):
        if side in seen:
            report(f"{name}-{side}", seen[side], seen["file"])


def main():
    if reason := dev_system.missing():
        sys.exit(f"bench handshake: {reason}")
    if len(CORES) < 2:
        say("one core only: client and server share it")
    with tempfile.TemporaryDirectory(prefix="warder-bench.") as name:
        folder = pathlib.Path(name)
        keys = {name: make_key(name) for name in LABELS}
        paths = {name: save_key(folder / f"{name}.key", key) for name, key in keys.items()}
        hsm_env = softhsm(folder / "softhsm", paths) if SOFTHSM else None
        system = dev_system.System(keys="embedded")
        behind = None
        try:
            register(system.up(), paths)
            if not dev_system.keys_missing("pkcs11"):
                behind = dev_system.System(keys="pkcs11")  # its ports are chosen among those that are left
                register(behind.up(), paths, "--use", "sign")
            for name, key in keys.items():
                bench_key(system, behind, folder, name, key, paths[name], hsm_env)
        finally:
            system.down()
            if behind:
                behind.down()


if __name__ == "__main__":
    main()
