# SPDX-License-Identifier: Apache-2.0
"""The documentation says what the programs do: API files against route tables, manual pages against help and settings."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import api_contract
import permission_table
import pytest
import yaml
from openapi_spec_validator import validate

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WARDER_BUILD", ROOT / "build"))
MAN = ROOT / "docs/man"
APIS = sorted((ROOT / "docs/api").glob("*.yaml"))
PAGES = sorted(MAN.glob("*.[1-8]"))
DAEMONS = ["attestd", "kbsd", "keyd", "aasd", "cmsd", "skc-agent"]
OF_EVERY_PROGRAM = {"help", "version"}
OWN_TABLES = {"cli": ("programs/cli/session.c", "warder.1"), "module": ("programs/pkcs11/conf.c", "libpkcs11-api.7")}
CODE = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def program(name):
    return BUILD / "tools/teesim/teesim" if name == "teesim" else BUILD / "programs" / name / name


def output(*command):
    done = subprocess.run([str(part) for part in command], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def page(name):
    return (MAN / name).read_text()


# --- API files

def document(path):
    return yaml.safe_load(path.read_text())


def operations(api):
    return {(method.upper(), route): operation for route, item in api["paths"].items()
            for method, operation in item.items() if method in ("get", "post", "put", "patch", "delete")}


def test_every_service_has_its_file():
    assert {path.stem for path in APIS} == set(permission_table.routes())


@pytest.mark.parametrize("path", APIS, ids=lambda path: path.stem)
def test_api_file_is_valid(path):
    validate(document(path))


@pytest.mark.parametrize("path", APIS, ids=lambda path: path.stem)
def test_api_file_has_the_routes_of_the_program(path):
    documented = operations(document(path))
    served = permission_table.routes()[path.stem]
    assert set(documented) == set(served)
    api = document(path)
    for key, operation in documented.items():
        needs_token = {} not in operation.get("security", api.get("security", [])) and bool(operation.get("security", api.get("security", [])))
        assert needs_token == (served[key].tag == "BEARER"), f"{key}: security"


@pytest.mark.parametrize("path", APIS, ids=lambda path: path.stem)
def test_parameters_of_paths_are_declared(path):
    api = document(path)
    for route, item in api["paths"].items():
        declared = set()
        for parameter in item.get("parameters", []) + [p for o in item.values() if isinstance(o, dict) for p in o.get("parameters", [])]:
            if "$ref" in parameter:
                parameter = api["components"]["parameters"][parameter["$ref"].split("/")[-1]]
            if parameter["in"] == "path":
                declared.add(parameter["name"])
        assert declared == set(re.findall(r"\{(\w+)\}", route)), route


def sources(*folders):
    return "".join(p.read_text() for folder in folders for p in (ROOT / folder).rglob("*.c"))


def code_exists(code, text=sources("src", "programs")):
    """Written out, or made as "%s_invalid" from a noun."""
    return f'"{code}"' in text or f'"%s_{code.split("_", 1)[1]}"' in text


@pytest.mark.parametrize("path", APIS, ids=lambda path: path.stem)
def test_problem_codes_exist(path):
    api = document(path)
    shared = api["components"].get("responses", {})
    for key, operation in operations(api).items():
        for status, response in operation["responses"].items():
            if status[0] in "45":
                text = response.get("description", "") + shared.get(response.get("$ref", "").split("/")[-1], {}).get("description", "")
                unknown = [code for code in CODE.findall(text) if not code_exists(code)]
                assert not unknown, f"{key} {status}: {unknown}"


def test_every_code_of_the_broker_is_documented():
    table = (ROOT / "src/broker/outcome.c").read_text()
    codes = set(re.findall(r'\[CODE_\w+\] = \{ "(\w+)"', table)) - {"ok", "appraise", "pending_approval"}  # between keyd and kbsd only
    assert len(codes) > 20
    text = (ROOT / "docs/api/kbs.yaml").read_text()
    assert {code for code in codes if f"`{code}`" not in text} == set()


@pytest.mark.parametrize("path", APIS, ids=lambda path: path.stem)
def test_permissions_are_those_of_the_routes(path):
    for key, operation in operations(document(path)).items():
        route = permission_table.routes()[path.stem][key]
        if route.tag == "BEARER":
            assert operation.get("x-permission") == route.needs.replace(f"{path.stem.upper()}:", ""), key


def test_the_broker_asks_for_what_its_routes_name():
    """keyd decides by what its own code asks for; kbsd's routes name the same, and the walk over both proves it."""
    asked = set(re.findall(r'"([a-z_]+:[a-z]+)"', sources("src/broker"))) - {"none:none"}
    named = {need.removeprefix("KBS:") for route in permission_table.routes()["kbs"].values() for need in route.needs.split(" or ") if need}
    assert named == asked - {"keys:transfer"}  # of a release: behind a proof


