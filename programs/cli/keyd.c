// SPDX-License-Identifier: Apache-2.0
/*
 * warder keyd: the seal of the embedded key manager, over keyd's socket on this machine. Shares and
 * passphrases are typed at the terminal without echo, or come line by line on standard input; never
 * on the command line.
 */
#include <unistd.h>

#include "base/harden.h"
#include "base/ipc.h"
#include "cli/cli.h"
#include "cli/secret_input.h"
#include "keys/key_service.h"

#define SOCKET "/run/warder/keyd/operator.sock"
#define INPUT_MAX (32U << 10)

struct operation {
    const char *socket, *output;
    uint64_t shares, threshold;
    bool json, typed; /* typed: there is a terminal to ask at */
    struct secret *input;
    struct span rest; /* of the input */
};
static void operation_donep(struct operation *o)
{
    secret_free(o->input);
}

#define KEYD_OPTIONS(o)                                                                            \
    { "socket",   0, OPTION_TEXT, "FILE", "keyd's socket for operators (default " SOCKET ")",      \
      &(o).socket },                                                                               \
        OUTPUT_OPTION((o).output)

/* Prints what went wrong. */
static int ask(const struct operation *o, const struct seal_question *q, struct seal_answer *a)
{
    struct key_service *service owned(key_service_close) = NULL;
    char reason[KEY_REASON_SIZE] = "";
    int fd;
    struct err e = ipc_connect(o->socket, &fd);

    if (failed(e))
        return print_failure(FAIL(UPSTREAM, "keyd does not answer"), o->socket,
                             "run this as root or keyd's user on keyd's machine");
    e = key_service_open(&fd, 1, &service);
    if (failed(e)) {
        close(fd);
        return print_failure(e, "keyd", NULL);
    }
    e = key_service_seal(service, q, a, reason);
    if (!failed(e))
        return EXIT_OK;
    int rc = print_failure(e, "keyd", NULL);
    if (reason[0])
        fprintf(stderr, "  %s\n", reason);
    return rc;
}

static const char *text_of(const json_t *status, const char *name)
{
    const char *text = json_string_value(json_object_get(status, name));
    return text ? text : "";
}

static void print_progress(const json_t *status)
{
    if (json_object_get(status, "threshold") && !strcmp(text_of(status, "state"), "sealed"))
        fprintf(stderr, "%lld of %lld shares given\n",
                (long long)json_integer_value(json_object_get(status, "shares_given")),
                (long long)json_integer_value(json_object_get(status, "threshold")));
}

static void print_shares(const struct secret *shares, json_t *into)
{
    struct span rest = secret_expose(shares);
    json_t *list = json_array();

    while (rest.len) {
        size_t end = span_find(rest, SPAN("\n"));
        json_array_append_new(list, json_stringn((const char *)rest.at, end));
        rest = span_tail(rest, end < rest.len ? end + 1 : end);
    }
    json_object_set_new(into, "new_shares", list);
}

static int finish(const struct operation *o, const struct seal_answer *a)
{
    if (o->json) {
        if (a->shares)
            print_shares(a->shares, a->status);
        print_json(a->status);
        return EXIT_OK;
    }
    if (a->shares) {
        struct span lines = secret_expose(a->shares);
        fprintf(stderr, "Give each of these shares to another holder. They are not shown again.\n");
        fwrite(lines.at, 1, lines.len, stdout);
        return fflush(stdout) ? EXIT_ERROR : EXIT_OK;
    }
    print_progress(a->status);
    print_object(a->status);
    return EXIT_OK;
}

static bool begin(int argc, char **argv, struct operation *o, const struct option_row *rows,
                  const struct command_help *help, int *rc)
{
    if (!verb_options(argc, argv, rows, help, 0, NULL, rc))
        return false;
    if (!o->socket)
        o->socket = SOCKET;
    *rc = EXIT_USAGE;
    if (!output_is_json(o->output, &o->json))
        return false;
    struct err e = harden_process();
    if (!failed(e))
        return true;
    *rc = print_failure(e, "start", NULL);
    return false;
}

/* All of standard input where it is no terminal. */
static int read_input(struct operation *o)
{
    struct secret *input = secret_new(INPUT_MAX);
    size_t len = 0;
    ssize_t got = 1;

    o->typed = isatty(STDIN_FILENO);
    if (o->typed || !input) {
        secret_free(input);
        return o->typed ? EXIT_OK
                        : print_failure(FAIL(SYSTEM, "secure memory exhausted"), "", NULL);
    }
    o->input = input;
    while (len < INPUT_MAX && got > 0) {
        got = read(STDIN_FILENO, secret_fill(input) + len, INPUT_MAX - len);
        len += got > 0 ? (size_t)got : 0;
    }
    secret_shorten(input, len);
    o->rest = secret_expose(input);
    return EXIT_OK;
}

