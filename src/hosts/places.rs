//! Which host a place for the files of a dump is.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::folder::Folder;
use crate::formats::spec::access::Bucket;
use crate::seams::files::{Files, Places};
use crate::words::error::Outcome;

/// Folders of this machine, and buckets. A bucket is opened once for each migration.
#[derive(Default)]
pub struct FilePlaces {
    opened: Mutex<Vec<(Bucket, String, Arc<dyn Files>)>>,
}

impl Places for FilePlaces {
    fn folder(&self, dir: &Path) -> Arc<dyn Files> {
        Arc::new(Folder::new(dir))
    }

    fn bucket(&self, bucket: &Bucket, migration: &str, dir: &Path) -> Outcome<Arc<dyn Files>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.iter().find(|(known, of, _)| known == bucket && of == migration);
        if let Some((.., files)) = known {
            return Ok(Arc::clone(files));
        }
        let files = open(bucket, migration, dir)?;
        opened.push((bucket.clone(), migration.to_owned(), Arc::clone(&files)));
        Ok(files)
    }
}

#[cfg(feature = "aws")]
fn open(bucket: &Bucket, migration: &str, dir: &Path) -> Outcome<Arc<dyn Files>> {
    Ok(Arc::new(super::s3::files::BucketFiles::new(bucket, migration, dir)?))
}

#[cfg(not(feature = "aws"))]
fn open(bucket: &Bucket, _: &str, _: &Path) -> Outcome<Arc<dyn Files>> {
    use crate::words::codes;
    use crate::words::error::Failure;
    Err(Failure::new(
        codes::DUMP_BUCKET_UNAVAILABLE,
        format!("open {bucket}"),
        "this build of mig has no S3: it was made without the feature `aws`",
        "Take a release of mig, or build it with its default features.",
    ))
}
