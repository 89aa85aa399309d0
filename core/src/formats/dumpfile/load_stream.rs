//! Rows as the stream of a `LOAD DATA LOCAL INFILE`, and the clauses of the statement that go with it.
//! Knows how a cell stands in the stream; does not know connections, batches or what the server answers.

use super::{WidthFault, escapes, push_escaped, push_hex};
use crate::words::addr::{TableName, sql_ident};

/// How the cells of a column stand in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadForm {
    /// As they are, escaped. For text and numbers; for bytes where [`super::load_form`] says that the target takes them.
    Escaped,
    /// As hexadecimal digits, loaded through `UNHEX`: for bytes. `UNHEX` of a user variable keeps every byte.
    Hex,
    /// A number in decimal, loaded through `CAST(… AS UNSIGNED)`: for bit fields, which take a bare `7` as the byte 0x37.
    Number,
    /// The text of an ENUM's member; the empty text is its error value, which no member has.
    Member,
    /// The number of an ENUM's member, where one of them is the empty text; 0 is its error value.
    MemberNumber,
}

/// A piece of the stream. One behind the other they are what the server reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Bytes(Vec<u8>),
    /// Stands for the hexadecimal digits of these bytes: half of the memory while a batch waits to be sent.
    Hex(Vec<u8>),
}

impl Piece {
    /// What is sent.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Hex(bytes) => {
                let mut digits = Vec::new();
                push_hex(&bytes, &mut digits);
                digits
            }
        }
    }

    /// The length of that.
    pub fn sent(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Hex(bytes) => bytes.len() * 2,
        }
    }
}

/// Writes rows of one table. Takes the same cells as [`super::InsertWriter`].
#[derive(Clone, Debug)]
pub struct TsvEncoder {
    forms: Vec<LoadForm>,
    /// The columns that may have the error value of an ENUM, by place, and how a row has it.
    error_forms: Vec<(usize, &'static [u8])>,
}

/// Bytes of a long value that go into one piece.
const LONG_PIECE: usize = 128 * 1024;

const LOAD_ESCAPES: [u8; 256] =
    escapes(&[(0, b'0'), (b'\t', b't'), (b'\n', b'n'), (b'\r', b'r'), (b'\\', b'\\'), (0x1a, b'Z')]);

impl TsvEncoder {
    pub fn new(forms: Vec<LoadForm>) -> Self {
        let error_form = |(at, form): (usize, &LoadForm)| match form {
            LoadForm::Member => Some((at, b"".as_slice())),
            LoadForm::MemberNumber => Some((at, b"0".as_slice())),
            LoadForm::Escaped | LoadForm::Number | LoadForm::Hex => None,
        };
        let error_forms = forms.iter().enumerate().filter_map(error_form).collect();
        Self { forms, error_forms }
    }

    /// Appends a row. On a fault nothing is appended. Gives how many of its cells are an ENUM's error value: a server
    /// stores each and warns of it, once (tried on MySQL 9.7, TiDB 8.5.6 and MariaDB 10.11).
    pub fn push_row(&self, cells: &[Option<&[u8]>], out: &mut Vec<u8>) -> Result<u64, WidthFault> {
        // No cell is as long as this, so there is nothing to give away.
        self.push_row_in_pieces(cells, out, usize::MAX, &mut |_| {})
    }

    /// The same; a cell of `long` bytes or more is given away piece by piece as it is written, with what stood in `out`
    /// before it, so that a large value never stands there as a whole.
    pub fn push_row_in_pieces(
        &self,
        cells: &[Option<&[u8]>],
        out: &mut Vec<u8>,
        long: usize,
        give: &mut dyn FnMut(Piece),
    ) -> Result<u64, WidthFault> {
        if cells.len() != self.forms.len() {
            return Err(WidthFault { expected: self.forms.len(), found: cells.len() });
        }
        for (at, (cell, form)) in cells.iter().zip(&self.forms).enumerate() {
            if at > 0 {
                out.push(b'\t');
            }
            match (cell, form) {
                (None, _) => out.extend_from_slice(b"\\N"),
                (Some(bytes), form) if bytes.len() >= long => {
                    give(Piece::Bytes(std::mem::take(out)));
                    for part in bytes.chunks(LONG_PIECE) {
                        give(match form {
                            LoadForm::Hex => Piece::Hex(part.to_vec()),
                            _ => {
                                let mut escaped = Vec::with_capacity(part.len());
                                push_escaped(part, &LOAD_ESCAPES, &mut escaped);
                                Piece::Bytes(escaped)
                            }
                        });
                    }
                }
                (Some(bytes), LoadForm::Hex) => push_hex(bytes, out),
                (Some(bytes), _) => push_escaped(bytes, &LOAD_ESCAPES, out),
            }
        }
        if self.forms.is_empty() {
            // An empty line is not a row to every server.
            out.extend_from_slice(b"\\N");
        }
        out.push(b'\n');
        Ok(self.error_values(cells))
    }

    /// How many of a row's cells are the error value of an ENUM.
    pub fn error_values(&self, cells: &[Option<&[u8]>]) -> u64 {
        let is_one = |(at, none): &&(usize, &[u8])| cells.get(*at).is_some_and(|cell| *cell == Some(*none));
        self.error_forms.iter().filter(is_one).count() as u64
    }

