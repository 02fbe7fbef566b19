# SPDX-License-Identifier: Apache-2.0
"""aasd and cmsd on loopback, with a CA and first certificates made by cmsd's own offline commands."""
import base64
import http.client
import ipaddress
import json
import os
import pathlib
import signal
import ssl
import subprocess
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.x509.oid import NameOID

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WARDER_BUILD", ROOT / "build"))
AASD = BUILD / "programs/aasd/aasd"
CMSD = BUILD / "programs/cmsd/cmsd"
# The leak checker reads /proc, which the sandbox of a serving program does not let it.
CONFINED = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
CANARY = "canary-Password-7f3a91"


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64url_bytes(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def san_list(names):
    out = []
    for name in names:
        try:
            out.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            out.append(x509.RFC822Name(name[7:]) if name.startswith("mailto:") else x509.DNSName(name))
    return x509.SubjectAlternativeName(out)


def make_csr(common_name, names=(), key=None):
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []))
    if names:
        builder = builder.add_extension(san_list(names), False)
    return key, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def write_private(path, data):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    path.chmod(0o600)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]


class Service:
    """One daemon: configuration, log, process, calls."""

    def __init__(self, system, name, program, config):
        self.system, self.name, self.program = system, name, program
        self.config = system.dir / f"etc/{name}.conf"
        self.log_path = system.dir / f"log/{name}.log"
        self.config.write_text(config)
        self.process, self.port = None, None
        self.certificate = None  # (PEM, key) that calls come with

    def run(self, *arguments, check=True):
        done = subprocess.run([self.program, "--config", self.config, *arguments], capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise AssertionError(f"{self.name} {arguments}: {done.returncode} {done.stderr}")
        return done

    def log(self):
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def start(self):
        self.log_path.unlink(missing_ok=True)
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([self.program, "--config", self.config], stderr=log, stdout=log, env=CONFINED)
        deadline = time.time() + 30
        while time.time() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"{self.name} ended: {self.log_path.read_text()}")
            for line in self.log_path.read_text().splitlines():
                if '"service start"' in line:
                    self.port = int(json.loads(line)["port"])
                    return
            time.sleep(0.02)
        raise AssertionError(f"{self.name} does not start")

    def stop(self):
        if not self.process:
            return None
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=20)
        self.process = None
        return status

    def call(self, method, path, body=None, token=None, headers=None, raw=None):
        context = ssl.create_default_context(cafile=self.system.dir / "etc/tls/ca.pem")
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=60)
        head = dict(headers or {})
        if token:
            head["Authorization"] = f"Bearer {token}"
        if body is not None:
            raw = json.dumps(body)
            head.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body=raw, headers=head)
            return Answer(connection.getresponse())
        finally:
            connection.close()


