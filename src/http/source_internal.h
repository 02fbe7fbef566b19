// SPDX-License-Identifier: Apache-2.0
/* Who is on the other side of a connection, by address. */
#ifndef HTTP_SOURCE_INTERNAL_H
#define HTTP_SOURCE_INTERNAL_H

#include <arpa/inet.h>
#include <stdint.h>
#include <sys/socket.h>

#define SOURCE_SIZE 8

/* `name`: as text, empty where it has none. `source`, zero before: what is counted as one host,
 * which has 2^64 addresses of IPv6, or one of IPv4, which may come written as IPv6. */
void source_of(const struct sockaddr_storage *from, char name[INET6_ADDRSTRLEN],
               uint8_t source[SOURCE_SIZE]);

#endif
