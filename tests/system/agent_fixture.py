# SPDX-License-Identifier: Apache-2.0
"""skc-agent with a small KBS behind it, and programs that use its keys through the PKCS#11 module."""
import base64
import inspect
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import small_kbs

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WARDER_BUILD", ROOT / "build"))
AGENT = BUILD / "programs/skc-agent/skc-agent"
MODULE = BUILD / "programs/pkcs11/libpkcs11-api.so"
# LeakSanitizer traces its process at the end, which the agent forbids.
CONFINED = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
PROVIDER = pathlib.Path("/usr/lib/x86_64-linux-gnu/ossl-modules/pkcs11.so")


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited in vain for {inspect.getsource(condition)}"
        time.sleep(0.01)


class Agent:
    """Its configuration has the original system's form where there is one: skc_library.conf and the keys file."""

    def __init__(self, folder, kbs, token="user.bearer.token"):
        self.dir, self.kbs, self.process = pathlib.Path(folder), kbs, None
        self.socket, self.log = self.dir / "agent.sock", self.dir / "agent.log"
        self.evidence = small_kbs.EvidenceSocket(self.dir / "evidence.sock")
        self.keys_file = small_kbs.save(self.dir / "keys.txt", b"# none yet\n")
        small_kbs.save(self.dir / "skc_library.conf", f'KBS_HOSTNAME=kbs.test\nKBS_IP=127.0.0.1\nKBS_PORT={kbs.port}\n'
                       f'SKC_USER="skcuser"\nSKC_TOKEN={token}\n'.encode())
        self.configure()
        self.module_conf = small_kbs.save(self.dir / "pkcs11.conf", f"[module]\nagent_socket = {self.socket}\n".encode())

    def configure(self, **change):
        values = {"agent": {"socket": self.socket, "keys_file": self.keys_file, "pid_file": self.dir / "agent.pid"},
                  "kbs": {"skc_library": self.dir / "skc_library.conf", "ca_file": self.kbs.ca_file, "release_keys": self.kbs.release_keys},
                  "evidence": {"attester": "socket", "evidence_socket": self.evidence.path, "tsm_path": self.dir / "tsm/report"}}
        for section in values.values():
            section.update({k: v for k, v in change.items() if k in section})
        values["agent"].update({k: v for k, v in change.items() if not any(k in s for s in values.values())})
        text = "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in section.items()) for name, section in values.items())
        self.config = small_kbs.save(self.dir / "skc-agent.conf", text.encode())

    def set_keys(self, *lines):
        """Lines: (key id, label, pin, *more)"""
        uris = [";".join([f"pkcs11:token=KMS;id={i};object={label};type=private;pin-value={pin}", *more]) for i, label, pin, *more in lines]
        self.keys_file.write_text("".join(f"{uri}\n" for uri in uris))

    def start(self):
        ready = len(self.events("ready"))
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([AGENT, "--config", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=CONFINED)
        wait_for(lambda: len(self.events("ready")) > ready or self.process.poll() is not None)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(20)

    def events(self, message):
        text = self.log.read_text() if self.log.exists() else ""
        rows = [json.loads(x) for x in text.splitlines(True) if x.startswith("{") and x.endswith("\n")]
        return [r for r in rows if r["message"] == message]

    def end(self):
        self.stop()
        self.evidence.stop()


class Nginx:
    def __init__(self, folder, agent, key, workers=4):
        self.dir, self.agent, self.user = pathlib.Path(folder), agent, "root"
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        (self.dir / "openssl.cnf").write_text(
            "openssl_conf = o\n[o]\nengines = e\n[e]\npkcs11 = p\n[p]\nengine_id = pkcs11\n"
            f"dynamic_path = /usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so\nMODULE_PATH = {MODULE}\ninit = 1\n")
        self.write(key, workers)

    def write(self, key, workers=4):
        temporary = " ".join(f"{n}_temp_path {self.dir}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.dir / "nginx.conf").write_text(
            f"user {self.user}; pid {self.dir}/nginx.pid; error_log {self.dir}/error.log info; worker_processes {workers};\n"
            f"events {{ worker_connections 64; }}\nhttp {{ access_log off; {temporary}\n"
            f"server {{ listen 127.0.0.1:{self.port} ssl; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off;\n"
            f"ssl_certificate {self.dir}/server.pem; ssl_certificate_key \"{key}\"; return 200 served; }} }}\n")

    def use_provider(self, uri):
        """latchset's pkcs11-provider instead of the engine; the key file holds only where the key is."""
        (self.dir / "openssl.cnf").write_text(
            "openssl_conf = o\n[o]\nproviders = p\n[p]\ndefault = d\npkcs11 = k\n[d]\nactivate = 1\n"
            f"[k]\nmodule = {PROVIDER}\npkcs11-module-path = {MODULE}\nactivate = 1\n")
        parts = [(0x1A, b"PKCS#11 Provider URI v1.0"), (0x0C, uri.encode())]
        inner = b"".join(bytes([tag, len(text)]) + text for tag, text in parts)
        body = base64.encodebytes(b"\x30\x81" + bytes([len(inner)]) + inner).decode()
        path = self.dir / "key.pem"
        path.write_text(f"-----BEGIN PKCS#11 PROVIDER URI-----\n{body}-----END PKCS#11 PROVIDER URI-----\n")
        self.write(path)

    def certificate(self, key):
        (self.dir / "server.pem").write_bytes(small_kbs.issue("localhost", key, "Test CA", self.agent.kbs.ca, False, ["localhost"]))

    def run(self, *arguments):
        return subprocess.run(["/usr/sbin/nginx", "-c", str(self.dir / "nginx.conf"), "-p", str(self.dir), *arguments], text=True,
                              capture_output=True, timeout=60, env={"OPENSSL_CONF": str(self.dir / "openssl.cnf"),
                                                                    "WARDER_MODULE_CONF": str(self.agent.module_conf)})

    def master(self):
        return int((self.dir / "nginx.pid").read_text())

    def workers(self):
        return [int(x) for x in pathlib.Path(f"/proc/{self.master()}/task/{self.master()}/children").read_text().split()]

    def signal(self, how):
        os.kill(self.master(), how)

    def stop(self):
        path = self.dir / "nginx.pid"
        if not path.exists():
            return
        pid = self.master()
        os.kill(pid, signal.SIGQUIT)
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists())
