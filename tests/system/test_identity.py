# SPDX-License-Identifier: Apache-2.0
"""aasd and cmsd as an operator and as a stranger meet them."""
import concurrent.futures
import json
import pathlib
import re
import ssl
import stat
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

import identity_fixture as fixture
from identity_fixture import CANARY, Identity, make_csr

pytestmark = pytest.mark.sanitize


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    s = Identity(tmp_path_factory.mktemp("identity"), login={"attempts": 5})
    s.start()
    yield s
    s.stop()


def claims_of(token):
    return json.loads(fixture.b64url_bytes(token.split(".")[1]))


# --- tokens

def test_token_has_the_documented_claims(system):
    system.make_user("claims", ("KBS", "KeyTransfer", "permissions=nginx,USA", []),
                     ("KBS", "KeyCRUD", "", ["keys:create:*", "keys:search:*"]))
    token = system.token("claims")
    head = json.loads(fixture.b64url_bytes(token.split(".")[0]))
    claims = claims_of(token)
    assert head == {"alg": "ES256", "typ": "JWT", "kid": system.jwks()["keys"][0]["kid"]}
    assert (claims["iss"], claims["aud"], claims["sub"], claims["tenant"]) == ("warder-aas", "warder", "claims", "default")
    assert claims["exp"] - claims["iat"] == 7200 and claims["nbf"] == claims["iat"]
    assert re.fullmatch(r"[0-9a-f-]{36}", claims["jti"])
    assert {"service": "KBS", "name": "KeyTransfer", "context": "permissions=nginx,USA"} in claims["roles"]
    assert claims["permissions"] == [{"service": "KBS", "context": "", "rules": ["keys:create:*", "keys:search:*"]}]


def test_token_forms(system):
    plain = system.login("admin")
    assert plain.headers["Content-Type"] == "application/jwt" and plain.body.count(b".") == 2
    both = system.login("admin", headers={"Accept": "application/jwt, application/json"})
    assert both.headers["Content-Type"] == "application/jwt"
    form = system.login("admin", headers={"Accept": "application/json"})
    assert set(form.json) == {"token", "expires_at"} and form.json["token"].count(".") == 2


def test_jwks_is_public_and_pinned(system):
    served = system.aasd.call("GET", "/aas/v1/jwks").json
    assert served == system.jwks()
    assert set(served["keys"][0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}  # L50: no private member


def test_wrong_password_and_unknown_user_look_the_same(system):
    system.make_user("victim")
    known = system.login("victim", "wrong password")
    unknown = system.login("nobody-here", "wrong password")
    assert known.status == unknown.status == 401
    a, b = known.json, unknown.json
    a.pop("instance"), b.pop("instance")
    assert a == b and a["code"] == "credentials_refused"


def test_unknown_user_takes_as_long(system):
    """In processor time of aasd, which a busy machine does not change: the password's hash dominates both."""
    def spent(names):
        def total():
            tasks = pathlib.Path(f"/proc/{system.aasd.process.pid}/task").iterdir()
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)

        since = total()
        for name in names:
            assert system.login(name, "wrong password").status == 401
        return total() - since

    system.make_user("timing")
    known = spent(["timing"] * 4)
    unknown = spent([f"timing-nobody-{n}" for n in range(4)])
    assert 0.5 < unknown / known < 2


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'{"username":"admin"}', b'{"username":"admin","password":""}', b'{"username":"","password":"x"}',
    b'{"username":"admin","password":1}', b'{"username":"admin","username":"x","password":"x"}',
    b'{"username":"admin","password":"x","extra":1}', b'{"username":"admin","password":"x","tenant":"../x"}',
    b'{"username":"' + b"a" * 200 + b'","password":"x"}', b'{"username":"admin","password":"' + b"a" * 300 + b'"}',
    b'{"a":' * 200 + b"1" + b"}" * 200, b'{"username":"ad\\u0000min","password":"x"}'])
def test_malformed_login(system, body):
    answer = system.aasd.call("POST", "/aas/v1/token", raw=body, headers={"Content-Type": "application/json"})
    assert answer.status == 400 and answer.code == "malformed_request"


def test_oversized_login(system):
    answer = system.aasd.call("POST", "/aas/v1/token", raw=b'{"username":"' + b"a" * 100000 + b'"}',
                              headers={"Content-Type": "application/json"})
    assert answer.status == 413


