//! `runner.local.…` and `runner.ssh.…`: the work folder on this machine or another, and mig over there. Destroy removes
//! what the runs put there, and nothing else.

use std::path::Path;

use serde_json::Value;

use crate::formats::dumpfile::DumpFile;
use crate::formats::inputs::Removal;
use crate::formats::inputs::RunnerInputs;
use crate::formats::manifest;
use crate::formats::outputs::{self, RunnerOutputs};
use crate::formats::plan::Node;
use crate::formats::worker::{Ask, Endpoint};
use crate::steps::context::{Context, read_inputs};
use crate::steps::remote::install::{Program, ask, install, quoted};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

pub async fn run(context: &Context, node: &Node) -> Outcome<Value> {
    let inputs: RunnerInputs = read_inputs(node)?;
    if let Some(endpoint) = &inputs.endpoint {
        return prepare(context, endpoint).await;
    }
    let path = context.dir.join(&inputs.workdir);
    std::fs::create_dir_all(&path).map_err(|error| fault("make the work folder", &path, &error))?;
    outputs::to_value(&RunnerOutputs { workdir: inputs.workdir, endpoint: None, machine: None })
}

/// Makes the work folder over there and installs mig.
async fn prepare(context: &Context, endpoint: &Endpoint) -> Outcome<Value> {
    let program = Program::this()?;
    let shell = context.shells.connect(endpoint).await?;
    let machine = install(shell.as_ref(), endpoint, &program).await?.machine;
    let folder = quoted(&endpoint.workdir);
    let made = shell.run(&format!("mkdir -p {folder} && cd {folder} && pwd -P"), b"").await?;
    if !made.ok() {
        let hint = "Look at `workdir` and who may write there, then run `mig apply` again.";
        return Err(Failure::new(codes::DUMP_FILE, format!("make the work folder on {endpoint}"), made.stderr, hint));
    }
    let endpoint = Some(endpoint.clone());
    outputs::to_value(&RunnerOutputs { workdir: made.text(), endpoint, machine: Some(machine) })
}

/// Removes what runs made over there: by the program that made it, then that program.
async fn dismantle(context: &Context, endpoint: &Endpoint) -> Outcome<Value> {
    let program = Program::this()?;
    let shell = context.shells.connect(endpoint).await?;
    install(shell.as_ref(), endpoint, &program).await?;
    let migrations = context.spec.migrations.keys().cloned().collect();
    let clean = Ask::Clean { workdir: endpoint.workdir.clone(), migrations, lineage: context.lineage.clone() };
    let _: Value = ask(shell.as_ref(), endpoint, &program, &clean).await?;
    let folder = quoted(&endpoint.workdir);
    let script = format!("rm -f {folder}/bin/mig-*; rmdir {folder}/bin {folder} 2>/dev/null; test ! -e {folder}/bin");
    let removed = shell.run(&script, b"").await?;
    match removed.ok() {
        true => Ok(Value::Null),
        false => outputs::left(format!("{}:{}", endpoint.host, endpoint.workdir)),
    }
}

/// Removes the folders that migrations made in the work folder, then the folder itself where it is empty.
pub async fn destroy(context: &Context, node: &Node) -> Outcome<Value> {
    let Some(made) = Removal::of(node)?.outputs::<RunnerOutputs>(&node.addr)? else { return Ok(Value::Null) };
    if let Some(endpoint) = &made.endpoint {
        return dismantle(context, endpoint).await;
    }
    clean(&context.dir.join(made.workdir), context.spec.migrations.keys().map(String::as_str));
    Ok(Value::Null)
}

/// Removes what the runs of these migrations put into a work folder, and the folder when nothing else is in it.
pub fn clean<'a>(root: &Path, migrations: impl Iterator<Item = &'a str>) {
    for migration in migrations {
        let dump = root.join(migration).join("dump");
        // Rows are removed by the dump's own steps. Of what is left, files of the layout that hold no rows are ours
        // (schemas, views, metadata); anything else stays, and its folder with it.
        for entry in std::fs::read_dir(&dump).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let ours = match name.to_str().and_then(DumpFile::parse) {
                Some(DumpFile::Data(..)) | None => name.to_str() == Some(manifest::FILE),
                Some(_) => true,
            };
            if ours {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        // Where a worker was: its journal, its state and its log.
        let _ = std::fs::remove_dir_all(root.join(migration).join("worker"));
        for folder in [dump.join("manifest"), dump.clone(), root.join(migration)] {
            let _ = std::fs::remove_dir(&folder);
        }
    }
    let _ = std::fs::remove_dir(root);
}

/// A failure of a file operation of a step.
pub fn fault(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        std::io::ErrorKind::StorageFull => "Free some room there, then run `mig apply` again: it goes on.",
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            "Make the folder writable, or set another `workdir`, then run `mig apply` again."
        }
        _ => "Fix it, then run `mig apply` again: it goes on.",
    };
    Failure::new(codes::DUMP_FILE, format!("{doing} {}", path.display()), error.to_string(), hint)
}
