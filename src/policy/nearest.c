// SPDX-License-Identifier: Apache-2.0
#include "policy/nearest_internal.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define NAME_MAX_LEN 64
#define CHANGES_MAX 3

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Letters to insert, to drop or to replace until `a` is `b` (Levenshtein). */
static size_t changes(const char *a, const char *b)
{
    size_t row[NAME_MAX_LEN + 1];
    size_t la = strlen(a), lb = strlen(b);
    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t kept = diagonal + !same(a[i - 1], b[j - 1]);
            diagonal = row[j];
            row[j] = least(kept, least(row[j], row[j - 1]) + 1);
        }
    }
    return row[lb];
}

const char *nearest_name(const char *given, const char *(*name_at)(size_t at))
{
    const char *best = NULL;
    size_t fewest = CHANGES_MAX + 1;
    for (size_t at = 0; name_at(at); at++) {
        size_t n = changes(given, name_at(at));
        if (n < fewest && 2 * n < strlen(name_at(at))) {
            fewest = n;
            best = name_at(at);
        }
    }
    return best;
}
