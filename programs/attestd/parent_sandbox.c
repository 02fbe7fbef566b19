// SPDX-License-Identifier: Apache-2.0
#include "attestd/parent_sandbox.h"

#include <string.h>

#include "base/harden.h"
#include "base/log.h"
#include "base/span.h"

#define WRITABLE_MAX 12
#define PROGRAMS_MAX 8
#define PATH_LEN 4096
#define SQLITE "sqlite:"

/* Of a file or of a database's URL; "" where there is none. */
static void folder_of(const char *name, char out[PATH_LEN])
{
    struct span path = span_str(name ? name : "");
    if (span_head(path, strlen(SQLITE)).len == strlen(SQLITE) &&
        !memcmp(path.at, SQLITE, strlen(SQLITE)))
        path = span_tail(path, strlen(SQLITE));
    size_t end = path.len;
    while (end && path.at[end - 1] != '/')
        end--;
    snprintf(out, PATH_LEN, "%.*s", (int)(end < PATH_LEN ? end : 0), (const char *)path.at);
}

static fallible confine_files(const struct attestd_config *c, const char *const *programs)
{
    const char *const places[] = { c->tcs_store,         c->as_store,   c->nonce_store,
                                   c->signing_key,       c->jwks_file,  c->archive_key,
                                   c->archive_jwks_file, c->deny_store, c->evidence_store };
    char folders[WRITABLE_MAX][PATH_LEN];
    const char *writable[WRITABLE_MAX + 1] = { "/dev/null" };
    const char *run[PROGRAMS_MAX + 1] = { "/usr/lib", "/lib", "/usr/lib64", "/lib64" };
    static const char *const readable[] = { "/", NULL };
    size_t count = 1, more = 4;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        folder_of(places[i], folders[i]);
        if (*folders[i])
            writable[count++] = folders[i];
    }
    for (; *programs && more < PROGRAMS_MAX; programs++)
        run[more++] = *programs;
    bool enforced;
    TRY(harden_files_and_programs(readable, writable, run, &enforced));
    if (!enforced)
        log_warn("the kernel does not restrict files");
    return OK;
}

fallible parent_confine(const struct attestd_config *c, const char *const *programs)
{
    bool enforced;
    TRY(confine_files(c, programs));
    return harden_syscalls(SANDBOX_START, &enforced);
}
