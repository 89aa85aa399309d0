//! Texts of servers inside of a page, as JSON in a script element: no character of one ends the element, moves the cursor or
//! turns the direction of writing. Between tags they are written by [`super::super::clean::markup`].
//!
//! What is escaped for the reader is written as [`super::super::clean`] writes it for a terminal (`\u202e`), so that a page and
//! a terminal show the same name in the same way.

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, Serializer};

use super::super::clean::{escape, moves};

/// A value as JSON that can stand in a `<script type="application/json">`: every `<`, `>` and `&` in it is written as an
/// escape, and so nothing of it is an end tag, a comment or an entity (HTML, "Restrictions for contents of script elements").
///
/// # Errors
/// The value cannot be written as JSON.
pub(super) fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut out = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut out, InScript))?;
    String::from_utf8(out).map_err(serde::ser::Error::custom)
}

/// Compact JSON whose texts are escaped for a script element and for the eye.
struct InScript;

impl Formatter for InScript {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut done = 0;
        for (at, c) in fragment.char_indices() {
            if matches!(c, '<' | '>' | '&') {
                writer.write_all(&fragment.as_bytes()[done..at])?;
                write!(writer, "\\u{:04x}", u32::from(c))?;
            } else if moves(c) {
                writer.write_all(&fragment.as_bytes()[done..at])?;
                seen(c, writer)?;
            } else {
                continue;
            }
            done = at + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[done..])
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::Tab => writer.write_all(b"\\t"),
            CharEscape::Backspace => seen('\u{8}', writer),
            CharEscape::FormFeed => seen('\u{c}', writer),
            CharEscape::CarriageReturn => seen('\r', writer),
            CharEscape::AsciiControl(byte) => seen(char::from(byte), writer),
        }
    }
}

/// The text `\u202e` in place of the character: its backslash is escaped, so that a reader of the JSON has the six characters.
fn seen<W: ?Sized + io::Write>(c: char, writer: &mut W) -> io::Result<()> {
    let mut text = String::new();
    escape(c, &mut text);
    writer.write_all(text.replace('\\', "\\\\").as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::super::clean::markup as markup_of;
    use super::*;

    #[test]
    fn no_text_ends_an_element_or_hides_what_it_is() {
        for (given, markup, shown) in [
            ("plain ümlaut 表", "plain ümlaut 表", "plain ümlaut 表"),
            ("a\nb\tc", "a\nb\tc", "a\nb\tc"),
            (
                "</script><img src=x onerror=\"a('b')\">",
                "&lt;/script&gt;&lt;img src=x onerror=&quot;a(&#39;b&#39;)&quot;&gt;",
                "</script><img src=x onerror=\"a('b')\">",
            ),
            ("<!-- & -->", "&lt;!-- &amp; --&gt;", "<!-- & -->"),
            ("esc\x1b[31m cr\r del\x7f", "esc\\u001b[31m cr\\u000d del\\u007f", "esc\\u001b[31m cr\\u000d del\\u007f"),
            ("bidi\u{202e}gnp ls\u{2028}", "bidi\\u202egnp ls\\u2028", "bidi\\u202egnp ls\\u2028"),
            ("tag\u{e0041} back\\slash", "tag\\udb40\\udc41 back\\slash", "tag\\udb40\\udc41 back\\slash"),
        ] {
            assert_eq!(markup_of(given), markup, "{given:?}");
            let json = json(&[given]).unwrap();
            assert!(!json.contains(['<', '>', '&', '\u{2028}', '\u{202e}', '\x1b']), "{json}");
            assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [shown], "{json}");
        }
    }
}
