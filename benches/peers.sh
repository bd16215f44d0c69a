#!/bin/bash
# What netcats report when something goes wrong, beside sendall: prints the table of README.md and docs/comparison.md.
#
#     cargo build && benches/peers.sh [-v] [EVENT...]
#
# SENDALL=PATH names the program (default: target/debug/sendall). Tools that are not installed are left out. -v prints each
# command to stderr before it is run.
#
# Cells are exit codes. Bold: 0 though bytes were lost; no line on stderr that says why; "hangs", not ended after 15 seconds.
# Except where the event says so, stdin is a pipe that stays open, as a terminal would. All runs on loopback, in a folder that
# is removed at the end. How much was cut differs from run to run, and a busy machine may add hangs.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

sendall=$(realpath "${SENDALL:-target/debug/sendall}")
verbose=false
exec 3>&2
[ "${1-}" = -v ] && { verbose=true; shift; }
events=(killed reset full gone reply push pull refused port0 udp_peers udp_empty udp_large)
[ $# -gt 0 ] && events=("$@")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
limit_seconds=15
size=$((64 << 20))
head -c "$size" /dev/urandom >payload

tools=()
for tool in sendall nc.openbsd ncat socat nc.traditional busybox; do
  if [ "$tool" = sendall ] || command -v "$tool" >/dev/null; then tools+=("$tool"); fi
done

# Peers that misbehave: `peer ROLE [PORT]`. A server writes its port to the file `port`.
cat >peer.py <<'PYTHON'
import socket, struct, sys, time
role = sys.argv[1]
if role == "free":
    print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])
elif role in ("one", "two", "empty", "large"):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    what = {"one": b"one\n", "two": b"two\n", "empty": b"", "large": b"x" * 60000}[role]
    peer.sendto(what, ("127.0.0.1", int(sys.argv[2])))
else:
    server = socket.create_server(("127.0.0.1", 0))
    open("port.new", "w").write(str(server.getsockname()[1]))
    __import__("os").rename("port.new", "port")
    server.settimeout(5)
    peer = server.accept()[0]
    if role == "reset":  # Half of an answer, and a reset: a crash, a firewall, a load balancer.
        peer.sendall(b"half of the answer\n")
        time.sleep(0.5)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif role == "push":
        try:
            peer.sendall(bytes(8 << 20))
            peer.shutdown(socket.SHUT_WR)
            peer.settimeout(5)
            peer.recv(1)
        except OSError:
            pass
    elif role == "reply":  # Answers a second after the end of the question.
        peer.settimeout(5)
        try:
            while peer.recv(4096):
                pass
            time.sleep(1)
        except OSError:
            pass
        try:
            peer.sendall(b"the answer\n")
        except OSError:
            pass
    peer.close()
PYTHON
peer() { python3 peer.py "$@"; }

# A peer in the background; sets `port`.
begin_peer() {
  rm -f port
  peer "$1" &
  local tries=0
  until [ -s port ] || [ $((tries++)) -gt 200 ]; do sleep 0.02; done
  port=$(cat port)
}

# The words that make a tool listen or connect, into `words`. With `send` as third argument the tool gets its option that
# ends the session, or its direction, with the input; with `receive` the one that leaves stdin alone.
listening() {
  local option
  option=$(option "$1" "${3-}")
  case $1 in
  sendall) words=("$sendall" -q serve $option "$2") ;;
  nc.openbsd) words=(nc.openbsd $option -l 127.0.0.1 "$2") ;;
  ncat) words=(ncat $option -l 127.0.0.1 "$2") ;;
  socat) words=(socat STDIO "TCP-LISTEN:$2,bind=127.0.0.1,reuseaddr") ;;
  nc.traditional) words=(nc.traditional $option -l -s 127.0.0.1 -p "$2") ;;
  busybox) words=(busybox nc -l -p "$2") ;;
  esac
  [ "$1,${3-}" != socat,receive ] || words=(socat -u "TCP-LISTEN:$2,bind=127.0.0.1,reuseaddr" STDOUT)
  tell
}
connecting() {
  local option
  option=$(option "$1" "${3-}")
  case $1 in
  sendall) words=("$sendall" -q connect $option "127.0.0.1:$2") ;;
  nc.openbsd) words=(nc.openbsd $option 127.0.0.1 "$2") ;;
  ncat) words=(ncat $option 127.0.0.1 "$2") ;;
  socat) words=(socat STDIO "TCP:127.0.0.1:$2") ;;
  nc.traditional) words=(nc.traditional $option 127.0.0.1 "$2") ;;
  busybox) words=(busybox nc 127.0.0.1 "$2") ;;
  esac
  [ "$1,${3-}" != socat,receive ] || words=(socat -u "TCP:127.0.0.1:$2" STDOUT)
  tell
}
option() {
  case $1,$2 in
  nc.openbsd,send) echo -N ;;
  nc.openbsd,receive) echo -d ;;
  nc.traditional,send) echo -q 0 ;;
  ncat,receive | sendall,receive) echo --recv-only ;;
  esac
}
tell() { ! $verbose || echo "  ${words[*]}" >&3; }

