#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# skclib_untar.sh [ARCHIVE]: unpacks skc_library.tar.gz, beside this script or here, into ./skc_library.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
archive=${1:-skc_library.tar.gz}
[ -f "$archive" ] || archive=$here/$archive
if [ ! -f "$archive" ]; then
    echo "skclib_untar.sh: no $archive: 'skclib_tar.sh PREFIX' makes it on the machine where Warder is installed" >&2
    exit 1
fi
if [ -f "$archive.sha256" ] && ! (cd "$(dirname "$archive")" && sha256sum --status -c "$(basename "$archive").sha256"); then
    echo "skclib_untar.sh: $archive is not what $archive.sha256 says: copy both again" >&2
    exit 1
fi
if tar -tzf "$archive" | grep -Evq '^skc_library/([A-Za-z0-9_][A-Za-z0-9_.-]*/?)*$'; then
    echo "skclib_untar.sh: $archive holds other names than those of skc_library/: it is not from skclib_tar.sh" >&2
    exit 1
fi
tar --no-same-owner -xzf "$archive"
echo "Unpacked: $(pwd)/skc_library"
