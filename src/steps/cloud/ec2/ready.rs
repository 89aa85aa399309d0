//! `runner.ec2.….ready`: status checks passed, SSH answers as the host that EC2 started, the volume is found in the
//! guest, holds a file system, and is mounted. A disk that holds anything else is never written to.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::formats::cloud_inputs::{InstanceOutputs, ReadyInputs, ReadyOutputs, VolumeOutputs};
use crate::formats::plan::Node;
use crate::formats::worker::Endpoint;
use crate::seams::shell::{Output, Shell};
use crate::steps::cloud::session::Hand;
use crate::steps::context::{Context, read_inputs};
use crate::steps::remote::install::{Program, install, quoted};
use crate::steps::step::StepCtx;
use crate::words::addr::StepType;
use crate::words::codes;
use crate::words::error::{Failure, Outcome, Retry};

/// Status checks of a new instance take some minutes, of a large one more.
const CHECKS_WITHIN: Duration = Duration::from_secs(900);

const ANSWERS_WITHIN: Duration = Duration::from_secs(600);

const KEY_WITHIN: Duration = Duration::from_secs(120);

/// What an instance has told by its console then is all that it will tell.
const CONSOLE_WITHIN: Duration = Duration::from_secs(240);

const DISK_WITHIN: Duration = Duration::from_secs(180);

/// The file system's label: by it the volume is known as made here.
const LABEL: &str = "mig";

pub async fn run(context: &Context, node: &Node, ctx: &StepCtx) -> Outcome<Value> {
    let inputs: ReadyInputs = read_inputs(node)?;
    let hand = Hand::of(context, ctx, node)?;
    let instance: InstanceOutputs = hand.outputs_of(StepType::Instance)?;
    let volume: VolumeOutputs = hand.outputs_of(StepType::Volume)?;
    let host = checked(&hand, &instance.instance_id).await?;
    let host_key = match (&inputs.host_key, &inputs.host) {
        (Some(pinned), _) => Some(pinned.clone()),
        // A bastion or a forwarded port answers with a key that this console does not know.
        (None, Some(_)) => None,
        (None, None) => console_key(&hand, &instance.instance_id).await?,
    };
    let endpoint = Endpoint {
        host: inputs.host.clone().unwrap_or(host),
        port: inputs.port,
        user: inputs.user.clone(),
        identity_file: inputs.identity_file.clone(),
        host_key,
        workdir: inputs.workdir.clone(),
    };
    let shell = answers(&hand, &endpoint).await?;
    let guest = Guest { hand: &hand, shell: shell.clone(), host: &endpoint.host };
    let before = hand.before::<ReadyOutputs>()?;
    let other = before.and_then(|was| was.volume_id).is_some_and(|was| was != volume.volume_id);
    guest.prepare(&inputs, &volume, &instance.hypervisor, other).await?;
    let program = Program::this()?;
    ctx.or_stopped(install(shell.as_ref(), &endpoint, &program)).await??;
    let instance_id = instance.instance_id;
    Ok(json!(ReadyOutputs {
        inputs,
        endpoint,
        program: Some(program.digest().clone()),
        instance_id,
        volume_id: Some(volume.volume_id)
    }))
}

/// Waits for both status checks; gives the address at which the instance is reached.
async fn checked(hand: &Hand<'_>, id: &str) -> Outcome<String> {
    let what = format!("wait for the status checks of {id}");
    let what = &what;
    hand.wait(what, CHECKS_WITHIN, || async move {
        let found = hand.look(what, || hand.cloud.instance(id)).await?;
        let Some(instance) = found else { return Ok(Err("it is not seen".into())) };
        match (instance.state.as_str(), instance.status_ok) {
            ("running", Some(true)) => match instance.public_ip.or(instance.private_ip) {
                Some(address) => Ok(Ok(address)),
                None => Ok(Err("it has no address yet".into())),
            },
            ("running", _) => Ok(Err("they are not passed yet".into())),
            ("pending", _) => Ok(Err("it is pending".into())),
            (state, _) => Err(Failure::new(
                codes::OBJECT_ENDED,
                what.clone(),
                format!("it is {state}"),
                "Run `mig plan`: it names what became of the instance, and the next apply fixes it.",
            )),
        }
    })
    .await
}

