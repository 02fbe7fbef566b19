// SPDX-License-Identifier: Apache-2.0
/* Claims of a TPM's quote and of the logs beside it, docs/claims.md. */
#include <inttypes.h>

#include "base/hex.h"
#include "verify/tpm_quote.h"

#define LIST_MAX 512 /* longer lists give no claim, which no condition on them then meets */
#define BOOT_REGISTER 4
#define SECURE_BOOT_REGISTER 7

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

static void type_set(json_t *row, uint32_t type)
{
    const char *name = event_type_name(type);
    char number[16];

    snprintf(number, sizeof(number), "0x%08" PRIx32, type);
    json_set_str(row, "type", name ? name : number);
}

static bool explains(struct tpm_explained x, const struct event *e)
{
    return e->type != EV_NO_ACTION && e->index < TPM_PCRS && x.mask & 1U << e->index;
}

static json_t *events_make(const struct event_log *log, struct tpm_explained x)
{
    struct event_cursor c = event_log_events(log);
    json_t *list = json_array();
    struct event e;

    while (event_next(&c, &e)) {
        if (!explains(x, &e))
            continue;
        json_t *row = json_object();
        json_set_int(row, "register", e.index);
        type_set(row, e.type);
        json_set_hex(row, "digest", event_digest_of(&e, x.alg));
        json_array_append_new(list, row);
    }
    return list;
}

/* The digests of what the firmware started: boot loader, kernel. */
static json_t *applications_make(const struct event_log *log, struct tpm_explained x)
{
    struct event_cursor c = event_log_events(log);
    json_t *list = json_array();
    struct event e;

    while (event_next(&c, &e)) {
        char hex[2 * DIGEST_MAX + 1];
        if (!explains(x, &e) || e.index != BOOT_REGISTER || e.type != EV_EFI_BOOT_SERVICES_APPLICATION)
            continue;
        hex_str(event_digest_of(&e, x.alg), hex);
        json_array_append_new(list, json_string(hex));
    }
    return list;
}

enum told { TOLD_NOTHING, TOLD_OFF, TOLD_ON, TOLD_BOTH };

/* Before the separator only: what comes after was written by whatever was booted. */
static fallible secure_boot_find(const struct event_log *log, struct tpm_explained x, enum told *out)
{
    static const struct span name = SPAN("S\0e\0c\0u\0r\0e\0B\0o\0o\0t\0");
    struct event_cursor c = event_log_events(log);
    enum told told = TOLD_NOTHING;
    bool separated = false;
    struct event e;

    while (!separated && event_next(&c, &e)) {
        struct event_variable v;
        bool hashed = false;
        if (!explains(x, &e) || e.index != SECURE_BOOT_REGISTER)
            continue;
        separated = e.type == EV_SEPARATOR;
        if (e.type != EV_EFI_VARIABLE_DRIVER_CONFIG)
            continue;
        TRY(event_data_hashed(&e, x.alg, &hashed));
        if (!hashed || failed(event_variable_parse(e.data, &v)) || !span_equal(v.name, name))
            continue;
        enum told now = span_equal(v.value, SPAN("\x01")) ? TOLD_ON : TOLD_OFF;
        told = told == TOLD_NOTHING || told == now ? now : TOLD_BOTH;
    }
    *out = separated ? told : TOLD_NOTHING;
    return OK;
}

fallible event_claims(const struct event_log *log, struct tpm_explained x, json_t *to)
{
    json_t *events owned(json_free) = events_make(log, x);
    json_t *applications owned(json_free) = applications_make(log, x);
    enum told told;

    json_set_str(to, "event_bank", tpm_hash_name(x.alg));
    if (json_array_size(events) <= LIST_MAX)
        json_object_set(to, "events", events);
    json_object_set(to, "boot_applications", applications);
    TRY(secure_boot_find(log, x, &told));
    if (told != TOLD_NOTHING)
        json_set_bool(to, "secure_boot", told == TOLD_ON);
    return OK;
}

/* A file's name and digest count only where the template hash that was extended is theirs. */
static fallible ima_row_add(const struct ima_entry *e, struct tpm_explained x, json_t *list)
{
    uint8_t hash[DIGEST_MAX];
    bool known;
    enum digest_kind kind = digest_of_tpm(x.alg, &known);
    struct ima_file f;

    struct err bad = ima_template_hash(e, kind, hash);
    if (bad.kind == FAIL_SYSTEM)
        return bad;
    bool same = !failed(bad) && (e->hash_len != digest_size(kind) || memcmp(hash, e->hash, e->hash_len) == 0);
    if (!same || failed(ima_file_parse(e, &f)))
        return OK;
    json_t *row = json_object();
    json_set_span(row, "name", f.name);
    json_set_span(row, "digest", f.digest);
    json_array_append_new(list, row);
    return OK;
}

static fallible ima_claims(const struct tpm_state *s, json_t *to)
{
    json_t *list owned(json_free) = json_array();
    struct ima_cursor c;
    size_t violations = 0;

    TRY(ima_log_open(s->evidence.parts[TPM_PART_IMA_LOG], &c));
    for (size_t i = 0; i < s->ima_entries; i++) {
        struct ima_entry e;
        bool end;
        TRY(ima_next(&c, &e, &end));
        if (e.violation)
            violations++;
        else if (json_array_size(list) <= LIST_MAX)
            TRY(ima_row_add(&e, s->ima, list));
    }
    json_set_int(to, "ima_entries", (int64_t)s->ima_entries);
    json_set_int(to, "ima_violations", (int64_t)violations);
    if (json_array_size(list) <= LIST_MAX)
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
        TRY(event_claims(&s->log, s->boot, to));
    if (s->ima.alg)
        TRY(ima_claims(s, to));
    return OK;
}
