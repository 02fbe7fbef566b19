// SPDX-License-Identifier: Apache-2.0
#include "verify/azure_verify.h"

#include "base/hex.h"
#include "evidence/hcl_report.h"
#include "verify/compound.h"
#include "verify/snp_internal.h"
#include "verify/tpm_quote.h"

#define REPORT_DATA_SIZE 64
#define AK_KID "HCLAkPub"
#define USER_DATA_DIGITS 128

/* After those of the TPM, whose ids stay. */
enum azure_check {
    AZURE_CHECK_HCL = TPM_CHECK_COUNT,
    AZURE_CHECK_RUNTIME_DATA,
    AZURE_CHECK_BINDING,
    AZURE_CHECK_VMPL, /* SNP only */
    AZURE_CHECK_HARDWARE,
    AZURE_CHECK_COUNT
};

static const struct check rows[AZURE_CHECK_COUNT] = {
    TPM_CHECK_ROWS[AZURE_CHECK_HCL] = { "hcl_report", CHECK_NOT_CHECKED, TPM_RULES "HCL report",
                                        NULL },
    [AZURE_CHECK_RUNTIME_DATA] = { "hcl_runtime_data", CHECK_NOT_CHECKED, TPM_RULES "runtime data",
                                   NULL },
    [AZURE_CHECK_BINDING] = { "hcl_binding", CHECK_NOT_CHECKED, TPM_RULES "runtime data", NULL },
    [AZURE_CHECK_VMPL] = { "hcl_vmpl", CHECK_NOT_CHECKED, TPM_RULES "paravisor", NULL },
    [AZURE_CHECK_HARDWARE] = { "hcl_hardware", CHECK_NOT_CHECKED, TPM_RULES "hardware report",
                               NULL },
};
static const struct check_table azure_checks = { rows, AZURE_CHECK_COUNT };

struct azure_state {
    struct tpm_state *tpm;
    struct hcl_report hcl;
    json_t *runtime;     /* parsed from the bytes that were hashed */
    struct buf hardware; /* the evidence of the hardware, as its own kind takes it */
    struct piece inner;  /* its verification; type NULL: none */
};

static void azure_done(void *state)
{
    struct azure_state *s = state;

    if (!s)
        return;
    if (s->inner.state)
        s->inner.type->done(s->inner.state);
    tpm_state_free(s->tpm);
    json_free(s->runtime);
    buf_done(&s->hardware);
    free(s);
}

/* SNP: the report and the certificate table after it; TDX: the quote. */
static void hardware_join(const struct hcl_report *h, struct span along, struct buf *out)
{
    if (h->hardware == HCL_SNP)
        buf_add(out, h->report);
    buf_add(out, along);
}

static const struct evidence_type *hardware_type(enum hcl_hardware hardware)
{
    switch (hardware) {
    case HCL_SNP:
        return evidence_type_of(PIECE_SNP_REPORT);
    case HCL_TDX:
        return evidence_type_of(PIECE_TDX_QUOTE);
    }
    return NULL;
}

static fallible azure_needs(struct span bytes, struct collateral_key *out)
{
    struct buf hardware owned(buf_done) = buf_of(EVIDENCE_MAX);
    struct tpm_evidence e;
    struct hcl_report h;

    TRY(tpm_evidence_parse(bytes, &e));
    TRY(hcl_report_parse(e.parts[TPM_PART_HCL_REPORT], &h));
    hardware_join(&h, e.parts[TPM_PART_HARDWARE], &hardware);
    TRY(buf_check(&hardware));
    return hardware_type(h.hardware)->needs(buf_span(&hardware), out);
}

static enum digest_kind hash_kind(enum hcl_hash hash)
{
    switch (hash) {
    case HCL_SHA256:
        return DIGEST_SHA256;
    case HCL_SHA384:
        return DIGEST_SHA384;
    case HCL_SHA512:
        return DIGEST_SHA512;
    }
    return DIGEST_SHA256;
}

