// SPDX-License-Identifier: Apache-2.0
/* The member "operation" of POST /kbs/v1/keys/{id}/use (docs/protocol.md, "Attested use"). */
#ifndef BROKER_USE_REQUEST_H
#define BROKER_USE_REQUEST_H

#include "base/json.h"
#include "keys/key_operation.h"

struct use_request {
    bool describe;      /* the public half, and no use */
    uint64_t version;   /* of the key; 0: the current one */
    struct key_use use; /* its spans are of what follows */
    uint8_t input[KEY_INPUT_MAX], label[KEY_LABEL_INPUT_MAX];
};
/* Not to be moved afterwards. */
fallible use_request_parse(const json_t *operation, struct use_request *out);
/* "describe", or the operation's name. */
const char *use_request_name(const struct use_request *r);

#endif
