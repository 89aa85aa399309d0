//! Views as two sources tell them: SHOW CREATE VIEW, whose text is carried, and information_schema.VIEWS, which has to
//! agree with it. Then what only a server can say: whether the source can read a view, and what of a view's text a
//! target does not take. Statements are only prepared, none is run: nothing is created and no row is read.

use std::collections::{BTreeMap, BTreeSet};

use crate::formats::collation::{normal_charset, normal_collation};
use crate::formats::ddl::expression::argument_counts;
use crate::formats::ddl::{self, view};
use crate::formats::facts::{Flavor, ViewLack};
use crate::formats::structure::{Inventory, View, ViewFault};
use crate::seams::sql::{Connection, Fault};
use crate::words::addr::TableName;
use crate::words::error::Outcome;

use super::{each, literal, text, texts};

const DOING: &str = "read the structure of the views";
/// `FUNCTION … does not exist`.
const NO_FUNCTION: u16 = 1305;
/// The session may not write. A view that changes a sequence is not shown to it; one that locks rows is shown, and not read.
const READ_ONLY: u16 = 1792;
/// `Incorrect parameter count`.
const OTHER_COUNT: u16 = 1582;
/// A syntax that the server does not know.
pub(super) const SYNTAX: u16 = 1064;

/// Fills in the views that were found by name. `within`: a condition on a schema's name.
///
/// # Errors
/// A lost connection; a view that cannot be read carries its own fault.
pub(super) async fn read(
    conn: &mut dyn Connection,
    flavor: Flavor,
    within: &str,
    views: &mut BTreeMap<TableName, View>,
) -> Outcome<()> {
    if views.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, CHECK_OPTION, SECURITY_TYPE, DEFINER, CHARACTER_SET_CLIENT, \
         COLLATION_CONNECTION FROM information_schema.VIEWS WHERE TABLE_SCHEMA {within}"
    );
    each(conn, DOING, &sql, |row| {
        if let Some(view) = views.get_mut(&TableName::new(text(row[0]), text(row[1]))) {
            view.check_option = text(row[2]);
            view.security_type = text(row[3]);
            view.definer = text(row[4]);
            view.charset = normal_charset(&text(row[5]));
            view.collation = normal_collation(&text(row[6]));
        }
    })
    .await?;
    for view in views.values_mut() {
        match texts_or_fault(conn, &format!("SHOW CREATE VIEW {}", view.name.sql())).await? {
            Ok(rows) => {
                let shown = rows.first().and_then(|row| row.get(1)).cloned().unwrap_or_default();
                take(view, flavor, &shown);
            }
            Err(fault) if fault.number == Some(READ_ONLY) => view.fault = Some(ViewFault::Changes),
            Err(fault) => view.fault = Some(ViewFault::Broken(fault.to_string())),
        }
        // TiDB says 1356 of a broken view only where it is read.
        if flavor != Flavor::Tidb
            && view.fault.is_none()
            && let Some(fault) = prepared(conn, &format!("SELECT * FROM {}", view.name.sql())).await?
            && fault.number != Some(READ_ONLY)
        {
            view.fault = Some(ViewFault::Broken(fault.to_string()));
        }
    }
    if flavor != Flavor::Tidb {
        look_at_groups(conn, views).await?;
    }
    Ok(())
}

/// Nonaggregated columns: beside groups, and in an aggregate without any.
const LOOSE: [u16; 2] = [1055, 1140];

/// Asks the server which views it reads only without ONLY_FULL_GROUP_BY.
async fn look_at_groups(conn: &mut dyn Connection, views: &mut BTreeMap<TableName, View>) -> Outcome<()> {
    let mode = texts(conn, DOING, "SELECT @@SESSION.sql_mode").await?.into_iter().flatten().next().unwrap_or_default();
    let set = async |conn: &mut dyn Connection, mode: &str| {
        let sql = format!("SET SESSION sql_mode = {}", literal(mode));
        conn.execute(&sql).await.map(drop).map_err(|fault| fault.told(DOING))
    };
    set(conn, &format!("{mode},ONLY_FULL_GROUP_BY")).await?;
    for view in views.values_mut().filter(|view| view.fault.is_none()) {
        let fault = prepared(conn, &format!("SELECT * FROM {}", view.name.sql())).await?;
        view.loose_groups = fault.and_then(|fault| fault.number).is_some_and(|number| LOOSE.contains(&number));
    }
    set(conn, &mode).await
}

