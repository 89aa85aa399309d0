//! Rows as INSERT text, a few to a statement, as Dumpling writes them.
//! Knows how a cell stands in SQL; does not know files, nor when one is full.

use super::{WidthFault, escapes, push_escaped, push_hex};
use crate::words::addr::sql_ident;

/// How the cells of a column stand in INSERT text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellForm {
    /// A number, as it is.
    Bare,
    /// In quotes, escaped.
    Text,
    /// Bytes: `x'…'`.
    Hex,
    /// In quotes, escaped: a JSON document.
    Json,
    /// A bit field: its number, as it is.
    Bit,
}

/// Writes the rows of one table. Call [`InsertWriter::finish`] at the end of each file.
#[derive(Clone, Debug)]
pub struct InsertWriter {
    head: Vec<u8>,
    forms: Vec<CellForm>,
    statement_size: usize,
    /// Bytes of the statement that is open; 0: none is.
    written: usize,
}

/// Bytes of a value after which a large one may be spilled.
const PIECE: usize = 64 * 1024;

/// Why a row was not written.
#[derive(Debug)]
pub enum PushFault<E> {
    Width(WidthFault),
    /// What the taker of the text says.
    Spill(E),
}

const SQL_ESCAPES: [u8; 256] =
    escapes(&[(0, b'0'), (b'\n', b'n'), (b'\r', b'r'), (b'\\', b'\\'), (b'\'', b'\''), (b'"', b'"'), (0x1a, b'Z')]);

impl InsertWriter {
    /// `columns` are named where the cells are not all of the table's columns (generated ones are never written).
    /// A statement ends with the row that brings it to `statement_size` bytes.
    pub fn new<S: AsRef<str>>(table: &str, columns: Option<&[S]>, statement_size: usize, forms: Vec<CellForm>) -> Self {
        let columns = columns.map_or(String::new(), |names| {
            let names: Vec<String> = names.iter().map(|name| sql_ident(name.as_ref())).collect();
            format!(" ({})", names.join(","))
        });
        let head = format!("INSERT INTO {}{columns} VALUES\n", sql_ident(table)).into_bytes();
        Self { head, forms, statement_size, written: 0 }
    }

    /// Appends a row. On a fault nothing is appended.
    pub fn push_row(&mut self, cells: &[Option<&[u8]>], out: &mut Vec<u8>) -> Result<(), WidthFault> {
        let pushed = self.push_row_in_pieces(cells, out, &mut |_| Ok::<(), std::convert::Infallible>(()));
        pushed.map_err(|PushFault::Width(fault)| fault)
    }

    /// [`InsertWriter::push_row`] for rows of any size: `spill` may take away what stands in `out`, and is asked now and
    /// then in the middle of a large value, so that no text of it stands in memory as a whole.
    pub fn push_row_in_pieces<E>(
        &mut self,
        cells: &[Option<&[u8]>],
        out: &mut Vec<u8>,
        spill: &mut dyn FnMut(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), PushFault<E>> {
        if cells.len() != self.forms.len() {
            return Err(PushFault::Width(WidthFault { expected: self.forms.len(), found: cells.len() }));
        }
        let mut before = out.len();
        if self.written >= self.statement_size {
            self.finish(out);
        }
        if self.written == 0 {
            out.extend_from_slice(&self.head);
        } else {
            out.extend_from_slice(b",\n");
        }
        out.push(b'(');
        for (at, (cell, form)) in cells.iter().zip(&self.forms).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            let mut piecewise = |bytes: &[u8], out: &mut Vec<u8>, push: fn(&[u8], &mut Vec<u8>)| {
                if bytes.len() <= PIECE {
                    push(bytes, out);
                    return Ok(());
                }
                for piece in bytes.chunks(PIECE) {
                    push(piece, out);
                    self.written += out.len() - before;
                    spill(out).map_err(PushFault::Spill)?;
                    before = out.len();
                }
                Ok(())
            };
            match (cell, form) {
                (None, _) => out.extend_from_slice(b"NULL"),
                // `-0` is an integer's: without the exponent the sign of a FLOAT or DOUBLE would be lost.
                (Some(b"-0"), CellForm::Bare) => out.extend_from_slice(b"-0e0"),
                (Some(bytes), CellForm::Bare | CellForm::Bit) => out.extend_from_slice(bytes),
                (Some(bytes), CellForm::Text | CellForm::Json) => {
                    out.push(b'\'');
                    piecewise(bytes, out, |bytes, out| push_escaped(bytes, &SQL_ESCAPES, out))?;
                    out.push(b'\'');
                }
                (Some(bytes), CellForm::Hex) => {
                    out.extend_from_slice(b"x'");
                    piecewise(bytes, out, push_hex)?;
                    out.push(b'\'');
                }
            }
        }
        out.push(b')');
        self.written += out.len() - before;
        Ok(())
    }

