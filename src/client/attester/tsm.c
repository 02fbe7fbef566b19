// SPDX-License-Identifier: Apache-2.0
/*
 * Linux configfs-tsm (Documentation/ABI/testing/configfs-tsm): a folder made for one request,
 * report data into `inblob`, the quote out of `outblob`; of an SNP guest the report, and the host's
 * table of certificates out of `auxblob`, which follows it. `generation` counts writes to the
 * request: another value after reading than before means that the quote may answer to someone
 * else's report data.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "client/attester/attester_internal.h"
#include "crypto/random.h"

#define TSM_PATH_MAX 512
#define ATTRIBUTE_MAX 64
#define BUSY_TRIES 5

static const struct provider {
    const char *name;
    enum evidence_type type;
    bool auxiliary;
} providers[] = {
    { "tdx_guest", EVIDENCE_TDX, false },
    { "sev_guest", EVIDENCE_SNP, true },
};

struct request {
    char folder[TSM_PATH_MAX];
};

static void request_removep(struct request *r)
{
    if (r->folder[0])
        rmdir(r->folder);
}

static fallible request_make(const char *path, struct request *r)
{
    uint8_t unique[8];
    char hex[17];
    char folder[TSM_PATH_MAX];

    TRY(random_fill(unique, sizeof(unique)));
    int n = snprintf(folder, sizeof(folder), "%s/warder-%s", path, hex_str(SPAN_OF(unique), hex));
    if (n < 0 || (size_t)n >= sizeof(folder))
        return FAIL(LIMIT, "path of the TSM folder is too long");
    if (mkdir(folder, 0700)) {
        if (errno == ENOENT || errno == ENOTDIR)
            return FAIL(
                ABSENT,
                "no TSM folder: this machine is no confidential VM, or configfs is not mounted");
        if (errno == EACCES || errno == EPERM || errno == EROFS)
            return FAIL(UPSTREAM, "TSM folder: no permission to make a request");
        return FAIL(UPSTREAM, "TSM folder: the platform refuses a request");
    }
    memcpy(r->folder, folder, sizeof(folder));
    return OK;
}

static fallible attribute_open(const struct request *r, const char *name, int flags, int *fd)
{
    char path[TSM_PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/%s", r->folder, name);
    *fd = open(path, flags | O_CLOEXEC);
    return *fd >= 0
               ? OK
               : FAIL(UPSTREAM, "TSM request lacks one of inblob, outblob, provider, generation");
}

static fallible attribute_read(const struct request *r, const char *name, struct buf *out)
{
    uint8_t chunk[4096];
    int fd owned(fd_close) = -1;

    TRY(attribute_open(r, name, O_RDONLY, &fd));
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EBUSY || errno == EAGAIN))
            return FAIL(CONFLICT, "TSM: the platform is busy");
        if (n < 0)
            return FAIL(UPSTREAM, "TSM: the platform gives no quote");
        if (n == 0)
            return buf_check(out);
        buf_add(out, span_from(chunk, (size_t)n));
    }
}

static fallible attribute_write(const struct request *r, const char *name, struct span bytes)
{
    int fd owned(fd_close) = -1;

    TRY(attribute_open(r, name, O_WRONLY, &fd));
    return write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len && close(fd_take(&fd)) == 0
               ? OK
               : FAIL(UPSTREAM, "TSM: the platform refuses the report data");
}

/* Text attributes end with a newline. */
static fallible attribute_text(const struct request *r, const char *name, struct buf *out)
{
    TRY(attribute_read(r, name, out));
    if (out->len && out->at[out->len - 1] == '\n')
        out->len--;
    return OK;
}

static fallible check_provider(const struct request *r, const struct provider **out)
{
    struct buf name owned(buf_done) = buf_of(ATTRIBUTE_MAX);

    TRY(attribute_text(r, "provider", &name));
    for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
        if (span_equal_str(buf_span(&name), providers[i].name)) {
            *out = &providers[i];
            return OK;
        }
    }
    return FAIL(UPSTREAM, "TSM: the provider is not one that we know (tdx_guest, sev_guest)");
}

static fallible quote_once(const char *path, struct span report_data, enum evidence_type *type,
                           struct buf *quote)
{
    struct request r __attribute__((cleanup(request_removep))) = { { 0 } };
    struct buf before owned(buf_done) = buf_of(ATTRIBUTE_MAX);
    struct buf after owned(buf_done) = buf_of(ATTRIBUTE_MAX);
    const struct provider *provider = NULL;

    TRY(request_make(path, &r));
    TRY(check_provider(&r, &provider));
    TRY(attribute_write(&r, "inblob", report_data));
    TRY(attribute_text(&r, "generation", &before));
    TRY(attribute_read(&r, "outblob", quote));
    if (provider->auxiliary)
        TRY(attribute_read(&r, "auxblob", quote));
    TRY(attribute_text(&r, "generation", &after));
    if (!before.len || !span_equal(buf_span(&before), buf_span(&after)))
        return FAIL(CONFLICT, "TSM: another process changed the request meanwhile");
    *type = provider->type;
    return OK;
}

fallible tsm_quote(const char *path, struct span report_data, enum evidence_type *type,
                   struct buf *quote)
{
    struct err e = { 0 };

    for (int i = 0; i < BUSY_TRIES; i++) {
        buf_clear(quote);
        e = quote_once(path, report_data, type, quote);
        if (e.kind != FAIL_CONFLICT)
            return e;
        usleep(100000U << i);
    }
    return e;
}
