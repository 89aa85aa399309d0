//! Statements of a server as bytes. MariaDB prints the default of a BINARY column byte by byte, so a statement need not be
//! UTF-8: a byte that is not a part of a character becomes one of the last private characters, and can be had back.

/// Plane 16 has no assigned character; its last 256 stand for bytes.
const FIRST: u32 = 0x10_FE00;

/// The statement as text; [`bytes`] undoes it.
pub fn text(statement: &[u8]) -> String {
    let mut out = String::with_capacity(statement.len());
    for chunk in statement.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().filter_map(|byte| char::from_u32(FIRST + u32::from(*byte))));
    }
    out
}

/// The bytes that a part of such a text stands for.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for c in text.chars() {
        match u32::from(c).checked_sub(FIRST).and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    out
}

/// Whether a byte stands in the text that is not a part of a character.
pub fn has_bytes(text: &str) -> bool {
    text.chars().any(|c| u32::from(c).checked_sub(FIRST).is_some_and(|byte| byte < 256))
}

/// A default of bytes in the form of [`crate::formats::structure::Column::default`]: `0x` and digits, or nothing. BINARY fills
/// up with zero bytes, and not every server shows them.
pub fn hex_of(bytes: &[u8], data_type: &str) -> String {
    let end = match data_type {
        "binary" => bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1),
        _ => bytes.len(),
    };
    if end == 0 { String::new() } else { format!("0x{}", hex::encode_upper(&bytes[..end])) }
}

/// The text that bytes are in a charset of the servers; `None`: they are none, or the charset is not known here.
pub fn decoded(charset: &str, bytes: &[u8]) -> Option<String> {
    let encoding = match charset {
        "utf8mb4" | "utf8mb3" | "utf8" | "ascii" => return String::from_utf8(bytes.to_vec()).ok(),
        "ucs2" | "utf16" => encoding_rs::UTF_16BE,
        "utf16le" => encoding_rs::UTF_16LE,
        "utf32" => {
            let units =
                bytes.chunks_exact(4).map(|four| four.iter().fold(0, |unit, byte| unit << 8 | u32::from(*byte)));
            return if bytes.len().is_multiple_of(4) { units.map(char::from_u32).collect() } else { None };
        }
        "latin1" => encoding_rs::WINDOWS_1252,
        "gbk" => encoding_rs::GBK,
        "gb18030" => encoding_rs::GB18030,
        _ => return None,
    };
    encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_characters_come_back_as_they_were() {
        for statement in [&b"DEFAULT '\x00\x88\xff'"[..], "'grün 😀'".as_bytes(), b"", b"\xf0\x9f\x98", b"a\xc3"] {
            assert_eq!(bytes(&text(statement)), statement);
        }
        assert_eq!(text("grün".as_bytes()), "grün");
        assert!(has_bytes(&text(b"\x88")) && !has_bytes("grün 😀"));
    }

    #[test]
    fn bytes_of_a_charset_are_read_strictly() {
        for (charset, bytes, expected) in [
            ("utf8mb4", &[0xF0, 0x9F, 0x98, 0x80][..], Some("😀")),
            ("utf16", &[0xD8, 0x3D, 0xDE, 0x00], Some("😀")),
            ("utf32", &[0, 1, 0xF6, 0], Some("😀")),
            ("utf8mb4", &[0xFF], None),
            ("sjis", &[0x41], None),
        ] {
            assert_eq!(decoded(charset, bytes).as_deref(), expected, "{charset} {bytes:?}");
        }
    }
}
