//! `migration`: block -> model. Hands the rules of the filter on as they are written; what they match is not its
//! business.

use std::collections::BTreeMap;

use hcl_edit::Span;
use hcl_edit::structure::Block;
use indexmap::IndexMap;

use super::access::{self, Access};
use super::condition;
use super::expression::Evaluator;
use super::faults::{Faulted, Read, nearest};
use super::fields::{Entry, Fields};
use super::model::{
    CollationAction, Compress, Dump, Gates, Load, Migration, RuleAction, Server, TargetTables, VerifyMode, Writes,
    ZeroDates,
};
use super::schema::{DUMP, DUMP_S3, GATES, LOAD, MIGRATION, RULE, VERIFY};
use super::texts::At;
use super::value::{Kind, Value};
use crate::formats::engine::{DumpEngine, LoadEngine};
use crate::words::addr::GateName;
use crate::words::addr::TableName;
use crate::words::codes::{self, Code};
use crate::words::diag::Diagnostic;

/// Session variables that mig sets itself, because what it promises depends on them. A spec that sets one is refused: mig's
/// own value would win without a word.
pub const FIXED: &[&str] = &[
    "sql_mode",
    "time_zone",
    "foreign_key_checks",
    "unique_checks",
    "autocommit",
    "max_execution_time",
    "names",
    "tidb_idle_transaction_timeout",
    "wait_timeout",
    "transaction_isolation",
    "tx_isolation",
    "transaction_read_only",
    "tx_read_only",
    // These cut a transaction into several: a batch and its row in the ledger would part.
    "tidb_batch_insert",
    "tidb_batch_commit",
    "tidb_batch_delete",
    "tidb_dml_batch_size",
    "tidb_dml_type",
    "tidb_txn_mode",
    "tidb_disable_txn_auto_retry",
    "tidb_constraint_check_in_place",
    "tidb_multi_statement_mode",
    "completion_type",
    "innodb_lock_wait_timeout",
    "net_read_timeout",
    "net_write_timeout",
    "max_statement_time",
    "sql_select_limit",
    "sql_big_selects",
    "sql_safe_updates",
    "sql_quote_show_create",
    "group_concat_max_len",
    "max_error_count",
    "information_schema_stats_expiry",
    "show_gipk_in_create_table_and_information_schema",
];

/// All servers that read well, to hold source and target against each other.
pub(super) struct Servers<'s> {
    pub sources: &'s IndexMap<String, Server>,
    pub targets: &'s IndexMap<String, Server>,
}

pub(super) fn migration(evaluator: &Evaluator, text: usize, block: &Block, servers: &Servers) -> Read<Migration> {
    let fields = Fields::open(evaluator, text, block, &MIGRATION);
    let name = block.labels.first().map_or("", |l| l.as_str()).to_owned();
    let source = fields.reference("source", "source");
    let target = fields.reference("target", "target").and_then(|r| r.ok_or_else(|| fields.missing("target")));
    let runner = fields.reference("runner", "runner");
    let after = after(evaluator, &fields, &format!("migration.{name}"));
    let tables = tables(evaluator, &fields);
    let writes = fields.choice("writes", &[("stopped", Writes::Stopped)], &["lock", "clone"]);
    let gates = nested(&fields, "gates", |block| gates(evaluator, text, block), default_gates);
    let dump = nested(&fields, "dump", |block| dump(evaluator, text, block), default_dump);
    let load = nested(&fields, "load", |block| load(evaluator, text, block), default_load);
    let verify = nested(&fields, "verify", |block| verify(evaluator, text, block), || (VerifyMode::Full, 4));
    let source = source.map(|address| address.map_or_else(|| dump_key(&name), |a| last_word(&a)));
    let target = target.map(|a| last_word(&a));
    let apart = match (&source, &target) {
        (Ok(source), Ok(target)) => two_servers(evaluator, &fields, servers, source, target),
        _ => Err(Faulted),
    };
    let tables_place = fields.attribute("tables").map(|_| evaluator.faults.place(&fields.value_at("tables")));
    let (verify, verify_threads) = verify?;
    apart?;
    let (dump, load) = (dump?, load?);
    if dump.engine == DumpEngine::Dumpling && dump.to.is_some() {
        let at = fields.block("dump").map_or_else(|| fields.header(), |block| fields.at(block.span()));
        let help = "Leave `to` out, or use engine = \"native\" in the block dump.";
        let summary = "engine = \"dumpling\": it writes into a folder, and `to` names a bucket";
        return Err(evaluator.faults.error(codes::ENGINE_DOES_NOT_FIT, &at, summary, help));
    }
    if load.engine == LoadEngine::Lightning {
        let label = target.as_ref().ok().and_then(|name| servers.targets.get(name)).map(|server| server.label.as_str());
        lightning_fits(evaluator, &fields, (&dump, verify), label)?;
    }
    Ok(Migration {
        name,
        source: source?,
        target: target?,
        runner: runner?.map(|a| last_word(&a)),
        after: after?,
        tables: tables?,
        tables_place,
        writes: writes?.unwrap_or(Writes::Stopped),
        gates: gates?,
        dump,
        load,
        verify,
        verify_threads,
        place: fields.place(),
    })
}

