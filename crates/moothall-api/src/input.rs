//! Checking an input against its operation's schema, once, at the edge; and saying all that is wrong with it.
//!
//! Start at [`Check::apply`].

#[cfg(test)]
mod bounds;

use jsonschema::Validator;
use moothall::broken::{child, explain, field};
use moothall::{Error, FieldError, Registry};
use moothall_protocol::limits::INPUT_ERRORS_MAX;
use serde::Serialize;
use serde_json::Value;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::read::BINARY;
use crate::schemas::Schemas;

/// The check of one operation's input.
#[derive(Debug)]
pub(crate) struct Check {
    schema: Value,
    validator: Validator,
    /// Fields that may be absent: for them `null` means the same.
    optional: Vec<String>,
}

impl Check {
    /// The check of this operation, or what is wrong with its schema.
    pub fn new(schemas: &Schemas, operation: &str) -> Result<Self, String> {
        Self::of(schemas.standalone(schemas.input(operation)))
    }

    /// The check of what stands in no registry.
    pub fn of(schema: Value) -> Result<Self, String> {
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err("an input must be a struct with named fields".to_owned());
        }
        let validator = jsonschema::draft202012::options()
            .should_validate_formats(true)
            .with_pattern_options(jsonschema::PatternOptions::regex())
            .build(&schema)
            .map_err(|error| error.to_string())?;
        let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
        let optional = schema
            .get("properties")
            .and_then(Value::as_object)
            .map(|fields| fields.keys().filter(|name| !required.iter().any(|required| required == *name)))
            .map(|names| names.cloned().collect())
            .unwrap_or_default();
        Ok(Self { schema, validator, optional })
    }

    /// Brings the input into its one form, and refuses it if it breaks a rule.
    pub fn apply(&self, mut input: Value) -> Result<Value, Error> {
        // Nearly nothing needs it, so that the walk along the schema is rare.
        if is_to_be_normalised(&input) {
            walk(&mut input, &[&self.schema], &self.schema, &normalise);
        }
        if let Value::Object(fields) = &mut input {
            fields.retain(|name, value| !(value.is_null() && self.optional.contains(name)));
        }
        let mut fields = Vec::new();
        if has_nul(&input) {
            walk(&mut input, &[&self.schema], &self.schema, &take_binary);
            refuse_nul("", &input, &mut fields);
        }
        // The quick question first: nearly every input is valid.
        if fields.is_empty() && self.validator.is_valid(&input) {
            return Ok(input);
        }
        // Of what is binary that has been said.
        let errors = self.validator.iter_errors(&input).filter(|error| !is_binary(error.instance()));
        for error in errors.take(INPUT_ERRORS_MAX) {
            explain(&self.schema, &input, &error, &mut fields);
        }
        fields.truncate(INPUT_ERRORS_MAX);
        Err(Error::Invalid { fields })
    }
}

/// Checks the input of an operation as the doors do, for a program that calls it without them.
///
/// # Errors
/// What the doors would answer: the fields that are wrong, each with the rule and its bound.
pub fn check_input(registry: &Registry, operation: &str, input: &impl Serialize) -> Result<(), Error> {
    let check = Check::new(&Schemas::new(registry, &[]), operation)
        .map_err(|wrong| Error::internal(std::io::Error::other(wrong)))?;
    check.apply(serde_json::to_value(input).map_err(Error::internal)?).map(drop)
}

/// Goes through an input along the schemas it may be of. `visit` sees each value with its schemas, and says whether what is within
/// is to be seen too.
fn walk(value: &mut Value, schemas: &[&Value], root: &Value, visit: &dyn Fn(&mut Value, &[&Value]) -> bool) {
    let mut branches = Vec::new();
    schemas.iter().for_each(|schema| collect_branches(schema, root, &mut branches));
    if !visit(value, &branches) {
        return;
    }
    match value {
        Value::Array(items) => {
            let of_items: Vec<&Value> = branches.iter().filter_map(|branch| branch.get("items")).collect();
            items.iter_mut().for_each(|item| walk(item, &of_items, root, visit));
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                let of_field =
                    branches.iter().filter_map(|branch| branch.get("properties")?.get(name.as_str()));
                let of_field: Vec<&Value> = of_field.collect();
                walk(value, &of_field, root, visit);
            }
        }
        _ => {}
    }
}

/// Texts in Unicode's composed form, so that lengths and equality mean what people see; whole numbers as integers. What may be
/// anything, by one of the schemas it may be of, belongs to the client, and stays as it came.
fn normalise(value: &mut Value, branches: &[&Value]) -> bool {
    if branches.iter().any(|branch| is_anything(branch)) {
        return false;
    }
    match value {
        Value::String(text) if !is_nfc(text) => *text = text.nfc().collect(),
        Value::Number(number) => {
            if let Some(whole) = whole(number) {
                *value = Value::from(whole);
            }
        }
        _ => {}
    }
    true
}

