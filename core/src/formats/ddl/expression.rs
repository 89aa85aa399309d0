//! SQL expressions as text: undoing information_schema's escapes, telling two spellings of one expression apart from
//! two expressions, and naming the functions in one. Reads tokens only; knows no grammar and no types.

use std::collections::BTreeSet;

/// A piece of SQL text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A bare word or number, as written.
    Word(String),
    /// An identifier in backticks, without them.
    Ident(String),
    /// A string literal: its value.
    Text(String),
    /// Any other character that is not a white space.
    Sign(char),
}

/// Cuts SQL text into tokens; an unfinished quote reaches to the end.
pub fn tokens(sql: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(&c) = rest.peek() {
        if c.is_whitespace() {
            rest.next();
        } else if c == '\'' || c == '"' || c == '`' {
            rest.next();
            let mut value = String::new();
            while let Some(d) = rest.next() {
                if d == '\\' && c != '`' {
                    value.extend(rest.next().map(unescaped));
                } else if d == c {
                    if rest.peek() != Some(&c) {
                        break;
                    }
                    rest.next();
                    value.push(c);
                } else {
                    value.push(d);
                }
            }
            out.push(if c == '`' { Token::Ident(value) } else { Token::Text(value) });
        } else if c.is_alphanumeric() || c == '_' || c == '$' || c == '@' {
            let mut word = String::new();
            while let Some(&d) = rest.peek() {
                let number = word.starts_with(|w: char| w.is_ascii_digit());
                if !(d.is_alphanumeric() || "_$@".contains(d) || (d == '.' && number)) {
                    break;
                }
                word.push(d);
                rest.next();
            }
            out.push(Token::Word(word));
        } else {
            rest.next();
            out.push(Token::Sign(c));
        }
    }
    out
}

/// Where the parenthesis ends that opens there.
pub fn closes(all: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    all.iter().enumerate().skip(open).find_map(|(at, token)| {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// A text with one layer of backslashes less.
pub fn without_escapes(text: &str) -> String {
    let mut letters = text.chars();
    let mut out = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        out.push(if letter == '\\' { letters.next().map_or('\\', unescaped) } else { letter });
    }
    out
}

fn unescaped(c: char) -> char {
    match c {
        '0' => '\0',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'Z' => '\u{1a}',
        other => other,
    }
}

/// The expression ready for SQL, whether or not the server escaped it once more.
///
/// MySQL's information_schema gives `concat(_utf8mb4\'x\')` for generated columns and defaults. A backslash outside of
/// a string is not SQL, so its presence tells; text without one comes back as it is.
pub fn expression_text(text: &str) -> String {
    if !has_bare_backslash(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next().map(unescaped)),
            _ => out.push(c),
        }
    }
    out
}

fn has_bare_backslash(text: &str) -> bool {
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            Some(q) if c == '\\' && q != '`' => {
                chars.next();
            }
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '\\' => return true,
            None if "'\"`".contains(c) => quote = Some(c),
            None => {}
        }
    }
    false
}

/// One spelling for every way MySQL, MariaDB and TiDB write the same expression: no introducers, no outer parentheses,
/// no white space, lower case, one name for each clock function.
pub fn normal_expression(text: &str) -> String {
    let text = expression_text(text);
    let mut all = without_doubled_parentheses(tokens(&text));
    while outer_parentheses(&all) {
        all.pop();
        all.remove(0);
    }
    let mut out = String::new();
    let mut worded = false;
    let mut skip = 0;
    for (i, token) in all.iter().enumerate() {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        let wordlike = match token {
            Token::Word(word) if word.starts_with('_') && matches!(all.get(i + 1), Some(Token::Text(_))) => continue,
            Token::Word(word) | Token::Ident(word) => {
                let lower = word.to_lowercase();
                let called = all.get(i + 1) == Some(&Token::Sign('('));
                let empty = called && all.get(i + 2) == Some(&Token::Sign(')'));
                let name = match lower.as_str() {
                    "curdate" | "current_date" => "current_date",
                    "now" | "current_timestamp" | "localtime" | "localtimestamp" => "current_timestamp",
                    "curtime" | "current_time" => "current_time",
                    other => other,
                };
                if empty && name.starts_with("current_") {
                    skip = 2;
                }
                if worded {
                    out.push(' ');
                }
                out.push_str(name);
                true
            }
            Token::Text(value) => {
                out.push_str(&super::sql_string(value));
                false
            }
            Token::Sign(sign) => {
                out.push(*sign);
                false
            }
        };
        worded = wordlike;
    }
    out
}

/// The expression without parentheses that enclose all of it, otherwise untouched.
pub fn without_outer_parentheses(text: &str) -> &str {
    let mut text = text.trim();
    while outer_parentheses(&tokens(text)) {
        text = text[1..text.len() - 1].trim();
    }
    text
}

