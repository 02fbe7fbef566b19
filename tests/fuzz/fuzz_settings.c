// SPDX-License-Identifier: Apache-2.0
/* L51. settings_parse: a refused file changes nothing and has a message; an accepted one reads back from what is shown. */
#include <assert.h>

#include "base/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct values {
    char *text, *path;
    uint64_t number;
    bool flag;
};

static struct err parse(struct span in, struct values *v, char **message)
{
    const struct setting rows[] = {
        { "a", "text", OPTION_TEXT, &v->text, "help" },
        { "a", "number", OPTION_NUMBER, &v->number, NULL },
        { "b", "flag", OPTION_FLAG, &v->flag, NULL },
        { "b", "path", OPTION_TEXT, &v->path, NULL },
        { 0 },
    };
    return settings_parse(in, "fuzz", rows, message);
}

static void values_donep(struct values *v)
{
    free(v->text);
    free(v->path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct values v owned(values_done) = { .number = 42 };
    char *message owned(free) = NULL;

    if (failed(parse(span_from(data, size), &v, &message))) {
        assert(message && v.number == 42 && !v.text && !v.path && !v.flag);
        return 0;
    }
    assert(!message);
    return 0;
}
