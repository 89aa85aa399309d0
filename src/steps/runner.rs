//! `runner.local.…` and `runner.ssh.…`: the work folder on this machine or another, and mig over there. Destroy removes
//! what the runs put there, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::formats::dumpfile::DumpFile;
use crate::formats::manifest;
use crate::formats::outputs;
use crate::formats::plan::Node;
use crate::formats::steps::{Removal, RunnerInputs, RunnerOutputs};
use crate::formats::worker::{Ask, Endpoint};
use crate::seams::files::TORN;
pub use crate::seams::files::fault;
use crate::steps::context::{Context, read_inputs};
use crate::steps::remote::install::{Program, ask, install, quoted};
use crate::steps::step::StepCtx;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};
use crate::words::list::first_of;

pub async fn run(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: RunnerInputs = read_inputs(node)?;
    let before = ctx.before.as_deref().map_or(Ok(None), |record| record.outputs_as::<RunnerOutputs>(&node.addr))?;
    if let Some(endpoint) = &inputs.endpoint {
        return outputs::to_value(&prepare(context, endpoint).await?.after(before));
    }
    let path = context.dir.join(&inputs.workdir);
    std::fs::create_dir_all(&path).map_err(|error| fault("make the work folder", &path, &error))?;
    let made = RunnerOutputs { workdir: inputs.workdir, endpoint: None, machine: None, former: Vec::new() };
    outputs::to_value(&made.after(before))
}

/// Makes the work folder over there and installs mig.
async fn prepare(context: &Context, endpoint: &Endpoint) -> Outcome<RunnerOutputs> {
    let program = Program::this()?;
    let shell = context.shells.connect(endpoint).await?;
    let machine = install(shell.as_ref(), endpoint, &program).await?.machine;
    let folder = quoted(&endpoint.workdir);
    let made = shell.run(&format!("mkdir -p {folder} && cd {folder} && pwd -P"), b"").await?;
    if !made.ok() {
        let hint = "Look at `workdir` and who may write there, then run `mig apply` again.";
        return Err(Failure::new(codes::DUMP_FILE, format!("make the work folder on {endpoint}"), made.stderr, hint));
    }
    let (endpoint, machine) = (Some(endpoint.clone()), Some(machine));
    Ok(RunnerOutputs { workdir: made.text(), endpoint, machine, former: Vec::new() })
}

/// Whose rows go with a work folder. The steps of dumps have removed theirs, in the folder that a worker has now.
enum Rows<'a> {
    /// Those of migrations that have left the spec: no worker works on them any more.
    OfThose(&'a BTreeSet<String>),
    /// Of all: a folder in which earlier runs worked.
    OfAll,
}

/// The migrations of the spec, and those that are recorded and have left it.
fn migrations(context: &Context) -> (BTreeSet<String>, BTreeSet<String>) {
    let now: Vec<&String> = context.spec.migrations.keys().collect();
    // The folder of a dump has the first name of its migration.
    let first = now.iter().map(|name| context.first_names.of(name).to_owned());
    let named: BTreeSet<String> = now.iter().map(|name| (*name).clone()).chain(first).collect();
    let recorded = context.nodes().filter_map(|node| node.addr.migration().map(str::to_owned));
    let gone = recorded.flat_map(|name| [context.first_names.of(&name).to_owned(), name]);
    let gone = gone.filter(|name| !named.contains(name)).collect();
    (named, gone)
}

/// Removes what runs made over there: by the program that made it, then that program. What is left in the folder.
async fn dismantle(context: &Context, endpoint: &Endpoint, rows: &Rows<'_>) -> Outcome<Option<String>> {
    let program = Program::this()?;
    let shell = context.shells.connect(endpoint).await?;
    install(shell.as_ref(), endpoint, &program).await?;
    let (named, gone) = migrations(context);
    let parts = [(named, matches!(rows, Rows::OfAll)), (gone, true)];
    for (migrations, all) in parts.into_iter().filter(|(migrations, _)| !migrations.is_empty()) {
        let migrations: Vec<String> = migrations.into_iter().collect();
        let lineage = context.lineage.clone();
        let clean = Ask::Clean { workdir: endpoint.workdir.clone(), migrations, lineage, rows: all };
        let _: Value = ask(shell.as_ref(), endpoint, &program, &clean).await?;
    }
    let folder = quoted(&endpoint.workdir);
    let script = format!(
        "rm -f {folder}/bin/mig-*; rmdir {folder}/bin {folder} 2>/dev/null; if test -e {folder}; then cd {folder} && \
         find . -mindepth 1 ! -type d | sed 's|^\\./||'; fi"
    );
    let removed = shell.run(&script, b"").await?;
    let place = format!("{}:{}", endpoint.host, endpoint.workdir);
    let files: Vec<String> = removed.text().lines().map(str::to_owned).collect();
    Ok(match removed.ok() {
        true => remains(&place, &files),
        false => Some(format!("{place}, which cannot be looked through")),
    })
}

