//! The engine alone, beside its bars: 5,000 layered steps prepared and run in memory, and 5,000 steps that do nothing
//! applied durably to files. Prints medians; exits 1 when a bar is missed. `cargo bench --bench engine`

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use mig::drive::recovery::look;
use mig::drive::run::{EventSink, Run, run};
use mig::formats::plan::{Action, Edge, EdgeKind, Graph, Node};
use mig::formats::state::{OpenRun, State};
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
    let mut missed = false;
    for (name, times, bar) in rows {
        let time = median(times);
        missed |= time > bar;
        println!("{name:45} {time:8.3} s   bar {bar} s{}", if time > bar { "   MISSED" } else { "" });
    }
    if missed { std::process::ExitCode::FAILURE } else { std::process::ExitCode::SUCCESS }
}
