//! Commits: give complete files names that survive a loss of power, many files at once.
//!
//! A commit syncs the content, then gives the names, then syncs the folders. Up to four files are synced one by one;
//! for more, one syncfs(2) costs less than many fsync(2).

use super::confine::{check_path, make_folders, open_readable, safe_link_target, split_last};
use super::error::{StoreError, StoreErrorKind};
use super::meta::Meta;
use super::part::Part;
use super::publish::{
    arriving_mode, publish_new, publish_over, publish_over_link, supported, sync, sync_names, times, umask,
};
use super::staging::{Published, StagingFolder, StagingState};
use rustix::fs::{
    AtFlags, FileType, Mode, chmodat, fchmod, fstat, futimens, readlinkat, statat, symlinkat, utimensat,
};
use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::PoisonError;

/// Up to this many files are synced one by one.
const FEW: usize = 4;

/// A complete entry that waits for its final name.
#[derive(Debug)]
pub enum StagedEntry {
    /// A file in a part of its own, which knows its path.
    Part {
        /// The part.
        part: Part,
        /// Its mode and time.
        meta: Meta,
    },
    /// A file in the staging folder.
    Small {
        /// Its final path.
        path: Vec<u8>,
        /// The file.
        file: Published,
    },
    /// A folder; an existing one only gets the time.
    Folder {
        /// Its final path.
        path: Vec<u8>,
        /// Its mode and time.
        meta: Meta,
    },
    /// A symbolic link.
    Link {
        /// Its final path.
        path: Vec<u8>,
        /// Its target.
        target: Vec<u8>,
        /// Its own time.
        meta: Meta,
    },
}

impl StagingFolder {
    /// Syncs the content and gives each entry its final name, in this order; then sets the folders' times and modes,
    /// and syncs the names. Returns the result of each entry in the order given. Blocks while the disk works.
    ///
    /// Existing entries are replaced with `replace` only: files by files, files and links by links. An existing link
    /// with the same target, and an existing file with the content of a small one, count as done. Missing parent
    /// folders are made. Entries may be spread over several commits of one staging folder, but a folder keeps its time
    /// only if no name is added to it later.
    ///
    /// # Errors
    /// For each as [`Part::commit`]. After a failed sync all entries fail, and so does everything that is committed in
    /// this staging folder afterwards.
    pub fn commit(&self, entries: Vec<StagedEntry>, replace: bool) -> Vec<Result<(), StoreError>> {
        let staging = &*self.0;
        let mut lost = staging.lost.lock().unwrap_or_else(PoisonError::into_inner);
        let fail = |count: usize, fault: StoreError| (0..count).map(|_| Err(fault.clone())).collect();
        if *lost {
            let fault = StoreError::new(StoreErrorKind::CannotWrite, "an earlier file could not be synced");
            return fail(entries.len(), fault);
        }
        let entries: Vec<Result<StagedEntry, StoreError>> = entries.into_iter().map(prepared).collect();
        if let Err(fault) = sync_content(staging, &entries) {
            *lost = true;
            return fail(entries.len(), fault);
        }
        let (touched, foreign, late) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        let mut names = CommitNames { staging, replace, parent: None, touched, foreign, late };
        let mut folders = Vec::new();
        let mut results: Vec<Result<(), StoreError>> = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Ok(StagedEntry::Folder { path, meta }) = &entry {
                folders.push((results.len(), path.clone(), *meta));
            }
            results.push(entry.and_then(|entry| names.place(entry)));
        }
        for (index, path, meta) in folders {
            if results[index].is_ok() {
                results[index] = names.set_meta(&path, meta);
            }
        }
        // An empty private folder need not wait for the disk.
        staging.start_new_folder();
        if let Err(fault) = names.sync().and_then(|()| names.close_folders()) {
            *lost = true;
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(fault.clone());
            }
        }
        results
    }

    /// Commits one file, as [`Self::commit`] does.
    ///
    /// # Errors
    /// As there: without one the file is on the disk under its name.
    pub fn commit_part(&self, part: Part, meta: Meta, replace: bool) -> Result<(), StoreError> {
        let result = self.commit(vec![StagedEntry::Part { part, meta }], replace).pop();
        result.unwrap_or_else(|| Err(StoreError::new(StoreErrorKind::CannotWrite, "did not get its name")))
    }
}

