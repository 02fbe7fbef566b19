# SPDX-License-Identifier: Apache-2.0
"""warder cms and warder aas: services from the env files of the original system, and its users and roles."""
import base64
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import dev_system
from openbao_fixture import free_port
from seed_system import ADMIN, INSTALLER, NAMES, Seed, write_env

pytestmark = pytest.mark.sanitize
ROLES = {"AAS_IP": "127.0.0.1", "SKC_USER": "skcuser", "SKC_USER_PASSWORD": "zq-user-Secret.6", "ADMIN_USERNAME": ADMIN[0],
         "ADMIN_PASSWORD": ADMIN[1], "PERMISSION": '"nginx,USA"'}


@pytest.fixture(scope="module")
def seed():
    made = Seed()
    try:
        made.cms()
        made.aas()
        yield made
    finally:
        made.down()


def claims_of(token):
    text = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def names_of(c):
    names = c.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName) + [str(a) for a in names.get_values_for_type(x509.IPAddress)]


def secrets_outside(folder, *secrets):
    """Files of a folder that hold one and that others than its owner can read."""
    return [p for p in folder.rglob("*") if p.is_file() and stat.S_IMODE(p.stat().st_mode) & 0o77
            and any(s.encode() in p.read_bytes() for s in secrets)]


def test_the_authority(seed):
    ca = certificate(seed.ca)
    years = (ca.not_valid_after_utc - ca.not_valid_before_utc).days / 365
    assert 4.9 < years < 5.1  # CMS_CA_CERT_VALIDITY
    own = certificate(seed.place("cms") / "etc/tls/cmsd.pem")
    assert names_of(own) == ["localhost", "127.0.0.1"]
    assert own.fingerprint(hashes.SHA384()).hex() == seed.sha384
    status = json.loads(seed.run("cms", "status", "--dir", seed.place("cms"), "-o", "json"))
    assert [(row["program"], row["status"]) for row in status] == [("cmsd", "running")]


def test_set_up_again_the_authority_stays(seed):
    before = seed.ca.read_bytes()
    said = seed.cms()
    assert "authtoken" in said and "trust-aas" in said and seed.ca.read_bytes() == before
    seed.setup("aas", **seed.aas_env())  # its certificate comes by a first token again
    seed.run("cms", "trust-aas", "--dir", seed.place("cms"))


def test_the_authentication_service(seed):
    own = certificate(seed.place("aas") / "etc/tls/aasd.pem")
    assert own.subject.rfc4514_string() == "CN=AAS TLS Certificate" and names_of(own) == ["localhost", "127.0.0.1"]
    config = (seed.place("aas") / "etc/aasd.conf").read_text()
    for line in ("minutes = 120", "attempts = 4", "window_seconds = 300", "lockout_seconds = 900"):
        assert line in config
    answer = requests.post(seed.cms_env["AAS_API_URL"] + "/token", json={"username": ADMIN[0], "password": ADMIN[1]}, verify=str(seed.ca), timeout=20)
    assert answer.status_code == 200
    assert {r["service"] for r in claims_of(answer.text)["roles"]} >= {"AAS", "CMS", "KBS"}
    assert 115 * 60 < claims_of(answer.text)["exp"] - claims_of(answer.text)["iat"] <= 120 * 60
    assert not secrets_outside(seed.place("aas"), ADMIN[1])
    assert not list(seed.place("aas").rglob("*.password"))  # it was there for --init-admin only
    pid = int((seed.place("aas") / "run/aasd.pid").read_text())
    for part in ("environ", "cmdline"):
        assert ADMIN[1].encode() not in pathlib.Path(f"/proc/{pid}/{part}").read_bytes()


def test_its_certificate_is_kept(seed):
    """The keeper of certificates takes the folder as it is, and a certificate of the longest life is left alone."""
    tls = seed.place("aas") / "etc/tls"
    config = write_env(seed.made / "keep.conf")
    config.write_text(f"[services]\ncms = https://localhost:{seed.ports['cms']}\n[tls]\nca = {tls}/ca.pem\n")
    before = (tls / "aasd.pem").read_bytes()
    seed.run("certificate", "keep", tls, "--config", config, "--crl", seed.made / "crl.der", "--once")
    assert (tls / "aasd.pem").read_bytes() == before and (seed.made / "crl.der").stat().st_size > 0


