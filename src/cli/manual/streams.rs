//! The texts about streams, for `serve` and `connect`.

/// For `serve` and `connect`.
pub(crate) const END_OF_FILE: &str = "\
END OF FILE

1. The end of the input is passed on to the peer (as a half-close) after the last byte, but not always at once: many servers \
take a half-close for a hang-up, and drop the rest of their answer. So it is held back while the peer is sending, and until the peer has been \
silent for a moment. That moment is 100 ms or four round trips, whichever is longer; once the peer has sent something, 250 ms and four \
round trips; and at least four times its longest pause so far, up to 1 s. Data that waits for stdout counts as sending. A peer \
that answers only after the end of its input (sort, wc) therefore gets it after that pause; a peer that never pauses does not get it. \
The end is passed on at once with --send-only, to a peer that has ended, and after more than 1 MiB was sent to a peer that has sent nothing. After \
1 MiB, data that waits for stdout does not hold the end back either. Receiving continues.

If an answer is cut off all the same, because its server was silent for longer, use --no-half-close. If a peer has begun \
to answer and ends within 100 ms (or four round trips) after the half-close, --verbose and the summary event of --json report it.

2. The peer's end of file ends only that direction. The rest of the input is still sent.

3. The command ends with 0 when both directions have ended, everything received is written, and the peer's system has \
acknowledged everything that was sent.

4. A reset is a failure (5), and so is a peer that closes before it has received everything.

5. An input that is closed, or is /dev/null, has nothing to send but does not count as ended: the end is passed on only \
after the peer has ended. So the command works the same under cron, systemd and 'ssh -n'. An empty file or pipe is a \
real input: see 1.

6. A terminal as input ends with the peer. In the background ('sendall ... &') the command does not read the terminal, because \
what is typed belongs to the shell. After 'fg' it reads again.

7. --end-when chooses which end of file ends the command. With --linger the command ends with 0 when the input has ended \
(or there is none: see 5) and the peer has been silent for that long. With --no-half-close the end of the input is not passed on \
before the peer has ended. --send-only and --recv-only drop one direction.

8. A closed stdout is an error at the start (10). If the reader of stdout goes away, the command ends silently (141). A full \
disk is an error (10).";

/// For `serve` without a mode and for `connect`.
pub(crate) const LINES_AND_MESSAGES: &str = "\
MESSAGES AND RECORDS

TCP keeps the order of bytes, but not the boundaries between messages: two messages may arrive as one piece, or one in two pieces. With \
--frame FRAME each line of stdin, without its line feed, is one message to the peer, and each message from the peer is written once it is \
complete. FRAME is the form of a message on the wire:

    u8, u16be, u16le, u32be, u32le, u64be
        a length of 1 to 8 bytes, big-endian or little-endian, before each message; the length does not include itself
    netstring
        the length in decimal digits, a colon, the message, a comma
    octet-count
        the length in decimal digits, a space, the message: syslog over TCP (RFC 6587)
    line, nul
        a line feed or a NUL byte after each message

--each splits stdin elsewhere than at line feeds. all sends the whole of stdin as one message. A SIZE makes messages of that many bytes. \
A FRAME reads stdin in that form. json reads the objects that --frame-out json writes (length may be left out). \
Without --each a warning names the first line that is not text. In this way any message that can be received can also be sent. For example, \
DNS over TCP takes a query with --frame u16be --each all.

--frame-out line writes a line feed after each message, raw nothing. A message may contain line feeds itself; json keeps messages apart \
whatever they contain. It writes one object per line:

    length  number: bytes
    text    string or null: the message, if it is UTF-8
    base64  string or null: the message, if it is not

A message over --max-message is refused when its length is read (7). A stream that ends within a message is a lost connection (5); the \
incomplete message is not written. Input that is not a netstring, or not octet-counted, where one is expected breaks the protocol (6). A message that \
cannot be sent is an error (1), and no part of it is sent: it is too long for its length field, over --max-message, empty with octet-count, not in the form \
that --each says, or contains the byte that would end it.

--crlf sends each line feed as CR LF unless the CR is already there; received data is not changed. --line-delay waits before each \
line, including the first: mail servers reject clients that send before the greeting. --wait-greeting does not read stdin before \
the peer has sent something or has ended; the pause before the first line then starts at that point. --telnet refuses every option that \
the peer negotiates (DO is answered by WONT, WILL by DONT), removes commands and subnegotiations from the data, and escapes the byte 255 in both \
directions (RFC 854, RFC 855). Negotiations after the end of stdin are not answered.

