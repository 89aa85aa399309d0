//! The two sides of a table beside each other: which statements compare them, and what these came to.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::formats::certificate::ReadAt;
use crate::formats::chunk::{self, KeyColumn, Kinship, Range, Selection};
use crate::formats::rowhash::PartHash;
use crate::formats::structure::Table;
use crate::steps::context::Context;
use crate::steps::proof::sides::{How, Place, Side, broken};
use crate::steps::proof::walk::{Log, Walk, look, selection, total};
use crate::steps::step::StepCtx;
use crate::words::addr::StepAddr;
use crate::words::error::{Failure, Outcome};

/// Both sides of one table.
pub struct Pair {
    pub source: Arc<Side>,
    pub target: Arc<Side>,
    /// The key whose ranges are the same set of rows on both.
    pub shared: Option<Vec<KeyColumn>>,
    pub count_only: bool,
}

/// Rows that one condition selects on each side; the whole table's where there is no range.
#[derive(Clone, Debug)]
pub struct Piece {
    pub range: Option<Range>,
    pub source: PartHash,
    pub target: PartHash,
}

/// What comparing a table came to.
#[derive(Debug)]
pub struct Sums {
    pub source: PartHash,
    pub target: PartHash,
    pub how: How,
    /// Where the sides differ.
    pub differ: Vec<Piece>,
    /// How many statements a side.
    pub pieces: usize,
    pub read: ReadAt,
    /// Some of the source's were made by an earlier run.
    pub resumed: bool,
}

impl Pair {
    /// `source` as the spec's source has the table, `target` as it is or was created on the target. `None`: the target
    /// lacks a column.
    pub fn new(
        context: &Context,
        ctx: &StepCtx,
        addr: &StepAddr,
        source: &Table,
        target: &Table,
        count_only: bool,
    ) -> Outcome<Option<Self>> {
        let migration = context.migration(addr)?;
        let where_ = migration.dump.where_.get(&source.name.key()).cloned();
        let estimate = context.estimate(addr)?;
        let json = context.json_numbers(migration)?;
        let side = |place, actual: &Table, where_| {
            let side = Side::new(place, source, actual, where_, context.lines(addr)?, context.clock.clone());
            Ok::<_, Failure>(side.map(|side| {
                Arc::new(side.of_step(ctx).losing(json, context.show_keys).sized(estimate, migration.dump.chunk_bytes))
            }))
        };
        let (Some(from), Some(to)) = (side(Place::Source, source, where_)?, side(Place::Target, target, None)?) else {
            return Ok(None);
        };
        let flavor = |addr: &StepAddr| context.seen(addr).map(|facts| facts.flavor).unwrap_or_default();
        let kinship = Kinship::of(flavor(&context.source_of(migration)?), flavor(&context.target_of(migration)?));
        let shared =
            chunk::usable_for_ranges(source).filter(|keys| chunk::target_ranges_safe(keys, source, target, kinship));
        Ok(Some(Self { source: from, target: to, shared, count_only }))
    }

    /// Both sides of one condition, side by side. `few`: its rows are so few that reading them costs less.
    pub async fn compare(&self, range: Option<&Range>, few: bool) -> Outcome<(Piece, How)> {
        let rows = match (range, &self.shared) {
            (Some(range), Some(keys)) => selection(range, keys)?,
            _ => Selection::default(),
        };
        let (source, target) = futures::future::try_join(
            look(&self.source, &rows, self.count_only, few),
            look(&self.target, &rows, self.count_only, few),
        )
        .await?;
        let piece = Piece { range: range.cloned(), source: source.0, target: target.0 };
        Ok((piece, source.1.and(target.1)))
    }

    /// The target's side of one condition alone.
    pub async fn on_target(&self, range: &Range, few: bool) -> Outcome<(PartHash, How)> {
        let rows = self.shared.as_ref().map_or_else(|| Ok(Selection::default()), |keys| selection(range, keys))?;
        look(&self.target, &rows, self.count_only, few).await
    }

    /// Whether ranges of all these partitions are all rows, on both sides: others may have been added meanwhile. Only then
    /// do the sums of such ranges prove anything of the table.
    pub async fn has_just(&self, partitions: &BTreeSet<String>) -> Outcome<bool> {
        let (source, target) = futures::future::try_join(self.source.partitions(), self.target.partitions()).await?;
        Ok(source == *partitions && target == *partitions)
    }

    /// The whole table: range by range where ranges mean the same on both sides, else each side along its own key.
    /// `log`: where the source's statements are recorded.
    pub async fn whole(self: &Arc<Self>, log: Option<&Log<'_>>) -> Outcome<Sums> {
        match &self.shared {
            Some(keys) => self.by_ranges(keys).await,
            None => {
                let (source, target) = futures::future::try_join(
                    total(&self.source, self.count_only, log),
                    total(&self.target, self.count_only, None),
                )
                .await?;
                let piece = Piece { range: None, source: source.hash, target: target.hash };
                let mut sums = Sums { resumed: source.resumed, ..Sums::default() };
                let read = ReadAt { source: Some(source.at), target: Some(target.at) };
                sums.add(piece, source.how.and(target.how), read);
                Ok(sums)
            }
        }
    }

    async fn by_ranges(self: &Arc<Self>, keys: &[KeyColumn]) -> Outcome<Sums> {
        let mut sums = Sums::default();
        let read = ReadAt::both(&self.source.now());
        let mut walk = Walk::within(&self.source, Some(keys), Range::default(), self.source.statement_rows());
        let mut work: JoinSet<Outcome<(Piece, How)>> = JoinSet::new();
        let (mut walking, mut stopped) = (true, false);
        loop {
            while walking && work.len() < self.target.width() {
                stopped = self.source.stopping();
                let next = if stopped { None } else { walk.next().await? };
                let Some(range) = next else {
                    walking = false;
                    break;
                };
                let pair = self.clone();
                work.spawn(async move { pair.compare(Some(&range), false).await });
            }
            let Some(joined) = work.join_next().await else { break };
            let (piece, how) = joined.unwrap_or_else(|e| Err(broken(&e.to_string())))?;
            self.source.progress(piece.source.rows);
            sums.add(piece, how, read.clone());
        }
        if stopped { Err(Failure::interrupted("verify the table")) } else { Ok(sums) }
    }
}

impl Default for Sums {
    fn default() -> Self {
        let none = PartHash::default();
        let read = ReadAt::default();
        Self { source: none, target: none, how: How::OnServer, differ: Vec::new(), pieces: 0, read, resumed: false }
    }
}

impl Sums {
    pub fn add(&mut self, piece: Piece, how: How, read: ReadAt) {
        self.read.merge(read);
        self.source.merge(&piece.source);
        self.target.merge(&piece.target);
        self.how = self.how.and(how);
        self.pieces += 1;
        if piece.source != piece.target {
            self.differ.push(piece);
        }
    }
}
