//! The binlog as a replica reads it, as far as it tells which tables were written. Looks at no value of a row.

use std::time::Duration;

use futures::StreamExt;
use mysql_async::binlog::events::{Event, EventData, TransactionPayloadEvent};
use mysql_async::binlog::{BinlogChecksumAlg, EventType};
use mysql_async::prelude::Queryable;
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn};
use rand::Rng;
use tokio::time::timeout;

use crate::formats::facts::Position;
use crate::seams::sql::{Change, Fault, LogEnd, OnChange};

use super::faults::fault_of;

/// MariaDB's own events that change nothing: annotated rows, checkpoint, GTID, list of GTIDs.
const MARIADB_HARMLESS: std::ops::RangeInclusive<u8> = 160..=163;
/// MariaDB's compressed row events: the head with the table's number is as in MySQL's.
const MARIADB_ROWS: std::ops::RangeInclusive<u8> = 166..=171;
const MARIADB_INSERTS: [u8; 2] = [166, 169];

/// How long one event may take. No other watch is over this connection.
const SILENCE: Duration = Duration::from_secs(20);

/// Reads until `to`, where the file that it begins with is the one that `from` was taken in.
pub(super) async fn read(
    conn: Conn,
    from: &Position,
    to: &Position,
    on_change: &mut OnChange<'_>,
) -> Result<LogEnd, Fault> {
    let opened = timeout(SILENCE, open(conn, from)).await;
    let mut stream = opened.map_err(|_| Fault::line("the server did not begin to send its binlog"))??;
    let mut file = from.file.clone();
    let mut at_end = false;
    let mut known = false;
    while let Some(event) = next(&mut stream).await? {
        let raw = event.header().event_type_raw();
        if !known && raw == EventType::FORMAT_DESCRIPTION_EVENT as u8 {
            known = true;
            if from.begun != 0 && from.begun != u64::from(event.header().timestamp()) {
                return Ok(LogEnd::Another);
            }
            if reached(&file, from.offset, to) {
                return Ok(LogEnd::Reached);
            }
        }
        if is_damaged(&event) {
            return Err(Fault::line("an event of the binlog came with a wrong checksum"));
        }
        // The events of a compressed transaction come behind it, and have no place of their own; made-up ones neither.
        let place = u64::from(event.header().log_pos());
        if at_end && place > 0 {
            return Ok(LogEnd::Reached);
        }
        if let Some(next) = look(&event, &stream, on_change) {
            file = next_file(&file, &next);
        }
        if file_number(&file) > file_number(&to.file) {
            return Ok(LogEnd::Reached);
        }
        at_end |= place > 0 && reached(&file, place, to);
        if at_end && raw != EventType::TRANSACTION_PAYLOAD_EVENT as u8 && place > 0 {
            return Ok(LogEnd::Reached);
        }
    }
    Ok(if at_end { LogEnd::Reached } else { LogEnd::Short })
}

/// The next event. The server sends what it has and then ends: where nothing comes, the line is dead.
async fn next(stream: &mut BinlogStream) -> Result<Option<Event>, Fault> {
    match timeout(SILENCE, stream.next()).await {
        Ok(event) => event.transpose().map_err(fault_of),
        Err(_) => Err(Fault::line(format!("no event of the binlog came for {} s", SILENCE.as_secs()))),
    }
}

/// When the file at a place was begun: the time of its first event, which every reader is sent first.
pub(super) async fn begun(conn: Conn, at: &Position) -> Result<u64, Fault> {
    let mut stream = open(conn, at).await?;
    while let Some(event) = next(&mut stream).await? {
        let header = event.header();
        if header.event_type_raw() == EventType::FORMAT_DESCRIPTION_EVENT as u8 {
            return Ok(u64::from(header.timestamp()));
        }
    }
    Err(Fault::line("the binlog ended before its first event"))
}

async fn open(mut conn: Conn, at: &Position) -> Result<BinlogStream, Fault> {
    // Else a MariaDB puts events of others in the place of its own, and has none for a distributed transaction's.
    conn.query_drop("SET @mariadb_slave_capability = 4").await.map_err(fault_of)?;
    // A server takes one replica of a number at a time and throws an older one out: the number is drawn high and at random.
    let number = rand::rng().random_range(0x4000_0000..0x7fff_ffff_u32);
    let request =
        BinlogStreamRequest::new(number).with_filename(at.file.as_bytes()).with_pos(at.offset).with_non_blocking();
    conn.get_binlog_stream(request).await.map_err(fault_of)
}

/// The driver takes the checksum off and does not look at it. Made-up events and those inside of others have none.
fn is_damaged(event: &Event) -> bool {
    let footer = event.footer();
    let crc = matches!(footer.get_checksum_alg(), Ok(Some(BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32)));
    let checked = crc && footer.get_checksum_enabled() && event.header().log_pos() > 0;
    checked
        && event.checksum().is_some_and(|told| {
            u32::from_le_bytes(told) != event.calc_checksum(BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32)
        })
}

fn reached(file: &str, offset: u64, to: &Position) -> bool {
    file == to.file && offset >= to.offset
}

