#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails when a file under src/ includes a library that src/LAYERS does not allow to its own library."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^#include "(\w+)/', re.M)


def read_layers(text):
    allowed = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        library, uses = line.split(":")
        unknown = set(uses.split()) - allowed.keys()
        if unknown:
            sys.exit(f"LAYERS: {library} uses {sorted(unknown)}, not listed above it")
        allowed[library] = {library, *uses.split()}
    return allowed


def main(root):
    allowed = read_layers((root / "LAYERS").read_text())
    wrong = []
    for path in sorted(root.rglob("*.[ch]")):
        library = path.relative_to(root).parts[0]
        for other in INCLUDE.findall(path.read_text()):
            if other not in allowed[library]:
                wrong.append(f"{path}: {library} may not include {other}")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