/* The one key that is called so. */
static const json_t *key_find(const json_t *runtime, const char **wrong)
{
    const json_t *keys = json_object_get(runtime, "keys"), *found = NULL, *key;
    size_t i;

    *wrong = NULL;
    json_array_foreach((json_t *)keys, i, key)
    {
        const char *kid = json_string_value(json_object_get(key, "kid"));
        if (!kid || strcmp(kid, AK_KID) != 0)
            continue;
        if (found)
            *wrong = "the runtime data has two attestation keys";
        found = key;
    }
    if (!found)
        *wrong = "the runtime data has no attestation key";
    return found;
}

static fallible runtime_check(struct azure_state *s, struct check_list *l)
{
    const char *wrong = NULL;
    struct err e = json_parse_object(s->hcl.runtime_data, &s->runtime);

    if (e.kind == FAIL_SYSTEM)
        return e;
    check_record(l, AZURE_CHECK_RUNTIME_DATA, failed(e) ? e.what : NULL);
    if (failed(e))
        return OK;
    const json_t *jwk = key_find(s->runtime, &wrong);
    if (!wrong) {
        e = key_from_jwk(jwk, &s->tpm->key);
        if (e.kind == FAIL_SYSTEM)
            return e;
        wrong = failed(e) ? e.what : NULL;
    }
    if (!wrong && key_kind_of(s->tpm->key) != KEY_RSA)
        wrong = "the attestation key in the runtime data is no RSA key";
    check_record(l, TPM_CHECK_KEY, wrong);
    return OK;
}

/* What the hardware must have signed: the hash, and zeros. */
static fallible binding_check(const struct azure_state *s, uint8_t bound[REPORT_DATA_SIZE],
                              struct check_list *l)
{
    memset(bound, 0, REPORT_DATA_SIZE);
    TRY(digest_of(hash_kind(s->hcl.hash), s->hcl.runtime_data, bound));
    bool same = span_equal(s->hcl.report_data, span_from(bound, REPORT_DATA_SIZE));
    check_record(l, AZURE_CHECK_BINDING,
                 same ? NULL : "the hardware report does not carry the hash of the runtime data");
    return OK;
}

/* Only the paravisor runs at level 0; anything else is a report that the guest asked for. */
static void vmpl_check(const struct azure_state *s, struct check_list *l)
{
    struct snp_report report;

    if (s->hcl.hardware != HCL_SNP) {
        check_leave_out(l, AZURE_CHECK_VMPL);
        return;
    }
    const char *wrong = "the hardware report was not asked for by the paravisor (VMPL 0), or is "
                        "not by the chip's own key";
    if (!failed(snp_report_parse(s->hcl.report, &report)) && report.vmpl == 0 &&
        report.signing_key == SNP_SIGNED_BY_VCEK)
        wrong = NULL;
    check_record(l, AZURE_CHECK_VMPL, wrong);
}

static fallible hardware_check(struct azure_state *s, const struct verify_input *in,
                               struct check_list *l)
{
    uint8_t bound[REPORT_DATA_SIZE];
    struct verify_input inner = *in;
    struct piece *p = &s->inner;

    TRY(binding_check(s, bound, l));
    vmpl_check(s, l);
    s->hardware = buf_of(EVIDENCE_MAX);
    hardware_join(&s->hcl, s->tpm->evidence.parts[TPM_PART_HARDWARE], &s->hardware);
    TRY(buf_check(&s->hardware));
    inner.report_data = SPAN_OF(bound);
    *p = (struct piece){ .type = hardware_type(s->hcl.hardware), .status = "" };
    p->kind = p->type->kind;
    check_list_init(&p->list, p->type->checks);
    TRY(p->type->verify(&inner, buf_span(&s->hardware), p));
    bool good = check_list_good(&p->list);
    check_record(l, AZURE_CHECK_HARDWARE, good ? NULL : "the hardware report does not verify");
    good = good && check_passed(l, AZURE_CHECK_BINDING) &&
           check_passed(l, AZURE_CHECK_RUNTIME_DATA) &&
           (s->hcl.hardware != HCL_SNP || check_passed(l, AZURE_CHECK_VMPL));
    check_leave_out(l, TPM_CHECK_REVOCATION); /* the hardware's own checks have it */
    check_record(l, TPM_CHECK_TRUST,
                 good ? NULL : "no hardware report vouches for the vTPM's attestation key");
    s->tpm->by = good ? TPM_BY_HARDWARE_REPORT : TPM_BY_NOBODY;
    return OK;
}

