//! The folder of a finished dump, for `mig import-dump`: which tables and views are in it, and in which files. Reads the
//! small files that hold no rows; what is in the others is the business of the step that takes them in.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use crate::formats::ddl::create_reader;
use crate::formats::dumpfile::csv_dialect::{CsvSettings, Proof, Proven};
use crate::formats::dumpfile::folder::{self, Kind};
use crate::formats::dumpfile::{CsvDialect, InsertReader, METADATA, NOT_ESCAPED, Packing, Step};
use crate::formats::facts::Flavor;
use crate::formats::steps::{DumpTool, ImportFile, ImportInputs};
use crate::formats::structure::Inventory;
use crate::steps::transfer::part_reader;
use crate::words::addr::TableName;
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::{Failure, Outcome};

/// A file without rows is read to this length at most: a CREATE TABLE of 4096 columns with comments is shorter.
const LONGEST: u64 = 16 << 20;
/// Of a file with rows, as much as tells who wrote it.
const HEAD: u64 = 256;
/// Bytes of a file that are read at a time.
const PIECE: usize = 256 * 1024;

/// Into how many SQL files is looked, and how far, before a plan is made.
const FILES_TRIED: usize = 200;
const BYTES_TRIED: usize = 1 << 20;

/// What a dump's folder holds.
#[derive(Clone, Debug, Default)]
pub struct DumpFolder {
    /// Absolute.
    pub dir: String,
    pub tables: BTreeMap<TableName, DumpedTable>,
    pub views: BTreeMap<TableName, DumpedView>,
    /// Text of CREATE DATABASE by the schema's name.
    pub schemas: BTreeMap<String, String>,
    /// Files of triggers, routines and events.
    pub programs: Vec<String>,
    /// Files that are nothing of a dump.
    pub others: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct DumpedTable {
    pub import: ImportInputs,
    /// Text of the `-schema.sql`; `None`: the dump was made without.
    pub ddl: Option<String>,
}

#[derive(Clone, Debug)]
pub struct DumpedView {
    /// Text of the `-schema-view.sql`.
    pub text: String,
    pub columns: Vec<String>,
}

/// What is imported into one migration.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// The folder that this command was given. Without one, `recorded` alone counts.
    pub folder: Option<DumpFolder>,
    /// What earlier runs took in, by the record of the table's dump step.
    pub recorded: BTreeMap<TableName, ImportInputs>,
    /// Why the folder of earlier runs cannot be read any more.
    pub fault: Option<Failure>,
    /// Tables and views that the state knows: they stay in the plan whatever the folder holds.
    pub known: BTreeSet<TableName>,
}

impl Import {
    /// Whether a table or view of the source is part of the plan.
    pub fn takes(&self, name: &TableName) -> bool {
        let dumped = |folder: &DumpFolder| folder.tables.contains_key(name) || folder.views.contains_key(name);
        self.folder.as_ref().is_none_or(dumped) || self.known.contains(name)
    }

    /// The files of each table, by key; and what in the dump is not taken. `meets`: the filter's word; `selected`: the
    /// tables and views of the source that it selects, taken or not.
    pub fn settle(
        &self,
        meets: &dyn Fn(&TableName) -> bool,
        selected: &BTreeSet<TableName>,
    ) -> (BTreeMap<String, ImportInputs>, Vec<Diagnostic>) {
        let recorded = self.recorded.iter().map(|(name, import)| (name.key(), import.clone()));
        let mut imports: BTreeMap<String, ImportInputs> = recorded.collect();
        let mut findings = Vec::new();
        let Some(folder) = &self.folder else { return (imports, findings) };
        let mut none_met = true;
        let mut gone = Vec::new();
        for (name, dumped) in folder.tables.iter().filter(|(name, _)| meets(name)) {
            none_met = false;
            if selected.contains(name) {
                imports.insert(name.key(), dumped.import.clone());
            } else {
                gone.push(name.to_string());
            }
        }
        if none_met {
            let names: Vec<String> = folder.tables.keys().take(5).map(ToString::to_string).collect();
            let held =
                if names.is_empty() { "no table at all".to_owned() } else { format!("{}, …", names.join(", ")) };
            findings.push(
                Diagnostic::error(
                    codes::DUMP_SELECTS_NOTHING,
                    format!("no table of the dump {} meets the filter", folder.dir),
                )
                .detail(format!("it holds {held}"))
                .help("Look at `tables` of the migration, and at the folder's name."),
            );
        }
        if !gone.is_empty() {
            findings.push(
                Diagnostic::error(codes::DUMP_HAS_MORE, "the dump holds tables that the source does not have any more")
                    .detail(gone.join("\n"))
                    .help("Exclude them by the filter, or leave `source` out of the migration: the dump then counts by itself."),
            );
        }
        let lacking: Vec<String> = selected.iter().filter(|name| !self.takes(name)).map(ToString::to_string).collect();
        if !lacking.is_empty() && !none_met {
            findings.push(
                Diagnostic::warning(
                    codes::DUMP_LACKS,
                    "the filter selects what the dump does not hold: it is left out",
                )
                .detail(lacking.join("\n"))
                .help("`mig apply` moves it from the source; a dump of views needs the tool's flag for views."),
            );
        }
        let left: Vec<&str> = folder.programs.iter().chain(&folder.others).map(String::as_str).collect();
        if !left.is_empty() {
            findings.push(
                Diagnostic::warning(codes::DUMP_FILES_IGNORED, "files of the dump that are not taken")
                    .detail(left.join("\n"))
                    .help("Triggers, routines and events are never moved; other files are none of a dump."),
            );
        }
        (imports, findings)
    }
}

