// SPDX-License-Identifier: Apache-2.0
#include "broker/secrets.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#define ROOT_SIZE 32
#define PATH_MAX_LEN 4096

static fallible path_of(const char *folder, const char *name, struct buf *out)
{
    buf_addf(out, "%s/%s", folder, name);
    return buf_check(out);
}

static fallible load_root(const char *folder, struct secret **out)
{
    struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN);
    struct secret *root owned(secret_free) = NULL;

    TRY(path_of(folder, "root.key", &path));
    if (!file_exists(buf_str(&path))) {
        struct secret *made owned(secret_free) = NULL;
        TRY(random_secret(ROOT_SIZE, &made));
        TRY(secret_save(buf_str(&path), made));
    }
    TRY(secret_load(buf_str(&path), &root));
    if (secret_len(root) != ROOT_SIZE)
        return FAIL(INPUT, "root.key must hold 32 bytes");
    *out = TAKE(root);
    return OK;
}

fallible broker_key_load(const char *folder, const char *name, struct key **out)
{
    struct buf path owned(buf_done) = buf_of(PATH_MAX_LEN);

    TRY(path_of(folder, name, &path));
    if (!file_exists(buf_str(&path))) {
        struct key *made owned(key_free) = NULL;
        TRY(key_make_ec(KEY_P256, &made));
        TRY(key_save(buf_str(&path), made));
    }
    return key_load(buf_str(&path), out);
}

fallible broker_secrets_load(const char *folder, struct broker_secrets *out)
{
    struct secret *root owned(secret_free) = NULL;
    struct broker_secrets s owned(broker_secrets_done) = { 0 };

    TRY(file_make_dir(folder, 0700));
    TRY(load_root(folder, &root));
    TRY(hkdf_sha256(root, SPAN("warder-keyd-challenge-v1"), 32, &s.challenge_root));
    TRY(hkdf_sha256(root, SPAN("warder-keyd-integrity-v1"), 32, &s.integrity));
    TRY(broker_key_load(folder, "release.key", &s.release));
    TRY(key_thumbprint(s.release, s.release_kid));
    *out = s;
    s = (struct broker_secrets){ 0 };
    return OK;
}

void broker_secrets_done(struct broker_secrets *s)
{
    secret_free(s->challenge_root);
    secret_free(s->integrity);
    key_free(s->release);
    *s = (struct broker_secrets){ 0 };
}
