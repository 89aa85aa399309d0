//! The host: each call against the emulator, and what becomes of answers that do not come.

use std::collections::BTreeMap;

use mig::formats::cloud::{DnsAttribute, NewInstance, NewVolume, Peer, Rule};
use mig::seams::cloud::Tags;

use crate::provider;
use crate::support::cloud_proxy::Fault;
use crate::support::moto::Moto;

const IMAGE: &str = "ami-0a1b2c3d4e5f60802";

const PUBLIC_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIu1PNZ2vGCk3e0PEHPoyrULkWQ1yOQ2Jb6XzKqqZ3dR test";

fn tags(lineage: &str) -> Tags {
    BTreeMap::from([("mig:lineage".to_owned(), lineage.to_owned())])
}

fn rule(peer: Peer) -> Rule {
    Rule {
        egress: false,
        protocol: "tcp".into(),
        from_port: 3306,
        to_port: 3306,
        peer,
        description: "of a test".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_tells_its_endpoint_network_writer_and_size() {
    let moto = Moto::new();
    let site = moto.site();
    moto.cluster(&site, "database-1");
    let proxy = moto.proxy();
    let cloud = provider(&proxy.url()).await;
    assert_eq!(cloud.identity().await.unwrap().account, moto.account);
    let cluster = cloud.cluster("database-1").await.unwrap().unwrap();
    assert_eq!(
        (cluster.engine.as_str(), cluster.port, cluster.vpc_id.as_str()),
        ("aurora-mysql", 3306, site.vpc.as_str())
    );
    assert!(cluster.endpoint.starts_with("database-1.cluster-") && cluster.resource_id.starts_with("cluster-"));
    assert!(cluster.subnet_ids.contains(&site.subnet), "{cluster:?}");
    assert_eq!((cluster.writer.as_deref(), cluster.writer_zone.as_deref()), (Some("writer-1"), Some("us-west-2a")));
    assert_eq!(cloud.cluster("another").await.unwrap(), None);
    assert_eq!(cloud.volume_bytes_used("database-1").await.unwrap(), None);
    proxy.used_bytes(12 << 30);
    assert_eq!(cloud.volume_bytes_used("database-1").await.unwrap(), Some(12 << 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_is_signed_for_its_endpoint_and_user_without_a_call() {
    let cloud = provider("http://127.0.0.1:9").await;
    let token = cloud.login_token("database-1.cluster-x.rds.amazonaws.com", 3306, "mover").await.unwrap();
    let token = token.reveal();
    assert!(token.starts_with("database-1.cluster-x.rds.amazonaws.com:3306/?Action=connect&DBUser=mover&"), "{token}");
    for part in ["X-Amz-Signature=", "X-Amz-Expires=900", "us-west-2%2Frds-db%2Faws4_request"] {
        assert!(token.contains(part), "{part} in {token}");
    }
    for (host, user) in [("a b", "mover"), ("db.example", "a b&c"), ("", "mover"), ("::1", "mover")] {
        let fault = cloud.login_token(host, 3306, user).await.map(drop).unwrap_err();
        assert!(fault.message.contains("no token"), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_image_of_an_owner_and_a_name_is_found_with_its_root_device() {
    let moto = Moto::new();
    let proxy = moto.proxy();
    let cloud = provider(&proxy.url()).await;
    let mut images = cloud.images("309956199498", "RHEL-8*_HVM-*-x86_64-*").await.unwrap();
    images.sort_by(|a, b| a.created.cmp(&b.created));
    let newest = images.last().unwrap();
    assert_eq!(
        (newest.id.as_str(), newest.architecture.as_str(), newest.root_device.as_str()),
        (IMAGE, "x86_64", "/dev/sda1")
    );
    assert_eq!(newest.root_gib, 15);
    assert_eq!(cloud.image(IMAGE).await.unwrap().as_ref(), Some(newest));
    assert_eq!(cloud.image("ami-0123456789abcdef0").await.unwrap(), None);
    for (name, hypervisor, architecture) in
        [("t2.large", "xen", "x86_64"), ("t3.large", "nitro", "x86_64"), ("t4g.large", "nitro", "arm64")]
    {
        let found = cloud.instance_type(name).await.unwrap().unwrap();
        assert_eq!(found.hypervisor, hypervisor, "{name}");
        assert!(found.architectures.iter().any(|a| a == architecture), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_are_read_and_changed() {
    let moto = Moto::new();
    let site = moto.site();
    let proxy = moto.proxy();
    let cloud = provider(&proxy.url()).await;
    let vpc = cloud.vpc(&site.vpc).await.unwrap().unwrap();
    assert_eq!((vpc.cidrs.as_slice(), vpc.dns_hostnames), (["172.30.0.0/16".to_owned()].as_slice(), false));
    cloud.enable_dns(&site.vpc, DnsAttribute::Hostnames).await.unwrap();
    assert!(cloud.vpc(&site.vpc).await.unwrap().unwrap().dns_hostnames);
    assert_eq!(cloud.vpc("vpc-0123456789abcdef0").await.unwrap(), None);
    let subnets = cloud.subnets(&site.vpc).await.unwrap();
    assert_eq!(subnets.len(), 2);
    assert!(subnets.iter().all(|s| s.free_addresses > 200 && s.zone.starts_with("us-west-2")));

    let group = cloud.create_security_group(&site.vpc, "mig-1", "of a test", &tags("l1")).await.unwrap();
    let again = cloud.create_security_group(&site.vpc, "mig-1", "of a test", &tags("l1")).await.unwrap_err();
    assert!(again.is_duplicate() && !again.unknown, "{again:?}");
    let found = cloud.security_group_named(&site.vpc, "mig-1").await.unwrap().unwrap();
    assert_eq!((found.id.as_str(), found.tags.get("mig:lineage").map(String::as_str)), (group.as_str(), Some("l1")));
    let from_group = rule(Peer::Group(group.clone()));
    cloud.allow(&site.source_group, &from_group).await.unwrap();
    let again = cloud.allow(&site.source_group, &from_group).await.unwrap_err();
    assert!(again.is_duplicate(), "{again:?}");
    let groups = cloud.security_groups(&[site.source_group.clone(), "sg-0123456789abcdef0".into()]).await.unwrap();
    assert_eq!(groups.len(), 1);
    assert!(groups[0].rules.contains(&from_group), "{groups:?}");
    cloud.revoke(&site.source_group, &from_group).await.unwrap();
    cloud.allow(&group, &rule(Peer::Cidr("10.0.0.0/8".into()))).await.unwrap();
    cloud.delete_security_group(&group).await.unwrap();
    assert!(cloud.delete_security_group(&group).await.unwrap_err().is_gone());

    let tables = cloud.route_tables(&site.vpc).await.unwrap();
    assert!(tables.iter().any(|table| table.id == site.table && table.main));
    let peering = cloud.peerings().await.unwrap().into_iter().find(|p| p.id == site.peering).unwrap();
    assert_eq!((peering.state.as_str(), peering.accepter.vpc_id.as_str()), ("pending-acceptance", site.vpc.as_str()));
    assert_eq!(peering.requester.cidrs, ["10.250.0.0/16"]);
    cloud.accept_peering(&site.peering).await.unwrap();
    cloud.allow_peering_dns(&site.peering).await.unwrap();
    let peering = cloud.peerings().await.unwrap().into_iter().find(|p| p.id == site.peering).unwrap();
    assert!(peering.state == "active" && peering.dns_from_accepter, "{peering:?}");
    cloud.create_route(&site.table, "10.250.0.0/16", &site.peering).await.unwrap();
    let again = cloud.create_route(&site.table, "10.250.0.0/16", &site.peering).await.unwrap_err();
    assert!(again.is_duplicate(), "{again:?}");
    let tables = cloud.route_tables(&site.vpc).await.unwrap();
    assert!(tables[0].routes.iter().any(|r| r.cidr == "10.250.0.0/16" && r.target == site.peering));
    cloud.delete_route(&site.table, "10.250.0.0/16").await.unwrap();
    assert!(cloud.delete_route(&site.table, "10.250.0.0/16").await.unwrap_err().is_gone());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_instances_and_volumes_are_made_found_and_removed() {
    let moto = Moto::new();
    let site = moto.site();
    let proxy = moto.proxy();
    let cloud = provider(&proxy.url()).await;
    let key = cloud.import_key_pair("mig-key", PUBLIC_KEY, &tags("l1")).await.unwrap();
    assert!(cloud.import_key_pair("mig-key", PUBLIC_KEY, &tags("l1")).await.unwrap_err().is_duplicate());
    let found = cloud.key_pair("mig-key").await.unwrap().unwrap();
    assert_eq!((&found.fingerprint, &found.tags), (&key.fingerprint, &tags("l1")));
    let new = NewInstance {
        image_id: IMAGE.into(),
        instance_type: "t2.large".into(),
        subnet_id: site.subnet.clone(),
        key_name: "mig-key".into(),
        security_group_ids: vec![site.source_group.clone()],
        iam_instance_profile: None,
        root_device: "/dev/sda1".into(),
        root_gib: 15,
        tags: tags("l1"),
    };
    let made = cloud.run_instance("token-1", &new).await.unwrap();
    assert_eq!(cloud.run_instance("token-1", &new).await.unwrap().id, made.id, "the same token, the same instance");
    let other = NewInstance { instance_type: "t3.large".into(), ..new.clone() };
    assert_eq!(cloud.run_instance("token-1", &other).await.unwrap_err().code, "IdempotentParameterMismatch");
    let instance = cloud.instance(&made.id).await.unwrap().unwrap();
    assert_eq!((instance.state.as_str(), instance.status_ok), ("running", Some(true)));
    assert_eq!((instance.zone.as_str(), instance.key_name.as_deref()), ("us-west-2a", Some("mig-key")));
    assert_eq!(instance.security_group_ids, std::slice::from_ref(&site.source_group));
    let raw = moto.ec2("DescribeInstances", &[]);
    assert!(raw.contains("<httpTokens>required</httpTokens>"), "{raw}");
    assert_eq!(cloud.instances_tagged(&tags("l1")).await.unwrap().len(), 1);
    assert_eq!(cloud.instances_tagged(&tags("l2")).await.unwrap().len(), 0);
    assert_eq!(cloud.instance("i-0123456789abcdef0").await.unwrap(), None);

    let new = NewVolume {
        zone: "us-west-2a".into(),
        size_gib: 10,
        volume_type: "gp3".into(),
        iops: Some(3000),
        throughput: Some(125),
        encrypted: true,
        tags: tags("l1"),
    };
    let volume = cloud.create_volume("token-2", &new).await.unwrap();
    assert_eq!(cloud.create_volume("token-2", &new).await.unwrap().id, volume.id);
    cloud.attach_volume(&volume.id, &made.id, "/dev/sdf").await.unwrap();
    let found = cloud.volume(&volume.id).await.unwrap().unwrap();
    assert_eq!((found.attached_to.as_deref(), found.device.as_deref()), (Some(made.id.as_str()), Some("/dev/sdf")));
    assert!(found.encrypted && found.size_gib == 10 && found.state == "in-use", "{found:?}");
    cloud.modify_volume(&volume.id, 20).await.unwrap();
    assert_eq!(
        cloud.volumes_tagged(&tags("l1")).await.unwrap().iter().find(|v| v.id == volume.id).unwrap().size_gib,
        20
    );
    cloud.detach_volume(&volume.id, &made.id).await.unwrap();
    cloud.delete_volume(&volume.id).await.unwrap();
    assert_eq!(cloud.volume(&volume.id).await.unwrap(), None);
    cloud.terminate_instance(&made.id).await.unwrap();
    assert_eq!(cloud.instance(&made.id).await.unwrap().unwrap().state, "terminated");
    cloud.delete_key_pair("mig-key").await.unwrap();
    assert_eq!(cloud.key_pair("mig-key").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_repeated_and_effects_without_a_token_are_not() {
    let moto = Moto::new();
    let site = moto.site();
    let proxy = moto.proxy();
    let cloud = provider(&proxy.url()).await;
    for fault in [Fault::Throttle, Fault::Broken, Fault::Drop, Fault::DropAfter] {
        proxy.arm("DescribeSubnets", 0, fault);
        assert_eq!(cloud.subnets(&site.vpc).await.unwrap().len(), 2, "{fault:?}");
    }
    for (fault, unknown) in [
        (Fault::Throttle, false),
        (Fault::Broken, true),
        (Fault::BrokenAfter, true),
        (Fault::Drop, true),
        (Fault::DropAfter, true),
    ] {
        let name = format!("mig-{fault:?}");
        proxy.arm("CreateSecurityGroup", 0, fault);
        let fault_told = cloud.create_security_group(&site.vpc, &name, "x", &tags("l1")).await.unwrap_err();
        assert_eq!(fault_told.unknown, unknown, "{fault:?}: {fault_told:?}");
        assert_eq!(fault_told.is_throttled(), fault == Fault::Throttle);
        let done = matches!(fault, Fault::BrokenAfter | Fault::DropAfter);
        assert_eq!(cloud.security_group_named(&site.vpc, &name).await.unwrap().is_some(), done, "{fault:?}");
    }
    assert_eq!(proxy.fired().len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_tells_its_code_and_the_id_of_the_request() {
    let moto = Moto::new();
    let proxy = moto.proxy();
    let cloud = provider(&proxy.url()).await;
    let refused = cloud.terminate_instance("i-0123456789abcdef0").await.unwrap_err();
    assert_eq!((refused.code.to_string().as_str(), refused.unknown), ("InvalidInstanceID.NotFound", false));
    assert!(refused.request_id.is_some() && refused.is_gone(), "{refused:?}");
    // Nobody listens there: nothing was sent, yet nothing is claimed either.
    let nowhere = provider("http://127.0.0.1:1").await;
    let lost = nowhere.terminate_instance("i-0123456789abcdef0").await.unwrap_err();
    assert!(lost.unknown && lost.code.is_empty() && lost.message.contains("onnect"), "{lost:?}");
}
