/* Sockets: listening, accepting, bytes in and out. A socket is a number (the descriptor); all of
 * them are non-blocking and closed on exec. Nothing is kept here. */
#ifndef HOLDFAST_SYSTEM_SOCKET_H
#define HOLDFAST_SYSTEM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/error.h"

#define SOCKET_ADDRESS_MAX                                                                         \
    192 /* bytes of an address as text ("[::1]:6379", "/path:0"), NUL included */
#define SOCKET_VECTORS_MAX 64 /* of one socket_send or socket_receive_vectors */

/* --- listening ---
 * On ERROR_SYSTEM errno tells why; *out is untouched. */

/* `address`: numeric IPv4 or IPv6, a host name, or "*" (every IPv4 address), "::*" (every IPv6
 * address). Port 0: the system chooses (socket_port). */
WARN_UNUSED enum error socket_listen_tcp(const char *address, int port, int backlog, int *out);
/* The file has its mode before anybody can connect (CVE-2023-45145). A socket file that is left
 * over is replaced. `mode` 0: as the umask says. */
WARN_UNUSED enum error socket_listen_unix(const char *path, unsigned mode, int backlog, int *out);

/* A bind directive's address without its "-"; true if it had one: failing to bind it is then no
 * fault, where the failure is that the machine has no such address. */
bool socket_address_is_optional(const char **address);
/* errno of a failed socket_listen_tcp says that the machine has no such address or protocol. */
bool socket_error_is_unavailable(int error_number);

/* --- accepting --- */

struct socket_peer {
    char address
        /* as CLIENT LIST prints it; of a Unix socket "" (the listener knows) */
        [SOCKET_ADDRESS_MAX];
    bool is_unix;
    bool is_loopback; /* 127.0.0.0/8, ::1, or a Unix socket */
};

/* ERROR_NOT_FOUND: nobody waits. ERROR_LIMIT: no descriptors or memory left, try later.
 * ERROR_SYSTEM: that one failed, go on with the next. */
WARN_UNUSED enum error socket_accept(int listener, int *out, struct socket_peer *peer);

/* Options of a TCP connection; failure is not worth a word. */
void socket_set_no_delay(int socket);
void socket_set_keepalive(
    int socket, int interval_s); /* 0: off. Probes as Redis does: 3 of them, a third apart */

/* --- connecting ---
 * For threads that may wait. */

/* Begins to connect to a numeric address or a host name; a name is looked up, which takes as long
 * as it takes. When it can be written to, socket_is_connected tells what became of it. */
WARN_UNUSED enum error socket_connect_tcp(const char *host, int port, int *out);
bool socket_is_connected(int socket);
/* True: it can be read from (written to), or has failed. False: not within this time. */
bool socket_wait(int socket, bool for_writing, int timeout_ms);
/* The peer has ended its side or is gone, even if bytes that came before are not read yet. */
bool socket_peer_has_left(int socket);

/* --- bytes --- */

#define SOCKET_BUSY (-1)   /* nothing to read, or no room to write, for now */
#define SOCKET_FAILED (-2) /* errno tells; the connection is of no use any more */

/* Bytes moved (> 0), 0 when the peer has ended its side (receive only), or one of the above.
 * Never a signal. */
ssize_t socket_receive(int socket, void *out, size_t size);
ssize_t socket_receive_vectors(int socket, struct iovec *vectors, int count);
/* Bytes that have come and can be received; 0 where that is not known. */
size_t socket_receivable(int socket);
/* TCP: it counts as readable only when so many bytes have come (at first 1), or as many as its
 * buffer takes; also when the peer has ended its side or is gone. Reading is not affected. */
void socket_set_receive_low(int socket, size_t bytes);
ssize_t socket_send(int socket, const void *data, size_t length);
ssize_t socket_send_vectors(int socket, struct iovec *vectors, int count);

void socket_close(int socket);

/* --- names --- */

/* "127.0.0.1:6379", "[::1]:6379", "/run/holdfast.sock:0"; "?:0" when unknown. */
void socket_local_address(int socket, char out[SOCKET_ADDRESS_MAX]);
void socket_read_peer(int socket, struct socket_peer *peer); /* of a connected one */
int socket_port(int socket);                                 /* local port, 0 if it has none */

/* Two sockets connected to each other, for tests. */
WARN_UNUSED enum error socket_pair(int out[2]);

#endif
