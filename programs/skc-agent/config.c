// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <assert.h>

#include "base/file.h"
#include "base/owned.h"
#include "base/reader.h"

#define KBS_PORT 9443
#define CLIENTS_MAX 4096
#define TIMEOUT_MAX 600
#define SETTINGS_COUNT 20

static void settings_of(struct config *c, struct setting rows[SETTINGS_COUNT])
{
    const struct setting all[] = {
        { "agent", "socket", OPTION_TEXT, &c->socket, "Unix socket for the PKCS#11 module, in a folder that root owns; systemd's is used where it passes one" },
        { "agent", "keys_file", OPTION_TEXT, &c->keys_file, "which keys: lines pkcs11:token=KMS;id=<Key ID>;object=RSAKEY;type=private;pin-value=<PIN>" },
        { "agent", "prefetch", OPTION_FLAG, &c->prefetch, "fetch at start, not when the first client asks" },
        { "agent", "find_timeout", OPTION_NUMBER, &c->find_timeout, "seconds that a search may wait for attestation and the KBS" },
        { "agent", "allow_uids", OPTION_TEXT, &c->allow_uids, "clients: numbers of users, besides root and the agent's own" },
        { "agent", "allow_gids", OPTION_TEXT, &c->allow_gids, "clients: numbers of groups" },
        { "agent", "max_clients", OPTION_NUMBER, &c->max_clients, "connections at the same time" },
        { "agent", "pid_file", OPTION_TEXT, &c->pid_file, "where to write the process id; empty: nowhere" },
        { "kbs", "skc_library", OPTION_TEXT, &c->skc_library, "skc_library.conf: KBS_HOSTNAME, KBS_IP, KBS_PORT, SKC_TOKEN; what stands in this file goes before it" },
        { "kbs", "hostname", OPTION_TEXT, &c->hostname, "name of the KBS, verified in TLS" },
        { "kbs", "ip", OPTION_TEXT, &c->ip, "address to dial; empty: the name's" },
        { "kbs", "port", OPTION_NUMBER, &c->port, "port of the KBS; 0: skc_library.conf's, else 9443" },
        { "kbs", "ca_file", OPTION_TEXT, &c->ca_file, "PEM: the CA that the KBS's certificate must come from" },
        { "kbs", "release_keys", OPTION_TEXT, &c->release_keys, "JWKS: the keys of which one must have signed each answer" },
        { "kbs", "token_file", OPTION_TEXT, &c->token_file, "bearer token to send, mode 0600; empty: skc_library.conf's, else none" },
        { "kbs", "tenant", OPTION_TEXT, &c->tenant, "our tenant" },
        { "evidence", "attester", OPTION_TEXT, &c->attester, "tsm (Linux configfs-tsm), socket (evidence socket) or none (no TEE)" },
        { "evidence", "tsm_path", OPTION_TEXT, &c->tsm_path, "folder of TSM requests" },
        { "evidence", "evidence_socket", OPTION_TEXT, &c->evidence_socket, "path of the evidence socket" },
        { 0 },
    };

    static_assert(sizeof(all) / sizeof(all[0]) == SETTINGS_COUNT, "a row a setting");
    memcpy(rows, all, sizeof(all));
}

void config_show(const struct config *c, FILE *out)
{
    struct setting rows[SETTINGS_COUNT];

    settings_of((struct config *)c, rows); /* shown, not changed */
    settings_show(rows, out);
}

void config_done(struct config *c)
{
    char **texts[] = { &c->socket,       &c->keys_file,  &c->pid_file,   &c->allow_uids, &c->allow_gids, &c->skc_library,
                       &c->hostname,     &c->ip,         &c->ca_file,    &c->release_keys, &c->token_file, &c->tenant,
                       &c->attester,     &c->tsm_path,   &c->evidence_socket, &c->url,      &c->connect_to };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free(*texts[i]);
    skc_conf_done(&c->skc);
    secret_free(c->bearer);
    *c = (struct config){ 0 };
}

bool allowed_has(const struct allowed *a, uint32_t id)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->ids[i] == id)
            return true;
    return false;
}

/* Numbers between blanks or commas. */
static fallible allowed_parse(const char *text, struct allowed *out)
{
    struct reader r = reader_of(span_str(text));
    struct allowed a = { 0 };
    bool in_number = false;

    while (r.rest.len) {
        uint8_t c = reader_u8(&r);
        if (c == ' ' || c == ',' || c == '\t') {
            in_number = false;
            continue;
        }
        if (c < '0' || c > '9' || (!in_number && a.count == ALLOWED_MAX))
            return FAIL(INPUT, "allow_uids and allow_gids are lists of numbers, 32 at most");
        if (!in_number)
            a.ids[a.count++] = 0;
        in_number = true;
        uint64_t next = (uint64_t)a.ids[a.count - 1] * 10 + (uint64_t)(c - '0');
        if (next >= UINT32_MAX)
            return FAIL(INPUT, "number of a user or group is too large");
        a.ids[a.count - 1] = (uint32_t)next;
    }
    *out = a;
    return OK;
}

static const char *either(const char *own, const char *other)
{
    return own ? own : other;
}