impl DumpFolder {
    /// How the CSV of the dump is written, by what earlier runs found.
    pub fn set_csv(&mut self, csv: Option<CsvDialect>) {
        self.tables.values_mut().for_each(|dumped| dumped.import.csv.clone_from(&csv));
    }

    /// Finds out how the CSV of the dump is written, by what is said of it and by what its files prove: reads them until
    /// that is settled. One command wrote them all, so what one file proves counts for all.
    ///
    /// # Errors
    /// `MIG2075`: they read well with backslash escapes and without, and differently. `MIG2076`: they read in neither way.
    pub fn prove_csv(&mut self, settings: CsvSettings) -> Outcome<()> {
        let is_csv = |file: &&ImportFile| Packing::of(&file.name).0.ends_with(".csv");
        let names: Vec<String> = self
            .tables
            .values()
            .flat_map(|dumped| dumped.import.files.iter().filter(is_csv).map(|file| file.name.clone()))
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let mut proof = Proof::new(settings);
        let mut piece = vec![0; PIECE];
        for name in &names {
            proof.begin();
            let path = Path::new(&self.dir).join(name);
            let mut file = part_reader::open(&path, 0).map_err(|e| part_reader::fault(&path, &e))?;
            while !proof.is_settled() {
                let read = file.read(&mut piece).map_err(|e| part_reader::fault(&path, &e))?;
                proof.feed(name, &piece[..read]);
                if read == 0 {
                    break;
                }
            }
        }
        let doing = format!("find out how the CSV of the dump {} is written", self.dir);
        match proof.result() {
            Proven::Dialect(dialect) => {
                self.set_csv((dialect != CsvDialect::default()).then_some(dialect));
                Ok(())
            }
            Proven::Ambiguous => Err(Failure::new(
                codes::CSV_AMBIGUOUS,
                doing,
                "its values hold backslashes and read well with escapes and without, but not as the same values; Dumpling writes nowhere which it was",
                "Say how it was made: `-csv-backslash-escapes=true` (Dumpling's default), or `=false` for a dump of `--escape-backslash=false`. Nothing was loaded.",
            )),
            Proven::Neither(escaped, plain) => Err(Failure::new(
                codes::CSV_DIALECT_DIFFERS,
                doing,
                format!("with backslash escapes: {escaped}; without: {plain}"),
                "Say how it was made: -csv-separator, -csv-delimiter, -csv-null, -csv-header. Lines end with CR LF or LF. Nothing was loaded.",
            )),
        }
    }

    /// Looks into the SQL files whether they were written with backslash escapes: into the first of each, since one command
    /// wrote them all. What stands further behind is found by anyone who takes the rows.
    ///
    /// # Errors
    /// `MIG2077`: they were not.
    pub fn prove_sql(&self) -> Outcome<()> {
        let is_sql = |file: &&ImportFile| Packing::of(&file.name).0.ends_with(".sql");
        let files = self.tables.values().filter_map(|dumped| dumped.import.files.iter().find(is_sql));
        for file in files.take(FILES_TRIED) {
            let path = Path::new(&self.dir).join(&file.name);
            let mut opened = part_reader::open(&path, 0).map_err(|e| part_reader::fault(&path, &e))?;
            let mut reader = InsertReader::strict();
            let mut piece = vec![0; PIECE];
            let mut tried = 0;
            // A file that is damaged is told by anyone who takes its rows.
            let fault = loop {
                match reader.next_row() {
                    Ok(Step::Row(_)) => {}
                    Ok(Step::Hungry) if tried < BYTES_TRIED => {
                        let read = opened.read(&mut piece).map_err(|e| part_reader::fault(&path, &e))?;
                        tried += read;
                        if read == 0 { reader.end() } else { reader.feed(&piece[..read]) }
                    }
                    Ok(Step::Hungry | Step::End) => break None,
                    Err(fault) => break Some(fault).filter(|fault| fault.message == NOT_ESCAPED),
                }
            };
            if let Some(fault) = fault {
                return Err(Failure::new(
                    codes::SQL_WITHOUT_ESCAPES,
                    format!("find out how the SQL of the dump {} is written", self.dir),
                    format!("{}: {fault}", file.name),
                    "Its backslashes would be read as escapes. Dump again without `--escape-backslash=false`, or as CSV. Nothing was loaded.",
                ));
            }
        }
        Ok(())
    }

