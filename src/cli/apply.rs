//! `mig apply`: does what a plan says. With a plan file it never asks: the file is the approval, and it is checked
//! before anything else. Without one it plans, shows, asks, and applies that very plan.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::approve;
use super::args::{Apply, Global};
use super::locked::locked;
use super::moves;
use super::remote::{self, Handover};
use super::saved::{blocked, check_file, check_world, same_provider};
use super::session::{Session, addresses, print, read_plan, say};
use super::signals;
use crate::drive::recovery;
use crate::drive::run::{EventSink, Run, RunEnd, run as drive};
use crate::formats::certificate::Certificate;
use crate::formats::cloud::CloudPlace;
use crate::formats::facts::World;
use crate::formats::plan::{Action, Graph, Mode, Node, Pending, PlanFile};
use crate::formats::state::{OpenRun, State};
use crate::hosts::places::FilePlaces;
use crate::screen;
use crate::screen::progress::{Moment, Reporter};
use crate::screen::style::Style;
use crate::seams::clock::Clock;
use crate::seams::sql::Server;
use crate::seams::store::{Companion, Store};
use crate::steps::Steps;
use crate::steps::context::{Context, Parts};
use crate::steps::remote::{Everywhere, Remote};
use crate::steps::servers::not_in_spec;
use crate::think::approval::Approvals;
use crate::think::ready::Limits;
use crate::think::run::{Interrupt, StepEnd};
use crate::words::addr::{StepAddr, StepKind};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

pub async fn run(global: &Global, args: &Apply, style: Style) -> Outcome<ExitKind> {
    let file = args.plan.as_deref().map(read_plan).transpose()?;
    let approved = approve::of_plan_file(args, file.as_ref())?;
    if args.destroy {
        return super::destroy::run(global, &args.as_destroy(), style).await;
    }
    if args.r#continue && (args.plan.is_some() || !args.auto_approve) {
        return Err(Failure::new(
            codes::COMMAND_LINE,
            "read the arguments",
            "-continue goes on without a second review: it needs -auto-approve and no plan file",
            "Leave it out, and review the plan that shows the tables.",
        ));
    }
    let mut session = Session::open(global, &args.variables)?;
    session.look_up().await;
    session.accept_host_keys(args.hosts.accept_host_key);
    go(session, args, file, approved, style).await
}

/// Applies a plan, or makes one and applies that.
pub async fn go(
    session: Session,
    args: &Apply,
    file: Option<PlanFile>,
    signed: Option<Approvals>,
    style: Style,
) -> Outcome<ExitKind> {
    if file.is_none() {
        may_ask(args.auto_approve, args.input)?;
    } else if !(args.target.is_empty() && args.replace.is_empty()) {
        return Err(Failure::new(
            codes::COMMAND_LINE,
            "read the arguments",
            "-target and -replace do not go with a saved plan: it is applied as it was reviewed, or not at all",
            "Make the plan with them, `mig plan -target=… -replace=… -out=FILE`, and apply that.",
        ));
    }
    let command = if session.import.is_some() { "mig import-dump" } else { "mig apply" };
    locked(&session.clone(), &args.locking, command, under_lock(session, args, (file, signed), style)).await
}

