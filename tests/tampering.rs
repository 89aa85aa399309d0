//! Files that were changed behind the program's back: 300 flipped bits and 300 edited fields of each of state, journal,
//! plan and certificate. Each is refused by its code, or it is a journal's torn end; none has an effect unnoticed, none
//! panics. And the way that an edit by hand has. `MIG_SEED` begins at another seed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use mig::formats::certificate::Certificate;
use mig::formats::{journal, plan_seal, state::State};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use support::journey::Journey;
use support::{Bed, program};

const TIMES: usize = 300;

async fn journey(name: &str, rows: u32) -> Journey {
    let filled = format!(
        "INSERT INTO t SELECT a.n, repeat('x', 200) FROM (WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r \
         WHERE n < {rows}) SELECT n FROM r) a"
    );
    let statements = [
        "ALTER DATABASE COLLATE utf8mb4_bin",
        "SET SESSION cte_max_recursion_depth = 100000",
        "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(200))",
        "CREATE TABLE u (id INT PRIMARY KEY, v VARCHAR(20) DEFAULT 'é')",
        "INSERT INTO u VALUES (1, 'one'), (2, NULL)",
        &filled,
    ];
    let schema = Bed::mysql().schema(&format!("tamper_{name}"), &statements).await;
    let body = "  dump {\n    chunk_bytes = \"1MiB\"\n    rate_limit = \"2MiB\"\n  }";
    Journey::new(Bed::mysql(), vec![schema], name, "", body).await
}