/// What TiDB Lightning asks of the other settings.
fn lightning_fits(
    evaluator: &Evaluator,
    fields: &Fields,
    (dump, verify): (&Dump, VerifyMode),
    target: Option<&str>,
) -> Read<()> {
    let why = match (target, dump.keep, verify) {
        (Some(label), ..) if label != "tidb" => "it loads into TiDB only",
        _ if dump.to.is_some() => "it reads files of a folder, and `to` in the block dump names a bucket",
        (_, false, _) => "it takes the files of a table when all of them are there: keep = true in the block dump",
        (.., VerifyMode::None) => {
            "it loads each row at least once, and only a comparison shows that none is there twice: verify { mode = \"full\" }"
        }
        _ => return Ok(()),
    };
    let at = fields.block("load").map_or_else(|| fields.header(), |block| fields.at(block.span()));
    let help = "Change that setting, or use engine = \"native\" in the block load.";
    Err(evaluator.faults.error(codes::ENGINE_DOES_NOT_FIT, &at, format!("engine = \"lightning\": {why}"), help))
}

fn nested<T>(
    fields: &Fields,
    name: &str,
    read: impl FnOnce(&Block) -> Read<T>,
    default: impl FnOnce() -> T,
) -> Read<T> {
    fields.block(name).map_or_else(|| Ok(default()), read)
}

/// The key of the source that a migration without one gets; no block can have that name.
pub(super) fn dump_key(migration: &str) -> String {
    format!("dump of {migration}")
}

fn last_word(address: &str) -> String {
    address.rsplit('.').next().unwrap_or(address).to_owned()
}

fn after(evaluator: &Evaluator, fields: &Fields, own: &str) -> Read<Vec<String>> {
    let Some(value) = fields.value("after")? else { return Ok(Vec::new()) };
    let Kind::List(items) = value.kind else {
        return Err(fields.wrong_type("after", "a list of references", &value));
    };
    let addresses: Vec<Read<String>> = items
        .into_iter()
        .map(|Value { kind, at, .. }| match kind {
            Kind::Block(address) if address == own => {
                let help = "Leave it out of the list.";
                Err(evaluator.faults.error(codes::WRONG_REFERENCE, &at, "a migration cannot come after itself", help))
            }
            Kind::Block(address) => Ok(address),
            _ => {
                let help = "Write a reference without quotes: after = [migration.NAME].";
                Err(evaluator.faults.error(codes::WRONG_REFERENCE, &at, "`after` takes references to blocks", help))
            }
        })
        .collect();
    let mut addresses: Vec<String> = addresses.into_iter().collect::<Read<_>>()?;
    let mut seen = std::collections::BTreeSet::new();
    addresses.retain(|address| seen.insert(address.clone()));
    Ok(addresses)
}

/// The rules of the filter, files of rules read in their place.
fn tables(evaluator: &Evaluator, fields: &Fields) -> Read<Vec<String>> {
    let Some(rules) = fields.texts("tables")? else { return Ok(vec!["*.*".into()]) };
    if rules.is_empty() {
        let help = "Leave the line out to take every table, or write a rule: tables = [\"shop.*\"].";
        return Err(fields.wrong("tables", codes::OUT_OF_RANGE, "an empty list of rules matches no table", help));
    }
    let mut all = Vec::new();
    let mut faulted = false;
    for (rule, at) in rules {
        match rule.trim().strip_prefix('@') {
            Some(path) => match imported(evaluator, path, &at) {
                Ok(rules) => all.extend(rules),
                Err(Faulted) => faulted = true,
            },
            None if rule.trim().is_empty() => {
                evaluator.faults.error(
                    codes::BAD_FILTER_RULE,
                    &at,
                    "a rule of the filter is empty",
                    "Leave the element out.",
                );
                faulted = true;
            }
            None => all.push(rule),
        }
    }
    if faulted { Err(Faulted) } else { Ok(all) }
}

