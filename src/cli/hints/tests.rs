//! Each line that is suggested means what was typed, and is taken by the parser.

use super::suggest::{advice, is_taken};
use super::*;

/// The words of a line, where " and ' hold words together.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut quote): (Vec<String>, Option<char>) = (Vec::new(), None);
    let mut begins = true;
    for c in line.chars() {
        match (c, quote) {
            (c, Some(end)) if c == end => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (' ', None) => begins = true,
            _ => {
                if std::mem::take(&mut begins) {
                    words.push(String::new());
                }
                words.last_mut().expect("a word").push(c);
            }
        }
    }
    words
}

/// What is suggested for a line, without `sendall` before each of its lines.
fn suggested(typed: &str) -> Option<String> {
    let typed = split(typed);
    let advice = advice(&typed, command_of(&typed))?;
    assert!(advice.lines().all(is_taken), "{typed:?}: {}", advice.text());
    Some(advice.text().replace("'sendall ", "'"))
}

/// Rows of the manual by their left side; a line like it as it is typed, without the program; the line that is suggested.
/// Where nothing is typed, what the row says is parsed only.
const ROWS: &[(&str, &str, &str)] = &[
    ("nc HOST PORT", "netcat h 80", "connect h:80"),
    ("nc -l PORT", "-l 80", "serve :80"),
    ("nc -l -s ADDR PORT", "-l -s ::1 80", "serve [::1]:80"),
    ("nc -lvnp PORT", "-lvnp 4444", "serve --verbose :4444"),
    ("nc -lvnp PORT", "-lvnp4444", "serve --verbose :4444"),
    ("nc -k -l PORT", "-kl 80", "serve --keep-open :80"),
    ("nc -N", "-N h 80", "connect h:80"),
    ("nc -q SECONDS", "-q 3 h 80", "connect --linger 3s h:80"),
    ("nc -q SECONDS", "-q0 h 80", "connect --end-when input h:80"),
    ("nc -q SECONDS", "-q -1 h 80", "connect h:80"),
    ("nc -d", "-d h 80", "connect --recv-only h:80"),
    ("nc -w SECONDS", "-w 3 h 80", "connect --timeout 3s --linger 3s h:80"),
    ("nc -w SECONDS", "-lw3 80", "serve --linger 3s :80"),
    ("nc -w SECONDS", "-zw3 h 80", "connect --probe --timeout 3s h:80"),
    ("nc -W N", "-uW3 h 53", "udp-send --replies 3 h:53"),
    ("nc -W N", "-luW3 53", "udp-listen --count 3 :53"),
    ("nc -z HOST 20-25", "-zv h 20-25", "connect --probe --verbose h:20-25"),
    ("nc -z HOST 20-25", "-z ::1 22 80 443", "connect --probe [::1]:22,80,443"),
    ("until nc -z HOST PORT; do sleep 1; done", "", "connect --probe --within 60s h:80"),
    ("nc -z -u HOST PORT", "-zu h 53", "connect --probe udp:h:53"),
    ("nc -z -u HOST PORT", "-zvu h 53", "connect --probe --verbose udp:h:53"),
    ("nc -z -u HOST PORT", "-uzw2 ::1 53 500-510", "connect --probe --timeout 2s udp:[::1]:53,500-510"),
    ("socat UDP-LISTEN:P,fork UDP:HOST:Q", "UDP-LISTEN:53,fork UDP:h:54", "serve --forward udp:h:54 udp::53"),
    (
        "socat UDP-RECVFROM:P,fork UNIX-SENDTO:PATH",
        "UDP-RECVFROM:53,fork UNIX-SENDTO:/x",
        "serve --forward unix-dgram:/x udp::53",
    ),
    ("nc -u", "-u h 53", "udp-send h:53"),
    ("nc -u", "-ul 53", "udp-listen :53"),
    ("nc -u", "-u -w1 h 53", "udp-send h:53"),
    ("nc -U PATH", "-U /run/x", "connect unix:/run/x"),
    ("nc -U PATH", "-lU /run/x", "serve unix:/run/x"),
    ("nc -u -U PATH", "-uU /run/x", "udp-send unix:/run/x"),
    ("nc -C", "-C h 80", "connect --crlf h:80"),
    ("nc -i SECONDS", "-i 1 h 80", "connect --line-delay 1s h:80"),
    ("nc -t", "-t h 23", "connect --telnet h:23"),
    ("nc -s ADDR, -p PORT", "-s 192.0.2.1 -p 99 h 80", "connect --source 192.0.2.1:99 h:80"),
    ("nc -s ADDR, -p PORT", "-p 99 h 80", "connect --source :99 h:80"),
    ("nc -x HOST:PORT -X 5", "-x p:99 -X 5 h 80", "connect --proxy socks5://p:99 h:80"),
    ("nc -x HOST:PORT -X 5", "-x p -X 4 h 80", "connect --proxy socks4://p:1080 h:80"),
    ("nc -x HOST:PORT -X 5", "-Xconnect -xp h 80", "connect --proxy http://p:3128 h:80"),
    ("nc -P USER", "-P ann -x p:99 h 80", "connect --proxy socks5://ann@p:99 h:80"),
    ("nc -I N, -O N", "-I 9000 -O 9000 h 80", "connect --rcvbuf 9000 --sndbuf 9000 h:80"),
    ("nc -M TTL, -T CLASS", "-M 9 -T af11 h 80", "connect --ttl 9 --dscp af11 h:80"),
    ("nc -M TTL, -T CLASS", "-T 0x10 h 80", "connect --dscp 4 h:80"),
    ("nc -M TTL, -T CLASS", "-T lowdelay h 80", "connect --dscp 4 h:80"),
    ("nc -b", "-ub 192.0.2.255 9", "udp-send --broadcast 192.0.2.255:9"),
    ("nc -n, -v", "-nv h 80", "connect --verbose h:80"),
    ("nc -4, -6", "-4 h 80", "connect -4 h:80"),
    ("nc -e, -c", "-lp 80 -e /bin/cat", "serve --count 1 :80 --exec -- /bin/cat"),
    ("nc -e, -c", "-c 'echo hi' h 80", "connect h:80 --sh \"echo hi\""),
    ("ncat --ssl-verify", "--ssl-verify h 443", "connect --tls h:443"),
    ("ncat --ssl-verify", "--ssl h 443", "connect --tls --insecure --lax-end h:443"),
    ("ncat --ssl-verify", "--ssl --ssl-trustfile f h 443", "connect --ca f --tls h:443"),
    ("ncat -l --ssl", "-l --ssl --ssl-cert c --ssl-key k 443", "serve --cert c --cert-key k --tls :443"),
    ("openssl s_client -connect HOST:PORT", "", "connect --tls h:443"),
    ("ncat -l -k --exec CMD", "-lk --exec '/bin/cat -n' 80", "serve :80 --exec -- /bin/cat -n"),
    ("ncat -l -k --exec CMD", "-lk 80 --sh-exec=cat", "serve :80 --sh cat"),
    ("ncat -l --broker", "-l --broker 80", "serve --broker :80"),
    ("ncat -l --broker", "--listen --chat 80", "serve --broker --chat :80"),
    ("ncat --send-only", "--send-only h 80", "connect --send-only h:80"),
    ("ncat --no-shutdown", "--no-shutdown h 80", "connect --no-half-close h:80"),
    ("ncat --allow, --deny", "-l --allow 10.0.0.0/8 80", "serve --allow 10.0.0.0/8 :80"),
    ("ncat --allow, --deny", "-l --denyfile f 80", "serve --deny @f :80"),
    ("ncat -m N", "-kl --max-conns 3 80 -c cat", "serve --max-clients 3 :80 --sh cat"),
    ("ncat -i TIME, -w TIME", "--idle-timeout 500ms h 80", "connect --idle-timeout 500ms h:80"),
    ("ncat -i TIME, -w TIME", "--wait 3 h 80", "connect --timeout 3s h:80"),
    ("ncat -d TIME", "--delay 1 h 80", "connect --line-delay 1s h:80"),
    ("ncat -o FILE, -x FILE", "--hex-dump f h 80", "connect --hex-dump f h:80"),
    ("ncat --proxy ADDR", "--proxy p:99 h 80", "connect --proxy http://p:99 h:80"),
    ("ncat --proxy ADDR", "--proxy p --proxy-type socks5 h 80", "connect --proxy socks5://p:1080 h:80"),
    ("ncat -l --proxy-type http", "-l 99 --proxy-type http", "serve --socks :99"),
    ("ncat --vsock CID PORT", "--vsock 3 80", "connect vsock:3:80"),
    ("ncat --vsock CID PORT", "-l --vsock 80", "serve vsock::80"),
    ("socat - VSOCK-CONNECT:CID:P", "- VSOCK-CONNECT:3:80", "connect vsock:3:80"),
    ("socat - VSOCK-CONNECT:CID:P", "VSOCK-LISTEN:80,fork PIPE", "serve --echo vsock::80"),
    ("socat - /dev/ttyUSB0,b115200,raw", "- /dev/ttyUSB0,b115200,raw", "connect tty:/dev/ttyUSB0,b115200"),
    (
        "socat - /dev/ttyUSB0,b115200,raw",
        "TCP-LISTEN:80,fork OPEN:/dev/ttyS0,b9600,raw",
        "serve --forward tty:/dev/ttyS0,b9600 :80",
    ),
    ("socat - PTY,link=LINK,raw", "- PTY,link=./l,raw", "connect pty:./l"),
    ("socat - TCP:HOST:P", "- TCP:h:80", "connect h:80"),
    ("socat - TCP:HOST:P", "TCP4:h:80,crnl STDIO", "connect -4 --crlf h:80"),
    (
        "socat TCP-LISTEN:P,fork TCP:HOST:Q",
        "TCP-LISTEN:80,fork,reuseaddr TCP:h:81",
        "serve --forward h:81 :80",
    ),
    (
        "socat TCP-LISTEN:P,fork TCP:HOST:Q",
        "TCP-L:80,bind=127.0.0.1 tcp:[::1]:81",
        "serve --count 1 --forward [::1]:81 127.0.0.1:80",
    ),
    ("socat TCP-LISTEN:P,fork TCP:HOST:Q", "TCP-LISTEN:80,fork OPENSSL:h:81", "serve --forward tls:h:81 :80"),
    ("socat TCP-LISTEN:P,fork UNIX:PATH", "TCP-LISTEN:80,fork UNIX:/x", "serve --forward unix:/x :80"),
    ("socat -t SECONDS ...", "-t 3 - TCP:h:80", "connect --linger 3s h:80"),
    (
        "socat UNIX-LISTEN:PATH,fork TCP:HOST:Q",
        "UNIX-LISTEN:/x,fork TCP:h:80",
        "serve --forward h:80 unix:/x",
    ),
    ("socat TCP-LISTEN:P,fork EXEC:CMD", "TCP-LISTEN:80,fork EXEC:'cat -n'", "serve :80 --exec -- cat -n"),
    (
        "socat TCP-LISTEN:P,fork EXEC:CMD,pty",
        "TCP-LISTEN:80,fork EXEC:sh,pty,stderr",
        "serve :80 --exec --pty -- sh",
    ),
    (
        "socat TCP-LISTEN:P,fork EXEC:CMD,nofork",
        "TCP-LISTEN:80,fork EXEC:cat,nofork",
        "serve :80 --exec-socket -- cat",
    ),
    (
        "socat TCP-LISTEN:P,fork SYSTEM:LINE",
        "TCP-LISTEN:80,fork SYSTEM:'echo hi'",
        "serve :80 --sh \"echo hi\"",
    ),
    ("socat TCP-LISTEN:P,fork PIPE", "TCP-LISTEN:80,fork PIPE", "serve --echo :80"),
    (
        "socat TCP-LISTEN:P,fork,range=10.0.0.0/8 ...",
        "TCP-L:80,fork,range=10.0.0.0/8 PIPE",
        "serve --echo --allow 10.0.0.0/8 :80",
    ),
    (
        "socat TCP-LISTEN:P,max-children=N ...",
        "TCP-L:80,fork,max-children=3 PIPE",
        "serve --echo --max-clients 3 :80",
    ),
    ("socat -u FILE:F TCP:HOST:P", "-u FILE:f TCP:h:80", "connect --send-only h:80 <f"),
    ("socat -u TCP-LISTEN:P OPEN:F,creat", "-u TCP-LISTEN:80 OPEN:f,creat", "serve --recv-only :80 >f"),
    ("socat - UDP-RECVFROM:P,fork", "- UDP-RECVFROM:53,fork", "udp-listen :53"),
    ("socat UDP-RECVFROM:P,fork EXEC:CMD", "UDP-RECVFROM:53,fork EXEC:cat", "udp-listen :53 --exec -- cat"),
    ("socat - UDP4-DATAGRAM:GROUP:P,...", "", "udp-listen --join 239.1.2.3 :53"),
    ("socat - OPENSSL:HOST:P", "- OPENSSL:h:443,cafile=f", "connect --tls --ca f h:443"),
    ("socat - OPENSSL:HOST:P", "- OPENSSL:h:443,verify=0", "connect --tls --insecure h:443"),
    (
        "socat OPENSSL-LISTEN:P,cert=F,key=K ...",
        "OPENSSL-LISTEN:443,fork,cert=c,key=k,verify=0 PIPE",
        "serve --echo --tls --cert c --cert-key k :443",
    ),
    ("socat -x -v ...", "-x -v - TCP:h:80", "connect --hex-dump - --verbose h:80"),
    ("socat - SOCKS4A:S:H:P, PROXY:S:H:P", "- SOCKS4A:s:h:80", "connect --proxy socks4://s:1080 h:80"),
    (
        "socat - SOCKS4A:S:H:P, PROXY:S:H:P",
        "- PROXY:s:h:80,proxyport=3128",
        "connect --proxy http://s:3128 h:80",
    ),
    (
        "socat - TCP:HOST:P,retry=N,interval=S",
        "- TCP:h:80,retry=3,interval=2",
        "connect --retry 3 --retry-delay 2s h:80",
    ),
    ("wait-for-it HOST:PORT -t 60", "wait h:80", "connect --probe --within 60s h:80"),
    ("telnet HOST PORT", "", "connect --telnet h 23"),
    ("croc send FILE", "send f", "serve --share f :7255', and on the other machine 'download HOST"),
    ("curl -O URL, wget URL", "wget http://h/f", "download http://h/f"),
    ("python3 -m http.server PORT", "", "serve --http --share . 8000"),
];

