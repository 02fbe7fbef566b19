// SPDX-License-Identifier: Apache-2.0
/* Who the client is, from where, when and how often: the members of a policy, read and checked. */
#include "broker/transfer_policy_internal.h"

#include "base/clock.h"

static fallible networks_read(struct transfer_policy *p, char **message)
{
    const json_t *item;
    size_t i;

    TRY(policy_texts(p->native, "client_networks_anyof", false, &p->networks, message));
    json_array_foreach(p->networks, i, item)
    {
        struct err e = source_network_parse(span_str(json_string_value(item)), &p->network[i]);
        if (failed(e))
            return policy_bad(message, "client_networks_anyof", e.what);
    }
    return OK;
}

static fallible wrappings_read(struct transfer_policy *p, char **message)
{
    const json_t *item;
    size_t i;

    TRY(policy_texts(p->native, "wrapping_anyof", false, &p->wrappings, message));
    json_array_foreach(p->wrappings, i, item)
    {
        const char *name = json_string_value(item);
        if (strcmp(name, WRAPPING_BY_KEYD) && strcmp(name, WRAPPING_IN_HSM) &&
            strcmp(name, WRAPPING_RSA))
            return policy_bad(message, "wrapping_anyof",
                              "known are " WRAPPING_BY_KEYD ", " WRAPPING_RSA
                              " and " WRAPPING_IN_HSM);
    }
    return OK;
}

static fallible time_read(struct transfer_policy *p, char **message)
{
    const char *where;

    p->time = json_object_get(p->native, "time");
    if (!p->time)
        return OK;
    struct err e = time_window_parse(p->time, &p->window, &where);
    return failed(e) ? policy_bad(message, where, e.what) : OK;
}

/* In place of the key. What is of a key that leaves does not go with it. */
static fallible use_read(struct transfer_policy *p, char **message)
{
    const json_t *list = NULL, *item;
    size_t i;

    TRY(policy_texts(p->native, "use", false, &list, message));
    json_array_foreach(list, i, item)
    {
        enum key_operation operation;
        if (failed(key_operation_parse(span_str(json_string_value(item)), &operation)))
            return policy_bad(message, "use", "known are sign, decrypt and derive");
        p->uses |= 1U << operation;
    }
    if (p->uses && (p->wrappings || json_object_get(p->native, "lease_minutes")))
        return policy_bad(message, "use",
                          "a key that stays has neither wrapping_anyof nor lease_minutes");
    return OK;
}

fallible transfer_terms_read(struct transfer_policy *p, char **message)
{
    const json_t *n = p->native;

    /* The protocol's own example of a policy has an empty client_permissions_allof: all of nothing.
     */
    TRY(policy_texts(n, "client_permissions_allof", true, &p->permissions_all, message));
    TRY(policy_texts(n, "client_permissions_anyof", false, &p->permissions_any, message));
    TRY(policy_texts(n, "client_certificate_issuer_anyof", false, &p->certificate_issuers,
                     message));
    TRY(policy_texts(n, "client_certificate_subject_anyof", false, &p->certificate_subjects,
                     message));
    TRY(networks_read(p, message));
    TRY(wrappings_read(p, message));
    TRY(use_read(p, message));
    TRY(time_read(p, message));
    if (failed(json_opt_u64(n, "max_releases", RELEASES_MAX, "releases", &p->max_releases)) ||
        (json_object_get(n, "max_releases") && !p->max_releases))
        return policy_bad(message, "max_releases",
                          "1 to 1000000000; leave the member out where none is meant");
    return OK;
}

static bool is_fetcher(const struct bearer_role *role)
{
    return span_equal_str(role->service, BROKER_SERVICE) &&
           span_equal_str(role->name, BROKER_FETCHER);
}

static bool has_any(const struct bearer *client, const json_t *wanted)
{
    json_t *item;
    size_t i;

    json_array_foreach((json_t *)wanted, i, item)
    {
        json_t *one owned(json_free) = json_pack("[O]", item);
        if (one && client && bearer_has_all(client, BROKER_SERVICE, BROKER_FETCHER, one))
            return true;
    }
    return false;
}

json_t *transfer_permissions(const struct bearer *client)
{
    json_t *list = json_array();
    struct bearer_role role;

    for (size_t i = 0; client && bearer_role_at(client, i, &role); i++)
        if (is_fetcher(&role))
            json_array_append_new(list,
                                  json_stringn((const char *)role.context.at, role.context.len));
    return list;
}

