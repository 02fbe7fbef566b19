// SPDX-License-Identifier: Apache-2.0
/* Which key managers there are: their settings' check, how each is opened, what of the machine it
 * may touch. */
#include "keyd/keyd.h"

#include "base/log.h"
#include "daemon/daemon.h"
#include "http/crl_watch.h"
#include "keys/embedded.h"
#include "keys/kmip.h"
#include "keys/pkcs11_hsm.h"
#include "keys/vault.h"

#define PORT_MAX 65535

struct access {
    struct keyd_paths *readable, *writable;
};

struct kind {
    const char *name;
    struct err (*check)(const struct keyd_settings *s);
    struct err (*open)(const struct keyd_settings *s, const char *folder, struct seal_hsm *hsm,
                       struct keystore **out);
    void (*grant)(const struct keyd_settings *s,
                  struct access *a); /* NULL: nothing, and no network */
};

static struct err pkcs11_check(const struct keyd_settings *s);

static struct err embedded_check(const struct keyd_settings *s)
{
    enum seal_kind seal;

    if (!s->embedded_seal || failed(seal_kind_parse(span_str(s->embedded_seal), &seal)))
        return FAIL(INPUT, "[embedded] seal is file, passphrase, shamir or pkcs11");
    if (!s->embedded_hsm_key)
        return FAIL(INPUT, "[embedded] hsm_key is empty");
    return seal == SEAL_HSM || s->pkcs11_module ? pkcs11_check(s) : OK;
}

static struct err open_embedded(const struct keyd_settings *s, const char *folder,
                                struct seal_hsm *hsm, struct keystore **out)
{
    char url[KEYD_PATH_MAX + 32], master[KEYD_PATH_MAX + 32];

    snprintf(url, sizeof url, "sqlite:%s/embedded.db", folder);
    snprintf(master, sizeof master, "%s/master.key", folder);
    struct embedded_config config = { .store_url = url, .master_key_file = master, .hsm = hsm };
    TRY(seal_kind_parse(span_str(s->embedded_seal), &config.seal));
    return embedded_open(&config, out);
}

/* The words of `url`: each must be what plain HTTP allows. */
static bool urls_are_https(const char *urls)
{
    for (const char *at = urls + strspn(urls, " ,\t"); *at; at += strspn(at, " ,\t")) {
        if (strncmp(at, "https://", 8))
            return false;
        at += strcspn(at, " ,\t");
    }
    return true;
}

static struct err vault_check(const struct keyd_settings *s)
{
    if (!s->vault_url || !s->vault_mount || !s->vault_prefix ||
        (!s->vault_token_file && !s->vault_role_id_file))
        return FAIL(INPUT, "[vault] needs url, token_file or role_id_file, mount and prefix");
    if (s->vault_token_file && s->vault_role_id_file)
        return FAIL(INPUT, "[vault] takes token_file or role_id_file, not both");
    if (!s->vault_role_id_file != !s->vault_secret_id_file)
        return FAIL(INPUT, "[vault] role_id_file and secret_id_file go together");
    if (!s->vault_certificate != !s->vault_key)
        return FAIL(INPUT, "[vault] certificate and key go together");
    if (!urls_are_https(s->vault_url) && !s->vault_plain)
        return FAIL(INPUT, "[vault] url must be https://; plain HTTP is for loopback and needs "
                           "allow_plain_http = yes");
    return s->vault_kv_version > 2 ? FAIL(INPUT, "[vault] kv_version is 0, 1 or 2") : OK;
}

/* As long as the process: a key manager's. */
static fallible open_lists(const struct keyd_settings *s, struct crl_watch **out)
{
    static struct crl_watch *lists;
    const struct crl_watch_config config = { .file = s->crl,
                                             .grace_seconds = (int64_t)s->crl_grace_minutes * 60 };

    if (!lists)
        TRY(crl_watch_open(&config, &lists));
    *out = lists;
    return OK;
}

static struct err open_vault(const struct keyd_settings *s, const char *folder,
                             struct seal_hsm *hsm, struct keystore **out)
{
    struct vault_config config = { .url = s->vault_url,
                                   .ca_file = s->vault_ca,
                                   .certificate = s->vault_certificate,
                                   .key = s->vault_key,
                                   .token_file = s->vault_token_file,
                                   .role_id_file = s->vault_role_id_file,
                                   .secret_id_file = s->vault_secret_id_file,
                                   .secret_id_wrapped = s->vault_wrapped,
                                   .approle_mount = s->vault_approle_mount,
                                   .name_space = s->vault_namespace,
                                   .transit_mount = s->vault_transit,
                                   .http2 = s->vault_http2,
                                   .mount = s->vault_mount,
                                   .prefix = s->vault_prefix,
                                   .kv_version = (unsigned)s->vault_kv_version,
                                   .allow_plain_http = s->vault_plain };
    char address[KEYD_PATH_MAX];
    struct keystore *vault = NULL;

