# SPDX-License-Identifier: Apache-2.0
"""libpkcs11-api.so in the programs it is for: nginx through OpenSSL's engine, PKCS#11 tools, and hosts that fork."""
import ctypes
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

import agent_fixture
import cryptoki as c
import small_kbs
from agent_fixture import MODULE, wait_for

ENGINE = pathlib.Path("/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so")
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
KEYS = {"rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048), "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()), "other": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
URI = "engine:pkcs11:pkcs11:token=KMS;object={};type=private;pin-value=1234"
needs_nginx = pytest.mark.skipif(not NGINX or not ENGINE.exists() or os.geteuid() != 0,
                                 reason="needs root, nginx and libengine-pkcs11-openssl")


@pytest.fixture
def agent(tmp_path):
    kbs = small_kbs.SmallKbs(tmp_path)
    made = agent_fixture.Agent(tmp_path, kbs)
    made.ids = {name: kbs.add(key, "RSA" if isinstance(key, rsa.RSAPrivateKey) else "EC") for name, key in KEYS.items()}
    made.set_keys((made.ids["rsa"], "RSAKEY", "1234"), (made.ids["p256"], "ECKEY", "1234"), (made.ids["p384"], "EC384", "1234"),
                  (made.ids["other"], "OTHER", "5678"))
    yield made
    made.end()
    kbs.stop()


def verify(key, signature, data):
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        half = len(signature) // 2
        der = utils.encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))
        key.public_key().verify(der, data, ec.ECDSA(hashes.SHA256()))


def in_child(work):
    """Runs work() in a forked child; its AssertionErrors are ours."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            work()
            os._exit(0)
        except BaseException as e:
            os.write(write, repr(e).encode()[:4000])
            os._exit(1)
    os.close(write)
    with open(read, "rb") as f:
        said = f.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, said.decode()


def host(agent, work):
    """The module is loaded in a process of its own, as it is for a program's life."""
    def run():
        os.environ["WARDER_MODULE_CONF"] = str(agent.module_conf)
        work(c.Module(MODULE))
    in_child(run)


def test_exports_and_needs():
    names = subprocess.run(["nm", "-D", "--defined-only", MODULE], text=True, capture_output=True, check=True).stdout.split()[2::3]
    assert sorted(names) == ["C_GetFunctionList", "C_GetInterface", "C_GetInterfaceList"]
    needed = subprocess.run(["readelf", "-d", MODULE], text=True, capture_output=True, check=True).stdout
    libraries = set(re.findall(r"NEEDED.*\[(.*)\]", needed))
    assert not {x for x in libraries if re.match(r"lib(ssl|crypto|curl|jansson)", x)}, libraries
    assert "INIT_ARRAY" not in needed or os.environ.get("ASAN_OPTIONS") or "FINI" in needed


def test_interfaces():
    module = c.Module(MODULE)
    pointer, count = ctypes.c_void_p(), c.ulong(0)
    assert module.library.C_GetInterfaceList(None, ctypes.byref(count)) == c.OK and count.value == 1
    assert module.library.C_GetInterface(None, None, ctypes.byref(pointer), c.ulong(0)) == c.OK
    name = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_char_p))[0]
    assert name == b"PKCS 11"
    three = (ctypes.c_ubyte * 2)(3, 0)
    assert module.library.C_GetInterface(b"PKCS 11", three, ctypes.byref(pointer), c.ulong(0)) == c.FUNCTION_FAILED
    assert module.library.C_GetInterface(b"Vendor", None, ctypes.byref(pointer), c.ulong(0)) == c.FUNCTION_FAILED
    assert list(module.list.version) == [2, 40]
    assert all(getattr(module.list, n) for n in c.NAMES), "every function is there"


