// SPDX-License-Identifier: Apache-2.0
#include "messages.h"

#define RSA_BYTES_MAX 512
#define EC_BYTES_MAX 132
#define EC_FLAGS (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_UNCOMPRESS)

/* PKCS#11 2.40 section 5: each function may return only what its list names. */
static const CK_RV rv_table[][AGENT_FAILED + 1] = {
    [ASKER_LOGIN] = { [AGENT_MALFORMED] = CKR_DEVICE_ERROR,
                      [AGENT_PIN_WRONG] = CKR_PIN_INCORRECT,
                      [AGENT_LOGIN_NEEDED] = CKR_DEVICE_ERROR,
                      [AGENT_NO_OBJECT] = CKR_DEVICE_ERROR,
                      [AGENT_NOT_READY] = CKR_DEVICE_ERROR,
                      [AGENT_BAD_MECHANISM] = CKR_DEVICE_ERROR,
                      [AGENT_BAD_DATA] = CKR_DEVICE_ERROR,
                      [AGENT_FAILED] = CKR_DEVICE_ERROR },
    [ASKER_FIND] = { [AGENT_MALFORMED] = CKR_DEVICE_ERROR,
                     [AGENT_PIN_WRONG] = CKR_DEVICE_ERROR,
                     [AGENT_LOGIN_NEEDED] = CKR_DEVICE_ERROR,
                     [AGENT_NO_OBJECT] = CKR_DEVICE_ERROR,
                     [AGENT_NOT_READY] = CKR_DEVICE_ERROR,
                     [AGENT_BAD_MECHANISM] = CKR_DEVICE_ERROR,
                     [AGENT_BAD_DATA] = CKR_DEVICE_ERROR,
                     [AGENT_FAILED] = CKR_DEVICE_ERROR },
    [ASKER_READ] = { [AGENT_MALFORMED] = CKR_DEVICE_ERROR,
                     [AGENT_PIN_WRONG] = CKR_DEVICE_ERROR,
                     [AGENT_LOGIN_NEEDED] = CKR_OBJECT_HANDLE_INVALID,
                     [AGENT_NO_OBJECT] = CKR_OBJECT_HANDLE_INVALID,
                     [AGENT_NOT_READY] = CKR_DEVICE_ERROR,
                     [AGENT_BAD_MECHANISM] = CKR_DEVICE_ERROR,
                     [AGENT_BAD_DATA] = CKR_DEVICE_ERROR,
                     [AGENT_FAILED] = CKR_DEVICE_ERROR },
    [ASKER_SIGN] = { [AGENT_MALFORMED] = CKR_DEVICE_ERROR,
                     [AGENT_PIN_WRONG] = CKR_DEVICE_ERROR,
                     [AGENT_LOGIN_NEEDED] = CKR_USER_NOT_LOGGED_IN,
                     [AGENT_NO_OBJECT] =
                         CKR_FUNCTION_FAILED, /* the next C_SignInit says that the handle is dead */
                     [AGENT_NOT_READY] = CKR_DEVICE_ERROR,
                     [AGENT_BAD_MECHANISM] = CKR_FUNCTION_FAILED,
                     [AGENT_BAD_DATA] = CKR_DATA_LEN_RANGE,
                     [AGENT_FAILED] = CKR_DEVICE_ERROR },
    [ASKER_DECRYPT] = { [AGENT_MALFORMED] = CKR_DEVICE_ERROR,
                        [AGENT_PIN_WRONG] = CKR_DEVICE_ERROR,
                        [AGENT_LOGIN_NEEDED] = CKR_USER_NOT_LOGGED_IN,
                        [AGENT_NO_OBJECT] = CKR_FUNCTION_FAILED,
                        [AGENT_NOT_READY] = CKR_DEVICE_ERROR,
                        [AGENT_BAD_MECHANISM] = CKR_FUNCTION_FAILED,
                        [AGENT_BAD_DATA] = CKR_ENCRYPTED_DATA_INVALID,
                        [AGENT_FAILED] = CKR_DEVICE_ERROR },
};

CK_RV rv_of_status(enum agent_status status, enum asker asker)
{
    return rv_table[asker][status];
}

CK_RV rv_of_err(struct err e)
{
    return !failed(e) ? CKR_OK : e.kind == FAIL_SYSTEM ? CKR_HOST_MEMORY : CKR_DEVICE_ERROR;
}

