# SPDX-License-Identifier: Apache-2.0
"""Every field of every endpoint of kbs, aas and cms at, below and above what docs/api says of it, against the services themselves."""
import http.client
import json
import re
import ssl
import urllib.parse

import pytest

import request_cases
from identity_fixture import CANARY, Identity
from kbs_fixture import Kbs

pytestmark = pytest.mark.sanitize
ALL = ("keys:*", "key_transfer_policies:*", "audit:*", "deny_list:*", "changes:*")


class Target:
    """A service, a token for everything, and one of each thing that its paths name."""

    def __init__(self, service, port, ca, token, names, stop):
        self.service, self.port, self.token, self.names, self.stop = service, port, token, names, stop
        self.context = ssl.create_default_context(cafile=ca)
        self.connection = None

    def send(self, method, path, body=None):
        self.connection = self.connection or http.client.HTTPSConnection("localhost", self.port, context=self.context, timeout=60)
        head = {"Authorization": f"Bearer {self.token}", **({"Content-Type": "application/json"} if body is not None else {})}
        self.connection.request(method, path, body, head)
        r = self.connection.getresponse()
        text = r.read()
        if r.getheader("Connection") == "close":
            self.connection = None
        return r.status, r.getheader("Content-Type", ""), json.loads(text) if text and "json" in r.getheader("Content-Type", "") else None

    def fill(self, path):
        def name(match):
            for mark, value in self.names:
                if re.search(mark, path[:match.start()]):
                    return urllib.parse.quote(value() if callable(value) else value)
            raise AssertionError(f"{path}: say in this file what there is for {match[0]}")
        return re.sub(r"\{[^}]*\}", name, path)


def start_kbs(folder):
    k = Kbs(folder, manager="[keys]\nmanager = embedded\n[tenants]\nrate = 1000000\nburst = 1000000\n")
    k.call("POST", "/kbs/v1/deny-list", {"kind": "fmspc", "value": "00606a000000", "reason": "a test"}, k.token(ALL))
    policy = k.make_policy(name="watched", four_eyes=True)["id"]
    key = k.make_key()["key_information"]["id"]

    def pending():
        waiting = k.call("GET", "/kbs/v1/pending-changes", bearer=k.token(ALL)).json
        if not waiting:
            k.call("PUT", f"/kbs/v1/key-transfer-policies/{policy}", {"name": "watched"}, k.token(ALL))
            waiting = k.call("GET", "/kbs/v1/pending-changes", bearer=k.token(ALL)).json
        return waiting[0]["id"]
    names = [("pending-changes/$", pending), ("key-transfer-policies/$", policy), ("keys/$", key), ("audit/$", k.audit()[0]["id"]),
             ("deny-list/$", "fmspc:00606a000000")]
    return Target("kbs", k.port, k.dir / "attestd.pem", k.token(ALL), names, k.stop)


def start_identity(folder, service):
    i = Identity(folder, login={"attempts": 1000}).start()
    user = i.make_user("somebody")
    role = i.aasd.call("POST", "/aas/v1/roles", {"service": "KBS", "name": "Some"}, i.token()).json["role_id"]
    assert i.aasd.call("POST", f"/aas/v1/users/{user}/roles", {"role_ids": [role]}, i.token()).status == 201
    tenant = {"name": "acme", "administrator": "chief", "password": CANARY}
    assert i.aasd.call("POST", "/aas/v1/tenants", tenant, i.token()).status == 201
    names = [("roles/$", role), ("users/$", user), ("tenants/$", "acme"), ("certificates/$", "00")]
    if service == "aas":
        return Target(service, i.aasd.port, i.dir / "etc/tls/ca.pem", i.token(), names, i.stop)
    i.make_user("certifier", ("CMS", "CertApprover", "CN=web;SAN=localhost;CERTTYPE=TLS", []), ("CMS", "CertificateManager", "", ["certificates:*:*"]))
    return Target(service, i.cmsd.port, i.dir / "etc/tls/ca.pem", i.token("certifier"), names, i.stop)


@pytest.fixture(scope="module", params=["kbs", "aas", "cms"])
def target(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    t = start_kbs(folder) if request.param == "kbs" else start_identity(folder, request.param)
    yield t
    t.stop()


def named(problem):
    """Members that an error list names, as the steps of its pointers."""
    found = set()
    for error in problem.get("errors", []):
        found |= {error["parameter"]} if "parameter" in error else set(error["pointer"].split("/"))
    return found


GUESTS = "https://github.com/confidential-containers/kbs/errors/"  # another protocol's: test_coco.py


def complaint(case, status, kind, answer):
    if isinstance(answer, dict) and str(answer.get("type")).startswith(GUESTS):
        return None if status == 401 and set(answer) == {"type", "detail"} else f"{status} {answer}"
    if status >= 500:
        return f"{status} {answer}"
    refused = isinstance(answer, dict) and kind == "application/problem+json" and answer["status"] == status
    if not case.wrong:
        return f"refused: {answer}" if refused and case.what.split()[0] in named(answer) - {"#"} else None
    if status not in (400, 413) or not refused:
        return f"taken: {status} {answer}"
    if set(answer) < {"type", "title", "status", "detail", "code", "instance"}:
        return f"not the document that it must be: {answer}"
    if case.wrong != "?" and case.wrong not in named(answer):
        return f"does not name {case.wrong}: {answer}"
    return None


def test_bodies(target):
    """L20 L22: what is told twice, unknown, of another type, too long, too short, too many, is refused and named."""
    found, count = [], 0
    for method, path, operation in request_cases.operations(target.service):
        for case in request_cases.body_cases(target.service, operation):
            status, kind, answer = target.send(method, target.fill(path), case.body)
            problem = complaint(case, status, kind, answer)
            count += 1
            if problem:
                found.append(f"{method} {path}: {case.what}: {problem[:600]} {case.body[:200]}")
    assert not found, f"{len(found)} of {count}:\n" + "\n".join(found)
    assert count > 100 or target.service == "cms"


def test_queries(target):
    found, count = [], 0
    for method, path, operation in request_cases.operations(target.service):
        if (method != "GET" and target.service != "cms") or path == "/cms/v1/renewals":  # for who shows a certificate
            continue
        for case in request_cases.query_cases(target.service, operation):
            query = urllib.parse.quote(case.body, safe="=&")
            status, kind, answer = target.send(method, f"{target.fill(path)}?{query}", "x" if method == "POST" else None)
            problem = complaint(case, status, kind, answer)
            count += 1
            if problem:
                found.append(f"{method} {path}: {case.what}: {problem[:600]}")
    assert count > 3 and not found, f"{len(found)} of {count}:\n" + "\n".join(found)


def test_names_in_paths(target):
    """What cannot be a name of anything is answered as what is not there, or as malformed."""
    for method, path, operation in request_cases.operations(target.service):
        if "{" not in path or path.startswith("/kbs/v0/"):
            continue
        body = "{}" if method in ("POST", "PUT", "PATCH") else None
        for value in ("x", "x" * 300, "%00", "%ff%fe", "..", "%2e%2e", "%2f", "'--", "6a1c1d0e-6a2f-4a7e-9a55-0d8a3c6c1f00%20"):
            status, kind, answer = target.send(method, re.sub(r"\{[^}]*\}", value, path), body)
            assert status in (400, 404, 405) and kind == "application/problem+json" and answer["detail"], (method, path, value, status, answer)
