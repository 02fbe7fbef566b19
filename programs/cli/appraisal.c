// SPDX-License-Identifier: Apache-2.0
/* warder appraisal: appraisal policies of the attestation service. */
#include "cli/appraisal.h"

#include "base/file.h"
#include "cli/cli.h"
#include "cli/lint.h"
#include "cli/policy_source.h"
#include "crypto/jose.h"

struct change {
    struct session_options session;
    const char *name, *file, *base;
    uint64_t version;
};

static void print_row(const struct session *s, const char *what, const json_t *row)
{
    if (s->json)
        print_json(row);
    else
        printf("%s: %s version %lld\n", what, json_string_value(json_object_get(row, "id")) ?: "?",
               (long long)json_integer_value(json_object_get(row, "version")));
}

static int send(const struct change *c, const char *method, const char *path, const json_t *body,
                const char *what)
{
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL;
    int rc = session_open(&c->session, &s);

    if (!rc)
        rc = session_call(&s, SERVICE_AS, method, path, body, &answer);
    if (!rc)
        print_row(&s, what, answer);
    return rc;
}

/* The service would say the same; here the user hears it before anything is sent. */
static int checked(const char *file, json_t *body)
{
    struct policy *p owned(policy_free) = NULL;
    json_t *remarks owned(json_free) = NULL;
    int rc = policy_from_file(file, &remarks, &p);

    if (!rc)
        rc = lint_print(file, remarks);
    if (!rc)
        json_object_set(body, "policy", (json_t *)policy_document(p));
    return rc;
}

#define FILE_OPTION(to)                                                                            \
    {                                                                                              \
        "file", 'f', OPTION_TEXT, "FILE", "the policy as JSON; - is standard input", &(to)         \
    }

static int needed(bool there, const char *what)
{
    if (there)
        return EXIT_OK;
    fprintf(stderr, "warder: %s\n", what);
    return EXIT_USAGE;
}

static int appraisal_create(int argc, char **argv)
{
    struct change c = { 0 };
    const struct option_row rows[] = {
        { "name", 0, OPTION_TEXT, "TEXT", "its name", &c.name },
        FILE_OPTION(c.file),
        SESSION_OPTIONS(c.session),
        { 0 },
    };
    const struct command_help help = {
        "warder appraisal create", "", "make an appraisal policy",
        "The file is checked before it is sent; errors are not sent at all."
    };
    json_t *body owned(json_free) = json_object();
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    rc = needed(c.name && c.file, "--name and --file are needed");
    if (!rc)
        rc = checked(c.file, body);
    json_set_str(body, "name", c.name);
    return rc ? rc : send(&c, "POST", "/as/v1/policies", body, "Created Appraisal Policy");
}

static int appraisal_update(int argc, char **argv)
{
    struct change c = { 0 };
    const struct option_row rows[] = { FILE_OPTION(c.file), SESSION_OPTIONS(c.session), { 0 } };
    const struct command_help help = {
        "warder appraisal update", "NAME", "write the next version of an appraisal policy",
        "Earlier versions stay: warder appraisal versions, rollback."
    };
    struct buf path owned(buf_done) = buf_of(256);
    json_t *body owned(json_free) = json_object();
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &c.name, &rc))
        return rc;
    rc = needed(c.file, "--file is needed");
    if (!rc && !policy_path(c.name, "", &path))
        rc = EXIT_USAGE;
    if (!rc)
        rc = checked(c.file, body);
    return rc ? rc : send(&c, "PUT", buf_str(&path), body, "Updated Appraisal Policy");
}

static int appraisal_rollback(int argc, char **argv)
{
    struct change c = { 0 };
    const char *operands[2];
    const struct option_row rows[] = { SESSION_OPTIONS(c.session), { 0 } };
    const struct command_help help = { "warder appraisal rollback", "NAME VERSION",
                                       "take an earlier version up again",
                                       "Its content becomes the next version; nothing is lost." };
    struct buf path owned(buf_done) = buf_of(256);
    json_t *body owned(json_free) = json_object();
    int rc;

    if (!verb_options(argc, argv, rows, &help, 2, operands, &rc))
        return rc;
    size_t digits = strspn(operands[1], "0123456789");
    rc = needed(digits && digits < 10 && !operands[1][digits],
                "VERSION is a number: warder appraisal versions NAME");
    if (rc || !policy_path(operands[0], "/rollback", &path))
        return EXIT_USAGE;
    json_set_int(body, "version", strtoll(operands[1], NULL, 10));
    return send(&c, "POST", buf_str(&path), body, "Rolled back Appraisal Policy");
}

