// SPDX-License-Identifier: Apache-2.0
#include "verify/tpm_revocation.h"
#include "verify/verify_internal.h"

fallible verifier_new(const struct span *extra, size_t count, struct verifier **out)
{
    struct verifier *v = calloc(1, sizeof(*v));

    if (!v)
        return FAIL(SYSTEM, "out of memory");
    platform_map_init(&v->platforms);
    struct err e = root_set_init(&v->roots, extra, count);
    if (!failed(e))
        e = root_set_init_amd(&v->amd_roots, extra, count);
    if (failed(e)) {
        verifier_free(v);
        return e;
    }
    *out = v;
    return OK;
}

void verifier_free(struct verifier *v)
{
    if (!v)
        return;
    platform_map_done(&v->platforms);
    root_set_done(&v->roots);
    root_set_done(&v->amd_roots);
    tpm_trust_done(&v->tpm);
    free(v);
}

static fallible remember_amd(struct verifier *v, struct span pem, struct platform **out)
{
    struct chain chain owned(chain_done) = { 0 };
    struct err e = chain_from_pem(pem, &chain);

    if (failed(e) || chain.count != 3)
        return e.kind == FAIL_SYSTEM ? e : FAIL(DENIED, "platform is not three certificates");
    const struct span ders[3] = { cert_der(chain.certs[0]), cert_der(chain.certs[1]),
                                  cert_der(chain.certs[2]) };
    return platform_of_amd(&v->platforms, ders, &v->amd_roots, out);
}

static fallible remember_enclave(struct platform *p, struct span bytes)
{
    struct quoting_enclave *e owned(quoting_enclave_free) = NULL;
    bool good;

    if (!bytes.len)
        return OK;
    TRY(quoting_enclave_read(bytes, &e));
    TRY(quoting_enclave_authentic(e, cert_key(platform_leaf(p)), &good));
    if (!good)
        return FAIL(DENIED, "the quoting enclave is not the platform's");
    (void)platform_keep_enclave(p, TAKE(e));
    return OK;
}

fallible verifier_remember(struct verifier *v, struct span pck_chain, struct span enclave)
{
    struct platform *p owned(platform_free) = NULL, *amd owned(platform_free) = NULL;

    TRY(platform_of(&v->platforms, pck_chain, &v->roots, NULL, &p));
    if (platform_authentic(p))
        return remember_enclave(p, enclave);
    TRY(remember_amd(v, pck_chain, &amd));
    return platform_authentic(amd) ? OK
                                   : FAIL(DENIED, "the platform's certificates are not authentic");
}

fallible verifier_trust_tpms(struct verifier *v, const struct span *roots, size_t count,
                             struct span enrolled)
{
    struct tpm_trust t;

    TRY(tpm_trust_init(&t, roots, count, enrolled));
    tpm_trust_done(&v->tpm);
    v->tpm = t;
    return OK;
}

void verifier_take_samples(struct verifier *v)
{
    v->samples = true;
}

fallible verifier_revoke_tpms(struct verifier *v, const struct span *lists, size_t count)
{
    return tpm_trust_lists(&v->tpm, lists, count);
}