/// Tokens where no parenthesis does what the one around it does already: TiDB writes `LIST ((id % 7))`.
pub fn without_doubled_parentheses(all: Vec<Token>) -> Vec<Token> {
    let mut open: Vec<usize> = Vec::new();
    let mut close_of = vec![None; all.len()];
    for (i, token) in all.iter().enumerate() {
        match token {
            Token::Sign('(') => open.push(i),
            Token::Sign(')') => {
                if let Some(start) = open.pop() {
                    close_of[start] = Some(i);
                }
            }
            _ => {}
        }
    }
    let mut needless = vec![false; all.len()];
    for outer in 0..all.len().saturating_sub(1) {
        if let (Some(end), Some(inner_end)) = (close_of[outer], close_of[outer + 1])
            && inner_end + 1 == end
        {
            needless[outer + 1] = true;
            needless[inner_end] = true;
        }
    }
    all.into_iter().zip(needless).filter(|(_, gone)| !gone).map(|(token, _)| token).collect()
}

fn outer_parentheses(all: &[Token]) -> bool {
    if all.first() != Some(&Token::Sign('(')) || all.last() != Some(&Token::Sign(')')) {
        return false;
    }
    let mut depth = 0usize;
    for (i, token) in all.iter().enumerate() {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 && i + 1 < all.len() {
                    return false;
                }
            }
            _ => {}
        }
    }
    depth == 0
}

/// The expression as another server reads it. TiDB's grammar takes no introducer behind ESCAPE, where MySQL prints one; and
/// the statement is in utf8mb4, so a word that is printed with `_gbk` or `_latin1` in front is in utf8mb4 here: the
/// introducer would have its bytes read as others, or is not known.
pub fn with_own_introducers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if matches!(c, '\'' | '"' | '`') {
            let length = super::scan::quoted_length(rest, c, c != '`').unwrap_or(rest.len());
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let word = rest.len() - rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
        let length = word.max(c.len_utf8());
        let introduces = c == '_' && !out.ends_with('.') && rest[length..].starts_with('\'');
        let own =
            ["_utf8mb4", "_utf8mb3", "_utf8", "_binary"].iter().any(|own| rest[..length].eq_ignore_ascii_case(own));
        out.push_str(if introduces && !own { "_utf8mb4" } else { &rest[..length] });
        let escape = rest[..length].eq_ignore_ascii_case("escape");
        rest = &rest[length..];
        if escape {
            let behind = rest.trim_start();
            let introducer = behind.len() - behind.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').len();
            if behind.starts_with('_') && behind[introducer..].starts_with('\'') {
                out.push(' ');
                rest = &behind[introducer..];
            }
        }
    }
    out
}

/// Whether the outermost operator of an expression gives a truth value: a comparison, a predicate, a logical operator, TRUE or
/// FALSE, or a function or operator that `is_predicate` says yes to (in lower case). It does not matter what it is made of: `a AND 1` is one, `(a > 1) + 0`
/// and `CASE … END` are none. TiDB and MySQL ask this of a CHECK constraint (error 3812), MariaDB does not.
pub fn is_condition(text: &str, is_predicate: impl Fn(&str) -> bool) -> bool {
    const OPERATORS: [&str; 12] =
        ["and", "or", "xor", "not", "is", "in", "like", "ilike", "rlike", "regexp", "between", "sounds"];
    let text = expression_text(text);
    let all = tokens(without_outer_parentheses(&text));
    let word_at = |at: usize| match all.get(at) {
        Some(Token::Word(word)) => word.to_lowercase(),
        _ => String::new(),
    };
    let sign_at = |at: usize| match all.get(at) {
        Some(Token::Sign(sign)) => *sign,
        _ => ' ',
    };
    let is_call = |at: usize| sign_at(at + 1) == '(' && closes(&all, at + 1) == Some(all.len() - 1);
    let (mut at, mut cases) = (0, 0_usize);
    while at < all.len() {
        let (sign, next) = (sign_at(at), sign_at(at + 1));
        match (word_at(at).as_str(), sign) {
            ("case", _) => cases += 1,
            ("end", _) => cases = cases.saturating_sub(1),
            // Parentheses, and what they hold, are one operand.
            (_, '(') => at = closes(&all, at).unwrap_or(all.len()),
            // Shifts and the arrows of JSON.
            (_, '<') if next == '<' => at += 1,
            (_, '-' | '>') if next == '>' => at += 1 + usize::from(sign == '-' && sign_at(at + 2) == '>'),
            _ if cases > 0 => {}
            (_, '=' | '<' | '>') => return true,
            (_, '&' | '|') if next == sign => return true,
            (_, '!') if next == '=' => return true,
            // It binds more closely than arithmetic.
            (_, '!') if at == 0 && (all.len() == 2 || is_call(0) || is_call(1)) => return true,
            (word, _) if OPERATORS.contains(&word) || next != '(' && is_predicate(word) => return true,
            _ => {}
        }
        at += 1;
    }
    match all.len() {
        1 => ["true", "false"].contains(&word_at(0).as_str()),
        _ => is_call(0) && is_predicate(&word_at(0)),
    }
}

