//! Texts that `--help` and the manual pages share. A line in capitals is a heading; indented lines are shown as they are.

/// For the whole program.
pub(crate) const OVERVIEW: &str = "\
EXIT STATUS

    0      done, all of it
    1      failed for a reason that is not listed here
    2      wrong usage; also a file or folder on the command line that cannot be used
    3      no connection: name not found, refused, unreachable, address in use, not permitted to bind
    4      a time limit ran out
    5      connection lost: reset, or ended before the data was complete
    6      integrity: a digest does not match, the source changed while it was sent, the protocol was broken
    7      the peer refused: exists, not found, not allowed, too large, no space there, unsafe name
    9      some files done, some failed (each failure has a line on stderr)
    10     cannot write here: disk full, read-only, stdout closed or failing
    128+n  ended by signal n: 130 for SIGINT, 143 for SIGTERM, 141 when the reader of stdout went away

Every code but 0 and 141 comes with one line on stderr that says why. Both ends of a transfer report the outcome. \
In a pipeline the shell reports the last command's code only: use 'set -o pipefail' where there is one.

FILES THAT ARRIVE

By upload or download, a file is written under a temporary name (.sendall-*.part) in its destination folder, compared \
with the sender's BLAKE3 digest (not with --wire text), synced to the disk and only then given its name; the folder is synced before success \
is reported. An interrupted transfer leaves no file under the final name.

A name that exists with the same content counts as done. A name that exists with other content is refused, unless \
--force replaces it, in one step. Modification time and the owner's execute bit are kept; everything else of the mode \
comes from the umask, never setuid, setgid or sticky. Folders on the way to a file are made; a folder that is sent \
keeps its time. Links in the destination are not followed.

Of a file over 1 MiB that was interrupted its part is left, and the next upload or download of the same name goes on \
where it ends, if the part's digest is that of the source's beginning; a file over 4 MiB is compared in blocks of 4 MiB, and \
only those that differ are sent. A part that is older than a week is removed.

Files over 4 MiB may go over several connections, see --connections. Each block is verified when it comes, and sent again \
alone if it was damaged; a connection that is lost costs the blocks that were on it, unless it was the first.

With --retry N, upload and download try again, N times in all, after a failure that a new connection can mend: codes 3, 4 \
and 5, a server with too many clients, and a digest that does not match; once, where the source has changed. They wait \
--retry-delay first (250 ms), then twice as long each time up to 10 s; from the first pause again once files have moved. What is there already is \
not sent again. A refusal ends it; so does 'serve --once', which has nobody to come back to. The server ends the session that was cut, where it has \
not noticed yet. While one session writes a name, \
others are refused that name, unless nothing has come from it for 10 seconds: then it makes way.

With --digests FILE there is a line for each file that is in place in the end, as b3sum prints it; 'b3sum --check' reads it in \
the folder where the files are. Names are those of the receiving side. upload and download write FILE anew when the \
session has ended, if any file is in place; serve --store adds the lines of each session at its end. What is not UTF-8 in a \
name is replaced, as by b3sum.

LIMITED RATE

--limit-rate RATE holds each connection of the command to so many bytes per second, each way, framing included: 500KiB, 10MB, 10MB/s, at least 1KiB. The connections of one upload or download share it: without -j there is one. On Linux the kernel spaces the packets that are sent over TCP. What is received is read as slowly, so that the peer's system slows down; a download asks the server for it, too. Of two limits the smaller counts.

EVENTS

With --json every command writes events to stderr in the place of text: each a line, a JSON object. stdout is as without \
it, but for listings (download --list, upload --dry-run, connect --probe), whose lines are objects, too. An object has all of the fields that are listed for its kind of event, and null stands for what is not known or does \
not apply; fields and kinds may be added later. Every object has these:

    event  the kind: listening, peer, child, file, progress, summary, warning, error or detail
    peer   string or null: the peer; always in peer and summary events, in others where a server has several clients
    time   number: seconds since the start

listening: a socket is bound.

    address  string: an endpoint that 'connect' takes

peer: a connection has come or gone. A client ends with its peer: only a server tells the end of each.

    state  string: connected or ended

child: a process of --exec or --sh has ended.

    id      number: its process id
    code    number or null: its exit status
    signal  number or null: the signal that ended it

