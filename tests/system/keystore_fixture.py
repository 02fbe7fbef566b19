# SPDX-License-Identifier: Apache-2.0
"""A key manager in a process of its own (keystore_cli), kept over restarts of its server."""
import subprocess

from cryptography.hazmat.primitives import serialization

from attestd_fixture import Key
from kbs_fixture import BUILD, jwe_open

CLI = BUILD / "tests/system/keystore_cli"


class KeyStore:
    def __init__(self, folder, *options, env=None):
        self.dir = folder
        self.process = subprocess.Popen([CLI, *map(str, options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.opened = self.process.stdout.readline().strip()
        self.recipient = Key()
        self.spki = folder / "recipient.der"
        self.spki.write_bytes(self.recipient.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def give(self, ref, algorithm, text):
        path = self.dir / "given"
        path.touch(0o600)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        return self.ask("import", ref, algorithm, 0, path)

    def wrap(self, ref, algorithm, bits):
        return self.ask("wrap", ref, algorithm, bits, self.spki)

    def unwrap(self, ref, algorithm, bits):
        """The key bytes that a recipient gets."""
        answer = self.wrap(ref, algorithm, bits)
        assert answer.startswith("ok "), answer
        return jwe_open(self.recipient.private, answer[3:])[1]

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0


def private_file(path, text):
    path.touch(0o600)
    path.write_text(text)
    return path


def pkcs8(private):
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def found_in_memory(pid, needles, control):
    """Which of the named byte strings are in the memory of a process; `control` must be, or the search is none."""
    found, seen = [], False
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in open(f"/proc/{pid}/maps"):
            area, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            start, end = (int(x, 16) for x in area.split("-"))
            mem.seek(start)
            try:
                there = mem.read(end - start)
            except OSError:
                continue
            seen |= control in there
            found += [(name, line.strip()) for name, needle in needles if needle in there]
    assert seen, "the search finds what is there"
    return found
