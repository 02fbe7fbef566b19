// SPDX-License-Identifier: Apache-2.0
/*
 * Command lines and configuration files: one table row an option or a setting; the table parses
 * and prints the help. Also the one home of getenv(3).
 *
 * Configuration files have sections of `key = value`; `#` starts a comment line; an unknown section
 * or key, a key given twice and a bad value are errors that name file and line. Secrets never come
 * by argv or environment: settings name files.
 */
#ifndef BASE_OPTIONS_H
#define BASE_OPTIONS_H

#include "base/buf.h"

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };

struct option_row {
    const char *name; /* "collateral": --collateral */
    char letter;      /* 'o' for -o, 0 for none */
    enum option_kind kind;
    const char *argument; /* "DIR", shown in help; NULL for a flag */
    const char *help;
    void *value; /* bool *, const char ** (borrows from argv), or uint64_t *; filled when given */
};

struct command_help {
    const char *name;      /* "warder verify" */
    const char *arguments; /* "EVIDENCE" */
    const char *summary;   /* one line */
    const char *details;   /* NULL or paragraphs: exit status, examples */
};

enum options_result { OPTIONS_GO, OPTIONS_DONE /* --help or --version printed */, OPTIONS_USAGE };

/* Rows end with a zero row; one of the name "version" takes the place of the program's own. `*rest`
 * becomes the index of the first operand. Options may come after operands; "--" ends them. A usage
 * error is printed on stderr with a hint at --help. */
enum options_result options_parse(int argc, char **argv, const struct option_row *rows,
                                  const struct command_help *help, int *rest);

struct setting {
    const char *section, *key;
    enum option_kind kind; /* OPTION_FLAG takes yes, no, true, false */
    void *value;           /* bool *, char ** (owned, malloc'ed), uint64_t * */
    const char *help;      /* shown by --show-config */
};

/* Rows end with a zero row; pointers in `value` hold the defaults (char * defaults malloc'ed or
 * NULL). On failure `*message` gets "file:line: ..." (malloc'ed). */
fallible settings_load(const char *path, const struct setting *rows, char **message);
fallible settings_parse(struct span text, const char *name, const struct setting *rows,
                        char **message);
/* Frees the texts and makes them NULL. */
void settings_free(const struct setting *rows);
/* The file in full, with the values in force, each with its help as a comment. */
void settings_show(const struct setting *rows, FILE *out);

/* Environment variable or NULL; used for paths and switches only, never for a secret. */
const char *options_env(const char *name);

#define WARDER_VERSION "0.1.0"

#endif
