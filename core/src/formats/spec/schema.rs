//! The table of blocks: which attributes and which blocks each of them takes. The reader refuses what is not in it, and
//! docs/reference.md is generated from it. Reads nothing.

/// What a block may hold.
pub struct Schema {
    /// As a spec writes it: `source "mysql" "NAME"`.
    pub title: &'static str,
    /// The block that it is in.
    pub inside: Option<&'static Schema>,
    pub attributes: &'static [Attribute],
    pub blocks: &'static [Nested],
    /// Attributes and blocks of the language that this version does not have yet.
    pub(super) later: &'static [&'static str],
}

impl Schema {
    /// Its title behind those of the blocks around it.
    pub fn path(&self) -> String {
        self.inside.map_or_else(|| self.title.to_owned(), |outer| format!("{} / {}", outer.path(), self.title))
    }

    pub(super) fn attribute_names(&self) -> impl Iterator<Item = &'static str> {
        self.attributes.iter().map(|attribute| attribute.name)
    }

    pub(super) fn block_names(&self) -> impl Iterator<Item = &'static str> {
        self.blocks.iter().map(|block| block.name)
    }
}

pub struct Attribute {
    pub name: &'static str,
    /// What it may be: a type, or the words that are allowed.
    pub value: &'static str,
    /// `required`, `none`, or what counts where it is not set.
    pub default: &'static str,
    /// A fragment without a period.
    pub meaning: &'static str,
}

/// A nested block: its name, how many labels it has, whether it may stand more than once.
pub struct Nested {
    pub name: &'static str,
    pub labels: usize,
    pub many: bool,
    pub default: &'static str,
    pub meaning: &'static str,
}

impl Nested {
    const fn one(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self { name, labels: 0, many: false, default, meaning }
    }

    const fn many(name: &'static str, default: &'static str, meaning: &'static str) -> Self {
        Self { name, labels: 1, many: true, default, meaning }
    }
}

/// `CONSTANT = TITLE, in OUTER, blocks [NESTED], later [NAME] { NAME: VALUE, DEFAULT, MEANING; }`
macro_rules! schemas {
    ($($name:ident = $title:literal, in $inside:expr, blocks $blocks:expr, later [$($later:literal),*] {
        $($attribute:ident: $value:literal, $default:literal, $meaning:literal;)*
    })*) => {
        $(pub(super) const $name: Schema = Schema {
            title: $title,
            inside: $inside,
            attributes: &[$(Attribute {
                name: stringify!($attribute), value: $value, default: $default, meaning: $meaning,
            }),*],
            blocks: &$blocks,
            later: &[$($later),*],
        };)*

        /// All of them.
        pub const SCHEMAS: &[Schema] = &[$($name),*];
    };
}

const TLS_BLOCK: Nested = Nested::one("tls", "verified", "how the connection is protected");

