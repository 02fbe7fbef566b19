// SPDX-License-Identifier: Apache-2.0
#include "teesim/tsm_request.h"

#include <errno.h>
#include <pthread.h>

#define PRIVLEVEL_MAX 3

const struct tsm_attribute_row tsm_attribute_rows[TSM_ATTRIBUTES] = {
    [TSM_INBLOB] = { "inblob", 0200 },         [TSM_OUTBLOB] = { "outblob", 0444 },
    [TSM_AUXBLOB] = { "auxblob", 0444 },       [TSM_PROVIDER] = { "provider", 0444 },
    [TSM_GENERATION] = { "generation", 0444 }, [TSM_PRIVLEVEL] = { "privlevel", 0200 },
};

struct request {
    char name[TSM_NAME_MAX]; /* "": free */
    uint8_t inblob[FORGE_REPORT_DATA_SIZE];
    size_t inblob_len;
    unsigned generation, quoted; /* the generation that `quote` answers */
    struct buf quote;
};

struct tsm_requests {
    struct platform *platform;
    pthread_mutex_t lock;
    struct request all[TSM_REQUESTS_MAX];
};

struct tsm_requests *tsm_requests_new(struct platform *platform)
{
    struct tsm_requests *all = calloc(1, sizeof *all);

    if (!all)
        return NULL;
    all->platform = platform;
    pthread_mutex_init(&all->lock, NULL);
    return all;
}

void tsm_requests_free(struct tsm_requests *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < TSM_REQUESTS_MAX; i++)
        buf_done(&all->all[i].quote);
    pthread_mutex_destroy(&all->lock);
    free(all);
}

static struct request *find(struct tsm_requests *all, const char *name)
{
    for (size_t i = 0; i < TSM_REQUESTS_MAX; i++)
        if (strcmp(all->all[i].name, name) == 0)
            return &all->all[i];
    return NULL;
}

static int make(struct tsm_requests *all, const char *name)
{
    if (!*name || strlen(name) >= TSM_NAME_MAX)
        return ENAMETOOLONG;
    if (find(all, name))
        return EEXIST;
    struct request *r = find(all, "");
    if (!r)
        return ENOSPC;
    *r = (struct request){ .quote = buf_of(FORGE_QUOTE_MAX) };
    memcpy(r->name, name, strlen(name) + 1);
    return 0;
}

int tsm_request_make(struct tsm_requests *all, const char *name)
{
    pthread_mutex_lock(&all->lock);
    int e = make(all, name);
    pthread_mutex_unlock(&all->lock);
    return e;
}

int tsm_request_remove(struct tsm_requests *all, const char *name)
{
    pthread_mutex_lock(&all->lock);
    struct request *r = *name ? find(all, name) : NULL;
    if (r) {
        buf_done(&r->quote);
        *r = (struct request){ 0 };
    }
    pthread_mutex_unlock(&all->lock);
    return r ? 0 : ENOENT;
}

bool tsm_request_exists(struct tsm_requests *all, const char *name)
{
    pthread_mutex_lock(&all->lock);
    bool there = *name && find(all, name);
    pthread_mutex_unlock(&all->lock);
    return there;
}

void tsm_requests_each(struct tsm_requests *all, void (*each)(const char *name, void *context),
                       void *context)
{
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < TSM_REQUESTS_MAX; i++)
        if (all->all[i].name[0])
            each(all->all[i].name, context);
    pthread_mutex_unlock(&all->lock);
}

static int write_inblob(struct request *r, struct span bytes, size_t offset)
{
    if (offset > r->inblob_len || bytes.len > sizeof r->inblob - offset)
        return EINVAL;
    memcpy(r->inblob + offset, bytes.at, bytes.len);
    r->inblob_len = offset + bytes.len;
    r->generation++;
    return 0;
}

static int write_privlevel(struct request *r, struct span text)
{
    if (text.len == 0 || text.len > 2 || text.at[0] < '0' || text.at[0] > '0' + PRIVLEVEL_MAX ||
        (text.len == 2 && text.at[1] != '\n'))
        return EINVAL;
    r->generation++;
    return 0;
}

static int write_one(struct tsm_requests *all, const char *name, enum tsm_attribute a,
                     struct span bytes, size_t offset)
{
    struct request *r = find(all, name);

    if (!*name || !r)
        return ENOENT;
    if (a == TSM_INBLOB)
        return write_inblob(r, bytes, offset);
    return a == TSM_PRIVLEVEL ? write_privlevel(r, bytes) : EACCES;
}

int tsm_request_write(struct tsm_requests *all, const char *name, enum tsm_attribute a,
                      struct span bytes, size_t offset)
{
    pthread_mutex_lock(&all->lock);
    int e = write_one(all, name, a, bytes, offset);
    pthread_mutex_unlock(&all->lock);
    return e;
}

static int refresh(struct tsm_requests *all, struct request *r)
{
    if (r->inblob_len != FORGE_REPORT_DATA_SIZE)
        return EINVAL;
    if (r->quote.len && r->quoted == r->generation)
        return 0;
    if (failed(platform_quote(all->platform, r->inblob, &r->quote)))
        return EIO;
    r->quoted = r->generation;
    return 0;
}

static int read_one(struct tsm_requests *all, const char *name, enum tsm_attribute a,
                    struct buf *out)
{
    struct request *r = find(all, name);
    int e = 0;

    if (!*name || !r)
        return ENOENT;
    switch (a) {
    case TSM_OUTBLOB:
        e = refresh(all, r);
        if (!e)
            buf_add(out, buf_span(&r->quote));
        break;
    case TSM_AUXBLOB: /* a TDX guest has none */
        e = refresh(all, r);
        if (!e && failed(platform_auxiliary(all->platform, out)))
            e = EIO;
        break;
    case TSM_PROVIDER:
        buf_add_str(out, platform_snp(all->platform) ? "sev_guest\n" : "tdx_guest\n");
        break;
    case TSM_GENERATION:
        buf_addf(out, "%u\n", r->generation);
        break;
    case TSM_INBLOB:
    case TSM_PRIVLEVEL:
    case TSM_ATTRIBUTES:
        e = EACCES;
        break;
    }
    return out->failed ? ENOMEM : e;
}

int tsm_request_read(struct tsm_requests *all, const char *name, enum tsm_attribute a,
                     struct buf *out)
{
    pthread_mutex_lock(&all->lock);
    int e = read_one(all, name, a, out);
    pthread_mutex_unlock(&all->lock);
    return e;
}
