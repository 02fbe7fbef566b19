// SPDX-License-Identifier: Apache-2.0
#include "access/schema.h"

static const struct migration migrations[] = {
    { 1,
      "CREATE TABLE users ("
      " tenant TEXT NOT NULL, user_id TEXT NOT NULL, username TEXT NOT NULL, username_key TEXT NOT "
      "NULL,"
      " password_hash TEXT NOT NULL, password_changed_at BIGINT NOT NULL, version BIGINT NOT NULL,"
      " created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,"
      " PRIMARY KEY (tenant, user_id), UNIQUE (tenant, username_key));"
      "CREATE TABLE roles ("
      " tenant TEXT NOT NULL, role_id TEXT NOT NULL, service TEXT NOT NULL, name TEXT NOT NULL,"
      " context TEXT NOT NULL, permissions TEXT NOT NULL, version BIGINT NOT NULL,"
      " created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL,"
      " PRIMARY KEY (tenant, role_id), UNIQUE (tenant, service, name, context));"
      "CREATE TABLE user_roles ("
      " tenant TEXT NOT NULL, user_id TEXT NOT NULL, role_id TEXT NOT NULL, version BIGINT NOT "
      "NULL,"
      " created_at BIGINT NOT NULL,"
      " PRIMARY KEY (tenant, user_id, role_id),"
      " FOREIGN KEY (tenant, user_id) REFERENCES users (tenant, user_id) ON DELETE CASCADE,"
      " FOREIGN KEY (tenant, role_id) REFERENCES roles (tenant, role_id) ON DELETE CASCADE);" },
    /* An ended tenant's row stays: other services may still hold what is its. */
    { 2, "CREATE TABLE tenants (tenant TEXT NOT NULL PRIMARY KEY, created_at BIGINT NOT NULL,"
         " deleted_at BIGINT NOT NULL DEFAULT 0);"
         "INSERT INTO tenants (tenant, created_at) VALUES ('default', 0);" },
    /* A person has a password; a service a secret, or none where it comes with a certificate. */
    { 3, "CREATE TABLE lockouts (name TEXT NOT NULL PRIMARY KEY, failures BIGINT NOT NULL,"
         " in_flight BIGINT NOT NULL, locks BIGINT NOT NULL, first_at BIGINT NOT NULL,"
         " last_at BIGINT NOT NULL, locked_until BIGINT NOT NULL);"
         "CREATE TABLE revocations (id TEXT NOT NULL PRIMARY KEY, kind TEXT NOT NULL,"
         " before BIGINT NOT NULL, until BIGINT NOT NULL);"
         "ALTER TABLE users ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';"
         "ALTER TABLE users ADD COLUMN certificate TEXT NOT NULL DEFAULT '';" },
};

fallible access_schema_apply(struct store *s)
{
    return store_migrate(s, migrations, sizeof(migrations) / sizeof(migrations[0]));
}

bool tenant_name_valid(struct span name)
{
    if (!name.len || name.len > TENANT_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}
