# SPDX-License-Identifier: Apache-2.0
"""The two verifiers behind one call: answer(case) -> Answer. Ours through libwarder-verify, the other is dcap-qvl."""
import ctypes
import dataclasses
import json
import os
import pathlib

import dcap_qvl

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("WARDER_BUILD", ROOT / "build"))
NAMES = {"tcb_info": "tcb_info.json", "qe_identity": "qe_identity.json", "tcb_chain": "tcb_signing_chain.pem",
         "identity_chain": "qe_identity_chain.pem", "pck_crl": "pck_crl.der", "crl_chain": "pck_crl_issuer_chain.pem",
         "root_crl": "root_ca_crl.der"}


@dataclasses.dataclass
class Case:
    """What both verifiers get. Signed documents are (exact inner text, signature in hex); chains are PEM, lists DER."""
    name: str
    quote: bytes
    tcb_info: tuple
    qe_identity: tuple
    tcb_chain: bytes
    identity_chain: bytes
    pck_crl: bytes
    crl_chain: bytes
    root_crl: bytes
    at: int
    root: bytes = b""  # DER of a further trusted root; empty: Intel's
    base: object = None  # the case that this one was made of, before the change


@dataclasses.dataclass
class Answer:
    verified: bool
    status: str = ""
    advisories: frozenset = frozenset()
    reason: str = ""
    claims: dict = dataclasses.field(default_factory=dict)
    checks: dict = dataclasses.field(default_factory=dict)  # those that failed: name -> why


class Bytes(ctypes.Structure):
    _fields_ = [("at", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Item(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("bytes", Bytes)]


def document(name, parts):
    return b'{"%s":%s,"signature":"%s"}' % (name, parts[0], parts[1])


class Warder:
    def __init__(self):
        self.lib = ctypes.CDLL(str(BUILD / "programs/libwarder-verify/libwarder-verify.so"))
        self.lib.warder_verify.argtypes = [ctypes.c_void_p, Bytes, ctypes.c_void_p, ctypes.c_int64, ctypes.c_char_p,
                                           ctypes.POINTER(ctypes.c_void_p)]
        for name in ("warder_collateral_free", "warder_verifier_free"):
            getattr(self.lib, name).argtypes = [ctypes.c_void_p]
        self.free = ctypes.CDLL(None).free
        self.free.argtypes = [ctypes.c_void_p]

    def answer(self, case):
        verifier, collateral, text = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        roots = (Bytes * 1)(Bytes(case.root, len(case.root)))
        assert self.lib.warder_verifier_new(roots, ctypes.c_size_t(1 if case.root else 0), ctypes.byref(verifier)) == 0
        parts = {"tcb_info": document(b"tcbInfo", case.tcb_info), "qe_identity": document(b"enclaveIdentity", case.qe_identity)}
        given = [(file, parts.get(name, getattr(case, name))) for name, file in NAMES.items()]
        items = (Item * len(given))(*(Item(file.encode(), Bytes(data, len(data))) for file, data in given))
        assert self.lib.warder_collateral_load(verifier, items, ctypes.c_size_t(len(given)), ctypes.byref(collateral)) == 0
        verdict = self.lib.warder_verify(verifier, Bytes(case.quote, len(case.quote)), collateral, case.at, None, ctypes.byref(text))
        said = json.loads(ctypes.string_at(text.value))
        self.free(text)
        self.lib.warder_collateral_free(collateral)
        self.lib.warder_verifier_free(verifier)
        assert (verdict == 0) == (said["verdict"] == "verified")
        failed = {row["check"]: row.get("detail", "") for row in said["checks"] if row["outcome"] == "failed"}
        return Answer(verdict == 0, said["tcb_status"], frozenset(said["advisory_ids"]), said["reason"], said["claims"], failed)


def qvl_answer(case):
    try:
        collateral = dcap_qvl.QuoteCollateralV3(
            case.crl_chain.decode(), case.root_crl, case.pck_crl, case.tcb_chain.decode(), case.tcb_info[0].decode(),
            bytes.fromhex(case.tcb_info[1].decode()), case.identity_chain.decode(), case.qe_identity[0].decode(),
            bytes.fromhex(case.qe_identity[1].decode()))
        if case.root:
            report = dcap_qvl.verify_with_root_ca(case.quote, collateral, case.root, case.at)
        else:
            report = dcap_qvl.verify(case.quote, collateral, case.at)
    except (ValueError, UnicodeDecodeError, RuntimeError) as e:
        return Answer(False, reason=str(e))
    except BaseException as e:  # a panic of the other side comes so
        if isinstance(e, (KeyboardInterrupt, SystemExit)):
            raise
        return Answer(False, reason=f"panic: {e}")
    return Answer(True, report.status, frozenset(report.advisory_ids))
