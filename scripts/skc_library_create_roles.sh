#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# skc_library_create_roles.sh [OPTION...]: makes the user and the roles of create_roles.conf (here, or beside this script) where they
# are missing, and prints SKC_TOKEN. Options are those of `warder aas skc-user`: --ca FILE is the CA of AAS's certificate.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/bin:$here/../../bin:$PATH
conf=create_roles.conf
[ -f "$conf" ] || conf=$here/$conf
exec "${WARDER:-warder}" aas skc-user --env "$conf" "$@"