/// Removes the folders that migrations made in the work folder, then the folder itself where it is empty; the same where
/// runs worked before the block was changed.
pub async fn destroy(context: &Context, node: &Node) -> Outcome<Value> {
    let Some(made) = Removal::of(node)?.outputs::<RunnerOutputs>(&node.addr)? else { return Ok(Value::Null) };
    let (named, gone) = migrations(context);
    let now = made.place();
    let mut left = Vec::new();
    for place in made.former.iter().chain([&now]) {
        let rows = if *place == now { Rows::OfThose(&gone) } else { Rows::OfAll };
        if let Some(endpoint) = &place.endpoint {
            left.extend(dismantle(context, endpoint, &rows).await?);
            continue;
        }
        let folder = context.dir.join(&place.workdir);
        let every: BTreeSet<String> = named.union(&gone).cloned().collect();
        let with_rows = match rows {
            Rows::OfThose(those) => those,
            Rows::OfAll => &every,
        };
        clean(&folder, named.iter().map(String::as_str), false);
        clean(&folder, with_rows.iter().map(String::as_str), true);
        left.extend(remains(&folder.display().to_string(), &files_in(&folder)));
    }
    match left.is_empty() {
        true => Ok(Value::Null),
        false => outputs::left(left.join("; ")),
    }
}

/// Files that are named of a work folder that is not empty.
const NAMED: usize = 5;

/// What is said of a work folder in which files are left.
fn remains(folder: &str, files: &[String]) -> Option<String> {
    let named = first_of(files, NAMED);
    (!files.is_empty()).then(|| {
        format!("the work folder {folder}, with files that no migration of the spec or the state is known to have put there: {named}")
    })
}

/// Every file below a folder, relative to it, in the order of their names.
fn files_in(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => found.push(entry.path().strip_prefix(root).unwrap_or(&entry.path()).display().to_string()),
            }
        }
    }
    found.sort();
    found
}

/// Removes what the runs of these migrations put into a work folder, and the folder when nothing else is in it. `rows`:
/// also the files of rows, which are removed by the dump's own steps otherwise.
pub fn clean<'a>(root: &Path, migrations: impl Iterator<Item = &'a str>, rows: bool) {
    for migration in migrations {
        let dump = root.join(migration).join("dump");
        // Files of the layout are ours (rows, schemas, views, metadata); anything else stays, and its folder with it.
        for entry in std::fs::read_dir(&dump).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            let ours = match DumpFile::parse(name.strip_suffix(TORN).unwrap_or(name)) {
                Some(DumpFile::Data(..)) => rows,
                None => name == manifest::FILE,
                Some(_) => true,
            };
            if ours {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        if rows {
            let _ = std::fs::remove_dir_all(dump.join("manifest"));
        }
        // Where a worker was: its journal, its state and its log.
        let _ = std::fs::remove_dir_all(root.join(migration).join("worker"));
        for folder in [dump.join("manifest"), dump.clone(), root.join(migration)] {
            let _ = std::fs::remove_dir(&folder);
        }
    }
    let _ = std::fs::remove_dir(root);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_work_folder_loses_what_runs_put_there_and_the_rest_is_named() {
        let check = |rows: bool, migrations: &[&str], expected: &[&str]| {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().join("work");
            for file in [
                "m/dump/shop-schema-create.sql",
                "m/dump/shop.t-schema.sql",
                "m/dump/shop.t.000000000.sql",
                "m/dump/manifest/shop.t.json",
                "m/worker/mig.migstate",
                "old/dump/shop.t.000000000.sql",
            ] {
                std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
                std::fs::write(root.join(file), "x").unwrap();
            }
            clean(&root, migrations.iter().copied(), rows);
            assert_eq!(files_in(&root), expected, "{rows} {migrations:?}");
            assert_eq!(root.exists(), !expected.is_empty());
            assert_eq!(remains("work", &files_in(&root)).is_some(), !expected.is_empty());
        };
        let old = "old/dump/shop.t.000000000.sql";
        // The rows, and what says which they are, are removed by the dump's own steps.
        check(false, &["m"], &["m/dump/manifest/shop.t.json", "m/dump/shop.t.000000000.sql", old]);
        check(true, &["m"], &[old]);
        check(true, &["m", "old"], &[]);
    }

    #[test]
    fn a_runner_knows_every_place_in_which_it_worked() {
        let at = |workdir: &str| RunnerOutputs {
            workdir: workdir.into(),
            endpoint: None,
            machine: None,
            former: Vec::new(),
        };
        let former = |made: &RunnerOutputs| made.former.iter().map(|place| place.workdir.clone()).collect::<Vec<_>>();
        let two = at("two").after(Some(at("one")));
        assert_eq!(former(&two), ["one"]);
        assert_eq!(former(&at("two").after(Some(two.clone()))), ["one"]);
        assert_eq!(former(&at("one").after(Some(two))), ["two"]);
        assert_eq!(former(&at("one").after(None)), Vec::<String>::new());
    }
}
