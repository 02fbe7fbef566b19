# SPDX-License-Identifier: Apache-2.0
"""skc-agent against a KBS that releases, refuses and lies."""
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import agent_fixture
import small_kbs
from cryptoki import CLASS, PRIVATE

pytestmark = pytest.mark.sanitize
HELLO, LOGIN, LOGOUT, FIND, READ, SIGN = range(1, 7)
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Client:
    """The agent's local protocol, byte by byte."""

    def __init__(self, agent, pin=b"1234"):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(30)
        self.socket.connect(str(agent.socket))
        assert self.ask(HELLO, struct.pack(">I", 1)) == (0, struct.pack(">I", 1))
        if pin:
            assert self.login(pin) == 0

    def ask(self, call, body=b""):
        """(status, body); None when the agent ends the connection."""
        self.socket.send(struct.pack(">HI", call, 7) + body)
        answer = self.socket.recv(40000)
        if not answer:
            return None
        assert answer[:6] == struct.pack(">HI", call, 7)
        return struct.unpack(">H", answer[6:8])[0], answer[8:]

    def login(self, pin):
        return self.ask(LOGIN, struct.pack(">I", len(pin)) + pin)[0]

    def find(self, kind=PRIVATE):
        status, body = self.ask(FIND, struct.pack(">IIBQ", 1, CLASS, 1, kind))
        assert status == 0
        return struct.unpack(f">{(len(body) - 4) // 8}Q", body[4:])


@pytest.fixture
def agent(tmp_path):
    kbs = small_kbs.SmallKbs(tmp_path)
    made = agent_fixture.Agent(tmp_path, kbs)
    yield made
    made.end()
    kbs.stop()


def with_key(agent, **options):
    key_id = agent.kbs.add(RSA, "RSA")
    agent.set_keys((key_id, "RSAKEY", "1234"))
    agent.start()
    return key_id


def test_one_attestation_serves_for_all_keys(agent):
    ids = [agent.kbs.add(ec.generate_private_key(ec.SECP256R1()), "EC") for _ in range(3)]
    agent.set_keys(*[(i, "k", "1234") for i in ids])
    agent.start()
    assert agent.kbs.requests == []  # nothing is asked for before someone searches
    assert len(Client(agent).find()) == 3
    second = [r["body"] for r in agent.kbs.requests if r["body"]]
    assert [("evidence" in b, "attestation_token" in b) for b in second] == [(True, False), (False, True), (False, True)]
    assert agent.evidence.asked == 1
    assert {r["authorization"] for r in agent.kbs.requests} == {"Bearer user.bearer.token"}
    assert len(agent.events("key received")) == 3
    assert len(Client(agent).find()) == 3 and len(second) == 3  # held, not asked for again


def test_a_token_that_displeases_is_followed_by_evidence(agent):
    with_key(agent)
    other = agent.kbs.add(RSA, "RSA")
    Client(agent).find()
    agent.kbs.tokens.clear()
    agent.set_keys((next(iter(agent.kbs.keys)), "RSAKEY", "1234"), (other, "OTHER", "1234"))
    agent.process.send_signal(signal.SIGHUP)
    agent_fixture.wait_for(lambda: agent.events("keys file taken over"))
    assert len(Client(agent).find()) == 2
    assert agent.evidence.asked == 2


@pytest.mark.parametrize("lies, code, word", [
    ({"signer": True}, "answer_refused", ""),
    ({"signer": "own kid"}, "answer_refused", "not pinned"),
    ({"key_id": "164b41ae-be61-4c7c-a027-4a2ab1e5e4c4"}, "answer_refused", "another key"),
    ({"challenge": "another"}, "answer_refused", "another challenge"),
    ({"tenant": "theirs"}, "tenant_mismatch", "tenant"),
    ({"body": b"{}"}, "kbs_answer_malformed", ""),
    ({"body": b"\xff" * 100}, "kbs_answer_malformed", ""),
], ids=lambda x: str(x)[:20])
def test_a_kbs_that_lies_gives_no_key(agent, lies, code, word):
    agent.kbs.lies = lies
    key_id = with_key(agent)
    assert Client(agent).find() == ()
    refused = agent.events("key refused")
    assert [(r["key"], r["code"]) for r in refused] == [(key_id, code)] and word in refused[0]["detail"]


