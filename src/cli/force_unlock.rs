//! `mig force-unlock ID`: takes the lock of a state away from a holder that is gone for good. Touches no server, and no
//! record of the state.

use super::args::{self, Global};
use super::session::{Session, print};
use crate::screen::style::count;
use crate::seams::store::Broken;
use crate::words::error::{ExitKind, Outcome};

pub fn run(global: &Global, args: &args::ForceUnlock) -> Outcome<ExitKind> {
    let session = Session::open_to_look(global, &args.variables)?;
    let Broken { holder, free_in } = session.store.break_lock(&args.id)?;
    let then = match free_in {
        None => "The lock is free.".to_owned(),
        Some(time) => format!(
            "If that process still runs, it can record nothing more, and it starts nothing once its lease ends. The lock is \
             free in {} at most.",
            count(time.as_secs(), "second", "seconds")
        ),
    };
    print(&format!("Taken away from {holder}. {then}\n"));
    Ok(ExitKind::Success)
}
