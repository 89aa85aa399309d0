//! docs/commands.md and the generated parts of docs/reference.md, made from the code's own tables: the definition of the
//! arguments, the table of blocks, and the enumerations with their comments. In reference.md a generated part is between
//! `<!-- generated: NAME -->` and `<!-- end -->`; what is written by hand is around it.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Arg, ArgAction, Command};
use mig::formats::spec::schema::{SCHEMAS, Schema};
use mig::formats::{event, plan, state};
use mig::screen::stream;
use mig::words::addr::GateName;
use mig::words::error::ExitKind;
use regex::Regex;
use schemars::JsonSchema;

use super::{check, root};

/// A text as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut text = format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

fn block(schema: &Schema) -> String {
    let word = Regex::new("\"\\w+\"").unwrap();
    let attributes = schema.attributes.iter().map(|one| {
        let value = word.replace_all(one.value, |found: &regex::Captures| format!("`{}`", &found[0]));
        vec![format!("`{}`", one.name), value.into_owned(), one.default.to_owned(), one.meaning.to_owned()]
    });
    let blocks = schema.blocks.iter().map(|one| {
        let labels = " \"…\"".repeat(one.labels);
        let often = if one.many { "blocks" } else { "block" };
        vec![format!("`{}{labels} {{ }}`", one.name), often.to_owned(), one.default.to_owned(), one.meaning.to_owned()]
    });
    table(&["attribute", "value", "default", "meaning"], attributes.chain(blocks))
}

/// The words of an enumeration and what its comments say of them.
fn words<T: JsonSchema>() -> Vec<(String, String)> {
    let schema = schemars::schema_for!(T).to_value();
    let each = schema["oneOf"].as_array().unwrap_or_else(|| panic!("a word without a comment: {schema:#}"));
    let word = |one: &serde_json::Value| {
        let description = one["description"].as_str().unwrap_or_else(|| panic!("{one:#}"));
        (one["const"].as_str().unwrap().to_owned(), description.to_owned())
    };
    each.iter().map(word).collect()
}

fn words_table<T: JsonSchema>(head: &str) -> String {
    table(&[head, "meaning"], words::<T>().into_iter().map(|(word, meaning)| vec![format!("`{word}`"), meaning]))
}

fn exit_codes() -> String {
    let rows = ExitKind::ALL.into_iter().zip(words::<ExitKind>()).map(|(kind, (word, meaning))| {
        assert_eq!(serde_json::to_value(kind).unwrap(), word);
        vec![kind.code().to_string(), meaning]
    });
    table(&["code", "meaning"], rows)
}

/// The commands that are shown, each by its words.
fn commands() -> Vec<(String, Command)> {
    fn add(command: &Command, path: &str, into: &mut Vec<(String, Command)>) {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name());
            into.push((path.clone(), sub.clone()));
            add(sub, &path, into);
        }
    }
    let mut definition = mig::cli::definition();
    definition.build();
    let mut all = Vec::new();
    add(&definition, "mig", &mut all);
    all
}

fn flags(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !arg.is_positional() && !arg.is_hide_set() && arg.get_id() != "help")
}

fn value_of(arg: &Arg) -> String {
    arg.get_value_names().and_then(|names| names.first()).map_or_else(|| arg.get_id().to_string(), ToString::to_string)
}

fn flag(arg: &Arg) -> String {
    let name = arg.get_long().unwrap();
    match arg.get_action() {
        ArgAction::SetTrue | ArgAction::Version => format!("-{name}"),
        _ if arg.get_num_args().is_some_and(|number| number.min_values() == 0) => {
            format!("-{name}[={}]", value_of(arg))
        }
        _ => format!("-{name}={}", value_of(arg)),
    }
}

fn help(arg: &Arg) -> String {
    let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut text = if text.is_empty() { text } else { format!("{}.", text.trim_end_matches('.')) };
    let values: Vec<String> = arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if !matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Version) && !values.is_empty() {
        text.push_str(&format!(" Values: {}.", values.join(", ")));
    }
    let defaults: Vec<String> = arg.get_default_values().iter().map(|value| format!("`{}`", value.display())).collect();
    if !defaults.is_empty() && !matches!(arg.get_action(), ArgAction::SetTrue) {
        text.push_str(&format!(" Default: {}.", defaults.join(", ")));
    }
    if matches!(arg.get_action(), ArgAction::Append) && !text.contains("several") {
        text.push_str(" Can be given several times.");
    }
    text.trim().to_owned()
}

