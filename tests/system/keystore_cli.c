// SPDX-License-Identifier: Apache-2.0
/*
 * A key manager by hand, for tests: a command a line on standard input, an answer a line on standard output:
 * "ok ..." or "KIND text". REF is tenant:id, or tenant:=NAME for a key that was there before.
 */
#include <signal.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/options.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"
#include "keys/kmip.h"
#include "keys/pkcs11_hsm.h"
#include "keys/vault.h"
#include "keys/vault_transit.h"

#define WORDS 8
#define FILE_MAX (64U << 10)

struct line {
    char *word[WORDS];
    struct key_ref ref;
    struct key_spec spec;
};

static char *word_of(const struct line *l, size_t i)
{
    return l->word[i] ? l->word[i] : "";
}

static void read_words(char *text, struct line *l)
{
    char *rest = NULL;

    *l = (struct line){ .ref.version = 1 };
    for (size_t i = 0; i < WORDS; i++)
        l->word[i] = strtok_r(i ? NULL : text, " \n", &rest);
    struct span ref = span_str(word_of(l, strcmp(word_of(l, 0), "transit") ? 1 : 2));
    size_t colon = span_find(ref, SPAN(":"));
    l->ref.tenant = span_head(ref, colon);
    l->ref.id = colon < ref.len ? span_tail(ref, colon + 1) : SPAN("");
    if (span_starts(l->ref.id, SPAN("="))) {
        l->ref.external = span_tail(l->ref.id, 1);
        l->ref.id = SPAN("registered");
    }
}

static fallible import(struct keystore *k, const struct line *l, struct key_spec *spec)
{
    struct secret *given owned(secret_free) = NULL, *material owned(secret_free) = NULL;

    TRY(secret_load(word_of(l, 4), &given));
    TRY(key_material_parse(given, spec->algorithm, &material, spec));
    return k->import(k, &l->ref, spec, material);
}

static fallible wrap(struct keystore *k, const struct line *l, struct buf *out)
{
    struct buf der owned(buf_done) = buf_of(FILE_MAX);
    struct key *recipient owned(key_free) = NULL;

    TRY(file_read(word_of(l, 4), &der));
    TRY(key_from_spki(buf_span(&der), &recipient));
    json_t *header owned(json_free) = json_pack("{s:s}", "typ", "warder-key+jwe");
    return k->wrap_to(k, &l->ref, &l->spec, recipient, header, out);
}

static fallible tend(struct keystore *k, struct buf *out)
{
    struct keystore_chore chore = { 0 };
    struct err e = k->tend(k, &chore);

    buf_addf(out, "%u %s", chore.again_ms, chore.notice ? chore.notice : "-");
    return e;
}

/* Keys that stay inside Vault: transit VERB REF ALGORITHM BITS and more. */
static fallible scheme_of(const char *word, enum signature_scheme *scheme)
{
    static const char *const names[] = { "ecdsa", "pkcs1", "pss" };
    static const enum signature_scheme schemes[] = { SIGNATURE_ECDSA, SIGNATURE_RSA_PKCS1, SIGNATURE_RSA_PSS };

    for (size_t i = 0; i < 3; i++) {
        if (!strcmp(word, names[i])) {
            *scheme = schemes[i];
            return OK;
        }
    }
    return FAIL(INPUT, "unknown scheme");
}

static fallible transit_sign(struct keystore *k, const struct line *l, struct buf *out)
{
    struct buf hash owned(buf_done) = buf_of(FILE_MAX), signature owned(buf_done) = buf_of(FILE_MAX);
    enum signature_scheme scheme;
    const char *digest = word_of(l, 6);

    TRY(scheme_of(word_of(l, 5), &scheme));
    TRY(base64url_parse(span_str(word_of(l, 7)), &hash));
    enum digest_kind kind = !strcmp(digest, "384") ? DIGEST_SHA384
                            : !strcmp(digest, "512") ? DIGEST_SHA512
                            : !strcmp(digest, "1")   ? DIGEST_SHA1
                                                     : DIGEST_SHA256;
    TRY(vault_transit_sign(k, &l->ref, &l->spec, scheme, kind, buf_span(&hash), &signature));
    base64url_add(out, buf_span(&signature));
    return OK;
}

