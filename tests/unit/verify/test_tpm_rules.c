// SPDX-License-Identifier: Apache-2.0
/* Each rule of docs/verification.md on a TPM's quote, broken alone. */
#include "tpm_case.h"

#include "base/hex.h"
#include "base/writer.h"
#include "crypto/crl.h"
#include "crypto/crypto.h"
#include "verify/event_replay.h"

#define NOW 1764000000

static struct verify_result *judged(const struct tpm_case *c, bool enrolled)
{
    struct verifier *v owned(verifier_free) = NULL;
    struct buf list owned(buf_done) = buf_of(4096);
    struct verify_result *r = NULL;
    char name[2 * 66 + 1];

    assert_ok(verifier_new(NULL, 0, &v));
    tpm_case_name(c, name);
    buf_addf(&list, "{\"version\":1,\"keys\":[{\"name\":\"%s\",\"by\":\"operator\",\"label\":\"host-1\"}]}", name);
    if (enrolled)
        assert_ok(verifier_trust_tpms(v, NULL, 0, buf_span(&list)));
    assert_ok(verify_evidence(v, buf_span(&c->evidence), NULL, NOW, SPAN_OF(tpm_case_report_data), &r));
    return r;
}

static const char *failing(const struct verify_result *r)
{
    const struct check *checks;
    size_t count = verify_result_checks(r, &checks);

    for (size_t i = 0; i < count; i++)
        if (checks[i].outcome == CHECK_FAILED)
            return checks[i].name;
    return "none";
}

static void text_claim(const struct verify_result *r, const char *name, const char *wanted)
{
    const char *have = json_string_value(json_object_get(verify_result_claims(r), name));

    if (!have || strcmp(have, wanted) != 0)
        fail_msg("claim %s is %s, not %s", name, have ? have : "absent", wanted);
}

static void good_quotes(void **state)
{
    (void)state;
    static const struct {
        enum key_kind kind;
        uint16_t scheme, hash;
    } rows[] = { { KEY_P256, TPM_ALG_ECDSA, TPM_ALG_SHA256 },
                 { KEY_P384, TPM_ALG_ECDSA, TPM_ALG_SHA384 },
                 { KEY_RSA, TPM_ALG_RSASSA, TPM_ALG_SHA256 },
                 { KEY_RSA, TPM_ALG_RSAPSS, TPM_ALG_SHA512 } };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tpm_case c owned(tpm_case_done);
        tpm_case_init(&c, rows[i].kind);
        c.scheme = c.sign_scheme = rows[i].scheme;
        c.scheme_hash = c.sign_hash = rows[i].hash;
        tpm_case_make(&c);
        struct verify_result *r owned(verify_result_free) = judged(&c, true);
        assert_string_equal(verify_result_reason(r), "");
        assert_true(verify_result_verified(r));
        assert_string_equal(verify_result_type(r), "tpm");
        text_claim(r, "tee", "tpm");
        text_claim(r, "root", "configured");
        text_claim(r, "ak_trust", "enrolled");
        text_claim(r, "ak_label", "host-1");
        text_claim(r, "tpm_firmware", "2024000000000001");
        text_claim(r, "pcr_sha256_2", "0202020202020202020202020202020202020202020202020202020202020202");
        assert_null(json_object_get(verify_result_claims(r), "pcr_sha256_8"));
        assert_int_equal(json_integer_value(json_object_get(verify_result_claims(r), "tpm_reset_count")), 7);
    }
}

struct broken {
    const char *name, *check;
    void (*break_it)(struct tpm_case *c);
    bool unenrolled;
};

