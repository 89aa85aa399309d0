//! What a session is set to for its role (contract 6), in one statement. A variable that this server does not have is
//! left out because it was asked for, never because an error was swallowed. No global variable is ever set.

use std::collections::BTreeSet;

use crate::seams::sql::{Connection as _, Fault, Role};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

use super::faults::Place;
use super::{MysqlConnection, identity};

/// For answers that wait on a slow reader or come from a slow writer, and for snapshots that are held open meanwhile.
const DAY: &str = "86400";
/// After which a server ends the session of a loader that is gone, so that its successor gets on (contract 6).
const LET_GO: &str = "60";

/// One statement of the set-up.
pub(super) struct Setting {
    pub(super) sql: String,
    /// The variable out of `load.session` that it sets; none: the host's own.
    name: Option<String>,
}

impl Setting {
    pub(super) fn failure(&self, fault: &Fault, place: &Place) -> Failure {
        match &self.name {
            Some(name) => fault.failure(
                codes::SESSION_SETUP,
                format!("set up a session with {place}"),
                format!("Take {name:?} out of load.session, or give it a value that this server takes."),
            ),
            None => place.setup_failure(fault),
        }
    }
}

/// The variables that a session of some role may set, and that not every server has.
const WANTED: &[&str] = &[
    "completion_type",
    "group_concat_max_len",
    "information_schema_stats_expiry",
    "innodb_lock_wait_timeout",
    "max_execution_time",
    "max_statement_time",
    "show_gipk_in_create_table_and_information_schema",
    "sql_big_selects",
    "sql_quote_show_create",
    "sql_safe_updates",
    "sql_select_limit",
    "tidb_constraint_check_in_place",
    "tidb_disable_txn_auto_retry",
    "tidb_idle_transaction_timeout",
    "tidb_multi_statement_mode",
    "tidb_txn_mode",
    "transaction_isolation",
    "transaction_read_only",
    "tx_isolation",
    "tx_read_only",
    "unique_checks",
];

/// Which of them this server has, and of those that its identity is made of.
pub(super) async fn known_variables(connection: &mut MysqlConnection) -> Result<BTreeSet<String>, Fault> {
    let names = WANTED.iter().chain(identity::VARIABLES).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let rows = connection.query(&format!("SHOW SESSION VARIABLES WHERE Variable_name IN ({names})")).await?;
    Ok(rows
        .rows
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .map(|name| String::from_utf8_lossy(&name).to_lowercase())
        .collect())
}

/// The statements of a role, in order.
///
/// # Errors
/// Where a name of `load.session` is none.
pub(super) fn settings(role: &Role, known: &BTreeSet<String>, place: &Place) -> Outcome<Vec<Setting>> {
    let mut settings = Vec::new();
    if let Role::Write { session, .. } = role {
        // Before the host's own, so that these have the last word.
        for (name, value) in session {
            settings.push(Setting { sql: session_setting(name, value, place)?, name: Some(name.clone()) });
        }
    }
    let own = own(role, known).into_iter().map(|(name, value)| format!("{name} = {value}"));
    let sql = std::iter::once("NAMES utf8mb4".to_owned()).chain(own).collect::<Vec<_>>().join(", ");
    settings.push(Setting { sql: format!("SET {sql}"), name: None });
    Ok(settings)
}

