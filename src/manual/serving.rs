//! What `serve` can be.

/// For `serve`.
pub(crate) const SERVE: &str = "\
ENDPOINTS

    PORT           this machine only, IPv4 and IPv6
    :PORT          every interface, IPv4 and IPv6
    HOST:PORT      that address; [V6]:PORT for IPv6
    unix:/path     a Unix socket; its file is removed at the end
    unix:@name     an abstract Unix socket (Linux)
    unix-seqpacket:/path, unix-seqpacket:@name
                   a Unix socket that keeps packets apart; those without bytes are left out
    systemd:       the sockets that systemd listens on for a unit: sd_listen_fds(3), Accept=no
    systemd:NAME   those of that FileDescriptorName=
    fd:3           a listening socket that is passed on as this descriptor

Port 0 lets the system choose, one port for both families. Each listener is reported on stderr in a line of its own, \
'listening on ADDRESS', except with --quiet. A service manager that waits for it is told when all are there, and when \
the end begins: sd_notify(3), Type=notify.

With a mode a server takes many clients at once, and ends with a signal, or with --count or --once when it has served so \
many. What fails with one client has a line that names it, and the server goes on. Peers are not authenticated and \
nothing is encrypted: whoever can connect can use the server, see --allow and --deny.

MANY CLIENTS

With --keep-open stdin goes to all clients and what they send to stdout, in pieces as they come or, with --label, in whole lines. \
stdin is read when there is a client. A client that has ended is ended, too, when what it sent was written; if stdin is a \
pipe or a file, then only when that has ended as well. With --broker what a client sends goes to all others, \
and one that has ended leaves.

Each client has a queue of 192 KiB. With --slow cut, a client whose queue is full and that keeps others waiting for a second is cut; with \
drop it misses what does not fit, and the server says how much; with wait all wait for it. stdout is always waited for.

A script hears lines or chunks and answers with the first --answer whose WHEN is equal to it, without its line end. A client whose line is over 64 KiB is cut. A client that is hung up on \
has two seconds to end its side.

SECURITY

Who can reach a --store learns whether a file of some name is there and, by naming its size, its digest, for which the \
server reads the file: one at a time for each client, and no further than until the client has gone. --allow, \
--max-clients and --max-per-source bound it.

ACCESS

--allow and --deny take networks (10.0.0.0/8, 2001:db8::/32), addresses and names; the longest prefix that holds a \
client's address decides, and of two that are as long the denial. Who is in no list may come in if there are denials only. IPv4 \
addresses are IPv4 whatever socket they come by; Unix sockets are under no list. @FILE has one a line, # begins a comment; on SIGHUP files \
are read again and names resolved again. Who is refused is told nothing.

FORWARDING

--forward joins each client to a connection of its own: each end of file is passed on, a failure of one side is a reset for \
the other, and a session is over when both systems have acknowledged everything. Large streams pass inside the kernel.

--socks asks each client where to, in SOCKS5 or in HTTP CONNECT. Names are resolved here, and checked after that: this machine \
itself, link-local addresses (and so the metadata services of clouds), multicast and broadcast are refused unless \
--allow-target names them or a part of them, as 127.0.0.0/8 or 127.0.0.1; a wider network does not open them. This machine's other \
addresses are refused unless they are named one by one. \
--allow-target and --deny-target are read as --allow and --deny, once at the start. Without --socks-users whoever can connect \
can use the proxy; passwords pass in plain text.

--proxy-protocol tells the server behind --forward whose connection it is. --accept-proxy-protocol, with any mode, wants to be \
told that by a proxy in front of this server, and takes its word for it.

WIRE TEXT

With --wire text clients announce each file by the classic header 'command|name|size' or 'name|size', wait for an answer, \
and send exactly so many bytes; several files on one connection. Files that exist are never replaced. A header \
is answered by '200 ok', or by a status and ' refused: ' and the reason. What arrives is synced and named as always, \
but nothing proves its content: the lines say 'unverified'. PROTOCOL.md has the rules.";

/// For `serve`.
pub(crate) const SERVE_EXAMPLES: &str = "\
EXAMPLES

    sendall serve 9000                            chat with the first client from this machine
    sendall serve --recv-only :9000 >log          write down what one client says
    sendall serve --store inbox :9000             take files from many clients
    sendall serve --store inbox --once 0          one session, its outcome as exit code
    sendall serve --store inbox --wire text :9000 take files from simple scripts
    sendall serve --share inbox unix:/run/shelf   offer a folder
    sendall serve --forward db.internal:5432 5432 relay each client to another server
    sendall serve --socks --socks-users FILE :1080
                                                  SOCKS5 and HTTP CONNECT, for those in FILE
    sendall serve 9000 --exec -- tr a-z A-Z       a process for each client
    sendall serve 9000 --pty --sh 'exec python3'  the same at a terminal
    sendall serve systemd: --store inbox          what systemd listens on";
