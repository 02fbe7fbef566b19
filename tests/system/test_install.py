# SPDX-License-Identifier: Apache-2.0
"""What `make install PREFIX=DIR` leaves in DIR runs from there, and from where DIR is moved to, without the build tree."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

import dev_system
from dev_system import BUILD, ROOT

PROGRAMS = ["bin/warder", *(f"sbin/{name}" for name in ("attestd", "kbsd", "keyd", "aasd", "cmsd", "skc-agent")), "libexec/warder/teesim"]
VECTOR = ROOT / "tests/vectors/intel/tdx4-plat-50806f000000-12b401-ev15-1a97"
REFUSED = ROOT / "tests/vectors/intel/tdx4-plat-90c06f000000-cbdb5b-ev17-7d30"


def run(*command, status=0, **options):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, timeout=120, **options)
    assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    first = tmp_path_factory.mktemp("installed") / "first"
    run(ROOT / "packaging/install.sh", BUILD, first)
    moved = first.parent / "opt"
    first.rename(moved)
    return moved


def test_folders(prefix):
    assert {path.name for path in prefix.iterdir()} == {"bin", "sbin", "lib", "libexec", "share", "include"}
    for name in ["lib/libpkcs11-api.so", "lib/libwarder-verify.so", "lib/libwarder-verify.so.0", "lib/pkgconfig/warder-verify.pc",
                 "include/warder/verify.h", "libexec/warder/attestd-worker", "share/warder/run.sh", "share/warder/populate-users",
                 "share/warder/populate-users.sh", "share/warder/skc_library_create_roles.sh", "share/warder/deploy_skc_library.sh",
                 "share/warder/skclib_untar.sh", "share/warder/create_roles.conf", "share/warder/skc_library.conf", "share/man/man1/warder.1",
                 "share/man/man7/libpkcs11-api.7", "share/warder/api/kbs.yaml", "share/warder/doc/protocol.md"]:
        assert (prefix / name).exists(), name


def test_every_page_and_api_file_is_installed(prefix):
    pages = {path.name for path in (ROOT / "docs/man").glob("*.[1-8]")}
    assert {path.name for path in (prefix / "share/man").rglob("*.[1-8]")} == pages
    assert {path.name for path in (prefix / "share/warder/api").iterdir()} == {path.name for path in (ROOT / "docs/api").glob("*.yaml")}
    texts = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {path.name for path in (prefix / "share/warder/doc").glob("*.md")} == texts


def test_destdir(tmp_path):
    run(ROOT / "packaging/install.sh", BUILD, "/opt/warder", env={**os.environ, "DESTDIR": str(tmp_path)})
    assert (tmp_path / "opt/warder/bin/warder").exists()
    run(ROOT / "packaging/install.sh", BUILD, "/opt/warder", env={**os.environ, "DESTDIR": str(tmp_path)})  # over what is there


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_answer(prefix, name):
    assert "sage:" in run(prefix / name, "--help", cwd="/")
    assert re.fullmatch(r"\S+ \d+\.\d+\.\d+\n", run(prefix / name, "--version", cwd="/"))


def test_units_share_no_folder_and_have_their_users(prefix):
    """systemd gives a RuntimeDirectory= to the unit's user: a common one would be the last starter's, agent's socket and all."""
    units = {path.name: path.read_text() for path in (prefix / "share/warder/systemd").glob("*.service")}
    assert len(units) == 7
    folders = [line for text in units.values() for line in re.findall(r"^(?:Runtime|State)Directory=.*$", text, re.M)]
    assert len(set(folders)) == len(folders) and all("=warder/" in line for line in folders)
    users = {u for text in units.values() for u in re.findall(r"^User=(.*)$", text, re.M)} - {"root"}
    made = re.findall(r"^u (\S+)", (prefix / "share/warder/systemd/warder-sysusers.conf").read_text(), re.M)
    assert users == set(made)


def test_nothing_points_into_the_build_tree(prefix):
    for path in prefix.rglob("*"):
        if path.is_file() and path.read_bytes()[:4] == b"\x7fELF":
            dynamic = run("readelf", "-d", path)
            assert "RPATH" not in dynamic and "RUNPATH" not in dynamic, path
        elif path.is_file():
            assert str(BUILD).encode() not in path.read_bytes(), path


