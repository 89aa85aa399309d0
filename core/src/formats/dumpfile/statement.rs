//! What stands between the rows of a dump: comments, settings, the head of an INSERT.
//! Knows SQL as dumps use it; reads no row.

/// What a [`Scanner`] came upon.
pub(super) enum Scan {
    /// Something whose end is not at hand.
    Short,
    /// Nothing more at all.
    Nothing,
    /// A comment or a statement without rows.
    Skipped,
    Insert {
        table: Vec<u8>,
        columns: Option<Vec<String>>,
    },
    Wrong(usize, &'static str),
}

/// Reads at one place of the bytes at hand; what has no end there is read again when more is at hand.
pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    ended: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, ended: bool) -> Self {
        Self { bytes, at, ended }
    }

    /// Where it came to.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// Reads one statement or comment; of an INSERT what stands before its rows.
    pub(super) fn statement(&mut self) -> Scan {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace() || b == b';') {
            self.at += 1;
        }
        let from = self.at;
        match self.peek() {
            None => return Scan::Nothing,
            Some(b'/' | b'#' | b'-') => {
                return match self.skip_comment() {
                    Some(true) => Scan::Skipped,
                    Some(false) => Scan::Wrong(from, "expected a statement"),
                    None => Scan::Short,
                };
            }
            Some(_) => {}
        }
        let Some(word) = self.word() else { return Scan::Short };
        match word.as_slice() {
            b"INSERT" | b"REPLACE" => self.insert().unwrap_or(Scan::Short),
            b"SET" | b"USE" | b"LOCK" | b"UNLOCK" | b"BEGIN" | b"START" | b"COMMIT" => match self.skip_to_semicolon() {
                Some(()) => Scan::Skipped,
                None => Scan::Short,
            },
            _ => Scan::Wrong(from, "expected INSERT"),
        }
    }

    /// Reads an INSERT from behind its first word to before its first row. `None`: too short.
    fn insert(&mut self) -> Option<Scan> {
        loop {
            self.skip_space()?;
            let from = self.at;
            if matches!(self.peek()?, b'`' | b'"') {
                break;
            }
            if !matches!(self.word()?.as_slice(), b"INTO" | b"IGNORE") {
                self.at = from;
                break;
            }
        }
        let Some(mut table) = self.name()? else { return Some(Scan::Wrong(self.at, "expected a table")) };
        self.skip_space()?;
        if self.peek()? == b'.' {
            self.at += 1;
            self.skip_space()?;
            match self.name()? {
                Some(name) => table = name,
                None => return Some(Scan::Wrong(self.at, "expected a table")),
            }
            self.skip_space()?;
        }
        let mut columns = None;
        if self.peek()? == b'(' {
            let list: &mut Vec<String> = columns.insert(Vec::new());
            loop {
                self.at += 1;
                self.skip_space()?;
                // Where every column is generated, none is named.
                if list.is_empty() && self.peek()? == b')' {
                    break;
                }
                match self.name()? {
                    Some(name) => list.push(String::from_utf8_lossy(&name).into_owned()),
                    None => return Some(Scan::Wrong(self.at, "expected a column")),
                }
                self.skip_space()?;
                match self.peek()? {
                    b',' => {}
                    b')' => break,
                    _ => return Some(Scan::Wrong(self.at, "expected a comma or the end of the columns")),
                }
            }
            self.at += 1;
            self.skip_space()?;
        }
        let from = self.at;
        match self.word()?.as_slice() {
            b"VALUES" | b"VALUE" => Some(Scan::Insert { table, columns }),
            _ => Some(Scan::Wrong(from, "expected VALUES")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Skips white space and comments; `None`: to the end of what is at hand.
    fn skip_space(&mut self) -> Option<()> {
        loop {
            match self.peek()? {
                b if b.is_ascii_whitespace() => self.at += 1,
                b'/' => {
                    self.skip_comment()?;
                }
                _ => return Some(()),
            }
        }
    }

    /// Skips a comment; `Some(false)`: there is none; `None`: it has no end at hand.
    fn skip_comment(&mut self) -> Option<bool> {
        let rest = &self.bytes[self.at..];
        let next = rest.get(1).copied();
        let (end, length) = match (rest[0], next) {
            (b'#', _) => (b"\n".as_slice(), 0),
            (_, None) if !self.ended => return None,
            (b'-', Some(b'-')) => (b"\n".as_slice(), 2),
            (b'/', Some(b'*')) => (b"*/".as_slice(), 2),
            _ => return Some(false),
        };
        match memchr::memmem::find(&rest[length..], end) {
            Some(found) => self.at += length + found + end.len(),
            None if self.ended && end == b"\n" => self.at = self.bytes.len(),
            None => return None,
        }
        Some(true)
    }

    fn skip_to_semicolon(&mut self) -> Option<()> {
        let mut quote = None;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match quote {
                Some(_) if byte == b'\\' => self.at += 1,
                Some(q) if byte == q => quote = None,
                Some(_) => {}
                None if byte == b';' => return Some(()),
                None if matches!(byte, b'\'' | b'"' | b'`') => quote = Some(byte),
                None => {}
            }
        }
    }

    /// Reads a word of letters in upper case; `None`: it may go on behind what is at hand.
    fn word(&mut self) -> Option<Vec<u8>> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|b| !b.is_ascii_alphabetic())?;
        self.at += length;
        Some(rest[..length].to_ascii_uppercase())
    }

    /// Reads a name, quoted or not; `Some(None)`: there is none; `None`: it may go on behind what is at hand.
    fn name(&mut self) -> Option<Option<Vec<u8>>> {
        let quote = self.peek()?;
        if !matches!(quote, b'`' | b'"') {
            let rest = &self.bytes[self.at..];
            let length =
                rest.iter().position(|&b| !(b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b > 127))?;
            self.at += length;
            return Some((length > 0).then(|| rest[..length].to_vec()));
        }
        let mut name = Vec::new();
        let mut at = self.at + 1;
        loop {
            let end = at + memchr::memchr(quote, &self.bytes[at..])?;
            name.extend_from_slice(&self.bytes[at..end]);
            if *self.bytes.get(end + 1)? != quote {
                self.at = end + 1;
                return Some(Some(name));
            }
            name.push(quote);
            at = end + 2;
        }
    }
}