/// What came as binary is base64 from here on, where a field takes that; elsewhere it keeps its mark, and is refused.
fn take_binary(value: &mut Value, branches: &[&Value]) -> bool {
    let is_base64 = |branch: &&Value| branch.get("contentEncoding").and_then(Value::as_str) == Some("base64");
    if let Value::String(text) = value
        && text.starts_with(BINARY)
        && branches.iter().any(is_base64)
    {
        text.drain(..BINARY.len());
    }
    true
}

/// The whole number that this is, written as a fraction.
fn whole(number: &serde_json::Number) -> Option<i64> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then_some(float as i64)
}

fn is_to_be_normalised(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_ascii() && !is_nfc(text),
        Value::Number(number) => whole(number).is_some(),
        Value::Array(items) => items.iter().any(is_to_be_normalised),
        Value::Object(fields) => fields.values().any(is_to_be_normalised),
        _ => false,
    }
}

/// The schemas that one schema leads to, by reference or by choice.
fn collect_branches<'a>(schema: &'a Value, root: &'a Value, branches: &mut Vec<&'a Value>) {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        if let Some(target) = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
            collect_branches(target, root, branches);
        }
        return;
    }
    branches.push(schema);
    for choice in ["anyOf", "oneOf", "allOf"] {
        let among = schema.get(choice).and_then(Value::as_array).into_iter().flatten();
        among.for_each(|branch| collect_branches(branch, root, branches));
    }
}

/// Whether this schema lets everything pass.
fn is_anything(schema: &Value) -> bool {
    const RULES: [&str; 7] = ["type", "enum", "const", "anyOf", "oneOf", "allOf", "properties"];
    match schema {
        Value::Bool(all) => *all,
        Value::Object(schema) => RULES.iter().all(|rule| !schema.contains_key(*rule)),
        _ => false,
    }
}

