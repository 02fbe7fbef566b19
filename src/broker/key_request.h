// SPDX-License-Identifier: Apache-2.0
/*
 * The body of POST /kbs/v1/keys, in the seed system's form, whose names are read without regard to
 * case. Three modes: a new key, a key given by value (key_string), a key that the key manager holds
 * already (kmip_key_id).
 */
#ifndef BROKER_KEY_REQUEST_H
#define BROKER_KEY_REQUEST_H

#include "base/json.h"
#include "keys/key_spec.h"

enum key_mode { KEY_MODE_CREATE, KEY_MODE_IMPORT, KEY_MODE_REGISTER };

struct key_request {
    json_t *body; /* owned: spans borrow from it */
    enum key_mode mode;
    struct key_spec spec; /* bits 0: not given */
    struct span key_string, kmip_key_id;
    bool sealed; /* key_string is a JWE */
    struct span policy_id, label, usage, resource_path;
    bool four_eyes; /* changes need a second person */
};
/* Wipes key_string. */
void key_request_done(struct key_request *r);
static inline void key_request_donep(struct key_request *r)
{
    key_request_done(r);
}
/* Their lengths, and whether the text is a JWE. */
fallible key_string_check(struct span key_string, struct span external, bool may_be_opaque,
                          bool *sealed);
fallible key_request_parse(struct span text, struct key_request *out);

#endif