static void nothing(struct tpm_case *c)
{
    (void)c;
}
static void without_ak(struct tpm_case *c)
{
    c->without_ak = true;
}
static void unrestricted(struct tpm_case *c)
{
    c->attributes &= ~TPM_RESTRICTED;
}
static void movable(struct tpm_case *c)
{
    c->attributes &= ~TPM_FIXED_TPM;
}
static void of_a_movable_parent(struct tpm_case *c)
{
    c->attributes &= ~TPM_FIXED_PARENT;
}
static void made_outside(struct tpm_case *c)
{
    c->attributes &= ~TPM_SENSITIVE_DATA_ORIGIN;
}
static void decrypting(struct tpm_case *c)
{
    c->attributes |= TPM_DECRYPT;
}
static void not_signing(struct tpm_case *c)
{
    c->attributes &= ~TPM_SIGN;
}
static void schemeless(struct tpm_case *c)
{
    c->scheme = TPM_ALG_NULL;
}
static void another_hash_than_the_keys(struct tpm_case *c)
{
    c->sign_hash = TPM_ALG_SHA384;
}
static void sha1(struct tpm_case *c)
{
    c->scheme_hash = c->sign_hash = TPM_ALG_SHA1;
}
static void magic(struct tpm_case *c)
{
    c->magic ^= 1;
}
static void creation(struct tpm_case *c)
{
    c->type = 0x801a;
}
static void certify(struct tpm_case *c)
{
    c->type = 0x8017;
}
static void nonce_cut(struct tpm_case *c)
{
    c->extra.len--;
}
static void nonce_longer(struct tpm_case *c)
{
    buf_add_u8(&c->extra, 0);
}
static void nonce_empty(struct tpm_case *c)
{
    buf_clear(&c->extra);
}
static void nonce_changed(struct tpm_case *c)
{
    c->extra.at[31] ^= 1;
}
static void nonce_is_the_report_data(struct tpm_case *c)
{
    buf_clear(&c->extra);
    buf_add(&c->extra, SPAN_OF(tpm_case_report_data));
}
static void value_changed(struct tpm_case *c)
{
    buf_add(&c->digested, buf_span(&c->values));
    c->values.at[40] ^= 1;
}
/* CVE-2022-0317: values of all PCRs beside a quote over one. */
static void values_beyond_the_selection(struct tpm_case *c)
{
    buf_add(&c->digested, span_head(buf_span(&c->values), 32));
    c->selection.banks[0].mask = 1;
}
static void fewer_values(struct tpm_case *c)
{
    c->values.len -= 32;
}
static void nothing_selected(struct tpm_case *c)
{
    c->selection.banks[0].mask = 0;
}
static void unknown_bank(struct tpm_case *c)
{
    c->selection.banks[0].alg = 0x12;
}
static struct key *stranger;
static void signed_by_a_stranger(struct tpm_case *c)
{
    c->signer = stranger;
}
static void log_of_another_boot(struct tpm_case *c)
{
    write_u32le(&c->event_log, 0);
    write_u32le(&c->event_log, 8);
    buf_extend(&c->event_log, 20);
    write_u32le(&c->event_log, 0);
    c->selection.banks[0].alg = TPM_ALG_SHA1;
    c->values.len = 9 * 20;
}
static void log_without_the_quoted_bank(struct tpm_case *c)
{
    write_u32le(&c->event_log, 0);
    write_u32le(&c->event_log, 8);
    memset(buf_extend(&c->event_log, 20), 1, 20);
    write_u32le(&c->event_log, 0);
}
static void log_malformed(struct tpm_case *c)
{
    buf_add_str(&c->event_log, "bogus");
}
static void list_of_another_boot(struct tpm_case *c)
{
    buf_add_str(&c->ima_log, "10 5d4d5141ccd5066d50dc3f21d79ba02fedc24256 ima-ng sha256:00 /x\n");
}
static void list_malformed(struct tpm_case *c)
{
    buf_add_str(&c->ima_log, "10 5d4d ima-ng\n");
}
static void name_of_sha1(struct tpm_case *c)
{
    c->name_alg = TPM_ALG_SHA1;
}