def test_lock_out(system):
    system.make_user("locked")
    for _ in range(5):
        assert system.login("locked", "wrong password").status == 401
    answer = system.login("locked")  # the right one, too late
    assert answer.status == 429 and answer.code == "too_many_attempts"
    assert 250 < int(answer.headers["Retry-After"]) <= 300 and len(answer.headers.get_all("Retry-After")) == 1
    assert system.login("LOCKED").status == 429  # L20: another spelling is the same name
    changed = system.aasd.call("PATCH", "/aas/v1/users/changepassword",
                               {"username": "locked", "old_password": CANARY, "new_password": "another password"})
    assert changed.status == 429  # the other door has the same lock
    assert system.login("admin").status == 200
    for _ in range(5):
        system.login("nobody-at-all", "wrong password")
    assert system.login("nobody-at-all", "wrong password").status == 429  # says nothing about who exists


def test_concurrent_guesses_gain_nothing(system):
    system.make_user("guessed")
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        got = list(pool.map(lambda i: system.login("guessed", f"wrong password {i}").status, range(24)))
    assert got.count(401) <= 5 and set(got) <= {401, 429, 503}


# --- who may do what

@pytest.mark.parametrize("method,path", [
    ("GET", "/aas/v1/users"), ("POST", "/aas/v1/users"), ("GET", "/aas/v1/users/admin"), ("PATCH", "/aas/v1/users/admin"),
    ("DELETE", "/aas/v1/users/admin"), ("POST", "/aas/v1/users/admin/roles"), ("GET", "/aas/v1/users/admin/roles"),
    ("GET", "/aas/v1/users/admin/permissions"), ("GET", "/aas/v1/users/admin/roles/x"), ("DELETE", "/aas/v1/users/admin/roles/x"),
    ("GET", "/aas/v1/roles"), ("POST", "/aas/v1/roles"), ("GET", "/aas/v1/roles/x"), ("PATCH", "/aas/v1/roles/x"),
    ("DELETE", "/aas/v1/roles/x")])
def test_every_route_wants_a_permitted_token(system, method, path):
    """L1."""
    answer = system.aasd.call(method, path, {})
    assert answer.status == 401 and answer.code == "token_missing"
    answer = system.aasd.call(method, path, {}, "a.b.c")
    assert answer.status == 401 and answer.code == "token_invalid"
    if not system.aasd.call("GET", "/aas/v1/users?name=nothing", token=system.token()).json:
        system.make_user("nothing", ("KBS", "Administrator", "", ["*:*:*"]))
    answer = system.aasd.call(method, path, {}, system.token("nothing"))
    assert answer.status == 403 and answer.code == "permission_denied"


OPERATIONS = {
    "users:create": ("POST", "/aas/v1/users", {"username": "made-{n}", "password": CANARY}),
    "users:search": ("GET", "/aas/v1/users", None),
    "users:retrieve": ("GET", "/aas/v1/users/admin", None),
    "users:store": ("PATCH", "/aas/v1/users/target", {"password": CANARY}),
    "users:delete": ("DELETE", "/aas/v1/users/absent", None),
    "user_roles:create": ("POST", "/aas/v1/users/target/roles", {"role_ids": ["absent"]}),
    "user_roles:search": ("GET", "/aas/v1/users/target/roles", None),
    "user_roles:retrieve": ("GET", "/aas/v1/users/target/roles/absent", None),
    "user_roles:delete": ("DELETE", "/aas/v1/users/target/roles/absent", None),
    "roles:create": ("POST", "/aas/v1/roles", {"service": "X", "name": "made-{n}"}),
    "roles:search": ("GET", "/aas/v1/roles", None),
    "roles:retrieve": ("GET", "/aas/v1/roles/absent", None),
    "roles:store": ("PATCH", "/aas/v1/roles/absent", {"permissions": []}),
    "roles:delete": ("DELETE", "/aas/v1/roles/absent", None),
}


def test_matrix_of_operations_and_permissions(system):
    """L31: each permission opens its own operation and no other."""
    system.make_user("target")
    for n, held in enumerate(OPERATIONS):
        system.make_user(f"only{n}", ("AAS", f"Only{n}", "", [held]))
        token = system.token(f"only{n}")
        for needed, (method, path, body) in OPERATIONS.items():
            body = body and {k: v.format(n=n) if isinstance(v, str) else v for k, v in body.items()}
            status = system.aasd.call(method, path, body, token).status
            assert (status == 403) == (held != needed), (held, needed, status)