    /// The structure of what meets `meets`, out of the dump's own texts: for a dump that stands for its source. With it
    /// what could not be read, by name.
    pub fn inventory(&self, meets: &dyn Fn(&TableName) -> bool) -> (Inventory, Vec<Diagnostic>) {
        let mut inventory = Inventory::default();
        let mut findings = Vec::new();
        let mut unread = |name: &TableName, cause: String| {
            findings.push(
                Diagnostic::error(
                    codes::DUMP_STRUCTURE_UNREADABLE,
                    format!("the structure of {name} cannot be read from the dump: {cause}"),
                )
                .about(name.to_string())
                .help("Exclude it by the filter, or name the `source` in the migration: it tells the structure."),
            );
        };
        for (name, dumped) in self.tables.iter().filter(|(name, _)| meets(name)) {
            let text = dumped.ddl.as_deref().and_then(folder::create_statement);
            let Some(text) = text else {
                unread(name, "it holds no -schema.sql of it".into());
                continue;
            };
            match create_reader::read_table(name, text, Flavor::Mysql) {
                Ok(mut table) => {
                    table.estimate.rows = dumped.import.rows.unwrap_or(0);
                    table.estimate.data_bytes = dumped.import.files.iter().map(|file| file.bytes).sum();
                    inventory.tables.push(table);
                }
                Err(fault) => unread(name, fault.to_string()),
            }
        }
        for (name, dumped) in self.views.iter().filter(|(name, _)| meets(name)) {
            let text = folder::create_statement(&dumped.text).unwrap_or_default();
            match create_reader::read_view(name, text, dumped.columns.clone()) {
                Ok(view) => inventory.views.push(view),
                Err(fault) => unread(name, fault.to_string()),
            }
        }
        let names = inventory.tables.iter().map(|t| &t.name).chain(inventory.views.iter().map(|v| &v.name));
        let used: BTreeSet<String> = names.map(|name| name.schema.clone()).collect();
        for schema in used {
            let text = self.schemas.get(&schema).map(String::as_str).unwrap_or_default();
            inventory.schemas.push(create_reader::read_schema(&schema, text));
        }
        (inventory, findings)
    }
}

/// Looks into the folder.
///
/// # Errors
/// `MIG1020`: there is no such folder, or the dump in it was not finished; a schema file that cannot be read.
pub fn look(dir: &Path) -> Outcome<DumpFolder> {
    let shown = dir.display().to_string();
    let refused =
        |cause: String, hint: &str| Failure::new(codes::UNFINISHED_DUMP, format!("open the dump {shown}"), cause, hint);
    let unreadable = |e: std::io::Error| refused(e.to_string(), "Name the folder that Dumpling or mydumper wrote.");
    let absolute = dir.canonicalize().map_err(unreadable)?;
    let mut names: Vec<(String, u64)> = Vec::new();
    for entry in std::fs::read_dir(&absolute).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let about = entry.path().metadata().map_err(unreadable)?;
        if about.is_file() {
            names.push((entry.file_name().to_string_lossy().into_owned(), about.len()));
        }
    }
    names.sort();
    let metadata = names.iter().find(|(name, _)| name == METADATA);
    let Some(_) = metadata else {
        let hint = "The tools write it last: make the dump again and let it end. Nothing was touched.";
        return Err(refused("it has no file `metadata`: it was not finished".into(), hint));
    };
    if !folder::is_finished(&text(&absolute, METADATA, LONGEST)?) {
        let hint = "Make the dump again and let it end. Nothing was touched.";
        return Err(refused("its `metadata` does not say that it came to its end".into(), hint));
    }
    let mut looking = Looking::begin(&absolute, &names)?;
    looking.rows(&names)?;
    Ok(looking.end(absolute.display().to_string()))
}

