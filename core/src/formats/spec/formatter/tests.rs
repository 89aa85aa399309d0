//! The layout by rows; then random specs, whose layout is stable and says the same.

use hcl_edit::parser::parse_body;
use proptest::prelude::*;

use super::{Unformatted, bare, formatted};
use crate::formats::spec::{Contents, SourceFile, format, shown};

fn check(text: &str, expected: &str) {
    let Ok(found) = formatted(text) else { panic!("no layout: {text}") };
    assert_eq!(found, expected, "of:\n{text}");
    assert_eq!(formatted(&found).ok().as_deref(), Some(expected), "a second time");
}

#[test]
fn blanks_and_empty_lines_are_canonical() {
    for (text, expected) in [
        ("", ""),
        ("\n\n", ""),
        ("a=1", "a = 1\n"),
        ("a   =  1  \n\n\n\nb=2\n\n", "a = 1\n\nb = 2\n"),
        // The `=` of consecutive lines are below each other, until an empty line, a comment or a list over lines.
        ("a = 1\nlonger = 2\n\nb = 3\n", "a      = 1\nlonger = 2\n\nb = 3\n"),
        ("a = 1\n# c\nlonger = 2\n", "a = 1\n# c\nlonger = 2\n"),
        ("a = 1\nlonger = [\n1,\n  2\n]\nbb = 2\n", "a = 1\nlonger = [\n  1,\n  2\n]\nbb = 2\n"),
        ("é = 1\nlonger = 2\n", "é      = 1\nlonger = 2\n"),
        // Blocks, maps and calls are indented by what is open, however many of them open in a line.
        ("b \"x\"  \"y\"{\na=1\n c{\nd = 2\n }\n}\n", "b \"x\" \"y\" {\n  a = 1\n  c {\n    d = 2\n  }\n}\n"),
        ("a = f({\nx = 1\n})\n", "a = f({\n  x = 1\n})\n"),
        ("a = f(\n[\n1,\n],\n)\n", "a = f(\n  [\n    1,\n  ],\n)\n"),
        ("a = [{\nx = 1\n}, {\ny = 2\n}]\n", "a = [{\n  x = 1\n  }, {\n  y = 2\n}]\n"),
        ("b {}\n", "b {}\n"),
        ("b\"x\"\"y\"{\n}\n", "b \"x\" \"y\" {\n}\n"),
        ("b {a=1}\n", "b { a = 1 }\n"),
        ("a = { x=1,y = [ 1 ,2 ] }\n", "a = { x = 1, y = [1, 2] }\n"),
        ("a = lower ( var . x )\n", "a = lower(var.x)\n"),
        ("a = {\n\"x.y\"=1\nzz = 2\n}\n", "a = {\n  \"x.y\" = 1\n  zz    = 2\n}\n"),
        // What the language does not have is left as it is written.
        ("a = x ?-1 :b - 2\n", "a = x ?-1 :b - 2\n"),
        ("a = [for k in [ 1 ] : k if (true)]\n", "a = [for k in [1] : k if (true)]\n"),
        ("a = x.*.y[ 0 ]\nb = f(c...)\n", "a = x.*.y[0]\nb = f(c...)\n"),
        ("a = 1.5e-3\nb = -2\n", "a = 1.5e-3\nb = -2\n"),
        ("a=1\r\nlonger=2\r\n\r\n\r\nb {\r\nc=1\r\n}", "a      = 1\r\nlonger = 2\r\n\r\nb {\r\n  c = 1\r\n}\r\n"),
        ("\u{feff}a=1\n", "\u{feff}a = 1\n"),
    ] {
        check(text, expected);
    }
}

