# SPDX-License-Identifier: Apache-2.0
"""What the services tell of themselves: of a request its route, its status and its id, nothing that its sender wrote."""
import http.client
import json
import ssl

import pytest

import api_contract
import dev_system

SERVICES = ["as", "qvs", "tcs", "kbs", "aas", "cms"]
WORD = "canary"  # and which place it was put in


@pytest.fixture(scope="module")
def system():
    s = dev_system.System(options=("--no-fuse",)).up()
    yield s
    s.down()


def call(system, service, method, path, body=None, **headers):
    context = ssl.create_default_context(cafile=system.dir / "etc/tls/ca.pem")
    c = http.client.HTTPSConnection("localhost", system.port(service), context=context, timeout=30)
    c.request(method, path, body, headers)
    r = c.getresponse()
    text = r.read().decode(errors="replace")
    c.close()
    return r.status, text


def operations(service):
    """(method, path with words in its parameters, members of its body) of every operation in docs/api."""
    for path, item in api_contract.document(service)["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if method in item:
                content = item[method].get("requestBody", {}).get("content", {})
                yield method.upper(), path, next(iter(content), None)


def named(path, service):
    parts = [f"{WORD}-path-{service}" if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts) + f"?{WORD}-query-name={WORD}-query-value"


def test_no_word_of_a_request_is_in_logs_or_metrics(system):
    """L37: by every operation of every service, and where an administrator is believed too."""
    policy = system.warder_json("policy", "create", "--name", f"{WORD}-policy", "--attestation-type", "tdx", "--claim", f"mrtd={'ab' * 48}")["id"]
    key = system.warder_json("key", "create", "--policy", policy, "--algorithm", "AES", "--length", "256",
                             "--label", f"{WORD}-label")["key_information"]["id"]
    system.warder("key", "show", key)
    system.warder("secret", "put", "--policy", policy, "--label", f"{WORD}-secret", text=f"{WORD}-content")
    body = json.dumps({f"{WORD}-member": f"{WORD}-value", "label": f"{WORD}-label", "name": f"{WORD}-name", "evidence": f"{WORD}-evidence"})
    asked = 0
    for service in SERVICES:
        for method, path, media in operations(service):
            for authority in ({}, {"Authorization": f"Bearer {WORD}-token"}):
                status, _ = call(system, service, method, named(path, service), body if media else None, **{
                    "Content-Type": media or "application/json", "X-Request-Id": f"{WORD}-request", "User-Agent": f"{WORD}-agent", "Referer": f"{WORD}-referer",
                    f"X-{WORD}": f"{WORD}-header", **authority})
                assert status != 500, (service, method, path)
                asked += 1
    assert asked > 200
    logs = {path.stem: path for path in (system.dir / "log").glob("*.log")}
    assert all(logs[name].stat().st_size for name in ("kbsd", "keyd", "attestd", "aasd", "cmsd"))
    for path in logs.values():
        text = path.read_text(errors="replace")
        assert WORD not in text, (path.name, next((line for line in text.splitlines() if WORD in line), None))
    for service in SERVICES:
        status, text = call(system, service, "GET", "/metrics")
        assert status in (200, 404) and WORD not in text, service


def members(service, node, seen=()):
    """Names of all members that a body may have, at any depth."""
    node = api_contract.resolve(service, node)
    if id(node) in seen:
        return
    seen = (*seen, id(node))
    for name, inner in node.get("properties", {}).items():
        yield name
        yield from members(service, inner, seen)
    for inner in [*node.get("oneOf", []), *node.get("anyOf", []), *node.get("allOf", []), *filter(None, [node.get("items")])]:
        yield from members(service, inner, seen)


def test_no_request_says_where_a_service_writes():
    """L23: where the audit log goes, or any other file, stands in the service's own configuration."""
    asked = 0
    for service in SERVICES:
        for path, item in api_contract.document(service)["paths"].items():
            for method, operation in item.items():
                for media in (operation.get("requestBody", {}).get("content", {}).values() if isinstance(operation, dict) else ()):
                    for name in members(service, media.get("schema", {})):
                        assert name != "path" and not {"file", "folder", "directory", "sink", "plugin", "command"} & set(name.split("_")), (service, path, name)
                        asked += 1
    assert asked > 100
