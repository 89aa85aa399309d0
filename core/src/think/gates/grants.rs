//! Lines of SHOW GRANTS, understood: what a user may do on every server, schema and table. Knows MySQL's, MariaDB's
//! and TiDB's ways to write them; judges nothing.

use std::collections::BTreeSet;

use crate::formats::ddl::expression::{Token, tokens};
use crate::words::addr::TableName;

/// What all lines together give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    global: BTreeSet<String>,
    /// Pattern of the schema as granted, and privileges.
    schemas: Vec<(String, BTreeSet<String>)>,
    tables: Vec<(TableName, BTreeSet<String>)>,
    /// Partial revokes: schema and privileges taken away from the global ones.
    revoked: Vec<(String, BTreeSet<String>)>,
    /// Roles granted. Whether what they bring is among the lines depends on whether they are active.
    pub roles: Vec<String>,
}

impl Grants {
    /// Reads the lines; what is not a grant of a table's privileges (PROXY, EXECUTE on a routine) is left out.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Self {
        let mut all = Self::default();
        for line in lines {
            all.read(&tokens(line.as_ref()));
        }
        all
    }

    fn read(&mut self, line: &[Token]) {
        let (revoke, end) = match line.first() {
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("GRANT") => (false, "TO"),
            Some(Token::Word(word)) if word.eq_ignore_ascii_case("REVOKE") => (true, "FROM"),
            _ => return,
        };
        let line = &line[1..];
        let is = |token: &Token, word: &str| matches!(token, Token::Word(w) if w.eq_ignore_ascii_case(word));
        let Some(on) = line.iter().position(|t| is(t, "ON")) else {
            // GRANT `role`@`%` TO `user`@`host`
            let roles = line.split(|t| is(t, end)).next().unwrap_or_default();
            self.roles.extend(roles.split(|t| t == &Token::Sign(',')).filter_map(role_name));
            return;
        };
        let privileges = privileges(&line[..on]);
        let object = line[on + 1..].split(|t| is(t, end)).next().unwrap_or_default();
        let object = match object {
            [Token::Word(word), rest @ ..] if word.eq_ignore_ascii_case("TABLE") && !rest.is_empty() => rest,
            other => other,
        };
        match object {
            [Token::Sign('*'), Token::Sign('.'), Token::Sign('*')] => self.global.extend(privileges),
            [schema, Token::Sign('.'), Token::Sign('*')] => {
                let list = if revoke { &mut self.revoked } else { &mut self.schemas };
                list.extend(name(schema).map(|schema| (schema, privileges)));
            }
            [schema, Token::Sign('.'), table] => {
                if let (Some(schema), Some(table)) = (name(schema), name(table)) {
                    self.tables.push((TableName::new(schema, table), privileges));
                }
            }
            _ => {}
        }
    }

    /// Whether the user holds it for the whole server.
    pub fn global(&self, privilege: &str) -> bool {
        holds(&self.global, privilege)
    }

    /// Whether the user holds it for everything in the schema, what is not there yet included.
    pub fn on_schema(&self, privilege: &str, schema: &str) -> bool {
        let revoked = self.revoked.iter().any(|(name, taken)| name == schema && holds(taken, privilege));
        (self.global(privilege) && !revoked)
            || self.schemas.iter().any(|(pattern, held)| covers(pattern, schema) && holds(held, privilege))
    }

    /// Whether the user holds it for this one table.
    pub fn on_table(&self, privilege: &str, table: &TableName) -> bool {
        self.on_schema(privilege, &table.schema)
            || self.tables.iter().any(|(name, held)| {
                name.schema.eq_ignore_ascii_case(&table.schema)
                    && name.name.eq_ignore_ascii_case(&table.name)
                    && holds(held, privilege)
            })
    }
}

/// `SHOW VIEW, SELECT, UPDATE (a, b)` -> names; one that is granted on columns only is not held for the table.
fn privileges(list: &[Token]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut words: Vec<String> = Vec::new();
    let (mut depth, mut columns) = (0usize, false);
    for token in list.iter().chain([&Token::Sign(',')]) {
        match token {
            Token::Sign('(') => {
                depth += 1;
                columns = true;
            }
            Token::Sign(')') => depth = depth.saturating_sub(1),
            Token::Sign(',') if depth == 0 => {
                if !columns && !words.is_empty() {
                    out.insert(words.join(" "));
                }
                words.clear();
                columns = false;
            }
            Token::Word(word) if depth == 0 => words.push(word.to_uppercase()),
            _ => {}
        }
    }
    out
}

