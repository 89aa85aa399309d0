//! `mig report`: the certificate, as Markdown or JSON.

use std::path::Path;

use super::args::{Global, Report};
use super::session::{Session, print, say};
use crate::formats::certificate::Certificate;
use crate::formats::steps::ReportOutputs;
use crate::screen;
use crate::screen::style::Style;
use crate::steps::proof::report::certificate_path;
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(global: &Global, args: &Report, _style: Style) -> Outcome<ExitKind> {
    let session = Session::open_to_look(global, &args.variables)?;
    let names: Vec<&String> = session.spec.migrations.keys().collect();
    let name = match (&args.migration, names.as_slice()) {
        (Some(name), _) => name.clone(),
        (None, [only]) => (*only).clone(),
        (None, _) => {
            let all: Vec<&str> = names.iter().map(|n| n.as_str()).collect();
            return Err(Failure::new(
                codes::WHICH_MIGRATION,
                "print the certificate",
                "the spec has several migrations",
                format!("Name one: {}.", all.join(", ")),
            ));
        }
    };
    let path = certificate_path(&session.state_path, &name);
    let (certificate, bytes) = read(&path, &name)?;
    let step = StepAddr::in_migration(&name, StepKind::Report, None);
    let state = session.state()?;
    let recorded = state.as_ref().map_or(Ok(None), |state| state.outputs_if_complete::<ReportOutputs>(&step))?;
    if recorded.as_ref().is_some_and(|report| report.certificate != certificate.digest) {
        say("This is the certificate of another run than the last one.\n");
    } else if recorded.is_none() {
        say(&format!(
            "This is the certificate of {}: the state does not record it any more, since something was started from scratch, failed or was destroyed.\n",
            certificate.created
        ));
    }
    if args.json {
        print(&String::from_utf8_lossy(&bytes));
        print("\n");
    } else {
        print(&screen::certificate::markdown(&certificate));
    }
    Ok(ExitKind::Success)
}

/// The certificate of a migration in a file, and the file's bytes.
///
/// # Errors
/// MIG1016: it cannot be read, or was altered.
pub fn read(path: &Path, name: &str) -> Outcome<(Certificate, Vec<u8>)> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(
            codes::NO_SOUND_CERTIFICATE,
            format!("read the certificate of {name} ({})", path.display()),
            error.to_string(),
            "A certificate is written at the end of `mig apply`: run it, or let it go on.",
        )
    })?;
    let broken = |cause: String| {
        Failure::new(
            codes::NO_SOUND_CERTIFICATE,
            format!("read the certificate of {name} ({})", path.display()),
            cause,
            "Make it again: `mig apply -replace=` with the address of the migration's report step.",
        )
    };
    let certificate: Certificate = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    if !certificate.is_sealed() {
        return Err(broken("it was altered: its digest is not that of its content".into()));
    }
    Ok((certificate, bytes))
}
