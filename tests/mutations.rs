//! One attribute of one object is changed after a migration, on the target or on the source, each in a table of its own:
//! `mig verify` and `mig plan` find each on the target, by name, and `mig plan` finds each on the source.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use mysql_async::prelude::Queryable;
use support::case::checks;
use support::journey::Journey;
use support::{Bed, ends};

/// A change of a table: its name, what stands behind CREATE TABLE before and after, and the words of the difference.
struct Mutation {
    name: &'static str,
    before: &'static str,
    after: &'static str,
    /// What a verification calls it; `rows`: the rows differ, not the structure.
    what: &'static str,
}

const fn m(name: &'static str, before: &'static str, after: &'static str, what: &'static str) -> Mutation {
    Mutation { name, before, after, what }
}

/// Each table has `id INT PRIMARY KEY` first where it says `ID`, and gets two rows.
const OF_TABLES: &[Mutation] = &[
    m("kind", "(ID, v INT)", "(ID, v BIGINT)", "column v"),
    m("sign", "(ID, v INT)", "(ID, v INT UNSIGNED)", "column v"),
    m("length", "(ID, v VARCHAR(20))", "(ID, v VARCHAR(21))", "column v"),
    m("fixed", "(ID, v CHAR(20))", "(ID, v VARCHAR(20))", "column v"),
    m("scale", "(ID, v DECIMAL(9,2))", "(ID, v DECIMAL(9,3))", "column v"),
    m("fraction", "(ID, v DATETIME(3))", "(ID, v DATETIME(6))", "column v"),
    m("zone", "(ID, v DATETIME)", "(ID, v TIMESTAMP NULL)", "column v"),
    m("blob", "(ID, v TEXT)", "(ID, v MEDIUMTEXT)", "column v"),
    m("bits", "(ID, v BIT(8))", "(ID, v BIT(9))", "column v"),
    m("member", "(ID, v ENUM('1','2'))", "(ID, v ENUM('1','2','3'))", "column v"),
    m("order_of_members", "(ID, v SET('1','2'))", "(ID, v SET('1','2','x y'))", "column v"),
    m("nullable", "(ID, v INT)", "(ID, v INT NOT NULL)", "column v"),
    m("default_gone", "(ID, v INT DEFAULT 4)", "(ID, v INT)", "column v"),
    m("default_new", "(ID, v INT NOT NULL)", "(ID, v INT NOT NULL DEFAULT 0)", "column v"),
    m("default_null", "(ID, v INT NOT NULL DEFAULT 0)", "(ID, v INT NOT NULL)", "column v"),
    m("default_text", "(ID, v VARCHAR(9) DEFAULT 'a')", "(ID, v VARCHAR(9) DEFAULT 'A')", "column v"),
    m("default_space", "(ID, v VARCHAR(9) DEFAULT 'a')", "(ID, v VARCHAR(9) DEFAULT 'a ')", "column v"),
    m("default_letter", "(ID, v VARCHAR(9) DEFAULT 'é')", "(ID, v VARCHAR(9) DEFAULT 'e')", "column v"),
    m("default_emoji", "(ID, v VARCHAR(9) DEFAULT '😀')", "(ID, v VARCHAR(9) DEFAULT '?')", "column v"),
    m("default_word", "(ID, v VARCHAR(9) DEFAULT 'NULL')", "(ID, v VARCHAR(9) DEFAULT NULL)", "column v"),
    m("default_empty", "(ID, v VARCHAR(9) DEFAULT '')", "(ID, v VARCHAR(9))", "column v"),
    m("default_bytes", "(ID, v VARBINARY(9) DEFAULT 'a\\0b')", "(ID, v VARBINARY(9) DEFAULT 'a')", "column v"),
    m("default_bits", "(ID, v BIT(4) DEFAULT b'101')", "(ID, v BIT(4) DEFAULT b'100')", "column v"),
    m("default_decimal", "(ID, v DECIMAL(5,2) DEFAULT 1.50)", "(ID, v DECIMAL(5,2) DEFAULT 1.05)", "column v"),
    m("default_year", "(ID, v YEAR DEFAULT 2000)", "(ID, v YEAR DEFAULT 0)", "column v"),
    m(
        "default_time",
        "(ID, v TIMESTAMP NOT NULL DEFAULT '2024-01-01 12:00:00')",
        "(ID, v TIMESTAMP NOT NULL DEFAULT '2024-01-01 13:00:00')",
        "column v",
    ),
    m("default_now", "(ID, v DATETIME DEFAULT CURRENT_TIMESTAMP)", "(ID, v DATETIME)", "column v"),
    m(
        "on_update",
        "(ID, v DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
        "(ID, v DATETIME DEFAULT CURRENT_TIMESTAMP)",
        "column v",
    ),
    m("default_expression", "(ID, v VARCHAR(40) DEFAULT (UUID()))", "(ID, v VARCHAR(40))", "column v"),
    m("comment", "(ID, v INT COMMENT 'one')", "(ID, v INT COMMENT 'One')", "column v"),
    m(
        "charset",
        "(ID, v VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_bin)",
        "(ID, v VARCHAR(9) CHARACTER SET ascii COLLATE ascii_bin)",
        "column v",
    ),
    m(
        "collation",
        "(ID, v VARCHAR(9) COLLATE utf8mb4_bin)",
        "(ID, v VARCHAR(9) COLLATE utf8mb4_general_ci)",
        "column v",
    ),
    m("counting", "(ID_AUTO, v INT)", "(ID, v INT)", "column id"),
    m("name", "(ID, v INT)", "(ID, w INT)", "column v"),
    m("name_of_case", "(ID, v INT)", "(ID, V INT)", "column"),
    m("missing", "(ID, v INT, w INT)", "(ID, v INT)", "column w"),
    m("added", "(ID, v INT)", "(ID, v INT, w INT)", "column w"),
    m("order_of_columns", "(ID, v INT, w INT)", "(ID, w INT, v INT)", "order"),
    m("generated", "(ID, v INT, g INT AS (v + 1))", "(ID, v INT, g INT AS (v + 2))", "column g"),
    m(
        "generated_word",
        "(ID, v INT, g VARCHAR(9) COLLATE utf8mb4_bin AS (CONCAT(v, 'é')))",
        "(ID, v INT, g VARCHAR(9) COLLATE utf8mb4_bin AS (CONCAT(v, 'è')))",
        "column g",
    ),
    m("generated_no_more", "(ID, v INT, g INT AS (v + 1) STORED)", "(ID, v INT, g INT)", "column g"),
    m("stored", "(ID, v INT, g INT AS (v + 1) STORED)", "(ID, v INT, g INT AS (v + 1) VIRTUAL)", "column g"),
    m("key_gone", "(ID, v INT, KEY k (v))", "(ID, v INT)", "index k"),
    m("key_new", "(ID, v INT)", "(ID, v INT, KEY k (v))", "index k"),
    m("key_name", "(ID, v INT, KEY k (v))", "(ID, v INT, KEY l (v))", "index k"),
    m("unique", "(ID, v INT, UNIQUE KEY k (v))", "(ID, v INT, KEY k (v))", "index k"),
    m("key_columns", "(ID, v INT, w INT, KEY k (v, w))", "(ID, v INT, w INT, KEY k (w, v))", "index k"),
    m("key_prefix", "(ID, v VARCHAR(20), KEY k (v(5)))", "(ID, v VARCHAR(20), KEY k (v(6)))", "index k"),
    m("key_whole", "(ID, v VARCHAR(20), KEY k (v(5)))", "(ID, v VARCHAR(20), KEY k (v))", "index k"),
    m("key_expression", "(ID, v INT, KEY k ((v + 1)))", "(ID, v INT, KEY k ((v + 2)))", "index k"),
    m("key_comment", "(ID, v INT, KEY k (v) COMMENT 'one')", "(ID, v INT, KEY k (v) COMMENT 'two')", "index k"),
    m("key_hidden", "(ID, v INT, KEY k (v))", "(ID, v INT, KEY k (v) INVISIBLE)", "index k"),
    m("primary_key", "(ID, v INT NOT NULL)", "(id INT NOT NULL, v INT NOT NULL, PRIMARY KEY (id, v))", "PRIMARY"),
    m("primary_key_gone", "(ID, v INT)", "(id INT NOT NULL, v INT)", "PRIMARY"),
    m("check_gone", "(ID, v INT, CONSTRAINT mc CHECK (v > 0))", "(ID, v INT)", "CHECK"),
    m("check_text", "(ID, v INT, CONSTRAINT md CHECK (v > 0))", "(ID, v INT, CONSTRAINT md CHECK (v > -1))", "CHECK"),
    m(
        "check_word",
        "(ID, v VARCHAR(9), CONSTRAINT me CHECK (v <> 'é'))",
        "(ID, v VARCHAR(9), CONSTRAINT me CHECK (v <> 'è'))",
        "CHECK",
    ),
    m(
        "check_off",
        "(ID, v INT, CONSTRAINT mf CHECK (v > 0))",
        "(ID, v INT, CONSTRAINT mf CHECK (v > 0) NOT ENFORCED)",
        "CHECK",
    ),
    m(
        "parent_gone",
        "(ID, v INT, KEY v (v), CONSTRAINT pa FOREIGN KEY (v) REFERENCES a_parent (id))",
        "(ID, v INT, KEY v (v))",
        "foreign key",
    ),
    m(
        "parent_other",
        "(ID, v INT, KEY v (v), CONSTRAINT pb FOREIGN KEY (v) REFERENCES a_parent (id))",
        "(ID, v INT, KEY v (v), CONSTRAINT pb FOREIGN KEY (v) REFERENCES a_parent (k))",
        "foreign key",
    ),
    m(
        "parent_action",
        "(ID, v INT, KEY v (v), CONSTRAINT pc FOREIGN KEY (v) REFERENCES a_parent (id))",
        "(ID, v INT, KEY v (v), CONSTRAINT pc FOREIGN KEY (v) REFERENCES a_parent (id) ON DELETE CASCADE)",
        "foreign key",
    ),
    m(
        "parent_update",
        "(ID, v INT, KEY v (v), CONSTRAINT pd FOREIGN KEY (v) REFERENCES a_parent (id) ON UPDATE CASCADE)",
        "(ID, v INT, KEY v (v), CONSTRAINT pd FOREIGN KEY (v) REFERENCES a_parent (id) ON UPDATE SET NULL)",
        "foreign key",
    ),
    m(
        "partitions_gone",
        "(ID, v INT) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (2), PARTITION b VALUES LESS THAN (9))",
        "(ID, v INT)",
        "partition",
    ),
    m(
        "partition_bound",
        "(ID, v INT) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (2), PARTITION b VALUES LESS THAN (9))",
        "(ID, v INT) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (2), PARTITION b VALUES LESS THAN (8))",
        "partition",
    ),
    m(
        "partition_name",
        "(ID, v INT) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (2), PARTITION b VALUES LESS THAN (9))",
        "(ID, v INT) PARTITION BY RANGE (id) (PARTITION a VALUES LESS THAN (2), PARTITION c VALUES LESS THAN (9))",
        "partition",
    ),
    m(
        "partition_added",
        "(ID, v INT) PARTITION BY LIST (id) (PARTITION a VALUES IN (1, 2))",
        "(ID, v INT) PARTITION BY LIST (id) (PARTITION a VALUES IN (1, 2), PARTITION b VALUES IN (3))",
        "partition",
    ),
    m(
        "partition_count",
        "(ID, v INT) PARTITION BY HASH (id) PARTITIONS 3",
        "(ID, v INT) PARTITION BY HASH (id) PARTITIONS 4",
        "partition",
    ),
    m(
        "partition_expression",
        "(ID, v INT) PARTITION BY HASH (id) PARTITIONS 3",
        "(ID, v INT) PARTITION BY HASH (id + 1) PARTITIONS 3",
        "partition",
    ),
    m(
        "partition_method",
        "(ID, v INT) PARTITION BY HASH (id) PARTITIONS 3",
        "(ID, v INT) PARTITION BY KEY (id) PARTITIONS 3",
        "partition",
    ),
    m("table_comment", "(ID, v INT) COMMENT 'one'", "(ID, v INT) COMMENT 'two'", "comment"),
    m("table_collation", "(ID, v INT) COLLATE utf8mb4_bin", "(ID, v INT) COLLATE utf8mb4_general_ci", "collation"),
];

