// SPDX-License-Identifier: Apache-2.0
/*
 * kbsd: the network side of the key broker. It speaks HTTP, has the attestation service appraise
 * evidence, and carries questions to keyd, which decides. It holds no secret but its TLS key and
 * reads only the envelope.
 */
#ifndef KBSD_KBS_H
#define KBSD_KBS_H

#include "base/ipc.h"
#include "base/options.h"
#include "broker/question.h"
#include "http/crl_watch.h"
#include "http/server.h"

#define KBS_PENDING "pending_approval" /* keyd's word for 202 */
#define KBS_SETTINGS_MAX 26

struct kbs_settings {
    char *address, *certificate, *key, *client_ca, *crl, *endpoint_url, *tenant_domain, *log_file;
    uint64_t port, threads, workers, body_max, crl_grace_minutes;
    char *socket;
    uint64_t source_rate, source_burst;
    uint64_t connections, keyd_timeout_ms;
    char *as_url, *as_ca;
    uint64_t as_timeout_ms;
};
void kbs_settings_init(struct kbs_settings *s, struct setting rows[KBS_SETTINGS_MAX]);
fallible kbs_settings_check(const struct kbs_settings *s);

struct key_side;
struct appraiser;
struct kbs {
    const struct kbs_settings *settings;
    struct key_side *keyd;
    struct appraiser *as;
    struct crl_watch *crl; /* NULL: none is configured */
};
extern const struct http_route kbs_routes[];

/* Connections to keyd that wait for work; more are opened as needed, up to the configured number.
 */
fallible key_side_open(const char *socket, size_t connections, unsigned timeout_ms,
                       struct key_side **out);
void key_side_close(struct key_side *k);
/* `answer` borrows from `m`. FAIL_UPSTREAM: keyd does not answer. */
fallible key_side_ask(struct key_side *k, enum operation operation, const struct broker_request *q,
                      struct ipc_message *m, struct operation_answer *answer);

/* What the attestation service says of evidence. */
enum appraisal { APPRAISED, APPRAISAL_REFUSED, APPRAISAL_UNAVAILABLE, APPRAISAL_POLICY_UNKNOWN };
fallible appraiser_open(const struct kbs_settings *s, struct crl_watch *crl,
                        struct appraiser **out);
void appraiser_close(struct appraiser *a);
/* `statement` gets the token, or the signed refusal (empty where the service gave none). `body`:
 * the client's request with evidence and keys, or a trial with evidence alone; `plan`: keyd's word
 * on tenant and policies. */
fallible appraise(struct appraiser *a, const json_t *body, const json_t *plan, enum appraisal *out,
                  struct buf *statement);

/* The same for a request that is ready. */
fallible appraise_question(struct appraiser *a, const json_t *q, enum appraisal *out,
                           struct buf *statement);

/* The question with what every request has: id, bearer token, body, path. Borrows from the
 * exchange. */
struct broker_request kbs_question(const struct http_exchange *x);
/* Asks keyd and answers with `status` where it agrees, else with its refusal. */
void kbs_forward(struct http_exchange *x, struct kbs *k, enum operation operation,
                 const struct broker_request *q, int status);
/* keyd's answer, or its refusal, or its silence, as ours. */
void kbs_answer(struct http_exchange *x, const struct operation_answer *a, int status);
void kbs_refuse(struct http_exchange *x, const struct operation_answer *a);
void kbs_unavailable(struct http_exchange *x);

http_handler kbs_transfer, kbs_leases, kbs_policy_test;
http_handler kbs_key_create, kbs_key_list, kbs_key_show, kbs_key_delete;
http_handler kbs_key_rotate, kbs_key_disable, kbs_key_enable, kbs_key_describe;
http_handler kbs_key_resource_path;

#endif