#[test]
fn each_row_of_the_manual_is_true() {
    let rows: Vec<&str> = NETCATS
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once("  "))
        .map(|(theirs, _)| theirs.trim())
        .collect();
    assert!(rows.len() > 60, "only {} rows", rows.len());
    for row in &rows {
        assert!(ROWS.iter().any(|(of, ..)| of == row), "no example of the row {row:?}");
    }
    for (row, typed, ours) in ROWS {
        assert!(rows.contains(row), "no row {row:?}");
        match typed.is_empty() {
            true => assert!(is_taken(&split(ours)), "{ours}"),
            false => {
                let text = suggested(typed).unwrap_or_default();
                // The same call of nc may stand after it.
                let rest = text.strip_prefix(&format!("type '{ours}'"));
                assert!(
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(", or 'nc ")),
                    "{typed}: {text}"
                );
            }
        }
    }
}

/// Lines with a command of sendall, and other words that people type.
const OTHERS: &[(&str, &str)] = &[
    ("serve -l 80", "serve :80"),
    ("serve -p 80", "serve :80"),
    ("serve -v -p 80 --echo", "serve --verbose --echo :80"),
    ("serve -p 80 --idle-timeout 3s", "serve --idle-timeout 3s :80"),
    ("serve -kp 80", "serve --keep-open :80"),
    ("serve -k --echo -p 80", "serve --echo :80"),
    ("serve -e '/bin/sh -i' 80", "serve :80 --exec -- /bin/sh -i"),
    ("serve -p 80 --exec -- cat -n", "serve :80 --exec -- cat -n"),
    ("connect -z h 80", "connect --probe h:80"),
    ("connect -w 5 h:1", "connect --timeout 5s --linger 5s h:1"),
    ("connect -q 1 h:1", "connect --linger 1s h:1"),
    ("connect -u h 53", "udp-send h:53"),
    ("connect -l 53", "serve :53"),
    ("connect --ssl h 443", "connect --tls --insecure --lax-end h:443"),
    ("udp-listen -l 53", "udp-listen :53"),
    ("udp-send -u h 53", "udp-send h:53"),
    ("send f h:1", "upload f h:1"),
    ("send f g h 9000", "upload f g h 9000"),
    ("receive", "serve --store . :7255"),
    ("receive 9000", "serve --store . :9000"),
    ("listen 80", "serve :80"),
    ("listen -p 80", "serve :80"),
    ("get h:1 f", "download h:1 f"),
    ("get h f", "download h f"),
    ("probe h 80", "connect --probe h:80"),
    ("forward 80 h:81", "serve --forward h:81 80"),
    ("forward h:81 :80", "serve --forward h:81 :80"),
    ("chat 80", "serve --broker --chat :80"),
    ("share f", "serve --share f :7255"),
    ("http://h/f", "download http://h/f"),
    ("socat - TCP:h:80", "connect h:80"),
    ("ncat -kl 80", "serve --keep-open :80"),
    ("upload f u@h:d", "upload f ssh:u@h:d"),
    ("scp f u@h:d", "upload f ssh:u@h:d"),
    ("scp -P 2222 f u@h:d", "upload f \"ssh://u@h:2222/~/d\""),
    ("scp -r -P 2222 u@h:/d .", "download ssh://u@h:2222/d -o ."),
    ("upload -P 22 f u@h:~/d", "upload f \"ssh://u@h:22/~/d\""),
    ("download -r -P 22 u@h:d", "download \"ssh://u@h:22/~/d\""),
    ("download u@h:d", "download ssh:u@h:d"),
    ("connect https://h/f", "connect --tls h:443' for the stream, or 'download https://h/f' for the file"),
    (
        "connect http://[::1]:8080/",
        "connect [::1]:8080' for the stream, or 'download -o index.html http://[::1]:8080/' for the file",
    ),
    (
        "upload f https://h/d",
        "upload f h:443' if sendall listens there; to other web servers 'curl -T FILE URL",
    ),
];

