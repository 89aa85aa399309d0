//! `migration.….verify["shop.orders"]`: rows of the source = rows of the target, by the row hash. Three values are
//! compared: as dumped, on the target, on the source now. A part is verified as soon as it is loaded, where its range
//! means the same rows on both servers; else each side is summed along its own key once the load is whole.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::formats::certificate::{GeneratedProof, ReadAt};
use crate::formats::chunk;
use crate::formats::facts::Flavor;
use crate::formats::manifest::{PartEntry, TableManifest};
use crate::formats::outputs;
use crate::formats::plan::{Action, Node};
use crate::formats::rowhash::PartHash;
use crate::formats::spec::model::Migration;
use crate::formats::steps::{self, LoadOutputs, VerifyInputs, VerifyOutputs};
use crate::formats::verification::DifferingRows;
use crate::steps::context::{Context, read_inputs};
use crate::steps::proof::differences;
use crate::steps::proof::generated;
use crate::steps::proof::pair::{Pair, Piece, Sums};
use crate::steps::proof::sides::{How, broken};
use crate::steps::proof::walk::Log;
use crate::steps::step::{StepCtx, Upstream};
use crate::steps::transfer::dump::manifest_name;
use crate::think::gates::rules;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::error::{ExitKind, Failure, Outcome};

/// A part of no more than this is read and hashed here: a server needs longer to make a plan of the expression that
/// hashes than to hand out the rows.
const FEW_ROWS: u64 = 500;
const FEW_BYTES: u64 = 64 << 10;

/// How long the rows of a part are let be after their COMMIT on a TiDB: it answers before the locks of all its rows are
/// gone, and anyone who reads them sooner has to clear each lock away itself (pingcap docs, "Async commit").
const SETTLED_AFTER: Duration = Duration::from_millis(50);

/// The note of the load that the source's statements are compared with, once it is complete: of what they are worth.
const OF_LOAD: &str = "load";

/// What comparing one part came to: its record. What was read on the target counts in the run that read it only.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Compared {
    source: PartHash,
    target: PartHash,
    dumped: PartHash,
    in_client: bool,
    /// A record without it is of a build that did not say when it looked.
    #[serde(default)]
    read: ReadAt,
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
    /// Whether what an earlier run recorded of the source still counts.
    resumed: bool,
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let inputs: VerifyInputs = read_inputs(node)?;
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let estimate = context.estimate(&node.addr)?;
    // Generated columns are read once more.
    let again = u64::from(inputs.mode != "count" && generated::any(&structure.source, &structure.target));
    ctx.total(estimate.rows * (1 + again), 0);
    let count_only = inputs.mode == "count";
    let pair = Pair::new(context, &ctx, &node.addr, &structure.source, &structure.target, count_only)?;
    let pair = Arc::new(pair.ok_or_else(|| broken("the table on the target lacks a column"))?);
    let note = format!("replaced by {}", context.plan_digest.short());
    let asked = node.action == Action::Replace && !ctx.resume.notes.contains_key(&note);
    let resumed = !ctx.begins_again() && !asked;
    if !resumed {
        ctx.reset().await?;
    }
    if asked {
        ctx.note(&note, json!(true)).await?;
    }
    let streams = chunk::usable_for_ranges(&structure.source).is_some();
    let small = estimate.rows <= FEW_ROWS;
    let target = context.seen(&context.target_of(migration)?).map(|facts| facts.flavor);
    let settled_after = if target == Some(Flavor::Tidb) { SETTLED_AFTER } else { Duration::ZERO };
    let mut job = Job { context, migration, ctx: &ctx, name, pair, small, settled_after, resumed };
    let (sums, whole) = job.compare(streams).await?;
    let mut verified = job.judge(sums, whole).await?;
    if !count_only {
        let accepted = rules::accepts_generated(&migration.gates);
        let seen =
            generated::compare(context, &job.ctx.clone(), &node.addr, &structure.source, &structure.target).await?;
        verified.generated = told(&job.name, seen, accepted, context.show_keys)?;
    }
    outputs::to_value(&verified)
}

