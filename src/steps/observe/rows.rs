//! Looks at rows of the source, before anything is moved: for what only rows can tell. A table is looked at only where its
//! structure asks for it. Every look is bounded in time; one that does not reach every row says how far it came.
//! Knows neither what is done about a finding nor any value: what was read is forgotten once it is judged.

mod json;
mod keys;
mod members;
mod references;
mod text;
mod time;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::formats::facts::{Flavor, ServerFacts};
use crate::formats::row_facts::{RowFacts, RowFinding, RowRisk, Unfinished};
use crate::formats::spec::model::Migration;
use crate::formats::structure::{Column, Table};
use crate::seams::sql::{Connection, Server};
use crate::words::addr::sql_ident;
use crate::words::error::Outcome;

use super::cells;

/// Rows of a table that are looked at where all of them take too long.
const ROWS: u64 = 100_000;
/// How long one statement may take, and all looks of a migration together.
const STATEMENT: Duration = Duration::from_secs(5);
const ALL: Duration = Duration::from_secs(60);
/// A table that its server thinks to have more rows is not tried as a whole.
const LARGE: u64 = 5_000_000;

/// What the looks of one migration work with.
pub struct Look<'a> {
    pub source: &'a ServerFacts,
    pub target: &'a ServerFacts,
    /// Where the target's collations are asked; `None`: it cannot be reached.
    pub target_server: Option<&'a dyn Server>,
    pub migration: &'a Migration,
    pub tables: &'a [Table],
}

/// Looks at the rows of every table that asks for it.
///
/// # Errors
/// Where a connection is lost.
pub async fn row_facts(conn: &mut dyn Connection, look: &Look<'_>) -> Outcome<RowFacts> {
    let mut looker = Looker {
        conn,
        bound: Bound::of(look.source),
        until: Instant::now() + ALL,
        facts: RowFacts::default(),
        wheres: &look.migration.dump.where_,
    };
    for table in look.tables {
        text::look(&mut looker, look, table).await?;
        json::look(&mut looker, look, table).await?;
        members::look(&mut looker, look, table).await?;
        time::look(&mut looker, look, table).await?;
    }
    keys::look(&mut looker, look).await?;
    references::look(&mut looker, look).await?;
    Ok(looker.facts.sorted())
}

/// How a server is told to end a statement after a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// MySQL 5.7.8 and later, TiDB.
    Hint,
    /// MariaDB 10.1 and later.
    Statement,
    /// By rows alone.
    Rows,
}

impl Bound {
    fn of(server: &ServerFacts) -> Self {
        match server.flavor {
            Flavor::Tidb => Self::Hint,
            Flavor::Mariadb if at_least(&server.version, (10, 1, 1)) => Self::Statement,
            Flavor::Mysql if at_least(&server.version, (5, 7, 8)) => Self::Hint,
            _ => Self::Rows,
        }
    }

    /// A SELECT that ends after a time; `rest` stands behind the word SELECT.
    fn select(self, rest: &str, time: Duration) -> String {
        match self {
            Self::Hint => format!("SELECT /*+ MAX_EXECUTION_TIME({}) */ {rest}", time.as_millis()),
            Self::Statement => format!("SET STATEMENT max_statement_time={} FOR SELECT {rest}", time.as_secs_f64()),
            Self::Rows => format!("SELECT {rest}"),
        }
    }
}

/// Whether a version is that one or a later one: `5.7.44-log`, `8.0.mysql_aurora.3.04.1`.
fn at_least(version: &str, wanted: (u32, u32, u32)) -> bool {
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next()) >= wanted
}

/// One connection to the source, and the time that is left.
struct Looker<'a> {
    conn: &'a mut dyn Connection,
    bound: Bound,
    until: Instant,
    facts: RowFacts,
    /// `where` of the dump, by key of the table.
    wheres: &'a BTreeMap<String, String>,
}

/// The rows of a small result, or why there are none.
type Answer = Result<Vec<Vec<String>>, String>;

/// How often each of some conditions held.
struct Counted {
    hits: Vec<u64>,
    /// How far the look came, where it did not reach every row.
    short: Option<String>,
}