#[test]
fn what_other_words_mean_is_suggested_with_them() {
    for (typed, ours) in OTHERS {
        let text = suggested(typed).unwrap_or_else(|| panic!("{typed}: nothing"));
        let is_same = text == format!("type '{ours}'")
            || ours.contains('\'') && text.starts_with(&format!("type '{ours}"));
        assert!(is_same, "{typed}: {text}");
    }
}

#[test]
fn what_is_not_understood_is_not_suggested() {
    for typed in [
        "-l",
        "-z",
        "-Y h 80",
        "-D h 80",
        "-e",
        "-p",
        "-l 80 81 82",
        "-X 7 -x p h 80",
        "-w soon h 80",
        "-zl 80",
        "--lua-exec f -l 80",
        "--ssl -l 443",
        "--sctp h 80",
        "--proxy-auth a:b --proxy p:1 h 80",
        "-o f h 80",
        "TCP-LISTEN:80,su=nobody PIPE",
        "TCP:h:80 TCP:h:81",
        "- TCP:h",
        "-u FILE:f,append TCP-L:80",
        "connect",
        "connect h:80",
        "serve -p",
        "upload f",
        "frobnicate",
        "cp a b",
        "exec ls",
        "-U /x /y",
        "-zuU /x",
    ] {
        assert_eq!(suggested(typed), None, "{typed}");
    }
}

#[test]
fn suggested_lines_can_be_pasted() {
    assert_eq!(
        suggested("-l 80 -c 'echo $HOME'").as_deref(),
        Some("type 'serve --count 1 :80 --sh \"echo \\$HOME\"', or 'nc -l 80 -c \"echo \\$HOME\"'")
    );
}
