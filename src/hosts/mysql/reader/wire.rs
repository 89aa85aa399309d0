//! Packets of MySQL's protocol over one stream, in one buffer (MySQL's source documentation, "Protocol Basics": three
//! bytes of length, one of sequence; a packet of 2^24-1 bytes goes on in the next). A packet is handed out where it
//! stands; the buffer is as large as the largest packet so far.

use std::io;
use std::ops::Range;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes that a packet's chunk has at most; one of fewer is the last.
pub(in crate::hosts::mysql) const CHUNK: usize = 0xff_ffff;
/// Of the buffer, while no packet is larger.
const BUFFER: usize = 128 * 1024;
/// COM_QUERY.
const QUERY: u8 = 3;

pub(in crate::hosts::mysql) trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}

pub(in crate::hosts::mysql) struct Wire {
    line: Box<dyn Line>,
    buffer: Vec<u8>,
    /// What was read and not handed out stands here.
    at: usize,
    end: usize,
    sequence: u8,
}

/// A packet's bytes.
pub(in crate::hosts::mysql) enum Packet<'a> {
    Of(&'a [u8]),
    /// An ERR packet, behind its first byte.
    Error(&'a [u8]),
}

impl Wire {
    pub(in crate::hosts::mysql) fn new(line: Box<dyn Line>) -> Self {
        Self { line, buffer: vec![0; BUFFER], at: 0, end: 0, sequence: 0 }
    }

    /// The line itself, to be wrapped; `None`: something was sent that was not asked for.
    pub(in crate::hosts::mysql) fn into_line(self) -> Option<(Box<dyn Line>, u8)> {
        (self.at == self.end).then_some((self.line, self.sequence))
    }

    pub(in crate::hosts::mysql) fn with_sequence(mut self, sequence: u8) -> Self {
        self.sequence = sequence;
        self
    }

    /// Begins a conversation with a statement.
    pub(in crate::hosts::mysql) async fn command(&mut self, sql: &str) -> io::Result<()> {
        self.sequence = 0;
        let mut bytes = Vec::with_capacity(sql.len() + 1);
        bytes.push(QUERY);
        bytes.extend_from_slice(sql.as_bytes());
        self.send(&bytes).await
    }

    pub(in crate::hosts::mysql) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(length) = u32::try_from(bytes.len()).ok().filter(|length| (*length as usize) < CHUNK) else {
            return Err(io::Error::other("a statement is longer than a packet"));
        };
        let [a, b, c, _] = length.to_le_bytes();
        let mut packet = Vec::with_capacity(bytes.len() + 4);
        packet.extend_from_slice(&[a, b, c, self.sequence]);
        packet.extend_from_slice(bytes);
        self.sequence = self.sequence.wrapping_add(1);
        self.line.write_all(&packet).await?;
        self.line.flush().await
    }

    /// The next packet.
    pub(in crate::hosts::mysql) async fn next(&mut self) -> io::Result<Packet<'_>> {
        let found = match self.at_hand() {
            Some(found) => found,
            None => self.receive().await?,
        };
        let bytes = &self.buffer[found];
        Ok(match bytes.split_first() {
            Some((0xff, rest)) => Packet::Error(rest),
            _ => Packet::Of(bytes),
        })
    }

    /// A packet of one chunk that is in the buffer already: nearly every row is.
    fn at_hand(&mut self) -> Option<Range<usize>> {
        let ([a, b, c, sequence], rest) = self.buffer.get(self.at..self.end)?.split_first_chunk()?;
        let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        if length == CHUNK || rest.len() < length || *sequence != self.sequence {
            return None;
        }
        self.sequence = self.sequence.wrapping_add(1);
        let start = self.at + 4;
        self.at = start + length;
        Some(start..start + length)
    }

    async fn receive(&mut self) -> io::Result<Range<usize>> {
        // Counted from `at`, since the buffer's content moves.
        let (mut raw, mut have) = (0, 0);
        loop {
            self.fill(raw + 4).await?;
            let header = &self.buffer[self.at + raw..self.at + raw + 4];
            let length = usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16;
            if header[3] != self.sequence {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "packets came out of order"));
            }
            self.sequence = self.sequence.wrapping_add(1);
            self.fill(raw + 4 + length).await?;
            if raw > 0 {
                // Behind the chunk before it, over its header.
                let from = self.at + raw + 4;
                self.buffer.copy_within(from..from + length, self.at + 4 + have);
            }
            have += length;
            raw += 4 + length;
            if length < CHUNK {
                break;
            }
        }
        let start = self.at + 4;
        self.at += raw;
        Ok(start..start + have)
    }

    /// Reads until so many bytes stand behind `at`.
    async fn fill(&mut self, wanted: usize) -> io::Result<()> {
        if self.end - self.at >= wanted {
            return Ok(());
        }
        if self.at + wanted > self.buffer.len() {
            self.buffer.copy_within(self.at..self.end, 0);
            self.end -= self.at;
            self.at = 0;
            if wanted > self.buffer.len() {
                self.buffer.resize(wanted, 0);
            }
        }
        while self.end - self.at < wanted {
            match self.line.read(&mut self.buffer[self.end..]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.end += read,
            }
        }
        Ok(())
    }
}

