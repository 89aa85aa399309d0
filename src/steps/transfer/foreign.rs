//! Rows out of the files of Dumpling and mydumper, each value as mig's own dump would have it: columns in the table's
//! order, bit fields as numbers, text as utf8mb4, a FLOAT as what the column keeps. So that one row has one hash, from
//! whichever tool its file is.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::formats::dumpfile::csv_dialect::bare_fault;
use crate::formats::dumpfile::members::{by_number, number_of};
use crate::formats::dumpfile::{Cell, CsvDialect, CsvReader, CsvStep, InsertReader, Packing, Row, Step};
use crate::formats::steps::{DumpTool, Writing};
use crate::formats::structure::{Column, Table};
use crate::steps::transfer::part_reader;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// Bytes of the file that are read at a time.
const PIECE: usize = 256 * 1024;

/// Reads one file from its start.
pub struct ForeignRows {
    file: part_reader::Bytes,
    path: PathBuf,
    format: Format,
    columns: Columns,
    piece: Vec<u8>,
    row: u64,
}

enum Format {
    Sql(InsertReader),
    Csv { reader: Box<CsvReader>, dialect: CsvDialect, begun: bool },
}

/// How a row of the file becomes a row of the table.
struct Columns {
    names: Vec<String>,
    forms: Vec<Form>,
    /// For each column of the table its place in the file's row; empty: the same.
    order: Vec<usize>,
    table: String,
    /// The INSERT that `order` is of.
    statement: u64,
}

/// A value of the file, and whether it stands there without quotes.
type Value<'a> = Option<(&'a [u8], bool)>;

/// How a value is written otherwise than mig writes it.
enum Form {
    Same,
    /// Its bytes, the first the highest.
    Bit,
    /// Leading zeros are a way to show.
    Zerofill,
    /// Digits that the column cuts to single precision.
    Single,
    /// The text of an ENUM or SET that goes by number.
    Number(Box<Column>),
    /// Text in the column's own charset.
    Charset(&'static encoding_rs::Encoding),
}

impl ForeignRows {
    pub fn open(path: PathBuf, table: &Table, writing: &Writing) -> Outcome<Self> {
        let file = part_reader::open(&path, 0).map_err(|e| read_fault(&path, &e))?;
        let csv = path.file_name().and_then(|name| name.to_str()).is_some_and(|n| Packing::of(n).0.ends_with(".csv"));
        let dialect = writing.csv.clone();
        let format = match csv {
            true => {
                let (reader, begun) = (Box::new(CsvReader::new(dialect.clone())), !dialect.header);
                Format::Csv { reader, dialect, begun }
            }
            false => Format::Sql(InsertReader::strict()),
        };
        let columns = Columns::of(&path, table, writing.tool)?;
        Ok(Self { file, path, format, columns, piece: vec![0; PIECE], row: 0 })
    }

