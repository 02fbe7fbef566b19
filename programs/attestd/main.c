// SPDX-License-Identifier: Apache-2.0
/* attestd: the attestation service. The parent, or one of its children by the name it was started under. */
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>

#include "attestd/channel.h"
#include "attestd/config.h"
#include "attestd/front.h"
#include "attestd/issuer.h"
#include "attestd/supervise.h"
#include "attestd/zygote.h"
#include "base/file.h"
#include "base/harden.h"
#include "base/log.h"
#include "base/options.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"

#define ROOTS_MAX 16
#define ROOT_FILE_MAX (64U << 10)
#define NAME_MAX_LEN 4096

static fallible read_root(struct span name, struct buf *out)
{
    char path[NAME_MAX_LEN];
    if (name.len >= sizeof(path))
        return FAIL(INPUT, "[verify] root: name is too long");
    memcpy(path, name.at, name.len);
    path[name.len] = 0;
    return file_read(path, out);
}

static fallible make_verifier(const struct attestd_config *c, struct verifier **out)
{
    struct buf files[ROOTS_MAX];
    struct span roots[ROOTS_MAX], rest = span_str(c->roots);
    size_t count = 0;
    struct err e = OK;
    while (rest.len && !failed(e)) {
        size_t end = span_find(rest, SPAN(" "));
        struct span name = span_head(rest, end);
        rest = span_tail(rest, end < rest.len ? end + 1 : end);
        if (!name.len)
            continue;
        if (count == ROOTS_MAX) {
            e = FAIL(LIMIT, "[verify] root: too many files");
            break;
        }
        files[count] = buf_of(ROOT_FILE_MAX);
        e = read_root(name, &files[count]);
        roots[count] = buf_span(&files[count]);
        count++;
    }
    if (!failed(e))
        e = verifier_new(roots, count, out);
    for (size_t i = 0; i < count; i++)
        buf_done(&files[i]);
    return e;
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
        .confine = confine_worker,
    };
    return zygote_run(&z);
}

/* To the parent, who hands it to the front; and where the configuration says. */
static fallible publish_key(const struct attestd_config *c, const struct key *k)
{
    struct buf jwks owned(buf_done) = buf_of(ROOT_FILE_MAX);
    const struct key *keys[] = { k };
    TRY(jwks_text(keys, 1, &jwks));
    TRY(buf_check(&jwks));
    if (c->jwks_file && *c->jwks_file)
        TRY(file_write(c->jwks_file, buf_span(&jwks), 0644));
    if (write(CHANNEL_KEYS, jwks.at, jwks.len) != (ssize_t)jwks.len)
        return FAIL(SYSTEM, "cannot hand over the public keys");
    close(CHANNEL_KEYS);
    return OK;
}

static fallible run_issuer(const struct attestd_config *c)
{
    static const char *const nothing[] = { NULL };
    owned(key_free) struct key *k = NULL;
    bool enforced;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    json_start();
    TRY(harden_process());
    TRY(issuer_key(c->signing_key, &k));
    TRY(publish_key(c, k));
    TRY(harden_files(nothing, nothing, &enforced));
    TRY(harden_syscalls(SANDBOX_COMPUTE, &enforced));
    return issuer_run(k, CHANNEL_DECISIONS, (int64_t)c->token_minutes * 60);
}

static int run_child(enum child_kind kind, const struct attestd_config *c)
{
    struct err e = OK;
    switch (kind) {
    case CHILD_FRONT:
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        return front_main(c);
    case CHILD_ZYGOTE:
        e = run_zygote(c);
        break;
    case CHILD_ISSUER:
        e = run_issuer(c);
        break;
    case CHILD_COUNT:
        break;
    }
    if (!failed(e))
        return 0;
    log_err(e, "a part of attestd cannot work", "part", child_names[kind]);
    return CHILD_EXIT_USELESS;
}

static enum child_kind child_of(const char *name)
{
    int k = 0;
    while (k < CHILD_COUNT && strcmp(name, child_names[k]) != 0)
        k++;
    return (enum child_kind)k;
}

static bool load(struct attestd_config *c, const char *path)
{
    char *message owned(free) = NULL;
    struct err e = config_load(c, path, &message);
    if (!failed(e))
        e = config_check(c, &message);
    if (!failed(e))
        return true;
    fprintf(stderr, "attestd: %s\n", message ? message : e.what);
    return false;
}

static const struct command_help help = {
    .name = "attestd",
    .summary = "attestation service: endorsement cache (tcs), quote verification (qvs), appraisal and tokens (as)",
    .details = "Without --config the defaults hold. Exit status: 0 stopped, 1 cannot serve, 2 wrong usage or configuration.",
};

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool show = false, check = false;
    const struct option_row rows[] = {
        { "config", 'c', OPTION_TEXT, "FILE", "configuration file", &path },
        { "show-config", 0, OPTION_FLAG, NULL, "print the configuration in force and exit", &show },
        { "check-config", 0, OPTION_FLAG, NULL, "check the configuration and exit", &check },
        { 0 },
    };
    enum child_kind kind = child_of(argv[0]);
    /* The issuer's keys live in locked memory: this must come before everything else. */
    if (kind == CHILD_ISSUER && failed(crypto_start(CRYPTO_MEMORY_LOCKED)))
        return CHILD_EXIT_USELESS;
    int rest;
    switch (options_parse(argc, argv, rows, &help, &rest)) {
    case OPTIONS_DONE:
        return 0;
    case OPTIONS_USAGE:
        return 2;
    case OPTIONS_GO:
        break;
    }
    struct attestd_config c owned(config_done) = { 0 };
    if (!load(&c, path))
        return 2;
    if (show)
        config_show(&c, stdout);
    if (show || check)
        return 0;
    log_start("attestd", LOG_INFO);
    if (kind != CHILD_COUNT)
        return run_child(kind, &c);
    if (failed(harden_process()))
        return 1;
    return supervise(c.path, c.qvs.enabled || c.as.enabled, c.as.enabled);
}
