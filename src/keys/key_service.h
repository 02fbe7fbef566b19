// SPDX-License-Identifier: Apache-2.0
/*
 * The key manager as keyd sees it: another process behind a few socket pairs, shared by all
 * threads. A channel that breaks is not used again; when none is left every call is FAIL_UPSTREAM.
 */
#ifndef KEYS_KEY_SERVICE_H
#define KEYS_KEY_SERVICE_H

#include "keys/keystore.h"
#include "keys/seal.h"

#define KEY_CHANNELS_MAX 16
#define KEY_REASON_SIZE 200

struct key_service;

/* Takes the descriptors. */
fallible key_service_open(const int *fds, size_t count, struct key_service **out);
void key_service_close(struct key_service *s);
OWNED_TYPE(struct key_service, key_service_close)

/* False: most channels broke, because the manager hangs or is gone; only starting it anew helps. */
bool key_service_is_whole(struct key_service *s);

/* `reason` (may be NULL) gets the manager's own words where a call fails; they hold no secrets. */
fallible key_service_health(struct key_service *s, struct buf *name);
fallible key_service_import_key(struct key_service *s, struct key **out);
fallible key_service_create(struct key_service *s, const struct key_ref *ref,
                            const struct key_spec *spec, char reason[KEY_REASON_SIZE]);
/* `text`: what key_string holds: PEM, base64 of an AES key, or, with `sealed`, a JWE to the import
 * key. */
fallible key_service_import(struct key_service *s, const struct key_ref *ref,
                            enum key_algorithm algorithm, bool sealed, struct span text,
                            struct key_spec *spec, char reason[KEY_REASON_SIZE]);
fallible key_service_describe(struct key_service *s, const struct key_ref *ref,
                              enum key_algorithm algorithm, struct key_spec *spec,
                              char reason[KEY_REASON_SIZE]);
fallible key_service_wrap_to(struct key_service *s, const struct key_ref *ref,
                             const struct key_spec *spec, const struct key *recipient,
                             const json_t *header, struct buf *jwe);
fallible key_service_use(struct key_service *s, const struct key_ref *ref,
                         const struct key_spec *spec, const struct key_use *use, struct buf *result,
                         char reason[KEY_REASON_SIZE]);
fallible key_service_public_half(struct key_service *s, const struct key_ref *ref,
                                 const struct key_spec *spec, struct buf *spki,
                                 char reason[KEY_REASON_SIZE]);
fallible key_service_destroy(struct key_service *s, const struct key_ref *ref);
fallible key_service_seal(struct key_service *s, const struct seal_question *q,
                          struct seal_answer *a, char reason[KEY_REASON_SIZE]);

#endif
