# SPDX-License-Identifier: Apache-2.0
"""Warder and dcap-qvl on the same quote, collateral and time, in turns in one process: CPU time of one verification. The TDX
set is genuine; the SGX one is signed anew under a test root, since no genuine one in the repository pleases dcap-qvl.

Warm: the collateral is loaded and the platform known. Cold: a verifier that has seen nothing loads the collateral and verifies.
dcap-qvl has one way only, everything anew each time. Warder is called through ctypes, whose cost is on its side.
"""
import ctypes
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/differential"))

import corpus  # noqa: E402
import dcap_qvl  # noqa: E402
import library  # noqa: E402
import resign  # noqa: E402

VECTORS = library.ROOT / "tests/vectors/intel"
CASES = {"sgx3": "sgx3-plat-00606a000000-b69ac4-ev15-2759", "tdx4": "tdx4-plat-b0c06f000000-0c699d-ev20-eb07"}
ROUNDS, BATCH = 61, 8


class Ours:
    def __init__(self, case):
        self.lib = library.Warder().lib
        self.case = case
        self.quote = library.Bytes(case.quote, len(case.quote))
        parts = {"tcb_info": library.document(b"tcbInfo", case.tcb_info), "qe_identity": library.document(b"enclaveIdentity", case.qe_identity)}
        given = [(file, parts.get(name, getattr(case, name))) for name, file in library.NAMES.items()]
        self.items = (library.Item * len(given))(*(library.Item(f.encode(), library.Bytes(d, len(d))) for f, d in given))
        self.verifier = self.new()
        self.collateral = self.load(self.verifier)

    def new(self):
        v = ctypes.c_void_p()
        root = library.Bytes(self.case.root, len(self.case.root))
        assert self.lib.warder_verifier_new(ctypes.byref(root), ctypes.c_size_t(1 if self.case.root else 0), ctypes.byref(v)) == 0
        return v

    def load(self, verifier):
        c = ctypes.c_void_p()
        assert self.lib.warder_collateral_load(verifier, self.items, ctypes.c_size_t(len(self.items)), ctypes.byref(c)) == 0
        return c

    def warm(self):
        assert self.lib.warder_verify(self.verifier, self.quote, self.collateral, self.case.at, None, None) == 0

    def cold(self, verifier):
        c = self.load(verifier)
        assert self.lib.warder_verify(verifier, self.quote, c, self.case.at, None, None) == 0
        self.lib.warder_collateral_free(c)


def peer_of(case):
    collateral = dcap_qvl.QuoteCollateralV3(
        case.crl_chain.decode(), case.root_crl, case.pck_crl, case.tcb_chain.decode(), case.tcb_info[0].decode(),
        bytes.fromhex(case.tcb_info[1].decode()), case.identity_chain.decode(), case.qe_identity[0].decode(),
        bytes.fromhex(case.qe_identity[1].decode()))
    if case.root:
        return lambda: dcap_qvl.verify_with_root_ca(case.quote, collateral, case.root, case.at)
    return lambda: dcap_qvl.verify(case.quote, collateral, case.at)


def timed(run, arguments):
    start = time.thread_time_ns()
    for argument in arguments:
        run(*argument)
    return (time.thread_time_ns() - start) / 1e3 / len(arguments)


def measure(name, folder):
    case = corpus.load(VECTORS / folder)
    if name == "sgx3":
        forge = resign.Forge()
        case = forge.make(folder, forge.plan(case), "Platform")
    ours, peer = Ours(case), peer_of(case)
    times = {"warm": [], "cold": [], "peer": []}
    for round_ in range(ROUNDS + 4):
        fresh = [(ours.new(),) for _ in range(BATCH)]
        took = {"warm": timed(ours.warm, [()] * 4 * BATCH), "cold": timed(ours.cold, fresh), "peer": timed(peer, [()] * BATCH)}
        for (verifier,) in fresh:
            ours.lib.warder_verifier_free(verifier)
        for key, value in took.items():
            if round_ >= 4:
                times[key].append(value)
    middle = {key: statistics.median(values) for key, values in times.items()}
    for kind in ("warm", "cold"):
        print(json.dumps({"bench": "verify", "case": f"{name}-{kind}", "value": round(1e6 / middle[kind]), "unit": "quotes/s",
                          "ratio": round(middle["peer"] / middle[kind], 2), "against": f"dcap-qvl-{dcap_qvl.__version__}",
                          "us": round(middle[kind], 1), "peer_us": round(middle["peer"], 1)}), flush=True)


if __name__ == "__main__":
    for one in CASES.items():
        measure(*one)
