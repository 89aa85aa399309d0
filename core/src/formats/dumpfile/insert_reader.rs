//! Rows out of INSERT text: what Dumpling, mydumper, mysqldump or [`super::InsertWriter`] wrote, piece by piece.
//!
//! Holds one row and one piece at a time. Knows SQL as dumps use it; does not know files, columns' types or servers.

use std::borrow::Cow;
use std::fmt;

use super::statement::{Scan, Scanner};

/// A value of a row. Bytes are the value's own, no escape and no quote is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    Null,
    /// A number; TRUE and FALSE are 1 and 0.
    Bare(&'a [u8]),
    Text(Cow<'a, [u8]>),
    /// What `x'…'`, `0x…` or `b'…'` stands for.
    Hex(Cow<'a, [u8]>),
}

impl Cell<'_> {
    /// The bytes of the value; `None`: NULL.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Null => None,
            Self::Bare(bytes) => Some(bytes),
            Self::Text(bytes) => Some(bytes),
            Self::Hex(bytes) => Some(bytes),
        }
    }
}

/// A row, while it stands in the reader.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    spans: &'a [Span],
    bytes: &'a [u8],
    head: &'a Head,
}

/// What stands before the rows of an INSERT.
#[derive(Debug, Default)]
struct Head {
    table: Vec<u8>,
    columns: Option<Vec<String>>,
    /// Counts the INSERTs of the file.
    number: u64,
}

impl<'a> Row<'a> {
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Which INSERT of the file it stands in, counted from 1: what is said of the table and the columns is the same for
    /// all rows of one.
    pub fn statement(&self) -> u64 {
        self.head.number
    }

    /// The table of its INSERT, as it is called there.
    pub fn table(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(&self.head.table)
    }

    /// The columns that its INSERT names; `None`: it names none.
    pub fn columns(&self) -> Option<&'a [String]> {
        self.head.columns.as_deref()
    }

    pub fn cells(&self) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        let bytes = self.bytes;
        self.spans.iter().map(move |span| span.cell(bytes))
    }
}

/// What the reader has to give.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    Row(Row<'a>),
    /// It wants [`InsertReader::feed`], or [`InsertReader::end`] where nothing is left.
    Hungry,
    /// The file is read to its end, and whole.
    End,
}

/// A file that is torn or is not a dump of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFault {
    /// Bytes from the file's start.
    pub offset: u64,
    /// What is wrong there. Holds no value of a row.
    pub message: &'static str,
}

impl fmt::Display for ReadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for ReadFault {}

/// Reads one file. After a fault it gives the same fault again.
#[derive(Debug, Default)]
pub struct InsertReader {
    buffer: Vec<u8>,
    /// Bytes of the file in front of the buffer.
    gone: u64,
    /// Where the row or statement that is being read begins; nothing before it is needed any more.
    start: usize,
    /// Where reading goes on.
    at: usize,
    ended: bool,
    place: Place,
    /// Of the row that is being read, relative to `start`.
    spans: Vec<Span>,
    /// Inside mydumper's `CONVERT("…" USING UTF8MB4)`, in which it writes JSON: the value is what stands in quotes.
    converting: bool,
    /// Strings are refused that no writer leaves so which escapes with backslashes.
    strict: bool,
    head: Head,
    fault: Option<ReadFault>,
}

/// What comes next. Positions are relative to `start`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Outside,
    BeforeRow,
    BeforeCell,
    InWord {
        from: usize,
    },
    /// A word has ended; a string may follow it (`_binary '…'`).
    AfterWord {
        from: usize,
        to: usize,
    },
    InString {
        from: usize,
        quote: u8,
        escaped: bool,
        prefix: Prefix,
        /// Bytes at its start that the digits which stood there stand for.
        decoded: usize,
    },
    AfterCell,
    /// Behind the value of a CONVERT.
    InUsing {
        from: usize,
    },
    AfterRow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    None,
    Hex,
    Bits,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    from: usize,
    to: usize,
    kind: Kind,
}

