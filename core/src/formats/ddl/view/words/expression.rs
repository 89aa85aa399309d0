//! Expressions: what each is as far as collations go, by MySQL's manual ("Operator Precedence"); the brackets that servers
//! print make a full grammar needless.

use std::collections::BTreeMap;

use super::functions::{Result as Gives, of_function};
use super::{Columns, DEPTH, Item, Kind, Reader};
use crate::formats::ddl::view::{Kind as PieceKind, Piece, closing};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    None,
    Compares,
    Counts,
    Logic,
    /// `is null`: what stood before it is done.
    Done,
}

impl<'a> Reader<'a> {
    /// One expression, up to what belongs to no expression.
    pub(super) fn expression(&mut self) -> Option<Item> {
        self.depth += 1;
        if self.depth > DEPTH {
            return None;
        }
        let mut operands: Vec<Item> = Vec::new();
        let (mut compares, mut counts, mut logic) = (false, false, false);
        let mut last;
        loop {
            while self.is_any(&["not", "binary"])
                || self.is_sign('!')
                || self.is_sign('-')
                || self.is_sign('~')
                || self.is_sign('+')
            {
                counts |= !self.is("not");
                self.at += 1;
            }
            let mut operand = self.operand(&mut operands)?;
            while self.is("collate") {
                self.at += 2;
                operand = Item { kind: Kind::Own, end: self.end_before(), name: String::new() };
            }
            last = operand.kind;
            operands.push(operand);
            match self.operator()? {
                Operator::None => break,
                Operator::Compares => compares = true,
                Operator::Counts => counts = true,
                Operator::Logic => {
                    logic = true;
                    if compares {
                        self.compared(&operands, 2);
                    }
                    operands.clear();
                    compares = false;
                }
                Operator::Done => {
                    logic = true;
                    if self.ends() {
                        break;
                    }
                    // `x is null and …`
                    match self.operator()? {
                        Operator::Logic => {
                            operands.clear();
                            compares = false;
                        }
                        Operator::None => break,
                        _ => {}
                    }
                }
            }
        }
        if compares {
            self.compared(&operands, 2);
        }
        self.depth -= 1;
        let kind = if compares || counts || logic { Kind::NoText } else { last };
        Some(Item { kind, end: self.end_before(), name: String::new() })
    }

    fn ends(&self) -> bool {
        self.piece().is_none_or(|piece| piece.is_sign(')') || piece.is_sign(',') || piece.is("as"))
    }

    /// Values that are compared with each other: where no column is among them, a word gets the collation. `least`: of how
    /// many texts it matters.
    fn compared(&mut self, operands: &[Item], least: usize) {
        let kind = operands.iter().fold(Kind::NoText, |kind, item| kind.with(item.kind));
        let texts = operands.iter().filter(|item| item.kind != Kind::NoText).count();
        let words = operands.iter().find(|item| item.kind.is_word() && (item.kind == kind || kind == Kind::Unknown));
        match (kind, words) {
            (Kind::Words | Kind::Narrow, Some(word)) if texts >= least => {
                self.edits.push((word.end, kind == Kind::Narrow));
            }
            (Kind::Unknown, Some(word)) if texts >= least => self.doubt(word.end),
            _ => {}
        }
    }

    /// What stands behind an operand.
    fn operator(&mut self) -> Option<Operator> {
        let Some(piece) = self.piece() else { return Some(Operator::None) };
        if piece.kind == PieceKind::Sign {
            return Some(match piece.text {
                "=" | "<" | ">" | "!" => {
                    // `<<` and `>>` count.
                    let two =
                        self.all.get(self.at + 1).filter(|next| next.at == piece.at + 1).map_or("", |next| next.text);
                    let shift = (piece.text == "<" && two == "<") || (piece.text == ">" && two == ">");
                    while self.piece().is_some_and(|p| matches!(p.text, "=" | "<" | ">" | "!")) {
                        self.at += 1;
                    }
                    if shift { Operator::Counts } else { Operator::Compares }
                }
                "+" | "-" | "*" | "/" | "%" | "^" => {
                    self.at += 1;
                    if piece.text == "-" && self.takes_sign('>') {
                        self.takes_sign('>');
                    }
                    Operator::Counts
                }
                "|" | "&" => {
                    self.at += 1;
                    if self.takes_sign('|') || self.takes_sign('&') { Operator::Logic } else { Operator::Counts }
                }
                _ => Operator::None,
            });
        }
        let from = self.at;
        self.takes("not");
        let found = match self.piece().map(|piece| piece.text.to_lowercase()).as_deref() {
            Some("and" | "or" | "xor") => Operator::Logic,
            Some("like" | "regexp" | "rlike" | "in" | "escape") => Operator::Compares,
            Some("between") => {
                // Its AND joins no conditions: both bounds are operands.
                self.at += 1;
                return self.between();
            }
            Some("div" | "mod") => Operator::Counts,
            Some("sounds") => {
                self.at += 1;
                Operator::Compares
            }
            Some("is") => {
                self.at += 1;
                self.takes("not");
                self.at += 1;
                return Some(Operator::Done);
            }
            Some("member") => {
                self.at += 2;
                return Some(Operator::Counts);
            }
            _ => {
                self.at = from;
                return Some(Operator::None);
            }
        };
        self.at += 1;
        Some(found)
    }

