// SPDX-License-Identifier: Apache-2.0
#include "broker_world.h"

#include <assert.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "access/bearer.h"
#include "base/base64.h"
#include "base/file.h"
#include "base/ipc.h"
#include "base/writer.h"
#include "broker/deny_list.h"
#include "broker/operation.h"
#include "broker/row.h"
#include "crypto/crypto.h"
#include "crypto/digest.h"
#include "crypto/signature.h"
#include "keys/embedded.h"
#include "keys/key_server.h"
#include "signer.h"
#include "token/attestation.h"

#define USES 500 /* of one folder */
#define GOOD(call) assert(!failed(call))

static struct broker_world world;
static char folder[64];
static pthread_t manager;
static struct {
    struct keystore *store;
    struct key *import;
    int fd;
} served;

static void *serve(void *unused)
{
    key_server_run(served.fd, served.store, served.import);
    close(served.fd);
    return unused;
}

static void manager_open(struct broker *b)
{
    char url[128], master[128];
    int pair[2];

    snprintf(url, sizeof(url), "sqlite:%s/embedded.db", folder);
    snprintf(master, sizeof(master), "%s/master.key", folder);
    const struct embedded_config c = { .store_url = url, .master_key_file = master };
    GOOD(embedded_open(&c, &served.store));
    GOOD(broker_key_load(folder, "import.key", &served.import));
    GOOD(ipc_pair(pair));
    served.fd = pair[1];
    assert(pthread_create(&manager, NULL, serve, NULL) == 0);
    GOOD(key_service_open(pair, 1, &b->manager));
    GOOD(key_service_import_key(b->manager, &b->import));
}

static void broker_open(struct broker *b)
{
    const struct key *keys[] = { signer_key() };
    struct buf text owned(buf_done) = buf_of(8192);
    struct store *writer = NULL;
    char path[128], url[128];

    *b = (struct broker){ .kbs_id = "kbs",
                          .challenge_seconds = 120,
                          .approval_hours = 72,
                          .keys_per_tenant = 64,
                          .policies_per_tenant = 64 };
    snprintf(path, sizeof(path), "%s/pinned.json", folder);
    GOOD(jwks_text(keys, 1, &text));
    GOOD(file_write(path, buf_span(&text), 0644));
    GOOD(pinned_keys_open(path, &b->aas));
    GOOD(attestation_keys_open(path, &b->as));
    GOOD(broker_secrets_load(folder, &b->secrets));
    snprintf(url, sizeof(url), "sqlite:%s/keyd.db", folder);
    GOOD(store_open(url, &writer));
    GOOD(store_migrate(writer, broker_schema, broker_schema_count));
    GOOD(committer_open(writer, NULL, &b->committer));
    GOOD(policy_cache_new(&b->policies));
    GOOD(deny_cache_new(&b->denials));
    GOOD(planned_open(&b->planned));
    GOOD(store_pool_open(url, 1, &b->readers));
    manager_open(b);
}

static char *bearer(const char *subject, const char *tenant)
{
    struct buf text owned(buf_done) = buf_of(BEARER_TEXT_MAX);
    json_t *claims owned(json_free) =
        json_pack("{s:s,s:s,s:[],s:[{s:s,s:s,s:[s,s,s,s,s]}]}", "sub", subject, "tenant", tenant,
                  "roles", "permissions", "service", "KBS", "context", "", "rules", "keys:*",
                  "key_transfer_policies:*", "audit:search", "deny_list:*", "changes:*");
    GOOD(jwt_stamp(claims, BEARER_ISSUER, BEARER_AUDIENCE, WORLD_NOW, 600));
    GOOD(jwt_sign(signer_key(), "JWT", claims, &text));
    return buf_take_str(&text);
}

static json_t *ask(struct broker_world *w, enum operation operation, struct broker_request q)
{
    struct outcome o owned(outcome_done) = { 0 };
    struct err failure;

    q.now = WORLD_NOW;
    operation_run(&w->broker, (uint16_t)operation, &q, &o, &failure);
    return o.code == CODE_OK && o.body ? json_incref(o.body) : NULL;
}

static void take_text(const json_t *from, const char *name, char out[UUID_TEXT_SIZE])
{
    const char *text = json_string_value(json_object_get(from, name));
    assert(text && strlen(text) < UUID_TEXT_SIZE);
    strcpy(out, text);
}

/* A policy with leases, a key that has it, and a lease that S holds. */
static void things_make(struct broker_world *w)
{
    char body[512], path[128];
    struct broker_request q = { .bearer = span_str(w->anna) };

    q.body = SPAN("{\"name\":\"leased\",\"lease_minutes\":10}");
    json_t *policy owned(json_free) = ask(w, OPERATION_POLICY_CREATE, q);
    take_text(policy, "id", w->policy_id);
    snprintf(body, sizeof(body),
             "{\"key_information\":{\"algorithm\":\"AES\",\"key_length\":256},"
             "\"transfer_policy_id\":\"%s\"}",
             w->policy_id);
    q.body = span_str(body);
    json_t *key owned(json_free) = ask(w, OPERATION_KEY_CREATE, q);
    take_text(json_object_get(key, "key_information"), "id", w->key_id);

    char *challenge owned(free) = world_challenge(w, OPERATION_CHALLENGE);
    char *token owned(free) = world_attestation(w, challenge);
    char *s owned(free) = world_jwk(w->s), *e owned(free) = world_jwk(w->e);
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    buf_addf(&text,
             "{\"challenge\":\"%s\",\"signing_key\":%s,\"encryption_key\":%s,"
             "\"attestation_token\":\"%s\"}",
             challenge, s, e, token);
    snprintf(path, sizeof(path), "/kbs/v1/keys/%s/transfer", w->key_id);
    char *proof owned(free) = world_proof(w, path, challenge, buf_span(&text));
    q = (struct broker_request){ .id = span_str(w->key_id),
                                 .path = span_str(path),
                                 .body = buf_span(&text),
                                 .proof = span_str(proof) };
    json_t *released owned(json_free) = ask(w, OPERATION_RELEASE, q);
    assert(released);
    q = (struct broker_request){ .bearer = span_str(w->anna),
                                 .options = SPAN("{\"limit\":\"1\"}") };
    json_t *records owned(json_free) = ask(w, OPERATION_AUDIT_LIST, q);
    take_text(json_array_get(records, 0), "id", w->audit_id);
}

