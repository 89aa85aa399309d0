//! The first spec of a migration: `mig init`. Text out of a few answers, in the canonical layout. Knows no password: the spec
//! names where it comes from.

use hcl_edit::expr::Expression;

use super::model::TlsMode;

/// The kinds of servers, as the block's label says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Mysql,
    Tidb,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::Mysql => "mysql",
            Self::Tidb => "tidb",
        }
    }
}

/// A server as somebody names it: `mysql://mig_reader@db.internal:3306`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    pub kind: Kind,
    pub username: String,
    pub host: String,
    /// None: the usual one of its kind.
    pub port: Option<u16>,
}

impl std::str::FromStr for ServerUrl {
    type Err = String;

    /// The message repeats nothing of the text: it may hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "it is not of the form mysql://USER@HOST:PORT or tidb://USER@HOST:PORT";
        let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
        let kind = match scheme {
            "mysql" | "mariadb" => Kind::Mysql,
            "tidb" => Kind::Tidb,
            _ => return Err(FORM.to_owned()),
        };
        let (username, place) = rest.trim_end_matches('/').rsplit_once('@').ok_or(FORM)?;
        let username = percent_decoded(username).ok_or(FORM)?;
        if username.contains(':') {
            let why = "a password is in it, which every user of the machine can read in the arguments: leave it out, name \
                       an environment variable by -source-password-env or -target-password-env, and change the password if \
                       others may have seen it";
            return Err(why.to_owned());
        }
        // Brackets keep the colons of an IPv6 address apart from that of the port.
        let (host, port) = match place.strip_prefix('[').and_then(|place| place.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or(FORM)?)),
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map(|port| port.parse::<u16>().map_err(|_| FORM.to_owned())).transpose()?;
        if username.is_empty()
            || username.contains(char::is_control)
            || host.is_empty()
            || host.contains(char::is_control)
            || host.contains(['/', '?', '#'])
            || port == Some(0)
        {
            return Err(FORM.to_owned());
        }
        Ok(Self { kind, username, host: host.to_owned(), port })
    }
}

/// A part of a URL as it is meant (RFC 3986, section 2.1); none where a `%` has no two digits, or the bytes are no text.
fn percent_decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or("").as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(piece.bytes().skip(2));
    }
    String::from_utf8(bytes).ok()
}

/// Whether an environment variable can be called so in a shell (POSIX, XBD 3.216).
pub fn is_environment_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Rules of a table filter, written with commas between them. A comma in a quoted name, a regular expression or a set of letters
/// is a part of its rule.
pub fn rules(text: &str) -> Vec<String> {
    let (mut rules, mut rule) = (Vec::new(), String::new());
    let mut closing: Option<char> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter == ',' && closing.is_none() {
            rules.push(std::mem::take(&mut rule));
            continue;
        }
        let before = rule.trim_start();
        // A slash inside a part, or in the path of an `@file`, is a letter like others.
        let begins_part = matches!(before, "" | "!") || before.ends_with('.') && !before.starts_with('@');
        // A quote in quotes is written twice.
        let goes_on = letter != '/' && before.ends_with(letter);
        let is_path = before.starts_with('@');
        rule.push(letter);
        match (closing, letter) {
            (None | Some('/' | ']'), '\\') => rule.extend(letters.next()),
            (Some(end), letter) if letter == end => closing = None,
            (None, '`' | '"' | '/') if begins_part || goes_on => closing = Some(letter),
            (None, '[') if !is_path => closing = Some(']'),
            _ => {}
        }
    }
    rules.push(rule);
    rules.iter().map(|rule| rule.trim().to_owned()).filter(|rule| !rule.is_empty()).collect()
}

/// One of the two servers, and how to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub server: ServerUrl,
    /// The environment variable that has the password; none: no password is sent.
    pub password_env: Option<String>,
    pub tls: TlsMode,
}

/// What a first spec says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Starter {
    /// The name of the migration and of its servers.
    pub name: String,
    pub source: Login,
    pub target: Login,
    /// Rules of the table filter.
    pub tables: Vec<String>,
}

