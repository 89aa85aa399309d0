//! `mig report`: the certificate, as Markdown, as JSON, as a page.

use super::args::{Global, Report};
use super::page;
use super::session::{Session, print, say};
use crate::formats::certificate::Certificate;
use crate::formats::state::State;
use crate::formats::steps::ReportOutputs;
use crate::screen;
use crate::screen::style::Style;
use crate::seams::store::{Companion, Store};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub fn run(global: &Global, args: &Report, _style: Style) -> Outcome<ExitKind> {
    let session = Session::open_to_look(global, &args.variables)?;
    if let Some(to) = &args.html {
        page::may_write(to, Some(&session), None)?;
    }
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
    let state = session.state()?;
    let filed = filed_as(state.as_ref(), &name);
    let (certificate, bytes) = read(&*session.store, filed)?.ok_or_else(|| {
        let place = session.store.place_of(&Companion::certificate(filed));
        Failure::new(
            codes::NO_SOUND_CERTIFICATE,
            format!("read the certificate of {name} ({place})"),
            "there is none",
            "`mig apply` writes it at its end, and once more where the file was lost after that.",
        )
    })?;
    let step = StepAddr::in_migration(&name, StepKind::Report, None);
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
    if let Some(to) = &args.html {
        page::write(to, screen::html::certificate(&certificate))?;
        say(&format!("Page: {}\n", to.display()));
    }
    Ok(ExitKind::Success)
}

/// The name under which a migration's certificate is: until a run has recorded a rename, the former one.
pub fn filed_as<'a>(state: Option<&'a State>, name: &'a str) -> &'a str {
    let moves = state.into_iter().flat_map(|state| &state.moves);
    moves.filter(|one| one.to.migration() == Some(name)).find_map(|one| one.from.migration()).unwrap_or(name)
}

/// The certificate of a migration beside its state, and its bytes. `None`: there is none.
///
/// # Errors
/// MIG1016: it was altered; what the store cannot read.
pub fn read(store: &dyn Store, name: &str) -> Outcome<Option<(Certificate, Vec<u8>)>> {
    let file = Companion::certificate(name);
    let Some(bytes) = store.kept(&file)? else { return Ok(None) };
    let broken = |cause: String| {
        Failure::new(
            codes::NO_SOUND_CERTIFICATE,
            format!("read the certificate of {name} ({})", store.place_of(&file)),
            cause,
            "`mig apply` writes it once more.",
        )
    };
    let certificate: Certificate = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    if !certificate.is_sealed() {
        return Err(broken("it was altered: its digest is not that of its content".into()));
    }
    Ok(Some((certificate, bytes)))
}
