//! Staging of small files: they wait for their final names in a private folder, so that each costs four system calls.
//!
//! The folder has a temporary name of its own and is locked like a part while a file in it is in use. Other users
//! cannot open it, so the files in it need no locks.

use super::confine::{PART_PREFIX, PART_SUFFIX, check_regular, open_regular};
use super::error::{StoreError, StoreErrorKind};
use super::folder::Folder;
use super::hash::hash_prefix;
use super::made::Made;
use super::meta::Meta;
use super::publish::{arriving_mode, supported, times, umask};
use super::temporary::{TRIES, busy, lock_staging, remove_staging};
use rustix::fs::{AtFlags, Mode, OFlags, fchmod, fstat, futimens, mkdirat, openat, unlinkat};
use rustix::io::{Errno, retry_on_intr};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The staging area of one session. Clones share it: one thread may commit while another stages further files.
#[derive(Debug, Clone)]
pub struct StagingFolder(pub(super) Arc<StagingState>);

#[derive(Debug)]
pub(super) struct StagingState {
    /// The destination, opened for this session alone: a write-back error is reported once per open file (syncfs(2)),
    /// so that a shared one would report it to one session only.
    pub(super) root: Arc<File>,
    /// Folders that were made for received entries.
    pub(super) made: Arc<Made>,
    private: Mutex<Option<Arc<PrivateFolder>>>,
    /// A sync has failed. The kernel marks the lost pages as clean, so nothing of this session is committed any more.
    pub(super) lost: Mutex<bool>,
}

/// The private folder. It is removed with the last file in it.
#[derive(Debug)]
pub(super) struct PrivateFolder {
    root: Arc<File>,
    name: String,
    pub(super) file: File,
    next: AtomicU64,
}

impl StagingFolder {
    /// Creates a staging area for a destination. The private folder is made when it is first needed.
    ///
    /// # Errors
    /// `NotAllowed`, `CannotRead`: the folder cannot be opened again.
    pub fn new(folder: &Folder) -> Result<Self, StoreError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root =
            retry_on_intr(|| openat(&*folder.file, ".", flags, Mode::empty())).map_err(StoreError::read)?;
        Ok(Self(Arc::new(StagingState {
            root: Arc::new(root.into()),
            made: Arc::clone(&folder.made),
            private: Mutex::new(None),
            lost: Mutex::new(false),
        })))
    }

    /// Creates a small file under a private name. Its mode is `mode` less the umask.
    ///
    /// # Errors
    /// `NoSpace`, `NotAllowed`, `CannotWrite`.
    pub fn create(&self, mode: u16) -> Result<StagedFile, StoreError> {
        let mut published = self.0.new_name()?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let final_mode = Mode::from_raw_mode(arriving_mode(mode, umask()) as _);
        let initial = Mode::from_raw_mode((mode & 0o777).into());
        let is_readable = final_mode.contains(Mode::RUSR);
        let initial = if is_readable { initial } else { Mode::RUSR | Mode::WUSR };
        let file = retry_on_intr(|| openat(&published.private.file, &*published.name, flags, initial));
        let file = File::from(file.map_err(StoreError::write)?);
        if !is_readable {
            // It is opened again to be synced, and then gets its mode.
            supported(fchmod(&file, initial)).map_err(StoreError::write)?;
            published.late_mode = Some(final_mode);
        }
        Ok(StagedFile { file, published })
    }
}

