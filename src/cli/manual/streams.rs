//! What `serve` and `connect` do with a stream.

/// For `serve` and `connect`.
pub(crate) const END_OF_FILE: &str = "\
END OF FILE

1. The end of the input is passed on to the peer (as a half-close) after the last byte, but politely: many servers take \
that for a hang-up, and drop the rest of their answer. So it is held back while the peer is talking, and until it has been \
silent for a moment: 100 ms or four round trips, whichever is longer; once it has said something, 250 ms and four round trips; and \
at least four times the longest pause that it has made, up to 1 s. What waits for room on stdout is talk, too. Who only answers when told the end (sort, wc) \
is told after that pause; who talks for ever is not told. The end goes at once with --send-only, to a peer that has ended, and \
where more than 1 MiB was sent and the peer has said nothing; after so much, what waits for stdout does not hold it back. Receiving goes on.

If an answer is cut off all the same, because its server was silent for longer, use --no-half-close. A peer that had begun \
to talk and ends within 100 ms (or four round trips) of being told the end is reported with --verbose, and in the summary event of --json.

2. The peer's end of file ends that direction only. What the input still holds is still sent.

3. The command ends with 0 when both directions have ended, everything received was written, and the peer's system has \
acknowledged everything that was sent.

4. A reset, or a peer that closed before it had everything, is a failure: 5.

5. An input that is closed or is /dev/null has nothing to say, but has not finished speaking: the end is passed on only \
when the peer has ended. So the command works the same under cron, systemd and 'ssh -n'. An empty file or pipe is a \
real input: rule 1.

6. A terminal as input ends with the peer. While the command is in its background ('sendall ... &'), the terminal is not \
read: what is typed is for the shell. Back in the foreground ('fg') it is an input again.

7. --end-when sets which end of file ends the command. With --linger the command ends with 0 when the input has ended \
(or there is none: rule 5) and the peer has been silent for so long. --no-half-close keeps rule 1 from sending anything, \
--send-only and --recv-only drop one direction.

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
    octet-count
               length in decimal digits, a blank, the message: syslog over TCP (RFC 6587)
    line, nul  a line feed or a NUL byte stands behind it

--each cuts stdin elsewhere than at line feeds. all sends all of it as one message. A SIZE makes messages of that many bytes. \
One of the framings above reads stdin that is framed like that. json reads what --frame-out json writes (length may be left out). \
Without --each a warning names the first line that is not text. So any message that can be received can be sent: a query to \
DNS over TCP is --frame u16be --each all.

--frame-out line adds a line feed to each message, raw nothing. A message may have line feeds of its own: json tells messages apart \
whatever is in them. It writes a line for each, an object:

    length  number: bytes
    text    string or null: the message, if it is UTF-8
    base64  string or null: the message, if it is not

A message over --max-message is refused when its length is read: 7. An end of the stream within a message is a connection lost: 5; what \
came of that message is not written. What is not a netstring, or not octet-counted, where that is due: 6. What cannot be \
sent as a message: 1, and nothing of it is sent. It is too long for its length, over --max-message, empty with octet-count, not what \
--each says, or has the byte in it that would end it.

--crlf sends a line feed as CR LF unless its CR is there already; what comes is left as it is. --line-delay waits before each \
line, the first one too: servers of mail refuse who speaks before they have greeted. --wait-greeting does not read stdin before \
the peer has said something, or ended; the pause before the first line then begins there. --telnet refuses every option that the peer negotiates (DO is answered by WONT, WILL by \
DONT), takes commands and subnegotiations out of what comes, and escapes the byte 255 both ways (RFC 854, RFC 855); what is negotiated after the end \
of stdin is not answered.

--tee-in and --tee-out write what is received and sent to a file, as it is on the wire, framing and refusals included. --hex-dump \
writes both directions to one, a line for each 16 bytes: > sent or < received, seconds since the connection began, \
offset in that direction, the bytes, and those of them that are printable ASCII; - is stderr, because stdout has what the peer says. \
A file that is there is emptied first, unless --tee-append adds to it. A pipe or device will do; the session waits for it. \
/dev/fd/N, /dev/stdout and /dev/stderr are written as they were passed on: nothing is emptied, and a socket will do. \
What cannot be written ends the session: 10. These three go with every mode of serve but --store, --share and --exec-socket, and \
with --exec: sent is what goes to the client. Many clients write into one file as it comes; each line of a dump begins with \
the client's address. All of these let the bytes pass through the program, where otherwise the kernel moves them.";

/// For `serve` and `connect`.
pub(crate) const PROCESSES: &str = "\
PROCESSES