/* Facts 20 to 23. */
static void broken_quotes(void **state)
{
    (void)state;
    static const struct broken rows[] = {
        { "good", "none", nothing, false },
        { "a key that nobody enrolled", "tpm_key_trust", nothing, true },
        { "no public area", "tpm_key", without_ak, false },
        { "unrestricted", "tpm_key", unrestricted, false },
        { "not fixed to the TPM", "tpm_key", movable, false },
        { "not fixed to its parent", "tpm_key", of_a_movable_parent, false },
        { "made outside", "tpm_key", made_outside, false },
        { "decrypts too", "tpm_key", decrypting, false },
        { "does not sign", "tpm_key", not_signing, false },
        { "no scheme of its own", "tpm_key", schemeless, false },
        { "another hash than the key's", "tpm_key", another_hash_than_the_keys, false },
        { "name by SHA-1", "tpm_key", name_of_sha1, true },
        { "signed with SHA-1", "tpm_scheme", sha1, false },
        { "magic", "tpm_format", magic, false },
        { "type creation", "tpm_format", creation, false },
        { "type certify", "tpm_format", certify, false },
        { "nonce cut", "report_data", nonce_cut, false },
        { "nonce longer", "report_data", nonce_longer, false },
        { "nonce empty", "report_data", nonce_empty, false },
        { "nonce changed", "report_data", nonce_changed, false },
        { "nonce not hashed", "report_data", nonce_is_the_report_data, false },
        { "value changed", "tpm_pcr_values", value_changed, false },
        { "values beyond the selection", "tpm_pcr_values", values_beyond_the_selection, false },
        { "fewer values", "tpm_pcr_values", fewer_values, false },
        { "nothing selected", "tpm_pcr_values", nothing_selected, false },
        { "unknown bank", "tpm_pcr_values", unknown_bank, false },
        { "signed by a stranger", "tpm_signature", signed_by_a_stranger, false },
        { "log of another boot", "event_log", log_of_another_boot, false },
        { "log without the quoted bank", "event_log", log_without_the_quoted_bank, false },
        { "log malformed", "event_log", log_malformed, false },
        { "list of another boot", "ima_log", list_of_another_boot, false },
        { "list malformed", "ima_log", list_malformed, false },
    };
    assert_ok(key_make_ec(KEY_P256, &stranger));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tpm_case c owned(tpm_case_done);
        tpm_case_init(&c, KEY_P256);
        rows[i].break_it(&c);
        tpm_case_make(&c);
        struct verify_result *r owned(verify_result_free) = judged(&c, !rows[i].unenrolled);
        if (strcmp(failing(r), rows[i].check) != 0)
            fail_msg("%s: fails %s (%s), not %s", rows[i].name, failing(r), verify_result_reason(r), rows[i].check);
        assert_int_equal(verify_result_verified(r), i == 0);
    }
    key_free(stranger);
}

/* One bit anywhere of the quote, its signature, the key or the values: refused. */
static void every_signed_bit_counts(void **state)
{
    (void)state;
    struct tpm_case c owned(tpm_case_done);
    tpm_case_init(&c, KEY_P256);
    tpm_case_make(&c);
    for (size_t at = 0; at < c.evidence.len; at += 3) {
        struct verify_result *r owned(verify_result_free) = NULL;
        c.evidence.at[at] ^= 1;
        r = judged(&c, true);
        if (verify_result_verified(r))
            fail_msg("byte %zu", at);
        c.evidence.at[at] ^= 1;
    }
    for (size_t len = 0; len < c.evidence.len; len += 7) {
        size_t whole = c.evidence.len;
        c.evidence.len = len;
        struct verify_result *r owned(verify_result_free) = judged(&c, true);
        assert_false(verify_result_verified(r));
        c.evidence.len = whole;
    }
}

static void event_add(struct tpm_case *c, uint32_t index, uint32_t type, struct span data)
{
    write_u32le(&c->event_log, index);
    write_u32le(&c->event_log, type);
    assert_ok(digest_of(DIGEST_SHA1, data, buf_extend(&c->event_log, 20)));
    write_u32le(&c->event_log, (uint32_t)data.len);
    buf_add(&c->event_log, data);
}

static struct span variable(bool on)
{
    static const uint8_t head[] = "0123456789abcdef\x0a\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0S\0e\0c\0u\0r\0e\0B\0o\0o\0t\0";
    static uint8_t whole[2][sizeof(head)];

    memcpy(whole[on], head, sizeof(head) - 1);
    whole[on][sizeof(head) - 1] = on;
    return span_from(whole[on], sizeof(head));
}

static void sha1_registers_quote(struct tpm_case *c)
{
    struct event_log log;
    struct replay p;

    assert_ok(event_log_parse(buf_span(&c->event_log), &log));
    assert_ok(replay_event_log(&log, TPM_ALG_SHA1, &p));
    assert_null(p.wrong);
    c->selection.count = 0;
    tpm_case_select(c, TPM_ALG_SHA1, 0xff);
    tpm_case_values(c, (const uint8_t(*)[DIGEST_MAX])p.registers);
}

