// SPDX-License-Identifier: Apache-2.0
/* The cache's table: what was fetched, over restarts; and by it the newest that was ever seen. */
#ifndef ATTESTD_TCS_STORE_H
#define ATTESTD_TCS_STORE_H

#include "attestd/tcs_item.h"
#include "store/store.h"

fallible tcs_store_migrate(struct store *s);
/* FAIL_ABSENT. */
fallible tcs_store_load(struct store *s, const char *key, struct tcs_item *out,
                        int64_t *fetched_at);
fallible tcs_store_save(struct store *s, const char *key, const struct tcs_item *item,
                        int64_t fetched_at);

#endif
