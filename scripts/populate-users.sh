#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# populate-users.sh [OPTION...]: makes the users and roles of populate-users.env (here, or beside this script) where they are missing,
# and prints BEARER_TOKEN. Options are those of `warder aas populate`: --ca FILE is the CA of AAS's certificate.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/bin:$here/../../bin:$PATH
env=populate-users.env
[ -f "$env" ] || env=$here/$env
exec "${WARDER:-warder}" aas populate --env "$env" "$@"
