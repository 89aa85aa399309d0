//! An example for each command, as its help and its manual page show it. Each of them is read by the arguments' own parser in
//! a test.

use crate::words::codes;

/// By the words of the command. `CODE` is a code.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "init",
        &[
            "mig init",
            "mig init -source=mysql://mig@db -target=tidb://mig@tidb -tables='shop.*'",
            "mig init -migrate-state -from=former.txt",
        ],
    ),
    ("validate", &["mig validate", "mig -chdir=shop validate -var=region=us-west-2"]),
    ("fmt", &["mig fmt", "mig fmt -check -diff -recursive"]),
    (
        "plan",
        &[
            "mig plan",
            "mig plan -out=shop.plan -detailed-exitcode",
            "mig plan -markdown >comment.md",
            "mig plan -rehearse",
        ],
    ),
    ("check", &["mig check", "mig check -markdown >assessment.md"]),
    ("approve", &["mig approve shop.plan -key ~/.ssh/id_ed25519"]),
    (
        "apply",
        &["mig apply", "mig apply shop.plan", "mig apply -require-approval=2 -allowed-signers=signers shop.plan"],
    ),
    ("verify", &["mig verify", "mig verify -migration=shop -json"]),
    ("import", &["mig import migration.shop", "mig import -dry-run 'migration.shop.table[\"shop.orders\"]'"]),
    ("import-dump", &["mig import-dump /backup/shop", "mig import-dump '-csv-separator=\\t' /backup/shop"]),
    ("destroy", &["mig destroy", "mig destroy -drop-target-data -confirm=tidb.example.com"]),
    ("show", &["mig show", "mig show -json shop.plan"]),
    (
        "output",
        &["mig output", "mig output shop.position.file", "mig output -json | jq -r .migrations.shop.target.host"],
    ),
    ("status", &["mig status", "mig status -json"]),
    ("recover", &["mig recover", "mig recover -confirm"]),
    ("force-unlock", &["mig force-unlock 8f3a51c0d2"]),
    ("diff", &["mig diff approved.plan new.plan", "mig diff -markdown approved.plan new.plan >comment.md"]),
    ("graph", &["mig graph | dot -Tsvg >plan.svg", "mig graph -format=mermaid shop.plan"]),
    ("state list", &["mig state list", "mig state list migration.shop"]),
    ("state show", &["mig state show 'migration.shop.load[\"shop.orders\"]'"]),
    ("state pull", &["mig state pull >copy.migstate"]),
    ("state push", &["mig state push -dry-run copy.migstate"]),
    ("state mv", &["mig state mv migration.shop migration.store"]),
    ("state rm", &["mig state rm -dry-run 'migration.shop.table[\"shop.orders\"]'"]),
    ("report", &["mig report", "mig report -json shop", "mig report -html=certificate.html shop"]),
    ("logs", &["mig logs", "mig logs -follow shop"]),
    ("ssh", &["mig ssh", "mig ssh mover"]),
    ("console", &["mig console 'local.region'", "mig console <expressions"]),
    ("explain", &["mig explain CODE", "mig explain iam-policy"]),
    ("completion", &["mig completion bash >/etc/bash_completion.d/mig"]),
    ("version", &["mig version", "mig version -json"]),
];

/// Puts the examples behind the help of each command.
pub fn attached(command: clap::Command) -> clap::Command {
    EXAMPLES.iter().fold(command, |command, (words, lines)| {
        let words: Vec<&str> = words.split(' ').collect();
        let lines = lines.join("\n  ").replace("CODE", &codes::BAD_SIZE.to_string());
        at(command, &words, &format!("Examples:\n  {lines}"))
    })
}

fn at(command: clap::Command, words: &[&str], text: &str) -> clap::Command {
    match words.split_first() {
        Some((first, rest)) => command.mut_subcommand(*first, |sub| at(sub, rest, text)),
        None => command.after_help(text.to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use crate::cli::args;

    /// The words of a line as a shell passes them to the program: up to a pipe or a redirection.
    fn words(line: &str) -> Vec<std::ffi::OsString> {
        let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
        for letter in line.chars() {
            match letter {
                '\'' => quoted = !quoted,
                '|' | '>' | '<' if !quoted => break,
                ' ' if !quoted => words.push(std::mem::take(&mut word)),
                _ => word.push(letter),
            }
        }
        words.push(word);
        words.into_iter().filter(|word| !word.is_empty()).map(Into::into).collect()
    }

    fn leaves(command: &clap::Command, path: &str, into: &mut Vec<(String, String)>) {
        let mut subs = command.get_subcommands().filter(|sub| !sub.is_hide_set()).peekable();
        if subs.peek().is_none() {
            into.push((path.to_owned(), command.get_after_help().map(ToString::to_string).unwrap_or_default()));
        }
        subs.for_each(|sub| leaves(sub, format!("{path} {}", sub.get_name()).trim(), into));
    }

    #[test]
    fn the_help_of_each_command_has_an_example_that_the_command_accepts() {
        let mut found = Vec::new();
        leaves(&args::command(), "", &mut found);
        assert!(found.len() > 20, "{found:?}");
        for (path, help) in found {
            let examples: Vec<&str> = help.lines().skip(1).map(str::trim).collect();
            assert!(!examples.is_empty(), "`mig help {path}` shows no example");
            for example in examples {
                // A line that is wrapped is another command when it is copied.
                assert!(example.len() <= 78, "{example}");
                let options = |word: &str| !word.starts_with('-');
                let given: Vec<String> = words(example).iter().map(|word| word.to_str().unwrap().to_owned()).collect();
                let command: Vec<&str> =
                    given.iter().map(String::as_str).filter(|word| options(word)).skip(1).collect();
                let named: Vec<&str> = path.split(' ').collect();
                assert!(command.starts_with(&named), "{path}: {example}");
                assert!(args::parse(words(example)).is_ok(), "{example}: {:?}", args::parse(words(example)).err());
            }
        }
    }
}
