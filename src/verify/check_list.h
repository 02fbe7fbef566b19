// SPDX-License-Identifier: Apache-2.0
/*
 * The checks of one piece of evidence, in the order in which each rests on those before it. A list
 * starts from its type's table with every check "not checked"; the verdict is the conjunction of
 * all. An id is a place in that table.
 */
#ifndef VERIFY_CHECK_LIST_H
#define VERIFY_CHECK_LIST_H

#include "base/bounds.h"
#include "verify/verify.h"

struct check_table {
    const struct check *rows; /* names and clauses, each CHECK_NOT_CHECKED */
    unsigned count;
};

struct check_list {
    struct check rows[CHECKS_MAX];
    unsigned count;
    uint64_t left_out, optional; /* bit by id */
};

void check_list_init(struct check_list *l, const struct check_table *table);
/* `wrong` NULL: passed. */
void check_record(struct check_list *l, unsigned id, const char *wrong);
/* Does not apply to this piece: neither shown nor counted. */
void check_leave_out(struct check_list *l, unsigned id);
/* May stay "not checked" in a verdict that is positive. */
void check_make_optional(struct check_list *l, unsigned id);

bool check_passed(const struct check_list *l, unsigned id);
/* Every check up to `last` has passed, or may stay "not checked". */
bool check_all_passed(const struct check_list *l, unsigned last);
/* The verdict: nothing has failed, and only what is optional is not checked. */
bool check_list_good(const struct check_list *l);
/* Those that apply, at most `list.count`; returns how many. */
unsigned check_list_shown(const struct check_list *l, struct check *out);

#endif