/* How the value of each attribute is held; all others are bytes. */
static enum agent_value_kind kind_of(CK_ATTRIBUTE_TYPE type)
{
    static const CK_ATTRIBUTE_TYPE numbers[] = {
        CKA_CLASS,        CKA_KEY_TYPE,  CKA_CERTIFICATE_TYPE, CKA_CERTIFICATE_CATEGORY,
        CKA_MODULUS_BITS, CKA_VALUE_LEN, CKA_KEY_GEN_MECHANISM
    };
    static const CK_ATTRIBUTE_TYPE flags[] = {
        CKA_TOKEN,
        CKA_PRIVATE,
        CKA_MODIFIABLE,
        CKA_COPYABLE,
        CKA_DESTROYABLE,
        CKA_TRUSTED,
        CKA_ENCRYPT,
        CKA_DECRYPT,
        CKA_WRAP,
        CKA_UNWRAP,
        CKA_SIGN,
        CKA_SIGN_RECOVER,
        CKA_VERIFY,
        CKA_VERIFY_RECOVER,
        CKA_DERIVE,
        CKA_LOCAL,
        CKA_SENSITIVE,
        CKA_EXTRACTABLE,
        CKA_ALWAYS_SENSITIVE,
        CKA_NEVER_EXTRACTABLE,
        CKA_ALWAYS_AUTHENTICATE,
        CKA_WRAP_WITH_TRUSTED,
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i] == type)
            return AGENT_NUMBER;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (flags[i] == type)
            return AGENT_FLAG;
    return AGENT_BYTES;
}

static CK_RV attribute_take(const CK_ATTRIBUTE *from, struct agent_attribute *to)
{
    CK_ULONG number;

    if (from->type > UINT32_MAX)
        return CKR_ATTRIBUTE_TYPE_INVALID;
    if (!from->pValue && from->ulValueLen)
        return CKR_ARGUMENTS_BAD;
    *to = (struct agent_attribute){ .type = (uint32_t)from->type, .kind = kind_of(from->type) };
    switch (to->kind) {
    case AGENT_BYTES:
        if (from->ulValueLen > AGENT_DATA_MAX)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        to->bytes = span_from(from->pValue, from->ulValueLen);
        return CKR_OK;
    case AGENT_NUMBER:
        if (from->ulValueLen != sizeof(number))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        memcpy(&number, from->pValue, sizeof(number));
        to->number = number;
        return CKR_OK;
    case AGENT_FLAG:
        if (from->ulValueLen != sizeof(CK_BBOOL))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        to->number = *(const CK_BBOOL *)from->pValue != CK_FALSE;
        return CKR_OK;
    }
    return CKR_GENERAL_ERROR;
}

CK_RV template_take(const CK_ATTRIBUTE *attributes, CK_ULONG count, struct agent_request *q)
{
    if (count && !attributes)
        return CKR_ARGUMENTS_BAD;
    if (count > AGENT_TEMPLATE_MAX)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    q->count = count;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_RV rv = attribute_take(&attributes[i], &q->attributes[i]);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

/* A type that does not fit 32 bits is none that exists; the agent says so of CKA_VENDOR_DEFINED's
 * last. */
void types_take(const CK_ATTRIBUTE *attributes, CK_ULONG count, struct agent_request *q)
{
    q->count = count;
    for (CK_ULONG i = 0; i < count; i++)
        q->attributes[i] = (struct agent_attribute){ .type = attributes[i].type > UINT32_MAX
                                                                 ? UINT32_MAX
                                                                 : (uint32_t)attributes[i].type };
}

static CK_RV value_fill(CK_ATTRIBUTE *to, const void *value, size_t len)
{
    if (to->pValue && to->ulValueLen < len) {
        to->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (to->pValue && len)
        memcpy(to->pValue, value, len);
    to->ulValueLen = len;
    return CKR_OK;
}

static CK_RV attribute_fill(const struct agent_attribute *from, CK_ATTRIBUTE *to)
{
    CK_ULONG number = (CK_ULONG)from->number;
    CK_BBOOL flag = from->number ? CK_TRUE : CK_FALSE;

    if (from->outcome != AGENT_VALUE) {
        to->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return from->outcome == AGENT_SENSITIVE ? CKR_ATTRIBUTE_SENSITIVE
                                                : CKR_ATTRIBUTE_TYPE_INVALID;
    }
    switch (from->kind) {
    case AGENT_BYTES:
        return value_fill(to, from->bytes.at, from->bytes.len);
    case AGENT_NUMBER:
        return value_fill(to, &number, sizeof(number));
    case AGENT_FLAG:
        return value_fill(to, &flag, sizeof(flag));
    }
    return CKR_GENERAL_ERROR;
}

CK_RV template_fill(const struct agent_reply *p, CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    CK_RV first = CKR_OK;

    if (p->count != count)
        return CKR_DEVICE_ERROR;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_RV rv = attribute_fill(&p->attributes[i], &attributes[i]);
        if (first == CKR_OK)
            first = rv;
    }
    return first;
}

const struct mechanism_row mechanism_rows[] = {
    { CKM_RSA_PKCS, 2048, 4096, CKF_SIGN, false, false, 0, RSA_BYTES_MAX, RSA_BYTES_MAX },
    { CKM_SHA256_RSA_PKCS, 2048, 4096, CKF_SIGN, false, false, CKM_SHA256, 0, RSA_BYTES_MAX },
    { CKM_SHA384_RSA_PKCS, 2048, 4096, CKF_SIGN, false, false, CKM_SHA384, 0, RSA_BYTES_MAX },
    { CKM_SHA512_RSA_PKCS, 2048, 4096, CKF_SIGN, false, false, CKM_SHA512, 0, RSA_BYTES_MAX },
    { CKM_RSA_PKCS_PSS, 2048, 4096, CKF_SIGN, true, false, 0, 64, RSA_BYTES_MAX },
    { CKM_SHA256_RSA_PKCS_PSS, 2048, 4096, CKF_SIGN, true, false, CKM_SHA256, 0, RSA_BYTES_MAX },
    { CKM_SHA384_RSA_PKCS_PSS, 2048, 4096, CKF_SIGN, true, false, CKM_SHA384, 0, RSA_BYTES_MAX },
    { CKM_SHA512_RSA_PKCS_PSS, 2048, 4096, CKF_SIGN, true, false, CKM_SHA512, 0, RSA_BYTES_MAX },
    { CKM_RSA_PKCS_OAEP, 2048, 4096, CKF_DECRYPT, false, true, 0, RSA_BYTES_MAX, RSA_BYTES_MAX },
    { CKM_ECDSA, 256, 521, CKF_SIGN | EC_FLAGS, false, false, 0, 64, EC_BYTES_MAX },
    { CKM_ECDSA_SHA256, 256, 521, CKF_SIGN | EC_FLAGS, false, false, CKM_SHA256, 0, EC_BYTES_MAX },
    { CKM_ECDSA_SHA384, 256, 521, CKF_SIGN | EC_FLAGS, false, false, CKM_SHA384, 0, EC_BYTES_MAX },
    { CKM_ECDSA_SHA512, 256, 521, CKF_SIGN | EC_FLAGS, false, false, CKM_SHA512, 0, EC_BYTES_MAX },
};
const size_t mechanism_row_count = sizeof(mechanism_rows) / sizeof(mechanism_rows[0]);

const struct mechanism_row *mechanism_row(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < mechanism_row_count; i++)
        if (mechanism_rows[i].type == type)
            return &mechanism_rows[i];
    return NULL;
}

