//! Texts that `--help` and the manual pages share. A line in capitals is a heading; indented lines are shown as they are.

mod datagrams;
mod http;
mod nc;
mod netcats;
mod serving;
mod streams;
mod transfers;
mod web;

pub(crate) use self::datagrams::{UDP_LISTEN, UDP_LISTEN_EXAMPLES, UDP_SEND};
pub(crate) use self::http::{HTTP_HELLO, HTTP_HELLO_EXAMPLES};
pub(crate) use self::nc::{NC, NC_EXAMPLES};
pub(crate) use self::netcats::NETCATS;
pub(crate) use self::serving::{SERVE, SERVE_EXAMPLES};
pub(crate) use self::streams::{CONNECT, CONNECT_EXAMPLES, END_OF_FILE, LINES_AND_MESSAGES, PROCESSES};
pub(crate) use self::transfers::{DOWNLOAD, DOWNLOAD_BY_HTTP, OVER_SSH, UPLOAD, UPLOAD_BY_TEXT};
pub(crate) use self::web::WEB;

/// For the whole program.
pub(crate) const OVERVIEW: &str = "\
EXIT STATUS

    0      success: everything is done
    1      a failure that is not listed here
    2      wrong usage; also a file or folder on the command line that cannot be used
    3      no connection: name not found, refused, unreachable, address in use, not permitted to bind
    4      a time limit ran out; with datagrams also a reply that was requested and did not arrive
    5      connection lost: reset, or ended before the data was complete
    6      integrity: a digest does not match, the source changed while it was sent, the protocol was broken
    7      refused by the peer: exists, not found, not allowed, too large, no space there, unsafe name
    8      not trusted: a wrong code, another key than expected, a certificate that is not valid; a proxy requires a user and a password, or rejects them. Nothing was sent then
    9      some files or clients failed, the others succeeded (the first 100 failures have a line each on stderr, with --verbose all; the rest are counted); or some datagrams are known to be lost
    10     cannot write here: disk full, read-only, stdout closed or failing
    128+n  ended by signal n: 129 for SIGHUP, 130 for SIGINT, 131 for SIGQUIT, 143 for SIGTERM; 141 when the reader of stdout went away

With every code except 0 and 141, one line on stderr gives the reason. Both ends of a transfer report the outcome. \
In a pipeline the shell reports only the code of the last command: use 'set -o pipefail' if your shell has it.

FILES THAT ARRIVE

A file that arrives by upload or download is written under a temporary name (.sendall-*.part) in its destination folder, compared \
with the sender's BLAKE3 digest (except with --wire text), and synced to the disk. Only then does it get its name. The folder is synced before success \
is reported. An interrupted transfer leaves no file under the final name.

An existing file with the same content counts as done. An existing file with other content is refused, unless \
--force replaces it, in one step. The modification time is kept. Of the mode, the nine permission bits are kept as far as the umask of the receiving \
side allows, but never setuid, setgid or sticky. Folders on the path of a file are created. A folder that is sent \
keeps its time, and its mode unless the folder existed before. Symbolic links in the destination are not followed.

An interrupted file over 1 MiB leaves its part. The next upload or download of the same name resumes \
at the end of the part, if the digest of the part matches the beginning of the source. A file over 4 MiB is compared in blocks of 4 MiB, and \
only the blocks that differ are sent. Parts older than a week are removed. The summary reports how much was already there.

Files over 4 MiB may use several connections, see --connections. Each block is verified when it arrives; a damaged block is sent \
again by itself. When a connection is lost, only the blocks on it are lost, unless it was the first connection.

With --retry N, upload and download retry up to N times after a failure that reconnecting may fix: codes 3, 4 \
and 5, a server with too many clients, and a digest that does not match. If the source has changed, they retry once. They wait \
for --retry-delay first (250 ms), then twice as long each time, up to 10 s; when files have moved, the pauses start from the first again. Data that is already there \
is not sent again. A refusal is not retried. With 'serve --once' there is no retry, because the server ends after one session.