/// The host's key as cloud-init writes it to the console at the first boot; `None`: the console tells of none.
async fn console_key(hand: &Hand<'_>, id: &str) -> Outcome<Option<String>> {
    let what = format!("read the host key from the console of {id}");
    let (look, what, began) = (&hand.cloud, &what, hand.context.clock.millis());
    let read = hand.wait(what, CONSOLE_WITHIN * 2, || async move {
        let text = hand.look(what, || look.console_output(id)).await?;
        let over = hand.context.clock.millis().saturating_sub(began) >= CONSOLE_WITHIN.as_millis() as u64;
        Ok(match text.as_deref().map(host_key) {
            Some(Some(key)) => Ok(Some(key)),
            _ if over => Ok(None),
            _ => Err("it has told nothing yet".into()),
        })
    });
    read.await
}

/// The ed25519 key, else the first one, of what stands between cloud-init's marks.
fn host_key(console: &str) -> Option<String> {
    let inside = console.split("-----BEGIN SSH HOST KEY KEYS-----").nth(1)?;
    let inside = inside.split("-----END SSH HOST KEY KEYS-----").next()?;
    let keys = || {
        inside.lines().filter_map(|line| {
            let mut words = line[line.find("ssh-").or_else(|| line.find("ecdsa-"))?..].split_whitespace();
            Some(format!("{} {}", words.next()?, words.next()?))
        })
    };
    keys().find(|key| key.starts_with("ssh-ed25519 ")).or_else(|| keys().next())
}

async fn answers(hand: &Hand<'_>, endpoint: &Endpoint) -> Outcome<Arc<dyn Shell>> {
    let what = format!("reach {} by SSH", endpoint.host);
    let began = hand.context.clock.millis();
    hand.wait(&what, ANSWERS_WITHIN, || async move {
        let young = hand.context.clock.millis().saturating_sub(began) < KEY_WITHIN.as_millis() as u64;
        match hand.ctx.or_stopped(hand.context.shells.connect(endpoint)).await? {
            Ok(shell) => Ok(Ok(shell)),
            Err(failure) if failure.retry == Retry::Later => Ok(Err(failure.cause)),
            // sshd is up before cloud-init has put the user's key there.
            Err(failure) if failure.code == codes::SSH_LOGIN_REFUSED && young => Ok(Err(failure.cause)),
            Err(failure) => Err(failure),
        }
    })
    .await
}

/// The instance from inside.
struct Guest<'a> {
    hand: &'a Hand<'a>,
    shell: Arc<dyn Shell>,
    host: &'a str,
}

