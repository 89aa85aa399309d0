//! The canonical layout of HCL, as `terraform fmt` and `hclfmt` have it: two columns for each open bracket, the `=` of
//! consecutive attributes below each other, and so the comments behind them; one empty line at most. Only blanks and empty
//! lines change: every token stays as it is written. What comes out is parsed again and compared before anybody gets it.

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests;
mod tokens;

use hcl_edit::expr::{Array, FuncArgs, Object};
use hcl_edit::parser::parse_body;
use hcl_edit::structure::Body;
use hcl_edit::visit_mut::{VisitMut, visit_array_mut, visit_func_args_mut, visit_object_mut};

use self::tokens::{Kind, Token, tokens};

const INDENT: usize = 2;

/// Why a text has no other layout.
pub(super) enum Unformatted {
    /// It is not HCL.
    NotHcl,
    /// The layout would say something else than the text: a fault of this file.
    WouldChange,
}

/// A text in its canonical layout. A byte order mark stays; line ends stay as they are.
pub(super) fn formatted(text: &str) -> Result<String, Unformatted> {
    let (mark, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let body = parse_body(text).map_err(|_| Unformatted::NotHcl)?;
    let given = tokens(text, &body);
    let laid_out = layout(&given);
    let again = parse_body(&laid_out).map_err(|_| Unformatted::WouldChange)?;
    let same = bare(body) == bare(again.clone()) && same_tokens(&given, &tokens(&laid_out, &again));
    if same { Ok(format!("{mark}{laid_out}")) } else { Err(Unformatted::WouldChange) }
}

/// Without what equality of the syntax tree takes for a part of a list or a map: the blanks before its bracket.
fn bare(mut body: Body) -> Body {
    struct Trailing;
    impl VisitMut for Trailing {
        fn visit_array_mut(&mut self, node: &mut Array) {
            node.set_trailing("");
            visit_array_mut(self, node);
        }

        fn visit_object_mut(&mut self, node: &mut Object) {
            node.set_trailing("");
            visit_object_mut(self, node);
        }

        fn visit_func_args_mut(&mut self, node: &mut FuncArgs) {
            node.set_trailing("");
            visit_func_args_mut(self, node);
        }
    }
    Trailing.visit_body_mut(&mut body);
    body
}

/// Whether two texts have the same tokens in the same lines, empty lines aside.
fn same_tokens(one: &[Token], other: &[Token]) -> bool {
    let lines = |tokens: &[Token]| -> Vec<Vec<String>> {
        let lines = tokens.split(|token| token.kind == Kind::Newline).filter(|line| !line.is_empty());
        lines.map(|line| line.iter().map(|token| token.text.to_owned()).collect()).collect()
    };
    lines(one) == lines(other)
}

/// A line: the blanks before each token, and the token.
struct Line<'t> {
    tokens: Vec<(usize, Token<'t>)>,
    end: &'t str,
}

impl<'t> Line<'t> {
    fn new(tokens: &[Token<'t>], end: &'t str) -> Self {
        let gap = |at: usize| match at {
            0 => 0,
            _ => gap(tokens.get(at - 1), tokens.get(at)),
        };
        Self { tokens: tokens.iter().enumerate().map(|(at, token)| (gap(at), *token)).collect(), end }
    }

    /// Columns of the first `count` tokens, with the blanks before them but without those of the first.
    fn columns(&self, count: usize) -> usize {
        let wide =
            |(at, (gap, token)): (usize, &(usize, Token))| token.text.chars().count() + if at == 0 { 0 } else { *gap };
        self.tokens.iter().take(count).enumerate().map(wide).sum()
    }

    /// The place of the `=` behind which a whole expression stands in this line; `None`: none, or one over several lines.
    fn assigns(&self) -> Option<usize> {
        let at = self.tokens.iter().position(|(_, token)| token.is("=")).filter(|at| *at > 0)?;
        let behind = self.tokens.get(at..)?;
        (open(behind.iter().map(|(_, token)| token)) == 0).then_some(at)
    }

    /// The place of a comment at the end, behind something else.
    fn comment(&self) -> Option<usize> {
        let last = self.tokens.len().checked_sub(1).filter(|last| *last > 0)?;
        self.tokens.get(last).filter(|(_, token)| token.kind == Kind::Comment).map(|_| last)
    }
}

/// How many brackets are opened and not closed; less than 0: closed and not opened.
fn open<'a, 't: 'a>(tokens: impl Iterator<Item = &'a Token<'t>>) -> isize {
    tokens.map(|token| isize::from(token.opens()) - isize::from(token.closes())).sum()
}

fn layout(tokens: &[Token]) -> String {
    let mut lines = lines(tokens);
    indent(&mut lines);
    align(&mut lines, |line| line.assigns());
    align(&mut lines, |line| line.comment());
    let mut text = String::new();
    for line in &lines {
        for (gap, token) in &line.tokens {
            text.extend(std::iter::repeat_n(' ', *gap));
            text.push_str(token.text);
        }
        text.push_str(line.end);
    }
    text
}

/// The lines, of empty ones at most one in a row, and none at the beginning and at the end. The last line ends like the
/// first.
fn lines<'t>(tokens: &[Token<'t>]) -> Vec<Line<'t>> {
    let newline = tokens.iter().find(|token| token.kind == Kind::Newline).map_or("\n", |token| token.text);
    let mut lines: Vec<Line> = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        let length = rest.iter().position(|token| token.kind == Kind::Newline);
        let (line, behind) = rest.split_at(length.unwrap_or(rest.len()));
        let end = behind.first().map_or(newline, |token| token.text);
        if !line.is_empty() || lines.last().is_some_and(|last| !last.tokens.is_empty()) {
            lines.push(Line::new(line, end));
        }
        rest = behind.get(1..).unwrap_or_default();
    }
    lines.pop_if(|last| last.tokens.is_empty());
    lines
}

