// SPDX-License-Identifier: Apache-2.0
#include "kbsd/kbs.h"

#include "base/rate_limit.h"

void kbs_settings_init(struct kbs_settings *s, struct setting rows[KBS_SETTINGS_MAX])
{
    *s = (struct kbs_settings){ .port = 9443,
                                .threads = 2,
                                .workers = 16,
                                .body_max = 256U << 10,
                                .source_rate = 2000,
                                .source_burst = 4000,
                                .connections = 32,
                                .keyd_timeout_ms = 70000,
                                .as_timeout_ms = 10000,
                                .crl_grace_minutes = 60 };
    s->address = strdup("0.0.0.0");
    s->certificate = strdup("/etc/warder/tls/kbsd.pem");
    s->key = strdup("/etc/warder/tls/kbsd.key");
    s->socket = strdup("/run/warder/keyd/keyd.sock");
    s->as_url = strdup("https://localhost:12001");
    s->as_ca = strdup("/etc/warder/tls/ca.pem");
    const struct setting table[] = {
        { "server", "address", OPTION_TEXT, &s->address, "address to listen on" },
        { "server", "port", OPTION_NUMBER, &s->port, "port; 0: any" },
        { "server", "certificate", OPTION_TEXT, &s->certificate, "TLS certificate chain, PEM" },
        { "server", "key", OPTION_TEXT, &s->key, "its key, PEM, mode 0600" },
        { "server", "client_ca", OPTION_TEXT, &s->client_ca,
          "CA of TLS client certificates; empty: none are asked for" },
        { "server", "crl", OPTION_TEXT, &s->crl,
          "file of revocation lists: clients and the attestation service are checked against it" },
        { "server", "crl_grace_minutes", OPTION_NUMBER, &s->crl_grace_minutes,
          "how long past its next update it is still believed" },
        { "server", "endpoint_url", OPTION_TEXT, &s->endpoint_url,
          "base of transfer_link, https://HOST:PORT/kbs/v1" },
        { "server", "threads", OPTION_NUMBER, &s->threads, "threads for connections" },
        { "server", "workers", OPTION_NUMBER, &s->workers, "requests answered at once" },
        { "server", "body_max", OPTION_NUMBER, &s->body_max, "largest request, bytes" },
        { "server", "tenant_domain", OPTION_TEXT, &s->tenant_domain,
          "TLS name NAME.DOMAIN means tenant NAME, as /tenants/NAME/... does" },
        { "server", "source_rate", OPTION_NUMBER, &s->source_rate,
          "requests a second of one source address; 0: no limit" },
        { "server", "source_burst", OPTION_NUMBER, &s->source_burst, "and at once" },
        { "log", "file", OPTION_TEXT, &s->log_file,
          "a copy of the log, as text in the form of the original system's kbs.log" },
        { "keyd", "socket", OPTION_TEXT, &s->socket, "Unix socket of keyd" },
        { "keyd", "connections", OPTION_NUMBER, &s->connections, "at most so many to keyd" },
        { "keyd", "timeout_ms", OPTION_NUMBER, &s->keyd_timeout_ms,
          "how long to wait for its answer" },
        { "attestation", "url", OPTION_TEXT, &s->as_url, "attestation service, https://HOST:PORT" },
        { "attestation", "ca", OPTION_TEXT, &s->as_ca, "CA of its certificate, PEM" },
        { "attestation", "timeout_ms", OPTION_NUMBER, &s->as_timeout_ms,
          "how long to wait for its answer" },
        { 0 },
    };
    _Static_assert(sizeof table / sizeof table[0] <= KBS_SETTINGS_MAX, "settings");
    memcpy(rows, table, sizeof table);
}

fallible kbs_settings_check(const struct kbs_settings *s)
{
    if (!s->address || !s->certificate || !s->key || !s->socket || !s->as_url)
        return FAIL(INPUT, "a required setting is empty");
    if (s->port > 65535)
        return FAIL(INPUT, "[server] port is 0 to 65535");
    if (strncmp(s->as_url, "https://", 8))
        return FAIL(INPUT, "[attestation] url must be https://");
    if (!s->threads || s->threads > 64 || !s->workers || s->workers > 256 || !s->connections ||
        s->connections > 256)
        return FAIL(INPUT, "threads 1 to 64, workers and connections 1 to 256");
    if (s->source_rate > RATE_LIMIT_MAX || s->source_burst > RATE_LIMIT_MAX)
        return FAIL(INPUT, "[server] source_rate and source_burst are at most 1000000");
    if (s->body_max < 4096 || s->body_max > (1U << 20))
        return FAIL(INPUT, "[server] body_max is 4096 to 1048576");
    return OK;
}
