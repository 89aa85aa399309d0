//! Names, messages and definitions come from servers, and what is printed goes to terminals, to logs that a CI reads
//! commands from, and into review comments. Here, and only here, a text becomes safe to print: no character of it
//! moves the cursor, turns the direction of writing, gives a command to a CI, ends the fence of a comment or is markup.
//!
//! What is escaped is written as JSON writes it (`\u001b`), so that JSON stays JSON and means the same.
//!
//! Colours are the program's own: they stand in the text between noncharacters of Unicode (U+FDD0 and U+FDD1, meant for
//! a program's internal use) until it is printed, so an escape sequence in a name is never taken for one of them. And
//! only colours can stand there: nothing that hides text.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::style::Ink;

const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';

/// `text` in a colour, as [`clean`] wants it.
pub fn marked(ink: Ink, text: &str) -> String {
    let code = match ink {
        Ink::Green => "32",
        Ink::Yellow => "33",
        Ink::Red => "31",
        Ink::Cyan => "36",
        Ink::Bold => "1",
        Ink::Dim => "2",
    };
    format!("{BEGIN}{code}{END}{text}{BEGIN}0{END}")
}

/// A text that a crate has coloured by escape sequences, marked as [`marked`] does. What was given to the crate must
/// have been cleaned before.
pub fn remarked(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('m').filter(|(code, _)| is_colour(code)) {
            Some((code, rest)) => out.extend([BEGIN.to_string().as_str(), code, END.to_string().as_str(), rest]),
            None => out.push_str(part),
        }
    }
    out
}

/// Colours, bold, dim and their end (ECMA-48, "Select graphic rendition"): what leaves a text to be read.
fn is_colour(code: &str) -> bool {
    let parts: Vec<&str> = code.split(';').collect();
    let simple = |part: &&str| {
        let number = part.parse::<u8>();
        part.len() <= 3 && number.is_ok_and(|n| matches!(n, 0..=2 | 22 | 30..=37 | 39 | 90..=97))
    };
    match parts.as_slice() {
        ["38", "5", number] => number.parse::<u8>().is_ok(),
        parts => parts.iter().all(simple),
    }
}

/// `text` as it may be printed.
pub fn clean(text: &str) -> Cow<'_, str> {
    let plain = |b: u8| b == b'\n' || b == b'\t' || (0x20..0x7f).contains(&b);
    if text.bytes().all(plain) && !text.contains("::") && !text.contains("##[") && !text.contains("```") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        clean_line(line, &mut out);
    }
    Cow::Owned(out)
}

fn clean_line(line: &str, out: &mut String) {
    let begins_at = line.len() - line.trim_start().len();
    let mut ink_to = 0;
    for (at, c) in line.char_indices() {
        if at < ink_to {
            continue;
        }
        let rest = line.get(at..).unwrap_or_default();
        if let Some(code) = ink_of(rest) {
            let _ = write!(out, "\x1b[{code}m");
            ink_to = at + BEGIN.len_utf8() + code.len() + END.len_utf8();
            continue;
        }
        let command = at == begins_at && (rest.starts_with("::") || rest.starts_with("```"));
        // The older form of GitHub's commands is taken anywhere in a line (actions/runner, ActionCommand.cs).
        let older = c == '[' && line.get(..at).is_some_and(|before| before.ends_with("##"));
        match c {
            '\n' | '\t' => out.push(c),
            _ if command || older || moves(c) => escape(c, out),
            _ => out.push(c),
        }
    }
}

/// The colour that a text begins with.
fn ink_of(text: &str) -> Option<&str> {
    let (code, _) = text.strip_prefix(BEGIN)?.split_once(END)?;
    is_colour(code).then_some(code)
}

/// Characters that do something else than to be seen: controls, line and paragraph separators, those that turn the
/// direction of writing or have no width, tags.
pub(super) fn moves(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// A character as [`clean`] shows one that must not be printed.
pub(super) fn escape(c: char, out: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// A text between tags or in a quoted attribute of HTML or XML. What [`clean`] would escape for the eye is escaped here, too.
pub(super) fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if moves(c) => escape(c, &mut out),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_is_printed_and_only_the_program_has_colours() {
        for (text, printed) in [
            ("plain, with ümlauts and 表", "plain, with ümlauts and 表"),
            ("two\nlines\tand a tab", "two\nlines\tand a tab"),
            ("a\x1b[31mRED", "a\\u001b[31mRED"),
            ("c1\u{9b}31m", "c1\\u009b31m"),
            ("bidi\u{202e}gnp.exe", "bidi\\u202egnp.exe"),
            ("cr\rOVERWRITE", "cr\\u000dOVERWRITE"),
            ("tag\u{e0041}", "tag\\udb40\\udc41"),
            ("x\n::error file=a::pwned", "x\n\\u003a:error file=a::pwned"),
            ("x\n  ::warning::w", "x\n  \\u003a:warning::w"),
            ("##[add-mask]drop, a [b] and #[c]", "##\\u005badd-mask]drop, a [b] and #[c]"),
            ("x\n```\n@everyone", "x\n\\u0060``\n@everyone"),
            ("std::path and `a`", "std::path and `a`"),
            ("bell\x07 del\x7f nul\0", "bell\\u0007 del\\u007f nul\\u0000"),
        ] {
            assert_eq!(clean(text), printed, "{text:?}");
            assert_eq!(clean(&clean(text)), printed, "{text:?}, twice");
        }
        assert_eq!(clean("\u{fdd0}8\u{fdd1}hidden"), "\\ufdd08\\ufdd1hidden");
        assert_eq!(clean(&remarked("\x1b[1m\x1b[91merror\x1b[0m")), "\x1b[1m\x1b[91merror\x1b[0m");
        assert_eq!(clean(&remarked("\x1b[8mno\x1b[2Jno")), "8mno2Jno");
        assert_eq!(clean(&marked(Ink::Red, "no \x1b[0m")), "\x1b[31mno \\u001b[0m\x1b[0m");
    }

    #[test]
    fn what_is_json_before_means_the_same_after() {
        let value = serde_json::json!({"name": "c1\u{9b} bidi\u{202e} ##[x] ::y \u{e0041}", "line\n::error": "```"});
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap_or_default()] {
            let printed = clean(&text);
            assert!(!printed.contains('\u{9b}') && !printed.contains("##["), "{printed}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).ok(), Some(value.clone()));
        }
    }
}