async fn under_lock(
    session: Session,
    args: &Apply,
    (file, signed): (Option<PlanFile>, Option<Approvals>),
    style: Style,
) -> Outcome<ExitKind> {
    let mut state = session.state()?;
    let asked = if args.refresh_only { Mode::Refresh } else { Mode::Apply };
    let mode = file.as_ref().map_or(asked, |plan| plan.body.mode);
    let provider = session.right_provider(state.as_ref()).await?;
    let servers = session.servers()?;
    let replace = match &file {
        Some(plan) => plan.body.replace.clone(),
        None => addresses("-replace", &args.replace)?,
    };
    if let Some(plan) = &file {
        check_file(&session, plan, state.as_ref())?;
        same_provider(plan, provider.as_ref())?;
    }
    let (mut world, mut copied) = (World::default(), Vec::new());
    if mode != Mode::Destroy {
        (state, world, copied) = observed(&session, &servers, state, &replace, args.json, style).await?;
        session.store.still_held()?;
    }
    let plan = match file {
        Some(plan) => {
            if mode != Mode::Destroy {
                check_world(&session, &plan, state.as_ref(), &world, &replace)?;
            }
            plan
        }
        None => shown_plan(&session, state.as_ref(), &world, (mode, &replace), args, style)?,
    };
    if let Some(state) = state.as_ref().filter(|_| mode == Mode::Destroy) {
        super::destroy::same_targets(&session, &plan, state).await?;
    }
    let asked = args.plan.is_some() || args.auto_approve;
    let what = Approval { asked, confirm: args.confirm.as_deref(), copied: &copied };
    let go_on = approved(&session, &plan, state.as_ref(), &what).await;
    // People have read the plan.
    let found = if args.json && plan.body.blocked { plan.body.diagnostics.clone() } else { Vec::new() };
    if !go_on.map_err(|failure| failure.with(found))? {
        match state {
            Some(state) if !state.moves.is_empty() => drop(moves::record(&session, state)?),
            _ => recovery::fold(&*session.store)?,
        }
        if args.json {
            stream_alone(&session, &plan, style);
        } else if args.plan.is_some() {
            print("No changes: nothing is to be done.\n");
        }
        return Ok(ExitKind::Success);
    }
    let (session, servers) = match state.as_ref().filter(|_| mode == Mode::Destroy) {
        Some(state) => {
            remote::nobody_at_work(&session, state).await?;
            let session = remote::without_dead_runners(session, state).await;
            let servers = session.servers()?;
            (session, servers)
        }
        None => (session, servers),
    };
    let pending = plan.body.pending.clone();
    let order = Order { signed, ..Order::of(plan, state, world, servers, provider, args) };
    let again = args.r#continue.then(|| session.with_spec(session.spec.clone()));
    let exit = execute(session, order, style).await?;
    if pending.is_empty() || exit != ExitKind::Success {
        return Ok(exit);
    }
    match again {
        // One step nearer: what was pending is known now, or the runner is not ready after all.
        Some(session) => Box::pin(second(session, args, style)).await,
        None => {
            if !args.json {
                review_first(&pending);
            }
            Ok(ExitKind::Changes)
        }
    }
}

/// The JSON stream of a plan that no run follows.
pub fn stream_alone(session: &Session, plan: &PlanFile, style: Style) {
    let mut reporter = Reporter::choose(true, Style::of_stderr(!style.color), now_of(session.clock.clone()));
    reporter.diagnostics(&plan.body.diagnostics);
    reporter.plan(plan, None);
}

/// What the next plan shows, and that this one ends here.
fn review_first(pending: &[Pending]) {
    let list: Vec<String> = pending.iter().map(|p| p.addr.to_string()).collect();
    say(&format!(
        "\nStopped for review ({}): {} can be seen now. Run `mig plan` (and review it), then `mig apply`.\n",
        codes::REVIEW_POINT,
        list.join(", ")
    ));
}

/// A certificate that a worker wrote while nobody listened.
fn keep_certificate(store: &dyn Store, migration: &str, bytes: &[u8], json: bool, style: Style) -> Outcome<()> {
    store.keep(&Companion::certificate(migration), bytes)?;
    if let (false, Ok(certificate)) = (json, serde_json::from_slice::<Certificate>(bytes)) {
        print(&format!("{}\n", screen::certificate::text(&certificate, style)));
    }
    Ok(())
}

/// Looks at the world. What workers did while nobody listened is on record before anything is planned over it.
async fn observed(
    session: &Session,
    servers: &BTreeMap<StepAddr, Arc<dyn Server>>,
    state: Option<State>,
    replace: &BTreeSet<StepAddr>,
    json: bool,
    style: Style,
) -> Outcome<(Option<State>, World, Vec<String>)> {
    let seen = remote::observe(session, servers, state, replace, true).await?;
    let state = match seen.state {
        Some(ahead) if seen.ahead && ahead.moves.is_empty() => Some(recovery::absorb(&*session.store, ahead)?),
        Some(ahead) if seen.ahead => Some(moves::record(session, ahead)?),
        state => state,
    };
    for (migration, bytes) in &seen.certificates {
        keep_certificate(&*session.store, migration, bytes, json, style)?;
    }
    Ok((state, seen.world, seen.copied))
}

/// Plans, and shows the plan to people.
fn shown_plan(
    session: &Session,
    state: Option<&State>,
    world: &World,
    (mode, replace): (Mode, &BTreeSet<StepAddr>),
    args: &Apply,
    style: Style,
) -> Outcome<PlanFile> {
    let plan = session.plan(state, world, mode, replace, false, &args.target)?;
    if !args.json {
        print(&screen::plan::text(&plan, style));
    }
    Ok(plan)
}

