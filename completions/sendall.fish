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

complete -c sendall -n "__fish_sendall_needs_command" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations; given twice, sockets\' options too'
complete -c sendall -n "__fish_sendall_needs_command" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_needs_command" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_needs_command" -s V -l version -d 'Print version'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "serve" -d 'Listen; without a mode, join the first client to stdin and stdout and end with it'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "connect" -d 'Join stdin and stdout to a server'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "upload" -d 'Send files and folders to a \'sendall serve --store\', verified and synced before success is reported'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "download" -d 'Fetch files and folders from a \'sendall serve --share\', verified and synced before they get their names'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "http-hello" -d 'Answer HTTP/1.1 requests with a greeting: for health checks, load balancers, firewalls'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "udp-listen" -d 'Receive datagrams, whole, from any number of peers; can answer'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "udp-send" -d 'Send datagrams from arguments or stdin; can wait for replies'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l slow -d 'With --keep-open or --broker: what becomes of a client that reads too slowly' -r -f -a "drop\t'It misses what does not fit into its queue; how much, is told at its end'
wait\t'All wait for the slowest'
cut\t'A client that keeps the others waiting and takes nothing for a second is cut'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l reply -d 'Send each client this text, or what is in a file, and end; \\n, \\r, \\t, \\0, \\e, \\\\ and \\xHH are understood' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l greet -d 'Talk to each client by a script: say this first; escapes as for --reply' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l answer -d 'Script: when a client says WHEN, say SAY; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l otherwise -d 'Script: say this when nothing else fits' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l hang-up -d 'Script: when a client says this, say its answer, if there is one, and end; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l unit -d 'Script: what counts as one thing said' -r -f -a "line\t'A line; what is said gets a line end where it has none'
chunk\t'What is received at once, for peers that send no line ends; texts are sent as they are'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l sh -d 'The same for a line of shell: /bin/sh -c LINE' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l forward -d 'Join each client to a connection of its own to this server' -r -f -a "(__fish_print_hostnames)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l proxy-protocol -d 'With --forward: tell the server whose connection it is, in a header of the PROXY protocol before the stream' -r -f -a "v1\t'A line of text'
v2\t'Binary'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l socks-users -d 'With --socks: serve only those who give a user and a password of this file; a line is user:password' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l allow-target -d 'With --socks: connect to this network, address or name, and to nothing that is not listed; @FILE has one a line' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l deny-target -d 'With --socks: do not connect to this network, address or name [always: this machine\'s own, link-local, clouds\' metadata, multicast and reserved, unless --allow-target names it]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l store -d 'Take uploads into this folder, from many clients at once' -r -f -a "(__fish_complete_directories)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l share -d 'Offer a file, or all that is in a folder, for download' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l wire -d 'With --store: what clients speak' -r -f -a "sendall\t'The transfer protocol: names, sizes, digests and outcomes'
text\t'The classic header \'command|name|size\' for peers that speak nothing else: content stays unverified'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l links -d 'With --share: what becomes of symbolic links' -r -f -a "skip\t'They are left out'
follow\t'What they lead to is sent'
copy\t'They are sent as links'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-size -d 'With --store: refuse files that are larger' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-entries -d 'With --store: the most files, folders and links that one client may send' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l digests -d 'With --store: add a line for each file that is stored, as b3sum --check reads it; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l timeout -d 'With --store, --share or --socks: time limit of a client\'s handshake; with --accept-proxy-protocol: of its header; with --forward or --socks: of each address of a target [default: 10s]; else as --accept-timeout' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-clients -d 'Clients at the same time, as far as there are descriptors [default: 100 with --store, --share, --exec and --sh, else 16384]; see --full for the others' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-per-source -d 'Clients at the same time from one IPv4 address or IPv6 /64 network [default: 16 with --store, --share, --exec and --sh, else no limit]; others are refused' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l full -d 'What becomes of clients over --max-clients' -r -f -a "wait\t'They wait, in the system\'s queue, until somebody leaves'
refuse\t'Their connections are reset'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l count -d 'End when so many clients were served: with 0 if all went well, else with 9, or of one client with its own code' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l accept-timeout -d 'Fail if there was no client for so long [default: wait for ever]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l session-timeout -d 'Cut a client that is not done after so long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l allow -d 'Admit this network, address or name, and nobody who is not listed; @FILE has one a line, read again on SIGHUP' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l deny -d 'Admit nobody from this network, address or name; of several that fit the longest prefix decides' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l idle-timeout -d 'Give up when nothing was sent or received for so long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l limit-rate -d 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l end-when -d 'Which end of file ends the command [default: both; with a terminal as stdin: peer]' -r -f -a "both\t'Both directions have ended'
peer\t'The peer has ended and all it sent was written'
input\t'The input has ended and all of it was acknowledged'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l linger -d 'When stdin has ended and the peer has been silent for so long, that is the end: 0' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l line-delay -d 'Wait so long before each line of stdin is sent' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l frame -d 'Send stdin in messages, a line each, and write each message from the peer as a line; this tells them apart' -r -f -a "u8\t'Its length in 1 byte before it'
u16be\t'In 2 bytes, big-endian'
u16le\t'In 2 bytes, little-endian'
u32be\t'In 4 bytes, big-endian'
u32le\t'In 4 bytes, little-endian'
u64be\t'In 8 bytes, big-endian'
netstring\t'Its length in digits and a colon before it, a comma behind it'
octet-count\t'Its length in digits and a blank before it, as syslog over TCP has it (RFC 6587)'
line\t'A line feed behind it'
nul\t'A NUL byte behind it'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l each -d 'With --frame: where stdin is cut into messages: line, all (nowhere), a SIZE in bytes, json (objects as of --frame-out json), or one of the values of --frame [default: line]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l frame-out -d 'With --frame: how a message from the peer is written' -r -f -a "line\t'As it is, and a line feed behind it'
raw\t'As it is, with nothing between two'
json\t'A JSON object, on a line of its own'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-message -d 'With --frame: refuse longer messages, either way' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l tee-in -d 'Write all that is received to this file, as it comes' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l tee-out -d 'Write all that is sent to this file, as it goes' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l hex-dump -d 'Write both directions to this file in hexadecimal, with time and offset; - is stderr' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l nodelay -d 'Send small pieces at once, or gather them first [default: on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l keepalive -d 'Test a connection that is silent for so long, and give it up when nobody answers; or off [default: 60s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l ttl -d 'How many routers a packet may pass' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l dscp -d 'The class of its packets: a number up to 63, or a name as in ef, cs1, af41' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l sndbuf -d 'Room in the system for what is to be sent' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l rcvbuf -d 'Room in the system for what was received' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l mark -d 'A number for routing rules and packet filters' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l user-timeout -d 'Give up when what was sent is not acknowledged for so long' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l congestion -d 'The congestion control\'s name, as in cubic, reno, bbr' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l keep-open -d 'Join many clients to stdin and stdout: stdin goes to all, what they send to stdout'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l label -d 'With --keep-open: put \'[ADDRESS] \' before each line that a client sends, with control characters escaped'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l broker -d 'Pass on what a client sends to all other clients'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l chat -d 'With --broker: whole lines, behind \'<ADDRESS> \', with control characters escaped'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l join -d 'With --broker: stdin and stdout take part, as \'server\' with --chat; without it they do not'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l echo -d 'Send each client what it sends'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l discard -d 'Read what clients send, and throw it away'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l exec -d 'Join each connection to a process of its own: --exec -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l pty -d 'With --exec or --sh: the process has a terminal, of 24 lines and 80 columns, in the place of pipes'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l exec-socket -d 'Give each connection itself to a process, as stdin and stdout, for programs that inetd starts: --exec-socket -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l socks -d 'Be a proxy server: clients say in SOCKS5 or in HTTP (CONNECT, or a request for an http:// URL) where they want to be connected to'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l once -d 'With --store or --share: end after the first session, with its outcome as exit code; who only connects or lists, or is refused what it asks for, is no session'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l keep-existing -d 'With --store: never replace a file, even for \'upload --force\''
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l accept-proxy-protocol -d 'Clients come through a proxy that writes a header of the PROXY protocol (v1 or v2) before each stream: the address in it is what is logged and what access lists see; who sends none is cut. Let nobody but the proxy reach this port'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l send-only -d 'Send only: what the peer says is thrown away (a line tells that it said something), and the command ends when all input was acknowledged'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l recv-only -d 'Receive only: stdin is not read'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l no-half-close -d 'Do not pass the end of stdin on as long as the peer has not ended; else it waits for a pause of the peer'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l wait-greeting -d 'Do not read stdin before the peer has spoken'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l crlf -d 'Send each line end of stdin as CR LF'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l telnet -d 'Speak to a Telnet server: each option it negotiates is refused, its commands are left out'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l tee-append -d 'Add to the files of --tee-in, --tee-out and --hex-dump, which are emptied first without it'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l mptcp -d 'Use several paths at once where the peer can (Multipath TCP)'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations; given twice, sockets\' options too'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l within -d 'With --probe: try again until all are open, for so long at most' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l timeout -d 'Time limit for each address that is tried; with --proxy, until the server is reached' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l retry -d 'Try again so often after a failure that a new connection can mend' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l retry-delay -d 'The pause before that; each is twice as long as the one before, up to 10s' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l proxy -d 'Connect through this proxy, socks5://[USER@]HOST:PORT, socks4://[USER@]HOST:PORT or http://[USER@]HOST:PORT (CONNECT), which resolves the server\'s name; repeated, through one after the other' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l proxy-password-file -d 'The password of each proxy with a USER, one a line in their order, or one line for all of them; without this option SENDALL_PROXY_PASSWORD in the environment holds it' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l idle-timeout -d 'Give up when nothing was sent or received for so long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l limit-rate -d 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l end-when -d 'Which end of file ends the command [default: both; with a terminal as stdin: peer]' -r -f -a "both\t'Both directions have ended'
peer\t'The peer has ended and all it sent was written'
input\t'The input has ended and all of it was acknowledged'"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l linger -d 'When stdin has ended and the peer has been silent for so long, that is the end: 0' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l line-delay -d 'Wait so long before each line of stdin is sent' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l frame -d 'Send stdin in messages, a line each, and write each message from the peer as a line; this tells them apart' -r -f -a "u8\t'Its length in 1 byte before it'
u16be\t'In 2 bytes, big-endian'
u16le\t'In 2 bytes, little-endian'
u32be\t'In 4 bytes, big-endian'
u32le\t'In 4 bytes, little-endian'
u64be\t'In 8 bytes, big-endian'
netstring\t'Its length in digits and a colon before it, a comma behind it'
octet-count\t'Its length in digits and a blank before it, as syslog over TCP has it (RFC 6587)'
line\t'A line feed behind it'
nul\t'A NUL byte behind it'"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l each -d 'With --frame: where stdin is cut into messages: line, all (nowhere), a SIZE in bytes, json (objects as of --frame-out json), or one of the values of --frame [default: line]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l frame-out -d 'With --frame: how a message from the peer is written' -r -f -a "line\t'As it is, and a line feed behind it'
raw\t'As it is, with nothing between two'
json\t'A JSON object, on a line of its own'"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l max-message -d 'With --frame: refuse longer messages, either way' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l tee-in -d 'Write all that is received to this file, as it comes' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l tee-out -d 'Write all that is sent to this file, as it goes' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l hex-dump -d 'Write both directions to this file in hexadecimal, with time and offset; - is stderr' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l source -d 'Connect from this address of this machine, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l interface -d 'Connect over this network interface only' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l nodelay -d 'Send small pieces at once, or gather them first [default: on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l keepalive -d 'Test a connection that is silent for so long, and give it up when nobody answers; or off [default: 60s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l ttl -d 'How many routers a packet may pass' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l dscp -d 'The class of its packets: a number up to 63, or a name as in ef, cs1, af41' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l sndbuf -d 'Room in the system for what is to be sent' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l rcvbuf -d 'Room in the system for what was received' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l mark -d 'A number for routing rules and packet filters' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l user-timeout -d 'Give up when what was sent is not acknowledged for so long' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l congestion -d 'The congestion control\'s name, as in cubic, reno, bbr' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l sh -d 'The same for a line of shell: /bin/sh -c LINE' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l probe -d 'Only try whether connections are taken: HOST:PORT..., or several ports as in HOST:20-25,80'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l send-only -d 'Send only: what the peer says is thrown away (a line tells that it said something), and the command ends when all input was acknowledged'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l recv-only -d 'Receive only: stdin is not read'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l no-half-close -d 'Do not pass the end of stdin on as long as the peer has not ended; else it waits for a pause of the peer'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l wait-greeting -d 'Do not read stdin before the peer has spoken'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l crlf -d 'Send each line end of stdin as CR LF'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l telnet -d 'Speak to a Telnet server: each option it negotiates is refused, its commands are left out'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l tee-append -d 'Add to the files of --tee-in, --tee-out and --hex-dump, which are emptied first without it'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l mptcp -d 'Use several paths at once where the peer can (Multipath TCP)'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l fastopen -d 'Wait for the first bytes of stdin, and send them with the packet that asks for the connection (TCP Fast Open)'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l exec -d 'Join each connection to a process of its own: --exec -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l pty -d 'With --exec or --sh: the process has a terminal, of 24 lines and 80 columns, in the place of pipes'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l exec-socket -d 'Give each connection itself to a process, as stdin and stdout, for programs that inetd starts: --exec-socket -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations; given twice, sockets\' options too'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l name -d 'The name there of stdin, or of what a command prints' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l sh -d 'The same for a line of shell: /bin/sh -c LINE' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l links -d 'What becomes of symbolic links in folders' -r -f -a "skip\t'They are left out'
follow\t'What they lead to is sent'
copy\t'They are sent as links'"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l include -d 'Send only files of a folder that match, as a line of a .gitignore does; may be given again' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l exclude -d 'Leave out what matches, as a line of a .gitignore does; may be given again' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l retry -d 'Try again so often after a failure that a new connection can mend' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l retry-delay -d 'The pause before that; each is twice as long as the one before, up to 10s' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l digests -d 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l wire -d 'What the server speaks' -r -f -a "sendall\t'The transfer protocol: names, sizes, digests and outcomes'
text\t'The classic header \'command|name|size\' for peers that speak nothing else: content stays unverified'"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l timeout -d 'Time limit for each address that is tried, and for the handshake' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l idle-timeout -d 'Give up when nothing went either way for so long' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s j -l connections -d 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l limit-rate -d 'Send and receive at most so many bytes per second, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l proxy -d 'Connect through this proxy, socks5://[USER@]HOST:PORT, socks4://[USER@]HOST:PORT or http://[USER@]HOST:PORT (CONNECT), which resolves the server\'s name; repeated, through one after the other' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l proxy-password-file -d 'The password of each proxy with a USER, one a line in their order, or one line for all of them; without this option SENDALL_PROXY_PASSWORD in the environment holds it' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l source -d 'Connect from this address of this machine, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l interface -d 'Connect over this network interface only' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l nodelay -d 'Send small pieces at once, or gather them first [default: on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l keepalive -d 'Test a connection that is silent for so long, and give it up when nobody answers; or off [default: 60s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l ttl -d 'How many routers a packet may pass' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l dscp -d 'The class of its packets: a number up to 63, or a name as in ef, cs1, af41' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l sndbuf -d 'Room in the system for what is to be sent' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l rcvbuf -d 'Room in the system for what was received' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l mark -d 'A number for routing rules and packet filters' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l user-timeout -d 'Give up when what was sent is not acknowledged for so long' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l congestion -d 'The congestion control\'s name, as in cubic, reno, bbr' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s f -l force -d 'Replace files that exist there with other content'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l exec -d 'Send what a command prints, as --name: --exec -- CMD ARG...; it is stored only if the command ends with 0'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l dry-run -d 'Print what would be sent, and do not connect'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l mptcp -d 'Use several paths at once where the peer can (Multipath TCP)'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations; given twice, sockets\' options too'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s o -l output -d 'Where to: a folder that exists, or the name for a single file; - is stdout, and a FIFO or device takes its bytes' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l max-size -d 'Refuse files that are larger' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l max-entries -d 'The most files, folders and links that are taken' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l retry -d 'Try again so often after a failure that a new connection can mend' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l retry-delay -d 'The pause before that; each is twice as long as the one before, up to 10s' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l digests -d 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l timeout -d 'Time limit for each address that is tried, and for the handshake' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l idle-timeout -d 'Give up when nothing went either way for so long' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -s j -l connections -d 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l limit-rate -d 'Send and receive at most so many bytes per second, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l proxy -d 'Connect through this proxy, socks5://[USER@]HOST:PORT, socks4://[USER@]HOST:PORT or http://[USER@]HOST:PORT (CONNECT), which resolves the server\'s name; repeated, through one after the other' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand download" -l proxy-password-file -d 'The password of each proxy with a USER, one a line in their order, or one line for all of them; without this option SENDALL_PROXY_PASSWORD in the environment holds it' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l source -d 'Connect from this address of this machine, port, or both: ADDR, ADDR:PORT, [V6]:PORT or :PORT' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l interface -d 'Connect over this network interface only' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l nodelay -d 'Send small pieces at once, or gather them first [default: on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l keepalive -d 'Test a connection that is silent for so long, and give it up when nobody answers; or off [default: 60s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l ttl -d 'How many routers a packet may pass' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l dscp -d 'The class of its packets: a number up to 63, or a name as in ef, cs1, af41' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l sndbuf -d 'Room in the system for what is to be sent' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l rcvbuf -d 'Room in the system for what was received' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l mark -d 'A number for routing rules and packet filters' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l user-timeout -d 'Give up when what was sent is not acknowledged for so long' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l congestion -d 'The congestion control\'s name, as in cubic, reno, bbr' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -s f -l force -d 'Replace files that exist here with other content'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l list -d 'Print what is offered, and fetch nothing'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l mptcp -d 'Use several paths at once where the peer can (Multipath TCP)'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations; given twice, sockets\' options too'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l body -d 'Answer with this text, or with what is in a file [default: \'Hello, World\\n\']; \\n, \\t and \\xHH are understood' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l status -d 'Answer with this status' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l type -d 'Media type of the body' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l header -d 'Add a field to every answer, as in \'Cache-Control: no-store\'; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l path -d 'Answer one path in its own way, as in /health=204 or \'/version=200:1.2.3\\n\' or /page=200:@FILE; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l delay -d 'Wait so long before each answer' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l count -d 'End with 0 after so many answers' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l workers -d 'Threads that answer: a number, or auto for one per core' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l log -d 'Write a line for each answer to stdout' -r -f -a "common\t'As web servers write it: the Common Log Format'
json\t'An object for each answer'"
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l max-clients -d 'Connections at the same time, as far as there are descriptors [default: 16384]; see --full for the others' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l max-per-source -d 'Connections at the same time from one IPv4 address or IPv6 /64 network [default: no limit]; others are refused' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l full -d 'What becomes of connections over --max-clients' -r -f -a "wait\t'They wait, in the system\'s queue, until somebody leaves'
refuse\t'Their connections are reset'"
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l header-timeout -d 'Time for a request\'s head, from its first byte; for the first one from the beginning of the connection' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l idle-timeout -d 'Time between requests, for a whole body, and for a client that takes nothing of its answer' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l max-body -d 'Refuse bodies that are larger' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l allow -d 'Admit this network, address or name, and nobody who is not listed; @FILE has one a line, read again on SIGHUP' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l deny -d 'Admit nobody from this network, address or name; of several that fit the longest prefix decides' -r
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l not-found -d 'Answer 404 for every other path but /'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l whoami -d 'Answer with what arrived: request line, headers, addresses; as text, JSON or a page, as the client accepts it'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l echo -d 'Answer with the body of the request'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l accept-proxy-protocol -d 'Clients come through a proxy that writes a header of the PROXY protocol (v1 or v2) before each stream, within --header-timeout: the address in it is what is logged and what access lists see; who sends none is cut. Let nobody but the proxy reach this port'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations; given twice, sockets\' options too'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand http-hello" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l each -d 'What stands on stdout for each datagram [default: line]' -r -f -a "line\t'The payload and a line end'
raw\t'The payload alone'
json\t'An object in a line: time, peer, length, and the payload as text or base64'"
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l frame -d 'A length before each payload, in the place of --each' -r -f -a "u16be\t'Two bytes with the length, most significant first'"
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l count -d 'End after so many datagrams' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l idle-timeout -d 'End when nothing came for so long; a failure if nothing came at all, or fewer than --count' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l max-size -d 'Leave out datagrams that are larger' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l reply -d 'Answer each datagram with this text, in which \\n, \\r, \\t and \\xHH are read, or with what is in a file' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l to -d 'With --interactive: send them to this peer' -r -f -a "(__fish_print_hostnames)"
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l until -d 'With --interactive: end when this line is typed, or at the end of stdin' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l sh -d 'The same for a line of shell: /bin/sh -c LINE' -r -f -a "(__fish_complete_command)"
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l answer-each -d 'With --exec or --sh: where what a process says is cut into datagrams: line, all (at its end), raw (each write), u16be (length prefixes), or a SIZE in bytes [default: as --each and --frame]' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l max-peers -d 'With --exec or --sh: processes at the same time' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l peer-timeout -d 'With --exec or --sh: end the process of a peer when neither has said anything for so long' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l max-answers -d 'Answers per second to one peer' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l join -d 'Hear a multicast group, on this interface where one is named; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l source-filter -d 'With --join: hear groups from this sender only (source-specific multicast); may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l allow -l from -d 'Hear this network, address or name, and nobody who is not listed; @FILE has one a line, read again on SIGHUP' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l deny -d 'Hear nobody from this network, address or name; of several that fit the longest prefix decides' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l label -d 'The peer\'s address and a blank before each payload'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l echo -d 'Send each datagram back'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l interactive -d 'Send lines of stdin to the peer that was heard last'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l exec -d 'Join each connection to a process of its own: --exec -- CMD ARG...'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l amplify-ok -d 'Answers may be larger than what came in: only where every peer is known'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l connected -d 'From the first datagram on, hear that peer only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l pty -d 'With --exec or --sh: the process has a terminal, of 24 lines and 80 columns, in the place of pipes'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations; given twice, sockets\' options too'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand udp-listen" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l each -d 'Where stdin is cut: line, all (nowhere), u16be (length prefixes), or a SIZE in bytes [default: line, of text only]' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l frame -d 'Both ways: a length before each datagram on stdin, and before each reply' -r -f -a "u16be\t'Two bytes with the length, most significant first'"
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l wait -d 'Print replies, until so long after the last datagram was sent; none is a failure' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l replies -d 'Print replies, and end after so many; fewer within --wait [default: 10s] are a failure' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l print -d 'What stands on stdout for each reply [default: line]' -r -f -a "line\t'The payload and a line end'
raw\t'The payload alone'
json\t'An object in a line: time, peer, length, and the payload as text or base64'"
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l repeat -d 'Send each datagram so many times' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l interval -d 'Wait so long from one datagram to the next' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l limit-rate -d 'Send at most so many bytes per second, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l until -d 'End when stdin has this line, without sending it' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l idle-timeout -d 'Take it for the end of stdin when stdin and the peer were silent for so long; a failure if nothing was sent at all' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l source -d 'Send from this address, port, or both: ADDR, ADDR:PORT, V6 in brackets before :PORT, or :PORT; or as the Unix socket unix:/path' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l ttl -l hops -d 'Time to live, or hop limit, of what is sent [default: the system\'s, and 1 to a multicast group]' -r
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l loop -d 'Whether this machine hears what is sent to a multicast group: on or off [default: on]' -r -f -a "true\t''
false\t''"
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l label -d 'The peer\'s address and a blank before each reply'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s 4 -l ipv4 -d 'Use IPv4 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s 6 -l ipv6 -d 'Use IPv6 addresses only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l broadcast -d 'Allow a broadcast address, and hear replies from anywhere'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations; given twice, sockets\' options too'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand udp-send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send" -f -a "serve" -d 'Listen; without a mode, join the first client to stdin and stdout and end with it'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send" -f -a "connect" -d 'Join stdin and stdout to a server'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send" -f -a "upload" -d 'Send files and folders to a \'sendall serve --store\', verified and synced before success is reported'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send" -f -a "download" -d 'Fetch files and folders from a \'sendall serve --share\', verified and synced before they get their names'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send" -f -a "http-hello" -d 'Answer HTTP/1.1 requests with a greeting: for health checks, load balancers, firewalls'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send" -f -a "udp-listen" -d 'Receive datagrams, whole, from any number of peers; can answer'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send" -f -a "udp-send" -d 'Send datagrams from arguments or stdin; can wait for replies'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download http-hello udp-listen udp-send" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sendall -n "__fish_sendall_using_subcommand help" -f