def test_objects_and_signatures(agent):
    agent.start()

    def work(m):
        assert m.call("Initialize", None) == c.OK
        assert m.call("Initialize", None) == c.ALREADY_INITIALIZED
        s = m.open()
        assert m.find(s, (c.CLASS, c.PRIVATE)) == []  # the engine looks before it logs in
        assert m.login(s, b"0000") == c.PIN_INCORRECT
        assert m.login(s) == c.OK
        assert m.login(s) == c.ALREADY_LOGGED_IN
        found = m.find(s, (c.CLASS, c.PRIVATE))
        assert len(found) == 3  # the fourth has another PIN
        for name, label, mechanism in [("rsa", b"RSAKEY", c.SHA256_RSA), ("p256", b"ECKEY", c.ECDSA_SHA256), ("p384", b"EC384", c.ECDSA_SHA256)]:
            handle, = m.find(s, (c.CLASS, c.PRIVATE), (c.LABEL, label), (c.ID, agent.ids[name].encode()))
            assert m.attribute(s, handle, c.ID) == (c.OK, agent.ids[name].encode())
            assert m.attribute(s, handle, c.PRIVATE_EXPONENT)[0] == c.ATTRIBUTE_SENSITIVE
            assert m.attribute(s, handle, c.VALUE)[0] == c.ATTRIBUTE_SENSITIVE
            assert m.attribute(s, handle, 0x7fffffff)[0] == c.TYPE_INVALID
            assert m.attribute(s, handle, c.LABEL, room=2)[0] == c.BUFFER_TOO_SMALL
            public, = m.find(s, (c.CLASS, c.PUBLIC), (c.ID, agent.ids[name].encode()))
            kind = c.MODULUS if name == "rsa" else c.EC_POINT
            assert m.attribute(s, handle, kind) == m.attribute(s, public, kind)
            for _ in range(3):
                rv, signature = m.sign(s, handle, mechanism, b"message")
                assert rv == c.OK
                verify(KEYS[name], signature, b"message")
        handle, = m.find(s, (c.CLASS, c.PRIVATE), (c.LABEL, b"RSAKEY"))
        numbers = KEYS["rsa"].public_key().public_numbers()
        assert m.attribute(s, handle, c.MODULUS) == (c.OK, numbers.n.to_bytes(256, "big"))
        assert m.attribute(s, handle, c.EXPONENT) == (c.OK, b"\1\0\1")
        assert m.call("Logout", s) == c.OK
        assert m.find(s, (c.CLASS, c.PRIVATE)) == [] and len(m.find(s, (c.CLASS, c.PUBLIC))) == 4
        assert m.sign(s, handle, c.RSA_PKCS, b"x")[0] == c.NOT_LOGGED_IN
        assert m.login(s, b"5678") == c.OK
        assert len(m.find(s, (c.CLASS, c.PRIVATE))) == 1
        assert m.call("Finalize", None) == c.OK
        assert m.call("Finalize", None) == c.NOT_INITIALIZED

    host(agent, work)