file: what became of a file.

    path    string: as it is called in the transfer
    kind    string: file, folder or link
    state   string: sent, received, there (before, with the same content) or failed
    size    number or null: bytes
    digest  string or null: BLAKE3, 64 hexadecimal digits
    reason  string or null: why it failed, in fixed words
    text    string or null: why it failed, in more words

progress: at most twice a second while files are transferred, and once at the end. The numbers are those of the bars, \
and count what the receiver has.

    phase         string: waiting, hashing, sending, receiving, verifying or syncing
    path          string or null: the current file
    done_bytes    number: bytes of content that are there, in all files
    total_bytes   number or null: bytes that are known to be due
    entries_done  number: files, folders and links that are completed
    entries       number: those that are known to be due
    all_known     true or false: whether total_bytes and entries are final
    rate          number: bytes per second, of late

summary: a session has come to its end. If part of it failed, an error event follows.

    verb            string: sent, received, or relayed by serve and connect without files
    path            string or null: that of a single file
    digest          string or null: that of a single file
    verified        true or false: whether the receiver has compared digests
    entries         number: files, folders and links in all; 0 when relayed
    done            number: those that are in place, 'there' included
    there           number: those that were there before, with the same content
    failed          number: those that failed
    sent_bytes      number: bytes of content that were sent
    received_bytes  number: bytes of content that were received
    seconds         number: how long the session took

error: a failure. With no peer it is the last event of the command, and its code the exit code; with one it is the \
failure of that client's session, and the server goes on.

    code  number: see EXIT STATUS
    text  string: the line that would have been printed (for 141 as well, which has none)

warning, and with --verbose detail: what else would have been a line.

    text  string

With --quiet only error, warning, and file events of failures are written. Strings from elsewhere (paths, names, what a \
peer says) are escaped as they are in text: control and direction characters, and bytes that are not UTF-8, as \\xHH or \
\\u{HHHH}. A path that has a backslash of its own has it unescaped: do not read such a path back.

EXAMPLES

Receive one file, here, from anywhere, and send it:

    sendall serve --store . --once :9000
    sendall upload report.pdf receiver.example:9000

Stream between two machines, as with nc, but with an exit code that can be believed:

    sendall serve :9000 | tar xf -
    tar cf - folder | sendall connect receiver.example:9000

Offer a file to whoever can connect, and fetch it under another name:

    sendall serve --share disk.img :9000
    sendall download sender.example:9000 disk.img -o copy.img";

/// What `upload` takes.
pub(crate) const PATHS_AND_WHERE_TO: &str = "Files and folders, - for stdin (with --name); and last, where to: \
HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT";
/// For `--json`.
pub(crate) const JSON: &str = "\
Write events as JSON, one per line, to stderr in the place of text: 'sendall --help' or sendall(1), EVENTS, has the schema";

/// An endpoint to connect to.
pub(crate) const WHERE_TO: &str =
    "Where to: HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT";

/// An endpoint to connect to.
pub(crate) const WHERE_FROM: &str =
    "Where from: HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT";

/// For `serve` and `connect`.
pub(crate) const END_OF_FILE: &str = "\
END OF FILE

1. The end of the input is passed on to the peer (as a half-close) after the last byte. Receiving goes on.

2. The peer's end of file ends that direction only. What the input still holds is still sent.

3. The command ends with 0 when both directions have ended, everything received was written, and the peer's system has \
acknowledged everything that was sent.

4. A reset, or a peer that closed before it had everything, is a failure: 5.

5. An input that is closed or is /dev/null has nothing to say, but has not finished speaking: the end is passed on only \
when the peer has ended. So the command works the same under cron, systemd and 'ssh -n'. An empty file or pipe is a \
real input: rule 1.

6. A terminal as input ends with the peer.

7. --end-when sets which end of file ends the command, --no-half-close keeps rule 1 from sending anything, --send-only \
and --recv-only drop one direction.

8. A stdout that is closed is an error at the start: 10. A reader of stdout that goes away ends the command silently: \
141. A full disk: 10.";

/// For `serve` without a mode and for `connect`.
pub(crate) const LINES_AND_MESSAGES: &str = "\
LINES AND MESSAGES

