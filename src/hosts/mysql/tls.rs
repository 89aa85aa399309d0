//! TLS of a connection: the four modes of the spec as the driver's options. Roots are the system's store or the one file
//! that the spec names, never the driver's built-in list.

use std::io;
use std::path::Path;
use std::sync::Arc;

use mysql_async::{Error, SslOpts};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::formats::spec::model::{RDS_BUNDLE, Tls, TlsMode};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

use super::faults::Place;

/// The driver's options; `None`: not encrypted.
///
/// # Errors
/// Where `ca_file` cannot be read or holds no certificate, or the system has no store.
pub(super) fn options(tls: &Tls, spec_dir: &Path, place: &Place) -> Outcome<Option<SslOpts>> {
    let verified = |roots: Vec<Vec<u8>>| {
        let roots = roots.into_iter().map(Into::into).collect();
        SslOpts::default().with_disable_built_in_roots(true).with_root_certs(roots)
    };
    Ok(match tls.mode {
        TlsMode::Disabled => None,
        // Nothing is verified here, but the driver wants a list of roots that is not empty: its own serves.
        TlsMode::Required => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        TlsMode::VerifyCa | TlsMode::VerifyIdentity => Some(verified(roots(tls, spec_dir, place)?)),
    })
}

/// TLS for the lines that are not the driver's: the same four modes over the same roots.
#[derive(Clone)]
pub(super) struct Client(Arc<ClientConfig>);

impl Client {
    /// `None`: not encrypted.
    ///
    /// # Errors
    /// Those of [`options`].
    pub(super) fn of(tls: &Tls, spec_dir: &Path, place: &Place) -> Outcome<Option<Self>> {
        if tls.mode == TlsMode::Disabled {
            return Ok(None);
        }
        let roots = if tls.mode == TlsMode::Required { Vec::new() } else { roots(tls, spec_dir, place)? };
        Ok(Self::over(tls.mode, &roots))
    }

    /// `None`: these roots make no client; the driver says why.
    fn over(mode: TlsMode, roots: &[Vec<u8>]) -> Option<Self> {
        let mut store = RootCertStore::empty();
        for root in roots {
            let found: Vec<CertificateDer<'static>> =
                CertificateDer::pem_slice_iter(root).filter_map(Result::ok).collect();
            let found = if found.is_empty() { vec![CertificateDer::from(root.clone())] } else { found };
            store.add_parsable_certificates(found);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().ok()?;
        let config = match mode {
            TlsMode::VerifyIdentity => builder.with_root_certificates(store).with_no_client_auth(),
            _ => {
                let chain = match mode {
                    TlsMode::Required => None,
                    _ => Some(
                        WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone()).build().ok()?,
                    ),
                };
                let verifier = Arc::new(AnyName { chain, provider });
                builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
            }
        };
        Some(Self(Arc::new(config)))
    }

    /// The line, encrypted, once the server has proven what the mode asks for.
    pub(super) async fn secure<L: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        line: L,
    ) -> io::Result<TlsStream<L>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.0.clone()).connect(name, line).await
    }
}

/// Verifies the chain and not the name (`verify_ca`), or nothing (`required`).
#[derive(Debug)]
struct AnyName {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // The name is looked at last: all else was in order.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A name that no server has. Beside `with_danger_skip_domain_validation` it switches off the check of the name: the
/// driver (0.37.1) looks for this very word in the text of the TLS library's error, which since rustls 0.23 holds the
/// name that was asked for instead. The chain is verified all the same; a test with a real server watches over both.
const ANY_NAME: &str = "NotValidForName";

/// For `verify_ca`: options that verify the chain and not the name.
pub(super) fn any_name(tls: &Tls, ssl: Option<SslOpts>) -> Option<SslOpts> {
    (tls.mode == TlsMode::VerifyCa)
        .then_some(ssl)
        .flatten()
        .map(|ssl| ssl.with_danger_skip_domain_validation(true).with_danger_tls_hostname_override(Some(ANY_NAME)))
}

/// Whether the certificate is good but for its name.
pub(super) fn fails_by_name(error: &Error) -> bool {
    matches!(error, Error::Io(io) if io.to_string().contains("certificate not valid for name"))
}

/// PEM or DER, one certificate or more each.
/// The authorities of RDS are in no system's store, and their list changes: it is not shipped, but taken from AWS.
const RDS_HINT: &str = "Put the bundle of the RDS authorities beside the spec: curl -o rds-global-bundle.pem \
                        https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem";

fn roots(tls: &Tls, spec_dir: &Path, place: &Place) -> Outcome<Vec<Vec<u8>>> {
    let doing = || format!("prepare TLS for {place}");
    if let Some(file) = &tls.ca_file {
        let path = spec_dir.join(file);
        let hint = "Name a PEM file with the certificate of the authority that signed the server's, or leave ca_file out to trust the system's store.";
        let pem = std::fs::read(&path).map_err(|error| {
            let hint = if file == RDS_BUNDLE { RDS_HINT } else { hint };
            Failure::new(codes::NO_TRUST_ROOTS, doing(), format!("cannot read ca_file {file:?}: {error}"), hint)
        })?;
        if memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----").is_none() {
            return Err(Failure::new(
                codes::NO_TRUST_ROOTS,
                doing(),
                format!("ca_file {file:?} holds no certificate"),
                hint,
            ));
        }
        return Ok(vec![pem]);
    }
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(Failure::new(
            codes::NO_TRUST_ROOTS,
            doing(),
            "the system has no store of trusted certificates",
            "Install the package ca-certificates, or name the authority's PEM file in tls { ca_file = \"…\" }.",
        ));
    }
    Ok(found.certs.into_iter().map(|cert| cert.as_ref().to_vec()).collect())
}
