// SPDX-License-Identifier: Apache-2.0
/* warder tpm: an attestation key is enrolled by the operator's word, or after its TPM has opened a
 * challenge. */
#include "cli/tpm.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "verify/tpm_enrolment.h"
#include "verify/tpm_revocation.h"

#define FILE_MAX (64U << 10)
#define CHALLENGE_LIFE 3600
#define DIGEST_PREFIX "sha256:"

struct tpm_options {
    const char *roots, *crl, *ek_certificate, *ek_public, *ak_public, *label, *out, *state, *secret,
        *enrolled, *output;
};

static int missing(const char *what)
{
    fprintf(stderr, "warder: %s\n", what);
    return EXIT_USAGE;
}

static void trust_donep(struct tpm_trust *t)
{
    tpm_trust_done(t);
}

/* Remembered between the challenge and its answer, mode 0600; the secret itself is not in it. */
static fallible state_save(const char *path, const struct tpm_enrolment *e, const char *label)
{
    json_t *j owned(json_free) = json_object();

    json_set_hex(j, "name", span_from(e->name, e->name_len));
    json_set_hex(j, "ek_certificate", SPAN_OF(e->ek_certificate));
    json_set_hex(j, "secret_hash", SPAN_OF(e->secret_hash));
    json_set_str(j, "label", label);
    json_set_int(j, "expires", clock_now() + CHALLENGE_LIFE);
    char *text owned(free) = json_text(j);
    return text ? file_create(path, span_str(text), 0600) : FAIL(SYSTEM, "out of memory");
}

static fallible hex_member(const json_t *j, const char *name, uint8_t *out, size_t size,
                           size_t *len)
{
    struct span text;

    TRY(json_get_str(j, name, "challenge's state", &text));
    *len = text.len / 2;
    if (*len > size)
        return FAIL(INPUT, "the challenge's state is malformed");
    return hex_parse_exact(text, out, *len);
}

static fallible state_load(const char *path, struct tpm_enrolment *e, json_t **out)
{
    struct buf text owned(buf_done) = buf_of(FILE_MAX);
    json_t *j owned(json_free) = NULL;
    uint64_t expires;
    size_t len;

    TRY(file_check_private(path));
    TRY(file_read(path, &text));
    TRY(json_parse_object(buf_span(&text), &j));
    TRY(hex_member(j, "name", e->name, sizeof(e->name), &e->name_len));
    TRY(hex_member(j, "ek_certificate", e->ek_certificate, sizeof(e->ek_certificate), &len));
    TRY(hex_member(j, "secret_hash", e->secret_hash, sizeof(e->secret_hash), &len));
    TRY(json_get_u64(j, "expires", INT64_MAX, "challenge's state: expires", &expires));
    if ((int64_t)expires < clock_now())
        return FAIL(DENIED, "the challenge is more than an hour old");
    *out = TAKE(j);
    return OK;
}

static fallible challenge_make(const struct tpm_options *o, struct tpm_enrolment *e,
                               struct buf *blob, const char **wrong)
{
    struct buf roots owned(buf_done) = buf_of(FILE_MAX),
                     certificate owned(buf_done) = buf_of(FILE_MAX);
    struct buf ek owned(buf_done) = buf_of(FILE_MAX), ak owned(buf_done) = buf_of(FILE_MAX),
                  crl owned(buf_done) = buf_of(2 * CRL_DER_MAX);
    struct tpm_trust trust owned(trust_done) = { .root_count = 0 };

    TRY(file_read(o->roots, &roots));
    TRY(file_read(o->ek_certificate, &certificate));
    TRY(file_read(o->ek_public, &ek));
    TRY(file_read(o->ak_public, &ak));
    if (o->crl)
        TRY(file_read(o->crl, &crl));
    struct span root = buf_span(&roots), list = buf_span(&crl);
    TRY(tpm_trust_init(&trust, &root, 1, (struct span){ 0 }));
    TRY(tpm_trust_lists(&trust, &list, o->crl ? 1 : 0));
    const struct tpm_enrolment_request q = { buf_span(&certificate), buf_span(&ek), buf_span(&ak) };
    return tpm_enrolment_begin(&trust, &q, clock_now(), e, blob, wrong);
}

