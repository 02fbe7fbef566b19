// SPDX-License-Identifier: Apache-2.0
/*
 * The frame of `warder`: one file per verb, verbs in a table, a session with the services, output
 * as text or JSON. stdout is the answer, stderr the talk; a verb's function returns the exit
 * status.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/json.h"
#include "base/options.h"

enum exit_status {
    EXIT_OK = 0,
    EXIT_ERROR = 1, /* malformed, absent, conflict */
    EXIT_USAGE = 2,
    EXIT_DENIED = 3,     /* not authenticated, not permitted, refused */
    EXIT_UNAVAILABLE = 4 /* a service is down: try again later */
};

struct verb {
    const char *name;                  /* NULL ends a table */
    int (*run)(int argc, char **argv); /* argv[0] is the verb */
    const char *summary;
};

/* argv[1] chooses from the table; --help lists it. `parent`: "warder key". */
int verb_dispatch(const char *parent, const char *summary, const struct verb *table, int argc,
                  char **argv);

/* A verb's command line: its options, and exactly `count` operands. False: nothing is left to do,
 * and *exit_status says how it ended. */
bool verb_options(int argc, char **argv, const struct option_row *rows,
                  const struct command_help *help, int count, const char **operands,
                  int *exit_status);

int cli_aas(int argc, char **argv);
int cli_appraisal(int argc, char **argv);
int cli_cms(int argc, char **argv);
int cli_certificate(int argc, char **argv);
int cli_collateral(int argc, char **argv);
int cli_audit(int argc, char **argv);
int cli_deny(int argc, char **argv);
int cli_dev(int argc, char **argv);
int cli_kbs(int argc, char **argv);
int cli_key(int argc, char **argv);
int cli_keyd(int argc, char **argv);
int cli_policy(int argc, char **argv);
int cli_secret(int argc, char **argv);
int cli_skc(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_tenant(int argc, char **argv);
int cli_user(int argc, char **argv);
int cli_role(int argc, char **argv);
int cli_token(int argc, char **argv);

/* What every verb that talks to services takes, as option rows; put them into the verb's table:
 *   struct session_options s = { 0 };
 *   const struct option_row rows[] = { SESSION_OPTIONS(s), ..., { 0 } }; */
struct session_options {
    const char *config, *output;
    unsigned wait_ms; /* for an answer; 0: SESSION_WAIT_MS */
};
#define SESSION_WAIT_MS 30000
#define SESSION_OPTIONS(s)                                                                         \
    { "config",                                                                                    \
      0,                                                                                           \
      OPTION_TEXT,                                                                                 \
      "FILE",                                                                                      \
      "services, CA and token (default $WARDER_CONFIG, ~/.config/warder/cli.conf, "                \
      "/etc/warder/cli.conf)",                                                                     \
      &(s).config },                                                                               \
        OUTPUT_OPTION((s).output)
/* For verbs that talk to nobody. */
#define OUTPUT_OPTION(to)                                                                          \
    {                                                                                              \
        "output", 'o', OPTION_TEXT, "text|json", "form of the answer (default text)", &(to)        \
    }
/* What -o said; NULL is text. False: neither text nor json, which is told. */
bool output_is_json(const char *given, bool *json);

enum service {
    SERVICE_KBS,
    SERVICE_AAS,
    SERVICE_CMS,
    SERVICE_AS,
    SERVICE_QVS,
    SERVICE_TCS,
    SERVICE_COUNT
};

struct session {
    char *urls[SERVICE_COUNT]; /* "https://127.0.0.1:9443", no trailing slash */
    char *ca_file, *crl, *token_file, *username, *tenant;
    uint64_t crl_grace_minutes;
    bool json;
    struct crl_watch *lists;
    struct http_client *http;
};

/* Reads the configuration and makes the HTTP client. Prints what is wrong; EXIT_OK or an exit
 * status. */
int session_open(const struct session_options *options, struct session *out);
void session_close(struct session *s);
static inline void session_closep(struct session *s)
{
    session_close(s);
}

/* The command line of a verb that talks to services, as verb_options(), and its session. False:
 * over, with the exit status. */
bool verb_session(int argc, char **argv, const struct option_row *rows,
                  const struct command_help *help, int count, const char **operands,
                  const struct session_options *options, struct session *s, int *exit_status);
/* One object as the answer, in the session's form; EXIT_OK. */
int session_answer(const struct session *s, const json_t *object);

/* One call with the session's token. `path` begins with '/'. `body` NULL: none; its reference is
 * not taken. Any 2xx is EXIT_OK and *answer gets the JSON (an object or array, or NULL for an empty
 * body); otherwise the problem is printed with what to do next and the exit status says its kind.
 */
int session_call(struct session *s, enum service service, const char *method, const char *path,
                 const json_t *body, json_t **answer);
/* The same for other content: `type` is the content type of `body`; the answer's bytes are
 * appended. `bearer` false: no token sent. */
int session_call_raw(struct session *s, enum service service, const char *method, const char *path,
                     const char *type, struct span body, bool bearer, struct buf *answer);

const char *service_name(enum service service);

/* A failure, "warder: WHAT: text", and a hint or NULL; returns the exit status of its kind. */
int print_failure(struct err e, const char *what, const char *hint);

/* Output. JSON goes out indented with a newline. */
void print_json(const json_t *j);
/* Text from elsewhere: control characters never reach a terminal. */
void print_clean(FILE *out, struct span text);
/* `rows`: array of objects. Columns: member names (dots go down) with headings, ended by a NULL
 * member. */
struct column {
    const char *member, *heading;
};
void print_table(const json_t *rows, const struct column *columns);
/* Members of one object as "name: value" lines, nested ones indented. */
void print_object(const json_t *object);

/* The rows of a list's answer: the array itself, or the one inside an object. Borrowed. */
const json_t *rows_of(const json_t *answer);

/* Verbs that are the same for every kind of thing: GET path as a table; GET and DELETE path + ID.
 */
int list_rows(int argc, char **argv, enum service service, const char *path, const char *name,
              const char *summary, const struct column *columns);
int show_one(int argc, char **argv, enum service service, const char *path, const char *name,
             const char *summary);
int delete_one(int argc, char **argv, enum service service, const char *path, const char *name,
               const char *summary);

#endif
