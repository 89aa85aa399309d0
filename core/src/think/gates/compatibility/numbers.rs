//! Numbers that the target keeps or counts in another way.

use super::{Met, note};
use crate::formats::facts::Flavor;
use crate::think::gates::{Subject, rules};
use crate::words::addr::key_ident;

pub(super) fn look(subject: &Subject, met: &mut Met) {
    for table in &subject.facts.source.tables {
        for column in &table.columns {
            let place = || format!("{}.{}", table.name, key_ident(&column.name));
            let float = matches!(column.data_type.as_str(), "float" | "double") && column.column_type.contains(',');
            if float && subject.source.flavor != subject.target.flavor {
                note(met, rules::ROUNDED_FLOAT, format!("{} {}", place(), column.column_type));
            }
            let begins = |index: &crate::formats::structure::Index| {
                index.parts.first().and_then(|part| part.column.as_ref()) == Some(&column.name)
            };
            if column.auto_increment
                && subject.target.flavor == Flavor::Tidb
                && !table.indexes.is_empty()
                && !table.indexes.iter().any(begins)
            {
                note(met, rules::NUMBERED_WITHIN, place());
            }
        }
    }
}
