//! What is observed of real servers: facts, structure, ledger, zero dates, writes, the world.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use mig::formats::engine::{DumpEngine, LoadEngine};
use mig::formats::facts::{Flavor, LoadedFacts};
use mig::formats::ledger;
use mig::formats::spec::model;
use mig::formats::structure::{Inventory, Table};
use mig::hosts::mysql;
use mig::seams::sql::Role;
use mig::steps::observe::{binlog, inventory, ledger as ledger_look, server, world, zero_dates};
use mig::words::addr::TableName;
use mig::words::secret::Secret;
use support::{Bed, write_role};

async fn look(bed: &Bed, schema: &str) -> Inventory {
    let mut conn = bed.server().connect(&Role::Look).await.unwrap();
    let schemas = [schema.to_owned()];
    inventory::inventory(conn.as_mut(), None, Some(&schemas), &|_, _| true).await.unwrap().0
}

fn without_estimates(mut inventory: Inventory) -> Inventory {
    for table in &mut inventory.tables {
        table.estimate = Default::default();
    }
    inventory
}

const COMMON: &[&str] = &[
    "CREATE TABLE plain (id INT AUTO_INCREMENT PRIMARY KEY, t TINYINT(1), ti TINYINT, tu TINYINT UNSIGNED NOT NULL DEFAULT 3, \
     bi BIGINT UNSIGNED NOT NULL DEFAULT 0, d DECIMAL(10,2) DEFAULT 1.50, f FLOAT, f2 FLOAT(7,3), db DOUBLE, \
     b BIT(8) DEFAULT b'101', y YEAR, v VARCHAR(40) NOT NULL DEFAULT 'it''s', vn VARCHAR(10) DEFAULT 'NULL', \
     ve VARCHAR(10) NOT NULL DEFAULT '', vx VARCHAR(10), c CHAR(3) CHARACTER SET utf8 COLLATE utf8_general_ci DEFAULT 'a\\\\b', \
     bn BINARY(3) DEFAULT 'ab', vb VARBINARY(10) DEFAULT 'x', e ENUM('a','b''c') DEFAULT 'b''c', s SET('x','y'), tx TEXT, bl BLOB, \
     ts TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), \
     dt DATETIME DEFAULT CURRENT_TIMESTAMP, dd DATE DEFAULT '2020-01-01', tm TIME(3), dn DATETIME DEFAULT NULL COMMENT 'say ''hi''', \
     KEY k1 (v(10)), UNIQUE KEY u1 (vn, ti)) COMMENT 'the \"plain\" one'",
    "CREATE TABLE gen (a INT PRIMARY KEY, b VARCHAR(20), g1 VARCHAR(50) AS (reverse(b)) VIRTUAL, g2 INT AS (a + 1) STORED, KEY g (g1))",
    "CREATE TABLE par (id INT, y INT, PRIMARY KEY (id, y)) PARTITION BY RANGE (y) \
     (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN (MAXVALUE))",
    "CREATE TABLE parent (id INT, k INT, PRIMARY KEY (id, k), UNIQUE KEY uk (k))",
    "CREATE TABLE child (id INT PRIMARY KEY, p INT, p2 INT, q INT, KEY i1 (p, p2), KEY i2 (q), \
     CONSTRAINT fk1 FOREIGN KEY (p, p2) REFERENCES parent (id, k) ON DELETE CASCADE ON UPDATE SET NULL, \
     CONSTRAINT `fk 2` FOREIGN KEY (q) REFERENCES parent (k) ON DELETE SET NULL ON UPDATE CASCADE)",
    "CREATE TABLE `odd ``name` (`a b` INT PRIMARY KEY, `c\"d` TEXT)",
    "CREATE VIEW v1 AS SELECT p.id, c.q AS qq, 'lit''x' AS l FROM parent p JOIN child c ON c.p = p.id",
];