def test_return_values_are_the_specifications(agent):
    """PKCS#11 2.40: what each function says to wrong use."""
    agent.start()

    def work(m):
        count, info = c.ulong(), ctypes.create_string_buffer(512)
        session = c.ulong()
        for name, arguments in [("GetInfo", (info,)), ("GetSlotList", (1, None, ctypes.byref(count))), ("OpenSession", (1, 4, None, None, ctypes.byref(session))),
                                ("SignInit", (1, None, 1)), ("FindObjectsInit", (1, None, 0)), ("Login", (1, 1, b"1234", 4)), ("CloseSession", (1,))]:
            assert m.call(name, *arguments) == c.NOT_INITIALIZED, name
        reserved = (ctypes.c_void_p * 6)(None, None, None, None, 2, 1)
        assert m.call("Initialize", reserved) == c.ARGUMENTS_BAD
        own_mutexes = (ctypes.c_void_p * 6)(1, 1, 1, 1, 0, None)
        assert m.call("Initialize", own_mutexes) == 0xA  # CANT_LOCK
        assert m.call("Initialize", None) == c.OK
        assert m.call("GetSlotInfo", 2, info) == 3
        assert m.call("GetTokenInfo", 1, None) == c.ARGUMENTS_BAD
        assert m.call("GetTokenInfo", 1, info) == c.OK and info.raw[:32] == b"KMS".ljust(32)
        assert m.call("OpenSession", 1, 0, None, None, ctypes.byref(session)) == 0xB4
        assert m.call("OpenSession", 9, 4, None, None, ctypes.byref(session)) == 3
        s = m.open()
        assert m.call("Login", s, 0, b"1234", 4) == c.USER_TYPE_INVALID
        assert m.call("Login", s, 2, b"1234", 4) == c.OPERATION_NOT_INITIALIZED
        assert m.login(s) == c.OK
        handle, = m.find(s, (c.CLASS, c.PRIVATE), (c.LABEL, b"RSAKEY"))
        ec_handle, = m.find(s, (c.CLASS, c.PRIVATE), (c.LABEL, b"ECKEY"))
        out, length = ctypes.create_string_buffer(512), c.ulong(512)
        assert m.call("Sign", s, b"x", 1, out, ctypes.byref(length)) == c.OPERATION_NOT_INITIALIZED
        assert m.sign_init(s, handle, 0x9999) == c.MECHANISM_INVALID
        assert m.sign_init(s, handle, c.RSA_PSS) == c.PARAM_INVALID
        assert m.sign_init(s, handle, c.RSA_PSS, c.Pss(0x250, 2, 4000)) == c.PARAM_INVALID
        assert m.sign_init(s, 0, c.RSA_PKCS) == c.KEY_INVALID
        assert m.sign_init(s, handle, c.RSA_PKCS) == c.OK
        assert m.sign_init(s, handle, c.RSA_PKCS) == c.OPERATION_ACTIVE
        assert m.call("Sign", s, b"x", 1, None, ctypes.byref(length)) == c.OK and length.value >= 256  # the size; still active
        length.value = 10
        assert m.call("Sign", s, b"x", 1, out, ctypes.byref(length)) == c.BUFFER_TOO_SMALL and length.value == 256
        assert m.call("Sign", s, b"x", 1, out, ctypes.byref(length)) == c.OK
        assert m.call("Sign", s, b"x", 1, out, ctypes.byref(length)) == c.OPERATION_NOT_INITIALIZED
        assert m.sign(s, handle, c.RSA_PKCS, b"x" * 300)[0] == c.DATA_LEN_RANGE
        assert m.sign(s, ec_handle, c.RSA_PKCS, b"x")[0] == c.FUNCTION_FAILED
        assert m.sign(s, ec_handle, c.ECDSA, b"")[0] == c.DATA_LEN_RANGE
        assert m.sign(s, 12345, c.RSA_PKCS, b"x")[0] in (c.DEVICE_ERROR, c.FUNCTION_FAILED)
        assert m.attribute(s, 12345, c.ID)[0] in (c.OBJECT_INVALID, c.DEVICE_ERROR)
        assert m.call("SignUpdate", s, b"x", 1) == c.OPERATION_NOT_INITIALIZED
        assert m.sign_init(s, handle, c.SHA256_RSA) == c.OK
        assert m.call("SignUpdate", s, b"mes", 3) == m.call("SignUpdate", s, b"sage", 4) == c.OK
        assert m.call("SignFinal", s, out, ctypes.byref(length)) == c.OK
        verify(KEYS["rsa"], out.raw[:256], b"message")
        assert m.sign_init(s, handle, c.SHA256_RSA) == c.OK
        assert m.call("SignUpdate", s, bytes(25000), 25000) == c.DATA_LEN_RANGE
        assert m.call("FindObjects", s, out, 1, ctypes.byref(count)) == c.OPERATION_NOT_INITIALIZED
        assert m.call("FindObjectsFinal", s) == c.OPERATION_NOT_INITIALIZED
        assert m.call("FindObjectsInit", s, None, 0) == c.OK
        assert m.call("FindObjectsInit", s, None, 0) == c.OPERATION_ACTIVE
        assert m.call("GenerateRandom", s, out, 8) == m.call("CreateObject", s, None, 0, None) == c.NOT_SUPPORTED
        assert m.call("GetFunctionStatus", s) == c.NOT_PARALLEL
        assert m.call("CloseSession", s) == c.OK
        assert m.call("CloseSession", s) == m.call("SignInit", s, None, 1) == c.SESSION_INVALID
        s = m.open()
        assert m.login(s) == c.OK  # the last session took the login with it

    host(agent, work)


def test_many_sessions_and_threads(agent):
    agent.start()

    def work(m):
        assert m.call("Initialize", None) == c.OK
        assert m.login(m.open()) == c.OK
        handle, = m.find(m.open(), (c.CLASS, c.PRIVATE), (c.LABEL, b"ECKEY"))
        bad = []

        def sign_many():
            s = m.open()
            for i in range(40):
                rv, signature = m.sign(s, handle, c.ECDSA_SHA256, b"message %d" % i)
                try:
                    assert rv == c.OK
                    verify(KEYS["p256"], signature, b"message %d" % i)
                except Exception as e:
                    bad.append(e)
            assert m.call("CloseSession", s) == c.OK

        threads = [threading.Thread(target=sign_many) for _ in range(20)]  # more than there are connections
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert bad == []
        sessions = [m.open() for _ in range(1000)]
        assert len(set(sessions)) == 1000

    host(agent, work)


