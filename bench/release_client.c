// SPDX-License-Identifier: Apache-2.0
#include "release_client.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "base/hex.h"
#include "base/ipc.h"
#include "client/session.h"
#include "client/unwrap.h"

#define TEXT_MAX (256U << 10)
#define PATH_SIZE 128
#define PROOF_MAX 256
#define HTTP_OK 200

struct exchange_size {
    size_t header, body, answer;
};

struct release_client {
    struct release_config config;
    struct tls_client *broker, *echo;
    char path[PATH_SIZE];
    struct buf body, reply, line;
    struct exchange_size sizes[2];
};

fallible release_client_new(const struct release_config *config, struct release_client **out)
{
    owned(release_client_free) struct release_client *c = calloc(1, sizeof(*c));

    if (!c)
        return FAIL(SYSTEM, "out of memory");
    c->config = *config;
    c->body = buf_of(TEXT_MAX);
    c->reply = buf_of(TEXT_MAX);
    c->line = buf_of(TEXT_MAX);
    snprintf(c->path, sizeof(c->path), "/kbs/v1/keys/%s/transfer", config->key_id);
    TRY(tls_client_new(config->broker, &c->broker));
    if (config->echo)
        TRY(tls_client_new(config->echo, &c->echo));
    *out = TAKE(c);
    return OK;
}

void release_client_free(struct release_client *c)
{
    if (!c)
        return;
    tls_client_free(c->broker);
    tls_client_free(c->echo);
    buf_done(&c->body);
    buf_done(&c->reply);
    buf_done(&c->line);
    free(c);
}

static fallible ask_broker(struct release_client *c, struct exchange_size *size, struct span header,
                           struct span body, json_t **answer)
{
    int status = 0;

    TRY(tls_client_post(c->broker, c->path, header, body, &status, &c->reply));
    *size = (struct exchange_size){ header.len, body.len, c->reply.len };
    if (status != HTTP_OK) {
        fprintf(stderr, "release_load: %d %s\n", status, buf_str(&c->reply));
        return FAIL(DENIED, "the broker refused");
    }
    return json_parse_object(buf_span(&c->reply), answer);
}

/* The evidence socket's answer as it is: its text goes into the request. */
static fallible ask_evidence(struct release_client *c, const uint8_t report_data[REPORT_DATA_SIZE],
                             json_t **out)
{
    int fd owned(fd_close) = -1;
    uint8_t chunk[16384];
    ssize_t n;

    buf_clear(&c->line);
    buf_add_str(&c->line, "{\"report_data\":\"");
    hex_add(&c->line, span_from(report_data, REPORT_DATA_SIZE));
    buf_add_str(&c->line, "\"}\n");
    TRY(ipc_connect(c->config.evidence_socket, &fd));
    if (send(fd, c->line.at, c->line.len, MSG_NOSIGNAL) != (ssize_t)c->line.len)
        return FAIL(UPSTREAM, "the evidence socket hung up");
    buf_clear(&c->line);
    while (!c->line.len || c->line.at[c->line.len - 1] != '\n') {
        if ((n = recv(fd, chunk, sizeof(chunk), 0)) <= 0)
            return FAIL(UPSTREAM, "the evidence socket hung up");
        buf_add(&c->line, span_from(chunk, (size_t)n));
        TRY(buf_check(&c->line));
    }
    return json_parse_object(span_head(buf_span(&c->line), c->line.len - 1), out);
}

static fallible write_body(struct release_client *c, const struct session *s, struct span challenge,
                           const json_t *evidence)
{
    json_t *signing owned(json_free) = NULL, *encryption owned(json_free) = NULL;
    struct span type, quote;

    TRY(session_jwks(s, &signing, &encryption));
    TRY(json_get_str(evidence, "type", "evidence", &type));
    TRY(json_get_str(evidence, "evidence", "evidence", &quote));
    char *sign owned(free) = json_text(signing), *encrypt owned(free) = json_text(encryption);
    buf_clear(&c->body);
    buf_addf(&c->body,
             "{\"challenge\":\"%.*s\",\"signing_key\":%s,\"encryption_key\":%s,\"evidence\":",
             (int)challenge.len, (const char *)challenge.at, sign, encrypt);
    buf_addf(&c->body, "[\"application/vnd.warder.%.*s\",\"", (int)type.len, (const char *)type.at);
    buf_add(&c->body, quote);
    buf_add_str(&c->body, "\"]}");
    return buf_check(&c->body);
}

static fallible check_answer(const struct release_client *c, const struct session *s,
                             struct span challenge, const json_t *answer, bool open)
{
    struct released key owned(released_done) = { 0 };
    struct span jws;

    TRY(json_get_str(answer, "answer", "answer", &jws));
    if (!open)
        return span_starts(jws, SPAN("ey")) ? OK : FAIL(UPSTREAM, "the answer is not a JWS");
    return answer_open(jws, c->config.release_keys, session_encryption_key(s),
                       span_str(c->config.key_id), challenge, &key);
}

static fallible release(struct release_client *c, bool open)
{
    owned(session_free) struct session *s = NULL;
    json_t *first owned(json_free) = NULL, *second owned(json_free) = NULL,
                  *evidence owned(json_free) = NULL;
    struct buf proof owned(buf_done) = buf_of(PROOF_MAX);
    uint8_t report_data[REPORT_DATA_SIZE];
    struct span challenge, tenant;

    TRY(ask_broker(c, &c->sizes[0], (struct span){ 0 }, SPAN("{}"), &first));
    TRY(json_get_str(first, "challenge", "challenge", &challenge));
    TRY(json_get_str(first, "tenant", "tenant", &tenant));
    TRY(session_new(&s));
    TRY(session_report_data(s, challenge, tenant, report_data));
    TRY(ask_evidence(c, report_data, &evidence));
    TRY(write_body(c, s, challenge, evidence));
    buf_add_str(&proof, "Warder-Proof: ");
    TRY(session_proof(s, span_str(c->path), challenge, buf_span(&c->body), &proof));
    buf_add_str(&proof, "\r\n");
    TRY(ask_broker(c, &c->sizes[1], buf_span(&proof), buf_span(&c->body), &second));
    return check_answer(c, s, challenge, second, open);
}

fallible release_once(struct release_client *c, bool open)
{
    TRY(release(c, open));
    if (c->config.fresh)
        tls_client_hang_up(c->broker);
    return OK;
}

static fallible echo(struct release_client *c, const struct exchange_size *size)
{
    char path[PATH_SIZE];
    int status = 0;

    buf_clear(&c->body);
    buf_clear(&c->line);
    if (size->header > 16) {
        buf_addf(&c->line, "Warder-Proof: %0*d\r\n", (int)size->header - 16, 0);
        TRY(buf_check(&c->line));
    }
    uint8_t *at = buf_extend(&c->body, size->body);
    if (!at)
        return FAIL(SYSTEM, "out of memory");
    memset(at, 'x', size->body);
    snprintf(path, sizeof(path), "/echo?size=%zu", size->answer);
    TRY(tls_client_post(c->echo, path, buf_span(&c->line), buf_span(&c->body), &status, &c->reply));
    return status == HTTP_OK && c->reply.len == size->answer
               ? OK
               : FAIL(UPSTREAM, "the echo answers something else");
}

fallible echo_once(struct release_client *c)
{
    TRY(echo(c, &c->sizes[0]));
    TRY(echo(c, &c->sizes[1]));
    if (c->config.fresh)
        tls_client_hang_up(c->echo);
    return OK;
}
