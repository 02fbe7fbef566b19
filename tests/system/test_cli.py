# SPDX-License-Identifier: Apache-2.0
"""The command line where no service is needed, or a false one is: usage, forms of the answer, what it says of refusals."""
import http.server
import json
import os
import resource
import socket
import ssl
import subprocess
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import small_kbs
from dev_system import WARDER


def warder(*arguments, status=0, config=None, cwd="/", text=None):
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
    if config:
        env["WARDER_CONFIG"] = str(config)
    done = subprocess.run([WARDER, *map(str, arguments)], env=env, text=True, capture_output=True, timeout=60, cwd=cwd, input=text)
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


NO_OPERANDS = ["key create", "key import", "key register", "key enroll", "key list", "policy create", "policy list", "policy test", "appraisal create",
               "appraisal list", "appraisal decisions", "audit list", "collateral list", "collateral refresh", "collateral forecast", "deny list", "deny affected", "user list", "role list", "token get", "token show", "status", "dev up", "dev down", "dev status"]
ONE_OPERAND = ["key show", "key delete", "policy show", "policy delete", "policy lint", "appraisal show", "appraisal delete", "appraisal lint",
               "appraisal update", "appraisal versions", "appraisal explain", "appraisal test", "appraisal import", "appraisal from-evidence",
               "appraisal from-sigstruct", "appraisal from-bundle", "policy explain",
               "audit show", "audit verify", "collateral export", "collateral import", "user create", "user show", "user password", "user delete", "role create", "role show", "role delete", "verify"]

TWO_OPERANDS = ["role grant", "role revoke", "appraisal diff", "appraisal rollback"]


@pytest.mark.parametrize("verb", NO_OPERANDS + ONE_OPERAND + TWO_OPERANDS)
def test_surplus_operands_are_wrong_usage(verb, tmp_path):
    surplus = 1 + (verb in ONE_OPERAND) + 2 * (verb in TWO_OPERANDS)
    said = warder(*verb.split(), *["x"] * surplus, status=2, cwd=tmp_path)
    assert "usage: " in said.stderr and "--help" in said.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["policy lint x", "appraisal lint x", "dev up", "dev down", "dev status", "verify x", "key list"])
def test_other_forms_of_the_answer_are_wrong_usage(verb, tmp_path):
    assert "text or json" in warder(*verb.split(), "-o", "yaml", status=2, cwd=tmp_path).stderr


GOOD = {"policy": {"name": "p", "attestation": "require", "attestation_types": ["tdx"]},
        "appraisal": {"version": "1.0.0", "anyOf": [{"allOf": [{"claim": "debug", "equals": False}]}]}}
BAD = {"policy": {"name": "p", "attestation": "sometimes"}, "appraisal": {"version": "1.0.0", "anyOf": [{"allOf": [{"claim": "bug", "equals": 1}]}]}}


@pytest.mark.parametrize("noun", ["policy", "appraisal"])
def test_lint_as_json(noun, tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(GOOD[noun]))
    bad.write_text(json.dumps(BAD[noun]))
    said = json.loads(warder(noun, "lint", good, "-o", "json").stdout)
    assert said["good"] is True and said["file"] == str(good)
    said = json.loads(warder(noun, "lint", bad, "-o", "json", status=1).stdout)
    assert said["good"] is False and said["remarks"][0]["level"] == "error" and said["remarks"][0]["message"]
    assert "good" in warder(noun, "lint", good).stdout
    assert "error: " in warder(noun, "lint", bad, status=1).stderr


@pytest.mark.parametrize("claims", ["isvsvn=three", "isvsvn=", "isvsvn=3x", "isvsvn=-1", "isvsvn=9999999999999999999", "debug=yes", "debug=", "debug",
                                    "mrtf=00"])
def test_a_claims_value_is_of_its_type(claims):
    """What is not understood never becomes another, weaker condition."""
    assert "--claim" in warder("policy", "create", "--name", "p", "--claim", claims, status=2).stderr


def test_a_policys_file_is_not_mixed_with_options(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(GOOD["policy"]))
    warder("policy", "create", "--file", path, "--claim", "debug=false", status=2)
    warder("policy", "create", "--claim", "debug=false", status=2)