schemas! {
    SETTINGS = "mig", in None, blocks [Nested::many("backend", "`\"local\"`", "where the state is stored")], later [] {
        required_version: "text", "any version",
            "which versions of mig may read the spec; the operators are `>=`, `<=`, `>`, `<`, `=` and `~>`";
        plan_lifetime: "duration", "`72h`", "how long a saved plan can be applied";
    }

    S3_BACKEND = "backend \"s3\"", in Some(&SETTINGS), blocks [], later [] {
        bucket: "text", "required", "the bucket";
        key: "text", "required", "the name of the state's object; the names of all other objects begin with it; `${workspace}` is the name of the workspace";
        region: "text", "of the environment or the profile", "where the bucket is";
        endpoint_url: "text", "Amazon S3", "a server that speaks the protocol of S3";
        use_path_style: "true or false", "`false`", "`https://host/bucket/key` instead of `https://bucket.host/key`";
        profile: "text", "the usual chain of credentials", "the profile of the shared AWS configuration";
        ca_file: "text", "none", "who signed the endpoint's certificate, beside the system's authorities";
        encrypt: "true or false", "as the bucket is set up", "ask for encryption by the server (SSE-S3)";
        kms_key_id: "text", "none", "ask for encryption with this key (SSE-KMS)";
        lease: "duration", "`60s`", "for how long a holder of the lock may be silent, from 2s to 1h";
    }
    LOCAL_BACKEND = "backend \"local\"", in Some(&SETTINGS), blocks [], later [] {
        path: "text", "`mig.migstate`", "the file of the state; `${workspace}` is the name of the workspace";
    }

    VARIABLE = "variable \"NAME\"", in None, blocks [], later [] {
        type: "type", "`string`", "`string`, `number`, `bool`, `list(string)` or `map(string)`";
        description: "text", "none", "what the variable is for";
        default: "any", "none", "its value where there is no other one";
        sensitive: "true or false", "`false`", "whether it is a secret: it is shown nowhere, and can be used only as a password";
        env: "text", "none", "the environment variable that has its value, beside `MIG_VAR_NAME`";
    }

    SOURCE = "source \"mysql\" \"NAME\"", in None, blocks [TLS_BLOCK], later ["password_secret", "iam_auth"] {
        host: "text", "required", "name or address";
        port: "number", "3306", "the port of the server";
        username: "text", "required", "the user that reads";
        password: "text", "none is sent", "use a sensitive variable";
        max_threads: "number", "16", "an upper limit for the connections that read rows; `dump.threads` is the other one";
    }

    // A cluster that is looked up: `host` and `port` override what that tells.
    AURORA = "source \"aurora\" \"NAME\"", in None, blocks [TLS_BLOCK], later [] {
        cluster_identifier: "text", "required", "the identifier of the cluster, not of an instance";
        host: "text", "looked up", "overrides the endpoint that is looked up";
        port: "number", "looked up", "overrides the port that is looked up";
        username: "text", "required", "the user that reads";
        password: "text", "none is sent", "use a sensitive variable";
        password_secret: "text", "none", "a secret in Secrets Manager: the password itself, or JSON with a field `password`";
        iam_auth: "true or false", "`false`",
            "log in with a token that the AWS credentials sign; only over TLS with a verified certificate";
        max_threads: "number", "16", "as for `source \"mysql\"`";
    }

    TIDB = "target \"tidb\" \"NAME\"", in None, blocks [TLS_BLOCK], later ["password_secret", "iam_auth"] {
        host: "text", "required", "name or address";
        port: "number", "4000", "the port of the server";
        username: "text", "required", "the user that creates and writes";
        password: "text", "none is sent", "use a sensitive variable";
        tier: "text", "none", "the tier in TiDB Cloud; it is checked with a peering";
        region: "text", "none", "the region in TiDB Cloud; it is checked with a peering";
        ledger_schema: "text", "`mig_ledger`", "the schema on the target that holds the ledger";
    }

    // Any MySQL-compatible server as a target: what names a place in TiDB Cloud is not an attribute of it.
    MYSQL = "target \"mysql\" \"NAME\"", in None, blocks [TLS_BLOCK], later ["password_secret", "iam_auth"] {
        host: "text", "required", "name or address";
        port: "number", "3306", "the port of the server";
        username: "text", "required", "the user that creates and writes";
        password: "text", "none is sent", "use a sensitive variable";
        ledger_schema: "text", "`mig_ledger`", "the schema on the target that holds the ledger";
    }

    TLS = "tls", in Some(&SOURCE), blocks [], later [] {
        mode: "\"verify_identity\", \"verify_ca\", \"required\" or \"disabled\"", "`\"verify_identity\"`", "see below";
        ca_file: "text", "the system's authorities",
            "a PEM file with the authorities to trust instead; `\"rds\"` means `rds-global-bundle.pem` in the spec's folder: \
             the certificate bundle of Amazon RDS";
    }

    LOCAL_RUNNER = "runner \"local\" \"NAME\"", in None, blocks [], later [] {
        workdir: "text", "`.mig/work`", "where the dump is stored, from the spec's folder";
    }

    SSH_RUNNER = "runner \"ssh\" \"NAME\"", in None, blocks [], later [] {
        host: "text", "required", "name or address of the machine";
        port: "number", "22", "the port of its SSH server";
        user: "text", "required", "the user on the machine";
        identity_file: "text", "SSH's own", "the private key";
        host_key: "text", "a known host", "the public key of the host: its type and its base64 text";
        workdir: "text", "`.mig/work`", "where the dump and the worker's journal are stored, from the user's home on the machine";
    }

    MIGRATION = "migration \"NAME\"", in None,
    blocks [
        Nested::one("gates", "see there", "what stops a plan, what only warns, what is rewritten"),
        Nested::one("dump", "see there", "how rows are read"),
        Nested::one("load", "see there", "how rows are written"),
        Nested::one("verify", "see there", "how rows are compared"),
    ], later [] {
        source: "reference to a source", "none",
            "where the rows come from; a migration without it is filled by [`mig import-dump`](#mig-import-dump)";
        target: "reference to a target", "required", "where the rows go to";
        runner: "reference to a runner", "a local one", "the machine that the rows go through";
        after: "list of references", "none", "blocks that must be complete first";
        tables: "list of texts", "all tables", "filter rules; see below";
        writes: "\"stopped\"", "`\"stopped\"`",
            "you stop the writes to the source, and a gate checks it; no other value is part of this version";
    }

    MOVED = "moved", in None, blocks [], later [] {
        from: "address of a block", "required", "the former name of a block: nothing of it is created, moved or loaded again";
        to: "address of a block", "required", "the name that it has in the spec now; a block of the same kind";
    }

    REMOVED = "removed", in None, blocks [], later [] {
        from: "address of a block", "required",
            "a block that was taken out of the spec. Its steps leave the state. What they created stays, also in the cloud account";
    }

    GATES = "gates", in Some(&MIGRATION), blocks [Nested::many("rule", "the rule's own", "the action of one rule")], later [] {
        collation: "\"stop\" or \"convert\"", "`\"stop\"`",
            "`\"stop\"`: a collation that the target does not have stops the plan; `\"convert\"`: collations are replaced as \
             `collation_map` says";
        collation_map: "map of texts", "none", "which collation replaces which; needed for `\"convert\"`";
        compatibility: "\"stop\" or \"warn\"", "`\"stop\"`",
            "`\"warn\"`: rules that stop by default only warn, except those that the target can only refuse";
        zero_dates: "\"stop\" or \"keep\"", "`\"stop\"`", "dates such as `0000-00-00`: stop, or keep them as they are";
        target_tables: "\"absent\" or \"same_and_empty\"", "`\"absent\"`",
            "`\"same_and_empty\"` accepts an existing table on the target if it has the same structure and no rows";
        accept_unproven: "list of texts", "none",
            "names of gates that may stay unproven, for example `[\"writes_stopped\"]`";
    }

    RULE = "rule \"CODE\"", in Some(&GATES), blocks [], later [] {
        action: "\"stop\", \"warn\" or \"rewrite\"", "required", "what the rule does; `mig explain CODE` prints which actions it has";
    }

    DUMP = "dump", in Some(&MIGRATION),
    blocks [Nested::one("s3", "Amazon S3, as the environment says", "how the server of `to` is reached")], later [] {
        engine: "\"native\" or \"dumpling\"", "`\"native\"`",
            "`\"dumpling\"`: the files are written by Dumpling, once for each table; see [choose an engine](how-to/choose-an-engine.md)";
        binary: "text", "`dumpling`, from the PATH",
            "only with `engine = \"dumpling\"`: the program, on the machine where the migration runs";
        threads: "number", "8", "connections that read rows";
        file_size: "size", "`256MiB`", "the largest size of a dump file; only one long row can exceed it";
        statement_size: "size", "`1MiB`", "the size at which an INSERT statement in a dump file ends";
        chunk_bytes: "size or \"auto\"", "`\"auto\"`",
            "the size of a chunk; auto: 16 MiB, less with a small `file_size` or `disk_limit`";
        compress: "\"none\", \"gzip\" or \"zstd\"", "`\"none\"`", "how the files are compressed";
        format: "\"sql\"", "`\"sql\"`", "no other value is part of this version";
        rate_limit: "size", "none", "bytes per second, for all readers of the migration together";
        where: "map of texts", "none",
            "one condition for each table; the keys are exact table names; literals are in UTC";
        keep: "true or false", "`true`",
            "`false`: a file is removed after its load, and the dump waits when `disk_limit` is reached";
        disk_limit: "size", "`file_size` x `threads`; with `to`: none",
            "only with `keep = false`: the highest number of bytes in files that wait for their load. Tables without a usable \
             key are dumped whole before their load, and need room for that in any case";
        to: "text", "the work folder of the runner",
            "`\"s3://bucket/prefix\"`: where the files go instead. The names of the objects begin with the prefix and the first \
             name of the migration";
    }

    DUMP_S3 = "s3", in Some(&DUMP), blocks [], later [] {
        region: "text", "of the environment or the profile", "where the bucket is";
        endpoint_url: "text", "Amazon S3", "a server that speaks the protocol of S3";
        use_path_style: "true or false", "`false`", "`https://host/bucket/key` instead of `https://bucket.host/key`";
        profile: "text", "the usual chain of credentials", "the profile of the shared AWS configuration, on the runner";
        ca_file: "text", "none", "who signed the endpoint's certificate, beside the system's authorities";
        encrypt: "true or false", "as the bucket is set up", "ask for encryption by the server (SSE-S3)";
        kms_key_id: "text", "none", "ask for encryption with this key (SSE-KMS)";
    }

    LOAD = "load", in Some(&MIGRATION), blocks [], later [] {
        engine: "\"native\" or \"lightning\"", "`\"native\"`",
            "`\"lightning\"`: the rows are loaded by TiDB Lightning, once for each table; see [choose an engine](how-to/choose-an-engine.md)";
        binary: "text", "`tidb-lightning`, from the PATH",
            "only with `engine = \"lightning\"`: the program, on the machine where the migration runs";
        threads: "number or \"auto\"", "`\"auto\"`",
            "connections that load rows; auto: one for each core of the target where the target reports them, otherwise 4";
        batch_bytes: "size or \"auto\"", "`\"auto\"`", "the size of a batch, which is one transaction; auto: 2 MiB";
        session: "map of texts", "none",
            "session variables of the loader; those that mig sets itself are refused";
    }

    VERIFY = "verify", in Some(&MIGRATION), blocks [], later [] {
        mode: "\"full\", \"count\" or \"none\"", "`\"full\"`",
            "`\"full\"`: every row is hashed on both sides; `\"count\"`: rows are counted; `\"none\"`: apply does not verify";
        threads: "number", "4", "connections that read the target";
    }

    PROVIDER = "provider \"aws\"", in None, blocks [], later [] {
        region: "text", "required", "the region, for example `\"us-west-2\"`";
        profile: "text", "none", "a profile of the AWS configuration";
        allowed_account_ids: "list of texts", "any account", "the accounts in which mig may work";
        endpoint_url: "text", "AWS", "the address of an emulator or a proxy";
        default_tags: "map of texts", "none", "tags on every object that mig creates from then on; those that are there keep theirs";
    }

    PEERING = "peering \"tidb_cloud\"", in None,
    blocks [Nested::one("expect_requester", "none", "finds the connection by its other side")], later [] {
        connection_id: "text", "none", "the id of the connection; set this or `expect_requester`";
        target_cidr: "text", "required", "the network of the TiDB Cloud side";
        accept: "true or false", "`true`", "`false`: check only";
        route_tables: "list of texts", "that of the runner's subnet", "the route tables to which the route is added";
    }

    REQUESTER = "expect_requester", in Some(&PEERING), blocks [], later [] {
        account_id: "text", "required", "the account of the TiDB Cloud side";
        vpc_id: "text", "none", "its VPC";
    }

    EC2 = "runner \"ec2\" \"NAME\"", in None,
    blocks [
        Nested::one("ami", "required", "the image"),
        Nested::one("volume", "see there", "the volume for the dump"),
        Nested::one("connection", "the instance itself", "an override for bastions and port forwards"),
    ], later [] {
        instance_type: "text", "required", "an x86-64 type";
        subnet_id: "text", "chosen", "a subnet of the source's VPC with a free address, in the writer's zone if there is one";
        key_pair: "text", "`\"create\"`", "`\"create\"`, or the name of an existing key pair";
        identity_file: "text", "`.mig/NAME.key` for a created key", "where the private key is stored";
        iam_instance_profile: "text", "none", "the name of an instance profile, not its ARN";
        security_group: "text", "`\"create\"`",
            "`\"create\"`: a group that lets SSH in, and one rule on the source's group; or the id of an existing group, which mig \
             does not change";
        prevent_destroy: "true or false", "`false`", "`true`: the instance and the volume are neither destroyed nor replaced";
    }

    AMI = "ami", in Some(&EC2), blocks [], later [] {
        owner: "text", "required", "the account that owns the image";
        name: "text", "required", "the name, with `*`; the newest image of this owner with this name is used";
    }

    VOLUME = "volume", in Some(&EC2), blocks [], later [] {
        size: "size or \"auto\"", "`\"auto\"`",
            "whole GiB; auto: the bytes of the source x 1.3, rounded up; the plan shows the arithmetic";
        type: "\"gp3\", \"gp2\", \"io1\", \"io2\", \"st1\" or \"sc1\"", "`\"gp3\"`", "the type of the volume";
        iops: "number", "that of AWS", "for `gp3`; required for `io1` and `io2`";
        throughput: "number", "that of AWS", "only for `gp3`";
        encrypted: "true or false", "`true`", "whether AWS encrypts the volume";
    }

    CONNECTION = "connection", in Some(&EC2), blocks [], later [] {
        host: "text", "the instance", "name or address";
        port: "number", "22", "the port of the SSH server";
        user: "text", "`ec2-user`", "the user on the machine";
        host_key: "text", "none", "the public key of the host";
        allow_from: "list of texts", "the networks of the VPC", "networks that may open SSH, for a created group";
    }
}
