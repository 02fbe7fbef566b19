// SPDX-License-Identifier: Apache-2.0
/*
 * The only home of key bytes: memory that is locked, left out of core dumps and wiped on free
 * (OpenSSL's secure heap where crypto_start() made one). There is no printer, no JSON, no log
 * field; the one way to the bytes is secret_expose(), which a reviewer greps for and which only
 * crypto/ and keys/ (and the agent's key store) call.
 */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include <sys/types.h>

#include "base/err.h"
#include "base/owned.h"
#include "base/span.h"

struct secret;

/* Zeroed, `len` bytes, at most SECRET_MAX. NULL when secure memory is exhausted. Those above
 * SECRET_LARGE have pages of their own: an arena for all of them would be mostly empty. */
#define SECRET_MAX (2U << 20)
#define SECRET_LARGE (64U << 10)
struct secret *secret_new(size_t len);
struct secret *secret_copy(struct span bytes);
void secret_free(struct secret *s);
OWNED_TYPE(struct secret, secret_free)

size_t secret_len(const struct secret *s);
struct span secret_expose(const struct secret *s);
uint8_t *secret_fill(struct secret *s); /* the bytes, to be written */
void secret_shorten(struct secret *s, size_t len);
bool secret_equal(const struct secret *a, const struct secret *b);

/* For the tables of base/env_file.h: `to` is a struct secret *, NUL-terminated. */
fallible secret_take(struct span text, void *to);
/* All that a descriptor gives until its end; FAIL_LIMIT above `max` bytes. */
fallible secret_read(int fd, size_t max, struct secret **out);
/* A file of mode 0600 or stricter, whole, at most SECRET_MAX; and its counterpart (created 0600).
 */
fallible secret_load(const char *path, struct secret **out);
fallible secret_save(const char *path, const struct secret *s);

/* Wipes ordinary memory so that the compiler keeps it. */
void wipe(void *at, size_t len);

#endif
