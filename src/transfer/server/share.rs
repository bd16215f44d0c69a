//! `--share`: the shared files, and the part of them that a client asks for.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::proto::transfer::hello::Hello;
use crate::proto::transfer::names::CleanPath;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;
use crate::store::{Folder, SymlinkPolicy};
use crate::transfer::send::offering::{Offering, Root};

/// The argument of `--share`.
#[derive(Clone)]
pub(crate) enum Share {
    /// Everything below a folder, and the handling of links in it.
    Folder(Folder, SymlinkPolicy),
    /// One file, under its base name.
    File { path: PathBuf, name: Vec<u8> },
}

impl Share {
    /// Returns the offering for a client: everything, or the names that it asks for. Opens nothing yet.
    ///
    /// # Errors
    /// A name is repeated, or lies below another one.
    pub(crate) fn offering(&self, hello: &Hello) -> Result<Offering, Violation> {
        let mut all = HashSet::new();
        if !hello.names().iter().all(|name| all.insert(name.as_slice())) {
            return Err(Violation::Malformed("a name that comes twice"));
        }
        let is_below_another = |name: &&[u8]| {
            name.iter().enumerate().any(|(at, byte)| *byte == b'/' && all.contains(&name[..at]))
        };
        if all.iter().any(is_below_another) {
            return Err(Violation::Malformed("a name below another one"));
        }
        let roots = match (self, hello.names()) {
            (Share::Folder(folder, _), []) => {
                vec![Root::Folder { folder: folder.clone(), name: Vec::new() }]
            }
            (Share::File { path, name }, []) => {
                vec![Root::File { path: path.clone(), name: name.clone() }]
            }
            (_, names) => names.iter().map(|name| self.root(name)).collect(),
        };
        let links = match self {
            Share::Folder(_, links) => *links,
            Share::File { .. } => SymlinkPolicy::Skip,
        };
        Ok(Offering::new(roots, links, Arc::default()))
    }

    fn root(&self, name: &[u8]) -> Root {
        let missing = |reason, text| Root::Missing { name: name.to_vec(), reason, text };
        if let Err(fault) = CleanPath::parse(name) {
            return missing(Reason::UnsafeName, fault.to_string());
        }
        match self {
            Share::File { path, name: only } if *only == *name => {
                Root::File { path: path.clone(), name: name.to_vec() }
            }
            Share::File { .. } => missing(Reason::NotFound, Reason::NotFound.to_string()),
            Share::Folder(folder, _) => Root::Below { folder: folder.clone(), name: name.to_vec() },
        }
    }
}