    /// The statement that loads the stream into these columns. The server asks for the file by the name `file`.
    pub fn statement<S: AsRef<str>>(&self, table: &TableName, columns: &[S], file: &str) -> String {
        let mut fields = Vec::with_capacity(columns.len());
        let mut sets = Vec::new();
        for (at, (column, form)) in columns.iter().zip(&self.forms).enumerate() {
            let name = sql_ident(column.as_ref());
            match form {
                LoadForm::Escaped | LoadForm::Member => fields.push(name),
                LoadForm::Hex => {
                    fields.push(format!("@v{at}"));
                    sets.push(format!("{name} = UNHEX(@v{at})"));
                }
                LoadForm::Number | LoadForm::MemberNumber => {
                    fields.push(format!("@v{at}"));
                    sets.push(format!("{name} = CAST(@v{at} AS UNSIGNED)"));
                }
            }
        }
        if fields.is_empty() {
            // A row of generated columns only: it has no value of its own.
            fields.push("@none".to_owned());
        }
        let set = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
        format!(
            "LOAD DATA LOCAL INFILE '{}' INTO TABLE {} CHARACTER SET utf8mb4 \
             FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' ({}){set}",
            file.replace('\\', "\\\\").replace('\'', "''"),
            table.sql(),
            fields.join(", ")
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn check(forms: &[LoadForm], cells: &[Option<&[u8]>], expected: &str) {
        let mut out = Vec::new();
        TsvEncoder::new(forms.to_vec()).push_row(cells, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_row_without_a_value_is_a_line_all_the_same() {
        check(&[], &[], "\\N\n");
        let none: [&str; 0] = [];
        let sql = TsvEncoder::new(Vec::new()).statement(&TableName::new("s", "t"), &none, "f");
        assert!(sql.ends_with("(@none)"), "{sql}");
    }

    #[test]
    fn a_row_is_a_line_in_which_nothing_ends_a_field_early() {
        check(&[LoadForm::Escaped; 3], &[Some(b"a"), None, Some(b"")], "a\t\\N\t\n");
        check(&[LoadForm::Escaped], &[Some(b"\t\n\r\0\\\x1a'\"")], "\\t\\n\\r\\0\\\\\\Z'\"\n");
        check(&[LoadForm::Escaped], &[Some(b"\\N")], "\\\\N\n");
        check(&[LoadForm::Escaped], &[Some(b"NULL")], "NULL\n");
        check(&[LoadForm::Hex; 3], &[Some(b"\x00\t\xff"), None, Some(b"")], "0009ff\t\\N\t\n");
        check(&[LoadForm::Number], &[Some(b"18446744073709551615")], "18446744073709551615\n");
    }

    #[test]
    fn a_long_value_goes_in_pieces_and_the_stream_is_the_same() {
        let long: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
        for form in [LoadForm::Escaped, LoadForm::Hex] {
            let encoder = TsvEncoder::new(vec![LoadForm::Number, form, LoadForm::Escaped]);
            let cells: [Option<&[u8]>; 3] = [Some(b"7"), Some(&long), Some(b"a\tb")];
            let mut whole = Vec::new();
            encoder.push_row(&cells, &mut whole).unwrap();
            let (mut rest, mut pieces) = (Vec::new(), Vec::new());
            encoder.push_row_in_pieces(&cells, &mut rest, 1_000, &mut |piece| pieces.push(piece)).unwrap();
            assert!(pieces.iter().all(|piece| piece.sent() < 2 * LONG_PIECE + 1), "{form:?}");
            let sent: usize = pieces.iter().map(Piece::sent).sum();
            let mut stream: Vec<u8> = pieces.into_iter().flat_map(Piece::into_bytes).collect();
            assert_eq!(sent, stream.len());
            stream.extend(rest);
            assert!(stream == whole, "{form:?}");
        }
    }

    #[test]
    fn the_error_values_of_an_enum_are_counted() {
        let encoder = TsvEncoder::new(vec![LoadForm::Member, LoadForm::MemberNumber, LoadForm::Escaped]);
        for (cells, error_values) in [
            ([Some("a"), Some("1"), Some("")], 0),
            ([Some(""), Some("0"), Some("0")], 2),
            ([None, None, None], 0),
            ([Some("0"), Some("10"), None], 0),
        ] {
            let cells = cells.map(|cell| cell.map(str::as_bytes));
            assert_eq!(encoder.push_row(&cells, &mut Vec::new()), Ok(error_values), "{cells:?}");
        }
    }

    #[test]
    fn the_statement_loads_bytes_through_unhex_and_bits_as_numbers() {
        let encoder = TsvEncoder::new(vec![LoadForm::Escaped, LoadForm::Hex, LoadForm::Number]);
        assert_eq!(
            encoder.statement(&TableName::new("shop", "a`b"), &["id", "pic`", "flags"], "part-7"),
            "LOAD DATA LOCAL INFILE 'part-7' INTO TABLE `shop`.`a``b` CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' \
             ESCAPED BY '\\\\' LINES TERMINATED BY '\\n' (`id`, @v1, @v2) SET `pic``` = UNHEX(@v1), \
             `flags` = CAST(@v2 AS UNSIGNED)"
        );
    }

    #[test]
    fn a_row_of_another_width_is_refused_and_nothing_written() {
        let mut out = Vec::new();
        let found = TsvEncoder::new(vec![LoadForm::Hex]).push_row(&[], &mut out);
        assert_eq!((found, out.is_empty()), (Err(WidthFault { expected: 1, found: 0 }), true));
    }
}