    fn between(&mut self) -> Option<Operator> {
        // Replaced by a comma, the AND would end nothing: the bound up to it is read as an operand of the comparison.
        let mut at = self.at;
        while let Some(piece) = self.all.get(at) {
            if piece.is("and") {
                break;
            }
            at = if piece.is_sign('(') { closing(self.all, at) + 1 } else { at + 1 };
        }
        let mut bound = Vec::new();
        let item = self.operand(&mut bound)?;
        (self.at == at).then_some(())?;
        self.at += 1;
        self.between_bound(item);
        Some(Operator::Compares)
    }

    /// The lower bound of BETWEEN: it is compared with what the upper bound is, so one of them in doubt is enough.
    fn between_bound(&mut self, item: Item) {
        if item.kind == Kind::Unknown {
            self.doubt(item.end);
        }
    }

    fn operand(&mut self, operands: &mut Vec<Item>) -> Option<Item> {
        let piece = self.piece()?;
        let item = |kind, end| Some(Item { kind, end, name: String::new() });
        match piece.kind {
            PieceKind::Sign if piece.is_sign('(') => self.bracket(operands),
            PieceKind::Sign if piece.is_sign('*') => {
                self.at += 1;
                item(Kind::NoText, self.end_before())
            }
            PieceKind::Sign => None,
            PieceKind::Text => {
                while self.piece().is_some_and(|piece| piece.kind == PieceKind::Text) {
                    self.at += 1;
                }
                item(Kind::Words, self.end_before())
            }
            PieceKind::Name => {
                let mut parts = vec![self.name()?];
                while self.takes_sign('.') {
                    parts.push(self.name()?);
                }
                if self.is_sign('(') {
                    self.skip_one();
                    return item(Kind::Unknown, self.end_before());
                }
                let kind = self.column(&parts);
                item(kind, self.end_before())
            }
            PieceKind::Word => self.word(piece, operands),
        }
    }

    fn bracket(&mut self, operands: &mut Vec<Item>) -> Option<Item> {
        let query = self.all.get(self.at + 1).is_some_and(|piece| piece.is("select") || piece.is("with"))
            || (self.all.get(self.at + 1).is_some_and(|piece| piece.is_sign('(')) && self.is_query_within());
        self.at += 1;
        let items = if query { self.query(false)? } else { self.list()? };
        self.takes_sign(')').then_some(())?;
        let end = self.end_before();
        let kind = match items.as_slice() {
            // Of a query that is a value nothing is added within: the column beside it decides.
            [one] => one.kind,
            several => {
                // The values of IN (…).
                operands.extend(several.iter().cloned());
                Kind::NoText
            }
        };
        Some(Item { kind, end, name: String::new() })
    }

    fn column(&self, parts: &[String]) -> Kind {
        let name = parts.last().map(|name| name.to_lowercase()).unwrap_or_default();
        let found = |columns: &Option<Columns>| match columns {
            Some(columns) => columns.get(&name).copied(),
            None => Some(Kind::Unknown),
        };
        if let Some(table) = parts.len().checked_sub(2).map(|at| parts[at].to_lowercase()) {
            let scope = self.scopes.iter().rev().find_map(|scope| scope.get(&table));
            return scope.and_then(found).unwrap_or(Kind::Unknown);
        }
        // A bare name is an item's alias, or a column without its table.
        self.scopes.iter().rev().flat_map(BTreeMap::values).find_map(found).unwrap_or(Kind::Unknown)
    }

    fn word(&mut self, piece: Piece<'a>, operands: &mut Vec<Item>) -> Option<Item> {
        let item = |kind, end| Some(Item { kind, end, name: String::new() });
        let lower = piece.text.to_lowercase();
        self.at += 1;
        let at_text = self.piece().is_some_and(|piece| piece.kind == PieceKind::Text);
        let kind = match lower.as_str() {
            "date" | "time" | "timestamp" => Some(Kind::NoText),
            "x" | "b" | "_binary" => Some(Kind::Own),
            "_utf8mb4" => Some(Kind::Words),
            "n" | "_utf8mb3" | "_utf8" => Some(Kind::Narrow),
            other => other.starts_with('_').then_some(Kind::Unknown),
        };
        if let Some(kind) = kind.filter(|_| at_text) {
            self.at += 1;
            return item(kind, self.end_before());
        }
        if lower.starts_with("0x") || lower.starts_with("0b") {
            return item(Kind::Own, self.end_before());
        }
        if lower.starts_with(|c: char| c.is_ascii_digit()) || matches!(lower.as_str(), "null" | "true" | "false") {
            return item(Kind::NoText, self.end_before());
        }
        match lower.as_str() {
            "." => return None,
            "case" => return self.case(),
            "interval" if !self.is_sign('(') || !self.has_comma() => {
                self.operand(operands)?;
                self.at += 1;
                return item(Kind::NoText, self.end_before());
            }
            "exists" | "all" | "any" | "some" => {
                let inner = self.operand(&mut Vec::new())?;
                return item(if lower == "exists" { Kind::NoText } else { inner.kind }, self.end_before());
            }
            "distinct" => return self.operand(operands),
            _ => {}
        }
        if lower.starts_with('_') && self.piece().is_some_and(|piece| piece.text.starts_with("0x")) {
            self.at += 1;
            return item(if lower == "_binary" { Kind::Own } else { Kind::Unknown }, self.end_before());
        }
        if !self.is_sign('(') {
            let kind =
                if lower.starts_with("current_user") || lower.starts_with('@') { Kind::Made } else { Kind::NoText };
            return item(kind, self.end_before());
        }
        let kind = self.call(&lower)?;
        if self.takes("over") {
            self.skip_one();
        }
        item(kind, self.end_before())
    }

