// SPDX-License-Identifier: Apache-2.0
/*
 * How often a key was released, for policies that limit it. The audit log is what counts: the row
 * beside it says how many releases there were up to a record, and those behind it are counted from
 * the log. So a row that was taken away or put back from an older copy makes nothing more possible.
 */
#ifndef BROKER_RELEASE_COUNT_H
#define BROKER_RELEASE_COUNT_H

#include "broker/row.h"

struct release_count {
    uint64_t releases;
    uint64_t version; /* of the row; 0: there is none */
};

/* FAIL_DENIED: the row was changed outside of keyd. */
fallible release_count_read(struct store *s, const struct secret *integrity, struct span tenant,
                            struct span key_id, struct release_count *out);
/* One more, whose record has this number. In the transaction in which `before` was read. */
fallible release_count_add(struct store *s, const struct secret *integrity, struct span tenant,
                           struct span key_id, const struct release_count *before, int64_t seq);
/* With the key; it may not be there. */
fallible release_count_forget(struct store *s, struct span tenant, struct span key_id);

#endif
