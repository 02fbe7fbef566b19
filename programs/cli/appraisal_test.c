// SPDX-License-Identifier: Apache-2.0
/* warder appraisal test: what a policy would say of evidence, of claims, or of a past request. */
#include "cli/appraisal.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/policy_source.h"
#include "cli/verify.h"
#include "crypto/random.h"

#define CLAIMS_MAX (256U << 10)
#define NOT_MET EXIT_ERROR

struct trial {
    struct verify_options verify;
    const char *request, *claims_file, *policy;
    json_t *claims; /* what the policy is tried on */
    const char *source, *refusal;
    bool claims_only; /* of a past request: as they were written down */
    bool partial;     /* claims may be missing because nobody wrote them down */
    int64_t at;
    json_t *whole; /* where claims and texts are from */
};

static void trial_donep(struct trial *t)
{
    json_free(t->claims);
    json_free(t->whole);
}

static int claims_from_evidence(struct trial *t)
{
    bool good = false;
    int rc = verify_file(&t->verify, &t->at, &t->whole, &good);

    if (rc)
        return rc;
    t->source = "evidence";
    t->claims = json_incref(json_object_get(t->whole, "claims"));
    if (!good)
        t->refusal = json_string_value(json_object_get(t->whole, "reason"));
    return EXIT_OK;
}

static int claims_from_file(struct trial *t)
{
    struct buf text owned(buf_done) = buf_of(CLAIMS_MAX);
    struct err e = file_read(t->claims_file, &text);

    if (!failed(e))
        e = json_parse_object(buf_span(&text), &t->whole);
    if (failed(e))
        return print_failure(e, t->claims_file, NULL);
    json_t *inside =
        json_object_get(t->whole, "claims"); /* the JSON of `warder verify`, or claims alone */
    t->source = "claims";
    t->claims = json_incref(json_is_object(inside) ? inside : t->whole);
    return EXIT_OK;
}

/* {"claims", "tcb"} of an audit record: those that the key broker wrote down. */
static void take_record(struct trial *t, json_t *record)
{
    t->claims = json_copy(json_object_get(record, "claims"));
    if (!t->claims)
        t->claims = json_object();
    json_object_update(t->claims, json_object_get(record, "tcb"));
    t->source = "audit record";
    t->partial = true;
    t->whole = json_incref(record);
}

static bool listed(const json_t *decisions, const char *id)
{
    const json_t *one, *rows = rows_of(decisions);
    size_t i;

    json_array_foreach(
        rows, i,
        one) if (!strcmp(json_string_value(json_object_get(one, "id")) ?: "", id)) return true;
    return false;
}

/* The attestation service keeps the evidence of past requests: it verifies it once more. */
static int claims_from_kept(struct session *s, struct trial *t, const char *id)
{
    struct buf path owned(buf_done) = buf_of(256);
    json_t *body owned(json_free) = json_object();
    const char *at = t->verify.at ? t->verify.at : "then", *when;

    buf_addf(&path, "/as/v1/decisions/%s/verify", id);
    json_set_str(body, "at", at);
    json_free(t->whole);
    t->whole = NULL;
    int rc = session_call(s, SERVICE_AS, "POST", buf_str(&path), body, &t->whole);
    if (rc) {
        fprintf(stderr, "  --claims-only tries the claims that were written down instead\n");
        return rc;
    }
    when = json_string_value(json_object_get(t->whole, "at"));
    if (!when || failed(clock_parse(span_str(when), &t->at)))
        return print_failure(FAIL(UPSTREAM, "an answer without a time"), "attestation service",
                             NULL);
    t->source = strcmp(at, "now") ? "evidence kept, as of then" : "evidence kept, as of now";
    t->claims = json_incref(json_object_get(t->whole, "claims"));
    if (strcmp(json_string_value(json_object_get(t->whole, "verdict")) ?: "", "verified"))
        t->refusal = json_string_value(json_object_get(t->whole, "reason")) ?: "no reason given";
    return EXIT_OK;
}

/* It remembers the latest decisions with all their claims. */
static int claims_from_decision(struct session *s, struct trial *t, const char *id)
{
    struct buf path owned(buf_done) = buf_of(256);

    buf_addf(&path, "/as/v1/decisions/%s", id);
    json_free(t->whole);
    t->whole = NULL;
    int rc = session_call(s, SERVICE_AS, "GET", buf_str(&path), NULL, &t->whole);
    if (rc)
        return rc;
    t->source = "decision";
    t->claims = json_incref(json_object_get(t->whole, "claims"));
    return EXIT_OK;
}

