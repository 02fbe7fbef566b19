// SPDX-License-Identifier: Apache-2.0
#include "module.h"

#define VERSION_MAJOR 0
#define VERSION_MINOR 1

/* PKCS#11's texts are padded with blanks and have no end. */
static void pad(CK_UTF8CHAR *to, size_t size, const char *text)
{
    memset(to, ' ', size);
    memcpy(to, text, strlen(text) < size ? strlen(text) : size);
}

void library_fill_info(CK_INFO *info)
{
    *info = (CK_INFO){ .cryptokiVersion = { 2, 40 },
                       .libraryVersion = { VERSION_MAJOR, VERSION_MINOR } };
    pad(info->manufacturerID, sizeof(info->manufacturerID), "Warder");
    pad(info->libraryDescription, sizeof(info->libraryDescription),
        "Keys released after attestation");
}

void slot_fill_info(CK_SLOT_INFO *info)
{
    *info = (CK_SLOT_INFO){ .flags = CKF_TOKEN_PRESENT,
                            .hardwareVersion = { VERSION_MAJOR, VERSION_MINOR } };
    info->firmwareVersion = info->hardwareVersion;
    pad(info->slotDescription, sizeof(info->slotDescription), "skc-agent");
    pad(info->manufacturerID, sizeof(info->manufacturerID), "Warder");
}

void token_fill_info(CK_TOKEN_INFO *info, CK_ULONG sessions)
{
    *info = (CK_TOKEN_INFO){
        .flags = CKF_TOKEN_INITIALIZED | CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED |
                 CKF_WRITE_PROTECTED,
        .ulMaxSessionCount = SESSIONS_MAX,
        .ulSessionCount = sessions,
        .ulMaxRwSessionCount = SESSIONS_MAX,
        .ulRwSessionCount = 0,
        .ulMaxPinLen = PIN_SIZE,
        .ulMinPinLen = 4,
        .ulTotalPublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION,
        .ulTotalPrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION,
        .hardwareVersion = { VERSION_MAJOR, VERSION_MINOR },
        .firmwareVersion = { VERSION_MAJOR, VERSION_MINOR },
    };
    pad(info->label, sizeof(info->label), "KMS");
    pad(info->manufacturerID, sizeof(info->manufacturerID), "Warder");
    pad(info->model, sizeof(info->model), "skc-agent");
    pad(info->serialNumber, sizeof(info->serialNumber), "1");
    pad((CK_UTF8CHAR *)info->utcTime, sizeof(info->utcTime), "");
}

CK_RV mechanism_list(CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    CK_ULONG room = *count;

    *count = mechanism_row_count;
    if (!list)
        return CKR_OK;
    if (room < mechanism_row_count)
        return CKR_BUFFER_TOO_SMALL;
    for (size_t i = 0; i < mechanism_row_count; i++)
        list[i] = mechanism_rows[i].type;
    return CKR_OK;
}

CK_RV mechanism_info(CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    const struct mechanism_row *row = mechanism_row(type);

    if (!row)
        return CKR_MECHANISM_INVALID;
    *info = (CK_MECHANISM_INFO){ row->min_bits, row->max_bits, row->flags };
    return CKR_OK;
}