/// `-continue`: plans what is known now and applies it, under the same lock.
async fn second(session: Session, args: &Apply, style: Style) -> Outcome<ExitKind> {
    let state = session.state()?;
    let provider = session.right_provider(state.as_ref()).await?;
    let servers = session.servers()?;
    let nothing = BTreeSet::new();
    let (state, world, copied) = observed(&session, &servers, state, &nothing, args.json, style).await?;
    let plan = shown_plan(&session, state.as_ref(), &world, (Mode::Apply, &nothing), args, style)?;
    let what = Approval { asked: true, confirm: args.confirm.as_deref(), copied: &copied };
    if !approved(&session, &plan, state.as_ref(), &what).await? {
        return Ok(ExitKind::Success);
    }
    let pending = !plan.body.pending.is_empty();
    let exit = execute(session, Order::of(plan, state, world, servers, provider, args), style).await?;
    Ok(if pending && exit == ExitKind::Success { ExitKind::Changes } else { exit })
}

/// Without a terminal or with -input=false there is nobody to ask: an error at once, never a wait.
pub fn may_ask(auto_approve: bool, input: bool) -> Outcome<()> {
    if auto_approve || (input && std::io::stdin().is_terminal()) {
        return Ok(());
    }
    Err(Failure::new(
        codes::NO_ANSWER_POSSIBLE,
        "ask for approval",
        "there is no terminal to ask on",
        "Save a plan with `mig plan -out=FILE` and apply that file, or give -auto-approve.",
    ))
}

/// How a plan is approved.
pub struct Approval<'a> {
    /// By a file or a flag: nobody is asked.
    pub asked: bool,
    pub confirm: Option<&'a str>,
    /// Where mig was copied to before the plan could be made: all that was done where it is not approved.
    pub copied: &'a [String],
}

impl Approval<'_> {
    /// What was done up to here, for the end of a hint.
    fn done(&self) -> String {
        match self.copied {
            [] => "Nothing was done.".to_owned(),
            places => format!(
                "No step was started. All that was done: mig was copied to {}, from where the plan is made.",
                places.join(" and ")
            ),
        }
    }
}

/// Asks where it must. False: there is nothing to do.
///
/// # Errors
/// Blocked (5); a missing -confirm; a no.
pub async fn approved(
    session: &Session,
    plan: &PlanFile,
    state: Option<&State>,
    approval: &Approval<'_>,
) -> Outcome<bool> {
    if plan.body.blocked {
        return Err(blocked(&plan.body));
    }
    let resumes = state.is_some_and(|s| s.open_run.is_some());
    if plan.body.changes.is_empty() && !resumes {
        return Ok(false);
    }
    confirmed(session, plan, approval)?;
    if approval.asked || plan.body.changes.is_empty() {
        return Ok(true);
    }
    say("\nDo you want to do this? Only `yes` is accepted: ");
    if answer(approval).await?.trim() == "yes" {
        return Ok(true);
    }
    Err(Failure::new(codes::NOT_APPROVED, "apply the plan", "it was not approved", approval.done()))
}

/// A line from standard input; a signal ends the waiting, so that the lock is given back.
async fn answer(approval: &Approval<'_>) -> Outcome<String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        let _ = std::io::stdin().lock().read_line(&mut answer);
        answer
    });
    let mut signals = signals::listen();
    tokio::select! {
        answer = read => Ok(answer.unwrap_or_default()),
        _ = signals.changed() => {
            let cause = "it was interrupted before it was approved";
            Err(Failure::new(codes::INTERRUPTED, "apply the plan", cause, approval.done()))
        }
    }
}

/// Where verified rows, or objects of the target, are dropped, the target's host is to be named.
fn confirmed(session: &Session, plan: &PlanFile, approval: &Approval<'_>) -> Outcome<()> {
    for change in plan.body.changes.iter().filter(|c| c.needs_confirm) {
        let migration = change.addr.migration().and_then(|name| session.spec.migrations.get(name));
        let target = migration.and_then(|m| session.spec.targets.get(&m.target));
        // Nothing can be dropped where it is not known where that is.
        let Some(host) = target.map(|t| t.host.as_str()) else { return Err(not_in_spec(&change.addr)) };
        if approval.confirm != Some(host) {
            let holds = if change.action != Action::Destroy {
                "holds rows that were verified"
            } else if change.addr.kind() == Some(StepKind::View) {
                "is a view on the target"
            } else {
                "is a table on the target"
            };
            return Err(Failure::new(
                codes::DROP_NOT_CONFIRMED,
                "drop what is on the target",
                format!("{} {holds}, and -confirm does not name its host", change.addr),
                format!("If that is meant: -confirm={host}. {}", approval.done()),
            ));
        }
    }
    Ok(())
}