fn own(role: &Role, known: &BTreeSet<String>) -> Vec<(&'static str, String)> {
    let has = |name: &str| known.contains(name);
    let tidb = has("tidb_txn_mode");
    let writes = matches!(role, Role::Write { .. });
    let mut own: Vec<(&str, String)> = vec![
        ("autocommit", "1".into()),
        ("time_zone", "'+00:00'".into()),
        // In the midst of LOAD DATA a dead loader holds its ledger row for so long; a living one sends all the time.
        ("net_read_timeout", if writes && !tidb { LET_GO } else { DAY }.into()),
        ("net_write_timeout", DAY.into()),
    ];
    let mut optional = |name: &'static str, value: &str| {
        if has(name) {
            own.push((name, value.into()));
        }
    };
    optional(if has("transaction_isolation") { "transaction_isolation" } else { "tx_isolation" }, "'REPEATABLE-READ'");
    optional("max_execution_time", "0");
    if !tidb {
        // TiDB lists MariaDB's name without a meaning.
        optional("max_statement_time", "0");
    }
    optional("sql_select_limit", "18446744073709551615");
    optional("sql_big_selects", "1");
    optional("sql_quote_show_create", "1");
    optional("tidb_multi_statement_mode", "'OFF'");
    optional("information_schema_stats_expiry", "0");
    optional("show_gipk_in_create_table_and_information_schema", "1");
    optional("group_concat_max_len", "16777216");
    match role {
        Role::Look | Role::Read => {
            if !tidb {
                // TiDB takes it only beside tidb_enable_noop_functions.
                let read_only = if has("transaction_read_only") { "transaction_read_only" } else { "tx_read_only" };
                optional(read_only, "1");
            }
            // A day that no month has is a value of a key, too, and of the borders of its ranges.
            own.push(("sql_mode", "'NO_ENGINE_SUBSTITUTION,ALLOW_INVALID_DATES'".into()));
            own.push(("wait_timeout", DAY.into()));
        }
        Role::Write { keep_zero_dates, .. } => {
            optional("sql_safe_updates", "0");
            // A batch that is sent again has to collide with a predecessor's ledger row (contract, "Ledger"). TiDB
            // looks for both at COMMIT as well as at each row, and a lock for each row is a sixth of a load's CPU.
            // Nothing is ever replayed by the server: it could not replay LOAD DATA.
            optional("tidb_txn_mode", "'optimistic'");
            optional("tidb_disable_txn_auto_retry", "1");
            // A strict INSERT names the row that is there already at once, not at COMMIT.
            optional("tidb_constraint_check_in_place", "1");
            optional("tidb_idle_transaction_timeout", "60");
            if !tidb {
                // A global value of the server must not let a duplicate in, chain transactions, or give up on the ledger
                // row of a dead loader before the server lets go of it.
                optional("unique_checks", "1");
                optional("completion_type", "'NO_CHAIN'");
                optional("innodb_lock_wait_timeout", "50");
            }
            own.push(("foreign_key_checks", "0".into()));
            own.push(("sql_mode", write_mode(*keep_zero_dates)));
            // Each warning of a batch is read: it tells which column it is of.
            own.push(("max_error_count", "65535".into()));
            if !has("tidb_idle_transaction_timeout") {
                own.push(("wait_timeout", LET_GO.into()));
            }
        }
    }
    own
}

/// Strict in all that is sent; a 0 in an AUTO_INCREMENT column stays 0. A division by zero is NULL without a word: only a column
/// that the target computes can have one, and where the source has the row, it has the NULL.
fn write_mode(keep_zero_dates: bool) -> String {
    let zero_dates = if keep_zero_dates { "ALLOW_INVALID_DATES," } else { "NO_ZERO_DATE,NO_ZERO_IN_DATE," };
    format!("'STRICT_TRANS_TABLES,STRICT_ALL_TABLES,{zero_dates}NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'")
}

