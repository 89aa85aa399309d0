//! `mig status`: looks at a run from another terminal. Takes no lock, reads no server and changes nothing.

use super::args::{self, Global};
use super::session::{Session, print};
use crate::formats::progress::RunProgress;
use crate::screen;
use crate::screen::style::Style;
use crate::seams::store::{Holding, Living};
use crate::words::error::{ExitKind, Outcome};

pub fn run(global: &Global, args: &args::Status, style: Style) -> Outcome<ExitKind> {
    let session = Session::open_to_look(global, &args.variables)?;
    // First what the run says, then who runs it: one that ends in between is not taken for an interrupted one.
    let progress = session.store.read_progress()?;
    let holding = session.store.holding()?;
    let open = session.state()?.and_then(|state| state.open_run).map(|run| run.plan_digest);
    // It may be written by another version, or be of a run that was killed while it wrote.
    let progress = progress.and_then(|bytes| serde_json::from_slice::<RunProgress>(&bytes).ok());
    let now = session.clock.now();
    let progress = progress.map(|progress| {
        let age = seconds_between(&progress.at, &now);
        (progress, age)
    });
    let held_seconds = match &holding {
        Holding::Living(Living { holder: Some(holder), .. }) => seconds_between(&holder.since, &now),
        Holding::Living(Living { holder: None, .. }) | Holding::Former(_) | Holding::Nobody => None,
    };
    let status = screen::status::Status { place: session.store.place(), open, holding, held_seconds, progress };
    if args.json {
        let value = screen::status::json(&status);
        print(&format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default()));
    } else {
        print(&screen::status::text(&status, style));
    }
    Ok(ExitKind::Success)
}

/// By how much two clocks of one machine may differ for the program.
const CLOCKS_DIFFER: f64 = 1.0;

fn seconds_between(from: &str, to: &str) -> Option<f64> {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;
    let read = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
    let seconds = (read(to)? - read(from)?).as_seconds_f64();
    // A time that is yet to come is of another clock, and says nothing.
    (seconds >= -CLOCKS_DIFFER).then_some(seconds.max(0.0))
}
