// SPDX-License-Identifier: Apache-2.0
#include "http/source_internal.h"

#include <netinet/in.h>
#include <string.h>

static void count_as(const struct sockaddr_storage *from, uint8_t source[SOURCE_SIZE])
{
    const struct in6_addr *six = &((const struct sockaddr_in6 *)from)->sin6_addr;

    if (from->ss_family == AF_INET)
        memcpy(source, &((const struct sockaddr_in *)from)->sin_addr, 4);
    else if (IN6_IS_ADDR_V4MAPPED(six))
        memcpy(source, &six->s6_addr[12], 4);
    else
        memcpy(source, six, SOURCE_SIZE);
}

void source_of(const struct sockaddr_storage *from, char name[INET6_ADDRSTRLEN],
               uint8_t source[SOURCE_SIZE])
{
    const void *address = from->ss_family == AF_INET6
                              ? (const void *)&((const struct sockaddr_in6 *)from)->sin6_addr
                              : (const void *)&((const struct sockaddr_in *)from)->sin_addr;

    if (!inet_ntop(from->ss_family, address, name, INET6_ADDRSTRLEN))
        name[0] = '\0';
    count_as(from, source);
}
