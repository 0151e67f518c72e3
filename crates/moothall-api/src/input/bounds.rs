//! Every bound that stands in a schema of the product is reached, and told: derived from the schemas, so that none is left out.

use std::collections::BTreeSet;

use moothall::{FieldError, Registry};
use serde_json::Map;

use super::*;

/// A bound of an input: how to reach it, and what must be said beyond it.
struct Bound {
    path: String,
    at: Value,
    beyond: Value,
    code: &'static str,
    value: f64,
}

/// Looks for bounds below one schema. `within` builds the whole input from the value at `path`; `above` are the definitions on the way,
/// one of which may lead to itself.
fn find(
    root: &Value,
    schema: &Value,
    above: &[&str],
    path: &str,
    within: &dyn Fn(Value) -> Value,
    found: &mut Vec<Bound>,
) {
    let mut above = above.to_vec();
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        if above.contains(&reference) {
            return;
        }
        above.push(reference);
    }
    let schema = resolve(root, schema);
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for branch in schema.get(keyword).and_then(Value::as_array).into_iter().flatten() {
            find(root, branch, &above, path, within, found);
        }
    }
    for (keyword, bound) in schema.as_object().into_iter().flatten() {
        let Some((code, at, beyond)) = reach(root, schema, keyword, bound) else { continue };
        let value = bound.as_f64().unwrap();
        found.push(Bound { path: path.to_owned(), at: within(at), beyond: within(beyond), code, value });
    }
    if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
        for (name, field) in fields {
            let within = |value: Value| {
                let mut object = tags(fields);
                object.insert(name.clone(), value);
                within(object.into())
            };
            find(root, field, &above, &format!("{path}/{name}"), &within, found);
        }
    }
    if let Some(items) = schema.get("items") {
        let within = |value: Value| within(Value::Array(vec![value]));
        find(root, items, &above, &format!("{path}/0"), &within, found);
    }
}

/// The fields that say which of several shapes is meant.
fn tags(fields: &Map<String, Value>) -> Map<String, Value> {
    fields
        .iter()
        .filter_map(|(name, field)| field.get("const").map(|value| (name.clone(), value.clone())))
        .collect()
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => resolve(root, root.pointer(reference.trim_start_matches('#')).unwrap()),
        None => schema,
    }
}

/// The code of what is beyond a bound, a value that just keeps it, and one that just does not.
fn reach(root: &Value, schema: &Value, keyword: &str, bound: &Value) -> Option<(&'static str, Value, Value)> {
    let (whole, size) = (bound.as_i64().unwrap_or_default(), bound.as_u64().unwrap_or_default() as usize);
    let text = |length: usize| Value::String("a".repeat(length));
    let items = |count: usize| {
        let item = schema.get("items").map_or(Value::Null, |items| sample(root, items));
        Value::Array(vec![item; count])
    };
    match keyword {
        "maxLength" => Some(("too_long", text(size), text(size + 1))),
        "minLength" if size > 0 => Some(("too_short", text(size), text(size - 1))),
        "maximum" => Some(("too_large", whole.into(), (whole.checked_add(1)?).into())),
        "minimum" => Some(("too_small", whole.into(), (whole.checked_sub(1)?).into())),
        "maxItems" => Some(("too_many", items(size), items(size + 1))),
        "minItems" if size > 0 => Some(("too_few", items(size), items(size - 1))),
        _ => None,
    }
}

/// Something that fits well enough to stand in a list.
fn sample(root: &Value, schema: &Value) -> Value {
    let schema = resolve(root, schema);
    if let Some(choice) = schema.get("const") {
        return choice.clone();
    }
    if let Some(branch) = schema.get("oneOf").or(schema.get("anyOf")).and_then(|branches| branches.get(0)) {
        return sample(root, branch);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") if schema.get("format").is_some() => "01900000-0000-7000-8000-000000000000".into(),
        Some("string") => "aaa".into(),
        Some("object") => {
            let fields = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            let mut object = tags(&fields);
            for name in required.filter_map(Value::as_str) {
                let field = fields.get(name).map(|field| sample(root, field)).unwrap_or_default();
                object.entry(name).or_insert(field);
            }
            object.into()
        }
        Some("integer" | "number") => 1.into(),
        _ => Value::Null,
    }
}

/// What is said of the field at this path.
fn told(check: &Check, input: &Value, path: &str) -> Vec<FieldError> {
    match check.apply(input.clone()) {
        Err(Error::Invalid { fields }) => fields.into_iter().filter(|field| field.path == path).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_is_beyond_a_bound_is_refused_with_path_rule_and_bound_and_what_is_at_it_is_not() {
    let registry = Registry::new(moothall::contexts()).unwrap();
    let schemas = Schemas::new(&registry, &[]);
    let mut reached = BTreeSet::new();
    for operation in registry.operations() {
        let check = Check::new(&schemas, operation.name).unwrap();
        let mut bounds = Vec::new();
        find(&check.schema, &check.schema, &[], "", &|value| value, &mut bounds);
        for Bound { path, at, beyond, code, value } in bounds {
            let told_beyond = told(&check, &beyond, &path);
            let refused = told_beyond.iter().find(|field| field.code == code);
            let named = refused.and_then(|field| {
                if code.contains("too_l") || code == "too_many" { field.max } else { field.min }
            });
            assert_eq!(named, Some(value), "{} {path}: {told_beyond:?} of {beyond}", operation.name);
            let told_at = told(&check, &at, &path);
            assert!(told_at.iter().all(|field| field.code != code), "{} {path}: {told_at:?}", operation.name);
            reached.insert(format!("{}{path} {code}", operation.name));
        }
    }
    assert!(reached.len() > 200, "{} bounds: {reached:#?}", reached.len());
}
