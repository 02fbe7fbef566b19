// SPDX-License-Identifier: Apache-2.0
/* warder policy test: what would happen to a request for a key, and why. The broker decides, as it
 * decides on a release, and releases nothing. */
#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/decision.h"
#include "cli/pending.h"
#include "cli/policy.h"
#include "evidence/bundle.h"
#include "evidence/quote.h"

#define CLAIMS_MAX (256U << 10)
#define CERTIFICATE_MAX (64U << 10)

struct wish {
    const char *key, *evidence, *claims, *record, *file, *permissions, *certificate, *source, *at;
    struct session_options session;
};

static int read_object(const char *path, json_t **out)
{
    struct buf text owned(buf_done) = buf_of(CLAIMS_MAX);
    struct err e = file_read(path, &text);

    if (!failed(e))
        e = json_parse_object(buf_span(&text), out);
    return failed(e) ? print_failure(e, path, NULL) : EXIT_OK;
}

static fallible kind_of(const struct bundle_piece *piece, enum piece_kind *kind)
{
    struct quote q;

    *kind = piece->kind;
    if (piece->kind != PIECE_ANY_QUOTE)
        return OK;
    TRY(quote_parse(piece->bytes, &q));
    *kind = q.tee == QUOTE_TDX ? PIECE_TDX_QUOTE : PIECE_SGX_QUOTE;
    return OK;
}

/* A wrapper as it is; a bare piece becomes a record. */
static fallible wrap(struct span file, json_t **out)
{
    struct bundle b owned(bundle_done) = { 0 };
    struct buf record owned(buf_done) = buf_of(2 * EVIDENCE_MAX);
    enum piece_kind kind;

    if (!failed(json_parse(file, out)))
        return OK;
    TRY(bundle_parse(file, &b));
    TRY(kind_of(&b.pieces[0], &kind));
    TRY(bundle_write_record(kind, b.pieces[0].bytes, &record));
    return json_parse(buf_span(&record), out);
}

static int add_evidence(const char *path, json_t *body)
{
    struct buf file owned(buf_done) = buf_of(EVIDENCE_MAX);
    json_t *evidence = NULL;
    struct err e = file_read(path, &file);

    if (!failed(e))
        e = wrap(buf_span(&file), &evidence);
    if (failed(e))
        return print_failure(e, path, NULL);
    json_object_set_new(body, "evidence", evidence);
    return EXIT_OK;
}

/* The JSON of warder verify, or claims alone. */
static int add_claims(const char *path, json_t *body)
{
    json_t *whole owned(json_free) = NULL;
    int rc = read_object(path, &whole);
    json_t *inside = json_object_get(whole, "claims");

    if (!rc)
        json_object_set(body, "claims", json_is_object(inside) ? inside : whole);
    return rc;
}

static int add_policy(const char *path, json_t *body)
{
    json_t *policy = NULL;
    int rc = read_object(path, &policy);

    if (!rc)
        json_object_set_new(body, "policy", policy);
    return rc;
}

/* The certificate alone: a key in the same file stays here. */
static int add_certificate(const char *path, json_t *client)
{
    static const char begin[] = "-----BEGIN CERTIFICATE-----", end[] = "-----END CERTIFICATE-----";
    struct buf file owned(buf_done) = buf_of(CERTIFICATE_MAX);
    struct err e = file_read(path, &file);
    struct span text = buf_span(&file);

    if (!failed(e)) {
        text = span_tail(text, span_find(text, span_str(begin)));
        size_t at = span_find(text, span_str(end));
        if (at == text.len)
            e = FAIL(INPUT, "no certificate in PEM form");
        text = span_head(text, at + strlen(end));
    }
    if (failed(e))
        return print_failure(e, path, NULL);
    json_set_span(client, "certificate", text);
    return EXIT_OK;
}

static int add_client(const struct wish *w, json_t *body)
{
    json_t *client = w->permissions || w->certificate || w->source ? json_object() : NULL;

    if (!client)
        return EXIT_OK;
    json_object_set_new(body, "client", client);
    json_set_str(client, "source", w->source);
    if (w->permissions)
        json_object_set_new(client, "permissions", list_of(w->permissions));
    return w->certificate ? add_certificate(w->certificate, client) : EXIT_OK;
}

static int add_time(const char *given, json_t *body)
{
    char text[CLOCK_TEXT_MAX];
    int64_t at;

    if (!given)
        return EXIT_OK;
    if (failed(clock_parse(span_str(given), &at))) {
        fprintf(stderr,
                "warder: --at takes RFC 3339 (2026-11-23T12:00:00Z) or seconds since 1970\n");
        return EXIT_USAGE;
    }
    json_set_str(body, "at", clock_format(at, text));
    return EXIT_OK;
}

