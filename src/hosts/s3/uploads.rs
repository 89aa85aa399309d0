//! Large objects in pieces: uploads in parts, and reads of ranges. An upload that is neither completed nor aborted keeps its
//! parts on the server, where no list of objects shows them.
//!
//! Source: Amazon S3 User Guide, "Uploading and copying objects using multipart upload": each part but the last one has at
//! least 5 MiB, there are at most 10,000.

use std::time::{Duration, Instant};

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, ServerSideEncryption};
use bytes::Bytes;

use super::objects::{ETag, Kind, Objects, Trouble, patiently, persistently, trouble};
use crate::formats::spec::access::Encryption;

/// The name in an object's metadata that tells which upload made it.
const UPLOAD: &str = "mig-upload";

/// How long bytes may be on their way: eight pieces of 8 MiB share a line of a few Mbit/s. One that is silent is noticed before
/// that, by the SDK.
const LONGEST: Duration = Duration::from_secs(300);

/// The settings of a call that moves bytes.
fn slowly() -> config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(LONGEST).build();
    config::Builder::new().timeout_config(timeouts)
}

/// An upload in parts that was begun.
#[derive(Clone, Debug)]
pub struct Upload {
    pub id: String,
    /// Of this upload alone: the object's metadata has it when the upload is complete.
    token: String,
}

/// A piece of an object.
pub struct Piece {
    pub bytes: Bytes,
    pub etag: ETag,
}

impl Objects {
    /// Writes an object, whatever is there.
    pub async fn put_bytes(&self, key: &str, bytes: Bytes, until: Instant) -> Result<(), Trouble> {
        let sent = persistently(until, LONGEST, || async {
            let request = self.client.put_object().bucket(&self.bucket).key(key);
            let request = self.encrypted(request).body(ByteStream::from(bytes.clone())).customize();
            request.config_override(slowly()).send().await.map(drop).map_err(trouble)
        });
        sent.await
    }

