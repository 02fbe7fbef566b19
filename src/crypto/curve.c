// SPDX-License-Identifier: Apache-2.0
#include "crypto/curve_internal.h"

#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <pthread.h>

static const struct curve rows[] = {
    { KEY_P256,
      "P-256",
      32,
      256,
      NID_X9_62_prime256v1,
      { (const uint8_t *)"\x2a\x86\x48\xce\x3d\x03\x01\x07", 8 } },
    { KEY_P384, "P-384", 48, 384, NID_secp384r1, { (const uint8_t *)"\x2b\x81\x04\x00\x22", 5 } },
    { KEY_P521, "P-521", 66, 521, NID_secp521r1, { (const uint8_t *)"\x2b\x81\x04\x00\x23", 5 } },
};
#define CURVES (sizeof rows / sizeof *rows)

static pthread_once_t groups_once = PTHREAD_ONCE_INIT, parameters_once = PTHREAD_ONCE_INIT;
static EC_GROUP *groups[CURVES];
static EVP_PKEY *parameters[CURVES];

static EVP_PKEY *make_parameters(const struct curve *c)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *made = NULL;

    if (ctx && EVP_PKEY_paramgen_init(ctx) == 1 && EVP_PKEY_CTX_set_group_name(ctx, c->name) == 1)
        (void)EVP_PKEY_paramgen(ctx, &made);
    EVP_PKEY_CTX_free(ctx);
    return made;
}

static void make_groups(void)
{
    for (size_t i = 0; i < CURVES; i++)
        groups[i] = EC_GROUP_new_by_curve_name(rows[i].nid);
}

static void make_all_parameters(void)
{
    for (size_t i = 0; i < CURVES; i++)
        parameters[i] = make_parameters(&rows[i]);
}

const struct curve *curve_of(enum key_kind kind)
{
    for (size_t i = 0; i < CURVES; i++) {
        if (rows[i].kind == kind)
            return &rows[i];
    }
    return NULL;
}

const struct curve *curve_by_oid(struct span oid)
{
    for (size_t i = 0; i < CURVES; i++) {
        if (span_equal(rows[i].oid, oid))
            return &rows[i];
    }
    return NULL;
}

const struct curve *curve_by_name(struct span name)
{
    for (size_t i = 0; i < CURVES; i++) {
        if (span_equal_str(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

const EC_GROUP *curve_group(const struct curve *c)
{
    (void)pthread_once(&groups_once, make_groups);
    return groups[c - rows];
}

EVP_PKEY *curve_parameters(const struct curve *c)
{
    (void)pthread_once(&parameters_once, make_all_parameters);
    return parameters[c - rows];
}
