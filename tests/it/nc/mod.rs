//! `nc`: the personality of OpenBSD's nc, with rows of data that nc.openbsd and ncat can run as well.

mod losses;
mod ncat;
mod openbsd;
mod row;
mod survey;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use self::row::{Netcat, Row, run_all};
use crate::harness::LIMIT;
use crate::harness::others::installed;
use crate::transfer::xfer::is_slow_wanted;

/// A folder in which a program has the name nc.
fn as_nc(program: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nc");
    symlink(program, &path).expect("a link");
    (folder, path)
}

#[track_caller]
fn all_pass(rows: &[Row]) {
    let (_folder, path) = as_nc(Path::new(env!("CARGO_BIN_EXE_sendall")));
    let netcat = Netcat { path: &path, speaks: true, dialect: str::to_owned, limit: LIMIT };
    let failures = run_all(&rows.iter().collect::<Vec<_>>(), netcat);
    assert!(failures.is_empty(), "{failures:#?}");
}

/// The control: rows without a remark about nc.openbsd pass with it.
#[track_caller]
fn openbsd_passes(rows: &[Row]) {
    let Some(program) = installed("nc.openbsd") else { return };
    let (_folder, path) = as_nc(&program);
    let netcat = Netcat { path: &path, speaks: true, dialect: str::to_owned, limit: LIMIT };
    let same: Vec<&Row> = rows.iter().filter(|row| row.openbsd.is_empty()).collect();
    let failures = run_all(&same, netcat);
    assert!(failures.is_empty(), "{failures:#?}");
}

/// The words in ncat's dialect, as far as it has them.
fn ncat_words(words: &str) -> String {
    let mut translated: Vec<String> = Vec::new();
    let (mut all, mut address) = (words.split(' '), None);
    let is_listener = words.split(' ').any(|word| word.starts_with('-') && word.contains('l'));
    while let Some(word) = all.next() {
        match word {
            // It passes the end on unless told otherwise, and leaves when both sides have ended.
            "-N" => {}
            "-q" => drop(all.next()),
            "-w0" => translated.push("--send-only".into()),
            "-d" => translated.push("--recv-only".into()),
            "-dkl" | "-dklun" => translated.extend([word.replace('d', ""), "--recv-only".into()]),
            "-s" if is_listener => address = all.next(),
            "-x" => translated.extend(["--proxy".into(), all.next().unwrap_or_default().into()]),
            "-X" => {
                let kind = match all.next() {
                    Some("connect") => "http",
                    Some("4") => "socks4",
                    _ => "socks5",
                };
                translated.extend(["--proxy-type".into(), kind.into()]);
            }
            _ => translated.push(word.into()),
        }
    }
    if words.contains("-x ") && !words.contains("-X ") {
        translated.extend(["--proxy-type".into(), "socks5".into()]);
    }
    translated.extend(address.map(str::to_owned));
    translated.join(" ")
}

/// How many rows other netcats pass, by what the two sides read and by their exit codes; of nc.openbsd by its lines, too.
#[test]
fn scores_of_others() {
    if !is_slow_wanted("scores of nc.openbsd and ncat") {
        return;
    }
    type Dialect = fn(&str) -> String;
    let all: [(&str, bool, Dialect); 3] = [
        ("nc.openbsd", true, str::to_owned),
        ("ncat", false, ncat_words),
        (env!("CARGO_BIN_EXE_sendall"), true, str::to_owned),
    ];
    for (program, speaks, dialect) in all {
        let Some(program) = installed(program) else { continue };
        let (_folder, path) = as_nc(&program);
        for (name, rows) in [("OpenBSD", openbsd::ROWS), ("ncat", ncat::ROWS), ("scripts", survey::ROWS)] {
            let netcat = Netcat { path: &path, speaks, dialect, limit: Duration::from_secs(4) };
            let failures = run_all(&rows.iter().collect::<Vec<_>>(), netcat);
            let passed = rows.len() - failures.len();
            println!("{}: {passed} of {} rows of {name}", program.display(), rows.len());
            for (row, why) in failures {
                println!("    {row}: {why}");
            }
        }
    }
}

#[test]
fn openbsds_cases() {
    all_pass(openbsd::ROWS);
    assert_eq!(openbsd::ROWS.len(), 20);
}

#[test]
fn openbsds_cases_with_nc_openbsd() {
    openbsd_passes(openbsd::ROWS);
}

#[test]
fn ncats_cases() {
    all_pass(ncat::ROWS);
}

#[test]
fn ncats_cases_with_nc_openbsd() {
    openbsd_passes(ncat::ROWS);
}

#[test]
fn calls_in_scripts() {
    all_pass(survey::ROWS);
}

#[test]
fn calls_in_scripts_with_nc_openbsd() {
    openbsd_passes(survey::ROWS);
}
