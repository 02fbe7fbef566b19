# SPDX-License-Identifier: Apache-2.0
"""Makes this set anew with swtpm and tpm2-tools: a key on P-256, a boot log in two banks and an IMA list, all extended for real."""
import hashlib
import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2] / "system"))
import swtpm_fixture  # noqa: E402

BANKS = {4: "sha1", 11: "sha256"}
APPLICATION, VARIABLE, SEPARATOR, ACTION, NO_ACTION = 0x80000003, 0x80000001, 4, 0x80000007, 3


def number(value, size=4):
    return value.to_bytes(size, "little")


def variable(name, value):
    text = name.encode("utf-16-le")
    return bytes(range(16)) + number(len(name), 8) + number(len(value), 8) + text + value


EVENTS = [  # register, type, data, what is hashed in its place
    (0, 8, b"firmware 1.0", None),
    (7, VARIABLE, variable("SecureBoot", b"\x01"), None),
    (7, VARIABLE, variable("PK", b"platform key"), None),
    (4, ACTION, b"Calling EFI Application from Boot Option", None),
    *((n, SEPARATOR, bytes(4), None) for n in range(8)),
    (4, APPLICATION, b"\\EFI\\BOOT\\BOOTX64.EFI", b"MZ loader"),
    (4, APPLICATION, b"\\vmlinuz", b"MZ kernel"),
    (5, ACTION, b"Exit Boot Services Invocation", None),
]


def event_log(tpm):
    log = (number(0) + number(NO_ACTION) + bytes(20) + number(37) + b"Spec ID Event03\0" + number(0) + b"\0\x02\0\x02" + number(len(BANKS))
           + b"".join(number(alg, 2) + number(hashlib.new(name).digest_size, 2) for alg, name in BANKS.items()) + b"\0")
    for register, kind, data, hashed in EVENTS:
        log += number(register) + number(kind) + number(len(BANKS))
        for alg, name in BANKS.items():
            digest = hashlib.new(name, hashed or data).digest()
            tpm.extend(register, digest, name)
            log += number(alg, 2) + digest
        log += number(len(data)) + data
    return log


def ima_list(tpm):
    lines = ""
    for template, digest, name, signature in (("ima-ng", hashlib.sha256(b"init").digest(), "/sbin/init", None),
                                              ("ima-sig", hashlib.sha256(b"a b").digest(), "/opt/a b", b"\x03\x02signed"),
                                              ("ima-ng", bytes(32), "/var/log/open", None)):
        fields = [b"sha256:\0" + digest, name.encode() + b"\0"] + ([signature] if signature else [])
        data = b"".join(number(len(f)) + f for f in fields)
        violation = not any(digest)
        tpm.extend(10, b"\xff" * 32 if violation else hashlib.sha256(data).digest())
        shown = "00" * 20 if violation else hashlib.sha1(data).hexdigest()
        lines += f"10 {shown} {template} sha256:{digest.hex()} {name}" + (f" {signature.hex()}" if signature else "") + "\n"
    return lines


def main():
    with tempfile.TemporaryDirectory() as folder:
        tpm = swtpm_fixture.Tpm(folder + "/tpm")
        try:
            _, ak = tpm.make_keys()
            log, ima = event_log(tpm), ima_list(tpm)
            tpm.quote(bytes(64))
            values = (tpm.dir / "quote.pcrs").read_bytes()
            pcrs = {str(n): values[32 * i:32 * i + 32].hex() for i, n in enumerate(swtpm_fixture.PCRS)}
            for name, data in {"ak_pub.tpmt": ak.read_bytes()[2:], "quote.msg": (tpm.dir / "quote.msg").read_bytes(),
                               "quote.sig": (tpm.dir / "quote.sig").read_bytes(), "event_log.bin": log, "ima.ascii": ima.encode(),
                               "pcrs.json": json.dumps(pcrs, indent=1).encode() + b"\n"}.items():
                (HERE / name).write_bytes(data)
        finally:
            tpm.close()


if __name__ == "__main__":
    main()
