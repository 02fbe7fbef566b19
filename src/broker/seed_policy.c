// SPDX-License-Identifier: Apache-2.0
#include "broker/seed_policy.h"

#include <ctype.h>

#define SET_MAX 256
#define HEX_TEXT_MAX 256

enum member_kind {
    MEMBER_HEX_LIST,
    MEMBER_HEX,
    MEMBER_NUMBER_LIST,
    MEMBER_NUMBER,
    MEMBER_MINIMUM,
    MEMBER_UP_TO_DATE
};

struct member {
    const char *name;
    enum member_kind kind;
    const char *claim;
    bool required;
};

static const struct member flat_members[] = {
    { "sgx_enclave_issuer_anyof", MEMBER_HEX_LIST, "mrsigner", true },
    { "sgx_enclave_issuer_product_id", MEMBER_NUMBER, "isvprodid", false },
    { "sgx_enclave_issuer_product_id_anyof", MEMBER_NUMBER_LIST, "isvprodid", false },
    { "sgx_enclave_issuer_extended_product_id_anyof", MEMBER_HEX_LIST, "isvextprodid", false },
    { "sgx_enclave_measurement_anyof", MEMBER_HEX_LIST, "mrenclave", false },
    { "sgx_enclave_svn_minimum", MEMBER_MINIMUM, "isvsvn", false },
    { "sgx_config_id_svn", MEMBER_MINIMUM, "configsvn", false },
    { "sgx_config_id_anyof", MEMBER_HEX_LIST, "configid", false },
    { "sgx_enforce_tcb_up_to_date", MEMBER_UP_TO_DATE, "tcb_status", false },
    { 0 },
};
static const char *const flat_others[] = { "attestation_type_anyof",
                                           "tls_client_certificate_issuer_cn_anyof",
                                           "client_permissions_allof",
                                           "client_permissions_anyof",
                                           "policy_ids",
                                           NULL };

static const struct member sgx_members[] = {
    { "mrsigner", MEMBER_HEX_LIST, "mrsigner", true },
    { "isvprodid", MEMBER_NUMBER_LIST, "isvprodid", true },
    { "mrenclave", MEMBER_HEX_LIST, "mrenclave", false },
    { "isvsvn", MEMBER_MINIMUM, "isvsvn", false },
    { "enforce_tcb_upto_date", MEMBER_UP_TO_DATE, "tcb_status", false },
    { 0 },
};

static const struct member tdx_members[] = {
    { "mrsignerseam", MEMBER_HEX_LIST, "mrsignerseam", true },
    { "mrseam", MEMBER_HEX_LIST, "mrseam", true },
    { "seamsvn", MEMBER_MINIMUM, "seamsvn", false },
    { "mrtd", MEMBER_HEX_LIST, "mrtd", false },
    { "rtmr0", MEMBER_HEX, "rtmr0", false },
    { "rtmr1", MEMBER_HEX, "rtmr1", false },
    { "rtmr2", MEMBER_HEX, "rtmr2", false },
    { "rtmr3", MEMBER_HEX, "rtmr3", false },
    { "enforce_tcb_upto_date", MEMBER_UP_TO_DATE, "tcb_status", false },
    { 0 },
};

/* Answers of the original carry these; a document read back may be sent again. */
static const char *const echoed[] = { "id", "created_at", "updated_at", NULL };

struct translation {
    json_t *conditions; /* array */
    json_t *policy_ids; /* array; NULL: not given */
    json_t *native;
    bool any_tcb; /* the policy says itself that the TCB need not be up to date */
    char **message;
};

static fallible bad(struct translation *t, const char *member, const char *why)
{
    struct buf text owned(buf_done) = buf_of(512);
    buf_addf(&text, "%s: %s", member, why);
    free(*t->message);
    *t->message = buf_take_str(&text);
    return FAIL(INPUT, "malformed transfer policy");
}

static json_t *lower_hex(const json_t *value)
{
    char text[HEX_TEXT_MAX + 1];
    const char *given = json_string_value(value);
    size_t len = given ? strlen(given) : 0;

    if (!len || len > HEX_TEXT_MAX)
        return NULL;
    for (size_t i = 0; i <= len; i++)
        text[i] = (char)tolower((unsigned char)given[i]);
    return json_string(text);
}

static json_t *number(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0
               ? json_integer(json_integer_value(value))
               : NULL;
}