fn imported(evaluator: &Evaluator, path: &str, at: &At) -> Read<Vec<String>> {
    let text = evaluator.file_text(at, path)?;
    let mut rules = Vec::new();
    let mut faulted = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('@') {
            let summary = format!("the file of rules `{path}` names another one in line {}", number + 1);
            let help = "A file of rules holds rules only: name the other file in `tables`, too.";
            evaluator.faults.error(codes::BAD_FILTER_RULE, at, summary, help);
            faulted = true;
        } else if !line.is_empty() && !line.starts_with('#') {
            rules.push(line.to_owned());
        }
    }
    if faulted { Err(Faulted) } else { Ok(rules) }
}

fn two_servers(evaluator: &Evaluator, fields: &Fields, servers: &Servers, source: &str, target: &str) -> Read<()> {
    let (Some(one), Some(other)) = (servers.sources.get(source), servers.targets.get(target)) else { return Ok(()) };
    let host = |server: &Server| {
        let host = server.host.trim_end_matches('.').to_lowercase();
        match host.as_str() {
            "localhost" | "::1" | "[::1]" => "127.0.0.1".to_owned(),
            _ => host,
        }
    };
    if (host(one), one.port) != (host(other), other.port) {
        return Ok(());
    }
    let place = evaluator.faults.place(&fields.value_at("target"));
    evaluator.faults.push(
        Diagnostic::error(
            codes::SOURCE_IS_TARGET,
            format!("source and target are one server: {}:{}", one.host, one.port),
        )
        .at(place)
        .detail("Tables would be dumped out of and loaded into the same schema.")
        .help("Correct `host` or `port` of one of the two blocks."),
    );
    Err(Faulted)
}

fn default_gates() -> Gates {
    Gates {
        collation: CollationAction::Stop,
        collation_map: BTreeMap::new(),
        compatibility: RuleAction::Stop,
        rules: BTreeMap::new(),
        zero_dates: ZeroDates::Stop,
        target_tables: TargetTables::Absent,
        accept_unproven: Vec::new(),
    }
}

fn gates(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Gates> {
    let fields = Fields::open(evaluator, text, block, &GATES);
    let collation =
        fields.choice("collation", &[("stop", CollationAction::Stop), ("convert", CollationAction::Convert)], &[]);
    let collation_map = collation_map(evaluator, &fields);
    let compatibility = fields.choice("compatibility", &[("stop", RuleAction::Stop), ("warn", RuleAction::Warn)], &[]);
    let rules = rules(evaluator, text, &fields);
    let zero_dates = fields.choice("zero_dates", &[("stop", ZeroDates::Stop), ("keep", ZeroDates::Keep)], &[]);
    let target_tables = fields.choice(
        "target_tables",
        &[("absent", TargetTables::Absent), ("same_and_empty", TargetTables::SameAndEmpty)],
        &[],
    );
    let accept_unproven = accept_unproven(evaluator, &fields);
    let default = default_gates();
    let gates = Gates {
        collation: collation?.unwrap_or(default.collation),
        collation_map: collation_map?,
        compatibility: compatibility?.unwrap_or(default.compatibility),
        rules: rules?,
        zero_dates: zero_dates?.unwrap_or(default.zero_dates),
        target_tables: target_tables?.unwrap_or(default.target_tables),
        accept_unproven: accept_unproven?,
    };
    match gates.collation {
        CollationAction::Convert if gates.collation_map.is_empty() => {
            let help = "Say what becomes of which collation: \
                        collation_map = { \"latin1_swedish_ci\" = \"utf8mb4_general_ci\" }.";
            Err(fields.wrong("collation", codes::MISSING, "collation = \"convert\" needs a `collation_map`", help))
        }
        CollationAction::Stop if !gates.collation_map.is_empty() => {
            evaluator.faults.push(
                Diagnostic::warning(codes::NO_EFFECT, "`collation_map` has no effect: collation = \"stop\"")
                    .at(evaluator.faults.place(&fields.value_at("collation_map")))
                    .help("Set collation = \"convert\", or leave the map out."),
            );
            Ok(gates)
        }
        _ => Ok(gates),
    }
}

fn collation_map(evaluator: &Evaluator, fields: &Fields) -> Read<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    let mut faulted = false;
    for Entry { key: from, text: to, key_at, at } in fields.text_map("collation_map")?.unwrap_or_default() {
        for (name, at) in [(&from, &key_at), (&to, &at)] {
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                let help = "A collation is named like utf8mb4_general_ci.";
                evaluator.faults.error(
                    codes::OUT_OF_RANGE,
                    at,
                    format!("\"{name}\" is not the name of a collation"),
                    help,
                );
                faulted = true;
            }
        }
        map.insert(from, to);
    }
    if faulted { Err(Faulted) } else { Ok(map) }
}

