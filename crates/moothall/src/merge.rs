//! Merge patches (RFC 7396): what makes one JSON object of another, and what is different between two.
//!
//! Start at [`apply`] and [`difference`]. The promise between the two: what the difference of two objects says, applied to the first,
//! is the second, as long as no field of an object is `null`. What was made by patches never has one.

use serde::Serialize;
use serde_json::{Map, Value};

/// Changes `target` as the patch says.
pub(crate) fn apply(target: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, change) in patch {
        match change {
            Value::Null => drop(target.remove(name)),
            Value::Object(inner) => {
                let mut fields = match target.remove(name) {
                    Some(Value::Object(fields)) => fields,
                    _ => Map::new(),
                };
                apply(&mut fields, inner);
                target.insert(name.clone(), Value::Object(fields));
            }
            other => drop(target.insert(name.clone(), other.clone())),
        }
    }
}

/// What makes `after` of `before`.
pub(crate) fn difference(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, new) in after {
        let change = match (before.get(name), new) {
            (Some(old), new) if old == new => continue,
            (Some(Value::Object(old)), Value::Object(new)) => Value::Object(difference(old, new)),
            (_, new) => new.clone(),
        };
        patch.insert(name.clone(), change);
    }
    patch
}

/// What makes the one of two things of the other, as they are written in JSON.
pub(crate) fn between<T: Serialize>(before: &T, after: &T) -> Map<String, Value> {
    difference(&fields(before), &fields(after))
}

/// The fields of what is plain data with names.
pub(crate) fn fields(value: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// The object without fields that are `null`, which no patch could tell of.
pub(crate) fn without_nulls(object: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    apply(&mut kept, object);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(fields) = value else { panic!("{value} is no object") };
        fields
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4i64).prop_map(Value::from),
            "[ab]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map("[abc]", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    fn any_object() -> impl Strategy<Value = Map<String, Value>> {
        prop::collection::btree_map("[abcd]", any_value(), 0..5)
            .prop_map(|fields| without_nulls(&fields.into_iter().collect()))
    }

    /// The examples of RFC 7396, appendix A, that are about objects.
    #[test]
    fn a_patch_does_what_the_standard_says() {
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            let mut patched = object(target);
            apply(&mut patched, &object(patch));
            assert_eq!(Value::Object(patched), result);
        }
    }

    proptest! {
        #[test]
        fn a_difference_makes_the_one_of_the_other(before in any_object(), after in any_object()) {
            let patch = difference(&before, &after);
            let mut patched = before.clone();
            apply(&mut patched, &patch);
            prop_assert_eq!(&patched, &after);
            prop_assert_eq!(patch.is_empty(), before == after);
        }
    }
}
