// SPDX-License-Identifier: Apache-2.0
/* tcs_archive_parse: of any text, and of any content that a trusted writer signed. */
#include <assert.h>

#include "attestd/tcs_archive.h"
#include "crypto/digest.h"
#include "signer.h"

#define TYP "warder-collateral+jws"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool sign(struct span content, struct buf *out)
{
    struct buf canonical owned(buf_done) = buf_of(ARCHIVE_TEXT_MAX),
                         payload owned(buf_done) = buf_of(4096),
                         jws owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    json_t *j owned(json_free) = NULL;
    char digest[DIGEST_TEXT_SIZE];

    if (failed(json_parse_object(content, &j)))
        return false;
    assert(!failed(json_canonical(j, &canonical)));
    assert(!failed(digest_text(buf_span(&canonical), digest)));
    buf_addf(&payload, "{\"format\":1,\"created\":\"2026-11-23T00:00:00Z\",\"digest\":\"%s\"}",
             digest);
    signer_sign(TYP, buf_span(&payload), &jws);
    buf_addf(out, "{\"signature\":\"%s\",\"content\":", buf_str(&jws));
    buf_add(out, content);
    buf_add_str(out, "}");
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct root_set none;
    struct tcs_archive_read stranger owned(tcs_archive_done) = { 0 },
                                     a owned(tcs_archive_done) = { 0 };
    struct buf text owned(buf_done) = buf_of(ARCHIVE_TEXT_MAX);
    struct span in = span_from(data, size);

    assert(failed(tcs_archive_parse(in, signer_keys(), &none, &stranger)));
    if (!sign(in, &text) || failed(tcs_archive_parse(buf_span(&text), signer_keys(), &none, &a)))
        return 0;
    assert(strlen(a.signer) == THUMBPRINT_TEXT_SIZE - 1 && strlen(a.created) < sizeof(a.created));
    return 0;
}