#[tokio::test]
async fn the_same_tables_look_the_same_on_every_server() {
    let mut seen: Vec<(String, Inventory)> = Vec::new();
    for bed in Bed::all() {
        let schema = bed.schema("same", &[]).await;
        let collate = format!("ALTER DATABASE {schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci");
        let mut statements = vec![collate, format!("USE {schema}")];
        statements.extend(COMMON.iter().map(|sql| (*sql).to_owned()));
        let mut conn = bed.server().connect(&write_role()).await.unwrap();
        for sql in &statements {
            conn.execute(sql).await.unwrap_or_else(|fault| panic!("{}: {sql}: {fault}", bed.kind));
        }
        let mut inventory = without_estimates(look(&bed, &schema).await);
        bed.drop_schema(&schema).await;
        // What the servers do differ in is not a matter of spelling.
        for table in &mut inventory.tables {
            for column in &mut table.columns {
                column.octet_length = column.octet_length.filter(|_| column.data_type != "text");
                if let Some(generated) = &mut column.generated {
                    generated.expression = generated.expression.replace(['(', ')'], "");
                }
            }
        }
        for view in &mut inventory.views {
            assert!(!view.select.is_empty());
            view.select.clear();
            view.collation.clear();
            view.definer.clear();
            view.shape.clear();
        }
        for table in inventory.tables.iter_mut().filter(|table| table.name.name == "par") {
            assert!(table.partitioning.starts_with("PARTITION BY RANGE"), "{}", table.partitioning);
            table.partitioning.clear();
        }
        seen.push((bed.kind.clone(), inventory));
    }
    let (_, first) = &seen[0];
    for (kind, other) in &seen[1..] {
        assert_eq!(first.schemas, other.schemas, "{kind}");
        assert_eq!(first.views, other.views, "{kind}");
        let names = |inventory: &Inventory| inventory.tables.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(first), names(other), "{kind}");
        for (a, b) in first.tables.iter().zip(&other.tables) {
            assert_eq!(a.columns, b.columns, "{kind} {}", a.name);
            assert_eq!(a, b, "{kind}");
        }
    }
    let plain = first.table(&TableName::new(first.schemas[0].name.as_str(), "plain")).unwrap();
    for (name, column_type, default, is_expression) in [
        ("id", "int", None, false),
        ("t", "tinyint(1)", None, false),
        ("ti", "tinyint", None, false),
        ("v", "varchar(40)", Some("it's"), false),
        ("vn", "varchar(10)", Some("NULL"), false),
        ("vx", "varchar(10)", None, false),
        ("c", "char(3)", Some("a\\b"), false),
        ("bn", "binary(3)", Some("0x6162"), false),
        ("b", "bit(8)", Some("b'101'"), false),
        ("ts", "timestamp(6)", Some("CURRENT_TIMESTAMP(6)"), true),
        ("y", "year", None, false),
    ] {
        let column = plain.column(name).unwrap();
        assert_eq!(
            (column.column_type.as_str(), column.default.as_deref(), column.default_is_expression),
            (column_type, default, is_expression),
            "{name}"
        );
    }
    assert_eq!(plain.column("c").unwrap().collation.as_deref(), Some("utf8_general_ci"));
    assert_eq!(plain.comment, "the \"plain\" one");
    assert_eq!(plain.indexes.iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["PRIMARY", "k1", "u1"]);
    assert_eq!(plain.indexes[1].parts[0].prefix, Some(10));
    let child = first.tables.iter().find(|t| t.name.name == "child").unwrap();
    assert_eq!(child.foreign_keys.len(), 2);
    assert_eq!(child.foreign_keys[1].referenced_columns, ["id", "k"]);
    assert_eq!(
        (child.foreign_keys[1].on_delete.as_str(), child.foreign_keys[1].on_update.as_str()),
        ("CASCADE", "SET NULL")
    );
    assert_eq!(first.views[0].columns, ["id", "qq", "l"]);
}

