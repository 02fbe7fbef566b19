// SPDX-License-Identifier: Apache-2.0
/* warder status: asks every configured service for its health, all at once: one that hangs keeps
 * nobody from hearing of the others. */
#include "cli/cli.h"

#include <pthread.h>

#include "http/client.h"

/* Longer than a service waits for a part that hangs (a Vault, its verifier), so that it can name
 * it. */
#define HEALTH_WAIT_MS 8000

/* "store ok, key_manager ok": what a person reads in the table; -o json has the object. */
static void add_parts_text(json_t *row)
{
    struct buf text owned(buf_done) = buf_of(1024);
    const char *name;
    json_t *value;

    json_object_foreach(json_object_get(row, "parts"), name, value) if (json_is_string(value))
        buf_addf(&text, "%s%s %s", text.len ? ", " : "", name, json_string_value(value));
    json_set_str(row, "parts", buf_str(&text));
}

static json_t *ask(struct session *s, enum service service)
{
    json_t *row = json_object(), *health owned(json_free) = NULL;
    struct buf url owned(buf_done) = buf_of(4096);
    struct http_reply reply owned(http_reply_done) = { 0 };

    json_set_str(row, "service", service_name(service));
    json_set_str(row, "url", s->urls[service]);
    buf_addf(&url, "%s/health", s->urls[service]);
    struct err e =
        http_send(s->http, &(struct http_call){ .method = "GET", .url = buf_str(&url) }, &reply);
    if (failed(e)) {
        json_set_str(row, "status", "down");
        json_set_str(row, "detail", e.what);
        return row;
    }
    struct span status = SPAN("unknown");
    if (!failed(json_parse_object(buf_span(&reply.body), &health))) {
        (void)json_opt_str(health, "status", "status", &status).kind;
        json_object_set(row, "parts", json_object_get(health, "parts"));
        json_object_set(row, "version", json_object_get(health, "version"));
    }
    json_set_span(row, "status", status);
    return row;
}

struct question {
    struct session *session;
    enum service service;
    pthread_t thread;
    bool asked;
    json_t *row;
};

static void *answer_question(void *arg)
{
    struct question *q = arg;

    q->row = ask(q->session, q->service);
    return NULL;
}

/* A row for each service that the configuration names, in the services' order. */
static json_t *ask_all(struct session *s)
{
    struct question questions[SERVICE_COUNT] = { 0 };
    json_t *all = json_array();

    for (enum service i = 0; i < SERVICE_COUNT; i++) {
        struct question *q = &questions[i];
        *q = (struct question){ .session = s, .service = i };
        if (!s->urls[i])
            continue;
        q->asked = !pthread_create(&q->thread, NULL, answer_question, q);
        if (!q->asked)
            (void)answer_question(q);
    }
    for (enum service i = 0; i < SERVICE_COUNT; i++) {
        if (questions[i].asked)
            pthread_join(questions[i].thread, NULL);
        if (questions[i].row)
            json_array_append_new(all, questions[i].row);
    }
    return all;
}

int cli_status(int argc, char **argv)
{
    struct session_options options = { .wait_ms = HEALTH_WAIT_MS };
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = { "warder status", "", "health of every service",
                                       "Exit status: 0 all are up, 4 one is not." };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    struct session s owned(session_close) = { 0 };
    rc = session_open(&options, &s);
    if (rc)
        return rc;
    json_t *all owned(json_free) = ask_all(&s);
    size_t i;
    json_t *row;
    json_array_foreach(all, i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "status")), "ok"))
            rc = EXIT_UNAVAILABLE;
    }
    if (s.json) {
        print_json(all);
        return rc;
    }
    json_array_foreach(all, i, row) add_parts_text(row);
    print_table(all, (const struct column[]){ { "service", "SERVICE" },
                                              { "status", "STATUS" },
                                              { "url", "URL" },
                                              { "parts", "PARTS" },
                                              { "detail", "DETAIL" },
                                              { 0 } });
    return rc;
}
