//! The certificate for people: a document of sections for the record, a few lines for the end of a run. Says "equal" nowhere
//! without the evidence beside it. Knows nothing of how the evidence was got.

pub mod document;
mod markdown;

use self::document::accepted_lines;
use super::style::{Ink, Style, bytes, columns, count, duration, pad, pad_left, thousands, wrap};
use crate::formats::certificate::{Apart, Certificate, Judgement, ProvenBy, TableProof, WritesOutcome};
use crate::words::list::first_of;

/// Tables listed one a line at the end of a run; more are counted, and only what is not equal is listed.
const LISTED: usize = 12;
/// Lines of any other list there.
const NAMED: usize = 3;

/// The whole certificate as Markdown.
pub fn markdown(certificate: &Certificate) -> String {
    markdown::of(&document::of(certificate))
}

/// The end of an apply: at most 25 lines.
pub fn text(certificate: &Certificate, style: Style) -> String {
    let ink = match certificate.verdict {
        Judgement::Equal | Judgement::Accepted => Ink::Green,
        Judgement::Unproven => Ink::Yellow,
        Judgement::Different => Ink::Red,
    };
    let mut out =
        format!("Certificate of migration.{}: {}\n", certificate.migration, style.ink(ink, certificate.verdict.word()));
    out.push_str(&wrap("", &sentence(certificate), style.width));
    out.push('\n');
    out.push_str(&short_tables(certificate, style));
    out.push_str(&short_views(certificate, style));
    let writes = format!("{}. {}", writes_words(certificate), certificate.writes.text);
    out.push_str(&wrap("Writes: ", writes.trim_end(), style.width));
    if !certificate.not_moved.is_empty() {
        let names: Vec<String> = certificate.not_moved.iter().map(|n| format!("{} {}", n.kind, n.name)).collect();
        out.push_str(&wrap("Not moved: ", &first_of(&names, NAMED), style.width));
    }
    let changed = accepted_lines(certificate);
    for text in changed.iter().take(NAMED) {
        out.push_str(&wrap("Accepted: ", text, style.width));
    }
    if changed.len() > NAMED {
        out.push_str(&format!("Accepted: and {} more\n", changed.len() - NAMED));
    }
    for text in certificate.unproven.iter().take(NAMED) {
        out.push_str(&wrap("Unproven: ", text, style.width));
    }
    if certificate.unproven.len() > NAMED {
        out.push_str(&format!("Unproven: and {} more\n", certificate.unproven.len() - NAMED));
    }
    out.push_str(&wrap(
        "",
        &format!("Took {}. mig report shows the whole certificate.", duration(certificate.totals.seconds)),
        style.width,
    ));
    out
}

/// The verdict in one sentence.
fn sentence(certificate: &Certificate) -> String {
    let all = format!(
        "{}, {}",
        count(certificate.totals.tables, "table", "tables"),
        count(certificate.totals.rows, "row", "rows")
    );
    let places = places(certificate);
    match certificate.verdict {
        Judgement::Equal => format!(
            "Equal: {all}; count and sum of row hashes of every table are the same on {places}, and the structure read back is \
             the one that was to be created."
        ),
        Judgement::Accepted => format!(
            "Accepted: {all}; count and sum of row hashes of every table are the same on {places}. What is not as it was, and \
             what the spec accepts by a rule, is named below."
        ),
        Judgement::Different => different(certificate, &all),
        Judgement::Unproven => {
            let open = certificate.tables.iter().filter(|t| t.judge() == Judgement::Unproven).count() as u64;
            let open = match open {
                0 => "what is open is named below".to_owned(),
                open => format!("the content of {} was not compared in full", count(open, "table", "tables")),
            };
            let views = certificate.views.iter().filter_map(|view| view.rows.as_ref());
            match views.filter(|rows| rows.differ()).count() as u64 {
                0 => format!("Unproven: {all}; no difference was found, but {open}."),
                views => format!("Unproven: {all}; {}; {open}.", doubted(views)),
            }
        }
    }
}

/// Where the rows of tables were looked at. Those that `mig import` has found were not dumped.
fn places(certificate: &Certificate) -> String {
    let found = certificate.tables.iter().filter(|table| table.found).count() as u64;
    match found {
        0 => "the source, as dumped and on the target".to_owned(),
        all if all == certificate.tables.len() as u64 => {
            "the source and on the target, where mig import has found them".to_owned()
        }
        some => format!(
            "the source, as dumped and on the target (of {} that mig import has found there: on the source and on the target)",
            count(some, "table", "tables")
        ),
    }
}

