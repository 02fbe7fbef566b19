# SPDX-License-Identifier: Apache-2.0
"""Tenants: who makes them, how a request names one, what they may take, and that they see nothing of each other."""
import concurrent.futures
import http.client
import json
import re
import socket
import ssl
import uuid

import pytest
import yaml

import dev_system
from identity_fixture import CANARY, Identity, make_csr
from kbs_fixture import Client, Kbs, refused

pytestmark = pytest.mark.sanitize
PASSWORD = "a tenant's first password"
MANAGER = "[keys]\nmanager = embedded\n"


# --- made and ended by the operator

@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    s = Identity(tmp_path_factory.mktemp("tenants"))
    s.start()
    yield s
    s.stop()


def make_tenant(identity, name, administrator="chief"):
    return identity.aasd.call("POST", "/aas/v1/tenants", {"name": name, "administrator": administrator, "password": PASSWORD},
                              identity.token())


def log_in(identity, tenant, name="chief", password=PASSWORD):
    return identity.aasd.call("POST", "/aas/v1/token", {"username": name, "password": password, "tenant": tenant})


def test_life_of_a_tenant(identity):
    aas, operator = identity.aasd, identity.token()
    made = make_tenant(identity, "acme")
    assert made.status == 201 and (made.json["name"], made.json["administrator"]) == ("acme", "chief")
    assert [t["name"] for t in aas.call("GET", "/aas/v1/tenants", token=operator).json] == ["acme", "default"]
    assert aas.call("GET", "/aas/v1/tenants/acme", token=operator).json["name"] == "acme"
    theirs = log_in(identity, "acme").body.decode()
    assert log_in(identity, "default").status == 401 and log_in(identity, "nobody").status == 401
    # everything in their own tenant, nothing in the operator's
    assert aas.call("POST", "/aas/v1/users", {"username": "admin", "password": PASSWORD}, theirs).status == 201
    assert {u["username"] for u in aas.call("GET", "/aas/v1/users", token=theirs).json} == {"chief", "admin"}
    assert "chief" not in {u["username"] for u in aas.call("GET", "/aas/v1/users", token=operator).json}
    assert {r["service"] for r in aas.call("GET", "/aas/v1/roles", token=theirs).json} == {"AAS", "KBS", "AS"}
    # the end
    assert aas.call("DELETE", "/aas/v1/tenants/acme", token=operator).status == 204
    assert aas.call("GET", "/aas/v1/users", token=theirs).status == 401 and log_in(identity, "acme").status == 401
    assert aas.call("GET", "/aas/v1/tenants/acme", token=operator).code == "tenant_not_found"
    assert aas.call("DELETE", "/aas/v1/tenants/acme", token=operator).code == "tenant_not_found"
    # whoever has the name next would have what is left under it elsewhere
    assert (make_tenant(identity, "acme").status, make_tenant(identity, "acme").code) == (409, "tenant_exists")


@pytest.mark.parametrize("body, code", [
    ({"name": "Acme", "administrator": "a", "password": PASSWORD}, "tenant_invalid"),
    ({"name": "", "administrator": "a", "password": PASSWORD}, "tenant_invalid"),
    ({"name": "a" * 65, "administrator": "a", "password": PASSWORD}, "tenant_invalid"),
    ({"name": "../x", "administrator": "a", "password": PASSWORD}, "tenant_invalid"),
    ({"name": "fine", "administrator": "", "password": PASSWORD}, "tenant_invalid"),
    ({"name": "fine", "administrator": "a", "password": "short"}, "password_refused"),
    ({"name": "fine", "administrator": "a"}, "malformed_request"),
    ({"name": "fine", "administrator": "a", "password": PASSWORD, "more": 1}, "malformed_request")])
def test_malformed_tenants(identity, body, code):
    r = identity.aasd.call("POST", "/aas/v1/tenants", body, identity.token())
    assert (r.status, r.code) == (400, code)
    assert identity.aasd.call("GET", "/aas/v1/tenants/fine", token=identity.token()).status == 404


def test_default_stays(identity):
    r = identity.aasd.call("DELETE", "/aas/v1/tenants/default", token=identity.token())
    assert (r.status, r.code) == (400, "tenant_invalid") and make_tenant(identity, "default").status == 409