#[tokio::test]
async fn what_only_mysql_has_is_seen_by_name() {
    let bed = Bed::mysql();
    let schema = bed
        .schema(
            "mysql_only",
            &[
                "CREATE TABLE inv (a INT PRIMARY KEY, b INT INVISIBLE DEFAULT 5, x VARCHAR(50) DEFAULT (concat('a''b', uuid())), \
                 g VARCHAR(50) AS (concat(x, 'x''y\\\\n')), z SMALLINT(5) UNSIGNED ZEROFILL, \
                 KEY fx ((concat(x, 'q''r'))), KEY iv (b) INVISIBLE, KEY kd (b DESC), FULLTEXT KEY ft (x), \
                 CONSTRAINT c1 CHECK (a > 0), CONSTRAINT c2 CHECK (x <> 'it''s') NOT ENFORCED)",
                "CREATE TABLE geo (id INT PRIMARY KEY, g POINT NOT NULL SRID 4326, SPATIAL KEY (g))",
                "SET sql_generate_invisible_primary_key = 1",
                "CREATE TABLE gipk (a INT)",
                "SET sql_generate_invisible_primary_key = 0",
                "CREATE TRIGGER tr1 BEFORE INSERT ON geo FOR EACH ROW SET @a = 1",
                "CREATE PROCEDURE pr1() SELECT 1",
                "CREATE FUNCTION fu1() RETURNS INT DETERMINISTIC RETURN 1",
                "CREATE EVENT ev1 ON SCHEDULE EVERY 1 DAY DO SELECT 1",
                "CREATE VIEW v AS SELECT a FROM inv WHERE a > 1 WITH LOCAL CHECK OPTION",
            ],
        )
        .await;
    let inventory = look(&bed, &schema).await;
    bed.drop_schema(&schema).await;
    let table = |name: &str| inventory.table(&TableName::new(&schema, name)).unwrap();
    let inv = table("inv");
    assert!(inv.column("b").unwrap().invisible);
    assert_eq!(inv.column("x").unwrap().default.as_deref(), Some("concat(_utf8mb4'a\\'b',uuid())"));
    assert!(inv.column("x").unwrap().default_is_expression);
    assert_eq!(inv.column("g").unwrap().generated.as_ref().unwrap().expression, "concat(`x`,_utf8mb4'x\\'y\\\\n')");
    assert_eq!(inv.column("z").unwrap().column_type, "smallint(5) unsigned zerofill");
    let index = |name: &str| inv.indexes.iter().find(|i| i.name == name).unwrap();
    assert_eq!(index("fx").parts[0].expression.as_deref(), Some("concat(`x`,_utf8mb4'q\\'r')"));
    assert_eq!(index("fx").parts[0].column, None);
    assert!(!index("iv").visible && index("kd").visible && index("kd").parts[0].descending);
    assert_eq!(index("ft").kind, "FULLTEXT");
    let checks: Vec<_> = inv.checks.iter().map(|c| (c.name.as_str(), c.clause.as_str(), c.enforced)).collect();
    assert_eq!(checks, [("c1", "(`a` > 0)", true), ("c2", "(`x` <> _utf8mb4'it\\'s')", false)]);
    assert_eq!(table("geo").indexes[1].kind, "SPATIAL");
    assert_eq!(table("geo").indexes[1].parts[0].prefix, None);
    assert!(table("gipk").generated_invisible_key && !inv.generated_invisible_key);
    assert_eq!(inventory.triggers[0].table.as_deref(), Some("geo"));
    let routines: Vec<_> = inventory.routines.iter().map(|p| (p.name.as_str(), p.kind.as_str())).collect();
    assert_eq!(routines, [("fu1", "FUNCTION"), ("pr1", "PROCEDURE")]);
    assert_eq!(inventory.events[0].name, "ev1");
    assert_eq!(inventory.views[0].check_option, "LOCAL");
}

