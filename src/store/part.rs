//! A file that is being received, under a temporary name beside its final one.

use super::confine::{check_path, check_regular, make_folders, open_readable, split_last};
use super::error::{StoreError, StoreErrorKind};
use super::folder::Folder;
use super::meta::Meta;
use super::origin::{self, Origin, forget};
use super::publish::{arriving_mode, publish_new, publish_over, supported, sync, times, umask};
use super::temporary::{Lock, TRIES, busy, clear, is_name_of, lock, open_leftover, temporary_name};
use rustix::fs::{AtFlags, Mode, OFlags, Stat, fchmod, fdatasync, fstat, futimens, openat, unlinkat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

/// A file that is being received. Dropping it before it has its final name removes it, unless it is kept: see
/// [`Part::keep`].
#[derive(Debug)]
pub struct Part {
    /// The folder of the final name.
    folder: File,
    path: Vec<u8>,
    temporary: String,
    file: File,
    kept: bool,
}

impl Part {
    /// Creates and locks an empty temporary file for `path` in `folder`. Missing folders on the way are made.
    ///
    /// The temporary name is derived from the last component, so that a second session for the same name detects the
    /// first, and a later one finds the part. An existing file of that name is never written to: it is removed, unless
    /// it is a live part or a folder.
    ///
    /// # Errors
    /// `Busy` while another session writes that name; `Unsafe` for a path that is not clean, or has a link in it, or
    /// a folder in the way; `NotRegular` for a file where a folder should be; `NoSpace`, `NotAllowed`, `CannotWrite`.
    pub fn create(folder: &Folder, path: &[u8]) -> Result<Self, StoreError> {
        check_path(path)?;
        let (parents, name) = split_last(path);
        let (parent, _) = make_folders(&folder.file, parents.unwrap_or_default(), &folder.made)?;
        let temporary = temporary_name(name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for _ in 0..TRIES {
            let file = match openat(&parent, &*temporary, flags, Mode::RUSR | Mode::WUSR) {
                Ok(file) => File::from(file),
                Err(Errno::INTR) => continue,
                Err(Errno::EXIST) => {
                    clear(&parent, &temporary)?;
                    continue;
                }
                Err(error) => return Err(StoreError::write(error)),
            };
            if matches!(lock(&file), Lock::Elsewhere) {
                // Before the lock another session took the file for a leftover, and removes it.
                continue;
            }
            if is_name_of(&parent, &temporary, &file).map_err(StoreError::write)? {
                return Ok(Self { folder: parent, path: path.to_vec(), temporary, file, kept: false });
            }
        }
        Err(busy())
    }

    /// Opens and locks the part that an earlier session left for `path`. Returns it with its size in bytes, or `None`
    /// if there is none. Verify its content by digests. A file that is not regular, not owned by this user, or has a
    /// second name is not a part: it is removed.
    ///
    /// # Errors
    /// As [`Part::create`], but no folder is made.
    pub fn resume(folder: &Folder, path: &[u8]) -> Result<Option<(Self, u64)>, StoreError> {
        let resumed = Part::resume_any(folder, path)?;
        // What is written now may be from elsewhere.
        Ok(resumed.inspect(|(part, _)| forget(&part.file)))
    }

    /// The same, with the record of its origin left as it is.
    pub(super) fn resume_any(folder: &Folder, path: &[u8]) -> Result<Option<(Self, u64)>, StoreError> {
        let Some(parent) = part_folder(folder, path)? else { return Ok(None) };
        let temporary = temporary_name(split_last(path).1);
        let mut file = match open_part(&parent, &temporary)? {
            Some(file) => file,
            None => return clear(&parent, &temporary).map(|()| None),
        };
        match lock(&file) {
            Lock::Held if is_name_of(&parent, &temporary, &file).map_err(StoreError::write)? => {}
            Lock::Held => return Ok(None),
            Lock::Elsewhere => return Err(busy()),
            Lock::Unsupported => return clear(&parent, &temporary).map(|()| None),
        }
        // A killed session has not cut it.
        cut_holes(&file).map_err(StoreError::write)?;
        let size_bytes = file.seek(SeekFrom::End(0)).map_err(StoreError::write)?;
        let part = Self { folder: parent, path: path.to_vec(), temporary, file, kept: false };
        Ok(Some((part, size_bytes)))
    }

    /// Opens the part that an earlier session left, as [`Part::resume`] does, with the origin of its bytes, if that is known.
    /// The size is that of the bytes which are surely from there: after a restart of the system, those that were synced.
    ///
    /// # Errors
    /// As [`Part::resume`].
    pub fn resume_with_origin(
        folder: &Folder,
        path: &[u8],
    ) -> Result<Option<(Self, u64, Option<Origin>)>, StoreError> {
        let Some((part, size_bytes)) = Part::resume_any(folder, path)? else { return Ok(None) };
        Ok(Some(match origin::read(&part.file) {
            Some((origin, synced_bytes)) => (part, size_bytes.min(synced_bytes), Some(origin)),
            None => (part, size_bytes, None),
        }))
    }

    /// Returns the size in bytes of the part that was left for `path`, and its origin if that is known, as
    /// [`Part::resume_with_origin`] would, without taking it: it may be in use. `None`: there is none.
    pub fn look(folder: &Folder, path: &[u8]) -> Option<(u64, Option<Origin>)> {
        let parent = part_folder(folder, path).ok()??;
        let file = open_part(&parent, &temporary_name(split_last(path).1)).ok()??;
        let size_bytes = u64::try_from(fstat(&file).ok()?.st_size).ok()?;
        Some(match origin::read(&file) {
            Some((origin, synced_bytes)) => (size_bytes.min(synced_bytes), Some(origin)),
            None => (size_bytes, None),
        })
    }

    /// Records the origin of the bytes that will be written, or that there is none. A failure leaves the part without one.
    pub fn set_origin(&self, origin: Option<&Origin>) {
        match origin {
            Some(origin) => origin::write(&self.file, origin, 0),
            None => forget(&self.file),
        }
    }

    /// Keeps the part as [`Part::keep`] does, after a sync: its bytes count after a restart of the system as well. Blocks
    /// while the disk works.
    pub fn keep_from(self, origin: &Origin) {
        match (fdatasync(&self.file), fstat(&self.file)) {
            (Ok(()), Ok(stat)) => origin::write(&self.file, origin, u64::try_from(stat.st_size).unwrap_or(0)),
            // Bytes may be lost (fsync(2)).
            _ => forget(&self.file),
        }
        self.keep();
    }

    /// Appends all of `bytes` to the bytes written by this function; the first call appends to the part.
    ///
    /// # Errors
    /// `NoSpace`, `CannotWrite`. The number of written bytes is then unknown.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(StoreError::write)
    }

    /// Writes all of `bytes` at a byte offset, without moving the position of [`Part::write_all`].
    ///
    /// # Errors
    /// As [`Part::write_all`].
    pub fn write_at(&mut self, offset_bytes: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all_at(bytes, offset_bytes).map_err(StoreError::write)
    }

    /// Truncates the part, or extends it with zeros; [`Part::write_all`] continues at its end.
    ///
    /// # Errors
    /// `NoSpace`, `CannotWrite`.
    pub fn set_len(&mut self, size_bytes: u64) -> Result<(), StoreError> {
        self.file.set_len(size_bytes).map_err(StoreError::write)?;
        self.file.seek(SeekFrom::Start(size_bytes)).map_err(StoreError::write)?;
        Ok(())
    }

    /// Returns the open file, for reading by offset.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Returns the bytes allocated on the disk: fewer than its length if it has holes, 0 if the file system does not
    /// report them.
    pub fn allocated_bytes(&self) -> u64 {
        // st_blocks counts pieces of 512 bytes, see inode(7).
        fstat(&self.file).map_or(0, |stat| u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512))
    }

    /// Returns its final path.
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Returns the folder of its final name.
    pub(super) fn folder(&self) -> &File {
        &self.folder
    }

    /// Keeps the part for a later session, which continues it with [`Part::resume`]. If less than half of it was
    /// received, it is cut to at most twice the received bytes.
    pub fn keep(mut self) {
        // A part that cannot be cut can still be resumed.
        self.kept = cut_holes(&self.file).map_or(true, |size_bytes| size_bytes > 0);
    }

    /// Sets whether the part is kept when dropped.
    pub fn keep_if_dropped(&mut self, kept: bool) {
        self.kept = kept;
    }

    /// Returns metadata for a file that was sent without any: the time of the last write, and a mode limited by the
    /// umask only.
    ///
    /// # Errors
    /// `CannotWrite`.
    pub fn meta_as_written(&self) -> Result<Meta, StoreError> {
        let stat = fstat(&self.file).map_err(StoreError::write)?;
        Ok(Meta { mode: 0o666, ..Meta::of(&stat) })
    }

    /// Sets mode and modification time, syncs the file and renames it to its final name, with `replace` in place of a
    /// regular file. Blocks while the disk works. The name survives a loss of power only after [`Folder::sync`].
    /// [`super::StagingFolder::commit`] does all this for many files.
    ///
    /// Mode and time are left as they are on file systems that do not have them.
    ///
    /// # Errors
    /// `Exists`; `Unsafe` and `NotRegular` where something else than a regular file has the name, even with
    /// `replace`; `NoSpace`, `NotAllowed`, `CannotWrite`. The temporary file is removed, and nothing is tried again.
    pub fn commit(self, meta: Meta, replace: bool) -> Result<(), StoreError> {
        self.set_meta(meta)?;
        sync(&self.file).map_err(|error| {
            StoreError::system(error, StoreErrorKind::CannotWrite, "the file cannot be synced")
        })?;
        self.publish(replace)
    }

    pub(super) fn set_meta(&self, meta: Meta) -> Result<(), StoreError> {
        forget(&self.file);
        let mode = Mode::from_raw_mode(arriving_mode(meta.mode, umask()) as _);
        supported(fchmod(&self.file, mode)).map_err(StoreError::write)?;
        supported(futimens(&self.file, &times(meta))).map_err(StoreError::write)
    }

    /// Renames the file to its final name. Its bytes must be on disk.
    pub(super) fn publish(self, replace: bool) -> Result<(), StoreError> {
        if !self.holds_name().map_err(StoreError::write)? {
            return Err(StoreError::new(StoreErrorKind::CannotWrite, "its temporary file was taken away"));
        }
        let publish = if replace { publish_over } else { publish_new };
        publish(&self.folder, &self.temporary, &self.folder, split_last(&self.path).1)
    }

    /// Returns whether the temporary name is that of this file.
    fn holds_name(&self) -> Result<bool, Errno> {
        is_name_of(&self.folder, &self.temporary, &self.file)
    }
}

