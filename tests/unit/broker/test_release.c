// SPDX-License-Identifier: Apache-2.0
/* A release in one process: a broker, an embedded key manager in a thread, tokens signed by keys that it pins. */
#include "access/bearer.h"
#include "broker/audit.h"
#include "broker/challenge.h"
#include "broker/operation.h"
#include "broker/row.h"

#include <pthread.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/ipc.h"
#include "base/writer.h"
#include "crypto/crypto.h"
#include "crypto/jose.h"
#include "crypto/signature.h"
#include "keys/embedded.h"
#include "keys/key_server.h"
#include "policy/policy.h"
#include "token/attestation.h"
#include "unit.h"

#define NOW 1795435200
#define THREADS 64
#define CHANNELS 4

struct server {
    struct keystore *store;
    struct key *import;
    int fd;
};

static char folder[64];
static struct broker broker;
static const struct attestation_terms terms = { .lifetime = 600 };
static struct key *aas_key, *as_key;
static struct server servers[CHANNELS];
static pthread_t threads[CHANNELS];
static char key_id[UUID_TEXT_SIZE];

static void *serve(void *arg)
{
    struct server *s = arg;
    key_server_run(s->fd, s->store, s->import);
    close(s->fd);
    return NULL;
}

static void pin(const struct key *k, const char *name, char path[128])
{
    const struct key *keys[] = { k };
    struct buf text owned(buf_done) = buf_of(8192);
    snprintf(path, 128, "%s/%s", folder, name);
    assert_ok(jwks_text(keys, 1, &text));
    assert_ok(file_write(path, buf_span(&text), 0644));
}

static char *admin_token(void)
{
    struct buf text owned(buf_done) = buf_of(BEARER_TEXT_MAX);
    json_t *claims owned(json_free) = json_pack("{s:s,s:s,s:[],s:[{s:s,s:s,s:[s,s,s]}]}", "sub", "admin", "tenant", "default", "roles",
                                                "permissions", "service", "KBS", "context", "", "rules", "keys:*",
                                                "key_transfer_policies:*", "audit:search");
    assert_ok(jwt_stamp(claims, BEARER_ISSUER, BEARER_AUDIENCE, NOW, 600));
    assert_ok(jwt_sign(aas_key, "JWT", claims, &text));
    return buf_take_str(&text);
}

static json_t *ask(uint16_t operation, struct broker_request q, enum code wanted)
{
    struct outcome o owned(outcome_done) = { 0 };
    struct err failure;
    q.now = q.now ? q.now : NOW;
    operation_run(&broker, operation, &q, &o, &failure);
    if (o.code != wanted)
        fail_msg("%s: %s (%s; %s), not %s", operation_name(operation), code_word(o.code), o.detail, failure.what ? failure.what : "",
                 code_word(wanted));
    return o.code == CODE_OK && o.body ? json_incref(o.body) : NULL;
}

static void open_manager(void)
{
    char url[128], master[128];
    int ours[CHANNELS];
    struct keystore *store = NULL;
    snprintf(url, sizeof url, "sqlite:%s/embedded.db", folder);
    snprintf(master, sizeof master, "%s/master.key", folder);
    assert_ok(embedded_open(&(struct embedded_config){ .store_url = url, .master_key_file = master }, &store));
    for (size_t i = 0; i < CHANNELS; i++) {
        int pair[2];
        assert_ok(ipc_pair(pair));
        ours[i] = pair[0];
        servers[i] = (struct server){ store, NULL, pair[1] };
        assert_ok(broker_key_load(folder, "import.key", &servers[i].import));
        assert_int_equal(pthread_create(&threads[i], NULL, serve, &servers[i]), 0);
    }
    assert_ok(key_service_open(ours, CHANNELS, &broker.manager));
    assert_ok(key_service_import_key(broker.manager, &broker.import));
}

