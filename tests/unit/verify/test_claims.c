// SPDX-License-Identifier: Apache-2.0
/* The table of claims, its page, and what the verifier says: all three agree. */
#include "forge_case.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/options.h"
#include "policy/claim.h"

#define PAGE_MAX (256U << 10)
#define ROW_MAX 512
#define STATUS_LIST_MIN 64 /* a longer closed set is the list of statuses, which has a name of its own */

static void comma_list(struct buf *b, const char *words)
{
    for (; *words; words++)
        if (*words == ' ')
            buf_add_str(b, ", ");
        else
            buf_add_u8(b, (uint8_t)*words);
}

static void type_add(struct buf *b, const struct claim_row *row)
{
    switch (row->type) {
    case CLAIM_BOOL:
        buf_add_str(b, "bool");
        break;
    case CLAIM_NUMBER:
        buf_addf(b, "number, %u bits", row->size);
        break;
    case CLAIM_TEXT:
        buf_add_str(b, !row->values ? "text" : strlen(row->values) > STATUS_LIST_MIN ? "status" : "text: ");
        if (row->values && strlen(row->values) <= STATUS_LIST_MIN)
            comma_list(b, row->values);
        break;
    case CLAIM_HEX:
        if (row->size)
            buf_addf(b, "hex, %u bytes", row->size);
        else
            buf_add_str(b, "hex");
        break;
    case CLAIM_TIME:
        buf_add_str(b, "time");
        break;
    case CLAIM_TEXT_LIST:
        buf_add_str(b, "list of texts");
        break;
    case CLAIM_EVENT_LIST:
        buf_add_str(b, "list of events: ");
        comma_list(b, row->values);
        break;
    }
}

static void page_and_table_agree(void **state)
{
    (void)state;
    char path[VECTOR_PATH_MAX];
    struct buf page owned(buf_done) = buf_of(PAGE_MAX);
    size_t rows = 0, claims = 0;

    snprintf(path, sizeof(path), "%s/claims.md", options_env("WARDER_DOCS"));
    assert_ok(file_read(path, &page));
    for (const struct claim_row *row = claim_table; row->name; row++, claims++) {
        struct buf line owned(buf_done) = buf_of(ROW_MAX);
        buf_addf(&line, "\n| `%s` | ", row->name);
        type_add(&line, row);
        buf_add_str(&line, " | ");
        comma_list(&line, row->tees);
        buf_addf(&line, " | %s | ", row->meaning);
        assert_ok(buf_check(&line));
        if (span_find(buf_span(&page), buf_span(&line)) == page.len)
            fail_msg("docs/claims.md has no row %s", buf_str(&line) + 1);
    }
    for (const char *at = buf_str(&page); (at = strstr(at, "\n| `")); at++)
        rows++;
    assert_int_equal(rows, claims);
}

static bool among(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += len)
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    return false;
}

static bool form_fits(const struct claim_row *row, const json_t *value)
{
    uint8_t bytes[64];
    int64_t at;
    const char *text = json_string_value(value);

    switch (row->type) {
    case CLAIM_BOOL:
        return json_is_boolean(value);
    case CLAIM_NUMBER:
        return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < 1LL << row->size;
    case CLAIM_TEXT:
        return text && (!row->values || among(row->values, text));
    case CLAIM_HEX:
        if (text && !row->size)
            return strlen(text) % 2 == 0 && !text[strspn(text, "0123456789abcdef")];
        return text && row->size <= sizeof(bytes) && !failed(hex_parse_exact(span_str(text), bytes, row->size)) &&
               !strpbrk(text, "ABCDEF");
    case CLAIM_TIME:
        return text && strlen(text) == 20 && !failed(clock_parse_rfc3339(span_str(text), &at));
    case CLAIM_TEXT_LIST:
    case CLAIM_EVENT_LIST:
        return json_is_array(value);
    }
    return false;
}

static void result_fits(const struct verify_result *r, bool *seen)
{
    const char *name, *tee = verify_result_type(r);
    json_t *value;

    json_object_foreach((json_t *)verify_result_claims(r), name, value) {
        const struct claim_row *row = claim_find(span_str(name));
        if (!row)
            fail_msg("claim %s is not in the table", name);
        if (!among(row->tees, tee) || !form_fits(row, value))
            fail_msg("claim %s of %s is not of its form", name, tee);
        seen[row - claim_table] = true;
    }
}

/* Every claim that the verifier makes is in the table and of its form; every claim of the table is made by some quote. */
static void verifier_and_table_agree(void **state)
{
    (void)state;
    static const enum forge_tee tees[] = { FORGE_SGX3, FORGE_TDX4, FORGE_TDX5, FORGE_TDX5_TD15EX };
    bool seen[256] = { false };

    for (size_t i = 0; i < sizeof(tees) / sizeof(*tees); i++) {
        struct forge_knobs k;
        forge_good(tees[i], &k);
        struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
        assert_true(verify_result_verified(r));
        result_fits(r, seen);
    }
    for (const struct claim_row *row = claim_table; row->name; row++)
        /* What a TD has in common with a TPM comes from a log, which test_bundle_rules.c looks at. */
        if (!seen[row - claim_table] && strcmp(row->name, "init_data_digest") /* attestd's */ && among(row->tees, "sgx") + (among(row->tees, "tdx") && !among(row->tees, "tpm")))
            fail_msg("nothing makes the claim %s", row->name);
}

static void the_answer_has_its_members(void **state)
{
    (void)state;
    static const char *const members[] = { "verdict", "type", "version", "tcb_status", "advisory_ids", "claims", "checks", "reason" };
    struct forge_knobs k;
    json_t *j owned(json_free) = NULL;

    forge_good(FORGE_TDX4, &k);
    struct verify_result *r owned(verify_result_free) = forge_verify(&k, CASE_NOW);
    assert_ok(verify_result_json(r, &j));
    assert_int_equal(json_object_size(j), sizeof(members) / sizeof(*members));
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
        assert_non_null(json_object_get(j, members[i]));
    assert_string_equal(json_string_value(json_object_get(j, "verdict")), "verified");
    assert_int_equal(json_integer_value(json_object_get(j, "version")), 4);
    const json_t *row, *checks = json_object_get(j, "checks");
    size_t i;
    json_array_foreach (checks, i, row) {
        assert_non_null(json_object_get(row, "check"));
        assert_non_null(json_object_get(row, "outcome"));
        assert_non_null(json_object_get(row, "clause"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_and_table_agree),
        cmocka_unit_test(verifier_and_table_agree),
        cmocka_unit_test(the_answer_has_its_members),
    };
    return cmocka_run_group_tests(tests, world_open, world_close);
}
