//! A dump in the place of a source: nothing can be asked of it. Whoever connects is told so.

use futures::future::BoxFuture;

use crate::formats::facts::Position;
use crate::seams::sql::{Connection, LogEnd, OnChange, Role, Server};
use crate::words::codes;
use crate::words::error::{Failure, Outcome};

pub struct NoServer;

impl Server for NoServer {
    fn connect<'a>(&'a self, _: &'a Role) -> BoxFuture<'a, Outcome<Box<dyn Connection>>> {
        Box::pin(async { Err(no_source()) })
    }

    fn binlog<'a>(
        &'a self,
        _: &'a Position,
        _: &'a Position,
        _: &'a mut OnChange<'_>,
    ) -> BoxFuture<'a, Outcome<LogEnd>> {
        Box::pin(async { Err(no_source()) })
    }

    fn log_begun<'a>(&'a self, _: &'a Position) -> BoxFuture<'a, Outcome<u64>> {
        Box::pin(async { Err(no_source()) })
    }

    fn place(&self) -> String {
        "a dump".into()
    }
}

fn no_source() -> Failure {
    Failure::new(
        codes::NO_SOURCE,
        "connect to the source",
        "the migration names no source",
        "Fill it by `mig import-dump DIR`, or give the migration a `source`.",
    )
}
