// SPDX-License-Identifier: Apache-2.0
#include "attestd/tcs_bring.h"

void tcs_delivery_done(struct tcs_delivery *d)
{
    for (size_t i = 0; i < d->count; i++)
        tcs_item_done(&d->items[i].item);
    free(d->items);
    *d = (struct tcs_delivery){ 0 };
}

struct tcs_brought *tcs_delivery_add(struct tcs_delivery *d, const struct tcs_id *id)
{
    if (d->count == TCS_BRING_MAX)
        return NULL;
    if (!(d->count & (d->count - 1))) { /* a power of two is full */
        size_t room = d->count ? 2 * d->count : 1;
        struct tcs_brought *more = reallocarray(d->items, room, sizeof(*more));
        if (!more)
            return NULL;
        d->items = more;
    }
    struct tcs_brought *b = &d->items[d->count++];
    *b = (struct tcs_brought){ .id = *id, .item = tcs_item_of() };
    return b;
}

/* AMD's chain of the same product: of the delivery itself, else of the cache. */
static fallible find_issuers(struct tcs_cache *c, const struct tcs_delivery *d,
                             const struct tcs_id *id, int64_t now, struct tcs_item *out)
{
    const struct tcs_id chain = { .kind = TCS_AMD_CHAIN, .product = id->product, .vlek = id->vlek };
    if (id->kind != TCS_AMD_CRL && id->kind != TCS_VCEK)
        return OK;
    for (size_t i = 0; i < d->count; i++) {
        const struct tcs_id *other = &d->items[i].id;
        if (other->kind == TCS_AMD_CHAIN && other->product == chain.product &&
            other->vlek == chain.vlek)
            return tcs_item_copy(&d->items[i].item, out);
    }
    return tcs_cache_get(c, &chain, now, out);
}

static fallible check_one(struct tcs_cache *c, const struct tcs_delivery *d, struct tcs_brought *b,
                          int64_t now)
{
    const struct root_set *roots = tcs_cache_source(c)->roots;
    struct tcs_item issuers owned(tcs_item_done) = tcs_item_of();
    TRY(tcs_item_check(&b->id, &b->item));
    if (b->item.issued > now + TCS_CLOCK_SKEW)
        return FAIL(UPSTREAM, "collateral is dated ahead of this machine's clock");
    TRY(find_issuers(c, d, &b->id, now, &issuers));
    return roots ? tcs_item_authenticate(&b->id, &b->item, roots, &issuers) : OK;
}

static fallible save_all(struct store *s, struct tcs_delivery *d, int64_t now,
                         fallible (*also)(struct store *s, void *context), void *context)
{
    for (size_t i = 0; i < d->count; i++) {
        struct err e = tcs_store_check_newer(s, &d->items[i].id, &d->items[i].item);
        if (!failed(e))
            e = tcs_store_save(s, &d->items[i].id, &d->items[i].item, now, true);
        if (failed(e)) {
            tcs_id_key(&d->items[i].id, d->refused);
            return e;
        }
    }
    return also ? also(s, context) : OK;
}

fallible tcs_bring(struct tcs_cache *c, struct tcs_delivery *d, int64_t now,
                   fallible (*also)(struct store *s, void *context), void *context)
{
    struct store *s = tcs_cache_store(c);
    d->refused[0] = 0;
    TRY(tcs_cache_check_clock(c, now));
    for (size_t i = 0; i < d->count; i++) {
        struct err e = check_one(c, d, &d->items[i], now);
        if (failed(e)) {
            tcs_id_key(&d->items[i].id, d->refused);
            return e;
        }
    }
    store_lock(s);
    struct err e = store_begin(s);
    if (!failed(e))
        e = save_all(s, d, now, also, context);
    if (!failed(e))
        e = store_commit(s);
    if (failed(e))
        store_rollback(s);
    store_unlock(s);
    TRY(e);
    return tcs_cache_reload(c);
}
