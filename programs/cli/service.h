// SPDX-License-Identifier: Apache-2.0
/*
 * A service of ours under a folder of its own, set up from the original system's env file: warder
 * kbs, aas and cms. Here is what they have together: the folder, start, stop and status. Programs
 * are started and stopped as those of warder dev.
 */
#ifndef CLI_SERVICE_H
#define CLI_SERVICE_H

#include "cli/dev.h"

struct local_service {
    const char *verb;            /* "kbs" of "warder kbs" */
    const char *what;            /* "key broker" */
    const char *dir;             /* default folder */
    const char *const *programs; /* in the order of their start */
    size_t count;
};

/* The folder with these in it, all of mode 0700. */
fallible service_place(struct dev *d, const char *dir, const char *const *folders);
/* What runs already is left alone. */
fallible service_start(const struct local_service *s, const struct dev *d);
void service_stop(const struct local_service *s, const struct dev *d);
/* Stops what runs with an earlier configuration, starts, and waits until `program` answers. */
fallible service_restart(const struct local_service *s, const struct dev *d, const char *program,
                         const char *address, uint16_t port);
/* Until the program, known by DIR/etc/tls/PROGRAM.pem, answers at this address; 15 seconds. */
fallible service_wait(const struct dev *d, const char *program, const char *address, uint16_t port);
/* What setup says at its end; an exit status. */
int service_report(const struct local_service *s, const struct dev *d, bool started, unsigned port);

/* A verb that takes --dir, --output and, where `more` is given (ends with an empty row), those.
 * False: over, with the exit status. */
bool service_folder(const struct local_service *s, int argc, char **argv,
                    const struct command_help *help, const struct option_row *more, struct dev *d,
                    int *rc);
/* What the set-up of one program from an env file takes; the words of its help are given. */
struct service_setup {
    const char *env_help, *dir_help;
    const char *env, *dir, *address;
    bool no_start;
};
/* False: over, with the exit status. */
bool service_setup_options(const struct local_service *s, int argc, char **argv,
                           const struct command_help *help, struct dev *d,
                           struct service_setup *setup, int *rc);
int service_verb_start(const struct local_service *s, int argc, char **argv);
int service_verb_stop(const struct local_service *s, int argc, char **argv);
int service_verb_status(const struct local_service *s, int argc, char **argv);

#endif
