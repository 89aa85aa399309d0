//! Steps that are carried out on a runner. The worker there runs its part of the graph by itself, with a journal of its
//! own; here each of its steps is a mirror (`mirror`) that takes over what the worker made durable. `attach` is the
//! line to it: reattaches after any loss, with a higher fence number each time.

mod attach;
pub mod install;
mod mirror;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use self::mirror::{News, Numbered};
use crate::formats::cloud_inputs::ReadyOutputs;
use crate::formats::json_text::JsonText;
use crate::formats::outputs;
use crate::formats::plan::{Action, Graph, Node};
use crate::formats::spec::model::RunnerKind;
use crate::formats::state::Status;
use crate::formats::state::StepRecord;
use crate::formats::worker::{Endpoint, Work};
use crate::seams::clock::Clock;
use crate::seams::shell::Shells;
use crate::seams::store::Store;
use crate::steps::Steps;
use crate::steps::step::{StepCtx, StepSet};
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// How long a line may take until a worker is told to stop.
const STOP_TIME: Duration = Duration::from_secs(20);

/// Where a runner's shell answers: by the spec, or by what its last step found out. `None`: not known yet.
///
/// # Errors
/// MIG4002: the record of that step cannot be read.
pub fn endpoint(kind: &RunnerKind, addr: &StepAddr, ready: Option<&JsonText>) -> Outcome<Option<Endpoint>> {
    Ok(match (kind, ready) {
        (RunnerKind::Local, _) | (_, None) => None,
        (RunnerKind::Ssh(endpoint), Some(_)) => Some(endpoint.clone()),
        (RunnerKind::Ec2(_), Some(found)) => {
            outputs::recorded::<ReadyOutputs>(addr, found)?.map(|ready| ready.endpoint)
        }
    })
}

/// Everything that handing a migration over to its runner's worker needs.
pub struct Delegation {
    pub migration: String,
    pub runner: RunnerKind,
    /// The step that tells that the runner can be worked on.
    pub ready: StepAddr,
    /// The steps that are carried out over there.
    pub takes: BTreeSet<StepAddr>,
    /// Without the records: those are taken when the first step starts.
    pub work: Work,
    pub shells: Arc<dyn Shells>,
    pub clock: Arc<dyn Clock>,
    /// Where the certificate goes that the worker writes: beside the state.
    pub store: Arc<dyn Store>,
    /// A stop of this run stops the worker, too.
    pub stop_worker: bool,
}

/// What the worker told, by number.
#[derive(Default)]
struct Numbers {
    /// A mirror still works on them.
    open: BTreeSet<u64>,
    /// The highest that is durable here. Numbers settle in any order.
    highest: u64,
}

/// One migration on one worker.
pub struct Remote {
    delegation: Delegation,
    /// Ends of the lines to mirrors; the receiver until its step starts.
    lines: Mutex<BTreeMap<StepAddr, (mpsc::UnboundedSender<Numbered>, Option<mpsc::UnboundedReceiver<Numbered>>)>>,
    unsettled: Mutex<Numbers>,
    /// The highest number below which everything is durable here.
    acked: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    /// The worker was told to stop, or its work was over.
    told: AtomicBool,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Remote {
    pub fn new(delegation: Delegation) -> Arc<Self> {
        // Those that nothing is done for, or that only leave the state, have no mirror: what is told of them is settled.
        let works = |node: &&Node| !matches!(node.action, Action::NoOp | Action::Forget);
        let lines = delegation.work.graph.nodes.iter().filter(works).map(|node| {
            let (to, from) = mpsc::unbounded_channel();
            (node.addr.clone(), (to, Some(from)))
        });
        Arc::new(Self {
            lines: Mutex::new(lines.collect()),
            unsettled: Mutex::default(),
            acked: watch::Sender::new(0),
            stop: watch::Sender::new(false),
            told: AtomicBool::new(false),
            task: Mutex::default(),
            delegation,
        })
    }

    /// After an interrupt: tells the worker to stop where no step that was running here did, since all of them had ended over
    /// there. Waits for a time that the line may need.
    pub async fn stop_worker(&self) {
        let attached = self.task.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if !attached || self.left_at_work().is_none() {
            return;
        }
        self.stop.send_replace(true);
        let began = self.delegation.clock.millis();
        while self.left_at_work().is_some()
            && self.delegation.clock.millis().saturating_sub(began) < STOP_TIME.as_millis() as u64
        {
            self.delegation.clock.sleep(Duration::from_millis(50)).await;
        }
    }

    /// The migration whose worker was to be stopped with this run, where it was not told so: it may be at work.
    pub fn left_at_work(&self) -> Option<&str> {
        let wanted = self.delegation.stop_worker && !self.told.load(Ordering::SeqCst);
        wanted.then_some(self.delegation.migration.as_str())
    }

    pub fn takes(&self, addr: &StepAddr) -> bool {
        self.delegation.takes.contains(addr)
    }

    /// Follows a step that the worker carries out; the first one to start attaches.
    async fn mirror(self: &Arc<Self>, ctx: &StepCtx) -> Outcome<Value> {
        self.begin(ctx)?;
        let news = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.get_mut(&ctx.addr).and_then(|(_, from)| from.take())
        };
        let Some(mut news) = news else { return Err(ctx.interrupted()) };
        let settled = |number| self.settled(number);
        let followed = mirror::follow(ctx, &mut news, &settled);
        tokio::pin!(followed);
        tokio::select! {
            biased;
            end = &mut followed => return end,
            () = ctx.stopped() => {}
        }
        if !self.delegation.stop_worker {
            return Err(ctx.interrupted());
        }
        self.stop.send_replace(true);
        followed.await
    }

