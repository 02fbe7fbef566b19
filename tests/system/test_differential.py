# SPDX-License-Identifier: Apache-2.0
"""The differential gate on a small corpus; `make differential` runs a large one."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "differential"))

import gate  # noqa: E402


def test_every_disagreement_with_dcap_qvl_is_explained():
    seen, unexplained = gate.run(changed=600, signed=500, seed=7)
    assert not unexplained, "\n".join(unexplained)
    assert seen["both verify"] and seen["both refuse"] > 500  # the corpus meets both


def test_every_class_has_its_row_and_clause():
    rows = gate.documented()
    assert set(rows) == set(gate.CLASSES)
    assert all(len(clause) > 10 for clause in rows.values())


def test_what_no_class_explains_is_found():
    """The gate itself: a verifier that believes everything, and one that believes nothing, are told apart from ours."""
    case = gate.corpus.load(gate.VECTORS / "tdx4-plat-b0c06f000000-0c699d-ev20-eb07")
    good = gate.library.Warder().answer(case)
    assert good.verified and gate.agree(good, gate.library.qvl_answer(case))
    wrong = gate.library.Answer(False, reason="no")
    assert gate.classify(case, good, wrong) is None and gate.classify(case, wrong, good) is None
    assert gate.classify(case, good, gate.library.Answer(True, "OutOfDate")) is None