# Until somebody listens on that port, asked of the kernel: a connection would be the one client.
wait_bound() {
  local hex tries=0
  hex=$(printf ':%04X ' "$1")
  until cat /proc/net/"$2" /proc/net/"$2"6 2>/dev/null | grep -q "$hex"; do
    [ $((tries++)) -gt 200 ] && return
    sleep 0.02
  done
}

limit() { timeout -s KILL $limit_seconds "$@"; }
# An exit code as a cell, after something was lost: bold where it does not tell.
code() {
  case $1 in
  0) echo "**0**" ;;
  137) echo "**hangs**" ;;
  *) echo "$1" ;;
  esac
}
# The same, and whether a line says why.
spoken() { if [ -s error ]; then code "$1"; else echo "$(code "$1"), **silent**"; fi; }
# An exit code and what has arrived of how many bytes.
cell() {
  if [ "$2" -eq "$3" ]; then
    echo "$1"
  elif [ "$3" -lt 1048576 ]; then
    echo "$(code "$1"), $2 of $3 bytes"
  else
    echo "$(code "$1"), $(($2 >> 10)) KiB of $(($3 >> 20)) MiB"
  fi
}
bytes() { stat -c %s "$1" 2>/dev/null || echo 0; }

killed_is='the sender is killed halfway (`kill -9`): the receiver'
killed() {
  local port sender receiver
  port=$(peer free)
  listening "$1" "$port" receive
  limit "${words[@]}" >arrived 2>/dev/null < <(sleep $((limit_seconds + 2))) & receiver=$!
  wait_bound "$port" tcp
  connecting "$1" "$port" send
  "${words[@]}" < <(head -c $((size / 2)) payload; sleep $((limit_seconds + 2))) >/dev/null 2>&1 & sender=$!
  local tries=0
  until [ "$(bytes arrived)" -ge $((size / 2)) ] || [ $((tries++)) -gt 200 ]; do sleep 0.02; done
  kill -9 $sender
  wait $receiver
  code $?
}
reset_is="the peer resets in mid-answer"
reset() {
  begin_peer reset
  connecting "$1" "$port" receive
  limit "${words[@]}" >/dev/null 2>&1 < <(sleep $((limit_seconds + 2)))
  code $?
}
full_is='stdout is on a full disk (`>/dev/full`)'
full() {
  begin_peer push
  connecting "$1" "$port" receive
  limit "${words[@]}" >/dev/full 2>error < <(sleep $((limit_seconds + 2)))
  spoken $?
}
gone_is='the reader of stdout has gone (`head -c 1`)'
gone() {
  begin_peer push
  connecting "$1" "$port" receive
  { limit "${words[@]}" 2>/dev/null < <(sleep $((limit_seconds + 2))); echo $? >status; } | head -c 1 >/dev/null
  code "$(cat status)"
}
reply_is="stdin ends, the answer comes 1 s later"
reply() {
  # For nc.traditional -q 0 would be an end without the answer.
  begin_peer reply
  connecting "$1" "$port" "$([ "$1" = nc.traditional ] || echo send)"
  echo question | limit "${words[@]}" >arrived 2>/dev/null
  cell $? "$(bytes arrived)" 11
}
push_is='64 MiB to a receiver with `</dev/null` (cron, systemd)'
push() {
  local port receiver
  port=$(peer free)
  listening "$1" "$port"
  limit "${words[@]}" >arrived 2>/dev/null </dev/null & receiver=$!
  wait_bound "$port" tcp
  connecting "$1" "$port" send
  limit "${words[@]}" <payload >/dev/null 2>&1
  wait $receiver
  cell $? "$(bytes arrived)" "$size"
}
pull_is='64 MiB from a listener to a client with `</dev/null`'
pull() {
  local port
  port=$(peer free)
  listening "$1" "$port" send
  limit "${words[@]}" <payload >/dev/null 2>&1 &
  wait_bound "$port" tcp
  connecting "$1" "$port"
  limit "${words[@]}" </dev/null >arrived 2>/dev/null
  cell $? "$(bytes arrived)" "$size"
  wait
}
port0_is="listening on port 0 tells which it is"
port0() {
  local listener tries=0 told=
  case $1 in
  sendall) words=("$sendall" serve 0) ;;
  nc.openbsd) words=(nc.openbsd -v -l 127.0.0.1 0) ;;
  ncat) words=(ncat -v -l 127.0.0.1 0) ;;
  socat) words=(socat -d -d STDIO TCP-LISTEN:0,bind=127.0.0.1) ;;
  nc.traditional) words=(nc.traditional -v -l -s 127.0.0.1 -p 0) ;;
  busybox) words=(busybox nc -v -l -p 0) ;;
  esac
  tell
  : >error
  limit "${words[@]}" >/dev/null 2>error < <(sleep 2) & listener=$!
  until [ -n "$told" ] || [ $((tries++)) -gt 50 ]; do
    sleep 0.02
    for number in $(grep -oE '[0-9]{4,5}' error); do
      if grep -qi "$(printf ':%04X 0' "$number")" /proc/net/tcp; then told=$number; fi
    done
  done
  if [ -n "$told" ]; then echo yes; else echo "**no**"; fi
  kill $listener
}
refused_is="nobody listens there"
refused() {
  connecting "$1" "$(peer free)"
  limit "${words[@]}" </dev/null >/dev/null 2>error
  spoken $?
}