def test_fork(agent):
    """A child initializes again and finds session, login and handles as they were, over connections of its own."""
    agent.start()

    def work(m):
        assert m.call("Initialize", None) == c.OK
        s = m.open()
        assert m.login(s) == c.OK
        handle, = m.find(s, (c.CLASS, c.PRIVATE), (c.LABEL, b"RSAKEY"))
        os.environ.clear()  # as web servers do to their workers

        def child():
            assert m.sign(s, handle, c.SHA256_RSA, b"m")[0] == c.NOT_INITIALIZED
            assert m.call("Initialize", None) in (c.OK, c.ALREADY_INITIALIZED)
            mine = m.open()
            assert m.login(mine) in (c.OK, c.ALREADY_LOGGED_IN)
            assert m.find(mine, (c.CLASS, c.PRIVATE), (c.LABEL, b"RSAKEY")) == [handle]
            for session in (s, mine):
                for i in range(50):
                    rv, signature = m.sign(session, handle, c.SHA256_RSA, b"%d %d" % (os.getpid(), i))
                    assert rv == c.OK
                    verify(KEYS["rsa"], signature, b"%d %d" % (os.getpid(), i))
            in_child(lambda: m.call("Initialize", None) == c.OK and m.sign(s, handle, c.SHA256_RSA, b"m")[0] == c.OK or sys.exit(1))

        threads = [threading.Thread(target=in_child, args=(child,)) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert m.sign(s, handle, c.SHA256_RSA, b"m")[0] == c.OK  # the parent's connection has not suffered

    host(agent, work)


def test_agent_dead_and_restarted(agent):
    agent.start()

    def work(m):
        assert m.call("Initialize", None) == c.OK
        s = m.open()
        assert m.login(s) == c.OK
        handle, = m.find(s, (c.CLASS, c.PRIVATE), (c.LABEL, b"RSAKEY"))
        assert m.sign(s, handle, c.SHA256_RSA, b"m")[0] == c.OK
        os.kill(agent.process.pid, signal.SIGKILL)
        wait_for(lambda: not listens(agent.socket))
        assert m.sign(s, handle, c.SHA256_RSA, b"m")[0] == c.DEVICE_ERROR
        begun = time.monotonic()
        opened = [m.open() for _ in range(20)]  # never depends on the agent: a host would wait for ever
        assert m.call("GetSlotList", 1, None, ctypes.byref(c.ulong())) == c.OK
        assert m.attribute(opened[0], handle, c.ID)[0] == c.DEVICE_ERROR
        assert time.monotonic() - begun < 1
        agent.start()
        until = time.monotonic() + 10
        while m.sign(s, handle, c.SHA256_RSA, b"m")[0] != c.OK:  # the same handle, once the key is back
            assert time.monotonic() < until
            time.sleep(0.05)
        agent.stop()

    host(agent, work)


def test_no_agent_at_all(agent):
    def work(m):
        assert m.call("Initialize", None) == c.OK
        s = m.open()
        assert m.find(s, (c.CLASS, c.PRIVATE)) == []
        assert m.login(s) == c.DEVICE_ERROR
        with pytest.raises(RuntimeError, match="0x30"):
            m.find(s, (c.CLASS, c.PUBLIC))

    host(agent, work)


def test_an_agent_that_hangs_costs_a_bounded_time(agent):
    """C_Sign has a deadline on the local socket."""
    agent.start()

    def work(m):
        assert m.call("Initialize", None) == c.OK
        s = m.open()
        assert m.login(s) == c.OK
        handle, = m.find(s, (c.CLASS, c.PRIVATE), (c.LABEL, b"RSAKEY"))
        os.kill(agent.process.pid, signal.SIGSTOP)
        wait_for(lambda: "T (stopped)" in pathlib.Path(f"/proc/{agent.process.pid}/status").read_text())
        try:
            begun = time.monotonic()
            assert m.sign(s, handle, c.SHA256_RSA, b"m")[0] == c.DEVICE_ERROR
            assert 1 < time.monotonic() - begun < 4
        finally:
            os.kill(agent.process.pid, signal.SIGCONT)
        assert m.sign(s, handle, c.SHA256_RSA, b"m")[0] == c.OK

    host(agent, work)


def listens(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        return s.connect_ex(str(path)) == 0


class LyingAgent(threading.Thread):
    """Answers whatever it is told to."""

    def __init__(self, path, answers):
        super().__init__(daemon=True)
        self.answers = answers
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(path))
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(peer,), daemon=True).start()

    def talk(self, peer):
        while request := peer.recv(40000):
            call = request[1]
            body = {1: b"\0\0\0\1", 2: b"", 3: b""}.get(call)
            answer = request[:6] + b"\0\0" + body if body is not None else self.answers(request)
            peer.send(answer)


