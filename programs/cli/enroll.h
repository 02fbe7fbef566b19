// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_ENROLL_H
#define CLI_ENROLL_H

struct buf;
struct secret;
struct session;

int key_enroll(int argc, char **argv);
/* `plain` ("pkcs8" or "octets") as a JWE to keyd's import key, so that nobody on the way sees it.
 */
int key_wrap_for_keyd(struct session *s, const struct secret *plain, const char *content,
                      struct buf *jwe);

#endif
