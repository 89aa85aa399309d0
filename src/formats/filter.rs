//! Table filters: the rules that TiDB's tools share (Dumpling, Lightning, BR), which say which tables are meant.
//!
//! Knows rules and names. Does not know which schemas a server keeps for itself beyond their names, reads no file (the
//! caller hands in what an `@file` rule names) and never asks a server.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// Schemas that a server keeps for itself. Filters of TiDB's tools leave them out unless they are asked for by name;
/// `mig` never moves them.
const SYSTEM_SCHEMAS: [&str; 6] =
    ["mysql", "sys", "information_schema", "performance_schema", "metrics_schema", "inspection_schema"];

/// Whether a schema belongs to the server and not to its users; case does not matter.
pub fn is_system_schema(name: &str) -> bool {
    SYSTEM_SCHEMAS.iter().any(|system| system.eq_ignore_ascii_case(name))
}

/// The rules, ready to be asked. Case of names and rules does not matter, as it does not for TiDB.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    rules: Vec<Rule>,
}

/// A rule that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterFault {
    /// The place in the list that was handed in, from 0.
    pub rule_index: usize,
    /// What is wrong with it: a fragment.
    pub message: String,
    /// What to write instead: a sentence.
    pub help: String,
}

impl fmt::Display for FilterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FilterFault {}

impl Filter {
    /// Reads rules in which none names a file.
    pub fn parse(rules: &[String]) -> Result<Self, FilterFault> {
        Self::parse_with_files(rules, &mut |file| Err(format!("no file can be read here, not even {file:?}")))
    }

    /// Reads rules; `read` gives the text of a file that an `@file` rule names, or says why it cannot.
    pub fn parse_with_files(
        rules: &[String],
        read: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Self, FilterFault> {
        let mut filter = Self::default();
        for (index, text) in rules.iter().enumerate() {
            match trimmed(text).strip_prefix('@') {
                None => filter.add(index, text).map_err(|fault| fault.of_rule(index))?,
                Some(file) => {
                    let lines = read(file).map_err(|cause| {
                        Fault::new(format!("cannot read the filter file {file:?}: {cause}"), HELP_FILE).of_rule(index)
                    })?;
                    for (number, line) in lines.lines().enumerate() {
                        let place = |mut fault: Fault| {
                            fault.message = format!("{file}:{}: {}", number + 1, fault.message);
                            fault.of_rule(index)
                        };
                        if trimmed(line).starts_with('@') {
                            return Err(place(Fault::new("a filter file cannot name another one".into(), HELP_NESTED)));
                        }
                        filter.add(index, line).map_err(place)?;
                    }
                }
            }
        }
        Ok(filter)
    }

    /// Whether the table is meant. The last rule that fits decides; where none fits, the table is not meant.
    pub fn matches(&self, schema: &str, name: &str) -> bool {
        self.deciding(schema, name).is_some_and(|rule| rule.accepts)
    }

    /// The place of the rule that decides, in the list that was handed in, and whether it accepts; `None`: no rule fits.
    pub fn deciding_rule(&self, schema: &str, name: &str) -> Option<(usize, bool)> {
        self.deciding(schema, name).map(|rule| (rule.index, rule.accepts))
    }

    /// The text of the rule that decides: its own line, where it stands in a file.
    pub fn deciding_text(&self, schema: &str, name: &str) -> Option<&str> {
        self.deciding(schema, name).map(|rule| rule.text.as_str())
    }

    fn deciding(&self, schema: &str, name: &str) -> Option<&Rule> {
        let (schema, name) = (lowered(schema), lowered(name));
        self.rules.iter().rev().find(|rule| rule.schema.matches(&schema) && rule.table.matches(&name))
    }

    fn add(&mut self, index: usize, text: &str) -> Result<(), Fault> {
        let text = trimmed(text);
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let (accepts, patterns) = match text.strip_prefix('!') {
            Some(rest) => (false, rest),
            None => (true, text),
        };
        let (schema, rest) = Pattern::take(patterns)?;
        let rest = match rest.strip_prefix('.') {
            Some(rest) => rest,
            None if rest.is_empty() => {
                return Err(Fault::new(format!("the rule {text:?} has no table after its schema"), HELP_TWO_PARTS));
            }
            None => return Err(Fault::new(format!("no dot before {rest:?}"), HELP_WHOLE_PART)),
        };
        let (table, rest) = Pattern::take(rest)?;
        if !rest.is_empty() {
            return Err(Fault::new(format!("{rest:?} stands behind the table"), HELP_WHOLE_PART));
        }
        self.rules.push(Rule { index, text: text.to_owned(), accepts, schema, table });
        Ok(())
    }
}

const HELP_TWO_PARTS: &str = "Write a schema and a table with a dot between them, for example `shop.*`.";
const HELP_WHOLE_PART: &str = "Write schema.table; a quoted name or a /regular expression/ is always the whole of its part, as in `\"a.b\".\"c d\"`.";
const HELP_SPECIAL: &str =
    "Put a backslash before it, or quote the whole name, as in `\"a-b\".t`; in HCL a backslash is written twice.";
const HELP_ESCAPE: &str = "A backslash may stand before punctuation only; in HCL it is written twice.";
const HELP_QUOTE: &str = "Close the quotes; a quote inside a quoted name is doubled, and a quoted name is not empty.";
const HELP_CLASS: &str = "Write a set as `[a-z]` or `[!a-z]`, with a backslash before `]` and other punctuation in it.";
const HELP_REGEX: &str =
    "Write it between two slashes, as in `/^a\\d+$/.*`; a slash inside it has a backslash before it.";
const HELP_FILE: &str = "Correct the file's name, or write its rules here.";
const HELP_NESTED: &str = "Name every filter file in the list of rules itself.";

/// A fault before it is known in which rule it stands.
struct Fault {
    message: String,
    help: &'static str,
}

impl Fault {
    fn new(message: String, help: &'static str) -> Self {
        Self { message, help }
    }