impl Guest<'_> {
    /// `other`: another volume was mounted there before.
    async fn prepare(
        &self,
        inputs: &ReadyInputs,
        volume: &VolumeOutputs,
        hypervisor: &str,
        other: bool,
    ) -> Outcome<()> {
        let machine = self.run("ask for the processor", "uname -m").await?.text();
        if machine != "x86_64" {
            let hint = "Set `instance_type` to one with Intel or AMD processors, for example t3.large or m6i.large.";
            let cause = format!(
                "{} has a processor of the kind {machine}; mig's program for runners is built for x86_64",
                self.host
            );
            return Err(Failure::new(codes::UNSUPPORTED_PROCESSOR, "prepare the runner", cause, hint));
        }
        let mount = quoted(&inputs.mount);
        let disk = self.disk(volume, hypervisor).await?;
        let mut mounted = self.mounted(&inputs.mount).await?;
        // A volume that was replaced: its file system is mounted still, perhaps under the name that the new disk has now.
        while mounted.as_ref().is_some_and(|on| other || *on != disk) {
            let what = format!("unmount the former volume from {}", inputs.mount);
            let [now, when_free] = ["umount", "umount -l"].map(|how| as_root(&format!("{how} {mount}")));
            self.run(&what, &format!("({now}) || ({when_free})")).await?;
            mounted = self.mounted(&inputs.mount).await?.filter(|on| *on != disk);
        }
        if mounted.is_none() {
            if self.is_empty(&disk).await? {
                let script = as_root(&format!("mkfs -t xfs -L {LABEL} {}", quoted(&disk)));
                self.run(&format!("make a file system on {disk}"), &script).await?;
            }
            let script =
                as_root(&format!("mkdir -p {mount}")) + "\n" + &as_root(&format!("mount {} {mount}", quoted(&disk)));
            self.run(&format!("mount {disk} at {}", inputs.mount), &script).await?;
        }
        // Where a next boot would read it; and a volume that has grown has a file system that has not.
        let line = format!("LABEL={LABEL} {} xfs defaults,nofail 0 2", inputs.mount);
        let keep = format!(
            "if [ -d /run/systemd/system ] && ! grep -qF {line} /etc/fstab; then printf '%s\\n' {line} | {tee} >/dev/null; fi\n\
             if command -v xfs_growfs >/dev/null; then {grow} >/dev/null; fi",
            line = quoted(&line),
            tee = as_root("tee -a /etc/fstab"),
            grow = as_root(&format!("xfs_growfs {mount}")),
        );
        self.run("keep the volume mounted", &keep).await?;
        let workdir = quoted(&inputs.workdir);
        let folder = format!(
            "{}\n{}",
            as_root(&format!("mkdir -p {workdir}")),
            as_root(&format!("chown \"$(id -u):$(id -g)\" {workdir}"))
        );
        self.run(&format!("make the folder {}", inputs.workdir), &folder).await?;
        Ok(())
    }

    /// The disk that is mounted there last, by what `mount` lists.
    async fn mounted(&self, at: &str) -> Outcome<Option<String>> {
        let list = self.run("list what is mounted", "mount").await?.text();
        let mark = format!(" on {at} ");
        Ok(list.lines().rev().find_map(|line| line.split_once(&mark)).map(|(disk, _)| disk.to_owned()))
    }

    /// The volume's device in the guest: by its serial number, which is the volume's id, on Nitro; by the attachment's
    /// name on Xen.
    async fn disk(&self, volume: &VolumeOutputs, hypervisor: &str) -> Outcome<String> {
        let what = format!("find the volume {} in the guest", volume.volume_id);
        let what = &what;
        self.hand
            .wait(what, DISK_WITHIN, || async move {
                let list = self.run(what, "lsblk -dpno NAME,SERIAL").await?.text();
                let found = device(&list, &volume.volume_id, &volume.device, hypervisor);
                Ok(found.ok_or_else(|| "no disk has its serial number or its name yet".to_owned()))
            })
            .await
    }

    /// Whether a disk holds nothing. One with this lineage's file system is taken as it is.
    async fn is_empty(&self, disk: &str) -> Outcome<bool> {
        let what = format!("look what {disk} holds");
        let script = as_root(&format!("blkid -p -o export {}", quoted(disk)));
        let output = self.hand.ctx.or_stopped(self.shell.run(&script, &[])).await??;
        match (output.status, holds(&output.text())) {
            // blkid's own word for "nothing was found" (blkid(8), EXIT STATUS).
            (Some(2), _) if output.text().is_empty() => Ok(true),
            (Some(0), Held::Ours) => Ok(false),
            (Some(0), Held::Other(other)) => Err(Failure::new(
                codes::DISK_IN_USE,
                what,
                format!("it holds {other}, which mig did not make"),
                "mig makes a file system on an empty disk only. Look what it is; if it is not needed, replace the volume: mig apply -replace of its address.",
            )),
            _ => Err(broken(&what, self.host, &output)),
        }
    }

    async fn run(&self, what: &str, script: &str) -> Outcome<Output> {
        let output = self.hand.ctx.or_stopped(self.shell.run(&format!("set -e\n{script}"), &[])).await??;
        if output.ok() { Ok(output) } else { Err(broken(what, self.host, &output)) }
    }
}

