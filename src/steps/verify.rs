//! `migration.….verify["shop.orders"]`: rows of the source = rows of the target, by the row hash. Three values are
//! compared: as dumped, on the target, on the source now. A part is verified as soon as it is loaded, where its range
//! means the same rows on both servers; else the table is verified whole.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::context::{Context, Lines, read_inputs};
use super::dump::wait;
use super::proof::{self, How, Side};
use super::step::{StepCtx, Upstream};
use crate::formats::chunk::{self, KeyColumn, Range};
use crate::formats::inputs::{TableInputs, VerifyInputs};
use crate::formats::manifest::PartEntry;
use crate::formats::plan::Node;
use crate::formats::rowhash::PartHash;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::error::{ExitKind, Failure, Outcome, Retry};

const TRIES: u32 = 6;

struct Job {
    context: Arc<Context>,
    lines: Arc<Lines>,
    ctx: StepCtx,
    addr: StepAddr,
    name: TableName,
    structure: TableInputs,
    where_: Option<String>,
    count_only: bool,
}

/// What comparing one range came to. Also the part's record.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Compared {
    source: PartHash,
    target: PartHash,
    dumped: PartHash,
    in_client: bool,
}

impl Compared {
    fn equal(&self) -> bool {
        self.source == self.target && self.target == self.dumped
    }
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let inputs: VerifyInputs = read_inputs(node)?;
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let keys = chunk::usable_for_ranges(&structure.source)
        .filter(|keys| chunk::target_ranges_safe(keys, &structure.source, &structure.target));
    let estimate = context.estimate(&node.addr)?;
    ctx.total(estimate.rows, estimate.data_bytes);
    let job = Arc::new(Job {
        context: context.clone(),
        lines: context.lines(&node.addr)?,
        ctx: ctx.clone(),
        addr: node.addr.clone(),
        where_: migration.dump.where_.get(&name.key()).cloned(),
        count_only: inputs.mode == "count",
        name,
        structure,
    });
    let mut whole = PartHash::default();
    let mut results: Vec<(u32, Option<Range>, Compared)> = Vec::new();
    let mut work: JoinSet<Outcome<(u32, Option<Range>, Compared)>> = JoinSet::new();
    let mut resumed = !ctx.begins_again();
    if !resumed {
        ctx.reset().await?;
    }
    let mut open = chunk::usable_for_ranges(&job.structure.source).is_some();
    if !open {
        // Without a key there are no parts: the load is whole.
        let load = StepAddr::of_table(&migration.name, StepKind::Load, &job.name);
        whole = total(&ctx.upstream_outputs(&load).unwrap_or_default());
    }
    while open || !work.is_empty() {
        tokio::select! {
            Some(joined) = work.join_next() => {
                let (number, range, compared) = joined.unwrap_or_else(|e| Err(broken(&e.to_string())))?;
                job.ctx.part_done(number, json!(compared)).await?;
                results.push((number, range, compared));
            }
            upstream = ctx.next_upstream(), if open => match upstream {
                Upstream::Part(number, part) => {
                    let Some(done) = &part.done else { continue };
                    let entry: PartEntry = serde_json::from_value(done.clone()).map_err(|e| broken(&e.to_string()))?;
                    whole = whole.merged(&entry.hash);
                    let (Some(keys), Some(range), false) = (&keys, &entry.range, job.count_only) else { continue };
                    if let Some(done) = job.ctx.resume.parts.get(&number).filter(|_| resumed).and_then(|p| p.done.as_ref()) {
                        let compared: Compared = serde_json::from_value(done.clone()).map_err(|e| broken(&e.to_string()))?;
                        if compared.equal() && compared.dumped == entry.hash {
                            job.ctx.progress(entry.rows, entry.bytes);
                            results.push((number, Some(range.clone()), compared));
                            continue;
                        }
                    }
                    if !resumed || !job.ctx.resume.parts.contains_key(&number) {
                        job.ctx.border(number, Value::Null).await?;
                    }
                    work.spawn(job.clone().part(number, range.clone(), keys.clone(), entry));
                }
                Upstream::Closed(outputs) => {
                    open = false;
                    whole = total(&outputs);
                }
                Upstream::Reset => {
                    work.abort_all();
                    while work.join_next().await.is_some() {}
                    job.ctx.reset().await?;
                    (whole, results) = (PartHash::default(), Vec::new());
                    resumed = false;
                }
                Upstream::Failed => return Err(ctx.upstream_failed()),
            },
        }
        if job.ctx.stopping() && open {
            return Err(Failure::interrupted("verify the table"));
        }
    }
    let seen = results.iter().fold(PartHash::default(), |sum, (_, _, c)| sum.merged(&c.dumped));
    if seen != whole || job.count_only || results.is_empty() {
        // Not every part came by (no ranges, or the load was complete before): the table is verified whole.
        let compared = job.compare("", whole, whole.rows).await?;
        results = vec![(0, None, compared)];
    }
    job.judge(results, whole).await
}

/// Rows and hash in a load's outputs.
fn total(outputs: &Value) -> PartHash {
    let rows = outputs.get("rows").and_then(Value::as_u64).unwrap_or(0);
    let sum = outputs.get("hash").and_then(Value::as_str).and_then(|t| t.parse().ok()).unwrap_or(0);
    PartHash { sum, rows }
}

