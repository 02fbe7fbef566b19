// SPDX-License-Identifier: Apache-2.0
/*
 * Messages between our own processes over Unix stream sockets: u32be length of what follows, u16be
 * type, u32be id (chosen by the asker, repeated in the answer), body. A length above the caller's
 * maximum is refused before anything is allocated. Blocking calls with a deadline; EINTR-safe;
 * descriptors are CLOEXEC. Bodies are written with base/writer.h and read with base/reader.h.
 */
#ifndef BASE_IPC_H
#define BASE_IPC_H

#include <sys/types.h>

#include "base/bounds.h"
#include "base/buf.h"

#define IPC_HEAD_SIZE 10
#define IPC_FOREVER (-1)

struct ipc_message {
    uint16_t type;
    uint32_t id;
    struct buf body; /* owned */
};
void ipc_message_done(struct ipc_message *m);
static inline void ipc_message_donep(struct ipc_message *m)
{
    ipc_message_done(m);
}

/* timeout_ms bounds the whole call. FAIL_UPSTREAM: closed or timed out. FAIL_INPUT: bad frame.
 * After any of these the connection is of no more use. The maximum of m->body counts (0:
 * IPC_BODY_MAX); old content goes. */
fallible ipc_send(int fd, uint16_t type, uint32_t id, struct span body, int timeout_ms);
fallible ipc_receive(int fd, struct ipc_message *m, int timeout_ms);

struct ipc_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
};

/* A listening Unix socket with this mode; an old socket file of a dead process is replaced. */
fallible ipc_listen(const char *path, mode_t mode, int *fd);
fallible ipc_accept(int listener, int *fd);
fallible ipc_connect(const char *path, int *fd);
fallible ipc_peer_of(int fd, struct ipc_peer *out); /* SO_PEERCRED */
fallible ipc_pair(int fds[2]);

#endif
