# SPDX-License-Identifier: Apache-2.0
"""Users of an OpenID Connect provider: a real one, over its protocol, with the commands of docs/oidc.md; and what a hostile one sends."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import time
import urllib.parse

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import dev_system
import identity_fixture as fixture
from identity_fixture import Identity

pytestmark = pytest.mark.sanitize
PROVIDER = dev_system.ROOT / ".cache/venv/bin/oidc-provider-mock"
EXCHANGE = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token_type": "urn:ietf:params:oauth:token-type:id_token"}
ROLES = [{"claim": "groups", "value": "key-admins", "roles": ["KBS:Administrator", "KBS:NotThere"]},
         {"claim": "/realm/roles", "value": "clerk", "roles": ["AAS:UserManager"]}]
needs_provider = pytest.mark.skipif(not PROVIDER.exists(), reason="oidc-provider-mock is not installed")


# --- a provider

class Provider:
    def __init__(self, folder):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.log = folder / "provider.log"
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        users = [{"sub": "alice", "groups": ["staff", "key-admins"]}, {"sub": "bob", "groups": ["staff"]}]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PROVIDER, "-p", str(self.port), "-e", "600", *(x for u in users for x in ("--user-claims", json.dumps(u)))],
                                            stdout=log, stderr=log)
        until = time.monotonic() + 60
        while True:
            try:
                return self.ask("GET", "/.well-known/openid-configuration")
            except OSError:
                assert self.process.poll() is None and time.monotonic() < until, self.log.read_text()
                time.sleep(0.1)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=20)
        self.process = None

    def ask(self, method, path, form=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            c.request(method, path, form and urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})})
            answer = c.getresponse()
            return answer, answer.read()
        finally:
            c.close()

    def id_token(self, user, client="warder"):
        """By the authorization code flow."""
        back = "http://127.0.0.1:1/back"
        query = urllib.parse.urlencode({"client_id": client, "redirect_uri": back, "response_type": "code", "scope": "openid email"})
        answer, _ = self.ask("POST", f"/oauth2/authorize?{query}", {"sub": user})
        code = urllib.parse.parse_qs(urllib.parse.urlparse(answer.headers["Location"]).query)["code"][0]
        basic = base64.b64encode(f"{client}:secret".encode()).decode()
        answer, text = self.ask("POST", "/oauth2/token", {"grant_type": "authorization_code", "code": code, "redirect_uri": back},
                                {"Authorization": f"Basic {basic}"})
        assert answer.status == 200, text
        return json.loads(text)["id_token"]


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A development system whose aasd takes the provider's tokens; keys are believed for six seconds."""
    provider, s = Provider(tmp_path_factory.mktemp("provider")), dev_system.System(options=("--no-fuse",))
    try:
        provider.start()
        s.up()
        (s.dir / "etc/issuers.json").write_text(json.dumps({"issuers": [
            {"name": "corp", "issuer": provider.issuer, "audience": "warder", "jwks_url": provider.issuer + "/jwks", "plain_loopback": True,
             "max_age_seconds": 6, "roles": ROLES}]}))
        with open(s.dir / "etc/aasd.conf", "a") as f:
            f.write(f"[external]\nissuers_file = {s.dir}/etc/issuers.json\n")
        dev_system.stop(s.pid("aasd"))
        with open(s.dir / "log/aasd.log", "ab") as log:
            process = subprocess.Popen([dev_system.BUILD / "programs/aasd/aasd", "--config", s.dir / "etc/aasd.conf"], env=s.env, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)
        (s.dir / "run/aasd.pid").write_text(f"{process.pid}\n")
        yield provider, s
    finally:
        provider.stop()
        s.down()


def exchange(s, token, **more):
    """(status, code or token)."""
    context = ssl.create_default_context(cafile=s.dir / "etc/tls/ca.pem")
    c = http.client.HTTPSConnection("localhost", s.port("aas") if callable(s.port) else s.port, context=context, timeout=30)
    try:
        c.request("POST", "/aas/v1/token", json.dumps({**EXCHANGE, "subject_token": token, **more}), {"Content-Type": "application/json"})
        answer = c.getresponse()
        body = json.loads(answer.read())
        return answer.status, body.get("code") or body.get("access_token")
    finally:
        c.close()