    fn has_comma(&self) -> bool {
        let end = closing(self.all, self.at);
        let mut at = self.at + 1;
        while at < end {
            if self.all[at].is_sign(',') {
                return true;
            }
            at = if self.all[at].is_sign('(') { closing(self.all, at) + 1 } else { at + 1 };
        }
        false
    }

    fn case(&mut self) -> Option<Item> {
        let mut subject = Vec::new();
        if !self.is("when") {
            subject.push(self.expression()?);
        }
        let simple = !subject.is_empty();
        let mut kind = Kind::NoText;
        while self.takes("when") {
            let when = self.expression()?;
            if simple {
                subject.push(when);
            }
            self.takes("then").then_some(())?;
            kind = kind.with(self.expression()?.kind);
        }
        if self.takes("else") {
            kind = kind.with(self.expression()?.kind);
        }
        self.takes("end").then_some(())?;
        self.compared(&subject, 2);
        Some(Item { kind, end: self.end_before(), name: String::new() })
    }

    /// A function with its arguments; the bracket comes next.
    fn call(&mut self, name: &str) -> Option<Kind> {
        self.at += 1;
        let end = closing(self.all, self.at - 1);
        let mut arguments: Vec<Item> = Vec::new();
        while self.at < end {
            // Words between arguments: `distinct`, `both … from`, `as char(10) charset utf8mb4`, `order by`, `separator`.
            if self.takes_sign(',') || self.is_any(&["distinct", "from", "both", "leading", "trailing"]) {
                self.at += usize::from(self.is_any(&["distinct", "from", "both", "leading", "trailing"]));
            } else if name == "extract" && arguments.is_empty() && self.piece()?.kind == PieceKind::Word {
                self.at += 1;
                self.takes("from").then_some(())?;
                arguments.push(self.expression()?);
            } else if self.is_any(&["as", "using"]) {
                let bytes = self.all[self.at..end].iter().any(|piece| piece.is("binary"));
                let text = self.all[self.at..end].iter().any(|piece| piece.is("char") || piece.is("varchar"))
                    || self.is("using");
                self.at = end;
                let inner = arguments.first().map_or(Kind::Unknown, |item| item.kind);
                self.at += 1;
                return Some(match (text, inner) {
                    _ if bytes => Kind::Own,
                    (true, word @ (Kind::Words | Kind::Narrow)) if name == "cast" => word,
                    (true, _) => Kind::Made,
                    (false, _) => Kind::NoText,
                });
            } else if self.takes("order") {
                self.takes("by").then_some(())?;
                self.list()?;
            } else if self.takes("separator") {
                self.at += 1;
            } else if self.is("against") {
                self.at = end;
            } else {
                arguments.push(self.expression()?);
            }
        }
        self.takes_sign(')').then_some(())?;
        let of = |from: usize| arguments.iter().skip(from).fold(Kind::NoText, |kind, item| kind.with(item.kind));
        Some(match of_function(name) {
            Gives::Arguments { from } => match of(from) {
                // A number that becomes a text.
                Kind::NoText if name.starts_with("concat") => Kind::Made,
                kind => kind,
            },
            Gives::Compared => {
                self.compared(&arguments, 2);
                of(0)
            }
            Gives::First => match arguments.first().map(|first| first.kind) {
                // A number is compared as one.
                Some(Kind::NoText) => Kind::NoText,
                first => {
                    self.compared(&arguments, 2);
                    first.unwrap_or(Kind::Unknown)
                }
            },
            Gives::Extreme => {
                self.compared(&arguments, 1);
                match of(0) {
                    Kind::Words | Kind::Narrow => Kind::Own,
                    kind => kind,
                }
            }
            Gives::ComparesToNumber => {
                self.compared(&arguments, 2);
                Kind::NoText
            }
            Gives::Text => Kind::Made,
            Gives::Own => Kind::Own,
            Gives::NoText => Kind::NoText,
            Gives::Unknown => Kind::Unknown,
        })
    }
}
