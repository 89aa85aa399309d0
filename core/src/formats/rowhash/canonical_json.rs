//! One form for JSON documents of one value, however a server writes them.
//! Knows JSON text as MySQL and TiDB write it; does not know columns or hashes.
//!
//! MySQL writes `1.0`, `-0.0`, `1e20`, `9.007199254740992e15` and keys by length; TiDB writes `1`, `-0`,
//! `100000000000000000000`, `9007199254740992` and keys by bytes. Both give a DOUBLE its shortest digits, so that those
//! are compared. TiDB fills them up with zeros (`1234567890123456800` for 1234567890123456768), as it would write the
//! integer 1234567890123456800: the two cannot be told apart by text, so they are one value here.

/// How deep arrays and objects may stand in one another; MySQL stops at 100.
const DEEPEST: usize = 128;

/// Appends the canonical form of `text`: no white space, keys by bytes (of equal keys the last counts, as on both
/// servers), strings with the fewest escapes, numbers by their decimal value, or by that of the next DOUBLE (`doubles`).
/// Gives how many numbers have more digits than their DOUBLE.
pub fn canonical(text: &[u8], doubles: bool, out: &mut Vec<u8>) -> Result<u64, &'static str> {
    let mut reader = Reader { text, at: 0, doubles, rounded: 0 };
    reader.value(out, DEEPEST)?;
    reader.skip_space();
    if reader.at < text.len() { Err("has something behind its JSON document") } else { Ok(reader.rounded) }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    doubles: bool,
    rounded: u64,
}

const NOT_JSON: &str = "is not a JSON document";

