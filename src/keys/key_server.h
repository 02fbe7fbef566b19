// SPDX-License-Identifier: Apache-2.0
/* The other end of key_service: answers for one key manager in its own process. */
#ifndef KEYS_KEY_SERVER_H
#define KEYS_KEY_SERVER_H

#include "keys/keystore.h"

/* Serves one channel until the peer closes it. Several threads may serve channels of one keystore.
 * `import` is the private key that sealed imports are opened with. */
void key_server_run(int fd, struct keystore *store, const struct key *import);

/* One question, its answer appended to `answer`: what key_server_run does with each message. */
void key_server_answer(struct keystore *store, const struct key *import, uint16_t type,
                       struct span question, struct buf *answer);

#endif