The server ends the interrupted session of the client, if it has not noticed the loss yet. While one session writes a name, \
another session for that name waits for a second and is then refused. If the first session has received nothing for 10 seconds, it is \
ended instead. For the same file (name, size and time) from the same address, as after ^C and the same command again, one second of silence is enough, \
and the other session waits up to 10 seconds. A file of up to 1 MiB does not wait: it takes the name when it is whole. A larger file of that name that was begun before \
then fails with 7 at its end, unless it may replace (--force).

With --digests FILE there is one line for each file that is in place at the end, in the format of b3sum. 'b3sum --check' reads them in \
the folder of the files. The names are those of the receiving side. upload and download write FILE anew when the \
session has ended, if any file is in place. serve --store appends the lines of each session at its end. Bytes of a name that are not UTF-8 \
are replaced, as by b3sum.

TRUST

Transfers between machines are encrypted with TLS 1.3. 'serve --store' and --share on an address that is not loopback make a code of three words and \
print it, and admit those who have it. upload and download ask for it at the terminal; four letters of each word suffice, and Tab completes a word. Without a terminal both sides \
take it from SENDALL_CODE or from the first line of --code-file FILE; it never stands on the command line. Before the code is proved nothing of the \
transfer is sent. 100 wrong codes withdraw it.

The server also prints its key. After the first success the client knows the server by it (see FILES), and refuses another key, also with the right \
code; if the server was set up anew, delete the line that the message names. HOST#sha256:... trusts a server with that key, as --pin does. --trust-new trusts a \
server that is not known yet, whoever it is. A server with --clients FILE admits clients by their keys, which --pair adds to that file: a client needs \
the code only once. serve --store DIR --open encrypts, and admits anybody. With --plain nothing is encrypted: for peers that cannot.

On loopback and on Unix sockets nothing is encrypted, and no code is asked for, unless --code or another of these options is typed. The same holds for raw \
streams (serve and connect) everywhere: --code or --tls encrypts them. Datagrams are never encrypted: send them through WireGuard.

LIMITED RATE

--limit-rate RATE limits the bytes per second of each connection, in each direction, including framing: 500KiB, 10MB, 10MB/s, at least \
1KiB. The connections of one upload or download share the rate; without -j there is one connection. On Linux the kernel paces the packets that \
are sent over TCP. Received data is read at that rate, so that the peer's system slows down; a download also asks the server to \
limit its rate. Of two limits the smaller one applies.

EVENTS

With --json every command writes events to stderr instead of text, one JSON object per line. stdout is the same as without \
--json, except for listings (download --list, upload --dry-run, connect --probe), where each line is an object, too. An object has all \
fields that are listed for its kind of event; null stands for a value that is unknown or does \
not apply. Later versions may add fields and kinds. Every object has these fields:

    event  the kind: listening, admission, web, metrics, peer, child, file, progress, summary, warning, error or detail
    peer   string or null: the peer; always in peer events, and in summary events except those of udp-listen; in others if a server has several clients
    time   number: seconds since the start

listening: a socket is bound.

    address  string: an endpoint for 'connect'

admission: what clients need, after the listeners of a server that encrypts.

    code  string or null: the code; null unless it was made for this run
    key   string: the key of the server, sha256:...

web: the URL for browsers, after the listeners of a server with --http.

    url  string: with the secret path, if there is one; HOST stands for an address that the system's routes do not tell

metrics: where the page of --metrics is, before the listeners.

    url  string

peer: a connection began or ended. A client ends with its peer, so only a server reports the end of each.

    state  string: connected or ended; heard, for the first datagram of a peer

child: a process of --exec or --sh has ended.

    id      number: its process id
    code    number or null: its exit status
    signal  number or null: the signal that ended it

file: the outcome of a file.

    path    string: its name in the transfer
    kind    string: file, folder or link; if the state is skipped also fifo, socket, device, unfinished (a file that has not arrived completely yet) or other
    state   string: sent, received, there (it existed with the same content), failed, or skipped (left out on purpose, not an entry)
    size    number or null: bytes, of a file that has not failed
    digest  string or null: BLAKE3, 64 hexadecimal digits
    reason  string or null: the reason of a failure, in fixed words
    text    string or null: the reason of a failure, in more words

