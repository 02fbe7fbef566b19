// SPDX-License-Identifier: Apache-2.0
#include "token/ear.h"

/* AR4SI section 2.3: values up to 31 affirm, up to 95 warn, up to 127 contraindicate. */
enum {
    TRUSTWORTHY_INSTANCE = 2,
    UNTRUSTWORTHY_INSTANCE = 96,
    APPROVED_CONFIG = 2,
    UNSAFE_CONFIG = 32,
    APPROVED_RUNTIME = 2,
    GENUINE_HARDWARE = 2,
    UNSAFE_HARDWARE = 32,
    CONTRAINDICATED_HARDWARE = 96,
    ENCRYPTED_RUNTIME = 2
};
#define WARNING_FROM 32
#define CONTRAINDICATED_FROM 96

static struct span text_of(const json_t *claims, const char *name)
{
    const json_t *j = json_object_get(claims, name);
    return json_is_string(j) ? span_from(json_string_value(j), json_string_length(j))
                             : (struct span){ 0 };
}

static bool is_debug(const json_t *claims)
{
    return json_is_true(json_object_get(claims, "debug"));
}

/* Of a root that only the configuration names it is not claimed that its hardware is genuine; a
 * platform behind the level that its vendor publishes warns all the same. */
static void add_hardware(json_t *vector, const json_t *claims)
{
    struct span status = text_of(claims, "tcb_status");
    if (span_equal_str(status, "Revoked"))
        json_set_int(vector, "hardware", CONTRAINDICATED_HARDWARE);
    else if (status.len && !span_equal_str(status, "UpToDate"))
        json_set_int(vector, "hardware", UNSAFE_HARDWARE);
    else if (!span_equal_str(text_of(claims, "root"), "configured"))
        json_set_int(vector, "hardware", GENUINE_HARDWARE);
}

static void add_configuration(json_t *vector, const json_t *claims)
{
    struct span status = text_of(claims, "tcb_status");
    bool asked = span_find(status, SPAN("Configuration")) < status.len;
    json_set_int(vector, "configuration",
                 asked || is_debug(claims) ? UNSAFE_CONFIG : APPROVED_CONFIG);
}

/* Memory is hidden from the host in a TEE that is not in debug mode; a TPM alone hides nothing. */
static void add_runtime(json_t *vector, const struct ear_facts *f)
{
    static const char *const hides[] = { "sgx", "tdx", "snp" };
    struct span tee = text_of(f->claims, "tee");
    if (f->measured)
        json_set_int(vector, "executables", APPROVED_RUNTIME);
    for (size_t i = 0; i < sizeof(hides) / sizeof(hides[0]) && !is_debug(f->claims); i++)
        if (span_equal_str(tee, hides[i]))
            json_set_int(vector, "runtime-opaque", ENCRYPTED_RUNTIME);
}

static json_t *vector_of(const struct ear_facts *f)
{
    json_t *vector = json_object();
    bool genuine = f->outcome != EAR_EVIDENCE_REFUSED;
    json_set_int(vector, "instance-identity",
                 genuine ? TRUSTWORTHY_INSTANCE : UNTRUSTWORTHY_INSTANCE);
    if (!genuine)
        return vector;
    add_hardware(vector, f->claims);
    add_configuration(vector, f->claims);
    add_runtime(vector, f);
    return vector;
}

static const char *status_of(const struct ear_facts *f, json_t *vector)
{
    json_int_t worst = 0;
    const char *name;
    json_t *value;
    json_object_foreach(vector, name, value) worst =
        json_integer_value(value) > worst ? json_integer_value(value) : worst;
    if (f->outcome != EAR_VERIFIED || worst >= CONTRAINDICATED_FROM)
        return "contraindicated";
    return worst >= WARNING_FROM ? "warning" : "affirming";
}

json_t *ear_submodule(const struct ear_facts *f)
{
    owned(json_free) json_t *j = json_object(), *vector = vector_of(f);
    if (!j || !vector)
        return NULL;
    if (f->policy_id.len)
        json_set_span(j, "ear.appraisal-policy-id", f->policy_id);
    json_object_set(j, "ear.trustworthiness-vector", vector);
    json_set_str(j, "ear.status", status_of(f, vector));
    return json_incref(j);
}
