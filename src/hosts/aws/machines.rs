//! Images, key pairs, instances and volumes.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{
    BlockDeviceMapping, EbsBlockDevice, HttpTokensState, IamInstanceProfileSpecification,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, ResourceType, SummaryStatus, VolumeType,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::faults::{fault, gone_as_none};
use super::network::{filter, filters_of, tagged, tags_of, text};
use crate::formats::cloud::{Image, Instance, InstanceType, KeyPair, NewInstance, NewVolume, Volume};
use crate::seams::cloud::{Answer, Tags};

pub(super) async fn images(ec2: &Client, owner: &str, name: &str) -> Answer<Vec<Image>> {
    let asked = ec2.describe_images().owners(owner).filters(filter("name", name)).filters(filter("state", "available"));
    let mut pages = asked.into_paginator().items().send();
    let mut images = Vec::new();
    while let Some(found) = pages.next().await {
        images.push(image_of(&found.map_err(fault)?));
    }
    Ok(images)
}

pub(super) async fn image(ec2: &Client, id: &str) -> Answer<Option<Image>> {
    let asked = ec2.describe_images().image_ids(id).send().await.map_err(fault);
    gone_as_none(asked.map(|answer| answer.images().first().map(image_of)))
}

fn image_of(image: &aws_sdk_ec2::types::Image) -> Image {
    let root = image.block_device_mappings().iter().find(|disk| disk.device_name() == image.root_device_name());
    let size = root.and_then(|disk| disk.ebs()).and_then(|ebs| ebs.volume_size());
    Image {
        root_gib: size.and_then(|gib| u32::try_from(gib).ok()).unwrap_or_default(),
        id: text(image.image_id()),
        name: text(image.name()),
        created: text(image.creation_date()),
        architecture: text(image.architecture().map(|a| a.as_str())),
        root_device: text(image.root_device_name()),
    }
}

pub(super) async fn instance_type(ec2: &Client, name: &str) -> Answer<Option<InstanceType>> {
    let asked = ec2.describe_instance_types().instance_types(name.into()).send().await.map_err(fault);
    gone_as_none(asked.map(|answer| {
        answer.instance_types().first().map(|info| InstanceType {
            name: text(info.instance_type().map(|t| t.as_str())),
            architectures: info
                .processor_info()
                .map(|processor| processor.supported_architectures().iter().map(|a| a.as_str().to_owned()).collect())
                .unwrap_or_default(),
            hypervisor: text(info.hypervisor().map(|h| h.as_str())),
        })
    }))
}

pub(super) async fn key_pair(ec2: &Client, name: &str) -> Answer<Option<KeyPair>> {
    let asked = ec2.describe_key_pairs().key_names(name).send().await.map_err(fault);
    gone_as_none(asked.map(|answer| {
        answer.key_pairs().first().map(|pair| KeyPair {
            id: text(pair.key_pair_id()),
            name: text(pair.key_name()),
            fingerprint: text(pair.key_fingerprint()),
            tags: tags_of(pair.tags()),
        })
    }))
}

pub(super) async fn import_key_pair(ec2: &Client, name: &str, public_key: &str, tags: &Tags) -> Answer<KeyPair> {
    let asked = ec2
        .import_key_pair()
        .key_name(name)
        .public_key_material(Blob::new(public_key))
        .tag_specifications(tagged(ResourceType::KeyPair, tags));
    let answer = asked.send().await.map_err(fault)?;
    Ok(KeyPair {
        id: text(answer.key_pair_id()),
        name: text(answer.key_name()),
        fingerprint: text(answer.key_fingerprint()),
        tags: tags.clone(),
    })
}

pub(super) async fn delete_key_pair(ec2: &Client, name: &str) -> Answer<()> {
    ec2.delete_key_pair().key_name(name).send().await.map(drop).map_err(fault)
}