TCP keeps the order of bytes, but not the borders between what was sent: two messages may come as one, or one in two. With --frame each line \
of stdin, without its line feed, is one message to the peer, and each message from the peer is written once it is whole:

    u8, u16be, u16le, u32be, u32le, u64be
               its length stands before it, in 1 to 8 bytes, big- or little-endian; the length's own bytes do not count
    netstring  length in decimal digits, a colon, the message, a comma
    line, nul  a line feed or a NUL byte stands behind it

--frame-out line adds a line feed to each message, raw nothing. A message may have line feeds of its own: json tells messages apart \
whatever is in them. It writes a line for each, an object:

    length  number: bytes
    text    string or null: the message, if it is UTF-8
    base64  string or null: the message, if it is not

A message over --max-message is refused when its length is read: 7. An end of the stream within a message is a connection lost: 5; what \
came of that message is not written. What is not a netstring where one is due: 6. A line that is too long for its length or over \
--max-message, or has a NUL byte in it that would end it: 1, and nothing of that line is sent.

--crlf sends a line feed as CR LF unless its CR is there already; what comes is left as it is. --line-delay waits after each \
line; the end of stdin is passed on at once. --telnet refuses every option that the peer negotiates (DO is answered by WONT, WILL by \
DONT), takes commands and subnegotiations out of what comes, and escapes the byte 255 both ways (RFC 854, RFC 855); what is negotiated after the end \
of stdin was passed on is not answered.

--tee-in and --tee-out write what is received and sent to a file, as it is on the wire, framing and refusals included. --hex-dump \
writes both directions to one, a line for each 16 bytes: > sent or < received, seconds since the connection began, \
offset in that direction, the bytes, and those of them that are printable ASCII; - is stderr, because stdout has what the peer says. \
A file that is there is emptied first. A pipe or device will do; the session waits for it. What cannot be written \
ends the session: 10. All of these let the bytes pass through the program, where otherwise the kernel moves them.";

/// For `serve`.
pub(crate) const SERVE: &str = "\
ENDPOINTS

    PORT           this machine only, IPv4 and IPv6
    :PORT          every interface, IPv4 and IPv6
    HOST:PORT      that address; [V6]:PORT for IPv6
    unix:/path     a Unix socket; its file is removed at the end
    unix:@name     an abstract Unix socket (Linux)
    unix-seqpacket:/path, unix-seqpacket:@name
                   a Unix socket that keeps packets apart; one without bytes is taken for the end
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

A script hears lines or chunks and answers with the first --answer whose WHEN is equal to it, without its line end. A client that is hung up on \
has two seconds to end its side.

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
--allow-target names them or a part of them, as 127.0.0.0/8 or 127.0.0.1; a wider network does not open them. \
--allow-target and --deny-target are read as --allow and --deny, once at the start. Without --socks-users whoever can connect \
can use the proxy; passwords pass in plain text.

--proxy-protocol tells the server behind --forward whose connection it is. --accept-proxy-protocol, with any mode, wants to be \
told that by a proxy in front of this server, and takes its word for it.

WIRE TEXT

With --wire text clients announce each file by the classic header 'command|name|size' or 'name|size', wait for an answer, \
and send exactly so many bytes; several files on one connection. Files that exist are never replaced. A header \
is answered by '200 ok', or by a status and ' refused: ' and the reason. What arrives is synced and named as always, \
but nothing proves its content: the lines say 'unverified'. PROTOCOL.md has the rules.";

/// For `serve` and `connect`.
pub(crate) const PROCESSES: &str = "\
PROCESSES

With --exec or --sh each connection has a process of its own: what the peer sends is its stdin, what it writes goes to the \
peer; its stderr is that of sendall. The peer's end is the end of its stdin, and the end of its stdout that of the \
connection's sending direction. When the process has ended and all of its output was sent, the connection is closed in order; \
what the peer still sends is thrown away, as is what a process does not want to read. Whatever else has its stdout open \
keeps the connection open, and is ended after 10 seconds of silence.

