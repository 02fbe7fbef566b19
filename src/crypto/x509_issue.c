// SPDX-License-Identifier: Apache-2.0
/* Issuing certificates (RFC 5280 section 4). The DER is written from its end to its front. */
#include "crypto/random.h"
#include "crypto/x509_internal.h"

#define SERIAL_SIZE 16
#define VALUE_MAX 8192
#define OID_MAX 64

static const uint8_t ca_usage[] = { 0x03, 0x02, 0x01, 0x06 };   /* keyCertSign, cRLSign */
static const uint8_t leaf_usage[] = { 0x03, 0x02, 0x07, 0x80 }; /* digitalSignature */
static const uint8_t rsa_usage[] = { 0x03, 0x02, 0x05, 0xa0 };  /* and keyEncipherment */
const struct span oid_server_auth = { (const uint8_t *)"\x2b\x06\x01\x05\x05\x07\x03\x01", 8 };
const struct span oid_client_auth = { (const uint8_t *)"\x2b\x06\x01\x05\x05\x07\x03\x02", 8 };

void extension_put(struct der_writer *w, struct span oid, bool critical, struct span value)
{
    size_t all = der_mark(w);

    der_put_value(w, DER_OCTET_STRING, value);
    if (critical)
        der_put_bool(w, true);
    der_put_value(w, DER_OID, oid);
    der_wrap(w, DER_SEQUENCE, all);
}

fallible key_id_of(const struct key *k, uint8_t out[KEY_ID_SIZE])
{
    struct buf spki owned(buf_done) = buf_of(4096);
    uint8_t hash[SHA256_SIZE];

    TRY(key_to_spki(k, &spki));
    struct reader r = reader_of(buf_span(&spki));
    struct reader sequence = der_enter(&r, DER_SEQUENCE);
    (void)der_value(&sequence, DER_SEQUENCE);
    TRY(sha256(der_bits(&sequence), hash));
    memcpy(out, hash, KEY_ID_SIZE);
    return OK;
}

void authority_key_id_put(struct der_writer *w, struct span id)
{
    uint8_t room[64];
    struct der_writer value = der_writer_of(room, sizeof room);
    size_t all = der_mark(&value);

    der_put_value(&value, DER_CONTEXT(0), id);
    der_wrap(&value, DER_SEQUENCE, all);
    w->failed = w->failed || value.failed;
    extension_put(w, oid_authority_key_id, false, der_written(&value));
}

/* One arc, base 128, big-endian, all bytes but the last marked; backwards as everything here. */
static void put_arc(struct der_writer *w, uint64_t arc)
{
    uint8_t more = 0;

    do {
        der_put_u8(w, (uint8_t)(more | (arc & 0x7f)));
        arc >>= 7;
        more = 0x80;
    } while (arc);
}

static fallible put_dotted_oid(struct der_writer *w, const char *dotted)
{
    uint64_t arcs[OID_MAX] = { 0 };
    size_t count = 0;

    for (const char *at = dotted; *at; at++) {
        if (*at == '.' && at[1] && at != dotted && at[-1] != '.' && count + 1 < OID_MAX)
            count++;
        else if (*at >= '0' && *at <= '9' && arcs[count] < UINT32_MAX)
            arcs[count] = arcs[count] * 10 + (uint64_t)(*at - '0');
        else
            return FAIL(INPUT, "not a dotted object identifier");
    }
    if (count < 1 || arcs[0] > 2 || (arcs[0] < 2 && arcs[1] > 39))
        return FAIL(INPUT, "not a dotted object identifier");
    for (size_t i = count; i >= 2; i--)
        put_arc(w, arcs[i]);
    put_arc(w, arcs[0] * 40 + arcs[1]);
    return OK;
}

static fallible put_extra(struct der_writer *w, const struct cert_extra *extra)
{
    for (; extra && extra->oid; extra++) {
        uint8_t room[OID_MAX * 5];
        struct der_writer oid = der_writer_of(room, sizeof room);

        TRY(put_dotted_oid(&oid, extra->oid));
        extension_put(w, der_written(&oid), extra->critical, extra->value);
    }
    return OK;
}