/// Views whose rows are not the same, with a reason by which nothing may be wrong.
pub(super) fn doubted(views: u64) -> String {
    match views {
        1 => "1 view gives other rows, and why that may prove nothing is named below".to_owned(),
        views => format!("{} views give other rows, and why that may prove nothing is named below", thousands(views)),
    }
}

/// What differs, rows and structure told apart.
fn different(certificate: &Certificate, all: &str) -> String {
    let tables: Vec<&TableProof> = certificate.tables.iter().filter(|t| t.judge() == Judgement::Different).collect();
    let views = certificate.views.iter().filter(|view| view.judge() == Judgement::Different).count() as u64;
    let apart = tables.iter().map(|table| Apart::of(table.rows_differ(), &table.structure));
    let mut parts = apart_words(apart, certificate.tables.len() as u64);
    if views > 0 {
        parts.push(of(views, certificate.views.len() as u64, "view", "views"));
    }
    if certificate.writes.outcome == WritesOutcome::Detected {
        parts.push("the source was written to while it was moved".to_owned());
    }
    format!("Different: {}. Moved: {all}.", parts.join("; "))
}

/// `the rows of 2 of 3 tables`, and so on for what is apart.
pub(super) fn apart_words(apart: impl Iterator<Item = Apart>, whole: u64) -> Vec<String> {
    let apart: Vec<Apart> = apart.collect();
    let kinds = [
        (Apart::Rows, "the rows of"),
        (Apart::Structure, "the structure alone of"),
        (Apart::Generated, "the generated columns alone of"),
    ];
    let counted = kinds.map(|(kind, words)| (apart.iter().filter(|one| **one == kind).count() as u64, words));
    let met = counted.into_iter().filter(|(some, _)| *some > 0);
    met.map(|(some, words)| format!("{words} {}", of(some, whole, "table", "tables"))).collect()
}

/// `1 of 3 tables`.
fn of(some: u64, all: u64, one: &str, many: &str) -> String {
    format!("{} of {}", thousands(some), count(all, one, many))
}

fn short_tables(certificate: &Certificate, style: Style) -> String {
    let all: Vec<&TableProof> = certificate.tables.iter().collect();
    let odd: Vec<&TableProof> = all.iter().copied().filter(|table| table.judge() != Judgement::Equal).collect();
    let (listed, rest) = if all.len() <= LISTED {
        (all.as_slice(), String::new())
    } else {
        (odd.as_slice(), counted(certificate, &odd))
    };
    let listed = &listed[..listed.len().min(LISTED)];
    let name = listed.iter().map(|table| columns(&table.table)).max().unwrap_or(0).min(34);
    let rows: Vec<String> = listed.iter().map(|table| count(table.row_count(), "row ", "rows")).collect();
    let widest = rows.iter().map(|text| columns(text)).max().unwrap_or(0);
    let mut out = String::new();
    for (table, rows) in listed.iter().zip(&rows) {
        let (sign, ink) = match table.judge() {
            Judgement::Equal => ("✓", Ink::Green),
            Judgement::Accepted => ("~", Ink::Green),
            Judgement::Unproven => ("!", Ink::Yellow),
            Judgement::Different => ("✗", Ink::Red),
        };
        let verdict = style.ink(ink, &format!("{sign} {}", pad(table.judge().word(), 9)));
        let by = match table.proven_by {
            ProvenBy::ServerHashes | ProvenBy::ClientHashes => "row hashes",
            ProvenBy::Count => "count only",
            ProvenBy::NotVerified => "not verified",
        };
        out.push_str(&format!(
            "  {verdict}  {}  {}  {}  {by}\n",
            pad(&table.table, name),
            pad_left(rows, widest),
            pad_left(&bytes(table.bytes), 10),
        ));
        if table.judge() == Judgement::Different {
            out.push_str(&wrap("      ", &table.fault(), style.width));
        }
    }
    format!("{out}{rest}")
}