def test_an_old_answer_told_again_is_not_taken(agent):
    """A KBS that repeats challenge and answer could prolong leases, or bring an older version back, without keyd."""
    with_key(agent)
    assert len(Client(agent).find()) == 1
    agent.kbs.lies = {"replay": True}
    agent.process.send_signal(signal.SIGHUP)
    agent_fixture.wait_for(lambda: agent.events("key refused"))
    assert [r["code"] for r in agent.events("key refused")] == ["answer_refused"]  # even after new evidence
    assert len(agent.events("key received")) == 1 and agent.evidence.asked == 2


def test_refusals_are_logged_and_not_repeated_at_once(agent):
    agent.kbs.refuse = small_kbs.Refuse(403, "policy_refused", "mrtd is wrong")
    key_id = with_key(agent)
    client = Client(agent)
    for _ in range(20):
        assert client.find() == ()
    assert len(agent.kbs.requests) == 1
    refused = agent.events("key refused")
    assert [(r["key"], r["code"], r["detail"], r["status"]) for r in refused] == [(key_id, "policy_refused", "mrtd is wrong", "403")]
    agent.kbs.refuse = None
    agent_fixture.wait_for(lambda: client.find() != (), 5)


def test_no_evidence_no_key(agent):
    agent.evidence.error = "no TEE"
    with_key(agent)
    assert Client(agent).find() == ()
    assert agent.events("key refused")[0]["code"] == "evidence_unavailable"


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/fuse"), reason="needs root and /dev/fuse")
def test_configfs_tsm(agent, tmp_path):
    """The kernel's interface, served by the simulator: a request of our own, gone afterwards."""
    from simulator import Simulator

    simulator = Simulator(tmp_path / "teesim", "--mount", tmp_path / "tsm")
    try:
        agent.configure(attester="tsm", tsm_path=tmp_path / "tsm/report")
        with_key(agent)
        assert len(Client(agent).find()) == 1
        evidence = next(r["body"]["evidence"] for r in agent.kbs.requests if "evidence" in r["body"])
        assert evidence[0] == "application/vnd.warder.tdx-quote" and len(evidence[1]) > 4000
        assert os.listdir(tmp_path / "tsm/report") == []
        assert agent.evidence.asked == 0
    finally:
        agent.stop()
        simulator.stop()


def test_policies_that_need_no_evidence(agent):
    agent.configure(attester="none")
    agent.kbs.attestation = "none"
    with_key(agent)
    assert len(Client(agent).find()) == 1


def test_kbs_down_and_up_again(agent):
    port = agent.kbs.port
    agent.kbs.stop()
    with_key(agent)
    client = Client(agent)
    assert client.find() == ()
    assert agent.events("key refused")[0]["code"] == "kbs_unreachable"
    assert port == agent.kbs.port


def test_a_slow_kbs_holds_up_nobody(agent):
    """A search waits for find_timeout and no longer; signatures do not wait at all."""
    agent.configure(find_timeout=1)
    key_id = with_key(agent)
    client = Client(agent)
    handle, = client.find()
    slow = agent.kbs.add(ec.generate_private_key(ec.SECP256R1()), "EC")
    agent.kbs.delay = 2
    agent.set_keys((key_id, "RSAKEY", "1234"), (slow, "SLOW", "1234"))
    agent.process.send_signal(signal.SIGHUP)
    agent_fixture.wait_for(lambda: agent.events("keys file taken over"))
    begun = time.monotonic()
    assert client.find() == (handle,)
    assert 0.9 < time.monotonic() - begun < 1.9
    begun = time.monotonic()
    for _ in range(10):
        assert client.ask(SIGN, struct.pack(">QIIIIII", handle, 1, 0, 0, 0, 0, 4) + b"data")[0] == 0
    assert time.monotonic() - begun < 0.5
    agent.kbs.delay = 0
    agent_fixture.wait_for(lambda: len(client.find()) == 2, 20)


def test_another_name_in_the_certificate_is_refused(tmp_path):
    """L9: the name is verified, whatever address is dialled."""
    kbs = small_kbs.SmallKbs(tmp_path, hostname="other.test")
    agent = agent_fixture.Agent(tmp_path, kbs)
    try:
        with_key(agent)
        assert Client(agent).find() == ()
        assert agent.events("key refused")[0]["code"] == "kbs_unreachable"
        assert kbs.requests == []
    finally:
        agent.end()
        kbs.stop()


def test_login(agent):
    with_key(agent)
    client = Client(agent, pin=None)
    assert client.find() == () and agent.kbs.requests == []  # private objects need a login before they are worth a fetch
    assert client.login(b"12345") == 2
    assert client.login(b"1234") == 0
    handle, = client.find()
    use = struct.pack(">QIIIIII", handle, 1, 0, 0, 0, 0, 4) + b"data"
    assert client.ask(SIGN, use)[0] == 0
    stranger = Client(agent, pin=None)
    assert stranger.ask(SIGN, use)[0] == 3
    assert client.ask(LOGOUT)[0] == 0
    assert client.ask(SIGN, use)[0] == 3