impl Starter {
    /// The text of the spec.
    pub fn text(&self) -> String {
        let Self { name, source, target, tables } = self;
        let mut text =
            "# `mig validate` checks this file, `mig plan` shows what would happen, `mig apply` does it.\n\n"
                .to_owned();
        text.push_str("mig {\n  required_version = \">= 0.1\"\n}\n");
        for (side, login) in [("source", source), ("target", target)] {
            if let Some(env) = &login.password_env {
                let who = format!("Password of {} on the {side}", login.server.username);
                text.push_str(&format!(
                    "\nvariable \"{side}_password\" {{\n  type        = string\n  description = {}\n  sensitive   = true\n  env         = {}\n}}\n",
                    quoted(&who),
                    quoted(env)
                ));
            }
        }
        text.push_str(&block("source", name, source));
        text.push_str(&block("target", name, target));
        let rules: Vec<String> = tables.iter().map(|rule| quoted(rule)).collect();
        text.push_str(&format!(
            "\nmigration \"{name}\" {{\n  source = source.{}.{name}\n  target = target.{}.{name}\n  tables = [{}]\n}}\n",
            source.server.kind.label(),
            target.server.kind.label(),
            rules.join(", ")
        ));
        text
    }
}

fn block(side: &str, name: &str, login: &Login) -> String {
    let Login { server, password_env, tls } = login;
    let mut text =
        format!("\n{side} \"{}\" \"{name}\" {{\n  host     = {}\n", server.kind.label(), quoted(&server.host));
    if let Some(port) = server.port {
        text.push_str(&format!("  port     = {port}\n"));
    }
    text.push_str(&format!("  username = {}\n", quoted(&server.username)));
    if password_env.is_some() {
        text.push_str(&format!("  password = var.{side}_password\n"));
    }
    let mode = match tls {
        // The default.
        TlsMode::VerifyIdentity => None,
        TlsMode::VerifyCa => Some("verify_ca"),
        TlsMode::Required => Some("required"),
        TlsMode::Disabled => Some("disabled"),
    };
    if let Some(mode) = mode {
        text.push_str(&format!("\n  tls {{\n    mode = \"{mode}\"\n  }}\n"));
    }
    text + "}\n"
}

/// A text as HCL writes it.
fn quoted(text: &str) -> String {
    Expression::from(text).to_string()
}

