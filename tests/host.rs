//! The host against real servers: sessions, TLS, faults, rows, LOAD DATA.
//! MIG_TEST_MYSQL, MIG_TEST_MARIADB and MIG_TEST_TIDB name folders of `tests/testbed/server`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use futures::future::BoxFuture;
use mig::formats::dumpfile::Piece;
use mig::formats::facts::Position;
use mig::formats::spec::model::TlsMode;
use mig::hosts::mysql;
use mig::seams::sql::{Role, Tokens};
use mig::words::error::{Outcome, Retry};
use mig::words::secret::Secret;
use support::proxy::Fault::Silence;
use support::proxy::{Proxy, Toward};
use support::{Bed, write_role};

#[tokio::test]
async fn a_session_is_set_up_for_its_role_whatever_the_servers_defaults_are() {
    for bed in Bed::all() {
        let server = bed.server();
        for role in [Role::Look, Role::Read] {
            let mut conn = server.connect(&role).await.unwrap();
            let rows =
                conn.query("SELECT @@time_zone, @@sql_mode, @@character_set_results, @@autocommit").await.unwrap();
            let row = support::texts(&rows).remove(0);
            let mut modes: Vec<&str> = row[1].split(',').collect();
            modes.sort_unstable();
            // Days that no month has are compared as they stand.
            assert_eq!(modes, ["ALLOW_INVALID_DATES", "NO_ENGINE_SUBSTITUTION"], "{}", bed.kind);
            assert_eq!([&row[0], &row[2], &row[3]], ["+00:00", "utf8mb4", "1"], "{}", bed.kind);
        }
        let mut conn = server.connect(&write_role()).await.unwrap();
        let rows = conn.query("SELECT @@sql_mode, @@foreign_key_checks, @@unique_checks").await.unwrap();
        let rows = support::texts(&rows);
        for word in ["STRICT_ALL_TABLES", "NO_ZERO_DATE", "NO_AUTO_VALUE_ON_ZERO"] {
            assert!(rows[0][0].contains(word), "{word} in {rows:?} on {}", bed.kind);
        }
        assert_eq!(rows[0][1..], ["0", "1"]);
    }
}

#[tokio::test]
async fn a_look_cannot_write() {
    for bed in Bed::all().filter(|bed| bed.kind != "tidb") {
        let schema = bed.schema("look_cannot_write", &["CREATE TABLE t (a INT)"]).await;
        let mut conn = bed.server().connect(&Role::Read).await.unwrap();
        let fault = conn.execute(&format!("INSERT INTO {schema}.t VALUES (1)")).await.unwrap_err();
        assert_eq!(fault.number, Some(1792), "{}", bed.kind);
        bed.drop_schema(&schema).await;
    }
}

#[tokio::test]
async fn a_session_variable_of_the_spec_is_set_and_an_unknown_one_is_named() {
    let bed = Bed::tidb();
    for (name, value, code) in [
        ("tidb_mem_quota_query", "4294967296", None),
        ("no_such_variable", "1", Some("MIG3014")),
        ("a b", "1", Some("MIG3014")),
    ] {
        let session = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let role = Role::Write { keep_zero_dates: false, session };
        let got = bed.server().connect(&role).await.map(drop).map_err(|failure| (failure.code, failure.to_string()));
        match (got, code) {
            (Ok(()), None) => {}
            (Err((got, text)), Some(code)) => {
                assert_eq!(got, code);
                assert!(text.contains(name), "{text}");
            }
            (got, code) => panic!("{name}: {got:?}, not {code:?}"),
        }
    }
}

