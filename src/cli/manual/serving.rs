//! What `serve` can be.

/// For `serve`.
pub(crate) const SERVE: &str = "\
ENDPOINTS

    PORT           this machine only, IPv4 and IPv6
    :PORT          every interface, IPv4 and IPv6
    HOST:PORT      that address, or all that the name has; [V6]:PORT for IPv6
    unix:/path     a Unix socket; its file is removed at the end
    unix:@name     an abstract Unix socket (Linux)
    unix-seqpacket:/path, unix-seqpacket:@name
                   a Unix socket that keeps packets apart; those without bytes are left out
    systemd:       the sockets that systemd listens on for a unit: sd_listen_fds(3), Accept=no
    systemd:NAME   those of that FileDescriptorName=
    fd:3           a listening socket that is passed on as this descriptor

With --store and --share the port may be left out, and is 7255; without an ENDPOINT they listen on that port for this machine only. \
Type :7255 for every interface.

Port 0 lets the system choose, one port for both families. Each listener is reported on stderr in a line of its own, \
'listening on ADDRESS', except with --quiet. At a terminal one more line says what to type on another machine, where others can reach it. A service manager that waits for it is told when all are there, and when \
the end begins: sd_notify(3), Type=notify.

With a mode a server takes many clients at once, and ends with a signal, or with --count or --once when it has served so \
many. What fails with one client has a line that names it, and the server goes on. Of lines that say the same about many clients five \
are written, and the others counted in one line ('and 4812 more within 4s: ...'), after a second, and after longer ones while \
there are too many; -v writes all, and --json has an event for each. A client that resets or ends its connection without having said anything, as \
health checks do, has no line (-v has one). Peers are not authenticated and \
nothing is encrypted: whoever can connect can use the server, see --allow and --deny.

MANY CLIENTS

With --keep-open stdin goes to all clients and what they send to stdout, in pieces as they come or, with --label, in whole lines, \
of which control characters (but tabs) and invalid bytes are escaped: no line can pass for another client's. --send-only throws away \
what clients send, --recv-only does not read stdin. \
stdin is read when there is a client. A client that has ended is ended, too, when what it sent was written; if stdin is a \
pipe or a file, then only when that has ended as well. With --broker what a client sends goes to all others, \
and one that has ended leaves. stdin and stdout take no part in that, unless --join makes them a client of their own: 'server' \
with --chat.

Each client has a queue of 192 KiB. With --slow cut, a client whose queue is full and that keeps others waiting for a second is cut; with \
drop it misses what does not fit, and the server says how much; with wait all wait for it. stdout is always waited for.

--reply @FILE sends what was in the file at the start. A file over 16 MiB is read for each client; one that changes meanwhile \
is a reset for that client.

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
are read again and names resolved again. Who is refused hears a reset.

Without such files or names, SIGHUP ends a server that was started at a terminal or ends by itself (--count), and any other command; a \
server that was started without a terminal says that there is nothing to read again. When the terminal is gone at which it was \
started, a server ends in any case, unless SIGHUP was ignored from the start (nohup).

LIMITS

Where each client costs a process, or a thread and files (--exec, --sh, --store, --share), 100 clients are taken at a time, \
and 16 from one source (with --store fewer, and a line says so, where the hard limit on descriptors has less than 177 for each, ulimit -Hn); elsewhere 16384, as far as there are descriptors (ulimit -n), and any number from one source, which may be a \
load balancer or a browser. A source is an IPv4 address or an IPv6 network of 64 bits. Who is one too many from a source is refused: \
with a reset, or in words where the protocol has some (--store, --share). Who is one too many in all waits until somebody leaves (a line tells \
once that all places are taken), or with --full refuse is refused; on a Unix socket, which knows no reset, everybody waits. A session's \
further connections (upload --connections) need no place and are no clients for --count: from one source three times as many are taken as clients, 15 at least. A session \
goes on without those that are refused.

FORWARDING

--forward joins each client to a connection of its own: each end of file is passed on, a failure of one side is a reset for \
the other, and a session is over when both systems have acknowledged everything. Large streams pass inside the kernel.

--socks asks each client where to, in SOCKS5 or in HTTP: CONNECT makes a tunnel, and a request for an http:// URL (what \
http_proxy= makes programs send) is forwarded, one for each connection, with Via and Connection: close. Names are resolved here, and checked after that: this machine \
itself, link-local addresses, the metadata services of clouds, multicast, broadcast and reserved addresses are refused unless \
--allow-target names them or a part of them, as 127.0.0.0/8 or 127.0.0.1; a wider network does not open them. This machine's other \
addresses are refused unless they are named one by one. Private networks are not refused: --deny-target 10.0.0.0/8 \
--deny-target 172.16.0.0/12 --deny-target 192.168.0.0/16 --deny-target fc00::/7 does that. \
--allow-target and --deny-target are read as --allow and --deny, once at the start. Without --socks-users whoever can connect \
can use the proxy; passwords pass in plain text. Each line of its file is user:password, and none has an empty password, \
which would keep nobody out.

--proxy-protocol tells the server behind --forward whose connection it is. --accept-proxy-protocol, with any mode, wants to be \
told that by a proxy in front of this server, and takes its word for it. With both, the client and the address that it connected to \
are passed on. A proxy's own connections (LOCAL, UNKNOWN) are served, and count as the proxy's.

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
    sendall serve --store inbox                   take files from this machine, at port 7255
    sendall serve --store inbox :9000             take files from many clients
    sendall serve --store inbox --once 0          one session, its outcome as exit code
    sendall serve --store inbox --wire text :9000 take files from simple scripts
    sendall serve --share inbox unix:/run/shelf   offer a folder
    sendall serve --share site --links follow 0   and what links in it lead to, wherever that is
    sendall serve --forward db.internal:5432 5432 relay each client to another server
    sendall serve --socks --socks-users FILE :1080
                                                  SOCKS5 and HTTP, for those in FILE
    sendall serve 9000 --exec -- tr a-z A-Z       a process for each client
    sendall serve 873 --exec-socket -- rsync --daemon
                                                  a program that inetd would start
    sendall serve --broker --chat --join :9000    a chat, and a part in it
    sendall serve 9000 --pty --sh 'exec python3'  the same at a terminal
    sendall serve systemd: --store inbox          what systemd listens on";