/* Facts 23: only what stands before the separator, and with the digest of its data, says whether secure boot is on. */
static void secure_boot_is_what_the_firmware_said(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        /* 1: on, 0: off, 2: separator, 3: "on" under another digest, 4: off and 5: separator, called
         * something else, -1: none */
        int events[5];
        int claim;     /* -1: absent */
    } rows[] = {
        { "on", { 1, 2, -1 }, 1 },
        { "off", { 0, 2, -1 }, 0 },
        { "off, then told to be on by what was booted", { 0, 2, 1, -1 }, 0 },
        { "told only by what was booted", { 2, 1, -1 }, -1 },
        { "both", { 0, 1, 2, -1 }, 0 },
        { "data that its digest does not cover", { 3, 2, -1 }, -1 },
        { "no separator", { 1, -1 }, -1 },
        { "off and separator hidden, then on", { 4, 5, 1, 2, -1 }, 0 },
        { "separator hidden, then on", { 5, 1, 2, -1 }, -1 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tpm_case c owned(tpm_case_done);
        tpm_case_init(&c, KEY_P256);
        for (size_t k = 0; k < 5 && rows[i].events[k] >= 0; k++) {
            int what = rows[i].events[k];
            uint32_t type = what == 2 ? EV_SEPARATOR : what > 3 ? 6 : EV_EFI_VARIABLE_DRIVER_CONFIG;
            event_add(&c, 7, type, what == 2 || what == 5 ? SPAN("\0\0\0\0") : variable(what % 2));
            if (what == 3)
                c.event_log.at[8] ^= 1;
        }
        sha1_registers_quote(&c);
        tpm_case_make(&c);
        struct verify_result *r owned(verify_result_free) = judged(&c, true);
        assert_string_equal(verify_result_reason(r), "");
        const json_t *claim = json_object_get(verify_result_claims(r), "secure_boot");
        if ((rows[i].claim < 0) != !claim || (claim && json_is_true(claim) != rows[i].claim))
            fail_msg("%s", rows[i].name);
    }
}

/* Events of registers that were not quoted are nobody's word. */
static void events_of_unquoted_registers_give_no_claims(void **state)
{
    (void)state;
    struct tpm_case c owned(tpm_case_done);
    tpm_case_init(&c, KEY_P256);
    event_add(&c, 0, 8, SPAN("version"));
    event_add(&c, 4, EV_EFI_BOOT_SERVICES_APPLICATION, SPAN("loader"));
    sha1_registers_quote(&c);
    c.selection.banks[0].mask = 0x01;
    c.values.len = 20;
    tpm_case_make(&c);
    struct verify_result *r owned(verify_result_free) = judged(&c, true);
    assert_true(verify_result_verified(r));
    const json_t *events = json_object_get(verify_result_claims(r), "events");
    assert_int_equal(json_array_size(events), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(events, 0), "register")), 0);
    assert_null(json_object_get(verify_result_claims(r), "boot_applications"));
}

/* A log that leaves out a register of the firmware altogether hides what it was extended with; so would a list of
 * files that pretends to explain it. */
static void no_register_of_the_firmware_is_left_out(void **state)
{
    (void)state;
    for (int listed = 0; listed < 2; listed++) {
        struct tpm_case c owned(tpm_case_done);
        char hex[2 * DIGEST_MAX + 1];
        tpm_case_init(&c, KEY_P256);
        event_add(&c, 0, 8, SPAN("version"));
        size_t first = c.event_log.len;
        event_add(&c, 4, EV_EFI_BOOT_SERVICES_APPLICATION, SPAN("path"));
        sha1_registers_quote(&c);
        hex_str(span_from(c.event_log.at + first + 8, 20), hex);
        c.event_log.len = first;
        if (listed)
            buf_addf(&c.ima_log, "4 %s ima-ng sha256:00 /x\n", hex);
        tpm_case_make(&c);
        struct verify_result *r owned(verify_result_free) = judged(&c, true);
        assert_false(verify_result_verified(r));
        assert_int_equal(vector_outcome(r, listed ? "ima_log" : "event_log"), CHECK_FAILED);
    }
}

/* A type is no measured thing: what was started cannot be hidden by calling it something else. */
static void what_was_started_cannot_be_renamed(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        struct span data;
        bool other; /* the digest is of something else than the data, as of a program it is */
        bool listed;
    } rows[] = {
        { EV_EFI_BOOT_SERVICES_APPLICATION, { (const uint8_t *)"path", 4 }, true, true },
        { 0x0d, { (const uint8_t *)"path", 4 }, true, true },
        { EV_SEPARATOR, { (const uint8_t *)"\0\0\0\0", 4 }, true, true },
        { 0x80000007, { (const uint8_t *)"MZ and the rest of a program", 28 }, false, true },
        { 0x80000007, { (const uint8_t *)"Calling EFI Application from Boot Option", 40 }, false, false },
        { EV_EFI_BOOT_SERVICES_APPLICATION, { (const uint8_t *)"\0\0\0\0", 4 }, false, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tpm_case c owned(tpm_case_done);
        tpm_case_init(&c, KEY_P256);
        event_add(&c, 4, rows[i].type, rows[i].data);
        c.event_log.at[8] ^= rows[i].other;
        sha1_registers_quote(&c);
        tpm_case_make(&c);
        struct verify_result *r owned(verify_result_free) = judged(&c, true);
        assert_string_equal(verify_result_reason(r), "");
        const json_t *list = json_object_get(verify_result_claims(r), "boot_applications");
        if (json_array_size(list) != rows[i].listed)
            fail_msg("row %zu", i);
    }
}

