//! The session that reads rows. Of the CPU that a dump takes, more than half went into a driver that gives every row a
//! buffer of its own, and every value another; here rows are handed on from where they stand in the socket's buffer.
//! Knows the text protocol, as far as a session that only reads needs it; logs in by what nearly every server asks for,
//! and leaves every other case, and every refusal, to the driver.

mod login;
mod wire;

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use mysql_common::constants::CapabilityFlags;

use super::faults::LAST_WORDS;
use super::login::Login;
use super::watch::{Moves, Watch};
use super::{statement, tls};
use crate::formats::dumpfile::Piece;
use crate::seams::sql::{Connection, Done, Fault, OnRow, Rows};

pub(super) use login::{Greeted, Way, greet};
pub(super) use wire::{Line, Packet, Wire};

/// One session.
pub(super) struct Reader {
    wire: Wire,
    watch: Arc<Watch>,
    /// An answer was begun and not read to its end: the session is of no use.
    mid_answer: bool,
    /// A packet of its own ends the columns of an answer and its rows (without CLIENT_DEPRECATE_EOF).
    marks_ends: bool,
}

/// What stands in front of the rows of an answer.
enum Answer {
    Done(Done),
    Columns(Vec<String>),
}

impl Reader {
    /// A session that is logged in and not set up yet; `None`: the driver is to try.
    pub(super) async fn open(way: &Way, by: &Arc<Login>) -> Option<Self> {
        let (wire, id) = login::log_in(way, &by.opts().await.ok()?).await?;
        let watch = Arc::new(Watch::of(by.clone(), id));
        Some(Self { wire, watch, mid_answer: false, marks_ends: false })
    }

    /// A session with the flags that another program has chosen, for it to take over; `None`: the driver is to try.
    pub(super) async fn answering(
        way: &Way,
        by: &Arc<Login>,
        greeted: Greeted,
        flags: CapabilityFlags,
    ) -> Option<Self> {
        let marks_ends = !flags.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF);
        let (wire, id) = login::answer(way, &by.opts().await.ok()?, greeted, flags).await?;
        let watch = Arc::new(Watch::of(by.clone(), id));
        Some(Self { wire, watch, mid_answer: false, marks_ends })
    }

    /// The line itself; `None`: something stands on it that was not asked for.
    pub(super) fn into_line(self) -> Option<Box<dyn Line>> {
        if self.mid_answer { None } else { self.wire.into_line().map(|(line, _)| line) }
    }

    /// Sends a statement and reads what stands before its rows.
    async fn ask(&mut self, sql: &str) -> Result<Answer, Fault> {
        statement::refuse_several(sql)?;
        if self.mid_answer {
            return Err(Fault::line("an earlier answer was not read to its end"));
        }
        self.mid_answer = true;
        self.wire.command(sql).await.map_err(|error| line(&error))?;
        let count = match self.wire.next().await.map_err(|error| line(&error))? {
            Packet::Error(bytes) => return Err(server_fault(bytes)),
            Packet::Of(bytes) => match bytes.split_first() {
                Some((0, rest)) => return Ok(Answer::Done(done(rest).ok_or_else(torn)?)),
                // A server that asks for a file gets none from here.
                Some((0xfb, _)) | None => return Err(torn()),
                _ => wire::length(bytes).and_then(|(count, _)| count).ok_or_else(torn)?,
            },
        };
        let mut names = Vec::new();
        for _ in 0..count {
            match self.wire.next().await.map_err(|error| line(&error))? {
                Packet::Error(bytes) => return Err(server_fault(bytes)),
                Packet::Of(bytes) => names.push(column_name(bytes).ok_or_else(torn)?),
            }
        }
        if self.marks_ends {
            self.wire.next().await.map_err(|error| line(&error))?;
        }
        Ok(Answer::Columns(names))
    }

    /// Rows to `on_row` until there is none; `false`: it had enough. Warnings that the server counted.
    async fn rows(&mut self, columns: usize, on_row: &mut OnRow<'_>) -> Result<(u64, bool, u32), Fault> {
        let mut count = 0;
        let mut room: Vec<Option<&[u8]>> = Vec::with_capacity(columns);
        loop {
            let bytes = match self.wire.next().await.map_err(|error| line(&error))? {
                Packet::Error(bytes) => return Err(server_fault(bytes)),
                Packet::Of(bytes) => bytes,
            };
            // A row may begin with this byte only where it is larger than a packet's first chunk.
            if bytes.first() == Some(&0xfe) && bytes.len() < wire::CHUNK {
                let warnings = match self.marks_ends {
                    true => warnings_at_end(&bytes[1..]),
                    false => done(&bytes[1..]).map(|done| done.warnings),
                };
                return Ok((count, true, warnings.ok_or_else(torn)?));
            }
            let mut cells = super::emptied(room);
            let mut rest = bytes;
            for _ in 0..columns {
                let (cell, behind) = wire::text(rest).ok_or_else(torn)?;
                cells.push(cell);
                rest = behind;
            }
            if !rest.is_empty() {
                return Err(torn());
            }
            let go_on = on_row(&cells);
            room = super::emptied(cells);
            self.watch.moved();
            count += 1;
            if go_on == ControlFlow::Break(()) {
                return Ok((count, false, 0));
            }
        }
    }

    async fn query_whole(&mut self, sql: &str) -> Result<Rows, Fault> {
        let columns = match self.ask(sql).await? {
            Answer::Done(done) => return Ok(Rows { warnings: done.warnings, ..Rows::default() }),
            Answer::Columns(columns) => columns,
        };
        let mut rows = Vec::new();
        let mut take = |cells: &[Option<&[u8]>]| {
            rows.push(cells.iter().map(|cell| cell.map(<[u8]>::to_vec)).collect());
            ControlFlow::Continue(())
        };
        let (_, _, warnings) = self.rows(columns.len(), &mut take).await?;
        Ok(Rows { columns, rows, warnings })
    }

    async fn execute_whole(&mut self, sql: &str) -> Result<Done, Fault> {
        match self.ask(sql).await? {
            Answer::Done(done) => Ok(done),
            Answer::Columns(columns) => {
                let (_, _, warnings) = self.rows(columns.len(), &mut |_| ControlFlow::Continue(())).await?;
                Ok(Done { warnings, ..Done::default() })
            }
        }
    }

    async fn stream_rows(&mut self, sql: &str, on_row: &mut OnRow<'_>) -> Result<(u64, bool), Fault> {
        match self.ask(sql).await? {
            Answer::Done(_) => Ok((0, true)),
            Answer::Columns(columns) => {
                let (count, whole, _) = self.rows(columns.len(), on_row).await?;
                Ok((count, whole))
            }
        }
    }

    /// Notes how a statement ended: the session is of use after a server's error, and after nothing else that failed.
    fn ended<T>(&mut self, result: Result<T, Fault>) -> Result<T, Fault> {
        self.mid_answer = matches!(&result, Err(fault) if fault.number.is_none());
        result
    }
}

