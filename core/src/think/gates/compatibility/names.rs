//! What stays behind (triggers, routines, events, history), and names that would become one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Met, note};
use crate::formats::collation::normal_collation;
use crate::formats::ddl::sql_string;
use crate::formats::structure::Schema;
use crate::think::gates::collation::{Fate, fate};
use crate::think::gates::{Subject, rules};
use crate::words::addr::{TableName, folded, key_ident};

pub(super) fn look(subject: &Subject, met: &mut Met) {
    let inventory = &subject.facts.source;
    for trigger in &inventory.triggers {
        let on = trigger.table.as_deref().map(|table| format!(" on {}", key_ident(table))).unwrap_or_default();
        note(met, rules::TRIGGER, format!("{}{on}", TableName::new(&trigger.schema, &trigger.name)));
    }
    for routine in &inventory.routines {
        let name = TableName::new(&routine.schema, &routine.name);
        note(met, rules::ROUTINE, format!("{name} ({})", routine.kind.to_lowercase()));
    }
    for schema in inventory.schemas.iter().filter(|schema| !schema.comment.is_empty()) {
        let comment = sql_string(&schema.comment);
        note(met, rules::TABLE_OPTION, format!("schema {}: COMMENT = {comment}", key_ident(&schema.name)));
    }
    for table in inventory.tables.iter().filter(|table| table.system_versioned) {
        note(met, rules::SYSTEM_VERSIONED, table.name.key());
    }
    for (schema, there) in
        inventory.schemas.iter().filter_map(|schema| Some((schema, standing(subject, &schema.name)?)))
    {
        let (Fate::Kept { collation, .. } | Fate::Converted { collation, .. }) =
            fate(&schema.collation, subject.target, &subject.migration.gates)
        else {
            continue;
        };
        if normal_collation(&collation) != there.collation {
            let name = key_ident(&schema.name);
            note(met, rules::SCHEMA_DEFAULT, format!("{name}: {} there, {collation} by the source", there.collation));
        }
    }
    for event in &inventory.events {
        note(met, rules::EVENT, TableName::new(&event.schema, &event.name).key());
    }
    if subject.target.lower_case_table_names == 0 {
        return;
    }
    let names = inventory.tables.iter().map(|t| &t.name).chain(inventory.views.iter().map(|v| &v.name));
    let mut schemas: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut objects: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for name in names {
        schemas.entry(folded(&name.schema)).or_default().insert(key_ident(&name.schema));
        objects.entry(name.folded().key()).or_default().insert(name.key());
    }
    for same in schemas.values().chain(objects.values()).filter(|same| same.len() > 1) {
        note(met, rules::COLLIDING_NAMES, same.iter().cloned().collect::<Vec<_>>().join(" and "));
    }
}

/// The schema of that name as the target has it already.
fn standing<'a>(subject: &'a Subject, name: &str) -> Option<&'a Schema> {
    subject.facts.target.schemas.iter().find(|there| there.name.eq_ignore_ascii_case(name))
}
