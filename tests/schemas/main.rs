//! Random schemas of every source, moved by the program itself. What comes of each is one of three: it arrives as it was,
//! by an oracle of SQL on both servers; it arrives otherwise, and the plan names it; the plan refuses it, by name.
//!
//! `MIG_SEED` and `MIG_CASES` choose; a seed is printed before it is tried.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod grammar;
mod oracle;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code)]
#[path = "../types/random.rs"]
mod values;

use std::collections::{BTreeMap, BTreeSet};

use grammar::{Dialect, Grammar};
use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use rand::SeedableRng;
use rand::rngs::StdRng;
use regex::Regex;
use serde_json::Value;
use support::journey::Journey;
use support::{Bed, ends};

/// Which rules of a plan make a difference of this kind right.
fn named_by(kind: &str) -> &'static [&'static str] {
    match kind {
        "collation" => &["MIG2021", "MIG2020"],
        "index" => &["MIG2107", "MIG2108", "MIG2119", "MIG2121", "MIG2196", "MIG2101", "MIG2198"],
        "foreign key" => &["MIG2116", "MIG2126"],
        "partitions" => &["MIG2117", "MIG2118", "MIG2129", "MIG2190"],
        "default" => &["MIG2120", "MIG2191", "MIG2190", "MIG2172", "MIG2173", "MIG2125"],
        "type" => &["MIG2127", "MIG2101", "MIG2122"],
        "comment" => &["MIG2192"],
        "view" => &["MIG2160", "MIG2161", "MIG2162", "MIG2163", "MIG2164", "MIG2165"],
        "rows" => &["MIG2172", "MIG2173"],
        "words" => &["MIG2166", "MIG2167", "MIG2172", "MIG2173", "MIG2182"],
        _ => &[],
    }
}

/// What the user sets, and leaves out, to go on.
#[derive(Default, Clone, PartialEq)]
struct Settings {
    rules: BTreeMap<String, String>,
    collations: BTreeMap<String, String>,
    zero_dates: bool,
    left_out: BTreeSet<String>,
}

impl Settings {
    fn gates(&self) -> String {
        let mut text = String::new();
        for (rule, action) in &self.rules {
            text.push_str(&format!("    rule \"{rule}\" {{\n      action = \"{action}\"\n    }}\n"));
        }
        if !self.collations.is_empty() {
            let pairs: Vec<String> = self.collations.iter().map(|(a, b)| format!("\"{a}\" = \"{b}\"")).collect();
            text.push_str(&format!("    collation = \"convert\"\n    collation_map = {{ {} }}\n", pairs.join(", ")));
        }
        if self.zero_dates {
            text.push_str("    zero_dates = \"keep\"\n");
        }
        text
    }

    /// Takes the way that a finding of the plan shows.
    fn take(&mut self, schema: &str, finding: &Value) {
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        let (code, help, detail) = (text("code"), text("help"), text("detail"));
        let rule = Regex::new(&format!("rule \"{code}\" \\{{ action = \"(\\w+)\" \\}}")).unwrap();
        let pairs = Regex::new("\"(\\w+)\" = \"(\\w+)\"").unwrap();
        let map: Vec<_> = pairs.captures_iter(help).map(|c| (c[1].to_owned(), c[2].to_owned())).collect();
        if help.contains("zero_dates = \"keep\"") {
            self.zero_dates = true;
        } else if !map.is_empty() {
            self.collations.extend(map);
        } else if let Some(found) =
            rule.captures_iter(help).map(|c| c[1].to_owned()).find(|_| !self.rules.contains_key(code))
        {
            self.rules.insert(code.to_owned(), found);
        } else {
            let prefix = format!("{schema}.");
            let objects = detail.lines().filter_map(|line| line.strip_prefix(&prefix));
            self.left_out.extend(objects.map(first_name));
        }
    }
}

/// The table or view at the beginning of a key that `mig` has printed: `a.b`, or in backticks.
fn first_name(key: &str) -> String {
    let Some(quoted) = key.strip_prefix('`') else {
        return key.split(['.', ':', ' ']).next().unwrap().to_owned();
    };
    let mut name = String::new();
    let mut rest = quoted.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('`', Some('`')) => name.extend(rest.next()),
            ('`', _) => break,
            _ => name.push(c),
        }
    }
    name
}

/// The findings of all gates.
fn findings(plan: &Value) -> Vec<Value> {
    let verdicts = plan["body"]["observed"]["verdicts"].as_object().cloned().unwrap_or_default();
    verdicts.values().flat_map(|verdict| verdict["findings"].as_array().cloned().unwrap_or_default()).collect()
}

