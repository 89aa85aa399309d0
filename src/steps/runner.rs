//! `runner.local.…`: the work folder on this machine. Destroy removes what the runs put there, and nothing else.

use std::path::Path;

use serde_json::{Value, json};

use super::context::{Context, read_inputs};
use crate::formats::dumpfile::DumpFile;
use crate::formats::inputs::RunnerInputs;
use crate::formats::manifest;
use crate::formats::plan::Node;
use crate::words::error::{Failure, Outcome};

pub async fn run(context: &Context, node: &Node) -> Outcome<Value> {
    let inputs: RunnerInputs = read_inputs(node)?;
    let path = context.dir.join(&inputs.workdir);
    std::fs::create_dir_all(&path).map_err(|error| fault("make the work folder", &path, &error))?;
    Ok(json!({ "workdir": inputs.workdir }))
}

/// Removes the folders that migrations made in the work folder, then the folder itself where it is empty.
pub async fn destroy(context: &Context, node: &Node) -> Outcome<Value> {
    let recorded = node.inputs.get("from").and_then(|from| from.get("workdir")).and_then(Value::as_str);
    let Some(workdir) = recorded else { return Ok(Value::Null) };
    let root = context.dir.join(workdir);
    for migration in context.spec.migrations.keys() {
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
        for folder in [dump.join("manifest"), dump.clone(), root.join(migration)] {
            let _ = std::fs::remove_dir(&folder);
        }
    }
    let _ = std::fs::remove_dir(&root);
    Ok(Value::Null)
}

/// A failure of a file operation of a step.
pub fn fault(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    let hint = match error.kind() {
        std::io::ErrorKind::StorageFull => "Free some room there, then run `mig apply` again: it goes on.",
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            "Make the folder writable, or set another `workdir`, then run `mig apply` again."
        }
        _ => "Mend it, then run `mig apply` again: it goes on.",
    };
    Failure::new("MIG5110", format!("{doing} {}", path.display()), error.to_string(), hint)
}
