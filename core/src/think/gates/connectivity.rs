//! Gate `connectivity`: both servers answered, they are two, the target takes writes, and the engines' programs are there. Knows nothing of hosts and
//! ports; what a session's encryption is worth was decided when it was opened.

use super::{Subject, engines, of_runner, unreached, verdict};
use crate::formats::facts::{Flavor, ServerFacts, Verdict};
use crate::words::codes;
use crate::words::diag::Diagnostic;

/// Decides the gate.
pub fn judge(subject: &Subject) -> Verdict {
    let (source, target) = (subject.source, subject.target);
    let mut findings: Vec<Diagnostic> = [&source.fault, &target.fault]
        .into_iter()
        .flatten()
        .map(|fault| {
            let code = if of_runner(fault) { fault.code } else { codes::SERVER_UNREACHABLE };
            unreached(code, fault)
        })
        .collect();
    if !findings.is_empty() {
        let saw = match (&source.fault, &target.fault) {
            // The runner is the one that asks.
            (Some(one), Some(_)) if one.code == codes::NOT_INSTALLED => {
                findings.truncate(1);
                "the servers were not asked: mig is not on the runner"
            }
            (Some(one), Some(other)) if one == other && of_runner(one) => {
                findings.truncate(1);
                "the servers were not asked: the runner could not be used"
            }
            (Some(_), Some(_)) => "neither server answers",
            (Some(_), None) => "the source does not answer",
            _ => "the target does not answer",
        };
        return verdict(saw, findings);
    }
    findings.extend(target_findings(subject));
    if source.replica {
        findings.push(
            Diagnostic::warning(codes::SOURCE_IS_REPLICA, "the source is a replica: it has what it has applied of another server's writes")
                .about(&subject.migration.source)
                .help("Look that it has caught up, and that no write comes from its primary; or name the primary in the source block."),
        );
    }
    let unreadable = unreadable_source(source, &subject.migration.source);
    let roles = [("source", source, &subject.migration.source), ("target", target, &subject.migration.target)];
    let roles = roles.into_iter().filter(|(role, ..)| *role == "target" || unreadable.is_none());
    for (role, server, name) in roles {
        if let Some(oldest) = older_than_tried(server, role) {
            let summary = format!("{} is older than {oldest}, the oldest tried as a {role}", version_text(server));
            findings.push(
                Diagnostic::warning(codes::SERVER_TOO_OLD, summary)
                    .about(name)
                    .help("Expect differences that no gate knows; verify tells whether the rows are equal."),
            );
        }
    }
    findings.extend(unreadable);
    findings.extend(engines::findings(subject));
    let saw = format!(
        "source {} ({}), target {} ({}){}",
        version_text(source),
        tls_text(source),
        version_text(target),
        tls_text(target),
        engines::seen(subject)
    );
    verdict(saw, findings)
}

/// What is to be said of the target's own settings.
fn target_findings(subject: &Subject) -> Vec<Diagnostic> {
    let (source, target) = (subject.source, subject.target);
    let mut findings = Vec::new();
    if same_server(source, target) {
        findings.push(
            Diagnostic::error(codes::SAME_SERVER, "source and target are the same server")
                .about(&subject.migration.target)
                .help("Correct host or port of one of the two blocks: a migration onto its own source would read what it writes."),
        );
    }
    if !target.read_only.is_empty() {
        findings.push(
            Diagnostic::error(
                codes::TARGET_READ_ONLY,
                format!("the target is read-only: {} is ON", target.read_only.join(", ")),
            )
            .about(&subject.migration.target)
            .help("Name the writer's endpoint in the target block, or let its administrator switch this off."),
        );
    }
    if target.replica {
        findings.push(
            Diagnostic::error(codes::TARGET_IS_REPLICA, "the target is a replica: it applies another server's writes")
                .about(&subject.migration.target)
                .help("Name the primary in the target block, or end the replication first."),
        );
    }
    if (target.flavor == Flavor::Tidb) != (subject.target_kind == "tidb") {
        let meant = if subject.target_kind == "tidb" { "mysql" } else { "tidb" };
        let summary =
            format!("the block is a target \"{}\", the server is {}", subject.target_kind, version_text(target));
        findings.push(
            Diagnostic::warning(codes::TARGET_KIND_DIFFERS, summary).about(&subject.migration.target).help(format!(
                "Check host and port; if the server is the one that is meant, write target \"{meant}\". The rules of the server that answers are applied."
            )),
        );
    }
    if !target.local_infile {
        findings.push(
            Diagnostic::warning(
                codes::LOCAL_INFILE_OFF,
                "local_infile is off on the target: rows are loaded with INSERT",
            )
            .about(&subject.migration.target)
            .help("Nothing needs to be done; with local_infile on, LOAD DATA makes the load faster."),
        );
    }
    findings
}