    fn of_rule(self, rule_index: usize) -> FilterFault {
        FilterFault { rule_index, message: self.message, help: self.help.to_owned() }
    }
}

#[derive(Clone, Debug)]
struct Rule {
    index: usize,
    text: String,
    accepts: bool,
    schema: Pattern,
    table: Pattern,
}

/// One half of a rule. Literals and expressions are held in lower case and asked with names in lower case.
#[derive(Clone, Debug)]
enum Pattern {
    Anything,
    Literal(String),
    Expression(Regex),
}

impl Pattern {
    fn matches(&self, lowered_name: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Literal(name) => name == lowered_name,
            Self::Expression(expression) => expression.is_match(lowered_name),
        }
    }

    /// Takes one pattern off the front of a rule; what is left begins at a dot, or is the fault of the caller's rule.
    fn take(text: &str) -> Result<(Self, &str), Fault> {
        match text.chars().next() {
            None => Err(Fault::new("a name is missing".into(), HELP_TWO_PARTS)),
            Some('/') => Self::take_expression(&text[1..]),
            Some(quote @ ('"' | '`')) => Self::take_quoted(&text[1..], quote),
            Some(_) => Self::take_wildcard(text),
        }
    }

    fn take_quoted(text: &str, quote: char) -> Result<(Self, &str), Fault> {
        let mut name = String::new();
        let mut rest = text;
        while let Some(end) = rest.find(quote) {
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix(quote) {
                Some(more) => {
                    name.push(quote);
                    rest = more;
                }
                None if name.is_empty() => break,
                None => return Ok((Self::Literal(lowered(&name)), rest)),
            }
        }
        Err(Fault::new(format!("the quoted name {quote}{text} is empty or has no end"), HELP_QUOTE))
    }

