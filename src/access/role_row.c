// SPDX-License-Identifier: Apache-2.0
#include "access/role_row_internal.h"

#include "base/clock.h"
#include "store/rows.h"

void role_filter_bind(struct statement *q, const struct role_filter *f)
{
    bind_text(q, 3, f->service);
    bind_text(q, 4, f->name);
    bind_text(q, 5, f->context);
    bind_text(q, 6, f->context_part);
}

static fallible read_row(struct statement *q, json_t **out)
{
    owned(json_free) json_t *role = json_object();
    json_t *rules = NULL;
    char time[CLOCK_TEXT_MAX];

    TRY(json_parse(column_text(q, 4), &rules));
    json_set_span(role, "role_id", column_text(q, 0)); /* first: scripts cut it out by position */
    json_set_span(role, "service", column_text(q, 1));
    json_set_span(role, "name", column_text(q, 2));
    json_set_span(role, "context", column_text(q, 3));
    json_object_set_new(role, "permissions", rules);
    json_set_int(role, "version", column_int(q, 5));
    json_set_str(role, "created_at", clock_format(column_int(q, 6), time));
    json_set_str(role, "updated_at", clock_format(column_int(q, 7), time));
    if (json_object_size(role) != 8)
        return FAIL(SYSTEM, "memory for a role");
    *out = TAKE(role);
    return OK;
}

fallible role_row_one(struct statement *q, json_t **out)
{
    return store_read_one(q, read_row, "no such role", out);
}

fallible role_row_all(struct statement *q, json_t **out)
{
    owned(json_free) json_t *list = json_array();

    TRY(store_read_all(q, read_row, ROLE_LIST_MAX, list));
    *out = TAKE(list);
    return OK;
}
