#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh BUILD PREFIX: installs what a user runs under $DESTDIR/PREFIX.
set -eu
build=$1 prefix=$2
meson configure "$build" --prefix "$prefix" --libdir lib --libexecdir libexec >/dev/null
DESTDIR=${DESTDIR:-} meson install -C "$build" --quiet
