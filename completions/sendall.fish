# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_sendall_global_optspecs
    string join \n v/verbose q/quiet json h/help V/version
end

function __fish_sendall_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_sendall_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_sendall_using_subcommand
    set -l cmd (__fish_sendall_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c sendall -n "__fish_sendall_needs_command" -s v -l verbose -d 'Print peers, addresses, byte counts and durations; give it twice for socket options as well'
complete -c sendall -n "__fish_sendall_needs_command" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_needs_command" -l json -d 'Write events as JSON, one per line, to stderr instead of text'
complete -c sendall -n "__fish_sendall_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_needs_command" -s V -l version -d 'Print version'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "serve" -d 'Listen; without a mode, connect the first client to stdin and stdout, and end with it'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "connect" -d 'Connect stdin and stdout to a server'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "upload" -d 'Send files and folders to \'sendall serve --store\', verified and synced before success is reported'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "download" -d 'Fetch files and folders from \'sendall serve --share\', or a file from web servers, synced before they get their names'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "http-hello" -d 'Answer HTTP/1.1 requests with a greeting: for health checks, load balancers, firewalls'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "udp-listen" -d 'Receive datagrams from any number of peers, and answer them if asked'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "udp-send" -d 'Send datagrams from arguments or stdin, and wait for replies if asked'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "nc" -d 'Speak the dialect of nc (OpenBSD\'s, as Debian has it): for scripts that call nc'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l slow -d 'With --keep-open or --broker: choose what happens to a client that reads too slowly' -r -f -a "drop\t'It misses what does not fit into its queue; the server reports how much at its end'
wait\t'All clients wait for it'
cut\t'It is disconnected when it keeps others waiting and reads nothing for a second'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l reply -d 'Send this text or file to each client, and end; \\n, \\r, \\t, \\0, \\e, \\\\ and \\xHH are escapes' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l greet -d 'Script: send this first; the escapes are those of --reply' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l answer -d 'Script: when a client sends WHEN, answer SAY; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l otherwise -d 'Script: answer this when nothing else matches' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l hang-up -d 'Script: when a client sends this, send its answer, if it has one, and end; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l unit -d 'Script: choose what is compared with WHEN' -r -f -a "line\t'A line; texts without a line end get one'
chunk\t'The bytes received at once, for peers that send no line ends; texts are sent as they are'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l sh -d 'Run a shell command for each connection: /bin/sh -c LINE' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l forward -d 'Connect each client to this server, over a connection of its own; tls:HOST:PORT with TLS, to a server whose certificate must come from an authority that this system knows, and name HOST; udp:HOST:PORT and unix-dgram:/path relay datagrams from udp:PORT' -r -f -a "(__fish_print_hostnames)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l proxy-protocol -d 'With --forward: send the client\'s address to the server first, in a header of the PROXY protocol' -r -f -a "v1\t'A line of text'
v2\t'Binary'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l socks-users -d 'With --socks: require a user and password from this file; each line is user:password. SOCKS4 has no passwords, and is refused' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l target-ca -d 'With --forward tls:HOST:PORT: trust the authorities in this file (PEM) instead of the system\'s' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l target-pin -d 'With --forward tls:HOST:PORT: trust the server with this key, sha256:..., whatever its certificate says; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l target-name -d 'With --forward tls:HOST:PORT: ask for this name, and expect it in the certificate [default: HOST]' -r -f -a "(__fish_print_hostnames)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l target-cert -d 'With --forward tls:HOST:PORT: present the certificate in this file (PEM), followed by those of its issuers' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l target-cert-key -d 'The private key of --target-cert (PEM)' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l allow-target -d 'With --socks: connect only to the networks, addresses and names that are listed; @FILE has one per line' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l deny-target -d 'With --socks: do not connect to this network, address or name [always denied unless named by --allow-target: this machine, link-local, cloud metadata, multicast and reserved addresses]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l store -d 'Store uploads from many clients in this folder' -r -f -a "(__fish_complete_directories)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l share -d 'Offer a file, or everything in a folder, for download' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l wire -d 'With --store: choose the protocol of clients' -r -f -a "sendall\t'The transfer protocol: names, sizes, digests and outcomes'
text\t'The classic header \'command|name|size\', for peers that know nothing else; content is not verified'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l links -d 'With --share: choose what happens to symbolic links' -r -f -a "skip\t'They are left out'
follow\t'Their targets are sent'
copy\t'They are sent as links'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-size -d 'With --store: refuse larger files' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-entries -d 'With --store: accept at most N files, folders and links from one client' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l digests -d 'With --store: append the digest of each stored file, in the format of b3sum --check; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l workers -d 'With --store or --share: run transfers on N threads; others take the place of those that wait for a disk; auto is one per core [default: auto]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l timeout -d 'Limit the time for a client\'s handshake (--store, --share, --socks), for its header (--accept-proxy-protocol) and for each address of a target (--forward, --socks) [default: 10s]; in other modes the same as --accept-timeout' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l http -d 'Serve HTTP on the same port, for browsers and curl; for other machines below a secret path, with --http=open without' -r -f -a "secret\t'Other machines need the secret path'
open\t'Everybody'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l token -d 'With --http: ask for the token in this file in place of the secret path, as Bearer or as the password of Basic' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l host -d 'With --http: a name of this server in URLs, beside its addresses and the name of this machine; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l http-cert -d 'With --http: show browsers the certificate in this file (PEM), followed by those of its issuers, for https://; it is read at the start [default: that of this side\'s key, which no browser knows]' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l http-cert-key -d 'The private key of --http-cert (PEM)' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l log -d 'With --http: write a line for each answer to stdout' -r -f -a "common\t'The Common Log Format of web servers'
json\t'One JSON object per answer'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l cache -d 'With --http and --share: let caches use a file for this long without asking again, and for a day if the server cannot be reached [default: they ask each time]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l etag -d 'With --http: choose what the ETag of a file is made of' -r -f -a "metadata\t'Its identity, size and times'
content\t'The BLAKE3 digest of its content: each file is read once, and copies have the same ETag on every server'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-clients -d 'Serve at most N clients at a time, as far as descriptors allow [default: 100 with --store, --share, --exec and --sh, else 16384]; see --full for the rest' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-per-source -d 'Serve at most N clients at a time from one IPv4 address or IPv6 /64 network, and refuse more [default: 16 with --store, --share, --exec and --sh, 80 with --http, else no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l full -d 'Choose what happens to clients over --max-clients [default: wait; with --forward udp: the one that is silent for longest makes way]' -r -f -a "wait\t'They wait in the system\'s queue until another client leaves'
refuse\t'Their connections are reset'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l count -d 'End after N clients: with 0 if all went well, else with 9; with N=1, with the code of that client' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l accept-timeout -d 'Fail if no client connects for this long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l session-timeout -d 'Disconnect a client that is not done after this long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l allow -d 'Admit only the networks, addresses and names that are listed; @FILE has one per line, and is read again on SIGHUP' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l deny -d 'Reject this network, address or name; if several entries match, the longest prefix decides' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l metrics -d 'Show counters for Prometheus at /metrics, on a listener of their own: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name; see METRICS in sendall-serve(1)' -r -f -a "(__fish_print_hostnames)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l code-file -d 'The same with the code in the first line of this file' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l key -d 'Keep this side\'s key in this file [default: SENDALL_KEY, else key in $STATE_DIRECTORY or ~/.local/state/sendall]' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l code-uses -d 'How many sessions may succeed with the code: a number, or many [default: many, but 1 with --once]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l clients -d 'With --store and --share: admit clients whose keys are in this file, one in a line: sha256:... rights=store,share store=FOLDER max-size=SIZE, of which only the key must be there; it is read again when it changes' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l client-ca -d 'Accept only clients with a certificate from the authorities in this file (PEM)' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l cert -d 'Present the certificate in this file (PEM), followed by those of its issuers' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l cert-key -d 'The private key of --cert (PEM)' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l alpn -d 'Negotiate one of these protocols, the preferred one first, for example h2,http/1.1' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l idle-timeout -d 'Give up when nothing is sent or received for this long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l limit-rate -d 'Limit the bytes sent and received per second on each connection, for example 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l end-when -d 'Choose which end of file ends the command [default: both; peer if stdin is a terminal]' -r -f -a "both\t'When both directions have ended'
peer\t'When the peer has ended and everything it sent is written'
input\t'When the input has ended and all of it is acknowledged'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l linger -d 'End with 0 when stdin has ended and the peer is silent for this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l line-delay -d 'Wait for this long before sending each line of stdin' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l frame -d 'Send each line of stdin as a message, and write each message from the peer as a line; FRAME marks where messages end' -r -f -a "u8\t'A length of 1 byte before each message'
u16be\t'A length of 2 bytes, big-endian'
u16le\t'A length of 2 bytes, little-endian'
u32be\t'A length of 4 bytes, big-endian'
u32le\t'A length of 4 bytes, little-endian'
u64be\t'A length of 8 bytes, big-endian'
netstring\t'A length in digits and a colon before each message, a comma after it'
octet-count\t'A length in digits and a space before each message, as in syslog over TCP (RFC 6587)'
line\t'A line feed after each message'
nul\t'A NUL byte after each message'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l each -d 'With --frame: split stdin at each line, not at all (all), after SIZE bytes, at each object of --frame-out json (json), or at each message of a FRAME [default: line]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l frame-out -d 'With --frame: choose how messages from the peer are written' -r -f -a "line\t'The message and a line feed'
raw\t'The message alone'
json\t'One JSON object per line'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-message -d 'With --frame: refuse longer messages, in both directions' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l tee-in -d 'Write everything received to this file as it arrives' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l tee-out -d 'Write everything sent to this file as it leaves' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l hex-dump -d 'Write both directions to this file in hexadecimal, with times and offsets; - is stderr' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l nodelay -d 'Send small pieces at once (on), or collect them first (off) [default: on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l keepalive -d 'Test a connection that is silent for this long, and give up if the peer does not answer [default: 60s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l ttl -d 'Limit the number of routers that a packet may pass' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l dscp -d 'Set the traffic class of packets: a number up to 63, or a name such as ef, cs1 or af41' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l sndbuf -d 'Set the size of the system\'s send buffer' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l rcvbuf -d 'Set the size of the system\'s receive buffer' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l mark -d 'Mark packets with this number, for routing rules and packet filters' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l user-timeout -d 'Give up when sent data is not acknowledged for this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l congestion -d 'Use this congestion control, for example cubic, reno or bbr' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s v -l verbose -d 'Print peers, addresses, byte counts and durations; give it twice for socket options as well'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l json -d 'Write events as JSON, one per line, to stderr instead of text'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l keep-open -d 'Connect many clients to stdin and stdout: stdin goes to all of them, and what they send goes to stdout'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l label -d 'With --keep-open: put \'[ADDRESS] \' before each line from a client, and escape control characters'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l broker -d 'Send what each client sends to all other clients'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l chat -d 'With --broker: send whole lines, put \'<ADDRESS> \' before each, and escape control characters'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l join -d 'With --broker: let stdin and stdout take part as one more client, called \'server\' with --chat'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l echo -d 'Send back to each client what it sends'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l discard -d 'Read and discard what clients send'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l exec -d 'Run a process for each connection: --exec -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l pty -d 'With --exec or --sh: give the process a terminal of 24 lines and 80 columns instead of pipes'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l exec-socket -d 'Run a process with the connection itself as stdin and stdout, as inetd does: --exec-socket -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l socks -d 'Run a proxy server for SOCKS5, SOCKS4, SOCKS4a and HTTP (CONNECT, and requests for http:// URLs)'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l target-insecure -d 'With --forward tls:HOST:PORT: do not check who the server is'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l once -d 'With --store or --share: end after the first session, with its outcome as exit code; a client that only connects or lists, or whose request is refused, does not count'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l keep-existing -d 'With --store: never replace a file, not even for \'upload --force\''
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l site -d 'With --http and --share: serve a web site: folders as their index.html, and pages that may run scripts. Share only what you trust'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l accept-proxy-protocol -d 'Expect a header of the PROXY protocol (v1 or v2) from a proxy before each stream. Logs and access lists use the address in it. Clients without one are disconnected. Let only the proxy reach this port'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l code -d 'Encrypt, and let both sides prove that they have the same code: serve makes and prints one, the other side asks for it at the terminal; with SENDALL_CODE in the environment both take that one'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l pair -d 'With --clients: make a code, and add the keys of those who have used it with success: they need none next time'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l open -d 'With --store and --share: encrypt, and admit anybody'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l plain -d 'With --store and --share: admit anybody, also without encryption, as older clients connect'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l tls -d 'Serve TLS only, with the certificate of --cert'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l lax-end -d 'Accept an end without TLS\'s close_notify, as some peers send it; whoever is in between can then cut the stream short'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l send-only -d 'Send only: discard what the peer sends (one line says so), and end when all input is acknowledged'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l recv-only -d 'Receive only: do not read stdin'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l no-half-close -d 'Pass the end of stdin on only after the peer has ended [default: when the peer pauses]'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l wait-greeting -d 'Do not read stdin before the peer has sent something'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l crlf -d 'Send each line end of stdin as CR LF'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l telnet -d 'Speak to a Telnet server: refuse each option it negotiates, and remove its commands from the output'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l tee-append -d 'Append to the files of --tee-in, --tee-out and --hex-dump instead of emptying them'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l mptcp -d 'Use several paths at once if the peer can (Multipath TCP)'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l within -d 'With --probe: retry until all are open, for at most this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l send -d 'With --probe: send this to ports of udp: instead of an empty datagram; \\n, \\r, \\t, \\0, \\e, \\ and \\xHH are escapes' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l timeout -d 'Limit the time for each address; with --proxy, the time until the server is reached [default: 10s; with --probe udp:, 3s for an answer]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l retry -d 'Retry up to N times after a failure that reconnecting may fix' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l retry-delay -d 'Pause before the first retry; each further pause is twice as long, up to 10s' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST:PORT, socks4://[USER@]HOST:PORT or http://[USER@]HOST:PORT (CONNECT). It resolves the server\'s name. Repeat the option to chain proxies' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l proxy-password-file -d 'Read the passwords of proxies with a USER from this file: one per line, in the order of the proxies, or one line for all of them [default: SENDALL_PROXY_PASSWORD in the environment]' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l code-file -d 'The same with the code in the first line of this file' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l key -d 'Keep this side\'s key in this file [default: SENDALL_KEY, else key in $STATE_DIRECTORY or ~/.local/state/sendall]' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l starttls -d 'Begin in the clear, and change to TLS as this protocol does; implies --tls. A server that does not offer TLS is refused' -r -f -a "smtp\t'STARTTLS after EHLO (RFC 3207)'
imap\t'STARTTLS (RFC 9051)'
pop3\t'STLS (RFC 2595)'
ldap\t'The extended operation StartTLS (RFC 4511)'
postgres\t'SSLRequest of PostgreSQL'
xmpp\t'starttls of a client\'s stream (RFC 6120)'"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l ca -d 'Trust the authorities in this file (PEM) instead of the system\'s' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l pin -d 'Trust the server with this key, whatever its certificate says: sha256:..., as the server prints it and curl\'s --pinnedpubkey takes it; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l server-name -d 'Ask for this name, and expect it in the certificate [default: the host of ENDPOINT]' -r -f -a "(__fish_print_hostnames)"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l cert -d 'Present the certificate in this file (PEM), followed by those of its issuers' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l cert-key -d 'The private key of --cert (PEM)' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l alpn -d 'Negotiate one of these protocols, the preferred one first, for example h2,http/1.1' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l idle-timeout -d 'Give up when nothing is sent or received for this long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l limit-rate -d 'Limit the bytes sent and received per second on each connection, for example 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l end-when -d 'Choose which end of file ends the command [default: both; peer if stdin is a terminal]' -r -f -a "both\t'When both directions have ended'
peer\t'When the peer has ended and everything it sent is written'
input\t'When the input has ended and all of it is acknowledged'"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l linger -d 'End with 0 when stdin has ended and the peer is silent for this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l line-delay -d 'Wait for this long before sending each line of stdin' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l frame -d 'Send each line of stdin as a message, and write each message from the peer as a line; FRAME marks where messages end' -r -f -a "u8\t'A length of 1 byte before each message'
u16be\t'A length of 2 bytes, big-endian'
u16le\t'A length of 2 bytes, little-endian'
u32be\t'A length of 4 bytes, big-endian'
u32le\t'A length of 4 bytes, little-endian'
u64be\t'A length of 8 bytes, big-endian'
netstring\t'A length in digits and a colon before each message, a comma after it'
octet-count\t'A length in digits and a space before each message, as in syslog over TCP (RFC 6587)'
line\t'A line feed after each message'
nul\t'A NUL byte after each message'"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l each -d 'With --frame: split stdin at each line, not at all (all), after SIZE bytes, at each object of --frame-out json (json), or at each message of a FRAME [default: line]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l frame-out -d 'With --frame: choose how messages from the peer are written' -r -f -a "line\t'The message and a line feed'
raw\t'The message alone'
json\t'One JSON object per line'"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l max-message -d 'With --frame: refuse longer messages, in both directions' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l tee-in -d 'Write everything received to this file as it arrives' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l tee-out -d 'Write everything sent to this file as it leaves' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l hex-dump -d 'Write both directions to this file in hexadecimal, with times and offsets; - is stderr' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l source -d 'Connect from this local address, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l interface -d 'Connect through this network interface only' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l nodelay -d 'Send small pieces at once (on), or collect them first (off) [default: on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l keepalive -d 'Test a connection that is silent for this long, and give up if the peer does not answer [default: 60s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l ttl -d 'Limit the number of routers that a packet may pass' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l dscp -d 'Set the traffic class of packets: a number up to 63, or a name such as ef, cs1 or af41' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l sndbuf -d 'Set the size of the system\'s send buffer' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l rcvbuf -d 'Set the size of the system\'s receive buffer' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l mark -d 'Mark packets with this number, for routing rules and packet filters' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l user-timeout -d 'Give up when sent data is not acknowledged for this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l congestion -d 'Use this congestion control, for example cubic, reno or bbr' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l sh -d 'Run a shell command for each connection: /bin/sh -c LINE' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s v -l verbose -d 'Print peers, addresses, byte counts and durations; give it twice for socket options as well'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l json -d 'Write events as JSON, one per line, to stderr instead of text'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l probe -d 'Only check whether connections are accepted; ENDPOINT may have several ports, for example HOST:20-25,80, and may be udp:HOST:PORT, to see whether a datagram is answered'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l code -d 'Encrypt, and let both sides prove that they have the same code: serve makes and prints one, the other side asks for it at the terminal; with SENDALL_CODE in the environment both take that one'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l tls -d 'Encrypt the connection with TLS; the server\'s certificate must come from an authority that this system knows, and name the host'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l insecure -d 'Do not check who the server is: the connection is encrypted, but anybody may be at the other end'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l lax-end -d 'Accept an end without TLS\'s close_notify, as some peers send it; whoever is in between can then cut the stream short'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l send-only -d 'Send only: discard what the peer sends (one line says so), and end when all input is acknowledged'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l recv-only -d 'Receive only: do not read stdin'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l no-half-close -d 'Pass the end of stdin on only after the peer has ended [default: when the peer pauses]'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l wait-greeting -d 'Do not read stdin before the peer has sent something'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l crlf -d 'Send each line end of stdin as CR LF'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l telnet -d 'Speak to a Telnet server: refuse each option it negotiates, and remove its commands from the output'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l tee-append -d 'Append to the files of --tee-in, --tee-out and --hex-dump instead of emptying them'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l mptcp -d 'Use several paths at once if the peer can (Multipath TCP)'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l fastopen -d 'Wait for the first bytes of stdin, and send them with the packet that opens the connection (TCP Fast Open)'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l exec -d 'Run a process for each connection: --exec -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l pty -d 'With --exec or --sh: give the process a terminal of 24 lines and 80 columns instead of pipes'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l exec-socket -d 'Run a process with the connection itself as stdin and stdout, as inetd does: --exec-socket -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l name -d 'Store stdin, or the output of a command, under this name' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l sh -d 'Send the output of a shell command in the same way: /bin/sh -c LINE' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l links -d 'Choose what happens to symbolic links in folders' -r -f -a "skip\t'They are left out'
follow\t'Their targets are sent'
copy\t'They are sent as links'"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l include -d 'Send only the files in folders that match PATTERN, written as in a .gitignore; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l exclude -d 'Leave out files and folders that match PATTERN, written as in a .gitignore; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l retry -d 'Retry up to N times after a failure that reconnecting may fix' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l retry-delay -d 'Pause before the first retry; each further pause is twice as long, up to 10s' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l digests -d 'Write the digest of each file that arrived, in the format of b3sum --check; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l wire -d 'Choose the protocol of the server' -r -f -a "sendall\t'The transfer protocol: names, sizes, digests and outcomes'
text\t'The classic header \'command|name|size\', for peers that know nothing else; content is not verified'"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l timeout -d 'Limit the time for each address, and for the handshake [default: 10s; 150s for the answer of a server by ssh or --via]' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l idle-timeout -d 'Give up when nothing is sent or received for this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s j -l connections -d 'Use N connections for files over 4 MiB [default: 1; 4 if the round trip takes 10 ms or more]' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l limit-rate -d 'Limit the bytes sent and received per second, for example 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l via -d 'Run this program, which leads to \'sendall serve ... stdio:\' by its stdin and stdout; no server is named then' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l ssh -d 'With ssh://HOST/DIR: run this instead of ssh, for example \'ssh -J BASTION\' [default: SENDALL_SSH, else ssh]' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l remote-command -d 'With ssh://HOST/DIR: start sendall there by these words of the remote shell, for example \'sudo sendall\' [default: sendall]' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST:PORT, socks4://[USER@]HOST:PORT or http://[USER@]HOST:PORT (CONNECT). It resolves the server\'s name. Repeat the option to chain proxies' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l proxy-password-file -d 'Read the passwords of proxies with a USER from this file: one per line, in the order of the proxies, or one line for all of them [default: SENDALL_PROXY_PASSWORD in the environment]' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l source -d 'Connect from this local address, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l interface -d 'Connect through this network interface only' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l nodelay -d 'Send small pieces at once (on), or collect them first (off) [default: on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l keepalive -d 'Test a connection that is silent for this long, and give up if the peer does not answer [default: 60s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l ttl -d 'Limit the number of routers that a packet may pass' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l dscp -d 'Set the traffic class of packets: a number up to 63, or a name such as ef, cs1 or af41' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l sndbuf -d 'Set the size of the system\'s send buffer' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l rcvbuf -d 'Set the size of the system\'s receive buffer' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l mark -d 'Mark packets with this number, for routing rules and packet filters' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l user-timeout -d 'Give up when sent data is not acknowledged for this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l congestion -d 'Use this congestion control, for example cubic, reno or bbr' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l code-file -d 'The same with the code in the first line of this file' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l key -d 'Keep this side\'s key in this file [default: SENDALL_KEY, else key in $STATE_DIRECTORY or ~/.local/state/sendall]' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l pin -d 'Encrypt, and trust the server with this key: sha256:..., as it prints it; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s v -l verbose -d 'Print peers, addresses, byte counts and durations; give it twice for socket options as well'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l json -d 'Write events as JSON, one per line, to stderr instead of text'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s f -l force -d 'Replace existing files that have other content'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l exec -d 'Send the output of a command as NAME, stored only if the command ends with 0: --exec -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l dry-run -d 'List what would be sent, without connecting'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l mptcp -d 'Use several paths at once if the peer can (Multipath TCP)'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l code -d 'Encrypt, and let both sides prove that they have the same code: serve makes and prints one, the other side asks for it at the terminal; with SENDALL_CODE in the environment both take that one'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l trust-new -d 'Encrypt, and trust a server that is not known yet, whatever its key is; later it must have the same key'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l plain -d 'Do not encrypt, also if the server is a known one, or SENDALL_CODE is set'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s o -l output -d 'Write into this existing folder, or write a single file under this name; - is stdout, and PATH may be a FIFO or a device' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l max-size -d 'Refuse files that are larger' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l max-entries -d 'Accept at most N files, folders and links [default: 10000000]' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l retry -d 'Retry up to N times after a failure that reconnecting may fix' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l retry-delay -d 'Pause before the first retry; each further pause is twice as long, up to 10s' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l digests -d 'Write the digest of each file that arrived, in the format of b3sum --check; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l timeout -d 'Limit the time for each address, and for the handshake [default: 10s; 150s for the answer of a server by ssh or --via]' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l idle-timeout -d 'Give up when nothing is sent or received for this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -s j -l connections -d 'Use N connections for files over 4 MiB [default: 1; 4 if the round trip takes 10 ms or more]' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l limit-rate -d 'Limit the bytes sent and received per second, for example 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l via -d 'Run this program, which leads to \'sendall serve ... stdio:\' by its stdin and stdout; no server is named then' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand download" -l ssh -d 'With ssh://HOST/DIR: run this instead of ssh, for example \'ssh -J BASTION\' [default: SENDALL_SSH, else ssh]' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand download" -l remote-command -d 'With ssh://HOST/DIR: start sendall there by these words of the remote shell, for example \'sudo sendall\' [default: sendall]' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand download" -l proxy -d 'Connect through this proxy: socks5://[USER@]HOST:PORT, socks4://[USER@]HOST:PORT or http://[USER@]HOST:PORT (CONNECT). It resolves the server\'s name. Repeat the option to chain proxies' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand download" -l proxy-password-file -d 'Read the passwords of proxies with a USER from this file: one per line, in the order of the proxies, or one line for all of them [default: SENDALL_PROXY_PASSWORD in the environment]' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l source -d 'Connect from this local address, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l interface -d 'Connect through this network interface only' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l nodelay -d 'Send small pieces at once (on), or collect them first (off) [default: on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l keepalive -d 'Test a connection that is silent for this long, and give up if the peer does not answer [default: 60s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l ttl -d 'Limit the number of routers that a packet may pass' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l dscp -d 'Set the traffic class of packets: a number up to 63, or a name such as ef, cs1 or af41' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l sndbuf -d 'Set the size of the system\'s send buffer' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l rcvbuf -d 'Set the size of the system\'s receive buffer' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l mark -d 'Mark packets with this number, for routing rules and packet filters' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l user-timeout -d 'Give up when sent data is not acknowledged for this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l congestion -d 'Use this congestion control, for example cubic, reno or bbr' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l code-file -d 'The same with the code in the first line of this file' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l key -d 'Keep this side\'s key in this file [default: SENDALL_KEY, else key in $STATE_DIRECTORY or ~/.local/state/sendall]' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l pin -d 'Encrypt, and trust the server with this key: sha256:..., as it prints it; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l ca -d 'With an https:// URL: trust the authorities in this file (PEM) instead of the system\'s' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -s v -l verbose -d 'Print peers, addresses, byte counts and durations; give it twice for socket options as well'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l json -d 'Write events as JSON, one per line, to stderr instead of text'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s f -l force -d 'Replace existing files that have other content'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l list -d 'List what the server offers, without fetching it'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l mptcp -d 'Use several paths at once if the peer can (Multipath TCP)'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l code -d 'Encrypt, and let both sides prove that they have the same code: serve makes and prints one, the other side asks for it at the terminal; with SENDALL_CODE in the environment both take that one'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l trust-new -d 'Encrypt, and trust a server that is not known yet, whatever its key is; later it must have the same key'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l plain -d 'Do not encrypt, also if the server is a known one, or SENDALL_CODE is set'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l body -d 'Answer with this text, with \\n, \\t and \\xHH as escapes, or with a file [default: \'Hello, World\\n\']' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l status -d 'Answer with this status' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l type -d 'Set the media type of the body' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l header -d 'Add a header field to every answer, for example \'Cache-Control: no-store\'; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l path -d 'Give one path its own answer, for example /health=204, \'/version=200:1.2.3\\n\' or /page=200:@FILE; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l delay -d 'Wait for this long before each answer' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l count -d 'End with 0 after N answers' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l workers -d 'Answer with N threads; auto is one per core' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l log -d 'Write a line for each answer to stdout' -r -f -a "common\t'The Common Log Format of web servers'
json\t'One JSON object per answer'"
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l max-clients -d 'Serve at most N connections at a time, as far as descriptors allow [default: 16384]; see --full for the rest' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l max-per-source -d 'Serve at most N connections at a time from one IPv4 address or IPv6 /64 network, and refuse more [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l full -d 'Choose what happens to connections over --max-clients' -r -f -a "wait\t'They wait in the system\'s queue until another client leaves'
refuse\t'Their connections are reset'"
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l header-timeout -d 'Limit the time for the head of a request, from its first byte; for the first request, from the start of the connection' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l idle-timeout -d 'Limit the time between requests, for a whole body, and for a client that does not read its answer' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l max-body -d 'Refuse bodies that are larger' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l allow -d 'Admit only the networks, addresses and names that are listed; @FILE has one per line, and is read again on SIGHUP' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l deny -d 'Reject this network, address or name; if several entries match, the longest prefix decides' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l metrics -d 'Show counters for Prometheus at /metrics, on a listener of their own: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name; see METRICS in sendall-serve(1)' -r -f -a "(__fish_print_hostnames)"
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l client-ca -d 'Accept only clients with a certificate from the authorities in this file (PEM)' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l cert -d 'Present the certificate in this file (PEM), followed by those of its issuers' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l cert-key -d 'The private key of --cert (PEM)' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s v -l verbose -d 'Print peers, addresses, byte counts and durations; give it twice for socket options as well'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l json -d 'Write events as JSON, one per line, to stderr instead of text'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l not-found -d 'Answer 404 for every path except / and those of --path'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l whoami -d 'Answer with the request line, header fields and addresses, as text, JSON or a page, whichever the client accepts'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l echo -d 'Answer with the body of the request'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l accept-proxy-protocol -d 'Expect a header of the PROXY protocol (v1 or v2) from a proxy before each stream, within --header-timeout. Logs and access lists use the address in it. Clients without one are disconnected. Let only the proxy reach this port'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l tls -d 'Serve TLS only, with the certificate of --cert'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l each -d 'Choose the form of each datagram on stdout [default: line]' -r -f -a "line\t'The payload and a line feed'
raw\t'The payload alone'
json\t'One object per line: time, peer, length, and the payload as text or base64'"
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l frame -d 'Put a length before each payload, instead of --each' -r -f -a "u16be\t'Two bytes with the length, most significant first'"
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l count -d 'End after N datagrams' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l idle-timeout -d 'End when nothing arrives for this long; a failure if nothing came at all, or fewer than --count' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l metrics -d 'Show counters for Prometheus at /metrics, on a listener of their own: PORT (this machine only), :PORT (every interface), HOST:PORT, unix:/path, unix:@name; see METRICS in sendall-serve(1)' -r -f -a "(__fish_print_hostnames)"
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l max-size -d 'Leave out larger datagrams' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l reply -d 'Answer each datagram with this text, with \\n, \\r, \\t and \\xHH as escapes, or with a file' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l to -d 'With --interactive: send lines to this peer' -r -f -a "(__fish_print_hostnames)"
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l until -d 'With --interactive: end at this line of stdin, or at its end' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l sh -d 'Run a shell command for each connection: /bin/sh -c LINE' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l answer-each -d 'With --exec or --sh: split a process\'s output into datagrams at each line, at its end (all), at each write (raw), at length prefixes (u16be), after SIZE bytes, or at each object of --each json (json) [default: as --each and --frame]' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l max-peers -d 'With --exec or --sh: run at most N processes at a time' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l peer-timeout -d 'With --exec or --sh: end a process when neither it nor its peer sends anything for this long' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l max-answers -d 'Send at most N answers per second to one peer' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l join -d 'Join a multicast group, on INTERFACE if one is named; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l source-filter -d 'With --join: receive from this sender only (source-specific multicast); may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l allow -l from -d 'Accept datagrams only from the networks, addresses and names that are listed; @FILE has one per line, and is read again on SIGHUP' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l deny -d 'Ignore this network, address or name; if several entries match, the longest prefix decides' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s v -l verbose -d 'Print peers, addresses, byte counts and durations; give it twice for socket options as well'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l json -d 'Write events as JSON, one per line, to stderr instead of text'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l label -d 'Put the peer\'s address and a space before each payload'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l echo -d 'Send each datagram back'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l interactive -d 'Send lines of stdin to the peer that sent last'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l exec -d 'Run a process for each connection: --exec -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l amplify-ok -d 'Allow answers larger than the datagram they answer; only where every peer is known'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l connected -d 'Accept datagrams only from the peer that sends the first one'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l pty -d 'With --exec or --sh: give the process a terminal of 24 lines and 80 columns instead of pipes'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l each -d 'Split stdin at each line, not at all (all), at length prefixes (u16be), after SIZE bytes, or at each object of --print json (json) [default: line, for text only]' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l frame -d 'Expect a length before each datagram on stdin, and put one before each reply' -r -f -a "u16be\t'Two bytes with the length, most significant first'"
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l wait -d 'Print replies until this long after the last datagram was sent; fail if none comes' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l replies -d 'Print replies, and end after N; fail if fewer come within --wait [default: 10s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l print -d 'Choose the form of each reply on stdout [default: line]' -r -f -a "line\t'The payload and a line feed'
raw\t'The payload alone'
json\t'One object per line: time, peer, length, and the payload as text or base64'"
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l repeat -d 'Send each datagram N times' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l interval -d 'Interval between datagrams' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l limit-rate -d 'Limit the bytes sent per second, for example 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l until -d 'End at this line of stdin, without sending it' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l idle-timeout -d 'Treat stdin as ended when it and the peer are silent for this long; fail if nothing was sent at all' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l source -d 'Send from this local address, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT; or from the Unix socket unix:/path' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l ttl -l hops -d 'Set the time to live (hop limit) of datagrams [default: the system\'s; 1 for a multicast group]' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l loop -d 'Choose whether this machine receives its own datagrams to a multicast group [default: on]' -r -f -a "true\t''
false\t''"
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s v -l verbose -d 'Print peers, addresses, byte counts and durations; give it twice for socket options as well'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l json -d 'Write events as JSON, one per line, to stderr instead of text'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l label -d 'Put the peer\'s address and a space before each reply'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l broadcast -d 'Allow a broadcast address, and accept replies from any address'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand nc" -s v -l verbose -d 'Print peers, addresses, byte counts and durations; give it twice for socket options as well'
complete -c sendall -n "__fish_sendall_using_subcommand nc" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand nc" -l json -d 'Write events as JSON, one per line, to stderr instead of text'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send nc" -f -a "serve" -d 'Listen; without a mode, connect the first client to stdin and stdout, and end with it'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send nc" -f -a "connect" -d 'Connect stdin and stdout to a server'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send nc" -f -a "upload" -d 'Send files and folders to \'sendall serve --store\', verified and synced before success is reported'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send nc" -f -a "download" -d 'Fetch files and folders from \'sendall serve --share\', or a file from web servers, synced before they get their names'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send nc" -f -a "http-hello" -d 'Answer HTTP/1.1 requests with a greeting: for health checks, load balancers, firewalls'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send nc" -f -a "udp-listen" -d 'Receive datagrams from any number of peers, and answer them if asked'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send nc" -f -a "udp-send" -d 'Send datagrams from arguments or stdin, and wait for replies if asked'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send nc" -f -a "nc" -d 'Speak the dialect of nc (OpenBSD\'s, as Debian has it): for scripts that call nc'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send nc" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sendall -n "__fish_sendall_using_subcommand help" -f