def test_a_first_token_ends_when_aas_is_trusted(seed):
    token = seed.run("cms", "authtoken", "--dir", seed.place("cms")).strip()
    roles = claims_of(token)["roles"]
    assert [(r["service"], r["name"], r["context"]) for r in roles] == [
        ("CMS", "CertApprover", f"CN=AAS TLS Certificate;SAN={NAMES};CERTTYPE=TLS")]
    url = seed.of_cms["CMS_BASE_URL"] + "certificates?certType=TLS"

    def ask():
        return requests.post(url, data="no request", headers={"Authorization": f"Bearer {token}", "Content-Type": "application/x-pem-file"},
                             verify=str(seed.ca), timeout=20).status_code

    assert ask() == 400  # believed; what it brings is nothing
    seed.run("cms", "trust-aas", "--dir", seed.place("cms"))
    assert ask() == 401
    assert not (seed.place("cms") / "etc/keys/first-token.key").exists()


def test_users_and_roles_twice(seed):
    file = write_env(seed.made / "populate-users.env", **seed.users_env())
    tokens = [seed.run("aas", "populate", "--env", file, "--ca", seed.ca).splitlines() for _ in range(2)]
    assert [len(t) for t in tokens] == [1, 1]  # the token alone
    claims = claims_of(tokens[1][0])
    assert claims["sub"] == INSTALLER[0]
    assert [(r["service"], r["name"], r["context"]) for r in claims["roles"]] == [
        ("CMS", "CertApprover", f"CN=KBS TLS Certificate;SAN={NAMES};CERTTYPE=TLS")]
    base, verify = seed.cms_env["AAS_API_URL"], str(seed.ca)
    bearer = requests.post(base + "/token", json={"username": "global@aas", "password": "zq-global-Secret.3"}, verify=verify, timeout=20).text
    get = lambda path: requests.get(base + path, headers={"Authorization": f"Bearer {bearer}"}, verify=verify, timeout=20).json()  # noqa: E731
    assert [r["name"] for r in get("/users/kbs_service@kbs/roles")] == ["UserReader"]
    assert sorted((r["service"], r["context"]) for r in get("/users/skc_library/roles")) == [
        ("CMS", "CN=skcuser;CERTTYPE=TLS-Client"), ("KBS", "permissions=nginx,USA")]
    assert "ccc" not in [u["username"] for u in get("/users")]
    # The token is what kbs setup takes for its certificate.
    csr = subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "/dev/null",
                          "-subj", "/CN=KBS TLS Certificate", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
                         capture_output=True, text=True, check=True).stdout
    answer = requests.post(seed.of_cms["CMS_BASE_URL"] + "certificates?certType=TLS", data=csr, verify=verify, timeout=20,
                           headers={"Authorization": f"Bearer {tokens[1][0]}", "Content-Type": "application/x-pem-file"})
    assert answer.status_code in (200, 201), answer.text


@pytest.mark.parametrize("changes, status, why", [
    ({"INSTALL_ADMIN_PASSWORD": None}, 1, "INSTALL_ADMIN_PASSWORD"), ({"GLOBAL_ADMIN_PASSWORD": None}, 1, "go together"),
    ({"AAS_ADMIN_PASSWORD": "zq-wrong"}, 3, "AAS_ADMIN_PASSWORD"), ({"ISECL_INSTALL_COMPONENTS": "AAS,HVS"}, 1, "no such component: HVS"),
    ({"KBS_CERT_SAN_LIST": None}, 1, "KBS_CERT_SAN_LIST"), ({"AAS_API_URL": "http://localhost"}, 1, "https://"),
    ({"HVS_SERVICE_USERNAME": "x"}, 1, "unknown key"), ({"INSTALL_ADMIN_USERNAME": "a/b"}, 1, "not a user name")])
def test_users_that_are_refused(seed, changes, status, why):
    file = write_env(seed.made / "bad.env", **{**seed.users_env(), **changes})
    said = seed.run("aas", "populate", "--env", file, "--ca", seed.ca, status=status)
    assert why in said and "zq-" not in said


def test_the_workloads_user(seed):
    file = write_env(seed.made / "create_roles.conf", AAS_PORT=seed.ports["aas"], **ROLES)
    for _ in range(2):
        token = seed.run("aas", "skc-user", "--env", file, "--ca", seed.ca).strip()
    roles = {(r["service"], r["name"], r["context"]) for r in claims_of(token)["roles"]}
    assert roles == {("KBS", "KeyTransfer", "permissions=nginx,USA"), ("CMS", "CertApprover", "CN=skcuser;CERTTYPE=TLS-Client")}
    # Another PERMISSION is another role, and not the one that is there already.
    other = write_env(seed.made / "other.conf", AAS_PORT=seed.ports["aas"], **{**ROLES, "SKC_USER": "other", "PERMISSION": "mail"})
    answer = json.loads(seed.run("aas", "skc-user", "--env", other, "--ca", seed.ca, "-o", "json"))
    assert answer["username"] == "other" and ("KBS", "KeyTransfer", "permissions=mail") in {
        (r["service"], r["name"], r["context"]) for r in claims_of(answer["token"])["roles"]}