def test_pins_are_not_tried_for_long(agent):
    with_key(agent)
    client = Client(agent, pin=None)
    answers = [client.ask(LOGIN, struct.pack(">I", 4) + b"%04d" % i) for i in range(10)]
    assert answers[0][0] == 2 and answers[-1] is None


@pytest.mark.parametrize("message", [b"", b"\0", b"\0\2\0\0\0\1" + struct.pack(">I", 4) + b"1234", b"\0\1\0\0\0\1\0\0\0\2", b"\xff" * 100,
                                     b"\0\1\0\0\0\1\0\0\0\1x", b"a" * 33000], ids=lambda m: f"{len(m)} bytes {m[:4].hex()}")
def test_what_is_no_message_ends_the_connection(agent, message):
    with_key(agent)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(10)
        s.connect(str(agent.socket))
        s.send(message)
        answer = s.recv(100)
        assert answer == b"" or answer[6:8] == b"\0\1"  # HELLO of another version is answered
    assert Client(agent).find() != ()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_clients_are_known_by_their_user(agent, tmp_path):
    agent.configure(allow_users="www-data, 34")
    with_key(agent)
    for folder in [tmp_path, *tmp_path.parents][:3]:
        os.chmod(folder, 0o755)
    script = ("import socket,sys; s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET); s.connect(sys.argv[1])\n"
              "try: s.send(bytes.fromhex('00010000000100000001')); sys.exit(0 if s.recv(100) else 1)\nexcept OSError: sys.exit(1)")
    for uid, welcome in [(33, True), (34, True), (65534, False)]:
        done = subprocess.run(["/usr/bin/python3", "-c", script, agent.socket], user=uid, group=65534, extra_groups=[])
        assert (done.returncode == 0) == welcome, uid
    assert agent.events("client turned away: its user is not in allow_users")[0]["uid"] == "65534"


def test_connections_are_bounded(agent):
    agent.configure(max_clients=3)
    with_key(agent)
    held = [Client(agent) for _ in range(3)]
    with pytest.raises((AssertionError, OSError)):
        Client(agent)
    assert agent.events("client turned away: max_clients are connected")
    held.pop().socket.close()
    agent_fixture.wait_for(lambda: try_client(agent))


def test_no_free_descriptor_is_no_busy_loop(agent):
    with_key(agent)
    pid = agent.process.pid
    held = [Client(agent)]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")), 4096))
    waiting = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    waiting.connect(str(agent.socket))
    before = time.clock_gettime(process_clock(pid))
    time.sleep(1)
    assert time.clock_gettime(process_clock(pid)) - before < 0.3
    held.pop().socket.close()
    waiting.settimeout(10)
    waiting.send(struct.pack(">HII", HELLO, 7, 1))
    assert waiting.recv(100)  # its turn has come


def process_clock(pid):
    return ~pid << 3 | 2  # clock_getcpuclockid(3)


def try_client(agent):
    try:
        return Client(agent)
    except (AssertionError, OSError):
        return None


def test_a_rotated_key_has_another_handle_and_the_old_one_still_signs(agent):
    key_id = with_key(agent)
    client = Client(agent)
    old, = client.find()
    agent.kbs.add(rsa.generate_private_key(public_exponent=65537, key_size=2048), "RSA", key_id, version=2)
    agent.process.send_signal(signal.SIGHUP)
    agent_fixture.wait_for(lambda: len(agent.events("key received")) == 2)
    new, = client.find()
    assert new != old
    for handle in (old, new):
        assert client.ask(SIGN, struct.pack(">QIIIIII", handle, 1, 0, 0, 0, 0, 4) + b"data")[0] == 0


def test_a_key_that_is_refused_at_renewal_is_given_up(agent):
    with_key(agent)
    client = Client(agent)
    handle, = client.find()
    agent.kbs.refuse = small_kbs.Refuse(403, "policy_refused")
    agent.process.send_signal(signal.SIGHUP)
    agent_fixture.wait_for(lambda: agent.events("key given up"))
    assert client.ask(SIGN, struct.pack(">QIIIIII", handle, 1, 0, 0, 0, 0, 4) + b"data")[0] == 5
    assert client.find() == ()


