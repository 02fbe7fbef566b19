// SPDX-License-Identifier: Apache-2.0
/* The worker's memory, asked by its functions' own names; what they pass on is counted here. */
#include "attestd/worker_heap.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define BLOCKS 2000

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);

static unsigned passed_on;

void *__real_malloc(size_t size)
{
    passed_on++;
    return malloc(size);
}

void *__real_calloc(size_t count, size_t size)
{
    passed_on++;
    return calloc(count, size);
}

void *__real_realloc(void *block, size_t size)
{
    passed_on++;
    return realloc(block, size);
}

void __real_free(void *block)
{
    passed_on++;
    free(block);
}

static void test_before_a_worker(void **state)
{
    (void)state;
    passed_on = 0;
    void *a = __wrap_malloc(10), *b = __wrap_calloc(3, 5);
    a = __wrap_realloc(a, 20);
    __wrap_free(a);
    __wrap_free(b);
    assert_int_equal(passed_on, 5);
}

static bool filled(const uint8_t *at, size_t len, uint8_t with)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] != with)
            return false;
    return true;
}

static void test_a_block_grows(void **state)
{
    (void)state;
    worker_heap_enter();
    passed_on = 0;
    uint8_t *a = __wrap_realloc(NULL, 100);
    memset(a, 7, 100);
    uint8_t *in_place = __wrap_realloc(a, 5000);
    assert_true(filled(in_place, 100, 7));
    uint8_t *other = __wrap_malloc(10);
    memset(in_place, 8, 5000);
    uint8_t *moved = __wrap_realloc(in_place, 6000);
    assert_ptr_not_equal(moved, in_place);
    assert_true(filled(moved, 5000, 8));
    assert_ptr_equal(__wrap_realloc(moved, 10), moved);
    __wrap_free(other);
    assert_int_equal(passed_on, 0);
}

static size_t size_at(unsigned i)
{
    return (i * 37) % 1500;
}

/* Blocks of many sizes, given back in another order, none over another. */
static void test_blocks_are_apart(void **state)
{
    static uint8_t *blocks[BLOCKS];
    (void)state;
    for (unsigned turn = 0; turn < 4; turn++) {
        for (unsigned i = turn % 3; i < BLOCKS; i += 3) {
            blocks[i] = turn % 2 ? __wrap_calloc(1, size_at(i)) : __wrap_malloc(size_at(i));
            assert_non_null(blocks[i]);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            if (turn % 2)
                assert_true(filled(blocks[i], size_at(i), 0));
            memset(blocks[i], (int)(i & 0xff), size_at(i));
        }
        for (unsigned i = turn % 3; i < BLOCKS; i += 3)
            assert_true(filled(blocks[i], size_at(i), (uint8_t)i));
        for (unsigned i = turn % 3; i < BLOCKS; i += 6)
            __wrap_free(blocks[i]);
        for (unsigned i = turn % 3 + 3; i < BLOCKS; i += 6)
            __wrap_free(blocks[i]);
    }
    __wrap_free(NULL);
}

/* Where the room ends the usual memory goes on, and what came from there goes back there. */
static void test_more_than_the_room(void **state)
{
    uint8_t *blocks[40];
    (void)state;
    passed_on = 0;
    for (unsigned i = 0; i < 40; i++) {
        blocks[i] = __wrap_malloc(100000);
        assert_non_null(blocks[i]);
        memset(blocks[i], (int)i, 100000);
    }
    assert_in_range(passed_on, 20, 40);
    for (unsigned i = 0; i < 40; i++) {
        assert_true(filled(blocks[i], 100000, (uint8_t)i));
        blocks[i] = __wrap_realloc(blocks[i], 200000);
        assert_true(filled(blocks[i], 100000, (uint8_t)i));
        __wrap_free(blocks[i]);
    }
    void *large = __wrap_malloc((size_t)8 << 20);
    assert_non_null(large);
    __wrap_free(large);
    assert_null(__wrap_calloc(SIZE_MAX / 2, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_a_worker),
        cmocka_unit_test(test_a_block_grows),
        cmocka_unit_test(test_blocks_are_apart),
        cmocka_unit_test(test_more_than_the_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
