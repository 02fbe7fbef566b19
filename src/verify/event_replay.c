// SPDX-License-Identifier: Apache-2.0
#include "verify/event_replay.h"

#include "evidence/tpm_structures.h"

#define DYNAMIC_FIRST 17 /* PCRs that a dynamic launch resets: FF until then */
#define DYNAMIC_LAST 22

static const struct {
    uint16_t alg;
    enum digest_kind kind;
    const char *name;
} hashes[] = {
    { TPM_ALG_SHA1, DIGEST_SHA1, "sha1" },
    { TPM_ALG_SHA256, DIGEST_SHA256, "sha256" },
    { TPM_ALG_SHA384, DIGEST_SHA384, "sha384" },
    { TPM_ALG_SHA512, DIGEST_SHA512, "sha512" },
};
#define HASHES (sizeof(hashes) / sizeof(*hashes))

enum digest_kind digest_of_tpm(uint16_t alg, bool *known)
{
    for (size_t i = 0; i < HASHES; i++) {
        if (hashes[i].alg == alg) {
            *known = true;
            return hashes[i].kind;
        }
    }
    *known = false;
    return DIGEST_SHA256;
}

const char *tpm_hash_name(uint16_t alg)
{
    for (size_t i = 0; i < HASHES; i++)
        if (hashes[i].alg == alg)
            return hashes[i].name;
    return NULL;
}

static fallible extend(struct replay *p, uint32_t index, struct span digest)
{
    uint8_t *reg = p->registers[index];
    const struct span parts[] = { span_from(reg, digest_size(p->kind)), digest };

    p->touched |= 1U << index;
    return digest_of_all(p->kind, parts, 2, reg);
}

static fallible replay_start(uint16_t alg, struct replay *p)
{
    bool known;

    *p = (struct replay){ .alg = alg };
    p->kind = digest_of_tpm(alg, &known);
    return known ? OK : FAIL(INPUT, "the event log's bank is of a hash that is not known here");
}

fallible replay_begin(uint16_t alg, struct replay *out)
{
    struct replay p;

    TRY(replay_start(alg, &p));
    for (unsigned i = DYNAMIC_FIRST; i <= DYNAMIC_LAST; i++)
        memset(p.registers[i], 0xff, sizeof(p.registers[i]));
    *out = p;
    return OK;
}

/* The digest that an event extends, or why the bank is of no use. */
static struct span extended_take(struct replay *p, const struct event *e)
{
    struct span digest = event_digest_of(e, p->alg);

    if (digest.len != digest_size(p->kind))
        p->wrong = "an event has no digest for this bank";
    return digest;
}

static void locality_apply(struct replay *p, const struct event *e)
{
    uint8_t locality = event_startup_locality(e);

    if (!locality)
        return;
    if (p->touched & 1U)
        p->wrong = "the startup locality is told after PCR 0 was extended";
    p->registers[0][digest_size(p->kind) - 1] = locality;
}

static fallible events_replay(const struct event_log *log, bool tpm, struct replay *p)
{
    struct event_cursor c = event_log_events(log);
    struct event e;

    while (!p->wrong && event_next(&c, &e)) {
        if (e.type == EV_NO_ACTION) {
            if (tpm)
                locality_apply(p, &e);
            continue;
        }
        struct span digest = extended_take(p, &e);
        if (!p->wrong)
            TRY(extend(p, e.index, digest));
    }
    return OK;
}

fallible replay_event_log(const struct event_log *log, uint16_t alg, struct replay *out)
{
    struct replay p;

    TRY(replay_begin(alg, &p));
    TRY(events_replay(log, true, &p));
    *out = p;
    return OK;
}

fallible replay_cc_log(const struct event_log *log, struct replay *out)
{
    struct replay p;

    TRY(replay_start(TPM_ALG_SHA384, &p));
    TRY(events_replay(log, false, &p));
    *out = p;
    return OK;
}

fallible ima_template_hash(const struct ima_entry *e, enum digest_kind kind,
                           uint8_t out[DIGEST_MAX])
{
    struct buf data owned(buf_done) = buf_of(2 * IMA_LINE_MAX);

    TRY(ima_template_data(e, &data));
    return digest_of(kind, buf_span(&data), out);
}

fallible replay_ima_entry(const struct ima_entry *e, struct replay *p)
{
    uint8_t hash[DIGEST_MAX];
    size_t size = digest_size(p->kind);

    if (e->violation) {
        memset(hash, 0xff, sizeof(hash));
    } else if (e->hash_len == size) {
        memcpy(hash, e->hash, size);
    } else {
        struct err bad = ima_template_hash(e, p->kind, hash);
        if (bad.kind == FAIL_SYSTEM)
            return bad;
        if (failed(bad)) {
            p->wrong = "an entry of the IMA list cannot be hashed for this bank";
            return OK;
        }
    }
    return extend(p, e->pcr, span_from(hash, size));
}

fallible replay_ima_log(struct span text, struct replay *on)
{
    struct replay p = *on;
    struct ima_cursor c;
    bool end = false;

    TRY(ima_log_open(text, &c));
    while (!p.wrong) {
        struct ima_entry e;
        TRY(ima_next(&c, &e, &end));
        if (end)
            break;
        TRY(replay_ima_entry(&e, &p));
    }
    *on = p;
    return OK;
}

fallible event_hashes(const struct event *e, uint16_t alg, struct span bytes, bool *is)
{
    uint8_t hash[DIGEST_MAX];
    bool known;
    enum digest_kind kind = digest_of_tpm(alg, &known);

    *is = false;
    if (!known)
        return OK;
    TRY(digest_of(kind, bytes, hash));
    *is = span_equal(event_digest_of(e, alg), span_from(hash, digest_size(kind)));
    return OK;
}
