// SPDX-License-Identifier: Apache-2.0
/*
 * The machine's TPM in a development system without a confidential VM: swtpm with the endorsement
 * certificate of a maker of its own, in DIR/var/tpm. Its attestation key is made and enrolled once,
 * by the way that a real machine's is: `warder tpm challenge`, the TPM opens it, `warder tpm
 * enroll`.
 */
#include "cli/dev.h"

#include "base/file.h"

#define TOOL_WORDS_MAX 20
#define FILE_MAX (64U << 10)

struct swtpm {
    const struct dev *d;
    char folder[1024], tcti[64];
};

bool dev_tpm_missing(const char **what)
{
    static const char *const programs[] = { "swtpm", "swtpm_setup", "swtpm_localca",
                                            "tpm2_createek" };
    char path[1024];

    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        *what = programs[i];
        if (!dev_find_in_path(*what, path))
            return true;
    }
    return false;
}

/* The maker's CA and what its certificates say. */
static fallible write_maker(const struct swtpm *t)
{
    struct buf setup owned(buf_done) = buf_of(4096), ca owned(buf_done) = buf_of(4096);
    char path[1024], localca[1024];

    if (!dev_find_in_path("swtpm_localca", localca))
        return FAIL(ABSENT, "swtpm_localca is not installed");
    TRY(file_make_dir(dev_path(t->d, path, "var/tpm/ca"), 0700));
    TRY(file_make_dir(dev_path(t->d, path, "var/tpm/state"), 0700));
    buf_addf(&ca,
             "statedir = %s/ca\nsigningkey = %s/ca/signkey.pem\nissuercert = "
             "%s/ca/issuercert.pem\ncertserial = %s/ca/certserial\n",
             t->folder, t->folder, t->folder, t->folder);
    buf_addf(&setup,
             "create_certs_tool = %s\ncreate_certs_tool_config = %s/localca.conf\n"
             "create_certs_tool_options = %s/localca.options\n",
             localca, t->folder, t->folder);
    TRY(buf_check(&ca));
    TRY(buf_check(&setup));
    TRY(dev_write(t->d, "var/tpm/localca.conf", buf_span(&ca), 0600));
    TRY(dev_write(t->d, "var/tpm/setup.conf", buf_span(&setup), 0600));
    return dev_write(t->d, "var/tpm/localca.options",
                     SPAN("--platform-manufacturer Warder\n--platform-version 1\n"
                          "--platform-model dev\n"),
                     0600);
}

static fallible make_tpm(const struct swtpm *t)
{
    char state[1024], config[1024];

    TRY(write_maker(t));
    return dev_run(t->d,
                   (const char *const[]){ "/usr/bin/env", "swtpm_setup", "--tpm2", "--overwrite",
                                          "--tpmstate", dev_path(t->d, state, "var/tpm/state"),
                                          "--config", dev_path(t->d, config, "var/tpm/setup.conf"),
                                          "--create-ek-cert", "--pcr-banks", "sha256",
                                          "--write-ek-cert-files", t->folder, NULL },
                   NULL);
}

static fallible start_tpm(const struct swtpm *t)
{
    const unsigned port = dev_port(t->d, DEV_TPM);
    char program[1024], state[1100], server[64], control[64];

    if (!dev_find_in_path("swtpm", program))
        return FAIL(ABSENT, "swtpm is not installed");
    snprintf(state, sizeof(state), "dir=%s/state", t->folder);
    snprintf(server, sizeof(server), "type=tcp,port=%u,bindaddr=127.0.0.1", port);
    snprintf(control, sizeof(control), "type=tcp,port=%u,bindaddr=127.0.0.1", port + 1);
    TRY(dev_spawn(t->d, "swtpm",
                  (const char *const[]){ program, "socket", "--tpm2", "--tpmstate", state,
                                         "--server", server, "--ctrl", control, "--flags",
                                         "not-need-init,startup-clear", NULL }));
    return dev_wait_port(t->d, "swtpm", (uint16_t)(port + 1));
}

/* One of tpm2-tools, its words between spaces; "@" stands for the TPM's folder. There is no
 * resource manager, so what it loaded is flushed. */
