#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""verification_rules.py [--write]: docs/verification-rules.md, made of the sources: each check that verification can make, the
clause that it enforces, the function that makes it, and the tests that break it alone. Prints what the page lacks."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/verification-rules.md"
SOURCES = [*sorted((ROOT / "src/verify").glob("*.h")), *sorted((ROOT / "src/verify").glob("*.c"))]
TESTS = sorted((ROOT / "tests/unit/verify").glob("test_*.c"))
HEAD = """# The rules of verification, one by one

Made of the sources by `tests/verification_rules.py --write`; a test compares it with them. What each check means is in
[verification.md](verification.md). *Function* records the outcome (in `src/verify/`), *negative tests* (in `tests/unit/verify/`) break
that rule and nothing else, and want this check to fail.
"""
TITLES = {"quote_checks.c": "Intel SGX and TDX quotes", "snp_checks.c": "AMD SEV-SNP reports", "tpm_checks.h": "TPM 2.0 quotes",
          "azure_verify.c": "Azure vTPM", "cc_log.c": "Event log of a TD", "sample_verify.c": "Sample evidence", "result.c": "The frame, and bundles"}
DEFINITION = re.compile(r"^(?:static |fallible |void |bool |const |struct |enum )+[^;=]*?(\w+)(?:\(|\[\] = \{)|^\} (\w+)\[\] = \{")  # or a table of cases
# Checks that a function records by counting on from another's place.
COUNTED = {"CHECK_ROOT_CRL_VALIDITY": "crl_check", "CHECK_PCK_CRL_VALIDITY": "crl_check", "CHECK_TCB_INFO_FORMAT": "document_check",
           "CHECK_TCB_INFO_VALIDITY": "document_check", "CHECK_QE_IDENTITY_FORMAT": "document_check",
           "CHECK_QE_IDENTITY_VALIDITY": "document_check"}


def functions(path):
    """(name, text) of each function and table of a file."""
    name, lines = None, []
    for line in path.read_text().splitlines():
        found = DEFINITION.match(line)
        if found and not line.rstrip().endswith(";"):
            if name:
                yield name, "\n".join(lines)
            name, lines = found.group(1) or found.group(2), []
        lines.append(line)
    if name:
        yield name, "\n".join(lines)


def checks():
    """(file, enum name, check, clause) of every row of a table."""
    texts = {path: path.read_text() for path in SOURCES}
    macros = {k: v for text in texts.values() for k, v in re.findall(r'#define (\w+) "([^"]*)"', text)}
    for path, text in texts.items():
        flat = text.replace("\\\n", " ")
        for place, check, clause in re.findall(r'\[(\w+)\] = \{\s*"(\w+)",\s*CHECK_NOT_CHECKED,\s*(.*?),\s*NULL\s*\}', flat, re.S):
            parts = re.findall(r'"([^"]*)"|(\w+)', clause)
            yield path.name, place, check, "".join(literal or macros.get(name, name) for literal, name in parts)


def recorders(place):
    if place in COUNTED:
        return [COUNTED[place]]
    found = [name for path in SOURCES if path.suffix == ".c" for name, text in functions(path)
             if re.search(rf"\b{place}\b", re.sub(r"check_passed\([^)]*\)|check_all_passed\([^)]*\)", "", text))
             and re.search(r"check_record|record|_check\(|verify\(", text)]
    return list(dict.fromkeys(found))


def negative_tests(check):
    return [f"{path.stem}: {name}" for path in TESTS for name, text in functions(path)
            if f'"{check}"' in text and re.search(r"CHECK_FAILED|_case\b|cases|fails|refused|\[\] = \{", text)]


def page():
    lines, lacks, last = [HEAD.rstrip("\n")], [], None
    for file, place, check, clause in sorted(checks(), key=lambda row: list(TITLES).index(row[0]) if row[0] in TITLES else 99):
        if file != last:
            lines += ["", f"## {TITLES.get(file, file)}", "", "| check | clause | function | negative tests |", "| --- | --- | --- | --- |"]
            last = file
        made, tests = recorders(place), negative_tests(check)
        if not made:
            lacks.append(f"{check}: no function records {place}")
        if not tests:
            lacks.append(f"{check}: no negative test")
        lines.append(f"| `{check}` | {clause} | {', '.join(f'`{m}`' for m in made[:3])} | {'; '.join(tests[:4])} |")
    return "\n".join(lines) + "\n", lacks


if __name__ == "__main__":
    text, lacks = page()
    if "--write" in sys.argv:
        PAGE.write_text(text)
    print("\n".join(lacks))
    sys.exit(1 if lacks else 0)
