// SPDX-License-Identifier: Apache-2.0
#include "access/name_internal.h"

static bool alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool name_of_charset(struct span name, const char *further, size_t max)
{
    if (!name.len || name.len > max)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (!c || (!alphanumeric(c) && !strchr(further, c)))
            return false;
    }
    return true;
}

char name_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

char name_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool name_equal_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (name_lower((char)a.at[i]) != name_lower((char)b.at[i]))
            return false;
    }
    return true;
}
