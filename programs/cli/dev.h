// SPDX-License-Identifier: Apache-2.0
/*
 * warder dev: a system under one folder (docs/protocol.md, "Files of a system"), loopback only.
 * dev.c has the verbs, dev_process.c starts and stops programs, dev_config.c writes their
 * configuration, dev_identity.c makes certificates, users and tokens, dev_openbao.c sets up Vault,
 * dev_keys.c a KMIP server or an HSM, dev_tpm.c a TPM. warder kbs (kbs.c, kbs_setup.c) has a key
 * broker under a folder in the same way.
 */
#ifndef CLI_DEV_H
#define CLI_DEV_H

#include <sys/types.h>

#include "base/buf.h"
#include "cli/cli.h"

#define DEV_ARGS_MAX 24

struct dev {
    char dir[512];                     /* absolute */
    char bin[512];                     /* folder of this program */
    const char *keys;                  /* "embedded", "vault", "kmip" or "pkcs11" */
    const char *tee;                   /* teesim's --tee; "tpm": swtpm is the machine's TPM */
    const char *teesim, *bao, *pykmip; /* programs; NULL: looked for */
    uint16_t base;                /* first of the ports; services use the fixed offsets below */
    bool mount;                   /* evidence by a configfs-tsm tree (FUSE), else by socket */
    uint64_t certificate_seconds; /* life of certificates; 0: a year */
    bool quiet, json;
};

/* Ports: the defaults of docs/protocol.md when base is 0, else base + offset. */
enum dev_port {
    DEV_TCS,
    DEV_QVS,
    DEV_AS,
    DEV_KBS,
    DEV_AAS,
    DEV_CMS,
    DEV_PCS,
    DEV_VAULT, /* two, as the next */
    DEV_TPM,
    DEV_PORTS
};
uint16_t dev_port(const struct dev *d, enum dev_port which);

/* Sets the folders: `dir`, which is there, and that of this program. FAIL_LIMIT: sockets live in
 * it, so its path is short. */
fallible dev_place(struct dev *d, const char *dir);
/* "DIR/<format...>"; the text lives in `out`. */
const char *dev_path(const struct dev *d, char out[1024], const char *format, ...)
    __attribute__((format(printf, 3, 4)));
fallible dev_write(const struct dev *d, const char *relative, struct span text, mode_t mode);
void dev_say(const struct dev *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Where one of our programs is: beside this one when installed, in the build tree otherwise.
 * FAIL_ABSENT. */
fallible dev_program(const struct dev *d, const char *name, char out[1024]);
bool dev_find_in_path(const char *name, char out[1024]);

/* Runs to the end; its stdout is appended to `out` (may be NULL). A non-zero status is FAIL_SYSTEM,
 * its stderr in DIR/log/dev.log. */
fallible dev_run(const struct dev *d, const char *const *argv, struct buf *out);
/* In the background: stderr to DIR/log/NAME.log, pid in DIR/run/NAME.pid. */
fallible dev_spawn(const struct dev *d, const char *name, const char *const *argv);
bool dev_alive(const struct dev *d, const char *name, pid_t *pid);
void dev_stop(const struct dev *d, const char *name);
/* As a table or JSON; an exit status: 4 when one does not run that is not `optional`
 * (NULL-terminated, may be NULL). */
int dev_print_running(const struct dev *d, const char *const *names, size_t count,
                      const char *const *optional);
/* FAIL_CONFLICT: somebody listens there, whom the system would take for its own. */
fallible dev_port_free(uint16_t port);
/* Until connect(2) to 127.0.0.1:port or to the Unix socket works and the program lives; 15 s. */
fallible dev_wait_port(const struct dev *d, const char *name, uint16_t port);
fallible dev_wait_socket(const struct dev *d, const char *name, const char *path);

/* libpkcs11-api.so, installed beside this program or in its build tree. FAIL_ABSENT. */
fallible dev_module_path(const struct dev *d, char out[1024]);
/* OpenSSL's PKCS#11 engine, where the distribution has it. */
const char *dev_engine_path(void);
/* User ids that web servers' workers have, for [agent] allow_users. */
void dev_add_workers(struct buf *out);

fallible dev_write_configs(const struct dev *d);
fallible dev_make_certificates(const struct dev *d);  /* and the revocation list */
fallible dev_start_certificates(const struct dev *d); /* who keeps them */
fallible dev_make_administrator(const struct dev *d); /* before aasd runs */
fallible dev_make_users(const struct dev *d);         /* with aasd running */
fallible dev_start_openbao(const struct dev *d);
fallible dev_start_pykmip(const struct dev *d);
/* A TPM in software whose attestation key is enrolled. */
fallible dev_start_tpm(const struct dev *d);
bool dev_is_tpm(const struct dev *d);
bool dev_tpm_missing(const char **what); /* a program that it needs */
#define DEV_TPM_KEY "0x81010002"         /* handle of the attestation key */
/* A SoftHSM token and its PIN; kept when the system was made before. */
fallible dev_make_token(const struct dev *d);
/* Where its library is; NULL. */
const char *dev_softhsm(void);

#endif
