// SPDX-License-Identifier: Apache-2.0
#include "attestd/issuer.h"

#include <poll.h>
#include <signal.h>

#include "attestd/channel.h"
#include "attestd/request.h"
#include "base/clock.h"
#include "base/ipc.h"
#include "base/log.h"
#include "crypto/signature.h"

#define WAIT_SECONDS 3600 /* then the clock is looked at again */

static volatile sig_atomic_t asked_to_end;

static void note_signal(int signal)
{
    (void)signal;
    asked_to_end = 1;
}

void issuer_hold_signals(void)
{
    const struct sigaction noted = { .sa_handler = note_signal };
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, NULL);
    sigaction(SIGTERM, &noted, NULL);
}

static fallible sign(const struct issuer_config *c, struct span text, struct buf *token,
                     bool *refusal)
{
    return attestation_issue(c->key, text, &c->terms, clock_now(), token, refusal);
}

/* The front may have given up on this one answer: then it is lost, and no harm done. */
static fallible answer_decision(const struct issuer_config *c, enum channel_type type,
                                struct span text, int answer)
{
    if (type == CHANNEL_PROBE)
        return ipc_send(answer, ANSWER_RESULT, 0, SPAN("{}"), 0);
    struct buf token owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    bool refusal = false;
    struct err e =
        type == CHANNEL_DECISION ? sign(c, text, &token, &refusal) : FAIL(INPUT, "not a decision");
    if (!failed(e))
        return ipc_send(answer, refusal ? ANSWER_REFUSAL : ANSWER_TOKEN, 0, buf_span(&token), 0);
    log_err(e, "a decision was not signed");
    struct buf body owned(buf_done) = buf_of(1024);
    answer_failure_write(FAIL(SYSTEM, "the decision could not be signed"), "verification_failed",
                         &body);
    return ipc_send(answer, ANSWER_FAILURE, 0, buf_span(&body), 0);
}

/* False: there is a message. True: it is time to end. */
static bool wait_for_message(const struct issuer_config *c)
{
    sigset_t none;
    sigemptyset(&none);
    for (;;) {
        int64_t left = c->change_at ? c->change_at - clock_now() : WAIT_SECONDS;
        if (left <= 0 || asked_to_end)
            return true;
        const struct timespec wait = { .tv_sec = left < WAIT_SECONDS ? left : WAIT_SECONDS };
        struct pollfd p = { .fd = c->decisions, .events = POLLIN };
        if (ppoll(&p, 1, &wait, &none) > 0) /* SIGTERM comes in here and nowhere else */
            return false;
    }
}

fallible issuer_run(const struct issuer_config *c, bool *again)
{
    struct buf text owned(buf_done) = buf_of(CHANNEL_MESSAGE_MAX);
    key_sign_ahead(c->key);
    while (!wait_for_message(c)) {
        enum channel_type type;
        int answer owned(fd_close) = -1;
        struct err e = channel_receive(c->decisions, &type, &text, &answer);
        if (e.kind == FAIL_UPSTREAM) {
            *again = false;
            return OK;
        }
        if (!failed(e))
            e = answer_decision(c, type, buf_span(&text), answer);
        if (failed(e))
            log_err(e, "an answer of the token issuer is lost");
        key_sign_ahead(c->key);
    }
    *again = true;
    return OK;
}