/// Names of the functions called, in lower case, in order. Casts and their types are no functions.
pub fn functions(text: &str) -> Vec<String> {
    const NO_FUNCTIONS: [&str; 16] = [
        "cast", "convert", "and", "or", "not", "in", "when", "then", "else", "case", "between", "like", "mod", "div",
        "xor", "is",
    ];
    let text = expression_text(text);
    let all = tokens(&text);
    let mut names = Vec::new();
    for (i, pair) in all.windows(2).enumerate() {
        let [Token::Word(word), Token::Sign('(')] = pair else { continue };
        let word = word.to_lowercase();
        let typed = i > 0 && matches!(&all[i - 1], Token::Word(before) if before.eq_ignore_ascii_case("as"));
        if !typed && !NO_FUNCTIONS.contains(&word.as_str()) && !word.starts_with(|c: char| c.is_ascii_digit()) {
            names.push(word);
        }
    }
    names
}

/// How many arguments each call has, by the function's name in lower case; without calls whose arguments are told apart by
/// words (`trim(leading 'x' from a)`).
pub fn argument_counts(text: &str) -> BTreeSet<(String, usize)> {
    const WORDS: [&str; 9] = ["as", "distinct", "for", "from", "in", "order", "select", "separator", "using"];
    let all = tokens(&expression_text(text));
    let mut found = BTreeSet::new();
    for (at, pair) in all.windows(2).enumerate() {
        let [Token::Word(word), Token::Sign('(')] = pair else { continue };
        let (mut depth, mut count, mut worded) = (0usize, 0usize, false);
        for (place, token) in all.iter().enumerate().skip(at + 1) {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth = depth.saturating_sub(1),
                Token::Sign(',') if depth == 1 => count += 1,
                Token::Word(word) if depth == 1 => worded |= WORDS.contains(&word.to_lowercase().as_str()),
                _ => {}
            }
            if depth == 0 {
                if !worded && word.starts_with(|c: char| c.is_alphabetic()) {
                    let count = if place == at + 2 { 0 } else { count + 1 };
                    found.insert((word.to_lowercase(), count));
                }
                break;
            }
        }
    }
    found
}