With --exec or --sh each connection has a process of its own: what the peer sends is its stdin, what it writes goes to the \
peer; its stderr is that of sendall. The peer's end is the end of its stdin, and the end of its stdout that of the \
connection's sending direction: passed on at once, except that 'connect' is polite while the process runs (END OF FILE, 1). \
When the process has ended and all of its output was sent, the connection is closed in order; \
what the peer still sends is thrown away, as is what a process does not want to read. Whatever else has its stdout open \
keeps the connection open, and is ended after 10 seconds of silence.

A connection that is lost, or cut by a limit, ends the process and all of its process group: SIGTERM, and SIGKILL \
after 2 seconds, or sooner if a limit or a signal to sendall was the cause. A peer that has only gone silent is not seen \
to have gone: --idle-timeout says how long that may last.

    SENDALL_PEER_ADDR, SENDALL_PEER_PORT     the peer's address; Unix sockets have no port
    SENDALL_LOCAL_ADDR, SENDALL_LOCAL_PORT   the address on this side

The process has no other descriptors, no signal is blocked, and SIGPIPE ends it as usual. 'connect' ends with 0 if the \
stream has ended in order and the process with 0, and with 1 if it did not; 'serve' says so in a line, and with --verbose how \
each has ended. --crlf sends the process's line ends as CR LF.

That a client has closed its connection, and not only ended its direction, TCP tells only when something is sent to it. A process \
that says nothing keeps its place until then: over TCP the keepalive finds out after a minute. With --end-when peer a process that \
has said nothing for 2 seconds after its client's end is ended, and that is no failure: so health checks, which connect and close, \
do not fill a server. A client that still waits for an answer then hears a reset.

With --exec-socket the process has the connection itself as stdin and stdout, as inetd gives it to programs that ask who the \
peer is, or whether there is a socket at all: serve 873 --exec-socket -- rsync --daemon. Then nothing of the stream passes \
through sendall: it is neither counted (no summary event), limited nor written down, its end is the process's affair, and 0 says no more than \
that the process ended with 0.

With --pty the process has a terminal, as its controlling one, in its usual mode: it echoes what comes, ^C interrupts, a line has at \
most 4095 bytes. The peer's end is typed as ^D; a connection that is lost hangs up.";

/// For `connect`.
pub(crate) const CONNECT: &str = "\
TRYING AGAIN

With --retry N a connection that cannot be had (codes 3 and 4) is tried again, N times in all, as 'sendall --help' has it for \
upload and download. A stream that has begun is never tried again: what was sent cannot be taken back.

PROBE

With --probe connections are made and closed at once; nothing is sent. Several endpoints may be typed, and each may have \
several ports, as numbers, names and ranges: host:20-25,80,https. stdout gets a line for each, in the order of the endpoints, the \
lowest port first, a word and the address:

    open ADDRESS         a connection was taken
    refused ADDRESS      the host answered that nobody listens
    timeout ADDRESS      nobody answered within --timeout
    unreachable ADDRESS  no way leads there, or the way is closed; of a name: it has no address; of a Unix socket: it is not there

A name with several addresses is open if one of them is; the addresses are raced as for a connection. Up to 1000 are tried \
at once. The code is 0 if all are open, else 3.

With --retry N what is not open is tried again, up to N times, --retry-delay after the last failure of its host; that pause \
does not grow here. --within DURATION tries until then (code 4), also without --retry. Names are looked up each time. A line says what \
is waited for.

With --json each line is an object:

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
    sendall connect --probe --within 60s db:5432 cache:6379   wait until both are there
    sendall connect --retry 100 host:9000 <log    wait for a server that is being started
    sendall connect --source 192.0.2.7 host:25    from that address of this machine
    sendall connect --crlf --hex-dump - host:25   an SMTP server, and what passes
    sendall connect --crlf --wait-greeting --line-delay 1s host:25 <lines
                                                  a dialogue from a file, at a person's pace
    sendall connect --linger 2s host:9000 <asked  leave when nothing has come for two seconds
    sendall connect --frame u32be host:7000       each line a message, each message a line
    sendall connect --frame u16be --each all host:53 <query
                                                  a message with any bytes in it
    sendall connect --proxy socks5://localhost:1080 host.example:22
                                                  through a proxy, which resolves the name
    sendall connect host:9000 --sh 'make 2>&1'    join the server to a process

THROUGH PROXIES

The first --proxy is connected to, each asks for the next one, and the last for the server, whose name it resolves; --timeout is \
the limit for all of that. A proxy that cannot reach its target is 3, one that does not want to is 7, one that does not take the \
user and password is 8; the line says which proxy said so. What is acknowledged then is acknowledged by the first proxy's \
system: of what is behind it nothing is known. A password never stands on the command line: --proxy-password-file has it, or \
SENDALL_PROXY_PASSWORD in the environment.";
