// SPDX-License-Identifier: Apache-2.0
/*
 * The native key transfer (docs/protocol.md) as its client: ask for a challenge, have the platform
 * attest to the challenge and our keys, ask again with the evidence and a proof by S, open the
 * answer. A token that earlier evidence has earned serves for further keys until it expires.
 *
 * A fetcher is used by one thread at a time, but for fetch_use(); it waits on the network.
 */
#ifndef CLIENT_FETCH_H
#define CLIENT_FETCH_H

#include "client/attester/attester.h"
#include "client/unwrap.h"
#include "http/client.h"

#define REFUSAL_CODE_MAX 64
#define REFUSAL_DETAIL_MAX 512

struct fetch_config { /* borrowed: must outlive the fetcher */
    struct http_client *http;
    const char *url;             /* "https://kbs.example:9443" */
    const char *connect_to;      /* as in http_call, or NULL */
    const struct secret *bearer; /* NUL-terminated, or NULL */
    const char *tenant;
    const struct jwks *release_keys;
    struct attester attester;
};

struct fetcher;
fallible fetcher_new(const struct fetch_config *config, struct fetcher **out);
void fetcher_free(struct fetcher *f);
OWNED_TYPE(struct fetcher, fetcher_free)

/* Why there is no key: the KBS's problem code and detail, or a code and text of ours. */
struct refusal {
    int status; /* HTTP; 0 where the failure is on our side */
    char code[REFUSAL_CODE_MAX];
    char detail[REFUSAL_DETAIL_MAX];
};

/* FAIL_DENIED: refused. FAIL_UPSTREAM: KBS or platform do not answer, later may be better. `*why`
 * is filled on failure. */
fallible fetch_key(struct fetcher *f, const char *key_id, struct released *out,
                   struct refusal *why);

/* One use of a key that stays, by its grant, in any thread, until `deadline` (monotonic
 * microseconds). A challenge that has gone stale is asked for anew once. Failures as of
 * fetch_key(). */
struct use_order;
struct use_said;
fallible fetch_use(struct fetcher *f, struct use_grant *grant, const char *key_id, uint64_t version,
                   const struct use_order *order, int64_t deadline, struct use_said *said,
                   struct refusal *why);

/* The attested keys of the newest fetch: what it released is leased to them. A new reference. */
struct session *fetcher_session(struct fetcher *f);

/* Leases (POST /kbs/v1/leases): what the KBS says of keys that are held. */
enum lease_word { LEASE_RENEWED, LEASE_REVOKED, LEASE_ROTATED, LEASE_ATTEST };
#define LEASE_ITEMS_MAX 64
struct lease_item {
    const char *key_id, *audit_id; /* asked; borrowed */
    enum lease_word word;          /* answered, as are those below */
    uint64_t minutes;              /* renewed: from the time of asking */
    char reason[REFUSAL_CODE_MAX];
};
/* `s` got these keys. Failures as of fetch_key(); no item counts then. */
fallible fetch_leases(struct fetcher *f, const struct session *s, struct lease_item *items,
                      size_t count, struct refusal *why);

#endif
