//! `types.list` as values: the tables, columns and values that are moved, and what the target is to hold.

/// One table of the list for one source.
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
}

/// A column and its values; where a column has fewer values than another, the rest is NULL.
pub struct Column {
    /// As in CREATE TABLE. Also its name: a name of any characters is part of what is tried.
    pub sql_type: String,
    pub values: Vec<Value>,
}

pub struct Value {
    /// SQL of the source.
    pub sql: String,
    /// What the target holds where it is not the same.
    pub target: Option<f64>,
}

/// What a gate refuses: the code of its rule, the place that the plan names, and SQL that makes it.
pub struct Refused {
    pub code: String,
    /// Whether the rule's rewrite lets it through.
    pub rewritten: bool,
    pub place: String,
    pub sql: String,
}

/// What of the list `source` ("mysql", "mysql56" or "mariadb") has.
pub fn tables(source: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut skipped = false;
    for line in lines("moved") {
        let indented = line.starts_with(' ');
        let text = line.trim();
        if let Some(name) = text.strip_prefix("table ") {
            tables.push(Table { name: name.to_owned(), columns: Vec::new() });
            continue;
        }
        let Some(text) = of_source(text, source) else {
            skipped |= !indented;
            continue;
        };
        let table = tables.last_mut().expect("a table stands before its columns");
        if !indented {
            skipped = false;
            table.columns.push(Column { sql_type: text.to_owned(), values: Vec::new() });
        } else if !skipped {
            let (sql, target) = match text.split_once(" -> ") {
                Some((sql, target)) => (sql, Some(target.trim().parse().expect("a number stands behind ->"))),
                None => (text, None),
            };
            let column = table.columns.last_mut().expect("a column stands before its values");
            column.values.push(Value { sql: sql.trim().to_owned(), target });
        }
    }
    // What a server has none of its types for is not a table there.
    tables.retain(|table| !table.columns.is_empty());
    tables
}

pub fn refused(source: &str) -> Vec<Refused> {
    lines("refused")
        .filter_map(|line| of_source(line, source))
        .map(|line| {
            let (code, rest) = line.split_once(' ').expect("a code");
            let (rewritten, rest) = rest.strip_prefix("rewrite ").map_or((false, rest), |rest| (true, rest));
            let (place, sql) = rest.split_once(' ').expect("a place and SQL");
            Refused { code: code.into(), rewritten, place: place.into(), sql: sql.into() }
        })
        .collect()
}

/// Statements that make and fill tables of particular shapes.
pub fn shapes(source: &str) -> Vec<&'static str> {
    lines("shapes").filter_map(|line| of_source(line, source)).collect()
}

/// Names for tables and columns, grouped by the schema that they make a name for.
pub fn names() -> Vec<Vec<&'static str>> {
    let mut groups: Vec<Vec<&str>> = Vec::new();
    for name in lines("names") {
        match groups.last_mut().filter(|group| group.concat().len() + name.len() < 24) {
            Some(group) => group.push(name),
            None => groups.push(vec![name]),
        }
    }
    groups
}

/// The lines of a part of the list.
fn lines(part: &str) -> impl Iterator<Item = &'static str> {
    let begin = format!("== {part}");
    include_str!("types.list")
        .lines()
        .skip_while(move |line| *line != begin)
        .skip(1)
        .take_while(|line| !line.starts_with("== "))
        .filter(|line| !line.trim().is_empty() && !line.starts_with("# "))
}

/// The line without the name of its source; `None`: it is another's. `later` is every server but MySQL 5.6.
fn of_source<'a>(line: &'a str, source: &str) -> Option<&'a str> {
    let (only, rest) = line.split_once(": ").unwrap_or_default();
    match only {
        "mysql" | "mysql56" | "mariadb" => (only == source).then(|| rest.trim()),
        "later" => (source != "mysql56").then(|| rest.trim()),
        _ => Some(line),
    }
}
