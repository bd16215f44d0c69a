//! Programs of the recipes that need a server, a pool or hardware of their own. When the examples are run, scripts with the
//! same interface play them: what they print is made up, what sendall does with it is not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The names, and what a shell runs in their place.
const STAND_INS: &[(&str, &str)] = &[
    // pg_dump DATABASE; one that is not there is an error.
    (
        "pg_dump",
        "[ \"$1\" = shop ] || { echo \"pg_dump: error: no database $1\" >&2; exit 1; }; echo 'CREATE TABLE orders ();'",
    ),
    // zfs send SNAPSHOT; zfs receive DATASET, which leaves it in a file.
    ("zfs", "case $1 in send) printf 'snapshot %s' \"$2\" ;; receive) cat >\"$2\" ;; esac"),
    // docker save IMAGE; docker load.
    (
        "docker",
        "case $1 in save) tar cf - report.pdf ;; load) tar tf - >/dev/null && echo 'Loaded image: shop:1.2' ;; esac",
    ),
    // mariabackup --backup --stream=xbstream; mbstream -x -C DIR.
    ("mariabackup", "case \"$*\" in '--backup --stream=xbstream') tar cf - photos ;; *) exit 1 ;; esac"),
    ("mbstream", "[ \"$1 $2\" = '-x -C' ] && tar xf - -C \"$3\""),
];

/// Writes them into a folder.
pub(crate) fn write(folder: &Path) {
    for (name, script) in STAND_INS {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}
