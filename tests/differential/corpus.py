# SPDX-License-Identifier: Apache-2.0
"""The corpus: genuine sets, random changes of their bytes, parts of one in another, other times. Same seed, same corpus."""
import dataclasses
import json
import random
import re

from library import Case

TEXTS = ("tcb_info", "qe_identity", "tcb_chain", "identity_chain", "crl_chain")
PARTS = ("quote", "quote", "quote", "quote", "pck_crl", "root_crl", *TEXTS)


def split(text, member):
    """(inner, signature) of a signed document, by its bytes."""
    start = text.index(b'"%s":' % member) + len(member) + 3
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] == ord("{")) - (text[at] == ord("}"))
        if not depth:
            break
    return text[start:at + 1], re.search(rb'"signature"\s*:\s*"([0-9a-fA-F]+)"', text).group(1)


def load(folder):
    """The case of a vector set."""
    def read(name):
        return (folder / name).read_bytes()
    meta = json.loads(read("meta.json"))
    chain = read("tcb_signing_chain.pem")
    return Case(name=folder.name, quote=read("quote.bin"), tcb_info=split(read("tcb_info.json"), b"tcbInfo"),
                qe_identity=split(read("qe_identity.json"), b"enclaveIdentity"), tcb_chain=chain, identity_chain=chain,
                pck_crl=read("pck_crl.der"), crl_chain=read("pck_crl_issuer_chain.pem"), root_crl=read("root_ca_crl.der"),
                at=meta["verify_at"])


def changed_bytes(rng, data, text):
    """One to three changes; text stays ASCII, since one side takes it as such."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(data))
        kind = rng.randrange(8)
        byte = rng.choice(b' \n\r\t"{}[],:0123456789abcdefABCDEF=-xyz\\') if text else rng.randrange(256)
        if kind < 3:
            data[at] = byte
        elif kind == 3:
            data[at] ^= 1 << rng.randrange(7 if text else 8)
            data[at] = data[at] or 32 if text else data[at]
        elif kind == 4:
            data.insert(at, byte)
        elif kind == 5:
            del data[at:at + rng.choice((1, 1, 2, 16))]
        elif kind == 6:
            data[at:at] = data[at:at + rng.choice((1, 4, 32))]
        else:
            data = data[:at] if rng.randrange(4) == 0 else data + bytes([byte]) * rng.randrange(1, 9)
        if not data:
            break
    return bytes(data)


def mutated(rng, case, other):
    part = rng.choice(PARTS)
    value = getattr(case, part)
    if rng.randrange(12) == 0:  # a part of another set
        fresh = getattr(other, part)
    elif isinstance(value, tuple):
        which = rng.randrange(2) if rng.randrange(3) == 0 else 0
        fresh = tuple(changed_bytes(rng, v, True) if i == which else v for i, v in enumerate(value))
        fresh = (fresh[0], fresh[1].replace(b'"', b"'"))  # the signature is put between quotation marks
    else:
        fresh = changed_bytes(rng, value, part in TEXTS)
    return dataclasses.replace(case, name=f"{case.name}: {part} changed", base=case, **{part: fresh})


def at_other_time(rng, case):
    days = rng.choice((-4000, -400, -40, -20, -8, -2, 2, 8, 20, 40, 400, 4000))
    return dataclasses.replace(case, name=f"{case.name}: {days} days later", base=case, at=case.at + days * 86400 + rng.randrange(86400))


def cases(folders, count, seed):
    """All genuine sets, then `count` changed ones."""
    genuine = [load(folder) for folder in folders]
    yield from genuine
    rng = random.Random(seed)
    for _ in range(count):
        case, other = rng.choice(genuine), rng.choice(genuine)
        yield at_other_time(rng, case) if rng.randrange(10) == 0 else mutated(rng, case, other)
