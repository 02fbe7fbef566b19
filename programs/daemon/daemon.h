// SPDX-License-Identifier: Apache-2.0
/*
 * What every network daemon of ours does around its service: its options, its confinement before it
 * serves, word to the service manager, and an end on SIGTERM.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "base/harden.h"
#include "base/options.h"

/* The options of every daemon; put them first into the program's table:
 *   struct daemon_options o = { .config = "/etc/warder/aasd.conf" };
 *   const struct option_row rows[] = { DAEMON_OPTIONS(o), ..., { 0 } }; */
struct daemon_options {
    const char *config;
    bool show_config, check_config;
};
/* clang-format off */
#define DAEMON_OPTIONS(o)                                                                                  \
    { "config", 0, OPTION_TEXT, "FILE", "configuration file", &(o).config },                               \
    { "show-config", 0, OPTION_FLAG, NULL, "print the configuration in force and exit", &(o).show_config }, \
    { "check-config", 0, OPTION_FLAG, NULL, "check the configuration and exit", &(o).check_config }
/* clang-format on */

/* Options without operands, then the log and what must come before threads (daemon_block_signals,
 * json_start). `crypto`: what crypto_start(), which must be main()'s first call, said. -1: go on;
 * else the exit status. */
int daemon_begin(int argc, char **argv, const struct option_row *rows,
                 const struct command_help *help, struct err crypto);

/* Loads the file into the rows, and prints them for --show-config. What is wrong goes to stderr.
 * -1: go on; else the exit status. */
int daemon_configure(const struct daemon_options *options, const struct setting *rows);
/* The same of what the program's own check said of its settings; ends --show-config and
 * --check-config. */
int daemon_checked(const struct daemon_options *options, struct err check);

/* Blocks the signals that daemon_stop_asked() waits for: before the first thread. Ignores SIGPIPE.
 */
void daemon_block_signals(void);
/* harden_process, then files and system calls; says in the log what the kernel does not enforce. */
fallible daemon_confine(const char *const *readable, const char *const *writable,
                        enum sandbox_kind kind);
/* Tells the service manager and the log that `program` serves at `port`; that it stops. */
void daemon_began(const char *program, const char *address, unsigned port);
void daemon_ended(const char *program);
/* True as soon as SIGTERM or SIGINT came; false when the time is over. */
bool daemon_stop_asked(unsigned seconds);
/* The end of a confined process, at once: what runs at exit (a leak checker traces its own process)
 * is not allowed in a sandbox. */
__attribute__((noreturn)) void daemon_end(int status);

#endif
