//! One step that a worker carries out, as the drive here sees it: everything the worker made durable is made durable
//! here, in the same words, and the step ends here as it ended there.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::mpsc;

use crate::formats::event::Ended;
use crate::formats::state::{Part, Progress, UPSTREAM_RESET};
use crate::steps::step::StepCtx;
use crate::words::error::{Failure, Outcome};

/// What the worker tells of one step.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// All of its progress, as it stands there.
    Progress(Progress),
    Border {
        part: u32,
        border: Value,
    },
    PartDone {
        part: u32,
        done: Value,
    },
    Note {
        key: String,
        value: Value,
    },
    Reset,
    /// Its outputs are durable. That it ended is told beside this, with the last counts, before or after.
    Outputs(Value),
    /// It is done, by what is recorded.
    Done(Value),
    /// It ended.
    End(Ended, Option<Failure>),
    /// Sums since it started there.
    Counts {
        rows: u64,
        bytes: u64,
        total: Option<(u64, u64)>,
    },
    Waits(String),
    /// The worker is out of reach, or refuses.
    Lost(Failure),
}

/// News with the number that is to be acknowledged once it is durable here.
pub type Numbered = (Option<u64>, News);

/// Follows the step to its end. `settled` is told every number that is durable here.
///
/// # Errors
/// The worker's own failure of the step; that the worker is lost; that this side was told to stop.
pub async fn follow(
    ctx: &StepCtx,
    news: &mut mpsc::UnboundedReceiver<Numbered>,
    settled: &(dyn Fn(u64) + Send + Sync),
) -> Outcome<Value> {
    let mut copy = Copy { ctx, has: (*ctx.resume).clone(), shown: (0, 0), outputs: None, complete: false };
    while let Some((number, item)) = news.recv().await {
        let end = copy.take(item).await?;
        if let Some(number) = number {
            settled(number);
        }
        if let Some(outputs) = end {
            // What is still on its way to this step is told by its end: a number that nobody takes up keeps the worker waiting.
            news.close();
            while let Ok((number, _)) = news.try_recv() {
                number.into_iter().for_each(settled);
            }
            return outputs;
        }
    }
    Err(ctx.interrupted())
}

struct Copy<'a> {
    ctx: &'a StepCtx,
    /// What is durable here.
    has: Progress,
    shown: (u64, u64),
    outputs: Option<Value>,
    complete: bool,
}

impl Copy<'_> {
    /// How the step ended, when it did.
    async fn take(&mut self, news: News) -> Outcome<Option<Outcome<Value>>> {
        match news {
            News::Progress(there) => self.catch_up(there).await?,
            News::Border { part, border } => self.borders(BTreeMap::from([(part, border)])).await?,
            News::PartDone { part, done } => self.part_done(part, done).await?,
            News::Note { key, value } => self.note(key, value).await?,
            News::Reset => self.reset().await?,
            News::Outputs(outputs) if self.complete => return Ok(Some(Ok(outputs))),
            News::Outputs(outputs) => self.outputs = Some(outputs),
            News::Done(outputs) => return Ok(Some(Ok(outputs))),
            News::End(Ended::Complete, _) if self.outputs.is_none() => self.complete = true,
            News::End(end, failure) => {
                let done = self.outputs.take().filter(|_| failure.is_none());
                return Ok(Some(done.ok_or_else(|| self.ended(end, failure))));
            }
            News::Counts { rows, bytes, total } => {
                let (old_rows, old_bytes) = self.shown;
                self.ctx.progress(rows.saturating_sub(old_rows), bytes.saturating_sub(old_bytes));
                self.shown = (rows.max(old_rows), bytes.max(old_bytes));
                if let Some((rows, bytes)) = total {
                    self.ctx.total(rows, bytes);
                }
            }
            News::Waits(text) => self.ctx.waits_for(&text),
            News::Lost(failure) => return Ok(Some(Err(failure))),
        }
        Ok(None)
    }

    /// Makes what is here the same as what is there. The worker's word outranks what is recorded here.
    async fn catch_up(&mut self, there: Progress) -> Outcome<()> {
        let stands = |(part, has): (&u32, &Part)| {
            there
                .parts
                .get(part)
                .is_some_and(|part| part.border == has.border && (has.done.is_none() || part.done == has.done))
        };
        if !self.has.parts.iter().all(stands) {
            self.reset().await?;
        }
        self.borders(there.parts.iter().map(|(no, part)| (*no, part.border.clone())).collect()).await?;
        for (no, part) in there.parts {
            if let Some(done) = part.done {
                self.part_done(no, done).await?;
            }
        }
        for (key, value) in there.notes {
            self.note(key, value).await?;
        }
        Ok(())
    }

    async fn borders(&mut self, borders: BTreeMap<u32, Value>) -> Outcome<()> {
        let new: Vec<(u32, Value)> =
            borders.into_iter().filter(|(part, _)| !self.has.parts.contains_key(part)).collect();
        if new.is_empty() {
            return Ok(());
        }
        self.ctx.borders(new.clone()).await?;
        self.has.parts.extend(new.into_iter().map(|(part, border)| (part, Part { border, done: None })));
        Ok(())
    }

    async fn part_done(&mut self, no: u32, done: Value) -> Outcome<()> {
        let Some(part) = self.has.parts.get_mut(&no) else { return Ok(()) };
        if part.done.is_none() {
            self.ctx.part_done(no, done.clone()).await?;
            part.done = Some(done);
        }
        Ok(())
    }

    async fn note(&mut self, key: String, value: Value) -> Outcome<()> {
        // That one is the machine's own, here as there.
        if key == UPSTREAM_RESET || self.has.notes.get(&key) == Some(&value) {
            return Ok(());
        }
        self.ctx.note(&key, value.clone()).await?;
        self.has.notes.insert(key, value);
        Ok(())
    }

    async fn reset(&mut self) -> Outcome<()> {
        self.ctx.reset().await?;
        self.has = Progress::default();
        Ok(())
    }

    fn ended(&self, end: Ended, failure: Option<Failure>) -> Failure {
        match (end, failure) {
            (_, Some(failure)) => failure,
            (Ended::UpstreamFailed, None) => self.ctx.upstream_failed(),
            _ => self.ctx.interrupted(),
        }
    }
}
