//! `migration.….dump["shop.orders"]` by Dumpling: the program runs once for the table, through a door of mig's to the source,
//! into a folder of its own. That it is done is what its log, its `metadata` and its files say together; its exit code alone
//! says nothing. Its files are then read whole, counted and hashed as those of any other tool, get the names that mig's own
//! dump gives, and are loaded as these are. What an interrupted or failed program leaves is thrown away.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::formats::ddl::{self, DdlOptions};
use crate::formats::dumpfile::{self, DumpFile, Packing};
use crate::formats::facts::{Flavor, ServerFacts};
use crate::formats::manifest::{self, PartEntry, TableManifest};
use crate::formats::outputs;
use crate::formats::plan::{Action, Node};
use crate::formats::state::Progress;
use crate::formats::steps::{DumpInputs, DumpOutputs, ImportInputs};
use crate::seams::program::Start;
use crate::seams::sql::{Door, Role};
use crate::steps::again::again;
use crate::steps::context::{Context, read_inputs};
use crate::steps::observe::dump_folder;
use crate::steps::runner::fault as file_fault;
use crate::steps::servers::recorded_id;
use crate::steps::step::StepCtx;
use crate::steps::transfer::dump;
use crate::steps::transfer::engine::{self, FILES, OUTPUT};
use crate::steps::transfer::import::Scan;
use crate::words::addr::TableName;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// The program by its own name.
const PROGRAM: &str = "dumpling";
/// What it logs, in the folder of a table.
const LOG: &str = "dumpling.log";
/// The sentence of a dump that is whole.
const DONE: &str = "dump data successfully, dumpling will exit now";
/// The line before it, with the number of rows.
const SUMMARY: &str = "backup success summary";
const ROWS: &str = "total-rows";
/// Rows that the program has written so far.
const METRIC: &str = "dumpling_dump_finished_rows";
/// Of the program's last words, as much as fits in a message.
const LAST_WORDS: usize = 600;

/// What one run of the program works with.
struct Job<'a> {
    context: &'a Context,
    ctx: &'a StepCtx,
    node: &'a Node,
    name: TableName,
    inputs: DumpInputs,
    /// Where the program works for the table.
    folder: PathBuf,
}

pub async fn run(context: &Arc<Context>, node: &Node, ctx: StepCtx) -> Outcome<Value> {
    let inputs: DumpInputs = read_inputs(node)?;
    let (name, structure) = context.table(&node.addr)?;
    let migration = context.migration(&node.addr)?;
    // The spec refuses this engine with files in a bucket: the two are one folder.
    let (dir, files) = (context.dump_dir(migration), context.files(migration)?);
    files.prepare(&context.lineage)?;
    ctx.total(context.estimate(&node.addr)?.rows, 0);
    let note = format!("replaced by {}", context.plan_digest.short());
    let anew = node.action == Action::Replace && !ctx.resume.notes.contains_key(&note);
    // No file of an earlier run is made again as it was.
    let void = !ctx.resume.parts.is_empty();
    if anew || void {
        ctx.reset().await?;
    }
    if anew {
        ctx.note(&note, json!(true)).await?;
    }
    let recorded = if anew || void { Progress::default() } else { (*ctx.resume).clone() };
    dump::remove_files(&context.lines(&node.addr)?.leftovers, &*files, &name, false)?;
    let seen = context.seen(&context.target_of(migration)?).cloned().unwrap_or_default();
    let options = DdlOptions { checks: seen.check_constraints, dialect: seen.flavor.into() };
    let text = dumpfile::schema_text(&ddl::create_table_whole(&structure.target, options));
    dump::write_file(&files, &DumpFile::Table(name.clone()).name(), text.as_bytes())?;
    let (place, noted) = dump::place(&ctx, &migration.name, &recorded)?;
    noted.await?;
    let job = Job { context, ctx: &ctx, node, folder: folder(&dir, &name), name, inputs };
    let (written, told) = again(context, &ctx, || job.written()).await?;
    let parts = job.taken_in(&dir, &written, told).await?;
    files.sync("")?;
    engine::remove(&job.folder)?;
    for part in &parts {
        ctx.border(part.part, json!({ "file": part.file })).await?;
        ctx.part_done(part.part, json!(part)).await?;
    }
    let manifest = TableManifest {
        format_version: manifest::FORMAT_VERSION,
        table: job.name.key(),
        dir: None,
        columns: structure.source.data_columns().map(|column| column.name.clone()).collect(),
        parts,
    };
    dump::write_manifest(&files, &job.name, &manifest)?;
    let server = recorded_id(context, &ctx, &context.source_of(migration)?)?;
    outputs::to_value(&DumpOutputs { server, ..dump::dumped(&manifest, job.inputs, place) })
}

