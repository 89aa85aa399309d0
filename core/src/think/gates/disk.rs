//! Gate `disk`: the dump has room where it goes. The rule is that of the article: larger than the data while the files
//! are kept; with `keep = false`, what back-pressure cannot bound. Numbers stand in refusals only: free bytes move.

use super::{Subject, cannot_look, count, verdict};
use crate::formats::chunk::usable_for_ranges;
use crate::formats::facts::{MigrationFacts, Verdict};
use crate::formats::spec::access::Bucket;
use crate::formats::structure::Table;
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// Decides the gate.
pub fn judge(subject: &Subject) -> Verdict {
    let facts = subject.facts;
    if let Some(bucket) = &subject.migration.dump.to {
        return in_bucket(facts, bucket);
    }
    if !facts.workdir_fault.is_empty() {
        let found = Diagnostic::error(
            codes::WORK_FOLDER_UNUSABLE,
            format!("the work folder cannot be used: {}", facts.workdir_fault),
        )
        .help("Give the runner a workdir that this user may write.");
        return verdict("the work folder cannot be used", vec![found]);
    }
    let dump = &subject.migration.dump;
    let pending: Vec<&Table> = facts.source.tables.iter().filter(|table| !there(facts, table)).collect();
    // Those whose files can be loaded while their dump goes on.
    let streams = |table: &Table| dump.engine.gives_files_one_by_one() && usable_for_ranges(table).is_some();
    let keyless = pending.iter().filter(|table| !streams(table)).count();
    let sum =
        |keyed: bool| -> u64 { pending.iter().filter(|t| streams(t) == keyed).map(|t| t.estimate.data_bytes).sum() };
    let (with_key, without_key) = (sum(true), sum(false));
    let (needed, arithmetic) = if dump.keep {
        let data = with_key + without_key;
        (tenth_more(data), format!("{} of data x 1.1, since the dump is kept", size(data)))
    } else {
        let bounded = dump.room().unwrap_or(u64::MAX).min(tenth_more(with_key));
        let window = match dump.disk_limit {
            Some(limit) => format!("files that wait to be loaded (disk_limit = {})", size(limit)),
            None => format!("{} files of {} at a time", dump.threads, size(dump.file_size)),
        };
        (
            tenth_more(without_key) + bounded,
            format!(
                "{} in {}{} x 1.1, dumped whole before their load, and {} for {window}",
                size(without_key),
                count(keyless, "table"),
                if dump.engine.gives_files_one_by_one() { " without a usable key" } else { "" },
                size(bounded),
            ),
        )
    };
    let looked = match dump.keep {
        true => format!("the dump of {} is kept", count(facts.source.tables.len(), "table")),
        false => format!("the files of {} are removed once loaded", count(facts.source.tables.len(), "table")),
    };
    match facts.disk_free {
        None => cannot_look(
            "could not ask for the free room where the dump goes",
            vec![
                Diagnostic::error(codes::FREE_SPACE_UNKNOWN, "the free room where the dump goes is not known")
                    .detail(format!("needed: {} ({arithmetic})", size(needed)))
                    .help("Look yourself, then accept it: accept_unproven = [\"disk\"]."),
            ],
        ),
        Some(free) if free <= needed && needed > 0 => verdict(
            format!("{looked}; not enough room"),
            vec![
                Diagnostic::error(codes::DISK_TOO_SMALL, format!("the dump needs {}, {} are free", size(needed), size(free)))
                    .detail(format!("needed: {arithmetic}"))
                    .help(match dump.keep {
                        true => "Give the runner a workdir with more room, or set keep = false in the dump block: files are then removed once loaded.",
                        false => "Give the runner a workdir with more room, or lower disk_limit (default: file_size x threads) in the dump block.",
                    }),
            ],
        ),
        Some(_) => verdict(format!("{looked}; enough room"), Vec::new()),
    }
}

/// Nothing of the dump is on a disk: what counts is that the bucket can be reached.
fn in_bucket(facts: &MigrationFacts, bucket: &Bucket) -> Verdict {
    if facts.workdir_fault.is_empty() {
        return verdict(
            format!("the files of {} go to {bucket}", count(facts.source.tables.len(), "table")),
            Vec::new(),
        );
    }
    let found = Diagnostic::error(
        codes::DUMP_BUCKET_UNUSABLE,
        format!("the files cannot go to {bucket}: {}", facts.workdir_fault),
    )
    .help("Look at `to` and `s3` of the dump block, and at the credentials of the machine that the rows go through.");
    verdict("the bucket cannot be used", vec![found])
}

/// Whether its files are there already: dumped before, or another tool's.
fn there(facts: &MigrationFacts, table: &Table) -> bool {
    let key = table.name.key();
    let dumped = facts.manifests.contains_key(&key) && !facts.absent_parts.contains_key(&key);
    dumped || facts.imports.contains_key(&key)
}

fn tenth_more(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 10)
}

/// `1.2 GiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}