/* A key beside the one in the runtime data has no place. */
static const char *parts_check(const struct tpm_evidence *e)
{
    if (e->parts[TPM_PART_AK].len || e->parts[TPM_PART_AK_CERTIFICATE].len)
        return "evidence of an Azure vTPM brings an attestation key of its own";
    return e->parts[TPM_PART_HCL_REPORT].len ? NULL
                                             : "evidence of an Azure vTPM lacks its HCL report";
}

static fallible azure_judge(struct azure_state *s, const struct verify_input *in, struct piece *p)
{
    struct err e = hcl_report_parse(s->tpm->evidence.parts[TPM_PART_HCL_REPORT], &s->hcl);

    check_record(&p->list, AZURE_CHECK_HCL, failed(e) ? e.what : NULL);
    if (failed(e))
        return OK;
    p->name = "azure-vtpm";
    p->version = s->hcl.version;
    TRY(runtime_check(s, &p->list));
    TRY(hardware_check(s, in, &p->list));
    p->inner = &s->inner;
    p->status = s->inner.status;
    return s->tpm->key ? tpm_quote_judge(s->tpm, in, &p->list) : OK;
}

static fallible azure_verify(const struct verify_input *in, struct span bytes, struct piece *p)
{
    struct azure_state *s = calloc(1, sizeof(*s));
    const char *wrong;

    if (!s)
        return FAIL(SYSTEM, "out of memory");
    p->state = s;
    TRY(tpm_state_new(bytes, &s->tpm, &wrong));
    if (!wrong)
        wrong = parts_check(&s->tpm->evidence);
    check_record(&p->list, TPM_CHECK_FORMAT, wrong);
    return wrong ? OK : azure_judge(s, in, p);
}

/* What the paravisor says of the machine. */
static void runtime_claims(const struct azure_state *s, json_t *to)
{
    const json_t *machine = json_object_get(s->runtime, "vm-configuration");
    const json_t *id = json_object_get(machine, "vmUniqueId"),
                 *boot = json_object_get(machine, "secure-boot");
    const char *user = json_string_value(json_object_get(s->runtime, "user-data"));
    uint8_t bytes[USER_DATA_DIGITS / 2];

    if (json_is_string(id))
        json_object_set(to, "vm_unique_id", (json_t *)id);
    if (json_is_boolean(boot))
        json_object_set(to, "vm_secure_boot", (json_t *)boot);
    if (user && !failed(hex_parse_exact(span_str(user), bytes, sizeof(bytes))))
        json_set_hex(to, "vm_user_data", SPAN_OF(bytes));
}

static fallible azure_claims(const struct piece *p, json_t *to)
{
    const struct azure_state *s = p->state;
    struct compound c owned(compound_done) = { 0 };
    json_t *tpm;

    if (!s->inner.state)
        return OK;
    TRY(compound_add_piece(&c, &s->inner));
    if (s->tpm->genuine) {
        TRY(compound_add(&c, "tpm", &tpm));
        TRY(tpm_quote_claims(s->tpm, tpm));
        runtime_claims(s, to);
        json_set_str(to, "hardware", s->inner.name);
    }
    json_set_str(to, "tee", p->name);
    compound_write(&c, to);
    return OK;
}

static struct span azure_platform(const struct piece *p)
{
    const struct azure_state *s = p->state;

    if (!s->inner.state || !s->inner.type->platform)
        return (struct span){ 0 };
    return s->inner.type->platform(&s->inner);
}

static struct span azure_enclave(const struct piece *p, bool *known)
{
    const struct azure_state *s = p->state;

    if (!s->inner.state || !s->inner.type->enclave)
        return (struct span){ 0 };
    return s->inner.type->enclave(&s->inner, known);
}

const struct evidence_type azure_evidence_type = {
    .kind = PIECE_AZURE_VTPM,
    .checks = &azure_checks,
    .needs = azure_needs,
    .verify = azure_verify,
    .claims = azure_claims,
    .platform = azure_platform,
    .enclave = azure_enclave,
    .done = azure_done,
};
