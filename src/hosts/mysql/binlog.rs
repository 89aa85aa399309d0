//! The binlog as a replica reads it, as far as it tells which tables were written. Looks at no value of a row.

use futures::StreamExt;
use mysql_async::binlog::EventType;
use mysql_async::binlog::events::{Event, EventData, TransactionPayloadEvent};
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn};
use rand::Rng;

use crate::formats::facts::Position;
use crate::seams::sql::{Change, Fault, OnChange};

use super::faults::fault_of;

/// MariaDB's own events that change nothing: annotated rows, checkpoint, GTID, list of GTIDs.
const MARIADB_HARMLESS: std::ops::RangeInclusive<u8> = 160..=163;
/// MariaDB's compressed row events: the head with the table's number is as in MySQL's.
const MARIADB_ROWS: std::ops::RangeInclusive<u8> = 166..=171;

/// Reads until `to`; `false`: the log ended before it.
pub(super) async fn read(
    conn: Conn,
    from: &Position,
    to: &Position,
    on_change: &mut OnChange<'_>,
) -> Result<bool, Fault> {
    // A server takes one replica of a number at a time and throws an older one out: the number is drawn high and at random.
    let number = rand::rng().random_range(0x4000_0000..0x7fff_ffff_u32);
    let request =
        BinlogStreamRequest::new(number).with_filename(from.file.as_bytes()).with_pos(from.offset).with_non_blocking();
    let mut stream = conn.get_binlog_stream(request).await.map_err(fault_of)?;
    let mut file = from.file.clone();
    if reached(&file, from.offset, to) {
        return Ok(true);
    }
    let mut at_end = false;
    while let Some(event) = stream.next().await {
        let event = event.map_err(fault_of)?;
        // The events of a compressed transaction come behind it, and have no place of their own; made-up ones neither.
        let place = u64::from(event.header().log_pos());
        if at_end && place > 0 {
            return Ok(true);
        }
        if let Some(next) = look(&event, &stream, on_change) {
            file = next_file(&file, &next);
        }
        if file_number(&file) > file_number(&to.file) {
            return Ok(true);
        }
        at_end |= place > 0 && reached(&file, place, to);
        if at_end && event.header().event_type_raw() != EventType::TRANSACTION_PAYLOAD_EVENT as u8 && place > 0 {
            return Ok(true);
        }
    }
    Ok(at_end)
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
        tell_rows(u64::from_le_bytes(id), stream, on_change);
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
        EventData::RowsEvent(rows) => tell_rows(rows.table_id(), stream, on_change),
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
        EventData::TableMapEvent(_)
        | EventData::FormatDescriptionEvent(_)
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
        | EventData::ViewChangeEvent(_)
        | EventData::XaPrepareLogEvent(_) => {}
        _ if kind == EventType::HEARTBEAT_EVENT => {}
        _ => on_change(Change::Unread { what: &format!("an event of type {kind:?}") }),
    }
    None
}

fn tell_rows(table: u64, stream: &BinlogStream, on_change: &mut OnChange<'_>) {
    match stream.get_tme(table) {
        Some(map) => on_change(Change::Rows { schema: &map.database_name(), table: &map.table_name() }),
        None => on_change(Change::Unread { what: "rows of a table that was not announced" }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

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
