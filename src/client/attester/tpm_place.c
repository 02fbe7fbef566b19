// SPDX-License-Identifier: Apache-2.0
#include "client/attester/tpm_place.h"

#include "base/hex.h"

#define PCRS_DEFAULT 0xffU
#define PERSISTENT_FIRST 0x81000000U
#define PERSISTENT_LAST 0x81ffffffU

static struct span word_take(struct span *rest, const char *separator)
{
    size_t at = span_find(*rest, span_str(separator));
    struct span word = span_head(*rest, at);

    *rest = span_tail(*rest, at < rest->len ? at + 1 : at);
    return word;
}

static fallible handle_parse(struct span word, uint32_t *out)
{
    uint8_t bytes[4];

    if (!span_starts(word, SPAN("0x")))
        return FAIL(INPUT, "the handle of a TPM's key is not 0x81...");
    TRY(hex_parse_exact(span_tail(word, 2), bytes, sizeof(bytes)));
    uint32_t handle =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    if (handle < PERSISTENT_FIRST || handle > PERSISTENT_LAST)
        return FAIL(INPUT,
                    "the handle of a TPM's key is not a persistent one: 0x81000000 to 0x81ffffff");
    *out = handle;
    return OK;
}

static fallible pcrs_parse(struct span word, uint32_t *out)
{
    uint32_t mask = 0;

    while (word.len) {
        struct span number = word_take(&word, ",");
        unsigned n = 0;
        for (size_t i = 0; i < number.len && number.len <= 2; i++)
            n = number.at[i] >= '0' && number.at[i] <= '9' ? 10 * n + (number.at[i] - '0') : 24;
        if (!number.len || number.len > 2 || n >= 24)
            return FAIL(INPUT, "PCRs of a TPM are numbers from 0 to 23 with commas between them");
        mask |= 1U << n;
    }
    *out = mask;
    return OK;
}

fallible tpm_place_parse(struct span text, struct tpm_place *out)
{
    struct tpm_place p = { .pcrs = PCRS_DEFAULT };
    struct span rest = text;

    p.tcti = word_take(&rest, " ");
    if (!p.tcti.len || !rest.len)
        return FAIL(INPUT, "a TPM is \"TCTI HANDLE [PCRS [EVENT-LOG [IMA-LIST]]]\"");
    TRY(handle_parse(word_take(&rest, " "), &p.handle));
    if (rest.len)
        TRY(pcrs_parse(word_take(&rest, " "), &p.pcrs));
    p.event_log = word_take(&rest, " ");
    p.ima_log = word_take(&rest, " ");
    if (span_equal_str(p.event_log, "-"))
        p.event_log = (struct span){ 0 };
    if (span_equal_str(p.ima_log, "-"))
        p.ima_log = (struct span){ 0 };
    if (rest.len || !p.pcrs)
        return FAIL(INPUT, "a TPM is \"TCTI HANDLE [PCRS [EVENT-LOG [IMA-LIST]]]\"");
    *out = p;
    return OK;
}
