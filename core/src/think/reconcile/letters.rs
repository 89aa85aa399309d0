//! Letters of an expression that MySQL's SHOW CREATE TABLE lost, taken from information_schema.
//!
//! SHOW CREATE prints a literal in its own charset: bytes that are not UTF-8 become `?` (`_latin1'?'`) or, read as UTF-8,
//! other letters (`_latin1'Ã©'` as `_latin1'é'`), and a character of four bytes becomes `????`. information_schema lists
//! every *byte* of the literal as the character of that number: `_utf8mb4'Ã©'` for `é`, `_latin1'é'` for `é` in an index,
//! U+0080 for the euro sign of latin1. (MySQL 8.0 and later; a server that lists whole characters is read, too.)

use std::ops::Range;

use crate::formats::ddl::expression::{Token, expression_text, tokens, without_doubled_parentheses};
use crate::formats::ddl::raw;

/// Whether the letters of a shown expression may be others: it holds a `?`, or a letter beyond ASCII.
///
/// `narrow`: the server prints in utf8mb3, letters as they are, and lists nothing better.
pub fn are_doubtful(narrow: bool, shown: &str) -> bool {
    let doubtful = |text: &str| text.contains('?') || (!narrow && !text.is_ascii());
    tokens(&expression_text(shown)).iter().any(|token| matches!(token, Token::Text(text) if doubtful(text)))
}

/// The shown expression with the letters of the listed one; `None`: the two differ in more than letters.
pub fn restored(shown: &str, listed: &str) -> Option<String> {
    let (shown, listed) = (expression_text(shown), expression_text(listed));
    let (holes, fillings) = (literals(&shown), literals(&listed));
    if holes.len() != fillings.len() || skeleton(&shown) != skeleton(&listed) {
        return None;
    }
    let (mut out, mut from) = (String::new(), 0);
    for (hole, filling) in holes.iter().zip(&fillings) {
        let listed = read(filling.introducer(&listed), &listed[filling.inside.clone()])?;
        if !fits(hole.introducer(&shown), &shown[hole.inside.clone()], &listed) {
            return None;
        }
        out.push_str(&shown[from..hole.inside.start]);
        out.push_str(&listed);
        from = hole.inside.end;
    }
    out.push_str(&shown[from..]);
    Some(out)
}

/// A string literal in a text.
struct Literal {
    /// Between its quotes.
    inside: Range<usize>,
}

impl Literal {
    /// The charset that its introducer names: `latin1` of `_latin1'a'`.
    fn introducer<'a>(&self, text: &'a str) -> Option<&'a str> {
        let before = &text[..self.inside.start - 1];
        let word = before.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
        word.strip_prefix('_')
    }
}

fn literals(text: &str) -> Vec<Literal> {
    let (mut out, mut quote, mut start) = (Vec::new(), None, 0);
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        match quote {
            None if matches!(c, '\'' | '"' | '`') => (quote, start) = (Some(c), at + 1),
            Some('\'' | '"') if c == '\\' => drop(rest.next()),
            Some(open) if c == open => {
                if rest.peek().is_some_and(|(_, next)| *next == open) {
                    rest.next();
                    continue;
                }
                if open != '`' {
                    out.push(Literal { inside: start..at });
                }
                quote = None;
            }
            _ => {}
        }
    }
    out
}

/// What is left without literals, introducers and names of letters beyond ASCII.
fn skeleton(text: &str) -> Vec<Token> {
    let introduces = |token: &Token| matches!(token, Token::Word(word) if word.starts_with('_'));
    let bare = |token: Token| match token {
        Token::Text(_) => Token::Text(String::new()),
        Token::Word(word) => Token::Word(word.to_ascii_lowercase()),
        Token::Ident(name) if !name.is_ascii() => Token::Ident(whole(&name).unwrap_or(name)),
        other => other,
    };
    let all = without_doubled_parentheses(tokens(text));
    all.into_iter().filter(|token| !introduces(token)).map(bare).collect()
}

/// The bytes of which each was listed as a character.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

/// UTF-8 of which each byte was listed as a character.
fn whole(text: &str) -> Option<String> {
    String::from_utf8(bytes(text)?).ok()
}

/// A listed literal's content.
fn read(introducer: Option<&str>, text: &str) -> Option<String> {
    if text.is_ascii() {
        return Some(text.to_owned());
    }
    match introducer {
        None | Some("utf8mb4" | "utf8mb3" | "utf8") => Some(whole(text).unwrap_or_else(|| text.to_owned())),
        Some(charset) => match bytes(text) {
            Some(bytes) => raw::decoded(charset, &bytes),
            None => Some(text.to_owned()),
        },
    }
}

/// Whether a shown literal can stand for these letters.
fn fits(introducer: Option<&str>, shown: &str, letters: &str) -> bool {
    match introducer {
        // Shown as it is, but for what takes four bytes.
        None | Some("utf8mb4" | "utf8mb3" | "utf8") => fits_pattern(shown, letters),
        // Bytes that were read as what they are not.
        _ => shown == letters || !shown.is_ascii() || shown.contains('?'),
    }
}

