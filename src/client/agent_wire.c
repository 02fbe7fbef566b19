// SPDX-License-Identifier: Apache-2.0
#include "client/agent_wire.h"

struct span agent_message_span(const struct agent_message *m)
{
    return m->failed ? (struct span){ 0 } : span_from(m->bytes, m->len);
}

static void put(struct agent_message *m, const void *at, size_t len)
{
    if (m->failed || len > sizeof(m->bytes) - m->len) {
        m->failed = true;
        return;
    }
    if (len)
        memcpy(m->bytes + m->len, at, len);
    m->len += len;
}

static void put_number(struct agent_message *m, uint64_t v, size_t width)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < width; i++)
        bytes[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
    put(m, bytes, width);
}

static void put_u8(struct agent_message *m, uint8_t v)
{
    put_number(m, v, 1);
}

static void put_u16(struct agent_message *m, uint16_t v)
{
    put_number(m, v, 2);
}

static void put_u32(struct agent_message *m, uint32_t v)
{
    put_number(m, v, 4);
}

static void put_u64(struct agent_message *m, uint64_t v)
{
    put_number(m, v, 8);
}

static void put_part(struct agent_message *m, struct span s)
{
    put_u32(m, (uint32_t)s.len);
    put(m, s.at, s.len);
}

static struct span take_part(struct reader *r, size_t max)
{
    uint32_t len = reader_u32be(r);

    reader_require(r, len <= max);
    return reader_take(r, len);
}

static uint32_t take_count(struct reader *r, uint32_t max)
{
    uint32_t count = reader_u32be(r);

    reader_require(r, count <= max);
    return r->failed ? 0 : count;
}

static void put_value(struct agent_message *m, const struct agent_attribute *a)
{
    put_u8(m, (uint8_t)a->kind);
    switch (a->kind) {
    case AGENT_BYTES:
        put_part(m, a->bytes);
        return;
    case AGENT_NUMBER:
        put_u64(m, a->number);
        return;
    case AGENT_FLAG:
        put_u8(m, a->number ? 1 : 0);
        return;
    }
}

static void take_value(struct reader *r, struct agent_attribute *a)
{
    uint8_t kind = reader_u8(r);

    reader_require(r, kind <= AGENT_FLAG);
    a->kind = (enum agent_value_kind)kind;
    switch (a->kind) {
    case AGENT_BYTES:
        a->bytes = take_part(r, AGENT_MESSAGE_MAX);
        return;
    case AGENT_NUMBER:
        a->number = reader_u64be(r);
        return;
    case AGENT_FLAG:
        a->number = reader_u8(r);
        reader_require(r, a->number <= 1);
        return;
    }
}

static void put_use(struct agent_message *m, const struct agent_use *u)
{
    put_u64(m, u->handle);
    put_u32(m, u->mechanism);
    put_u32(m, u->hash);
    put_u32(m, u->mgf);
    put_u32(m, u->salt);
    put_part(m, u->label);
    put_part(m, u->data);
}

static void take_use(struct reader *r, struct agent_use *u)
{
    u->handle = reader_u64be(r);
    u->mechanism = reader_u32be(r);
    u->hash = reader_u32be(r);
    u->mgf = reader_u32be(r);
    u->salt = reader_u32be(r);
    u->label = take_part(r, AGENT_DATA_MAX);
    u->data = take_part(r, AGENT_DATA_MAX);
}

void agent_request_write(struct agent_message *m, const struct agent_request *q)
{
    m->len = 0;
    m->failed = false;
    put_u16(m, (uint16_t)q->call);
    put_u32(m, q->id);
    switch (q->call) {
    case AGENT_HELLO:
        put_u32(m, q->version);
        return;
    case AGENT_LOGIN:
        put_part(m, q->pin);
        return;
    case AGENT_LOGOUT:
        return;
    case AGENT_FIND:
        put_u32(m, (uint32_t)q->count);
        for (size_t i = 0; i < q->count; i++) {
            put_u32(m, q->attributes[i].type);
            put_value(m, &q->attributes[i]);
        }
        return;
    case AGENT_READ:
        put_u64(m, q->handle);
        put_u32(m, (uint32_t)q->count);
        for (size_t i = 0; i < q->count; i++)
            put_u32(m, q->attributes[i].type);
        return;
    case AGENT_SIGN:
    case AGENT_DECRYPT:
        put_use(m, &q->use);
        return;
    }
}