    /// One row to `take`, with its number from 0; false at the file's end.
    pub fn advance(&mut self, take: &mut dyn FnMut(u64, &[Option<&[u8]>]) -> Outcome<()>) -> Outcome<bool> {
        let Self { file, path, format, columns, piece, row } = self;
        loop {
            let hungry = match format {
                Format::Sql(reader) => {
                    match reader.next_row().map_err(|f| spoiled(path, &format!("row {}: {f}", *row + 1)))? {
                        Step::End => return Ok(false),
                        Step::Hungry => true,
                        Step::Row(found) => {
                            columns.begin(path, &found)?;
                            let cells: Vec<Cell<'_>> = found.cells().collect();
                            let bare = |cell: &Cell<'_>| matches!(cell, Cell::Bare(_));
                            let values: Vec<Value<'_>> =
                                cells.iter().map(|cell| cell.as_bytes().map(|bytes| (bytes, bare(cell)))).collect();
                            columns.row(path, *row, &values, take)?;
                            *row += 1;
                            return Ok(true);
                        }
                    }
                }
                Format::Csv { reader, dialect, begun } => {
                    match reader.next_record().map_err(|f| spoiled(path, &format!("row {}: {f}", *row + 1)))? {
                        CsvStep::End => return Ok(false),
                        CsvStep::Hungry => true,
                        CsvStep::Record(record) if !*begun => {
                            let name =
                                |field: Option<&[u8]>| String::from_utf8_lossy(field.unwrap_or_default()).into_owned();
                            let names: Vec<String> = record.fields().map(name).collect();
                            columns.list(path, &names)?;
                            *begun = true;
                            false
                        }
                        CsvStep::Record(record) => {
                            if let Some(fault) = bare_fault(dialect, record.bare()) {
                                return Err(spoiled(path, &format!("row {}: {fault}", *row + 1)));
                            }
                            let values: Vec<Value<'_>> =
                                record.fields().map(|field| field.map(|f| (f, false))).collect();
                            columns.row(path, *row, &values, take)?;
                            *row += 1;
                            return Ok(true);
                        }
                    }
                }
            };
            if !hungry {
                continue;
            }
            let read = file.read(piece).map_err(|e| read_fault(path, &e))?;
            match (&mut *format, read) {
                (Format::Sql(reader), 0) => reader.end(),
                (Format::Sql(reader), read) => reader.feed(&piece[..read]),
                (Format::Csv { reader, .. }, 0) => reader.end(),
                (Format::Csv { reader, .. }, read) => reader.feed(&piece[..read]),
            }
        }
    }
}

impl Columns {
    fn of(path: &Path, table: &Table, tool: DumpTool) -> Outcome<Self> {
        let columns: Vec<&Column> = table.data_columns().collect();
        let forms: Outcome<Vec<Form>> = columns.iter().map(|column| Form::of(path, column, tool)).collect();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Ok(Self { names, forms: forms?, order: Vec::new(), table: table.name.name.clone(), statement: 0 })
    }

    /// Looks at the INSERT that a row stands in, once for all its rows.
    fn begin(&mut self, path: &Path, row: &Row<'_>) -> Outcome<()> {
        if row.statement() == self.statement {
            return Ok(());
        }
        // mydumper calls a table as it is named; where a server folds names, the case may differ.
        if !row.table().eq_ignore_ascii_case(&self.table) {
            return Err(spoiled(path, &format!("it holds rows of another table, `{}`", row.table())));
        }
        match row.columns() {
            Some(listed) => self.list(path, listed)?,
            None => self.order.clear(),
        }
        self.statement = row.statement();
        Ok(())
    }

    /// Takes the list of columns that a statement or a header names.
    fn list(&mut self, path: &Path, listed: &[String]) -> Outcome<()> {
        if self.names.is_empty() {
            // Dumpling names what it puts in their place.
            return Ok(());
        }
        let place = |name: &String| listed.iter().position(|other| other == name);
        if let Some(name) = listed.iter().find(|name| !self.names.contains(name)) {
            return Err(spoiled(path, &format!("it names a column `{name}`, which the table does not have")));
        }
        self.order.clear();
        for name in &self.names {
            match place(name) {
                Some(place) => self.order.push(place),
                None => return Err(spoiled(path, &format!("it lacks the column `{name}` of the table"))),
            }
        }
        if listed.len() > self.names.len() {
            return Err(spoiled(path, "it names a column twice"));
        }
        Ok(())
    }

