//! The whole certificate as sections: what all of its long views show. Knows no markup.

use super::{sentence, writes_words};
use crate::formats::certificate::{
    Apart, Certificate, Judgement, NotMoved, Party, ProvenBy, StructureDifference, StructureProof, TableProof, Three,
    ViewProof, WritesOutcome,
};
use crate::formats::facts::GateOutcome;
use crate::screen::plan::{moment, outcome_words};
use crate::screen::style::{bytes, count, duration, thousands};
use crate::words::codes;

/// A certificate to be shown.
pub struct Document {
    pub title: String,
    pub sentence: String,
    pub verdict: Judgement,
    pub sections: Vec<Section>,
}

/// What stands under one heading; the first section has none.
pub struct Section {
    pub title: &'static str,
    pub blocks: Vec<Block>,
}

pub enum Block {
    List(Vec<Item>),
    Table(Table),
    Line(Phrase),
    /// To be typed.
    Command(String),
}

/// One entry of a list, with what stands below it.
pub struct Item {
    pub text: Phrase,
    pub below: Vec<Phrase>,
}

pub struct Table {
    pub heads: Vec<Head>,
    pub rows: Vec<Vec<Phrase>>,
}

pub struct Head {
    pub text: &'static str,
    /// A column of numbers.
    pub number: bool,
}

/// A text of pieces that look different.
pub type Phrase = Vec<Piece>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Plain(String),
    /// A name or a value of a server.
    Code(String),
    Strong(&'static str),
    /// The word of a verdict.
    Verdict(Judgement),
}

fn plain(text: impl Into<String>) -> Piece {
    Piece::Plain(text.into())
}

fn code(text: &str) -> Piece {
    Piece::Code(text.to_owned())
}

fn item(text: Phrase) -> Item {
    Item { text, below: Vec::new() }
}

fn sentence_of(text: impl Into<String>) -> Item {
    item(vec![plain(text)])
}

const fn head(text: &'static str) -> Head {
    Head { text, number: false }
}

const fn number(text: &'static str) -> Head {
    Head { text, number: true }
}

/// Names with commas between.
fn names(names: impl Iterator<Item = String>) -> Phrase {
    let mut out = Vec::new();
    for name in names {
        if !out.is_empty() {
            out.push(plain(", "));
        }
        out.push(Piece::Code(name));
    }
    out
}

/// Puts a certificate into sections, in the order in which it is read.
pub fn of(certificate: &Certificate) -> Document {
    let sections = [
        Some(parties(certificate)),
        Some(proven(certificate)),
        Some(not_proven(certificate)),
        Some(tables(certificate)),
        differences(certificate),
        found(certificate),
        Some(rewrites(certificate)),
        accepted(certificate),
        generated(certificate),
        warned(certificate),
        views(certificate),
        not_moved(certificate),
        Some(gates(certificate)),
        Some(digest(certificate)),
    ];
    Document {
        title: format!("Certificate of migration.{}", certificate.migration),
        sentence: sentence(certificate),
        verdict: certificate.verdict,
        sections: sections.into_iter().flatten().collect(),
    }
}

fn parties(certificate: &Certificate) -> Section {
    let row = |(role, party): (&str, &Party)| {
        vec![vec![plain(role)], vec![code(&party.address)], vec![code(&party.identity)], vec![plain(&party.version)]]
    };
    let parties = [("source", &certificate.source), ("target", &certificate.target)];
    let heads = vec![head(""), head("address"), head("identity"), head("version")];
    let totals = &certificate.totals;
    let made = vec![
        plain(format!("Made {} by mig {}, lineage ", moment(&certificate.created), certificate.mig_version)),
        code(&certificate.lineage),
        plain(format!(
            ". {}, {}, {} in {}, in {}.",
            count(totals.tables, "table", "tables"),
            count(totals.rows, "row", "rows"),
            bytes(totals.bytes),
            count(totals.parts, "part", "parts"),
            duration(totals.seconds),
        )),
    ];
    let table = Table { heads, rows: parties.into_iter().map(row).collect() };
    Section { title: "", blocks: vec![Block::Table(table), Block::Line(made)] }
}