/// Whether the letters are the shown ones, where a `?`, or some of them, stand for any.
fn fits_pattern(shown: &str, letters: &str) -> bool {
    let pieces: Vec<&str> = shown.split('?').collect();
    let [first, between @ .., last] = &pieces[..] else { return shown == letters };
    let inner = letters.strip_prefix(first).and_then(|rest| rest.strip_suffix(last));
    let Some(mut rest) = inner else { return false };
    between.iter().all(|piece| match rest.split_once(piece) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn check(shown: &str, listed: &str, wanted: Option<&str>) {
        assert_eq!(restored(shown, listed).as_deref(), wanted, "{shown} {listed}");
    }

    #[test]
    fn letters_that_the_statement_lost_are_taken_from_the_list() {
        // As MySQL 9.7 prints both.
        for (shown, listed, wanted) in [
            ("concat(`b`,_latin1'?')", r"concat(`b`,_utf8mb4\'Ã©\')", Some("concat(`b`,_latin1'é')")),
            ("concat(`a`,_gbk'??')", r"concat(`a`,_utf8mb4\'æ¼¢\')", Some("concat(`a`,_gbk'漢')")),
            ("concat(`b`,_utf8mb4'why?')", r"concat(`b`,_utf8mb4\'why?\')", Some("concat(`b`,_utf8mb4'why?')")),
            (
                "json_array(_utf8mb4'größe?')",
                "json_array(_utf8mb4\\'grÃ¶Ã\u{9f}e?\\')",
                Some("json_array(_utf8mb4'größe?')"),
            ),
            (
                "json_array(_utf8mb4'é????')",
                "json_array(_utf8mb4\\'Ã©ð\u{9f}\u{98}\u{80}\\')",
                Some("json_array(_utf8mb4'é😀')"),
            ),
            (
                "concat(`s`,_latin1'????')",
                "concat(`s`,_utf8mb4\\'Ã\u{84}Ã\u{96}Ã\u{9c}Ã\u{9f}\\')",
                Some("concat(`s`,_latin1'ÄÖÜß')"),
            ),
            // In an index: the bytes of the introducer's charset. SHOW CREATE reads them as UTF-8 where they look like it.
            (
                "concat(`a`,_latin1'???\u{7c0}')",
                "concat(`a`,_latin1\\'ÄÖÜß\u{80}\\')",
                Some("concat(`a`,_latin1'ÄÖÜß€')"),
            ),
            ("concat(`a`,_latin1'é')", "concat(`a`,_latin1\\'Ã©\\')", Some("concat(`a`,_latin1'Ã©')")),
            ("concat(`b`,_latin1'?')", r"concat(`b`,_latin1\'é\')", Some("concat(`b`,_latin1'é')")),
            // A column's name, listed by its bytes, too.
            ("concat(`ä`,_utf8mb4'?')", r"concat(`Ã¤`,_utf8mb4\'?\')", Some("concat(`ä`,_utf8mb4'?')")),
            // A server that lists characters.
            ("concat(`b`,_utf8mb4'日本?')", "concat(`b`,_utf8mb4'日本?')", Some("concat(`b`,_utf8mb4'日本?')")),
            // The two say different things.
            ("(`b` <> _latin1'?')", r"(`b` = _utf8mb4\'Ã©\')", None),
            ("concat(`b`,_latin1'?','x')", r"concat(`b`,_utf8mb4\'Ã©\',_utf8mb4\'y\')", None),
            ("concat(`b`,_utf8mb4'é?')", r"concat(`b`,_utf8mb4\'Ã¨?\')", None),
            ("concat(`b`,_utf8mb4'a?')", r"concat(`b`,_utf8mb4\'b?\')", None),
            ("concat(`b`,_utf8mb4'?')", r"concat(`c`,_utf8mb4\'?\')", None),
        ] {
            check(shown, listed, wanted);
        }
    }

    #[test]
    fn a_question_mark_stands_for_any_letters_and_all_others_for_themselves() {
        for (shown, letters, expected) in [
            ("", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("a?", "a", true),
            ("a?", "ab", true),
            ("?a", "ba", true),
            ("?a", "bab", false),
            ("a??c", "a😀c", true),
            ("a??c", "b😀c", false),
            ("a?b?c", "a1b2c", true),
            ("a?b?c", "a1x2c", false),
        ] {
            assert_eq!(fits_pattern(shown, letters), expected, "{shown} {letters}");
        }
    }

    #[test]
    fn letters_are_doubtful_where_a_server_may_have_shown_others() {
        for (narrow, shown, expected) in [
            (false, "concat(`b`,'x')", false),
            (false, "concat(`é`,'x')", false),
            (false, "concat(`b`,_latin1'é')", true),
            (true, "concat(`b`,_latin1'é')", false),
            (true, "concat(`b`,'?')", true),
        ] {
            assert_eq!(are_doubtful(narrow, shown), expected, "{shown}");
        }
    }
}
