# SPDX-License-Identifier: Apache-2.0
"""Genuine sets signed anew under a root of our own, with one thing changed before the signatures: a change of signed bytes
alone only ever meets the check of the signature."""
import copy
import dataclasses
import datetime
import hashlib
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

import corpus
from library import Case

SGX_EXTENSION = x509.ObjectIdentifier("1.2.840.113741.1.13.1")
STATUSES = ["UpToDate", "OutOfDate", "Revoked", "SWHardeningNeeded", "ConfigurationNeeded", "OutOfDateConfigurationNeeded",
            "ConfigurationAndSWHardeningNeeded", "Fine", ""]
ODD = [None, True, -1, 0, 1, 2, 3, 7, 254, 255, 256, 65535, 65536, 2**32, 2**63, 0.5, "", "0", "00", "zz", [], {}, "UpToDate",
       "2020-01-01T00:00:00Z", "2050-01-01T00:00:00Z", "2023-06-18", "SGX", "TDX", "QE", "TD_QE", "TDX_01", "INTEL-SA-00001"]
DAY = datetime.timedelta(days=1)


def names_of(ca):
    cn = {"root": "Intel SGX Root CA", "ca": f"Intel SGX PCK {ca} CA", "signer": "Intel SGX TCB Signing", "leaf": "Intel SGX PCK Certificate"}
    return {k: x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "US"), x509.NameAttribute(NameOID.COMMON_NAME, v)]) for k, v in cn.items()}


@dataclasses.dataclass
class Plan:
    """All that is signed, as it will be; an edit changes one thing."""
    quote: bytearray  # header and body
    qe_report: bytearray
    auth_data: bytes
    cert_type: int
    tcb_info: bytes
    qe_identity: bytes
    extension: bytes
    at: datetime.datetime
    dates: dict = dataclasses.field(default_factory=dict)    # name -> (not before, not after), days from `at`
    crl_dates: dict = dataclasses.field(default_factory=dict)
    revoked: set = dataclasses.field(default_factory=set)
    issuer: dict = dataclasses.field(default_factory=dict)   # name -> name of the issuer that signs in place of the right one
    crl_signer: dict = dataclasses.field(default_factory=dict)
    subject: dict = dataclasses.field(default_factory=dict)  # name -> common name
    leaf_is_ca: bool = False
    crl_number: bool = True
    crl_key_id: bool = True
    before_chain: bytes = b""
    after_chain: bytes = b""
    order: tuple = ("leaf", "ca", "root")
    tail: bytes = b""
    inside: bytes = b""
    report_tail: bytes = bytes(32)
    key_hash_broken: bool = False