fn flags_table<'a>(flags: impl Iterator<Item = &'a Arg>) -> String {
    let variable = |arg: &Arg| arg.get_env().map_or("–".to_owned(), |name| format!("`{}`", name.display()));
    let rows: Vec<Vec<String>> = flags.map(|arg| vec![format!("`{}`", flag(arg)), variable(arg), help(arg)]).collect();
    if rows.is_empty() { String::new() } else { table(&["flag", "environment variable", "meaning"], rows) }
}

const VARIABLES: [&str; 3] = ["var", "var-file", "var-from-terraform"];

fn is_of_variables(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|name| VARIABLES.contains(&name))
}

fn command_section(path: &str, command: &Command) -> String {
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("## {path}\n\n{}.\n", about.trim_end_matches('.'));
    let positional: Vec<&Arg> = command.get_positionals().collect();
    if command.get_subcommands().next().is_none() {
        let shown = positional.iter().map(|arg| {
            let many = arg.get_num_args().is_some_and(|number| number.max_values() > 1);
            let name = format!("{}{}", value_of(arg), if many { "…" } else { "" });
            if arg.is_required_set() { format!(" {name}") } else { format!(" [{name}]") }
        });
        text.push_str(&format!("\n```\n{path} [FLAGS]{}\n```\n", shown.collect::<String>()));
    }
    if !positional.is_empty() {
        let rows = positional.iter().map(|arg| vec![format!("`{}`", value_of(arg)), help(arg)]);
        text.push_str(&format!("\n{}", table(&["argument", "meaning"], rows)));
    }
    let own = flags_table(flags(command).filter(|arg| !arg.is_global_set() && !is_of_variables(arg)));
    if !own.is_empty() {
        text.push_str(&format!("\n{own}"));
    }
    if flags(command).any(is_of_variables) {
        text.push_str(
            "\nIt takes the flags for the [variables of the spec](#flags-for-the-variables-of-the-spec), too.\n",
        );
    }
    if let Some(examples) = command.get_after_help() {
        let examples = examples.to_string();
        let lines: Vec<&str> = examples.lines().skip(1).map(str::trim).collect();
        text.push_str(&format!("\nExamples:\n\n```\n{}\n```\n", lines.join("\n")));
    }
    text
}

#[test]
fn golden_page_of_the_commands_is_that_of_their_definition() {
    let all = commands();
    let (_, plan) = all.iter().find(|(path, _)| path == "mig plan").unwrap();
    let mut text = "# Commands\n\nThis page is generated from the program's own definition, like `mig help COMMAND`: every command, \
                    argument and flag.\n[reference.md](reference.md#commands) explains what they do together. `-flag` and \
                    `--flag` are the same.\n\n"
        .to_owned();
    for (path, _) in &all {
        text.push_str(&format!("- [{path}](#{})\n", path.replace(' ', "-")));
    }
    let global = flags(plan).filter(|arg| arg.is_global_set());
    text.push_str(&format!("\n## Flags of every command\n\n{}", flags_table(global)));
    let variables = flags(plan).filter(|arg| is_of_variables(arg));
    text.push_str(&format!("\n## Flags for the variables of the spec\n\n{}", flags_table(variables)));
    for (path, command) in &all {
        text.push_str(&format!("\n{}", command_section(path, command)));
    }
    check("docs/commands.md", &text);
}

/// Environment variables and the flags that they stand for.
fn environment() -> String {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, command) in &commands() {
        for arg in flags(command) {
            let Some(name) = arg.get_env() else { continue };
            found.entry(name.display().to_string()).or_default().insert(format!("`-{}`", arg.get_long().unwrap()));
        }
    }
    let rows = found
        .into_iter()
        .map(|(name, flags)| vec![format!("`{name}`"), flags.into_iter().collect::<Vec<_>>().join(", ")]);
    table(&["environment variable", "flag"], rows)
}

fn without_variable() -> String {
    let mut with = BTreeSet::new();
    let mut without: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let all = commands();
    for (path, command) in &all {
        for arg in flags(command) {
            let name = arg.get_long().unwrap().to_owned();
            match arg.get_env() {
                Some(_) => drop(with.insert(name)),
                None => without.entry(name).or_default().push(format!("`{path}`")),
            }
        }
    }
    let rows = without.into_iter().map(|(name, of)| {
        let of = if of.len() > 6 { "several commands".to_owned() } else { of.join(", ") };
        vec![format!("`-{name}`"), of]
    });
    table(&["flag", "of"], rows)
}