/// Every code with all the texts in which it stands.
fn named(plan: &Value) -> Vec<(String, String)> {
    let changes = plan["body"]["changes"].as_array().cloned().unwrap_or_default();
    let rewrites = changes.iter().flat_map(|c| c["rewrite"]["changes"].as_array().cloned().unwrap_or_default());
    let all = rewrites.chain(findings(plan));
    all.map(|found| {
        (
            found["code"].as_str().unwrap_or_default().to_owned(),
            found.to_string().replace("\\\\", "\\").replace("\\\"", "\""),
        )
    })
    .collect()
}

/// How many objects came to what.
#[derive(Default, Debug)]
struct Tally {
    refused_by_source: usize,
    moved: usize,
    left_out: usize,
    named: BTreeMap<String, usize>,
}

async fn one_schema(bed: Bed, seed: u64, tally: &mut Tally) -> Vec<String> {
    let kind = bed.kind.clone();
    let mut random = StdRng::seed_from_u64(seed);
    let mut grammar = Grammar::new(&mut random, Dialect::of(&kind));
    let collation = format!("ALTER DATABASE COLLATE {}", grammar.collation());
    let schema = bed.schema("schemas", &[&collation]).await;
    let mut source = ends::connect(&bed).await;
    source.query_drop(format!("USE {schema}")).await.unwrap();
    let mut ddl = Vec::new();
    for object in grammar.objects() {
        match source.query_drop(&object.create).await {
            Ok(()) => ddl.push(object.create.clone()),
            Err(fault) => {
                tally.refused_by_source += 1;
                if std::env::var_os("MIG_TALK").is_some() {
                    println!("{kind}: {fault}: {}", object.create);
                }
                continue;
            }
        }
        for sql in &object.fill {
            // A row that the server does not take is not a part of the schema either.
            let _ = source.query_drop(sql).await;
        }
    }
    let mut settings = Settings::default();
    let mut faults = Vec::new();
    if !ddl.iter().any(|create| create.starts_with("CREATE TABLE")) {
        return faults;
    }
    for round in 0.. {
        let out: Vec<String> = settings.left_out.iter().cloned().collect();
        let journey =
            Journey::leaving_out(Bed::at(bed.dir.clone()).unwrap(), &schema, "schemas", &out, &settings.gates()).await;
        let (code, plan, told) = journey.planned();
        if code == 5 && round < 8 {
            let before = settings.clone();
            for finding in findings(&plan).iter().filter(|finding| finding["severity"] == "error") {
                settings.take(&schema, finding);
            }
            if settings != before {
                continue;
            }
        }
        if code != 0 {
            let stop: Vec<String> =
                findings(&plan).iter().filter(|f| f["severity"] == "error").map(ToString::to_string).collect();
            if code == 5 && stop.is_empty() && !out.is_empty() {
                // All of it was refused by name, and left out.
                tally.left_out += out.len();
                break;
            }
            faults.push(format!("plan ended with {code}: {told}{}", stop.join("\n")));
            break;
        }
        let (code, told) = journey.said(&["apply", "-auto-approve"]);
        let as_planned = [("MIG6040", "MIG2173"), ("MIG6050", "MIG2182")].into_iter().find(|(met, said)| {
            let is_named = || named(&plan).iter().any(|(code, _)| code == said);
            told.contains(&format!("error[{met}]")) && !settings.rules.contains_key(*said) && is_named()
        });
        if let (6, Some((_, said))) = (code, as_planned) {
            settings.rules.insert(said.into(), "warn".into());
            continue;
        }
        if code != 0 {
            let report = journey.said(&["report", "-json"]).1;
            let different: Vec<&str> =
                report.lines().filter(|line| line.contains("expected") || line.contains("actual")).collect();
            faults.push(format!("apply ended with {code}: {told}\n{different:#?}"));
            if code == 6 {
                let mut target = ends::connect(&journey.target).await;
                faults.extend(compare(&mut source, &mut target, &schema, &named(&plan), &out, tally).await);
            }
        } else {
            for (arguments, what) in [(&["plan", "-detailed-exitcode"][..], "plan"), (&["verify"], "verify")] {
                let (code, told) = journey.said(arguments);
                // Where everything had to be left out, there is nothing to verify.
                if code != 0 && !told.contains("error[MIG1018]") {
                    faults.push(format!("{what} ended with {code} behind an apply that said equal: {told}"));
                }
            }
            let mut target = ends::connect(&journey.target).await;
            faults.extend(compare(&mut source, &mut target, &schema, &named(&plan), &out, tally).await);
        }
        journey.end().await;
        break;
    }
    if !faults.is_empty() {
        faults.insert(0, format!("MIG_SEED={seed} {kind}: {}\n", settings.gates()));
        faults.push(ddl.join(";\n"));
    }
    faults
}

