//! The texts of `serve`.

/// For `serve`.
pub(crate) const SERVE: &str = "\
ENDPOINTS

    PORT           this machine only, IPv4 and IPv6
    :PORT          every interface, IPv4 and IPv6
    HOST:PORT      one address, or all addresses of a name; [V6]:PORT for IPv6
    unix:/path     a Unix socket; its file is removed at the end
    unix:@name     an abstract Unix socket (Linux)
    unix-seqpacket:/path, unix-seqpacket:@name
        a Unix socket that keeps packet boundaries; empty packets are ignored
    vsock::PORT, vsock:CID:PORT
        a socket between a virtual machine and its host, vsock(7), on all addresses of this machine or on one; not encrypted
    systemd:       the sockets of a systemd unit, see sd_listen_fds(3); with Accept=no
    systemd:NAME   those with this FileDescriptorName=
    fd:3           a listening socket that is passed as this descriptor
    udp:PORT, udp::PORT, udp:HOST:PORT, unix-dgram:/path
        with --forward udp: or unix-dgram:, a socket of datagrams
    stdio:         with --store and --share: one client, at the other end of stdin and stdout

With --store and --share the port may be left out, and is 7255. Without an ENDPOINT they listen on that port, for this machine only. \
Type :7255 for every interface.

Port 0 lets the system choose one port for both families. Each listener is reported on stderr in a line of its own, \
'listening on ADDRESS', except with --quiet. At a terminal one more line says what to type on another machine, if other machines can connect: with the server's key, where there is no code. A service \
manager is notified when all listeners are ready, and when the server ends: sd_notify(3), Type=notify.

With a mode the server takes many clients at once. It ends with a signal, or with --count or --once after that many clients. \
A failure with one client is reported in a line that names the client, and the server continues. If lines of the same kind come up for many \
clients, whatever names and numbers are in them, those of five are written, and the rest are counted in one line ('and 4812 more within 4s: ...') after \
a second, or later while there are too many. -v writes all lines, and --json has an event for each. A client that resets or ends its connection without sending anything, as \
health checks do, has no line, except with -v. Without a code or --tls everyone \
who can connect can use the server, and nothing is encrypted. --allow and --deny limit that.

STDIO

With stdio: stdin and stdout are the connection of one client, as with ssh, inetd, 'docker exec -i' and 'kubectl exec -i': pipes or a socket, not a terminal or a \
file. Nothing is encrypted, and there is no code: whoever can start the server may use it. --once is implied: the exit code is that of the session. stdout belongs to the \
protocol. 'upload' and 'download' start such a server by ssh://HOST/DIR and --via. A line of authorized_keys keeps a key to one folder, and to uploads:

    restrict,command=\"sendall serve --store inbox stdio:\" ssh-ed25519 AAAA...

MANY CLIENTS

With --keep-open stdin goes to all clients, and their data goes to stdout, in pieces as they arrive. With --label the data is written in whole lines, \
with control characters (except tabs) and invalid bytes escaped, so no line can pass for that of another client. --send-only discards \
data from clients; --recv-only does not read stdin. stdin is read only while there is a client. When a client has ended and its data is written, \
its connection is closed; if stdin is a pipe or a file, only after stdin has ended as well. With --broker the data of each client goes to all others, \
and a client that has ended leaves. stdin and stdout take no part unless --join makes them one more client, called 'server' \
with --chat.

Each client has a queue of 192 KiB. With --slow cut, a client whose queue is full and that keeps others waiting for a second is disconnected. With \
drop it misses the data that does not fit, and the server reports how much. With wait all clients wait for it. stdout is always waited for.

--reply @FILE sends the contents that the file had at the start. A file over 16 MiB is read again for each client; if it changes meanwhile, that \
client gets a reset.

A script compares each line or chunk with the WHEN of each --answer, without the line end, and sends the first match. A client that sends a line over \
64 KiB is disconnected. After --hang-up a client has two seconds to end its side.

TRUST