/// Checked when the span is made, so that giving the cell cannot fail.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Null,
    True,
    False,
    Bare,
    Plain,
    Escaped(u8),
    Hex,
    /// The bytes that the digits stood for.
    Decoded,
    Bits,
}

/// A statement that is not an INSERT, or what stands before an INSERT's rows, is read as a whole: this long at most.
const LONGEST_HEAD: usize = 4 << 20;

/// Digits of a value that are read before its end are made into bytes in their place, so many at a time: what is held of
/// a large value is the value.
const DIGITS_HELD: usize = 1 << 20;

/// A buffer above this grows by a quarter, not to the double, and gives back what a large row needed.
const LARGE: usize = 4 << 20;

impl InsertReader {
    pub fn new() -> Self {
        Self::default()
    }

    /// For files of other tools: a string that cannot have been written with backslash escapes is a fault, since its
    /// backslashes would be read as what they are not. The source of the rule: Dumpling (`escapeBackslashSQL`) and mydumper
    /// (`mysql_real_escape_string`) leave no NUL, line break, carriage return, quote or Ctrl-Z as it is.
    pub fn strict() -> Self {
        Self { strict: true, ..Self::default() }
    }

    /// Hands in the next bytes of the file, of any length.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.gone += self.start as u64;
        self.at -= self.start;
        self.start = 0;
        let needed = self.buffer.len() + bytes.len();
        if needed > LARGE && needed > self.buffer.capacity() {
            self.buffer.reserve_exact(bytes.len().max(self.buffer.len() / 4));
        } else if self.buffer.capacity() > LARGE && needed < self.buffer.capacity() / 8 {
            self.buffer.shrink_to(needed);
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Gives back what a large row took, once that row is done with.
    pub fn let_go(&mut self) {
        if self.buffer.capacity() > LARGE && self.place == Place::AfterRow {
            self.buffer.drain(..self.at);
            self.gone += self.at as u64;
            (self.start, self.at) = (0, 0);
            self.spans.clear();
            self.buffer.shrink_to_fit();
        }
    }

    /// Says that the file has no more bytes.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next row, or what the reader wants instead.
    pub fn next_row(&mut self) -> Result<Step<'_>, ReadFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        match self.advance() {
            Ok(true) => Ok(Step::Row(Row { spans: &self.spans, bytes: &self.buffer[self.start..], head: &self.head })),
            Ok(false) if !self.ended => Ok(Step::Hungry),
            Ok(false) if self.place == Place::Outside && self.at == self.buffer.len() => Ok(Step::End),
            Ok(false) => Err(self.fail(self.buffer.len(), "the file is torn: it ends inside a statement")),
            Err((at, message)) => Err(self.fail(at, message)),
        }
    }

    fn fail(&mut self, at: usize, message: &'static str) -> ReadFault {
        let fault = ReadFault { offset: self.gone + at as u64, message };
        self.fault = Some(fault.clone());
        fault
    }

    /// Goes on to the end of a row (`true`) or of the bytes at hand (`false`).
    fn advance(&mut self) -> Result<bool, (usize, &'static str)> {
        loop {
            match self.place {
                Place::Outside => {
                    if !self.read_statement()? {
                        return Ok(false);
                    }
                }
                Place::InString { from, quote, escaped, prefix, decoded } => {
                    if !self.read_string(from, quote, escaped, prefix, decoded)? {
                        return Ok(false);
                    }
                }
                Place::InWord { from } => {
                    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b',' | b')' | b'\'' | b'"');
                    let Some(length) = self.buffer[self.at..].iter().position(ends) else {
                        self.at = self.buffer.len();
                        return Ok(false);
                    };
                    self.at += length;
                    self.place = Place::AfterWord { from, to: self.at - self.start };
                }
                Place::InUsing { from } => {
                    let Some(length) = memchr::memchr(b')', &self.buffer[self.at..]) else {
                        self.at = self.buffer.len();
                        return Ok(false);
                    };
                    self.at += length;
                    let words = &self.buffer[self.start + from..self.at];
                    let mut words = words.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
                    let using = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"USING"));
                    let utf8 = words.next().is_some_and(|word| word.eq_ignore_ascii_case(b"UTF8MB4"));
                    if !using || !utf8 || words.next().is_some() {
                        return Err((self.start + from, "expected USING UTF8MB4"));
                    }
                    self.converting = false;
                    self.place = Place::AfterCell;
                    self.at += 1;
                }
                place => {
                    let Some(length) = self.buffer[self.at..].iter().position(|b| !b.is_ascii_whitespace()) else {
                        self.at = self.buffer.len();
                        return Ok(false);
                    };
                    self.at += length;
                    if self.take_byte(place, self.buffer[self.at])? {
                        return Ok(true);
                    }
                }
            }
        }
    }

    /// Takes a byte that is not a white space, where one is looked for; `true`: a row is whole.
    fn take_byte(&mut self, place: Place, byte: u8) -> Result<bool, (usize, &'static str)> {
        let here = self.at - self.start;
        match (place, byte) {
            (Place::BeforeRow, b'(') => {
                self.start = self.at;
                self.spans.clear();
                self.place = Place::BeforeCell;
            }
            (Place::BeforeRow, _) => return Err((self.at, "expected a row")),
            (Place::BeforeCell, b')') if self.spans.is_empty() => {
                self.place = Place::AfterRow;
                self.at += 1;
                return Ok(true);
            }
            (Place::BeforeCell, b'\'' | b'"') => {
                let prefix = Prefix::None;
                self.place = Place::InString { from: here + 1, quote: byte, escaped: false, prefix, decoded: 0 };
            }
            (Place::BeforeCell, b',' | b')' | b';') => return Err((self.at, "expected a value")),
            (Place::BeforeCell, _) => {
                self.place = Place::InWord { from: here };
                return Ok(false);
            }
            (Place::AfterWord { from, to }, b'\'' | b'"') => {
                let prefix = match &self.buffer[self.start + from..self.start + to] {
                    b"x" | b"X" if to == here => Prefix::Hex,
                    b"b" | b"B" if to == here => Prefix::Bits,
                    [b'_', ..] => Prefix::None,
                    word if word.eq_ignore_ascii_case(b"CONVERT(") => {
                        self.converting = true;
                        Prefix::None
                    }
                    _ => return Err((self.start + from, "expected a value")),
                };
                self.place = Place::InString { from: here + 1, quote: byte, escaped: false, prefix, decoded: 0 };
            }
            (Place::AfterWord { from, to }, _) => {
                let span = word_span(&self.buffer[self.start..], from, to)
                    .ok_or((self.start + from, "a value is neither a number nor quoted"))?;
                self.spans.push(span);
                self.place = Place::AfterCell;
                return Ok(false);
            }
            (Place::AfterCell, _) if self.converting => {
                self.place = Place::InUsing { from: here };
                return Ok(false);
            }
            (Place::AfterCell, b',') => self.place = Place::BeforeCell,
            (Place::AfterCell, b')') => {
                self.place = Place::AfterRow;
                self.at += 1;
                return Ok(true);
            }
            (Place::AfterCell, _) => return Err((self.at, "expected a comma or the end of a row")),
            (Place::AfterRow, b',') => {
                self.place = Place::BeforeRow;
                self.start = self.at;
            }
            (Place::AfterRow, b';') => {
                self.place = Place::Outside;
                self.start = self.at + 1;
            }
            (Place::AfterRow, _) => return Err((self.at, "expected a comma or the end of the statement")),
            (Place::Outside | Place::InWord { .. } | Place::InString { .. } | Place::InUsing { .. }, _) => {
                return Ok(false);
            }
        }
        self.at += 1;
        Ok(false)
    }

    /// Goes on inside a string; `false`: its end is not at hand.
    fn read_string(
        &mut self,
        from: usize,
        quote: u8,
        mut escaped: bool,
        prefix: Prefix,
        mut decoded: usize,
    ) -> Result<bool, (usize, &'static str)> {
        let mut end = loop {
            let found = memchr::memchr2(quote, b'\\', &self.buffer[self.at..]).map(|length| self.at + length);
            // What follows the byte decides what it is.
            let Some(found) = found.filter(|found| found + 1 < self.buffer.len()) else {
                self.at = found.unwrap_or(self.buffer.len());
                if prefix == Prefix::Hex && self.at - (self.start + from + decoded) >= DIGITS_HELD {
                    decoded += self.decode(self.start + from + decoded)?;
                }
                self.place = Place::InString { from, quote, escaped, prefix, decoded };
                return Ok(false);
            };
            if self.buffer[found] == quote && self.buffer[found + 1] != quote {
                break found;
            }
            escaped = true;
            self.at = found + 2;
        };
        if decoded > 0 {
            self.at = end;
            self.decode(self.start + from + decoded)?;
            end = self.at;
        }
        let to = end - self.start;
        let text = &self.buffer[self.start + from..end];
        if self.strict && prefix == Prefix::None && !only_escapes(text, quote) {
            return Err((self.start + from, NOT_ESCAPED));
        }
        let kind = match prefix {
            Prefix::None if escaped => Kind::Escaped(quote),
            Prefix::None => Kind::Plain,
            Prefix::Hex if decoded > 0 => Kind::Decoded,
            Prefix::Hex if text.len().is_multiple_of(2) && text.iter().all(u8::is_ascii_hexdigit) => Kind::Hex,
            Prefix::Bits if text.iter().all(|b| matches!(b, b'0' | b'1')) => Kind::Bits,
            Prefix::Hex | Prefix::Bits => return Err((self.start + from, "a value's digits are wrong")),
        };
        self.spans.push(Span { from, to, kind });
        self.at = end + 1;
        self.place = Place::AfterCell;
        Ok(true)
    }

    /// Makes the digits from a place to where reading is into the bytes they stand for, but for one that has no pair yet;
    /// at the value's end there is none. Gives their number.
    fn decode(&mut self, from: usize) -> Result<usize, (usize, &'static str)> {
        let pairs = (self.at - from) / 2;
        let to = from + 2 * pairs;
        let ends_here = self.buffer.get(self.at).is_some_and(|byte| !byte.is_ascii_hexdigit());
        if !self.buffer[from..to].iter().all(u8::is_ascii_hexdigit) || (ends_here && to < self.at) {
            return Err((from, "a value's digits are wrong"));
        }
        for pair in 0..pairs {
            let digits = [self.buffer[from + 2 * pair], self.buffer[from + 2 * pair + 1]];
            self.buffer[from + pair] = digits.iter().fold(0, push_hex_digit);
        }
        self.buffer.drain(from + pairs..to);
        self.gone += pairs as u64;
        self.at -= pairs;
        Ok(pairs)
    }

    /// Reads what stands between rows: white space, comments, other statements, the head of an INSERT. `false`: the end
    /// of it is not at hand; then it is read again from its start.
    fn read_statement(&mut self) -> Result<bool, (usize, &'static str)> {
        let mut scanner = Scanner::new(&self.buffer, self.start, self.ended);
        let outcome = scanner.statement();
        match outcome {
            Scan::Short => {
                if self.buffer.len() - self.start > LONGEST_HEAD {
                    return Err((self.start, "a statement that is not an INSERT has no end"));
                }
                return Ok(false);
            }
            Scan::Wrong(at, message) => return Err((at, message)),
            Scan::Skipped => {}
            Scan::Nothing => {
                self.at = scanner.place();
                self.start = scanner.place();
                return Ok(false);
            }
            Scan::Insert { table, columns } => {
                self.place = Place::BeforeRow;
                self.head = Head { table, columns, number: self.head.number + 1 };
            }
        }
        self.at = scanner.place();
        self.start = scanner.place();
        Ok(true)
    }
}

