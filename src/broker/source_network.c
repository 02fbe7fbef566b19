// SPDX-License-Identifier: Apache-2.0
#include "broker/source_network.h"

#include <arpa/inet.h>
#include <string.h>

#define V4_BITS 32U
#define V6_BITS 128U
#define MAPPED_LEN 12U

static const uint8_t mapped[MAPPED_LEN] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* A mapped IPv4 address becomes one of IPv4. */
static bool address_of(struct span text, uint8_t out[16], bool *v6)
{
    char name[ADDRESS_TEXT_MAX];

    if (!text.len || text.len >= sizeof name || memchr(text.at, 0, text.len))
        return false;
    memcpy(name, text.at, text.len);
    name[text.len] = 0;
    memset(out, 0, 16);
    *v6 = strchr(name, ':') != NULL;
    if (inet_pton(*v6 ? AF_INET6 : AF_INET, name, out) != 1)
        return false;
    if (*v6 && !memcmp(out, mapped, sizeof mapped)) {
        memmove(out, out + MAPPED_LEN, 4);
        memset(out + 4, 0, 12);
        *v6 = false;
    }
    return true;
}

/* Decimal without leading zeros; 0 where it is none. */
static unsigned prefix_of(struct span text)
{
    unsigned bits = 0;

    if (!text.len || text.len > 3 || text.at[0] == '0')
        return 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return 0;
        bits = bits * 10 + (unsigned)(text.at[i] - '0');
    }
    return bits;
}

static bool bit_at(const uint8_t address[16], unsigned at)
{
    return address[at / 8] >> (7 - at % 8) & 1;
}

fallible source_network_parse(struct span text, struct source_network *out)
{
    struct source_network n = { 0 };
    size_t slash = span_find(text, SPAN("/"));
    struct span address = span_head(text, slash);
    bool written_v6 = span_find(address, SPAN(":")) < address.len;

    if (slash == text.len || !address_of(address, n.address, &n.v6))
        return FAIL(INPUT, "ADDRESS/BITS is needed, as 192.0.2.0/24 or 2001:db8::/32");
    if (n.v6 != written_v6)
        return FAIL(INPUT, "an IPv4 network is written as one of IPv4");
    n.bits = prefix_of(span_tail(text, slash + 1));
    if (!n.bits || n.bits > (n.v6 ? V6_BITS : V4_BITS))
        return FAIL(INPUT, "the prefix is 1 to 32 bits of IPv4, 1 to 128 of IPv6");
    for (unsigned i = n.bits; i < (n.v6 ? V6_BITS : V4_BITS); i++)
        if (bit_at(n.address, i))
            return FAIL(INPUT, "bits are set past the prefix: write the network's own address");
    *out = n;
    return OK;
}

static bool begins_with(const uint8_t address[16], const struct source_network *n)
{
    for (unsigned i = 0; i < n->bits; i++)
        if (bit_at(address, i) != bit_at(n->address, i))
            return false;
    return true;
}

bool source_network_covers(const struct source_network *n, const struct source_network *inner)
{
    return n->v6 == inner->v6 && n->bits <= inner->bits && begins_with(inner->address, n);
}

bool source_network_holds(const struct source_network *n, struct span address)
{
    uint8_t bytes[16];
    bool v6;

    return address_of(address, bytes, &v6) && v6 == n->v6 && begins_with(bytes, n);
}
