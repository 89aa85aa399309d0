//! One server as a session sees it: who it is, what it can do, who we are to it. A privilege that is missing for a look
//! at the binlog is told in the facts; it is not an error.

use std::collections::BTreeMap;

use crate::formats::collation::{normal_charset, normal_collation};
use crate::formats::facts::{Binlog, Flavor, NO_LEDGER, Position, ServerFacts};
use crate::seams::sql::{Connection, Fault, Rows};
use crate::think::abilities::Abilities;
use crate::words::addr::sql_ident;
use crate::words::error::Outcome;

use super::{cells, literal, texts};

const DOING: &str = "look at the server";
/// TiDB's own default of performance.txn-entry-size-limit, for where its configuration cannot be read.
const TIDB_ROW_LIMIT: u64 = 6 << 20;

/// Variables that the facts are made of; a server has some of them.
const VARIABLES: &[&str] = &[
    "aurora_server_id",
    "binlog_format",
    "binlog_row_image",
    "datadir",
    "gtid_binlog_pos",
    "hostname",
    "innodb_force_primary_key",
    "innodb_read_only",
    "local_infile",
    "log_bin",
    "log_replica_updates",
    "log_slave_updates",
    "lower_case_table_names",
    "max_allowed_packet",
    "port",
    "read_only",
    "restrict_fk_on_non_standard_key",
    "server_uuid",
    "sql_generate_invisible_primary_key",
    "sql_require_primary_key",
    "super_read_only",
    "tidb_enable_check_constraint",
    "tidb_enable_foreign_key",
    "tidb_restricted_read_only",
    "tidb_super_read_only",
    "tidb_txn_entry_size_limit",
];

const READ_ONLY: &[&str] =
    &["innodb_read_only", "read_only", "super_read_only", "tidb_restricted_read_only", "tidb_super_read_only"];

const RESTRICTIONS: &[&str] = &[
    "innodb_force_primary_key",
    "restrict_fk_on_non_standard_key",
    "sql_generate_invisible_primary_key",
    "sql_require_primary_key",
];

/// What kind of server has this `VERSION()`.
pub fn flavor_of(version: &str) -> Flavor {
    if version.contains("TiDB") {
        Flavor::Tidb
    } else if version.to_ascii_lowercase().contains("mariadb") {
        Flavor::Mariadb
    } else {
        Flavor::Mysql
    }
}

