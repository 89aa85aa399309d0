//! Values of a unique key that are different on the source and one under the collation that `collation_map` gives them.
//! The source groups by the new collation, where it has it; what it finds, or cannot tell, a TiDB is asked for: it gives
//! the weights of each value.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Look, Looker};
use crate::formats::ddl::expression::expression_text;
use crate::formats::facts::Flavor;
use crate::formats::row_facts::RowRisk;
use crate::formats::structure::{Column, Index, IndexPart, Table};
use crate::seams::sql::Connection;
use crate::think::gates::collation::{Fate, compared, fate, plain_name};
use crate::words::addr::{key_ident, sql_ident};
use crate::words::error::Outcome;

use super::super::cells;

/// Rows of a table whose weights are asked at most.
const KEYS: u64 = 20_000;
/// Values that one statement asks the weights of.
const VALUES: usize = 400;

/// A text column of a key, and the collation that it gets.
pub(super) struct Weighed<'a> {
    pub(super) column: &'a Column,
    pub(super) collation: String,
    pub(super) converted: bool,
    /// The target weighs under this collation as no other server does: it has to be asked itself.
    own_weights: bool,
}

/// How a text column is compared on the target where that may be in another way; `None`: in the same way.
pub(super) fn weighed<'a>(look: &Look<'_>, column: &'a Column) -> Option<Weighed<'a>> {
    let from = column.collation.as_deref()?;
    let (collation, converted) = match fate(from, look.target, &look.migration.gates) {
        Fate::Kept { collation, .. } => (collation, false),
        Fate::Converted { collation, .. } => {
            let converted = plain_name(from) != plain_name(&collation);
            (collation, converted)
        }
        // The collation gate refuses the migration.
        Fate::Unsupported | Fate::MappedToNothing { .. } => return None,
    };
    // Every letter has one weight on MySQL, MariaDB and TiDB (asked for all of the BMP); but where a weight is padding,
    // under these, TiDB takes U+0020 alone for it, and MySQL U+3000, U+00A0 and others, too.
    let padded = ["utf8mb4_unicode_ci", "utf8_unicode_ci", "gbk_chinese_ci"].contains(&plain_name(from).as_str());
    let apart = (look.source.flavor == Flavor::Tidb) != (look.target.flavor == Flavor::Tidb);
    // TiDB 8.5.6 gives `[` and `\`, and other signs, one weight.
    let own_weights = apart && look.target.flavor == Flavor::Tidb && collation == "gbk_chinese_ci";
    (converted || padded && apart).then_some(Weighed { column, collation, converted, own_weights })
}

pub(super) async fn look(looker: &mut Looker<'_>, look: &Look<'_>) -> Outcome<()> {
    let mut target = None;
    for table in look.tables {
        for index in table.indexes.iter().filter(|index| index.unique && index.kind == "BTREE") {
            let Some(parts) = parts(look, table, index) else { continue };
            // Without a conversion the target tells apart what the source does.
            if !parts.iter().any(Part::may_merge) {
                continue;
            }
            if target.is_none()
                && look.target.flavor == Flavor::Tidb
                && let Some(server) = look.target_server
            {
                target = server.connect(&crate::seams::sql::Role::Look).await.ok();
            }
            one(looker, look, table, index, &parts, target.as_deref_mut()).await?;
        }
    }
    Ok(())
}

/// One part of a key.
enum Part<'a> {
    Column {
        column: &'a Column,
        prefix: Option<u64>,
        weighed: Option<Weighed<'a>>,
    },
    /// What the target computes in another way: an expression, or a generated column, over converted columns.
    Computed {
        /// How people are told of it.
        name: String,
        /// SQL for the source that gives what the target does.
        there: String,
        prefix: Option<u64>,
    },
    /// An expression that both servers compute alike.
    Alike {
        name: String,
        sql: String,
    },
}

