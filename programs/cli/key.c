// SPDX-License-Identifier: Apache-2.0
/* warder key: keys of the broker. */
#include "base/file.h"
#include "base/harden.h"
#include "cli/cli.h"
#include "cli/enroll.h"
#include "cli/key.h"
#include "cli/key_file.h"
#include "crypto/jose.h"

#define KEY_FILE_MAX (48U << 10)

#define KEY_OPTIONS(w)                                                                             \
    { "algorithm", 0, OPTION_TEXT, "RSA|EC|AES", "kind of key", &(w).algorithm },                  \
        { "length", 0, OPTION_NUMBER, "BITS", "RSA 2048, 3072, 4096; AES 128, 256", &(w).length }, \
        { "curve", 0, OPTION_TEXT, "NAME", "EC: secp256r1, secp384r1, secp521r1", &(w).curve },    \
        KEY_NAME_OPTIONS(w)

json_t *key_body(const struct key_wish *w, json_t *information)
{
    json_t *body = json_object();

    json_set_str(information, "algorithm", w->algorithm);
    if (w->length)
        json_set_int(information, "key_length", (int64_t)w->length);
    json_set_str(information, "curve_type", w->curve);
    json_object_set_new(body, "key_information", information);
    json_set_str(body, "transfer_policy_id", w->policy);
    json_set_str(body, "label", w->label);
    json_set_str(body, "usage", w->usage);
    json_set_str(body, "resource_path", w->resource_path);
    if (w->four_eyes)
        json_set_bool(body, "four_eyes", true);
    return body;
}

int key_post(struct session *s, const json_t *body, const char *what)
{
    json_t *answer owned(json_free) = NULL;
    int rc = session_call(s, SERVICE_KBS, "POST", "/kbs/v1/keys", body, &answer);

    if (rc)
        return rc;
    const char *id =
        json_string_value(json_object_get(json_object_get(answer, "key_information"), "id"));
    if (s->json)
        print_json(answer);
    else
        printf("%s: %s\n", what, id ? id : "?");
    return EXIT_OK;
}

static int post_key(const struct session_options *options, const json_t *body)
{
    struct session s owned(session_close) = { 0 };
    int rc = session_open(options, &s);

    return rc ? rc : key_post(&s, body, "Created Key");
}

static int usage_error(const char *text)
{
    fprintf(stderr, "warder: %s\n", text);
    return EXIT_USAGE;
}

static int key_create(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct key_wish w = { 0 };
    const struct option_row rows[] = { KEY_OPTIONS(w), SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = {
        "warder key create", "", "have the broker make a key",
        "Example: warder key create --algorithm RSA --length 3072 --policy ID"
    };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!w.algorithm)
        return usage_error("--algorithm is needed: RSA, EC or AES");
    json_t *body owned(json_free) = key_body(&w, json_object());
    return post_key(&options, body);
}

static int key_register(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct key_wish w = { 0 };
    const char *existing = NULL;
    const struct option_row rows[] = {
        { "existing", 0, OPTION_TEXT, "NAME", "its name or id in the key manager", &existing },
        KEY_OPTIONS(w),
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder key register", "", "bring a key that the key manager holds already under a policy",
        NULL
    };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!w.algorithm || !existing)
        return usage_error("--existing and --algorithm are needed");
    json_t *information = json_object();
    json_set_str(information, "kmip_key_id", existing);
    json_t *body owned(json_free) = key_body(&w, information);
    return post_key(&options, body);
}

int key_wrap_for_keyd(struct session *s, const struct secret *plain, const char *content,
                      struct buf *jwe)
{
    json_t *jwk owned(json_free) = NULL;
    struct key *to owned(key_free) = NULL;
    json_t *header owned(json_free) =
        json_pack("{s:s,s:s}", "typ", "warder-import+jwe", "cty", content);

    int rc = session_call(s, SERVICE_KBS, "GET", "/kbs/v1/import-key", NULL, &jwk);
    if (rc)
        return rc;
    struct err e = key_from_jwk(jwk, &to);
    if (!failed(e))
        e = jwe_seal(to, header, plain, jwe);
    return failed(e) ? print_failure(e, "wrap the key for keyd", NULL) : EXIT_OK;
}

static int import_file(const char *path, struct key_wish *w, const struct session_options *options)
{
    struct secret *plain owned(secret_free) = NULL;
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    const char *content = NULL;
    struct err e = harden_process(); /* the key is in no core dump, and no tracer's to read */

    if (!failed(e))
        e = key_file_load(path, w, &plain, &content);
    if (failed(e))
        return print_failure(
            e, path,
            "a private key as unencrypted PEM, or with --algorithm AES the raw bytes; mode 0600");
    {
        struct session s owned(session_close) = { 0 };
        int rc = session_open(options, &s);
        if (!rc)
            rc = key_wrap_for_keyd(&s, plain, content, &jwe);
        if (rc)
            return rc;
    }
    json_t *information = json_object();
    json_set_span(information, "key_string", buf_span(&jwe));
    json_t *body owned(json_free) = key_body(w, information);
    return post_key(options, body);
}

static int key_import(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct key_wish w = { 0 };
    const char *path = NULL;
    const struct option_row rows[] = {
        { "file", 0, OPTION_TEXT, "FILE",
          "private key, PEM (PKCS#8, PKCS#1, SEC1) or raw AES bytes; mode 0600", &path },
        KEY_OPTIONS(w),
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder key import", "", "give the broker a key, wrapped so that only keyd can open it",
        NULL
    };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    return path ? import_file(path, &w, &options) : usage_error("--file is needed");
}

static int key_list(int argc, char **argv)
{
    return list_rows(argc, argv, SERVICE_KBS, "/kbs/v1/keys", "warder key list",
                     "the broker's keys",
                     (const struct column[]){ { "key_information.id", "ID" },
                                              { "key_information.algorithm", "ALGORITHM" },
                                              { "key_information.key_length", "LENGTH" },
                                              { "key_information.curve_type", "CURVE" },
                                              { "label", "LABEL" },
                                              { "resource_path", "PATH" },
                                              { "transfer_policy_id", "POLICY" },
                                              { "created_at", "CREATED" },
                                              { 0 } });
}

static int key_show(int argc, char **argv)
{
    return show_one(argc, argv, SERVICE_KBS, "/kbs/v1/keys/", "warder key show",
                    "one key: what is known of it, never the key");
}

static int key_delete(int argc, char **argv)
{
    return delete_one(argc, argv, SERVICE_KBS, "/kbs/v1/keys/", "warder key delete",
                      "delete a key, in the key manager too");
}

int cli_key(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "create", key_create, "have the broker make a key" },
        { "import", key_import, "give it a key, wrapped" },
        { "register", key_register, "bring a key that the key manager holds under a policy" },
        { "enroll", key_enroll, "make a TLS key, have it certified, import it" },
        { "list", key_list, "all keys" },
        { "show", key_show, "one key" },
        { "describe", key_describe, "one key and its versions, and what the key manager says" },
        { "rotate", key_rotate, "give a key a new version" },
        { "path", key_path, "give a key the path under which guests ask for it" },
        { "disable", key_disable, "refuse a key, or one version of it, until it is enabled" },
        { "enable", key_enable, "release it again" },
        { "delete", key_delete, "delete a key" },
        { 0 },
    };
    return verb_dispatch("warder key", "keys of the broker", verbs, argc, argv);
}