/// What came as binary, and no field took.
fn is_binary(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with(BINARY))
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// No text may contain U+0000: PostgreSQL cannot store it, and nobody means it.
fn refuse_nul(path: &str, value: &Value, fields: &mut Vec<FieldError>) {
    if fields.len() >= INPUT_ERRORS_MAX {
        return;
    }
    let mut refuse = || fields.push(field(path, "bad_pattern", "must not contain the character U+0000"));
    match value {
        binary if is_binary(binary) => {
            fields.push(field(path, "wrong_type", "must not be binary"));
        }
        Value::String(text) if text.contains('\0') => refuse(),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse_nul(&child(path, &index.to_string()), item, fields);
            }
        }
        Value::Object(object) => {
            if object.keys().any(|name| name.contains('\0')) {
                refuse();
            }
            for (name, value) in object {
                refuse_nul(&child(path, name), value, fields);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use moothall::broken::nearest;
    use moothall::{Access, Cx, Operations, Registry};
    use moothall_protocol::UserId;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::{Map, json};

    use super::*;

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Try {
        user_id: UserId,
        #[schemars(length(min = 2, max = 4))]
        name: String,
        #[serde(default)]
        #[schemars(range(min = 1, max = 200))]
        limit: Option<u32>,
        #[serde(default)]
        is_loud: bool,
        #[serde(default)]
        colour: Option<Colour>,
        #[serde(default)]
        #[schemars(length(max = 2))]
        parts: Vec<Part>,
        #[serde(default)]
        shape: Option<Shape>,
        #[serde(default)]
        count: i64,
        #[serde(default)]
        anything: Option<Value>,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        /// As blood.
        Red,
        /// As the sky.
        Blue,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Part {
        weight: f64,
    }

    #[derive(Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Shape {
        Circle { radius: u8 },
        Square { side: u8 },
        Free { data: Value },
    }

    async fn attempt(_: &Cx, _: Try) -> Result<(), Error> {
        Ok(())
    }

    fn check() -> Check {
        let operations = Operations::context("tries", "For this test").post(
            "/tries",
            "tries.attempt",
            Access::Public,
            attempt,
        );
        let registry = Registry::new(vec![operations]).unwrap();
        Check::new(&Schemas::new(&registry, &[]), "tries.attempt").unwrap()
    }

    const USER: &str = "01900000-0000-7000-8000-000000000000";

    /// What is wrong with an input that is right but for this.
    fn wrong_with(changes: Value) -> Vec<(String, String)> {
        let mut input = json!({ "user_id": USER, "name": "ana" });
        for (name, value) in changes.as_object().unwrap() {
            input[name] = value.clone();
        }
        match check().apply(input) {
            Ok(_) => Vec::new(),
            Err(Error::Invalid { fields }) => {
                fields.into_iter().map(|field| (field.path, field.code)).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn one(path: &str, code: &str) -> Vec<(String, String)> {
        vec![(path.to_owned(), code.to_owned())]
    }

    #[test]
    fn each_broken_rule_is_named_with_its_path() {
        assert_eq!(wrong_with(json!({})), []);
        assert_eq!(wrong_with(json!({ "user_id": "ana" })), one("/user_id", "bad_format"));
        assert_eq!(wrong_with(json!({ "name": "a" })), one("/name", "too_short"));
        assert_eq!(wrong_with(json!({ "name": 7 })), one("/name", "wrong_type"));
        assert_eq!(wrong_with(json!({ "limit": 0 })), one("/limit", "too_small"));
        assert_eq!(wrong_with(json!({ "limit": 201 })), one("/limit", "too_large"));
        assert_eq!(wrong_with(json!({ "limit": 1.5 })), one("/limit", "wrong_type"));
        assert_eq!(wrong_with(json!({ "colour": "green" })), one("/colour", "not_a_choice"));
        assert_eq!(wrong_with(json!({ "colour": 3 })), one("/colour", "not_a_choice"));
        assert_eq!(wrong_with(json!({ "count": 1e300 })), one("/count", "too_large"));
        assert_eq!(
            wrong_with(json!({ "parts": [{ "weight": 1 }, { "weight": "x" }] })),
            one("/parts/1/weight", "wrong_type")
        );
        assert_eq!(
            wrong_with(json!({ "parts": [{ "weight": 1, "wieght": 2 }] })),
            one("/parts/0/wieght", "unknown_field")
        );
        assert_eq!(wrong_with(json!({ "parts": [{}, {}, {}] }))[..1], one("/parts", "too_many"));
        assert_eq!(
            wrong_with(json!({ "shape": { "kind": "circle", "radius": 300 } })),
            one("/shape/radius", "too_large")
        );
        assert_eq!(wrong_with(json!({ "shape": { "kind": "star" } })), one("/shape/kind", "not_a_choice"));
        assert_eq!(wrong_with(json!({ "shape": 5 })), one("/shape", "wrong_type"));
    }

    #[test]
    fn what_has_no_fields_says_which_one_is_unknown() {
        let registry = Registry::new(moothall::contexts()).unwrap();
        let check = Check::new(&Schemas::new(&registry, &[]), "system.ping").unwrap();
        assert_eq!(check.apply(json!({})).unwrap(), json!({}));
        let Err(Error::Invalid { fields }) = check.apply(json!({ "foo": 1, "bar": null })) else {
            panic!("valid")
        };
        let told: Vec<_> = fields.iter().map(|field| (field.path.as_str(), field.code.as_str())).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.contains(&("/foo", "unknown_field")) && told.contains(&("/bar", "unknown_field")));
        let many: Map<_, _> = (0..10_000).map(|n| (format!("x{n}"), json!(1))).collect();
        let Err(Error::Invalid { fields }) = check.apply(many.into()) else { panic!("valid") };
        assert_eq!(fields.len(), INPUT_ERRORS_MAX);
    }

    #[test]
    fn a_reason_says_something_wherever_one_is_taken() {
        let registry = Registry::new(moothall::contexts()).unwrap();
        let schemas = Schemas::new(&registry, &[]);
        let mut count = 0;
        for operation in registry.operations() {
            let check = Check::new(&schemas, operation.name).unwrap();
            if check.schema.pointer("/properties/reason").is_none() {
                continue;
            }
            count += 1;
            let told = |reason: &str| match check.apply(json!({ "reason": reason })) {
                Err(Error::Invalid { fields }) => {
                    fields.into_iter().filter(|field| field.path == "/reason").collect()
                }
                _ => Vec::new(),
            };
            for blank in ["", " ", "\t\n \u{a0}\u{3000}"] {
                let told: Vec<FieldError> = told(blank);
                assert_eq!(told.len(), 1, "{}: {told:?}", operation.name);
                assert_eq!((told[0].code.as_str(), told[0].message.as_str()), ("bad_pattern", "say why"));
            }
            assert!(told(" rude ").is_empty(), "{}", operation.name);
        }
        assert!(count >= 25, "{count} operations take a reason");
    }

    #[test]
    fn binary_is_for_fields_that_take_bytes_and_for_no_other() {
        let registry = Registry::new(moothall::contexts()).unwrap();
        let schemas = Schemas::new(&registry, &[]);
        let relay = Check::new(&schemas, "matches.relay").unwrap();
        let binary = crate::read::msgpack(&[0xc4, 2, 0xff, 0]).unwrap();
        let checked = relay.apply(json!({ "match_id": USER, "data": binary })).unwrap();
        assert_eq!(checked["data"], "/wA=");
        assert_eq!(wrong_with(json!({ "name": binary })), one("/name", "wrong_type"));
        assert_eq!(
            wrong_with(json!({ "anything": { "deep": [binary] } })),
            one("/anything/deep/0", "wrong_type")
        );
    }

    #[test]
    fn b64_an_error_tells_the_bound_and_the_nearest_name_and_never_the_value() {
        let input = json!({ "user_id": USER, "nmae": "hunter2", "limit": 999 });
        let Err(Error::Invalid { fields }) = check().apply(input) else { panic!("valid") };
        let of = |code: &str| fields.iter().find(|field| field.code == code).unwrap();
        assert_eq!(of("unknown_field").nearest.as_deref(), Some("name"));
        assert_eq!(of("required").path, "/name");
        assert_eq!(of("too_large").max, Some(200.0));
        assert!(!format!("{fields:?}").contains("hunter2"));
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_what_it_is_and_what_is_asked_for() {
        let told = |changes: Value| {
            let mut input = json!({ "user_id": USER, "name": "ana" });
            input.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let Err(Error::Invalid { fields }) = check().apply(input) else { panic!("valid") };
            fields[0].message.clone()
        };
        // As text that stands in a query and is no number.
        assert_eq!(told(json!({ "limit": "ten" })), "must be an integer, not a string");
        assert_eq!(told(json!({ "limit": 1.5 })), "must be an integer, not a number with a fraction");
        assert_eq!(told(json!({ "name": 7 })), "must be a string, not an integer");
        assert_eq!(told(json!({ "name": null })), "must be a string, not null");
        assert_eq!(told(json!({ "is_loud": [] })), "must be a boolean, not an array");
        assert_eq!(told(json!({ "parts": {} })), "must be an array, not an object");
        assert_eq!(told(json!({ "shape": true })), "must be an object, not a boolean");
    }

    #[test]
    fn a_refusal_costs_no_more_and_says_no_more_than_the_input_is_worth() {
        let many: Value = (0..24_000).map(|n| (format!("x{n}"), json!(1))).collect::<Map<_, _>>().into();
        let name = "n".repeat(100_000);
        let inside = json!({ name.clone(): vec!["a\0"; 10_000] });
        for input in [many, json!({ name.clone(): 1 }), json!({ "parts": [{ name: 1 }] }), inside] {
            let Err(Error::Invalid { fields }) = check().apply(input) else { panic!("valid") };
            assert!(fields.len() <= INPUT_ERRORS_MAX);
            assert!(fields.iter().all(|field| field.path.len() < 100), "{:?}", fields[0]);
            assert!(format!("{fields:?}").len() < 10_000);
        }
        assert_eq!(nearest(&"name".repeat(17), ["name"].into_iter()), None);
    }

    #[test]
    fn what_may_be_anything_stays_as_it_came() {
        let anything = json!({ "one": 1.0, "text": "e\u{301}", "list": [2.0, { "deep": 3.0 }] });
        let input = json!({
            "user_id": USER, "name": "e\u{301}e\u{301}", "count": 3.0, "anything": anything,
            "shape": { "kind": "free", "data": anything },
        });
        let checked = check().apply(input).unwrap();
        assert_eq!(checked["anything"].to_string(), anything.to_string());
        assert_eq!(checked["shape"]["data"].to_string(), anything.to_string());
        assert_eq!((&checked["name"], checked["count"].to_string()), (&json!("éé"), "3".to_owned()));
        assert_eq!(wrong_with(json!({ "anything": ["\0"] })), one("/anything/0", "bad_pattern"));
    }

    #[test]
    fn at_most_sixteen_errors_are_told() {
        let fields: Value = (0..40).map(|n| (format!("x{n}"), json!(1))).collect::<Map<_, _>>().into();
        assert_eq!(wrong_with(fields).len(), INPUT_ERRORS_MAX);
    }

    #[test]
    fn null_is_as_absent_and_text_is_composed_before_it_is_measured() {
        let decomposed = "e\u{301}e\u{301}e\u{301}e\u{301}";
        let input = json!({ "user_id": USER, "name": decomposed, "limit": null, "is_loud": null, "shape": null, "count": 3.0 });
        let checked = check().apply(input).unwrap();
        assert_eq!(checked, json!({ "user_id": USER, "name": "éééé", "count": 3 }));
        serde_json::from_value::<Try>(checked).unwrap();
        assert_eq!(wrong_with(json!({ "name": null })), one("/name", "wrong_type"));
    }
}