fn broken(what: &str, host: &str, output: &Output) -> Failure {
    let status = output.status.map_or("a signal".to_owned(), |status| format!("status {status}"));
    let said = output.stderr.trim().lines().last().unwrap_or_default();
    Failure::new(
        codes::RUNNER_COMMAND_FAILED,
        format!("{what} on {host}"),
        format!("the command ended with {status}: {said}"),
        "The user needs sudo without a password, and the system lsblk, blkid, mkfs and mount. Fix it, then run `mig apply` again.",
    )
}

/// A command of the superuser; cloud images let their first user do that without a password.
fn as_root(command: &str) -> String {
    format!("if [ \"$(id -u)\" = 0 ]; then {command}; else sudo -n {command}; fi")
}

/// The disk among those that lsblk lists.
fn device(list: &str, volume: &str, attached_as: &str, hypervisor: &str) -> Option<String> {
    let serial = volume.replace('-', "");
    let disks = || list.lines().map(|line| line.split_whitespace().collect::<Vec<&str>>());
    let by_serial = disks().find(|words| words.get(1).is_some_and(|found| found.replace('-', "") == serial));
    if let Some(name) = by_serial.as_ref().and_then(|words| words.first()) {
        return Some((*name).to_owned());
    }
    if hypervisor == "nitro" {
        return None;
    }
    let letter = attached_as.chars().last()?;
    let names = [format!("/dev/xvd{letter}"), format!("/dev/sd{letter}")];
    disks()
        .find_map(|words| words.first().filter(|name| names.iter().any(|n| n == *name)).map(|name| (*name).to_owned()))
}

enum Held {
    Ours,
    Other(String),
}

/// What blkid's `KEY=value` lines say.
fn holds(export: &str) -> Held {
    let value = |key: &str| export.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    if value("TYPE") == Some("xfs") && value("LABEL") == Some(LABEL) {
        return Held::Ours;
    }
    let label = value("LABEL").map(|label| format!(" ({label})")).unwrap_or_default();
    let kind = value("TYPE").or(value("PTTYPE")).unwrap_or("something");
    Held::Other(format!("{kind}{label}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_key_is_read_between_the_marks_of_the_console() {
        let marked = |lines: &str| {
            format!(
                "boot\n-----BEGIN SSH HOST KEY KEYS-----\n{lines}\n-----END SSH HOST KEY KEYS-----\nssh-ed25519 NO x"
            )
        };
        for (console, key) in [
            (marked("ecdsa-sha2-nistp256 AAAAE x\nssh-ed25519 AAAAC root@ip"), Some("ssh-ed25519 AAAAC")),
            (marked("[   12.3] cloud-init[9]: ssh-rsa AAAAB root@ip"), Some("ssh-rsa AAAAB")),
            (marked(""), None),
            ("ssh-ed25519 AAAAC x".into(), None),
        ] {
            assert_eq!(host_key(&console).as_deref(), key, "{console}");
        }
    }

    #[test]
    fn a_volume_is_found_by_serial_on_nitro_and_by_name_on_xen() {
        let nitro = "/dev/nvme0n1 vol0aaa\n/dev/nvme1n1 vol0bbb\n";
        let xen = "/dev/xvda\n/dev/xvdf\n";
        for (list, hypervisor, found) in [
            (nitro, "nitro", Some("/dev/nvme1n1")),
            (xen, "xen", Some("/dev/xvdf")),
            (xen, "nitro", None),
            ("/dev/xvda\n", "xen", None),
            ("/dev/sda\n/dev/sdf x\n", "xen", Some("/dev/sdf")),
        ] {
            assert_eq!(device(list, "vol-0bbb", "/dev/sdf", hypervisor).as_deref(), found, "{list}");
        }
    }

    #[test]
    fn a_disk_is_known_as_ours_by_type_and_label_alone() {
        for (export, other) in [
            ("DEVNAME=/dev/xvdf\nLABEL=mig\nTYPE=xfs", None),
            ("LABEL=mig\nTYPE=ext4", Some("ext4 (mig)")),
            ("TYPE=xfs", Some("xfs")),
            ("PTTYPE=gpt", Some("gpt")),
            ("", Some("something")),
        ] {
            let found = match holds(export) {
                Held::Ours => None,
                Held::Other(other) => Some(other),
            };
            assert_eq!(found.as_deref(), other, "{export}");
        }
    }
}
