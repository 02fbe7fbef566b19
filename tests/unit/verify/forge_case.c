// SPDX-License-Identifier: Apache-2.0
#include "forge_case.h"

#include "crypto/crypto.h"

#define KEPT_MAX 8

struct forge_world world;
static struct buf kept[KEPT_MAX];
static size_t kept_count;

static void kept_clear(void)
{
    while (kept_count)
        buf_done(&kept[--kept_count]);
}

struct span forge_keep_certificate(const struct forge_certificate *form)
{
    assert_true(kept_count < KEPT_MAX);
    struct buf *der = &kept[kept_count++];
    *der = buf_of(FORGE_CERT_MAX);
    assert_ok(forge_certificate_write(form, der));
    return buf_span(der);
}

int world_open(void **state)
{
    (void)state;
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    assert_ok(forge_pki_open(NULL, &world.pki));
    assert_ok(forge_pki_open(NULL, &world.stranger));
    struct span root = buf_span(&world.pki.root.der);
    assert_ok(verifier_new(&root, 1, &world.verifier));
    return 0;
}

int world_close(void **state)
{
    (void)state;
    kept_clear();
    verifier_free(TAKE(world.verifier));
    forge_pki_done(&world.pki);
    forge_pki_done(&world.stranger);
    return 0;
}

void forge_good(enum forge_tee tee, struct forge_knobs *k)
{
    kept_clear();
    assert_ok(forge_defaults(&world.pki, tee, CASE_NOW, k));
}

struct collateral_raw forge_set_raw(const struct forge_set *s)
{
    return (struct collateral_raw){
        .tcb_info = buf_span(&s->tcb_info),
        .qe_identity = buf_span(&s->qe_identity),
        .tcb_signing_chain = buf_span(&s->tcb_signing_chain),
        .pck_crl = buf_span(&s->pck_crl),
        .pck_crl_issuer_chain = buf_span(&s->pck_crl_issuer_chain),
        .root_ca_crl = buf_span(&s->root_ca_crl),
    };
}

struct verify_result *forge_verify_set(const struct forge_set *s, int64_t at, struct span report_data)
{
    struct collateral_set *c owned(collateral_set_free) = NULL;
    struct verify_result *r = NULL;
    struct collateral_raw raw = forge_set_raw(s);

    assert_ok(collateral_set_load(world.verifier, &raw, &c));
    assert_ok(verify_evidence(world.verifier, buf_span(&s->quote), c, at, report_data, &r));
    return r;
}

struct verify_result *forge_verify(struct forge_knobs *k, int64_t at)
{
    struct forge_set set owned(forge_set_done) = { 0 };

    forge_set_init(&set);
    assert_ok(forge_make(k, &set));
    return forge_verify_set(&set, at, (struct span){ 0 });
}

static void case_run(const struct forge_case *c)
{
    struct forge_knobs k;

    forge_good(c->tee, &k);
    if (c->turn)
        c->turn(&k);
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    const struct check *checks;
    size_t count = verify_result_checks(r, &checks);
    for (size_t i = 0; i < count; i++) {
        bool wanted = c->fails && strcmp(checks[i].name, c->fails) == 0;
        if (wanted != (checks[i].outcome == CHECK_FAILED))
            fail_msg("%s: %s is not as expected: %s", c->name, checks[i].name, checks[i].detail ? checks[i].detail : "no failure");
        if (checks[i].outcome == CHECK_FAILED)
            assert_non_null(checks[i].detail);
    }
    if (verify_result_verified(r) != !c->fails)
        fail_msg("%s: verdict is wrong: %s", c->name, verify_result_reason(r));
    if (c->status && strcmp(c->status, verify_result_status(r)) != 0)
        fail_msg("%s: status is %s, not %s", c->name, verify_result_status(r), c->status);
}

void forge_cases_run(const struct forge_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        case_run(&cases[i]);
}