#[tokio::test]
async fn a_filter_narrows_everything_and_a_name_that_is_asked_for_is_there_though_empty() {
    for bed in Bed::all() {
        let schema =
            bed.schema("narrow", &["CREATE TABLE a (i INT PRIMARY KEY)", "CREATE TABLE b (i INT PRIMARY KEY)"]).await;
        let mut conn = bed.server().connect(&Role::Look).await.unwrap();
        let (inventory, names) =
            inventory::inventory(conn.as_mut(), None, None, &|s, n| s == schema && n == "b").await.unwrap();
        assert_eq!(inventory.tables.iter().map(|t| t.name.name.as_str()).collect::<Vec<_>>(), ["b"], "{}", bed.kind);
        assert_eq!(inventory.schemas.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), [schema.as_str()]);
        assert!(names.contains(&TableName::new(&schema, "a")));
        assert!(!names.iter().any(|name| name.schema.eq_ignore_ascii_case("mysql")));
        for (asked, there) in [(schema.clone(), 1), ("no_such_schema".to_owned(), 0)] {
            let (inventory, _) =
                inventory::inventory(conn.as_mut(), None, Some(&[asked]), &|_, _| false).await.unwrap();
            assert_eq!((inventory.schemas.len(), inventory.tables.len()), (there, 0), "{}", bed.kind);
        }
        bed.drop_schema(&schema).await;
    }
}

#[tokio::test]
async fn a_thousand_tables_are_read_with_all_that_they_have() {
    let bed = Bed::mysql();
    let schema = bed.schema("thousand", &[]).await;
    let mut conn = bed.server().connect(&write_role()).await.unwrap();
    for number in 0..1000 {
        let sql = format!(
            "CREATE TABLE {schema}.t{number} (id INT PRIMARY KEY, a VARCHAR(40), b DATETIME, c DECIMAL(10,2), KEY (a), KEY (b))"
        );
        conn.execute(&sql).await.unwrap();
    }
    let inventory = look(&bed, &schema).await;
    bed.drop_schema(&schema).await;
    assert_eq!(inventory.tables.len(), 1000);
    assert!(inventory.tables.iter().all(|table| table.columns.len() == 4 && table.indexes.len() == 3));
}

#[tokio::test]
async fn a_server_tells_who_it_is_and_what_it_can_do() {
    for bed in Bed::all() {
        let mut conn = bed.server().connect(&Role::Look).await.unwrap();
        let facts = server::server_facts(conn.as_mut(), Some("no_such_ledger")).await.unwrap();
        let flavor = match bed.kind.as_str() {
            "mysql" => Flavor::Mysql,
            "mariadb" => Flavor::Mariadb,
            _ => Flavor::Tidb,
        };
        assert_eq!((facts.flavor, facts.fault.as_ref()), (flavor, None));
        assert!(facts.identity.starts_with("root@") && facts.identity.len() > 8, "{}", facts.identity);
        assert!(facts.grants.iter().any(|line| line.starts_with("GRANT ")), "{:?}", facts.grants);
        assert!(facts.local_infile && facts.max_allowed_packet >= 1 << 24 && facts.read_only.is_empty());
        assert!(facts.collations.contains_key("utf8_general_ci") && facts.default_collations.contains_key("utf8mb4"));
        assert_eq!(facts.binlog.enabled, flavor != Flavor::Tidb);
        if facts.binlog.enabled {
            let position = facts.binlog.position.as_ref().unwrap();
            assert!(facts.binlog.files.contains(&position.file) && position.offset > 0, "{:?}", facts.binlog);
            assert_eq!((facts.binlog.format.as_str(), facts.binlog.fault.as_str()), ("ROW", ""));
        } else {
            assert_eq!((facts.row_limit, facts.check_constraints, facts.server_id.as_str()), (6 << 20, false, "none"));
            assert!(facts.cores.unwrap() >= 1);
        }
    }
}