/* Facts 23: a log that ends early does not match "so far". */
static void a_log_that_ends_early_is_refused(void **state)
{
    (void)state;
    struct tpm_case c owned(tpm_case_done);
    tpm_case_init(&c, KEY_P256);
    event_add(&c, 4, EV_EFI_BOOT_SERVICES_APPLICATION, SPAN("loader"));
    size_t first = c.event_log.len;
    event_add(&c, 4, EV_EFI_BOOT_SERVICES_APPLICATION, SPAN("kernel"));
    sha1_registers_quote(&c);
    tpm_case_make(&c);
    struct verify_result *whole owned(verify_result_free) = judged(&c, true);
    assert_true(verify_result_verified(whole));
    c.event_log.len = first;
    tpm_case_make(&c);
    struct verify_result *cut owned(verify_result_free) = judged(&c, true);
    assert_false(verify_result_verified(cut));
    assert_int_equal(vector_outcome(cut, "event_log"), CHECK_FAILED);
}

/* Or else one could extend another register by a list of good files, and show that one. */
static void an_ima_list_is_of_register_10(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "10 edcfbc3299860219161af60b266f8e2fa1fbd0c0 ima-ng sha1:009b0d8ee8fb8d890fa70f9c8e02b3f1eded1509 /data\n",
        "12 edcfbc3299860219161af60b266f8e2fa1fbd0c0 ima-ng sha1:009b0d8ee8fb8d890fa70f9c8e02b3f1eded1509 /data\n",
    };
    for (size_t i = 0; i < 2; i++) {
        struct tpm_case c owned(tpm_case_done);
        struct replay p;
        tpm_case_init(&c, KEY_P256);
        buf_add_str(&c.ima_log, lines[i]);
        assert_ok(replay_begin(TPM_ALG_SHA1, &p));
        assert_ok(replay_ima_log(buf_span(&c.ima_log), &p));
        c.selection.count = 0;
        tpm_case_select(&c, TPM_ALG_SHA1, i ? 0x1000 : 0x400);
        tpm_case_values(&c, (const uint8_t(*)[DIGEST_MAX])p.registers);
        tpm_case_make(&c);
        struct verify_result *r owned(verify_result_free) = judged(&c, true);
        assert_int_equal(verify_result_verified(r), i == 0);
        assert_int_equal(vector_outcome(r, "ima_log"), i ? CHECK_FAILED : CHECK_PASSED);
    }
}

static void ima_list_grows(const char *const *lines, size_t count, size_t quoted, bool lies)
{
    struct tpm_case c owned(tpm_case_done);
    struct buf part owned(buf_done) = buf_of(4096);
    struct replay p;

    tpm_case_init(&c, KEY_P256);
    for (size_t i = 0; i < quoted; i++)
        buf_add_str(&part, lines[i]);
    assert_ok(replay_begin(TPM_ALG_SHA1, &p));
    assert_ok(replay_ima_log(buf_span(&part), &p));
    c.selection.count = 0;
    tpm_case_select(&c, TPM_ALG_SHA1, 0x400);
    tpm_case_values(&c, (const uint8_t(*)[DIGEST_MAX])p.registers);
    for (size_t i = 0; i < count; i++) {
        buf_add_str(&c.ima_log, lines[i]);
        tpm_case_make(&c);
        struct verify_result *r owned(verify_result_free) = judged(&c, true);
        assert_int_equal(verify_result_verified(r), i + 1 >= quoted);
        if (i + 1 < quoted)
            continue;
        const json_t *claims = verify_result_claims(r), *files = json_object_get(claims, "ima_files");
        assert_int_equal(json_integer_value(json_object_get(claims, "ima_entries")), quoted);
        assert_int_equal(json_integer_value(json_object_get(claims, "ima_violations")), quoted == count);
        assert_int_equal(!files, lies);
        if (!lies)
            assert_int_equal(json_array_size(files), 1);
    }
}

