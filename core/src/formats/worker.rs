//! What passes between `mig` here and its worker on a runner: where the runner is, what the worker is to do, what it
//! tells. Values only; one message is one line of JSON. The texts of the spec hold passwords: they go over the line
//! into the worker's memory, and into no file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::event::{Ended, Event};
use super::facts::World;
use super::journal::Record;
use super::names::FirstNames;
use super::plan::{Graph, Node};
use super::spec::SourceFile;
use super::state::{OpenRun, State, Status, StepRecord};
use crate::words::addr::StepAddr;
use crate::words::digest::Digest;
use crate::words::error::Failure;

/// Where a runner's shell answers, and as whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub user: String,
    /// The private key's file on this machine; none: what the agent or the SSH configuration has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_file: Option<String>,
    /// The host's public key as `ssh-ed25519 AAAA…`; none: what `known_hosts` has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// The folder over there: absolute, or relative to the user's home.
    pub workdir: String,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}:{}", self.user, self.host, self.port)
    }
}

/// The file of a private key as SSH reads its name: `~/` is the home, else it is relative to the spec's folder.
pub fn identity_path(dir: &Path, file: &str, home: Option<OsString>) -> PathBuf {
    match file.strip_prefix("~/").zip(home) {
        Some((rest, home)) => PathBuf::from(home).join(rest),
        None => dir.join(file),
    }
}

/// Everything that reading the spec needed, so that it can be read again where none of it lies.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SpecTexts {
    pub files: Vec<SourceFile>,
    pub vars: Vec<(String, String)>,
    #[serde(default)]
    pub auto_files: Vec<SourceFile>,
    /// Of `-var-from-terraform`.
    #[serde(default)]
    pub outputs: Vec<SourceFile>,
    pub var_files: Vec<SourceFile>,
    /// Variables of the environment that were asked for and are set.
    pub env: BTreeMap<String, String>,
    /// Files beside the spec that were asked for, and what reading them came to.
    pub read: BTreeMap<String, Result<Vec<u8>, String>>,
    /// The authorities' certificates that `ca_file` names.
    pub authorities: BTreeMap<String, Vec<u8>>,
    /// Where servers are, by address: what the spec says, or what was looked up for it.
    pub places: BTreeMap<StepAddr, (String, u16)>,
}

/// What is asked of the program on a runner once, by its standard input.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// What is recorded there of a migration, and how its servers and files look from there. Changes nothing.
    Look {
        spec: SpecTexts,
        migration: String,
        workdir: String,
        state: Option<Box<State>>,
        replace: Vec<StepAddr>,
        /// Another work folder of earlier runs, in which a worker may still be at work.
        former_workdir: Option<String>,
    },
    /// `mig verify` of a migration, as if typed there.
    Verify { spec: SpecTexts, migration: String, workdir: String, arguments: Vec<String> },
    /// `mig plan -probe` of a migration: tries what these steps would create, in schemas of the probe's own.
    Probe { spec: SpecTexts, migration: String, workdir: String, mark: String, nodes: Vec<Node> },
    /// The workers of this lineage that are at work in a work folder. Changes nothing.
    AtWork { workdir: String, lineage: String },
    /// Removes what the runs of these migrations put into the work folder. Refused while a worker of this lineage is at
    /// work there, under whatever name.
    Clean {
        workdir: String,
        migrations: Vec<String>,
        lineage: String,
        /// Also the files of rows, where no step removes them.
        #[serde(default)]
        rows: bool,
    },
}

/// The answer to [`Ask::Look`].
#[derive(Serialize, Deserialize)]
pub struct Looked {
    pub standing: Standing,
    pub world: World,
    /// The certificate that it wrote last.
    pub certificate: Option<Vec<u8>>,
    /// Workers of this lineage that are at work on this machine, under whatever name.
    #[serde(default)]
    pub at_work: Vec<AtWork>,
}

/// A worker that is at work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AtWork {
    pub migration: String,
    /// As it was asked for.
    pub workdir: String,
}

/// How a worker stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The highest fence number that was ever accepted.
    pub fence: u64,
    /// The state it works over; `None`: it never worked.
    pub lineage: Option<String>,
    /// The run that it has not finished.
    pub open_run: Option<OpenRun>,
    /// What is durable there.
    pub steps: BTreeMap<StepAddr, StepRecord>,
}

