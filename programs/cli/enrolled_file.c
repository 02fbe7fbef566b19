// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "cli/tpm.h"
#include "verify/verify.h"

#define PATH_LEN_MAX 4096

static fallible lock_take(const char *path, int *out)
{
    struct buf name owned(buf_done) = buf_of(PATH_LEN_MAX);

    buf_addf(&name, "%s.lock", path);
    TRY(buf_check(&name));
    int fd = open(buf_str(&name), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        if (fd >= 0)
            close(fd);
        return FAIL(SYSTEM, "cannot lock the file of enrolled keys");
    }
    *out = fd;
    return OK;
}

static fallible root_read(const char *path, json_t **out)
{
    struct buf text owned(buf_done) = buf_of(JSON_TEXT_MAX);
    struct verifier *v owned(verifier_free) = NULL;

    if (!file_exists(path)) {
        *out = json_pack("{s:i,s:[]}", "version", 1, "keys");
        return *out ? OK : FAIL(SYSTEM, "out of memory");
    }
    TRY(file_read(path, &text));
    TRY(verifier_new(NULL, 0, &v)); /* its reading is the one that counts */
    TRY(verifier_trust_tpms(v, NULL, 0, buf_span(&text)));
    return json_parse_object(buf_span(&text), out);
}

int enrolled_open(const char *path, struct enrolled_file *out)
{
    struct enrolled_file f = { .path = path, .lock = -1 };
    struct err e = lock_take(path, &f.lock);

    if (!failed(e))
        e = root_read(path, &f.root);
    if (failed(e)) {
        enrolled_close(&f);
        return print_failure(e, path, NULL);
    }
    *out = f;
    return EXIT_OK;
}

void enrolled_close(struct enrolled_file *f)
{
    json_free(f->root);
    f->root = NULL;
    if (f->lock > 0)
        close(f->lock);
    f->lock = -1;
}

static size_t place_of(const struct enrolled_file *f, const char *name)
{
    const json_t *keys = json_object_get(f->root, "keys");
    size_t i = 0;

    for (; i < json_array_size(keys); i++) {
        const char *have = json_string_value(json_object_get(json_array_get(keys, i), "name"));
        if (have && strcmp(have, name) == 0)
            break;
    }
    return i;
}

fallible enrolled_add(struct enrolled_file *f, struct span name, const char *label,
                      const char *ek_certificate)
{
    json_t *keys = json_object_get(f->root, "keys"), *row = json_object();
    char hex[2 * 128 + 1], now[CLOCK_TEXT_MAX];

    if (name.len > 128) {
        json_decref(row);
        return FAIL(INPUT, "not a TPM name");
    }
    hex_str(name, hex);
    json_set_str(row, "name", hex);
    json_set_str(row, "label", label);
    json_set_str(row, "by", ek_certificate ? "ek_certificate" : "operator");
    json_set_str(row, "ek_certificate", ek_certificate);
    json_set_str(row, "enrolled_at", clock_format(clock_now(), now));
    if (place_of(f, hex) < json_array_size(keys)) {
        json_decref(row);
        return FAIL(CONFLICT, "this attestation key is enrolled already");
    }
    return json_array_append_new(keys, row) == 0 ? OK : FAIL(SYSTEM, "out of memory");
}

fallible enrolled_remove(struct enrolled_file *f, const char *name)
{
    json_t *keys = json_object_get(f->root, "keys");
    size_t at = place_of(f, name);

    if (at == json_array_size(keys))
        return FAIL(ABSENT, "no attestation key of this name is enrolled");
    json_array_remove(keys, at);
    return OK;
}

fallible enrolled_save(const struct enrolled_file *f)
{
    char *text owned(free) = json_text(f->root);

    return text ? file_write(f->path, span_str(text), 0644) : FAIL(SYSTEM, "out of memory");
}
