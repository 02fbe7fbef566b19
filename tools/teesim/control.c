// SPDX-License-Identifier: Apache-2.0
#include "teesim/control.h"

#define SECONDS_MAX ((uint64_t)1 << 40)
#define DELAY_MAX_MS 60000

static fallible set_collateral(struct platform *p, const json_t *c)
{
    static const char *const members[] = { "issued_ago", "lifetime", "evaluation_number", NULL };
    struct platform_validity v;
    uint64_t ago, lifetime, number;

    platform_validity(p, &v);
    ago = (uint64_t)v.issued_ago;
    lifetime = (uint64_t)v.lifetime;
    number = v.evaluation_number;
    TRY(json_only(c, members));
    TRY(json_opt_u64(c, "issued_ago", SECONDS_MAX, "issued_ago: seconds", &ago));
    TRY(json_opt_u64(c, "lifetime", SECONDS_MAX, "lifetime: seconds", &lifetime));
    TRY(json_opt_u64(c, "evaluation_number", UINT32_MAX, "evaluation_number: a number", &number));
    v = (struct platform_validity){ (int64_t)ago, (int64_t)lifetime, (uint32_t)number };
    platform_set_validity(p, &v);
    return OK;
}

static fallible set_pcs(struct pcs *pcs, const json_t *c)
{
    static const char *const members[] = { "status", "delay_ms", NULL };
    uint64_t status = 0, delay = 0;

    if (!pcs)
        return FAIL(INPUT, "pcs: none runs");
    TRY(json_only(c, members));
    TRY(json_opt_u64(c, "status", 599, "status: an HTTP status, or 0", &status));
    TRY(json_opt_u64(c, "delay_ms", DELAY_MAX_MS, "delay_ms: milliseconds", &delay));
    pcs_set_behaviour(pcs, (int)status, (unsigned)delay);
    return OK;
}

static fallible apply(struct control *c, struct span line)
{
    static const char *const members[] = { "scenario", "measurement", "collateral", "pcs", NULL };
    json_t *request owned(json_free) = NULL;
    const json_t *part = NULL;
    struct span text = { 0 };

    TRY(json_parse_object(line, &request));
    TRY(json_only(request, members));
    TRY(json_opt_str(request, "scenario", "scenario: a comma list", &text));
    if (json_object_get(request, "scenario"))
        TRY(platform_set_scenario(c->platform, text));
    TRY(json_opt_str(request, "measurement", "measurement: hexadecimal", &text));
    if (json_object_get(request, "measurement"))
        TRY(platform_set_measurement(c->platform, text));
    if (json_object_get(request, "collateral")) {
        TRY(json_get_object(request, "collateral", "collateral: an object", &part));
        TRY(set_collateral(c->platform, part));
    }
    if (json_object_get(request, "pcs")) {
        TRY(json_get_object(request, "pcs", "pcs: an object", &part));
        TRY(set_pcs(c->pcs, part));
    }
    return OK;
}

static json_t *state(struct control *c)
{
    json_t *out = json_object(), *collateral = json_object();
    char scenario[SCENARIO_TEXT_MAX], measurement[97];
    struct platform_validity v;

    platform_describe(c->platform, scenario, measurement);
    platform_validity(c->platform, &v);
    json_set_str(out, "tee", platform_tee_name(c->platform));
    json_set_str(out, "scenario", scenario);
    json_set_str(out, "measurement", measurement);
    json_set_int(collateral, "issued_ago", v.issued_ago);
    json_set_int(collateral, "lifetime", v.lifetime);
    json_set_int(collateral, "evaluation_number", v.evaluation_number);
    json_object_set_new(out, "collateral", collateral);
    if (c->pcs)
        json_object_set_new(out, "requests", pcs_counts(c->pcs));
    return out;
}

void control_answer(struct span line, struct buf *answer, void *context)
{
    struct control *c = context;
    json_t *out owned(json_free) = NULL;
    char *text owned(free) = NULL;

    struct err e = apply(c, line);
    if (failed(e)) {
        out = json_object();
        json_set_str(out, "error", e.what);
    } else {
        out = state(c);
    }
    text = json_text(out);
    buf_add_str(answer, text ? text : "{\"error\":\"memory exhausted\"}");
}