class Forge:
    """One PKI; plans of genuine sets become cases."""

    def __init__(self):
        self.keys = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "ca", "signer", "leaf", "attestation", "stranger")}
        self.serials = {"root": 1001, "ca": 1002, "signer": 1003, "leaf": 1004}

    def plan(self, case):
        version = case.quote[0]
        end = (54 + int.from_bytes(case.quote[50:54], "little")) if version == 5 else 48 + (584 if case.quote[4] else 384)
        report = end + 4 + 128 + (6 if version > 3 else 0)
        auth = report + 448
        length = int.from_bytes(case.quote[auth:auth + 2], "little")
        chain = case.quote[auth + 2 + length + 6:].split(b"-----END")[0] + b"-----END CERTIFICATE-----\n"
        leaf = x509.load_pem_x509_certificate(chain)
        return Plan(quote=bytearray(case.quote[:end]), qe_report=bytearray(case.quote[report:report + 384]),
                    auth_data=case.quote[auth + 2:auth + 2 + length], cert_type=5, tcb_info=case.tcb_info[0],
                    qe_identity=case.qe_identity[0], extension=leaf.extensions.get_extension_for_oid(SGX_EXTENSION).value.value,
                    at=datetime.datetime.fromtimestamp(case.at, datetime.timezone.utc))

    def certificate(self, plan, name, names):
        issuer = plan.issuer.get(name, {"root": "root", "ca": "root", "signer": "root", "leaf": "ca"}[name])
        subject = names[name]
        if name in plan.subject:
            subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, plan.subject[name])])
        first, last = plan.dates.get(name, (-30, 30))
        ca = name in ("root", "ca") or (name == "leaf" and plan.leaf_is_ca)
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(names[issuer] if issuer in names else names["root"])
                   .public_key(self.keys[name].public_key()).serial_number(self.serials[name])
                   .not_valid_before(plan.at + first * DAY).not_valid_after(plan.at + last * DAY)
                   .add_extension(x509.BasicConstraints(ca, (0 if name == "ca" else 1) if ca else None), True)
                   .add_extension(x509.KeyUsage(not ca, not ca, False, False, False, ca, ca, False, False), True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.keys[name].public_key()), False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.keys[issuer].public_key()), False))
        if name == "leaf" and plan.extension:
            builder = builder.add_extension(x509.UnrecognizedExtension(SGX_EXTENSION, plan.extension), False)
        return builder.sign(self.keys[issuer], hashes.SHA256())

    def crl(self, plan, name, names):
        signer = plan.crl_signer.get(name, name)
        first, last = plan.crl_dates.get(name, (-5, 5))
        builder = (x509.CertificateRevocationListBuilder().issuer_name(names[name]).last_update(plan.at + first * DAY)
                   .next_update(plan.at + last * DAY))
        if plan.crl_number:
            builder = builder.add_extension(x509.CRLNumber(1), False)
        if plan.crl_key_id:
            builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.keys[signer].public_key()), False)
        listed = {"root": ("ca", "signer"), "ca": ("leaf",)}[name]
        for serial in (self.serials[who] for who in listed if who in plan.revoked):
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(plan.at - DAY).build())
        return builder.sign(self.keys[signer], hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def raw_signature(self, name, message):
        r, s = utils.decode_dss_signature(self.keys[name].sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def quote(self, plan, chain):
        point = self.keys["attestation"].public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)[1:]
        report = bytearray(plan.qe_report)
        bound = hashlib.sha256(point + plan.auth_data).digest()
        report[320:384] = (bytes(32) if plan.key_hash_broken else bound) + plan.report_tail
        certified = (bytes(report) + self.raw_signature("leaf", bytes(report)) + len(plan.auth_data).to_bytes(2, "little") + plan.auth_data
                     + plan.cert_type.to_bytes(2, "little") + len(chain).to_bytes(4, "little") + chain)
        if plan.quote[0] > 3:
            certified = (6).to_bytes(2, "little") + len(certified).to_bytes(4, "little") + certified
        auth = self.raw_signature("attestation", bytes(plan.quote)) + point + certified + plan.inside
        return bytes(plan.quote) + len(auth).to_bytes(4, "little") + auth + plan.tail

    def make(self, name, plan, ca):
        names = names_of(ca)
        certs = {who: self.certificate(plan, who, names) for who in ("root", "ca", "signer", "leaf")}
        pem = {who: c.public_bytes(serialization.Encoding.PEM) for who, c in certs.items()}
        chain = plan.before_chain + b"".join(pem[who] for who in plan.order) + plan.after_chain
        signed = [(text, self.raw_signature("signer", text).hex().encode()) for text in (plan.tcb_info, plan.qe_identity)]
        return Case(name=name, quote=self.quote(plan, chain), tcb_info=signed[0], qe_identity=signed[1],
                    tcb_chain=pem["signer"] + pem["root"], identity_chain=pem["signer"] + pem["root"],
                    pck_crl=self.crl(plan, "ca", names), crl_chain=pem["ca"] + pem["root"], root_crl=self.crl(plan, "root", names),
                    at=int(plan.at.timestamp()), root=certs["root"].public_bytes(serialization.Encoding.DER))


def paths(value, here=()):
    yield here
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*here, key))


def edit_document(rng, text):
    """One change of the document's tree or of its text."""
    tree = json.loads(text)
    kind = rng.randrange(12)
    if kind == 0:  # the same member twice, at some depth
        at = rng.choice([i for i in range(len(text)) if text[i:i + 1] == b"{"])
        return text[:at + 1] + b'"version":3,' * (at == 0) + b'"tcbStatus":"UpToDate",' + text[at + 1:]
    if kind == 1:
        return json.dumps(tree, indent=rng.choice((None, 1))).encode()
    path = rng.choice([p for p in paths(tree) if p])
    *way, last = path
    owner = tree
    for key in way:
        owner = owner[key]
    old = owner[last]
    if kind == 2:
        del owner[last]
    elif kind == 3 and isinstance(old, list):
        old.append(copy.deepcopy(old[0])) if old else old.append(1)
    elif kind == 4 and isinstance(old, list):
        old.reverse()
    elif kind in (5, 6, 7) and isinstance(old, int):
        owner[last] = max(0, old + rng.choice((-9, -1, 1, 9)))
    elif kind in (5, 6) and isinstance(old, str) and old in STATUSES:
        owner[last] = rng.choice(STATUSES)
    elif kind == 7 and isinstance(old, str):
        owner[last] = rng.choice((old.upper(), old.lower(), old + "0", old[:-1], " " + old))
    elif kind == 8 and isinstance(owner, dict):
        owner["unknown"] = rng.choice(ODD)
    else:
        owner[last] = rng.choice(ODD)
    return json.dumps(tree, separators=(",", ":")).encode()


