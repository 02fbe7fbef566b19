// SPDX-License-Identifier: Apache-2.0
/*
 * The service log: one JSON object a line on stderr: time, level, program, message, then the given
 * fields. Keys are literals; values are escaped and capped at LOG_VALUE_MAX bytes. Libraries return
 * failures, programs log them, once, where they stop. Never give it a secret: struct secret has no
 * way in.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

#define LOG_VALUE_MAX 512

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

void log_start(const char *program, enum log_level least);
/* From now on a copy of each line goes to the end of this file (made with mode 0640), as text in
 * the form of the original system's kbs.log:
 *   INFO[2026-11-24T02:12:42Z keyd]: message; name=default key="value"
 * Before a sandbox, which need not know the file; children write to it too. */
fallible log_copy_to(const char *path);
/* Pairs of const char *key, const char *value (NULL value: left out), ended by NULL key:
 *   log_event(LOG_INFO, "key released", "key", id, "tenant", tenant, NULL); */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));
#define log_info(...) log_event(LOG_INFO, __VA_ARGS__, NULL)
#define log_warn(...) log_event(LOG_WARNING, __VA_ARGS__, NULL)
/* With the failure's kind and text. */
void log_failure(struct err e, const char *message, ...) __attribute__((sentinel));
#define log_err(e, ...) log_failure(e, __VA_ARGS__, NULL)

#endif
