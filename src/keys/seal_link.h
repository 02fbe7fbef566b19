// SPDX-License-Identifier: Apache-2.0
/*
 * The HSM of a seal in a process of its own, with the vendor's library and its network: the key
 * manager's process has neither. One question at a time over a pair of Unix sockets: wrap (the root
 * key -> its wrapped form) and unwrap (the other way).
 */
#ifndef KEYS_SEAL_LINK_H
#define KEYS_SEAL_LINK_H

#include "keys/keystore.h"
#include "keys/seal.h"

/* The asking end. Takes the descriptor. */
fallible seal_link_open(int fd, struct seal_hsm **out);
void seal_link_close(struct seal_hsm *hsm);
OWNED_TYPE(struct seal_hsm, seal_link_close)

/* The answering end: until the peer closes. `label`: of the seal's key in the token; `tell` hears
 * how each question ended. */
void seal_link_serve(int fd, struct keystore *hsm, struct span label, void (*tell)(struct err e));
/* One question, its answer appended: what seal_link_serve does with each message. The failure is in
 * the answer already. */
fallible seal_link_answer(struct keystore *hsm, struct span label, uint16_t type,
                          struct span question, struct buf *answer);

#endif