#[tokio::test]
async fn each_way_that_a_log_in_fails_has_its_code_and_its_hint_and_shows_no_secret() {
    let bed = Bed::mysql();
    bed.run(&[
        "DROP USER IF EXISTS host_tls, host_locked, host_wrong, host_few",
        "CREATE USER host_tls IDENTIFIED BY 'right' REQUIRE SSL",
        "CREATE USER host_locked IDENTIFIED BY 'right' ACCOUNT LOCK",
        "CREATE USER host_wrong IDENTIFIED BY 'right'",
        "CREATE USER host_few IDENTIFIED BY 'right' WITH MAX_USER_CONNECTIONS 1",
    ])
    .await;
    let unused = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().port()
    };
    type Edit = Box<dyn Fn(&mut mig::formats::spec::model::Server)>;
    let user = |name: &'static str, password: &'static str, tls: TlsMode| -> Edit {
        Box::new(move |config| {
            config.username = name.into();
            config.password = Some(mig::words::secret::Secret::new(password.into()));
            config.tls.mode = tls;
        })
    };
    let cases: Vec<(&str, Edit, &str)> = vec![
        ("a wrong password", user("host_wrong", "m4rk3r", TlsMode::Required), "MIG3006"),
        ("a wrong password without TLS", user("host_wrong", "m4rk3r", TlsMode::Disabled), "MIG3006"),
        ("a user that must use TLS", user("host_tls", "right", TlsMode::Disabled), "MIG3006"),
        ("a locked account", user("host_locked", "right", TlsMode::Required), "MIG3012"),
        ("an unknown host", Box::new(|config| config.host = "no-such-host.invalid".into()), "MIG3001"),
        ("a closed port", Box::new(move |config| config.port = unused), "MIG3002"),
        ("an authority that nobody knows", user("root", "", TlsMode::VerifyIdentity), "MIG3030"),
        (
            "a certificate without this name",
            Box::new(|config| {
                config.tls.mode = TlsMode::VerifyIdentity;
                config.tls.ca_file = Some("data/ca.pem".into());
            }),
            "MIG3031",
        ),
    ];
    for (what, edit, code) in cases {
        let mut config = bed.config();
        edit(&mut config);
        let failure = match mysql::server(&config, &bed.dir, None) {
            Ok(server) => server.connect(&Role::Look).await.map(drop).unwrap_err(),
            Err(failure) => failure,
        };
        assert_eq!(failure.code, code, "{what}: {failure}");
        assert!(failure.hint.ends_with(['.', ';']), "{what}: {}", failure.hint);
        assert!(!format!("{failure:?}").contains("m4rk3r"), "{what}");
    }
    let mut config = bed.config();
    user("host_few", "right", TlsMode::Required)(&mut config);
    let server = mysql::server(&config, &bed.dir, None).unwrap();
    let _first = server.connect(&Role::Look).await.unwrap();
    let failure = server.connect(&Role::Look).await.map(drop).unwrap_err();
    assert_eq!((failure.code.to_string().as_str(), failure.retry), ("MIG3008", Retry::Later));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_after_ten_seconds() {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = Bed::mysql().config();
    config.port = socket.local_addr().unwrap().port();
    let begun = Instant::now();
    let failure = mysql::server(&config, ".".as_ref(), None).unwrap().connect(&Role::Look).await.map(drop).unwrap_err();
    assert_eq!(failure.code, "MIG3003", "{failure}");
    assert!(begun.elapsed() < Duration::from_secs(12));
}

#[tokio::test]
async fn what_is_no_database_is_told_apart_from_a_closed_port() {
    use tokio::io::AsyncWriteExt;
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = Bed::mysql().config();
    config.port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        }
    });
    let failure = mysql::server(&config, ".".as_ref(), None).unwrap().connect(&Role::Look).await.map(drop).unwrap_err();
    assert_eq!(failure.code, "MIG3005", "{failure}");
}

