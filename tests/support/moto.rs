//! The emulator of AWS: where it is, an account for each test, and calls of what a test needs to be there beforehand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use super::cloud_proxy::CloudProxy;

pub const REGION: &str = "us-west-2";

/// An account of one test.
pub struct Moto {
    pub port: u16,
    pub account: String,
}

/// A VPC as the journey finds it: two subnets, an Aurora cluster's group, a peering that is requested.
pub struct Site {
    pub vpc: String,
    pub subnet: String,
    pub table: String,
    pub source_group: String,
    pub peering: String,
}

impl Moto {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let dir = std::env::var_os("MIG_TEST_MOTO").expect("no emulator of AWS is there: run `make test`");
        let env = std::fs::read_to_string(std::path::Path::new(&dir).join("env")).unwrap();
        let port = env.lines().find_map(|line| line.strip_prefix("PORT=")).unwrap().parse().unwrap();
        let number = u64::from(std::process::id()) * 1000 + NEXT.fetch_add(1, Ordering::Relaxed);
        Self { port, account: format!("{:012}", 100_000_000_000 + number) }
    }

    pub fn proxy(&self) -> CloudProxy {
        CloudProxy::to(self.port, &self.account)
    }

    /// A call past the proxy; gives the answer's text.
    pub fn call(&self, service: &str, action: &str, params: &[(&str, &str)]) -> String {
        let version = match service {
            "ec2" => "2016-11-15",
            "rds" => "2014-10-31",
            "iam" => "2010-05-08",
            other => panic!("no version of {other}"),
        };
        let mut body = format!("Action={action}&Version={version}");
        for (key, value) in params {
            let value: String = value.bytes().map(|b| format!("%{b:02X}")).collect();
            body.push_str(&format!("&{key}={value}"));
        }
        let length = body.len();
        let account = &self.account;
        let request = format!(
            "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nx-moto-account-id: {account}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\
             authorization: AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/{service}/aws4_request, Signature=x\r\n\r\n{body}"
        );
        let mut line = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        line.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.starts_with("HTTP/1.1 200"), "{action} {params:?}: {answer}");
        answer
    }

    pub fn ec2(&self, action: &str, params: &[(&str, &str)]) -> String {
        self.call("ec2", action, params)
    }

    /// Ids in an answer: all texts of an element, each once.
    pub fn ids(answer: &str, element: &str) -> Vec<String> {
        let open = format!("<{element}>");
        let mut ids: Vec<String> =
            answer.split(&open).skip(1).filter_map(|rest| rest.split('<').next()).map(str::to_owned).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    pub fn site(&self) -> Site {
        let vpc = first(&self.ec2("CreateVpc", &[("CidrBlock", "172.30.0.0/16")]), "vpcId");
        let params = [("VpcId", vpc.as_str()), ("CidrBlock", "172.30.1.0/24"), ("AvailabilityZone", "us-west-2a")];
        let subnet = first(&self.ec2("CreateSubnet", &params), "subnetId");
        let params = [("VpcId", vpc.as_str()), ("CidrBlock", "172.30.2.0/24"), ("AvailabilityZone", "us-west-2b")];
        self.ec2("CreateSubnet", &params);
        let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc.as_str())];
        let table = first(&self.ec2("DescribeRouteTables", &of_vpc), "routeTableId");
        let params = [("VpcId", vpc.as_str()), ("GroupName", "aurora"), ("GroupDescription", "the cluster's")];
        let source_group = first(&self.ec2("CreateSecurityGroup", &params), "groupId");
        let other = first(&self.ec2("CreateVpc", &[("CidrBlock", "10.250.0.0/16")]), "vpcId");
        let params = [("VpcId", other.as_str()), ("PeerVpcId", vpc.as_str())];
        let peering = first(&self.ec2("CreateVpcPeeringConnection", &params), "vpcPeeringConnectionId");
        Site { vpc, subnet, table, source_group, peering }
    }

    /// An Aurora cluster with its writer.
    pub fn cluster(&self, site: &Site, identifier: &str) {
        let second = Self::ids(&self.ec2("DescribeSubnets", &[]), "subnetId");
        let params = [
            ("DBSubnetGroupName", "mig-test"),
            ("DBSubnetGroupDescription", "x"),
            ("SubnetIds.SubnetIdentifier.1", site.subnet.as_str()),
            ("SubnetIds.SubnetIdentifier.2", second.iter().find(|id| **id != site.subnet).unwrap().as_str()),
        ];
        self.call("rds", "CreateDBSubnetGroup", &params);
        let params = [
            ("DBClusterIdentifier", identifier),
            ("Engine", "aurora-mysql"),
            ("EngineVersion", "8.0.mysql_aurora.3.08.0"),
            ("MasterUsername", "admin"),
            ("MasterUserPassword", "not-a-secret"),
            ("DBSubnetGroupName", "mig-test"),
            ("VpcSecurityGroupIds.VpcSecurityGroupId.1", site.source_group.as_str()),
        ];
        self.call("rds", "CreateDBCluster", &params);
        let params = [
            ("DBInstanceIdentifier", "writer-1"),
            ("DBInstanceClass", "db.r6g.large"),
            ("Engine", "aurora-mysql"),
            ("DBClusterIdentifier", identifier),
            ("AvailabilityZone", "us-west-2a"),
        ];
        self.call("rds", "CreateDBInstance", &params);
    }
}

fn first(answer: &str, element: &str) -> String {
    let open = format!("<{element}>");
    let found = answer.split(&open).nth(1).and_then(|rest| rest.split('<').next());
    found.unwrap_or_else(|| panic!("no {element} in {answer}")).to_owned()
}
