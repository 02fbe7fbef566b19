# SPDX-License-Identifier: Apache-2.0
"""docs/verification-rules.md is what the sources say: each check has its clause, its function and a test that breaks it."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import verification_rules  # noqa: E402


def test_the_page_is_made_of_these_sources():
    text, lacks = verification_rules.page()
    assert not lacks
    assert verification_rules.PAGE.read_text() == text, "tests/verification_rules.py --write"


def test_every_check_is_found_and_explained():
    names = {check for _, _, check, _ in verification_rules.checks()}
    assert len(names) > 55
    rules = (verification_rules.ROOT / "docs/verification.md").read_text()
    assert not {name for name in names if f"`{name}`" not in rules}
