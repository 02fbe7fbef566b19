# SPDX-License-Identifier: Apache-2.0
"""What a transfer policy may ask for, on the wire: levels, clients, networks, times, numbers, wrapping."""
import concurrent.futures
import datetime
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kbs_fixture import Client, Kbs, kbs, refused  # noqa: F401

pytestmark = pytest.mark.sanitize


def key_under(kbs, **policy):
    return kbs.make_key(policy=kbs.make_policy(**policy)["id"])["key_information"]["id"]


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(int(time.time()) + seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def failed_checks(record):
    return [c["check"] for c in record["checks"] if c["outcome"] == "failed"]


def test_three_levels_for_a_client_without_a_tee(kbs):
    fetcher = kbs.token(rules=["keys:transfer"], subject="web")
    seen = {}
    for level in ("none", "observe", "require"):
        key_id = key_under(kbs, attestation=level)
        client = Client(kbs)
        challenge = client.challenge(key_id, fetcher)
        r = client.request(key_id, challenge, bearer=fetcher)
        seen[level] = kbs.audit(key=key_id, limit=1)[0]
        if level == "require":
            refused(r, 403, "attestation_required")
        else:
            assert r.status == 200 and client.open(r.json, challenge, key_id)[1]
    assert (seen["none"]["decision"], seen["none"]["level"], seen["none"].get("would_refuse")) == ("released", "none", None)
    assert (seen["observe"]["decision"], seen["observe"]["would_refuse"]) == ("released", "attestation_required")
    assert failed_checks(seen["observe"]) == ["attested"]
    assert (seen["require"]["decision"], seen["require"]["code"]) == ("refused", "attestation_required")


def test_network(kbs):
    assert Client(kbs).fetch(key_under(kbs, client_networks_anyof=["2001:db8::/32", "127.0.0.0/8"]))[0].status == 200
    elsewhere = key_under(kbs, client_networks_anyof=["192.0.2.0/24", "2001:db8::/32"])
    client = Client(kbs)
    challenge = client.challenge(elsewhere)
    body = client.attestation_token(challenge=challenge["challenge"])
    refused(client.request(elsewhere, challenge, body), 403, "client_refused")
    check = next(c for c in kbs.audit(key=elsewhere, limit=1)[0]["checks"] if c["check"] == "client_networks_anyof")
    assert check == {"check": "client_networks_anyof", "outcome": "failed", "expected": ["192.0.2.0/24", "2001:db8::/32"],
                     "actual": "127.0.0.1"}


def client_certificate(folder, name):
    """Issued by the broker's own test certificate, which is a CA."""
    ca = x509.load_pem_x509_certificate((folder / "attestd.pem").read_bytes())
    ca_key = serialization.load_pem_private_key((folder / "attestd.key").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.utcnow()
    cert = (x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(ca.subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False).sign(ca_key, hashes.SHA256()))
    path = folder / f"{name}.pem"
    path.write_bytes(cert.public_bytes(serialization.Encoding.PEM) +
                     key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path


def test_client_certificate(tmp_path):
    k = Kbs(tmp_path / "kbs", kbsd=f"client_ca = {tmp_path}/kbs/attestd.pem\n")
    try:
        key_id = key_under(k, client_certificate_issuer_anyof=["attestd"], client_certificate_subject_anyof=["web-1", "web-2"])
        other = key_under(k, client_certificate_issuer_anyof=["Other CA"], client_certificate_subject_anyof=["web-1"])

        def fetch(key_id, name):
            connection = k.connection()
            if name:
                context = ssl.create_default_context(cafile=k.dir / "attestd.pem")
                context.load_cert_chain(client_certificate(k.dir, name))
                connection._context = context
            return Client(k).fetch(key_id, connection=connection)[0]

        assert fetch(key_id, "web-1").status == 200
        refused(fetch(key_id, "web-3"), 403, "client_refused")
        assert failed_checks(k.audit(key=key_id, limit=1)[0]) == ["client_certificate_subject_anyof"]
        refused(fetch(key_id, None), 403, "client_refused")
        assert failed_checks(k.audit(key=key_id, limit=1)[0]) == ["client_certificate_issuer_anyof", "client_certificate_subject_anyof"]
        refused(fetch(other, "web-1"), 403, "client_refused")
        assert failed_checks(k.audit(key=other, limit=1)[0]) == ["client_certificate_issuer_anyof"]
    finally:
        k.stop()


def test_time(kbs):
    assert Client(kbs).fetch(key_under(kbs, time={"not_before": rfc3339(-60), "not_after": rfc3339(3600)}))[0].status == 200
    for window in ({"not_before": rfc3339(3600)}, {"not_after": rfc3339(-1)}):
        key_id = key_under(kbs, time=window)
        refused(Client(kbs).fetch(key_id)[0], 403, "outside_time_window")
        check = next(c for c in kbs.audit(key=key_id, limit=1)[0]["checks"] if c["check"] == "time")
        assert check["outcome"] == "failed" and check["expected"] == window and check["actual"].endswith("Z")
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    always = {"weekly": {"zone": "UTC", "hours": [{"days": days, "from": "00:00", "to": "24:00"}]}}
    assert Client(kbs).fetch(key_under(kbs, time=always))[0].status == 200
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
    other = {"weekly": {"zone": "UTC", "hours": [{"days": [days[soon.weekday()]], "from": "00:00", "to": "24:00"}]}}
    refused(Client(kbs).fetch(key_under(kbs, time=other))[0], 403, "outside_time_window")


def test_number_of_releases_is_exact(kbs):
    key_id = key_under(kbs, max_releases=5)

    def one(_):
        return Client(kbs).fetch(key_id)[0]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(24)))
    assert sorted(r.status for r in answers) == [200] * 5 + [403] * 19
    assert {r.code_word for r in answers} == {None, "releases_exhausted"}
    records = kbs.audit(key=key_id, limit=100)
    assert sorted(r["release_number"] for r in records if r["decision"] == "released") == [1, 2, 3, 4, 5]
    assert sum(r.get("code") == "releases_exhausted" for r in records) == 19
    again = key_under(kbs, max_releases=1)
    assert one(0).status == 403 and Client(kbs).fetch(again)[0].status == 200
    refused(Client(kbs).fetch(again)[0], 403, "releases_exhausted")


def test_releases_before_the_limit_count(kbs):
    """A limit that comes later counts what was released before it, and one raised lets more through."""
    policy = kbs.make_policy(name="limited")
    key_id = kbs.make_key(policy=policy["id"])["key_information"]["id"]
    path = f"/kbs/v1/key-transfer-policies/{policy['id']}"
    assert [Client(kbs).fetch(key_id)[0].status for _ in range(2)] == [200, 200]
    for limit, status in ((2, 403), (3, 200), (3, 403)):
        assert kbs.call("PUT", path, {"name": "limited", "max_releases": limit}, kbs.token()).status == 200
        assert Client(kbs).fetch(key_id)[0].status == status


def test_wrapping(kbs):
    assert Client(kbs).fetch(key_under(kbs, wrapping_anyof=["ECDH-ES+A256KW"]))[0].status == 200
    inside = key_under(kbs, wrapping_anyof=["ECDH+A256KWP"])
    refused(Client(kbs).fetch(inside)[0], 403, "wrapping_refused")
    assert failed_checks(kbs.audit(key=inside, limit=1)[0]) == ["wrapping_anyof"]


@pytest.mark.parametrize("policy,word", [
    ({"client_networks_anyof": ["192.0.2.1/24"]}, "past the prefix"), ({"client_networks_anyof": ["::/0"]}, "prefix"),
    ({"client_networks_anyof": []}, "empty"), ({"client_certificate_subject_anyof": [""]}, "non-empty"),
    ({"time": {"not_before": rfc3339(10), "not_after": rfc3339(10)}}, "never true"),
    ({"time": {"weekly": {"hours": [{"days": ["mon"], "from": "08:00", "to": "09:00"}]}}}, "zone"),
    ({"time": {"surprise": 1}}, "unknown"), ({"max_releases": 0}, "max_releases"), ({"max_releases": 1000000001}, "max_releases"),
    ({"wrapping_anyof": ["RSA-OAEP"]}, "ECDH-ES"), ({"four_eyes": "yes"}, "four_eyes"), ({"lease_minutes": 527041}, "lease_minutes"),
])
def test_members_out_of_bounds(kbs, policy, word):
    r = kbs.call("POST", "/kbs/v1/key-transfer-policies", policy, kbs.token())
    refused(r, 400, "malformed_policy")
    assert word in r.json["detail"]


def test_members_at_their_bounds(kbs):
    p = kbs.make_policy(max_releases=1000000000, lease_minutes=527040, client_networks_anyof=[f"10.{i}.0.0/16" for i in range(64)])
    assert p["max_releases"] == 1000000000
    refused(kbs.call("POST", "/kbs/v1/key-transfer-policies", {"client_networks_anyof": [f"10.{i}.0.0/16" for i in range(65)]},
                     kbs.token()), 400, "malformed_policy")
