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
        ("a.b.c", "\".c\" is behind the table"),
        ("db.table   # but this part", "' ' cannot be in a name unquoted"),
        ("a-b.c", "'-' cannot be in a name unquoted"),
        ("! a.b", "' ' cannot be in a name unquoted"),
        ("a.b!", "'!' cannot be in a name unquoted"),
        (r"a.b\", "a backslash at the end is in front of nothing"),
        (r"a.b\ ", "a backslash at the end is in front of nothing"),
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

#[test]
fn rules_that_meet_nothing_are_told_with_what_is_missing() {
    let names = [("shop", "Orders"), ("shop", "carts"), ("crm", "people")].map(|(s, n)| TableName::new(s, n));
    let schemas = ["shop", "crm", "empty"];
    let check = |rules: &[&str], expected: &[(&str, Missing)]| {
        let rules: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let filter = Filter::parse(&rules).unwrap();
        let found = filter.unmet(&schemas, &names);
        let found: Vec<(&str, Missing)> = found.iter().map(|unmet| (unmet.rule, unmet.missing.clone())).collect();
        assert_eq!(found, expected, "{rules:?}");
    };
    let schema = |name: &str| Missing::Schema(name.into());
    check(&["shop.orders", "SHOP.Carts", "*.people", "*.*"], &[]);
    check(&["shop.ordres"], &[("shop.ordres", Missing::Name)]);
    check(&["stock.items", "stock.*"], &[("stock.items", schema("stock")), ("stock.*", schema("stock"))]);
    check(&["*.*", "!shop.card"], &[("!shop.card", Missing::Name)]);
    check(&["*.*", "!tmp.*"], &[("!tmp.*", schema("tmp"))]);
    // What is to be left out by a pattern may be absent.
    check(&["*.*", "!*.tmp_*", "!shop.old_*"], &[]);
    check(&["shop.x*", "a*.*"], &[("shop.x*", Missing::All), ("a*.*", Missing::All)]);
    check(&["empty.*"], &[("empty.*", Missing::All)]);
    let whole = |rules: &[&str], schema: &str| {
        Filter::parse(&rules.iter().map(|rule| (*rule).to_owned()).collect::<Vec<_>>()).unwrap().takes_whole(schema)
    };
    assert!(whole(&["*.*"], "empty") && whole(&["*.*", "!empty.tmp_*"], "empty") && whole(&["emp*.*"], "EMPTY"));
    assert!(!whole(&["empty.a*"], "empty") && !whole(&["*.*", "!empty.*"], "empty") && !whole(&["shop.*"], "empty"));
}
