//! The faults of a block `backend "s3"`, each at its place.

use super::*;

#[test]
fn a_bucket_is_told_what_cannot_be_the_place_of_a_state() {
    for (text, code, at, words) in [
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"a/../b\"\n  }\n}\n",
            "MIG1205",
            "4:11",
            "not the name of a state",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"/a\"\n  }\n}\n",
            "MIG1205",
            "4:11",
            "not the name of a state",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"a.lock\"\n  }\n}\n",
            "MIG1205",
            "4:11",
            "not the name of a state",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"a.journal/b\"\n  }\n}\n",
            "MIG1205",
            "4:11",
            "not the name of a state",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n    endpoint_url = \"http://u:p@h\"\n  }\n}\n",
            "MIG1205",
            "5:20",
            "more than",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n    lease = \"1s\"\n  }\n}\n",
            "MIG1205",
            "5:13",
            "not between 2s and 1h",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n    encrypt = false\n    kms_key_id = \"x\"\n  }\n}\n",
            "MIG1235",
            "6:18",
            "contradicts",
        ),
    ] {
        check(text, &[(code, at, words)]);
    }
}

/// Where a spec with this `path` keeps its state in a workspace, or the code of the fault.
fn check_workspace(path: &str, workspace: Option<&str>, expected: Result<&str, &str>) {
    let text = format!("mig {{\n  backend \"local\" {{\n    path = {path}\n  }}\n}}\n");
    let (spec, found) = load(&Inputs {
        files: vec![file("a.mig.hcl", &text), file("b.mig.hcl", SERVERS)],
        vars: Vec::new(),
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: Vec::new(),
        env: &|name| workspace.filter(|_| name == WORKSPACE_ENV).map(str::to_owned),
        read_file: &folder,
        secrets: Secrets::Needed,
    });
    let read = spec.map(|spec| spec.backend.to_string());
    let code = found.first().map(|one| one.code.to_string()).unwrap_or_default();
    assert_eq!(read.as_deref().ok_or(code.as_str()), expected, "{path} {workspace:?}: {found:#?}");
}

#[test]
fn a_workspace_is_a_part_of_the_place_of_the_state_or_a_fault() {
    let named = "\"${workspace}.migstate\"";
    check_workspace(named, None, Ok("default.migstate"));
    check_workspace(named, Some(""), Ok("default.migstate"));
    check_workspace(named, Some("blue"), Ok("blue.migstate"));
    check_workspace("workspace", Some("blue"), Ok("blue"));
    check_workspace("\"x\"", None, Ok("x"));
    check_workspace("\"x\"", Some("default"), Ok("x"));
    check_workspace("\"x\"", Some("blue"), Err("MIG1252"));
    check_workspace(named, Some("../x"), Err("MIG1252"));
    check_workspace(named, Some("a b"), Err("MIG1252"));
    check("locals {\n  a = workspace\n}", &[("MIG1208", "2:7", "means nothing here")]);
}

#[test]
fn the_backend_of_a_former_spec_is_read_whatever_is_wrong_with_the_rest() {
    let of = |text: &str| {
        backend_of(&Inputs {
            files: vec![file("former.txt", text)],
            vars: vec![("gone".into(), "1".into())],
            auto_files: Vec::new(),
            outputs: Vec::new(),
            var_files: Vec::new(),
            env: &no_env,
            read_file: &folder,
            secrets: Secrets::StoodInFor,
        })
        .map(|backend| backend.to_string())
        .map_err(|found| found.last().map(|one| one.code.to_string()).unwrap_or_default())
    };
    let backend = "mig {\n  required_version = \"< 0.0.1\"\n  backend \"local\" {\n    path = \"x\"\n  }\n}\n";
    assert_eq!(of(backend), Ok("x".into()));
    assert_eq!(of(&format!("{backend}migration \"m\" {{\n  nonsense = 1\n}}\n")), Ok("x".into()));
    assert_eq!(of("migration \"m\" {\n}\n"), Ok("mig.migstate".into()));
    assert_eq!(of("mig {\n  backend \"s3\" {\n    key = \"k\"\n  }\n}\n"), Err("MIG1107".into()));
}
