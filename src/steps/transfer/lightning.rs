//! `migration.….load["shop.orders"]` by TiDB Lightning: the program runs once for the table, over all files of its dump,
//! through a door of mig's to the target, and has no object of its own there. It loads each row at least once, so nothing of
//! it is ever continued: the ledger says that the table is being emptied until the program has finished, and whatever ends
//! it earlier, the table is emptied and loaded again. That no row is there twice is for the verification to prove.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::formats::dumpfile::Packing;
use crate::formats::manifest::TableManifest;
use crate::formats::outputs;
use crate::formats::plan::{Action, Node};
use crate::formats::rowhash::PartHash;
use crate::formats::spec::model::{Migration, ZeroDates};
use crate::formats::steps::{DumpOutputs, LoadForm, LoadOutputs};
use crate::seams::files::Files;
use crate::seams::program::Start;
use crate::seams::sql::{Door, Fault, Role};
use crate::steps::again::again;
use crate::steps::context::{Context, Lines};
use crate::steps::runner::fault as file_fault;
use crate::steps::step::{StepCtx, Upstream};
use crate::steps::transfer::batch;
use crate::steps::transfer::engine::{self, FILES, OUTPUT};
use crate::steps::transfer::ledger::{self, Batches, Named, Object};
use crate::steps::transfer::load::{self, hold, holds_no_others, overtaken, reset_note, unknown_table};
use crate::steps::transfer::refusal::refused;
use crate::words::addr::{StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// The program by its own name.
const PROGRAM: &str = "lightning";
/// In the folder of a table: what it logs, and where it notes how far it is.
const LOG: &str = "lightning.log";
const CHECKPOINT: &str = "lightning.pb";
/// The sentences of a load that is whole: on the standard output, and in the log.
const DONE: &str = "tidb lightning exit successfully";
const COMPLETED: &str = "the whole procedure completed";

struct Job<'a> {
    context: &'a Context,
    ctx: &'a StepCtx,
    node: &'a Node,
    migration: &'a Migration,
    lines: Arc<Lines>,
    name: TableName,
    key: String,
    ledger: &'a str,
    manifest: TableManifest,
    /// The folder of the dump, and the files in it.
    dir: PathBuf,
    files: Arc<dyn Files>,
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let (name, _) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    let dump = StepAddr::of_table(&migration.name, StepKind::Dump, &name);
    whole(&ctx, &dump).await?;
    // The spec refuses this engine with files in a bucket: the two are one folder.
    let (dir, files) = (context.dump_dir(migration), context.files(migration)?);
    let manifest = load::manifest(&*files, &name)?;
    let total = manifest.hash();
    ctx.total(total.rows, manifest.parts.iter().map(|part| part.bytes).sum());
    again(context, &ctx, || hold(context, node)).await?;
    let (lines, ledger) = (context.lines(&node.addr)?, context.ledger_schema(migration)?);
    let (key, parts) = (name.key(), manifest.parts.len());
    let job = Job { context, ctx: &ctx, node, migration, lines, name, key, ledger, manifest, dir, files };
    job.check_files().await?;
    let epoch = again(context, &ctx, || job.loaded()).await?;
    job.clear()?;
    for part in &job.manifest.parts {
        ctx.border(part.part, json!({ "range": part.range, "epoch": epoch })).await?;
        ctx.part_done(part.part, json!(part)).await?;
    }
    outputs::to_value(&LoadOutputs { total: total.into(), epoch, parts, form: LoadForm::Lightning })
}

/// Waits until the dump has ended.
async fn whole(ctx: &StepCtx, dump: &StepAddr) -> Outcome<()> {
    while ctx.upstream::<DumpOutputs>(dump)?.is_none() {
        match ctx.next_upstream().await {
            Upstream::Closed(_) => break,
            Upstream::Failed => return Err(ctx.upstream_failed()),
            Upstream::Part(..) | Upstream::Reset => {}
        }
    }
    Ok(())
}

