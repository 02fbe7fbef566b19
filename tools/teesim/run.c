// SPDX-License-Identifier: Apache-2.0
/* teesim run: the interfaces of a platform, until SIGTERM. */
#include "teesim/run.h"

#include <signal.h>
#include <sys/prctl.h>

#include "base/file.h"
#include "base/options.h"
#include "crypto/crypto.h"
#include "teesim/control.h"
#include "teesim/evidence_socket.h"
#include "teesim/tsm_fs.h"

#define EXIT_USAGE 2
#define PORT_MAX 65535

struct run_options {
    const char *dir, *tee, *mount, *socket, *control, *measurement, *scenario;
    uint64_t pcs_port;
    bool no_pcs, with_parent;
};

/* In the order in which they are closed, last first. */
struct interfaces {
    struct platform *platform;
    struct pcs *pcs;
    struct tsm_fs *fs;
    struct line_server *evidence, *control;
    struct control control_context;
};

static void interfaces_stopp(struct interfaces *i)
{
    line_server_stop(i->control);
    line_server_stop(i->evidence);
    tsm_fs_stop(i->fs);
    pcs_stop(i->pcs);
    platform_close(i->platform);
}

static fallible start(const struct run_options *o, struct interfaces *i)
{
    struct platform_config config = { .dir = o->dir,
                                      .measurement = o->measurement,
                                      .scenario = o->scenario };

    TRY(crypto_start(CRYPTO_MEMORY_PLAIN));
    json_start();
    TRY(platform_tee_parse(span_str(o->tee), &config));
    TRY(file_make_dir(o->dir, 0755));
    TRY(platform_open(&config, &i->platform));
    if (!o->no_pcs)
        TRY(pcs_start(i->platform, (uint16_t)o->pcs_port, &i->pcs));
    if (o->mount)
        TRY(tsm_fs_start(i->platform, o->mount, &i->fs));
    if (o->socket)
        TRY(line_server_start(o->socket, evidence_answer, i->platform, &i->evidence));
    i->control_context = (struct control){ i->platform, i->pcs };
    if (o->control)
        TRY(line_server_start(o->control, control_answer, &i->control_context, &i->control));
    return OK;
}

static void announce(const struct run_options *o, const struct interfaces *i)
{
    json_t *ready owned(json_free) = json_object();
    char *text owned(free) = NULL;
    char url[64], path[4096];

    json_set_str(ready, "tee", o->tee);
    snprintf(path, sizeof path, "%s/pki/%s.pem", o->dir,
             platform_snp(i->platform) ? "snp_root_ca" : "root_ca");
    json_set_str(ready, "root", path);
    if (i->pcs) {
        snprintf(url, sizeof url, "http://127.0.0.1:%u", pcs_port(i->pcs));
        json_set_int(ready, "pcs_port", pcs_port(i->pcs));
        json_set_str(ready, "pcs", url);
    }
    if (o->mount) {
        snprintf(path, sizeof path, "%s/report", o->mount);
        json_set_str(ready, "mount", o->mount);
        json_set_str(ready, "report", path);
    }
    json_set_str(ready, "socket", o->socket);
    json_set_str(ready, "control", o->control);
    text = json_text(ready);
    printf("READY %s\n", text ? text : "{}");
    fflush(stdout);
}

static int serve(const struct run_options *o)
{
    struct interfaces i __attribute__((cleanup(interfaces_stopp))) = { 0 };
    sigset_t stop;
    int got;

    /* Blocked before any thread starts, so that every thread inherits it. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (o->with_parent)
        prctl(PR_SET_PDEATHSIG, SIGTERM);

    struct err e = start(o, &i);
    if (failed(e)) {
        fprintf(stderr, "teesim run: %s\n", e.what);
        return EXIT_FAILURE;
    }
    announce(o, &i);
    sigwait(&stop, &got);
    return EXIT_SUCCESS;
}

int verb_run(int argc, char **argv)
{
    struct run_options o = { .tee = "tdx4" };
    struct buf details owned(buf_done) = buf_of(8192);
    const struct option_row rows[] = {
        { "dir", 0, OPTION_TEXT, "DIR", "folder of the simulator; its PKI is in DIR/pki", &o.dir },
        { "tee", 0, OPTION_TEXT, "TEE",
          "tdx4 (default), tdx5, tdx5-td10, tdx5-td15ex, sgx3, sgx4, sgx5, snp, snp-genoa, "
          "snp-turin",
          &o.tee },
        { "mount", 0, OPTION_TEXT, "PATH", "configfs-tsm as a FUSE file system: PATH/report",
          &o.mount },
        { "socket", 0, OPTION_TEXT, "PATH", "evidence socket", &o.socket },
        { "control", 0, OPTION_TEXT, "PATH", "control socket", &o.control },
        { "pcs-port", 0, OPTION_NUMBER, "N", "port of the PCS on loopback; default: any",
          &o.pcs_port },
        { "no-pcs", 0, OPTION_FLAG, NULL, "no PCS", &o.no_pcs },
        { "measurement", 0, OPTION_TEXT, "FILE|HEX", "MRTD, MRENCLAVE, launch measurement",
          &o.measurement },
        { "scenario", 0, OPTION_TEXT, "LIST", "what is wrong with the platform, see below",
          &o.scenario },
        { "with-parent", 0, OPTION_FLAG, NULL, "end when the parent process ends", &o.with_parent },
        { 0 },
    };
    int rest = 0;

    buf_add_str(&details, "Prints READY and a JSON object when all interfaces are up; SIGTERM ends "
                          "it.\n\nScenarios:\n");
    scenario_list(&details);
    buf_add_str(&details, "\nScenarios of snp:\n");
    snp_scenario_list(&details);
    const struct command_help help = {
        "teesim run", "--dir DIR",
        "Simulate a TEE platform and its vendor, for development and tests.", buf_str(&details)
    };
    enum options_result result = options_parse(argc, argv, rows, &help, &rest);
    if (result != OPTIONS_GO)
        return result == OPTIONS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    if (!o.dir || o.pcs_port > PORT_MAX) {
        fprintf(stderr,
                "teesim run: --dir is missing or --pcs-port is no port; see teesim run --help\n");
        return EXIT_USAGE;
    }
    return serve(&o);
}
