# SPDX-License-Identifier: Apache-2.0
"""Other systems' mistakes are tests here, each with its number where it is tested. Those that touch what is built are listed; each
must be found in a test."""
import pathlib
import re

import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
LESSONS = {
    1: "an interface without its check of who calls", 2: "a nonce that is always the same",
    3: "two register the same at once", 4: "a stranger ends what another began",
    5: "a refusal turns into a pass by a time-out", 6: "a policy that is cached past its change",
    7: "tokens in the store as they are sent", 8: "a malformed reference counts as passed",
    9: "no verification of the server behind", 10: "one copy is checked, another is read",
    11: "a chain for one certificate, a signature by another", 12: "a one-time value used twice at once",
    13: "a resumed session of TLS that nobody looked at", 14: "a token without exp, iat, iss or aud",
    15: "an address that the client chooses", 16: "huge keys before authentication",
    17: "a way to ask that a denial does not cover", 18: "claims with metacharacters widen a match",
    19: "dots and slashes in names", 20: "one name, two spellings", 21: "one value, two spellings",
    22: "depth and length of JSON exhaust memory", 23: "a request says where the audit log goes",
    24: "a secret in a log because its field was forgotten", 25: "a release by a path that writes no record",
    26: "an error and a secret in one answer", 27: "another's key renews what one's key began",
    28: "comparisons that tell by their time", 29: "strangers change what is kept",
    30: "answers of others that are read loosely", 31: "the permission of another operation",
    32: "what was revoked goes on being used", 33: "a dependency that is down means yes",
    34: "only the first provider is looked at", 35: "the algorithm comes from the token",
    36: "a key in the store as it is", 37: "telemetry tells what was asked", 38: "errors tell what is inside",
    39: "the key of a service is believed anew each time", 41: "evidence that is not bound to this peer",
    42: "dates of collateral are not looked at", 43: "a field of a quote is not compared",
    44: "a status although something failed", 45: "evidence chooses the verifier that says yes",
    46: "statuses and advisories treated loosely", 47: "no limit on a length or a loop",
    48: "parts hashed without their lengths", 49: "keys on a command line, files that all may read",
    50: "a key that all may read for a moment", 51: "configuration that overflows",
    52: "a match in place of a minimum, or instead of and", 53: "state for strangers",
    54: "a lost root of trust goes on being trusted",
}


@pytest.fixture(scope="module")
def numbered():
    found = {}
    for path in [*TESTS.rglob("*.c"), *TESTS.rglob("*.py")]:
        for number in re.findall(r"\bL(\d{1,2})\b", path.read_text(errors="replace")):
            found.setdefault(int(number), set()).add(path.name)
    return found


def test_secrets_are_compared_in_constant_time():
    """L28: no memcmp, strcmp or span_equal whose operands are called after what is secret; what is not is named here."""
    allowed = {"policy_cache.c": "the MAC of a row, which stands in the store beside it, finds what was verified before", "deny_list.c": "the same"}
    compared = re.compile(r"\b(?:memcmp|strn?cmp|span_equal(?:_str)?)\([^;&|]*")
    secret = re.compile(r"\b(?:\w+_)?(?:mac|hmac|tag|password|secret|kek|master|pin)\b(?!\()")
    for path in [*(TESTS.parent / "src").rglob("*.c"), *(TESTS.parent / "programs").rglob("*.c")]:
        for call in compared.findall(re.sub(r'"[^"]*"', '""', path.read_text())):
            assert not secret.search(call.split("\n")[0]) or path.name in allowed, f"{path.name}: {call[:80]}"


@pytest.mark.parametrize("number", LESSONS)
def test_the_lesson_is_a_test(number, numbered):
    assert numbered.get(number), f"L{number}: {LESSONS[number]}"