/// Where the program works for a table.
pub fn folder(dir: &Path, name: &TableName) -> PathBuf {
    engine::folder(dir, PROGRAM, name)
}

impl Job<'_> {
    fn clear(&self) -> Outcome<()> {
        engine::remove(&folder(&self.dir, &self.name))
    }

    fn named(&self) -> Named<'_> {
        Named { schema: self.ledger, lineage: &self.context.lineage, kind: "table", name: &self.key }
    }

    fn batches(&self, epoch: u64) -> Batches<'_> {
        let (lineage, token) = (&self.context.lineage, self.context.token);
        Batches { schema: self.ledger, lineage, table: &self.key, epoch, token }
    }

    /// Compares each file with its digest: the program reads them without any.
    async fn check_files(&self) -> Outcome<()> {
        for part in &self.manifest.parts {
            let (files, part) = (Arc::clone(&self.files), part.clone());
            let check = tokio::task::spawn_blocking(move || batch::check_file(&*files, &part));
            check.await.map_err(|e| super::dump::broken(&e.to_string()))??;
            if self.ctx.stopping() {
                return Err(self.ctx.interrupted());
            }
        }
        Ok(())
    }

    /// The table with every row; the number of its load. Nothing is done where the ledger has it.
    async fn loaded(&self) -> Outcome<u64> {
        // Not of the lines that load: the program has those.
        let mut line = self.lines.create.take().await?;
        let object = self.named().read(&mut *line.connection).await?.ok_or_else(unknown_table)?;
        let chunks = self.batches(object.epoch).chunks(&mut *line.connection).await?;
        let asked =
            self.node.action == Action::Replace && !self.ctx.resume.notes.contains_key(&reset_note(self.context));
        let there = !object.is_reset() && chunks == self.wanted();
        if there && !asked && !self.ctx.begins_again() {
            line.give_back();
            return Ok(object.epoch);
        }
        if !object.is_reset() {
            holds_no_others(&mut line, &self.name, (self.ledger, &self.context.lineage), object.epoch).await?;
        }
        // What it has at this number is void: the next one begins without a batch.
        let epoch = if object.is_reset() && chunks.is_empty() { object.epoch } else { object.epoch + 1 };
        let owned = if object.state.ends_with("adopted") { "adopted" } else { "created" };
        let emptied = Object { state: format!("reset_{owned}"), epoch };
        self.named().set_held(&mut *line.connection, &object, &emptied, self.context.token).await?;
        ledger::hold(&mut *line.connection, self.ledger, &self.context.lineage, self.context.token).await?;
        let sql = format!("TRUNCATE TABLE {}", self.name.sql());
        line.connection.execute(&sql).await.map_err(|f| refused(&self.name, &f))?;
        line.give_back();
        if !self.ctx.resume.parts.is_empty() || self.ctx.begins_again() {
            self.ctx.reset().await?;
        }
        if self.node.action == Action::Replace {
            self.ctx.note(&reset_note(self.context), json!(epoch)).await?;
        }
        self.filled().await?;
        self.counted().await?;
        self.recorded(owned, epoch).await?;
        Ok(epoch)
    }

    /// What the ledger has of a whole load.
    fn wanted(&self) -> BTreeMap<u32, PartHash> {
        let parts = self.manifest.parts.iter().filter(|part| part.rows > 0);
        parts.map(|part| (part.part, part.hash)).collect()
    }

    /// Runs the program over the empty table.
    async fn filled(&self) -> Outcome<()> {
        let files = self.linked()?;
        if files.is_empty() {
            return Ok(());
        }
        // It reads as many files at a time as the load may have connections.
        let threads = u32::try_from(files.len()).unwrap_or(u32::MAX).min(self.lines.write.ceiling);
        let _permits = self.lines.write.permits(threads).await?;
        let keep_zero_dates = self.migration.gates.zero_dates == ZeroDates::Keep;
        let role = Role::Write { keep_zero_dates, session: self.migration.load.session.clone() };
        let target = self.context.target_of(self.migration)?;
        let door = self.context.server(&target)?.door(&role).await?;
        let port = self.context.programs.free_port()?;
        let folder = folder(&self.dir, &self.name);
        let start = Start {
            program: self.migration.load.program().unwrap_or_default().to_owned(),
            arguments: ["-config", "/dev/stdin"].map(str::to_owned).to_vec(),
            environment: vec![("TZ".into(), "UTC".into())],
            input: self.configuration(&door, (port, threads), keep_zero_dates).into_bytes(),
            output: folder.join(OUTPUT),
        };
        // The program counts bytes.
        let all = self.manifest.hash().rows;
        let rows = |page: &str| restored(page).map(|share| (share * all as f64) as u64);
        let (_, shown) = engine::run((self.context, self.ctx), &start, &folder, port, rows).await?;
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        let output = text(OUTPUT);
        // It ends with 0 as well where it was told to stop, and where its port was taken.
        let done = output.lines().any(|line| line.trim() == DONE) && text(LOG).contains(COMPLETED);
        match done {
            true => {
                self.ctx.progress(all.saturating_sub(shown), self.manifest.parts.iter().map(|part| part.bytes).sum());
                Ok(())
            }
            false => Err(self.unfinished(&door, &output, &folder.join(LOG))),
        }
    }

    /// The files under names that say nothing, alone in a folder: which table they are of is in the configuration.
    fn linked(&self) -> Outcome<Vec<String>> {
        self.clear()?;
        let folder = folder(&self.dir, &self.name).join(FILES);
        std::fs::create_dir_all(&folder).map_err(|e| file_fault("make the folder", &folder, &e))?;
        let mut names = Vec::new();
        for part in self.manifest.parts.iter().filter(|part| part.rows > 0) {
            let (from, suffix) = (self.dir.join(&part.file), Packing::of(&part.file).1.suffix());
            let name = format!("{:09}.sql{suffix}", part.part);
            let absolute = std::path::absolute(&from).unwrap_or_else(|_| from.clone());
            std::fs::hard_link(&from, folder.join(&name))
                .or_else(|_| std::os::unix::fs::symlink(absolute, folder.join(&name)))
                .map_err(|e| file_fault("link", &from, &e))?;
            names.push(name);
        }
        Ok(names)
    }

    /// What the program reads from its standard input.
    fn configuration(&self, door: &Door, (port, threads): (u16, u32), keep_zero_dates: bool) -> String {
        let folder = folder(&self.dir, &self.name);
        let folder = std::path::absolute(&folder).unwrap_or(folder);
        let path = |name: &str| toml(&folder.join(name).display().to_string());
        // Strict, and a 0 of an AUTO_INCREMENT column stays one. Its own default is neither.
        let dates = if keep_zero_dates { ",ALLOW_INVALID_DATES" } else { "" };
        // A name is put in as the text of a regular expression's answer: $ begins a group there.
        let expanded = |name: &str| toml(&name.replace('$', "$$"));
        let (schema, table) = (expanded(&self.name.schema), expanded(&self.name.name));
        let files: String = [("", ""), (".gz", "gzip"), (".zst", "zstd")]
            .iter()
            .map(|(suffix, packing)| {
                let pattern = format!("^[0-9]+\\.sql{}$", suffix.replace('.', "\\."));
                let packing = if packing.is_empty() { String::new() } else { format!("compression = \"{packing}\"\n") };
                format!(
                    "[[mydumper.files]]\npattern = {}\nschema = {schema}\ntable = {table}\ntype = \"sql\"\n{packing}",
                    toml(&pattern)
                )
            })
            .collect();
        format!(
            "[lightning]\nlevel = \"info\"\nfile = {log}\nstatus-addr = \"127.0.0.1:{port}\"\ntask-info-schema-name = \"\"\n\
             check-requirements = true\nregion-concurrency = {threads}\n\
             [checkpoint]\nenable = true\ndriver = \"file\"\ndsn = {checkpoint}\n\
             [conflict]\nstrategy = \"error\"\n\
             [tikv-importer]\nbackend = \"tidb\"\n\
             [mydumper]\ndata-source-dir = {files_dir}\nno-schema = true\nfilter = [{filter}]\n\
             {files}\
             [tidb]\nhost = \"127.0.0.1\"\nport = {door_port}\nuser = {user}\npassword = {password}\ntls = \"false\"\n\
             sql-mode = \"STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO{dates}\"\n\
             [tidb.session-vars]\ntime_zone = \"+00:00\"\n\
             [post-restore]\nchecksum = \"off\"\nanalyze = \"off\"\n\
             [cron]\nlog-progress = \"2s\"\n",
            log = path(LOG),
            checkpoint = path(CHECKPOINT),
            files_dir = path(FILES),
            filter = toml(&self.name.sql()),
            door_port = door.port,
            user = toml(&door.user),
            password = toml(door.password.reveal()),
        )
    }

    /// The table has as many rows as its files, before the ledger says that it has them: one that has others is emptied by
    /// the next run, and nobody has to ask whose rows they are.
    async fn counted(&self) -> Outcome<()> {
        let doing = || format!("count the rows of {}", self.name);
        let mut line = self.lines.create.take().await?;
        let sql = format!("SELECT COUNT(*) FROM {}", self.name.sql());
        let rows = line.connection.query(&sql).await.map_err(|fault| fault.told(doing()))?.rows;
        line.give_back();
        let count = rows.into_iter().next().and_then(|row| ledger::text(row.into_iter().next()??).parse::<u64>().ok());
        let wanted = self.manifest.hash().rows;
        if count == Some(wanted) {
            return Ok(());
        }
        let there = count.map_or_else(|| "an unknown number of".to_owned(), |count| count.to_string());
        let hint = "TiDB Lightning loads a row at least once. Run `mig apply` again: the table is emptied and loaded from the \
                    beginning. If it stays, use engine = \"native\", which loads each row exactly once.";
        Err(Failure::new(
            codes::ENGINE_ROWS_DIFFER,
            format!("load {} with TiDB Lightning", self.name),
            format!("its files have {wanted} rows, and the table has {there}"),
            hint,
        ))
    }

    /// Records the whole load: that the table is filled, and its batches, in one transaction.
    async fn recorded(&self, owned: &str, epoch: u64) -> Outcome<()> {
        let target = self.context.seen(&self.context.target_of(self.migration)?).map(|facts| facts.flavor);
        let target = target.unwrap_or_default();
        let mut line = self.lines.create.take().await?;
        let failed = |fault: Fault| refused(&self.name, &fault);
        ledger::hold(&mut *line.connection, self.ledger, &self.context.lineage, self.context.token).await?;
        line.connection.execute(ledger::begin(target)).await.map_err(failed)?;
        let object = self.named().read(&mut *line.connection).await?;
        let emptied = Object { state: format!("reset_{owned}"), epoch };
        if object.as_ref() != Some(&emptied) {
            line.connection.execute("ROLLBACK").await.map_err(failed)?;
            return Err(overtaken(&self.name, epoch, object.as_ref()));
        }
        self.named().set(&mut *line.connection, owned, epoch).await?;
        for part in self.manifest.parts.iter().filter(|part| part.rows > 0) {
            let (chunk, rows, hash) = (part.part, part.rows, part.hash.sum);
            let batch = ledger::Batch { chunk, from_row: 0, to_row: rows, rows, hash };
            let sql = self.batches(epoch).insert(&batch, &self.name, target);
            if line.connection.execute(&sql).await.map_err(failed)?.affected != 1 {
                line.connection.execute("ROLLBACK").await.map_err(failed)?;
                return Err(overtaken(&self.name, epoch, object.as_ref()));
            }
        }
        line.connection.execute("COMMIT").await.map_err(failed)?;
        if let Some(leave) = ledger::leave(target) {
            line.connection.execute(leave).await.map_err(failed)?;
        }
        self.batches(epoch).forget_former(&mut *line.connection).await?;
        line.give_back();
        Ok(())
    }

    /// The program ended without its sentences. Its own words may hold values: its names of errors and the server's
    /// numbers say enough.
    fn unfinished(&self, door: &Door, output: &str, log: &Path) -> Failure {
        if let Some(fault) = door.fault() {
            return fault;
        }
        let said = Said::read(output);
        let hint = match said.number {
            Some(1062) => {
                "Rows of the source have keys that the target takes for one; mig's own load names them: engine = \"native\"."
                    .to_owned()
            }
            Some(_) => "The target refuses a value; mig's own load names its row: engine = \"native\".".to_owned(),
            None => format!("Look at {}, remove the cause and run the command again.", log.display()),
        };
        Failure::new(
            codes::ENGINE_FAILED,
            format!("load {} with TiDB Lightning", self.name),
            format!("it ended without the sentence of a load that is whole: {}", said.words()),
            format!("{hint} The table is emptied and loaded from the beginning."),
        )
    }
}