static fallible transit_open(struct keystore *k, const struct line *l, struct buf *out)
{
    struct buf given owned(buf_done) = buf_of(FILE_MAX), more owned(buf_done) = buf_of(FILE_MAX);
    struct secret *plain owned(secret_free) = NULL;

    TRY(base64url_parse(span_str(word_of(l, 5)), &given));
    TRY(base64url_parse(span_str(word_of(l, 6)), &more));
    TRY(!strcmp(word_of(l, 1), "derive") ? vault_transit_derive(k, &l->ref, &l->spec, buf_span(&given), &plain)
                                         : vault_transit_decrypt(k, &l->ref, &l->spec, buf_span(&given), buf_span(&more), &plain));
    base64url_add(out, secret_expose(plain));
    return OK;
}

static fallible transit_describe(struct keystore *k, struct line *l, struct buf *out)
{
    struct key *public owned(key_free) = NULL;
    struct buf der owned(buf_done) = buf_of(FILE_MAX);

    TRY(vault_transit_describe(k, &l->ref, &l->spec, &public));
    buf_addf(out, "%s %u ", key_algorithm_name(l->spec.algorithm), l->spec.bits);
    if (public)
        TRY(key_to_spki(public, &der));
    base64url_add(out, buf_span(&der));
    return OK;
}

static fallible transit_import(struct keystore *k, struct line *l)
{
    struct secret *given owned(secret_free) = NULL, *material owned(secret_free) = NULL;

    TRY(secret_load(word_of(l, 5), &given));
    TRY(key_material_parse(given, l->spec.algorithm, &material, &l->spec));
    return vault_transit_import(k, &l->ref, &l->spec, material);
}

static fallible transit(struct keystore *k, struct line *l, struct buf *out)
{
    const char *verb = word_of(l, 1);

    if (!strcmp(verb, "destroy"))
        return vault_transit_destroy(k, &l->ref);
    TRY(key_algorithm_parse(span_str(word_of(l, 3)), &l->spec.algorithm));
    l->spec.bits = (unsigned)strtoul(word_of(l, 4), NULL, 10);
    if (!strcmp(verb, "create"))
        return vault_transit_create(k, &l->ref, &l->spec);
    if (!strcmp(verb, "import"))
        return transit_import(k, l);
    if (!strcmp(verb, "describe"))
        return transit_describe(k, l, out);
    if (!strcmp(verb, "sign"))
        return transit_sign(k, l, out);
    return transit_open(k, l, out);
}

static fallible run(struct keystore *k, struct line *l, struct buf *out)
{
    const char *verb = word_of(l, 0);

    if (!strcmp(verb, "transit"))
        return transit(k, l, out);
    if (!strcmp(verb, "tend"))
        return tend(k, out);
    if (!strcmp(verb, "health"))
        return k->health(k);
    if (!strcmp(verb, "destroy"))
        return k->destroy(k, &l->ref);
    TRY(key_algorithm_parse(span_str(word_of(l, 2)), &l->spec.algorithm));
    l->spec.bits = (unsigned)strtoul(word_of(l, 3), NULL, 10);
    if (!strcmp(verb, "create"))
        return k->create(k, &l->ref, &l->spec);
    if (!strcmp(verb, "wrap"))
        return wrap(k, l, out);
    struct err e = FAIL(INPUT, "unknown command");
    if (!strcmp(verb, "import"))
        e = import(k, l, &l->spec);
    if (!strcmp(verb, "describe"))
        e = k->describe(k, &l->ref, &l->spec);
    buf_addf(out, "%s %u", key_algorithm_name(l->spec.algorithm), l->spec.bits);
    return e;
}

static void answer(struct err e, const struct buf *text)
{
    if (failed(e))
        printf("%s %s\n", fail_kind_name(e.kind), e.what);
    else
        printf("ok %s\n", buf_str(text));
    fflush(stdout);
}

static int serve(struct keystore *k)
{
    char text[4096];

    while (fgets(text, sizeof text, stdin)) {
        struct line l;
        struct buf out owned(buf_done) = buf_of(JOSE_TEXT_MAX);

        read_words(text, &l);
        answer(run(k, &l, &out), &out);
    }
    return 0;
}

struct options {
    const char *manager;
    struct vault_config vault;
    uint64_t kv;
    struct kmip_config kmip;
    struct pkcs11_config pkcs11;
};

