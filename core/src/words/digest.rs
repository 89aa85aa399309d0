//! Digests: SHA-256 over canonical JSON (RFC 8785), a fast checksum over files, and JSON read strictly (a key twice is
//! an error).

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};
use twox_hash::XxHash3_128;

use super::sorted_json::{self, Form};

/// `sha256:` and 64 hexadecimal digits; of a dump file `xxh3:` and 32.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct Digest(String);

impl Digest {
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of_hash(Sha256::new_with_prefix(bytes))
    }

    fn of_hash(hash: Sha256) -> Self {
        Self(format!("sha256:{}", hex::encode(hash.finalize())))
    }

    /// The digest of a value's canonical JSON.
    ///
    /// A value that cannot be written as JSON (a map with keys that are no strings) has the digest of that error's
    /// text: it can equal nothing real, so it reads as "changed".
    pub fn of<T: Serialize>(value: &T) -> Self {
        let mut text = Vec::new();
        match sorted_json::write(value, &mut text, Form::Canonical) {
            Ok(_) => Self::of_bytes(&text),
            Err(error) => Self(format!("unwritable:{error}")),
        }
    }

    /// The digest of two pieces of a text as of one.
    pub fn of_both(first: &[u8], second: &[u8]) -> Self {
        Self::of_hash(Sha256::new_with_prefix(first).chain_update(second))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first digits, for the screen.
    pub fn short(&self) -> &str {
        self.0.strip_prefix("sha256:").and_then(|d| d.get(..12)).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d).map(Self)
    }
}

/// The canonical JSON of a large object, written piece by piece to `out`, and its digest. Numbers that the canonical form may
/// change are written to `out` as they are. The caller gives the keys of each object in canonical order (RFC 8785: by UTF-16 code
/// units; for keys in ASCII, by bytes). This type does not check the order.
pub struct CanonicalText<W> {
    hash: Sha256,
    out: W,
    piece: Vec<u8>,
    /// Whether a key or an item stands before, in the object or list that is open.
    follows: bool,
    fault: Option<std::io::Error>,
}

impl<W: std::io::Write> CanonicalText<W> {
    /// Where only the digest is wanted, `out` is [`std::io::sink`].
    pub fn new(out: W) -> Self {
        Self { hash: Sha256::default(), out, piece: Vec::new(), follows: false, fault: None }
    }

    /// An object, whose fields are written by `fields`.
    pub fn object(&mut self, fields: &mut dyn FnMut(&mut Self)) {
        self.raw(b"{");
        self.follows = false;
        fields(self);
        self.raw(b"}");
        self.follows = true;
    }

    /// A key; its value is written next.
    pub fn key(&mut self, name: &str) {
        self.comma();
        self.value(&name);
        self.raw(b":");
    }

    pub fn field<T: Serialize>(&mut self, name: &str, value: &T) {
        self.key(name);
        self.value(value);
    }

    /// A field that is a list, of which one item at a time is held as text.
    pub fn list<T: Serialize>(&mut self, name: &str, items: &[T]) {
        self.key(name);
        self.raw(b"[");
        self.follows = false;
        for item in items {
            self.comma();
            self.value(item);
        }
        self.raw(b"]");
        self.follows = true;
    }

    /// Text that the digest does not cover: it goes to `out` alone.
    pub fn uncovered(&mut self, text: &str) {
        self.put(text.as_bytes());
    }

    /// The digest of what was written; as for [`Digest::of`], that of an error equals nothing real.
    pub fn digest(self) -> Digest {
        match self.fault {
            None => Digest::of_hash(self.hash),
            Some(error) => Digest(format!("unwritable:{error}")),
        }
    }

    /// What was written to.
    ///
    /// # Errors
    /// The first of `out`, or a value that cannot be written as JSON.
    pub fn finish(self) -> std::io::Result<W> {
        self.fault.map_or(Ok(self.out), Err)
    }

    fn comma(&mut self) {
        if self.follows {
            self.raw(b",");
        }
        self.follows = true;
    }

    fn value<T: Serialize>(&mut self, value: &T) {
        let mut piece = std::mem::take(&mut self.piece);
        piece.clear();
        match sorted_json::write(value, &mut piece, Form::Canonical) {
            Ok(true) => self.raw(&piece),
            // The digest is of the canonical number; who reads `out` gets the number itself.
            Ok(false) => {
                self.hash.update(&piece);
                piece.clear();
                match sorted_json::write(value, &mut piece, Form::Plain) {
                    Ok(_) => self.put(&piece),
                    Err(error) => self.fail(error.into()),
                }
            }
            Err(error) => self.fail(error.into()),
        }
        self.piece = piece;
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.put(bytes);
    }

    fn put(&mut self, bytes: &[u8]) {
        if let Err(error) = self.out.write_all(bytes) {
            self.fail(error);
        }
    }

    /// The first fault counts.
    fn fail(&mut self, error: std::io::Error) {
        self.fault.get_or_insert(error);
    }
}

/// The checksum of a file's bytes as they pass: it finds a flipped bit and a lost end, and answers to nobody who forges
/// files (what the rows are is proven by the row hash). XXH3 of 128 bits, since SHA-256 took a quarter of a dump's time.
pub struct FileSum(XxHash3_128);

impl Default for FileSum {
    fn default() -> Self {
        Self(XxHash3_128::new())
    }
}

impl FileSum {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    pub fn digest(&self) -> Digest {
        Digest(format!("xxh3:{:032x}", self.0.finish_128()))
    }
}

/// JSON in which no object holds a key twice.
///
/// # Errors
/// The parser's own message, or `the key "x" is there twice`.
pub fn strict_json(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Strict>(bytes).map(|s| s.0)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Number(v.into()))
    }

    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let Strict(value) = map.next_value()?;
            if object.contains_key(&key) {
                return Err(de::Error::custom(format!("the key {key:?} is there twice")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_refused_at_any_depth() {
        assert!(strict_json(br#"{"a":1,"b":{"c":[1,2.5,null,true,"x"]}}"#).is_ok());
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":[{"a":1,"a":2}]}"#, r#"{"a":1} x"#] {
            assert!(strict_json(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_order_of_keys_does_not_change_a_digest() {
        let one = strict_json(br#"{"a":1,"b":2}"#).unwrap();
        let two = strict_json(br#"{"b":2,"a":1}"#).unwrap();
        assert_eq!(Digest::of(&one), Digest::of(&two));
    }
}
