//! What holds the house together, read from its own source: codes and their table, floors and their order, the SDKs and
//! their place, the size of a file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The folders of both crates: the pure floors, and those above.
const SOURCES: [&str; 2] = ["core/src", "src"];

/// One file: its path from its crate's root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Without its module of tests, which stands last; one that is a file of its own is left out by its name.
    fn program(&self) -> &str {
        let tests = Regex::new(r"(?m)^#\[cfg\(test\)\]\n(#\[[^\n]*\n)*(pub\(\w+\) )?mod \w+ \{").unwrap();
        tests.find(&self.text).map_or(self.text.as_str(), |found| &self.text[..found.start()])
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("tests.rs")
            || self.path.contains("_tests/")
    }

    fn floor(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs")
    }
}

fn sources(folders: &[&str]) -> Vec<Source> {
    fn files(dir: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => files(&path, into),
                false if path.extension().is_some_and(|e| e == "rs") => into.push(path),
                false => {}
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    folders.iter().for_each(|folder| files(&root.join(folder), &mut paths));
    paths.sort();
    let read = |path: PathBuf| Source {
        text: std::fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root).unwrap().display().to_string().trim_start_matches("core/").to_owned(),
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn a_code_is_written_in_its_table_only_and_every_row_is_raised() {
    let literal = Regex::new(r"MIG\d{4}").unwrap();
    let row = Regex::new(r"(?m)^    ([A-Z][A-Z0-9_]*) = \d{4}, ").unwrap();
    let word = Regex::new(r"\b[A-Z][A-Z0-9_]*\b").unwrap();
    let (mut rows, mut raised, mut literals) = (BTreeSet::new(), BTreeSet::new(), Vec::<String>::new());
    for source in sources(&SOURCES).iter().filter(|source| !source.is_test()) {
        if source.path.starts_with("src/words/codes") {
            rows.extend(row.captures_iter(&source.text).map(|found| found[1].to_owned()));
            continue;
        }
        for line in source.program().lines().filter(|line| !line.trim_start().starts_with("//")) {
            let code = line.split(" // ").next().unwrap_or_default();
            if literal.is_match(code) {
                literals.push(format!("{}: {line}", source.path));
            }
            raised.extend(word.find_iter(code).map(|found| found.as_str().to_owned()));
        }
    }
    assert!(literals.is_empty(), "a code is named by its constant of words::codes: {literals:#?}");
    let idle: Vec<_> = rows.difference(&raised).collect();
    assert!(idle.is_empty(), "rows that nothing raises: {idle:?}");
    assert!(rows.len() > 300, "{}", rows.len());
}

#[test]
fn a_file_imports_from_its_own_floor_or_below() {
    // Bottom first; the two of one height do not know each other.
    let height = |floor: &str| match floor {
        "words" => Some(0),
        "formats" => Some(1),
        "think" => Some(2),
        "seams" => Some(3),
        "steps" | "hosts" => Some(4),
        "drive" => Some(5),
        "screen" => Some(6),
        "cli" => Some(7),
        _ => None,
    };
    let import = Regex::new(r"crate::(\w+)").unwrap();
    let mut seen = 0;
    for source in sources(&SOURCES).iter().filter(|source| !source.is_test()) {
        let Some(mine) = height(source.floor()) else { continue };
        let lines = source.program().lines().filter(|line| !line.trim_start().starts_with("//"));
        for (line, found) in lines.flat_map(|line| import.captures_iter(line).map(move |found| (line, found))) {
            let Some(other) = height(&found[1]) else { continue };
            let beside = mine == other && source.floor() != &found[1];
            assert!(other <= mine && !beside, "{}: {line}", source.path);
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn an_sdk_is_named_by_hosts_only() {
    let sdk = Regex::new(r"\b(aws_sdk_\w+|aws_config|aws_smithy\w*|mysql_async|openssh)::").unwrap();
    let mut homes = BTreeSet::new();
    for source in sources(&SOURCES).iter().filter(|source| !source.is_test()) {
        for line in source.program().lines().filter(|line| !line.trim_start().starts_with("//")) {
            if let Some(found) = sdk.captures(line) {
                assert_eq!(source.floor(), "hosts", "{}: {line}", source.path);
                homes.insert(found[1].to_owned());
            }
        }
    }
    assert!(homes.len() > 4, "{homes:?}");
}

#[test]
fn no_file_has_more_than_600_lines_of_code() {
    let code = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let all = sources(&["core/src", "src", "tests"]);
    let long = all.iter().map(|source| (source.program().lines().filter(code).count(), &source.path));
    let long: Vec<_> = long.filter(|(lines, _)| *lines > 600).collect();
    assert!(long.is_empty(), "{long:?}");
}

/// The lines of a block that begins in line `at`, to the brace that closes it in the same column.
fn block<'t>(lines: &[&'t str], at: usize) -> Vec<&'t str> {
    let indent = lines[at].len() - lines[at].trim_start().len();
    let closes = |line: &str| line.len() - line.trim_start().len() == indent && line.trim_start().starts_with('}');
    lines[at..].iter().take(1).chain(lines[at + 1..].iter().take_while(|line| !closes(line))).copied().collect()
}

#[test]
fn no_function_has_more_than_80_lines_of_code() {
    let opens = Regex::new(r"^\s*(pub(\([a-z]+\))? )?(const )?(async )?fn (\w+)").unwrap();
    let code = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
    let mut long = Vec::new();
    // A test is often one table of rows.
    for source in sources(&SOURCES).iter().filter(|source| !source.is_test()) {
        let lines: Vec<&str> = source.program().lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(found) = opens.captures(line) else { continue };
            let length = block(&lines, at).iter().filter(code).count();
            // With the line of its closing brace.
            if length + 1 > 80 && !line.trim_end().ends_with(';') {
                long.push(format!("{}: {} ({})", source.path, &found[5], length + 1));
            }
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn a_match_over_the_kinds_of_steps_names_them_all() {
    let opens = Regex::new(r"\bmatch .*\{$").unwrap();
    let kind = Regex::new(r"\b(StepKind|StepType|GateName)::\w+").unwrap();
    let mut found = Vec::new();
    for source in sources(&SOURCES).iter().filter(|source| !source.is_test() && source.path != "src/words/step.rs") {
        let lines: Vec<&str> = source.program().lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| opens.is_match(line)) {
            let indent = line.len() - line.trim_start().len() + 4;
            let arms = block(&lines, at).into_iter().skip(1).filter(|arm| arm.len() - arm.trim_start().len() == indent);
            let arms: Vec<&str> = arms.map(str::trim_start).collect();
            let over_kinds = arms.iter().any(|arm| kind.is_match(arm.split("=>").next().unwrap_or_default()));
            if over_kinds && arms.iter().any(|arm| arm.starts_with("_ =>")) {
                found.push(format!("{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "the compiler finds no missing kind here: {found:#?}");
}

#[test]
fn a_rule_is_noted_by_a_file_of_its_gate_and_has_a_case_that_meets_it() {
    let row = Regex::new(r"(?m)^    rule\(([A-Z_]+),").unwrap();
    let number = |name: &str| Regex::new(&format!(r"(?m)^    {name} = (\d{{4}}), ")).unwrap();
    let all = sources(&["core/src", "src", "tests"]);
    let text_of = |folders: &[&str]| -> String {
        let of = |source: &&Source| folders.iter().any(|folder| source.path.starts_with(folder));
        all.iter().filter(of).map(|source| source.text.as_str()).collect()
    };
    let (codes, families) = (text_of(&["src/words/codes"]), text_of(&["src/think/gates/compatibility"]));
    // Some are met in the schemas that are moved between real servers only.
    let cases = text_of(&["src/think/gates/tests", "tests/schemas"]);
    let rules = all.iter().find(|source| source.path == "src/think/gates/rules.rs").unwrap();
    let mut lacking = Vec::new();
    let mut seen = 0;
    for name in row.captures_iter(&rules.text).map(|found| found[1].to_owned()) {
        let code = number(&name).captures(&codes).map(|found| format!("MIG{}", &found[1])).unwrap();
        let is_named = |text: &str| Regex::new(&format!(r"\brules::{name}\b")).unwrap().is_match(text);
        if !is_named(&families) {
            lacking.push(format!("{name}: no file of think/gates/compatibility notes it"));
        }
        if !is_named(&cases) && !cases.contains(&code) {
            lacking.push(format!("{name}: no case of think/gates/tests or tests/schemas meets it"));
        }
        seen += 1;
    }
    assert!(lacking.is_empty(), "{lacking:#?}");
    assert!(seen > 70, "{seen}");
}

#[test]
fn outputs_are_read_by_their_type() {
    let read = Regex::new(r#"outputs(\.clone\(\)|\(&?\w+\))?\??\s*(\.get\("|\.pointer\(|\["\w)"#).unwrap();
    let mut found = Vec::new();
    for source in sources(&SOURCES).iter().filter(|source| !source.is_test()) {
        let lines = source.program().lines().filter(|line| !line.trim_start().starts_with("//"));
        found.extend(lines.filter(|line| read.is_match(line)).map(|line| format!("{}: {}", source.path, line.trim())));
    }
    assert!(found.is_empty(), "{found:#?}");
}
