//! Every type and value, moved by the program itself and looked at on both servers without it. `types.list` names them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod list;
mod random;
#[path = "../support/mod.rs"]
mod support;

use list::Refused;
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rand::SeedableRng;
use rand::rngs::StdRng;
use support::journey::Journey;
use support::{Bed, ends};

fn sources() -> [Bed; 3] {
    [Bed::mysql(), Bed::mariadb(), Bed::mysql56()]
}

/// What is set for a source: a MySQL 5.6 gives a TIMESTAMP a zero date as its default where none is written.
fn gates(kind: &str) -> String {
    match kind {
        "mysql56" => {
            format!("{GATES}    zero_dates = \"keep\"\n    rule \"MIG2107\" {{\n      action = \"rewrite\"\n    }}\n")
        }
        _ => GATES.to_owned(),
    }
}

/// What TiDB lacks is converted or left out, by name, so that all the rest can be seen.
const GATES: &str = r#"
    collation     = "convert"
    collation_map = {
      "latin1_swedish_ci"  = "utf8mb4_general_ci"
      "utf16_general_ci"   = "utf8mb4_general_ci"
      "ucs2_general_ci"    = "utf8mb4_general_ci"
      "cp1251_general_ci"  = "utf8mb4_bin"
      "big5_chinese_ci"    = "utf8mb4_bin"
      "sjis_japanese_ci"   = "utf8mb4_bin"
      "gb18030_chinese_ci" = "utf8mb4_bin"
    }
    rule "MIG2106" {
      action = "rewrite"
    }
"#;

/// A schema of the source with these statements run in it, and a connection to it.
async fn filled(bed: &Bed, name: &str, statements: &[String]) -> (String, Conn) {
    let schema = bed.schema(name, &["ALTER DATABASE COLLATE utf8mb4_bin"]).await;
    let mut source = ends::connect(bed).await;
    source.query_drop(format!("USE {schema}")).await.unwrap();
    for sql in statements {
        source.query_drop(sql).await.unwrap_or_else(|fault| panic!("{}: {fault}: {sql}", bed.kind));
    }
    (schema, source)
}

#[tokio::test]
async fn every_type_and_value_of_the_list_arrives_as_it_was() {
    for bed in sources() {
        let list = list::tables(&bed.kind);
        let sql: Vec<String> = list.iter().flat_map(statements).collect();
        let (schema, mut source) = filled(&bed, "types", &sql).await;
        let gates = gates(&bed.kind);
        let journey = Journey::new(bed, vec![schema.clone()], "types", &gates, "").await;
        let certificate = journey.apply();
        let mut target = ends::connect(&journey.target).await;
        let what = &journey.source.kind;
        for table in &list {
            let zeros = ends::assert_equal(&mut source, &mut target, &schema, &table.name, what).await;
            let key = format!("{schema}.{}", table.name);
            let proofs = certificate["tables"].as_array().unwrap();
            let proof = proofs.iter().find(|proof| proof["table"] == key.as_str()).unwrap();
            assert_eq!(proof["negative_zeros"], zeros, "{what}: {key}");
            assert_eq!(zeros as usize, changes(table).len(), "{what}: {key}");
            for (column, row, expected) in changes(table) {
                let sql = format!("SELECT {} FROM {schema}.{} WHERE id = {row}", ends::ident(column), table.name);
                let found: Vec<mysql_async::Row> = target.exec(sql, ()).await.unwrap();
                let found = match found[0].as_ref(0).unwrap() {
                    mysql_async::Value::Float(number) => f64::from(*number),
                    mysql_async::Value::Double(number) => *number,
                    other => panic!("{other:?}"),
                };
                assert_eq!(found.to_bits(), expected.to_bits(), "{what}: {key}.{column}");
            }
        }
        assert_eq!(journey.run(&["report"], 0).contains("that are -0.0"), what != "mariadb", "{what}");
        journey.run(&["plan", "-detailed-exitcode"], 0);
        journey.end().await;
    }
}