def test_the_table_of_permissions_is_that_of_the_code():
    assert (ROOT / "docs/permissions.md").read_text() == permission_table.page(), "python3 tests/system/permission_table.py writes it"


def test_every_route_has_an_entry():
    """L1: an endpoint that anybody may call is called so; no other is without what it needs."""
    one = re.compile(r"[A-Z]+:(?:[a-z_]+:[a-z]+|[A-Za-z]+)")
    for service, rows in permission_table.routes().items():
        for key, route in rows.items():
            if route.tag == "BEARER":
                assert all(one.fullmatch(need) and need.startswith(f"{service.upper()}:") for need in route.needs.split(" or ")), key
            else:
                assert not route.needs, key


GOOD = {"type": "https://warder.dev/problems/x", "title": "Not Found", "status": 404, "detail": "why", "instance": "1"}


@pytest.mark.parametrize("status, kind, body, wrong", [
    (204, "", b"", None),
    (404, "application/problem+json", {**GOOD, "code": "key_not_found"}, None),
    (404, "application/problem+json", {**GOOD, "code": "policy_not_found"}, "the code policy_not_found"),
    (404, "application/problem+json", {**GOOD, "code": "key_not_found", "reason": "x"}, "$.reason"),
    (404, "application/problem+json", {"code": "key_not_found"}, "'type' is a required property"),
    (404, "text/html", b"no such key", "content type"),
    (410, "application/problem+json", {**GOOD, "code": "key_gone"}, "this status"),
    (503, "application/problem+json", {**GOOD, "code": "key_manager_unavailable"}, None),
])
def test_the_contract_bites(status, kind, body, wrong):
    """conftest.py holds every answer in the system tests against these files: what it would say of a DELETE of a key."""
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = "; ".join(api_contract.answer_errors("kbs", "DELETE", "/kbs/v1/keys/1", status, kind, text))
    assert wrong in said if wrong else not said


# --- manual pages

@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_manual_page_is_clean(path):
    assert shutil.which("mandoc"), "mandoc is missing: make setup"
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", path], text=True, capture_output=True)
    assert not done.stdout and not done.stderr, done.stdout + done.stderr


def documented_settings(text):
    """{(section, key)} of lines `.It Cm [section] key , key`."""
    found = set()
    for line in re.findall(r"^\.It Cm (\[\w+\] .*)$", text, re.M):
        section, keys = line.split("]", 1)
        found |= {(section[1:], key) for key in keys.replace(",", " ").split()}
    return found


def shown_settings(text):
    found, section = set(), None
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            found.add((section, line.split(" =")[0]))
    return found


@pytest.mark.parametrize("name", DAEMONS)
def test_settings_of_a_daemon_are_those_of_its_page(name, tmp_path):
    empty = tmp_path / "empty.conf"
    empty.write_text("")
    assert documented_settings(page(f"{name}.8")) == shown_settings(output(program(name), "--config", empty, "--show-config"))


@pytest.mark.parametrize("name", OWN_TABLES)
def test_settings_of_a_table_are_those_of_its_page(name):
    source, manual = OWN_TABLES[name]
    rows = set(re.findall(r'\{ "(\w+)", "(\w+)", OPTION_', (ROOT / source).read_text()))
    assert rows and documented_settings(page(manual)) == rows