fn proven(certificate: &Certificate) -> Section {
    let mut items = Vec::new();
    for by in [ProvenBy::ServerHashes, ProvenBy::ClientHashes] {
        let proven = |table: &&TableProof| table.proven_by == by && table.judge() <= Judgement::Accepted;
        let tables: Vec<&TableProof> = certificate.tables.iter().filter(proven).collect();
        if !tables.is_empty() {
            let rows = tables.iter().map(|table| table.row_count()).sum();
            items.push(sentence_of(format!(
                "{}, {}: equal, by {}.",
                count(tables.len() as u64, "table", "tables"),
                count(rows, "row", "rows"),
                by.words()
            )));
        }
    }
    let structures =
        certificate.tables.iter().filter(|t| t.structure.equal && t.structure.differences.is_empty()).count() as u64;
    if structures > 0 {
        items.push(sentence_of(format!(
            "Structure of {}: read back from the target, as it was to be created.",
            count(structures, "table", "tables")
        )));
    }
    if certificate.writes.outcome == WritesOutcome::Proven {
        items.push(writes(certificate));
    }
    Section { title: "What was proven, and by what", blocks: vec![list_or(items, "Nothing.")] }
}

fn list_or(items: Vec<Item>, none: &str) -> Block {
    if items.is_empty() { Block::Line(vec![plain(none)]) } else { Block::List(items) }
}

fn writes(certificate: &Certificate) -> Item {
    sentence_of(format!("Writes to the source: {}. {}", writes_words(certificate), certificate.writes.text))
}

fn not_proven(certificate: &Certificate) -> Section {
    let mut items = Vec::new();
    let mut named = |before: Vec<Piece>, which: &dyn Fn(&TableProof) -> bool| {
        let found: Vec<String> =
            certificate.tables.iter().filter(|table| which(table)).map(|table| table.table.clone()).collect();
        if !found.is_empty() {
            let mut text = before;
            text.extend(names(found.into_iter()));
            text.push(plain("."));
            items.push(item(text));
        }
    };
    named(vec![plain("Content only counted: ")], &|table| table.proven_by == ProvenBy::Count);
    named(vec![plain("Content not verified: ")], &|table| table.proven_by == ProvenBy::NotVerified);
    named(vec![plain("Evidence is not whole (a place was not looked at): ")], &|table| {
        table.proven_by.sees_content() && table.judge() == Judgement::Unproven
    });
    named(vec![Piece::Strong("Differences of rows"), plain(": ")], &TableProof::rows_differ);
    named(vec![Piece::Strong("Differences of structure"), plain(": ")], &|table| {
        !table.structure.differences.is_empty()
    });
    named(vec![Piece::Strong("Differences of generated columns"), plain(": ")], &|table| {
        table.judge() == Judgement::Different && Apart::of(table.rows_differ(), &table.structure) == Apart::Generated
    });
    let mut different = Vec::new();
    for view in certificate.views.iter().filter(|view| view.judge() == Judgement::Different) {
        different.push(plain(if different.is_empty() { ": " } else { "; " }));
        different.extend([code(&view.name), plain(format!(" {}", view.fault()))]);
    }
    if !different.is_empty() {
        different.insert(0, Piece::Strong("Differences of views"));
        different.push(plain("."));
        items.push(item(different));
    }
    if certificate.writes.outcome != WritesOutcome::Proven {
        items.push(writes(certificate));
    }
    items.extend(certificate.unproven.iter().map(sentence_of));
    Section { title: "What was not", blocks: vec![list_or(items, "Nothing is open.")] }
}

