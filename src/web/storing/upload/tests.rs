//! Uploads that another request ends while they read.

use std::path::Path;
use std::sync::Arc;

use super::super::announced::Announced;
use super::super::running::RunningUploads;
use super::{Upload, UploadContext, UploadStart};
use crate::net::endpoint::PeerName;
use crate::report::{Level, Report};
use crate::store::Folder;
use crate::web::terms::ETagSource;

/// An empty folder to which files are uploaded.
pub(in crate::web::storing) struct Surroundings {
    place: tempfile::TempDir,
    pub(in crate::web::storing) folder: Folder,
    pub(in crate::web::storing) running: Arc<RunningUploads>,
}

impl Surroundings {
    pub(in crate::web::storing) fn new() -> Surroundings {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(Path::new(place.path())).unwrap();
        Surroundings { place, folder, running: Arc::default() }
    }

    /// Begins the upload of a file.
    pub(in crate::web::storing) fn begin(&self, path: &[u8], size_bytes: Option<u64>) -> Upload {
        let context = UploadContext {
            running: &self.running,
            folder: &self.folder,
            report: &Report::new(Level::Quiet, crate::net::clock::read_clock),
            peer: &PeerName::from_ip(None),
            digests: None,
            etag: ETagSource::Metadata,
            max_size: None,
            waker: None,
        };
        let start = UploadStart {
            path,
            announced: Announced { size_bytes, mtime_seconds: None },
            from: 0,
            replaced: None,
            whole_sha256: None,
            content_sha256: None,
        };
        Upload::begin(&context, start).unwrap_or_else(|_| panic!("refused"))
    }
}

#[test]
fn an_upload_that_was_ended_does_not_read_its_part() {
    let surroundings = Surroundings::new();
    let mut upload = surroundings.begin(b"f", Some(9));
    upload.write(b"content").unwrap();
    upload.keep();
    upload.run().end();
    assert_eq!(upload.resume(7).unwrap_err().status, 409);
    // Its part stays.
    drop(upload);
    let mut upload = surroundings.begin(b"g", Some(9));
    upload.path = b"f".to_vec();
    upload.resume(7).unwrap();
    assert_eq!(upload.offset(), 7);
}

#[test]
fn an_upload_that_was_ended_does_not_read_the_file_that_is_there() {
    let surroundings = Surroundings::new();
    std::fs::write(surroundings.place.path().join("f"), "content").unwrap();
    for (is_ended, status) in [(false, Ok(200)), (true, Err("the file is being written just now"))] {
        let mut upload = surroundings.begin(b"f", Some(7));
        upload.write(b"content").unwrap();
        if is_ended {
            upload.run().end();
        }
        match (upload.commit(), status) {
            (Ok(stored), Ok(status)) => assert_eq!(stored.status, status),
            (Err(refusal), Err(why)) => assert!(refusal.why.starts_with(why), "{}", refusal.why),
            (result, _) => panic!("{:?}", result.map(|stored| stored.status)),
        }
    }
}
