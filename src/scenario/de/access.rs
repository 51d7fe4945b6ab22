//! The serde side of reading: what each kind of value offers to the type that asks.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{DeError, Path, Reading};
use crate::base::diag::codes;
use crate::scenario::node::{Entry, Node, Value};

/// Offers one value of the tree to serde.
#[derive(Copy, Clone, Debug)]
pub(crate) struct NodeDeserializer<'a, 'de> {
    pub(crate) node: &'de Node,
    pub(crate) path: &'a Path<'a>,
    pub(crate) reading: &'a Reading,
}

impl<'a, 'de> NodeDeserializer<'a, 'de> {
    fn wrong<T>(&self, expected: &str, help: Option<String>) -> Result<T, DeError> {
        Err(DeError::wrong_type(self.node, expected, help).locate(self.node, self.path))
    }

    fn map(self) -> Entries<'a, 'de> {
        Entries { rest: self.node.entries().iter(), current: None, of: self }
    }

    fn integer<V: Visitor<'de>>(
        self,
        visitor: V,
        (low, high): (i64, i64),
    ) -> Result<V::Value, DeError> {
        let whole = Some("write a whole number, for example 3".to_owned());
        match &self.node.value {
            Value::Int(value, _) if (low..=high).contains(value) => visitor.visit_i64(*value),
            Value::Int(value, _) => {
                let message = format!("{value} is outside {low} … {high}");
                let help = Some(format!("write a whole number up to {high}"));
                let error = DeError { help, ..DeError::new(codes::OUT_OF_RANGE, message) };
                Err(error.locate(self.node, self.path))
            }
            Value::Float(value, _) if value.trunc().total_cmp(value).is_eq() => {
                // 1e3 and 300.0 are whole numbers to the API server too.
                #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
                match *value {
                    v if (-9e15..=9e15).contains(&v) => visitor.visit_i64(v as i64),
                    _ => self.wrong("a whole number", whole),
                }
            }
            Value::Str { text, .. } if text.parse::<i64>().is_ok() => {
                self.wrong("a whole number", Some(format!("remove the quotes: {text}")))
            }
            Value::Str { text, .. } if text.trim_end_matches('s').parse::<i64>().is_ok() => {
                let help = format!("write it without unit: {}", text.trim_end_matches('s'));
                self.wrong("a whole number", Some(help))
            }
            Value::Null
            | Value::Bool(_)
            | Value::Float(..)
            | Value::Str { .. }
            | Value::Seq(_)
            | Value::Map(_) => self.wrong("a whole number", whole),
        }
    }

    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match &self.node.value {
            Value::Str { text, .. } => visitor.visit_borrowed_str(text),
            // As the API server has it: null leaves a text empty.
            Value::Null => visitor.visit_str(""),
            Value::Int(_, text) | Value::Float(_, text) => {
                self.wrong("a text", Some(format!("write it in quotes: \"{text}\"")))
            }
            Value::Bool(value) => {
                self.wrong("a text", Some(format!("write it in quotes: \"{value}\"")))
            }
            Value::Seq(_) | Value::Map(_) => self.wrong("a text", None),
        }
    }
}

/// The article and name of a type, for messages.
fn named(name: &str) -> String {
    format!("a mapping ({name})")
}

macro_rules! integers {
    ($($method:ident: $low:expr, $high:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
            self.integer(visitor, ($low, $high)).map_err(|e| e.locate(self.node, self.path))
        })*
    };
}