impl Connection for Reader {
    fn query<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Rows, Fault>> {
        async move {
            let result = self.watch.clone().watch(Moves::Nothing, self.query_whole(sql)).await;
            self.ended(result)
        }
        .boxed()
    }

    fn execute<'a>(&'a mut self, sql: &'a str) -> BoxFuture<'a, Result<Done, Fault>> {
        async move {
            let result = self.watch.clone().watch(Moves::Nothing, self.execute_whole(sql)).await;
            self.ended(result)
        }
        .boxed()
    }

    fn stream<'a>(&'a mut self, sql: &'a str, on_row: &'a mut OnRow<'_>) -> BoxFuture<'a, Result<u64, Fault>> {
        async move {
            let result = self.watch.clone().watch(Moves::Rows, self.stream_rows(sql, on_row)).await;
            let (count, whole) = self.ended(result)?;
            self.mid_answer = !whole;
            Ok(count)
        }
        .boxed()
    }

    fn load_data<'a>(&'a mut self, _: &'a str, _: Vec<Piece>) -> BoxFuture<'a, Result<Done, Fault>> {
        async { Err(Fault { number: None, message: "this session reads only".into(), lost: false }) }.boxed()
    }
}

fn line(error: &std::io::Error) -> Fault {
    Fault::line(super::faults::line_text(error))
}

fn torn() -> Fault {
    Fault::line("the server sent what is not an answer of the text protocol")
}

/// An ERR packet behind its first byte: number, `#` and five letters of state, text.
fn server_fault(bytes: &[u8]) -> Fault {
    let Some(([low, high], rest)) = bytes.split_first_chunk() else { return torn() };
    let number = u16::from_le_bytes([*low, *high]);
    let text = if rest.first() == Some(&b'#') { rest.get(6..).unwrap_or_default() } else { rest };
    let message = String::from_utf8_lossy(text).into_owned();
    Fault { number: Some(number), lost: LAST_WORDS.contains(&number), message }
}

/// An OK packet behind its first byte: rows, last id, two bytes of status, two of warnings, text.
fn done(bytes: &[u8]) -> Option<Done> {
    let (affected, rest) = wire::length(bytes)?;
    let (_, rest) = wire::length(rest)?;
    let (_status, rest) = rest.split_first_chunk::<2>()?;
    let (warnings, rest) = rest.split_first_chunk::<2>()?;
    let warnings = u32::from(u16::from_le_bytes(*warnings));
    Some(Done { affected: affected?, warnings, info: String::from_utf8_lossy(rest).into_owned() })
}

/// An EOF packet behind its first byte: two bytes of warnings, two of status.
fn warnings_at_end(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk::<2>().map(|warnings| u32::from(u16::from_le_bytes(*warnings)))
}

/// Of a column's definition: the fifth of its texts.
fn column_name(bytes: &[u8]) -> Option<String> {
    let mut rest = bytes;
    for _ in 0..4 {
        (_, rest) = wire::text(rest)?;
    }
    let (name, _) = wire::text(rest)?;
    Some(String::from_utf8_lossy(name?).into_owned())
}

/// Where a server is, for a connection by this file's own means.
pub(super) fn way(config: &crate::formats::spec::model::Server, roots: Option<tls::Client>) -> Way {
    Way { host: config.host.clone(), port: config.port, tls: roots }
}

/// The address that answers first.
async fn reach(way: &Way) -> std::io::Result<tokio::net::TcpStream> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((way.host.as_str(), way.port)).await?.collect();
    tokio::net::TcpStream::connect(found.as_slice()).await
}