fn rules(evaluator: &Evaluator, text: usize, fields: &Fields) -> Read<BTreeMap<Code, RuleAction>> {
    let mut rules = BTreeMap::new();
    let mut faulted = false;
    for block in fields.blocks("rule") {
        let label = block.labels.first().map_or("", |l| l.as_str());
        let at = fields.at(block.labels.first().and_then(Span::span));
        let code = label.parse::<Code>().ok().filter(|code| code.is_compatibility_rule());
        if code.is_none() {
            let help = "The rules of the compatibility gate have codes that begin with MIG21; plan shows them.";
            evaluator.faults.error(codes::NOT_A_RULE_CODE, &at, format!("\"{label}\" is not a code of a rule"), help);
            faulted = true;
        }
        let rule = Fields::open(evaluator, text, block, &RULE);
        let actions = [("stop", RuleAction::Stop), ("warn", RuleAction::Warn), ("rewrite", RuleAction::Rewrite)];
        match rule.choice("action", &actions, &[]) {
            Ok(Some(action)) => rules.extend(code.map(|code| (code, action))),
            Ok(None) => {
                rule.missing("action");
                faulted = true;
            }
            Err(Faulted) => faulted = true,
        }
    }
    if faulted { Err(Faulted) } else { Ok(rules) }
}

fn accept_unproven(evaluator: &Evaluator, fields: &Fields) -> Read<Vec<GateName>> {
    let names = GateName::JUDGED.map(GateName::word);
    let mut gates = Vec::new();
    let mut faulted = false;
    for (gate, at) in fields.texts("accept_unproven")?.unwrap_or_default() {
        let Some(known) = GateName::JUDGED.into_iter().find(|known| known.word() == gate) else {
            let near = nearest(&gate, names);
            let near = near.map(|n| format!("Did you mean \"{n}\"? ")).unwrap_or_default();
            let help = format!("{near}The gates are: {}.", names.join(", "));
            evaluator.faults.error(codes::WORD_NOT_ALLOWED, &at, format!("there is no gate \"{gate}\""), help);
            faulted = true;
            continue;
        };
        if !gates.contains(&known) {
            gates.push(known);
        }
    }
    if faulted { Err(Faulted) } else { Ok(gates) }
}

fn default_dump() -> Dump {
    Dump {
        engine: DumpEngine::default(),
        binary: None,
        threads: 8,
        file_size: 256 << 20,
        statement_size: 1 << 20,
        chunk_bytes: None,
        compress: Compress::None,
        rate_limit: None,
        where_: BTreeMap::new(),
        where_place: None,
        keep: true,
        disk_limit: None,
        to: None,
    }
}

