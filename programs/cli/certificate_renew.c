// SPDX-License-Identifier: Apache-2.0
/* The renewal of one certificate: its successor is asked for with the present one, and takes its
 * place with a new key. Programs that watch the files follow. */
#include "cli/certificate.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "http/client.h"

#define CHAIN_MAX_BYTES (64U << 10)
#define CSR_MAX_BYTES (16U << 10)
#define LEFT_SHARE 3

bool kept_of(struct session *s, const char *folder, const char *name, struct kept *out)
{
    size_t len = strlen(name);

    if (len < 5 || strcmp(name + len - 4, ".pem") != 0 || len + strlen(folder) > 900)
        return false;
    out->session = s;
    snprintf(out->pem, sizeof out->pem, "%s/%s", folder, name);
    snprintf(out->key, sizeof out->key, "%s/%.*s.key", folder, (int)(len - 4), name);
    return file_exists(out->key);
}

static const char *new_name(const char *path, char out[1100])
{
    snprintf(out, 1100, "%s.new", path);
    return out;
}

fallible kept_load(const struct kept *k, struct chain *out)
{
    struct buf pem owned(buf_done) = buf_of(CHAIN_MAX_BYTES);

    TRY(file_read(k->pem, &pem));
    return chain_from_pem(buf_span(&pem), out);
}

static bool belongs(const char *pem_path, const char *key_path)
{
    struct buf pem owned(buf_done) = buf_of(CHAIN_MAX_BYTES);
    struct chain chain owned(chain_done) = { 0 };
    struct key *key owned(key_free) = NULL;

    return !failed(file_read(pem_path, &pem)) && !failed(chain_from_pem(buf_span(&pem), &chain)) &&
           !failed(key_load(key_path, &key)) && key_same_public(cert_key(chain.certs[0]), key);
}

/* The key is put in place first. So a new certificate without a new key is half-way. */
void kept_settle(const struct kept *k)
{
    char pem[1100], key[1100];

    new_name(k->pem, pem);
    new_name(k->key, key);
    if (!file_exists(key) && file_exists(pem) && belongs(pem, k->key))
        (void)!rename(pem, k->pem);
    unlink(key);
    unlink(pem);
}

bool kept_due(const struct cert *leaf, int64_t now)
{
    int64_t life = cert_not_after(leaf) - cert_not_before(leaf);
    return now >= cert_not_after(leaf) - life / LEFT_SHARE;
}

static fallible like(const struct key *old, struct key **out)
{
    return key_kind_of(old) == KEY_RSA ? key_make_rsa(key_bits(old), out)
                                       : key_make_ec(key_kind_of(old), out);
}

static fallible request_for(const struct cert *leaf, const struct key *k, struct buf *csr)
{
    struct buf name owned(buf_done) = buf_of(256);
    char **sans = NULL;

    TRY(cert_subject_cn(leaf, &name));
    TRY(cert_names(leaf, &sans));
    struct err e = csr_make(k, buf_str(&name), (const char *const *)sans, csr);
    cert_names_free(sans);
    return e;
}

/* Both beside the old ones, owned as they are; then each in the place of the old. */
static fallible put(const struct kept *k, const struct key *key, struct span chain)
{
    char new_pem[1100], new_key[1100];
    struct stat was;

    new_name(k->pem, new_pem);
    new_name(k->key, new_key);
    TRY(key_save(new_key, key));
    TRY(file_write(new_pem, chain, 0644));
    if (stat(k->key, &was) == 0 && was.st_uid != geteuid() &&
        (chown(new_key, was.st_uid, was.st_gid) || chown(new_pem, was.st_uid, was.st_gid)))
        return FAIL(SYSTEM, "the new files cannot be given to the owner of the old ones");
    if (!belongs(new_pem, new_key))
        return FAIL(UPSTREAM, "the certificate that came is not for the new key");
    if (rename(new_key, k->key) || rename(new_pem, k->pem))
        return FAIL(SYSTEM, "the new files cannot take the place of the old ones");
    return OK;
}

static fallible ask(const struct kept *k, uint64_t life, struct span csr, struct http_reply *reply)
{
    const struct session *s = k->session;
    struct http_client *http owned(http_client_free) = NULL;
    const struct http_client_config config = {
        .ca_file = s->ca_file, .crl = s->lists, .certificate = k->pem, .key = k->key
    };
    char url[1100], query[64] = "";

    if (life)
        snprintf(query, sizeof query, "?validitySeconds=%llu", (unsigned long long)life);
    snprintf(url, sizeof url, "%.1000s/cms/v1/renewals%s", s->urls[SERVICE_CMS], query);
    const struct http_call call = {
        .method = "POST", .url = url, .content_type = "application/x-pem-file", .body = csr
    };
    TRY(http_client_new(&config, &http));
    return http_send(http, &call, reply);
}

fallible kept_renew(const struct kept *k, uint64_t life)
{
    struct chain chain owned(chain_done) = { 0 };
    struct key *key owned(key_free) = NULL;
    struct buf csr owned(buf_done) = buf_of(CSR_MAX_BYTES);
    struct http_reply reply owned(http_reply_done) = { 0 };

    TRY(kept_load(k, &chain));
    TRY(like(cert_key(chain.certs[0]), &key));
    TRY(request_for(chain.certs[0], key, &csr));
    TRY(ask(k, life, buf_span(&csr), &reply));
    if (reply.status != 200) {
        json_t *problem owned(json_free) = NULL;
        struct span code = SPAN("unknown");
        if (!failed(json_parse_object(buf_span(&reply.body), &problem)))
            (void)json_opt_str(problem, "code", "code", &code).kind;
        fprintf(stderr, "warder: cms refuses to renew %s: %d ", k->pem, reply.status);
        print_clean(stderr, code);
        putc('\n', stderr);
        return FAIL(DENIED, "the certificate management service refuses to renew");
    }
    return put(k, key, buf_span(&reply.body));
}