/// One line for the views that are equal, one for each of the first that are not.
fn short_views(certificate: &Certificate, style: Style) -> String {
    let odd: Vec<_> = certificate.views.iter().filter(|view| view.judge() != Judgement::Equal).collect();
    let equal = (certificate.views.len() - odd.len()) as u64;
    let mut out = String::new();
    if equal > 0 {
        out.push_str(&format!(
            "  {} {}: the same rows on both servers\n",
            style.ink(Ink::Green, "✓"),
            count(equal, "view", "views")
        ));
    }
    for view in odd.iter().take(NAMED) {
        let (sign, ink, text) = match view.judge() {
            Judgement::Different => ("✗ different", Ink::Red, view.fault()),
            _ => ("! unproven ", Ink::Yellow, view.rows.as_ref().map(|r| r.unproven.clone()).unwrap_or_default()),
        };
        out.push_str(&wrap(&format!("  {}  view {}: ", style.ink(ink, sign), view.name), &text, style.width));
    }
    if odd.len() > NAMED {
        out.push_str(&format!(
            "  … and {} that are not proven equal\n",
            count((odd.len() - NAMED) as u64, "view", "views")
        ));
    }
    out
}

fn counted(certificate: &Certificate, odd: &[&TableProof]) -> String {
    let more = odd.len().saturating_sub(LISTED) as u64;
    let equal = (certificate.tables.len() - odd.len()) as u64;
    let mut out = String::new();
    if more > 0 {
        out.push_str(&format!("  … and {} more that are not proven equal\n", thousands(more)));
    }
    out.push_str(&format!("  {}: equal\n", count(equal, "table", "tables")));
    out
}

