//! Codes for what a cloud account contains and allows: objects that are looked up, peering, reachability, sizes. One row
//! each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    CLOUD_DENIED = 3210, Error,
        "the credentials are not allowed to do this",
        "AWS refused a call. `mig explain iam-policy`, run in the spec's folder, prints the smallest policy that this \
         spec needs. Give it to the administrator of the account. A permission boundary or a service control policy of \
         the organisation can refuse what a policy allows. A plan only reads. So a right that only apply needs is \
         found missing by apply: the call that needs it is refused, and creates nothing.";
    CLOUD_UNKNOWN = 3211, Error,
        "the account could not be read",
        "AWS gave no answer, or an answer that says neither yes nor that a right is missing. Possible causes: no \
         credentials were found, this machine cannot reach the endpoint, the service limits its calls or has a \
         problem. Credentials come from the usual AWS chain: environment, profile, SSO, web identity, the machine's \
         role. Check the credentials and the endpoint, then run the command again.";
    CLOUD_CREDENTIALS = 3212, Error,
        "the credentials are not accepted",
        "AWS does not know the credentials, or they have expired, or the clock of this machine is wrong by more than a \
         few minutes. A wrong clock makes every signature invalid. Log in again (`aws sso login`), or set new \
         credentials.";
    SECRET_WITHOUT_PASSWORD = 3213, Error,
        "a secret does not contain a password",
        "`password_secret` names a secret in Secrets Manager. Its text must be the password itself, or JSON with a \
         field `password`, as RDS writes it. This secret is neither. Name another secret, or change this one.";
    NO_CLUSTER = 3220, Error,
        "there is no such Aurora cluster",
        "RDS has no cluster with this identifier in the region of `provider \"aws\"`, for these credentials. The \
         identifier is the name in the console's list of databases with the role \"regional cluster\". It is not the \
         name of an instance. Correct `cluster_identifier`, or the region and the credentials.";
    CLUSTER_NOT_A_SOURCE = 3221, Error,
        "the cluster cannot be a source",
        "The cluster exists, but it is not Aurora MySQL, or it is not available, or it has no writer. mig reads the \
         MySQL protocol of a running writer. Name another cluster, or make this one available.";
    NO_IMAGE = 3222, Error,
        "no image matches",
        "mig takes the newest image of `ami.owner` whose name matches `ami.name`. It chooses the image once and keeps \
         it in the state. Images differ from region to region. Owner 309956199498 is Red Hat, 137112412989 is Amazon. \
         Correct `owner` or `name`.";
    NO_SUBNET = 3223, Error,
        "there is no subnet for the runner",
        "The runner needs a subnet of the source's VPC with a free address, in the writer's zone if there is one. Set \
         `subnet_id` to name another subnet.";
    EXISTING_OBJECT_MISSING = 3224, Error,
        "an existing object that the spec names was not found",
        "`key_pair` and `security_group` can name objects that mig did not create. mig uses them and never changes \
         them. It did not find this one in the region, or not in the source's VPC. Correct the name, or let mig create \
         the object.";
    PREVENT_DESTROY = 3225, Error,
        "prevent_destroy is on",
        "The object was created with `prevent_destroy = true`, and the state records that. mig neither destroys nor \
         replaces it, even if its block is no longer in the spec. Set `prevent_destroy = false` in the block, apply \
         that, and then repeat what you wanted to do.";
    INSTANCE_WOULD_END = 3227, Error,
        "an instance that the plan leaves out would be terminated",
        "When a security group is created again, the instance that uses it is replaced, too. -target left the instance \
         out of the plan. Name the instance as well, or plan without -target.";
    IAM_AUTH_DISABLED = 3226, Error,
        "IAM authentication is disabled on the cluster",
        "`iam_auth` logs in with a token that AWS credentials sign. The cluster must have IAM database authentication \
         enabled. The user must be created with IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'. The credentials need \
         the right rds-db:connect for that user.";
    OTHER_ACCOUNT_OR_REGION = 3228, Stale,
        "another account or region than the one in the state",
        "What mig created is in one account and one region, and the state records both. The credentials, or `region` \
         of `provider \"aws\"`, now lead to another place. There, an id means nothing or belongs to another owner. \
         Nothing was created, changed or removed. Use the credentials and the region of the earlier runs. A second \
         place needs a folder and a state of its own.";
    ACCOUNT_NOT_ALLOWED = 3229, Stale,
        "the provider does not allow this account",
        "`allowed_account_ids` of `provider \"aws\"` lists the accounts in which mig may work. The credentials belong \
         to another account. Nothing was created, changed or removed. Use credentials of an allowed account, or add \
         this account to the list.";
    VOLUME_SIZE_UNKNOWN = 3230, Error,
        "the size of the volume is not known",
        "`size = \"auto\"` is the source's bytes x 1.3, rounded up to GiB. The bytes come from VolumeBytesUsed in \
         CloudWatch. Otherwise they come from information_schema, if the source was observed. Neither gave a number \
         here. Set the size yourself, larger than the database.";
    VOLUME_TOO_SMALL = 3231, Gate,
        "the volume is smaller than the source needs",
        "The dump is stored on the runner's volume. A volume that is smaller than the source would be full before the \
         dump is complete. So the plan is refused. The volume must be larger than the database; `auto` takes 1.3 times \
         its bytes.";
    VOLUME_TIGHT = 3232, Error,
        "the volume leaves little room",
        "A warning. The source fits on the volume, but the volume does not have all of the 30 % more that `auto` would \
         take. Rows as text can be larger than in the source. Set a larger size, or `size = \"auto\"`.";
    NO_PEERING = 3240, Gate,
        "there is no such peering connection",
        "TiDB Cloud makes the request. So the connection exists only after it was requested there (Project settings, \
         Network access, VPC peering) for this account, VPC and region. Then mig finds it by its id, or by the account \
         and the VPC that it comes from.";
    PEERING_PENDING = 3241, Gate,
        "the peering is not accepted yet",
        "The request came from TiDB Cloud, and `accept = false` says that mig only checks. Accept it in the console, \
         or set `accept = true`. A request expires after seven days.";
    PEERING_FAILED = 3242, Gate,
        "the peering failed",
        "AWS could not create the connection. The usual reason is that the networks of both sides overlap. A failed \
         connection cannot be used again. Remove the reason first, then request a new connection.";
    PEERING_EXPIRED = 3243, Gate,
        "the peering request expired",
        "A request that is not accepted within seven days expires permanently. Request a new one at TiDB Cloud.";
    PEERING_REJECTED = 3244, Gate,
        "the peering request was rejected",
        "An administrator of the VPC rejected the request. A rejected request cannot be accepted later. Ask for the \
         reason, then request a new one at TiDB Cloud.";
    PEERING_DELETED = 3245, Gate,
        "the peering was deleted",
        "One of the two sides deleted the connection. It stays in lists for a while, but it cannot be used. Request a \
         new one at TiDB Cloud.";
    PEERING_STATUS_UNKNOWN = 3246, Gate,
        "the peering is in an unknown state",
        "EC2 reported a state of the connection that this version does not know. So mig does not treat it as a good one. Check the connection in the console; a newer version of mig may know the state.";
    PEERING_OTHER_VPC = 3247, Gate,
        "the peering leads to another VPC",
        "The VPC that accepts the connection is not the VPC of the source. So neither the source nor the runner can use the connection. Request a connection for the source's VPC at TiDB Cloud, or name the one that leads there.";
    PEERING_OF_OTHERS = 3248, Gate,
        "the peering comes from an unexpected account or VPC",
        "`expect_requester` says whose request is to be accepted. This connection comes from another account or VPC. \
         Accepting it would open the VPC to an unknown party. Do not accept it before TiDB Cloud shows that account \
         and VPC as its own; then correct `expect_requester`.";
    REGIONS_DIFFER = 3249, Gate,
        "source and target are in different regions",
        "The source, the runner and the target belong in one region. A peering across regions does not resolve private \
         names, and every byte of it is billed. Create the TiDB Cloud cluster in the source's region.";
    TARGET_CIDR_WRONG = 3250, Gate,
        "target_cidr is not the network of the other side",
        "The VPC's route tables send `target_cidr` through the peering. So it must be inside the network of the TiDB \
         Cloud side. TiDB Cloud shows that network as the project's CIDR of this region.";
    NETWORKS_OVERLAP = 3251, Gate,
        "the networks overlap",
        "The VPC has addresses in the same range as the TiDB Cloud project. No route can tell the two apart, and AWS \
         refuses the peering (state failed). The project's CIDR is fixed by its first cluster in the region. Use a \
         project with another CIDR, or a private endpoint instead of the peering.";
    ROUTE_MISSING = 3252, Gate,
        "a route is missing",
        "The route table of the runner's subnet does not send TiDB Cloud's network through the peering, and `accept = \
         false` says that mig only checks. Add the route, or set `accept = true`.";
    ROUTE_LEADS_ELSEWHERE = 3253, Gate,
        "a route leads to another place",
        "The route table sends TiDB Cloud's network to something else: an earlier peering, a gateway, another network. \
         mig neither changes nor removes a route that it did not create. Remove that route if it is no longer needed.";
    GROUP_LETS_NOTHING_IN = 3260, Gate,
        "a security group allows no incoming connection",
        "This follows from the rules: no group has a rule that allows incoming TCP on this port from there. With \
         `security_group = \"create\"`, mig adds one rule to the source's group. If the group is your own, you open it \
         yourself. Network ACLs are not checked.";
    GROUP_LETS_NOTHING_OUT = 3261, Gate,
        "a security group allows no outgoing connection",
        "This follows from the rules: none of the runner's groups has a rule that allows outgoing TCP on this port to \
         there. The runner needs the source's port, the target's port and 443.";
    SSH_FROM_VPC_ONLY = 3262, Error,
        "SSH is allowed from the VPC only",
        "A warning. The runner's security group opens its SSH port to the networks of the VPC, because the spec names \
         no other network. From outside of the VPC the runner will not answer. Name the network in which mig runs by \
         `connection { allow_from = [\"203.0.113.7/32\"] }`, or a bastion by `connection { host = \"…\" }`.";
    SSH_FROM_EVERYWHERE = 3263, Error,
        "SSH is allowed from everywhere",
        "A warning. `allow_from` contains all addresses, so the whole internet can reach the runner's SSH port. Only \
         keys are accepted there, but a machine that holds the source's rows should not be visible. Name your own \
         network.";
    TIER_TOO_SMALL = 3265, Gate,
        "the target's tier is too small",
        "VPC peering is available in TiDB Cloud's tier T1.standard (Dedicated) and above. The tier is the one that the \
         spec declares; no session can read it from a cluster. Use a cluster of such a tier, or correct `tier`.";
    TIER_UNKNOWN = 3266, Error,
        "the target's tier is not known",
        "A warning. mig does not know the declared tier. So it cannot compare it with the smallest one that is enough, T1.standard. Check at TiDB Cloud that the cluster is large enough.";
}
