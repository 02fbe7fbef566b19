# SPDX-License-Identifier: Apache-2.0
"""The seal of the embedded key manager: shares, passphrase, HSM, a new master key, through keyd and `warder keyd`."""
import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import stat
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import softhsm_fixture
from attestd_fixture import part
from kbs_fixture import BODY, BUILD, Client, Kbs, refused, stop
from keystore_fixture import found_in_memory
from softhsm_fixture import REMOTE, SoftHsm

WARDER = BUILD / "programs/cli/warder"
AES = {"algorithm": "AES", "key_length": 256}
needs_hsm = pytest.mark.skipif(softhsm_fixture.missing() is not None, reason=str(softhsm_fixture.missing()))


def settings(seal, more=""):
    return f"[keys]\nmanager = embedded\n[embedded]\nseal = {seal}\n{more}"


def keyd(k, verb, *options, lines=(), check=True):
    done = subprocess.run([WARDER, "keyd", verb, "--socket", k.dir / "operator.sock", *options], input="".join(f"{x}\n" for x in lines),
                          capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, done.stderr
    return done


def status(k):
    return json.loads(keyd(k, "status", "-o", "json").stdout)


def wait_until(condition, seconds=60):
    until = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    assert met


def children(pid):
    return [int(x) for x in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def restart(k):
    assert stop(k.keyd) == 0
    k.start_keyd()


def files_of(k):
    return b"".join(p.read_bytes() for p in k.dir.rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A broker whose master key is shared, with a key that was made before it was sealed."""
    k = Kbs(tmp_path_factory.mktemp("shamir"), manager=settings("shamir"))
    assert status(k)["state"] == "uninitialized"
    refused(k.call("POST", "/kbs/v1/keys", BODY, k.token()), 503, "sealed")
    assert keyd(k, "unseal", check=False).returncode == 1, "there is nothing to unseal yet"
    k.shares = keyd(k, "init").stdout.split()
    assert len(k.shares) == len(set(k.shares)) == 5
    k.key_id = k.make_key(AES)["key_information"]["id"]
    yield k
    assert k.stop() == (0, 0), "".join(k.keyd_log + k.kbsd_log)


@pytest.mark.sanitize
def test_a_restart_stays_sealed_and_says_so(shared):
    k = shared
    restart(k)
    refused(Client(k).fetch(k.key_id)[0], 503, "sealed")
    refused(k.call("POST", "/kbs/v1/keys", BODY, k.token()), 503, "sealed")
    r = k.call("GET", "/health")
    assert (r.status, r.json["parts"]["key_manager"]) == (503, "sealed")
    config = k.dir / "cli.conf"
    config.write_text(f"[services]\nkbs = https://localhost:{k.port}\n[tls]\nca = {k.dir}/attestd.pem\n")
    said = subprocess.run([WARDER, "status", "--config", config], capture_output=True, text=True, timeout=60)
    assert said.returncode == 4 and "key_manager sealed" in said.stdout, said
    assert (status(k)["state"], status(k)["shares_given"]) == ("sealed", 0)
    for i, share in enumerate((4, 0)):
        assert f"{i + 1} of 3 shares given" in keyd(k, "unseal", lines=[k.shares[share]]).stderr
        refused(Client(k).fetch(k.key_id)[0], 503, "sealed")
    keyd(k, "unseal", lines=[k.shares[2]])
    assert status(k)["state"] == "unsealed"
    assert Client(k).fetch(k.key_id)[0].status == 200
    assert [r["action"] for r in k.audit() if r["action"].startswith("keyd")][:3] == ["keyd_unseal"] * 3
    assert {r["subject"] for r in k.audit() if r["action"].startswith("keyd")} == {f"uid:{os.getuid()}"}


@pytest.mark.sanitize
def test_wrong_shares(shared, tmp_path):
    k = shared
    other = Kbs(tmp_path / "other", manager=settings("shamir"))
    strange = keyd(other, "init", "--shares", "3", "--threshold", "2").stdout.split()
    assert len(strange) == 3
    other.stop()
    keyd(k, "seal")
    refused(Client(k).fetch(k.key_id)[0], 503, "sealed")
    keyd(k, "unseal", lines=[k.shares[0]])
    changed = k.shares[1][:-9] + ("0" if k.shares[1][-9] != "0" else "1") + k.shares[1][-8:]
    for share, words in ((k.shares[0], "given already"), (strange[0], "another store"), (changed, "mistyped"), (k.shares[1][:-2], "mistyped"),
                         ("nonsense", "mistyped")):
        done = keyd(k, "unseal", lines=[share], check=False)
        assert done.returncode != 0 and words in done.stderr, done.stderr
        assert status(k)["shares_given"] == 1, "what was given before counts on"
    assert k.audit()[0]["action"] == "keyd_unseal" and k.audit()[0]["decision"] == "refused"
    keyd(k, "unseal", lines=[k.shares[1], k.shares[3]])
    assert Client(k).fetch(k.key_id)[0].status == 200


@pytest.mark.sanitize
def test_new_shares(shared):
    k = shared
    old = k.shares
    done = keyd(k, "rekey", "--shares", "4", "--threshold", "2", lines=old[:3])
    k.shares = done.stdout.split()
    assert len(k.shares) == 4
    restart(k)
    done = keyd(k, "unseal", lines=[old[0]], check=False)
    assert "another generation" in done.stderr
    keyd(k, "unseal", lines=k.shares[1:3])
    assert Client(k).fetch(k.key_id)[0].status == 200
    k.shares = keyd(k, "rekey", lines=k.shares[:2]).stdout.split()


def test_shares_are_nowhere(shared):
    """In no file, no log, and in no process's memory once they are given."""
    k = shared
    keyd(k, "seal")
    keyd(k, "unseal", lines=k.shares[:3])
    values = [bytes.fromhex(s.split(".")[1])[22:54] for s in k.shares[:3]]
    on_disk = files_of(k) + "".join(k.keyd_log + k.kbsd_log).encode()
    for share, value in zip(k.shares, values):
        assert share.encode() not in on_disk and value not in on_disk and share[20:].encode() not in on_disk
    needles = [(f"share {i}", v) for i, v in enumerate(values)] + [(f"text {i}", s.split(".")[1].encode()) for i, s in enumerate(k.shares[:3])]
    for pid in (k.keyd.pid, *children(k.keyd.pid), k.kbsd.pid):
        assert found_in_memory(pid, needles, str(k.dir).encode()) == []


def times(a, b):
    """In GF(256) with the polynomial of AES."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = (a << 1) ^ (0x11b if a & 0x80 else 0), b >> 1
    return product


def combined(shares):
    """Shamir's scheme once more: the root key, by Lagrange's formula at 0."""
    raw = [bytes.fromhex(s.split(".")[1]) for s in shares]
    places, values, root = [r[21] for r in raw], [r[22:54] for r in raw], bytes(32)
    for j, x in enumerate(places):
        weight = 1
        for other in places[:j] + places[j + 1:]:
            inverse = next(i for i in range(1, 256) if times(i, other ^ x) == 1)
            weight = times(weight, times(other, inverse))
        root = bytes(r ^ times(weight, v) for r, v in zip(root, values[j]))
    return raw[0][:16], root


def test_the_master_key_is_in_one_process_and_no_file(shared):
    """An independent reader of shares and store finds root and master key; nobody but the manager's process has them."""
    k = shared
    if status(k)["state"] == "sealed":
        keyd(k, "unseal", lines=k.shares[:3])
    store_id, root = combined(k.shares[2:5])
    with contextlib.closing(sqlite3.connect(k.dir / "keyd/manager/embedded.db", timeout=60)) as store:
        (version, sealed), = store.execute("SELECT version, sealed FROM masters").fetchall()
    name = part(b"warder-master-v1") + part(store_id) + version.to_bytes(8, "big")
    master = AESGCM(root).decrypt(sealed[:12], sealed[12:], name)
    needles = [("root", root), ("master", master)]
    processes = {pid: pathlib.Path(f"/proc/{pid}/status").read_text() for pid in (k.keyd.pid, *children(k.keyd.pid), k.kbsd.pid)}
    with_it = [pid for pid in processes if found_in_memory(pid, needles, str(k.dir).encode())]
    assert len(with_it) == 1 and with_it[0] != k.kbsd.pid, "the manager's, which shows that the search finds it"
    keyd(k, "seal")
    assert found_in_memory(with_it[0], needles, str(k.dir).encode()) == [], "wiped"
    written = files_of(k) + "".join(k.keyd_log + k.kbsd_log).encode()
    for _, needle in needles:
        assert needle not in written and needle.hex().encode() not in written
    keyd(k, "unseal", lines=k.shares[:3])
    assert Client(k).fetch(k.key_id)[0].status == 200


@pytest.mark.sanitize
def test_the_socket_is_the_operators(shared):
    mode = (shared.dir / "operator.sock").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    r = shared.call("POST", "/kbs/v1/keyd/unseal", {}, shared.token())
    assert r.status == 404


@pytest.mark.sanitize
def test_a_passphrase(tmp_path):
    words = "correct horse battery staple"
    k = Kbs(tmp_path, manager=settings("passphrase"))
    try:
        assert "12 bytes" in keyd(k, "init", lines=["short"], check=False).stderr
        keyd(k, "init", lines=[words])
        key_id = k.make_key(AES)["key_information"]["id"]
        restart(k)
        refused(Client(k).fetch(key_id)[0], 503, "sealed")
        assert "wrong passphrase" in keyd(k, "unseal", lines=["correct horse battery staples"], check=False).stderr
        keyd(k, "unseal", lines=[words])
        assert Client(k).fetch(key_id)[0].status == 200
        assert words.encode() not in files_of(k)
        keyd(k, "rekey", lines=["another long passphrase", words])
        keyd(k, "seal")
        assert keyd(k, "unseal", lines=[words], check=False).returncode == 3
        keyd(k, "unseal", lines=["another long passphrase"])
        assert Client(k).fetch(key_id)[0].status == 200
    finally:
        assert k.stop() == (0, 0), "".join(k.keyd_log)


def hsm_rows(hsm, **more):
    return hsm.settings(**more).split("manager = pkcs11\n")[1]


@pytest.mark.sanitize
@needs_hsm
@pytest.mark.parametrize("kind", ["aes", "rsa"])
def test_an_hsm_unseals_by_itself(tmp_path, kind):
    hsm = SoftHsm(tmp_path / "token")
    if kind == "rsa":
        hsm.tool("--keypairgen", "--key-type", "rsa:2048", "--label", "warder-seal", "--usage-decrypt")
    k = Kbs(tmp_path / "kbs", manager=settings("pkcs11", hsm_rows(hsm)))
    try:
        refused(k.call("POST", "/kbs/v1/keys", BODY, k.token()), 503, "sealed")
        keyd(k, "init")
        key_id = k.make_key(AES)["key_information"]["id"]
        restart(k)
        assert Client(k).fetch(key_id)[0].status == 200, "nobody was asked"
        assert status(k)["seal"] == "pkcs11"
        listed = hsm.tool("--list-objects")
        assert "warder-seal" in listed and ("never extractable" in listed or kind == "rsa")
        keyd(k, "seal")
        time.sleep(2.5)  # longer than it takes to look again
        refused(Client(k).fetch(key_id)[0], 503, "sealed")
        keyd(k, "unseal")
        assert Client(k).fetch(key_id)[0].status == 200
        keyd(k, "rekey")
        restart(k)
        assert Client(k).fetch(key_id)[0].status == 200
    finally:
        assert k.stop() == (0, 0), "".join(k.keyd_log)


@pytest.mark.sanitize
@needs_hsm
def test_a_key_that_may_leave_the_hsm_seals_nothing(tmp_path):
    hsm = SoftHsm(tmp_path / "token")
    hsm.tool("--keygen", "--key-type", "AES:32", "--label", "warder-seal", "--extractable")
    k = Kbs(tmp_path / "kbs", manager=settings("pkcs11", hsm_rows(hsm)))
    try:
        assert keyd(k, "init", check=False).returncode == 3
        assert any("must be sensitive and not extractable" in line for line in k.keyd_log)
        assert status(k)["state"] == "uninitialized"
    finally:
        k.stop()


@pytest.mark.sanitize
@needs_hsm
@pytest.mark.skipif(not REMOTE.exists(), reason="no p11-kit-client.so")
def test_the_hsm_is_away_at_the_start(tmp_path):  # L26, L52
    hsm = SoftHsm(tmp_path / "token")
    hsm.tool("--keypairgen", "--key-type", "rsa:2048", "--label", "warder-seal", "--usage-decrypt")  # p11-kit carries no AES-GCM
    hsm.serve()
    rows = hsm_rows(hsm, module=REMOTE, environment=f"P11_KIT_SERVER_ADDRESS={hsm.remote_address}")
    k = Kbs(tmp_path / "kbs", manager=settings("pkcs11", rows))
    try:
        keyd(k, "init")
        key_id = k.make_key(AES)["key_information"]["id"]
        hsm.kill()
        assert Client(k).fetch(key_id)[0].status == 200, "only a start needs it"
        restart(k)
        refused(Client(k).fetch(key_id)[0], 503, "sealed")
        assert "HSM" in status(k)["trouble"]
        hsm.serve()
        wait_until(lambda: status(k)["state"] == "unsealed")
        assert Client(k).fetch(key_id)[0].status == 200
    finally:
        k.stop()
        hsm.kill()


def kill_all(k):
    pids = children(k.keyd.pid)
    for pid in [k.keyd.pid, *pids]:
        os.kill(pid, signal.SIGKILL)
    k.keyd.wait()
    wait_until(lambda: not any(pathlib.Path(f"/proc/{p}").exists() for p in pids))


NEW = "(SELECT count(*) FROM material WHERE master_version = (SELECT max(version) FROM masters))"


@contextlib.contextmanager
def stuck_after(k, keys):
    """The store takes no more than so many keys under the newest master key."""
    with contextlib.closing(sqlite3.connect(k.dir / "keyd/manager/embedded.db", timeout=60, isolation_level=None)) as store:
        store.execute(f"CREATE TRIGGER stuck BEFORE UPDATE ON material WHEN {NEW} >= {keys} BEGIN SELECT RAISE(ABORT, 'stuck'); END")
        yield
        store.execute("DROP TRIGGER stuck")


@pytest.mark.sanitize
def test_a_new_master_key_whatever_happens(tmp_path):
    """kill -9 while keys are sealed anew: no key is lost, and the rest is done after the start."""
    count = 200
    k = Kbs(tmp_path, manager=settings("file"))
    try:
        connection = k.connection()
        token = k.token()
        ids = [k.call("POST", "/kbs/v1/keys", {"key_information": AES}, token, connection=connection).json["key_information"]["id"]
               for _ in range(count)]
        secrets = {i: plain_of(k, i) for i in ids[::40]}
        with stuck_after(k, 100):
            keyd(k, "rotate")
            wait_until(lambda: 0 < status(k)["keys_to_rewrap"] <= count - 90)
            assert {i: plain_of(k, i) for i in secrets} == secrets, "all are open meanwhile"
            refused_rotation = keyd(k, "rotate", check=False)
            assert refused_rotation.returncode == 1 and "not finished" in refused_rotation.stderr
            kill_all(k)
        for _ in range(4):  # and wherever it is by then
            k.start_keyd()
            kill_all(k)
        k.start_keyd()
        wait_until(lambda: status(k)["keys_to_rewrap"] == 0)
        assert status(k)["master_key_version"] == 2 and status(k)["keys"] == count
        connection = k.connection()
        for i in ids:
            r = k.call("GET", f"/kbs/v1/keys/{i}/versions", bearer=token, connection=connection)
            assert r.json["versions"][0]["held"] == "yes", r.text
        assert {i: plain_of(k, i) for i in secrets} == secrets
        wait_until(lambda: keyd(k, "rotate", check=False).returncode == 0)
    finally:
        assert k.stop() == (0, 0), "".join(k.keyd_log)


def plain_of(k, key_id):
    client = Client(k)
    r, challenge = client.fetch(key_id)
    return client.open(r.json, challenge, key_id)[1]


@pytest.mark.sanitize
def test_from_the_file_to_shares(tmp_path):
    k = Kbs(tmp_path, manager="[keys]\nmanager = embedded\n")
    try:
        key_id = k.make_key(AES)["key_information"]["id"]
        config = k.dir / "keyd.conf"
        config.write_text(config.read_text() + "[embedded]\nseal = shamir\n")
        restart(k)
        assert Client(k).fetch(key_id)[0].status == 200, "still by the file"
        assert (status(k)["seal"], status(k)["configured_seal"]) == ("file", "shamir")
        shares = keyd(k, "rekey").stdout.split()
        assert not (k.dir / "keyd/manager/master.key").exists()
        keyd(k, "rotate")
        restart(k)
        refused(Client(k).fetch(key_id)[0], 503, "sealed")
        keyd(k, "unseal", lines=shares[:3])
        assert Client(k).fetch(key_id)[0].status == 200
    finally:
        assert k.stop() == (0, 0), "".join(k.keyd_log)


@pytest.mark.sanitize
def test_other_managers_have_no_seal(tmp_path):
    if softhsm_fixture.missing():
        pytest.skip(softhsm_fixture.missing())
    hsm = SoftHsm(tmp_path / "token")
    k = Kbs(tmp_path / "kbs", manager=hsm.settings())
    try:
        done = keyd(k, "seal", check=False)
        assert done.returncode == 1 and "has no seal" in done.stderr
    finally:
        k.stop()
