#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deploy_skc_library.sh [OPTION...]: puts the PKCS#11 module and its agent in place as skc_library.conf (here, or beside this script)
# says. Options are those of `warder skc deploy`: --cms-sha384 HEX or --ca FILE says which CMS is the right one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/bin:$here/../../bin:$PATH
conf=skc_library.conf
[ -f "$conf" ] || conf=$here/$conf
exec "${WARDER:-warder}" skc deploy --conf "$conf" "$@"
