// SPDX-License-Identifier: Apache-2.0
/* Rows of the table roles (named r in the query) as JSON. */
#ifndef ACCESS_ROLE_ROW_INTERNAL_H
#define ACCESS_ROLE_ROW_INTERNAL_H

#include "access/role.h"

#define ROLE_COLUMNS                                                                               \
    "r.role_id, r.service, r.name, r.context, r.permissions, r.version, r.created_at, "            \
    "r.updated_at"

/* Which roles: parameters 3 to 6. */
#define ROLE_FILTER                                                                                \
    "(?3 = '' OR r.service = UPPER(?3)) AND (?4 = '' OR r.name = ?4) AND (?5 = '' OR r.context = " \
    "?5)"                                                                                          \
    " AND (?6 = '' OR REPLACE(r.context, ?6, '') <> r.context)"
void role_filter_bind(struct statement *q, const struct role_filter *f);

/* Steps a bound query. FAIL_ABSENT without a row. */
fallible role_row_one(struct statement *q, json_t **out);
/* All rows, an array. */
fallible role_row_all(struct statement *q, json_t **out);

#endif