static bool next_line(struct operation *o, struct span *line)
{
    while (o->rest.len) {
        size_t end = span_find(o->rest, SPAN("\n"));
        *line = span_head(o->rest, end);
        o->rest = span_tail(o->rest, end < o->rest.len ? end + 1 : end);
        while (line->len && (line->at[line->len - 1] == '\r' || line->at[line->len - 1] == ' '))
            line->len--;
        if (line->len)
            return true;
    }
    return false;
}

/* A line of the input, or what is typed. */
static int get_secret(struct operation *o, const char *prompt, bool twice, struct secret **out)
{
    struct span line;

    if (o->typed)
        return read_password(NULL, prompt, twice, out);
    if (!next_line(o, &line))
        return print_failure(FAIL(INPUT, "standard input has no line more"), prompt, NULL);
    *out = secret_copy(line);
    return *out ? EXIT_OK : print_failure(FAIL(SYSTEM, "secure memory exhausted"), prompt, NULL);
}

static int get_status(const struct operation *o, struct seal_answer *a)
{
    return ask(o, &(struct seal_question){ .act = SEAL_STATUS }, a);
}

static int act(struct operation *o, enum seal_act what)
{
    struct seal_answer a owned(seal_answer_done) = { 0 };
    int rc = ask(o, &(struct seal_question){ .act = what }, &a);
    return rc ? rc : finish(o, &a);
}

static int plain_verb(int argc, char **argv, enum seal_act what, const struct command_help *help)
{
    struct operation o owned(operation_done) = { 0 };
    const struct option_row rows[] = { KEYD_OPTIONS(o), { 0 } };
    int rc;

    return begin(argc, argv, &o, rows, help, &rc) ? act(&o, what) : rc;
}

static int keyd_status(int argc, char **argv)
{
    const struct command_help help = { "warder keyd status", "", "the seal, and keys to rewrap",
                                       NULL };
    return plain_verb(argc, argv, SEAL_STATUS, &help);
}

static int keyd_seal(int argc, char **argv)
{
    const struct command_help help = { "warder keyd seal", "",
                                       "forget the master key until somebody unseals",
                                       "Every key is refused with 503 and the code sealed." };
    return plain_verb(argc, argv, SEAL_CLOSE, &help);
}

static int keyd_rotate(int argc, char **argv)
{
    const struct command_help help = {
        "warder keyd rotate", "", "a new master key, and all keys sealed anew under it",
        "It goes on in the background and after a restart: 'warder keyd status' counts down."
    };
    return plain_verb(argc, argv, SEAL_ROTATE, &help);
}

static int keyd_forget(int argc, char **argv)
{
    const struct command_help help = { "warder keyd forget", "", "drop the shares given so far",
                                       NULL };
    return plain_verb(argc, argv, SEAL_FORGET, &help);
}

#define SHARE_OPTIONS(o)                                                                           \
    { "shares",                                                                                    \
      0,                                                                                           \
      OPTION_NUMBER,                                                                               \
      "N",                                                                                         \
      "seal shamir: so many are given out (default 5, at most 16)",                                \
      &(o).shares },                                                                               \
    {                                                                                              \
        "threshold", 0, OPTION_NUMBER, "N", "so many of them unseal (default 3)", &(o).threshold   \
    }

/* One number alone goes with the other's default, or is refused by keyd. */
static int set_numbers(const struct operation *o, struct seal_question *q)
{
    if (o->shares > UINT8_MAX || o->threshold > UINT8_MAX) {
        fprintf(stderr, "warder: --shares and --threshold are small numbers\n");
        return EXIT_USAGE;
    }
    q->shares = (unsigned)o->shares;
    q->threshold = (unsigned)o->threshold;
    return EXIT_OK;
}

static int keyd_init(int argc, char **argv)
{
    struct operation o owned(operation_done) = { 0 };
    const struct option_row rows[] = { SHARE_OPTIONS(o), KEYD_OPTIONS(o), { 0 } };
    const struct command_help help = { "warder keyd init", "",
                                       "make the master key, once, sealed as [embedded] seal says",
                                       "With shamir the shares are printed, this once." };
    struct seal_answer before owned(seal_answer_done) = { 0 }, a owned(seal_answer_done) = { 0 };
    struct secret *fresh owned(secret_free) = NULL;
    struct seal_question q = { .act = SEAL_INIT };
    int rc;

    if (!begin(argc, argv, &o, rows, &help, &rc))
        return rc;
    rc = set_numbers(&o, &q);
    if (!rc)
        rc = get_status(&o, &before);
    if (!rc && !strcmp(text_of(before.status, "state"), "uninitialized") &&
        !strcmp(text_of(before.status, "configured_seal"), "passphrase")) {
        rc = read_input(&o);
        if (!rc)
            rc = get_secret(&o, "New passphrase", true, &fresh);
        q.fresh = fresh ? secret_expose(fresh) : SPAN("");
    }
    if (!rc)
        rc = ask(&o, &q, &a);
    return rc ? rc : finish(&o, &a);
}