fn same_server(source: &ServerFacts, target: &ServerFacts) -> bool {
    let same = |one: &str, other: &str| !one.is_empty() && one != "none" && one == other;
    // A cluster that was looked up is recorded by the cloud's name, and is the same server all the same.
    same(&source.server_id, &target.server_id) || same(&source.own_id, &target.own_id)
}

fn tls_text(server: &ServerFacts) -> &'static str {
    if server.dump {
        return "a dump";
    }
    if server.tls_cipher.is_empty() { "not encrypted" } else { "encrypted" }
}

fn version_text(server: &ServerFacts) -> String {
    if server.dump {
        return server.version.clone();
    }
    let name = match server.flavor {
        Flavor::Mysql => "MySQL",
        Flavor::Mariadb => "MariaDB",
        Flavor::Tidb => "TiDB",
    };
    format!("{name} {}", own_version(server))
}

/// TiDB stands behind the MySQL version that it claims.
fn own_version(server: &ServerFacts) -> &str {
    match server.version.split_once("-TiDB-v") {
        Some((_, own)) => own,
        None => &server.version,
    }
}

/// The source whose rows mig has no way to read at one moment.
fn unreadable_source(source: &ServerFacts, name: &str) -> Option<Diagnostic> {
    if source.dump {
        return None;
    }
    let oldest = match source.flavor {
        Flavor::Tidb => {
            let summary =
                format!("the source is {}: mig reads from MySQL and MariaDB, not from TiDB", version_text(source));
            return Some(Diagnostic::error(codes::SOURCE_IS_TIDB, summary).about(name).help(
                "Correct host and port of the source block. To move rows out of TiDB, dump them with Dumpling and load the files with `mig import-dump`.",
            ));
        }
        Flavor::Mysql => (5, 6, 5),
        Flavor::Mariadb => (10, 0, 0),
    };
    let seen = version(source)?;
    (seen < oldest).then(|| {
        let (major, minor, patch) = oldest;
        let summary = format!(
            "the source is {}, which has no START TRANSACTION READ ONLY: mig reads from {major}.{minor}.{patch} on",
            version_text(source)
        );
        Diagnostic::error(codes::SOURCE_TOO_OLD, summary).about(name).help(
            "Upgrade the source, or dump it with mysqldump into a newer server and name that one in the source block.",
        )
    })
}

/// The oldest version that the tests of mig run with in this role, where the server is older. They run with these and
/// with MySQL 9.7; what lies between was not tried by itself.
fn older_than_tried(server: &ServerFacts, role: &str) -> Option<&'static str> {
    if server.dump {
        return None;
    }
    let (oldest, text) = match (server.flavor, role) {
        (Flavor::Mysql, "source") => ((5, 6), "5.6"),
        (Flavor::Mysql, _) => ((9, 7), "9.7"),
        (Flavor::Mariadb, _) => ((10, 11), "10.11"),
        (Flavor::Tidb, _) => ((8, 5), "8.5"),
    };
    let (major, minor, _) = version(server)?;
    ((major, minor) < oldest).then_some(text)
}

/// `None`: the server tells no number.
fn version(server: &ServerFacts) -> Option<(u32, u32, u32)> {
    let mut numbers = own_version(server).split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    Some((numbers.next()?, numbers.next()?, numbers.next().unwrap_or(0)))
}
