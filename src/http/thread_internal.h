// SPDX-License-Identifier: Apache-2.0
#ifndef HTTP_THREAD_INTERNAL_H
#define HTTP_THREAD_INTERNAL_H

#include <pthread.h>

#include "base/err.h"

/* A thread with every signal blocked: SIGTERM is the main thread's, and SIGPIPE from a socket
 * becomes EPIPE. */
fallible thread_start(void *(*run)(void *), void *arg, size_t stack, pthread_t *out);

#endif
