//! `mig check`: all gates alone, without a state: an assessment that can be handed round. Changes nothing.

use std::collections::BTreeSet;

use super::args::{self, Global};
use super::session::{Session, print};
use super::{page, remote};
use crate::formats::plan::Mode;
use crate::screen;
use crate::screen::style::Style;
use crate::words::error::{ExitKind, Outcome};

pub async fn run(global: &Global, args: &args::Check, style: Style) -> Outcome<ExitKind> {
    let mut session = Session::open(global, &args.variables)?;
    let html = args.views.html.as_deref();
    if let Some(path) = html {
        page::may_write(path, Some(&session), None)?;
    }
    session.look_up().await;
    let servers = session.servers()?;
    let none = BTreeSet::new();
    let seen = remote::observe(&session, &servers, None, &none, false).await?;
    let plan = session.plan(None, &seen.world, Mode::Apply, &none, false, &[])?;
    print(&args.views.view().show_check(&plan, style));
    if let Some(path) = html {
        page::write_and_say(path, screen::html::check(&plan), args.views.view())?;
    }
    Ok(if plan.body.blocked { ExitKind::Gate } else { ExitKind::Success })
}
