//! What holds the house together, read from its own source: codes and their table, floors and their order, the SDKs and
//! their place, the size of a file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex::Regex;

/// One file: its path from the project's root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Without its module of tests, which stands last; one that is a file of its own is left out by its name.
    fn program(&self) -> &str {
        let tests = Regex::new(r"(?m)^#\[cfg\(test\)\]\n(#\[[^\n]*\n)*(pub\(crate\) )?mod \w+ \{").unwrap();
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
        path: path.strip_prefix(root).unwrap().display().to_string(),
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn a_code_is_written_in_its_table_only_and_every_row_is_raised() {
    let literal = Regex::new(r"MIG\d{4}").unwrap();
    let row = Regex::new(r"(?m)^    ([A-Z][A-Z0-9_]*) = \d{4}, ").unwrap();
    let word = Regex::new(r"\b[A-Z][A-Z0-9_]*\b").unwrap();
    let (mut rows, mut raised, mut literals) = (BTreeSet::new(), BTreeSet::new(), Vec::<String>::new());
    for source in sources(&["src"]).iter().filter(|source| !source.is_test()) {
        if source.path.starts_with("src/words/codes") {
            rows.extend(row.captures_iter(&source.text).map(|found| found[1].to_owned()));
            continue;
        }
        for line in source.program().lines().filter(|line| !line.trim_start().starts_with("//")) {
            let code = line.split(" // ").next().unwrap_or_default();
            assert!(
                !literal.is_match(code),
                "a code is named by its constant of words::codes: {}: {line}",
                source.path
            );
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
    for source in sources(&["src"]).iter().filter(|source| !source.is_test()) {
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
    for source in sources(&["src"]).iter().filter(|source| !source.is_test()) {
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
    let all = sources(&["src", "tests"]);
    let long = all.iter().map(|source| (source.program().lines().filter(code).count(), &source.path));
    let long: Vec<_> = long.filter(|(lines, _)| *lines > 600).collect();
    assert!(long.is_empty(), "{long:?}");
}