def test_dev_leaves_folders_of_others_alone(tmp_path):
    (tmp_path / "mine").write_text("x")
    tmp_path.chmod(0o770)
    for verb in ("up", "down", "status"):
        assert "--dir" in warder("dev", verb, "--dir", tmp_path, status=1).stderr
    assert tmp_path.stat().st_mode & 0o7777 == 0o770 and [p.name for p in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("verb", ["down", "status"])
def test_dev_makes_no_folder_to_look_into(verb, tmp_path):
    assert "no system" in warder("dev", verb, "--dir", tmp_path / "none", status=1).stderr
    assert not (tmp_path / "none").exists()


class Service:
    """Answers every request with one problem."""

    def __init__(self, folder):
        ca, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.ca = small_kbs.save(folder / "ca.pem", small_kbs.issue("CA", ca, "CA", ca, True))
        chain = small_kbs.save(folder / "chain.pem", small_kbs.issue("localhost", key, "CA", ca, False, ["localhost"]) + small_kbs.pem(key))
        self.status, self.code, self.detail = 200, "some_code", ""
        self.asked, self.go_on = threading.Event(), threading.Event()  # a POST has come; it may be answered
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"" if service.status == 204 else json.dumps({"code": service.code, "detail": service.detail}).encode()
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                service.asked.set()
                service.go_on.wait(20)
                self.do_GET()

            do_DELETE = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.config, self.port = folder / "cli.conf", self.server.server_address[1]
        self.write(f"https://localhost:{self.port}")

    def write(self, url):
        self.config.write_text(f"[services]\nkbs = {url}\naas = {url}\ncms = {url}\n[tls]\nca = {self.ca}\n")


@pytest.fixture
def service(tmp_path):
    made = Service(tmp_path)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize("answered, status", [(400, 1), (401, 3), (403, 3), (404, 1), (409, 1), (413, 1), (429, 4), (500, 1), (502, 4), (503, 4), (504, 4)])
def test_refusals_say_what_to_do_next(service, answered, status):
    service.status, service.detail = answered, "why\x1b[31m it is so"
    said = warder("key", "list", config=service.config, status=status).stderr
    assert f"({answered} some_code): why?[31m it is so\n  " in said  # and nothing that moves a terminal
    assert len(said.splitlines()) == 2


def test_a_hint_is_of_its_refusal(service):
    service.status, service.code = 409, "archive_refused"
    assert "docs/collateral.md" in warder("key", "list", config=service.config, status=1).stderr
    service.code = "archive"
    assert "exists already" in warder("key", "list", config=service.config, status=1).stderr


@pytest.mark.parametrize("verb", ["key enroll --bits 2048", "user create ann --password-file {}"])
def test_who_handles_secrets_leaves_no_core_dump(service, tmp_path, verb):
    password = small_kbs.save(tmp_path / "password", b"correct horse\n")
    command = [WARDER, *verb.format(password).split()]
    process = subprocess.Popen(command, env={"WARDER_CONFIG": str(service.config)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
    try:
        assert service.asked.wait(20)
        assert resource.prlimit(process.pid, resource.RLIMIT_CORE) == (0, 0)
    finally:
        service.go_on.set()
        process.wait(20)


def test_deletion_answers_in_json(service):
    service.status = 204
    assert json.loads(warder("key", "delete", "abc", "-o", "json", config=service.config).stdout) == {}


def test_a_bad_address_is_an_error_and_not_an_outage(service):
    service.write("http://localhost:1")
    assert "[services]" in warder("key", "list", config=service.config, status=1).stderr
    service.write("https://localhost:1")
    assert "warder status" in warder("key", "list", config=service.config, status=4).stderr


def test_status_waits_once_for_all_that_hang(service):
    """Four services take the connection and never speak; the one that answers and the one that refuses are told apart."""
    with socket.create_server(("127.0.0.1", 0)) as hung:
        url = f"https://localhost:{hung.getsockname()[1]}"
        service.write(url)
        text = service.config.read_text().replace("[tls]", f"as = {url}\nqvs = https://localhost:1\ntcs = https://localhost:{service.port}\n[tls]")
        service.config.write_text(text)
        began = time.monotonic()
        rows = json.loads(warder("status", "-o", "json", config=service.config, status=4).stdout)
        took = time.monotonic() - began
    assert [(row["service"], row["status"]) for row in rows] == [
        ("kbs", "down"), ("aas", "down"), ("cms", "down"), ("as", "down"), ("qvs", "down"), ("tcs", "unknown")]
    assert took < 25, "one wait, of eight seconds, and not one after the other"


def test_status_says_at_once_what_refuses(service):
    service.write("https://localhost:1")
    began = time.monotonic()
    rows = json.loads(warder("status", "-o", "json", config=service.config, status=4).stdout)
    assert {row["status"] for row in rows} == {"down"} and len(rows) == 3
    assert time.monotonic() - began < 4.5


def test_a_transfer_policy_in_words(tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({**GOOD["policy"], "conditions": GOOD["appraisal"]}))
    said = warder("policy", "explain", path).stdout
    assert "Attestation: require" in said and '["tdx"]' in said and "debug is false" in said
    path.write_text(json.dumps({**GOOD["policy"], "conditions": BAD["appraisal"]}))
    said = warder("policy", "lint", path, status=1).stderr
    assert 'conditions.anyOf[0].allOf[0]: unknown claim "bug"' in said
