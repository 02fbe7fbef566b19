# SPDX-License-Identifier: Apache-2.0
"""The simulator from outside: what verifiers say of it, its interfaces, and that no product program contains it."""
import base64
import concurrent.futures
import json
import os
import pathlib
import subprocess
import time
import urllib.parse

import pytest

import simulator
from simulator import BUILD, TEESIM, Simulator, teesim, verify

TEES = ["sgx3", "tdx4", "tdx5-td10", "tdx5", "tdx5-td15ex"]
TEE_OF = {"sgx3": "sgx"}
FMSPC = b"TEESIM".hex()
REPORT_DATA = bytes(range(64))
REPORT_DATA_AT = {"sgx3": 48 + 320, "tdx4": 48 + 520, "tdx5": 54 + 520}

# scenario, TEEs, verdict, status, the check that fails
SCENARIOS = [
    ("ok", TEES, "verified", "UpToDate", None),
    ("processor-ca", TEES, "verified", "UpToDate", None),
    ("debug", TEES, "verified", "UpToDate", None),
    ("wrong-measurement", TEES, "verified", "UpToDate", None),
    ("wrong-mrsigner", ["sgx3"], "verified", "UpToDate", None),
    ("out-of-date", TEES, "verified", "OutOfDate", None),
    ("configuration-needed", TEES, "verified", "ConfigurationNeeded", None),
    ("sw-hardening-needed", TEES, "verified", "SWHardeningNeeded", None),
    ("configuration-and-sw-hardening-needed", TEES, "verified", "ConfigurationAndSWHardeningNeeded", None),
    ("out-of-date-configuration-needed", TEES, "verified", "OutOfDateConfigurationNeeded", None),
    ("qe-out-of-date", TEES, "verified", "OutOfDate", None),
    ("module-out-of-date", ["tdx4", "tdx5"], "verified", "OutOfDate", None),
    ("relaunch-advised", ["tdx5", "tdx5-td15ex"], "verified", "TDRelaunchAdvised", None),
    ("tcb-revoked", TEES, "refused", None, "tcb_status"),
    ("tcb-unknown", TEES, "refused", None, "tcb_level"),
    ("revoked", TEES, "refused", None, "pck_revocation"),
    ("wrong-signer", TEES, "refused", None, "pck_chain"),
    ("expired-collateral", TEES, "refused", None, "tcb_info_validity"),
    ("forged-signature", TEES, "refused", None, "quote_signature"),
]
CASES = [(tee, scenario, *rest) for scenario, tees, *rest in SCENARIOS for tee in tees]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return tmp_path_factory.mktemp("teesim")


@pytest.fixture
def run(tmp_path):
    """Starts simulators; all end cleanly."""
    started = []

    def start(*options, **more):
        started.append(Simulator(tmp_path / "sim", *options, **more))
        return started[-1]

    yield start
    for sim in started:
        status, errors = sim.stop()
        assert status == 0, errors


def files(world, tee, scenario):
    folder = world / f"{tee}-{scenario}"
    folder.mkdir(exist_ok=True)
    quote, collateral = folder / "quote.bin", folder / "collateral"
    for arguments in (["quote", "--report-data", REPORT_DATA.hex(), "-o", quote], ["collateral", "-o", collateral]):
        done = teesim(arguments[0], "--dir", world, "--tee", tee, "--scenario", scenario, *arguments[1:])
        assert done.returncode == 0, done.stderr
    return quote, collateral