impl Job {
    fn side<'a>(&'a self, predicate: &'a str, source: bool) -> Side<'a> {
        Side { table: &self.structure.source, predicate, where_: self.where_.as_deref().filter(|_| source) }
    }

    async fn part(
        self: Arc<Self>,
        number: u32,
        range: Range,
        keys: Vec<KeyColumn>,
        entry: PartEntry,
    ) -> Outcome<(u32, Option<Range>, Compared)> {
        let predicate = chunk::predicate(&range, &keys).map_err(|e| broken(&e.to_string()))?;
        let compared = self.compare(&predicate, entry.hash, entry.rows).await?;
        Ok((number, Some(range), compared))
    }

    async fn compare(&self, predicate: &str, dumped: PartHash, rows: u64) -> Outcome<Compared> {
        let mut attempt = 0;
        loop {
            match self.compare_once(predicate, dumped).await {
                Err(failure) if failure.retry == Retry::Later && attempt < TRIES => {
                    self.ctx.waits_for(&failure.cause);
                    wait(&self.context, &mut attempt).await;
                }
                Ok(compared) => {
                    self.ctx.progress(rows, 0);
                    return Ok(compared);
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn compare_once(&self, predicate: &str, dumped: PartHash) -> Outcome<Compared> {
        let (from, to) = (self.side(predicate, true), self.side(predicate, false));
        let on_source = async {
            let mut line = self.lines.read.take().await?;
            let got = if self.count_only {
                (PartHash { sum: dumped.sum, rows: from.count(&mut line).await? }, How::OnServer)
            } else {
                from.hash(&mut line).await?
            };
            line.give_back();
            Ok(got)
        };
        let on_target = async {
            let mut line = self.lines.look.take().await?;
            let got = if self.count_only {
                (PartHash { sum: dumped.sum, rows: to.count(&mut line).await? }, How::OnServer)
            } else {
                to.hash(&mut line).await?
            };
            line.give_back();
            Ok(got)
        };
        let ((source, one), (target, two)) = futures::future::try_join(on_source, on_target).await?;
        Ok(Compared { source, target, dumped, in_client: one == How::InClient || two == How::InClient })
    }

    /// Equal, or a failure that says by how much and (with `-show-keys`) where.
    async fn judge(&self, results: Vec<(u32, Option<Range>, Compared)>, whole: PartHash) -> Outcome<Value> {
        let sum = |side: fn(&Compared) -> PartHash| {
            results.iter().fold(PartHash::default(), |sum, (_, _, c)| sum.merged(&side(c)))
        };
        let (source, target) = (sum(|c| c.source), sum(|c| c.target));
        let different: Vec<_> = results.iter().filter(|(_, _, c)| !c.equal()).collect();
        if different.is_empty() {
            let side = |hash: PartHash| json!({ "rows": hash.rows, "hash": hash.sum.to_string() });
            let in_client = results.iter().any(|(_, _, c)| c.in_client);
            return Ok(json!({
                "source": side(source), "target": side(target), "dumped": side(whole), "parts": results.len(),
                "how": if self.count_only { "count" } else if in_client { "client" } else { "server" },
            }));
        }
        let target_differs = different.iter().any(|(_, _, c)| c.target != c.dumped);
        let mut missing = 0;
        let mut unexpected = 0;
        let mut keys = Vec::new();
        let mut searched = !self.count_only;
        let columns = chunk::usable_for_ranges(&self.structure.source).unwrap_or_default();
        for (_, range, _) in different.iter().take(if self.count_only { 0 } else { usize::MAX }) {
            let predicate = match range {
                Some(range) => chunk::predicate(range, &columns).map_err(|e| broken(&e.to_string()))?,
                None => String::new(),
            };
            let found = proof::differing(
                &self.context,
                &self.addr,
                &self.side(&predicate, true),
                &self.side(&predicate, false),
            )
            .await?;
            match found {
                Some(found) => {
                    missing += found.missing;
                    unexpected += found.unexpected;
                    keys.extend(found.keys);
                }
                None => searched = false,
            }
        }
        let counts =
            format!("the source has {} rows, {} were dumped, the target has {}", source.rows, whole.rows, target.rows);
        let rows = if searched {
            format!(
                "; {missing} rows of the source are not on the target, {unexpected} of the target not on the source"
            )
        } else {
            String::new()
        };
        let named = match (keys.is_empty(), self.context.show_keys) {
            (false, _) => format!("; keys: {}", keys.join(" | ")),
            (true, true) => String::new(),
            (true, false) => "; `-show-keys` names them".to_owned(),
        };
        let (code, what) = if target_differs {
            ("MIG6001", "the target differs from what was dumped")
        } else {
            ("MIG6002", "the source was written to since it was dumped")
        };
        Err(Failure::new(
            code,
            format!("prove {} equal", self.name),
            format!("{what}: {counts}{rows}{named}"),
            if target_differs {
                "Find who wrote to the target; then load the table anew: `mig apply -replace=` with its load step."
            } else {
                "Stop the writes; then dump the table anew: `mig apply -replace=` with its dump step."
            },
        )
        .exit(ExitKind::Mismatch))
    }
}

fn broken(cause: &str) -> Failure {
    Failure::new("MIG6022", "verify the table", cause, "Run `mig apply` again; if it stays, please report it.")
}
