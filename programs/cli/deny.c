// SPDX-License-Identifier: Apache-2.0
/* warder deny: what is refused although its vendor still vouches for it; kept by the key broker,
 * which refuses releases, and by the attestation service, which refuses tokens. */
#include "cli/cli.h"

#include "policy/deny.h"

#define AUDIT_PAGE 1000
#define AUDIT_PAGES_MAX 100

static const struct owner {
    enum service service;
    const char *path;
} owners[] = { { SERVICE_KBS, "/kbs/v1/deny-list" }, { SERVICE_AS, "/as/v1/deny-list" } };
#define OWNERS (sizeof owners / sizeof *owners)

/* The worst of two exit statuses. */
static int worse(int a, int b)
{
    return a > b ? a : b;
}

static bool name_of(const char *kind, const char *value, char out[DENY_NAME_MAX + 1])
{
    struct err e = deny_name(span_str(kind), span_str(value), out);

    if (failed(e))
        fprintf(stderr, "warder: %s\n", e.what);
    return !failed(e);
}

static void tell_halves(int rc, size_t done, const char *what)
{
    if (rc && done)
        fprintf(stderr,
                "warder: %s by one service only: repeat the command when the other one answers\n",
                what);
}

static int deny_add(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *reason = NULL, *operands[2];
    const struct option_row rows[] = { { "reason", 0, OPTION_TEXT, "TEXT", "why; for the record",
                                         &reason },
                                       SESSION_OPTIONS(options),
                                       { 0 } };
    const struct command_help help = {
        "warder deny add", "KIND VALUE", "refuse a platform from now on",
        "KIND and VALUE: fmspc, 12 hex digits; family, Milan, Genoa, Turin or the first 6 hex "
        "digits of FMSPCs; chip, an AMD chip id, or\n"
        "Intel's PPID or platform instance id; firmware, the measurement of a TDX module, AMD's "
        "version such as 1.55.21, or a TPM's;\n"
        "advisory, such as INTEL-SA-00615. Holds at once, for tokens that were issued before too."
    };
    struct session s owned(session_close) = { 0 };
    json_t *body owned(json_free) = json_object(), *answer = NULL;
    char name[DENY_NAME_MAX + 1];
    size_t done = 0;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 2, operands, &rc))
        return rc;
    if (!reason || !name_of(operands[0], operands[1], name)) {
        if (!reason)
            fprintf(stderr, "warder: --reason is needed\n");
        return EXIT_USAGE;
    }
    json_set_str(body, "kind", operands[0]);
    json_set_str(body, "value", operands[1]);
    json_set_str(body, "reason", reason);
    rc = session_open(&options, &s);
    for (size_t i = 0; i < OWNERS && s.http; i++) {
        int one = session_call(&s, owners[i].service, "POST", owners[i].path, body, &answer);
        done += !one;
        rc = worse(rc, one);
        json_free(answer);
        answer = NULL;
    }
    if (!rc)
        printf("Denied: %s\n", name);
    tell_halves(rc, done, "denied");
    return rc;
}

static int deny_remove(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *operands[2];
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = { "warder deny remove", "KIND VALUE",
                                       "let it be trusted as its vendor says again", NULL };
    struct session s owned(session_close) = { 0 };
    char name[DENY_NAME_MAX + 1];
    size_t done = 0;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 2, operands, &rc))
        return rc;
    if (!name_of(operands[0], operands[1], name))
        return EXIT_USAGE;
    rc = session_open(&options, &s);
    for (size_t i = 0; i < OWNERS && s.http; i++) {
        struct buf path owned(buf_done) = buf_of(512);
        json_t *answer owned(json_free) = NULL;
        buf_addf(&path, "%s/%s", owners[i].path, name);
        int one = session_call(&s, owners[i].service, "DELETE", buf_str(&path), NULL, &answer);
        done += !one;
        rc = worse(rc, one);
    }
    if (!rc)
        printf("No longer denied: %s\n", name);
    tell_halves(rc, done, "taken off the list");
    return rc;
}

static json_t *find(const json_t *list, const json_t *id)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)list, i,
                       row) if (json_equal(json_object_get(row, "id"), id)) return row;
    return NULL;
}

