//! What a simulated run is made of: graphs at random, and one that was found hard.

use mig::formats::json_text::JsonText;
use mig::formats::plan::{Action, Edge, EdgeKind, Graph, Node};
use mig::formats::state::{Part, Progress, State, Status, StepRecord};
use mig::think::ready::Limits;
use mig::think::run::StepNo;
use mig::words::addr::{GateName, StepAddr, StepKind};
use mig::words::digest::Digest;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

const KINDS: [StepKind; 4] = [StepKind::Dump, StepKind::Load, StepKind::Verify, StepKind::Table];

/// What there is to run, and how it goes wrong.
#[derive(Clone)]
pub struct Scene {
    pub graph: Graph,
    pub base: State,
    /// Own parts of each step; one that takes parts has those of the steps above.
    pub parts: Vec<u32>,
    pub feeders: Vec<Vec<StepNo>>,
    pub limits: Limits,
    /// Failures each step has left in it.
    pub failures: Vec<u32>,
    /// Steps that throw their parts away once, on a resume.
    pub resets: Vec<bool>,
    /// Steps that end when they have all parts, without waiting for the word that there are no more.
    pub eager: Vec<bool>,
    pub interrupt_chance: f64,
}

pub fn scene(seed: u64, calm: bool) -> Scene {
    let mut rng = StdRng::seed_from_u64(seed);
    let count = rng.random_range(1..13);
    let mut scene = Scene {
        graph: Graph::default(),
        base: State::new("lineage".into()),
        parts: vec![],
        feeders: vec![],
        limits: Limits::of(rng.random_range(1..5)),
        failures: vec![],
        resets: vec![],
        eager: vec![],
        interrupt_chance: if rng.random_bool(0.3) { 0.01 } else { 0.0 },
    };
    for kind in KINDS {
        if rng.random_bool(0.3) {
            scene.limits.per_kind.insert(kind, rng.random_range(1..3));
        }
        if rng.random_bool(0.2) {
            scene.limits.apart.insert(kind);
        }
    }
    let density = rng.random_range(0.05..0.5);
    for no in 0..count {
        let addr = StepAddr::new(&["migration".to_owned(), "m".to_owned(), format!("s{no}")]);
        let mut feeders = vec![];
        let mut quiet_above = true;
        for from in 0..no {
            if !rng.random_bool(density) {
                continue;
            }
            let kind = if rng.random_bool(0.5) { EdgeKind::Stream } else { EdgeKind::After };
            let passive = |action| matches!(action, Action::NoOp | Action::Forget | Action::Destroy);
            if kind == EdgeKind::Stream {
                if matches!(scene.graph.nodes[from].action, Action::Forget | Action::Destroy | Action::Evaluate) {
                    continue;
                }
                feeders.push(from);
                quiet_above &= passive(scene.graph.nodes[from].action);
            }
            scene.graph.edges.push(Edge { to: addr.clone(), from: scene.graph.nodes[from].addr.clone(), kind });
        }
        let inputs_digest = Digest::of_bytes(addr.to_string().as_bytes());
        let roll = rng.random_range(0..20);
        let action = match roll {
            0..3 if quiet_above => Action::NoOp,
            3 if feeders.is_empty() => Action::Forget,
            4 if feeders.is_empty() => Action::Destroy,
            5..7 => Action::Rerun,
            7 => Action::Replace,
            8 => Action::Evaluate,
            _ => Action::Create,
        };
        let kind = KINDS[rng.random_range(0..KINDS.len())];
        let own = rng.random_range(0..5);
        let parts = if feeders.is_empty() { own } else { feeders.iter().map(|from| scene.parts[*from]).sum() };
        let recorded = match action {
            Action::NoOp | Action::Forget | Action::Destroy => Some(Status::Complete),
            Action::Rerun => Some(if rng.random_bool(0.5) { Status::Complete } else { Status::Failed }),
            Action::Replace => Some(Status::Running),
            _ => None,
        };
        if let Some(status) = recorded {
            let mut progress = Progress::default();
            if action == Action::Replace {
                // Of the run before: it must not count in this one.
                progress.parts.insert(0, Part { border: json!("old"), done: Some(json!({"gen": 999})) });
            }
            let record = StepRecord {
                kind,
                inputs_digest: inputs_digest.clone(),
                status,
                outputs: json!({ "parts": parts }).into(),
                depends_on: vec![],
                started: "before".into(),
                finished: None,
                progress,
            };
            scene.base.steps.insert(addr.clone(), record);
        }
        scene.graph.nodes.push(Node { addr, kind, action, inputs: JsonText::none(), inputs_digest });
        scene.parts.push(parts);
        scene.feeders.push(feeders);
        scene.failures.push(if rng.random_bool(0.1) { rng.random_range(1..3) } else { 0 });
        scene.resets.push(rng.random_bool(0.15));
        scene.eager.push(rng.random_bool(0.3));
    }
    if seed.is_multiple_of(2) {
        // A step that ends early must be able to trust the parts it has.
        scene.resets.fill(false);
    } else {
        scene.eager.fill(false);
    }
    if calm {
        scene.interrupt_chance = 0.0;
        scene.failures.fill(0);
        scene.resets.fill(false);
    }
    scene
}

/// One table: a dump that feeds a load, which also waits for a gate, and feeds a verify; the dump throws its parts away when it resumes.
pub fn resetting_chain() -> Scene {
    let mut scene = Scene {
        graph: Graph::default(),
        base: State::new("lineage".into()),
        parts: vec![3, 3, 3, 0],
        feeders: vec![vec![], vec![0], vec![1], vec![]],
        limits: Limits::of(2),
        failures: vec![0; 4],
        resets: vec![true, false, false, false],
        eager: vec![false; 4],
        interrupt_chance: 0.0,
    };
    for (no, kind) in KINDS.into_iter().take(3).enumerate() {
        let addr = StepAddr::new(&["migration".to_owned(), "m".to_owned(), format!("s{no}")]);
        let inputs_digest = Digest::of_bytes(&[no as u8]);
        if let Some(above) = scene.graph.nodes.last() {
            let from = Node::clone(above).addr;
            scene.graph.edges.push(Edge { to: addr.clone(), from, kind: EdgeKind::Stream });
        }
        scene.graph.nodes.push(Node { addr, kind, action: Action::Create, inputs: JsonText::none(), inputs_digest });
    }
    // Looked at again in every sitting: the load starts after it, when the dump has begun already.
    let gate = StepAddr::gate("m", GateName::Disk);
    let to = scene.graph.nodes[1].addr.clone();
    scene.graph.edges.push(Edge { to, from: gate.clone(), kind: EdgeKind::After });
    let inputs_digest = Digest::of_bytes(b"gate");
    let (kind, action) = (StepKind::Gate, Action::Evaluate);
    scene.graph.nodes.push(Node { addr: gate, kind, action, inputs: JsonText::none(), inputs_digest });
    scene
}
