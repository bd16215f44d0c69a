//! Files on which trust rests: who else may read or change them.
//!
//! The rules are those of ssh (`StrictModes`) and of PostgreSQL's keys: such a file belongs to this user or to root.
//! Links are followed: what counts is the file at their end.

use super::confine::check_regular;
use super::error::{StoreError, StoreErrorKind};
use super::folder::Folder;
use super::meta::mode_of;
use super::publish::sync_names;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat, fstat, open, statat};
use rustix::io::{Errno, retry_on_intr};
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{error, fmt};

/// Why a file with keys is not used.
#[derive(Debug, Clone)]
pub enum PrivateError {
    /// Others have access to a secret. Its mode: nine bits.
    Readable(u32),
    /// Others may change it. Its mode: nine bits.
    Writable(u32),
    /// It belongs to another user, of this number, who may do both.
    Owner(u32),
    /// A secret has no content.
    Empty,
    /// It is larger than this number of bytes.
    TooLarge(u64),
    /// Something else.
    Store(StoreError),
}

impl PrivateError {
    /// The line for people. `name` is the path as it may be printed; it is part of the command to type, quoted for a shell.
    pub fn about(&self, name: impl fmt::Display) -> String {
        let (mode, chmod) = match self {
            PrivateError::Readable(mode) => (mode, "others have access to it; type: chmod 600 "),
            PrivateError::Writable(mode) => (mode, "others can change it; type: chmod go-w "),
            other => return format!("{name}: {other}"),
        };
        let name = name.to_string();
        format!("{name}: has mode {mode:04o}, so {chmod}{}", quoted(&name))
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+=:,@%".contains(char);
    match word.chars().all(is_plain) && !word.starts_with('-') {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Without the name of the file: [`PrivateError::about`] says more.
impl fmt::Display for PrivateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivateError::Readable(mode) => write!(f, "has mode {mode:04o}, so others have access to it"),
            PrivateError::Writable(mode) => write!(f, "has mode {mode:04o}, so others can change it"),
            PrivateError::Owner(uid) => write!(f, "belongs to another user, of number {uid}"),
            PrivateError::Empty => f.write_str("is empty: remove it"),
            PrivateError::TooLarge(bytes) => {
                write!(f, "is larger than the {bytes} bytes that are read at most")
            }
            PrivateError::Store(fault) => fault.fmt(f),
        }
    }
}

/// The text of a [`StoreError`] is part of its own.
impl error::Error for PrivateError {}

impl From<StoreError> for PrivateError {
    fn from(fault: StoreError) -> Self {
        PrivateError::Store(fault)
    }
}

/// A user's number, and the mode of a file.
#[derive(Clone, Copy)]
pub(super) struct Ownership {
    uid: u32,
    mode: u32,
}

impl Ownership {
    fn of(stat: &Stat) -> Self {
        Self { uid: stat.st_uid, mode: mode_of(stat.st_mode as _).into() }
    }

    /// Checks a secret, for the user `own`. A secret of root may be readable by a group: so systemd hands one to a
    /// service (`LoadCredential=`), whose access list shows as the group's bits.
    pub(super) fn check_secret(self, own: u32) -> Result<(), PrivateError> {
        let forbidden = if self.uid == own { 0o077 } else { 0o037 };
        match self {
            _ if self.uid != own && self.uid != 0 => Err(PrivateError::Owner(self.uid)),
            _ if self.mode & forbidden != 0 => Err(PrivateError::Readable(self.mode)),
            _ => Ok(()),
        }
    }

    /// Checks a list of keys, for the user `own`.
    pub(super) fn check_list(self, own: u32) -> Result<(), PrivateError> {
        match self {
            _ if self.uid != own && self.uid != 0 => Err(PrivateError::Owner(self.uid)),
            _ if self.mode & 0o022 != 0 => Err(PrivateError::Writable(self.mode)),
            _ => Ok(()),
        }
    }
}

/// The rule for a kind of file.
pub(super) type Rule = fn(Ownership, u32) -> Result<(), PrivateError>;

