// SPDX-License-Identifier: Apache-2.0
#include "http/curl_late_internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct curl_late table;
static bool loaded;

static const struct {
    const char *name;
    size_t at;
} rows[] = {
    { "curl_global_init_mem", offsetof(struct curl_late, global_init_mem) },
    { "curl_easy_init", offsetof(struct curl_late, easy_init) },
    { "curl_easy_setopt", offsetof(struct curl_late, easy_setopt) },
    { "curl_easy_perform", offsetof(struct curl_late, easy_perform) },
    { "curl_easy_cleanup", offsetof(struct curl_late, easy_cleanup) },
    { "curl_easy_getinfo", offsetof(struct curl_late, easy_getinfo) },
    { "curl_slist_append", offsetof(struct curl_late, slist_append) },
    { "curl_slist_free_all", offsetof(struct curl_late, slist_free_all) },
    { "curl_url", offsetof(struct curl_late, url) },
    { "curl_url_cleanup", offsetof(struct curl_late, url_cleanup) },
    { "curl_url_get", offsetof(struct curl_late, url_get) },
    { "curl_url_set", offsetof(struct curl_late, url_set) },
    { "curl_free", offsetof(struct curl_late, free) },
};
_Static_assert(sizeof table == sizeof rows / sizeof rows[0] * sizeof(void *), "each has a row");

static void load(void)
{
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);

    for (size_t i = 0; library && i < sizeof rows / sizeof rows[0]; i++) {
        void *function = dlsym(library, rows[i].name);
        if (!function)
            return;
        *(void **)((char *)&table + rows[i].at) = function;
    }
    loaded = library != NULL;
}

const struct curl_late *curl_late(void)
{
    pthread_once(&once, load);
    return loaded ? &table : NULL;
}
