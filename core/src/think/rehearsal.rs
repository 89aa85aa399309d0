//! The rehearsal of a plan: its graph is run by the run machine many times, over steps that only take their time, with chance
//! from a seed. It says how long the run may take, what decides that, how much disk it needs, and what is there when a step
//! fails. Pure: it looks at no server, and what it says is no better than the rates.

mod path;
mod rates;
mod simulation;

use std::collections::{BTreeMap, BTreeSet};

use rand::SeedableRng;
use rand::rngs::StdRng;

use self::simulation::{Simulated, Span};
use crate::formats::cause::Cause;
use crate::formats::chunk::usable_for_ranges;
use crate::formats::plan::{EdgeKind, PlanFile, TableEstimates};
use crate::formats::rehearsal::{Band, FORMAT_VERSION, FailureTried, Left, Rate, RateUsed, Rehearsal};
use crate::formats::spec::model::Spec;
use crate::formats::state::State;
use crate::formats::steps::{DumpOutputs, LoadOutputs, TableInputs};
use crate::think::plan::kinds;
use crate::think::run::{StepEnd, StepNo};
use crate::words::addr::{StepAddr, StepKind, StepType};
use crate::words::error::Outcome;

/// Simulated steps in all: more runs of a small plan, fewer of a large one.
const STEPS_IN_ALL: usize = 400_000;
const RUNS: (usize, usize) = (11, 201);

/// What is rehearsed.
struct Scene<'a> {
    plan: &'a PlanFile,
    state: State,
    parallelism: usize,
    rates: BTreeMap<Rate, RateUsed>,
    /// Of dumps, loads and verifications.
    sizes: BTreeMap<StepNo, Size>,
    dumps: Vec<Dumped>,
    /// Bytes that files which wait to be loaded may take, of each migration's work folder.
    rooms: Vec<f64>,
    /// The entry of `dumps` that a dump or a load is of.
    dump_of: BTreeMap<StepNo, usize>,
}

#[derive(Clone, Copy, Default)]
struct Size {
    rows: u64,
    bytes: u64,
    /// Bytes/s of a dump, by the spec.
    rate_limit: Option<u64>,
}

/// The files of a table.
struct Dumped {
    dump: StepNo,
    load: Option<StepNo>,
    bytes: f64,
    /// The files stay when they are loaded.
    keep: bool,
    /// It waits for room where the files of its folder have a limit. Without a usable key it cannot: it is dumped whole.
    waits: bool,
    /// Whose work folder: an entry of `rooms`.
    folder: usize,
}

impl Dumped {
    /// Bytes that lie in the work folder, where steps are so far.
    fn lies(&self, done: &BTreeMap<StepNo, f64>) -> f64 {
        let far = |no: StepNo| done.get(&no).copied().unwrap_or_default();
        let loaded = if self.keep { 0.0 } else { self.load.map_or(0.0, far) };
        // A table without a usable key is loaded when its dump is whole.
        let whole_first = !self.waits && far(self.dump) < 1.0;
        let loaded = if whole_first { 0.0 } else { loaded };
        (far(self.dump) - loaded).max(0.0) * self.bytes
    }
}

impl Scene<'_> {
    fn rows(&self, no: StepNo) -> u64 {
        self.sizes.get(&no).map_or(0, |size| size.rows)
    }
}

/// Rehearses a plan that was made from this spec over this state.
///
/// # Errors
/// MIG4112 when the graph cannot be run at all.
pub fn rehearse(
    plan: &PlanFile,
    spec: &Spec,
    state: Option<&State>,
    parallelism: usize,
    seed: u64,
) -> Outcome<Rehearsal> {
    let number = (STEPS_IN_ALL / plan.body.graph.nodes.len().max(1)).clamp(RUNS.0, RUNS.1);
    rehearse_in(number, plan, spec, state, parallelism, seed)
}

