//! A world for tests, built by hand: MySQL 9.7 with a shop, an empty TiDB 8.5.
#![allow(clippy::panic)]

use std::collections::BTreeMap;

use super::{Gate, Subject};
use crate::formats::ddl::fixture::{column, index, table};
use crate::formats::engine::{DumpEngine, LoadEngine};
use crate::formats::facts::{Binlog, Flavor, LedgerObject, MigrationFacts, Position, ServerFacts, Verdict};
use crate::formats::spec::model::{
    CollationAction, Compress, Dump, Gates, Load, Migration, RuleAction, TargetTables, VerifyMode, Writes, ZeroDates,
};
use crate::formats::structure::{Inventory, Schema, Table};
use crate::words::addr::GateName;
use crate::words::addr::TableName;
use crate::words::codes::Code;
use crate::words::diag::Place;

/// Everything that a gate looks at, owned.
#[derive(Clone)]
pub struct Case {
    pub migration: Migration,
    pub source: ServerFacts,
    pub target: ServerFacts,
    pub facts: MigrationFacts,
    pub lineage: Option<String>,
    pub target_kind: &'static str,
}

impl Case {
    /// One sound table, nothing wrong anywhere.
    pub fn sound() -> Self {
        Self {
            migration: migration(),
            source: mysql(),
            target: tidb(),
            facts: MigrationFacts {
                source: Inventory {
                    schemas: vec![schema("shop", "utf8mb4_bin")],
                    tables: vec![orders()],
                    ..Default::default()
                },
                source_names: vec![TableName::new("shop", "orders")],
                disk_free: Some(1 << 40),
                ..Default::default()
            },
            lineage: Some("mine".into()),
            target_kind: "tidb",
        }
    }

    pub fn with_table(mut self, table: Table) -> Self {
        self.facts.source.tables.push(table);
        self
    }

    pub fn only(mut self, table: Table) -> Self {
        self.facts.source.tables = vec![table];
        self
    }

    pub fn changed(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn judge(&self, gate: &str) -> Verdict {
        let known = GateName::of_word(gate).and_then(Gate::of);
        known.map(|gate| gate.judge(&self.subject())).unwrap_or_else(|| panic!("there is no gate {gate}"))
    }

    pub fn subject(&self) -> Subject<'_> {
        Subject {
            migration: &self.migration,
            source: &self.source,
            target: &self.target,
            facts: &self.facts,
            target_kind: self.target_kind,
            ledger_schema: "mig_ledger",
            lineage: self.lineage.as_deref(),
        }
    }
}

/// Outcome and codes of a verdict in one line: `No MIG2020 MIG2024`.
pub fn told(verdict: &Verdict) -> String {
    let codes: Vec<String> = verdict.findings.iter().map(|f| f.code.to_string()).collect();
    format!("{:?} {}", verdict.outcome, codes.join(" ")).trim_end().to_owned()
}

/// All texts of a verdict.
pub fn text(verdict: &Verdict) -> String {
    let findings = verdict.findings.iter().map(|f| format!("{}\n{}\n{}", f.summary, f.detail, f.help));
    std::iter::once(verdict.saw.clone()).chain(findings).collect::<Vec<_>>().join("\n")
}

pub fn orders() -> Table {
    table("shop", "orders")
        .with(column("id", "bigint").not_null())
        .with(column("name", "varchar(40)"))
        .keyed(index("PRIMARY", &["id"]))
}

pub fn schema(name: &str, collation: &str) -> Schema {
    let charset = collation.split('_').next().unwrap_or_default().to_owned();
    Schema { name: name.into(), charset, collation: collation.into(), ..Schema::default() }
}

pub fn object(lineage: &str, kind: &str, name: &str, state: &str) -> LedgerObject {
    LedgerObject { lineage: lineage.into(), kind: kind.into(), name: name.into(), state: state.into(), epoch: 1 }
}