    /// Ends the open statement, if there is one.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.written > 0 {
            out.extend_from_slice(b";\n");
            self.written = 0;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn check(forms: &[CellForm], cells: &[Option<&[u8]>], expected: &str) {
        let mut writer = InsertWriter::new::<&str>("t", None, 1 << 20, forms.to_vec());
        let mut out = Vec::new();
        writer.push_row(cells, &mut out).unwrap();
        writer.finish(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("INSERT INTO `t` VALUES\n{expected};\n"));
    }

    #[test]
    fn each_form_writes_its_sql() {
        check(&[CellForm::Bare, CellForm::Bit], &[Some(b"-1.5e10"), Some(b"7")], "(-1.5e10,7)");
        check(&[CellForm::Bare, CellForm::Bare], &[Some(b"-0"), Some(b"-0.5")], "(-0e0,-0.5)");
        check(&[CellForm::Text; 3], &[Some(b"a"), Some(b""), None], "('a','',NULL)");
        check(&[CellForm::Text], &[Some(b"\0\n\r\\'\"\x1a\t%_")], "('\\0\\n\\r\\\\\\'\\\"\\Z\t%_')");
        check(&[CellForm::Text], &[Some("é\u{1F600}".as_bytes())], "('é\u{1F600}')");
        check(&[CellForm::Hex; 3], &[Some(b"\x00\xffA"), Some(b""), None], "(x'00ff41',x'',NULL)");
        check(&[CellForm::Json], &[Some(br#"{"a": "\n"}"#)], r#"('{\"a\": \"\\n\"}')"#);
        check(&[], &[], "()");
    }

    #[test]
    fn a_statement_ends_at_its_size_and_a_file_where_it_is_finished() {
        let mut writer = InsertWriter::new("a`b", Some(&["x", "y`"]), 45, vec![CellForm::Bare; 2]);
        let mut out = Vec::new();
        for n in 0..3 {
            let n = n.to_string();
            writer.push_row(&[Some(n.as_bytes()), None], &mut out).unwrap();
        }
        writer.finish(&mut out);
        writer.finish(&mut out);
        writer.push_row(&[Some(b"9"), None], &mut out).unwrap();
        writer.finish(&mut out);
        let head = "INSERT INTO `a``b` (`x`,`y```) VALUES\n";
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("{head}(0,NULL);\n{head}(1,NULL);\n{head}(2,NULL);\n{head}(9,NULL);\n")
        );
        let mut writer = InsertWriter::new::<&str>("t", None, 40, vec![CellForm::Bare]);
        let mut out = Vec::new();
        for n in 10..16 {
            writer.push_row(&[Some(n.to_string().as_bytes())], &mut out).unwrap();
        }
        writer.finish(&mut out);
        let head = "INSERT INTO `t` VALUES\n";
        assert_eq!(String::from_utf8(out).unwrap(), format!("{head}(10),\n(11),\n(12),\n(13);\n{head}(14),\n(15);\n"));
    }

    #[test]
    fn a_large_value_is_written_in_pieces_and_its_statement_counts_all_of_them() {
        let large = vec![b'\''; 3 * PIECE + 5];
        let row: [Option<&[u8]>; 3] = [Some(b"1"), Some(&large), Some(&large)];
        let forms = vec![CellForm::Bare, CellForm::Text, CellForm::Hex];
        let mut writer = InsertWriter::new::<&str>("t", None, 1 << 20, forms.clone());
        let (mut at_once, mut out, mut spilled, mut most) = (Vec::new(), Vec::new(), Vec::new(), 0);
        let mut pieces = InsertWriter::new::<&str>("t", None, 1 << 20, forms);
        for _ in 0..3 {
            writer.push_row(&row, &mut at_once).unwrap();
            let mut spill = |out: &mut Vec<u8>| {
                most = most.max(out.len());
                spilled.append(out);
                Ok::<(), ()>(())
            };
            pieces.push_row_in_pieces(&row, &mut out, &mut spill).unwrap();
        }
        spilled.append(&mut out);
        assert!(spilled == at_once && most < 3 * PIECE, "{most}");
        assert_eq!(memchr::memmem::find_iter(&at_once, b"INSERT").count(), 2);
    }

    #[test]
    fn a_row_of_another_width_is_refused_and_nothing_written() {
        let mut writer = InsertWriter::new::<&str>("t", None, 1, vec![CellForm::Bare]);
        let mut out = Vec::new();
        assert_eq!(writer.push_row(&[None, None], &mut out), Err(WidthFault { expected: 1, found: 2 }));
        assert!(out.is_empty());
    }
}