#[tokio::test]
async fn tables_of_every_shape_arrive_with_their_defaults() {
    for bed in sources() {
        let sql: Vec<String> = list::shapes(&bed.kind).into_iter().map(str::to_owned).collect();
        let (schema, mut source) = filled(&bed, "shapes", &sql).await;
        let gates = gates(&bed.kind);
        let journey = Journey::new(bed, vec![schema.clone()], "shapes", &gates, "").await;
        journey.apply();
        let mut target = ends::connect(&journey.target).await;
        let what = &journey.source.kind;
        for table in ends::tables(&mut source, &schema).await {
            ends::assert_equal(&mut source, &mut target, &schema, &table, what).await;
        }
        for conn in [&mut source, &mut target] {
            conn.query_drop(format!("INSERT INTO {schema}.defaults (id) VALUES (2)")).await.unwrap();
            // Above what was there: the counter goes on.
            conn.query_drop(format!("INSERT INTO {schema}.key_counts (v) VALUES (4)")).await.unwrap();
            let next: Option<i64> = conn.query_first(format!("SELECT MAX(id) FROM {schema}.key_counts")).await.unwrap();
            assert!(next > Some(7), "{what}: {next:?}");
            if what == "mysql56" {
                // The same moment at both ends, so that their defaults can be compared.
                conn.query_drop("SET timestamp = 1700000000.25").await.unwrap();
                for sql in [
                    "INSERT INTO DB.stamps (id, v) VALUES (9, 9)",
                    "UPDATE DB.stamps SET v = 2 WHERE id = 1",
                    "INSERT INTO DB.stamps_of_zero (id) VALUES (9)",
                ] {
                    conn.query_drop(sql.replace("DB", &schema)).await.unwrap();
                }
                continue;
            }
            conn.query_drop(format!("INSERT INTO {schema}.expressions (id) VALUES (9)")).await.unwrap();
            let length: Option<u64> =
                conn.query_first(format!("SELECT LENGTH(u) FROM {schema}.expressions WHERE id = 9")).await.unwrap();
            assert_eq!(length, Some(36), "{what}");
        }
        for table in if what == "mysql56" { &["stamps", "stamps_of_zero"][..] } else { &[] } {
            ends::assert_equal(&mut source, &mut target, &schema, table, what).await;
        }
        ends::assert_equal(&mut source, &mut target, &schema, "defaults", what).await;
        journey.end().await;
    }
}

#[tokio::test]
async fn schemas_tables_and_columns_of_any_name_arrive_under_it() {
    for bed in sources() {
        let mut source = ends::connect(&bed).await;
        let mut schemas = Vec::new();
        for names in list::names() {
            let schema: String = format!("mt{}_{}", std::process::id(), names.concat()).chars().take(64).collect();
            let s = ends::ident(&schema);
            for sql in [format!("DROP DATABASE IF EXISTS {s}"), format!("CREATE DATABASE {s} COLLATE utf8mb4_bin")] {
                source.query_drop(&sql).await.unwrap_or_else(|fault| panic!("{}: {fault}: {sql}", bed.kind));
            }
            for name in &names {
                let n = ends::ident(name);
                let create = format!("CREATE TABLE {s}.{n} (id INT PRIMARY KEY, {n} VARCHAR(80))");
                source.query_drop(&create).await.unwrap_or_else(|fault| panic!("{}: {fault}: {create}", bed.kind));
                source.exec_drop(format!("INSERT INTO {s}.{n} VALUES (1, ?), (2, NULL)"), (name,)).await.unwrap();
            }
            schemas.push((schema, names));
        }
        let all = schemas.iter().map(|(schema, _)| schema.clone()).collect();
        let journey = Journey::new(bed, all, "names", GATES, "").await;
        journey.apply();
        let mut target = ends::connect(&journey.target).await;
        for (schema, name) in schemas.iter().flat_map(|(schema, names)| names.iter().map(move |name| (schema, name))) {
            ends::assert_equal(&mut source, &mut target, schema, name, &journey.source.kind).await;
        }
        journey.run(&["plan", "-detailed-exitcode"], 0);
        journey.end().await;
    }
}

