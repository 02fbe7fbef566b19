// SPDX-License-Identifier: Apache-2.0
/*
 * The evidence of past requests as it came, and the collateral that it was judged with, so that
 * both can be judged again. Bounded: tokens and refusals have the same number of places and the
 * same room, each its own, so that strangers' refusals push out no token; the oldest is dropped. It
 * may name platforms (PPID, chip id), so it is read by whom the bearer token allows, of one tenant.
 */
#ifndef ATTESTD_EVIDENCE_STORE_H
#define ATTESTD_EVIDENCE_STORE_H

#include "attestd/request.h"
#include "base/json.h"
#include "store/store.h"

#define EVIDENCE_SETS_MAX 256 /* of collateral; the one not used for longest is dropped */

struct evidence_limits {
    int64_t count;   /* of tokens, and of refusals */
    int64_t bytes;   /* of evidence, half for each of them */
    int64_t seconds; /* then it is dropped, whatever room there is */
};

struct evidence_store;
fallible evidence_store_open(const char *url, const struct evidence_limits *limits,
                             struct evidence_store **out);
void evidence_store_close(struct evidence_store *s);
OWNED_TYPE(struct evidence_store, evidence_store_close)

/* Spans borrow. */
struct evidence_row {
    struct span id; /* of the decision: the token's jti */
    struct span tenant;
    int64_t at; /* when it was decided */
    bool refusal;
    enum evidence_form form;
    struct span media_type, evidence, runtime_data;
    struct span collateral; /* its digest, "sha256:..."; empty: there was none */
};
/* All or none, and what is over the limits goes. A row that is there already is left. */
fallible evidence_store_add(struct evidence_store *s, const struct evidence_row *rows, size_t count,
                            int64_t now);
/* `body`: as collateral_write wrote it. */
fallible evidence_store_collateral(struct evidence_store *s, struct span digest, struct span body,
                                   int64_t now);

struct evidence_kept {
    int64_t at;
    enum evidence_form form;
    struct buf media_type, evidence, runtime_data, collateral_digest;
    struct buf collateral; /* empty: it was not kept, or there was none */
};
void evidence_kept_done(struct evidence_kept *k);
static inline void evidence_kept_donep(struct evidence_kept *k)
{
    evidence_kept_done(k);
}
/* FAIL_ABSENT: of another tenant, dropped, or never kept. */
fallible evidence_store_find(struct evidence_store *s, struct span tenant, struct span id,
                             int64_t now, struct evidence_kept *out);
/* Of this tenant, the newest first: [{"id","time","verdict"}]. */
fallible evidence_store_list(struct evidence_store *s, struct span tenant, int64_t now,
                             json_t **out);

#endif
