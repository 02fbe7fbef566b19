# SPDX-License-Identifier: Apache-2.0
"""keyd and kbsd on loopback, with certificates and signing keys of the test's own."""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import threading
import time
import uuid

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_unwrap_with_padding, aes_key_wrap

from attestd_fixture import Key, b64url, b64url_bytes, make_certificate, part, verify_jwt

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WARDER_BUILD", ROOT / "build"))
KEYD = BUILD / "programs/keyd/keyd"
KBSD = BUILD / "programs/kbsd/kbsd"
# A process that cannot be traced cannot look for its own leaks.
CONFINED = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
ADMIN = ("keys:*", "key_transfer_policies:*", "audit:search")


def _kek(private, public, header):
    shared = private.exchange(ec.ECDH(), public)
    info = part(header["alg"].encode()) + part(b"") + part(b"") + (256).to_bytes(4, "big")
    return ConcatKDFHash(hashes.SHA256(), 32, info).derive(shared)


def _public(jwk):
    return ec.EllipticCurvePublicNumbers(int.from_bytes(b64url_bytes(jwk["x"]), "big"),
                                         int.from_bytes(b64url_bytes(jwk["y"]), "big"), ec.SECP256R1()).public_key()


def jwe_open(private, text):
    head, key, iv, body, tag = text.split(".")
    header = json.loads(b64url_bytes(head))
    assert header["alg"] == "ECDH-ES+A256KW" and header["enc"] == "A256GCM"
    cek = aes_key_unwrap(_kek(private, _public(header["epk"]), header), b64url_bytes(key))
    plain = AESGCM(cek).decrypt(b64url_bytes(iv), b64url_bytes(body) + b64url_bytes(tag), head.encode())
    if "inner" in header:  # wrapped to us by an HSM
        assert header["inner"]["alg"] == "ECDH+A256KWP"
        plain = aes_key_unwrap_with_padding(private.exchange(ec.ECDH(), _public(header["inner"]["epk"])), plain)
        end = int.from_bytes(plain[2:4], "big") + 4 if plain[1] == 0x82 else plain[1] + 2 if plain[1] < 0x80 else plain[2] + 3
        if plain[0] == 0x30 and len(plain) > 40 and not any(plain[end:]):  # SoftHSM fills PKCS#8 with zeros
            plain = plain[:end]
    return header, plain


def jwe_seal(jwk, plain, **extra):
    ephemeral = Key()
    header = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": ephemeral.jwk, **extra}
    head = b64url(json.dumps(header).encode())
    cek, iv = os.urandom(32), os.urandom(12)
    wrapped = aes_key_wrap(_kek(ephemeral.private, _public(jwk), header), cek)
    sealed = AESGCM(cek).encrypt(iv, plain, head.encode())
    return ".".join([head, b64url(wrapped), b64url(iv), b64url(sealed[:-16]), b64url(sealed[-16:])])


def digest_text(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def pem_of(private):
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption()).decode()


def start_and_wait(command, wanted, log):
    """Starts a daemon and reads its log until the wanted message; the rest is drained into `log`."""
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=CONFINED)
    for line in process.stderr:
        log.append(line)
        if line.startswith("{") and json.loads(line)["message"] == wanted:
            break
    else:
        process.wait()
        raise AssertionError(f"{command[0]} does not start:\n" + "".join(log))

    def drain():
        for more in process.stderr:
            log.append(more)
    threading.Thread(target=drain, daemon=True).start()
    return process, json.loads(line)


def stop(process):
    if process and process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    return process.returncode if process else None


