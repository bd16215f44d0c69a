//! What `--share` names, and what a client may have of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::offering::{Offering, Root};
use super::outcome::{Role, reason_of};
use crate::proto::hello::Hello;
use crate::proto::names::CleanPath;
use crate::proto::reason::Reason;
use crate::store::{FaultKind, Folder, Followed, Links};

/// What `--share` names.
#[derive(Clone)]
pub(crate) enum Share {
    /// Everything below a folder, and what becomes of the links in it.
    Folder(Folder, Links),
    /// One file, under its base name.
    File { path: PathBuf, name: Vec<u8> },
}

impl Share {
    /// What a client asks for: all, or the names that it gives.
    pub(super) fn offering(&self, hello: &Hello) -> Offering {
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
            Share::File { .. } => Links::Skip,
        };
        Offering::new(roots, links, Arc::default())
    }

    fn root(&self, name: &[u8]) -> Root {
        let missing = |reason, text| Root::Missing { name: name.to_vec(), reason, text };
        if let Err(fault) = CleanPath::parse(name) {
            return missing(Reason::UnsafeName, fault.to_string());
        }
        let found = match self {
            Share::File { path, name: only } if *only == *name => {
                return Root::File { path: path.clone(), name: name.to_vec() };
            }
            Share::File { .. } => return missing(Reason::NotFound, Reason::NotFound.to_string()),
            Share::Folder(folder, Links::Follow) => followed(folder, name),
            Share::Folder(folder, links) => unfollowed(folder, name, *links),
        };
        found.unwrap_or_else(|(reason, text)| missing(reason, text))
    }
}

fn followed(folder: &Folder, name: &[u8]) -> Result<Root, (Reason, String)> {
    let (folder, name) = (folder.clone(), name.to_vec());
    match folder.followed(&name) {
        Ok(Followed::File(_)) => Ok(Root::Below { folder, path: name.clone(), name }),
        Ok(Followed::Folder(folder)) => Ok(Root::Folder { folder, name }),
        Err(fault) => Err(reason_of(&fault, Role::Sender)),
    }
}

fn unfollowed(folder: &Folder, name: &[u8], links: Links) -> Result<Root, (Reason, String)> {
    let Err(fault) = folder.source(name) else {
        return Ok(Root::Below { folder: folder.clone(), path: name.to_vec(), name: name.to_vec() });
    };
    if fault.kind == FaultKind::NotRegular
        && let Ok(folder) = folder.below(name)
    {
        return Ok(Root::Folder { folder, name: name.to_vec() });
    }
    match folder.link(name) {
        Ok((target, meta)) if links == Links::Copy => Ok(Root::Link { name: name.to_vec(), target, meta }),
        Ok(_) => {
            let text = "is a link, and this server was started without --links";
            Err((Reason::NotAllowed, text.to_owned()))
        }
        Err(_) => Err(reason_of(&fault, Role::Sender)),
    }
}
