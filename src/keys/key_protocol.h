// SPDX-License-Identifier: Apache-2.0
/*
 * What keyd says to the process of its key manager, over pairs of Unix sockets, one question at a
 * time on each. There is no message that answers key bytes. Fields in the order given; a ref is
 * parts tenant, id, external, a u64be version and u8 stays; a spec is u8 algorithm, u32be bits.
 */
#ifndef KEYS_KEY_PROTOCOL_H
#define KEYS_KEY_PROTOCOL_H

enum key_message {
    KEY_MESSAGE_HEALTH = 1, /* nothing -> part name of the manager */
    KEY_MESSAGE_IMPORT_KEY, /* nothing -> part SPKI of the key that imports are sealed to */
    KEY_MESSAGE_CREATE,     /* ref, spec -> nothing */
    KEY_MESSAGE_IMPORT,     /* ref, u8 algorithm, u8 sealed, part text -> spec */
    KEY_MESSAGE_DESCRIBE,   /* ref, u8 algorithm -> spec */
    KEY_MESSAGE_WRAP, /* ref, spec, part recipient (P-256: its point, else SPKI), part header (JSON)
                         -> part JWE */
    KEY_MESSAGE_DESTROY, /* ref -> nothing */
    KEY_MESSAGE_SEAL,    /* u8 act, part given, part fresh, u8 shares, u8 threshold -> part status
                            (JSON), part shares of a new root key (lines; mostly empty) */
    KEY_MESSAGE_PUBLIC,  /* ref, spec -> part SPKI */
    KEY_MESSAGE_USE, /* ref, spec, u8 operation, u8 mechanism, u8 hash, part input, part label, part
                        recipient, part header -> part result */
    KEY_MESSAGE_COUNT
};

/* Every answer begins with u8 fail kind; where it is not 0 a part with the reason follows, and
 * nothing else. */
#define KEY_TEXT_MAX (64U << 10)

#endif
