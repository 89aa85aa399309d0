//! `mig init -migrate-state`: moves the state of a spec to the backend that the spec names now: state, journal and certificates.
//! The former place is closed, so that no job goes on with it. Asks no server of a migration.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::Path;

use super::args::{Global, Init};
use super::locked::locked;
use super::session::{Session, print, with_inputs};
use super::state::put;
use crate::drive::recovery;
use crate::formats::spec::backend::Backend;
use crate::formats::spec::{self, Inputs, SourceFile};
use crate::formats::state::State;
use crate::hosts;
use crate::hosts::ssh::accepted_keys;
use crate::hosts::store::Opened;
use crate::screen::style::count;
use crate::seams::store::{Companion, Store};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

const DOING: &str = "move the state";
const COMMAND: &str = "mig init -migrate-state";

pub async fn run(global: &Global, args: &Init) -> Outcome<ExitKind> {
    let session = Session::open_to_look(global, &args.variables)?;
    let backend = former_backend(global, args)?;
    if backend.to_string() == session.spec.backend.to_string() || is_same(&session, &backend) {
        let hint = "Name the backend of the earlier runs: -from=FILE with the `mig` block that the spec had then. Nothing was changed.";
        let cause = format!("the spec keeps it in {backend}, and that is where it is to come from");
        return Err(Failure::new(codes::COMMAND_LINE, DOING, cause, hint));
    }
    let Opened { store, local } = hosts::store::open(&backend, &session.dir)?;
    let former = Session { store, local, ..session.clone() };
    let work = locked(&session, &args.locking, COMMAND, under_locks(&former, &session, args));
    locked(&former, &args.locking, COMMAND, work).await
}

async fn under_locks(former: &Session, session: &Session, args: &Init) -> Outcome<ExitKind> {
    let (from, to) = (&*former.store, &*session.store);
    let state = recovery::look(from)?.state.ok_or_else(|| {
        let hint = "Name the former place: -from=FILE with the `mig` block that the spec had then, or with the state itself. Nothing was changed.";
        Failure::new(codes::NO_STATE_TO_MOVE, DOING, format!("there is no state in {}", from.place()), hint)
    })?;
    let next = State { serial: state.serial + 1, ..state };
    let arrived = what_is_there(to, &next, args.force)?;
    let certificates = certificates(from, &next, session)?;
    let what = format!(
        "serial {}, {}, {}, from {} to {}",
        next.serial,
        count(next.steps.len() as u64, "step", "steps"),
        count(certificates.len() as u64, "certificate", "certificates"),
        from.place(),
        to.place()
    );
    if args.dry_run {
        print(&format!("Would move the state: {what}. Nothing was changed.\n"));
        return Ok(ExitKind::Success);
    }
    for (file, bytes) in &certificates {
        to.keep(file, bytes)?;
    }
    keep_host_keys(&former.local, &session.local)?;
    if !arrived {
        put(session, &next)?;
    }
    // The former place is closed only when the new one says the same.
    if recovery::look(to)?.state.map(|there| there.digest()) != Some(next.digest()) {
        let cause = format!("what was written to {} is not what is read there", to.place());
        return Err(Failure::new(codes::STATE_UNREADABLE, DOING, cause, "The former state is as it was. Try again."));
    }
    let kept = put(former, &State { moved_to: Some(to.place()), ..next })?;
    print(&format!("Moved the state: {what}. The former one is closed.{kept}\n"));
    Ok(ExitKind::Success)
}

/// Whether both lead to one file, however it is written.
fn is_same(session: &Session, former: &Backend) -> bool {
    match (&session.spec.backend, former) {
        (Backend::Local { path: one }, Backend::Local { path: other }) => {
            hosts::file::is_same(&session.dir.join(one), &session.dir.join(other))
        }
        _ => false,
    }
}

