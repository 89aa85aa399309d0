//! Codes for the spec: 11xx its syntax, 12xx its meaning. One row each; the parent module lists the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    NOT_HCL = 1101, Error,
        "the text is not HCL",
        "The parser could not continue at this place. Each attribute is on a line of its own, each block is closed by \
         a brace, texts are in double quotes. Blocks that begin in the first column are read one by one, so the faults \
         of the others are reported in the same run.";
    SET_TWICE = 1102, Error,
        "something is set twice",
        "An attribute, a local or a key of a map appears twice in the same place. mig cannot know which of the two is \
         meant, so it takes neither. Remove one of them.";
    UNKNOWN_BLOCK = 1103, Error,
        "unknown block",
        "No version of the language has a block of this name or kind at this place. The message names the nearest one \
         that exists.";
    UNKNOWN_ATTRIBUTE = 1104, Error,
        "unknown attribute",
        "The block has no attribute of this name. Nothing is ignored silently: you would rely on a misspelled setting \
         that does nothing. The message names the nearest attribute and lists the others.";
    WRONG_SHAPE = 1105, Error,
        "a block or an attribute has the wrong form",
        "A block is written `name \"label\" { … }`, an attribute `name = value`. Either one is written as the other, \
         or the number of labels is wrong, or nothing of its kind is allowed at this place.";
    DUPLICATE_BLOCK = 1106, Error,
        "a block appears twice",
        "Two blocks have the same kind and name, or a block that is allowed only once appears twice. All files of the \
         folder form one spec, so the first block may be in another file. The message says where.";
    MISSING = 1107, Error,
        "something required is missing",
        "The block needs this attribute. A server needs `host` and `username`, a migration needs \
         `target`. An attribute that is set to null counts as not set.";
    UNSUPPORTED_EXPRESSION = 1108, Error,
        "an expression is not part of the language",
        "Expressions consist of literals, var.x, local.y, references to blocks, templates, lists, maps and the \
         functions file, jsonencode, lower, upper, format, join, concat and coalesce. Operators, conditionals, for, \
         splats and indexes are left out on purpose: a reader must see what a spec moves without computing it.";
    UNKNOWN_FUNCTION = 1109, Error,
        "unknown function",
        "The functions are file, jsonencode, lower, upper, format, join, concat and coalesce. There are no others.";
    BAD_NAME = 1111, Error,
        "a name is not allowed",
        "Names of blocks become words of addresses, for example migration.shop.report. They begin with an ASCII letter \
         or an underscore and continue with letters, digits, underscores and hyphens.";
    NO_SPEC = 1112, Error,
        "there is no spec",
        "The folder has no file whose name ends in .mig.hcl. All such files of one folder form the spec. -chdir=DIR \
         names another folder.";
    NOT_IN_THIS_VERSION = 1120, Error,
        "not part of this version",
        "The language has this, and the program does not have it yet. It is refused and not ignored, because the plan \
         would not be what you wrote. The message says what this version has instead.";
    WRONG_TYPE = 1201, Error,
        "a value has the wrong type",
        "The attribute takes a value of another type. Values are not converted silently: \"3306\" is a text, 3306 is a \
         number. Only inside a template do numbers and bools become text.";
    WORD_NOT_ALLOWED = 1202, Error,
        "a word is not allowed here",
        "The attribute takes one of a few words, and this is not one of them. The message lists all of them.";
    BAD_SIZE = 1203, Error,
        "a size cannot be read",
        "A size is a whole number and a binary unit: 64KiB, 256MiB, 1GiB, 1TiB. MB and plain numbers are refused, \
         because they mean different things to different programs.";
    BAD_DURATION = 1204, Error,
        "a duration cannot be read",
        "A duration is a whole number above zero and one unit: 30s, 5m, 72h.";
    OUT_OF_RANGE = 1205, Error,
        "a value is out of its range",
        "The value has the right type, but it is too small, too large, empty, or has characters that are not allowed \
         in it. The message says what is possible.";
    UNDECLARED_VARIABLE = 1206, Error,
        "undeclared variable",
        "The expression uses var.x, and no file of the spec has a block `variable \"x\"`.";
    UNKNOWN_LOCAL = 1207, Error,
        "unknown local",
        "The expression uses local.x, and no `locals` block in any file of the spec sets x.";
    UNKNOWN_REFERENCE = 1208, Error,
        "a reference to nothing",
        "The expression names a block that is not declared, or a word that means nothing. References are written \
         without quotes: source.mysql.shop, target.tidb.cloud, runner.local.here, migration.shop. Texts are written in \
         quotes.";
    UNREADABLE_ATTRIBUTE = 1209, Error,
        "an attribute of a block cannot be read",
        "References to blocks are opaque: source.mysql.shop names the block, and there is no source.mysql.shop.host. \
         Much of a block is known only after its server was observed. Put a value that two places share into a local.";
    LOCALS_CYCLE = 1210, Error,
        "locals refer to each other in a circle",
        "Each local of the path is made of the next one, and the last is made of the first. So none of them has a \
         value. Write one of them as a value.";
    VARIABLE_WITHOUT_VALUE = 1211, Error,
        "a variable has no value",
        "The variable has no default and was given no value. mig looks for a value in this order: -var, -var-file, \
         -var-from-terraform, the files *.auto.mig.hcl, the environment variable MIG_VAR_NAME (NAME as the spec spells it), the variable's own `env`, its \
         default. It never asks for one on the terminal.";
    VARIABLE_OF_OTHER_TYPE = 1212, Error,
        "the value of a variable has another type",
        "The value given for the variable does not have its declared type. On the command line and in the environment, \
         a list or map is written as in HCL or JSON: [\"a\", \"b\"] or { key = \"value\" }. The message never shows \
         the value, because it may be a secret.";
    VALUE_FOR_UNDECLARED_VARIABLE = 1213, Error,
        "a value for a variable that is not declared",
        "-var or a file of variables names a variable that no file of the spec declares. It is refused, because a \
         misspelled name would leave the variable at its default.";
    SENSITIVE_ON_COMMAND_LINE = 1214, Error,
        "a sensitive variable cannot be given by -var",
        "Every user of the machine can read the arguments of a program, and the arguments stay in the history of the \
         shell. Give a sensitive value by the environment variable MIG_VAR_NAME, by the variable's own `env`, or in a \
         file by -var-file.";
    SENSITIVE_EXPOSED = 1215, Error,
        "a sensitive value where it would be seen",
        "Sensitive values, and everything made of them, are allowed only in `password`. Every other value is shown in \
         plans, states, logs and names of files.";
    PASSWORD_IN_SPEC = 1216, Error,
        "the spec contains a password",
        "A warning. The password is a literal, or comes from a variable or local that is not sensitive. So it is in \
         the repository and in its history. Declare a variable with `sensitive = true` and set it by the environment.";
    OTHER_VERSION_REQUIRED = 1217, Error,
        "another version of mig is required",
        "`required_version` of the `mig` block does not allow this version. Use one that it allows.";
    BAD_VERSION_CONSTRAINT = 1218, Error,
        "a version constraint cannot be read",
        "`required_version` has constraints separated by commas: >=, <=, >, <, = or ~> and a version of one to three \
         numbers. `~> 0.2.1` allows 0.2.1 and later ones of 0.2.";
    SOURCE_IS_TARGET = 1219, Error,
        "source and target are one server",
        "Source and target of the migration have the same host and port. The tables would be created where they are. \
         One server under two names is found later, by its identity.";
    RESERVED_SESSION_VARIABLE = 1220, Error,
        "a session variable that mig sets itself",
        "`load.session` must not set modes, character sets, collations, the time zone, time-outs, isolation, \
         limits of rows and texts, or anything that splits a transaction into several or changes when a duplicate is \
         found. That no row is lost and none arrives twice depends on them. \
         Global variables are never set.";
    WHERE_KEY_NOT_A_TABLE = 1221, Error,
        "a key of `where` is not a table",
        "A key of `dump.where` is the exact name of one table, schema and name: \"shop.orders\". Patterns are not \
         allowed, so that a condition cannot apply to a table by accident. Unusual names are in backticks: \"shop.`a \
         b`\".";
    NOT_A_RULE_CODE = 1222, Error,
        "not the code of a compatibility rule",
        "`rule \"CODE\"` sets the action of one rule of the compatibility gate. The codes of these rules begin with \
         MIG21. The plan shows each code with what it found, and `mig explain CODE` says more.";
    SPEC_FILE_UNREADABLE = 1223, Error,
        "a file cannot be read",
        "A file named by file() or by @file in `tables` does not exist, cannot be opened or is not UTF-8 text. Paths \
         start at the folder of the spec.";
    WRONG_ARGUMENTS = 1224, Error,
        "a function is called with the wrong arguments",
        "The function exists, but not with these arguments. The message says what it takes. It never shows the \
         arguments, because they may be secrets.";
    BAD_FILTER_RULE = 1225, Error,
        "a rule of the filter cannot be used",
        "An element of `tables` is empty, or a file of rules named by @file names another file. Such a file has one \
         rule per line. Blank lines and lines that begin with # are skipped.";
    WRONG_REFERENCE = 1226, Error,
        "a reference of the wrong kind",
        "The attribute takes a reference to a block of one kind, written without quotes. This is a reference to \
         another kind, or it is not a reference.";
    PASSWORD_ENDS_WITH_NEWLINE = 1227, Error,
        "the password ends with a line break",
        "A warning. Most editors end a file with a line break, and file() keeps it. mig does not change a password, so \
         the server will most likely refuse this one. Write the file without a line break at its end.";
    OUTPUTS_UNREADABLE = 1228, Error,
        "the outputs of another tool cannot be read",
        "-var-from-terraform takes what `terraform output -json` prints, or the flat JSON of `pulumi stack output --json`: an \
         object with a value for each name. The message says what is wrong with the text and shows no value.";
    NO_EFFECT = 1230, Error,
        "a setting without effect",
        "A warning. The setting is valid, but another one makes it mean nothing. Remove it, or change the other one.";
    BAD_SSH_FIELD = 1231, Error,
        "a runner's address or host key cannot be used",
        "`host` and `user` become arguments of ssh. So neither may begin with a dash or contain a space. `host_key` is \
         the host's public key as one line, its type first: `ssh-ed25519 AAAA…`. The host has it in \
         /etc/ssh/ssh_host_ed25519_key.pub. Read it there, not over the connection that it is to protect.";
    NO_PROVIDER = 1232, Error,
        "an AWS block without a provider",
        "`source \"aurora\"`, `peering` and `runner \"ec2\"` are in one region of one account. `provider \"aws\"` \
         names the region. The credentials decide which account it is. They come from the usual AWS chain: \
         environment, profile, SSO, web identity, the machine's role. A spec never contains them.";
    NO_VPC = 1233, Error,
        "a runner or a peering without its VPC",
        "An instance is created in the VPC of the source that it reads, and that VPC is the side that accepts the \
         peering. So the migration's source must be one that is looked up (`source \"aurora\"`), the migration must \
         name the peering in `after`, and one runner or peering serves one source.";
    UNSUPPORTED_INSTANCE_TYPE = 1234, Error,
        "mig does not run on this instance type",
        "mig puts its own program on the runner, a build for Linux on x86-64. Families with a `g` after the digit of \
         the generation (t4g, m7g, c8gn, is4gen) and a1 have ARM processors (Graviton). mac instances run macOS. Use a \
         type such as t3.large or m6i.large.";
    CONFLICTING_SETTINGS = 1235, Error,
        "settings that exclude each other",
        "Two settings say the same thing in two ways, or a setting belongs to another kind of object than the block \
         describes. `iops` is for gp3, io1 and io2; `throughput` is for gp3; a password comes from one place.";
    NO_INSTANCE_PROFILE = 1236, Error,
        "a runner without the role that its login needs",
        "The work is done on another machine. That machine fetches the password from Secrets Manager, or signs the \
         token of `iam_auth`, so that neither is sent to it. It needs a role that is allowed to do this: \
         `iam_instance_profile` of a runner \"ec2\".";
    TOKEN_IN_CLEARTEXT = 1237, Error,
        "a token over a connection that others may read",
        "With `iam_auth`, mig logs in with a token that its credentials sign (15 minutes, requested again at each \
         login). The MySQL protocol sends the token as it is. So it goes only to a server that has proven its \
         identity: `tls` with mode \"verify_identity\" or \"verify_ca\". The authorities of RDS are in the bundle that \
         AWS offers for download. ca_file = \"rds\" means the file rds-global-bundle.pem beside the spec.";
    TABLE_MOVED_TWICE = 1238, Error,
        "two migrations move one table",
        "The filters of two migrations take the same table into the same target. One target table has one owner: the \
         second migration would empty what the first has moved. Leave the table out of one of the two filters, or give \
         one of the migrations another target. To put several sources into one table, first move them into tables of \
         their own.";
    TARGET_TABLE_SHARED = 1239, Error,
        "two migrations lead to one target table",
        "Two migrations of the spec have selected tables or views of one name for one target server, as two shards of \
         one schema have. One target table has one owner: the second migration would empty what the first has moved. \
         Leave the tables out of one of the two filters, or give one of the migrations another target.";
    MOVE_IMPOSSIBLE = 1250, Error,
        "a block cannot be renamed like this",
        "A rename (`moved`, `mig state mv`) is between two blocks of one kind: a migration, a source, a target, or a runner that \
         is not in EC2. A single step has the name of a table of the source, which a spec cannot rename. The objects of a runner \
         \"ec2\" have its name in their tags.";
    MOVE_NOT_AS_IN_SPEC = 1251, Error,
        "a `moved` or `removed` block does not fit the other blocks",
        "`moved` says what a block of the spec was called before: `to` is a block of the spec, `from` is not. Several of them can \
         be a chain, but not a circle. `removed` names a block that is no longer in the spec.";
    ENGINE_DOES_NOT_FIT = 1253, Error,
        "an engine that does not fit the other settings",
        "TiDB Lightning loads into TiDB only, takes the files of a table when all of them are there (`keep = true`), and loads each row at least once. A load that was interrupted is emptied and started from the beginning, but only a comparison of the rows shows that none is there twice, so `verify { mode = \"none\" }` is refused with it. Dumpling writes into a folder and TiDB Lightning reads one, so neither goes with `to = \"s3://…\"`.";
    WORKSPACE = 1252, Error,
        "a workspace that the backend does not know",
        "A workspace is one of several states of a spec: MIG_WORKSPACE or -workspace names it, and `${workspace}` in the `key` or the \
         `path` of the backend stands for it. A name without a place in the backend would lead to the state of every other workspace. \
         Without a name, the workspace is `default`.";
    BALANCED_ENDPOINT = 1254, Error,
        "a host that leads to several servers",
        "The reader endpoint of an Aurora cluster (cluster-ro-…) leads each connection to another replica, and each replica shows the rows of \
         another moment. Several connections that read one table would not see the same rows. One instance by its own endpoint, or the \
         writer by the endpoint of the cluster, is one server.";
    SPEC_FAULTS = 1200, Error,
        "the spec has faults",
        "The spec cannot be used as it is. Every fault is listed above with its place. `mig explain CODE` says more about each.";
}
