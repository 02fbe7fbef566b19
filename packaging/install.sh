#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh BUILD PREFIX: installs what a user runs into $DESTDIR/PREFIX/{bin,sbin,lib,libexec,share,include}.
# Nothing in it knows where it lies (programs find each other from where they are), so the build tree keeps its own prefix.
set -eu
build=$1 prefix=$2
case $prefix in
/*) ;;
*) prefix=$PWD/$prefix ;;
esac

option() {
    meson introspect "$build" --buildoptions |
        python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == sys.argv[1]))' "$1"
}

if [ "$(option libdir)" != lib ] || [ "$(option pkgconfig.relocatable)" != True ]; then # set up before these were the defaults
    meson configure "$build" -Dlibdir=lib -Dpkgconfig.relocatable=true >/dev/null
    ninja -C "$build" --quiet >/dev/null
fi
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
meson install -C "$build" --no-rebuild --quiet --destdir "$stage"
mkdir -p "${DESTDIR:-}$prefix"
# Running programs keep the files that they have.
cp -a --no-preserve=ownership --remove-destination "$stage$(option prefix)/." "${DESTDIR:-}$prefix/"
echo "installed in ${DESTDIR:-}$prefix"
