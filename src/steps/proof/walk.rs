//! Going through a table in statements of bounded size. One side along its own key, whatever order that is: for a sum of
//! all rows no range has to mean the same on both servers. Both sides along one key, where ranges do. A table that no
//! key cuts is one statement. Knows no verdict.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;

use crate::formats::chunk::{KeyColumn, Range, Selection};
use crate::formats::rowhash::PartHash;
use crate::steps::proof::sides::{How, Place, Side, broken};
use crate::steps::step::StepCtx;
use crate::words::error::{Failure, Outcome};

/// Ranges along a key, one behind the other, until the table ends. Of all partitions.
pub struct Walk<'a> {
    side: &'a Side,
    keys: Option<&'a [KeyColumn]>,
    within: Range,
    rows: u64,
    ended: bool,
}

impl<'a> Walk<'a> {
    /// Over all rows of a side, by its own key.
    pub fn own(side: &'a Side) -> Self {
        Self::within(side, side.own_keys(), Range::default(), side.statement_rows())
    }

    /// Over the rows of a range; without a key it is one.
    pub fn within(side: &'a Side, keys: Option<&'a [KeyColumn]>, within: Range, rows: u64) -> Self {
        Self { side, keys, within, rows: rows.max(1), ended: false }
    }

    /// Goes on behind a range that was walked before.
    pub fn behind(mut self, last: &Range) -> Self {
        self.ended = last.up_to == self.within.up_to;
        self.within.after.clone_from(&last.up_to);
        self
    }

    /// The next range.
    pub async fn next(&mut self) -> Outcome<Option<Range>> {
        if self.ended {
            return Ok(None);
        }
        let border = match self.keys {
            Some(keys) => self.side.border(keys, &self.within, self.rows - 1).await?,
            None => None,
        };
        if border.is_some() && border == self.within.after {
            return Err(broken("the key is not compared in the order that it is sorted in"));
        }
        self.ended = border.is_none();
        let up_to = border.or_else(|| self.within.up_to.clone());
        let range = Range { after: self.within.after.clone(), up_to: up_to.clone(), ..Range::default() };
        self.within.after = up_to;
        Ok(Some(range))
    }
}

/// Where the statements of the source are made durable, to go on behind them after an interrupt. Nobody writes to the
/// source meanwhile, or that is detected; anybody may write to the target, so what was read there is read again.
pub struct Log<'a> {
    pub ctx: &'a StepCtx,
    /// What an earlier run left still counts.
    pub resumed: bool,
}

/// A range of one side, as the border of a part.
#[derive(Serialize, Deserialize)]
struct Slice {
    side: String,
    range: Range,
}

/// What a statement over it gave.
#[derive(Clone, Serialize, Deserialize)]
struct Sum {
    hash: PartHash,
    in_client: bool,
    /// When it was begun. A record without it is of a build that did not say.
    #[serde(default)]
    at: String,
}

/// What all rows of a side came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    pub hash: PartHash,
    pub how: How,
    /// When the first statement that counts was begun.
    pub at: String,
    /// Some statements are those of an earlier run.
    pub resumed: bool,
}

/// Count and hash of all rows of a side (the count alone, with `count_only`), statement by statement.
pub async fn total(side: &Arc<Side>, count_only: bool, log: Option<&Log<'_>>) -> Outcome<Total> {
    let mut walk = Walk::own(side);
    let mut sum = Total { hash: PartHash::default(), how: How::OnServer, at: side.now(), resumed: false };
    let mut work: JoinSet<Outcome<(u32, Sum)>> = JoinSet::new();
    let mut number: u32 = 1;
    let mut add = |done: Sum, known: bool| {
        sum.hash.merge(&done.hash);
        sum.how = sum.how.and(if done.in_client { How::InClient } else { How::OnServer });
        if done.at < sum.at {
            sum.at = done.at;
        }
        sum.resumed |= known;
        side.progress(if side.place == Place::Target { done.hash.rows } else { 0 });
    };
    for (known, slice, done) in log.map(earlier).unwrap_or_default() {
        number = known + 2;
        walk = walk.behind(&slice.range);
        match done {
            Some(done) => add(done, true),
            None => drop(work.spawn(slice_sum(side.clone(), known, slice.range, count_only))),
        }
    }
    let (mut walking, mut stopped) = (true, false);
    loop {
        while walking && work.len() < side.width() {
            stopped = side.stopping();
            let next = if stopped { None } else { walk.next().await? };
            let Some(range) = next else {
                walking = false;
                break;
            };
            if let Some(log) = log {
                let side = Place::Source.word().to_owned();
                log.ctx.border(number, json!(Slice { side, range: range.clone() })).await?;
            }
            work.spawn(slice_sum(side.clone(), number, range, count_only));
            number += 2;
        }
        let Some(joined) = work.join_next().await else { break };
        let (number, done) = joined.unwrap_or_else(|e| Err(broken(&e.to_string())))?;
        if let Some(log) = log {
            log.ctx.part_done(number, json!(done)).await?;
        }
        add(done, false);
    }
    if stopped { Err(Failure::interrupted("verify the table")) } else { Ok(sum) }
}

async fn slice_sum(side: Arc<Side>, number: u32, range: Range, count_only: bool) -> Outcome<(u32, Sum)> {
    let rows = match side.own_keys() {
        Some(keys) => selection(&range, keys)?,
        None => Selection::default(),
    };
    let at = side.now();
    let (hash, how) = look(&side, &rows, count_only, false).await?;
    Ok((number, Sum { hash, in_client: how == How::InClient, at }))
}

/// What an earlier run left of the source, in order.
fn earlier(log: &Log<'_>) -> Vec<(u32, Slice, Option<Sum>)> {
    let parts: &BTreeMap<_, _> = &log.ctx.resume.parts;
    let of = |(number, part): (&u32, &crate::formats::state::Part)| {
        let slice: Slice = serde_json::from_value(part.border.clone()).ok()?;
        let done = part.done.as_ref().and_then(|done| serde_json::from_value(done.clone()).ok());
        let done = done.filter(|done: &Sum| !done.at.is_empty());
        (slice.side == Place::Source.word()).then_some((*number, slice, done))
    };
    if log.resumed { parts.iter().filter_map(of).collect() } else { Vec::new() }
}

/// Count and hash of some rows, or the count alone. `few`: they are read whatever the server can do.
pub async fn look(side: &Side, rows: &Selection, count_only: bool, few: bool) -> Outcome<(PartHash, How)> {
    match (count_only, few) {
        (true, _) => Ok((PartHash { sum: 0, rows: side.count(rows).await? }, How::OnServer)),
        (false, true) => side.hash_here(rows).await,
        (false, false) => side.hash(rows).await,
    }
}

pub fn selection(range: &Range, keys: &[KeyColumn]) -> Outcome<Selection> {
    Selection::of(range, keys).map_err(|e| broken(&e.to_string()))
}
