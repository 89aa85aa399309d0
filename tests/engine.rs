//! The drive over a store in memory that fails on demand: durable order, group commit, panics, signals, full disks,
//! a crash after any byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use mig::drive::lock;
use mig::drive::recovery::look;
use mig::drive::run::{EventSink, Run, RunEnd, run};
use mig::formats::event::{Ended, Event};
use mig::formats::journal::Leftover;
use mig::formats::json_text::JsonText;
use mig::formats::plan::{Action, Edge, EdgeKind, Graph, Node};
use mig::formats::state::{OpenRun, State, Status};
use mig::hosts::clock::SystemClock;
use mig::hosts::file::FileStore;
use mig::hosts::memory::{Faults, MemoryStore};
use mig::seams::store::{Holder, Locking, Store};
use mig::steps::step::{StepCtx, StepSet, Upstream};
use mig::think::ready::Limits;
use mig::think::run::{Interrupt, StepEnd};
use mig::words::addr::{StepAddr, StepKind, TableName};
use mig::words::digest::Digest;
use mig::words::error::{ExitKind, Failure, Outcome};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, watch};

const PARTS: u32 = 3;

/// Tables with dump, load and verify, as a migration has them.
fn tables(count: usize) -> Graph {
    let mut graph = Graph::default();
    let mut add = |kind, table: &TableName, from: &[(StepAddr, EdgeKind)]| {
        let addr = StepAddr::of_table("m", kind, table);
        let inputs_digest = Digest::of_bytes(addr.to_string().as_bytes());
        graph.nodes.push(Node {
            addr: addr.clone(),
            kind,
            action: Action::Create,
            inputs: JsonText::none(),
            inputs_digest,
        });
        let edges = from.iter().map(|(from, kind)| Edge { to: addr.clone(), from: from.clone(), kind: *kind });
        graph.edges.extend(edges);
        addr
    };
    for no in 0..count {
        let name = TableName::new("s", format!("t{no}"));
        let table = add(StepKind::Table, &name, &[]);
        let dump = add(StepKind::Dump, &name, &[]);
        let load = add(StepKind::Load, &name, &[(table, EdgeKind::After), (dump, EdgeKind::Stream)]);
        add(StepKind::Verify, &name, &[(load, EdgeKind::Stream)]);
    }
    graph
}

/// What the steps do beside their parts.
#[derive(Clone, Default)]
struct Steps {
    /// Steps whose address holds this text panic, fail, or wait for ever.
    panics: Option<&'static str>,
    fails: Option<&'static str>,
    hangs: Option<&'static str>,
    /// The load throws its parts away once the verification is at work, which does not begin again.
    throws_away: Option<Arc<Notify>>,
    /// Another machine carries the steps out.
    elsewhere: bool,
    /// Effects: `ADDR#PART`.
    effects: Arc<Mutex<Vec<String>>>,
    starts: Arc<AtomicU32>,
    /// Stops the run after so many effects.
    stop_after: Option<(usize, watch::Sender<Option<Interrupt>>, Interrupt)>,
}

impl Steps {
    async fn part(&self, ctx: &StepCtx, part: u32) -> Outcome<()> {
        if ctx.resume.parts.get(&part).is_some_and(|part| part.done.is_some()) {
            return Ok(());
        }
        if ctx.stopping() {
            return Err(ctx.interrupted());
        }
        ctx.border(part, json!({ "from": part })).await?;
        let effects = {
            let mut effects = self.effects.lock().unwrap();
            effects.push(format!("{}#{part}", ctx.addr));
            effects.len()
        };
        if let Some((after, signal, interrupt)) = &self.stop_after
            && effects == *after
        {
            signal.send_replace(Some(*interrupt));
        }
        ctx.progress(10, 100);
        ctx.part_done(part, json!({ "rows": 10 })).await
    }

