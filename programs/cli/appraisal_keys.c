// SPDX-License-Identifier: Apache-2.0
/* warder appraisal rotate-keys: the attestation service is to sign with another key. */
#include "cli/appraisal.h"

#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "crypto/jose.h"

#define CERTS "/as/v1/certs"
#define SET_MAX (64U << 10)
#define WAIT_US 15000000
#define LOOK_NS 200000000

static bool set_has(const json_t *set, const json_t *key)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(set, "keys"), i, one)
    {
        if (json_equal(json_object_get(one, "kid"), json_object_get(key, "kid")))
            return true;
    }
    return false;
}

/* The key that was not there before; its place says whether it signs already. */
static const json_t *key_added(const json_t *before, const json_t *now, bool *signs)
{
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(now, "keys"), i, one)
    {
        *signs = i == 0;
        if (!set_has(before, one))
            return one;
    }
    return NULL;
}

static int wait_for_key(struct session *s, const json_t *before)
{
    const int64_t until = clock_monotonic_us() + WAIT_US;
    const struct timespec pause = { .tv_nsec = LOOK_NS };

    while (clock_monotonic_us() < until) {
        json_t *now owned(json_free) = NULL, *told owned(json_free) = json_object();
        bool signs = false;
        int rc = session_call(s, SERVICE_AS, "GET", CERTS, NULL, &now);
        if (rc)
            return rc;
        const json_t *key = key_added(before, now, &signs);
        if (key) {
            json_object_set(told, "kid", json_object_get(key, "kid"));
            json_set_str(told, "state", signs ? "signs" : "announced");
            json_set_int(told, "published_keys",
                         (int64_t)json_array_size(json_object_get(now, "keys")));
            return session_answer(s, told);
        }
        nanosleep(&pause, NULL);
    }
    fprintf(stderr, "warder: no other key is published: one may be announced already, or too many "
                    "old ones are kept until their tokens have expired\n");
    return EXIT_ERROR;
}

int appraisal_rotate_keys(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    const struct option_row rows[] = { SESSION_OPTIONS(options), { 0 } };
    const struct command_help help = {
        "warder appraisal rotate-keys", "", "have the attestation service sign with another key",
        "The next key is published at once and signs after [as] announce_minutes; the old one "
        "stays published until its last token has expired."
    };
    json_t *before owned(json_free) = NULL;
    int rc;

    if (!verb_session(argc, argv, rows, &help, 0, NULL, &options, &s, &rc))
        return rc;
    rc = session_call(&s, SERVICE_AS, "POST", CERTS "/rotate", NULL, &before);
    return rc ? rc : wait_for_key(&s, before);
}