def edit_statuses(rng, text):
    """Each level gets a status and an SVN of its own: selection and convergence, not form."""
    tree = json.loads(text)

    def walk(value):
        if isinstance(value, dict):
            if "tcbStatus" in value:
                value["tcbStatus"] = rng.choice(STATUSES[:7])
                value["advisoryIDs"] = rng.sample(["INTEL-SA-00001", "INTEL-SA-00002", "INTEL-SA-00003"], rng.randrange(3))
            for key in ("svn", "pcesvn", "isvsvn"):
                if isinstance(value.get(key), int) and rng.randrange(40) == 0:
                    value[key] = max(0, value[key] + rng.choice((-2, -1, 1)))
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(inner)
    walk(tree)
    return json.dumps(tree, separators=(",", ":")).encode()


def edit_quote(rng, plan):
    at = rng.choice((0, 2, 4, 6, 8, 12, 28, *([rng.randrange(len(plan.quote))] * 6)))
    plan.quote[at] = rng.choice((0, 1, 2, 3, 4, 5, 6, 0x81, 0xff, rng.randrange(256)))


def edit_report(rng, plan):
    at = rng.choice((16, 19, 48, 49, 56, 64, 128, 256, 258, 259, rng.randrange(320)))
    plan.qe_report[at] ^= 1 << rng.randrange(8)


def edit_certificates(rng, plan):
    who = rng.choice(("root", "ca", "signer", "leaf"))
    kind = rng.randrange(9)
    if kind < 3:
        plan.dates[who] = rng.choice(((1, 30), (-30, -1)))
    elif kind < 5:
        plan.revoked.add(rng.choice(("ca", "signer", "leaf")))
    elif kind == 5:
        plan.subject[rng.choice(("signer", "leaf"))] = rng.choice(("Intel SGX PCK Certificate", "Intel SGX TCB Signing", "Another"))
    elif kind == 6:
        plan.issuer[rng.choice(("signer", "leaf", "ca"))] = rng.choice(("stranger", "ca", "root"))
    elif kind == 7:
        plan.leaf_is_ca = True
    else:
        at = rng.randrange(len(plan.extension))
        plan.extension = rng.choice((b"", plan.extension[:at] + bytes([rng.randrange(256)]) + plan.extension[at + 1:], plan.extension[:at]))


def edit_crls(rng, plan):
    which = rng.choice(("root", "ca"))
    kind = rng.randrange(4)
    if kind < 2:
        plan.crl_dates[which] = rng.choice(((1, 5), (-5, -1)))
    elif kind == 2:
        plan.crl_signer[which] = "stranger"
    elif rng.randrange(2):
        plan.crl_number = False
    else:
        plan.crl_key_id = False


def edit_frame(rng, plan):
    kind = rng.randrange(8)
    if kind == 0:
        plan.auth_data = bytes(rng.choice((0, 1, 16, 31, 33, 64)))
    elif kind == 1:
        plan.cert_type = rng.choice((1, 2, 3, 4, 6, 7, 8))
    elif kind == 2:
        plan.before_chain = rng.choice((b"text\n", b"\n", b" "))
    elif kind == 3:
        plan.after_chain = rng.choice((b"\0", b"\0\0", b"text", b"\n\n"))
    elif kind == 4:
        plan.order = rng.choice((("leaf", "root", "ca"), ("ca", "leaf", "root"), ("leaf", "ca"), ("leaf", "ca", "root", "root"), ("leaf", "leaf", "ca", "root")))
    elif kind == 5:
        plan.tail = bytes(rng.randrange(1, 70))
    elif kind == 6:
        plan.inside = bytes(rng.randrange(1, 5))
    elif rng.randrange(2):
        plan.report_tail = bytes(31) + b"\1"
    else:
        plan.key_hash_broken = True


def edit(rng, plan):
    kind = rng.randrange(14)
    if kind < 3:
        plan.tcb_info = edit_document(rng, plan.tcb_info)
    elif kind < 5:
        plan.qe_identity = edit_document(rng, plan.qe_identity)
    elif kind < 8:
        plan.tcb_info = edit_statuses(rng, plan.tcb_info)
        plan.qe_identity = edit_statuses(rng, plan.qe_identity)
    else:
        (edit_quote, edit_report, edit_certificates, edit_crls, edit_frame, edit_quote)[kind - 8](rng, plan)
    return ("TCB info", "TCB info", "TCB info", "identity", "identity", "levels", "levels", "levels", "quote", "QE report",
            "certificates", "CRLs", "frame", "quote")[kind]


def cases(folders, count, rng):
    forge = Forge()
    genuine = [corpus.load(folder) for folder in folders]
    for case in genuine:
        ca = "Processor" if "-proc-" in case.name else "Platform"
        yield forge.make(f"{case.name}: signed anew", forge.plan(case), ca)
    for _ in range(count):
        case = rng.choice(genuine)
        plan = forge.plan(case)
        what = edit(rng, plan)
        made = forge.make(f"{case.name}: {what} changed, signed anew", plan, "Processor" if "-proc-" in case.name else "Platform")
        made.base = case
        yield made