/// Takes over what SHOW CREATE VIEW says, where information_schema says the same.
fn take(view: &mut View, flavor: Flavor, shown: &str) {
    let read = match view::read(shown) {
        Ok(read) => read,
        Err(fault) => {
            view.fault = Some(ViewFault::NotUnderstood(fault.to_string()));
            return;
        }
    };
    // TiDB takes no such clause, and says CASCADED of every view.
    if flavor == Flavor::Tidb {
        view.check_option = read.check_option.clone();
    }
    let pairs = [
        ("DEFINER", &view.definer, &read.definer),
        ("SQL SECURITY", &view.security_type, &read.security),
        ("CHECK OPTION", &view.check_option, &read.check_option),
        ("the name", &view.name.name, &read.name),
    ];
    if let Some((what, one, other)) = pairs.into_iter().find(|(_, one, other)| !one.eq_ignore_ascii_case(other)) {
        view.fault = Some(ViewFault::NotUnderstood(format!(
            "information_schema and SHOW CREATE VIEW disagree on {what}: {one:?} and {other:?}"
        )));
    }
    view.algorithm = read.algorithm;
    view.select = read.select;
}

/// What of the views' texts the target does not take, by the key of the view. `here`: whether a table or view is moved,
/// or stands on the target in the eyes of the caller.
///
/// # Errors
/// A lost connection.
pub async fn lacks(
    conn: &mut dyn Connection,
    flavor: Flavor,
    source: &Inventory,
) -> Outcome<BTreeMap<String, Vec<ViewLack>>> {
    let mut asked = Asked { functions: BTreeMap::new(), stored: BTreeMap::new(), objects: BTreeMap::new() };
    let moved: BTreeSet<TableName> = source
        .tables
        .iter()
        .map(|t| &t.name)
        .chain(source.views.iter().map(|v| &v.name))
        .map(TableName::folded)
        .collect();
    let mut found = BTreeMap::new();
    for view in source.views.iter().filter(|view| view.fault.is_none()) {
        let mut lacks = Vec::new();
        let calls = view::calls(&view.select, &view.name.schema);
        for name in &calls.words {
            if asked.lacks_function(conn, name).await? {
                lacks.push(ViewLack::Function(name.clone()));
            }
        }
        for (name, count) in argument_counts(&view.select) {
            if calls.words.contains(&name) && asked.lacks_count(conn, &name, count).await? {
                lacks.push(ViewLack::Syntax(with_arguments(&name, count)));
            }
        }
        for name in &calls.stored {
            if asked.lacks_stored(conn, name).await? {
                lacks.push(ViewLack::StoredFunction(name.clone()));
            }
        }
        let sequences = view::forms::sequences(&view.select, &view.name.schema);
        for name in view::reads(&view.select, &view.name.schema).into_iter().chain(sequences) {
            if !moved.contains(&name.folded()) && asked.lacks_object(conn, &name).await? {
                lacks.push(ViewLack::Object(name));
            }
        }
        if let Some(fault) = not_parsed(conn, flavor, view).await? {
            lacks.push(ViewLack::Syntax(fault));
        } else if flavor == Flavor::Tidb {
            lacks.extend(view::forms::refused(&view.select).into_iter().map(|form| ViewLack::Syntax(form.to_owned())));
            for charset in view::forms::charsets(&view.select) {
                if asked.lacks_charset(conn, &charset).await? {
                    lacks.push(ViewLack::Syntax(format!("it does not know the charset of {charset}")));
                }
            }
        }
        if !lacks.is_empty() {
            found.insert(view.name.key(), lacks);
        }
    }
    Ok(found)
}

/// Answers that were had already.
struct Asked {
    functions: BTreeMap<String, bool>,
    stored: BTreeMap<TableName, bool>,
    objects: BTreeMap<TableName, bool>,
}

impl Asked {
    /// A call without arguments is refused by any function that wants some, with another number.
    async fn lacks_function(&mut self, conn: &mut dyn Connection, name: &str) -> Outcome<bool> {
        if let Some(known) = self.functions.get(name) {
            return Ok(*known);
        }
        let lacks = lacks_built_in(conn, name).await?;
        self.functions.insert(name.to_owned(), lacks);
        Ok(lacks)
    }

    async fn lacks_count(&mut self, conn: &mut dyn Connection, name: &str, count: usize) -> Outcome<bool> {
        let call = call(name, count);
        if let Some(known) = self.functions.get(&call) {
            return Ok(*known);
        }
        let lacks = lacks_call(conn, &call).await?;
        self.functions.insert(call, lacks);
        Ok(lacks)
    }

