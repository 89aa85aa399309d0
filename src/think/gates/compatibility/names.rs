//! What stays behind (triggers, routines, events, history), and names that would become one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Met, note};
use crate::think::gates::{Subject, rules};
use crate::words::addr::{TableName, key_ident};

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
    for table in inventory.tables.iter().filter(|table| table.system_versioned) {
        note(met, rules::SYSTEM_VERSIONED, table.name.key());
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
        schemas.entry(name.schema.to_lowercase()).or_default().insert(key_ident(&name.schema));
        objects.entry(name.key().to_lowercase()).or_default().insert(name.key());
    }
    for same in schemas.values().chain(objects.values()).filter(|same| same.len() > 1) {
        note(met, rules::COLLIDING_NAMES, same.iter().cloned().collect::<Vec<_>>().join(" and "));
    }
}
