//! Diagnostics as people read them: severity, code, summary, place, the source line with a caret, detail, help.
//! The only file that knows the snippet crate. Shows what it is given; what must not be shown is blanked before.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::clean;
use crate::words::diag::{Diagnostic, Place, Severity};

/// All diagnostics in their order, then one line that counts them. Ends with a line break; nothing for none.
pub fn render(diagnostics: &[Diagnostic], color: bool, width: usize) -> String {
    if diagnostics.is_empty() {
        return String::new();
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(width.max(40));
    let mut text = String::new();
    for diagnostic in diagnostics {
        let diagnostic = &cleaned(diagnostic);
        match &diagnostic.place {
            Some(place) => text.push_str(&placed(&renderer, diagnostic, place, width)),
            None => text.push_str(&unplaced(&renderer, diagnostic, width)),
        }
        text.push_str("\n\n");
    }
    text.push_str(&count(diagnostics));
    text.push('\n');
    clean::remarked(&text)
}

/// The snippet crate colours by escape sequences: none may stand in what it is given.
fn cleaned(diagnostic: &Diagnostic) -> Diagnostic {
    let mut cleaned = diagnostic.clone();
    for text in [&mut cleaned.summary, &mut cleaned.detail, &mut cleaned.help].into_iter().chain(&mut cleaned.subject) {
        *text = clean::clean(text).into_owned();
    }
    if let Some(place) = &mut cleaned.place {
        place.file = clean::clean(&place.file).into_owned();
        place.source_line = place.source_line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    }
    cleaned
}

/// `6 errors, 1 warning`
fn count(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let noun = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (_, 0) => noun(errors, "error"),
        (0, _) => noun(warnings, "warning"),
        _ => format!("{}, {}", noun(errors, "error"), noun(warnings, "warning")),
    }
}

fn placed(renderer: &Renderer, diagnostic: &Diagnostic, place: &Place, width: usize) -> String {
    let (line, span) = marked(place);
    // The gutter before a note: the digits of the line, ` = help: `.
    let room = width.saturating_sub(place.line.to_string().len() + 9);
    let mut group = title(diagnostic, width).element(
        Snippet::source(line)
            .path(place.file.as_str())
            .line_start(place.line)
            .annotation(AnnotationKind::Primary.span(span)),
    );
    if !diagnostic.detail.is_empty() {
        group = group.element(Level::NOTE.message(wrapped(&diagnostic.detail, room).join("\n")));
    }
    if !diagnostic.help.is_empty() {
        group = group.element(Level::HELP.message(wrapped(&diagnostic.help, room).join("\n")));
    }
    renderer.render(&[group])
}

fn unplaced(renderer: &Renderer, diagnostic: &Diagnostic, width: usize) -> String {
    let mut text = renderer.render(&[Group::with_title(title(diagnostic, width))]);
    let room = width.saturating_sub(8);
    for (word, content) in [("note: ", &diagnostic.detail), ("help: ", &diagnostic.help)] {
        for (n, line) in wrapped(content, room).iter().enumerate() {
            let lead = if n == 0 { word } else { "      " };
            text.push_str(&format!("\n  {lead}{line}"));
        }
    }
    text
}

fn title(diagnostic: &Diagnostic, width: usize) -> annotate_snippets::Title<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let subject = diagnostic.unnamed_subject();
    let text = subject.map_or(diagnostic.summary.clone(), |subject| format!("{} ({subject})", diagnostic.summary));
    // `warning[MIG1234]: ` stands before the first line, and the crate moves the others below its end.
    let room = width.saturating_sub(18);
    level.primary_title(wrapped(&text, room).join("\n")).id(diagnostic.code.to_string())
}

/// The source line and the bytes of it that the caret stands under. A line that was blanked may be shorter than the
/// place says: then it is filled up, so that the column told is the true one.
fn marked(place: &Place) -> (String, std::ops::Range<usize>) {
    let mut line = place.source_line.clone();
    let wanted = place.column.saturating_sub(1);
    let have = line.chars().count();
    line.extend(std::iter::repeat_n(' ', wanted.saturating_sub(have)));
    let start = line.char_indices().nth(wanted).map_or(line.len(), |(at, _)| at);
    let mut end = (start + place.end.saturating_sub(place.start).max(1)).min(line.len());
    while !line.is_char_boundary(end) {
        end += 1;
    }
    (line, start..end)
}

