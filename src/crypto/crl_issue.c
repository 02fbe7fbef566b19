// SPDX-License-Identifier: Apache-2.0
/* Issuing revocation lists (RFC 5280 section 5). */
#include "crypto/crl.h"

#include "crypto/x509_internal.h"

#define SERIAL_MAX 20
#define ENTRY_MAX 48 /* serial, date and their frames */
#define REASON_SIZE 14
#define FRAME_MAX 4096
#define COUNT_MAX ((CRL_DER_MAX - FRAME_MAX) / ENTRY_MAX)

static const struct span oid_reason = { (const uint8_t *)"\x55\x1d\x15", 3 };

static void put_reason(struct der_writer *w, uint8_t reason)
{
    const uint8_t value[] = { DER_ENUMERATED, 1, reason };
    size_t all = der_mark(w);

    if (!reason)
        return;
    extension_put(w, oid_reason, false, SPAN_OF(value));
    der_wrap(w, DER_SEQUENCE, all);
}

static fallible put_entries(struct der_writer *w, const struct crl_entry *entries, size_t count)
{
    size_t all = der_mark(w);

    for (size_t i = 0; i < count; i++) {
        size_t entry = der_mark(w);

        if (entries[i].serial.len == 0 || entries[i].serial.len > SERIAL_MAX)
            return FAIL(INPUT, "serial number of 1 to 20 bytes wanted (RFC 5280 4.1.2.2)");
        put_reason(w, entries[i].reason);
        der_put_time(w, entries[i].at);
        der_put_unsigned(w, entries[i].serial);
        der_wrap(w, DER_SEQUENCE, entry);
    }
    if (count) /* RFC 5280 section 5.1.2.6: absent when nothing is revoked */
        der_wrap(w, DER_SEQUENCE, all);
    return OK;
}

static void put_extensions(struct der_writer *w, const struct cert *issuer, uint64_t number)
{
    uint8_t room[16];
    struct der_writer value = der_writer_of(room, sizeof room);
    size_t all = der_mark(w);

    der_put_small(&value, number);
    extension_put(w, oid_crl_number, false, der_written(&value));
    if (cert_subject_key_id(issuer).len)
        authority_key_id_put(w, cert_subject_key_id(issuer));
    der_wrap(w, DER_SEQUENCE, all);
    der_wrap(w, DER_CONTEXT_CONSTRUCTED(0), all);
}

fallible crl_issue_entries(const struct cert *issuer, const struct key *issuer_key,
                           const struct crl_entry *entries, size_t count, int64_t this_update,
                           int64_t next_update, uint64_t number, struct crl **out)
{
    if (count > COUNT_MAX)
        return FAIL(LIMIT, "too many revoked certificates for one list");
    if (this_update < 0 || next_update < this_update)
        return FAIL(INPUT, "CRL's times");
    if (!key_same_public(cert_key(issuer), issuer_key))
        return FAIL(INPUT, "the issuer's key is not its certificate's");
    size_t size = FRAME_MAX;
    for (size_t i = 0; i < count; i++)
        size += ENTRY_MAX + (entries[i].reason ? REASON_SIZE : 0);
    if (size > CRL_DER_MAX)
        return FAIL(LIMIT, "too many revoked certificates for one list");
    uint8_t *room owned(free) = malloc(size);
    if (!room)
        return FAIL(SYSTEM, "memory is short");
    struct der_writer w = der_writer_of(room, size);
    put_extensions(&w, issuer, number);
    TRY(put_entries(&w, entries, count));
    der_put_time(&w, next_update);
    der_put_time(&w, this_update);
    der_put(&w, cert_subject(issuer));
    put_signature_algorithm(&w, issuer_key);
    der_put_small(&w, 1);
    der_wrap(&w, DER_SEQUENCE, size);
    TRY(signed_wrap(&w, issuer_key));
    return crl_parse(der_written(&w), out);
}

fallible crl_issue(const struct cert *issuer, const struct key *issuer_key,
                   const struct span *serials, size_t count, int64_t this_update,
                   int64_t next_update, uint64_t number, struct crl **out)
{
    struct crl_entry *entries owned(free) =
        calloc(count > COUNT_MAX ? 1 : count + 1, sizeof *entries);

    if (count > COUNT_MAX)
        return FAIL(LIMIT, "too many revoked certificates for one list");
    if (!entries)
        return FAIL(SYSTEM, "memory is short");
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct crl_entry){ .serial = serials[i], .at = this_update };
    return crl_issue_entries(issuer, issuer_key, entries, count, this_update, next_update, number,
                             out);
}