/// Where the program works for a table.
pub fn folder(dir: &Path, name: &TableName) -> PathBuf {
    engine::folder(dir, PROGRAM, name)
}

impl Job<'_> {
    /// Runs the program from the beginning. Gives the files of the table, and how many rows the program counted.
    async fn written(&self) -> Outcome<(ImportInputs, u64)> {
        let migration = self.context.migration(&self.node.addr)?;
        let lines = self.context.lines(&self.node.addr)?;
        engine::remove(&self.folder)?;
        std::fs::create_dir_all(&self.folder).map_err(|e| file_fault("make the folder", &self.folder, &e))?;
        // As many programs at a time as the dump may have readers: each reads its table by one.
        let _permit = lines.read.permit().await?;
        let source = self.context.source_of(migration)?;
        let door = self.context.server(&source)?.door(&Role::Read).await?;
        let port = self.context.programs.free_port()?;
        let seen = self.context.seen(&source).cloned().unwrap_or_default();
        let start = Start {
            program: migration.dump.program().unwrap_or_default().to_owned(),
            arguments: self.arguments(&door, port, &seen)?,
            environment: vec![("TZ".into(), "UTC".into())],
            input: Vec::new(),
            output: self.folder.join(OUTPUT),
        };
        let (ended, shown) = engine::run((self.context, self.ctx), &start, &self.folder, port, counted).await?;
        let said = Said::of(&self.folder);
        let rows = match (ended.status, said.rows) {
            (Some(0), Some(rows)) if said.done => rows,
            _ => return Err(self.unfinished(&door, &said, ended.status)),
        };
        let found = self.found()?;
        self.ctx.progress(rows.saturating_sub(shown), 0);
        Ok((found, rows))
    }

    /// What every user of the machine may read.
    fn arguments(&self, door: &Door, port: u16, source: &ServerFacts) -> Outcome<Vec<String>> {
        let dump = &self.context.migration(&self.node.addr)?.dump;
        let path = |name: &str| self.folder.join(name).display().to_string();
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        add("-h", "127.0.0.1".into());
        add("-P", door.port.to_string());
        add("-u", door.user.clone());
        add("-p", door.password.reveal().to_owned());
        // A second one would have nothing to do: without -r a table is read by one.
        add("-t", "1".into());
        add("-F", format!("{}KiB", (dump.file_size >> 10).max(1)));
        add("-s", dump.statement_size.to_string());
        add("--filetype", "sql".into());
        if self.inputs.compress != "none" {
            add("-c", self.inputs.compress.clone());
        }
        // Who writes while it reads is found by the gate writes_stopped and by the verification, as for mig's own dump.
        add("--consistency", "none".into());
        add("--params", "time_zone=+00:00".into());
        if source.flavor == Flavor::Mysql && tree_by_default(&source.version) {
            add("--params", "explain_format=TRADITIONAL".into());
        }
        // Never with -r: Dumpling 8.5.6 loses the rows whose key is NULL then.
        if let Some(condition) = &self.inputs.where_ {
            add("--where", condition.clone());
        }
        let (option, value) = selection(&self.name);
        add(option, value);
        add("--status-addr", format!("127.0.0.1:{port}"));
        add("--logfmt", "json".into());
        add("-L", path(LOG));
        add("-o", path(FILES));
        if option == "-f" {
            arguments.push("--case-sensitive".into());
        }
        Ok(arguments)
    }

    /// The files of the table, and of no other.
    fn found(&self) -> Outcome<ImportInputs> {
        let files = self.folder.join(FILES);
        let differ = |cause: String| files_differ(&self.name, &files, cause);
        let mut found = dump_folder::look(&files).map_err(|failure| differ(failure.cause))?;
        let table = found.tables.remove(&self.name).ok_or_else(|| differ("none of them is of the table".into()))?;
        let others: Vec<String> =
            found.tables.keys().chain(found.views.keys()).map(ToString::to_string).chain(found.others).collect();
        match others.is_empty() {
            true => Ok(table.import),
            false => Err(differ(format!("it also wrote {}", others.join(", ")))),
        }
    }

    /// Reads the files whole, puts them where mig's own would be, and makes them durable.
    async fn taken_in(&self, dir: &Path, import: &ImportInputs, told: u64) -> Outcome<Vec<PartEntry>> {
        let migration = self.context.migration(&self.node.addr)?;
        let lines = self.context.lines(&self.node.addr)?;
        let table = Arc::new(self.context.table(&self.node.addr)?.1.source);
        let json = self.context.json_numbers(migration)?;
        let mut work: JoinSet<Outcome<PartEntry>> = JoinSet::new();
        for (number, file) in (1..).zip(&import.files) {
            let (ctx, table, import, file) = (self.ctx.clone(), table.clone(), import.clone(), file.clone());
            let scan = Scan { ctx, table, import, file, number, json, counts: false };
            let lines = lines.clone();
            work.spawn(async move {
                let _permit = lines.read.permit().await?;
                tokio::task::spawn_blocking(move || scan.run()).await.map_err(|e| dump::broken(&e.to_string()))?
            });
        }
        let mut parts = Vec::new();
        while let Some(joined) = work.join_next().await {
            parts.push(joined.map_err(|e| dump::broken(&e.to_string()))??);
        }
        parts.sort_by_key(|part| part.part);
        let rows: u64 = parts.iter().map(|part| part.rows).sum();
        if rows != told {
            let cause = format!("they have {rows} rows, and it counted {told}");
            return Err(files_differ(&self.name, Path::new(&import.dir), cause));
        }
        for part in &mut parts {
            self.placed(dir, Path::new(&import.dir), part)?;
        }
        Ok(parts)
    }

    /// Gives a file the name that mig's own of this number has.
    fn placed(&self, dir: &Path, from: &Path, part: &mut PartEntry) -> Outcome<()> {
        let old = from.join(&part.file);
        let data = DumpFile::Data(self.name.clone(), u64::from(part.part)).name();
        part.file = format!("{data}{}", Packing::of(&part.file).1.suffix());
        std::fs::File::open(&old)
            .and_then(|file| file.sync_all())
            .and_then(|()| std::fs::rename(&old, dir.join(&part.file)))
            .map_err(|e| file_fault("put a file of the dump in its place", &old, &e))
    }

    /// The program ended otherwise than it does when it is done.
    fn unfinished(&self, door: &Door, said: &Said, status: Option<i32>) -> Failure {
        // The server's own answer is better than what the program makes of it.
        if let Some(fault) = door.fault() {
            return fault;
        }
        let how = match status {
            Some(status) => format!("it ended with exit code {status}"),
            None => "a signal ended it".to_owned(),
        };
        let words = if said.last.is_empty() { "it said nothing".to_owned() } else { said.last.clone() };
        let log = self.folder.join(LOG);
        Failure::new(
            codes::ENGINE_FAILED,
            format!("dump {} with Dumpling", self.name),
            format!("{how}, without the sentence of a dump that is whole: {words}"),
            format!(
                "Look at {}; remove the cause and run the command again: the table is dumped from the beginning.",
                log.display()
            ),
        )
    }
}