impl Reader<'_> {
    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
        if depth == 0 {
            return Err("is nested deeper than JSON documents of a server are");
        }
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(out, depth),
            Some(b'[') => self.array(out, depth),
            Some(b'"') => {
                let text = self.string()?;
                push_string(&text, out);
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.number(out),
            _ => {
                for word in [b"true".as_slice(), b"false", b"null"] {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        out.extend_from_slice(word);
                        return Ok(());
                    }
                }
                Err(NOT_JSON)
            }
        }
    }

    fn object(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
        self.at += 1;
        let mut members: Vec<(String, Vec<u8>)> = Vec::new();
        let mut more = !self.takes(b'}');
        while more {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(NOT_JSON);
            }
            let key = self.string()?;
            if !self.takes(b':') {
                return Err(NOT_JSON);
            }
            let mut value = Vec::new();
            self.value(&mut value, depth - 1)?;
            members.push((key, value));
            more = self.takes(b',');
            if !more && !self.takes(b'}') {
                return Err(NOT_JSON);
            }
        }
        // Stable: among equal keys the order of the text stays, and the last of them counts.
        members.sort_by(|a, b| a.0.cmp(&b.0));
        out.push(b'{');
        let mut first = true;
        for (at, (key, value)) in members.iter().enumerate() {
            if members.get(at + 1).is_some_and(|next| next.0 == *key) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            push_string(key, out);
            out.push(b':');
            out.extend_from_slice(value);
        }
        out.push(b'}');
        Ok(())
    }

    fn array(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), &'static str> {
        self.at += 1;
        out.push(b'[');
        let mut more = !self.takes(b']');
        while more {
            self.value(out, depth - 1)?;
            more = self.takes(b',');
            if more {
                out.push(b',');
            } else if !self.takes(b']') {
                return Err(NOT_JSON);
            }
        }
        out.push(b']');
        Ok(())
    }

    /// Reads a string, from its opening quote on.
    fn string(&mut self) -> Result<String, &'static str> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            let rest = &self.text[self.at..];
            let length = memchr::memchr2(b'"', b'\\', rest).ok_or(NOT_JSON)?;
            bytes.extend_from_slice(&rest[..length]);
            self.at += length + 1;
            if rest[length] == b'"' {
                return String::from_utf8(bytes).map_err(|_| "has bytes in a JSON string that are no UTF-8");
            }
            let escape = self.peek().ok_or(NOT_JSON)?;
            self.at += 1;
            let c = match escape {
                b'"' | b'\\' | b'/' => char::from(escape),
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                b'u' => self.escaped_char()?,
                _ => return Err(NOT_JSON),
            };
            bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// Reads the digits of a `\u`, of two where the first is half of a character.
    fn escaped_char(&mut self) -> Result<char, &'static str> {
        let half = "has half a character in a JSON string";
        let first = self.hex_digits()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            if !self.text[self.at..].starts_with(b"\\u") {
                return Err(half);
            }
            self.at += 2;
            let second = self.hex_digits()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(half);
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or(half)
    }

    fn hex_digits(&mut self) -> Result<u32, &'static str> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(NOT_JSON)?;
        self.at += 4;
        digits.iter().try_fold(0, |code, &digit| Ok(code << 4 | char::from(digit).to_digit(16).ok_or(NOT_JSON)?))
    }

    fn number(&mut self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let rest = &self.text[self.at..];
        let is_part = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().position(|b| !is_part(b)).unwrap_or(rest.len());
        self.at += length;
        let (begin, text) = (out.len(), &rest[..length]);
        push_number(text, out).ok_or("has no JSON number")?;
        if let Some(double) = rounded(text, &out[begin..]) {
            self.rounded += 1;
            if self.doubles {
                out.truncate(begin);
                out.extend_from_slice(&double);
            }
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes a byte, behind white space, if it is there.
    fn takes(&mut self, byte: u8) -> bool {
        self.skip_space();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }
}

/// The number's decimal value: its digits without zeros at either end, `e` and a power of ten. No digit is lost: MySQL
/// keeps a DECIMAL in a document with all of them, TiDB makes the next DOUBLE of it, and that is another value.
fn push_number(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (negative, rest) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match rest.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (&rest[..at], std::str::from_utf8(&rest[at + 1..]).ok()?.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|b| *b == b'.') {
        Some(at) => (&mantissa[..at], Some(&mantissa[at + 1..])),
        None => (mantissa, None),
    };
    let sound = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    if !sound(whole) || fraction.is_some_and(|digits| !sound(digits)) {
        return None;
    }
    let fraction = fraction.unwrap_or_default();
    let digits = || whole.iter().chain(fraction);
    let Some(first) = digits().position(|b| *b != b'0') else {
        out.push(b'0');
        return Some(());
    };
    let zeros = digits().rev().take_while(|b| **b == b'0').count();
    if negative {
        out.push(b'-');
    }
    out.extend(digits().take(whole.len() + fraction.len() - zeros).skip(first));
    let power = i64::from(exponent) + zeros as i64 - fraction.len() as i64;
    if power != 0 {
        out.extend_from_slice(format!("e{power}").as_bytes());
    }
    Some(())
}

/// A number of so many digits is always the next to its DOUBLE.
const DIGITS: usize = 15;

/// The canonical form of the DOUBLE that a target makes of a number, where that is another value. Whole numbers of 64
/// bits are kept by every server.
fn rounded(text: &[u8], canonical: &[u8]) -> Option<Vec<u8>> {
    if canonical.len() <= DIGITS {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let whole = !text.contains(['.', 'e', 'E']);
    if whole && (text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()) {
        return None;
    }
    let double: f64 = text.parse().ok()?;
    let mut out = Vec::new();
    push_number(shortest(double).as_bytes(), &mut out)?;
    (out != canonical).then_some(out)
}

/// The shortest digits that make the same DOUBLE, as servers write it. Where two texts are as short and as near (…89.2 and …89.3
/// of 1245288563337989.25), MySQL 9.7 and TiDB 8.5.6 write the even one, and Rust's shortest form the other.
fn shortest(double: f64) -> String {
    let short = format!("{double:e}");
    let digits = short.split('e').next().unwrap_or_default().bytes().filter(u8::is_ascii_digit).count();
    // As many digits, rounded to the nearest, and of two to the even one.
    let nearest = format!("{double:.*e}", digits.saturating_sub(1));
    if nearest.parse() == Ok(double) { nearest } else { short }
}

/// Quotes, backslashes and control characters are escaped, nothing else: one text for each string.
fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, &'static str> {
        let mut out = Vec::new();
        canonical(text.as_bytes(), false, &mut out).map(|_| String::from_utf8(out).unwrap())
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(of(text).as_deref(), Ok(expected), "{text}");
        // What is canonical stays as it is.
        assert_eq!(of(expected).as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn a_number_that_no_double_holds_is_counted_and_can_be_taken_as_the_next_one() {
        for (text, rounded, double) in [
            ("0.12345678901234567890", 1, "12345678901234568e-17"),
            ("12345678901234567890.123456789", 1, "12345678901234567e3"),
            ("12345678901234567890123", 1, "12345678901234568e6"),
            ("18446744073709551616", 1, "18446744073709552e3"),
            ("18446744073709551615", 0, "18446744073709551615"),
            ("-9223372036854775808", 0, "-9223372036854775808"),
            ("9007199254740993", 0, "9007199254740993"),
            ("9007199254740993.0", 1, "9007199254740992"),
            ("1.10", 0, "11e-1"),
            ("0.1", 0, "1e-1"),
            ("-1245288563337989.2", 0, "-12452885633379892e-1"),
            ("1245288563337989.75", 1, "12452885633379898e-1"),
            ("912345678901234.4", 0, "9123456789012344e-1"),
            ("4.503599627370498e15", 0, "4503599627370498"),
            ("5e-324", 0, "5e-324"),
            ("1.7976931348623157e+308", 0, "17976931348623157e292"),
            ("100000000000000000000", 0, "1e20"),
            (
                "[0.1234567890123456789,\"0.1234567890123456789\",{\"a\":1.12345678901234567890}]",
                2,
                "[12345678901234568e-17,\"0.1234567890123456789\",{\"a\":11234567890123457e-16}]",
            ),
        ] {
            let mut out = Vec::new();
            assert_eq!(canonical(text.as_bytes(), true, &mut out), Ok(rounded), "{text}");
            assert_eq!(String::from_utf8(out).unwrap(), double, "{text}");
        }
    }

    #[test]
    fn one_value_has_one_text() {
        for (text, expected) in [
            ("1", "1"),
            ("1.0", "1"),
            ("1e0", "1"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("0.0", "0"),
            ("1.10", "11e-1"),
            ("1e15", "1e15"),
            ("1000000000000000", "1e15"),
            ("120", "12e1"),
            ("-0.00120e+3", "-12e-1"),
            ("1e20", "1e20"),
            ("100000000000000000000", "1e20"),
            ("0.00000015", "15e-8"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("18446744073709551616", "18446744073709551616"),
            ("18446744073709552000", "18446744073709552e3"),
            ("1.8446744073709552e19", "18446744073709552e3"),
            ("9007199254740993", "9007199254740993"),
            ("9007199254740993.0", "9007199254740993"),
            ("9.007199254740992e15", "9007199254740992"),
            ("1.2345678901234568e18", "12345678901234568e2"),
            ("1234567890123456800", "12345678901234568e2"),
            ("-1.2345678901234568e18", "-12345678901234568e2"),
            ("1.7976931348623157e+308", "17976931348623157e292"),
            ("5E-324", "5e-324"),
            (" [ 1 , [ ] , { } ] ", "[1,[],{}]"),
            ("[true,false,null]", "[true,false,null]"),
            (
                r#""\u00e9\ud83d\ude00\u0001\/\b\f\n\r\t\"\\""#,
                "\"é😀\\u0001/\\u0008\\u000c\\u000a\\u000d\\u0009\\\"\\\\\"",
            ),
            ("\"\u{7f}é\"", "\"\u{7f}é\""),
            (r#"{"bb":1,"a":2,"":3,"é":4,"B":5}"#, r#"{"":3,"B":5,"a":2,"bb":1,"é":4}"#),
            (r#"{"a":1,"b":2,"\u0061":{"c":1}}"#, r#"{"a":{"c":1},"b":2}"#),
            (r#"{"a" : "x" }"#, r#"{"a":"x"}"#),
        ] {
            check(text, expected);
        }
    }

    #[test]
    fn what_mysql_and_tidb_write_for_one_document_is_one_text() {
        // One document, as MySQL 9.7.4 and TiDB 8.5.6 gave it back.
        let mysql = r#"{"a": [1.0, 1, -0.0, 1e20, 0.00000015, 0.00000015, 18446744073709551615, -9223372036854775808, 1.8446744073709552e19, 1e15, 123456789012345678], "bb": [9007199254740993, 9.007199254740992e15, 100.1, 1.7976931348623157e308], "c": "\u0001/\b"}"#;
        let tidb = r#"{"a": [1, 1, -0, 100000000000000000000, 1.5e-7, 1.5e-7, 18446744073709551615, -9223372036854775808, 18446744073709552000, 1000000000000000, 123456789012345678], "bb": [9007199254740993, 9007199254740992, 100.1, 1.7976931348623157e+308], "c": "\u0001/\u0008"}"#;
        assert_eq!(of(mysql), of(tidb));
        assert!(of(mysql).is_ok());
    }

    #[test]
    fn other_values_have_other_texts() {
        for (one, other) in [
            ("1", "\"1\""),
            ("[1,2]", "[2,1]"),
            ("[1]", "1"),
            ("9007199254740992", "9007199254740993"),
            ("0.1", "0.10000000000000002"),
            // A DECIMAL of MySQL, and the DOUBLE that TiDB makes of it.
            ("0.1234567890123456789012", "0.12345678901234568"),
            ("12345678901234567890.5", "12345678901234567000"),
            ("{}", "[]"),
            ("null", "\"null\""),
            (r#"{"a":1}"#, r#"{"A":1}"#),
            (r#""a""#, r#""a ""#),
        ] {
            assert_ne!(of(one).unwrap(), of(other).unwrap());
        }
    }

    #[test]
    fn what_is_no_document_is_refused_and_depth_is_bounded() {
        for text in [
            "",
            " ",
            "{",
            "[",
            "[1",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "tru",
            "nul",
            "'a'",
            "\"a",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "-",
            "1.",
            "1e",
            "--1",
            "1e99999999999",
            "1.5.5",
            "1ee5",
            "1 2",
            "[1]]",
            "+1",
            ".5",
            "\"a\"b",
            "1-1",
        ] {
            assert!(of(text).is_err(), "{text}");
        }
        assert!(canonical(b"\"\xff\"", false, &mut Vec::new()).is_err());
        assert!(of(&format!("{}{}", "[".repeat(100), "]".repeat(100))).is_ok());
        assert_eq!(of(&"[".repeat(1_000_000)), Err("is nested deeper than JSON documents of a server are"));
    }
}