    fn row(
        &self,
        path: &Path,
        row: u64,
        values: &[Value<'_>],
        take: &mut dyn FnMut(u64, &[Option<&[u8]>]) -> Outcome<()>,
    ) -> Outcome<()> {
        let fault = |cause: &str| spoiled(path, &format!("row {}: {cause}", row + 1));
        if let ([], [Some((b"", _))]) = (self.names.as_slice(), values) {
            // A row of generated columns only: Dumpling writes an empty text for it.
            return take(row, &[]);
        }
        if values.len() != self.names.len() {
            let cause = format!("it has {} values where the table has {} columns", values.len(), self.names.len());
            return Err(fault(&cause));
        }
        let mut cells: Vec<Option<Cow<'_, [u8]>>> = Vec::with_capacity(values.len());
        for (at, form) in self.forms.iter().enumerate() {
            let value = values[self.order.get(at).copied().unwrap_or(at)];
            let told = |what: &str| fault(&format!("the value of `{}` {what}", self.names[at]));
            cells.push(value.map(|(value, bare)| form.read(value, bare).map_err(told)).transpose()?);
        }
        let cells: Vec<Option<&[u8]>> = cells.iter().map(|cell| cell.as_deref()).collect();
        take(row, &cells)
    }
}

impl Form {
    fn of(path: &Path, column: &Column, tool: DumpTool) -> Outcome<Self> {
        Ok(match (column.data_type.as_str(), column.charset.as_deref()) {
            ("bit", _) => Self::Bit,
            // With decimals the column keeps the digits that are shown.
            ("float", _) if !column.column_type.contains('(') => Self::Single,
            _ if column.column_type.contains("zerofill") => Self::Zerofill,
            _ if by_number(column) => Self::Number(Box::new(column.clone())),
            (_, Some(charset)) if tool == DumpTool::Mydumper => match charset {
                "utf8mb4" | "utf8mb3" | "utf8" | "ascii" | "binary" => Self::Same,
                _ => Self::Charset(encoding(charset).ok_or_else(|| unknown_charset(path, column, charset))?),
            },
            _ => Self::Same,
        })
    }

    fn read<'a>(&self, value: &'a [u8], bare: bool) -> Result<Cow<'a, [u8]>, &'static str> {
        Ok(match self {
            Self::Same => Cow::Borrowed(value),
            Self::Bit if bare => Cow::Borrowed(value),
            Self::Bit => {
                if value.len() > 8 {
                    return Err("is longer than 64 bits");
                }
                let number = value.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
                Cow::Owned(number.to_string().into_bytes())
            }
            Self::Zerofill => {
                let zeros = value.iter().take_while(|byte| **byte == b'0').count();
                let zeros = zeros.min(value.len().saturating_sub(1));
                // `000.50` is 0.50.
                let zeros = if value.get(zeros) == Some(&b'.') { zeros.saturating_sub(1) } else { zeros };
                Cow::Borrowed(&value[zeros..])
            }
            Self::Single => {
                let text = std::str::from_utf8(value).unwrap_or_default();
                let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
                let number = number.ok_or("is not a floating-point number")?;
                Cow::Owned(format!("{:e}", f64::from(number)).into_bytes())
            }
            Self::Number(_) if bare => Cow::Borrowed(value),
            Self::Number(column) => {
                let text = std::str::from_utf8(value).unwrap_or("?");
                Cow::Owned(number_of(column, text).ok_or("is not a member of the column")?.to_string().into_bytes())
            }
            Self::Charset(encoding) => {
                let text = encoding.decode_without_bom_handling_and_without_replacement(value);
                match text.ok_or("is not text of the column's charset")? {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                }
            }
        })
    }
}

/// Charsets of MySQL whose text is read here. latin1 and gbk are compared with the servers over all their characters,
/// gb18030 is not.
fn encoding(charset: &str) -> Option<&'static encoding_rs::Encoding> {
    Some(match charset {
        "latin1" => encoding_rs::WINDOWS_1252,
        "gbk" => encoding_rs::GBK,
        "gb18030" => encoding_rs::GB18030,
        _ => return None,
    })
}

fn unknown_charset(path: &Path, column: &Column, charset: &str) -> Failure {
    Failure::new(
        codes::UNREAD_CHARSET,
        format!("read the dump file {}", path.display()),
        format!("the column `{}` holds text in {charset}, as mydumper writes it, which is not read here", column.name),
        "Make the dump with Dumpling, which writes utf8mb4; or move the table with `mig apply`.",
    )
}

/// A file of another tool's dump that does not hold what it should.
pub fn spoiled(path: &Path, cause: &str) -> Failure {
    Failure::new(
        codes::IMPORT_FILE_DAMAGED,
        format!("read the dump file {}", path.display()),
        cause,
        "Nothing of this file was loaded. Get the file again from where the dump was made, or make the dump again; then \
         run the command again.",
    )
}

fn read_fault(path: &Path, error: &std::io::Error) -> Failure {
    let failure = part_reader::fault(path, error);
    if failure.code == codes::DUMP_FILE_CHANGED { spoiled(path, &failure.cause) } else { failure }
}
