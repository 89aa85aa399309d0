//! Codes of the spec: 11xx its syntax, 12xx its meaning. One row each; see the parent for the ranges.

use super::{Code, CodeRow};
use crate::words::error::ExitKind;

codes! {
    NOT_HCL = 1101, Error,
        "the text is not HCL",
        "The parser could not read on at this place. Each attribute stands on a line of its own, each block is closed \
         by a brace, texts stand in double quotes. Blocks that begin in the first column are read one by one, so the \
         faults of the others are reported in the same run.";
    SET_TWICE = 1102, Error,
        "something is set twice",
        "An attribute, a local or a key of a map stands twice in the same place. Which of the two was meant cannot be \
         known, so neither is taken. Remove one of them.";
    UNKNOWN_BLOCK = 1103, Error,
        "unknown block",
        "No version of the language knows a block of this name or kind at this place. The message names the nearest \
         one that exists.";
    UNKNOWN_ATTRIBUTE = 1104, Error,
        "unknown attribute",
        "The block has no attribute of this name. Nothing is ignored silently: a misspelt setting would be a setting \
         that you believe in and that does nothing. The message names the nearest attribute and lists the others.";
    WRONG_SHAPE = 1105, Error,
        "a block or an attribute of the wrong shape",
        "A block is written `name \"label\" { … }`, an attribute `name = value`. Either one was written as the other, \
         the number of labels is wrong, or it stands where nothing of its kind can stand.";
    DUPLICATE_BLOCK = 1106, Error,
        "a block stands twice",
        "Two blocks have the same kind and name, or a block that can stand only once stands twice. All files of the \
         folder form one spec, so the first may stand in another file; the message says where.";
    MISSING = 1107, Error,
        "something required is missing",
        "The block cannot do without this attribute. A server needs `host` and `username`, a migration `source` and \
         `target`. An attribute set to null counts as not set.";
    UNSUPPORTED_EXPRESSION = 1108, Error,
        "an expression that is not part of the language",
        "Expressions hold literals, var.x, local.y, references to blocks, templates, lists, maps and the functions \
         file, jsonencode, lower, upper, format, join, concat and coalesce. Operators, conditionals, for, splats and \
         indexes are left out on purpose: what a spec moves is to be read off it, not computed.";
    UNKNOWN_FUNCTION = 1109, Error,
        "unknown function",
        "The functions are file, jsonencode, lower, upper, format, join, concat and coalesce. There are no others.";
    BAD_NAME = 1111, Error,
        "a name that cannot be one",
        "Names of blocks become words of addresses, for example migration.shop.report. They begin with an ASCII \
         letter or an underscore and go on with letters, digits, underscores and hyphens.";
    NO_SPEC = 1112, Error,
        "there is no spec",
        "The folder holds no file whose name ends in .mig.hcl. All such files of one folder form the spec; -chdir=DIR \
         names another folder.";
    NOT_IN_THIS_VERSION = 1120, Error,
        "not part of this version",
        "The language has this, and the program does not have it yet. It is refused rather than ignored, because the \
         plan would not be what you wrote. The message says what this version has instead.";
    WRONG_TYPE = 1201, Error,
        "a value of the wrong type",
        "The attribute takes a value of another type. Values are not converted silently: \"3306\" is a text, 3306 a \
         number. Only inside a template do numbers and bools become text.";
    WORD_NOT_ALLOWED = 1202, Error,
        "a word that is not allowed here",
        "The attribute takes one of a few words, and this is none of them. The message lists all of them.";
    BAD_SIZE = 1203, Error,
        "a size that cannot be read",
        "A size is a whole number and a binary unit: 64KiB, 256MiB, 1GiB, 1TiB. MB and plain numbers are refused, \
         because they mean different things to different programs.";
    BAD_DURATION = 1204, Error,
        "a duration that cannot be read",
        "A duration is a whole number above zero and one unit: 30s, 5m, 72h.";
    OUT_OF_RANGE = 1205, Error,
        "a value out of its range",
        "The value is of the right type, but too small, too large, empty, or holds characters that cannot stand in it. \
         The message says what is possible.";
    UNDECLARED_VARIABLE = 1206, Error,
        "undeclared variable",
        "The expression uses var.x, and no `variable \"x\"` stands in any file of the spec.";
    UNKNOWN_LOCAL = 1207, Error,
        "unknown local",
        "The expression uses local.x, and no `locals` block of any file of the spec sets x.";
    UNKNOWN_REFERENCE = 1208, Error,
        "a reference to nothing",
        "The expression names a block that is not declared, or a word that means nothing. References are written \
         without quotes: source.mysql.shop, target.tidb.cloud, runner.local.here, migration.shop. Texts are written \
         in quotes.";
    UNREADABLE_ATTRIBUTE = 1209, Error,
        "an attribute of a block cannot be read",
        "References to blocks are opaque: source.mysql.shop names the block, source.mysql.shop.host is nothing. Much \
         of a block is known only after its server was looked at. Put a value that two places share into a local.";
    LOCALS_CYCLE = 1210, Error,
        "locals go in a circle",
        "Each local of the path is made of the next one and the last of the first, so none of them has a value. Write \
         one of them as a value.";
    VARIABLE_WITHOUT_VALUE = 1211, Error,
        "a variable without a value",
        "The variable has no default and was given no value. Values are looked for in this order: -var, -var-file, \
         the environment variable MIG_VAR_name, the variable's own `env`, its default. mig never asks for one on the \
         terminal.";
    VARIABLE_OF_OTHER_TYPE = 1212, Error,
        "the value of a variable is of another type",
        "What was given for the variable is not of its declared type. On the command line and in the environment, a \
         list or map is written as in HCL or JSON: [\"a\", \"b\"] or { key = \"value\" }. The message never shows the \
         value: it may be a secret.";
    VALUE_FOR_UNDECLARED_VARIABLE = 1213, Error,
        "a value for a variable that is not declared",
        "-var or a file of variables names a variable that no file of the spec declares. It is refused, because a \
         misspelt name would leave the variable at its default.";
    SENSITIVE_ON_COMMAND_LINE = 1214, Error,
        "a sensitive variable cannot be given by -var",
        "The arguments of a program can be read by every user of the machine, and stay in the history of the shell. \
         Give a sensitive value by the environment variable MIG_VAR_name, by the variable's own `env`, or in a file \
         by -var-file.";
    SENSITIVE_EXPOSED = 1215, Error,
        "a sensitive value where it would be seen",
        "Sensitive values, and everything made of them, may stand only in `password`. Every other value is shown in \
         plans, states, logs and names of files.";
    PASSWORD_IN_SPEC = 1216, Error,
        "a password stands in the spec",
        "A warning. The password is a literal, or comes from a variable or local that is not sensitive, so it is in \
         the repository and in its history. Declare a variable with `sensitive = true` and set it by the environment.";
    OTHER_VERSION_REQUIRED = 1217, Error,
        "another version of mig is required",
        "`required_version` of the `mig` block does not allow this version. Use one that it allows.";
    BAD_VERSION_CONSTRAINT = 1218, Error,
        "a constraint of a version that cannot be read",
        "`required_version` holds constraints separated by commas: >=, <=, >, <, = or ~> and a version of one to three \
         numbers. `~> 0.2.1` allows 0.2.1 and later ones of 0.2.";
    SOURCE_IS_TARGET = 1219, Error,
        "source and target are one server",
        "Source and target of the migration have the same host and port. The tables would be created where they are. \
         Servers that are one under two names are found out later, by their identity.";
    RESERVED_SESSION_VARIABLE = 1220, Error,
        "a session variable that mig sets itself",
        "`load.session` may not set modes, character sets, collations, the time zone, time-outs, isolation, or \
         anything that cuts a transaction into several: that no row is lost and none comes twice stands on them. \
         Global variables are never set.";
    WHERE_KEY_NOT_A_TABLE = 1221, Error,
        "a key of `where` that is no table",
        "A key of `dump.where` is the exact name of one table, schema and name: \"shop.orders\". Patterns are not \
         allowed, so that a condition cannot hit a table by accident. Odd names stand in backticks: \"shop.`a b`\".";
    NOT_A_RULE_CODE = 1222, Error,
        "no code of a compatibility rule",
        "`rule \"CODE\"` sets the action of one rule of the compatibility gate. These have codes that begin with MIG21; \
         the plan shows each with what it found, and `mig explain CODE` tells more.";
    SPEC_FILE_UNREADABLE = 1223, Error,
        "a file cannot be read",
        "A file named by file() or by @file in `tables` is not there, cannot be opened or is no UTF-8 text. Paths \
         count from the folder of the spec.";
    WRONG_ARGUMENTS = 1224, Error,
        "a function called with the wrong arguments",
        "The function exists, but not with these arguments. The message says what it takes; it never shows the \
         arguments, because they may be secrets.";
    BAD_FILTER_RULE = 1225, Error,
        "a rule of the filter that cannot be taken",
        "An element of `tables` is empty, or a file of rules named by @file names another file. Such a file holds one \
         rule a line; blank lines and lines that begin with # are skipped.";
    WRONG_REFERENCE = 1226, Error,
        "a reference of the wrong kind",
        "The attribute takes a reference to a block of one kind, written without quotes, and this is a reference to \
         another kind or no reference at all.";
    PASSWORD_ENDS_WITH_NEWLINE = 1227, Error,
        "the password ends with a line break",
        "A warning. Most editors end a file with a line break, and file() keeps it. No password is changed on its way, \
         so the server will most likely refuse this one.";
    NO_EFFECT = 1230, Error,
        "a setting without effect",
        "A warning. The setting is valid, but another one makes it mean nothing. Remove it, or change the other one.";
    BAD_SSH_FIELD = 1231, Error,
        "a runner's address or host key cannot be used",
        "`host` and `user` become arguments of ssh, so neither may begin with a dash or hold a space. `host_key` is the \
         host's public key as one line, its type first: `ssh-ed25519 AAAA…`. The host has it in \
         /etc/ssh/ssh_host_ed25519_key.pub; read it there, not over the line that it is to protect.";
    NO_PROVIDER = 1232, Error,
        "a block of AWS without a provider",
        "`source \"aurora\"`, `peering` and `runner \"ec2\"` stand in one region of one account. `provider \"aws\"` names \
         the region; whose account it is follows from the credentials, which come by AWS's usual chain: environment, \
         profile, SSO, web identity, the machine's role. A spec never holds them.";
    NO_VPC = 1233, Error,
        "a runner or a peering without its VPC",
        "An instance is made in the VPC of the source that it reads, and that VPC is the side that accepts the peering. \
         So the migration's source has to be one that is looked up (`source \"aurora\"`), it has to name the peering in \
         `after`, and one runner or peering serves one source.";
    UNSUPPORTED_INSTANCE_TYPE = 1234, Error,
        "an instance type on which mig does not run",
        "mig puts its own program on the runner, a build for Linux on x86-64. Families with a `g` behind the \
         generation's digit (t4g, m7g, c8gn, is4gen) and a1 have ARM processors (Graviton); mac instances run macOS. \
         Take a type such as t3.large or m6i.large.";
    CONFLICTING_SETTINGS = 1235, Error,
        "settings that exclude each other",
        "Two settings say the same thing in two ways, or one belongs to another kind of object than the block says: \
         `iops` are set for gp3, io1 and io2, `throughput` for gp3; a password comes from one place.";
    NO_INSTANCE_PROFILE = 1236, Error,
        "a runner without the role that its log-in needs",
        "The work is done on another machine. There the password is fetched from Secrets Manager, or the token of \
         `iam_auth` is signed, so that neither travels. That machine needs a role that may do it: \
         `iam_instance_profile` of a runner \"ec2\".";
    TOKEN_IN_CLEARTEXT = 1237, Error,
        "a token over a line that anybody may listen on",
        "With `iam_auth` mig logs in with a token that its credentials sign (15 minutes, asked for anew at each log-in). \
         MySQL's protocol sends it as it is, so it goes only to a server that has shown who it is: `tls` with mode \
         \"verify_identity\" or \"verify_ca\". The authorities of RDS are in the bundle that AWS offers for download; \
         ca_file = \"rds\" means the file rds-global-bundle.pem beside the spec.";
    TABLE_MOVED_TWICE = 1238, Error,
        "two migrations move one table",
        "The filters of two migrations take the same table into the same target. One target table has one owner: the second \
         migration would empty what the first has moved. Leave the table out of one of the two filters, or give one of the \
         migrations another target. To put several sources into one table, move them into tables of their own first.";
    TARGET_TABLE_SHARED = 1239, Error,
        "two migrations lead to one target table",
        "Two migrations of the spec have selected tables or views of one name for one target server, as two shards of one \
         schema have. One target table has one owner: the second migration would empty what the first has moved. Leave the \
         tables out of one of the two filters, or give one of the migrations another target.";
    SPEC_FAULTS = 1200, Error,
        "the spec has faults",
        "The spec cannot be used as it is. Every fault stands above with its place; `mig explain CODE` tells more of each.";
}