@pytest.mark.parametrize("answers", [
    lambda q: b"x", lambda q: q[:6], lambda q: q[:6] + b"\0\0", lambda q: q[:6] + b"\0\x63", lambda q: q[:6] + b"\0\0\xff\xff\xff\xff",
    lambda q: q[:2] + b"\xff\xff\xff\xff\0\0" + bytes(4), lambda q: q[:6] + b"\0\0" + bytes(4) + b"trailing", lambda q: b"a" * 40000,
], ids=["short", "no status", "no body", "unknown status", "huge count", "another id", "trailing", "too long"])
def test_an_agent_that_lies_is_not_believed(agent, answers):
    liar = LyingAgent(agent.socket, answers)

    def work(m):
        assert m.call("Initialize", None) == c.OK
        s = m.open()
        assert m.login(s) == c.OK
        with pytest.raises(RuntimeError, match="0x30"):
            m.find(s, (c.CLASS, c.PRIVATE))
        assert m.sign(s, 8, c.RSA_PKCS, b"x")[0] == c.DEVICE_ERROR

    host(agent, work)
    liar.listener.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_an_agent_of_another_user_is_not_believed(agent):
    agent.configure(attester="socket")
    agent.module_conf.write_text(f"[module]\nagent_socket = {agent.socket}\nagent_uid = 65534\n")
    for folder in [agent.dir, *agent.dir.parents][:3]:
        os.chmod(folder, 0o777)
    script = ("import socket,sys,time; s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET); s.bind(sys.argv[1]); s.listen(); time.sleep(60)")
    false = subprocess.Popen(["/usr/bin/python3", "-c", script, agent.socket], user=33, group=33, extra_groups=[])
    try:
        wait_for(lambda: agent.socket.exists())
        os.chmod(agent.socket, 0o666)

        def work(m):
            assert m.call("Initialize", None) == c.OK
            begun = time.monotonic()
            assert m.login(m.open()) == c.DEVICE_ERROR
            assert time.monotonic() - begun < 1  # not asked: its user is looked at first

        host(agent, work)
    finally:
        false.kill()
        false.wait()


def test_bad_configuration_is_an_error(agent):
    for text in ["[module]\nagent_sockets = x\n", "agent_socket = x\n", "[module]\nfind_timeout = 0\n", "[module]\nagent_uid = root\n"]:
        agent.module_conf.write_text(text)
        host(agent, lambda m: (m.call("Initialize", None) == 5) or sys.exit(1))
    agent.module_conf.unlink()
    host(agent, lambda m: (m.call("Initialize", None) == 5) or sys.exit(1))


def test_module_starts_the_agent(agent):
    agent.module_conf.write_text(f"[module]\nagent_socket = {agent.socket}\nagent_start = {agent_fixture.AGENT}\n"
                                 f"agent_config = {agent.config}\nagent_log = {agent.log}\n")

    def work(m):
        assert m.call("Initialize", None) == c.OK
        s = m.open()
        assert m.login(s) == c.OK and len(m.find(s, (c.CLASS, c.PRIVATE))) == 3

    try:
        host(agent, work)
        pid = int((agent.dir / "agent.pid").read_text())
        assert pathlib.Path(f"/proc/{pid}/environ").read_bytes().count(b"\0") == 1  # PATH alone
        host(agent, work)
        assert len(agent.events("ready")) == 1  # the one that runs is used
    finally:
        os.kill(int((agent.dir / "agent.pid").read_text()), signal.SIGTERM)
        wait_for(lambda: not agent.socket.exists())


# Other programs


def tool(agent, *arguments, **options):
    return subprocess.run([str(a) for a in arguments], text=True, capture_output=True, timeout=60,
                          env={**os.environ, "WARDER_MODULE_CONF": str(agent.module_conf), **options})