pub fn mysql() -> ServerFacts {
    ServerFacts {
        identity: "reader@uuid".into(),
        server_id: "uuid".into(),
        flavor: Flavor::Mysql,
        version: "9.7.4".into(),
        user: "reader@%".into(),
        grants: vec!["GRANT ALL PRIVILEGES ON *.* TO `reader`@`%`".into()],
        binlog: Binlog {
            enabled: true,
            format: "ROW".into(),
            row_image: "FULL".into(),
            position: Some(Position { gtid: "uuid:1-9".into(), ..position(100) }),
            ..Default::default()
        },
        check_constraints: true,
        ..Default::default()
    }
}

pub fn position(offset: u64) -> Position {
    Position { file: "binlog.000001".into(), offset, ..Position::default() }
}

pub fn tidb() -> ServerFacts {
    let collations = [
        "ascii_bin",
        "binary",
        "gbk_bin",
        "gbk_chinese_ci",
        "latin1_bin",
        "utf8_bin",
        "utf8_general_ci",
        "utf8_unicode_ci",
        "utf8mb4_0900_ai_ci",
        "utf8mb4_0900_bin",
        "utf8mb4_bin",
        "utf8mb4_general_ci",
        "utf8mb4_unicode_ci",
    ];
    ServerFacts {
        identity: "mig@none".into(),
        server_id: "none".into(),
        flavor: Flavor::Tidb,
        version: "8.0.11-TiDB-v8.5.6".into(),
        user: "mig@%".into(),
        grants: vec!["GRANT ALL PRIVILEGES ON *.* TO 'mig'@'%'".into()],
        local_infile: true,
        lower_case_table_names: 2,
        collations: collations
            .iter()
            .map(|name| ((*name).to_owned(), name.split('_').next().unwrap_or_default().to_owned()))
            .collect(),
        row_limit: 6 << 20,
        ..Default::default()
    }
}

/// A MySQL or MariaDB as target.
pub fn innodb(flavor: Flavor, version: &str) -> ServerFacts {
    ServerFacts {
        flavor,
        version: version.into(),
        check_constraints: true,
        row_limit: 0,
        lower_case_table_names: 0,
        ..tidb()
    }
}

pub fn gates() -> Gates {
    Gates {
        collation: CollationAction::Stop,
        collation_map: BTreeMap::new(),
        compatibility: RuleAction::Stop,
        rules: BTreeMap::new(),
        zero_dates: ZeroDates::Stop,
        target_tables: TargetTables::Absent,
        accept_unproven: Vec::new(),
    }
}

/// Gates that convert by these entries.
pub fn converting(entries: &[(&str, &str)]) -> Gates {
    Gates {
        collation: CollationAction::Convert,
        collation_map: entries.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
        ..gates()
    }
}

/// Gates with one rule set.
pub fn ruled(code: Code, action: RuleAction) -> Gates {
    Gates { rules: BTreeMap::from([(code, action)]), ..gates() }
}

pub fn migration() -> Migration {
    Migration {
        name: "shop".into(),
        source: "shop".into(),
        target: "cloud".into(),
        runner: None,
        after: Vec::new(),
        tables: vec!["shop.*".into()],
        tables_place: None,
        writes: Writes::Stopped,
        gates: gates(),
        dump: Dump {
            engine: DumpEngine::default(),
            binary: None,
            threads: 8,
            file_size: 256 << 20,
            statement_size: 1 << 20,
            chunk_bytes: None,
            compress: Compress::None,
            rate_limit: None,
            where_: BTreeMap::new(),
            where_place: None,
            keep: true,
            disk_limit: None,
            to: None,
        },
        load: Load {
            engine: LoadEngine::default(),
            binary: None,
            threads: None,
            batch_bytes: None,
            session: BTreeMap::new(),
        },
        verify: VerifyMode::Full,
        verify_threads: 4,
        place: Place {
            file: "shop.mig.hcl".into(),
            start: 0,
            end: 1,
            line: 1,
            column: 1,
            source_line: "migration \"shop\" {".into(),
        },
    }
}
