// SPDX-License-Identifier: Apache-2.0
#ifndef HTTP_STATUS_INTERNAL_H
#define HTTP_STATUS_INTERNAL_H

/* The reason phrase of RFC 9110; "Status" for one that the table lacks. */
const char *status_text(int status);

#endif
