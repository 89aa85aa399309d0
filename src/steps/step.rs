//! What a step is to the drive, and the drive to a step: the one trait and the context that a running step holds.
//! Knows no journal and no order; every call that records something returns when it is durable.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::formats::plan::{Graph, Node};
use crate::formats::state::{Part, Progress, State, StepRecord, UPSTREAM_RESET};
use crate::think::run::{Interrupt, StepNo, Write};
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};
use serde::de::DeserializeOwned;

/// Does the work of every kind of step.
///
/// A step is idempotent: run again over what an earlier run of it left, it comes to the same end. It gives back its
/// outputs. A future that is dropped (the second signal) ends it; tasks of its own must end with it.
pub trait StepSet: Send + Sync {
    fn run<'a>(&'a self, node: &'a Node, ctx: StepCtx) -> BoxFuture<'a, Outcome<Value>>;

    /// Whether another machine carries the step out, and [`StepSet::run`] only follows it.
    fn elsewhere(&self, addr: &StepAddr) -> bool {
        let _ = addr;
        false
    }

    /// Asked once when a run has come to its end: takes back what the run made and nothing can use. `completed`: steps
    /// that this run has ended well; `failures`: the root causes. What it could not take back comes back as failures.
    fn withdraw<'a>(
        &'a self,
        graph: &'a Graph,
        completed: &'a BTreeSet<StepAddr>,
        failures: &'a [Failure],
    ) -> BoxFuture<'a, Vec<Failure>> {
        let _ = (graph, completed, failures);
        Box::pin(async { Vec::new() })
    }
}

/// What comes from a step that gives parts.
#[derive(Clone, Debug, PartialEq)]
pub enum Upstream {
    /// A durable part, with its border and what it came to. After a resume, parts come again that were taken before:
    /// the step's own progress tells.
    Part(u32, Part),
    /// No more parts; the outputs of the step that gave them. A step that was complete before this one started gives
    /// this at once and no part at all: its outputs have to be enough.
    Closed(Value),
    /// All parts so far are void: begin again ([`StepCtx::reset`]), then take the parts that come now.
    Reset,
    /// The step that gives the parts failed or was interrupted: end with [`StepCtx::upstream_failed`], keep what is
    /// durable.
    Failed,
}

/// A running step's line to the drive. Cheap to clone; usable from many tasks of one step.
#[derive(Clone)]
pub struct StepCtx {
    pub addr: StepAddr,
    /// What earlier runs made durable of this step, when its inputs are the same. A border without `done` was begun:
    /// its effect may have happened.
    pub resume: Arc<Progress>,
    /// The step's record before this start: the outputs of its last completion stand in it, whatever its inputs were.
    pub before: Option<Arc<StepRecord>>,
    line: Arc<Line>,
}

/// What the drive hands to a step's context.
pub struct Wiring {
    pub no: StepNo,
    pub to_drive: mpsc::UnboundedSender<FromStep>,
    pub parts: mpsc::UnboundedReceiver<(StepAddr, Upstream)>,
    pub signals: watch::Receiver<Option<Interrupt>>,
    /// What is durable.
    pub state: Arc<RwLock<State>>,
    pub meter: Arc<Meter>,
}

/// What a running step asks of the drive.
pub enum FromStep {
    Write { no: StepNo, write: Write, reply: oneshot::Sender<Outcome<()>> },
    Waits { no: StepNo, text: String },
}

struct Line {
    no: StepNo,
    to_drive: mpsc::UnboundedSender<FromStep>,
    parts: Mutex<mpsc::UnboundedReceiver<(StepAddr, Upstream)>>,
    signals: watch::Receiver<Option<Interrupt>>,
    state: Arc<RwLock<State>>,
    meter: Arc<Meter>,
}

/// Counts of one step, read by the drive a few times a second: however often a step counts, nothing queues up.
#[derive(Debug, Default)]
pub struct Meter {
    rows: AtomicU64,
    bytes: AtomicU64,
    /// `u64::MAX`: not known.
    total_rows: AtomicU64,
    total_bytes: AtomicU64,
    has_total: std::sync::atomic::AtomicBool,
}

/// One reading of a [`Meter`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    pub rows: u64,
    pub bytes: u64,
    /// Rows and bytes that it will come to.
    pub total: Option<(u64, u64)>,
}

impl Meter {
    pub fn read(&self) -> Reading {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let total = self.has_total.load(Ordering::Acquire);
        let total = total.then(|| (get(&self.total_rows), get(&self.total_bytes)));
        Reading { rows: get(&self.rows), bytes: get(&self.bytes), total }
    }
}

impl StepCtx {
    pub fn new(addr: StepAddr, resume: Progress, before: Option<StepRecord>, wiring: Wiring) -> Self {
        let Wiring { no, to_drive, parts, signals, state, meter } = wiring;
        let line = Line { no, to_drive, parts: Mutex::new(parts), signals, state, meter };
        Self { addr, resume: Arc::new(resume), before: before.map(Arc::new), line: Arc::new(line) }
    }

    /// Fixes a part's number and border, before the part has any effect.
    ///
    /// # Errors
    /// MIG5004 when the number is given away already with another border; what the store says when it cannot be made
    /// durable, and then the step is to end.
    pub async fn border(&self, part: u32, border: Value) -> Outcome<()> {
        self.borders(vec![(part, border)]).await
    }

    /// [`StepCtx::border`] of many, in one record's time.
    ///
    /// # Errors
    /// As there; then none of them is recorded.
    pub async fn borders(&self, borders: Vec<(u32, Value)>) -> Outcome<()> {
        self.write(Write::Borders(borders)).await
    }