/// A variable of `load.session`: its value stands as a number or a keyword where it is one, else in quotes.
fn session_setting(name: &str, value: &str, place: &Place) -> Outcome<String> {
    let sound = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !sound {
        return Err(Failure::new(
            codes::SESSION_SETUP,
            format!("set up a session with {place}"),
            format!("{name:?} is not the name of a session variable"),
            "Name session variables in load.session as the server does, without @@ and without a scope.",
        ));
    }
    let number = value.parse::<f64>().is_ok_and(f64::is_finite) && value.bytes().all(|b| b"+-.0123456789".contains(&b));
    let keyword = ["ON", "OFF", "TRUE", "FALSE", "DEFAULT"].iter().any(|word| word.eq_ignore_ascii_case(value));
    Ok(if number || keyword {
        format!("SET SESSION {name} = {value}")
    } else {
        format!("SET SESSION {name} = '{}'", value.replace('\\', "\\\\").replace('\'', "''"))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn set_up(role: &Role, known: &[&str]) -> String {
        let known = known.iter().map(|name| (*name).to_owned()).collect();
        let settings = settings(role, &known, &Place::sample()).unwrap();
        settings.into_iter().map(|setting| setting.sql).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_variable_that_the_server_lacks_is_not_set() {
        let sql = set_up(&Role::Read, &["tx_isolation", "max_statement_time", "tx_read_only"]);
        for (part, there) in [
            ("SET NAMES utf8mb4, ", true),
            ("tx_isolation = 'REPEATABLE-READ'", true),
            ("max_statement_time = 0", true),
            ("tx_read_only = 1", true),
            ("time_zone = '+00:00'", true),
            (" transaction_isolation", false),
            ("max_execution_time", false),
            ("foreign_key_checks", false),
        ] {
            assert_eq!(sql.contains(part), there, "{part} in {sql}");
        }
    }

    #[test]
    fn a_loader_lets_go_of_a_dead_transaction_after_a_minute() {
        let write = Role::Write { keep_zero_dates: false, session: BTreeMap::new() };
        let tidb = set_up(&write, &["tidb_txn_mode", "tidb_idle_transaction_timeout", "tx_read_only"]);
        assert!(tidb.contains("tidb_idle_transaction_timeout = 60") && !tidb.contains(" wait_timeout"), "{tidb}");
        assert!(!tidb.contains("read_only"), "{tidb}");
        assert!(tidb.contains("net_read_timeout = 86400") && !tidb.contains("unique_checks"), "{tidb}");
        let other = set_up(&write, &["unique_checks", "completion_type", "innodb_lock_wait_timeout"]);
        for part in [
            " wait_timeout = 60",
            "net_read_timeout = 60",
            "unique_checks = 1",
            "completion_type = 'NO_CHAIN'",
            "innodb_lock_wait_timeout = 50",
        ] {
            assert!(other.contains(part), "{part} in {other}");
        }
        assert!(set_up(&Role::Read, &[]).contains("net_read_timeout = 86400"));
    }

    #[test]
    fn a_variable_that_mig_sets_cannot_be_set_by_the_spec() {
        let every: BTreeSet<String> = WANTED.iter().map(|name| (*name).to_owned()).collect();
        let mut without_tidb = every.clone();
        without_tidb.retain(|name| !name.starts_with("tidb_"));
        let write = Role::Write { keep_zero_dates: false, session: BTreeMap::new() };
        for known in [every, without_tidb] {
            for (name, _) in own(&write, &known) {
                assert!(crate::formats::spec::migrations::FIXED.contains(&name), "{name}");
            }
        }
    }

    #[test]
    fn zero_dates_are_kept_only_where_it_is_said() {
        for (keep_zero_dates, strict) in [(false, true), (true, false)] {
            let sql = set_up(&Role::Write { keep_zero_dates, session: BTreeMap::new() }, &[]);
            assert_eq!(sql.contains("NO_ZERO_DATE,NO_ZERO_IN_DATE"), strict, "{sql}");
        }
    }

    #[test]
    fn a_value_of_load_session_cannot_leave_its_place() {
        for (name, value, expected) in [
            ("tidb_mem_quota_query", "8589934592", Some("SET SESSION tidb_mem_quota_query = 8589934592")),
            ("x", "on", Some("SET SESSION x = on")),
            ("x", "1, y = 2", Some("SET SESSION x = '1, y = 2'")),
            ("x", "a'b\\", Some("SET SESSION x = 'a''b\\\\'")),
            ("x = 1, y", "2", None),
            ("@@global.x", "2", None),
        ] {
            assert_eq!(session_setting(name, value, &Place::sample()).ok().as_deref(), expected);
        }
    }
}
