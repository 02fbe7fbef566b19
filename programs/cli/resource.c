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

/* One thing, asked for by its id. */
struct one {
    struct session session;
    const char *id;
    json_t *answer;
};

static void one_donep(struct one *o)
{
    session_closep(&o->session);
    json_free(o->answer);
}

struct question {
    enum service service;
    const char *method, *path, *name, *summary;
};

/* False: over, with the exit status. */
static bool ask_for_one(int argc, char **argv, const struct question *q, struct one *o, int *rc)
{
    struct session_options options = { 0 };
    struct buf full owned(buf_done) = buf_of(512);

    if (!parse_one(argc, argv, &options, q->name, q->summary, &o->id, rc))
        return false;
    buf_addf(&full, "%s%s", q->path, o->id);
    *rc = session_open(&options, &o->session);
    if (!*rc)
        *rc = session_call(&o->session, q->service, q->method, buf_str(&full), NULL, &o->answer);
    return !*rc;
}

int show_one(int argc, char **argv, enum service service, const char *path, const char *name,
             const char *summary)
{
    struct one o owned(one_done) = { 0 };
    int rc;

    if (!ask_for_one(argc, argv, &(struct question){ service, "GET", path, name, summary }, &o,
                     &rc))
        return rc;
    if (o.session.json)
        print_json(o.answer);
    else
        print_object(o.answer);
    return EXIT_OK;
}

int delete_one(int argc, char **argv, enum service service, const char *path, const char *name,
               const char *summary)
{
    struct one o owned(one_done) = { 0 };
    int rc;

    if (!ask_for_one(argc, argv, &(struct question){ service, "DELETE", path, name, summary }, &o,
                     &rc))
        return rc;
    if (json_object_get(o.answer, "pending"))
        return session_answer(&o.session, o.answer);
    printf(o.session.json ? "{}\n" : "deleted %s\n", o.id);
    return EXIT_OK;
}
