// SPDX-License-Identifier: Apache-2.0
/*
 * warder key enroll: a new TLS key for a workload, never on disk. The key is made in this process,
 * cmsd signs a CSR for it, the private part goes to keyd as a JWE to its import key, and is wiped;
 * what stays here is the certificate.
 */
#include "cli/enroll.h"

#include "base/file.h"
#include "base/harden.h"
#include "cli/cli.h"
#include "crypto/jose.h"
#include "crypto/x509.h"

#define SAN_MAX 16

struct enrolment {
    const char *subject, *san, *policy, *label, *folder;
    uint64_t bits;
};

/* "a,b,c" into pointers into `text`, NULL-terminated. */
static int split_names(char *text, const char *names[SAN_MAX + 1])
{
    size_t count = 0;
    for (char *save = NULL, *name = strtok_r(text, ",", &save); name;
         name = strtok_r(NULL, ",", &save)) {
        if (count == SAN_MAX) {
            fprintf(stderr, "warder: --san takes at most %d names\n", SAN_MAX);
            return EXIT_USAGE;
        }
        names[count++] = name;
    }
    names[count] = NULL;
    return EXIT_OK;
}

static int certify(struct session *s, const struct enrolment *e, const struct key *k,
                   struct buf *certificate)
{
    const char *names[SAN_MAX + 1];
    char *list owned(free) = strdup(e->san ? e->san : e->subject);
    struct buf csr owned(buf_done) = buf_of(16U << 10);

    if (!list)
        return print_failure(FAIL(SYSTEM, "memory"), "names", NULL);
    int rc = split_names(list, names);
    if (rc)
        return rc;
    struct err made = csr_make(k, e->subject, names, &csr);
    if (failed(made))
        return print_failure(made, "certificate request", NULL);
    return session_call_raw(s, SERVICE_CMS, "POST", "/cms/v1/certificates?certType=TLS",
                            "application/x-pem-file", buf_span(&csr), true, certificate);
}

static int import(struct session *s, const struct enrolment *e, const struct key *k,
                  json_t **answer)
{
    struct buf jwe owned(buf_done) = buf_of(JOSE_TEXT_MAX);
    struct secret *pkcs8 owned(secret_free) = NULL;
    struct err made = key_to_pkcs8(k, &pkcs8);
    int rc = failed(made) ? print_failure(made, "encode the key", NULL)
                          : key_wrap_for_keyd(s, pkcs8, "pkcs8", &jwe);
    if (rc)
        return rc;
    json_t *body owned(json_free) = json_object();
    json_t *information =
        json_pack("{s:s,s:I}", "algorithm", "RSA", "key_length", (json_int_t)e->bits);
    json_set_span(information, "key_string", buf_span(&jwe));
    json_object_set_new(body, "key_information", information);
    json_set_str(body, "transfer_policy_id", e->policy);
    json_set_str(body, "label", e->label);
    return session_call(s, SERVICE_KBS, "POST", "/kbs/v1/keys", body, answer);
}

static int report(const struct session *s, const struct enrolment *e, const json_t *answer,
                  struct span certificate)
{
    const json_t *information;
    struct span id;
    struct buf path owned(buf_done) = buf_of(4096);
    char *full owned(free) = realpath(e->folder ? e->folder : ".", NULL);

    struct err bad = json_get_object(answer, "key_information",
                                     "the broker's answer has no key_information", &information);
    if (!failed(bad))
        bad = json_get_str(information, "id", "the broker's answer has no key id", &id);
    if (failed(bad))
        return print_failure(bad, "answer", NULL);
    buf_addf(&path, "%s/%.*s.crt", full ? full : ".", (int)id.len, (const char *)id.at);
    bad = file_write(buf_str(&path), certificate, 0644);
    if (failed(bad))
        return print_failure(bad, buf_str(&path),
                             "the key is imported; its certificate could not be written");
    if (s->json) {
        json_t *out owned(json_free) = json_object();
        json_set_span(out, "id", id);
        json_set_str(out, "certificate", buf_str(&path));
        print_json(out);
        return EXIT_OK;
    }
    printf("Key Certificate Path: %s\nCreated Key: %.*s\n", buf_str(&path), (int)id.len,
           (const char *)id.at);
    return EXIT_OK;
}

static int enroll(struct session *s, const struct enrolment *e)
{
    struct key *k owned(key_free) = NULL;
    struct buf certificate owned(buf_done) = buf_of(64U << 10);
    json_t *answer owned(json_free) = NULL;

    struct err made = harden_process(); /* the key is in no core dump, and no tracer's to read */
    if (!failed(made))
        made = key_make_rsa((unsigned)e->bits, &k);
    if (failed(made))
        return print_failure(made, "make the key", NULL);
    int rc = certify(s, e, k, &certificate);
    if (!rc)
        rc = import(s, e, k, &answer);
    return rc ? rc : report(s, e, answer, buf_span(&certificate));
}

int key_enroll(int argc, char **argv)
{
    struct session_options options = { 0 };
    struct enrolment e = { .subject = "localhost", .label = "RSAKEY", .bits = 3072 };
    const struct option_row rows[] = {
        { "subject", 0, OPTION_TEXT, "NAME", "common name of the certificate (default localhost)",
          &e.subject },
        { "san", 0, OPTION_TEXT, "NAMES",
          "host names and addresses, comma-separated (default: the subject)", &e.san },
        { "bits", 0, OPTION_NUMBER, "N", "2048, 3072 (default) or 4096", &e.bits },
        { "policy", 0, OPTION_TEXT, "ID", "transfer policy (default: the tenant's)", &e.policy },
        { "label", 0, OPTION_TEXT, "TEXT", "object label (default RSAKEY)", &e.label },
        { "folder", 0, OPTION_TEXT, "DIR", "where the certificate is written (default: here)",
          &e.folder },
        SESSION_OPTIONS(options),
        { 0 },
    };
    const struct command_help help = {
        "warder key enroll", "",
        "make a TLS key, have it certified, import it; only the certificate stays here",
        "The key is made in memory, sent to keyd wrapped to its import key, and wiped.\n"
        "Prints the path of the certificate and the id of the key."
    };
    int rc;

    if (!verb_options(argc, argv, rows, &help, 0, NULL, &rc))
        return rc;
    if (e.bits != 2048 && e.bits != 3072 && e.bits != 4096) {
        fprintf(stderr, "warder: --bits takes 2048, 3072 or 4096\n");
        return EXIT_USAGE;
    }
    struct session s owned(session_close) = { 0 };
    rc = session_open(&options, &s);
    return rc ? rc : enroll(&s, &e);
}
