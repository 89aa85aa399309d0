//! Variables, from where their values come, and what is sensitive.

use super::*;

/// What `tables = [var.v]`-like uses see of a variable, by its declaration and where its value comes from.
fn with_variable(
    declaration: &str,
    vars: &[(&str, &str)],
    var_files: &[&str],
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<String, Vec<String>> {
    let text = format!(
        "variable \"v\" {{\n{declaration}\n}}\n{}",
        migration("  dump {\n    where = {\n      \"a.b\" = jsonencode(var.v)\n    }\n  }")
    );
    let inputs = Inputs {
        files: vec![file("a.mig.hcl", &text), file("b.mig.hcl", SERVERS)],
        vars: vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: var_files.iter().map(|text| file("x.vars.hcl", text)).collect(),
        env,
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    };
    let (spec, found) = load(&inputs);
    match spec {
        Some(spec) => Ok(spec.migrations["shop"].dump.where_["a.b"].clone()),
        None => Err(found.into_iter().map(|d| format!("{} {} {}", d.code, d.summary, d.help)).collect()),
    }
}

#[test]
fn the_value_of_a_variable_comes_from_the_nearest_of_its_five_sources() {
    let all = |name: &str| match name {
        "MIG_VAR_v" => Some("own".to_owned()),
        "V" => Some("env".to_owned()),
        _ => None,
    };
    let only_env = |name: &str| (name == "V").then(|| "env".to_owned());
    let declared = "  default = \"default\"\n  env = \"V\"";
    for (vars, files, env, expected) in [
        (&[("v", "1"), ("v", "2")][..], &["v = \"file\""][..], &all as &dyn Fn(&str) -> Option<String>, "2"),
        (&[], &["v = \"file\"", "v = \"later\""], &all, "later"),
        (&[], &[], &all, "own"),
        (&[], &[], &only_env, "env"),
        (&[], &[], &no_env, "default"),
    ] {
        assert_eq!(with_variable(declared, vars, files, env), Ok(format!("\"{expected}\"")));
    }
    let missing = with_variable("  env = \"V\"", &[], &[], &no_env).unwrap_err();
    assert_eq!(missing.len(), 1);
    assert!(missing[0].starts_with("MIG1211") && missing[0].contains("MIG_VAR_v") && missing[0].contains("variable V"));
}

#[test]
fn the_value_of_a_variable_is_of_its_type() {
    for (kind, text, expected) in [
        ("string", "5", Some("\"5\"")),
        ("string", "", Some("\"\"")),
        ("number", "5", Some("5")),
        ("number", " -2.5 ", Some("-2.5")),
        ("number", "five", None),
        ("bool", "true", Some("true")),
        ("bool", "yes", None),
        ("list(string)", "[\"a\", \"b\"]", Some("[\"a\",\"b\"]")),
        ("list(string)", "a,b", None),
        ("list(string)", "[1]", None),
        ("list(string)", "[var.x]", None),
        ("map(string)", "{ a = \"1\" }", Some("{\"a\":\"1\"}")),
        ("map(string)", "{\"a\": \"1\"}", Some("{\"a\":\"1\"}")),
        ("map(string)", "[]", None),
    ] {
        let found = with_variable(&format!("  type = {kind}"), &[("v", text)], &[], &no_env);
        match expected {
            Some(expected) => assert_eq!(found, Ok(expected.to_owned()), "{kind} {text}"),
            None => assert!(found.unwrap_err()[0].starts_with("MIG1212"), "{kind} {text}"),
        }
    }
    for (declaration, code) in [
        ("  type = strin", "MIG1202"),
        ("  type = \"string\"", "MIG1202"),
        ("  type = list(number)", "MIG1202"),
        ("  type = number\n  default = \"5\"", "MIG1212"),
        ("  default = [\"a\"]", "MIG1212"),
        ("  default = var.w", "MIG1108"),
        ("  default = \"x\"\n  sensitiv = true", "MIG1104"),
    ] {
        let faults = with_variable(declaration, &[], &[], &no_env).unwrap_err();
        assert!(faults.len() == 1 && faults[0].starts_with(code), "{declaration}: {faults:?}");
    }
    for (vars, files, code) in [
        (&[("w", "1")][..], &[][..], "MIG1213"),
        (&[], &["vv = 1"], "MIG1213"),
        (&[], &["v = 5"], "MIG1212"),
        (&[], &["v = \"a\"\nv = \"b\""], "MIG1102"),
        (&[], &["x {\n}"], "MIG1105"),
        (&[], &["v = = 1"], "MIG1101"),
    ] {
        let faults = with_variable("  default = \"d\"", vars, files, &no_env).unwrap_err();
        assert!(faults.len() == 1 && faults[0].starts_with(code), "{vars:?} {files:?}: {faults:?}");
    }
}

const MARKER: &str = "hunter2-marker";

/// Nothing that a reading leaves behind may show the marker: neither the spec, nor a diagnostic in any form.
fn check_secret(texts: &[&str], vars: &[(&str, &str)], var_files: &[&str], codes: &[&str]) -> Option<Spec> {
    let env = |name: &str| (name == "MIG_VAR_pw").then(|| MARKER.to_owned());
    let read = |path: &str| match path {
        "secret.txt" => Ok(MARKER.as_bytes().to_vec()),
        other => folder(other),
    };
    let inputs = Inputs {
        files: texts.iter().enumerate().map(|(n, text)| file(&format!("{n}.mig.hcl"), text)).collect(),
        vars: vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: var_files.iter().map(|text| file("x.vars.hcl", text)).collect(),
        env: &env,
        read_file: &read,
        secrets: crate::formats::spec::Secrets::Needed,
    };
    let (spec, found) = load(&inputs);
    let seen: Vec<String> = found.iter().map(|d| d.code.to_string()).collect();
    assert_eq!(seen, codes, "{texts:?}\n{found:?}");
    let shown = [
        format!("{spec:?}"),
        format!("{found:?}"),
        serde_json::to_string(&found).unwrap(),
        crate::screen::diagnostics::render(&found, false, 200),
        crate::screen::diagnostics::render(&found, true, 80),
        spec.as_ref().map(|s| s.digest_form().to_string()).unwrap_or_default(),
    ];
    for text in shown {
        assert!(!text.contains("hunter2"), "{text}");
    }
    let digest = Digest::of_bytes(MARKER.as_bytes()).to_string();
    assert!(!format!("{spec:?}").contains(&digest), "not even as a hash");
    spec
}

fn with_password(password: &str) -> String {
    format!("source \"mysql\" \"s\" {{\n  host = \"h\"\n  username = \"u\"\n  password = {password}\n}}\n")
}

pub(super) const SENSITIVE: &str = "variable \"pw\" {\n  sensitive = true\n}\n";

#[test]
fn a_sensitive_value_reaches_the_password_and_is_seen_nowhere() {
    for (password, expected) in [
        ("var.pw", MARKER.to_owned()),
        ("local.pw", MARKER.to_owned()),
        ("\"${local.pw}x\"", format!("{MARKER}x")),
        ("upper(var.pw)", MARKER.to_uppercase()),
        ("file(\"secret.txt\")", MARKER.to_owned()),
        ("local.from_file", MARKER.to_owned()),
        ("coalesce(null, var.pw)", MARKER.to_owned()),
    ] {
        let locals = "locals {\n  pw = var.pw\n  from_file = file(\"secret.txt\")\n}\n";
        let text = format!("{SENSITIVE}{locals}{}", with_password(password));
        // The file is read by the local in any case; only as a password it is known to be a secret.
        let text = if password.contains("from_file") || password.contains("file(") {
            text
        } else {
            text.replace("  from_file = file(\"secret.txt\")\n", "")
        };
        let spec = check_secret(&[&text], &[], &[], &[]).unwrap();
        assert_eq!(spec.sources["s"].password.as_ref().unwrap().reveal(), expected, "{password}");
    }
}

#[test]
fn a_sensitive_value_anywhere_else_is_refused() {
    for lines in [
        "  tables = [var.pw]",
        "  tables = [local.a]",
        "  tables = [\"x${local.a}\"]",
        "  dump {\n    where = { \"a.b\" = upper(var.pw) }\n  }",
        "  dump {\n    where = { \"${var.pw}.b\" = \"1\" }\n  }",
        "  load {\n    session = { x = jsonencode([local.a]) }\n  }",
        "  writes = var.pw",
        "  dump {\n    file_size = var.pw\n  }",
        "  dump {\n    threads = var.pw\n  }",
        "  tables = [file(var.pw)]",
    ] {
        let text = format!("{SERVERS}{SENSITIVE}locals {{\n  a = var.pw\n}}\n{}", migration(lines));
        check_secret(&[&text], &[], &[], &["MIG1215"]);
    }
    for lines in ["host = var.pw\n  username = \"u\"", "host = \"h\"\n  username = \"${var.pw}\""] {
        let text = format!("{SENSITIVE}source \"mysql\" \"s\" {{\n  {lines}\n}}\n");
        check_secret(&[&text], &[], &[], &["MIG1215"]);
    }
}

#[test]
fn a_secret_written_down_is_blanked_in_every_line_that_is_shown() {
    let literal = with_password(&format!("\"{MARKER}\""));
    let spec = check_secret(&[&literal], &[], &[], &["MIG1216"]);
    assert!(spec.is_some(), "a literal password is a warning");
    let default = format!("variable \"x\" {{\n  sensitive = true\n  default = \"{MARKER}\"\n}}\n");
    for (text, codes) in [
        (with_password(&format!("\"{MARKER}${{5 + 5}}\"")), &["MIG1108"][..]),
        (with_password(&format!("[\"{MARKER}\"]")), &["MIG1201"]),
        (with_password(&format!("lower(\"{MARKER}\", 1)")), &["MIG1224"]),
        (with_password(&format!("{{ {} = 1 }}", MARKER.replace('-', "_"))), &["MIG1201"]),
        (with_password("hunter2"), &["MIG1208"]),
        (with_password("var.y") + &format!("variable \"y\" {{\n  default = \"{MARKER}\" 5\n}}\n"), &["MIG1101"]),
        (with_password(&format!("<<E\n{MARKER}\n${{1 + 1}} {MARKER}\nE")), &["MIG1108"]),
        (with_password(&format!("\"{MARKER}")), &["MIG1101"]),
        (with_password(&format!("\"{MARKER}\" 5")), &["MIG1101"]),
        (with_password(&format!("'{MARKER}'")), &["MIG1101"]),
        (with_password("var.x").replace("password", "passwrd") + &default, &["MIG1104"]),
        (with_password(&format!("\"{MARKER}\"")).replace("password", "passwrd"), &["MIG1104"]),
        (with_password(&format!("\"{MARKER}\"")).replace("password", "Password"), &["MIG1104"]),
        (with_password(&format!("\"{MARKER}\"")).replace("password", "pasword"), &["MIG1104"]),
        (with_password(&format!("\"{MARKER}\"")).replace("password", "db_pwd"), &["MIG1104"]),
        (with_password(&format!("\"a\"\n  password = \"{MARKER}\"")), &["MIG1216", "MIG1102"]),
        (format!("password = \"{MARKER}\"\n"), &["MIG1105"]),
        (default.replace("default = ", "type = number\n  default = "), &["MIG1212"]),
        (default.replace("\"hunter2-marker\"", "[\"hunter2-marker\", 1 + 1]"), &["MIG1108"]),
        (default.replace("\"hunter2-marker\"", "\"hunter2-marker"), &["MIG1101"]),
        (default.replace("default =", "defalt ="), &["MIG1211", "MIG1104"]),
        (default.replace("sensitive", "sensitve"), &["MIG1104"]),
        (
            default.replace(
                "default = \"hunter2-marker\"",
                "default = \"hunter2-marker\"\n  default = \"hunter2-marker\"",
            ),
            &["MIG1102"],
        ),
        (
            format!(
                "{}{}",
                with_password("local.a"),
                format_args!("locals {{\n  a = local.b\n  b = \"{MARKER}\"\n  b = \"{MARKER}\"\n}}\n")
            ),
            &["MIG1216", "MIG1102"],
        ),
        (
            format!(
                "{}{}",
                with_password("var.y"),
                format_args!("variable \"y\" {{\n  type = bool\n  default = \"{MARKER}\"\n}}\n")
            ),
            &["MIG1212"],
        ),
        (
            format!(
                "locals {{\n  db = {{ password = \"{MARKER}\", x = 1 + 1 }}\n  token = \"{MARKER}${{1 + 1}}\"\n}}\n"
            ),
            &["MIG1108", "MIG1108"],
        ),
    ] {
        check_secret(&[&text], &[], &[], codes);
    }
}

#[test]
fn a_secret_from_outside_is_in_no_message() {
    let text = format!("{SENSITIVE}{}", with_password("var.pw"));
    check_secret(&[&text], &[("pw", MARKER)], &[], &["MIG1214"]);
    check_secret(&[&text], &[("pww", MARKER)], &[], &["MIG1213"]);
    check_secret(&[&text], &[], &[&format!("pww = \"{MARKER}\"\n")], &["MIG1213"]);
    check_secret(&[&text], &[], &[&format!("pw = [\"{MARKER}\"]\n")], &["MIG1212"]);
    check_secret(&[&text], &[], &[&format!("pw = \"{MARKER}\n")], &["MIG1101"]);
    check_secret(&[&text], &[], &[&format!("pw = \"{MARKER}\" {MARKER}\n")], &["MIG1101"]);
    check_secret(&[&text.replace("sensitive = true", "sensitive = true\n  type = number")], &[], &[], &["MIG1212"]);
    check_secret(
        &[&text.replace("sensitive = true", "sensitive = true\n  type = list(string)")],
        &[],
        &[],
        &["MIG1212"],
    );
    let ended = text.replace("var.pw", "file(\"pw-line.txt\")");
    check_secret(&[&ended], &[], &[], &["MIG1227"]);
}

/// What `var.v` is, by its declaration, outputs and files of values; the codes and summaries of faults otherwise.
fn with_outputs(declaration: &str, auto: &[&str], outputs: &[&str], var_files: &[&str]) -> Result<String, Vec<String>> {
    let text = format!(
        "variable \"v\" {{\n{declaration}\n}}\n{}",
        migration("  dump {\n    where = {\n      \"a.b\" = jsonencode(var.v)\n    }\n  }")
    );
    let all = |texts: &[&str], name: &str| texts.iter().map(|text| file(name, text)).collect::<Vec<_>>();
    let (spec, found) = load(&Inputs {
        files: vec![file("a.mig.hcl", &text), file("b.mig.hcl", SERVERS)],
        vars: Vec::new(),
        auto_files: all(auto, "x.auto.mig.hcl"),
        outputs: all(outputs, "out.json"),
        var_files: all(var_files, "x.vars.hcl"),
        env: &|name| (name == "MIG_VAR_v").then(|| "env".to_owned()),
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    });
    match spec {
        Some(spec) => Ok(spec.migrations["shop"].dump.where_["a.b"].clone()),
        None => Err(found.into_iter().map(|d| format!("{} {} {} {}", d.code, d.summary, d.detail, d.help)).collect()),
    }
}

#[test]
fn outputs_are_stronger_than_files_that_are_read_by_themselves_and_weaker_than_named_ones() {
    let terraform = "{\"v\": {\"sensitive\": false, \"type\": \"string\", \"value\": \"built\"}, \"other\": {\"sensitive\": true, \"type\": \"number\", \"value\": 1}}";
    for (auto, outputs, named, expected) in [
        (&[][..], &[][..], &[][..], "env"),
        (&["v = \"auto\""], &[], &[], "auto"),
        (&["v = \"auto\"", "v = \"later\""], &[], &[], "later"),
        (&["v = \"auto\""], &[terraform], &[], "built"),
        (&["v = \"auto\""], &[terraform, "{\"v\": \"flat\"}"], &[], "flat"),
        (&[], &[terraform], &["v = \"named\""], "named"),
        // Outputs of other names are nothing to the spec.
        (&[], &["{\"w\": 1}", "{}"], &[], "env"),
        // A value of Pulumi's that looks like an output of Terraform's among others that do not.
        (&[], &["{\"v\": \"x\", \"w\": {\"sensitive\": false, \"type\": 1, \"value\": 2}}"], &[], "x"),
    ] {
        assert_eq!(
            with_outputs("", auto, outputs, named),
            Ok(format!("\"{expected}\"")),
            "{auto:?} {outputs:?} {named:?}"
        );
    }
}

#[test]
fn an_output_is_of_the_type_of_its_variable_and_faults_name_no_value() {
    for (kind, json, expected) in [
        ("string", "\"x\"", Ok("\"x\"")),
        ("number", "3306", Ok("3306")),
        ("number", "-1.5", Ok("-1.5")),
        ("bool", "true", Ok("true")),
        ("list(string)", "[\"a\", \"b\"]", Ok("[\"a\",\"b\"]")),
        ("map(string)", "{\"a\": \"b\"}", Ok("{\"a\":\"b\"}")),
        ("string", "4711", Err("MIG1212 the variable `v` is a string, the output `v` in out.json is a number")),
        ("number", "\"4711\"", Err("MIG1212 the variable `v` is a number, the output `v` in out.json is a string")),
        (
            "list(string)",
            "[4711]",
            Err("MIG1212 the variable `v` is a list(string), the output `v` in out.json is one of other things"),
        ),
        ("bool", "{\"4711\": 1}", Err("MIG1212 the variable `v` is a bool, the output `v` in out.json is a map")),
        ("string", "\"[secret]\"", Err("MIG1211 the variable `v` has no value: the outputs in out.json withhold it")),
    ] {
        for text in [
            format!("{{\"v\": {{\"sensitive\": false, \"type\": \"any\", \"value\": {json}}}}}"),
            format!("{{\"v\": {json}}}"),
        ] {
            let found = with_outputs(&format!("  type = {kind}"), &[], &[&text], &[]);
            match expected {
                Ok(expected) => assert_eq!(found, Ok(expected.to_owned()), "{text}"),
                Err(expected) => {
                    let faults = found.unwrap_err();
                    assert!(
                        faults.len() == 1 && faults[0].starts_with(expected) && !faults[0].contains("4711"),
                        "{faults:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_no_json_of_outputs_is_a_fault_without_its_text() {
    for (text, why) in [
        ("", "EOF"),
        ("hunter2", "expected value"),
        ("[\"hunter2\"]", "not an object"),
        ("{\"v\": \"hunter2\", \"v\": 1}", "twice"),
    ] {
        let faults = with_outputs("", &[], &[text], &[]).unwrap_err();
        assert!(faults.len() == 1 && faults[0].starts_with("MIG1228 the outputs in out.json"), "{faults:?}");
        assert!(faults[0].contains(why) && !faults[0].contains("hunter2"), "{faults:?}");
    }
}

#[test]
fn a_sensitive_output_is_a_secret_whatever_the_variable_says() {
    let text = "{\"v\": {\"sensitive\": true, \"type\": \"string\", \"value\": \"hunter2\"}}";
    let faults = with_outputs("", &[], &[text], &[]).unwrap_err();
    assert!(faults.iter().any(|fault| fault.starts_with("MIG1215")), "{faults:?}");
    assert!(!faults.concat().contains("hunter2"), "{faults:?}");
    // As a password it is taken, without the warning about a password that is not sensitive.
    let spec =
        "variable \"v\" {\n}\nsource \"mysql\" \"a\" {\n  host = \"h\"\n  username = \"u\"\n  password = var.v\n}\n";
    let (spec, found) = load(&Inputs {
        files: vec![file("a.mig.hcl", spec)],
        vars: Vec::new(),
        auto_files: Vec::new(),
        outputs: vec![file("out.json", text)],
        var_files: Vec::new(),
        env: &no_env,
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    });
    assert!(found.is_empty() && spec.is_some_and(|spec| spec.sources["a"].password.is_some()), "{found:?}");
}

#[test]
fn a_file_of_values_that_is_read_by_itself_is_no_part_of_the_spec() {
    let faults = with_outputs("", &["source \"mysql\" \"a\" {\n}\nw = 1\n"], &[], &[]).unwrap_err();
    let codes: Vec<&str> = faults.iter().filter_map(|fault| fault.get(..7)).collect();
    assert_eq!(codes, ["MIG1105", "MIG1213"], "{faults:?}");
}

#[test]
fn an_expression_is_what_it_would_be_in_the_spec() {
    let text = "variable \"v\" {\n  default = \"x\"\n}\nvariable \"p\" {\n  sensitive = true\n}\nlocals {\n  l = [var.v, \"y\"]\n}\n";
    let inputs = Inputs {
        files: vec![file("a.mig.hcl", text), file("b.mig.hcl", SERVERS)],
        vars: Vec::new(),
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: Vec::new(),
        env: &|name| (name == "MIG_VAR_p").then(|| "hunter2".to_owned()),
        read_file: &folder,
        secrets: crate::formats::spec::Secrets::Needed,
    };
    for (expression, expected) in [
        ("var.v", Ok("\"x\"")),
        ("local.l", Ok("[\"x\",\"y\"]")),
        ("upper(\"a-${var.v}\")", Ok("\"A-X\"")),
        ("{ a = 1, b = null }", Ok("{\"a\":1,\"b\":null}")),
        ("source.mysql.shop", Ok("source.mysql.shop")),
        ("var.p", Ok("(sensitive)")),
        ("\"x${var.p}\"", Ok("(sensitive)")),
        ("var.w", Err("MIG1206")),
        ("1 + 1", Err("MIG1108")),
        ("nothing(1)", Err("MIG1109")),
        ("(", Err("MIG1101")),
        ("", Err("MIG1101")),
    ] {
        let found = crate::formats::spec::evaluate(&inputs, expression);
        match expected {
            Ok(expected) => assert_eq!(found.ok().as_deref(), Some(expected), "{expression}"),
            Err(code) => {
                let faults = found.unwrap_err();
                assert!(faults.len() == 1 && faults[0].code == code, "{expression}: {faults:?}");
                assert_eq!(faults[0].place.as_ref().map(|place| place.file.as_str()), Some("expression"));
            }
        }
    }
}

#[test]
fn the_endpoint_of_all_readers_is_no_server() {
    let source = |host: &str| format!("source \"mysql\" \"a\" {{\n  host = \"{host}\"\n  username = \"u\"\n}}");
    let fault = ("MIG1254", "2:10", "leads to another one with each connection");
    for (host, balanced) in [
        ("shop.cluster-ro-c0ffee123456.us-west-2.rds.amazonaws.com", true),
        ("SHOP.Cluster-RO-c0ffee123456.us-west-2.RDS.amazonaws.com.cn", true),
        ("shop.cluster-c0ffee123456.us-west-2.rds.amazonaws.com", false),
        ("shop-1.c0ffee123456.us-west-2.rds.amazonaws.com", false),
        ("cluster-ro-1.example.com", false),
    ] {
        check(&source(host), if balanced { std::slice::from_ref(&fault) } else { &[] });
    }
}
