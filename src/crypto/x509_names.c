// SPDX-License-Identifier: Apache-2.0
/* Names that we write, and subject alternative names (RFC 5280 sections 4.1.2.6 and 4.2.1.6). */
#include <arpa/inet.h>

#include "crypto/x509_internal.h"

#define CN_MAX 64
#define DNS_NAME_MAX 253

static const struct span oid_common_name = { (const uint8_t *)"\x55\x04\x03", 3 };

fallible name_put_cn(struct der_writer *w, const char *common_name)
{
    struct span cn = span_str(common_name);

    if (cn.len == 0 || cn.len > CN_MAX)
        return FAIL(INPUT, "common name of 1 to 64 bytes wanted (RFC 5280 appendix A.1)");
    for (size_t i = 0; i < cn.len; i++) {
        if (cn.at[i] < 0x20 || cn.at[i] == 0x7f)
            return FAIL(INPUT, "common name with control characters");
    }
    size_t all = der_mark(w);
    der_put_value(w, DER_UTF8, cn);
    der_put_value(w, DER_OID, oid_common_name);
    der_wrap(w, DER_SEQUENCE, all);
    der_wrap(w, DER_SET, all);
    der_wrap(w, DER_SEQUENCE, all);
    return OK;
}

static bool dns_name_valid(struct span name)
{
    if (name.len == 0 || name.len > DNS_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!alphanumeric && c != '.' && c != '-' && c != '_' && c != '*')
            return false;
    }
    return true;
}

static fallible put_one(struct der_writer *w, const char *name)
{
    uint8_t address[16];

    if (inet_pton(AF_INET, name, address) == 1)
        der_put_value(w, DER_CONTEXT(7), span_head(SPAN_OF(address), 4));
    else if (inet_pton(AF_INET6, name, address) == 1)
        der_put_value(w, DER_CONTEXT(7), SPAN_OF(address));
    else if (dns_name_valid(span_str(name)))
        der_put_value(w, DER_CONTEXT(2), span_str(name));
    else
        return FAIL(INPUT, "neither a host name nor an IP address");
    return OK;
}

fallible san_put(struct der_writer *w, const char *const *names)
{
    size_t count = 0, all = der_mark(w);

    while (names[count])
        count++;
    if (count > CERT_NAMES_MAX)
        return FAIL(LIMIT, "too many alternative names");
    while (count > 0)
        TRY(put_one(w, names[--count]));
    der_wrap(w, DER_SEQUENCE, all);
    return OK;
}

void san_free(char **names)
{
    for (size_t i = 0; names && names[i]; i++)
        free(names[i]);
    free(names);
}
OWNED_TYPE(char *, san_free)

/* NULL for a name of another kind; `r` fails on a bad one. */
static char *read_one(struct reader *r)
{
    char text[INET6_ADDRSTRLEN];

    if (der_next_is(r, DER_CONTEXT(2))) {
        struct span name = der_value(r, DER_CONTEXT(2));
        reader_require(r, dns_name_valid(name));
        return r->failed ? NULL : span_dup(name);
    }
    if (der_next_is(r, DER_CONTEXT(7))) {
        struct span address = der_value(r, DER_CONTEXT(7));
        reader_require(r, address.len == 4 || address.len == 16);
        if (r->failed ||
            !inet_ntop(address.len == 4 ? AF_INET : AF_INET6, address.at, text, sizeof text))
            return NULL;
        return strdup(text);
    }
    uint8_t tag = 0;
    (void)der_any(r, &tag);
    reader_require(r, (tag & 0xc0) == 0x80);
    return NULL;
}

fallible san_read(struct span value, char ***out, bool *other)
{
    struct reader r = reader_of(value);
    struct reader list = der_enter(&r, DER_SEQUENCE);
    char **names owned(san_free) = calloc(CERT_NAMES_MAX + 1, sizeof *names);
    bool others = false;
    size_t count = 0;

    if (!names)
        return FAIL(SYSTEM, "memory is short");
    while (!list.failed && list.rest.len) {
        char *name = read_one(&list);

        others = others || !name;
        if (name && count == CERT_NAMES_MAX) {
            free(name);
            return FAIL(LIMIT, "too many alternative names");
        }
        if (name)
            names[count++] = name;
    }
    TRY(reader_end(&list, "subject alternative name (RFC 5280 4.2.1.6)"));
    TRY(reader_end(&r, "subject alternative name (RFC 5280 4.2.1.6)"));
    *out = TAKE(names);
    *other = others;
    return OK;
}

fallible cert_names(const struct cert *c, char ***out)
{
    struct span value = cert_extension(c, oid_san);
    char **names = NULL;
    bool other = false;

    if (!value.len) {
        *out = NULL;
        return OK;
    }
    TRY(san_read(value, &names, &other));
    if (other) {
        san_free(names);
        return FAIL(INPUT, "the certificate has alternative names of another kind");
    }
    *out = names;
    return OK;
}

void cert_names_free(char **names)
{
    san_free(names);
}