impl Standing {
    /// Takes over into a state what the worker made durable and this side had not heard of yet. Only a run that was
    /// interrupted can leave such a thing. Whether there was any.
    pub fn overlay(&self, state: &mut State) -> bool {
        if self.lineage.as_deref() != Some(state.lineage.as_str()) {
            return false;
        }
        let Some(run) = &mut state.open_run else { return false };
        let same = self.open_run.as_ref().filter(|open| open.plan_digest == run.plan_digest);
        let mut changed = false;
        for (addr, there) in &self.steps {
            let here = state.steps.get(addr);
            let takes = match (here, same) {
                (None, _) => true,
                // It works on the very same run, so it is ahead.
                (Some(here), Some(_)) => here != there,
                (Some(here), None) => {
                    here.status != Status::Complete && here.inputs_digest == there.inputs_digest && here != there
                }
            };
            // It is of before, and its worker was not told what a run with -target has done elsewhere.
            let is_of_before = |here: &StepRecord| here.status == Status::Stale && here.finished == there.finished;
            let takes = takes && !here.is_some_and(is_of_before);
            if takes {
                changed = true;
                state.steps.insert(addr.clone(), there.clone());
            }
            if same.is_some_and(|open| !open.again.contains(addr)) {
                changed |= run.again.remove(addr);
            }
        }
        changed
    }
}

/// What a worker is to do: a part of the plan's graph, over what is recorded here of it.
#[derive(Serialize, Deserialize)]
pub struct Work {
    pub spec: SpecTexts,
    pub migration: String,
    /// As the spec names it; the worker resolves it.
    pub workdir: String,
    pub graph: Graph,
    /// What this side has recorded: it counts where the worker has lost its own records.
    pub steps: BTreeMap<StepAddr, StepRecord>,
    /// What was observed before the run.
    pub world: World,
    pub lineage: String,
    /// Of the state: the folder of a dump has the first name of its migration.
    #[serde(default, skip_serializing_if = "FirstNames::is_empty")]
    pub first_names: FirstNames,
    /// The controller's number as a holder of the state's lock; 0: its lock cannot be lost.
    #[serde(default)]
    pub token: u64,
    pub plan_digest: Digest,
    pub base_state_digest: Digest,
    pub parallelism: usize,
    pub show_keys: bool,
}

/// To the worker.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToWorker {
    /// The first message. Accepted when the number is above every one that was accepted before.
    Attach { fence: u64, work: Box<Work> },
    /// Everything up to this number is durable here.
    Ack { seq: u64 },
    /// Running parts are to end; again: at once.
    Stop,
    /// Nothing more is wanted.
    Bye,
}

/// From the worker.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWorker {
    Refused {
        failure: Failure,
    },
    /// How its steps stand; what comes then goes on from there.
    Snapshot {
        seq: u64,
        steps: BTreeMap<StepAddr, StepRecord>,
        ends: Vec<End>,
    },
    /// What became durable there. Numbers rise by one.
    Records {
        seq: u64,
        records: Vec<Record>,
    },
    Shown {
        event: Event,
    },
    /// A migration's certificate was written.
    Certificate {
        bytes: Vec<u8>,
    },
    /// The run is over, and all of it is durable there.
    Ended {
        seq: u64,
    },
}

/// How a step ended in this run of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub addr: StepAddr,
    pub end: Ended,
    pub failure: Option<Failure>,
}

/// The part of a graph that a worker carries out.
pub fn part_of(graph: &Graph, takes: &dyn Fn(&StepAddr) -> bool) -> Graph {
    Graph {
        nodes: graph.nodes.iter().filter(|node| takes(&node.addr)).cloned().collect(),
        edges: graph.edges.iter().filter(|edge| takes(&edge.from) && takes(&edge.to)).cloned().collect(),
    }
}

/// Whether a run that is under way does what another graph asks for: every change of that one is a change of this one,
/// with the same inputs, and nothing is asked to be thrown away that this one keeps.
pub fn covers(running: &Graph, asked: &Graph) -> bool {
    use super::plan::Action;
    asked.nodes.iter().filter(|node| node.action.is_change()).all(|node| {
        running.nodes.iter().any(|has| {
            has.addr == node.addr
                && has.inputs_digest == node.inputs_digest
                && has.action.is_change()
                && (has.action == node.action
                    || !matches!(node.action, Action::Replace | Action::Destroy | Action::Forget))
        })
    })
}

/// One message as its line.
///
/// # Errors
/// None of these types can bring one about; the caller tells it as a fault of mig.
pub fn line(message: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}