--tee-in and --tee-out write the received and sent data to a file, as on the wire, including framing and refusals. --hex-dump \
writes both directions to one file, in lines of 16 bytes: > for sent or < for received, seconds since the connection began, \
offset in that direction, the bytes, and those that are printable ASCII. - is stderr, because stdout has the peer's data. \
An existing file is emptied when the first connection is there, unless --tee-append is given. A pipe or a device is possible; the session waits for it. \
/dev/fd/N, /dev/stdout and /dev/stderr are written as they were passed: nothing is emptied, and a socket is possible. \
If writing fails, the session ends (10). These three options work with every mode of serve except --store, --share and --exec-socket. With \
--exec, sent is the data to the client. Many clients write into one file as their data arrives; each line of a dump starts with \
the client's address. With any of these options the bytes pass through sendall, where otherwise the kernel moves them.";

/// For `serve` and `connect`.
pub(crate) const PROCESSES: &str = "\
PROCESSES

With --exec or --sh each connection has a process of its own. Data from the peer is its stdin, and its stdout is sent to the \
peer. Its stderr is that of sendall. When the peer ends, stdin of the process ends. When stdout of the process ends, the sending \
direction of the connection ends: at once, except that 'connect' waits for a pause while the process runs (END OF FILE, 1). \
When the process has ended and all its output is sent, the connection is closed in order; data that still arrives \
is discarded, and so is data that the process does not read. If another process still has its stdout open, the \
connection stays open until 10 seconds of silence.

A connection that is lost, or ended by a limit, ends the process and its whole process group: with SIGTERM, and with SIGKILL \
2 seconds later, or sooner if a limit or a signal to sendall was the cause. A peer that vanished without a word looks like a silent \
one: --idle-timeout limits the silence.

The process gets these variables:

    SENDALL_PEER_ADDR, SENDALL_PEER_PORT
        the peer's address; Unix sockets have no port
    SENDALL_LOCAL_ADDR, SENDALL_LOCAL_PORT
        the address on this side

The process has no other descriptors, no blocked signals, and the default action for SIGPIPE. 'connect' ends with 0 if the \
stream ended in order and the process ended with 0, and with 1 if the process did not. 'serve' reports such a process in one line, and with \
--verbose the end of each. --crlf sends the line ends of the process as CR LF.

TCP shows the difference between a client that closed its connection and one that ended its direction only when something is sent to it. So a process \
that sends nothing keeps its place until the keepalive finds out, after a minute. Over a Unix socket it keeps it for a minute, too, or as long as it runs if it was sent something. With --end-when peer a process that \
sends nothing for 2 seconds after its client's end is ended, which is not a failure. Health checks, which connect and close, then \
do not fill a server. A client that still waits for an answer gets a reset.

With --exec-socket the process has the connection itself as stdin and stdout, as under inetd. Use it for programs that look up \
their peer, or check for a socket, for example serve 873 --exec-socket -- rsync --daemon. The stream does not pass \
through sendall: it is neither counted (no summary event), limited nor recorded, the process ends it, and 0 means only \
that the process ended with 0.

With --pty the process has a controlling terminal in its usual mode: it echoes input, ^C interrupts, and a line has at \
most 4095 bytes. The peer's end becomes ^D; a lost connection becomes a hang-up.";

/// For `connect`.
pub(crate) const CONNECT: &str = "\
LINES AND VIRTUAL MACHINES

    vsock:CID:PORT      a socket between a virtual machine and its host, vsock(7); 'host' is 2, 'local' is 1, this machine
    tty:PATH,OPTIONS    a serial line, set to raw: tty:/dev/ttyUSB0,b115200,8n1; its settings are restored at the end
    pty:LINK            a new pseudoterminal, which other programs open as LINK; the link is removed at the end

Options of a line are a speed, a frame (data bits; n, e or o for the parity; stop bits), and rtscts or xonxoff for flow control. \
Without them the speed and the data bits stay as they are.

A line belongs to one process at a time (flock(2)). It has no end that could be passed on: the end of stdin ends nothing, so type --linger 1s, \
--end-when input or --send-only. A lost carrier, or the last program that closes LINK, is the end of the peer. Exit code 0: a serial \
line has sent every byte (tcdrain(3)), though no line says whether somebody has read it; with pty: the program at LINK has read all, unless it \
has closed LINK before. As a target of 'serve --forward' a line ends with its client. None of them is encrypted.

RETRIES

With --retry N a connection that cannot be made (codes 3 and 4) is retried up to N times, with the pauses that sendall(1) describes for \
upload and download. A stream that has begun is never retried, because sent bytes cannot be taken back.

PROBE

With --probe connections are made and closed at once; nothing is sent. There may be several endpoints, and each may have \
several ports, as numbers, names and ranges: host:20-25,80,https. stdout gets one line for each port, in the order of the endpoints, \
lowest port first, with a word and the address:

    open ADDRESS         a connection was accepted
    refused ADDRESS      the host answered that nothing listens
    timeout ADDRESS      no answer within --timeout
    unreachable ADDRESS  no route, or the route is blocked; a name without an address; a Unix socket that does not exist
    answered udp:ADDRESS a datagram came back
    silent udp:ADDRESS   nothing came back: something may be there all the same