    fn take_expression(text: &str) -> Result<(Self, &str), Fault> {
        let mut escaped = false;
        for (at, c) in text.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '/' if at > 0 => {
                    let expression = compile(&go_syntax(&text[..at]), false)?;
                    return Ok((Self::Expression(expression), &text[at + 1..]));
                }
                '/' => break,
                _ => {}
            }
        }
        Err(Fault::new(format!("the regular expression /{text} is empty or has no end"), HELP_REGEX))
    }

    fn take_wildcard(text: &str) -> Result<(Self, &str), Fault> {
        let mut literal = Some(String::new());
        let mut expression = String::from("^");
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = &rest[c.len_utf8()..];
            let (piece, next) = match c {
                '.' => break,
                '*' => (Piece::Wild(".*".into()), after),
                '?' => (Piece::Wild(".".into()), after),
                '[' => {
                    let (class, next) = take_class(after)?;
                    (Piece::Wild(class), next)
                }
                '\\' => {
                    let (c, next) = take_escaped(after)?;
                    (Piece::Plain(c), next)
                }
                c if is_name_char(c) => (Piece::Plain(c), after),
                c => return Err(Fault::new(format!("{c:?} cannot stand in a name unquoted"), HELP_SPECIAL)),
            };
            match piece {
                Piece::Plain(c) => {
                    push_escaped(&mut expression, c);
                    if let Some(literal) = &mut literal {
                        literal.push(c);
                    }
                }
                Piece::Wild(text) => {
                    expression.push_str(&text);
                    literal = None;
                }
            }
            rest = next;
        }
        let pattern = match literal {
            // TiDB takes an empty half and lets it fit nothing: surely a slip of the pen.
            Some(name) if name.is_empty() => return Err(Fault::new("a name is missing".into(), HELP_TWO_PARTS)),
            Some(name) => Self::Literal(lowered(&name)),
            None if expression == "^.*" => Self::Anything,
            None => {
                expression.push('$');
                Self::Expression(compile(&expression, true)?)
            }
        };
        Ok((pattern, rest))
    }
}

/// A piece of a wildcard pattern: a character that stands for itself, or regular expression text.
enum Piece {
    Plain(char),
    Wild(String),
}

fn is_name_char(c: char) -> bool {
    c == '$' || c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii()
}

/// Takes the character behind a backslash.
fn take_escaped(text: &str) -> Result<(char, &str), Fault> {
    match text.chars().next() {
        None => Err(Fault::new("a backslash at the end stands before nothing".into(), HELP_ESCAPE)),
        Some(c) if c.is_ascii_alphanumeric() => {
            Err(Fault::new(format!("`\\{c}` has no meaning: letters and digits need no backslash"), HELP_ESCAPE))
        }
        Some(c) => Ok((c, &text[c.len_utf8()..])),
    }
}

/// Takes the rest of a set, behind its `[`, and gives it as a set of a regular expression.
fn take_class(text: &str) -> Result<(String, &str), Fault> {
    let fault = |what: &str| Fault::new(format!("the set `[{text}` {what}"), HELP_CLASS);
    let (mut class, mut rest) = match text.strip_prefix('!') {
        Some(rest) => (String::from("[^"), rest),
        None => (String::from("["), text),
    };
    let mut members = Vec::new();
    loop {
        let c = rest.chars().next().ok_or_else(|| fault("has no end"))?;
        let after = &rest[c.len_utf8()..];
        match c {
            ']' => {
                rest = after;
                break;
            }
            '\\' => {
                let (c, next) = take_escaped(after)?;
                members.push((c, true));
                rest = next;
            }
            c => {
                members.push((c, false));
                rest = after;
            }
        }
    }
    if members.is_empty() {
        return Err(fault("is empty"));
    }
    let mut members = members.as_slice();
    loop {
        members = match members {
            [] => break,
            [(first, _), ('-', false), (last, _), others @ ..] => {
                if first > last {
                    return Err(fault("has a range from high to low"));
                }
                push_class_char(&mut class, *first);
                class.push('-');
                push_class_char(&mut class, *last);
                others
            }
            [(c, _), others @ ..] => {
                push_class_char(&mut class, *c);
                others
            }
        };
    }
    class.push(']');
    Ok((class, rest))
}

fn push_class_char(class: &mut String, c: char) {
    if c.is_ascii_punctuation() {
        class.push('\\');
    }
    class.push(c);
}

