// SPDX-License-Identifier: Apache-2.0
#include "cli/service.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "http/client.h"

#define HEALTH_WAIT_US 15000000
#define OWN_ROWS 2

fallible service_place(struct dev *d, const char *dir, const char *const *folders)
{
    char path[1024];

    TRY(file_make_dir(dir, 0700));
    TRY(dev_place(d, dir));
    for (; *folders; folders++)
        TRY(file_make_dir(dev_path(d, path, "%s", *folders), 0700));
    return OK;
}

fallible service_start(const struct local_service *s, const struct dev *d)
{
    char program[1024], config[1024], socket[1024];
    pid_t pid;

    for (size_t i = 0; i < s->count; i++) {
        const char *name = s->programs[i];
        if (dev_alive(d, name, &pid))
            continue;
        TRY(dev_program(d, name, program));
        TRY(dev_spawn(d, name,
                      (const char *const[]){ program, "--config",
                                             dev_path(d, config, "etc/%s.conf", name), NULL }));
        if (!strcmp(name, "keyd"))
            TRY(dev_wait_socket(d, name, dev_path(d, socket, "run/keyd.sock")));
    }
    return OK;
}

void service_stop(const struct local_service *s, const struct dev *d)
{
    for (size_t i = s->count; i-- > 0;)
        dev_stop(d, s->programs[i]);
}

fallible service_wait(const struct dev *d, const char *program, const char *address, uint16_t port)
{
    struct http_client *http owned(http_client_free) = NULL;
    struct chain chain owned(chain_done) = { 0 };
    struct buf pem owned(buf_done) = buf_of(64U << 10);
    uint8_t digest[SHA384_SIZE];
    char path[1024], url[512];
    pid_t pid;
    int64_t until = clock_monotonic_us() + HEALTH_WAIT_US;

    TRY(file_read(dev_path(d, path, "etc/tls/%s.pem", program), &pem));
    TRY(chain_from_pem(buf_span(&pem), &chain));
    TRY(digest_of(DIGEST_SHA384, cert_der(chain.certs[0]), digest));
    TRY(http_client_new(&(struct http_client_config){ .server_sha384 = digest }, &http));
    snprintf(url, sizeof(url), "https://%s:%u/health",
             address && strcmp(address, "0.0.0.0") ? address : "127.0.0.1", port);
    while (clock_monotonic_us() < until) {
        struct http_reply reply owned(http_reply_done) = { 0 };
        struct http_call call = { .method = "GET", .url = url };
        if (!failed(http_send(http, &call, &reply)))
            return OK;
        if (!dev_alive(d, program, &pid))
            return FAIL(SYSTEM, "the service ended at its start; its log in DIR/log says why");
        usleep(20000);
    }
    return FAIL(UPSTREAM, "the service does not answer after 15 seconds; its log in DIR/log says "
                          "why");
}

fallible service_restart(const struct local_service *s, const struct dev *d, const char *program,
                         const char *address, uint16_t port)
{
    service_stop(s, d);
    TRY(service_start(s, d));
    return service_wait(d, program, address, port);
}

int service_report(const struct local_service *s, const struct dev *d, bool started, unsigned port)
{
    if (d->json) {
        json_t *out owned(json_free) = json_object();
        json_set_str(out, "dir", d->dir);
        json_object_set_new(out, "started", json_boolean(started));
        print_json(out);
    } else if (started) {
        dev_say(d, "The %s runs on port %u; stop it: warder %s stop --dir %s", s->what, port,
                s->verb, d->dir);
    } else {
        dev_say(d, "Start it: warder %s start --dir %s", s->verb, d->dir);
    }
    return EXIT_OK;
}

static size_t count_rows(const struct option_row *rows)
{
    size_t count = 0;

    while (rows && rows[count].name)
        count++;
    return count;
}

