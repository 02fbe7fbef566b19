// SPDX-License-Identifier: Apache-2.0
#include "pki/csr_policy.h"

#include <arpa/inet.h>

static const char *const type_names[] = {
    [CERT_TLS] = "TLS", [CERT_TLS_CLIENT] = "TLS-Client", [CERT_TLS_SERVER] = "TLS-Server"
};

static char lower(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool equal_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    }
    return true;
}

bool cert_type_parse(struct span text, enum cert_type *out)
{
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (equal_nocase(text, span_str(type_names[i]))) {
            *out = (enum cert_type)i;
            return true;
        }
    }
    return false;
}

const char *cert_type_name(enum cert_type type)
{
    return type_names[type];
}

bool cert_type_serves(enum cert_type type)
{
    return type != CERT_TLS_CLIENT;
}

bool cert_type_asks(enum cert_type type)
{
    return type != CERT_TLS_SERVER;
}

const char *csr_verdict_code(enum csr_verdict verdict)
{
    switch (verdict) {
    case CSR_GOOD:
        return "good";
    case CSR_KEY_REFUSED:
        return "csr_key_refused";
    case CSR_NAME_REFUSED:
        return "csr_common_name_refused";
    case CSR_SAN_REFUSED:
        return "csr_san_refused";
    case CSR_CA_REFUSED:
        return "csr_ca_refused";
    case CSR_USAGE_REFUSED:
        return "csr_usage_refused";
    case CSR_EXTENSION_REFUSED:
        return "csr_extension_refused";
    case CSR_USAGE_NOT_GRANTED:
        return "usage_not_granted";
    case CSR_TYPE_NOT_GRANTED:
        return "cert_type_not_granted";
    case CSR_NAME_NOT_GRANTED:
        return "common_name_not_granted";
    case CSR_SAN_NOT_GRANTED:
        return "san_not_granted";
    }
    return "csr_refused";
}

const char *csr_verdict_text(enum csr_verdict verdict)
{
    switch (verdict) {
    case CSR_GOOD:
        return "granted";
    case CSR_KEY_REFUSED:
        return "the key must be RSA of 2048 to 4096 bits, P-256 or P-384";
    case CSR_NAME_REFUSED:
        return "the subject needs one common name of at most 64 letters, digits, blanks and . _ @ "
               "-";
    case CSR_SAN_REFUSED:
        return "subject alternative names are host names and IP addresses, at most 64";
    case CSR_CA_REFUSED:
        return "the request asks for a CA's certificate, or to sign certificates or lists";
    case CSR_USAGE_REFUSED:
        return "the extended key usages are serverAuth and clientAuth, or none";
    case CSR_EXTENSION_REFUSED:
        return "the request has an extension other than names, key usage, extended key usage, "
               "basic constraints and subject key identifier";
    case CSR_USAGE_NOT_GRANTED:
        return "the request names an extended key usage that this type of certificate has not";
    case CSR_TYPE_NOT_GRANTED:
        return "no CertApprover role of the token is for this type of certificate";
    case CSR_NAME_NOT_GRANTED:
        return "no CertApprover role of the token is for this common name";
    case CSR_SAN_NOT_GRANTED:
        return "the request has a subject alternative name that the CertApprover role does not "
               "list";
    }
    return "refused";
}

static bool of_charset(struct span s, const char *further, size_t max)
{
    if (!s.len || s.len > max)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!c || (!plain && !strchr(further, c)))
            return false;
    }
    return true;
}

static bool key_acceptable(const struct key *k)
{
    switch (key_kind_of(k)) {
    case KEY_RSA:
        return key_bits(k) >= RSA_BITS_MIN && key_bits(k) <= RSA_BITS_MAX;
    case KEY_P256:
    case KEY_P384:
        return true;
    case KEY_P521:
        return false;
    }
    return false;
}

/* An address in one form for its family, so that "::1" and "0:0:0:0:0:0:0:1" are the same name. */
struct address {
    int family; /* 0: not an address */
    uint8_t bytes[16];
};

static struct address address_of(struct span text)
{
    struct address a = { 0 };
    char copy[64];

    if (!text.len || text.len >= sizeof(copy))
        return a;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    if (strlen(copy) != text.len)
        return a;
    if (inet_pton(AF_INET, copy, a.bytes) == 1)
        a.family = AF_INET;
    else if (inet_pton(AF_INET6, copy, a.bytes) == 1)
        a.family = AF_INET6;
    return a;
}

/* "*.name" may stand for a wildcard certificate; a star anywhere else is not a host name. */
static bool host_name_valid(struct span name)
{
    struct span rest = span_starts(name, SPAN("*.")) ? span_tail(name, 2) : name;

    return of_charset(rest, ".-_", CSR_SAN_MAX - 2) && rest.at[0] != '.' &&
           span_find(rest, SPAN("..")) == rest.len;
}