def test_only_the_operator_looks_after_tenants(identity):
    assert make_tenant(identity, "curious").status == 201
    theirs = log_in(identity, "curious").body.decode()
    for method, path, body in [("GET", "/aas/v1/tenants", None), ("GET", "/aas/v1/tenants/default", None),
                               ("DELETE", "/aas/v1/tenants/curious", None),
                               ("POST", "/aas/v1/tenants", {"name": "more", "administrator": "a", "password": PASSWORD})]:
        r = identity.aasd.call(method, path, body, theirs)
        assert (r.status, r.code) == (403, "permission_denied"), path


def test_no_certificates_for_tenants(identity):
    """Whoever administers a tenant gives any role there: also one that names the broker's own host."""
    assert make_tenant(identity, "forger").status == 201
    theirs = log_in(identity, "forger").body.decode()
    role = identity.aasd.call("POST", "/aas/v1/roles", {"service": "CMS", "name": "CertApprover", "context":
                              "CN=kbsd;SAN=localhost;CERTTYPE=TLS", "permissions": ["*:*:*"]}, theirs)
    assert role.status == 201, role.body
    assert identity.aasd.call("POST", "/aas/v1/users/chief/roles", {"role_ids": [role.json["role_id"]]}, theirs).status < 300
    theirs = log_in(identity, "forger").body.decode()
    _, csr = make_csr("kbsd", ["localhost"])
    r = identity.certify_online(csr, theirs)
    assert (r.status, r.code) == (403, "permission_denied")
    assert identity.cmsd.call("GET", "/cms/v1/certificates", token=theirs).status == 403


# --- named by the address

@pytest.fixture(scope="module")
def kbs(tmp_path_factory):
    broker = Kbs(tmp_path_factory.mktemp("named"), kbsd="tenant_domain = kbs.test\n")
    yield broker
    broker.stop()


class TenantClient(Client):
    prefix = "/tenants/acme"

    def path(self, key_id):
        return f"{self.prefix}/kbs/v1/keys/{key_id}/transfer"


@pytest.fixture(scope="module")
def theirs(kbs):
    token = kbs.token(tenant="acme")
    r = kbs.call("POST", "/tenants/acme/kbs/v1/key-transfer-policies",
                 {"name": "web", "attestation": "require", "policy_ids": ["default"]}, token)
    assert r.status == 201, r.text
    return kbs.make_key(policy=r.json["id"], bearer=token)["key_information"]["id"]


def test_a_machine_without_a_token_names_its_tenant(kbs, theirs):
    client = TenantClient(kbs)
    r, challenge = client.fetch(theirs, tenant="acme")
    assert r.status == 200, r.text
    assert challenge["tenant"] == "acme"
    refused(kbs.call("POST", f"/kbs/v1/keys/{theirs}/transfer", {}), 404, "key_not_found")
    refused(kbs.call("POST", f"/tenants/other/kbs/v1/keys/{theirs}/transfer", {}), 404, "key_not_found")
    record = kbs.call("GET", f"/kbs/v1/audit?key={theirs}", bearer=kbs.token(tenant="acme")).json[0]
    assert (record["tenant"], record["decision"]) == ("acme", "released")


def test_a_challenge_of_one_address_is_of_no_use_at_another(kbs, theirs):
    client, plain = TenantClient(kbs), Client(kbs)
    plain.s, plain.e = client.s, client.e
    c = client.challenge(theirs)
    token = client.attestation_token(challenge=c["challenge"], tenant="acme")
    refused(plain.request(theirs, c, token), 403, "challenge_of_another_subject")
    assert client.request(theirs, c, token).status == 200


@pytest.mark.parametrize("name", ["Acme", "ac%6de", "acme.", "..", "a" * 65, "", "ac_me"])
def test_addresses_that_name_no_tenant(kbs, theirs, name):
    assert kbs.call("POST", f"/tenants/{name}/kbs/v1/keys/{theirs}/transfer", {}).status in (400, 404)


def test_token_and_address_agree(kbs, theirs):
    """Two credentials that differ: the stricter reading."""
    refused(kbs.call("GET", "/tenants/acme/kbs/v1/keys", bearer=kbs.token()), 403, "permission_denied")
    refused(kbs.call("GET", "/tenants/default/kbs/v1/keys", bearer=kbs.token(tenant="acme")), 403, "permission_denied")
    assert [k["key_information"]["id"] for k in
            kbs.call("GET", "/tenants/acme/kbs/v1/keys", bearer=kbs.token(tenant="acme")).json] == [theirs]