#[tokio::test]
async fn tls_encrypts_in_every_mode_but_disabled() {
    let bed = Bed::mysql();
    for (mode, ca_file, encrypted) in [
        (TlsMode::Disabled, None, false),
        (TlsMode::Required, None, true),
        (TlsMode::VerifyCa, Some("data/ca.pem"), true),
    ] {
        let mut config = bed.config();
        config.tls.mode = mode;
        config.tls.ca_file = ca_file.map(str::to_owned);
        let server = mysql::server(&config, &bed.dir, None).unwrap();
        for role in [Role::Look, Role::Read, Role::Look] {
            let mut conn = server.connect(&role).await.unwrap_or_else(|failure| panic!("{mode:?}: {failure}"));
            let rows = conn.query("SHOW STATUS LIKE 'Ssl_cipher'").await.unwrap();
            assert_eq!(!support::texts(&rows)[0][1].is_empty(), encrypted, "{mode:?}");
            if role == Role::Read {
                // It came to be by its own log-in, not by the driver's.
                let refused = conn.load_data("LOAD DATA", Vec::new()).await.unwrap_err();
                assert_eq!(refused.message, "this session reads only", "{mode:?}");
            }
        }
    }
    let mut config = Bed::tidb().config();
    config.tls.mode = TlsMode::Required;
    let server = mysql::server(&config, &bed.dir, None).unwrap();
    server.connect(&Role::Look).await.map(drop).unwrap();
}

/// Tokens of TiDB's own kind, signed with the testbed's key: the server lets a user in by them as RDS does by its own,
/// asking for the password as it is.
struct Signed {
    user: String,
    made: AtomicU32,
}

impl Tokens for Signed {
    fn token(&self) -> BoxFuture<'_, Outcome<Secret>> {
        self.made.fetch_add(1, Ordering::Relaxed);
        let base64 = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let head = base64(br#"{"alg":"HS256","kid":"testbed","typ":"JWT"}"#);
        let claims =
            format!(r#"{{"sub":"{}","email":"a@b.example","iss":"mig","iat":{now},"exp":{}}}"#, self.user, now + 900);
        let signed = format!("{head}.{}", base64(claims.as_bytes()));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"testbed");
        let token = format!("{signed}.{}", base64(ring::hmac::sign(&key, signed.as_bytes()).as_ref()));
        Box::pin(async move { Ok(Secret::new(token)) })
    }
}

#[tokio::test]
async fn a_token_is_made_for_each_log_in_and_goes_over_tls_alone() {
    let bed = Bed::tidb();
    let mut root = bed.server().connect(&write_role()).await.unwrap();
    for sql in [
        "DROP USER IF EXISTS host_token",
        "CREATE USER host_token IDENTIFIED WITH tidb_auth_token REQUIRE TOKEN_ISSUER 'mig' ATTRIBUTE '{\"email\": \"a@b.example\"}'",
    ] {
        root.execute(sql).await.unwrap();
    }
    let tokens = |user: &str| Arc::new(Signed { user: user.to_owned(), made: AtomicU32::new(0) });
    let mut config = bed.config();
    config.username = "host_token".into();
    config.tls.mode = TlsMode::Required;
    let own = tokens("host_token");
    let server = mysql::server(&config, &bed.dir, Some(own.clone())).unwrap();
    for (role, read) in [(Role::Look, false), (Role::Read, true), (Role::Read, true)] {
        let mut conn = server.connect(&role).await.unwrap();
        let rows = conn.query("SELECT CURRENT_USER()").await.unwrap();
        assert_eq!(support::texts(&rows), [["host_token@%"]]);
        let refused = conn.load_data("LOAD DATA", Vec::new()).await.unwrap_err();
        assert_eq!(refused.message == "this session reads only", read, "rows are read by a session of their own");
    }
    assert_eq!(own.made.load(Ordering::Relaxed), 3);

    let another = mysql::server(&config, &bed.dir, Some(tokens("somebody"))).unwrap();
    let failure = another.connect(&Role::Look).await.map(drop).unwrap_err();
    assert_eq!(failure.code, "MIG3006", "{failure}");
    assert!(failure.hint.contains("AWSAuthenticationPlugin"), "{failure}");

    config.tls.mode = TlsMode::Disabled;
    let open = mysql::server(&config, &bed.dir, Some(tokens("host_token"))).unwrap();
    for role in [Role::Look, Role::Read] {
        let failure = open.connect(&role).await.map(drop).unwrap_err();
        assert_eq!(failure.code, "MIG3013", "{failure}");
    }
    // A password of a block is never sent so.
    config.tls.mode = TlsMode::Required;
    config.password = Some(Secret::new("of a block".into()));
    let failure = mysql::server(&config, &bed.dir, None).unwrap().connect(&Role::Look).await.map(drop).unwrap_err();
    assert_eq!(failure.code, "MIG3013", "{failure}");
    root.execute("DROP USER host_token").await.unwrap();
}