#[test]
fn comments_strings_and_heredocs_stay_byte_for_byte() {
    for (text, expected) in [
        ("#x  \t\n", "#x  \t\n"),
        ("b {\n      // y\n   /* a\n b */\n}\n", "b {\n  // y\n  /* a\n b */\n}\n"),
        ("a = 1 # x\nlonger = 22    //  y\n", "a      = 1  # x\nlonger = 22 //  y\n"),
        ("a = /* x */1\n", "a = /* x */1\n"),
        (
            "a = \"  # no comment ${ f( \"}\" ) } %{ if x }  y %{ endif }\"\n",
            "a = \"  # no comment ${ f( \"}\" ) } %{ if x }  y %{ endif }\"\n",
        ),
        ("a=\"\\u00e9\\\\\\\"\"\n", "a = \"\\u00e9\\\\\\\"\"\n"),
        (
            "b {\na=<<EOT\n   x=1\n\n\n\t  EOT\nlonger=2\n}\n",
            "b {\n  a      = <<EOT\n   x=1\n\n\n\t  EOT\n  longer = 2\n}\n",
        ),
        ("a = 1\nlonger = <<-E\n  x\n  E\n", "a      = 1\nlonger = <<-E\n  x\n  E\n"),
    ] {
        check(text, expected);
    }
}

#[test]
fn what_is_not_hcl_is_reported_with_its_place_and_without_its_secrets() {
    let file = |text: &str| SourceFile { name: "a.mig.hcl".into(), text: text.into() };
    for (text, code, at) in [
        ("a = 1\nb = \n", "MIG1101", (2, 5)),
        ("source \"mysql\" \"a\" {\n", "MIG1101", (1, 1)),
        ("a = 1\na = 2\n", "MIG1102", (2, 1)),
        ("a = {\n  x = 1\n  x = 2\n}\n", "MIG1102", (3, 3)),
    ] {
        assert!(matches!(formatted(text), Err(Unformatted::NotHcl)), "{text}");
        let found = format(&file(text), Contents::Blocks).unwrap_err();
        let place = found[0].place.as_ref().map(|place| (place.line, place.column));
        assert_eq!((found.len(), found[0].code == code, place), (1, true, Some(at)), "{text}: {found:?}");
    }
    let found =
        format(&file("source \"mysql\" \"a\" {\n  password = \"hunter2\" x\n}\n"), Contents::Blocks).unwrap_err();
    assert!(!format!("{found:?}").contains("hunter2") && format!("{found:?}").contains("(sensitive)"), "{found:?}");
}

#[test]
fn a_view_of_a_file_shows_no_secret() {
    let file = |text: &str| SourceFile { name: "a".into(), text: text.into() };
    let spec = "source \"mysql\" \"a\" {\n  host = \"h\"\n  password = \"hunter2\"\n}\n";
    let values = "key = \"hunter2\"\nhost =\n";
    for (text, contents) in [(spec, Contents::Blocks), (values, Contents::Values)] {
        let text = shown(&file(text), &[], contents);
        assert!(!text.contains("hunter2") && text.contains("(sensitive)") && text.contains("host ="), "{text}");
    }
    // Another file of the spec says that it is one.
    let local = file("locals {\n  x = \"hunter2\"\n}\n");
    let user = file("source \"mysql\" \"a\" {\n  password = local.x\n}\n");
    assert!(shown(&local, &[], Contents::Blocks).contains("hunter2"));
    assert!(!shown(&local, &[user], Contents::Blocks).contains("hunter2"));
}

/// Pieces of a spec in every way of writing them: each line of a body is an item, and what is between tokens is `blank`.
fn blank() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(" ".to_owned()), 2 => Just(String::new()), 1 => "[ \t]{1,4}", 1 => Just(" /* c  c */ ".to_owned())]
}

fn comment() -> impl Strategy<Value = String> {
    prop_oneof!["#[ -~é]{0,12}", "//[ -~]{0,12}", "/\\*[ -)+-.0-~\n]{0,12}\\*/"]
}