/// The text of a view before and after, and the words of the difference.
const OF_VIEWS: &[Mutation] = &[
    m("select", "SELECT id, v FROM a_base", "SELECT id, 3 - v AS v FROM a_base", "text"),
    m("word", "SELECT id, 'é' AS v FROM a_base", "SELECT id, 'è' AS v FROM a_base", "text"),
    m("where", "SELECT id FROM a_base WHERE id < 2", "SELECT id FROM a_base WHERE id < 3", "text"),
    m("column", "SELECT id, v FROM a_base", "SELECT id, v AS w FROM a_base", "column"),
    m("column_gone", "SELECT id, v FROM a_base", "SELECT id FROM a_base", "column"),
    m("dropped", "SELECT id FROM a_base", "", "not on the target"),
];

/// What only the target can be made to be: statements behind the migration.
const OF_TARGET: &[(&str, &str, &[&str], &str)] = &[
    ("row_changed", "(ID, v INT)", &["UPDATE TTT SET v = 9 WHERE id = 1"], "rows"),
    ("row_null", "(ID, v INT)", &["UPDATE TTT SET v = NULL WHERE id = 1"], "rows"),
    ("row_gone", "(ID, v INT)", &["DELETE FROM TTT WHERE id = 1"], "rows"),
    ("row_more", "(ID, v INT)", &["INSERT INTO TTT VALUES (3, 3)"], "rows"),
    ("row_twice", "(id INT, v INT)", &["INSERT INTO TTT SELECT * FROM TTT WHERE id = 1"], "rows"),
    ("row_of_case", "(ID, v VARCHAR(9) COLLATE utf8mb4_general_ci)", &["UPDATE TTT SET v = 'A' WHERE id = 1"], "rows"),
    ("row_of_space", "(ID, v VARCHAR(9) COLLATE utf8mb4_bin)", &["UPDATE TTT SET v = CONCAT(v, ' ')"], "rows"),
    ("rows_swapped", "(ID, v INT)", &["UPDATE TTT SET v = 3 - v"], "rows"),
    (
        "counter",
        "(ID_AUTO, v INT) AUTO_INCREMENT 500000",
        &[
            "DROP TABLE TTT",
            "CREATE TABLE TTT (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) COLLATE utf8mb4_bin",
            "INSERT INTO TTT VALUES (1, 1), (2, 2)",
        ],
        "AUTO_INCREMENT",
    ),
    ("ttl", "(ID, v DATETIME)", &["ALTER TABLE TTT TTL = v + INTERVAL 9000 DAY TTL_ENABLE = 'OFF'"], "TTL"),
    ("gone", "(ID, v INT)", &["DROP TABLE TTT"], "not on the target"),
    ("renamed", "(ID, v INT)", &["RENAME TABLE TTT TO TTT_else"], "not on the target"),
    ("now_a_view", "(ID, v INT)", &["RENAME TABLE TTT TO TTT_else", "CREATE VIEW TTT AS SELECT * FROM TTT_else"], ""),
];

