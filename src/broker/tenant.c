// SPDX-License-Identifier: Apache-2.0
#include "broker/tenant.h"

#include <inttypes.h>

#include "access/schema.h"
#include "base/clock.h"

struct span tenant_of(const struct broker_request *q, const struct bearer *client)
{
    if (client)
        return span_str(client->tenant);
    if (!q->tenant.len)
        return SPAN(BROKER_DEFAULT_TENANT);
    return tenant_name_valid(q->tenant) ? q->tenant : (struct span){ 0 };
}

fallible tenant_admit(struct broker *b, const char *tenant, struct outcome *o, bool *good)
{
    *good = rate_limit_take(b->tenant_rate, span_str(tenant), clock_monotonic_us());
    return *good ? OK
                 : outcome_refuse(o, CODE_RATE_LIMITED,
                                  "the tenant asks more often than it may: wait a second");
}

static uint64_t quota(const struct broker *b, enum row_table table)
{
    return table == ROW_KEYS ? b->keys_per_tenant : b->policies_per_tenant;
}

fallible tenant_is_full(const struct broker *b, struct store *s, enum row_table table,
                        const char *tenant, bool *full)
{
    uint64_t count;

    *full = false;
    if (!quota(b, table))
        return OK;
    TRY(row_count(s, table, span_str(tenant), quota(b, table), &count));
    *full = count >= quota(b, table);
    return OK;
}

fallible tenant_refuse_full(const struct broker *b, enum row_table table, struct outcome *o)
{
    char detail[OUTCOME_DETAIL_SIZE];

    snprintf(detail, sizeof detail, "the tenant has as many %s as it may, %" PRIu64,
             table == ROW_KEYS ? "keys" : "transfer policies", quota(b, table));
    return outcome_refuse(o, CODE_QUOTA_EXCEEDED, detail);
}
