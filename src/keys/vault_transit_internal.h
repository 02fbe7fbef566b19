// SPDX-License-Identifier: Apache-2.0
/* Inside the transit keys: names and calls (vault_transit.c), what is done with them
 * (vault_transit_use.c). */
#ifndef KEYS_VAULT_TRANSIT_INTERNAL_H
#define KEYS_VAULT_TRANSIT_INTERNAL_H

#include "keys/vault_internal.h"
#include "keys/vault_transit.h"

/* Where a key of ours is, or the name of one that was there before. */
fallible vault_transit_name(const struct vault *v, const struct key_ref *ref, struct buf *out);
/* What GET of the key said. */
fallible vault_transit_parse(struct span answer, struct key_spec *spec, uint64_t *version,
                             struct key **out);
/* For free(); NULL when memory is short. Of what is no secret. */
char *vault_transit_text(struct span bytes);
/* "vault:vN:BASE64": the bytes. */
fallible vault_transit_bytes(struct span text, struct buf *out);

/* POST of `body`, which is taken, to MOUNT/VERB/NAME and more. The status 400 is `refused`. */
struct transit_call {
    const char *verb, *more; /* "sign"; "" or "/config" */
    json_t *body;
    struct err refused;
};
fallible vault_transit_post(struct vault *v, const struct key_ref *ref,
                            const struct transit_call *call, struct http_reply *reply);
fallible vault_transit_look(struct vault *v, const struct key_ref *ref, struct key_spec *spec,
                            uint64_t *version, struct key **out);

#endif