/// What differs between the two servers and is not named by the plan.
async fn compare(
    source: &mut Conn,
    target: &mut Conn,
    schema: &str,
    named: &[(String, String)],
    out: &[String],
    tally: &mut Tally,
) -> Vec<String> {
    let (here, there) = (oracle::structure(source, schema).await, oracle::structure(target, schema).await);
    let mut faults = Vec::new();
    let mut differs = |kind: &'static str, object: &str, what: String| {
        let table = object.split('.').next().unwrap_or_default().replace('`', "``");
        let by = named.iter().find(|(code, text)| {
            // A view shows what its tables compute.
            let of_table = text.contains(&table) || (kind == "words" && code.starts_with("MIG217"));
            named_by(kind).contains(&code.as_str()) && of_table
        });
        match by {
            Some((code, _)) => *tally.named.entry(format!("{kind} {code}")).or_default() += 1,
            None => faults.push(format!("{kind} {object}: {what}")),
        }
    };
    let absent = |object: &str| out.iter().any(|name| object == name || object.starts_with(&format!("{name}.")));
    let keys: BTreeSet<String> =
        here.keys().filter(|(kind, _)| *kind == "foreign key").map(|(_, name)| name.to_lowercase()).collect();
    for (kind, name) in here.keys().chain(there.keys()).collect::<BTreeSet<_>>() {
        let (a, b) = (here.get(&(*kind, name.clone())), there.get(&(*kind, name.clone())));
        let by_server = *kind == "index" && a.is_none() && keys.contains(name);
        if a != b && !absent(name) && !by_server {
            differs(kind, name, format!("{a:?} / {b:?}"));
        }
    }
    let mut moved = 0;
    oracle::drop_triggers(source, schema).await;
    for (_, table) in here.keys().filter(|(kind, name)| *kind == "table" && !absent(name)) {
        moved += 1;
        let columns = ends::columns(source, schema, table).await;
        let rows =
            [ends::rows(source, schema, table, &columns).await, ends::rows(target, schema, table, &columns).await];
        if rows[0].rows != rows[1].rows {
            let first = rows[0].rows.iter().zip(&rows[1].rows).find(|(one, other)| one != other);
            differs("rows", table, format!("{} / {}: {first:?}", rows[0].rows.len(), rows[1].rows.len()));
        }
        if !oracle::takes_back(source, schema, table).await {
            continue;
        }
        let given = if columns.iter().any(|column| column.name == "id") { "(id) VALUES (100)" } else { "() VALUES ()" };
        let gives = [
            oracle::defaults(source, schema, table, &columns, given).await,
            oracle::defaults(target, schema, table, &columns, given).await,
        ];
        // TiDB's own fault with a BIT that gets the default of its type.
        let inconsistent = gives[1].as_ref().is_err_and(|fault| fault.contains("8140"));
        if gives[0].is_ok() && gives[0] != gives[1] && !inconsistent {
            let sides = [&gives[0], &gives[1]].map(|side| side.clone().unwrap_or_else(|fault| vec![fault]));
            let only =
                |a: &[String], b: &[String]| a.iter().filter(|row| !b.contains(row)).cloned().collect::<Vec<_>>();
            differs("default", table, format!("{:?} / {:?}", only(&sides[0], &sides[1]), only(&sides[1], &sides[0])));
        }
    }
    for (_, view) in there.keys().filter(|(kind, _)| *kind == "view") {
        let (a, b) = (oracle::view(source, schema, view).await, oracle::view(target, schema, view).await);
        if a != b {
            differs("words", view, format!("{a:?} / {b:?}"));
        }
    }
    tally.moved += moved;
    tally.left_out += out.len();
    faults
}

#[tokio::test]
async fn random_schemas_arrive_are_named_or_are_refused_by_the_plan() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    // The same ones unless others are asked for: a change is judged by them, not by luck.
    let first: u64 = number("MIG_SEED").unwrap_or(1);
    let only = std::env::var("MIG_SOURCE").ok();
    let before = Bed::tidb().rows("SELECT @@GLOBAL.tidb_enable_check_constraint").await[0][0].clone();
    Bed::tidb().run(&["SET GLOBAL tidb_enable_check_constraint = 1"]).await;
    let mut faults = Vec::new();
    let mut tally = Tally::default();
    for seed in first..first + number("MIG_CASES").unwrap_or(4) {
        println!("MIG_SEED={seed}");
        for bed in [Bed::mysql(), Bed::mariadb(), Bed::mysql56()] {
            if only.as_ref().is_none_or(|kind| *kind == bed.kind) {
                let found = one_schema(bed, seed, &mut tally).await;
                if !found.is_empty() {
                    println!("{}", found.join("\n"));
                    faults.push(found[0].clone());
                }
            }
        }
    }
    println!("{tally:?}");
    Bed::tidb().run(&[&format!("SET GLOBAL tidb_enable_check_constraint = {before}")]).await;
    assert!(faults.is_empty(), "{} schemas: {}", faults.len(), faults.join("\n"));
}
