#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# skclib_tar.sh PREFIX [ARCHIVE]: packs what a workload's machine needs, from where `make install PREFIX=...` has put it.
set -eu
prefix=${1:?usage: skclib_tar.sh PREFIX [ARCHIVE]}
archive=${2:-skc_library.tar.gz}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
top=$work/skc_library
mkdir -p "$top/bin" "$top/sbin" "$top/lib"
cp "$prefix/bin/warder" "$top/bin/"
cp "$prefix/sbin/skc-agent" "$top/sbin/"
cp -L "$prefix/lib/libpkcs11-api.so" "$top/lib/"
for name in skc_library_create_roles.sh create_roles.conf deploy_skc_library.sh skc_library.conf; do
    cp "$prefix/share/warder/$name" "$top/"
done
chmod 600 "$top"/*.conf
tar -C "$work" --owner=0 --group=0 -czf "$archive" skc_library
(cd "$(dirname "$archive")" && sha256sum "$(basename "$archive")" >"$(basename "$archive").sha256")
echo "$archive"