impl<'de> de::Deserializer<'de> for NodeDeserializer<'_, 'de> {
    type Error = DeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let outcome = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value, _) => visitor.visit_i64(*value),
            Value::Float(value, _) => visitor.visit_f64(*value),
            Value::Str { text, .. } => visitor.visit_borrowed_str(text),
            Value::Seq(_) => return self.deserialize_seq(visitor),
            Value::Map(_) => visitor.visit_map(self.map()),
        };
        outcome.map_err(|e: DeError| e.locate(self.node, self.path))
    }

    integers! {
        deserialize_i8: i8::MIN.into(), i8::MAX.into();
        deserialize_i16: i16::MIN.into(), i16::MAX.into();
        deserialize_i32: i32::MIN.into(), i32::MAX.into();
        deserialize_i64: i64::MIN, i64::MAX;
        deserialize_u8: 0, u8::MAX.into();
        deserialize_u16: 0, u16::MAX.into();
        deserialize_u32: 0, u32::MAX.into();
        deserialize_u64: 0, i64::MAX;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match &self.node.value {
            Value::Float(value, _) => visitor.visit_f64(*value),
            Value::Int(value, _) => visitor.visit_i64(*value),
            Value::Null | Value::Bool(_) | Value::Str { .. } | Value::Seq(_) | Value::Map(_) => {
                self.wrong("a number", None)
            }
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        match &self.node.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Str { text, .. } => {
                let help = match text.to_ascii_lowercase().as_str() {
                    "yes" | "on" | "y" | "true" => Some("write true, without quotes".to_owned()),
                    "no" | "off" | "n" | "false" => Some("write false, without quotes".to_owned()),
                    _ => None,
                };
                self.wrong("true or false", help)
            }
            Value::Null | Value::Int(..) | Value::Float(..) | Value::Seq(_) | Value::Map(_) => {
                self.wrong("true or false", None)
            }
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.text(visitor).map_err(|e| e.locate(self.node, self.path))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if name == "Quantity" {
            // A quantity is what the source says: `0.1` must not become 0.1000000000000000055….
            return match self.node.scalar_text() {
                Some(text) if !matches!(self.node.value, Value::Bool(_)) => {
                    let text: StrDeserializer<'_, DeError> = text.into_deserializer();
                    visitor.visit_newtype_struct(text)
                }
                _ => self.wrong("a quantity such as 500m or 1Gi", None),
            }
            .map_err(|e| e.locate(self.node, self.path));
        }
        visitor.visit_newtype_struct(self).map_err(|e| e.locate(self.node, self.path))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        let Value::Seq(items) = &self.node.value else {
            let help = match &self.node.value {
                Value::Map(_) => Some("a list's elements start with \"- \"".to_owned()),
                Value::Str { text, .. } => Some(format!("write [{text}]")),
                Value::Null
                | Value::Bool(_)
                | Value::Int(..)
                | Value::Float(..)
                | Value::Seq(_) => None,
            };
            return self.wrong("a list", help);
        };
        let items = Items { rest: items.iter().enumerate(), of: self };
        visitor.visit_seq(items).map_err(|e| e.locate(self.node, self.path))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        if !matches!(self.node.value, Value::Map(_)) {
            return self.wrong("a mapping", None);
        }
        visitor.visit_map(self.map()).map_err(|e| e.locate(self.node, self.path))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        if !matches!(self.node.value, Value::Map(_)) {
            let help = match &self.node.value {
                Value::Seq(_) => Some("remove the \"- \": one mapping is taken here".to_owned()),
                Value::Null
                | Value::Bool(_)
                | Value::Int(..)
                | Value::Float(..)
                | Value::Str { .. }
                | Value::Map(_) => None,
            };
            return self.wrong(&named(name), help);
        }
        for entry in self.node.entries() {
            if !fields.contains(&&*entry.key) {
                self.reading.unknown_field(entry, self.path, fields);
            }
        }
        visitor.visit_map(self.map()).map_err(|e| e.locate(self.node, self.path))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DeError> {
        let Some(text) = self.node.as_str() else {
            return self.wrong("a text", None);
        };
        let word: StrDeserializer<'_, DeError> = text.into_deserializer();
        visitor.visit_enum(word).map_err(|e| e.locate(self.node, self.path))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

/// The elements of a list, poisoned ones left out.
struct Items<'a, 'de> {
    rest: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
    of: NodeDeserializer<'a, 'de>,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = DeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DeError> {
        let reading = self.of.reading;
        let Some((index, node)) = self.rest.find(|(_, node)| !reading.is_poisoned(node)) else {
            return Ok(None);
        };
        let path = Path::Index(self.of.path, index);
        let value = seed
            .deserialize(NodeDeserializer { node, path: &path, reading })
            .map_err(|e| e.locate(node, &path))?;
        Ok(Some(value))
    }
}

/// The entries of a mapping, poisoned ones left out.
struct Entries<'a, 'de> {
    rest: std::slice::Iter<'de, Entry>,
    current: Option<&'de Entry>,
    of: NodeDeserializer<'a, 'de>,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = DeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DeError> {
        let reading = self.of.reading;
        self.current = self.rest.find(|entry| !reading.is_poisoned(&entry.value));
        let Some(entry) = self.current else { return Ok(None) };
        let key: StrDeserializer<'_, DeError> = (*entry.key).into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, DeError> {
        let entry = self.current.take().expect("serde asks for a value after its key");
        let path = Path::Key(self.of.path, &entry.key);
        let node = &entry.value;
        seed.deserialize(NodeDeserializer { node, path: &path, reading: self.of.reading })
            .map_err(|e| e.locate(node, &path))
    }
}
