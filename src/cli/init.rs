//! `mig init`: writes a first spec from flags, or from answers on a terminal. Asks no server, and never asks for a password.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use super::args::{Global, Init};
use super::session::{AUTO_VALUES, SPEC_FILE, print, say};
use crate::formats::spec::model::TlsMode;
use crate::formats::spec::starter::{Login, ServerUrl, Starter, is_environment_name, name_for, rules};
use crate::formats::spec::{self, Inputs, Secrets, SourceFile};
use crate::hosts::file;
use crate::words::codes;
use crate::words::diag::Severity;
use crate::words::error::{ExitKind, Failure, Outcome};

/// What the file is called.
const FILE: &str = "main.mig.hcl";
/// In the place of an environment variable: no password is sent.
const NO_PASSWORD: &str = "none";
/// All schemas except the server's own.
const ALL_TABLES: &str = "*.*";
const TLS_MODES: [(&str, TlsMode); 4] = [
    ("verify_identity", TlsMode::VerifyIdentity),
    ("verify_ca", TlsMode::VerifyCa),
    ("required", TlsMode::Required),
    ("disabled", TlsMode::Disabled),
];

pub fn run(global: &Global, args: &Init) -> Outcome<ExitKind> {
    nothing_there(&global.chdir)?;
    let asks = args.input && std::io::stdin().is_terminal() && !in_automation();
    let starter = if asks { asked(args)? } else { given(args)? };
    let file = SourceFile { name: FILE.into(), text: starter.text() };
    sound(&global.chdir, &file)?;
    let path = global.chdir.join(FILE);
    file::create(&path, file.text.as_bytes()).map_err(|error| {
        let hint = "Make the folder writable, or name another one by -chdir=DIR. No file was changed.";
        Failure::new(codes::FILE_UNWRITABLE, format!("write {FILE}"), error.to_string(), hint)
    })?;
    let envs: Vec<&str> =
        [&starter.source, &starter.target].into_iter().filter_map(|l| l.password_env.as_deref()).collect();
    let passwords = match envs.as_slice() {
        [] => String::new(),
        envs => format!("Set the passwords in the environment: {}. ", envs.join(", ")),
    };
    print(&format!("Wrote {FILE}. {passwords}Then run `mig plan`: it changes nothing.\n"));
    Ok(ExitKind::Success)
}

/// Whether another program has started this one: any value that is not empty says so.
fn in_automation() -> bool {
    std::env::var_os("MIG_IN_AUTOMATION").is_some_and(|value| !value.is_empty())
}

/// All files of a folder are one spec: a second one beside it would be a part of the first.
fn nothing_there(dir: &Path) -> Outcome<()> {
    let unreadable = |error: std::io::Error| {
        let hint = "Name a folder that exists with -chdir=DIR.";
        Failure::new(codes::FILE_UNREADABLE, format!("read the folder {}", dir.display()), error.to_string(), hint)
    };
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
        // Values of variables are no spec: a folder may have them before it.
        if name.ends_with(SPEC_FILE) && !name.ends_with(AUTO_VALUES) {
            let hint = "Edit that file, or name another folder by -chdir=DIR. No file was changed.";
            return Err(Failure::new(codes::SPEC_EXISTS, format!("write {FILE}"), format!("{name} is there"), hint));
        }
    }
    Ok(())
}

/// The program's own reader takes it, before it is written.
fn sound(dir: &Path, file: &SourceFile) -> Outcome<()> {
    let read_file = |name: &str| std::fs::read(dir.join(name)).map_err(|error| error.to_string());
    let (spec, found) = spec::load(&Inputs {
        files: vec![file.clone()],
        vars: Vec::new(),
        auto_files: Vec::new(),
        outputs: Vec::new(),
        var_files: Vec::new(),
        env: &|_| None,
        read_file: &read_file,
        secrets: Secrets::StoodInFor,
    });
    let faults: Vec<_> = found.into_iter().filter(|found| found.severity == Severity::Error).collect();
    if spec.is_some() && faults.is_empty() {
        return Ok(());
    }
    let hint = "Change what the faults name. No file was written.";
    Err(Failure::new(codes::SPEC_FAULTS, "write a first spec", "what was given makes no sound spec", hint).with(faults))
}

/// From flags alone.
fn given(args: &Init) -> Outcome<Starter> {
    let missing: Vec<&str> = [("-source", &args.source), ("-target", &args.target)]
        .into_iter()
        .filter_map(|(flag, value)| value.is_none().then_some(flag))
        .collect();
    let (Some(source), Some(target)) = (&args.source, &args.target) else {
        let cause = format!(
            "it needs {}, and mig cannot ask: there is no terminal, or -input=false or MIG_IN_AUTOMATION is set",
            missing.join(" and ")
        );
        let hint =
            "Give -source=mysql://USER@HOST:PORT and -target=tidb://USER@HOST:PORT; `mig help init` has the others.";
        return Err(Failure::new(codes::INIT_NEEDS_MORE, "write a first spec", cause, hint));
    };
    let tables = if args.tables.is_empty() { vec![ALL_TABLES.to_owned()] } else { of_flags(&args.tables) };
    let name = args.name.clone().unwrap_or_else(|| name_for(&tables));
    Ok(Starter {
        source: Login {
            server: url("-source", source)?,
            password_env: env_flag("-source-password-env", args.source_password_env.as_deref(), &name, "SOURCE")?,
            tls: tls("-source-tls", args.source_tls.as_deref())?,
        },
        target: Login {
            server: url("-target", target)?,
            password_env: env_flag("-target-password-env", args.target_password_env.as_deref(), &name, "TARGET")?,
            tls: tls("-target-tls", args.target_tls.as_deref())?,
        },
        tables,
        name,
    })
}