static void an_ima_list_may_have_grown_but_not_shrunk(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "10 5d4d5141ccd5066d50dc3f21d79ba02fedc24256 ima-ng sha256:00 /lie\n",
        "10 edcfbc3299860219161af60b266f8e2fa1fbd0c0 ima-ng sha1:009b0d8ee8fb8d890fa70f9c8e02b3f1eded1509 /data\n",
        "10 0000000000000000000000000000000000000000 ima-ng sha1:009b0d8ee8fb8d890fa70f9c8e02b3f1eded1509 /violated\n",
    };
    /* The first line's hash is not that of its fields: with it, the list shows not every file. */
    for (size_t first = 0; first < 2; first++)
        for (size_t quoted = first + 1; quoted <= 3; quoted++)
            ima_list_grows(lines + first, 3 - first, quoted - first, first == 0);
}

/* A PKI of a TPM's maker. */
struct maker {
    struct key *root_key, *middle_key;
    struct cert *root, *middle, *leaf;
};

struct leaf_case {
    const char *name, *purpose; /* DER of the extended key usage, or NULL */
    size_t purpose_len;
    int64_t from, to;
    bool ca, of_another_key, without_middle, unnamed_root;
    bool good;
    int root_path_len; /* 0: none said; n: n - 1 */
};

#define PURPOSE_AK "\x30\x07\x06\x05\x67\x81\x05\x08\x03"
#define PURPOSE_EK "\x30\x07\x06\x05\x67\x81\x05\x08\x01"

static void maker_make(struct maker *m, const struct leaf_case *row, const struct key *subject)
{
    struct cert_extra extra[] = { { "2.5.29.37", span_from(row->purpose, row->purpose_len), false }, { 0 } };
    struct cert_request root = { .common_name = "Maker", .not_before = NOW - 10, .not_after = NOW + 10, .ca = true, .path_len = -1 };
    struct cert_request middle = root, leaf = { .common_name = "TPM", .not_before = row->from, .not_after = row->to };

    assert_ok(key_make_ec(KEY_P256, &m->root_key));
    assert_ok(key_make_ec(KEY_P256, &m->middle_key));
    root.key = m->root_key;
    root.path_len = row->root_path_len - 1;
    middle.key = m->middle_key;
    middle.common_name = "Maker CA";
    leaf.key = subject;
    leaf.ca = row->ca;
    leaf.path_len = -1;
    leaf.extra = row->purpose ? extra : NULL;
    assert_ok(cert_issue(&root, NULL, m->root_key, &m->root));
    assert_ok(cert_issue(&middle, m->root, m->root_key, &m->middle));
    assert_ok(cert_issue(&leaf, m->middle, m->middle_key, &m->leaf));
}

static void maker_done(struct maker *m)
{
    key_free(m->root_key);
    key_free(m->middle_key);
    cert_free(m->root);
    cert_free(m->middle);
    cert_free(m->leaf);
}