/* IPv6 addresses stand in brackets. */
static char *place(const char *name, uint64_t port)
{
    char *text = NULL;
    bool v6 = strchr(name, ':') != NULL;

    return asprintf(&text, "%s%s%s:%u", v6 ? "[" : "", name, v6 ? "]" : "", (unsigned)port) < 0 ? NULL : text;
}

static fallible work_out_kbs(struct config *c)
{
    const char *host = either(c->hostname, c->skc.kbs_hostname);
    const char *ip = either(c->ip, c->skc.kbs_ip);
    uint64_t port = c->port ? c->port : c->skc.kbs_port ? c->skc.kbs_port : KBS_PORT;

    host = either(host, ip);
    if (!host)
        return FAIL(INPUT, "no KBS: [kbs] hostname, or KBS_HOSTNAME in skc_library.conf");
    if (port > UINT16_MAX)
        return FAIL(INPUT, "[kbs] port is above 65535");
    char *name owned(free) = place(host, port);
    if (!name || asprintf(&c->url, "https://%s", name) < 0)
        return FAIL(SYSTEM, "out of memory");
    if (!ip || strcmp(ip, host) == 0)
        return OK;
    char *address owned(free) = place(ip, port);
    if (!address || asprintf(&c->connect_to, "%s:%s", name, address) < 0)
        return FAIL(SYSTEM, "out of memory");
    return OK;
}

static fallible work_out_bearer(struct config *c)
{
    struct secret *token owned(secret_free) = NULL;

    if (!c->token_file) {
        c->bearer = TAKE(c->skc.token);
        return OK;
    }
    TRY(secret_load(c->token_file, &token));
    struct span text = secret_expose(token);
    text = span_head(text, span_find(text, SPAN("\n")));
    c->bearer = secret_new(text.len + 1);
    if (!c->bearer)
        return FAIL(SYSTEM, "secure memory exhausted");
    memcpy(secret_fill(c->bearer), text.at, text.len);
    return OK;
}

static fallible work_out_platform(struct config *c)
{
    TRY(attester_kind_parse(either(c->attester, "tsm"), &c->platform.kind));
    c->platform.path = c->platform.kind == ATTESTER_TSM ? c->tsm_path : c->evidence_socket;
    if (c->platform.kind != ATTESTER_NONE && !c->platform.path)
        return FAIL(INPUT, "[evidence] attester needs its path: tsm_path or evidence_socket");
    return OK;
}

static fallible work_out(struct config *c)
{
    TRY(allowed_parse(c->allow_uids, &c->uids));
    TRY(allowed_parse(c->allow_gids, &c->gids));
    if (!c->max_clients || c->max_clients > CLIENTS_MAX)
        return FAIL(INPUT, "[agent] max_clients is not within 1 and 4096");
    if (!c->find_timeout || c->find_timeout > TIMEOUT_MAX)
        return FAIL(INPUT, "[agent] find_timeout is not within 1 and 600 seconds");
    if (!c->socket || !c->keys_file || !c->tenant)
        return FAIL(INPUT, "socket, keys_file and tenant may not be empty");
    if (!c->ca_file)
        return FAIL(INPUT, "no [kbs] ca_file: the KBS's certificate could not be verified");
    if (!c->release_keys)
        return FAIL(INPUT, "no [kbs] release_keys: without them anyone on the way could send keys of their own");
    TRY(work_out_platform(c));
    TRY(work_out_bearer(c));
    return work_out_kbs(c);
}

static fallible set_defaults(struct config *c)
{
    *c = (struct config){
        .socket = strdup("/run/warder/agent.sock"),
        .keys_file = strdup("/etc/warder/keys.txt"),
        .max_clients = 256,
        .find_timeout = 60,
        .ca_file = strdup("/etc/warder/tls/ca.pem"),
        .release_keys = strdup("/etc/warder/keys/release-jwks.json"),
        .tenant = strdup("default"),
        .attester = strdup("tsm"),
        .tsm_path = strdup("/sys/kernel/config/tsm/report"),
    };
    return c->tsm_path ? OK : FAIL(SYSTEM, "out of memory");
}

static void tell(struct err e, const char *where, unsigned line, char **message)
{
    struct buf text owned(buf_done) = buf_of(4096);

    buf_add_str(&text, where);
    if (line)
        buf_addf(&text, ":%u", line);
    buf_addf(&text, ": %s", e.what);
    free(*message);
    *message = buf_take_str(&text);
}

fallible config_load(const char *path, struct config *c, char **message)
{
    struct config loaded owned(config_done) = { 0 };
    struct setting rows[SETTINGS_COUNT];
    struct err e = { 0 };
    unsigned line = 0;

    TRY(set_defaults(&loaded));
    settings_of(&loaded, rows);
    if (path)
        TRY(settings_load(path, rows, message));
    if (loaded.skc_library)
        e = skc_conf_load(loaded.skc_library, &loaded.skc, &line);
    if (failed(e)) {
        tell(e, loaded.skc_library, line, message);
        return e;
    }
    e = work_out(&loaded);
    if (failed(e)) {
        tell(e, path ? path : "configuration", 0, message);
        return e;
    }
    *c = loaded;
    loaded = (struct config){ 0 };
    return OK;
}
