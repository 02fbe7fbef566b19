# SPDX-License-Identifier: Apache-2.0
"""The certification authority as an operator sets it up: hierarchies, tokens, an enterprise's own CA, profiles."""
import datetime
import json
import os
import re
import subprocess
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import identity_fixture as fixture
import softhsm_fixture
from identity_fixture import Identity, make_csr
from test_identity import load_chain

pytestmark = pytest.mark.sanitize
PEM, PKCS8, PLAIN = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A root whose key is away, an intermediate that issues."""
    folder = tmp_path_factory.mktemp("hierarchy")
    away = tmp_path_factory.mktemp("away") / "root.key"
    s = Identity(folder, init=["--root-key", str(away)], ca="crl_url = http://crl.example/warder.crl\ndays_client = 30\n")
    s.root_key = away
    away.rename(away.with_name("in-the-safe"))
    s.start()
    s.make_user("approver", ("CMS", "CertApprover", "CN=nginx;SAN=localhost,*.example.com;CERTTYPE=TLS", []),
                ("CMS", "CertApprover", "CN=web;SAN=localhost;CERTTYPE=TLS-Server", []),
                ("CMS", "CertApprover", "CN=skcuser;CERTTYPE=TLS-Client", []))
    s.approver = s.token("approver")
    yield s
    assert s.stop() == (0, 0)


def ask(system, csr, kind="TLS", query=""):
    return system.cmsd.call("POST", f"/cms/v1/certificates?certType={kind}{query}", token=system.approver, raw=csr,
                            headers={"Content-Type": "application/x-pem-file"})


def csr_with(*extensions, name="nginx", key=None):
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
    for extension in extensions:
        builder = builder.add_extension(extension, False)
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM)


def verify(folder, chain, ca, *more):
    leaf, rest = folder / "leaf.pem", folder / "rest.pem"
    leaf.write_bytes(chain[0].public_bytes(PEM))
    rest.write_bytes(b"".join(c.public_bytes(PEM) for c in chain[1:]))
    return subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", ca, "-untrusted", rest, *more, leaf], capture_output=True, text=True)


def test_the_intermediate_issues_and_the_root_is_away(system, tmp_path):
    answer = ask(system, make_csr("nginx", ["localhost"])[1])
    assert answer.status == 200, answer.body
    chain = load_chain(answer.body)
    leaf, issuing, root = chain
    assert root.public_bytes(PEM) == (system.dir / "etc/tls/ca.pem").read_bytes()
    assert issuing.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 1
    assert leaf.issuer == issuing.subject and issuing.issuer == root.subject
    done = verify(tmp_path, chain, system.dir / "etc/tls/ca.pem", "-purpose", "sslserver", "-verify_hostname", "localhost")
    assert done.returncode == 0, done.stderr
    for query, cert in (("", root), ("?issuingCa=root", root), ("?issuingCa=TLS", issuing), ("?issuingCa=TLS-Server", issuing)):
        assert load_chain(system.cmsd.call("GET", "/cms/v1/ca-certificates" + query).body) == [cert]
    assert not list(system.dir.rglob("root*"))


def test_what_stands_in_a_certificate(system):
    serials = set()
    for _ in range(8):
        leaf, issuing, _root = load_chain(ask(system, make_csr("nginx", ["localhost"])[1]).body)
        serials.add(leaf.serial_number >> (leaf.serial_number.bit_length() - 64))
        assert leaf.serial_number.bit_length() >= 120
    assert len(serials) == 8
    own = leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    above = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert own != above == issuing.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    points = leaf.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    assert [name.value for point in points for name in point.full_name] == ["http://crl.example/warder.crl"]


@pytest.mark.parametrize("kind,name,names,usages", [
    ("TLS", "nginx", ["localhost"], {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}),
    ("TLS-Server", "web", ["localhost"], {ExtendedKeyUsageOID.SERVER_AUTH}),
    ("TLS-Client", "skcuser", [], {ExtendedKeyUsageOID.CLIENT_AUTH})])
def test_profiles(system, kind, name, names, usages):
    leaf = load_chain(ask(system, make_csr(name, names)[1], kind).body)[0]
    assert set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == usages
    days = 30 if kind == "TLS-Client" else 365
    life = leaf.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)
    assert abs(life - days * DAY) < DAY / 24
    other = "TLS" if kind != "TLS" else "TLS-Server"
    assert ask(system, make_csr(name, names)[1], other).code == "common_name_not_granted"


def test_a_life_is_shorter_on_demand_and_never_longer(system):
    leaf = load_chain(ask(system, make_csr("nginx")[1], query="&validitySeconds=600").body)[0]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == datetime.timedelta(seconds=660)  # backdated by a tenth
    answer = ask(system, make_csr("skcuser")[1], "TLS-Client", f"&validitySeconds={31 * 86400}")
    assert (answer.status, answer.code) == (403, "validity_not_granted")
    for bad in ("", "0", "-1", "1e3", "9" * 30):
        assert ask(system, make_csr("nginx")[1], query=f"&validitySeconds={bad}").code == "malformed_request"


EKU, OID = x509.ExtendedKeyUsage, ExtendedKeyUsageOID


def key_usage(sign_certs):
    return x509.KeyUsage(True, False, False, False, False, sign_certs, False, False, False)


@pytest.mark.parametrize("extensions,status,code", [
    ([x509.BasicConstraints(True, None)], 400, "csr_ca_refused"),
    ([x509.BasicConstraints(True, 3)], 400, "csr_ca_refused"),
    ([key_usage(True)], 400, "csr_ca_refused"),
    ([EKU([OID.CODE_SIGNING])], 400, "csr_usage_refused"),
    ([EKU([OID.SERVER_AUTH, OID.OCSP_SIGNING])], 400, "csr_usage_refused"),
    ([EKU([OID.ANY_EXTENDED_KEY_USAGE])], 400, "csr_usage_refused"),
    ([x509.NameConstraints([x509.DNSName("x")], None)], 400, "csr_extension_refused"),
    ([x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")], 400, "csr_extension_refused"),
    ([x509.SubjectAlternativeName([x509.UniformResourceIdentifier("https://x")])], 400, "csr_san_refused"),
    ([x509.BasicConstraints(False, None), key_usage(False), EKU([OID.SERVER_AUTH, OID.CLIENT_AUTH])], 200, None)])
def test_a_request_for_more_is_refused(system, extensions, status, code):
    answer = ask(system, csr_with(*extensions))
    assert answer.status == status and (status == 200 or answer.code == code), answer.body


def test_requests_have_limits(system):
    """L16, L47: of names, of extensions, of bytes, of keys, each with its own word."""
    many = [x509.DNSName(f"n{i}.example.com") for i in range(65)]
    assert ask(system, csr_with(x509.SubjectAlternativeName(many))).code in ("csr_san_refused", "csr_invalid")
    more = [x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.2.3.{i}"), b"\5\0") for i in range(200)]
    assert ask(system, csr_with(*more)).code in ("csr_extension_refused", "csr_invalid")
    assert ask(system, b"-----BEGIN CERTIFICATE REQUEST-----\n" + b"A" * 17000).status == 413
    assert ask(system, make_csr("nginx", [], fixture.rsa_key(8192))[1]).code in ("csr_key_refused", "csr_invalid")
    assert ask(system, make_csr("nginx")[1]).status == 200


def test_usages_beyond_the_type_are_refused(system):
    assert ask(system, csr_with(EKU([OID.SERVER_AUTH]), name="skcuser"), "TLS-Client").code == "usage_not_granted"
    assert ask(system, csr_with(EKU([OID.CLIENT_AUTH]), name="web"), "TLS-Server").code == "usage_not_granted"
    assert ask(system, csr_with(EKU([OID.CLIENT_AUTH]), name="skcuser"), "TLS-Client").status == 200


def test_register_shows_and_revokes_with_a_reason(system):
    leaf, issuing, _ = load_chain(ask(system, make_csr("nginx", ["localhost"])[1]).body)
    admin, path = system.token(), f"/cms/v1/certificates/{leaf.serial_number:x}"
    shown = system.cmsd.call("GET", path, token=admin).json
    assert shown["common_name"] == "nginx" and load_chain(shown["pem"].encode()) == [leaf] and "revoked_at" not in shown
    assert system.cmsd.call("GET", path, token=system.approver).code == "permission_denied"
    assert system.cmsd.call("GET", "/cms/v1/certificates/77", token=admin).code == "certificate_not_found"
    assert system.cmsd.call("DELETE", path + "?reason=boredom", token=admin).code == "reason_invalid"
    before = x509.load_der_x509_crl(system.cmsd.call("GET", "/cms/v1/crl").body)
    assert system.cmsd.call("DELETE", path + "?reason=key_compromise", token=admin).status == 204
    assert system.cmsd.call("DELETE", path + "?reason=superseded", token=admin).status == 204  # the first one counts
    assert system.cmsd.call("GET", path, token=admin).json["reason"] == "key_compromise"
    crl = x509.load_der_x509_crl(system.cmsd.call("GET", "/cms/v1/crl").body)
    assert crl.is_signature_valid(issuing.public_key()) and crl.issuer == issuing.subject
    entry = crl.get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason == x509.ReasonFlags.key_compromise
    number = [c.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for c in (before, crl)]
    assert number[0] < number[1] and crl.next_update_utc - crl.last_update_utc == 7 * DAY


def make_ca(name, issuer=None, ca=True, path=None, sign=True, days=(-1, 3000), key=None):
    """(key, certificate); issuer: such a pair."""
    key = key or ec.generate_private_key(ec.SECP384R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    above = issuer[0] if issuer else key
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer[1].subject if issuer else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(NOW + days[0] * DAY).not_valid_after(NOW + days[1] * DAY)
               .add_extension(x509.BasicConstraints(ca, path), True)
               .add_extension(x509.KeyUsage(True, False, False, False, False, sign, sign, False, False), True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), False))
    return key, builder.sign(above, hashes.SHA384())


def pem(*pairs):
    return b"".join(pair[1].public_bytes(PEM) for pair in pairs)


def test_an_enterprises_own_ca(tmp_path):
    root = make_ca("Enterprise Root", path=2)
    middle = make_ca("Enterprise CA 2", root, path=1)
    issuing = make_ca("Enterprise Issuing CA", middle, path=0)
    chain, key = tmp_path / "chain.pem", tmp_path / "issuing.key"
    chain.write_bytes(pem(issuing, middle, root))
    fixture.write_private(key, issuing[0].private_bytes(PEM, PKCS8, PLAIN))
    s = Identity(tmp_path / "a", init=["--import", str(chain), "--key", str(key)]).start()
    try:
        assert (s.dir / "etc/tls/ca.pem").read_bytes() == pem(root)
        s.make_user("approver", ("CMS", "CertApprover", "CN=nginx;SAN=localhost;CERTTYPE=TLS", []))
        s.approver = s.token("approver")
        issued = load_chain(ask(s, make_csr("nginx", ["localhost"])[1]).body)
        assert issued[1:] == [issuing[1], middle[1], root[1]]
        assert verify(tmp_path, issued, s.dir / "etc/tls/ca.pem", "-purpose", "sslserver").returncode == 0
    finally:
        assert s.stop() == (0, 0)


@pytest.mark.parametrize("what,said", [
    (lambda r: pem(make_ca("I", r, ca=False), r), "basic constraints"),
    (lambda r: pem(make_ca("I", r, sign=False), r), "may not sign certificates"),
    (lambda r: pem(make_ca("I", make_ca("R", path=0))) + pem(make_ca("R", path=0)), "path length|not signed"),
    (lambda r: pem(make_ca("I", r, days=(-3, -1)), r), "expired"),
    (lambda r: pem(make_ca("I", r, days=(1, 3))) + pem(r), "not valid yet"),
    (lambda r: pem(make_ca("I", r)), "does not lead up to a root"),
    (lambda r: pem(make_ca("I", r), r), "do not belong together"),
    (lambda r: pem(r, make_ca("I", r)), "does not lead up|not signed"),
    (lambda r: pem(make_ca("I", r), make_ca("Root")), "not signed by the one above"),
    (lambda r: b"nonsense", "PEM")])
def test_an_import_is_checked(tmp_path, what, said):
    root, key = make_ca("Root"), tmp_path / "k"
    (tmp_path / "chain.pem").write_bytes(what(root))
    fixture.write_private(key, ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS8, PLAIN))
    config = tmp_path / "cmsd.conf"
    config.write_text(f"[store]\nfolder = {tmp_path}/cmsd\n[ca]\ncertificate = {tmp_path}/ca.pem\n")
    done = subprocess.run([fixture.CMSD, "--config", config, "--import", tmp_path / "chain.pem", "--key", key], capture_output=True, text=True)
    assert done.returncode == 1 and any(s in done.stderr for s in said.split("|")), done.stderr
    assert not (tmp_path / "ca.pem").exists() and not list((tmp_path / "cmsd").glob("ca.*"))


@pytest.mark.skipif(softhsm_fixture.missing() is not None, reason="no SoftHSM")
@pytest.mark.parametrize("kind", ["EC:prime256v1", "rsa:3072"])
def test_the_key_is_in_a_token(tmp_path, kind, monkeypatch):
    hsm = softhsm_fixture.SoftHsm(tmp_path / "hsm")
    hsm.tool("--keypairgen", "--key-type", kind, "--label", "warder-ca", "--id", "01", "--usage-sign")
    monkeypatch.setenv("SOFTHSM2_CONF", str(hsm.config))
    monkeypatch.setitem(fixture.CONFINED, "SOFTHSM2_CONF", str(hsm.config))
    s = Identity(tmp_path / "a", init=["--root-key", str(tmp_path / "root.key")], ca=(
        f"[pkcs11]\nmodule = {softhsm_fixture.MODULE}\ntoken = pkcs11:token=HSM\nkey = pkcs11:object=warder-ca\n"
        f"pin_file = {hsm.pin}\nfiles = {hsm.dir}\n"))
    assert not (s.dir / "var/cmsd/ca.key").exists()
    s.start()
    try:
        s.make_user("approver", ("CMS", "CertApprover", "CN=nginx;SAN=localhost;CERTTYPE=TLS", []))
        s.approver = s.token("approver")
        chain = load_chain(ask(s, make_csr("nginx", ["localhost"])[1]).body)
        assert verify(tmp_path, chain, s.dir / "etc/tls/ca.pem").returncode == 0
        crl = x509.load_der_x509_crl(s.cmsd.call("GET", "/cms/v1/crl").body)
        assert crl.is_signature_valid(chain[1].public_key())
    finally:
        assert s.stop() == (0, 0)


def test_wrong_usage_of_the_options(tmp_path):
    s = Identity(tmp_path / "a")
    for arguments in (["--root-key", "x"], ["--key", "x"], ["--import", "x", "--init"], ["--crl"], ["--seconds", "5"],
                      ["--crl", "--out", "x", "--init"]):
        assert s.cmsd.run(*arguments, check=False).returncode == 2, arguments
    assert s.cmsd.run("--import", "x", check=False).returncode == 1
    s.cmsd.run("--crl", "--out", str(tmp_path / "crl.der"))
    assert len(x509.load_der_x509_crl((tmp_path / "crl.der").read_bytes())) == 0
    (tmp_path / "c.csr").write_bytes(make_csr("x")[1])
    long = s.cmsd.run("--issue", "--csr", str(tmp_path / "c.csr"), "--out", str(tmp_path / "c.pem"), "--seconds", str(400 * 86400), check=False)
    assert long.returncode == 1 and "may not live so long" in long.stderr


def test_the_commands_of_the_page(tmp_path):
    """docs/certificates.md, with a folder in place of the root of the file system."""
    page = (fixture.ROOT / "docs/certificates.md").read_text()
    for name in ("etc/warder/tls", "var/lib/warder", "media/safe", "tmp"):
        (tmp_path / name).mkdir(parents=True)
    (config,) = re.findall(r"```ini\n(.*?)```", page, re.S)
    here = re.compile(r"(?<![\w.:/-])/(etc|var|media|tmp)/")
    aas = Identity(tmp_path / "aas")
    (tmp_path / "etc/warder/cmsd.conf").write_text(here.sub(rf"{tmp_path}/\1/", config).replace("[server]\n", "[server]\nport = 0\n")
                                                  + f"[token]\naas_jwks = {aas.dir}/etc/keys/aas-jwks.json\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    for path in (fixture.CMSD, fixture.BUILD / "programs/cli/warder"):
        (programs / path.name).symlink_to(path)
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    blocks = [here.sub(rf"{tmp_path}/\1/", b) for b in re.findall(r"```sh\n(.*?)```", page, re.S)]
    assert len(blocks) == 3
    cmsd, ends = None, time.monotonic() + 30
    try:
        for block in blocks:
            if "certificate keep" in block:
                log = tmp_path / "cmsd.log"
                with open(log, "wb") as to:
                    cmsd = subprocess.Popen([fixture.CMSD, "--config", tmp_path / "etc/warder/cmsd.conf"], stderr=to, env=fixture.CONFINED)
                while '"service start"' not in log.read_text():
                    assert cmsd.poll() is None and time.monotonic() < ends, log.read_text()
                    time.sleep(0.05)
                port = next(json.loads(line)["port"] for line in log.read_text().splitlines() if '"service start"' in line)
                (tmp_path / "etc/warder/cli.conf").write_text(f"[services]\ncms = https://localhost:{port}\n[tls]\nca = {tmp_path}/etc/warder/tls/ca.pem\n")
            done = subprocess.run(["sh", "-ec", block], env=env, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, block + done.stdout + done.stderr
    finally:
        if cmsd:
            cmsd.terminate()
            assert cmsd.wait(20) == 0
    assert (tmp_path / "etc/warder/tls/cmsd.key").stat().st_mode & 0o777 == 0o600
