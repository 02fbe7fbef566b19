# SPDX-License-Identifier: Apache-2.0
"""A TPM in software (swtpm) with endorsement certificates of its own maker, and what a guest does with tpm2-tools."""
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

import attestd_fixture

NEEDED = ("swtpm", "swtpm_setup", "tpm2_quote")
PCRS = (0, 1, 2, 3, 4, 5, 6, 7, 10)


def missing():
    return [name for name in NEEDED if not shutil.which(name)]


def free_pair():
    """Two ports that follow one another: TCTI expects the control channel there."""
    for port in range(24000 + os.getpid() % 2000 * 2, 32000, 2):
        try:
            for p in (port, port + 1):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", p))
            return port
        except OSError:
            continue
    raise RuntimeError("no free ports")


def part(tag, data):
    return bytes([tag]) + len(data).to_bytes(4, "big") + data


class Tpm:
    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.state = self.dir / "state"
        self.state.mkdir(parents=True)
        ca = self.dir / "ca"
        ca.mkdir()
        (self.dir / "localca.conf").write_text(f"statedir = {ca}\nsigningkey = {ca}/signkey.pem\nissuercert = {ca}/issuercert.pem\n"
                                               f"certserial = {ca}/certserial\n")
        (self.dir / "options").write_text("--platform-manufacturer W\n--platform-version 1\n--platform-model M\n")
        (self.dir / "setup.conf").write_text(f"create_certs_tool = {shutil.which('swtpm_localca')}\n"
                                             f"create_certs_tool_config = {self.dir}/localca.conf\n"
                                             f"create_certs_tool_options = {self.dir}/options\n")
        subprocess.run(["swtpm_setup", "--tpm2", "--tpmstate", self.state, "--config", self.dir / "setup.conf", "--create-ek-cert",
                        "--pcr-banks", "sha1,sha256", "--write-ek-cert-files", self.dir], check=True, capture_output=True, timeout=120)
        self.roots = self.dir / "roots.pem"
        self.roots.write_bytes((ca / "issuercert.pem").read_bytes() + (ca / "swtpm-localca-rootca-cert.pem").read_bytes())
        self.ek_certificate = self.dir / "ek-rsa2048.crt"
        self.port = free_pair()
        self.tcti = f"swtpm:host=127.0.0.1,port={self.port}"
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.state}", "--server", f"type=tcp,port={self.port},bindaddr=127.0.0.1",
             "--ctrl", f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1", "--flags", "not-need-init,startup-clear"],
            stderr=subprocess.PIPE, preexec_fn=attestd_fixture.end_with_parent)
        self.wait()

    def wait(self):
        for _ in range(200):
            if self.process.poll() is not None:
                raise RuntimeError(self.process.stderr.read())
            try:
                with socket.create_connection(("127.0.0.1", self.port + 1), timeout=1):
                    return
            except OSError:
                pass
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        raise RuntimeError("swtpm does not listen")

    def tool(self, *arguments, check=True):
        done = subprocess.run(list(map(str, arguments)), cwd=self.dir, capture_output=True, timeout=60,
                              env={**os.environ, "TPM2TOOLS_TCTI": self.tcti, "TSS2_LOG": "all+NONE"})
        if check and done.returncode:
            raise RuntimeError(f"{arguments[0]}: {done.stderr.decode()}")
        return done

    def flush(self):
        """There is no resource manager: each tool leaves what it loaded."""
        for kind in ("-t", "-l", "-s"):
            self.tool("tpm2_flushcontext", kind)

    def make_keys(self, algorithm="ecc", scheme="ecdsa", name="ak", ek="rsa"):
        self.tool("tpm2_createek", "-c", f"{name}-ek.ctx", "-G", ek, "-u", f"{name}-ek.pub")
        self.flush()
        self.tool("tpm2_createak", "-C", f"{name}-ek.ctx", "-c", f"{name}.ctx", "-G", algorithm, "-g", "sha256", "-s", scheme,
                  "-u", f"{name}.pub", "-f", "tss", "-n", f"{name}.name")
        self.flush()
        return self.dir / f"{name}-ek.pub", self.dir / f"{name}.pub"

    def persist(self, name, handle):
        """For attesters that find the key by its handle."""
        self.tool("tpm2_evictcontrol", "-C", "o", "-c", f"{name}.ctx", handle)
        self.flush()

    def activate(self, challenge, secret, name="ak", key=None):
        self.tool("tpm2_startauthsession", "--policy-session", "-S", "s.ctx")
        self.tool("tpm2_policysecret", "-S", "s.ctx", "-c", "e")
        done = self.tool("tpm2_activatecredential", "-c", f"{key or name}.ctx", "-C", f"{name}-ek.ctx", "-i", challenge, "-o", secret,
                         "-P", "session:s.ctx", check=False)
        self.flush()
        return done.returncode == 0

    def quote(self, report_data, name="ak", pcrs=PCRS, bank="sha256", ak_certificate=b"", event_log=b"", ima=b""):
        """The evidence of docs/protocol.md."""
        selection = f"{bank}:{','.join(map(str, pcrs))}"
        scheme = ("--scheme", "rsapss") if name.endswith("rsapss") else ()
        self.tool("tpm2_quote", *scheme, "-c", f"{name}.ctx", "-l", selection, "-q", hashlib.sha256(report_data).hexdigest(), "-m", "quote.msg",
                  "-s", "quote.sig", "-o", "quote.pcrs", "-F", "values")
        self.flush()
        read = lambda f: (self.dir / f).read_bytes()
        parts = {1: read("quote.msg"), 2: read("quote.sig"), 3: read(f"{name}.pub")[2:], 4: read("quote.pcrs"), 5: ak_certificate,
                 6: event_log, 7: ima}
        return b"WTPM\x01" + b"".join(part(tag, data) for tag, data in parts.items() if data)

    def extend(self, pcr, digest, bank="sha256"):
        self.tool("tpm2_pcrextend", f"{pcr}:{bank}={digest.hex()}")

    def name(self, name="ak"):
        return (self.dir / f"{name}.name").read_bytes().hex()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.process.stderr.close()