static fallible open_store(struct options *o, struct keystore **out)
{
    if (!strcmp(o->manager, "kmip"))
        return kmip_open(&o->kmip, out);
    if (!strcmp(o->manager, "pkcs11"))
        return pkcs11_open(&o->pkcs11, out);
    o->vault.kv_version = (unsigned)o->kv;
    return vault_open(&o->vault, out);
}

int main(int argc, char **argv)
{
    struct options o = { .manager = "vault", .vault = { .mount = "keybroker", .prefix = "warder" },
                         .kmip = { .host = "127.0.0.1", .prefix = "warder", .version = "auto" },
                         .pkcs11 = { .prefix = "warder" } };
    int rest = 0;

    signal(SIGPIPE, SIG_IGN);
    if (failed(crypto_start(CRYPTO_MEMORY_LOCKED)))
        return 1;
    const struct option_row rows[] = {
        { "manager", 0, OPTION_TEXT, "NAME", "vault (default), kmip or pkcs11", &o.manager },
        { "url", 0, OPTION_TEXT, "URL", "of the server", &o.vault.url },
        { "ca", 0, OPTION_TEXT, "FILE", "its CA", &o.vault.ca_file },
        { "token-file", 0, OPTION_TEXT, "FILE", "its token", &o.vault.token_file },
        { "role-id-file", 0, OPTION_TEXT, "FILE", "AppRole's role id", &o.vault.role_id_file },
        { "secret-id-file", 0, OPTION_TEXT, "FILE", "AppRole's secret id", &o.vault.secret_id_file },
        { "wrapped", 0, OPTION_FLAG, NULL, "the secret id is wrapped", &o.vault.secret_id_wrapped },
        { "approle-mount", 0, OPTION_TEXT, "NAME", "of AppRole logins", &o.vault.approle_mount },
        { "transit-mount", 0, OPTION_TEXT, "NAME", "of keys that stay inside", &o.vault.transit_mount },
        { "namespace", 0, OPTION_TEXT, "NAME", "of the server", &o.vault.name_space },
        { "http2", 0, OPTION_FLAG, NULL, "where the server has it", &o.vault.http2 },
        { "vault-certificate", 0, OPTION_TEXT, "FILE", "the client's", &o.vault.certificate },
        { "vault-key", 0, OPTION_TEXT, "FILE", "its key", &o.vault.key },
        { "mount", 0, OPTION_TEXT, "NAME", "of the KV store", &o.vault.mount },
        { "prefix", 0, OPTION_TEXT, "NAME", "folder of our keys", &o.vault.prefix },
        { "kv", 0, OPTION_NUMBER, "N", "KV version", &o.kv },
        { "plain", 0, OPTION_FLAG, NULL, "plain HTTP to a loopback address", &o.vault.allow_plain_http },
        { "host", 0, OPTION_TEXT, "NAME", "of the KMIP server", &o.kmip.host },
        { "port", 0, OPTION_TEXT, "N", "its port", &o.kmip.port },
        { "kmip-ca", 0, OPTION_TEXT, "FILE", "its CA", &o.kmip.ca_file },
        { "certificate", 0, OPTION_TEXT, "FILE", "the client's", &o.kmip.certificate },
        { "key", 0, OPTION_TEXT, "FILE", "its key", &o.kmip.key },
        { "kmip-prefix", 0, OPTION_TEXT, "NAME", "first part of our names there", &o.kmip.prefix },
        { "module", 0, OPTION_TEXT, "FILE", "PKCS#11 library", &o.pkcs11.module },
        { "token", 0, OPTION_TEXT, "URI", "of the token", &o.pkcs11.token },
        { "pin-file", 0, OPTION_TEXT, "FILE", "its PIN", &o.pkcs11.pin_file },
        { "hsm-prefix", 0, OPTION_TEXT, "NAME", "first part of our labels there", &o.pkcs11.prefix },
        { "kmip-version", 0, OPTION_TEXT, "N.N", "of the protocol", &o.kmip.version },
        { 0 },
    };
    const struct command_help help = { "keystore_cli", "", "drives a key manager", NULL };
    if (options_parse(argc, argv, rows, &help, &rest) != OPTIONS_GO)
        return 2;
    struct keystore *k owned(keystore_close) = NULL;
    struct err e = open_store(&o, &k);
    answer(e, &(struct buf){ 0 });
    return failed(e) ? 1 : serve(k);
}