    /// The part is done, and its effect is durable where it happened. The steps below get it after this.
    ///
    /// # Errors
    /// MIG5004 for a part whose border is not durable; what the store says.
    pub async fn part_done(&self, part: u32, done: Value) -> Outcome<()> {
        self.write(Write::PartDone { part, done }).await
    }

    /// A fact that the step must find again after a crash.
    ///
    /// # Errors
    /// What the store says.
    pub async fn note(&self, key: &str, value: Value) -> Outcome<()> {
        self.write(Write::Note { key: key.to_owned(), value }).await
    }

    /// Throws parts and notes away. A step below that has taken parts is told, even when there is a crash in between.
    ///
    /// # Errors
    /// What the store says.
    pub async fn reset(&self) -> Outcome<()> {
        self.write(Write::Reset).await
    }

    /// Whether a step whose parts this one took has thrown them away and this one has not begun again since: to be
    /// asked at the start.
    pub fn begins_again(&self) -> bool {
        self.resume.notes.contains_key(UPSTREAM_RESET)
    }

    /// What comes next from the step that gives this one its parts. Waits for it.
    pub async fn next_upstream(&self) -> Upstream {
        self.next_upstream_from().await.1
    }

    /// [`StepCtx::next_upstream`] for a step with several that give it parts; each closes for itself.
    pub async fn next_upstream_from(&self) -> (StepAddr, Upstream) {
        // The drive keeps the other end as long as the step runs; without it there is nothing to wait for.
        self.line.parts.lock().await.recv().await.unwrap_or_else(|| (self.addr.clone(), Upstream::Failed))
    }

    /// What a step ended with, if it is complete: in this run or an earlier one.
    ///
    /// # Errors
    /// MIG4002: the record cannot be read.
    pub fn upstream<T: DeserializeOwned>(&self, addr: &StepAddr) -> Outcome<Option<T>> {
        let state = self.line.state.read().unwrap_or_else(PoisonError::into_inner);
        state.outputs_if_complete(addr)
    }

    /// What is recorded of a step, for anyone who reports on it.
    pub fn record(&self, addr: &StepAddr) -> Option<StepRecord> {
        let state = self.line.state.read().unwrap_or_else(PoisonError::into_inner);
        state.steps.get(addr).cloned()
    }

    /// What is recorded, to be looked through: the run waits for it.
    pub fn through_records<T>(&self, look: impl FnOnce(&BTreeMap<StepAddr, StepRecord>) -> T) -> T {
        let state = self.line.state.read().unwrap_or_else(PoisonError::into_inner);
        look(&state.steps)
    }

    /// Counts for the screen.
    pub fn progress(&self, delta_rows: u64, delta_bytes: u64) {
        self.line.meter.rows.fetch_add(delta_rows, Ordering::Relaxed);
        self.line.meter.bytes.fetch_add(delta_bytes, Ordering::Relaxed);
    }

    /// What the counts will come to, as far as is known.
    pub fn total(&self, rows: u64, bytes: u64) {
        self.line.meter.total_rows.store(rows, Ordering::Relaxed);
        self.line.meter.total_bytes.store(bytes, Ordering::Relaxed);
        self.line.meter.has_total.store(true, Ordering::Release);
    }

    /// What the step waits for, for the screen; an empty text when it waits no longer.
    pub fn waits_for(&self, text: &str) {
        // Nobody listens any more when the run is over.
        let _ = self.line.to_drive.send(FromStep::Waits { no: self.line.no, text: text.to_owned() });
    }

    /// Whether the step is to stop at its next part, and end with [`StepCtx::interrupted`].
    pub fn stopping(&self) -> bool {
        self.line.signals.borrow().is_some()
    }

    /// Returns when the step is to stop.
    pub async fn stopped(&self) {
        let mut signals = self.line.signals.clone();
        if signals.wait_for(Option::is_some).await.is_err() {
            // Nobody can ask for it any more.
            std::future::pending::<()>().await;
        }
    }

    /// Waits for `work`, or ends with [`StepCtx::interrupted`] when the step is to stop first: for what may be dropped
    /// half way without harm.
    ///
    /// # Errors
    /// The interrupt's failure.
    pub async fn or_stopped<T>(&self, work: impl Future<Output = T> + Send) -> Outcome<T> {
        let mut work: Pin<Box<dyn Future<Output = T> + Send + '_>> = Box::pin(work);
        tokio::select! {
            biased;
            done = &mut work => Ok(done),
            () = self.stopped() => Err(self.interrupted()),
        }
    }

    /// The failure with which a step ends that was told to stop: no failure in the report.
    pub fn interrupted(&self) -> Failure {
        interrupted(&self.addr)
    }

    /// The failure with which a step ends after [`Upstream::Failed`]: no failure of its own in the report.
    pub fn upstream_failed(&self) -> Failure {
        let cause = "the step that gives it parts did not end well";
        Failure::new(
            codes::EARLIER_STEP_FAILED,
            "go on",
            cause,
            "Remove the first cause and run the same command again.",
        )
        .at(&self.addr)
    }

    async fn write(&self, write: Write) -> Outcome<()> {
        let (reply, answer) = oneshot::channel();
        let over = || interrupted(&self.addr);
        self.line.to_drive.send(FromStep::Write { no: self.line.no, write, reply }).map_err(|_| over())?;
        answer.await.map_err(|_| over())?
    }
}

/// A step that was told to stop.
pub fn interrupted(addr: &StepAddr) -> Failure {
    let hint = "Run the same command again: it goes on from the last durable part.";
    Failure::new(codes::STEP_INTERRUPTED, "finish the step", "the run was told to stop", hint).at(addr)
}
