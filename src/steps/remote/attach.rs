//! The line to a worker: attaches, hands on what it tells, acknowledges, and attaches again after any loss. The worker
//! goes on meanwhile, so nothing is lost by waiting.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::install::{Program, install, standing, unexpected, worker_dir};
use super::mirror::News;
use super::{Delegation, Remote};
use crate::formats::event::{Ended, Event};
use crate::formats::journal::Record;
use crate::formats::outputs::RemovedOutputs;
use crate::formats::state::{Status, StepRecord};
use crate::formats::worker::{End, Endpoint, FromWorker, ToWorker, line};
use crate::seams::shell::Channel;
use crate::seams::store::Companion;
use crate::words::addr::StepAddr;
use crate::words::codes;
use crate::words::error::{Failure, Outcome, Retry};
use tokio::sync::watch;

/// How long it is tried to reach a worker again.
const PATIENCE: Duration = Duration::from_secs(600);
/// The same before it was reached for the first time: nothing here waits for what it does.
const FIRST_PATIENCE: Duration = Duration::from_secs(180);
/// What is said of a worker that is out of reach.
const REATTACH: &str = "A worker that is at work goes on by itself; run the same command again to reattach.";
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// How one attachment ended.
enum Left {
    /// The worker's run is over.
    Over,
    /// The line broke.
    Broken(Failure),
}

