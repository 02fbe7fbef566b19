# SPDX-License-Identifier: Apache-2.0
"""A second, small implementation of the KBS's side of the native transfer (docs/protocol.md): it releases, refuses and lies.

With it skc-agent is tested alone, and against answers that a genuine KBS never gives. Evidence is not verified here,
only its binding: the report data must be somewhere in it, and a quote of `EvidenceSocket` is nothing else.
"""
import base64
import hashlib
import http.server
import ipaddress
import json
import os
import pathlib
import socket
import ssl
import struct
import threading
import time
import uuid

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from datetime import datetime, timedelta

P256 = ec.SECP256R1()


def b64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def un_b64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(*items):
    return b"".join(struct.pack(">I", len(i)) + i for i in items)


def jwk_of(public):
    n = public.public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": b64url(n.x.to_bytes(32, "big")), "y": b64url(n.y.to_bytes(32, "big"))}


def key_of(jwk):
    x, y = (int.from_bytes(un_b64url(jwk[c]), "big") for c in "xy")
    return ec.EllipticCurvePublicNumbers(x, y, P256).public_key()


def point(jwk):
    return b"\x04" + un_b64url(jwk["x"]) + un_b64url(jwk["y"])


def thumbprint(jwk):
    text = json.dumps({k: jwk[k] for k in ("crv", "kty", "x", "y")}, separators=(",", ":"), sort_keys=True)
    return b64url(hashlib.sha256(text.encode()).digest())


def jws(key, header, payload):
    text = b64url(json.dumps(header).encode()) + "." + b64url(payload)
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return text + "." + b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def jwe(recipient, header, plain):
    """ECDH-ES+A256KW with A256GCM (RFC 7516, 7518)."""
    ephemeral = ec.generate_private_key(P256)
    z = ephemeral.exchange(ec.ECDH(), recipient)
    algorithm = b"ECDH-ES+A256KW"
    info = parts(algorithm) + struct.pack(">I", 0) + struct.pack(">I", 0) + struct.pack(">I", 256)
    kek = hashlib.sha256(struct.pack(">I", 1) + z + info).digest()
    content_key, iv = os.urandom(32), os.urandom(12)
    head = b64url(json.dumps({"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": jwk_of(ephemeral.public_key()), **header}).encode())
    sealed = AESGCM(content_key).encrypt(iv, plain, head.encode())
    return ".".join([head, b64url(keywrap.aes_key_wrap(kek, content_key)), b64url(iv), b64url(sealed[:-16]), b64url(sealed[-16:])])


def issue(name, key, issuer_name, issuer_key, ca, hosts=()):
    when = datetime.utcnow()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer_name)])
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(when - timedelta(hours=1))
               .not_valid_after(when + timedelta(days=1)).add_extension(x509.BasicConstraints(ca, None), True))
    if ca:
        builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    if hosts:
        names = [x509.DNSName(h) if h[0].isalpha() else x509.IPAddress(ipaddress.ip_address(h)) for h in hosts]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def save(path, data, mode=0o600):
    path.touch(mode=mode)
    path.write_bytes(data)
    return path


