// SPDX-License-Identifier: Apache-2.0
#include "access/name_internal.h"
#include "access/user.h"

bool user_name_valid(struct span name)
{
    if (!name_of_charset(name, "_.@-", USER_NAME_MAX) || uuid_valid(name))
        return false;
    if (!name_of_charset(span_head(name, 1), "", 1))
        return false;
    return !name_equal_nocase(name, SPAN("changepassword")); /* a path of its own */
}
