# SPDX-License-Identifier: Apache-2.0
"""A SoftHSM2 token, in the process that loads its module or behind a p11-kit server in one of its own."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

MODULE = pathlib.Path("/usr/lib/softhsm/libsofthsm2.so")
REMOTE = pathlib.Path("/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so")
PIN = "1234"


def missing():
    if not MODULE.exists() or not shutil.which("softhsm2-util"):
        return "softhsm2 is not installed"
    return None if shutil.which("pkcs11-tool") else "opensc is not installed"


class SoftHsm:
    def __init__(self, folder, mechanisms=None):
        self.dir = pathlib.Path(folder)
        (self.dir / "tokens").mkdir(parents=True)
        self.config, self.pin = self.dir / "softhsm2.conf", self.dir / "pin"
        self.config.write_text(f"directories.tokendir = {self.dir}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n"
                               + (f"slots.mechanisms = {mechanisms}\n" if mechanisms else ""))
        self.env = {**os.environ, "SOFTHSM2_CONF": str(self.config)}
        self.write_pin(PIN)
        self.make_token("HSM")
        self.server = None
        self.socket = self.dir / "p11.sock"

    def write_pin(self, text):
        new = self.dir / "pin.new"
        new.touch(0o600)
        new.write_text(text + "\n")
        new.rename(self.pin)

    def make_token(self, label):
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "12345678"],
                       env=self.env, check=True, capture_output=True)

    def tool(self, *arguments, token="HSM"):
        done = subprocess.run(["pkcs11-tool", "--module", MODULE, "--token-label", token, "--login", "--pin", PIN, *map(str, arguments)],
                              env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def options(self, module=MODULE):
        return ["--manager", "pkcs11", "--module", module, "--token", "pkcs11:token=HSM", "--pin-file", self.pin]

    def settings(self, **more):
        rows = {"module": MODULE, "token": "pkcs11:token=HSM", "pin_file": self.pin, "files": self.dir,
                "environment": f"SOFTHSM2_CONF={self.config}", **more}
        return "[keys]\nmanager = pkcs11\n[pkcs11]\n" + "".join(f"{k} = {v}\n" for k, v in rows.items())

    # The token in another process: one that can be killed

    @property
    def remote_address(self):
        return f"unix:path={self.socket}"

    def serve(self):
        self.socket.unlink(missing_ok=True)
        self.server = subprocess.Popen(["p11-kit", "server", "--foreground", "--provider", MODULE, "--name", self.socket, "pkcs11:token=HSM"],
                                       env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.socket))
                return
            time.sleep(0.02)
        raise AssertionError("p11-kit server does not answer")

    def kill(self):
        """With the children that serve its connections."""
        if self.server:
            os.killpg(self.server.pid, signal.SIGKILL)
            self.server.wait()
            self.server = None
