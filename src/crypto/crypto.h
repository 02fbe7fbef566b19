// SPDX-License-Identifier: Apache-2.0
/*
 * Start of the crypto layer, once per process, before any other thread and before the sandbox:
 * makes the secure heap, loads what OpenSSL would load lazily (providers, RNG, algorithms).
 */
#ifndef CRYPTO_CRYPTO_H
#define CRYPTO_CRYPTO_H

#include "base/err.h"

enum crypto_memory {
    CRYPTO_MEMORY_PLAIN, /* secure heap for struct secret only */
    CRYPTO_MEMORY_LOCKED /* all of OpenSSL's allocations are wiped on free, and mlockall: programs
                            that hold keys. Must be the first call of main(). */
};

fallible crypto_start(enum crypto_memory memory);

/* In place of it, for a library in another's program, which only verifies: OpenSSL's objects come
 * from a context of our own, so that what the program configures for itself neither holds for us
 * nor is changed. */
fallible crypto_start_embedded(void);

#endif