fn body(text: &str) -> String {
    text.replace("ID_AUTO", "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY")
        .replace("(ID,", "(id INT NOT NULL PRIMARY KEY,")
}

/// The rows of a table with this body: columns that have the name of a value.
fn rows(name: &str, body: &str) -> String {
    let columns: Vec<&str> = ["id", "v", "w", "V"]
        .into_iter()
        .filter(|c| body.contains(&format!("{c} ")) || body.contains(&format!("({c} ")))
        .collect();
    let row = |id: u32| {
        let cell = |c: &&str| match *c {
            "id" => id.to_string(),
            _ if body.contains("DATETIME") || body.contains("TIMESTAMP") => format!("'2024-01-01 12:00:0{id}'"),
            _ if body.contains("YEAR") => format!("'200{id}'"),
            _ if body.contains("v VARCHAR(9) COLLATE") => "'a'".to_owned(),
            _ => id.to_string(),
        };
        format!("({})", columns.iter().map(cell).collect::<Vec<_>>().join(", "))
    };
    format!("INSERT INTO {name} ({}) VALUES {}, {}", columns.join(", "), row(1), row(2))
}

const PARENTS: [&str; 5] = [
    "ALTER DATABASE COLLATE utf8mb4_bin",
    "CREATE TABLE a_base (id INT PRIMARY KEY, v INT) COLLATE utf8mb4_bin",
    "INSERT INTO a_base VALUES (1, 1), (2, 2)",
    "CREATE TABLE a_parent (id INT PRIMARY KEY, k INT NOT NULL, UNIQUE KEY k (k)) COLLATE utf8mb4_bin",
    "INSERT INTO a_parent VALUES (1, 1), (2, 2)",
];