class Kbs:
    """A broker: both daemons, and a client of its API."""

    def __init__(self, folder, attestd=None, keyd="", manager="[keys]\nmanager = embedded\n", aas=None, as_key=None, kbsd="", keyd_folder=None):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True, exist_ok=True)
        make_certificate(self.dir)
        self.aas, self.as_key = aas or Key(), as_key or Key()
        (self.dir / "aas-jwks.json").write_text(json.dumps(self.aas.jwks()))
        as_jwks = attestd.dir / "as-jwks.json" if attestd else self.dir / "as-jwks.json"
        if not attestd:
            as_jwks.write_text(json.dumps(self.as_key.jwks()))
        as_port = attestd.ports["as"] if attestd else 1
        as_ca = attestd.dir / "attestd.pem" if attestd else self.dir / "attestd.pem"
        (self.dir / "keyd.conf").write_text(
            f"[keyd]\nsocket = {self.dir}/keyd.sock\nfolder = {keyd_folder or self.dir / 'keyd'}\n{keyd}"
            f"[tokens]\naas_jwks = {self.dir}/aas-jwks.json\nas_jwks = {as_jwks}\n"
            f"[release]\njwks_file = {self.dir}/release-jwks.json\n{manager}")
        (self.dir / "kbsd.conf").write_text(
            f"[server]\naddress = 127.0.0.1\nport = 0\ncertificate = {self.dir}/attestd.pem\nkey = {self.dir}/attestd.key\n"
            f"endpoint_url = https://kbs.test:9443/kbs/v1\n{kbsd}"
            f"[keyd]\nsocket = {self.dir}/keyd.sock\n"
            f"[attestation]\nurl = https://localhost:{as_port}\nca = {as_ca}\n")
        self.keyd_log, self.kbsd_log = [], []
        self.keyd = self.kbsd = None
        self.start_keyd()
        self.start_kbsd()

    def start_keyd(self):
        self.keyd, _ = start_and_wait([KEYD, "--config", self.dir / "keyd.conf"], "service start", self.keyd_log)

    def start_kbsd(self):
        self.kbsd, line = start_and_wait([KBSD, "--config", self.dir / "kbsd.conf"], "service start", self.kbsd_log)
        self.port = int(line["port"])

    def stop(self):
        codes = stop(self.kbsd), stop(self.keyd)
        return codes

    def connection(self):
        context = ssl.create_default_context(cafile=self.dir / "attestd.pem")
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=60)

    def call(self, method, path, body=None, bearer=None, headers=None, connection=None):
        c = connection or self.connection()
        h = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            h.setdefault("Content-Type", "application/json")
        if bearer:
            h["Authorization"] = f"Bearer {bearer}"
        c.request(method, path, body, h)
        r = c.getresponse()
        r.text = r.read()
        if not connection:
            c.close()
        r.json = json.loads(r.text) if r.text and "json" in r.getheader("Content-Type", "") else None
        r.code_word = r.json.get("code") if isinstance(r.json, dict) else None
        return r

    def token(self, rules=ADMIN, subject="admin", tenant="default", permissions=None, **changes):
        now = int(time.time())
        roles = [{"service": "KBS", "name": "KeyTransfer", "context": "permissions=" + ",".join(permissions)}] if permissions else []
        claims = {"iss": "warder-aas", "aud": "warder", "sub": subject, "tenant": tenant, "jti": str(uuid.uuid4()),
                  "iat": now, "nbf": now, "exp": now + 300, "roles": roles,
                  "permissions": [{"service": "KBS", "context": "", "rules": list(rules)}]}
        claims.update(changes)
        return self.aas.jwt({k: v for k, v in claims.items() if v is not None})

    def make_key(self, information=None, policy=None, bearer=None, **members):
        body = {"key_information": information or {"algorithm": "EC", "curve_type": "secp256r1"}, **members}
        if policy:
            body["transfer_policy_id"] = policy
        r = self.call("POST", "/kbs/v1/keys", body, bearer or self.token())
        assert r.status == 201, r.text
        return r.json

    def make_policy(self, **members):
        r = self.call("POST", "/kbs/v1/key-transfer-policies", members, self.token())
        assert r.status == 201, r.text
        return r.json

    def audit(self, **options):
        query = "&".join(f"{k}={v}" for k, v in options.items())
        r = self.call("GET", "/kbs/v1/audit" + ("?" + query if query else ""), bearer=self.token())
        assert r.status == 200, r.text
        return r.json


