#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [reg] [2048|3072|4096]: makes a key and stores it at the key broker.
#   reg       an RSA key for TLS: made in memory, certified by cmsd, imported wrapped; only its certificate is
#             written, into output/ beside this script or $OUTPUT
#   without   an AES-256 key made by the broker
# Configuration: $WARDER_CONFIG (as of the warder command); $POLICY: id of the transfer policy; $WARDER: the command.
set -eu
warder=${WARDER:-warder}
bits=${2:-3072}
case ${1:-} in
reg)
    case $bits in
    2048 | 3072 | 4096) ;;
    *)
        echo "Invalid Key Bit provided" >&2
        exit 1
        ;;
    esac
    output=${OUTPUT:-$(cd "$(dirname "$0")" && pwd)/output}
    mkdir -p "$output"
    exec "$warder" key enroll --bits "$bits" --subject "${SUBJECT:-localhost}" --san "${SAN:-localhost,127.0.0.1}" \
        --label "${LABEL:-RSAKEY}" --folder "$output" ${POLICY:+--policy "$POLICY"}
    ;;
'')
    id=$("$warder" key create --algorithm AES --length 256 --label "${LABEL:-AESKEY}" ${POLICY:+--policy "$POLICY"} -o json |
        sed -n 's/.*"id": "\([0-9a-f-]*\)".*/\1/p' | head -1)
    echo "Created Key: $id"
    ;;
*)
    echo "usage: run.sh [reg] [2048|3072|4096]" >&2
    exit 2
    ;;
esac
