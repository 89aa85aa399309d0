//! The faults of a block `backend "s3"`, each at its place.

use super::check;

#[test]
fn a_bucket_is_told_what_cannot_be_the_place_of_a_state() {
    for (text, code, at, words) in [
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"a/../b\"\n  }\n}\n",
            "MIG1205",
            "4:11",
            "not the name of a state",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"/a\"\n  }\n}\n",
            "MIG1205",
            "4:11",
            "not the name of a state",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"a.lock\"\n  }\n}\n",
            "MIG1205",
            "4:11",
            "not the name of a state",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"a.journal/b\"\n  }\n}\n",
            "MIG1205",
            "4:11",
            "not the name of a state",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n    endpoint_url = \"http://u:p@h\"\n  }\n}\n",
            "MIG1205",
            "5:20",
            "more than",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n    lease = \"1s\"\n  }\n}\n",
            "MIG1205",
            "5:13",
            "not between 2s and 1h",
        ),
        (
            "mig {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n    encrypt = false\n    kms_key_id = \"x\"\n  }\n}\n",
            "MIG1235",
            "6:18",
            "contradicts",
        ),
    ] {
        check(text, &[(code, at, words)]);
    }
}
