// SPDX-License-Identifier: Apache-2.0
/* warder appraisal from-evidence, from-sigstruct, from-bundle: policies from reference values, on
 * standard output. */
#include "cli/appraisal.h"

#include "base/clock.h"
#include "base/file.h"
#include "cli/lint.h"
#include "cli/policy_source.h"
#include "cli/verify.h"
#include "crypto/crypto.h"
#include "policy/default_policy.h"
#include "policy/reference.h"
#include "token/measurements.h"
#include "verify/sigstruct_check.h"

#define KEYS_MAX (64U << 10)

#define BASE_OPTION(to)                                                                            \
    {                                                                                              \
        "base", 0, OPTION_TEXT, "POLICY",                                                          \
            "what must hold besides: FILE, NAME or none (default: the built-in default)", &(to)    \
    }

/* The base policy's document; NULL in *out for none. */
static int base_read(const struct session_options *options, const char *named, json_t **out)
{
    struct policy *p owned(policy_free) = NULL;

    if (named && !strcmp(named, "none"))
        return EXIT_OK;
    if (!named) {
        struct err e = default_policy_document(&(struct default_policy){ 0 }, out);
        return failed(e) ? print_failure(e, "default policy", NULL) : EXIT_OK;
    }
    int rc = policy_from_operand(options, named, &p);
    if (!rc)
        *out = json_deep_copy(policy_document(p));
    return rc;
}

/* The policy, checked, on standard output: for a file, or for create --file -. */
static int policy_write(const char *from, const json_t *base, const json_t *sets)
{
    json_t *document owned(json_free) = NULL, *remarks owned(json_free) = NULL;
    struct err e = reference_policy(base, sets, &document);

    if (!failed(e))
        e = policy_check(document, NULL, &remarks);
    if (failed(e))
        return print_failure(e, from, NULL);
    int rc = lint_print(from, remarks);
    if (!rc)
        print_json(document);
    return rc;
}

static int claims_write(const char *from, const json_t *base, const json_t *claims, bool exact)
{
    json_t *set = NULL;
    struct err e = reference_set(claims, exact, &set);

    if (failed(e))
        return print_failure(e, from, NULL);
    json_t *sets owned(json_free) = json_pack("[o]", set);
    return policy_write(from, base, sets);
}

static int refuse_debug(const char *from)
{
    fprintf(stderr,
            "warder: %s: made for debugging: its owner can read and change it, so its measurement "
            "says nothing\n",
            from);
    return EXIT_DENIED;
}

int appraisal_from_evidence(int argc, char **argv)
{
    struct verify_options v = { 0 };
    const char *named = NULL;
    bool signer = false, good = false;
    const struct option_row rows[] = {
        { "signer", 0, OPTION_FLAG, NULL, "leave out what another build by the same signer changes",
          &signer },
        BASE_OPTION(named),
        VERIFY_OPTIONS(v),
        SESSION_OPTIONS(v.session),
        { 0 },
    };
    const struct command_help help = { "warder appraisal from-evidence", "EVIDENCE",
                                       "a policy for the workload that this evidence is of",
                                       "The evidence is verified first: reference values come from "
                                       "what was signed. The policy is written to standard\n"
                                       "output: warder appraisal from-evidence quote.bin "
                                       ">web.json\n\nExit status: 0 written, 1 not, 3 refused." };
    json_t *answer owned(json_free) = NULL, *base owned(json_free) = NULL;
    int64_t at;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &v.evidence, &rc))
        return rc;
    rc = base_read(&v.session, named, &base);
    if (!rc)
        rc = verify_file(&v, &at, &answer, &good);
    if (rc)
        return rc;
    const json_t *claims = json_object_get(answer, "claims");
    if (!good) {
        fprintf(stderr, "warder: %s: refused: ", v.evidence);
        print_clean(stderr, span_str(json_string_value(json_object_get(answer, "reason")) ?: ""));
        putc('\n', stderr);
        return EXIT_DENIED;
    }
    if (json_is_true(json_object_get(claims, "debug")))
        return refuse_debug(v.evidence);
    return claims_write(v.evidence, base, claims, !signer);
}

int appraisal_from_sigstruct(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *path, *named = NULL;
    bool signer = false;
    const struct option_row rows[] = {
        { "signer", 0, OPTION_FLAG, NULL, "leave out what another build by the same signer changes",
          &signer },
        BASE_OPTION(named),
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = { "warder appraisal from-sigstruct", "FILE",
                                       "a policy for the SGX enclave that this SIGSTRUCT is of",
                                       "Its RSA signature is checked; MRSIGNER is the hash of its "
                                       "key. The SVN becomes a minimum.\n\n"
                                       "Exit status: 0 written, 1 not a SIGSTRUCT, 3 refused." };
    struct buf bytes owned(buf_done) = buf_of(SIGSTRUCT_SIZE + 1);
    json_t *claims owned(json_free) = NULL, *base owned(json_free) = NULL;
    struct sigstruct s;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &path, &rc))
        return rc;
    rc = base_read(&options, named, &base);
    if (rc)
        return rc;
    struct err e = crypto_start(CRYPTO_MEMORY_PLAIN);
    if (!failed(e))
        e = file_read(path, &bytes);
    if (!failed(e))
        e = sigstruct_parse(buf_span(&bytes), &s);
    if (!failed(e))
        e = sigstruct_check(&s, &claims);
    if (failed(e))
        return print_failure(e, path, NULL);
    if (sigstruct_is_debug(&s))
        return refuse_debug(path);
    json_set_str(claims, "tee", "sgx");
    return claims_write(path, base, claims, !signer);
}

static int bundle_read(const char *path, const char *keys_path, json_t **bundle)
{
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX),
                    keys owned(buf_done) = buf_of(KEYS_MAX);
    struct jwks *set owned(jwks_free) = NULL;
    struct err e = crypto_start(CRYPTO_MEMORY_PLAIN);

    if (!failed(e))
        e = file_read(keys_path, &keys);
    if (!failed(e))
        e = jwks_parse(buf_span(&keys), &set);
    if (failed(e))
        return print_failure(e, keys_path,
                             "a JWK set with the public keys of those who sign bundles");
    e = file_read(path, &text);
    struct span jws = buf_span(&text);
    while (jws.len && (jws.at[jws.len - 1] == '\n' || jws.at[jws.len - 1] == '\r'))
        jws.len--;
    if (!failed(e))
        e = measurements_verify(jws, set, clock_now(), bundle);
    return failed(e) ? print_failure(e, path, NULL) : EXIT_OK;
}

int appraisal_from_bundle(int argc, char **argv)
{
    struct session_options options = { 0 };
    const char *path, *keys = NULL, *named = NULL;
    const struct option_row rows[] = {
        { "keys", 0, OPTION_TEXT, "FILE", "JWK set of those who may sign bundles", &keys },
        BASE_OPTION(named),
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder appraisal from-bundle", "FILE", "a policy from a signed measurement bundle",
        "docs/policy-language.md describes bundles. 'warder appraisal import' has the service do "
        "the same\n"
        "with the keys of its configuration.\n\nExit status: 0 written, 1 not a bundle, 3 refused."
    };
    json_t *bundle owned(json_free) = NULL, *base owned(json_free) = NULL;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &path, &rc))
        return rc;
    if (!keys) {
        fprintf(stderr, "warder: --keys is needed\n");
        return EXIT_USAGE;
    }
    rc = base_read(&options, named, &base);
    if (!rc)
        rc = bundle_read(path, keys, &bundle);
    return rc ? rc : policy_write(path, base, json_object_get(bundle, "sets"));
}