static int tpm_challenge(int argc, char **argv)
{
    struct tpm_options o = { 0 };
    const struct option_row rows[] = {
        { "tpm-root", 0, OPTION_TEXT, "FILE", "CAs of the TPM's maker, PEM or DER", &o.roots },
        { "tpm-crl", 0, OPTION_TEXT, "FILE", "revocation list of one of them, PEM or DER", &o.crl },
        { "ek-certificate", 0, OPTION_TEXT, "FILE",
          "the endorsement key's certificate, then its CAs; PEM or DER", &o.ek_certificate },
        { "ek-public", 0, OPTION_TEXT, "FILE",
          "its public area (tpm2_readpublic, tpm2_createek -u)", &o.ek_public },
        { "ak-public", 0, OPTION_TEXT, "FILE", "the attestation key's public area", &o.ak_public },
        { "label", 0, OPTION_TEXT, "TEXT", "what the machine is called; a claim of its evidence",
          &o.label },
        { "out", 0, OPTION_TEXT, "FILE", "the challenge, for tpm2_activatecredential", &o.out },
        { "state", 0, OPTION_TEXT, "FILE", "what is remembered until the answer; must not exist",
          &o.state },
        { 0 },
    };
    const struct command_help help = { "warder tpm challenge", "",
                                       "challenge a TPM to show that it holds an attestation key",
                                       "The endorsement certificate must end at a CA of "
                                       "--tpm-root. The answer goes to 'warder tpm enroll'." };
    struct buf blob owned(buf_done) = buf_of(TPM_CREDENTIAL_BLOB_MAX);
    struct tpm_enrolment e;
    const char *wrong = NULL;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!o.roots || !o.ek_certificate || !o.ek_public || !o.ak_public || !o.out || !o.state)
        return missing(
            "--tpm-root, --ek-certificate, --ek-public, --ak-public, --out and --state are needed");
    struct err bad = challenge_make(&o, &e, &blob, &wrong);
    if (!failed(bad) && wrong) {
        fprintf(stderr, "warder: no challenge: %s\n", wrong);
        return EXIT_DENIED;
    }
    if (!failed(bad))
        bad = state_save(o.state, &e, o.label ? o.label : "");
    if (!failed(bad))
        bad = file_write(o.out, buf_span(&blob), 0644);
    return failed(bad) ? print_failure(bad, "challenge", NULL) : EXIT_OK;
}

static int row_add(const struct tpm_options *o, struct span name, const char *label,
                   const char *ek_certificate)
{
    struct enrolled_file f owned(enrolled_close) = { .lock = -1 };
    char hex[2 * TPM_NAME_MAX + 1];
    int rc = enrolled_open(o->enrolled, &f);

    if (rc)
        return rc;
    struct err e = enrolled_add(&f, name, label, ek_certificate);
    if (!failed(e))
        e = enrolled_save(&f);
    if (failed(e))
        return print_failure(e, o->enrolled, NULL);
    printf("Enrolled Attestation Key: %s\n", hex_str(name, hex));
    return EXIT_OK;
}

static int answer_take(const struct tpm_options *o)
{
    struct buf secret owned(buf_done) = buf_of(FILE_MAX);
    json_t *state owned(json_free) = NULL;
    char certificate[sizeof(DIGEST_PREFIX) + 64] = DIGEST_PREFIX;
    struct tpm_enrolment e = { .name_len = 0 };

    struct err bad = state_load(o->state, &e, &state);
    if (failed(bad))
        return print_failure(bad, o->state, NULL);
    bad = file_read(o->secret, &secret);
    if (failed(bad))
        return print_failure(bad, o->secret, NULL);
    /* One answer to a challenge: a wrong one ends it, too. */
    if (unlink(o->state) != 0)
        return print_failure(FAIL(SYSTEM, "cannot remove the challenge's state"), o->state, NULL);
    if (!tpm_enrolment_answered(&e, buf_span(&secret))) {
        fprintf(
            stderr,
            "warder: this is not the challenge's secret: the attestation key is not enrolled\n");
        return EXIT_DENIED;
    }
    hex_str(SPAN_OF(e.ek_certificate), certificate + sizeof(DIGEST_PREFIX) - 1);
    const char *label = json_string_value(json_object_get(state, "label"));
    return row_add(o, span_from(e.name, e.name_len), label ? label : "", certificate);
}

