// SPDX-License-Identifier: Apache-2.0
/* warder certificate: the register of the certificate management service. */
#include "cli/certificate.h"

#include <ctype.h>

#define PATH "/cms/v1/certificates/"

static int list(int argc, char **argv)
{
    static const struct column columns[] = { { "serial", "SERIAL" },
                                             { "common_name", "NAME" },
                                             { "cert_type", "TYPE" },
                                             { "requester", "REQUESTER" },
                                             { "not_after", "EXPIRES" },
                                             { "revoked_at", "REVOKED" },
                                             { 0 } };
    return list_rows(argc, argv, SERVICE_CMS, "/cms/v1/certificates", "warder certificate list",
                     "certificates issued, the newest first", columns);
}

static int show(int argc, char **argv)
{
    return show_one(argc, argv, SERVICE_CMS, PATH, "warder certificate show",
                    "a certificate by its serial number");
}

static bool is_word(const char *text)
{
    for (; *text; text++)
        if (!islower((unsigned char)*text) && *text != '_')
            return false;
    return true;
}

static bool is_serial(const char *text)
{
    for (const char *at = text; *at; at++)
        if (!isxdigit((unsigned char)*at))
            return false;
    return *text;
}

static int revoke_one(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct session s owned(session_close) = { 0 };
    json_t *answer owned(json_free) = NULL;
    const char *serial, *reason = "unspecified";
    char path[512];
    const struct option_row rows[] = {
        { "reason", 0, OPTION_TEXT, "REASON",
          "key_compromise, affiliation_changed, superseded, cessation_of_operation, "
          "privilege_withdrawn or unspecified (default)",
          &reason },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder certificate revoke", "SERIAL", "revoke a certificate",
        "It is in the revocation list from now on; every program refuses it as soon as it has\n"
        "the list ('warder certificate keep' brings it)."
    };
    int rc;

    if (!verb_session(argc, argv, rows, &help, 1, &serial, &options, &s, &rc))
        return rc;
    if (!is_serial(serial) || !is_word(reason) || strlen(serial) + strlen(reason) > 200) {
        fprintf(stderr, "warder: a serial number is hexadecimal, a reason one of --help\n");
        return EXIT_USAGE;
    }
    snprintf(path, sizeof(path), PATH "%s?reason=%s", serial, reason);
    return session_call(&s, SERVICE_CMS, "DELETE", path, NULL, &answer);
}

int cli_certificate(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "list", list, "certificates issued" },
        { "show", show, "a certificate by its serial number" },
        { "revoke", revoke_one, "revoke a certificate" },
        { "keep", certificate_keep,
          "renew this machine's certificates, bring the revocation list" },
        { 0 },
    };
    return verb_dispatch("warder certificate", "certificates of the certificate management service",
                         verbs, argc, argv);
}