@pytest.mark.parametrize("tee,scenario,verdict,status,check", CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_warder_verify_says_what_the_scenario_is(world, tee, scenario, verdict, status, check):
    quote, collateral = files(world, tee, scenario)
    result, code = verify(quote, collateral, "--root", world / "pki/root_ca.pem")
    failed = [c["check"] for c in result["checks"] if c["outcome"] == "failed"]
    assert (result["verdict"], code) == (verdict, 0 if verdict == "verified" else 1), result
    if verdict == "verified":
        assert not failed
        assert result["tcb_status"] == status
        assert result["claims"]["root"] == "configured"
        assert result["claims"]["debug"] == (scenario == "debug")
        assert result["type"] == TEE_OF.get(tee, "tdx")
    else:
        assert check in failed


@pytest.mark.parametrize("tee", TEES)
def test_nothing_is_trusted_without_the_configured_root(world, tee):
    """L45: evidence cannot choose its verifier; the folder's own root_ca.pem is never trusted."""
    quote, collateral = files(world, tee, "ok")
    assert (collateral / "root_ca.pem").read_bytes() == (world / "pki/root_ca.pem").read_bytes()
    result, code = verify(quote, collateral)
    assert (result["verdict"], code) == ("refused", 1)


def test_measurements(world):
    default = teesim("measurement").stdout.strip()
    assert len(default) == 96
    other = world / "measurement.hex"
    other.write_text("ab" * 48 + "\n")
    for argument, expected in ((None, default), ("cd" * 48, "cd" * 48), (other, "ab" * 48)):
        options = ["--measurement", argument] if argument else []
        assert teesim("quote", "--dir", world, "--tee", "tdx4", *options, "-o", world / "m.bin").returncode == 0
        assert (world / "m.bin").read_bytes()[48 + 136:48 + 136 + 48].hex() == expected
    done = teesim("quote", "--dir", world, "--measurement", "abcd", "-o", world / "m.bin")
    assert done.returncode == 1 and done.stderr


def independent(quote, collateral, root):
    """The verdict of another implementation, with our root in place of the vendor's."""
    dcap_qvl = pytest.importorskip("dcap_qvl")

    def document(name):
        text = (collateral / name).read_text()
        return text[text.index(":") + 1:text.rindex(',"signature":')], bytes.fromhex(json.loads(text)["signature"])

    chain = (collateral / "tcb_signing_chain.pem").read_text()
    tcb_info, identity = document("tcb_info.json"), document("qe_identity.json")
    parts = dcap_qvl.QuoteCollateralV3((collateral / "pck_crl_issuer_chain.pem").read_text(),
                                       (collateral / "root_ca_crl.der").read_bytes(), (collateral / "pck_crl.der").read_bytes(),
                                       chain, *tcb_info, chain, *identity)
    der = base64.b64decode("".join(root.read_text().splitlines()[1:-1]))
    return dcap_qvl.verify_with_root_ca(quote.read_bytes(), parts, der, int(time.time()))


@pytest.mark.parametrize("tee", TEES)
def test_an_independent_verifier_agrees(world, tee):
    root = world / "pki/root_ca.pem"
    for scenario, status in (("ok", "UpToDate"), ("processor-ca", "UpToDate"), ("out-of-date", "OutOfDate"),
                             ("sw-hardening-needed", "SWHardeningNeeded"), ("qe-out-of-date", "OutOfDate")):
        assert independent(*files(world, tee, scenario), root).status == status
    for scenario in ("revoked", "wrong-signer", "forged-signature", "expired-collateral", "tcb-unknown"):
        with pytest.raises(Exception):
            independent(*files(world, tee, scenario), root)


@pytest.mark.sanitize
@pytest.mark.parametrize("tee", ["sgx3", "tdx4", "tdx5"])
def test_evidence_socket(run, tee):
    sim = run(tee=tee)
    answer = sim.evidence(REPORT_DATA)
    assert answer["type"] == ("sgx-quote" if tee == "sgx3" else "tdx-quote")
    assert "=" not in answer["evidence"]
    quote = base64.urlsafe_b64decode(answer["evidence"] + "==")
    at = REPORT_DATA_AT[tee]
    assert quote[at:at + 64] == REPORT_DATA
    for wrong in ("", "[]", '{"report_data":"00"}', '{"report_data":"%s","x":1}' % REPORT_DATA.hex(), "x" * 1000):
        refused = sim.line(sim.socket, wrong)
        assert "error" in refused and "evidence" not in refused


@pytest.mark.sanitize
def test_many_at_once(run):
    sim = run()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        data = [bytes([i]) * 64 for i in range(64)]
        for sent, answer in zip(data, pool.map(sim.evidence, data)):
            assert base64.urlsafe_b64decode(answer["evidence"] + "==")[48 + 520:48 + 584] == sent


@pytest.mark.sanitize
def test_control_changes_the_platform_at_once(run, tmp_path):
    sim = run()
    quote = tmp_path / "quote.bin"
    collateral = tmp_path / "collateral"
    assert teesim("collateral", "--dir", sim.dir, "-o", collateral).returncode == 0  # made once: scenarios do not need another
    for scenario, verdict in (("ok", "verified"), ("revoked", "refused"), ("ok", "verified"), ("wrong-signer", "refused")):
        assert teesim("scenario", "--control", sim.control_path, scenario).returncode == 0
        quote.write_bytes(base64.urlsafe_b64decode(sim.evidence(REPORT_DATA)["evidence"] + "=="))
        assert verify(quote, collateral, "--root", sim.ready["root"])[0]["verdict"] == verdict
    refused = teesim("scenario", "--control", sim.control_path, "wrong-mrsigner")
    assert refused.returncode == 1 and "does not apply" in refused.stderr
    assert sim.control()["scenario"] == "wrong-signer"
    assert sim.control(measurement="ee" * 48)["measurement"] == "ee" * 48
    assert teesim("scenario", "--control", tmp_path / "nobody", "ok").returncode == 1


@pytest.mark.sanitize
def test_pcs_serves_what_the_vendor_does(run):
    sim = run()
    chains = {"TCB-Info-Issuer-Chain": [f"/{tee}/certification/v4/tcb?fmspc={FMSPC}" for tee in ("sgx", "tdx")],
              "SGX-Enclave-Identity-Issuer-Chain": [f"/{tee}/certification/v4/qe/identity" for tee in ("sgx", "tdx")],
              "SGX-PCK-CRL-Issuer-Chain": [f"/sgx/certification/v4/pckcrl?ca={ca}&encoding=der" for ca in ("processor", "platform")]}
    for header, paths in chains.items():
        for path in paths:
            status, headers, body = sim.get(path)
            assert status == 200 and body
            pem = urllib.parse.unquote(headers[header])
            assert pem.count("-----BEGIN CERTIFICATE-----") == 2
            assert pem.endswith(pathlib.Path(sim.ready["root"]).read_text())
    der = sim.get("/IntelSGXRootCA.der")[2]
    assert der[:1] == b"\x30"
    assert len(bytes.fromhex(sim.get("/sgx/certification/v4/rootcacrl")[2].decode())) == pytest.approx(len(der), abs=4)
    assert sim.get("/sgx/certification/v4/pckcrl?ca=platform")[2].startswith(b"-----BEGIN X509 CRL-----")
    status, headers, leaf = sim.get("/sgx/certification/v4/pckcert?encrypted_ppid=00&cpusvn=00&pcesvn=0000&pceid=0000")
    assert status == 200 and leaf.count(b"BEGIN CERTIFICATE") == 1 and len(headers["SGX-TCBm"]) == 36
    assert headers["SGX-FMSPC"] == FMSPC and headers["SGX-PCK-Certificate-CA-Type"] == "platform"
    for path, status in ((f"/sgx/certification/v4/tcb?fmspc={'0' * 12}", 404), ("/sgx/certification/v4/tcb?fmspc=0", 400),
                         ("/sgx/certification/v4/tcb", 400), ("/sgx/certification/v4/pckcrl?ca=x", 400), ("/nothing", 404)):
        assert sim.get(path)[0] == status, path


def test_pcs_can_be_down_slow_and_counted(run):
    sim = run()
    path = f"/tdx/certification/v4/tcb?fmspc={FMSPC}"
    sim.control(pcs={"status": 503})
    assert sim.get(path)[0] == 503
    sim.control(pcs={"delay_ms": 300})
    since = time.monotonic()
    assert sim.get(path)[0] == 200 and time.monotonic() - since >= 0.3
    assert sim.control(pcs={})["requests"]["/tdx/certification/v4/tcb"] == 2
    sim.control(collateral={"evaluation_number": 17, "lifetime": 7200})
    document = json.loads(sim.get(path)[2])["tcbInfo"]
    assert document["tcbEvaluationDataNumber"] == 17


def test_a_restart_keeps_the_root(tmp_path):
    roots = []
    for _ in range(2):
        sim = Simulator(tmp_path)
        roots.append(pathlib.Path(sim.ready["root"]).read_bytes())
        assert sim.stop()[0] == 0
        assert not sim.socket.exists() and not sim.control_path.exists()
    assert roots[0] == roots[1]


needs_fuse = pytest.mark.skipif(not os.access("/dev/fuse", os.R_OK | os.W_OK), reason="no access to /dev/fuse here")


@needs_fuse
@pytest.mark.sanitize
def test_configfs_tsm_with_shell_commands(run, tmp_path):
    mount = tmp_path / "tsm"
    sim = run("--mount", mount, tee="tdx5")
    assert sim.ready["report"] == f"{mount}/report"
    (tmp_path / "data").write_bytes(REPORT_DATA)
    script = """set -e
cd "$1/report"
mkdir r0
test "$(ls r0 | tr '\\n' ' ')" = "auxblob generation inblob outblob privlevel provider "
test "$(cat r0/provider)" = tdx_guest
test "$(cat r0/generation)" = 0
! cat r0/outblob 2>/dev/null
dd if="$2/data" of=r0/inblob bs=64 count=1 status=none
test "$(cat r0/generation)" = 1
cat r0/outblob >"$2/first"
dd if=r0/outblob of="$2/second" bs=512 status=none
cmp "$2/first" "$2/second"
cat "$2/data" >r0/inblob
test "$(cat r0/generation)" = 2
echo 0 >r0/privlevel
test "$(cat r0/generation)" = 3
! head -c 65 /dev/zero >r0/inblob 2>/dev/null
! mkdir r0 2>/dev/null
! mkdir r0/sub 2>/dev/null
! touch r0/other 2>/dev/null
! rm -f r0/inblob 2>/dev/null
cat r0/outblob >"$2/third"
rmdir r0
test -z "$(ls)"
! rmdir r0 2>/dev/null
"""
    done = subprocess.run(["bash", "-c", script, "tsm", mount, tmp_path], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    at = REPORT_DATA_AT["tdx5"]
    assert (tmp_path / "first").read_bytes()[at:at + 64] == REPORT_DATA
    collateral = tmp_path / "collateral"
    assert teesim("collateral", "--dir", sim.dir, "--tee", "tdx5", "-o", collateral).returncode == 0
    for name in ("first", "third"):
        assert verify(tmp_path / name, collateral, "--root", sim.ready["root"])[0]["tcb_status"] == "UpToDate"


@needs_fuse
def test_the_mount_goes_away(tmp_path):
    mount = tmp_path / "tsm"
    sim = Simulator(tmp_path / "sim", "--mount", mount)
    assert os.path.ismount(mount)
    assert sim.stop()[0] == 0
    assert not os.path.ismount(mount)
    busy = Simulator(tmp_path / "sim", "--mount", mount)
    visitor = subprocess.Popen(["sleep", "60"], cwd=mount / "report")
    try:
        assert busy.stop()[0] == 0
        assert not os.path.ismount(mount)
    finally:
        visitor.kill()
        visitor.wait()
    killed = Simulator(tmp_path / "sim", "--mount", mount)
    killed.process.kill()
    killed.stop()
    again = Simulator(tmp_path / "sim", "--mount", mount)  # over what the killed one left
    try:
        assert (mount / "report").is_dir()
    finally:
        assert again.stop()[0] == 0
    assert not os.path.ismount(mount)


def test_sgx_has_no_configfs_tsm(tmp_path):
    with pytest.raises(RuntimeError, match="--mount"):
        Simulator(tmp_path, "--mount", tmp_path / "tsm", tee="sgx3")


@pytest.mark.parametrize("arguments,status", [
    ([], 2), (["nonsense"], 2), (["run"], 2), (["run", "--dir", "x", "--pcs-port", "70000"], 2), (["quote", "--dir", "x"], 2),
    (["--help"], 0), (["--version"], 0), (["run", "--help"], 0), (["measurement", "--tee", "z80"], 1)])
def test_usage(arguments, status, tmp_path):
    done = subprocess.run([TEESIM, *arguments], cwd=tmp_path, text=True, capture_output=True, timeout=20)
    assert done.returncode == status
    assert done.stdout if status == 0 else done.stderr


def defined(binary):
    names = subprocess.run(["nm", "--defined-only", binary], text=True, capture_output=True, check=True).stdout
    return {line.split()[-1] for line in names.splitlines() if line.split()[-2:-1] and line.split()[-2] in "TtDdBbRr"}


def exported(folder):
    """Global functions and data of the static libraries under a folder of the build."""
    names = set()
    for archive in folder.rglob("*.a"):
        listing = subprocess.run(["nm", "-g", "--defined-only", archive], text=True, capture_output=True, check=True).stdout
        names |= {line.split()[-1] for line in listing.splitlines() if len(line.split()) == 3 and line.split()[1] in "TDBR"}
    return names


def test_no_product_program_contains_the_simulator():
    """L45: the path that says yes to a made-up platform is in teesim alone."""
    own = exported(BUILD / "tools/teesim") - exported(BUILD / "src")
    assert {"forge_quote_write", "platform_quote", "scenario_apply"} <= own
    assert {"forge_quote_finish", "scenario_apply"} <= defined(TEESIM)  # the check sees what it looks for
    programs = [p for p in (BUILD / "programs").rglob("*") if p.is_file() and p.read_bytes()[:4] == b"\x7fELF" and p.suffix != ".o"]
    assert simulator.WARDER in programs
    for program in programs:
        symbols = defined(program)
        assert len(symbols) > 10, f"{program} is stripped: nothing to check"
        assert not symbols & own, program
        # Its PKI cannot come in as data either. `warder dev` knows the name only to start it.
        assert b"teesim, for development and tests only" not in program.read_bytes()
