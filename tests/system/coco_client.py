# SPDX-License-Identifier: Apache-2.0
"""A guest of Confidential Containers, written from the description of its protocol alone: the KBS protocol's client side."""
import base64
import hashlib
import http.cookies
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

ERRORS = "https://github.com/confidential-containers/kbs/errors/"
CURVES = {"P-256": (ec.SECP256R1(), 32), "P-521": (ec.SECP521R1(), 66)}


def b64(data):
    return base64.b64encode(data).decode()


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def jcs(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class TeeKey:
    """The key pair that a TEE makes for its session."""

    def __init__(self, kind="P-256", private=None, alg=None):
        self.kind = kind
        if kind in CURVES:
            curve, size = CURVES[kind]
            self.private = private or ec.generate_private_key(curve)
            n = self.private.public_key().public_numbers()
            self.jwk = {"kty": "EC", "crv": kind, "alg": "ECDH-ES+A256KW", "x": b64u(n.x.to_bytes(size, "big")), "y": b64u(n.y.to_bytes(size, "big"))}
        else:
            self.private = private or rsa.generate_private_key(65537, 2048)
            n = self.private.public_key().public_numbers()
            self.jwk = {"kty": "RSA", "alg": alg or "RSA-OAEP-256", "n": b64u(n.n.to_bytes(256, "big")), "e": b64u(n.e.to_bytes(3, "big"))}

    def content_key(self, header, wrapped):
        if header["alg"] == "RSA1_5":
            return self.private.decrypt(wrapped, padding.PKCS1v15())
        if header["alg"] == "RSA-OAEP-256":
            return self.private.decrypt(wrapped, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        assert header["alg"] == "ECDH-ES+A256KW" and header["epk"]["crv"] == self.kind
        curve, size = CURVES[self.kind]
        x, y = unb64u(header["epk"]["x"]), unb64u(header["epk"]["y"])
        assert len(x) == len(y) == size
        public = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), curve).public_key()
        z = self.private.exchange(ec.ECDH(), public)
        alg = header["alg"].encode()
        info = len(alg).to_bytes(4, "big") + alg + bytes(8) + (256).to_bytes(4, "big")
        kek = ConcatKDFHash(hashes.SHA256(), 32, info).derive(z)
        return aes_key_unwrap(kek, wrapped)

    def open(self, answer):
        """Of version 0.2.0 and on. Like the guests' own library: the header is read and written anew, and that is authenticated."""
        assert set(answer) == {"protected", "encrypted_key", "iv", "ciphertext", "tag"}
        header = json.loads(unb64u(answer["protected"]))
        again = {"alg": header["alg"], "enc": header["enc"]}
        if "epk" in header:
            again["epk"] = {m: header["epk"][m] for m in ("crv", "kty", "x", "y")}
        assert header["enc"] == "A256GCM" and set(header) <= {"alg", "enc", "epk"}
        authenticated = b64u(json.dumps(again, separators=(",", ":")).encode()).encode()
        cek = self.content_key(header, unb64u(answer["encrypted_key"]))
        assert len(unb64u(answer["iv"])) == 12 and len(unb64u(answer["tag"])) == 16
        return AESGCM(cek).decrypt(unb64u(answer["iv"]), unb64u(answer["ciphertext"]) + unb64u(answer["tag"]), authenticated)

    def open_old(self, answer):
        """Of versions 0.1.x: the header stands as text, the tag behind the ciphertext, and nothing is authenticated beside."""
        header = json.loads(answer["protected"])
        assert header["alg"] == "RSA1_5" and answer["tag"] == ""
        cek = self.content_key(header, unb64u(answer["encrypted_key"]))
        return AESGCM(cek).decrypt(unb64u(answer["iv"]), unb64u(answer["ciphertext"]), None)


class Guest:
    """`evidence`: makes what this TEE sends, out of 64 bytes of report data."""

    def __init__(self, kbs, tee, evidence, key="P-256", version="0.4.0", prefix="", very_old=False):
        self.kbs, self.tee, self.evidence, self.version, self.prefix, self.very_old = kbs, tee, evidence, version, prefix, very_old
        self.key = key if isinstance(key, TeeKey) else TeeKey(key, alg="RSA1_5" if version < "0.2" else None)
        self.cookies, self.nonce, self.token = {}, None, None

    def call(self, method, path, body=None, bearer=None, cookies=None):
        jar = self.cookies if cookies is None else cookies
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())} if jar else {}
        r = self.kbs.call(method, f"{self.prefix}/kbs/v0/{path}", body, bearer, headers)
        for line in r.headers.get_all("Set-Cookie") or []:
            for name, morsel in http.cookies.SimpleCookie(line).items():
                if cookies is None:
                    self.cookies[name] = morsel.value
        return r

    def auth(self, **changes):
        extra = "" if self.version == "0.1.0" else {"supported-hash-algorithms": ["sha256", "sha384", "sha512"]}
        r = self.call("POST", "auth", {"version": self.version, "tee": self.tee, "extra-params": extra, **changes})
        if r.status == 200:
            assert set(r.json) == {"nonce", "extra-params"} and r.json["extra-params"] == "" and "kbs-session-id" in self.cookies
            self.nonce = r.json["nonce"]
            assert len(self.nonce) == 44 and len(base64.b64decode(self.nonce, validate=True)) == 32
        return r

    def runtime_data(self, nonce=None):
        return {"nonce": nonce or self.nonce, "tee-pubkey": self.key.jwk}

    def report_data(self, additional="", nonce=None):
        bound = self.runtime_data(nonce)
        if self.version >= "0.3":
            bound["additional-evidence"] = additional
        text = jcs(bound)
        if self.very_old:
            text = (bound["nonce"] + self.key.jwk["n"] + self.key.jwk["e"]).encode()
        return hashlib.sha384(text).digest() + bytes(16)

    def attestation(self, init_data=None, additional="", nonce=None, evidence=None):
        evidence = evidence if evidence is not None else self.evidence(self.report_data(additional, nonce))
        if self.version == "0.1.0":
            return {"tee-pubkey": self.key.jwk, "tee-evidence": json.dumps(evidence)}
        if self.version < "0.3":
            return {"tee-pubkey": self.key.jwk, "tee-evidence": evidence}
        both = {"primary_evidence": evidence, "additional_evidence": additional}
        if self.version == "0.3.0":
            return {"tee-pubkey": self.key.jwk, "tee-evidence": both}
        return {"init-data": init_data and {"format": "toml", "body": init_data}, "runtime-data": self.runtime_data(nonce), "tee-evidence": both}

    def attest(self, **given):
        r = self.call("POST", "attest", self.attestation(**given))
        if r.status == 200:
            assert set(r.json) == {"token"}
            self.token = r.json["token"]
        return r

    def handshake(self, **given):
        r = self.auth()
        assert r.status == 200, r.text
        r = self.attest(**given)
        assert r.status == 200, r.text
        return self

    def get(self, path, bearer=None, cookies=None):
        return self.call("GET", f"resource/{path}", bearer=bearer, cookies=cookies)

    def open(self, r):
        assert r.status == 200, r.text
        assert r.getheader("Content-Type") == "application/json"
        return (self.key.open_old if self.version < "0.2" else self.key.open)(r.json)

    def fetch(self, path):
        """As the guests' library does it: asks first, is turned away, attests, asks again."""
        if not self.token:
            assert self.get(path).status == 401
            self.handshake()
        return self.open(self.get(path))


def refused(r, status, name):
    assert r.status == status, (r.status, r.text)
    assert r.json["type"] == ERRORS + name and set(r.json) == {"type", "detail"}, r.json