/// Where the state was: the file of a state, or a file of the former spec.
fn former_backend(global: &Global, args: &Init) -> Outcome<Backend> {
    let Some(path) = &args.from else { return Ok(Backend::default()) };
    let text = read(path)?;
    if text.trim_start().starts_with('{') {
        return Ok(Backend::Local { path: path.display().to_string() });
    }
    let file = SourceFile { name: path.display().to_string(), text };
    let read = with_inputs(global, &args.variables, |inputs| {
        spec::backend_of(&Inputs {
            files: vec![file.clone()],
            vars: inputs.vars.clone(),
            auto_files: inputs.auto_files.clone(),
            outputs: inputs.outputs.clone(),
            var_files: inputs.var_files.clone(),
            env: inputs.env,
            read_file: inputs.read_file,
            secrets: inputs.secrets,
        })
    })?;
    read.map_err(|faults| {
        let hint = "Fix the faults listed above in a copy of the file. Nothing was changed.";
        let cause = "its `mig` block cannot be read";
        Failure::new(codes::SPEC_FAULTS, format!("read {}", path.display()), cause, hint).with(faults)
    })
}

fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|error| {
        let hint = "Name a file with the `mig` block of the former spec, or the file of a state. Nothing was changed.";
        Failure::new(codes::FILE_UNREADABLE, format!("read {}", path.display()), error.to_string(), hint)
    })
}

/// Whether the state is in its new place already: then a move was interrupted before its last step.
fn what_is_there(to: &dyn Store, next: &State, force: bool) -> Outcome<bool> {
    let there = match recovery::look_also_closed(to).map(|found| found.state) {
        Ok(None) => return Ok(false),
        Ok(Some(there)) => there,
        Err(_) if force => return Ok(false),
        Err(failure) => return Err(failure),
    };
    let same = there.lineage == next.lineage;
    if same && there.moved_to.is_none() && there.digest() == next.digest() {
        return Ok(true);
    }
    // One that was moved from here before comes back.
    if force || (same && there.moved_to.is_some()) {
        return Ok(false);
    }
    let elsewhere =
        "Name a place that has none, or replace it with -force; a copy is kept beside it. Nothing was changed.";
    let (beside, hint) = match (same, there.serial.cmp(&next.serial)) {
        (false, _) => (format!("the one to be moved is of lineage {}", next.lineage), elsewhere),
        (true, Ordering::Greater) => (
            format!("the one to be moved is older: serial {}", next.serial),
            "Work with the one that is there: the spec leads to it. -force replaces it by the older one, and keeps a copy beside it. \
             Nothing was changed.",
        ),
        (true, Ordering::Less) => (format!("the one to be moved is newer: serial {}", next.serial), elsewhere),
        (true, Ordering::Equal) => {
            ("the one to be moved has this serial, too, and another content".to_owned(), elsewhere)
        }
    };
    let cause = format!("{} has a state: serial {}, lineage {}; {beside}", to.place(), there.serial, there.lineage);
    Err(Failure::new(codes::STATE_IN_THE_WAY, DOING, cause, hint))
}

/// Keys of hosts that were accepted on this machine are in a file that has the name of the state.
fn keep_host_keys(from: &Path, to: &Path) -> Outcome<()> {
    let (from, to) = (accepted_keys(from), accepted_keys(to));
    if from == to || to.exists() || !from.exists() {
        return Ok(());
    }
    let done = std::fs::copy(&from, &to).map(drop);
    done.map_err(|error| {
        let hint = "Make the folder writable, then run the same command again.";
        Failure::new(codes::FILE_UNWRITABLE, format!("copy {}", from.display()), error.to_string(), hint)
    })
}

/// The certificates beside the former state: those of its migrations, and those of the spec.
fn certificates(from: &dyn Store, state: &State, session: &Session) -> Outcome<Vec<(Companion, Vec<u8>)>> {
    let recorded = state.steps.keys().filter_map(|addr| addr.migration());
    let names: BTreeSet<&str> = recorded.chain(session.spec.migrations.keys().map(String::as_str)).collect();
    let mut found = Vec::new();
    for file in names.into_iter().map(Companion::certificate) {
        if let Some(bytes) = from.kept(&file)? {
            found.push((file, bytes));
        }
    }
    Ok(found)
}
