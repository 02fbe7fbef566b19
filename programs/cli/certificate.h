// SPDX-License-Identifier: Apache-2.0
/* warder certificate: what its verbs share. */
#ifndef CLI_CERTIFICATE_H
#define CLI_CERTIFICATE_H

#include "cli/cli.h"
#include "crypto/x509.h"

/* A certificate with its key in a folder: FOLDER/NAME.pem and FOLDER/NAME.key. */
struct kept {
    struct session *session;
    char pem[1024], key[1024];
};
bool kept_of(struct session *s, const char *folder, const char *name, struct kept *out);
/* Ends what an interrupted renewal left: both files are the old ones, or both the new ones. */
void kept_settle(const struct kept *k);
/* The chain in force. */
fallible kept_load(const struct kept *k, struct chain *out);
/* A third of its life is left, or less. */
bool kept_due(const struct cert *leaf, int64_t now);
/* With a new key; `life` 0: as long as can be. FAIL_DENIED: cmsd refuses, which was printed. */
fallible kept_renew(const struct kept *k, uint64_t life);

int certificate_keep(int argc, char **argv);

#endif
