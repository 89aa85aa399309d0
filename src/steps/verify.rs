//! `migration.….verify["shop.orders"]`: rows of the source = rows of the target, by the row hash. Three values are
//! compared: as dumped, on the target, on the source now. A part is verified as soon as it is loaded, where its range
//! means the same rows on both servers; else each side is summed along its own key once the load is whole.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::context::{Context, read_inputs};
use super::differences;
use super::dump::manifest_path;
use super::pair::{Pair, Piece, Sums};
use super::proof::{How, broken};
use super::step::{StepCtx, Upstream};
use super::walk::Log;
use crate::formats::chunk;
use crate::formats::facts::Flavor;
use crate::formats::inputs::VerifyInputs;
use crate::formats::manifest::{PartEntry, TableManifest};
use crate::formats::plan::Node;
use crate::formats::rowhash::PartHash;
use crate::formats::spec::model::Migration;
use crate::formats::verification::DifferingRows;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::error::{ExitKind, Failure, Outcome};

/// A part of no more than this is read and hashed here: a server needs longer to make a plan of the expression that
/// hashes than to hand out the rows.
const FEW_ROWS: u64 = 500;
const FEW_BYTES: u64 = 64 << 10;

/// How long the rows of a part are let be after their COMMIT on a TiDB: it answers before the locks of all its rows are
/// gone, and whoever reads them sooner has to clear each lock away itself (pingcap docs, "Async commit").
const SETTLED_AFTER: Duration = Duration::from_millis(50);

/// What comparing one part came to: its record.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Compared {
    source: PartHash,
    target: PartHash,
    dumped: PartHash,
    in_client: bool,
}

struct Job<'a> {
    context: &'a Arc<Context>,
    migration: &'a Migration,
    ctx: &'a StepCtx,
    name: TableName,
    pair: Arc<Pair>,
    /// The whole table is thought to have few rows.
    small: bool,
    settled_after: Duration,
    /// Whether what an earlier run recorded still counts.
    resumed: bool,
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let inputs: VerifyInputs = read_inputs(node)?;
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let estimate = context.estimate(&node.addr)?;
    ctx.total(estimate.rows, 0);
    let count_only = inputs.mode == "count";
    let pair = Pair::new(context, &ctx, &node.addr, &structure.source, &structure.target, count_only)?;
    let pair = Arc::new(pair.ok_or_else(|| broken("the table on the target lacks a column"))?);
    let resumed = !ctx.begins_again();
    if !resumed {
        ctx.reset().await?;
    }
    let streams = chunk::usable_for_ranges(&structure.source).is_some();
    let small = estimate.rows <= FEW_ROWS;
    let target = context.seen(&context.target_of(migration)?).map(|facts| facts.flavor);
    let settled_after = if target == Some(Flavor::Tidb) { SETTLED_AFTER } else { Duration::ZERO };
    let mut job = Job { context, migration, ctx: &ctx, name, pair, small, settled_after, resumed };
    let (sums, whole) = job.compare(streams).await?;
    job.judge(sums, whole).await
}

/// Rows and hash in a load's outputs.
fn total(outputs: &Value) -> PartHash {
    let rows = outputs.get("rows").and_then(Value::as_u64).unwrap_or(0);
    let sum = outputs.get("hash").and_then(Value::as_str).and_then(|t| t.parse().ok()).unwrap_or(0);
    PartHash { sum, rows }
}

