//! The texts of `upload` and `download`.

/// For `upload`.
pub(crate) const UPLOAD: &str = "\
Each PATH is a regular file, a folder, or a link to one. It arrives under the last component of its path, so two PATHs \
cannot have the same last component. A folder arrives with everything in it, including empty folders. Symbolic links in a \
folder are left out unless --links follows or copies them. FIFOs, sockets, devices and files that match --exclude are left \
out as well. Leaving them out is not a failure: both sides report the number in one line, even with --quiet, and \
--verbose names each.

The last word is the endpoint, or the last two words are HOST PORT, with PORT as a number. A HOST without a port means port \
7255. If a file or folder of that name exists here, type the HOST with its port.

With --name NAME --exec -- CMD ARG..., or with --sh LINE, the output of a command is sent as one more file. The command starts when \
the server has accepted the file. Its stdin is empty, and its stderr is that of sendall. The file gets its name only \
if the output has ended and the command has ended with 0. Otherwise nothing is stored and sendall ends with 1, \
whatever the command's exit code was: the error line has that code. If the upload fails or is stopped, the command is killed. In a \
pipe to 'upload -', by contrast, a command that failed looks the same as one that finished.

A file that only grows while it is sent, such as a log, arrives with the size at which it was offered. sendall reads its beginning again \
and compares it with the data sent; one line reports the growth, and the exit code is 0. Any other change is a failure (6). \
Files of /proc and /sys do not state their size, so they are sent to their end, like stdin. A FIFO or a device is not a file: \
to send its contents, type '-' and '<PATH'.

--dry-run lists what would be sent, in the format of 'download --list', also with --json.

--include and --exclude take patterns as in a .gitignore, for example '*.o', '/build/' or '!keep.o'. They are matched against the \
path below the folder on the command line.

With one file the summary shows its BLAKE3 digest in the format of b3sum. With several files, --verbose shows each digest.

TRUST

A server on another machine is asked for its key, and you for the code that it has printed. Without a terminal the code comes from SENDALL_CODE or \
--code-file. Wrong trust is exit code 8: nothing of the transfer has reached a server that is not the right one, and --retry does not try it again. See TRUST in sendall(1).";

/// For `upload`, after [`OVER_SSH`].
pub(crate) const UPLOAD_BY_TEXT: &str = "\
WIRE TEXT

With --wire text each file has a connection of its own, to a server that knows only the classic header. The client sends \
'upload|name|size', reads any answer (--verbose shows it), and sends the bytes. Success means that the server received \
everything and closed the connection in order. The stored file is not checked, so the summary says 'unverified'. A refusal by \
'sendall serve --wire text' is recognized. Names with a '|' cannot be sent, and --force is not available.

EXAMPLES

    sendall upload report.pdf host                  send a file to port 7255
    sendall upload report.pdf host:9000             send a file to another port
    sendall upload photos host:9000                 send a folder
    sendall upload --exclude '*.o' src host:9000    leave out object files
    tar cf - photos | sendall upload - --name photos.tar host:9000
        send stdin as a file
    sendall upload --name db.sql host:9000 --exec -- pg_dump db
        send a dump, and store it only if it is complete
    sendall upload --force config.toml unix:/run/inbox
        replace a file on this machine, through a Unix socket
    sendall upload --retry 20 disk.img host:9000    resume when the connection breaks
    sendall upload photos ssh://ann@host/srv/in     send a folder through ssh
    sendall upload photos ssh:host:in               the same, to a folder in the home folder there
    sendall upload dump.sql --via 'docker exec -i db sendall serve --store /tmp stdio:'
        send a file into a container
    sendall upload --wire text a.txt host:9000      send to a script that knows 'command|name|size'";

/// For `download`.
pub(crate) const DOWNLOAD: &str = "\
Without a NAME everything that the server shares is fetched. A NAME is a file or a folder, and may be inside a folder of the \
share (a/b.txt). It arrives under its last component. Local names are chosen here, never by the server: with -o FILE one \
file gets that name, and a server that sends anything else than requested is refused. With -o - one file is written to stdout as \
it arrives; with -o and a FIFO or a device, to that. In both cases only the exit code says whether the file was complete. \
Type a NAME as --list prints it, with or without the slash of a folder; patterns are not supported.

A HOST without a port means port 7255. A number after the HOST is its port: for a NAME that is a number, type HOST:7255 NAME.

Symbolic links are left out unless the server's --links says otherwise. FIFOs, sockets and devices are left out as well. One line \
reports the number, even with --quiet.