def until(wanted, ask, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            got = ask()
        except OSError as e:
            got = e
        if not isinstance(got, OSError) and wanted(got):
            return got
        assert time.monotonic() < end, got
        time.sleep(0.1)


@needs_provider
def test_its_users_administer_keys_with_the_commands_of_the_page(both, tmp_path):
    provider, s = both
    token = provider.id_token("alice")
    until(lambda got: got[0] == 200, lambda: exchange(s, token))
    fixture.write_private(tmp_path / "id-token", token + "\n")
    # The configuration's token file is the administrator's: here it is alice's.
    config = (s.dir / "etc/cli.conf").read_text()
    (tmp_path / "cli.conf").write_text(re.sub(r"token_file = .*", f"token_file = {tmp_path}/token", config))
    text = (dev_system.ROOT / "docs/oidc.md").read_text()
    commands = re.search(r"## Commands.*?```sh\n(.*?)```", text, re.S).group(1)
    env = {**s.env, "WARDER_CONFIG": str(tmp_path / "cli.conf"), "PATH": f"{dev_system.WARDER.parent}:{s.env['PATH']}"}
    done = subprocess.run(["sh", "-eux"], input=commands, cwd=tmp_path, env=env, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr + s.logs()
    assert "corp:alice" in done.stdout
    made = [r for r in s.warder_json("audit", "list", "--limit", "50") if r.get("action") == "key_create" or "key_create" in json.dumps(r)]
    assert any("corp:alice" in json.dumps(r) for r in made)
    # Who has no role gets nothing; for whom a token is not meant, neither.
    assert exchange(s, provider.id_token("bob")) == (403, "no_roles")
    assert exchange(s, provider.id_token("alice", client="another")) == (401, "subject_token_refused")
    # An end before its time holds for them too.
    s.warder("user", "revoke", "corp:alice")
    shown = subprocess.run(["warder", "key", "list"], env=env, cwd=tmp_path, text=True, capture_output=True, timeout=60)
    assert shown.returncode != 0 and "token_revoked" in shown.stderr + shown.stdout


@needs_provider
def test_its_outage_refuses_and_never_admits(both):
    """L33: known keys serve for their time; then there are none, until the provider is back, with other keys."""
    provider, s = both
    token = provider.id_token("alice")
    until(lambda got: got[0] == 200, lambda: exchange(s, token))
    provider.stop()
    stopped = time.monotonic()
    until(lambda got: got == (503, "issuer_unavailable"), lambda: exchange(s, token))
    assert time.monotonic() - stopped < 60
    for _ in range(10):
        assert exchange(s, token) == (503, "issuer_unavailable")
    provider.start()
    new = provider.id_token("alice")
    until(lambda got: got[0] == 200, lambda: exchange(s, new))
    assert exchange(s, token) == (401, "subject_token_refused")  # by keys that it has no more


# --- a hostile one

class Issuer:
    """aasd with an issuer whose keys are a file that the test writes."""

    def __init__(self, folder):
        self.key, self.ec = fixture.rsa_key(2048), ec.generate_private_key(ec.SECP256R1())
        self.path = folder / "idp-jwks.json"
        self.publish(self.jwk(self.key, "r1"), self.jwk(self.ec, "e1"))
        (folder / "issuers.json").write_text(json.dumps({"issuers": [self.entry("corp", "https://idp.example"),
                                                                     self.entry("other", "https://other.example", audience="elsewhere")]}))
        self.identity = Identity(folder / "a", external={"issuers_file": f"{folder}/issuers.json"})
        self.identity.aasd.start()
        self.dir, self.port = self.identity.dir, self.identity.aasd.port

    def entry(self, name, issuer, audience="warder"):
        return {"name": name, "issuer": issuer, "audience": audience, "jwks_file": str(self.path), "roles": ROLES}

    @staticmethod
    def jwk(key, kid, **more):
        family = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
        return {**json.loads(family.to_jwk(key.public_key())), "kid": kid, **more}

    def publish(self, *keys):
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"keys": list(keys)}))
        os.replace(new, self.path)

    def token(self, key=None, algorithm="RS256", headers=None, drop=(), kid="r1", **claims):
        now = int(time.time())
        body = {"iss": "https://idp.example", "aud": "warder", "sub": "alice", "iat": now, "exp": now + 300, "groups": ["key-admins"], **claims}
        for name in drop:
            del body[name]
        return jwt.encode(body, key or self.key, algorithm, headers={**({"kid": kid} if kid else {}), **(headers or {})})


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    i = Issuer(tmp_path_factory.mktemp("issuer"))
    yield i
    assert i.identity.aasd.stop() == 0


