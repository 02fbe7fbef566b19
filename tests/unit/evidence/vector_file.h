// SPDX-License-Identifier: Apache-2.0
/* A file of a set of tests/vectors/intel. */
#ifndef TESTS_VECTOR_FILE_H
#define TESTS_VECTOR_FILE_H

#include "unit.h"

#include "base/file.h"
#include "base/options.h"

static inline struct buf vector_file(const char *set, const char *name)
{
    char path[1024];
    struct buf out = buf_of(1U << 20);

    snprintf(path, sizeof(path), "%s/intel/%s/%s", options_env("WARDER_VECTORS"), set, name);
    assert_ok(file_read(path, &out));
    return out;
}

#endif
