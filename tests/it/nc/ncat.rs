//! The part of ncat's own tests (ncat/test/ncat-test.pl of nmap) that this dialect can say, restated: without TLS, SCTP,
//! brokers, access lists and ncat's own proxy.

use super::row::{Input, NOBODY, ROW, Row, mute, side};

const LISTEN: &str = "-v -n -l 127.0.0.1 PORT";
const NEEDS_COMMAND: &str = "it has no -e and no -c";

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "Connect success exit code; Listen success exit code",
        listener: mute(LISTEN, "abc\n"),
        client: side("-N 127.0.0.1 PORT", "abc\n", ""),
        ..ROW
    },
    Row {
        name: "Connect connection refused exit code",
        client: side("127.0.0.1 PORT", "abc\n", "").code(1),
        ..ROW
    },
    Row {
        name: "Client closes socket write and keeps running after stdin EOF",
        // The listener of OpenBSD's nc ends with the client's half-close.
        listener: side("-v -n -l 127.0.0.1 PORT", "", "abc\n").input(Input::Open("later\n")),
        client: side("-N 127.0.0.1 PORT", "abc\n", "later\n"),
        ..ROW
    },
    Row {
        name: "Server closes socket write and keeps running after stdin EOF",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "abc\n", "later\n").stopped(),
        client: side("127.0.0.1 PORT", "", "abc\n").input(Input::Open("later\n")).stopped(),
        ..ROW
    },
    Row {
        name: "Client stops running after socket EOF",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "abc\n", ""),
        client: mute("127.0.0.1 PORT", "abc\n"),
        ..ROW
    },
    Row {
        name: "Server quits without --keep-open",
        listener: mute(LISTEN, "abc\n"),
        client: side("-q 0 127.0.0.1 PORT", "abc\n", ""),
        ..ROW
    },
    Row {
        name: "--keep-open",
        listener: mute("-v -n -k -l 127.0.0.1 PORT", "abc\n").stopped(),
        client: side("-N 127.0.0.1 PORT", "abc\n", ""),
        ..ROW
    },
    Row {
        name: "Server with --exec quits without --keep-open",
        listener: mute("-v -n -e /bin/cat -l 127.0.0.1 PORT", ""),
        client: side("-N 127.0.0.1 PORT", "abc\n", "abc\n"),
        openbsd: NEEDS_COMMAND,
    },
    Row {
        name: "--keep-open --exec",
        listener: mute("-v -n -k -e /bin/cat -l 127.0.0.1 PORT", "").stopped(),
        client: side("-N 127.0.0.1 PORT", "abc\n", "abc\n"),
        openbsd: NEEDS_COMMAND,
    },
    Row {
        name: "--exec on the client's side",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "abc\n", "abc\n"),
        client: mute("-e /bin/cat 127.0.0.1 PORT", ""),
        openbsd: NEEDS_COMMAND,
    },
    Row {
        name: "--sh-exec",
        listener: mute("-v -n -c tr~a-z~A-Z -l 127.0.0.1 PORT", ""),
        client: side("-N 127.0.0.1 PORT", "abc\n", "ABC\n"),
        openbsd: NEEDS_COMMAND,
    },
    Row {
        name: "--exec, quits instantly",
        listener: mute("-v -n -e /bin/echo~abc -l 127.0.0.1 PORT", ""),
        client: mute("127.0.0.1 PORT", "abc\n"),
        openbsd: NEEDS_COMMAND,
    },
    Row {
        name: "--sh-exec with -C",
        listener: mute("-v -n -C -c /bin/cat -l 127.0.0.1 PORT", ""),
        client: side("-N 127.0.0.1 PORT", "abc\n", "abc\r\n"),
        openbsd: NEEDS_COMMAND,
    },
    Row {
        name: "--sh-exec, environment variables",
        listener: mute("-v -n -c echo~$SENDALL_LOCAL_ADDR -l 127.0.0.1 PORT", ""),
        client: mute("127.0.0.1 PORT", "127.0.0.1\n"),
        openbsd: NEEDS_COMMAND,
    },
    Row {
        name: "-C translation on input",
        listener: mute(LISTEN, "a\r\nb\r\n\r\nc"),
        client: side("-N -C 127.0.0.1 PORT", "a\nb\r\n\nc", ""),
        ..ROW
    },
    Row {
        name: "-C server no translation on output",
        listener: mute("-v -n -C -l 127.0.0.1 PORT", "a\nb\n"),
        client: side("-N 127.0.0.1 PORT", "a\nb\n", ""),
        ..ROW
    },
    Row {
        name: "-C client no translation on output",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "a\nb\n", ""),
        client: mute("-C 127.0.0.1 PORT", "a\nb\n"),
        ..ROW
    },
    Row {
        name: "--recv-only client",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "abc\n", ""),
        client: side("-d 127.0.0.1 PORT", "not read\n", "abc\n"),
        ..ROW
    },
    Row {
        name: "--recv-only server",
        listener: side("-v -n -d -l 127.0.0.1 PORT", "not read\n", "abc\n"),
        client: side("-N 127.0.0.1 PORT", "abc\n", ""),
        ..ROW
    },
    Row {
        name: "Connect with -s",
        listener: mute(LISTEN, "abc\n").says(&["Connection received on 127.0.0.2 *"]),
        client: side("-s 127.0.0.2 -N 127.0.0.1 PORT", "abc\n", ""),
        ..ROW
    },
    Row {
        name: "Connect to UNIX datagram socket with -s",
        listener: side("-v -u -U -l SOCKET", "hello\n", "abc\n").stopped(),
        client: side("-u -U -s CLIENT SOCKET", "abc\n", "hello\n").stopped(),
        ..ROW
    },
    Row {
        name: "Server UNIX socket listen (STREAM)",
        listener: mute("-v -l -U SOCKET", "abc\n"),
        client: side("-N -U SOCKET", "abc\n", ""),
        ..ROW
    },
    Row {
        name: "Server default listen address",
        listener: mute("-v -l PORT", "abc\n").says(&["Listening on 0.0.0.0 PORT"]),
        client: side("-N 127.0.0.1 PORT", "abc\n", ""),
        ..ROW
    },
    Row {
        name: "Server -6 default listen address",
        listener: mute("-v -6 -l PORT", "abc\n").says(&["Listening on :: PORT"]),
        client: side("-N ::1 PORT", "abc\n", ""),
        ..ROW
    },
    Row {
        name: "Server default listen address --udp",
        listener: mute("-v -u -l PORT", "abc\n").says(&["Bound on 0.0.0.0 PORT"]).stopped(),
        client: side("-u -q 0 127.0.0.1 PORT", "abc\n", ""),
        ..ROW
    },
    Row {
        name: "HTTP CONNECT client hides proxy server response",
        listener: side("-v -n -l 127.0.0.1 PORT", "", "CONNECT 192.0.2.9:80 HTTP/1.*\r\n\r\nabc\n")
            .input(Input::Pipe("HTTP/1.0 200 OK\r\n\r\nhello\n"))
            .stopped(),
        client: side("-x 127.0.0.1:PORT -X connect 192.0.2.9 80", "abc\n", "hello\n").stopped(),
        ..ROW
    },
    Row {
        name: "HTTP CONNECT client, different Status-Line",
        listener: side("-v -n -l 127.0.0.1 PORT", "HTTP/1.1 200 Whatever it is\r\n\r\nhello\n", "CONNECT *")
            .stopped(),
        client: side("-x 127.0.0.1:PORT -X connect 192.0.2.9 80", "abc\n", "hello\n").stopped(),
        ..ROW
    },
    Row {
        name: "HTTP CONNECT client, server sends header",
        listener: side(
            "-v -n -l 127.0.0.1 PORT",
            "HTTP/1.0 200 OK\r\nServer: x\r\nVia: y\r\n\r\nhello\n",
            "CONNECT *",
        )
        .stopped(),
        client: side("-x 127.0.0.1:PORT -X connect 192.0.2.9 80", "abc\n", "hello\n").stopped(),
        ..ROW
    },
    Row {
        name: "HTTP CONNECT refused",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "HTTP/1.0 403 Forbidden\r\n\r\n", "").any(),
        client: side("-v -x 127.0.0.1:PORT -X connect 192.0.2.9 80", "abc\n", "")
            .says(&["nc: *403*"])
            .code(1),
        ..ROW
    },
    Row {
        name: "SOCKS5 client, server allows connection - no auth",
        listener: side(
            "-v -n -l 127.0.0.1 PORT",
            "\x05\0\x05\0\0\x01\x7f\0\0\x01\0\x09hello\n",
            "\x05*abc\n",
        )
        .stopped(),
        client: side("-x 127.0.0.1:PORT 192.0.2.9 80", "abc\n", "hello\n").stopped(),
        ..ROW
    },
    Row {
        name: "SOCKS5 client, server sends short response",
        listener: side("-v -n -N -l 127.0.0.1 PORT", "\x05", "").any(),
        client: side("-v -x 127.0.0.1:PORT 192.0.2.9 80", "abc\n", "").says(&["nc: *"]).code(1),
        ..ROW
    },
    Row {
        name: "SOCKS5 client, server refuses",
        listener: side("-v -n -l 127.0.0.1 PORT", "\x05\0\x05\x02\0\x01\0\0\0\0\0\0", "").any(),
        client: side("-v -x 127.0.0.1:PORT 192.0.2.9 80", "abc\n", "").says(&["nc: *"]).code(1),
        ..ROW
    },
    Row {
        name: "Connect through SOCKS4 proxy",
        listener: side("-v -n -l 127.0.0.1 PORT", "\0Z\0\0\0\0\0\0hello\n", "\x04\x01\0\x50*abc\n").stopped(),
        client: side("-x 127.0.0.1:PORT -X 4 192.0.2.9 80", "abc\n", "hello\n").stopped(),
        ..ROW
    },
    Row {
        name: "-z client with Connect success exit code (tcp)",
        listener: mute(LISTEN, ""),
        client: mute("-z 127.0.0.1 PORT", ""),
        ..ROW
    },
    Row {
        name: "-z client with connection refused exit code (tcp)",
        client: mute("-z 127.0.0.1 PORT", "").code(1),
        ..ROW
    },
    Row {
        name: "-z client with connection refused exit code (udp)",
        client: mute("-u -z 127.0.0.1 PORT", "").code(1),
        openbsd: "without -v it says 0 whatever the port is",
        ..ROW
    },
    Row {
        name: "-z client sends something and exits with success exit code (udp)",
        listener: side("-v -n -u -l 127.0.0.1 PORT", "answer\n", "X*").stopped(),
        client: mute("-u -z 127.0.0.1 PORT", ""),
        openbsd: "it does not look for an answer, and takes three seconds",
    },
    Row {
        name: "Debug messages go to stderr",
        client: mute("-v -n -z 127.0.0.1 PORT", "")
            .says(&["nc: connect to 127.0.0.1 port PORT (tcp) failed: Connection refused"])
            .code(1),
        ..ROW
    },
    Row {
        name: "Program error exit code",
        listener: NOBODY,
        client: mute("-Y", "").says(&["*nc: invalid option -- 'Y'*"]).code(1),
        ..ROW
    },
];
