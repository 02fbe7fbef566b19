// SPDX-License-Identifier: Apache-2.0
#include "policy/deny.h"

#include <ctype.h>

#define CLAIMS_MAX 3
#define FAMILY_DIGITS 6
#define CHIP_DIGITS 128
#define TURIN_DIGITS 16

enum fit { FIT_EQUAL, FIT_PREFIX, FIT_CONTAINS };

static const struct {
    const char *name;
    struct {
        const char *claim;
        enum fit fit;
    } claims[CLAIMS_MAX];
} kinds[] = {
    [DENY_FMSPC] = { "fmspc", { { "fmspc", FIT_EQUAL } } },
    [DENY_FAMILY] = { "family", { { "product", FIT_EQUAL }, { "fmspc", FIT_PREFIX } } },
    [DENY_CHIP] = { "chip",
                    { { "chip_id", FIT_EQUAL },
                      { "ppid", FIT_EQUAL },
                      { "platform_instance_id", FIT_EQUAL } } },
    [DENY_FIRMWARE] = { "firmware",
                        { { "mrseam", FIT_EQUAL },
                          { "current_firmware", FIT_EQUAL },
                          { "tpm_firmware", FIT_EQUAL } } },
    [DENY_ADVISORY] = { "advisory", { { "advisory_ids", FIT_CONTAINS } } },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

bool deny_kind_parse(struct span word, enum deny_kind *out)
{
    for (size_t i = 0; i < KINDS; i++)
        if (span_equal_str(word, kinds[i].name)) {
            *out = (enum deny_kind)i;
            return true;
        }
    return false;
}

static bool copy_hex(struct span value, char *out)
{
    for (size_t i = 0; i < value.len; i++) {
        if (!isxdigit(value.at[i]))
            return false;
        out[i] = (char)tolower(value.at[i]);
    }
    out[value.len] = 0;
    return true;
}

static bool copy_of(struct span value, const char *alphabet, char *out)
{
    for (size_t i = 0; i < value.len; i++)
        if (!isalnum(value.at[i]) && (!value.at[i] || !strchr(alphabet, value.at[i])))
            return false;
    memcpy(out, value.at, value.len);
    out[value.len] = 0;
    return true;
}

static bool is_product(struct span value)
{
    return span_equal_str(value, "Milan") || span_equal_str(value, "Genoa") ||
           span_equal_str(value, "Turin");
}

/* Turin's ids are short; in the claim zeros follow. */
static bool copy_chip(struct span value, char *out)
{
    if (value.len != 32 && value.len != CHIP_DIGITS && value.len != TURIN_DIGITS)
        return false;
    if (!copy_hex(value, out))
        return false;
    if (value.len == TURIN_DIGITS) {
        memset(out + TURIN_DIGITS, '0', CHIP_DIGITS - TURIN_DIGITS);
        out[CHIP_DIGITS] = 0;
    }
    return true;
}

static bool copy_firmware(struct span value, char *out)
{
    bool version = span_find(value, SPAN(".")) < value.len;
    if (!version && value.len != 96 && value.len != 16)
        return false;
    for (size_t i = 0; i < value.len && version; i++)
        if (!isdigit(value.at[i]) && value.at[i] != '.')
            return false;
    return version ? copy_of(value, ".", out) : copy_hex(value, out);
}

static bool copy_value(enum deny_kind kind, struct span value, char *out)
{
    switch (kind) {
    case DENY_FMSPC:
        return value.len == 12 && copy_hex(value, out);
    case DENY_FAMILY:
        return is_product(value) ? copy_of(value, "", out)
                                 : value.len == FAMILY_DIGITS && copy_hex(value, out);
    case DENY_CHIP:
        return copy_chip(value, out);
    case DENY_FIRMWARE:
        return copy_firmware(value, out);
    case DENY_ADVISORY:
        return copy_of(value, "-_", out);
    }
    return false;
}

fallible deny_value(enum deny_kind kind, struct span value, char out[DENY_VALUE_MAX + 1])
{
    if (!value.len || value.len > DENY_VALUE_MAX || !copy_value(kind, value, out))
        return FAIL(INPUT, "not a value of this kind: fmspc 12 hex digits; family Milan, Genoa, "
                           "Turin or 6 hex digits; chip 16, 32 or 128 hex digits; firmware 96 or "
                           "16 hex digits or a version; advisory an id");
    return OK;
}

fallible deny_name(struct span kind, struct span value, char out[DENY_NAME_MAX + 1])
{
    char canonical[DENY_VALUE_MAX + 1];
    enum deny_kind k;
    if (!deny_kind_parse(kind, &k))
        return FAIL(INPUT, "kind is fmspc, family, chip, firmware or advisory");
    TRY(deny_value(k, value, canonical));
    snprintf(out, DENY_NAME_MAX + 1, "%s:%s", kinds[k].name, canonical);
    return OK;
}

static struct span text_of(const json_t *j)
{
    return span_from(json_string_value(j), json_string_length(j));
}

static bool fits_value(enum fit fit, struct span value, const json_t *claim)
{
    switch (fit) {
    case FIT_EQUAL:
        return json_is_string(claim) && span_equal(text_of(claim), value);
    case FIT_PREFIX:
        return json_is_string(claim) && span_starts(text_of(claim), value);
    case FIT_CONTAINS:
        break;
    }
    for (size_t i = 0; i < json_array_size(claim); i++)
        if (span_equal(text_of(json_array_get(claim, i)), value))
            return true;
    return false;
}

/* A claim of this name, of the evidence or of a piece of it: "fmspc", "tdx.fmspc". */
static bool is_claim(const char *key, const char *name)
{
    size_t len = strlen(key), tail = strlen(name);
    return len >= tail && !strcmp(key + len - tail, name) &&
           (len == tail || key[len - tail - 1] == '.');
}

static bool entry_fits(enum deny_kind kind, struct span value, const json_t *claims)
{
    const char *key;
    const json_t *claim;
    json_object_foreach((json_t *)claims, key, claim)
    {
        for (size_t i = 0; i < CLAIMS_MAX && kinds[kind].claims[i].claim; i++)
            if (is_claim(key, kinds[kind].claims[i].claim) &&
                fits_value(kinds[kind].claims[i].fit, value, claim))
                return true;
    }
    return false;
}

fallible deny_find(const json_t *list, const json_t *claims, const json_t **entry)
{
    if (!json_is_array(list) || !json_is_object(claims))
        return FAIL(INPUT, "not a deny list and claims");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        enum deny_kind kind;
        struct span word, value;
        TRY(json_get_str(one, "kind", "deny list: kind", &word));
        TRY(json_get_str(one, "value", "deny list: value", &value));
        if (!deny_kind_parse(word, &kind))
            return FAIL(INPUT, "the deny list has an entry of an unknown kind");
        if (entry_fits(kind, value, claims)) {
            *entry = one;
            return OK;
        }
    }
    *entry = NULL;
    return OK;
}
