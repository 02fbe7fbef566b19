// SPDX-License-Identifier: Apache-2.0
#include "verify/cc_log.h"

#include "evidence/tpm_structures.h"
#include "verify/event_claims.h"
#include "verify/verify_internal.h"

#define RTMRS 4
#define FIRMWARES_RTMRS                                                                            \
    3 /* those that the firmware's log tells wholly; the fourth is the system's own */

enum cc_check { CC_CHECK_FORMAT, CC_CHECK_TD, CC_CHECK_REPLAY, CC_CHECK_COUNT };

static const struct check rows[CC_CHECK_COUNT] = {
    [CC_CHECK_FORMAT] = { "cc_log_format", CHECK_NOT_CHECKED,
                          "TCG PC Client Platform Firmware Profile, section 10.2; UEFI 2.10, "
                          "section 38.4",
                          NULL },
    [CC_CHECK_TD] = { "cc_log_quote", CHECK_NOT_CHECKED, "docs/verification.md, event log of a TD",
                      NULL },
    [CC_CHECK_REPLAY] = { "cc_log_replay", CHECK_NOT_CHECKED,
                          "UEFI 2.10, section 38.4.1: mapping of registers", NULL },
};
static const struct check_table cc_checks = { rows, CC_CHECK_COUNT };

struct cc_state {
    struct buf bytes;
    struct event_log log;
    struct explained explained;
};

static void cc_done(void *state)
{
    struct cc_state *s = state;

    if (!s)
        return;
    buf_done(&s->bytes);
    free(s);
}

static const char *registers_compare(struct cc_state *s, const struct replay *p,
                                     const struct span rtmr[RTMRS])
{
    uint32_t mask = 0;

    for (unsigned n = 0; n < RTMRS; n++) {
        unsigned index = n + plan_td.first;
        if (n >= FIRMWARES_RTMRS && !(p->touched & 1U << index))
            continue;
        if (!span_equal(rtmr[n], span_from(p->registers[index], SHA384_SIZE)))
            return "the event log does not lead to the quote's run-time measurement registers";
        mask |= 1U << index;
    }
    if (p->touched & ~mask & ~1U)
        return "the event log speaks of registers that a TD has not";
    s->explained = (struct explained){ TPM_ALG_SHA384, mask };
    return NULL;
}

static fallible cc_verify(const struct verify_input *in, struct span bytes, struct piece *p)
{
    struct cc_state *s = calloc(1, sizeof(*s));
    struct span rtmr[RTMRS];
    struct replay replay;

    if (!s)
        return FAIL(SYSTEM, "out of memory");
    p->state = s;
    p->name = "cc-log";
    s->bytes = buf_of(EVIDENCE_MAX);
    buf_add(&s->bytes, bytes);
    TRY(buf_check(&s->bytes));
    struct err e = event_log_parse(buf_span(&s->bytes), &s->log);
    if (!failed(e) && !s->log.agile)
        e = FAIL(INPUT, "the event log of a TD is not in the crypto-agile form");
    check_record(&p->list, CC_CHECK_FORMAT, failed(e) ? e.what : NULL);
    bool td = in->beside && quote_rtmrs(in->beside, rtmr);
    check_record(&p->list, CC_CHECK_TD,
                 td ? NULL : "there is no TD quote that is genuine beside the event log");
    if (failed(e) || !td)
        return OK;
    TRY(replay_cc_log(&s->log, &replay));
    check_record(&p->list, CC_CHECK_REPLAY,
                 replay.wrong ? replay.wrong : registers_compare(s, &replay, rtmr));
    return OK;
}

static fallible cc_claims(const struct piece *p, json_t *to)
{
    const struct cc_state *s = p->state;

    return s->explained.alg ? event_claims(&s->log, s->explained, &plan_td, to) : OK;
}

const struct evidence_type cc_log_type = {
    .kind = PIECE_CC_LOG,
    .explains = "tdx",
    .checks = &cc_checks,
    .verify = cc_verify,
    .claims = cc_claims,
    .done = cc_done,
};
