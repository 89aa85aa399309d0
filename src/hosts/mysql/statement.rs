//! One statement at a time. The driver tells every server that it may send several in one text and offers no way to
//! take that back, so a text that holds a second one is refused before it is sent. Knows SQL's quotes and comments only.

use crate::seams::sql::Fault;

/// # Errors
/// Where anything but blanks and comments stands behind a semicolon outside of quotes.
pub(super) fn refuse_several(sql: &str) -> Result<(), Fault> {
    let bytes = sql.as_bytes();
    if memchr::memchr(b';', bytes).is_none() {
        return Ok(());
    }
    // `/*!…*/` is code to one server and a comment to another: both readings must hold one statement only.
    if several(bytes, true) || several(bytes, false) {
        return Err(Fault {
            number: None,
            message: "the text holds more than one statement, and only one is ever sent".into(),
            lost: false,
        });
    }
    Ok(())
}

fn several(sql: &[u8], versioned_is_code: bool) -> bool {
    let mut at = 0;
    let mut ended = false;
    while let Some(&byte) = sql.get(at) {
        let rest = &sql[at..];
        let skip = match byte {
            b'\'' | b'"' | b'`' => Some(quoted(rest, byte)),
            b'#' => Some(line(rest)),
            b'-' if rest.starts_with(b"--") && rest.get(2).is_none_or(|b| b.is_ascii_whitespace()) => Some(line(rest)),
            b'/' if versioned_is_code && [&b"/*!"[..], b"/*M!", b"/*T!"].iter().any(|open| rest.starts_with(open)) => {
                at += 3;
                continue;
            }
            b'/' if rest.starts_with(b"/*") => {
                Some(memchr::memmem::find(&rest[2..], b"*/").map_or(rest.len(), |end| end + 4))
            }
            _ => None,
        };
        if let Some(skip) = skip {
            // A quote behind the end is a statement's; a comment is not.
            if ended && matches!(byte, b'\'' | b'"' | b'`') {
                return true;
            }
            at += skip;
            continue;
        }
        if byte == b';' {
            ended = true;
        } else if ended && !byte.is_ascii_whitespace() {
            return true;
        }
        at += 1;
    }
    false
}

/// Length of a quoted text, both quotes counted; to the end where it is not closed.
fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = text.get(at) {
        if byte == b'\\' && quote != b'`' {
            at += 2;
        } else if byte == quote {
            // A doubled quote closes and opens again: the caller sees the second as a new text, which comes to the same.
            return at + 1;
        } else {
            at += 1;
        }
    }
    text.len()
}

fn line(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).map_or(text.len(), |end| end + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_second_statement_is_refused_and_a_semicolon_inside_of_a_value_is_not() {
        for (sql, one) in [
            ("SELECT 1", true),
            ("SELECT 1;", true),
            ("SELECT 1 ; -- end\n # more\n /* and; more */ ", true),
            ("SELECT ';' , \"a;b\", `c;d`", true),
            ("SELECT 'it''s; fine', 'a\\'; b'", true),
            ("SELECT 1 -- a; b\n+1", true),
            ("SELECT /* ; DROP TABLE t */ 1", true),
            ("SELECT `a\\`", true),
            ("SELECT 1; DROP TABLE t", false),
            ("SELECT 1;'x'", false),
            ("SELECT `a\\`; DROP TABLE t", false),
            ("SELECT 'a\\\\'; DROP TABLE t", false),
            ("SELECT 5--1; DROP TABLE t", false),
            ("SELECT 1 # x\n; DROP TABLE t", false),
            ("SELECT 1 /*! ; DROP TABLE t */", false),
            ("SELECT 1 /*!99999 ' */; DROP TABLE t -- '", false),
            ("SELECT 1 /* ' */; DROP TABLE t -- '", false),
        ] {
            assert_eq!(refuse_several(sql).is_ok(), one, "{sql}");
        }
    }
}