struct Looking<'a> {
    dir: &'a Path,
    /// Stem of the schema's file -> name of the schema.
    schemas: BTreeMap<String, String>,
    /// Stem -> the table's name.
    tables: BTreeMap<String, TableName>,
    found: DumpFolder,
}

impl<'a> Looking<'a> {
    /// Everything that holds no rows.
    fn begin(dir: &'a Path, names: &[(String, u64)]) -> Outcome<Self> {
        let mut looking = Self { dir, schemas: BTreeMap::new(), tables: BTreeMap::new(), found: DumpFolder::default() };
        for (name, _) in names {
            if let Kind::Schema(stem) = Kind::of(Packing::of(name).0) {
                let text = text(dir, name, LONGEST)?;
                let schema = folder::created_name(&text).unwrap_or_else(|| stem.to_owned());
                looking.schemas.insert(stem.to_owned(), schema.clone());
                looking.found.schemas.insert(schema, text);
            }
        }
        let views: BTreeSet<&str> = names
            .iter()
            .filter_map(|(name, _)| match Kind::of(Packing::of(name).0) {
                Kind::View(stem) => Some(stem),
                _ => None,
            })
            .collect();
        let mut columns = BTreeMap::new();
        let mut texts = BTreeMap::new();
        for (name, _) in names {
            match Kind::of(Packing::of(name).0) {
                Kind::Table(stem) => {
                    let text = text(dir, name, LONGEST)?;
                    let Some(table) = folder::table_name(stem, folder::created_name(&text), &looking.schemas) else {
                        looking.found.others.push(name.clone());
                        continue;
                    };
                    if views.contains(stem) {
                        columns.insert(stem, (table, folder::placeholder_columns(&text)));
                        continue;
                    }
                    let tool = folder::tool_of(&text);
                    looking.table(stem, table, tool).ddl = Some(text);
                }
                Kind::View(stem) => {
                    texts.insert(stem, text(dir, name, LONGEST)?);
                }
                Kind::Programs(_) => looking.found.programs.push(name.clone()),
                Kind::Other => looking.found.others.push(name.clone()),
                Kind::Metadata | Kind::Schema(_) | Kind::Count(_) | Kind::Rows(_) => {}
            }
        }
        for (stem, text) in texts {
            let (name, columns) = match columns.remove(stem) {
                Some(placeholder) => placeholder,
                None => match folder::table_name(stem, None, &looking.schemas) {
                    Some(name) => (name, Vec::new()),
                    None => continue,
                },
            };
            looking.found.views.insert(name, DumpedView { text, columns });
        }
        Ok(looking)
    }

    fn table(&mut self, stem: &str, name: TableName, tool: DumpTool) -> &mut DumpedTable {
        self.tables.insert(stem.to_owned(), name.clone());
        let import = ImportInputs { dir: String::new(), tool, csv: None, files: Vec::new(), rows: None };
        self.found.tables.entry(name).or_insert(DumpedTable { import, ddl: None })
    }

    /// Files of rows, and the counts that go with them, each to its table.
    fn rows(&mut self, names: &[(String, u64)]) -> Outcome<()> {
        let known: BTreeSet<String> = self.tables.keys().cloned().collect();
        for (name, bytes) in names {
            match Kind::of(Packing::of(name).0) {
                Kind::Rows(rows) => {
                    let stem = folder::stem_of_rows(rows, &known);
                    let table = match self.tables.get(stem) {
                        Some(table) => table.clone(),
                        None => match folder::table_name(stem, None, &self.schemas) {
                            Some(table) => {
                                let tool = folder::tool_of(&text(self.dir, name, HEAD)?);
                                self.table(stem, table.clone(), tool);
                                table
                            }
                            None => continue,
                        },
                    };
                    if let Some(dumped) = self.found.tables.get_mut(&table) {
                        dumped.import.files.push(ImportFile { name: name.clone(), bytes: *bytes });
                    }
                }
                Kind::Count(stem) => {
                    let count = text(self.dir, name, HEAD)?.trim().parse().ok();
                    if let Some(dumped) = self.tables.get(stem).and_then(|table| self.found.tables.get_mut(table)) {
                        dumped.import.rows = count;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn end(mut self, dir: String) -> DumpFolder {
        for dumped in self.found.tables.values_mut() {
            dumped.import.dir.clone_from(&dir);
        }
        self.found.dir = dir;
        self.found
    }
}

/// The text of a small file, unpacked.
fn text(dir: &Path, name: &str, longest: u64) -> Outcome<String> {
    let path = dir.join(name);
    let mut bytes = Vec::new();
    part_reader::open(&path, 0)
        .and_then(|file| file.take(longest).read_to_end(&mut bytes))
        .map_err(|e| part_reader::fault(&path, &e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
