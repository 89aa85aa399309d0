//! What the ledgers say of a lost state, as text: what is known, what is not, and what follows.

use super::style::{count, wrap};
use crate::think::recover::Remains;

/// `width`: columns of the terminal.
pub fn text(lineage: &str, remains: &[Remains], pending: &[String], width: usize) -> String {
    const MOST: usize = 10;
    let mut text = format!("The ledger on the target knows lineage {lineage}.\n\n");
    for one in remains {
        let rows: u64 = one.tables.values().flatten().sum();
        let parts = [
            count(one.tables.len() as u64, "table", "tables"),
            count(one.views.len() as u64, "view", "views"),
            count(rows, "row loaded", "rows loaded"),
        ];
        text.push_str(&format!("  migration.{}: {}\n", one.migration, parts.join(", ")));
        if !one.others.is_empty() {
            let names: Vec<&str> = one.others.iter().take(MOST).map(String::as_str).collect();
            let more = one.others.len().saturating_sub(MOST);
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            let told = format!(
                "Not in the spec, but made by this lineage: {}{more}. With the state it is lost that mig made them: they stay \
                 where they are, also when you destroy.",
                names.join(", ")
            );
            text.push_str(&wrap("    ", &told, width));
        }
    }
    for migration in pending {
        let told = format!("migration.{migration}: not looked at. Its runner is not there yet, or cannot be reached.");
        text.push_str(&wrap("  ", &told, width));
    }
    text.push('\n');
    let unknown = "Not known any more: which files of a dump belong to these rows, where the source's log was, which settings \
                   were used, and what was created in a cloud account (`mig plan` looks it up there by its tags).";
    let then = "With a state of this lineage, the next `mig apply` takes these tables as its own: it dumps the source again, \
                loads only rows that the ledger does not have, and compares every row. If a table holds other rows than the \
                ledger says, or the source is cut into other parts than before (other settings, rows or statistics), the run \
                ends with exit code 6, and that table has to be dumped and loaded anew.";
    text.push_str(&wrap("", unknown, width));
    text.push_str(&wrap("", then, width));
    text
}
