//! Markdown of small plans as goldens, and rules for large ones.

use super::*;
use crate::formats::cause::Cause;
use crate::formats::facts::{GateOutcome, Verdict};
use crate::formats::json_text::JsonText;
use crate::formats::plan::{Node, TableEstimates};
use crate::screen::plan::tests::empty;
use crate::words::addr::{GateName, StepAddr, StepKind, TableName};
use crate::words::codes;
use crate::words::digest::Digest;

/// Tables to create, their names as given, with steps in the graph.
fn of_tables(names: &[&str]) -> PlanFile {
    let mut plan = empty();
    for name in names {
        let table = TableName::new("shop", *name);
        for kind in [StepKind::Table, StepKind::Dump, StepKind::Load, StepKind::Verify] {
            let addr = StepAddr::of_table("shop", kind, &table);
            plan.body.changes.push(Change::new(addr.clone(), Action::Create, Cause::NotRecorded));
            plan.body.graph.nodes.push(Node {
                addr,
                kind,
                action: Action::Create,
                inputs: JsonText::none(),
                inputs_digest: Digest::of_bytes(b""),
            });
        }
        plan.estimates.by_table.insert(table.key(), TableEstimates { rows: 3, bytes: 2048, files: 1 });
        plan.estimates.tables += 1;
    }
    plan
}

fn refused(mut plan: PlanFile, findings: Vec<Diagnostic>) -> PlanFile {
    let verdict = Verdict { outcome: GateOutcome::No, saw: "2 tables | looked at".into(), findings };
    plan.body.observed.verdicts.insert(StepAddr::gate("shop", GateName::Compatibility), verdict);
    plan.body.blocked = true;
    plan
}

#[test]
fn what_stops_is_first_then_the_changes_then_the_rest() {
    let finding = Diagnostic::error(codes::ROW_TOO_LONG, "rows of *shop* may be too long")
        .about("shop.a")
        .detail("column `x|y`\ncolumn z")
        .help("ask @somebody about #12");
    let shown = super::plan(&refused(of_tables(&["a", "b|c"]), vec![finding]), Tried::default(), BUDGET);
    let expected = "\
<!-- mig plan -->
### mig plan: blocked

Plan: 8 to create, 0 to re-run, 0 to replace, 0 to forget, 0 to destroy.

**Blocked:** a gate refuses: compatibility (no). Applying this plan starts nothing and exits 5. To go on: do what the findings say, or set the rule in the gates block of the migration, then run mig plan again; mig explain CODE tells more of a code.

To move (estimates): 2 tables, 0 rows, 0 B in 0 files, in an unknown time.

| server | place | identity |
| --- | --- | --- |
| `source.mysql.shop` |  | `mig_reader@8f2c1d1a-8a7…` |
| `target.tidb.cloud` |  | `mig@ (no identity yet: the first apply gives it one)` |

#### Stops (1)

- `MIG2111` `shop.a`: rows of \\*shop\\* may be too long (gate `compatibility`)
  - column `x|y`
  - column z
  - Help: ask `@somebody` about `#12`

<details><summary><code>migration.shop</code>: 2 objects to create</summary>

| | object | rows | size | steps | why |
| --- | --- | ---: | ---: | --- | --- |
| `+` | `` shop.`b\\|c` `` | 3 | 2.0 KiB | table, dump, load, verify | not in the state yet |
| `+` | `shop.a` | 3 | 2.0 KiB | table, dump, load, verify | not in the state yet |

</details>
";
    assert!(shown.starts_with(expected), "--- shown\n{shown}\n--- expected\n{expected}");
    assert!(shown.contains("~~~mermaid\nflowchart LR\n  subgraph b0[\"migration.shop\"]\n"), "{shown}");
}

#[test]
fn the_budget_is_always_met_and_what_is_opened_is_closed() {
    let names: Vec<String> = (0..2_000).map(|n| format!("t\u{1b}[31m`{n}`~~~<b>@a|#1")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let finding = |n: usize| {
        Diagnostic::warning(codes::ROW_MAY_BE_TOO_LONG, format!("column {n}"))
            .about(names[n])
            .detail("x\n".repeat(n % 50))
    };
    let plan = refused(of_tables(&names), (0..2_000).map(finding).collect());
    for budget in [LEAST_BUDGET, 777, 3_000, 10_000, BUDGET, 1_000_000] {
        let shown = super::plan(&plan, Tried::default(), budget);
        let printed = clean(&shown);
        assert!(printed.len() <= budget, "{budget}: {}", printed.len());
        assert_eq!(shown, super::plan(&plan, Tried::default(), budget));
        assert!(shown.starts_with(MARK) && shown.ends_with(&rest(Subject::Plan)), "{budget}: {shown}");
        assert_eq!(shown.matches("<details>").count(), shown.matches("</details>").count());
        let fences = shown.lines().filter(|line| line.starts_with("~~~")).count();
        assert_eq!(fences % 2, 0, "{budget}");
        // What stops is never what has no room.
        assert!(shown.contains("blocked") && shown.contains("MIG2112"), "{shown}");
    }
    assert!(super::plan(&plan, Tried::default(), BUDGET).len() > BUDGET / 10);
}

#[test]
fn two_plans_of_one_world_give_the_same_bytes() {
    let (one, mut other) = (of_tables(&["a"]), of_tables(&["a"]));
    other.header.created = "2027-01-01T00:00:00Z".into();
    other.digest = Digest::of_bytes(b"another");
    assert_eq!(super::plan(&one, Tried::default(), BUDGET), super::plan(&other, Tried::default(), BUDGET));
}

#[test]
fn a_text_is_read_as_text() {
    let check = |text: &str, expected: &str| assert_eq!(line(text), expected, "{text:?}");
    check("plain words, a_name", "plain words, a_name");
    check("of root@host, octocat/hello#12 and GH-12.", "of `root@host,` `octocat/hello#12` and `GH-12.`");
    check("see https://x.example/a?b=1 or WWW.x.y", "see `https://x.example/a?b=1` or `WWW.x.y`");
    check("at 0123456789abcdef0123456789abcdef01234567", "at `0123456789abcdef0123456789abcdef01234567`");
    check("decade facade 1234 # alone", "decade facade 1234 # alone");
    check("a `name` and `a|b`", "a `name` and `a|b`");
    check("an odd ` quote", "an odd \\` quote");
    check("<script>x</script> & [a](b)", "\\<script\\>x\\</script\\> \\& \\[a\\](b)");
    check("ask @admin, see #12", "ask `@admin,` see `#12`");
    check("_low *star ~~gone~~", "\\_low \\*star \\~\\~gone\\~\\~");
    check("two\nlines\u{1b}[31m", "two lines \\[31m");
    let check = |text: &str, expected: &str| assert_eq!(code(text), expected, "{text:?}");
    check("a", "`a`");
    check("a`b", "`` a`b ``");
    check("``", "``` `` ```");
    check("", "`  `");
}