#[tokio::test]
async fn an_authority_that_did_not_sign_is_refused_where_only_the_name_is_left_unchecked() {
    let bed = Bed::mysql();
    let mut config = bed.config();
    config.tls.mode = TlsMode::VerifyCa;
    // A certificate, but of the server itself and no authority's.
    config.tls.ca_file = Some("data/client-cert.pem".into());
    let failure = mysql::server(&config, &bed.dir, None).unwrap().connect(&Role::Look).await.map(drop).unwrap_err();
    assert_eq!(failure.code, "MIG3030", "{failure}");
    config.tls.ca_file = Some("data/nothing.pem".into());
    assert_eq!(mysql::server(&config, &bed.dir, None).map(drop).unwrap_err().code, "MIG3010");
    config.tls.ca_file = Some("data/server-key.pem".into());
    assert_eq!(mysql::server(&config, &bed.dir, None).map(drop).unwrap_err().code, "MIG3010");
}

#[tokio::test]
async fn rows_come_as_bytes_with_null_apart_from_the_empty_text() {
    for bed in Bed::all() {
        let mut conn = bed.server().connect(&Role::Read).await.unwrap();
        let sql = "SELECT 1, NULL, '', '😀', x'00ff0a', 1.50";
        let expected: Vec<Option<Vec<u8>>> = vec![
            Some(b"1".to_vec()),
            None,
            Some(vec![]),
            Some("😀".as_bytes().to_vec()),
            Some(vec![0, 255, 10]),
            Some(b"1.50".to_vec()),
        ];
        assert_eq!(conn.query(sql).await.unwrap().rows, std::slice::from_ref(&expected), "{}", bed.kind);
        let mut streamed = Vec::new();
        let count = conn
            .stream(sql, &mut |cells| {
                streamed.push(cells.iter().map(|cell| cell.map(<[u8]>::to_vec)).collect::<Vec<_>>());
                ControlFlow::Continue(())
            })
            .await
            .unwrap();
        assert_eq!((count, streamed), (1, vec![expected]), "{}", bed.kind);
    }
}

#[tokio::test]
async fn warnings_and_affected_rows_are_counted() {
    for bed in Bed::all() {
        let schema = bed.schema("counted", &["CREATE TABLE t (a INT PRIMARY KEY, b INT)"]).await;
        let mut conn = bed.server().connect(&write_role()).await.unwrap();
        let done = conn.execute(&format!("INSERT INTO {schema}.t VALUES (0, 0), (2, 2)")).await.unwrap();
        assert_eq!((done.affected, done.warnings), (2, 0), "{}", bed.kind);
        let rows = conn.query("SELECT CAST('x' AS SIGNED)").await.unwrap();
        assert_eq!(rows.warnings, 1, "{}", bed.kind);
        let fault = conn.execute(&format!("INSERT INTO {schema}.t VALUES (0, 0)")).await.unwrap_err();
        assert_eq!((fault.number, fault.lost), (Some(1062), false), "{}", bed.kind);
        conn.execute("DO 1").await.unwrap();
        bed.drop_schema(&schema).await;
    }
}

