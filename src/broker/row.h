// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of keys and transfer policies. Each carries tenant, version and a MAC under keyd's integrity
 * key over table, tenant, id, version, link and content, verified at every read: whoever writes to
 * the database can destroy a row, but not change one. A row whose MAC is wrong is FAIL_DENIED.
 */
#ifndef BROKER_ROW_H
#define BROKER_ROW_H

#include "crypto/digest.h"
#include "crypto/random.h"
#include "store/store.h"

#define TENANT_MAX 64
#define ROW_CONTENT_MAX (160U << 10)
#define ROW_LINK_MAX 160
#define ROW_LIST_MAX 1000

/* ROW_REMOVALS: keys that are deleted, until their secrets are. */
enum row_table {
    ROW_KEYS,
    ROW_POLICIES,
    ROW_REMOVALS,
    ROW_DENY_LISTS,
    ROW_RELEASE_COUNTS,
    ROW_PENDING_CHANGES,
    ROW_LEASES,
    ROW_GUEST_SESSIONS
};

struct row {
    char tenant[TENANT_MAX + 1], id[UUID_TEXT_SIZE],
        link[ROW_LINK_MAX + 1]; /* keys: policy id; policies: name or ""; pending changes:
                                   what they are of; leases: key id; guests' sessions: digest of
                                   the challenge */
    uint64_t version;
    struct buf content;       /* canonical JSON */
    uint8_t mac[SHA256_SIZE]; /* of a row that was read */
};
void row_done(struct row *r);
static inline void row_donep(struct row *r)
{
    row_done(r);
}

extern const struct migration broker_schema[];
extern const size_t broker_schema_count;

/* tenant, id and link are checked for their lengths here. */
fallible row_init(struct row *r, struct span tenant, struct span id, struct span link);

fallible row_read(struct store *s, const struct secret *integrity, enum row_table table,
                  struct span tenant, struct span id, struct row *out);
/* The one whose link is this text (a policy's name). FAIL_ABSENT. */
fallible row_read_linked(struct store *s, const struct secret *integrity, enum row_table table,
                         struct span tenant, struct span link, struct row *out);
/* FAIL_CONFLICT: the id or a policy's name is taken. */
fallible row_insert(struct store *s, const struct secret *integrity, enum row_table table,
                    const struct row *r);
/* `r` has the new version, one above the stored one, else FAIL_CONFLICT. */
fallible row_update(struct store *s, const struct secret *integrity, enum row_table table,
                    const struct row *r);
/* FAIL_ABSENT; FAIL_CONFLICT for a policy that keys use. */
fallible row_delete(struct store *s, enum row_table table, struct span tenant, struct span id);
/* The version that is stored now, 0 when absent; without a look at the MAC. */
fallible row_version(struct store *s, enum row_table table, struct span tenant, struct span id,
                     uint64_t *version);

/* Of the tenant, counted as far as `max`. */
fallible row_count(struct store *s, enum row_table table, struct span tenant, uint64_t max,
                   uint64_t *count);

typedef struct err row_visitor(const struct row *r, void *context);
/* In the order of ids, after `after` (empty: from the start), at most ROW_LIST_MAX. A tampered row
 * ends the list with FAIL_DENIED. */
fallible row_list(struct store *s, const struct secret *integrity, enum row_table table,
                  struct span tenant, struct span after, row_visitor *visit, void *context);
/* Of all tenants, at most ROW_LIST_MAX. */
fallible row_list_all(struct store *s, const struct secret *integrity, enum row_table table,
                      row_visitor *visit, void *context);

#endif
