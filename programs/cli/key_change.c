// SPDX-License-Identifier: Apache-2.0
/* warder key rotate, path, disable, enable, describe: a key that is there already. */
#include "base/harden.h"
#include "cli/cli.h"
#include "cli/enroll.h"
#include "cli/key_file.h"
#include "crypto/jose.h"

#define PATH_MAX_LEN 1024

struct rotation {
    const char *id, *file, *existing, *until;
    bool aes, has_keep;
    uint64_t keep;
};

static int path_of(const char *id, const char *verb, struct buf *out)
{
    buf_addf(out, "/kbs/v1/keys/%s/%s", id, verb);
    return failed(buf_check(out)) ? EXIT_USAGE : EXIT_OK;
}

static json_t *body_of(const struct rotation *r, struct span sealed)
{
    json_t *body = json_object();

    if (sealed.len)
        json_set_span(body, "key_string", sealed);
    json_set_str(body, "kmip_key_id", r->existing);
    if (r->has_keep)
        json_set_int(body, "keep_old_versions", (int64_t)r->keep);
    json_set_str(body, "keep_old_until", r->until);
    return body;
}

static int seal_file(struct session *s, const struct rotation *r, struct buf *jwe)
{
    struct secret *plain owned(secret_free) = NULL;
    struct key_wish w = { .algorithm = r->aes ? "AES" : NULL };
    const char *content = NULL;
    struct err e = harden_process(); /* the key is in no core dump, and no tracer's to read */

    if (!failed(e))
        e = key_file_load(r->file, &w, &plain, &content);
    return failed(e) ? print_failure(e, r->file,
                                     "a private key as PEM, or with --aes the raw "
                                     "bytes; mode 0600")
                     : key_wrap_for_keyd(s, plain, content, jwe);
}

static int rotate(struct session *s, const struct rotation *r)
{
    struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN),
                    jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    json_t *answer owned(json_free) = NULL;
    int rc = path_of(r->id, "rotate", &path);

    if (!rc && r->file)
        rc = seal_file(s, r, &jwe);
    if (rc)
        return rc;
    json_t *body owned(json_free) = body_of(r, buf_span(&jwe));
    rc = session_call(s, SERVICE_KBS, "POST", buf_str(&path), body, &answer);
    if (rc)
        return rc;
    if (s->json)
        print_json(answer);
    else
        printf("Rotated: version %lld\n",
               (long long)json_integer_value(json_object_get(answer, "version")));
    return EXIT_OK;
}

int key_rotate(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct rotation r = { .keep = UINT64_MAX };
    const struct option_row rows[] = {
        { "file", 0, OPTION_TEXT, "FILE", "the new version (default: the key manager makes one)",
          &r.file },
        { "aes", 0, OPTION_FLAG, NULL, "the file holds the bytes of an AES key", &r.aes },
        { "existing", 0, OPTION_TEXT, "NAME",
          "of a registered key: the new version's name in the key manager", &r.existing },
        { "keep", 0, OPTION_NUMBER, "N", "so many old versions are kept, 0 to 14 (at first 1)",
          &r.keep },
        { "until", 0, OPTION_TEXT, "TIME", "and the one before until then at most, RFC 3339",
          &r.until },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = { "warder key rotate", "ID", "give a key a new version",
                                       "Whoever asks for the key from now on gets the new one." };
    struct session s owned(session_close) = { 0 };
    int rc;

    if (!verb_session(argc, argv, rows, &help, 1, &r.id, &options, &s, &rc))
        return rc;
    r.has_keep = r.keep != UINT64_MAX;
    return rotate(&s, &r);
}

static int set_state(int argc, char **argv, const char *verb, const struct command_help *help)
{
    struct session_options options = { 0 };
    uint64_t version = 0;
    const struct option_row rows[] = {
        { "version", 0, OPTION_NUMBER, "N", "this version only (default: the whole key)",
          &version },
        SESSION_OPTIONS(options),
        { 0 },
    };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN);
    json_t *answer owned(json_free) = NULL, *body owned(json_free) = json_object();
    const char *id;
    int rc;

    if (!verb_session(argc, argv, rows, help, 1, &id, &options, &s, &rc))
        return rc;
    if (version)
        json_set_int(body, "version", (int64_t)version);
    rc = path_of(id, verb, &path);
    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "POST", buf_str(&path), body, &answer);
    return rc ? rc : session_answer(&s, answer);
}

int key_path(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *wanted = NULL, *id;
    const struct option_row rows[] = {
        { "resource-path", 0, OPTION_TEXT, "REPO/TYPE/TAG",
          "the path, each once in a tenant (default: take it away)", &wanted },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder key path", "ID",
        "give a key or secret the path under which guests of Confidential Containers ask for it",
        NULL
    };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN);
    json_t *answer owned(json_free) = NULL, *body owned(json_free) = json_object();
    int rc;

    if (!verb_session(argc, argv, rows, &help, 1, &id, &options, &s, &rc))
        return rc;
    json_set_str(body, "resource_path", wanted ? wanted : "");
    rc = path_of(id, "resource-path", &path);
    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "PUT", buf_str(&path), body, &answer);
    return rc ? rc : session_answer(&s, answer);
}

int key_disable(int argc, char **argv)
{
    const struct command_help help = {
        "warder key disable", "ID", "refuse a key, or one version of it, until it is enabled",
        "Without its newest version the key is released as the newest enabled one."
    };
    return set_state(argc, argv, "disable", &help);
}

int key_enable(int argc, char **argv)
{
    const struct command_help help = { "warder key enable", "ID",
                                       "release a disabled key or version again", NULL };
    return set_state(argc, argv, "enable", &help);
}

int key_describe(int argc, char **argv)
{
    struct session_options options = { 0 };
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = { "warder key describe", "ID",
                                       "one key and its versions, and what the key manager says",
                                       NULL };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN);
    json_t *answer owned(json_free) = NULL;
    const char *id;
    int rc;

    if (!verb_session(argc, argv, rows, &help, 1, &id, &options, &s, &rc))
        return rc;
    rc = path_of(id, "versions", &path);
    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "GET", buf_str(&path), NULL, &answer);
    return rc ? rc : session_answer(&s, answer);
}
