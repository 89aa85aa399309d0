//! `mig destroy`: removes the scaffolding. Migrated tables stay, unless -drop-target-data says otherwise.

use super::apply::{Approval, Order, approved, execute, may_ask, take_lock};
use super::args::{Destroy, Global};
use super::session::{Session, print};
use crate::drive::recovery;
use crate::formats::facts::World;
use crate::formats::plan::Mode;
use crate::screen;
use crate::screen::style::Style;
use crate::words::error::{ExitKind, Outcome};

pub async fn run(global: &Global, args: &Destroy, style: Style) -> Outcome<ExitKind> {
    let mut session = Session::open(global, &args.variables)?;
    session.look_up().await;
    may_ask(args.auto_approve, args.input)?;
    let _lock = take_lock(&session, &args.locking, "mig destroy").await?;
    let state = recovery::look(&*session.store)?.state;
    let Some(state) = state.filter(|s| !s.steps.is_empty() || s.open_run.is_some()) else {
        recovery::fold(&*session.store)?;
        print("Nothing to destroy: the state is empty.\n");
        return Ok(ExitKind::Success);
    };
    let world = World::default();
    let plan = session.plan(Some(&state), &world, Mode::Destroy, &Default::default(), args.drop_target_data, &[])?;
    if !args.json {
        print(&screen::plan::text(&plan, style));
    }
    let what = Approval { asked: args.auto_approve, confirm: args.confirm.as_deref() };
    if !approved(&session, &plan, Some(&state), &what)? {
        return Ok(ExitKind::Success);
    }
    let servers = session.servers()?;
    let order = Order {
        plan,
        state: Some(state),
        world,
        servers,
        parallelism: args.parallelism,
        json: args.json,
        show_keys: false,
        stop_worker: false,
    };
    execute(session, order, style).await
}