fn push_escaped(expression: &mut String, c: char) {
    expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

fn compile(expression: &str, dot_fits_newline: bool) -> Result<Regex, Fault> {
    RegexBuilder::new(expression).case_insensitive(true).dot_matches_new_line(dot_fits_newline).build().map_err(
        |error| {
            // The crate draws a picture over several lines; its last line says what is wrong.
            let text = error.to_string();
            let cause = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            Fault::new(format!("the regular expression /{expression}/ cannot be read: {cause}"), HELP_REGEX)
        },
    )
}

/// Rewrites a regular expression in Go's syntax, which the rules are defined by, where Rust's reads it differently:
/// `\d \w \s \b` are ASCII there, `\Q…\E` quotes, `\<` is a plain `<`, and in a set `[`, `&&`, `--` and `~~` are plain.
fn go_syntax(go: &str) -> String {
    let mut rust = String::with_capacity(go.len() + 8);
    let mut rest = go;
    let mut in_class = false;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let Some(escaped) = rest.chars().next() else {
                    rust.push('\\');
                    break;
                };
                rest = &rest[escaped.len_utf8()..];
                match escaped {
                    'Q' if !in_class => {
                        let (quoted, next) = rest.split_once("\\E").unwrap_or((rest, ""));
                        rust.push_str(&regex::escape(quoted));
                        rest = next;
                    }
                    'd' => rust.push_str("[0-9]"),
                    'D' => rust.push_str("[^0-9]"),
                    'w' => rust.push_str("[0-9A-Za-z_]"),
                    'W' => rust.push_str("[^0-9A-Za-z_]"),
                    's' => rust.push_str(r"[\t\n\f\r ]"),
                    'S' => rust.push_str(r"[^\t\n\f\r ]"),
                    'b' if !in_class => rust.push_str(r"(?-u:\b)"),
                    '<' | '>' => rust.push(escaped),
                    other => rust.extend(['\\', other]),
                }
            }
            '[' if !in_class => {
                in_class = true;
                rust.push('[');
                if let Some(next) = rest.strip_prefix('^') {
                    rust.push('^');
                    rest = next;
                }
                // A bracket that comes first is a member of the set.
                if let Some(next) = rest.strip_prefix(']') {
                    rust.push_str(r"\]");
                    rest = next;
                }
            }
            '[' => match rest.split_once(":]").filter(|(name, _)| rest.starts_with(':') && !name.contains(']')) {
                Some((name, next)) => {
                    rust.extend(["[", name, ":]"]);
                    rest = next;
                }
                None => rust.push_str(r"\["),
            },
            ']' if in_class => {
                in_class = false;
                rust.push(']');
            }
            '&' | '~' if in_class => rust.extend(['\\', c]),
            // Of `--`, the second begins nothing when it has a backslash.
            '-' if in_class && rest.starts_with('-') => {
                rust.push_str(r"\--");
                rest = &rest[1..];
            }
            c => rust.push(c),
        }
    }
    rust
}

