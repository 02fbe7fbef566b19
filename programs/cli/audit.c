// SPDX-License-Identifier: Apache-2.0
/* warder audit: the record of every decision. */
#include "cli/audit.h"

#include "cli/decision.h"
#include "cli/pending.h"
#include "crypto/random.h"

static int audit_list(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *key = NULL;
    uint64_t limit = 20;
    const struct option_row rows[] = {
        { "limit", 'n', OPTION_NUMBER, "N", "the newest N records (default 20, at most 1000)",
          &limit },
        { "key", 0, OPTION_TEXT, "ID", "of this key only", &key },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder audit list", "", "decisions, the newest first",
        "-o json gives whole records: claims, checks, digests, hash chain."
    };
    struct buf path owned(buf_done) = buf_of(256);
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (key && !uuid_valid(span_str(key))) {
        fprintf(stderr, "warder: --key takes a key id\n");
        return EXIT_USAGE;
    }
    buf_addf(&path, "/kbs/v1/audit?limit=%llu%s%s", (unsigned long long)limit, key ? "&key=" : "",
             key ? key : "");
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL;
    rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "GET", buf_str(&path), NULL, &answer);
    if (rc)
        return rc;
    if (s.json)
        print_json(answer);
    else
        print_table(answer, (const struct column[]){ { "seq", "SEQ" },
                                                     { "time", "TIME" },
                                                     { "action", "ACTION" },
                                                     { "decision", "DECISION" },
                                                     { "code", "CODE" },
                                                     { "reason", "REASON" },
                                                     { "subject", "SUBJECT" },
                                                     { 0 } });
    return EXIT_OK;
}

/* The decision's parts are told in words. */
static void print_record(json_t *record)
{
    json_t *rest owned(json_free) = json_copy(record);

    json_object_del(rest, "checks");
    json_object_del(rest, "smallest_change");
    print_object(rest);
    decision_print(record);
}

static int audit_show(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(512);
    json_t *record owned(json_free) = NULL;
    const char *id;
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = { "warder audit show", "ID", "one record, whole",
                                       "Of a refusal: what would have had to be otherwise." };
    int rc;

    if (!verb_session(argc, argv, rows, &help, 1, &id, &options, &s, &rc))
        return rc;
    rc = pending_path("/kbs/v1/audit/", id, "", &path);
    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "GET", buf_str(&path), NULL, &record);
    if (rc)
        return rc;
    if (s.json)
        print_json(record);
    else
        print_record(record);
    return EXIT_OK;
}

int cli_audit(int argc, char **argv)
{
    static const struct verb verbs[] = { { "list", audit_list, "decisions, the newest first" },
                                         { "show", audit_show, "one record" },
                                         { "verify", audit_verify,
                                           "the hash chain of an audit log's file" },
                                         { 0 } };
    return verb_dispatch("warder audit", "the record of every decision", verbs, argc, argv);
}