fn tables(certificate: &Certificate) -> Section {
    let row = |table: &TableProof| {
        let plain_of = |text: String| vec![Piece::Plain(text)];
        let known = [&table.hash.target, &table.hash.dumped, &table.hash.source].into_iter().flatten().next();
        vec![
            vec![code(&table.table)],
            match table.rows.differs() {
                true => three(&table.rows, |rows| plain(thousands(*rows))),
                false => plain_of(thousands(table.row_count())),
            },
            vec![Piece::Verdict(table.judge())],
            match table.hash.differs() {
                true => three(&table.hash, |hash| code(hash)),
                false => known.map_or_else(|| plain_of("–".to_owned()), |hash| vec![code(hash)]),
            },
            plain_of(thousands(table.parts)),
            plain_of(bytes(table.bytes)),
            plain_of(duration(table.seconds.dump)),
            plain_of(duration(table.seconds.load)),
            plain_of(duration(table.seconds.verify)),
            plain_of(table.proven_by.words().to_owned()),
        ]
    };
    let heads = vec![
        head("table"),
        number("rows"),
        head("verdict"),
        head("hash"),
        number("parts"),
        number("bytes"),
        number("dump"),
        number("load"),
        number("verify"),
        head("proven by"),
    ];
    let table = Table { heads, rows: certificate.tables.iter().map(row).collect() };
    let what = "The hash is the sum of the hashes of all rows; where places differ, all three are given.";
    Section { title: "Tables", blocks: vec![Block::Table(table), Block::Line(vec![plain(what)])] }
}

fn three<T>(values: &Three<T>, show: impl Fn(&T) -> Piece) -> Phrase {
    let one = |value: &Option<T>| value.as_ref().map_or_else(|| plain("not looked at"), &show);
    vec![
        plain("source "),
        one(&values.source),
        plain(", dumped "),
        one(&values.dumped),
        plain(", target "),
        one(&values.target),
    ]
}

fn differences(certificate: &Certificate) -> Option<Section> {
    let tables = certificate.tables.iter().map(|table| (&table.table, &table.structure));
    let views = certificate.views.iter().map(|view| (&view.name, &view.structure));
    let of = |(name, structure): (&String, &StructureProof)| -> Vec<Vec<Phrase>> {
        let differences = structure.differences.iter();
        let row = |one: &StructureDifference| {
            vec![vec![code(name)], vec![plain(&one.what)], vec![code(&one.expected)], vec![code(&one.actual)]]
        };
        differences.map(row).collect()
    };
    let rows: Vec<Vec<Phrase>> = tables.chain(views).flat_map(of).collect();
    let heads = vec![head("object"), head("what"), head("expected"), head("on the target")];
    table_of("Differences of structure", heads, rows)
}

fn found(certificate: &Certificate) -> Option<Section> {
    let item_of = |table: &TableProof| {
        let since = table.read.target.as_deref().map(|at| format!(", as it was at {at}")).unwrap_or_default();
        let told = format!(
            ": not dumped and not loaded by mig; compared with the source{since}. Values of -0.0 are not counted."
        );
        item(vec![code(&table.table), plain(told)])
    };
    let tables = certificate.tables.iter().filter(|table| table.found);
    lines("Found on the target by mig import", tables.map(item_of).collect())
}

fn rewrites(certificate: &Certificate) -> Section {
    let tables = certificate.tables.iter().map(|table| (&table.table, &table.rewritten, table.negative_zeros));
    let views = certificate.views.iter().map(|view| (&view.name, &view.rewritten, 0));
    let changed = tables.chain(views).filter(|(_, texts, zeros)| !texts.is_empty() || *zeros > 0);
    let items = changed.map(|(name, texts, zeros)| {
        let mut below: Vec<Phrase> = texts.iter().map(|text| vec![plain(text)]).collect();
        if zeros > 0 {
            let values = count(zeros, "value that is", "values that are");
            below.push(vec![plain(format!("{values} -0.0 on the source: the target holds 0, equal as a number."))]);
        }
        Item { text: vec![code(name)], below }
    });
    Section { title: "What arrived changed", blocks: vec![list_or(items.collect(), "Nothing.")] }
}

/// A section of one table; none where it has no rows.
fn table_of(title: &'static str, heads: Vec<Head>, rows: Vec<Vec<Phrase>>) -> Option<Section> {
    (!rows.is_empty()).then(|| Section { title, blocks: vec![Block::Table(Table { heads, rows })] })
}

fn lines(title: &'static str, items: Vec<Item>) -> Option<Section> {
    (!items.is_empty()).then(|| Section { title, blocks: vec![Block::List(items)] })
}

fn accepted(certificate: &Certificate) -> Option<Section> {
    lines("Accepted by the spec", accepted_lines(certificate).into_iter().map(sentence_of).collect())
}