/// With its status checks, where it runs.
pub(super) async fn instance(ec2: &Client, id: &str) -> Answer<Option<Instance>> {
    let asked = ec2.describe_instances().instance_ids(id).send().await.map_err(fault);
    let found = gone_as_none(asked.map(|answer| {
        let mut all = answer.reservations().iter().flat_map(|reservation| reservation.instances());
        all.next().map(instance_of)
    }))?;
    let Some(mut found) = found else { return Ok(None) };
    if found.state == "running" {
        let answer = ec2.describe_instance_status().instance_ids(id).send().await.map_err(fault)?;
        found.status_ok = answer.instance_statuses().first().map(|status| {
            let ok = |summary: Option<&aws_sdk_ec2::types::InstanceStatusSummary>| {
                summary.and_then(|summary| summary.status()) == Some(&SummaryStatus::Ok)
            };
            ok(status.instance_status()) && ok(status.system_status())
        });
    }
    Ok(Some(found))
}

pub(super) async fn instances_tagged(ec2: &Client, tags: &Tags) -> Answer<Vec<Instance>> {
    let mut pages = ec2.describe_instances().set_filters(Some(filters_of(tags))).into_paginator().items().send();
    let mut instances = Vec::new();
    while let Some(reservation) = pages.next().await {
        instances.extend(reservation.map_err(fault)?.instances().iter().map(instance_of));
    }
    Ok(instances)
}

fn instance_of(instance: &aws_sdk_ec2::types::Instance) -> Instance {
    let present = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    Instance {
        id: text(instance.instance_id()),
        state: text(instance.state().and_then(|state| state.name()).map(|name| name.as_str())),
        instance_type: text(instance.instance_type().map(|t| t.as_str())),
        image_id: text(instance.image_id()),
        subnet_id: text(instance.subnet_id()),
        vpc_id: text(instance.vpc_id()),
        zone: text(instance.placement().and_then(|placement| placement.availability_zone())),
        private_ip: present(instance.private_ip_address()),
        public_ip: present(instance.public_ip_address()),
        key_name: present(instance.key_name()),
        security_group_ids: instance
            .security_groups()
            .iter()
            .filter_map(|group| group.group_id().map(str::to_owned))
            .collect(),
        client_token: present(instance.client_token()),
        status_ok: None,
        tags: tags_of(instance.tags()),
    }
}

