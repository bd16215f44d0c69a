//! Texts that `--help` and the manual pages share. A line in capitals is a heading; indented lines are shown as they are.

mod datagrams;
mod http;
mod netcats;
mod serving;
mod streams;
mod transfers;

pub(crate) use self::datagrams::{UDP_LISTEN, UDP_LISTEN_EXAMPLES, UDP_SEND};
pub(crate) use self::http::{HTTP_HELLO, HTTP_HELLO_EXAMPLES};
pub(crate) use self::netcats::NETCATS;
pub(crate) use self::serving::{SERVE, SERVE_EXAMPLES};
pub(crate) use self::streams::{CONNECT, CONNECT_EXAMPLES, END_OF_FILE, LINES_AND_MESSAGES, PROCESSES};
pub(crate) use self::transfers::{DOWNLOAD, UPLOAD};

/// For the whole program.
pub(crate) const OVERVIEW: &str = "\
EXIT STATUS

    0      done, all of it
    1      failed for a reason that is not listed here
    2      wrong usage; also a file or folder on the command line that cannot be used
    3      no connection: name not found, refused, unreachable, address in use, not permitted to bind
    4      a time limit ran out; with datagrams also a reply that was asked for and did not come
    5      connection lost: reset, or ended before the data was complete
    6      integrity: a digest does not match, the source changed while it was sent, the protocol was broken
    7      the peer refused: exists, not found, not allowed, too large, no space there, unsafe name
    8      not trusted: a proxy wants a user and a password, or does not accept them
    9      some files or clients done, some failed (the first 100 failures have a line on stderr, with --verbose each; the rest are counted); some datagrams are known to be lost
    10     cannot write here: disk full, read-only, stdout closed or failing
    128+n  ended by signal n: 129 for SIGHUP, 130 for SIGINT, 131 for SIGQUIT, 143 for SIGTERM, 141 when the reader of stdout went away

Every code but 0 and 141 comes with one line on stderr that says why. Both ends of a transfer report the outcome. \
In a pipeline the shell reports the last command's code only: use 'set -o pipefail' where there is one.

FILES THAT ARRIVE

By upload or download, a file is written under a temporary name (.sendall-*.part) in its destination folder, compared \
with the sender's BLAKE3 digest (not with --wire text), synced to the disk and only then given its name; the folder is synced before success \
is reported. An interrupted transfer leaves no file under the final name.

A name that exists with the same content counts as done. A name that exists with other content is refused, unless \
--force replaces it, in one step. Modification time is kept, and of the mode what the umask of the receiving side leaves: never more than the sender's \
nine bits, never setuid, setgid or sticky. Folders on the way to a file are made; a folder that is sent \
keeps its time, and its mode unless it was there before. Links in the destination are not followed.

Of a file over 1 MiB that was interrupted its part is left, and the next upload or download of the same name goes on \
where it ends, if the part's digest is that of the source's beginning; a file over 4 MiB is compared in blocks of 4 MiB, and \
only those that differ are sent. A part that is older than a week is removed. The summary says how much was there.

Files over 4 MiB may go over several connections, see --connections. Each block is verified when it comes, and sent again \
alone if it was damaged; a connection that is lost costs the blocks that were on it, unless it was the first.

With --retry N, upload and download try again, N times in all, after a failure that a new connection can mend: codes 3, 4 \
and 5, a server with too many clients, and a digest that does not match; once, where the source has changed. They wait \
--retry-delay first (250 ms), then twice as long each time up to 10 s; from the first pause again once files have moved. What is there already is \
not sent again. A refusal ends it; so does 'serve --once', which has nobody to come back to. The server ends the session that was cut, where it has \
not noticed yet. While one session writes a name, \
another that wants it waits a second and is then refused, unless nothing has come from the first for 10 seconds: then that one makes way. \
For the same file (name, size and time) from the same address, as after ^C and the same line again, a second of silence is enough, \
and the wait is up to 10 seconds. A file of up to 1 MiB waits for nobody: it takes the name when it is whole, and the larger \
one that was begun before fails with 7 at its end, unless it may replace (--force).

With --digests FILE there is a line for each file that is in place in the end, as b3sum prints it; 'b3sum --check' reads it in \
the folder where the files are. Names are those of the receiving side. upload and download write FILE anew when the \
session has ended, if any file is in place; serve --store adds the lines of each session at its end. What is not UTF-8 in a \
name is replaced, as by b3sum.

LIMITED RATE

--limit-rate RATE limits the bytes per second of each connection, each way, framing included: 500KiB, 10MB, 10MB/s, at least \
1KiB. The connections of one upload or download share it: without -j there is one. On Linux the kernel spaces the packets that \
are sent over TCP. What is received is read as slowly, so that the peer's system slows down; a download asks the server for it, \
too. Of two limits the smaller counts.

