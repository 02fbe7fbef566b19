// SPDX-License-Identifier: Apache-2.0
#include "store/rows.h"

static struct err absent_err(const char *absent)
{
    return (struct err){ .kind = FAIL_ABSENT, .what = absent };
}

fallible store_run_one(struct store *s, struct statement *q, const char *absent)
{
    TRY(store_run(q));
    return store_changes(s) == 1 ? OK : absent_err(absent);
}

fallible store_read_one(struct statement *q, row_reader *read, const char *absent, json_t **row)
{
    bool found = false;

    TRY(store_step(q, &found));
    struct err e = found ? read(q, row) : absent_err(absent);
    store_reset(q);
    return e;
}

fallible store_read_all(struct statement *q, row_reader *read, size_t max, json_t *list)
{
    struct err e = OK;

    for (size_t i = 0; i < max && !failed(e); i++) {
        json_t *row = NULL;
        bool found = false;
        TRY(store_step(q, &found));
        if (!found)
            return OK;
        e = read(q, &row);
        if (!failed(e) && json_array_append_new(list, row) != 0)
            e = FAIL(SYSTEM, "memory for a list");
    }
    store_reset(q);
    return e;
}
