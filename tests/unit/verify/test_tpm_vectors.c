// SPDX-License-Identifier: Apache-2.0
/* Genuine TPM quotes: each check gives what is known of the set (meta.json of it). */
#include "tpm_set.h"

#include <unistd.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/writer.h"
#include "crypto/signature.h"
#include "evidence/tpm_structures.h"
#include "policy/claim.h"
#include "verify/event_replay.h"
#include "verify/tpm_verify.h"

#define NOW 1764000000

struct known {
    const char *set, *quote, *signature, *ak, *pcrs, *log; /* NULL: not there */
    bool verified;
    const char *failing; /* the one check that fails, or NULL */
    unsigned applications;
    const char *ima;
};

static const struct known rows[] = {
    { "gce-gce-cos-85-nonce9009", "quote_sha256.msg", "quote_sha256.sig", "ak_pub.tpmt", "pcrs_sha256.json", "event_log.bin", true, NULL, 3, NULL },
    { "gce-gce-cos-85-nonce9009", "quote_sha384.msg", "quote_sha384.sig", "ak_pub.tpmt", "pcrs_sha384.json", "event_log.bin", true, NULL, 3, NULL },
    { "gce-gce-cos-85-nonce9009", "quote_sha1.msg", "quote_sha1.sig", "ak_pub.tpmt", "pcrs_sha1.json", "event_log.bin", true, NULL, 3, NULL },
    { "gce-gce-cos-85-no-nonce", "quote_sha256.msg", "quote_sha256.sig", "ak_pub.tpmt", "pcrs_sha256.json", "event_log.bin", true, NULL, 3, NULL },
    { "gce-gce-cos-85-nonce9009", "quote_sha256.msg", "quote_sha256.sig", "ak_pub.tpmt", "pcrs_sha256.json", NULL, true, NULL, 0, NULL },
    { "swtpm-ecc-logs", "quote.msg", "quote.sig", "ak_pub.tpmt", "pcrs.json", "event_log.bin", true, NULL, 2, "ima.ascii" },
    /* Signed with SHA-1: all that is known of it holds, and it is refused. */
    { "gcp-windows-shielded-vm", "quote.msg", "quote.sig", "ak_pub.tpmt", "pcrs.json", "event_log.bin", false, "tpm_scheme", 0, NULL },
    /* Another set's values, quote or log. */
    { "gce-gce-cos-85-nonce9009", "quote_sha256.msg", "quote_sha384.sig", "ak_pub.tpmt", "pcrs_sha256.json", NULL, false, "tpm_signature", 0, NULL },
};

static bool applies(const struct claim_row *row)
{
    return strstr(row->tees, "tpm") != NULL;
}

static void claims_fit(const struct verify_result *r)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)verify_result_claims(r), name, value) {
        const struct claim_row *row = claim_find(span_str(name));
        if (!row || !applies(row))
            fail_msg("claim %s is not in the table", name);
        if (row->type == CLAIM_HEX && row->size)
            assert_int_equal(json_string_length(value), 2 * row->size);
    }
}

static void folder_of(const char *set, char out[VECTOR_PATH_MAX])
{
    char name[128];

    snprintf(out, VECTOR_PATH_MAX, "%s/tpm/%s", vector_root(), set);
    if (access(out, R_OK) == 0)
        return;
    snprintf(name, sizeof(name), "tpm/%s", set);
    if (!vector_more(name, out))
        out[0] = 0;
}

static void genuine_quotes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        const struct known *k = &rows[i];
        struct tpm_set s owned(tpm_set_done);
        struct verifier *v owned(verifier_free) = NULL;
        struct verify_result *r owned(verify_result_free) = NULL;
        char folder[VECTOR_PATH_MAX];

        tpm_set_init(&s);
        folder_of(k->set, folder);
        if (!*folder)
            continue; /* lies beside the repository only */
        assert_true(tpm_set_file(&s, TPM_PART_QUOTE, folder, k->quote));
        assert_true(tpm_set_file(&s, TPM_PART_SIGNATURE, folder, k->signature));
        assert_true(tpm_set_file(&s, TPM_PART_AK, folder, k->ak));
        tpm_set_pcrs(&s, folder, k->pcrs);
        if (k->log)
            assert_true(tpm_set_file(&s, TPM_PART_EVENT_LOG, folder, k->log));
        if (k->ima)
            assert_true(tpm_set_file(&s, TPM_PART_IMA_LOG, folder, k->ima));
        tpm_set_make(&s);
        assert_ok(verifier_new(NULL, 0, &v));
        tpm_set_enrol(&s, v);
        assert_ok(verify_evidence(v, buf_span(&s.evidence), NULL, NOW, (struct span){ 0 }, &r));
        if (verify_result_verified(r) != k->verified)
            fail_msg("%s, %s: %s", k->set, k->quote, verify_result_reason(r));
        const struct check *checks;
        size_t count = verify_result_checks(r, &checks);
        for (size_t n = 0; n < count; n++)
            if ((checks[n].outcome == CHECK_FAILED) != (k->failing && strcmp(checks[n].name, k->failing) == 0))
                fail_msg("%s: %s: %s", k->set, checks[n].name, checks[n].detail ? checks[n].detail : "passed");
        claims_fit(r);
        if (k->verified && k->log) {
            assert_true(json_array_size(json_object_get(verify_result_claims(r), "events")) > 10);
            assert_non_null(json_object_get(verify_result_claims(r), "secure_boot"));
            assert_int_equal(json_array_size(json_object_get(verify_result_claims(r), "ima_files")), k->ima ? 2 : 0);
            assert_int_equal(json_array_size(json_object_get(verify_result_claims(r), "boot_applications")), k->applications);
        }
    }
}

static void spki_of(struct span pem, struct key **out)
{
    struct buf text owned(buf_done) = buf_of(4096), der owned(buf_done) = buf_of(4096);
    size_t from = span_find(pem, SPAN("-----\n")) + 6, to = span_find(pem, SPAN("\n-----END"));

    for (size_t i = from; i < to; i++)
        if (pem.at[i] != '\n')
            buf_add_u8(&text, pem.at[i]);
    assert_ok(base64_parse(buf_span(&text), &der));
    assert_ok(key_from_spki(buf_span(&der), out));
}

/* Sets whose key is known without its public area, or without PCR values: the parts that are there. */
static void signatures_of_other_tools(void **state)
{
    (void)state;
    static const char *const sets[] = { "keylime-quote", "coco-tpm-evidence" };

    for (size_t i = 0; i < 2; i++) {
        struct tpm_set s owned(tpm_set_done);
        char folder[VECTOR_PATH_MAX];
        struct tpm_signature sig;
        struct key *key owned(key_free) = NULL;
        bool good = false;

        tpm_set_init(&s);
        folder_of(sets[i], folder);
        assert_true(tpm_set_file(&s, TPM_PART_QUOTE, folder, "quote.msg"));
        assert_true(tpm_set_file(&s, TPM_PART_SIGNATURE, folder, "quote.sig"));
        assert_true(tpm_set_file(&s, TPM_PART_AK, folder, "ak_pub.pem"));
        struct span pem = buf_span(&s.parts[TPM_PART_AK]);
        spki_of(pem, &key);
        assert_ok(tpm_signature_parse(buf_span(&s.parts[TPM_PART_SIGNATURE]), &sig));
        assert_ok(signature_verify(key, SIGNATURE_RSA_PKCS1, DIGEST_SHA256, buf_span(&s.parts[TPM_PART_QUOTE]), sig.rsa, &good));
        assert_true(good);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(genuine_quotes),
        cmocka_unit_test(signatures_of_other_tools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
