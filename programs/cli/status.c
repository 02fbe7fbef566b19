// SPDX-License-Identifier: Apache-2.0
/* warder status: asks every configured service for its health. */
#include "cli/cli.h"

#include "http/client.h"

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

int cli_status(int argc, char **argv)
{
    struct session_options options = { 0 };
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
    json_t *all owned(json_free) = json_array();
    for (enum service service = 0; service < SERVICE_COUNT; service++) {
        if (!s.urls[service])
            continue;
        json_t *row = ask(&s, service);
        if (strcmp(json_string_value(json_object_get(row, "status")), "ok"))
            rc = EXIT_UNAVAILABLE;
        json_array_append_new(all, row);
    }
    size_t i;
    json_t *row;
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