progress: at most twice a second while files are transferred, and once at the end. The numbers are those of the progress bars, \
and count data that has reached the receiver or its system. Folders are counted ahead, by the side that has them.

    phase         string: waiting, hashing, sending, receiving, verifying or syncing
    path          string or null: the current file
    done_bytes    number: bytes of content in place, in all files, including those of earlier sessions
    total_bytes   number or null: bytes of content known so far
    entries_done  number: files, folders and links that are complete
    entries       number: files, folders and links known so far
    all_known     true or false: whether total_bytes and entries are final; until then they grow
    rate          number: recent bytes per second

summary: a session has ended. If part of it failed, an error event follows.

    verb            string: sent, received, or relayed by serve and connect without files
    path            string or null: the path of a single file
    digest          string or null: the digest of a single file
    verified        true or false: whether the receiver has compared digests
    entries         number: files, folders and links in total; 0 when relayed
    done            number: entries that are in place, including 'there'
    there           number: entries that existed with the same content
    failed          number: entries that failed
    skipped         number: files left out on purpose, which are not entries
    sent_bytes      number: bytes of content sent
    received_bytes  number: bytes of content received
    resumed_bytes   number: bytes of these files that earlier, interrupted sessions had transferred
    seconds         number: duration of the session
    datagrams       object or null: counts of udp-listen, udp-send and serve --forward udp:
    ended_after     number or null: seconds from passing on the end of the input to the end of the peer; null unless \
the peer had begun to answer and this took only a moment: the peer may have taken the end for a hang-up

The counts of datagrams are sent; received, written to stdout; dropped, by the system or for lack of space before stdout; \
dropped_exactly, false if more may have been dropped; truncated, too_large, filtered; withheld, answers that were not sent; and \
undelivered, lines of stdin that were not sent, and datagrams that no process took, or not in one piece. Of serve --forward udp: sent is what went to \
the target, received what went back, undelivered what was refused or had no flow; and flows is their number, else 0.

error: a failure. Without a peer it is the last event of the command, and its code is the exit code. With a peer it is the \
failure of that client's session, and the server continues.

    code  number: see EXIT STATUS
    text  string: the line that would have been printed (also for 141, which has no line)

warning, and with --verbose detail: any other line.

    text  string

With --quiet only error and warning events, and file events of failures, are written. Strings from elsewhere (paths, names, texts of \
peers) are escaped as in text output: control and direction characters, and bytes that are not UTF-8, become \\xHH or \
\\u{HHHH}. In a path, a backslash is doubled, so that the path can be read back, in events and in text: \\\\ is a backslash, \\xHH a \
byte, \\u{HHHH} a character.

EXAMPLES

Receive one file from any machine, and send it:

    sendall serve --store . --once :7255
    sendall upload report.pdf receiver.example

The server prints a code, and upload asks for it.

Stream between two machines, as with nc, but with an exit code that you can trust:

    sendall serve :9000 | tar xf -
    tar cf - folder | sendall connect receiver.example:9000

Offer a file to those who have the code, and fetch it under another name:

    sendall serve --share disk.img :7255
    sendall download sender.example disk.img -o copy.img";

/// The arguments of `upload`.
pub(crate) const PATHS_AND_WHERE_TO: &str = "Files and folders, - for stdin (with --name); last, the server: \
HOST for port 7255, HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT; HOST#sha256:... also says which \
key the server has; or ssh://HOST/DIR, ssh:HOST:DIR";
/// For `--json`.
pub(crate) const JSON: &str = "\
Write events as JSON, one per line, to stderr instead of text; the schema is under EVENTS in 'sendall --help' and sendall(1)";

/// An endpoint to connect to.
pub(crate) const WHERE_TO: &str = "The server: HOST:PORT, [V6]:PORT, unix:/path, unix:@name, vsock:CID:PORT, or two words HOST PORT; PORT may be the name of a service, for example http; or a line: tty:/dev/ttyUSB0,b115200, pty:LINK; with --tls or --code, #sha256:... after it says which key the server has";

/// An endpoint to fetch from.
pub(crate) const WHERE_FROM: &str = "The server: HOST for port 7255, HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT; HOST#sha256:... also \
    says which key the server has. Or ssh://HOST/DIR, ssh:HOST:DIR. Or a file's URL: http://HOST/PATH, https://HOST/PATH";