bool service_folder(const struct local_service *s, int argc, char **argv,
                    const struct command_help *help, const struct option_row *more, struct dev *d,
                    int *rc)
{
    const char *dir = s->dir, *output = NULL;
    char path[1024], hint[128];
    size_t extra = count_rows(more);
    struct option_row *rows owned(free) = calloc(extra + OWN_ROWS + 1, sizeof(*rows));

    *rc = EXIT_ERROR;
    if (!rows)
        return false;
    if (extra)
        memcpy(rows, more, extra * sizeof(*rows));
    rows[extra] = (struct option_row){ "dir", 0, OPTION_TEXT, "DIR", "its folder", &dir };
    rows[extra + 1] = (struct option_row)OUTPUT_OPTION(output);
    if (!verb_options(argc, argv, rows, help, 0, NULL, rc))
        return false;
    *rc = EXIT_USAGE;
    if (!output_is_json(output, &d->json))
        return false;
    struct err e = dev_place(d, dir);
    if (!failed(e) && !file_exists(dev_path(d, path, "etc/%s.conf", s->programs[0])))
        e = FAIL(ABSENT, "there is no such service");
    snprintf(hint, sizeof(hint), "say where it is with --dir; 'warder %s setup' makes one",
             s->verb);
    *rc = failed(e) ? print_failure(e, dir, hint) : EXIT_OK;
    return *rc == EXIT_OK;
}

bool service_setup_options(const struct local_service *s, int argc, char **argv,
                           const struct command_help *help, struct dev *d,
                           struct service_setup *setup, int *rc)
{
    const char *output = NULL;
    const struct option_row rows[] = {
        { "env", 0, OPTION_TEXT, "FILE", setup->env_help, &setup->env },
        { "dir", 0, OPTION_TEXT, "DIR", setup->dir_help, &setup->dir },
        { "address", 0, OPTION_TEXT, "ADDRESS", "where it listens (default 0.0.0.0: everywhere)",
          &setup->address },
        { "no-start", 0, OPTION_FLAG, NULL, "write the files and start nothing", &setup->no_start },
        { "quiet", 'q', OPTION_FLAG, NULL, "say nothing while it goes well", &d->quiet },
        OUTPUT_OPTION(output),
        { 0 },
    };

    setup->dir = s->dir;
    setup->address = "0.0.0.0";
    if (!verb_options(argc, argv, rows, help, 0, NULL, rc))
        return false;
    *rc = EXIT_USAGE;
    if (!setup->env) {
        fprintf(stderr, "warder: %s setup needs --env FILE\n", s->verb);
        return false;
    }
    return output_is_json(output, &d->json);
}

int service_verb_start(const struct local_service *s, int argc, char **argv)
{
    char name[64], summary[64];
    struct dev d = { 0 };
    int rc;

    snprintf(name, sizeof(name), "warder %s start", s->verb);
    snprintf(summary, sizeof(summary), "start the %s", s->what);
    const struct command_help help = { name, "", summary, NULL };
    if (!service_folder(s, argc, argv, &help, NULL, &d, &rc))
        return rc;
    struct err e = service_start(s, &d);
    if (!failed(e) && d.json)
        puts("{}");
    return failed(e) ? print_failure(e, d.dir, "its log in DIR/log says more") : EXIT_OK;
}

int service_verb_stop(const struct local_service *s, int argc, char **argv)
{
    char name[64], summary[64];
    struct dev d = { 0 };
    int rc;

    snprintf(name, sizeof(name), "warder %s stop", s->verb);
    snprintf(summary, sizeof(summary), "stop the %s", s->what);
    const struct command_help help = { name, "", summary, NULL };
    if (!service_folder(s, argc, argv, &help, NULL, &d, &rc))
        return rc;
    service_stop(s, &d);
    if (d.json)
        puts("{}");
    return EXIT_OK;
}

int service_verb_status(const struct local_service *s, int argc, char **argv)
{
    char name[64];
    struct dev d = { 0 };
    int rc;

    snprintf(name, sizeof(name), "warder %s status", s->verb);
    const struct command_help help = { name, "", "which of its programs run",
                                       "Exit status: 0 all run, 4 one does not." };
    return service_folder(s, argc, argv, &help, NULL, &d, &rc)
               ? dev_print_running(&d, s->programs, s->count, NULL)
               : rc;
}