/// Two columns for each line that has opened brackets and not closed all of them. A line that closes as many as it opens
/// stands like the lines before it, also where it begins with a closing one: `terraform fmt` has it so.
fn indent(lines: &mut [Line]) {
    // For each such line how many of its brackets are open.
    let mut levels: Vec<isize> = Vec::new();
    for line in lines {
        let net = open(line.tokens.iter().map(|(_, token)| token));
        let mut closed = -net;
        while closed > 0
            && let Some(last) = levels.last_mut()
        {
            let of_this = closed.min(*last);
            (*last, closed) = (*last - of_this, closed - of_this);
            levels.pop_if(|last| *last == 0);
        }
        if let Some((gap, _)) = line.tokens.first_mut() {
            *gap = INDENT * levels.len();
        }
        if net > 0 {
            levels.push(net);
        }
    }
}

/// Puts a token of consecutive lines below each other, behind what is longest before it. `which`: its place in a line.
fn align(lines: &mut [Line], which: impl Fn(&Line) -> Option<usize>) {
    // Behind what goes on over lines, a column says nothing. A heredoc behind the `=` does not matter.
    let which = |line: &Line| which(line).filter(|place| !line.tokens.iter().take(*place).any(|(_, t)| t.has_lines()));
    let mut from = 0;
    while from < lines.len() {
        let chain = lines.get(from..).unwrap_or_default();
        let ends = chain.iter().position(|line| which(line).is_none()).unwrap_or(chain.len());
        let places: Vec<usize> = chain.iter().take(ends).filter_map(&which).collect();
        let before = |line: &Line, place: usize| line.tokens.first().map_or(0, |(gap, _)| *gap) + line.columns(place);
        let widest = chain.iter().zip(&places).map(|(line, place)| before(line, *place)).max().unwrap_or(0);
        for (line, place) in lines.iter_mut().skip(from).zip(&places) {
            let columns = before(line, *place);
            if let Some((gap, _)) = line.tokens.get_mut(*place) {
                *gap = widest - columns + 1;
            }
        }
        from += ends.max(1);
    }
}

/// The blanks between two tokens of a line.
fn gap(before: Option<&Token>, after: Option<&Token>) -> usize {
    let (Some(before), Some(after)) = (before, after) else { return 0 };
    let any = |token: &Token, signs: &[&str]| signs.iter().any(|sign| token.is(sign));
    if after.kind == Kind::Comment {
        return 1;
    }
    if any(after, &[",", ")", "]", ".", "...", "::"]) || any(before, &["(", "[", ".", "::"]) {
        return 0;
    }
    if any(before, &[",", "="]) || any(after, &["="]) {
        return 1;
    }
    if any(before, &["{"]) || any(after, &["}"]) {
        return usize::from(!(any(before, &["{"]) && any(after, &["}"])));
    }
    if any(after, &["("]) && before.kind == Kind::Word && !["in", "if"].contains(&before.text) {
        return 0;
    }
    let written = |token: &Token| matches!(token.kind, Kind::Word | Kind::Text);
    let apart = written(before) && written(after);
    // Operators stay as they are written: a sign before a number is not told from one between two.
    usize::from(apart || any(after, &["{"]) || after.spaced)
}