With --store and --share on an address that is not loopback, and with --code in every mode, clients are encrypted (TLS 1.3) and need a code. It is made at \
the start and printed after the listeners, with the key of the server, or comes from SENDALL_CODE or --code-file. It is good until the server ends, for \
any number of clients; with --once, or --code-uses N, for as many sessions as succeed. A session that was cut does not count. A wrong code is \
answered after a second; from the third of an address on it waits 5 s, then twice as long each time; 100 wrong codes in all withdraw the code.

Of a passed socket (systemd:, fd:3) the address decides: if it is not loopback, clients need a code. With --plain anybody is admitted, \
encrypted or not. A service has its code in a file: --code-file FILE --code-uses many.

--clients FILE admits clients by their keys, without a code. A line has the key and, for less than everything, what the client may do; a comment begins with #:

    sha256:9rSu0uW_Px-S_uQReRcD5sD7wUdUKS2cTSMWDQ_5kF4
    sha256:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU rights=share # only reads
    sha256:Xfb8wGfJ7xkcqg1bHGuVLEYAyhGSVAyUUJWJnfHCOPk store=/srv/ann max-size=1GiB

rights=store,share limits the client to uploads or downloads, store= is a folder for its uploads in place of that of --store, and max-size= limits each of its files. The list is read again when it changes. If it cannot be read then, nobody is admitted by a key, and a line says why. Running sessions go on. Others than the server's user and root must not be able to change it. A client that is refused learns its key, and so does the server's log.

--pair adds to the list who has used the code with success, so that it needs none next time: 'serve --store inbox --clients FILE --pair :7255' makes a code once, and \
each client is asked for it once. A client that is in the list keeps its line.

TLS

With --tls --cert FILE --cert-key FILE, raw streams and --forward are for clients of TLS 1.2 and 1.3, such as browsers, openssl s_client and ncat --ssl. \
Certificate and key are read again on SIGHUP. --client-ca FILE admits only clients with a certificate of those authorities. \
--forward tls:HOST:PORT connects with TLS to the target, and verifies its certificate. A client that ends without TLS's close_notify has lost its \
connection (5), because somebody may have cut it; --lax-end accepts such an end.

SECURITY

Who is admitted to a --store can find out whether a file with a given name exists and, by giving its size, the file's digest. For the digest the \
server reads the file: one file at a time for each client, and no longer than the client stays. --allow, \
--max-clients and --max-per-source limit that.

ACCESS

--allow and --deny take networks (10.0.0.0/8, 2001:db8::/32), addresses and names. The longest prefix that contains a \
client's address decides; if two are equally long, the denial wins. A client in no list is admitted if there are only denials. IPv4 \
addresses match as IPv4 on every kind of socket. The lists do not apply to Unix sockets. @FILE has one entry per line, and # starts a comment. On SIGHUP files \
are read again and names are resolved again; so are the files of --cert, --cert-key and --client-ca, for clients to come. If one cannot be read, the \
old ones stay in use, and a line says why. A rejected client gets a reset.

Without such files or names, SIGHUP ends a server that was started at a terminal or that ends by itself (--count), and every other command. A \
server that was started without a terminal reports that it has nothing to read again. When its terminal goes away, \
a server ends in any case, unless SIGHUP was ignored from the start (nohup).

LIMITS

Some modes need a process, or a thread and files, for each client: --exec, --sh, --store and --share. They serve 100 clients at a time, \
16 from one source, with --http 80. With --store the number is lower, and one line says so, if the hard limit on descriptors (ulimit -Hn) has less than 177 for each client, with --http 193. The other modes \
serve 16384 clients, as far as descriptors allow (ulimit -n), and any number from one source, which may be a \
load balancer or a browser. A source is an IPv4 address or an IPv6 network of 64 bits.

A client over the limit for its source is refused with a reset, or in words if the protocol has them (--store, --share). A client over the limit for all \
waits until another one leaves; one line reports that the server is full. With --full refuse it is refused instead, except on a Unix socket, which has \
no reset. The further connections of a session (upload --connections) do not count as clients, nor for --count: one source may have three times as many as clients, and at least 15. A session \
continues without those that are refused.

