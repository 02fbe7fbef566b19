// SPDX-License-Identifier: Apache-2.0
/* list, show and delete, which are the same for every kind of thing that a service keeps. */
#include "cli/cli.h"

#include "crypto/random.h"

/* What may stand in a path: ids and names, nothing that could change its meaning. */
static bool id_is_plain(const char *id)
{
    size_t len = strlen(id);
    return len && len <= 128 && id[0] != '.' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

/* Options and one operand. False: over, with the exit status. */
static bool parse_one(int argc, char **argv, struct session_options *options, const char *name,
                      const char *summary, const char **id, int *exit_status)
{
    const struct option_row rows[] = { SESSION_OPTIONS(*options), { 0 } };
    const struct command_help help = { name, "ID", summary, NULL };

    if (!verb_options(argc, argv, rows, &help, 1, id, exit_status))
        return false;
    if (id_is_plain(*id))
        return true;
    fprintf(stderr, "%s: an ID is letters, digits and - _ . ; the verb 'list' shows them\n", name);
    *exit_status = EXIT_USAGE;
    return false;
}

const json_t *rows_of(const json_t *answer)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)answer, name, value) if (json_is_array(value)) return value;
    return answer;
}

int list_rows(int argc, char **argv, enum service service, const char *path, const char *name,
              const char *summary, const struct column *columns)
{
    struct session_options options = { 0 };
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = { name, "", summary, NULL };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL;
    rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, service, "GET", path, NULL, &answer);
    if (rc)
        return rc;
    if (s.json)
        print_json(rows_of(answer));
    else
        print_table(rows_of(answer), columns);
    return EXIT_OK;
}

int show_one(int argc, char **argv, enum service service, const char *path, const char *name,
             const char *summary)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf full owned(buf_done) = buf_of(512);
    json_t *answer owned(json_free) = NULL;
    const char *id = NULL;
    int rc;

    if (!parse_one(argc, argv, &options, name, summary, &id, &rc))
        return rc;
    buf_addf(&full, "%s%s", path, id);
    rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, service, "GET", buf_str(&full), NULL, &answer);
    if (rc)
        return rc;
    if (s.json)
        print_json(answer);
    else
        print_object(answer);
    return EXIT_OK;
}

int delete_one(int argc, char **argv, enum service service, const char *path, const char *name,
               const char *summary)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf full owned(buf_done) = buf_of(512);
    json_t *answer owned(json_free) = NULL;
    const char *id = NULL;
    int rc;

    if (!parse_one(argc, argv, &options, name, summary, &id, &rc))
        return rc;
    buf_addf(&full, "%s%s", path, id);
    rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, service, "DELETE", buf_str(&full), NULL, &answer);
    if (!rc && json_object_get(answer, "pending"))
        return session_answer(&s, answer);
    if (!rc)
        printf(s.json ? "{}\n" : "deleted %s\n", id);
    return rc;
}