    /// At most so many bytes of an object from an offset on, of the content with this tag where one is given; none behind its
    /// end. `None`: there is no such object.
    pub async fn get_piece(
        &self,
        key: &str,
        (from, length): (u64, u64),
        of: Option<&ETag>,
        until: Instant,
    ) -> Result<Option<Piece>, Trouble> {
        let range = format!("bytes={from}-{}", from + length - 1);
        let found = persistently(until, LONGEST, || async {
            let request = self.client.get_object().bucket(&self.bucket).key(key).range(&range);
            let request = request.set_if_match(of.map(|tag| tag.0.clone())).customize();
            let answer = request.config_override(slowly()).send().await;
            let answer = match answer {
                Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 416) => {
                    return Ok(Piece { bytes: Bytes::new(), etag: of.cloned().unwrap_or(ETag(String::new())) });
                }
                answer => answer.map_err(trouble)?,
            };
            let etag = ETag(answer.e_tag.unwrap_or_default());
            let bytes = answer.body.collect().await.map_err(|error| Trouble::passing(&error))?.into_bytes();
            Ok(Piece { bytes, etag })
        });
        match found.await {
            Ok(piece) => Ok(Some(piece)),
            Err(Trouble { kind: Kind::Gone, .. }) => Ok(None),
            Err(Trouble { kind: Kind::Refused, .. }) => {
                Err(Trouble { text: "it was replaced while it was read".into(), kind: Kind::Lasting })
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// The bytes of an object; `None`: there is none.
    pub async fn length(&self, key: &str, until: Instant) -> Result<Option<u64>, Trouble> {
        let found = patiently(until, || async {
            let answer = self.client.head_object().bucket(&self.bucket).key(key).send().await.map_err(trouble)?;
            Ok(u64::try_from(answer.content_length.unwrap_or(0)).unwrap_or(0))
        });
        match found.await {
            Ok(length) => Ok(Some(length)),
            Err(Trouble { kind: Kind::Gone, .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// All objects whose name begins so, with their bytes.
    pub async fn list_lengths(&self, prefix: &str, until: Instant) -> Result<Vec<(String, u64)>, Trouble> {
        let (mut listed, mut next) = (Vec::new(), None::<String>);
        loop {
            let page = patiently(until, || async {
                let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
                request.set_continuation_token(next.clone()).send().await.map_err(trouble)
            })
            .await?;
            for object in page.contents.unwrap_or_default() {
                let length = u64::try_from(object.size.unwrap_or(0)).unwrap_or(0);
                listed.extend(object.key.map(|key| (key, length)));
            }
            match page.next_continuation_token {
                Some(token) if page.is_truncated.unwrap_or(false) => next = Some(token),
                None if page.is_truncated.unwrap_or(false) => return Err(endless()),
                _ => return Ok(listed),
            }
        }
    }

    /// Begins an upload.
    pub async fn begin_upload(&self, key: &str, until: Instant) -> Result<Upload, Trouble> {
        let token = format!("{:032x}", rand::random::<u128>());
        let begun = patiently(until, || async {
            let request = self.client.create_multipart_upload().bucket(&self.bucket).key(key).metadata(UPLOAD, &token);
            let request = match &self.encryption {
                Encryption::Bucket => request,
                Encryption::Server => request.server_side_encryption(ServerSideEncryption::Aes256),
                Encryption::Kms(key) => request.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(key),
            };
            let answer = request.send().await.map_err(trouble)?;
            answer.upload_id.ok_or(Trouble { text: "an upload without an id".into(), kind: Kind::Lasting })
        });
        Ok(Upload { id: begun.await?, token })
    }

    /// One part. Sent again it is the same part.
    pub async fn put_part(
        &self,
        key: &str,
        upload: &Upload,
        number: i32,
        bytes: Bytes,
        until: Instant,
    ) -> Result<ETag, Trouble> {
        let sent = persistently(until, LONGEST, || async {
            let request = self.client.upload_part().bucket(&self.bucket).key(key).upload_id(&upload.id);
            let request = request.part_number(number).body(ByteStream::from(bytes.clone())).customize();
            let answer = request.config_override(slowly()).send().await;
            Ok(ETag(answer.map_err(trouble)?.e_tag.unwrap_or_default()))
        });
        sent.await
    }

    /// Makes an object of the parts. Where the answer was lost, the object tells whether it is of this upload.
    pub async fn complete(&self, key: &str, upload: &Upload, parts: &[ETag], until: Instant) -> Result<(), Trouble> {
        let numbered = parts.iter().zip(1..);
        let parts = numbered.map(|(tag, number)| CompletedPart::builder().part_number(number).e_tag(&tag.0).build());
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let done = patiently(until, || async {
            let request = self.client.complete_multipart_upload().bucket(&self.bucket).key(key).upload_id(&upload.id);
            request.multipart_upload(parts.clone()).send().await.map(drop).map_err(trouble)
        });
        match done.await {
            Err(gone @ Trouble { kind: Kind::Gone, .. }) => match self.made_by(key, until).await? {
                Some(token) if token == upload.token => Ok(()),
                _ => Err(Trouble { kind: Kind::Lasting, ..gone }),
            },
            done => done,
        }
    }

    /// Which upload made an object.
    async fn made_by(&self, key: &str, until: Instant) -> Result<Option<String>, Trouble> {
        let found = patiently(until, || async {
            let answer = self.client.head_object().bucket(&self.bucket).key(key).send().await.map_err(trouble)?;
            Ok(answer.metadata.and_then(|mut metadata| metadata.remove(UPLOAD)))
        });
        match found.await {
            Err(Trouble { kind: Kind::Gone, .. }) => Ok(None),
            found => found,
        }
    }

    /// Aborts all uploads of an object.
    pub async fn abort_uploads_of(&self, key: &str, until: Instant) -> Result<(), Trouble> {
        self.abort_listed(key, &|found| found == key, until).await
    }

    /// The same of all objects whose names begin so. Some servers (MinIO) list those of one whole name only.
    pub async fn abort_uploads(&self, prefix: &str, until: Instant) -> Result<(), Trouble> {
        self.abort_listed(prefix, &|_| true, until).await
    }

    async fn abort_listed(
        &self,
        prefix: &str,
        is_meant: &(dyn Fn(&str) -> bool + Sync),
        until: Instant,
    ) -> Result<(), Trouble> {
        let (mut key, mut id) = (None::<String>, None::<String>);
        loop {
            let page = patiently(until, || async {
                let request = self.client.list_multipart_uploads().bucket(&self.bucket).prefix(prefix);
                let request = request.set_key_marker(key.clone()).set_upload_id_marker(id.clone());
                request.send().await.map_err(trouble)
            })
            .await?;
            for upload in page.uploads.unwrap_or_default() {
                let (Some(key), Some(id)) = (upload.key, upload.upload_id) else { continue };
                if is_meant(&key) {
                    self.abort(&key, &id, until).await?;
                }
            }
            if !page.is_truncated.unwrap_or(false) {
                return Ok(());
            }
            if page.next_key_marker.is_none() || page.next_key_marker == key && page.next_upload_id_marker == id {
                return Err(endless());
            }
            (key, id) = (page.next_key_marker, page.next_upload_id_marker);
        }
    }

    async fn abort(&self, key: &str, id: &str, until: Instant) -> Result<(), Trouble> {
        let aborted = patiently(until, || async {
            let request = self.client.abort_multipart_upload().bucket(&self.bucket).key(key).upload_id(id);
            request.send().await.map(drop).map_err(trouble)
        });
        match aborted.await {
            Err(Trouble { kind: Kind::Gone, .. }) | Ok(()) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }
}

fn endless() -> Trouble {
    Trouble { text: "a list that ends in the middle without saying how it goes on".into(), kind: Kind::Lasting }
}
