// SPDX-License-Identifier: Apache-2.0
/*
 * attestd-worker: the processes of attestd without a network, started by it alone: the zygote of
 * the verify workers and the token issuer. A program of its own, so that neither holds code that it
 * has no use for, and a fork is cheap.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "attestd/channel.h"
#include "attestd/child.h"
#include "attestd/config.h"
#include "attestd/issuer.h"
#include "attestd/root_files.h"
#include "token/signing_keys.h"
#include "attestd/text_pages.h"
#include "attestd/worker_heap.h"
#include "attestd/zygote.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/harden.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"

#define KEYS_TEXT_MAX (32U << 10)
#define DAY_SECONDS 86400

static fallible trust_tpms(const struct attestd_config *c, struct verifier *v)
{
    struct root_files roots owned(root_files_done) = { 0 }, lists owned(root_files_done) = { 0 };
    struct buf enrolled owned(buf_done) = buf_of(JSON_TEXT_MAX);
    TRY(root_files_read(c->tpm_roots, &roots));
    TRY(root_files_read(c->tpm_crls, &lists));
    if (c->tpm_enrolled && *c->tpm_enrolled)
        TRY(file_read(c->tpm_enrolled, &enrolled));
    TRY(verifier_trust_tpms(v, roots.spans, roots.count, buf_span(&enrolled)));
    return verifier_revoke_tpms(v, lists.spans, lists.count);
}

static fallible make_verifier(const struct attestd_config *c, struct verifier **out)
{
    struct root_files roots owned(root_files_done) = { 0 };
    owned(verifier_free) struct verifier *v = NULL;
    TRY(root_files_read(c->roots, &roots));
    TRY(verifier_new(roots.spans, roots.count, &v));
    TRY(trust_tpms(c, v));
    if (c->sample_evidence)
        verifier_take_samples(v);
    *out = TAKE(v);
    return OK;
}

static fallible confine_worker(void)
{
    bool enforced;
    return harden_syscalls(SANDBOX_COMPUTE, &enforced);
}

static fallible run_zygote(const struct attestd_config *c)
{
    static const char *const nothing[] = { NULL };
    owned(verifier_free) struct verifier *verifier = NULL;
    bool enforced;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    TRY(crypto_start(CRYPTO_MEMORY_PLAIN));
    json_start();
    TRY(make_verifier(c, &verifier));
    text_pages_join();
    TRY(harden_process());
    TRY(harden_files(nothing, nothing, &enforced));
    TRY(harden_syscalls_prepare(SANDBOX_COMPUTE)); /* ready for each worker */
    TRY(harden_syscalls(SANDBOX_FORK, &enforced));
    const struct zygote_config z = {
        .work = CHANNEL_WORK,
        .decisions = CHANNEL_DECISIONS,
        .deadline_ms = (unsigned)c->worker_deadline_ms,
        .spares = (unsigned)c->spare_workers,
        .verifier = verifier,
        .serve = worker_serve,
        .warm_up = worker_heap_enter,
        .confine = confine_worker,
    };
    return zygote_run(&z);
}

/* To the parent, who hands it to the front; and where the configuration says. */
static fallible publish_keys(const struct attestd_config *c, const struct signing_keys *k)
{
    struct buf jwks owned(buf_done) = buf_of(KEYS_TEXT_MAX);
    TRY(jwks_text((const struct key *const *)k->all, k->count, &jwks));
    TRY(buf_check(&jwks));
    if (c->jwks_file && *c->jwks_file)
        TRY(file_write(c->jwks_file, buf_span(&jwks), 0644));
    if (write(CHANNEL_KEYS, jwks.at, jwks.len) != (ssize_t)jwks.len)
        return FAIL(SYSTEM, "cannot hand over the public keys");
    close(CHANNEL_KEYS);
    return OK;
}

static fallible run_issuer(const struct attestd_config *c, bool rotate, bool *again)
{
    static const char *const nothing[] = { NULL };
    struct signing_keys k owned(signing_keys_done) = { 0 };
    const struct signing_keys_config keys = { .path = c->signing_key,
                                              .algorithm = c->signing_algorithm,
                                              .lifetime = (int64_t)c->token_minutes * 60,
                                              .rotate = (int64_t)c->rotate_days * DAY_SECONDS,
                                              .announce = (int64_t)c->announce_minutes * 60 };
    bool enforced;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    json_start();
    TRY(harden_process());
    TRY(signing_keys_open(&keys, rotate, clock_now(), &k));
    TRY(publish_keys(c, &k));
    issuer_hold_signals();
    TRY(harden_files(nothing, nothing, &enforced));
    TRY(harden_syscalls(SANDBOX_COMPUTE, &enforced));
    const struct issuer_config issuer = { .key = k.current,
                                          .decisions = CHANNEL_DECISIONS,
                                          .terms = { .lifetime = keys.lifetime,
                                                     .audiences = c->audiences },
                                          .change_at = k.change_at };
    return issuer_run(&issuer, again);
}

/* Started as attestd starts it: NAME [--config FILE] [--rotate], with its channels open. */
int main(int argc, char **argv)
{
    enum child_kind kind = child_of(argv[0]);
    /* The issuer's keys live in locked memory: this must come before everything else. */
    if (kind == CHILD_ISSUER && failed(crypto_start(CRYPTO_MEMORY_LOCKED)))
        return CHILD_EXIT_USELESS;
    bool rotate = argc > 1 && !strcmp(argv[argc - 1], CHILD_ROTATE);
    argc -= rotate;
    if ((kind != CHILD_ISSUER && kind != CHILD_ZYGOTE) || (argc != 1 && argc != 3)) {
        fprintf(stderr, "attestd-worker is started by attestd\n");
        return 2;
    }
    log_start("attestd", LOG_INFO);
    struct attestd_config c owned(config_done) = { 0 };
    char *message owned(free) = NULL;
    struct err e = config_load(&c, argc == 3 ? argv[2] : NULL, &message);
    bool again = false;
    if (!failed(e))
        e = kind == CHILD_ISSUER ? run_issuer(&c, rotate, &again) : run_zygote(&c);
    if (!failed(e))
        return again ? CHILD_EXIT_AGAIN : 0;
    log_err(e, "a part of attestd cannot work", "part", child_names[kind]);
    return CHILD_EXIT_USELESS;
}
