// SPDX-License-Identifier: Apache-2.0
/* challenge_open: nothing that was not sealed with the key may open. */
#include "broker/challenge.h"
#include "crypto/crypto.h"
#include "crypto/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct secret *root;
    struct challenge c;

    if (!root && (failed(crypto_start(CRYPTO_MEMORY_PLAIN)) || failed(random_secret(32, &root))))
        return 0;
    if (!failed(challenge_open(root, SPAN("kbs"), span_from(data, size), &c)))
        __builtin_trap();
    return 0;
}