/// The rules of the flags. Their parser has cut them at every comma, also at those in quotes.
fn of_flags(pieces: &[String]) -> Vec<String> {
    rules(&pieces.join(","))
}

fn wrong(flag: &str, cause: String) -> Failure {
    Failure::new(
        codes::COMMAND_LINE,
        format!("read {flag}"),
        cause,
        "`mig help init` shows an example. Nothing was written.",
    )
}

fn url(flag: &str, text: &str) -> Outcome<ServerUrl> {
    text.parse().map_err(|cause| wrong(flag, cause))
}

fn tls(flag: &str, word: Option<&str>) -> Outcome<TlsMode> {
    let word = word.unwrap_or(TLS_MODES[0].0);
    let mode = TLS_MODES.iter().find(|(known, _)| *known == word).map(|(_, mode)| *mode);
    mode.ok_or_else(|| wrong(flag, format!("the modes are {}", tls_words())))
}

fn tls_words() -> String {
    TLS_MODES.map(|(word, _)| word).join(", ")
}

/// The variable that somebody names, or one by the name of the migration; the error says what a name is.
fn password_env(given: Option<&str>, name: &str, side: &str) -> Result<Option<String>, String> {
    match given {
        Some(NO_PASSWORD) => Ok(None),
        Some(env) if is_environment_name(env) => Ok(Some(env.to_owned())),
        // The text may be a password: it is not repeated.
        Some(_) => Err("it is not the name of an environment variable: letters, digits and `_`, no digit first".into()),
        None => Ok(Some(default_env(name, side))),
    }
}

fn env_flag(flag: &str, given: Option<&str>, name: &str, side: &str) -> Outcome<Option<String>> {
    password_env(given, name, side).map_err(|cause| wrong(flag, cause))
}

fn default_env(name: &str, side: &str) -> String {
    format!("{}_{side}_PASSWORD", name.to_uppercase().replace('-', "_"))
}

/// From flags, and from answers for the others.
fn asked(args: &Init) -> Outcome<Starter> {
    say("A first spec: what is moved, from where, and to where. Each question has its default in brackets.\n");
    let server = |flag: &str, question: &str, given: &Option<String>| match given {
        Some(text) => url(flag, text),
        None => ask(question, None, |answer| answer.parse::<ServerUrl>()),
    };
    let mode = |flag: &str, side: &str, given: &Option<String>| match given {
        Some(word) => tls(flag, Some(word)),
        None => ask(&format!("TLS to the {side} ({})", tls_words()), Some(TLS_MODES[0].0), |answer| {
            tls(flag, Some(answer)).map_err(|failure| failure.cause)
        }),
    };
    let env = |side: &str, name: &str, given: &Option<String>| match given {
        Some(_) => env_flag(&format!("-{}-password-env", side.to_lowercase()), given.as_deref(), name, side),
        None => {
            let question = format!(
                "Environment variable with the password of the {} ({NO_PASSWORD}: no password)",
                side.to_lowercase()
            );
            ask(&question, Some(&default_env(name, side)), |answer| password_env(Some(answer), name, side))
        }
    };
    let source = server("-source", "Source, as mysql://USER@HOST:PORT", &args.source)?;
    let source_tls = mode("-source-tls", "source", &args.source_tls)?;
    let target = server("-target", "Target, as tidb://USER@HOST:PORT or mysql://USER@HOST:PORT", &args.target)?;
    let target_tls = mode("-target-tls", "target", &args.target_tls)?;
    let tables = match args.tables.as_slice() {
        [] => ask("Tables, as filter rules with commas between them", Some(ALL_TABLES), |answer| Ok(rules(answer)))?,
        given => of_flags(given),
    };
    let name = match &args.name {
        Some(name) => name.clone(),
        None => ask("Name of the migration", Some(&name_for(&tables)), |answer| Ok(answer.to_owned()))?,
    };
    let source =
        Login { server: source, password_env: env("SOURCE", &name, &args.source_password_env)?, tls: source_tls };
    let target =
        Login { server: target, password_env: env("TARGET", &name, &args.target_password_env)?, tls: target_tls };
    Ok(Starter { name, source, target, tables })
}

/// Asks until an answer is one. An empty answer is the default.
fn ask<T>(question: &str, default: Option<&str>, read: impl Fn(&str) -> Result<T, String>) -> Outcome<T> {
    loop {
        let shown = default.map(|default| format!(" [{default}]")).unwrap_or_default();
        say(&format!("{question}{shown}: "));
        let mut answer = String::new();
        let got = std::io::stdin().lock().read_line(&mut answer);
        if !matches!(got, Ok(1..)) {
            let hint = "Give the flags that `mig help init` shows, or answer the questions. Nothing was written.";
            return Err(Failure::new(
                codes::INIT_NEEDS_MORE,
                "write a first spec",
                "the input ended before the last answer",
                hint,
            ));
        }
        let answer = match (answer.trim(), default) {
            ("", Some(default)) => default,
            (answer, _) => answer,
        };
        match read(answer) {
            Ok(value) => return Ok(value),
            Err(why) => say(&format!("  Not understood: {why}.\n")),
        }
    }
}
