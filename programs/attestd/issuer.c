// SPDX-License-Identifier: Apache-2.0
#include "attestd/issuer.h"

#include "attestd/channel.h"
#include "attestd/request.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/ipc.h"
#include "base/log.h"
#include "token/attestation.h"

fallible issuer_key(const char *path, struct key **out)
{
    if (file_exists(path))
        return key_load(path, out);
    owned(key_free) struct key *k = NULL;
    TRY(key_make_ec(KEY_P256, &k));
    TRY(key_save(path, k));
    *out = TAKE(k);
    return OK;
}

static fallible sign(const struct key *k, struct span text, int64_t lifetime, struct buf *token,
                     bool *refusal)
{
    owned(json_free) json_t *decision = NULL;
    TRY(json_parse_object(text, &decision));
    return attestation_issue(k, decision, clock_now(), lifetime, token, refusal);
}

/* The front may have given up on this one answer: then it is lost, and no harm done. */
static fallible answer_decision(const struct key *k, enum channel_type type, struct span text,
                                int64_t lifetime, int answer)
{
    struct buf token owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    bool refusal = false;
    struct err e = type == CHANNEL_DECISION ? sign(k, text, lifetime, &token, &refusal)
                                            : FAIL(INPUT, "not a decision");
    if (!failed(e))
        return ipc_send(answer, refusal ? ANSWER_REFUSAL : ANSWER_TOKEN, 0, buf_span(&token), 0);
    log_err(e, "a decision was not signed");
    struct buf body owned(buf_done) = buf_of(1024);
    answer_failure_write(FAIL(SYSTEM, "the decision could not be signed"), "verification_failed",
                         &body);
    return ipc_send(answer, ANSWER_FAILURE, 0, buf_span(&body), 0);
}

fallible issuer_run(const struct key *k, int decisions, int64_t lifetime)
{
    for (;;) {
        enum channel_type type;
        struct buf text owned(buf_done) = buf_of(CHANNEL_MESSAGE_MAX);
        int answer owned(fd_close) = -1;
        struct err e = channel_receive(decisions, &type, &text, &answer);
        if (e.kind == FAIL_UPSTREAM)
            return OK;
        if (!failed(e))
            e = answer_decision(k, type, buf_span(&text), lifetime, answer);
        if (failed(e))
            log_err(e, "an answer of the token issuer is lost");
    }
}
