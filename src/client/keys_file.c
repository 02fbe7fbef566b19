// SPDX-License-Identifier: Apache-2.0
#include "client/keys_file.h"

#include "base/file.h"
#include "base/hex.h"
#include "base/owned.h"
#include "base/reader.h"
#include "crypto/random.h"

#define LINE_MAX_SIZE 2048
#define PATH_SIZE 1024
#define KEYS_TEXT_MAX (256U << 10)
#define PIN_MIN 4
#define PIN_MAX 255

void key_line_done(struct key_line *l)
{
    secret_free(l->pin);
    free(l->certificate);
    *l = (struct key_line){ 0 };
}

void keys_file_done(struct keys_file *f)
{
    for (size_t i = 0; i < f->count; i++)
        key_line_done(&f->lines[i]);
    free(f->lines);
    *f = (struct keys_file){ 0 };
}

/* What comes before the first of `stops`; `*rest` is what follows the stop, `*stop` which it was
 * (0: none). */
static struct span cut(struct span s, const char *stops, struct span *rest, char *stop)
{
    struct reader r = reader_of(s);
    size_t len = 0;

    while (r.rest.len) {
        char c = (char)reader_u8(&r);
        if (strchr(stops, c) && c) {
            *rest = r.rest;
            *stop = c;
            return span_head(s, len);
        }
        len++;
    }
    *rest = (struct span){ 0 };
    *stop = 0;
    return s;
}

/* Percent-decoding into text of at most max bytes; control characters are refused. */
static fallible decode(struct span value, size_t max, char *out)
{
    struct reader r = reader_of(value);
    size_t len = 0;

    while (r.rest.len) {
        int c = reader_u8(&r);
        if (c == '%') {
            int high = hex_digit(reader_u8(&r));
            int low = hex_digit(reader_u8(&r));
            if (r.failed || high < 0 || low < 0)
                return FAIL(INPUT, "percent-encoding in a PKCS#11 URI");
            c = high << 4 | low;
        }
        if (c < 0x20 || c == 0x7f || len >= max)
            return FAIL(INPUT, "value in a PKCS#11 URI: too long, or a control character");
        out[len++] = (char)c;
    }
    out[len] = 0;
    return OK;
}

static fallible take_id(struct span value, struct key_line *l)
{
    TRY(decode(value, KEY_ID_SIZE, l->id));
    if (!uuid_valid(span_str(l->id)))
        return FAIL(INPUT, "id in a PKCS#11 URI is not a key id (a UUID as text)");
    for (char *c = l->id; *c; c++)
        if (*c >= 'A' && *c <= 'F')
            *c = (char)(*c - 'A' + 'a');
    return OK;
}

static fallible take_token(struct span value, struct key_line *l)
{
    char token[KEY_LABEL_MAX + 1];

    (void)l;
    TRY(decode(value, KEY_LABEL_MAX, token));
    return strcmp(token, KEY_TOKEN) == 0 ? OK : FAIL(INPUT, "token in a PKCS#11 URI is not KMS");
}

static fallible take_label(struct span value, struct key_line *l)
{
    TRY(decode(value, KEY_LABEL_MAX, l->label));
    return l->label[0] ? OK : FAIL(INPUT, "empty object in a PKCS#11 URI");
}

static fallible take_type(struct span value, struct key_line *l)
{
    l->secret_key = span_equal_str(value, "secret-key");
    if (l->secret_key || span_equal_str(value, "private"))
        return OK;
    return FAIL(INPUT, "type in a PKCS#11 URI is neither private nor secret-key");
}

static fallible take_pin(struct span value, struct key_line *l)
{
    char pin[PIN_MAX + 1];
    struct err e = decode(value, PIN_MAX, pin);

    if (!failed(e) && strlen(pin) < PIN_MIN)
        e = FAIL(INPUT, "pin-value in a PKCS#11 URI is shorter than 4 characters");
    if (!failed(e)) {
        l->pin = secret_copy(span_str(pin));
        if (!l->pin)
            e = FAIL(SYSTEM, "secure memory exhausted");
    }
    wipe(pin, sizeof(pin));
    return e;
}

static fallible take_certificate(struct span value, struct key_line *l)
{
    char path[PATH_SIZE + 1];

    TRY(decode(value, PATH_SIZE, path));
    if (path[0] != '/')
        return FAIL(INPUT, "x-certificate in a PKCS#11 URI is not an absolute path");
    l->certificate = strdup(path);
    return l->certificate ? OK : FAIL(SYSTEM, "out of memory");
}

