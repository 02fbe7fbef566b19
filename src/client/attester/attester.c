// SPDX-License-Identifier: Apache-2.0
#include "client/attester/attester.h"

#include "base/base64.h"
#include "client/attester/attester_internal.h"

static fallible no_quote(const char *path, struct span report_data, enum evidence_type *type,
                         struct buf *quote)
{
    (void)path, (void)report_data, (void)type, (void)quote;
    return FAIL(ABSENT, "no TEE: the agent is configured without an attester");
}

static const struct attester_row {
    const char *name;
    fallible (*quote)(const char *path, struct span report_data, enum evidence_type *type,
                      struct buf *quote);
} attesters[] = {
    [ATTESTER_NONE] = { "none", no_quote },
    [ATTESTER_TSM] = { "tsm", tsm_quote },
    [ATTESTER_SOCKET] = { "socket", evidence_socket_quote },
    [ATTESTER_TPM] = { "tpm", tpm_quote },
};

#define MEDIA_TYPE_PREFIX "application/vnd.warder."
#define MEDIA_TYPE_MAX 64

/* Names in the media type, and on the evidence socket. */
static const char *const type_names[] = {
    [EVIDENCE_TDX] = "tdx-quote",
    [EVIDENCE_SGX] = "sgx-quote",
    [EVIDENCE_SNP] = "snp-report",
    [EVIDENCE_TPM] = "tpm-quote",
};

fallible evidence_type_parse(struct span name, enum evidence_type *out)
{
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (span_equal_str(name, type_names[i])) {
            *out = (enum evidence_type)i;
            return OK;
        }
    }
    return FAIL(INPUT, "evidence socket gave an unknown type of evidence");
}

fallible attester_kind_parse(const char *name, enum attester_kind *out)
{
    for (size_t i = 0; i < sizeof(attesters) / sizeof(attesters[0]); i++) {
        if (strcmp(name, attesters[i].name) == 0) {
            *out = (enum attester_kind)i;
            return OK;
        }
    }
    return FAIL(INPUT, "unknown attester: it is tsm, socket, tpm or none");
}

const char *attester_kind_name(enum attester_kind kind)
{
    return attesters[kind].name;
}

fallible attester_evidence(const struct attester *a, const uint8_t report_data[REPORT_DATA_SIZE],
                           json_t **cmw)
{
    struct buf quote owned(buf_done) = buf_of(ATTESTER_EVIDENCE_MAX);
    enum evidence_type type = EVIDENCE_TDX;

    TRY(attesters[a->kind].quote(a->path, span_from(report_data, REPORT_DATA_SIZE), &type, &quote));
    TRY(buf_check(&quote));
    if (!quote.len)
        return FAIL(UPSTREAM, "the platform gave empty evidence");
    char media_type[MEDIA_TYPE_MAX];
    snprintf(media_type, sizeof(media_type), MEDIA_TYPE_PREFIX "%s", type_names[type]);
    char *text owned(free) = base64url_dup(buf_span(&quote));
    json_t *record owned(json_free) = json_array();
    if (!text || !record || json_array_append_new(record, json_string(media_type)) ||
        json_array_append_new(record, json_string(text)))
        return FAIL(SYSTEM, "out of memory for evidence");
    *cmw = TAKE(record);
    return OK;
}