impl Job<'_> {
    /// The sums of both sides, and of what was dumped.
    async fn compare(&mut self, streams: bool) -> Outcome<(Sums, PartHash)> {
        let mut taken = Taken::default();
        let mut open = streams;
        let mut whole = PartHash::default();
        if !open {
            // Without a key there are no parts: the load is whole.
            let load = StepAddr::of_table(&self.migration.name, StepKind::Load, &self.name);
            whole = total(&self.ctx.upstream_outputs(&load).unwrap_or_default());
        }
        let by_parts = self.pair.shared.is_some();
        while open || !taken.work.is_empty() {
            tokio::select! {
                Some(joined) = taken.work.join_next() => {
                    let (number, piece, compared) = joined.unwrap_or_else(|e| Err(broken(&e.to_string())))?;
                    self.ctx.part_done(number, json!(compared)).await?;
                    taken.add(piece, compared);
                }
                upstream = self.ctx.next_upstream(), if open => match upstream {
                    Upstream::Part(number, part) => {
                        if let (Some(done), true) = (&part.done, by_parts) {
                            let entry = serde_json::from_value(done.clone()).map_err(|e| broken(&e.to_string()))?;
                            self.take(number, entry, &mut taken).await?;
                        }
                    }
                    Upstream::Closed(outputs) => {
                        open = false;
                        whole = total(&outputs);
                        // A load that was complete before offers no parts: the manifest of its dump names them.
                        if by_parts && let Some(manifest) = self.manifest(whole) {
                            for entry in manifest.parts {
                                self.take(entry.part, entry, &mut taken).await?;
                            }
                        }
                    }
                    Upstream::Reset => {
                        taken = Taken::default();
                        self.ctx.reset().await?;
                        self.resumed = false;
                    }
                    Upstream::Failed => return Err(self.ctx.upstream_failed()),
                },
            }
            if self.ctx.stopping() && open {
                return Err(Failure::interrupted("verify the table"));
            }
        }
        if taken.dumped == whole && taken.sums.pieces > 0 && self.is_all(&taken).await? {
            return Ok((taken.sums, whole));
        }
        let log = Log { ctx: self.ctx, resumed: self.resumed };
        let mut sums = self.pair.whole(Some(&log)).await?;
        if self.pair.count_only {
            // What was counted has no sum: it is that of the dump on both sides.
            (sums.source.sum, sums.target.sum) = (whole.sum, whole.sum);
        }
        Ok((sums, whole))
    }

    /// Whether the parts that came by are the table as it is. Where they are of partitions, those have to be all there
    /// are, and what differs may only stand in another partition: then the table is compared without them.
    async fn is_all(&self, taken: &Taken) -> Outcome<bool> {
        if taken.partitions.is_empty() {
            return Ok(true);
        }
        Ok(taken.sums.differ.is_empty() && self.pair.has_just(&taken.partitions).await?)
    }

    /// Starts comparing a part, once, if it is not recorded as equal.
    async fn take(&self, number: u32, entry: PartEntry, taken: &mut Taken) -> Outcome<()> {
        let Some(range) = entry.range.clone().filter(|_| taken.numbers.insert(number)) else { return Ok(()) };
        taken.partitions.extend(range.partitions.iter().map(|name| name.to_lowercase()));
        let known = if self.resumed { self.ctx.resume.parts.get(&number) } else { None };
        if let Some(done) = known.and_then(|part| part.done.as_ref()) {
            let before: Compared = serde_json::from_value(done.clone()).map_err(|e| broken(&e.to_string()))?;
            if before.source == before.target && before.target == entry.hash && before.dumped == entry.hash {
                self.ctx.progress(entry.rows, 0);
                taken.add(Piece { range: Some(range), source: before.source, target: before.target }, before);
                return Ok(());
            }
        }
        if known.is_none() {
            self.ctx.border(number, Value::Null).await?;
        }
        let (pair, ctx, clock) = (self.pair.clone(), self.ctx.clone(), self.context.clock.clone());
        let settled_after = self.settled_after;
        let few = self.small && entry.rows <= FEW_ROWS && entry.bytes <= FEW_BYTES;
        taken.work.spawn(async move {
            clock.sleep(settled_after).await;
            let (mut piece, how) = pair.compare(Some(&range), few).await?;
            ctx.progress(entry.rows, 0);
            if pair.count_only {
                (piece.source.sum, piece.target.sum) = (entry.hash.sum, entry.hash.sum);
            }
            let in_client = how == How::InClient;
            let compared = Compared { source: piece.source, target: piece.target, dumped: entry.hash, in_client };
            Ok((number, piece, compared))
        });
        Ok(())
    }

    /// The manifest of the dump that was loaded, where it is still there.
    fn manifest(&self, whole: PartHash) -> Option<TableManifest> {
        let path = self.context.dump_dir(self.migration).join(manifest_path(&self.name));
        let manifest: TableManifest = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        (manifest.hash() == whole).then_some(manifest)
    }

    /// Equal, or a failure that says by how much and (with `-show-keys`) where.
    async fn judge(&self, sums: Sums, whole: PartHash) -> Outcome<Value> {
        let (source, target) = (sums.source, sums.target);
        if source == target && target == whole {
            let side = |hash: PartHash| json!({ "rows": hash.rows, "hash": hash.sum.to_string() });
            let how = match (self.pair.count_only, sums.how) {
                (true, _) => "count",
                (_, How::InClient) => "client",
                (_, How::OnServer) => "server",
            };
            return Ok(json!({
                "source": side(source), "target": side(target), "dumped": side(whole), "parts": sums.pieces, "how": how,
            }));
        }
        let differing = match self.pair.count_only {
            true => None,
            false => Some(differences::search(&self.pair, &sums.differ, self.context.show_keys).await?),
        };
        let (code, what, hint) = if target != whole {
            (
                "MIG6001",
                "the target differs from what was dumped",
                "Find who wrote to the target; then load the table anew: `mig apply -replace=` with its load step.",
            )
        } else {
            (
                "MIG6002",
                "the source was written to since it was dumped",
                "Stop the writes; then dump the table anew: `mig apply -replace=` with its dump step.",
            )
        };
        let counts =
            format!("the source has {} rows, {} were dumped, the target has {}", source.rows, whole.rows, target.rows);
        let rows = differing.as_ref().map(|d| format!("; {}", d.words())).unwrap_or_default();
        let keys = differing.as_ref().map(|d| keys_words(d, self.context.show_keys)).unwrap_or_default();
        let cause = format!("{what}: {counts}{rows}{keys}");
        Err(Failure::new(code, format!("prove {} equal", self.name), cause, hint).exit(ExitKind::Mismatch))
    }
}

/// The keys, or how to have them named.
fn keys_words(differing: &DifferingRows, shown: bool) -> String {
    match (differing.keys.is_empty(), shown) {
        (false, _) => format!("; keys: {}", differing.named()),
        (true, true) => String::new(),
        (true, false) => "; `-show-keys` names them".to_owned(),
    }
}

/// The parts that came by.
#[derive(Default)]
struct Taken {
    numbers: std::collections::BTreeSet<u32>,
    /// Of which the parts are; none: they are of the whole table.
    partitions: std::collections::BTreeSet<String>,
    work: JoinSet<Outcome<(u32, Piece, Compared)>>,
    sums: Sums,
    dumped: PartHash,
}

impl Taken {
    fn add(&mut self, piece: Piece, compared: Compared) {
        self.dumped.merge(&compared.dumped);
        self.sums.add(piece, if compared.in_client { How::InClient } else { How::OnServer });
    }
}
