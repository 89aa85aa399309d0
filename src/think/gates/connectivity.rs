//! Gate `connectivity`: both servers answered, they are two, and the target takes writes. Knows nothing of hosts and
//! ports but in [`same_address`]; what a session's encryption is worth was decided when it was opened.

use super::{Subject, unreached, verdict};
use crate::formats::facts::{Flavor, ServerFacts, Verdict};
use crate::formats::spec::model::Server;
use crate::words::diag::Diagnostic;

/// Decides the gate.
pub fn judge(subject: &Subject) -> Verdict {
    let (source, target) = (subject.source, subject.target);
    let mut findings: Vec<Diagnostic> =
        [&source.fault, &target.fault].into_iter().flatten().map(|fault| unreached("MIG2001", fault)).collect();
    if !findings.is_empty() {
        let saw = match (&source.fault, &target.fault) {
            (Some(_), Some(_)) => "neither server answers",
            (Some(_), None) => "the source does not answer",
            _ => "the target does not answer",
        };
        return verdict(saw, findings);
    }
    if same_server(source, target) {
        findings.push(
            Diagnostic::error("MIG2002", "source and target are the same server")
                .about(&subject.migration.target)
                .help("Correct host or port of one of the two blocks: a migration onto its own source would read what it writes."),
        );
    }
    if !target.read_only.is_empty() {
        findings.push(
            Diagnostic::error("MIG2003", format!("the target is read-only: {} is ON", target.read_only.join(", ")))
                .about(&subject.migration.target)
                .help("Name the writer's endpoint in the target block, or let its administrator switch this off."),
        );
    }
    if target.replica {
        findings.push(
            Diagnostic::error("MIG2004", "the target is a replica: it applies another server's writes")
                .about(&subject.migration.target)
                .help("Name the primary in the target block, or end the replication first."),
        );
    }
    if (target.flavor == Flavor::Tidb) != (subject.target_kind == "tidb") {
        let meant = if subject.target_kind == "tidb" { "mysql" } else { "tidb" };
        let summary =
            format!("the block is a target \"{}\", the server is {}", subject.target_kind, version_text(target));
        findings.push(
            Diagnostic::warning("MIG2005", summary).about(&subject.migration.target).help(format!(
                "Check host and port; if the server is the one that is meant, write target \"{meant}\". The rules of the server that answers are applied."
            )),
        );
    }
    if !target.local_infile {
        findings.push(
            Diagnostic::warning("MIG2006", "local_infile is off on the target: rows are loaded with INSERT")
                .about(&subject.migration.target)
                .help("Nothing needs to be done; with local_infile on, LOAD DATA makes the load faster."),
        );
    }
    for (server, name) in [(source, &subject.migration.source), (target, &subject.migration.target)] {
        if let Some(oldest) = too_old(server) {
            findings.push(
                Diagnostic::warning(
                    "MIG2007",
                    format!("{} is older than {oldest}, the oldest tried", version_text(server)),
                )
                .about(name)
                .help("Expect differences that no gate knows; verify tells whether the rows are equal."),
            );
        }
    }
    let saw = format!(
        "source {} ({}), target {} ({})",
        version_text(source),
        tls_text(source),
        version_text(target),
        tls_text(target)
    );
    verdict(saw, findings)
}

/// The error of two blocks that name one endpoint; found without asking a server.
pub fn same_address(source: &Server, target: &Server) -> Option<Diagnostic> {
    (source.host.eq_ignore_ascii_case(&target.host) && source.port == target.port).then(|| {
        Diagnostic::error("MIG2002", format!("source and target are the same server: {}:{}", target.host, target.port))
            .at(target.place.clone())
            .help("Correct host or port of one of the two blocks: a migration onto its own source would read what it writes.")
    })
}

fn same_server(source: &ServerFacts, target: &ServerFacts) -> bool {
    !source.server_id.is_empty() && source.server_id != "none" && source.server_id == target.server_id
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

fn too_old(server: &ServerFacts) -> Option<&'static str> {
    if server.dump {
        return None;
    }
    let (oldest, text) = match server.flavor {
        Flavor::Mysql => ((5, 7), "5.7"),
        Flavor::Mariadb => ((10, 5), "10.5"),
        Flavor::Tidb => ((7, 5), "7.5"),
    };
    let mut numbers = own_version(server).split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    let seen = (numbers.next()?, numbers.next()?);
    (seen < oldest).then_some(text)
}
