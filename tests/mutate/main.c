// SPDX-License-Identifier: Apache-2.0
/*
 * mutate VECTORS COUNT [SEED [START]]: changes evidence and collateral of genuine sets at random
 * and verifies them. Nothing may crash (run it under sanitizers), and what still verifies must
 * agree with the genuine set in every byte that is signed, and say the same. Mutation I of seed S
 * is always the same one.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "base/file.h"
#include "collateral/collateral_dir.h"
#include "crypto/crypto.h"
#include "mutation.h"
#include "signed_view.h"
#include "tpm_sets.h"
#include "verify/verify.h"

#define SETS_MAX 256
#define FILE_MAX (1U << 20)
#define PATH_SIZE 1024
#define EVIDENCE COLLATERAL_PARTS /* the part behind those of the collateral */
#define PARTS (COLLATERAL_PARTS + 1)
#define PROGRESS 100000

struct set {
    char name[PATH_SIZE];
    const char *evidence_name;
    struct buf parts[PARTS];
    int64_t at;
    struct verifier *verifier;
    struct collateral_set *collateral;
    json_t *answer; /* to the genuine set */
    bool verified;
};

static struct set sets[SETS_MAX];
static size_t set_count;
static uint64_t seed = 1;

struct tally {
    uint64_t made, refused, verified;
};

static void must(struct err e, const char *what)
{
    if (!failed(e))
        return;
    fprintf(stderr, "mutate: %s: %s\n", what, e.what);
    exit(2);
}

static const char *part_name(const struct set *s, size_t part)
{
    return part == EVIDENCE ? s->evidence_name : collateral_part_name(part);
}

static struct collateral_raw raw_of(const struct set *s)
{
    struct collateral_raw raw = { 0 };

    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        *collateral_part(&raw, i) = buf_span(&s->parts[i]);
    return raw;
}

static bool file_load(const char *folder, const char *name, struct buf *out)
{
    char path[2 * PATH_SIZE];

    *out = buf_of(FILE_MAX);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    struct err e = file_read(path, out);
    if (e.kind != FAIL_ABSENT)
        must(e, path);
    return !failed(e);
}

static void set_judge(struct set *s, struct span enrolled)
{
    struct verify_result *r owned(verify_result_free) = NULL;
    struct collateral_raw raw = raw_of(s);

    must(verifier_new(NULL, 0, &s->verifier), "verifier");
    must(verifier_trust_tpms(s->verifier, NULL, 0, enrolled), "enrolled keys");
    must(collateral_set_load(s->verifier, &raw, &s->collateral), s->name);
    must(verify_evidence(s->verifier, buf_span(&s->parts[EVIDENCE]), s->collateral, s->at,
                         (struct span){ 0 }, &r),
         s->name);
    s->verified = verify_result_verified(r);
    must(verify_result_json(r, &s->answer), s->name);
}

static void set_clear(struct set *s)
{
    for (size_t part = 0; part < PARTS; part++)
        buf_done(&s->parts[part]);
    *s = (struct set){ .at = 0 };
}

/* A folder with evidence and a meta.json that says when it is to be verified is a set. */
static bool set_read(const char *folder, struct set *s)
{
    static const char *const names[] = { "quote.bin", "report.bin" };
    struct buf meta owned(buf_done) = { 0 };
    json_t *document owned(json_free) = NULL;

    if (!file_load(folder, "meta.json", &meta))
        return false;
    for (size_t i = 0; i < 2 && !s->evidence_name; i++)
        if (file_load(folder, names[i], &s->parts[EVIDENCE]))
            s->evidence_name = names[i];
    must(json_parse_object(buf_span(&meta), &document), folder);
    const json_t *at = json_object_get(document, "verify_at");
    s->at = json_integer_value(at);
    return s->evidence_name && json_is_integer(at);
}

static void set_load(const char *folder)
{
    struct set *s = &sets[set_count];

    if (set_count == SETS_MAX)
        return;
    if (!set_read(folder, s)) {
        set_clear(s);
        return;
    }
    snprintf(s->name, sizeof(s->name), "%s", folder);
    for (size_t i = 0; i < COLLATERAL_PARTS; i++)
        (void)file_load(folder, collateral_part_name(i), &s->parts[i]);
    set_judge(s, (struct span){ 0 });
    set_count++;
}

