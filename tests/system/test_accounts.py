# SPDX-License-Identifier: Apache-2.0
"""Accounts over their life: lock-out, change of password, revocation, services, signing keys, certificates."""
import base64
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import identity_fixture as fixture
from identity_fixture import CANARY, Answer, Identity

pytestmark = pytest.mark.sanitize
OTHER = "another-Password-91c4"


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accounts")
    s = Identity(folder, token={"announce_minutes": 0}, server={"client_ca": f"{folder}/etc/tls/ca.pem"})
    s.start()
    s.client("cli")
    s.client("stranger")
    yield s
    assert s.stop() == (0, 0)


def user_of(token):
    return json.loads(fixture.b64url_bytes(token.split(".")[1]))["sub"]


def at_aasd(system, token):
    answer = system.aasd.call("GET", "/aas/v1/users", token=token)
    return "good" if answer.status == 200 or answer.code == "permission_denied" else answer.code


def at_cmsd(system, token):
    """As every other program: by the files that it pins."""
    answer = system.cmsd.call("GET", "/cms/v1/certificates", token=token)
    return "good" if answer.status == 200 or answer.code == "permission_denied" else answer.code


def everywhere(system, token):
    return {at_aasd(system, token), at_cmsd(system, token)}


def by_grant(system, body, certificate=None):
    """POST /aas/v1/token with a TLS client certificate, or without."""
    context = ssl.create_default_context(cafile=system.dir / "etc/tls/ca.pem")
    if certificate:
        context.load_cert_chain(system.dir / f"etc/tls/{certificate}.pem", system.dir / f"etc/tls/{certificate}.key")
    c = http.client.HTTPSConnection("localhost", system.aasd.port, context=context, timeout=60)
    try:
        c.request("POST", "/aas/v1/token", json.dumps(body), {"Content-Type": "application/json"})
        return Answer(c.getresponse())
    finally:
        c.close()


def digest_of(system, name):
    cert = x509.load_pem_x509_certificates((system.dir / f"etc/tls/{name}.pem").read_bytes())[0]
    return hashlib.sha256(cert.public_bytes(serialization.Encoding.DER)).hexdigest()


# --- lock-out

def test_a_restart_unlocks_nobody(tmp_path):
    s = Identity(tmp_path / "a", login={"attempts": 2, "lockout_seconds": 3000})
    s.aasd.start()
    try:
        s.make_user("bob")
        for name in ("bob", "nobody-at-all"):
            assert [s.login(name, "wrong password").status for _ in range(2)] == [401, 401]
        s.aasd.stop()
        s.aasd.start()
        for name in ("bob", "nobody-at-all"):
            answer = s.login(name)
            assert answer.status == 429 and 0 < answer.json["retry_after"] <= 3000
        assert s.login("admin").status == 200
    finally:
        s.aasd.stop()
    assert b"nobody-at-all" not in b"".join(p.read_bytes() for p in (tmp_path / "a/var/aasd").iterdir())


# --- tokens end before their time

def test_changing_the_password_ends_tokens_everywhere(system):
    system.make_user("ann")
    before = system.token("ann")
    assert everywhere(system, before) == {"good"}
    change = {"username": "ann", "old_password": OTHER, "new_password": OTHER, "password_confirm": OTHER}
    assert system.aasd.call("PATCH", "/aas/v1/users/changepassword", change).status == 401  # the old one is needed
    assert everywhere(system, before) == {"good"}
    change["old_password"] = CANARY
    assert system.aasd.call("PATCH", "/aas/v1/users/changepassword", change).status == 200
    assert everywhere(system, before) == {"token_revoked"}
    assert system.login("ann").status == 401
    assert everywhere(system, system.token("ann", OTHER)) == {"good"}  # in the same second too


def test_tokens_of_a_user_and_one_token(system):
    system.make_user("carl")
    first, second = system.token("carl"), system.token("carl")
    jti = json.loads(fixture.b64url_bytes(first.split(".")[1]))["jti"]
    admin = system.token()
    assert system.aasd.call("POST", "/aas/v1/revocations", {"jti": jti}, second).status == 403
    assert system.aasd.call("POST", "/aas/v1/revocations", {"jti": jti}, admin).status == 204
    assert everywhere(system, first) == {"token_revoked"} and everywhere(system, second) == {"good"}
    assert system.aasd.call("POST", "/aas/v1/users/carl/revoke", token=admin).status == 204
    assert everywhere(system, second) == {"token_revoked"}
    assert everywhere(system, system.token("carl")) == {"good"} and everywhere(system, admin) == {"good"}
    assert system.aasd.call("POST", "/aas/v1/users/nobody/revoke", token=admin).status == 404
    for body in ({}, {"jti": "x"}, {"jti": jti, "user": "carl"}):
        assert system.aasd.call("POST", "/aas/v1/revocations", body, admin).code == "malformed_request"


