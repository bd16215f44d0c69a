//! What `--share` names, and what a client may have of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::offering::{Offering, Root};
use super::outcome::{Role, reason_of};
use crate::proto::hello::Hello;
use crate::proto::names::CleanPath;
use crate::proto::reason::Reason;
use crate::store::{FaultKind, Folder, Links};

/// What `--share` names.
#[derive(Clone)]
pub(crate) enum Share {
    /// Everything below a folder; no link in it is followed.
    Folder(Folder),
    /// One file, under its base name.
    File { path: PathBuf, name: Vec<u8> },
}

impl Share {
    /// What a client asks for: all, or the names that it gives.
    pub(super) fn offering(&self, hello: &Hello) -> Offering {
        let roots = match (self, hello.names()) {
            (Share::Folder(folder), []) => vec![Root::Folder { folder: folder.clone(), name: Vec::new() }],
            (Share::File { path, name }, []) => {
                vec![Root::File { path: path.clone(), name: name.clone() }]
            }
            (_, names) => names.iter().map(|name| self.root(name)).collect(),
        };
        Offering::new(roots, Links::Skip, Arc::default())
    }

    fn root(&self, name: &[u8]) -> Root {
        let name = name.to_vec();
        if let Err(fault) = CleanPath::parse(&name) {
            return Root::Missing { name, reason: Reason::UnsafeName, text: fault.to_string() };
        }
        match self {
            Share::File { path, name: only } if *only == name => Root::File { path: path.clone(), name },
            Share::File { .. } => {
                Root::Missing { name, reason: Reason::NotFound, text: Reason::NotFound.to_string() }
            }
            Share::Folder(folder) => match folder.source(&name) {
                Ok(_) => Root::Below { folder: folder.clone(), path: name.clone(), name },
                Err(fault) => match folder.below(&name) {
                    Ok(folder) if fault.kind == FaultKind::NotRegular => Root::Folder { folder, name },
                    _ => {
                        let (reason, text) = reason_of(&fault, Role::Sender);
                        Root::Missing { name, reason, text }
                    }
                },
            },
        }
    }
}
