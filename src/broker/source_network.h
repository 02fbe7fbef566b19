// SPDX-License-Identifier: Apache-2.0
/*
 * Networks that a client may ask from: "192.0.2.0/24", "2001:db8::/32". An IPv4 address is the same
 * whether it comes as itself or mapped into IPv6.
 */
#ifndef BROKER_SOURCE_NETWORK_H
#define BROKER_SOURCE_NETWORK_H

#include "base/err.h"
#include "base/span.h"

#define ADDRESS_TEXT_MAX 64

struct source_network {
    uint8_t address[16];
    unsigned bits;
    bool v6;
};

/* FAIL_INPUT with what is wrong: no such form, bits set past the prefix, or a prefix of no bits,
 * which would be no condition at all. */
fallible source_network_parse(struct span text, struct source_network *out);
/* Whether the numeric address lies in it; a text that is no address lies in none. */
bool source_network_holds(const struct source_network *n, struct span address);

/* Every address of `inner` lies in it. */
bool source_network_covers(const struct source_network *n, const struct source_network *inner);

#endif