/// What is to be carried out.
pub struct Order {
    pub plan: PlanFile,
    pub state: Option<State>,
    pub world: World,
    /// Where the provider's objects are made; recorded when the run is opened.
    pub provider: Option<CloudPlace>,
    pub servers: BTreeMap<StepAddr, Arc<dyn Server>>,
    pub parallelism: usize,
    pub json: bool,
    pub show_keys: bool,
    /// A stop of the run stops workers on runners, too.
    pub stop_worker: bool,
    /// Who has approved the plan, where that was asked for.
    pub signed: Option<Approvals>,
}

impl Order {
    fn of(
        plan: PlanFile,
        state: Option<State>,
        world: World,
        servers: BTreeMap<StepAddr, Arc<dyn Server>>,
        provider: Option<CloudPlace>,
        args: &Apply,
    ) -> Self {
        let Apply { parallelism, json, show_keys, stop_worker, .. } = *args;
        Self { plan, state, world, provider, servers, parallelism, json, show_keys, stop_worker, signed: None }
    }
}

/// Runs the plan's graph and shows how it goes.
pub async fn execute(session: Session, order: Order, style: Style) -> Outcome<ExitKind> {
    let Order { mut plan, state, world, provider, servers, parallelism, json, show_keys, stop_worker, signed } = order;
    let state = begun(&session, state)?;
    let mut open_run = OpenRun::new(plan.digest.clone(), plan.body.state_digest.clone());
    open_run.provider = provider;
    open_run.left_out = std::mem::take(&mut plan.body.left_out);
    let graph = Arc::new(std::mem::take(&mut plan.body.graph));
    let Session { dir, spec, texts, store, clock, shells, account, .. } = session;
    let remotes = remote::remotes(&Handover {
        spec: &spec,
        texts: &texts,
        dir: &dir,
        store: store.clone(),
        state: &state,
        world: &world,
        plan: &plan,
        graph: &graph,
        shells: shells.clone(),
        clock: clock.clone(),
        parallelism,
        show_keys,
        stop_worker,
    })?;
    let (before, certified) = (certificates(&graph, &*store), store.clone());
    let parts = Parts {
        spec,
        dir,
        token: store.token(),
        store: store.clone(),
        lineage: state.lineage.clone(),
        first_names: state.first_names.clone(),
        plan_digest: plan.digest.clone(),
        clock: clock.clone(),
        programs: Arc::new(crate::hosts::program::Local),
        world,
        servers,
        show_keys,
        shells,
        cloud: account.map(|account| account.cloud),
        places: Arc::new(FilePlaces::default()),
    };
    let context = Arc::new(Context::new(parts, Arc::clone(&graph)));
    let (tell, told) = mpsc::unbounded_channel();
    let mut reporter = Reporter::choose(json, Style::of_stderr(!style.color), now_of(clock.clone()));
    reporter.plan(&plan, signed.as_ref());
    let mode = plan.body.mode;
    // Of thousands of tables it is large, and the run needs none of it but the graph.
    drop(plan);
    let signals = signals::listen();
    let told_to_stop = signals.clone();
    let shown = tokio::spawn(show(reporter, Some(Arc::clone(&store)), told, signals.clone()));
    let run = Run {
        graph: graph.clone(),
        state,
        open_run,
        store,
        clock,
        steps: Arc::new(Everywhere { here: Steps(context), remotes: remotes.clone() }),
        limits: Limits::of_run(parallelism),
        tap: None,
        events: EventSink::new(tell),
        signals,
    };
    let end = drive(run).await;
    if end.exit == ExitKind::Interrupted && *told_to_stop.borrow() != Some(Interrupt::Hard) {
        for remote in &remotes {
            remote.stop_worker().await;
        }
    }
    let _ = shown.await;
    tell_end(&end, mode, json, style);
    if !json {
        tell_certificates(&end, &before, &certificates(&graph, &*certified), style);
    }
    if end.exit == ExitKind::Interrupted && !json {
        tell_workers(&remotes, !remotes.is_empty() && !stop_worker);
    }
    Ok(end.exit)
}

/// The state that a run begins over. The first run of all mints its lineage.
fn begun(session: &Session, state: Option<State>) -> Outcome<State> {
    match state {
        Some(state) => moves::record(session, state),
        None => Ok(State::new(format!("{:032x}", rand::random::<u128>()))),
    }
}