#[tokio::test]
async fn load_data_takes_part_in_a_transaction_and_tells_what_it_did() {
    for bed in Bed::all() {
        let schema = bed.schema("load", &["CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(2000))"]).await;
        let mut conn = bed.server().connect(&write_role()).await.unwrap();
        let mut data = Vec::new();
        for row in 0..2000 {
            data.extend_from_slice(format!("{row}\t{}\n", "x".repeat(1000)).as_bytes());
        }
        let sql = format!("LOAD DATA LOCAL INFILE 'batch' INTO TABLE {schema}.t");
        conn.execute("BEGIN").await.unwrap();
        // Pieces end where they like, and one is larger than a packet of the stream.
        let pieces = |sizes: [usize; 3]| -> Vec<Piece> {
            let mut rest = data.as_slice();
            let mut pieces = vec![Piece::Bytes(Vec::new())];
            for size in sizes {
                let (piece, behind) = rest.split_at(size.min(rest.len()));
                pieces.push(Piece::Bytes(piece.to_vec()));
                rest = behind;
            }
            pieces.push(Piece::Bytes(rest.to_vec()));
            pieces
        };
        let done = conn.load_data(&sql, pieces([1, 700_001, 3])).await.unwrap();
        assert_eq!((done.affected, done.warnings), (2000, 0), "{}", bed.kind);
        assert!(done.info.starts_with("Records: 2000  Deleted: 0  Skipped: 0  Warnings: 0"), "{}", done.info);
        conn.execute("ROLLBACK").await.unwrap();
        let count = format!("SELECT COUNT(*) FROM {schema}.t");
        assert_eq!(support::texts(&conn.query(&count).await.unwrap()), [["0"]]);
        let fault = conn
            .load_data("LOAD DATA LOCAL INFILE 'batch' INTO TABLE no_such.t", vec![Piece::Bytes(data)])
            .await
            .unwrap_err();
        assert!(fault.number.is_some() && !fault.lost, "{}: {fault:?}", bed.kind);
        // The bytes of the statement that failed do not answer this one's request.
        let fault = conn.execute(&sql).await.unwrap_err();
        assert!(fault.lost, "{fault:?}");
        let mut conn = bed.server().connect(&write_role()).await.unwrap();
        assert_eq!(support::texts(&conn.query(&count).await.unwrap()), [["0"]]);
        bed.drop_schema(&schema).await;
    }
}