static fallible put_names(struct der_writer *w, const struct cert_request *req)
{
    uint8_t room[VALUE_MAX];

    if (req->san && req->san[0]) {
        struct der_writer value = der_writer_of(room, sizeof room);
        TRY(san_put(&value, req->san));
        w->failed = w->failed || value.failed;
        extension_put(w, oid_san, false, der_written(&value));
    }
    if (req->server_auth || req->client_auth) {
        struct der_writer value = der_writer_of(room, sizeof room);
        if (req->client_auth)
            der_put_value(&value, DER_OID, oid_client_auth);
        if (req->server_auth)
            der_put_value(&value, DER_OID, oid_server_auth);
        der_wrap(&value, DER_SEQUENCE, sizeof room);
        extension_put(w, oid_extended_key_usage, false, der_written(&value));
    }
    return OK;
}

static fallible put_key_ids(struct der_writer *w, const struct cert_request *req,
                            const struct cert *issuer)
{
    uint8_t own[KEY_ID_SIZE], id[KEY_ID_SIZE + 2] = { DER_OCTET_STRING, KEY_ID_SIZE };

    TRY(key_id_of(req->key, own));
    memcpy(id + 2, own, sizeof own);
    struct span authority = issuer ? cert_subject_key_id(issuer) : SPAN_OF(own);
    if (authority.len)
        authority_key_id_put(w, authority);
    extension_put(w, oid_subject_key_id, false, SPAN_OF(id));
    return OK;
}

static void put_constraints(struct der_writer *w, const struct cert_request *req)
{
    uint8_t room[16];
    struct der_writer value = der_writer_of(room, sizeof room);

    bool rsa_peer = key_kind_of(req->key) == KEY_RSA && (req->server_auth || req->client_auth);
    struct span leaf = rsa_peer ? SPAN_OF(rsa_usage) : SPAN_OF(leaf_usage);
    extension_put(w, oid_key_usage, true, req->ca ? SPAN_OF(ca_usage) : leaf);
    if (req->ca && req->path_len >= 0)
        der_put_small(&value, (uint64_t)req->path_len);
    if (req->ca)
        der_put_bool(&value, true);
    der_wrap(&value, DER_SEQUENCE, sizeof room);
    extension_put(w, oid_basic_constraints, true, der_written(&value));
}

static fallible put_extensions(struct der_writer *w, const struct cert_request *req,
                               const struct cert *issuer)
{
    size_t all = der_mark(w);

    TRY(put_extra(w, req->extra));
    TRY(put_names(w, req));
    TRY(put_key_ids(w, req, issuer));
    put_constraints(w, req);
    der_wrap(w, DER_SEQUENCE, all);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(3), all);
    return OK;
}

static fallible put_serial(struct der_writer *w)
{
    uint8_t serial[SERIAL_SIZE];

    TRY(random_fill(serial, sizeof serial));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive, and always of one length */
    der_put_unsigned(w, SPAN_OF(serial));
    return OK;
}

static fallible put_tbs(struct der_writer *w, const struct cert_request *req,
                        const struct cert *issuer, const struct key *issuer_key)
{
    struct buf spki owned(buf_done) = buf_of(4096);
    size_t all = der_mark(w);

    TRY(put_extensions(w, req, issuer));
    TRY(key_to_spki(req->key, &spki));
    der_put(w, buf_span(&spki));
    TRY(name_put_cn(w, req->common_name));
    size_t validity = der_mark(w);
    der_put_time(w, req->not_after);
    der_put_time(w, req->not_before);
    der_wrap(w, DER_SEQUENCE, validity);
    if (issuer)
        der_put(w, cert_subject(issuer));
    else
        TRY(name_put_cn(w, req->common_name));
    put_signature_algorithm(w, issuer_key);
    TRY(put_serial(w));
    size_t version = der_mark(w);
    der_put_small(w, 2);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), version);
    der_wrap(w, DER_SEQUENCE, all);
    return OK;
}

fallible cert_issue(const struct cert_request *req, const struct cert *issuer,
                    const struct key *issuer_key, struct cert **out)
{
    uint8_t *room owned(free) = malloc(CERT_DER_MAX);

    if (!room)
        return FAIL(SYSTEM, "memory is short");
    if (!key_same_public(issuer ? cert_key(issuer) : req->key, issuer_key))
        return FAIL(INPUT, "the issuer's key is not its certificate's");
    if (req->not_before < 0 || req->not_after < req->not_before || req->path_len > 255)
        return FAIL(INPUT, "certificate's validity or path length");
    struct der_writer w = der_writer_of(room, CERT_DER_MAX);
    TRY(put_tbs(&w, req, issuer, issuer_key));
    TRY(signed_wrap(&w, issuer_key));
    return cert_from_der(der_written(&w), out);
}