    async fn work(&self, node: &Node, ctx: StepCtx) -> Outcome<Value> {
        self.starts.fetch_add(1, Ordering::Relaxed);
        let text = ctx.addr.to_string();
        let is = |what: Option<&str>| what.is_some_and(|what| text.contains(what));
        if is(self.panics) {
            panic!("a marker-password in a panic");
        }
        if is(self.fails) {
            return Err(Failure::new(mig::words::codes::HOST_UNKNOWN, "work", "it is not to be", "Again."));
        }
        if is(self.hangs) {
            std::future::pending::<()>().await;
        }
        match (node.kind, &self.throws_away) {
            (StepKind::Verify, Some(at_work)) => at_work.notify_one(),
            (StepKind::Load, Some(at_work)) => {
                at_work.notified().await;
                ctx.reset().await?;
            }
            _ => {}
        }
        match node.kind {
            StepKind::Dump => {
                for part in 0..PARTS {
                    self.part(&ctx, part).await?;
                }
            }
            StepKind::Load | StepKind::Verify => loop {
                match ctx.next_upstream().await {
                    Upstream::Part(part, data) => {
                        assert_eq!(data.done, Some(json!({ "rows": 10 })));
                        self.part(&ctx, part).await?;
                    }
                    Upstream::Closed(outputs) => {
                        assert_eq!(outputs, json!({ "parts": PARTS }));
                        for part in 0..PARTS {
                            if !self.effects.lock().unwrap().contains(&format!("{text}#{part}")) {
                                self.part(&ctx, part).await?;
                            }
                        }
                        break;
                    }
                    Upstream::Reset => assert!(self.throws_away.is_some(), "nobody resets here"),
                    Upstream::Failed => return Err(ctx.upstream_failed()),
                }
            },
            _ => {}
        }
        if node.kind == StepKind::Load {
            let table = StepAddr::of_table("m", StepKind::Table, &ctx.addr.table().unwrap());
            assert_eq!(ctx.upstream(&table).unwrap(), Some(json!({ "parts": PARTS })));
        }
        Ok(json!({ "parts": PARTS }))
    }
}

impl StepSet for Steps {
    fn run<'a>(&'a self, node: &'a Node, ctx: StepCtx) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(self.work(node, ctx))
    }

    fn elsewhere(&self, _: &StepAddr) -> bool {
        self.elsewhere
    }
}

struct Going {
    graph: Graph,
    steps: Steps,
    events: EventSink,
    signals: watch::Receiver<Option<Interrupt>>,
    parallelism: usize,
}

fn going(graph: Graph) -> Going {
    let (_, signals) = watch::channel(None);
    Going { graph, steps: Steps::default(), events: EventSink::none(), signals, parallelism: 4 }
}

impl Going {
    async fn over(self, store: Arc<dyn Store>) -> RunEnd {
        let state = look(store.as_ref()).unwrap().state.unwrap_or_else(|| State::new("lineage".into()));
        self.from(store, state).await
    }

    async fn from(self, store: Arc<dyn Store>, state: State) -> RunEnd {
        let base = State::new("lineage".into()).digest();
        let all = Run {
            tap: None,
            graph: Arc::new(self.graph),
            state,
            open_run: OpenRun::new(Digest::of_bytes(b"plan"), base),
            store,
            clock: Arc::new(SystemClock::new()),
            steps: Arc::new(self.steps),
            limits: Limits::of(self.parallelism),
            events: self.events,
            signals: self.signals,
        };
        tokio::time::timeout(Duration::from_secs(60), run(all)).await.expect("a run never hangs")
    }
}