fn holds(held: &BTreeSet<String>, privilege: &str) -> bool {
    held.contains("ALL PRIVILEGES") || held.contains("ALL") || held.contains(privilege)
}

fn name(token: &Token) -> Option<String> {
    match token {
        Token::Ident(name) | Token::Word(name) | Token::Text(name) => Some(name.clone()),
        Token::Sign(_) => None,
    }
}

fn role_name(tokens: &[Token]) -> Option<String> {
    tokens.first().and_then(name).map(|role| role.split('@').next().unwrap_or_default().to_owned())
}

/// Whether a granted schema pattern (`%`, `_`, `\_`) covers a schema; case does not matter, as TiDB has it.
fn covers(pattern: &str, schema: &str) -> bool {
    fn go(pattern: &[char], schema: &[char]) -> bool {
        match (pattern, schema) {
            ([], []) => true,
            (['%', rest @ ..], _) => go(rest, schema) || (!schema.is_empty() && go(pattern, &schema[1..])),
            (['\\', c, rest @ ..], [s, more @ ..]) => c == s && go(rest, more),
            (['_', rest @ ..], [_, more @ ..]) => go(rest, more),
            ([c, rest @ ..], [s, more @ ..]) => c == s && go(rest, more),
            _ => false,
        }
    }
    let chars = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    go(&chars(pattern), &chars(schema))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn check(line: &str, privilege: &str, table: (&str, &str), expected: bool) {
        let grants = Grants::parse(&[line]);
        assert_eq!(
            grants.on_table(privilege, &TableName::new(table.0, table.1)),
            expected,
            "{line}: {privilege} {table:?}"
        );
    }

    #[test]
    fn a_grant_covers_what_its_object_says() {
        let t = ("shop", "orders");
        check("GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION", "SELECT", t, true);
        check("GRANT SELECT, SHOW VIEW, REPLICATION CLIENT ON *.* TO `u`@`%`", "SHOW VIEW", t, true);
        check("GRANT SELECT ON *.* TO `u`@`%`", "SHOW VIEW", t, false);
        check("GRANT SELECT ON `shop`.* TO `u`@`%`", "SELECT", t, true);
        check("GRANT SELECT ON `shop`.* TO `u`@`%`", "SELECT", ("shops", "orders"), false);
        check("GRANT Select ON shop.* TO 'u'@'%'", "SELECT", t, true);
        check("GRANT SELECT ON `sh%`.* TO `u`@`%`", "SELECT", t, true);
        check("GRANT SELECT ON `s\\_p`.* TO `u`@`%`", "SELECT", ("s_p", "x"), true);
        check("GRANT SELECT ON `s\\_p`.* TO `u`@`%`", "SELECT", ("sxp", "x"), false);
        check("GRANT SELECT ON `s_p`.* TO `u`@`%`", "SELECT", ("sxp", "x"), true);
        check("GRANT SELECT, INSERT ON `shop`.`orders` TO `u`@`%`", "SELECT", t, true);
        check("GRANT SELECT ON `shop`.`orders` TO `u`@`%`", "SELECT", ("shop", "carts"), false);
        check("GRANT SELECT (`a`, `b`), INSERT ON `shop`.`orders` TO `u`@`%`", "SELECT", t, false);
        check("GRANT SELECT (`a`, `b`), INSERT ON `shop`.`orders` TO `u`@`%`", "INSERT", t, true);
        check("GRANT EXECUTE ON PROCEDURE `shop`.`orders` TO `u`@`%`", "EXECUTE", t, false);
        check("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*0'", "SELECT", t, false);
        check("GRANT PROXY ON ``@`` TO `root`@`localhost` WITH GRANT OPTION", "SELECT", t, false);
        check("GRANT SELECT ON `a``b`.* TO `u`@`%`", "SELECT", ("a`b", "x"), true);
    }

    #[test]
    fn a_partial_revoke_takes_a_schema_out_of_a_global_grant() {
        let grants =
            Grants::parse(&["GRANT SELECT, INSERT ON *.* TO `u`@`%`", "REVOKE SELECT ON `shop`.* FROM `u`@`%`"]);
        assert!(!grants.on_schema("SELECT", "shop"));
        assert!(grants.on_schema("INSERT", "shop"));
        assert!(grants.on_schema("SELECT", "other"));
    }

    #[test]
    fn lines_of_roles_are_named_and_give_nothing() {
        let grants = Grants::parse(&["GRANT `reader`@`%`,`writer`@`%` TO `u`@`%`", "GRANT USAGE ON *.* TO `u`@`%`"]);
        assert_eq!(grants.roles, ["reader", "writer"]);
        assert!(!grants.global("SELECT"));
    }
}
