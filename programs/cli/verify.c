// SPDX-License-Identifier: Apache-2.0
/*
 * warder verify: evidence in, verdict out. Exit 0: verified, and the policy is met. 1: refused,
 * whatever the reason, with the JSON. 2: wrong usage, or a file that cannot be opened.
 */
#include "cli/verify.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/collateral_fetch.h"
#include "collateral/collateral_dir.h"
#include "evidence/bundle.h"
#include "policy/policy.h"
#include "verify/verify.h"

#define ROOT_FILE_MAX (64U << 10)
#define REFUSED EXIT_ERROR

struct verify_inputs {
    struct buf evidence;
    int64_t at;
    struct verifier *verifier;
    struct policy *policy; /* NULL: none */
    struct collateral_set *collateral;
};

static void inputs_done(struct verify_inputs *in)
{
    buf_done(&in->evidence);
    collateral_set_free(in->collateral);
    verifier_free(in->verifier);
    policy_free(in->policy);
}
static inline void inputs_donep(struct verify_inputs *in)
{
    inputs_done(in);
}

static int unusable(const char *what, struct err e)
{
    fprintf(stderr, "warder: %s: %s\n", what, e.what);
    return EXIT_USAGE;
}

/* False: over, with the exit status. */
static bool options_read(int argc, char **argv, struct verify_options *o, int *rc)
{
    const struct option_row rows[] = {
        VERIFY_OPTIONS(*o),
        { "policy", 0, OPTION_TEXT, "FILE", "policy that the claims must meet", &o->policy },
        SESSION_OPTIONS(o->session),
        { 0 },
    };
    const struct command_help help = { "warder verify", "EVIDENCE",
                                       "verify a quote or an evidence bundle",
                                       "Without --policy no policy is applied: the vendor's status "
                                       "is reported, and only a failed check, a\n"
                                       "revoked platform or one that reaches no TCB level is "
                                       "refused. EVIDENCE may be - for standard input.\n"
                                       "A root certificate in DIR is never trusted.\n\n"
                                       "Exit status: 0 verified, and the policy met; 1 refused; 2 "
                                       "wrong usage, or a file that cannot be opened." };

    if (!verb_options(argc, argv, rows, &help, 1, &o->evidence, rc))
        return false;
    *rc = EXIT_USAGE;
    if (o->collateral && o->tcs)
        fprintf(stderr, "warder: verify takes --collateral or --tcs but not both\n  see warder "
                        "verify --help\n");
    else if (output_is_json(o->session.output, &o->json))
        return true;
    return false;
}

static int evidence_read(const char *path, struct verify_inputs *in)
{
    struct err e = file_read(path, &in->evidence);

    /* Too large for evidence of any kind: refused as such, with the answer's usual form. */
    if (e.kind == FAIL_LIMIT) {
        buf_done(&in->evidence);
        in->evidence = buf_of(EVIDENCE_MAX + 2);
        buf_extend(&in->evidence, EVIDENCE_MAX + 1);
        e = buf_check(&in->evidence);
    }
    return failed(e) ? unusable(path, e) : EXIT_OK;
}

static int policy_read(const char *path, struct verify_inputs *in)
{
    struct buf text owned(buf_done) = buf_of(POLICY_TEXT_MAX);
    char *message owned(free) = NULL;

    if (!path)
        return EXIT_OK;
    struct err e = file_read(path, &text);
    if (failed(e))
        return unusable(path, e);
    e = policy_parse(buf_span(&text), &in->policy, &message);
    if (!failed(e))
        return EXIT_OK;
    fprintf(stderr, "warder: %s: %s\n", path, message ? message : e.what);
    return EXIT_USAGE;
}

static int verifier_make(const char *root_file, struct verify_inputs *in)
{
    struct buf root owned(buf_done) = buf_of(ROOT_FILE_MAX);

    if (root_file) {
        struct err e = file_read(root_file, &root);
        if (failed(e))
            return unusable(root_file, e);
    }
    struct span extra = buf_span(&root);
    struct err e = verifier_new(&extra, root_file ? 1 : 0, &in->verifier);
    return failed(e) ? unusable(root_file ? root_file : "verifier", e) : EXIT_OK;
}