def test_a_deleted_user_has_no_token(system):
    system.make_user("gone")
    token = system.token("gone")
    assert system.aasd.call("DELETE", "/aas/v1/users/gone", token=system.token()).status == 204
    assert everywhere(system, token) == {"token_revoked"}
    system.make_user("gone")  # another of the same name
    assert everywhere(system, token) == {"token_revoked"}


def test_the_list_is_signed_names_nobody_and_is_the_served_one(system):
    system.make_user("somebody-with-a-name")
    system.aasd.call("POST", "/aas/v1/users/somebody-with-a-name/revoke", token=system.token())
    served = system.aasd.call("GET", "/aas/v1/revocations")
    assert served.headers["Content-Type"] == "application/jwt"
    assert served.body == (system.dir / "etc/keys/aas-jwks.json.revoked").read_bytes()
    head, claims = (json.loads(fixture.b64url_bytes(part)) for part in served.body.decode().split(".")[:2])
    assert head["typ"] == "warder-revocations+jwt" and head["kid"] in {k["kid"] for k in system.jwks()["keys"]}
    assert b"somebody" not in served.body and len(claims["subjects"]) >= 1
    expected = base64.urlsafe_b64encode(hashlib.sha256(b"".join(
        len(part).to_bytes(4, "big") + part for part in (b"subject", b"default", b"somebody-with-a-name"))).digest()).rstrip(b"=").decode()
    assert expected in claims["subjects"]
    assert claims["exp"] - claims["iat"] == 7200  # a token's life


def test_who_knows_of_a_list_lets_nobody_in_without(system):
    """L33: a list that is past its end, another's, or none at all."""
    path, token = system.dir / "etc/keys/aas-jwks.json.revoked", system.token()
    now = int(time.time())
    good = path.read_bytes()
    system.cmsd.stop()
    try:
        stale = system.forge({"iat": now - 9000, "nbf": now - 9000, "exp": now - 2000, "tokens": {}, "subjects": {}, "all_before": 0},
                             header={"typ": "warder-revocations+jwt"})
        for text in (stale.encode(), b"", b"{}", token.encode()):
            path.write_bytes(text)
            system.cmsd.start()
            assert at_cmsd(system, token) == "revocations_outdated", text[:20]
            system.cmsd.stop()
        path.write_bytes(good)
    finally:
        system.cmsd.start()
    assert at_cmsd(system, token) == "good"


# --- services

def test_a_service_by_its_secret(system):
    admin = system.token()
    made = system.aasd.call("POST", "/aas/v1/users", {"username": "robot", "kind": "service"}, admin)
    assert made.status == 201 and made.json["kind"] == "service"
    secret = made.json["client_secret"]
    grant = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": secret}
    answer = by_grant(system, grant)
    assert answer.status == 200 and answer.json["token_type"] == "Bearer" and answer.headers["Cache-Control"] == "no-store"
    token = answer.json["access_token"]
    assert user_of(token) == "robot" and everywhere(system, token) == {"good"}
    assert "client_secret" not in system.aasd.call("GET", "/aas/v1/users/robot", token=admin).json
    # There is no way in by password, and so many failures lock nobody out.
    assert system.login("robot", secret).status == 401
    for _ in range(8):
        assert by_grant(system, {**grant, "client_secret": "x" * 43}).code == "credentials_refused"
    assert by_grant(system, grant).status == 200
    assert by_grant(system, {**grant, "client_id": "admin", "client_secret": CANARY}).code == "credentials_refused"
    assert by_grant(system, {k: v for k, v in grant.items() if k != "client_secret"}, "stranger").code == "credentials_refused"
    change = {"username": "robot", "old_password": secret, "new_password": OTHER}
    assert system.aasd.call("PATCH", "/aas/v1/users/changepassword", change).status in (401, 429)
    assert system.aasd.call("PATCH", "/aas/v1/users/robot", {"password": OTHER}, admin).code == "malformed_request"
    # Another secret ends the old one and what it gave.
    other = system.aasd.call("POST", "/aas/v1/users/robot/secret", token=admin).json["client_secret"]
    assert by_grant(system, grant).code == "credentials_refused" and everywhere(system, token) == {"token_revoked"}
    assert by_grant(system, {**grant, "client_secret": other}).status == 200
    assert system.aasd.call("POST", "/aas/v1/users/admin/secret", token=admin).code == "not_a_service"
    stored = b"".join(p.read_bytes() for p in (system.dir / "var/aasd").iterdir()) + system.aasd.log_path.read_bytes()
    assert secret.encode() not in stored and other.encode() not in stored