METRICS

--metrics ENDPOINT shows what the server counts, in the text format of Prometheus, to whoever fetches http://ENDPOINT/metrics. A line, or an event, has the \
URL: 'metrics: http://127.0.0.1:9090/metrics'. The page has a listener of its own. PORT is for this machine only, as everywhere; for a unix:/path type \
'curl --unix-socket /path http://localhost/metrics'. Nothing is encrypted there, and everyone who can connect reads it: give it another address only in \
a network that you trust. Readers are no clients: they count nowhere, delay nobody and keep no server alive. Up to 16 are served at a time. If the endpoint cannot \
be bound, the command fails at the start. No value of a label comes from a client. Counters begin at 0 with the server:

    sendall_build_info{version}               1
    sendall_start_time_seconds                when the server started
    sendall_received_bytes_total, sendall_sent_bytes_total
        content from and to clients: streams, files, bodies of HTTP, payloads of datagrams; what is resumed is not sent again
    sendall_connections_accepted_total        all connections, refused ones included
    sendall_refusals_total{reason}            before a session began: denied, per_source, full, count (all that were wanted have come), proxy_header, tls, admission
    sendall_sessions_total{outcome}           sessions that have ended: ok; as exit codes have it failed, usage, no_connection, timed_out, lost, integrity, refused, untrusted, partial, cannot_write, signal; left (the client did not send anything, as a health check, or broke off a download by HTTP)
    sendall_further_connections_total         those of 'upload --connections' that have ended; they are no sessions
    sendall_clients_connected, sendall_clients_limit
        clients that are served now, and the most (--max-clients)
    sendall_clients_waiting{queue}            clients that wait now: for their PROXY header (proxy_header), their admission (admission), descriptors for a transfer (descriptors), or a thread of HTTP (http_thread)
    sendall_http_responses_total{code}        answers of HTTP, by status: http-hello, serve --http
    sendall_datagrams_received_total          from clients, written to stdout or forwarded
    sendall_datagrams_sent_total              to clients
    sendall_datagrams_dropped_total{reason}   kernel (more came than were received in time), unwritten, truncated, too_large, filtered, withheld (answers), undelivered
    sendall_flows, sendall_flows_opened_total
        with --forward udp:, open now and in all

http-hello has those of clients and of HTTP: each connection is a session. udp-listen has those of datagrams, and so has --forward udp:.

FORWARDING AND PROXYING

--forward gives each client a connection of its own to the server. With tls:HOST:PORT that connection is encrypted: the server's certificate must \
come from an authority that this system knows, or from one in --target-ca, and name HOST, or --target-name. --target-pin trusts a key instead. --target-cert presents a certificate to the server. No byte of a client \
leaves before that was checked; if the server is not trusted, the client's connection is reset, and a line says why. With --tls clients have TLS as well. Each end of file is passed on, and a failure of one side is a reset for \
the other. A session ends when both systems have acknowledged everything. Large streams pass inside the kernel.

--socks lets each client choose a target, in SOCKS5, SOCKS4, SOCKS4a or HTTP. CONNECT makes a tunnel. A request for an http:// URL (programs send these with \
http_proxy=) is forwarded, one for each connection, with Via and Connection: close. Names are resolved here and their addresses checked afterwards. \
Addresses of localhost, link-local addresses, cloud metadata services, multicast, broadcast and reserved addresses are refused unless \
--allow-target names them or a part of them, such as 127.0.0.0/8 or 127.0.0.1; a wider network does not include them. The other addresses of this machine \
are refused unless they are named one by one. Private networks are not refused. To refuse them, type --deny-target 10.0.0.0/8 \
--deny-target 172.16.0.0/12 --deny-target 192.168.0.0/16 --deny-target fc00::/7. \
--allow-target and --deny-target take the same entries as --allow and --deny, and are read once, at the start. Without --socks-users everyone who can connect \
can use the proxy. Passwords are sent in plain text. SOCKS4 has no passwords: with --socks-users its clients are refused. Each line of the users' file is user:password. A password must not be empty: that would protect nothing.