def test_pkcs11_tool(agent, tmp_path):
    if not shutil.which("pkcs11-tool"):
        pytest.skip("opensc is not installed")
    agent.start()
    listed = tool(agent, "pkcs11-tool", "--module", MODULE, "--token-label", "KMS", "--login", "--pin", "1234", "-O")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("Private Key Object; ") == 3 and listed.stdout.count("Public Key Object; ") == 4
    assert "RSAKEY" in listed.stdout and "sensitive" in listed.stdout
    assert tool(agent, "pkcs11-tool", "--module", MODULE, "--login", "--pin", "0000", "-O").returncode != 0
    (tmp_path / "message").write_bytes(b"message")
    for name, mechanism in [("rsa", "SHA256-RSA-PKCS"), ("p256", "ECDSA-SHA256")]:
        done = tool(agent, "pkcs11-tool", "--module", MODULE, "--login", "--pin", "1234", "--sign", "--id", agent.ids[name].encode().hex(), "-m", mechanism,
                    "-i", tmp_path / "message", "-o", tmp_path / "signature", "--signature-format", "rs")
        assert done.returncode == 0, done.stderr
        verify(KEYS[name], (tmp_path / "signature").read_bytes(), b"message")


def test_p11tool(agent):
    if not shutil.which("p11tool"):
        pytest.skip("gnutls-bin is not installed")
    agent.start()
    options = {"GNUTLS_PIN": "1234"}
    listed = tool(agent, "p11tool", f"--provider={MODULE}", "--login", "--list-all-privkeys", "pkcs11:token=KMS", **options)
    assert listed.returncode == 0 and listed.stdout.count("Type: Private key") == 3, listed.stdout + listed.stderr
    for label in ("RSAKEY", "ECKEY"):
        done = tool(agent, "p11tool", f"--provider={MODULE}", "--login", "--test-sign", f"pkcs11:token=KMS;object={label};type=private", **options)
        assert done.returncode == 0, done.stdout + done.stderr


def test_certificates_are_objects(agent, tmp_path):
    pem = small_kbs.issue("localhost", KEYS["rsa"], "Test CA", agent.kbs.ca, False)
    wrong = small_kbs.issue("localhost", KEYS["p256"], "Test CA", agent.kbs.ca, False)
    (tmp_path / "c.pem").write_bytes(pem)
    (tmp_path / "w.pem").write_bytes(wrong)
    agent.set_keys((agent.ids["rsa"], "RSAKEY", "1234", f"x-certificate={tmp_path}/c.pem"),
                   (agent.ids["p384"], "EC384", "1234", f"x-certificate={tmp_path}/w.pem"))
    agent.start()

    def work(m):
        assert m.call("Initialize", None) == c.OK
        s = m.open()
        handle, = m.find(s, (c.CLASS, c.CERTIFICATE))
        der = serialization.Encoding.DER
        from cryptography import x509
        assert m.attribute(s, handle, c.VALUE) == (c.OK, x509.load_pem_x509_certificate(pem).public_bytes(der))
        assert m.attribute(s, handle, c.ID) == (c.OK, agent.ids["rsa"].encode())

    host(agent, work)
    assert agent.events("certificate left out")  # not for its key


# nginx