@pytest.mark.parametrize("name", DAEMONS)
def test_defaults_in_a_page_are_true(name, tmp_path):
    """`default WORD` right behind a single key: the default that the program has."""
    empty = tmp_path / "empty.conf"
    empty.write_text("")
    values, section, compared = {}, None, 0
    for line in output(program(name), "--config", empty, "--show-config").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition(" =")
            values[section, key] = value.strip()
    for section, key, meaning in re.findall(r"^\.It Cm \[(\w+)\] (\w+)\n((?:(?!\.It|\.El).*\n)*)", page(f"{name}.8"), re.M):
        stated = re.search(r"(?:; default|^Default)\s+(?:\.(?:Pa|Cm|Ql) )?([\w:/.-]+)", meaning, re.M)
        if stated and stated[1].rstrip(".") not in ("none", "Intel") and "FOLDER" not in stated[1]:
            assert values[section, key] == stated[1].rstrip("."), f"[{section}] {key}"
            compared += 1
    assert compared


def documented_options(text):
    return set(re.findall(r"\bFl Fl ([a-z][a-z0-9-]*)", text))


def long_options(help_text):
    return set(re.findall(r"^\s+(?:-\w, )?--([a-z0-9-]+)", help_text, re.M)) - OF_EVERY_PROGRAM


def verbs(help_text):
    return re.findall(r"^  ([a-z-]+) {2,}\S", help_text, re.M)


def helps(binary):
    """{verbs: help} of a program with verbs, at every depth."""
    found, todo = {}, [()]
    while todo:
        at = todo.pop()
        text = output(binary, *at, "--help")
        found[at] = text
        if "VERB" in text:
            todo += [(*at, verb) for verb in verbs(text)]
    return found


@pytest.mark.parametrize("name", DAEMONS)
def test_options_of_a_daemon_are_those_of_its_page(name):
    text = page(f"{name}.8")
    listed = {option for line in re.findall(r"^\.It (Fl.*)$", text, re.M) for option in documented_options(line)}
    said = output(program(name), "--help") + (output(program(name), "fetch", "--help") if name == "skc-agent" else "")
    assert listed == long_options(said)


@pytest.mark.parametrize("binary, manual", [("programs/cli/warder", "warder.1"), ("tools/teesim/teesim", "teesim.1")])
def test_every_verb_and_option_is_in_the_page(binary, manual):
    text, known = "".join(page(p.name) for p in PAGES if p.name == manual or p.name.startswith(manual[:-2] + "-")), set()
    for at, said in helps(BUILD / binary).items():
        known |= long_options(said)
        assert long_options(said) <= documented_options(text), f"{at}"
        if at:
            assert re.search(r"\b" + " ".join(at) + r"\b", text) or re.search(r"Cm " + at[-1] + r"$", text, re.M), f"verb {at}"
    assert documented_options(text) - OF_EVERY_PROGRAM <= known


def test_every_scenario_of_the_simulator_is_in_its_page():
    listed = re.findall(r"^  ([a-z-]+) {2,}", output(program("teesim"), "run", "--help").split("Scenarios:")[1], re.M)
    assert len(listed) > 10
    items = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"^\.It Cm (.*)$", page("teesim.1").split(".Sh SCENARIOS")[1], re.M))))
    assert set(listed) == items


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_see_also_names_pages_that_exist(path):
    for name, section in re.findall(r"^\.Xr (\S+) (\d)", path.read_text(), re.M):
        assert (MAN / f"{name}.{section}").exists() or name == "openssl", f"{name}({section})"


# --- limits

def test_limits_on_input_stand_in_one_header():
    """What a header of a layer that reads from outside bounds, it bounds in base/bounds.h."""
    stray = [f"{p.relative_to(ROOT)}: {name}" for layer in ("evidence", "collateral", "verify", "policy") for p in (ROOT / "src" / layer).glob("*.h")
             for name in re.findall(r"^#define +([A-Z0-9_]+(?:_MAX|_DEPTH))\b", p.read_text(), re.M)]
    assert not stray, stray


# --- links

TEXTS = [p for p in sorted(ROOT.rglob("*.md")) if not {".cache", ".git"} & set(p.parts) and not p.relative_to(ROOT).parts[0].startswith("build")]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not re.match(r"[a-z]+:|#", target):
            assert (path.parent / target.split("#")[0]).exists(), target


@pytest.mark.parametrize("path", [*TEXTS, *PAGES, *APIS], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_of_ours_that_a_text_names_exist(path):
    for target in re.findall(r"\b(?:docs|tests|src|programs|packaging|demo|bench)/[\w./-]+\.(?:md|c|h|yaml|py|svg|sh)\b", path.read_text()):
        assert (ROOT / target).exists(), target
