// SPDX-License-Identifier: Apache-2.0
#include "cli/pending.h"

#include <ctype.h>

#define PENDING "/kbs/v1/pending-changes"
#define ID_MAX 64

int pending_path(const char *before, const char *id, const char *after, struct buf *out)
{
    bool good = *id && strlen(id) <= ID_MAX;

    for (const char *c = id; *c; c++)
        good = good && (isalnum((unsigned char)*c) || strchr("._-", *c));
    if (!good) {
        fprintf(stderr, "warder: not an id: %.80s\n", id);
        return EXIT_USAGE;
    }
    buf_addf(out, "%s%s%s", before, id, after);
    return EXIT_OK;
}

int pending_list(int argc, char **argv)
{
    return list_rows(argc, argv, SERVICE_KBS, PENDING, "warder policy pending",
                     "changes that wait for a second person",
                     (const struct column[]){ { "id", "ID" },
                                              { "action", "ACTION" },
                                              { "target_id", "OF" },
                                              { "target_name", "NAME" },
                                              { "author", "AUTHOR" },
                                              { "created_at", "ASKED" },
                                              { "expires_at", "UNTIL" },
                                              { 0 } });
}

int pending_approve(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(256);
    json_t *answer owned(json_free) = NULL;
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = {
        "warder policy approve", "ID", "let a change happen that somebody else asked for",
        "'warder policy pending -o json' shows what it is, with the whole request."
    };
    const char *id;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &id, &rc))
        return rc;
    rc = pending_path(PENDING "/", id, "/approve", &path);
    if (!rc)
        rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "POST", buf_str(&path), NULL, &answer);
    return rc ? rc : session_answer(&s, answer);
}

int pending_reject(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(256);
    json_t *body owned(json_free) = json_object(), *answer owned(json_free) = NULL;
    const char *id, *reason = NULL;
    const struct option_row rows[] = {
        { "reason", 0, OPTION_TEXT, "TEXT", "why, for the record", &reason },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = { "warder policy reject", "ID",
                                       "refuse a change, or take your own back", NULL };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &id, &rc))
        return rc;
    json_set_str(body, "reason", reason);
    rc = pending_path(PENDING "/", id, "/reject", &path);
    if (!rc)
        rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "POST", buf_str(&path), body, &answer);
    if (!rc)
        printf(s.json ? "{}\n" : "rejected %s\n", id);
    return rc;
}