fn prepared(entry: StagedEntry) -> Result<StagedEntry, StoreError> {
    match &entry {
        StagedEntry::Part { part, meta } => part.set_meta(*meta)?,
        StagedEntry::Small { path, .. } | StagedEntry::Folder { path, .. } => check_path(path)?,
        StagedEntry::Link { path, target, .. } => {
            check_path(path)?;
            if !safe_link_target(path, target) {
                return Err(StoreError::new(
                    StoreErrorKind::Unsafe,
                    "is a link that leads out of the folder",
                ));
            }
        }
    }
    Ok(entry)
}

fn sync_content(
    staging: &StagingState,
    entries: &[Result<StagedEntry, StoreError>],
) -> Result<(), StoreError> {
    let has_content =
        |entry: &&StagedEntry| matches!(entry, StagedEntry::Part { .. } | StagedEntry::Small { .. });
    let files = || entries.iter().flatten().filter(has_content);
    let fault = |error| StoreError::system(error, StoreErrorKind::CannotWrite, "the file cannot be synced");
    let at_once = files().count() > FEW && sync_all(&staging.root).map_err(fault)?;
    let device = device(&staging.root)?;
    for entry in files() {
        match entry {
            // A part may be on a file system that is mounted below the destination; a staged file cannot.
            StagedEntry::Part { part, .. } if !at_once || self::device(part.file())? != device => {
                sync(part.file()).map_err(fault)?;
            }
            StagedEntry::Small { file, .. } if !at_once => sync(&file.open()?).map_err(fault)?,
            _ => {}
        }
    }
    Ok(())
}

/// Syncs a whole file system. Returns false if this system does not report failures: syncfs(2) returns write-back
/// errors since Linux 5.8.
#[cfg(all(target_os = "linux", not(sendall_portable)))]
fn sync_all(folder: &File) -> std::io::Result<bool> {
    use std::sync::OnceLock;
    static IS_RELIABLE: OnceLock<bool> = OnceLock::new();
    let is_reliable = *IS_RELIABLE.get_or_init(|| {
        let name = rustix::system::uname();
        let release = name.release().to_string_lossy();
        let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 8)
    });
    if is_reliable {
        rustix::fs::syncfs(folder)?;
    }
    Ok(is_reliable)
}

#[cfg(not(all(target_os = "linux", not(sendall_portable))))]
fn sync_all(_folder: &File) -> std::io::Result<bool> {
    Ok(false)
}

fn device(file: &File) -> Result<u64, StoreError> {
    use std::os::unix::fs::MetadataExt;
    file.metadata().map(|found| found.dev()).map_err(StoreError::read)
}

/// The names of one commit.
struct CommitNames<'a> {
    staging: &'a StagingState,
    replace: bool,
    /// The folder of the last name, held open: consecutive files mostly share it.
    parent: Option<(Vec<u8>, File)>,
    /// Folders that have changed; the empty path is the destination.
    touched: BTreeSet<Vec<u8>>,
    /// Changed folders on another file system than the destination.
    foreign: BTreeSet<Vec<u8>>,
    /// Folders whose final mode forbids this process to open them, with that mode.
    late: Vec<(Vec<u8>, Mode)>,
}