static void world_close(struct broker_world *w)
{
    struct broker *b = &w->broker;

    key_service_close(b->manager);
    pthread_join(manager, NULL);
    keystore_close(served.store);
    key_free(served.import);
    policy_cache_free(b->policies);
    deny_cache_free(b->denials);
    store_pool_close(b->readers);
    planned_close(b->planned);
    committer_close(b->committer);
    attestation_keys_close(b->as);
    pinned_keys_close(b->aas);
    broker_secrets_done(&b->secrets);
    key_free(b->import);
    key_free(w->s);
    key_free(w->e);
    free(w->anna);
    free(w->bert);
    free(w->other);
    *w = (struct broker_world){ .anna = NULL };
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void folder_remove(void)
{
    if (*folder)
        (void)nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    *folder = 0;
}

static void end(void)
{
    if (world.anna)
        world_close(&world);
    folder_remove();
}

struct broker_world *broker_world(void)
{
    static unsigned uses;

    if (world.anna && ++uses < USES && !world.spoilt)
        return &world;
    (void)signer_key(); /* OpenSSL's own end comes after ours */
    if (!world.anna)
        assert(atexit(end) == 0);
    else
        end();
    uses = 0;
    strcpy(folder, "/tmp/fuzz_broker_XXXXXX");
    assert(mkdtemp(folder));
    broker_open(&world.broker);
    GOOD(key_make_ec(KEY_P256, &world.s));
    GOOD(key_make_ec(KEY_P256, &world.e));
    world.anna = bearer("anna", "default");
    world.bert = bearer("bert", "default");
    world.other = bearer("anna", "other");
    things_make(&world);
    return &world;
}

char *world_challenge(struct broker_world *w, enum operation operation)
{
    const struct broker_request q = { .id = span_str(w->key_id) };
    json_t *answer owned(json_free) = ask(w, operation, q);
    const char *text = json_string_value(json_object_get(answer, "challenge"));

    w->spoilt |= !text;
    return strdup(text ? text : "");
}

char *world_pending(struct broker_world *w)
{
    struct broker_request q = { .bearer = span_str(w->anna),
                                .id = span_str(w->policy_id),
                                .body = SPAN("{\"name\":\"leased\",\"attestation\":\"none\"}") };
    json_free(ask(w, OPERATION_POLICY_UPDATE, q));
    q = (struct broker_request){ .bearer = span_str(w->bert), .options = SPAN("{}") };
    json_t *list owned(json_free) = ask(w, OPERATION_PENDING_LIST, q);
    const char *id = json_string_value(json_object_get(json_array_get(list, 0), "id"));

    return strdup(id ? id : "");
}

char *world_attestation(const struct broker_world *w, const char *challenge)
{
    static const struct attestation_terms terms = { .lifetime = 600 };
    char s[THUMBPRINT_TEXT_SIZE], e[THUMBPRINT_TEXT_SIZE], digest[DIGEST_TEXT_SIZE];
    json_t *claims owned(json_free) = json_pack("{s:s,s:b}", "tee", "tdx", "debug", 0);
    json_t *policies owned(json_free) =
        json_pack("[{s:s,s:i,s:s}]", "id", "default", "version", 1, "digest", "sha256:00");
    json_t *decision owned(json_free) = NULL;
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    bool refusal;

    GOOD(key_thumbprint(w->s, s));
    GOOD(key_thumbprint(w->e, e));
    GOOD(digest_text(span_str(challenge), digest));
    const struct attestation_facts facts = { .tenant = SPAN("default"),
                                             .verified = true,
                                             .signing_jkt = span_str(s),
                                             .encryption_jkt = span_str(e),
                                             .challenge = span_str(digest),
                                             .claims = claims,
                                             .policies = policies };
    GOOD(attestation_decision(&facts, &decision));
    char *written owned(free) = json_text(decision);
    GOOD(attestation_issue(signer_key(), span_str(written), &terms, WORLD_NOW, &text, &refusal));
    return buf_take_str(&text);
}

char *world_proof(const struct broker_world *w, const char *path, const char *challenge,
                  struct span body)
{
    struct buf text owned(buf_done) = buf_of(4096), signature owned(buf_done) = buf_of(64);
    uint8_t hash[SHA256_SIZE];

    GOOD(sha256(body, hash));
    write_part(&text, SPAN("warder-proof-v1"));
    write_part(&text, SPAN("POST"));
    write_part(&text, span_str(path));
    write_part(&text, span_str(challenge));
    write_part(&text, SPAN_OF(hash));
    GOOD(signature_make(w->s, SIGNATURE_ECDSA, DIGEST_SHA256, buf_span(&text), &signature));
    return base64url_dup(buf_span(&signature));
}

char *world_jwk(const struct key *k)
{
    json_t *jwk owned(json_free) = NULL;

    GOOD(key_to_jwk(k, &jwk));
    return json_text(jwk);
}
