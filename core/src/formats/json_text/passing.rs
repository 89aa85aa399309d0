//! Hands a value on from where it is read to where it is written, one piece at a time: a tree of it is never in memory.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

/// A value that is still to be read. It can be written once.
pub(super) struct Passing<'de, D: Deserializer<'de>> {
    from: Cell<Option<D>>,
    /// Why it could not be read: the reader knows the place of it.
    fault: RefCell<Option<D::Error>>,
}

impl<'de, D: Deserializer<'de>> Passing<'de, D> {
    pub(super) fn of(from: D) -> Self {
        Self { from: Cell::new(Some(from)), fault: RefCell::new(None) }
    }

    /// What the writer answered, as an error of the reader.
    pub(super) fn ended<T>(self, answer: Result<T, impl fmt::Display>) -> Result<T, D::Error> {
        answer.map_err(|error| self.fault.take().unwrap_or_else(|| de::Error::custom(error)))
    }
}

impl<'de, D: Deserializer<'de>> Serialize for Passing<'de, D> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let from = self.from.take().ok_or_else(|| S::Error::custom("a value is handed on once"))?;
        from.deserialize_any(Hand(to)).map_err(|fault| {
            let error = S::Error::custom(&fault);
            self.fault.replace(Some(fault));
            error
        })
    }
}

/// Writes what it is shown.
struct Hand<S>(S);

impl<'de, S: Serializer> Visitor<'de> for Hand<S> {
    type Value = S::Ok;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<S::Ok, E> {
        self.0.serialize_bool(value).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<S::Ok, E> {
        self.0.serialize_i64(value).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<S::Ok, E> {
        self.0.serialize_u64(value).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<S::Ok, E> {
        self.0.serialize_f64(value).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<S::Ok, E> {
        self.0.serialize_str(value).map_err(E::custom)
    }

    fn visit_unit<E: de::Error>(self) -> Result<S::Ok, E> {
        self.0.serialize_unit().map_err(E::custom)
    }

    fn visit_none<E: de::Error>(self) -> Result<S::Ok, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<S::Ok, D::Error> {
        value.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<S::Ok, A::Error> {
        let mut to = self.0.serialize_seq(None).map_err(de::Error::custom)?;
        while from.next_element_seed(Item(&mut to))?.is_some() {}
        to.end().map_err(de::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<S::Ok, A::Error> {
        let mut to = self.0.serialize_map(None).map_err(de::Error::custom)?;
        while let Some(key) = from.next_key::<std::borrow::Cow<'de, str>>()? {
            to.serialize_key(&key).map_err(de::Error::custom)?;
            from.next_value_seed(Field(&mut to))?;
        }
        to.end().map_err(de::Error::custom)
    }
}

struct Item<'a, T>(&'a mut T);

impl<'de, T: SerializeSeq> DeserializeSeed<'de> for Item<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        let value = Passing::of(from);
        let answer = self.0.serialize_element(&value);
        value.ended(answer)
    }
}

struct Field<'a, T>(&'a mut T);

impl<'de, T: SerializeMap> DeserializeSeed<'de> for Field<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        let value = Passing::of(from);
        let answer = self.0.serialize_value(&value);
        value.ended(answer)
    }
}
