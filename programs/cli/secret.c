// SPDX-License-Identifier: Apache-2.0
/* warder secret: opaque secrets of the broker. They are keys of the algorithm OPAQUE. */
#include <fcntl.h>

#include "base/harden.h"
#include "cli/cli.h"
#include "cli/enroll.h"
#include "cli/key.h"
#include "crypto/secret.h"

/* From a file, or the standard input: never from the command line, which others can read. */
static fallible read_secret(const char *path, struct secret **out)
{
    int fd owned(fd_close) = -1;

    TRY(harden_process()); /* it is in no core dump, and no tracer's to read */
    if (!strcmp(path, "-"))
        return secret_read(STDIN_FILENO, OPAQUE_SECRET_MAX, out);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return FAIL(ABSENT, "the file cannot be opened");
    return secret_read(fd, OPAQUE_SECRET_MAX, out);
}

static int load(const char *file, struct secret **out)
{
    struct err e = read_secret(file, out);

    if (!failed(e) && !secret_len(*out))
        e = FAIL(INPUT, "there is nothing in it");
    return failed(e) ? print_failure(e, strcmp(file, "-") ? file : "standard input",
                                     "a secret has 1 to 1048576 bytes")
                     : EXIT_OK;
}

static int send_secret(struct session *s, const struct secret *plain, const struct key_wish *w)
{
    struct buf jwe owned(buf_done) = buf_of(SEALED_SECRET_MAX);
    int rc = key_wrap_for_keyd(s, plain, "secret", &jwe);

    if (rc)
        return rc;
    json_t *information = json_object();
    json_set_span(information, "key_string", buf_span(&jwe));
    json_t *body owned(json_free) = key_body(w, information);
    return key_post(s, body, "Stored Secret");
}

static int secret_put(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    struct secret *plain owned(secret_free) = NULL;
    struct key_wish w = { .algorithm = "OPAQUE" };
    const char *file = "-";
    const struct option_row rows[] = {
        { "file", 0, OPTION_TEXT, "FILE", "its bytes (default -, the standard input)", &file },
        KEY_NAME_OPTIONS(w),
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder secret put", "",
        "give the broker any bytes, at most 1 MiB, wrapped so that only keyd can open them",
        "Example: warder secret put --file database.password --label database --policy ID"
    };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    rc = load(file, &plain);
    if (!rc)
        rc = session_open(&options, &s);
    return rc ? rc : send_secret(&s, plain, &w);
}

static int send_version(struct session *s, const char *id, const struct secret *plain)
{
    struct buf jwe owned(buf_done) = buf_of(SEALED_SECRET_MAX), path owned(buf_done) = buf_of(1024);
    json_t *body owned(json_free) = json_object(), *answer owned(json_free) = NULL;
    int rc = key_wrap_for_keyd(s, plain, "secret", &jwe);

    if (rc)
        return rc;
    buf_addf(&path, "/kbs/v1/keys/%s/rotate", id);
    json_set_span(body, "key_string", buf_span(&jwe));
    rc = session_call(s, SERVICE_KBS, "POST", buf_str(&path), body, &answer);
    return rc ? rc : session_answer(s, answer);
}

static int secret_rotate(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    struct secret *plain owned(secret_free) = NULL;
    const char *file = "-", *id = NULL;
    const struct option_row rows[] = {
        { "file", 0, OPTION_TEXT, "FILE", "its new bytes (default -, the standard input)", &file },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = { "warder secret rotate", "ID", "give a secret a new version",
                                       NULL };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &id, &rc))
        return rc;
    rc = load(file, &plain);
    if (!rc)
        rc = session_open(&options, &s);
    return rc ? rc : send_version(&s, id, plain);
}

static int secret_list(int argc, char **argv)
{
    return list_rows(argc, argv, SERVICE_KBS, "/kbs/v1/keys?algorithm=OPAQUE", "warder secret list",
                     "the broker's opaque secrets",
                     (const struct column[]){ { "key_information.id", "ID" },
                                              { "key_information.size", "SIZE" },
                                              { "label", "LABEL" },
                                              { "resource_path", "PATH" },
                                              { "transfer_policy_id", "POLICY" },
                                              { "created_at", "CREATED" },
                                              { 0 } });
}

static int secret_show(int argc, char **argv)
{
    return show_one(argc, argv, SERVICE_KBS, "/kbs/v1/keys/", "warder secret get-metadata",
                    "what is known of one secret, never the secret");
}

static int secret_destroy(int argc, char **argv)
{
    return delete_one(argc, argv, SERVICE_KBS, "/kbs/v1/keys/", "warder secret destroy",
                      "destroy a secret, in the key manager too");
}

int cli_secret(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "put", secret_put, "give the broker a secret, wrapped" },
        { "rotate", secret_rotate, "give one a new version" },
        { "get-metadata", secret_show, "what is known of one" },
        { "path", key_path, "give one the path under which guests ask for it" },
        { "list", secret_list, "all opaque secrets" },
        { "destroy", secret_destroy, "destroy one" },
        { 0 },
    };
    return verb_dispatch("warder secret", "opaque secrets of the broker", verbs, argc, argv);
}
