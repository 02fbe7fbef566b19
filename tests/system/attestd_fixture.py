# SPDX-License-Identifier: Apache-2.0
"""attestd on loopback with certificates of its own, a simulated platform behind it, and an upstream that can fail."""
import base64
import ctypes
import http.client
import http.server
import json
import os
import pathlib
import signal
import ssl
import subprocess
import threading
import time
import uuid

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID
import datetime
import hashlib
import ipaddress

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WARDER_BUILD", ROOT / "build"))
ATTESTD = BUILD / "programs/attestd/attestd"
TEESIM = BUILD / "tools/teesim/teesim"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64url_bytes(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def part(data):
    return len(data).to_bytes(4, "big") + data


class Key:
    """A P-256 key as JWK, point and signer."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        n = self.private.public_key().public_numbers()
        self.x, self.y = n.x.to_bytes(32, "big"), n.y.to_bytes(32, "big")
        self.point = b"\x04" + self.x + self.y
        self.jwk = {"kty": "EC", "crv": "P-256", "x": b64url(self.x), "y": b64url(self.y)}
        text = json.dumps({k: self.jwk[k] for k in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        self.thumbprint = b64url(hashlib.sha256(text.encode()).digest())

    def jwt(self, claims, header=None):
        head = {"alg": "ES256", "typ": "JWT", "kid": self.thumbprint, **(header or {})}
        signed = b64url(json.dumps(head).encode()) + "." + b64url(json.dumps(claims).encode())
        r, s = utils.decode_dss_signature(self.private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return signed + "." + b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def jwks(self):
        return {"keys": [{**self.jwk, "kid": self.thumbprint, "use": "sig", "alg": "ES256"}]}


def verify_jwt(text, jwks):
    """Header and claims of a token that one of the keys has signed."""
    head, body, signature = text.split(".")
    header = json.loads(b64url_bytes(head))
    jwk = next(k for k in jwks["keys"] if k["kid"] == header["kid"])
    public = ec.EllipticCurvePublicNumbers(int.from_bytes(b64url_bytes(jwk["x"]), "big"),
                                           int.from_bytes(b64url_bytes(jwk["y"]), "big"), ec.SECP256R1()).public_key()
    raw = b64url_bytes(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(der, f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    return header, json.loads(b64url_bytes(body))


def make_certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attestd")])
    now = datetime.datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"),
                                                        x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), True).sign(key, hashes.SHA256()))
    (folder / "attestd.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    path = folder / "attestd.key"
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                       serialization.NoEncryption()))
    path.chmod(0o600)


class Upstream:
    """Serves answers by path; counts them; can be slow, broken or gone."""

    def __init__(self):
        self.answers, self.hits, self.delay, self.broken = {}, {}, 0, False  # broken: True, or the status of every answer
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                with outer.lock:
                    outer.hits[self.path] = outer.hits.get(self.path, 0) + 1
                    status, headers, body = outer.answers.get(self.path, (404, {}, b""))
                    if outer.broken:
                        status, headers, body = 500 if outer.broken is True else outer.broken, {}, b""
                time.sleep(outer.delay)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self):
        with self.lock:
            return sum(self.hits.values())

    def record_from(self, url):
        """Takes over everything that the simulator's PCS serves for its platforms."""
        host = url.split("//")[1]
        for path in self.paths(host):
            c = http.client.HTTPConnection(host)
            c.request("GET", path)
            r = c.getresponse()
            body = r.read()
            if r.status == 200:
                self.answers[path] = (200, {k: v for k, v in r.getheaders() if "Chain" in k or k == "Content-Type"}, body)
            c.close()
        return self

    @staticmethod
    def paths(host):
        fmspc = SIM_FMSPC
        yield f"/sgx/certification/v4/tcb?fmspc={fmspc}&update=standard"
        yield f"/tdx/certification/v4/tcb?fmspc={fmspc}&update=standard"
        for tee in ("sgx", "tdx"):
            yield f"/{tee}/certification/v4/qe/identity?update=standard"
        for ca in ("platform", "processor"):
            yield f"/sgx/certification/v4/pckcrl?ca={ca}&encoding=der"
        yield "/sgx/certification/v4/rootcacrl"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


SIM_FMSPC = "54454553494D"  # of every simulated platform: "TEESIM"


def end_with_parent():
    """In the child: SIGTERM when the test runner ends, however it ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Simulator:
    """teesim: quotes on request and the vendor's PCS."""

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(exist_ok=True)
        self.process = subprocess.Popen([TEESIM, "run", "--dir", self.dir, "--with-parent"], stdout=subprocess.PIPE,
                                        text=True)
        ready = self.process.stdout.readline()
        assert ready.startswith("READY"), ready
        line = ready[len("READY"):].strip() or self.process.stdout.readline()
        self.info = json.loads(line)
        self.root = self.info["root"]

    def quote(self, report_data=bytes(64), tee="tdx4", scenario="ok"):
        path = self.dir / f"quote-{uuid.uuid4()}"
        subprocess.run([TEESIM, "quote", "--dir", self.dir, "--tee", tee, "--scenario", scenario, "--report-data",
                        report_data.hex(), "-o", path], check=True)
        return path.read_bytes()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def cmw(quote, kind="tdx"):
    return [f"application/vnd.warder.{kind}-quote", b64url(quote)]


RUNNING = []  # those that no test has stopped


class Attestd:
    def __init__(self, folder, upstream, roots=(), roles=("tcs", "qvs", "as"), **settings):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(exist_ok=True)
        if not (self.dir / "attestd.pem").exists():
            make_certificate(self.dir)
        self.aas = Key()
        (self.dir / "aas-jwks.json").write_text(json.dumps(self.aas.jwks()))
        self.config = self.dir / "attestd.conf"
        self.config.write_text(self.text(upstream, roots, roles, settings))
        self.roles, self.process, self.ports, self.log = roles, None, {}, []
        self.start()

    def text(self, upstream, roots, roles, settings):
        d = self.dir
        section = {
            "tls": {"certificate": d / "attestd.pem", "key": d / "attestd.key"},
            "tcs": {"store": f"sqlite:{d}/tcs.db", "upstream": upstream, "upstream_plain_loopback": "yes",
                    "upstream_root_crl": "", "upstream_kds": upstream},
            "qvs": {},
            "as": {"store": f"sqlite:{d}/as.db", "nonce_store": f"sqlite:{d}/nonces.db", "deny_store": f"sqlite:{d}/deny.db", "evidence_store": f"sqlite:{d}/evidence.db", "signing_key": d / "signing.key", "jwks_file": d / "as-jwks.json",
                   "aas_jwks": d / "aas-jwks.json"},
            "verify": {"root": " ".join(map(str, roots))},
        }
        for role in ("tcs", "qvs", "as"):
            section[role].update(enabled="yes" if role in roles else "no", port=0)
        for name, value in settings.items():
            where, key = name.split("__")
            section[where][key] = value
        return "".join(f"[{name}]\n" + "".join(f"{k} = {v}\n" for k, v in rows.items()) for name, rows in section.items())

    def start(self):
        self.process = subprocess.Popen([ATTESTD, "--config", self.config], stderr=subprocess.PIPE, text=True,
                                        preexec_fn=end_with_parent)
        RUNNING.append(self)
        self.ports, self.log = {}, []
        for line in self.process.stderr:
            self.log.append(line)
            entry = json.loads(line)
            if entry["message"] == "listening":
                self.ports[entry["role"]] = int(entry["port"])
            if entry["message"] == "attestd is ready":
                break
        else:
            raise AssertionError("attestd does not start:\n" + "".join(self.log))
        threading.Thread(target=self.drain, args=(self.process.stderr,), daemon=True).start()

    def drain(self, stream):
        for line in stream:
            self.log.append(line)

    def stop(self):
        RUNNING.remove(self)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)
        return self.process.returncode

    def children(self, name):
        """Process ids of the children that were started under a name."""
        found = []
        for pid in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            if name in pathlib.Path(f"/proc/{pid}/cmdline").read_text():
                found.append(int(pid))
        return found

    def call(self, role, method, path, body=None, bearer=None, headers=None):
        context = ssl.create_default_context(cafile=self.dir / "attestd.pem")
        c = http.client.HTTPSConnection("127.0.0.1", self.ports[role], context=context, timeout=30)
        h = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            h.setdefault("Content-Type", "application/json")
        if bearer:
            h["Authorization"] = f"Bearer {bearer}"
        c.request(method, path, body, h)
        r = c.getresponse()
        data = r.read()
        c.close()
        r.text = data
        r.json = json.loads(data) if "json" in r.getheader("Content-Type", "") else None
        return r

    def token(self, rules=("policies:*",), tenant="default", **changes):
        now = int(time.time())
        claims = {"iss": "warder-aas", "aud": "warder", "sub": "tester", "tenant": tenant, "jti": str(uuid.uuid4()),
                  "iat": now, "nbf": now, "exp": now + 300, "roles": [],
                  "permissions": [{"service": "AS", "context": "", "rules": list(rules)}]}
        claims.update(changes)
        return self.aas.jwt({k: v for k, v in claims.items() if v is not None})


def without_pck(quote, kind, data):
    """A version 4 quote whose certification data is of another type than the PCK certificate chain."""
    report = 48 + 584 + 4 + 128 + 6
    auth = report + 448
    chain = auth + 2 + int.from_bytes(quote[auth:auth + 2], "little")
    certified = quote[report:chain] + kind.to_bytes(2, "little") + len(data).to_bytes(4, "little") + data
    area = quote[report - 134:report - 6] + (6).to_bytes(2, "little") + len(certified).to_bytes(4, "little") + certified
    return quote[:48 + 584] + len(area).to_bytes(4, "little") + area