fn files_differ(name: &TableName, folder: &Path, cause: String) -> Failure {
    let hint = "Run `mig apply` again: the table is dumped from the beginning. If it stays, use engine = \"native\".";
    let doing = format!("take in the files that Dumpling wrote of {name} into {}", folder.display());
    Failure::new(codes::ENGINE_FILES_DIFFER, doing, cause, hint)
}

/// How the program is told which table. A plain name is named, and must be there; others go through the filter, whose
/// value is a line of CSV.
fn selection(name: &TableName) -> (&'static str, String) {
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$');
    if plain(&name.schema) && plain(&name.name) {
        return ("-T", format!("{}.{}", name.schema, name.name));
    }
    ("-f", format!("\"{}\"", name.sql().replace('"', "\"\"")))
}

/// Whether EXPLAIN of a MySQL is a tree where nothing else is said: Dumpling reads its number of rows out of the table.
fn tree_by_default(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (8, 3)
}

/// The sum of a metric's lines.
fn counted(page: &str) -> Option<u64> {
    let lines = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(METRIC)?;
        let value = rest.rsplit(' ').next()?;
        (rest.starts_with(' ') || rest.starts_with('{')).then(|| value.parse::<f64>().ok())?
    });
    lines.reduce(|sum, rows| sum + rows).map(|rows| rows as u64)
}

