// SPDX-License-Identifier: Apache-2.0
/* Rows of the table roles (named r in the query) as JSON. */
#ifndef ACCESS_ROLE_ROW_INTERNAL_H
#define ACCESS_ROLE_ROW_INTERNAL_H

#include "base/json.h"
#include "store/store.h"

#define ROLE_COLUMNS                                                                               \
    "r.role_id, r.service, r.name, r.context, r.permissions, r.version, r.created_at, "            \
    "r.updated_at"

/* Steps a bound query. FAIL_ABSENT without a row. */
fallible role_row_one(struct statement *q, json_t **out);
/* All rows, an array. */
fallible role_row_all(struct statement *q, json_t **out);

#endif
