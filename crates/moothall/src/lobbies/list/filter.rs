//! The one evaluator of filters: whether a lobby passes.
//!
//! Start at [`Filter::new`], which holds a filter against its bounds, and [`Filter::passes`]. What a filter may be made of, and of which
//! types, is checked at the edge by the schema of [`LobbyFilter`].

use moothall_protocol::limits::{
    LOBBY_FILTER_DEPTH_MAX, LOBBY_FILTER_RULES_MAX, LOBBY_FILTER_TEXT_LENGTH_MAX,
};
use moothall_protocol::lobbies::{
    ChoiceRule, LobbyFilter, LobbyScalar, PropertyRule, RangeRule, TagsRule, TextRule,
};
use serde_json::{Number, Value};

use super::Card;
use crate::Error;

/// A filter within its bounds, its texts in small letters where the case does not matter.
#[derive(Clone, Debug)]
pub(super) struct Filter(LobbyFilter);

impl Filter {
    /// Takes a filter of any shape that its schema lets pass.
    pub fn new(mut filter: LobbyFilter) -> Result<Self, Error> {
        let mut rules = 0;
        settle(&mut filter, "/filter", 1, &mut rules)?;
        Ok(Self(filter))
    }

    /// One text for all filters that say the same in the same way.
    pub fn name(&self) -> String {
        // Plain data with names, which always serializes.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Whether this lobby passes.
    pub fn passes(&self, card: &Card) -> bool {
        passes(&self.0, card)
    }
}

/// Counts rules and levels, and brings texts into small letters where the case does not matter.
fn settle(filter: &mut LobbyFilter, path: &str, depth: usize, rules: &mut usize) -> Result<(), Error> {
    if depth > LOBBY_FILTER_DEPTH_MAX {
        let message = format!("at most {LOBBY_FILTER_DEPTH_MAX} levels of filters within each other");
        return Err(Error::most(path, "too_large", message, LOBBY_FILTER_DEPTH_MAX));
    }
    *rules += own_rules(filter);
    if *rules > LOBBY_FILTER_RULES_MAX {
        let message = format!("at most {LOBBY_FILTER_RULES_MAX} rules in all");
        return Err(Error::most(path, "too_many", message, LOBBY_FILTER_RULES_MAX));
    }
    if filter.properties.keys().any(|name| name.chars().count() > LOBBY_FILTER_TEXT_LENGTH_MAX) {
        let path = format!("{path}/properties");
        let message = format!("a name has at most {LOBBY_FILTER_TEXT_LENGTH_MAX} characters");
        return Err(Error::most(&path, "too_long", message, LOBBY_FILTER_TEXT_LENGTH_MAX));
    }
    let of_texts = [&mut filter.name, &mut filter.mode, &mut filter.map].into_iter().flatten();
    let contained = of_texts.filter_map(|rule| rule.contains.as_mut());
    let of_properties = filter.properties.values_mut().filter_map(|rule| rule.contains.as_mut());
    for text in contained.chain(of_properties).chain(&mut filter.text) {
        *text = text.to_lowercase();
    }
    for (name, filters) in [("all", &mut filter.all), ("any", &mut filter.any)] {
        for (index, inner) in filters.iter_mut().flatten().enumerate() {
            settle(inner, &format!("{path}/{name}/{index}"), depth + 1, rules)?;
        }
    }
    match &mut filter.not {
        Some(inner) => settle(inner, &format!("{path}/not"), depth + 1, rules),
        None => Ok(()),
    }
}

/// How many rules this filter has, each filter within it as one.
fn own_rules(filter: &LobbyFilter) -> usize {
    // Taken apart so that no field is forgotten.
    let LobbyFilter {
        all,
        any,
        not,
        text,
        id,
        name,
        mode,
        map,
        host_id,
        host_kind,
        status,
        access,
        has_password,
        is_locked,
        is_rated,
        tags,
        players,
        bots,
        spectators,
        queued,
        seats,
        free_seats,
        created_at,
        properties,
    } = filter;
    let given = [
        not.is_some(),
        text.is_some(),
        id.is_some(),
        name.is_some(),
        mode.is_some(),
        map.is_some(),
        host_id.is_some(),
        host_kind.is_some(),
        status.is_some(),
        access.is_some(),
        has_password.is_some(),
        is_locked.is_some(),
        is_rated.is_some(),
        tags.is_some(),
        players.is_some(),
        bots.is_some(),
        spectators.is_some(),
        queued.is_some(),
        seats.is_some(),
        free_seats.is_some(),
        created_at.is_some(),
    ];
    let within = [all, any].into_iter().flatten().map(Vec::len).sum::<usize>();
    given.into_iter().filter(|is_given| *is_given).count() + within + properties.len()
}

fn passes(filter: &LobbyFilter, card: &Card) -> bool {
    let summary = &card.summary;
    let is_flag = |wanted: Option<bool>, flag: bool| wanted.is_none_or(|wanted| wanted == flag);
    is_flag(filter.has_password, summary.has_password)
        && is_flag(filter.is_locked, summary.is_locked)
        && is_flag(filter.is_rated, summary.is_rated)
        && choice(filter.status.as_ref(), &summary.status)
        && choice(filter.access.as_ref(), &summary.access)
        && choice(filter.host_kind.as_ref(), &summary.host_kind)
        && choice(filter.id.as_ref(), &summary.id)
        && choice(filter.host_id.as_ref(), &summary.host_id)
        && range(filter.players.as_ref(), &summary.players)
        && range(filter.bots.as_ref(), &summary.bots)
        && range(filter.spectators.as_ref(), &summary.spectators)
        && range(filter.queued.as_ref(), &summary.queued)
        && range(filter.seats.as_ref(), &summary.seats)
        && range(filter.free_seats.as_ref(), &summary.free_seats)
        && range(filter.created_at.as_ref(), &summary.created_at)
        && text(filter.mode.as_ref(), Some(&summary.mode))
        && text(filter.map.as_ref(), summary.map.as_deref())
        && text(filter.name.as_ref(), Some(&summary.name))
        && tags(filter.tags.as_ref(), &summary.tags)
        && filter
            .text
            .as_ref()
            .is_none_or(|text| text.split_whitespace().all(|word| card.words.contains(word)))
        && filter.properties.iter().all(|(name, rule)| property(rule, summary.properties.get(name)))
        && filter.all.iter().flatten().all(|inner| passes(inner, card))
        && filter.any.as_ref().is_none_or(|any| any.iter().any(|inner| passes(inner, card)))
        && filter.not.as_ref().is_none_or(|inner| !passes(inner, card))
}

fn choice<T: PartialEq>(rule: Option<&ChoiceRule<T>>, value: &T) -> bool {
    rule.is_none_or(|ChoiceRule { is, not, one_of }| {
        is.as_ref().is_none_or(|wanted| wanted == value)
            && not.as_ref().is_none_or(|unwanted| unwanted != value)
            && one_of.as_ref().is_none_or(|wanted| wanted.contains(value))
    })
}

fn range<T: PartialOrd>(rule: Option<&RangeRule<T>>, value: &T) -> bool {
    rule.is_none_or(|RangeRule { is, least, most }| {
        is.as_ref().is_none_or(|wanted| wanted == value)
            && least.as_ref().is_none_or(|least| value >= least)
            && most.as_ref().is_none_or(|most| value <= most)
    })
}

fn text(rule: Option<&TextRule>, value: Option<&str>) -> bool {
    let Some(TextRule { is, not, one_of, contains }) = rule else { return true };
    not.as_deref().is_none_or(|unwanted| Some(unwanted) != value)
        && is.as_deref().is_none_or(|wanted| Some(wanted) == value)
        && one_of
            .as_ref()
            .is_none_or(|wanted| value.is_some_and(|value| wanted.iter().any(|one| one == value)))
        && contains.as_ref().is_none_or(|part| value.is_some_and(|value| holds(value, part)))
}

/// Whether a part in small letters stands in a text, whatever its case.
fn holds(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(part)
}

fn tags(rule: Option<&TagsRule>, tags: &[String]) -> bool {
    let Some(TagsRule { any, all, none }) = rule else { return true };
    let has = |tag: &String| tags.contains(tag);
    any.as_ref().is_none_or(|wanted| wanted.iter().any(has))
        && all.iter().flatten().all(has)
        && !none.iter().flatten().any(has)
}

fn property(rule: &PropertyRule, value: Option<&Value>) -> bool {
    let PropertyRule { exists, is, not, one_of, least, most, contains } = rule;
    let equals = |wanted: &LobbyScalar| value.is_some_and(|value| is_scalar(value, wanted));
    let number = || value.and_then(Value::as_number).and_then(Number::as_f64);
    exists.is_none_or(|wanted| wanted == value.is_some())
        && is.as_ref().is_none_or(equals)
        && !not.as_ref().is_some_and(equals)
        && one_of.as_ref().is_none_or(|wanted| wanted.iter().any(equals))
        && least.is_none_or(|least| number().is_some_and(|number| number >= least))
        && most.is_none_or(|most| number().is_some_and(|number| number <= most))
        && contains
            .as_ref()
            .is_none_or(|part| value.and_then(Value::as_str).is_some_and(|text| holds(text, part)))
}

fn is_scalar(value: &Value, wanted: &LobbyScalar) -> bool {
    match (value, wanted) {
        (Value::String(text), LobbyScalar::Text(wanted)) => text == wanted,
        (Value::Bool(flag), LobbyScalar::Flag(wanted)) => flag == wanted,
        // Up to 2^53, beyond which the protocol writes texts, every number is told from every other.
        (Value::Number(number), LobbyScalar::Number(wanted)) => number.as_f64() == Some(*wanted),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
