# SPDX-License-Identifier: Apache-2.0
"""Every endpoint of every service, without a token, with one that is forged, expired, of too little, and of just enough: each answer is
what docs/permissions.md says (lessons L1, L31)."""
import collections
import http.client
import json
import ssl
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

import dev_system
import permission_table
from identity_fixture import b64url

pytestmark = pytest.mark.sanitize
ROUTES = permission_table.routes()
WALKER = "walker"
REFUSED = {"token_missing", "token_invalid", "token_expired", "permission_denied"}
Said = collections.namedtuple("Said", "status code")


def every_need(service=None):
    return {need for name, rows in ROUTES.items() if service in (None, name) for route in rows.values()
            for need in route.needs.split(" or ") if need}


def granted(needs):
    """Roles and permissions of a token that holds these."""
    roles, rules = [], collections.defaultdict(list)
    for need in sorted(needs):
        service, rest = need.split(":", 1)
        if ":" in rest:
            rules[service].append(rest)
        else:
            roles.append({"service": service, "name": rest, "context": "CN=walker;CERTTYPE=TLS"})
    return {"roles": roles, "permissions": [{"service": s, "context": "", "rules": r} for s, r in rules.items()]}


class Walk:
    def __init__(self):
        self.system = dev_system.System(options=("--no-fuse",)).up()
        self.key = serialization.load_pem_private_key((self.system.dir / "var/aasd/signing.key").read_bytes(), None)
        self.connections = {}
        self.kid = json.loads(self.call("aas", "GET", "/aas/v1/jwks")[1])["keys"][0]["kid"]
        self.admin = (self.system.dir / "etc/cli.token").read_text().strip()
        self.made("/aas/v1/users", {"username": WALKER, "password": "walker's password"})
        self.role = self.made("/aas/v1/roles", {"service": "AAS", "name": "Walker", "permissions": []})["role_id"]
        self.made(f"/aas/v1/users/{WALKER}/roles", {"role_ids": [self.role]})
        # aasd believes no token that is older than its user or password, to the second.
        until = time.monotonic() + 10
        while self.said("aas", "GET", "/aas/v1/users", self.token(granted(()))).status == 401 and time.monotonic() < until:
            time.sleep(0.05)

    def made(self, path, body):
        status, text = self.call("aas", "POST", path, body, self.admin)
        assert status == 201, text
        return json.loads(text) if text else None

    def call(self, service, method, path, body=None, token=None):
        """Over one connection a service."""
        if service not in self.connections:
            context = ssl.create_default_context(cafile=self.system.dir / "etc/tls/ca.pem")
            self.connections[service] = http.client.HTTPSConnection("localhost", self.system.port(service), context=context, timeout=60)
        c = self.connections[service]
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        c.request(method, path, json.dumps(body) if body is not None else None,
                  {**headers, **({"Content-Type": "application/json"} if body is not None else {})})
        answer = c.getresponse()
        return answer.status, answer.read()

    def said(self, service, method, path, token):
        status, text = self.call(service, method, path, {} if method in ("POST", "PUT", "PATCH") else None, token)
        try:
            body = json.loads(text)
            return Said(status, "challenge" if "challenge" in body else body.get("code"))
        except (ValueError, AttributeError):
            return Said(status, None)

    def token(self, held, key=None, **claims):
        now = int(time.time())
        body = {"iss": "warder-aas", "aud": "warder", "sub": WALKER, "tenant": "default", "jti": "walk", "iat": now, "nbf": now,
                "exp": now + 600, **held, **claims}
        signed = b64url(json.dumps({"alg": "ES256", "typ": "JWT", "kid": self.kid}).encode()) + "." + b64url(json.dumps(body).encode())
        r, s = utils.decode_dss_signature((key or self.key).sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return signed + "." + b64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def hold(self, needs):
        """A token of these; aasd asks its store rather than the token, so there the role gets them."""
        rules = [need.removeprefix("AAS:") for need in sorted(needs) if need.startswith("AAS:")]
        status, text = self.call("aas", "PATCH", f"/aas/v1/roles/{self.role}", {"permissions": rules}, self.admin)
        assert status == 200, text
        return self.token(granted(needs))


@pytest.fixture(scope="module")
def walk():
    w = Walk()
    yield w
    w.system.down()


def filled(path):
    """Ids that nothing has: what is allowed finds nothing, so that the walk leaves all as it is."""
    return "/".join("absent" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("service", ROUTES)
def test_each_endpoint_asks_for_what_the_table_says(walk, service):
    now = int(time.time())
    everything = granted(every_need())
    forged = walk.token(everything, key=ec.generate_private_key(ec.SECP256R1()))
    expired = walk.token(everything, iat=now - 5000, nbf=now - 5000, exp=now - 100)
    for (method, path), route in ROUTES[service].items():
        ask = lambda token: walk.said(service, method, filled(path), token)  # noqa: E731
        if route.tag == "BEARER":
            needs = set(route.needs.split(" or "))
            assert ask(None) == (401, "token_missing"), (method, path)
            assert ask(forged) == (401, "token_invalid"), (method, path)
            assert ask(expired) == (401, "token_expired"), (method, path)
            too_little = walk.hold(every_need() - needs)
            assert ask(too_little) == (403, "permission_denied"), (method, path)
            for need in needs:
                enough = ask(walk.hold({need}))
                assert enough.status not in (401, 403) and enough.code not in REFUSED and enough.status < 500, (method, path, need, enough)
        elif route.tag == "PROOF":  # a token, whatever it allows, stands in for no proof
            answers = [ask(t) for t in (None, forged, expired, walk.hold(every_need()))]
            assert all(a.status // 100 == 4 or a == (200, "challenge") for a in answers), (method, path, answers)
        else:  # a token is of no account
            answers = {ask(t) for t in (None, forged, expired, walk.token(everything))}
            assert len(answers) == 1 and not answers & REFUSED and answers.pop().status not in (401, 403), (method, path)


def test_a_path_that_no_table_names_is_nowhere(walk):
    token = walk.hold(every_need())
    for service, rows in ROUTES.items():
        for path in ("/", "/admin", f"/{service}/v1", f"/{service}/v1/%2e%2e/health", f"/{service}/v2/keys"):
            assert walk.said(service, "GET", path, token).status in (400, 404), (service, path)
        for method, path in rows:
            for other in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {m for m, p in rows if p == path}:
                assert walk.said(service, other, filled(path), token).status in (404, 405), (other, path)
