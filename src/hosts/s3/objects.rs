//! Objects of one bucket: whole reads, writes on a condition, lists, deletes. It and [`super::uploads`] are the
//! only files that name the SDK of S3.
//!
//! A write on a condition is safe to repeat: where an answer was lost, what stands there tells whether it was this
//! write. So the SDK's own retries are off, and each call is tried again here until a moment that the caller names.
//! Source of the conditions: Amazon S3 User Guide, "Conditional writes"; 412 refuses, 409 asks to send again.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};
use aws_sdk_s3::types::ServerSideEncryption;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::{StreamExt, TryStreamExt, stream};

use crate::formats::spec::access::{Access, Encryption};
use crate::words::codes::Code;
use crate::words::error::{Failure, Outcome};

const CONNECT_WITHIN: Duration = Duration::from_secs(4);
const PAUSE: Duration = Duration::from_millis(150);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Objects that are read or deleted at the same time.
const AT_ONCE: usize = 16;

/// Names in the metadata of a state, for the fields of a [`Fence`].
const GENERATION: &str = "mig-generation";
const LINE_ENDS: &str = "mig-line-ends";

/// Names one content of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hosts) struct ETag(pub String);

/// What has to be there for a write to take place.
#[derive(Clone, Debug)]
pub(in crate::hosts) enum Condition {
    Any,
    Absent,
    Is(ETag),
}

#[derive(Clone, Debug)]
pub(in crate::hosts) enum Put {
    Done(ETag),
    /// Something else is there than the condition asks for. Nothing was written.
    Refused,
}

/// What tells of an object without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hosts) struct Head {
    pub etag: ETag,
    /// Of a state that was made another object with the same content.
    pub fence: Option<Fence>,
}

/// What was done to a state without a change of its content, see [`crate::hosts::store::s3`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hosts) struct Fence {
    /// Of the journal that belongs to it all the same.
    pub generation: String,
    /// How many were put behind its content.
    pub line_ends: usize,
}

pub(in crate::hosts) struct Found {
    pub bytes: Vec<u8>,
    pub head: Head,
    /// Since when it is there, by the server's own clock.
    pub age: Duration,
}

pub(in crate::hosts) struct Listed {
    pub key: String,
    pub age: Duration,
}

/// Why a call came to nothing.
#[derive(Clone, Debug)]
pub(in crate::hosts) struct Trouble {
    pub text: String,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// May pass; whether the call had its effect is not known.
    Passing,
    Refused,
    Gone,
    Lasting,
}

pub(in crate::hosts) struct Objects {
    pub(super) client: Client,
    pub(super) bucket: String,
    pub(super) encryption: Encryption,
    /// The server's clock at its last answer, in seconds since 1970.
    server_now: Arc<AtomicI64>,
}

