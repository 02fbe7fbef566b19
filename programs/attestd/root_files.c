// SPDX-License-Identifier: Apache-2.0
#include "attestd/root_files.h"

#include "base/file.h"

#define ROOT_FILE_MAX (2U << 20) /* of a revocation list in PEM */

static fallible read_one(struct span name, struct root_files *r)
{
    char *path owned(free) = span_dup(name);
    if (!path)
        return FAIL(SYSTEM, "memory for a root of trust");
    if (r->count == ROOT_FILES_MAX)
        return FAIL(LIMIT, "a setting of [verify] names too many files");
    struct buf *file = &r->files[r->count++];
    *file = buf_of(ROOT_FILE_MAX);
    TRY(file_read(path, file));
    r->spans[r->count - 1] = buf_span(file);
    return OK;
}

fallible root_files_read(const char *names, struct root_files *out)
{
    struct root_files r owned(root_files_done) = { 0 };
    struct span rest = span_str(names);
    while (rest.len) {
        size_t end = span_find(rest, SPAN(" "));
        struct span name = span_head(rest, end);
        rest = span_tail(rest, end < rest.len ? end + 1 : end);
        if (name.len)
            TRY(read_one(name, &r));
    }
    *out = r;
    r = (struct root_files){ 0 };
    return OK;
}

void root_files_done(struct root_files *r)
{
    for (size_t i = 0; i < r->count; i++)
        buf_done(&r->files[i]);
    *r = (struct root_files){ 0 };
}
