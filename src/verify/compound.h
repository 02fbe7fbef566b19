// SPDX-License-Identifier: Apache-2.0
/*
 * Claims of evidence that consists of several pieces. Each claim of a piece keeps its name with the
 * piece's kind before it, "tdx.mrtd"; labels are the sender's choice and say nothing. What every
 * policy asks is also said of the whole: root, debug, tcb_status, advisory_ids and the dates, each
 * as the worst of the pieces has it.
 */
#ifndef VERIFY_COMPOUND_H
#define VERIFY_COMPOUND_H

#include "base/bounds.h"
#include "verify/piece.h"

struct compound {
    struct {
        const char *name;
        json_t *claims;
    } parts[COMPOUND_MAX];
    size_t count;
};

void compound_done(struct compound *c);
static inline void compound_donep(struct compound *c)
{
    compound_done(c);
}
/* Another part; `*claims` is the compound's, to be filled. Each name once. */
fallible compound_add(struct compound *c, const char *name, json_t **claims);
/* A piece's claims; those of a piece that explains another (a log) go to that one's part. */
fallible compound_add_piece(struct compound *c, const struct piece *p);
void compound_write(const struct compound *c, json_t *to);

#endif