static int body_of(const struct wish *w, json_t *body)
{
    int rc = EXIT_OK;

    json_set_str(body, "record", w->record);
    if (w->evidence)
        rc = add_evidence(w->evidence, body);
    if (!rc && w->claims)
        rc = add_claims(w->claims, body);
    if (!rc && w->file)
        rc = add_policy(w->file, body);
    if (!rc)
        rc = add_client(w, body);
    return rc ? rc : add_time(w->at, body);
}

static bool makes_sense(const struct wish *w)
{
    if (!w->key)
        fprintf(stderr, "warder: --key is needed\n");
    else if (!!w->evidence + !!w->claims + !!w->record > 1)
        fprintf(stderr, "warder: at most one of --evidence, --claims and --record\n");
    else if (w->record && (w->permissions || w->certificate || w->source))
        fprintf(stderr, "warder: a record has its own client\n");
    else
        return true;
    return false;
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static void print_line(const json_t *answer, const char *before, const char *name)
{
    if (!*text_of(answer, name))
        return;
    fputs(before, stdout);
    print_clean(stdout, span_str(text_of(answer, name)));
    putchar('\n');
}

static void print_record(const json_t *record)
{
    const json_t *missing = json_object_get(record, "claims_not_recorded"), *claim;
    size_t i;

    if (!record)
        return;
    printf("As then: the decision is %s, the policy %s.\n",
           json_is_true(json_object_get(record, "same_decision")) ? "the same" : "another",
           json_is_true(json_object_get(record, "same_policy")) ? "has not changed" : "is another");
    json_array_foreach(missing, i, claim)
    {
        fputs("  not on record: ", stdout);
        print_clean(stdout, span_str(json_string_value(claim)));
        putchar('\n');
    }
}

static int report(const struct session *s, const json_t *answer)
{
    bool refused = !strcmp(text_of(answer, "decision"), "refused");

    if (s->json) {
        print_json(answer);
        return refused ? EXIT_ERROR : EXIT_OK;
    }
    if (refused)
        print_line(answer, "REFUSED  ", "code");
    else
        puts(strcmp(text_of(answer, "decision"), "used") ? "RELEASED" : "USED");
    print_line(answer, "  ", "reason");
    print_line(answer, "  require would refuse: ", "would_refuse");
    print_line(answer, "  level: ", "level");
    print_line(answer, "  as of: ", "at");
    print_record(json_object_get(answer, "record"));
    decision_print(answer);
    if (json_object_get(answer, "not_checked"))
        puts("How the key would be wrapped (wrapping_anyof) only a release can tell.");
    return refused ? EXIT_ERROR : EXIT_OK;
}

static int ask(const struct wish *w, const json_t *body)
{
    struct buf path owned(buf_done) = buf_of(512);
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL;
    int rc = pending_path("/kbs/v1/keys/", w->key, "/policy-test", &path);

    if (!rc)
        rc = session_open(&w->session, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_KBS, "POST", buf_str(&path), body, &answer);
    return rc ? rc : report(&s, answer);
}

int policy_test(int argc, char **argv)
{
    struct wish w = { 0 };
    const struct option_row rows[] = {
        { "key", 0, OPTION_TEXT, "ID", "the key that would be asked for", &w.key },
        { "evidence", 'e', OPTION_TEXT, "FILE",
          "a quote or an evidence bundle; the attestation service appraises it", &w.evidence },
        { "claims", 0, OPTION_TEXT, "FILE",
          "claims as JSON, or the answer of warder verify -o json, as if they had been found",
          &w.claims },
        { "record", 0, OPTION_TEXT, "ID", "the request of this audit record once more", &w.record },
        { "file", 'f', OPTION_TEXT, "FILE", "a policy to try in place of the key's own", &w.file },
        { "permissions", 0, OPTION_TEXT, "LIST",
          "of the client's role KBS:KeyTransfer; without, it has no token", &w.permissions },
        { "client-cert", 0, OPTION_TEXT, "FILE", "the client's TLS certificate, PEM",
          &w.certificate },
        { "source", 0, OPTION_TEXT, "ADDRESS", "the client's address", &w.source },
        { "at", 0, OPTION_TEXT, "TIME",
          "for this time: RFC 3339 or seconds since 1970 (default: now, of a record its own)",
          &w.at },
        SESSION_OPTIONS(w.session),
        { 0 },
    };
    const struct command_help help = {
        "warder policy test", "", "what would happen to a request for a key, and why",
        "Nothing is released, counted or spent. Without --evidence, --claims and --record the "
        "client has no TEE.\n\n"
        "Exit status: 0 it would be released, 1 it would be refused."
    };
    json_t *body owned(json_free) = json_object();
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!makes_sense(&w))
        return EXIT_USAGE;
    rc = body_of(&w, body);
    return rc ? rc : ask(&w, body);
}
