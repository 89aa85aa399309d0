//! A certificate as a page. All of it stands in the page as it is written; the script only filters its rows.

use super::model::Data;
use super::{Card, Parts, Row};
use crate::formats::certificate::{Certificate, Judgement};
use crate::screen::certificate::document::{self, Block, Head, Item, Phrase, Piece, Section, Table};
use crate::screen::clean::markup;
use crate::screen::plan::moment;
use crate::screen::style::{bytes, duration, thousands};

/// So many columns fit on a phone.
const FEW: usize = 3;

/// A verdict as the page has it: its class, and its sign with its word.
fn badge(verdict: Judgement) -> (&'static str, &'static str) {
    match verdict {
        Judgement::Equal => ("good", "✓ Equal"),
        Judgement::Accepted => ("good", "~ Accepted"),
        Judgement::Unproven => ("warn", "! Unproven"),
        Judgement::Different => ("bad", "✗ Different"),
    }
}

/// The page's parts. `data`: without a list, since nothing is drawn by the script.
pub(super) fn parts<'a>(certificate: &Certificate, data: &'a Data) -> Parts<'a> {
    let document = document::of(certificate);
    let (first, rest) = document.sections.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
    let sections = rest.iter().enumerate().map(|(at, one)| section(at, one)).collect();
    Parts {
        title: format!("{}: {}", document.title, document.verdict.word()),
        kind: "certificate",
        badge: badge(document.verdict),
        sentence: document.sentence,
        alerts: Vec::new(),
        cards: cards(certificate),
        facts: first.map(|first| first.blocks.iter().map(block).collect()).unwrap_or_default(),
        sections,
        graph: String::new(),
        without_script:
            "All of it is here; the filter alone needs its script, which loads nothing. `mig report` prints the \
                         same in a terminal."
                .to_owned(),
        origin: format!(
            "Made {} by mig {}. Digest of the certificate: {}.",
            moment(&certificate.created),
            certificate.mig_version,
            certificate.digest
        ),
        data,
    }
}

fn cards(certificate: &Certificate) -> Vec<Row> {
    let tables = certificate.tables.iter().map(|table| table.judge());
    let verdicts: Vec<Judgement> = tables.chain(certificate.views.iter().map(|view| view.judge())).collect();
    let of = |verdict: Judgement| -> Card {
        let number = verdicts.iter().filter(|one| **one == verdict).count() as u64;
        (badge(verdict).1, thousands(number), number == 0)
    };
    let verdicts = [Judgement::Different, Judgement::Unproven, Judgement::Accepted, Judgement::Equal].map(of);
    let totals = &certificate.totals;
    let moved: [Card; 5] = [
        ("tables", thousands(totals.tables), totals.tables == 0),
        ("rows", thousands(totals.rows), totals.rows == 0),
        ("size", bytes(totals.bytes), totals.bytes == 0),
        ("parts", thousands(totals.parts), totals.parts == 0),
        ("time", duration(totals.seconds), false),
    ];
    vec![("Tables and views", verdicts.to_vec()), ("Moved", moved.to_vec())]
}

fn section(at: usize, section: &Section) -> String {
    let counts = section.blocks.iter().any(|block| matches!(block, Block::Table(table) if has_verdicts(table)));
    let number = if counts { " <span class=\"number\"></span>" } else { "" };
    format!(
        "<section id=\"part-{at}\" class=\"certificate\" aria-labelledby=\"part-{at}-title\">\n<h2 id=\"part-{at}-title\">{}{number}</h2>\n{}</section>\n",
        markup(section.title),
        section.blocks.iter().map(block).collect::<String>()
    )
}

fn block(block: &Block) -> String {
    match block {
        Block::Line(text) => format!("<p>{}</p>\n", phrase(text)),
        Block::Command(text) => format!("<pre class=\"sql\">{}</pre>\n", markup(text)),
        Block::List(items) => {
            format!("<ul class=\"sentences\">\n{}</ul>\n", items.iter().map(item).collect::<String>())
        }
        Block::Table(rows) => table(rows),
    }
}

fn item(item: &Item) -> String {
    let below: String = item.below.iter().map(|text| format!("<li>{}</li>\n", phrase(text))).collect();
    let below = if below.is_empty() { below } else { format!("\n<ul class=\"sentences\">\n{below}</ul>") };
    format!("<li>{}{below}</li>\n", phrase(&item.text))
}

fn has_verdicts(table: &Table) -> bool {
    table.rows.iter().flatten().flatten().any(|piece| matches!(piece, Piece::Verdict(_)))
}

fn table(table: &Table) -> String {
    let look = |head: &Head| if head.number { " class=\"num\"" } else { "" };
    let head = |head: &Head| format!("<th scope=\"col\"{}>{}</th>", look(head), markup(head.text));
    let row = |row: &Vec<Phrase>| {
        let verdict = row.iter().flatten().find_map(|piece| match piece {
            Piece::Verdict(verdict) => Some(*verdict),
            _ => None,
        });
        let marks =
            verdict.map_or_else(String::new, |verdict| format!(" class=\"proof\" data-verdict=\"{}\"", verdict.word()));
        let cells = row.iter().zip(&table.heads);
        let cells: String = cells.map(|(cell, head)| format!("<td{}>{}</td>", look(head), phrase(cell))).collect();
        format!("<tr{marks}>{cells}</tr>\n")
    };
    let width = if table.heads.len() > FEW { " broad" } else { "" };
    format!(
        "<div class=\"scroll\"><table class=\"certificate{width}\"><thead><tr>{}</tr></thead><tbody>\n{}</tbody></table></div>\n",
        table.heads.iter().map(head).collect::<String>(),
        table.rows.iter().map(row).collect::<String>()
    )
}

fn phrase(pieces: &Phrase) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Plain(text) => markup(text),
        Piece::Code(text) if text.is_empty() => "–".to_owned(),
        Piece::Code(text) => format!("<code>{}</code>", markup(text)),
        Piece::Strong(text) => format!("<b>{}</b>", markup(text)),
        Piece::Verdict(verdict) => format!("<span class=\"verdict {}\">{}</span>", verdict.word(), badge(*verdict).1),
    };
    pieces.iter().map(piece).collect()
}