A connection that is lost, or cut by a limit, ends the process and all of its process group: SIGTERM, and SIGKILL \
after 2 seconds, or sooner if a limit or a signal to sendall was the cause. A peer that has only gone silent is not seen \
to have gone: --idle-timeout says how long that may last.

    SENDALL_PEER_ADDR, SENDALL_PEER_PORT     the peer's address; Unix sockets have no port
    SENDALL_LOCAL_ADDR, SENDALL_LOCAL_PORT   the address on this side

The process has no other descriptors, no signal is blocked, and SIGPIPE ends it as usual. 'connect' ends with 0 if the \
stream has ended in order and the process with 0, and with 1 if it did not; 'serve' says so in a line, and with --verbose how \
each has ended.

With --pty the process has a terminal, as its controlling one, in its usual mode: it echoes what comes, ^C interrupts, a line has at \
most 4095 bytes. The peer's end is typed as ^D; a connection that is lost hangs up.";

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

/// For `connect`.
pub(crate) const CONNECT: &str = "\
TRYING AGAIN

With --retry N a connection that cannot be had (codes 3 and 4) is tried again, N times in all, as 'sendall --help' has it for \
upload and download. A stream that has begun is never tried again: what was sent cannot be taken back.

PROBE

With --probe connections are made and closed at once; nothing is sent. ENDPOINT may have several ports, as numbers and \
ranges: host:20-25,80. stdout gets a line for each in their order, a word and the address:

    open ADDRESS         a connection was taken
    refused ADDRESS      the host answered that nobody listens
    timeout ADDRESS      nobody answered within --timeout
    unreachable ADDRESS  no way leads there, or the way is closed; of a Unix socket: it is not there

A name with several addresses is open if one of them is; the addresses are raced as for a connection. Up to 1000 are tried \
at once. The code is 0 if all are open, else 3. With --json each line is an object:

    state    string: open, refused, timeout or unreachable
    address  string
    port     number or null: null for a Unix socket
    text     string or null: why it is not open
    seconds  number: how long that took

SOCKET OPTIONS

They hold for upload and download, too. What the system refuses is a failure: 1, or 3 for --source and --interface. So is a \
buffer that it makes smaller than was asked for. With -vv a line tells what is in force, as the system says: Linux \
tells twice the size of a buffer, and keepalive as the first wait and those that follow.

--source and --interface leave out the addresses that cannot be reached from there. --keepalive DURATION tests a silent \
connection after so long, then each time after a quarter of that. --user-timeout also ends a connection whose peer has \
only paused reading. --mark needs a privilege. With --mptcp a peer that does not know it is spoken to over plain TCP: \
mptcp=fallback.

--fastopen, of connect only, saves a round trip where the server does TCP Fast Open and the system knows its cookie from an \
earlier connection: stdin is waited for before the connection is asked for. What is sent so may reach a server twice: only \
for questions that can be asked twice.";

/// For `connect`.
pub(crate) const CONNECT_EXAMPLES: &str = "\
EXAMPLES

    sendall connect localhost 25                  talk to a server from the terminal
    printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sendall connect example.org:80
    tar cf - folder | sendall connect host:9000   stream
    sendall connect --send-only host:514 <log     only send; 0 when all of it was acknowledged
    sendall connect --probe host:22,80,8000-8100  which ports take connections
    sendall connect --retry 100 host:9000 <log    wait for a server that is being started
    sendall connect --source 192.0.2.7 host:25    from that address of this machine
    sendall connect --crlf --hex-dump - host:25   an SMTP server, and what passes
    sendall connect --frame u32be host:7000       each line a message, each message a line
    sendall connect --proxy socks5://localhost:1080 host.example:22
                                                  through a proxy, which resolves the name
    sendall connect host:9000 --sh 'make 2>&1'    join the server to a process

THROUGH PROXIES

The first --proxy is connected to, each asks for the next one, and the last for the server, whose name it resolves; --timeout is \
the limit for all of that. A proxy that cannot reach its target is 3, one that does not want to is 7, one that does not take the \
user and password is 8; the line says which proxy said so. What is acknowledged then is acknowledged by the first proxy's \
system: of what is behind it nothing is known. A password never stands on the command line: --proxy-password-file has it, or \
SENDALL_PROXY_PASSWORD in the environment.";

