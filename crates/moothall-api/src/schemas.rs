//! The JSON Schemas of all operations, from which inputs are checked and documents are written.
//!
//! Inputs and answers may share a type and yet differ, because a field with a default may be left out of an input and is
//! always there in an answer. Where the two differ, the input's definition is named `…Input`.

use std::collections::BTreeSet;

use moothall::Registry;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Where definitions stand: schemas refer to `#/$defs/Name`.
const DEFINITIONS: &str = "#/$defs/";

/// The schemas of all operations of a registry.
#[derive(Debug)]
pub struct Schemas {
    /// The named types, by name.
    pub definitions: Map<String, Value>,
    inputs: Map<String, Value>,
    outputs: Map<String, Value>,
}

impl Schemas {
    /// The schemas of all operations, and of further types that cross the wire the server's way.
    pub fn new(registry: &Registry, further: &[fn(&mut SchemaGenerator) -> Schema]) -> Self {
        let settings = || SchemaSettings::draft2020_12().with_transform(RecursiveTransform(bound_integers));
        let mut for_input = settings().for_deserialize().into_generator();
        let mut for_output = settings().for_serialize().into_generator();
        let (mut inputs, mut outputs) = (Map::new(), Map::new());
        for operation in registry.operations() {
            inputs.insert(operation.name.to_owned(), (operation.input)(&mut for_input).to_value());
            outputs.insert(operation.name.to_owned(), (operation.output)(&mut for_output).to_value());
        }
        for schema in further {
            schema(&mut for_output);
        }
        let mut definitions = for_output.take_definitions(true);
        let mut input_definitions = for_input.take_definitions(true);
        for schema in inputs.values_mut() {
            bound_integers_of(schema);
            allow_null_for_absent(resolve_mut(&mut input_definitions, schema));
        }
        outputs.values_mut().for_each(bound_integers_of);
        let differing: BTreeSet<String> = input_definitions
            .iter()
            .filter(|(name, schema)| definitions.get(*name).is_some_and(|other| other != *schema))
            .map(|(name, _)| name.clone())
            .collect();
        let renamed = |name: &str| {
            if differing.contains(name) { format!("{name}Input") } else { name.to_owned() }
        };
        let rename = |schema: &mut Value| {
            refer(schema, &|name| format!("{DEFINITIONS}{}", renamed(name)));
        };
        for (name, mut schema) in input_definitions {
            rename(&mut schema);
            definitions.insert(renamed(&name), schema);
        }
        inputs.values_mut().for_each(rename);
        definitions.sort_keys();
        Self { definitions, inputs, outputs }
    }

    /// The schema of an operation's input, which may be a reference.
    pub fn input(&self, operation: &str) -> &Value {
        self.inputs.get(operation).unwrap_or(&Value::Null)
    }

    /// The schema of an operation's answer, which may be a reference.
    pub fn output(&self, operation: &str) -> &Value {
        self.outputs.get(operation).unwrap_or(&Value::Null)
    }

    /// The schema itself, if this is a reference to one.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(DEFINITIONS));
        name.and_then(|name| self.definitions.get(name)).unwrap_or(schema)
    }

    /// One schema that stands alone, with those definitions it needs.
    pub fn standalone(&self, schema: &Value) -> Value {
        let mut needed = BTreeSet::new();
        let mut waiting = vec![schema.clone()];
        while let Some(mut schema) = waiting.pop() {
            let found = std::cell::RefCell::new(Vec::new());
            refer(&mut schema, &|name| {
                found.borrow_mut().push(name.to_owned());
                String::new()
            });
            for name in found.into_inner() {
                if let Some(definition) = self.definitions.get(&name)
                    && needed.insert(name)
                {
                    waiting.push(definition.clone());
                }
            }
        }
        let definitions: Map<String, Value> = needed
            .into_iter()
            .filter_map(|name| self.definitions.get(&name).cloned().map(|definition| (name, definition)))
            .collect();
        let mut whole = self.resolve(schema).as_object().cloned().unwrap_or_default();
        whole.insert("$defs".to_owned(), Value::Object(definitions));
        Value::Object(whole)
    }
}

/// The schema, standing alone, of an input that is in no registry.
pub(crate) fn input_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(bound_integers));
    let mut schema = settings.for_deserialize().into_generator().into_root_schema_for::<T>().to_value();
    allow_null_for_absent(&mut schema);
    schema
}

/// Rewrites every reference: `to` makes a new one out of the definition's name.
pub(crate) fn refer(schema: &mut Value, to: &dyn Fn(&str) -> String) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(reference) if name == "$ref" => {
                        if let Some(name) = reference.strip_prefix(DEFINITIONS) {
                            *reference = to(name);
                        }
                    }
                    other => refer(other, to),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| refer(item, to)),
        _ => {}
    }
}

fn resolve_mut<'a>(definitions: &'a mut Map<String, Value>, schema: &'a mut Value) -> &'a mut Value {
    let name = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(DEFINITIONS));
    match name.map(str::to_owned).and_then(|name| definitions.get_mut(&name)) {
        Some(definition) => definition,
        None => schema,
    }
}

/// Absent and `null` mean the same on input: the schema says so for every field that may be absent.
fn allow_null_for_absent(input: &mut Value) {
    let required: Vec<Value> = input.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let Some(fields) = input.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, schema) in fields {
        if !required.iter().any(|required| required == name) && !allows_null(schema) {
            *schema = match schema.as_object_mut() {
                Some(plain)
                    if !plain.contains_key("enum") && plain.get("type").is_some_and(Value::is_string) =>
                {
                    let kind = plain.get("type").cloned();
                    plain.insert("type".to_owned(), json!([kind, "null"]));
                    schema.take()
                }
                _ => json!({ "anyOf": [schema.take(), { "type": "null" }] }),
            };
        }
    }
}

fn allows_null(schema: &Value) -> bool {
    let branches = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "null",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "null"),
        _ => {
            schema.as_bool() == Some(true)
                || schema.as_object().is_some_and(|fields| {
                    !["anyOf", "oneOf", "$ref", "enum", "const", "allOf"]
                        .iter()
                        .any(|key| fields.contains_key(*key))
                })
                || branches.into_iter().any(allows_null)
        }
    }
}

/// An integer of a fixed size has bounds, whether or not the author wrote them down.
fn bound_integers(schema: &mut Schema) {
    // Absent and null mean the same; as a default it would not be of the type of what the field refers to.
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    let (min, max) = match schema.get("format").and_then(Value::as_str) {
        Some("int32") => (json!(i32::MIN), json!(i32::MAX)),
        Some("uint32") => (json!(0), json!(u32::MAX)),
        Some("int64" | "int") => (json!(i64::MIN), json!(i64::MAX)),
        Some("uint64" | "uint") => (json!(0), json!(u64::MAX)),
        _ => return,
    };
    let fields = schema.ensure_object();
    fields.entry("minimum").or_insert(min);
    fields.entry("maximum").or_insert(max);
}

fn bound_integers_of(schema: &mut Value) {
    if let Ok(schema) = <&mut Schema>::try_from(schema) {
        RecursiveTransform(bound_integers).transform(schema);
    }
}
