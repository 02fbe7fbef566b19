# SPDX-License-Identifier: Apache-2.0
"""warder skc deploy with two CMS, and the original system's scripts."""
import http.server
import io
import json
import pathlib
import shutil
import ssl
import stat
import subprocess
import tarfile
import tempfile
import threading

import pytest

import dev_system
from attestd_fixture import Key
from dev_system import BUILD, ROOT
from seed_system import Seed, write_env

SCRIPTS = ROOT / "scripts"
RELEASE = Key()


class Answers(http.server.BaseHTTPRequestHandler):
    """What a KBS and an SCS say to a machine that is set up."""

    def do_GET(self):
        body = json.dumps(RELEASE.jwks() if self.path == "/kbs/v1/release-keys" else {"status": "ok"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(cms, folder, name):
    """A TLS server whose certificate is from this CMS; its port."""
    folder.mkdir(parents=True)
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.pem", "-out",
                    folder / "csr.pem", "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    subprocess.run([BUILD / "programs/cmsd/cmsd", "--config", cms.place("cms") / "etc/cmsd.conf", "--issue", "--csr", folder / "csr.pem", "--out",
                    folder / "cert.pem"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def clouds():
    """The enterprise with its KBS, the cloud with its SCS."""
    made = [Seed(), Seed()]
    servers = []
    try:
        for seed in made:
            seed.cms()
        servers = [serve(made[0], made[0].made / "kbs-tls", "kbs"), serve(made[1], made[1].made / "scs-tls", "scs")]
        yield made[0], made[1], servers[0].server_port, servers[1].server_port
    finally:
        for server in servers:
            server.shutdown()
        for seed in made:
            seed.down()


def conf_of(clouds, **changes):
    own, csp, kbs, scs = clouds
    return {"KBS_HOSTNAME": "localhost", "KBS_IP": "127.0.0.1", "KBS_PORT": kbs, "CMS_IP": "127.0.0.1", "CMS_PORT": own.ports["cms"],
            "CSP_SCS_PORT": scs, "CSP_SCS_IP": "127.0.0.1", "CSP_CMS_IP": "127.0.0.1", "CSP_CMS_PORT": csp.ports["cms"], "SKC_USER": "skcuser",
            "SKC_TOKEN": "zq.token.Secret", **changes}


def deploy(clouds, folder, *options, status=0, **changes):
    file = write_env(folder / "skc_library.conf", **conf_of(clouds, **changes))
    return clouds[0].run("skc", "deploy", "--conf", file, "--dir", folder / "skc", "--attester", "none", *options, status=status)


def both(clouds):
    return "--cms-sha384", clouds[0].sha384, "--csp-cms-sha384", clouds[1].sha384


@pytest.fixture
def folder():
    made = pathlib.Path(tempfile.mkdtemp(prefix="warder-skc."))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.sanitize
def test_each_cms_is_for_its_own(clouds, folder):
    said = deploy(clouds, folder, *both(clouds))
    assert "KBS localhost" in said and "SCS 127.0.0.1" in said
    skc = folder / "skc"
    assert (skc / "etc/tls/ca.pem").read_bytes() == clouds[0].ca.read_bytes()
    assert (skc / "etc/tls/csp-ca.pem").read_bytes() == clouds[1].ca.read_bytes()
    assert f"ca_file = {skc}/etc/tls/ca.pem" in (skc / "etc/skc-agent.conf").read_text()  # the agent believes the enterprise's
    assert "csp" not in (skc / "etc/skc-agent.conf").read_text()
    assert json.loads((skc / "etc/keys/release-jwks.json").read_text()) == RELEASE.jwks()
    assert json.loads((skc / "etc/sgx_default_qcnl.conf").read_text())["pccs_url"] == f"https://127.0.0.1:{clouds[3]}/sgx/certification/v4/"
    assert all(stat.S_IMODE((skc / f).stat().st_mode) == 0o600 for f in ("etc/skc_library.conf", "etc/skc-agent.conf", "etc/keys.txt"))
    holders = [p for p in skc.rglob("*") if p.is_file() and b"zq.token.Secret" in p.read_bytes()]
    assert holders == [skc / "etc/skc_library.conf"]
    (skc / "etc/keys.txt").write_text("# mine\n")
    assert json.loads(deploy(clouds, folder, *both(clouds), "-o", "json"))["dir"] == str(skc)  # again
    assert (skc / "etc/keys.txt").read_text() == "# mine\n"


def test_the_module_finds_its_configuration(clouds, folder):
    """Without WARDER_MODULE_CONF: DIR/etc/pkcs11.conf of DIR/lib/libpkcs11-api.so, so that this agent is started, and refuses for its reason."""
    deploy(clouds, folder, *both(clouds))
    skc = folder / "skc"
    (skc / "etc/keys.txt").write_text("pkcs11:token=KMS;id=164b41ae-be61-4c7c-a027-4a2ab1e5e4c4;object=RSAKEY;type=private;pin-value=1234;\n")
    subprocess.run(["p11tool", "--provider", skc / "lib/libpkcs11-api.so", "--list-tokens"], capture_output=True, timeout=60)
    pid = skc / "run/skc-agent.pid"
    assert pid.exists()
    dev_system.stop(int(pid.read_text()))


def test_one_cms_for_both(clouds, folder):
    own = clouds[0]
    said = deploy((own, own, clouds[2], clouds[2]), folder, "--cms-sha384", own.sha384)
    assert "SCS" in said and not (folder / "skc/etc/tls/csp-ca.pem").exists()
    shutil.rmtree(folder / "skc")
    deploy(clouds, folder, "--ca", own.ca, CSP_CMS_IP=None, CSP_CMS_PORT=None, CSP_SCS_IP=None, CSP_SCS_PORT=None)
    assert not (folder / "skc/etc/sgx_default_qcnl.conf").exists()


@pytest.mark.sanitize
@pytest.mark.parametrize("case, why, status", [
    ("no digest", "--cms-sha384", 2), ("no digest of the cloud's", "--csp-cms-sha384", 2), ("digests exchanged", "known by --cms-sha384", 4),
    ("KBS of the cloud", "is its certificate from the CMS", 4), ("SCS of the enterprise", "csp-ca.pem", 4), ("no token", "skc_library_create_roles.sh", 1),
    ("attester", "--attester takes", 1), ("no CMS", "CMS_IP", 1), ("no hexadecimal", "96 digits", 2), ("no CA", "--ca", 1)])
def test_what_is_refused(clouds, folder, case, why, status):
    own, csp, kbs, scs = clouds
    options, changes = list(both(clouds)), {}
    if case == "no digest":
        options = options[2:]
    elif case == "no digest of the cloud's":
        options = options[:2]
    elif case == "digests exchanged":
        options[1], options[3] = options[3], options[1]
    elif case == "KBS of the cloud":
        changes["KBS_PORT"] = scs
    elif case == "SCS of the enterprise":
        changes["CSP_SCS_PORT"] = kbs
    elif case == "no token":
        changes["SKC_TOKEN"] = None
    elif case == "attester":
        options += ["--attester", "guess"]
    elif case == "no CMS":
        changes["CMS_IP"] = None
    elif case == "no hexadecimal":
        options[1] = "guess"
    else:
        (folder / "leaf.pem").write_bytes((own.made / "kbs-tls/cert.pem").read_bytes().split(b"-----END CERTIFICATE-----")[0] + b"-----END CERTIFICATE-----\n")
        options += ["--ca", folder / "leaf.pem"]
    said = deploy(clouds, folder, *options, status=status, **changes)
    assert why in said and "zq." not in said
    assert not (folder / "skc/etc/skc_library.conf").exists()


# The scripts.

@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck():
    done = subprocess.run(["shellcheck", *SCRIPTS.glob("*.sh"), ROOT / "demo/run.sh"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def untar(folder, *arguments):
    return subprocess.run([SCRIPTS / "skclib_untar.sh", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)


def archive(path, *names):
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 1
            tar.addfile(info, io.BytesIO(b"x"))
    return path


def test_untar(folder):
    assert "skclib_tar.sh" in untar(folder).stderr
    good = archive(folder / "skc_library.tar.gz", "skc_library/bin/warder", "skc_library/create_roles.conf")
    done = untar(folder)
    assert done.returncode == 0 and (folder / "skc_library/bin/warder").read_text() == "x"
    (folder / "skc_library.tar.gz.sha256").write_text("00" * 32 + "  skc_library.tar.gz\n")
    assert untar(folder).returncode == 1
    (folder / "skc_library.tar.gz.sha256").unlink()
    for name in ("/etc/passwd", "skc_library/../up", "../up", "other/file", "skc_library/a b"):
        done = untar(folder, archive(folder / "bad.tar.gz", "skc_library/a", name))
        assert done.returncode == 1 and "skclib_tar.sh" in done.stderr, name
    assert good.exists() and not (folder.parent / "up").exists()


@pytest.mark.parametrize("name, file", [("populate-users.sh", "populate-users.env"), ("skc_library_create_roles.sh", "create_roles.conf"),
                                        ("deploy_skc_library.sh", "skc_library.conf")])
def test_scripts_take_the_file_of_this_folder(folder, name, file):
    """And give it by name: nothing of it is in arguments or the environment."""
    write_env(folder / file, UNKNOWN="zq-secret")
    fake = folder / "warder"
    fake.write_text('#!/bin/sh\necho "$@"\nenv\n')
    fake.chmod(0o755)
    done = subprocess.run([SCRIPTS / name, "--quiet"], cwd=folder, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "WARDER": str(fake)})
    assert done.returncode == 0 and f" {file} --quiet\n" in done.stdout and "zq-secret" not in done.stdout