def test_handles_survive_a_restart(agent):
    with_key(agent)
    before = Client(agent).find()
    agent.stop(signal.SIGKILL)
    agent.start()  # the dead agent's socket file is no obstacle
    client = Client(agent)
    use = struct.pack(">QIIIIII", before[0], 1, 0, 0, 0, 0, 4) + b"data"
    assert client.ask(SIGN, use)[0] == 5  # not ready; nobody waits for the network here
    agent_fixture.wait_for(lambda: client.ask(SIGN, use)[0] == 0)
    assert client.find() == before


def test_two_agents_do_not_share_a_socket(agent):
    with_key(agent)
    done = subprocess.run([agent_fixture.AGENT, "--config", agent.config], capture_output=True, text=True, timeout=20,
                              env=agent_fixture.CONFINED)
    assert done.returncode == 1 and "another agent listens" in done.stderr
    assert Client(agent).find() != ()


def test_a_folder_that_others_write_to_is_no_place_for_the_socket(agent):
    for mode in (0o777, 0o770, 0o1777):
        os.chmod(agent.dir, mode)
        done = subprocess.run([agent_fixture.AGENT, "--config", agent.config], capture_output=True, text=True, timeout=20,
                              env=agent_fixture.CONFINED)
        assert done.returncode == 1 and ("folder" in done.stderr or "keys file" in done.stderr)
    os.chmod(agent.dir, 0o755)
    with_key(agent)


def test_process_is_closed_to_others(agent):
    with_key(agent)
    status = open(f"/proc/{agent.process.pid}/status").read()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    limits = open(f"/proc/{agent.process.pid}/limits").read()
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["0", "0"]]
    assert os.stat(f"/proc/{agent.process.pid}/mem").st_uid == 0  # undumpable: root's, whoever runs it
    assert stat.S_ISSOCK(os.stat(agent.socket).st_mode)
    locked = int(next(x for x in status.splitlines() if x.startswith("VmLck")).split()[1])
    assert locked > 4096 or "ASAN_OPTIONS" in os.environ  # kB: the arena and all else; ASan makes mlockall do nothing
    assert int(open(agent.dir / "agent.pid").read()) == agent.process.pid


def test_ends_cleanly(agent):
    with_key(agent)
    client = Client(agent)
    client.find()
    agent.stop()
    assert agent.process.returncode == 0
    assert not agent.socket.exists() and not (agent.dir / "agent.pid").exists()
    assert client.socket.recv(10) == b""


def test_operands_are_wrong_usage(agent):
    done = subprocess.run([agent_fixture.AGENT, "--config", agent.config, "start"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and "--help" in done.stderr


def test_bad_configuration_is_named(agent):
    for change, text in [({"attester": "sim"}, "unknown attester"), ({"allow_users": "nobody-such"}, "does not know"), ({"speed": "1"}, "unknown key"),
                         ({"release_keys": ""}, "release_keys"), ({"max_clients": 0}, "max_clients")]:
        agent.configure(**change)
        done = subprocess.run([agent_fixture.AGENT, "--config", agent.config, "--check-config"], capture_output=True, text=True)
        assert done.returncode == 1 and text in done.stderr, change
    agent.configure()
    os.chmod(agent.dir / "skc_library.conf", 0o644)  # it holds the token (L49)
    done = subprocess.run([agent_fixture.AGENT, "--config", agent.config, "--check-config"], capture_output=True, text=True)
    assert done.returncode == 1 and "skc_library.conf" in done.stderr


def test_socket_activation(agent):
    key_id = agent.kbs.add(RSA, "RSA")
    agent.set_keys((key_id, "RSAKEY", "1234"))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(agent.socket))
    listener.listen()
    script = "import os,sys; os.dup2(int(sys.argv[1]),3); os.environ.update(LISTEN_FDS='1',LISTEN_PID=str(os.getpid())); os.execv(sys.argv[2],sys.argv[2:])"
    with open(agent.log, "ab") as log:
        agent.process = subprocess.Popen(["/usr/bin/python3", "-c", script, str(listener.fileno()), agent_fixture.AGENT, "--config", agent.config],
                                         pass_fds=[listener.fileno(), 3] if listener.fileno() != 3 else [3], stderr=log, env=agent_fixture.CONFINED)
    assert len(Client(agent).find()) == 1
    agent.stop()
    assert agent.process.returncode == 0 and agent.socket.exists()  # the manager's, not ours to remove


def test_without_a_lease_nothing_is_asked_again(agent):
    agent.kbs.lease = 0
    with_key(agent)
    assert len(Client(agent).find()) == 1
    time.sleep(0.2)
    assert len(agent.kbs.requests) == 2
