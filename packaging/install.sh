#!/bin/sh
# Installs sendall from the folder of this script.
#
#   ./install.sh                           below /usr/local
#   PREFIX=$HOME/.local ./install.sh       for one user
#   DESTDIR=stage PREFIX=/usr ./install.sh for packagers: what it writes is below DESTDIR
#   NC=yes ./install.sh                    and nc, unless that name is taken below PREFIX
#   ./install.sh uninstall                 with the same variables
#
# Other folders: BASHDIR, ZSHDIR, FISHDIR, UNITDIR.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}
bash_dir=${BASHDIR:-$prefix/share/bash-completion/completions}
zsh_dir=${ZSHDIR:-$prefix/share/zsh/site-functions}
fish_dir=${FISHDIR:-$prefix/share/fish/vendor_completions.d}
unit_dir=${UNITDIR:-$prefix/lib/systemd/system}
doc_dir=$prefix/share/doc/sendall

# Each file: its mode, its source, its place.
each() { # what to do with it
    "$1" 755 "$here/sendall" "$prefix/bin/sendall"
    for page in "$here"/man/*.1; do "$1" 644 "$page" "$prefix/share/man/man1/${page##*/}"; done
    "$1" 644 "$here/completions/sendall.bash" "$bash_dir/sendall"
    "$1" 644 "$here/completions/_sendall" "$zsh_dir/_sendall"
    "$1" 644 "$here/completions/sendall.fish" "$fish_dir/sendall.fish"
    for unit in "$here"/systemd/*; do "$1" 644 "$unit" "$unit_dir/${unit##*/}"; done
    for text in "$here"/*.md "$here"/LICENSE-* "$here"/third-party-licenses.txt; do "$1" 644 "$text" "$doc_dir/${text##*/}"; done
    for text in "$here"/docs/*.md; do "$1" 644 "$text" "$doc_dir/docs/${text##*/}"; done
}

# Beside its place, then over it: one that runs is not disturbed.
put() {
    mkdir -p "$root${3%/*}"
    case $3 in
    *.service) sed "s|^ExecStart=/usr/bin/|ExecStart=$prefix/bin/|" "$2" >"$root$3.new" ;;
    *) cp "$2" "$root$3.new" ;;
    esac
    chmod "$1" "$root$3.new"
    mv -f "$root$3.new" "$root$3"
}

remove() { rm -f "$root$3"; }

nc=$root$prefix/bin/nc
is_ours() { [ "$(readlink "$nc" 2>/dev/null)" = sendall ]; }

case ${1:-install} in
install)
    umask 022
    if [ "${NC:-}" = yes ] && { [ -e "$nc" ] || [ -L "$nc" ]; } && ! is_ours; then
        echo "install.sh: $nc is there already, and not sendall's: remove it, or leave out NC=yes" >&2
        exit 1
    fi
    each put
    if [ "${NC:-}" = yes ]; then ln -sfn sendall "$nc"; fi
    ;;
uninstall)
    each remove
    if is_ours; then rm -f "$nc"; fi
    rmdir "$root$doc_dir/docs" "$root$doc_dir" 2>/dev/null || :
    ;;
*)
    echo "usage: [VARIABLE=VALUE...] $0 [install | uninstall]" >&2
    exit 2
    ;;
esac