/// The same in so many runs.
fn rehearse_in(
    number: usize,
    plan: &PlanFile,
    spec: &Spec,
    state: Option<&State>,
    parallelism: usize,
    seed: u64,
) -> Outcome<Rehearsal> {
    let scene = scene(plan, spec, state, parallelism);
    let mut runs = Vec::with_capacity(number);
    for run in 0..number {
        // Each run has its own chances, whatever the others need of theirs.
        let mut rng = StdRng::seed_from_u64(seed.wrapping_add((run as u64) << 32));
        runs.push(simulation::run(&scene, &mut rng, None)?);
    }
    runs.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let median = &runs[runs.len() / 2];
    let rates = scene.rates.values().filter(|used| is_used(&scene, used.rate)).copied().collect();
    let disk = (!scene.dumps.is_empty()).then(|| band(runs.iter().map(|run| run.disk)));
    Ok(Rehearsal {
        format_version: FORMAT_VERSION,
        seed,
        runs: u32::try_from(number).unwrap_or(u32::MAX),
        parallelism,
        seconds: band(runs.iter().map(|run| run.seconds)),
        critical_path: path::critical(plan, &median.spans),
        disk_bytes: disk,
        rates,
        waits_for_people: waits_for_people(plan),
        goes_on: plan.body.changes.iter().any(|change| matches!(change.cause, Cause::Unfinished { .. })),
        failures: failures(&scene, &median.spans, seed)?,
    })
}

fn scene<'a>(plan: &'a PlanFile, spec: &Spec, state: Option<&State>, parallelism: usize) -> Scene<'a> {
    let nodes = &plan.body.graph.nodes;
    let numbers: BTreeMap<&StepAddr, StepNo> = nodes.iter().enumerate().map(|(no, node)| (&node.addr, no)).collect();
    let mut scene = Scene {
        plan,
        state: state.cloned().unwrap_or_else(|| State::new("rehearsal".into())),
        parallelism,
        rates: rates::rates(state),
        sizes: BTreeMap::new(),
        dumps: Vec::new(),
        rooms: spec.migrations.values().map(|of| of.dump.room().unwrap_or(u64::MAX) as f64).collect(),
        dump_of: BTreeMap::new(),
    };
    for (no, node) in nodes.iter().enumerate() {
        let (Some(migration), Some(key)) = (node.addr.migration(), node.addr.key()) else { continue };
        let Some(dump) = spec.migrations.get(migration).map(|migration| &migration.dump) else { continue };
        let Some(table) = plan.estimates.by_table.get(key).copied().or_else(|| recorded(&scene.state, &node.addr))
        else {
            continue;
        };
        let size = Size { rows: table.rows, bytes: table.bytes, rate_limit: dump.rate_limit };
        scene.sizes.insert(no, size);
        // What goes into a bucket is on no disk.
        if node.kind == StepKind::Dump && node.action.makes() && dump.to.is_none() {
            let load = node.addr.table().map(|table| StepAddr::of_table(migration, StepKind::Load, &table));
            let load = load.and_then(|load| numbers.get(&load).copied());
            scene.dump_of.extend([Some(no), load].into_iter().flatten().map(|step| (step, scene.dumps.len())));
            let create = node.addr.table().map(|table| StepAddr::of_table(migration, StepKind::Table, &table));
            let create = create.and_then(|create| numbers.get(&create)).and_then(|no| nodes.get(*no));
            let inputs = create.and_then(|create| create.inputs.read::<TableInputs>().ok());
            // Of what is not known, the whole is counted.
            let waits = inputs.is_some_and(|inputs| usable_for_ranges(&inputs.source).is_some());
            let folder = spec.migrations.get_index_of(migration).unwrap_or_default();
            scene.dumps.push(Dumped { dump: no, load, bytes: table.bytes as f64, keep: dump.keep, waits, folder });
        }
    }
    scene
}

/// The size of a table that an earlier run has loaded: a plan estimates only what is to be moved.
fn recorded(state: &State, addr: &StepAddr) -> Option<TableEstimates> {
    let (migration, table) = addr.migration().zip(addr.table())?;
    let of = |kind| StepAddr::of_table(migration, kind, &table);
    let loaded = state.outputs_of::<LoadOutputs>(&of(StepKind::Load)).ok()??;
    let dumped = state.outputs_of::<DumpOutputs>(&of(StepKind::Dump)).ok().flatten();
    let (bytes, files) = dumped.map_or((0, 0), |dumped| (dumped.bytes, dumped.parts as u64));
    Some(TableEstimates { rows: loaded.total.rows, bytes, files })
}

fn is_used(scene: &Scene, rate: Rate) -> bool {
    // What limits a load by its rows limits it by its bytes as well.
    let limits = if rate == Rate::LoadBytes { Rate::LoadRows } else { rate };
    let by_it = |of: StepType| kinds::row(of).takes.rate == Some(limits);
    let mut makes = scene.plan.body.graph.nodes.iter().filter(|node| node.action.makes());
    makes.any(|node| node.addr.step_type().is_some_and(by_it))
}