impl StagingState {
    /// Starts a new private folder for further files. The last file removes the old one.
    pub(super) fn start_new_folder(&self) {
        self.private.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Returns an unused name in the private folder.
    pub(super) fn new_name(&self) -> Result<Published, StoreError> {
        let mut private = self.private.lock().unwrap_or_else(PoisonError::into_inner);
        let private = match &*private {
            Some(private) => Arc::clone(private),
            None => Arc::clone(private.insert(Arc::new(PrivateFolder::new(&self.root)?))),
        };
        let name = private.next.fetch_add(1, Ordering::Relaxed).to_string();
        Ok(Published { private, name, late_mode: None, moved: false })
    }
}

impl PrivateFolder {
    /// Makes and locks a private folder in `root`.
    pub(super) fn new(root: &Arc<File>) -> Result<Self, StoreError> {
        for _ in 0..TRIES {
            let mut id = [0; 8];
            if getrandom(&mut id, GetRandomFlags::empty()).map_err(StoreError::write)? < id.len() {
                continue;
            }
            let name = format!("{PART_PREFIX}{:016x}{PART_SUFFIX}", u64::from_ne_bytes(id));
            match mkdirat(&**root, &*name, Mode::RWXU) {
                Err(Errno::EXIST | Errno::INTR) => continue,
                made => made.map_err(StoreError::write)?,
            }
            // Before the lock another session may take the folder for a leftover, and remove it.
            if let Some(file) = lock_staging(root, &name) {
                return Ok(Self { root: Arc::clone(root), name, file, next: AtomicU64::new(0) });
            }
        }
        Err(busy())
    }

    /// Returns the time at which a name in it was last created or removed, by the file system's clock: seconds since
    /// 1970.
    pub(super) fn mtime_seconds(&self) -> Option<i64> {
        fstat(&self.file).ok().map(|stat| stat.st_mtime)
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        remove_staging(&self.root, &self.name, &self.file);
    }
}

/// A small file that is being received. Dropping it before [`StagedFile::finish`] removes it.
#[derive(Debug)]
pub struct StagedFile {
    file: File,
    published: Published,
}

impl StagedFile {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// `NoSpace`, `CannotWrite`. The number of written bytes is then unknown.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(StoreError::write)
    }

    /// Sets the modification time (where the file system has one) and closes the file.
    ///
    /// # Errors
    /// `CannotWrite`.
    pub fn finish(self, meta: Meta) -> Result<Published, StoreError> {
        supported(futimens(&self.file, &times(meta))).map_err(StoreError::write)?;
        Ok(self.published)
    }
}

/// A complete small file that waits for [`StagingFolder::commit`]. Dropping it before removes it.
#[derive(Debug)]
pub struct Published {
    pub(super) private: Arc<PrivateFolder>,
    pub(super) name: String,
    /// Its final mode, if that forbids its owner to read it: set before the final name.
    pub(super) late_mode: Option<Mode>,
    /// It has its final name, and the private one is free.
    pub(super) moved: bool,
}

impl Published {
    /// Opens the file again, to sync it.
    pub(super) fn open(&self) -> Result<File, StoreError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = retry_on_intr(|| openat(&self.private.file, &*self.name, flags, Mode::empty()));
        file.map(File::from).map_err(|error| {
            StoreError::system(error, StoreErrorKind::CannotWrite, "its temporary file was taken away")
        })
    }

    /// Returns whether a regular file of this name exists with the same content. A file that cannot be read counts as
    /// different.
    pub(super) fn is_same(&self, folder: &File, name: &[u8]) -> bool {
        let (Ok(ours), Ok(theirs)) = (self.open(), open_regular(folder, name)) else { return false };
        let size_bytes = |file: &File| {
            fstat(file).ok().filter(|stat| check_regular(stat).is_ok()).map(|stat| stat.st_size)
        };
        let digest = |file: &File, size_bytes: i64| {
            hash_prefix(file, size_bytes as u64, &mut |_| true).map(|hasher| hasher.finalize())
        };
        match (size_bytes(&ours), size_bytes(&theirs)) {
            (Some(size), Some(other)) if size == other => {
                matches!((digest(&ours, size), digest(&theirs, size)), (Ok(ours), Ok(theirs)) if ours == theirs)
            }
            _ => false,
        }
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        if !self.moved {
            // A file that cannot be removed now is removed with the folder.
            let _ = unlinkat(&self.private.file, &*self.name, AtFlags::empty());
        }
    }
}
