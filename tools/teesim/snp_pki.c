// SPDX-License-Identifier: Apache-2.0
#include "teesim/snp_pki.h"

#include "base/file.h"

static struct forge_certificate form_of(const char *subject, const struct key *key,
                                        const struct forge_authority *issuer)
{
    return (struct forge_certificate){ .subject = subject,
                                       .issuer = issuer->name,
                                       .key = key,
                                       .signer = issuer->key,
                                       .not_before = FORGE_NOT_BEFORE,
                                       .not_after = FORGE_NOT_AFTER,
                                       .path_len = -1 };
}

struct forge_certificate forge_snp_root_form(const struct forge_snp_pki *pki)
{
    struct forge_certificate form = form_of(pki->ark.name, pki->ark.key, &pki->ark);
    form.ca = true;
    form.key_usage = FORGE_USAGE_CA;
    return form;
}

struct forge_certificate forge_snp_intermediate_form(const struct forge_snp_pki *pki, bool vlek)
{
    const struct forge_authority *a = vlek ? &pki->asvk : &pki->ask;
    struct forge_certificate form = form_of(a->name, a->key, &pki->ark);
    form.ca = true;
    form.path_len = 0;
    form.key_usage = FORGE_USAGE_CERTIFICATES;
    return form;
}

/* Serial zero, no constraints, no usage: as the vendor's are. */
struct forge_certificate forge_snp_leaf_form(const struct forge_snp_pki *pki, bool vlek)
{
    static const uint8_t zero[] = { 0 };
    struct forge_certificate form = vlek ? form_of("SEV-VLEK", pki->vlek, &pki->asvk)
                                         : form_of("SEV-VCEK", pki->vcek, &pki->ask);
    form.no_constraints = true;
    form.serial = SPAN_OF(zero);
    return form;
}

struct forge_crl forge_snp_crl_form(const struct forge_snp_pki *pki, int64_t this_update,
                                    int64_t next_update)
{
    return (struct forge_crl){ .issuer = pki->ark.name,
                               .signer = pki->ark.key,
                               .this_update = this_update,
                               .next_update = next_update,
                               .number = 1 };
}

static fallible open_all(const char *dir, struct forge_snp_pki *p)
{
    TRY(forge_key_open(dir, "snp_ark", KEY_RSA, &p->ark.key));
    TRY(forge_key_open(dir, "snp_ask", KEY_RSA, &p->ask.key));
    TRY(forge_key_open(dir, "snp_asvk", KEY_RSA, &p->asvk.key));
    TRY(forge_key_open(dir, "snp_vcek", KEY_P384, &p->vcek));
    TRY(forge_key_open(dir, "snp_vlek", KEY_P384, &p->vlek));
    struct forge_certificate ark = forge_snp_root_form(p);
    struct forge_certificate ask = forge_snp_intermediate_form(p, false),
                             asvk = forge_snp_intermediate_form(p, true);
    TRY(forge_certificate_open(dir, "snp_ark", &ark, &p->ark.der));
    TRY(forge_certificate_open(dir, "snp_ask", &ask, &p->ask.der));
    TRY(forge_certificate_open(dir, "snp_asvk", &asvk, &p->asvk.der));
    return dir ? forge_root_write(dir, "snp_root_ca", &p->ark) : OK;
}

fallible forge_snp_pki_open(const char *dir, enum snp_product product, struct forge_snp_pki *out)
{
    struct forge_authority *all[] = { &out->ark, &out->ask, &out->asvk };
    static const char *const prefixes[] = { "ARK-", "SEV-", "SEV-VLEK-" };
    int lock owned(fd_close) = -1;

    *out = (struct forge_snp_pki){ .product = product };
    for (size_t i = 0; i < 3; i++) {
        snprintf(out->names[i], sizeof(out->names[i]), "%s%s", prefixes[i],
                 snp_product_name(product));
        *all[i] = (struct forge_authority){ .name = out->names[i], .der = buf_of(FORGE_CERT_MAX) };
    }
    if (dir)
        TRY(forge_folder_lock(dir, &lock));
    struct err e = open_all(dir, out);
    if (failed(e))
        forge_snp_pki_done(out);
    return e;
}

void forge_snp_pki_done(struct forge_snp_pki *p)
{
    struct forge_authority *all[] = { &p->ark, &p->ask, &p->asvk };

    for (size_t i = 0; i < 3; i++) {
        key_free(TAKE(all[i]->key));
        buf_done(&all[i]->der);
    }
    key_free(TAKE(p->vcek));
    key_free(TAKE(p->vlek));
}
