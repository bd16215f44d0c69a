//! Room on the disk: what is refused early, and what is left for the write to decide. As root, on file systems that are
//! mounted in a namespace of the server's own.

use crate::harness::skips::skip;
use crate::harness::{In, Out, Running, payload, start};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{Place, address, begin, run};

/// A server that stores on a file system of its own, mounted on `folder` by a line of shell; none without the right.
fn stores(mount: &str, folder: &Place) -> Option<Running> {
    if !rustix::process::geteuid().is_root() {
        skip("only root may mount");
        return None;
    }
    let script =
        format!("cd {0} && {mount} && cd {0} && exec \"$0\" serve 127.0.0.1:0 --store .", folder.arg());
    let args = ["-m", "sh", "-e", "-c", &script, env!("CARGO_BIN_EXE_sendall")];
    Some(start("unshare", &args, In::Null, Out::Collect))
}

#[test]
fn a_part_that_is_there_needs_no_room_twice() {
    let (source, there) = (Place::new(), Place::new());
    for (name, size) in [("blocks", 20_000_000), ("body", 3_900_000)] {
        let mount = format!("mount -t tmpfs -o size={} none .", size * 5 / 4);
        let Some(server) = stores(&mount, &there) else { return };
        let to = address(&server);
        let path = source.write(name, &payload(size));
        let proxy = Proxy::new(&to, Rule::EndAfter(size as u64 * 3 / 4), Rule::Pass);
        run(&["upload", &path, &proxy.address, "-j", "1"]).ended(5);
        // There is room for what is missing, and for little more.
        run(&["upload", &path, &to]).expect(0);
        // What was refused or has arrived does not count any more; what cannot fit is refused before it is sent.
        let other = source.write("other", &payload(size / 2));
        let proxy = Proxy::new(&to, Rule::Pass, Rule::Pass);
        run(&["upload", &other, &proxy.address]).expect_saying(7, "no space");
        assert!(proxy.counts().0 < 10_000, "{:?}", proxy.counts());
    }
}

#[test]
fn a_file_system_that_reports_no_sizes_accepts_files() {
    let (source, there) = (Place::new(), Place::new());
    let Some(server) = stores("mount -t ramfs none .", &there) else { return };
    let path = source.write("f", &payload(2_000_000));
    run(&["upload", &path, &address(&server)]).expect(0);
}

#[test]
fn root_may_use_what_is_kept_for_root() {
    let (source, there, images) = (Place::new(), Place::new(), Place::new());
    let image = images.write("ext4", b"");
    let mount = format!(
        "PATH=$PATH:/usr/sbin:/sbin; truncate -s 20M {image}; mkfs.ext4 -q -m 20 {image}; \
         mount -o loop {image} .; cd .; head -c 13000000 /dev/zero >{}/fill",
        there.arg()
    )
    .replace("; ", " && ");
    let Some(server) = stores(&mount, &there) else { return };
    let path = source.write("two", &payload(2_000_000));
    let client = begin(&["upload", &path, &address(&server)]);
    client.finish().expect(0);
    server.signal(rustix::process::Signal::TERM);
    server.finish();
}