def claims_of(token):
    return json.loads(fixture.b64url_bytes(token.split(".")[1]))


def test_what_it_gives(issuer):
    status, token = exchange(issuer, issuer.token())
    claims = claims_of(token)
    assert status == 200 and claims["sub"] == "corp:alice" and claims["tenant"] == "default"
    assert claims["roles"] == [{"service": "KBS", "name": "Administrator", "context": ""}]
    assert claims["exp"] - claims["iat"] <= 300  # no longer than theirs
    assert exchange(issuer, issuer.token(key=issuer.ec, algorithm="ES256", headers={"kid": "e1"}))[0] == 200
    assert exchange(issuer, issuer.token(aud=["warder", "x"], azp="warder"))[0] == 200
    # aasd itself hears them as far as their roles go.
    status, clerk = exchange(issuer, issuer.token(groups=[], realm={"roles": ["clerk"]}))
    assert status == 200
    call = issuer.identity.aasd.call
    assert call("GET", "/aas/v1/users", token=clerk).status == 200
    assert call("GET", "/aas/v1/roles", token=clerk).code == call("GET", "/aas/v1/users", token=token).code == "permission_denied"


def test_tokens_that_are_refused(issuer):
    now = int(time.time())
    public = issuer.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    body = fixture.b64url(json.dumps(claims_of(issuer.token())).encode())
    stranger = fixture.rsa_key(2048)

    def by_hmac(key):
        signed = fixture.b64url(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "r1"}).encode()) + "." + body
        return signed + "." + fixture.b64url(hmac.new(key, signed.encode(), hashlib.sha256).digest())

    bad = {
        "none": fixture.b64url(b'{"alg":"none","typ":"JWT","kid":"r1"}') + "." + body + ".",  # L35
        "none with a signature": fixture.b64url(b'{"alg":"none","kid":"r1"}') + "." + ".".join(issuer.token().split(".")[1:]),
        "HS256 with the public key": by_hmac(public), "HS256 with its modulus": by_hmac(json.dumps(issuer.jwk(issuer.key, "r1")).encode()),
        "PS256 of an RS256 key": issuer.token(algorithm="PS256"), "RS384": issuer.token(algorithm="RS384"),
        "a stranger's key": issuer.token(key=stranger), "wrong kid": issuer.token(headers={"kid": "e1"}), "no such kid": issuer.token(headers={"kid": "../r1"}),
        "no kid of two keys": issuer.token(kid=None),
        "its own key": issuer.token(key=stranger, headers={"jwk": issuer.jwk(stranger, "r1")}),
        "a key elsewhere": issuer.token(key=stranger, headers={"jku": "https://evil.example/jwks"}),  # L15
        "crit": issuer.token(headers={"crit": ["exp"]}), "another issuer": issuer.token(iss="https://idp.example/"),
        "an issuer in another case": issuer.token(iss="HTTPS://IDP.EXAMPLE"), "another audience": issuer.token(aud="warder2"),
        "audiences without azp": issuer.token(aud=["warder", "x"]), "another's azp": issuer.token(aud=["warder", "x"], azp="x"),
        "the audience of the other issuer": issuer.token(aud="elsewhere"), "the other issuer for this audience": issuer.token(iss="https://other.example"),
        "not yet": issuer.token(nbf=now + 600), "of the future": issuer.token(iat=now + 600),
        "no text": "a.b.c", "one part": "abc", "empty parts": "..",
    }
    bad |= {f"without {name}": issuer.token(drop=[name]) for name in ("iss", "sub", "aud", "iat", "exp")}  # L14
    for name, token in bad.items():
        assert exchange(issuer, token) == (401, "subject_token_refused"), name
    assert exchange(issuer, issuer.token(iat=now - 900, exp=now - 300)) == (401, "subject_token_expired")
    for subject in ("", "a b", "x:y", "é", "x" * 300, "*", "../x", "a,b"):  # L18: what would be another name
        assert exchange(issuer, issuer.token(sub=subject)) == (401, "subject_token_refused"), subject
    for groups in ([], "key-admin", ["*"], ["key-admins "], ["KEY-ADMINS"], [["key-admins"]], {"key-admins": 1}, "staff,key-admins", None):
        assert exchange(issuer, issuer.token(groups=groups)) == (403, "no_roles"), groups
    for more in ({"subject_token_type": "urn:x"}, {"scope": "all"}, {"subject_token": 1}):
        assert exchange(issuer, issuer.token(), **more) == (400, "malformed_request")
    assert exchange(issuer, "x" * 17000)[0] in (400, 413)
    assert exchange(issuer, issuer.token())[0] == 200