#[tokio::test]
async fn a_privilege_that_is_missing_is_told_in_the_facts() {
    let bed = Bed::mysql();
    bed.run(&[
        "DROP USER IF EXISTS observe_few",
        "DROP ROLE IF EXISTS observe_role",
        "CREATE USER observe_few IDENTIFIED BY 'pw'",
        "CREATE ROLE observe_role",
        "GRANT SELECT ON *.* TO observe_role",
        "GRANT observe_role TO observe_few",
        "SET DEFAULT ROLE observe_role TO observe_few",
    ])
    .await;
    let mut config = bed.config();
    config.username = "observe_few".into();
    config.password = Some(Secret::new("pw".into()));
    config.tls.mode = model::TlsMode::Required;
    let server = mysql::server(&config, &bed.dir, None).unwrap();
    let mut conn = server.connect(&Role::Look).await.unwrap();
    let facts = server::server_facts(conn.as_mut(), None).await.unwrap();
    assert!(facts.binlog.enabled && facts.binlog.position.is_none());
    assert!(facts.binlog.fault.contains("1227"), "{}", facts.binlog.fault);
    assert!(!facts.tls_cipher.is_empty());
    assert!(facts.grants.iter().any(|line| line.contains("SELECT")), "the role's: {:?}", facts.grants);
}

#[tokio::test]
async fn the_ledger_is_read_and_an_absent_one_is_no_error() {
    for bed in Bed::all() {
        let schema = bed.schema("ledger", &[]).await;
        bed.drop_schema(&schema).await;
        let mut conn = bed.server().connect(&Role::Look).await.unwrap();
        let facts = ledger_look::ledger_facts(conn.as_mut(), &schema, Some("L1")).await.unwrap();
        assert_eq!(facts, Default::default());
        for sql in ledger::create_statements(&schema).iter().chain(&ledger::create_statements(&schema)) {
            bed.run(&[sql]).await;
        }
        let long = TableName::new("`".repeat(64), "ä".repeat(64)).key();
        let hash = "9".repeat(39);
        bed.run(&[
            &format!("INSERT INTO {schema}.identity (server_id) VALUES ('abc')"),
            &format!(
                "INSERT INTO {schema}.objects VALUES ('L1','table','s.a','created',2), ('L1','table','s.empty','created',1), \
                 ('L2','table','s.A','intended',1), ('L1','schema','s','created',1), ('L1','table','{long}','created',1)"
            ),
            &format!(
                "INSERT INTO {schema}.batches VALUES ('L1','s.a',1,0,0,10,10,5), ('L1','s.a',2,0,0,3,3,{hash}), \
                 ('L1','s.a',2,1,0,4,4,1), ('L2','s.a',2,0,0,9,9,9), ('L1','s.lost',1,0,0,7,7,7), ('L1','s.lost',3,0,0,8,8,8)"
            ),
        ])
        .await;
        let again = format!("INSERT INTO {schema}.batches VALUES ('L1','s.a',2,0,0,5,5,5)");
        let mut writer = bed.server().connect(&write_role()).await.unwrap();
        assert_eq!(writer.execute(&again).await.unwrap_err().number, Some(1062), "a batch twice on {}", bed.kind);
        let stranger = format!("INSERT INTO {schema}.objects VALUES ('L3','table','s.a','intended',1)");
        assert_eq!(writer.execute(&stranger).await.unwrap_err().number, Some(1062), "two owners on {}", bed.kind);
        let facts = ledger_look::ledger_facts(conn.as_mut(), &schema, Some("L1")).await.unwrap();
        assert!(facts.present);
        assert_eq!(facts.server_id.as_deref(), Some("abc"));
        assert_eq!(facts.objects.len(), 5);
        let loaded = |epoch, rows, hash: &str| LoadedFacts { epoch, rows, hash: hash.into() };
        let sum = format!("1{}", "0".repeat(39));
        assert_eq!(
            facts.loaded,
            BTreeMap::from([
                ("s.a".into(), loaded(2, 7, &sum)),
                ("s.empty".into(), loaded(1, 0, "0")),
                ("s.lost".into(), loaded(3, 8, "8")),
                (long, loaded(1, 0, "0")),
            ]),
            "{}",
            bed.kind
        );
        let identity = server::server_facts(conn.as_mut(), Some(&schema)).await.unwrap().server_id;
        assert_eq!(identity == "abc", bed.kind == "tidb", "{identity}");
        bed.drop_schema(&schema).await;
    }
}