pub(super) async fn console_output(ec2: &Client, instance: &str) -> Answer<Option<String>> {
    let answer = ec2.get_console_output().instance_id(instance).send().await.map_err(fault)?;
    let bytes = answer.output().and_then(|encoded| STANDARD.decode(encoded.trim()).ok());
    Ok(bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The metadata service answers only to sessions (IMDSv2); the root volume is encrypted and goes with the instance.
pub(super) async fn run_instance(ec2: &Client, token: &str, new: &NewInstance) -> Answer<Instance> {
    let metadata = InstanceMetadataOptionsRequest::builder()
        .http_tokens(HttpTokensState::Required)
        .http_endpoint(InstanceMetadataEndpointState::Enabled)
        .build();
    let mut asked = ec2
        .run_instances()
        .client_token(token)
        .min_count(1)
        .max_count(1)
        .image_id(&new.image_id)
        .instance_type(new.instance_type.as_str().into())
        .subnet_id(&new.subnet_id)
        .key_name(&new.key_name)
        .set_security_group_ids(Some(new.security_group_ids.clone()))
        .metadata_options(metadata)
        .tag_specifications(tagged(ResourceType::Instance, &new.tags))
        .tag_specifications(tagged(ResourceType::Volume, &new.tags));
    if !new.root_device.is_empty() {
        let size = Some(new.root_gib).filter(|gib| *gib > 0).map(number);
        let disk = EbsBlockDevice::builder().encrypted(true).delete_on_termination(true).set_volume_size(size).build();
        let root = BlockDeviceMapping::builder().device_name(&new.root_device).ebs(disk).build();
        asked = asked.block_device_mappings(root);
    }
    if let Some(profile) = &new.iam_instance_profile {
        let named = IamInstanceProfileSpecification::builder();
        let named = if profile.starts_with("arn:") { named.arn(profile) } else { named.name(profile) };
        asked = asked.iam_instance_profile(named.build());
    }
    let answer = asked.send().await.map_err(fault)?;
    Ok(answer.instances().first().map(instance_of).unwrap_or_default())
}

pub(super) async fn start_instance(ec2: &Client, id: &str) -> Answer<()> {
    ec2.start_instances().instance_ids(id).send().await.map(drop).map_err(fault)
}

pub(super) async fn terminate_instance(ec2: &Client, id: &str) -> Answer<()> {
    ec2.terminate_instances().instance_ids(id).send().await.map(drop).map_err(fault)
}

pub(super) async fn volume(ec2: &Client, id: &str) -> Answer<Option<Volume>> {
    let asked = ec2.describe_volumes().volume_ids(id).send().await.map_err(fault);
    gone_as_none(asked.map(|answer| answer.volumes().first().map(volume_of)))
}

pub(super) async fn volumes_tagged(ec2: &Client, tags: &Tags) -> Answer<Vec<Volume>> {
    let mut pages = ec2.describe_volumes().set_filters(Some(filters_of(tags))).into_paginator().items().send();
    let mut volumes = Vec::new();
    while let Some(found) = pages.next().await {
        volumes.push(volume_of(&found.map_err(fault)?));
    }
    Ok(volumes)
}

fn volume_of(volume: &aws_sdk_ec2::types::Volume) -> Volume {
    // One volume of these types has one attachment at most.
    let attachment = volume.attachments().iter().find(|a| a.state().is_none_or(|state| state.as_str() != "detached"));
    Volume {
        id: text(volume.volume_id()),
        state: text(volume.state().map(|state| state.as_str())),
        size_gib: volume.size().and_then(|size| u32::try_from(size).ok()).unwrap_or_default(),
        volume_type: text(volume.volume_type().map(|t| t.as_str())),
        zone: text(volume.availability_zone()),
        encrypted: volume.encrypted() == Some(true),
        attached_to: attachment.and_then(|a| a.instance_id().map(str::to_owned)),
        device: attachment.and_then(|a| a.device().map(str::to_owned)),
        tags: tags_of(volume.tags()),
    }
}

/// Sizes and rates are far below two thousand million.
fn number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) async fn create_volume(ec2: &Client, token: &str, new: &NewVolume) -> Answer<Volume> {
    let asked = ec2
        .create_volume()
        .client_token(token)
        .availability_zone(&new.zone)
        .size(number(new.size_gib))
        .volume_type(VolumeType::from(new.volume_type.as_str()))
        .set_iops(new.iops.map(number))
        .set_throughput(new.throughput.map(number))
        .encrypted(new.encrypted)
        .tag_specifications(tagged(ResourceType::Volume, &new.tags));
    let answer = asked.send().await.map_err(fault)?;
    Ok(Volume {
        id: text(answer.volume_id()),
        state: text(answer.state().map(|state| state.as_str())),
        size_gib: new.size_gib,
        volume_type: new.volume_type.clone(),
        zone: text(answer.availability_zone()),
        encrypted: answer.encrypted() == Some(true),
        attached_to: None,
        device: None,
        tags: tags_of(answer.tags()),
    })
}

pub(super) async fn modify_volume(ec2: &Client, id: &str, size_gib: u32) -> Answer<()> {
    ec2.modify_volume().volume_id(id).size(number(size_gib)).send().await.map(drop).map_err(fault)
}

pub(super) async fn attach_volume(ec2: &Client, volume: &str, instance: &str, device: &str) -> Answer<()> {
    ec2.attach_volume().volume_id(volume).instance_id(instance).device(device).send().await.map(drop).map_err(fault)
}

pub(super) async fn detach_volume(ec2: &Client, volume: &str, instance: &str) -> Answer<()> {
    ec2.detach_volume().volume_id(volume).instance_id(instance).send().await.map(drop).map_err(fault)
}

pub(super) async fn delete_volume(ec2: &Client, id: &str) -> Answer<()> {
    ec2.delete_volume().volume_id(id).send().await.map(drop).map_err(fault)
}
