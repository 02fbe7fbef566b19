// SPDX-License-Identifier: Apache-2.0
#include "broker/spent.h"

fallible spent_add(struct store *s, const struct challenge *c, bool *first)
{
    struct statement *q;

    TRY(store_query(s, "INSERT INTO spent (id, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    &q));
    bind_blob(q, 1, SPAN_OF(c->id));
    bind_int(q, 2, c->expires_at);
    TRY(store_run(q));
    *first = store_changes(s) == 1;
    return OK;
}

fallible spent_has(struct store *s, const struct challenge *c, bool *spent)
{
    struct statement *q;

    TRY(store_query(s, "SELECT 1 FROM spent WHERE expires_at = ?2 AND id = ?1", &q));
    bind_blob(q, 1, SPAN_OF(c->id));
    bind_int(q, 2, c->expires_at);
    TRY(store_step(q, spent));
    store_reset(q);
    return OK;
}
