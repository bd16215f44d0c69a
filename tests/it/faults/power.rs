//! Loss of power: what was acknowledged is on the disk, and what was not has no final name that is not whole.

use std::path::PathBuf;
use std::process::Command;

use crate::faults::cuts::{WAYS, Way};
use crate::faults::trace;
use crate::harness::skips::skip;
use crate::harness::{LIMIT, payload, wait_until};
use crate::transfer::proxy::{Proxy, Rule};
use crate::transfer::xfer::{CHUNK, Place, address, begin, is_part, run, serve, wait_for_part};
use crate::web::Web;
use crate::web::uploads::rest;

/// A file system in a file, mounted as long as this lives.
struct Disk {
    place: Place,
    /// The place is mounted on itself.
    bound: bool,
    mounted: bool,
}

/// Ends all writing at once, without bringing the journal to disk: `EXT4_IOC_SHUTDOWN`, and the same number for XFS.
const LOSE_POWER: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

/// A command that has to succeed; what it says otherwise.
fn command(program: &str, args: &[&str]) -> Result<(), String> {
    // Tools of the administrator are not on everybody's path.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).args(args).env("PATH", path).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{program}: {}", said.trim()))
}

impl Disk {
    fn new(system: &str) -> Result<Disk, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root may mount".into());
        }
        let place = Place::new();
        let image = place.at("image");
        std::fs::File::create(&image).and_then(|file| file.set_len(400 << 20)).expect("an image");
        command(&format!("mkfs.{system}"), &["-q", &image])?;
        command("python3", &["-c", "import fcntl"])?;
        let mut disk = Disk { place, bound: false, mounted: false };
        std::fs::create_dir(disk.folder()).expect("a folder");
        // Tests with network namespaces copy all that is mounted. In a shared tree their copies are unmounted with
        // ours; else a file system without power would live on in them, and be the one that is mounted again.
        let root = disk.place.arg().to_owned();
        command("mount", &["--bind", &root, &root])?;
        disk.bound = true;
        command("mount", &["--make-shared", &root])?;
        disk.mount()?;
        Ok(disk)
    }

    fn folder(&self) -> PathBuf {
        self.place.path("mounted")
    }

    /// With `loop` the device goes when the file system does.
    fn mount(&mut self) -> Result<(), String> {
        command("mount", &["-o", "loop", &self.place.at("image"), &self.place.at("mounted")])?;
        self.mounted = true;
        Ok(())
    }

    /// The power goes, and comes back.
    fn lose_power(&mut self) {
        self.power_off();
        self.power_on();
    }

    fn power_off(&self) {
        command("python3", &["-c", LOSE_POWER, &self.place.at("mounted")]).expect("a shutdown");
    }

    fn power_on(&mut self) {
        command("umount", &[&self.place.at("mounted")]).expect("unmounted");
        self.mounted = false;
        // It lives on, without power, in the copies that others have made of what is mounted, and would be what is
        // mounted next.
        assert!(wait_until(3 * LIMIT, || !self.is_held()), "somebody keeps the file system");
        self.mount().expect("mounted again");
    }

    /// Whether a file system still has the image: its device goes with the last mount.
    fn is_held(&self) -> bool {
        let image = self.place.at("image");
        let devices = std::fs::read_dir("/sys/block").expect("devices").flatten();
        let mut images =
            devices.map(|device| std::fs::read_to_string(device.path().join("loop/backing_file")));
        images.any(|held| held.is_ok_and(|held| held.trim_end() == image))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            // Lazily, if a process of a failed test still holds it.
            let _ = command("umount", &[&self.place.at("mounted")])
                .or_else(|_| command("umount", &["-l", &self.place.at("mounted")]));
        }
        if self.bound {
            let _ = command("umount", &["-l", self.place.arg()]);
        }
    }
}

/// The file systems that can be mounted here; says why others cannot.
fn disks() -> Vec<Disk> {
    let try_one = |system: &&str| match Disk::new(system) {
        Ok(disk) => Some(disk),
        Err(why) => {
            skip(format_args!("no loss of power on {system}: {why}"));
            None
        }
    };
    ["ext4", "xfs"].iter().filter_map(try_one).collect()
}