/// Opens a file for reading, if it is a regular one that keeps the rule. Never blocks. `None`: there is no such file.
pub(super) fn open_private(path: &Path, rule: Rule) -> Result<Option<File>, PrivateError> {
    // Looked at first, because even opening a FIFO or a device is felt at its other end.
    match statat(CWD, path, AtFlags::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        found => check_regular(&found.map_err(StoreError::read)?)?,
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file: File = match retry_on_intr(|| open(path, flags, Mode::empty())) {
        Err(Errno::NOENT) => return Ok(None),
        opened => opened.map_err(StoreError::read)?.into(),
    };
    check_open(&file, rule)?;
    Ok(Some(file))
}

/// Checks that an open file is a regular one and keeps the rule.
pub(super) fn check_open(file: &File, rule: Rule) -> Result<Stat, PrivateError> {
    let stat = fstat(file).map_err(StoreError::read)?;
    check_regular(&stat)?;
    rule(Ownership::of(&stat), rustix::process::geteuid().as_raw())?;
    Ok(stat)
}

/// Splits a path into the folder and the name of a file in it. Makes the folders that are missing, for this user alone.
///
/// # Errors
/// `Unsafe` where it has no file name; those of a folder that cannot be made or opened.
pub(super) fn private_place(path: &Path) -> Result<(Folder, &[u8]), StoreError> {
    use std::os::unix::ffi::OsStrExt;
    let is_folder = path.as_os_str().as_bytes().ends_with(b"/");
    let name = path.file_name().filter(|_| !is_folder);
    let name = name.ok_or_else(|| StoreError::new(StoreErrorKind::Unsafe, "is not the name of a file"))?;
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let missing: Vec<&Path> = parent.ancestors().take_while(|folder| !folder.exists()).collect();
    if !missing.is_empty() {
        DirBuilder::new().recursive(true).mode(0o700).create(parent).map_err(StoreError::write)?;
    }
    for above in missing.iter().filter_map(|folder| folder.parent()) {
        let above = if above == Path::new("") { PathBuf::from(".") } else { above.into() };
        sync_names(&Folder::open(&above)?.file)?;
    }
    Ok((Folder::open(parent)?, name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: u32 = 1000;

    fn secret(uid: u32, mode: u32) -> Result<(), PrivateError> {
        Ownership { uid, mode }.check_secret(OWN)
    }

    fn list(uid: u32, mode: u32) -> Result<(), PrivateError> {
        Ownership { uid, mode }.check_list(OWN)
    }

    #[test]
    fn a_secret_is_for_its_owner_alone() {
        for mode in [0o600, 0o400, 0o000, 0o700] {
            assert!(secret(OWN, mode).is_ok(), "{mode:o}");
        }
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o777] {
            assert!(
                matches!(secret(OWN, mode), Err(PrivateError::Readable(found)) if found == mode),
                "{mode:o}"
            );
        }
        // As systemd hands out credentials.
        assert!(secret(0, 0o440).is_ok());
        for mode in [0o444, 0o460, 0o441] {
            assert!(matches!(secret(0, mode), Err(PrivateError::Readable(_))), "{mode:o}");
        }
        assert!(Ownership { uid: 0, mode: 0o440 }.check_secret(0).is_err());
        assert!(matches!(secret(OWN + 1, 0o600), Err(PrivateError::Owner(1001))));
    }

    #[test]
    fn a_list_is_changed_by_its_owner_alone() {
        for mode in [0o600, 0o644, 0o444] {
            assert!(list(OWN, mode).is_ok() && list(0, mode).is_ok(), "{mode:o}");
        }
        for mode in [0o664, 0o646, 0o622] {
            assert!(
                matches!(list(OWN, mode), Err(PrivateError::Writable(found)) if found == mode),
                "{mode:o}"
            );
            assert!(list(0, mode).is_err(), "{mode:o}");
        }
        assert!(matches!(list(OWN + 1, 0o600), Err(PrivateError::Owner(1001))));
    }

    #[test]
    fn the_command_to_type_is_named() {
        let said = PrivateError::Readable(0o644).about("/a/key");
        assert_eq!(said, "/a/key: has mode 0644, so others have access to it; type: chmod 600 /a/key");
        let said = PrivateError::Writable(0o664).about("known");
        assert_eq!(said, "known: has mode 0664, so others can change it; type: chmod go-w known");
        assert_eq!(PrivateError::Empty.about("key"), "key: is empty: remove it");
        let said = PrivateError::Writable(0o666).about("/a b/it's");
        assert!(said.ends_with(r"; type: chmod go-w '/a b/it'\''s'"), "{said}");
    }
}