static fallible list_of(struct translation *t, const struct member *m, const json_t *value,
                        json_t **out)
{
    json_t *list owned(json_free) = json_array();
    const json_t *item;
    size_t i;

    if (!json_is_array(value) || !json_array_size(value) || json_array_size(value) > SET_MAX)
        return bad(t, m->name, "a list of 1 to 256 values is needed");
    json_array_foreach(value, i, item)
    {
        json_t *converted = m->kind == MEMBER_HEX_LIST ? lower_hex(item) : number(item);
        if (!converted)
            return bad(t, m->name,
                       m->kind == MEMBER_HEX_LIST ? "values are hexadecimal text"
                                                  : "values are numbers");
        json_array_append_new(list, converted);
    }
    *out = TAKE(list);
    return OK;
}

static void add_condition(struct translation *t, const char *claim, const char *operator,
                          json_t * value)
{
    json_t *c = json_object();
    json_set_str(c, "claim", claim);
    json_object_set_new(c, operator, value);
    json_array_append_new(t->conditions, c);
}

static fallible add_up_to_date(struct translation *t, const struct member *m, const json_t *value)
{
    if (!json_is_boolean(value))
        return bad(t, m->name, "true or false");
    if (json_is_true(value))
        add_condition(t, m->claim, "equals", json_string("UpToDate"));
    else
        t->any_tcb = true;
    return OK;
}

static fallible add_member(struct translation *t, const struct member *m, const json_t *value)
{
    json_t *converted owned(json_free) = NULL;

    switch (m->kind) {
    case MEMBER_HEX_LIST:
    case MEMBER_NUMBER_LIST:
        TRY(list_of(t, m, value, &converted));
        break;
    case MEMBER_HEX:
        converted = lower_hex(value);
        break;
    case MEMBER_NUMBER:
    case MEMBER_MINIMUM:
        converted = number(value);
        break;
    case MEMBER_UP_TO_DATE:
        return add_up_to_date(t, m, value);
    }
    if (!converted)
        return bad(t, m->name,
                   m->kind == MEMBER_HEX ? "hexadecimal text is needed" : "a number is needed");
    bool list = m->kind == MEMBER_HEX_LIST || m->kind == MEMBER_NUMBER_LIST;
    add_condition(t, m->claim,
                  list                        ? "in"
                  : m->kind == MEMBER_MINIMUM ? "min"
                                              : "equals",
                  TAKE(converted));
    return OK;
}

static fallible add_members(struct translation *t, const struct member *members, const json_t *from)
{
    for (const struct member *m = members; m->name; m++) {
        const json_t *value = json_object_get(from, m->name);
        if (value)
            TRY(add_member(t, m, value));
        else if (m->required)
            return bad(t, m->name, "is required");
    }
    return OK;
}

static bool in_list(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(name, *list))
            return true;
    return false;
}

static bool in_members(const char *name, const struct member *members)
{
    for (; members && members->name; members++)
        if (!strcmp(name, members->name))
            return true;
    return false;
}

static fallible only(struct translation *t, const json_t *object, const struct member *members,
                     const char *const *others)
{
    const char *name;
    json_t *value;

    json_object_foreach(
        (json_t *)object, name,
        value) if (!in_members(name, members) && !in_list(name, others) &&
                   !in_list(name, echoed)) return bad(t, name,
                                                      "is not a member of a transfer policy");
    return OK;
}

/* "SGX" alone or a list of exactly one; written in lower case. */
static fallible one_type(struct translation *t, const char *name, const json_t *value,
                         const char **out)
{
    if (json_is_array(value) && json_array_size(value) == 1)
        value = json_array_get(value, 0);
    const char *text = json_string_value(value);
    if (text && (!strcmp(text, "SGX") || !strcmp(text, "sgx")))
        *out = "sgx";
    else if (text && (!strcmp(text, "TDX") || !strcmp(text, "tdx")))
        *out = "tdx";
    else
        return bad(t, name, "exactly one of SGX and TDX is needed");
    return OK;
}

static fallible copy_texts(struct translation *t, const json_t *from, const char *name,
                           const char *as)
{
    const json_t *list = json_object_get(from, name), *item;
    size_t i;

    if (!list)
        return OK;
    if (!json_is_array(list) || !json_array_size(list) || json_array_size(list) > SET_MAX)
        return bad(t, name,
                   "a list of 1 to 256 texts is needed; leave the member out where none is meant");
    json_array_foreach(list, i, item) if (!json_is_string(item)) return bad(t, name,
                                                                            "values are texts");
    json_object_set_new(t->native, as, json_deep_copy(list));
    return OK;
}

