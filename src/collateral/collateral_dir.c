// SPDX-License-Identifier: Apache-2.0
#include "collateral/collateral_dir.h"

#include "base/file.h"

#define PATH_LEN_MAX 4096

static fallible part_load(const char *folder, const char *name, struct buf *out)
{
    struct buf path owned(buf_done) = buf_of(PATH_LEN_MAX);

    *out = buf_of(COLLATERAL_PART_MAX);
    buf_addf(&path, "%s/%s", folder, name);
    TRY(buf_check(&path));
    struct err e = file_read(buf_str(&path), out);
    return e.kind == FAIL_ABSENT ? OK : e;
}

fallible collateral_dir_load(const char *path, struct collateral_dir *out)
{
    struct collateral_dir d = { 0 };

    if (!file_exists(path))
        return FAIL(ABSENT, "no such collateral folder");
    for (size_t i = 0; i < COLLATERAL_PARTS; i++) {
        struct err e = part_load(path, collateral_part_name(i), &d.parts[i]);
        if (failed(e)) {
            collateral_dir_done(&d);
            return e;
        }
    }
    *out = d;
    return OK;
}

void collateral_dir_done(struct collateral_dir *d)
{
    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        buf_done(&d->parts[i]);
}

struct collateral_raw collateral_dir_raw(const struct collateral_dir *d)
{
    struct collateral_raw raw = { 0 };

    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        *collateral_part(&raw, i) = buf_span(&d->parts[i]);
    return raw;
}
