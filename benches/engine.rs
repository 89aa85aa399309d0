//! The engine alone, beside its bars: 5,000 layered steps prepared and run in memory, 5,000 steps that do nothing applied
//! durably to files, and a state of 100,000 steps opened from its file. Prints medians; exits 1 when a bar is missed.
//! `cargo bench --bench engine`

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use mig::drive::recovery::look;
use mig::drive::run::{EventSink, Run, run};
use mig::formats::plan::{Action, Edge, EdgeKind, Graph, Node};
use mig::formats::state::{OpenRun, Progress, State, Status, StepRecord};
use mig::hosts::clock::SystemClock;
use mig::hosts::file::FileStore;
use mig::steps::step::{StepCtx, StepSet};
use mig::think::ready::Limits;
use mig::think::run::{Effect, Event, Machine, Opening};
use mig::words::addr::{StepAddr, StepKind, TableName};
use mig::words::digest::Digest;
use mig::words::error::{ExitKind, Outcome};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::watch;

const STEPS: usize = 5_000;
const ROUNDS: usize = 5;
/// Bytes of a state of 100,000 steps.
const LARGEST: usize = 100_000_000;

/// Layers of 50, each step after three of the layer before.
fn layered() -> Graph {
    let mut rng = StdRng::seed_from_u64(1);
    let mut graph = Graph::default();
    for no in 0..STEPS {
        let addr = StepAddr::of_table("shop", StepKind::Table, &TableName::new("shop", format!("table_{no}")));
        let inputs_digest = Digest::of_bytes(&no.to_le_bytes());
        if let Some(layer) = (no / 50).checked_sub(1) {
            let mut parents: Vec<usize> = (0..3).map(|_| layer * 50 + rng.random_range(0..50)).collect();
            parents.sort_unstable();
            parents.dedup();
            for parent in parents {
                let from = graph.nodes[parent].addr.clone();
                graph.edges.push(Edge { to: addr.clone(), from, kind: EdgeKind::After });
            }
        }
        let kind = StepKind::Table;
        graph.nodes.push(Node { addr, kind, action: Action::Create, inputs: Value::Null.into(), inputs_digest });
    }
    graph
}

fn opening(state: &State) -> Opening {
    let open_run = OpenRun::new(Digest::of_bytes(b"plan"), state.digest());
    Opening { base_serial: 0, open_run, elsewhere: BTreeSet::new() }
}

/// The machine alone: everything durable and done at once.
fn in_memory(graph: &Graph) -> Duration {
    let state = State::new("lineage".into());
    let began = Instant::now();
    let mut machine = Machine::new(graph, &state, opening(&state), Limits::of(10)).unwrap();
    let mut events = Vec::new();
    loop {
        for event in events.drain(..) {
            machine.on(event, "2026-01-31T08:15:30.250Z");
        }
        for effect in machine.settle("2026-01-31T08:15:30.250Z") {
            match effect {
                Effect::Persist { batch, .. } => events.push(Event::Persisted(batch)),
                Effect::Start { step, .. } => events.push(Event::StepEnded { step, result: Ok(Value::Null) }),
                Effect::Finish(summary) => {
                    assert_eq!(summary.exit, ExitKind::Success);
                    return began.elapsed();
                }
                _ => {}
            }
        }
    }
}

struct Nothing;

impl StepSet for Nothing {
    fn run<'a>(&'a self, _: &'a Node, _: StepCtx) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(async { Ok(json!({})) })
    }
}

/// Over files.
fn durable(runtime: &tokio::runtime::Runtime, graph: &Arc<Graph>) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(FileStore::new(folder.path().join("bench.migstate")));
    let (_signal, signals) = watch::channel(None);
    let state = State::new("lineage".into());
    let began = Instant::now();
    let end = runtime.block_on(run(Run {
        graph: Arc::clone(graph),
        open_run: opening(&state).open_run,
        state,
        store: store.clone(),
        clock: Arc::new(SystemClock::new()),
        steps: Arc::new(Nothing),
        limits: Limits::of(10),
        tap: None,
        events: EventSink::none(),
        signals,
    }));
    let time = began.elapsed();
    assert_eq!(end.exit, ExitKind::Success);
    assert_eq!(look(store.as_ref()).unwrap().state.unwrap().steps.len(), STEPS);
    time
}