/// For `upload`.
pub(crate) const UPLOAD: &str = "\
Each PATH is a regular file, a folder, or a link to one; it arrives under the last component of its path, so two of \
them must not be the same. A folder arrives with all that is in it, empty folders too. Links in it are left out, unless \
--links follows or copies them; so are FIFOs, sockets and devices. The last word is the endpoint, or the last two are \
HOST PORT.

--dry-run prints what would be sent, as 'download --list' prints what is offered, also with --json.

--include and --exclude take patterns as in a .gitignore, matched on the path below the folder that was named: '*.o', \
'/build/', '!keep.o'.

With one file the summary shows its BLAKE3 digest, as b3sum prints it; with several, --verbose shows each.

WIRE TEXT

With --wire text each file goes over a connection of its own to a server that speaks nothing but the classic header: \
'upload|name|size', any answer (--verbose shows it), the bytes. Success means that the server took everything and \
ended the connection in order; what it has stored is not known, and the summary says 'unverified'. A refusal by \
'sendall serve --wire text' is known as one. Names with a '|' cannot be sent, and --force cannot be asked for.

EXAMPLES

    sendall upload report.pdf host:9000
    sendall upload photos host:9000               a folder
    sendall upload --exclude '*.o' src host:9000
    tar cf - photos | sendall upload - --name photos.tar host:9000
    sendall upload --force config.toml unix:/run/inbox
    sendall upload --retry 20 disk.img host:9000  over a connection that breaks now and then
    sendall upload --wire text a.txt host:9000    to a script that knows 'command|name|size'";

/// For `download`.
pub(crate) const DOWNLOAD: &str = "\
With no NAME everything is fetched that the server shares. A NAME is a file or a folder, and may lie in a folder of the \
share (a/b.txt); it arrives under its last component. The names of the files here are chosen here, never by the server: with -o FILE one \
file gets that name, and a server that offers something that was not asked for is refused. With -o - one file goes to \
stdout as it comes: only the exit code says whether it was whole.

--list prints size, time and path of each entry that is offered, a line each, instead of fetching it. The path of a \
folder ends with a slash. With --json each line is an object:

    path        string: escaped as in events
    kind        string: file, folder or link
    size        number or null: bytes of a file
    mtime       string or null: as RFC 3339 has it, in UTC; null before 1970, or where there is none yet
    executable  true or false: whether its owner may execute it
    target      string or null: where a link leads, escaped

A name that is not there is a failure, told when the list has ended: 7, or 9 if there are several.

EXAMPLES

    sendall download host:9000                    everything, into this folder
    sendall download host:9000 a.txt logs/b.txt -o inbox
    sendall download host:9000 disk.img -o copy.img
    sendall download host:9000 photos.tar -o - | tar xf -
    sendall download --list host:9000";

/// For `http-hello`.
pub(crate) const HTTP_HELLO: &str = "\
ANSWERS

GET, POST, PUT, PATCH and DELETE get the answer, HEAD gets it without its body, OPTIONS is told what is allowed (204); any \
other method gets 501. A request's body is read whole before it is answered. A path is compared as it was sent, without \
its query. An answer of --path without a body has its status as text.

Connections are kept (HTTP/1.0: if the client asks for it), and requests that are sent ahead are answered in their order. \
Refused, and the connection closed: what is not HTTP, or could be read in two ways (400); a head or a body that took too \
long (408), a body over --max-body (413), a target over 8 KiB (414), an expectation other than 100-continue (417), \
fields over 8 KiB or more than 100 of them (431), CONNECT and transfer codings other than chunked (501), versions other \
than 1.0 and 1.1 (505).

--log writes lines to stdout: common is what web servers write; json is an object with time, peer, method, target, version, \
status and bytes. No client ever waits for it: lines that stdout does not take are left out, and stderr says how many.

The first SIGINT or SIGTERM finishes what has begun, within a second.";

/// For `http-hello`, behind its options.
pub(crate) const HTTP_HELLO_EXAMPLES: &str = "\
EXAMPLES

    sendall http-hello                                 greets on 127.0.0.1:8080
    sendall http-hello :80 --path /health=204          a target for a load balancer
    sendall http-hello --whoami                        shows what a proxy passes on
    sendall http-hello 0 --status 503 --header 'Retry-After: 60' --body 'back soon\\n'
    sendall http-hello 0 --count 1 --log common        waits for one request, and ends";