@pytest.mark.parametrize("body", [{"username": "r", "kind": "service", "password": CANARY}, {"username": "r"}, {"username": "r", "kind": "robot"},
                                  {"username": "r", "kind": "service", "certificate_sha256": "00"}])
def test_malformed_services(system, body):
    assert system.aasd.call("POST", "/aas/v1/users", body, system.token()).code == "malformed_request"


@pytest.mark.parametrize("body", [{"grant_type": "client_credentials"}, {"grant_type": "password", "client_id": "x"}, {"grant_type": 1},
                                  {"grant_type": "client_credentials", "client_id": "x", "tenant": "../x"},
                                  {"grant_type": "client_credentials", "client_id": "x", "scope": "all"}])
def test_malformed_grants(system, body):
    assert by_grant(system, body).code == "malformed_request"


def test_a_service_by_its_certificate(system):
    admin = system.token()
    for name, digest in (("cli", None), ("by-digest", digest_of(system, "cli"))):
        body = {"username": name, "kind": "service", "certificate_sha256": digest or "00" * 32}
        assert system.aasd.call("POST", "/aas/v1/users", body, admin).status == 201
        grant = {"grant_type": "client_credentials", "client_id": name}
        assert by_grant(system, grant).code == "credentials_refused"
        assert by_grant(system, grant, "stranger").code == "credentials_refused"
        assert by_grant(system, grant, "cli").status == (200 if digest else 401)  # a registered one counts alone
    answer = by_grant(system, {"grant_type": "client_credentials", "client_id": "by-digest"}, "cli")
    assert everywhere(system, answer.json["access_token"]) == {"good"}
    # A change of certificate ends the old one, and what it gave.
    patched = system.aasd.call("PATCH", "/aas/v1/users/by-digest", {"certificate_sha256": digest_of(system, "stranger").upper()}, admin)
    assert patched.json["certificate_sha256"] == digest_of(system, "stranger")
    assert everywhere(system, answer.json["access_token"]) == {"token_revoked"}
    assert by_grant(system, {"grant_type": "client_credentials", "client_id": "by-digest"}, "cli").code == "credentials_refused"


# --- administrators with certificates

def test_administrators_need_their_certificate(tmp_path):
    folder = tmp_path / "a"
    s = Identity(folder, server={"client_ca": f"{folder}/etc/tls/ca.pem"}, login={"certificate_roles": "Operator Administrator"})
    s.client("admin"), s.client("mallory")
    s.aasd.start()
    try:
        login = {"username": "admin", "password": CANARY}
        for name, status in (("admin", 200), ("mallory", 403), (None, 403)):
            assert by_grant(s, login, name).status == status, name
        assert by_grant(s, login).code == "certificate_required"
        token = by_grant(s, login, "admin").body.decode()
        assert s.aasd.call("GET", "/aas/v1/users", token=token).code == "certificate_required"  # a stolen one is of no use here
        s.aasd.certificate = (folder / "etc/tls/admin.pem", folder / "etc/tls/admin.key")
        assert s.aasd.call("GET", "/aas/v1/users", token=token).status == 200
        assert s.aasd.call("POST", "/aas/v1/users", {"username": "clerk", "password": CANARY}, token).status == 201
        s.aasd.certificate = None
        assert s.login("clerk").status == 200  # who has no such role comes without
    finally:
        s.aasd.stop()
    s.aasd.config.write_text(s.aasd.config.read_text().replace("client_ca", "#client_ca"))
    assert "client_ca" in s.aasd.run("--check-config", check=False).stderr


# --- signing keys