static int open_all(void **state)
{
    char url[128], path[128];
    struct store *writer = NULL;
    (void)state;
    strcpy(folder, "/tmp/test_release_XXXXXX");
    assert_non_null(mkdtemp(folder));
    broker = (struct broker){ .kbs_id = "kbs", .challenge_seconds = 120 };
    assert_ok(key_make_ec(KEY_P256, &aas_key));
    assert_ok(key_make_ec(KEY_P256, &as_key));
    pin(aas_key, "aas.json", path);
    assert_ok(pinned_keys_open(path, &broker.aas));
    pin(as_key, "as.json", path);
    assert_ok(attestation_keys_open(path, &broker.as));
    assert_ok(broker_secrets_load(folder, &broker.secrets));
    snprintf(url, sizeof url, "sqlite:%s/keyd.db", folder);
    assert_ok(store_open(url, &writer));
    assert_ok(store_migrate(writer, broker_schema, broker_schema_count));
    assert_ok(committer_open(writer, NULL, &broker.committer));
    assert_ok(policy_cache_new(&broker.policies));
    assert_ok(planned_open(&broker.planned));
    assert_ok(store_pool_open(url, 4, &broker.readers));
    open_manager();
    char *token owned(free) = admin_token();
    json_t *key owned(json_free) =
        ask(OPERATION_KEY_CREATE, (struct broker_request){ .bearer = span_str(token),
            .body = SPAN("{\"key_information\":{\"algorithm\":\"AES\",\"key_length\":256}}") }, CODE_OK);
    snprintf(key_id, sizeof key_id, "%s", json_string_value(json_object_get(json_object_get(key, "key_information"), "id")));
    return 0;
}

