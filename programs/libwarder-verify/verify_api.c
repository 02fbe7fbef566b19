// SPDX-License-Identifier: Apache-2.0
/* The installed face of verify/: plain C types in, nothing of ours out. */
#include "warder/verify.h"

#include <pthread.h>
#include <sys/random.h>

#include "crypto/crypto.h"
#include "verify/verify.h"

#define CONTEXT_ROOTS_MAX 16
#define EXPORTED __attribute__((visibility("default")))

/* jansson would open a file for the seed of its hash tables; the first seed stays. */
static void start(void)
{
    size_t seed = 0;

    (void)crypto_start_embedded().kind;
    if (getrandom(&seed, sizeof(seed), 0) == sizeof(seed) && seed)
        json_object_seed(seed);
}

static void started(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, start);
}

static struct span span_of(struct warder_bytes b)
{
    return span_from(b.at, b.at ? b.len : 0);
}

static enum warder_status status_of(struct err e)
{
    if (!failed(e))
        return WARDER_OK;
    return e.kind == FAIL_SYSTEM ? WARDER_NO_MEMORY : WARDER_BAD_ARGUMENT;
}

EXPORTED enum warder_status warder_verifier_new(const struct warder_bytes *roots, size_t count,
                                                struct warder_verifier **out)
{
    struct span extra[CONTEXT_ROOTS_MAX];
    struct verifier *v = NULL;

    started();
    if (count > CONTEXT_ROOTS_MAX || (count && !roots))
        return WARDER_BAD_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        extra[i] = span_of(roots[i]);
    enum warder_status status = status_of(verifier_new(extra, count, &v));
    if (status == WARDER_OK)
        *out = (struct warder_verifier *)v;
    return status;
}

EXPORTED void warder_verifier_free(struct warder_verifier *v)
{
    verifier_free((struct verifier *)v);
}

static bool spans_take(const struct warder_bytes *bytes, size_t count, struct span out[ROOTS_MAX])
{
    if (count > ROOTS_MAX || (count && !bytes))
        return false;
    for (size_t i = 0; i < count; i++)
        out[i] = span_of(bytes[i]);
    return true;
}

EXPORTED enum warder_status warder_verifier_revoke_tpms(struct warder_verifier *v,
                                                        const struct warder_bytes *lists,
                                                        size_t count)
{
    struct span spans[ROOTS_MAX];

    if (!v || !spans_take(lists, count, spans))
        return WARDER_BAD_ARGUMENT;
    return status_of(verifier_revoke_tpms((struct verifier *)v, spans, count));
}

EXPORTED enum warder_status warder_verifier_trust_tpms(struct warder_verifier *v,
                                                       const struct warder_bytes *cas, size_t count,
                                                       struct warder_bytes enrolled)
{
    struct span spans[ROOTS_MAX];

    if (!v || !spans_take(cas, count, spans))
        return WARDER_BAD_ARGUMENT;
    return status_of(verifier_trust_tpms((struct verifier *)v, spans, count, span_of(enrolled)));
}

/* An empty part is one that is not there, as a file without bytes would be. */
static bool item_take(const struct warder_item *item, struct collateral_raw *raw)
{
    struct span *part = item->name ? collateral_part_named(raw, item->name) : NULL;
    struct span bytes = span_of(item->bytes);

    if (!part || part->len || bytes.len > COLLATERAL_PART_MAX)
        return false;
    *part = bytes;
    return true;
}

EXPORTED enum warder_status warder_collateral_load(const struct warder_verifier *v,
                                                   const struct warder_item *items, size_t count,
                                                   struct warder_collateral **out)
{
    struct collateral_raw raw = { 0 };
    struct collateral_set *set = NULL;

    if (!v)
        return WARDER_BAD_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        if (!item_take(&items[i], &raw))
            return WARDER_BAD_ARGUMENT;
    enum warder_status status =
        status_of(collateral_set_load_undigested((const struct verifier *)v, &raw, &set));
    if (status == WARDER_OK)
        *out = (struct warder_collateral *)set;
    return status;
}

EXPORTED void warder_collateral_free(struct warder_collateral *c)
{
    collateral_set_free((struct collateral_set *)c);
}

EXPORTED int64_t warder_collateral_expires(const struct warder_collateral *c)
{
    return c ? collateral_set_expires((const struct collateral_set *)c) : 0;
}

static enum warder_status text_of(const json_t *document, char **out)
{
    char *text = document ? json_text(document) : NULL;

    if (!text)
        return WARDER_NO_MEMORY;
    *out = text;
    return WARDER_OK;
}

/* Members that the kind of evidence has not are left out. */
static json_t *needs_document(const struct collateral_key *key)
{
    const struct {
        const char *name, *value;
    } members[] = {
        { "tee", key->tee },         { "fmspc", key->fmspc },   { "ca", key->ca },
        { "product", key->product }, { "signer", key->signer }, { "chip", key->chip },
        { "tcb", key->tcb },
    };
    json_t *document owned(json_free) = json_object();

    for (size_t i = 0; document && i < sizeof(members) / sizeof(*members); i++)
        if (*members[i].value &&
            json_object_set_new(document, members[i].name, json_string(members[i].value)))
            return NULL;
    return TAKE(document);
}

EXPORTED enum warder_status warder_evidence_needs(struct warder_bytes evidence, char **json)
{
    struct collateral_key key = { 0 };

    started();
    enum warder_status status = status_of(evidence_needs(span_of(evidence), &key));
    if (status != WARDER_OK)
        return status;
    json_t *document owned(json_free) = needs_document(&key);
    return text_of(document, json);
}

EXPORTED enum warder_verdict warder_verify(struct warder_verifier *v, struct warder_bytes evidence,
                                           const struct warder_collateral *c, int64_t at,
                                           const uint8_t report_data[64], char **json)
{
    struct verify_result *result owned(verify_result_free) = NULL;
    json_t *document owned(json_free) = NULL;

    if (json)
        *json = NULL;
    if (!v || failed(verify_evidence((struct verifier *)v, span_of(evidence),
                                     (const struct collateral_set *)c, at,
                                     span_from(report_data, report_data ? 64 : 0), &result)))
        return WARDER_ERROR;
    if (json &&
        (failed(verify_result_json(result, &document)) || text_of(document, json) != WARDER_OK))
        return WARDER_ERROR;
    return verify_result_verified(result) ? WARDER_VERIFIED : WARDER_REFUSED;
}