static int past_decision(struct session *s, struct trial *t, const char *id)
{
    return t->claims_only ? claims_from_decision(s, t, id) : claims_from_kept(s, t, id);
}

/* The record of the key broker names the decision; where that is forgotten, the claims that it
 * wrote down itself, if that is asked for. */
static int claims_from_record(struct session *s, struct trial *t, const json_t *decisions)
{
    struct buf path owned(buf_done) = buf_of(256);
    json_t *record owned(json_free) = NULL;

    buf_addf(&path, "/kbs/v1/audit/%s", t->request);
    int rc = session_call(s, SERVICE_KBS, "GET", buf_str(&path), NULL, &record);
    if (rc)
        return rc;
    const char *id =
        json_string_value(json_object_get(json_object_get(record, "attestation"), "id"));
    if (id && uuid_valid(span_str(id)) && listed(decisions, id))
        return past_decision(s, t, id);
    if (!json_object_get(record, "claims")) {
        fprintf(stderr, "warder: nothing was attested in this request\n");
        return EXIT_ERROR;
    }
    if (!t->claims_only) {
        fprintf(stderr, "warder: the evidence of this request is not kept\n"
                        "  --claims-only tries the claims that were written down instead\n");
        return EXIT_ERROR;
    }
    take_record(t, record);
    return EXIT_OK;
}

static int claims_from_request(struct trial *t)
{
    struct session s owned(session_close) = { 0 };
    json_t *decisions owned(json_free) = NULL;

    if (!uuid_valid(span_str(t->request))) {
        fprintf(stderr, "warder: --request takes the id of an audit record, or of a decision\n");
        return EXIT_USAGE;
    }
    int rc = session_open(&t->verify.session, &s);
    if (!rc)
        rc = session_call(&s, SERVICE_AS, "GET", "/as/v1/decisions", NULL, &decisions);
    if (rc)
        return rc;
    return listed(decisions, t->request) ? past_decision(&s, t, t->request)
                                         : claims_from_record(&s, t, decisions);
}

static int claims_from_past(struct trial *t)
{
    const char *at = t->verify.at;

    if (at && strcmp(at, "then") && strcmp(at, "now")) {
        fprintf(stderr, "warder: with --request, --at takes then or now\n");
        return EXIT_USAGE;
    }
    return claims_from_request(t);
}

