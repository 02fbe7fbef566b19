// SPDX-License-Identifier: Apache-2.0
/* attestd: the attestation service. The parent; or the front, by the name it was started under. */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "attestd/child.h"
#include "attestd/config.h"
#include "attestd/front.h"
#include "attestd/supervise.h"
#include "base/harden.h"
#include "base/log.h"
#include "base/options.h"
#include "daemon/daemon.h"

static bool load(struct attestd_config *c, const char *path)
{
    char *message owned(free) = NULL;
    struct err e = config_load(c, path, &message);
    if (!failed(e))
        e = config_check(c, &message);
    if (!failed(e))
        return true;
    fprintf(stderr, "attestd: %s\n", message ? message : e.what);
    return false;
}

static const struct command_help help = {
    .name = "attestd",
    .summary = "attestation service: endorsement cache (tcs), quote verification (qvs), appraisal "
               "and tokens (as)",
    .details = "Without --config the defaults hold. Exit status: 0 stopped, 1 cannot serve, 2 "
               "wrong usage or configuration.",
};

int main(int argc, char **argv)
{
    const char *path = NULL;
    bool show = false, check = false;
    const struct option_row rows[] = {
        { "config", 'c', OPTION_TEXT, "FILE", "configuration file", &path },
        { "show-config", 0, OPTION_FLAG, NULL, "print the configuration in force and exit", &show },
        { "check-config", 0, OPTION_FLAG, NULL, "check the configuration and exit", &check },
        { 0 },
    };
    int rest;
    switch (options_parse(argc, argv, rows, &help, &rest)) {
    case OPTIONS_DONE:
        return 0;
    case OPTIONS_USAGE:
        return 2;
    case OPTIONS_GO:
        break;
    }
    struct attestd_config c owned(config_done) = { 0 };
    if (!load(&c, path))
        return 2;
    if (show)
        config_show(&c, stdout);
    if (show || check)
        return 0;
    log_start("attestd", LOG_INFO);
    if (child_of(argv[0]) == CHILD_FRONT) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        daemon_end(front_main(&c));
    }
    if (failed(harden_process()))
        return 1;
    daemon_end(supervise(&c));
}
