// SPDX-License-Identifier: Apache-2.0
/* What `warder key` and `warder secret` say to the broker alike. */
#ifndef CLI_KEY_H
#define CLI_KEY_H

#include "cli/cli.h"
#include "cli/key_file.h"

#define KEY_NAME_OPTIONS(w)                                                                        \
    { "policy",                                                                                    \
      0,                                                                                           \
      OPTION_TEXT,                                                                                 \
      "ID",                                                                                        \
      "transfer policy (default: the tenant's, which requires attestation)",                       \
      &(w).policy },                                                                               \
        { "label",   0, OPTION_TEXT, "TEXT", "label, the object's name in the PKCS#11 module",     \
          &(w).label },                                                                            \
        { "usage", 0, OPTION_TEXT, "TEXT", "free text", &(w).usage },                              \
        { "resource-path",                                                                         \
          0,                                                                                       \
          OPTION_TEXT,                                                                             \
          "REPO/TYPE/TAG",                                                                         \
          "name under which guests of Confidential Containers ask for it",                         \
          &(w).resource_path },                                                                    \
    {                                                                                              \
        "four-eyes", 0, OPTION_FLAG, NULL,                                                         \
            "deleting, rotating or enabling it needs a second person", &(w).four_eyes              \
    }

/* The body of POST /kbs/v1/keys; takes `information`. */
json_t *key_body(const struct key_wish *w, json_t *information);
/* Sends it and says "WHAT: <id>". */
int key_post(struct session *s, const json_t *body, const char *what);

#endif