/// `binlog.000012` -> 12: names are compared by it, for `binlog.1000000` comes after `binlog.999999`.
fn file_number(file: &str) -> u64 {
    file.rsplit('.').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The file that a step leads to. MariaDB's made-up steps end with a checksum, which the driver takes for a part of the
/// name: it stays or is the next one, so the name is known and four bytes behind it are none of it.
fn next_file(file: &str, told: &[u8]) -> String {
    let successor = file
        .rsplit_once('.')
        .map(|(base, number)| format!("{base}.{:0width$}", file_number(file) + 1, width = number.len()));
    let known = [Some(file), successor.as_deref()].into_iter().flatten();
    let behind = told.len().checked_sub(4).and_then(|end| told.get(..end));
    match known.into_iter().find(|name| told == name.as_bytes() || behind == Some(name.as_bytes())) {
        Some(name) => name.to_owned(),
        None => String::from_utf8_lossy(told).into_owned(),
    }
}

/// Tells of one event; gives the next file's name where the event is the step to it.
fn look(event: &Event, stream: &BinlogStream, on_change: &mut OnChange<'_>) -> Option<Vec<u8>> {
    let raw = event.header().event_type_raw();
    if MARIADB_HARMLESS.contains(&raw) {
        return None;
    }
    if MARIADB_ROWS.contains(&raw) {
        let mut id = [0; 8];
        if let Some(bytes) = event.data().get(..6) {
            id[..6].copy_from_slice(bytes);
        }
        tell_rows(u64::from_le_bytes(id), MARIADB_INSERTS.contains(&raw), stream, on_change);
        return None;
    }
    let Ok(kind) = event.header().event_type() else {
        on_change(Change::Unread { what: &format!("an event of type {raw}") });
        return None;
    };
    let data = match event.read_data() {
        Ok(Some(data)) => data,
        Ok(None) | Err(_) => {
            on_change(Change::Unread { what: &format!("an event of type {kind:?}") });
            return None;
        }
    };
    match data {
        EventData::RowsEvent(rows) => {
            let added = matches!(kind, EventType::WRITE_ROWS_EVENT | EventType::WRITE_ROWS_EVENT_V1);
            tell_rows(rows.table_id(), added, stream, on_change);
        }
        EventData::TableMapEvent(map) => {
            on_change(Change::Announced { schema: &map.database_name(), table: &map.table_name() });
        }
        EventData::XaPrepareLogEvent(bytes) => match xid(&bytes) {
            Some(xid) => on_change(Change::Prepared { xid: &xid }),
            None => on_change(Change::Unread { what: "a prepared transaction without a name" }),
        },
        EventData::QueryEvent(query) => {
            on_change(Change::Statement { schema: &query.schema(), text: &query.query() });
        }
        EventData::RotateEvent(rotate) => return Some(rotate.name_raw().to_vec()),
        EventData::ExecuteLoadQueryEvent(_) => {
            on_change(Change::Unread { what: "a LOAD DATA that was logged as a statement" });
        }
        EventData::TransactionPayloadEvent(_) => {
            // The driver goes on with the events inside; where it cannot unpack them it keeps silent.
            if event.read_event::<TransactionPayloadEvent<'_>>().is_err() {
                on_change(Change::Unread { what: "a compressed transaction" });
            }
        }
        EventData::FormatDescriptionEvent(_)
        | EventData::XidEvent(_)
        | EventData::GtidEvent(_)
        | EventData::AnonymousGtidEvent(_)
        | EventData::PreviousGtidsEvent(_)
        | EventData::HeartbeatEvent
        | EventData::StopEvent
        | EventData::IgnorableEvent(_)
        | EventData::RowsQueryEvent(_)
        | EventData::IntvarEvent(_)
        | EventData::RandEvent(_)
        | EventData::UserVarEvent(_)
        | EventData::TransactionContextEvent(_)
        | EventData::ViewChangeEvent(_) => {}
        _ if kind == EventType::HEARTBEAT_EVENT => {}
        _ => on_change(Change::Unread { what: &format!("an event of type {kind:?}") }),
    }
    None
}

fn tell_rows(table: u64, added: bool, stream: &BinlogStream, on_change: &mut OnChange<'_>) {
    match stream.get_tme(table) {
        Some(map) => on_change(Change::Rows { schema: &map.database_name(), table: &map.table_name(), added }),
        None => on_change(Change::Unread { what: "rows of a table that was not announced" }),
    }
}

/// A prepared transaction's name, as the servers write it in a statement: a byte that says whether it is committed at
/// once, number of the format, two lengths, two parts.
fn xid(bytes: &[u8]) -> Option<String> {
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (format, first, second) = (number(1)?, number(5)? as usize, number(9)? as usize);
    let parts = bytes.get(13..)?;
    let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (first, second) = (parts.get(..first)?, parts.get(first..first.checked_add(second)?)?);
    Some(format!("x'{}',x'{}',{format}", hex(first), hex(second)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_prepared_transaction_is_named_as_its_commit_names_it() {
        for (bytes, expected) in [
            (&b"\0\x01\0\0\0\x02\0\0\0\0\0\0\0x1"[..], Some("x'7831',x'',1")),
            (b"\0\x07\0\0\0\x01\0\0\0\x02\0\0\0abc", Some("x'61',x'6263',7")),
            (b"\0\x07\0\0\0\x09\0\0\0\x02\0\0\0abc", None),
            (b"\0\x07", None),
        ] {
            assert_eq!(xid(bytes).as_deref(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_step_to_the_next_file_is_known_with_and_without_a_checksum() {
        for (file, told, next) in [
            ("binlog.000001", &b"binlog.000001"[..], "binlog.000001"),
            ("binlog.000001", b"binlog.000002", "binlog.000002"),
            ("binlog.000001", b"binlog.0000017\xea\xa3\x80", "binlog.000001"),
            ("binlog.000001", b"binlog.0000021234", "binlog.000002"),
            ("binlog.999999", b"binlog.1000000", "binlog.1000000"),
            ("binlog.000001", b"other.000009", "other.000009"),
        ] {
            assert_eq!(next_file(file, told), next, "{}", String::from_utf8_lossy(told));
        }
        assert!(file_number("binlog.1000000") > file_number("binlog.999999"));
    }
}