/// What comparing the generated columns came to: a failure where one differs and no rule accepts it.
fn told(
    table: &TableName,
    seen: Vec<generated::Seen>,
    accepted: bool,
    show_keys: bool,
) -> Outcome<Vec<GeneratedProof>> {
    let differ = |seen: &generated::Seen| {
        let keys = match (seen.keys.is_empty(), show_keys) {
            (false, _) => format!(" ({})", seen.keys),
            (true, true) => String::new(),
            (true, false) => " (`-show-keys` names them)".to_owned(),
        };
        let rows = if seen.proof.rows == 1 { "row" } else { "rows" };
        format!("generated column {} of {table} differs in {} {rows}{keys}", seen.proof.column, seen.proof.rows)
    };
    let different: Vec<String> = seen.iter().filter(|seen| !seen.proof.equal).map(differ).collect();
    if !different.is_empty() && !accepted {
        return Err(Failure::new(
            codes::GENERATED_COLUMN_DIFFERS,
            format!("prove the generated columns of {table} equal"),
            format!("the data is equal; the target computes in another way: {}", different.join("; ")),
            format!(
                "Change the expression on the source, or take the target's values: set rule {} to \"warn\", and the certificate names the columns.",
                codes::GENERATED_MAY_DIFFER
            ),
        ));
    }
    Ok(seen.into_iter().map(|seen| GeneratedProof { accepted: !seen.proof.equal, ..seen.proof }).collect())
}