fn dump(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Dump> {
    let fields = Fields::open(evaluator, text, block, &DUMP);
    let engine = fields.choice("engine", &DumpEngine::ALL.map(|engine| (engine.word(), engine)), &[]);
    let format = fields.choice("format", &[("sql", ())], &["csv"]);
    let threads = fields.threads("threads", 256);
    let file_size = fields.size("file_size");
    let statement_size = fields.size("statement_size");
    let chunk_bytes = size_or_auto(&fields, "chunk_bytes");
    let compress =
        fields.choice("compress", &[("none", Compress::None), ("gzip", Compress::Gzip), ("zstd", Compress::Zstd)], &[]);
    let rate_limit = fields.size("rate_limit");
    let conditions = conditions(evaluator, &fields);
    let keep = fields.flag("keep");
    let disk_limit = fields.size("disk_limit");
    let to = to(evaluator, text, &fields);
    let binary = fields.text("binary");
    let default = default_dump();
    format?;
    let engine = engine?.unwrap_or_default();
    without_effect(evaluator, &fields, engine);
    let (keep, disk_limit) = (keep?.unwrap_or(default.keep), disk_limit?);
    if keep && disk_limit.is_some() {
        evaluator.faults.push(
            Diagnostic::warning(codes::NO_EFFECT, "`disk_limit` has no effect: the files are kept")
                .at(evaluator.faults.place(&fields.value_at("disk_limit")))
                .help("Set keep = false, so that a file goes once it is loaded, or leave the limit out."),
        );
    }
    Ok(Dump {
        engine,
        binary: binary?,
        threads: threads?.unwrap_or(default.threads),
        file_size: file_size?.unwrap_or(default.file_size),
        statement_size: statement_size?.unwrap_or(default.statement_size),
        chunk_bytes: chunk_bytes?,
        compress: compress?.unwrap_or(default.compress),
        rate_limit: rate_limit?,
        where_: conditions?,
        where_place: fields.attribute("where").map(|_| evaluator.faults.place(&fields.value_at("where"))),
        keep,
        disk_limit,
        to: to?,
    })
}

/// Where the files go, where that is not the work folder.
fn to(evaluator: &Evaluator, text: usize, fields: &Fields) -> Read<Option<access::Bucket>> {
    let block = fields.block("s3");
    let server = block.map_or_else(
        || Ok(Access::default()),
        |block| access::access(evaluator, &Fields::open(evaluator, text, block, &DUMP_S3)),
    );
    if let (Some(block), None) = (block, fields.attribute("to")) {
        evaluator.faults.push(
            Diagnostic::warning(codes::NO_EFFECT, "`s3` has no effect: the files go to the work folder")
                .at(evaluator.faults.place(&fields.at(block.ident.span())))
                .help("Set to = \"s3://bucket/prefix\", or leave the block out."),
        );
    }
    access::place(evaluator, fields, server?)
}

/// Names the settings that the engine does not have.
fn without_effect(evaluator: &Evaluator, fields: &Fields, engine: DumpEngine) {
    let names: &[&str] = match engine {
        DumpEngine::Native => &["binary"],
        DumpEngine::Dumpling => &["chunk_bytes", "rate_limit", "disk_limit"],
    };
    no_effect(evaluator, fields, names, engine.word());
}

fn no_effect(evaluator: &Evaluator, fields: &Fields, names: &[&str], engine: &str) {
    for name in names.iter().filter(|name| fields.attribute(name).is_some()) {
        let summary = format!("`{name}` has no effect: engine = \"{engine}\"");
        evaluator.faults.push(
            Diagnostic::warning(codes::NO_EFFECT, summary)
                .at(evaluator.faults.place(&fields.value_at(name)))
                .help("Leave the line out, or choose the other engine."),
        );
    }
}

/// `where`: exact names of tables -> conditions.
fn conditions(evaluator: &Evaluator, fields: &Fields) -> Read<BTreeMap<String, String>> {
    let mut conditions = BTreeMap::new();
    let mut faulted = false;
    for Entry { key, text: condition, key_at, at } in fields.text_map("where")?.unwrap_or_default() {
        let Some(table) = TableName::parse_key(&key) else {
            let help = "A key is one table, no pattern: \"shop.orders\"; odd names are in backticks: \"shop.`a b`\".";
            evaluator.faults.error(
                codes::WHERE_KEY_NOT_A_TABLE,
                &key_at,
                format!("\"{key}\" in `where` is not the name of a table"),
                help,
            );
            faulted = true;
            continue;
        };
        if condition.trim().is_empty() {
            let help = "Leave the line out to take every row.";
            evaluator.faults.error(codes::OUT_OF_RANGE, &at, format!("the condition of \"{key}\" is empty"), help);
            faulted = true;
        }
        if let Err(fault) = condition::check(&condition) {
            evaluator.faults.push(
                Diagnostic::error(
                    codes::WHERE_NOT_ONE_EXPRESSION,
                    format!("the condition of \"{key}\" {}", fault.what),
                )
                .at(evaluator.faults.place(&within(evaluator, &at, &condition, fault.at)))
                .help(fault.help),
            );
            faulted = true;
        }
        if conditions.insert(table.key(), condition).is_some() {
            let help = "Join the conditions by AND.";
            evaluator.faults.error(
                codes::SET_TWICE,
                &key_at,
                format!("the table {table} is there twice in `where`"),
                help,
            );
            faulted = true;
        }
    }
    if faulted { Err(Faulted) } else { Ok(conditions) }
}

/// A character of a text, where the spec holds it as it is between two quotes; else the text's own place.
fn within(evaluator: &Evaluator, at: &At, value: &str, offset: usize) -> At {
    let start = at.span.start + 1;
    let body = evaluator.faults.texts.get(at.text).map(|text| text.body.as_str()).unwrap_or_default();
    let length = value.get(offset..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    match body.get(start..start + value.len()) == Some(value) && !evaluator.faults.texts[at.text].is_blanked(&at.span) {
        true => At::new(at.text, start + offset..start + offset + length),
        false => at.clone(),
    }
}

fn size_or_auto(fields: &Fields, name: &str) -> Read<Option<u64>> {
    if fields.is_auto(name)? { Ok(None) } else { fields.size(name) }
}

fn default_load() -> Load {
    Load { engine: LoadEngine::default(), binary: None, threads: None, batch_bytes: None, session: BTreeMap::new() }
}

fn load(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Load> {
    let fields = Fields::open(evaluator, text, block, &LOAD);
    let engine = fields.choice("engine", &LoadEngine::ALL.map(|engine| (engine.word(), engine)), &[]);
    let threads =
        fields.is_auto("threads").and_then(|auto| if auto { Ok(None) } else { fields.threads("threads", 256) });
    let batch_bytes = size_or_auto(&fields, "batch_bytes");
    let session = session(evaluator, &fields);
    let (engine, binary) = (engine?.unwrap_or_default(), fields.text("binary"));
    let names: &[&str] = match engine {
        LoadEngine::Native => &["binary"],
        LoadEngine::Lightning => &["batch_bytes"],
    };
    no_effect(evaluator, &fields, names, engine.word());
    Ok(Load { engine, binary: binary?, threads: threads?, batch_bytes: batch_bytes?, session: session? })
}

fn session(evaluator: &Evaluator, fields: &Fields) -> Read<BTreeMap<String, String>> {
    let mut session = BTreeMap::new();
    let mut faulted = false;
    for Entry { key, text: value, key_at, .. } in fields.text_map("session")?.unwrap_or_default() {
        let name = key.to_lowercase();
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            let help = "Write the bare name, without @@ or SESSION; global variables are never set.";
            evaluator.faults.error(
                codes::RESERVED_SESSION_VARIABLE,
                &key_at,
                format!("\"{key}\" is not the name of a session variable"),
                help,
            );
            faulted = true;
        } else if FIXED.contains(&name.as_str()) || name.starts_with("character_set_") || name.starts_with("collation_")
        {
            let help = "mig sets it itself, because exactly-once depends on it: leave it out.";
            evaluator.faults.error(
                codes::RESERVED_SESSION_VARIABLE,
                &key_at,
                format!("`session` may not set {name}"),
                help,
            );
            faulted = true;
        }
        if session.insert(name, value).is_some() {
            let summary = format!("the session variable {key} is there twice");
            evaluator.faults.error(codes::SET_TWICE, &key_at, summary, "Keep one of the two.");
            faulted = true;
        }
    }
    if faulted { Err(Faulted) } else { Ok(session) }
}

fn verify(evaluator: &Evaluator, text: usize, block: &Block) -> Read<(VerifyMode, u32)> {
    let fields = Fields::open(evaluator, text, block, &VERIFY);
    let mode = fields.choice(
        "mode",
        &[("full", VerifyMode::Full), ("count", VerifyMode::Count), ("none", VerifyMode::None)],
        &[],
    );
    let threads = fields.threads("threads", 256);
    Ok((mode?.unwrap_or(VerifyMode::Full), threads?.unwrap_or(4)))
}