impl Looker<'_> {
    /// Runs a bounded SELECT.
    async fn ask(&mut self, rest: &str) -> Outcome<Answer> {
        let left = self.until.saturating_duration_since(Instant::now()).min(STATEMENT);
        if left.is_zero() {
            return Ok(Err(format!("the {} s for looks at rows were over", ALL.as_secs())));
        }
        match self.conn.query(&self.bound.select(rest, left)).await {
            Ok(rows) => Ok(Ok(cells(&rows))),
            Err(fault) if fault.lost => Err(fault.told("look at rows of the source")),
            Err(fault) => Ok(Err(match fault.number {
                Some(3024 | 1969 | 1317) => format!("all of them take longer than {} s", STATEMENT.as_secs()),
                Some(number) => format!("the server answered error {number}"),
                None => "the server did not answer".into(),
            })),
        }
    }

    /// Whether there is time for another look.
    fn in_time(&self) -> bool {
        Instant::now() < self.until
    }

    /// The table, as far as the spec wants its rows, for a FROM.
    fn from(&self, table: &Table) -> String {
        let filter = self.wheres.get(&table.name.key()).map(|filter| format!(" WHERE ({filter})"));
        format!("{}{}", table.name.sql(), filter.unwrap_or_default())
    }

    /// The table for a FROM, under a name. Where a server bounds no statement in time only its first rows, and then why.
    fn rows_of(&self, table: &Table, name: &str) -> (String, Option<String>) {
        let from = self.from(table);
        match self.bound {
            Bound::Hint | Bound::Statement if from == table.name.sql() => (format!("{from} {name}"), None),
            Bound::Hint | Bound::Statement => (format!("(SELECT * FROM {from}) {name}"), None),
            Bound::Rows => {
                let short = (table.estimate.rows >= ROWS / 2)
                    .then(|| format!("the first {ROWS} rows were looked at: the server bounds no statement in time"));
                (format!("(SELECT * FROM {from} LIMIT {ROWS}) {name}"), short)
            }
        }
    }

    /// Counts for how many rows each condition holds: over all rows where that is quick enough, else over the first.
    async fn count(&mut self, table: &Table, columns: &[&Column], conditions: &[String]) -> Outcome<Counted> {
        let sums: String = conditions.iter().map(|condition| format!(",SUM(IFNULL({condition},0))")).collect();
        let from = self.from(table);
        let numbers = |rows: Vec<Vec<String>>| -> Vec<u64> {
            rows.into_iter().next().unwrap_or_default().iter().map(|cell| cell.parse().unwrap_or(0)).collect()
        };
        let mut why = "the server bounds no statement in time".to_owned();
        if table.estimate.rows > LARGE {
            why = "the table is large".into();
        } else if self.bound != Bound::Rows {
            match self.ask(&format!("COUNT(*){sums} FROM {from}")).await? {
                Ok(rows) => {
                    let hits = numbers(rows).into_iter().skip(1).collect();
                    return Ok(Counted { hits, short: None });
                }
                Err(reason) => why = reason,
            }
        }
        let names = columns.iter().map(|column| sql_ident(&column.name)).collect::<Vec<_>>().join(",");
        let first = format!("COUNT(*){sums} FROM (SELECT {names} FROM {from} LIMIT {ROWS}) first_rows");
        Ok(match self.ask(&first).await? {
            Ok(rows) => {
                let numbers = numbers(rows);
                let rows = numbers.first().copied().unwrap_or(0);
                let short = (rows >= ROWS).then(|| format!("the first {ROWS} rows were looked at: {why}"));
                Counted { hits: numbers.into_iter().skip(1).collect(), short }
            }
            Err(reason) => Counted { hits: vec![0; conditions.len()], short: Some(format!("not looked at: {reason}")) },
        })
    }

    fn found(&mut self, risk: RowRisk, table: &Table, object: String, rows: u64, what: String) {
        self.facts.found.push(RowFinding { risk, table: table.name.key(), object, rows, what });
    }

    fn unfinished(&mut self, risk: RowRisk, table: &Table, object: String, why: String) {
        self.facts.unfinished.push(Unfinished { risk, table: table.name.key(), object, why });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_bounded_as_its_server_knows_it() {
        for (flavor, version, expected) in [
            (Flavor::Mysql, "9.7.4-2", "SELECT /*+ MAX_EXECUTION_TIME(5000) */ 1"),
            (Flavor::Mysql, "5.7.44-log", "SELECT /*+ MAX_EXECUTION_TIME(5000) */ 1"),
            (Flavor::Mysql, "5.7.7", "SELECT 1"),
            (Flavor::Mysql, "5.6.24-log", "SELECT 1"),
            (Flavor::Mysql, "8.0.mysql_aurora.3.04.1", "SELECT /*+ MAX_EXECUTION_TIME(5000) */ 1"),
            (Flavor::Mariadb, "10.11.18-MariaDB", "SET STATEMENT max_statement_time=5 FOR SELECT 1"),
            (Flavor::Mariadb, "10.0.38-MariaDB", "SELECT 1"),
            (Flavor::Tidb, "8.0.11-TiDB-v8.5.6", "SELECT /*+ MAX_EXECUTION_TIME(5000) */ 1"),
        ] {
            let server = ServerFacts { flavor, version: version.into(), ..ServerFacts::default() };
            assert_eq!(Bound::of(&server).select("1", STATEMENT), expected, "{version}");
        }
    }
}