/// Everything that one session can tell of its server. `ledger_schema` is a target's: TiDB's identity stands in it.
///
/// # Errors
/// Where the connection is lost, or a look fails that needs no privilege.
pub async fn server_facts(conn: &mut dyn Connection, ledger_schema: Option<&str>) -> Outcome<ServerFacts> {
    let names = VARIABLES.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
    let variables: BTreeMap<String, String> =
        texts(conn, DOING, &format!("SHOW VARIABLES WHERE Variable_name IN ({names})"))
            .await?
            .into_iter()
            .filter_map(|row| Some((row.first()?.to_lowercase(), row.get(1)?.clone())))
            .collect();
    let value = |name: &str| variables.get(name).map(String::as_str).unwrap_or_default();
    let on = |name: &str| matches!(value(name).to_ascii_uppercase().as_str(), "ON" | "1" | "TRUE");
    let who = texts(conn, DOING, "SELECT VERSION(), CURRENT_USER(), @@GLOBAL.sql_mode, @@GLOBAL.group_concat_max_len")
        .await?
        .into_iter()
        .next()
        .unwrap_or_default();
    let version = who.first().cloned().unwrap_or_default();
    let user = who.get(1).cloned().unwrap_or_default();
    // Of the sessions of others: mig's own have a mode of their own.
    let modes: Vec<&str> = who.get(2).map(String::as_str).unwrap_or_default().split(',').collect();
    let begins_with = |name: &str| modes.iter().any(|mode| mode.eq_ignore_ascii_case(name));
    let flavor = flavor_of(&version);
    let server_id = match flavor {
        Flavor::Mysql if !value("server_uuid").is_empty() => value("server_uuid").to_owned(),
        // MySQL before 5.6 has none either.
        Flavor::Mysql | Flavor::Mariadb => format!("{}:{}:{}", value("hostname"), value("port"), value("datadir")),
        Flavor::Tidb => tidb_id(conn, ledger_schema).await?,
    };
    let (collations, default_collations) = collations(conn, flavor).await?;
    let named = |names: &[&str]| names.iter().filter(|name| on(name)).map(|name| (*name).to_owned()).collect();
    let replica = if flavor == Flavor::Tidb { None } else { replica(conn, flavor, &version).await? };
    let mut binlog = match flavor {
        Flavor::Tidb => Binlog::default(),
        _ if !on("log_bin") => Binlog::default(),
        _ => binlog(conn, flavor, &version, value("gtid_binlog_pos")).await?,
    };
    binlog.applies_unlogged =
        binlog.enabled && replica != Some(false) && !on("log_replica_updates") && !on("log_slave_updates");
    let replica = replica.unwrap_or(false);
    binlog.format = value("binlog_format").into();
    binlog.row_image = value("binlog_row_image").into();
    let tidb = flavor == Flavor::Tidb;
    let mut facts = ServerFacts {
        fault: None,
        dump: false,
        identity: format!("{}@{server_id}", user.rsplit_once('@').map_or(user.as_str(), |(name, _)| name)),
        own_id: if tidb { String::new() } else { server_id.clone() },
        server_id,
        flavor,
        aurora: variables.contains_key("aurora_server_id"),
        tls_cipher: texts(conn, DOING, "SHOW STATUS LIKE 'Ssl_cipher'")
            .await?
            .into_iter()
            .next()
            .and_then(|row| row.into_iter().nth(1))
            .unwrap_or_default(),
        grants: grants(conn, flavor, &version).await?,
        read_only: named(READ_ONLY),
        restrictions: named(RESTRICTIONS),
        replica,
        local_infile: on("local_infile"),
        lower_case_table_names: value("lower_case_table_names").parse().unwrap_or(0),
        collations,
        default_collations,
        max_allowed_packet: value("max_allowed_packet").parse().unwrap_or(0),
        row_limit: if tidb { row_limit(conn, value("tidb_txn_entry_size_limit")).await? } else { 0 },
        check_constraints: false,
        foreign_keys_off: tidb && !on("tidb_enable_foreign_key"),
        only_full_group_by: begins_with("ONLY_FULL_GROUP_BY"),
        no_zero_dates: begins_with("NO_ZERO_DATE") || begins_with("NO_ZERO_IN_DATE"),
        group_concat_max_len: who.get(3).and_then(|length| length.parse().ok()),
        cores: if tidb { cores(conn).await? } else { None },
        binlog,
        user,
        version,
    };
    facts.check_constraints =
        Abilities::of(&facts).map_or_else(|| on("tidb_enable_check_constraint"), |has| has.checks);
    Ok(facts)
}

/// A look that the server may refuse: `Err` inside is its refusal, outside the loss of the connection.
async fn maybe(conn: &mut dyn Connection, sql: &str) -> Outcome<Result<Rows, Fault>> {
    match conn.query(sql).await {
        Ok(rows) => Ok(Ok(rows)),
        Err(fault) if fault.lost => Err(fault.told(DOING)),
        Err(fault) => Ok(Err(fault)),
    }
}

/// Whether a version is at least this one.
fn at_least(version: &str, wanted: (u32, u32)) -> bool {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= wanted
}

async fn tidb_id(conn: &mut dyn Connection, ledger_schema: Option<&str>) -> Outcome<String> {
    let first = |rows: Rows| cells(&rows).into_iter().next().and_then(|row| row.into_iter().next());
    let Some(schema) = ledger_schema else {
        // A source has no ledger; its cluster's number is the next best.
        let sql = "SELECT VARIABLE_VALUE FROM mysql.tidb WHERE VARIABLE_NAME = 'cluster_id'";
        let id = maybe(conn, sql).await?.ok().and_then(first);
        return Ok(id.map_or_else(|| NO_LEDGER.to_owned(), |id| format!("cluster-{id}")));
    };
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = 'identity'",
        literal(schema)
    );
    if texts(conn, DOING, &sql).await?.first().and_then(|row| row.first()).is_none_or(|count| count == "0") {
        return Ok(NO_LEDGER.into());
    }
    let sql = format!("SELECT server_id FROM {}.identity", sql_ident(schema));
    let rows = conn.query(&sql).await.map_err(|fault| fault.told(DOING))?;
    Ok(first(rows).unwrap_or_else(|| NO_LEDGER.into()))
}

