//! Gate `writes_stopped`: nothing wrote to the selected tables between the run's first position and now. Says proven
//! only with evidence; what cannot be read is unproven. Tables that were read by an earlier run are judged from the place
//! where that began. Positions stand in no verdict: they move.

use super::{Subject, cannot_look, count, verdict};
use crate::formats::facts::{Verdict, WritesFacts};
use crate::formats::spec::model::Writes;
use crate::words::codes::{self, Code};
use crate::words::diag::Diagnostic;

/// Decides the gate.
pub fn judge(subject: &Subject) -> Verdict {
    if subject.migration.writes == Writes::Lock {
        return verdict("the tables are locked while the snapshots are opened", Vec::new());
    }
    if subject.source.dump {
        return verdict("the rows come out of a dump, to which nothing writes", Vec::new());
    }
    let binlog = &subject.source.binlog;
    let writes = subject.facts.writes.as_ref();
    // What was seen outweighs what could not be: a write is a write.
    if let Some(seen) = writes.filter(|seen| !seen.changed_tables.is_empty()) {
        let found = Diagnostic::error(
            codes::WRITES_DETECTED,
            format!("writes detected on {}", count(seen.changed_tables.len(), "selected table")),
        )
        .detail(seen.changed_tables.join("\n"))
        .help("Stop the writes, then plan these tables again: mig plan -replace=ADDRESS for the dump of each.");
        return verdict("selected tables were written to since the run began", vec![found]);
    }
    if !binlog.enabled {
        return unproven(
            codes::BINLOG_OFF,
            "the binlog is off",
            "That nothing is written cannot be proven without a binlog.",
        );
    }
    if !binlog.fault.is_empty() {
        return unproven(
            codes::BINLOG_UNREADABLE,
            &format!("the binlog cannot be read: {}", binlog.fault),
            "The gate \"privileges\" prints the GRANT lines.",
        );
    }
    if binlog.applies_unlogged {
        return unproven(
            codes::REPLICA_WITHOUT_BINLOG,
            "the source is a replica that does not log what it applies",
            "log_replica_updates (log_slave_updates) is OFF: the primary's writes change its rows, and are in no log of it.",
        );
    }
    if binlog.filtered {
        return unproven(
            codes::BINLOG_FILTERED,
            "the binlog is filtered by schema (binlog-do-db or binlog-ignore-db)",
            "A write that the filter leaves out does not even move the position.",
        );
    }
    match writes {
        None => before_the_run(subject),
        Some(seen) if seen.begin.as_ref().is_some_and(|begin| begin.settled.is_empty()) => unproven(
            codes::COMMITS_IN_FLIGHT,
            "commits may be on their way",
            "A commit is in the binlog before its rows can be read: one that was under way when the position was taken would be missed. The gate \"privileges\" prints the GRANT line for the list of transactions; with gtid_mode ON no right is needed.",
        ),
        Some(seen) if seen.begin.as_ref() == Some(&seen.from) => before_the_run(subject),
        Some(seen) => between(subject, seen),
    }
}

/// Nothing to compare yet: whether it could be, later.
fn before_the_run(subject: &Subject) -> Verdict {
    let doubts = doubts(subject);
    if doubts.is_empty() {
        return verdict("the binlog can be read; its position is compared from the first part to the last", Vec::new());
    }
    let found = Diagnostic::warning(
        codes::BINLOG_NOT_PER_TABLE,
        format!("any write at all would leave it unproven that writes stopped: {}", doubts.join(", ")),
    )
    .help("Nothing needs to be done while nothing writes to this server; else set binlog_format to ROW.");
    verdict("the binlog's position can be read, what is in it cannot be told apart by table", vec![found])
}

fn between(subject: &Subject, seen: &WritesFacts) -> Verdict {
    let mut doubts = doubts(subject);
    if seen.from.same_place(&seen.to) && seen.unproven.is_empty() {
        return verdict("nothing was written on the source: the binlog's position is the same", Vec::new());
    }
    if !seen.unproven.is_empty() {
        doubts.push(seen.unproven.clone());
    }
    if !seen.unattributed.is_empty() {
        doubts.push(format!(
            "{} that cannot be attributed to a table: {}",
            count(seen.unattributed.len(), "statement"),
            seen.unattributed.join("; ")
        ));
    }
    if !seen.announced.is_empty() {
        doubts.push(format!(
            "a statement may have written to {}, by a foreign key's action, say",
            seen.announced.join(", ")
        ));
    }
    if doubts.is_empty() {
        return verdict(
            "something was written on the source, nothing on a selected table: every event was read",
            Vec::new(),
        );
    }
    unproven(
        codes::WRITES_UNKNOWN,
        &format!("what was written on the source is not known: {}", doubts.join(", ")),
        "Whether it was on a selected table cannot be told.",
    )
}

/// Why events in the binlog do not tell which tables were written to.
fn doubts(subject: &Subject) -> Vec<String> {
    let binlog = &subject.source.binlog;
    let mut doubts = Vec::new();
    if !binlog.format.eq_ignore_ascii_case("ROW") {
        doubts.push(format!("binlog_format is {}, not ROW", binlog.format));
    }
    doubts
}

fn unproven(code: Code, why: &str, detail: &str) -> Verdict {
    let found = Diagnostic::error(code, format!("unproven that writes stopped: {why}")).detail(detail).help(
        "Accept it by name, accept_unproven = [\"writes_stopped\"]: the source is then hashed again after the last part, which is weaker evidence.",
    );
    cannot_look(format!("unproven: {why}"), vec![found])
}
