// SPDX-License-Identifier: Apache-2.0
#include "config.h"

#include <assert.h>
#include <grp.h>
#include <pwd.h>

#include "base/file.h"
#include "base/owned.h"

#define KBS_PORT 9443
#define CLIENTS_MAX 4096
#define TIMEOUT_MAX 600
#define POLL_MAX 86400
#define USE_TIMEOUT_MAX 60
#define SETTINGS_COUNT 26

static void settings_of(struct config *c, struct setting rows[SETTINGS_COUNT])
{
    const struct setting all[] = {
        { "agent", "socket", OPTION_TEXT, &c->socket,
          "Unix socket for the PKCS#11 module, in a folder that root owns; systemd's is used where "
          "it passes one" },
        { "agent", "keys_file", OPTION_TEXT, &c->keys_file,
          "which keys: lines pkcs11:token=KMS;id=<Key "
          "ID>;object=RSAKEY;type=private;pin-value=<PIN>" },
        { "agent", "prefetch", OPTION_FLAG, &c->prefetch,
          "fetch at start, not when the first client asks" },
        { "agent", "find_timeout", OPTION_NUMBER, &c->find_timeout,
          "seconds that a search may wait for attestation and the KBS" },
        { "agent", "lease_poll", OPTION_NUMBER, &c->lease_poll,
          "seconds between questions about the leases of keys that are held" },
        { "agent", "use_timeout", OPTION_NUMBER, &c->use_timeout,
          "seconds that a signature by a key that stays at the KBS may take" },
        { "agent", "allow_users", OPTION_TEXT, &c->allow_users,
          "clients: users by name or number, besides root and the agent's own; a web server's "
          "workers have their own user" },
        { "agent", "allow_groups", OPTION_TEXT, &c->allow_groups,
          "clients: groups by name or number" },
        { "agent", "max_clients", OPTION_NUMBER, &c->max_clients, "connections at the same time" },
        { "agent", "pid_file", OPTION_TEXT, &c->pid_file,
          "where to write the process id; empty: nowhere" },
        { "agent", "log_file", OPTION_TEXT, &c->log_file,
          "where to write the log; empty: standard error" },
        { "kbs", "skc_library", OPTION_TEXT, &c->skc_library,
          "skc_library.conf: KBS_HOSTNAME, KBS_IP, KBS_PORT, SKC_TOKEN; what stands in this file "
          "goes before it" },
        { "kbs", "hostname", OPTION_TEXT, &c->hostname, "name of the KBS, verified in TLS" },
        { "kbs", "ip", OPTION_TEXT, &c->ip, "address to dial; empty: the name's" },
        { "kbs", "port", OPTION_NUMBER, &c->port,
          "port of the KBS; 0: skc_library.conf's, else 9443" },
        { "kbs", "ca_file", OPTION_TEXT, &c->ca_file,
          "PEM: the CA that the KBS's certificate must come from" },
        { "kbs", "crl", OPTION_TEXT, &c->crl,
          "file of revocation lists that the KBS's certificate is checked against" },
        { "kbs", "crl_grace_minutes", OPTION_NUMBER, &c->crl_grace_minutes,
          "how long past its next update it is still believed" },
        { "kbs", "release_keys", OPTION_TEXT, &c->release_keys,
          "JWKS: the keys of which one must have signed each answer" },
        { "kbs", "token_file", OPTION_TEXT, &c->token_file,
          "bearer token to send, mode 0600; empty: skc_library.conf's, else none" },
        { "kbs", "tenant", OPTION_TEXT, &c->tenant, "our tenant" },
        { "evidence", "attester", OPTION_TEXT, &c->attester,
          "tsm (Linux configfs-tsm), socket (evidence socket), tpm or none (no TEE)" },
        { "evidence", "tsm_path", OPTION_TEXT, &c->tsm_path, "folder of TSM requests" },
        { "evidence", "evidence_socket", OPTION_TEXT, &c->evidence_socket,
          "path of the evidence socket" },
        { "evidence", "tpm", OPTION_TEXT, &c->tpm,
          "TCTI, handle of the attestation key, PCRs, event log, IMA list: device:/dev/tpmrm0 "
          "0x81010002 "
          "0,1,2,3,4,5,6,7 - -" },
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
    char **texts[] = {
        &c->socket,       &c->keys_file,       &c->pid_file,   &c->log_file, &c->allow_users,
        &c->allow_groups, &c->skc_library,     &c->hostname,   &c->ip,       &c->ca_file,
        &c->crl,          &c->release_keys,    &c->token_file, &c->tenant,   &c->attester,
        &c->tsm_path,     &c->evidence_socket, &c->tpm,        &c->url,      &c->connect_to
    };

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

static bool user_id(const char *name, uint32_t *id)
{
    const struct passwd *user = getpwnam(name);

    if (user)
        *id = user->pw_uid;
    return user != NULL;
}

static bool group_id(const char *name, uint32_t *id)
{
    const struct group *group = getgrnam(name);

    if (group)
        *id = group->gr_gid;
    return group != NULL;
}

static bool number_id(const char *text, uint32_t *id)
{
    uint64_t number = 0;

    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9')
            return false;
        number = number * 10 + (uint64_t)(*c - '0');
        if (number >= UINT32_MAX)
            return false;
    }
    *id = (uint32_t)number;
    return true;
}

/* Names or numbers between blanks or commas. */
static fallible allowed_parse(const char *text, bool (*id_of)(const char *name, uint32_t *id),
                              struct allowed *out)
{
    char *copy owned(free) = text ? strdup(text) : NULL;
    struct allowed a = { 0 };
    char *rest = NULL;

    for (char *name = copy ? strtok_r(copy, " ,\t", &rest) : NULL; name;
         name = strtok_r(NULL, " ,\t", &rest)) {
        if (a.count == ALLOWED_MAX)
            return FAIL(LIMIT, "allow_users and allow_groups take 32 names or numbers at most");
        if (!number_id(name, &a.ids[a.count]) && !id_of(name, &a.ids[a.count]))
            return FAIL(INPUT,
                        "allow_users or allow_groups names one that this machine does not know");
        a.count++;
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

    return asprintf(&text, "%s%s%s:%u", v6 ? "[" : "", name, v6 ? "]" : "", (unsigned)port) < 0
               ? NULL
               : text;
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
    switch (c->platform.kind) {
    case ATTESTER_NONE:
        return OK;
    case ATTESTER_TSM:
        c->platform.path = c->tsm_path;
        break;
    case ATTESTER_SOCKET:
        c->platform.path = c->evidence_socket;
        break;
    case ATTESTER_TPM:
        c->platform.path = c->tpm;
        break;
    }
    if (!c->platform.path)
        return FAIL(INPUT, "[evidence] attester needs its place: tsm_path, evidence_socket or tpm");
    return OK;
}

static fallible work_out(struct config *c)
{
    TRY(allowed_parse(c->allow_users, user_id, &c->uids));
    TRY(allowed_parse(c->allow_groups, group_id, &c->gids));
    if (!c->max_clients || c->max_clients > CLIENTS_MAX)
        return FAIL(INPUT, "[agent] max_clients is not within 1 and 4096");
    if (!c->find_timeout || c->find_timeout > TIMEOUT_MAX)
        return FAIL(INPUT, "[agent] find_timeout is not within 1 and 600 seconds");
    if (!c->lease_poll || c->lease_poll > POLL_MAX)
        return FAIL(INPUT, "[agent] lease_poll is not within 1 and 86400 seconds");
    if (!c->use_timeout || c->use_timeout > USE_TIMEOUT_MAX)
        return FAIL(INPUT, "[agent] use_timeout is not within 1 and 60 seconds");
    if (!c->socket || !c->keys_file || !c->tenant)
        return FAIL(INPUT, "socket, keys_file and tenant may not be empty");
    if (!c->ca_file)
        return FAIL(INPUT, "no [kbs] ca_file: the KBS's certificate could not be verified");
    if (!c->release_keys)
        return FAIL(
            INPUT,
            "no [kbs] release_keys: without them anyone on the way could send keys of their own");
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
        .lease_poll = 60,
        .use_timeout = 5,
        .crl_grace_minutes = 60,
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

fallible config_read(const char *path, struct config *c, char **message)
{
    struct config read owned(config_done) = { 0 };
    struct setting rows[SETTINGS_COUNT];

    TRY(set_defaults(&read));
    settings_of(&read, rows);
    if (path)
        TRY(settings_load(path, rows, message));
    *c = read;
    read = (struct config){ 0 };
    return OK;
}

fallible config_work_out(struct config *c, char **message)
{
    unsigned line = 0;
    struct err e = c->skc_library ? skc_conf_load(c->skc_library, &c->skc, &line) : OK;

    if (failed(e)) {
        tell(e, c->skc_library, line, message);
        return e;
    }
    e = work_out(c);
    if (failed(e))
        tell(e, "configuration", 0, message);
    return e;
}
