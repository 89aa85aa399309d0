//! The page that `-html=FILE` names: where it may be written, and the writing. Another floor makes it.

use std::io::Read;
use std::path::Path;

use super::session::{Session, print};
use crate::hosts::file;
use crate::screen::html::BEGIN;
use crate::screen::view::PlanView;
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

/// A page is written where nothing is, or over another page: a slip of the fingers costs no plan, no state and no spec.
/// `beside`: another file that this command reads or writes.
///
/// # Errors
/// MIG1004: something else is there, or a file of the spec would be.
pub fn may_write(path: &Path, session: Option<&Session>, beside: Option<&Path>) -> Outcome<()> {
    let refuse = |cause: String| {
        let doing = format!("write the page {}", path.display());
        Err(Failure::new(codes::FILE_UNWRITABLE, doing, cause, "Name another file, for example plan.html."))
    };
    // A state, its journal and the files of a work folder have other names, also where no spec says which they are.
    if !path.extension().is_some_and(|end| end.eq_ignore_ascii_case("html") || end.eq_ignore_ascii_case("htm")) {
        return refuse("the name of a page ends in .html".into());
    }
    if let Some(what) = session.and_then(|session| session.own_file(path)) {
        return refuse(format!("that is {what}"));
    }
    if beside.is_some_and(|other| file::is_same(other, path)) {
        return refuse("that is the plan file".into());
    }
    if is_something_else(path) {
        return refuse("another file is there, and it is not a page of mig".into());
    }
    Ok(())
}

/// A regular file with content that does not begin as a page. What cannot be read is for the writing to tell.
fn is_something_else(path: &Path) -> bool {
    if !std::fs::metadata(path).is_ok_and(|there| there.is_file() && there.len() > 0) {
        return false;
    }
    let mut begin = Vec::new();
    let read = std::fs::File::open(path).and_then(|there| there.take(BEGIN.len() as u64).read_to_end(&mut begin));
    read.is_ok() && begin != BEGIN.as_bytes()
}

/// Writes the page as a whole, and says so in a view for people.
///
/// # Errors
/// As [`write`].
pub fn write_and_say(path: &Path, page: serde_json::Result<String>, view: PlanView) -> Outcome<()> {
    write(path, page)?;
    if view == PlanView::Text {
        print(&format!("\nPage: {}\n", path.display()));
    }
    Ok(())
}

/// Writes the page as a whole.
///
/// # Errors
/// MIG1004: the file cannot be written. MIG1001: the page cannot be made; no plan and no state brings that about.
pub fn write(path: &Path, page: serde_json::Result<String>) -> Outcome<()> {
    let page =
        page.map_err(|error| Failure::new(codes::INTERNAL, "make the page", error.to_string(), "Please report this."))?;
    file::publish(path, page.as_bytes()).map_err(|error| {
        Failure::new(
            codes::FILE_UNWRITABLE,
            format!("write the page {}", path.display()),
            error.to_string(),
            "Name a file in a folder that can be written.",
        )
    })
}