static void take_request_body(struct reader *r, struct agent_request *q)
{
    switch (q->call) {
    case AGENT_HELLO:
        q->version = reader_u32be(r);
        return;
    case AGENT_LOGIN:
        q->pin = take_part(r, AGENT_PIN_MAX);
        return;
    case AGENT_LOGOUT:
        return;
    case AGENT_FIND:
        q->count = take_count(r, AGENT_TEMPLATE_MAX);
        for (size_t i = 0; i < q->count; i++) {
            q->attributes[i] = (struct agent_attribute){ .type = reader_u32be(r) };
            take_value(r, &q->attributes[i]);
        }
        return;
    case AGENT_READ:
        q->handle = reader_u64be(r);
        q->count = take_count(r, AGENT_TEMPLATE_MAX);
        for (size_t i = 0; i < q->count; i++)
            q->attributes[i] = (struct agent_attribute){ .type = reader_u32be(r) };
        return;
    case AGENT_SIGN:
    case AGENT_DECRYPT:
        take_use(r, &q->use);
        return;
    }
}

static enum agent_call take_call(struct reader *r)
{
    uint16_t call = reader_u16be(r);

    reader_require(r, call >= AGENT_HELLO && call <= AGENT_DECRYPT);
    return r->failed ? AGENT_LOGOUT : (enum agent_call)call;
}

fallible agent_request_parse(struct span in, struct agent_request *q)
{
    struct reader r = reader_of(in);

    q->call = take_call(&r);
    q->id = reader_u32be(&r);
    take_request_body(&r, q);
    return reader_end(&r, "request to the agent");
}

void agent_reply_write(struct agent_message *m, const struct agent_reply *p)
{
    m->len = 0;
    m->failed = false;
    put_u16(m, (uint16_t)p->call);
    put_u32(m, p->id);
    put_u16(m, (uint16_t)p->status);
    if (p->status == AGENT_WAITS)
        put_u32(m, p->wait_ms);
    if (p->status != AGENT_OK)
        return;
    switch (p->call) {
    case AGENT_HELLO:
        put_u32(m, p->version);
        return;
    case AGENT_LOGIN:
    case AGENT_LOGOUT:
        return;
    case AGENT_FIND:
        put_u32(m, (uint32_t)p->count);
        for (size_t i = 0; i < p->count; i++)
            put_u64(m, p->handles[i]);
        return;
    case AGENT_READ:
        put_u32(m, (uint32_t)p->count);
        for (size_t i = 0; i < p->count; i++) {
            put_u32(m, p->attributes[i].type);
            put_u8(m, (uint8_t)p->attributes[i].outcome);
            if (p->attributes[i].outcome == AGENT_VALUE)
                put_value(m, &p->attributes[i]);
        }
        return;
    case AGENT_SIGN:
    case AGENT_DECRYPT:
        put_part(m, p->bytes);
        return;
    }
}

static void take_read_reply(struct reader *r, struct agent_reply *p)
{
    p->count = take_count(r, AGENT_TEMPLATE_MAX);
    for (size_t i = 0; i < p->count; i++) {
        struct agent_attribute *a = &p->attributes[i];
        *a = (struct agent_attribute){ .type = reader_u32be(r) };
        uint8_t outcome = reader_u8(r);
        reader_require(r, outcome <= AGENT_SENSITIVE);
        a->outcome = (enum agent_outcome)outcome;
        if (a->outcome == AGENT_VALUE)
            take_value(r, a);
    }
}

static void take_reply_body(struct reader *r, struct agent_reply *p)
{
    switch (p->call) {
    case AGENT_HELLO:
        p->version = reader_u32be(r);
        return;
    case AGENT_LOGIN:
    case AGENT_LOGOUT:
        return;
    case AGENT_FIND:
        p->count = take_count(r, AGENT_FIND_MAX);
        for (size_t i = 0; i < p->count; i++)
            p->handles[i] = reader_u64be(r);
        return;
    case AGENT_READ:
        take_read_reply(r, p);
        return;
    case AGENT_SIGN:
    case AGENT_DECRYPT:
        p->bytes = take_part(r, AGENT_DATA_MAX);
        return;
    }
}

fallible agent_reply_parse(struct span in, enum agent_call call, uint32_t id, struct agent_reply *p)
{
    struct reader r = reader_of(in);

    p->call = take_call(&r);
    p->id = reader_u32be(&r);
    uint16_t status = reader_u16be(&r);
    reader_require(&r, p->call == call && p->id == id && status <= AGENT_WAITS);
    reader_require(&r, status != AGENT_WAITS || p->call == AGENT_SIGN || p->call == AGENT_DECRYPT);
    p->status = r.failed ? AGENT_FAILED : (enum agent_status)status;
    if (p->status == AGENT_WAITS)
        p->wait_ms = reader_u32be(&r);
    if (p->status == AGENT_OK)
        take_reply_body(&r, p);
    return reader_end(&r, "reply of the agent");
}