fn created(name: &str, body: &str) -> [String; 2] {
    let collation = if body.contains(") COLLATE") || body.contains("PARTITION") { "" } else { " COLLATE utf8mb4_bin" };
    let (before, after) = body
        .split_once(") PARTITION")
        .map_or((body, String::new()), |(b, a)| (b, format!(") COLLATE utf8mb4_bin PARTITION{a}")));
    let body = format!("{before}{after}{collation}");
    [format!("CREATE TABLE m_{name} {}", self::body(&body)), rows(&format!("m_{name}"), &self::body(&body))]
}

/// Words that a source of another kind does not know.
fn takes(kind: &str, m: &Mutation) -> bool {
    let either = |word: &str| m.before.contains(word) || m.after.contains(word);
    kind == "mysql" || !["INVISIBLE", "NOT ENFORCED", "((", "😀"].into_iter().any(either)
}

fn view(name: &str, text: &str) -> Option<String> {
    (!text.is_empty()).then(|| format!("CREATE VIEW w_{name} AS {text}"))
}

/// A source with all of it as it was before.
async fn moved(bed: Bed, name: &str) -> (String, Journey) {
    let tables = OF_TABLES.iter().filter(|m| takes(&bed.kind, m)).map(|m| (m.name, m.before));
    let tables = tables.chain(OF_TARGET.iter().map(|m| (m.0, m.1)));
    let created = tables.flat_map(|(name, body)| created(name, body));
    let views = OF_VIEWS.iter().filter_map(|m| view(m.name, m.before));
    let statements: Vec<String> = PARENTS.iter().map(|s| (*s).to_owned()).chain(created).chain(views).collect();
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let schema = bed.schema(name, &statements).await;
    let journey = Journey::new(bed, vec![schema.clone()], name, "", "").await;
    journey.apply();
    journey.run(&["plan", "-detailed-exitcode"], 0);
    (schema, journey)
}