def test_tokens_that_aasd_never_made(system):
    def status(token):
        answer = system.aasd.call("GET", "/aas/v1/users", token=token)
        return answer.status, answer.json.get("code") if answer.status != 200 else None

    now = int(time.time())
    assert status(system.forge()) == (200, None)  # the forge itself is right
    for name in ("iss", "aud", "sub", "tenant", "iat", "nbf", "exp", "jti"):  # L14
        assert status(system.forge(drop=[name])) == (401, "token_invalid"), name
    bad = [{"iss": "x"}, {"aud": "warder-kbs"}, {"sub": "nobody"}, {"tenant": "other"}, {"tenant": "../x"}, {"sub": ""},
           {"nbf": now + 300}, {"iat": now + 300}, {"exp": "soon"}, {"roles": {}}]
    for claims in bad:
        assert status(system.forge(claims)) == (401, "token_invalid"), claims
    for header in ({"alg": "none"}, {"alg": "HS256"}, {"kid": "x"}, {"typ": "warder-refusal+jwt"}, {"crit": ["x"]}):  # L35
        assert status(system.forge(header=header)) == (401, "token_invalid"), header
    assert status(system.forge(key=ec.generate_private_key(ec.SECP256R1()))) == (401, "token_invalid")
    body = system.forge().split(".")
    assert status(".".join([body[0], body[1], ""])) == (401, "token_invalid")


def test_expired_token(system):
    now = int(time.time())
    old = system.forge({"iat": now - 5000, "nbf": now - 5000, "exp": now - 100})
    answer = system.aasd.call("GET", "/aas/v1/users", token=old)
    assert answer.status == 401 and answer.code == "token_expired"
    answer = system.certify_online(make_csr("x")[1], old)
    assert answer.status == 401 and answer.code == "token_expired"


# --- users and roles

def test_user_life(system):
    admin = system.token()
    made = system.aasd.call("POST", "/aas/v1/users", {"username": "Life.User@example.com", "password": CANARY}, admin)
    assert made.status == 201
    assert made.body.startswith(b'{"user_id":"') and list(made.json)[:2] == ["user_id", "username"]
    uid = made.json["user_id"]
    again = system.aasd.call("POST", "/aas/v1/users", {"username": "life.user@EXAMPLE.com", "password": CANARY}, admin)
    assert again.status == 409 and again.code == "user_exists"  # L20
    assert system.aasd.call("GET", f"/aas/v1/users/{uid}", token=admin).json["username"] == "Life.User@example.com"
    assert [u["user_id"] for u in system.aasd.call("GET", "/aas/v1/users?name=Life.User@example.com", token=admin).json] == [uid]
    assert system.aasd.call("GET", "/aas/v1/users?name=absent", token=admin).json == []
    assert system.aasd.call("DELETE", f"/aas/v1/users/{uid}", token=admin).status == 204
    assert system.aasd.call("GET", f"/aas/v1/users/{uid}", token=admin).code == "user_not_found"
    assert system.login("Life.User@example.com").status == 401


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "a*", "-a", "a%2fb", "x" * 129, "changepassword", "a\nb", 7, None])
def test_bad_user_names(system, name):
    answer = system.aasd.call("POST", "/aas/v1/users", {"username": name, "password": CANARY}, system.token())
    assert answer.status == 400 and answer.code == ("user_invalid" if isinstance(name, str) else "malformed_request")
    assert [e["pointer"] for e in answer.json["errors"]] == ["#/username"]


@pytest.mark.parametrize("path", ["/aas/v1/users/..", "/aas/v1/users/%2e%2e", "/aas/v1/users/%252e%252e", "/aas/v1/users/..%2froles",
                                  "/aas/v1/users/a%2f..%2fadmin", "/aas/v1/roles/%2e%2e%2f", "/aas/v1/users/admin%00"])
def test_traversal(system, path):
    """L19."""
    assert system.aasd.call("GET", path, token=system.token()).status in (400, 404)


@pytest.mark.parametrize("password", ["short", "with\ttab and more", ""])
def test_bad_passwords(system, password):
    answer = system.aasd.call("POST", "/aas/v1/users", {"username": "never-made", "password": password}, system.token())
    assert answer.status == 400
    assert system.aasd.call("GET", "/aas/v1/users/never-made", token=system.token()).status == 404


def test_same_user_twice_at_once(system):
    """L3: one wins."""
    admin = system.token()
    for n in range(4):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            got = sorted(pool.map(lambda _: system.aasd.call(
                "POST", "/aas/v1/users", {"username": f"twin{n}", "password": CANARY}, admin).status, range(2)))
        assert got == [201, 409]