/// A text of TOML: of one line, as a basic string.
fn toml(text: &str) -> String {
    // JSON escapes what TOML escapes, and nothing else.
    Value::from(text).to_string()
}

/// The share of the bytes that are in, by the program's metrics.
fn restored(page: &str) -> Option<f64> {
    let bytes = |state: &str| {
        let named = format!("lightning_bytes{{state=\"{state}\"}} ");
        page.lines().find_map(|line| line.strip_prefix(named.as_str())?.trim().parse::<f64>().ok())
    };
    let (all, done) = (bytes("total_restore")?, bytes("restored")?);
    (all > 0.0).then(|| (done / all).clamp(0.0, 1.0))
}

/// What the program printed of an error.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// `Restore:ErrRestoreTable`.
    name: Option<String>,
    /// The server's number.
    number: Option<u16>,
    /// Its own line, where it says no error by name.
    line: String,
}

impl Said {
    fn read(output: &str) -> Self {
        let name = output.split_once("[Lightning:").and_then(|(_, rest)| rest.split_once(']'));
        let name = name.map(|(name, _)| name.to_owned());
        let number = output.match_indices("Error ").find_map(|(at, word)| {
            let rest = &output[at + word.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            rest[..digits].parse().ok()
        });
        // Known lines of its own, which hold nothing of a row.
        let known = ["tidb lightning canceled", "failed to start HTTP server", "cannot start "];
        let line = output.lines().rfind(|line| known.iter().any(|known| line.contains(known)));
        Self { name, number, line: line.unwrap_or_default().trim().to_owned() }
    }

    fn words(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.name.as_ref().map(|name| format!("Lightning:{name}")));
        words.extend(self.number.map(|number| format!("the server answered error {number}")));
        if words.is_empty() {
            words.push(if self.line.is_empty() { "it names no error".to_owned() } else { self.line.clone() });
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_said_by_its_name_and_number_without_a_value() {
        let refused = "tidb lightning encountered error: [Lightning:Restore:ErrRestoreTable]restore table `d`.`t` failed: Error \
                       1062 (23000): Duplicate entry 'Jane' for key 't.PRIMARY'";
        for (output, expected) in [
            (refused, "Lightning:Restore:ErrRestoreTable, the server answered error 1062"),
            ("Verbose debug logs\n\ntidb lightning canceled\n", "tidb lightning canceled"),
            ("failed to start HTTP server: listen tcp", "failed to start HTTP server: listen tcp"),
            ("", "it names no error"),
        ] {
            assert_eq!(Said::read(output).words(), expected);
        }
    }

    #[test]
    fn the_share_is_of_bytes() {
        let page = "lightning_bytes{state=\"restored\"} 2.5e+01\nlightning_bytes{state=\"total_restore\"} 100\n";
        assert_eq!(restored(page), Some(0.25));
        assert_eq!(restored("lightning_bytes{state=\"restored\"} 1\n"), None);
    }
}