#[tokio::test]
async fn a_stream_that_is_broken_off_closes_the_line_instead_of_reading_on() {
    let bed = Bed::mysql();
    let server = bed.server();
    let mut conn = server.connect(&Role::Read).await.unwrap();
    let id = support::texts(&conn.query("SELECT CONNECTION_ID()").await.unwrap())[0][0].clone();
    let sql = "SELECT a.TABLE_NAME, REPEAT('x', 1000) FROM information_schema.COLUMNS a, information_schema.COLUMNS b";
    let count = conn.stream(sql, &mut |_| ControlFlow::Break(())).await.unwrap();
    assert_eq!(count, 1);
    let fault = conn.query("SELECT 1").await.unwrap_err();
    assert!(fault.lost);
    let begun = Instant::now();
    drop(conn);
    let mut other = server.connect(&Role::Look).await.unwrap();
    loop {
        let rows =
            other.query(&format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {id}")).await.unwrap();
        if support::texts(&rows) == [["0"]] {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the session is still there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_session_that_is_killed_midway_is_lost_and_may_be_tried_again() {
    for bed in Bed::all() {
        let server = bed.server();
        let mut conn = server.connect(&Role::Read).await.unwrap();
        let id = support::texts(&conn.query("SELECT CONNECTION_ID()").await.unwrap())[0][0].clone();
        bed.run(&[&format!("KILL {id}")]).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let fault = conn.query("SELECT 1").await.unwrap_err();
        assert!(fault.lost && fault.transient(), "{}: {fault:?}", bed.kind);
        let failure = fault.told("look");
        assert_eq!((failure.code.to_string().as_str(), failure.retry), ("MIG3020", Retry::Later));
    }
}

#[tokio::test]
async fn a_second_statement_is_never_sent() {
    for bed in Bed::all() {
        let mut conn = bed.server().connect(&write_role()).await.unwrap();
        let fault = conn.execute("SELECT 1; SELECT 2").await.unwrap_err();
        assert!(!fault.lost && fault.number.is_none(), "{fault:?}");
    }
}

/// What a silent line is met by.
#[derive(Clone, Copy, Debug)]
enum Asked {
    /// One that takes longer than a line may be silent.
    Long,
    /// Its text does not reach the server.
    Unheard,
    /// Its answer does not reach us.
    Unanswered,
    /// Its rows stop coming.
    Rows,
}

#[tokio::test]
async fn a_line_that_went_silent_is_given_up_and_a_statement_that_takes_long_is_not() {
    let mut trials = Vec::new();
    for bed in ["MIG_TEST_MYSQL", "MIG_TEST_TIDB", "MIG_TEST_MARIADB"] {
        for asked in [Asked::Long, Asked::Unheard, Asked::Unanswered, Asked::Rows] {
            // TiDB does not tell that it is stuck in sending: ten minutes would have to pass.
            let told = !(matches!(asked, Asked::Rows) && bed == "MIG_TEST_TIDB");
            if let Some(bed) = Bed::of(bed).filter(|_| told) {
                trials.push(silent(bed, asked));
            }
        }
    }
    futures::future::join_all(trials).await;
}

async fn silent(bed: Bed, asked: Asked) {
    let proxy = Proxy::to(bed.config().port);
    let mut config = bed.config();
    config.port = proxy.port;
    let mut conn = mysql::server(&config, &bed.dir, None).unwrap().connect(&Role::Read).await.unwrap();
    let (sql, fault) = match asked {
        Asked::Long => ("SELECT SLEEP(20), 'done'", None),
        Asked::Unheard => ("SELECT 1, 'done'", Some(Silence { toward: Toward::Server, after: 0 })),
        Asked::Unanswered => ("SELECT SLEEP(3), 'done'", Some(Silence { toward: Toward::Client, after: 0 })),
        Asked::Rows => (
            "WITH RECURSIVE s AS (SELECT 1 n UNION ALL SELECT n + 1 FROM s WHERE n < 900) \
             SELECT REPEAT('x', 50000) FROM s",
            Some(Silence { toward: Toward::Client, after: 1 << 20 }),
        ),
    };
    proxy.arm(Vec::from_iter(fault).as_slice());
    let began = Instant::now();
    let got = conn.stream(sql, &mut |_| ControlFlow::Continue(())).await;
    let seconds = began.elapsed().as_secs();
    let what = format!("{}: {asked:?} after {seconds} s: {got:?}", bed.kind);
    println!("{what}");
    match asked {
        Asked::Long => assert_eq!(got, Ok(1), "{what}"),
        _ => assert!(got.unwrap_err().lost && (10..60).contains(&seconds), "{what}"),
    }
}

#[tokio::test]
async fn a_binlog_that_stops_coming_is_given_up() {
    let bed = Bed::mysql();
    let rows = ["CREATE TABLE t (v LONGTEXT)", "INSERT INTO t VALUES (REPEAT('x', 1000000))"];
    let schema = bed.schema("silent_log", &rows).await;
    let status = bed.rows("SHOW BINARY LOG STATUS").await;
    let (file, offset) = (status[0][0].clone(), status[0][1].parse().unwrap());
    let place = |offset| Position { file: file.clone(), offset, ..Position::default() };
    let proxy = Proxy::to(bed.config().port);
    let mut config = bed.config();
    config.port = proxy.port;
    let server = mysql::server(&config, &bed.dir, None).unwrap();
    drop(server.connect(&Role::Look).await.unwrap());
    proxy.arm(&[Silence { toward: Toward::Client, after: 1 << 19 }]);
    let failure = server.binlog(&place(4), &place(offset), &mut |_| {}).await.unwrap_err();
    assert!(failure.cause.contains("no event of the binlog came"), "{failure:?}");
    bed.drop_schema(&schema).await;
}