/* Asks with one share or passphrase after another, until keyd has enough; at a terminal one. */
static int give(struct operation *o, struct seal_question *q, const char *prompt,
                struct seal_answer *a)
{
    int rc;

    do {
        struct secret *given owned(secret_free) = NULL;
        seal_answer_done(a);
        rc = get_secret(o, prompt, false, &given);
        if (rc)
            return rc;
        q->given = secret_expose(given);
        rc = ask(o, q, a);
    } while (!rc && !o->typed && o->rest.len && !a->shares &&
             json_integer_value(json_object_get(a->status, "shares_given")));
    return rc;
}

static bool has_holders(const char *seal)
{
    return !strcmp(seal, "shamir") || !strcmp(seal, "passphrase");
}

static int keyd_unseal(int argc, char **argv)
{
    struct operation o owned(operation_done) = { 0 };
    const struct option_row rows[] = { KEYD_OPTIONS(o), { 0 } };
    const struct command_help help = {
        "warder keyd unseal", "", "give a share or the passphrase, or open the file or HSM again",
        "Shares count until there are enough; standard input may have several, a line each."
    };
    struct seal_answer before owned(seal_answer_done) = { 0 }, a owned(seal_answer_done) = { 0 };
    struct seal_question q = { .act = SEAL_UNSEAL };
    int rc;

    if (!begin(argc, argv, &o, rows, &help, &rc))
        return rc;
    rc = get_status(&o, &before);
    const char *seal = text_of(before.status, "seal");
    bool sealed = !strcmp(text_of(before.status, "state"), "sealed");
    if (!rc && sealed && has_holders(seal)) {
        rc = read_input(&o);
        if (!rc)
            rc = give(&o, &q, !strcmp(seal, "shamir") ? "Share" : "Passphrase", &a);
    } else if (!rc) {
        rc = ask(&o, &q, &a);
    }
    return rc ? rc : finish(&o, &a);
}

/* The new passphrase is asked for first: with the last share it must be there. */
static int rekey(struct operation *o, struct seal_question *q, const json_t *status)
{
    struct seal_answer a owned(seal_answer_done) = { 0 };
    struct secret *fresh owned(secret_free) = NULL;
    const char *seal = text_of(status, "seal");
    bool secret_needed = !strcmp(text_of(status, "configured_seal"), "passphrase");
    int rc = has_holders(seal) || secret_needed ? read_input(o) : EXIT_OK;

    if (!rc && secret_needed)
        rc = get_secret(o, "New passphrase", true, &fresh);
    if (rc)
        return rc;
    q->fresh = fresh ? secret_expose(fresh) : SPAN("");
    rc = has_holders(seal) ? give(o, q, !strcmp(seal, "shamir") ? "Share" : "Old passphrase", &a)
                           : ask(o, q, &a);
    return rc ? rc : finish(o, &a);
}

static int keyd_rekey(int argc, char **argv)
{
    struct operation o owned(operation_done) = { 0 };
    const struct option_row rows[] = { SHARE_OPTIONS(o), KEYD_OPTIONS(o), { 0 } };
    const struct command_help help = {
        "warder keyd rekey", "",
        "new shares, a new passphrase, or another kind of seal; no key changes",
        "The holders of the old shares, or the old passphrase, agree. On standard input the new "
        "passphrase comes first."
    };
    struct seal_answer before owned(seal_answer_done) = { 0 };
    struct seal_question q = { .act = SEAL_REKEY };
    int rc;

    if (!begin(argc, argv, &o, rows, &help, &rc))
        return rc;
    rc = set_numbers(&o, &q);
    if (!rc)
        rc = get_status(&o, &before);
    return rc ? rc : rekey(&o, &q, before.status);
}

int cli_keyd(int argc, char **argv)
{
    static const struct verb verbs[] = {
        { "init", keyd_init, "make the master key" },
        { "status", keyd_status, "sealed or not, and keys to rewrap" },
        { "unseal", keyd_unseal, "give a share or the passphrase" },
        { "seal", keyd_seal, "forget the master key" },
        { "rekey", keyd_rekey, "new shares or another seal" },
        { "rotate", keyd_rotate, "a new master key for all keys" },
        { "forget", keyd_forget, "drop the shares given so far" },
        { 0 },
    };
    return verb_dispatch("warder keyd", "the seal of the embedded key manager, on keyd's machine",
                         verbs, argc, argv);
}