/// Collations named in the text by a COLLATE clause, in order.
pub fn named_collations(text: &str) -> Vec<String> {
    tokens(text)
        .windows(2)
        .filter_map(|pair| match pair {
            [Token::Word(word), Token::Word(name) | Token::Ident(name)] if word.eq_ignore_ascii_case("collate") => {
                Some(name.to_lowercase())
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_known_by_its_outermost_operator() {
        let check = |text: &str, expected: bool| {
            for text in [text.to_owned(), format!("({text})"), format!("(({text}))")] {
                assert_eq!(is_condition(&text, |name| ["json_valid", "is_ipv4"].contains(&name)), expected, "{text}");
            }
        };
        for text in [
            "`a` > 0",
            "`a` <> 'x'",
            "`a` != 1",
            "`a` <=> NULL",
            "`a` <= `b`",
            "`a` between 1 and 3",
            "`a` in (1,2)",
            "`a` NOT IN (1)",
            "`a` like 'x%'",
            "`a` regexp 'x'",
            "`a` is null",
            "(`a` > 1) is true",
            "`a` and 1",
            "`a` xor 1",
            "`a` || `b`",
            "`a` && `b`",
            "not `a`",
            "!`a`",
            "!(`a` + 1)",
            "!abs(`a`)",
            "true",
            "FALSE",
            "json_valid(`a`)",
            "is_ipv4(`a`)",
            "`a` << 2 = 8",
            "case `a` when 1 then 2 else 3 end = 2",
            "json_extract(`a`,'$.b') = 1",
            "`a` -> '$.b' = 1",
            "`a` -> '$.b' > 1",
            "`a` + (`b` > 1) or 0",
            "json_unquote(`a`) collate utf8mb4_bin = 'x'",
        ] {
            check(text, true);
        }
        for text in [
            "`a`",
            "1",
            "NULL",
            "'>'",
            "`a` + 1",
            "`a` + (`b` > 1)",
            "`a` & 1",
            "`a` | 1",
            "`a` << 2",
            "`a` >> 2",
            "-`a`",
            "abs(`a`)",
            "json_contains(`a`,'1')",
            "json_valid(`a`) + json_valid(`b`)",
            "1 member of (`a`)",
            "`a` -> '$.b'",
            "`a` ->> '$.b'",
            "if(`a` > 1,true,false)",
            "coalesce(`a` > 1,true)",
            "case when `a` = 1 then true else false end",
            "`a` ->> '$.b' + 1",
            "`in`",
            "'a' 'b'",
            "!`a` + 1",
            "",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn the_escapes_of_information_schema_are_undone_once_and_only_where_they_are() {
        for (text, expected) in [
            (r"concat(`e`,_utf8mb4\' it\\\'s\')", r"concat(`e`,_utf8mb4' it\'s')"),
            (r"concat(`e`,_utf8mb4' it\'s')", r"concat(`e`,_utf8mb4' it\'s')"),
            (r"json_object(_utf8mb4\'a\',_utf8mb4\'\\\\ x\')", r"json_object(_utf8mb4'a',_utf8mb4'\\ x')"),
            ("`a` + 1", "`a` + 1"),
            (r"`a\b` + 1", r"`a\b` + 1"),
        ] {
            assert_eq!(expression_text(text), expected, "{text}");
        }
    }

    #[test]
    fn spellings_of_one_expression_have_one_normal_form() {
        for (mysql, tidb) in [
            ("(`a` + 1)", "`a` + 1"),
            (r"concat(lower(`e`),_utf8mb4\'x\')", "concat(lower(`e`), _utf8mb4'x')"),
            ("curdate()", "CURRENT_DATE"),
            ("now(6)", "CURRENT_TIMESTAMP(6)"),
            ("CURRENT_TIMESTAMP", "current_timestamp()"),
            ("(1 + 2)", "((1+2))"),
            ("lower((`a`))", "lower(((a)))"),
            ("cast(`b` as char(5))", "CAST(b AS CHAR(5))"),
        ] {
            assert_eq!(normal_expression(mysql), normal_expression(tidb), "{mysql}");
        }
        for (one, other) in [
            ("(a) + (b)", "a + b)"),
            ("lower(`a`)", "upper(`a`)"),
            ("concat('A')", "concat('a')"),
            ("cast(a as unsigned array)", "cast(a as unsignedarray)"),
        ] {
            assert_ne!(normal_expression(one), normal_expression(other), "{one}");
        }
    }

    #[test]
    fn functions_are_named_and_casts_and_types_are_not() {
        for (text, expected) in [
            ("lower(`b`)", "lower"),
            ("cast(json_extract(`a`,_utf8mb4'$.x') as char(10))", "json_extract"),
            ("`a` + 1", ""),
            ("if((`a` in (1,2)),length(b),0)", "if,length"),
            ("concat('lower(x)',`upper`)", "concat"),
        ] {
            assert_eq!(functions(text).join(","), expected, "{text}");
        }
    }

    #[test]
    fn arguments_are_counted() {
        for (text, expected) in [
            ("lpad(`a`,5)", "lpad 2"),
            ("concat(`a`,if((`b` in (1,2)),',',left(`c`,1)))", "concat 2, if 3, in 2, left 2"),
            ("uuid() + trim(leading 'x' from `a`)", "uuid 0"),
            ("`lpad`(1) + 'lpad(1)'", ""),
        ] {
            let found = argument_counts(text).into_iter().map(|(name, count)| format!("{name} {count}"));
            assert_eq!(found.collect::<Vec<_>>().join(", "), expected, "{text}");
        }
    }

    #[test]
    fn an_escape_loses_its_introducer_and_a_text_that_looks_like_one_does_not() {
        for (text, expected) in [
            (r"(`c` like _utf8mb4'%\\_%' escape _utf8mb4'\\')", r"(`c` like _utf8mb4'%\\_%' escape '\\')"),
            (
                r"concat(`a`,_gbk'x\'_latin1',_LATIN1'é',_binary'z')",
                r"concat(`a`,_utf8mb4'x\'_latin1',_utf8mb4'é',_binary'z')",
            ),
            (r"concat(`a`,_latin1 x'E9')", r"concat(`a`,_latin1 x'E9')"),
            (r"concat(' escape _utf8mb4''x',`escape`)", r"concat(' escape _utf8mb4''x',`escape`)"),
            ("`a` ESCAPE '|'", "`a` ESCAPE '|'"),
        ] {
            assert_eq!(with_own_introducers(text), expected);
        }
    }

    #[test]
    fn collations_named_in_a_text_are_found() {
        assert_eq!(named_collations("select (`a` collate latin1_swedish_ci) = 'collate x'"), ["latin1_swedish_ci"]);
    }
}
