# SPDX-License-Identifier: Apache-2.0
"""A real KMIP server (PyKMIP), with a certification authority, certificates and clients of its own."""
import contextlib
import datetime
import importlib.util
import ipaddress
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from openbao_fixture import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYKMIP = pathlib.Path(sys.executable).parent / "pykmip-server"
PEER = ROOT / "tests/system/kmip_peer"


def missing():
    return None if PYKMIP.exists() and importlib.util.find_spec("kmip") else "pykmip is not installed (packaging/setup.sh)"


class Authority:
    def __init__(self, folder, name="KMIP test CA"):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.key, self.ca = ec.generate_private_key(ec.SECP256R1()), self.dir / "ca.pem"
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca.write_bytes(self._sign(self.name, self.key.public_key(), [
            (x509.BasicConstraints(True, None), True)]))

    def _sign(self, subject, public, extensions):
        now = datetime.datetime.utcnow()
        b = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public)
        b = b.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
        b = b.not_valid_after(now + datetime.timedelta(days=2))
        for e, critical in extensions:
            b = b.add_extension(e, critical)
        return b.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, name, server=False):
        """NAME.pem and NAME.key; RSA, for PyKMIP's list of suites."""
        key = rsa.generate_private_key(65537, 2048)
        use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        extensions = [(x509.ExtendedKeyUsage([use]), False)]
        if server:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            extensions.append((x509.SubjectAlternativeName(names), False))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate, private = self.dir / f"{name}.pem", self.dir / f"{name}.key"
        certificate.write_bytes(self._sign(subject, key.public_key(), extensions))
        private.touch(0o600)
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                              serialization.NoEncryption()))
        return certificate, private


class Server:
    """What both servers share: certificates, a port, settings for keyd."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.authority = Authority(self.dir / "pki")
        self.server_pem, self.server_key = self.authority.issue("server", server=True)
        self.pem, self.key = self.authority.issue("keyd")
        self.ca, self.port, self.process = self.authority.ca, free_port(), None
        self.start()

    def run(self, command, **more):
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True, **more)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            assert self.process.poll() is None, "the KMIP server ended"
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError("the KMIP server does not answer")

    def stop(self):
        """The whole group that was started: PyKMIP forks a process that outlives a SIGTERM."""
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def options(self):
        return ["--manager", "kmip", "--port", self.port, "--kmip-ca", self.ca, "--certificate", self.pem, "--key", self.key]

    def settings(self, **more):
        rows = {"host": "127.0.0.1", "port": self.port, "ca": self.ca, "certificate": self.pem, "key": self.key, **more}
        return "[keys]\nmanager = kmip\n[kmip]\n" + "".join(f"{k} = {v}\n" for k, v in rows.items())


class PyKmip(Server):
    def start(self):
        (self.dir / "policy").mkdir(exist_ok=True)
        config = self.dir / "server.conf"
        config.write_text(
            f"[server]\nhostname=127.0.0.1\nport={self.port}\ncertificate_path={self.server_pem}\nkey_path={self.server_key}\n"
            f"ca_path={self.ca}\nauth_suite=TLS1.2\npolicy_path={self.dir}/policy\nenable_tls_client_auth=True\n"
            f"database_path={self.dir}/pykmip.db\nlogging_level=WARNING\n")
        self.run([sys.executable, PYKMIP, "-f", config, "-l", self.dir / "server.log"])

    def client(self, certificate=None, key=None, version=None):
        from kmip.pie.client import ProxyKmipClient
        return ProxyKmipClient(hostname="127.0.0.1", port=self.port, cert=str(certificate or self.pem), key=str(key or self.key),
                               ca=str(self.ca), ssl_version="PROTOCOL_TLSv1_2", config_file="/dev/null")


class GoKmip(Server):
    """An independent implementation: ovh/kmip-go's server, with a store in memory (kmip_peer/main.go)."""

    binary = ROOT / ".cache/bin/kmip-peer"

    def start(self):
        self.run([self.binary, "--listen", f"127.0.0.1:{self.port}", "--certificate", self.server_pem, "--key", self.server_key,
                  "--ca", self.ca])

    @classmethod
    def missing(cls):
        """Builds it where it is older than its source; None when it is there."""
        go = shutil.which("go") or (shutil.which("go", path="/usr/local/go/bin"))
        stale = not cls.binary.exists() or cls.binary.stat().st_mtime < (PEER / "main.go").stat().st_mtime
        if stale and go:
            cls.binary.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([go, "build", "-o", cls.binary, "."], cwd=PEER, capture_output=True, timeout=600)
        return None if cls.binary.exists() else "no Go, or kmip-go cannot be had"