static void tpm_sets_load(const char *root)
{
    for (size_t i = 0; i < tpm_sources(); i++) {
        struct set *s = &sets[set_count];
        struct tpm_source t;
        if (set_count++ == SETS_MAX)
            abort();
        tpm_source_load(root, i, &t);
        snprintf(s->name, sizeof(s->name), "%s", t.folder);
        s->evidence_name = "tpm.bin";
        s->at = t.at;
        s->parts[EVIDENCE] = t.evidence;
        t.evidence = buf_of(0);
        for (size_t n = 0; n < COLLATERAL_PARTS && *t.collateral; n++)
            (void)file_load(t.collateral, collateral_part_name(n), &s->parts[n]);
        set_judge(s, buf_span(&t.enrolled));
        if (!s->verified)
            must(FAIL(INPUT, "genuine evidence of a TPM is refused"), s->name);
        tpm_source_done(&t);
    }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* VECTORS/<kind>/<set>, in the order of their names: the numbers of mutations depend on it. */
static void sets_load(const char *root, int depth)
{
    struct dirent **entries = NULL;
    int count = scandir(root, &entries, NULL, by_name);

    for (int i = 0; i < count; i++) {
        char path[PATH_SIZE];
        if (snprintf(path, sizeof(path), "%s/%s", root, entries[i]->d_name) >= (int)sizeof(path))
            abort();
        if (entries[i]->d_name[0] != '.' && depth)
            sets_load(path, depth - 1);
        else if (entries[i]->d_name[0] != '.')
            set_load(path);
        free(entries[i]);
    }
    free(entries);
}

static const struct buf *under_test; /* left in a file where it is believed */
static bool in_place;

static void false_accept(const struct set *s, size_t part, uint64_t number, const char *why)
{
    FILE *f = fopen("mutate-found.bin", "wb");
    if (f && fwrite(under_test->at, 1, under_test->len, f) == under_test->len)
        fclose(f);
    fprintf(stderr, "mutate: FALSE ACCEPT: %s of %s, seed %llu, mutation %llu: %s\n",
            part_name(s, part), s->name, (unsigned long long)seed, (unsigned long long)number, why);
    exit(1);
}

static bool views_agree(const struct set *s, size_t part, struct span a, struct span b)
{
    struct buf was owned(buf_done) = buf_of(4 * FILE_MAX),
                   now owned(buf_done) = buf_of(4 * FILE_MAX);

    signed_view(part_name(s, part), a, &was);
    signed_view(part_name(s, part), b, &now);
    return was.len && span_equal(buf_span(&was), buf_span(&now));
}

/* Splicing can make another genuine part, as of another quote of the platform. */
static bool genuine_elsewhere(const struct set *s, size_t part, struct span changed)
{
    for (size_t i = 0; i < set_count; i++)
        if (strcmp(part_name(&sets[i], part), part_name(s, part)) == 0 &&
            views_agree(s, part, buf_span(&sets[i].parts[part]), changed))
            return true;
    return false;
}

/* It verified: only what nothing signs may be different, and what is said must be the same. */
static void accept_check(const struct set *s, size_t part, uint64_t number, struct span changed,
                         const struct verify_result *r)
{
    struct span genuine = buf_span(&s->parts[part]);
    json_t *answer owned(json_free) = NULL;

    if (!views_agree(s, part, genuine, changed)) {
        if (!genuine_elsewhere(s, part, changed))
            false_accept(s, part, number, "signed bytes were changed");
        return;
    }
    if (!s->verified)
        false_accept(s, part, number, "the genuine set is refused");
    for (size_t i = 0; in_place && i < changed.len; i++)
        if (changed.at[i] != genuine.at[i] &&
            !free_byte(part_name(s, part), genuine, i, changed.at[i]))
            false_accept(s, part, number, "a byte that nothing leaves free was changed");
    must(verify_result_json(r, &answer), s->name);
    if (!answers_agree(s->answer, answer))
        false_accept(s, part, number, "the answer is another");
}

static size_t part_choose(struct dice *d, const struct set *s)
{
    size_t part = dice_below(d, 10) ? EVIDENCE : dice_below(d, PARTS);
    return s->parts[part].len ? part : EVIDENCE;
}

static void one(uint64_t number, struct tally *t)
{
    struct dice d = dice_of(seed, number);
    struct set *s = &sets[dice_below(&d, set_count)], *other = &sets[dice_below(&d, set_count)];
    size_t part = part_choose(&d, s);
    struct buf changed owned(buf_done) = buf_of(4 * FILE_MAX);
    struct collateral_set *own owned(collateral_set_free) = NULL;
    struct verify_result *r owned(verify_result_free) = NULL;
    struct span evidence = buf_span(&s->parts[EVIDENCE]);

    in_place = mutate(&d, buf_span(&s->parts[part]), buf_span(&other->parts[part]), &changed);
    under_test = &changed;
    if (part == EVIDENCE) {
        struct collateral_key key;
        evidence = buf_span(&changed);
        (void)evidence_needs(evidence, &key).kind;
    } else {
        struct collateral_raw raw = raw_of(s);
        *collateral_part(&raw, part) = buf_span(&changed);
        must(collateral_set_load(s->verifier, &raw, &own), s->name);
    }
    must(verify_evidence(s->verifier, evidence, own ? own : s->collateral, s->at,
                         (struct span){ 0 }, &r),
         s->name);
    t->made++;
    if (!verify_result_verified(r)) {
        t->refused++;
        return;
    }
    t->verified++;
    accept_check(s, part, number, buf_span(&changed), r);
}

static void sets_free(void)
{
    for (size_t i = 0; i < set_count; i++) {
        collateral_set_free(sets[i].collateral);
        verifier_free(sets[i].verifier);
        json_free(sets[i].answer);
        for (size_t part = 0; part < PARTS; part++)
            buf_done(&sets[i].parts[part]);
    }
}

int main(int argc, char **argv)
{
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0,
             start = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    struct tally t = { 0 };

    if (argc < 3 || !count) {
        fprintf(stderr, "usage: mutate VECTORS COUNT [SEED [START]]\n");
        return 2;
    }
    seed = argc > 3 ? strtoull(argv[3], NULL, 10) : seed;
    must(crypto_start(CRYPTO_MEMORY_PLAIN), "crypto");
    sets_load(argv[1], 1);
    tpm_sets_load(argv[1]);
    if (!set_count) {
        fprintf(stderr, "mutate: no sets in %s\n", argv[1]);
        return 2;
    }
    for (uint64_t i = start; i < start + count; i++) {
        one(i, &t);
        if ((i + 1) % PROGRESS == 0)
            fprintf(stderr, "mutate: %llu\n", (unsigned long long)(i + 1));
    }
    printf("%llu mutations of %zu sets, seed %llu: %llu refused, %llu verified with all signed "
           "bytes as they were\n",
           (unsigned long long)t.made, set_count, (unsigned long long)seed,
           (unsigned long long)t.refused, (unsigned long long)t.verified);
    sets_free();
    return 0;
}
