//! Steps that are carried out on a runner. The worker there runs its part of the graph by itself, with a journal of its
//! own; here each of its steps is a mirror (`mirror`) that takes over what the worker made durable. `attach` is the
//! line to it: reattaches after any loss, with a higher fence number each time.

mod attach;
pub mod install;
mod mirror;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use self::mirror::{News, Numbered};
use super::Steps;
use super::step::{StepCtx, StepSet};
use crate::formats::plan::{Action, Graph, Node};
use crate::formats::spec::model::RunnerKind;
use crate::formats::state::StepRecord;
use crate::formats::worker::{Endpoint, Work};
use crate::seams::clock::Clock;
use crate::seams::shell::Shells;
use crate::words::addr::StepAddr;
use crate::words::error::{Failure, Outcome};

/// Where a runner's shell answers: by the spec, or by what its last step found out. `None`: not known yet.
pub fn endpoint(kind: &RunnerKind, ready: Option<&Value>) -> Option<Endpoint> {
    match kind {
        RunnerKind::Local => None,
        RunnerKind::Ssh(endpoint) => ready.map(|_| endpoint.clone()),
        RunnerKind::Ec2(_) => serde_json::from_value(ready?.get("endpoint")?.clone()).ok(),
    }
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
    /// Where the certificate goes that the worker writes.
    pub certificate: PathBuf,
    /// A stop of this run stops the worker, too.
    pub stop_worker: bool,
}

/// One migration on one worker.
pub struct Remote {
    delegation: Delegation,
    /// Ends of the lines to mirrors; the receiver until its step starts.
    lines: Mutex<BTreeMap<StepAddr, (mpsc::UnboundedSender<Numbered>, Option<mpsc::UnboundedReceiver<Numbered>>)>>,
    /// Numbers that a mirror still works on.
    unsettled: Mutex<BTreeSet<u64>>,
    /// The highest number below which everything is durable here.
    acked: watch::Sender<u64>,
    stop: watch::Sender<bool>,
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
            task: Mutex::default(),
            delegation,
        })
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
            let endpoint = endpoint(&self.delegation.runner, ctx.upstream_outputs(&self.delegation.ready).as_ref())
                .ok_or_else(|| {
                    let cause = "its runner is not ready";
                    Failure::new("MIG5102", "hand the migration to its worker", cause, "Run `mig apply` again.")
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
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
    }

    fn settled(&self, number: u64) {
        let mut unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        unsettled.remove(&number);
        let up_to = unsettled.first().map_or(u64::MAX, |first| first - 1);
        self.acked.send_if_modified(|acked| {
            let next = if up_to == u64::MAX { number.max(*acked) } else { up_to.max(*acked) };
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
}

/// The steps that a migration's worker carries out: its own, and the servers that no other worker took before it.
pub fn steps_of(graph: &Graph, migration: &str, servers: &BTreeSet<StepAddr>) -> BTreeSet<StepAddr> {
    let takes = |addr: &StepAddr| addr.migration() == Some(migration) || servers.contains(addr);
    graph.nodes.iter().map(|node| node.addr.clone()).filter(takes).collect()
}
