// SPDX-License-Identifier: Apache-2.0
#include "collateral/raw.h"

#include <assert.h>
#include <stddef.h>

#define PART(file, member)                                                                         \
    {                                                                                              \
        file, offsetof(struct collateral_raw, member)                                              \
    }

/* The order is that of the digest and of messages between processes. */
static const struct {
    const char *name;
    size_t at;
} parts[COLLATERAL_PARTS] = {
    PART("tcb_info.json", tcb_info),
    PART("qe_identity.json", qe_identity),
    PART("tcb_signing_chain.pem", tcb_signing_chain),
    PART("qe_identity_chain.pem", qe_identity_chain),
    PART("pck_crl.der", pck_crl),
    PART("pck_crl_issuer_chain.pem", pck_crl_issuer_chain),
    PART("root_ca_crl.der", root_ca_crl),
    PART("pck_cert_chain.pem", pck_cert_chain),
    PART("vcek.der", vcek),
    PART("vlek.der", vlek),
    PART("cert_chain.pem", snp_chain),
    PART("crl.der", snp_crl),
};

static_assert(sizeof(struct collateral_raw) == COLLATERAL_PARTS * sizeof(struct span),
              "every part has a row");

const char *collateral_part_name(size_t part)
{
    assert(part < COLLATERAL_PARTS);
    return parts[part].name;
}

struct span *collateral_part(struct collateral_raw *raw, size_t part)
{
    assert(part < COLLATERAL_PARTS);
    return (struct span *)((char *)raw + parts[part].at);
}

struct span collateral_part_of(const struct collateral_raw *raw, size_t part)
{
    return *collateral_part((struct collateral_raw *)raw, part);
}

struct span *collateral_part_named(struct collateral_raw *raw, const char *name)
{
    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        if (strcmp(parts[i].name, name) == 0)
            return collateral_part(raw, i);
    return NULL;
}