    (void)folder;
    (void)hsm;
    TRY(open_lists(s, &config.crl));
    TRY(vault_open(&config, &vault));
    TRY(keyd_watch_store(vault, out));
    /* These two lines are what operators of the original system look for, word by word. */
    snprintf(address, sizeof address, "Vault Address: %s", s->vault_url);
    log_info(address);
    if (!failed((*out)->health(*out)))
        log_info("vaultclient/vaultclient:InitializeClient() Vault client initialized");
    return OK;
}

void keyd_path_add(struct keyd_paths *p, const char *path)
{
    if (path && p->count < KEYD_PATHS_MAX)
        p->at[p->count++] = path;
}

/* What a host's name is looked up by, and libraries for it that are loaded late. */
static void may_resolve(struct access *a)
{
    static const char *const paths[] = {
        "/etc/hosts",    "/etc/resolv.conf",     "/etc/nsswitch.conf",
        "/etc/gai.conf", "/run/systemd/resolve", "/usr/lib",
        "/lib"
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        keyd_path_add(a->readable, paths[i]);
}

/* The file's folder, for a new one may be another file of that name. */
static void may_read_folder_of(struct access *a, const char *path, char folder[KEYD_PATH_MAX])
{
    if (!path)
        return;
    snprintf(folder, KEYD_PATH_MAX, "%s", path);
    char *end = strrchr(folder, '/');
    if (end)
        end[end == folder] = 0;
    else
        strcpy(folder, ".");
    keyd_path_add(a->readable, folder);
}

static void vault_grant(const struct keyd_settings *s, struct access *a)
{
    static char folders[6][KEYD_PATH_MAX];
    const char *const files[] = {
        s->vault_token_file,  s->vault_role_id_file, s->vault_secret_id_file,
        s->vault_certificate, s->vault_key,          s->crl
    };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        may_read_folder_of(a, files[i], folders[i]);
    keyd_path_add(a->readable, s->vault_ca ? s->vault_ca : "/etc/ssl/certs");
    may_resolve(a);
}

static struct err kmip_check(const struct keyd_settings *s)
{
    unsigned version;

    if (!s->kmip_host || !s->kmip_ca || !s->kmip_certificate || !s->kmip_key || !s->kmip_prefix ||
        !s->kmip_version)
        return FAIL(INPUT, "[kmip] needs host, ca, certificate, key, prefix and version");
    if (!s->kmip_port || s->kmip_port > PORT_MAX)
        return FAIL(INPUT, "[kmip] port is 1 to 65535");
    return strcmp(s->kmip_version, "auto") &&
                   failed(kmip_version_parse(span_str(s->kmip_version), &version))
               ? FAIL(INPUT, "[kmip] version is auto, 1.2, 1.3, 1.4 or 2.0")
               : OK;
}

static struct err open_kmip(const struct keyd_settings *s, const char *folder, struct seal_hsm *hsm,
                            struct keystore **out)
{
    char port[16];
    struct kmip_config config = { .host = s->kmip_host,
                                  .port = port,
                                  .ca_file = s->kmip_ca,
                                  .certificate = s->kmip_certificate,
                                  .key = s->kmip_key,
                                  .prefix = s->kmip_prefix,
                                  .version = s->kmip_version };
    struct keystore *kmip = NULL;

    (void)folder;
    (void)hsm;
    snprintf(port, sizeof port, "%u", (unsigned)s->kmip_port);
    TRY(open_lists(s, &config.crl));
    TRY(kmip_open(&config, &kmip));
    TRY(keyd_watch_store(kmip, out));
    if (!failed((*out)->health(*out)))
        log_info("the KMIP server answers", "host", s->kmip_host);
    return OK;
}

static void kmip_grant(const struct keyd_settings *s, struct access *a)
{
    static char ca[KEYD_PATH_MAX], certificate[KEYD_PATH_MAX], key[KEYD_PATH_MAX],
        crl[KEYD_PATH_MAX];

    may_read_folder_of(a, s->kmip_ca, ca);
    may_read_folder_of(a, s->kmip_certificate, certificate);
    may_read_folder_of(a, s->kmip_key, key);
    may_read_folder_of(a, s->crl, crl);
    may_resolve(a);
}

static struct err pkcs11_check(const struct keyd_settings *s)
{
    if (!s->pkcs11_module || !s->pkcs11_token || !s->pkcs11_pin_file || !s->pkcs11_prefix)
        return FAIL(INPUT, "[pkcs11] needs module, token, pin_file and prefix");
    if (s->pkcs11_module[0] != '/')
        return FAIL(INPUT, "[pkcs11] module is the path of the vendor's library");
    return OK;
}

/* The next word, cut out of the text; NULL at its end. */
static char *next_word(char **rest)
{
    *rest += strspn(*rest, " \t");
    char *word = *rest;
    size_t len = strcspn(word, " \t");

    *rest = word + len + (word[len] != 0);
    word[len] = 0;
    return len ? word : NULL;
}

/* NAME=VALUE, several: what vendors' modules find their configuration by. */
static fallible set_environment(const char *text)
{
    char *copy owned(free) = strdup(text ? text : ""), *rest = copy;

    if (!copy)
        return FAIL(SYSTEM, "out of memory");
    for (char *word = next_word(&rest); word; word = next_word(&rest)) {
        char *value = strchr(word, '=');
        if (!value || value == word)
            return FAIL(INPUT, "[pkcs11] environment has words NAME=VALUE");
        *value++ = 0;
        if (setenv(word, value, 1))
            return FAIL(SYSTEM, "out of memory");
    }
    return OK;
}

fallible keyd_hsm_open(const struct keyd_settings *s, struct keystore **out)
{
    const struct pkcs11_config config = { .module = s->pkcs11_module,
                                          .token = s->pkcs11_token,
                                          .pin_file = s->pkcs11_pin_file,
                                          .prefix = s->pkcs11_prefix };

    TRY(set_environment(s->pkcs11_environment));
    return pkcs11_open(&config, out);
}

static struct err open_pkcs11(const struct keyd_settings *s, const char *folder,
                              struct seal_hsm *hsm, struct keystore **out)
{
    struct keystore *store = NULL;

    (void)folder;
    (void)hsm;
    TRY(keyd_hsm_open(s, &store));
    TRY(keyd_watch_store(store, out));
    if (!failed((*out)->health(*out)))
        log_info("the HSM answers", "token", s->pkcs11_token);
    return OK;
}

static void pkcs11_grant(const struct keyd_settings *s, struct access *a)
{
    static char pin[KEYD_PATH_MAX], module[KEYD_PATH_MAX], files[KEYD_PATH_MAX];
    char *rest = files;

    may_read_folder_of(a, s->pkcs11_module, module);
    may_read_folder_of(a, s->pkcs11_pin_file, pin);
    snprintf(files, sizeof files, "%s", s->pkcs11_files ? s->pkcs11_files : "");
    for (char *word = next_word(&rest); word; word = next_word(&rest))
        keyd_path_add(a->writable, word);
    keyd_path_add(a->readable, "/etc/ssl");
    may_resolve(a);
}

static const struct kind kinds[] = {
    { "embedded", embedded_check, open_embedded, NULL },
    { "vault", vault_check, open_vault, vault_grant },
    { "kmip", kmip_check, open_kmip, kmip_grant },
    { "pkcs11", pkcs11_check, open_pkcs11, pkcs11_grant },
};

static const struct kind *kind_of(const struct keyd_settings *s)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (!strcmp(s->manager, kinds[i].name))
            return &kinds[i];
    return NULL;
}