fn assert_complete(store: &dyn Store, tables: usize) {
    let found = look(store).unwrap();
    assert_eq!(found.leftover, Leftover::None, "the journal is gone");
    let state = found.state.unwrap();
    assert_eq!(state.open_run, None);
    assert_eq!(state.steps.len(), tables * 4);
    for (addr, record) in &state.steps {
        assert_eq!(record.status, Status::Complete, "{addr}");
        assert!(record.progress.is_empty(), "{addr}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_ends_in_one_state_within_its_bytes_and_a_second_run_writes_nothing() {
    let store = Arc::new(MemoryStore::new());
    let (tell, mut told) = mpsc::unbounded_channel();
    let run = Going { events: EventSink::new(tell), ..going(tables(20)) };
    let effects = Arc::clone(&run.steps.effects);
    let end = run.over(store.clone()).await;
    assert_eq!((end.exit, end.failures.len(), end.complete()), (ExitKind::Success, 0, true));
    assert_complete(store.as_ref(), 20);
    assert_eq!(end.state, look(store.as_ref()).unwrap().state.unwrap());
    assert_eq!(end.state.serial, 1);
    assert_eq!(effects.lock().unwrap().len(), 20 * 3 * PARTS as usize);

    let state = store.read_state().unwrap().unwrap().len() as u64;
    let part_records: u64 =
        end.state.steps.keys().map(|addr| u64::from(PARTS) * (2 * addr.to_string().len() as u64 + 100)).sum();
    assert!(store.written() <= 3 * (state + part_records), "{} bytes for a state of {state}", store.written());

    let mut ended = 0;
    let mut parts = 0;
    while let Ok(event) = told.try_recv() {
        match event {
            Event::StepEnded { end, .. } => ended += usize::from(end == Ended::Complete),
            Event::PartDone { .. } => parts += 1,
            _ => {}
        }
    }
    assert_eq!((ended, parts), (80, 20 * 3 * PARTS));

    let (written, syncs) = (store.written(), store.syncs());
    let mut graph = tables(20);
    graph.nodes.iter_mut().for_each(|node| node.action = Action::NoOp);
    let end = going(graph).over(store.clone()).await;
    assert_eq!((end.exit, end.counts.unchanged, end.state.serial), (ExitKind::Success, 80, 1));
    assert_eq!((store.written(), store.syncs()), (written, syncs), "nothing to do writes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_after_any_byte_loses_nothing_that_was_durable() {
    let whole = Arc::new(MemoryStore::new());
    going(tables(2)).over(whole.clone()).await;
    let mut at = 0;
    while at < whole.written() {
        for kept in [0, 1, usize::MAX] {
            let faults = Faults { crash_after_bytes: Some(at), ..Faults::default() };
            let store = MemoryStore::new().with_faults(faults);
            let steps = Steps::default();
            let end = Going { steps: steps.clone(), ..going(tables(2)) }.over(Arc::new(store.clone())).await;
            // The order of what runs at once differs, and with it the frames and their number of bytes.
            if end.exit != ExitKind::Success {
                assert_eq!(
                    (end.exit, end.failures[0].code.to_string().as_str()),
                    (ExitKind::Error, "MIG4006"),
                    "byte {at}"
                );
                assert_eq!(end.failures.len(), 1, "the root cause once: {:?}", end.failures);
            }
            let disk = store.after_power_loss(kept);
            let durable = look(&disk).unwrap().state;
            let end = Going { steps, ..going(tables(2)) }.over(Arc::new(disk.clone())).await;
            assert_eq!(end.exit, ExitKind::Success, "byte {at}: {:?}", end.failures);
            let opened = durable.is_some_and(|state| state.open_run.is_some() || state.steps.is_empty());
            assert!(opened || end.counts.unchanged == 8 || end.counts.complete == 8, "byte {at}");
            assert_complete(&disk, 2);
        }
        at += 97;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_sync_and_a_full_disk_end_the_run_and_are_not_tried_again() {
    let broken = [
        (Faults { failing_sync: Some(3), ..Faults::default() }, "MIG4006"),
        (Faults { capacity: Some(2_000), ..Faults::default() }, "MIG4007"),
    ];
    for (faults, code) in broken {
        let store = MemoryStore::new().with_faults(faults);
        let end = going(tables(5)).over(Arc::new(store.clone())).await;
        let codes: Vec<String> = end.failures.iter().map(|failure| failure.code.to_string()).collect();
        assert_eq!((end.exit.code(), codes), (1, vec![code.to_owned()]));
        assert!(end.failures[0].address.is_none() && end.failures[0].doing.contains("memory.migstate"));
        assert!(store.syncs() <= 3, "{} syncs", store.syncs());
        assert_eq!(store.read_state().unwrap(), None, "no fold after a failed write");
        let disk = Arc::new(store.after_power_loss(0));
        assert_eq!(going(tables(5)).over(disk.clone()).await.exit, ExitKind::Success);
        assert_complete(disk.as_ref(), 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_or_a_failure_in_one_table_is_told_once_and_the_others_end() {
    for (steps, code) in [
        (Steps { panics: Some("load[\"s.t1\"]"), ..Steps::default() }, "MIG5001"),
        (Steps { fails: Some("load[\"s.t1\"]"), ..Steps::default() }, "MIG3001"),
    ] {
        let store = Arc::new(MemoryStore::new());
        let end = Going { steps, ..going(tables(3)) }.over(store.clone()).await;
        assert_eq!((end.exit, end.failures.len()), (ExitKind::Error, 1));
        let failure = &end.failures[0];
        let root = StepAddr::of_table("m", StepKind::Load, &TableName::new("s", "t1"));
        assert_eq!((failure.code.to_string().as_str(), failure.address.as_ref()), (code, Some(&root)));
        assert!(!format!("{failure:?}").contains("marker"), "what a panic says stays out");
        let verify = StepAddr::of_table("m", StepKind::Verify, &TableName::new("s", "t1"));
        assert_eq!(end.ends[&verify], StepEnd::UpstreamFailed { root });
        assert_eq!((end.counts.complete, end.counts.failed, end.counts.upstream_failed), (10, 1, 1));
        assert!(end.state.open_run.is_some(), "the same plan may resume it");
        let end = going(tables(3)).over(store.clone()).await;
        assert_eq!((end.exit, end.counts.unchanged, end.counts.complete), (ExitKind::Success, 10, 2));
        assert_complete(store.as_ref(), 3);
    }
}

/// Where another machine carries the steps out, that machine has held them to it, and the records only follow: that the
/// load had thrown its parts away may come late.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_keeps_parts_that_were_thrown_away_fails_where_it_was_carried_out() {
    for (elsewhere, exit, codes) in [(false, ExitKind::Error, vec!["MIG5004"]), (true, ExitKind::Success, vec![])] {
        let steps = Steps { throws_away: Some(Arc::default()), elsewhere, ..Steps::default() };
        let end = Going { steps, ..going(tables(1)) }.over(Arc::new(MemoryStore::new())).await;
        let told: Vec<String> = end.failures.iter().map(|failure| failure.code.to_string()).collect();
        assert_eq!((end.exit, told), (exit, codes.into_iter().map(str::to_owned).collect()), "{:?}", end.failures);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_exits_130_and_goes_on_where_it_was() {
    for (interrupt, hangs) in [(Interrupt::Graceful, None), (Interrupt::Hard, Some("dump[\"s.t0\"]"))] {
        let store = Arc::new(MemoryStore::new());
        let (signal, signals) = watch::channel(None);
        let steps = Steps { stop_after: Some((7, signal, interrupt)), hangs, ..Steps::default() };
        let effects = Arc::clone(&steps.effects);
        let end = Going { steps, signals, ..going(tables(6)) }.over(store.clone()).await;
        assert_eq!((end.exit.code(), end.failures.len()), (130, 0), "{interrupt:?}");
        assert!(end.counts.interrupted > 0 && end.counts.not_started > 0, "{:?}", end.counts);
        assert!(end.state.open_run.is_some());
        assert_eq!(look(store.as_ref()).unwrap().leftover, Leftover::None, "folded all the same");
        let steps = Steps { effects: Arc::clone(&effects), ..Steps::default() };
        let end = Going { steps, ..going(tables(6)) }.over(store.clone()).await;
        assert_eq!(end.exit, ExitKind::Success, "{:?}", end.failures);
        assert_complete(store.as_ref(), 6);
        if interrupt == Interrupt::Graceful {
            let mut all = effects.lock().unwrap().clone();
            all.sort();
            let count = all.len();
            all.dedup();
            assert_eq!(all.len(), count, "no part twice");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_before_the_start_starts_nothing_and_writes_nothing() {
    let store = Arc::new(MemoryStore::new());
    let (_signal, signals) = watch::channel(Some(Interrupt::Graceful));
    let end = Going { signals, ..going(tables(2)) }.over(store.clone()).await;
    assert_eq!((end.exit.code(), end.counts.not_started, store.written()), (130, 8, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_moved_since_it_was_read_is_refused_before_anything_starts() {
    let store = Arc::new(MemoryStore::new());
    let mut state = State::new("lineage".into());
    let read = state.clone();
    state.serial = 3;
    store.put_state(state.write().unwrap());
    let steps = Steps::default();
    let starts = Arc::clone(&steps.starts);
    let end = Going { steps, ..going(tables(1)) }.from(store.clone(), read).await;
    assert_eq!((end.exit.code(), end.failures[0].code.to_string().as_str()), (3, "MIG4008"));
    assert_eq!((starts.load(Ordering::Relaxed), store.written()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_wait_share_a_sync() {
    let slow = Faults { sync_time: Duration::from_millis(4), ..Faults::default() };
    let store = Arc::new(MemoryStore::new().with_faults(slow));
    let run = Going { parallelism: 50, ..going(tables(50)) };
    assert_eq!(run.over(store.clone()).await.exit, ExitKind::Success);
    // 200 starts, 200 ends, 900 records of parts.
    assert!(store.syncs() < 200, "{} syncs", store.syncs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_whose_graph_cannot_run_is_refused() {
    let circle = |graph: &mut Graph| {
        let (one, two) = (graph.nodes[0].addr.clone(), graph.nodes[1].addr.clone());
        graph.edges.push(Edge { to: one.clone(), from: two.clone(), kind: EdgeKind::After });
        graph.edges.push(Edge { to: two, from: one, kind: EdgeKind::After });
    };
    let stranger = |graph: &mut Graph| {
        let from = StepAddr::new(&["no", "body"]);
        graph.edges.push(Edge { to: graph.nodes[0].addr.clone(), from, kind: EdgeKind::After });
    };
    let twice = |graph: &mut Graph| graph.nodes.push(graph.nodes[0].clone());
    let double = |graph: &mut Graph| graph.edges.push(graph.edges[0].clone());
    let changes: [(&str, &dyn Fn(&mut Graph)); 4] = [
        ("circle", &circle),
        ("no.body, which is not there", &stranger),
        ("is there twice", &twice),
        ("is there twice", &double),
    ];
    for (says, change) in changes {
        let mut graph = tables(1);
        change(&mut graph);
        let end = going(graph).over(Arc::new(MemoryStore::new())).await;
        assert_eq!((end.exit.code(), end.failures[0].code.to_string().as_str()), (3, "MIG4112"));
        assert!(end.failures[0].cause.contains(says), "{}", end.failures[0].cause);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_waited_for_and_then_its_holder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.migstate");
    let holder = |pid| Holder {
        id: String::new(),
        holder: "ada".into(),
        host: "box".into(),
        pid,
        since: "t".into(),
        command: "mig apply".into(),
    };
    let Locking::Got { guard, .. } = FileStore::new(&path).try_lock(&holder(1)).unwrap() else { panic!("not got") };
    let store: Arc<dyn Store> = Arc::new(FileStore::new(&path));
    let clock = SystemClock::new();
    let mut waited = 0;
    let soon = Duration::from_millis(300);
    let failure = lock::take(store.clone(), &clock, holder(2), soon, |_| waited += 1).await.err().unwrap();
    assert_eq!((failure.code.to_string().as_str(), failure.exit.code(), waited), ("MIG4010", 4, 1));
    assert!(failure.cause.contains("ada on box, process 1, since t: mig apply"), "{}", failure.cause);
    let release = tokio::spawn(async move {
        tokio::time::sleep(soon).await;
        drop(guard);
    });
    let got = lock::take(store, &clock, holder(2), Duration::from_secs(30), |_| ()).await.unwrap();
    assert_eq!(got.former, None);
    release.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_run_over_files_leaves_the_state_alone_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.migstate");
    let store: Arc<dyn Store> = Arc::new(FileStore::new(&path));
    let end = going(tables(5)).over(store.clone()).await;
    assert_eq!(end.exit, ExitKind::Success);
    assert_complete(store.as_ref(), 5);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
