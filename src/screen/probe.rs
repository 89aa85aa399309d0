//! What a probe of the target came to, in sentences.

use super::diagnostics;
use super::style::{Style, count, wrap};
use crate::formats::probe::Probed;

/// All probes of a plan.
pub fn text(probed: &[Probed], style: Style) -> String {
    let mut sections: Vec<String> = probed.iter().map(|one| section(one, style)).collect();
    if sections.is_empty() {
        sections.push(wrap("", "Probed nothing: the plan creates no table and no view.", style.width));
    }
    sections.join("\n")
}

fn section(probed: &Probed, style: Style) -> String {
    let mut text = wrap("", &words(probed), style.width);
    if !probed.refused.is_empty() {
        text.push('\n');
        text.push_str(&diagnostics::render(&probed.refused, style.color, style.width));
    }
    text
}

/// What was tried, and what is left of it.
pub(super) fn words(probed: &Probed) -> String {
    let tables = count(probed.tables, "table", "tables");
    let views = count(probed.views, "view", "views");
    let keys = count(probed.foreign_keys, "foreign key", "foreign keys");
    let lead = format!("Probed migration.{} at {}: ", probed.migration, probed.place);
    let tried = probed.tables + probed.views + probed.foreign_keys > 0 || !probed.refused.is_empty();
    // What was created before an interrupt was not read back: nothing is known of it.
    let mut said = match (probed.stopped, tried) {
        (true, _) => "not all of it. It was interrupted: the rest was not tried.".to_owned(),
        (false, false) => "the plan creates no table and no view there.".to_owned(),
        (false, true) => format!(
            "{tables}, {views} and {keys} were created in schemas of the probe's own. Tables were read back as on the source."
        ),
    };
    match probed.left.as_slice() {
        [] if probed.stopped || tried => said.push_str(" These schemas are removed."),
        [] => {}
        left => said.push_str(&format!(
            " Schemas of probes are left on the target, with empty tables: {}. Drop them by hand.",
            left.join(", ")
        )),
    }
    lead + &said
}
