//! YAML with the lines on which things stand.

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::Spanned;

/// A value, and what is in it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Node {
    Plain(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u64,
    pub(crate) node: Node,
}

/// Why a text is no YAML.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BadYaml {
    pub(crate) line: Option<u64>,
    pub(crate) text: String,
}

impl Node {
    /// Reads one document; an empty one is nothing.
    pub(crate) fn read(text: &str) -> Result<Node, BadYaml> {
        serde_saphyr::from_str(text).map_err(|error| BadYaml {
            line: error.location().map(|location| location.line()),
            text: error.without_snippet().to_string(),
        })
    }

    /// Without the lines.
    pub(crate) fn value(&self) -> Value {
        match self {
            Node::Plain(value) => value.clone(),
            Node::List(nodes) => nodes.iter().map(Node::value).collect(),
            Node::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.clone(), entry.node.value())).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(Builder)
    }
}

struct Builder;

impl<'de> Visitor<'de> for Builder {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value, a list or keys with values")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some(key) = items.next_key::<Spanned<String>>()? {
            let node = items.next_value()?;
            if entries.iter().any(|entry| entry.key == key.value) {
                return Err(A::Error::custom(format!("the key {} stands here twice", key.value)));
            }
            entries.push(Entry { line: key.referenced.line(), key: key.value, node });
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_knows_its_line() {
        let Node::Map(entries) = Node::read("a: 1\nb:\n  c: [x, true]\n\n  d: {e: 2.5}\n").unwrap() else {
            panic!("keys with values were expected");
        };
        assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [1, 2]);
        let Node::Map(inner) = &entries[1].node else { panic!("b has keys") };
        assert_eq!(inner.iter().map(|entry| entry.line).collect::<Vec<_>>(), [3, 5]);
        assert_eq!(entries[1].node.value(), serde_json::json!({"c": ["x", true], "d": {"e": 2.5}}));
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let error = Node::read("a: 1\nb: [1, 2\n").unwrap_err();
        assert!(error.line.is_some() && !error.text.is_empty(), "{error:?}");
        assert!(Node::read("a: 1\na: 2\n").is_err(), "a key twice");
    }

    #[test]
    fn an_empty_file_says_nothing() {
        for text in ["", "# only a comment\n", "---\n"] {
            assert_eq!(Node::read(text).unwrap(), Node::Plain(Value::Null), "{text:?}");
        }
    }
}
