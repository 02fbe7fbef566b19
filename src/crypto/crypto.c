// SPDX-License-Identifier: Apache-2.0
#include "crypto/crypto.h"

#include <linux/capability.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crypto/arena_internal.h"
#include "crypto/key.h"
#include "crypto/random.h"
#include "crypto/signature.h"

#define ARENA_SIZE (4U << 20)
#define ARENA_MIN_BLOCK 32

static pthread_once_t arena_once = PTHREAD_ONCE_INIT;

/* A result of 2 means that the kernel refused the lock (RLIMIT_MEMLOCK): the arena is still left
 * out of core dumps and wiped. */
static void make_arena(void)
{
    if (!CRYPTO_secure_malloc_initialized())
        (void)CRYPTO_secure_malloc_init(ARENA_SIZE, ARENA_MIN_BLOCK);
}

bool arena_ready(void)
{
    (void)pthread_once(&arena_once, make_arena);
    return CRYPTO_secure_malloc_initialized() == 1;
}

/* OpenSSL's ordinary allocations, wiped on free: their size stands before them. */
#define HEAD 16

static void *wiping_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size == 0 || size > SIZE_MAX - HEAD)
        return NULL;
    uint8_t *at = malloc(size + HEAD);
    if (!at)
        return NULL;
    memcpy(at, &size, sizeof size);
    return at + HEAD;
}

static void wiping_free(void *block, const char *file, int line)
{
    size_t size = 0;

    (void)file;
    (void)line;
    if (!block)
        return;
    uint8_t *at = (uint8_t *)block - HEAD;
    memcpy(&size, at, sizeof size);
    OPENSSL_cleanse(at, size + HEAD);
    free(at);
}

static void *wiping_realloc(void *block, size_t size, const char *file, int line)
{
    size_t before = 0;

    if (!block)
        return wiping_malloc(size, file, line);
    if (size == 0) {
        wiping_free(block, file, line);
        return NULL;
    }
    memcpy(&before, (uint8_t *)block - HEAD, sizeof before);
    void *larger = wiping_malloc(size, file, line);
    if (!larger)
        return NULL;
    memcpy(larger, block, before < size ? before : size);
    wiping_free(block, file, line);
    return larger;
}

/* CAP_IPC_LOCK: the limit on locked memory does not hold for us. */
static bool may_lock_everything(void)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

    return syscall(SYS_capget, &head, sets) == 0 && sets[0].effective & 1U << CAP_IPC_LOCK;
}

/* Only where nothing limits locked memory: with a limit, MCL_FUTURE would make later allocations
 * fail. Then the arena alone is locked. */
static void lock_all(void)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

    (void)setrlimit(RLIMIT_MEMLOCK, &limit);
    if (may_lock_everything() ||
        (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY))
        (void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

/* One turn of what the programs do, so that OpenSSL loads its parts now. */
static fallible warm_up(void)
{
    struct key *k owned(key_free) = NULL;
    struct buf signature owned(buf_done) = buf_of(SIGNATURE_MAX);
    uint8_t hash[DIGEST_MAX];
    bool good = false;

    TRY(sha256(SPAN("warm"), hash));
    TRY(key_make_ec(KEY_P256, &k));
    TRY(signature_make(k, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN("warm"), &signature));
    TRY(signature_verify(k, SIGNATURE_ECDSA, DIGEST_SHA256, SPAN("warm"), buf_span(&signature),
                         &good));
    return good ? OK : FAIL(SYSTEM, "OpenSSL does not verify its own signature");
}

fallible crypto_start(enum crypto_memory memory)
{
    if (memory == CRYPTO_MEMORY_LOCKED) {
        if (CRYPTO_set_mem_functions(wiping_malloc, wiping_realloc, wiping_free) != 1)
            return FAIL(SYSTEM, "OpenSSL has allocated before crypto_start");
        lock_all();
    }
    if (!arena_ready())
        return FAIL(SYSTEM, "no secure memory");
    if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_LOAD_CONFIG, NULL) != 1)
        return FAIL(SYSTEM, "OpenSSL does not start");
    return warm_up();
}
