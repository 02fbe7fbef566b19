// SPDX-License-Identifier: Apache-2.0
/* How a token is come by: from its file, or by AppRole with a role id and a secret id. */
#include "keys/vault_login_internal.h"

#include "base/clock.h"

#define LOGIN_BODY_MAX 4096
#define WRAPPED_PATH_MAX 256
/* Vault locks a role out after five wrong secret ids in a row (OpenBao 2.7: for 15 minutes). */
#define REFUSED_PAUSE_US 15000000
#define REFUSED_PAUSE_MAX_US 600000000

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_word(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] <= ' ' || text.at[i] > '~' || text.at[i] == '"' || text.at[i] == '\\')
            return false;
    }
    return text.len && text.len <= VAULT_TOKEN_MAX;
}

struct err vault_word_load(const char *path, const struct vault_words *words, struct secret **out)
{
    struct secret *file owned(secret_free) = NULL;
    struct err e = secret_load(path, &file);

    if (e.kind == FAIL_DENIED)
        return words->open_to_others;
    if (failed(e))
        return words->unreadable;
    struct span text = secret_expose(file);
    while (text.len && is_space(text.at[text.len - 1]))
        text.len--;
    if (!is_word(text))
        return words->something_else;
    struct secret *word = secret_new(text.len + 1);
    if (!word)
        return FAIL(SYSTEM, "secure memory exhausted");
    memcpy(secret_fill(word), text.at, text.len);
    *out = word;
    return OK;
}

/* A file's failures are ours, not the caller's: no FAIL_ABSENT, no FAIL_DENIED. */
static const struct vault_words of_token = {
    FAIL(UPSTREAM, "the file with Vault's token may be read by others: its mode must be 0600"),
    FAIL(UPSTREAM, "the file with Vault's token cannot be read"),
    FAIL(UPSTREAM, "the file with Vault's token holds something else"),
};
static const struct vault_words of_role_id = {
    FAIL(UPSTREAM, "the file with Vault's role id may be read by others: its mode must be 0600"),
    FAIL(UPSTREAM, "the file with Vault's role id cannot be read"),
    FAIL(UPSTREAM, "the file with Vault's role id holds something else"),
};
static const struct vault_words of_secret_id = {
    FAIL(UPSTREAM, "the file with Vault's secret id may be read by others: its mode must be 0600"),
    FAIL(UPSTREAM, "the file with Vault's secret id cannot be read"),
    FAIL(UPSTREAM, "the file with Vault's secret id holds something else"),
};

static struct secret *word_copy(const struct secret *s)
{
    return secret_copy(secret_expose(s));
}

void vault_login_hold(struct vault_login *l, struct secret *token)
{
    secret_free(l->token);
    l->token = token;
    l->generation++;
    l->life = (struct vault_life){ 0 };
    l->told_root = l->told_end = false;
}

/* The file is read for every call, so that a new token counts at once. */
static fallible token_of_file(struct vault_login *l)
{
    struct secret *token owned(secret_free) = NULL;

    TRY(vault_word_load(l->token_file, &of_token, &token));
    if (!l->token || !secret_equal(l->token, token))
        vault_login_hold(l, TAKE(token));
    return OK;
}

static fallible post(struct vault *v, const char *path, const struct secret *token,
                     struct span body, struct http_reply *reply)
{
    const char *url;
    bool passing;

    TRY(vault_active(v, &url, &passing));
    struct err e =
        vault_send(v,
                   &(struct vault_request){
                       .base = url, .method = "POST", .path = path, .body = body, .token = token },
                   reply, &passing);
    if (failed(e) || vault_status_passes(reply->status))
        vault_active_doubt(v);
    TRY(e);
    return vault_status_passes(reply->status) ? FAIL(UPSTREAM, "Vault cannot answer a login now")
                                              : OK;
}

/* It must wrap the answer to a request for a secret id of this mount, else somebody has exchanged
 * it. */
static fallible check_wrapping(struct vault *v, const struct vault_login *l,
                               const struct secret *wrapping)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct buf prefix owned(buf_done) = buf_of(WRAPPED_PATH_MAX);
    const struct err foreign =
        FAIL(UPSTREAM, "Vault's wrapped secret id is used, expired, or none of this mount: "
                       "somebody else may have unwrapped it");
    struct span path;

    TRY(post(v, "sys/wrapping/lookup", wrapping, (struct span){ 0 }, &reply));
    if (reply.status != 200 ||
        failed(vault_raw_find(buf_span(&reply.body), "data", "creation_path", &path)))
        return foreign;
    buf_addf(&prefix, "auth/%s/role/", l->mount);
    TRY(buf_check(&prefix));
    const struct span end = SPAN("/secret-id");
    bool good = span_starts(path, buf_span(&prefix)) && path.len > prefix.len + end.len &&
                span_equal(span_tail(path, path.len - end.len), end);
    return good ? OK : foreign;
}

