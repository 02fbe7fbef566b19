// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"
#include "kbsd/guest.h"

#define EVIDENCE_TYPE "application/vnd.warder.cc-guest-evidence+json"

static fallible read_init_data(const json_t *body, struct guest_attestation *a)
{
    const json_t *init = json_object_get(body, "init-data");
    struct span format;

    if (!init || json_is_null(init))
        return OK;
    if (!json_is_object(init))
        return FAIL(INPUT, "init-data is not an object");
    TRY(json_get_str(init, "format", "init-data: format", &format));
    TRY(json_get_str(init, "body", "init-data: body", &a->init_data));
    return span_equal_str(format, "toml") ? OK : FAIL(INPUT, "init-data is not of format toml");
}

fallible guest_attestation_read(const json_t *body, struct guest_attestation *out)
{
    struct guest_attestation a = { 0 };
    const json_t *runtime = json_object_get(body, "runtime-data");

    if (runtime) {
        if (!json_is_object(runtime))
            return FAIL(INPUT, "runtime-data is not an object");
        TRY(json_get_str(runtime, "nonce", "runtime-data: nonce", &a.nonce));
        TRY(json_get_object(runtime, "tee-pubkey", "runtime-data: tee-pubkey", &a.tee_pubkey));
    } else {
        TRY(json_get_object(body, "tee-pubkey", "tee-pubkey is missing", &a.tee_pubkey));
    }
    if (!json_object_get(body, "tee-evidence"))
        return FAIL(INPUT, "tee-evidence is missing");
    TRY(read_init_data(body, &a));
    *out = a;
    return OK;
}

fallible guest_attestation_evidence(const json_t *body, struct span protocol,
                                    struct guest_attestation *a)
{
    const json_t *given = json_object_get(body, "tee-evidence");
    bool whole = span_equal_str(protocol, "0.3.0") || span_equal_str(protocol, "0.4.0");

    a->evidence = given;
    if (!whole)
        return a->init_data.len || a->nonce.len
                   ? FAIL(INPUT, "this version of the protocol has no runtime-data and init-data")
                   : OK;
    if (span_equal_str(protocol, "0.4.0") && !a->nonce.len)
        return FAIL(INPUT, "runtime-data is missing");
    a->evidence = json_object_get(given, "primary_evidence");
    TRY(json_opt_str(given, "additional_evidence", "additional_evidence is a text",
                     &a->additional));
    return a->evidence ? OK : FAIL(INPUT, "primary_evidence is missing");
}

static void copy_text(json_t *to, const char *name, const json_t *from)
{
    json_object_set(to, name, json_object_get(from, name));
}

static json_t *record_of(const struct guest_attestation *a, const json_t *plan)
{
    json_t *inner owned(json_free) = json_object(), *record = NULL;

    copy_text(inner, "tee", plan);
    json_object_set(inner, "evidence", (json_t *)(uintptr_t)a->evidence);
    char *text owned(free) = json_text(inner);
    struct buf encoded owned(buf_done) = buf_of(JSON_TEXT_MAX);
    if (!text)
        return NULL;
    base64url_add(&encoded, span_str(text));
    if (failed(buf_check(&encoded)))
        return NULL;
    record = json_array();
    json_array_append_new(record, json_string(EVIDENCE_TYPE));
    json_array_append_new(record, json_stringn((const char *)encoded.at, encoded.len));
    return record;
}

json_t *guest_attestation_question(const struct guest_attestation *a, const json_t *plan)
{
    json_t *record = record_of(a, plan), *q = json_object(), *runtime = json_object();

    json_set_str(runtime, "type", "guest");
    copy_text(runtime, "protocol", plan);
    copy_text(runtime, "tenant", plan);
    copy_text(runtime, "nonce", plan);
    json_object_set(runtime, "tee_pubkey", (json_t *)(uintptr_t)a->tee_pubkey);
    json_set_span(runtime, "additional_evidence", a->additional);
    if (a->init_data.len)
        json_set_span(runtime, "init_data", a->init_data);
    copy_text(q, "tenant", plan);
    copy_text(q, "policy_ids_if_met", plan);
    json_object_set_new(q, "evidence", record);
    json_object_set_new(q, "runtime_data", runtime);
    return q;
}
