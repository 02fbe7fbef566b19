// SPDX-License-Identifier: Apache-2.0
#include "daemon/server_watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/daemon.h"

#define LOOK_SECONDS 2
#define AGAIN_SECONDS 3600
#define CERTIFICATE_SHARE 6 /* renewed when a third is left: this is late */
#define CRL_SHARE 4         /* a new edition comes when a quarter has gone */

enum { SAYS_FILES, SAYS_CERTIFICATE, SAYS_CRL };

static void say(struct server_watch *w, int which, const char *what, int64_t until)
{
    char time[CLOCK_TEXT_MAX];
    int64_t now = clock_now();

    if (what && (w->said[which] != what || now - w->said_at[which] >= AGAIN_SECONDS)) {
        log_warn(what, "until", until ? clock_format(until, time) : "unknown");
        w->said_at[which] = now;
    }
    w->said[which] = what;
}

static const char *certificate_alarm(const struct tls_state *s, int64_t now)
{
    if (!s->not_after || now < s->not_after - (s->not_after - s->not_before) / CERTIFICATE_SHARE)
        return NULL;
    return now < s->not_after ? "the TLS certificate expires soon and was not renewed"
                              : "the TLS certificate has expired";
}

static const char *crl_alarm(const struct crl_watch_state *s, int64_t now)
{
    if (!s->next_update)
        return "there is no revocation list: no peer with a certificate is admitted";
    if (s->stale)
        return "the revocation list is too old: no peer with a certificate is admitted";
    if (now >= s->next_update - (s->next_update - s->this_update) / CRL_SHARE)
        return "the revocation list is not renewed: peers will be refused when it is too old";
    return s->readable ? NULL : "the file of revocation lists cannot be read: the last one counts";
}

void server_watch_look(struct server_watch *w, const struct http_server *server,
                       struct crl_watch *crl)
{
    const struct tls_state tls = server ? http_server_tls(server) : (struct tls_state){ 0 };

    say(w, SAYS_FILES, tls.trouble, tls.not_after);
    say(w, SAYS_CERTIFICATE, certificate_alarm(&tls, clock_now()), tls.not_after);
    if (crl) {
        const struct crl_watch_state s = crl_watch_look(crl);
        say(w, SAYS_CRL, crl_alarm(&s, clock_now()), s.next_update);
    }
}

void daemon_serve(const char *program, const char *address, const struct http_server *server,
                  struct crl_watch *crl)
{
    struct server_watch watch = { 0 };

    daemon_began(program, address, http_server_port(server));
    do
        server_watch_look(&watch, server, crl);
    while (!daemon_stop_asked(LOOK_SECONDS));
    daemon_ended(program);
}
