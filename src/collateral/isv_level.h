// SPDX-License-Identifier: Apache-2.0
/*
 * TCB levels that are told by one security version: those of quoting enclaves and TDX modules; and
 * the members that every level of Intel's documents has. They keep nothing of the text.
 */
#ifndef COLLATERAL_ISV_LEVEL_H
#define COLLATERAL_ISV_LEVEL_H

#include "base/bounds.h"
#include "collateral/signed_tree.h"
#include "collateral/tcb_status.h"

struct advisories {
    const char **ids; /* one block with what they point to */
    size_t count;
};

struct level_facts {
    int64_t date;
    enum tcb_status status;
    struct advisories advisories;
};

struct isv_level {
    uint16_t isvsvn;
    struct level_facts facts;
};

struct isv_levels {
    struct isv_level *at; /* descending, no two alike */
    size_t count;
};

/* tcbDate, tcbStatus, advisoryIDs. Done also after a failure. */
fallible level_facts_parse(const struct tree_value *level, struct level_facts *out);
void level_facts_done(struct level_facts *f);

/* The member "tcbLevels" of `owner`. Sorts; two levels alike are refused. */
fallible isv_levels_parse(const struct tree_value *owner, struct isv_levels *out);
void isv_levels_done(struct isv_levels *l);
/* The highest level that the version reaches, NULL where there is none. */
const struct isv_level *isv_levels_select(const struct isv_levels *l, uint16_t isvsvn);

/* "2026-11-23T12:00:00Z", that form only. */
fallible signed_date_get(const struct tree_value *owner, const char *name, int64_t *out);
/* Exactly `len` bytes in hex of either case. */
fallible signed_hex_get(const struct tree_value *owner, const char *name, uint8_t *out, size_t len);

#endif