fn part(name: &str) -> String {
    if let Some(path) = name.strip_prefix("block ") {
        let found = SCHEMAS.iter().find(|schema| schema.path() == path);
        return block(found.unwrap_or_else(|| panic!("there is no block {path}")));
    }
    match name {
        "exit codes" => exit_codes(),
        "environment" => environment(),
        "flags without a variable" => without_variable(),
        "statuses" => words_table::<state::Status>("status"),
        "ends" => words_table::<event::Ended>("end"),
        "actions" => words_table::<plan::Action>("action"),
        "messages" => words_table::<stream::Message>("`type`"),
        _ => panic!("nothing is generated by the name {name}"),
    }
}

#[test]
fn golden_parts_of_the_reference_are_those_of_the_tables() {
    let text = std::fs::read_to_string(root().join("docs/reference.md")).unwrap();
    let marked = Regex::new(r"(?s)<!-- generated: ([^\n]+) -->\n.*?<!-- end -->").unwrap();
    let mut used: Vec<String> = marked.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    let made = marked.replace_all(&text, |found: &regex::Captures| {
        format!("<!-- generated: {} -->\n\n{}\n<!-- end -->", &found[1], part(&found[1]))
    });
    let others = ["exit codes", "environment", "flags without a variable", "statuses", "ends", "actions", "messages"];
    let blocks = SCHEMAS.iter().map(|schema| format!("block {}", schema.path()));
    let mut all: Vec<String> = blocks.chain(others.map(str::to_owned)).collect();
    used.sort();
    all.sort();
    assert_eq!(used, all, "each table has one place in docs/reference.md");
    check("docs/reference.md", &made);
}

#[test]
fn the_page_for_the_night_has_a_row_for_each_exit_code_and_status() {
    let page = std::fs::read_to_string(root().join("docs/on-call.md")).unwrap();
    for kind in ExitKind::ALL {
        assert!(page.contains(&format!("\n| {} | ", kind.code())), "{kind:?}");
    }
    // A reader sees another word for a step that has begun.
    for (status, _) in words::<state::Status>() {
        let shown = if status == "running" { "unfinished" } else { &status };
        assert!(page.contains(&format!("\n| `{shown}` | ")), "{status}");
    }
}

#[test]
fn the_reference_has_a_row_for_each_gate() {
    let page = std::fs::read_to_string(root().join("docs/reference.md")).unwrap();
    let part = page.split("\n## The gates\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let row = Regex::new(r"(?m)^\| `(\w+)` \|").unwrap();
    let named: BTreeSet<&str> = row.captures_iter(part).map(|found| found.get(1).unwrap().as_str()).collect();
    let all: BTreeSet<&str> = GateName::JUDGED.into_iter().chain([GateName::Structure]).map(GateName::word).collect();
    assert_eq!(named, all);
}

/// Flags that documents name in commands of mig, and between backticks.
#[test]
fn a_flag_that_a_document_names_is_one() {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut definition = mig::cli::definition();
    definition.build();
    fn add(command: &Command, known: &mut BTreeSet<String>) {
        known.extend(command.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)));
        command.get_subcommands().for_each(|sub| add(sub, known));
    }
    add(&definition, &mut known);
    let span = Regex::new(r"`([^`\n]+)`").unwrap();
    let flag = Regex::new(r"(?:^|[\s\[(|'])-([a-z][a-z-]{2,})").unwrap();
    let mut pages = vec![root().join("README.md")];
    pages.extend(std::fs::read_dir(root().join("docs")).unwrap().flatten().map(|entry| entry.path()));
    let mut seen = 0;
    for page in pages.iter().filter(|page| page.extension().is_some_and(|end| end == "md")) {
        let text = std::fs::read_to_string(page).unwrap();
        let fenced = text.lines().filter(|line| line.trim_start().starts_with("mig ")).map(str::to_owned);
        let of_mig = |span: &str| span.starts_with("mig ") || span.starts_with('-');
        let spans = span.captures_iter(&text).map(|found| found[1].to_owned()).filter(|span| of_mig(span));
        for shown in fenced.chain(spans) {
            // What is behind a pipe or a remark is of another program.
            let command = shown.split(" | ").next().unwrap_or_default().split("  #").next().unwrap_or_default();
            for found in flag.captures_iter(command) {
                // The word for any flag.
                if &found[1] == "flag" {
                    continue;
                }
                assert!(known.contains(&found[1]), "{}: -{} in {shown}", page.display(), &found[1]);
                seen += 1;
            }
        }
    }
    assert!(seen > 150, "{seen}");
}
