// SPDX-License-Identifier: Apache-2.0
#include "vector_set.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/options.h"

#define FILE_MAX (1U << 20)

const char *vector_root(void)
{
    const char *root = options_env("WARDER_VECTORS");
    assert_non_null(root);
    return root;
}

bool vector_more(const char *name, char out[VECTOR_PATH_MAX])
{
    const char *more = options_env("WARDER_MORE_VECTORS");
    struct stat st;

    if (more)
        snprintf(out, VECTOR_PATH_MAX, "%s/%s", more, name);
    else
        snprintf(out, VECTOR_PATH_MAX, "%s/../../../shared/vectors/%s", vector_root(), name);
    return stat(out, &st) == 0;
}

bool vector_set_load(const char *folder, const char *name, struct vector_set *out)
{
    char path[2 * VECTOR_PATH_MAX];
    struct buf meta owned(buf_done) = buf_of(FILE_MAX);

    snprintf(path, sizeof(path), "%s/%s/meta.json", folder, name);
    if (failed(file_read(path, &meta)))
        return false;
    assert_ok(json_parse_object(buf_span(&meta), &out->meta));
    out->verify_at = json_integer_value(json_object_get(out->meta, "verify_at"));
    out->quote = buf_of(FILE_MAX);
    snprintf(path, sizeof(path), "%s/%s/quote.bin", folder, name);
    if (!file_exists(path))
        snprintf(path, sizeof(path), "%s/%s/report.bin", folder, name);
    assert_ok(file_read(path, &out->quote));
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_ok(collateral_dir_load(path, &out->collateral));
    return true;
}

void vector_set_done(struct vector_set *s)
{
    buf_done(&s->quote);
    collateral_dir_done(&s->collateral);
    json_free(s->meta);
}

struct verify_result *vector_verify(const struct vector_set *s)
{
    struct verifier *v owned(verifier_free) = NULL;
    struct collateral_set *c owned(collateral_set_free) = NULL;
    struct verify_result *r = NULL;
    struct collateral_raw raw = collateral_dir_raw(&s->collateral);

    assert_ok(verifier_new(NULL, 0, &v));
    assert_ok(collateral_set_load(v, &raw, &c));
    assert_ok(verify_evidence(v, buf_span(&s->quote), c, s->verify_at, (struct span){ 0 }, &r));
    return r;
}

enum check_outcome vector_outcome(const struct verify_result *r, const char *check)
{
    const struct check *checks;
    size_t count = verify_result_checks(r, &checks);

    for (size_t i = 0; i < count; i++)
        if (strcmp(checks[i].name, check) == 0)
            return checks[i].outcome;
    fail_msg("no check %s", check);
    return CHECK_NOT_CHECKED;
}
