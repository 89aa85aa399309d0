//! Rules that a conversion of collations meets: partitions, and the width of indexes over expressions.

use super::*;

const TO_GENERAL: &[(&str, &str)] = &[("latin1_swedish_ci", "utf8mb4_general_ci")];

/// The sound case with a converted column `a` of so many characters.
fn converted(length: u32, change: fn(&mut Table)) -> Case {
    let mut case = Case::sound();
    case.target.row_limit = 0;
    case.migration.gates = converting(TO_GENERAL);
    let table = &mut case.facts.source.tables[0];
    table.columns.push(column("a", &format!("varchar({length})")).collated("latin1", "latin1_swedish_ci"));
    change(table);
    case
}

#[test]
fn partitions_by_a_converted_column_stop_unless_they_are_left_out() {
    const RANGES: &str =
        "PARTITION BY RANGE COLUMNS(a) (PARTITION p0 VALUES LESS THAN ('M'), PARTITION p1 VALUES LESS THAN (MAXVALUE))";
    let case = converted(20, |t| t.partitioning = RANGES.into());
    let seen = check("compatibility", &case, "No MIG2129");
    assert!(seen.lines().any(|line| line == "shop.orders by a"), "{seen}");
    let set =
        |action| case.clone().changed(|c| c.migration.gates.rules = [(rules::PARTITION_COLLATION, action)].into());
    check("compatibility", &set(RuleAction::Warn), "No MIG2129");
    check("compatibility", &set(RuleAction::Rewrite), "Warned MIG2129");
    let generated = converted(20, |t| {
        t.columns.push(column("g", "int").generated_as("(`a` = 'x')", true));
        t.partitioning = "PARTITION BY LIST (`g`) (PARTITION p0 VALUES IN (0), PARTITION p1 VALUES IN (1))".into();
    });
    assert!(check("compatibility", &generated, "No MIG2129 MIG2173").contains("shop.orders by g"));
    for other in [
        "PARTITION BY KEY (a) PARTITIONS 4",
        "PARTITION BY RANGE COLUMNS(name) (PARTITION a VALUES LESS THAN ('M'), PARTITION p1 VALUES LESS THAN (MAXVALUE))",
    ] {
        let mut case = converted(20, |_| ());
        case.facts.source.tables[0].partitioning = other.into();
        check("compatibility", &case, "Passed");
    }
    let mut wider = converted(20, |t| t.partitioning = RANGES.into());
    wider.migration.gates = converting(&[("utf8mb3_general_ci", "utf8mb4_general_ci")]);
    let a = wider.facts.source.tables[0].columns.last_mut().unwrap();
    (a.charset, a.collation) = (Some("utf8mb3".into()), Some("utf8mb3_general_ci".into()));
    check("compatibility", &wider, "Passed");
}

#[test]
fn expressions_count_for_the_width_of_an_index() {
    for (length, expression, expected) in [
        (768, "upper(`a`)", "Passed"),
        (769, "upper(`a`)", "No MIG2115"),
        (769, "lower(reverse((`a`)))", "No MIG2115"),
        (3000, "md5(`a`)", "Passed"),
        (3000, "(`a` = 'x')", "Passed"),
        (3000, "cast(`a` as char(768) charset utf8mb4)", "Passed"),
        (3000, "cast(`a` as char(769) charset utf8mb4)", "No MIG2115"),
    ] {
        let mut case = converted(length, |t| {
            let part = IndexPart { column: None, expression: Some(String::new()), ..part("") };
            t.indexes.push(Index { parts: vec![part], ..index("e", &[]) });
        });
        let index = case.facts.source.tables[0].indexes.last_mut().unwrap();
        index.parts[0].expression = Some(expression.into());
        check("compatibility", &case, expected);
    }
}

#[test]
fn a_unique_key_that_the_source_cannot_compute_as_the_target_does_stops_the_plan() {
    let case =
        Case::sound().changed(|c| rows(c, RowRisk::UntoldKeys, "u", "(lower(`a`)): the server answered error 1273"));
    let seen = check("compatibility", &case, "No MIG2177");
    assert!(seen.contains("shop.orders.u (unique over (lower(`a`)): the server answered error 1273)"), "{seen}");
    assert!(seen.contains("the source cannot tell"), "{seen}");
}

#[test]
fn what_else_stands_in_an_index_counts_by_its_type() {
    let beside = |width: &str, other: &str| {
        Case::sound().changed(|c| {
            let columns = [column("w", &format!("varchar({width})")), column("o", other)];
            c.facts.source.tables[0].columns.extend(columns);
            c.facts.source.tables[0].indexes.push(index("w", &["w", "o"]));
        })
    };
    for other in ["int", "date", "timestamp", "decimal(9,2)", "bit(32)", "enum('a','bcde')", "set('a','bc')"] {
        check("compatibility", &beside("767", other), "Passed");
    }
    for other in ["bigint", "decimal(10,2)", "bit(33)", "enum('abcde')", "set('a','bcd')"] {
        check("compatibility", &beside("767", other), "No MIG2115");
    }
}
