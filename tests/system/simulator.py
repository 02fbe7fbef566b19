# SPDX-License-Identifier: Apache-2.0
"""A running teesim, for tests: the process, its sockets, its PCS."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WARDER_BUILD", ROOT / "build"))
TEESIM = BUILD / "tools/teesim/teesim"
WARDER = BUILD / "programs/cli/warder"


def teesim(*arguments):
    return subprocess.run([TEESIM, *map(str, arguments)], text=True, capture_output=True, timeout=60)


def verify(quote, collateral, *options):
    """The JSON of `warder verify` and its exit status."""
    done = subprocess.run([WARDER, "verify", "--collateral", str(collateral), *map(str, options), "-o", "json", str(quote)],
                          text=True, capture_output=True, timeout=60)
    assert done.stdout, done.stderr
    return json.loads(done.stdout), done.returncode


class Simulator:
    def __init__(self, folder, *options, tee="tdx4"):
        self.dir = pathlib.Path(folder)
        self.socket, self.control_path = self.dir / "evidence.sock", self.dir / "control.sock"
        self.process = subprocess.Popen([TEESIM, "run", "--dir", self.dir, "--tee", tee, "--socket", self.socket,
                                         "--control", self.control_path, *map(str, options)],
                                        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line.startswith("READY "):
            self.process.wait(10)
            raise RuntimeError(self.process.stderr.read())
        self.ready = json.loads(line[6:])

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return status, errors

    def line(self, path, text):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(path))
            s.sendall(text.encode() + b"\n")
            answer = b""
            while chunk := s.recv(65536):
                answer += chunk
        return json.loads(answer)

    def evidence(self, report_data):
        return self.line(self.socket, json.dumps({"report_data": report_data.hex()}))

    def control(self, **members):
        return self.line(self.control_path, json.dumps(members))

    def get(self, path):
        """Status, headers, body of a GET at its PCS."""
        try:
            with urllib.request.urlopen(self.ready["pcs"] + path, timeout=20) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()