static int close_all(void **state)
{
    char command[128];
    (void)state;
    key_service_close(broker.manager);
    for (size_t i = 0; i < CHANNELS; i++) {
        pthread_join(threads[i], NULL);
        key_free(servers[i].import);
    }
    keystore_close(servers[0].store);
    policy_cache_free(broker.policies);
    store_pool_close(broker.readers);
    planned_close(broker.planned);
    committer_close(broker.committer);
    attestation_keys_close(broker.as);
    pinned_keys_close(broker.aas);
    broker_secrets_done(&broker.secrets);
    key_free(broker.import);
    key_free(aas_key);
    key_free(as_key);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* A client: S, E, its challenge and the request with its proof. */
struct client {
    struct key *s, *e;
    char *challenge, *body, *proof, path[128];
};

static void client_start_as(struct client *c, const char *bearer)
{
    *c = (struct client){ 0 };
    assert_ok(key_make_ec(KEY_P256, &c->s));
    assert_ok(key_make_ec(KEY_P256, &c->e));
    snprintf(c->path, sizeof c->path, "/kbs/v1/keys/%s/transfer", key_id);
    json_t *answer owned(json_free) = ask(OPERATION_CHALLENGE, (struct broker_request){ .id = span_str(key_id), .bearer = span_str(bearer) }, CODE_OK);
    c->challenge = strdup(json_string_value(json_object_get(answer, "challenge")));
}

static void client_start(struct client *c)
{
    client_start_as(c, "");
}

static char *token_for(const struct client *c, const struct key *signer, const char *tee)
{
    char challenge[DIGEST_TEXT_SIZE];
    struct attestation_facts facts = { .tenant = SPAN("default"), .verified = true };
    char s[THUMBPRINT_TEXT_SIZE], e[THUMBPRINT_TEXT_SIZE];
    json_t *claims owned(json_free) = json_pack("{s:s,s:b,s:s}", "tee", tee, "debug", 0, "tcb_status", "UpToDate");
    json_t *policies owned(json_free) = json_pack("[{s:s,s:i,s:s}]", "id", "default", "version", 1, "digest", "sha256:00");
    json_t *decision owned(json_free) = NULL;
    struct buf text owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    bool refusal;
    assert_ok(key_thumbprint(c->s, s));
    assert_ok(key_thumbprint(c->e, e));
    facts.signing_jkt = span_str(s);
    facts.encryption_jkt = span_str(e);
    assert_ok(digest_text(span_str(c->challenge), challenge));
    facts.challenge = span_str(challenge);
    facts.claims = claims;
    facts.policies = policies;
    assert_ok(attestation_decision(&facts, &decision));
    char *written owned(free) = json_text(decision);
    assert_ok(attestation_issue(signer, span_str(written), &terms, NOW, &text, &refusal));
    return buf_take_str(&text);
}

static void client_sign(struct client *c)
{
    struct buf text owned(buf_done) = buf_of(4096), signature owned(buf_done) = buf_of(64);
    uint8_t hash[SHA256_SIZE];
    free(c->proof);
    assert_ok(sha256(span_str(c->body), hash));
    write_part(&text, SPAN("warder-proof-v1"));
    write_part(&text, SPAN("POST"));
    write_part(&text, span_str(c->path));
    write_part(&text, span_str(c->challenge));
    write_part(&text, SPAN_OF(hash));
    assert_ok(signature_make(c->s, SIGNATURE_ECDSA, DIGEST_SHA256, buf_span(&text), &signature));
    c->proof = base64url_dup(buf_span(&signature));
}

static void client_write_with(struct client *c, const char *token, json_t *evidence)
{
    json_t *body owned(json_free) = json_object(), *s = NULL, *e = NULL;
    assert_ok(key_to_jwk(c->s, &s));
    assert_ok(key_to_jwk(c->e, &e));
    json_set_str(body, "challenge", c->challenge);
    json_object_set_new(body, "signing_key", s);
    json_object_set_new(body, "encryption_key", e);
    json_set_str(body, "attestation_token", token);
    if (evidence)
        json_object_set_new(body, "evidence", evidence);
    free(c->body);
    c->body = json_text(body);
    client_sign(c);
}

static void client_write(struct client *c, const char *token)
{
    client_write_with(c, token, NULL);
}

static struct broker_request request_of(const struct client *c)
{
    return (struct broker_request){ .id = span_str(key_id), .path = span_str(c->path), .body = span_str(c->body),
                                    .proof = span_str(c->proof), .now = NOW };
}

static void client_done(struct client *c)
{
    key_free(c->s);
    key_free(c->e);
    free(c->challenge);
    free(c->body);
    free(c->proof);
}

static void released_to_who_fits(void **state)
{
    struct client c;
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    json_t *header owned(json_free) = NULL;
    struct secret *key owned(secret_free) = NULL;
    char digest[DIGEST_TEXT_SIZE];
    (void)state;
    client_start(&c);
    char *token owned(free) = token_for(&c, as_key, "tdx");
    client_write(&c, token);
    json_t *answer owned(json_free) = ask(OPERATION_RELEASE, request_of(&c), CODE_OK);
    assert_ok(jws_verify(broker.secrets.release, span_str(json_string_value(json_object_get(answer, "answer"))), NULL, &jwe));
    assert_ok(jwe_open(c.e, buf_span(&jwe), &header, &key));
    assert_int_equal(secret_len(key), 32);
    assert_ok(digest_text(span_str(c.challenge), digest));
    assert_string_equal(json_string_value(json_object_get(header, "challenge")), digest);
    assert_string_equal(json_string_value(json_object_get(header, "key_id")), key_id);
    client_done(&c);
}

static void refused_in_the_order_of_trust(void **state)
{
    struct client c, other;
    struct key *stranger owned(key_free) = NULL;
    (void)state;
    assert_ok(key_make_ec(KEY_P256, &stranger));
    client_start(&c);
    client_start(&other);
    char *forged owned(free) = token_for(&c, stranger, "tdx"), *stolen owned(free) = token_for(&other, as_key, "tdx");
    char *good owned(free) = token_for(&c, as_key, "tdx"), *wrong owned(free) = token_for(&c, as_key, "sev");
    client_write(&c, forged);
    (void)ask(OPERATION_RELEASE, request_of(&c), CODE_ATTESTATION_TOKEN_INVALID);
    client_write(&c, stolen);
    (void)ask(OPERATION_RELEASE, request_of(&c), CODE_ATTESTATION_TOKEN_INVALID);
    client_write(&c, wrong);
    (void)ask(OPERATION_RELEASE, request_of(&c), CODE_POLICY_REFUSED);
    client_write(&c, NULL);
    (void)ask(OPERATION_RELEASE, request_of(&c), CODE_ATTESTATION_REQUIRED);
    client_write(&c, good);
    struct broker_request q = request_of(&c), late = q, elsewhere = q, unproved = q, broken = q;
    late.now = NOW + 121;
    (void)ask(OPERATION_RELEASE, late, CODE_CHALLENGE_EXPIRED);
    elsewhere.path = SPAN("/kbs/v1/keys/other/transfer");
    (void)ask(OPERATION_RELEASE, elsewhere, CODE_PROOF_INVALID);
    elsewhere.id = SPAN("other");
    (void)ask(OPERATION_RELEASE, elsewhere, CODE_CHALLENGE_OF_ANOTHER_KEY);
    unproved.proof = SPAN("");
    (void)ask(OPERATION_RELEASE, unproved, CODE_PROOF_INVALID);
    broken.body = span_head(q.body, q.body.len - 1);
    (void)ask(OPERATION_RELEASE, broken, CODE_MALFORMED_REQUEST);
    json_free(ask(OPERATION_RELEASE, q, CODE_OK)); /* none of these has spent it */
    (void)ask(OPERATION_RELEASE, q, CODE_CHALLENGE_SPENT);
    client_done(&c);
    client_done(&other);
}

/* What a plan has found out spares the release work, not judgement. */
static void planned_requests_are_judged_by_their_bytes_and_the_time(void **state)
{
    struct client c;
    (void)state;
    client_start(&c);
    client_write_with(&c, NULL, json_pack("[s,s]", "application/vnd.warder.tdx-quote", "AAAA"));
    char *token owned(free) = token_for(&c, as_key, "tdx");
    struct broker_request q = request_of(&c), late, changed, unproved;
    q.attestation = span_str(token);
    late = changed = unproved = q;
    late.now = NOW + 121;
    char *other owned(free) = span_dup(q.body);
    *strstr(other, "AAAA") = 'B';
    changed.body = span_str(other);
    unproved.proof = SPAN("");
    json_free(ask(OPERATION_RELEASE, q, CODE_APPRAISE));
    (void)ask(OPERATION_RELEASE_APPRAISED, unproved, CODE_PROOF_INVALID);
    (void)ask(OPERATION_RELEASE_APPRAISED, changed, CODE_PROOF_INVALID);
    (void)ask(OPERATION_RELEASE_APPRAISED, late, CODE_CHALLENGE_EXPIRED);
    json_free(ask(OPERATION_RELEASE, q, CODE_APPRAISE));
    json_free(ask(OPERATION_RELEASE, q, CODE_APPRAISE));
    json_free(ask(OPERATION_RELEASE_APPRAISED, q, CODE_OK));
    (void)ask(OPERATION_RELEASE_APPRAISED, q, CODE_CHALLENGE_SPENT); /* the second plan's */
    (void)ask(OPERATION_RELEASE_APPRAISED, q, CODE_CHALLENGE_SPENT); /* without one */
    client_done(&c);
}

struct use {
    struct broker_request q;
    enum code code;
};

static void *use_once(void *arg)
{
    struct use *u = arg;
    struct outcome o owned(outcome_done) = { 0 };
    struct err failure;
    operation_run(&broker, OPERATION_RELEASE, &u->q, &o, &failure);
    u->code = o.code;
    return NULL;
}

static void one_of_64_concurrent_uses_wins(void **state) /* L12 */
{
    struct client c;
    struct use uses[THREADS];
    pthread_t ids[THREADS];
    int released = 0, spent = 0;
    (void)state;
    client_start(&c);
    char *token owned(free) = token_for(&c, as_key, "sgx");
    client_write(&c, token);
    for (size_t i = 0; i < THREADS; i++) {
        uses[i] = (struct use){ .q = request_of(&c) };
        assert_int_equal(pthread_create(&ids[i], NULL, use_once, &uses[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(ids[i], NULL);
        released += uses[i].code == CODE_OK;
        spent += uses[i].code == CODE_CHALLENGE_SPENT;
    }
    assert_int_equal(released, 1);
    assert_int_equal(spent, THREADS - 1);
    client_done(&c);
}

static void a_known_token_still_expires(void **state)
{
    struct client c;
    (void)state;
    client_start(&c);
    char *token owned(free) = token_for(&c, as_key, "tdx");
    client_write(&c, token);
    json_free(ask(OPERATION_RELEASE, request_of(&c), CODE_OK));
    const struct {
        int64_t now;
        enum code code;
    } rows[] = { { NOW + 590, CODE_OK }, { NOW + 661, CODE_ATTESTATION_TOKEN_INVALID }, { NOW - 61, CODE_ATTESTATION_TOKEN_INVALID } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *answer owned(json_free) =
            ask(OPERATION_CHALLENGE, (struct broker_request){ .id = span_str(key_id), .now = rows[i].now }, CODE_OK);
        free(c.challenge);
        c.challenge = strdup(json_string_value(json_object_get(answer, "challenge")));
        client_write(&c, token);
        struct broker_request q = request_of(&c);
        q.now = rows[i].now;
        json_free(ask(OPERATION_RELEASE, q, rows[i].code));
    }
    client_done(&c);
}

static void challenges_store_nothing(void **state) /* L53 */
{
    struct borrowed_store s owned(store_give) = store_borrow(broker.readers);
    json_t *before owned(json_free) = NULL, *after owned(json_free) = NULL;
    struct audit_filter all = { .tenant = SPAN("default") };
    (void)state;
    assert_ok(audit_list(s.store, &all, &before));
    for (int i = 0; i < 100; i++)
        json_free(ask(OPERATION_CHALLENGE, (struct broker_request){ .id = span_str(key_id) }, CODE_OK));
    assert_ok(audit_list(s.store, &all, &after));
    assert_int_equal(json_array_size(before), json_array_size(after));
}

static void every_decision_is_chained(void **state) /* L25 */
{
    struct borrowed_store s owned(store_give) = store_borrow(broker.readers);
    bool good = false;
    int64_t at;
    (void)state;
    assert_ok(audit_check(s.store, &good, &at));
    assert_true(good);
}

static void spent_ones_are_kept_past_their_expiry(void **state)
{
    struct client c;
    (void)state;
    client_start(&c);
    char *token owned(free) = token_for(&c, as_key, "tdx");
    client_write(&c, token);
    json_free(ask(OPERATION_RELEASE, request_of(&c), CODE_OK));
    assert_ok(broker_sweep(&broker, NOW + 300));
    (void)ask(OPERATION_RELEASE, request_of(&c), CODE_CHALLENGE_SPENT);
    client_done(&c);
}

/* From here on `key_id` is a new key's, under this policy. */
static void key_under(const char *policy)
{
    char *token owned(free) = admin_token(), body[256];
    json_t *p owned(json_free) =
        ask(OPERATION_POLICY_CREATE, (struct broker_request){ .bearer = span_str(token), .body = span_str(policy) }, CODE_OK);
    snprintf(body, sizeof body, "{\"key_information\":{\"algorithm\":\"AES\",\"key_length\":256},\"transfer_policy_id\":\"%s\"}",
             json_string_value(json_object_get(p, "id")));
    json_t *key owned(json_free) =
        ask(OPERATION_KEY_CREATE, (struct broker_request){ .bearer = span_str(token), .body = span_str(body) }, CODE_OK);
    snprintf(key_id, sizeof key_id, "%s", json_string_value(json_object_get(json_object_get(key, "key_information"), "id")));
}

static json_t *last_record(void)
{
    struct borrowed_store s owned(store_give) = store_borrow(broker.readers);
    struct audit_filter newest = { .tenant = SPAN("default"), .limit = 1 };
    json_t *list owned(json_free) = NULL;
    assert_ok(audit_list(s.store, &newest, &list));
    return json_incref(json_array_get(list, 0));
}

static const char *text_of(const json_t *j, const char *name)
{
    const char *text = json_string_value(json_object_get(j, name));
    return text ? text : "";
}

/* debug is false, or a measurement is one of 256. */
static char *long_policy(const char *debug)
{
    struct buf b owned(buf_done) = buf_of(POLICY_TEXT_MAX);
    static const char *const claims[] = { "mrtd", "rtmr0", "rtmr1" };
    buf_addf(&b, "{\"conditions\":{\"version\":\"1.0.0\",\"anyOf\":[{\"claim\":\"debug\",\"equals\":%s}", debug);
    for (size_t i = 0; i < 3; i++) {
        buf_addf(&b, ",{\"claim\":\"%s\",\"in\":[", claims[i]);
        for (int n = 0; n < 256; n++)
            buf_addf(&b, "%s\"%096x\"", n ? "," : "", n);
        buf_add_str(&b, "]}");
    }
    buf_add_str(&b, "]}}");
    return buf_take_str(&b);
}

static void long_policies_decide_and_are_on_record(void **state)
{
    static const struct {
        const char *debug;
        enum code code;
    } rows[] = { { "false", CODE_OK }, { "true", CODE_POLICY_REFUSED } };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *policy owned(free) = long_policy(rows[i].debug);
        struct client c;
        key_under(policy);
        client_start(&c);
        char *token owned(free) = token_for(&c, as_key, "tdx");
        client_write(&c, token);
        json_free(ask(OPERATION_RELEASE, request_of(&c), rows[i].code));
        json_t *record owned(json_free) = last_record();
        assert_string_equal(text_of(record, "key_id"), key_id);
        assert_string_equal(text_of(record, "code"), rows[i].code == CODE_OK ? "" : "policy_refused");
        assert_int_equal(json_is_true(json_object_get(record, "shortened")), rows[i].code != CODE_OK);
        assert_true(json_array_size(json_object_get(record, "checks")) >= 5);
        if (rows[i].code != CODE_OK)
            assert_non_null(strstr(text_of(record, "reason"), "debug is false, must be true"));
        client_done(&c);
    }
}

static void observed_token_of_another_is_noted(void **state)
{
    char *bearer owned(free) = admin_token();
    struct client c, other;
    (void)state;
    key_under("{\"attestation\":\"observe\"}");
    client_start_as(&c, bearer);
    client_start_as(&other, bearer);
    char *stolen owned(free) = token_for(&other, as_key, "tdx");
    client_write(&c, stolen);
    struct broker_request q = request_of(&c);
    q.bearer = span_str(bearer);
    json_free(ask(OPERATION_RELEASE, q, CODE_OK));
    json_t *record owned(json_free) = last_record();
    assert_string_equal(text_of(record, "would_refuse"), "attestation_token_invalid");
    assert_null(json_object_get(record, "tcb")); /* it is another's */
    client_done(&c);
    client_done(&other);
}

static void pinned_key_that_is_gone_counts_no_more(void **state)
{
    struct key *next owned(key_free) = NULL;
    struct client c;
    char path[128];
    (void)state;
    assert_ok(key_make_ec(KEY_P256, &next));
    client_start(&c);
    char *old owned(free) = token_for(&c, as_key, "tdx"), *new owned(free) = token_for(&c, next, "tdx");
    pin(next, "as.json", path);
    client_write(&c, old);
    (void)ask(OPERATION_RELEASE, request_of(&c), CODE_ATTESTATION_TOKEN_INVALID);
    client_write(&c, new);
    json_free(ask(OPERATION_RELEASE, request_of(&c), CODE_OK));
    pin(as_key, "as.json", path);
    client_done(&c);
}

/* The manager at work, while somebody else changes the key's policy or the manager is out of reach. */
static struct keystore plain;

static struct err touch_policy(struct transaction *t, void *context)
{
    struct row key owned(row_done) = { 0 }, policy owned(row_done) = { 0 };
    const struct secret *integrity = broker.secrets.integrity;
    (void)context;
    TRY(row_read(t->store, integrity, ROW_KEYS, SPAN("default"), span_str(key_id), &key));
    TRY(row_read(t->store, integrity, ROW_POLICIES, SPAN("default"), span_str(key.link), &policy));
    policy.version++;
    return row_update(t->store, integrity, ROW_POLICIES, &policy);
}

static struct err wrap_and_touch(struct keystore *self, const struct key_ref *ref, const struct key_spec *spec,
                                 const struct key *recipient, const json_t *header, struct buf *jwe)
{
    TRY(commit_run(broker.committer, touch_policy, NULL));
    return plain.wrap_to(self, ref, spec, recipient, header, jwe);
}

static struct err destroy_fails(struct keystore *self, const struct key_ref *ref)
{
    (void)self;
    (void)ref;
    return FAIL(UPSTREAM, "down");
}

static void a_race_lost_three_times_is_on_record(void **state)
{
    struct client c;
    (void)state;
    key_under("{}");
    client_start(&c);
    char *token owned(free) = token_for(&c, as_key, "tdx");
    client_write(&c, token);
    plain = *servers[0].store;
    servers[0].store->wrap_to = wrap_and_touch;
    (void)ask(OPERATION_RELEASE, request_of(&c), CODE_CHANGED_MEANWHILE);
    servers[0].store->wrap_to = plain.wrap_to;
    json_t *record owned(json_free) = last_record();
    assert_string_equal(text_of(record, "decision"), "refused");
    assert_string_equal(text_of(record, "code"), "changed_meanwhile");
    assert_string_equal(text_of(record, "key_id"), key_id);
    client_done(&c);
}

static void a_policy_that_the_service_lacks_is_on_record(void **state)
{
    struct client c;
    (void)state;
    key_under("{}");
    client_start(&c);
    client_write_with(&c, NULL, json_pack("[s,s]", "application/vnd.warder.tdx-quote", "AAAA"));
    (void)ask(OPERATION_RELEASE, request_of(&c), CODE_APPRAISE);
    (void)ask(OPERATION_RELEASE_WITHOUT_POLICY, request_of(&c), CODE_POLICY_NOT_FOUND);
    json_t *record owned(json_free) = last_record();
    assert_string_equal(text_of(record, "decision"), "refused");
    assert_string_equal(text_of(record, "code"), "policy_not_found");
    assert_string_equal(text_of(record, "key_id"), key_id);
    client_done(&c);
    /* It releases nothing, with no token and with a good one. */
    client_start(&c);
    char *token owned(free) = token_for(&c, as_key, "tdx");
    client_write(&c, token);
    struct broker_request q = request_of(&c);
    q.attestation = span_str(token);
    (void)ask(OPERATION_RELEASE_WITHOUT_POLICY, q, CODE_POLICY_NOT_FOUND);
    client_done(&c);
}

static size_t count_removals(void)
{
    struct borrowed_store s owned(store_give) = store_borrow(broker.readers);
    struct statement *q;
    bool found;
    assert_ok(store_query(s.store, "SELECT count(*) FROM removals", &q));
    assert_ok(store_step(q, &found));
    size_t count = (size_t)column_int(q, 0);
    store_reset(q);
    return count;
}

static void a_deleted_keys_secret_goes_when_the_manager_answers(void **state)
{
    char *token owned(free) = admin_token();
    struct key_spec found;
    char reason[KEY_REASON_SIZE];
    (void)state;
    key_under("{}");
    struct key_ref ref = { SPAN("default"), span_str(key_id), 1, { 0 } };
    struct broker_request q = { .bearer = span_str(token), .id = span_str(key_id) };
    plain = *servers[0].store;
    servers[0].store->destroy = destroy_fails;
    (void)ask(OPERATION_KEY_DELETE, q, CODE_OK);
    (void)ask(OPERATION_KEY_DELETE, q, CODE_KEY_NOT_FOUND);
    (void)ask(OPERATION_CHALLENGE, q, CODE_KEY_NOT_FOUND);
    assert_fails(broker_finish_deletions(&broker), FAIL_UPSTREAM);
    assert_ok(key_service_describe(broker.manager, &ref, KEY_ALGORITHM_AES, &found, reason)); /* still there */
    assert_int_equal(count_removals(), 1);
    servers[0].store->destroy = plain.destroy;
    assert_ok(broker_finish_deletions(&broker));
    assert_int_equal(count_removals(), 0);
    assert_fails(key_service_describe(broker.manager, &ref, KEY_ALGORITHM_AES, &found, reason), FAIL_ABSENT);
    assert_ok(broker_finish_deletions(&broker));
}

static struct err forge_removal(struct transaction *t, void *context)
{
    struct statement *q;
    (void)context;
    TRY(store_query(t->store, "INSERT INTO removals SELECT * FROM keys WHERE id = ?1", &q));
    bind_str(q, 1, key_id);
    return store_run(q);
}

static struct err drop_removals(struct transaction *t, void *context)
{
    struct statement *q;
    (void)context;
    TRY(store_query(t->store, "DELETE FROM removals", &q));
    return store_run(q);
}

static void a_removal_that_keyd_did_not_write_removes_nothing(void **state)
{
    struct key_spec found;
    char reason[KEY_REASON_SIZE];
    (void)state;
    key_under("{}");
    struct key_ref ref = { SPAN("default"), span_str(key_id), 1, { 0 } };
    assert_ok(commit_run(broker.committer, forge_removal, NULL));
    assert_fails(broker_finish_deletions(&broker), FAIL_DENIED);
    assert_ok(key_service_describe(broker.manager, &ref, KEY_ALGORITHM_AES, &found, reason));
    assert_ok(commit_run(broker.committer, drop_removals, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(released_to_who_fits),
        cmocka_unit_test(refused_in_the_order_of_trust),
        cmocka_unit_test(planned_requests_are_judged_by_their_bytes_and_the_time),
        cmocka_unit_test(one_of_64_concurrent_uses_wins),
        cmocka_unit_test(a_known_token_still_expires),
        cmocka_unit_test(challenges_store_nothing),
        cmocka_unit_test(spent_ones_are_kept_past_their_expiry),
        cmocka_unit_test(pinned_key_that_is_gone_counts_no_more),
        cmocka_unit_test(long_policies_decide_and_are_on_record),
        cmocka_unit_test(observed_token_of_another_is_noted),
        cmocka_unit_test(a_race_lost_three_times_is_on_record),
        cmocka_unit_test(a_policy_that_the_service_lacks_is_on_record),
        cmocka_unit_test(a_deleted_keys_secret_goes_when_the_manager_answers),
        cmocka_unit_test(a_removal_that_keyd_did_not_write_removes_nothing),
        cmocka_unit_test(every_decision_is_chained),
    };
    if (failed(crypto_start(CRYPTO_MEMORY_PLAIN)))
        return 1;
    json_start();
    return cmocka_run_group_tests(tests, open_all, close_all);
}