# Datagrams: what a listener has written after some were sent to it.
datagrams() {
  local tool=$1 port listener what
  shift
  port=$(peer free)
  case $tool in
  sendall) words=("$sendall" -q udp-listen --count $# "$port") ;;
  nc.openbsd) words=(nc.openbsd -u -l 127.0.0.1 "$port") ;;
  ncat) words=(ncat -u -l 127.0.0.1 "$port") ;;
  socat) words=(socat -u "UDP-RECV:$port,bind=127.0.0.1" STDOUT) ;;
  nc.traditional) words=(nc.traditional -u -l -s 127.0.0.1 -p "$port") ;;
  busybox) return 1 ;;
  esac
  tell
  timeout -s KILL 2 "${words[@]}" >arrived 2>/dev/null < <(sleep 3) & listener=$!
  wait_bound "$port" udp
  for what; do
    peer "$what" "$port"
    sleep 0.2
  done
  wait $listener
}
udp_peers_is="a second UDP peer"
udp_peers() {
  datagrams "$1" one two || [ "$1" != busybox ] || { echo "no UDP"; return; }
  if grep -q two arrived; then echo got; else echo "**lost**"; fi
}
udp_empty_is="what comes after an empty datagram"
udp_empty() {
  datagrams "$1" empty one || [ "$1" != busybox ] || { echo "no UDP"; return; }
  if grep -q one arrived; then echo got; else echo "**lost**"; fi
}
udp_large_is="a datagram of 60000 bytes"
udp_large() {
  datagrams "$1" large || [ "$1" != busybox ] || { echo "no UDP"; return; }
  local length
  length=$(tr -dc x <arrived | wc -c)
  if [ "$length" -eq 60000 ]; then echo whole; else echo "**cut** to $length"; fi
}

{ printf '| event |'; printf ' %s |' "${tools[@]}"; echo; printf '|---|'; printf -- '---|%.0s' "${tools[@]}"; echo; }
for event in "${events[@]}"; do
  what=${event}_is
  [ -n "${!what-}" ] || { echo "peers.sh: no event '$event': ${events[*]}" >&2; exit 2; }
  printf '| %s |' "${!what}"
  for tool in "${tools[@]}"; do
    rm -f arrived
    printf ' %s |' "$("$event" "$tool" 2>/dev/null)"
  done
  echo
done