/// Opens the folder in which the part of a path is, if there is such a folder.
fn part_folder(folder: &Folder, path: &[u8]) -> Result<Option<File>, StoreError> {
    check_path(path)?;
    match split_last(path).0 {
        None => folder.file.try_clone().map(Some).map_err(StoreError::write),
        // Creating the part reports any fault.
        Some(parents) => Ok(open_readable(folder.file.as_fd(), parents).ok().map(File::from)),
    }
}

/// Removes the temporary name if it is still that of this file. After a successful rename it is not.
impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept && self.holds_name() == Ok(true) {
            // There is no caller to report to; the next part of that name removes it.
            let _ = unlinkat(&self.folder, &*self.temporary, AtFlags::empty());
        }
    }
}

/// Cuts a part after the last byte up to which at least half of it is data, and returns its new size. Blocks may come
/// far apart: a sender of a few must not make a later session read large holes.
#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn cut_holes(file: &File) -> Result<u64, Errno> {
    use rustix::fs::{SeekFrom::Data, SeekFrom::Hole, ftruncate, seek};
    let size_bytes = fstat(file)?.st_size as u64;
    let (mut at, mut data_bytes, mut useful_bytes) = (0, 0, 0);
    while at < size_bytes {
        let start = match seek(file, Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            // A file system that does not know.
            Err(_) => return Ok(size_bytes),
        };
        at = seek(file, Hole(start))?;
        data_bytes += at - start;
        if data_bytes >= at - data_bytes {
            useful_bytes = at.min(size_bytes);
        }
    }
    if useful_bytes < size_bytes {
        ftruncate(file, useful_bytes)?;
    }
    Ok(useful_bytes)
}

/// Cuts nothing where holes cannot be seen.
#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn cut_holes(file: &File) -> Result<u64, Errno> {
    Ok(fstat(file)?.st_size as u64)
}

/// Opens a leftover for writing, if a session of this user can have left it as a part: a regular file without a second
/// name. It is checked before the open, because even opening a FIFO is noticed at its other end.
fn open_part(folder: &File, temporary: &str) -> Result<Option<File>, StoreError> {
    use rustix::fs::statat;
    let ours = |stat: &Stat| {
        check_regular(stat).is_ok()
            && stat.st_nlink == 1
            && stat.st_uid == rustix::process::geteuid().as_raw()
            && Mode::from_raw_mode(stat.st_mode).contains(Mode::RUSR | Mode::WUSR)
    };
    match statat(folder, temporary, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if ours(&stat) => {}
        Ok(_) | Err(Errno::NOENT) => return Ok(None),
        Err(error) => return Err(StoreError::write(error)),
    }
    match open_leftover(folder, temporary) {
        Ok(file) => Ok(ours(&fstat(&file).map_err(StoreError::write)?).then_some(file)),
        Err(Errno::NOENT | Errno::LOOP | Errno::MLINK) => Ok(None),
        Err(error) => Err(StoreError::write(error)),
    }
}