static int tpm_enroll(int argc, char **argv)
{
    struct tpm_options o = { 0 };
    const struct option_row rows[] = {
        { "state", 0, OPTION_TEXT, "FILE", "what 'warder tpm challenge' remembered; it is removed",
          &o.state },
        { "secret", 0, OPTION_TEXT, "FILE", "what tpm2_activatecredential gave", &o.secret },
        { "enrolled", 0, OPTION_TEXT, "FILE", "the file of enrolled keys", &o.enrolled },
        { 0 },
    };
    const struct command_help help = {
        "warder tpm enroll", "", "enrol an attestation key whose TPM has answered its challenge",
        NULL
    };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!o.state || !o.secret || !o.enrolled)
        return missing("--state, --secret and --enrolled are needed");
    return answer_take(&o);
}

static int tpm_add(int argc, char **argv)
{
    struct tpm_options o = { 0 };
    const struct option_row rows[] = {
        { "ak-public", 0, OPTION_TEXT, "FILE", "the attestation key's public area", &o.ak_public },
        { "label", 0, OPTION_TEXT, "TEXT", "what the machine is called; a claim of its evidence",
          &o.label },
        { "enrolled", 0, OPTION_TEXT, "FILE", "the file of enrolled keys", &o.enrolled },
        { 0 },
    };
    const struct command_help help = { "warder tpm add", "",
                                       "enrol an attestation key on your own word", NULL };
    struct buf ak owned(buf_done) = buf_of(FILE_MAX);
    uint8_t name[TPM_NAME_MAX];
    const char *wrong = NULL;
    size_t len = 0;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!o.ak_public || !o.enrolled)
        return missing("--ak-public and --enrolled are needed");
    struct err e = file_read(o.ak_public, &ak);
    if (!failed(e))
        e = tpm_enrolment_name(buf_span(&ak), name, &len, &wrong);
    if (failed(e))
        return print_failure(e, o.ak_public, NULL);
    if (wrong) {
        fprintf(stderr, "warder: %s: %s\n", o.ak_public, wrong);
        return EXIT_DENIED;
    }
    return row_add(&o, span_from(name, len), o.label ? o.label : "", NULL);
}

static int tpm_list(int argc, char **argv)
{
    struct tpm_options o = { 0 };
    const struct option_row rows[] = {
        { "enrolled", 0, OPTION_TEXT, "FILE", "the file of enrolled keys", &o.enrolled },
        OUTPUT_OPTION(o.output),
        { 0 },
    };
    const struct command_help help = { "warder tpm list", "", "the enrolled attestation keys",
                                       NULL };
    struct enrolled_file f owned(enrolled_close) = { .lock = -1 };
    bool json;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (!o.enrolled)
        return missing("--enrolled is needed");
    if (!output_is_json(o.output, &json))
        return EXIT_USAGE;
    rc = enrolled_open(o.enrolled, &f);
    if (rc)
        return rc;
    const json_t *keys = json_object_get(f.root, "keys");
    if (json)
        print_json(keys);
    for (size_t i = 0; !json && i < json_array_size(keys); i++) {
        const json_t *row = json_array_get(keys, i);
        const char *label = json_string_value(json_object_get(row, "label"));
        printf("%s  %s  %s\n", json_string_value(json_object_get(row, "name")),
               json_string_value(json_object_get(row, "by")), label ? label : "");
    }
    return EXIT_OK;
}

static int tpm_remove(int argc, char **argv)
{
    struct tpm_options o = { 0 };
    const char *name = NULL;
    const struct option_row rows[] = {
        { "enrolled", 0, OPTION_TEXT, "FILE", "the file of enrolled keys", &o.enrolled },
        { 0 },
    };
    const struct command_help help = { "warder tpm remove", "NAME",
                                       "take back the enrolment of an attestation key", NULL };
    struct enrolled_file f owned(enrolled_close) = { .lock = -1 };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &name, &rc))
        return rc;
    if (!o.enrolled)
        return missing("--enrolled is needed");
    rc = enrolled_open(o.enrolled, &f);
    if (rc)
        return rc;
    struct err e = enrolled_remove(&f, name);
    if (!failed(e))
        e = enrolled_save(&f);
    return failed(e) ? print_failure(e, o.enrolled, NULL) : EXIT_OK;
}

int cli_tpm(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "challenge", tpm_challenge, "challenge a TPM to show that it holds an attestation key" },
        { "enroll", tpm_enroll, "enrol the key once the TPM has answered" },
        { "add", tpm_add, "enrol a key on your own word" },
        { "list", tpm_list, "the enrolled keys" },
        { "remove", tpm_remove, "take back an enrolment" },
        { 0 },
    };
    return verb_dispatch("warder tpm", "attestation keys of TPMs that are believed", verbs, argc,
                         argv);
}