def handshake(port, version=None, key_types=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if version:
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, context.wrap_socket(raw) as tls:
        tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while block := tls.recv(4096):
            answer += block
        assert answer.endswith(b"served")
        return tls.getpeercert(True)


@pytest.fixture
def nginx(agent, tmp_path_factory):
    made = agent_fixture.Nginx(tmp_path_factory.mktemp("nginx"), agent, URI.format("RSAKEY"))
    made.certificate(KEYS["rsa"])
    yield made
    made.stop()


@needs_nginx
@pytest.mark.parametrize("name, label", [("rsa", "RSAKEY"), ("p256", "ECKEY"), ("p384", "EC384")])
def test_nginx(agent, nginx, name, label):
    """Four workers, daemon on, engine with init = 1; TLS 1.2 and 1.3."""
    agent.start()
    nginx.certificate(KEYS[name])
    nginx.write(URI.format(label))
    started = nginx.run()
    assert started.returncode == 0, started.stderr
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for _ in range(12):
            handshake(nginx.port, version)
    assert len(nginx.workers()) == 4
    assert len(agent.kbs.requests) >= 2


@needs_nginx
@pytest.mark.skipif(not agent_fixture.PROVIDER.exists(), reason="pkcs11-provider (bookworm-backports) is not installed")
@pytest.mark.parametrize("name, label", [("rsa", "RSAKEY"), ("p256", "ECKEY")])
def test_nginx_by_provider(agent, nginx, name, label):
    """Engines are on their way out: the same module behind OpenSSL's provider interface."""
    agent.start()
    nginx.certificate(KEYS[name])
    nginx.use_provider(f"pkcs11:token=KMS;object={label};type=private?pin-value=1234")
    started = nginx.run()
    assert started.returncode == 0, started.stderr
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for _ in range(12):
            handshake(nginx.port, version)
    nginx.signal(signal.SIGHUP)
    for _ in range(12):
        handshake(nginx.port)


@needs_nginx
def test_nginx_as_in_the_article(agent, nginx):
    nginx.write("engine:pkcs11:pkcs11:token=KMS;object=RSAKEY;pin-value=1234")
    agent.start()
    assert nginx.run().returncode == 0
    handshake(nginx.port)


@needs_nginx
def test_nginx_reload_takes_a_rotated_key(agent, nginx):
    agent.start()
    nginx.write(URI.format("RSAKEY"), workers=1)  # one that has found its key; another would find the new one at its first handshake
    assert nginx.run().returncode == 0
    old = handshake(nginx.port)
    workers = nginx.workers()
    new_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    agent.kbs.add(new_key, "RSA", agent.ids["rsa"], version=2)
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: len([e for e in agent.events("key received") if e["version"] == "2"]) == 1)
    assert handshake(nginx.port) == old  # until nginx is told
    nginx.certificate(new_key)
    nginx.signal(signal.SIGHUP)
    wait_for(lambda: handshake(nginx.port) != old)
    wait_for(lambda: not set(workers) & set(nginx.workers()))
    for _ in range(12):
        assert handshake(nginx.port) != old
    for _ in range(3):
        nginx.signal(signal.SIGHUP)
        time.sleep(0.2)
        for _ in range(6):
            handshake(nginx.port)


@needs_nginx
def test_nginx_outlives_the_agent(agent, nginx):
    agent.start()
    assert nginx.run().returncode == 0
    for _ in range(12):
        handshake(nginx.port)
    workers = nginx.workers()
    agent.stop(signal.SIGKILL)
    for _ in range(6):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(nginx.port)  # that handshake, quickly, and no worker
    agent.configure(prefetch="yes")
    agent.start()
    wait_for(lambda: len(agent.events("key received")) == 3 + 4)
    for _ in range(16):
        handshake(nginx.port)
    assert nginx.workers() == workers


@needs_nginx
@pytest.mark.parametrize("break_it", ["refused", "no agent", "wrong PIN", "no such object"])
def test_nginx_does_not_start(agent, nginx, break_it):
    if break_it == "refused":
        agent.kbs.refuse = small_kbs.Refuse(403, "evidence_refused", "debug")
    if break_it != "no agent":
        agent.start()
    if break_it == "wrong PIN":
        nginx.write(URI.format("RSAKEY").replace("1234", "4321"))
    if break_it == "no such object":
        nginx.write(URI.format("NOKEY"))
    started = nginx.run()
    assert started.returncode != 0
    if break_it == "refused":
        assert agent.events("key refused")[0]["code"] == "evidence_refused"


@needs_nginx
@pytest.mark.parametrize("allowed", [True, False])
def test_nginx_workers_have_another_user(agent, nginx, allowed):
    """Workers that drop root sign where the agent lets their user in, by the kernel's word on who they are."""
    agent.configure(**({"allow_users": "33"} if allowed else {}))
    agent.start()
    nginx.user = "www-data"
    nginx.write(URI.format("RSAKEY"))
    for folder in {*nginx.dir.parents, *agent.dir.parents, nginx.dir, agent.dir} - {pathlib.Path("/"), pathlib.Path("/tmp")}:
        os.chmod(folder, 0o755)
    assert nginx.run().returncode == 0
    wait_for(lambda: {os.stat(f"/proc/{w}").st_uid for w in nginx.workers()} == {33})
    for _ in range(12):
        if allowed:
            handshake(nginx.port)
            continue
        with pytest.raises((ssl.SSLError, ConnectionError)):
            handshake(nginx.port)