def test_the_order_of_issuers_does_not_matter(issuer):
    """L34."""
    assert exchange(issuer, issuer.token(iss="https://other.example", aud="elsewhere"))[0] == 200
    assert claims_of(exchange(issuer, issuer.token(iss="https://other.example", aud="elsewhere"))[1])["sub"] == "other:alice"


def test_hostile_sets_of_keys(issuer):
    """Nothing of them is believed, aasd goes on, and a good set is followed again."""
    good = issuer.path.read_bytes()
    weak = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key()))
    private = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(issuer.key))
    jwk = issuer.jwk(issuer.key, "r1")
    sets = [b"", b"{", b"[]", b'{"keys":{}}', b'{"keys":[1]}', b'{"keys":[]}', b'{"keys":' + b"[" * 5000, json.dumps({"keys": [{**private, "kid": "r1"}]}).encode(),
            json.dumps({"keys": [jwk, jwk]}).encode(), json.dumps({"keys": [{**weak, "kid": "r1"}]}).encode(),
            json.dumps({"keys": [{"kty": "oct", "k": "AAAA", "kid": "r1"}]}).encode(), json.dumps({"keys": [{**jwk, "use": "enc"}]}).encode(),
            json.dumps({"keys": [{**jwk, "alg": "RSA1_5"}]}).encode(), json.dumps({"keys": [{**jwk, "n": "A" * 200000}]}).encode(),
            json.dumps({"keys": [{**jwk, "kid": str(n)} for n in range(100)]}).encode(), json.dumps({"keys": [{**jwk, "e": "AQ"}]}).encode(),
            b'{"keys":[],"pad":"' + b"x" * (1 << 20) + b'"}']
    for text in sets:
        new = issuer.path.with_suffix(".new")
        new.write_bytes(text)
        os.replace(new, issuer.path)
        assert exchange(issuer, issuer.token()) in ((503, "issuer_unavailable"), (401, "subject_token_refused")), text[:60]
    issuer.path.write_bytes(good)
    assert exchange(issuer, issuer.token())[0] == 200
    issuer.publish(issuer.jwk(issuer.key, "r1"))
    assert exchange(issuer, issuer.token(kid=None))[0] == 200  # of one key it need not be said
    issuer.path.write_bytes(good)


@pytest.mark.parametrize("change, word", [
    ({"name": "a:b"}, "name"), ({"jwks_file": None}, "jwks_file"), ({"jwks_url": "https://x"}, "jwks_file or a jwks_url"), ({"audience": None}, "audience"),
    ({"jwks_file": None, "jwks_url": "http://127.0.0.1/"}, "https"), ({"jwks_file": None, "jwks_url": "https://x/"}, "ca_file"), ({"trust": True}, "trust"),
    ({"roles": []}, "roles"), ({"tenant": "../x"}, "tenant"), ({"issuer": "https://other.example"}, "two issuers")])
def test_files_of_issuers_that_are_refused(issuer, tmp_path, change, word):
    entry = {k: v for k, v in {**issuer.entry("corp", "https://idp.example"), **change}.items() if v is not None}
    (tmp_path / "issuers.json").write_text(json.dumps({"issuers": [entry, issuer.entry("other", "https://other.example")]}))
    config = tmp_path / "aasd.conf"
    config.write_text(re.sub(r"issuers_file = .*", f"issuers_file = {tmp_path}/issuers.json", issuer.identity.aasd.config.read_text()))
    done = subprocess.run([fixture.AASD, "--config", config], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and word in done.stderr