/// Breaks a text at blanks so that no line is wider than `room`, where that is possible; keeps its own line breaks
/// and how far a line stands in.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let text = paragraph.trim_start_matches(' ');
        let mut line = " ".repeat(paragraph.len() - text.len());
        let mut empty = true;
        for word in text.split(' ') {
            if !empty && line.chars().count() + 1 + word.chars().count() > room.max(20) {
                lines.push(std::mem::take(&mut line));
            } else if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::words::codes;

    fn place(line: usize, column: usize, length: usize, source_line: &str) -> Place {
        let file = "shop.mig.hcl".to_owned();
        Place { file, start: 100, end: 100 + length, line, column, source_line: source_line.into() }
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let long =
            "table with another engine than InnoDB (1): the target has one engine, and that is the one it will have";
        for diagnostic in [Diagnostic::warning(codes::OUT_OF_RANGE, long), Diagnostic::error(codes::OUT_OF_RANGE, long)]
        {
            let placed = diagnostic.clone().at(place(1, 3, 4, "  port = 1"));
            for one in [diagnostic.about("shop.orders").detail(long).help(long), placed.detail(long)] {
                for width in [60, 80, 120] {
                    let told = render(std::slice::from_ref(&one), false, width);
                    assert!(told.lines().all(|line| line.chars().count() <= width), "{width}:\n{told}");
                }
            }
        }
    }

    #[test]
    fn a_files_name_is_text_like_everything_else() {
        let file = "a\u{1b}[32m.mig.hcl".to_owned();
        let at = Place { file, ..place(1, 1, 1, "x") };
        let told = render(&[Diagnostic::error(codes::OUT_OF_RANGE, "no").at(at)], false, 80);
        assert!(told.contains(".mig.hcl:1:1") && !told.contains('\u{1b}'), "{told:?}");
    }

    #[test]
    fn a_diagnostic_shows_its_place_its_line_and_a_caret_under_the_fault() {
        let diagnostic = Diagnostic::error(codes::OUT_OF_RANGE, "`port` is out of range: 99999")
            .at(place(12, 10, 5, "  port = 99999"))
            .detail("A port is a number of 16 bits.")
            .help("Give a whole number from 1 to 65535.");
        let expected = "\
error[MIG1205]: `port` is out of range: 99999
  --> shop.mig.hcl:12:10
   |
12 |   port = 99999
   |          ^^^^^
   |
   = note: A port is a number of 16 bits.
   = help: Give a whole number from 1 to 65535.

1 error
";
        assert_eq!(render(&[diagnostic], false, 80), expected);
    }

    #[test]
    fn a_diagnostic_without_a_place_names_its_subject() {
        let diagnostic = Diagnostic::warning(codes::VALUE_FOR_UNDECLARED_VARIABLE, "no variable `x` is declared")
            .about("-var x")
            .detail("d")
            .help("Did you mean `y`? Known here: y.");
        let expected = "\
warning[MIG1213]: no variable `x` is declared (-var x)
  note: d
  help: Did you mean `y`? Known here: y.

1 warning
";
        assert_eq!(render(&[diagnostic], false, 80), expected);
    }

    #[test]
    fn the_last_line_counts_errors_and_warnings() {
        let error = || Diagnostic::error(codes::NOT_HCL, "e");
        let warning = || Diagnostic::warning(codes::PASSWORD_IN_SPEC, "w");
        for (diagnostics, expected) in [
            (vec![error()], "1 error"),
            (vec![error(), error(), warning()], "2 errors, 1 warning"),
            (vec![warning(), warning()], "2 warnings"),
        ] {
            assert_eq!(render(&diagnostics, false, 80).lines().last(), Some(expected));
        }
        assert_eq!(render(&[], false, 80), "");
    }

    #[test]
    fn every_place_is_drawn_whatever_its_line() {
        for (column, length, line) in [
            (1, 0, ""),
            (1, 1, ""),
            (5, 3, "ab"),
            (3, 900, "é = \"ü\""),
            (1, 1, "\t\ttabs"),
            (5, 4, "日本語 = \"値\""),
            (40, 2, "password = (sensitive)"),
            (2, 1, "é"),
        ] {
            let text = render(&[Diagnostic::error(codes::NOT_HCL, "s").at(place(7, column, length, line))], false, 80);
            assert!(text.contains(&format!("shop.mig.hcl:7:{column}\n")), "{text}");
            assert!(text.contains('^'), "{line:?}: {text}");
        }
    }

    #[test]
    fn long_notes_are_broken_at_the_width_and_colour_changes_no_word() {
        let long = "word ".repeat(60);
        let diagnostic =
            Diagnostic::error(codes::NOT_HCL, "s").at(place(1, 1, 1, "x")).detail(long.trim()).help(long.trim());
        let plain = render(std::slice::from_ref(&diagnostic), false, 80);
        assert!(plain.lines().all(|line| line.chars().count() <= 80), "{plain}");
        let colored = render(&[diagnostic], true, 80);
        assert!(clean::clean(&colored).contains('\u{1b}') && !plain.contains('\u{1b}'));
    }

    #[test]
    fn a_policy_in_a_note_keeps_how_far_its_lines_stand_in() {
        let found = Diagnostic::error(codes::CLOUD_DENIED, "no")
            .detail("the policy:\n{\n  \"Action\": [\n    \"ec2:RunInstances\"\n  ]\n}");
        let expected = "error[MIG3210]: no\n  note: the policy:\n        {\n          \"Action\": [\n            \"ec2:RunInstances\"\n          ]\n        }\n\n1 error\n";
        assert_eq!(render(&[found], false, 80), expected);
        assert_eq!(wrapped("    one two three four", 12), ["    one two three".to_owned(), "four".to_owned()]);
    }
}
