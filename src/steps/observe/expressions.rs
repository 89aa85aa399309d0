//! Expressions of the source's tables that a TiDB does not take, as it says itself: functions that it does not have, and
//! syntax that it does not read. Statements are only prepared, none is run.

use std::collections::BTreeMap;

use crate::formats::ddl::expression::{argument_counts, expression_text, functions, with_own_introducers};
use crate::formats::structure::{Inventory, Table};
use crate::seams::sql::Connection;
use crate::words::addr::key_ident;
use crate::words::error::Outcome;

use super::views::{SYNTAX, call, lacks_built_in, lacks_call, prepared, with_arguments};

/// Words that stand before a bracket like a function and are none to ask for without arguments.
const FORMS: [&str; 4] = ["interval", "values", "row", "exists"];

/// Functions that a TiDB has and refuses in a generated column (error 3102, seen on 8.5.6).
const NOT_GENERATED: [&str; 1] = ["nullif"];

/// By place (`shop.orders.g`): what the target lacks. Asked are generated columns, and CHECK constraints where they are
/// created.
///
/// # Errors
/// A lost connection.
pub(super) async fn lacks(
    conn: &mut dyn Connection,
    source: &Inventory,
    checks: bool,
) -> Outcome<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut known: BTreeMap<String, bool> = BTreeMap::new();
    for table in &source.tables {
        for (name, expression, generated) in expressions(table, checks) {
            let text = with_own_introducers(&expression_text(expression));
            let mut lacks = Vec::new();
            for function in functions(&text) {
                if !known.contains_key(&function) && !FORMS.contains(&function.as_str()) {
                    known.insert(function.clone(), lacks_built_in(conn, &function).await?);
                }
                let refused = generated && NOT_GENERATED.contains(&function.as_str());
                if refused || known.get(&function) == Some(&true) {
                    lacks.push(format!("{}()", function.to_uppercase()));
                }
            }
            for (function, count) in argument_counts(&text) {
                let call = call(&function, count);
                if !known.contains_key(&call) && known.get(&function) == Some(&false) {
                    known.insert(call.clone(), lacks_call(conn, &call).await?);
                }
                if known.get(&call) == Some(&true) {
                    lacks.push(with_arguments(&function, count));
                }
            }
            // Of two statements a TiDB reads the text and refuses to prepare them: no name in it has to be known.
            let fault = prepared(conn, &format!("SELECT 1; SELECT ({text})")).await?;
            if fault.is_some_and(|fault| fault.number == Some(SYNTAX)) {
                lacks.push(format!("it does not read ({text})"));
            }
            if !lacks.is_empty() {
                found.insert(format!("{}.{}", table.name, key_ident(name)), lacks.join(", "));
            }
        }
    }
    Ok(found)
}

/// Names and texts, and whether each is of a generated column.
fn expressions(table: &Table, checks: bool) -> impl Iterator<Item = (&String, &String, bool)> {
    let generated = table.columns.iter().filter_map(|c| Some((&c.name, &c.generated.as_ref()?.expression, true)));
    generated.chain(table.checks.iter().filter(move |_| checks).map(|check| (&check.name, &check.clause, false)))
}
