//! The options of other netcats, and their counterparts here.

/// For the whole program.
pub(crate) const NETCATS: &str = "\
COMING FROM OTHER NETCATS

Options of nc (OpenBSD's) and ncat, lines of socat and others, and what to type instead. sendall suggests these lines, with \
your own words in them, if you type theirs. 'sendall nc' speaks OpenBSD's dialect itself, see sendall-nc(1).

    nc HOST PORT            connect HOST PORT
    nc -l PORT              serve :PORT; serve PORT for this machine only
    nc -l -s ADDR PORT      serve ADDR:PORT
    nc -lvnp PORT           serve --verbose :PORT
    nc -k -l PORT           serve --keep-open :PORT
    nc -N                   nothing: the end of stdin is passed on when the peer pauses, and the answer is received
    nc -q SECONDS           --linger 10s, counted from the last data of the peer; for -q 0: --end-when input
    nc -d                   --recv-only
    nc -w SECONDS           --timeout 10s for connecting, --linger 10s for silence; --idle-timeout 10s if silence is a failure
    nc -W N                 udp-listen --count N, udp-send --replies N
    nc -z HOST 20-25        connect --probe HOST:20-25
    until nc -z HOST PORT; do sleep 1; done   connect --probe --within 60s HOST:PORT
    nc -z -u HOST PORT      connect --probe udp:HOST:PORT
    nc -u                   udp-send HOST:PORT, udp-listen :PORT
    nc -U PATH              connect unix:PATH; with -l: serve unix:PATH
    nc -u -U PATH           udp-send unix:PATH, udp-listen unix:PATH
    nc -C                   --crlf
    nc -i SECONDS           --line-delay 1s
    nc -t                   --telnet
    nc -s ADDR, -p PORT     --source ADDR, --source :PORT
    nc -x HOST:PORT -X 5    --proxy socks5://HOST:PORT; -X 4: socks4://, -X connect: http://
    nc -P USER              --proxy socks5://USER@HOST:PORT, the password in SENDALL_PROXY_PASSWORD
    nc -I N, -O N           --rcvbuf N, --sndbuf N
    nc -M TTL, -T CLASS     --ttl TTL, --dscp CLASS, but a quarter of a number: -T 0x10 is --dscp 4
    nc -b                   udp-send --broadcast
    nc -n, -v               nothing (sendall never looks up names of addresses), --verbose
    nc -4, -6               -4, -6
    nc -e, -c               --exec -- COMMAND, --sh LINE
    ncat --ssl-verify       connect --tls; --ssl: connect --tls --insecure --lax-end; --ssl-trustfile FILE: --ca FILE
    ncat -l --ssl           serve --tls --cert FILE --cert-key FILE
    openssl s_client -connect HOST:PORT    connect --tls HOST:PORT

    ncat -l -k --exec CMD   serve :PORT --exec -- CMD; --sh-exec LINE: --sh LINE; without -k: --count 1, too
    ncat -l --broker        serve --broker; --chat: serve --broker --chat
    ncat --send-only        --send-only; --recv-only is --recv-only
    ncat --no-shutdown      --no-half-close
    ncat --allow, --deny    --allow, --deny; --allowfile FILE: --allow @FILE
    ncat -m N               --max-clients N
    ncat -i TIME, -w TIME   --idle-timeout TIME, --timeout TIME
    ncat -d TIME            --line-delay TIME
    ncat -o FILE, -x FILE   --tee-in FILE and --tee-out FILE, --hex-dump FILE; --append-output: --tee-append
    ncat --proxy ADDR       --proxy http://ADDR or socks5://ADDR
    ncat -l --proxy-type http    serve --socks, for SOCKS5, SOCKS4 and HTTP
    ncat --vsock CID PORT   connect vsock:CID:PORT; with -l: serve vsock::PORT

    socat - TCP:HOST:P                      connect HOST:P
    socat TCP-LISTEN:P,fork TCP:HOST:Q      serve --forward HOST:Q :P; without fork: --count 1, too
    socat TCP-LISTEN:P,fork UNIX:PATH       serve --forward unix:PATH :P
    socat -t SECONDS ...                    --linger 10s
    socat UNIX-LISTEN:PATH,fork TCP:HOST:Q  serve --forward HOST:Q unix:PATH
    socat TCP-LISTEN:P,fork EXEC:CMD        serve :P --exec -- CMD
    socat TCP-LISTEN:P,fork EXEC:CMD,pty    serve :P --exec --pty -- CMD
    socat TCP-LISTEN:P,fork EXEC:CMD,nofork   serve :P --exec-socket -- CMD, as inetd does
    socat TCP-LISTEN:P,fork SYSTEM:LINE     serve --sh LINE :P
    socat TCP-LISTEN:P,fork PIPE            serve --echo :P
    socat TCP-LISTEN:P,fork,range=10.0.0.0/8 ...   --allow 10.0.0.0/8
    socat TCP-LISTEN:P,max-children=N ...   --max-clients N
    socat -u FILE:F TCP:HOST:P              connect --send-only HOST:P <F; upload F HOST:P also proves arrival
    socat -u TCP-LISTEN:P OPEN:F,creat      serve --recv-only :P >F
    socat UDP-LISTEN:P,fork UDP:HOST:Q      serve --forward udp:HOST:Q udp::P
    socat UDP-RECVFROM:P,fork UNIX-SENDTO:PATH   serve --forward unix-dgram:PATH udp::P
    socat - UDP-RECVFROM:P,fork             udp-listen :P
    socat UDP-RECVFROM:P,fork EXEC:CMD      udp-listen :P --exec -- CMD
    socat - UDP4-DATAGRAM:GROUP:P,...       udp-listen --join GROUP :P, udp-send GROUP:P
    socat - OPENSSL:HOST:P                  connect --tls HOST:P; cafile=F: --ca F; verify=0: --insecure
    socat OPENSSL-LISTEN:P,cert=F,key=K ...  serve --tls --cert F --cert-key K :P
    socat - VSOCK-CONNECT:CID:P             connect vsock:CID:P; VSOCK-LISTEN:P: serve vsock::P
    socat - /dev/ttyUSB0,b115200,raw        connect tty:/dev/ttyUSB0,b115200
    socat - PTY,link=LINK,raw               connect pty:LINK
    socat -x -v ...                         --hex-dump -
    socat - SOCKS4A:S:H:P, PROXY:S:H:P      connect --proxy socks4://S:1080 H:P, connect --proxy http://S:8080 H:P
    socat - TCP:HOST:P,retry=N,interval=S   connect --retry N --retry-delay Ss HOST:P

    wait-for-it HOST:PORT -t 60     connect --probe --within 60s HOST:PORT
    telnet HOST PORT                connect --telnet HOST PORT
    croc send FILE                  serve --share FILE :7255; on the other machine: download HOST
    curl -O URL, wget URL           download URL
    python3 -m http.server PORT     serve --http --share . PORT";
