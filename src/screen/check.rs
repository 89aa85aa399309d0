//! `mig check`: what the gates say, without a state and without a word of what would be done. It is made of a plan's values;
//! the text, the JSON and the Markdown say the same.

use serde_json::{Value, json};

use super::plan::{diagnostics_section, gates, moment, quantities, refusing, server_lines, who_refuses};
use super::rewrites;
use super::safe_json;
use super::style::{Ink, Style, count, wrap};
use crate::formats::facts::GateOutcome;
use crate::formats::plan::PlanFile;

/// For people.
pub fn text(of: &PlanFile, style: Style) -> String {
    let head = format!(
        "{} of {}, mig {}\n{}",
        style.ink(Ink::Bold, "Check"),
        moment(&of.header.created),
        of.header.mig_version,
        server_lines(of, style)
    );
    let mut sections = vec![head];
    sections.extend(rewrites::section(of, style));
    sections.extend(gates(of, style));
    sections.extend(diagnostics_section(of, style));
    sections.extend(quantities(of, style));
    sections.push(wrap("", &verdict(of), style.width));
    sections.join("\n")
}

/// The sum in one sentence; what was not looked at is never called ready.
pub(super) fn verdict(of: &PlanFile) -> String {
    if of.body.blocked {
        return format!("Refused: {}.", who_refuses(of));
    }
    let pending = count(of.body.pending.len() as u64, "migration", "migrations");
    if !of.body.pending.is_empty() {
        return format!("Not all could be looked at: {pending} can only be seen from a runner that is not there yet.");
    }
    let warned = of.body.observed.verdicts.values().filter(|verdict| verdict.outcome != GateOutcome::Passed).count();
    let warned = if warned == 0 {
        String::new()
    } else {
        format!(" {}: read what arrives otherwise.", count(warned as u64, "gate warns", "gates warn"))
    };
    format!(
        "Ready: no gate refuses.{warned} The state was not looked at; mig plan does that, and shows what would be done."
    )
}

/// For scripts.
pub fn json(of: &PlanFile) -> Value {
    let body = &of.body;
    let verdict_word = match (body.blocked, body.pending.is_empty()) {
        (true, _) => "refused",
        (false, false) => "not_all_seen",
        (false, true) => "ready",
    };
    safe_json::numbers(json!({
        "verdict": verdict_word,
        "text": verdict(of),
        "created": of.header.created,
        "mig_version": of.header.mig_version,
        "servers": body.observed.servers,
        "gates": body.observed.verdicts,
        "refused_by": refusing(of).map(|(addr, _)| addr.to_string()).collect::<Vec<_>>(),
        "diagnostics": body.diagnostics,
        "arrives_changed": rewrites::all(of).map(|(change, rewrite)| json!({
            "object": change.addr.key(),
            "changes": rewrite.changes,
            "source": rewrite.source,
            "target": rewrite.target,
        })).collect::<Vec<_>>(),
        "estimates": of.estimates,
    }))
}
