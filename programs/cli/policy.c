// SPDX-License-Identifier: Apache-2.0
/* warder policy: transfer policies of the broker. */
#include "broker/transfer_lint.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/lint.h"
#include "cli/pending.h"
#include "cli/policy.h"
#include "cli/policy_source.h"
#include "policy/claim.h"

#define DOCUMENT_MAX (128U << 10)
#define NUMBER_DIGITS_MAX 18 /* fit 63 bits */

struct policy_wish {
    const char *file, *name, *attestation, *types, *appraisal, *claims, *permissions, *use;
    uint64_t lease;
    bool explain;
};

json_t *list_of(const char *text)
{
    json_t *list = json_array();
    for (struct span rest = span_str(text); rest.len;) {
        size_t len = span_find(rest, SPAN(","));
        if (len)
            json_array_append_new(list, json_stringn((const char *)rest.at, len));
        rest = span_tail(rest, len + 1);
    }
    return list;
}

static bool is_number(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
    return text.len && text.len <= NUMBER_DIGITS_MAX;
}

/* The claim's value in its type; NULL where it has none of it. */
static json_t *value_of(const struct claim_row *row, struct span text)
{
    switch (row->type) {
    case CLAIM_BOOL:
        return span_equal_str(text, "true")    ? json_true()
               : span_equal_str(text, "false") ? json_false()
                                               : NULL;
    case CLAIM_NUMBER:
        return is_number(text) ? json_integer(strtoll((const char *)text.at, NULL, 10)) : NULL;
    case CLAIM_TEXT:
    case CLAIM_HEX:
    case CLAIM_TIME:
    case CLAIM_TEXT_LIST:
    case CLAIM_EVENT_LIST:
        return json_stringn((const char *)text.at, text.len);
    }
    return NULL;
}

/* "mrtd=HEX,isvsvn=3" becomes conditions. */
static int add_conditions(json_t *document, const char *claims)
{
    json_t *all = json_array();

    for (struct span rest = span_str(claims); rest.len;) {
        struct span pair = span_head(rest, span_find(rest, SPAN(",")));
        rest = span_tail(rest, pair.len + 1);
        size_t at = span_find(pair, SPAN("="));
        const struct claim_row *row = claim_find(span_head(pair, at));
        json_t *value = row && at < pair.len ? value_of(row, span_tail(pair, at + 1)) : NULL;
        if (!value) {
            fprintf(stderr,
                    "warder: --claim takes NAME=VALUE, name and type of docs/claims.md, not %.*s\n",
                    (int)pair.len, (const char *)pair.at);
            json_decref(all);
            return EXIT_USAGE;
        }
        json_t *condition = json_object();
        json_set_span(condition, "claim", span_head(pair, at));
        json_object_set_new(condition, "equals", value);
        json_array_append_new(all, condition);
    }
    json_object_set_new(document, "conditions",
                        json_pack("{s:s,s:[{s:o}]}", "version", "1.0.0", "anyOf", "allOf", all));
    return EXIT_OK;
}

/* A description by options: what a file says is never mixed with it. */
static bool describes(const struct policy_wish *w)
{
    return w->name || w->attestation || w->types || w->appraisal || w->claims || w->permissions ||
           w->use || w->lease || w->explain;
}

static int document_of(const struct policy_wish *w, json_t **out)
{
    json_t *document owned(json_free) = json_object();

    json_set_str(document, "name", w->name);
    json_set_str(document, "attestation", w->attestation ? w->attestation : "require");
    if (w->types)
        json_object_set_new(document, "attestation_types", list_of(w->types));
    if (w->appraisal)
        json_object_set_new(document, "policy_ids", list_of(w->appraisal));
    if (w->permissions)
        json_object_set_new(document, "client_permissions_allof", list_of(w->permissions));
    if (w->use)
        json_object_set_new(document, "use", list_of(w->use));
    if (w->lease)
        json_set_int(document, "lease_minutes", (int64_t)w->lease);
    if (w->explain)
        json_set_bool(document, "explain_to_caller", true);
    int rc = w->claims ? add_conditions(document, w->claims) : EXIT_OK;
    if (!rc)
        *out = TAKE(document);
    return rc;
}