impl Span {
    fn cell(self, row: &[u8]) -> Cell<'_> {
        let text = &row[self.from..self.to];
        match self.kind {
            Kind::Null => Cell::Null,
            Kind::True => Cell::Bare(b"1"),
            Kind::False => Cell::Bare(b"0"),
            Kind::Bare => Cell::Bare(text),
            Kind::Plain => Cell::Text(Cow::Borrowed(text)),
            Kind::Escaped(quote) => Cell::Text(Cow::Owned(unescape(text, quote))),
            Kind::Hex => Cell::Hex(text.rchunks(2).rev().map(|pair| pair.iter().fold(0, push_hex_digit)).collect()),
            Kind::Decoded => Cell::Hex(Cow::Borrowed(text)),
            Kind::Bits => Cell::Hex(
                text.rchunks(8).rev().map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | (bit & 1))).collect(),
            ),
        }
    }
}

fn push_hex_digit(byte: u8, digit: &u8) -> u8 {
    let value = match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    };
    byte << 4 | value
}

/// What an unquoted word is; `None`: no value.
fn word_span(row: &[u8], from: usize, to: usize) -> Option<Span> {
    let word = &row[from..to];
    let span = |kind| Some(Span { from, to, kind });
    match word {
        [b'0', b'x' | b'X', digits @ ..] => {
            let sound = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
            sound.then_some(Span { from: from + 2, to, kind: Kind::Hex })
        }
        [b'0', b'b' | b'B', digits @ ..] => {
            let sound = !digits.is_empty() && digits.iter().all(|b| matches!(b, b'0' | b'1'));
            sound.then_some(Span { from: from + 2, to, kind: Kind::Bits })
        }
        [b'0'..=b'9' | b'-' | b'+' | b'.', ..] => {
            let digit = word.iter().any(u8::is_ascii_digit);
            let number = word.iter().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
            if digit && number { span(Kind::Bare) } else { None }
        }
        _ if word.eq_ignore_ascii_case(b"NULL") => span(Kind::Null),
        _ if word.eq_ignore_ascii_case(b"TRUE") => span(Kind::True),
        _ if word.eq_ignore_ascii_case(b"FALSE") => span(Kind::False),
        _ => None,
    }
}