impl Part<'_> {
    /// What of the part stands in the key.
    fn value(&self) -> String {
        match self {
            Self::Column { column, prefix: Some(length), .. } if column.charset.is_some() => {
                format!("LEFT({},{length})", sql_ident(&column.name))
            }
            Self::Column { column, .. } => sql_ident(&column.name),
            Self::Computed { there, prefix: Some(length), .. } => format!("LEFT({there},{length})"),
            Self::Computed { there, .. } => there.clone(),
            Self::Alike { sql, .. } => sql.clone(),
        }
    }

    /// The same under the collation of the target.
    fn compared(&self) -> String {
        match self.weighed() {
            Some(weighed) => compared::under(&self.value(), &weighed.collation),
            None => self.value(),
        }
    }

    fn weighed(&self) -> Option<&Weighed<'_>> {
        match self {
            Self::Column { weighed, .. } => weighed.as_ref(),
            Self::Computed { .. } | Self::Alike { .. } => None,
        }
    }

    fn is_computed(&self) -> bool {
        matches!(self, Self::Computed { .. })
    }

    /// Whether values of it that differ on the source may be equal on the target.
    fn may_merge(&self) -> bool {
        self.is_computed() || self.weighed().is_some_and(|weighed| weighed.converted || weighed.own_weights)
    }

    /// A row has no value in the key where this is NULL.
    fn nullable(&self) -> String {
        match self {
            Self::Column { column, .. } => sql_ident(&column.name),
            Self::Computed { .. } | Self::Alike { .. } => self.value(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Column { column, .. } => key_ident(&column.name),
            Self::Computed { name, .. } | Self::Alike { name, .. } => name.clone(),
        }
    }
}

fn parts<'a>(look: &Look<'_>, table: &'a Table, index: &Index) -> Option<Vec<Part<'a>>> {
    let given = |column: &Column| compared::given(column, look.target, &look.migration.gates);
    let part = |part: &IndexPart| {
        let prefix = part.prefix;
        match (&part.column, &part.expression) {
            (Some(name), _) => {
                let column = table.column(name)?;
                let computed = compared::by_collation(table, column);
                let there = computed.then(|| compared::column_under(table, column, &given)).flatten();
                Some(match there {
                    Some(there) => Part::Computed { name: key_ident(name), there, prefix },
                    None => Part::Column { column, prefix, weighed: weighed(look, column) },
                })
            }
            (None, text) => {
                let sql = format!("({})", expression_text(text.as_deref()?));
                let there = compared::expression_under(table, text.as_deref()?, &given);
                Some(match there {
                    Some(there) => Part::Computed { name: sql, there: format!("({there})"), prefix },
                    None => Part::Alike { name: sql.clone(), sql },
                })
            }
        }
    };
    index.parts.iter().map(part).collect()
}