fn band(values: impl Iterator<Item = f64>) -> Band {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values.get(((values.len().saturating_sub(1)) as f64 * share).round() as usize).copied();
    Band { low: at(0.05).unwrap_or(0.0), median: at(0.5).unwrap_or(0.0), high: at(0.95).unwrap_or(0.0) }
}

/// A peering is accepted by a person, in another account.
fn waits_for_people(plan: &PlanFile) -> Vec<StepAddr> {
    let connections = plan
        .body
        .graph
        .nodes
        .iter()
        .filter(|node| node.action.makes() && node.addr.step_type() == Some(StepType::Connection));
    connections.map(|node| node.addr.clone()).collect()
}

/// One failure for each phase that changes something.
fn failures(scene: &Scene, spans: &BTreeMap<StepNo, Span>, seed: u64) -> Outcome<Vec<FailureTried>> {
    let nodes = &scene.plan.body.graph.nodes;
    let mut longest: BTreeMap<(Option<&str>, StepType), (StepNo, f64)> = BTreeMap::new();
    for (no, node) in nodes.iter().enumerate().filter(|(_, node)| node.action.is_change()) {
        let (Some(of), Some(span)) = (node.addr.step_type(), spans.get(&no)) else { continue };
        let seconds = span.worked - span.began;
        let entry = longest.entry((node.addr.migration(), of)).or_insert((no, seconds));
        if seconds > entry.1 {
            *entry = (no, seconds);
        }
    }
    let mut picked: Vec<StepNo> = longest.into_values().map(|(no, _)| no).collect();
    picked.sort_unstable();
    picked.into_iter().map(|no| failure(scene, no, seed)).collect()
}

fn failure(scene: &Scene, no: StepNo, seed: u64) -> Outcome<FailureTried> {
    let mut rng = StdRng::seed_from_u64(seed);
    let run = simulation::run(scene, &mut rng, Some(no))?;
    let ends = &run.summary.ends;
    let to_do = ends.iter().filter(|end| !matches!(end, StepEnd::Complete | StepEnd::Unchanged)).count() as u64;
    Ok(FailureTried {
        addr: scene.plan.body.graph.nodes[no].addr.clone(),
        at_seconds: run.spans.get(&no).map_or(0.0, |span| span.worked),
        ends_seconds: run.seconds,
        left: left(scene, &run),
        to_do,
    })
}

fn left(scene: &Scene, run: &Simulated) -> Left {
    let nodes = &scene.plan.body.graph.nodes;
    let complete = |no: StepNo| matches!(run.summary.ends.get(no), Some(StepEnd::Complete));
    let mut left = Left { dump_bytes: run.disk_left as u64, ..Left::default() };
    let (mut verified, mut loaded) = (BTreeSet::new(), BTreeSet::new());
    for (no, node) in nodes.iter().enumerate().filter(|(_, node)| node.action.makes()) {
        let is = |of: StepType| node.addr.step_type() == Some(of);
        let begun = run.partly.get(&no).copied();
        if complete(no) {
            left.objects += u64::from(node.kind.is_target_data());
            verified.extend(node.addr.table().filter(|_| is(StepType::Verify)));
            loaded.extend(node.addr.table().filter(|_| is(StepType::Load)));
        } else if is(StepType::Load) && begun.is_some_and(|part| part > 0.0) && scene.rows(no) > 1 {
            left.partly += 1;
        }
        // A step of a cloud that failed may have made its object.
        if node.addr.step_type().is_some_and(StepType::in_cloud) && (complete(no) || begun.is_some()) {
            left.in_cloud.push(node.addr.clone());
        }
    }
    left.loaded = loaded.difference(&verified).count() as u64;
    left.verified = verified.len() as u64;
    left
}

/// The steps before each step, and how it waits for them.
fn before(plan: &PlanFile) -> BTreeMap<StepNo, Vec<(StepNo, EdgeKind)>> {
    let numbers: BTreeMap<&StepAddr, StepNo> =
        plan.body.graph.nodes.iter().enumerate().map(|(no, node)| (&node.addr, no)).collect();
    let mut before: BTreeMap<StepNo, Vec<(StepNo, EdgeKind)>> = BTreeMap::new();
    for edge in &plan.body.graph.edges {
        if let (Some(from), Some(to)) = (numbers.get(&edge.from), numbers.get(&edge.to)) {
            before.entry(*to).or_default().push((*from, edge.kind));
        }
    }
    before
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "rehearsal/tests.rs"]
mod tests;