static void keys_with_a_certificate(void **state)
{
    (void)state;
    static const struct leaf_case leaves[] = {
        { "good", PURPOSE_AK, 9, NOW - 1, NOW + 1, false, false, false, false, true, 0 },
        { "of another key", PURPOSE_AK, 9, NOW - 1, NOW + 1, false, true, false, false, false, 0 },
        { "an endorsement key's", PURPOSE_EK, 9, NOW - 1, NOW + 1, false, false, false, false, false, 0 },
        { "for no purpose", NULL, 0, NOW - 1, NOW + 1, false, false, false, false, false, 0 },
        { "expired", PURPOSE_AK, 9, NOW - 5, NOW - 1, false, false, false, false, false, 0 },
        { "not yet valid", PURPOSE_AK, 9, NOW + 1, NOW + 5, false, false, false, false, false, 0 },
        { "a CA", PURPOSE_AK, 9, NOW - 1, NOW + 1, true, false, false, false, false, 0 },
        { "a gap in the chain", PURPOSE_AK, 9, NOW - 1, NOW + 1, false, false, true, false, false, 0 },
        { "a root that nobody named", PURPOSE_AK, 9, NOW - 1, NOW + 1, false, false, false, true, false, 0 },
        { "a root that may stand one above", PURPOSE_AK, 9, NOW - 1, NOW + 1, false, false, false, false, true, 2 },
        { "a root that may not", PURPOSE_AK, 9, NOW - 1, NOW + 1, false, false, false, false, false, 1 },
    };
    for (size_t i = 0; i < sizeof(leaves) / sizeof(*leaves); i++) {
        struct tpm_case c owned(tpm_case_done);
        struct key *other owned(key_free) = NULL;
        struct maker m = { 0 };
        struct verifier *v owned(verifier_free) = NULL;
        struct verify_result *r owned(verify_result_free) = NULL;
        tpm_case_init(&c, KEY_P256);
        assert_ok(key_make_ec(KEY_P256, &other));
        maker_make(&m, &leaves[i], leaves[i].of_another_key ? other : c.key);
        assert_ok(cert_to_pem(m.leaf, &c.certificate));
        if (!leaves[i].without_middle)
            assert_ok(cert_to_pem(m.middle, &c.certificate));
        tpm_case_make(&c);
        struct span root = cert_der(m.root);
        assert_ok(verifier_new(NULL, 0, &v));
        if (!leaves[i].unnamed_root)
            assert_ok(verifier_trust_tpms(v, &root, 1, (struct span){ 0 }));
        assert_ok(verify_evidence(v, buf_span(&c.evidence), NULL, NOW, SPAN_OF(tpm_case_report_data), &r));
        if (verify_result_verified(r) != leaves[i].good)
            fail_msg("%s: %s", leaves[i].name, verify_result_reason(r));
        if (leaves[i].good)
            text_claim(r, "ak_trust", "ak_certificate");
        else
            assert_int_equal(vector_outcome(r, "tpm_key_trust"), CHECK_FAILED);
        maker_done(&m);
    }
}

enum list { NO_LIST, CLEAN, LISTS_IT, EXPIRED, EARLY, FORGED };

/* NULL where the row has none. */
static struct crl *list_make(enum list kind, const struct cert *issuer, const struct key *key, const struct cert *subject)
{
    struct span serial = cert_serial(subject), other = SPAN("\x42");
    struct crl *list = NULL;
    if (kind == NO_LIST)
        return NULL;
    int64_t from = kind == EARLY ? NOW + 1 : NOW - 5, to = kind == EXPIRED ? NOW - 1 : NOW + 5;
    assert_ok(crl_issue(issuer, key, kind == LISTS_IT ? &serial : &other, 1, from, to, 7, &list));
    if (kind == FORGED) {
        struct buf der owned(buf_done) = buf_of(4096);
        buf_add(&der, crl_der(list));
        der.at[der.len - 1] ^= 1;
        crl_free(list);
        assert_ok(crl_parse(buf_span(&der), &list));
    }
    return list;
}

