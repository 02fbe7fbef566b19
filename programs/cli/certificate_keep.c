// SPDX-License-Identifier: Apache-2.0
/*
 * warder certificate keep: one small program a machine that renews the certificates of the programs
 * there and brings the revocation list, so that none of them needs a way to cmsd, and keyd none to
 * the network. They follow the files.
 */
#include "cli/certificate.h"

#include <dirent.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/crl.h"
#include "http/client.h"

#define POLL_DEFAULT 60
#define POLL_MAX 86400

struct keeping {
    struct session *session;
    const char *folder, *crl;
    uint64_t poll, life;
    bool once;
    struct cert *issuer; /* of one of the certificates: who signs the list */
};

static int complain(struct err e, const char *what)
{
    return print_failure(e, what, "it is tried again at the next look");
}

/* By what is at hand: whose signature and which number it has. One that is the same is left alone:
 * a new file would end the connections that were admitted by the old one. */
static fallible compare_list(const struct keeping *k, const struct crl *list, bool *same)
{
    struct buf old_text owned(buf_done) = buf_of(2 * CRL_DER_MAX);
    struct crl *old owned(crl_free) = NULL;
    bool good = true;

    if (k->issuer && span_equal(crl_issuer(list), cert_subject(k->issuer)))
        TRY(crl_signed_by(list, cert_key(k->issuer), &good));
    if (!good)
        return FAIL(UPSTREAM, "the revocation list is not signed by the CA");
    if (failed(file_read(k->crl, &old_text)) || failed(crl_parse(buf_span(&old_text), &old)) ||
        !span_equal(crl_issuer(old), crl_issuer(list)))
        return OK;
    *same = span_equal(crl_der(old), crl_der(list));
    struct span was = crl_number(old), is = crl_number(list);
    if (was.len > is.len || (was.len == is.len && was.len && memcmp(was.at, is.at, was.len) > 0))
        return FAIL(UPSTREAM, "the revocation list is older than the one that was there");
    return OK;
}

/* Not checked against the list that it replaces, which may be too old: the new one is signed. */
static fallible bring_list(const struct keeping *k)
{
    struct http_client *http owned(http_client_free) = NULL;
    const struct http_client_config config = { .ca_file = k->session->ca_file };
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct crl *list owned(crl_free) = NULL;
    char url[1100];

    snprintf(url, sizeof url, "%.1000s/cms/v1/crl", k->session->urls[SERVICE_CMS]);
    const struct http_call call = { .method = "GET", .url = url };
    TRY(http_client_new(&config, &http));
    TRY(http_send(http, &call, &reply));
    if (reply.status != 200)
        return FAIL(UPSTREAM, "the certificate management service has no revocation list now");
    TRY(crl_parse(buf_span(&reply.body), &list));
    bool same = false;
    TRY(compare_list(k, list, &same));
    return same ? OK : file_write(k->crl, crl_der(list), 0644);
}

static int keep_one(struct keeping *k, const char *name)
{
    struct kept kept;
    struct chain chain owned(chain_done) = { 0 };
    char until[CLOCK_TEXT_MAX];

    if (!kept_of(k->session, k->folder, name, &kept))
        return EXIT_OK;
    kept_settle(&kept);
    struct err e = kept_load(&kept, &chain);
    if (failed(e))
        return complain(e, kept.pem);
    if (!k->issuer && chain.count > 1)
        k->issuer = cert_ref(chain.certs[1]);
    if (!kept_due(chain.certs[0], clock_now()))
        return EXIT_OK;
    if (clock_now() >= cert_not_after(chain.certs[0]))
        return complain(FAIL(DENIED, "it has expired, and cannot vouch for its successor: get a "
                                     "new one from cmsd"),
                        kept.pem);
    e = kept_renew(&kept, k->life);
    if (failed(e))
        return complain(e, kept.pem);
    chain_done(&chain);
    e = kept_load(&kept, &chain);
    if (failed(e))
        return complain(e, kept.pem);
    printf("renewed %s until %s\n", kept.pem, clock_format(cert_not_after(chain.certs[0]), until));
    fflush(stdout);
    return EXIT_OK;
}

/* All of it, whatever fails: the last failure's status. */
static int keep_all(struct keeping *k)
{
    DIR *folder = opendir(k->folder);
    int rc = EXIT_OK;

    if (!folder)
        return complain(FAIL(ABSENT, "the folder cannot be read"), k->folder);
    if (k->crl) {
        struct err e = bring_list(k);
        rc = failed(e) ? complain(e, k->crl) : rc;
    }
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        int one = keep_one(k, entry->d_name);
        rc = one ? one : rc;
    }
    closedir(folder);
    return rc;
}

static int keep(struct keeping *k)
{
    const struct timespec pause = { .tv_sec = (time_t)k->poll };
    sigset_t stop;
    int rc;

    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    do
        rc = keep_all(k);
    while (!k->once && sigtimedwait(&stop, NULL, &pause) < 0);
    cert_free(k->issuer);
    return k->once ? rc : EXIT_OK;
}

int certificate_keep(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    struct keeping k = { .session = &s, .poll = POLL_DEFAULT };
    const struct option_row rows[] = {
        { "crl", 0, OPTION_TEXT, "FILE", "where the revocation list goes", &k.crl },
        { "poll", 0, OPTION_NUMBER, "SECONDS", "how often to look (default 60)", &k.poll },
        { "life", 0, OPTION_NUMBER, "SECONDS",
          "life of renewed certificates (default: the longest that cmsd gives)", &k.life },
        { "once", 0, OPTION_FLAG, NULL, "look once and end, for a timer", &k.once },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder certificate keep", "FOLDER",
        "renew this machine's certificates, bring the revocation list",
        "Each FOLDER/NAME.pem with FOLDER/NAME.key is renewed when a third of its life is left:\n"
        "by itself, with a new key and the same names. The programs follow their files. It runs\n"
        "until SIGTERM."
    };
    int rc;

    if (!verb_session(argc, argv, rows, &help, 1, &k.folder, &options, &s, &rc))
        return rc;
    if (!k.poll || k.poll > POLL_MAX) {
        fprintf(stderr, "warder: --poll is 1 to 86400 seconds\n");
        return EXIT_USAGE;
    }
    if (!s.urls[SERVICE_CMS])
        return print_failure(FAIL(INPUT, "the configuration names no cms"), "certificate keep",
                             "set [services] cms = https://HOST:PORT");
    return keep(&k);
}
