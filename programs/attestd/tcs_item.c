// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_item.h"

#include <ctype.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/crl.h"

struct tcs_item tcs_item_of(void)
{
    return (struct tcs_item){ .body = buf_of(TCS_BODY_MAX) };
}

void tcs_item_done(struct tcs_item *t)
{
    buf_done(&t->body);
    free(t->chain);
    t->chain = NULL;
}

fallible tcs_item_copy(const struct tcs_item *from, struct tcs_item *to)
{
    struct tcs_item t owned(tcs_item_done) = tcs_item_of();
    buf_add(&t.body, buf_span(&from->body));
    TRY(buf_check(&t.body));
    if (from->chain && !(t.chain = strdup(from->chain)))
        return FAIL(SYSTEM, "memory for collateral");
    t.issued = from->issued;
    t.next_update = from->next_update;
    t.evaluation = from->evaluation;
    t.untrusted = from->untrusted;
    *to = t;
    t = tcs_item_of();
    return OK;
}

fallible tcs_chain_decode(const char *chain, struct buf *pem)
{
    struct span s = span_str(chain);
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] != '%') {
            buf_add_u8(pem, s.at[i]);
            continue;
        }
        int high = i + 1 < s.len ? hex_digit(s.at[i + 1]) : -1;
        int low = i + 2 < s.len ? hex_digit(s.at[i + 2]) : -1;
        if (high < 0 || low < 0)
            return FAIL(INPUT, "issuer chain is not percent-encoded");
        buf_add_u8(pem, (uint8_t)(high << 4 | low));
        i += 2;
    }
    return buf_check(pem);
}

static fallible chain_read(const struct tcs_item *item, struct chain *out)
{
    struct buf pem owned(buf_done) = buf_of(TCS_CHAIN_MAX);
    if (!item->chain || strlen(item->chain) > TCS_CHAIN_MAX)
        return FAIL(UPSTREAM, "upstream sends no issuer chain");
    if (failed(tcs_chain_decode(item->chain, &pem)) || failed(chain_from_pem(buf_span(&pem), out)))
        return FAIL(UPSTREAM, "upstream sends a malformed issuer chain");
    return out->count == 2 ? OK : FAIL(UPSTREAM, "upstream's issuer chain is not signer and root");
}

static fallible read_time(const json_t *j, const char *name, int64_t *out)
{
    struct span text;
    TRY(json_get_str(j, name, "date", &text));
    return clock_parse_rfc3339(text, out);
}

static bool same_nocase(struct span a, const char *b)
{
    if (a.len != strlen(b))
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (tolower(a.at[i]) != tolower((unsigned char)b[i]))
            return false;
    return true;
}

/* TCB info names its platform; identities name their enclave. */
static bool names_the_item(const struct tcs_id *id, const json_t *inner)
{
    struct span name = { 0 }, fmspc = { 0 };
    if (failed(json_opt_str(inner, "id", "id", &name)) ||
        failed(json_opt_str(inner, "fmspc", "fmspc", &fmspc)))
        return false;
    if (id->kind == TCS_QVE_IDENTITY)
        return span_equal_str(name, "QVE");
    if (id->kind == TCS_QE_IDENTITY)
        return span_equal_str(name, id->tdx ? "TD_QE" : "QE");
    bool tee_fits = name.len ? span_equal_str(name, id->tdx ? "TDX" : "SGX")
                             : !id->tdx; /* version 2 has no id */
    return tee_fits && same_nocase(fmspc, id->fmspc);
}

static fallible json_check(const struct tcs_id *id, struct tcs_item *item)
{
    owned(json_free) json_t *j = NULL;
    struct chain chain owned(chain_done) = { 0 };
    const json_t *inner = NULL;
    struct span signature;
    const char *member = id->kind == TCS_TCB_INFO ? "tcbInfo" : "enclaveIdentity";
    if (failed(json_parse_object(buf_span(&item->body), &j)) ||
        failed(json_get_object(j, member, "document", &inner)) ||
        failed(json_get_str(j, "signature", "signature", &signature)) ||
        !names_the_item(id, inner) || failed(read_time(inner, "issueDate", &item->issued)) ||
        failed(read_time(inner, "nextUpdate", &item->next_update)) ||
        failed(json_get_u64(inner, "tcbEvaluationDataNumber", UINT32_MAX, "number",
                            &item->evaluation)))
        return FAIL(UPSTREAM, "upstream sends something that is not what was asked for");
    return chain_read(item, &chain);
}

static uint64_t number_of(struct span big_endian)
{
    uint64_t n = 0;
    for (size_t i = 0; i < big_endian.len; i++)
        n = n << 8 | big_endian.at[i];
    return big_endian.len <= 7 ? n : INT64_MAX;
}

static fallible crl_check(const struct tcs_id *id, struct tcs_item *item)
{
    owned(crl_free) struct crl *crl = NULL;
    struct chain chain owned(chain_done) = { 0 };
    bool good = true;
    if (failed(crl_parse(buf_span(&item->body), &crl)) || !crl_has_next_update(crl))
        return FAIL(UPSTREAM, "upstream sends something that is not a revocation list");
    if (id->kind == TCS_PCK_CRL) {
        TRY(chain_read(item, &chain));
        TRY(crl_signed_by(crl, cert_key(chain.certs[0]), &good));
        if (!good || !span_equal(crl_issuer(crl), cert_subject(chain.certs[0])))
            return FAIL(UPSTREAM, "upstream's revocation list is not by its issuer");
    }
    item->issued = crl_this_update(crl);
    item->next_update = crl_next_update(crl);
    item->evaluation = number_of(crl_number(crl));
    struct buf der owned(buf_done) = buf_of(TCS_BODY_MAX);
    buf_add(&der, crl_der(crl));
    TRY(buf_check(&der));
    buf_done(&item->body);
    item->body = der;
    der = buf_of(TCS_BODY_MAX);
    return OK;
}

static fallible certificates_check(const struct tcs_id *id, struct tcs_item *item)
{
    owned(cert_free) struct cert *cert = NULL;
    struct chain chain owned(chain_done) = { 0 };
    struct err e = OK;
    if (id->kind == TCS_VCEK) {
        e = cert_from_der(buf_span(&item->body), &cert);
        if (!failed(e))
            chain = (struct chain){ .certs = { TAKE(cert) }, .count = 1 };
    } else {
        e = chain_from_pem(buf_span(&item->body), &chain);
    }
    if (failed(e) || chain.count != (id->kind == TCS_VCEK ? 1 : 2))
        return FAIL(UPSTREAM, "upstream sends something that is not the certificates asked for");
    item->issued = cert_not_before(chain.certs[0]);
    item->next_update = cert_not_after(chain.certs[0]);
    for (size_t i = 1; i < chain.count; i++)
        if (cert_not_after(chain.certs[i]) < item->next_update)
            item->next_update = cert_not_after(chain.certs[i]);
    item->evaluation = 0;
    return OK;
}

fallible tcs_item_check(const struct tcs_id *id, struct tcs_item *item)
{
    switch (id->kind) {
    case TCS_TCB_INFO:
    case TCS_QE_IDENTITY:
    case TCS_QVE_IDENTITY:
        return json_check(id, item);
    case TCS_PCK_CRL:
    case TCS_ROOT_CRL:
    case TCS_AMD_CRL:
        return crl_check(id, item);
    case TCS_AMD_CHAIN:
    case TCS_VCEK:
        break;
    }
    return certificates_check(id, item);
}

bool tcs_item_is_certificate(const struct tcs_id *id)
{
    return id->kind == TCS_AMD_CHAIN || id->kind == TCS_VCEK;
}
