//! A view on the target against the one that was to be created. The two servers write one SELECT in two ways, so its text
//! is compared only with what the same server printed before; what it gives is compared by its rows.

use super::{Difference, Found};
use crate::formats::structure::{View, ViewFault};

/// Every difference of a view: its columns, whose rights it runs with, its check option, how it is merged, by which
/// collation its words compare where the target keeps one (`expected` has none: whichever it is).
pub fn differences(expected: &View, actual: &View, keeps_collation: bool) -> Vec<Difference> {
    let mut found = Found::default();
    let columns = |view: &View| view.columns.iter().map(|c| c.to_lowercase()).collect::<Vec<_>>().join(", ");
    match &actual.fault {
        Some(ViewFault::Broken(answer)) => found.compare("reading it", "its rows".into(), answer.clone()),
        Some(ViewFault::Changes) => found.compare("reading it", "its rows".into(), "a change of a sequence".into()),
        Some(ViewFault::NotUnderstood(what)) => found.compare("its text", "one that mig knows".into(), what.clone()),
        None => {}
    }
    // TiDB does not tell the columns of some views whose rows it gives: what was not seen is not another one.
    if !actual.columns.is_empty() {
        found.compare("columns", columns(expected), columns(actual));
    }
    found.compare("SQL SECURITY", expected.security_type.to_uppercase(), actual.security_type.to_uppercase());
    found.compare("check option", or(&expected.check_option, "NONE"), or(&actual.check_option, "NONE"));
    found.compare("algorithm", or(&expected.algorithm, "UNDEFINED"), or(&actual.algorithm, "UNDEFINED"));
    if keeps_collation && !expected.collation.is_empty() {
        found.compare("collation of its words", expected.collation.clone(), actual.collation.clone());
    }
    found.0
}

fn or(text: &str, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text.to_uppercase() }
}
