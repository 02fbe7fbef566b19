// SPDX-License-Identifier: Apache-2.0
/* Logs against the quoted registers: each register that a log speaks of and that was quoted must
 * have the value that the log's replay gives. Those of the firmware must have it also where the log
 * does not speak of them, or else a log could leave one of them out altogether. What is not quoted
 * is not explained, and gives no claims. */
#include "verify/tpm_quote.h"

#define FIRMWARE_REGISTERS 0xffU /* 0 to 7 */
#define IMA_REGISTERS (1U << 10)

static bool log_has(const struct event_log *log, uint16_t alg)
{
    for (size_t i = 0; i < log->bank_count; i++)
        if (log->banks[i].alg == alg)
            return true;
    return false;
}

static void explained_note(struct explained *e, uint16_t alg, uint32_t mask)
{
    if (tpm_hash_size(alg) > tpm_hash_size(e->alg))
        *e = (struct explained){ alg, mask };
}

/* The registers of `mask` hold what was quoted. */
static bool registers_equal(const struct tpm_state *s, const struct replay *p, uint32_t mask)
{
    for (unsigned n = 0; n < TPM_PCRS; n++) {
        struct span have = span_from(p->registers[n], digest_size(p->kind));
        if (mask & 1U << n && !span_equal(have, tpm_pcr_value(s, p->alg, n)))
            return false;
    }
    return true;
}

/* Of an IMA list: the registers that it extends. It is parsed to its end by this. */
static fallible ima_registers(struct span text, uint32_t *out)
{
    struct ima_cursor c;
    uint32_t mask = 0;
    bool end = false;

    TRY(ima_log_open(text, &c));
    while (!end) {
        struct ima_entry e;
        TRY(ima_next(&c, &e, &end));
        if (!end)
            mask |= 1U << e.pcr;
    }
    *out = mask;
    return OK;
}

static fallible boot_bank_judge(struct tpm_state *s, size_t bank, uint32_t others,
                                const char **wrong)
{
    uint16_t alg = s->quote.selection.banks[bank].alg;
    struct replay p;

    if (!s->quote.selection.banks[bank].mask || !log_has(&s->log, alg))
        return OK;
    TRY(replay_event_log(&s->log, alg, &p));
    if (p.wrong)
        return OK; /* of no use; another bank must be */
    uint32_t mask =
        (p.touched | FIRMWARE_REGISTERS) & s->quote.selection.banks[bank].mask & ~others;
    if (!mask)
        return OK;
    if (!registers_equal(s, &p, mask))
        *wrong = "the event log does not lead to the quoted PCR values";
    explained_note(&s->boot, alg, mask);
    return OK;
}

fallible tpm_event_log_judge(struct tpm_state *s, struct check_list *l)
{
    struct span bytes = s->evidence.parts[TPM_PART_EVENT_LOG];
    const char *wrong = NULL;
    uint32_t others = 0;

    if (!bytes.len) {
        check_leave_out(l, TPM_CHECK_EVENT_LOG);
        return OK;
    }
    struct err e = event_log_parse(bytes, &s->log);
    if (failed(e))
        wrong = e.what;
    if (s->evidence.parts[TPM_PART_IMA_LOG].len &&
        failed(ima_registers(s->evidence.parts[TPM_PART_IMA_LOG], &others)))
        others = 0;
    for (size_t i = 0; i < s->quote.selection.count && !wrong; i++)
        TRY(boot_bank_judge(s, i, others, &wrong));
    if (!wrong && !s->boot.alg)
        wrong = "no bank of the quote can be replayed from the event log";
    if (wrong)
        s->boot = (struct explained){ 0 };
    check_record(l, TPM_CHECK_EVENT_LOG, wrong);
    return OK;
}

/* How many entries lead to the quoted values; the list may have grown since the quote. 0: none do.
 */
static fallible entries_reaching(const struct tpm_state *s, struct replay *p, uint32_t mask,
                                 size_t *count)
{
    struct ima_cursor c;
    bool end = false;

    *count = 0;
    TRY(ima_log_open(s->evidence.parts[TPM_PART_IMA_LOG], &c));
    while (!end && !p->wrong) {
        struct ima_entry e;
        TRY(ima_next(&c, &e, &end));
        if (end)
            break;
        TRY(replay_ima_entry(&e, p));
        if (!p->wrong && registers_equal(s, p, mask)) {
            *count = c.count;
            break;
        }
    }
    return OK;
}

static fallible ima_bank_judge(struct tpm_state *s, size_t bank, uint32_t touched,
                               const char **wrong)
{
    uint16_t alg = s->quote.selection.banks[bank].alg;
    uint32_t mask = touched & s->quote.selection.banks[bank].mask;
    struct replay p;
    size_t count;

    if (!mask)
        return OK;
    TRY(replay_begin(alg, &p));
    if (s->boot.alg && log_has(&s->log, alg))
        TRY(replay_event_log(&s->log, alg, &p));
    if (p.wrong)
        return OK;
    TRY(entries_reaching(s, &p, mask, &count));
    if (p.wrong)
        return OK;
    if (!count || (s->ima_entries && s->ima_entries != count))
        *wrong = "the IMA list does not lead to the quoted PCR values";
    s->ima_entries = count;
    explained_note(&s->ima, alg, mask);
    return OK;
}

fallible tpm_ima_log_judge(struct tpm_state *s, struct check_list *l)
{
    struct span text = s->evidence.parts[TPM_PART_IMA_LOG];
    const char *wrong = NULL;
    uint32_t touched = 0;

    if (!text.len) {
        check_leave_out(l, TPM_CHECK_IMA_LOG);
        return OK;
    }
    struct err e = ima_registers(text, &touched);
    if (failed(e))
        wrong = e.what;
    else if (touched & ~IMA_REGISTERS) /* which whoever made the list could extend by himself */
        wrong = "the IMA list speaks of another register than 10";
    for (size_t i = 0; i < s->quote.selection.count && !wrong; i++)
        TRY(ima_bank_judge(s, i, touched, &wrong));
    if (!wrong && !s->ima.alg)
        wrong = "no bank of the quote can be replayed from the IMA list";
    if (wrong)
        s->ima = (struct explained){ 0 };
    check_record(l, TPM_CHECK_IMA_LOG, wrong);
    return OK;
}