#[tokio::test]
async fn what_the_target_cannot_hold_stands_in_the_plan_by_name() {
    for bed in sources() {
        let list = list::refused(&bed.kind);
        let mut sql: Vec<String> = list.iter().map(|refused| refused.sql.clone()).collect();
        if bed.kind == "mysql" {
            sql.insert(0, "SET SESSION sql_generate_invisible_primary_key = ON".to_owned());
        }
        let (schema, mut source) = filled(&bed, "refused", &sql).await;
        let journey = Journey::new(bed, vec![schema.clone()], "refused", "", "").await;
        let what = &journey.source.kind;
        for arguments in [&["plan"][..], &["apply", "-auto-approve"]] {
            // Lines are broken at 80 columns.
            let told: String = journey.run(arguments, 5).split_whitespace().collect();
            for Refused { code, place, .. } in &list {
                let from = told.find(code.as_str()).unwrap_or_else(|| panic!("{what}: no {code}: {told}"));
                assert!(told[from..].contains(&format!("{schema}.{place}")), "{what}: {code} {place}: {told}");
            }
        }
        let mut rules = String::new();
        for refused in &list {
            match refused.rewritten {
                true => {
                    rules.push_str(&format!("    rule \"{}\" {{\n      action = \"rewrite\"\n    }}\n", refused.code))
                }
                false => {
                    let table = refused.place.split('.').next().unwrap();
                    source.query_drop(format!("DROP TABLE IF EXISTS {table}")).await.unwrap();
                }
            }
        }
        for table in ends::tables(&mut source, &schema).await {
            source.query_drop(format!("INSERT INTO {table} (id, v) VALUES (1, 1), (2, NULL)")).await.unwrap();
        }
        let journey = Journey::new(journey.released(), vec![schema.clone()], "refused", &rules, "").await;
        let certificate = journey.apply();
        let mut target = ends::connect(&journey.target).await;
        for table in ends::tables(&mut source, &schema).await {
            ends::assert_equal(&mut source, &mut target, &schema, &table, &journey.source.kind).await;
        }
        for table in certificate["tables"].as_array().unwrap() {
            assert!(!table["rewritten"].as_array().unwrap().is_empty(), "{table:#}");
        }
        journey.end().await;
    }
}

#[tokio::test]
async fn zero_dates_stop_a_migration_or_are_kept() {
    for bed in sources() {
        let sql = [
            "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
            "CREATE TABLE zeros (id INT PRIMARY KEY, a DATE, b DATETIME(6), c TIMESTAMP NULL, \
             d DATE NOT NULL DEFAULT '0000-00-00')",
            "INSERT INTO zeros VALUES (1, '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00'), \
             (2, '2024-00-10', '2024-02-00 01:02:03.000004', NULL, '2024-01-00'), (3, NULL, NULL, NULL, '2024-01-01'), \
             (4, '2023-02-31', '2024-04-31 05:06:07', NULL, '2023-02-29')",
        ];
        let (schema, mut source) = filled(&bed, "zeros", &sql.map(str::to_owned)).await;
        let journey = Journey::new(bed, vec![schema.clone()], "zeros", "", "").await;
        let told: String = journey.run(&["apply", "-auto-approve"], 5).split_whitespace().collect();
        for column in ["a", "b", "c", "d"] {
            assert!(told.contains(&format!("{schema}.zeros.{column}")), "{}: {column}: {told}", journey.source.kind);
        }
        let gates = "    zero_dates = \"keep\"\n";
        let journey = Journey::new(journey.released(), vec![schema.clone()], "zeros", gates, "").await;
        journey.apply();
        let mut target = ends::connect(&journey.target).await;
        ends::assert_equal(&mut source, &mut target, &schema, "zeros", &journey.source.kind).await;
        journey.end().await;
    }
}

#[tokio::test]
async fn a_decimal_in_a_document_that_the_target_rounds_is_refused_by_name() {
    let bed = Bed::mysql();
    let sql = [
        "CREATE TABLE exact (id INT PRIMARY KEY, j JSON) COLLATE utf8mb4_bin",
        "INSERT INTO exact VALUES (1, JSON_ARRAY(CAST('0.1234567890123456789012' AS DECIMAL(30,22)))), (2, '[0.5]')",
    ];
    let (schema, _) = filled(&bed, "exact", &sql.map(str::to_owned)).await;
    let journey = Journey::new(bed, vec![schema.clone()], "exact", "", "").await;
    let told = journey.run(&["apply", "-auto-approve"], 5);
    assert!(told.contains(&format!("{schema}.exact")) && told.contains("MIG2174"), "{told}");
    journey.end().await;
}