--list prints one line with size, time and path for each entry on offer, and fetches nothing. The path of a folder \
ends with a slash. With --json each line is an object:

    path        string: escaped as in events
    kind        string: file, folder or link
    size        number or null: bytes of a file
    mtime       string or null: UTC, in the format of RFC 3339; null before 1970, or where there is none yet
    executable  true or false: whether its owner may execute it
    target      string or null: where a link leads, escaped

Paths in lines are escaped in a form that can be read back: see sendall(1), EVENTS. A NAME that does not exist is a failure, \
reported after the list: 7, or 9 if there are several NAMEs.

TRUST

A server on another machine is asked for its key, and you for the code that it has printed. Without a terminal the code comes from SENDALL_CODE or \
--code-file. Wrong trust is exit code 8: nothing of the transfer has reached a server that is not the right one, and --retry does not try it again. See TRUST in sendall(1).";

/// For `download`, after [`OVER_SSH`].
pub(crate) const DOWNLOAD_BY_HTTP: &str = "\
WEB SERVERS

'download http://HOST/PATH' or https:// fetches one file from any web server. Its name here is the last part of the URL as it was typed; a \
redirect or the server chooses none. With ?tar or ?zip the name ends with .tar or .zip. The exit code is 0 only if everything came that the server \
announced (its length, or all chunks), is synced, and has its name. An answer without either is refused (6), because a cut could not be noticed. \
404 and most other statuses are 7, 401 is 8.

A server that has ?b3tree, as sendall has, says the BLAKE3 digest of the file and of its blocks of 4 MiB. Then each block is verified. Several URLs \
are places of the same file: its blocks come from all of them at once, also from servers without ?b3tree, and over as many connections as -j says. A \
server that sends a wrong block is named, and not used any more. FILE?b3=HEX is verified by the digest in the URL. In all other cases nothing \
vouches for the content but the connection: the summary says 'unverified'. The servers must be trusted to have the file that is \
meant: ?b3tree comes from the first of them.

An interrupted file over 1 MiB leaves its part. It is continued if its blocks match ?b3tree, or if the server's strong ETag shows that it has the \
same version still (If-Range). Otherwise it begins anew.

Up to 10 redirects are followed, never from https to http. The certificate of an https server must come from an authority that this system knows, or one in --ca \
FILE; or the server must have the key of --pin. --list, --max-entries, --code, --key, --trust-new and --plain are not for URLs.

EXAMPLES

    sendall download host:9000                      fetch everything into this folder
    sendall download host:9000 a.txt logs/b.txt -o inbox
        fetch two files into the folder inbox
    sendall download host:9000 disk.img -o copy.img
        fetch one file under another name
    sendall download host:9000 photos.tar -o - | tar xf -
        unpack an archive while it arrives
    sendall download --list host:9000               list what is offered
    sendall download ssh://host/var/log/syslog      fetch a file through ssh
    sendall download ssh:host:photos a.jpg b.jpg    fetch two files of a folder in the home folder there
    sendall download --retry 20 https://a.example/disk.img
        fetch a file from a web server, and resume when the connection breaks
    sendall download https://a.example/disk.img https://b.example/disk.img
        fetch it from two servers at once";

/// For `upload` and `download`.
pub(crate) const OVER_SSH: &str = "\
OVER SSH

'ssh://[USER@]HOST[:PORT]/DIR' and 'ssh:[USER@]HOST:DIR' need no server and no port: sendall runs ssh, which starts 'sendall serve --store DIR --once stdio:' \
on HOST (for a download --share), and speaks through it. ssh's configuration, keys and agent decide who gets in, and ssh encrypts; sendall adds no code and no TLS. sendall \
must be installed there; --remote-command says where, or how ('sudo sendall'). A DIR after ssh: is relative to the home folder unless it begins with a \
slash, as with scp. In the form with // it is absolute, as in URLs of git and curl, and /~/DIR is in the home folder; %20 is a blank. No DIR means the home folder. DIR must be \
there. For a download it may be a file, which is then fetched; else NAMEs are in it.

With --via 'CMD ARG...' any program can lead to a server, and no endpoint is typed: 'docker exec -i NAME sendall serve ... stdio:', for example. The line is split into words \
as a shell would, without one: type sh -c 'LINE' for what needs it.

There is one connection (no -j). ssh may ask for a password at the terminal, for 150s unless --timeout is typed. What the program says on stderr is passed on, after its name. A \
failure before the other side's sendall answers is 3: ssh could not connect, or there is no such program. It is 8 if ssh does not know the host's key or was denied, and 7 if the \
other side refuses DIR, or its shell prints something before sendall speaks. After that exit codes mean what they always do, and both ends agree. --retry runs the program \
again, and interrupted files resume.";
