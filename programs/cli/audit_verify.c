// SPDX-License-Identifier: Apache-2.0
/* warder audit verify: the hash chain of an audit log's file, without any service. */
#include "base/hex.h"
#include "broker/audit.h"
#include "cli/audit.h"

/* What was found of the lines so far. */
struct following {
    struct audit_place at;
    int64_t first, lines;
    bool good;
};

/* The line without its end. False: the file ends here. */
static bool line_read(FILE *in, char *room, size_t size, struct span *line)
{
    if (!fgets(room, (int)size, in))
        return false;
    *line = span_str(room);
    if (line->len && room[line->len - 1] == '\n')
        line->len--;
    return true;
}

/* A file may begin in the middle; one that begins with the first record begins as the chain does.
 */
static bool begin(struct span line, struct following *f)
{
    struct audit_place stated;

    if (failed(audit_line_place(line, &stated)))
        return false;
    if (stated.seq)
        f->at = stated;
    f->first = stated.seq + 1;
    return true;
}

static fallible follow(FILE *in, struct following *f)
{
    static char room[AUDIT_LINE_MAX];
    struct span line;

    f->good = true;
    while (f->good && line_read(in, room, sizeof room, &line)) {
        f->good = f->lines++ || begin(line, f);
        if (f->good)
            TRY(audit_line_follows(line, &f->at, &f->good));
    }
    return ferror(in) ? FAIL(SYSTEM, "the file cannot be read") : OK;
}

static void print_found(const struct following *f, bool json)
{
    char hash[2 * SHA256_SIZE + 1];
    json_t *j owned(json_free) = json_object();

    hex_str(SPAN_OF(f->at.hash), hash);
    json_set_bool(j, "good", f->good);
    json_set_int(j, "records", f->lines - !f->good);
    if (f->good && f->lines) {
        json_set_int(j, "first", f->first);
        json_set_int(j, "last", f->at.seq);
        json_set_str(j, "hash", hash);
    }
    if (!f->good)
        json_set_int(j, "broken_line", f->lines);
    if (json)
        print_json(j);
    else if (!f->good)
        printf("line %lld does not follow: it was changed, or records before it are missing\n",
               (long long)f->lines);
    else if (!f->lines)
        printf("no records\n");
    else
        printf("records %lld to %lld follow one another; the last one's hash is\n%s\n",
               (long long)f->first, (long long)f->at.seq, hash);
}

int audit_verify(int argc, char **argv)
{
    const char *path, *output = NULL;
    const struct option_row rows[] = { OUTPUT_OPTION(output), { 0 } };
    const struct command_help help = {
        "warder audit verify", "FILE", "the hash chain of keyd's audit.log",
        "Each record's hash covers it and the hash before it. A file whose end was cut off "
        "verifies "
        "too: compare its last number and hash with those of 'warder audit list -o json', or with "
        "what was noted elsewhere. '-' is standard input.\n\n"
        "Exit status: 0 the records follow one another, 1 they do not."
    };
    struct following f = { .good = false };
    bool json;
    int rc;

    if (!verb_options(argc, argv, rows, &help, 1, &path, &rc))
        return rc;
    if (!output_is_json(output, &json))
        return EXIT_USAGE;
    FILE *in = strcmp(path, "-") ? fopen(path, "re") : stdin;
    if (!in)
        return print_failure(FAIL(ABSENT, "the file cannot be opened"), path, NULL);
    struct err e = follow(in, &f);
    if (in != stdin)
        fclose(in);
    if (failed(e))
        return print_failure(e, path, NULL);
    print_found(&f, json);
    return f.good ? EXIT_OK : EXIT_ERROR;
}