/* Once: afterwards the secret id is in memory alone. */
static fallible unwrap(struct vault *v, struct vault_login *l, const struct secret *wrapping)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct secret *id owned(secret_free) = NULL;

    TRY(check_wrapping(v, l, wrapping));
    TRY(post(v, "sys/wrapping/unwrap", wrapping, (struct span){ 0 }, &reply));
    if (reply.status != 200)
        return FAIL(UPSTREAM, "Vault does not unwrap the secret id");
    TRY(vault_text_parse(buf_span(&reply.body), "data", "secret_id", &id));
    if (!is_word(secret_expose(id)))
        return FAIL(UPSTREAM, "Vault's wrapped secret id is something else");
    secret_free(l->unwrapped);
    l->unwrapped = TAKE(id);
    l->unwrapped_mark = file_mark_of(l->secret_id_file);
    return OK;
}

/* Without a NUL at its end. */
static fallible secret_id(struct vault *v, struct vault_login *l, struct secret **out)
{
    struct secret *word owned(secret_free) = NULL;
    struct file_mark mark = file_mark_of(l->secret_id_file);

    if (!l->wrapped || !l->unwrapped || !file_mark_equal(&mark, &l->unwrapped_mark))
        TRY(vault_word_load(l->secret_id_file, &of_secret_id, &word));
    if (l->wrapped && word)
        TRY(unwrap(v, l, word));
    if (word)
        secret_shorten(word, secret_len(word) - 1);
    *out = l->wrapped ? word_copy(l->unwrapped) : TAKE(word);
    return *out ? OK : FAIL(SYSTEM, "secure memory exhausted");
}

static fallible login_body(struct span role, struct span id, struct secret **out)
{
    const struct span parts[] = { SPAN("{\"role_id\":\""), role, SPAN("\",\"secret_id\":\""), id,
                                  SPAN("\"}") };
    size_t len = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        len += parts[i].len;
    struct secret *body = secret_new(len);
    if (!body)
        return FAIL(SYSTEM, "secure memory exhausted");
    uint8_t *to = secret_fill(body);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        memcpy(to, parts[i].at, parts[i].len);
        to += parts[i].len;
    }
    *out = body;
    return OK;
}

static fallible prepare_login(struct vault *v, struct vault_login *l, struct secret **body)
{
    struct secret *role owned(secret_free) = NULL, *id owned(secret_free) = NULL;

    TRY(vault_word_load(l->role_id_file, &of_role_id, &role));
    TRY(secret_id(v, l, &id));
    return login_body(span_head(secret_expose(role), secret_len(role) - 1), secret_expose(id),
                      body);
}

static bool files_changed(const struct vault_login *l)
{
    struct file_mark role = file_mark_of(l->role_id_file), id = file_mark_of(l->secret_id_file);
    return !file_mark_equal(&role, &l->refused_role) || !file_mark_equal(&id, &l->refused_secret);
}

/* Tried again after a while, a longer one each time, or when one of the files has changed. */
static struct err note_refusal(struct vault_login *l)
{
    int64_t pause = l->pause_us ? l->pause_us * 2 : REFUSED_PAUSE_US;

    l->pause_us = pause < REFUSED_PAUSE_MAX_US ? pause : REFUSED_PAUSE_MAX_US;
    l->not_before = clock_monotonic_us() + l->pause_us;
    l->refused_role = file_mark_of(l->role_id_file);
    l->refused_secret = file_mark_of(l->secret_id_file);
    return FAIL(UPSTREAM, "Vault refuses the role id or the secret id");
}

static fallible accept_login(struct vault_login *l, struct span reply)
{
    struct secret *token owned(secret_free) = NULL, *word owned(secret_free) = NULL;
    uint64_t seconds = 0;

    TRY(vault_text_parse(reply, "auth", "client_token", &token));
    if (!is_word(secret_expose(token)))
        return FAIL(UPSTREAM, "Vault's answer is not understood");
    word = secret_new(secret_len(token) + 1);
    if (!word)
        return FAIL(SYSTEM, "secure memory exhausted");
    memcpy(secret_fill(word), secret_expose(token).at, secret_len(token));
    vault_login_hold(l, TAKE(word));
    (void)vault_number_find(reply, "auth", "lease_duration", &seconds);
    vault_life_set(&l->life, seconds, true);
    l->pause_us = 0;
    return OK;
}