/* Entries of both services, each with who has it. */
static int gather(struct session *s, json_t *all)
{
    for (size_t i = 0; i < OWNERS; i++) {
        json_t *answer owned(json_free) = NULL, *row;
        size_t k;
        int rc = session_call(s, owners[i].service, "GET", owners[i].path, NULL, &answer);
        if (rc)
            return rc;
        json_array_foreach(json_object_get(answer, "entries"), k, row)
        {
            json_t *known = find(all, json_object_get(row, "id"));
            if (!known) {
                json_object_set_new(row, "held_by", json_array());
                json_array_append(all, row);
                known = row;
            }
            json_array_append_new(json_object_get(known, "held_by"),
                                  json_string(service_name(owners[i].service)));
        }
    }
    return EXIT_OK;
}

static int deny_list(int argc, char **argv)
{
    struct session_options options = { 0 };
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = { "warder deny list", "", "what is denied",
                                       "HELD BY names both services, kbs and as; an entry that "
                                       "only one has was added while the other was down." };
    struct session s owned(session_close) = { 0 };
    json_t *all owned(json_free) = json_array();
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    rc = session_open(&options, &s);
    if (!rc)
        rc = gather(&s, all);
    if (rc)
        return rc;
    if (s.json)
        print_json(all);
    else
        print_table(all, (const struct column[]){ { "kind", "KIND" },
                                                  { "value", "VALUE" },
                                                  { "reason", "REASON" },
                                                  { "author", "AUTHOR" },
                                                  { "created_at", "SINCE" },
                                                  { "held_by", "HELD BY" },
                                                  { 0 } });
    return EXIT_OK;
}

/* What a record or a platform says of itself, as claims: the TCB inputs lie flat or one deep. */
static const json_t *fits(const json_t *entries, const json_t *from)
{
    const json_t *entry = NULL, *nested = NULL;
    const char *name;
    json_t *value;

    if (failed(deny_find(entries, from, &entry)))
        return NULL;
    json_object_foreach((json_t *)from, name,
                        value) if (!entry && json_is_object(value) &&
                                   !failed(deny_find(entries, value, &nested))) entry = nested;
    return entry;
}

static void add_touched(json_t *out, const json_t *entry, const json_t *record)
{
    static const char *const members[] = { "time", "action", "decision", "key_id", "seq", "id" };
    json_t *row = json_object();

    json_object_set(row, "entry", json_object_get(entry, "id"));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        json_object_set(row, members[i], json_object_get(record, members[i]));
    json_array_append_new(out, row);
}

static bool is_of_a_key(const json_t *record)
{
    const char *action = json_string_value(json_object_get(record, "action")) ?: "";

    return !strcmp(action, "release") || !strcmp(action, "use");
}

/* All releases and uses on record, page by page, the newest first. */
static int touched_releases(struct session *s, const json_t *entries, json_t *out)
{
    int64_t before = 0;

    for (int page = 0; page < AUDIT_PAGES_MAX; page++) {
        struct buf path owned(buf_done) = buf_of(256);
        json_t *answer owned(json_free) = NULL, *record;
        size_t i;
        buf_addf(&path, "/kbs/v1/audit?limit=%d", AUDIT_PAGE);
        if (before)
            buf_addf(&path, "&before=%lld", (long long)before);
        int rc = session_call(s, SERVICE_KBS, "GET", buf_str(&path), NULL, &answer);
        if (rc)
            return rc;
        json_array_foreach((json_t *)rows_of(answer), i, record)
        {
            const json_t *entry = is_of_a_key(record) ? fits(entries, record) : NULL;
            before = json_integer_value(json_object_get(record, "seq"));
            if (entry)
                add_touched(out, entry, record);
        }
        if (json_array_size(rows_of(answer)) < AUDIT_PAGE || before <= 1)
            return EXIT_OK;
    }
    fprintf(stderr, "warder: only the newest %d records were looked at\n",
            AUDIT_PAGE * AUDIT_PAGES_MAX);
    return EXIT_OK;
}