class Client:
    """The attester's side of a transfer: keys S and E."""

    def __init__(self, kbs):
        self.kbs, self.s, self.e = kbs, Key(), Key()

    def path(self, key_id):
        return f"/kbs/v1/keys/{key_id}/transfer"

    def challenge(self, key_id, bearer=None):
        r = self.kbs.call("POST", self.path(key_id), {}, bearer)
        assert r.status == 200, r.text
        return r.json

    def attestation_token(self, as_key=None, challenge="", claims=None, status="affirming", policies=("default",), **changes):
        """What the attestation service would say; signed by the key that the broker pins unless told otherwise."""
        now = int(time.time())
        body = {"iss": "warder-as", "aud": "warder-kbs", "jti": str(uuid.uuid4()), "iat": now, "nbf": now, "exp": now + 600,
                "eat_profile": "tag:warder.dev,2026:attestation-v1",
                "ear.verifier-id": {"developer": "test", "build": "0"}, "cnf": {"jkt": self.s.thumbprint},
                "submods": {"tee": {"ear.status": status}},
                "warder": {"tenant": "default", "claims": claims or default_claims(),
                           "policies": [{"id": str(uuid.uuid4()), "name": p, "version": 1, "digest": "sha256:" + "0" * 64} for p in policies],
                           "enc": {"jkt": self.e.thumbprint}, "challenge": digest_text(challenge.encode()),
                           "evidence_digest": "sha256:" + "1" * 64, "collateral_digest": "sha256:" + "2" * 64,
                           "verdict": "verified"}}
        for name, value in changes.items():
            target = body["warder"] if name in body["warder"] else body
            target[name] = value
        return (as_key or self.kbs.as_key).jwt(body)

    def report_data(self, challenge):
        data = b"".join(part(p) for p in (b"warder-kbs-v1", challenge["challenge"].encode(), challenge["tenant"].encode(),
                                          self.s.point, self.e.point))
        return hashlib.sha512(data).digest()

    def proof(self, path, challenge, body, signer=None):
        text = b"".join(part(p) for p in (b"warder-proof-v1", b"POST", path.encode(), challenge.encode(),
                                          hashlib.sha256(body).digest()))
        r, s = utils.decode_dss_signature((signer or self.s).private.sign(text, ec.ECDSA(hashes.SHA256())))
        return b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def request(self, key_id, challenge, token=None, evidence=None, bearer=None, signer=None, connection=None, proof=None,
                tamper=None, **changes):
        text = challenge["challenge"] if isinstance(challenge, dict) else challenge
        body = {"challenge": text, "signing_key": self.s.jwk, "encryption_key": self.e.jwk}
        if token:
            body["attestation_token"] = token
        if evidence:
            body["evidence"] = evidence
        body.update(changes)
        raw = json.dumps(body).encode()
        path = self.path(key_id)
        headers = {"Warder-Proof": proof or self.proof(path, text, raw, signer)}
        return self.kbs.call("POST", path, tamper(raw) if tamper else raw, bearer, headers, connection)

    def fetch(self, key_id, bearer=None, connection=None, **token_changes):
        """Both rounds with a token that fits."""
        c = self.kbs.call("POST", self.path(key_id), {}, bearer, connection=connection)
        assert c.status == 200, c.text
        token = self.attestation_token(challenge=c.json["challenge"], **token_changes)
        return self.request(key_id, c.json, token, bearer=bearer, connection=connection), c.json

    def open(self, answer, challenge, key_id):
        """The key of an answer, after all that the agent checks."""
        jwks = json.loads((self.kbs.dir / "release-jwks.json").read_text())
        head, body, signature = answer["answer"].split(".")
        header = json.loads(b64url_bytes(head))
        assert header["typ"] == "warder-answer+jwt"
        jwk = next(k for k in jwks["keys"] if k["kid"] == header["kid"])
        raw = b64url_bytes(signature)
        _public(jwk).verify(utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")),
                            f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
        inner, plain = jwe_open(self.e.private, b64url_bytes(body).decode())
        assert inner["key_id"] == key_id and inner["challenge"] == digest_text(challenge["challenge"].encode())
        return inner, plain


def default_claims(**changes):
    claims = {"tee": "tdx", "root": "vendor", "debug": False, "tcb_status": "UpToDate", "advisory_ids": [], "fmspc": "00806f050000",
              "pce_svn": 13, "pck_tcb": "03" * 16, "tee_tcb_svn": "05" * 16, "qe_isvsvn": 8, "seamsvn": 5, "ppid": "ab" * 16,
              "mrtd": "aa" * 48, "rtmr0": "00" * 48, "rtmr1": "11" * 48, "rtmr2": "22" * 48, "rtmr3": "33" * 48,
              "mrseam": "44" * 48, "mrsignerseam": "00" * 48}
    claims.update(changes)
    return {k: v for k, v in claims.items() if v is not None}


def released(k):
    """A key of each kind, made and released: (algorithm, id, header of the answer, the key in the clear)."""
    for information in ({"algorithm": "RSA", "key_length": 2048}, {"algorithm": "EC", "curve_type": "secp384r1"},
                        {"algorithm": "AES", "key_length": 256}):
        key_id = k.make_key(information)["key_information"]["id"]
        client = Client(k)
        r, challenge = client.fetch(key_id)
        assert r.status == 200, r.text
        yield information["algorithm"], key_id, *client.open(r.json, challenge, key_id)


@pytest.fixture(scope="module")
def kbs(tmp_path_factory):
    k = Kbs(tmp_path_factory.mktemp("kbs"))
    yield k
    assert k.stop() == (0, 0), "".join(k.keyd_log + k.kbsd_log)


@pytest.fixture(scope="module")
def key(kbs):
    return kbs.make_key(label="shared")["key_information"]["id"]


def refused(r, status, code):
    assert (r.status, r.code_word) == (status, code), r.text
    assert r.getheader("Content-Type") == "application/problem+json"
    assert status != 503 or r.getheader("Retry-After")
    assert "answer" not in r.json


BODY = {"key_information": {"algorithm": "AES", "key_length": 128}}
