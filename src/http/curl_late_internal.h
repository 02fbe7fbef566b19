// SPDX-License-Identifier: Apache-2.0
/*
 * libcurl, loaded by whoever makes a client. It brings some forty libraries, which take a program
 * longer to load than all else of its start, and most of ours, keyd with its own store among them,
 * call nobody. Its functions keep their names.
 */
#ifndef HTTP_CURL_LATE_INTERNAL_H
#define HTTP_CURL_LATE_INTERNAL_H

#include <curl/curl.h>
#include <stdbool.h>

struct curl_late {
    CURLcode (*global_init_mem)(long, curl_malloc_callback, curl_free_callback,
                                curl_realloc_callback, curl_strdup_callback, curl_calloc_callback);
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
    CURLcode (*easy_perform)(CURL *);
    void (*easy_cleanup)(CURL *);
    CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
    struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
    void (*slist_free_all)(struct curl_slist *);
    CURLU *(*url)(void);
    void (*url_cleanup)(CURLU *);
    CURLUcode (*url_get)(CURLU *, CURLUPart, char **, unsigned);
    CURLUcode (*url_set)(CURLU *, CURLUPart, const char *, unsigned);
    void (*free)(void *);
};

/* NULL: the library is not there. Loaded once, by the first caller. */
const struct curl_late *curl_late(void);

#undef curl_easy_setopt
#undef curl_easy_getinfo
#define curl_global_init_mem curl_late()->global_init_mem
#define curl_easy_init curl_late()->easy_init
#define curl_easy_setopt curl_late()->easy_setopt
#define curl_easy_perform curl_late()->easy_perform
#define curl_easy_cleanup curl_late()->easy_cleanup
#define curl_easy_getinfo curl_late()->easy_getinfo
#define curl_slist_append curl_late()->slist_append
#define curl_slist_free_all curl_late()->slist_free_all
#define curl_url curl_late()->url
#define curl_url_cleanup curl_late()->url_cleanup
#define curl_url_get curl_late()->url_get
#define curl_url_set curl_late()->url_set
#define curl_free curl_late()->free

#endif