static int appraisal_import(int argc, char **argv)
{
    struct change c = { 0 };
    const struct option_row rows[] = {
        { "file", 'f', OPTION_TEXT, "FILE", "the signed bundle", &c.file },
        { "base", 0, OPTION_TEXT, "NAME", "policy that must hold besides (default: default)",
          &c.base },
        SESSION_OPTIONS(c.session),
        { 0 },
    };
    const struct command_help help = { "warder appraisal import", "NAME",
                                       "write the next version from a signed measurement bundle",
                                       "The service takes bundles by the keys of its "
                                       "configuration, [as] bundle_keys, and refuses any other." };
    struct buf path owned(buf_done) = buf_of(256), text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    json_t *body owned(json_free) = json_object();
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &c.name, &rc))
        return rc;
    rc = needed(c.file, "--file is needed");
    if (rc || !policy_path(c.name, "/import", &path))
        return EXIT_USAGE;
    struct err e = file_read(c.file, &text);
    if (failed(e))
        return print_failure(e, c.file, NULL);
    struct span jws = buf_span(&text);
    json_set_span(body, "bundle", span_head(jws, span_find(jws, SPAN("\n"))));
    json_set_str(body, "base", c.base);
    return send(&c, "POST", buf_str(&path), body, "Updated Appraisal Policy");
}

static int appraisal_list(int argc, char **argv)
{
    return list_rows(argc, argv, SERVICE_AS, "/as/v1/policies", "warder appraisal list",
                     "appraisal policies",
                     (const struct column[]){ { "id", "ID" },
                                              { "name", "NAME" },
                                              { "version", "VERSION" },
                                              { "updated_at", "WRITTEN" },
                                              { "author", "BY" },
                                              { "digest", "DIGEST" },
                                              { 0 } });
}

static int appraisal_show(int argc, char **argv)
{
    struct change c = { 0 };
    const struct option_row rows[] = {
        { "version", 0, OPTION_NUMBER, "N", "an earlier version (default: the newest)",
          &c.version },
        SESSION_OPTIONS(c.session),
        { 0 },
    };
    const struct command_help help = { "warder appraisal show", "ID", "one appraisal policy",
                                       NULL };
    struct buf path owned(buf_done) = buf_of(256);
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL;
    int rc;

    if (!verb_session(argc, argv, rows, &help, 1, &c.name, &c.session, &s, &rc))
        return rc;
    if (!policy_path(c.name, "", &path))
        return EXIT_USAGE;
    if (c.version)
        buf_addf(&path, "?version=%llu", (unsigned long long)c.version);
    rc = session_call(&s, SERVICE_AS, "GET", buf_str(&path), NULL, &answer);
    return rc ? rc : session_answer(&s, answer);
}

static int appraisal_versions(int argc, char **argv)
{
    struct change c = { 0 };
    const struct option_row rows[] = { SESSION_OPTIONS(c.session), { 0 } };
    const struct command_help help = { "warder appraisal versions", "NAME",
                                       "all versions of a policy, the newest first", NULL };
    struct buf path owned(buf_done) = buf_of(256);
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL;
    int rc;

    if (!verb_session(argc, argv, rows, &help, 1, &c.name, &c.session, &s, &rc))
        return rc;
    if (!policy_path(c.name, "/versions", &path))
        return EXIT_USAGE;
    rc = session_call(&s, SERVICE_AS, "GET", buf_str(&path), NULL, &answer);
    if (rc)
        return rc;
    if (s.json)
        print_json(rows_of(answer));
    else
        print_table(rows_of(answer), (const struct column[]){ { "version", "VERSION" },
                                                              { "updated_at", "WRITTEN" },
                                                              { "author", "BY" },
                                                              { "restored_from", "FROM" },
                                                              { "digest", "DIGEST" },
                                                              { 0 } });
    return EXIT_OK;
}

static int appraisal_delete(int argc, char **argv)
{
    return delete_one(argc, argv, SERVICE_AS, "/as/v1/policies/", "warder appraisal delete",
                      "delete an appraisal policy");
}

int cli_appraisal(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "create", appraisal_create, "make one" },
        { "update", appraisal_update, "write the next version" },
        { "list", appraisal_list, "all of them" },
        { "show", appraisal_show, "one of them" },
        { "versions", appraisal_versions, "what was written when, and by whom" },
        { "rollback", appraisal_rollback, "take an earlier version up again" },
        { "delete", appraisal_delete, "delete one" },
        { "lint", appraisal_lint, "check a file" },
        { "explain", appraisal_explain, "in plain words" },
        { "diff", appraisal_diff, "what a change means" },
        { "test", appraisal_test, "what it would say of evidence" },
        { "decisions", appraisal_decisions, "the latest, for test --request" },
        { "from-evidence", appraisal_from_evidence, "a policy for a workload" },
        { "from-sigstruct", appraisal_from_sigstruct, "a policy for an SGX enclave" },
        { "from-bundle", appraisal_from_bundle, "a policy from signed measurements" },
        { "import", appraisal_import, "the next version from signed measurements" },
        { "rotate-keys", appraisal_rotate_keys, "sign tokens with another key from now on" },
        { 0 },
    };
    return verb_dispatch("warder appraisal", "appraisal policies: what evidence must say", verbs,
                         argc, argv);
}