static json_t *keys_of(const json_t *releases)
{
    json_t *keys = json_array(), *row;
    size_t i;

    json_array_foreach((json_t *)releases, i, row)
    {
        const char *decision = json_string_value(json_object_get(row, "decision")) ?: "";
        bool used = !strcmp(decision, "used"), released = !strcmp(decision, "released");
        json_t *one = json_pack("{s:O?}", "id", json_object_get(row, "key_id"));
        json_t *known = find(keys, json_object_get(one, "id"));
        if (!known && (used || released) && !json_array_append(keys, one))
            known = one;
        if (known && (released || known == one))
            json_set_str(known, "decision", decision);
        json_free(one);
    }
    return keys;
}

/* Platforms that the endorsement cache knows; none where it is not configured. */
static int touched_platforms(struct session *s, const json_t *entries, json_t *out)
{
    json_t *answer owned(json_free) = NULL, *platform;
    size_t i;

    if (!s->urls[SERVICE_TCS])
        return EXIT_OK;
    int rc = session_call(s, SERVICE_TCS, "GET", "/tcs/v1/forecast", NULL, &answer);
    json_array_foreach(json_object_get(answer, "platforms"), i, platform)
    {
        struct buf lower owned(buf_done) = buf_of(64);
        const char *fmspc = json_string_value(json_object_get(platform, "fmspc"));
        for (; fmspc && *fmspc; fmspc++)
            buf_add_u8(&lower, (uint8_t)(*fmspc >= 'A' && *fmspc <= 'F' ? *fmspc + 32 : *fmspc));
        json_set_span(platform, "fmspc", buf_span(&lower));
        const json_t *entry = fits(entries, platform);
        if (entry)
            json_array_append_new(out, json_pack("{s:O?,s:O?,s:O?,s:O?}", "entry",
                                                 json_object_get(entry, "id"), "source",
                                                 json_object_get(platform, "source"), "fmspc",
                                                 json_object_get(platform, "fmspc"), "ppid",
                                                 json_object_get(platform, "ppid")));
    }
    return rc;
}

static void print_affected(const json_t *platforms, const json_t *keys, const json_t *releases)
{
    printf("Platforms:\n");
    print_table(platforms, (const struct column[]){ { "entry", "ENTRY" },
                                                    { "source", "SOURCE" },
                                                    { "fmspc", "FMSPC" },
                                                    { "ppid", "PPID" },
                                                    { 0 } });
    printf("\nKeys that such were given, or had used:\n");
    print_table(keys, (const struct column[]){ { "id", "KEY" }, { "decision", "" }, { 0 } });
    printf("\nDecisions:\n");
    print_table(releases, (const struct column[]){ { "seq", "SEQ" },
                                                   { "time", "TIME" },
                                                   { "decision", "DECISION" },
                                                   { "key_id", "KEY" },
                                                   { "entry", "ENTRY" },
                                                   { 0 } });
}

static int deny_affected(int argc, char **argv)
{
    struct session_options options = { 0 };
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = {
        "warder deny affected", "", "platforms, keys, releases and uses that the deny list touches",
        "From the audit log, and from the platforms that the endorsement cache has seen. A key's "
        "decision is released where it left the key manager, used where it only worked for such."
    };
    struct session s owned(session_close) = { 0 };
    json_t *entries owned(json_free) = json_array(), *platforms owned(json_free) = json_array(),
                    *releases owned(json_free) = json_array();
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    rc = session_open(&options, &s);
    if (!rc)
        rc = gather(&s, entries);
    if (!rc)
        rc = touched_platforms(&s, entries, platforms);
    if (!rc)
        rc = touched_releases(&s, entries, releases);
    if (rc)
        return rc;
    json_t *keys owned(json_free) = keys_of(releases);
    json_t *all owned(json_free) =
        json_pack("{s:O,s:O,s:O}", "platforms", platforms, "keys", keys, "releases", releases);
    if (s.json)
        print_json(all);
    else
        print_affected(platforms, keys, releases);
    return EXIT_OK;
}

int cli_deny(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "add", deny_add, "refuse a platform from now on" },
        { "list", deny_list, "what is denied" },
        { "remove", deny_remove, "let it be trusted again" },
        { "affected", deny_affected, "platforms, keys, releases and uses that the list touches" },
        { 0 },
    };
    return verb_dispatch("warder deny", "what is refused although its vendor still vouches for it",
                         verbs, argc, argv);
}
