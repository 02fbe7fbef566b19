// SPDX-License-Identifier: Apache-2.0
/*
 * skc-agent fetch: attests, has the broker release one opaque secret, and gives it to the program
 * that asked for it. It is in no agent's memory afterwards. Keys do not leave that way: they are
 * for the agent to use.
 */
#include "fetch_secret.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"
#include "base/harden.h"
#include "base/log.h"
#include "crypto/crypto.h"
#include "kbs_link.h"

#define PRIVATE_MODE 0600

struct wish {
    const char *config, *id, *out;
    bool replace;
};

static fallible write_out(struct span bytes)
{
    while (bytes.len) {
        ssize_t n = write(STDOUT_FILENO, bytes.at, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return FAIL(SYSTEM, "cannot write to the standard output");
        bytes = span_tail(bytes, (size_t)n);
    }
    return OK;
}

static fallible deliver(const struct wish *w, const struct secret *s)
{
    if (!w->out)
        return write_out(secret_expose(s));
    return w->replace ? file_write(w->out, secret_expose(s), PRIVATE_MODE) : secret_save(w->out, s);
}

static fallible fetch(const struct wish *w, struct config *c, char **message)
{
    struct kbs_link link owned(kbs_link_close) = { 0 };
    struct released r owned(released_done) = { 0 };
    struct refusal why = { 0 };

    TRY(harden_process());
    TRY(config_read(w->config, c, message));
    TRY(config_work_out(c, message));
    TRY(kbs_link_open(c, &link));
    struct err e = fetch_key(link.fetcher, w->id, &r, &why);
    if (failed(e)) {
        log_event(LOG_ERROR, "secret refused", "id", w->id, "code", why.code, "detail", why.detail,
                  NULL);
        return e;
    }
    if (r.form == RELEASED_STAYS)
        return FAIL(INPUT, "this is a key that stays at the broker: the PKCS#11 module uses it");
    if (r.form != RELEASED_SECRET)
        return FAIL(INPUT, "this is a key: the PKCS#11 module uses it, and it does not come out");
    return deliver(w, r.key);
}

static bool id_is_plain(const char *id)
{
    return uuid_valid(span_str(id));
}

/* 3: refused; 4: a service is down; as `warder` has it. */
static int exit_of(struct err e)
{
    if (!failed(e))
        return 0;
    return e.kind == FAIL_DENIED ? 3 : e.kind == FAIL_UPSTREAM ? 4 : 1;
}

int fetch_secret(int argc, char **argv)
{
    struct wish w = { .config = CONFIG_DEFAULT };
    struct config c owned(config_done) = { 0 };
    char *message owned(free) = NULL;
    int rest = 0;
    const struct option_row rows[] = {
        { "config", 'c', OPTION_TEXT, "FILE", "configuration file (default " CONFIG_DEFAULT ")",
          &w.config },
        { "id", 0, OPTION_TEXT, "ID", "the secret's id at the broker", &w.id },
        { "out", 0, OPTION_TEXT, "FILE", "a new file of mode 0600 (default: the standard output)",
          &w.out },
        { "replace", 0, OPTION_FLAG, NULL, "FILE may be there already", &w.replace },
        { 0 },
    };
    const struct command_help help = {
        "skc-agent fetch", "", "attests, and delivers one opaque secret of the key broker",
        "Example: skc-agent fetch --id ID --out /run/app/database.password"
    };

    struct err e = crypto_start(CRYPTO_MEMORY_LOCKED);
    log_start("skc-agent", LOG_INFO);
    enum options_result options = options_parse(argc, argv, rows, &help, &rest);
    if (options != OPTIONS_GO)
        return options == OPTIONS_DONE ? 0 : 2;
    if (rest < argc || !w.id || !id_is_plain(w.id)) {
        fprintf(stderr, "skc-agent fetch: --id ID is needed: a UUID, as 'warder secret list' shows "
                        "it\n");
        return 2;
    }
    json_start();
    if (!failed(e))
        e = fetch(&w, &c, &message);
    if (failed(e))
        log_err(e, "fetch", "configuration", message);
    return exit_of(e);
}
