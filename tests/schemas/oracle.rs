//! Both servers compared without the program: the rows, what information_schema says of a schema's objects, what the
//! defaults give, which number comes next, what the views give. Nothing of the program is used here.

use std::collections::BTreeMap;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;

use super::support::ends;

/// `(kind, object)`: what a server says of it.
pub type Facts = BTreeMap<(&'static str, String), String>;

async fn rows(conn: &mut Conn, sql: &str) -> Vec<Vec<String>> {
    let found: Vec<mysql_async::Row> = conn.query(sql).await.unwrap_or_else(|fault| panic!("{fault}: {sql}"));
    let cell = |value: mysql_async::Value| match value {
        mysql_async::Value::NULL => "NULL".to_owned(),
        mysql_async::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true).trim_matches('\'').to_owned(),
    };
    found.into_iter().map(|row| row.unwrap().into_iter().map(cell).collect()).collect()
}

/// A type without what only one server shows: widths of integers, ZEROFILL, `FLOAT(5,0)`.
fn type_text(text: &str) -> String {
    let text = text.replace(" zerofill", "").replace(" /*M!100301 COMPRESSED*/", "");
    let (head, rest) = text.split_once('(').unwrap_or((&text, ""));
    match head.ends_with("int") || head == "year" {
        true => format!("{head}{}", rest.split_once(')').map_or("", |(_, tail)| tail)),
        false => text,
    }
}

pub async fn structure(conn: &mut Conn, schema: &str) -> Facts {
    let mut facts = Facts::new();
    let narrow = |text: &str| text.replace("utf8mb3", "utf8");
    let sql = format!(
        "SELECT TABLE_NAME, TABLE_TYPE, TABLE_COLLATION, HEX(TABLE_COMMENT) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{schema}' AND TABLE_TYPE <> 'SEQUENCE'"
    );
    for row in rows(conn, &sql).await {
        let is_view = row[1].contains("VIEW");
        facts.insert((if is_view { "view" } else { "table" }, row[0].clone()), String::new());
        if !is_view {
            facts.insert(("collation", row[0].clone()), narrow(&row[2]));
            facts.insert(("comment", row[0].clone()), row[3].clone());
        }
    }
    // Of a view the servers guess lengths.
    let sql = format!(
        "SELECT c.TABLE_NAME, c.COLUMN_NAME, c.ORDINAL_POSITION, c.COLUMN_TYPE, c.IS_NULLABLE, COALESCE(c.COLLATION_NAME, ''), \
         HEX(c.COLUMN_COMMENT), LOWER(c.EXTRA), DATA_TYPE FROM information_schema.COLUMNS c JOIN information_schema.TABLES t ON \
         t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') WHERE c.TABLE_SCHEMA = '{schema}'"
    );
    for row in rows(conn, &sql).await {
        let at = format!("{}.{}", row[0], row[1]);
        facts.insert(("column", at.clone()), format!("{} {}", row[2], row[4]));
        // MariaDB's JSON is a text that a CHECK proves to be a document.
        facts.insert(("type", at.clone()), type_text(&row[3]).replace("\\\\", "\\"));
        // Of an ENUM in charset binary MySQL lists none.
        facts.insert(("collation", at.clone()), narrow(row[5].strip_suffix("binary").unwrap_or(&row[5])));
        facts.insert(("comment", at.clone()), row[6].clone());
        let extra = row[7].replace("()", "");
        let words = ["auto_increment", "on update current_timestamp", "virtual generated", "stored generated"];
        let kept: Vec<&str> = words.into_iter().filter(|word| extra.contains(word)).collect();
        facts.insert(("extra", at), kept.join(" ").replace("persistent", "stored"));
    }
    let sql = format!(
        "SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, NON_UNIQUE, COALESCE(NULLIF(COLUMN_NAME, 'NULL'), '(expression)'), COALESCE(SUB_PART, 0), \
         HEX(INDEX_COMMENT), INDEX_TYPE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = '{schema}' ORDER BY 1, 2, 3"
    );
    for row in rows(conn, &sql).await {
        let fact = facts.entry(("index", format!("{}.{}", row[0], row[1].to_lowercase()))).or_default();
        let full = if row[7] == "FULLTEXT" { "fulltext " } else { "" };
        fact.push_str(&format!("{full}{} {} {} {};", row[3], row[4].to_lowercase(), row[5], row[6]));
    }
    let sql = format!(
        "SELECT r.TABLE_NAME, r.CONSTRAINT_NAME, r.REFERENCED_TABLE_NAME, REPLACE(r.DELETE_RULE, 'RESTRICT', 'NO ACTION'), \
         REPLACE(r.UPDATE_RULE, 'RESTRICT', 'NO ACTION') FROM information_schema.REFERENTIAL_CONSTRAINTS r WHERE r.CONSTRAINT_SCHEMA = '{schema}'"
    );
    for row in rows(conn, &sql).await {
        facts.insert(("foreign key", format!("{}.{}", row[0], row[1])), row[2..].join(" "));
    }
    let sql = format!(
        "SELECT TABLE_NAME, PARTITION_NAME, PARTITION_METHOD, PARTITION_ORDINAL_POSITION, COALESCE(PARTITION_DESCRIPTION, ''), \
         HEX(PARTITION_COMMENT) FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = '{schema}' AND PARTITION_NAME IS NOT NULL ORDER BY 1, 4"
    );
    for row in rows(conn, &sql).await {
        facts.entry(("partitions", row[0].clone())).or_default().push_str(&format!("{};", row[1..].join(" ")));
    }
    facts
}

