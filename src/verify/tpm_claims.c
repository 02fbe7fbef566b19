// SPDX-License-Identifier: Apache-2.0
/* Claims of a TPM's quote and of the logs beside it, docs/claims.md. */
#include <inttypes.h>

#include "verify/tpm_quote.h"

static fallible pcr_claims(const struct tpm_state *s, json_t *to)
{
    const struct tpm_selection *sel = &s->quote.selection;

    for (size_t i = 0; i < sel->count; i++) {
        for (unsigned n = 0; n < TPM_PCRS; n++) {
            char name[32];
            struct span value = tpm_pcr_value(s, sel->banks[i].alg, n);
            if (!value.len)
                continue;
            snprintf(name, sizeof(name), "pcr_%s_%u", tpm_hash_name(sel->banks[i].alg), n);
            json_set_hex(to, name, value);
        }
    }
    return OK;
}

/* A file's name and digest count only where the template hash that was extended is theirs. */
static fallible ima_row_add(const struct ima_entry *e, struct explained x, json_t *list,
                            bool *shown)
{
    uint8_t hash[DIGEST_MAX];
    bool known;
    enum digest_kind kind = digest_of_tpm(x.alg, &known);
    struct ima_file f;

    struct err bad = ima_template_hash(e, kind, hash);
    if (bad.kind == FAIL_SYSTEM)
        return bad;
    bool same = !failed(bad) &&
                (e->hash_len != digest_size(kind) || memcmp(hash, e->hash, e->hash_len) == 0);
    *shown = same && !failed(ima_file_parse(e, &f));
    if (!*shown || json_array_size(list) > CLAIM_EVENTS_MAX)
        return OK;
    json_t *row = json_object();
    json_set_span(row, "name", f.name);
    json_set_span(row, "digest", f.digest);
    json_array_append_new(list, row);
    return OK;
}

/* A list that does not show every file would hide one: it is no claim. */
static fallible ima_claims(const struct tpm_state *s, json_t *to)
{
    json_t *list owned(json_free) = json_array();
    struct ima_cursor c;
    size_t violations = 0;
    bool all = true;

    TRY(ima_log_open(s->evidence.parts[TPM_PART_IMA_LOG], &c));
    for (size_t i = 0; i < s->ima_entries; i++) {
        struct ima_entry e;
        bool end, shown = true;
        TRY(ima_next(&c, &e, &end));
        if (e.violation)
            violations++;
        else if (all)
            TRY(ima_row_add(&e, s->ima, list, &shown));
        all = all && shown;
    }
    json_set_int(to, "ima_entries", (int64_t)s->ima_entries);
    json_set_int(to, "ima_violations", (int64_t)violations);
    if (all && json_array_size(list) <= CLAIM_EVENTS_MAX)
        json_object_set(to, "ima_files", list);
    return OK;
}

static void clock_claims(const struct tpm_quote *q, json_t *to)
{
    if (q->clock <= INT64_MAX)
        json_set_int(to, "tpm_clock", (int64_t)q->clock);
    json_set_int(to, "tpm_reset_count", q->resets);
    json_set_int(to, "tpm_restart_count", q->restarts);
    json_set_bool(to, "tpm_clock_safe", q->safe);
}

fallible tpm_quote_claims(const struct tpm_state *s, json_t *to)
{
    char firmware[17];

    json_set_str(to, "ak_trust", tpm_trusted_by_name(s->by));
    if (s->name_len)
        json_set_hex(to, "ak_name", span_from(s->name, s->name_len));
    if (*s->label)
        json_set_str(to, "ak_label", s->label);
    json_set_hex(to, "qualifying_data", s->quote.extra);
    snprintf(firmware, sizeof(firmware), "%016" PRIx64, s->quote.firmware);
    json_set_str(to, "tpm_firmware", firmware);
    clock_claims(&s->quote, to);
    TRY(pcr_claims(s, to));
    if (s->boot.alg)
        TRY(event_claims(&s->log, s->boot, &plan_tpm, to));
    if (s->ima.alg)
        TRY(ima_claims(s, to));
    return OK;
}
