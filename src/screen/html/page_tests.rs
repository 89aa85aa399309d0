//! Pages: what is in them and what is not. How they look and behave is for `tests/page.rs`, in a browser.

use super::*;
use crate::formats::cause::Cause;
use crate::formats::facts::{GateOutcome, Verdict};
use crate::formats::json_text::JsonText;
use crate::formats::plan::{Action, Change, Edge, EdgeKind, Node, Rewrite, TableEstimates};
use crate::screen::plan::tests::empty;
use crate::words::addr::{GateName, StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::digest::Digest;

const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\u{1b}[31m\u{202e}";

fn node(plan: &mut PlanFile, addr: &StepAddr, action: Action, inputs: serde_json::Value) {
    let kind = addr.kind().unwrap();
    let inputs_digest = Digest::of_bytes(b"");
    plan.body.graph.nodes.push(Node {
        addr: addr.clone(),
        kind,
        action,
        inputs: JsonText::from(inputs),
        inputs_digest,
    });
    if action.is_change() {
        plan.body.changes.push(Change::new(addr.clone(), action, Cause::NotRecorded));
    }
}

/// Tables of ten columns, each with the steps and the edges of a real plan.
fn of_tables(number: usize) -> PlanFile {
    let mut plan = empty();
    let gate = StepAddr::gate("shop", GateName::Compatibility);
    node(&mut plan, &gate, Action::Evaluate, serde_json::json!({"gate": "compatibility"}));
    let report = StepAddr::in_migration("shop", StepKind::Report, None);
    for at in 0..number {
        let table = TableName::new("shop", format!("table_{at:05}"));
        let columns: String =
            (0..10).map(|no| format!("  `column_{no}_of_{at}` varchar(120) DEFAULT NULL,\n")).collect();
        let ddl = format!(
            "CREATE TABLE {} (\n  `id` bigint NOT NULL,\n{columns}  PRIMARY KEY (`id`)\n) COMMENT='{HOSTILE}'",
            table.sql()
        );
        let mut before = gate.clone();
        for kind in [StepKind::Table, StepKind::Dump, StepKind::Load, StepKind::Verify] {
            let addr = StepAddr::of_table("shop", kind, &table);
            let inputs = if kind == StepKind::Table {
                serde_json::json!({"ddl": ddl, "source": {}})
            } else {
                serde_json::json!({})
            };
            node(&mut plan, &addr, Action::Create, inputs);
            for (from, to) in [(&before, &addr), (&addr, &report)] {
                plan.body.graph.edges.push(Edge { from: from.clone(), to: to.clone(), kind: EdgeKind::After });
            }
            before = addr;
        }
        plan.estimates.by_table.insert(table.key(), TableEstimates { rows: 3 * at as u64, bytes: 2048, files: 1 });
        plan.estimates.tables += 1;
    }
    node(&mut plan, &report, Action::Create, serde_json::json!({}));
    plan
}

fn data_of(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_page_runs_and_loads_nothing_but_its_own_style_and_script() {
    let page = super::plan(&of_tables(2), &[]).unwrap();
    assert!(page.starts_with(BEGIN), "{}", &page[..80]);
    let between = |from: &str, to: &str| page.split_once(from).unwrap().1.split_once(to).unwrap().0;
    let policy = between("Content-Security-Policy\" content=\"", "\"");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for (what, text) in [("style", between("<style>", "</style>")), ("script", between("<script>", "</script>"))] {
        assert!(policy.contains(&format!("{what}-src '{}'", hash(text))), "{what}: {policy}");
        assert!(!text.contains("</") && !text.contains("<!--"), "{what} would be ended by its own text");
    }
    // No attribute that the policy would not let through, nothing from elsewhere, and nothing of the template is left.
    for piece in [" style=", " onclick=", " onload=", "src=\"", "url(", "@import", "innerHTML", "{{", "}}\n"] {
        let left: Vec<&str> = page.lines().filter(|line| line.contains(piece)).collect();
        assert!(left.is_empty(), "{piece}: {left:?}");
    }
    let addresses: Vec<&str> = page.match_indices("://").map(|(at, _)| &page[at.saturating_sub(8)..at + 30]).collect();
    assert!(addresses.iter().all(|text| text.contains("www.w3.org/2000/svg")), "{addresses:?}");
}

#[test]
fn a_text_of_a_server_is_never_markup_nor_does_it_move_the_cursor() {
    let mut plan = of_tables(1);
    let finding = Diagnostic::error(codes::ROW_TOO_LONG, HOSTILE).about(HOSTILE).detail(HOSTILE).help(HOSTILE);
    let verdict = Verdict { outcome: GateOutcome::No, saw: HOSTILE.into(), findings: vec![finding.clone()] };
    plan.body.observed.verdicts.insert(StepAddr::gate("shop", GateName::Compatibility), verdict);
    plan.body.observed.servers.insert("source.mysql.other".into(), format!("{HOSTILE}@{HOSTILE}"));
    let table = StepAddr::of_table("shop", StepKind::Table, &TableName::new("shop", HOSTILE));
    node(&mut plan, &table, Action::Create, serde_json::json!({"ddl": HOSTILE}));
    let rewrite = Rewrite { source: HOSTILE.into(), target: "x".into(), changes: vec![finding] };
    plan.body.changes.last_mut().unwrap().rewrite = Some(rewrite);
    plan.body.blocked = true;
    for page in [super::plan(&plan, &[]).unwrap(), super::check(&plan).unwrap()] {
        assert!(!page.contains("<img") && !page.contains(['\u{1b}', '\u{202e}', '\r']), "{page}");
        assert_eq!(page.matches("</script").count(), 2);
        let data = data_of(&page);
        let shown = "</script><img src=x onerror=alert(1)>\\u001b[31m\\u202e";
        let at = |path: &str| data.pointer(path).unwrap_or_else(|| panic!("{path}: {data}"));
        assert_eq!(
            (at("/findings/0/summary"), at("/changed/0/name")),
            (&shown.into(), &table.key().unwrap().replace(HOSTILE, shown).into())
        );
    }
}

#[test]
fn what_stops_is_first_and_an_object_has_its_findings_its_difference_and_its_definition() {
    let mut plan = of_tables(2);
    let warning = Diagnostic::warning(codes::ROW_MAY_BE_TOO_LONG, "may be too long").about("shop.table_00001");
    let error = Diagnostic::error(codes::ROW_TOO_LONG, "too long").about("shop.table_00000");
    let verdict = Verdict { outcome: GateOutcome::No, saw: "2 tables".into(), findings: vec![warning, error] };
    plan.body.observed.verdicts.insert(StepAddr::gate("shop", GateName::Compatibility), verdict);
    plan.body.changes[0].rewrite = Some(Rewrite { source: "a\nb".into(), target: "a\nc".into(), changes: Vec::new() });
    plan.body.blocked = true;
    let page = super::plan(&plan, &[]).unwrap();
    for piece in [
        "✗ Blocked",
        "a gate refuses: compatibility (no)",
        "Plan: 9 to create",
        "1 of 1 refuse",
        "✗ no",
        "class=\"graph phases\"",
    ] {
        assert!(page.contains(piece), "{piece}");
    }
    let data = data_of(&page);
    let severities: Vec<_> = data["findings"].as_array().unwrap().iter().map(|one| one["severity"].clone()).collect();
    assert_eq!(severities, ["error", "warning"]);
    let object =
        |name: &str| data["objects"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    let first = object("shop.table_00000");
    assert_eq!((&first["findings"], &first["changed"]), (&serde_json::json!([0]), &serde_json::json!(0)));
    let text = |places: &serde_json::Value| -> Vec<String> {
        let place =
            |place: &serde_json::Value| data["lines"][place.as_u64().unwrap() as usize].as_str().unwrap().to_owned();
        places.as_array().unwrap().iter().map(place).collect()
    };
    assert_eq!(text(&first["ddl"][0])[..2], ["CREATE TABLE `shop`.`table_00000` (", "  `id` bigint NOT NULL,"]);
    let rows = &data["changed"][0]["rows"];
    assert_eq!((rows[0].is_u64(), text(&rows[1])), (true, vec!["b".to_owned(), "c".to_owned()]));
    assert_eq!(object("shop.table_00001")["rows"], 3);
    // A check says nothing of what would be done.
    let data = data_of(&super::check(&plan).unwrap());
    assert_eq!((data["objects"].as_array().unwrap().len(), data["findings"].as_array().unwrap().len()), (0, 2));
}

#[test]
fn the_page_of_five_thousand_tables_is_the_same_each_time_and_below_ten_megabytes() {
    let plan = of_tables(5_000);
    let page = super::plan(&plan, &[]).unwrap();
    assert!(page.len() < 10_000_000, "{}", page.len());
    assert!(page == super::plan(&plan, &[]).unwrap(), "two pages of one plan differ");
    let data = data_of(&page);
    assert_eq!(data["objects"].as_array().unwrap().len(), 5_001);
    assert_eq!(data["steps"]["addr"].as_array().unwrap().len(), 20_002);
    // Not every step is drawn.
    assert!(page.matches("<g class=\"node").count() < 10);
    if let Some(path) = std::env::var_os("MIG_PAGE_OF_5000") {
        std::fs::write(path, &page).unwrap();
    }
}

/// The contrast of two colours, by WCAG 2.2 (<https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>).
fn contrast(one: &str, other: &str) -> f64 {
    let light = |colour: &str| {
        let digits = colour.strip_prefix('#').unwrap();
        let digits: String =
            if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.into() };
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
    };
    let (one, other) = (light(one), light(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_text_can_be_read_on_its_ground_in_light_and_in_dark() {
    assert!((contrast("#000", "#ffffff") - 21.0).abs() < 0.01);
    let schemes: Vec<&str> = STYLE.split(":root {").skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
    assert_eq!(schemes.len(), 3, "light, dark and paper");
    for scheme in schemes {
        let colour = |name: &str| {
            let found =
                scheme.split(['{', ';', '\n']).find_map(|one| one.trim().strip_prefix(name)?.strip_prefix(": "));
            found.unwrap_or_else(|| panic!("{name}: {scheme}"))
        };
        for (text, grounds) in [
            (
                "--fg",
                &[
                    "--bg",
                    "--panel",
                    "--good-bg",
                    "--warn-bg",
                    "--bad-bg",
                    "--add",
                    "--add-mark",
                    "--del",
                    "--del-mark",
                ][..],
            ),
            ("--dim", &["--bg", "--panel"]),
            ("--link", &["--bg", "--panel"]),
            ("--good", &["--bg", "--panel", "--good-bg", "--add"]),
            ("--warn", &["--bg", "--panel", "--warn-bg"]),
            ("--bad", &["--bg", "--panel", "--bad-bg", "--del"]),
        ] {
            for ground in grounds {
                let found = contrast(colour(text), colour(ground));
                assert!(found >= 4.5, "{text} on {ground}: {found:.2} in {scheme}");
            }
        }
        // Borders of controls and lines of the graph.
        assert!(contrast(colour("--strong"), colour("--panel")) >= 3.0, "{scheme}");
    }
}

#[test]
fn a_template_is_filled_once() {
    let text_of = |name: &str| if name == "a" { "{{b}}".to_owned() } else { "B".to_owned() };
    for (template, expected) in [("", ""), ("x{{a}}y{{b}}", "x{{b}}yB"), ("x{{a", "x{{a"), ("}}{{b}}", "}}B")] {
        assert_eq!(filled(template, text_of), expected, "{template}");
    }
}
