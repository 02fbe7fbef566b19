// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon.h"

#include <signal.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/service_manager.h"

enum { EXIT_USAGE = 2 };

int daemon_begin(int argc, char **argv, const struct option_row *rows,
                 const struct command_help *help, struct err crypto)
{
    int rest = 0;

    switch (options_parse(argc, argv, rows, help, &rest)) {
    case OPTIONS_DONE:
        return EXIT_SUCCESS;
    case OPTIONS_USAGE:
        return EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    if (rest < argc) {
        fprintf(stderr, "%s: takes no operands\n", help->name);
        return EXIT_USAGE;
    }
    log_start(help->name, LOG_INFO);
    json_start();
    if (failed(crypto)) {
        log_err(crypto, "start");
        return EXIT_FAILURE;
    }
    daemon_block_signals();
    return -1;
}

int daemon_configure(const struct daemon_options *options, const struct setting *rows)
{
    char *message owned(free) = NULL;
    struct err e = settings_load(options->config, rows, &message);

    if (failed(e)) {
        fprintf(stderr, "%s\n", message ? message : e.what);
        return EXIT_FAILURE;
    }
    if (options->show_config)
        settings_show(rows, stdout);
    return -1;
}

int daemon_checked(const struct daemon_options *options, struct err check)
{
    if (failed(check)) {
        fprintf(stderr, "%s: %s\n", options->config, check.what);
        return EXIT_FAILURE;
    }
    return options->show_config || options->check_config ? EXIT_SUCCESS : -1;
}

static void stop_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
}

void daemon_block_signals(void)
{
    sigset_t set;

    stop_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

fallible daemon_confine(const char *const *readable, const char *const *writable,
                        enum sandbox_kind kind)
{
    bool files = false, calls = false;

    TRY(harden_process());
    TRY(harden_files(readable, writable, &files));
    TRY(harden_syscalls(kind, &calls));
    if (!files || !calls)
        log_warn("the kernel does not enforce all of the sandbox", "files", files ? "yes" : "no",
                 "system_calls", calls ? "yes" : "no");
    return OK;
}

void daemon_began(const char *program, const char *address, unsigned port)
{
    char text[16], ready[320];

    snprintf(text, sizeof(text), "%u", port);
    log_info("service start", "service", program, "address", address, "port", text);
    snprintf(ready, sizeof(ready), "READY=1\nSTATUS=serving on %s port %u", address, port);
    service_manager_tell(ready);
}

bool daemon_stop_asked(unsigned seconds)
{
    const struct timespec patience = { .tv_sec = (time_t)seconds };
    sigset_t set;

    stop_signals(&set);
    return sigtimedwait(&set, NULL, &patience) > 0;
}

void daemon_ended(const char *program)
{
    service_manager_tell("STOPPING=1");
    log_info("service stop", "service", program);
}

void daemon_end(int status)
{
    _exit(status);
}