impl CommitNames<'_> {
    fn place(&mut self, entry: StagedEntry) -> Result<(), StoreError> {
        let replace = self.replace;
        match entry {
            StagedEntry::Part { part, .. } => {
                self.touch(split_last(part.path()).0.unwrap_or_default(), part.folder())?;
                part.publish(replace)
            }
            StagedEntry::Small { path, mut file } => {
                if let Some(mode) = file.late_mode {
                    chmodat(&file.private.file, &*file.name, mode, AtFlags::empty())
                        .map_err(StoreError::write)?;
                }
                let (parent, name) = self.parent_of(&path)?;
                match publish_new(&file.private.file, &file.name, parent, name) {
                    Err(fault) if replace && fault.kind == StoreErrorKind::Exists => {
                        publish_over(&file.private.file, &file.name, parent, name)?;
                    }
                    // For example when a session is repeated because the first one seemed lost.
                    Err(fault) if fault.kind == StoreErrorKind::Exists && file.is_same(parent, name) => {
                        return Ok(());
                    }
                    done => done?,
                }
                file.moved = true;
                Ok(())
            }
            StagedEntry::Folder { path, .. } => {
                let (folder, _) = make_folders(&self.staging.root, &path, &self.staging.made)?;
                self.touch(&path, &folder)
            }
            StagedEntry::Link { path, target, meta } => self.link(&path, &target, meta),
        }
    }

    fn link(&mut self, path: &[u8], target: &[u8], meta: Meta) -> Result<(), StoreError> {
        let mut new = self.staging.new_name()?;
        let replace = self.replace;
        let (parent, name) = self.parent_of(path)?;
        let private = &new.private.file;
        symlinkat(target, private, &*new.name).map_err(StoreError::write)?;
        supported(utimensat(private, &*new.name, &times(meta), AtFlags::SYMLINK_NOFOLLOW))
            .map_err(StoreError::write)?;
        if let Err(fault) = publish_new(private, &new.name, parent, name) {
            let found = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(StoreError::write)?;
            let is_link = FileType::from_raw_mode(found.st_mode) == FileType::Symlink;
            if is_link && readlinkat(parent, name, Vec::new()).is_ok_and(|text| text.as_bytes() == target) {
                return Ok(());
            }
            match (is_link, replace) {
                (true, true) => publish_over_link(private, &new.name, parent, name)?,
                (true, false) => {
                    return Err(StoreError::new(
                        StoreErrorKind::Exists,
                        "exists already, and leads elsewhere",
                    ));
                }
                (false, true) if fault.kind == StoreErrorKind::Exists => {
                    publish_over(private, &new.name, parent, name)?
                }
                (false, _) => return Err(fault),
            }
        }
        new.moved = true;
        Ok(())
    }

    /// Returns the folder of a path's last component, made if missing, and that component.
    fn parent_of<'p>(&mut self, path: &'p [u8]) -> Result<(&File, &'p [u8]), StoreError> {
        let (parents, name) = split_last(path);
        let parents = parents.unwrap_or_default();
        let held = match self.parent.take() {
            Some(held) if held.0 == parents => held,
            _ => {
                let (parent, _) = make_folders(&self.staging.root, parents, &self.staging.made)?;
                self.touch(parents, &parent)?;
                (parents.to_vec(), parent)
            }
        };
        let (_, parent) = self.parent.insert(held);
        Ok((parent, name))
    }

    /// Records a folder that changes.
    fn touch(&mut self, path: &[u8], folder: &File) -> Result<(), StoreError> {
        if !self.touched.contains(path) {
            if device(folder)? != device(&self.staging.root)? {
                self.foreign.insert(path.to_vec());
            }
            self.touched.insert(path.to_vec());
        }
        Ok(())
    }

    /// Sets the time of a folder and, if it was made for received entries, the mode. Special bits that it has from its
    /// parent stay.
    fn set_meta(&mut self, path: &[u8], meta: Meta) -> Result<(), StoreError> {
        let folder = self.open(path)?;
        supported(futimens(&folder, &times(meta))).map_err(StoreError::write)?;
        if !self.staging.made.remove(path, &folder) {
            return Ok(());
        }
        let special = fstat(&folder).map_err(StoreError::write)?.st_mode & 0o7000;
        let mode = Mode::from_raw_mode(arriving_mode(meta.mode, umask()) as rustix::fs::RawMode | special);
        if mode.contains(Mode::RWXU) {
            return supported(fchmod(&folder, mode)).map_err(StoreError::write);
        }
        self.late.push((path.to_vec(), mode));
        Ok(())
    }

    /// Sets the modes that lock this user out, of each folder after those in it.
    fn close_folders(&self) -> Result<(), StoreError> {
        for (path, mode) in &self.late {
            let folder = self.open(path)?;
            supported(fchmod(&folder, *mode)).map_err(StoreError::write)?;
            sync_names(&folder)?;
        }
        Ok(())
    }

    /// Syncs all changed folders and those above them, which may have been made for an earlier file, or never synced.
    fn sync(&self) -> Result<(), StoreError> {
        let all = with_ancestors(&self.touched);
        let fault =
            |error| StoreError::system(error, StoreErrorKind::CannotWrite, "the folders cannot be synced");
        let at_once = all.len() > FEW && sync_all(&self.staging.root).map_err(fault)?;
        let rest = if at_once { with_ancestors(&self.foreign) } else { all };
        rest.into_iter().try_for_each(|path| sync_names(&self.open(path)?))
    }

    fn open(&self, path: &[u8]) -> Result<File, StoreError> {
        if path.is_empty() {
            return self.staging.root.try_clone().map_err(StoreError::write);
        }
        open_readable(self.staging.root.as_fd(), path).map(File::from).map_err(StoreError::write)
    }
}

fn with_ancestors(paths: &BTreeSet<Vec<u8>>) -> BTreeSet<&[u8]> {
    let mut all = BTreeSet::new();
    for path in paths {
        let mut path = Some(&path[..]);
        while let Some(here) = path {
            if !all.insert(here) {
                break;
            }
            path = if here.is_empty() { None } else { Some(split_last(here).0.unwrap_or_default()) };
        }
    }
    all
}