/* Empty where no file is named. */
static int optional_read(const char *path, struct buf *to)
{
    struct err e = path ? file_read(path, to) : OK;

    return failed(e) ? unusable(path, e) : EXIT_OK;
}

static int tpms_trust(const struct verify_options *o, struct verify_inputs *in)
{
    struct buf roots owned(buf_done) = buf_of(ROOT_FILE_MAX),
                     enrolled owned(buf_done) = buf_of(JSON_TEXT_MAX),
                     crl owned(buf_done) = buf_of(2 * CRL_DER_MAX);
    int rc = optional_read(o->tpm_root, &roots);

    if (!rc)
        rc = optional_read(o->tpm_enrolled, &enrolled);
    if (!rc)
        rc = optional_read(o->tpm_crl, &crl);
    if (rc)
        return rc;
    struct span extra = buf_span(&roots);
    struct err e =
        verifier_trust_tpms(in->verifier, &extra, o->tpm_root ? 1 : 0, buf_span(&enrolled));
    struct span list = buf_span(&crl);
    if (!failed(e) && o->tpm_crl)
        e = verifier_revoke_tpms(in->verifier, &list, 1);
    return failed(e) ? unusable("trust in TPMs", e) : EXIT_OK;
}

static int inputs_read(const struct verify_options *o, struct verify_inputs *in)
{
    in->evidence = buf_of(EVIDENCE_MAX + 1);
    in->at = clock_now();
    if (o->at && failed(clock_parse(span_str(o->at), &in->at))) {
        fprintf(stderr,
                "warder: --at takes RFC 3339 (2026-11-23T12:00:00Z) or seconds since 1970\n");
        return EXIT_USAGE;
    }
    int rc = evidence_read(o->evidence, in);
    if (!rc)
        rc = policy_read(o->policy, in);
    if (!rc)
        rc = verifier_make(o->root, in);
    return rc ? rc : tpms_trust(o, in);
}

static int set_load(struct verify_inputs *in, const struct collateral_raw *raw)
{
    struct err e = collateral_set_load(in->verifier, raw, &in->collateral);
    return failed(e) ? print_failure(e, "collateral", NULL) : EXIT_OK;
}

static int collateral_from_dir(const char *path, struct verify_inputs *in)
{
    struct collateral_dir dir owned(collateral_dir_done) = { 0 };
    struct err e = collateral_dir_load(path, &dir);

    if (failed(e))
        return unusable(path, e);
    struct collateral_raw raw = collateral_dir_raw(&dir);
    return set_load(in, &raw);
}

/* Which collateral the evidence needs; where only its PCK certificate says so and it carries none,
 * the cache has that. */
static fallible needs_find(struct http_client *http, const char *url,
                           const struct verify_inputs *in, struct fetched_collateral *parts,
                           struct collateral_key *key)
{
    struct span evidence = buf_span(&in->evidence);
    struct pck_query query;

    struct err e = evidence_needs(evidence, key);
    if (!failed(e) || failed(evidence_pck_query(evidence, &query)))
        return e;
    TRY(collateral_fetch_pck(http, url, &query, parts));
    return evidence_needs_with(evidence, buf_span(&parts->pck_cert_chain), key);
}

/* A cache that does not answer leaves the collateral missing, which is a refusal with its JSON. */
static int collateral_from_tcs(struct http_client *http, const char *url, struct verify_inputs *in)
{
    struct fetched_collateral parts owned(fetched_collateral_done) = { 0 };
    struct collateral_key key;

    fetched_collateral_init(&parts);
    struct err e = needs_find(http, url, in, &parts, &key);
    if (e.kind == FAIL_INPUT)
        return EXIT_OK;
    if (!failed(e))
        e = collateral_fetch(http, url, &key, &parts);
    if (failed(e)) {
        fprintf(stderr, "warder: no collateral from %s: %s\n", url, e.what);
        fprintf(stderr, "  is the address right? 'warder status' says which services are up\n");
        return EXIT_OK;
    }
    struct collateral_raw raw = fetched_collateral_raw(&parts);
    return set_load(in, &raw);
}

/* --tcs without a configuration file: TLS is verified with the system's store. Collateral is
 * signed; plain HTTP is for a cache on this machine. */