static CK_RV pss_take(const CK_MECHANISM *m, const struct mechanism_row *row, struct agent_use *use)
{
    CK_RSA_PKCS_PSS_PARAMS p;

    if (!m->pParameter || m->ulParameterLen != sizeof(p))
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(&p, m->pParameter, sizeof(p));
    if (p.hashAlg > UINT32_MAX || p.mgf > UINT32_MAX || p.sLen > 64 ||
        (row->hash && row->hash != p.hashAlg))
        return CKR_MECHANISM_PARAM_INVALID;
    use->hash = (uint32_t)p.hashAlg;
    use->mgf = (uint32_t)p.mgf;
    use->salt = (uint32_t)p.sLen;
    return CKR_OK;
}

static CK_RV oaep_take(const CK_MECHANISM *m, struct agent_use *use, uint8_t label[LABEL_SIZE])
{
    CK_RSA_PKCS_OAEP_PARAMS p;

    if (!m->pParameter || m->ulParameterLen != sizeof(p))
        return CKR_MECHANISM_PARAM_INVALID;
    memcpy(&p, m->pParameter, sizeof(p));
    if (p.hashAlg > UINT32_MAX || p.mgf > UINT32_MAX || p.ulSourceDataLen > LABEL_SIZE ||
        (p.ulSourceDataLen && (!p.pSourceData || p.source != CKZ_DATA_SPECIFIED)))
        return CKR_MECHANISM_PARAM_INVALID;
    use->hash = (uint32_t)p.hashAlg;
    use->mgf = (uint32_t)p.mgf;
    if (p.ulSourceDataLen)
        memcpy(label, p.pSourceData, p.ulSourceDataLen);
    use->label = span_from(label, p.ulSourceDataLen);
    return CKR_OK;
}

CK_RV mechanism_take(const CK_MECHANISM *m, CK_FLAGS flag, struct agent_use *use,
                     uint8_t label[LABEL_SIZE])
{
    const struct mechanism_row *row = mechanism_row(m->mechanism);

    if (!row || !(row->flags & flag))
        return CKR_MECHANISM_INVALID;
    *use = (struct agent_use){ .mechanism = (uint32_t)m->mechanism };
    if (row->pss)
        return pss_take(m, row, use);
    if (row->oaep)
        return oaep_take(m, use, label);
    return CKR_OK; /* some callers pass a parameter where there is none; it means nothing */
}