/* The broker would say the same; here the user hears it before anything is sent. */
static int check_document(const json_t *document, json_t *remarks)
{
    json_t *found owned(json_free) = NULL;
    struct err e = transfer_lint(document, clock_now(), &found);

    json_array_extend(remarks, found);
    return failed(e) ? print_failure(e, "policy", NULL) : EXIT_OK;
}

/* Not EXIT_OK: the file cannot be read. */
static int read_document(const char *path, json_t *remarks, json_t **out)
{
    struct buf text owned(buf_done) = buf_of(DOCUMENT_MAX);
    struct err e = file_read(path, &text);

    if (failed(e))
        return print_failure(e, path, NULL);
    e = json_parse_object(buf_span(&text), out);
    if (!failed(e))
        return check_document(*out, remarks);
    lint_add(remarks, true, "", e.what);
    return EXIT_OK;
}

static int create(const struct session_options *options, const json_t *document)
{
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL;
    int rc = session_open(options, &s);

    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "POST", "/kbs/v1/key-transfer-policies", document,
                          &answer);
    if (rc)
        return rc;
    const char *id = json_string_value(json_object_get(answer, "id"));
    if (s.json)
        print_json(answer);
    else
        printf("Created Policy: %s\n", id ? id : "?");
    return EXIT_OK;
}

static int policy_create(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct policy_wish w = { 0 };
    const struct option_row rows[] = {
        { "file", 'f', OPTION_TEXT, "FILE", "the whole policy as JSON; - is standard input",
          &w.file },
        { "name", 0, OPTION_TEXT, "TEXT", "its name", &w.name },
        { "attestation", 0, OPTION_TEXT, "LEVEL", "require (default), observe or none",
          &w.attestation },
        { "attestation-type", 0, OPTION_TEXT, "LIST", "tdx, sgx", &w.types },
        { "appraisal", 0, OPTION_TEXT, "LIST",
          "appraisal policies that must have been met (default: default)", &w.appraisal },
        { "claim", 0, OPTION_TEXT, "LIST", "conditions NAME=VALUE,... on claims: mrtd=HEX",
          &w.claims },
        { "permissions", 0, OPTION_TEXT, "LIST", "what the client's token must permit, all of it",
          &w.permissions },
        { "use", 0, OPTION_TEXT, "LIST",
          "keys stay and are used for the client: sign, decrypt, derive", &w.use },
        { "lease", 0, OPTION_NUMBER, "MINUTES", "how long a released key may be held", &w.lease },
        { "explain-to-caller", 0, OPTION_FLAG, NULL, "a refused client hears which claim failed",
          &w.explain },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder policy create", "", "make a transfer policy: who may have a key",
        "Example: warder policy create --name web --attestation-type tdx --claim mrtd=HEX\n"
        "Either --file, or the other options."
    };
    json_t *document owned(json_free) = NULL;
    json_t *remarks owned(json_free) = json_array();
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (w.file ? describes(&w) : !w.name) {
        fprintf(stderr, "warder: either --file alone, or --name and the other options\n");
        return EXIT_USAGE;
    }
    rc = w.file ? read_document(w.file, remarks, &document) : document_of(&w, &document);
    if (!rc && !w.file)
        rc = check_document(document, remarks);
    if (!rc)
        rc = lint_print(w.file ? w.file : "policy", remarks);
    return rc ? rc : create(&options, document);
}

static int policy_update(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    struct buf path owned(buf_done) = buf_of(512);
    json_t *document owned(json_free) = NULL, *answer owned(json_free) = NULL;
    json_t *remarks owned(json_free) = json_array();
    const char *id, *file = NULL;
    const struct option_row rows[] = {
        { "file", 'f', OPTION_TEXT, "FILE", "the whole policy as JSON; - is standard input",
          &file },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder policy update", "ID", "replace a transfer policy; it keeps its id",
        "A policy that is marked four_eyes, and one whose level of attestation becomes lower,\n"
        "changes when a second person approves it."
    };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &id, &rc))
        return rc;
    if (!file) {
        fprintf(stderr, "warder: --file is needed\n");
        return EXIT_USAGE;
    }
    rc = read_document(file, remarks, &document);
    if (!rc)
        rc = lint_print(file, remarks);
    if (!rc)
        rc = pending_path("/kbs/v1/key-transfer-policies/", id, "", &path);
    if (!rc)
        rc = session_open(&options, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "PUT", buf_str(&path), document, &answer);
    return rc ? rc : session_answer(&s, answer);
}