static bool check_permissions(const struct transfer_policy *p, const struct bearer *client,
                              json_t *checks)
{
    json_t *held owned(json_free) = transfer_permissions(client);
    bool all = true, any = true;

    if (json_array_size(p->permissions_all)) {
        all = bearer_has_all(client, BROKER_SERVICE, BROKER_FETCHER, p->permissions_all);
        check_add(checks, "client_permissions_allof", all, p->permissions_all, held);
    }
    if (p->permissions_any) {
        any = has_any(client, p->permissions_any);
        check_add(checks, "client_permissions_anyof", any, p->permissions_any, held);
    }
    return all && any;
}

/* NULL: nothing there. */
static json_t *text_of(struct span text)
{
    return text.len ? json_stringn((const char *)text.at, text.len) : NULL;
}

static bool check_text(const char *name, const json_t *wanted, struct span found, json_t *checks)
{
    json_t *actual owned(json_free) = text_of(found);
    bool good = !wanted || (found.len && texts_have(wanted, found));

    if (wanted)
        check_add(checks, name, good, wanted, actual);
    return good;
}

static bool check_network(const struct transfer_policy *p, struct span source, json_t *checks)
{
    json_t *actual owned(json_free) = text_of(source);
    bool good = !p->networks;

    for (size_t i = 0; i < json_array_size(p->networks) && !good; i++)
        good = source_network_holds(&p->network[i], source);
    if (p->networks)
        check_add(checks, "client_networks_anyof", good, p->networks, actual);
    return good;
}

static bool may_fetch(const struct bearer *client)
{
    struct bearer_role role;

    if (bearer_allows(client, BROKER_SERVICE, "keys:transfer", SPAN("")))
        return true;
    for (size_t i = 0; bearer_role_at(client, i, &role); i++)
        if (is_fetcher(&role))
            return true;
    return false;
}

/* Whoever fetches without enforcement must be somebody whom aasd lets fetch keys. */
static enum code check_bearer(const struct transfer_policy *p, const struct bearer *client,
                              json_t *checks)
{
    bool enforced = p->attestation == ATTESTATION_REQUIRE;
    bool needed = !enforced || json_array_size(p->permissions_all) || p->permissions_any;

    if (needed && !client) {
        check_add(checks, "bearer_token", false, NULL, NULL);
        return CODE_TOKEN_MISSING;
    }
    bool good = enforced || may_fetch(client);
    if (!enforced)
        check_add(checks, "client_may_fetch", good, NULL, NULL);
    return good ? CODE_OK : CODE_PERMISSION_DENIED;
}

fallible transfer_policy_check_client(const struct transfer_policy *p,
                                      const struct transfer_claims *c, json_t *checks,
                                      enum code *code)
{
    enum code bearer = check_bearer(p, c->client, checks);
    bool good = !c->client || check_permissions(p, c->client, checks);

    good &= check_text("client_certificate_issuer_anyof", p->certificate_issuers,
                       c->certificate_issuer, checks);
    good &= check_text("client_certificate_subject_anyof", p->certificate_subjects,
                       c->certificate_subject, checks);
    good &= check_network(p, c->source, checks);
    *code = bearer != CODE_OK ? bearer : good ? CODE_OK : CODE_CLIENT_REFUSED;
    return OK;
}

static bool check_time(const struct transfer_policy *p, int64_t now, json_t *checks)
{
    char text[CLOCK_TEXT_MAX];
    bool open = !p->time || time_window_holds(&p->window, now);

    if (p->time) {
        json_t *actual owned(json_free) = json_string(clock_format(now, text));
        check_add(checks, "time", open, p->time, actual);
    }
    return open;
}

fallible transfer_policy_check_terms(const struct transfer_policy *p,
                                     const struct transfer_claims *c, json_t *checks,
                                     enum code *code)
{
    bool open = check_time(p, c->now, checks);
    bool left = !p->max_releases || c->releases < p->max_releases;

    if (p->max_releases) {
        json_t *expected owned(json_free) = json_integer((json_int_t)p->max_releases);
        json_t *actual owned(json_free) = json_integer((json_int_t)c->releases);
        check_add(checks, "max_releases", left, expected, actual);
    }
    *code = !open ? CODE_OUTSIDE_TIME_WINDOW : !left ? CODE_RELEASES_EXHAUSTED : CODE_OK;
    return OK;
}

fallible transfer_policy_check_wrapping(const struct transfer_policy *p, const char *wrapping,
                                        json_t *checks, enum code *code)
{
    json_t *actual owned(json_free) = json_string(wrapping);
    bool good = !p->wrappings || texts_have(p->wrappings, span_str(wrapping));

    if (p->wrappings)
        check_add(checks, "wrapping_anyof", good, p->wrappings, actual);
    *code = good ? CODE_OK : CODE_WRAPPING_REFUSED;
    return OK;
}