impl Job<'_> {
    /// The sums of both sides, and of what was dumped.
    async fn compare(&mut self, streams: bool) -> Outcome<(Sums, PartHash)> {
        let mut taken = Taken::default();
        let mut open = streams;
        let mut whole = PartHash::default();
        let load = StepAddr::of_table(&self.migration.name, StepKind::Load, &self.name);
        if !open {
            // Without a key there are no parts: the load is whole.
            let loaded = self.ctx.upstream::<LoadOutputs>(&load)?;
            whole = loaded.map(|loaded| PartHash::from(&loaded.total)).unwrap_or_default();
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
                    Upstream::Closed(found) => {
                        open = false;
                        whole = PartHash::from(&outputs::required::<LoadOutputs>(&load, &found)?.total);
                        // A load that was complete before offers no parts: the manifest of its dump names them.
                        if by_parts && let Some(manifest) = self.manifest(whole) {
                            for entry in manifest.parts {
                                self.take(entry.part, entry, &mut taken).await?;
                            }
                        }
                    }
                    Upstream::Reset => {
                        taken = Taken::default();
                        self.begin_anew().await?;
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
        let mut sums = self.whole().await?;
        if sums.source != whole && sums.resumed {
            // Of what an earlier run read on the source nothing proves a difference that is there now.
            self.begin_anew().await?;
            sums = self.whole().await?;
        }
        if self.pair.count_only {
            // What was counted has no sum: it is that of the dump on both sides.
            (sums.source.sum, sums.target.sum) = (whole.sum, whole.sum);
        }
        Ok((sums, whole))
    }

    /// The whole table, over what an earlier run has read on the source of this very load.
    async fn whole(&mut self) -> Outcome<Sums> {
        if self.pair.shared.is_none() {
            let load = StepAddr::of_table(&self.migration.name, StepKind::Load, &self.name);
            let of = self.ctx.record(&load).map(|load| json!({ "outputs": load.outputs, "finished": load.finished }));
            let of = of.unwrap_or_default();
            let (notes, parts) = (&self.ctx.resume.notes, &self.ctx.resume.parts);
            if !self.resumed || notes.get(OF_LOAD) != Some(&of) {
                if self.resumed && !parts.is_empty() {
                    self.begin_anew().await?;
                }
                self.resumed = false;
                self.ctx.note(OF_LOAD, of).await?;
            }
        }
        self.pair.whole(Some(&Log { ctx: self.ctx, resumed: self.resumed })).await
    }

    /// Nothing that was recorded counts any more.
    async fn begin_anew(&mut self) -> Outcome<()> {
        self.resumed = false;
        self.ctx.reset().await
    }

    /// Whether the parts that came by are the table as it is. Where they are of partitions, those have to be all there
    /// are, and what differs may only stand in another partition: then the table is compared without them.
    async fn is_all(&self, taken: &Taken) -> Outcome<bool> {
        if taken.partitions.is_empty() {
            return Ok(true);
        }
        Ok(taken.sums.differ.is_empty() && self.pair.has_just(&taken.partitions).await?)
    }

    /// Starts comparing a part, once. What an earlier run read on the source and found to be what was dumped is not read
    /// again; the target is.
    async fn take(&self, number: u32, entry: PartEntry, taken: &mut Taken) -> Outcome<()> {
        let Some(range) = entry.range.clone().filter(|_| taken.numbers.insert(number)) else { return Ok(()) };
        taken.partitions.extend(range.partitions.iter().map(|name| name.to_lowercase()));
        let known = if self.resumed { self.ctx.resume.parts.get(&number) } else { None };
        let before = known.and_then(|part| serde_json::from_value::<Compared>(part.done.clone()?).ok());
        let before = before.filter(|before| before.source == entry.hash && before.dumped == entry.hash);
        if known.is_none() {
            self.ctx.border(number, Value::Null).await?;
        }
        let (pair, ctx, clock) = (self.pair.clone(), self.ctx.clone(), self.context.clock.clone());
        let settled_after = self.settled_after;
        let few = self.small && entry.rows <= FEW_ROWS && entry.bytes <= FEW_BYTES;
        taken.work.spawn(async move {
            clock.sleep(settled_after).await;
            let mut read = ReadAt::both(&clock.now());
            let (mut piece, how) = match before {
                Some(Compared { source, in_client, read: ReadAt { source: Some(at), .. }, .. }) => {
                    read.source = Some(at);
                    let (target, how) = pair.on_target(&range, few).await?;
                    let before = if in_client { How::InClient } else { How::OnServer };
                    (Piece { range: Some(range), source, target }, before.and(how))
                }
                _ => pair.compare(Some(&range), few).await?,
            };
            ctx.progress(entry.rows, 0);
            if pair.count_only {
                (piece.source.sum, piece.target.sum) = (entry.hash.sum, entry.hash.sum);
            }
            let in_client = how == How::InClient;
            let (source, target) = (piece.source, piece.target);
            let compared = Compared { source, target, dumped: entry.hash, in_client, read };
            Ok((number, piece, compared))
        });
        Ok(())
    }

    /// The manifest of the dump that was loaded, where it is still there.
    fn manifest(&self, whole: PartHash) -> Option<TableManifest> {
        let bytes = self.context.files(self.migration).ok()?.read(&manifest_name(&self.name)).ok()??;
        let manifest: TableManifest = serde_json::from_slice(&bytes).ok()?;
        (manifest.hash() == whole).then_some(manifest)
    }

    /// Equal, or a failure that says by how much and (with `-show-keys`) where.
    async fn judge(&self, sums: Sums, whole: PartHash) -> Outcome<VerifyOutputs> {
        let (source, target) = (sums.source, sums.target);
        if source == target && target == whole {
            return Ok(VerifyOutputs {
                source: Some(source.into()),
                target: target.into(),
                dumped: Some(whole.into()),
                parts: sums.pieces as u64,
                how: match (self.pair.count_only, sums.how) {
                    (true, _) => steps::How::Count,
                    (_, How::InClient) => steps::How::Client,
                    (_, How::OnServer) => steps::How::Server,
                },
                read: sums.read,
                generated: Vec::new(),
            });
        }
        let differing = match self.pair.count_only {
            true => None,
            false => Some(differences::search(&self.pair, &sums.differ, self.context.show_keys).await?),
        };
        let (code, what, hint) = if target != whole {
            (
                codes::TARGET_DIFFERS_FROM_DUMP,
                "the target differs from what was dumped",
                "Find who wrote to the target; then load the table again: `mig apply -replace=` with its load step.",
            )
        } else {
            (
                codes::SOURCE_WRITTEN_SINCE_DUMP,
                "the source was written to since it was dumped",
                "Stop the writes; then dump the table again: `mig apply -replace=` with its dump step.",
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
        self.sums.add(piece, if compared.in_client { How::InClient } else { How::OnServer }, compared.read);
    }
}
