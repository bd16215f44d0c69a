//! `--share`: the shared files, and the part of them that a client asks for.

use std::collections::HashSet;
use std::sync::Arc;

use crate::proto::transfer::hello::Hello;
use crate::proto::transfer::names::CleanPath;
use crate::proto::transfer::reason::Reason;
use crate::proto::transfer::violation::Violation;
use crate::store::Share;
use crate::transfer::send::offering::{Offering, Root};

/// Returns the offering of a share for a client: everything, or the names that it asks for. Opens nothing yet.
///
/// # Errors
/// A name is repeated, or lies below another one.
pub(crate) fn offering(share: &Share, hello: &Hello) -> Result<Offering, Violation> {
    let mut all = HashSet::new();
    if !hello.names().iter().all(|name| all.insert(name.as_slice())) {
        return Err(Violation::Malformed("a name that comes twice"));
    }
    let is_below_another =
        |name: &&[u8]| name.iter().enumerate().any(|(at, byte)| *byte == b'/' && all.contains(&name[..at]));
    if all.iter().any(is_below_another) {
        return Err(Violation::Malformed("a name below another one"));
    }
    let roots = match (share, hello.names()) {
        (Share::Folder(folder, _), []) => {
            vec![Root::Folder { folder: folder.clone(), name: Vec::new() }]
        }
        (Share::File { path, name }, []) => {
            vec![Root::File { path: path.clone(), name: name.clone() }]
        }
        (_, names) => names.iter().map(|name| root(share, name)).collect(),
    };
    Ok(Offering::new(roots, share.links(), Arc::default()))
}

fn root(share: &Share, name: &[u8]) -> Root {
    let missing = |reason, text| Root::Missing { name: name.to_vec(), reason, text };
    if let Err(fault) = CleanPath::parse(name) {
        return missing(Reason::UnsafeName, fault.to_string());
    }
    match share {
        Share::File { path, name: only } if *only == *name => {
            Root::File { path: path.clone(), name: name.to_vec() }
        }
        Share::File { .. } => missing(Reason::NotFound, Reason::NotFound.to_string()),
        Share::Folder(folder, _) => Root::Below { folder: folder.clone(), name: name.to_vec() },
    }
}