#[tokio::test]
async fn zero_and_impossible_dates_are_seen_by_column_and_good_dates_are_not_taken_for_them() {
    for bed in Bed::all() {
        let schema = bed
            .schema(
                "zero",
                &[
                    "CREATE TABLE a (id INT PRIMARY KEY, good DATE, zero DATE, part DATETIME(3), ts TIMESTAMP NULL, n DATE, KEY (ts), KEY (good))",
                    "INSERT INTO a VALUES (1, '2020-02-29', '2020-01-01', '2020-01-01', '2020-01-01', NULL), \
                     (2, '0001-01-01', '0000-00-00', '2020-00-05 10:00:00', '0000-00-00', NULL)",
                    "CREATE TABLE b (d DATE)",
                    "CREATE TABLE c (good DATE, none DATE, leap DATETIME(6), mixed DATE, KEY (none))",
                    "INSERT INTO c VALUES ('2024-02-29', '2023-02-31', '1900-02-29 23:59:59.5', '2023-11-31'), \
                     ('2023-12-31', '2023-01-31', NULL, '2023-00-10'), ('1600-02-29', NULL, '2000-02-29', NULL)",
                ],
            )
            .await;
        let mut conn = bed.server().connect(&Role::Look).await.unwrap();
        let (dates, schemas) = (zero_dates::Dates::default(), [schema.clone()]);
        inventory::inventory_and(conn.as_mut(), None, Some(&schemas), &|_, _| true, &dates).await.unwrap();
        let found = dates.found();
        let names = |names: &[&str]| names.iter().map(|name| format!("{schema}.{name}")).collect::<Vec<_>>();
        assert_eq!(found.zero, names(&["a.part", "a.ts", "a.zero", "c.mixed"]), "{}", bed.kind);
        assert_eq!(found.impossible, names(&["c.leap", "c.mixed", "c.none"]), "{}", bed.kind);
        bed.drop_schema(&schema).await;
    }
}

#[tokio::test]
async fn the_binlog_tells_which_selected_tables_were_written() {
    for bed in Bed::all().filter(|bed| bed.kind != "tidb") {
        let schema = bed
            .schema(
                "writes",
                &["CREATE TABLE a (i INT PRIMARY KEY)", "CREATE TABLE b (i INT PRIMARY KEY)", "CREATE TABLE c (i INT)"],
            )
            .await;
        let server = bed.server();
        let mut conn = server.connect(&Role::Look).await.unwrap();
        let tables = ["a", "b"].map(|name| TableName::new(&schema, name));
        let scope = binlog::Scope { tables: tables.into(), ..Default::default() };
        let insert_c = format!("INSERT INTO {schema}.c (i) VALUES (1)");
        let insert_a = format!("INSERT INTO {schema}.a VALUES (1)");
        let update_b = format!("UPDATE {schema}.b SET i = 2");
        let truncate_b = format!("TRUNCATE TABLE {schema}.b");
        let alter_c = format!("ALTER TABLE {schema}.c ADD COLUMN x INT");
        let drop_schema = format!("DROP DATABASE {schema}");
        let compressed = if bed.kind == "mysql" { "SET binlog_transaction_compression = 1" } else { "DO 1" };
        let insert_seven = format!("INSERT INTO {schema}.a VALUES (7)");
        for (statements, changed, unattributed) in [
            (vec![], vec![], 0),
            (vec![compressed, &insert_seven], vec!["a"], 0),
            (vec![insert_c.as_str(), &update_b, &alter_c, "FLUSH PRIVILEGES"], vec![], 0),
            (vec![insert_c.as_str(), &insert_a, "FLUSH BINARY LOGS", &insert_c], vec!["a"], 0),
            (vec![truncate_b.as_str()], vec!["b"], 0),
            (vec![drop_schema.as_str()], vec!["a", "b"], 1),
        ] {
            let before = server::server_facts(conn.as_mut(), None).await.unwrap().binlog;
            bed.run(&statements).await;
            let after = server::server_facts(conn.as_mut(), None).await.unwrap().binlog;
            let (mut from, to) = (before.position.unwrap(), after.position.clone().unwrap());
            from.begun = server.log_begun(&from).await.unwrap();
            let facts = binlog::writes_between(server.as_ref(), &after, &from, &to, &scope).await;
            let changed: Vec<String> = changed.iter().map(|name| format!("{schema}.{name}")).collect();
            assert_eq!(facts.unproven, "", "{} {statements:?}", bed.kind);
            assert_eq!(facts.changed_tables, changed, "{} {statements:?}", bed.kind);
            // Other tests drop their schemas meanwhile.
            let ours = facts.unattributed.iter().filter(|words| words.contains(&schema)).count();
            assert_eq!(ours, unattributed, "{} {:?}", bed.kind, facts.unattributed);
        }
    }
}