def test_the_module_loads(prefix):
    code = "import ctypes, sys; m = ctypes.CDLL(sys.argv[1]); p = ctypes.c_void_p(); sys.exit(m.C_GetFunctionList(ctypes.byref(p)) or not p.value)"
    run(sys.executable, "-c", code, prefix / "lib/libpkcs11-api.so")


def test_the_library_exports_its_interface_and_nothing_else(prefix):
    exported = set(re.findall(r" [TDBRVW] (\S+)$", run("nm", "-D", "--defined-only", prefix / "lib/libwarder-verify.so"), re.M))
    in_map = re.findall(r"^ {8}(warder_\w+);", (ROOT / "programs/libwarder-verify/verify.map").read_text(), re.M)
    header = (prefix / "include/warder/verify.h").read_text()
    declared = {name for name in re.findall(r"\b(warder_\w+)\(", header)}
    assert exported == {f"{name}@@WARDER_VERIFY_0" for name in in_map} and declared == set(in_map)
    page = (ROOT / "docs/man/warder-verify.3").read_text()
    assert all(f".Fn {name} " in page for name in declared)
    assert "libwarder-verify.so.0" in run("readelf", "-d", prefix / "lib/libwarder-verify.so")


def pkg_config(prefix, what):
    return run("pkg-config", what, "warder-verify", env={**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}).split()


def test_pkg_config_follows_the_folder(prefix):
    flags = pkg_config(prefix, "--cflags") + pkg_config(prefix, "--libs")
    where = {flag[:2]: pathlib.Path(flag[2:]).resolve() for flag in flags}
    assert where["-I"] == prefix / "include" and where["-L"] == prefix / "lib" and "-lwarder-verify" in flags


@pytest.mark.parametrize("compiler, options", [("cc", ["-std=c11", "-x", "c"]), ("c++", ["-x", "c++"])])
def test_the_header_compiles_alone(prefix, compiler, options):
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    run(compiler, *options, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", prefix / "include/warder/verify.h")


@pytest.fixture(scope="module")
def example(prefix, tmp_path_factory):
    out = tmp_path_factory.mktemp("example") / "verify_example"
    run("cc", *pkg_config(prefix, "--cflags"), prefix / "share/warder/doc/examples/verify.c", "-o", out, *pkg_config(prefix, "--libs"))
    return out


@pytest.mark.parametrize("vector, status, verdict", [(VECTOR, 0, "verified"), (REFUSED, 1, "refused")])
def test_the_example_verifies_with_the_installed_library(prefix, example, vector, status, verdict):
    meta = json.loads((vector / "meta.json").read_text())
    said = run(example, vector, meta["verify_at"], vector / "quote.bin", status=status, env={"LD_LIBRARY_PATH": str(prefix / "lib")})
    assert json.loads(said)["verdict"] == verdict


def test_installed_warder_verifies(prefix):
    meta = json.loads((VECTOR / "meta.json").read_text())
    said = run(prefix / "bin/warder", "verify", "--collateral", VECTOR, "--at", meta["verify_at"], "-o", "json", VECTOR / "quote.bin", cwd="/")
    assert json.loads(said)["verdict"] == "verified"


def test_a_development_system_runs_from_the_installation(prefix, tmp_path_factory):
    folder = tmp_path_factory.mktemp("d")
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "WARDER_CONFIG": str(folder / "etc/cli.conf")}
    warder = prefix / "bin/warder"
    try:
        run(warder, "dev", "up", "--dir", folder, "--ports", dev_system.free_ports(18), "--quiet", env=env, cwd="/")
        services = json.loads(run(warder, "status", "-o", "json", env=env, cwd="/"))
        assert {row["status"] for row in services} == {"ok"}
        for pid in folder.glob("run/*.pid"):
            assert os.readlink(f"/proc/{pid.read_text().strip()}/exe").startswith(str(prefix)), pid.name
        made = run(prefix / "share/warder/run.sh", "reg", "2048", env={**env, "WARDER": str(warder), "OUTPUT": str(folder / "out")}, cwd="/")
        assert "Created Key: " in made and "Key Certificate Path: " in made
    finally:
        run(warder, "dev", "down", "--dir", folder, env=env, cwd="/")