/// A length in front of some bytes, and those behind it; of NULL there is none.
pub(in crate::hosts::mysql) fn length(bytes: &[u8]) -> Option<(Option<u64>, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let of = |width: usize| {
        let (digits, rest) = rest.split_at_checked(width)?;
        let mut number = [0; 8];
        number[..width].copy_from_slice(digits);
        Some((Some(u64::from_le_bytes(number)), rest))
    };
    match first {
        0xfb => Some((None, rest)),
        0xfc => of(2),
        0xfd => of(3),
        0xfe => of(8),
        0xff => None,
        short => Some((Some(u64::from(*short)), rest)),
    }
}

/// A text behind its length.
pub(in crate::hosts::mysql) fn text(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = length(bytes)?;
    let Some(length) = length else { return Some((None, rest)) };
    let (text, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((Some(text), rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    /// Packets as a server sends them.
    fn sent(packets: &[Vec<u8>]) -> Vec<u8> {
        let (mut out, mut sequence) = (Vec::new(), 0u8);
        for packet in packets {
            let mut chunks: Vec<&[u8]> = packet.chunks(CHUNK).collect();
            if packet.len().is_multiple_of(CHUNK) {
                chunks.push(&[]);
            }
            for chunk in chunks {
                out.extend_from_slice(&(chunk.len() as u32).to_le_bytes()[..3]);
                out.push(sequence);
                out.extend_from_slice(chunk);
                sequence = sequence.wrapping_add(1);
            }
        }
        out
    }

    async fn check(packets: &[Vec<u8>], piece: usize) {
        let (mut far, near) = tokio::io::duplex(piece);
        let bytes = sent(packets);
        let sender = tokio::spawn(async move {
            far.write_all(&bytes).await.unwrap();
        });
        let mut wire = Wire::new(Box::new(near));
        for packet in packets {
            match wire.next().await.unwrap() {
                Packet::Of(found) => assert!(found == packet, "{} bytes", packet.len()),
                Packet::Error(found) => assert!(found == &packet[1..]),
            }
        }
        sender.await.unwrap();
        let end = wire.next().await.map(drop).unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn packets_of_every_size_come_whole_however_they_are_cut() {
        let many: Vec<Vec<u8>> = (0..600).map(|n| vec![b'x'; n * 7 % 900]).collect();
        for piece in [1, 3, 4096] {
            check(&many, piece).await;
        }
        let large: Vec<Vec<u8>> = [BUFFER - 4, BUFFER, 3, CHUNK - 1, CHUNK, 0, 5, 2 * CHUNK + 9, 1]
            .iter()
            .map(|length| (0..*length).map(|i| (i % 251) as u8).collect())
            .collect();
        check(&large, 1 << 20).await;
    }

    #[test]
    fn lengths_and_texts_read_as_they_are_written_and_short_ones_are_told() {
        for (bytes, expected) in [
            (&b"\x03abcd"[..], Some((Some(&b"abc"[..]), &b"d"[..]))),
            (b"\x00", Some((Some(b""), b""))),
            (b"\xfbz", Some((None, b"z"))),
            (b"\xfc\x02\x00ab", Some((Some(b"ab"), b""))),
            (b"\xfd\x01\x00\x00ab", Some((Some(b"a"), b"b"))),
            (b"\xfe\x01\x00\x00\x00\x00\x00\x00\x00a", Some((Some(b"a"), b""))),
            (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xffa", None),
            (b"\x05abcd", None),
            (b"\xfc\x02", None),
            (b"\xff", None),
            (b"", None),
        ] {
            assert_eq!(text(bytes), expected, "{bytes:?}");
        }
    }
}