/// Collation -> charset, and charset -> its default collation.
async fn collations(
    conn: &mut dyn Connection,
    flavor: Flavor,
) -> Outcome<(BTreeMap<String, String>, BTreeMap<String, String>)> {
    // MariaDB shows the collations that go with several charsets without one, and columns in them by the full name.
    let full = "SELECT FULL_COLLATION_NAME, CHARACTER_SET_NAME, ID, IS_DEFAULT \
                FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY";
    let full = if flavor == Flavor::Mariadb { maybe(conn, full).await?.ok() } else { None };
    let rows = match full {
        Some(rows) => rows,
        None => conn.query("SHOW COLLATION").await.map_err(|fault| fault.told(DOING))?,
    };
    let (mut all, mut defaults) = (BTreeMap::new(), BTreeMap::new());
    for row in cells(&rows) {
        let [name, charset, _, default, ..] = row.as_slice() else { continue };
        let (name, charset) = (normal_collation(name), normal_charset(charset));
        if default == "Yes" {
            defaults.insert(charset.clone(), name.clone());
        }
        all.insert(name, charset);
    }
    Ok((all, defaults))
}

/// The lines of SHOW GRANTS, with the privileges of the roles that are active.
async fn grants(conn: &mut dyn Connection, flavor: Flavor, version: &str) -> Outcome<Vec<String>> {
    let mut sql = "SHOW GRANTS FOR CURRENT_USER()".to_owned();
    if flavor != Flavor::Mariadb && at_least(version, (8, 0)) {
        let roles = texts(conn, DOING, "SELECT CURRENT_ROLE()").await?;
        let roles = roles.into_iter().next().and_then(|row| row.into_iter().next()).unwrap_or_default();
        if !roles.is_empty() && roles != "NONE" {
            sql = format!("{sql} USING {roles}");
        }
    }
    Ok(texts(conn, DOING, &sql).await?.into_iter().filter_map(|row| row.into_iter().next()).collect())
}

/// `None`: the server does not let it be seen.
async fn replica(conn: &mut dyn Connection, flavor: Flavor, version: &str) -> Outcome<Option<bool>> {
    let sql = match flavor {
        Flavor::Mariadb => "SHOW ALL SLAVES STATUS",
        _ if at_least(version, (8, 4)) => "SHOW REPLICA STATUS",
        _ => "SHOW SLAVE STATUS",
    };
    if let Ok(rows) = maybe(conn, sql).await? {
        return Ok(Some(!rows.rows.is_empty()));
    }
    // MariaDB has a privilege of its own for that, and tells every user whether one runs.
    let running = maybe(conn, "SHOW GLOBAL STATUS LIKE 'Slaves_running'").await?.ok();
    let running = running.and_then(|rows| cells(&rows).into_iter().next()?.into_iter().nth(1));
    Ok(running.map(|count| count != "0"))
}

async fn binlog(conn: &mut dyn Connection, flavor: Flavor, version: &str, mariadb_gtid: &str) -> Outcome<Binlog> {
    let mut binlog = Binlog { enabled: true, ..Binlog::default() };
    let sql = status(flavor, version);
    match maybe(conn, sql).await? {
        Ok(rows) => {
            let cell = |name: &str| named_cell(&rows, name);
            binlog.filtered = !cell("Binlog_Do_DB").is_empty() || !cell("Binlog_Ignore_DB").is_empty();
            binlog.position = place(&rows, mariadb_gtid);
        }
        Err(fault) => {
            binlog.fault = format!("{sql}: {fault}");
            return Ok(binlog);
        }
    }
    match maybe(conn, "SHOW BINARY LOGS").await? {
        Ok(rows) => binlog.files = cells(&rows).into_iter().filter_map(|row| row.into_iter().next()).collect(),
        Err(fault) => binlog.fault = format!("SHOW BINARY LOGS: {fault}"),
    }
    Ok(binlog)
}