fn word() -> impl Strategy<Value = String> {
    "[a-z_][a-z0-9_-]{0,7}"
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,3}(\\.[0-9]{1,2})?(e[+-]?[0-9])?",
        "\"([ !#-\\[\\]-~]|\\\\n|\\\\\"|\\\\\\\\){0,8}\"".prop_map(|text| text.replace("${", "$").replace("%{", "%")),
        (word(), blank()).prop_map(|(name, blank)| format!("\"a  ${{{blank}f(\"}}\",{blank}{name})  }}  b\"")),
        (word(), word()).prop_map(|(root, name)| format!("{root}.{name}")),
        Just("null".to_owned()),
        Just("-1".to_owned()),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    let lines = prop_oneof![3 => Just(String::new()), 1 => "[ \t]{0,3}\n[ \t\n]{0,5}", 1 => comment().prop_map(|c| format!("{c}\n"))];
    scalar().prop_recursive(3, 12, 3, move |inner| {
        let items = prop::collection::vec((blank(), inner.clone(), lines.clone()), 0..4).boxed();
        let entries = prop::collection::vec((blank(), inner, prop_oneof![Just(","), Just("\n")]), 0..4);
        prop_oneof![
            (items.clone(), lines.clone()).prop_map(|(items, end)| {
                let items = items.into_iter().map(|(blank, item, lines)| format!("{lines}{blank}{item}{blank},"));
                format!("[{}{end}]", items.collect::<String>())
            }),
            (word(), items).prop_map(|(name, items)| {
                let items: Vec<String> =
                    items.into_iter().map(|(blank, item, _)| format!("{blank}{item}{blank}")).collect();
                format!("{name}({})", items.join(","))
            }),
            entries.prop_map(|entries| {
                let entry = |(n, (blank, item, end)): (usize, (String, String, &str))| {
                    format!("{blank}k{n}{blank}={blank}{item}{blank}{end}")
                };
                format!("{{{}}}", entries.into_iter().enumerate().map(entry).collect::<String>())
            }),
        ]
    })
}

fn body() -> impl Strategy<Value = String> {
    let heredoc = ("[ -#&-~\n]{0,20}", "-?").prop_map(|(text, dash)| format!("<<{dash}EOT\n{text}\n  EOT"));
    let attribute = (word(), blank(), prop_oneof![5 => expression(), 1 => heredoc], "[ \t]{0,3}")
        .prop_map(|(name, blank, value, indent)| (name, format!("{indent}NAME{blank}={blank}{value}")));
    let note = comment().prop_map(|comment| (String::new(), format!("  {comment}")));
    let item = prop_oneof![5 => attribute, 2 => note, 1 => "[ \t\n]{0,4}".prop_map(|gap| (String::new(), gap))];
    let items = move |bodies: BoxedStrategy<Vec<(String, String)>>| {
        bodies.prop_map(|items| {
            // Each name once: an attribute that is set twice is a fault.
            let line =
                |(n, (name, text)): (usize, (String, String))| text.replacen("NAME", &format!("{name}{n}"), 1) + "\n";
            items.into_iter().enumerate().map(line).collect::<String>()
        })
    };
    let leaf = items(prop::collection::vec(item.clone(), 0..5).boxed());
    leaf.prop_recursive(3, 20, 4, move |inner| {
        let block = (word(), blank(), inner)
            .prop_map(|(name, blank, body)| (String::new(), format!("{name} \"l\"{blank}{{\n{body}}}")));
        items(prop::collection::vec(prop_oneof![2 => item.clone(), 1 => block], 0..5).boxed())
    })
}

proptest! {
    #[test]
    fn the_layout_of_any_spec_is_stable_and_says_the_same(text in body(), windows in any::<bool>()) {
        let text = if windows { text.replace('\n', "\r\n") } else { text };
        prop_assume!(parse_body(&text).is_ok());
        let Ok(once) = formatted(&text) else { panic!("no layout") };
        prop_assert_eq!(formatted(&once).ok(), Some(once.clone()));
        // Without this file's own notion of sameness: the parsers' values.
        let (before, after) = (bare(parse_body(&text).unwrap()), bare(parse_body(&once).unwrap()));
        prop_assert!(before == after);
        let ends = once.is_empty() || once.ends_with('\n');
        prop_assert!(ends && !once.starts_with(['\n', ' ']) && !once.ends_with("\n\n"));
    }
}

/// Cases that proptest gives up when too many are not HCL: most of them are.
#[test]
fn most_of_the_random_specs_are_hcl() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut read = 0;
    for _ in 0..200 {
        let text = body().new_tree(&mut runner).unwrap().current();
        read += usize::from(parse_body(&text).is_ok());
    }
    assert!(read > 150, "{read} of 200");
}
