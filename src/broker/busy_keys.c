// SPDX-License-Identifier: Apache-2.0
#include "broker/busy_keys.h"

#include <stdio.h>

/* One past the last for none. */
static size_t place_of(const struct busy_keys *b, const char *id)
{
    size_t at = 0;
    while (at < b->count && strcmp(b->ids[at], id))
        at++;
    return at;
}

fallible busy_keys_begin(struct busy_keys *b, const char *id)
{
    struct err e = OK;

    pthread_mutex_lock(&b->lock);
    if (place_of(b, id) < b->count)
        e = FAIL(CONFLICT, "the key is being rotated already");
    else if (b->count == BUSY_KEYS_MAX)
        e = FAIL(LIMIT, "too many keys are being rotated at once");
    else
        snprintf(b->ids[b->count++], UUID_TEXT_SIZE, "%s", id);
    pthread_mutex_unlock(&b->lock);
    return e;
}

void busy_keys_end(struct busy_keys *b, const char *id)
{
    pthread_mutex_lock(&b->lock);
    size_t at = place_of(b, id);
    if (at < b->count)
        memmove(b->ids[at], b->ids[--b->count], UUID_TEXT_SIZE);
    pthread_mutex_unlock(&b->lock);
}
