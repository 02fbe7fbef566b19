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

/* The digests of what the firmware started: boot loader, kernel. */
static json_t *applications_make(const struct event_log *log, struct explained x,
                                 const struct register_plan *plan)
{
    struct event_cursor c = event_log_events(log);
    json_t *list = json_array();
    struct event e;

    while (event_next(&c, &e)) {
        char hex[2 * DIGEST_MAX + 1];
        if (!explains(x, &e) || e.index != plan->boot || e.type != EV_EFI_BOOT_SERVICES_APPLICATION)
            continue;
        hex_str(event_digest_of(&e, x.alg), hex);
        json_array_append_new(list, json_string(hex));
    }
    return list;
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

fallible event_claims(const struct event_log *log, struct explained x,
                      const struct register_plan *plan, json_t *to)
{
    json_t *events owned(json_free) = events_make(log, x, plan);
    json_t *applications owned(json_free) = applications_make(log, x, plan);
    enum told told;

    json_set_str(to, "event_bank", tpm_hash_name(x.alg));
    if (json_array_size(events) <= CLAIM_EVENTS_MAX)
        json_object_set(to, "events", events);
    json_object_set(to, "boot_applications", applications);
    TRY(secure_boot_find(log, x, plan, &told));
    if (told != TOLD_NOTHING)
        json_set_bool(to, "secure_boot", told == TOLD_ON);
    return OK;
}