EVENTS

With --json every command writes events to stderr in the place of text: each a line, a JSON object. stdout is as without \
it, but for listings (download --list, upload --dry-run, connect --probe), whose lines are objects, too. An object has all \
of the fields that are listed for its kind of event, and null stands for what is not known or does \
not apply; fields and kinds may be added later. Every object has these:

    event  the kind: listening, peer, child, file, progress, summary, warning, error or detail
    peer   string or null: the peer; always in peer events, and in summary events but those of udp-listen; in others where a server has several clients
    time   number: seconds since the start

listening: a socket is bound.

    address  string: an endpoint that 'connect' takes

peer: a connection has come or gone. A client ends with its peer: only a server tells the end of each.

    state  string: connected or ended; heard, for the first datagram of a peer

child: a process of --exec or --sh has ended.

    id      number: its process id
    code    number or null: its exit status
    signal  number or null: the signal that ended it

file: what became of a file.

    path    string: as it is called in the transfer
    kind    string: file, folder or link; where the state is skipped also fifo, socket, device, unfinished (a file that has not arrived whole yet) or other
    state   string: sent, received, there (before, with the same content), failed, or skipped (left out on purpose: no entry)
    size    number or null: bytes, of a file that has not failed
    digest  string or null: BLAKE3, 64 hexadecimal digits
    reason  string or null: why it failed, in fixed words
    text    string or null: why it failed, in more words

progress: at most twice a second while files are transferred, and once at the end. The numbers are those of the bars, \
and count what the receiver or its system has. Folders are counted ahead, by the side that has them.

    phase         string: waiting, hashing, sending, receiving, verifying or syncing
    path          string or null: the current file
    done_bytes    number: bytes of content that are there, in all files, those of earlier sessions included
    total_bytes   number or null: bytes that are known to be due
    entries_done  number: files, folders and links that are completed
    entries       number: those that are known to be due
    all_known     true or false: whether total_bytes and entries are final; until then they grow
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
    skipped         number: what was left out on purpose, beside the entries
    sent_bytes      number: bytes of content that were sent
    received_bytes  number: bytes of content that were received
    resumed_bytes   number: bytes of these files that earlier, interrupted sessions had moved
    seconds         number: how long the session took
    datagrams       object or null: counts of udp-listen and udp-send
    ended_after     number or null: seconds from the end of the input, as it was passed on, to the peer's own; null unless \
the peer had begun to answer and this was a moment: it may have taken our end for a hang-up

Those counts are sent; received, which were written to stdout; dropped, by the system or for want of room on stdout, and \
dropped_exactly, false if there may be more of them; truncated, too_large, filtered; withheld, answers that were not sent; and \
undelivered, lines of stdin that were not sent, and datagrams that no process was given, or not whole.

error: a failure. With no peer it is the last event of the command, and its code the exit code; with one it is the \
failure of that client's session, and the server goes on.

    code  number: see EXIT STATUS
    text  string: the line that would have been printed (for 141 as well, which has none)

warning, and with --verbose detail: what else would have been a line.

    text  string

With --quiet only error, warning, and file events of failures are written. Strings from elsewhere (paths, names, what a \
peer says) are escaped as they are in text: control and direction characters, and bytes that are not UTF-8, as \\xHH or \
\\u{HHHH}. In a path a backslash of its own is two, so that it can be read back, here and in text: \\\\ is a backslash, \\xHH a \
byte, \\u{HHHH} a character.

EXAMPLES

Receive one file, here, from anywhere, and send it:

    sendall serve --store . --once :7255
    sendall upload report.pdf receiver.example

Stream between two machines, as with nc, but with an exit code that can be believed:

    sendall serve :9000 | tar xf -
    tar cf - folder | sendall connect receiver.example:9000

Offer a file to whoever can connect, and fetch it under another name:

    sendall serve --share disk.img :7255
    sendall download sender.example disk.img -o copy.img";

/// What `upload` takes.
pub(crate) const PATHS_AND_WHERE_TO: &str = "Files and folders, - for stdin (with --name); and last, where to: \
HOST for port 7255, HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT";
/// For `--json`.
pub(crate) const JSON: &str = "\
Write events as JSON, one per line, to stderr in the place of text: 'sendall --help' or sendall(1), EVENTS, has the schema";

/// An endpoint to connect to.
pub(crate) const WHERE_TO: &str = "Where to: HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT; a PORT may be a service as in http";

/// An endpoint to fetch from.
pub(crate) const WHERE_FROM: &str =
    "Where from: HOST for port 7255, HOST:PORT, [V6]:PORT, unix:/path, unix:@name, or two words HOST PORT";
