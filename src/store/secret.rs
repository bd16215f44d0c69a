//! The file of a secret, which is made where there is none.

use super::confine::{PART_PREFIX, PART_SUFFIX};
use super::error::{StoreError, StoreErrorKind};
use super::private::{Ownership, PrivateError, open_private, private_place};
use super::publish::{publish_new, sync, sync_names};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fchmod, openat, statat, unlinkat};
use rustix::io::{Errno, retry_on_intr};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// The largest secret that is read, in bytes.
const MAX_SECRET_BYTES: usize = 64 * 1024;

/// A secret, and where it is kept.
pub struct Secret {
    /// Its bytes, which are cleared when they are dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Where it is kept.
    pub kept: Kept,
}

/// Where a secret is kept.
#[derive(Debug, Clone)]
pub enum Kept {
    /// In its file, which was there.
    Found,
    /// In its file, which is new.
    Created,
    /// In memory alone: this is why there is no file.
    Nowhere(StoreError),
}

/// Reads a secret from its file. Where there is none, makes one, and a file that only this user can read; missing
/// folders are made the same way.
///
/// The file gets its name when it is complete, and replaces nothing: of processes that start at once, one creates it, and
/// all have the same secret. It is on the disk before this returns.
///
/// # Errors
/// Those of `make`; [`PrivateError`] for a file that is there and cannot be used. A file that cannot be made is none:
/// see [`Kept::Nowhere`].
pub fn read_or_create<E: From<PrivateError>>(
    path: &Path,
    make: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, E>,
) -> Result<Secret, E> {
    // Where the folder may not be looked into, nothing can be made either.
    let hidden = match statat(CWD, path, AtFlags::empty()) {
        Err(error @ Errno::ACCESS) => Some(StoreError::read(error)),
        _ => None,
    };
    if hidden.is_none()
        && let Some(bytes) = read(path)?
    {
        return Ok(Secret { bytes, kept: Kept::Found });
    }
    let bytes = make()?;
    match hidden.map_or_else(|| create(path, &bytes), Err) {
        Ok(()) => Ok(Secret { bytes, kept: Kept::Created }),
        Err(fault) if is_taken(&fault) => match read(path)? {
            Some(bytes) => Ok(Secret { bytes, kept: Kept::Found }),
            None => {
                let text = "is a link to a file that does not exist";
                Err(PrivateError::from(fault.seen_as(StoreErrorKind::NotFound, text)).into())
            }
        },
        Err(fault) => Ok(Secret { bytes, kept: Kept::Nowhere(fault) }),
    }
}

/// Whether something has the name.
fn is_taken(fault: &StoreError) -> bool {
    matches!(fault.kind, StoreErrorKind::Exists | StoreErrorKind::Unsafe | StoreErrorKind::NotRegular)
}

fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, PrivateError> {
    let Some(file) = open_private(path, Ownership::check_secret)? else { return Ok(None) };
    // Room for all of it: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 1));
    file.take(MAX_SECRET_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(StoreError::read)?;
    match bytes.len() {
        0 => Err(PrivateError::Empty),
        1..=MAX_SECRET_BYTES => Ok(Some(bytes)),
        _ => Err(PrivateError::TooLarge(MAX_SECRET_BYTES as u64)),
    }
}

fn create(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let (folder, name) = private_place(path)?;
    let mut id = [0; 8];
    getrandom(&mut id, GetRandomFlags::empty()).map_err(StoreError::write)?;
    let temporary = format!("{PART_PREFIX}{:016x}{PART_SUFFIX}", u64::from_ne_bytes(id));
    let mode = Mode::RUSR | Mode::WUSR;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file =
        retry_on_intr(|| openat(&*folder.file, &*temporary, flags, mode)).map_err(StoreError::write)?;
    let done =
        fill(file.into(), bytes).and_then(|()| publish_new(&folder.file, &temporary, &folder.file, name));
    if done.is_err() {
        let _ = unlinkat(&*folder.file, &*temporary, AtFlags::empty());
    }
    done?;
    // The secret is in place: a folder that cannot be synced is no reason to use another one.
    let _ = sync_names(&folder.file);
    Ok(())
}

fn fill(mut file: File, bytes: &[u8]) -> Result<(), StoreError> {
    // The umask may have left less.
    fchmod(&file, Mode::RUSR | Mode::WUSR).map_err(StoreError::write)?;
    file.write_all(bytes).map_err(StoreError::write)?;
    sync(&file).map_err(StoreError::write)
}
