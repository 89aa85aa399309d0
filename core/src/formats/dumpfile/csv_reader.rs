//! Records out of CSV as Dumpling writes it, in a [`CsvDialect`]: by default fields parted by commas, text in double
//! quotes with backslash escapes, a bare `\N` for NULL; lines end with CR LF or LF.
//!
//! Not the crate `csv`: there a quote takes the escape sign away (`"\n"` would be an `n`) and a bare `\N` is text.
//! Holds one record at a time. Does not know columns' types, files or packing.

use super::csv_dialect::CsvDialect;
use super::insert_reader::ReadFault;

/// One record: its fields one behind the other, unescaped.
#[derive(Clone, Debug, Default)]
pub struct Record {
    bytes: Vec<u8>,
    /// Where each field ends, and how it was written.
    ends: Vec<(usize, Written)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Null,
    Bare,
    Quoted,
}

impl Record {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The fields; `None`: NULL.
    pub fn fields(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut from = 0;
        self.ends.iter().map(move |&(end, written)| {
            let field = &self.bytes[from..end];
            from = end;
            (written != Written::Null).then_some(field)
        })
    }

    /// Those that stand without quotes and are not NULL.
    pub fn bare(&self) -> impl Iterator<Item = &[u8]> {
        let written = self.ends.iter().map(|(_, written)| *written);
        self.fields().zip(written).filter(|(_, written)| *written == Written::Bare).filter_map(|(field, _)| field)
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// What the reader has to give.
#[derive(Clone, Copy, Debug)]
pub enum CsvStep<'a> {
    Record(&'a Record),
    /// It wants [`CsvReader::feed`], or [`CsvReader::end`] where nothing is left.
    Hungry,
    /// The file is read to its end, and whole.
    End,
}

/// Reads one file; the header is its first record. After a fault it gives the same fault again.
#[derive(Debug, Default)]
pub struct CsvReader {
    dialect: CsvDialect,
    /// What Dumpling does not write in this dialect is a fault: to tell dialects apart.
    strict: bool,
    /// Whether a backslash came in a value: with escapes and without, it reads differently.
    backslashes: bool,
    buffer: Vec<u8>,
    /// Bytes of the file in front of the buffer.
    gone: u64,
    at: usize,
    ended: bool,
    place: Place,
    record: Record,
    fault: Option<ReadFault>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before a record, the one before it handed out.
    #[default]
    Begin,
    BeforeField,
    Bare,
    /// Behind the backslash in a bare field.
    BareEscape,
    Quoted,
    QuotedEscape,
    /// Behind a quote in a quoted field: its end, or the first of two.
    AfterQuote,
    /// Behind a CR that ends a record.
    AfterReturn,
}

impl CsvReader {
    pub fn new(dialect: CsvDialect) -> Self {
        Self { dialect, ..Self::default() }
    }

    /// Takes only what Dumpling itself writes in the dialect.
    pub fn strict(dialect: CsvDialect) -> Self {
        Self { dialect, strict: true, ..Self::default() }
    }

    /// Whether a backslash came in a value so far.
    pub fn has_backslashes(&self) -> bool {
        self.backslashes
    }

    /// Hands in the next bytes of the file, of any length.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.gone += self.at as u64;
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that the file has no more bytes.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next record, or what the reader wants instead.
    pub fn next_record(&mut self) -> Result<CsvStep<'_>, ReadFault> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        match self.advance() {
            Ok(true) => Ok(CsvStep::Record(&self.record)),
            Ok(false) if !self.ended => Ok(CsvStep::Hungry),
            Ok(false) if self.place == Place::Begin => Ok(CsvStep::End),
            Ok(false) => Err(self.fail("the file is torn: it ends inside a line")),
            Err(message) => Err(self.fail(message)),
        }
    }

    fn fail(&mut self, message: &'static str) -> ReadFault {
        let fault = ReadFault { offset: self.gone + self.at as u64, message };
        self.fault = Some(fault.clone());
        fault
    }

