# SPDX-License-Identifier: Apache-2.0
"""Every endpoint of every service with what it needs, read from the route tables in the programs; run, it writes docs/permissions.md."""
import collections
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/permissions.md"
TABLE = re.compile(r"const struct http_route (\w+)_routes\[\] = \{(.*?)\n\};", re.S)
ROW = re.compile(r'\{\s*"(GET|POST|PUT|PATCH|DELETE)",\s*"(/[^"]*)",\s*ROUTE_(OPEN|BEARER|PROOF)([^{}]*)\}')
NEEDS = re.compile(r'\.needs\s*=\s*((?:"[^"]*"\s*)+)')
SERVICES = {"kbs": "Key broker, kbsd", "aas": "Users and tokens, aasd", "cms": "Certificates, cmsd", "as": "Appraisal, attestd as",
            "qvs": "Verification, attestd qvs", "tcs": "Collateral, attestd tcs"}
Route = collections.namedtuple("Route", "tag needs")
HEAD = """# What each endpoint needs

Written from the route tables of the programs, where it stands beside each handler; a test holds the two together, and another calls every
endpoint without a token, with a forged one, an expired one, one that allows everything but this, and one that allows this alone.

* `KBS:keys:create`: a bearer token with a role in service `KBS` whose permissions allow `keys:create` (`keys:create:*`, `keys:*:*` and `*:*:*`
  do). aasd and keyd check it themselves; kbsd, which carries keyd's questions, only sees that a token is there.
* `CMS:CertApprover`: a bearer token with this role, whose context says for what.
* proof: by the protocol in the request: evidence, a proof of possession, or the tokens of a PCCS.
* open: anybody; health, public keys, challenges, verification, and the two endpoints that take a password.
"""


def routes():
    """{service: {(method, path): Route}} of every table in the programs; tables are named SERVICE_routes."""
    tables = {}
    for source in sorted((ROOT / "programs").rglob("*.c")):
        for name, rows in TABLE.findall(source.read_text()):
            own = tables.setdefault(name, {})
            found = ROW.findall(rows)
            for method, path, tag, rest in found:
                needs = NEEDS.search(rest)
                own[method, path] = Route(tag, "".join(re.findall(r'"([^"]*)"', needs.group(1))) if needs else "")
            assert len(found) == rows.count("{ \""), f"{source}: a row of {name}_routes is not understood"
    return tables


def page():
    text = HEAD
    for service, title in SERVICES.items():
        text += f"\n## {title}\n| endpoint | needs |\n| --- | --- |\n"
        for (method, path), route in routes()[service].items():
            needs = " or ".join(f"`{need}`" for need in route.needs.split(" or ")) if route.needs else route.tag.lower()
            text += f"| `{method} {path}` | {needs} |\n"
    return text


if __name__ == "__main__":
    PAGE.write_text(page())