static bool sans_acceptable(const struct csr *csr)
{
    size_t count = 0;

    for (char *const *san = csr->san; san && *san; san++) {
        struct span name = span_str(*san);
        if (++count > CSR_SANS_MAX || (!address_of(name).family && !host_name_valid(name)))
            return false;
    }
    return !csr->has_other_names;
}

enum csr_verdict csr_check(const struct csr *csr)
{
    struct span name = span_str(csr->common_name);

    if (!key_acceptable(csr->key))
        return CSR_KEY_REFUSED;
    if (!of_charset(name, " ._@-", CSR_COMMON_NAME_MAX))
        return CSR_NAME_REFUSED;
    if (!sans_acceptable(csr))
        return CSR_SAN_REFUSED;
    if (csr->wants_ca)
        return CSR_CA_REFUSED;
    if (csr->other_usage)
        return CSR_USAGE_REFUSED;
    return csr->has_other_extensions ? CSR_EXTENSION_REFUSED : CSR_GOOD;
}

bool csr_usages_within(const struct csr *csr, enum cert_type type)
{
    return (!csr->server_auth || cert_type_serves(type)) &&
           (!csr->client_auth || cert_type_asks(type));
}

/* `*` in the pattern: any run of characters. Linear for one star, bounded by the lengths' product
 * for more. */
static bool pattern_matches(struct span pattern, struct span text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, resume = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.len && lower(pattern.at[p]) == lower(text.at[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

static bool list_next(struct span *list, struct span *entry)
{
    if (!list->len)
        return false;
    size_t comma = span_find(*list, SPAN(","));
    *entry = span_head(*list, comma);
    *list = comma < list->len ? span_tail(*list, comma + 1) : (struct span){ 0 };
    while (entry->len && entry->at[0] == ' ')
        *entry = span_tail(*entry, 1);
    while (entry->len && entry->at[entry->len - 1] == ' ')
        *entry = span_head(*entry, entry->len - 1);
    return true;
}

/* "*.example.com" in a grant: exactly one label more, and that label no star. */
static bool wildcard_covers(struct span granted, struct span name)
{
    size_t dot = span_find(name, SPAN("."));

    return span_starts(granted, SPAN("*.")) && dot && dot < name.len && name.at[0] != '*' &&
           equal_nocase(span_tail(granted, 1), span_tail(name, dot));
}

static bool san_covers(struct span granted, struct span name)
{
    struct address want = address_of(name);

    if (span_equal_str(granted, "*"))
        return name.at[0] != '*';
    if (want.family) {
        struct address have = address_of(granted);
        return have.family == want.family && !memcmp(have.bytes, want.bytes, sizeof(have.bytes));
    }
    return equal_nocase(granted, name) || wildcard_covers(granted, name);
}

static bool sans_granted(const struct csr *csr, struct span list)
{
    for (char *const *san = csr->san; san && *san; san++) {
        struct span rest = list, entry;
        bool covered = false;
        while (!covered && list_next(&rest, &entry))
            covered = entry.len && san_covers(entry, span_str(*san));
        if (!covered)
            return false;
    }
    return true;
}

bool csr_names_within(const struct csr *csr, const char *common_name, const json_t *sans)
{
    if (!csr->common_name || strcmp(csr->common_name, common_name) != 0)
        return false;
    for (char *const *san = csr->san; san && *san; san++) {
        bool listed = false;
        for (size_t i = 0; !listed && i < json_array_size(sans); i++) {
            const char *text = json_string_value(json_array_get(sans, i));
            listed = text && equal_nocase(span_str(text), span_str(*san));
        }
        if (!listed)
            return false;
    }
    return true;
}

static bool type_granted(enum cert_type type, struct span list)
{
    struct span entry;

    while (list_next(&list, &entry)) {
        enum cert_type granted;
        if (cert_type_parse(entry, &granted) && granted == type)
            return true;
    }
    return false;
}

static enum csr_verdict one_granted(const struct csr *csr, enum cert_type type,
                                    const struct csr_grant *grant)
{
    if (!type_granted(type, grant->types))
        return CSR_TYPE_NOT_GRANTED;
    if (!csr_usages_within(csr, type))
        return CSR_USAGE_NOT_GRANTED;
    if (!grant->common_name.len || !pattern_matches(grant->common_name, span_str(csr->common_name)))
        return CSR_NAME_NOT_GRANTED;
    return sans_granted(csr, grant->sans) ? CSR_GOOD : CSR_SAN_NOT_GRANTED;
}

enum csr_verdict csr_granted(const struct csr *csr, enum cert_type type,
                             const struct csr_grant *grants, size_t count)
{
    enum csr_verdict nearest = csr_check(csr);

    if (nearest != CSR_GOOD)
        return nearest;
    nearest = CSR_TYPE_NOT_GRANTED;
    for (size_t i = 0; i < count; i++) {
        enum csr_verdict v = one_granted(csr, type, &grants[i]);
        if (v == CSR_GOOD)
            return CSR_GOOD;
        if (v > nearest) /* ordered by how far a request came */
            nearest = v;
    }
    return nearest;
}
