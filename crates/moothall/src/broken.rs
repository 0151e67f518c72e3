//! What is wrong with a value that breaks its schema, in words: the same for inputs of operations and for settings.
//!
//! Start at [`explain`]. An error names the path, the rule and the bound, and never repeats the value, which may be a secret.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Rule};
use moothall_protocol::FieldError;
use moothall_protocol::audit::REASON;
use moothall_protocol::limits::INPUT_ERRORS_MAX;
use serde_json::{Map, Value};

/// Characters of a client's own name that are repeated to it, or compared with names there are.
const NAME_LENGTH_MAX: usize = 64;
/// So many fields are all named to whoever knows none of them.
const FIELDS_LISTED: usize = 8;

/// Adds what is wrong with a value, by an error of the check against its schema.
pub fn explain(schema: &Value, value: &Value, error: &ValidationError<'_>, fields: &mut Vec<FieldError>) {
    let path = error.instance_path().as_str();
    match error.kind() {
        Rule::AdditionalProperties { unexpected } | Rule::UnevaluatedProperties { unexpected } => {
            let known = known_names(schema, error);
            let told = unexpected.iter().take(INPUT_ERRORS_MAX);
            fields.extend(told.map(|name| unknown_field(path, name, &known)));
        }
        // What has no fields at all: every name is one too many.
        Rule::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            let names = value.pointer(path).and_then(Value::as_object).into_iter().flat_map(Map::keys);
            fields.extend(names.take(INPUT_ERRORS_MAX).map(|name| unknown_field(path, name, &[])));
        }
        Rule::AnyOf { context } | Rule::OneOfNotValid { context } => {
            explain_branches(schema, value, path, context, fields);
        }
        rule => fields.push(broken(path, rule, error.instance())),
    }
}

/// No branch of a choice fits: tells what is wrong with the one that was meant, if that can be seen.
fn explain_branches(
    schema: &Value,
    value: &Value,
    path: &str,
    context: &[Vec<ValidationError<'static>>],
    fields: &mut Vec<FieldError>,
) {
    let is_other = |error: &ValidationError<'_>| match error.kind() {
        Rule::Type { .. } => error.instance_path().as_str() == path,
        Rule::Constant { .. } | Rule::Enum { .. } => true,
        _ => false,
    };
    let mut meant = context.iter().filter(|errors| !errors.iter().any(is_other));
    if let (Some(errors), None) = (meant.next(), meant.next()) {
        errors.iter().for_each(|error| explain(schema, value, error, fields));
        return;
    }
    let errors = || context.iter().flatten();
    let mut choices = Vec::new();
    for error in errors() {
        match error.kind() {
            Rule::Constant { expected_value } => choices.push(expected_value.to_string()),
            Rule::Enum { options } => choices.push(listed(options)),
            _ => {}
        }
    }
    let at = errors()
        .find(|error| matches!(error.kind(), Rule::Constant { .. } | Rule::Enum { .. }))
        .map_or(path, |error| error.instance_path().as_str());
    fields.push(if !choices.is_empty() {
        field(at, "not_a_choice", format!("must be one of {}", choices.join(", ")))
    } else if errors().all(is_other) {
        let wanted: Vec<&str> = errors().flat_map(|error| kinds_of(error.kind())).collect();
        let got = errors().find(|error| error.instance_path().as_str() == path);
        wrong_type(path, &wanted, got.map_or(&Value::Null, |error| error.instance()))
    } else {
        field(path, "invalid", "fits none of the shapes it may have")
    });
}

/// The fields that the object of this error may have.
fn known_names<'a>(schema: &'a Value, error: &ValidationError<'_>) -> Vec<&'a str> {
    let keyword = error.schema_path().as_str();
    let object = keyword.rsplit_once('/').and_then(|(parent, _)| schema.pointer(parent));
    let names = object.and_then(|object| object.get("properties")).and_then(Value::as_object);
    names.map(|names| names.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// One thing that is wrong, without a bound.
pub fn field(path: &str, code: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        path: path.to_owned(),
        code: code.to_owned(),
        message: message.into(),
        min: None,
        max: None,
        nearest: None,
    }
}

/// A field that is not among the known ones.
pub fn unknown_field(path: &str, name: &str, known: &[&str]) -> FieldError {
    let nearest = nearest(name, known.iter().copied());
    let message = match &nearest {
        Some(nearest) => format!("there is no such field; did you mean `{nearest}`?"),
        None if (1..=FIELDS_LISTED).contains(&known.len()) => {
            format!("there is no such field; there are: {}", known.join(", "))
        }
        None => "there is no such field".to_owned(),
    };
    FieldError { nearest, ..field(&child(path, name), "unknown_field", message) }
}

/// The name that was probably meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    if name.chars().nth(NAME_LENGTH_MAX).is_some() {
        return None;
    }
    known
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        // Further away than half of the word is another word.
        .filter(|(distance, known)| *distance <= known.chars().count().div_ceil(2))
        .map(|(_, known)| known.to_owned())
}