impl Objects {
    /// Connects to nothing yet; credentials come from the SDK's usual chain, at the first call. `answer_within`: how long one
    /// answer is waited for.
    pub async fn open(bucket: &str, access: &Access, authority: Option<Vec<u8>>, answer_within: Duration) -> Self {
        let mut roots = TrustStore::default();
        if let Some(pem) = authority {
            roots = roots.with_pem_certificate(pem);
        }
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        let http = match TlsContext::builder().with_trust_store(roots).build() {
            Ok(context) => http.tls_context(context).build_https(),
            // Without one it trusts the system's roots, as above.
            Err(_) => http.build_https(),
        };
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_WITHIN).operation_attempt_timeout(answer_within).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::disabled());
        if let Some(region) = &access.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &access.profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        let server_now = Arc::new(AtomicI64::new(0));
        let mut builder = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(access.use_path_style)
            // Servers other than Amazon's do not know all of the newer checksums; every text here carries one of its own.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .interceptor(ServerClock(Arc::clone(&server_now)));
        if config.region().is_none() {
            // Servers other than Amazon's mostly have no regions; Amazon's own answers where the bucket is.
            builder = builder.region(Region::new("us-east-1"));
        }
        if let Some(url) = &access.endpoint_url {
            builder = builder.endpoint_url(url);
        }
        Self {
            client: Client::from_conf(builder.build()),
            bucket: bucket.to_owned(),
            encryption: access.encryption.clone(),
            server_now,
        }
    }

    /// The server's clock at its last answer, in seconds since 1970; 0: it has not told.
    pub fn server_seconds(&self) -> u64 {
        u64::try_from(self.server_now.load(Ordering::Relaxed)).unwrap_or(0)
    }

    fn age(&self, modified: Option<&DateTime>) -> Duration {
        let age = modified.map_or(0, |at| self.server_now.load(Ordering::Relaxed).saturating_sub(at.secs()));
        Duration::from_secs(u64::try_from(age).unwrap_or(0))
    }

    /// `None`: there is no such object.
    pub async fn get(&self, key: &str, until: Instant) -> Result<Option<Found>, Trouble> {
        let found = patiently(until, || async {
            let answer = self.client.get_object().bucket(&self.bucket).key(key).send().await.map_err(trouble)?;
            let head = head(answer.e_tag, answer.metadata.as_ref());
            let age = self.age(answer.last_modified.as_ref());
            let bytes = answer.body.collect().await.map_err(|error| Trouble::passing(&error))?.into_bytes().to_vec();
            Ok(Found { bytes, head, age })
        });
        match found.await {
            Ok(found) => Ok(Some(found)),
            Err(Trouble { kind: Kind::Gone, .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// `None`: there is no such object.
    pub async fn head(&self, key: &str, until: Instant) -> Result<Option<Head>, Trouble> {
        let found = patiently(until, || async {
            let answer = self.client.head_object().bucket(&self.bucket).key(key).send().await.map_err(trouble)?;
            Ok(head(answer.e_tag, answer.metadata.as_ref()))
        });
        match found.await {
            Ok(head) => Ok(Some(head)),
            Err(Trouble { kind: Kind::Gone, .. }) => Ok(None),
            // The answer to HEAD has no body: only that to GET says what is wrong.
            Err(Trouble { kind: Kind::Lasting, .. }) => Ok(self.get(key, until).await?.map(|found| found.head)),
            Err(trouble) => Err(trouble),
        }
    }

    /// Writes an object as a whole. `bytes` must be of this writer alone: what stands there after a lost answer tells by
    /// them whether it was this write.
    pub async fn put(&self, key: &str, bytes: &[u8], condition: &Condition, until: Instant) -> Result<Put, Trouble> {
        self.put_of(key, bytes, None, condition, until).await
    }

    /// The same, of a state with a fence.
    pub async fn put_of(
        &self,
        key: &str,
        bytes: &[u8],
        fence: Option<&Fence>,
        condition: &Condition,
        until: Instant,
    ) -> Result<Put, Trouble> {
        let sent = patiently(until, || async {
            let request = self.client.put_object().bucket(&self.bucket).key(key);
            let request = self.encrypted(request).body(ByteStream::from(bytes.to_vec()));
            let request = match fence {
                None => request,
                Some(Fence { generation, line_ends }) => {
                    request.metadata(GENERATION, generation).metadata(LINE_ENDS, line_ends.to_string())
                }
            };
            let request = match condition {
                Condition::Any => request,
                Condition::Absent => request.if_none_match("*"),
                Condition::Is(etag) => request.if_match(&etag.0),
            };
            let answer = request.send().await.map_err(trouble)?;
            Ok(ETag(answer.e_tag.unwrap_or_default()))
        });
        match sent.await {
            Ok(etag) => Ok(Put::Done(etag)),
            Err(Trouble { kind: Kind::Refused | Kind::Gone, .. }) => match self.get(key, until).await? {
                Some(found) if found.bytes == bytes => Ok(Put::Done(found.head.etag)),
                _ => Ok(Put::Refused),
            },
            Err(trouble) => Err(trouble),
        }
    }

    pub(super) fn encrypted(&self, request: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        match &self.encryption {
            Encryption::Bucket => request,
            Encryption::Server => request.server_side_encryption(ServerSideEncryption::Aes256),
            Encryption::Kms(key) => request.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(key),
        }
    }

    /// All objects whose name begins so, by name.
    pub async fn list(&self, prefix: &str, until: Instant) -> Result<Vec<Listed>, Trouble> {
        let mut listed = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page = patiently(until, || async {
                let request = self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix);
                request.set_continuation_token(next.clone()).send().await.map_err(trouble)
            })
            .await?;
            for object in page.contents.unwrap_or_default() {
                let age = self.age(object.last_modified.as_ref());
                listed.extend(object.key.map(|key| Listed { key, age }));
            }
            match page.next_continuation_token {
                Some(token) if page.is_truncated.unwrap_or(false) => next = Some(token),
                None if page.is_truncated.unwrap_or(false) => {
                    let text = "a list that ends in the middle without saying how it goes on".to_owned();
                    return Err(Trouble { text, kind: Kind::Lasting });
                }
                _ => return Ok(listed),
            }
        }
    }

    /// The contents of objects, in the order of `keys`; `None` for one that is not there.
    /// Each of them is tried for `patience`.
    pub async fn get_all(&self, keys: &[String], patience: Duration) -> Result<Vec<Option<Found>>, Trouble> {
        let one = |key: String| async move { self.get(&key, Instant::now() + patience).await };
        stream::iter(keys.to_vec()).map(one).buffered(AT_ONCE).try_collect().await
    }

    /// Also where they are gone already.
    pub async fn delete(&self, keys: &[String], until: Instant) -> Result<(), Trouble> {
        let one = |key: String| async move {
            let deleted = patiently(until, || async {
                self.client.delete_object().bucket(&self.bucket).key(&key).send().await.map(drop).map_err(trouble)
            });
            match deleted.await {
                Err(Trouble { kind: Kind::Gone, .. }) | Ok(()) => Ok(()),
                Err(trouble) => Err(trouble),
            }
        };
        stream::iter(keys.to_vec()).map(one).buffer_unordered(AT_ONCE).try_collect().await
    }
}

/// The certificate authority of the endpoint. `code` and `of`: what it belongs to.
pub(in crate::hosts) fn authority(access: &Access, dir: &Path, (code, of): (Code, &str)) -> Outcome<Option<Vec<u8>>> {
    let Some(file) = &access.ca_file else { return Ok(None) };
    let refused = |cause: String| {
        let hint = "Name a PEM file with the certificate of the authority that signed the endpoint's, or leave `ca_file` out to \
                    trust the system's store.";
        Failure::new(code, format!("read `ca_file` of {of} ({file})"), cause, hint)
    };
    let pem = std::fs::read(dir.join(file)).map_err(|error| refused(error.to_string()))?;
    match memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----") {
        Some(_) => Ok(Some(pem)),
        None => Err(refused("it holds no certificate".into())),
    }
}

