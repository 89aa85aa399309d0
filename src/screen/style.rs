//! How things are written for people: colour or none, the width, numbers, bytes, durations, wrapped lines.
//! Knows nothing of plans and steps.

use std::io::IsTerminal;

use super::clean;

/// Width where it cannot be asked: what a review in a terminal or a mail shows without a scroll bar.
const DEFAULT_WIDTH: usize = 80;
/// Lines of prose longer than this are hard to read, however wide the terminal is.
const MAX_WIDTH: usize = 120;
const DEFAULT_HEIGHT: usize = 24;

/// How a text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    pub width: usize,
    /// Warnings are folded: a line for each code.
    pub compact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Green,
    Yellow,
    Red,
    Cyan,
    Bold,
    Dim,
}

impl Style {
    /// 80 columns, no colour: for files, mails, logs and golden texts.
    pub fn plain() -> Self {
        Self { color: false, width: DEFAULT_WIDTH, compact: false }
    }

    /// The style for stdout: colour on a terminal, unless `no_color` (the flag) or NO_COLOR says otherwise.
    pub fn of_stdout(no_color: bool) -> Self {
        let out = std::io::stdout();
        let (width, _) = terminal_size(&out);
        Self { color: out.is_terminal() && wants_color(no_color), width, compact: false }
    }

    /// The same for stderr.
    pub fn of_stderr(no_color: bool) -> Self {
        let out = std::io::stderr();
        let (width, _) = terminal_size(&out);
        Self { color: out.is_terminal() && wants_color(no_color), width, compact: false }
    }

    /// The same, with or without folded warnings.
    pub fn compact(self, compact: bool) -> Self {
        Self { compact, ..self }
    }

    /// `text` in a colour, where there is colour; it becomes one when it is printed, see [`clean::clean`].
    pub fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        clean::marked(ink, text)
    }
}

/// Columns and lines of the terminal behind stderr, where progress stands.
pub fn stderr_size() -> (usize, usize) {
    terminal_size(&std::io::stderr())
}

fn terminal_size(out: &impl rustix::fd::AsFd) -> (usize, usize) {
    match rustix::termios::tcgetwinsize(out) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            (usize::from(size.ws_col).min(MAX_WIDTH), usize::from(size.ws_row))
        }
        _ => (DEFAULT_WIDTH, DEFAULT_HEIGHT),
    }
}

/// no-color.org: any value that is not empty counts.
fn wants_color(no_color: bool) -> bool {
    !no_color && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// `1234567` -> `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 table`, `1,200 tables`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// Binary units with one decimal: `512 B`, `24.1 MiB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be written 1024.0: the next unit takes it.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// Two units at most: `0.4 s`, `45 s`, `2 min 5 s`, `3 h 12 min`, `2 d 3 h`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "an unknown time".to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big} {big_unit}"),
        small => format!("{big} {big_unit} {small} {small_unit}"),
    };
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => two(whole / 60, "min", whole % 60, "s"),
        3_600..86_400 => two(whole / 3_600, "h", whole % 3_600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3_600, "h"),
    }
}

/// An expected duration: `2 to 5 min`, `40 s to 2 min`, `up to 5 s`. The low end is rounded down, the high end up.
pub fn band(low: u64, high: u64) -> String {
    let unit = |seconds: u64| match seconds {
        0..120 => (1, "s"),
        120..7_200 => (60, "min"),
        7_200..172_800 => (3_600, "h"),
        _ => (86_400, "d"),
    };
    let (high_size, high_unit) = unit(high.max(low));
    let top = high.max(low).div_ceil(high_size);
    let (low_size, low_unit) = unit(low);
    let bottom = low / low_size;
    if bottom == 0 {
        format!("up to {top} {high_unit}")
    } else if low_unit != high_unit {
        format!("{bottom} {low_unit} to {top} {high_unit}")
    } else if bottom == top {
        format!("about {top} {high_unit}")
    } else {
        format!("{bottom} to {top} {high_unit}")
    }
}

/// Columns that a text takes: its characters. Wide characters of names count as one, which may only misalign.
pub fn columns(text: &str) -> usize {
    text.chars().count()
}

/// `text` filled with blanks to `width` columns.
pub fn pad(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

/// The same, the blanks in front.
pub fn pad_left(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(columns(text))))
}

/// At most `width` columns; what is cut off is shown by `…`.
pub fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        out.push('…');
    }
    out
}

/// Breaks `text` at blanks into lines of at most `width` columns, the first begun with `first`, the others with as
/// many blanks. A word that is too long stays whole. Each line ends with a newline.
pub fn wrap(first: &str, text: &str, width: usize) -> String {
    let indent = columns(first);
    let mut out = String::new();
    let mut lead = first.to_owned();
    for paragraph in text.split('\n') {
        let mut line = std::mem::replace(&mut lead, " ".repeat(indent));
        let mut used = columns(&line);
        let mut empty = true;
        for word in paragraph.split_whitespace() {
            let needs = columns(word);
            if !empty && used + 1 + needs > width {
                out.push_str(line.trim_end());
                out.push('\n');
                line = " ".repeat(indent);
                used = indent;
                empty = true;
            }
            if !empty {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += needs;
            empty = false;
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_groups_of_three() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567"), (100_000, "100,000")]
        {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!((count(1, "row", "rows"), count(0, "row", "rows")), ("1 row".into(), "0 rows".into()));
    }

    #[test]
    fn bytes_are_written_in_binary_units() {
        for (number, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_536, "1.5 KiB"),
            (1_048_575, "1.0 MiB"),
            (25_270_681, "24.1 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn durations_have_two_units_at_most_and_never_nan() {
        for (seconds, text) in [
            (0.0, "0.0 s"),
            (0.44, "0.4 s"),
            (9.96, "10 s"),
            (59.4, "59 s"),
            (59.6, "1 min"),
            (125.0, "2 min 5 s"),
            (3_600.0, "1 h"),
            (11_520.0, "3 h 12 min"),
            (183_600.0, "2 d 3 h"),
            (f64::NAN, "an unknown time"),
            (f64::INFINITY, "an unknown time"),
            (-1.0, "an unknown time"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn a_band_is_rounded_outwards() {
        for (low, high, text) in [
            (0, 4, "up to 4 s"),
            (2, 5, "2 to 5 s"),
            (40, 121, "40 s to 3 min"),
            (121, 300, "2 to 5 min"),
            (120, 120, "about 2 min"),
            (7_000, 7_201, "116 min to 3 h"),
            (200_000, 400_000, "2 to 5 d"),
            (9, 3, "about 9 s"),
        ] {
            assert_eq!(band(low, high), text, "{low} {high}");
        }
    }

    #[test]
    fn wrapped_lines_stay_within_the_width_and_keep_long_words() {
        assert_eq!(wrap("  a: ", "one two three", 12), "  a: one two\n     three\n");
        assert_eq!(wrap("- ", "a_word_that_is_too_long b", 10), "- a_word_that_is_too_long\n  b\n");
        assert_eq!(wrap("", "one\n\ntwo", 10), "one\n\ntwo\n");
    }

    #[test]
    fn a_cut_text_shows_that_it_was_cut() {
        assert_eq!((cut("abcdef", 4), cut("abcd", 4), cut("abc", 0)), ("abc…".into(), "abcd".into(), String::new()));
    }

    #[test]
    fn without_colour_no_escape_is_written() {
        assert_eq!(Style::plain().ink(Ink::Red, "no"), "no");
        assert_eq!(clean::clean(&Style { color: true, ..Style::plain() }.ink(Ink::Red, "no")), "\x1b[31mno\x1b[0m");
    }
}
