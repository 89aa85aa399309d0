//! A condition of `where` as one expression: what would end it early, hide the text that mig puts behind it, or begin
//! another statement. Knows how MySQL and MariaDB cut a text into words under the modes that mig reads with; knows no
//! columns and no functions: the source itself is asked about these.

/// What keeps a text from being one expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConditionFault {
    /// Where it begins, in bytes.
    pub at: usize,
    /// A fragment.
    pub what: &'static str,
    /// What to do: a sentence.
    pub help: &'static str,
}

const COMMENT: (&str, &str) =
    ("holds a comment", "Leave it out, or write it as a comment of HCL beside the line; inside quotes it is text.");

/// The first fault of a condition.
pub(super) fn check(text: &str) -> Result<(), ConditionFault> {
    let bytes = text.as_bytes();
    let fault = |at, (what, help)| Err(ConditionFault { at, what, help });
    let mut open = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        match byte {
            b'\'' | b'"' | b'`' => match closing(bytes, at) {
                Some(end) => at = end,
                None => {
                    let help = "Close it; a quote inside is doubled, or has a backslash before it in a text.";
                    return fault(at, ("has a quote that is never closed", help));
                }
            },
            b'(' => open.push(at),
            b')' if open.pop().is_none() => {
                let help = "Every bracket is closed once: mig puts the whole condition into brackets of its own.";
                return fault(at, ("closes a bracket that was not opened", help));
            }
            b';' => {
                let help = "Leave it out: a condition is one expression, not a statement.";
                return fault(at, ("holds a semicolon", help));
            }
            b'#' => return fault(at, COMMENT),
            b'/' if next == Some(b'*') => return fault(at, COMMENT),
            // Without a blank behind them they are two signs: `a--1`.
            b'-' if next == Some(b'-') && bytes.get(at + 2).is_none_or(|b| b.is_ascii_whitespace() || *b < b' ') => {
                return fault(at, COMMENT);
            }
            0 => return fault(at, ("holds a NUL byte", "Leave it out.")),
            _ => {}
        }
        at += 1;
    }
    match open.pop() {
        Some(at) => fault(at, ("opens a bracket that is not closed", "Close it.")),
        None => Ok(()),
    }
}

/// Where the quote that opens at `from` is closed.
fn closing(bytes: &[u8], from: usize) -> Option<usize> {
    let quote = bytes[from];
    let mut at = from + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if quote != b'`' => at += 1,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 1,
            byte if byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::check;

    #[test]
    fn a_condition_is_one_expression_or_its_first_fault_is_named_with_its_place() {
        for (text, expected) in [
            ("id < 10", None),
            ("(a = 1 OR (b = ')' AND c IN (1, 2)))", None),
            ("a = 'it''s ;--# /* (' AND b = \"\\\");\"", None),
            ("`a)b` = 1 AND `c``(` = 2", None),
            ("a = 'x\\\\' AND (b = 1)", None),
            ("a--1 > 0 AND b - -1 > 0", None),
            ("a / b * c > 1", None),
            ("é = 'é)'", None),
            ("id<10) or (a=2", Some((5, "closes a bracket"))),
            ("id IN (1, 2", Some((6, "opens a bracket"))),
            ("((a = 1)", Some((0, "opens a bracket"))),
            ("id<50 -- note", Some((6, "comment"))),
            ("id<50 --", Some((6, "comment"))),
            ("id<50 --\tx", Some((6, "comment"))),
            ("a=5 # tail", Some((4, "comment"))),
            ("a=5 /* tail */", Some((4, "comment"))),
            ("a=5 /*!50000 OR 1 */", Some((4, "comment"))),
            ("id<20;", Some((5, "semicolon"))),
            ("a = 'x", Some((4, "quote"))),
            ("a = 'x\\'", Some((4, "quote"))),
            ("a = `x", Some((4, "quote"))),
            ("a = `x\\`) OR (1 = `1`", Some((8, "closes a bracket"))),
            ("a = 1\0", Some((5, "NUL"))),
        ] {
            let found = check(text).err();
            let told = found.as_ref().map(|fault| (fault.at, fault.what));
            match (expected, told) {
                (None, None) => {}
                (Some((at, word)), Some((found, what))) => {
                    assert!(at == found && what.contains(word), "{text:?}: {found} {what}");
                }
                _ => panic!("{text:?}: {told:?}"),
            }
        }
    }
}