To udp:HOST:PORT an empty datagram is sent, or that of --send, once a second until something comes back or --timeout is over [default: 3s]. \
Most servers do not answer an empty datagram; one that they understand tells more. A port is refused if its host says so (ICMP), which firewalls may suppress.

A name with several addresses is open if one of them is; the addresses are raced, as for a connection. Up to 1000 connections are \
tried at a time. The exit code is 0 if all are open or have answered, 4 if the others are all silent, else 3.

With --retry N ports that are not open are retried up to N times, --retry-delay after the last failure of their host; here the pause \
does not grow. --within DURATION retries until then (code 4), even without --retry. Names are looked up each time. One line reports \
the ports that are still missing.

With --json each line is an object:

    state    string: open, refused, timeout or unreachable; of udp: answered, silent, refused or unreachable
    address  string
    port     number or null: null for a Unix socket
    text     string or null: the reason why it is not open
    seconds  number: the time that the attempt took

TRUST AND TLS

connect --code asks for the code that 'serve --code' has printed, and encrypts. Without a terminal the code comes from SENDALL_CODE or --code-file. \
With HOST:PORT#sha256:... or --pin the server must have that key, too.

connect --tls speaks TLS 1.2 or 1.3 with any server. Its certificate must come from an authority that this system knows, or from --ca FILE, and name the \
host (or --server-name); else the exit code is 8, and nothing was sent. HOST:PORT#sha256:... or --pin KEY trusts one key instead, and --insecure anybody. --cert and \
--cert-key present a certificate of this side. The peer must end with TLS's close_notify: an end without it is code 5, because somebody may have cut the \
stream; --lax-end accepts it, for example from ncat. -vv reports the version and the names in the certificate.

SOCKET OPTION DETAILS

Socket options apply to upload and download, too. If the system refuses an option, the command fails with 1, or with 3 for --source and --interface. A \
buffer smaller than requested is a failure as well. With -vv one line reports the values in force, as the system states them: Linux \
doubles the size of a buffer, and gives keepalive as the first wait and the waits after it.

--source and --interface leave out addresses that cannot be reached from there. --keepalive DURATION tests a connection after this much \
silence, and then after each further quarter of it. --user-timeout also ends a connection whose peer has only paused reading. --mark needs a \
privilege. With --mptcp a peer that does not support it is reached over plain TCP: mptcp=fallback.

--fastopen, only for connect, saves a round trip if the server supports TCP Fast Open and the system has its cookie from an \
earlier connection. The connection is opened when stdin has data. That data may reach a server twice: use it only \
for requests that may be repeated.";

/// For `connect`.
pub(crate) const CONNECT_EXAMPLES: &str = "\
EXAMPLES

    sendall connect localhost 25                    talk to a server from the terminal
    printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sendall connect example.org:80
        fetch a page
    tar cf - folder | sendall connect host:9000     send a stream
    printf 'GET / HTTP/1.0\\r\\n\\r\\n' | sendall connect --tls example.org:443
        the same over TLS
    sendall connect --code host:9000                talk to 'serve --code', encrypted
    sendall connect --send-only host:514 <log       only send; 0 when all of it is acknowledged
    sendall connect --probe host:22,80,8000-8100    check which ports accept connections
    sendall connect --probe --within 60s db:5432 cache:6379
        wait until both servers are up
    sendall connect --probe --send 'ping' udp:host:9000
        see whether a datagram is answered
    sendall connect --retry 100 host:9000 <log      wait for a server that is starting
    sendall connect --source 192.0.2.7 host:25      connect from one address of this machine
    sendall connect --crlf --hex-dump - host:25     talk to an SMTP server, and show the bytes
    sendall connect --crlf --wait-greeting --line-delay 1s host:25 <lines
        send a dialogue from a file, at the pace of a person
    sendall connect --starttls smtp --crlf mail.example:587
        talk to a mail server over TLS
    sendall connect --linger 2s host:9000 <asked    end after two seconds of silence
    sendall connect --frame u32be host:7000         each line a message, each message a line
    sendall connect --frame u16be --each all host:53 <query
        send a message of any bytes
    sendall connect --proxy socks5://localhost:1080 host.example:22
        connect through a proxy, which resolves the name
    sendall connect host:9000 --sh 'make 2>&1'      connect a process to the server

FROM CLEAR TEXT TO TLS

--starttls leads the dialogue in which a client of that protocol asks for TLS, and then does what --tls does; the stream begins after it. A server \
that does not offer TLS, refuses it, or sends anything between its consent and TLS is code 8: nothing of stdin is sent in the clear.

THROUGH PROXIES

sendall connects to the first --proxy, each proxy connects to the next one, and the last one to the server, whose name it resolves. --timeout \
limits all of that. A proxy that cannot reach its target is code 3, a proxy that refuses is 7, and a proxy that rejects the \
user and password is 8; the line names the proxy. Acknowledgements then come from the first proxy's \
system: beyond it nothing is known. A password never stands on the command line: use --proxy-password-file or \
SENDALL_PROXY_PASSWORD in the environment.";
