//! JSON without a space and with the keys of each object in order, of which digests and texts to compare are made. It is written
//! once, into one buffer; the fields of an object are moved only where they did not come in order: a plan of thousands of tables
//! has a million of them. Knows nothing of what is in a value.

use std::cmp::Ordering;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RFC 8785: keys by UTF-16 code units, numbers as JavaScript writes them. Of two fields with one key, the first counts.
    Canonical,
    /// As a tree of values is written: keys by bytes, numbers as they are. Of two fields with one key, the last counts.
    Plain,
}

/// Writes the text of a value behind what is in `out`. False: the canonical form has changed a number on the way, or may have
/// (one with a fraction, one beyond 2^53), so that a reader may get another.
///
/// # Errors
/// The value cannot be written as JSON: a map with keys that are no strings.
pub fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>, form: Form) -> serde_json::Result<bool> {
    let mut exact = true;
    let sorted = Sorted { form, out, exact: &mut exact, objects: Vec::new(), fields: Vec::new(), moved: Vec::new() };
    value.serialize(&mut Serializer::with_formatter(io::sink(), sorted))?;
    Ok(exact)
}

/// Where a field is in the buffer: from the quote of its key to behind its value.
#[derive(Clone, Copy, Default)]
struct Field {
    from: usize,
    key_end: usize,
    end: usize,
}

/// Everything is written to `out`: what the serializer writes to is a sink, since fields that are there have to be moved.
struct Sorted<'a> {
    form: Form,
    out: &'a mut Vec<u8>,
    exact: &'a mut bool,
    /// Of each object that is open, where its fields begin in `fields`.
    objects: Vec<usize>,
    fields: Vec<Field>,
    /// The fields of one object in order, before they are put back.
    moved: Vec<u8>,
}

impl Sorted<'_> {
    /// A number with a fraction, or a large one.
    fn number(&mut self, number: f64) -> io::Result<()> {
        match self.form {
            Form::Canonical => {
                *self.exact = false;
                serde_json_canonicalizer::to_writer(&number, &mut *self.out).map_err(io::Error::other)
            }
            Form::Plain => CompactFormatter.write_f64(self.out, number),
        }
    }

    /// Puts the fields from `first` on in order, each key once.
    fn sort(&mut self, first: usize) {
        let Some(start) = self.fields.get(first).map(|field| field.from) else { return };
        let (form, out, fields) = (self.form, &mut *self.out, &mut self.fields[first..]);
        let order = |a: &Field, b: &Field| form.order(&out[a.from..a.key_end], &out[b.from..b.key_end]);
        if fields.is_sorted_by(|a, b| order(a, b) == Ordering::Less) {
            return;
        }
        fields.sort_by(order);
        self.moved.clear();
        for same in fields.chunk_by(|a, b| order(a, b) == Ordering::Equal) {
            let counts = if form == Form::Canonical { same.first() } else { same.last() };
            let Some(field) = counts else { continue };
            if !self.moved.is_empty() {
                self.moved.push(b',');
            }
            self.moved.extend_from_slice(&out[field.from..field.end]);
        }
        out.truncate(start);
        out.extend_from_slice(&self.moved);
    }
}

impl Form {
    /// The order of two keys as they are written, in quotes.
    fn order(self, one: &[u8], other: &[u8]) -> Ordering {
        let plain = |key: &[u8]| key.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
        if plain(one) && plain(other) {
            let unquoted = |key: &[u8]| key.len().saturating_sub(1).max(1);
            return one[1..unquoted(one)].cmp(&other[1..unquoted(other)]);
        }
        let said = |key: &[u8]| serde_json::from_slice::<String>(key).unwrap_or_default();
        let (one, other) = (said(one), said(other));
        match self {
            Self::Canonical => one.encode_utf16().cmp(other.encode_utf16()),
            Self::Plain => one.cmp(&other),
        }
    }
}

/// What is written as in any other JSON, only to the buffer.
macro_rules! as_ever {
    ($($write:ident ($($name:ident: $of:ty)?)),* $(,)?) => {$(
        fn $write<W: ?Sized + Write>(&mut self, _: &mut W $(, $name: $of)?) -> io::Result<()> {
            CompactFormatter.$write(self.out $(, $name)?)
        }
    )*};
}

macro_rules! whole_numbers {
    ($($write:ident $of:ty),* $(,)?) => {$(
        fn $write<W: ?Sized + Write>(&mut self, _: &mut W, value: $of) -> io::Result<()> {
            // As far as numbers of JavaScript are exact, it writes the digits, too.
            const EXACT: i128 = 1 << f64::MANTISSA_DIGITS;
            let exact = || i128::try_from(value).is_ok_and(|value| (-EXACT..=EXACT).contains(&value));
            if self.form == Form::Plain || exact() {
                CompactFormatter.$write(self.out, value)
            } else {
                self.number(value as f64)
            }
        }
    )*};
}