/// Runs until the worker's run is over or the worker is out of reach.
pub(super) async fn attach(remote: Weak<Remote>, endpoint: Endpoint, records: BTreeMap<StepAddr, StepRecord>) {
    let program = Program::this();
    let mut fence = None;
    let mut pause = FIRST_PAUSE;
    let mut lost_since = None;
    let mut ever_reached = false;
    loop {
        let Some(this) = remote.upgrade() else { return };
        let mut reached = false;
        let left = match &program {
            Ok(program) => once(&this, &endpoint, program, &records, &mut fence, &mut reached).await,
            Err(failure) => Err(failure.clone()),
        };
        let now = this.delegation.clock.millis();
        if reached {
            (pause, lost_since, ever_reached) = (FIRST_PAUSE, None, true);
        }
        let failure = match left {
            Ok(Left::Over) => return,
            Ok(Left::Broken(failure)) => failure,
            Err(failure) if failure.retry == Retry::Later => failure,
            Err(failure) => return this.tell_all(&News::Lost(failure)),
        };
        let since = *lost_since.get_or_insert(now);
        let (patience, hint) = match ever_reached {
            true => (PATIENCE, REATTACH),
            false => (
                FIRST_PATIENCE,
                "Look whether the machine runs and its sshd answers, then run the same command again. A machine that is gone for \
                 good: `mig state rm` with the addresses of what ran there, which `mig state list` shows.",
            ),
        };
        if now.saturating_sub(since) >= patience.as_millis() as u64 {
            let lost =
                Failure::new(codes::WORKER_LOST, format!("reach the worker on {endpoint} again"), failure.cause, hint);
            return this.tell_all(&News::Lost(lost));
        }
        this.tell_all(&News::Waits(format!("the line to {} is cut: trying again", endpoint.host)));
        let sleep = this.delegation.clock.sleep(pause);
        drop(this);
        sleep.await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn broken(endpoint: &Endpoint, error: &std::io::Error) -> Failure {
    Failure::new(codes::SSH_BROKE, format!("talk to the worker on {endpoint}"), error.to_string(), REATTACH).retryable()
}

/// Attaches once and stays as long as the connection holds.
async fn once(
    remote: &Arc<Remote>,
    endpoint: &Endpoint,
    program: &Program,
    records: &BTreeMap<StepAddr, StepRecord>,
    fence: &mut Option<u64>,
    reached: &mut bool,
) -> Outcome<Left> {
    let delegation = &remote.delegation;
    let shell = delegation.shells.connect(endpoint).await?;
    install(shell.as_ref(), endpoint, program).await?;
    let number = match *fence {
        Some(last) => last + 1,
        // The first one of this run goes above whatever was there; after that, a number that was refused stays so.
        None => standing(shell.as_ref(), endpoint, program, &delegation.migration).await?.fence + 1,
    };
    *fence = Some(number);
    let dir = worker_dir(endpoint, &delegation.migration);
    let mut channel = shell.open(&format!("exec {} worker attach {dir}", program.there(endpoint))).await?;
    let hello = serde_json::json!({ "attach": { "fence": number, "work": work_with(remote, records)? } });
    let hello = line(&hello).map_err(|error| unexpected(endpoint, &error.to_string()))?;
    if let Err(error) = channel.to.write_all(&hello).await {
        return Ok(Left::Broken(broken(endpoint, &error)));
    }
    drop(hello);
    let mut acked = remote.acked.subscribe();
    // Numbers of the attachment before mean nothing to this one.
    *remote.unsettled.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Default::default();
    remote.acked.send_replace(0);
    acked.mark_unchanged();
    let mut stop = remote.stop.subscribe();
    if *stop.borrow() {
        // The run was told to stop while this line was made, or before it was cut.
        stop.mark_changed();
    }
    follow(remote, endpoint, channel, (&mut acked, &mut stop), reached).await
}

/// Hands on what the worker says and sends what this run has settled, until the end or a broken connection.
async fn follow(
    remote: &Arc<Remote>,
    endpoint: &Endpoint,
    mut channel: Channel,
    (acked, stop): (&mut watch::Receiver<u64>, &mut watch::Receiver<bool>),
    reached: &mut bool,
) -> Outcome<Left> {
    let mut lines = BufReader::new(&mut channel.from).lines();
    let mut over: Option<u64> = None;
    loop {
        if let Some(last) = over
            && *acked.borrow() >= last
        {
            let _ = channel.to.write_all(&line(&ToWorker::Bye).unwrap_or_default()).await;
            let _ = channel.to.flush().await;
            remote.told.store(true, Ordering::SeqCst);
            return Ok(Left::Over);
        }
        let to_send = tokio::select! {
            text = lines.next_line() => {
                let text = match text {
                    Ok(Some(text)) => text,
                    Ok(None) => {
                        let end = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
                        return Ok(Left::Broken(broken(endpoint, &end)));
                    }
                    Err(error) => return Ok(Left::Broken(broken(endpoint, &error))),
                };
                *reached = true;
                let message = serde_json::from_str(&text)
                    .map_err(|error| unexpected(endpoint, &format!("a line that is not a message: {error}")))?;
                if let Some(last) = hand_on(remote, message)? {
                    over = Some(last);
                }
                continue;
            }
            changed = acked.changed() => {
                if changed.is_err() { return Ok(Left::Over) }
                let seq = *acked.borrow_and_update();
                ToWorker::Ack { seq }
            }
            changed = stop.changed() => {
                if changed.is_err() { return Ok(Left::Over) }
                ToWorker::Stop
            }
        };
        let text = line(&to_send).map_err(|error| unexpected(endpoint, &error.to_string()))?;
        if let Err(error) = channel.to.write_all(&text).await {
            return Ok(Left::Broken(broken(endpoint, &error)));
        }
        if matches!(to_send, ToWorker::Stop) {
            remote.told.store(true, Ordering::SeqCst);
        }
    }
}

/// The work as a value, with the records as they were when the first step started.
fn work_with(remote: &Remote, records: &BTreeMap<StepAddr, StepRecord>) -> Outcome<serde_json::Value> {
    let fault = |error: serde_json::Error| {
        Failure::new(
            codes::WORKER_UNEXPECTED,
            "write the work for the worker",
            error.to_string(),
            "Please report this.",
        )
    };
    let mut work = serde_json::to_value(&remote.delegation.work).map_err(fault)?;
    work["steps"] = serde_json::to_value(records).map_err(fault)?;
    Ok(work)
}

/// Hands a message to the mirrors it concerns. The last number, when the run over there is over.
fn hand_on(remote: &Arc<Remote>, message: FromWorker) -> Outcome<Option<u64>> {
    match message {
        FromWorker::Refused { failure } => return Err(failure),
        FromWorker::Snapshot { seq, steps, ends } => snapshot(remote, seq, steps, ends),
        FromWorker::Records { seq, records } => {
            let first = seq + 1 - records.len() as u64;
            for (number, record) in (first..).zip(records) {
                self::record(remote, number, record);
            }
        }
        FromWorker::Shown { event } => shown(remote, event),
        FromWorker::Certificate { bytes } => {
            let Delegation { store, migration, .. } = &remote.delegation;
            store.keep(&Companion::certificate(migration), &bytes)?;
        }
        FromWorker::Ended { seq } => {
            // What has not ended by now does not end any more.
            remote.tell_all(&News::End(Ended::Interrupted, None));
            return Ok(Some(seq));
        }
    }
    Ok(None)
}

fn snapshot(remote: &Arc<Remote>, seq: u64, steps: BTreeMap<StepAddr, StepRecord>, ends: Vec<End>) {
    for (addr, record) in steps {
        let news = match record.status {
            Status::Complete => News::Done(record.outputs.value()),
            _ => News::Progress(record.progress),
        };
        remote.tell(&addr, None, news);
    }
    for End { addr, end, failure } in ends {
        let news = if end == Ended::Complete { News::Done(serde_json::Value::Null) } else { News::End(end, failure) };
        remote.tell(&addr, None, news);
    }
    remote.settled(seq);
}

fn record(remote: &Arc<Remote>, number: u64, record: Record) {
    let (addr, news) = match record {
        Record::Border { addr, part, border } => (addr, News::Border { part, border }),
        Record::PartDone { addr, part, done } => (addr, News::PartDone { part, done }),
        Record::Note { addr, key, value } => (addr, News::Note { key, value }),
        Record::Reset { addr } => (addr, News::Reset),
        Record::Done { addr, outputs, .. } => (addr, News::Outputs(outputs)),
        // What was destroyed leaves no record.
        Record::Forget { addr, left } => {
            let left = left.map(|left| serde_json::json!(RemovedOutputs { left: Some(left) }));
            (addr, News::Outputs(left.unwrap_or_default()))
        }
        Record::Failed { addr, failure, .. } => (addr, News::End(Ended::Failed, Some(*failure))),
        Record::Open { .. } | Record::Start { .. } | Record::End => return remote.settled(number),
    };
    remote.unsettled(number);
    remote.tell(&addr, Some(number), news);
}

fn shown(remote: &Arc<Remote>, event: Event) {
    match event {
        Event::StepProgress { addr, rows, bytes, total_rows, total_bytes } => {
            remote.tell(&addr, None, News::Counts { rows, bytes, total: total_rows.zip(total_bytes) });
        }
        Event::StepWaits { addr, text } => remote.tell(&addr, None, News::Waits(text)),
        Event::StepEnded { addr, end, failure, rows, bytes, .. } if end != Ended::Failed => {
            remote.tell(&addr, None, News::Counts { rows, bytes, total: None });
            remote.tell(&addr, None, News::End(end, failure));
        }
        // What failed stands in the records; the rest is told here by the drive itself.
        _ => {}
    }
}
