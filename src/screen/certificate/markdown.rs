//! A certificate's sections as Markdown.

use super::document::{Block, Document, Head, Item, Phrase, Piece, Section, Table};

/// The whole document.
pub(super) fn of(document: &Document) -> String {
    let mut out = format!("# {}\n\n**{}**\n\n", document.title, line(&document.sentence));
    document.sections.iter().for_each(|one| section(one, &mut out));
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn section(section: &Section, out: &mut String) {
    if !section.title.is_empty() {
        out.push_str(&format!("## {}\n\n", section.title));
    }
    for block in &section.blocks {
        match block {
            Block::Line(text) => out.push_str(&phrase(text)),
            Block::Command(text) => out.push_str(&format!("    {text}")),
            Block::List(items) => out.push_str(items.iter().map(item).collect::<String>().trim_end()),
            Block::Table(rows) => out.push_str(table(rows).trim_end()),
        }
        out.push_str("\n\n");
    }
}

fn item(item: &Item) -> String {
    let below: String = item.below.iter().map(|text| format!("  - {}\n", phrase(text))).collect();
    format!("- {}\n{below}", phrase(&item.text))
}

fn table(table: &Table) -> String {
    let head = |head: &Head| if head.text.is_empty() { " |".to_owned() } else { format!(" {} |", head.text) };
    let heads: String = table.heads.iter().map(head).collect();
    let rule = |head: &Head| if head.number { " ---: |" } else { " --- |" };
    let rules: String = table.heads.iter().map(rule).collect();
    let row = |row: &Vec<Phrase>| {
        let cells: String = row.iter().map(|cell| format!(" {} |", phrase(cell))).collect();
        format!("|{cells}\n")
    };
    format!("|{heads}\n|{rules}\n{}", table.rows.iter().map(row).collect::<String>())
}

/// Pieces on one line. A `|` would end a cell of a table, and is escaped everywhere.
fn phrase(pieces: &Phrase) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Plain(text) => line(text).replace('|', "\\|"),
        Piece::Code(text) => code(text),
        Piece::Strong(text) => format!("**{text}**"),
        Piece::Verdict(verdict) => verdict.word().to_owned(),
    };
    pieces.iter().map(piece).collect::<String>().trim().to_owned()
}

/// Text for one line: every run of white space is one blank, those at its ends, too.
fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_whitespace() {
            out.push(c);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out
}

/// Text as code: the fence is longer than any run of backticks inside.
fn code(text: &str) -> String {
    let text = line(text).trim().replace('|', "\\|");
    if text.is_empty() {
        return "–".to_owned();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let blank = if longest > 0 { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}
