//! `mig fmt`: the canonical layout of the spec's files. Reads no variable and asks no server.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::args::Fmt;
use super::session::{AUTO_VALUES, SPEC_FILE, print};
use crate::formats::spec::{self, Contents, SourceFile};
use crate::hosts::file;
use crate::screen;
use crate::screen::style::{Style, count};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::error::{ExitKind, Failure, Outcome};

/// The name of standard input, on the command line and in messages.
const STDIN: &str = "-";

pub fn run(args: &Fmt, style: Style) -> Outcome<ExitKind> {
    let here = [PathBuf::from(".")];
    let paths = if args.paths.is_empty() { here.as_slice() } else { &args.paths };
    let mut files = Vec::new();
    for path in paths {
        collect(path, args.recursive, &mut files)?;
    }
    let mut changed = false;
    let mut faults: Vec<Diagnostic> = Vec::new();
    for path in &files {
        match one(path, args, style)? {
            Ok(other) => changed |= other,
            Err(found) => faults.extend(found),
        }
    }
    if !faults.is_empty() {
        let cause = format!("{} cannot be read as HCL", count(faults.len() as u64, "place", "places"));
        let hint = "Fix the faults listed above. A file with a fault stays as it is; the others are done.";
        return Err(Failure::new(codes::SPEC_FAULTS, "format the spec", cause, hint).with(faults));
    }
    Ok(if args.check && changed { ExitKind::Changes } else { ExitKind::Success })
}

/// Formats one file, and gives whether its layout is another now, or would be.
fn one(path: &Path, args: &Fmt, style: Style) -> Outcome<Result<bool, Vec<Diagnostic>>> {
    let name = path.strip_prefix("./").unwrap_or(path).display().to_string();
    let stdin = is_stdin(path);
    let old = SourceFile { text: read(path)?, name };
    let contents = if stdin {
        Contents::Unknown
    } else if old.name.ends_with(AUTO_VALUES) || !old.name.ends_with(SPEC_FILE) {
        Contents::Values
    } else {
        Contents::Blocks
    };
    let new = match spec::format(&old, contents) {
        Ok(text) => SourceFile { text, name: old.name.clone() },
        Err(faults) => return Ok(Err(faults)),
    };
    let changed = new.text != old.text;
    if stdin && !args.check && !args.diff {
        // A file, byte for byte: what is made safe for a terminal would be another text.
        screen::out::data(new.text.as_bytes());
    } else if changed {
        if !stdin {
            print(&format!("{}\n", old.name));
        }
        if args.diff {
            let others = if stdin { Vec::new() } else { beside(path) };
            let view = |file: &SourceFile| spec::shown(file, &others, contents);
            let (from, to) = (view(&old), view(&new));
            print(&screen::diff::unified(&old.name, &from, &to, style));
        }
        if !args.check && !stdin {
            write(path, &new)?;
        }
    }
    Ok(Ok(changed))
}

/// The files of the same spec. One that cannot be read says nothing of this one.
fn beside(path: &Path) -> Vec<SourceFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    let of_spec = |name: &String| name.ends_with(SPEC_FILE) && !name.ends_with(AUTO_VALUES);
    let read = |name: String| Some(SourceFile { text: std::fs::read_to_string(folder.join(&name)).ok()?, name });
    names.filter(of_spec).filter_map(read).collect()
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

fn read(path: &Path) -> Outcome<String> {
    let mut bytes = Vec::new();
    let read = match is_stdin(path) {
        true => std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes),
        false => std::fs::read(path),
    };
    let text = read.and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other));
    text.map_err(|error| {
        let hint = "Make it readable, in UTF-8. Files named before this one are done, the others are not.";
        unreadable(path, &error.to_string(), hint)
    })
}

/// A path at which no file is found. All are looked for before the first one is changed.
fn not_found(path: &Path, cause: &str) -> Failure {
    unreadable(path, cause, "Name files and folders of a spec. No file was changed.")
}

fn unreadable(path: &Path, cause: &str, hint: &str) -> Failure {
    Failure::new(codes::FILE_UNREADABLE, format!("format {}", path.display()), cause, hint)
}

fn write(path: &Path, file: &SourceFile) -> Outcome<()> {
    file::rewrite(path, file.text.as_bytes()).map_err(|error| {
        let hint = "Make the folder writable. The file is as it was.";
        Failure::new(codes::FILE_UNWRITABLE, format!("write {}", file.name), error.to_string(), hint)
    })
}

/// The files at a path, by name; those of folders in a folder only where it was asked for.
fn collect(path: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Outcome<()> {
    if is_stdin(path) {
        files.push(path.to_owned());
        return Ok(());
    }
    let there = std::fs::metadata(path).map_err(|error| not_found(path, &error.to_string()))?;
    if !there.is_dir() {
        if path.extension().is_none_or(|extension| extension != "hcl") {
            return Err(not_found(path, "its name does not end in .hcl"));
        }
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| not_found(path, &error.to_string()))? {
        entries.push(entry.map_err(|error| not_found(path, &error.to_string()))?.path());
    }
    entries.sort();
    let name_of = |entry: &Path| entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // A link to a folder is not followed: it could lead back here.
    let is_folder = |entry: &Path| std::fs::symlink_metadata(entry).is_ok_and(|there| there.is_dir());
    let (folders, entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| is_folder(entry));
    files.extend(entries.into_iter().filter(|entry| name_of(entry).ends_with(SPEC_FILE)));
    for folder in folders.iter().filter(|folder| recursive && !name_of(folder).starts_with('.')) {
        collect(folder, recursive, files)?;
    }
    Ok(())
}
