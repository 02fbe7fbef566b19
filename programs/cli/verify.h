// SPDX-License-Identifier: Apache-2.0
/* warder verify, and its answer as text. */
#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include "cli/cli.h"

int cli_verify(int argc, char **argv);

struct verify_options {
    struct session_options session;
    const char *collateral, *tcs, *at, *policy, *root, *tpm_root, *tpm_crl, *tpm_enrolled;
    const char *evidence;
    bool json;
};
/* What says how evidence is verified, as rows of an option table. */
#define VERIFY_OPTIONS(o)                                                                          \
    { "collateral",                                                                                \
      0,                                                                                           \
      OPTION_TEXT,                                                                                 \
      "DIR",                                                                                       \
      "folder with the collateral, in the files of a vector set",                                  \
      &(o).collateral },                                                                           \
        { "tcs",                                                                                   \
          0,                                                                                       \
          OPTION_TEXT,                                                                             \
          "URL",                                                                                   \
          "endorsement cache to ask for the collateral (default: the configured one)",             \
          &(o).tcs },                                                                              \
        { "at",                                                                                    \
          0,                                                                                       \
          OPTION_TEXT,                                                                             \
          "TIME",                                                                                  \
          "verify as of this time: RFC 3339 or seconds since 1970 (default: now)",                 \
          &(o).at },                                                                               \
        { "root",   0, OPTION_TEXT, "FILE", "one more root certificate to trust, PEM or DER",      \
          &(o).root },                                                                             \
        { "tpm-root",                                                                              \
          0,                                                                                       \
          OPTION_TEXT,                                                                             \
          "FILE",                                                                                  \
          "certificates of CAs that certify attestation keys of TPMs, PEM or DER",                 \
          &(o).tpm_root },                                                                         \
        { "tpm-crl",   0, OPTION_TEXT, "FILE", "revocation list of such a CA, PEM or DER",         \
          &(o).tpm_crl },                                                                          \
    {                                                                                              \
        "tpm-enrolled", 0, OPTION_TEXT, "FILE",                                                    \
            "enrolled attestation keys of TPMs (warder tpm enroll)", &(o).tpm_enrolled             \
    }
/* Verifies o->evidence. EXIT_OK: there is an answer, the JSON of the verb; `good` is its verdict,
 * `at` the time it is for. */
int verify_file(const struct verify_options *o, int64_t *at, json_t **answer, bool *good);
/* `answer`: the JSON of the verb. */
void verify_print(const json_t *answer);

#endif
