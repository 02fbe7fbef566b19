# SPDX-License-Identifier: Apache-2.0
"""docs/verification-rules.md is what the sources say: each check has its clause, its function and a test that breaks it."""
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import verification_rules as rules  # noqa: E402

AGAIN = "tests/verification_rules.py --write"


def rows():
    """(check, clause, functions, tests) of the page."""
    return re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", rules.PAGE.read_text(), re.M)


def test_every_check_has_its_row_and_clause():
    assert sorted((check, clause) for _, _, check, clause in rules.checks()) == sorted(row[:2] for row in rows()), AGAIN


def test_named_functions_record_the_check_and_named_tests_break_it():
    known = {}
    for _, place, check, _ in rules.checks():
        made, tests = known.setdefault(check, (set(), set()))
        made.update(rules.recorders(place))
        tests.update(rules.negative_tests(check))
    for check, _, functions, tests in rows():
        named = set(re.findall(r"`(\w+)`", functions))
        assert named and named <= known[check][0], f"{check}: {AGAIN}"
        named = set(tests.split("; ")) - {""}
        assert named and named <= known[check][1], f"{check}: {AGAIN}"


def test_every_check_is_explained():
    names = {check for _, _, check, _ in rules.checks()}
    assert len(names) > 55
    text = (rules.ROOT / "docs/verification.md").read_text()
    assert not {name for name in names if f"`{name}`" not in text}
