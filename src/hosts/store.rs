//! Which store each backend of the spec is.

#[cfg(feature = "aws")]
pub mod s3;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::FileStore;
use crate::formats::spec::backend::{Backend, S3};
use crate::seams::store::Store;
use crate::words::error::Outcome;

/// An opened backend.
pub struct Opened {
    pub store: Arc<dyn Store>,
    /// A path on this machine; files that no other machine needs (accepted keys of hosts) are named after it.
    pub local: PathBuf,
}

/// Opens the store of a spec in `dir`. Touches neither a disk nor a network yet.
///
/// # Errors
/// MIG4016: this build has no such backend, or a file that it is set up with cannot be read.
pub fn open(backend: &Backend, dir: &Path) -> Outcome<Opened> {
    match backend {
        Backend::Local { path } => {
            let local = dir.join(path);
            Ok(Opened { store: Arc::new(FileStore::new(&local)), local })
        }
        Backend::S3(settings) => {
            let name = settings.key.rsplit('/').next().unwrap_or(&settings.key);
            Ok(Opened { store: s3(settings, dir)?, local: dir.join(name) })
        }
    }
}

#[cfg(feature = "aws")]
fn s3(settings: &S3, dir: &Path) -> Outcome<Arc<dyn Store>> {
    Ok(Arc::new(s3::S3Store::new(settings, dir)?))
}

#[cfg(not(feature = "aws"))]
fn s3(settings: &S3, _: &Path) -> Outcome<Arc<dyn Store>> {
    use crate::words::codes;
    use crate::words::error::Failure;
    Err(Failure::new(
        codes::BACKEND_UNAVAILABLE,
        format!("open the state s3://{}/{}", settings.bucket, settings.key),
        "this build of mig has no S3: it was made without the feature `aws`",
        "Take a release of mig, or build it with its default features.",
    ))
}