static const struct uri_attribute {
    const char *name;
    bool required, in_query;
    fallible (*take)(struct span value, struct key_line *l);
} attributes[] = {
    { "token", true, false, take_token },  { "id", true, false, take_id },
    { "object", true, false, take_label }, { "type", true, false, take_type },
    { "pin-value", true, true, take_pin }, { "x-certificate", false, true, take_certificate },
};
#define ATTRIBUTES (sizeof(attributes) / sizeof(attributes[0]))

static fallible take_attribute(struct span text, bool query, unsigned *seen, struct key_line *l)
{
    struct span value;
    char stop;
    struct span name = cut(text, "=", &value, &stop);

    for (size_t i = 0; i < ATTRIBUTES; i++) {
        if (!span_equal_str(name, attributes[i].name) || (query && !attributes[i].in_query))
            continue;
        if (*seen & 1U << i)
            return FAIL(INPUT, "attribute given twice in a PKCS#11 URI");
        *seen |= 1U << i;
        return stop ? attributes[i].take(value, l)
                    : FAIL(INPUT, "attribute without a value in a PKCS#11 URI");
    }
    return FAIL(INPUT, "unknown attribute in a PKCS#11 URI");
}

fallible key_uri_parse(struct span uri, struct key_line *out)
{
    struct key_line l owned(key_line_done) = { 0 };
    unsigned seen = 0;
    bool query = false;

    if (uri.len > LINE_MAX_SIZE)
        return FAIL(LIMIT, "PKCS#11 URI is too long");
    if (!span_starts(uri, SPAN("pkcs11:")))
        return FAIL(INPUT, "not a PKCS#11 URI: it must start with pkcs11:");
    struct span rest = span_tail(uri, 7);
    while (rest.len) {
        char stop;
        struct span part = cut(rest, query ? "&" : ";?", &rest, &stop);
        TRY(take_attribute(part, query, &seen, &l));
        query |= stop == '?';
    }
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (attributes[i].required && !(seen & 1U << i))
            return FAIL(INPUT, "PKCS#11 URI lacks one of token, id, object, type, pin-value");
    *out = l;
    l = (struct key_line){ 0 };
    return OK;
}

static struct span trim(struct span s)
{
    while (s.len && strchr(" \t\r", s.at[s.len - 1]) && s.at[s.len - 1])
        s = span_head(s, s.len - 1);
    while (s.len && (s.at[0] == ' ' || s.at[0] == '\t'))
        s = span_tail(s, 1);
    return s;
}

static fallible keys_file_add(struct keys_file *f, struct span uri)
{
    struct key_line l owned(key_line_done) = { 0 };

    if (f->count == KEYS_MAX)
        return FAIL(LIMIT, "too many keys in the keys file");
    TRY(key_uri_parse(uri, &l));
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->lines[i].id, l.id) == 0)
            return FAIL(INPUT, "key id given twice in the keys file");
    struct key_line *more = reallocarray(f->lines, f->count + 1, sizeof(l));
    if (!more)
        return FAIL(SYSTEM, "out of memory");
    f->lines = more;
    f->lines[f->count++] = l;
    l = (struct key_line){ 0 };
    return OK;
}

fallible keys_file_parse(struct span text, struct keys_file *out, unsigned *line)
{
    struct keys_file f owned(keys_file_done) = { 0 };

    *line = 0;
    for (struct span rest = text; rest.len;) {
        char stop;
        struct span uri = trim(cut(rest, "\n", &rest, &stop));
        ++*line;
        if (uri.len && uri.at[0] != '#')
            TRY(keys_file_add(&f, uri));
    }
    *line = 0;
    if (!f.count)
        return FAIL(INPUT, "the keys file names no key");
    *out = f;
    f = (struct keys_file){ 0 };
    return OK;
}

fallible keys_file_load(const char *path, struct keys_file *out, unsigned *line,
                        bool *open_to_others)
{
    struct buf text owned(buf_done) = buf_of(KEYS_TEXT_MAX);

    *line = 0;
    TRY(file_read(path, &text));
    *open_to_others = failed(file_check_private(path));
    struct err e = keys_file_parse(buf_span(&text), out, line);
    wipe(text.at, text.len);
    return e;
}