/// Sends these files of `source`; the client's arguments end with `options`.
fn send(way: Way, source: &Place, names: &[&str], to: &str, options: &[&str]) {
    let paths: Vec<String> = names.iter().map(|name| source.at(name)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let mode = if way == Way::Upload { ["--store", to] } else { ["--share", source.arg()] };
    let server = serve(&[&mode[..], &["--once"]].concat());
    let address = address(&server);
    let client = match way {
        Way::Upload => run(&[&["upload", "-q"], &paths[..], &[&address], options].concat()),
        Way::Download => run(&[&["download", "-q", &address], names, &["-o", to], options].concat()),
    };
    client.ended(0);
    server.finish().ended(0);
}

#[test]
fn what_was_acknowledged_is_there_afterwards() {
    for mut disk in disks() {
        for way in WAYS {
            let source = Place::new();
            let sizes = [0, 1, 3000, CHUNK, 2 * CHUNK + 123];
            let names: Vec<String> = sizes.iter().map(|size| format!("{way:?} {size}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            for (name, size) in names.iter().zip(sizes) {
                source.write(name, &payload(size));
            }
            let folder = disk.place.at("mounted/folder");
            std::fs::create_dir_all(&folder).expect("a folder");
            // The folder itself was there long ago.
            command("sync", &["-f", &folder]).expect("synced");
            send(way, &source, &names, &folder, &[]);
            disk.lose_power();
            for (name, size) in names.iter().zip(sizes) {
                disk.place.expect(&format!("mounted/folder/{name}"), &payload(size));
            }
            // In the place of other files, too.
            for name in &names {
                source.write(name, b"new");
            }
            send(way, &source, &names, &folder, &["--force"]);
            disk.lose_power();
            for name in &names {
                disk.place.expect(&format!("mounted/folder/{name}"), b"new");
            }
        }
    }
}

#[test]
fn what_http_acknowledged_is_there_afterwards() {
    for mut disk in disks() {
        let web = Web::start(Place::new(), &[], &["--store", &disk.place.at("mounted")]);
        let bytes = payload(CHUNK + 7);
        web.put("/new/folder/f", &bytes, &[]).expect(201);
        web.put("/new/g", &bytes[..5], &[&format!("Content-Range: bytes 0-4/{}", bytes.len())]).expect(202);
        web.put("/new/g", &bytes[5..], &[&rest(5, bytes.len())]).expect(201);
        drop(web);
        disk.lose_power();
        disk.place.expect("mounted/new/folder/f", &bytes);
        disk.place.expect("mounted/new/g", &bytes);
    }
}

#[test]
fn what_was_not_acknowledged_is_whole_or_not_there() {
    for mut disk in disks() {
        let (source, bytes) = (Place::new(), payload(8 * CHUNK));
        let path = source.write("f", &bytes);
        let folder = disk.place.at("mounted");
        let server = serve(&["--store", &folder]);
        let proxy = Proxy::new(&address(&server), Rule::HoldAfter(6 << 20), Rule::Pass);
        let client = begin(&["upload", "-q", &path, &proxy.address]);
        proxy.wait_held();
        wait_for_part(&disk.folder(), CHUNK as u64);
        disk.power_off();
        proxy.release();
        client.finish().expect(7);
        drop((server, proxy));
        disk.power_on();
        let names = crate::transfer::xfer::names_in(&disk.folder());
        assert!(names.iter().all(|name| is_part(name) || name == "lost+found"), "{names:?}");
        send(Way::Upload, &source, &["f"], &folder, &[]);
        disk.place.expect("mounted/f", &bytes);
    }
}

#[test]
fn without_its_syncs_an_upload_would_be_lost() {
    // The proof that the power really goes here: the other tests of this file could not fail without it.
    for mut disk in disks().into_iter().filter(|_| trace::is_there()) {
        let source = Place::new();
        let path = source.write("f", &payload(CHUNK));
        let server = serve(&["--store", &disk.place.at("mounted"), "--once"]);
        let to = address(&server);
        let options = ["--trace=fsync,fdatasync,syncfs", "--inject=fsync,fdatasync,syncfs:retval=0"];
        let strace = trace::attach(&server, "/dev/null", &options);
        run(&["upload", "-q", &path, &to]).ended(0);
        server.finish().ended(0);
        strace.finish();
        disk.lose_power();
        let content = std::fs::read(disk.folder().join("f")).unwrap_or_default();
        assert!(content != payload(CHUNK), "it survived");
    }
}