class EvidenceSocket(threading.Thread):
    """The local evidence socket: the quote is the report data, so that the KBS can check the binding."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.asked, self.error = path, 0, None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rw") as file:
                self.asked += 1
                data = json.loads(file.readline())["report_data"]
                answer = {"error": self.error} if self.error else {"type": "tdx-quote", "evidence": b64url(bytes.fromhex(data))}
                file.write(json.dumps(answer) + "\n")

    def stop(self):
        self.listener.close()


class Refuse(Exception):
    def __init__(self, status, code, detail=""):
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


class SmallKbs:
    """`keys`: id -> {"pem", "version", "algorithm"}; `lies`: what to do wrong, by name."""

    def __init__(self, folder, hostname="kbs.test"):
        self.dir = pathlib.Path(folder)
        self.keys, self.lies, self.requests, self.refuse, self.lease = {}, {}, [], None, 60
        self.challenges, self.tokens, self.attestation, self.delay = {}, {}, "require", 0
        self.told = {}  # the last pair of answers for each key
        self.words, self.audit_ids, self.renewals = {}, {}, []  # leases: what is said of a key ("renewed"), and who asked
        self.release = ec.generate_private_key(P256)
        self.stranger = ec.generate_private_key(P256)
        ca, server = ec.generate_private_key(P256), ec.generate_private_key(P256)
        self.ca_file = save(self.dir / "ca.pem", issue("Test CA", ca, "Test CA", ca, True))
        chain = save(self.dir / "kbs.pem", issue(hostname, server, "Test CA", ca, False, [hostname]) + pem(server))
        self.ca = ca
        self.release_keys = save(self.dir / "release-jwks.json", json.dumps({"keys": [jwk_of(self.release.public_key())]}).encode())
        kbs = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                kbs.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, key, algorithm, key_id=None, version=1):
        key_id = key_id or str(uuid.uuid4())
        der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.keys[key_id] = {"der": der, "version": version, "algorithm": algorithm}
        return key_id

    def answer(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        try:
            time.sleep(self.delay)
            status, kind, result = 200, "application/json", self.transfer(request.path, request.headers, body)
        except Refuse as e:
            status, kind = e.status, "application/problem+json"
            result = {"type": "about:blank", "title": "Refused", "status": e.status, "detail": e.detail, "code": e.code}
        data = self.lies["body"] if "body" in self.lies and status == 200 else json.dumps(result).encode()
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def transfer(self, path, headers, body):
        key_id = path.split("/")[-2]
        asked = json.loads(body)
        if path == "/kbs/v1/leases":
            return self.leases(path, headers, body, asked)
        self.requests.append({"path": path, "body": asked, "authorization": headers.get("Authorization")})
        if self.refuse:
            raise self.refuse
        if key_id not in self.keys:
            raise Refuse(404, "key_not_found")
        if self.lies.get("replay") and key_id in self.told:
            return self.told[key_id][bool(asked)]
        told = self.told_now(key_id, path, headers, body, asked)
        self.told.setdefault(key_id, {})[bool(asked)] = told
        return told

    def told_now(self, key_id, path, headers, body, asked):
        if not asked:
            challenge = b64url(os.urandom(40))
            self.challenges[challenge] = key_id
            return {"challenge": challenge, "expires_at": "2099-01-01T00:00:00Z", "tenant": self.lies.get("tenant", "default"),
                    "attestation": self.attestation, "attestation_types": ["tdx"], "policy_ids": [],
                    **({"use": self.keys[key_id]["use"]} if "use" in self.keys[key_id] else {})}
        return self.release_key(key_id, path, headers, body, asked)

    def leases(self, path, headers, body, asked):
        if not asked:
            challenge = b64url(os.urandom(40))
            self.challenges[challenge] = "leases"
            return {"challenge": challenge, "expires_at": "2099-01-01T00:00:00Z", "tenant": "default"}
        if self.challenges.pop(asked["challenge"], None) != "leases":
            raise Refuse(403, "challenge_of_another_key")
        self.check_proof(asked, path, headers, body)
        self.renewals.append(asked)
        told = []
        for held in asked["keys"]:
            assert self.audit_ids[held["audit_id"]] == (held["key_id"], thumbprint(asked["signing_key"]))
            word = self.words.get(held["key_id"], "renewed")
            told.append({**held, "status": word, **({"lease_minutes": self.lease} if word == "renewed" else {"reason": "told_so"})})
        payload = {"challenge": "sha256:" + hashlib.sha256(self.lies.get("challenge", asked["challenge"]).encode()).hexdigest(),
                   "nonce": self.lies.get("nonce", asked["nonce"]), "signing_key": thumbprint(asked["signing_key"]),
                   "leases": self.lies.get("leases", told)}
        signer = self.stranger if self.lies.get("signer") else self.release
        header = {"alg": "ES256", "typ": self.lies.get("typ", "warder-lease+jwt"), "kid": thumbprint(jwk_of(self.release.public_key()))}
        return {"answer": jws(signer, header, json.dumps(payload).encode())}

    def release_key(self, key_id, path, headers, body, asked):
        challenge = asked["challenge"]
        if self.challenges.pop(challenge, None) != key_id:
            raise Refuse(409, "challenge_spent")
        self.check_proof(asked, path, headers, body)
        token = asked.get("attestation_token")
        if token and self.tokens.get(token) != thumbprint(asked["signing_key"]):
            raise Refuse(403, "attestation_token_invalid")
        if not token and self.attestation == "require":
            self.check_evidence(asked)
            token = "token." + b64url(os.urandom(16)) + ".x"
            self.tokens[token] = thumbprint(asked["signing_key"])
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 600))
        if ("use" in self.keys[key_id]) != path.endswith("/use"):
            raise Refuse(403, "use_not_granted" if path.endswith("/use") else "transfer_not_granted")
        answer = self.use(key_id, challenge, asked) if path.endswith("/use") else self.seal(key_id, challenge, asked)
        return {"key_id": key_id, "version": 1, "answer": answer,
                **({"attestation_token": token, "attestation_token_expires_at": expires} if token else {})}

    def use(self, key_id, challenge, asked):
        """The signed statement of an attested use."""
        held, o = self.keys[key_id], asked["operation"]
        key = serialization.load_der_private_key(held["der"], None)
        data, chosen = un_b64url(o.get("input", "")), {"SHA-1": hashes.SHA1(), "SHA-256": hashes.SHA256(), "SHA-384": hashes.SHA384(),
                                                       "SHA-512": hashes.SHA512()}.get(o.get("hash"))
        if o.get("key_version", held["version"]) != held["version"]:
            raise Refuse(404, "key_version_not_found")
        digest = lambda raw: "sha256:" + hashlib.sha256(raw).hexdigest()  # noqa: E731
        says = {"key_id": self.lies.get("key_id", key_id), "key_version": held["version"], "operation": self.lies.get("operation", o["name"]),
                "challenge": digest(self.lies.get("challenge", challenge).encode()), "next_challenge": b64url(os.urandom(40))}
        self.challenges[says["next_challenge"]] = key_id
        if o["name"] == "describe":
            says["public_key"] = b64url(key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
        else:
            says |= {"mechanism": o["mechanism"], "hash": o["hash"], "input_digest": digest(self.lies.get("input", data))}
        if o["name"] == "decrypt":
            try:
                plain = key.decrypt(data, padding.OAEP(padding.MGF1(chosen), chosen, un_b64url(o["label"]) if "label" in o else None))
            except ValueError:
                raise Refuse(400, "key_refused")
            says["result"] = jwe(key_of(asked["encryption_key"]), {"typ": self.lies.get("inner", "warder-use+jwe"), **says}, plain)
        elif o["name"] == "sign" and o["mechanism"] == "ECDSA":
            r, s = decode_dss_signature(key.sign(data, ec.ECDSA(utils.Prehashed(chosen))))
            half = (key.key_size + 7) // 8
            says["signature"] = b64url(r.to_bytes(half, "big") + s.to_bytes(half, "big"))
        elif o["name"] == "sign":
            scheme = padding.PSS(padding.MGF1(chosen), chosen.digest_size) if o["mechanism"] == "RSASSA-PSS" else padding.PKCS1v15()
            says["signature"] = b64url(key.sign(data, scheme, utils.Prehashed(chosen)))
        signer = self.stranger if self.lies.get("signer") else self.release
        header = {"alg": "ES256", "typ": self.lies.get("typ", "warder-use+jwt"), "kid": thumbprint(jwk_of(self.release.public_key()))}
        return jws(signer, header, json.dumps(says).encode())

    def check_proof(self, asked, path, headers, body):
        raw = un_b64url(headers["Warder-Proof"])
        signature = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        message = parts(b"warder-proof-v1", b"POST", path.encode(), asked["challenge"].encode(), hashlib.sha256(body).digest())
        try:
            key_of(asked["signing_key"]).verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise Refuse(401, "proof_invalid")

    def check_evidence(self, asked):
        if "evidence" not in asked:
            raise Refuse(403, "attestation_required")
        kind, quote = asked["evidence"]
        wanted = hashlib.sha512(parts(b"warder-kbs-v1", asked["challenge"].encode(), b"default", point(asked["signing_key"]),
                                      point(asked["encryption_key"]))).digest()
        if kind != "application/vnd.warder.tdx-quote" or wanted not in un_b64url(quote):
            raise Refuse(403, "evidence_refused", "report data")

    def seal(self, key_id, challenge, asked):
        held, audit_id = self.keys[key_id], str(uuid.uuid4())
        self.audit_ids[audit_id] = (key_id, thumbprint(asked["signing_key"]))
        header = {"typ": "warder-key+jwe", "cty": "pkcs8", "key_id": self.lies.get("key_id", key_id), "key_version": held["version"],
                  "algorithm": held["algorithm"], "label": "x", "policy_digest": "sha256:00", "audit_id": audit_id,
                  "challenge": "sha256:" + hashlib.sha256(self.lies.get("challenge", challenge).encode()).hexdigest(),
                  "lease_minutes": self.lease}
        inner = jwe(key_of(asked["encryption_key"]), header, held["der"])
        signer = self.stranger if self.lies.get("signer") else self.release
        kid = thumbprint(jwk_of((self.release if self.lies.get("signer") != "own kid" else signer).public_key()))
        return jws(signer, {"alg": "ES256", "typ": "warder-answer+jwt", "kid": kid}, inner.encode())
