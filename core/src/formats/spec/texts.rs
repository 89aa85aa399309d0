//! The texts of a spec and the places in them. Knows lines, columns and which stretches must not be shown;
//! knows nothing of HCL.

use std::ops::Range;

use crate::words::diag::Place;

/// What stands in a shown line instead of a sensitive value.
const BLANK: &str = "(sensitive)";

/// A stretch of one of the texts: its number and byte offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub text: usize,
    pub span: Range<usize>,
}

impl At {
    pub fn new(text: usize, span: Range<usize>) -> Self {
        Self { text, span }
    }
}

/// One text with the starts of its lines and the stretches that no place may show.
pub(super) struct Text {
    pub name: String,
    pub body: String,
    lines: Vec<usize>,
    blanked: Vec<Range<usize>>,
}

impl Text {
    /// A byte order mark is dropped: it is not a part of HCL and would shift the first column.
    pub fn new(name: &str, body: &str) -> Self {
        let body = body.strip_prefix('\u{feff}').unwrap_or(body).to_owned();
        let lines = std::iter::once(0).chain(body.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.to_owned(), body, lines, blanked: Vec::new() }
    }

    /// From now on no place shows this stretch.
    pub fn blank(&mut self, span: Range<usize>) {
        if !span.is_empty() {
            self.blanked.push(span);
            self.blanked.sort_by_key(|b| (b.start, b.end));
        }
    }

    pub fn is_blanked(&self, span: &Range<usize>) -> bool {
        self.blanked.iter().any(|b| b.start < span.end.max(span.start + 1) && span.start < b.end)
    }

    /// The place of a stretch. Inside a blanked stretch the end is withheld too: it would tell the length of a secret.
    pub fn place(&self, span: &Range<usize>) -> Place {
        let start = self.boundary(span.start);
        let mut end = self.boundary(span.end.max(span.start));
        if self.is_blanked(&(start..end)) && self.blanked.iter().any(|b| start >= b.start) {
            end = self.boundary((start + 1).min(self.body.len()));
        }
        let number = self.lines.partition_point(|&line| line <= start).saturating_sub(1);
        let line_start = self.lines.get(number).copied().unwrap_or(0);
        let rest = self.body.get(line_start..).unwrap_or("");
        let line_end = line_start + rest.find('\n').unwrap_or(rest.len());
        Place {
            file: self.name.clone(),
            start,
            end: end.max(start),
            line: number + 1,
            column: self.body.get(line_start..start).unwrap_or("").chars().count() + 1,
            source_line: self.shown(line_start..line_end),
        }
    }

    /// All of it, each blanked stretch replaced.
    pub fn shown_whole(&self) -> String {
        self.shown(0..self.body.len())
    }

    /// The text of a line, each blanked stretch replaced.
    fn shown(&self, line: Range<usize>) -> String {
        let mut shown = String::new();
        let mut from = line.start;
        for blank in self.blanked.iter().filter(|b| b.start < line.end && line.start < b.end) {
            if blank.start >= from {
                shown.push_str(self.body.get(from..blank.start).unwrap_or(""));
                shown.push_str(BLANK);
            } else if from == line.start {
                shown.push_str(BLANK);
            }
            from = from.max(blank.end);
        }
        if from < line.end {
            shown.push_str(self.body.get(from..line.end).unwrap_or(""));
        }
        shown.trim_end_matches('\r').to_owned()
    }

    /// The nearest offset, not above, that is not inside a character.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.body.len());
        while !self.body.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = Text::new("a", "é = 1\r\n  ü = \"x\"\n");
        for (found, line, column, shown) in [
            (text.place(&(0..2)), 1, 1, "é = 1"),
            (text.place(&(3..4)), 1, 3, "é = 1"),
            (text.place(&(10..12)), 2, 3, "  ü = \"x\""),
            (text.place(&(900..901)), 3, 1, ""),
        ] {
            assert_eq!((found.line, found.column, found.source_line.as_str()), (line, column, shown));
        }
    }

    #[test]
    fn a_blanked_stretch_is_in_no_line_whatever_place_is_asked_for() {
        let body = "a = <<E\nhunter2\nmore hunter2\nE\nb = 1\n";
        let mut text = Text::new("a", body);
        text.blank(4..31);
        for at in 0..body.len() {
            assert!(!text.place(&(at..at + 1)).source_line.contains("hunter"), "{at}");
        }
        assert_eq!(text.place(&(0..1)).source_line, "a = (sensitive)");
        assert_eq!(text.place(&(32..33)).source_line, "b = 1");
    }
}
