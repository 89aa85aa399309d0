//! Every type and value, moved by the program itself and looked at on both servers without it. `types.list` names them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod ends;
mod journey;
mod list;
#[path = "../support/mod.rs"]
mod support;

use journey::Journey;
use mysql_async::prelude::Queryable;
use support::Bed;

fn sources() -> [Bed; 2] {
    [Bed::mysql(), Bed::mariadb()]
}

/// What TiDB lacks of both servers is converted or left out, by name, so that all the rest can be seen.
const GATES: &str = r#"
    collation     = "convert"
    collation_map = { "latin1_swedish_ci" = "utf8mb4_general_ci", "gbk_chinese_ci" = "gbk_chinese_ci" }
    rule "MIG2106" {
      action = "rewrite"
    }
"#;

#[tokio::test]
async fn every_type_and_value_of_the_list_arrives_as_it_was() {
    for bed in sources() {
        let schema = bed.schema("types", &["ALTER DATABASE COLLATE utf8mb4_bin"]).await;
        let mut source = ends::connect(&bed).await;
        source.query_drop(format!("USE {schema}")).await.unwrap();
        for table in list::tables(&bed.kind) {
            for sql in statements(&table) {
                source.query_drop(&sql).await.unwrap_or_else(|fault| panic!("{}: {fault}: {sql}", bed.kind));
            }
        }
        let journey = Journey::new(bed, vec![schema.clone()], "types", GATES, "").await;
        let certificate = journey.apply();
        let mut target = ends::connect(&journey.target).await;
        let what = &journey.source.kind;
        for table in list::tables(what) {
            let zeros = ends::assert_equal(&mut source, &mut target, &schema, &table.name, what).await;
            let key = format!("{schema}.{}", table.name);
            let proofs = certificate["tables"].as_array().unwrap();
            let proof = proofs.iter().find(|proof| proof["table"] == key.as_str()).unwrap();
            assert_eq!(proof["negative_zeros"], zeros, "{what}: {key}");
            assert_eq!(zeros as usize, changes(&table).len(), "{what}: {key}");
            for (column, row, expected) in changes(&table) {
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
        assert_eq!(journey.run(&["report"], 0).contains("that are -0.0"), what == "mysql", "{what}");
        journey.run(&["plan", "-detailed-exitcode"], 0);
        journey.end().await;
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