static int lint_file(int argc, char **argv)
{
    const char *path, *output = NULL;
    const struct option_row rows[] = { OUTPUT_OPTION(output), { 0 } };
    const struct command_help help = { "warder policy lint", "FILE",
                                       "check a transfer policy without storing it",
                                       "Exit status: 0 it is good, 1 it is not." };
    json_t *document owned(json_free) = NULL;
    json_t *remarks owned(json_free) = json_array();
    bool json;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &path, &rc))
        return rc;
    if (!output_is_json(output, &json))
        return EXIT_USAGE;
    rc = read_document(path, remarks, &document);
    return rc ? rc : lint_report(path, remarks, json);
}

static void explain(const struct transfer_policy *p)
{
    json_t *words owned(json_free) = NULL;
    char *types owned(free) = json_dumps(p->attestation_types, JSON_COMPACT);
    char *applied owned(free) = json_dumps(p->policy_ids, JSON_COMPACT);

    printf("Attestation: %s", attestation_level_name(p->attestation));
    if (p->attestation != ATTESTATION_NONE)
        printf("; TEE one of %s; appraisal policies met: %s", types ? types : "",
               applied ? applied : "");
    putchar('\n');
    if (p->permissions_all || p->permissions_any || p->certificate_issuers)
        printf("The client's token or certificate must fit besides: warder policy show\n");
    if (p->conditions && !failed(policy_words(p->conditions, &words)))
        policy_words_print(words);
}

static int explain_file(int argc, char **argv)
{
    const char *path;
    const struct option_row rows[] = { { 0 } };
    const struct command_help help = { "warder policy explain", "FILE",
                                       "a transfer policy in plain words", NULL };
    struct transfer_policy *p owned(transfer_policy_free) = NULL;
    json_t *document owned(json_free) = NULL, *remarks owned(json_free) = json_array();
    char *message owned(free) = NULL;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &path, &rc))
        return rc;
    rc = read_document(path, remarks, &document);
    if (!rc)
        rc = lint_print(path, remarks);
    if (rc)
        return rc;
    struct err e = transfer_policy_parse(document, &p, &message);
    if (failed(e))
        return print_failure(e, path, NULL);
    explain(p);
    return EXIT_OK;
}

static int policy_list(int argc, char **argv)
{
    return list_rows(argc, argv, SERVICE_KBS, "/kbs/v1/key-transfer-policies", "warder policy list",
                     "transfer policies",
                     (const struct column[]){ { "id", "ID" },
                                              { "name", "NAME" },
                                              { "attestation", "ATTESTATION" },
                                              { "attestation_types", "TYPES" },
                                              { "version", "VERSION" },
                                              { "created_at", "CREATED" },
                                              { 0 } });
}

static int policy_show(int argc, char **argv)
{
    return show_one(argc, argv, SERVICE_KBS, "/kbs/v1/key-transfer-policies/", "warder policy show",
                    "one transfer policy");
}

static int policy_delete(int argc, char **argv)
{
    return delete_one(argc, argv, SERVICE_KBS, "/kbs/v1/key-transfer-policies/",
                      "warder policy delete", "delete a transfer policy that no key uses");
}

int cli_policy(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "create", policy_create, "make one" },
        { "list", policy_list, "all of them" },
        { "show", policy_show, "one of them" },
        { "update", policy_update, "replace one" },
        { "delete", policy_delete, "delete one" },
        { "pending", pending_list, "changes that wait for a second person" },
        { "approve", pending_approve, "let a change happen that somebody else asked for" },
        { "reject", pending_reject, "refuse such a change, or take your own back" },
        { "test", policy_test, "what would happen to a request for a key, and why" },
        { "lint", lint_file, "check a file" },
        { "explain", explain_file, "in plain words" },
        { 0 },
    };
    return verb_dispatch("warder policy", "transfer policies: who may have a key", verbs, argc,
                         argv);
}
