//! TLS of a connection: the four modes of the spec as the driver's options. Roots are the system's store or the one file
//! that the spec names, never the driver's built-in list.

use std::path::Path;

use mysql_async::{Error, SslOpts};

use crate::formats::spec::model::{Tls, TlsMode};
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
fn roots(tls: &Tls, spec_dir: &Path, place: &Place) -> Outcome<Vec<Vec<u8>>> {
    let doing = || format!("prepare TLS for {place}");
    if let Some(file) = &tls.ca_file {
        let path = spec_dir.join(file);
        let hint = "Name a PEM file with the certificate of the authority that signed the server's, or leave ca_file out to trust the system's store.";
        let pem = std::fs::read(&path).map_err(|error| {
            Failure::new("MIG3010", doing(), format!("cannot read ca_file {file:?}: {error}"), hint)
        })?;
        if memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----").is_none() {
            return Err(Failure::new("MIG3010", doing(), format!("ca_file {file:?} holds no certificate"), hint));
        }
        return Ok(vec![pem]);
    }
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(Failure::new(
            "MIG3010",
            doing(),
            "the system has no store of trusted certificates",
            "Install the package ca-certificates, or name the authority's PEM file in tls { ca_file = \"…\" }.",
        ));
    }
    Ok(found.certs.into_iter().map(|cert| cert.as_ref().to_vec()).collect())
}