    /// `expression`: `_utf16''`.
    async fn lacks_charset(&mut self, conn: &mut dyn Connection, expression: &str) -> Outcome<bool> {
        if let Some(known) = self.functions.get(expression) {
            return Ok(*known);
        }
        let fault = prepared(conn, &format!("SELECT {expression}")).await?;
        let lacks = fault.is_some_and(|fault| matches!(fault.number, Some(NO_CHARSET | SYNTAX)));
        self.functions.insert(expression.to_owned(), lacks);
        Ok(lacks)
    }

    async fn lacks_stored(&mut self, conn: &mut dyn Connection, name: &TableName) -> Outcome<bool> {
        if let Some(known) = self.stored.get(name) {
            return Ok(*known);
        }
        let sql = format!(
            "SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = 'FUNCTION' AND \
             LOWER(ROUTINE_SCHEMA) = LOWER({}) AND LOWER(ROUTINE_NAME) = LOWER({})",
            literal(&name.schema),
            literal(&name.name)
        );
        let lacks = is_none(&texts(conn, DOING, &sql).await?);
        self.stored.insert(name.clone(), lacks);
        Ok(lacks)
    }

    async fn lacks_object(&mut self, conn: &mut dyn Connection, name: &TableName) -> Outcome<bool> {
        if let Some(known) = self.objects.get(name) {
            return Ok(*known);
        }
        let sql = format!(
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE LOWER(TABLE_SCHEMA) = LOWER({}) AND \
             LOWER(TABLE_NAME) = LOWER({})",
            literal(&name.schema),
            literal(&name.name)
        );
        let lacks = is_none(&texts(conn, DOING, &sql).await?);
        self.objects.insert(name.clone(), lacks);
        Ok(lacks)
    }
}

/// `Unknown character set`, or one that cannot stand before a text.
const NO_CHARSET: u16 = 1115;
/// No database was selected: where a server looks for a stored function that it has no schema for.
const NO_SCHEMA: u16 = 1046;

fn is_none(rows: &[Vec<String>]) -> bool {
    rows.first().and_then(|row| row.first()).is_none_or(|count| count == "0")
}

/// What the target's own parser says of the view's text; `None`: it takes it.
async fn not_parsed(conn: &mut dyn Connection, flavor: Flavor, view: &View) -> Outcome<Option<String>> {
    let create = ddl::create_view(view);
    // TiDB resolves names in what it prepares; of two statements it reads the text and refuses to prepare them.
    let text = if flavor == Flavor::Tidb { format!("SELECT 1; {create}") } else { create };
    let fault = prepared(conn, &text).await?.filter(|fault| fault.number == Some(SYNTAX));
    Ok(fault.map(|fault| fault.message))
}

/// Whether the server has no function of this name. The session may have no schema to look for a stored one in.
pub(super) async fn lacks_built_in(conn: &mut dyn Connection, name: &str) -> Outcome<bool> {
    let fault = prepared(conn, &format!("SELECT {name}()")).await?;
    Ok(fault.is_some_and(|fault| matches!(fault.number, Some(NO_FUNCTION | NO_SCHEMA))))
}

/// A call with so many arguments, of which a server says no more than whether it takes their number.
pub(super) fn call(name: &str, count: usize) -> String {
    format!("{name}({})", vec!["NULL"; count].join(", "))
}

/// Whether the server has the function and takes it with another number of arguments only.
pub(super) async fn lacks_call(conn: &mut dyn Connection, call: &str) -> Outcome<bool> {
    let fault = prepared(conn, &format!("SELECT {call}")).await?;
    Ok(fault.is_some_and(|fault| fault.number == Some(OTHER_COUNT)))
}

/// `LPAD() with 2 arguments`.
pub(super) fn with_arguments(name: &str, count: usize) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("{}() with {count} argument{many}", name.to_uppercase())
}

/// Prepares a statement and gives the server's refusal.
pub(super) async fn prepared(conn: &mut dyn Connection, sql: &str) -> Outcome<Option<Fault>> {
    match conn.execute(&format!("PREPARE mig_look FROM {}", literal(sql))).await {
        Ok(_) => {
            let end = conn.execute("DEALLOCATE PREPARE mig_look").await;
            end.map(|_| None).map_err(|fault| fault.told(DOING))
        }
        Err(fault) if fault.lost => Err(fault.told(DOING)),
        Err(fault) => Ok(Some(fault)),
    }
}

async fn texts_or_fault(conn: &mut dyn Connection, sql: &str) -> Outcome<Result<Vec<Vec<String>>, Fault>> {
    match conn.query(sql).await {
        Ok(rows) => Ok(Ok(super::cells(&rows))),
        Err(fault) if fault.lost => Err(fault.told(DOING)),
        Err(fault) => Ok(Err(fault)),
    }
}
