// SPDX-License-Identifier: Apache-2.0
#include "broker/policy_shape.h"

#include "broker/seed_policy.h"
#include "broker/transfer_policy.h"

#define SET_MAX 256
#define POLICY_IDS_MAX 16

static const struct json_shape text_item[] = { { "", SHAPE_TEXT, .min = 1, .max = 128 } };
static const struct json_shape hex_item[] = { { "", SHAPE_HEX, .min = 1, .max = 256 } };
static const struct json_shape number_item[] = { { "", SHAPE_NUMBER } };
static const struct json_shape tee_item[] = {
    { "", SHAPE_TEXT, .words = SHAPE_WORDS("tdx", "sgx", "snp", "tpm", "azure-vtpm", "bundle", "sample") }
};
static const struct json_shape wrapping_item[] = {
    { "", SHAPE_TEXT, .words = SHAPE_WORDS(WRAPPING_BY_KEYD, WRAPPING_IN_HSM, WRAPPING_RSA) }
};
static const struct json_shape use_item[] = {
    { "", SHAPE_TEXT, .words = SHAPE_WORDS("sign", "decrypt", "derive") }
};
static const struct json_shape day_item[] = {
    { "", SHAPE_TEXT, .words = SHAPE_WORDS("mon", "tue", "wed", "thu", "fri", "sat", "sun") }
};
#define TEXTS SHAPE_LIST, .min = 1, .max = POLICY_TEXTS_MAX, .inner = text_item
#define POLICY_IDS SHAPE_LIST, .min = 1, .max = POLICY_IDS_MAX, .inner = text_item
#define HEXES SHAPE_LIST, .min = 1, .max = SET_MAX, .inner = hex_item
#define NUMBERS SHAPE_LIST, .min = 1, .max = SET_MAX, .inner = number_item
#define MINUTE SHAPE_TEXT, true, .min = 5, .max = 5, .rule = "a time of day, 00:00 to 24:00"

static const struct json_shape hours_item[] = {
    { "days", SHAPE_LIST, true, .min = 1, .max = 7, .inner = day_item },
    { "from", MINUTE },
    { "to", MINUTE },
    SHAPE_END,
};
static const struct json_shape hours[] = { { "", SHAPE_OBJECT, .inner = hours_item } };
static const struct json_shape weekly[] = {
    { "zone", SHAPE_TEXT, true, .words = SHAPE_WORDS("UTC") },
    { "hours", SHAPE_LIST, true, .min = 1, .max = 64, .inner = hours },
    SHAPE_END,
};
static const struct json_shape time_window[] = {
    { "not_before", SHAPE_TIME },
    { "not_after", SHAPE_TIME },
    { "weekly", SHAPE_OBJECT, .inner = weekly },
    SHAPE_END,
};
static const struct json_shape native[] = {
    { "name", SHAPE_TEXT, .max = POLICY_NAME_MAX },
    { "attestation", SHAPE_TEXT, .words = SHAPE_WORDS("require", "observe", "none") },
    { "attestation_types", SHAPE_LIST, .min = 1, .max = POLICY_TEXTS_MAX, .inner = tee_item },
    { "conditions", SHAPE_OBJECT },
    { "policy_ids", POLICY_IDS },
    { "client_permissions_allof", SHAPE_LIST, .max = POLICY_TEXTS_MAX, .inner = text_item },
    { "client_permissions_anyof", TEXTS },
    { "client_certificate_issuer_anyof", TEXTS },
    { "client_certificate_subject_anyof", TEXTS },
    { "client_networks_anyof", TEXTS },
    { "time", SHAPE_OBJECT, .inner = time_window },
    { "max_releases", SHAPE_NUMBER, .min = 1, .max = RELEASES_MAX },
    { "wrapping_anyof", SHAPE_LIST, .min = 1, .max = POLICY_TEXTS_MAX, .inner = wrapping_item },
    { "use", SHAPE_LIST, .min = 1, .max = POLICY_TEXTS_MAX, .inner = use_item },
    { "four_eyes", SHAPE_BOOL },
    { "lease_minutes", SHAPE_NUMBER, .max = LEASE_MINUTES_MAX },
    { "accept_warning", SHAPE_BOOL },
    { "explain_to_caller", SHAPE_BOOL },
    SHAPE_END,
};

static const struct json_shape flat[] = {
    SHAPE_IGNORED("attestation_type_anyof"),
    { "sgx_enclave_issuer_anyof", HEXES, .required = true },
    { "sgx_enclave_issuer_product_id", SHAPE_NUMBER },
    { "sgx_enclave_issuer_product_id_anyof", NUMBERS },
    { "sgx_enclave_issuer_extended_product_id_anyof", HEXES },
    { "sgx_enclave_measurement_anyof", HEXES },
    { "sgx_enclave_svn_minimum", SHAPE_NUMBER },
    { "sgx_config_id_svn", SHAPE_NUMBER },
    { "sgx_config_id_anyof", HEXES },
    { "sgx_enforce_tcb_up_to_date", SHAPE_BOOL },
    { "tls_client_certificate_issuer_cn_anyof", TEXTS },
    { "client_permissions_allof", TEXTS },
    { "client_permissions_anyof", TEXTS },
    { "policy_ids", POLICY_IDS },
    SHAPE_IGNORED("id"),
    SHAPE_IGNORED("created_at"),
    SHAPE_IGNORED("updated_at"),
    SHAPE_END,
};

static const struct json_shape sgx_attributes[] = {
    { "mrsigner", HEXES, .required = true },
    { "isvprodid", NUMBERS, .required = true },
    { "mrenclave", HEXES },
    { "isvsvn", SHAPE_NUMBER },
    { "client_permissions", TEXTS },
    { "enforce_tcb_upto_date", SHAPE_BOOL },
    SHAPE_END,
};
static const struct json_shape tdx_attributes[] = {
    { "mrsignerseam", HEXES, .required = true },
    { "mrseam", HEXES, .required = true },
    { "seamsvn", SHAPE_NUMBER },
    { "mrtd", HEXES },
    { "rtmr0", SHAPE_HEX, .min = 1, .max = 256 },
    { "rtmr1", SHAPE_HEX, .min = 1, .max = 256 },
    { "rtmr2", SHAPE_HEX, .min = 1, .max = 256 },
    { "rtmr3", SHAPE_HEX, .min = 1, .max = 256 },
    { "enforce_tcb_upto_date", SHAPE_BOOL },
    SHAPE_END,
};
static const struct json_shape sgx_section[] = {
    { "policy_ids", POLICY_IDS },
    { "attributes", SHAPE_OBJECT, .inner = sgx_attributes },
    SHAPE_END,
};
static const struct json_shape tdx_section[] = {
    { "policy_ids", POLICY_IDS },
    { "attributes", SHAPE_OBJECT, .inner = tdx_attributes },
    SHAPE_END,
};
static const struct json_shape nested[] = {
    { "attestation_type", SHAPE_ANY, true },
    { "sgx", SHAPE_OBJECT, .inner = sgx_section },
    { "tdx", SHAPE_OBJECT, .inner = tdx_section },
    { "cert_issuer", TEXTS },
    SHAPE_IGNORED("id"),
    SHAPE_IGNORED("created_at"),
    SHAPE_IGNORED("updated_at"),
    SHAPE_END,
};

const struct json_shape *policy_shape_of(const json_t *document)
{
    if (json_object_get(document, "attestation_type") || json_object_get(document, "sgx") ||
        json_object_get(document, "tdx"))
        return nested;
    return seed_policy_is(document) ? flat : native;
}