def test_keys_rotate_with_overlap(system):
    before, old = system.token(), {k["kid"] for k in system.jwks()["keys"]}
    assert system.aasd.call("POST", "/aas/v1/jwks/rotate").status == 401
    answer = system.aasd.call("POST", "/aas/v1/jwks/rotate", token=before)
    assert answer.status == 202
    after = system.token()
    kid = json.loads(fixture.b64url_bytes(after.split(".")[0]))["kid"]
    assert kid not in old and old | {kid} == {k["kid"] for k in system.jwks()["keys"]}  # announced for no time here
    assert system.aasd.call("GET", "/aas/v1/jwks").json == system.jwks()
    assert everywhere(system, before) == everywhere(system, after) == {"good"}
    system.aasd.stop()
    system.aasd.start()
    assert everywhere(system, before) == everywhere(system, after) == {"good"}
    assert everywhere(system, system.forge(header={"kid": "x"})) == {"token_invalid"}


def test_an_announced_key_does_not_sign_yet(tmp_path):
    s = Identity(tmp_path / "a", token={"announce_minutes": 60})
    s.aasd.start()
    try:
        token = s.token()
        assert len(s.aasd.call("POST", "/aas/v1/jwks/rotate", token=token).json["keys"]) == 2
        assert len(s.aasd.call("POST", "/aas/v1/jwks/rotate", token=token).json["keys"]) == 2  # asked for already
        assert s.token().split(".")[0] == token.split(".")[0]
    finally:
        s.aasd.stop()


@pytest.mark.parametrize("algorithm", ["ES384", "PS384"])
def test_algorithm(tmp_path, algorithm):
    s = Identity(tmp_path / "a", token={"algorithm": algorithm, "announce_minutes": 0}).start()
    try:
        token = s.token()
        assert json.loads(fixture.b64url_bytes(token.split(".")[0]))["alg"] == algorithm
        assert everywhere(s, token) == {"good"}
        swapped = fixture.b64url(json.dumps({"alg": "ES256", "typ": "JWT", "kid": s.jwks()["keys"][0]["kid"]}).encode())
        assert everywhere(s, ".".join([swapped, *token.split(".")[1:]])) == {"token_invalid"}  # L35
    finally:
        assert s.stop() == (0, 0)


# --- the command line

def test_from_the_command_line(system, tmp_path):
    (tmp_path / "cli.conf").write_text(f"[services]\naas = https://localhost:{system.aasd.port}\n[tls]\nca = {system.dir}/etc/tls/ca.pem\n"
                                       f"[login]\ntoken_file = {tmp_path}/token\nusername = admin\n")
    fixture.write_private(tmp_path / "password", CANARY + "\n")

    def warder(*arguments):
        done = subprocess.run([fixture.BUILD / "programs/cli/warder", *map(str, arguments)], text=True, capture_output=True, timeout=60,
                              env={**os.environ, "WARDER_CONFIG": str(tmp_path / "cli.conf")})
        assert done.returncode == 0, done.stderr
        return done.stdout

    warder("token", "get", "--password-file", tmp_path / "password")
    made = json.loads(warder("user", "create", "cli-robot", "--service", "-o", "json"))
    grant = {"grant_type": "client_credentials", "client_id": "cli-robot"}
    first = by_grant(system, {**grant, "client_secret": made["client_secret"]}).json["access_token"]
    second = by_grant(system, {**grant, "client_secret": made["client_secret"]}).json["access_token"]
    fixture.write_private(tmp_path / "first", first)
    warder("token", "revoke", tmp_path / "first")
    assert everywhere(system, first) == {"token_revoked"} and everywhere(system, second) == {"good"}
    warder("user", "revoke", "cli-robot")
    assert everywhere(system, second) == {"token_revoked"}
    secret = json.loads(warder("user", "secret", "cli-robot", "-o", "json"))["client_secret"]
    assert by_grant(system, {**grant, "client_secret": secret}).status == 200
    warder("user", "create", "cli-cert", "--service", "--certificate", digest_of(system, "cli"))
    assert by_grant(system, {**grant, "client_id": "cli-cert"}, "cli").status == 200
    warder("token", "revocations", "--out", tmp_path / "aas-jwks.json.revoked")
    assert (tmp_path / "aas-jwks.json.revoked").read_bytes() == system.aasd.call("GET", "/aas/v1/revocations").body
    keys = json.loads(warder("token", "rotate-keys"))["keys"]
    assert len(keys) >= 2 and not any("d" in key for key in keys)


def test_private_files(system):
    for path in (system.dir / "var/aasd").iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