    fn begin(self: &Arc<Self>, ctx: &StepCtx) -> Outcome<()> {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.is_none() {
            let ready = &self.delegation.ready;
            let recorded = ctx.record(ready).filter(|record| record.status == Status::Complete);
            let endpoint = endpoint(&self.delegation.runner, ready, recorded.as_ref().map(|record| &record.outputs))?
                .ok_or_else(|| {
                let cause = "its runner is not ready";
                Failure::new(
                    codes::PLAN_DOES_NOT_FIT_SPEC,
                    "hand the migration to its worker",
                    cause,
                    "Run `mig apply` again.",
                )
            })?;
            let records: BTreeMap<StepAddr, StepRecord> = self
                .delegation
                .work
                .graph
                .nodes
                .iter()
                .filter_map(|n| Some((n.addr.clone(), ctx.record(&n.addr)?)))
                .collect();
            let this = Arc::downgrade(self);
            *task = Some(tokio::spawn(attach::attach(this, endpoint, records)));
        }
        Ok(())
    }

    fn tell(&self, addr: &StepAddr, number: Option<u64>, news: News) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // A number that nobody works on is settled at once.
        let sent = lines.get(addr).is_some_and(|(to, _)| to.send((number, news)).is_ok());
        if !sent && let Some(number) = number {
            drop(lines);
            self.settled(number);
        }
    }

    fn tell_all(&self, news: &News) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        for (to, _) in lines.values() {
            let _ = to.send((None, news.clone()));
        }
    }

    /// A number is on its way to a mirror.
    fn unsettled(&self, number: u64) {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).open.insert(number);
    }

    fn settled(&self, number: u64) {
        let mut numbers = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.open.remove(&number);
        numbers.highest = numbers.highest.max(number);
        let up_to = numbers.open.first().map_or(numbers.highest, |first| first - 1);
        self.acked.send_if_modified(|acked| {
            let next = up_to.max(*acked);
            std::mem::replace(acked, next) != next
        });
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

/// Steps of a run some of which are carried out elsewhere.
pub struct Everywhere {
    pub here: Steps,
    pub remotes: Vec<Arc<Remote>>,
}

impl StepSet for Everywhere {
    fn run<'a>(&'a self, node: &'a Node, ctx: StepCtx) -> BoxFuture<'a, Outcome<Value>> {
        match self.remotes.iter().find(|remote| remote.takes(&node.addr)) {
            Some(remote) => {
                Box::pin(async move { remote.mirror(&ctx).await.map_err(|failure| failure.at(&node.addr)) })
            }
            None => self.here.run(node, ctx),
        }
    }

    fn elsewhere(&self, addr: &StepAddr) -> bool {
        self.remotes.iter().any(|remote| remote.takes(addr))
    }

    /// What a worker created it takes back itself, at the end of its own run.
    fn withdraw<'a>(
        &'a self,
        graph: &'a Graph,
        completed: &'a BTreeSet<StepAddr>,
        failures: &'a [Failure],
    ) -> BoxFuture<'a, Vec<Failure>> {
        Box::pin(async move {
            let own: BTreeSet<StepAddr> = completed.iter().filter(|addr| !self.elsewhere(addr)).cloned().collect();
            crate::steps::target::structure::withdraw(&self.here.0, graph, &own, failures).await
        })
    }
}

/// The steps that a migration's worker carries out: its own, and the servers that no other worker took before it.
pub fn steps_of(graph: &Graph, migration: &str, servers: &BTreeSet<StepAddr>) -> BTreeSet<StepAddr> {
    let takes = |addr: &StepAddr| addr.migration() == Some(migration) || servers.contains(addr);
    graph.nodes.iter().map(|node| node.addr.clone()).filter(takes).collect()
}