/// A journal in which a run was killed, with the state that it continues.
fn killed(journey: &Journey) -> (Option<Vec<u8>>, Vec<u8>) {
    let mut command = program::command(journey.folder(), &["apply", "-auto-approve"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let written = std::fs::read(journey.path("mig.migstate.journal")).unwrap_or_default();
        let begun = String::from_utf8_lossy(&written).matches("\"border\"").count();
        if begun > 0 && written.len() > 5_000 {
            break;
        }
        assert!(Instant::now() < until && child.try_wait().unwrap().is_none(), "it ended before it could be killed");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let journal = std::fs::read(journey.path("mig.migstate.journal")).unwrap();
    (std::fs::read(journey.path("mig.migstate")).ok(), journal)
}

/// What a file says, or the code of its refusal.
type Told = Result<String, String>;

fn of_state(bytes: &[u8]) -> Told {
    State::read(bytes, "s").map(|state| serde_json::to_string(&state).unwrap()).map_err(|f| f.code.to_string())
}

fn of_plan(bytes: &[u8]) -> Told {
    plan_seal::open(bytes, "p").map(|plan| serde_json::to_string(&plan).unwrap()).map_err(|f| f.code.to_string())
}

fn of_certificate(bytes: &[u8]) -> Told {
    let certificate: Certificate = serde_json::from_slice(bytes).map_err(|_| "unreadable".to_owned())?;
    let sealed = certificate.is_sealed();
    if sealed { Ok(serde_json::to_string(&certificate).unwrap()) } else { Err("unsealed".into()) }
}

/// Changes one field of a value: another value, another name, or it is gone.
fn edited(value: &Value, random: &mut StdRng) -> Value {
    fn places(value: &Value, at: String, into: &mut Vec<String>) {
        into.push(at.clone());
        match value {
            Value::Object(fields) => {
                for (key, inner) in fields {
                    let key = key.replace('~', "~0").replace('/', "~1");
                    places(inner, format!("{at}/{key}"), into);
                }
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, inner)| places(inner, format!("{at}/{n}"), into));
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    places(value, String::new(), &mut all);
    let mut changed = value.clone();
    let place = all[1..].choose(random).unwrap();
    let (parent, _) = place.rsplit_once('/').unwrap();
    if random.random_range(0..5) == 0
        && let Some(fields) = changed.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        let key = fields.keys().nth(random.random_range(0..fields.len())).cloned().unwrap();
        fields.remove(&key);
        return changed;
    }
    let field = changed.pointer_mut(place).unwrap();
    *field = match &*field {
        Value::Null => Value::from("x"),
        Value::Bool(flag) => Value::from(!flag),
        Value::Number(number) => Value::from(number.as_u64().map_or(7, |n| n.wrapping_add(1))),
        Value::String(text) if text.is_empty() => Value::from("x"),
        Value::String(text) => {
            let at = random.random_range(0..text.chars().count());
            let other = |c: char| if c == 'a' { 'b' } else { 'a' };
            Value::from(text.chars().enumerate().map(|(n, c)| if n == at { other(c) } else { c }).collect::<String>())
        }
        Value::Array(items) if items.is_empty() => serde_json::json!(["x"]),
        Value::Array(items) => Value::from(items[1..].to_vec()),
        Value::Object(_) => serde_json::json!({ "x": 1 }),
    };
    changed
}

/// Flips and edits one kind of file; each change must be refused.
fn check(kind: &str, good: &[u8], seed: u64, read: fn(&[u8]) -> Told) {
    let mut random = StdRng::seed_from_u64(seed);
    read(good).unwrap_or_else(|code| panic!("the good {kind}: {code}"));
    for n in 0..TIMES {
        let mut bytes = good.to_vec();
        let at = random.random_range(0..bytes.len());
        let bit = random.random_range(0..8);
        bytes[at] ^= 1 << bit;
        // White space between fields of a plan or a certificate means nothing.
        let blank = good[at].is_ascii_whitespace() && bytes[at].is_ascii_whitespace();
        let told = read(&bytes);
        assert!(
            told.is_err() || (blank && told == read(good)),
            "seed {seed}, flip {n} of the {kind}: bit {bit} of {at}"
        );
    }
    let value: Value = serde_json::from_slice(good).unwrap();
    for n in 0..TIMES {
        let changed = edited(&value, &mut random);
        assert_ne!(changed, value, "seed {seed}, edit {n} of the {kind}");
        let mut bytes = serde_json::to_vec_pretty(&changed).unwrap();
        bytes.push(b'\n');
        assert!(read(&bytes).is_err(), "seed {seed}, edit {n} of the {kind}: {}", String::from_utf8_lossy(&bytes));
    }
}

/// The same for a journal: a change in its last frame may read as a torn one, which is dropped whole and told.
fn check_journal(state: Option<&[u8]>, good: &[u8], seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let recovered = |bytes: &[u8]| journal::recover(state, Some(bytes), "s").map_err(|f| f.code.to_string());
    let whole = recovered(good).unwrap();
    let lines: Vec<&str> = std::str::from_utf8(good).unwrap().lines().collect();
    assert!(lines.len() > 3, "a journal of several frames");
    let before = lines[..lines.len() - 1].join("\n") + "\n";
    let without_last = recovered(before.as_bytes()).unwrap();
    let judge = |what: String, bytes: &[u8], last: bool| match recovered(bytes) {
        Err(code) => assert!(matches!(code.to_string().as_str(), "MIG4003" | "MIG4004"), "{what}: {code}"),
        Ok(got) if got.torn => {
            assert!(last && got.state == without_last.state, "{what}: more than the last frame is gone")
        }
        Ok(got) => assert_eq!(got.state, whole.state, "{what}"),
    };
    for n in 0..TIMES {
        let mut bytes = good.to_vec();
        let at = random.random_range(0..bytes.len());
        bytes[at] ^= 1 << random.random_range(0..8);
        judge(format!("seed {seed}, flip {n} of the journal, byte {at}"), &bytes, at + 1 >= before.len());
    }
    for n in 0..TIMES {
        let at = random.random_range(0..lines.len());
        let frame: Value = serde_json::from_str(lines[at]).unwrap();
        let changed = serde_json::to_string(&edited(&frame, &mut random)).unwrap();
        let mut all: Vec<&str> = lines.clone();
        all[at] = &changed;
        let what = format!("seed {seed}, edit {n} of the journal, frame {at}: {changed}");
        judge(what, (all.join("\n") + "\n").as_bytes(), at + 1 == lines.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_state_journal_plan_or_certificate_is_refused() {
    let seed = std::env::var("MIG_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    println!("MIG_SEED={seed}");
    let journey = journey("flips", 30_000).await;
    journey.run(&["plan", "-out=a.plan"], 0);
    let plan = std::fs::read(journey.path("a.plan")).unwrap();
    let (before, journal) = killed(&journey);
    check_journal(before.as_deref(), &journal, seed);
    // A copy does not replace what a killed run had recorded: that is folded first, and the copy is pulled again.
    let pull = || std::fs::write(journey.path("copy"), journey.run(&["state", "pull"], 0)).unwrap();
    pull();
    assert!(journey.run(&["state", "push", "copy"], 1).contains("MIG4013"));
    pull();
    journey.run(&["state", "push", "copy"], 0);
    journey.apply();
    let state = std::fs::read(journey.path("mig.migstate")).unwrap();
    let certificate = std::fs::read(journey.path("mig.migstate.m.certificate.json")).unwrap();
    check("state", &state, seed, of_state);
    check("plan", &plan, seed, of_plan);
    check("certificate", &certificate, seed, of_certificate);

    // The program says so itself, touches nothing, and says what to do.
    let spoil = |name: &str, good: &[u8]| {
        let mut bytes = good.to_vec();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        std::fs::write(journey.path(name), &bytes).unwrap();
        bytes
    };
    let spoilt = spoil("mig.migstate", &state);
    for arguments in
        [&["plan"][..], &["apply", "-auto-approve"], &["destroy", "-auto-approve"], &["show"], &["state", "list"]]
    {
        let (code, told) = journey.said(arguments);
        assert_eq!(code, 1, "{arguments:?}: {told}");
        assert!(told.contains("MIG4012") || told.contains("MIG4002"), "{arguments:?}: {told}");
    }
    assert_eq!(std::fs::read(journey.path("mig.migstate")).unwrap(), spoilt);
    std::fs::write(journey.path("mig.migstate"), &state).unwrap();
    spoil("a.plan", &plan);
    journey.run(&["apply", "a.plan"], 3);
    spoil("mig.migstate.m.certificate.json", &certificate);
    assert!(journey.run(&["report"], 1).contains("MIG1016"));
    journey.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_state_is_pulled_and_pushed_and_what_was_there_is_kept() {
    let journey = journey("push", 10).await;
    journey.apply();
    let load = format!("migration.m.load[\"{}.u\"]", journey.schema());
    let pulled = journey.run(&["state", "pull"], 0);
    assert_eq!(pulled.as_bytes(), std::fs::read(journey.path("mig.migstate")).unwrap());
    let edited = pulled.replacen("\"rows\": 2", "\"rows\": 3", 1);
    assert_ne!(edited, pulled);
    std::fs::write(journey.path("edited"), &edited).unwrap();
    let serial = serde_json::from_str::<Value>(&pulled).unwrap()["serial"].as_u64().unwrap();

    let told = journey.run(&["state", "push", "-dry-run", "edited"], 0);
    assert!(told.contains("Would push") && told.contains("Nothing was changed"), "{told}");
    assert_eq!(journey.run(&["state", "pull"], 0), pulled);
    journey.run(&["state", "push", "edited"], 0);
    let now: Value = serde_json::from_str(&journey.run(&["state", "pull"], 0)).unwrap();
    assert_eq!(now["serial"].as_u64(), Some(serial + 1));
    assert_eq!(std::fs::read_to_string(journey.path("mig.migstate.backup")).unwrap(), pulled);
    // The copy is older now than what is on record.
    for (arguments, code, piece) in
        [(&["state", "push", "edited"][..], 1, "MIG4013"), (&["state", "push", "-force", "edited"], 0, "Pushed")]
    {
        assert!(journey.run(arguments, code).contains(piece), "{arguments:?}");
    }
    let strange = pulled.replacen("\"lineage\": \"", "\"lineage\": \"x", 1);
    std::fs::write(journey.path("strange"), strange).unwrap();
    assert!(journey.run(&["state", "push", "strange"], 1).contains("MIG4013"));
    // A record that no step could read is refused before it is in place, and named.
    let damaged = now.to_string().replacen("\"owned\":", "\"owner\":", 1);
    std::fs::write(journey.path("damaged"), damaged).unwrap();
    for force in [&["state", "push", "damaged"][..], &["state", "push", "-force", "damaged"]] {
        let told = journey.run(force, 1);
        assert!(told.contains("MIG4002") && told.contains("missing field `owned`"), "{told}");
        assert!(told.contains("Correct the record in the copy"), "{told}");
    }
    // A state that cannot be read any more has this way out.
    std::fs::write(journey.path("mig.migstate"), "{").unwrap();
    assert!(journey.run(&["state", "push", "edited"], 1).contains("-force"));
    journey.run(&["state", "push", "-force", "edited"], 0);
    assert!(journey.run(&["state", "list"], 0).contains(&load));

    // Forgetting: a step, or a block; what it made stays.
    let told = journey.run(&["state", "rm", "-dry-run", &load], 0);
    assert!(told.contains("Would forget 1 step"), "{told}");
    assert!(journey.run(&["state", "rm", "migration.nosuch"], 1).contains("MIG1017"));
    assert!(journey.run(&["state", "rm", "migration.m"], 0).contains("stay"));
    assert!(!journey.run(&["state", "list"], 0).contains("migration.m"));
    let rows = journey.target.rows(&format!("SELECT COUNT(*) FROM {}.u", journey.schema())).await;
    assert_eq!(rows, [["2"]]);
    journey.end().await;
}
