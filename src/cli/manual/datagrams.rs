//! The texts of `udp-listen` and `udp-send`.

/// For `udp-listen`.
pub(crate) const UDP_LISTEN: &str = "\
Each datagram is one record on stdout, complete and in order of arrival; an empty datagram is an empty record. The command ends \
with --count, with --idle-timeout, or with a signal, and then reports how many datagrams arrived. Known losses are counted and \
reported, and make the exit code 9: datagrams that were truncated, or dropped by the system or by sendall because stdout was too \
slow. Losses in the network on the way cannot be known.

--each line writes the payload and a line feed, whatever is in the payload. --each raw writes the payload alone. --each json \
writes one object per line:

    time    string: when it arrived, UTC, in the format of RFC 3339
    peer    string: the sender
    length  number: bytes of payload
    text    string or null: the payload, if it is UTF-8
    base64  string or null: the payload, if it is not

--frame u16be puts the length in two bytes before each payload, most significant byte first. 'udp-send --each u16be' reads this form, and \
'udp-send --each json' that of --each json.

Received datagrams wait for stdout in a bounded queue, first in sendall (16 MiB) and then in the system. A file is written by a thread \
of its own, so a slow disk does not hold up receiving until the queue is full. On Linux the system reports \
exactly how many datagrams it dropped. With a queue of 32 MiB or more there (this needs privileges, or sysctl net.core.rmem_max), \
several datagrams are received at once, which is several times faster. If the system drops any in this mode, the report says \
'... or more'. After a signal, a file has 0.7 s to take what was received; the rest counts as dropped. With --metrics ENDPOINT \
Prometheus reads these counts while the command runs: see sendall-serve(1), METRICS.

ANSWERS

--echo, --reply, --exec and --interactive answer. Source addresses of datagrams can be forged, so answers are limited. An answer is \
never larger than the datagram it answers, unless --amplify-ok is given. One peer gets at most --max-answers per second. Ports \
below 1024, multicast and broadcast addresses, and the socket itself get no answers. A peer that sends the same datagram 64 times in \
a row, each within a second after an answer, is probably answering answers: it gets no more answers until it has been silent for a \
second. For each reason, the first withheld answer is reported and all are counted.

With --interactive each line of stdin, which must be text, is sent as a datagram to the peer that sent last, or to the peer of --to. The rules above \
apply to these lines too, except to lines from a terminal and to lines for --to. Lines wait for the rate limit, for space in the system, \
and (up to 64 lines) for the first peer. A line that is larger than the datagram it answers, or that the system cannot send, is reported \
and counted, and makes the exit code 9. If nothing listens at --to, the exit code is 3, as far as the system reports it. --until ends \
the command at its line, even before there is a peer, and at the end of stdin when all lines are sent. Lines that were read but not sent count \
as not delivered.

With --exec -- CMD each peer has a process of its own. Datagrams from the peer go to the process's stdin in the form they would have on stdout \
(one per line, or as --each and --frame say). Each line of its output, or each record after a length, is a datagram to the peer; with \
--each raw, each read(2) is one. --answer-each splits the output in another way: all makes the whole output one datagram. With --frame u16be, which needs a process that \
reads lengths, any bytes arrive intact. In a process that reads lines, a datagram with a line feed arrives as two lines, which is reported and counts as not delivered, unless --each line was given. \
A process that has ended is started again at the next datagram of its peer. A process is ended when neither it nor its peer has sent anything for --peer-timeout.

Datagrams that no process could take count as not delivered, and make the exit code 9: the process cannot be started, does not read, or ended with \
them unread in its pipe, or --max-peers are running. A process that fails by itself makes the exit code 9 as well. At the end the stdin of each process \
ends, and the process has 10 seconds to finish; if it does not, it is ended, and the exit code is 4.

SYSTEMD

'systemd:', 'systemd:NAME' and 'fd:N' are sockets that are passed to the command, as for 'serve'. In a unit they are those of ListenDatagram=. \
A service manager (NOTIFY_SOCKET) is notified when the command is listening.

PEERS

--allow and --deny choose the peers from which datagrams are accepted (--from is --allow). @FILE has one rule per line, and is read again on SIGHUP. With -vv a line, and \
with --json an event, reports the first datagram of each peer, at most 100 per second.

MULTICAST

--join receives from a multicast group in addition to datagrams for the port itself. Type :PORT, or GROUP:PORT for the group alone. Several \
programs on one machine can join the same group.";

/// For `udp-listen`.
pub(crate) const UDP_LISTEN_EXAMPLES: &str = "\
EXAMPLES

    sendall udp-listen :5140                        print syslog messages, one per line
    sendall udp-listen --each json --from 192.0.2.0/24 :5140
        print objects, and accept one network only
    sendall udp-listen --count 1 --idle-timeout 5s 9000
        wait up to 5 seconds for one datagram
    sendall udp-listen --echo :7007                 answer with the same bytes
    sendall udp-listen --exec -- sed -u s/a/b/ :7007
        answer with the output of a process
    sendall udp-listen --each json 9000 >log; sendall udp-send --each json host:9000 <log
        record datagrams of any content, and send them again
    sendall udp-listen --join 239.1.2.3 :5000       receive from a multicast group
    sendall udp-listen --frame u16be 9000 >datagrams
        record datagrams of any content";

/// For `udp-send`.
pub(crate) const UDP_SEND: &str = "\
Each TEXT is one datagram, with \\n, \\r, \\t, \\0, \\e, \\\\ and \\xHH as escapes. Without a TEXT, each line of stdin is one datagram, \
without its line end. Input that is not text (a NUL byte, or not UTF-8) is not split at line feeds unless --each line asks for it: it is \
refused (exit code 2) before any part of the same read is sent. With --each json each line is an object that has the datagram in its field text or base64, as 'udp-listen --each json' and --print json write \
it; other fields are ignored. A datagram holds at most 65507 bytes; \
larger ones are refused (exit code 2), never split. All TEXTs are checked before the first is sent; stdin is checked as it is read.

Sending a datagram does not show that it arrived. If nothing listens on the port and the peer's system reports it in time, \
the exit code is 3: at once on this machine, otherwise usually only with --wait. With --wait or --replies, missing replies make the exit \
code 4. The line of --until ends the wait as well, unless --replies asks for more; the end of stdin does not. \
Replies are printed in the format of 'udp-listen'. --frame u16be puts a length before each datagram on stdin and stdout, so that \
their boundaries are kept for any bytes. Anyone may answer a multicast or broadcast address.

With --idle-timeout stdin counts as ended when it and the peer have been silent for that time; --wait and --replies start \
then. If nothing was sent at all, the exit code is 4. --source unix:/path names the socket that sends to a \
Unix socket; its file is removed at the end.

If a name has several addresses, the first with a route is used, and the next one if the port is closed on this machine.

EXAMPLES

    sendall udp-send localhost:9000 hello           send one datagram
    sendall udp-send logs.example 514 '<13>it works'
        log a message
    sendall udp-send --replies 1 --wait 2s time.example:37 ''
        ask for the time
    sendall udp-send --broadcast --each all 192.0.2.255:9 <wake-on-lan
        send a file as one datagram to a whole network
    sendall udp-send --each 1400 --limit-rate 10MB host:9000 <stream
        send a stream in datagrams of 1400 bytes, at a limited rate
    sendall udp-send --wait 1s --label '[ff02::1%eth0]:9000' 'who is there?'
        ask a multicast group
    sendall udp-send --wait 1h --until exit host:9000
        type lines, and read replies";