class Identity:
    """The pair, its folder, and what an administrator does with it."""

    def __init__(self, folder, init=("--init",), ca="", **aasd):
        """init: cmsd's arguments that make the CA; ca: more of its section [ca]."""
        self.dir = folder
        for name in ("etc/tls", "etc/keys", "var", "log"):
            (folder / name).mkdir(parents=True)
        login = {"memory_kib": 19456, "passes": 2, "window_seconds": 300, "lockout_seconds": 300, **aasd.pop("login", {})}
        self.cmsd = Service(self, "cmsd", CMSD,
                            self._server("cmsd") + f"[store]\nfolder = {folder}/var/cmsd\n"
                            f"[ca]\ncertificate = {folder}/etc/tls/ca.pem\n{ca}"
                            f"[token]\naas_jwks = {folder}/etc/keys/aas-jwks.json\n")
        self.aasd = Service(self, "aasd", AASD,
                            self._server("aasd") + f"[store]\nfolder = {folder}/var/aasd\n"
                            f"[token]\njwks_file = {folder}/etc/keys/aas-jwks.json\nminutes = {aasd.pop('minutes', 120)}\n"
                            + "".join(f"{k} = {v}\n" for k, v in aasd.pop("token", {}).items())
                            + "".join(f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items()) for section, values in aasd.items()) +
                            "[login]\n" + "".join(f"{k} = {v}\n" for k, v in login.items()))
        self.cmsd.run(*(init if "--import" in init else ["--init", *(i for i in init if i != "--init")]))
        for name in ("cmsd", "aasd"):
            self.certify(name)
        self.password_file = folder / "etc/admin.password"
        write_private(self.password_file, CANARY + "\n")
        self.aasd.run("--init-admin", "admin", "--password-file", str(self.password_file))

    def _server(self, name):
        return (f"[server]\naddress = 127.0.0.1\nport = 0\ncertificate = {self.dir}/etc/tls/{name}.pem\n"
                f"key = {self.dir}/etc/tls/{name}.key\n")

    def certify(self, name):
        key, csr = make_csr(name, ["localhost", "127.0.0.1"])
        write_private(self.dir / f"etc/tls/{name}.key", key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (self.dir / f"etc/{name}.csr").write_bytes(csr)
        self.cmsd.run("--issue", "--csr", str(self.dir / f"etc/{name}.csr"), "--out", str(self.dir / f"etc/tls/{name}.pem"))

    def client(self, name):
        """A TLS client certificate of this name: etc/tls/NAME.pem and .key."""
        key, csr = make_csr(name)
        write_private(self.dir / f"etc/tls/{name}.key", key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (self.dir / f"etc/{name}.csr").write_bytes(csr)
        self.cmsd.run("--issue", "--client", "--csr", str(self.dir / f"etc/{name}.csr"), "--out", str(self.dir / f"etc/tls/{name}.pem"))

    def start(self):
        self.aasd.start()
        self.cmsd.start()
        return self

    def stop(self):
        return self.aasd.stop(), self.cmsd.stop()

    def login(self, name, password=CANARY, headers=None):
        return self.aasd.call("POST", "/aas/v1/token", {"username": name, "password": password}, headers=headers)

    def token(self, name="admin", password=CANARY):
        answer = self.login(name, password)
        assert answer.status == 200, answer.body
        return answer.body.decode()

    def make_user(self, name, *roles, password=CANARY):
        """roles: (service, name, context, [rules])."""
        admin = self.token()
        made = self.aasd.call("POST", "/aas/v1/users", {"username": name, "password": password}, admin)
        assert made.status == 201, made.body
        for service, role, context, rules in roles:
            body = {"service": service, "name": role, "context": context, "permissions": rules}
            answer = self.aasd.call("POST", "/aas/v1/roles", body, admin)
            if answer.status == 409:
                query = urllib.parse.urlencode({"service": service, "name": role, "context": context})
                answer = self.aasd.call("GET", "/aas/v1/roles?" + query, token=admin)
                role_id = answer.json[0]["role_id"]
            else:
                assert answer.status == 201, answer.body
                role_id = answer.json["role_id"]
            done = self.aasd.call("POST", f"/aas/v1/users/{name}/roles", {"role_ids": [role_id]}, admin)
            assert done.status == 201, done.body
        return made.json["user_id"]

    def signing_key(self):
        return serialization.load_pem_private_key((self.dir / "var/aasd/signing.key").read_bytes(), None)

    def jwks(self):
        return json.loads((self.dir / "etc/keys/aas-jwks.json").read_text())

    def forge(self, claims=None, key=None, header=None, drop=()):
        """A token signed with aasd's own key, to say what aasd never would."""
        now = int(time.time())
        body = {"iss": "warder-aas", "aud": "warder", "sub": "admin", "tenant": "default", "jti": "x-1", "iat": now, "nbf": now,
                "exp": now + 600, "roles": [], "permissions": [], **(claims or {})}
        for name in drop:
            del body[name]
        head = {"alg": "ES256", "typ": "JWT", "kid": self.jwks()["keys"][0]["kid"], **(header or {})}
        signed = b64url(json.dumps(head).encode()) + "." + b64url(json.dumps(body).encode())
        r, s = utils.decode_dss_signature((key or self.signing_key()).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return signed + "." + b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def certify_online(self, csr, token, kind="TLS", content_type="application/x-pem-file"):
        return self.cmsd.call("POST", f"/cms/v1/certificates?certType={kind}", token=token, raw=csr,
                              headers={"Content-Type": content_type})


def rsa_key(bits):
    return rsa.generate_private_key(65537, bits)
