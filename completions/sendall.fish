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
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l store -d 'Take uploads into this folder, from many clients at once' -r -f -a "(__fish_complete_directories)"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l share -d 'Offer a file, or all that is in a folder, for download' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l wire -d 'With --store: what clients speak' -r -f -a "sendall\t'The transfer protocol: names, sizes, digests and outcomes'
text\t'The classic header \'command|name|size\' for peers that speak nothing else: content stays unverified'"
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-size -d 'With --store: refuse files that are larger' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-entries -d 'With --store: the most files, folders and links that one client may send' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l digests -d 'With --store: add a line for each file that is stored, as b3sum --check reads it; - is stdout' -r -F
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-clients -d 'With --store or --share: clients at the same time' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l max-per-source -d 'With --store or --share: clients at the same time from one address' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l timeout -d 'How long to wait for a client [default: for ever]; with --store or --share, for its handshake [default: 10s]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l idle-timeout -d 'Give up when nothing was sent or received for so long [default: no limit]' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l limit-rate -d 'Send and receive at most so many bytes per second on each connection, as in 500KiB or 10MB' -r
complete -c sendall -n "__fish_sendall_using_subcommand serve" -l end-when -d 'Which end of file ends the command [default: both; with a terminal as stdin: peer]' -r -f -a "both\t'Both directions have ended'
peer\t'The peer has ended and all it sent was written'
input\t'The input has ended and all of it was acknowledged'"
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
