//! `mig state …`: looks into the state, and the ways to edit it by hand. An edit takes the lock, keeps a copy of what it
//! replaces, and touches no server and no account.

use std::io::Read as _;
use std::path::Path;

use super::args::{Edit, Global, Mv, Push, Rm, State as Arguments, StateCommand};
use super::locked::locked;
use super::moves;
use super::session::{Session, addresses, print, say};
use crate::drive::recovery;
use crate::formats::journal::{Leftover, Recovered};
use crate::formats::state::State;
use crate::screen;
use crate::screen::style::{Style, count};
use crate::seams::store::Companion;
use crate::think::plan::kinds;
use crate::think::state_edit;
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &Arguments, style: Style) -> Outcome<ExitKind> {
    match &args.command {
        StateCommand::List { addrs, variables } => {
            let state = Session::open_to_look(global, variables)?.state_to_mend()?;
            let under = addresses("ADDR", addrs)?;
            print(&state.map(|state| screen::state::list(&state, &under)).unwrap_or_default());
        }
        StateCommand::Show { addr, variables, json } => {
            let state = Session::open_to_look(global, variables)?.state_to_mend()?;
            print(&shown(state.as_ref(), addr, *json, style)?);
        }
        StateCommand::Pull { variables } => {
            let session = Session::open_to_look(global, variables)?;
            match session.state_to_mend()? {
                Some(state) => screen::out::data(&state.write()?),
                None => say("The state is empty: nothing was applied yet.\n"),
            }
        }
        StateCommand::Push(args) => push(global, args).await?,
        StateCommand::Mv(args) => rename(global, args).await?,
        StateCommand::Rm(args) => remove(global, args).await?,
    }
    Ok(ExitKind::Success)
}

fn shown(state: Option<&State>, text: &str, json: bool, style: Style) -> Outcome<String> {
    let missing = || {
        Failure::new(
            codes::NOT_IN_STATE,
            "show a step of the state",
            format!("{text} is not in the state"),
            "`mig state list` names the addresses; quote them for the shell.",
        )
    };
    let addr = StepAddr::parse(text).ok_or_else(missing)?;
    let state = state.filter(|state| state.steps.contains_key(&addr)).ok_or_else(missing)?;
    if json {
        let whole = screen::state::json(state);
        let step = whole.get("steps").and_then(|steps| steps.get(addr.to_string())).cloned().unwrap_or_default();
        return Ok(format!("{}\n", serde_json::to_string_pretty(&step).unwrap_or_default()));
    }
    screen::state::step(state, &addr, style).ok_or_else(missing)
}

async fn push(global: &Global, args: &Push) -> Outcome<()> {
    let session = Session::open_to_look(global, &args.edit.variables)?;
    let new = State::read_unsealed(&read(&args.file)?, &args.file.display().to_string())?;
    // No command could use it, -force or not.
    kinds::check_records(&new).map_err(|failure| Failure {
        hint: "Correct the record in the copy, or take the step out of it. Nothing was changed.".into(),
        ..failure
    })?;
    locked(&session, &args.edit.locking, "mig state push", pushed(&session, args, new)).await
}

async fn pushed(session: &Session, args: &Push, new: State) -> Outcome<()> {
    let recorded = match recovery::look(&*session.store) {
        // What a killed run had recorded is more than a copy from before it knows: it counts as a state of its own, so
        // that the copy is pulled again.
        Ok(Recovered { state: Some(state), leftover: Leftover::Live, .. }) if args.edit.dry_run => {
            Some(State { serial: state.serial + 1, ..state })
        }
        Ok(Recovered { state: Some(state), leftover: Leftover::Live, .. }) => {
            Some(recovery::absorb(&*session.store, state)?)
        }
        Ok(recovered) => recovered.state,
        // Its way out: a state that cannot be read is put aside.
        Err(_) if args.force => None,
        Err(failure) => {
            return Err(Failure::new(
                codes::PUSH_DOES_NOT_CONTINUE,
                "push the state",
                format!("the state on record cannot be read: {}", failure.cause),
                "Restore it, or put this one in its place all the same with -force. Nothing was changed.",
            ));
        }
    };
    let next = state_edit::pushed(recorded.as_ref(), new, args.force)?;
    let was =
        recorded.as_ref().map_or("nothing that can be read".to_owned(), |state| format!("serial {}", state.serial));
    let steps = count(next.steps.len() as u64, "step", "steps");
    let what = format!("serial {}, {steps}, lineage {}, in the place of {was}", next.serial, next.lineage);
    if args.edit.dry_run {
        print(&format!("Would push: {what}. Nothing was changed.\n"));
        return Ok(());
    }
    let kept = put(session, &next)?;
    print(&format!("Pushed: {what}.{kept}\n"));
    Ok(())
}