/// A string of a dump that was made with `--escape-backslash=false`, or by a server in NO_BACKSLASH_ESCAPES.
pub const NOT_ESCAPED: &str = "a text was written without backslash escapes";

/// Whether a string may have been written by who escapes with backslashes, and nothing else.
fn only_escapes(text: &[u8], quote: u8) -> bool {
    if memchr::memchr3(b'\n', b'\r', 0, text).is_some() || memchr::memchr(0x1a, text).is_some() {
        return false;
    }
    let mut rest = text;
    while let Some(at) = memchr::memchr2(quote, b'\\', rest) {
        let known = matches!(rest[at + 1], b'0' | b'n' | b'r' | b'Z' | b'\\' | b'\'' | b'"');
        if rest[at] == quote || !known {
            return false;
        }
        rest = &rest[at + 2..];
    }
    true
}

/// Takes the escapes out of a string. `\%` and `\_` keep their backslash, as MySQL has it; a backslash before any other
/// character that has no meaning is dropped.
fn unescape(text: &[u8], quote: u8) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr2(quote, b'\\', rest) {
        value.extend_from_slice(&rest[..at]);
        // The reader took both bytes of an escape or of a doubled quote before it looked for the end.
        let (first, second) = (rest[at], rest[at + 1]);
        match (first, second) {
            (b'\\', b'0') => value.push(0),
            (b'\\', b'b') => value.push(8),
            (b'\\', b'n') => value.push(b'\n'),
            (b'\\', b'r') => value.push(b'\r'),
            (b'\\', b't') => value.push(b'\t'),
            (b'\\', b'Z') => value.push(0x1a),
            (b'\\', b'%' | b'_') => value.extend([first, second]),
            _ => value.push(second),
        }
        rest = &rest[at + 2..];
    }
    value.extend_from_slice(rest);
    value
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
