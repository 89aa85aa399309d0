//! `mig recover`: a lost state, made anew from what the ledgers on the targets know. Without `-confirm` it only says what
//! that is. Writes to no server.

use std::collections::BTreeSet;

use super::args::{self, Global};
use super::locked::locked;
use super::session::{Session, print, say};
use super::{remote, state};
use crate::drive::recovery;
use crate::formats::state::State;
use crate::screen;
use crate::screen::style::Style;
use crate::think::recover;
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &args::Recover, style: Style) -> Outcome<ExitKind> {
    let mut session = Session::open(global, &args.variables)?;
    is_lost(&session)?;
    session.look_up().await;
    let (servers, none) = (session.servers()?, BTreeSet::new());
    let seen = remote::observe(&session, &servers, None, &none, false).await?;
    if let Some(fault) = seen.world.servers.values().find_map(|server| server.fault.clone()) {
        return Err(fault);
    }
    let lineage = recover::lineage(&seen.world, args.lineage.as_deref())?;
    let next = State { serial: 1, ..State::new(lineage.clone()) };
    let seen = remote::observe(&session, &servers, Some(next.clone()), &none, false).await?;
    let remains = recover::remains(&seen.world, &lineage);
    let pending: Vec<String> = seen.world.pending.keys().cloned().collect();
    print(&screen::recover::text(&lineage, &remains, &pending, style.width));
    if !args.confirm {
        print(
            "\nNothing was recorded. To record it: `mig recover -confirm`, where no other mig runs with this lineage.\n",
        );
        return Ok(ExitKind::Success);
    }
    let put = async {
        is_lost(&session)?;
        state::put(&session, &next)
    };
    let kept = locked(&session, &args.locking, "mig recover", put).await?;
    print(&format!("\nRecorded: a state of lineage {lineage}.{kept} `mig plan` shows what is left to do.\n"));
    Ok(ExitKind::Success)
}

/// # Errors
/// MIG4019 where there is a state; what keeps it from being looked at. One that is damaged is as good as lost.
fn is_lost(session: &Session) -> Outcome<()> {
    let damaged = [codes::STATE_DAMAGED, codes::STATE_EDITED, codes::JOURNAL_DAMAGED, codes::JOURNAL_OF_OTHER_STATE];
    match recovery::look(&*session.store) {
        Ok(found) => match found.state {
            None => Ok(()),
            Some(state) => Err(Failure::new(
                codes::STATE_NOT_LOST,
                "recover the state",
                format!(
                    "there is one, with serial {} and lineage {}: {}",
                    state.serial,
                    state.lineage,
                    session.store.place()
                ),
                "Run `mig plan`: it shows what is recorded. If that state is not the right one, put it aside first: `mig state \
                 pull >FILE`, then remove it.",
            )),
        },
        Err(failure) if damaged.contains(&failure.code) => {
            say(&format!("The state on record cannot be used: {}.\n", failure.cause));
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}