/// The name for a migration of these tables: that of their only schema, else `main`.
pub fn name_for(tables: &[String]) -> String {
    let mut schemas =
        tables.iter().filter(|rule| !rule.starts_with('!')).map(|rule| rule.split('.').next().unwrap_or(""));
    let first = schemas.next().unwrap_or("");
    let is_name = first.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && first.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_name && schemas.all(|schema| schema == first) { first.to_owned() } else { "main".to_owned() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::formats::spec::{Contents, Inputs, Secrets, SourceFile, format, load};

    fn starter(source: &str, target: &str, tables: &[&str], env: Option<&str>, tls: TlsMode) -> Starter {
        let tables: Vec<String> = tables.iter().map(|rule| (*rule).to_owned()).collect();
        let login = |url: &str| Login { server: url.parse().unwrap(), password_env: env.map(str::to_owned), tls };
        Starter { name: name_for(&tables), source: login(source), target: login(target), tables }
    }

    #[test]
    fn a_server_is_named_by_a_url_without_a_password() {
        let check = |text: &str, expected: Option<(Kind, &str, &str, Option<u16>)>| {
            let found = text.parse::<ServerUrl>();
            let got = found.as_ref().ok().map(|url| (url.kind, url.username.as_str(), url.host.as_str(), url.port));
            assert_eq!(got, expected, "{text}: {found:?}");
        };
        check("mysql://reader@db.internal:3307", Some((Kind::Mysql, "reader", "db.internal", Some(3307))));
        check("mariadb://reader@db/", Some((Kind::Mysql, "reader", "db", None)));
        check("tidb://a.b@c@h", Some((Kind::Tidb, "a.b@c", "h", None)));
        check("tidb://u@[::1]:4000", Some((Kind::Tidb, "u", "::1", Some(4000))));
        check("tidb://u@[::1]", Some((Kind::Tidb, "u", "::1", None)));
        for text in
            ["", "db", "postgres://u@h", "mysql://h", "mysql://@h", "mysql://u@", "mysql://u@h:x", "mysql://u@h:0"]
        {
            check(text, None);
        }
        check("mysql://u@h/schema", None);
        check("mysql://a%20b%40c%25@h", Some((Kind::Mysql, "a b@c%", "h", None)));
        for text in [
            "mysql://u%@h",
            "mysql://u%zz@h",
            "mysql://u%+1@h",
            "mysql://u%ff@h",
            "mysql://u%0a@h",
            "mysql://u@h%0a\u{1b}",
        ] {
            check(text, None);
        }
        let refused = "mysql://u%3Ahunter2@h".parse::<ServerUrl>().unwrap_err();
        assert!(refused.contains("password") && !refused.contains("hunter2"), "{refused}");
        let refused = "mysql://u:hunter2@h".parse::<ServerUrl>().unwrap_err();
        assert!(refused.contains("password") && !refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn rules_are_cut_at_commas_that_are_no_part_of_a_rule() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(rules(text), expected, "{text}");
            // The spec's own reader takes each of them.
            let read = crate::formats::filter::Filter::parse_with_files(&rules(text), &mut |_| Ok(String::new()));
            assert!(read.is_ok(), "{text}: {read:?}");
        };
        check("shop.*, !shop.audit_* ,,", &["shop.*", "!shop.audit_*"]);
        check("`a,b`.*,c.\"d,e\"", &["`a,b`.*", "c.\"d,e\""]);
        check("`a``,b`.*,c.*", &["`a``,b`.*", "c.*"]);
        check("/^a{1,2}$/./b\\/,c/,!/d,e/.*", &["/^a{1,2}$/./b\\/,c/", "!/d,e/.*"]);
        check("a[x,y].*,c.*", &["a[x,y].*", "c.*"]);
        check("@lists/of/tables.txt,shop.*", &["@lists/of/tables.txt", "shop.*"]);
        check("@./a.txt,@../b[.txt,shop.*", &["@./a.txt", "@../b[.txt", "shop.*"]);
        check("", &[]);
    }

    #[test]
    fn an_environment_variable_has_a_name_that_a_shell_can_set() {
        for (name, expected) in
            [("A_1", true), ("_a", true), ("", false), ("1A", false), ("A-B", false), ("A=B", false), ("\u{e9}", false)]
        {
            assert_eq!(is_environment_name(name), expected, "{name}");
        }
    }

    #[test]
    fn the_name_is_that_of_the_only_schema() {
        for (tables, name) in [
            (&["shop.*"][..], "shop"),
            (&["shop.*", "!shop.audit_*"], "shop"),
            (&["shop.a", "shop.b"], "shop"),
            (&["shop.*", "crm.*"], "main"),
            (&["*.*"], "main"),
            (&["`a b`.*"], "main"),
            (&[], "main"),
        ] {
            let tables: Vec<String> = tables.iter().map(|rule| (*rule).to_owned()).collect();
            assert_eq!(name_for(&tables), name, "{tables:?}");
        }
    }

    #[test]
    fn a_first_spec_is_sound_and_in_the_canonical_layout() {
        let (mysql, tidb) = ("mysql://mig_reader@db.internal", "tidb://mig_writer@tidb.example.com:4000");
        for wanted in [
            starter(mysql, tidb, &["shop.*", "!shop.audit_*"], Some("SHOP_PASSWORD"), TlsMode::VerifyIdentity),
            starter(mysql, "mysql://u@other:3307", &["`we\\ird \"\u{e9}${x}`.*"], None, TlsMode::Disabled),
            starter("tidb://o'b\"@h".replace("tidb", "mysql").as_str(), tidb, &["*.*"], Some("X"), TlsMode::Required),
        ] {
            let file = SourceFile { name: "main.mig.hcl".into(), text: wanted.text() };
            assert_eq!(format(&file, Contents::Blocks).ok().as_ref(), Some(&file.text));
            let inputs = Inputs {
                files: vec![file.clone()],
                vars: Vec::new(),
                auto_files: Vec::new(),
                outputs: Vec::new(),
                var_files: Vec::new(),
                env: &|name| (!name.starts_with("MIG_")).then(|| "secret".into()),
                read_file: &|_| Err("none".into()),
                secrets: Secrets::Needed,
            };
            let (spec, found) = load(&inputs);
            let spec = spec.unwrap_or_else(|| panic!("{found:?}\n{}", file.text));
            assert!(found.is_empty(), "{found:?}");
            let (source, target) = (&spec.sources[&wanted.name], &spec.targets[&wanted.name]);
            for (server, login) in [(source, &wanted.source), (target, &wanted.target)] {
                assert_eq!(
                    (&server.host, &server.username, server.tls.mode),
                    (&login.server.host, &login.server.username, login.tls)
                );
                assert_eq!(server.password.is_some(), login.password_env.is_some());
                assert!(login.server.port.is_none_or(|port| port == server.port));
            }
            assert_eq!(spec.migrations[&wanted.name].tables, wanted.tables);
        }
    }
}