#[tokio::test]
async fn a_user_that_may_not_read_the_binlog_proves_nothing() {
    let bed = Bed::mysql();
    bed.run(&[
        "DROP USER IF EXISTS observe_client",
        "CREATE USER observe_client IDENTIFIED BY 'pw'",
        "GRANT REPLICATION CLIENT ON *.* TO observe_client",
    ])
    .await;
    let mut config = bed.config();
    config.username = "observe_client".into();
    config.password = Some(Secret::new("pw".into()));
    config.tls.mode = model::TlsMode::Required;
    let server = mysql::server(&config, &bed.dir, None).unwrap();
    let mut conn = server.connect(&Role::Look).await.unwrap();
    let binlog = server::server_facts(conn.as_mut(), None).await.unwrap().binlog;
    let to = binlog.position.clone().unwrap();
    let from = mig::formats::facts::Position { offset: 4, ..to.clone() };
    let facts = binlog::writes_between(server.as_ref(), &binlog, &from, &to, &binlog::Scope::default()).await;
    assert!(facts.unproven.contains("Access denied"), "{facts:?}");
    let gone = mig::formats::facts::Position { file: "binlog.999999".into(), ..from };
    let facts = binlog::writes_between(server.as_ref(), &binlog, &gone, &to, &binlog::Scope::default()).await;
    assert!(facts.unproven.contains("no longer"), "{facts:?}");
}

fn spec_of(source: model::Server, target: model::Server, tables: &str) -> model::Spec {
    let place = source.place.clone();
    let mut spec = model::Spec::default();
    let migration = model::Migration {
        name: "shop".into(),
        source: source.name.clone(),
        target: target.name.clone(),
        runner: None,
        after: Vec::new(),
        tables: vec![tables.to_owned()],
        tables_place: None,
        writes: model::Writes::Stopped,
        gates: model::Gates {
            collation: model::CollationAction::Stop,
            collation_map: BTreeMap::new(),
            compatibility: model::RuleAction::Stop,
            rules: BTreeMap::new(),
            zero_dates: model::ZeroDates::Stop,
            target_tables: model::TargetTables::Absent,
            accept_unproven: Vec::new(),
        },
        dump: model::Dump {
            engine: DumpEngine::default(),
            binary: None,
            threads: 8,
            file_size: 1 << 28,
            statement_size: 1 << 20,
            chunk_bytes: None,
            compress: model::Compress::None,
            rate_limit: None,
            where_: BTreeMap::new(),
            where_place: None,
            keep: true,
            disk_limit: None,
            to: None,
        },
        load: model::Load {
            engine: LoadEngine::default(),
            binary: None,
            threads: None,
            batch_bytes: None,
            session: BTreeMap::new(),
        },
        verify: model::VerifyMode::Full,
        verify_threads: 4,
        place,
    };
    spec.sources.insert(source.name.clone(), source);
    spec.targets.insert(target.name.clone(), target);
    spec.migrations.insert("shop".into(), migration);
    spec
}