/// Where the binlog ends now; `None`: it is off, or this user may not know.
///
/// # Errors
/// Where the connection is lost.
pub async fn position(conn: &mut dyn Connection, flavor: Flavor, version: &str) -> Outcome<Option<Position>> {
    let gtid = match flavor {
        Flavor::Mariadb => maybe(conn, "SELECT @@GLOBAL.gtid_binlog_pos").await?.ok(),
        _ => None,
    };
    let gtid = gtid.and_then(|rows| cells(&rows).into_iter().next()?.into_iter().next()).unwrap_or_default();
    let rows = maybe(conn, status(flavor, version)).await?.ok();
    Ok(rows.and_then(|rows| place(&rows, &gtid)))
}

fn status(flavor: Flavor, version: &str) -> &'static str {
    if flavor == Flavor::Mysql && at_least(version, (8, 4)) { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" }
}

fn named_cell(rows: &Rows, name: &str) -> String {
    let at = rows.columns.iter().position(|column| column.eq_ignore_ascii_case(name));
    at.and_then(|at| cells(rows).into_iter().next()?.get(at).cloned()).unwrap_or_default()
}

fn place(rows: &Rows, mariadb_gtid: &str) -> Option<Position> {
    let gtid = named_cell(rows, "Executed_Gtid_Set").replace('\n', "");
    let gtid = if gtid.is_empty() { mariadb_gtid.to_owned() } else { gtid };
    let (file, offset) = (named_cell(rows, "File"), named_cell(rows, "Position").parse().unwrap_or(0));
    (!file.is_empty()).then(|| Position { file, offset, gtid, ..Position::default() })
}

async fn row_limit(conn: &mut dyn Connection, variable: &str) -> Outcome<u64> {
    if let Some(limit) = variable.parse().ok().filter(|limit| *limit > 0) {
        return Ok(limit);
    }
    let config = maybe(conn, "SELECT @@tidb_config").await?.ok();
    let limit = config.and_then(|rows| {
        let text = cells(&rows).into_iter().next()?.into_iter().next()?;
        let config: serde_json::Value = serde_json::from_str(&text).ok()?;
        config.pointer("/performance/txn-entry-size-limit")?.as_u64()
    });
    Ok(limit.filter(|limit| *limit > 0).unwrap_or(TIDB_ROW_LIMIT))
}

async fn cores(conn: &mut dyn Connection) -> Outcome<Option<u32>> {
    let sql = "SELECT /*+ MAX_EXECUTION_TIME(3000) */ SUM(VALUE) FROM information_schema.CLUSTER_HARDWARE \
               WHERE TYPE = 'tidb' AND DEVICE_TYPE = 'cpu' AND NAME = 'cpu-logical-cores'";
    let cores = maybe(conn, sql).await?.ok();
    Ok(cores.and_then(|rows| {
        let cores: f64 = cells(&rows).into_iter().next()?.into_iter().next()?.parse().ok()?;
        // The sum is a small whole number that comes as a DOUBLE.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (1.0..1e6).contains(&cores).then_some(cores as u32)
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_version_tells_the_kind_of_server_and_whether_it_is_new_enough() {
        for (version, flavor, new) in [
            ("9.7.4-2", Flavor::Mysql, true),
            ("8.4.0", Flavor::Mysql, true),
            ("8.0.mysql_aurora.3.04.1", Flavor::Mysql, false),
            ("5.7.44-log", Flavor::Mysql, false),
            ("10.11.18-MariaDB-0+deb12u1-log", Flavor::Mariadb, true),
            ("8.0.11-TiDB-v8.5.6", Flavor::Tidb, false),
        ] {
            assert_eq!((flavor_of(version), at_least(version, (8, 4))), (flavor, new), "{version}");
        }
    }
}
