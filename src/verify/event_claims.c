// SPDX-License-Identifier: Apache-2.0
#include "verify/event_claims.h"

#include <inttypes.h>

#include "base/hex.h"

const struct register_plan plan_tpm = { .first = 0, .boot = 4, .secure_boot = 7 };
const struct register_plan plan_td = { .first = 1, .boot = 2, .secure_boot = 1 };

static void type_set(json_t *row, uint32_t type)
{
    const char *name = event_type_name(type);
    char number[16];

    snprintf(number, sizeof(number), "0x%08" PRIx32, type);
    json_set_str(row, "type", name ? name : number);
}

static bool explains(struct explained x, const struct event *e)
{
    return e->type != EV_NO_ACTION && e->index < EVENT_REGISTERS && x.mask & 1U << e->index;
}

static json_t *events_make(const struct event_log *log, struct explained x,
                           const struct register_plan *plan)
{
    struct event_cursor c = event_log_events(log);
    json_t *list = json_array();
    struct event e;

    while (event_next(&c, &e)) {
        if (!explains(x, &e))
            continue;
        json_t *row = json_object();
        json_set_int(row, "register", e.index - plan->first);
        type_set(row, e.type);
        json_set_hex(row, "digest", event_digest_of(&e, x.alg));
        json_array_append_new(list, row);
    }
    return list;
}

static bool executable(struct span image)
{
    return span_starts(image, SPAN("MZ")) || span_starts(image, SPAN("PE\0\0")) ||
           span_starts(image, SPAN("VZ"));
}

/* No register contains an event's type, so none is taken for something else than a program because
 * the log calls it so: the log must show what was hashed, and that is no program. Of a variable,
 * older firmware hashes the value alone. */
static fallible event_starts_program(const struct event *e, struct explained x, bool *starts)
{
    struct event_variable v;
    bool of_data, of_value = false;

    TRY(event_hashes(e, x.alg, e->data, &of_data));
    if (!of_data && !failed(event_variable_parse(e->data, &v)))
        TRY(event_hashes(e, x.alg, v.value, &of_value));
    *starts = !(of_data && !executable(e->data)) && !(of_value && !executable(v.value));
    return OK;
}

/* The digests of what the firmware started: boot loader, kernel. */
static fallible applications_make(const struct event_log *log, struct explained x,
                                  const struct register_plan *plan, json_t *list)
{
    struct event_cursor c = event_log_events(log);
    struct event e;

    while (event_next(&c, &e)) {
        char hex[2 * DIGEST_MAX + 1];
        bool starts = false;
        if (explains(x, &e) && e.index == plan->boot)
            TRY(event_starts_program(&e, x, &starts));
        if (starts)
            json_array_append_new(list, json_string(hex_str(event_digest_of(&e, x.alg), hex)));
    }
    return OK;
}

/* By its digest: a log that calls it otherwise cannot hide it. */
static fallible separator_is(const struct event *e, struct explained x, bool *is)
{
    static const struct span values[] = { SPAN("\0\0\0\0"), SPAN("\xff\xff\xff\xff"),
                                          SPAN("\x01\0\0\0") };

    *is = false;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values) && !*is; i++)
        TRY(event_hashes(e, x.alg, values[i], is));
    return OK;
}

enum told { TOLD_NOTHING, TOLD_OFF, TOLD_ON, TOLD_BOTH };

/* Before the separator only: what comes after was written by whatever was booted. */
static fallible secure_boot_find(const struct event_log *log, struct explained x,
                                 const struct register_plan *plan, enum told *out)
{
    static const struct span name = SPAN("S\0e\0c\0u\0r\0e\0B\0o\0o\0t\0");
    struct event_cursor c = event_log_events(log);
    enum told told = TOLD_NOTHING;
    bool separated = false;
    struct event e;

    while (!separated && event_next(&c, &e)) {
        struct event_variable v;
        bool hashed = false;
        if (!explains(x, &e) || e.index != plan->secure_boot)
            continue;
        TRY(separator_is(&e, x, &separated));
        if (failed(event_variable_parse(e.data, &v)) || !span_equal(v.name, name))
            continue;
        TRY(event_hashes(&e, x.alg, e.data, &hashed));
        if (!hashed)
            continue;
        enum told now = span_equal(v.value, SPAN("\x01")) ? TOLD_ON : TOLD_OFF;
        told = told == TOLD_NOTHING || told == now ? now : TOLD_BOTH;
    }
    *out = separated ? told : TOLD_NOTHING;
    return OK;
}

fallible event_claims(const struct event_log *log, struct explained x,
                      const struct register_plan *plan, json_t *to)
{
    json_t *events owned(json_free) = events_make(log, x, plan);
    json_t *applications owned(json_free) = json_array();
    enum told told;

    json_set_str(to, "event_bank", tpm_hash_name(x.alg));
    if (json_array_size(events) <= CLAIM_EVENTS_MAX)
        json_object_set(to, "events", events);
    if (x.mask & 1U << plan->boot) { /* an empty list is a claim, too */
        TRY(applications_make(log, x, plan, applications));
        json_object_set(to, "boot_applications", applications);
    }
    TRY(secure_boot_find(log, x, plan, &told));
    if (told != TOLD_NOTHING)
        json_set_bool(to, "secure_boot", told == TOLD_ON);
    return OK;
}
