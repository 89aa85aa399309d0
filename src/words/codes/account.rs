//! Codes of what a cloud's account holds and allows: looked-up objects, peering, reach, sizes. One row each; see the
//! parent for the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    CLOUD_DENIED = 3210, Error,
        "the credentials may not do this",
        "AWS refused a call. `mig explain iam-policy`, in the spec's folder, prints the least policy that this very spec \
         needs; hand it to whoever administers the account. A permission boundary or a service control policy of the \
         organisation can refuse what a policy allows. Plan asks only for looks: a right that only apply needs is missed \
         there, before anything is made by that call.";
    CLOUD_UNKNOWN = 3211, Error,
        "the account could not be asked",
        "AWS gave no answer, or one that says neither yes nor that a right is missing: no credentials were found, the \
         endpoint is not reached from here, the service is throttling or in trouble. Credentials come by AWS's usual \
         chain: environment, profile, SSO, web identity, the machine's role.";
    CLOUD_CREDENTIALS = 3212, Error,
        "the credentials are not accepted",
        "AWS does not know the credentials, they have expired, or the clock of this machine is off by more than a few \
         minutes, which breaks every signature. Log in again (`aws sso login`), or set new ones.";
    SECRET_WITHOUT_PASSWORD = 3213, Error,
        "a secret without a password",
        "`password_secret` names a secret of Secrets Manager. Its text is the password itself, or JSON with a field \
         `password`, as RDS makes it. This one is neither.";
    NO_CLUSTER = 3220, Error,
        "there is no such Aurora cluster",
        "RDS has no cluster of this identifier in the region of `provider \"aws\"`, for these credentials. An identifier \
         is the name in the console's list of databases, with the role \"regional cluster\", not that of an instance.";
    CLUSTER_NOT_A_SOURCE = 3221, Error,
        "the cluster is no source for mig",
        "The cluster exists, but it is not Aurora MySQL, or it is not available, or it has no writer. mig reads the \
         MySQL protocol of a running writer.";
    NO_IMAGE = 3222, Error,
        "no image fits",
        "The newest image of `ami.owner` whose name meets `ami.name` is taken, resolved once and then kept in the state. \
         Images differ from region to region; owner 309956199498 is Red Hat, 137112412989 Amazon.";
    NO_SUBNET = 3223, Error,
        "no subnet for the runner",
        "The runner stands in a subnet of the source's VPC with a free address, in the writer's zone where there is one. \
         `subnet_id` names another.";
    EXISTING_OBJECT_MISSING = 3224, Error,
        "an existing object that the spec names is not there",
        "`key_pair` and `security_group` name objects that somebody else made; mig uses and never changes them. It did \
         not find this one in the region, or not in the source's VPC.";
    PREVENT_DESTROY = 3225, Error,
        "prevent_destroy stands in the way",
        "The object was made with `prevent_destroy = true`, and that stands in the state: it is neither destroyed nor \
         replaced, not even when its block has left the spec. Set `prevent_destroy = false` in the block, apply that, \
         and then do what you were about to do.";
    INSTANCE_WOULD_END = 3227, Error,
        "an instance would end that the plan leaves out",
        "A security group that is made anew takes the instance over it along, and -target left the instance out of the plan. \
         Name the instance as well, or plan without -target.";
    IAM_AUTH_DISABLED = 3226, Error,
        "the cluster lets nobody in by IAM",
        "`iam_auth` logs in with a token that AWS credentials sign. The cluster must have IAM database authentication \
         switched on, the user must be made with IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS', and the credentials \
         need the right rds-db:connect for that user.";
    OTHER_ACCOUNT_OR_REGION = 3228, Stale,
        "another account or region than the one in the state",
        "What was made lies in one account and one region, and the state names both. The credentials, or `region` of \
         `provider \"aws\"`, lead elsewhere now: there, every id means nothing, or something of somebody else. Nothing \
         was made, changed or removed. Take the credentials and the region of the earlier runs; a second place gets a \
         folder and a state of its own.";
    ACCOUNT_NOT_ALLOWED = 3229, Stale,
        "the provider does not allow this account",
        "`allowed_account_ids` of `provider \"aws\"` lists the accounts in which mig may work, and the credentials are of \
         another one. Nothing was made, changed or removed.";
    VOLUME_SIZE_UNKNOWN = 3230, Error,
        "the size of the volume is not known",
        "`size = \"auto\"` is the source's bytes x 1.3, rounded up to GiB. The bytes come from CloudWatch's \
         VolumeBytesUsed, else from information_schema where the source was seen. Neither told anything here.";
    VOLUME_TOO_SMALL = 3231, Gate,
        "the volume is smaller than the source needs",
        "The dump lies on the runner's volume. A volume smaller than the source would fill up half way, so the plan is \
         refused. The rule is the article's: larger than the database; `auto` takes 1.3 times its bytes.";
    VOLUME_TIGHT = 3232, Error,
        "the volume leaves little room",
        "A warning. The source fits in the volume, with less than the three tenths more that `auto` would take. The text \
         form of rows can be larger than their form in the source.";
    NO_PEERING = 3240, Gate,
        "there is no such peering connection",
        "TiDB Cloud makes the request, so the connection exists only after somebody asked for it there (Project settings, \
         Network access, VPC peering), naming this account, VPC and region. Then it is found here by its id, or by the \
         account and VPC that it comes from.";
    PEERING_PENDING = 3241, Gate,
        "the peering waits to be accepted",
        "The request came from TiDB Cloud, and `accept = false` says that mig only checks. Somebody accepts it in the \
         console, or the spec lets mig do it. A request expires after seven days.";
    PEERING_FAILED = 3242, Gate,
        "the peering failed",
        "AWS could not make the connection; networks of both sides that overlap are the usual reason. A failed \
         connection does not come back: a new one is requested after the reason is gone.";
    PEERING_EXPIRED = 3243, Gate,
        "the peering request expired",
        "A request that is not accepted within seven days expires for good. Request a new one at TiDB Cloud.";
    PEERING_REJECTED = 3244, Gate,
        "the peering request was rejected",
        "Somebody who administers the VPC turned the request down. A rejected request is not taken up again: ask why, \
         then request a new one at TiDB Cloud.";
    PEERING_DELETED = 3245, Gate,
        "the peering was deleted",
        "One of the two sides deleted the connection. It stays in lists for a while and is of no use. Request a new one \
         at TiDB Cloud.";
    PEERING_STATUS_UNKNOWN = 3246, Gate,
        "the peering is in an unknown state",
        "EC2 told a state of the connection that this version does not know, so it is not taken for a good one.";
    PEERING_OTHER_VPC = 3247, Gate,
        "the peering leads to another VPC",
        "The connection's accepting side is not the VPC in which the source is, so neither source nor runner can use it.";
    PEERING_OF_OTHERS = 3248, Gate,
        "the peering comes from somebody else",
        "`expect_requester` says whose request is to be accepted, and this connection comes from another account or VPC. \
         Accepting it would open the VPC to strangers.";
    REGIONS_DIFFER = 3249, Gate,
        "source and target are in different regions",
        "The article's way is inside one region. A peering across regions does not resolve private names, and every byte \
         of it is billed. Make the TiDB Cloud cluster in the source's region.";
    TARGET_CIDR_WRONG = 3250, Gate,
        "target_cidr is not the other side's network",
        "`target_cidr` is what the VPC's route tables send through the peering, so it has to be inside the network of \
         TiDB Cloud's side. TiDB Cloud shows it as the project's CIDR of this region.";
    NETWORKS_OVERLAP = 3251, Gate,
        "the networks overlap",
        "The VPC has addresses of the same range as TiDB Cloud's project. No route can tell the one from the other, and \
         AWS refuses the peering (state failed). The project's CIDR is fixed by its first cluster in the region.";
    ROUTE_MISSING = 3252, Gate,
        "a route is missing",
        "The route table of the runner's subnet does not send TiDB Cloud's network through the peering, and \
         `accept = false` says that mig only checks.";
    ROUTE_LEADS_ELSEWHERE = 3253, Gate,
        "a route leads elsewhere",
        "The route table sends TiDB Cloud's network to something else: a former peering, a gateway, another network. mig \
         changes and removes no route that it did not make.";
    GROUP_LETS_NOTHING_IN = 3260, Gate,
        "a security group lets nothing in",
        "Reasoned from the rules: none of the groups has one that lets TCP in on this port from there. With \
         `security_group = \"create\"` mig makes one rule on the source's group; a group of your own is yours to open. \
         Network ACLs are not looked at.";
    GROUP_LETS_NOTHING_OUT = 3261, Gate,
        "a security group lets nothing out",
        "Reasoned from the rules: none of the runner's groups has one that lets TCP out on this port to there. The runner \
         needs the source's port, the target's port and 443.";
    SSH_FROM_VPC_ONLY = 3262, Error,
        "SSH is let in from the VPC only",
        "A warning. The runner's security group opens its SSH port to the VPC's own networks, since the spec names no \
         other. From outside of the VPC the runner will not answer: name the network that mig runs in by \
         `connection { allow_from = [\"203.0.113.7/32\"] }`, or a bastion by `connection { host = \"…\" }`.";
    SSH_FROM_EVERYWHERE = 3263, Error,
        "SSH is let in from everywhere",
        "A warning. `allow_from` names all addresses there are, so the whole internet reaches the runner's SSH port. Only \
         keys are taken there, but a machine that holds the source's rows is better off unseen: name your own network.";
    TIER_TOO_SMALL = 3265, Gate,
        "the target's tier is too small",
        "VPC peering comes with TiDB Cloud's tier T1.standard (Dedicated) and above. The tier is what the spec declares; \
         no session can ask a cluster for it.";
    TIER_UNKNOWN = 3266, Error,
        "the target's tier is not known",
        "A warning. The declared tier is none that mig knows, so it cannot be held against the least one, T1.standard.";
}
