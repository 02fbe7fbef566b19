// SPDX-License-Identifier: Apache-2.0
/*
 * The cache's tables: what was fetched, over restarts; and the newest that was ever seen of each
 * thing, which stays when the thing itself goes. Callers hold the store's lock.
 */
#ifndef ATTESTD_TCS_STORE_H
#define ATTESTD_TCS_STORE_H

#include "attestd/tcs_item.h"
#include "store/store.h"

#define TCS_LIST_MAX 4096

fallible tcs_store_migrate(struct store *s);
/* FAIL_ABSENT. */
fallible tcs_store_load(struct store *s, const char *key, struct tcs_item *out,
                        int64_t *fetched_at);
/* The item, and that it is the newest seen: in one transaction, the caller's where `began`. */
fallible tcs_store_save(struct store *s, const struct tcs_id *id, const struct tcs_item *item,
                        int64_t fetched_at, bool began);
/* The item goes; that it was seen stays. */
fallible tcs_store_drop(struct store *s, const char *key);
/* FAIL_UPSTREAM when `item` is older than what was seen before, however well signed. */
fallible tcs_store_check_newer(struct store *s, const struct tcs_id *id,
                               const struct tcs_item *item);

/* The newest date of anything signed; 0: nothing was seen. */
fallible tcs_store_newest_date(struct store *s, int64_t *out);
fallible tcs_store_note_date(struct store *s, int64_t date);

struct tcs_listed {
    struct tcs_id id;
    int64_t issued, next_update, fetched_at;
    uint64_t evaluation;
};
typedef struct err tcs_listing(const struct tcs_listed *row, void *context);
/* In the order of their ends. What this version does not know is left out. */
fallible tcs_store_list(struct store *s, tcs_listing *visit, void *context);

#endif