def by_tls_name(kbs, host, path):
    context = ssl.create_default_context(cafile=kbs.dir / "attestd.pem")
    context.check_hostname = False
    c = http.client.HTTPSConnection("localhost", kbs.port, timeout=60)
    c.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", kbs.port), timeout=60), server_hostname=host)
    return kbs.call("POST", path, {}, connection=c)


def test_tls_name(kbs, theirs):
    path = f"/kbs/v1/keys/{theirs}/transfer"
    for host in ("acme.kbs.test", "acme.KBS.test"):
        r = by_tls_name(kbs, host, path)
        assert r.status == 200 and r.json["tenant"] == "acme", r.text
    assert by_tls_name(kbs, "acme.kbs.test", "/tenants/acme" + path).status == 200
    assert by_tls_name(kbs, "acme.kbs.test", "/tenants/other" + path).status == 404
    assert by_tls_name(kbs, "acme.other.test", path).status == 404  # tenant default has no such key
    assert by_tls_name(kbs, "a.acme.kbs.test", path).status == 404


# --- what one tenant may take

def test_quotas(tmp_path):
    kbs = Kbs(tmp_path, manager=MANAGER + "[tenants]\nkeys = 3\npolicies = 2\n")
    try:
        ours, others = kbs.token(), kbs.token(tenant="other")
        body = {"key_information": {"algorithm": "AES", "key_length": 256}}
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: kbs.call("POST", "/kbs/v1/keys", body, ours), range(8)))
        assert sorted(r.status for r in answers) == [201] * 3 + [403] * 5
        assert {r.code_word for r in answers if r.status == 403} == {"quota_exceeded"}
        kbs.make_key(body["key_information"], bearer=others)
        mine = kbs.call("GET", "/kbs/v1/keys", bearer=ours).json
        assert kbs.call("DELETE", f"/kbs/v1/keys/{mine[0]['key_information']['id']}", bearer=ours).status == 204
        kbs.make_key(body["key_information"], bearer=ours)
        # the first key made the tenant's default policy
        assert kbs.call("POST", "/kbs/v1/key-transfer-policies", {"name": "one"}, ours).status == 201
        refused(kbs.call("POST", "/kbs/v1/key-transfer-policies", {"name": "two"}, ours), 403, "quota_exceeded")
        refusal = [r for r in kbs.audit(limit=20) if r.get("code") == "quota_exceeded"]
        assert refusal and refusal[0]["subject"] == "admin"
    finally:
        kbs.stop()


def flood(kbs, count, bearer):
    return [kbs.call("GET", "/kbs/v1/keys", bearer=bearer) for _ in range(count)]


def test_rate_of_a_tenant(tmp_path):
    kbs = Kbs(tmp_path, manager=MANAGER + "[tenants]\nrate = 1\nburst = 4\n")
    try:
        answers = flood(kbs, 12, kbs.token())
        late = [r for r in answers if r.status == 429]
        assert [r.status for r in answers[:4]] == [200] * 4 and late and {r.code_word for r in late} == {"rate_limited"}
        assert all(r.getheader("Retry-After") for r in late)
        assert kbs.call("GET", "/kbs/v1/keys", bearer=kbs.token(tenant="other")).status == 200
        assert kbs.call("POST", f"/tenants/third/kbs/v1/keys/{uuid.uuid4()}/transfer", {}).status == 404
    finally:
        kbs.stop()


def test_rate_of_a_source(tmp_path):
    kbs = Kbs(tmp_path, kbsd="source_rate = 1\nsource_burst = 4\n")
    try:
        connection = kbs.connection()
        answers = [kbs.call("GET", "/kbs/v1/version", connection=connection) for _ in range(12)]
        late = [r for r in answers if r.status == 429]
        assert [r.status for r in answers[:4]] == [200] * 4 and late and all(r.getheader("Retry-After") for r in late)
        assert {json.loads(r.text)["code"] for r in late} == {"rate_limited"}
    finally:
        kbs.stop()


# --- two tenants against each other, on every endpoint that names something

def endpoints():
    for service in ("kbs", "aas", "as"):
        document = yaml.safe_load((dev_system.ROOT / f"docs/api/{service}.yaml").read_text())
        for path, methods in document["paths"].items():
            for method in methods:
                if "{" in path and method in ("get", "put", "patch", "post", "delete"):
                    yield service, method.upper(), path


