# SPDX-License-Identifier: Apache-2.0
"""How much a stranger may send to each service, how slowly, and what is said once but sent twice."""
import concurrent.futures
import json
import socket
import ssl
import time

import pytest

import api_contract
import dev_system
import request_cases

pytestmark = pytest.mark.sanitize
SERVICES = ["as", "qvs", "tcs", "kbs", "aas", "cms"]
DEADLINE = 10  # seconds for the whole of a request
HEAD_MAX, FIELDS_MAX = 32 << 10, 64


@pytest.fixture(scope="module")
def system():
    s = dev_system.System(options=("--no-fuse",)).up()
    yield s
    s.down()


class Wire:
    """What an HTTP library would not send."""

    def __init__(self, system, service):
        plain = socket.create_connection(("127.0.0.1", system.port(service)), timeout=60)
        context = ssl.create_default_context(cafile=system.dir / "etc/tls/ca.pem")
        self.socket = context.wrap_socket(plain, server_hostname="localhost")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def answer(self):
        """(status, its head, its document), read to the end of the connection where it is closed."""
        text = b""
        while True:
            head, end, body = text.partition(b"\r\n\r\n")
            if end:
                length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
                if len(body) >= length:
                    document = json.loads(body) if b"application/problem+json" in head else None
                    return int(head.split()[1]), head.decode(), document
            more = self.socket.recv(65536)
            if not more:
                return None, text.decode(errors="replace"), None
            text += more

    def ended(self, seconds=30):
        """Whether the server ends the connection."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True
        except TimeoutError:
            return False


def targets():
    """(service, path, most bytes of a body): of each service what takes a body, those first that take more than the rest."""
    for service in SERVICES:
        most = api_contract.document(service)["info"]["x-body-max"]
        found = {}
        for method, path, operation in request_cases.operations(service):
            if method == "POST" and "{" not in path and "requestBody" in operation:
                found.setdefault(operation.get("x-body-max", most), path)
        for limit, path in found.items():
            yield service, path, limit


def head(path, *fields, method="POST"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", ""])


def is_too_large(status, document, text):
    return status == 413 and "connection: close" in text.lower() and (document is None or document["code"] == "body_too_large")


@pytest.mark.parametrize("service, path, limit", targets())
def test_body_that_is_announced_too_large(system, service, path, limit):
    """Refused by its length alone: none of it is waited for."""
    wire = Wire(system, service)
    wire.send(head(path, f"Content-Length: {limit + 1}"))
    status, text, document = wire.answer()
    assert is_too_large(status, document, text), text
    assert wire.ended()
    wire = Wire(system, service)  # and one that is not
    wire.send(head(path, f"Content-Length: {limit}", "Expect: 100-continue"))
    assert wire.answer()[0] == 100


@pytest.mark.parametrize("service, path, limit", targets())
def test_body_that_goes_on_is_cut_off(system, service, path, limit):
    """No length is announced: the chunk with the first byte too many is the last."""
    wire, chunk = Wire(system, service), 4096
    wire.send(head(path, "Transfer-Encoding: chunked"))
    for _ in range(limit // chunk):
        wire.send(b"%x\r\n" % chunk + b"x" * chunk + b"\r\n")
    wire.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        wire.socket.recv(1)
    wire.socket.settimeout(60)
    wire.send(b"%x\r\n" % chunk + b"x")
    status, text, document = wire.answer()
    assert is_too_large(status, document, text), text
    assert wire.ended()


@pytest.mark.parametrize("service", SERVICES)
def test_heads(system, service):
    long_path = "/" + "x" * HEAD_MAX
    for request in (head(long_path, method="GET"), head("/health?" + "x" * HEAD_MAX, method="GET"), head("/health", "X: " + "x" * HEAD_MAX, method="GET"),
                    head("/health", *[f"X-{i}: 1" for i in range(FIELDS_MAX)], method="GET")):
        wire = Wire(system, service)
        wire.send(request)
        status, text, document = wire.answer()
        assert status == 431 and document["code"] == "header_too_large", text
        assert wire.ended()
    wire = Wire(system, service)  # a head without an end is not waited for beyond its greatest size
    wire.send("GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + "x" * HEAD_MAX)
    assert wire.answer()[0] == 431


TWICE = [("Host: localhost", "Host: other"), ("Content-Length: 2", "Content-Length: 3"), ("Content-Length: 2", "Content-Length: 2"),
         ("Content-Length: 2", "Transfer-Encoding: chunked"), ("Authorization: Bearer a", "Authorization: Bearer b"),
         ("Authorization: Bearer a", "authorization: Basic b"), ("Content-Type: application/json", "Content-Type: text/plain"),
         ("Warder-Proof: a", "warder-proof: b"), ("Expect: 100-continue", "Expect: 100-continue")]


@pytest.mark.parametrize("service", SERVICES)
def test_header_fields_that_count_once(system, service):
    """Two copies that could be read differently by us and by whoever stands before us: neither counts."""
    for one, other in TWICE:
        wire = Wire(system, service)
        fields = [one, other] if not one.startswith("Host") else [other]
        wire.send(head("/health", *fields, method="GET") + "{}")
        status, text, document = wire.answer()
        assert status == 400 and document["code"] == "malformed_request", (one, other, text)
        assert wire.ended()


def test_slow_requests_end_at_the_deadline(system):
    """On every service at once: a head that drips, and a body that drips, however long each would go on."""
    def drip(service, start):
        wire = Wire(system, service)
        begin = time.monotonic()
        wire.send(start)
        while time.monotonic() - begin < 4 * DEADLINE:
            try:
                wire.send("x")
            except (ConnectionError, ssl.SSLError, OSError):
                break
            if wire.ended(0.5):
                break
        return service, time.monotonic() - begin

    starts = {service: path for service, path, _ in targets()}
    with concurrent.futures.ThreadPoolExecutor(2 * len(SERVICES)) as pool:
        jobs = [pool.submit(drip, s, head(p, "Content-Length: 4000")) for s, p in starts.items()]
        jobs += [pool.submit(drip, s, "GET /health HTTP/1.1\r\nHost: localhost\r\nX: ") for s in SERVICES]
        for job in jobs:
            service, took = job.result()
            assert DEADLINE - 1 < took < 3 * DEADLINE, (service, took)
