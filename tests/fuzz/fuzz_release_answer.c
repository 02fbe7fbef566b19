// SPDX-License-Identifier: Apache-2.0
/* What the agent opens of a KBS that has the release key: answer_open, lease_answer_open. The first
 * byte says how: 'l' a renewal; 'h' the header of a released key, a newline, the key; else any
 * payload. */
#include <assert.h>

#include "client/fetch_internal.h"
#include "client/unwrap.h"
#include "signer.h"

#define CHALLENGE SPAN("challenge")
#define KEY_ID "00000000-0000-4000-8000-000000000001"
#define AUDIT_ID "00000000-0000-4000-8000-000000000002"
#define ANSWER_TYP "warder-answer+jwt"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct key *recipient(void)
{
    static struct key *k;
    if (!k)
        assert(!failed(key_make_ec(KEY_P256, &k)));
    return k;
}

static void open_answer(struct span payload)
{
    struct buf jws owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct released r owned(released_done) = { 0 };

    signer_sign(ANSWER_TYP, payload, &jws);
    if (failed(
            answer_open(buf_span(&jws), signer_keys(), recipient(), SPAN(KEY_ID), CHALLENGE, &r)))
        return;
    assert(secret_len(r.key) && r.lease_minutes <= LEASE_MINUTES_MAX && strlen(r.audit_id) == 36);
}

static void open_sealed(struct span in)
{
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    json_t *header owned(json_free) = NULL;
    struct secret *key owned(secret_free) = NULL;
    const uint8_t *end = in.len ? memchr(in.at, '\n', in.len) : NULL;

    if (!end)
        return;
    size_t head = (size_t)(end - in.at);
    if (in.len == head + 1 || failed(json_parse_object(span_head(in, head), &header)))
        return;
    key = secret_copy(span_tail(in, head + 1));
    if (failed(jwe_seal(recipient(), header, key, &jwe)))
        return;
    open_answer(buf_span(&jwe));
}

static void open_lease(struct span payload)
{
    const struct lease_question q = { .challenge = CHALLENGE, .nonce = "nonce", .thumbprint = "S" };
    struct lease_item item = { .key_id = KEY_ID, .audit_id = AUDIT_ID };
    struct buf jws owned(buf_done) = buf_of(JOSE_TEXT_MAX);

    signer_sign("warder-lease+jwt", payload, &jws);
    if (failed(lease_answer_open(buf_span(&jws), signer_keys(), &q, &item, 1)))
        return;
    assert((item.word == LEASE_RENEWED) == (item.minutes != 0));
    assert(item.minutes <= LEASE_MINUTES_MAX && strlen(item.reason) < sizeof(item.reason));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct released none owned(released_done) = { 0 };

    if (!size)
        return 0;
    struct span in = span_from(data + 1, size - 1);
    /* Nobody else has the key. */
    assert(failed(answer_open(in, signer_keys(), recipient(), SPAN(KEY_ID), CHALLENGE, &none)));
    if (data[0] == 'l')
        open_lease(in);
    else if (data[0] == 'h')
        open_sealed(in);
    else
        open_answer(in);
    return 0;
}
