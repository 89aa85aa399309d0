//! How a CSV dump is written, and what its files prove of that. Dumpling writes its settings nowhere: `"C:\new"` is one
//! text where backslashes escape and another where they do not. Opens no file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::csv_reader::{CsvReader, CsvStep};

/// The defaults are Dumpling's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvDialect {
    /// Between two fields; one byte.
    pub separator: u8,
    /// Around text; one byte. `None`: nothing.
    pub delimiter: Option<u8>,
    /// Whether a backslash escapes; else a delimiter within a text is doubled.
    pub backslash_escapes: bool,
    /// What stands for NULL, without delimiters.
    pub null: String,
    /// Whether the first line names the columns; else each has a field, in the table's order.
    pub header: bool,
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self { separator: b',', delimiter: Some(b'"'), backslash_escapes: true, null: "\\N".into(), header: true }
    }
}

/// What the user says about a dialect. The rest is read from the files, or is Dumpling's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvSettings {
    pub separator: Option<u8>,
    /// `Some(None)`: no delimiter.
    pub delimiter: Option<Option<u8>>,
    pub backslash_escapes: Option<bool>,
    pub null: Option<String>,
    pub header: Option<bool>,
}

impl CsvSettings {
    /// The dialect, with backslashes as they are said to be, or as given.
    fn dialect(&self, backslash_escapes: bool) -> CsvDialect {
        let default = CsvDialect::default();
        CsvDialect {
            separator: self.separator.unwrap_or(default.separator),
            delimiter: self.delimiter.unwrap_or(default.delimiter),
            backslash_escapes: self.backslash_escapes.unwrap_or(backslash_escapes),
            null: self.null.clone().unwrap_or(default.null),
            header: self.header.unwrap_or(default.header),
        }
    }
}

/// What the files prove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proven {
    /// There is one way to read them, or both ways give the same.
    Dialect(CsvDialect),
    /// With escapes and without, they read well and differently.
    Ambiguous,
    /// No dialect that the settings leave reads them: why, with escapes and without.
    Neither(String, String),
}

/// Reads files both ways, one after the other, until one way is left.
#[derive(Debug)]
pub struct Proof {
    settings: CsvSettings,
    ways: [Way; 2],
    differs: bool,
}

/// One way to read them.
#[derive(Debug)]
struct Way {
    dialect: CsvDialect,
    reader: CsvReader,
    fields: Option<usize>,
    fault: Option<Fault>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    text: String,
    /// Whether it may come from the dialect, where it is the same both ways; else the file is damaged.
    of_dialect: bool,
}

impl Proof {
    pub fn new(settings: CsvSettings) -> Self {
        let way = |escapes| {
            let dialect = settings.dialect(escapes);
            let reader = CsvReader::strict(dialect.clone());
            Way { dialect, reader, fields: None, fault: None }
        };
        Self { ways: [way(true), way(false)], settings, differs: false }
    }

    /// Whether nothing more has to be read: it was said how to read them, or one way is left.
    pub fn is_settled(&self) -> bool {
        self.settings.backslash_escapes.is_some() || self.ways.iter().filter(|way| way.fault.is_none()).count() < 2
    }

    /// Begins a file.
    pub fn begin(&mut self) {
        for way in &mut self.ways {
            way.reader = CsvReader::strict(way.dialect.clone());
            way.fields = None;
        }
    }

    /// The next bytes of the file; none: it is at its end. `name` is for the fault.
    pub fn feed(&mut self, name: &str, bytes: &[u8]) {
        for way in self.ways.iter_mut().filter(|way| way.fault.is_none()) {
            way.feed(name, bytes);
            self.differs |= way.reader.has_backslashes();
        }
    }

    pub fn result(&self) -> Proven {
        let [escaped, plain] = &self.ways;
        match (&escaped.fault, &plain.fault) {
            _ if self.settings.backslash_escapes.is_some() => Proven::Dialect(escaped.dialect.clone()),
            (None, None) if self.differs => Proven::Ambiguous,
            (None, _) => Proven::Dialect(escaped.dialect.clone()),
            (Some(_), None) => Proven::Dialect(plain.dialect.clone()),
            // A file that is damaged is told by anyone who takes its rows.
            (Some(one), Some(other)) if one == other && !one.of_dialect => Proven::Dialect(escaped.dialect.clone()),
            (Some(one), Some(other)) => Proven::Neither(one.text.clone(), other.text.clone()),
        }
    }
}

