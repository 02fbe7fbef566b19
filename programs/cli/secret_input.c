// SPDX-License-Identifier: Apache-2.0
#include "cli/secret_input.h"

#include <fcntl.h>
#include <termios.h>

#include "access/password.h"
#include "base/harden.h"
#include "cli/cli.h"

/* One line from the terminal without echo. */
static fallible read_line(int tty, const char *prompt, struct secret **out)
{
    struct termios was, silent;
    owned(secret_free) struct secret *line = secret_new(PASSWORD_MAX + 2);

    if (!line || tcgetattr(tty, &was))
        return FAIL(SYSTEM, "the terminal cannot be read");
    silent = was;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    dprintf(tty, "%s: ", prompt);
    tcsetattr(tty, TCSAFLUSH, &silent);
    ssize_t got = read(tty, secret_fill(line), secret_len(line));
    tcsetattr(tty, TCSAFLUSH, &was);
    dprintf(tty, "\n");
    if (got <= 0)
        return FAIL(INPUT, "no password was given");
    secret_shorten(line, (size_t)got);
    return password_of_file(line, out);
}

static fallible ask(const char *prompt, bool twice, struct secret **out)
{
    int tty owned(fd_close) = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    owned(secret_free) struct secret *first = NULL;
    owned(secret_free) struct secret *again = NULL;

    if (tty < 0)
        return FAIL(INPUT, "there is no terminal to ask at");
    TRY(read_line(tty, prompt, &first));
    if (twice) {
        TRY(read_line(tty, "Again", &again));
        if (!secret_equal(first, again))
            return FAIL(INPUT, "the two passwords differ");
    }
    *out = TAKE(first);
    return OK;
}

static fallible read_file(const char *file, struct secret **out)
{
    owned(secret_free) struct secret *content = NULL;

    TRY(secret_load(file, &content));
    return password_of_file(content, out);
}

int read_password(const char *file, const char *prompt, bool twice, struct secret **out)
{
    struct err e = harden_process(); /* from here on there is something to find in a core dump */

    if (!failed(e))
        e = file ? read_file(file, out) : ask(prompt, twice, out);
    if (!failed(e))
        return EXIT_OK;
    return print_failure(e, file ? file : "password",
                         "give it in a file of mode 0600 with one line: --password-file FILE");
}

char *password_body(json_t *body, const struct secret *password)
{
    struct span p = secret_expose(password);

    json_set_span(body, "password", p);
    char *text = json_text(body);
    const char *copy = json_string_value(json_object_get(body, "password"));
    if (copy)
        wipe((void *)(uintptr_t)copy, p.len);
    return text;
}