#[tokio::test]
async fn the_world_is_seen_whole_and_a_server_that_is_away_does_not_hide_the_other() {
    let (source, target) = (Bed::mysql(), Bed::tidb());
    let tables =
        ["CREATE TABLE a (i INT PRIMARY KEY)", "CREATE TABLE b (i INT PRIMARY KEY)", "INSERT INTO a VALUES (1)"];
    let schema = source.schema("world", &tables).await;
    assert_eq!(target.schema("world", &tables).await, schema);
    let mut configs = (source.config(), target.config());
    configs.0.label = "mysql".into();
    configs.1.label = "tidb".into();
    configs.1.ledger_schema = format!("{schema}_ledger");
    let spec = spec_of(configs.0.clone(), configs.1.clone(), &format!("{schema}.*"));
    let begun = BTreeMap::new();
    let workdir_of = |_: &model::Migration| PathBuf::from("no/such/folder");
    let mut servers = BTreeMap::from([
        ("source.mysql.test".to_owned(), mysql::server(&configs.0, &source.dir, None).unwrap()),
        ("target.tidb.test".to_owned(), mysql::server(&configs.1, &target.dir, None).unwrap()),
    ]);
    let seen = world::world(world::Look {
        spec: &spec,
        servers: &servers,
        lineage: None,
        begun: &begun,
        workdir_of: &workdir_of,
        imports: &BTreeMap::new(),
        programs: &mig::hosts::program::Local,
    })
    .await;
    assert_eq!(seen.servers.values().filter_map(|facts| facts.fault.as_ref()).count(), 0, "{:?}", seen.servers);
    let facts = &seen.migrations["shop"];
    let names = |inventory: &Inventory| inventory.tables.iter().map(|t| t.name.name.clone()).collect::<BTreeSet<_>>();
    assert_eq!(names(&facts.source), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    assert_eq!(names(&facts.target), names(&facts.source));
    let rows = BTreeMap::from([(format!("{schema}.a"), Some(1)), (format!("{schema}.b"), Some(0))]);
    assert_eq!(facts.target_rows, rows);
    assert!(facts.disk_free.unwrap() > 0 && facts.workdir_fault.is_empty() && !facts.ledger.present);

    let mut away = configs.0.clone();
    away.port = 1;
    servers.insert("source.mysql.test".into(), mysql::server(&away, &source.dir, None).unwrap());
    let seen = world::world(world::Look {
        spec: &spec,
        servers: &servers,
        lineage: None,
        begun: &begun,
        workdir_of: &workdir_of,
        imports: &BTreeMap::new(),
        programs: &mig::hosts::program::Local,
    })
    .await;
    assert_eq!(seen.servers["source.mysql.test"].fault.as_ref().unwrap().code, "MIG3002");
    assert_eq!(seen.servers["target.tidb.test"].fault, None);
    assert!(seen.migrations["shop"].source.tables.is_empty());
    source.drop_schema(&schema).await;
    target.drop_schema(&schema).await;
}

#[tokio::test]
async fn looking_at_the_world_twice_sees_the_same_structure() {
    let bed = Bed::mysql();
    let schema = bed.schema("twice", COMMON).await;
    let first: Vec<Table> = without_estimates(look(&bed, &schema).await).tables;
    let second = without_estimates(look(&bed, &schema).await).tables;
    bed.drop_schema(&schema).await;
    assert_eq!(first, second);
}