def test_many_registrations_one_winner(system):
    admin = system.token()

    def register(_):
        for _ in range(200):
            status = system.aasd.call("POST", "/aas/v1/users", {"username": "contested", "password": CANARY}, admin).status
            if status != 503:  # more passwords at once than are hashed
                return status
        return 503

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        got = list(pool.map(register, range(32)))
    assert got.count(201) == 1 and got.count(409) == 31


def test_role_life(system):
    admin = system.token()
    body = {"service": "kbs", "name": "KeyTransfer", "context": "permissions=life"}
    made = system.aasd.call("POST", "/aas/v1/roles", body, admin)
    assert made.status == 201 and made.body.startswith(b'{"role_id":"')
    assert made.json["service"] == "KBS"
    rid = made.json["role_id"]
    again = system.aasd.call("POST", "/aas/v1/roles", {**body, "service": "KBS"}, admin)
    assert again.status == 409 and again.code == "role_exists"
    found = system.aasd.call("GET", "/aas/v1/roles?service=KBS&contextContains=life", token=admin).json
    assert [r["role_id"] for r in found] == [rid]
    changed = system.aasd.call("PATCH", f"/aas/v1/roles/{rid}", {"permissions": ["keys:search:*"]}, admin)
    assert changed.status == 200 and changed.json["permissions"] == ["keys:search:*"] and changed.json["version"] == 2
    system.make_user("role-holder")
    grant = system.aasd.call("POST", "/aas/v1/users/role-holder/roles", {"role_ids": [rid]}, admin)
    assert grant.status == 201
    assert claims_of(system.token("role-holder"))["permissions"] == [
        {"service": "KBS", "context": "permissions=life", "rules": ["keys:search:*"]}]
    assert system.aasd.call("GET", f"/aas/v1/users/role-holder/roles/{rid}", token=admin).json["role_id"] == rid
    assert len(system.aasd.call("GET", "/aas/v1/users/role-holder/roles?service=CMS", token=admin).json) == 0
    assert system.aasd.call("DELETE", f"/aas/v1/users/role-holder/roles/{rid}", token=admin).status == 204
    assert claims_of(system.token("role-holder"))["roles"] == []
    assert system.aasd.call("DELETE", f"/aas/v1/roles/{rid}", token=admin).status == 204
    assert system.aasd.call("GET", f"/aas/v1/roles/{rid}", token=admin).code == "role_not_found"


@pytest.mark.parametrize("change", [
    {"service": ""}, {"service": "K B S"}, {"name": ""}, {"name": "a b"}, {"context": "a\nb"}, {"context": "nginx,USA"},
    {"context": "permissions=a;permissions=b"}, {"permissions": ["*"]}, {"permissions": ["keys:cr*"]}, {"permissions": "*:*:*"},
    {"permissions": [1]}, {"service": "CMS", "name": "CertApprover", "context": "CN=a"}, {"extra": 1}, {"service": None}])
def test_bad_roles(system, change):
    body = {"service": "KBS", "name": "KeyTransfer", "context": "permissions=bad", "permissions": [], **change}
    answer = system.aasd.call("POST", "/aas/v1/roles", body, system.token())
    assert answer.status == 400


def test_taking_a_right_counts_from_the_next_request(system):
    """L6, L32: what the token says about aasd itself is not what decides."""
    system.make_user("demoted", ("AAS", "Demoted", "", ["users:search"]))
    token = system.token("demoted")
    assert system.aasd.call("GET", "/aas/v1/users", token=token).status == 200
    admin = system.token()
    role = system.aasd.call("GET", "/aas/v1/roles?name=Demoted", token=admin).json[0]["role_id"]
    assert system.aasd.call("DELETE", f"/aas/v1/users/demoted/roles/{role}", token=admin).status == 204
    assert system.aasd.call("GET", "/aas/v1/users", token=token).status == 403
    assert system.aasd.call("DELETE", "/aas/v1/users/demoted", token=admin).status == 204
    assert system.aasd.call("GET", "/aas/v1/users", token=token).status == 401