/// What is not as it was, and accepted: each by name.
pub(super) fn accepted_lines(certificate: &Certificate) -> Vec<String> {
    let mut out = Vec::new();
    for table in &certificate.tables {
        for column in table.generated.iter().filter(|column| !column.equal && column.accepted) {
            let rows = count(column.rows, "row", "rows");
            out.push(format!("{}.{}: the generated column differs in {rows}", table.table, column.column));
        }
        if table.json_rounded > 0 {
            let numbers = count(table.json_rounded, "number", "numbers");
            let code = codes::JSON_NUMBERS;
            out.push(format!("{}: {numbers} inside of JSON rounded to a DOUBLE ({code})", table.table));
        }
    }
    out.extend(certificate.accepted.iter().cloned());
    out
}

fn generated(certificate: &Certificate) -> Option<Section> {
    let items = certificate.tables.iter().flat_map(|table| {
        table.generated.iter().map(move |column| {
            let rows = count(column.rows, "row", "rows");
            let told = if column.equal { "equal".to_owned() } else { format!("different in {rows}") };
            item(vec![
                code(&table.table),
                plain("."),
                code(&column.column),
                plain(format!(": computed by each server, compared: {told}")),
            ])
        })
    });
    lines("Generated columns", items.collect())
}

fn warned(certificate: &Certificate) -> Option<Section> {
    lines("What the gates warned of", certificate.named.iter().map(sentence_of).collect())
}

fn views(certificate: &Certificate) -> Option<Section> {
    let row = |view: &ViewProof| {
        let rows = view.rows.as_ref();
        let own = match rows {
            Some(rows) if rows.own_settings => ", each read under its own sql_mode and group_concat_max_len",
            _ => "",
        };
        let why = match view.judge() {
            Judgement::Equal if rows.is_some_and(|rows| rows.equal_words) => {
                format!(
                    "the same rows on both servers, but for the case of words that are equal by their collation{own}"
                )
            }
            Judgement::Equal => format!("sums of row hashes over all columns are the same on both servers{own}"),
            Judgement::Different => view.fault(),
            // A view's rows are equal or not: no rule accepts others.
            Judgement::Accepted | Judgement::Unproven => {
                rows.map_or("not read".to_owned(), |rows| rows.unproven.clone())
            }
        };
        let number = rows.and_then(|rows| rows.source).map_or("–".to_owned(), thousands);
        vec![vec![code(&view.name)], vec![plain(number)], vec![Piece::Verdict(view.judge())], vec![plain(why)]]
    };
    let heads = vec![head("view"), number("rows"), head("verdict"), head("why")];
    let rows: Vec<Vec<Phrase>> = certificate.views.iter().map(row).collect();
    table_of("Views", heads, rows)
}

fn not_moved(certificate: &Certificate) -> Option<Section> {
    let row = |one: &NotMoved| vec![vec![plain(&one.kind)], vec![code(&one.name)], vec![plain(&one.why)]];
    let rows: Vec<Vec<Phrase>> = certificate.not_moved.iter().map(row).collect();
    let heads = vec![head("kind"), head("name"), head("why")];
    table_of("Not moved", heads, rows)
}

fn gates(certificate: &Certificate) -> Section {
    let row =
        |(name, outcome): (&String, &GateOutcome)| vec![vec![plain(name)], vec![plain(outcome_words(*outcome).1)]];
    let rows = certificate.gates.iter().map(row).collect();
    let table = Table { heads: vec![head("gate"), head("verdict")], rows };
    Section { title: "Gates", blocks: vec![Block::Table(table)] }
}

fn digest(certificate: &Certificate) -> Section {
    let what = vec![
        plain("Its digest is "),
        code(certificate.digest.as_str()),
        plain(": SHA-256 over the canonical JSON (RFC 8785) of the JSON form without its "),
        code("digest"),
        plain(". "),
        code("mig report -json"),
        plain(" prints that form; with it in "),
        code("certificate.json"),
        plain(":"),
    ];
    let command = "jq -jcS 'del(.digest)' certificate.json | sha256sum";
    let limit = "The digest shows that nothing was changed since; it does not show who wrote it.";
    let blocks = vec![Block::Line(what), Block::Command(command.to_owned()), Block::Line(vec![plain(limit)])];
    Section { title: "Checking this certificate", blocks }
}