/// Spaces and tabs only, as the rules are defined.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Lower case, character by character as Go does it: no character becomes two.
fn lowered(name: &str) -> String {
    name.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    /// Rules, one a line, and whether each table is meant.
    fn check(rules: &str, tables: &[(&str, &str, bool)]) {
        let list: Vec<String> = rules.split('\n').map(str::to_owned).collect();
        let filter = Filter::parse(&list).unwrap_or_else(|fault| panic!("{rules:?}: {fault}"));
        for (schema, name, meant) in tables {
            assert_eq!(filter.matches(schema, name), *meant, "{rules:?} asked for {schema:?}.{name:?}");
        }
    }

    #[test]
    fn plain_names_fit_themselves_in_any_case() {
        check(
            "db1.tbl1\ndb2.tbl2",
            &[
                ("db1", "tbl1", true),
                ("DB1", "Tbl1", true),
                ("db1", "tbl2", false),
                ("db2", "tbl2", true),
                ("db", "tbl1", false),
                ("db1", "tbl11", false),
            ],
        );
        check("Shop.ORDERS", &[("shop", "orders", true), ("SHOP", "Orders", true)]);
        check("a$1.b_2", &[("A$1", "b_2", true), ("a1", "b_2", false)]);
        check("café.Ünïcode", &[("CAFÉ", "ünÏcode", true), ("cafe", "ünïcode", false)]);
        check("İx.t", &[("ix", "t", true)]);
    }

    #[test]
    fn wildcards_stand_for_characters_not_bytes() {
        check("data.*", &[("data", "anything", true), ("data", "", true), ("data2", "x", false)]);
        check("*.backup_*", &[("x", "backup_", true), ("x", "backup_1", true), ("x", "backup", false)]);
        check("foo*.*", &[("foo", "t", true), ("foobar", "t", true), ("barfoo", "t", false)]);
        check("a?.t", &[("ab", "t", true), ("aé", "t", true), ("a", "t", false), ("abc", "t", false)]);
        check("?????.t", &[("\u{1F926}\u{1F3FF}\u{200D}\u{2640}\u{FE0F}", "t", true), ("abcd", "t", false)]);
        check("a*z.t", &[("a\nz", "t", true), ("az", "t", true), ("azz", "t", true), ("azy", "t", false)]);
        check("*.*", &[("any", "thing", true), ("a.b", "c d", true)]);
        check("**.?*", &[("a", "b", true), ("a", "", false)]);
    }

    #[test]
    fn sets_fit_one_character() {
        check(
            "db[0-9].tbl[0-9a-f][0-9a-f]",
            &[("db3", "tbl0f", true), ("db3", "tblAF", true), ("db3", "tbl0g", false), ("dbx", "tbl00", false)],
        );
        check("[!a-z].t", &[("1", "t", true), ("q", "t", false), ("Q", "t", false), ("é", "t", true)]);
        check("[A-Z].t", &[("q", "t", true), ("1", "t", false)]);
        check("[^a].t", &[("^", "t", true), ("a", "t", true), ("b", "t", false)]);
        check("[a^].t", &[("^", "t", true), ("b", "t", false)]);
        check(r"[\]\\].t", &[("]", "t", true), ("\\", "t", true), ("[", "t", false)]);
        check("[-a].t", &[("-", "t", true), ("a", "t", true), ("b", "t", false)]);
        check("[a-].t", &[("-", "t", true), ("a", "t", true), ("b", "t", false)]);
        check(r"[a\-c].t", &[("-", "t", true), ("b", "t", false), ("c", "t", true)]);
        check("[&&~~].t", &[("&", "t", true), ("~", "t", true), ("a", "t", false)]);
        check("[.].[ ]", &[(".", " ", true), ("x", " ", false)]);
        check("[α-ω].t", &[("β", "t", true), ("b", "t", false), ("Ω", "t", true)]);
        check("[![].t", &[("[", "t", false), ("x", "t", true)]);
    }

    #[test]
    fn the_last_rule_that_fits_decides() {
        // The table of TiDB's own documentation.
        check(
            "employees.*\n!*.dep*\n*.departments",
            &[
                ("irrelevant", "table", false),
                ("employees", "employees", true),
                ("employees", "dept_emp", false),
                ("employees", "departments", true),
                ("else", "departments", true),
            ],
        );
        check("!*.Password", &[("a", "password", false), ("a", "b", false)]);
        check("*.*\n!*.Password", &[("a", "password", false), ("a", "b", true)]);
        check("!*.Password\n*.*", &[("a", "password", true)]);
        check("*.*\n!employees.salaries\nemployees.s*", &[("employees", "salaries", true), ("employees", "x", true)]);
        check("", &[("a", "b", false)]);
    }

    #[test]
    fn comments_blank_lines_and_spaces_around_do_not_count() {
        check("# a.b\n\n   \n \t c.d\t \n#x", &[("a", "b", false), ("c", "d", true)]);
        check(" !a.b", &[("a", "b", false)]);
        check("\\#a.b", &[("#a", "b", true)]);
        check("\\!a.b", &[("!a", "b", true)]);
        check("\\@a.b", &[("@a", "b", true)]);
        check(r"a.b[ ]", &[("a", "b ", true), ("a", "b", false)]);
        check(r"a.\ b", &[("a", " b", true)]);
    }

    #[test]
    fn a_backslash_takes_the_meaning_from_punctuation() {
        check(r"db\.with\.dots.*", &[("db.with.dots", "t", true), ("db", "with", false)]);
        check(r"a\*.\?", &[("a*", "?", true), ("ab", "?", false), ("a*", "x", false)]);
        check(r"foo\-bar.x\/y", &[("foo-bar", "x/y", true)]);
        check(r"a\\b.t", &[(r"a\b", "t", true)]);
        check(r"a\.*.t", &[("a.", "t", true), ("a.b", "t", true), ("ab", "t", false)]);
        check(r"\é.t", &[("é", "t", true)]);
        check(r#"foo\"bar.foo\`bar"#, &[("foo\"bar", "foo`bar", true)]);
    }

    #[test]
    fn quotes_hold_a_whole_name() {
        check(r#""db.with.dots"."tbl\1""#, &[("db.with.dots", r"tbl\1", true), ("db.with.dots", "tbl1", false)]);
        check(r"`db.with.dots`.`tbl\2`", &[("db.with.dots", r"tbl\2", true)]);
        check(r#""foo""bar".`foo``bar`"#, &[("foo\"bar", "foo`bar", true)]);
        check(r#""a*".`b?[c]`"#, &[("a*", "b?[c]", true), ("ax", "b?[c]", false)]);
        check(r#""A b".*"#, &[("a B", "t", true)]);
        check(r#"*."""""#, &[("x", "\"", true)]);
        check("!`a`.`b`\n", &[("a", "b", false)]);
        check("`/a/`.t", &[("/a/", "t", true), ("a", "t", false)]);
    }

    #[test]
    fn an_expression_fits_a_part_of_a_name() {
        check("/b/.*", &[("db01", "t", true), ("DB01", "t", true), ("xyz", "t", false)]);
        check(
            r"/^db\d{2,}$/./^tbl\d{2,}$/",
            &[
                ("db01", "tbl02", true),
                ("DB01", "TBL002", true),
                ("db1", "tbl01", false),
                ("xdb01", "tbl01", false),
                ("db٣٤", "tbl01", false),
            ],
        );
        check(r"/^a\/b$/.t", &[("a/b", "t", true), ("ab", "t", false)]);
        check(r"/^[x\/.]+$/.t", &[("x/.", "t", true), ("y", "t", false)]);
        check(r"/^\Qa.b\E$/.t", &[("a.b", "t", true), ("axb", "t", false)]);
        check(r"/^[[a]$/.t", &[("[", "t", true), ("a", "t", true), ("b", "t", false)]);
        check(r"/^[[:digit:]_]+$/.t", &[("1_2", "t", true), ("a", "t", false)]);
        check(r"/^[]a]$/.t", &[("]", "t", true), ("a", "t", true)]);
        check(r"/^[a&&b]+$/.t", &[("a&b", "t", true)]);
        check(r"/^[^\d\s]+$/.t", &[("ab", "t", true), ("a1", "t", false), ("a b", "t", false)]);
        check(r"/^\W\w\b/.t", &[("éa", "t", true), ("aé", "t", false)]);
        check(r"/^a\<b\>$/.t", &[("a<b>", "t", true)]);
        check("!/^tmp/.*", &[("tmp1", "t", false)]);
        check("*.*\n!/^tmp/./x$/", &[("tmp1", "ax", false), ("tmp1", "a", true)]);
        check("/^a.b$/.t", &[("a\nb", "t", false), ("axb", "t", true)]);
    }

    #[test]
    fn the_rule_that_decides_is_told_by_its_place() {
        let rules: Vec<String> = ["# shop", "shop.*", "!shop.audit_*"].map(str::to_owned).to_vec();
        let filter = Filter::parse(&rules).unwrap();
        for (name, expected, text) in
            [("orders", Some((1, true)), Some("shop.*")), ("audit_log", Some((2, false)), Some("!shop.audit_*"))]
        {
            assert_eq!(filter.deciding_rule("shop", name), expected);
            assert_eq!(filter.deciding_text("shop", name), text);
        }
        assert_eq!(filter.deciding_rule("other", "t"), None);
    }

    #[test]
    fn a_rule_that_is_none_is_told_with_its_place() {
        for (rule, message) in [
            ("db", "the rule \"db\" has no table after its schema"),
            ("!db", "the rule \"!db\" has no table after its schema"),
            ("db.", "a name is missing"),
            (".t", "a name is missing"),
            ("!", "a name is missing"),
            ("a.b.c", "\".c\" stands behind the table"),
            ("db.table   # but this part", "' ' cannot stand in a name unquoted"),
            ("a-b.c", "'-' cannot stand in a name unquoted"),
            ("! a.b", "' ' cannot stand in a name unquoted"),
            ("a.b!", "'!' cannot stand in a name unquoted"),
            (r"a.b\", "a backslash at the end stands before nothing"),
            (r"a.b\ ", "a backslash at the end stands before nothing"),
            (r"a.b\n", "`\\n` has no meaning: letters and digits need no backslash"),
            (r"a.[\d]", "`\\d` has no meaning: letters and digits need no backslash"),
            ("\"this is \"invalid*.*", "no dot before \"invalid*.*\""),
            ("\"\".a", "the quoted name \"\".a is empty or has no end"),
            ("`a.b", "the quoted name `a.b is empty or has no end"),
            ("/a.b", "the regular expression /a.b is empty or has no end"),
            ("//.b", "the regular expression //.b is empty or has no end"),
            ("a.[", "the set `[` has no end"),
            ("a.[]", "the set `[]` is empty"),
            ("a.[!]", "the set `[!]` is empty"),
            ("a.[z-a]", "the set `[z-a]` has a range from high to low"),
            ("/(/.b", "the regular expression /(/ cannot be read: unclosed group"),
            ("/a/b.c", "no dot before \"b.c\""),
            ("@more", "cannot read the filter file \"more\": no file can be read here, not even \"more\""),
        ] {
            let fault = Filter::parse(&["*.*".into(), rule.into()]).expect_err(rule);
            assert_eq!((fault.rule_index, fault.message.as_str()), (1, message), "{rule}");
            assert!(fault.help.ends_with('.'), "{rule}");
        }
    }

    #[test]
    fn a_file_of_rules_stands_where_it_is_named() {
        let mut read = |file: &str| match file {
            "rules.txt" => Ok("employees.*\r\n# none\n  *.WorkOrder\n!*.x\n".to_owned()),
            "nested.txt" => Ok("\n@rules.txt".to_owned()),
            "bad.txt" => Ok("a.b\na".to_owned()),
            _ => Err("no such file".to_owned()),
        };
        let rules: Vec<String> = ["z.*", "@rules.txt", "employees.x"].map(str::to_owned).to_vec();
        let filter = Filter::parse_with_files(&rules, &mut read).unwrap();
        for (schema, name, rule) in [
            ("employees", "a", Some((1, true))),
            ("any", "workorder", Some((1, true))),
            ("any", "x", Some((1, false))),
            ("employees", "x", Some((2, true))),
            ("z", "a", Some((0, true))),
            ("y", "a", None),
        ] {
            assert_eq!(filter.deciding_rule(schema, name), rule, "{schema}.{name}");
        }
        for (file, message) in [
            ("@nested.txt", "nested.txt:2: a filter file cannot name another one"),
            ("@bad.txt", "bad.txt:2: the rule \"a\" has no table after its schema"),
            ("@gone.txt", "cannot read the filter file \"gone.txt\": no such file"),
        ] {
            let fault = Filter::parse_with_files(&[file.into()], &mut read).expect_err(file);
            assert_eq!((fault.rule_index, fault.message.as_str()), (0, message));
        }
    }

    #[test]
    fn schemas_of_the_server_are_known_in_any_case() {
        for (name, system) in [
            ("mysql", true),
            ("INFORMATION_SCHEMA", true),
            ("Performance_Schema", true),
            ("METRICS_SCHEMA", true),
            ("inspection_schema", true),
            ("sys", true),
            ("shop", false),
            ("mysql2", false),
            ("", false),
        ] {
            assert_eq!(is_system_schema(name), system, "{name}");
        }
    }
}
