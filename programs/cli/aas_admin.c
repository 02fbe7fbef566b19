// SPDX-License-Identifier: Apache-2.0
#include "cli/aas_admin.h"

#include "access/user.h"
#include "base/file.h"
#include "cli/secret_input.h"
#include "http/client.h"

#define PATH_BYTES_MAX 4096
#define STATUS_CONFLICT 409

void aas_admin_close(struct aas_admin *a)
{
    http_client_free(a->http);
    secret_free(a->token);
    *a = (struct aas_admin){ 0 };
}

int aas_admin_open(const char *url, const char *ca, struct aas_admin *out)
{
    struct aas_admin a = { 0 };

    if (snprintf(a.url, sizeof(a.url), "%s", url) >= (int)sizeof(a.url))
        return print_failure(FAIL(LIMIT, "the address of AAS is too long"), "AAS", NULL);
    if (!file_exists(ca))
        return print_failure(FAIL(ABSENT, "there is no such file"), ca,
                             "--ca FILE names the CA of AAS's certificate: DIR/etc/tls/ca.pem of "
                             "CMS");
    struct err e = http_client_new(&(struct http_client_config){ .ca_file = ca }, &a.http);
    if (failed(e))
        return print_failure(e, ca, "--ca FILE names the CA of AAS's certificate");
    *out = a;
    return EXIT_OK;
}

static int refused(const char *what, const struct http_reply *reply)
{
    fprintf(stderr, "warder: AAS refuses %s (%d): ", what, reply->status);
    print_clean(stderr, span_head(buf_span(&reply->body), 500));
    fputc('\n', stderr);
    return reply->status == 401 || reply->status == 403   ? EXIT_DENIED
           : reply->status >= 500 || reply->status == 429 ? EXIT_UNAVAILABLE
                                                          : EXIT_ERROR;
}

/* A 2xx or a 409 is EXIT_OK; `*out` gets the JSON of a 2xx. `text` is the body, or NULL. */
static int call(struct aas_admin *a, const char *method, const char *path, const char *text,
                const char *what, json_t **out)
{
    static const char *const accept[] = { "Accept: application/json", NULL };
    struct http_reply reply owned(http_reply_done) = { 0 };
    char url[PATH_BYTES_MAX];
    const struct http_call c = { .method = method,
                                 .url = url,
                                 .body = span_str(text),
                                 .bearer =
                                     a->token ? (const char *)secret_expose(a->token).at : NULL,
                                 .headers = accept };

    if (snprintf(url, sizeof(url), "%s/%s", a->url, path) >= (int)sizeof(url))
        return print_failure(FAIL(LIMIT, "a name is too long"), what, NULL);
    struct err e = http_send(a->http, &c, &reply);
    if (failed(e))
        return print_failure(e, url, "is AAS up, and does --ca name the CA of its certificate?");
    bool good = reply.status >= 200 && reply.status < 300;
    if (!good && reply.status != STATUS_CONFLICT)
        return refused(what, &reply);
    if (good && out && reply.body.len)
        e = json_parse(buf_span(&reply.body), out);
    wipe(reply.body.at, reply.body.len);
    return failed(e) ? print_failure(e, what, NULL) : EXIT_OK;
}

static int call_with_password(struct aas_admin *a, const char *path, const char *user,
                              const struct secret *password, const char *what, json_t **out)
{
    json_t *body owned(json_free) = json_object();

    json_set_str(body, "username", user);
    char *text owned(free) = password_body(body, password);
    if (!text)
        return print_failure(FAIL(SYSTEM, "out of memory"), "password", NULL);
    int rc = call(a, "POST", path, text, what, out);
    wipe(text, strlen(text));
    return rc;
}

int aas_token_of(struct aas_admin *a, const char *user, const struct secret *password,
                 const char *keys, struct secret **out)
{
    json_t *answer owned(json_free) = NULL;
    struct secret *before = TAKE(a->token); /* a login needs no token */
    struct span token;
    char what[256];

    snprintf(what, sizeof(what), "%.200s", keys);
    int rc = call_with_password(a, "token", user, password, what, &answer);
    a->token = before;
    if (rc)
        return rc;
    struct err e = json_get_str(answer, "token", "token", &token);
    if (!failed(e))
        e = secret_take(token, out);
    return failed(e) ? print_failure(e, "AAS's token", NULL) : EXIT_OK;
}