fallible keyd_store_check(const struct keyd_settings *s)
{
    const struct kind *k = kind_of(s);
    return k ? k->check(s) : FAIL(INPUT, "[keys] manager is embedded, vault, kmip or pkcs11");
}

fallible keyd_store_open(const struct keyd_settings *s, const char *folder, struct seal_hsm *hsm,
                         struct keystore **out)
{
    return kind_of(s)->open(s, folder, hsm, out);
}

void keyd_store_paths(const struct keyd_settings *s, struct keyd_paths *readable,
                      struct keyd_paths *writable)
{
    const struct kind *k = kind_of(s);

    if (k->grant)
        k->grant(s, &(struct access){ readable, writable });
    if (keyd_has_sealer(s))
        pkcs11_grant(s, &(struct access){ readable, writable });
}

fallible keyd_store_confine(const struct keyd_settings *s, const char *folder)
{
    struct keyd_paths readable = { 0 }, writable = { 0 };

    keyd_path_add(&writable, folder);
    if (!kind_of(s)->grant)
        return daemon_confine(NULL, writable.at, SANDBOX_STORE);
    keyd_store_paths(s, &readable, &writable);
    return daemon_confine(readable.at, writable.at, SANDBOX_NETWORK);
}

fallible keyd_sealer_confine(const struct keyd_settings *s)
{
    struct keyd_paths readable = { 0 }, writable = { 0 };

    pkcs11_grant(s, &(struct access){ &readable, &writable });
    return daemon_confine(readable.at, writable.at, SANDBOX_NETWORK);
}