/// Whether a row of the table can be rolled back.
pub async fn takes_back(conn: &mut Conn, schema: &str, table: &str) -> bool {
    let sql = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?";
    let engine: Option<String> = conn.exec_first(sql, (schema, table)).await.unwrap();
    engine.as_deref() == Some("InnoDB")
}

/// Drops the triggers of a schema: they stay behind by name, and MariaDB gives a row that one of them sees the present moment
/// where a TIMESTAMP has no default.
pub async fn drop_triggers(conn: &mut Conn, schema: &str) {
    let sql = "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ?";
    let names: Vec<String> = conn.exec(sql, (schema,)).await.unwrap();
    for name in names {
        let drop = format!("DROP TRIGGER {}.{}", ends::ident(schema), ends::ident(&name));
        conn.query_drop(drop).await.unwrap();
    }
}

/// What a table gives where nothing but its keys is given, as rows of one more row; `Err`: what the server says.
pub async fn defaults(
    conn: &mut Conn,
    schema: &str,
    table: &str,
    columns: &[ends::Column],
    given: &str,
) -> Result<Vec<String>, String> {
    for sql in ["SET timestamp = 1700000000.25", "SET foreign_key_checks = 0", "START TRANSACTION"] {
        conn.query_drop(sql).await.unwrap();
    }
    let insert = format!("INSERT IGNORE INTO {}.{} {given}", ends::ident(schema), ends::ident(table));
    let result = match conn.query_drop(&insert).await {
        Err(fault) => Err(fault.to_string()),
        Ok(()) => {
            let found = ends::rows(conn, schema, table, columns).await;
            Ok(found.rows.iter().map(|row| format!("{row:?}")).collect())
        }
    };
    for sql in ["ROLLBACK", "SET foreign_key_checks = 1", "SET timestamp = DEFAULT"] {
        conn.query_drop(sql).await.unwrap();
    }
    result
}

/// The rows of a view, each as a text, sorted; `Err`: what the server says.
pub async fn view(conn: &mut Conn, schema: &str, name: &str) -> Result<Vec<String>, String> {
    let sql = format!("SELECT * FROM {}.{}", ends::ident(schema), ends::ident(name));
    let found: Vec<mysql_async::Row> = conn.exec(&sql, ()).await.map_err(|fault| fault.to_string())?;
    // -0 is 0.
    let same = |value: mysql_async::Value| match value {
        mysql_async::Value::Float(number) => mysql_async::Value::Float(number + 0.0),
        mysql_async::Value::Double(number) => mysql_async::Value::Double(number + 0.0),
        // A document has no order of its members, and 1.0 is 1.
        mysql_async::Value::Bytes(bytes) if bytes.first().is_some_and(|first| b"{[-0123456789".contains(first)) => {
            let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&bytes);
            mysql_async::Value::Bytes(parsed.map_or(bytes, |json| plain(&json).into_bytes()))
        }
        other => other,
    };
    let shown = |value: mysql_async::Value| same(value).as_sql(true);
    let text = |row: mysql_async::Row| row.unwrap().into_iter().map(shown).collect::<Vec<_>>().join(", ");
    let mut rows: Vec<String> = found.into_iter().map(text).collect();
    rows.sort();
    Ok(rows)
}

fn plain(json: &serde_json::Value) -> String {
    use serde_json::Value as Json;
    match json {
        Json::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(",")),
        Json::Object(members) => {
            let mut members: Vec<String> =
                members.iter().map(|(key, value)| format!("{key:?}:{}", plain(value))).collect();
            members.sort();
            format!("{{{}}}", members.join(","))
        }
        Json::Number(number) => format!("{:e}", number.as_f64().unwrap_or_default()),
        other => other.to_string(),
    }
}