async fn one(
    looker: &mut Looker<'_>,
    look: &Look<'_>,
    table: &Table,
    index: &Index,
    parts: &[Part<'_>],
    target: Option<&mut (dyn Connection + '_)>,
) -> Outcome<()> {
    let object = key_ident(&index.name);
    let names = parts.iter().map(Part::name).collect::<Vec<_>>().join(", ");
    let present: Vec<String> = parts.iter().map(|part| format!("{} IS NOT NULL", part.nullable())).collect();
    let (from, short) = looker.rows_of(table, "looked_at");
    if let Some(why) = short {
        looker.unfinished(RowRisk::MergedKeys, table, object.clone(), why);
    }
    let rows = format!("{from} WHERE {}", present.join(" AND "));
    let group = parts.iter().map(Part::compared).collect::<Vec<_>>().join(",");
    let computed = parts.iter().any(Part::is_computed);
    // Without rows it is quick: what is refused then is the expression.
    if computed && let Err(why) = looker.ask(&format!("1 FROM {rows} GROUP BY {group} LIMIT 0")).await? {
        if looker.in_time() {
            looker.found(RowRisk::UntoldKeys, table, object, 0, format!("{names}: {why}"));
        } else {
            looker.unfinished(RowRisk::MergedKeys, table, object, format!("not looked at: {why}"));
        }
        return Ok(());
    }
    let has = |part: &Part| part.weighed().is_none_or(|w| look.source.collations.contains_key(&w.collation));
    let mut known = Err("the source does not have the collation".to_owned());
    if parts.iter().all(has) {
        let groups = format!("SELECT 1 FROM {rows} GROUP BY {group} HAVING COUNT(*)>1 LIMIT {KEYS}");
        let rest = format!("COUNT(*) FROM ({groups}) merged");
        known = looker.ask(&rest).await?.map(number);
    }
    // Two servers of one kind weigh alike. A TiDB weighs as they do but for spaces at the end, which it may tell apart.
    let own_weights = parts.iter().any(|part| part.weighed().is_some_and(|weighed| weighed.own_weights));
    if known == Ok(0) && !own_weights {
        return Ok(());
    }
    let asked = match target {
        // A text that is computed has no weights before it is computed: the source's answer stands.
        Some(_) if computed => known.clone(),
        Some(target) => by_target(looker, parts, &rows, target).await?,
        None => Err("the target was not asked for its weights".to_owned()),
    };
    match asked.or_else(|why| known.map_err(|_| why)) {
        Ok(0) => {}
        Ok(groups) => looker.found(RowRisk::MergedKeys, table, object, groups, names),
        Err(why) => looker.unfinished(RowRisk::MergedKeys, table, object, format!("not looked at: {why}")),
    }
    Ok(())
}

fn number(rows: Vec<Vec<String>>) -> u64 {
    rows.first().and_then(|row| row.first()?.parse().ok()).unwrap_or(0)
}

/// The same by what the target says of each value.
async fn by_target(
    looker: &mut Looker<'_>,
    parts: &[Part<'_>],
    rows: &str,
    target: &mut (dyn Connection + '_),
) -> Outcome<Result<u64, String>> {
    let selected: Vec<String> = parts
        .iter()
        .map(|part| match part.weighed() {
            Some(_) => format!("HEX(CONVERT({} USING utf8mb4))", part.value()),
            None => format!("HEX({})", part.value()),
        })
        .collect();
    let rows = match looker.ask(&format!("{} FROM {rows} LIMIT {}", selected.join(","), KEYS + 1)).await? {
        Ok(rows) if rows.len() as u64 > KEYS => return Ok(Err(format!("it has more than {KEYS} rows"))),
        Ok(rows) => rows,
        Err(why) => return Ok(Err(why)),
    };
    Ok(merged(target, parts, &rows).await.map_err(|why| format!("the target {why}")))
}

/// How many values of the key on the target stand for more than one row. The source holds each row's key once.
async fn merged(target: &mut dyn Connection, parts: &[Part<'_>], rows: &[Vec<String>]) -> Result<u64, String> {
    let mut keys: HashMap<Vec<String>, u64> = HashMap::new();
    let mut weights: Vec<BTreeMap<String, String>> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let mut of = BTreeMap::new();
        if let Some(weighed) = part.weighed() {
            let values: BTreeSet<String> = rows.iter().filter_map(|row| row.get(at).cloned()).collect();
            of = weights_of(target, &weighed.collation, &values.into_iter().collect::<Vec<_>>()).await?;
        }
        weights.push(of);
    }
    for row in rows {
        let key = row.iter().zip(&weights).map(|(value, of)| of.get(value).unwrap_or(value).clone()).collect();
        *keys.entry(key).or_default() += 1;
    }
    Ok(keys.values().filter(|times| **times > 1).count() as u64)
}

/// By what the target compares each of some texts, which are given and sent as hexadecimal digits.
pub(super) async fn weights_of(
    target: &mut dyn Connection,
    collation: &str,
    values: &[String],
) -> Result<BTreeMap<String, String>, String> {
    let mut weights = BTreeMap::new();
    for some in values.chunks(VALUES) {
        let columns: Vec<String> =
            some.iter().map(|hex| format!("HEX(WEIGHT_STRING({}))", literal(hex, collation))).collect();
        let rows = target.query(&format!("SELECT {}", columns.join(","))).await;
        let rows = rows.map_err(|fault| match fault.number {
            Some(number) => format!("answered error {number}"),
            None => "did not answer".to_owned(),
        })?;
        let row = cells(&rows).into_iter().next().unwrap_or_default();
        weights.extend(some.iter().cloned().zip(row));
    }
    Ok(weights)
}

/// A text, given as hexadecimal digits of its utf8mb4, under a collation.
pub(super) fn literal(hex: &str, collation: &str) -> String {
    match collation.split('_').next().unwrap_or("utf8mb4") {
        "utf8mb4" => format!("(_utf8mb4 x'{hex}' COLLATE {collation})"),
        charset => format!("(CONVERT(_utf8mb4 x'{hex}' USING {charset}) COLLATE {collation})"),
    }
}
