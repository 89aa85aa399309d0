//! The table of blocks against the reader: what it says of an attribute is what the reader takes.

use super::schema::{Attribute, SCHEMAS, Schema};
use super::*;

/// A spec with this block, and these lines in it.
fn block(schema: &Schema, lines: &str) -> String {
    let title = schema.title.replace("CODE", &codes::FULLTEXT.to_string());
    let text = format!("{title} {{\n{lines}\n}}");
    schema.inside.map_or(text.clone(), |outer| block(outer, &text))
}

fn found(schema: &Schema, lines: &str) -> Vec<Diagnostic> {
    read(&[&block(schema, lines)]).1
}

/// What a message says of a value of another type.
fn wanted(value: &str) -> &str {
    match value.trim_end_matches(" or \"auto\"") {
        "text" => "must be a string",
        "number" => "must be a number",
        "true or false" => "must be true or false",
        "size" => "must be a size",
        "duration" => "must be a duration",
        "list of texts" => "must be a list of strings",
        "list of references" => "must be a list of references",
        "map of texts" => "must be a map of strings",
        "reference to a source" => "must be a reference to a source",
        "reference to a target" => "must be a reference to a target",
        "reference to a runner" => "must be a reference to a runner",
        "address of a block" => "is not the address of a block",
        "type" => "not a type of a variable",
        words if words.starts_with('"') => "must be a string",
        other => panic!("the table has no type {other}"),
    }
}

#[test]
fn an_attribute_is_of_the_type_that_the_table_names() {
    let mut seen = 0;
    for schema in SCHEMAS {
        for Attribute { name, value, .. } in schema.attributes.iter().filter(|attribute| attribute.value != "any") {
            let another = if value.starts_with("list") || value.starts_with("map") { "true" } else { "[true]" };
            let told = found(schema, &format!("{name} = {another}"));
            let words = wanted(value);
            let says =
                |one: &&Diagnostic| one.summary.contains(words) && (*value == "type" || one.summary.contains(name));
            assert!(told.iter().any(|one| says(&one)), "{}.{name} {words}: {told:#?}", schema.path());
            seen += 1;
        }
    }
    assert!(seen > 90, "{seen}");
}

#[test]
fn a_word_is_allowed_if_the_table_names_it() {
    let mut seen = 0;
    for schema in SCHEMAS {
        for Attribute { name, value, .. } in
            schema.attributes.iter().filter(|attribute| attribute.value.starts_with('"'))
        {
            let mut of_table: Vec<&str> = value.split('"').skip(1).step_by(2).collect();
            let told = found(schema, &format!("{name} = \"no such word\""));
            let refused = told.iter().find(|one| one.code == codes::WORD_NOT_ALLOWED).unwrap();
            let mut of_reader: Vec<&str> = refused.help.split('"').skip(1).step_by(2).collect();
            of_table.sort_unstable();
            of_reader.sort_unstable();
            assert_eq!(of_table, of_reader, "{}.{name}", schema.path());
            seen += 1;
        }
        // `"auto"` is taken where the table says so, and nowhere else.
        for Attribute { name, value, .. } in schema.attributes.iter().filter(|one| one.value.starts_with(['s', 'n'])) {
            let told = found(schema, &format!("{name} = \"auto\""));
            let refused =
                told.iter().any(|one| one.summary.contains(&format!("`{name}`")) && one.code != codes::MISSING);
            assert_eq!(!refused, value.ends_with("or \"auto\""), "{}.{name}: {told:#?}", schema.path());
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn an_attribute_is_required_if_the_table_says_so() {
    let missing = |schema: &Schema| -> Vec<String> {
        let told = found(schema, "");
        let said = told.iter().filter(|one| one.code == codes::MISSING).map(|one| one.summary.clone());
        let own = schema.title.replace("CODE", &codes::FULLTEXT.to_string());
        said.filter_map(|text| text.strip_suffix(&format!(" in {own}")).map(str::to_owned)).collect()
    };
    for schema in SCHEMAS {
        let required = schema.attributes.iter().filter(|attribute| attribute.default == "required");
        let mut required: Vec<String> = required.map(|attribute| format!("`{}` is missing", attribute.name)).collect();
        let mut of_reader = missing(schema);
        required.sort();
        of_reader.sort();
        assert_eq!(required, of_reader, "{}", schema.path());
    }
}

/// A default that the table writes as a value is what the reader takes where nothing is set: set to it, the spec is the same.
#[test]
fn a_default_of_the_table_is_that_of_the_reader() {
    let needed = |schema: &Schema| match schema.title {
        "source \"mysql\" \"NAME\"" | "target \"tidb\" \"NAME\"" | "target \"mysql\" \"NAME\"" => {
            "host = \"h\"\nusername = \"u\"\n"
        }
        "backend \"s3\"" => "bucket = \"b\"\nkey = \"k\"\n",
        "runner \"ssh\" \"NAME\"" => "host = \"h\"\nuser = \"u\"\n",
        "migration \"NAME\"" => "source = source.mysql.shop\ntarget = target.tidb.cloud\n",
        _ => "",
    };
    fn spec(schema: &Schema, lines: &str, needed: &dyn Fn(&Schema) -> &'static str) -> Option<String> {
        let text = format!("{} {{\n{}{lines}\n}}", schema.title, needed(schema));
        match schema.inside {
            Some(outer) => spec(outer, &text, needed),
            None => {
                let (spec, told) = read(&[&text, SERVERS]);
                let mut spec = spec.unwrap_or_else(|| panic!("{text}: {told:#?}"));
                spec.files.clear();
                // Places are not part of what a spec says.
                let shown = format!("{spec:#?}");
                let keep = |line: &&str| {
                    !["file:", "start:", "end:", "line:", "column:", "source_line:"]
                        .iter()
                        .any(|word| line.trim().starts_with(word))
                };
                Some(shown.lines().filter(keep).collect::<Vec<_>>().join("\n"))
            }
        }
    }
    let mut seen = 0;
    let here = |schema: &&Schema| {
        !schema.path().contains("aws")
            && !["aurora", "ec2", "peering", "rule", "variable"].iter().any(|word| schema.path().contains(word))
    };
    for schema in SCHEMAS.iter().filter(here) {
        for Attribute { name, default, .. } in schema.attributes {
            let value = default.trim_matches('`');
            let value = match default.starts_with('`') {
                _ if value.parse::<u64>().is_ok() || value.starts_with('"') || ["true", "false"].contains(&value) => {
                    value.to_owned()
                }
                true if !value.contains(' ') => format!("\"{value}\""),
                _ => continue,
            };
            let of = |lines: &str| spec(schema, lines, &needed);
            assert_eq!(of(&format!("{name} = {value}")), of(""), "{}.{name}", schema.path());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
