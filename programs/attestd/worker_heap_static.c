// SPDX-License-Identifier: Apache-2.0
/* Takes the place of the C library's functions where the program is linked statically
 * (--wrap=malloc and so on in meson.build); in the zygote and the issuer it only passes them on. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "attestd/worker_heap.h"

#define ROOM ((size_t)1 << 20)
#define FOUND_FIRST ((size_t)80 << 10) /* what a request with one quote takes */
#define UNIT 16
#define HEAD 8
#define CLASSES 65 /* up to a kilobyte */
#define PAGE 4096
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

/* Before each block stands its size, and blocks are of whole units with that. */
static uint8_t room[ROOM] __attribute__((aligned(PAGE)));
static size_t used;
static bool entered, full;
static uint8_t *given_back[CLASSES]; /* by size, each with the next one in it */

static bool ours(const void *block)
{
    const uint8_t *at = block;
    return at >= room && at < room + ROOM;
}

static size_t size_of(const uint8_t *block)
{
    size_t size;
    memcpy(&size, block - HEAD, sizeof(size));
    return size;
}

/* From the start of a block's head to that of the next. */
static size_t span_of(size_t size)
{
    return (size + HEAD + UNIT - 1) / UNIT * UNIT;
}

static size_t class_of(size_t size)
{
    return span_of(size) / UNIT;
}

static uint8_t *take_again(size_t size)
{
    uint8_t **list = &given_back[class_of(size)];
    uint8_t *block = *list;
    if (block)
        memcpy(list, block, sizeof(*list));
    return block;
}

static uint8_t *take_new(size_t size)
{
    if (size > ROOM - UNIT || span_of(size) > ROOM - HEAD - used) {
        full = true;
        return NULL;
    }
    uint8_t *block = room + UNIT + used;
    used += span_of(size);
    return block;
}

/* NULL: not from here. */
static void *take(size_t size)
{
    if (!entered)
        return NULL;
    uint8_t *block = size < ROOM && class_of(size) < CLASSES ? take_again(size) : NULL;
    if (!block)
        block = take_new(size);
    if (block)
        memcpy(block - HEAD, &size, sizeof(size));
    return block;
}

static bool is_last(const uint8_t *block, size_t size)
{
    return block + span_of(size) == room + UNIT + used;
}

void *__wrap_malloc(size_t size)
{
    void *at = take(size);
    return at ? at : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    size_t all;
    if (__builtin_mul_overflow(count, size, &all)) {
        errno = ENOMEM;
        return NULL;
    }
    void *at = take(all);
    return at ? memset(at, 0, all) : __real_calloc(count, size);
}

static void *grow(uint8_t *block, size_t before, size_t size)
{
    if (is_last(block, before) && size <= ROOM &&
        span_of(size) <= ROOM - UNIT - (size_t)(block - room)) {
        used += span_of(size) - span_of(before);
        memcpy(block - HEAD, &size, sizeof(size));
        return block;
    }
    void *at = __wrap_malloc(size);
    if (at) {
        memcpy(at, block, before);
        __wrap_free(block);
    }
    return at;
}

void *__wrap_realloc(void *block, size_t size)
{
    if (!block)
        return __wrap_malloc(size);
    if (!ours(block))
        return __real_realloc(block, size);
    return size <= size_of(block) ? block : grow(block, size_of(block), size);
}

static void give_back(uint8_t *block)
{
    size_t size = size_of(block);
    if (is_last(block, size)) {
        used -= span_of(size);
    } else if (class_of(size) < CLASSES) {
        memcpy(block, &given_back[class_of(size)], sizeof(block));
        given_back[class_of(size)] = block;
    }
}

/* What is the zygote's is the kernel's to take back. */
void __wrap_free(void *block)
{
    if (ours(block))
        give_back(block);
    else if (!entered || full)
        __real_free(block);
}

void worker_heap_enter(void)
{
    entered = true;
    (void)madvise(room, FOUND_FIRST, MADV_POPULATE_WRITE);
}