def test_changing_the_password_ends_old_tokens(system):
    system.make_user("changer", ("AAS", "Changer", "", ["users:search"]))
    now = int(time.time())
    old = system.forge({"sub": "changer", "iat": now - 10, "nbf": now - 10})
    body = {"username": "changer", "old_password": CANARY, "new_password": "another-" + CANARY, "password_confirm": "another-" + CANARY}
    wrong = system.aasd.call("PATCH", "/aas/v1/users/changepassword", {**body, "old_password": "wrong password"})
    assert wrong.status == 401 and wrong.code == "credentials_refused"
    differs = system.aasd.call("PATCH", "/aas/v1/users/changepassword", {**body, "password_confirm": "something else"})
    assert differs.status == 400 and differs.code == "password_not_confirmed"
    assert system.aasd.call("PATCH", "/aas/v1/users/changepassword", body).status == 200
    assert system.login("changer").status == 401
    assert system.login("changer", "another-" + CANARY).status == 200
    assert system.aasd.call("GET", "/aas/v1/users", token=old).status == 401


def test_names_with_metacharacters_widen_nothing(system):
    """L18."""
    admin = system.token()
    for value in ("*", "%", "_", "KBS' OR '1'='1", "a%"):
        query = fixture.urllib.parse.urlencode({"service": value})
        assert system.aasd.call("GET", "/aas/v1/roles?" + query, token=admin).json == []
        query = fixture.urllib.parse.urlencode({"contextContains": value + "nothing"})
        assert system.aasd.call("GET", "/aas/v1/roles?" + query, token=admin).json == []


# --- certificates

@pytest.fixture(scope="module")
def approver(system):
    system.make_user("approver", ("CMS", "CertApprover", "CN=nginx;SAN=localhost,127.0.0.1,*.example.com;CERTTYPE=TLS", []),
                     ("CMS", "CertApprover", "CN=skcuser;CERTTYPE=TLS-Client", []))
    return system.token("approver")


def load_chain(pem):
    return [x509.load_pem_x509_certificate(p + b"-----END CERTIFICATE-----\n") for p in pem.split(b"-----END CERTIFICATE-----\n") if p.strip()]


@pytest.mark.parametrize("kind,key", [("p256", lambda: ec.generate_private_key(ec.SECP256R1())),
                                      ("p384", lambda: ec.generate_private_key(ec.SECP384R1())),
                                      ("rsa2048", lambda: fixture.rsa_key(2048)), ("rsa4096", lambda: fixture.rsa_key(4096))])
