// SPDX-License-Identifier: Apache-2.0
#include "collateral/collateral_dir.h"

#include "base/file.h"

#define PATH_LEN_MAX 4096

static const char *const names[COLLATERAL_PARTS] = {
    "tcb_info.json", "qe_identity.json",         "tcb_signing_chain.pem", "qe_identity_chain.pem",
    "pck_crl.der",   "pck_crl_issuer_chain.pem", "root_ca_crl.der",
};

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
        struct err e = part_load(path, names[i], &d.parts[i]);
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
    return (struct collateral_raw){
        .tcb_info = buf_span(&d->parts[0]),
        .qe_identity = buf_span(&d->parts[1]),
        .tcb_signing_chain = buf_span(&d->parts[2]),
        .qe_identity_chain = buf_span(&d->parts[3]),
        .pck_crl = buf_span(&d->parts[4]),
        .pck_crl_issuer_chain = buf_span(&d->parts[5]),
        .root_ca_crl = buf_span(&d->parts[6]),
    };
}