class Both:
    """A system in which the operator's tenant has one of everything, and the administrator of another tenant."""

    def __init__(self, folder):
        self.system = dev_system.System(options=("--no-fuse",)).up()
        self.folder = folder
        self.ours = (self.system.dir / "etc/cli.token").read_text().strip()
        (folder / "password").write_text(PASSWORD)
        (folder / "password").chmod(0o600)
        self.system.warder("tenant", "create", "rival", "--password-file", folder / "password")
        self.theirs = self.system.warder("token", "get", "--tenant", "rival", "--username", "admin", "--password-file",
                                         folder / "password", "--out", folder / "token") and (folder / "token").read_text().strip()
        self.ids = self.make()

    def make(self):
        s = self.system
        policy = s.warder_json("policy", "create", "--name", "ours", "--attestation", "require")
        key = s.warder_json("key", "create", "--algorithm", "EC", "--curve", "secp256r1", "--policy", policy["id"])
        user = next(u for u in s.warder_json("user", "list") if u["username"] != "admin")
        role = s.warder_json("role", "list")[0]
        record = s.warder_json("audit", "list")[0]
        return {"key": key["key_information"]["id"], "policy": policy["id"], "user": user["user_id"], "role": role["role_id"],
                "record": record["id"], "tenant": "default", "deny": "fmspc:00606a000000", "other": key["key_information"]["id"]}

    def call(self, service, method, path, body, token):
        context = ssl.create_default_context(cafile=self.system.dir / "etc/tls/ca.pem")
        c = http.client.HTTPSConnection("localhost", self.system.port(service), context=context, timeout=60)
        c.request(method, path, json.dumps(body) if body is not None else None,
                  {"Authorization": f"Bearer {token}", **({"Content-Type": "application/json"} if body is not None else {})})
        r = c.getresponse()
        text = r.read()
        c.close()
        return r.status, text


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    b = Both(tmp_path_factory.mktemp("both"))
    yield b
    b.system.down()


def kind_of(path):
    for mark, kind in (("/audit", "record"), ("policies", "policy"), ("/users", "user"), ("/roles", "role"), ("/tenants", "tenant"),
                       ("/deny-list", "deny"), ("/keys", "key")):
        if mark in path:
            return kind
    return "other"


@pytest.mark.parametrize("service, method, path", sorted(endpoints()))
def test_nothing_of_the_other_tenant(both, service, method, path):
    """An id of another tenant is answered as one that is not there, whatever is asked."""
    known, unknown = both.ids[kind_of(path)], str(uuid.uuid4())
    fill = lambda value: re.sub(r"\{role\}", both.ids["role"], re.sub(r"\{(?!role\})[^}]*\}", value, path))  # noqa: E731
    body = {} if method in ("POST", "PUT", "PATCH") else None
    status, text = both.call(service, method, fill(known), body, both.theirs)
    assert 400 <= status < 500, (status, text)
    assert both.ids["key"].encode() not in text.replace(path.encode(), b"") or b"problem" in text or b"code" in text
    if kind_of(path) not in ("tenant", "deny"):
        other, other_text = both.call(service, method, fill(unknown), body, both.theirs)
        assert (status, json.loads(text).get("code")) == (other, json.loads(other_text).get("code"))


def test_lists_are_of_one_tenant(both):
    for service, path in [("kbs", "/kbs/v1/keys"), ("kbs", "/kbs/v1/key-transfer-policies"), ("kbs", "/kbs/v1/audit"),
                          ("kbs", "/kbs/v1/deny-list"), ("aas", "/aas/v1/users"), ("aas", "/aas/v1/roles"),
                          ("as", "/as/v1/policies"), ("as", "/as/v1/decisions")]:
        status, text = both.call(service, "GET", path, None, both.theirs)
        assert status == 200, (path, text)
        if path == "/kbs/v1/audit":  # what they asked for and did not get is on their record
            assert all(r["tenant"] == "rival" for r in json.loads(text)) and both.ids["record"].encode() not in text
            continue
        for name, value in both.ids.items():
            assert name in ("tenant", "deny") or value.encode() not in text, (path, name)


def test_collateral_is_the_operators(both):
    status, text = both.call("tcs", "GET", "/tcs/v1/collateral", None, both.theirs)
    assert (status, json.loads(text)["code"]) == (403, "permission_denied")
    assert both.call("tcs", "GET", "/tcs/v1/collateral", None, both.ours)[0] == 200