impl Formatter for Sorted<'_> {
    as_ever!(write_null(), write_bool(value: bool), begin_array(), end_array(), begin_array_value(first: bool));
    as_ever!(begin_string(), end_string(), write_string_fragment(text: &str), write_char_escape(escape: CharEscape));
    as_ever!(begin_object_value());
    whole_numbers!(write_i8 i8, write_i16 i16, write_i32 i32, write_i64 i64, write_i128 i128);
    whole_numbers!(write_u8 u8, write_u16 u16, write_u32 u32, write_u64 u64, write_u128 u128);

    fn write_f32<W: ?Sized + Write>(&mut self, _: &mut W, value: f32) -> io::Result<()> {
        self.number(f64::from(value))
    }

    fn write_f64<W: ?Sized + Write>(&mut self, _: &mut W, value: f64) -> io::Result<()> {
        self.number(value)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.objects.push(self.fields.len());
        CompactFormatter.begin_object(self.out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        CompactFormatter.begin_object_key(self.out, first)?;
        self.fields.push(Field { from: self.out.len(), ..Field::default() });
        Ok(())
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        if let Some(field) = self.fields.last_mut() {
            field.key_end = self.out.len();
        }
        Ok(())
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        // The fields of objects in the value are gone by now: the last one is its own.
        if let Some(field) = self.fields.last_mut() {
            field.end = self.out.len();
        }
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let first = self.objects.pop().unwrap_or_default();
        self.sort(first);
        self.fields.truncate(first);
        CompactFormatter.end_object(self.out)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn written<T: Serialize>(value: &T, form: Form) -> String {
        let mut out = b"before".to_vec();
        write(value, &mut out, form).unwrap();
        String::from_utf8(out).unwrap().strip_prefix("before").unwrap().to_owned()
    }

    #[test]
    fn a_value_is_written_as_the_standard_says() {
        #[derive(Serialize)]
        struct Fields {
            b: Option<u8>,
            a: BTreeMap<u64, &'static str>,
            #[serde(rename = "\u{fb33}")]
            private: Vec<Value>,
            #[serde(rename = "\u{1f600}")]
            face: (),
        }
        let fields = Fields { b: Some(1), a: [(10, "x"), (9, "y")].into(), private: vec![], face: () };
        // By UTF-16 code units, a face (D83D DE00) is before U+FB33.
        assert_eq!(
            written(&fields, Form::Canonical),
            "{\"a\":{\"10\":\"x\",\"9\":\"y\"},\"b\":1,\"\u{1f600}\":null,\"\u{fb33}\":[]}"
        );
        for (value, expected) in [
            (json!({}), "{}"),
            (
                json!([1.0, 1e21, 0.1, -0.0, 9_007_199_254_740_993_u64, u64::MAX, i64::MIN]),
                "[1,1e+21,0.1,0,9007199254740992,18446744073709552000,-9223372036854776000]",
            ),
            (
                json!({"b": {"d": 1, "c": [{"f": 1, "e": {}}]}, "a!": 1, "a": "\u{1}\n\"/é"}),
                "{\"a\":\"\\u0001\\n\\\"/é\",\"a!\":1,\"b\":{\"c\":[{\"e\":{},\"f\":1}],\"d\":1}}",
            ),
        ] {
            assert_eq!(written(&value, Form::Canonical), expected);
        }
        assert!(write(&BTreeMap::from([(vec![1], 2)]), &mut Vec::new(), Form::Plain).is_err());
    }

    /// An object whose fields come in any order, some of them perhaps twice.
    struct Fields<'a>(&'a [(String, Value)]);

    impl Serialize for Fields<'_> {
        fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            let half = self.0.len() / 2;
            let inner = (half > 0).then(|| Fields(&self.0[..half]));
            let own = self.0.iter().map(|(key, value)| (key.as_str(), Some(value), None));
            let all = own.chain(std::iter::once(("within", None, inner)));
            s.collect_map(all.map(|(key, value, inner)| (key, value.map_or_else(|| Ok(inner), Err))))
        }
    }

    proptest! {
        #[test]
        fn every_value_is_written_as_other_writers_do(
            fields in proptest::collection::vec(
                ("[a-c\"\\\\!\u{1}é\u{1f600}\u{fb33}]{0,3}", prop_oneof![
                    any::<u64>().prop_map(|v| json!(v)),
                    any::<i64>().prop_map(|v| json!(v)),
                    any::<f64>().prop_map(|v| json!(v)),
                    any::<String>().prop_map(|v| json!({"z": [v, null], "a": {"b": true}})),
                ]),
                0..9,
            ),
        ) {
            let expected = serde_json_canonicalizer::to_string(&Fields(&fields)).unwrap();
            prop_assert_eq!(written(&Fields(&fields), Form::Canonical), expected);
            let expected = serde_json::to_value(Fields(&fields)).unwrap().to_string();
            prop_assert_eq!(written(&Fields(&fields), Form::Plain), expected);
        }
    }
}