/// What the program said in its log.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    done: bool,
    rows: Option<u64>,
    /// Its last error.
    last: String,
}

impl Said {
    fn of(folder: &Path) -> Self {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        Self::read(&text(LOG), &text(OUTPUT))
    }

    fn read(log: &str, output: &str) -> Self {
        let mut said = Self::default();
        for line in log.lines().filter_map(|line| serde_json::from_str::<BTreeMap<String, Value>>(line).ok()) {
            let word = |key: &str| line.get(key).and_then(Value::as_str).unwrap_or_default();
            match word("message") {
                DONE => said.done = true,
                // Of a table without rows it gives no number.
                SUMMARY => said.rows = Some(line.get(ROWS).and_then(Value::as_u64).unwrap_or(0)),
                message if word("level") == "ERROR" || word("level") == "FATAL" => {
                    said.last = format!("{message}: {}", word("error"));
                }
                _ => {}
            }
        }
        let printed = output.lines().map(str::trim).rfind(|line| !line.is_empty());
        if let Some(line) = printed.filter(|_| said.last.is_empty()) {
            line.clone_into(&mut said.last);
        }
        if let Some((end, _)) = said.last.char_indices().nth(LAST_WORDS) {
            said.last.truncate(end);
            said.last.push('…');
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_and_an_odd_name_is_a_pattern_of_the_filter() {
        for (schema, name, expected) in [
            ("shop", "orders", ("-T", "shop.orders")),
            ("shop", "a$_1", ("-T", "shop.a$_1")),
            ("shop", "a.b", ("-f", "\"`shop`.`a.b`\"")),
            ("o,d", "\"x`", ("-f", "\"`o,d`.`\"\"x```\"")),
            ("shop", "größe", ("-f", "\"`shop`.`größe`\"")),
        ] {
            let (option, value) = selection(&TableName::new(schema, name));
            assert_eq!((option, value.as_str()), expected);
        }
    }

    #[test]
    fn done_is_what_the_log_says_and_not_how_it_ends() {
        let done = r#"{"level":"INFO","message":"backup success summary","total-rows":2}
{"level":"INFO","message":"dump data successfully, dumpling will exit now"}"#;
        let failed = r#"{"level":"INFO","message":"Welcome to dumpling"}
{"level":"ERROR","message":"dump failed error stack info","error":"sql: SELECT"}"#;
        for (log, output, expected) in [
            (done, "Release version", Said { done: true, rows: Some(2), last: "Release version".into() }),
            (failed, "x", Said { done: false, rows: None, last: "dump failed error stack info: sql: SELECT".into() }),
            (
                "",
                "a\n\nparse arguments failed: no\n",
                Said { last: "parse arguments failed: no".into(), ..Said::default() },
            ),
            ("{\"level\":\"INFO\",\"message\":\"backup succ", "", Said::default()),
        ] {
            assert_eq!(Said::read(log, output), expected);
        }
    }

    #[test]
    fn rows_are_the_sum_of_the_metric() {
        let page = "# HELP dumpling_dump_finished_rows counter\ndumpling_dump_finished_rows 1.2e+03\n\
                    dumpling_dump_finished_rows{a=\"b\"} 34\ndumpling_dump_finished_rows_other 5\n";
        assert_eq!(counted(page), Some(1234));
        assert_eq!(counted("go_goroutines 5\n"), None);
    }

    #[test]
    fn explain_is_asked_for_its_table_where_it_is_a_tree_by_default() {
        for (version, expected) in
            [("9.7.1", true), ("8.4.2-log", true), ("8.0.36", false), ("5.6.51", false), ("", false)]
        {
            assert_eq!(tree_by_default(version), expected, "{version}");
        }
    }
}