/// Makes all of it on one server what it is to be afterwards.
async fn mutate(kind: &str, bed: &Bed, schema: &str) {
    let mut conn = ends::connect(bed).await;
    let tables = OF_TABLES
        .iter()
        .filter(|m| takes(kind, m))
        .flat_map(|m| [format!("DROP TABLE m_{}", m.name)].into_iter().chain(created(m.name, m.after)));
    let views =
        OF_VIEWS.iter().flat_map(|m| [format!("DROP VIEW w_{}", m.name)].into_iter().chain(view(m.name, m.after)));
    let statements = [format!("USE {schema}")].into_iter().chain(tables).chain(views);
    for sql in statements {
        conn.query_drop(&sql).await.unwrap_or_else(|fault| panic!("{}: {fault}: {sql}", bed.kind));
    }
}

#[tokio::test]
async fn each_attribute_that_is_changed_on_the_target_is_found_by_verify_and_by_plan() {
    checks(true).await;
    let (schema, journey) = moved(Bed::mysql(), "mutations").await;
    mutate("mysql", &journey.target, &schema).await;
    for (name, _, statements, _) in OF_TARGET {
        for sql in *statements {
            let sql = sql.replace("TTT", &format!("{schema}.m_{name}"));
            journey.target.run(&[&sql]).await;
        }
    }
    let json = journey.json(&["verify", "-json"], 6);
    let tables = OF_TABLES.iter().map(|m| (format!("m_{}", m.name), m.what));
    let tables = tables.chain(OF_TARGET.iter().map(|m| (format!("m_{}", m.0), m.3)));
    let mut faults = Vec::new();
    for (name, what) in tables.chain(OF_VIEWS.iter().map(|m| (format!("w_{}", m.name), m.what))) {
        let key = format!("{schema}.{name}");
        let all = json[0]["tables"].as_array().unwrap().iter().chain(json[0]["views"].as_array().unwrap());
        let verdict = all.clone().find(|t| t["table"] == key.as_str() || t["view"] == key.as_str());
        let Some(verdict) = verdict else {
            faults.push(format!("{name}: not in the verification"));
            continue;
        };
        let structure = &verdict["structure"];
        let differ = verdict["table"].is_null() || verdict["verdict"] == "different";
        let found = match what {
            "rows" => structure["equal"] == true,
            _ => structure["equal"] == false && structure["differences"].to_string().contains(what),
        };
        if !differ || !found {
            faults.push(format!("{name}: wanted {what}: {verdict}"));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    let same = |t: &&serde_json::Value| t["verdict"] == "equal";
    let same: Vec<_> = json[0]["tables"].as_array().unwrap().iter().filter(same).map(|t| t["table"].clone()).collect();
    assert_eq!(same, [format!("{schema}.a_base"), format!("{schema}.a_parent")]);
    let objects = OF_TABLES.iter().map(|m| format!("m_{}", m.name));
    // Rows are verify's, and counters the report's.
    let objects =
        objects.chain(OF_TARGET.iter().filter(|m| m.3 != "rows" && m.0 != "counter").map(|m| format!("m_{}", m.0)));
    // A view in the place of a table stops the plan (MIG2043); that the others are changed stands in it all the same.
    planned(&journey, &schema, 5, objects.chain(OF_VIEWS.iter().map(|m| format!("w_{}", m.name)))).await;
    journey.end().await;
    checks(false).await;
}

/// The next plan changes each of these objects, and neither of the parents.
async fn planned(journey: &Journey, schema: &str, exit: i32, objects: impl Iterator<Item = String>) {
    let json = journey.json(&["plan", "-json", "-detailed-exitcode"], exit);
    let changes: Vec<&str> =
        json["body"]["changes"].as_array().unwrap().iter().map(|c| c["addr"].as_str().unwrap()).collect();
    let changes = |name: &str| changes.iter().any(|addr| addr.contains(&format!("[\"{schema}.{name}\"]")));
    let faults: Vec<String> = objects.filter(|name| !changes(name)).collect();
    assert!(faults.is_empty(), "{}: {faults:?}", journey.source.kind);
    assert!(!changes("a_base"), "{}", journey.source.kind);
}

#[tokio::test]
async fn each_attribute_that_is_changed_on_the_source_is_found_by_the_next_plan() {
    checks(true).await;
    for bed in [Bed::mysql(), Bed::mariadb()] {
        let kind = bed.kind.clone();
        let (schema, journey) = moved(bed, "mutated").await;
        mutate(&kind, &journey.source, &schema).await;
        let objects = OF_TABLES.iter().filter(|m| takes(&kind, m)).map(|m| format!("m_{}", m.name));
        // What is gone on the source is forgotten, not dropped.
        planned(&journey, &schema, 2, objects.chain(OF_VIEWS.iter().map(|m| format!("w_{}", m.name)))).await;
        journey.end().await;
    }
    checks(false).await;
}

#[tokio::test]
async fn what_a_certificate_speaks_of_is_looked_at_by_every_plan() {
    let statements = [
        "ALTER DATABASE COLLATE utf8mb4_bin",
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE c (id INT AUTO_INCREMENT PRIMARY KEY, p INT, KEY p (p), \
         CONSTRAINT cp FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE) AUTO_INCREMENT = 70",
        "INSERT INTO p VALUES (1)",
        "INSERT INTO c VALUES (5, 1)",
    ];
    let schema = Bed::mysql().schema("spoken", &statements).await;
    let journey = Journey::new(Bed::mysql(), vec![schema.clone()], "spoken", "", "").await;
    journey.apply();
    let on = async |bed: &Bed, sql: &str| bed.run(&[&sql.replace("S.", &format!("{schema}."))]).await;

    let unseen = format!("ALTER TABLE {schema}.c AUTO_INCREMENT = 900000");
    journey.source.run(&["SET sql_log_bin = 0", &unseen]).await;
    let told = journey.run(&["plan", "-detailed-exitcode"], 2);
    assert!(told.contains("the next AUTO_INCREMENT number"), "{told}");
    journey.apply();
    on(&journey.target, "INSERT INTO S.c (p) VALUES (1)").await;
    let sql = format!("SELECT MAX(id) >= 900000 FROM {schema}.c");
    assert_eq!(journey.target.rows(&sql).await, [["1"]]);
    on(&journey.target, "DELETE FROM S.c WHERE id > 5").await;

    let rule =
        "SELECT DELETE_RULE FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'S' ORDER BY 1";
    let rule = rule.replace("S'", &format!("{schema}'"));
    on(&journey.target, "ALTER TABLE S.c DROP FOREIGN KEY cp").await;
    on(&journey.target, "ALTER TABLE S.c ADD CONSTRAINT cp FOREIGN KEY (p) REFERENCES S.p (id)").await;
    let told = journey.run(&["plan", "-detailed-exitcode"], 2);
    assert!(told.contains("changed on the target: foreign key cp"), "{told}");
    journey.apply();
    assert_eq!(journey.target.rows(&rule).await, [["CASCADE"]]);

    on(&journey.target, "ALTER TABLE S.c ADD CONSTRAINT other FOREIGN KEY (p) REFERENCES S.p (id) ON DELETE SET NULL")
        .await;
    journey.run(&["plan", "-detailed-exitcode"], 2);
    let told = journey.run(&["apply", "-auto-approve"], 6);
    assert!(told.contains("foreign key other"), "{told}");
    assert_eq!(journey.target.rows(&rule).await, [["CASCADE"], ["SET NULL"]]);
    on(&journey.target, "ALTER TABLE S.c DROP FOREIGN KEY other").await;
    journey.apply();
    journey.run(&["plan", "-detailed-exitcode"], 0);
    journey.end().await;
}
