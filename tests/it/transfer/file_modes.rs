//! Modes: the sender's nine bits, less the umask of the receiving side.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::harness::payload;
use crate::harness::skips::skip;
use crate::transfer::xfer::{Place, address, download_once, limited, run};

/// On the stage, in a part, in blocks: with how many of the modes.
const SIZES: [(&str, usize, usize); 3] =
    [("small", 10, 7), ("large", 1_100_000, 3), ("blocks", 4_200_000, 2)];
const MODES: [u32; 7] = [0o755, 0o600, 0o222, 0o644, 0o6711, 0o440, 0o000];

fn mode(place: &Place, name: &str) -> u32 {
    fs::symlink_metadata(place.path(name)).unwrap_or_else(|error| panic!("{name}: {error}")).mode() & 0o7777
}

fn chmod(place: &Place, name: &str, mode: u32) {
    fs::set_permissions(place.path(name), Permissions::from_mode(mode)).expect("a mode");
}

/// Files of each size and mode, in a folder `d` with folders of several modes.
fn tree() -> Place {
    let here = Place::new();
    for folder in ["d/private", "d/open", "d/closed/inner"] {
        here.folder(folder);
    }
    for (size, length, modes) in SIZES {
        for mode in MODES.into_iter().take(modes) {
            let name = format!("d/open/{size}-{mode:o}");
            here.write(&name, &payload(length));
            chmod(&here, &name, mode);
        }
    }
    here.write("d/closed/inner/file", b"x");
    for (folder, mode) in [("private", 0o700), ("open", 0o775), ("closed/inner", 0o500), ("closed", 0o555)] {
        chmod(&here, &format!("d/{folder}"), mode);
    }
    here
}

#[test]
fn the_senders_bits_less_the_umask_for_every_size_and_folder() {
    if !rustix::process::geteuid().is_root() {
        skip("files that nobody may read are read by root only");
        return;
    }
    let here = tree();
    for umask in [0o022_u32, 0o177] {
        let there = Place::new();
        let args = ["serve", "127.0.0.1:0", "--store", there.arg(), "--once"];
        let server = limited(&format!("umask {umask:o}"), &args);
        run(&["upload", &here.at("d"), &address(&server)]).expect(0);
        server.finish().expect(0);
        for (size, length, modes) in SIZES {
            for bits in MODES.into_iter().take(modes) {
                let name = format!("d/open/{size}-{bits:o}");
                assert_eq!(mode(&there, &name), bits & 0o777 & !umask, "{name} with umask {umask:o}");
                there.expect(&name, &payload(length));
            }
        }
        for (name, bits) in [("private", 0o700), ("open", 0o775), ("closed", 0o555), ("closed/inner", 0o500)]
        {
            let found = mode(&there, &format!("d/{name}"));
            assert_eq!(found, bits & !umask, "{name} with umask {umask:o}");
        }
    }
}

#[test]
fn a_folder_that_was_there_keeps_its_mode() {
    let (here, there) = (tree(), Place::new());
    there.folder("d/private");
    chmod(&there, "d/private", 0o2770);
    let (client, server) = download_once(&["--share", here.arg()], &["d/private", "-o", &there.at("d")]);
    client.expect(0);
    server.expect(0);
    assert_eq!(mode(&there, "d/private"), 0o2770);
}

#[test]
fn what_comes_from_stdin_has_the_mode_of_a_new_file() {
    let there = Place::new();
    let args = ["serve", "127.0.0.1:0", "--store", there.arg(), "--once"];
    let server = limited("umask 027", &args);
    let to = address(&server);
    run(&["upload", "-", "--name", "x", &to]).expect(0);
    server.finish().expect(0);
    assert_eq!(mode(&there, "x"), 0o640);
}
