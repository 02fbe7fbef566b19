#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every header alone: check_headers.py ROOT CFLAGS..."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys


def compile_alone(header, root, flags):
    source = f'#include "{header}"\nextern int alone;\nint alone;\n'
    command = ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *flags,
               "-I", str(root / "src"), "-I", str(root / "include"), "-I", str(root / "programs"), "-x", "c", "-"]
    done = subprocess.run(command, input=source, text=True, capture_output=True)
    return header, done.returncode, done.stderr


def main():
    root = pathlib.Path(sys.argv[1])
    headers = []
    for top in ("src", "include", "programs"):
        headers += [p.relative_to(root / top) for p in sorted((root / top).rglob("*.h"))]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, code, text in pool.map(lambda h: compile_alone(h, root, sys.argv[2:]), headers):
            if code:
                print(f"{header} does not compile alone:\n{text}")
                bad = 1
    print(f"{len(headers)} headers")
    return bad


if __name__ == "__main__":
    sys.exit(main())