impl Trouble {
    pub(super) fn passing(error: &(dyn Error + Send + Sync + 'static)) -> Self {
        Self { text: error.to_string(), kind: Kind::Passing }
    }
}

fn head(etag: Option<String>, metadata: Option<&HashMap<String, String>>) -> Head {
    let said = |name: &str| metadata?.get(name);
    let fence = said(GENERATION).zip(said(LINE_ENDS).and_then(|text| text.parse().ok()));
    let fence = fence.map(|(generation, line_ends)| Fence { generation: generation.clone(), line_ends });
    Head { etag: ETag(etag.unwrap_or_default()), fence }
}

pub(super) fn trouble<E>(error: SdkError<E, HttpResponse>) -> Trouble
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(answer) = &error else {
        // The chain of causes names the host and what was refused; it holds no credential.
        let kind = if lasts(&error) { Kind::Lasting } else { Kind::Passing };
        return Trouble { text: chain(&error), kind };
    };
    let status = answer.raw().status().as_u16();
    let code = answer.err().code().unwrap_or_default();
    let kind = match status {
        412 => Kind::Refused,
        404 if code != "NoSuchBucket" => Kind::Gone,
        // Two conditional writes met: to be sent again (S3 API reference, "ConditionalRequestConflict").
        409 | 429 | 500..=599 => Kind::Passing,
        // The end of an upload may fail behind a status 200 (S3 API reference, "CompleteMultipartUpload").
        _ if ["RequestTimeout", "InternalError", "SlowDown"].contains(&code) => Kind::Passing,
        _ => Kind::Lasting,
    };
    let message = answer.err().message().unwrap_or("no message");
    let text =
        if code.is_empty() { format!("status {status}") } else { format!("{code}: {message} (status {status})") };
    Trouble { text, kind }
}

/// Whether another attempt would fail in the same way: no credentials, an address that is none, a certificate that is not
/// trusted, a server without TLS.
fn lasts<E: Error + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    let of_tls = |cause: &(dyn Error + 'static)| {
        let fault = cause.downcast_ref::<rustls::Error>();
        matches!(fault, Some(rustls::Error::InvalidCertificate(_) | rustls::Error::InvalidMessage(_)))
    };
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_user() || failure.is_other() || causes(error).any(of_tls),
        _ => false,
    }
}

/// An error and what lies under it. One of the system may hold another one, which is no source of it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let held = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        held.map(|held| held as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

/// An error and what lies under it, the last one the most telling.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

/// Makes a call until it answers, or until nothing that may pass is worth waiting for any more.
pub(super) async fn patiently<T, F>(until: Instant, call: impl FnMut() -> F) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    persistently(until, PAUSE, call).await
}

/// The same of a call that may take so long, also where it began late.
pub(super) async fn persistently<T, F>(
    until: Instant,
    longest: Duration,
    mut call: impl FnMut() -> F,
) -> Result<T, Trouble>
where
    F: Future<Output = Result<T, Trouble>>,
{
    let mut pause = PAUSE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let answer = match tokio::time::timeout(left.max(longest), call()).await {
            Ok(answer) => answer,
            Err(_) => Err(Trouble { text: "no answer in time".into(), kind: Kind::Passing }),
        };
        match answer {
            Err(Trouble { kind: Kind::Passing, .. }) if Instant::now() + pause < until => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            other => return other,
        }
    }
}

/// Keeps the `Date` of each answer: ages are told by the server's clock alone, whatever this machine's clock says.
#[derive(Debug)]
struct ServerClock(Arc<AtomicI64>);

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(at) = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok()) {
            self.0.store(at.secs(), Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use aws_sdk_s3::operation::head_object::HeadObjectError;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use rustls::{CertificateError, InvalidMessage};

    use super::*;

    #[test]
    fn what_another_attempt_cannot_mend_is_told_at_once() {
        let in_io = |fault: rustls::Error| ConnectorError::io(Box::new(std::io::Error::other(fault)));
        for (failure, expected) in [
            (ConnectorError::other("no credentials".into(), None), true),
            (ConnectorError::user("no address".into()), true),
            (in_io(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)), true),
            (in_io(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)), true),
            (in_io(rustls::Error::General("cut".into())), false),
            (ConnectorError::io(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()), false),
            (ConnectorError::timeout("late".into()), false),
        ] {
            let text = format!("{failure:?}");
            let error: SdkError<HeadObjectError, HttpResponse> = SdkError::dispatch_failure(failure);
            assert_eq!(lasts(&error), expected, "{text}");
        }
    }
}
