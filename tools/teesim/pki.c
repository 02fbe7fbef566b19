// SPDX-License-Identifier: Apache-2.0
#include "teesim/pki.h"

#include <fcntl.h>
#include <sys/file.h>

#include "base/file.h"

#define PATH_ROOM 4096

static fallible path_of(const char *dir, const char *name, const char *suffix, char out[PATH_ROOM])
{
    int len = snprintf(out, PATH_ROOM, "%s/%s%s", dir, name, suffix);
    return len > 0 && len < PATH_ROOM ? OK
                                      : FAIL(LIMIT, "path of the simulator's folder is too long");
}

static fallible make_key(enum key_kind kind, struct key **out)
{
    return kind == KEY_RSA ? key_make_rsa(FORGE_RSA_BITS, out) : key_make_ec(kind, out);
}

fallible forge_key_open(const char *dir, const char *name, enum key_kind kind, struct key **out)
{
    char path[PATH_ROOM];

    if (!dir)
        return make_key(kind, out);
    TRY(path_of(dir, name, ".key", path));
    if (file_exists(path))
        return key_load(path, out);
    TRY(make_key(kind, out));
    return key_save(path, *out);
}

fallible forge_certificate_open(const char *dir, const char *name,
                                const struct forge_certificate *form, struct buf *der)
{
    char path[PATH_ROOM];

    if (!dir)
        return forge_certificate_write(form, der);
    TRY(path_of(dir, name, ".der", path));
    if (file_exists(path))
        return file_read(path, der);
    TRY(forge_certificate_write(form, der));
    return file_write(path, buf_span(der), 0644);
}

static struct forge_certificate form_of(const struct forge_authority *subject,
                                        const struct forge_authority *issuer)
{
    return (struct forge_certificate){ .subject = subject->name,
                                       .issuer = issuer->name,
                                       .key = subject->key,
                                       .signer = issuer->key,
                                       .not_before = FORGE_NOT_BEFORE,
                                       .not_after = FORGE_NOT_AFTER,
                                       .path_len = -1,
                                       .key_usage = FORGE_USAGE_SIGN };
}

struct forge_certificate forge_pki_root_form(const struct forge_pki *pki)
{
    struct forge_certificate form = form_of(&pki->root, &pki->root);
    form.ca = true;
    form.path_len = 1;
    form.key_usage = FORGE_USAGE_CA;
    return form;
}

const struct forge_authority *forge_pki_ca(const struct forge_pki *pki, enum forge_ca ca)
{
    return ca == FORGE_CA_PLATFORM ? &pki->platform : &pki->processor;
}

struct forge_certificate forge_pki_ca_form(const struct forge_pki *pki, enum forge_ca ca)
{
    struct forge_certificate form = form_of(forge_pki_ca(pki, ca), &pki->root);
    form.ca = true;
    form.path_len = 0;
    form.key_usage = FORGE_USAGE_CA;
    return form;
}

struct forge_certificate forge_pki_signer_form(const struct forge_pki *pki)
{
    return form_of(&pki->signer, &pki->root);
}

struct forge_certificate forge_pki_leaf_form(const struct forge_pki *pki, enum forge_ca ca)
{
    struct forge_authority leaf = { .name = "Intel SGX PCK Certificate", .key = pki->pck };
    return form_of(&leaf, forge_pki_ca(pki, ca));
}

static struct forge_crl crl_of(const struct forge_authority *issuer, int64_t this_update,
                               int64_t next_update)
{
    return (struct forge_crl){ .issuer = issuer->name,
                               .signer = issuer->key,
                               .this_update = this_update,
                               .next_update = next_update,
                               .number = 1 };
}

struct forge_crl forge_pki_root_crl(const struct forge_pki *pki, int64_t this_update,
                                    int64_t next_update)
{
    return crl_of(&pki->root, this_update, next_update);
}

struct forge_crl forge_pki_pck_crl(const struct forge_pki *pki, enum forge_ca ca,
                                   int64_t this_update, int64_t next_update)
{
    return crl_of(forge_pki_ca(pki, ca), this_update, next_update);
}

static fallible open_all(const char *dir, struct forge_pki *p)
{
    const struct {
        const char *name;
        struct key **key;
    } keys[] = { { "root", &p->root.key },
                 { "processor", &p->processor.key },
                 { "platform", &p->platform.key },
                 { "signer", &p->signer.key },
                 { "pck", &p->pck },
                 { "attestation", &p->attestation } };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        TRY(forge_key_open(dir, keys[i].name, KEY_P256, keys[i].key));

    struct forge_certificate root = forge_pki_root_form(p), signer = forge_pki_signer_form(p);
    struct forge_certificate processor = forge_pki_ca_form(p, FORGE_CA_PROCESSOR);
    struct forge_certificate platform = forge_pki_ca_form(p, FORGE_CA_PLATFORM);
    TRY(forge_certificate_open(dir, "root", &root, &p->root.der));
    TRY(forge_certificate_open(dir, "processor", &processor, &p->processor.der));
    TRY(forge_certificate_open(dir, "platform", &platform, &p->platform.der));
    return forge_certificate_open(dir, "signer", &signer, &p->signer.der);
}

fallible forge_root_write(const char *dir, const char *name, const struct forge_authority *root)
{
    struct buf pem owned(buf_done) = buf_of(2 * FORGE_CERT_MAX);
    char path[PATH_ROOM];

    TRY(path_of(dir, name, ".pem", path));
    forge_certificate_pem(buf_span(&root->der), &pem);
    TRY(buf_check(&pem));
    return file_exists(path) ? OK : file_write(path, buf_span(&pem), 0644);
}

fallible forge_folder_lock(const char *dir, int *fd)
{
    TRY(file_make_dir(dir, 0755));
    int lock owned(fd_close) = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Two simulators on one folder must not make two roots. */
    if (lock < 0 || flock(lock, LOCK_EX) != 0)
        return FAIL(SYSTEM, "cannot lock the folder of the simulator's PKI");
    *fd = fd_take(&lock);
    return OK;
}

static struct forge_authority authority(const char *name)
{
    return (struct forge_authority){ .name = name, .der = buf_of(FORGE_CERT_MAX) };
}

fallible forge_pki_open(const char *dir, struct forge_pki *out)
{
    struct forge_pki p owned(forge_pki_done) = { .root = authority("Intel SGX Root CA"),
                                                 .processor =
                                                     authority("Intel SGX PCK Processor CA"),
                                                 .platform = authority("Intel SGX PCK Platform CA"),
                                                 .signer = authority("Intel SGX TCB Signing") };
    int lock owned(fd_close) = -1;

    if (dir)
        TRY(forge_folder_lock(dir, &lock));
    TRY(open_all(dir, &p));
    if (dir)
        TRY(forge_root_write(dir, "root_ca", &p.root));
    *out = p;
    p = (struct forge_pki){ 0 };
    return OK;
}

void forge_pki_done(struct forge_pki *p)
{
    struct forge_authority *all[] = { &p->root, &p->processor, &p->platform, &p->signer };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        key_free(TAKE(all[i]->key));
        buf_done(&all[i]->der);
    }
    key_free(TAKE(p->pck));
    key_free(TAKE(p->attestation));
}