#[tokio::test]
async fn a_row_beyond_the_targets_usual_limit_arrives_where_it_is_told_to_take_it() {
    for bed in sources() {
        // TiDB's rows end at 6 MiB unless a session says otherwise. The tests' TiDB has an embedded storage, which a
        // value of more than 8 MiB ends; so rows of a whole packet are not among these.
        let sql = [
            "CREATE TABLE large (id INT PRIMARY KEY, b LONGBLOB, t LONGTEXT) COLLATE utf8mb4_bin",
            "INSERT INTO large VALUES (1, REPEAT(x'00FF5C0A', 1800000), 'x'), (2, NULL, REPEAT('é\\n', 2400000)), (3, '', '')",
        ];
        let (schema, mut source) = filled(&bed, "large", &sql.map(str::to_owned)).await;
        let session = "  load {\n    session = { tidb_txn_entry_size_limit = \"125829120\" }\n  }\n";
        let journey = Journey::new(bed, vec![schema.clone()], "large", "", session).await;
        journey.apply();
        let mut target = ends::connect(&journey.target).await;
        let sql =
            format!("SELECT id, LENGTH(b), SHA2(b, 256), LENGTH(t), SHA2(t, 256) FROM {schema}.large ORDER BY id");
        type Row = (u32, Option<u64>, Option<String>, u64, String);
        let here: Vec<Row> = source.query(&sql).await.unwrap();
        let there: Vec<Row> = target.query(&sql).await.unwrap();
        assert_eq!((here[0].1, &here), (Some(7_200_000), &there), "{}", journey.source.kind);
        journey.end().await;
    }
}

#[tokio::test]
async fn random_tables_and_rows_arrive_as_they_were() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    let first: u64 = number("MIG_SEED").unwrap_or_else(|| rand::random::<u32>().into());
    for seed in first..first + number("MIG_CASES").unwrap_or(2) {
        println!("MIG_SEED={seed}");
        for bed in sources() {
            let mut random = StdRng::seed_from_u64(seed);
            let mut tables: Vec<random::Table> = (0..6).map(|n| random::table(&mut random, n)).collect();
            if bed.kind == "mysql56" {
                // Documents are not of its time, nor is the other name of its charset.
                tables.retain(|table| !table.create.contains(" JSON "));
                for table in &mut tables {
                    table.create = table.create.replace("utf8mb3", "utf8");
                }
            }
            let sql: Vec<String> =
                tables.iter().flat_map(|table| [&table.create].into_iter().chain(&table.inserts)).cloned().collect();
            let (schema, mut source) = filled(&bed, "random", &sql).await;
            let what = format!("MIG_SEED={seed} {}", bed.kind);
            let chunks = "  dump {\n    chunk_bytes = \"4KiB\"\n  }\n";
            let gates = gates(&bed.kind);
            let journey = Journey::new(bed, vec![schema.clone()], "random", &gates, chunks).await;
            let certificate = journey.apply();
            let mut target = ends::connect(&journey.target).await;
            let mut zeros = 0;
            for table in &tables {
                let what = format!("{what}: {}", table.create);
                zeros += ends::assert_equal(&mut source, &mut target, &schema, &table.name, &what).await;
            }
            let counted = certificate["tables"].as_array().unwrap().iter();
            assert_eq!(counted.map(|proof| proof["negative_zeros"].as_u64().unwrap()).sum::<u64>(), zeros, "{what}");
            journey.end().await;
        }
    }
}

/// CREATE TABLE and INSERT; each column is named for its type, and the last row is NULL in all of them.
fn statements(table: &list::Table) -> Vec<String> {
    let columns: Vec<String> =
        table.columns.iter().map(|c| format!("{} {} DEFAULT NULL", ends::ident(&c.sql_type), c.sql_type)).collect();
    let create =
        format!("CREATE TABLE {} (id INT PRIMARY KEY, {}) COLLATE utf8mb4_bin", table.name, columns.join(", "));
    let longest = table.columns.iter().map(|c| c.values.len()).max().unwrap_or(0);
    let rows = (0..=longest).map(|row| {
        let cells = table.columns.iter().map(|c| c.values.get(row).map_or("NULL", |value| value.sql.as_str()));
        format!("({row}, {})", cells.collect::<Vec<_>>().join(", "))
    });
    vec![create, format!("INSERT INTO {} VALUES {}", table.name, rows.collect::<Vec<_>>().join(",\n"))]
}

/// Where the target holds another value: column, row, value.
fn changes(table: &list::Table) -> Vec<(&str, usize, f64)> {
    table
        .columns
        .iter()
        .flat_map(|c| c.values.iter().enumerate().filter_map(|(row, v)| Some((c.sql_type.as_str(), row, v.target?))))
        .collect()
}