@pytest.mark.parametrize("changes, status, why", [
    ({"ADMIN_PASSWORD": "zq-no"}, 3, "ADMIN_PASSWORD"), ({"SKC_USER_PASSWORD": "zq-another"}, 3, "SKC_USER_PASSWORD"),
    ({"PERMISSION": None}, 1, "PERMISSION"), ({"AAS_IP": "127.0.0.2"}, 4, "--ca"), ({"AAS_PORT": 0}, 1, "1 and 65535")])
def test_a_workloads_user_that_is_refused(seed, changes, status, why):
    first = write_env(seed.made / "create_roles.conf", AAS_PORT=seed.ports["aas"], **ROLES)
    seed.run("aas", "skc-user", "--env", first, "--ca", seed.ca)
    file = write_env(seed.made / "bad.conf", **{"AAS_PORT": seed.ports["aas"], **ROLES, **changes})
    said = seed.run("aas", "skc-user", "--env", file, "--ca", seed.ca, status=status)
    assert why in said and "zq-" not in said


@pytest.mark.parametrize("name, changes, why", [
    ("cms", {"CMS_NOSETUP": "true"}, "--no-start"), ("cms", {"TOKEN_DURATION_MINS": 1441}, "1 to 1440"),
    ("cms", {"CMS_CA_CERT_VALIDITY": 31}, "1 to 30"), ("cms", {"SERVER_PORT": 1}, "two names"), ("cms", {"NATS": 1}, "unknown key"),
    ("aas", {"AAS_JWT_TOKEN_DURATION_MINS": 10512001}, "put 1440 at most"), ("aas", {"AAS_JWT_INCLUDE_KEYID": "false"}, "true"),
    ("aas", {"AUTH_DEFENDER_MAX_ATTEMPTS": 0}, "1 to 1000"), ("aas", {"AAS_ADMIN_PASSWORD": None}, "AAS_ADMIN_PASSWORD"),
    ("aas", {"CMS_TLS_CERT_SHA384": "zz"}, "tlscertsha384")])
def test_env_files_that_are_refused(seed, name, changes, why):
    lines = {**(seed.cms_env if name == "cms" else seed.aas_env()), **changes}
    file = write_env(seed.made / "refused.env", **lines)
    said = seed.run(name, "setup", "--env", file, "--dir", seed.made / "nowhere", status=1)
    assert why in said and ADMIN[1] not in said and not (seed.made / "nowhere").exists()


def test_what_has_no_effect_is_said(seed):
    file = write_env(seed.made / "quiet.env", **seed.cms_env)
    done = subprocess.run([dev_system.WARDER, "cms", "setup", "--env", file, "--dir", seed.made / "cms2", "--no-start"], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 0
    for key in ("LOG_LEVEL", "CMS_CA_ORGANIZATION"):
        assert f"{key} has no effect here" in done.stderr
    assert "CMS_PORT" not in done.stderr


def test_another_cms_gets_nothing(seed):
    """Whoever answers in CMS's place is noticed before the token is sent."""
    file = write_env(seed.made / "wrong.env", **{**seed.aas_env(), "CMS_TLS_CERT_SHA384": "00" * 48})
    said = seed.run("aas", "setup", "--env", file, "--dir", seed.made / "aas2", status=4)
    assert "CMS_TLS_CERT_SHA384" in said and not (seed.made / "aas2/etc/aasd.conf").exists()


def reachable(path, uid=65534):
    return subprocess.run(["setpriv", "--reuid", str(uid), "--clear-groups", "test", "-x", path], capture_output=True).returncode == 0


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv") or not reachable(dev_system.WARDER), reason="needs root and a build tree that others reach")
def test_an_unprivileged_user():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="warder-nobody."))
    shutil.chown(folder, 65534)
    try:
        file = write_env(folder / "cms.env", CMS_PORT=free_port())
        shutil.chown(file, 65534)

        def run(*arguments):
            return subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", dev_system.WARDER, "cms", *arguments], cwd="/", text=True,
                                  capture_output=True, timeout=60)

        done = run("setup", "--env", file, "--dir", folder / "cms", "--address", "127.0.0.1")
        assert done.returncode == 0, done.stdout + done.stderr
        pid = int((folder / "cms/run/cmsd.pid").read_text())
        assert "Uid:\t65534\t65534\t" in pathlib.Path(f"/proc/{pid}/status").read_text()
        done = run("setup", "--env", file)  # the default folder is not for everybody
        assert done.returncode == 1 and "--dir" in done.stderr
        assert run("stop", "--dir", folder / "cms").returncode == 0 and not dev_system.alive(pid)
    finally:
        shutil.rmtree(folder)
