//! Tests on real files.

mod archive;
mod crowd;
mod full;
mod keys;
mod order;
mod part;
mod planted;
mod source;
mod staging;
mod walk;

use super::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

/// A destination, and beside it what must never be touched.
struct Scene {
    root: tempfile::TempDir,
    folder: Folder,
}

const CANARY: &[u8] = b"the canary sings";

fn scene() -> Scene {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("inside")).unwrap();
    fs::create_dir(root.path().join("outside")).unwrap();
    fs::write(root.path().join("outside/f"), CANARY).unwrap();
    let folder = Folder::open(&root.path().join("inside")).unwrap();
    Scene { root, folder }
}

impl Folder {
    /// The names of the regular files in it, sorted by their bytes, without our own unfinished files.
    fn files(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&*self.file).map_err(StoreError::read)? {
            let entry = entry.map_err(StoreError::read)?;
            let name = entry.file_name().to_bytes();
            if !confine::is_part_name(name) && entry.file_type() == rustix::fs::FileType::RegularFile {
                names.push(name.to_vec());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Makes the folder `path` in it, and those on the way to it that are missing. True if it is new.
    fn make_folders(&self, path: &[u8]) -> Result<bool, StoreError> {
        confine::check_path(path)?;
        confine::make_folders(&self.file, path, &self.made).map(|(_, new)| new)
    }
}

impl Scene {
    fn inside(&self, name: &str) -> PathBuf {
        self.root.path().join("inside").join(name)
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.root.path().join("outside").join(name)
    }

    /// All names in the destination, sorted.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.inside(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn assert_canary(&self) {
        let names: Vec<_> = fs::read_dir(self.outside("")).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["f"]);
        assert_eq!(fs::read(self.outside("f")).unwrap(), CANARY);
    }
}

/// Puts `bytes` in place under `name`.
fn deliver(folder: &Folder, name: &[u8], bytes: &[u8], replace: bool) -> Result<(), StoreError> {
    let mut part = Part::create(folder, name)?;
    part.write_all(bytes)?;
    part.commit(Meta::default(), replace)
}

fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    let fault = result.unwrap_err();
    assert!(!fault.to_string().is_empty());
    fault.kind
}

/// Fails instead of waiting forever.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(Duration::from_secs(10)).unwrap()
}

/// By the system's own commands: rustix has mknodat(2) on some systems only.
fn make_fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