impl Way {
    fn feed(&mut self, name: &str, bytes: &[u8]) {
        match bytes {
            [] => self.reader.end(),
            bytes => self.reader.feed(bytes),
        }
        loop {
            let (what, of_dialect) = match self.reader.next_record() {
                Ok(CsvStep::Hungry | CsvStep::End) => return,
                Ok(CsvStep::Record(record)) => {
                    let first = self.fields.is_none();
                    let fields = *self.fields.get_or_insert(record.len());
                    let named = first && self.dialect.header;
                    match bare_fault(&self.dialect, record.bare().filter(|_| !named)) {
                        _ if record.len() != fields => {
                            (format!("a line has {} fields, the first has {fields}", record.len()), false)
                        }
                        Some(fault) => (fault.to_owned(), true),
                        None => continue,
                    }
                }
                Err(fault) => (fault.to_string(), self.fields.is_none()),
            };
            self.fault = Some(Fault { text: format!("{name}: {what}"), of_dialect });
            return;
        }
    }
}

/// What is wrong with values that stand without delimiters: these are numbers, where text has delimiters.
pub fn bare_fault<'a>(dialect: &CsvDialect, mut bare: impl Iterator<Item = &'a [u8]>) -> Option<&'static str> {
    let number = |field: &[u8]| {
        !field.is_empty() && field.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'))
    };
    dialect.delimiter?;
    bare.any(|field| !number(field))
        .then_some("a value without quotes is neither a number nor the word for NULL: say that word by `-csv-null`")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn prove(settings: CsvSettings, files: &[&str]) -> Proven {
        let mut proof = Proof::new(settings);
        for (number, file) in files.iter().enumerate() {
            proof.begin();
            for piece in file.as_bytes().chunks(3) {
                proof.feed(&format!("f{number}"), piece);
            }
            proof.feed(&format!("f{number}"), &[]);
        }
        proof.result()
    }

    #[test]
    fn files_prove_whether_backslashes_escape_or_it_is_told_that_they_do_not() {
        const HEAD: &str = "\"id\",\"v\"\r\n";
        for (rows, expected) in [
            (&["1,\"x\"\r\n"][..], "escapes"),
            (&["1,\\N\r\n2,\"\"\r\n"], "escapes"),
            // Only with escapes.
            (&["1,\"a\\\"b\"\r\n"], "escapes"),
            (&["1,\"a\\\",b\"\r\n"], "escapes"),
            // Only without.
            (&["1,\"a\"\"b\"\r\n"], "plain"),
            (&["1,\"a\nb\"\r\n"], "plain"),
            (&["1,\"C:\\dir\"\r\n"], "plain"),
            (&["1,\"C:\\\"\r\n2,\"x\"\r\n"], "plain"),
            // Both.
            (&["1,\"C:\\new\\readme\"\r\n"], "ambiguous"),
            (&["1,\"a\\\\b\"\r\n"], "ambiguous"),
            // One file tells of all.
            (&["1,\"C:\\new\"\r\n", "2,\"a\"\"b\"\r\n"], "plain"),
            (&["1,\"C:\\new\"\r\n", "2,\"{\\\"k\\\": 1}\"\r\n"], "escapes"),
            // Damaged, and told later.
            (&["1,\"x"], "escapes"),
            (&["1,\"x\",2\r\n"], "escapes"),
            // Another dialect altogether.
            (&["1,NULL\r\n"], "neither"),
            (&["1,\r\n"], "neither"),
        ] {
            let files: Vec<String> = rows.iter().map(|rows| format!("{HEAD}{rows}")).collect();
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let told = match prove(CsvSettings::default(), &files) {
                Proven::Dialect(dialect) if dialect.backslash_escapes => "escapes",
                Proven::Dialect(_) => "plain",
                Proven::Ambiguous => "ambiguous",
                Proven::Neither(..) => "neither",
            };
            assert_eq!(told, expected, "{files:?}");
        }
        assert!(matches!(prove(CsvSettings::default(), &["\"id\";\"v\"\r\n1;\"x\"\r\n"]), Proven::Neither(..)));
        let said = CsvSettings { backslash_escapes: Some(false), ..CsvSettings::default() };
        let Proven::Dialect(dialect) = prove(said, &["\"v\"\r\n\"C:\\new\"\r\n"]) else { panic!() };
        assert!(!dialect.backslash_escapes);
        let null = CsvSettings { null: Some("NULL".into()), ..CsvSettings::default() };
        assert!(matches!(prove(null, &["\"id\",\"v\"\r\n1,NULL\r\n"]), Proven::Dialect(_)));
    }
}
