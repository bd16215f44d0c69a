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

complete -c sendall -n "__fish_sendall_needs_command" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations'
complete -c sendall -n "__fish_sendall_needs_command" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_needs_command" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_needs_command" -s V -l version -d 'Print version'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "serve" -d 'Listen; without a mode, join the first client to stdin and stdout and end with it'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "connect" -d 'Join stdin and stdout to a server'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "upload" -d 'Send files and folders to a \'sendall serve --store\', verified and synced before success is reported'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "download" -d 'Fetch files and folders from a \'sendall serve --share\', verified and synced before they get their names'
complete -c sendall -n "__fish_sendall_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l slow -d 'With --keep-open or --broker: what becomes of a client that reads too slowly' -r -f -a "drop\t'It misses what does not fit into its queue; how much, is told at its end'
wait\t'All wait for the slowest'
cut\t'A client that keeps the others waiting for a second is cut'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l reply -d 'Send each client this text, or what is in a file, and end; \\n, \\r, \\t, \\0, \\e, \\\\ and \\xHH are understood' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l greet -d 'Talk to each client by a script: say this first; escapes as for --reply' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l answer -d 'Script: when a client says WHEN, say SAY; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l otherwise -d 'Script: say this when nothing else fits' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l hang-up -d 'Script: when a client says this, say its answer, if there is one, and end; may be repeated' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l unit -d 'Script: what counts as one thing said' -r -f -a "line\t'A line; what is said gets a line end where it has none'
chunk\t'What is received at once, for peers that send no line ends; texts are sent as they are'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l store -d 'Take uploads into this folder, from many clients at once' -r -f -a "(__fish_complete_directories)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l share -d 'Offer a file, or all that is in a folder, for download' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l wire -d 'With --store: what clients speak' -r -f -a "sendall\t'The transfer protocol: names, sizes, digests and outcomes'
text\t'The classic header \'command|name|size\' for peers that speak nothing else: content stays unverified'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-size -d 'With --store: refuse files that are larger' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-entries -d 'With --store: the most files, folders and links that one client may send' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l digests -d 'With --store: add a line for each file that is stored, as b3sum --check reads it; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l timeout -d 'With --store or --share: time limit of a client\'s handshake [default: 10s]; else as --accept-timeout' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-clients -d 'Clients at the same time [default: 100]; others wait' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-per-source -d 'Clients at the same time from one address [default: 16]; others are refused' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l count -d 'End when so many clients were served: with 0 if all went well, with 9 if some failed' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l accept-timeout -d 'Fail if there was no client for so long [default: wait for ever]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l session-timeout -d 'Cut a client that is not done after so long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l allow -d 'Admit this network, address or name, and nobody who is not listed; @FILE has one a line, read again on SIGHUP' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l deny -d 'Admit nobody from this network, address or name; of several that fit the longest prefix decides' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l idle-timeout -d 'Give up when nothing was sent or received for so long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l limit-rate -d 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l end-when -d 'Which end of file ends the command [default: both; with a terminal as stdin: peer]' -r -f -a "both\t'Both directions have ended'
peer\t'The peer has ended and all it sent was written'
input\t'The input has ended and all of it was acknowledged'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l keep-open -d 'Join many clients to stdin and stdout: stdin goes to all, what they send to stdout'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l label -d 'With --keep-open: put \'[ADDRESS] \' before each line that a client sends'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l broker -d 'Pass on what a client sends to all other clients'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l chat -d 'With --broker: whole lines, behind \'<ADDRESS> \', with control characters escaped'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l echo -d 'Send each client what it sends'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l discard -d 'Read what clients send, and throw it away'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l once -d 'With --store or --share: end after the first session, with its outcome as exit code'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l keep-existing -d 'With --store: never replace a file, even for \'upload --force\''
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l send-only -d 'Send only: what the peer says is thrown away, and the command ends when all input was acknowledged'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l recv-only -d 'Receive only: stdin is not read'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l no-half-close -d 'Do not pass the end of stdin on as long as the peer has not ended'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l timeout -d 'Time limit for each address that is tried' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l idle-timeout -d 'Give up when nothing was sent or received for so long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l limit-rate -d 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l end-when -d 'Which end of file ends the command [default: both; with a terminal as stdin: peer]' -r -f -a "both\t'Both directions have ended'
peer\t'The peer has ended and all it sent was written'
input\t'The input has ended and all of it was acknowledged'"
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l send-only -d 'Send only: what the peer says is thrown away, and the command ends when all input was acknowledged'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l recv-only -d 'Receive only: stdin is not read'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l no-half-close -d 'Do not pass the end of stdin on as long as the peer has not ended'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand connect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l name -d 'The name of stdin there' -r -f
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l links -d 'What becomes of symbolic links in folders' -r -f -a "skip\t'They are left out'
follow\t'What they lead to is sent'
copy\t'They are sent as links'"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l include -d 'Send only files of a folder that match, as a line of a .gitignore does; may be given again' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l exclude -d 'Leave out what matches, as a line of a .gitignore does; may be given again' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l retry -d 'Try again so often after a failure that a new connection can mend, and go on where it was' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l digests -d 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l wire -d 'What the server speaks' -r -f -a "sendall\t'The transfer protocol: names, sizes, digests and outcomes'
text\t'The classic header \'command|name|size\' for peers that speak nothing else: content stays unverified'"
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l timeout -d 'Time limit for each address that is tried, and for the handshake' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l idle-timeout -d 'Give up when nothing went either way for so long' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s j -l connections -d 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l limit-rate -d 'Send and receive at most so many bytes per second, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s f -l force -d 'Replace files that exist there with other content'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l dry-run -d 'Print what would be sent, and do not connect'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand upload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s o -l output -d 'Where to: a folder that exists, or the name for a single file; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l max-size -d 'Refuse files that are larger' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l max-entries -d 'The most files, folders and links that are taken' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l retry -d 'Try again so often after a failure that a new connection can mend, and go on where it was' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l digests -d 'Write a line for each file that is there in the end, as b3sum --check reads it; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand download" -l timeout -d 'Time limit for each address that is tried, and for the handshake' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l idle-timeout -d 'Give up when nothing went either way for so long' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -s j -l connections -d 'Connections for files over 4 MiB [default: 1, or 4 from 10 ms of round trip on]' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -l limit-rate -d 'Send and receive at most so many bytes per second, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand download" -s f -l force -d 'Replace files that exist here with other content'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l list -d 'Print what is offered, and fetch nothing'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s v -l verbose -d 'Tell peers, addresses, byte counts and durations'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s q -l quiet -d 'Print errors only'
complete -c sendall -n "__fish_sendall_using_subcommand download" -l json -d 'Write events as JSON, one per line, to stderr in the place of text'
complete -c sendall -n "__fish_sendall_using_subcommand download" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download help" -f -a "serve" -d 'Listen; without a mode, join the first client to stdin and stdout and end with it'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download help" -f -a "connect" -d 'Join stdin and stdout to a server'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download help" -f -a "upload" -d 'Send files and folders to a \'sendall serve --store\', verified and synced before success is reported'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download help" -f -a "download" -d 'Fetch files and folders from a \'sendall serve --share\', verified and synced before they get their names'
complete -c sendall -n "__fish_sendall_using_subcommand help; and not __fish_seen_subcommand_from serve connect upload download help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
