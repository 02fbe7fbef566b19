// SPDX-License-Identifier: Apache-2.0
#include "verify/check_list.h"

#include <assert.h>

static_assert(CHECKS_MAX <= 64, "a bit for each check");

void check_list_init(struct check_list *l, const struct check_table *table)
{
    assert(table->count <= CHECKS_MAX);
    memcpy(l->rows, table->rows, table->count * sizeof(*table->rows));
    l->count = table->count;
    l->left_out = l->optional = 0;
}

void check_record(struct check_list *l, unsigned id, const char *wrong)
{
    l->rows[id].outcome = wrong ? CHECK_FAILED : CHECK_PASSED;
    l->rows[id].detail = wrong;
}

void check_leave_out(struct check_list *l, unsigned id)
{
    l->left_out |= 1ULL << id;
}

void check_make_optional(struct check_list *l, unsigned id)
{
    l->optional |= 1ULL << id;
}

bool check_passed(const struct check_list *l, unsigned id)
{
    return l->rows[id].outcome == CHECK_PASSED;
}

static bool may_stay(const struct check_list *l, unsigned id)
{
    return l->left_out & 1ULL << id ||
           (l->rows[id].outcome == CHECK_NOT_CHECKED && l->optional & 1ULL << id);
}

bool check_all_passed(const struct check_list *l, unsigned last)
{
    for (unsigned id = 0; id <= last; id++)
        if (l->rows[id].outcome != CHECK_PASSED && !may_stay(l, id))
            return false;
    return true;
}

bool check_list_good(const struct check_list *l)
{
    return l->count > 0 && check_all_passed(l, l->count - 1);
}

unsigned check_list_shown(const struct check_list *l, struct check *out)
{
    unsigned count = 0;

    for (unsigned id = 0; id < l->count; id++)
        if (!(l->left_out & 1ULL << id))
            out[count++] = l->rows[id];
    return count;
}
