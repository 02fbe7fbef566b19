// SPDX-License-Identifier: Apache-2.0
/* The agent's attester alone: attest_cli KIND PLACE REPORT-DATA-HEX prints the evidence as it goes to the KBS. */
#include <stdio.h>

#include "base/hex.h"
#include "client/attester/attester.h"
#include "crypto/crypto.h"

int main(int argc, char **argv)
{
    struct attester a = { .kind = ATTESTER_NONE };
    uint8_t report_data[REPORT_DATA_SIZE];
    json_t *cmw owned(json_free) = NULL;
    struct err e = argc == 4 ? crypto_start(CRYPTO_MEMORY_PLAIN) : FAIL(INPUT, "attest_cli KIND PLACE REPORT-DATA-HEX");

    if (!failed(e))
        e = attester_kind_parse(argv[1], &a.kind);
    if (!failed(e))
        e = hex_parse_exact(span_str(argv[3]), report_data, sizeof(report_data));
    a.path = argc == 4 ? argv[2] : NULL;
    if (!failed(e))
        e = attester_evidence(&a, report_data, &cmw);
    char *text owned(free) = failed(e) ? NULL : json_text(cmw);
    if (!text) {
        fprintf(stderr, "%s: %s\n", fail_kind_name(e.kind), e.what ? e.what : "");
        return 1;
    }
    puts(text);
    return 0;
}