static int collateral_from_url(const struct verify_options *o, struct verify_inputs *in)
{
    struct session s owned(session_close) = { 0 };
    struct http_client *http owned(http_client_free) = NULL;
    bool configured = o->session.config || options_env("WARDER_CONFIG");
    int rc = configured ? session_open(&o->session, &s) : EXIT_OK;

    if (rc)
        return EXIT_USAGE;
    const struct http_client_config config = {
        .ca_file = s.ca_file, .plain_loopback = true, .tls12 = true, .timeout_ms = 30000
    };
    struct err e = http_client_new(&config, &http);
    return failed(e) ? unusable("TLS set-up", e) : collateral_from_tcs(http, o->tcs, in);
}

static int collateral_from_session(const struct verify_options *o, struct verify_inputs *in)
{
    struct session s owned(session_close) = { 0 };
    struct collateral_key key;
    struct pck_query query;
    struct span evidence = buf_span(&in->evidence);

    if (failed(evidence_needs(evidence, &key)) && failed(evidence_pck_query(evidence, &query)))
        return EXIT_OK; /* refused without asking anybody */
    if (session_open(&o->session, &s))
        return EXIT_USAGE;
    if (!s.urls[SERVICE_TCS]) {
        fprintf(stderr, "warder: the configuration names no tcs; use --collateral or --tcs\n");
        return EXIT_USAGE;
    }
    return collateral_from_tcs(s.http, s.urls[SERVICE_TCS], in);
}

static int collateral_find(const struct verify_options *o, struct verify_inputs *in)
{
    if (o->collateral)
        return collateral_from_dir(o->collateral, in);
    return o->tcs ? collateral_from_url(o, in) : collateral_from_session(o, in);
}

/* The policy's part of the answer; a policy that is not met turns the verdict. */
static fallible policy_apply(const struct policy *policy, int64_t at, json_t *answer, bool *met)
{
    struct policy_result result owned(policy_result_done) = { 0 };
    json_t *explained = NULL;

    *met = true;
    if (!policy)
        return OK;
    TRY(policy_evaluate(policy, json_object_get(answer, "claims"), at, &result));
    TRY(policy_explain(policy, &result, &explained));
    json_object_set_new(answer, "policy", explained);
    *met = result.met;
    if (*met || strcmp(json_string_value(json_object_get(answer, "verdict")), "verified") != 0)
        return OK;
    json_set_str(answer, "verdict", "refused");
    json_set_str(answer, "reason", "the claims do not meet the policy");
    return OK;
}

static fallible judge(const struct verify_inputs *in, json_t **answer, bool *good)
{
    struct verify_result *r owned(verify_result_free) = NULL;
    json_t *j owned(json_free) = NULL;
    bool met = false;

    TRY(verify_evidence(in->verifier, buf_span(&in->evidence), in->collateral, in->at,
                        (struct span){ 0 }, &r));
    TRY(verify_result_json(r, &j));
    TRY(policy_apply(in->policy, in->at, j, &met));
    *good = verify_result_verified(r) && met;
    *answer = TAKE(j);
    return OK;
}

/* In the order of what may be wrong: the files, then the services. */
static int verify(const struct verify_options *o, int64_t *at, json_t **answer, bool *good)
{
    struct verify_inputs in owned(inputs_done) = { 0 };
    int rc = inputs_read(o, &in);

    if (!rc)
        rc = collateral_find(o, &in);
    if (rc)
        return rc;
    *at = in.at;
    struct err e = judge(&in, answer, good);
    return failed(e) ? print_failure(e, "verify", NULL) : EXIT_OK;
}

int verify_file(const struct verify_options *o, int64_t *at, json_t **answer, bool *good)
{
    if (!o->collateral || !o->tcs)
        return verify(o, at, answer, good);
    fprintf(stderr, "warder: --collateral or --tcs, but not both\n");
    return EXIT_USAGE;
}

int cli_verify(int argc, char **argv)
{
    struct verify_options o = { 0 };
    json_t *answer owned(json_free) = NULL;
    bool good = false;
    int64_t at;

    int rc;
    if (!options_read(argc, argv, &o, &rc))
        return rc;
    rc = verify(&o, &at, &answer, &good);
    if (rc)
        return rc;
    if (o.json)
        print_json(answer);
    else
        verify_print(answer);
    return good ? EXIT_OK : REFUSED;
}
