// SPDX-License-Identifier: Apache-2.0
/* Claims of an SNP report, under the names and in the canonical forms of docs/claims.md: the
 * report's once every signature down to it is good, the key's once its chain is authentic. */
#include "base/clock.h"
#include "verify/snp_internal.h"

#define NAME_MAX_LEN 64
#define FIRMWARE_TEXT_MAX 16

struct bit_row {
    const char *name;
    uint64_t bit;
};

static const struct bit_row policy_bits[] = {
    { "debug", SNP_POLICY_DEBUG },
    { "policy_smt", SNP_POLICY_SMT },
    { "policy_migrate_ma", SNP_POLICY_MIGRATE_MA },
    { "policy_single_socket", SNP_POLICY_SINGLE_SOCKET },
    { "policy_cxl", SNP_POLICY_CXL_ALLOW },
    { "policy_mem_aes_256_xts", SNP_POLICY_MEM_AES_256_XTS },
    { "policy_rapl_dis", SNP_POLICY_RAPL_DIS },
    { "policy_ciphertext_hiding", SNP_POLICY_CIPHERTEXT_HIDING },
    { "policy_page_swap_disable", SNP_POLICY_PAGE_SWAP_DISABLE },
};

static const struct bit_row platform_bits[] = {
    { "platform_smt", SNP_PLATFORM_SMT_EN },
    { "platform_tsme", SNP_PLATFORM_TSME_EN },
    { "platform_ecc", SNP_PLATFORM_ECC_EN },
    { "platform_rapl_dis", SNP_PLATFORM_RAPL_DIS },
    { "platform_ciphertext_hiding", SNP_PLATFORM_CIPHERTEXT_HIDING },
    { "platform_alias_check", SNP_PLATFORM_ALIAS_CHECK },
};

static void set_bits(json_t *j, const struct bit_row *rows, size_t count, uint64_t bits)
{
    for (size_t i = 0; i < count; i++)
        json_set_bool(j, rows[i].name, bits & rows[i].bit);
}

static void set_time(json_t *j, const char *name, int64_t at)
{
    char text[CLOCK_TEXT_MAX];
    json_set_str(j, name, clock_format(at, text));
}

static void set_part(json_t *j, const char *tcb, const char *part, uint8_t value)
{
    char name[NAME_MAX_LEN];
    snprintf(name, sizeof(name), "%s_%s", tcb, part);
    json_set_int(j, name, value);
}

static void set_tcb(json_t *j, const char *name, struct span bytes, enum snp_product product)
{
    struct snp_tcb t;

    json_set_hex(j, name, bytes);
    if (!snp_tcb_read(bytes, product, &t))
        return;
    if (product == SNP_TURIN)
        set_part(j, name, "fmc", t.fmc);
    set_part(j, name, "boot_loader", t.boot_loader);
    set_part(j, name, "tee", t.tee);
    set_part(j, name, "snp", t.snp);
    set_part(j, name, "microcode", t.microcode);
}

static void set_firmware(json_t *j, const char *name, const struct snp_firmware *f)
{
    char text[FIRMWARE_TEXT_MAX];
    snprintf(text, sizeof(text), "%u.%u.%u", f->major, f->minor, f->build);
    json_set_str(j, name, text);
}

static bool firmware_differs(const struct snp_firmware *a, const struct snp_firmware *b)
{
    return a->build != b->build || a->minor != b->minor || a->major != b->major;
}

static void firmware_claims(json_t *j, const struct snp_report *s, enum snp_product product)
{
    set_tcb(j, "reported_tcb", s->reported_tcb, product);
    set_tcb(j, "committed_tcb", s->committed_tcb, product);
    set_tcb(j, "current_tcb", s->current_tcb, product);
    set_tcb(j, "launch_tcb", s->launch_tcb, product);
    set_firmware(j, "current_firmware", &s->current);
    set_firmware(j, "committed_firmware", &s->committed);
    json_set_bool(j, "firmware_provisional",
                  !span_equal(s->current_tcb, s->committed_tcb) ||
                      firmware_differs(&s->current, &s->committed));
    if (s->launch_mitigation.len) {
        json_set_hex(j, "launch_mitigation", s->launch_mitigation);
        json_set_hex(j, "current_mitigation", s->current_mitigation);
    }
}

static void guest_claims(json_t *j, const struct snp_report *s)
{
    json_set_int(j, "guest_svn", s->guest_svn);
    json_set_int(j, "vmpl", s->vmpl);
    json_set_hex(j, "report_data", s->report_data);
    json_set_hex(j, "measurement", s->measurement);
    json_set_hex(j, "host_data", s->host_data);
    json_set_hex(j, "id_key_digest", s->id_key_digest);
    json_set_bool(j, "author_key_enabled", s->author_key_enabled);
    if (s->author_key_enabled) /* the field means nothing without the flag */
        json_set_hex(j, "author_key_digest", s->author_key_digest);
    json_set_hex(j, "report_id", s->report_id);
    json_set_hex(j, "report_id_ma", s->report_id_ma);
    json_set_hex(j, "family_id", s->family_id);
    json_set_hex(j, "image_id", s->image_id);
    json_set_int(j, "policy_abi_major", (int64_t)(s->policy >> 8 & 0xff));
    json_set_int(j, "policy_abi_minor", (int64_t)(s->policy & 0xff));
    set_bits(j, policy_bits, sizeof(policy_bits) / sizeof(*policy_bits), s->policy);
}

static void platform_claims(json_t *j, const struct snp_report *s)
{
    json_set_bool(j, "chip_key_masked", s->chip_key_masked);
    if (!span_is_zero(s->chip_id))
        json_set_hex(j, "chip_id", s->chip_id);
    if (s->version >= 3) {
        json_set_int(j, "cpuid_family", s->cpuid_family);
        json_set_int(j, "cpuid_model", s->cpuid_model);
        json_set_int(j, "cpuid_stepping", s->cpuid_stepping);
    }
    set_bits(j, platform_bits, sizeof(platform_bits) / sizeof(*platform_bits), s->platform_info);
}

static void key_claims(json_t *j, const struct snp_state *state)
{
    const struct vcek *k = &state->platform->vcek;

    json_set_str(j, "root", state->root);
    json_set_str(j, "product", snp_product_name(k->product));
    json_set_str(j, "signing_key", snp_key_name(k->key));
    if (k->key == SNP_VLEK)
        json_set_str(j, "csp_id", k->csp_id);
    json_set_bool(j, "revocation_checked", state->revocation_checked);
    set_time(j, "collateral_expires", state->collateral.to);
    set_time(j, "collateral_issued", state->collateral.from);
}

fallible snp_claims(const struct piece *p, json_t *to)
{
    const struct snp_state *state = p->state;
    struct snp_report s;

    if (platform_authentic(state->platform))
        key_claims(to, state);
    if (!state->genuine)
        return OK;
    TRY(snp_report_parse(SPAN_OF(state->report), &s));
    json_set_str(to, "tee", "snp");
    json_set_int(to, "report_version", s.version);
    guest_claims(to, &s);
    platform_claims(to, &s);
    firmware_claims(to, &s, state->platform->vcek.product);
    return OK;
}