/// What goes on elsewhere behind an interrupted run.
fn tell_workers(remotes: &[Arc<Remote>], goes_on: bool) {
    if goes_on {
        say("The worker on the runner goes on. `mig apply` reattaches; with -stop-worker, Ctrl-C stops it, too.\n");
    }
    let left = remotes.iter().filter_map(|remote| remote.left_at_work()).collect::<Vec<_>>();
    if !left.is_empty() {
        say(&format!(
            "Not stopped: the line to the worker of {} was not up yet. If an earlier run started it, it goes on; `mig apply \
             -stop-worker` and Ctrl-C stop it once it is attached.\n",
            left.iter().map(|name| format!("migration.{name}")).collect::<Vec<_>>().join(", ")
        ));
    }
}

pub fn now_of(clock: Arc<dyn Clock>) -> screen::progress::Now {
    Box::new(move || Moment { millis: clock.millis(), at: clock.now() })
}

/// Shows events until the run drops its end of the line.
pub async fn show(
    mut reporter: Reporter,
    beside: Option<Arc<dyn Store>>,
    mut events: mpsc::UnboundedReceiver<crate::formats::event::Event>,
    mut signals: watch::Receiver<Option<Interrupt>>,
) {
    let mut listening = true;
    let mut seconds = 0_u64;
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => reporter.on(&event),
                None => {
                    // Whether it can be removed is of no weight: a reader takes it for what it is, of a run that has ended.
                    let _ = beside.map(|store| store.put_progress(None));
                    return;
                }
            },
            changed = signals.changed(), if listening => {
                listening = changed.is_ok();
                match *signals.borrow_and_update() {
                    Some(Interrupt::Graceful) => reporter.say(
                        "Interrupted: running parts end first. Again ends at once; both can resume.",
                    ),
                    Some(Interrupt::Hard) => reporter.say("Ending at once; what is durable stays."),
                    None => {}
                }
            }
            _ = tick.tick() => {
                reporter.tick();
                seconds += 1;
                let every = beside.as_ref().map_or(1, |store| store.progress_every().as_secs().max(1));
                let due = every == 1 || seconds % every == 1;
                if let (true, Some(store), Some(report)) = (due, &beside, reporter.report()) {
                    let _ = store.put_progress(serde_json::to_vec(&report).ok().as_deref());
                }
            }
        }
    }
}

/// Root causes once, and what was not started because of them.
fn tell_end(end: &RunEnd, mode: Mode, json: bool, style: Style) {
    if !json {
        let failures: Vec<(StepAddr, Failure)> =
            end.failures.iter().filter_map(|f| f.address.clone().map(|addr| (addr, f.clone()))).collect();
        let skipped: Vec<(StepAddr, StepAddr)> = end
            .ends
            .iter()
            .filter_map(|(addr, ended)| match ended {
                StepEnd::UpstreamFailed { root } => Some((addr.clone(), root.clone())),
                _ => None,
            })
            .collect();
        if !failures.is_empty() || !skipped.is_empty() {
            say(&screen::failure::run_end(&failures, &skipped, style));
        }
        for failure in end.failures.iter().filter(|f| f.address.is_none()) {
            say(&screen::failure::text(failure, style));
        }
        if !end.left.is_empty() {
            say(&screen::failure::left(&end.left, style));
        }
        if mode == Mode::Destroy && !end.failures.is_empty() {
            // The hints of steps name `mig apply`. After a destroy it would create everything again.
            say("\nThis was a destroy: `mig destroy` goes on with what is left. `mig apply` would make it again.\n");
        }
    }
}

/// The certificates beside the state, by the step that writes each. A migration that is only forgotten proves nothing.
fn certificates(graph: &Graph, store: &dyn Store) -> BTreeMap<StepAddr, Vec<u8>> {
    let reports = graph.nodes.iter().filter(|node| node.kind == StepKind::Report);
    let reports = reports.filter(|node| !matches!(node.action, Action::Forget | Action::Destroy));
    let read = |node: &Node| {
        let bytes = store.kept(&Companion::certificate(node.addr.migration()?)).ok()??;
        Some((node.addr.clone(), bytes))
    };
    reports.filter_map(read).collect()
}

/// Shows what this run proved. A report that failed may have written none: then the one that lies there is an older
/// run's.
fn tell_certificates(
    end: &RunEnd,
    before: &BTreeMap<StepAddr, Vec<u8>>,
    after: &BTreeMap<StepAddr, Vec<u8>>,
    style: Style,
) {
    for (addr, bytes) in after {
        let written = match end.ends.get(addr) {
            Some(StepEnd::Complete) => true,
            Some(StepEnd::Failed(_)) => before.get(addr) != Some(bytes),
            _ => false,
        };
        if let (true, Ok(certificate)) = (written, serde_json::from_slice::<Certificate>(bytes)) {
            print(&format!("\n{}", screen::certificate::text(&certificate, style)));
        }
    }
}
