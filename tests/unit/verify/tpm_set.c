// SPDX-License-Identifier: Apache-2.0
#include "tpm_set.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/writer.h"
#include "evidence/tpm_structures.h"
#include "verify/event_replay.h"
#include "verify/tpm_verify.h"

#define PART_MAX (256U << 10)

void tpm_set_init(struct tpm_set *s)
{
    for (size_t i = 0; i < TPM_PARTS; i++)
        s->parts[i] = buf_of(PART_MAX);
    s->evidence = buf_of(PART_MAX);
}

void tpm_set_done(struct tpm_set *s)
{
    for (size_t i = 0; i < TPM_PARTS; i++)
        buf_done(&s->parts[i]);
    buf_done(&s->evidence);
}

bool tpm_set_file(struct tpm_set *s, enum tpm_part part, const char *folder, const char *name)
{
    char path[2 * VECTOR_PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    buf_clear(&s->parts[part]);
    return !failed(file_read(path, &s->parts[part]));
}

void tpm_set_pcrs(struct tpm_set *s, const char *folder, const char *name)
{
    char path[2 * VECTOR_PATH_MAX];
    struct buf text owned(buf_done) = buf_of(PART_MAX);
    json_t *root owned(json_free) = NULL;
    struct tpm_quote q;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_ok(file_read(path, &text));
    assert_ok(json_parse_object(buf_span(&text), &root));
    assert_ok(tpm_quote_parse(buf_span(&s->parts[TPM_PART_QUOTE]), &q));
    for (size_t i = 0; i < q.selection.count; i++) {
        const json_t *bank = json_object_get(root, tpm_hash_name(q.selection.banks[i].alg));
        for (unsigned n = 0; n < TPM_PCRS; n++) {
            char index[8];
            snprintf(index, sizeof(index), "%u", n);
            const char *value = json_string_value(json_object_get(bank ? bank : root, index));
            if (q.selection.banks[i].mask & 1U << n)
                assert_ok(hex_parse(span_str(value), &s->parts[TPM_PART_PCRS]));
        }
    }
}

void tpm_set_wrap_signature(struct tpm_set *s)
{
    struct buf raw owned(buf_done) = s->parts[TPM_PART_SIGNATURE];
    struct buf *out = &s->parts[TPM_PART_SIGNATURE];

    *out = buf_of(PART_MAX);
    write_u16be(out, TPM_ALG_RSASSA);
    write_u16be(out, TPM_ALG_SHA256);
    write_u16be(out, (uint16_t)raw.len);
    buf_add(out, buf_span(&raw));
}

void tpm_set_make(struct tpm_set *s)
{
    struct tpm_evidence e = { 0 };

    for (size_t i = 1; i < TPM_PARTS; i++)
        e.parts[i] = buf_span(&s->parts[i]);
    buf_clear(&s->evidence);
    assert_ok(tpm_evidence_write(&e, &s->evidence));
}

void tpm_set_enrol(const struct tpm_set *s, struct verifier *v)
{
    struct buf list owned(buf_done) = buf_of(4096);
    uint8_t name[TPM_NAME_MAX];
    char hex[2 * TPM_NAME_MAX + 1];
    size_t len;

    assert_ok(tpm_public_name(buf_span(&s->parts[TPM_PART_AK]), TPM_ALG_SHA256, name, &len));
    hex_str(span_from(name, len), hex);
    buf_addf(&list, "{\"version\":1,\"keys\":[{\"name\":\"%s\",\"by\":\"ek_certificate\"}]}", hex);
    assert_ok(verifier_trust_tpms(v, NULL, 0, buf_span(&list)));
}