static fallible tool(const struct swtpm *t, const char *line)
{
    struct buf text owned(buf_done) = buf_of(4096);
    const char *argv[TOOL_WORDS_MAX + 3] = { "/usr/bin/env", t->tcti };
    size_t count = 2;

    for (const char *c = line; *c; c++)
        if (*c == '@')
            buf_add_str(&text, t->folder);
        else
            buf_add_u8(&text, *c == ' ' ? 0 : (uint8_t)*c);
    TRY(buf_check(&text));
    for (const char *word = buf_str(&text), *end = word + text.len;
         word < end && count < TOOL_WORDS_MAX + 2; word += strlen(word) + 1)
        argv[count++] = word;
    return dev_run(t->d, argv, NULL);
}

static fallible tools(const struct swtpm *t, const char *const *lines)
{
    for (; *lines; lines++)
        TRY(tool(t, *lines));
    return OK;
}

static fallible file_join(const struct swtpm *t, const char *const *from, const char *to)
{
    struct buf text owned(buf_done) = buf_of(FILE_MAX);
    char path[1024];

    for (; *from; from++)
        TRY(file_read(dev_path(t->d, path, "%s", *from), &text));
    return dev_write(t->d, to, buf_span(&text), 0600);
}

static fallible challenge(const struct swtpm *t)
{
    char warder[1024], roots[1024], certificate[1024], ek[1024], ak[1024], out[1024], state[1024];

    TRY(dev_program(t->d, "warder", warder));
    TRY(file_join(t,
                  (const char *const[]){ "var/tpm/ca/issuercert.pem",
                                         "var/tpm/ca/swtpm-localca-rootca-cert.pem", NULL },
                  "etc/tpm-roots.pem"));
    unlink(dev_path(t->d, state, "var/tpm/challenge.state"));
    return dev_run(
        t->d,
        (const char *const[]){ warder, "tpm", "challenge", "--tpm-root",
                               dev_path(t->d, roots, "etc/tpm-roots.pem"), "--ek-certificate",
                               dev_path(t->d, certificate, "var/tpm/ek-rsa2048.crt"), "--ek-public",
                               dev_path(t->d, ek, "var/tpm/ek.pub"), "--ak-public",
                               dev_path(t->d, ak, "var/tpm/ak.pub"), "--label", "dev", "--out",
                               dev_path(t->d, out, "var/tpm/challenge"), "--state", state, NULL },
        NULL);
}

static fallible enroll(const struct swtpm *t, const char *enrolled)
{
    char warder[1024], state[1024], secret[1024];

    TRY(dev_program(t->d, "warder", warder));
    return dev_run(t->d,
                   (const char *const[]){ warder, "tpm", "enroll", "--state",
                                          dev_path(t->d, state, "var/tpm/challenge.state"),
                                          "--secret", dev_path(t->d, secret, "var/tpm/secret"),
                                          "--enrolled", enrolled, NULL },
                   NULL);
}

static fallible enroll_key(const struct swtpm *t, const char *enrolled)
{
    static const char *const make_keys[] = {
        "tpm2_createek -c @/ek.ctx -G rsa -u @/ek.pub",
        "tpm2_flushcontext -t",
        "tpm2_createak -C @/ek.ctx -c @/ak.ctx -G ecc -g sha256 -s ecdsa -f tss -u @/ak.pub",
        "tpm2_flushcontext -t",
        NULL,
    };
    static const char *const open_challenge[] = {
        "tpm2_startauthsession --policy-session -S @/session.ctx",
        "tpm2_policysecret -S @/session.ctx -c e",
        "tpm2_activatecredential -c @/ak.ctx -C @/ek.ctx -i @/challenge -o @/secret -P "
        "session:@/session.ctx",
        "tpm2_flushcontext -t",
        "tpm2_flushcontext -l",
        "tpm2_flushcontext -s",
        "tpm2_evictcontrol -C o -c @/ak.ctx " DEV_TPM_KEY,
        "tpm2_flushcontext -t",
        NULL,
    };

    TRY(tools(t, make_keys));
    TRY(challenge(t));
    TRY(tools(t, open_challenge));
    return enroll(t, enrolled);
}

/* One whose key is not enrolled is made anew: what was begun may have stopped anywhere. */
fallible dev_start_tpm(const struct dev *d)
{
    struct swtpm t = { .d = d };
    char enrolled[1024];

    dev_path(d, t.folder, "var/tpm");
    snprintf(t.tcti, sizeof(t.tcti), "TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=%u",
             dev_port(d, DEV_TPM));
    bool known = file_exists(dev_path(d, enrolled, "etc/tpm-enrolled.json"));
    TRY(file_make_dir(t.folder, 0700));
    if (!known)
        TRY(make_tpm(&t));
    TRY(start_tpm(&t));
    return known ? OK : enroll_key(&t, enrolled);
}
