// SPDX-License-Identifier: Apache-2.0
#include "client/fetch_internal.h"

#include "crypto/digest.h"

#define PAYLOAD_MAX (64U << 10)

static fallible word_of(struct span text, enum lease_word *out)
{
    static const char *const words[] = { [LEASE_RENEWED] = "renewed",
                                         [LEASE_REVOKED] = "revoked",
                                         [LEASE_ROTATED] = "rotated",
                                         [LEASE_ATTEST] = "attest" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (span_equal_str(text, words[i])) {
            *out = (enum lease_word)i;
            return OK;
        }
    return FAIL(INPUT, "status of a lease");
}

static fallible read_item(const json_t *from, struct lease_item *item)
{
    struct span status, reason = { 0 };

    TRY(answer_require_text(from, "key_id", "the lease is of another key", span_str(item->key_id)));
    TRY(answer_require_text(from, "audit_id", "the lease is of another release",
                            span_str(item->audit_id)));
    TRY(json_get_str(from, "status", "status of a lease", &status));
    TRY(json_opt_str(from, "reason", "reason of a lease", &reason));
    TRY(word_of(status, &item->word));
    reason = span_head(reason, sizeof(item->reason) - 1);
    if (reason.len)
        memcpy(item->reason, reason.at, reason.len);
    item->reason[reason.len] = 0;
    item->minutes = 0;
    if (item->word != LEASE_RENEWED)
        return OK;
    TRY(json_get_u64(from, "lease_minutes", LEASE_MINUTES_MAX, "lease_minutes", &item->minutes));
    return item->minutes ? OK : FAIL(INPUT, "a renewed lease has no length");
}

fallible lease_answer_open(struct span answer, const struct jwks *release_keys,
                           const struct lease_question *q, struct lease_item *items, size_t count)
{
    struct buf text owned(buf_done) = buf_of(PAYLOAD_MAX);
    json_t *payload owned(json_free) = NULL;
    char digest[DIGEST_TEXT_SIZE];
    const json_t *list;

    TRY(release_key_verify(answer, release_keys, "warder-lease+jwt", &text));
    TRY(json_parse_object(buf_span(&text), &payload));
    TRY(digest_text(q->challenge, digest));
    TRY(answer_require_text(payload, "challenge", "answer is to another challenge than ours",
                            span_str(digest)));
    TRY(answer_require_text(payload, "nonce", "answer is to another question than ours",
                            span_str(q->nonce)));
    TRY(answer_require_text(payload, "signing_key", "answer is for another key S",
                            span_str(q->thumbprint)));
    TRY(json_get_array(payload, "leases", "leases of the answer", &list));
    if (json_array_size(list) != count)
        return FAIL(INPUT, "the answer is not of the keys that were asked about");
    for (size_t i = 0; i < count; i++)
        TRY(read_item(json_array_get(list, i), &items[i]));
    return OK;
}
