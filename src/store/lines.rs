//! Text files that are written beside a session: lists and records, not transferred files.

use super::confine::{PART_PREFIX, PART_SUFFIX, check_regular, same_file};
use super::error::{StoreError, StoreErrorKind};
use super::folder::Folder;
use super::part::Part;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat};
use rustix::io::{Errno, retry_on_intr};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The place of a text file that may not exist yet. Its folder is open. Clones name the same place.
#[derive(Debug, Clone)]
pub struct TextPlace {
    folder: Folder,
    name: Vec<u8>,
}

impl TextPlace {
    /// Returns the place that a path names.
    ///
    /// # Errors
    /// `Unsafe` where it has no file name; otherwise of its folder, as [`Folder::open`].
    pub fn new(path: &Path) -> Result<Self, StoreError> {
        let names_a_file = !path.as_os_str().as_bytes().ends_with(b"/");
        let name = path.file_name().filter(|_| names_a_file);
        let name =
            name.ok_or_else(|| StoreError::new(StoreErrorKind::Unsafe, "is not the name of a file"))?;
        let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        Ok(Self { folder: Folder::open(parent)?, name: name.as_bytes().to_vec() })
    }

    /// Creates a text that replaces the file of this place once it is complete.
    ///
    /// # Errors
    /// As [`Part::create`].
    pub fn replacement(&self) -> Result<Part, StoreError> {
        Part::create(&self.folder, &self.name)
    }

    /// Checks that the file can be replaced, by creating a part and dropping it: an existing file stays as it is.
    ///
    /// # Errors
    /// As [`Part::create`] and [`Part::commit`] with `replace`.
    pub fn check(&self) -> Result<(), StoreError> {
        match statat(&*self.folder.file, &*self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => check_regular(&stat)?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(StoreError::write(error)),
        }
        match self.replacement() {
            // Another session is at its end: ours will be later.
            Err(fault) if fault.kind != StoreErrorKind::Busy => Err(fault),
            _ => Ok(()),
        }
    }

    /// Moves a replacement into place.
    ///
    /// # Errors
    /// As [`Part::commit`] and [`Folder::sync`].
    pub fn replace(&self, text: Part) -> Result<(), StoreError> {
        let meta = text.meta_as_written()?;
        text.commit(meta, true)?;
        self.folder.sync()
    }

    /// Appends to the file, which is created if missing, in one call as long as the system takes all of it: text that
    /// others append at the same time stands before or after it.
    ///
    /// # Errors
    /// `NotRegular`, `NoSpace`, `NotAllowed`, `CannotWrite`.
    pub fn append(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let file = retry_on_intr(|| openat(&*self.folder.file, &*self.name, flags, mode));
        let mut file = File::from(file.map_err(StoreError::write)?);
        check_regular(&fstat(&file).map_err(StoreError::write)?)?;
        file.write_all(bytes).map_err(StoreError::write)
    }
}

/// Opens a file to record events as they happen. It is created if missing and appended to; see [`empty`]. A pipe or a
/// device is accepted as well; a write to it may wait. The file that stdin is read from (`stdin` is its status) is
/// rejected: it would grow while it is read.
///
/// # Errors
/// `NotFound`, `NoSpace`, `NotAllowed`, `CannotWrite`.
pub fn record(path: &Path, stdin: Option<Stat>) -> Result<File, StoreError> {
    // Records of two processes stand in the file in the order of their writes.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::NOCTTY | OFlags::CLOEXEC;
    // A FIFO without a reader is an error, not a wait.
    let mode = Mode::from_raw_mode(0o666);
    let file = retry_on_intr(|| rustix::fs::open(path, flags | OFlags::NONBLOCK, mode))
        .map_err(StoreError::write)?;
    rustix::fs::fcntl_setfl(&file, OFlags::APPEND).map_err(StoreError::write)?;
    let own = fstat(&file).map_err(StoreError::write)?;
    let is_regular = FileType::from_raw_mode(own.st_mode) == FileType::RegularFile;
    if is_regular && stdin.is_some_and(|stdin| same_file(&stdin, &own)) {
        return Err(StoreError::new(StoreErrorKind::CannotWrite, "is the file that stdin is read from"));
    }
    Ok(file.into())
}

/// Removes the content of a regular file; a pipe or a device is left as it is.
///
/// # Errors
/// `NotAllowed`, `CannotWrite`.
pub fn empty(file: &File) -> Result<(), StoreError> {
    let status = fstat(file).map_err(StoreError::write)?;
    if FileType::from_raw_mode(status.st_mode) == FileType::RegularFile {
        rustix::fs::ftruncate(file, 0).map_err(StoreError::write)?;
    }
    Ok(())
}

/// Opens a FIFO or a device for writing; `None` for anything else. Waits until a FIFO has a reader. Only links that the
/// system makes are followed: /dev/stdout, /dev/fd/63.
///
/// # Errors
/// `NotAllowed`, `CannotWrite`.
pub fn sink(path: &Path) -> Result<Option<File>, StoreError> {
    let folder = path.parent().unwrap_or(path);
    let is_systems =
        folder == Path::new("/dev") || folder == Path::new("/dev/fd") || path.starts_with("/proc");
    let (look, more) = match is_systems {
        true => (AtFlags::empty(), OFlags::empty()),
        false => (AtFlags::SYMLINK_NOFOLLOW, OFlags::NOFOLLOW),
    };
    let kind = statat(CWD, path, look).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if !matches!(kind, Ok(FileType::Fifo | FileType::CharacterDevice)) {
        return Ok(None);
    }
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC | more;
    let opened = retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()));
    opened.map(|file| Some(file.into())).map_err(StoreError::write)
}

/// Creates an empty file without a name, in the folder of a text or in the system's temporary folder: it disappears
/// when closed.
///
/// # Errors
/// `NotAllowed`, `NoSpace`, `CannotWrite`.
pub fn nameless(beside: Option<&TextPlace>) -> Result<File, StoreError> {
    // Permission to write a text does not imply permission to make files beside it.
    if let Some(file) = beside.and_then(|place| nameless_in(&place.folder).ok()) {
        return Ok(file);
    }
    nameless_in(&Folder::open(&std::env::temp_dir())?)
}

fn nameless_in(folder: &Folder) -> Result<File, StoreError> {
    let mode = Mode::RUSR | Mode::WUSR;
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    match retry_on_intr(|| openat(&*folder.file, ".", flags, mode)) {
        Ok(file) => return Ok(file.into()),
        // Not every file system has them.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => {}
        Err(error) => return Err(StoreError::write(error)),
    }
    let mut id = [0; 8];
    getrandom(&mut id, GetRandomFlags::empty()).map_err(StoreError::write)?;
    let name = format!("{PART_PREFIX}{:016x}{PART_SUFFIX}", u64::from_ne_bytes(id));
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = retry_on_intr(|| openat(&*folder.file, &*name, flags, mode)).map_err(StoreError::write)?;
    unlinkat(&*folder.file, &*name, AtFlags::empty()).map_err(StoreError::write)?;
    Ok(file.into())
}