static int claims_find(struct trial *t)
{
    const struct verify_options *v = &t->verify;

    t->at = clock_now();
    if (!!v->evidence + !!t->request + !!t->claims_file != 1) {
        fprintf(stderr, "warder: exactly one of --evidence, --request and --claims\n");
        return EXIT_USAGE;
    }
    if (t->claims_only && !t->request) {
        fprintf(stderr, "warder: --claims-only is of a --request\n");
        return EXIT_USAGE;
    }
    if (v->evidence)
        return claims_from_evidence(t);
    if (t->request && !t->claims_only)
        return claims_from_past(t);
    if (v->at && failed(clock_parse(span_str(v->at), &t->at))) {
        fprintf(stderr,
                "warder: --at takes RFC 3339 (2026-11-23T12:00:00Z) or seconds since 1970\n");
        return EXIT_USAGE;
    }
    return t->request ? claims_from_request(t) : claims_from_file(t);
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

static void print_findings(const json_t *alternative)
{
    const json_t *f;
    size_t i;

    json_array_foreach(json_object_get(alternative, "failed"), i, f)
    {
        char *expected owned(free) =
            json_dumps(json_object_get(f, "expected"), JSON_ENCODE_ANY | JSON_COMPACT);
        char *actual owned(free) =
            json_dumps(json_object_get(f, "actual"), JSON_ENCODE_ANY | JSON_COMPACT);
        printf("    %s %s %.300s\n      found: %.300s\n", text_of(f, "claim"),
               text_of(f, "operator"), expected ? expected : "",
               actual && strcmp(actual, "null") ? actual : "absent");
    }
}

static void print_change(const json_t *answer)
{
    const json_t *one, *changes = json_object_get(answer, "smallest_change"),
                       *edits = json_object_get(answer, "policy_change");
    size_t i;

    printf("\nThe smallest change that would pass (%s):\n", text_of(answer, "nearest"));
    json_array_foreach(changes, i, one)
    {
        const json_t *instead = json_object_get(json_array_get(edits, i), "instead");
        printf("  ");
        print_clean(stdout, span_str(text_of(one, "needed")));
        putchar('\n');
        char *text owned(free) = json_is_object(instead) ? json_dumps(instead, JSON_COMPACT) : NULL;
        if (text)
            printf("    or, in the policy at %s: %.300s\n", text_of(one, "path"), text);
    }
}

static void print_trial(const struct trial *t, const json_t *answer)
{
    bool met = json_is_true(json_object_get(answer, "met"));
    const json_t *alternative;
    size_t i;

    printf("%s  (%s%s)\n", met ? "MET" : "NOT MET", t->source,
           t->partial ? ": only the claims that it keeps" : "");
    if (t->refusal) {
        printf("  the evidence itself is refused: ");
        print_clean(stdout, span_str(t->refusal));
        putchar('\n');
    }
    if (met)
        return;
    json_array_foreach(json_object_get(answer, "alternatives"), i, alternative)
    {
        printf("  %s failed:\n", text_of(alternative, "path"));
        print_findings(alternative);
    }
    print_change(answer);
}

static int report(const struct trial *t, const struct policy *p, bool json)
{
    json_t *answer owned(json_free) = NULL;
    struct err e = policy_trial(p, t->claims, t->at, &answer);

    if (failed(e))
        return print_failure(e, "test", NULL);
    bool met = json_is_true(json_object_get(answer, "met"));
    json_set_str(answer, "source", t->source);
    json_set_bool(answer, "all_claims", !t->partial);
    json_set_str(answer, "evidence_refused", t->refusal);
    if (json)
        print_json(answer);
    else
        print_trial(t, answer);
    return met && !t->refusal ? EXIT_OK : NOT_MET;
}

int appraisal_test(int argc, char **argv)
{
    struct trial t owned(trial_done) = { 0 };
    const struct option_row rows[] = {
        { "evidence", 'e', OPTION_TEXT, "FILE", "a quote or an evidence bundle, verified first",
          &t.verify.evidence },
        { "request", 0, OPTION_TEXT, "ID",
          "a past request: id of an audit record, or of a decision", &t.request },
        { "claims", 0, OPTION_TEXT, "FILE",
          "claims as JSON, or the answer of warder verify -o json", &t.claims_file },
        { "claims-only", 0, OPTION_FLAG, NULL,
          "of a past request: the claims that were written down, where no evidence is kept",
          &t.claims_only },
        VERIFY_OPTIONS(t.verify),
        SESSION_OPTIONS(t.verify.session),
        { 0 },
    };
    const struct command_help help = {
        "warder appraisal test", "FILE|NAME[@VERSION]",
        "what a policy would say, without asking for a token",
        "Of a refusal: what failed in each alternative, and the smallest change that would pass. "
        "The "
        "evidence of a past\n"
        "request is verified once more by the attestation service, if it keeps it: --at then (the "
        "default) by the\n"
        "collateral and the time of the request, --at now by those of today and the deny list. "
        "With --claims-only it is\n"
        "tried by the claims that the service remembers, or else by those that the audit record "
        "keeps.\n\n"
        "Exit status: 0 the policy is met, 1 it is not, or the evidence is refused."
    };
    struct policy *p owned(policy_free) = NULL;
    bool json;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &t.policy, &rc))
        return rc;
    if (!output_is_json(t.verify.session.output, &json))
        return EXIT_USAGE;
    rc = policy_from_operand(&t.verify.session, t.policy, &p);
    if (!rc)
        rc = claims_find(&t);
    return rc ? rc : report(&t, p, json);
}

int appraisal_decisions(int argc, char **argv)
{
    return list_rows(argc, argv, SERVICE_AS, "/as/v1/decisions", "warder appraisal decisions",
                     "the latest decisions of the attestation service, for test --request",
                     (const struct column[]){ { "id", "ID" },
                                              { "time", "TIME" },
                                              { "verdict", "VERDICT" },
                                              { "tee", "TEE" },
                                              { "evidence_kept", "KEPT" },
                                              { "evidence_digest", "EVIDENCE" },
                                              { 0 } });
}
