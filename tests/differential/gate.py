#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gate.py [CHANGED [SIGNED [SEED]]]: one corpus through Warder and dcap-qvl. Each disagreement must be of a class that
docs/verification-differences.md explains; any other is printed, and fails."""
import base64
import collections
import json
import pathlib
import random
import re
import sys

from cryptography import x509

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import corpus
import library
import resign

VECTORS = library.ROOT / "tests/vectors/intel"
PAGE = library.ROOT / "docs/verification-differences.md"

CHAIN_TEXTS = ("PEM", "base64", "Certificate (RFC", "certificate", "TBSCertificate", "a chain", "the chain", "not a point", "curve",
               "key", "basic constraints", "Subject", "serial", "extension", "of the chain", "names another issuer", "issuer chain is missing",
               "may issue more", "is a CA", "no CRL", "signature algorithm", "another issuer's")


def certificates(text):
    """DER of each certificate in PEM, as generously read as can be."""
    found = []
    for body in re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END", text, re.S):
        try:
            found.append(base64.b64decode(b"".join(body.split())))
        except ValueError:
            found.append(None)
    return found


def failed_only(w, *names):
    return bool(w.checks) and set(w.checks) <= set(names)


def says(w, check, *texts):
    return any(text in w.checks.get(check, "") for text in texts)


def signers_kept(case):
    """Only the roots at the ends of the chains differ from the genuine set."""
    def first(text):
        return certificates(text)[:1]
    if case.base is None or case.root:
        return False
    return certificates(case.quote)[:2] == certificates(case.base.quote)[:2] and first(case.tcb_chain) == first(case.base.tcb_chain) and first(case.identity_chain) == first(case.base.identity_chain)


def root_out_of_date(case):
    root = x509.load_der_x509_certificate(case.root) if case.root else None
    return root is not None and not root.not_valid_before_utc.timestamp() <= case.at <= root.not_valid_after_utc.timestamp()


def levels_unsorted(case):
    """Some list of levels does not have its best first."""
    def lists(value):
        if isinstance(value, dict) and isinstance(value.get("tcbLevels"), list):
            yield value["tcbLevels"]
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from lists(inner)

    def order(level):
        tcb = level["tcb"]
        if "isvsvn" in tcb:
            return (tcb["isvsvn"],)
        return ([c["svn"] for c in tcb["sgxtcbcomponents"]], tcb["pcesvn"], [c["svn"] for c in tcb.get("tdxtcbcomponents", [])])
    every = [levels for text in (case.tcb_info[0], case.qe_identity[0]) for levels in lists(json.loads(text))]
    return any([order(x) for x in levels] != sorted((order(x) for x in levels), reverse=True) for levels in every)


def unselected_status(case, q):
    return "unknown variant" in q.reason and any(s.encode() in case.tcb_info[0] + case.qe_identity[0] for s in re.findall(r"unknown variant `([^`]*)`", q.reason))


# name -> does it explain this disagreement? Tried in this order.
ACCEPTED_BY_US = {
    "debug": lambda c, w, q: "Debug mode is enabled" in q.reason and w.claims["debug"] is True,
    "sept-ve": lambda c, w, q: "SEPT_VE_DISABLE is not enabled" in q.reason and w.claims["sept_ve_disable"] is False,
    "service-td": lambda c, w, q: "Invalid MR service TD" in q.reason and w.claims["service_td"] is True,
    "td-attributes": lambda c, w, q: re.search("reserved bits|Reserved bits|PKS|KL|TUD|SEC|Migratable|migratable|XFAM", q.reason) and w.claims.get("tee") == "tdx",
    "tcb-info-2": lambda c, w, q: "missing field `sgxtcbcomponents`" in q.reason and json.loads(c.tcb_info[0])["version"] == 2,
    "auth-data-length": lambda c, w, q: "Invalid QE auth data length" in q.reason,
    "sgx-version": lambda c, w, q: "SGX TEE quote must have version 3" in q.reason and c.quote[0] in (4, 5),
    "unselected-status": lambda c, w, q: unselected_status(c, q),
    "isvsvn-width": lambda c, w, q: "expected u8" in q.reason and re.search(rb'"isvsvn":(2[5-9][6-9]|[3-9]\d\d|\d{4,5})\b', c.tcb_info[0]),
    "pem-blanks": lambda c, w, q: "Failed to parse certs" in q.reason and c.base is not None and certificates(c.quote)[:3] == certificates(c.base.quote)[:3],
    "shared-chain": lambda c, w, q: not c.identity_chain and "too short for QE Identity" in q.reason,
    "blanks-around": lambda c, w, q: "Signature is invalid for" in q.reason and any(t[0] != t[0].strip() for t in (c.tcb_info, c.qe_identity)),
}
REFUSED_BY_US = {
    "crl-profile": lambda c, w, q: failed_only(w, "root_crl", "pck_crl") and "no number or no authority key identifier" in w.reason,
    "crl-not-yet": lambda c, w, q: failed_only(w, "root_crl_validity", "pck_crl_validity") and re.search("CRL is not yet valid", w.reason),
    "root-validity": lambda c, w, q: failed_only(w, "root_crl_validity", "pck_crl_validity", "pck_validity", "tcb_info_validity", "qe_identity_validity") and root_out_of_date(c),
    "crl-issuer-chain": lambda c, w, q: failed_only(w, "pck_crl", "pck_crl_validity", "pck_revocation") and c.base is not None and not c.root and c.crl_chain != c.base.crl_chain
                        and (says(w, "pck_crl", *CHAIN_TEXTS) or says(w, "pck_revocation", "issuer", "another")),
    "root-in-chain": lambda c, w, q: failed_only(w, "pck_chain", "tcb_info_signature", "qe_identity_signature") and signers_kept(c),
    "chain-form": lambda c, w, q: failed_only(w, "pck_chain") and says(w, "pck_chain", "PEM", "base64", "not exactly the certificates", "does not end at a trusted root", "names another issuer"),
    "purpose-by-name": lambda c, w, q: "another purpose by its name" in w.reason,
    "component-count": lambda c, w, q: failed_only(w, "tcb_info_format") and "not exactly 16 components" in w.reason,
    "equal-levels": lambda c, w, q: failed_only(w, "tcb_info_format", "qe_identity_format") and re.search("two TCB levels|same isvsvn", w.reason),
    "strict-json": lambda c, w, q: failed_only(w, "tcb_info_format", "qe_identity_format")
                   or (c.root and failed_only(w, "tcb_info_signature", "qe_identity_signature") and "not an object of its content" in w.reason),
    "report-data-tail": lambda c, w, q: failed_only(w, "qe_report_data") and "does not end with zeros" in w.reason,
    "area-length": lambda c, w, q: failed_only(w, "quote_format") and re.search("(signature area|QE report certification data) has not the length", w.reason),
    "outer-type": lambda c, w, q: failed_only(w, "quote_format") and "outer certification data type" in w.reason,
    "component-status": lambda c, w, q: failed_only(w, "qe_tcb_level", "tcb_level") and "unknown status" in w.reason,
    "sgx-extension": lambda c, w, q: failed_only(w, "pck_extension"),
}
OTHER_STATUS = {
    "unsorted-levels": lambda c, w, q: levels_unsorted(c),
}
CLASSES = {**ACCEPTED_BY_US, **REFUSED_BY_US, **OTHER_STATUS}


def agree(w, q):
    return w.verified == q.verified and (not w.verified or (w.status, w.advisories) == (q.status, q.advisories))


def classify(case, w, q):
    """The class of a disagreement; None: nothing explains it."""
    table = OTHER_STATUS if w.verified == q.verified else ACCEPTED_BY_US if w.verified else REFUSED_BY_US
    return next((name for name, explains in table.items() if explains(case, w, q)), None)


def documented():
    """{class: the clause that decides} of the table in the page."""
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|", PAGE.read_text(), re.M)
    return {name: clause.strip() for name, _, _, clause in rows}


def run(changed, signed, seed, folders=None):
    """(Counter of outcomes, list of what nothing explains)."""
    folders = folders or sorted(p for p in VECTORS.iterdir() if p.is_dir())
    warder, seen, unexplained = library.Warder(), collections.Counter(), []
    for make in (lambda: corpus.cases(folders, changed, seed), lambda: resign.cases(folders, signed, random.Random(seed))):
        for case in make():
            w, q = warder.answer(case), library.qvl_answer(case)
            name = ("both verify" if w.verified else "both refuse") if agree(w, q) else classify(case, w, q)
            seen[name] += 1
            if name is None:
                unexplained.append(f"{case.name}\n  Warder: {w.verified} {w.status} {w.reason} {w.checks}\n  dcap-qvl: {q.verified} {q.status} {q.reason}")
    return seen, unexplained


def main():
    given = [int(a) for a in sys.argv[1:4]]
    changed, signed, seed = given + [20000, 8000, 1][len(given):]
    seen, unexplained = run(changed, signed, seed)
    for name, count in seen.most_common():
        print(f"{count:7} {name or 'UNEXPLAINED'}")
    missing = set(CLASSES) ^ set(documented())
    print(*unexplained, *(f"no row, or no class: {name}" for name in sorted(missing)), sep="\n")
    return 1 if unexplained or missing else 0


if __name__ == "__main__":
    sys.exit(main())