    /// Goes on to the end of a record (`true`) or of the bytes at hand (`false`).
    fn advance(&mut self) -> Result<bool, &'static str> {
        let escapes = self.dialect.backslash_escapes;
        while let Some(&byte) = self.buffer.get(self.at) {
            let ends = byte == self.dialect.separator || matches!(byte, b'\r' | b'\n');
            let quote = Some(byte) == self.dialect.delimiter;
            match self.place {
                Place::Begin => {
                    self.record.clear();
                    self.place = Place::BeforeField;
                    continue;
                }
                Place::BeforeField if quote => self.place = Place::Quoted,
                Place::BeforeField => {
                    self.place = Place::Bare;
                    continue;
                }
                Place::Quoted => {
                    if !self.quoted()? {
                        continue;
                    }
                }
                Place::QuotedEscape => {
                    if self.strict && !(matches!(byte, b'0' | b'n' | b'r' | b'\\') || quote) {
                        return Err("a backslash is in front of what needs none");
                    }
                    self.record.bytes.push(unescaped(byte));
                    self.place = Place::Quoted;
                }
                Place::AfterQuote if quote => {
                    if self.strict && escapes {
                        return Err("a quote is doubled");
                    }
                    self.record.bytes.push(byte);
                    self.place = Place::Quoted;
                }
                Place::AfterQuote if ends => {
                    self.end_field(Written::Quoted);
                    if self.end_of_field(byte) {
                        return Ok(true);
                    }
                }
                Place::AfterQuote => return Err("expected a separator or the end of the line behind a quote"),
                Place::Bare if ends => {
                    self.end_bare_field();
                    if self.end_of_field(byte) {
                        return Ok(true);
                    }
                }
                Place::Bare if byte == b'\\' && escapes => self.place = Place::BareEscape,
                Place::Bare if quote => return Err("a quote is inside a value that is not quoted"),
                Place::Bare => self.record.bytes.push(byte),
                Place::BareEscape if byte == b'N' && self.dialect.null == "\\N" && self.field_is_empty() => {
                    match self.buffer.get(self.at + 1).copied() {
                        Some(next) if next == self.dialect.separator || matches!(next, b'\r' | b'\n') => {
                            self.at += 1;
                            self.end_field(Written::Null);
                            if self.end_of_field(next) {
                                return Ok(true);
                            }
                        }
                        Some(_) => return Err("a bare \\N is followed by more"),
                        None => return Ok(false),
                    }
                }
                Place::BareEscape => {
                    self.backslashes = true;
                    self.record.bytes.push(unescaped(byte));
                    self.place = Place::Bare;
                }
                Place::AfterReturn if byte == b'\n' => {
                    self.place = Place::Begin;
                    self.at += 1;
                    return Ok(true);
                }
                Place::AfterReturn => return Err("a carriage return is inside a line"),
            }
            self.at += 1;
        }
        Ok(false)
    }

    /// Takes the text of a quoted value up to what ends it or escapes; `false`: the bytes at hand are at their end.
    fn quoted(&mut self) -> Result<bool, &'static str> {
        let Some(delimiter) = self.dialect.delimiter else { return Err("a quote where none is written") };
        let escapes = self.dialect.backslash_escapes;
        let rest = &self.buffer[self.at..];
        let sign = if escapes { memchr::memchr2(delimiter, b'\\', rest) } else { memchr::memchr(delimiter, rest) };
        let text = &rest[..sign.unwrap_or(rest.len())];
        if self.strict && escapes && memchr::memchr3(b'\n', b'\r', 0, text).is_some() {
            return Err("the end of a line is in a value as it is");
        }
        self.backslashes |= !escapes && memchr::memchr(b'\\', text).is_some();
        self.record.bytes.extend_from_slice(text);
        self.at += text.len();
        match self.buffer.get(self.at) {
            Some(byte) if *byte == delimiter => self.place = Place::AfterQuote,
            Some(_) => {
                self.backslashes = true;
                self.place = Place::QuotedEscape;
            }
            None => return Ok(false),
        }
        Ok(true)
    }

    /// A value without quotes is NULL where it is the dialect's word for it.
    fn end_bare_field(&mut self) {
        let from = self.record.ends.last().map_or(0, |(end, _)| *end);
        let null = self.record.bytes[from..] == *self.dialect.null.as_bytes();
        // With escapes, the word `\N` is taken where it stands.
        let null = null && !(self.dialect.backslash_escapes && self.dialect.null.contains('\\'));
        if null {
            self.record.bytes.truncate(from);
        } else {
            self.backslashes |= !self.dialect.backslash_escapes && self.record.bytes[from..].contains(&b'\\');
        }
        self.end_field(if null { Written::Null } else { Written::Bare });
    }

    fn field_is_empty(&self) -> bool {
        self.record.bytes.len() == self.record.ends.last().map_or(0, |(end, _)| *end)
    }

    fn end_field(&mut self, written: Written) {
        self.record.ends.push((self.record.bytes.len(), written));
    }

    /// What follows the byte behind a field; `true`: the record is whole, and the byte is taken.
    fn end_of_field(&mut self, byte: u8) -> bool {
        self.place = match byte {
            b'\r' => Place::AfterReturn,
            b'\n' => Place::Begin,
            _ => Place::BeforeField,
        };
        if byte == b'\n' {
            self.at += 1;
        }
        byte == b'\n'
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'b' => 8,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'Z' => 0x1a,
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type OwnedRecord = Vec<Option<Vec<u8>>>;

    fn read(file: &[u8], piece: usize) -> Result<Vec<OwnedRecord>, ReadFault> {
        read_by(CsvReader::default(), file, piece)
    }

    fn read_by(mut reader: CsvReader, file: &[u8], piece: usize) -> Result<Vec<OwnedRecord>, ReadFault> {
        let mut pieces = file.chunks(piece);
        let mut records = Vec::new();
        loop {
            match reader.next_record()? {
                CsvStep::Record(record) => records.push(record.fields().map(|f| f.map(<[u8]>::to_vec)).collect()),
                CsvStep::End => return Ok(records),
                CsvStep::Hungry => match pieces.next() {
                    Some(bytes) => reader.feed(bytes),
                    None => reader.end(),
                },
            }
        }
    }

    fn check(file: &[u8], expected: &[&[Option<&[u8]>]]) {
        let expected: Vec<OwnedRecord> =
            expected.iter().map(|r| r.iter().map(|f| f.map(<[u8]>::to_vec)).collect()).collect();
        for piece in [1, 2, 3, 5, 1 << 20] {
            assert_eq!(read(file, piece), Ok(expected.clone()), "{:?}", String::from_utf8_lossy(file));
        }
    }

    #[test]
    fn lines_are_read_as_dumpling_writes_them() {
        let (a, b): (Option<&[u8]>, Option<&[u8]>) = (Some(b"a"), Some(b"b"));
        check(b"", &[]);
        check(b"\"a\",\"b\"\r\n", &[&[a, b]]);
        check(b"\"a\",\"b\"\n1,\\N\n", &[&[a, b], &[Some(b"1"), None]]);
        check(b"\\N,\\N\r\n\\N\r\n", &[&[None, None], &[None]]);
        check(b"\"\\\\N\",\"\\N\"\n", &[&[Some(b"\\N"), Some(b"N")]]);
        check(b"\"\\0\\n\\r\\\\\\\"\\Z\\t\\b,\x1a\t\"\n", &[&[Some(b"\0\n\r\\\"\x1a\t\x08,\x1a\t")]]);
        check(b"\"a\"\"b\",\"\"\n", &[&[Some(b"a\"b"), Some(b"")]]);
        check(b"\"x\r\ny\",-1.5e-300\r\n", &[&[Some(b"x\r\ny"), Some(b"-1.5e-300")]]);
        check(b",\n", &[&[Some(b""), Some(b"")]]);
        check(b"\n", &[&[Some(b"")]]);
        check(b"\"\xff\x00\"\n", &[&[Some(b"\xff\x00")]]);
    }

    #[test]
    fn other_dialects_are_read_as_they_are_written() {
        let plain = CsvDialect { backslash_escapes: false, ..CsvDialect::default() };
        let odd = CsvDialect { separator: b';', delimiter: Some(b'\''), null: "NULL".into(), ..CsvDialect::default() };
        let empty = CsvDialect { null: String::new(), ..plain.clone() };
        let bare = CsvDialect { delimiter: None, separator: b'\t', ..CsvDialect::default() };
        for (dialect, file, expected) in [
            (&plain, &b"\"C:\\new\\\",\"a\\Nb\",\\N,\"\\N\"\r\n"[..], &["C:\\new\\", "a\\Nb", "-", "\\N"][..]),
            (&plain, b"\"a\"\"b\",\"x\ny\"\n", &["a\"b", "x\ny"]),
            (&odd, b"'it\\'s';NULL;'NULL';1\n", &["it's", "-", "NULL", "1"]),
            (&empty, b",\"\",1\n", &["-", "", "1"]),
            (&bare, b"a,b\t\\N\tc\\\td\n", &["a,b", "-", "c\td"]),
        ] {
            for piece in [1, 3, 1 << 20] {
                let found = read_by(CsvReader::new(dialect.clone()), file, piece).unwrap();
                let texts: Vec<String> = found[0]
                    .iter()
                    .map(|field| field.as_ref().map_or("-".into(), |f| String::from_utf8_lossy(f).into_owned()))
                    .collect();
                assert_eq!(texts, expected, "{:?}", String::from_utf8_lossy(file));
            }
        }
    }

    #[test]
    fn a_torn_or_foreign_line_is_told_with_its_place() {
        let torn = "the file is torn: it ends inside a line";
        for (file, offset, message) in [
            ("1,2", 3, torn),
            ("1,\"a", 4, torn),
            ("1,\"a\\", 5, torn),
            ("1,\"a\"", 5, torn),
            ("1,", 2, torn),
            ("1,\\N", 3, torn),
            ("1\r", 2, torn),
            ("\"a\"b\n", 3, "expected a separator or the end of the line behind a quote"),
            ("a\"b\n", 1, "a quote is inside a value that is not quoted"),
            ("\\NO\n", 1, "a bare \\N is followed by more"),
            ("a\rb\n", 2, "a carriage return is inside a line"),
        ] {
            for piece in [1, 2, 1 << 20] {
                let fault = read(file.as_bytes(), piece).expect_err(file);
                assert_eq!((fault.offset, fault.message), (offset, message), "{file:?} in pieces of {piece}");
            }
        }
    }

    fn written(rows: &[OwnedRecord]) -> Vec<u8> {
        let mut file = Vec::new();
        for row in rows {
            for (at, field) in row.iter().enumerate() {
                if at > 0 {
                    file.push(b',');
                }
                let Some(field) = field else {
                    file.extend(b"\\N");
                    continue;
                };
                file.push(b'"');
                for &byte in field {
                    match byte {
                        0 => file.extend(b"\\0"),
                        b'\n' => file.extend(b"\\n"),
                        b'\r' => file.extend(b"\\r"),
                        b'\\' | b'"' => file.extend([b'\\', byte]),
                        _ => file.push(byte),
                    }
                }
                file.push(b'"');
            }
            file.extend(b"\r\n");
        }
        file
    }

    proptest! {
        #[test]
        fn records_come_back_as_they_were_written_and_no_torn_file_passes_for_whole(
            rows in prop::collection::vec(prop::collection::vec(prop::option::of(
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..20),
                    prop::collection::vec(prop::sample::select(b"\"\\\0\n\r,N".to_vec()), 0..8),
                ]), 1..4), 1..12),
            piece in 1usize..50,
        ) {
            let file = written(&rows);
            prop_assert_eq!(read(&file, piece).unwrap(), rows);
            prop_assert!(read(&file[..file.len() - 1], piece).is_err());
        }

        #[test]
        fn no_bytes_make_the_reader_fall_over(bytes in prop::collection::vec(any::<u8>(), 0..200), piece in 1usize..50) {
            let _ = read(&bytes, piece);
        }
    }
}
