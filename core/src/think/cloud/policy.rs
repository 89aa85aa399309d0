//! The least that credentials need for exactly this spec, as an IAM policy. Looks go by `*`, since EC2 knows no smaller
//! resource for them; what changes something is bound to this region, to objects that bear mig's tag, or to those that
//! the spec names. Service control policies and permission boundaries are not known here.

use serde_json::{Value, json};

use crate::formats::cloud_inputs::names::LINEAGE;
use crate::formats::spec::model::aws::{Aurora, Ec2, FoundBy, Peering};
use crate::formats::spec::model::{Runner, RunnerKind, Server, Spec};

/// The policy. `account`: where it is known; else every account, which a policy attached in one does not widen.
pub fn policy(spec: &Spec, account: Option<&str>) -> Value {
    let region = spec.aws.as_ref().map_or("*", |aws| aws.region.as_str());
    let partition = match region {
        r if r.starts_with("cn-") => "aws-cn",
        r if r.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let account = account.unwrap_or("*");
    let at = Place { partition, region, account };
    let mut looks: Vec<&str> = Vec::new();
    let mut statements = Vec::new();
    let aurora: Vec<_> = spec.sources.values().filter_map(|s| s.aurora.as_ref()).collect();
    if !aurora.is_empty() {
        looks.extend(["rds:DescribeDBClusters", "rds:DescribeDBInstances", "rds:DescribeDBSubnetGroups"]);
        looks.push("cloudwatch:GetMetricStatistics");
        looks.extend(["ec2:DescribeVpcs", "ec2:DescribeVpcAttribute", "ec2:DescribeSubnets"]);
        looks.extend(["ec2:DescribeSecurityGroups", "ec2:DescribeRouteTables"]);
    }
    let ec2: Vec<&Ec2> = spec
        .runners
        .values()
        .filter_map(|runner| match &runner.kind {
            RunnerKind::Ec2(ec2) => Some(&**ec2),
            RunnerKind::Local | RunnerKind::Ssh(_) => None,
        })
        .collect();
    if !ec2.is_empty() {
        looks.extend(["ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeKeyPairs"]);
        looks.extend(["ec2:DescribeInstances", "ec2:DescribeInstanceStatus", "ec2:DescribeVolumes"]);
        looks.push("ec2:GetConsoleOutput");
    }
    if !spec.peerings.is_empty() {
        looks.push("ec2:DescribeVpcPeeringConnections");
    }
    if !looks.is_empty() {
        looks.sort_unstable();
        statements.push(json!({"Sid": "Look", "Effect": "Allow", "Action": looks, "Resource": "*"}));
    }
    secrets(spec, &at, &mut statements);
    log_ins(spec, &at, &mut statements);
    runners(&ec2, &at, &mut statements);
    for peering in spec.peerings.values() {
        accepts(peering, &at, &mut statements);
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

struct Place<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl Place<'_> {
    fn ec2(&self, resource: &str) -> String {
        format!("arn:{}:ec2:{}:{}:{resource}", self.partition, self.region, self.account)
    }
}

/// Clusters that are logged in to from this machine; on a runner its own role does that.
fn read_here(spec: &Spec) -> impl Iterator<Item = (&Server, &Aurora)> {
    let here = spec.migrations.values().filter(|migration| {
        !migration.runner.as_ref().and_then(|r| spec.runners.get(r)).is_some_and(Runner::is_remote)
    });
    here.filter_map(|migration| {
        let server = spec.sources.get(&migration.source)?;
        Some((server, server.aurora.as_ref()?))
    })
}

/// Tokens are signed without a call; the database asks IAM whether the signer may log in. The cluster's own number is not
/// known here.
fn log_ins(spec: &Spec, at: &Place<'_>, statements: &mut Vec<Value>) {
    let by_iam = read_here(spec).filter(|(_, aurora)| aurora.iam_auth);
    let mut users: Vec<String> = by_iam
        .map(|(server, _)| {
            format!("arn:{}:rds-db:{}:{}:dbuser:*/{}", at.partition, at.region, at.account, server.username)
        })
        .collect();
    users.sort();
    users.dedup();
    if !users.is_empty() {
        statements.push(json!({
            "Sid": "LogIn", "Effect": "Allow", "Action": ["rds-db:connect"], "Resource": users,
        }));
    }
}

/// Secrets that are read on this machine.
fn secrets(spec: &Spec, at: &Place<'_>, statements: &mut Vec<Value>) {
    let mut read: Vec<String> = Vec::new();
    for (_, aurora) in read_here(spec) {
        if let Some(secret) = &aurora.password_secret {
            let arn = match secret.starts_with("arn:") {
                true => secret.clone(),
                // AWS adds six characters to the name of a secret.
                false => {
                    format!("arn:{}:secretsmanager:{}:{}:secret:{secret}-??????", at.partition, at.region, at.account)
                }
            };
            read.push(arn);
        }
    }
    read.sort();
    read.dedup();
    if !read.is_empty() {
        statements.push(json!({
            "Sid": "ReadSecret", "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": read,
        }));
    }
}

fn runners(ec2: &[&Ec2], at: &Place<'_>, statements: &mut Vec<Value>) {
    if ec2.is_empty() {
        return;
    }
    let ours = json!({"Null": {format!("aws:ResourceTag/{LINEAGE}"): "false"}});
    let tagged = json!({"Null": {format!("aws:RequestTag/{LINEAGE}"): "false"}});
    let mut makes = vec!["RunInstances", "CreateVolume"];
    let mut marked = vec![at.ec2("instance/*"), at.ec2("volume/*")];
    statements.push(json!({
        "Sid": "MakeTagged", "Effect": "Allow", "Action": ["ec2:RunInstances", "ec2:CreateVolume"],
        "Resource": marked, "Condition": tagged,
    }));
    let image = format!("arn:{}:ec2:{}::image/*", at.partition, at.region);
    let around = ["key-pair/*", "network-interface/*", "security-group/*", "subnet/*"].map(|resource| at.ec2(resource));
    let around: Vec<String> = around.into_iter().chain([image]).collect();
    statements.push(json!({
        "Sid": "RunWith", "Effect": "Allow", "Action": ["ec2:RunInstances"], "Resource": around,
    }));
    if ec2.iter().any(|ec2| ec2.key_pair.is_none()) {
        makes.push("ImportKeyPair");
        marked.push(at.ec2("key-pair/mig-*"));
        statements.push(json!({
            "Sid": "KeyPair", "Effect": "Allow", "Action": ["ec2:DeleteKeyPair", "ec2:ImportKeyPair"],
            "Resource": [at.ec2("key-pair/mig-*")],
        }));
    }
    if ec2.iter().any(|ec2| ec2.security_group.is_none()) {
        makes.push("CreateSecurityGroup");
        marked.push(at.ec2("security-group/*"));
        statements.push(json!({
            "Sid": "SecurityGroup", "Effect": "Allow", "Action": ["ec2:CreateSecurityGroup"],
            "Resource": [at.ec2("security-group/*"), at.ec2("vpc/*")],
        }));
        statements.push(json!({
            "Sid": "DeleteSecurityGroup", "Effect": "Allow", "Action": ["ec2:DeleteSecurityGroup"],
            "Resource": [at.ec2("security-group/*")], "Condition": ours,
        }));
        // The rule on the source's group: that group bears no tag of mig.
        statements.push(json!({
            "Sid": "Rules", "Effect": "Allow",
            "Action": ["ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"],
            "Resource": [at.ec2("security-group/*")],
        }));
    }
    statements.push(json!({
        "Sid": "ChangeOwn", "Effect": "Allow",
        "Action": [
            "ec2:AttachVolume", "ec2:DeleteVolume", "ec2:DetachVolume", "ec2:ModifyVolume", "ec2:StartInstances",
            "ec2:TerminateInstances",
        ],
        "Resource": [at.ec2("instance/*"), at.ec2("volume/*")], "Condition": ours,
    }));
    makes.sort_unstable();
    statements.push(json!({
        "Sid": "TagWhatIsMade", "Effect": "Allow", "Action": ["ec2:CreateTags"], "Resource": marked,
        "Condition": {"StringEquals": {"ec2:CreateAction": makes}},
    }));
    if ec2.iter().any(|ec2| ec2.iam_instance_profile.is_some()) {
        // The profile's name is known, its role's is not.
        statements.push(json!({
            "Sid": "PassRole", "Effect": "Allow", "Action": ["iam:PassRole"],
            "Resource": [format!("arn:{}:iam::{}:role/*", at.partition, at.account)],
            "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        }));
    }
}

fn accepts(peering: &Peering, at: &Place<'_>, statements: &mut Vec<Value>) {
    if !peering.accept {
        return;
    }
    let connection = match &peering.found_by {
        FoundBy::Id(id) => at.ec2(&format!("vpc-peering-connection/{id}")),
        FoundBy::Requester { .. } => at.ec2("vpc-peering-connection/*"),
    };
    statements.push(json!({
        "Sid": "AcceptPeering", "Effect": "Allow",
        "Action": ["ec2:AcceptVpcPeeringConnection", "ec2:ModifyVpcPeeringConnectionOptions"],
        "Resource": [connection, at.ec2("vpc/*")],
    }));
    statements.push(json!({
        "Sid": "NamesInVpc", "Effect": "Allow", "Action": ["ec2:ModifyVpcAttribute"], "Resource": [at.ec2("vpc/*")],
    }));
    let tables: Vec<String> = match peering.route_tables.as_slice() {
        [] => vec![at.ec2("route-table/*")],
        named => named.iter().map(|table| at.ec2(&format!("route-table/{table}"))).collect(),
    };
    statements.push(json!({
        "Sid": "Routes", "Effect": "Allow", "Action": ["ec2:CreateRoute", "ec2:DeleteRoute"], "Resource": tables,
    }));
}

/// The policy's text, for a message or a terminal.
pub fn text(spec: &Spec, account: Option<&str>) -> String {
    serde_json::to_string_pretty(&policy(spec, account)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::formats::spec::{Inputs, SourceFile, load};

    const SPEC: &str = r#"
provider "aws" { region = "us-west-2" }
source "aurora" "shop" {
  cluster_identifier = "database-1"
  username           = "admin"
}
target "tidb" "cloud" {
  host     = "tidb.example"
  username = "root"
}
peering "tidb_cloud" {
  connection_id = "pcx-1"
  target_cidr   = "10.250.0.0/16"
}
runner "ec2" "mover" {
  instance_type = "t2.large"
  ami {
    owner = "309956199498"
    name  = "RHEL-8*"
  }
}
migration "shop" {
  source = source.aurora.shop
  target = target.tidb.cloud
  runner = runner.ec2.mover
  after  = [peering.tidb_cloud]
}
"#;

    fn of(changes: &[(&str, &str)]) -> Value {
        let mut text = SPEC.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let files = vec![SourceFile { name: "a.mig.hcl".into(), text }];
        let (spec, found) = load(&Inputs {
            files,
            vars: vec![],
            auto_files: Vec::new(),
            outputs: Vec::new(),
            var_files: vec![],
            env: &|_| None,
            read_file: &|_| Err("none".into()),
            secrets: crate::formats::spec::Secrets::Needed,
        });
        policy(&spec.ok_or(found).unwrap(), Some("123456789012"))
    }

    fn actions(policy: &Value) -> Vec<String> {
        let statements = policy["Statement"].as_array().unwrap();
        let all = statements.iter().flat_map(|s| s["Action"].as_array().unwrap());
        all.map(|a| a.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_policy_allows_what_the_spec_needs_and_nothing_that_it_does_not() {
        const RUNNER: &[(&str, &str)] = &[("  runner = runner.ec2.mover\n", "")];
        let whole = of(&[]);
        for action in
            ["rds:DescribeDBClusters", "ec2:RunInstances", "ec2:ImportKeyPair", "ec2:AcceptVpcPeeringConnection"]
        {
            assert!(actions(&whole).iter().any(|a| a == action), "{action}");
        }
        for (changes, gone) in [
            (&[("\"t2.large\"\n", "\"t2.large\"\n  key_pair = \"team\"\n")][..], "ec2:ImportKeyPair"),
            (&[("\"t2.large\"\n", "\"t2.large\"\n  security_group = \"sg-1\"\n")], "ec2:CreateSecurityGroup"),
            (&[("  connection_id", "  accept = false\n  connection_id")], "ec2:AcceptVpcPeeringConnection"),
            (&[("  connection_id", "  accept = false\n  connection_id")], "ec2:CreateRoute"),
            (RUNNER, "iam:PassRole"),
            (&[], "secretsmanager:GetSecretValue"),
        ] {
            assert!(!actions(&of(changes)).iter().any(|a| a == gone), "{gone}");
        }
        let profile = of(&[("\"t2.large\"\n", "\"t2.large\"\n  iam_instance_profile = \"mover\"\n")]);
        assert!(actions(&profile).iter().any(|a| a == "iam:PassRole"));
        let secret = of(&[("\"admin\"\n", "\"admin\"\n  password_secret = \"shop\"\n"), RUNNER[0]]);
        assert!(secret.to_string().contains("arn:aws:secretsmanager:us-west-2:123456789012:secret:shop-??????"));
        let token = of(&[("\"admin\"\n", "\"admin\"\n  iam_auth = true\n"), RUNNER[0]]);
        assert!(token.to_string().contains("arn:aws:rds-db:us-west-2:123456789012:dbuser:*/admin"), "{token}");
    }

    #[test]
    fn what_changes_something_is_bound_to_the_region_and_to_named_or_tagged_objects() {
        let whole = of(&[]);
        for statement in whole["Statement"].as_array().unwrap() {
            if statement["Sid"] == "Look" {
                let looks = statement["Action"].as_array().unwrap().iter().map(|a| a.as_str().unwrap());
                let only_look = |a: &str| a.contains(":Describe") || a.contains(":Get");
                assert!(looks.clone().all(only_look), "{:?}", looks.collect::<Vec<_>>());
                continue;
            }
            for resource in statement["Resource"].as_array().unwrap() {
                let arn = resource.as_str().unwrap();
                assert!(arn.starts_with("arn:aws:ec2:us-west-2:"), "{arn}");
            }
        }
        let text = whole.to_string();
        assert!(
            text.contains("vpc-peering-connection/pcx-1") && text.contains("aws:ResourceTag/mig:lineage"),
            "{text}"
        );
        assert!(of(&[("us-west-2", "cn-north-1")]).to_string().contains("arn:aws-cn:ec2:cn-north-1:"));
    }
}
