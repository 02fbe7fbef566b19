// SPDX-License-Identifier: Apache-2.0
/*
 * keyd's own secrets: a root key in a 0600 file, from which the integrity key of rows and the
 * challenge keys are derived with versioned labels, and the release key that signs answers.
 */
#ifndef BROKER_SECRETS_H
#define BROKER_SECRETS_H

#include "crypto/key.h"

struct broker_secrets {
    struct secret *challenge_root, *integrity;
    struct key *release;
    char release_kid[THUMBPRINT_TEXT_SIZE];
};

/* Reads them from `folder` (mode 0700), making what is missing. */
fallible broker_secrets_load(const char *folder, struct broker_secrets *out);
void broker_secrets_done(struct broker_secrets *s);
static inline void broker_secrets_donep(struct broker_secrets *s)
{
    broker_secrets_done(s);
}

/* A private P-256 key file, made where it is missing. */
fallible broker_key_load(const char *folder, const char *name, struct key **out);

#endif
