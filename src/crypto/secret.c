// SPDX-License-Identifier: Apache-2.0
#include "crypto/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "crypto/arena_internal.h"

#define PRIVATE_MODE 0600

/* Length and bytes are one allocation: in the secure heap, or in pages of its own. */
struct secret {
    size_t len, room;
    uint8_t bytes[];
};

/* As in the arena: where the kernel refuses the lock (RLIMIT_MEMLOCK), it is left out of core dumps
 * and wiped all the same. */
static struct secret *pages_new(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return NULL;
    (void)mlock(at, size);
    if (madvise(at, size, MADV_DONTDUMP)) {
        munmap(at, size);
        return NULL;
    }
    return at;
}

struct secret *secret_new(size_t len)
{
    if (len > SECRET_MAX || !arena_ready())
        return NULL;
    struct secret *s =
        len > SECRET_LARGE ? pages_new(sizeof *s + len) : OPENSSL_secure_zalloc(sizeof *s + len);
    if (!s)
        return NULL;
    s->len = s->room = len;
    return s;
}

struct secret *secret_copy(struct span bytes)
{
    struct secret *s = secret_new(bytes.len);

    if (s && bytes.len)
        memcpy(s->bytes, bytes.at, bytes.len);
    return s;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;
    size_t size = sizeof *s + s->room;
    if (s->room > SECRET_LARGE) {
        wipe(s, size);
        munmap(s, size);
    } else {
        OPENSSL_secure_clear_free(s, size);
    }
}

size_t secret_len(const struct secret *s)
{
    return s->len;
}

struct span secret_expose(const struct secret *s)
{
    return span_from(s->bytes, s->len);
}

uint8_t *secret_fill(struct secret *s)
{
    return s->bytes;
}

void secret_shorten(struct secret *s, size_t len)
{
    if (len >= s->len)
        return;
    wipe(s->bytes + len, s->len - len);
    s->len = len;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    return a->len == b->len && CRYPTO_memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Straight from the descriptor into secure memory: no copy in a stdio or heap buffer. */
static fallible read_whole(int fd, struct secret *s)
{
    size_t have = 0;

    for (;;) {
        ssize_t got = read(fd, s->bytes + have, s->room - have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL(SYSTEM, "cannot read the secret's file");
        if (got == 0)
            break;
        have += (size_t)got;
        if (have == s->room)
            return FAIL(LIMIT, "the secret's file is too large");
    }
    s->len = have;
    return OK;
}

fallible secret_read(int fd, size_t max, struct secret **out)
{
    struct secret *s owned(secret_free) = secret_new(max + 1);

    if (!s)
        return FAIL(SYSTEM, "secure memory is exhausted");
    TRY(read_whole(fd, s));
    *out = TAKE(s);
    return OK;
}

fallible secret_take(struct span text, void *to)
{
    struct secret *s = secret_new(text.len + 1);

    if (!s)
        return FAIL(SYSTEM, "secure memory is exhausted");
    memcpy(secret_fill(s), text.at, text.len);
    *(struct secret **)to = s;
    return OK;
}

fallible secret_load(const char *path, struct secret **out)
{
    struct stat st;
    int fd owned(fd_close) = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return errno == ENOENT ? FAIL(ABSENT, "no such secret's file")
                               : FAIL(SYSTEM, "cannot open the secret's file");
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return FAIL(SYSTEM, "the secret's file is not a regular file");
    if (st.st_mode & 077)
        return FAIL(DENIED,
                    "a secret's file that others may use: its mode must be 0600 or stricter");
    if (st.st_size >= SECRET_MAX)
        return FAIL(LIMIT, "the secret's file is too large");
    struct secret *s owned(secret_free) = secret_new((size_t)st.st_size + 1);
    if (!s)
        return FAIL(SYSTEM, "secure memory is exhausted");
    TRY(read_whole(fd, s));
    *out = TAKE(s);
    return OK;
}

fallible secret_save(const char *path, const struct secret *s)
{
    return file_create(path, secret_expose(s), PRIVATE_MODE);
}

void wipe(void *at, size_t len)
{
    OPENSSL_cleanse(at, len);
}
