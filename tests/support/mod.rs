//! Real servers for tests: where they are, a session as root, a schema for each test.
#![allow(dead_code)]

pub mod browser;
pub mod bucket;
pub mod case;
pub mod cloud_proxy;
pub mod ends;
pub mod guest;
pub mod journey;
pub mod lives;
pub mod moto;
pub mod moves;
pub mod program;
pub mod proxy;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use mig::formats::spec::model::{self, TlsMode};
use mig::hosts::mysql;
use mig::seams::sql::{Role, Rows, Server};
use mig::words::diag::Place;

/// A running server of the testbed.
pub struct Bed {
    pub kind: String,
    pub dir: PathBuf,
    port: u16,
}

impl Bed {
    pub fn mysql() -> Self {
        Self::of("MIG_TEST_MYSQL").expect("no MySQL server is there: run `make test`")
    }

    pub fn tidb() -> Self {
        Self::of("MIG_TEST_TIDB").expect("no TiDB server is there: run `make test`")
    }

    pub fn mariadb() -> Self {
        Self::of("MIG_TEST_MARIADB").expect("no MariaDB server is there: run `make test`")
    }

    /// The generation of old Auroras: no TLS, old authentication, no JSON, latin1 by default.
    pub fn mysql56() -> Self {
        Self::of("MIG_TEST_MYSQL56").expect("no MySQL 5.6 server is there: run `make test`")
    }

    /// What serves a whole run and takes every statement of today; [`Bed::mysql56`] is asked for by name.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::mysql(), Self::tidb(), Self::mariadb()].into_iter()
    }

    /// A server of this test alone, in `dir`: for what would disturb the others. [`Bed::server_script`] ends it.
    pub fn private(kind: &str, dir: PathBuf) -> Self {
        Self::private_with(kind, dir, &[])
    }

    /// The same with arguments of the server's own.
    pub fn private_with(kind: &str, dir: PathBuf, arguments: &[&str]) -> Self {
        let bed = Self { kind: kind.to_owned(), dir, port: 0 };
        bed.script("start", arguments);
        Self::at(bed.dir).unwrap()
    }

    /// `start`, `stop`, `kill` or `restart`, by the testbed's script.
    pub fn server_script(&self, verb: &str) {
        self.script(verb, &[]);
    }

    fn script(&self, verb: &str, arguments: &[&str]) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/testbed/server");
        let mut command = std::process::Command::new(script);
        command.arg(verb);
        if verb == "start" {
            command.arg(&self.kind);
        }
        let output = command.arg(&self.dir).args(arguments).output().unwrap();
        assert!(output.status.success(), "server {verb}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// What a spec calls a target of its kind.
    pub fn label(&self) -> &'static str {
        if self.kind == "tidb" { "tidb" } else { "mysql" }
    }

    /// The server whose folder the variable names, where it runs.
    pub fn of(variable: &str) -> Option<Self> {
        Self::at(PathBuf::from(std::env::var_os(variable)?))
    }

    pub fn at(dir: PathBuf) -> Option<Self> {
        let env = std::fs::read_to_string(dir.join("env")).ok()?;
        let value = |name: &str| env.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        Some(Self { kind: value("KIND")?.to_owned(), port: value("PORT")?.parse().ok()?, dir })
    }

    /// Root, not encrypted.
    pub fn config(&self) -> model::Server {
        model::Server {
            label: self.kind.clone(),
            name: "test".into(),
            host: "127.0.0.1".into(),
            port: self.port,
            username: "root".into(),
            password: None,
            tls: model::Tls { mode: TlsMode::Disabled, ca_file: None },
            max_threads: 16,
            ledger_schema: "mig_ledger".into(),
            aurora: None,
            tier: None,
            region: None,
            place: Place {
                file: "test.mig.hcl".into(),
                start: 0,
                end: 0,
                line: 1,
                column: 1,
                source_line: String::new(),
            },
        }
    }

    pub fn server(&self) -> Arc<dyn Server> {
        mysql::server(&self.config(), &self.dir, None).unwrap()
    }

    /// Runs statements as root.
    pub async fn run(&self, statements: &[&str]) {
        let mut conn = self.server().connect(&loose_role()).await.unwrap();
        for sql in statements {
            let mut done = conn.execute(sql).await;
            // TiDB: another test's DDL came between; "try again later", it says.
            for _ in 0..20 {
                if !done.as_ref().is_err_and(|fault| fault.number == Some(8028)) {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                done = conn.execute(sql).await;
            }
            done.unwrap_or_else(|fault| panic!("{}: {sql}: {fault}", self.kind));
        }
    }

    /// The rows of a query as root, as text; NULL is `NULL`.
    pub async fn rows(&self, sql: &str) -> Vec<Vec<String>> {
        let mut conn = self.server().connect(&write_role()).await.unwrap();
        texts(&conn.query(sql).await.unwrap_or_else(|fault| panic!("{}: {sql}: {fault}", self.kind)))
    }

    /// An empty schema of a name that only this test uses, with `statements` run in it; gives the name.
    pub async fn schema(&self, test: &str, statements: &[&str]) -> String {
        let schema = format!("mt_{}_{test}", std::process::id());
        let mut conn = self.server().connect(&loose_role()).await.unwrap();
        for sql in
            [format!("DROP DATABASE IF EXISTS {schema}"), format!("CREATE DATABASE {schema}"), format!("USE {schema}")]
                .iter()
                .map(String::as_str)
                .chain(statements.iter().copied())
        {
            conn.execute(sql).await.unwrap_or_else(|fault| panic!("{}: {sql}: {fault}", self.kind));
        }
        schema
    }

    pub async fn drop_schema(&self, schema: &str) {
        self.run(&[&format!("DROP DATABASE IF EXISTS {schema}")]).await;
    }
}

/// The blocks of a spec for `source.mysql.from` and the target `to`, on loopback and not encrypted. `ports`: of the source and of
/// the target, or of what leads to them. `user`: the target's; `ledger`: its ledger's schema.
pub fn server_blocks(ports: (u16, u16), target: &Bed, user: &str, ledger: &str) -> String {
    let label = target.label();
    let block = |head: String, port: u16, user: &str, more: String| {
        format!(
            "{head} {{\n  host = \"127.0.0.1\"\n  port = {port}\n  username = \"{user}\"\n{more}  tls {{\n    mode = \
             \"disabled\"\n  }}\n}}\n"
        )
    };
    block("source \"mysql\" \"from\"".into(), ports.0, "root", String::new())
        + &block(format!("target \"{label}\" \"to\""), ports.1, user, format!("  ledger_schema = \"{ledger}\"\n"))
}

pub fn write_role() -> Role {
    Role::Write { keep_zero_dates: false, session: BTreeMap::new() }
}

fn loose_role() -> Role {
    Role::Write { keep_zero_dates: true, session: BTreeMap::new() }
}

/// Rows as text; NULL is `NULL`.
pub fn texts(rows: &Rows) -> Vec<Vec<String>> {
    let text = |cell: &Option<Vec<u8>>| match cell {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => "NULL".into(),
    };
    rows.rows.iter().map(|row| row.iter().map(text).collect()).collect()
}
