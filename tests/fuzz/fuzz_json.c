// SPDX-License-Identifier: Apache-2.0
/*
 * json_parse: what is accepted has a canonical form that reads back as the same value. jansson's own parser and
 * writer are the peers: the same texts, the same values.
 */
#include <assert.h>
#include <stdlib.h>

#include "base/json.h"

#define NUMBER_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What jansson alone takes: long numbers, and a NUL behind a number. */
static bool only_theirs(const uint8_t *data, size_t size)
{
    size_t run = 0;

    for (size_t i = 0; i < size && run < NUMBER_MAX; i++)
        run = memchr("0123456789+-.eE", data[i], 15) ? run + 1 : 0;
    return run >= NUMBER_MAX || (size && memchr(data, 0, size));
}

static void check_writers(const json_t *j)
{
    struct buf canonical owned(buf_done) = buf_of(8 * JSON_TEXT_MAX);
    json_t *again owned(json_free) = NULL;
    char *ours owned(free) = json_text(j), *theirs owned(free) = json_dumps(j, JSON_COMPACT),
         *sorted owned(free) = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);

    assert(ours && theirs && sorted && strcmp(ours, theirs) == 0);
    assert(!failed(json_canonical(j, &canonical)) && strcmp(buf_str(&canonical), sorted) == 0);
    if (canonical.len > JSON_TEXT_MAX)
        return;
    assert(!failed(json_parse(buf_span(&canonical), &again)));
    assert(json_equal((json_t *)j, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *ours owned(json_free) = NULL, *theirs owned(json_free) = NULL;

    struct err e = json_parse(span_from(data, size), &ours);
    theirs = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (!failed(e)) {
        assert(theirs && json_equal(ours, theirs));
        check_writers(ours);
    }
    assert(!theirs || !failed(e) || e.kind == FAIL_LIMIT || only_theirs(data, size));
    return 0;
}