def test_certificate_is_issued(system, approver, kind, key):
    key, csr = make_csr("nginx", ["localhost", "127.0.0.1"], key())
    answer = system.certify_online(csr, approver)
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-pem-file", answer.body
    leaf, root = load_chain(answer.body)
    assert leaf.subject.rfc4514_string() == "CN=nginx"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    usages = list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    assert ExtendedKeyUsageOID.SERVER_AUTH in usages
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    root.public_key().verify(leaf.signature, leaf.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
    assert root.public_bytes(serialization.Encoding.PEM) == (system.dir / "etc/tls/ca.pem").read_bytes()


def test_issued_certificate_verifies_with_openssl(system, approver, tmp_path):
    answer = system.certify_online(make_csr("nginx", ["localhost"])[1], approver)
    (tmp_path / "leaf.pem").write_bytes(answer.body)
    done = subprocess.run(["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost", "-CAfile",
                           system.dir / "etc/tls/ca.pem", tmp_path / "leaf.pem"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_client_certificate(system, approver):
    answer = system.certify_online(make_csr("skcuser")[1], approver, "TLS-Client")
    leaf = load_chain(answer.body)[0]
    assert list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert system.certify_online(make_csr("skcuser")[1], approver, "TLS").code == "common_name_not_granted"


@pytest.mark.parametrize("names,status,code", [
    (["localhost", "evil.example"], 403, "san_not_granted"),
    (["127.0.0.2"], 403, "san_not_granted"),
    (["a.example.com"], 200, None),
    (["a.b.example.com"], 403, "san_not_granted"),
    (["*.com"], 403, "san_not_granted"),
    (["mailto:a@example.com"], 400, "csr_san_refused")])
def test_names_beyond_the_role_are_refused(system, approver, names, status, code):
    answer = system.certify_online(make_csr("nginx", names)[1], approver)
    assert answer.status == status and (status == 200 or answer.code == code)


@pytest.mark.parametrize("name,status,code", [
    ("other", 403, "common_name_not_granted"), ("*", 400, "csr_common_name_refused"), ("nginx;x", 400, "csr_common_name_refused"),
    (None, 400, "csr_common_name_refused")])
def test_common_names(system, approver, name, status, code):
    answer = system.certify_online(make_csr(name, ["localhost"])[1], approver)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("key", [lambda: fixture.rsa_key(1024), lambda: ec.generate_private_key(ec.SECP521R1()),
                                 lambda: ec.generate_private_key(ec.SECP224R1())])
def test_weak_and_odd_keys_are_refused(system, approver, key):
    answer = system.certify_online(make_csr("nginx", ["localhost"], key())[1], approver)
    assert answer.status == 400 and answer.code in ("csr_key_refused", "csr_invalid")


def test_bad_requests(system, approver):
    csr = make_csr("nginx", ["localhost"])[1]
    assert system.certify_online(csr, approver, "Signing").code == "cert_type_invalid"
    assert system.cmsd.call("POST", "/cms/v1/certificates", token=approver, raw=csr).code == "cert_type_missing"
    assert system.certify_online(csr, approver, content_type="text/html").status == 415
    for body in (b"", b"x", csr[:-40], csr.replace(b"M", b"N", 3), b"0" * 20000, b"\x30\x82\xff\xff"):
        answer = system.certify_online(body, approver)
        assert answer.status in (400, 413), body[:20]
    changed = bytearray(fixture.base64.b64decode(b"".join(csr.splitlines()[1:-1])))
    changed[-3] ^= 1  # its own signature
    assert system.certify_online(bytes(changed), approver).code == "csr_invalid"


def test_who_may_have_certificates(system, approver):
    csr = make_csr("nginx", ["localhost"])[1]
    assert system.certify_online(csr, None).code == "token_missing"
    assert system.certify_online(csr, "a.b.c").code == "token_invalid"
    answer = system.certify_online(csr, system.token())  # *:*:* in CMS is not CertApprover
    assert answer.status == 403 and answer.code == "permission_denied"
    forged = system.forge({"roles": [{"service": "CMS", "name": "CertApprover", "context": "CN=*;SAN=*;CERTTYPE=TLS"}]},
                          key=ec.generate_private_key(ec.SECP256R1()))
    assert system.certify_online(csr, forged).code == "token_invalid"
    for context in ("CN=nginx,CN=*;SAN=*;CERTTYPE=TLS", "garbage", "", "CN=nginx;SAN=localhost;CERTTYPE=TLS;CN=*"):
        token = system.forge({"roles": [{"service": "CMS", "name": "CertApprover", "context": context}]})
        assert system.certify_online(csr, token).status == 403, context


def test_register_and_revocation(system, approver):
    leaf = load_chain(system.certify_online(make_csr("nginx", ["localhost"])[1], approver).body)[0]
    root = x509.load_pem_x509_certificate((system.dir / "etc/tls/ca.pem").read_bytes())

    def crl():
        answer = system.cmsd.call("GET", "/cms/v1/crl")
        assert answer.headers["Content-Type"] == "application/pkix-crl"
        loaded = x509.load_der_x509_crl(answer.body)
        assert loaded.is_signature_valid(root.public_key())
        return loaded

    admin = system.token()
    serial = f"{leaf.serial_number:x}"
    listed = {int(c["serial"], 16): c for c in system.cmsd.call("GET", "/cms/v1/certificates", token=admin).json}
    assert listed[leaf.serial_number]["requester"] == "approver" and listed[leaf.serial_number]["common_name"] == "nginx"
    assert crl().get_revoked_certificate_by_serial_number(leaf.serial_number) is None
    serial = listed[leaf.serial_number]["serial"]
    assert system.cmsd.call("DELETE", f"/cms/v1/certificates/{serial}", token=approver).code == "permission_denied"
    assert system.cmsd.call("DELETE", "/cms/v1/certificates/00ff", token=admin).code == "certificate_not_found"
    assert system.cmsd.call("DELETE", f"/cms/v1/certificates/{serial}", token=admin).status == 204
    assert crl().get_revoked_certificate_by_serial_number(leaf.serial_number) is not None


def test_ca_certificates(system):
    pem = (system.dir / "etc/tls/ca.pem").read_bytes()
    for query in ("", "?issuingCa=root", "?issuingCa=TLS", "?issuingCa=TLS-Client"):
        assert system.cmsd.call("GET", "/cms/v1/ca-certificates" + query).body == pem
    assert system.cmsd.call("GET", "/cms/v1/ca-certificates?issuingCa=other").status == 400


def test_tls_digest(system):
    context = ssl.create_default_context(cafile=system.dir / "etc/tls/ca.pem")
    with context.wrap_socket(fixture.http.client.socket.create_connection(("127.0.0.1", system.cmsd.port)), server_hostname="localhost") as s:
        der = s.getpeercert(True)
        assert s.version() == "TLSv1.3"
    digest = fixture.hashes.Hash(hashes.SHA384())
    digest.update(der)
    assert system.cmsd.run("--tls-cert-sha384").stdout.strip() == digest.finalize().hex()


def test_health_and_version(system):
    for service, name, base in ((system.aasd, "aas", "aas"), (system.cmsd, "cms", "cms")):
        health = service.call("GET", "/health").json
        assert health["service"] == name and health["status"] == "ok" and health["parts"]["store"] == "ok"
        assert b"0.1.0" in service.call("GET", f"/{base}/v1/version").body


# --- the programs

def test_files_are_private(system):
    """L50."""
    for name in ("aasd", "cmsd"):
        folder = system.dir / "var" / name
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for path in folder.iterdir():
            wanted = 0o644 if path.name == "ca.pem" else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == wanted, path
    for path in ("etc/keys/aas-jwks.json", "etc/tls/ca.pem", "etc/tls/aasd.pem"):
        assert stat.S_IMODE((system.dir / path).stat().st_mode) == 0o644


def test_process_is_confined(system):
    for service in (system.aasd, system.cmsd):
        status = dict(line.split(":\t", 1) for line in
                      open(f"/proc/{service.process.pid}/status").read().splitlines() if ":\t" in line)
        assert status["NoNewPrivs"].strip() == "1"
        if not service.log()[0]["message"].startswith("the kernel does not enforce"):
            assert status["Seccomp"].strip() == "2"
        limits = open(f"/proc/{service.process.pid}/limits").read()
        assert re.search(r"Max core file size\s+0\s+0", limits)


def test_secrets_are_in_no_log_and_no_store(system, approver):
    """L7, L24: the password of everybody here, and every token, are searched for in every file."""
    token = system.token()
    system.login("admin", "wrong-" + CANARY)
    system.login(CANARY, "x")  # typed into the wrong field
    system.aasd.call("GET", "/aas/v1/users/" + CANARY, token=token)
    needles = [CANARY.encode(), token.split(".")[2].encode(), approver.split(".")[2].encode()]
    for path in system.dir.rglob("*"):
        if path.is_file() and path != system.password_file:
            data = path.read_bytes()
            for needle in needles:
                assert needle not in data, path
    assert b"PRIVATE" not in (system.dir / "log/aasd.log").read_bytes()


def test_log_is_json_and_says_who(system):
    for service in (system.aasd, system.cmsd):
        assert all({"time", "level", "program", "message"} <= set(line) for line in service.log())
    messages = [line["message"] for line in system.aasd.log()]
    assert "user added" in messages and "user authentication failed" in messages and "unauthorized request" in messages


def test_restart_keeps_everything(system):
    token = system.token()
    jwks = system.jwks()
    assert system.stop() == (0, 0)
    system.start()
    assert system.jwks() == jwks
    assert system.aasd.call("GET", "/aas/v1/users/admin", token=token).status == 200


def test_another_key_of_aasd_is_followed(tmp_path):
    """The pinned file is read again when it changes; until then the new key is a stranger's."""
    s = Identity(tmp_path / "a").start()
    try:
        s.make_user("approver", ("CMS", "CertApprover", "CN=nginx;SAN=localhost;CERTTYPE=TLS", []))
        csr = make_csr("nginx", ["localhost"])[1]
        before = s.token("approver")
        assert s.certify_online(csr, before).status == 200
        s.aasd.stop()
        for path in (tmp_path / "a/var/aasd").glob("signing.key*"):  # one that has leaked
            path.unlink()
        s.aasd.start()
        assert s.certify_online(csr, s.token("approver")).status == 200
        assert s.certify_online(csr, before).code == "token_invalid"
        (tmp_path / "a/etc/keys/aas-jwks.json").write_text('{"keys":[')  # L8, L33
        assert s.certify_online(csr, s.token("approver")).status == 200
        assert s.certify_online(csr, before).code == "token_invalid"
    finally:
        assert s.stop() == (0, 0)


def test_short_lock_out_ends(tmp_path):
    s = Identity(tmp_path / "a", login={"attempts": 2, "lockout_seconds": 3})
    s.aasd.start()
    try:
        for _ in range(2):
            assert s.login("admin", "wrong password").status == 401
        answer = s.login("admin")
        assert answer.status == 429
        deadline = time.time() + 10
        while answer.status == 429 and time.time() < deadline:
            time.sleep(int(answer.headers["Retry-After"]))
            answer = s.login("admin")
        assert answer.status == 200
    finally:
        assert s.aasd.stop() == 0


def test_offline_commands(tmp_path):
    s = Identity(tmp_path / "a")
    again = s.cmsd.run("--init", check=False)
    assert again.returncode == 1 and "authority already" in again.stderr
    (tmp_path / "weak.csr").write_bytes(make_csr("x", [], fixture.rsa_key(1024))[1])
    weak = s.cmsd.run("--issue", "--csr", str(tmp_path / "weak.csr"), "--out", str(tmp_path / "weak.pem"), check=False)
    assert weak.returncode == 1 and not (tmp_path / "weak.pem").exists()
    (tmp_path / "c.csr").write_bytes(make_csr("skcuser")[1])
    s.cmsd.run("--issue", "--client", "--csr", str(tmp_path / "c.csr"), "--out", str(tmp_path / "c.pem"))
    assert list(load_chain((tmp_path / "c.pem").read_bytes())[0].extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.CLIENT_AUTH]
    for arguments in (["--init", "--tls-cert-sha384"], ["--issue"], ["--csr", "x"], ["--client"], ["extra"]):
        assert s.cmsd.run(*arguments, check=False).returncode == 2, arguments


def test_administrator_by_file_only(tmp_path):
    s = Identity(tmp_path / "a")
    open_file = tmp_path / "open.password"
    open_file.write_text("another password\n")
    open_file.chmod(0o644)
    refused = s.aasd.run("--init-admin", "root", "--password-file", str(open_file), check=False)
    assert refused.returncode == 1  # L50: a secret's file that others can read
    short = tmp_path / "short.password"
    fixture.write_private(short, "short\n")
    assert s.aasd.run("--init-admin", "root", "--password-file", str(short), check=False).returncode == 1
    assert s.aasd.run("--init-admin", "root", check=False).returncode == 2
    fixture.write_private(short, "another password\n")
    s.aasd.run("--init-admin", "admin", "--password-file", str(short))  # sets it anew
    s.aasd.start()
    try:
        assert s.login("admin").status == 401
        token = s.token("admin", "another password")
        assert {r["service"] for r in claims_of(token)["roles"]} == {"AAS", "KBS", "AS", "CMS", "TCS"}
    finally:
        assert s.aasd.stop() == 0


@pytest.mark.parametrize("program", ["aasd", "cmsd"])
def test_configuration(tmp_path, program):
    s = Identity(tmp_path / "a")
    service = getattr(s, program)
    assert service.run("--check-config").returncode == 0
    shown = service.run("--show-config").stdout
    (tmp_path / "shown.conf").write_text(shown)
    assert subprocess.run([service.program, "--config", tmp_path / "shown.conf", "--check-config"]).returncode == 0
    assert "--check-config" in service.run("--help").stdout and "0.1.0" in service.run("--version").stdout
    text = service.config.read_text()
    for bad in (text + "[nonsense]\na = b\n", text.replace("port = 0", "port = 70000"), text.replace("port = 0", "port = 0\nport = 0"),
                text.replace("port = 0", "nonsense = 0"), text.replace("port = 0", "port = -1"), text.replace("port = 0", "workers = 0")):
        service.config.write_text(bad)
        done = service.run("--check-config", check=False)
        assert done.returncode == 1 and done.stderr, bad
    service.config.write_text(text)
    (s.dir / f"etc/tls/{program}.key").chmod(0o644)
    with pytest.raises(AssertionError):
        service.start()


def described(path):
    """(method, path) of an OpenAPI page, by its fixed indentation."""
    found, here = set(), None
    for line in path.read_text().splitlines():
        if re.fullmatch(r"  /\S+:", line):
            here = line.strip()[:-1]
        elif re.fullmatch(r"    (get|post|patch|put|delete):", line) and here:
            found.add((line.strip()[:-1].upper(), here))
        elif re.match(r"\S", line):
            here = None
    return found


@pytest.mark.parametrize("program,page", [("aasd", "aas"), ("cmsd", "cms")])
def test_api_page_has_every_route(program, page):
    source = (fixture.ROOT / f"programs/{program}/routes.c").read_text()
    routes = set(re.findall(r'\{ "([A-Z]+)", "(/[^"]*)", ROUTE_', source))
    assert routes and described(fixture.ROOT / f"docs/api/{page}.yaml") == routes