/// A finished migration of 25,000 tables: 100,000 steps with outputs as the steps leave them.
fn large() -> State {
    let mut state = State::new("lineage".into());
    let digest = || Digest::of_bytes(b"inputs");
    let sums = json!({ "hash": "20231513635586825760", "rows": 1_000 });
    for no in 0..25_000 {
        let table = TableName::new("shop", format!("table_{no}"));
        let addr = |kind| StepAddr::of_table("shop", kind, &table);
        let gates =
            ["collation", "compatibility", "connectivity", "disk", "privileges", "target_tables", "writes_stopped"];
        let gates =
            gates.iter().filter_map(|gate| StepAddr::parse(&format!("migration.shop.gate[\"{gate}\"]"))).collect();
        let position = json!({ "file": "binlog.000002", "offset": 60_359_768, "gtid": "c8f6a78f-eb7d-11f1-b41b-02fc00000001:1-3508" });
        let steps = [
            (StepKind::Table, gates, json!({ "owned": true, "server": "5535e6f5e6253b50c8b6ba1d93207ce8" })),
            (
                StepKind::Dump,
                Vec::new(),
                json!({
                    "bytes": 104_857, "hash": "29624334782897509966", "json_rounded": 0, "negative_zeros": 0, "parts": 1,
                    "rows": 1_000, "manifest": digest(), "position": position,
                    "inputs": { "compress": "none", "engine": "native", "fingerprint": digest(), "format": "sql", "table": table },
                }),
            ),
            (
                StepKind::Load,
                vec![addr(StepKind::Table), addr(StepKind::Dump)],
                json!({ "epoch": 1, "form": "load_data", "hash": "29624334782897509966", "parts": 1, "rows": 1_000 }),
            ),
            (
                StepKind::Verify,
                vec![addr(StepKind::Load)],
                json!({
                    "how": "client", "parts": 1, "dumped": sums, "source": sums, "target": sums,
                    "read": { "source": "2026-11-29T02:16:39.498Z", "target": "2026-11-29T02:16:39.498Z" },
                }),
            ),
        ];
        for (kind, depends_on, outputs) in steps {
            let record = StepRecord {
                kind,
                inputs_digest: digest(),
                status: Status::Complete,
                outputs: (&outputs).into(),
                depends_on,
                started: "2026-11-29T02:16:39.009Z".into(),
                finished: Some("2026-11-29T02:16:39.130Z".into()),
                progress: Progress::default(),
            };
            state.steps.insert(addr(kind), record);
        }
    }
    state
}

/// From its file to a state that a command can use, its checksum compared.
fn opened(bytes: &[u8]) -> Duration {
    let began = Instant::now();
    let state = State::read(bytes, "bench").unwrap();
    let time = began.elapsed();
    assert_eq!(state.steps.len(), 100_000);
    time
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn main() -> std::process::ExitCode {
    let layered = Arc::new(layered());
    let flat = Arc::new(Graph { nodes: layered.nodes.clone(), edges: Vec::new() });
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let rows = [
        ("5,000 layered steps through the machine", (0..ROUNDS).map(|_| in_memory(&layered)).collect(), 0.25),
        ("5,000 steps applied durably", (0..ROUNDS).map(|_| durable(&runtime, &flat)).collect(), 1.5),
        ("5,000 layered steps applied durably", (0..ROUNDS).map(|_| durable(&runtime, &layered)).collect(), 1.5),
    ];
    let large = large().write().unwrap();
    let rows = rows.into_iter().chain([(
        "a state of 100,000 steps opened",
        (0..ROUNDS).map(|_| opened(&large)).collect(),
        1.0,
    )]);
    let mut missed = large.len() > LARGEST;
    println!("{:45} {:8.1} MB  bar {} MB", "a state of 100,000 steps", large.len() as f64 / 1e6, LARGEST / 1_000_000);
    for (name, times, bar) in rows {
        let time = median(times);
        missed |= time > bar;
        println!("{name:45} {time:8.3} s   bar {bar} s{}", if time > bar { "   MISSED" } else { "" });
    }
    if missed { std::process::ExitCode::FAILURE } else { std::process::ExitCode::SUCCESS }
}