static void certificates_that_are_revoked(void **state)
{
    (void)state;
    static const struct leaf_case leaf = { "good", PURPOSE_AK, 9, NOW - 1, NOW + 1, false, false, false, false, true, 0 };
    static const struct {
        const char *name;
        enum list of_leaf, of_middle, again; /* again: one more of the leaf's issuer */
        bool good, checked;
        enum check_outcome outcome;
    } rows[] = {
        { "no list", NO_LIST, NO_LIST, NO_LIST, true, false, CHECK_NOT_CHECKED },
        { "both", CLEAN, CLEAN, NO_LIST, true, true, CHECK_PASSED },
        { "of the key's certificate only", CLEAN, NO_LIST, NO_LIST, true, false, CHECK_NOT_CHECKED },
        { "of the CA's only", NO_LIST, CLEAN, NO_LIST, true, false, CHECK_NOT_CHECKED },
        { "revoked key", LISTS_IT, CLEAN, NO_LIST, false, false, CHECK_FAILED },
        { "revoked CA", NO_LIST, LISTS_IT, NO_LIST, false, false, CHECK_FAILED },
        { "expired", EXPIRED, CLEAN, NO_LIST, false, false, CHECK_FAILED },
        { "not yet valid", EARLY, CLEAN, NO_LIST, false, false, CHECK_FAILED },
        { "signed by another key", FORGED, CLEAN, NO_LIST, false, false, CHECK_FAILED },
        { "the next beside the last", EXPIRED, CLEAN, CLEAN, true, true, CHECK_PASSED },
        { "revoked by the next", CLEAN, CLEAN, LISTS_IT, false, false, CHECK_FAILED },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct tpm_case c owned(tpm_case_done);
        struct maker m = { 0 };
        struct verifier *v owned(verifier_free) = NULL;
        struct verify_result *r owned(verify_result_free) = NULL;
        tpm_case_init(&c, KEY_P256);
        maker_make(&m, &leaf, c.key);
        assert_ok(cert_to_pem(m.leaf, &c.certificate));
        assert_ok(cert_to_pem(m.middle, &c.certificate));
        tpm_case_make(&c);
        struct span root = cert_der(m.root);
        struct crl *lists[] = { list_make(rows[i].of_leaf, m.middle, m.middle_key, m.leaf),
                                list_make(rows[i].of_middle, m.root, m.root_key, m.middle),
                                list_make(rows[i].again, m.middle, m.middle_key, m.leaf) };
        assert_ok(verifier_new(NULL, 0, &v));
        assert_ok(verifier_trust_tpms(v, &root, 1, (struct span){ 0 }));
        for (size_t n = 0; n < 3; n++) {
            struct span der = lists[n] ? crl_der(lists[n]) : (struct span){ 0 };
            assert_ok(verifier_revoke_tpms(v, &der, lists[n] ? 1 : 0));
            crl_free(lists[n]);
        }
        assert_ok(verify_evidence(v, buf_span(&c.evidence), NULL, NOW, SPAN_OF(tpm_case_report_data), &r));
        if (verify_result_verified(r) != rows[i].good || vector_outcome(r, "tpm_revocation") != rows[i].outcome)
            fail_msg("%s: %s, %d", rows[i].name, verify_result_reason(r), vector_outcome(r, "tpm_revocation"));
        if (rows[i].good)
            assert_true(json_boolean_value(json_object_get(verify_result_claims(r), "revocation_checked")) == rows[i].checked);
        maker_done(&m);
    }
    struct verifier *v owned(verifier_free) = NULL;
    struct span junk = SPAN("junk");
    assert_ok(verifier_new(NULL, 0, &v));
    assert_true(failed(verifier_revoke_tpms(v, &junk, 1)));
}

static void enrolled_keys_that_are_wrong_are_refused(void **state)
{
    (void)state;
#define NAME "000b4ce9b151f75089d74c15dabe9d520cffafbcafd5d43be0aad2e2d88d54717e2e"
    static const char *const rows[] = {
        "{}",
        "{\"version\":2,\"keys\":[]}",
        "{\"version\":1,\"keys\":{}}",
        "{\"version\":1,\"keys\":[],\"more\":1}",
        "{\"version\":1,\"keys\":[{\"by\":\"operator\"}]}",
        "{\"version\":1,\"keys\":[{\"name\":\"" NAME "\"}]}",
        "{\"version\":1,\"keys\":[{\"name\":\"" NAME "\",\"by\":\"anyone\"}]}",
        "{\"version\":1,\"keys\":[{\"name\":\"000b\",\"by\":\"operator\"}]}",
        "{\"version\":1,\"keys\":[{\"name\":\"" NAME "0\",\"by\":\"operator\"}]}",
        "{\"version\":1,\"keys\":[{\"name\":\"" NAME "\",\"by\":\"operator\"},{\"name\":\"" NAME "\",\"by\":\"operator\"}]}",
    };
    struct verifier *v owned(verifier_free) = NULL;
    assert_ok(verifier_new(NULL, 0, &v));
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_fails(verifier_trust_tpms(v, NULL, 0, span_str(rows[i])), FAIL_INPUT);
    assert_ok(verifier_trust_tpms(v, NULL, 0, SPAN("{\"version\":1,\"keys\":[{\"name\":\"" NAME "\",\"by\":\"operator\"}]}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_quotes),
        cmocka_unit_test(broken_quotes),
        cmocka_unit_test(every_signed_bit_counts),
        cmocka_unit_test(secure_boot_is_what_the_firmware_said),
        cmocka_unit_test(events_of_unquoted_registers_give_no_claims),
        cmocka_unit_test(a_log_that_ends_early_is_refused),
        cmocka_unit_test(no_register_of_the_firmware_is_left_out),
        cmocka_unit_test(what_was_started_cannot_be_renamed),
        cmocka_unit_test(an_ima_list_is_of_register_10),
        cmocka_unit_test(an_ima_list_may_have_grown_but_not_shrunk),
        cmocka_unit_test(keys_with_a_certificate),
        cmocka_unit_test(certificates_that_are_revoked),
        cmocka_unit_test(enrolled_keys_that_are_wrong_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