--proxy-protocol sends the client's address to the server of --forward. --accept-proxy-protocol, in any mode, expects that address \
from a proxy in front of this server, and believes it. With both, the client's address and the address that it connected to \
are passed on. A proxy's own connections (LOCAL, UNKNOWN) are served, and count as the proxy's.

DATAGRAMS

--forward udp:HOST:PORT and --forward unix-dgram:/path relay datagrams, from udp:PORT or another socket of datagrams: serve --forward \
udp:dns.internal:53 udp::53. Datagrams stay whole, up to 65507 bytes; empty ones are passed on, too. Each peer has a flow, which opens with its first datagram: a socket of its own to the \
target, so that answers find their way back. They leave from the address that the peer has sent to. A flow ends when nothing has passed for --idle-timeout, in either direction [default: 2m].

There are at most --max-clients flows; a new one takes the place of the one that is silent for longest, or with --full refuse is refused. \
--max-per-source limits the flows of one source, whose ports can be forged. With --count N the server ends when N flows have opened and ended. --allow and --deny say \
which peers have flows; others are ignored. A name is looked up at the start, and again for flows that open later than 30 seconds after that. If it has several addresses, the next one is \
used when the port is closed.

If the target refuses datagrams, a line says so once until it has answered again; what comes meanwhile is lost and counted, and the \
server continues. At the end a line, or the summary event, has the numbers: datagrams to the target and back, flows, and what was not delivered, dropped by the \
system, or filtered. With --count, known losses make the exit code 9. With -vv a line, and with --json an event, reports each flow's peer, at most 100 per second. \
Options of streams, TLS and codes are refused.

WIRE TEXT

With --wire text clients announce each file with the classic header 'command|name|size' or 'name|size', wait for an answer, \
and send exactly that many bytes; one connection may carry several files. Existing files are never replaced. The answer to a header \
is '200 ok', or a status, ' refused: ' and the reason. Files are synced and named as always, \
but their content is not verified: the lines say 'unverified'. PROTOCOL.md has the rules.";

/// For `serve`.
pub(crate) const SERVE_EXAMPLES: &str = "\
EXAMPLES

    sendall serve 9000                              chat with the first client from this machine
    sendall serve --recv-only :9000 >log            record what one client sends
    sendall serve --store inbox                     receive files from this machine, on port 7255
    sendall serve --store inbox :9000               receive files from other machines, by the code that it prints
    sendall serve --store inbox --once 0            receive one session, with its outcome as exit code
    sendall serve --store inbox --wire text :9000   receive files from simple scripts
    sendall serve --store inbox --code-file FILE --code-uses many :7255
        receive files from those who have the code in FILE
    sendall serve --code :9000 | tar xf -           receive an encrypted stream from who types the code
    sendall serve --tls --cert FILE --cert-key FILE --forward localhost:80 :443
        put TLS in front of another server
    sendall serve --share inbox unix:/run/shelf     offer a folder
    sendall serve --share inbox --http 8080         offer a folder to browsers and curl of this machine
    sendall serve --store inbox --share inbox --http :8080
        exchange files with browsers and curl, by the URL that it prints
    sendall serve --share site --links follow 0     offer a folder, and the targets of its links wherever they are
    sendall serve --forward db.internal:5432 5432   relay each client to another server
    sendall serve --socks --socks-users FILE :1080
        run a proxy for SOCKS5 and HTTP, for the users in FILE
    sendall serve --forward udp:dns.internal:53 udp:5353
        relay datagrams to a server, and its answers back
    sendall serve 9000 --exec -- tr a-z A-Z         run a process for each client
    sendall serve 9000 --pty --sh 'exec python3'    run a process with a terminal for each client
    sendall serve 873 --exec-socket -- rsync --daemon
        run a program that expects inetd
    sendall serve --broker --chat --join :9000      run a chat, and take part in it
    sendall serve --echo :9000 --metrics 9090       show counters to Prometheus on this machine
    sendall serve systemd: --store inbox            use the sockets that systemd passes";
