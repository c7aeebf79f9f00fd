//! The messages as TypeScript types, for the client library: written from the same types as the reference,
//! so that neither can be older than the other.

use crate::protocol::{ClientMessage, ServerMessage};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/client/src/messages.ts");
/// Set, the test writes the file instead of comparing it.
const WRITE: &str = "VOLLEY_WRITE_TYPES";

const HEAD: &str = "\
/**
 * Every message of the WebSocket. Written from the server's own types by a test of its reference; to write
 * it anew: VOLLEY_WRITE_TYPES=1 cargo test -p volley-signaling typescript
 */
";

/// Names for one message of many.
const TAIL: &str = r#"
/** The message of this type from a page. */
export type FromClient<Type extends ClientMessage["type"]> = Extract<ClientMessage, { type: Type }>;

/** The message of this type from the server. */
export type FromServer<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;
"#;

fn module() -> String {
    let mut values = Vec::new();
    ClientMessage::schemas(&mut values);
    ServerMessage::schemas(&mut values);
    let values: BTreeMap<String, RefOr<Schema>> = values.into_iter().collect();
    let mut text = String::from(HEAD);
    for (name, about, schema) in [
        ("ClientMessage", "What a page says.", ClientMessage::schema()),
        ("ServerMessage", "What a page is told.", ServerMessage::schema()),
    ] {
        text += &messages(name, about, &json(&schema));
    }
    for (name, schema) in &values {
        text += &value(name, &json(schema));
    }
    text + TAIL
}

fn json(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).expect("a schema has only texts as keys")
}

fn messages(name: &str, about: &str, schema: &Value) -> String {
    let mut text = format!("\n/** {about} */\nexport type {name} =");
    for variant in schema["oneOf"].as_array().into_iter().flatten() {
        let _ = write!(text, "\n{}  | {{\n{}    }}", comment(variant, "  "), fields(variant, "      "));
    }
    text + ";\n"
}

fn value(name: &str, schema: &Value) -> String {
    let about = comment(schema, "");
    if schema["properties"].is_object() {
        return format!("\n{about}export interface {name} {{\n{}}}\n", fields(schema, "  "));
    }
    format!("\n{about}export type {name} = {};\n", kind(schema))
}

/// The tag stands first, since it says what the rest is.
fn fields(schema: &Value, indent: &str) -> String {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let (tag, rest): (Vec<_>, Vec<_>) = properties.partition(|(name, _)| *name == "type");
    let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
    let field = |(name, schema): (&String, &Value)| {
        let mark = if required.iter().any(|one| one == name) { "" } else { "?" };
        format!("{}{indent}{name}{mark}: {};\n", comment(schema, indent), kind(schema))
    };
    tag.into_iter().chain(rest).map(field).collect()
}

fn comment(schema: &Value, indent: &str) -> String {
    let about = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    if about.is_empty() { about } else { format!("{indent}/** {about} */\n") }
}

fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        return target.rsplit('/').next().unwrap_or_default().to_owned();
    }
    if !schema["const"].is_null() {
        return schema["const"].to_string();
    }
    let union = |choices: &Vec<Value>, each: fn(&Value) -> String| {
        choices.iter().map(each).collect::<Vec<_>>().join(" | ")
    };
    if let Some(choices) = schema["enum"].as_array() {
        return union(choices, Value::to_string);
    }
    if let Some(choices) = schema["oneOf"].as_array().or(schema["allOf"].as_array()) {
        return union(choices, kind);
    }
    match &schema["type"] {
        Value::Array(names) => {
            let one = |name: &Value| plain(name.as_str().unwrap_or_default(), schema);
            // What may be nothing is told so last, as people write it.
            let (nothing, some): (Vec<_>, Vec<_>) = names.iter().partition(|name| *name == "null");
            some.into_iter().chain(nothing).map(one).collect::<Vec<_>>().join(" | ")
        }
        name => plain(name.as_str().unwrap_or_default(), schema),
    }
}

fn plain(name: &str, schema: &Value) -> String {
    match name {
        "array" => {
            let item = kind(&schema["items"]);
            if item.contains(' ') { format!("({item})[]") } else { format!("{item}[]") }
        }
        "object" if schema["additionalProperties"].is_object() => {
            format!("Record<string, {}>", kind(&schema["additionalProperties"]))
        }
        "integer" | "number" => "number".to_owned(),
        "string" | "boolean" | "null" => name.to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[test]
fn the_types_of_the_client_library_are_those_of_the_server() {
    let wanted = module();
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(FILE, &wanted).expect("the file can be written");
    }
    let found = std::fs::read_to_string(FILE).unwrap_or_default();
    let first = wanted.lines().zip(found.lines()).position(|(wanted, found)| wanted != found);
    assert!(
        wanted == found,
        "{FILE} differs, first in line {}; write it anew with {WRITE}=1 cargo test -p volley-signaling typescript",
        first.map_or(found.lines().count() + 1, |line| line + 1)
    );
    assert!(!wanted.contains("unknown"), "a field has a type that TypeScript is not told");
}
