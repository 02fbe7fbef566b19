// SPDX-License-Identifier: Apache-2.0
#include "broker/record.h"

#include "broker/approval.h"

#include "base/clock.h"
#include "broker/audit.h"
#include "crypto/random.h"

#define STRANGERS_PER_MINUTE 120

/* What posture needs to judge a platform again when new collateral comes. */
static const char *const tcb_inputs[] = { "tee",
                                          "fmspc",
                                          "pck_tcb",
                                          "pce_svn",
                                          "pce_id",
                                          "tee_tcb_svn",
                                          "qe_isvsvn",
                                          "seamsvn",
                                          "ppid",
                                          "platform_instance_id",
                                          "advisory_ids",
                                          "tcb_status",
                                          "tcb_date",
                                          "root",
                                          "product",
                                          "chip_id",
                                          "csp_id",
                                          "signing_key",
                                          "reported_tcb",
                                          "committed_tcb",
                                          "current_tcb",
                                          "launch_tcb",
                                          "current_firmware",
                                          "committed_firmware",
                                          "tpm_firmware",
                                          "collateral_oldest",
                                          "collateral_expires",
                                          NULL };
static const char *const workload[] = { "debug",
                                        "mrenclave",
                                        "mrsigner",
                                        "isvprodid",
                                        "isvsvn",
                                        "mrtd",
                                        "rtmr0",
                                        "rtmr1",
                                        "rtmr2",
                                        "rtmr3",
                                        "mrseam",
                                        "measurement",
                                        "vmpl",
                                        "guest_svn",
                                        "host_data",
                                        "id_key_digest",
                                        "author_key_digest",
                                        "firmware_provisional",
                                        "policy_migrate_ma",
                                        "revocation_checked",
                                        "sept_ve_disable",
                                        "td_attributes_unknown",
                                        "service_td",
                                        "ak_trust",
                                        "secure_boot",
                                        NULL };

fallible record_new(const struct broker_request *q, const char *tenant, const char *action,
                    enum code code, const char *id, json_t **out)
{
    char made[UUID_TEXT_SIZE];
    json_t *r = json_object();

    if (!r)
        return FAIL(SYSTEM, "out of memory");
    if (!id) {
        struct err e = random_uuid_ordered(clock_now_us(), made);
        if (failed(e)) {
            json_free(r);
            return e;
        }
    }
    json_set_str(r, "id", id ? id : made);
    json_set_str(r, "tenant", tenant);
    json_set_str(r, "action", action);
    json_set_str(r, "decision",
                 code != CODE_OK              ? "refused"
                 : !strcmp(action, "release") ? "released"
                 : !strcmp(action, "use")     ? "used"
                                              : "done");
    if (code != CODE_OK)
        json_set_str(r, "code", code_word(code));
    json_set_str(r, "key_id", "");
    if (q->request_id.len)
        json_set_span(r, "request_id", q->request_id);
    if (q->approval) {
        json_set_str(r, "pending_id", q->approval->row->id);
        json_set_str(r, "approved_by", q->approval->approver->subject);
    }
    *out = r;
    return OK;
}

void record_client(json_t *record, const struct bearer *client)
{
    json_set_str(record, "subject", client->subject);
    json_set_str(record, "token_id", client->id);
}

/* Of the evidence, and of the pieces of a bundle: "fmspc", "tdx.fmspc". */
static bool is_named(const char *claim, const char *const *names)
{
    const char *dot = strrchr(claim, '.');

    for (; *names; names++)
        if (!strcmp(dot ? dot + 1 : claim, *names))
            return true;
    return false;
}

bool record_always_has(const char *claim)
{
    return is_named(claim, tcb_inputs) || is_named(claim, workload);
}

static json_t *subset(const json_t *claims, const char *const *names)
{
    json_t *out = json_object(), *value;
    const char *claim;

    json_object_foreach((json_t *)claims, claim, value) if (is_named(claim, names))
        json_object_set(out, claim, value);
    return out;
}

void record_attestation(json_t *record, const struct attestation *a)
{
    json_t *j = json_object();

    json_set_str(j, "verdict", a->verified ? "verified" : "refused");
    json_set_span(j, "id", a->jti);
    if (a->evidence_digest.len)
        json_set_span(j, "evidence_digest", a->evidence_digest);
    if (a->collateral_digest.len)
        json_set_span(j, "collateral_digest", a->collateral_digest);
    if (a->reason.len)
        json_set_span(j, "reason", a->reason);
    if (a->failed)
        json_object_set(j, "failed", (json_t *)a->failed);
    json_object_set(j, "policies", (json_t *)a->policies);
    json_object_set_new(record, "attestation", j);
    json_object_set_new(record, "tcb", subset(a->claims, tcb_inputs));
    json_object_set_new(record, "claims", subset(a->claims, workload));
}

void record_key(json_t *record, const struct key_entry *k)
{
    json_set_str(record, "key_id", k->row.id);
    const struct key_version *current = key_versions_current(&k->versions);
    json_set_int(record, "key_version",
                 (int64_t)(current ? current : key_versions_newest(&k->versions))->number);
    json_set_str(record, "policy_id", k->row.link);
}

fallible broker_record_operator(struct broker *b, const char *action, unsigned uid,
                                const char *refusal, int64_t now)
{
    const struct broker_request nobody = { .now = now };
    json_t *record = NULL;
    char subject[32];

    TRY(record_new(&nobody, BROKER_DEFAULT_TENANT, action, CODE_OK, NULL, &record));
    snprintf(subject, sizeof subject, "uid:%u", uid);
    json_set_str(record, "subject", subject);
    if (refusal) {
        json_set_str(record, "decision", "refused");
        json_set_str(record, "reason", refusal);
    }
    return record_commit(b, record, now);
}

struct lone_record {
    json_t *record;
    int64_t now;
};

static struct err append(struct transaction *t, void *context)
{
    struct lone_record *l = context;
    return audit_append(t, l->record, l->now);
}

fallible record_commit(struct broker *b, json_t *record, int64_t now)
{
    struct lone_record l = { record, now };
    struct err e = commit_run(b->committer, append, &l);
    json_free(record);
    return e;
}

bool record_stranger(struct broker *b, int64_t now)
{
    int_fast64_t minute = now / 60;

    if (atomic_exchange(&b->stranger_minute, minute) != minute)
        atomic_store(&b->stranger_records, 0);
    if (atomic_fetch_add(&b->stranger_records, 1) < STRANGERS_PER_MINUTE)
        return true;
    atomic_fetch_add(&b->stranger_unrecorded, 1);
    return false;
}