async fn rename(global: &Global, args: &Mv) -> Outcome<()> {
    let session = Session::open_to_look(global, &args.edit.variables)?;
    let one =
        |name: &str, text: &String| addresses(name, std::slice::from_ref(text)).map(|addrs| addrs.into_iter().next());
    let (Some(from), Some(to)) = (one("FROM", &args.from)?, one("TO", &args.to)?) else { return Ok(()) };
    locked(&session, &args.edit.locking, "mig state mv", renamed(&session, &args.edit, from, to)).await
}

async fn renamed(session: &Session, edit: &Edit, from: StepAddr, to: StepAddr) -> Outcome<()> {
    let state = recovery::look(&*session.store)?.state.unwrap_or_else(|| State::new(String::new()));
    let (next, one) = state_edit::renamed(&state, &session.spec, from, to)?;
    let steps = next.steps.keys().filter(|addr| addr.is_under(&one.to)).count() as u64;
    let what = format!("{} to {}: {}", one.from, one.to, count(steps, "step", "steps"));
    if edit.dry_run {
        print(&format!("Would rename {what}. Nothing was changed.\n"));
        return Ok(());
    }
    moves::keep_certificates(&*session.store, std::slice::from_ref(&one))?;
    let kept = put(session, &next)?;
    print(&format!("Renamed {what}.{kept}\n"));
    Ok(())
}

async fn remove(global: &Global, args: &Rm) -> Outcome<()> {
    let session = Session::open_to_look(global, &args.edit.variables)?;
    let addrs: Vec<StepAddr> = addresses("ADDR", &args.addrs)?.into_iter().collect();
    locked(&session, &args.edit.locking, "mig state rm", removed(&session, &args.edit, &addrs)).await
}

async fn removed(session: &Session, edit: &Edit, addrs: &[StepAddr]) -> Outcome<()> {
    let state = recovery::look(&*session.store)?.state.unwrap_or_else(|| State::new(String::new()));
    let (next, gone) = state_edit::without(&state, addrs)?;
    let list: String = gone.iter().map(|addr| format!("{addr}\n")).collect();
    let steps = count(gone.len() as u64, "step", "steps");
    if edit.dry_run {
        print(&format!("{list}Would forget {steps}. Nothing was changed.\n"));
        return Ok(());
    }
    let kept = put(session, &next)?;
    print(&format!("{list}Forgot {steps}; what they made stays where it is.{kept}\n"));
    Ok(())
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match path.to_str() {
        Some("-") => std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes),
        _ => std::fs::read(path),
    };
    read.map_err(|error| {
        let hint = "Name a file that `mig state pull` gave. Nothing was changed.";
        Failure::new(codes::STATE_UNREADABLE, format!("read {}", path.display()), error.to_string(), hint)
    })
}

/// Makes a state the one on record, and says where the one before is kept.
pub(super) fn put(session: &Session, next: &State) -> Outcome<String> {
    let store = &*session.store;
    // A journal that cannot be read is what -force puts aside.
    let mut kept = Vec::new();
    for (bytes, file) in
        [(store.read_state()?, Companion::Backup), (store.read_journal().unwrap_or(None), Companion::BackupJournal)]
    {
        let Some(bytes) = bytes else { continue };
        store.keep(&file, &bytes)?;
        kept.push(store.place_of(&file));
    }
    session.store.replace_state(&next.write()?)?;
    session.store.remove_journal()?;
    Ok(if kept.is_empty() { String::new() } else { format!(" What was there before is in {}.", kept.join(" and ")) })
}
