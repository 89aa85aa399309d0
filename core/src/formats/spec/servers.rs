//! `source`, `target`, `runner "local"`, `runner "ssh"` and `mig`: blocks -> model.

use hcl_edit::structure::Block;

use super::aws;
use super::backend::{self, Backend};
use super::expression::Evaluator;
use super::faults::Read;
use super::fields::Fields;
use super::model::{RDS_BUNDLE, Runner, RunnerKind, Server, Tls, TlsMode};
use super::schema::{AURORA, LOCAL_RUNNER, MYSQL, SETTINGS, SOURCE, SSH_RUNNER, Schema, TIDB, TLS};
use super::units;
use super::value::Kind;
use crate::formats::worker::Endpoint;
use crate::words::codes;
use crate::words::diag::Diagnostic;
use crate::words::secret::Secret;

/// Where a worker keeps its files when the spec does not say: in the user's home over there.
const REMOTE_WORKDIR: &str = ".mig/work";

/// What the `mig` block sets.
pub(super) struct Settings {
    pub backend: Backend,
    pub plan_lifetime_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { backend: Backend::default(), plan_lifetime_seconds: 72 * 3600 }
    }
}

pub(super) fn source(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Server> {
    match labels(block).0.as_str() {
        "aurora" => server(evaluator, text, block, &AURORA, 3306),
        _ => server(evaluator, text, block, &SOURCE, 3306),
    }
}

pub(super) fn target(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Server> {
    match labels(block).0.as_str() {
        "mysql" => server(evaluator, text, block, &MYSQL, 3306),
        _ => server(evaluator, text, block, &TIDB, 4000),
    }
}

/// Labels of a block with a kind and a name.
pub(super) fn labels(block: &Block) -> (String, String) {
    let label = |n: usize| block.labels.get(n).map_or("", |l| l.as_str()).to_owned();
    (label(0), label(1))
}

fn server(evaluator: &Evaluator, text: usize, block: &Block, schema: &Schema, port: u16) -> Read<Server> {
    let fields = Fields::open(evaluator, text, block, schema);
    let (label, name) = labels(block);
    let aurora = match label.as_str() {
        "aurora" => aws::aurora(evaluator, &fields).map(Some),
        _ => Ok(None),
    };
    let host = match label.as_str() {
        "aurora" => fields.word("host").map(Option::unwrap_or_default),
        _ => fields.required_word("host"),
    };
    let host = host.and_then(|host| match is_balanced(&host) {
        true => {
            let help =
                "Name one instance (its own endpoint), or the cluster's endpoint (cluster-…), which is its writer.";
            let summary = "the endpoint of all readers leads to another one with each connection";
            Err(fields.wrong("host", codes::BALANCED_ENDPOINT, summary, help))
        }
        false => Ok(host),
    });
    let given_port = fields.number("port", 1..=u64::from(u16::MAX));
    let username = fields.required_word("username");
    let password = password(evaluator, &fields);
    let tls = match fields.block("tls") {
        Some(block) => tls(evaluator, text, block),
        None => Ok(Tls { mode: TlsMode::VerifyIdentity, ca_file: None }),
    };
    let tls = match (tls, &aurora) {
        (Ok(tls), Ok(Some(aurora))) if aurora.iam_auth => aws::fit_for_tokens(&fields, tls),
        (tls, _) => tls,
    };
    // An attribute that the schema does not have is not set.
    let max_threads = fields.threads("max_threads", 1024);
    let ledger_schema = fields.word("ledger_schema");
    let tier = fields.word("tier");
    let region = fields.word("region");
    Ok(Server {
        label,
        name,
        host: host?,
        port: given_port?.and_then(|p| u16::try_from(p).ok()).unwrap_or(port),
        username: username?,
        password: password?,
        tls: tls?,
        max_threads: max_threads?.unwrap_or(16),
        ledger_schema: ledger_schema?.unwrap_or_else(|| "mig_ledger".into()),
        tier: tier?,
        region: region?,
        aurora: aurora?,
        place: fields.place(),
    })
}

/// Whether a host is the reader endpoint of an Aurora cluster: `NAME.cluster-ro-ID.REGION.rds.amazonaws.com` (AWS, "Aurora endpoint
/// connections"). It spreads connections over the replicas, and each has a moment of its own.
fn is_balanced(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.contains(".rds.amazonaws.com") && host.split('.').any(|label| label.starts_with("cluster-ro-"))
}

fn password(evaluator: &Evaluator, fields: &Fields) -> Read<Option<Secret>> {
    let name = super::credentials::PASSWORD;
    let Some(value) = fields.credential(name)? else { return Ok(None) };
    evaluator.mark_secret(&value.files);
    let Kind::String(text) = &value.kind else { return Err(fields.wrong_type(name, "a string", &value)) };
    let place = evaluator.faults.place(&fields.value_at(name));
    if !value.sensitive && value.files.is_empty() && !text.is_empty() {
        evaluator.faults.push(
            Diagnostic::warning(codes::PASSWORD_IN_SPEC, "a password is in the spec")
                .at(place.clone())
                .detail("Whoever reads the spec, or its history, has it.")
                .help("Declare a variable with `sensitive = true` and set it by its environment variable."),
        );
    }
    if text.ends_with(['\n', '\r']) {
        evaluator.faults.push(
            Diagnostic::warning(codes::PASSWORD_ENDS_WITH_NEWLINE, "the password ends with a line break")
                .at(place)
                .detail("It is sent as it is, line break included.")
                .help("Write the file without a line break at its end: printf %s …"),
        );
    }
    Ok(Some(Secret::new(text.clone())))
}

fn tls(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Tls> {
    let fields = Fields::open(evaluator, text, block, &TLS);
    let mode = fields.choice(
        "mode",
        &[
            ("disabled", TlsMode::Disabled),
            ("required", TlsMode::Required),
            ("verify_ca", TlsMode::VerifyCa),
            ("verify_identity", TlsMode::VerifyIdentity),
        ],
        &[],
    );
    let ca_file = fields.word("ca_file");
    let (mode, ca_file) = (mode?.unwrap_or(TlsMode::VerifyIdentity), ca_file?);
    let ca_file = ca_file.map(|file| if file == "rds" { RDS_BUNDLE.to_owned() } else { file });
    if ca_file.is_some() && matches!(mode, TlsMode::Disabled | TlsMode::Required) {
        evaluator.faults.push(
            Diagnostic::warning(codes::NO_EFFECT, "`ca_file` has no effect: this mode verifies no certificate")
                .at(evaluator.faults.place(&fields.value_at("ca_file")))
                .help("Set mode = \"verify_ca\" or \"verify_identity\", or leave the line out."),
        );
    }
    Ok(Tls { mode, ca_file })
}

pub(super) fn runner(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Runner> {
    let (label, name) = labels(block);
    match label.as_str() {
        "ssh" => ssh_runner(evaluator, text, block),
        "ec2" => aws::runner(evaluator, text, block),
        _ => {
            let fields = Fields::open(evaluator, text, block, &LOCAL_RUNNER);
            let workdir = fields.word("workdir")?.unwrap_or_else(|| ".mig/work".into());
            Ok(Runner { label, name, workdir, kind: RunnerKind::Local, place: fields.place() })
        }
    }
}

fn ssh_runner(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Runner> {
    let fields = Fields::open(evaluator, text, block, &SSH_RUNNER);
    let (label, name) = labels(block);
    let host = fields.required_word("host");
    let user = fields.required_word("user");
    let port = fields.number("port", 1..=u64::from(u16::MAX));
    let identity_file = fields.word("identity_file");
    let workdir = fields.word("workdir");
    let host_key = fields.word("host_key").and_then(|key| match key {
        Some(key) if !is_host_key(&key) => Err(fields.wrong(
            "host_key",
            codes::BAD_SSH_FIELD,
            "this is not a public host key".to_owned(),
            "Write its type and its base64 text, as `ssh-keyscan` or the host's /etc/ssh/ssh_host_ed25519_key.pub \
             has them: \"ssh-ed25519 AAAA…\".",
        )),
        key => Ok(key),
    });
    let (host, user) = (host?, user?);
    for (field, value) in [("host", &host), ("user", &user)] {
        // Both become arguments of ssh.
        if value.starts_with('-') || value.contains(char::is_whitespace) {
            let help = "Write a host name or address, and a user's name.";
            return Err(fields.wrong(field, codes::BAD_SSH_FIELD, format!("`{field}` cannot be {value:?}"), help));
        }
    }
    let endpoint = Endpoint {
        host,
        port: port?.and_then(|p| u16::try_from(p).ok()).unwrap_or(22),
        user,
        identity_file: identity_file?,
        host_key: host_key?,
        workdir: workdir?.unwrap_or_else(|| REMOTE_WORKDIR.into()),
    };
    Ok(Runner {
        label,
        name,
        workdir: endpoint.workdir.clone(),
        kind: RunnerKind::Ssh(endpoint),
        place: fields.place(),
    })
}

/// `TYPE BASE64`, a comment may follow.
pub(super) fn is_host_key(text: &str) -> bool {
    use base64::Engine;
    let mut words = text.split_ascii_whitespace();
    let (Some(kind), Some(key)) = (words.next(), words.next()) else { return false };
    let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(key) else { return false };
    // The key begins with its own type, as a length and a text (RFC 4253, section 6.6).
    bytes.get(4..4 + kind.len()) == Some(kind.as_bytes()) && bytes.len() > 4 + kind.len()
}

pub(super) fn settings(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Settings> {
    let fields = Fields::open(evaluator, text, block, &SETTINGS);
    let version = required_version(evaluator, &fields);
    let lifetime = fields.duration("plan_lifetime");
    let backend = backend::backend(evaluator, text, &fields);
    version?;
    let default = Settings::default();
    Ok(Settings {
        backend: backend?.unwrap_or(default.backend),
        plan_lifetime_seconds: lifetime?.unwrap_or(default.plan_lifetime_seconds),
    })
}

/// The backend alone, of a spec that was.
pub(super) fn former_backend(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Backend> {
    let fields = Fields::open(evaluator, text, block, &SETTINGS);
    Ok(backend::backend(evaluator, text, &fields)?.unwrap_or_default())
}

fn required_version(evaluator: &Evaluator, fields: &Fields) -> Read<()> {
    let name = "required_version";
    let Some(constraint) = fields.text(name)? else { return Ok(()) };
    let version = env!("CARGO_PKG_VERSION");
    match units::version_satisfies(version, &constraint) {
        Ok(true) => Ok(()),
        Ok(false) => Err(evaluator.faults.error(
            codes::OTHER_VERSION_REQUIRED,
            &fields.value_at(name),
            format!("this spec asks for mig {constraint}; this is mig {version}"),
            "Use a version that the spec allows, or change what it asks for.",
        )),
        Err(part) => Err(fields.wrong(
            name,
            codes::BAD_VERSION_CONSTRAINT,
            format!("\"{part}\" is not a constraint of a version"),
            "Write for example \">= 0.1\" or \">= 0.1, < 0.3\"; the operators are >=, <=, >, <, = and ~>.",
        )),
    }
}
