//! `/docs/websocket`: every message, written down from the types that read and write them, so that
//! nothing here can be older than they are.

use crate::http::docs::examples;
use crate::protocol::{ClientMessage, ERROR_CODES, ServerMessage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The frame of the page; `{…}` are filled in.
const FRAME: &str = include_str!("frame.html");
/// What the page shows is what its button runs.
const EXAMPLE: &str = include_str!("../../../web/public/reference/example.js");

pub(super) fn page() -> String {
    let mut values = Vec::new();
    ClientMessage::schemas(&mut values);
    ServerMessage::schemas(&mut values);
    let values: BTreeMap<String, RefOr<Schema>> = values.into_iter().collect();
    let from_pages = examples::FROM_PAGES.iter().map(|text| (*text).to_owned()).collect();
    let from_server = examples::from_server().iter().map(ServerMessage::to_json).collect();
    FRAME
        .replace("{example}", &escape(EXAMPLE))
        .replace("{from-pages}", &messages("client", &messages_of::<ClientMessage>(), from_pages))
        .replace("{from-server}", &messages("server", &messages_of::<ServerMessage>(), from_server))
        .replace("{codes}", &codes())
        .replace("{values}", &values.iter().map(|(name, schema)| value(name, schema)).collect::<String>())
}

/// A row for each group of codes.
fn codes() -> String {
    let row = |(codes, text): &(&[&str], &str)| {
        let codes: Vec<String> = codes.iter().map(|code| format!("<code>{}</code>", escape(code))).collect();
        format!("<tr><td>{}<td>{}</tr>\n", codes.join(", "), prose(text))
    };
    ERROR_CODES.iter().map(row).collect()
}

/// A message as its schema describes it.
struct Message {
    name: String,
    about: String,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    kind: String,
    about: String,
    is_required: bool,
}

fn messages_of<T: PartialSchema>() -> Vec<Message> {
    let schema = serde_json::to_value(T::schema()).expect("a schema has only texts as keys");
    let variants = schema["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    variants.iter().map(Message::read).collect()
}

impl Message {
    fn read(schema: &Value) -> Message {
        let mut fields = fields(schema);
        fields.retain(|field| field.name != "type");
        Message { name: tag(schema).to_owned(), about: text(schema), fields }
    }
}

/// What stands in the field `type`.
fn tag(schema: &Value) -> &str {
    let tag = &schema["properties"]["type"];
    tag["const"].as_str().or(tag["enum"][0].as_str()).unwrap_or_default()
}

fn text(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

fn fields(schema: &Value) -> Vec<Field> {
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let properties = schema["properties"].as_object().into_iter().flatten();
    let field = |(name, schema): (&String, &Value)| Field {
        name: name.clone(),
        kind: kind(schema),
        about: text(schema),
        is_required: required.iter().any(|one| one == name),
    };
    properties.map(field).collect()
}

/// What a value is, in words and links.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["allOf"].as_array()) {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let named = |name: &str| match name {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => {
            format!("object of {} by key", kind(&schema["additionalProperties"]))
        }
        "integer" => "number".to_owned(),
        name => escape(name),
    };
    match &schema["type"] {
        Value::String(name) => named(name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).map(named).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

fn messages(direction: &str, messages: &[Message], examples: Vec<String>) -> String {
    let typed: BTreeMap<String, String> =
        examples.into_iter().filter_map(|text| Some((type_of(&text)?, text))).collect();
    let mut page = String::new();
    for Message { name, about, fields } in messages {
        let example = typed.get(name).map(|text| pretty(text)).unwrap_or_default();
        let _ = writeln!(
            page,
            "<section id=\"{direction}-{name}\"><h3><code>{name}</code></h3><p>{}</p>{}<pre>{}</pre></section>",
            prose(about),
            table(fields),
            escape(&example)
        );
    }
    page
}

fn value(name: &str, schema: &RefOr<Schema>) -> String {
    let schema = serde_json::to_value(schema).expect("a schema has only texts as keys");
    let choices = schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let choices: Vec<String> = choices.map(|choice| format!("<code>{}</code>", escape(choice))).collect();
    let body =
        if choices.is_empty() { table(&fields(&schema)) } else { format!("<p>{}</p>", choices.join(", ")) };
    format!("<section id=\"{name}\"><h3>{name}</h3><p>{}</p>{body}</section>\n", prose(&text(&schema)))
}

fn table(fields: &[Field]) -> String {
    if fields.is_empty() {
        return String::new();
    }
    let row = |Field { name, kind, about, is_required }: &Field| {
        let need = if *is_required { "" } else { " <em>may be left out</em>" };
        format!("<tr><td><code>{name}</code><td>{kind}{need}<td>{}</tr>", prose(about))
    };
    format!("<table>{}</table>", fields.iter().map(row).collect::<String>())
}

/// A comment of the code as text of a page: what stands in backticks is code.
fn prose(text: &str) -> String {
    let parts = escape(text);
    let each = parts.split('`').enumerate();
    each.map(|(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}

fn type_of(message: &str) -> Option<String> {
    let value: Value = serde_json::from_str(message).ok()?;
    Some(value["type"].as_str()?.to_owned())
}

/// Over several lines when it is long.
fn pretty(message: &str) -> String {
    const SHORT: usize = 100;
    if message.len() <= SHORT {
        return message.to_owned();
    }
    let value: Option<Value> = serde_json::from_str(message).ok();
    value.map_or_else(|| message.to_owned(), |value| format!("{value:#}"))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::CLIENT_TYPES;
    use std::collections::BTreeSet;

    fn names(messages: &[Message]) -> BTreeSet<&str> {
        messages.iter().map(|message| message.name.as_str()).collect()
    }

    #[test]
    fn every_message_a_page_may_send_is_on_the_page_with_an_example_that_is_understood() {
        let messages = messages_of::<ClientMessage>();
        assert_eq!(names(&messages), BTreeSet::from(CLIENT_TYPES));
        let typed: Vec<String> = examples::FROM_PAGES.iter().filter_map(|text| type_of(text)).collect();
        assert_eq!(names(&messages), typed.iter().map(String::as_str).collect());
        for text in examples::FROM_PAGES {
            ClientMessage::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    #[test]
    fn every_message_of_the_server_is_on_the_page_with_an_example_of_all_its_fields() {
        let messages = messages_of::<ServerMessage>();
        let examples: Vec<String> = examples::from_server().iter().map(ServerMessage::to_json).collect();
        let typed: Vec<String> = examples.iter().filter_map(|text| type_of(text)).collect();
        assert_eq!(names(&messages), typed.iter().map(String::as_str).collect());
        for (message, example) in messages.iter().zip(&examples) {
            let example: Value = serde_json::from_str(example).unwrap();
            for field in example.as_object().unwrap().keys().filter(|key| *key != "type") {
                let known = message.fields.iter().any(|known| known.name == *field);
                assert!(known, "{} has a field {field} that is not described", message.name);
            }
            let missing: Vec<&str> = message
                .fields
                .iter()
                .filter(|field| field.is_required && example.get(&field.name).is_none())
                .map(|field| field.name.as_str())
                .collect();
            assert!(missing.is_empty(), "{}: {missing:?} are said to be required", message.name);
        }
    }

    #[test]
    fn every_code_of_an_error_is_on_the_page() {
        let page = page();
        for code in ERROR_CODES.iter().flat_map(|(codes, _)| *codes) {
            assert!(page.contains(&format!("<code>{code}</code>")), "{code}");
        }
        assert!(!page.contains("{codes}"));
    }

    #[test]
    fn nothing_on_the_page_is_without_a_word_or_leads_nowhere() {
        let page = page();
        for message in messages_of::<ClientMessage>().iter().chain(&messages_of::<ServerMessage>()) {
            assert!(!message.about.is_empty(), "{}", message.name);
            for field in &message.fields {
                assert!(
                    !field.about.is_empty() || field.kind.starts_with("<a"),
                    "{}.{}",
                    message.name,
                    field.name
                );
            }
        }
        for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(page.contains(&format!("id=\"{link}\"")), "#{link}");
        }
        assert!(
            !page.contains("{values}") && !page.contains("{example}") && !page.contains("{from-"),
            "{page}"
        );
    }
}