static fallible translate_flat(struct translation *t, const json_t *d)
{
    const char *type = "sgx";
    const json_t *types = json_object_get(d, "attestation_type_anyof");

    TRY(only(t, d, flat_members, flat_others));
    if (types)
        TRY(one_type(t, "attestation_type_anyof", types, &type));
    if (strcmp(type, "sgx"))
        return bad(t, "attestation_type_anyof", "this form of policy is for SGX only");
    if (!json_object_get(d, "sgx_enclave_issuer_product_id") &&
        !json_object_get(d, "sgx_enclave_issuer_product_id_anyof"))
        return bad(t, "sgx_enclave_issuer_product_id", "is required");
    TRY(add_members(t, flat_members, d));
    TRY(copy_texts(t, d, "policy_ids",
                   "policy_ids")); /* ours: the original had no appraisal policies then */
    TRY(copy_texts(t, d, "client_permissions_allof", "client_permissions_allof"));
    TRY(copy_texts(t, d, "client_permissions_anyof", "client_permissions_anyof"));
    TRY(copy_texts(t, d, "tls_client_certificate_issuer_cn_anyof",
                   "client_certificate_issuer_anyof"));
    json_object_set_new(t->native, "attestation_types", json_pack("[s]", type));
    return OK;
}

static fallible translate_attributes(struct translation *t, const json_t *attributes, bool sgx)
{
    static const char *const sgx_others[] = { "client_permissions", NULL }, *const none[] = {
        NULL
    };
    const struct member *members = sgx ? sgx_members : tdx_members;

    if (!json_is_object(attributes))
        return bad(t, "attributes", "an object is needed");
    TRY(only(t, attributes, members, sgx ? sgx_others : none));
    TRY(add_members(t, members, attributes));
    return sgx ? copy_texts(t, attributes, "client_permissions", "client_permissions_allof") : OK;
}

static fallible translate_nested(struct translation *t, const json_t *d)
{
    static const char *const sgx_form[] = { "attestation_type", "sgx", "cert_issuer", NULL };
    static const char *const tdx_form[] = { "attestation_type", "tdx", "cert_issuer", NULL };
    static const char *const section_members[] = { "attributes", "policy_ids", NULL };
    const char *type;

    TRY(one_type(t, "attestation_type", json_object_get(d, "attestation_type"), &type));
    bool sgx = !strcmp(type, "sgx");
    TRY(only(t, d, NULL, sgx ? sgx_form : tdx_form));
    const json_t *section = json_object_get(d, type);
    if (!json_is_object(section))
        return bad(t, type, "an object with attributes or policy_ids is needed");
    TRY(only(t, section, NULL, section_members));
    const json_t *attributes = json_object_get(section, "attributes"),
                 *ids = json_object_get(section, "policy_ids");
    if (!attributes && !json_array_size(ids))
        return bad(t, type, "attributes or policy_ids are needed");
    if (attributes)
        TRY(translate_attributes(t, attributes, sgx));
    TRY(copy_texts(t, section, "policy_ids", "policy_ids"));
    TRY(copy_texts(t, d, "cert_issuer", "client_certificate_issuer_anyof"));
    json_object_set_new(t->native, "attestation_types", json_pack("[s]", type));
    return OK;
}

static bool is_flat(const json_t *d)
{
    for (const struct member *m = flat_members; m->name; m++)
        if (json_object_get(d, m->name))
            return true;
    return json_object_get(d, "attestation_type_anyof") ||
           json_object_get(d, "tls_client_certificate_issuer_cn_anyof");
}

bool seed_policy_is(const json_t *d)
{
    return is_flat(d) || json_object_get(d, "attestation_type");
}

fallible seed_policy_translate(const json_t *document, json_t **native, char **message)
{
    json_t *conditions owned(json_free) = json_array(), *out owned(json_free) = json_object();
    struct translation t = { .conditions = conditions, .native = out, .message = message };

    if (!conditions || !out)
        return FAIL(SYSTEM, "out of memory");
    add_condition(&t, "debug", "equals", json_false());
    TRY(is_flat(document) ? translate_flat(&t, document) : translate_nested(&t, document));
    json_set_str(out, "attestation", "require");
    /* The service's default policy wants an up-to-date platform: to allow less, policy_ids must
     * name one that does. */
    json_set_bool(out, "accept_warning", t.any_tcb);
    json_object_set_new(
        out, "conditions",
        json_pack("{s:s,s:[{s:O}]}", "version", "1.0.0", "anyOf", "allOf", conditions));
    *native = TAKE(out);
    return OK;
}