fn writes_words(certificate: &Certificate) -> String {
    let word = match certificate.writes.outcome {
        WritesOutcome::Proven => "none seen",
        WritesOutcome::Unproven => "unproven",
        WritesOutcome::Detected => "detected",
    };
    if certificate.writes.how.is_empty() { word.to_owned() } else { format!("{word}, by {}", certificate.writes.how) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::certificate::fixture::{certificate, table};
    use crate::formats::certificate::{
        GeneratedProof, NotMoved, StructureDifference, StructureProof, ViewProof, ViewRows,
    };

    fn line(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn check(certificate: &Certificate, expected: &str) {
        let shown = text(certificate, Style::plain());
        assert_eq!(shown, expected, "\n{shown}");
        assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    }

    #[test]
    fn the_end_of_a_run_names_verdict_evidence_and_tables() {
        let mut whole = certificate(vec![table("shop.customers", 10_000), table("shop.orders", 1)]);
        whole.not_moved.push(NotMoved { kind: "trigger".into(), name: "shop.t1".into(), why: "TiDB has none".into() });
        check(
            &whole.seal(),
            "\
Certificate of migration.shop: equal
Equal: 2 tables, 10,001 rows; count and sum of row hashes of every table are the
same on the source, as dumped and on the target, and the structure read back is
the one that was to be created.

  ✓ equal      shop.customers  10,000 rows     1.0 KiB  row hashes
  ✓ equal      shop.orders          1 row      1.0 KiB  row hashes
Writes: none seen, by binlog positions. The binlog did not move; sql_log_bin = 0
        writes are not seen.
Not moved: trigger shop.t1
Took 1 min 10 s. mig report shows the whole certificate.
",
        );
    }

    #[test]
    fn what_was_only_counted_is_never_called_equal() {
        let mut counted = table("shop.orders", 5);
        counted.proven_by = ProvenBy::Count;
        let sealed = certificate(vec![counted]).seal();
        for shown in [text(&sealed, Style::plain()), markdown(&sealed)] {
            assert!(!shown.to_lowercase().contains("equal"), "{shown}");
            assert!(line(&shown).contains("the content of 1 table was not compared in full"), "{shown}");
        }
    }

    #[test]
    fn views_that_give_other_rows_are_never_passed_over_in_the_headline() {
        let view = |target: &str| ViewProof {
            name: "shop.v".into(),
            structure: StructureProof { equal: true, differences: Vec::new() },
            rows: Some(ViewRows {
                source: Some(1),
                target: Some(1),
                source_hash: Some("1".into()),
                target_hash: Some(target.into()),
                equal_words: false,
                own_settings: true,
                unproven: "it calls RAND".into(),
            }),
            rewritten: Vec::new(),
        };
        for (views, told) in [
            (vec![view("1")], "no difference was found, but what is open is named below"),
            (vec![view("2")], "1 view gives other rows, and why that may prove nothing is named below"),
            (vec![view("2"), view("3"), view("1")], "2 views give other rows"),
        ] {
            let mut whole = certificate(vec![table("shop.a", 1)]);
            whole.views = views;
            let sealed = whole.seal();
            for shown in [text(&sealed, Style::plain()), markdown(&sealed)] {
                assert!(line(&shown).contains(told), "{told}\n{shown}");
                assert!(told.starts_with("no") || !shown.contains("no difference"), "{shown}");
            }
        }
    }

    #[test]
    fn what_is_apart_is_told_by_its_kind() {
        let check = |change: &dyn Fn(&mut TableProof), headline: &str, fault: &str| {
            let mut one = table("shop.orders", 5);
            change(&mut one);
            let shown = line(&text(&certificate(vec![one, table("shop.b", 1)]).seal(), Style::plain()));
            assert!(shown.contains(headline) && shown.contains(fault), "{shown}");
        };
        let lacks = || StructureDifference { what: "index i".into(), expected: "a".into(), actual: "".into() };
        check(&|one| one.rows.target = Some(4), "Different: the rows of 1 of 2 tables.", "rows different");
        check(
            &|one| one.structure.differences.push(lacks()),
            "Different: the structure alone of 1 of 2 tables.",
            "rows equal, structure different: index i",
        );
        check(
            &|one| one.generated.push(GeneratedProof { column: "g".into(), equal: false, rows: 1, accepted: false }),
            "Different: the generated columns alone of 1 of 2 tables.",
            "generated columns different: g",
        );
    }

    #[test]
    fn twelve_tables_fit_in_25_lines_and_a_thousand_too() {
        for number in [12, 1_000] {
            let mut tables: Vec<TableProof> = (0..number).map(|n| table(&format!("shop.t{n:04}"), 10)).collect();
            tables[0].rows.target = Some(9);
            let mut whole = certificate(tables);
            whole.unproven = vec!["One.".into(), "Two.".into(), "Three.".into(), "Four.".into()];
            whole.not_moved =
                vec![NotMoved { kind: "event".into(), name: "shop.e".into(), why: "TiDB has none".into() }; 9];
            let shown = text(&whole.seal(), Style::plain());
            assert!(shown.lines().count() <= 25, "{}\n{shown}", shown.lines().count());
            assert!(shown.contains("✗ different  shop.t0000"), "{shown}");
        }
    }

    #[test]
    fn markdown_gives_all_three_values_where_they_differ() {
        let mut odd = table("shop.`a|b`", 10);
        odd.rows.target = Some(9);
        odd.hash.target = Some("77".into());
        odd.structure.equal = false;
        odd.structure.differences.push(StructureDifference {
            what: "column id: type".into(),
            expected: "bigint".into(),
            actual: "int".into(),
        });
        odd.rewritten.push("MIG2107: column hidden is made visible".into());
        let shown = markdown(&certificate(vec![odd, table("shop.b", 1)]).seal());
        for part in [
            "# Certificate of migration.shop\n\n**Different: the rows of 1 of 2 tables. Moved: 2 tables, 10 rows.**\n",
            "| `` shop.`a\\|b` `` | source 10, dumped 10, target 9 | different | source `1234567890123456789012`, dumped",
            "target `77` |",
            "| `` shop.`a\\|b` `` | column id: type | `bigint` | `int` |",
            "- **Differences of rows**: `` shop.`a\\|b` ``.",
            "  - MIG2107: column hidden is made visible\n",
            "- 1 table, 1 row: equal, by row hashes computed on both servers.\n",
            "| collation | passed |",
        ] {
            assert!(shown.contains(part), "{part}\n{shown}");
        }
    }

    #[test]
    fn every_row_of_a_markdown_table_has_as_many_cells_as_its_head() {
        let shown = markdown(&certificate(vec![table("shop.`a|b`", 1)]).seal());
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        let mut head = None;
        for line in shown.lines() {
            if line.starts_with('|') {
                let expected = *head.get_or_insert(cells(line));
                assert_eq!(cells(line), expected, "{line}");
            } else {
                head = None;
            }
        }
    }
}
