//! `provider "aws"`, what is special in `source "aurora"`, `peering "tidb_cloud"` and `runner "ec2"`: blocks -> model,
//! and what these blocks ask of each other. Knows no account: what there is, a look tells.

use std::collections::BTreeMap;

use hcl_edit::structure::Block;
use indexmap::IndexMap;

use super::expression::Evaluator;
use super::faults::{Faulted, Read};
use super::fields::Fields;
use super::model::aws::{Aurora, Connection, Ec2, FoundBy, Peering, Provider, Volume};
use super::model::{Runner, RunnerKind, Spec, Tls, TlsMode};
use super::schema::{AMI, CONNECTION, EC2, PEERING, PROVIDER, REQUESTER, VOLUME};
use super::servers::{is_host_key, labels};
use super::texts::At;
use crate::formats::cloud_inputs::{MOUNT, network};
use crate::words::codes;
use crate::words::diag::Diagnostic;

const ACCOUNT: &str = "An account of AWS has 12 digits, in quotes: a number would lose its leading zeros.";

fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())
}

/// What images of RHEL, Amazon Linux and most others call their first user.
const USER: &str = "ec2-user";

pub(super) fn provider(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Provider> {
    let fields = Fields::open(evaluator, text, block, &PROVIDER);
    let region = fields.required_word("region").and_then(|region| {
        let sound = region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        // A zone is a region and a letter: the usual slip.
        match region.strip_suffix(|c: char| c.is_ascii_lowercase()) {
            Some(of) if sound && of.ends_with(|c: char| c.is_ascii_digit()) => Err(fields.wrong(
                "region",
                codes::OUT_OF_RANGE,
                format!("\"{region}\" is a zone, not a region"),
                format!("Write the region: \"{of}\"."),
            )),
            _ if sound && region.contains('-') => Ok(region),
            _ => Err(fields.wrong(
                "region",
                codes::OUT_OF_RANGE,
                format!("\"{region}\" is not a region"),
                "A region is written like \"us-west-2\".",
            )),
        }
    });
    let profile = fields.word("profile");
    let endpoint_url = fields.word("endpoint_url").and_then(|url| match url {
        Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => Err(fields.wrong(
            "endpoint_url",
            codes::OUT_OF_RANGE,
            "`endpoint_url` is not a URL",
            "Write it with its scheme: \"https://…\"; leave it out for AWS itself.",
        )),
        url => Ok(url),
    });
    let accounts = fields.texts("allowed_account_ids").and_then(|ids| {
        let sound = |(id, at): (String, At)| match is_account(&id) {
            true => Ok(id),
            false => {
                Err(evaluator.faults.error(codes::OUT_OF_RANGE, &at, format!("\"{id}\" is not an account"), ACCOUNT))
            }
        };
        ids.unwrap_or_default().into_iter().map(sound).collect::<Read<Vec<String>>>()
    });
    let tags = fields.text_map("default_tags").and_then(|entries| {
        let mut tags = BTreeMap::new();
        for entry in entries.unwrap_or_default() {
            let reserved = entry.key.starts_with("mig:") || entry.key.starts_with("aws:") || entry.key == "Name";
            if reserved || entry.key.is_empty() || entry.key.chars().count() > 128 || entry.text.chars().count() > 256 {
                let help = "`Name`, `mig:…` and `aws:…` are set by mig and by AWS; a key has up to 128 characters, a \
                            value up to 256.";
                let summary = format!("the tag `{}` cannot be set", entry.key);
                return Err(evaluator.faults.error(codes::OUT_OF_RANGE, &entry.key_at, summary, help));
            }
            tags.insert(entry.key, entry.text);
        }
        Ok(tags)
    });
    Ok(Provider {
        region: region?,
        profile: profile?,
        allowed_account_ids: accounts?,
        endpoint_url: endpoint_url?,
        default_tags: tags?,
    })
}

/// What a `source "aurora"` has beside a server's attributes.
pub(super) fn aurora(evaluator: &Evaluator, fields: &Fields) -> Read<Aurora> {
    let cluster = fields.required_word("cluster_identifier").and_then(|id| {
        if id.contains(':') || id.contains('.') {
            let help = "Write its identifier alone, as the console lists it: \"database-1\".";
            let summary = "`cluster_identifier` is not the identifier of a cluster";
            return Err(fields.wrong("cluster_identifier", codes::OUT_OF_RANGE, summary, help));
        }
        Ok(id)
    });
    let host = fields.word("host");
    let port = fields.number("port", 1..=u64::from(u16::MAX));
    let secret = fields.word("password_secret");
    let iam_auth = fields.flag("iam_auth").map(Option::unwrap_or_default);
    let by_iam = matches!(iam_auth, Ok(true));
    let place = |name| fields.attribute(name).map(|_| evaluator.faults.place(&fields.value_at(name)));
    let secret_place = place("password_secret").or_else(|| place("iam_auth").filter(|_| by_iam));
    let set = |name: &&str| fields.attribute(name).is_some() && (*name != "iam_auth" || by_iam);
    let ways: Vec<&str> = ["password", "password_secret", "iam_auth"].into_iter().filter(set).collect();
    if let [first, .., last] = ways.as_slice() {
        let summary = format!("both `{first}` and `{last}` are set");
        return Err(fields.wrong(last, codes::CONFLICTING_SETTINGS, summary, "Keep one of them."));
    }
    Ok(Aurora {
        cluster_identifier: cluster?,
        host: host?,
        port: port?.and_then(|p| u16::try_from(p).ok()),
        password_secret: secret?,
        iam_auth: iam_auth?,
        secret_place,
    })
}

/// A token opens the database to anyone who reads it, and goes over the line as it is: to a server that has shown who it is.
pub(super) fn fit_for_tokens(fields: &Fields, tls: Tls) -> Read<Tls> {
    if matches!(tls.mode, TlsMode::VerifyIdentity | TlsMode::VerifyCa) {
        return Ok(tls);
    }
    Err(fields.wrong(
        "iam_auth",
        codes::TOKEN_IN_CLEARTEXT,
        "`iam_auth` needs a server whose certificate is verified",
        "Write tls { mode = \"verify_identity\", ca_file = \"rds\" }: the token is sent as it is, and whoever gets it \
         is in.",
    ))
}

pub(super) fn peering(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Peering> {
    let fields = Fields::open(evaluator, text, block, &PEERING);
    let id = fields.word("connection_id").and_then(|id| match id {
        Some(id) => with_prefix(&fields, "connection_id", id, "pcx-").map(Some),
        None => Ok(None),
    });
    let requester = match fields.block("expect_requester") {
        Some(block) => requester(evaluator, text, block).map(Some),
        None => Ok(None),
    };
    let cidr = fields.required_word("target_cidr").and_then(|cidr| sound_network(&fields, "target_cidr", &cidr));
    let accept = fields.flag("accept");
    let route_tables = fields.texts("route_tables").and_then(|tables| {
        let tables = tables.unwrap_or_default();
        for (table, at) in &tables {
            if !table.starts_with("rtb-") {
                let help =
                    "An id of a route table begins with `rtb-`; without the line, the runner subnet's own is used.";
                let summary = format!("\"{table}\" is not an id of a route table");
                return Err(evaluator.faults.error(codes::OUT_OF_RANGE, at, summary, help));
            }
        }
        Ok(tables.into_iter().map(|(table, _)| table).collect())
    });
    let found_by = match (id?, requester?) {
        (Some(id), None) => FoundBy::Id(id),
        (None, Some(requester)) => requester,
        (Some(_), Some(_)) => {
            let help = "Keep one: the connection's id says all, the requester finds it when its id is not known yet.";
            let summary = "both `connection_id` and `expect_requester` are set";
            return Err(fields.wrong("connection_id", codes::CONFLICTING_SETTINGS, summary, help));
        }
        (None, None) => {
            return Err(evaluator.faults.error(
                codes::MISSING,
                &fields.header(),
                "the peering connection is not named",
                "Add `connection_id = \"pcx-…\"`, or a block `expect_requester { account_id = \"…\" }` with the \
                 account that TiDB Cloud shows for its side.",
            ));
        }
    };
    Ok(Peering {
        label: labels(block).0,
        found_by,
        target_cidr: cidr?,
        accept: accept?.unwrap_or(true),
        route_tables: route_tables?,
        place: fields.place(),
    })
}

fn requester(evaluator: &Evaluator, text: usize, block: &Block) -> Read<FoundBy> {
    let fields = Fields::open(evaluator, text, block, &REQUESTER);
    let account = fields.required_word("account_id").and_then(|id| {
        if is_account(&id) {
            return Ok(id);
        }
        Err(fields.wrong("account_id", codes::OUT_OF_RANGE, format!("\"{id}\" is not an account"), ACCOUNT))
    });
    let vpc = fields.word("vpc_id").and_then(|id| match id {
        Some(id) => with_prefix(&fields, "vpc_id", id, "vpc-").map(Some),
        None => Ok(None),
    });
    Ok(FoundBy::Requester { account_id: account?, vpc_id: vpc? })
}

pub(super) fn runner(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Runner> {
    let fields = Fields::open(evaluator, text, block, &EC2);
    let (label, name) = labels(block);
    let instance_type = fields.required_word("instance_type").and_then(|kind| x86(&fields, kind));
    let ami = match fields.block("ami") {
        Some(block) => ami(evaluator, text, block),
        None => Err(evaluator.faults.error(
            codes::MISSING,
            &fields.header(),
            "the image of the runner is not named",
            "Add `ami { owner = \"309956199498\" name = \"RHEL-8*_HVM-*-x86_64-*\" }`, a line for each attribute: the \
             newest image of that owner with that name is taken.",
        )),
    };
    let subnet = id(&fields, "subnet_id", "subnet-");
    let key_pair = fields.word("key_pair");
    let identity_file = fields.word("identity_file");
    let profile = fields.word("iam_instance_profile").and_then(|profile| match profile {
        Some(arn) if arn.contains(':') => {
            let help = "Write its name, the last part of the ARN.";
            Err(fields.wrong("iam_instance_profile", codes::OUT_OF_RANGE, "this is an ARN, not a name", help))
        }
        profile => Ok(profile),
    });
    let group = fields.word("security_group").and_then(|group| match group.as_deref() {
        None | Some("create") => Ok(None),
        Some(group) => with_prefix(&fields, "security_group", group.to_owned(), "sg-").map(Some),
    });
    let volume = match fields.block("volume") {
        Some(block) => volume(evaluator, text, block),
        None => Ok(default_volume()),
    };
    let connection = match fields.block("connection") {
        Some(block) => connection(evaluator, text, block),
        None => Ok(Connection { host: None, port: 22, user: USER.into(), host_key: None, allow_from: Vec::new() }),
    };
    let prevent = fields.flag("prevent_destroy");
    let key_pair = key_pair?.filter(|key| key != "create");
    let identity_file = identity_file?;
    let group = group?;
    let connection = connection?;
    if let Some(block) = fields.block("connection")
        && group.is_some()
        && !connection.allow_from.is_empty()
    {
        let inner = Fields::open(evaluator, text, block, &CONNECTION);
        evaluator.faults.push(
            Diagnostic::warning(codes::NO_EFFECT, "`allow_from` has no effect: the security group is an existing one")
                .at(evaluator.faults.place(&inner.value_at("allow_from")))
                .help("Rules of a group that mig did not make are left as they are: add the rule there yourself."),
        );
    }
    let (ami_owner, ami_name) = ami?;
    Ok(Runner {
        workdir: format!("{MOUNT}/work"),
        kind: RunnerKind::Ec2(Box::new(Ec2 {
            instance_type: instance_type?,
            ami_owner,
            ami_name,
            subnet_id: subnet?,
            identity_file: identity_file.or_else(|| key_pair.is_none().then(|| format!(".mig/{name}.key"))),
            key_pair,
            iam_instance_profile: profile?,
            security_group: group,
            volume: volume?,
            connection,
            prevent_destroy: prevent?.unwrap_or(false),
        })),
        label,
        name,
        place: fields.place(),
    })
}

fn ami(evaluator: &Evaluator, text: usize, block: &Block) -> Read<(String, String)> {
    let fields = Fields::open(evaluator, text, block, &AMI);
    let owner = fields.required_word("owner");
    let name = fields.required_word("name");
    Ok((owner?, name?))
}

/// Instances of the ARM families: nothing that runs there is built.
fn x86(fields: &Fields, kind: String) -> Read<String> {
    let name = "instance_type";
    let Some((family, size)) = kind.split_once('.') else {
        let help = "An instance type has a family and a size: \"t2.large\", \"m5.xlarge\".";
        return Err(fields.wrong(name, codes::OUT_OF_RANGE, format!("\"{kind}\" is not an instance type"), help));
    };
    // Behind the generation's digit, `g` stands for Graviton: t4g, m7gd, is4gen; a1 was the first of them.
    let options =
        family.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches(|c: char| c.is_ascii_digit());
    if family == "a1" || options.contains('g') {
        return Err(fields.wrong(
            name,
            codes::UNSUPPORTED_INSTANCE_TYPE,
            format!("\"{kind}\" has an ARM processor (Graviton)"),
            "mig puts its own program there, which is built for x86-64: take a type such as \"t3.large\" or \"m6i.large\".",
        ));
    }
    if family.starts_with("mac") {
        let help = "Take a type that runs Linux on x86-64: \"t3.large\", \"m6i.large\".";
        return Err(fields.wrong(name, codes::UNSUPPORTED_INSTANCE_TYPE, format!("\"{kind}\" runs macOS"), help));
    }
    if family.is_empty() || size.is_empty() {
        let help = "An instance type has a family and a size: \"t2.large\", \"m5.xlarge\".";
        return Err(fields.wrong(name, codes::OUT_OF_RANGE, format!("\"{kind}\" is not an instance type"), help));
    }
    Ok(kind)
}

fn default_volume() -> Volume {
    Volume { size_gib: None, kind: "gp3".into(), iops: None, throughput: None, encrypted: true }
}

fn volume(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Volume> {
    let fields = Fields::open(evaluator, text, block, &VOLUME);
    let size = match fields.is_auto("size") {
        Ok(true) => Ok(None),
        Ok(false) => fields.size("size").and_then(|bytes| whole_gib(&fields, bytes)),
        Err(Faulted) => Err(Faulted),
    };
    let kinds: Vec<(&str, &str)> =
        ["gp3", "gp2", "io1", "io2", "st1", "sc1"].into_iter().map(|kind| (kind, kind)).collect();
    let kind = fields.choice("type", &kinds, &[]);
    let iops = fields.number("iops", 100..=256_000);
    let throughput = fields.number("throughput", 125..=2000);
    let encrypted = fields.flag("encrypted");
    let kind = kind?.unwrap_or("gp3");
    let (iops, throughput) =
        (iops?.and_then(|n| u32::try_from(n).ok()), throughput?.and_then(|n| u32::try_from(n).ok()));
    if iops.is_some() && !matches!(kind, "gp3" | "io1" | "io2") {
        let help = "Leave it out, or take type = \"gp3\".";
        return Err(fields.wrong(
            "iops",
            codes::CONFLICTING_SETTINGS,
            format!("a volume of type {kind} has no `iops` to set"),
            help,
        ));
    }
    if iops.is_none() && matches!(kind, "io1" | "io2") {
        let help = "Add a line `iops = …`, or take type = \"gp3\".";
        return Err(fields.wrong(
            "type",
            codes::CONFLICTING_SETTINGS,
            format!("a volume of type {kind} needs `iops`"),
            help,
        ));
    }
    if throughput.is_some() && kind != "gp3" {
        let help = "Leave it out, or take type = \"gp3\".";
        let summary = format!("a volume of type {kind} has no `throughput` to set");
        return Err(fields.wrong("throughput", codes::CONFLICTING_SETTINGS, summary, help));
    }
    Ok(Volume { size_gib: size?, kind: kind.into(), iops, throughput, encrypted: encrypted?.unwrap_or(true) })
}

/// Volumes have whole GiB; EBS ends at 64 TiB.
fn whole_gib(fields: &Fields, bytes: Option<u64>) -> Read<Option<u32>> {
    let Some(bytes) = bytes else { return Ok(None) };
    let gib = bytes >> 30;
    if bytes & ((1 << 30) - 1) != 0 || gib == 0 || gib > 65_536 {
        let help = "Give whole GiB, from \"1GiB\" to \"64TiB\", or \"auto\".";
        return Err(fields.wrong("size", codes::BAD_SIZE, "a volume has no such size", help));
    }
    Ok(u32::try_from(gib).ok())
}

fn connection(evaluator: &Evaluator, text: usize, block: &Block) -> Read<Connection> {
    let fields = Fields::open(evaluator, text, block, &CONNECTION);
    let host = fields.word("host");
    let port = fields.number("port", 1..=u64::from(u16::MAX));
    let user = fields.word("user");
    let host_key = fields.word("host_key").and_then(|key| match key {
        Some(key) if !is_host_key(&key) => {
            let help = "Write its type and its base64 text: \"ssh-ed25519 AAAA…\".";
            Err(fields.wrong("host_key", codes::BAD_SSH_FIELD, "this is not a public host key", help))
        }
        key => Ok(key),
    });
    let allow = fields.texts("allow_from").and_then(|networks| {
        let mut sound = Vec::new();
        for (text, at) in networks.unwrap_or_default() {
            sound.push(network_at(evaluator, "allow_from", &text, &at)?);
        }
        Ok(sound)
    });
    let (host, user) = (host?, user?.unwrap_or_else(|| USER.into()));
    for (field, value) in [("host", host.as_deref().unwrap_or("h")), ("user", &user)] {
        // Both become arguments of ssh.
        if value.starts_with('-') || value.contains(char::is_whitespace) {
            let help = "Write a host name or address, and a user's name.";
            return Err(fields.wrong(field, codes::BAD_SSH_FIELD, format!("`{field}` cannot be {value:?}"), help));
        }
    }
    let port = port?.and_then(|p| u16::try_from(p).ok()).unwrap_or(22);
    Ok(Connection { host, port, user, host_key: host_key?, allow_from: allow? })
}

fn id(fields: &Fields, name: &str, prefix: &str) -> Read<Option<String>> {
    match fields.word(name)? {
        Some(id) => with_prefix(fields, name, id, prefix).map(Some),
        None => Ok(None),
    }
}

fn with_prefix(fields: &Fields, name: &str, id: String, prefix: &str) -> Read<String> {
    if id.len() > prefix.len() && id.starts_with(prefix) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Ok(id);
    }
    let help = format!("Write an id as the console shows it: \"{prefix}…\".");
    Err(fields.wrong(name, codes::OUT_OF_RANGE, format!("`{name}` is not an id of this kind: \"{id}\""), help))
}

fn sound_network(fields: &Fields, name: &str, text: &str) -> Read<String> {
    match network::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(help) => {
            Err(fields.wrong(name, codes::OUT_OF_RANGE, format!("`{name}` is not a network: \"{text}\""), help))
        }
    }
}

fn network_at(evaluator: &Evaluator, name: &str, text: &str, at: &super::texts::At) -> Read<String> {
    match network::parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(help) => {
            let summary = format!("an element of `{name}` is not a network: \"{text}\"");
            Err(evaluator.faults.error(codes::OUT_OF_RANGE, at, summary, help))
        }
    }
}

/// What the blocks of AWS ask of each other and of migrations. Reports; the spec is whole otherwise.
pub(super) fn together(evaluator: &Evaluator, spec: &Spec) {
    let faults = evaluator.faults;
    let aurora: Vec<_> = spec.sources.values().filter(|s| s.aurora.is_some()).collect();
    let ec2: Vec<&Runner> = spec.runners.values().filter(|r| matches!(r.kind, RunnerKind::Ec2(_))).collect();
    if spec.aws.is_none() {
        let places = aurora.iter().map(|s| &s.place).chain(ec2.iter().map(|r| &r.place));
        for place in places.chain(spec.peerings.values().map(|p| &p.place)) {
            let diagnostic = Diagnostic::error(codes::NO_PROVIDER, "this block needs a `provider \"aws\"`")
                .at(place.clone())
                .help("Add a block `provider \"aws\" { region = \"…\" }`, a line for its attribute.");
            faults.push(diagnostic);
        }
    }
    let mut vpcs: IndexMap<&str, &str> = IndexMap::new();
    for migration in spec.migrations.values() {
        let source = spec.sources.get(&migration.source);
        let looked_up = source.filter(|s| s.aurora.is_some());
        let runner = migration.runner.as_ref().and_then(|name| spec.runners.get(name));
        if let Some(runner) = runner.filter(|r| matches!(r.kind, RunnerKind::Ec2(_))) {
            needs_aurora(
                evaluator,
                migration,
                looked_up.map(|s| s.name.as_str()),
                "the runner",
                &runner.name,
                &mut vpcs,
            );
        }
        for address in &migration.after {
            if let Some(peering) = spec.peerings.get(address) {
                let source = looked_up.map(|s| s.name.as_str());
                needs_aurora(evaluator, migration, source, "the peering", &peering.label, &mut vpcs);
            }
        }
        if let Some(aurora) = source.and_then(|s| s.aurora.as_ref())
            && aurora.asks_iam()
            && let Some(runner) = runner.filter(|r| r.is_remote())
        {
            let profile = matches!(&runner.kind, RunnerKind::Ec2(ec2) if ec2.iam_instance_profile.is_some());
            if !profile {
                let mut diagnostic = Diagnostic::error(
                    codes::NO_INSTANCE_PROFILE,
                    format!(
                        "{} on runner.{}.{}, which has no role to do so",
                        if aurora.iam_auth { "tokens are signed" } else { "the secret is read" },
                        runner.label,
                        runner.name
                    ),
                );
                diagnostic.place = aurora.secret_place.clone();
                faults.push(diagnostic.help(
                    "Set `iam_instance_profile` of a runner \"ec2\" to a profile whose role may do that, or \
                     take `password` from a sensitive variable.",
                ));
            }
        }
    }
    for (address, peering) in &spec.peerings {
        if !spec.migrations.values().any(|m| m.after.contains(address)) {
            faults.push(
                Diagnostic::error(codes::NO_VPC, format!("no migration waits for {address}"))
                    .at(peering.place.clone())
                    .detail("The VPC that accepts is the one of a migration's source.")
                    .help(format!("Add `after = [{address}]` to the migration whose rows go through it.")),
            );
        }
    }
}

/// A runner and a peering stand in one VPC: that of the one source that is looked up.
fn needs_aurora<'s>(
    evaluator: &Evaluator,
    migration: &super::model::Migration,
    source: Option<&'s str>,
    what: &str,
    name: &'s str,
    vpcs: &mut IndexMap<&'s str, &'s str>,
) {
    let push = |summary: String, help: &str| {
        let diagnostic = Diagnostic::error(codes::NO_VPC, summary).at(migration.place.clone()).help(help);
        evaluator.faults.push(diagnostic);
    };
    match source {
        None => push(
            format!("{what} `{name}` is in the VPC of a source that is looked up, and this one is not"),
            "Declare the source as `source \"aurora\"` with its `cluster_identifier`.",
        ),
        Some(source) => match vpcs.insert(name, source) {
            Some(other) if other != source => push(
                format!("{what} `{name}` would be in the VPCs of two sources, `{other}` and `{source}`"),
                "Give each source a runner and a spec of its own.",
            ),
            _ => {}
        },
    }
}