static fallible login(struct vault *v, struct vault_login *l)
{
    struct http_reply reply owned(http_reply_done) = { 0 };
    struct secret *body owned(secret_free) = NULL;
    struct buf path owned(buf_done) = buf_of(VAULT_PATH_MAX);

    if (l->pause_us && clock_monotonic_us() < l->not_before && !files_changed(l))
        return FAIL(UPSTREAM, "Vault refuses the role id or the secret id");
    buf_addf(&path, "auth/%s/login", l->mount);
    TRY(buf_check(&path));
    TRY(prepare_login(v, l, &body));
    TRY(post(v, buf_str(&path), NULL, secret_expose(body), &reply));
    if (reply.status == 400 || reply.status == 401 || reply.status == 403)
        return note_refusal(l);
    if (reply.status == 404)
        return FAIL(UPSTREAM, "Vault has no AppRole logins at this mount");
    if (reply.status != 200)
        return FAIL(UPSTREAM, "Vault does not accept the login");
    return accept_login(l, buf_span(&reply.body));
}

/* Under the lock. */
static fallible have_token(struct vault *v, struct vault_login *l)
{
    if (l->token_file)
        return token_of_file(l);
    return l->token && !vault_life_over(&l->life) ? OK : login(v, l);
}

fallible vault_token(struct vault *v, struct secret **out, uint64_t *generation)
{
    struct vault_login *l = v->login;
    struct secret *copy = NULL;

    pthread_mutex_lock(&l->lock);
    struct err e = have_token(v, l);
    if (!failed(e))
        copy = word_copy(l->token);
    *generation = l->generation;
    pthread_mutex_unlock(&l->lock);
    TRY(e);
    *out = copy;
    return copy ? OK : FAIL(SYSTEM, "secure memory exhausted");
}

fallible vault_login_anew(struct vault *v, uint64_t generation, bool *other)
{
    struct vault_login *l = v->login;
    struct err e = OK;

    pthread_mutex_lock(&l->lock);
    if (l->generation == generation && !l->token_file && clock_monotonic_us() >= l->patient_until)
        e = login(v, l);
    *other = l->generation != generation;
    pthread_mutex_unlock(&l->lock);
    return e;
}

void vault_login_in_vain(struct vault *v)
{
    struct vault_login *l = v->login;

    pthread_mutex_lock(&l->lock);
    l->patient_until = clock_monotonic_us() + VAULT_IN_VAIN_US;
    pthread_mutex_unlock(&l->lock);
}

fallible vault_login_check(const struct vault_login *l)
{
    struct secret *word owned(secret_free) = NULL, *other owned(secret_free) = NULL;

    if (l->token_file)
        return vault_word_load(l->token_file, &of_token, &word);
    TRY(vault_word_load(l->role_id_file, &of_role_id, &word));
    return vault_word_load(l->secret_id_file, &of_secret_id, &other);
}

fallible vault_login_new(const struct vault_config *c, struct vault_login **out)
{
    struct vault_login *l owned(vault_login_free) = calloc(1, sizeof *l);

    if (!l)
        return FAIL(SYSTEM, "out of memory");
    pthread_mutex_init(&l->lock, NULL);
    if (!c->token_file == !c->role_id_file)
        return FAIL(INPUT, "Vault needs either a token's file or those of an AppRole");
    if (!c->role_id_file != !c->secret_id_file)
        return FAIL(INPUT, "Vault's AppRole needs a role id and a secret id");
    l->token_file = span_dup(span_str(c->token_file ? c->token_file : c->role_id_file));
    l->secret_id_file = span_dup(span_str(c->secret_id_file));
    l->mount = span_dup(span_str(c->approle_mount ? c->approle_mount : "approle"));
    if (!l->token_file || !l->secret_id_file || !l->mount)
        return FAIL(SYSTEM, "out of memory");
    if (!c->token_file)
        l->role_id_file = TAKE(l->token_file);
    l->wrapped = c->secret_id_wrapped;
    TRY(vault_path_check(span_str(l->mount)));
    *out = TAKE(l);
    return OK;
}

void vault_login_free(struct vault_login *l)
{
    if (!l)
        return;
    secret_free(l->token);
    secret_free(l->unwrapped);
    free(l->token_file);
    free(l->role_id_file);
    free(l->secret_id_file);
    free(l->mount);
    pthread_mutex_destroy(&l->lock);
    free(l);
}