/// A JSON pointer to a field of what `path` points to; a name that is longer than any there is is cut.
pub fn child(path: &str, name: &str) -> String {
    let name = match name.char_indices().nth(NAME_LENGTH_MAX) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    };
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// A number of things, in words.
fn counted(count: f64, thing: &str) -> String {
    if count <= 1.0 && count > 0.0 { format!("{count} {thing}") } else { format!("{count} {thing}s") }
}

fn broken(path: &str, rule: &Rule, got: &Value) -> FieldError {
    let least =
        |code: &str, min: f64, message: String| FieldError { min: Some(min), ..field(path, code, message) };
    let most =
        |code: &str, max: f64, message: String| FieldError { max: Some(max), ..field(path, code, message) };
    let number = |limit: &Value| limit.as_f64().unwrap_or_default();
    match rule {
        Rule::Required { property } => {
            field(&child(path, property.as_str().unwrap_or_default()), "required", "must be there")
        }
        Rule::Type { .. } => wrong_type(path, &kinds_of(rule), got),
        Rule::MinLength { limit } => least(
            "too_short",
            *limit as f64,
            format!("must have at least {}", counted(*limit as f64, "character")),
        ),
        Rule::MaxLength { limit } => most(
            "too_long",
            *limit as f64,
            format!("must have at most {}", counted(*limit as f64, "character")),
        ),
        Rule::Minimum { limit } => least("too_small", number(limit), format!("must be at least {limit}")),
        Rule::ExclusiveMinimum { limit } => {
            least("too_small", number(limit), format!("must be more than {limit}"))
        }
        Rule::Maximum { limit } => most("too_large", number(limit), format!("must be at most {limit}")),
        Rule::ExclusiveMaximum { limit } => {
            most("too_large", number(limit), format!("must be less than {limit}"))
        }
        Rule::MinItems { limit } => {
            least("too_few", *limit as f64, format!("must have at least {}", counted(*limit as f64, "item")))
        }
        Rule::MaxItems { limit } => {
            most("too_many", *limit as f64, format!("must have at most {}", counted(*limit as f64, "item")))
        }
        Rule::AdditionalItems { limit } => {
            most("too_many", *limit as f64, format!("must have at most {}", counted(*limit as f64, "item")))
        }
        Rule::MinProperties { limit } => {
            least("too_few", *limit as f64, format!("must have at least {}", counted(*limit as f64, "field")))
        }
        Rule::MaxProperties { limit } => {
            most("too_many", *limit as f64, format!("must have at most {}", counted(*limit as f64, "field")))
        }
        Rule::Pattern { pattern } if pattern == REASON => field(path, "bad_pattern", "say why"),
        Rule::Pattern { pattern } => field(path, "bad_pattern", format!("must match {pattern}")),
        Rule::Format { format } => field(path, "bad_format", format!("must be of the format {format}")),
        Rule::Enum { options } => field(path, "not_a_choice", format!("must be one of {}", listed(options))),
        Rule::Constant { expected_value } => field(path, "not_a_choice", format!("must be {expected_value}")),
        Rule::UniqueItems => field(path, "not_unique", "must not have the same item twice"),
        Rule::PropertyNames { error } => field(path, "bad_pattern", broken("", error.kind(), got).message),
        _ => field(path, "invalid", "is not valid"),
    }
}

fn listed(options: &Value) -> String {
    let options: Vec<String> = options.as_array().into_iter().flatten().map(Value::to_string).collect();
    options.join(", ")
}

/// Says what kind of value is wanted and what kind was sent, and never the value itself.
fn wrong_type(path: &str, wanted: &[&str], got: &Value) -> FieldError {
    // Who leaves a field out need not be told that `null` would do as well.
    let mut named: Vec<&str> =
        wanted.iter().copied().filter(|kind| *kind != "null").map(named_kind).collect();
    named.dedup();
    let wanted = if named.is_empty() { "null".to_owned() } else { named.join(" or ") };
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => named_kind("boolean"),
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => named_kind("integer"),
        Value::String(_) => named_kind("string"),
        Value::Array(_) => named_kind("array"),
        Value::Object(_) => named_kind("object"),
    };
    field(path, "wrong_type", format!("must be {wanted}, not {got}"))
}

fn kinds_of(rule: &Rule) -> Vec<&str> {
    match rule {
        Rule::Type { kind: TypeKind::Single(kind) } => vec![kind.as_str()],
        Rule::Type { kind: TypeKind::Multiple(kinds) } => kinds.iter().map(|kind| kind.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// A kind of JSON value, with its article.
fn named_kind(kind: &str) -> &str {
    match kind {
        "array" => "an array",
        "boolean" => "a boolean",
        "integer" => "an integer",
        "number" => "a number",
        "object" => "an object",
        "string" => "a string",
        other => other,
    }
}