int aas_admin_login(struct aas_admin *a, const char *user, const struct secret *password,
                    const char *keys)
{
    struct secret *token owned(secret_free) = NULL;

    int rc = aas_token_of(a, user, password, keys, &token);
    if (rc)
        return rc;
    secret_free(a->token);
    a->token = TAKE(token);
    return EXIT_OK;
}

int aas_have_user(struct aas_admin *a, const char *name, const struct secret *password)
{
    char what[256];

    if (!user_name_valid(span_str(name))) {
        fprintf(stderr,
                "warder: not a user name: %.80s\n  1 to 128 of A-Z a-z 0-9 _ . @ -, a letter or "
                "digit first\n",
                name);
        return EXIT_ERROR;
    }
    snprintf(what, sizeof(what), "the user %.128s", name);
    return call_with_password(a, "users", name, password, what, NULL);
}

static void add_query(struct buf *path, const char *name, const char *value)
{
    buf_addf(path, "%c%s=", span_find(buf_span(path), SPAN("?")) < path->len ? '&' : '?', name);
    for (const char *c = value; *c; c++)
        buf_addf(path, "%%%02X", (unsigned char)*c);
}

/* The id of a role that is there, among those of this service and name. */
static int find_role(struct aas_admin *a, const struct aas_role *role, json_t **out)
{
    struct buf path owned(buf_done) = buf_of(PATH_BYTES_MAX);
    json_t *list owned(json_free) = NULL, *row;
    size_t i;

    buf_add_str(&path, "roles");
    add_query(&path, "service", role->service);
    add_query(&path, "name", role->name);
    int rc = call(a, "GET", buf_str(&path), NULL, "the list of roles", &list);
    if (rc)
        return rc;
    json_array_foreach(list, i, row)
    {
        const char *context = json_string_value(json_object_get(row, "context"));
        if (!strcmp(context ? context : "", role->context)) {
            *out = json_incref(row);
            return EXIT_OK;
        }
    }
    return print_failure(FAIL(CONFLICT, "AAS has the role, and does not list it"), role->name,
                         "another one under it may differ in its permissions: 'warder role list'");
}

static int make_role(struct aas_admin *a, const struct aas_role *role, json_t **out)
{
    json_t *rules = json_array();
    char what[256];

    for (const char *const *rule = role->rules; *rule; rule++)
        json_array_append_new(rules, json_string(*rule));
    json_t *body owned(json_free) =
        json_pack("{s:s,s:s,s:s,s:o}", "service", role->service, "name", role->name, "context",
                  role->context, "permissions", rules);
    char *text owned(free) = body ? json_text(body) : NULL;
    if (!text)
        return print_failure(FAIL(INPUT, "its context is no text in UTF-8"), role->name, NULL);
    snprintf(what, sizeof(what), "the role %s:%s:%.150s", role->service, role->name, role->context);
    return call(a, "POST", "roles", text, what, out);
}

int aas_have_role(struct aas_admin *a, const char *user, const struct aas_role *wanted)
{
    json_t *role owned(json_free) = NULL;
    char path[256], what[256];

    int rc = make_role(a, wanted, &role);
    if (!rc && !role)
        rc = find_role(a, wanted, &role);
    if (rc)
        return rc;
    json_t *body owned(json_free) =
        json_pack("{s:[O]}", "role_ids", json_object_get(role, "role_id"));
    char *text owned(free) = body ? json_text(body) : NULL;
    if (!text)
        return print_failure(FAIL(INPUT, "AAS's answer has no id of the role"), wanted->name, NULL);
    snprintf(path, sizeof(path), "users/%.128s/roles", user);
    snprintf(what, sizeof(what), "the role %s:%s to %.128s", wanted->service, wanted->name, user);
    return call(a, "POST", path, text, what, NULL);
}
